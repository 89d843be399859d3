"""How minutes of service become points: a rule book as frozen values, and `award`, which applies it.

Pure: no session, no clock, no chance, no person. Exact: minutes and points are whole numbers (points in the community's
smallest unit), rates and multipliers are decimals kept as pairs of integers, and there is one rounding, at the end. What an
award read and did is its trace: a few canonical values from which the same award can be made again, and told in words.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple

from timebank.base.errors import Invalid
from timebank.base.i18n import Language, Say, say, text
from timebank.base.months import add_months, month_end

ENGINE: Final = 1
NEVER: Final = date(9999, 12, 31)

Rounding = Literal["down", "half-up", "up"]
Window = Literal["day", "month", "year", "lifetime"]
Measure = Literal["points", "minutes"]
Align = Literal["month-end", "year-end", "none"]
KINDS: Final = ("confirmed", "self-reported", "back-entered", "team")
WINDOWS: Final[tuple[Window, ...]] = ("day", "month", "year", "lifetime")


@dataclass(frozen=True, slots=True)
class PointsRule:
    """[points]: the unit's name, its decimals (1 = kept in tenths) and the one final rounding."""

    name: str
    decimals: int
    round: Rounding


@dataclass(frozen=True, slots=True)
class ServiceRule:
    """[service]: which records earn and how their minutes are counted. All amounts are minutes."""

    minimum_minutes: int
    round_minutes: int
    round: Rounding
    maximum_minutes_per_day: int
    kinds: frozenset[str]
    carry_remainder: bool


@dataclass(frozen=True, slots=True)
class RateRule:
    """[rate]: points an hour, in whole points; a category without a rate of its own has the default."""

    default: Decimal
    by_category: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Multiplier:
    """[[multiply]]: `times` where every condition given holds. Empty conditions ask nothing.

    `dates` are days or ranges, first and last day included; `weekdays` are 0 (Monday) to 6; within a group only the largest
    multiplier that applies counts, and '' is no group.
    """

    id: str
    times: Decimal
    label: str = ""
    group: str = ""
    dates: tuple[tuple[date, date], ...] = ()
    weekdays: frozenset[int] = frozenset()
    categories: frozenset[str] = frozenset()
    team_at_least: int = 0


@dataclass(frozen=True, slots=True)
class Cap:
    """[[cap]]: what one member may earn in a window. `limit` is in the smallest unit of points, or in minutes.

    What goes over it is given to `pool` in the member's name; '' discards it.
    """

    id: str
    per: Window
    measure: Measure
    limit: int
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Expiry:
    """[expiry]: the last day of points, counted from the day of service.

    Either `months` later, or (`months` 0) the first day `on` (month, day) that is not before the service; then moved to the
    end of that month or year as `align` says.
    """

    months: int
    on: tuple[int, int] | None
    align: Align

    def lapses_on(self, day: date) -> date:
        """The day points of a service lapse; a day past the calendar's end is never, 9999-12-31."""
        if day.year + self.months // 12 + 1 >= NEVER.year:
            return NEVER
        end = add_months(day, self.months)
        if self.on:
            end = day.replace(month=self.on[0], day=self.on[1])
            end = end if end >= day else end.replace(year=day.year + 1)
        if self.align == "month-end":
            return month_end(end)
        return end.replace(month=12, day=31) if self.align == "year-end" else end


@dataclass(frozen=True, slots=True)
class Facts:
    """One service as the rules see it: its day, category, recorded minutes, size of the team, kind of record."""

    day: date
    category: str
    minutes: int
    team_size: int = 1
    kind: str = "confirmed"


@dataclass(frozen=True, slots=True)
class Used:
    """What the ledger knows of this member before this service, reversed services left out.

    `day_minutes`: sum of `Award.eligible` on that day, all categories. `eligible`, `counted`: sums of `Award.eligible` and
    `Award.counted` in this category, ever. `windows`: for each window the book reads, (points kept, `window_minutes`) of
    the day, month, year or life that the day of service lies in; a window left out is (0, 0).
    """

    day_minutes: int = 0
    eligible: int = 0
    counted: int = 0
    windows: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class Award(NamedTuple):
    """What one service earned. Points are in the smallest unit.

    `eligible` minutes enter the carried sum and the day; `counted` minutes earned; `points` are the member's own, `overflow`
    those given to pools (name, points); discarded ones stand in the trace only. `window_minutes` is what the service adds
    to the minutes of every window: `counted`, less what a cap in minutes cut off.
    """

    eligible: int
    counted: int
    points: int
    overflow: tuple[tuple[str, int], ...]
    lapses_on: date
    window_minutes: int
    trace: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """[[example]]: a service in words and what it must earn (smallest unit) when nothing was earned before."""

    say: str
    facts: Facts
    earns: int


