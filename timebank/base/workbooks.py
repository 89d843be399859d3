"""Workbooks (.xlsx) as rows of text, streamed within fixed limits: what the readers of cells get is what Excel shows, exactly.

An .xlsx is a ZIP file of XML parts (source: ECMA-376, part 1). Numbers are read from their digits as they stand in the file,
never through binary fractions; a date, a time of day or a duration becomes the text a person would type. What has no such
text (an error, a formula that was never calculated) becomes a `Flaw`, which costs a row only where the column is asked for.
"""

import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context
from fractions import Fraction
from functools import lru_cache
from typing import IO, NamedTuple, TypeVar
from xml.parsers import expat

from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say
from timebank.base.sheet_survey import Packed

_ROWS_MAX = 1_048_576
_PIECE_BYTES = 1 << 16
_DIGITS = Context(prec=15)  # what Excel keeps and shows of a number
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,3})?")
_REFERENCE = re.compile(r"(?P<letters>[A-Z]{1,3})(?P<row>[0-9]{1,7})")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SECONDS_A_DAY = 86_400
_DAY_ZERO = {False: date(1899, 12, 30), True: date(1904, 1, 1)}  # of serials from 1900-03-01 on; of old Macs
_SERIAL_MIN, _SERIAL_MAX = 61, 2_900_000  # Excel's 1900 has a 29 February: earlier serials say another day than they mean
_WHOLE_MAX = 10**15

# Numbers of formats that every workbook has without naming them; 27 to 36 and 50 to 58 as in Chinese editions.
_KNOWN_FORMATS: Mapping[int, str] = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), "day"),
    **dict.fromkeys((18, 19, 20, 21, *range(32, 36), 45, 47, 55, 56), "time"),
    22: "instant",
    46: "elapsed",
}
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]|am/pm|a/p|上午/下午', re.IGNORECASE)
_PADDED = re.compile(r'(?:"(?P<text>[^"]*)"|\\(?P<sign>.))?(?P<zeros>0+)')


class Flaw(str):
    """A cell that cannot be read: its text is what it shows, `problem` says why and `code` says it to programs."""

    __slots__ = ("code", "problem")
    code: str
    problem: Say


class Covered(str):
    """A cell below the first of a merged block: its text is the block's."""

    __slots__ = ()


class Tab(NamedTuple):
    """A worksheet: its name, where it is packed, and whether the workbook hides it."""

    name: str
    part: str
    hidden: str


