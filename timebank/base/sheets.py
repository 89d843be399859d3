"""Sheets: CSV files and workbooks (.xlsx) as offices keep them, read row by row within fixed limits.

A first pass looks at every byte (`sheet_survey`), a second streams the rows; neither holds more than a few of them. Workbooks
become rows of text in `workbooks`; where the records of a sheet begin and end says `sheet_layout`; cells are read by
`sheet_values`. Files are written by `sheet_writing`, whose verbs are here too.
"""

import csv
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TextIO

from timebank.base import sheet_layout
from timebank.base.codes import narrow
from timebank.base.errors import Finding, Invalid, NotFound
from timebank.base.i18n import Say, say
from timebank.base.sheet_layout import Heading, find_heading, fold
from timebank.base.sheet_survey import Packed, Source, file_digest, survey
from timebank.base.sheet_values import excerpt, unguard
from timebank.base.sheet_writing import (
    Dialect,
    Written,
    csv_bytes,
    make_folder,
    sync_folder,
    write_bytes,
    write_csv,
    write_csv_text,
)
from timebank.base.workbooks import Bounds, Covered, Flaw, Tab, Workbook, open_workbook, too_many_columns

__all__ = [
    "SYNONYMS",
    "Column",
    "Dialect",
    "Limits",
    "Row",
    "Sheet",
    "Written",
    "csv_bytes",
    "file_digest",
    "make_folder",
    "open_sheet",
    "optional",
    "required",
    "sync_folder",
    "write_bytes",
    "write_csv",
    "write_csv_text",
]

_DELIMITERS = ",;\t"
_SHARED = frozenset(
    (
        *("date", "start", "end", "category", "activity_no", "activity", "place", "programme", "team", "team_size"),
        *("kind", "confirmed_by", "grid"),
    )
)
"""Columns in which a merged block says the same of each of its rows. Of 90 minutes beside three names nobody can tell."""
_DAY_OF_YEAR = re.compile(r"[0-9]{1,2}\s*月\s*[0-9]{1,2}\s*[日号]?(?:\D.*)?")

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "member_no": ("成员编号", "编号", "志愿者编号", "会员号", "会员编号", "member number", "member id", "volunteer no"),
    "name": ("姓名", "名字", "名称", "商户名称", "店名", "full name"),
    "joined_on": ("加入日期", "入会日期", "注册日期", "joined", "join date", "date joined"),
    "grid": ("网格", "所属网格", "网格编号", "grid no"),
    "merchant_no": ("商户编号", "商家编号", "商户号", "店铺编号", "merchant number", "merchant id", "shop no"),
    "category": ("类别", "服务类别", "分类", "类型", "服务类型", "type"),
    "contact": ("联系方式", "联系电话", "电话", "手机", "手机号", "phone", "mobile"),
    "ref": ("单号", "记录编号", "流水号", "凭证号", "reference", "record no"),
    "date": ("日期", "服务日期", "活动日期", "day", "service date"),
    "minutes": ("时长", "服务时长", "分钟", "分钟数", "时长(分钟)", "服务时长(分钟)", "duration", "minutes served"),
    "start": ("开始", "开始时间", "签到", "签到时间", "start time", "sign in"),
    "end": ("结束", "结束时间", "签退", "签退时间", "end time", "sign out"),
    "activity_no": ("活动编号", "活动号", "activity number", "activity id"),
    "activity": ("活动", "活动名称", "activity name"),
    "place": ("地点", "服务地点", "活动地点", "场所", "location", "venue"),
    "team": ("队伍", "团队", "队伍编号", "团队编号", "team number", "team no"),
    "programme": ("项目", "项目名称", "program"),
    "team_size": ("队伍人数", "团队人数", "人数", "people in the team"),
    "points": ("积分", "积分余额", "剩余积分", "可用积分", "points left"),
    "lapses_on": ("失效日期", "失效日", "到期日", "到期日期", "有效期至", "lapse on", "expires on"),
    "credits": ("社区币", "贡献分", "社区币余额", "community credits"),
    "note": ("说明", "备注", "成果", "事由", "remark", "deliverable"),
    "confirmed_by": ("确认人", "由谁确认", "签收人", "confirmer"),
    "kind": ("记录类型", "确认方式", "record kind"),
}
"""What offices write above the columns of cli.md, "Headers": the first is the Chinese name shown in messages."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column a command asks for: its contract name and what else its header may be; the first synonym is shown.

    `instead` names a column that can say the same: one of the two must be there.
    """

    name: str
    synonyms: tuple[str, ...]
    required: bool
    instead: str = ""

    @property
    def label(self) -> str:
        """How messages name it: 'member_no (成员编号)'."""
        return f"{self.name} ({self.synonyms[0]})" if self.synonyms else self.name


