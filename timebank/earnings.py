"""What a member's unreversed services add up to, by scope: a category (the carried remainder), a month, a year, a life.

A cache of the services: it lets a rule book's caps and carry be read in a few rows, however long the history is.
"""

from collections.abc import Collection, Iterable
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


@lru_cache(4096)
def scopes_of(category: str, day: date) -> tuple[str, str, str, str]:
    """The four scopes a service adds to: its category, month, year, and life."""
    return f"category:{category}", f"month:{day:%Y-%m}", f"year:{day:%Y}", "life"


class Earnings:
    """The sums that a batch of services reads and moves: loaded once, saved once."""

    def __init__(self, community_id: int) -> None:
        self._community_id = community_id
        self._sums: dict[tuple[int, str], Sums] = {}
        self._known: set[tuple[int, str]] = set()

    @classmethod
    def load(cls, session: Session, community_id: int, places: Collection[tuple[int, str]]) -> "Earnings":
        """Read the sums of these (member id, scope) places; what is not there yet is zero.

        Asked as members by scopes, which may read a few rows more: SQLite finds no index for a list of pairs.
        """
        earnings = cls(community_id)
        members, scopes = sorted({member for member, _ in places}), sorted({scope for _, scope in places})
        for start in range(0, len(members), _CHUNK):
            asked = (community_id, members[start : start + _CHUNK], scopes)
            for member_id, scope, *sums in select_rows(session, _SUMS, asked):
                earnings._sums[member_id, scope] = Sums(*sums)
                earnings._known.add((member_id, scope))
        return earnings

    def of(self, member_id: int, scope: str) -> Sums:
        """The sums of one place; moving them is saved by `save`."""
        sums = self._sums.get((member_id, scope))
        if sums is None:
            sums = self._sums[member_id, scope] = Sums()
        return sums

    def add(self, member_id: int, scopes: Iterable[str], more: Sums) -> None:
        """Add one service (or, with negative numbers, take one away)."""
        for scope in scopes:
            sums = self.of(member_id, scope)
            sums.eligible += more.eligible
            sums.counted += more.counted
            sums.points += more.points
            sums.window_minutes += more.window_minutes

    def save(self, session: Session) -> None:
        """Write all sums back."""
        rows = {place: (s.eligible, s.counted, s.points, s.window_minutes) for place, s in sorted(self._sums.items())}
        keys, values = ("community_id", "member_id", "scope"), ("eligible", "counted", "points", "window_minutes")
        new = [(self._community_id, *place, *row) for place, row in rows.items() if place not in self._known]
        old = [(*row, self._community_id, *place) for place, row in rows.items() if place in self._known]
        insert_rows(session, "earning", (*keys, *values), new)
        update_rows(session, "earning", values, keys, old)