@dataclass(frozen=True, slots=True)
class _Ratio:
    """An exact number as written and as two integers: cheaper than Fraction in the path every award takes."""

    written: str
    numerator: int
    denominator: int

    @classmethod
    def of(cls, number: Decimal, factor: Fraction = Fraction(1)) -> "_Ratio":
        value = Fraction(number) * factor
        return cls(_plain(number), value.numerator, value.denominator)


@dataclass(frozen=True, slots=True)
class _Factor:
    """A multiplier made ready: its number as integers, its dates as sorted ranges apart from one another."""

    rule: Multiplier
    times: _Ratio
    starts: tuple[date, ...]
    ends: tuple[date, ...]

    @classmethod
    def of(cls, rule: Multiplier) -> "_Factor":
        ranges = merged(rule.dates)
        return cls(rule, _Ratio.of(rule.times), tuple(a for a, _ in ranges), tuple(b for _, b in ranges))

    def applies(self, facts: Facts) -> bool:
        rule = self.rule
        if facts.team_size < rule.team_at_least or (rule.categories and facts.category not in rule.categories):
            return False
        if rule.weekdays and facts.day.weekday() not in rule.weekdays:
            return False
        before = bisect_right(self.starts, facts.day)
        return not self.starts or (before > 0 and facts.day <= self.ends[before - 1])


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A rule book of schema 1, as far as this version of the program can apply it (docs/rules.md).

    Made by `rulefile.read`, which has checked it. The fields are named as in the file; what `award` looks up for every
    service is made ready once, below them.
    """

    name: str
    version: str
    title: str
    effective_from: date
    effective_to: date | None
    legal_basis: str
    points: PointsRule
    service: ServiceRule
    rate: RateRule
    multiply: tuple[Multiplier, ...] = ()
    cap: tuple[Cap, ...] = ()
    expiry: Expiry | None = None
    example: tuple[Example, ...] = ()
    schema: int = 1
    _rates: Mapping[str, _Ratio] = field(init=False, repr=False, compare=False)
    _default_rate: _Ratio = field(init=False, repr=False, compare=False)
    _groups: tuple[tuple[_Factor, ...], ...] = field(init=False, repr=False, compare=False)
    _caps: tuple[Cap, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        smallest_a_minute = Fraction(10**self.points.decimals, 60)
        rates = {name: _Ratio.of(rate, smallest_a_minute) for name, rate in self.rate.by_category.items()}
        object.__setattr__(self, "_rates", rates)
        object.__setattr__(self, "_default_rate", _Ratio.of(self.rate.default, smallest_a_minute))
        object.__setattr__(self, "_groups", _grouped(self.multiply))
        object.__setattr__(self, "_caps", tuple(sorted(self.cap, key=lambda cap: WINDOWS.index(cap.per))))

    def covers(self, day: date) -> bool:
        """Whether services of that day fall under this book, as far as its own dates say."""
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)

    def knows(self, category: str) -> bool:
        """Whether a category has a rate of its own; others earn the default rate, which deserves a warning."""
        return category in self._rates

    @property
    def pools(self) -> tuple[str, ...]:
        """Names of the pools its overflow goes to, sorted; they are opened when the book is published."""
        return tuple(sorted({cap.pool for cap in self.cap if cap.pool}))

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows its caps read, shortest first: what `Used.windows` must hold."""
        return tuple(window for window in WINDOWS if any(cap.per == window for cap in self.cap))

    @property
    def points_an_hour_max(self) -> Fraction:
        """More whole points than any hour of service can earn under this book: bounds every amount."""
        rate = Fraction(max(self.rate.default, *self.rate.by_category.values(), Decimal(0)))
        for group in self._groups:
            rate *= max(Fraction(1), Fraction(group[0].rule.times))
        return rate


def award(facts: Facts, book: RuleBook, used: Used) -> Award:
    """Apply a rule book to one service.

    The order is part of schema 1: eligibility, the day's limit, rounding of minutes with what was carried, rate, the
    largest multiplier of each group, the other multipliers, one rounding, caps from day to lifetime, overflow, lapse day.
    Never raises. points + overflow + what the trace calls discarded = the points before caps.
    """
    trace = _begun(facts, book)
    admitted = _admitted(facts, book.service, used, trace)
    eligible, counted = _counted(admitted, book.service, used, trace)
    points, minutes = 0, 0
    overflow: tuple[tuple[str, int], ...] = ()
    if counted:
        earned_by = _priced(facts, book, trace)
        points, minutes = earned_by(counted), counted
        if book._caps:
            points, minutes, overflow = _capped(earned_by, counted, book, used, trace)
    trace["eligible"], trace["counted"], trace["points"] = eligible, counted, points
    lapses_on = book.expiry.lapses_on(facts.day) if book.expiry else NEVER
    return Award(eligible, counted, points, overflow, lapses_on, minutes, trace)


