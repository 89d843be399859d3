"""Published rule books: full text and hash, insert-only; which one speaks for a day."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from timebank.base.db import Utc, key_field


class RuleBookRow(SQLModel, table=True):
    """One published version. The same version with another hash is refused; nothing is ever changed."""

    __tablename__ = "rulebook"

    community_id: int = key_field()
    version: str = Field(primary_key=True)
    sha256: str
    name: str
    title: str
    effective_from: date
    effective_to: date | None = None
    text: str = Field(sa_type=Text)
    resolution: str
    published_at: datetime = Field(sa_type=Utc)
    seq: int = Field(sa_type=BigInteger)
