"""Rule books as files: reads the TOML a committee voted on into a `RuleBook`, or says everything that is wrong with it.

Pure: bytes in, values out. Every mistake is a finding with its path (`cap[0].points: must be …, got …`), all of them at once.
A file is measured before TOML is parsed, because nested or dotted text of 40 kB keeps `tomllib` busy for seconds. What the
vocabulary of rule books knows but this version cannot do yet is refused by name, never ignored.
"""

import codecs
import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher, get_close_matches
from typing import Final, Generic, TypeVar

from timebank.base.errors import Finding
from timebank.base.i18n import Say, say
from timebank.rewards import (
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
    award,
    explained,
    merged,
)

T = TypeVar("T")

BYTES_MAX: Final = 64 * 1024
LINE_MAX: Final = 500
DEPTH_MAX: Final = 3  # example = [{service = {…}}]
DOTS_MAX: Final = 2
SECTIONS_MAX: Final = 100  # multipliers, caps, examples each
CATEGORIES_MAX: Final = 500
POINTS_AN_HOUR_MAX: Final = 1_000_000  # keeps every amount far below 2^53
FINDINGS_MAX: Final = 200  # more help nobody
_PATH_SHOWN: Final = 80

_LATER_SECTIONS: Final = frozenset({"bonus", "tier", "credit", "redeem", "gift", "penalty"})
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ROUNDINGS: Final[tuple[Rounding, ...]] = ("down", "half-up", "up")
_ALIGNS: Final[tuple[Align, ...]] = ("month-end", "year-end", "none")


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a file: the book, or None and the errors. `lint` is worth a look and refuses nothing."""

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
    text, unreadable = _decoded(data)
    if not unreadable:
        text, unreadable = _measured(text)
    if unreadable:
        return Reading(None, _first(unreadable), ())
    try:
        values = tomllib.loads(text, parse_float=_decimal_or_odd)
    except tomllib.TOMLDecodeError as error:
        return Reading(None, (_not_toml(error, text),), ())
    findings: list[Finding] = []
    book = _book(_Table("", values, findings))
    if book is None or findings:
        return Reading(None, _first(findings), ())
    failing = tuple(_failing_examples(book))
    return Reading(None if failing else book, failing, tuple(_lint(book)))


def _first(findings: list[Finding]) -> tuple[Finding, ...]:
    """As many findings as anybody reads, and how many more there are."""
    if len(findings) <= FINDINGS_MAX:
        return tuple(findings)
    more = say("and {count} more mistakes", count=len(findings) - FINDINGS_MAX)
    return (*findings[:FINDINGS_MAX], Finding("file", "more_findings", more))


# --- the file as text, before any parser sees it ---


def _decoded(data: bytes) -> tuple[str, list[Finding]]:
    """UTF-8 within the size, or why not."""
    if len(data) > BYTES_MAX:
        message = say("a rule book has at most {limit} bytes, this file has {got}", limit=BYTES_MAX, got=len(data))
        return "", [Finding("file", "too_large", message)]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        return "", [Finding("file", "not_text", say("this is not a text in UTF-8 (UTF-16 or binary): save it as UTF-8"))]
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = say("line {line} is not UTF-8 (GBK perhaps): save the file as UTF-8", line=line)
        return "", [Finding(f"line {line}", "not_utf8", message, line)]
    # The same word typed on two machines is the same category.
    return unicodedata.normalize("NFC", text), []


_TOKEN: Final = re.compile(
    r"""(?P<long>\"{3}|'{3})"""
    r"""|"(?:[^"\\]|\\.)*"?|'[^']*'?|\#.*"""  # a string left open reaches to the line's end; the parser will refuse it
    r"""|(?P<date>(?<![\w-])\d{4}-\d\d-\d\d(?![\w:-]))"""
    r"""|(?P<sign>[][{}=,.])"""
)


def _measured(text: str) -> tuple[str, list[Finding]]:
    """Refuse long lines, deep nesting, long dotted keys and strings of several lines, which no rule book needs.

    Days that do not exist are put in quotes on the way: the parser would stop at the first one and hide all other mistakes,
    while so the reading of that key refuses it.
    """
    findings: list[Finding] = []
    lines: list[str] = []
    depth = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LINE_MAX:
            message = say("a line has at most {limit} characters, got {got}", limit=LINE_MAX, got=len(line))
            findings.append(Finding(f"line {number}", "line_too_long", message, number))
            continue
        depth, deepest, dots, long_string = _shape(line, depth)
        if long_string:
            message = say('a text stands on one line, between " and "')
            findings.append(Finding(f"line {number}", "long_string", message, number))
        if deepest > DEPTH_MAX or dots > DOTS_MAX:
            findings.append(Finding(f"line {number}", "too_deep", say("nested deeper than any rule book is"), number))
            break  # all that follows would be as deep
        lines.append(_TOKEN.sub(_quoted_if_impossible, line))
    return "\n".join(lines), findings


