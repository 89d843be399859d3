"""What a member's unreversed services add up to, by scope: a category (the carried remainder), a month, a year, a life.

A cache of the services: it lets a rule book's caps and carry be read in a few rows, however long the history is.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from sqlalchemy import BigInteger, ForeignKeyConstraint
from sqlmodel import Field, Session, SQLModel

from timebank.base.db import insert_rows, key_field, update_rows
from timebank.base.rows import select_rows

_CHUNK = 400


class Earning(SQLModel, table=True):
    """Sums over one member's unreversed services of one scope. `points` are the member's own, in the smallest unit."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        {"sqlite_with_rowid": False},
    )

    community_id: int = key_field()
    member_id: int = key_field()
    scope: str = Field(primary_key=True)
    eligible: int = Field(default=0, sa_type=BigInteger)
    counted: int = Field(default=0, sa_type=BigInteger)
    points: int = Field(default=0, sa_type=BigInteger)
    window_minutes: int = Field(default=0, sa_type=BigInteger)


EARNING = SQLModel.metadata.tables["earning"].c
_SUMS = """
    SELECT member_id, scope, eligible, counted, points, window_minutes FROM earning
    WHERE community_id = ? AND member_id IN ? AND scope IN ?"""


@dataclass(slots=True)
class Sums:
    """The sums of one scope (minutes and points)."""

    eligible: int = 0
    counted: int = 0
    points: int = 0
    window_minutes: int = 0

    def add(self, eligible: int, counted: int, points: int, window_minutes: int) -> None:
        """Add one service (or, with negative numbers, take one away)."""
        self.eligible += eligible
        self.counted += counted
        self.points += points
        self.window_minutes += window_minutes


@lru_cache(4096)
def scopes_of(category: str, day: date) -> tuple[str, str, str, str]:
    """The four scopes a service adds to: its category, month, year, and life."""
    return f"category:{category}", f"month:{day:%Y-%m}", f"year:{day:%Y}", "life"


class Earnings:
    """The sums that a batch of services reads and moves: loaded once, saved once."""

    def __init__(self, community_id: int) -> None:
        self._community_id = community_id
        self._loaded: dict[tuple[int, str], Sequence[int]] = {}
        self._sums: dict[tuple[int, str], Sums] = {}

    @classmethod
    def load(cls, session: Session, community_id: int, members: Collection[int], scopes: Collection[str]) -> "Earnings":
        """Read the sums of these members in these scopes; what is not there yet is zero.

        Asked as members by scopes, which may read a few rows more: SQLite finds no index for a list of pairs.
        """
        earnings = cls(community_id)
        asked, of = sorted(members), sorted(scopes)
        for start in range(0, len(asked), _CHUNK):
            for member_id, scope, *sums in select_rows(session, _SUMS, (community_id, asked[start : start + _CHUNK], of)):
                earnings._loaded[member_id, scope] = sums
        return earnings

    def of(self, member_id: int, scopes: Iterable[str]) -> list[Sums]:
        """The sums of a member in each of these scopes; moving them is saved by `save`."""
        return [self._sums.get((member_id, scope)) or self._begun(member_id, scope) for scope in scopes]

    def _begun(self, member_id: int, scope: str) -> Sums:
        sums = self._sums[member_id, scope] = Sums(*self._loaded.get((member_id, scope), ()))
        return sums

    def save(self, session: Session) -> None:
        """Write back all sums that were asked for."""
        cid = self._community_id
        keys, values = ("community_id", "member_id", "scope"), ("eligible", "counted", "points", "window_minutes")
        new, old = [], []
        for place in sorted(self._sums):
            sums = self._sums[place]
            row = (sums.eligible, sums.counted, sums.points, sums.window_minutes)
            if place in self._loaded:
                old.append((*row, cid, *place))
            else:
                new.append((cid, *place, *row))
        insert_rows(session, "earning", (*keys, *values), new)
        update_rows(session, "earning", values, keys, old)
