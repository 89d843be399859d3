"""Sheets: CSV files as offices keep them, read row by row within fixed limits.

A first pass looks at every byte (`sheet_survey`), a second streams the rows; neither holds more than one of them. Cells are
read by `sheet_values`. Files are written by `sheet_writing`, whose verbs are here too.
"""

import csv
import unicodedata
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

from timebank.base.errors import Finding, Invalid
from timebank.base.i18n import Say, say
from timebank.base.sheet_survey import Encoding, Source, file_digest, survey
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
    "team": ("队伍", "队伍编号", "团队编号", "team number", "team no"),
    "programme": ("项目", "项目名称", "program"),
    "team_size": ("队伍人数", "团队人数", "人数", "people in the team"),
    "points": ("积分", "积分余额", "剩余积分", "可用积分", "points left"),
    "lapses_on": ("失效日期", "失效日", "到期日", "到期日期", "有效期至", "lapse on", "expires on"),
    "credits": ("社区币", "贡献分", "社区币余额", "community credits"),
    "note": ("说明", "备注", "成果", "事由", "remark", "deliverable"),
    "kind": ("记录类型", "确认方式", "record kind"),
}
"""What offices write above the columns of cli.md, "Headers": the first is the Chinese name shown in messages."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column a command asks for: its contract name and what else its header may be; the first synonym is shown."""

    name: str
    synonyms: tuple[str, ...]
    required: bool

    @property
    def label(self) -> str:
        """How messages name it: 'member_no (成员编号)'."""
        return f"{self.name} ({self.synonyms[0]})" if self.synonyms else self.name


def required(name: str, *more: str) -> Column:
    """A column without which the file is refused, with its known synonyms and `more` of them."""
    return Column(name, (*SYNONYMS.get(name, ()), *more), required=True)


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


LIMITS = Limits()


class Row(NamedTuple):
    """One row of data.

    `number` is the row a spreadsheet shows (the header is row 1). `values` has a text for every column asked for, '' where the
    file has none. `cells` are all cells in the order of the file, for a file of rejects. In both, a guarding apostrophe is
    undone and nothing else is changed. A row with a `problem` has no values and must be rejected with it.
    """

    number: int
    values: dict[str, str]
    cells: tuple[str, ...]
    problem: Finding | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file that can be read, and what its first row says.

    `header` is the first row as in the file; `columns` gives the place (from 0) of each column found; `unknown` are headers
    that nothing was asked of, shortened for a message: worth a warning.
    """

    source: Source
    dialect: Dialect
    header: tuple[str, ...]
    columns: Mapping[str, int]
    unknown: tuple[str, ...]
    asked: tuple[str, ...]
    limits: Limits

    @property
    def encoding(self) -> Encoding:
        """The encoding the file was recognised to be in."""
        return self.source.encoding

    @property
    def digest(self) -> str:
        """The SHA-256 of the file's bytes in hex."""
        return self.source.digest

    def rows(self) -> Generator[Row]:
        """Read the rows from the start, one at a time; rows without any text are left out, but counted.

        A row with more cells than the header, or a cell over the limit, comes with a problem. Raises Invalid `line_too_long`,
        `unbalanced_quote`, `bad_quote`, `too_many_columns`, and `file_changed` if the file is not the one that was opened.
        """
        absent = {name: "" for name in self.asked if name not in self.columns}
        places = tuple(self.columns.items())
        for number, found in _records(self.source, self.dialect.delimiter, self.limits):
            joined = "".join(found)
            if number == 1 or not joined or joined.isspace():
                continue
            cells = self._fitted(found)
            if "'" in joined:
                cells = [unguard(cell) for cell in cells]
            problem = None if len(cells) == len(self.header) else _too_many_cells(number, cells, self.header)
            if len(joined) > self.limits.cell_characters_max:
                problem = problem or self._too_long_cell(number, cells)
            values = {} if problem else absent | {name: cells[place] for name, place in places}
            yield Row(number, values, tuple(cells), problem)

    def _fitted(self, cells: list[str]) -> list[str]:
        """The cells with empty ones added up to the header's width, and surplus empty ones taken away."""
        width = len(self.header)
        if len(cells) < width:
            return cells + [""] * (width - len(cells))
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        return cells

    def _too_long_cell(self, number: int, cells: Sequence[str]) -> Finding | None:
        most = self.limits.cell_characters_max
        longest = max(len(cell) for cell in cells)
        if longest <= most:
            return None
        message = say("A cell has {count} characters; {most} are the most.", count=longest, most=most)
        return Finding(f"row {number}", "cell_too_long", message, number)


