"""Rule books as files: reads the TOML a committee voted on into a `RuleBook`, or says everything that is wrong with it.

Pure: bytes in, values out. Every mistake is a finding with its path (`cap[0].points: must be …, got …`), all of them at once.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, TypeVar

from timebank.base.errors import Finding
from timebank.base.i18n import say
from timebank.base.masking import unfit_word
from timebank.clauses import (
    GRACE_DAYS,
    KINDS,
    NEVER,
    SCOPES,
    WINDOWS,
    Align,
    Bonus,
    BonusPer,
    Cap,
    Complaint,
    Credit,
    Example,
    Expiry,
    Facts,
    GiftTo,
    Multiplier,
    PointsRule,
    RateRule,
    Redeem,
    Rounding,
    RuleBook,
    Scope,
    ServiceRule,
    Tier,
    TierWindow,
    Used,
    Window,
    merged,
)
from timebank.rewards import award, explained
from timebank.rulelint import lint
from timebank.ruletext import (
    DAY,
    DAYS,
    FINDINGS_MAX,
    FLAG,
    MONTH_DAY,
    Kind,
    Table,
    decimal,
    matching,
    one_of,
    parsed,
    whole,
    words,
)

C = TypeVar("C", bound=str)

CATEGORIES_MAX: Final = 500
BONUS_MAX: Final = 10_000
POINTS_AN_HOUR_MAX: Final = 1_000_000  # keeps every amount far below 2^53

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ROUNDINGS: Final[tuple[Rounding, ...]] = ("down", "half-up", "up")
_BONUS_PER: Final[tuple[BonusPer, ...]] = ("entry", "day", "month", "year", "lifetime")
_TIER_WINDOWS: Final[tuple[TierWindow, ...]] = ("lifetime", "year")
_GIFTS_TO: Final[tuple[GiftTo, ...]] = ("nobody", "pools", "relatives", "anyone")
_COMPLAINTS: Final[tuple[Complaint, ...]] = ("void",)
_ALIGNS: Final[tuple[Align, ...]] = ("month-end", "year-end", "none")


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a file: the book, or None and the errors. `lint` is worth a look and refuses nothing.

    Errors beside a book name words that may not enter the log: such a book is not published, yet one of old stays readable.
    """

    book: RuleBook | None
    errors: tuple[Finding, ...]
    lint: tuple[Finding, ...]


def digest(data: bytes) -> str:
    """SHA-256 of the file's bytes in hex: which text was voted on."""
    return hashlib.sha256(data).hexdigest()


def read(data: bytes) -> Reading:
    """Read a rule book (docs/rules.md). Never raises: whatever is wrong comes back as findings.

    The examples are run; one that earns something else than it says is an error like any other.
    """
    values, findings = parsed(data)
    book = None if findings else _book(Table("", values, findings))
    if book is None or findings:
        return Reading(None, _first(findings), ())
    failing = tuple(_failing_examples(book))
    return Reading(None if failing else book, (*failing, *_unfit_words(book)), tuple(lint(book)))


def _first(findings: list[Finding]) -> tuple[Finding, ...]:
    """As many findings as anybody reads, and how many more there are."""
    if len(findings) <= FINDINGS_MAX:
        return tuple(findings)
    more = say("and {count} more mistakes", count=len(findings) - FINDINGS_MAX)
    return (*findings[:FINDINGS_MAX], Finding("file", "more_findings", more))


# --- the sections of schema 1 ---

_ID: Final = matching(r"[a-z0-9-]{1,40}", say("must be 1 to 40 of a-z, 0-9 and -"))
_VERSION: Final = matching(r"[A-Za-z0-9._-]{1,20}", say("must be 1 to 20 of letters, digits, dot, _ and -"))
_TEAM: Final = matching(r"[A-Za-z0-9-]{1,20}", say("must be the number of a team, like T001"))
_OVERFLOW: Final = matching(
    r"discard|review|pool:(?!review$)[a-z0-9-]{1,40}",
    say("must be discard, review or pool:NAME, the name in a-z, 0-9 and - and not review"),
)
_SCHEMA: Final = Kind("bad_number", say("must be 1, the schema this version of the program reads"), whole(1, 1).fit, 1)


