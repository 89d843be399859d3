"""Merchants: designated shops, their public name and category, their contact (a person apart), their account in fen."""

from datetime import date

from sqlalchemy import BigInteger, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from timebank.base.db import key_field


class Merchant(SQLModel, table=True):
    """A designated shop. `number` is printed as it was given; `number_key` is how it is looked up (codes.id_key)."""

    __table_args__ = (
        UniqueConstraint("community_id", "number_key"),
        ForeignKeyConstraint(["community_id", "contact_id"], ["person.community_id", "person.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    number: str
    number_key: str
    name: str
    category: str = ""
    contact_id: int | None = Field(default=None, sa_type=BigInteger)
    joined_on: date
    state: str = "active"