def required(name: str, *more: str, instead: str = "") -> Column:
    """A column without which, or without the one `instead`, the file is refused, with its known synonyms and `more` of them."""
    return Column(name, (*SYNONYMS.get(name, ()), *more), required=True, instead=instead)


def optional(name: str, *more: str) -> Column:
    """A column that may be missing, with its known synonyms and `more` of them."""
    return Column(name, (*SYNONYMS.get(name, ()), *more), required=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sheet may be at most. A line is one row as it stands in the file, with the breaks inside its cells."""

    file_bytes_max: int = 500_000_000
    line_characters_max: int = 65_536
    cell_characters_max: int = 4_096
    columns_max: int = 200
    unpacked_bytes_max: int = 500_000_000


LIMITS = Limits()


class Row(NamedTuple):
    """One row of data.

    `number` is the row a spreadsheet shows. `values` has a text for every column asked for, '' where the file has none. `cells`
    are all cells in the order of the file, for a file of rejects. In both, a guarding apostrophe of a CSV file is undone, the
    year of the title completes a day without one, and nothing else is changed. A row with a `problem` has no values and must be
    rejected with it. A row of totals has their word (合计) and the rest of its cell in `total`, and is no record.
    """

    number: int
    values: dict[str, str]
    cells: tuple[str, ...]
    problem: Finding | None
    total: tuple[str, str] | None = None


@dataclass(slots=True)
class Passed:
    """What was met on the way through a sheet and is no record: rows by their number, and whether the title's year was used."""

    asides: list[int] = field(default_factory=list)
    years: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that can be read, and what its header says.

    `dialect` is how a CSV file is written, None for a workbook. `header` is as in the file, of two rows one; `columns` gives
    the place (from 0) of each column found; `unknown` are headers that nothing was asked of, shortened for a message: worth a
    warning. `remarks` are sentences a clerk should read before the rows count.
    """

    source: Source | Packed
    dialect: Dialect | None
    records: Callable[[], Generator[tuple[int, list[str]]]]
    heading: Heading
    columns: Mapping[str, int]
    unknown: tuple[str, ...]
    asked: tuple[Column, ...]
    limits: Limits
    remarks: tuple[Say, ...] = ()
    passed: Passed = field(default_factory=Passed)

    @property
    def header(self) -> tuple[str, ...]:
        """The cells of the header."""
        return self.heading.header

    @property
    def encoding(self) -> str:
        """The encoding the file was recognised to be in, '' for a workbook."""
        return self.dialect.encoding if self.dialect else ""

    @property
    def digest(self) -> str:
        """The SHA-256 of the file's bytes in hex."""
        return self.source.digest

    def rows(self) -> Generator[Row]:
        """Read the rows from the start, one at a time; rows without any text, and headers once more, are left out, but counted.

        A row with more cells than the header, a cell over the limit, or one that cannot be read, comes with a problem. Raises
        Invalid `line_too_long`, `unbalanced_quote`, `bad_quote`, `too_many_columns`, `damaged_workbook`, and `file_changed` if
        the file is not the one that was opened.
        """
        absent = {column.name: "" for column in self.asked if column.name not in self.columns}
        places = tuple(self.columns.items())
        last, width, again = self.heading.number, len(self.header), frozenset(self.heading.above)
        odd = sheet_layout.STARTS.union(text[:1] for text in again)
        packed = self.dialect is None
        days = tuple(self.columns[name] for name in ("date", "start", "end") if name in self.columns)
        year = min(self.heading.years) if len(self.heading.years) == 1 else 0
        self.passed.asides.clear()
        for number, found in self.records():
            joined = "".join(found)
            if number <= last or not joined or joined.isspace():
                continue
            cells = self._fitted(found)
            if joined[0] in odd:
                if joined in again:
                    continue
                if row := self._no_record(number, cells):
                    if row.total is not None:
                        yield row
                    continue
            if packed:
                problem = self._unreadable(number, cells)
            else:
                problem = None
                if "'" in joined:
                    cells = [unguard(cell) for cell in cells]
            if len(cells) != width:
                problem = _too_many_cells(number, cells, self.header)
            if len(joined) > self.limits.cell_characters_max:
                problem = problem or self._too_long_cell(number, cells)
            for day in days if year else ():
                if day < len(cells) and _DAY_OF_YEAR.fullmatch(narrow(cells[day]).strip()):
                    cells[day] = f"{year}年{cells[day].strip()}"
                    self.passed.years.add(year)
            values = {} if problem else absent | {name: cells[place] for name, place in places}
            yield Row(number, values, tuple(cells), problem)

    def notes(self) -> list[Say]:
        """What a clerk should know of the rows that were read last: rows left out, days completed by the year of the title."""
        told = [say("Days without a year are days of {year}, the year of the title.", year=year) for year in self.passed.years]
        if self.passed.asides:
            rows = ", ".join(str(number) for number in self.passed.asides[:20])
            more = "" if len(self.passed.asides) <= 20 else ", …"
            told.append(say("These rows are no records and are left out (totals, signatures, notes): {rows}", rows=rows + more))
        return told

    def _fitted(self, cells: list[str]) -> list[str]:
        """The cells with empty ones added up to the header's width, and surplus empty ones taken away."""
        width = len(self.header)
        if len(cells) < width:
            return cells + [""] * (width - len(cells))
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        return cells

    def _no_record(self, number: int, cells: list[str]) -> Row | None:
        """A row of totals; a row of no account (with `total` None) for a note or a signature line; None for a record."""
        word, rest = sheet_layout.total_of(cells)
        aside = "" if word else sheet_layout.aside_of(cells)
        needed = [self.columns.get(c.name, self.columns.get(c.instead, 0)) for c in self.asked if c.required]
        if not word and (not aside or (":" not in aside and all(cells[place].strip() for place in needed))):
            return None
        self.passed.asides.append(number)
        values = {name: cells[place] for name, place in self.columns.items()} if word else {}
        problem = self._unreadable(number, cells) if word else None
        return Row(number, values, tuple(cells), problem, (word, rest) if word else None)

    def _unreadable(self, number: int, cells: Sequence[str]) -> Finding | None:
        """The first cell of a column asked for that has no text to be read: an error, a merged block of minutes."""
        for name, place in self.columns.items():
            cell = cells[place]
            if isinstance(cell, Flaw):
                return Finding(f"row {number}", cell.code, cell.problem, number)
            if isinstance(cell, Covered) and name not in _SHARED:
                message = say(
                    "The column {column} is merged over several rows: nobody can tell what each has.",
                    column=self.header[place],
                )
                return Finding(f"row {number}", "merged_cell", message, number)
        return None

    def _too_long_cell(self, number: int, cells: Sequence[str]) -> Finding | None:
        most = self.limits.cell_characters_max
        longest = max(len(cell) for cell in cells)
        if longest <= most:
            return None
        message = say("A cell has {count} characters; {most} are the most.", count=longest, most=most)
        return Finding(f"row {number}", "cell_too_long", message, number)


def open_sheet(path: Path, columns: Sequence[Column], limits: Limits = LIMITS, tab: str = "") -> Sheet:
    """Look a CSV file or a workbook through and find its header; rows are read afterwards, with `Sheet.rows`.

    CSV: UTF-8, UTF-16 with a BOM, and GB18030 (so also GBK, which Excel writes in China) are recognised; comma, semicolon or
    tab. Of a workbook the worksheet `tab`, else the one that has the columns. Headers match whatever their case, spaces,
    hyphens, underscores, full-width forms, and may stand below titles. Raises NotFound `no_file`, `no_tab`; Invalid
    `unreadable`, `empty_file`, `file_too_large`, `old_workbook`, `locked_workbook`, `other_file`, `bad_encoding`, `nul_bytes`,
    `several_tabs`, `missing_column` (all of them, also as findings), `duplicate_column`, `no_rows`, what
    `workbooks.open_workbook` and what `Sheet.rows` raises.
    """
    source = survey(path, limits.file_bytes_max)
    needed = tuple(frozenset((column.name, column.instead)) for column in columns if column.required)
    asked = _Asked(tuple(columns), _meanings(columns), needed)
    if isinstance(source, Source):
        if tab:
            message = say("{file} is a CSV file: it has no worksheets.", file=path.name)
            raise NotFound(message, "no_tab", say("Leave --sheet out."))
        sheet = _text_sheet(source, asked, limits)
    else:
        sheet = _packed_sheet(source, asked, limits, tab)
    with closing(sheet.rows()) as rows:
        if next((row for row in rows if row.total is None), None) is None:
            message = say("{file} has a header but no rows.", file=path.name)
            raise Invalid(message, "no_rows", say("Write one row below it for each record."))
    return sheet


class _Lines:
    """The lines of one file for the csv module, counted, so that no row outgrows the limits whatever its quotes do."""

    def __init__(self, file: TextIO, limits: Limits) -> None:
        self._readline = file.readline
        self._limits = limits
        self._most = limits.line_characters_max
        self._in_row = 0
        self._ended = False
        self.row = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._readline(self._most + 1)
        if not line:
            self._ended = True
            raise StopIteration
        self._in_row += len(line)
        if self._in_row > self._most:
            raise self._too_long(line)
        return line

    def next_row(self) -> None:
        """Begin to count the next row."""
        self.row += 1
        self._in_row = 0

    def refusal(self) -> Invalid:
        """What to say where the csv module cannot go on."""
        if self._ended:
            return self._unbalanced()
        message = say('Row {row} has text behind the quotation mark (") that closes a cell.', row=self.row)
        return self._error(message, "bad_quote", say('Write "" for a mark inside a cell.'))

    def _too_long(self, line: str) -> Invalid:
        if self._in_row > len(line):
            return self._unbalanced()
        columns = 1 + max(line.count(delimiter) for delimiter in _DELIMITERS)
        if columns > self._limits.columns_max:
            return too_many_columns(self._limits.columns_max)
        message = say("Row {row} is longer than {most} characters.", row=self.row, most=self._most)
        return self._error(message, "line_too_long", say("Is this a CSV file, with one record on each line?"))

    def _unbalanced(self) -> Invalid:
        message = say('Row {row} does not end: a quotation mark (") opens a cell and is not closed.', row=self.row)
        return self._error(message, "unbalanced_quote", say('Close the quotation mark, or write "" for a mark inside a cell.'))

    def _error(self, message: Say, code: str, hint: Say) -> Invalid:
        return Invalid(message, code, hint, [Finding(f"row {self.row}", code, message, self.row)])


def _records(source: Source, delimiter: str, limits: Limits) -> Generator[tuple[int, list[str]]]:
    """All rows of a file with their numbers, the header's being 1. Raises Invalid as `Sheet.rows` does."""
    with source.reading() as text:
        lines = _Lines(text, limits)
        try:
            for cells in csv.reader(lines, delimiter=delimiter, strict=True):
                yield lines.row, cells
                lines.next_row()
        except csv.Error as error:
            raise lines.refusal() from error


def _too_many_cells(number: int, cells: Sequence[str], header: Sequence[str]) -> Finding:
    message = say("The row has {count} cells and the header {width}.", count=len(cells), width=len(header))
    return Finding(f"row {number}", "too_many_cells", message, number)


class _Asked(NamedTuple):
    """What a command asks of a sheet: its columns, what each folded header means, and what must be there."""

    columns: tuple[Column, ...]
    meanings: Mapping[str, str]
    needed: tuple[frozenset[str], ...]


def _meanings(columns: Sequence[Column]) -> dict[str, str]:
    meanings: dict[str, str] = {}
    for column in columns:
        for name in (column.name, *column.synonyms):
            assert meanings.setdefault(fold(name), column.name) == column.name, f"{name} would mean two columns"
    return meanings


def _sheet(source: Source | Packed, dialect: Dialect | None, heading: Heading, asked: _Asked, limits: Limits) -> Sheet:
    """A sheet under its header, without its records. Raises Invalid `missing_column`, `duplicate_column`."""
    if len(heading.header) > limits.columns_max:
        raise too_many_columns(limits.columns_max)
    found = _match(heading, asked)
    return Sheet(
        source,
        dialect,
        records=_nothing,
        heading=heading,
        columns={name: place for place, name in found.items()},
        unknown=tuple(
            excerpt(text.strip()) for place, text in enumerate(heading.header) if place not in found and text.strip()
        ),
        asked=asked.columns,
        limits=limits,
    )


def _nothing() -> Generator[tuple[int, list[str]]]:
    yield from ()


def _text_sheet(source: Source, asked: _Asked, limits: Limits) -> Sheet:
    """A CSV file under the delimiter its header is written with."""
    with source.reading() as text:
        outside = "".join(next(_Lines(text, limits)).split('"')[::2])
    headings: list[tuple[str, Heading]] = []
    for delimiter in sorted(_DELIMITERS, key=outside.count, reverse=True):
        with closing(_records(source, delimiter, limits)) as records:
            try:
                heading = find_heading(records, asked.meanings, asked.needed)
            except Invalid:
                if not headings:  # the delimiter of the first line: the file's own trouble
                    raise
                continue
        headings.append((delimiter, heading))
        if heading.complete:
            break
    delimiter, heading = next((some for some in headings if some[1].complete), headings[0])
    sheet = _sheet(source, Dialect(source.encoding, delimiter), heading, asked, limits)
    return replace(sheet, records=partial(_records, source, delimiter, limits))


def _packed_sheet(source: Packed, asked: _Asked, limits: Limits, wanted: str) -> Sheet:
    """The worksheet that was named, else the one visible one that has the columns. Raises NotFound `no_tab`, Invalid."""
    book = open_workbook(source, Bounds(limits.unpacked_bytes_max, columns_max=limits.columns_max))
    seen = [tab for tab in book.tabs if not tab.hidden]
    named = [tab for tab in book.tabs if tab.name.strip() == wanted.strip()] if wanted else seen
    if not named:
        message = say("{file} has no worksheet {name}.", file=source.path.name, name=wanted or "-")
        listed = ", ".join(excerpt(tab.name) for tab in book.tabs)
        raise NotFound(message, "no_tab", say("It has these: {names}", names=listed))
    looked = [(tab, _heading_of(book, tab, asked)) for tab in named]
    whole = [(tab, heading) for tab, heading in looked if heading.complete and _has_more(book, tab, heading)]
    if len(whole) > 1:
        names = ", ".join(excerpt(tab.name) for tab, _ in whole)
        message = say("Several worksheets have these columns: {names}.", names=names)
        raise Invalid(message, "several_tabs", say("Name one with --sheet."))
    tab, heading = whole[0] if whole else max(looked, key=lambda pair: _found(pair[1], asked))
    if not heading.number:
        raise Invalid(
            say("{file} is empty.", file=source.path.name), "empty_file", say("Is it the right file, and was it saved?")
        )
    sheet = _sheet(source, None, heading, asked, limits)
    blocks, hidden = book.look_through(tab)
    below = [block for block in blocks if block.first_row > heading.number]
    remarks = []
    if not wanted and len(seen) < len(book.tabs):
        names = ", ".join(excerpt(tab.name) for tab in book.tabs if tab.hidden)
        remarks.append(say("These worksheets are hidden and left out: {names}.", names=names))
    if hidden:
        remarks.append(say("{count} rows are hidden (by a filter?); they are read like the others.", count=hidden))
    return replace(sheet, records=partial(book.rows, tab, below), remarks=tuple(remarks))


def _heading_of(book: Workbook, tab: Tab, asked: _Asked) -> Heading:
    with closing(book.rows(tab)) as rows:
        return find_heading(rows, asked.meanings, asked.needed)


def _has_more(book: Workbook, tab: Tab, heading: Heading) -> bool:
    """Whether anything stands below the header: an empty form beside the filled one is no second sheet."""
    with closing(book.rows(tab)) as rows:
        return any(number > heading.number for number, _ in rows)


def _found(heading: Heading, asked: _Asked) -> int:
    return len({asked.meanings[fold(text)] for text in heading.header if fold(text) in asked.meanings})


def _match(heading: Heading, asked: _Asked) -> dict[int, str]:
    """The column each place of the header stands for. Raises Invalid `missing_column`, `duplicate_column`."""
    meanings, header = asked.meanings, heading.header
    found = {place: meanings[fold(text)] for place, text in enumerate(header) if fold(text) in meanings}
    for column in asked.columns:
        places = [place for place, name in found.items() if name == column.name]
        if len(places) > 1:
            raise _duplicate_column(column, [header[place] for place in places])
    there = frozenset(found.values())
    missing = [c.label for c in asked.columns if c.required and not {c.name, c.instead} & there]
    if missing:
        raise _missing_columns(missing, heading.number)
    return found


def _duplicate_column(column: Column, headers: Sequence[str]) -> Invalid:
    named = ", ".join(excerpt(header.strip()) for header in headers)
    message = say("Several headers mean {column}: {headers}.", column=column.label, headers=named)
    return Invalid(message, "duplicate_column", say("Delete or rename all but one of them."))


def _missing_columns(labels: Sequence[str], row: int) -> Invalid:
    message = say("The header in row {row} lacks these columns: {columns}.", row=row, columns=", ".join(labels))
    findings = [Finding("header", "missing_column", say("There is no column {column}.", column=label), row) for label in labels]
    hint = say("Headers may be in Chinese or English, in the first 30 rows; timebank hours template makes a sheet that fits.")
    return Invalid(message, "missing_column", hint, findings)
