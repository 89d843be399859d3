"""Rule books of every kind, and what they give worked out by hand: from docs/rules.md, slowly, without a line of the program.

Only the values of a rule book are the program's. Every sum is made anew from the services themselves.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from timebank.clauses import (
    KINDS,
    SCOPES,
    WINDOWS,
    Bonus,
    Cap,
    Credit,
    Expiry,
    Facts,
    Multiplier,
    PointsRule,
    RateRule,
    Redeem,
    RuleBook,
    ServiceRule,
    Tier,
    Used,
)
from timebank.rewards import Award

# --- one service, one rule book, changed as a test needs it ---

DAY = date(2026, 10, 14)
"""A Wednesday of no holiday."""

SERVICE = ServiceRule(
    minimum_minutes=0,
    round_minutes=1,
    round="down",
    maximum_minutes_per_day=1440,
    kinds=frozenset({"confirmed"}),
    carry_remainder=True,
)
"""Counts every minute; a test changes what it is about."""

BOOK = RuleBook(
    name="test",
    version="1",
    title="",
    effective_from=date(2026, 1, 1),
    effective_to=None,
    legal_basis="",
    points=PointsRule("积分", 0, "down"),
    service=SERVICE,
    rate=RateRule(Decimal(60), {}),
)
"""One point a minute, nothing else."""


def book(*, service: dict[str, object] | None = None, **changes: object) -> RuleBook:
    """BOOK with other values; those of `service` go into [service]."""
    return replace(BOOK, service=replace(SERVICE, **(service or {})), **changes)


def of(minutes: int, **changes: object) -> Facts:
    """A service of so many minutes."""
    return replace(Facts(DAY, "elder-care", minutes), **changes)


def lost(made: Award) -> int:
    """Points a trace says were discarded."""
    return sum(cut["cut"] for cut in made.trace.get("caps", ()) if cut["to"] == "discard")


# --- any service, any rule book ---

amounts = st.decimals(min_value=0, max_value=30, places=1)
days = st.dates(date(2026, 1, 1), date(2027, 2, 28))
near_days = st.dates(date(2026, 12, 28), date(2027, 1, 3))
"""Few days, around the end of a month and a year, so that windows fill."""
facts_any = st.builds(
    Facts,
    day=days | near_days,
    category=st.sampled_from(["elder-care", "cleaning", "助老"]),
    minutes=st.integers(0, 800),
    team_size=st.integers(1, 8),
    kind=st.sampled_from([*KINDS, "confirmed", "confirmed", "confirmed"]),
    activity=st.sampled_from(["", "", "A1", "A2"]),
    team=st.sampled_from(["", "T001", "T002"]),
    programme=st.sampled_from(["", "", "care"]),
)
_dates = st.lists(st.tuples(days, st.integers(0, 90)).map(lambda d: (d[0], d[0] + timedelta(d[1]))), max_size=2).map(tuple)
_conditions = {
    "label": st.sampled_from(["", "国庆"]),
    "dates": _dates,
    "weekdays": st.frozensets(st.integers(0, 6), max_size=3),
    "categories": st.frozensets(st.sampled_from(["elder-care", "cleaning"]), max_size=1),
    "team_at_least": st.sampled_from([0, 0, 2, 5]),
    "teams": st.sampled_from([frozenset(), frozenset(), frozenset({"T001"}), frozenset({"T001", "T002"})]),
    "tier": st.sampled_from(["", "", "", "star", "busy"]),
}
multipliers = st.builds(
    Multiplier,
    id=st.just("m"),
    times=st.decimals("0.1", 3, places=2),
    group=st.sampled_from(["", "", "a", "b"]),
    **_conditions,
)
bonuses = st.builds(
    Bonus,
    id=st.just("b"),
    points=st.integers(1, 500),
    per=st.sampled_from(["entry", "day", "month", "year", "lifetime"]),
    **_conditions,
)
tiers = st.builds(
    lambda star, busy: (Tier("star", star, "lifetime", "三星"), Tier("busy", busy, "year")),
    st.integers(1, 40),
    st.integers(1, 30),
)


def _cap(per: str, measure: str, limit: int, pool: str, scope: str) -> Cap:
    of_member, in_points = per == "balance", per == "balance" or measure == "points"
    return Cap("c", per, "points" if in_points else "minutes", limit, pool, "member" if of_member else scope)


caps = st.builds(
    _cap,
    st.sampled_from(WINDOWS),
    st.sampled_from(["points", "minutes"]),
    st.integers(1, 1500),
    st.sampled_from(["", "p", "q", "review"]),
    st.sampled_from(["member", *SCOPES]),
)
services = st.builds(
    ServiceRule,
    minimum_minutes=st.sampled_from([0, 1, 30]),
    round_minutes=st.sampled_from([1, 7, 30, 60]),
    round=st.sampled_from(["down", "half-up", "up"]),
    maximum_minutes_per_day=st.sampled_from([120, 480, 1440]),
    kinds=st.sampled_from([frozenset({"confirmed"}), frozenset({"confirmed", "team"})]),
    carry_remainder=st.booleans(),
)
books = st.builds(
    RuleBook,
    name=st.just("any"),
    version=st.just("1"),
    title=st.just("any"),
    effective_from=st.just(date(2026, 1, 1)),
    effective_to=st.none(),
    legal_basis=st.just(""),
    points=st.builds(
        PointsRule, st.sampled_from(["积分", "bean"]), st.integers(0, 1), st.sampled_from(["down", "half-up", "up"])
    ),
    service=services,
    rate=st.builds(RateRule, amounts, st.dictionaries(st.sampled_from(["elder-care", "cleaning"]), amounts)),
    multiply=st.lists(multipliers, max_size=4).map(tuple),
    cap=st.lists(caps, max_size=5).map(tuple),
    expiry=st.sampled_from([None, Expiry(36, None, "month-end"), Expiry(0, (12, 31), "none")]),
    example=st.just(()),
    schema=st.just(1),
    bonus=st.lists(bonuses, max_size=3).map(lambda some: tuple(_renamed(some))),
    tier=tiers,
    credit=st.none()
    | st.builds(Credit, st.sampled_from([Decimal("0.5"), Decimal(1), Decimal("2.5")]), st.sampled_from([0, 10, 30])),
    redeem=st.sampled_from([None, Redeem(100, 18, 10, 15)]),
    gifts_to=st.sampled_from(["nobody", "pools", "relatives", "anyone"]),
    complaint=st.sampled_from(["", "void"]),
    notice_days=st.sampled_from([0, 5]),
)
"""Books with every section there is."""

generous = st.builds(
    lambda rules, cap: replace(rules, rate=RateRule(rules.rate.default + 10, rules.rate.by_category), cap=(*rules.cap, cap)),
    books,
    caps,
)
"""The same with a rate that gives something and a cap that may cut it."""
earning = facts_any.map(lambda facts: replace(facts, kind="confirmed", minutes=facts.minutes + 30))
"""Services that most books give something for."""


def _renamed(some: list[Bonus]) -> list[Bonus]:
    return [Bonus(**{name: getattr(bonus, name) for name in Bonus.__slots__} | {"id": f"b{i}"}) for i, bonus in enumerate(some)]


_sums = st.integers(0, 2000)
_keys = [window for window in WINDOWS if window != "balance"]
_keys += [f"{scope}/{window}" for scope in ("team", "programme") for window in _keys]
useds = st.builds(
    Used,
    _sums,
    _sums,
    _sums,
    st.dictionaries(st.sampled_from(_keys), st.tuples(_sums, _sums)),
    st.integers(0, 3000),
    st.integers(0, 3000),
    st.integers(-100, 2000),
    st.frozensets(st.sampled_from(["b0", "b1", "b2"])),
)

# --- by hand ---


def converted(rules: RuleBook, credits: int, before: int) -> tuple[int, int]:
    """How many of some credits become points, where so many did that month before, and how many points (docs/rules.md)."""
    if rules.credit is None:
        return 0, 0
    most = rules.credit.monthly_credits_max
    taken = min(credits, max(0, most - before)) if most else credits
    value = taken * Fraction(rules.credit.points_per_credit) * 10**rules.points.decimals
    return taken, rounded(value, rules.points.round)


def rounded(value: Fraction, how: str) -> int:
    """A number of 0 or more as a whole one."""
    return int(value // 1 if how == "down" else -(-value // 1) if how == "up" else (value + Fraction(1, 2)) // 1)


def same_window(window: str, one: Facts, other: Facts) -> bool:
    """Whether two services lie in one activity, day, month, year, life."""
    a, b = one.day, other.day
    match window:
        case "activity":
            return one.activity != "" and one.activity == other.activity
        case "day":
            return a == b
        case "month":
            return (a.year, a.month) == (b.year, b.month)
        case "year":
            return a.year == b.year
    return True


@dataclass
class Earned:
    """What one service earned, worked out by hand."""

    eligible: int = 0
    counted: int = 0
    points: int = 0
    overflow: Counter[str] = field(default_factory=Counter)
    discarded: int = 0
    window_minutes: int = 0
    bonuses: tuple[str, ...] = ()


@dataclass
class Sheet:
    """Everybody's services on a sheet of paper: (member, facts, what was earned), crossed out when reversed."""

    book: RuleBook
    lines: list[tuple[int, Facts, Earned]] = field(default_factory=list)
    spent: Counter[int] = field(default_factory=Counter)
    """Points that left a member otherwise than by a service that was taken back; those that came in are below 0."""

    def serve(self, member: int, facts: Facts) -> Earned:
        """Work out a service and write it down."""
        earned = self.worked_out(member, facts)
        self.lines.append((member, facts, earned))
        return earned

    def worked_out(self, member: int, facts: Facts) -> Earned:
        """Steps 1 to 7 of docs/rules.md."""
        rule = self.book.service
        own = [(f, e) for m, f, e in self.lines if m == member]
        if facts.kind not in rule.kinds or facts.minutes < rule.minimum_minutes:
            return Earned()
        of_day = sum(e.eligible for f, e in own if f.day == facts.day)
        eligible = min(facts.minutes, max(0, rule.maximum_minutes_per_day - of_day))
        if eligible == 0:
            return Earned()
        unit = rule.round_minutes
        if rule.carry_remainder:
            alike = [e for f, e in own if f.category == facts.category]
            before = sum(e.eligible for e in alike)
            counted = rounded(Fraction(before + eligible, unit), rule.round) * unit - sum(e.counted for e in alike)
            counted = max(0, counted)
        else:
            eligible = counted = rounded(Fraction(eligible, unit), rule.round) * unit
        if counted == 0:
            return Earned(eligible)
        times = self.times(member, facts)
        extra = [b for b in self.book.bonus if self.holds(b, member, facts) and not self.had(b, member, facts)]
        earned = Earned(eligible, counted, bonuses=tuple(b.id for b in extra))
        return self.under_caps(member, facts, earned, times, sum(b.points for b in extra))

    def times(self, member: int, facts: Facts) -> Fraction:
        """Smallest units of points for an hour: rate and multipliers."""
        value = Fraction(self.book.rate.by_category.get(facts.category, self.book.rate.default))
        groups: dict[str, Fraction] = {}
        for i, m in enumerate(self.book.multiply):
            if self.holds(m, member, facts):
                key = m.group or f"alone {i}"
                groups[key] = max(groups.get(key, Fraction(0)), Fraction(m.times))
        for largest in groups.values():
            value *= largest
        return value * 10**self.book.points.decimals

    def holds(self, rule: Multiplier | Bonus, member: int, facts: Facts) -> bool:
        """Whether every condition of a multiplier or bonus is met."""
        met = [
            not rule.dates or any(start <= facts.day <= end for start, end in rule.dates),
            not rule.weekdays or facts.day.weekday() in rule.weekdays,
            not rule.categories or facts.category in rule.categories,
            facts.team_size >= rule.team_at_least,
            not rule.teams or facts.team in rule.teams,
        ]
        for tier in self.book.tier:
            if tier.id == rule.tier:
                own = [f for m, f, _ in self.lines if m == member]
                served = sum(f.minutes for f in own if tier.window == "lifetime" or f.day.year == facts.day.year)
                met.append(served >= 60 * tier.hours_at_least)
        return all(met)

    def had(self, bonus: Bonus, member: int, facts: Facts) -> bool:
        """Whether a member was given a bonus in its window before."""
        if bonus.per == "entry":
            return False
        return any(m == member and bonus.id in e.bonuses and same_window(bonus.per, f, facts) for m, f, e in self.lines)

    def under_caps(self, member: int, facts: Facts, earned: Earned, times: Fraction, extra: int) -> Earned:
        """Step 7: the member's caps by length of window, the team's, the programme's, and at last what one may have."""

        def worth(minutes: int) -> int:
            return rounded(times * minutes / 60, self.book.points.round) + extra if minutes else 0

        points, minutes = worth(earned.counted), earned.counted
        kinds = [("member", w) for w in WINDOWS[:-1]] + [(s, w) for s in SCOPES[1:] for w in WINDOWS[:-1]]
        for scope, window in [*kinds, ("member", "balance")]:
            for cap in self.book.cap:
                if (cap.scope, cap.per) != (scope, window):
                    continue
                if (scope == "team" and not facts.team) or (scope == "programme" and not facts.programme):
                    continue
                own_points, own_minutes = self.before(member, facts, scope, window)
                if cap.measure == "points":
                    kept = min(points, max(0, cap.limit - own_points))
                else:
                    minutes = min(minutes, max(0, cap.limit - own_minutes))
                    kept = min(points, worth(minutes))
                if cap.pool:
                    earned.overflow[cap.pool] += points - kept
                else:
                    earned.discarded += points - kept
                points = kept
        earned.points, earned.window_minutes = points, minutes
        return earned

    def before(self, member: int, facts: Facts, scope: str, window: str) -> tuple[int, int]:
        """Points and minutes that a window holds before a service."""
        if window == "balance":
            return self.balance(member), 0
        inside = [
            e
            for m, f, e in self.lines
            if same_window(window, f, facts)
            and {"member": m == member, "team": f.team == facts.team, "programme": f.programme == facts.programme}[scope]
        ]
        return sum(e.points for e in inside), sum(e.window_minutes for e in inside)

    def balance(self, member: int) -> int:
        """Points a member has."""
        return sum(e.points for m, _, e in self.lines if m == member) - self.spent[member]
