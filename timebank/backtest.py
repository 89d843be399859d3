"""A back-test: what really happened, played again under other rules, and what that changes for whom.

History comes as events in the order of posting (`history`). Services whose day lies in the span are awarded anew, one after the
other, with the sums that the new awards themselves make: caps, carried minutes, tiers and bonuses go on from the real ones
before the span. All others count as they were paid. What members spent, gave and lost meanwhile stays what it really was: the
balance that a store cap reads is the real one, more or less what the new awards differ by.

The other side of every comparison is what was really paid. So a book in force, played over its own days, changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypeVar

from sqlmodel import Session

from timebank import history, offers, services, vouchers
from timebank.base.months import period_of
from timebank.benefits import Offset
from timebank.clauses import REVIEW, Facts, RuleBook
from timebank.history import Converted, Event, Moved, Moves, Served, TakenBack
from timebank.repeats import Repeats
from timebank.rewards import Award, award, convert
from timebank.tallies import Tallies, scopes_of

TENTHS = 10
CREDITS = "\N{RIGHTWARDS ARROW}credits"
"""Stands for conversions among categories: no category begins so."""
_STEP = 500
_Name = TypeVar("_Name", int, str)
_DAYS_OF_A_YEAR = 365


class Span(NamedTuple):
    """Days of service, the first and the last included."""

    first: date
    last: date

    def holds(self, day: date) -> bool:
        """Whether a day lies in it."""
        return self.first <= day <= self.last


class Line(NamedTuple):
    """What was paid, and what the draft gives: points (smallest unit) of `number` services, or members."""

    name: str
    number: int
    old: int
    new: int

    @property
    def change(self) -> int:
        """Points more (or, below 0, less) under the draft."""
        return self.new - self.old


class Share(NamedTuple):
    """One member's points of the span, as paid and under the draft."""

    member: int
    old: int
    new: int

    @property
    def change(self) -> int:
        """Points more (or, below 0, less) under the draft."""
        return self.new - self.old


@dataclass(frozen=True, slots=True)
class Result:
    """What a draft changes. Points are in the smallest unit; services taken back count on neither side.

    `kept` are members' own points, of so many services and of conversions; `pools`, `review` and `discarded` what caps cut off
    and where it went. `by_category` and `by_team` count services; a category of '' is services without one, and CREDITS are
    conversions. `by_tenth` counts members, from those who were given least ('1') to those who were given most; it is empty
    where there are fewer members than tenths. `hits`: how many services each cap cut. `shares` are all members with a service
    or a conversion in the span, by id. `alone`: how many services name no activity, where the draft caps activities.
    `by_month`: points by month of service, '2026-10'. `caps`: of what window and of whom the caps are, by id.
    """

    version: str
    span: Span
    kept: Line
    pools: Line
    review: Line
    discarded: Line
    by_category: tuple[Line, ...]
    by_team: tuple[Line, ...]
    by_tenth: tuple[Line, ...]
    hits: tuple[Line, ...]
    shares: tuple[Share, ...]
    alone: int = 0
    by_month: tuple[Line, ...] = ()
    caps: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def losses(self) -> list[Share]:
        """The members who would have fewer points, the largest loss first."""
        return sorted((share for share in self.shares if share.change < 0), key=lambda share: (share.change, share.member))

    @property
    def gains(self) -> int:
        """How many members would have more points."""
        return sum(share.change > 0 for share in self.shares)

    @property
    def ranked(self) -> list[Share]:
        """All members, from those who were awarded least to those who were awarded most."""
        return sorted(self.shares, key=lambda share: (share.old, share.new, share.member))