def _shape(line: str, depth: int) -> tuple[int, int, int, bool]:
    """Depth of brackets after the line, the deepest in it, the most dots of one key, and whether a long string opens."""
    deepest, dots, most_dots, long_string = depth, 0, 0, False
    for token in _TOKEN.finditer(line):
        sign = token["sign"]
        if token["long"]:
            long_string = True
        elif sign == ".":
            dots += 1
            most_dots = max(most_dots, dots)
        elif sign:
            dots = 0
            depth = depth + 1 if sign in "[{" else depth - 1 if sign in "]}" else depth
            deepest = max(deepest, depth)
    return depth, deepest, most_dots, long_string


def _quoted_if_impossible(token: re.Match[str]) -> str:
    written = token[0]
    return f'"{written}"' if token["date"] and _day_of(written) is None else written


def _not_toml(error: tomllib.TOMLDecodeError, text: str) -> Finding:
    why, _, place = str(error).partition(" (at ")
    found = re.match(r"line (\d+)", place)
    line = int(found[1]) if found else text.count("\n") + 1
    return Finding(f"line {line}", "bad_toml", say("line {line} is not TOML: {why}", line=line, why=why), line)


# --- values of the file, checked one by one ---


@dataclass(frozen=True, slots=True)
class _Odd:
    """A number TOML allows and rule books do not: 1e3, inf, nan."""

    written: str


def _decimal_or_odd(written: str) -> Decimal | _Odd:
    plain = written.replace("_", "")
    return Decimal(plain) if re.fullmatch(r"[+-]?\d+\.\d+", plain) else _Odd(written)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[T]):
    """What a key may hold: `fit` gives the value, or None where it does not fit; reading then goes on with `stand_in`."""

    code: str
    wanted: Say
    fit: Callable[[object], T | None]
    stand_in: T


def _whole(low: int, high: int) -> _Kind[int]:
    def fit(value: object) -> int | None:
        return value if type(value) is int and low <= value <= high else None

    return _Kind("bad_number", say("must be a whole number from {low} to {high}", low=low, high=high), fit, low)


def _decimal(low: str, high: int, places: int) -> _Kind[Decimal]:
    """A number from `low` to `high` with at most so many decimals."""

    def fit(value: object) -> Decimal | None:
        number = Decimal(value) if type(value) is int else value
        if not isinstance(number, Decimal) or not Decimal(low) <= number <= high:
            return None
        return abs(number) if number == round(number, places) else None  # abs: no -0.0

    wanted = say("must be a number from {low} to {high} with at most {places} decimals", low=low, high=high, places=places)
    return _Kind("bad_number", wanted, fit, Decimal(low))


def _words(most: int) -> _Kind[str]:
    def fit(value: object) -> str | None:
        if not isinstance(value, str) or value != value.strip() or not 0 < len(value) <= most:
            return None
        return value if _storable(value) else None

    return _Kind("bad_text", say("must be a text of 1 to {most} characters, no space at its ends", most=most), fit, "-")


def _storable(value: str) -> bool:
    """Whether the ledger can store a text: what has no canonical bytes would stop every award (transparency.canonical)."""
    return unicodedata.is_normalized("NFC", value) and not any(unicodedata.category(sign) == "Cc" for sign in value)


def _matching(pattern: str, wanted: Say) -> _Kind[str]:
    def fit(value: object) -> str | None:
        return value if isinstance(value, str) and re.fullmatch(pattern, value) else None

    return _Kind("bad_id", wanted, fit, "-")


C = TypeVar("C", bound=str)


def _one_of(choices: tuple[C, ...]) -> _Kind[C]:
    def fit(value: object) -> C | None:
        return next((choice for choice in choices if choice == value), None)

    return _Kind("bad_choice", say("must be one of {choices}", choices=", ".join(choices)), fit, choices[0])


