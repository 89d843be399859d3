"""Rule books as files: reads the TOML a committee voted on into a `RuleBook`, or says everything that is wrong with it.

Pure: bytes in, values out. Every mistake is a finding with its path (`cap[0].points: must be …, got …`), all of them at once.
What the vocabulary of rule books knows but this version cannot do yet is refused by name, never ignored.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from timebank.base.errors import Finding
from timebank.base.i18n import Say, say
from timebank.base.masking import unfit_word
from timebank.clauses import (
    KINDS,
    NEVER,
    WINDOWS,
    Align,
    Cap,
    Example,
    Expiry,
    Facts,
    Measure,
    Multiplier,
    PointsRule,
    RateRule,
    Rounding,
    RuleBook,
    ServiceRule,
    Used,
    Window,
    merged,
)
from timebank.rewards import award, explained
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

CATEGORIES_MAX: Final = 500
POINTS_AN_HOUR_MAX: Final = 1_000_000  # keeps every amount far below 2^53

_LATER_SECTIONS: Final = frozenset({"bonus", "tier", "credit", "redeem", "gift", "penalty"})
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ROUNDINGS: Final[tuple[Rounding, ...]] = ("down", "half-up", "up")
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
    return Reading(None if failing else book, (*failing, *_unfit_words(book)), tuple(_lint(book)))


def _first(findings: list[Finding]) -> tuple[Finding, ...]:
    """As many findings as anybody reads, and how many more there are."""
    if len(findings) <= FINDINGS_MAX:
        return tuple(findings)
    more = say("and {count} more mistakes", count=len(findings) - FINDINGS_MAX)
    return (*findings[:FINDINGS_MAX], Finding("file", "more_findings", more))


# --- the sections of schema 1 ---

_ID: Final = matching(r"[a-z0-9-]{1,40}", say("must be 1 to 40 of a-z, 0-9 and -"))
_VERSION: Final = matching(r"[A-Za-z0-9._-]{1,20}", say("must be 1 to 20 of letters, digits, dot, _ and -"))
_OVERFLOW: Final = matching(r"discard|pool:[a-z0-9-]{1,40}", say("must be discard or pool:NAME, the name in a-z, 0-9 and -"))
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
    multiply = tuple(_multiplier(table) for table in _with_own_ids(top, "multiply"))
    cap = tuple(_cap(table, points.decimals) for table in _with_own_ids(top, "cap"))
    expiry = _expiry(top.table("expiry", required=False)) if top.has("expiry") else None
    example = tuple(_example(table, points.decimals) for table in top.tables("example"))
    top.close(_LATER_SECTIONS)
    if top.findings:
        return None
    head = (name, version, title, effective_from, effective_to, legal_basis)
    made = RuleBook(*head, points, service, rate, multiply, cap, expiry, example)
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
    times = table.get("times", decimal("0.0001", 100, 4))
    rule = Multiplier(
        id=table.get("id", _ID),
        times=times,
        label=table.get("label", words(40), ""),
        group=table.get("group", _ID, ""),
        dates=tuple(merged(table.each("dates", DAYS))),
        weekdays=frozenset(_WEEKDAYS.index(day) for day in table.each("weekdays", one_of(_WEEKDAYS))),
        categories=frozenset(table.each("categories", words(40))),
        team_at_least=table.get("team_at_least", whole(2, 10_000), 0),
    )
    table.close({"teams", "tier"})
    return rule


def _cap(table: Table, decimals: int) -> Cap:
    id_ = table.get("id", _ID)
    per: Window = table.get("per", one_of(WINDOWS), later={"activity", "balance"})
    table.get("scope", one_of(("member",)), "member", later={"team", "programme"})
    overflow = table.get("overflow", _OVERFLOW, "discard", later={"review"})
    pool = overflow.removeprefix("pool:") if overflow.startswith("pool:") else ""
    in_points, in_minutes = table.has("points"), table.has("minutes")
    if in_points == in_minutes:
        table.note("", "points_or_minutes", _either("points", "minutes", both=in_points))
    if in_minutes:
        limit = table.get("minutes", whole(1, 100_000_000))
        cap = Cap(id_, per, "minutes", limit, pool)
    else:
        least = "0.1" if decimals else "1"
        amount = table.get("points", decimal(least, 100_000_000, decimals), Decimal(least))
        cap = Cap(id_, per, "points", _smallest(amount, decimals), pool)
    table.close()
    return cap


def _either(one: str, other: str, *, both: bool) -> Say:
    if both:
        return say("must have either {one} or {other}, got both", one=one, other=other)
    return say("must have either {one} or {other}, got neither", one=one, other=other)


def _smallest(amount: Decimal, decimals: int) -> int:
    """An amount of points in the smallest unit; the reading has checked that it is whole."""
    return int(amount.scaleb(decimals))


def _expiry(table: Table) -> Expiry:
    """Months later, aligned to the month's end unless told; or on a day of the year, where it falls unless told."""
    by_months, on_day = table.has("months"), table.has("on")
    if by_months == on_day:
        table.note("", "months_or_on", _either("months", "on", both=on_day))
    months = table.get("months", whole(1, 1200), 1) if by_months else 0
    on = table.get("on", MONTH_DAY) if on_day else None
    align: Align = table.get("align", one_of(_ALIGNS), "none" if on_day else "month-end")
    table.close()
    return Expiry(months, on, align)


def _example(table: Table, decimals: int) -> Example:
    service = table.table("service", required=True)
    facts = Facts(
        day=service.get("date", DAY),
        category=service.get("category", words(40)),
        minutes=service.get("minutes", whole(0, 1440)),
        team_size=service.get("team", whole(1, 10_000), 1),
        kind=service.get("kind", one_of(KINDS), "confirmed"),
    )
    service.close()
    earns = table.get("earns", decimal("0", 100_000_000, decimals))
    example = Example(table.get("say", words(200)), facts, _smallest(earns, decimals))
    table.close()
    return example