def _begun(facts: Facts, book: RuleBook) -> dict[str, Any]:
    """Start a trace with the facts. What is usual is left out: the ledger stores one of these for every service."""
    trace: dict[str, Any] = {
        "engine": ENGINE,
        "day": facts.day.isoformat(),
        "category": facts.category,
        "minutes": facts.minutes,
        "unit": book.points.name,
    }
    if book.points.decimals:
        trace["decimals"] = book.points.decimals
    if facts.team_size != 1:
        trace["team"] = facts.team_size
    if facts.kind != "confirmed":
        trace["kind"] = facts.kind
    return trace


def _admitted(facts: Facts, rule: ServiceRule, used: Used, trace: dict[str, Any]) -> int:
    """The minutes that may earn: none of a record that does not qualify, else as many as the day has left."""
    if facts.kind not in rule.kinds:
        trace["refused"] = "kind"
        return 0
    if facts.minutes < rule.minimum_minutes:
        trace["minimum"] = rule.minimum_minutes
        return 0
    _note_used(trace, "day_minutes", used.day_minutes)
    left = max(0, rule.maximum_minutes_per_day - used.day_minutes)
    if facts.minutes > left:
        trace["day_limit"] = rule.maximum_minutes_per_day
        return left
    return max(0, facts.minutes)


def _counted(admitted: int, rule: ServiceRule, used: Used, trace: dict[str, Any]) -> tuple[int, int]:
    """Eligible and counted minutes.

    With a carried remainder the sum of all eligible minutes is rounded and what was counted before is taken off: so three
    times 20 minutes count as 60, and a reversal heals itself at the next service. A record that brings no minutes counts
    none, even where a reversal has left some to be counted. Without it, minutes rounded away are gone: eligible = counted.
    """
    unit = rule.round_minutes
    if not admitted:
        return 0, 0
    if not rule.carry_remainder:
        counted = _rounded(admitted, unit, rule.round) * unit
        return counted, counted
    _note_used(trace, "eligible", used.eligible)
    _note_used(trace, "counted", used.counted)
    due = _rounded(used.eligible + admitted, unit, rule.round) * unit - used.counted
    return admitted, max(0, due)


def _priced(facts: Facts, book: RuleBook, trace: dict[str, Any]) -> Callable[[int], int]:
    """What counted minutes earn: rate, the largest multiplier of each group, the others, and the one rounding."""
    rate = book._rates.get(facts.category, book._default_rate)
    trace["rate"] = rate.written
    numerator, denominator = rate.numerator, rate.denominator
    taken = []
    for group in book._groups:
        for factor in group:
            if factor.applies(facts):
                numerator *= factor.times.numerator
                denominator *= factor.times.denominator
                taken.append([factor.rule.label or factor.rule.id, factor.times.written])
                break
    if taken:
        trace["times"] = taken
    return lambda minutes: _rounded(minutes * numerator, denominator, book.points.round)


def _capped(
    earned_by: Callable[[int], int], counted: int, book: RuleBook, used: Used, trace: dict[str, Any]
) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    """Points and minutes left of a service after all caps, and what they gave to pools.

    A cap in minutes lowers the minutes that later caps and later services see, just as a cap in points lowers the points:
    so minutes that earned nothing never use up anybody's room. The carried sum is not touched by caps.
    """
    points, minutes = earned_by(counted), counted
    cuts, pools = [], dict[str, int]()
    for cap in book._caps:
        points_used, minutes_used = _read_window(trace, cap.per, used)
        if cap.measure == "points":
            kept = min(points, max(0, cap.limit - points_used))
        else:
            minutes = min(minutes, max(0, cap.limit - minutes_used))
            kept = min(points, earned_by(minutes))
        cut, points = points - kept, kept
        if cut:
            to = f"pool:{cap.pool}" if cap.pool else "discard"
            cuts.append({"id": cap.id, "per": cap.per, "of": cap.measure, "limit": cap.limit, "cut": cut, "to": to})
            if cap.pool:
                pools[cap.pool] = pools.get(cap.pool, 0) + cut
    if cuts:
        trace["caps"] = cuts
    if minutes < counted:  # also written where the rate is 0 and nothing was cut: the ledger may read it from here
        trace["window_minutes"] = minutes
    return points, minutes, tuple(pools.items())