def _book(top: Table) -> RuleBook | None:
    """The whole book; None when anything was noted."""
    if top.has("schema") and type(top.values["schema"]) is int and top.values["schema"] != 1:
        top.refuse("schema", "unknown_schema", _SCHEMA.wanted, top.values["schema"])
        return None
    top.get("schema", _SCHEMA)
    name, version, title = top.get("name", _ID), top.get("version", _VERSION), top.get("title", words(200))
    effective_from = top.get("effective_from", DAY)
    effective_to = top.get("effective_to", DAY) if top.has("effective_to") else None
    if effective_to and effective_from != NEVER and effective_to < effective_from:
        top.refuse("effective_to", "dates_reversed", say("must not lie before effective_from"), effective_to)
    legal_basis = top.get("legal_basis", words(400), "")
    points = _points(top.table("points", required=True))
    service = _service(top.table("service", required=True))
    rate = _rate(top.table("rate", required=True))
    decimals = points.decimals
    multiplies, bonuses = _with_own_ids(top, "multiply"), _with_own_ids(top, "bonus")
    multiply = tuple(_multiplier(table) for table in multiplies)
    bonus = tuple(_bonus(table, decimals) for table in bonuses)
    tier = tuple(_tier(table) for table in _with_own_ids(top, "tier"))
    cap = tuple(_cap(table, decimals) for table in _with_own_ids(top, "cap"))
    expiry = _expiry(top.table("expiry", required=False)) if top.has("expiry") else None
    others = _others(top, decimals)
    example = tuple(_example(table, decimals, bonus) for table in top.tables("example"))
    _known_tiers([*multiplies, *bonuses], tier)
    top.close()
    if top.findings:
        return None
    head = (name, version, title, effective_from, effective_to, legal_basis)
    made = RuleBook(*head, points, service, rate, multiply, cap, expiry, example, bonus=bonus, tier=tier, **others)
    most = made.points_an_hour_max
    if most > POINTS_AN_HOUR_MAX:
        wanted = say("all multipliers together must leave an hour at {limit} points or less", limit=POINTS_AN_HOUR_MAX)
        top.refuse("multiply", "too_many_points", wanted, int(most))
        return None
    return made


def _points(table: Table) -> PointsRule:
    name = table.get("name", words(20))
    decimals = table.get("decimals", replace(whole(0, 1), stand_in=1))  # so that 9.5 points are not refused as well
    rule = PointsRule(name, decimals, table.get("round", one_of(_ROUNDINGS)))
    table.close()
    return rule


def _service(table: Table) -> ServiceRule:
    rule = ServiceRule(
        minimum_minutes=table.get("minimum_minutes", whole(0, 1440)),
        round_minutes=table.get("round_minutes", whole(1, 1440)),
        round=table.get("round", one_of(_ROUNDINGS)),
        maximum_minutes_per_day=table.get("maximum_minutes_per_day", whole(1, 1440)),
        kinds=frozenset(table.each("kinds", one_of(KINDS), required=True)),
        carry_remainder=table.get("carry_remainder", FLAG),
    )
    table.close()
    return rule


def _rate(table: Table) -> RateRule:
    kind = decimal("0", 10_000, 4)
    default = table.get("default", kind)
    categories = [category for category in table.values if category != "default"]
    if len(categories) > CATEGORIES_MAX:
        message = say("a rule book has at most {limit} of these, got {got}", limit=CATEGORIES_MAX, got=len(categories))
        table.note("", "too_many", message)
    for category in categories:
        if words(40).fit(category) is None:
            table.refuse(
                "",
                "bad_text",
                say("a category's name must be a text of 1 to {most} characters, no space at its ends", most=40),
                category,
            )
    rates = {category: table.get(category, kind) for category in categories}
    table.close()
    return RateRule(default, rates)


def _with_own_ids(top: Table, key: str) -> list[Table]:
    """The sections [[key]]; the second one of the same id is noted."""
    tables = top.tables(key)
    seen: set[str] = set()
    for table in tables:
        id_ = table.values.get("id")
        if isinstance(id_, str):
            if id_ in seen:
                table.refuse("id", "duplicate_id", say("must be an id of its own"), id_)
            seen.add(id_)
    return tables


def _multiplier(table: Table) -> Multiplier:
    rule = Multiplier(
        id=table.get("id", _ID),
        times=table.get("times", decimal("0.0001", 100, 4)),
        label=table.get("label", words(40), ""),
        group=table.get("group", _ID, ""),
        **_conditions(table),
    )
    table.close()
    return rule


