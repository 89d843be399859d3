"""The text of a rule book file, from bytes to checked values: knows TOML and its traps, nothing of points.

Pure. A file is measured before it is parsed, because nested or dotted text of 40 kB keeps `tomllib` busy for seconds; then
values are taken out one by one, and every one that does not fit is a finding with its path.
"""

import codecs
import re
import tomllib
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher, get_close_matches
from typing import Final, Generic, TypeVar

from timebank.base.errors import Finding
from timebank.base.i18n import Say, say

T = TypeVar("T")
NEVER: Final = date(9999, 12, 31)

BYTES_MAX: Final = 64 * 1024
LINE_MAX: Final = 500
DEPTH_MAX: Final = 3  # example = [{service = {…}}]
DOTS_MAX: Final = 2
SECTIONS_MAX: Final = 100  # multipliers, bonuses, tiers, caps, examples each
FINDINGS_MAX: Final = 200  # more help nobody
_PATH_SHOWN: Final = 80


def parsed(data: bytes) -> tuple[dict[str, object], list[Finding]]:
    """The file's values as TOML has them, or every reason why they cannot be read. Never raises."""
    text, findings = _decoded(data)
    if not findings:
        text, findings = _measured(text)
    if findings:
        return {}, findings
    try:
        return tomllib.loads(text, parse_float=_decimal_or_odd), []
    except tomllib.TOMLDecodeError as error:
        return {}, [_not_toml(error, text)]


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
        message = say("this is not UTF-8 (GBK perhaps): save the file as UTF-8")
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
    return Finding(f"line {line}", "bad_toml", _slip(text.split("\n")[line - 1], why), line)


_TEXT_OR_REMARK: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|#.*""")
_FULL_WIDTH_QUOTE: Final = re.compile("[“”„＂]")
_FULL_WIDTH: Final = re.compile("[‘’＇，、。：；＝（）【】［］｛｝〔〕＃．－０-９\u3000\xa0]")


def _slip(written: str, why: str) -> Say:
    """What is most likely wrong with a line, for people who never heard of TOML; `why` is what its parser says."""
    bare = _TEXT_OR_REMARK.sub(" ", written)
    key, equals, _ = bare.partition("=")
    if (sign := _FULL_WIDTH_QUOTE.search(bare)) or ('"' not in bare and (sign := _FULL_WIDTH.search(bare))):
        return say("the sign {sign} is full-width: type it again on an English keyboard", sign=sign[0].strip() or say("space"))
    if '"' in bare:
        return say('a text begins with " and must end with " on the same line')
    if "overwrite" in why or "twice" in why:
        return say("this stands in the file for a second time; leave one of the two")
    if why.startswith("Unclosed"):
        return say("a bracket that was opened here or just before is not closed")
    if "\\" in written:
        return say("a text cannot hold the sign \\")
    if not equals:
        return say("this is neither a section in [ ], nor a key = value, nor a remark behind #")
    if not key.isascii():
        return say('a name that is not of a-z, 0-9, - and _ stands between " and "')
    without_remark = _TEXT_OR_REMARK.sub(lambda found: "" if found[0][0] == "#" else found[0], written)
    value = _shown(without_remark.partition("=")[2].strip(), 60)
    wanted = say('a text stands between " and ", a number is like 8.5, a day like 2027-01-31, a choice true or false')
    return say("{value} cannot be read: {wanted}", value=value, wanted=wanted)


# --- values, checked one by one ---


@dataclass(frozen=True, slots=True)
class _Odd:
    """A number TOML allows and rule books do not: 1e3, inf, nan."""

    written: str