class Block(NamedTuple):
    """A merged block of cells: places from 0, rows from 1, both ends included."""

    first_row: int
    last_row: int
    first_place: int
    last_place: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a workbook may be at most: unpacked bytes in all, bytes of its shared texts (held in memory), one cell."""

    unpacked_bytes_max: int = 500_000_000
    strings_bytes_max: int = 100_000_000
    cell_characters_max: int = 65_536
    columns_max: int = 200


@dataclass(frozen=True, slots=True)
class Workbook:
    """An .xlsx that can be read: its worksheets in their order, shared texts, the format of each style."""

    source: Packed
    bounds: Bounds
    tabs: tuple[Tab, ...]
    strings: Sequence[str]
    formats: Sequence[str]
    from_1904: str

    def rows(self, tab: Tab, blocks: Sequence[Block] = ()) -> Generator[tuple[int, list[str]]]:
        """The rows of a worksheet that have any text, with their numbers; `blocks` are merged ones to repeat downwards.

        Raises Invalid `damaged_workbook`, `file_changed`.
        """
        covers = _Covers(blocks)
        with _unpacking(self.source, self.bounds) as archive:
            rows = _Rows(self, tab)
            with archive.open(tab.part) as part:
                for _ in _parse(part, rows, self.bounds):
                    for number, cells in rows.done:
                        covers.fill(number, cells)
                        yield number, cells
                    rows.done.clear()

    def look_through(self, tab: Tab) -> tuple[list[Block], int]:
        """The merged blocks of a worksheet that reach over several rows, and how many of its rows are hidden."""
        looked = _Look()
        with _unpacking(self.source, self.bounds) as archive, archive.open(tab.part) as part:
            for _ in _parse(part, looked, self.bounds):
                pass
        return looked.blocks, looked.hidden


def open_workbook(source: Packed, bounds: Bounds = Bounds()) -> Workbook:
    """Look into an .xlsx: its worksheets, shared texts and formats; rows are read afterwards, with `Workbook.rows`.

    Raises Invalid `other_file` (another kind of ZIP file), `unpacked_too_large` (before anything is unpacked),
    `locked_workbook`, `damaged_workbook`.
    """
    with _unpacking(source, bounds) as archive:
        names = set(archive.namelist())
        main = next((part for kind, part in _relations(archive, "", bounds).values() if kind == "officeDocument"), "")
        if main not in names or not main.startswith("xl/"):
            raise _other_file(source)
        related = _relations(archive, main, bounds)
        book = _whole(archive, main, _Book(), bounds)
        tabs = tuple(
            Tab(name, related[link][1], hidden)
            for name, link, hidden in book.tabs
            if link in related and related[link][0] == "worksheet" and related[link][1] in names
        )
        parts = {kind: part for kind, part in related.values() if part in names}
        strings = _Strings()
        if "sharedStrings" in parts:
            if archive.getinfo(parts["sharedStrings"]).file_size > bounds.strings_bytes_max:
                raise _too_large(source, bounds.strings_bytes_max)
            _whole(archive, parts["sharedStrings"], strings, bounds)
        styles = _whole(archive, parts["styles"], _Styles(), bounds) if "styles" in parts else _Styles()
        return Workbook(source, bounds, tabs, strings.texts, styles.formats(), book.from_1904)


class _Broken(Exception):
    """What is well-formed XML and no worksheet."""


_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, UnicodeError, KeyError, expat.ExpatError, _Broken)


@contextmanager
def _unpacking(source: Packed, bounds: Bounds) -> Iterator[zipfile.ZipFile]:
    """The ZIP file, looked through before a byte of it is unpacked; whatever is broken in it is said as one refusal.

    Python unpacks no more of a part than its declared size, so that declared sizes bound what a bomb can cost.
    """
    with source.binary() as file:
        try:
            with zipfile.ZipFile(file) as archive:
                parts = archive.infolist()
                if sum(part.file_size for part in parts) > bounds.unpacked_bytes_max:
                    raise _too_large(source, bounds.unpacked_bytes_max)
                if any(part.flag_bits & 1 for part in parts):
                    message = say("{file} is locked with a password.", file=source.path.name)
                    hint = say("Open it in Excel or WPS, take the password off and save it as .xlsx.")
                    raise Invalid(message, "locked_workbook", hint)
                if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
                    raise _other_file(source)
                yield archive
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            struct.error,
            UnicodeError,
            KeyError,
            expat.ExpatError,
            _Broken,
        ) as error:
            raise Invalid(
                say("{file} is damaged, or not written as workbooks are.", file=source.path.name),
                "damaged_workbook",
                say("Open it in Excel or WPS and save it as .xlsx again."),
            ) from error


def _too_large(source: Packed, most: int) -> Invalid:
    message = say("{file} unpacks to more than {most} bytes.", file=source.path.name, most=most)
    return Invalid(message, "unpacked_too_large", say("Save only the worksheet that is needed, or split the file."))


def _other_file(source: Packed) -> Invalid:
    message = say("{file} is a packed file, but no workbook of the .xlsx kind.", file=source.path.name)
    return Invalid(message, "other_file", say("Open it in Excel or WPS and save it as .xlsx."))


def too_many_columns(most: int) -> Invalid:
    """What to say of a row that is wider than any sheet of an office."""
    return Invalid(
        say("The file has more than {most} columns.", most=most),
        "too_many_columns",
        say("Keep the columns that are needed, or check that it is a CSV file or a workbook."),
    )


class _Part:
    """What is made of one part: told of elements as they begin and end, by their names without a namespace, and of text."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def end(self, tag: str) -> None:
        """An element ends."""

    text: list[str] | None = None
    """Where text goes; None where it counts for nothing."""


