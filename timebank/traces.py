"""Traces of awards: back to what was asked, and into words, from what an entry stores alone. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from timebank.base.errors import Invalid
from timebank.base.i18n import Language, Say, say, text
from timebank.clauses import ENGINE, REVIEW, Facts, Used, plain


def facts_of(trace: Mapping[str, Any]) -> Facts:
    """The facts a trace was made from. Raises Invalid `bad_trace`, or `other_engine` for one made by other arithmetic."""
    day = _day(trace)
    team_size = _whole(trace, "team") if "team" in trace else 1
    within = (_word(trace, "activity"), _word(trace, "team_no"), _word(trace, "programme"))
    category, kind = _word(trace, "category", None), _word(trace, "kind", "confirmed")
    return Facts(day, category, _whole(trace, "minutes"), team_size, kind, *within)


def used_of(trace: Mapping[str, Any]) -> Used:
    """The numbers a trace was made with: award(facts_of(t), book, used_of(t)) is the same award again.

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
    bonuses = used.get("bonuses", [])
    if not isinstance(bonuses, list) or not all(isinstance(id_, str) for id_ in bonuses):
        raise _bad_trace("used")
    carried = (_whole(used, "day_minutes"), _whole(used, "eligible"), _whole(used, "counted"))
    others = (_whole(used, "served"), _whole(used, "served_year"), _whole(used, "balance"))
    return Used(*carried, pairs, *others, frozenset(bonuses))


def conversion_of(trace: Mapping[str, Any]) -> tuple[date, int, int]:
    """Day, credits offered and credits converted that month before, of the trace of a conversion. Raises as `facts_of`."""
    day, used = _day(trace), trace.get("used", {})
    if not isinstance(used, dict) or "credits" not in trace:
        raise _bad_trace("used, credits")
    return day, _whole(trace, "credits"), _whole(used, "credits")


def _day(trace: Mapping[str, Any]) -> date:
    if trace.get("engine") != ENGINE:
        raise Invalid(
            say("These points were worked out by engine {engine}, not {ours}.", engine=trace.get("engine"), ours=ENGINE),
            "other_engine",
            say("Use the version of the program that made the entry."),
        )
    try:
        return date.fromisoformat(trace["day"])
    except (KeyError, TypeError, ValueError) as error:
        raise _bad_trace("day") from error


def _word(trace: Mapping[str, Any], name: str, default: str | None = "") -> str:
    value = trace.get(name, default)
    if not isinstance(value, str):
        raise _bad_trace(name)
    return value


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
    """A trace in words, as a sentence for any language: what was served, counted, multiplied, cut, recorded; or converted."""
    return _joined(steps_of(trace))


def steps_of(trace: Mapping[str, Any]) -> list[Say]:
    """The same step by step. Raises as `facts_of` and `used_of` do."""
    if "credits" in trace:
        return [*_conversion_told(trace, *conversion_of(trace))]
    return [*_minutes_told(trace, facts_of(trace), used_of(trace))]


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
    "activity": say("cap for an activity"),
    "day": say("daily cap"),
    "month": say("monthly cap"),
    "year": say("yearly cap"),
    "lifetime": say("lifetime cap"),
    "balance": say("store cap"),
}
# Ids that need no label of their own: what a clerk calls them.
_NAMES: Final = {"team": say("as a team"), "weekend": say("on a weekend")}


def _minutes_told(trace: Mapping[str, Any], facts: Facts, used: Used) -> Iterator[Say]:
    """From the minutes served to the points recorded, or to the reason why no minutes counted."""
    yield say("{time} of service", time=time_told(facts.minutes))
    if "refused" in trace:
        yield _KIND_EARNS_NOTHING.get(facts.kind, say("such records earn nothing"))
        return
    if "minimum" in trace:
        yield say("shorter than {time}: earns nothing", time=time_told(trace["minimum"]))
        return
    if "day_limit" in trace:
        limit = trace["day_limit"]
        if used.day_minutes >= limit:
            yield say("the {time} a day that count are reached: earns nothing", time=time_told(limit))
            return
        yield say("{left} left of the {time} a day that count", left=time_told(limit - used.day_minutes), time=time_told(limit))
    carried = used.eligible - used.counted
    if carried > 0:
        yield say("with {time} left over from before", time=time_told(carried))
    elif carried < 0:
        yield say("{time} were counted before", time=time_told(-carried))
    if trace["counted"]:
        if used.served:
            yield say("after {time} of earlier service", time=time_told(used.served))
        yield from _points_told(trace)
    else:
        yield _not_counted(trace["eligible"], carried)


