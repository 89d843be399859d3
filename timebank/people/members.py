"""Members (volunteers and residents): a printed number, accounts of their own, a person apart."""

from datetime import date

from sqlalchemy import BigInteger, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from timebank.base.db import key_field


class Member(SQLModel, table=True):
    """A member. `number` is printed as it was given; `number_key` is how it is looked up (codes.id_key)."""

    __table_args__ = (
        UniqueConstraint("community_id", "number_key"),
        ForeignKeyConstraint(["community_id", "person_id"], ["person.community_id", "person.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    number: str
    number_key: str
    person_id: int = Field(sa_type=BigInteger)
    joined_on: date
    grid: str = ""
    state: str = "active"
