"""What unreversed services add up to, by scope: a member's category (the carried remainder), month, year, life, activities with
a cap, bonuses that were given; and of all members together a team's and a programme's windows.

A cache of the services: it lets a rule book be asked in a few rows, however long the history is. The sums move in memory as
`tallies` has them; what only few books read (the balance, the minutes served) is read from elsewhere, and only for them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BigInteger, ForeignKeyConstraint
from sqlmodel import Field, Session, SQLModel

from timebank.base.db import insert_rows, key_field, update_rows
from timebank.base.rows import select_rows
from timebank.rewards import Facts, RuleBook
from timebank.services import Days
from timebank.tallies import SHARED, Place, Sums, Tallies, places, scopes_of

_CHUNK = 400
_VALUES = ("eligible", "counted", "points", "window_minutes")
_OF_A_DAY = "day:"  # its sums are those of the day's services
_NONE = (0, 0, 0, 0)


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


class SharedEarning(SQLModel, table=True):
    """Sums over the unreversed services of all members that were done under one team or in one programme, by scope."""

    __tablename__ = "shared_earning"
    __table_args__ = ({"sqlite_with_rowid": False},)

    community_id: int = key_field()
    scope: str = Field(primary_key=True)
    eligible: int = Field(default=0, sa_type=BigInteger)
    counted: int = Field(default=0, sa_type=BigInteger)
    points: int = Field(default=0, sa_type=BigInteger)
    window_minutes: int = Field(default=0, sa_type=BigInteger)


EARNING = SQLModel.metadata.tables["earning"].c
SHARED_EARNING = SQLModel.metadata.tables["shared_earning"].c
_SUMS = """
    SELECT member_id, scope, eligible, counted, points, window_minutes FROM earning
    WHERE community_id = ? AND member_id IN ? AND scope IN ?"""
_SHARED_SUMS = """
    SELECT scope, eligible, counted, points, window_minutes FROM shared_earning WHERE community_id = ? AND scope IN ?"""
_SERVED = """
    SELECT member_id, sum(minutes) FROM service
    WHERE community_id = ? AND member_id IN ? AND day BETWEEN ? AND ? AND state = 'posted' GROUP BY member_id"""
_ACCOUNTS = """
    SELECT holder, sum(balance) FROM account
    WHERE community_id = ? AND holder IN ? AND unit = ? AND purpose IN ? GROUP BY holder"""
_KEYS, _SHARED_KEYS = ("community_id", "member_id", "scope"), ("community_id", "scope")
_Kept = tuple[int, int, int, int]
_Item = TypeVar("_Item")

Asked = tuple[int, Facts, RuleBook]
"""A service to be awarded: the member's id, its facts, the book that speaks for it."""