def _parse(part: IO[bytes], into: _Part, bounds: Bounds) -> Iterator[None]:
    """Parse a part a piece at a time, resting after each. Raises what `_unpacking` puts into words."""
    parser = expat.ParserCreate(namespace_separator=" ")
    most = bounds.cell_characters_max

    def start(name: str, attributes: dict[str, str]) -> None:
        into.start(name[name.rfind(" ") + 1 :], attributes)

    def end(name: str) -> None:
        into.end(name[name.rfind(" ") + 1 :])

    def text(data: str) -> None:
        if into.text is not None:
            into.text.append(data)
            if len(into.text) > 1 and sum(map(len, into.text)) > most:
                raise _Broken

    def doctype(*_: object) -> None:
        raise _Broken  # no workbook has one: it could name entities that grow without end, or other files

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = doctype
    while piece := part.read(_PIECE_BYTES):
        parser.Parse(piece, False)
        yield
    parser.Parse(b"", True)
    yield


_Made = TypeVar("_Made", bound=_Part)


class _Relations(_Part):
    """Ids of the parts a part speaks of, with their kinds and names."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.found: dict[str, tuple[str, str]] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", self.folder, attributes.get("Target", "")))
            self.found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], target.lstrip("/"))


class _Book(_Part):
    """The list of worksheets: name, id of the part, how it is hidden; and where the workbook begins to count days."""

    def __init__(self) -> None:
        self.tabs: list[tuple[str, str, str]] = []
        self.from_1904 = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet":
            link = next((value for name, value in attributes.items() if name.endswith(" id")), "")
            hidden = attributes.get("state", "visible")
            self.tabs.append((attributes.get("name", ""), link, "" if hidden == "visible" else hidden))
        elif tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            self.from_1904 = "1904"


class _Strings(_Part):
    """The texts that cells share; readings (phonetic guides) are left out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._pieces: list[str] = []
        self._inside = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "si":
            self._pieces = []
        elif tag == "rPh":
            self._inside += 1
        elif tag == "t" and not self._inside:
            self.text = []

    def end(self, tag: str) -> None:
        if tag == "si":
            self.texts.append(_unescaped("".join(self._pieces)))
        elif tag == "rPh":
            self._inside -= 1
        elif tag == "t" and self.text is not None:
            self._pieces.extend(self.text)
            self.text = None


class _Styles(_Part):
    """The number format of each style."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._styles: list[str] = []
        self._inside = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "numFmt":
            self._codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif tag == "cellXfs":
            self._inside = True
        elif tag == "xf" and self._inside:
            self._styles.append(attributes.get("numFmtId", "0"))

    def end(self, tag: str) -> None:
        if tag == "cellXfs":
            self._inside = False

    def formats(self) -> list[str]:
        """What numbers mean under each style: day, time, instant, elapsed, '' for a plain number, or a code of zeros."""
        return [self._meaning(number) for number in self._styles]

    def _meaning(self, number: str) -> str:
        if number in self._codes:
            return _meaning(self._codes[number])
        return _KNOWN_FORMATS.get(int(number), "") if re.fullmatch("[0-9]{1,9}", number) else ""


def _meaning(code: str) -> str:
    """What a format code makes of a number; a code like "M"0000 stays, since its number shows as M0012."""
    padded = _PADDED.fullmatch(code)
    if padded:
        return code if len(padded["zeros"]) > 1 or padded["text"] or padded["sign"] else ""
    signs = _LITERAL.sub("", code.split(";")[0]).lower()
    if "[" in signs:
        return "elapsed"
    clock = "h" in signs or "s" in signs
    if "y" in signs or "d" in signs:
        return "instant" if clock else "day"
    if clock:
        return "time"
    return "day" if "m" in signs else ""


class _Look(_Part):
    """Merged blocks and hidden rows."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.hidden = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            self.hidden += attributes.get("hidden") in ("1", "true")
        elif tag == "mergeCell":
            corners = [_REFERENCE.fullmatch(corner) for corner in attributes.get("ref", "").split(":")]
            if len(corners) == 2 and corners[0] and corners[1]:
                (top, left), (bottom, right) = ((int(c["row"]), _place(c["letters"])) for c in corners if c)
                if bottom > top:
                    self.blocks.append(Block(top, bottom, left, right))