def _bonus(table: Table, decimals: int) -> Bonus:
    rule = Bonus(
        id=table.get("id", _ID),
        points=_smallest(table.get("points", decimal("0.1" if decimals else "1", BONUS_MAX, decimals)), decimals),
        per=table.get("per", one_of(_BONUS_PER)),
        label=table.get("label", words(40), ""),
        **_conditions(table),
    )
    table.close()
    return rule


def _conditions(table: Table) -> dict[str, Any]:
    """What a multiplier or bonus may ask of a service; left out is not asked."""
    return {
        "dates": tuple(merged(table.each("dates", DAYS))),
        "weekdays": frozenset(_WEEKDAYS.index(day) for day in table.each("weekdays", one_of(_WEEKDAYS))),
        "categories": frozenset(table.each("categories", words(40))),
        "team_at_least": table.get("team_at_least", whole(2, 10_000), 0),
        "teams": frozenset(table.each("teams", _TEAM)),
        "tier": table.get("tier", _ID, ""),
    }


def _tier(table: Table) -> Tier:
    rule = Tier(
        id=table.get("id", _ID),
        hours_at_least=table.get("hours_at_least", whole(1, 100_000)),
        window=table.get("window", one_of(_TIER_WINDOWS)),
        label=table.get("label", words(40), ""),
    )
    table.close()
    return rule


def _known_tiers(asking: Sequence[Table], tiers: Sequence[Tier]) -> None:
    """Note every tier that a multiplier or bonus asks for and the book has not got."""
    known = {tier.id for tier in tiers}
    for table in asking:
        id_ = table.values.get("tier")
        if isinstance(id_, str) and _ID.fit(id_) is not None and id_ not in known:
            table.refuse("tier", "unknown_tier", say("must be the id of one of the sections [[tier]]"), id_)


def _cap(table: Table, decimals: int) -> Cap:
    id_ = table.get("id", _ID)
    per: Window = table.get("per", one_of(WINDOWS))
    scope: Scope = table.get("scope", one_of(SCOPES), "member")
    overflow = table.get("overflow", _OVERFLOW, "discard")
    pool = overflow.removeprefix("pool:") if overflow != "discard" else ""
    in_points, in_minutes = table.has("points"), table.has("minutes")
    table.either("points", "minutes", "points_or_minutes")
    if in_points != in_minutes and per == "balance" and (in_minutes or scope != "member"):
        table.note("", "bad_balance", say("per balance means the points a member has: it takes points, and scope member only"))
    if in_minutes:
        limit = table.get("minutes", whole(1, 100_000_000))
        cap = Cap(id_, per, "minutes", limit, pool, scope)
    else:
        least = "0.1" if decimals else "1"
        amount = table.get("points", decimal(least, 100_000_000, decimals), Decimal(least))
        cap = Cap(id_, per, "points", _smallest(amount, decimals), pool, scope)
    table.close()
    return cap


def _smallest(amount: Decimal, decimals: int) -> int:
    """An amount of points in the smallest unit; the reading has checked that it is whole."""
    return int(amount.scaleb(decimals))


def _expiry(table: Table) -> Expiry:
    """Months later, aligned to the month's end unless told; or on a day of the year, where it falls unless told."""
    by_months, on_day = table.has("months"), table.has("on")
    table.either("months", "on", "months_or_on")
    months = table.get("months", whole(1, 1200), 1) if by_months else 0
    on = table.get("on", MONTH_DAY) if on_day else None
    align: Align = table.get("align", one_of(_ALIGNS), "none" if on_day else "month-end")
    table.close()
    return Expiry(months, on, align)


def _others(top: Table, decimals: int) -> dict[str, Any]:
    """The sections that are there once or not at all and say nothing about services."""
    return {
        "credit": _credit(top.table("credit", required=False)) if top.has("credit") else None,
        "redeem": _redeem(top.table("redeem", required=False), decimals) if top.has("redeem") else None,
        "gifts_to": _only(top, "gift", "to", _GIFTS_TO) if top.has("gift") else "nobody",
        "complaint": _only(top, "penalty", "complaint", _COMPLAINTS) if top.has("penalty") else "",
        "notice_days": _notice_days(top.table("change", required=False)) if top.has("change") else 0,
    }


def _notice_days(table: Table) -> int:
    """[change]: how many working days the next version hangs out before it is published."""
    days = table.get("notice_days", whole(1, 60))
    table.close()
    return days


def _credit(table: Table) -> Credit:
    rate = table.get("points_per_credit", decimal("0.0001", 10_000, 4))
    rule = Credit(rate, table.get("monthly_credits_max", whole(1, 1_000_000), 0))
    table.close()
    return rule


