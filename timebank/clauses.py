"""The clauses of a rule book of schema 1 as frozen values, named as in the file (docs/rules.md).

Pure. Points are in the community's smallest unit and times in minutes unless a name says otherwise; rates and multipliers
are decimals. `rulefile.read` makes and checks them; what `rewards.award` looks up for every service is made ready here once.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from timebank.base.months import add_months, month_end

ENGINE: Final = 1
"""Which arithmetic awards are made by; stands in every trace."""
NEVER: Final = date(9999, 12, 31)
REVIEW: Final = "review"
"""Where a cap sends what somebody is to decide about; no pool has this name."""
GRACE_DAYS: Final = 30
"""How long a refund into a lapsed lot lives where a book does not say."""

Rounding = Literal["down", "half-up", "up"]
Window = Literal["activity", "day", "month", "year", "lifetime", "balance"]
Scope = Literal["member", "team", "programme"]
Measure = Literal["points", "minutes"]
Align = Literal["month-end", "year-end", "none"]
BonusPer = Literal["entry", "day", "month", "year", "lifetime"]
TierWindow = Literal["lifetime", "year"]
GiftTo = Literal["nobody", "pools", "relatives", "anyone"]
Complaint = Literal["", "void"]
KINDS: Final = ("confirmed", "self-reported", "back-entered", "team")
WINDOWS: Final[tuple[Window, ...]] = ("activity", "day", "month", "year", "lifetime", "balance")
SCOPES: Final[tuple[Scope, ...]] = ("member", "team", "programme")


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

    `dates` are days or ranges, first and last day included; `weekdays` are 0 (Monday) to 6; `teams` are numbers of teams
    under which the service was done; `tier` is the id of a tier that the member has reached. Within a group only the largest
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
    teams: frozenset[str] = frozenset()
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Bonus:
    """[[bonus]]: `points` on top, once in each window (or with every entry), to the first service that counts minutes and
    meets the conditions, which are those of a multiplier."""

    id: str
    points: int
    per: BonusPer
    label: str = ""
    dates: tuple[tuple[date, date], ...] = ()
    weekdays: frozenset[int] = frozenset()
    categories: frozenset[str] = frozenset()
    team_at_least: int = 0
    teams: frozenset[str] = frozenset()
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Tier:
    """[[tier]]: a member has reached it who served so many hours before: ever, or in the year of the service."""

    id: str
    hours_at_least: int
    window: TierWindow
    label: str = ""


@dataclass(frozen=True, slots=True)
class Cap:
    """[[cap]]: what a member, or a team or programme as a whole, may earn in a window. `limit` is in points or in minutes.

    What goes over it is given to `pool` in the member's name; '' discards it, REVIEW leaves it to somebody's decision.
    """

    id: str
    per: Window
    measure: Measure
    limit: int
    pool: str = ""
    scope: Scope = "member"

    @property
    def window(self) -> str:
        """The key of `Used.windows` that it reads: 'month', 'team/month'."""
        return self.per if self.scope == "member" else f"{self.scope}/{self.per}"


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
class Credit:
    """[credit]: points (whole ones) for a community credit, and how many credits a member may convert in a month, 0 = any."""

    points_per_credit: Decimal
    monthly_credits_max: int = 0


@dataclass(frozen=True, slots=True)
class Redeem:
    """[redeem]: who may redeem, and in what steps of points; how many days a refund into a lapsed lot lives."""

    minimum_hours_served: int = 0
    minimum_age: int = 0
    step: int = 1
    refund_grace_days: int = GRACE_DAYS


@dataclass(frozen=True, slots=True)
class Facts:
    """One service as the rules see it: its day, category, recorded minutes, size of the team, kind of record.

    `activity` and `team` are the numbers of the activity it belonged to and of the team under which it was done, `programme`
    the tag of the programme; '' is none.
    """

    day: date
    category: str
    minutes: int
    team_size: int = 1
    kind: str = "confirmed"
    activity: str = ""
    team: str = ""
    programme: str = ""


class Used(NamedTuple):
    """What is known of this member before this service, reversed services left out.

    `day_minutes`: sum of `Award.eligible` on that day, all categories. `eligible`, `counted`: sums of `Award.eligible` and
    `Award.counted` in this category, ever. `windows`: for each window the book reads (`RuleBook.windows`), (points kept,
    `window_minutes`) of the activity, day, month, year or life that the service lies in; of all members together where the
    window is that of a team or programme; one left out is (0, 0). `served`, `served_year`: minutes recorded, earning or
    not, ever and in the year of the service. `balance`: points the member has, held ones included and owed ones taken off.
    `bonuses`: the ids of bonuses that were given in their window already.
    """

    day_minutes: int = 0
    eligible: int = 0
    counted: int = 0
    windows: Mapping[str, tuple[int, int]] = MappingProxyType({})
    served: int = 0
    served_year: int = 0
    balance: int = 0
    bonuses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Example:
    """[[example]]: a service in words and what it must earn when what was before is `used`; `lapses_on` where it says so."""

    say: str
    facts: Facts
    earns: int
    used: Used = field(default_factory=Used)
    lapses_on: date | None = None


@dataclass(frozen=True, slots=True)
class Ratio:
    """An exact number as written and as two integers: cheaper than Fraction in the path every award takes."""

    written: str
    numerator: int
    denominator: int

    @classmethod
    def of(cls, number: Decimal, factor: Fraction = Fraction(1)) -> "Ratio":
        """A number as the file has it, and its value times a factor."""
        value = Fraction(number) * factor
        return cls(plain(number), value.numerator, value.denominator)


@dataclass(frozen=True, slots=True)
class When:
    """The conditions of a multiplier or bonus made ready: dates as sorted ranges apart from one another, hours as minutes."""

    rule: Multiplier | Bonus
    starts: tuple[date, ...]
    ends: tuple[date, ...]
    served_at_least: int
    of_year: bool

    @classmethod
    def of(cls, rule: Multiplier | Bonus, tiers: Mapping[str, Tier]) -> "When":
        """The conditions of a rule of a book with these tiers; a tier that the book has not got is a KeyError."""
        ranges = merged(rule.dates)
        tier = tiers[rule.tier] if rule.tier else None
        starts, ends = tuple(start for start, _ in ranges), tuple(end for _, end in ranges)
        return cls(rule, starts, ends, tier.hours_at_least * 60 if tier else 0, tier is not None and tier.window == "year")

    def holds(self, facts: Facts, used: Used) -> bool:
        """Whether a service meets every condition."""
        rule = self.rule
        if facts.team_size < rule.team_at_least or (rule.categories and facts.category not in rule.categories):
            return False
        if rule.weekdays and facts.day.weekday() not in rule.weekdays:
            return False
        if rule.teams and facts.team not in rule.teams:
            return False
        if self.served_at_least and (used.served_year if self.of_year else used.served) < self.served_at_least:
            return False
        before = bisect_right(self.starts, facts.day)
        return not self.starts or (before > 0 and facts.day <= self.ends[before - 1])


@dataclass(frozen=True, slots=True)
class Ready:
    """What `award` looks up for every service.

    `groups`: multipliers, group by group with the largest first, then each that has no group by itself. `caps`: in the order
    in which they apply, each with its window. `reads_served`: for tiers. `reads_balance`: for store caps.
    """

    rates: Mapping[str, Ratio]
    default_rate: Ratio
    groups: tuple[tuple[tuple[When, Ratio], ...], ...]
    bonuses: tuple[tuple[When, Bonus], ...]
    caps: tuple[tuple[Cap, str], ...]
    windows: tuple[str, ...]
    reads_served: bool
    reads_balance: bool


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A rule book of schema 1 (docs/rules.md). Made by `rulefile.read`, which has checked it."""

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
    bonus: tuple[Bonus, ...] = ()
    tier: tuple[Tier, ...] = ()
    credit: Credit | None = None
    redeem: Redeem | None = None
    gifts_to: GiftTo = "nobody"
    complaint: Complaint = ""
    notice_days: int = 0
    ready: Ready = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        smallest_a_minute = Fraction(10**self.points.decimals, 60)
        rates = {name: Ratio.of(rate, smallest_a_minute) for name, rate in self.rate.by_category.items()}
        tiers = {tier.id: tier for tier in self.tier}
        bonuses = tuple((When.of(bonus, tiers), bonus) for bonus in self.bonus)
        caps = tuple((cap, cap.window) for cap in sorted(self.cap, key=_in_order))
        ready = Ready(
            rates=rates,
            default_rate=Ratio.of(self.rate.default, smallest_a_minute),
            groups=_grouped(self.multiply, tiers),
            bonuses=bonuses,
            caps=caps,
            windows=tuple(dict.fromkeys(window for cap, window in caps if cap.per != "balance")),
            reads_served=any(rule.tier for rule in self.multiply) or any(rule.tier for rule in self.bonus),
            reads_balance=any(cap.per == "balance" for cap in self.cap),
        )
        object.__setattr__(self, "ready", ready)

    def covers(self, day: date) -> bool:
        """Whether services of that day fall under this book, as far as its own dates say."""
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)

    def knows(self, category: str) -> bool:
        """Whether a category has a rate of its own, or none has; others earn the default rate, which deserves a warning."""
        return category in self.rate.by_category or not self.rate.by_category

    @property
    def pools(self) -> tuple[str, ...]:
        """Names of the pools its overflow goes to, sorted; they are opened when the book is published."""
        return tuple(sorted({cap.pool for cap in self.cap} - {"", REVIEW}))

    @property
    def windows(self) -> tuple[str, ...]:
        """The windows its caps read, in the order of the caps: what `Used.windows` must hold."""
        return self.ready.windows

    @property
    def refund_grace_days(self) -> int:
        """How many days a refund or release into a lapsed lot lives."""
        return self.redeem.refund_grace_days if self.redeem else GRACE_DAYS

    @property
    def points_an_hour_max(self) -> Fraction:
        """More whole points than any hour of service can earn under this book, bonuses apart: bounds every amount."""
        rate = Fraction(max(self.rate.default, *self.rate.by_category.values(), Decimal(0)))
        for group in self.ready.groups:
            times = group[0][1]
            rate *= max(Fraction(1), Fraction(times.numerator, times.denominator))
        return rate


def _in_order(cap: Cap) -> tuple[bool, int, int]:
    """The member's caps from the activity to the life, then the team's and the programme's, and store caps last."""
    return cap.per == "balance", SCOPES.index(cap.scope), WINDOWS.index(cap.per)


def _grouped(multipliers: Iterable[Multiplier], tiers: Mapping[str, Tier]) -> tuple[tuple[tuple[When, Ratio], ...], ...]:
    """Groups in the order they first appear, the largest multiplier first in each; then each other one by itself."""
    groups: dict[str | int, list[Multiplier]] = {}
    for i, multiplier in enumerate(sorted(multipliers, key=lambda multiplier: not multiplier.group)):
        groups.setdefault(multiplier.group or i, []).append(multiplier)
    return tuple(
        tuple((When.of(rule, tiers), Ratio.of(rule.times)) for rule in sorted(group, key=lambda rule: -rule.times))
        for group in groups.values()
    )


def merged(ranges: Iterable[tuple[date, date]]) -> list[tuple[date, date]]:
    """The same days as ranges (first and last day) sorted and apart from one another."""
    result: list[tuple[date, date]] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def plain(number: Decimal) -> str:
    """A decimal without exponent and without zeros at its end: 8.5, 12, 600."""
    written = f"{number:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written