class Price(NamedTuple):
    """What a point (smallest unit) costs the fund, in fen, and whence: from the benefits of the last 12 months, the
    dearest offset offer in force, or nowhere."""

    fen: Fraction
    source: Literal["captured", "offers", "none"]

    def of(self, points: int) -> int:
        """Fen for so many points, rounded up; below 0 where they are."""
        return -(-points * self.fen.numerator // self.fen.denominator)


class _Kept(NamedTuple):
    """What must be known of a service until it is taken back."""

    member: int
    facts: Facts
    paid: Award
    made: Award


class Replay:
    """Takes events one by one and adds up both sides; `result` may be asked for at any time.

    `activities` are those that the records of services in the span name, by entry: an award's own trace names one only where
    the book of then asked for it.
    """

    def __init__(self, book: RuleBook, span: Span, activities: Mapping[int, str] | None = None) -> None:
        self._book = book
        self._span = span
        self._activities = (activities or {}) if services.reads_activity(book.windows) else None
        self._alone = 0
        self._tallies = Tallies(reads=book)
        self._repeats = Repeats(book)
        self._later: dict[int, _Kept] = {}
        self._converted: dict[int, tuple[Converted, int, int]] = {}
        self._credits: Counter[tuple[int, str]] = Counter()
        self._members: dict[int, list[int]] = {}
        self._categories: dict[str, list[int]] = {}
        self._teams: dict[str, list[int]] = {}
        self._months: dict[int, list[int]] = {}
        self._cuts: Counter[tuple[str, str]] = Counter()
        self._hits: Counter[tuple[str, str]] = Counter()
        self._caps: dict[str, tuple[str, str]] = {}

    def take(self, event: Event) -> Award | None:
        """Take the next event; gives the award that a service in the span earns under the draft. Its trace and lapse day may be
        those of another service that earned the same; that of one which a cap touched is its own."""
        if isinstance(event, Served):
            return self._serve(event)
        if isinstance(event, TakenBack):
            self._take_back(event)
        elif isinstance(event, Moved):
            self._move(event.moves, event.served)
        else:
            self._convert(event)
        return None

    def _serve(self, one: Served) -> Award | None:
        member, facts, book, tallies = one.member, one.facts, self._book, self._tallies
        if book.ready.reads_balance:
            tallies.balances.setdefault(member, 0)
        made = None
        if self._span.holds(facts.day):
            if self._activities is not None:
                facts = replace(facts, activity=self._activities.get(one.seq, facts.activity))
            made = self._repeats.find(facts, scopes_of(facts.category, facts.day), tallies.own(member))
            if made is None:
                made = award(facts, book, tallies.used(member, facts, book))
                self._repeats.keep(made)
            self._count(member, facts, one.paid, made, 1)
        tallies.add(member, facts, made or one.paid)
        if one.taken_back:
            self._later[one.seq] = _Kept(member, facts, one.paid, made or one.paid)
        return made

    def _count(self, member: int, facts: Facts, paid: Award, made: Award, sign: int) -> None:
        old, new = sign * paid.points, sign * made.points
        _add(self._members, member, sign, old, new)
        _add(self._categories, facts.category, sign, old, new)
        _add(self._months, _month(facts.day), sign, old, new)
        if self._activities is not None and not facts.activity:
            self._alone += sign
        if facts.team:
            _add(self._teams, facts.team, sign, old, new)
        if "caps" in paid.trace:
            self._cut(paid.trace["caps"], "old", sign)
        if "caps" in made.trace:
            self._cut(made.trace["caps"], "new", sign)

    def _cut(self, cuts: Iterable[Mapping[str, Any]], side: str, sign: int) -> None:
        for cut in cuts:
            self._hits[cut["id"], side] += sign
            self._caps[cut["id"]] = cut["per"], cut.get("scope", "member")
            to = cut["to"]
            self._cuts["pools" if to.startswith("pool:") else to, side] += sign * cut["cut"]

    def _take_back(self, event: TakenBack) -> None:
        kept = self._later.pop(event.of, None)
        if kept is None:
            self._move(event.moves, event.served)
            if event.of in self._converted:
                self._convert_back(*self._converted.pop(event.of))
            return
        self._tallies.take(kept.member, kept.facts, kept.made)
        # What of it had lapsed came back from the lapsed points, not from the member.
        self._move({kept.member: event.moves.get(kept.member, 0) + kept.paid.points}, {})
        if self._span.holds(kept.facts.day):
            self._count(kept.member, kept.facts, kept.paid, kept.made, -1)

    def _convert(self, event: Converted) -> None:
        points = event.points
        if self._span.holds(event.day):
            credits, points = self._converts_to(event)
            self._credits[event.member, period_of(event.day)] += credits
            self._count_credits(event, event.points, points)
            if event.taken_back:
                self._converted[event.seq] = event, credits, points
        self._move({event.member: points}, {})

    def _converts_to(self, event: Converted) -> tuple[int, int]:
        """How many of the credits the draft converts, and into how many points: none where it converts none."""
        if self._book.credit is None:
            return 0, 0
        made = convert(event.day, event.credits, self._book, self._credits[event.member, period_of(event.day)])
        return made.credits, made.points

    def _convert_back(self, event: Converted, credits: int, points: int) -> None:
        """The real reversal took away what was really given: make up for the difference. The month has room for the credits."""
        self._credits[event.member, period_of(event.day)] -= credits
        self._count_credits(event, -event.points, -points)
        self._move({event.member: event.points - points}, {})

    def _count_credits(self, event: Converted, old: int, new: int) -> None:
        _add(self._members, event.member, 0, old, new)
        _add(self._categories, CREDITS, 0, old, new)
        _add(self._months, _month(event.day), 0, old, new)

    def _move(self, moves: Moves, served: Moves) -> None:
        """What members have or served otherwise than by services."""
        if self._book.ready.reads_balance:
            balances = self._tallies.balances
            for member, points in moves.items():
                balances[member] = balances.get(member, 0) + points
        for member, minutes in served.items():
            self._tallies.bring_in(member, minutes)

    def result(self) -> Result:
        """What came out so far."""
        members = tuple(Share(member, old, new) for member, (n, old, new) in sorted(self._members.items()) if n or old or new)
        categories = _lines(self._categories)
        cuts = {to: Line(to, 0, self._cuts[to, "old"], self._cuts[to, "new"]) for to in ("pools", REVIEW, "discard")}
        hits = [Line(cap, 0, self._hits[cap, "old"], self._hits[cap, "new"]) for cap in dict.fromkeys(c for c, _ in self._hits)]
        found = Result(
            version=self._book.version,
            span=self._span,
            kept=_summed(categories),
            pools=cuts["pools"],
            review=cuts[REVIEW],
            discarded=cuts["discard"],
            by_category=categories,
            by_team=_lines(self._teams),
            by_tenth=(),
            hits=tuple(sorted(hit for hit in hits if hit.old or hit.new)),
            shares=members,
            alone=self._alone,
            by_month=_lines({f"{month // 12}-{month % 12 + 1:02d}": sums for month, sums in self._months.items()}),
            caps=dict(self._caps),
        )
        return replace(found, by_tenth=_by_tenth(found.ranked))


def _month(day: date) -> int:
    """A month as a number: cheaper than its name, for every service."""
    return day.year * 12 + day.month - 1


def _add(to: dict[_Name, list[int]], name: _Name, number: int, old: int, new: int) -> None:
    sums = to.get(name)
    if sums is None:
        to[name] = [number, old, new]
        return
    sums[0] += number
    sums[1] += old
    sums[2] += new


def _lines(named: Mapping[str, list[int]]) -> tuple[Line, ...]:
    return tuple(Line(name, *sums) for name, sums in sorted(named.items()) if any(sums))


def _summed(lines: Iterable[Line]) -> Line:
    """Lines as one."""
    return Line("", *(sum(column) for column in zip((0, 0, 0), *(line[1:] for line in lines), strict=True)))


def _by_tenth(ranked: Sequence[Share]) -> tuple[Line, ...]:
    """Ranked members in ten parts as equal as can be; none where there are too few for it."""
    if len(ranked) < TENTHS:
        return ()
    parts: list[list[Share]] = [[] for _ in range(TENTHS)]
    for place, share in enumerate(ranked):
        parts[place * TENTHS // len(ranked)].append(share)
    return tuple(
        Line(str(number), len(part), sum(share.old for share in part), sum(share.new for share in part))
        for number, part in enumerate(parts, start=1)
    )


def replayed(
    events: Iterable[Event],
    book: RuleBook,
    span: Span,
    step: Callable[[int], object],
    activities: Mapping[int, str] | None = None,
) -> Result:
    """Play a history under a book; `step` is told how many entries went by, `activities` as in `Replay`."""
    replay, done = Replay(book, span, activities), -1
    for event in events:
        replay.take(event)
        if event.seq - done >= _STEP:
            step(event.seq - done)
            done = event.seq
    return replay.result()


def run(session: Session, community_id: int, book: RuleBook, span: Span, step: Callable[[int], object]) -> Result:
    """Play a community's history under a book."""
    everything = history.EVERYTHING if book.ready.reads_balance else history.SERVICES
    named = services.activities(session, community_id, *span) if services.reads_activity(book.windows) else None
    with closing(history.events(session, community_id, everything)) as events:
        return replayed(events, book, span, step, named)


def price(session: Session, community_id: int, today: date) -> Price:
    """What a point costs: what captured vouchers of the last 12 months took off, a point; where there were none, the offset
    offer in force today that takes off most."""
    captured = vouchers.captures(session, community_id, today, today - timedelta(_DAYS_OF_A_YEAR))
    points = sum(capture.points for capture in captured)
    if points:
        return Price(Fraction(sum(capture.fen for capture in captured), points), "captured")
    terms = [o.terms for o in offers.listed(session, community_id) if o.valid_from <= today <= o.valid_to]
    rates = [Fraction(100, offset.points_per_yuan) for offset in terms if isinstance(offset, Offset)]
    return Price(max(rates), "offers") if rates else Price(Fraction(0), "none")