class Earnings:
    """The sums that a batch of services reads and moves: loaded once, saved once. `tallies` holds them meanwhile."""

    def __init__(self, community_id: int, kept: Mapping[Place, _Kept], tallies: Tallies) -> None:
        self._community_id = community_id
        self._kept = kept
        self.tallies = tallies

    @classmethod
    def load(cls, session: Session, community_id: int, services: Collection[Asked], days: Days | None = None) -> "Earnings":
        """Read the sums that the books of these services ask for; what is not there yet is zero. `days` are those of the
        services, if anything is to be awarded.

        Asked as members by scopes, which may read a few rows more: SQLite finds no index for a list of pairs.
        """
        members = sorted({member for member, _, _ in services})
        alike = {(f.category, f.day, f.activity, f.team, f.programme, id(book)): (f, book) for _, f, book in services}
        wanted = {place for facts, book in alike.values() for place in places(SHARED + 1, facts, book)}
        own = sorted(scope for member, scope in wanted if member != SHARED and not scope.startswith(_OF_A_DAY))
        shared = sorted(scope for member, scope in wanted if member == SHARED)
        kept: dict[Place, _Kept] = {}
        for some in _chunks(members):
            for of in _chunks(own):
                for member, scope, *sums in select_rows(session, _SUMS, (community_id, some, of)):
                    kept[member, scope] = (sums[0], sums[1], sums[2], sums[3])
        for of in _chunks(shared):
            for scope, *sums in select_rows(session, _SHARED_SUMS, (community_id, of)):
                kept[SHARED, scope] = (sums[0], sums[1], sums[2], sums[3])
        found = {place: Sums(0, *sums) for place, sums in kept.items()}
        for (member, on), day in (days or {}).items():
            found[member, scopes_of("", on).day] = Sums(0, day.eligible, 0, day.points, day.window_minutes)
        ready = [book.ready for _, book in alike.values()]
        if any(book.reads_served for book in ready):
            years = {facts.day.year for facts, _ in alike.values()}
            _add_served(session, community_id, members, years, found)
        balances: dict[int, int] = {}
        if any(book.reads_balance for book in ready):
            for some in _chunks(members):
                balances |= _of_accounts(session, community_id, some, "points", ("available", "held", "owed"))
        return cls(community_id, kept, Tallies(found, balances))

    def save(self, session: Session) -> None:
        """Write back all sums that were moved."""
        cid = self._community_id
        own, shared = _Changed([], []), _Changed([], [])
        for place, sums in self.tallies.sums.items():
            member, scope = place
            if scope.startswith(_OF_A_DAY):
                continue
            row, before = (sums.eligible, sums.counted, sums.points, sums.window_minutes), self._kept.get(place)
            if row == (before or _NONE):
                continue
            changed, key = (shared, (cid, scope)) if member == SHARED else (own, (cid, member, scope))
            if before is None:
                changed.new.append((*key, *row))
            else:
                changed.old.append((*row, *key))
        for table, keys, changed in (("earning", _KEYS, own), ("shared_earning", _SHARED_KEYS, shared)):
            insert_rows(session, table, (*keys, *_VALUES), sorted(changed.new))
            update_rows(session, table, _VALUES, keys, changed.old)


class _Changed(NamedTuple):
    """Rows of a table of sums that are new, and old ones with other sums."""

    new: list[tuple[Any, ...]]
    old: list[tuple[Any, ...]]


def minutes_of_year(session: Session, community_id: int, member_id: int, year: int) -> int:
    """What a member's posted services of a year come to, in minutes: what tiers of a year ask for."""
    days = (date(year, 1, 1).isoformat(), date(year, 12, 31).isoformat())
    return sum(int(minutes) for _, minutes in select_rows(session, _SERVED, (community_id, [member_id], *days)))


def _add_served(
    session: Session, community_id: int, members: Sequence[int], years: Collection[int], found: dict[Place, Sums]
) -> None:
    """Add the minutes of a life, those from before the book included, and of some years, to the sums found."""
    for some in _chunks(members):
        served = _of_accounts(session, community_id, some, "minutes", ("served",))
        for member, minutes in served.items():
            found.setdefault((member, scopes_of("", date.min).lifetime), Sums()).minutes = minutes
        for year in sorted(years):
            first, last = date(year, 1, 1), date(year, 12, 31)
            for member, minutes in select_rows(session, _SERVED, (community_id, some, first.isoformat(), last.isoformat())):
                found.setdefault((member, scopes_of("", first).year), Sums()).minutes = int(minutes)


def _of_accounts(
    session: Session, community_id: int, members: Sequence[int], unit: str, purposes: Sequence[str]
) -> dict[int, int]:
    """What some members have of a unit, by member: the sum of their accounts for these purposes."""
    holders = [f"member:{member}" for member in members]
    asked = (community_id, holders, unit, list(purposes))
    return {int(holder[7:]): int(amount) for holder, amount in select_rows(session, _ACCOUNTS, asked)}


def _chunks(asked: Sequence[_Item]) -> Iterator[list[_Item]]:
    for start in range(0, len(asked), _CHUNK):
        yield list(asked[start : start + _CHUNK])