class _Covers:
    """Merged blocks, to be repeated downwards as the rows go by."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._waiting = sorted(blocks, reverse=True)
        self._open: list[tuple[Block, str]] = []

    def fill(self, number: int, cells: list[str]) -> None:
        """Fill the first column of each block in a row that has other text of its own."""
        self._open = [(block, text) for block, text in self._open if block.last_row >= number]
        for block, text in self._open:
            cells.extend([""] * (block.first_place + 1 - len(cells)))
            cells[block.first_place] = Covered(text)
        while self._waiting and self._waiting[-1].first_row <= number:
            block = self._waiting.pop()
            if block.first_row == number and block.first_place < len(cells):
                self._open.append((block, cells[block.first_place]))


class _Rows(_Part):
    """The rows of a worksheet: `done` are those that have ended and have any text, as (number, cells)."""

    def __init__(self, book: Workbook, tab: Tab) -> None:
        self.done: list[tuple[int, list[str]]] = []
        self._book, self._tab = book, tab
        self._number = 0
        self._cells: dict[int, str] = {}
        self._place = -1
        self._type = self._style = ""
        self._value: str | None = None
        self._formula = ""
        self._reading = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            reference = attributes.get("r")
            self._place = _place_of(reference) if reference else self._place + 1
            self._type, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._value, self._formula = None, ""
        elif tag in ("v", "t"):
            if not self._reading:
                self.text = []
        elif tag == "f":
            self._formula = "f"
        elif tag == "rPh":
            self._reading += 1
        elif tag == "row":
            typed = attributes.get("r")
            number = _whole_number(typed) if typed else self._number + 1
            if not self._number < number <= _ROWS_MAX:
                raise _Broken
            self._number, self._cells, self._place = number, {}, -1

    def end(self, tag: str) -> None:
        if tag in ("v", "t"):
            if self.text is not None:
                self._value = (self._value or "") + "".join(self.text)
                self.text = None
        elif tag == "c":
            if self._value is not None or self._formula:
                shown = self._shown(self._value or "")
                if shown and not shown.isspace():
                    if self._place >= self._book.bounds.columns_max:  # or a row of a few bytes would cost a list of 16,384
                        raise too_many_columns(self._book.bounds.columns_max)
                    self._cells[self._place] = shown
        elif tag == "rPh":
            self._reading -= 1
        elif tag == "row" and self._cells:
            cells = [""] * (max(self._cells) + 1)
            for place, shown in self._cells.items():
                cells[place] = shown
            self.done.append((self._number, cells))
            self._cells = {}

    def _shown(self, value: str) -> str:
        """The text of one cell."""
        kind = self._type
        if kind == "s":
            number = _whole_number(value)
            if number >= len(self._book.strings):
                raise _Broken
            return self._book.strings[number]
        if kind in ("inlineStr", "str"):
            return _unescaped(value)
        where = f"{letters(self._place)}{self._number}"
        if kind == "e":
            return _flawed(value or "#", "error_cell", say("The cell {cell} shows the error {error}.", cell=where, error=value))
        if not value:
            if not self._formula:
                return ""
            never = say("The formula in {cell} was never calculated: there is no value beside it.", cell=where)
            return _flawed("=", "formula_without_value", never)
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "d":  # an ISO day or instant
            return value.replace("T", " ")
        style = int(self._style) if self._style.isdigit() and len(self._style) < 9 else 0
        meaning = self._book.formats[style] if style < len(self._book.formats) else ""
        shown = _number_shown(value, meaning, self._book.from_1904)
        if shown is None:
            message = say("The number in {cell} has more digits than Excel keeps; its last ones are lost.", cell=where)
            return _flawed(value, "rounded_number", message)
        return shown


def _flawed(text: str, code: str, problem: Say) -> Flaw:
    flaw = Flaw(text)
    flaw.code, flaw.problem = code, problem
    return flaw


@lru_cache(8_192)
def _number_shown(value: str, meaning: str, from_1904: str) -> str | None:
    """The text of a number under a format; None for a whole number of more digits than Excel keeps."""
    if not _NUMBER.fullmatch(value):
        raise _Broken
    number = _DIGITS.create_decimal(value)
    if meaning in ("day", "instant", "time", "elapsed") and 0 <= number <= _SERIAL_MAX:
        return _moment(Fraction(value), meaning, from_1904)
    if number != number.to_integral_value():
        return format(number.normalize(), "f")
    if abs(number) >= _WHOLE_MAX:
        return None
    padded = _PADDED.fullmatch(meaning)
    if padded and number >= 0:
        return (padded["text"] or padded["sign"] or "") + str(int(number)).zfill(len(padded["zeros"]))
    return str(int(number))


def _moment(serial: Fraction, meaning: str, from_1904: str) -> str:
    """A serial as the day, the time of day or the duration it stands for, to the second (it is exact to the microsecond).

    A time of day of 24 hours and more shows another time than it holds: it is given with its day, so that nobody reads it.
    """
    seconds = round(serial * _SECONDS_A_DAY)
    if meaning == "elapsed" or (meaning in ("time", "instant") and seconds < _SECONDS_A_DAY):
        return _clock(seconds)
    days, past = divmod(seconds, _SECONDS_A_DAY)
    if days < _SERIAL_MIN and not from_1904:
        return f"1900-00-00 {_clock(past)}"
    day = _DAY_ZERO[bool(from_1904)] + timedelta(days)
    return day.isoformat() if not past and meaning == "day" else f"{day.isoformat()} {_clock(past)}"


def _clock(seconds: int) -> str:
    hours, past = divmod(seconds, 3_600)
    return f"{hours}:{past // 60:02}" + (f":{past % 60:02}" if past % 60 else "")


def _unescaped(text: str) -> str:
    """Text with its _x000D_ escapes undone."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


