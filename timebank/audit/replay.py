"""The whole history played again: what every award must have read of the entries before it, and what it must so have made.

`awards.py` makes an award again from what its own trace says was read. Here that is made again too: the minutes of the day,
what was carried, the windows of caps, tiers, bonuses, balances, the credits of a month. An entry that history makes otherwise
is named, and history goes on with what it should have been, so that one change accuses one entry.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Select, bindparam, literal, or_, select

from timebank.audit.accounts import Accounts
from timebank.audit.awards import HOURS, Awards, Made
from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.audit.source import WRONG_KIND, Source
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say
from timebank.credits import CONVERT
from timebank.earnings import EARNING, SHARED_EARNING
from timebank.journal import ENTRY, EXPIRED
from timebank.rewards import Award, RuleBook, Used, award, converted_again
from timebank.tallies import SHARED, Place, Sums, Tallies, places

REVERSAL = "reversal"
_OTHERS_MAX = 10_000
_AT_ONCE = 16  # payloads kept longer grow old, and Python then looks through all that it has again and again
_MEMBERS_AT_ONCE = 200
_MOST = 2**63 - 1
_FIRST, _LAST = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
_BETWEEN = (EARNING.member_id >= _FIRST, EARNING.member_id <= _LAST)
_OF_POINTS = ("available", "held", "owed")
_OF_TRACES = ("activity:", "bonus:", "team:", "programme:")
_SUMS = ("eligible", "counted", "points", "window_minutes")
_NONE: dict[str, Any] = {}


class _Served(NamedTuple):
    """A service to be played: `made` is its award as its trace gives it again, None where that is not what the entry says.
    `ledger` is what the accounts had before it: minutes served, and points less what is owed."""

    seq: int
    member: int
    payload: Payload
    made: Made
    sound: bool
    book: RuleBook
    ledger: tuple[int, int]


class _TakenBack(NamedTuple):
    """A service whose entry, number `of`, was reversed; `made` is its award as its trace gives it again, `posted` the points
    that it gave the member, as the reversal has it."""

    of: int
    member: int
    made: Made
    book: RuleBook
    posted: int


class Replay:
    """Plays services, reversals and conversions in the order of the log: give it each as it is folded, and `take` a batch."""

    def __init__(self, source: Source, findings: Findings, awards: Awards, accounts: Accounts) -> None:
        self._source = source
        self._findings = findings
        self._awards = awards
        self._accounts = accounts
        self._sums = Kept()
        self._batch: list[_Served | _TakenBack] = []
        self._others: dict[int, Award] = {}
        self._missing: Counter[int] = Counter()
        self._lost = self._accused = False
        self._month = ""
        self._converted: Counter[str] = Counter()
        self._payload = source.prepared(
            select(source.octets(ENTRY.payload)).where(
                ENTRY.community_id == source.community_id, ENTRY.seq == bindparam("of", type_=BigInteger)
            )
        )

    @property
    def kinds(self) -> dict[str, Callable[[int, Payload], None]]:
        """What to do with which kind of entry, services apart."""
        return {REVERSAL: self.reverse, CONVERT: self.convert}

    def serve(self, seq: int, payload: Payload, made: Made | None) -> None:
        """Note an entry of hours; `made` is its award as its own trace gives it again, if that is what the entry says."""
        rules = self._awards.speaking(payload["business_date"])
        book = self._awards.book(rules)
        if book is None:
            self._stop(seq, str(rules))
            return
        try:
            again = made or Made.of(payload["trace"], book)
        except (*WRONG_KIND, Invalid):  # I9 tells what is wrong with it
            return
        member = _member(payload)
        ledger = (0, 0)
        if book.ready.reads_served or book.ready.reads_balance:
            ledger = self._before(payload["postings"], f"member:{member}")
        self._batch.append(_Served(seq, member, payload, again, made is not None, book, ledger))
        if len(self._batch) >= _AT_ONCE:
            self.take()

    def reverse(self, seq: int, payload: Payload) -> None:
        """Compare a reversal with what it takes back, and note that a service frees its room, a conversion its credits."""
        of = payload["reverses"]
        for (written,) in self._payload(of=of):
            taken: Payload = orjson.loads(written)
            moved = _taken_back(payload)
            given = _sums(taken["postings"])
            if any(moved[place] + given[place] for place in moved.keys() | given.keys()):
                self._accuse("history_differs", seq, say("It does not take back what entry {seq} gave.", seq=of))
            if taken["kind"] == CONVERT and taken["business_date"][:7] == self._month:
                self._converted[taken["subject"]] -= _credits(taken["trace"])
            book = self._awards.book(taken.get("rules"))
            if taken["kind"] == HOURS and book is not None:
                member = _member(taken)
                try:
                    made = Made.of(taken["trace"], book)
                except (*WRONG_KIND, Invalid):  # told of its own entry
                    continue
                self._batch.append(_TakenBack(of, member, made, book, -moved[f"member:{member}", "points"]))

    def convert(self, seq: int, payload: Payload) -> None:
        """Compare what a conversion read: the credits that the member had converted that month."""
        month, trace, member = payload["business_date"][:7], payload["trace"], payload["subject"]
        if month > self._month:
            self._month = month
            self._converted.clear()
        book = self._awards.book(payload.get("rules"))
        if book is None or book.credit is None:
            return
        try:
            right = converted_again({**trace, "used": {"credits": self._converted[member]}}, book)
        except Invalid:  # I9 tells
            return
        self._compare(seq, trace, right.trace)
        self._converted[member] += right.credits

    def take(self) -> None:
        """Play the batch."""
        batch, self._batch = self._batch, []
        if not batch or self._lost:
            return
        tallies = Tallies(self._sums.of({place for one in batch for place in places(one.member, one.made.facts, one.book)}))
        for one in batch:
            if isinstance(one, _Served):
                tallies.add(one.member, one.made.facts, self._played(one, tallies))
            else:
                right = self._others.pop(one.of, one.made.award)
                tallies.take(one.member, one.made.facts, right)
                self._missing[one.member] -= right.points - one.posted
        self._sums.keep(tallies.sums)

    def _played(self, one: _Served, tallies: Tallies) -> Award:
        """The award that history makes of a service."""
        used = tallies.used(one.member, one.made.facts, one.book)
        if one.book.ready.reads_served or one.book.ready.reads_balance:
            used = used._replace(served=one.ledger[0], balance=one.ledger[1] + self._missing[one.member])
        trace = one.payload["trace"]
        if one.sound and _is_read(used, trace.get("used", _NONE)):
            return one.made.award
        right = Made(award(one.made.facts, one.book, used), one.made.facts)
        if self._compare(one.seq, trace, right.award.trace) and right.posted_as(one.payload["postings"]):
            return right.award
        if right.award.trace == trace:
            self._accuse("history_differs", one.seq, say("It does not post what history makes of it."))
        if len(self._others) < _OTHERS_MAX:
            self._others[one.seq] = right.award
            self._missing[one.member] += right.award.points - _posted(one.payload)
        return right.award

    def _compare(self, seq: int, trace: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
        """Whether a trace is the one that history makes; if not, tell what was read otherwise, or what else differs."""
        if trace == right:
            return True
        read, there = (dict(_flat(one.get("used", _NONE))) for one in (trace, right))
        names = sorted(name for name in read.keys() | there.keys() if read.get(name) != there.get(name))
        if names:
            told = ", ".join(f"{name} {read.get(name, 0)}" for name in names)
            truth = ", ".join(f"{name} {there.get(name, 0)}" for name in names)
            other = say("It says that it read {told}; the entries before it make {truth}.", told=told, truth=truth)
            self._accuse("used_differs", seq, other)
        else:
            parts = sorted(name for name in trace.keys() | right.keys() if trace.get(name) != right.get(name))
            differs = say("History makes another award of it: {parts}.", parts=", ".join(parts))
            self._accuse("history_differs", seq, differs)
        return False

    def _accuse(self, code: str, seq: int, message: Say) -> None:
        self._accused = True
        self._findings.add(code, message, entry=seq)

    def _stop(self, seq: int, rules: str) -> None:
        if not self._lost:
            lost = say("From here on history cannot be played again: there is no text of {rules}.", rules=rules)
            self._findings.add("history_lost", lost, entry=seq)
        self._lost = True

    def _before(self, postings: Iterable[list[Any]], holder: str) -> tuple[int, int]:
        """Minutes served, and points less what is owed, that a member had before an entry that was folded already."""
        stand = self._accounts.stand
        minutes, points = stand(holder, "minutes", "served"), sum(stand(holder, "points", of) for of in _OF_POINTS)
        for whose, unit, _, _, amount, _ in postings:
            if whose == holder:
                minutes, points = (minutes - amount, points) if unit == "minutes" else (minutes, points - amount)
        return minutes, points

    def finish(self) -> None:
        """Compare the sums kept that only traces tell: of activities, bonuses, teams and programmes."""
        if self._lost or self._accused:
            return
        own = self._source.prepared(_of_traces(EARNING, EARNING.member_id, self._source).where(*_BETWEEN))
        shared = self._source.prepared(_of_traces(SHARED_EARNING, literal(SHARED), self._source))
        for members, sums in self._sums.by_members():
            rows = [*own(**members), *(shared() if members["first"] <= SHARED <= members["last"] else ())]
            shown = {(member, scope): tuple(some) for member, scope, *some in rows if any(some)}
            truth = {place: some[1:] for place, some in sums if place[1].startswith(_OF_TRACES) and any(some[1:])}
            for member, scope in sorted(place for place in truth.keys() | shown.keys() if truth.get(place) != shown.get(place)):
                differs = say("Its sums of {scope} are not what its services make.", scope=scope)
                self._findings.add("earning_differs", differs, where=f"member:{member}" if member else scope)


def _of_traces(columns: Any, whose: Any, source: Source) -> Select[Any]:
    """The kept sums that only traces tell, of a table."""
    wanted = select(whose, columns.scope, *(columns[name] for name in _SUMS)).where(columns.community_id == source.community_id)
    return wanted.where(or_(*(columns.scope.startswith(start) for start in _OF_TRACES)))


class Kept:
    """Sums by place, however many: those of late in memory, the others in a file of SQLite's own that nobody else can open."""

    def __init__(self, places_in_memory: int = 30_000) -> None:
        self._most = places_in_memory
        self._near: dict[Place, Sums] = {}
        self._far: sqlite3.Connection | None = None
        self._put: set[str] = set()

    def of(self, wanted: set[Place]) -> dict[Place, Sums]:
        """The sums of the places that have any. They may be moved."""
        near = self._near
        if self._far is not None:
            for place in [place for place in wanted if place not in near and place[1] in self._put]:
                for sums in self._far.execute(_SELECT, place):
                    near[place] = Sums(*sums)
        return {place: near[place] for place in wanted if place in near}

    def keep(self, sums: Mapping[Place, Sums]) -> None:
        """Keep the sums of some places, in the stead of those they had."""
        self._near.update(sums)
        if len(self._near) > self._most:
            self._put_away()

    def by_members(self) -> Iterator[tuple[dict[str, int], list[tuple[Place, tuple[int, ...]]]]]:
        """Every place with its sums, some members at a time: the `first` and the `last` number of whom, and theirs. Together
        they are all numbers there are."""
        far = self._put_away()
        members = [number for (number,) in far.execute("SELECT DISTINCT member FROM sums ORDER BY member")]
        lasts = [*members[_MEMBERS_AT_ONCE - 1 : -1 : _MEMBERS_AT_ONCE], _MOST]
        for first, last in zip([-_MOST, *(last + 1 for last in lasts[:-1])], lasts, strict=True):
            rows = far.execute("SELECT * FROM sums WHERE member BETWEEN ? AND ?", (first, last))
            yield {"first": first, "last": last}, [((member, scope), tuple(sums)) for member, scope, *sums in rows]

    def _put_away(self) -> sqlite3.Connection:
        far = self._far
        if far is None:
            far = self._far = sqlite3.connect("", isolation_level=None)
            for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-8000", _TABLE):
                far.execute(statement)
        rows = ((*place, *_row(self._near[place])) for place in sorted(self._near))
        self._put.update(scope for _, scope in self._near)
        far.execute("BEGIN")
        far.executemany("REPLACE INTO sums VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        far.execute("COMMIT")
        self._near = {}
        return far


_TABLE = """
CREATE TABLE sums (member, scope, minutes, eligible, counted, points, window_minutes, PRIMARY KEY (member, scope)) WITHOUT ROWID
"""
_SELECT = "SELECT minutes, eligible, counted, points, window_minutes FROM sums WHERE member = ? AND scope = ?"


def _row(some: Sums) -> tuple[int, ...]:
    return some.minutes, some.eligible, some.counted, some.points, some.window_minutes


def _member(payload: Payload) -> int:
    holder: str = payload["postings"][1][0]
    return int(holder.removeprefix("member:"))


def _posted(payload: Payload) -> int:
    """The points that an entry of hours gives the member, what repays a debt included."""
    holder = payload["postings"][1][0]
    points: int = sum(amount for whose, unit, _, _, amount, _ in payload["postings"] if (whose, unit) == (holder, "points"))
    return points


def _sums(postings: Iterable[list[Any]]) -> Counter[tuple[str, str]]:
    """What an entry moves, by holder and unit."""
    sums: Counter[tuple[str, str]] = Counter()
    for holder, unit, _, _, amount, _ in postings:
        sums[holder, unit] += amount
    return sums


def _taken_back(reversal: Payload) -> Counter[tuple[str, str]]:
    """What a reversal moves, as if nothing of it had lapsed: what had came back from the lapsed points instead."""
    sums = _sums(reversal["postings"])
    for holder, _, _, points in reversal.get("facts", _NONE).get("expired", ()):
        sums[holder, "points"] -= points
        sums[EXPIRED, "points"] += points
    return sums


def _credits(trace: Mapping[str, Any]) -> int:
    credits: int = trace["credits"] - trace.get("over", 0)
    return credits


def _is_read(used: Used, read: Mapping[str, Any]) -> bool:
    """Whether a sound trace read all that there was to read: then it is the one that history makes."""
    get = read.get
    if (get("day_minutes", 0), get("eligible", 0), get("counted", 0)) != used[:3]:
        return False
    windows = get("windows", _NONE)
    if len(windows) != len(used.windows) or any(tuple(windows.get(name, ())) != pair for name, pair in used.windows.items()):
        return False
    rest = (get("served", 0), get("served_year", 0), get("balance", 0), frozenset(get("bonuses", ())))
    return rest == (used.served, used.served_year, used.balance, used.bonuses)


def _flat(used: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a trace read, by name."""
    for name, value in used.items():
        if isinstance(value, Mapping):
            yield from ((f"{name} {inner}", tuple(pair) if isinstance(pair, list) else pair) for inner, pair in value.items())
        else:
            yield name, value