def _not_counted(eligible: int, carried: int) -> Say:
    if not eligible:
        return say("less than one unit of counting: earns nothing")
    if eligible + carried > 0:
        return say("not a whole unit yet: {time} go to the next service", time=time_told(eligible + carried))
    return say("earns nothing more")


def _points_told(trace: Mapping[str, Any]) -> Iterator[Say]:
    """From the minutes counted to the points recorded."""
    value = Fraction(trace["counted"], 60) * Fraction(trace["rate"])
    time = time_told(trace["counted"])
    yield say("{time} counted × {rate} {result}", time=time, rate=trace["rate"], result=_result(value))
    for name, times in trace.get("times", ()):
        value *= Fraction(times)
        yield say("{name} × {times} {result}", name=_NAMES.get(name, name), times=times, result=_result(value))
    for id_, points, *label in trace.get("bonus", ()):
        value += Fraction(points)
        yield say(
            "{name} + {points} {result}", name=_NAMES.get(id_, label[0] if label else id_), points=points, result=_result(value)
        )
    cuts = trace.get("caps", ())
    if cuts:
        yield say("makes {amount}", amount=amount_told(trace, trace["points"] + sum(cut["cut"] for cut in cuts)))
    for cut in cuts:
        yield _cut_told(trace, cut)
    yield say("{amount} recorded", amount=amount_told(trace, trace["points"]))


def _cut_told(trace: Mapping[str, Any], cut: Mapping[str, Any]) -> Say:
    limit = amount_told(trace, cut["limit"]) if cut["of"] == "points" else time_told(cut["limit"])
    amount, cap = amount_told(trace, cut["cut"]), cap_named(cut["per"], cut.get("scope", "member"))
    if cut["to"] == "discard":
        return say("{amount} above the {cap} of {limit} are not recorded", amount=amount, cap=cap, limit=limit)
    if cut["to"] == REVIEW:
        return say("{amount} above the {cap} of {limit} wait for a decision", amount=amount, cap=cap, limit=limit)
    pool = cut["to"].removeprefix("pool:")
    return say("{amount} above the {cap} of {limit} go to the pool {pool}", amount=amount, cap=cap, limit=limit, pool=pool)


def _conversion_told(trace: Mapping[str, Any], _: date, offered: int, before: int) -> Iterator[Say]:
    """From the credits offered to the points recorded."""
    yield say("{credits} credits", credits=offered)
    if "over" in trace:
        most, over = trace["month_max"], trace["over"]
        yield say("{most} a month may be converted, {before} were: {over} stay", most=most, before=before, over=over)
    taken = offered - trace.get("over", 0)
    value = taken * Fraction(trace["rate"])
    yield say("{credits} credits × {rate} {result}", credits=taken, rate=trace["rate"], result=_result(value))
    yield say("{amount} recorded", amount=amount_told(trace, trace["points"]))


def cap_named(per: str, scope: str) -> Say:
    """What a cap is called: monthly cap, team's monthly cap."""
    if scope == "member":
        return _CAPS[per]
    return say("team's {cap}", cap=_CAPS[per]) if scope == "team" else say("programme's {cap}", cap=_CAPS[per])


def time_told(minutes: int) -> Say:
    """A stretch of minutes in hours and minutes."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return say("{minutes} min", minutes=minutes)
    return say("{hours} h {minutes} min", hours=hours, minutes=f"{rest:02d}") if rest else say("{hours} h", hours=hours)


def amount_told(trace: Mapping[str, Any], points: int) -> Say:
    """An amount of points (smallest unit) with the unit of a trace: of 积分, 福分 and the like one says 79 分."""
    unit = trace["unit"]
    amount = plain(Decimal(points).scaleb(-trace.get("decimals", 0)))
    return say("{amount} {unit}", amount=amount, unit="分" if unit.endswith("分") else unit)


def _result(value: Fraction) -> str:
    """'= 79.2' where four decimals hold the value, else '≈ 8.33'."""
    if 10**4 % value.denominator == 0:
        return f"= {plain(Decimal(int(value * 10**4)).scaleb(-4))}"
    return f"≈ {plain(Decimal(int(value * 100 + Fraction(1, 2))).scaleb(-2))}"
