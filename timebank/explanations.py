"""An entry of points explained step by step, from what it stores alone and no text of rules. Pure: a payload in, words out.

A trace tells what was served, what was read of earlier entries, and each step from the minutes to the points; the postings tell
where these went and when they lapse. Entries of other kinds tell whose points moved, and what their facts say about why.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from timebank import acceptance_words, voucher_words
from timebank.base.i18n import Say, say
from timebank.benefits import yuan
from timebank.clauses import NEVER, plain
from timebank.journal import EXPIRED, UNITS
from timebank.traces import amount_told, cap_named, conversion_of, facts_of, steps_of, time_told, used_of

Fields = Mapping[str, Any]
Who = Callable[[str], Say | str]
"""What a holder ('member:12', 'pool:elder-care') is called."""

AWARDED: Final = ("hours", "credit.convert")
"""Kinds of entries that have a trace."""
_ALLOWED: Final = {
    "relatives": say("the rules let points be given to relatives"),
    "anyone": say("the rules let points be given to anyone"),
    "pools": say("the rules let points be given to pools and teams"),
}
_DECIDED: Final = {"given": say("they were given"), "discarded": say("they were not given")}
_KINDS: Final = {
    "self-reported": say("self-reported"),
    "back-entered": say("back-entered"),
    "team": say("recorded by a team"),
}
_NONE: Final[dict[str, Any]] = {}


class Row(NamedTuple):
    """One line of an explanation: what it is about, and what is told."""

    name: Say
    told: Say | str


def rows(fields: Fields, who: Who, decimals: int) -> list[Row]:
    """Every line about an entry's points, in the order in which they came about. Raises Invalid as `rewards.facts_of`."""
    trace = fields.get("trace")
    found = list[Row]()
    if trace is not None:
        found += _of_conversion(trace) if "credits" in trace else _of_service(trace)
        found += (Row(say("step {number}", number=number), step) for number, step in enumerate(steps_of(trace), start=1))
        found += _left_over(trace) if "credits" not in trace else ()
    else:
        found += _why(fields, decimals)
    found += _moves(fields, who, decimals)
    if "notice" in fields.get("facts", _NONE):
        found.append(Row(say("notice"), say("notice {number} hung out before and passed", number=fields["facts"]["notice"])))
    return found


def _of_service(trace: Fields) -> Iterator[Row]:
    """What was served, and what the rules read of the entries before it."""
    facts, used = facts_of(trace), used_of(trace)
    yield Row(
        say("service"),
        say("{day}, {category}, {time}", day=facts.day, category=facts.category or "-", time=time_told(facts.minutes)),
    )
    if facts.kind in _KINDS:
        yield Row(say("record"), _KINDS[facts.kind])
    if facts.team_size != 1:
        yield Row(say("people"), str(facts.team_size))
    for name, value in ((say("team"), facts.team), (say("programme"), facts.programme), (say("activity"), facts.activity)):
        if value:
            yield Row(name, value)
    read = say("read of earlier entries")
    if used.day_minutes:
        yield Row(read, say("{time} of that day could earn already", time=time_told(used.day_minutes)))
    if used.eligible or used.counted:
        before, counted = time_told(used.eligible), time_told(used.counted)
        yield Row(read, say("{time} of this category before, of which {counted} were counted", time=before, counted=counted))
    for window, (points, minutes) in used.windows.items():
        scope, _, per = window.rpartition("/")
        cap, amount = cap_named(per, scope or "member"), amount_told(trace, points)
        yield Row(read, say("{cap}: {amount} and {time} before", cap=cap, amount=amount, time=time_told(minutes)))
    if used.served or used.served_year:
        year = time_told(used.served_year)
        yield Row(read, say("{time} served before, {year} of them that year", time=time_told(used.served), year=year))
    if used.balance:
        yield Row(read, say("{amount} in store before", amount=amount_told(trace, used.balance)))
    for bonus in sorted(used.bonuses):
        yield Row(read, say("the bonus {name} was given before", name=bonus))


def _of_conversion(trace: Fields) -> Iterator[Row]:
    day, offered, before = conversion_of(trace)
    yield Row(say("credits"), say("{credits} on {day}", credits=offered, day=day))
    if before:
        yield Row(say("read of earlier entries"), say("{credits} credits were converted that month already", credits=before))