def _decimal_or_odd(written: str) -> Decimal | _Odd:
    plain = written.replace("_", "")
    return Decimal(plain) if re.fullmatch(r"[+-]?\d+\.\d+", plain) else _Odd(written)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What a key may hold: `fit` gives the value, or None where it does not fit; reading then goes on with `stand_in`."""

    code: str
    wanted: Say
    fit: Callable[[object], T | None]
    stand_in: T


def whole(low: int, high: int) -> Kind[int]:
    """A whole number, no true or false, from `low` to `high`."""

    def fit(value: object) -> int | None:
        return value if type(value) is int and low <= value <= high else None

    return Kind("bad_number", say("must be a whole number from {low} to {high}", low=low, high=high), fit, low)


def decimal(low: str, high: int, places: int) -> Kind[Decimal]:
    """A number from `low` to `high` with at most so many decimals."""

    def fit(value: object) -> Decimal | None:
        number = Decimal(value) if type(value) is int else value
        if not isinstance(number, Decimal) or not Decimal(low) <= number <= high:
            return None
        return abs(number) if number == round(number, places) else None  # abs: no -0.0

    if not places:
        return Kind("bad_number", whole(int(low), high).wanted, fit, Decimal(low))
    wanted = say("must be a number from {low} to {high} with at most {places} decimals", low=low, high=high, places=places)
    return Kind("bad_number", wanted, fit, Decimal(low))


def words(most: int) -> Kind[str]:
    """A text of 1 to `most` characters that the ledger can store."""

    def fit(value: object) -> str | None:
        if not isinstance(value, str) or value != value.strip() or not 0 < len(value) <= most:
            return None
        return value if _storable(value) else None

    return Kind("bad_text", say("must be a text of 1 to {most} characters, no space at its ends", most=most), fit, "-")


def _storable(value: str) -> bool:
    """Whether the ledger can store a text: what has no canonical bytes would stop every award (transparency.canonical)."""
    return unicodedata.is_normalized("NFC", value) and not any(unicodedata.category(sign) == "Cc" for sign in value)


def matching(pattern: str, wanted: Say) -> Kind[str]:
    """A text of that pattern; `wanted` says it in words."""

    def fit(value: object) -> str | None:
        return value if isinstance(value, str) and re.fullmatch(pattern, value) else None

    return Kind("bad_id", wanted, fit, "-")


C = TypeVar("C", bound=str)


def one_of(choices: tuple[C, ...]) -> Kind[C]:
    """One of the words listed."""

    def fit(value: object) -> C | None:
        return next((choice for choice in choices if choice == value), None)

    return Kind("bad_choice", say("must be one of {choices}", choices=", ".join(choices)), fit, choices[0])


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


FLAG: Final = Kind("bad_flag", say("must be true or false"), lambda value: value if isinstance(value, bool) else None, False)
DAY: Final = Kind(
    "bad_date",
    say("must be a day of the calendar without quotes, like 2027-01-31"),
    lambda value: value if type(value) is date else None,
    NEVER,
)
DAYS: Final = Kind(
    "bad_date",
    say('must be a day "2027-10-01" or days "2027-10-01..2027-10-07" of the calendar, the first one first'),
    _fit_days,
    (NEVER, NEVER),
)
MONTH_DAY: Final = Kind("bad_date", say('must be a day of every year, like "12-31"'), _fit_month_day, (12, 31))


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


class Table:
    """A table of the file while it is being read: gives checked values, notes what is wrong, knows what was asked for.

    A value that does not fit is noted and replaced by a stand-in, so that reading goes on and finds the other mistakes too.
    """

    def __init__(self, path: str, values: Mapping[str, object], findings: list[Finding]) -> None:
        self.path = path
        self.values = values
        self.findings = findings
        self._asked: set[str] = set()
        self._missing: dict[tuple[str, ...], Finding] = {}

    def at(self, key: str) -> str:
        """The path of a key in the file."""
        return f"{self.path}.{key}" if self.path else key

    def note(self, key: str, code: str, message: Say) -> None:
        """Note a mistake in a key, or ('') in the table itself."""
        self.findings.append(self._mistake(key, code, message))

    def _mistake(self, key: str, code: str, message: Say) -> Finding:
        return Finding(_shown(self.at(key) if key else self.path, _PATH_SHOWN), code, message)

    def refuse(self, key: str, code: str, wanted: Say, value: object) -> None:
        """Note what is wanted and what is there."""
        self.note(key, code, say("{wanted}, got {got}", wanted=wanted, got=_got(value)))

    def has(self, key: str) -> bool:
        """Whether the key is there; from now on it is no stranger."""
        self._asked.add(key)
        return key in self.values

    def get(self, key: str, kind: Kind[T], default: T | None = None) -> T:
        """The value of a key; without a default the key must be there."""
        if not self.has(key):
            if default is None:
                self._lacks(key, say("is missing: {wanted}", wanted=kind.wanted))
                return kind.stand_in
            return default
        return self._fitted(key, kind, self.values[key])

    def either(self, one: str, other: str, code: str) -> None:
        """Refuse both keys, and neither: exactly one of them is there."""
        here = self.has(one), self.has(other)
        if all(here):
            self.note("", code, say("must have either {one} or {other}, got both", one=one, other=other))
        elif not any(here):
            message = say("must have either {one} or {other}, got neither", one=one, other=other)
            self._missing[one, other] = self._mistake("", code, message)

    def each(self, key: str, kind: Kind[T], *, required: bool = False) -> list[T]:
        """The values of a list, each by itself; a list that is there holds something."""
        values = self.values.get(key, [])
        if not self.has(key):
            if required:
                self._lacks(key, say("is missing: {wanted}", wanted=kind.wanted))
        elif not isinstance(values, list) or not values:
            self.refuse(key, "bad_list", say("must be a list of at least one, in [ ]"), values)
        if not isinstance(values, list):
            return []
        return [self._fitted(f"{key}[{i}]", kind, value) for i, value in enumerate(values)]

    def table(self, key: str, *, required: bool) -> "Table":
        """A section. Where there is none to read, one whose own mistakes nobody needs to hear of."""
        value = self.values.get(key)
        if isinstance(value, dict):
            self._asked.add(key)
            return Table(self.at(key), value, self.findings)
        if self.has(key):
            self.refuse(key, "bad_section", say("must be a table with keys"), value)
        elif required:
            self._lacks(key, say("is missing: every rule book has this section"))
        return Table(self.at(key), {}, [])

    def tables(self, key: str) -> list["Table"]:
        """The sections written [[key]]."""
        values = self.values.get(key, [])
        if self.has(key) and (not isinstance(values, list) or not all(isinstance(value, dict) for value in values)):
            self.refuse(key, "bad_section", say("must be sections with two brackets, like [[{key}]]", key=key), values)
            return []
        assert isinstance(values, list)
        if len(values) > SECTIONS_MAX:
            message = say("a rule book has at most {limit} of these, got {got}", limit=SECTIONS_MAX, got=len(values))
            self.note(key, "too_many", message)
        return [Table(f"{self.at(key)}[{i}]", value, self.findings) for i, value in enumerate(values[:SECTIONS_MAX])]

    def close(self) -> None:
        """Refuse every key nobody asked for, and say which are missing: one misspelled is one mistake, not two."""
        for key in self.values:
            if key not in self._asked:
                near = self._unknown(key, self._asked)
                if _alike(key, near):
                    self._missing = {keys: mistake for keys, mistake in self._missing.items() if near not in keys}
        self.findings.extend(self._missing.values())

    def _lacks(self, key: str, message: Say) -> None:
        self._missing[key,] = self._mistake(key, "missing_key", message)

    def _unknown(self, key: str, known: Collection[str]) -> str:
        """Note an unknown key; gives the known one nearest to it."""
        if len(self.findings) >= FINDINGS_MAX or len(key) > _PATH_SHOWN:  # looking for the nearest takes time
            self.note(key, "unknown_key", say("there is no such key"))
            return ""
        near = get_close_matches(key, sorted(known), 1, 0)[0]
        self.note(key, "unknown_key", say("there is no such key; the nearest is {near}", near=near))
        return near

    def _fitted(self, key: str, kind: Kind[T], value: object) -> T:
        fitted = kind.fit(value)
        if fitted is None:
            quoted = isinstance(value, str) and kind.code in ("bad_number", "bad_flag")
            wanted = say("{wanted}, without quotes", wanted=kind.wanted) if quoted else kind.wanted
            self.refuse(key, kind.code, wanted, value)
            return kind.stand_in
        return fitted


def _alike(one: str, other: str) -> bool:
    """Whether one is likely the other misspelled: three quarters of their letters match in order."""
    matching = sum(block.size for block in SequenceMatcher(None, one, other).get_matching_blocks())
    return 8 * matching >= 3 * (len(one) + len(other))