def _redeem(table: Table, decimals: int) -> Redeem:
    smallest = Decimal(1).scaleb(-decimals)
    rule = Redeem(
        minimum_hours_served=table.get("minimum_hours_served", whole(0, 100_000), 0),
        minimum_age=table.get("minimum_age", whole(0, 150), 0),
        step=_smallest(table.get("step", decimal(str(smallest), 1_000_000, decimals), smallest), decimals),
        refund_grace_days=table.get("refund_grace_days", whole(0, 3660), GRACE_DAYS),
    )
    table.close()
    return rule


def _only(top: Table, section: str, key: str, choices: tuple[C, ...]) -> C:
    """The choice that is all a section says."""
    table = top.table(section, required=False)
    chosen = table.get(key, one_of(choices))
    table.close()
    return chosen


def _example(table: Table, decimals: int, bonuses: Sequence[Bonus]) -> Example:
    service = table.table("service", required=True)
    facts = Facts(
        day=service.get("date", DAY),
        category=service.get("category", words(40)),
        minutes=service.get("minutes", whole(0, 1440)),
        team_size=service.get("team", whole(1, 10_000), 1),
        kind=service.get("kind", one_of(KINDS), "confirmed"),
        activity=service.get("activity", words(40), ""),
        team=service.get("team_no", _TEAM, ""),
        programme=service.get("programme", words(40), ""),
    )
    service.close()
    used = _before(table.table("before", required=False), decimals, bonuses) if table.has("before") else Used()
    earns = table.get("earns", decimal("0", 100_000_000, decimals))
    lapses_on = table.get("lapses_on", DAY) if table.has("lapses_on") else None
    example = Example(table.get("say", words(200)), facts, _smallest(earns, decimals), used, lapses_on)
    table.close()
    return example


def _before(table: Table, decimals: int, bonuses: Sequence[Bonus]) -> Used:
    """What a member had done before an example: hours and points earlier in the same month, on other days, with all bonuses
    that come but once a month or less often."""
    minutes = 60 * table.get("hours", whole(0, 100_000), 0)
    points = _smallest(table.get("points", decimal("0", 100_000_000, decimals), Decimal(0)), decimals)
    table.close()
    windows = dict.fromkeys(("month", "year", "lifetime"), (points, minutes))
    had = frozenset(bonus.id for bonus in bonuses if bonus.per in ("month", "year", "lifetime"))
    return Used(windows=windows, served=minutes, served_year=minutes, balance=points, bonuses=had)


def _failing_examples(book: RuleBook) -> Iterator[Finding]:
    """Examples are run as a member's first service, or with what they say was before; nothing is carried."""
    for i, example in enumerate(book.example):
        made = award(example.facts, book, example.used)
        if made.points != example.earns:
            wanted, got = (Decimal(points).scaleb(-book.points.decimals) for points in (example.earns, made.points))
            message = say("says {wanted}, the rules give {got}: {how}", wanted=wanted, got=got, how=explained(made.trace))
            yield Finding(f"example[{i}].earns", "example_fails", message)
        if example.lapses_on and example.lapses_on != made.lapses_on:
            never = made.lapses_on == NEVER
            got_ = say("they never lapse") if never else say("they lapse on {day}", day=made.lapses_on)
            message = say("says {wanted}, by these rules {got}", wanted=example.lapses_on, got=got_)
            yield Finding(f"example[{i}].lapses_on", "example_fails", message)


def _unfit_words(book: RuleBook) -> Iterator[Finding]:
    """Every word of the book that awards write into the log, where it is none: what stands there can never be taken out."""
    words = [("version", book.version), ("points.name", book.points.name)]
    words += [("rate", category) for category in book.rate.by_category]
    for i, rule in enumerate(book.multiply):
        words += [(f"multiply[{i}].id", rule.id), (f"multiply[{i}].label", rule.label)]
    for i, bonus in enumerate(book.bonus):
        words += [(f"bonus[{i}].id", bonus.id), (f"bonus[{i}].label", bonus.label)]
    for i, cap in enumerate(book.cap):
        words += [(f"cap[{i}].id", cap.id), (f"cap[{i}].overflow", cap.pool)]
    for where, word in words:
        if unfit_word(word):
            message = say("must be a short word, no sentence and nobody's number or address, got {got}", got=word)
            yield Finding(where, "unfit_word", message)