@lru_cache(8_192)
def _place(letters: str) -> int:
    """The place of column A, B, … from 0."""
    if not re.fullmatch("[A-Z]{1,3}", letters):
        raise _Broken
    place = 0
    for letter in letters:
        place = 26 * place + ord(letter) - 64
    return place - 1


def _place_of(reference: str) -> int:
    return _place(reference.rstrip("0123456789"))


@lru_cache(1_024)
def letters(place: int) -> str:
    """What a spreadsheet calls the column at a place from 0: A, B, … Z, AA."""
    rest, last = divmod(place, 26)
    return (letters(rest - 1) if rest else "") + chr(65 + last)


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _Broken
    return int(text)


def _whole(archive: zipfile.ZipFile, name: str, into: _Made, bounds: Bounds) -> _Made:
    with archive.open(name) as part:
        for _ in _parse(part, into, bounds):
            pass
    return into


def _relations(archive: zipfile.ZipFile, part: str, bounds: Bounds) -> dict[str, tuple[str, str]]:
    """The parts that a part (or, for '', the file) speaks of: by id, their kind and name."""
    folder, _, name = part.rpartition("/")
    listed = posixpath.join(folder, "_rels", f"{name}.rels")
    if listed not in archive.namelist():
        return {}
    return _whole(archive, listed, _Relations(folder), bounds).found
