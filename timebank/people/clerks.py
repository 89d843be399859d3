"""Clerks: who may write into the book. W0001 and W0002 from the first day."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from timebank.base.db import Utc, key_field


class Clerk(SQLModel, table=True):
    """A clerk or reviewer. `number` is printed; `number_key` is how it is looked up (codes.id_key)."""

    __table_args__ = (
        UniqueConstraint("community_id", "number_key"),
        ForeignKeyConstraint(["community_id", "person_id"], ["person.community_id", "person.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    number: str
    number_key: str
    person_id: int = Field(sa_type=BigInteger)
    state: str = "active"
    since: datetime = Field(sa_type=Utc)