def _left_over(trace: Fields) -> Iterator[Row]:
    """Minutes that were not enough for a whole unit, where they are carried."""
    used = used_of(trace)
    left = used.eligible - used.counted + trace["eligible"] - trace["counted"]
    if left > 0:
        yield Row(say("left over"), say("{time} count with the next service", time=time_told(left)))


def _why(fields: Fields, decimals: int) -> Iterator[Row]:
    """What an entry without a trace says of its reasons."""
    facts, kind = fields.get("facts", _NONE), fields["kind"]
    if "reverses" in fields:
        yield Row(say("takes back"), _entry(fields["reverses"]))
    for _, _, lot, points in facts.get("expired", ()):
        amount = points_told(points, decimals)
        yield Row(say("of it had lapsed"), say("{amount} on {day}", amount=amount, day=lot))
    if kind in voucher_words.KINDS:
        yield from (Row(name, told) for name, told in voucher_words.details(kind, facts, decimals))
    if kind in acceptance_words.KINDS:
        yield from (Row(name, told) for name, told in acceptance_words.details(kind, facts))
    if kind == "points.gift":
        yield Row(say("allowed"), _ALLOWED.get(facts.get("to", ""), str(facts.get("to"))))
        if "kin" in facts:
            yield Row(say("kinship"), say("link {number}", number=facts["kin"]))
    if kind == "points.review":
        amount = points_told(facts["points"], decimals)
        about = say("{amount} above a cap of entry {entry}", amount=amount, entry=_entry(facts["entry"]))
        yield Row(say("decision"), about)
        yield Row(say("decision"), _DECIDED.get(facts["outcome"], str(facts["outcome"])))
    if kind == "points.expire":
        yield Row(say("lapsed"), say("their last day was {day}", day=fields["business_date"]))
    if kind == "points.opening":
        yield Row(say("brought in"), say("from earlier records, as they stood on {day}", day=fields["business_date"]))
    if kind == "credit.issue":
        yield Row(
            say("contribution"), say("{credits} credits for {category}", credits=facts["credits"], category=facts["category"])
        )


def _moves(fields: Fields, who: Who, decimals: int) -> Iterator[Row]:
    """Who got or gave how much, lot by lot; the community's own side is left out."""
    for holder, unit, purpose, lapse, amount, _ in fields["postings"]:
        if holder.startswith(("system:", "fund:", "sponsor:")) and holder != EXPIRED:
            continue
        shown = _amount(unit, amount, decimals)
        if purpose == "held":
            yield Row(say("moved"), say("{who}: {amount}, of what is held", who=who(holder), amount=shown))
        elif purpose == "owed":
            yield Row(say("moved"), say("{who}: {amount}, of what was owed", who=who(holder), amount=shown))
        elif unit == "points" and lapse != NEVER.isoformat():
            yield Row(say("moved"), say("{who}: {amount}, good until {day}", who=who(holder), amount=shown, day=lapse))
        elif unit == "points":
            yield Row(say("moved"), say("{who}: {amount}, which never lapse", who=who(holder), amount=shown))
        else:
            yield Row(say("moved"), say("{who}: {amount}", who=who(holder), amount=shown))


def _amount(unit: str, amount: int, decimals: int) -> Say | str:
    sign = "+" if amount > 0 else "-"
    size = abs(amount)
    if unit == UNITS[0]:
        return say("{sign}{time} of service", sign=sign, time=time_told(size))
    if unit == "points":
        return say("{sign}{points} points", sign=sign, points=points_told(size, decimals))
    if unit == "fen":
        return say("{sign}{yuan} yuan", sign=sign, yuan=yuan(size))
    return say("{sign}{credits} credits", sign=sign, credits=size)


def points_told(points: int, decimals: int) -> str:
    """An amount in the smallest unit as people write it."""
    return plain(Decimal(points).scaleb(-decimals))


def rules_told(ref: str) -> str:
    """A rule book as an explanation names it: version and the first 8 digits of its hash."""
    version, _, digest = ref.rpartition("@")
    return f"{version} · {digest[:8]}" if version else ref


def _entry(seq: int) -> str:
    return f"E{seq:06d}"