def _note_used(trace: dict[str, Any], name: str, value: int) -> None:
    """Note a number read from the ledger; nothing used is not written."""
    if value:
        trace.setdefault("used", {})[name] = value


def _read_window(trace: dict[str, Any], window: Window, used: Used) -> tuple[int, int]:
    points, minutes = used.windows.get(window, (0, 0))
    if points or minutes:
        trace.setdefault("used", {}).setdefault("windows", {})[window] = [points, minutes]
    return points, minutes


def _rounded(amount: int, unit: int, how: Rounding) -> int:
    """How many whole `unit`s an amount of 0 or more is."""
    if how == "down":
        return amount // unit
    if how == "up":
        return -(-amount // unit)
    return (2 * amount + unit) // (2 * unit)


def _grouped(multipliers: Iterable[Multiplier]) -> tuple[tuple[_Factor, ...], ...]:
    """Groups in the order they first appear, the largest multiplier first in each; then each other one by itself."""
    groups: dict[str | int, list[_Factor]] = {}
    for i, multiplier in enumerate(sorted(multipliers, key=lambda multiplier: not multiplier.group)):
        groups.setdefault(multiplier.group or i, []).append(_Factor.of(multiplier))
    return tuple(tuple(sorted(group, key=lambda factor: -factor.rule.times)) for group in groups.values())


def merged(ranges: Iterable[tuple[date, date]]) -> list[tuple[date, date]]:
    """The same days as ranges (first and last day) sorted and apart from one another."""
    result: list[tuple[date, date]] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


# --- traces: back to what was asked, and into words ---


def facts_of(trace: Mapping[str, Any]) -> Facts:
    """The facts a trace was made from. Raises Invalid `bad_trace`, or `other_engine` for one made by other arithmetic."""
    if trace.get("engine") != ENGINE:
        raise Invalid(
            say("These points were worked out by engine {engine}, not {ours}.", engine=trace.get("engine"), ours=ENGINE),
            "other_engine",
            say("Use the version of the program that made the entry."),
        )
    category, kind = trace.get("category"), trace.get("kind", "confirmed")
    if not isinstance(category, str) or not isinstance(kind, str):
        raise _bad_trace("category, kind")
    try:
        day = date.fromisoformat(trace["day"])
    except (KeyError, TypeError, ValueError) as error:
        raise _bad_trace("day") from error
    return Facts(day, category, _whole(trace, "minutes"), _whole(trace, "team") if "team" in trace else 1, kind)


def used_of(trace: Mapping[str, Any]) -> Used:
    """The ledger's numbers a trace was made with: award(facts_of(t), book, used_of(t)) is the same award again.

    Raises Invalid `bad_trace`.
    """
    used = trace.get("used", {})
    if not isinstance(used, dict) or not isinstance(windows := used.get("windows", {}), dict):
        raise _bad_trace("used")
    pairs: dict[str, tuple[int, int]] = {}
    for window, pair in windows.items():
        if not isinstance(pair, list | tuple) or [type(number) for number in pair] != [int, int]:
            raise _bad_trace("used")
        pairs[window] = (pair[0], pair[1])
    return Used(_whole(used, "day_minutes"), _whole(used, "eligible"), _whole(used, "counted"), pairs)


def _whole(trace: Mapping[str, Any], name: str) -> int:
    value = trace.get(name, 0)
    if type(value) is not int:
        raise _bad_trace(name)
    return value


def _bad_trace(part: str) -> Invalid:
    return Invalid(say("How these points came about cannot be read: {part} is wrong.", part=part), "bad_trace")


def explain(trace: Mapping[str, Any], lang: Language) -> str:
    """A trace in words, as one line of steps. Raises as `facts_of` and `used_of` do."""
    return text(explained(trace), lang)


def explained(trace: Mapping[str, Any]) -> Say:
    """A trace in words, as a sentence for any language: what was served, counted, multiplied, cut and recorded."""
    return _joined([*_minutes_told(trace, facts_of(trace), used_of(trace))])


def _joined(steps: list[Say]) -> Say:
    """The steps as one sentence. Halved, not chained: a hundred multipliers would nest too deep to be written out."""
    if len(steps) == 1:
        return steps[0]
    half = len(steps) // 2
    return say("{before} → {after}", before=_joined(steps[:half]), after=_joined(steps[half:]))


_KIND_EARNS_NOTHING: Final = {
    "confirmed": say("confirmed records earn nothing"),
    "self-reported": say("self-reported records earn nothing"),
    "back-entered": say("back-entered records earn nothing"),
    "team": say("a team's records earn nothing"),
}
_CAPS: Final = {
    "day": say("daily cap"),
    "month": say("monthly cap"),
    "year": say("yearly cap"),
    "lifetime": say("lifetime cap"),
}
# Ids that need no label of their own: what a clerk calls them.
_NAMES: Final = {"team": say("as a team"), "weekend": say("on a weekend")}


def _minutes_told(trace: Mapping[str, Any], facts: Facts, used: Used) -> Iterator[Say]:
    """From the minutes served to the points recorded, or to the reason why no minutes counted."""
    yield say("{time} of service", time=_time(facts.minutes))
    if "refused" in trace:
        yield _KIND_EARNS_NOTHING.get(facts.kind, say("such records earn nothing"))
        return
    if "minimum" in trace:
        yield say("shorter than {time}: earns nothing", time=_time(trace["minimum"]))
        return
    if "day_limit" in trace:
        limit = trace["day_limit"]
        if used.day_minutes >= limit:
            yield say("the {time} a day that count are reached: earns nothing", time=_time(limit))
            return
        yield say("{left} left of the {time} a day that count", left=_time(limit - used.day_minutes), time=_time(limit))
    carried = used.eligible - used.counted
    if carried > 0:
        yield say("with {time} left over from before", time=_time(carried))
    elif carried < 0:
        yield say("{time} were counted before", time=_time(-carried))
    if trace["counted"]:
        yield from _points_told(trace)
    else:
        yield _not_counted(trace["eligible"], carried)


def _not_counted(eligible: int, carried: int) -> Say:
    if not eligible:
        return say("less than one unit of counting: earns nothing")
    if eligible + carried > 0:
        return say("not a whole unit yet: {time} go to the next service", time=_time(eligible + carried))
    return say("earns nothing more")


def _points_told(trace: Mapping[str, Any]) -> Iterator[Say]:
    """From the minutes counted to the points recorded."""
    value = Fraction(trace["counted"], 60) * Fraction(trace["rate"])
    time = _time(trace["counted"])
    yield say("{time} counted × {rate} {result}", time=time, rate=trace["rate"], result=_result(value))
    for name, times in trace.get("times", ()):
        value *= Fraction(times)
        yield say("{name} × {times} {result}", name=_NAMES.get(name, name), times=times, result=_result(value))
    cuts = trace.get("caps", ())
    if cuts:
        yield say("makes {amount}", amount=_amount(trace, trace["points"] + sum(cut["cut"] for cut in cuts)))
    for cut in cuts:
        yield _cut_told(trace, cut)
    yield say("{amount} recorded", amount=_amount(trace, trace["points"]))


def _cut_told(trace: Mapping[str, Any], cut: Mapping[str, Any]) -> Say:
    limit = _amount(trace, cut["limit"]) if cut["of"] == "points" else _time(cut["limit"])
    amount, cap = _amount(trace, cut["cut"]), _CAPS[cut["per"]]
    if cut["to"] == "discard":
        return say("{amount} above the {cap} of {limit} are not recorded", amount=amount, cap=cap, limit=limit)
    pool = cut["to"].removeprefix("pool:")
    return say("{amount} above the {cap} of {limit} go to the pool {pool}", amount=amount, cap=cap, limit=limit, pool=pool)


def _time(minutes: int) -> Say:
    hours, rest = divmod(minutes, 60)
    if not hours:
        return say("{minutes} min", minutes=minutes)
    return say("{hours} h {minutes} min", hours=hours, minutes=f"{rest:02d}") if rest else say("{hours} h", hours=hours)


def _amount(trace: Mapping[str, Any], points: int) -> Say:
    """An amount of points with its unit: of 积分, 福分 and the like one says 79 分."""
    unit = trace["unit"]
    amount = _plain(Decimal(points).scaleb(-trace.get("decimals", 0)))
    return say("{amount} {unit}", amount=amount, unit="分" if unit.endswith("分") else unit)


def _result(value: Fraction) -> str:
    """'= 79.2' where four decimals hold the value, else '≈ 8.33'."""
    if 10**4 % value.denominator == 0:
        return f"= {_plain(Decimal(int(value * 10**4)).scaleb(-4))}"
    return f"≈ {_plain(Decimal(int(value * 100 + Fraction(1, 2))).scaleb(-2))}"


def _plain(number: Decimal) -> str:
    """A decimal without exponent and without zeros at its end: 8.5, 12, 600."""
    written = f"{number:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written