_DATE_LIKE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _day_of(written: str) -> date | None:
    if not _DATE_LIKE.fullmatch(written):
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def _fit_days(value: object) -> tuple[date, date] | None:
    """'2027-10-01' or '2027-10-01..2027-10-07', first and last day."""
    if type(value) is date:
        return value, value
    if not isinstance(value, str):
        return None
    first, dots, last = value.partition("..")
    start = _day_of(first)
    end = _day_of(last) if dots else start
    return (start, end) if start and end and start <= end else None


def _fit_month_day(value: object) -> tuple[int, int] | None:
    """'12-31'; 29 February is no day of every year."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{2}-\d{2}", value, re.ASCII):
        return None
    day = _day_of(f"2001-{value}")
    return (day.month, day.day) if day else None


_ID: Final = _matching(r"[a-z0-9-]{1,40}", say("must be 1 to 40 of a-z, 0-9 and -"))
_VERSION: Final = _matching(r"[A-Za-z0-9._-]{1,20}", say("must be 1 to 20 of letters, digits, dot, _ and -"))
_OVERFLOW: Final = _matching(r"discard|pool:[a-z0-9-]{1,40}", say("must be discard or pool:NAME, the name in a-z, 0-9 and -"))
_SCHEMA: Final = _Kind("bad_number", say("must be 1, the schema this version of the program reads"), _whole(1, 1).fit, 1)
_FLAG: Final = _Kind("bad_flag", say("must be true or false"), lambda value: value if isinstance(value, bool) else None, False)
_DAY: Final = _Kind(
    "bad_date",
    say("must be a day of the calendar without quotes, like 2027-01-31"),
    lambda value: value if type(value) is date else None,
    NEVER,
)
_DAYS: Final = _Kind(
    "bad_date",
    say('must be a day "2027-10-01" or days "2027-10-01..2027-10-07" of the calendar, the first one first'),
    _fit_days,
    (NEVER, NEVER),
)
_MONTH_DAY: Final = _Kind("bad_date", say('must be a day of every year, like "12-31"'), _fit_month_day, (12, 31))


def _got(value: object) -> object:
    """A value as the file wrote it, for a message."""
    if isinstance(value, dict):
        return say("a table")
    if isinstance(value, list):
        return say("a list")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Odd):
        return value.written
    # A day that does not exist stood without quotes in the file (_quoted_if_impossible).
    bare = not isinstance(value, str) or (_DATE_LIKE.fullmatch(value) and _day_of(value) is None)
    return _shown(str(value) if bare else f'"{value}"', 60)


def _shown(written: str, most: int) -> str:
    """A piece of the file as a screen may show it: not too long, and nothing in it that moves a cursor."""
    printable = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in written[: most + 1])
    return printable if len(printable) <= most else f"{printable[: most - 1]}…"


class _Table:
    """A table of the file while it is being read: gives checked values, notes what is wrong, knows what was asked for.

    A value that does not fit is noted and replaced by a stand-in, so that reading goes on and finds the other mistakes too.
    """

    def __init__(self, path: str, values: Mapping[str, object], findings: list[Finding]) -> None:
        self.path = path
        self.values = values
        self.findings = findings
        self._asked: set[str] = set()
        self._missing: dict[str, Say] = {}

    def at(self, key: str) -> str:
        """The path of a key in the file."""
        return f"{self.path}.{key}" if self.path else key

    def note(self, key: str, code: str, message: Say) -> None:
        """Note a mistake in a key, or ('') in the table itself."""
        self.findings.append(Finding(_shown(self.at(key) if key else self.path, _PATH_SHOWN), code, message))

    def refuse(self, key: str, code: str, wanted: Say, value: object) -> None:
        """Note what is wanted and what is there."""
        self.note(key, code, say("{wanted}, got {got}", wanted=wanted, got=_got(value)))

    def later(self, key: str, written: str = "") -> None:
        """Note a rule that is known, but not to this version."""
        what = self.at(key) + written  # both known words
        self.note(key, "not_yet", say("{what} is a rule this version of the program cannot do yet", what=what))

    def has(self, key: str) -> bool:
        """Whether the key is there; from now on it is no stranger."""
        self._asked.add(key)
        return key in self.values

    def get(self, key: str, kind: _Kind[T], default: T | None = None, *, later: Collection[str] = ()) -> T:
        """The value of a key; without a default the key must be there. Values in `later` are refused as not yet possible."""
        if not self.has(key):
            if default is None:
                self._missing[key] = say("is missing: {wanted}", wanted=kind.wanted)
                return kind.stand_in
            return default
        value = self.values[key]
        if isinstance(value, str) and value in later:
            self.later(key, f' = "{value}"')
            return kind.stand_in
        return self._fitted(key, kind, value)

    def each(self, key: str, kind: _Kind[T], *, required: bool = False) -> list[T]:
        """The values of a list, each by itself; a list that is there holds something."""
        values = self.values.get(key, [])
        if not self.has(key):
            if required:
                self._missing[key] = say("is missing: {wanted}", wanted=kind.wanted)
        elif not isinstance(values, list) or not values:
            self.refuse(key, "bad_list", say("must be a list of at least one, in [ ]"), values)
        if not isinstance(values, list):
            return []
        return [self._fitted(f"{key}[{i}]", kind, value) for i, value in enumerate(values)]

    def table(self, key: str, *, required: bool) -> "_Table":
        """A section. Where there is none to read, one whose own mistakes nobody needs to hear of."""
        value = self.values.get(key)
        if isinstance(value, dict):
            self._asked.add(key)
            return _Table(self.at(key), value, self.findings)
        if self.has(key):
            self.refuse(key, "bad_section", say("must be a table with keys"), value)
        elif required:
            self._missing[key] = say("is missing: every rule book has this section")
        return _Table(self.at(key), {}, [])

    def tables(self, key: str) -> list["_Table"]:
        """The sections written [[key]]."""
        values = self.values.get(key, [])
        if self.has(key) and (not isinstance(values, list) or not all(isinstance(value, dict) for value in values)):
            self.refuse(key, "bad_section", say("must be sections with two brackets, like [[{key}]]", key=key), values)
            return []
        assert isinstance(values, list)
        if len(values) > SECTIONS_MAX:
            message = say("a rule book has at most {limit} of these, got {got}", limit=SECTIONS_MAX, got=len(values))
            self.note(key, "too_many", message)
        return [_Table(f"{self.at(key)}[{i}]", value, self.findings) for i, value in enumerate(values[:SECTIONS_MAX])]

    def close(self, later: Collection[str] = ()) -> None:
        """Refuse every key nobody asked for, and say which are missing: one misspelled is one mistake, not two."""
        for key in self.values:
            if key in later:
                self.later(key)
            elif key not in self._asked:
                near = self._unknown(key, {*self._asked, *later})
                if near in self._missing and _alike(key, near):
                    del self._missing[near]
        for key, message in self._missing.items():
            self.note(key, "missing_key", message)

    def _unknown(self, key: str, known: Collection[str]) -> str:
        """Note an unknown key; gives the known one nearest to it."""
        if len(self.findings) >= FINDINGS_MAX or len(key) > _PATH_SHOWN:  # looking for the nearest takes time
            self.note(key, "unknown_key", say("there is no such key"))
            return ""
        near = get_close_matches(key, sorted(known), 1, 0)[0]
        self.note(key, "unknown_key", say("there is no such key; the nearest is {near}", near=near))
        return near

    def _fitted(self, key: str, kind: _Kind[T], value: object) -> T:
        fitted = kind.fit(value)
        if fitted is None:
            self.refuse(key, kind.code, kind.wanted, value)
            return kind.stand_in
        return fitted


def _alike(one: str, other: str) -> bool:
    """Whether one is likely the other misspelled: three quarters of their letters match in order."""
    matching = sum(block.size for block in SequenceMatcher(None, one, other).get_matching_blocks())
    return 8 * matching >= 3 * (len(one) + len(other))


# --- the sections of schema 1 ---


def _book(top: _Table) -> RuleBook | None:
    """The whole book; None when anything was noted."""
    if top.has("schema") and type(top.values["schema"]) is int and top.values["schema"] != 1:
        top.refuse("schema", "unknown_schema", _SCHEMA.wanted, top.values["schema"])
        return None
    top.get("schema", _SCHEMA)
    name, version, title = top.get("name", _ID), top.get("version", _VERSION), top.get("title", _words(200))
    effective_from = top.get("effective_from", _DAY)
    effective_to = top.get("effective_to", _DAY) if top.has("effective_to") else None
    if effective_to and effective_from != NEVER and effective_to < effective_from:
        top.refuse("effective_to", "dates_reversed", say("must not lie before effective_from"), effective_to)
    legal_basis = top.get("legal_basis", _words(400), "")
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


def _points(table: _Table) -> PointsRule:
    name = table.get("name", _words(20))
    decimals = table.get("decimals", replace(_whole(0, 1), stand_in=1))  # so that 9.5 points are not refused as well
    rule = PointsRule(name, decimals, table.get("round", _one_of(_ROUNDINGS)))
    table.close()
    return rule


def _service(table: _Table) -> ServiceRule:
    rule = ServiceRule(
        minimum_minutes=table.get("minimum_minutes", _whole(0, 1440)),
        round_minutes=table.get("round_minutes", _whole(1, 1440)),
        round=table.get("round", _one_of(_ROUNDINGS)),
        maximum_minutes_per_day=table.get("maximum_minutes_per_day", _whole(1, 1440)),
        kinds=frozenset(table.each("kinds", _one_of(KINDS), required=True)),
        carry_remainder=table.get("carry_remainder", _FLAG),
    )
    table.close()
    return rule


def _rate(table: _Table) -> RateRule:
    kind = _decimal("0", 10_000, 4)
    default = table.get("default", kind)
    categories = [category for category in table.values if category != "default"]
    if len(categories) > CATEGORIES_MAX:
        message = say("a rule book has at most {limit} of these, got {got}", limit=CATEGORIES_MAX, got=len(categories))
        table.note("", "too_many", message)
    for category in categories:
        if _words(40).fit(category) is None:
            table.refuse(
                "",
                "bad_text",
                say("a category's name must be a text of 1 to {most} characters, no space at its ends", most=40),
                category,
            )
    rates = {category: table.get(category, kind) for category in categories}
    table.close()
    return RateRule(default, rates)


def _with_own_ids(top: _Table, key: str) -> list[_Table]:
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


def _multiplier(table: _Table) -> Multiplier:
    times = table.get("times", _decimal("0.0001", 100, 4))
    rule = Multiplier(
        id=table.get("id", _ID),
        times=times,
        label=table.get("label", _words(40), ""),
        group=table.get("group", _ID, ""),
        dates=tuple(merged(table.each("dates", _DAYS))),
        weekdays=frozenset(_WEEKDAYS.index(day) for day in table.each("weekdays", _one_of(_WEEKDAYS))),
        categories=frozenset(table.each("categories", _words(40))),
        team_at_least=table.get("team_at_least", _whole(2, 10_000), 0),
    )
    table.close({"teams", "tier"})
    return rule


def _cap(table: _Table, decimals: int) -> Cap:
    id_ = table.get("id", _ID)
    per: Window = table.get("per", _one_of(WINDOWS), later={"activity", "balance"})
    table.get("scope", _one_of(("member",)), "member", later={"team", "programme"})
    overflow = table.get("overflow", _OVERFLOW, "discard", later={"review"})
    pool = overflow.removeprefix("pool:") if overflow.startswith("pool:") else ""
    in_points, in_minutes = table.has("points"), table.has("minutes")
    if in_points == in_minutes:
        table.note("", "points_or_minutes", _either("points", "minutes", both=in_points))
    if in_minutes:
        limit = table.get("minutes", _whole(1, 100_000_000))
        cap = Cap(id_, per, "minutes", limit, pool)
    else:
        least = "0.1" if decimals else "1"
        amount = table.get("points", _decimal(least, 100_000_000, decimals), Decimal(least))
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


def _expiry(table: _Table) -> Expiry:
    """Months later, aligned to the month's end unless told; or on a day of the year, where it falls unless told."""
    by_months, on_day = table.has("months"), table.has("on")
    if by_months == on_day:
        table.note("", "months_or_on", _either("months", "on", both=on_day))
    months = table.get("months", _whole(1, 1200), 1) if by_months else 0
    on = table.get("on", _MONTH_DAY) if on_day else None
    align: Align = table.get("align", _one_of(_ALIGNS), "none" if on_day else "month-end")
    table.close()
    return Expiry(months, on, align)


def _example(table: _Table, decimals: int) -> Example:
    service = table.table("service", required=True)
    facts = Facts(
        day=service.get("date", _DAY),
        category=service.get("category", _words(40)),
        minutes=service.get("minutes", _whole(0, 1440)),
        team_size=service.get("team", _whole(1, 10_000), 1),
        kind=service.get("kind", _one_of(KINDS), "confirmed"),
    )
    service.close()
    earns = table.get("earns", _decimal("0", 100_000_000, decimals))
    example = Example(table.get("say", _words(200)), facts, _smallest(earns, decimals))
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
