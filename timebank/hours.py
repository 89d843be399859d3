"""Hours of service: recorded, checked against the day, confirmed, turned into points by the rule book, posted."""

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from timebank.base.db import Utc, key_field


class Service(SQLModel, table=True):
    """One service of one member. `starts`/`ends` are minutes from midnight; `seq` is its entry once posted.

    `state`: waiting (for a second person), posted, rejected, reversed. `eligible`, `counted`, `points` are what the rule book
    made of it.
    """

    __table_args__ = (
        UniqueConstraint("community_id", "ref"),
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        Index("ix_service_community_id_member_id_day", "community_id", "member_id", "day"),
    )

    community_id: int = key_field()
    id: int = key_field()
    ref: str
    digest: str
    member_id: int = Field(sa_type=BigInteger)
    day: date
    starts: int | None = None
    ends: int | None = None
    minutes: int
    category: str
    activity_no: str = ""
    activity: str = ""
    place: str = ""
    team_size: int = 1
    kind: str = "confirmed"
    state: str
    recorded_by: int = Field(sa_type=BigInteger)
    recorded_at: datetime = Field(sa_type=Utc)
    eligible: int = 0
    counted: int = 0
    points: int = 0
    seq: int | None = Field(default=None, sa_type=BigInteger)


class Earning(SQLModel, table=True):
    """What one member's unreversed services of one category add up to: the carried remainder and the lifetime totals."""

    __table_args__ = (ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),)

    community_id: int = key_field()
    member_id: int = key_field()
    category: str = Field(primary_key=True)
    eligible: int = Field(default=0, sa_type=BigInteger)
    counted: int = Field(default=0, sa_type=BigInteger)
    points: int = Field(default=0, sa_type=BigInteger)