def _failing_examples(book: RuleBook) -> Iterator[Finding]:
    """Examples are run as a member's first service: nothing used, nothing carried."""
    for i, example in enumerate(book.example):
        made = award(example.facts, book, Used())
        if made.points != example.earns:
            wanted, got = (Decimal(points).scaleb(-book.points.decimals) for points in (example.earns, made.points))
            message = say("says {wanted}, the rules give {got}: {how}", wanted=wanted, got=got, how=explained(made.trace))
            yield Finding(f"example[{i}].earns", "example_fails", message)


def _unfit_words(book: RuleBook) -> Iterator[Finding]:
    """Every word of the book that awards write into the log, where it is none: what stands there can never be taken out."""
    words = [("version", book.version), ("points.name", book.points.name)]
    words += [("rate", category) for category in book.rate.by_category]
    for i, rule in enumerate(book.multiply):
        words += [(f"multiply[{i}].id", rule.id), (f"multiply[{i}].label", rule.label)]
    for i, cap in enumerate(book.cap):
        words += [(f"cap[{i}].id", cap.id), (f"cap[{i}].overflow", cap.pool)]
    for where, word in words:
        if unfit_word(word):
            message = say("must be a short word, no sentence and nobody's number or address, got {got}", got=word)
            yield Finding(where, "unfit_word", message)


# --- lint: allowed, but worth a look before a committee votes ---

_MONEY: Final = re.compile(
    r"(?<![单公状多])元(?![旦宵老])|币|钱|现金|存款|利息|工资|[¥￥$]|\b(?:money|cash|yuan|rmb|cny|dollars?|coins?|currency|wages?)\b",
    re.IGNORECASE,
)
# How many windows of one length at most lie in one of another.
_FITS: Final = {("day", "month"): 31, ("day", "year"): 366, ("month", "year"): 12}


def _lint(book: RuleBook) -> Iterator[Finding]:
    if not book.example:
        yield Finding(
            "example", "no_examples", say("there are no examples: with a few, everybody can check what the rules mean")
        )
    for where, name in (("points.name", book.points.name), ("title", book.title)):
        if found := _MONEY.search(name):
            message = say("points are no money; {word} sounds like it", word=found[0])
            yield Finding(where, "money_like_name", message)
    if book.service.maximum_minutes_per_day % book.service.round_minutes:
        message = say("is not a multiple of round_minutes: the last minutes of a full day are cut off or rounded up")
        yield Finding("service.maximum_minutes_per_day", "day_limit_between_units", message)
    yield from _multiplier_lint(book)
    yield from _overlap_lint(book)
    yield from _cap_lint(book)
    for i, example in enumerate(book.example):
        if not book.covers(example.facts.day):
            message = say("{day} lies outside the days of this rule book", day=example.facts.day)
            yield Finding(f"example[{i}].service.date", "example_outside", message)


def _multiplier_lint(book: RuleBook) -> Iterator[Finding]:
    for i, rule in enumerate(book.multiply):
        if not (rule.dates or rule.weekdays or rule.categories or rule.team_at_least):
            message = say("has no condition and applies to every service: a higher rate says the same")
            yield Finding(f"multiply[{i}]", "always_applies", message)
        for category in sorted(rule.categories):
            if not book.knows(category):
                message = say("{category} has no rate of its own in [rate]; is it spelled right?", category=category)
                yield Finding(f"multiply[{i}].categories", "unknown_category", message)
        last = book.effective_to or NEVER
        if rule.dates and not any(start <= last and book.effective_from <= end for start, end in rule.dates):
            message = say("none of these days lies within the days of this rule book")
            yield Finding(f"multiply[{i}].dates", "dates_outside", message)


def _overlap_lint(book: RuleBook) -> Iterator[Finding]:
    """Each dated multiplier is held against the earlier ones of its group, and the first it shares a day with is named."""
    for i, rule in enumerate(book.multiply):
        for other in book.multiply[:i]:
            if rule.group and rule.group == other.group and rule.dates and other.dates and _share_a_day(rule, other):
                message = say("shares days with {other}, of the same group: only the larger one applies there", other=other.id)
                yield Finding(f"multiply[{i}].dates", "overlapping_dates", message)
                break


def _share_a_day(one: Multiplier, other: Multiplier) -> bool:
    for mine, its in ((one.categories, other.categories), (one.weekdays, other.weekdays)):
        if mine and its and mine.isdisjoint(its):
            return False
    return len(merged(one.dates + other.dates)) < len(one.dates) + len(other.dates)


def _cap_lint(book: RuleBook) -> Iterator[Finding]:
    """A cap is out of reach when a shorter window, or the longest day there can be, always stops the member before it."""
    longest = book.service.maximum_minutes_per_day + book.service.round_minutes
    best = book.points_an_hour_max * 10**book.points.decimals * longest // 60 + 1
    day = say("the longest day of service")
    limits: list[tuple[Window, Measure, int, object]] = [("day", "minutes", longest, day), ("day", "points", best, day)]
    limits += [(cap.per, cap.measure, cap.limit, cap.id) for cap in book.cap]
    for i, cap in enumerate(book.cap):
        for per, measure, limit, name in limits:
            fits = 1 if per == cap.per else _FITS.get((per, cap.per), 0)
            if fits and measure == cap.measure and cap.limit > fits * limit:
                message = say("can never be reached: {other} stops the member before", other=name)
                yield Finding(f"cap[{i}].{cap.measure}", "unreachable_cap", message)
                break
