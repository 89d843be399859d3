"""How minutes of service become points: `award` applies a rule book to one service.

Pure: no session, no clock, no chance, no person. Exact: minutes and points are whole numbers (points in the community's
smallest unit), rates and multipliers are decimals kept as pairs of integers, and there is one rounding, at the end. What an
award read and did is its trace: a few canonical values from which the same award can be made again, and told in words.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from timebank.clauses import ENGINE, NEVER, REVIEW, Bonus, Facts, Rounding, RuleBook, ServiceRule, Used, plain
from timebank.traces import conversion_of, explain, explained, facts_of, used_of

__all__ = [
    "ENGINE",
    "NEVER",
    "REVIEW",
    "Award",
    "Conversion",
    "Facts",
    "Hindrance",
    "RuleBook",
    "Used",
    "award",
    "convert",
    "converted_again",
    "explain",
    "explained",
    "facts_of",
    "hindrances",
    "used_of",
]


class Award(NamedTuple):
    """What one service earned. Points are in the smallest unit.

    `eligible` minutes enter the carried sum and the day; `counted` minutes earned; `points` are the member's own, `overflow`
    those given to pools (name, points) and, under REVIEW, those that wait for a decision; discarded ones stand in the trace
    only. `window_minutes` is what the service adds to the minutes of every window: `counted`, less what a cap in minutes
    cut off. `bonuses` are those that it was given.
    """

    eligible: int
    counted: int
    points: int
    overflow: tuple[tuple[str, int], ...]
    lapses_on: date
    window_minutes: int
    trace: dict[str, Any]
    bonuses: tuple[Bonus, ...] = ()


class Conversion(NamedTuple):
    """What community credits become: `credits` of those offered are converted, `over` are more than the month allows and stay.
    Points are in the smallest unit."""

    credits: int
    over: int
    points: int
    lapses_on: date
    trace: dict[str, Any]


class Hindrance(NamedTuple):
    """A condition of [redeem] that is not met: its key, what it wants, what is there (None: not known), how much is missing.

    Hours are in minutes, an age in years, a step in the smallest unit of points.
    """

    condition: Literal["minimum_hours_served", "minimum_age", "step"]
    wanted: int
    there: int | None
    missing: int


def award(facts: Facts, book: RuleBook, used: Used) -> Award:
    """Apply a rule book to one service.

    The order is part of schema 1: eligibility, the day's limit, rounding of minutes with what was carried, rate, the
    largest multiplier of each group, the other multipliers, bonuses, one rounding, caps (of the member from the activity to the
    lifetime, of the team, of the programme, of the balance), overflow, lapse day. Never raises. points + overflow + what the
    trace calls discarded = the points before caps.
    """
    trace = _begun(facts, book)
    admitted = _admitted(facts, book.service, used, trace)
    eligible, counted = _counted(admitted, book.service, used, trace)
    points, minutes = 0, 0
    overflow: tuple[tuple[str, int], ...] = ()
    bonuses: tuple[Bonus, ...] = ()
    if counted:
        earned_by = _priced(facts, book, used, trace)
        if book.bonus:
            earned_by, bonuses = _with_bonuses(earned_by, facts, book, used, trace)
        points, minutes = earned_by(counted), counted
        if book.cap:
            points, minutes, overflow = _capped(earned_by, counted, facts, book, used, trace)
    trace["eligible"], trace["counted"], trace["points"] = eligible, counted, points
    lapses_on = book.expiry.lapses_on(facts.day) if book.expiry else NEVER
    return Award(eligible, counted, points, overflow, lapses_on, minutes, trace, bonuses)


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
    if facts.activity:
        trace["activity"] = facts.activity
    if facts.team:
        trace["team_no"] = facts.team
    if facts.programme:
        trace["programme"] = facts.programme
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


def _priced(facts: Facts, book: RuleBook, used: Used, trace: dict[str, Any]) -> Callable[[int], int]:
    """What counted minutes earn: rate, the largest multiplier of each group, the others, and the one rounding."""
    ready = book.ready
    rate = ready.rates.get(facts.category, ready.default_rate)
    trace["rate"] = rate.written
    numerator, denominator = rate.numerator, rate.denominator
    if ready.reads_served:
        _note_used(trace, "served", used.served)
        _note_used(trace, "served_year", used.served_year)
    taken = []
    for group in ready.groups:
        for when, times in group:
            if when.holds(facts, used):
                numerator *= times.numerator
                denominator *= times.denominator
                taken.append([when.rule.label or when.rule.id, times.written])
                break
    if taken:
        trace["times"] = taken
    return lambda minutes: _rounded(minutes * numerator, denominator, book.points.round)


def _with_bonuses(
    earned_by: Callable[[int], int], facts: Facts, book: RuleBook, used: Used, trace: dict[str, Any]
) -> tuple[Callable[[int], int], tuple[Bonus, ...]]:
    """What counted minutes earn with the bonuses on top, and which these are.

    They are whole in the smallest unit, so that it does not matter to them where the one rounding is. Where a cap in minutes
    leaves none, nothing is earned and so no bonus either; it counts as given all the same.
    """
    given, had, told = [], [], []
    for when, bonus in book.ready.bonuses:
        if not when.holds(facts, used):
            continue
        if bonus.per != "entry" and bonus.id in used.bonuses:
            had.append(bonus.id)
            continue
        given.append(bonus)
        written = plain(Decimal(bonus.points).scaleb(-book.points.decimals))
        told.append([bonus.id, written, bonus.label] if bonus.label else [bonus.id, written])
    if had:
        trace.setdefault("used", {})["bonuses"] = had
    if not given:
        return earned_by, ()
    trace["bonus"] = told
    extra = sum(bonus.points for bonus in given)
    return lambda minutes: earned_by(minutes) + extra if minutes else 0, tuple(given)


def _capped(
    earned_by: Callable[[int], int], counted: int, facts: Facts, book: RuleBook, used: Used, trace: dict[str, Any]
) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    """Points and minutes left of a service after all caps, and what they gave to pools or left to a decision.

    A cap in minutes lowers the minutes that later caps and later services see, just as a cap in points lowers the points:
    so minutes that earned nothing never use up anybody's room. The carried sum is not touched by caps. A service that names
    no activity is an activity by itself; one of no team or programme is not touched by their caps.
    """
    points, minutes = earned_by(counted), counted
    cuts, pools = [], dict[str, int]()
    for cap, window in book.ready.caps:
        if cap.scope != "member" and not (facts.team if cap.scope == "team" else facts.programme):
            continue
        points_used, minutes_used = _read_window(trace, window, used)
        if cap.measure == "points":
            kept = min(points, max(0, cap.limit - points_used))
        else:
            minutes = min(minutes, max(0, cap.limit - minutes_used))
            kept = min(points, earned_by(minutes))
        cut, points = points - kept, kept
        if cut:
            told: dict[str, Any] = {"id": cap.id, "per": cap.per, "of": cap.measure, "limit": cap.limit, "cut": cut}
            told["to"] = f"pool:{cap.pool}" if cap.pool and cap.pool != REVIEW else cap.pool or "discard"
            if cap.scope != "member":
                told["scope"] = cap.scope
            cuts.append(told)
            if cap.pool:
                pools[cap.pool] = pools.get(cap.pool, 0) + cut
    if cuts:
        trace["caps"] = cuts
    if minutes < counted:  # also written where the rate is 0 and nothing was cut: the ledger may read it from here
        trace["window_minutes"] = minutes
    return points, minutes, tuple(pools.items())


def _note_used(trace: dict[str, Any], name: str, value: int) -> None:
    """Note a number that was read; nothing used is not written."""
    if value:
        trace.setdefault("used", {})[name] = value


def _read_window(trace: dict[str, Any], window: str, used: Used) -> tuple[int, int]:
    if window == "balance":
        _note_used(trace, "balance", used.balance)
        return used.balance, 0
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


# --- credits and redeeming ---


def convert(day: date, credits: int, book: RuleBook, used_this_month: int) -> Conversion:
    """Turn a member's community credits into points, on a day of whose month the member converted so many before.

    The book has a section [credit]. One rounding, by [points]; points lapse counting from that day.
    """
    rule = book.credit
    assert rule is not None, "whoever offers credits has looked whether the book converts any"
    over = max(0, credits - max(0, rule.monthly_credits_max - used_this_month)) if rule.monthly_credits_max else 0
    rate = Fraction(rule.points_per_credit) * 10**book.points.decimals
    points = _rounded((credits - over) * rate.numerator, rate.denominator, book.points.round)
    trace: dict[str, Any] = {"engine": ENGINE, "day": day.isoformat(), "credits": credits, "unit": book.points.name}
    if book.points.decimals:
        trace["decimals"] = book.points.decimals
    trace["rate"] = plain(rule.points_per_credit)
    if rule.monthly_credits_max:
        trace["month_max"] = rule.monthly_credits_max
        _note_used(trace, "credits", used_this_month)
    if over:
        trace["over"] = over
    trace["points"] = points
    lapses_on = book.expiry.lapses_on(day) if book.expiry else NEVER
    return Conversion(credits - over, over, points, lapses_on, trace)


def converted_again(trace: Mapping[str, Any], book: RuleBook) -> Conversion:
    """The conversion of a stored trace once more. Raises Invalid `bad_trace`, `other_engine`."""
    day, credits, used_this_month = conversion_of(trace)
    return convert(day, credits, book, used_this_month)


def hindrances(book: RuleBook, minutes_served: int, age: int | None, points: int) -> tuple[Hindrance, ...]:
    """Which conditions of [redeem] keep a member of that age (None: not known) from redeeming so many points; () is none."""
    rule = book.redeem
    if rule is None:
        return ()
    wanted, rest = rule.minimum_hours_served * 60, points % rule.step
    found = []
    if minutes_served < wanted:
        found.append(Hindrance("minimum_hours_served", wanted, minutes_served, wanted - minutes_served))
    if rule.minimum_age and (age is None or age < rule.minimum_age):
        found.append(Hindrance("minimum_age", rule.minimum_age, age, rule.minimum_age - (age or 0)))
    if rest:
        found.append(Hindrance("step", rule.step, points, rule.step - rest))
    return tuple(found)