def open_sheet(path: Path, columns: Sequence[Column], limits: Limits = LIMITS) -> Sheet:
    """Look a CSV file through and match its header; rows are read afterwards, with `Sheet.rows`.

    UTF-8, UTF-16 with a BOM, and GB18030 (so also GBK, which Excel writes in China) are recognised; comma, semicolon or tab.
    Headers match whatever their case, spaces, hyphens, underscores, full-width forms. Raises NotFound `no_file`; Invalid
    `unreadable`, `empty_file`, `file_too_large`, `excel_workbook`, `bad_encoding`, `nul_bytes`, `missing_column` (all of them,
    also as findings), `duplicate_column`, `no_rows`, and what `Sheet.rows` raises.
    """
    source = survey(path, limits.file_bytes_max)
    delimiter, header = _read_header(source, limits)
    found = _match(header, columns)
    sheet = Sheet(
        source,
        Dialect(source.encoding, delimiter),
        header,
        columns={name: place for place, name in found.items()},
        unknown=tuple(excerpt(text.strip()) for place, text in enumerate(header) if place not in found and text.strip()),
        asked=tuple(column.name for column in columns),
        limits=limits,
    )
    with closing(sheet.rows()) as rows:
        if next(rows, None) is None:
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
            return _too_many_columns(self._limits)
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
    message = say(
        "The row has {count} cells and the header {width}: is there a comma inside a cell?", count=len(cells), width=len(header)
    )
    return Finding(f"row {number}", "too_many_cells", message, number)


def _too_many_columns(limits: Limits) -> Invalid:
    return Invalid(
        say("The file has more than {most} columns.", most=limits.columns_max),
        "too_many_columns",
        say("Keep the columns that are needed, or check that it is a CSV file."),
    )


def _read_header(source: Source, limits: Limits) -> tuple[str, tuple[str, ...]]:
    """The delimiter the first line uses most, outside quotation marks, and the first row's cells."""
    with source.reading() as text:
        outside = "".join(next(_Lines(text, limits)).split('"')[::2])
    delimiter = max(_DELIMITERS, key=outside.count)
    with closing(_records(source, delimiter, limits)) as records:
        header = tuple(next(records)[1])
    if len(header) > limits.columns_max:
        raise _too_many_columns(limits)
    return delimiter, header


def _fold(header: str) -> str:
    """A header as it is compared: NFKC, no case, no BOM, spaces, hyphens or underscores."""
    folded = unicodedata.normalize("NFKC", header).casefold()
    return "".join(character for character in folded if not character.isspace() and character not in "_-\ufeff\u200b")


def _match(header: Sequence[str], columns: Sequence[Column]) -> dict[int, str]:
    """The column each place of the header stands for. Raises Invalid `missing_column`, `duplicate_column`."""
    meanings: dict[str, str] = {}
    for column in columns:
        for name in (column.name, *column.synonyms):
            assert meanings.setdefault(_fold(name), column.name) == column.name, f"{name} would mean two columns"
    found = {place: meanings[_fold(text)] for place, text in enumerate(header) if _fold(text) in meanings}
    for column in columns:
        places = [place for place, name in found.items() if name == column.name]
        if len(places) > 1:
            raise _duplicate_column(column, [header[place] for place in places])
    missing = [column.label for column in columns if column.required and column.name not in found.values()]
    if missing:
        raise _missing_columns(missing)
    return found


def _duplicate_column(column: Column, headers: Sequence[str]) -> Invalid:
    named = ", ".join(excerpt(header.strip()) for header in headers)
    message = say("Several headers mean {column}: {headers}.", column=column.label, headers=named)
    return Invalid(message, "duplicate_column", say("Delete or rename all but one of them."))


def _missing_columns(labels: Sequence[str]) -> Invalid:
    message = say("The first row lacks these headers: {columns}.", columns=", ".join(labels))
    findings = [Finding("header", "missing_column", say("There is no column {column}.", column=label), 1) for label in labels]
    hint = say("Headers may be in Chinese or English; delete any title rows above them.")
    return Invalid(message, "missing_column", hint, findings)
