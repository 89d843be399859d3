"""Workbooks, and sheets as offices lay them out: read as a spreadsheet shows them, or refused; written without formulas.

The workbooks are made by openpyxl, so that another program's files are read here and ours there.
"""

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from conftest import RULES, Book
from test_sheets import MIB, memory_at_most, refusal
from timebank import exchange, forms, rulebooks
from timebank.base.errors import Invalid, NotFound
from timebank.base.imported import Imported
from timebank.base.sheet_values import parse_day, parse_minutes, parse_name, parse_number_of_one
from timebank.base.sheets import Limits, Row, Sheet, open_sheet, optional, required
from timebank.base.workbook_writing import write_workbook
from timebank.exchange import HOURS_COLUMNS, Intake
from timebank.services import Record

COLUMNS = (required("date"), required("member_no"), required("minutes"), optional("activity"), optional("start"))
HEADER = ["日期", "编号", "时长", "活动"]
DAY = date(2026, 3, 8)


def book_of(path: Path, *rows: Sequence[Any], merged: Sequence[str] = (), **more: Sequence[Sequence[Any]]) -> Path:
    """A workbook whose first worksheet has these rows; `more` are further worksheets by name."""
    book = openpyxl.Workbook()
    for name, some in {"Sheet": rows, **more}.items():
        sheet = book[name] if name in book.sheetnames else book.create_sheet(name)
        for row in some:
            sheet.append(row)
    for block in merged:
        book["Sheet"].merge_cells(block)
    book.save(path)
    return path


def csv_of(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def edited(path: Path, edit: Callable[[str, bytes], bytes]) -> Path:
    """The same ZIP file with its parts edited."""
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, edit(name, old.read(name)))
    path.write_bytes(packed.getvalue())
    return path


def _edits(old: bytes, new: bytes) -> Callable[[str, bytes], bytes]:
    return lambda name, data: data.replace(old, new, 1)


def with_shared_texts(path: Path, texts: str) -> Path:
    """The same workbook with these shared texts; a cell of 's0' shows the first, as Excel and WPS write theirs."""
    related = (
        b'<Relationship Id="shared" Type="http://x/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    )

    def edit(name: str, data: bytes) -> bytes:
        if name == "xl/_rels/workbook.xml.rels":
            return data.replace(b"</Relationships>", related)
        return re.sub(rb't="inlineStr"><is><t>s([0-9]+)</t></is>', rb't="s"><v>\1</v>', data)

    edited(path, edit)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", texts)
    return path


def rows_of(path: Path, tab: str = "") -> list[Row]:
    return list(open_sheet(path, COLUMNS, tab=tab).rows())


def shown(folder: Path, *cells: Any, formats: Sequence[str] = (), epoch: datetime | None = None) -> list[str]:
    """What is read of cells under their number formats."""
    book = openpyxl.Workbook()
    if epoch:
        book.epoch = epoch
    book.active.append(["date", "member_no", "minutes"])
    for number, cell in enumerate(cells, 2):
        book.active.append(["d", "m", cell])
        if formats:
            book.active.cell(number, 3).number_format = formats[number - 2]
    book.save(folder / "cells.xlsx")
    return [row.values.get("minutes", row.problem.code if row.problem else "") for row in rows_of(folder / "cells.xlsx")]


def taken_of(path: Path) -> tuple[Intake, Imported, list[Record]]:
    """A sheet of services on its way as far as the book, and what would go into it."""
    intake = Intake(open_sheet(path, HOURS_COLUMNS), lambda _: None)
    taken: list[Record] = []

    def read(row: Row) -> Record:
        record = exchange._record(row)
        intake.count(minutes=record.minutes)
        return record

    def keep(records: Sequence[Record]) -> Imported:
        taken.extend(records)
        return Imported(posted=len(records))

    return intake, intake.take(read, keep, {"minutes": parse_minutes}), taken


def refused(path: Path, tab: str = "") -> str:
    return refusal(lambda: rows_of(path, tab)).code


# What cells show -----------------------------------------------------------------------------------------------------------


def test_cells_are_read_as_they_show(tmp_path: Path) -> None:
    day = datetime.combine(DAY, time(14, 20))
    assert shown(tmp_path, 12, 12.0, 1.5, 0.1, True, "９０", DAY, day, time(14, 20), timedelta(hours=25, minutes=5), -3) == [
        *("12", "12", "1.5", "0.1", "TRUE", "９０", "2026-03-08", "2026-03-08 14:20", "14:20", "25:05", "-3")
    ]


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (12, '"M"0000', "M0012"),
        (12, "0000", "0012"),
        (12, "0", "12"),
        (46089, "General", "46089"),
        (46089, 'yyyy"年"m"月"d"日"', "2026-03-08"),
        (46089, 'm"月"d"日"', "2026-03-08"),
        (46089, "[$-804]yyyy/m/d;@", "2026-03-08"),
        (46089.5, "yyyy-mm-dd hh:mm", "2026-03-08 12:00"),
        (0.0625, "h:mm", "1:30"),
        (0.0625, '上午/下午h"时"mm"分"', "1:30"),
        (1.0625, "[h]:mm", "25:30"),
        (1.0625, "h:mm", "1900-00-00 1:30"),  # shows 1:30 and holds 25:30: no reader takes it
        (0.0625001, "h:mm:ss", "1:30"),
        (0.06251, "h:mm", "1:30:01"),  # a second more: no whole minutes
        (5, '"d"0', "d5"),
        (60, "yyyy-mm-dd", "1900-00-00 0:00"),  # 29 February 1900, which Excel has and the calendar has not
        (0.5, "0%", "0.5"),
    ],
)
def test_a_number_is_read_as_its_format_shows_it(tmp_path: Path, number: Any, code: str, text: str) -> None:
    assert shown(tmp_path, number, formats=[code]) == [text]


def test_shared_texts_are_read_with_their_parts_and_without_their_readings(tmp_path: Path) -> None:
    texts = (
        '<sst xmlns="http://x"><si><t>日期</t></si><si><t>M0001</t></si>'
        "<si><r><t>看</t></r><r><rPr/><t>望_x0041_</t></r><rPh><t>kàn</t></rPh></si></sst>"
    )
    path = with_shared_texts(book_of(tmp_path / "s.xlsx", ["s0", *HEADER[1:]], [DAY, "s1", 60, "s2"]), texts)
    (row,) = rows_of(path)
    assert row.cells == ("2026-03-08", "M0001", "60", "看望A")
    for wrong in (
        texts.replace("<sst ", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><sst '),
        texts[:40],
        texts.split("<si><r>")[0] + "</sst>",
    ):
        path = with_shared_texts(book_of(tmp_path / "s.xlsx", ["s0", *HEADER[1:]], [DAY, "s1", 60, "s2"]), wrong)
        assert refused(path) == "damaged_workbook"


def test_old_macs_count_days_from_1904(tmp_path: Path) -> None:
    assert shown(tmp_path, DAY, epoch=CALENDAR_MAC_1904) == ["2026-03-08"]


def test_every_minute_comes_out_that_minute(tmp_path: Path) -> None:
    minutes = range(1, 1_440)
    spans = [*(minute / 1_440 for minute in minutes), *(1 + minute / 1_440 for minute in minutes)]
    codes = [*["h:mm"] * len(minutes), *["[h]:mm"] * len(minutes)]
    read = [parse_minutes(cell) for cell in shown(tmp_path, *spans, formats=codes)]
    assert read == [*minutes, *(1_440 + minute for minute in minutes)]


def test_a_number_of_which_excel_lost_digits_is_refused(tmp_path: Path) -> None:
    assert shown(tmp_path, 999_999_999_999_999, 110101199001011234) == ["999999999999999", "rounded_number"]


def test_errors_and_formulas_without_a_value_cost_their_row_only_where_the_column_counts(tmp_path: Path) -> None:
    rows = [[*HEADER, "算"], [DAY, "M1", "#N/A", "a", "x"], [DAY, "M2", "=1+1", "a", "x"], [DAY, "M3", 60, "a", "=1/0"]]
    found = rows_of(book_of(tmp_path / "s.xlsx", *rows))
    assert [row.problem and row.problem.code for row in found] == ["error_cell", "formula_without_value", None]


def test_a_formula_is_read_by_the_value_that_was_saved_beside_it(tmp_path: Path) -> None:
    path = book_of(tmp_path / "s.xlsx", HEADER, [DAY, "M1", "=45*2", '=""'])
    edited(path, _edits(b"<f>45*2</f><v />", b"<f>45*2</f><v>90</v>"))
    edited(path, _edits(b'<c r="D2"><f>""</f><v />', b'<c r="D2" t="str"><f>""</f><v></v>'))
    assert rows_of(path)[0].values["minutes"] == "90"


def test_the_same_sheet_is_read_alike_as_workbook_and_as_csv(tmp_path: Path) -> None:
    cells = [HEADER, ["2026-03-08", "M0001", "1.5小时", "=看望"], ["2026/3/9", "M0002", "90", "它叫'小黄'"]]
    write_workbook(tmp_path / "s.xlsx", cells)
    plain = csv_of(tmp_path / "s.csv", *(",".join(row) for row in cells))
    assert rows_of(tmp_path / "s.xlsx") == rows_of(plain)


# How offices lay sheets out ------------------------------------------------------------------------------------------------

OFFICE: tuple[Sequence[Any], ...] = (
    ["建设中路社区志愿服务登记表（2026年3月）"],
    ["单位：建设中路社区"],
    ["序号", "日期", "编号", "姓名", "时间", None, "时长", "活动"],
    [None, None, None, None, "开始", "结束"],
    [1, DAY, "M0001", "张 三", time(14, 20), time(15, 30), 70, "助老"],
    [2, None, "M0002", "李四", time(14, 20), time(15, 30), timedelta(minutes=70), None],
    [],
    ["序号", "日期", "编号", "姓名", "时间", None, "时长", "活动"],
    [None, None, None, None, "开始", "结束"],
    [3, "3月9日(周一)", 3, "王五", None, None, "一个半小时", "助老"],
    ["合计", None, None, None, None, None, 230],
    ["填表人：王芳", None, None, "审核人：李强"],
    ["注：迟到的不计"],
)
MERGED = ("A1:H1", "E3:F3", "B5:B6", "H5:H6")


def test_a_sheet_with_titles_two_header_rows_merged_cells_totals_and_signatures_is_read(tmp_path: Path) -> None:
    intake, outcome, taken = taken_of(book_of(tmp_path / "s.xlsx", *OFFICE, merged=MERGED))
    assert [(r.row, r.member_no, r.day.day, r.minutes, r.starts, r.activity) for r in taken] == [
        *((5, "M0001", 8, 70, 860, "助老"), (6, "M0002", 8, 70, 860, "助老"), (10, "3", 9, 90, None, "助老"))
    ]
    assert (outcome.rows, outcome.rejected) == (3, [])
    assert [note.values for note in intake.sheet.notes()] == [{"year": 2026}, {"rows": "11, 12, 13"}]


def totals(path: Path) -> list[tuple[int | None, str]]:
    intake, outcome, _ = taken_of(path)
    assert not any(cells[0] == "合计" for cells, _ in intake.rejects)
    return [(finding.row, finding.code) for finding in outcome.rejected]


TWO = ("日期,编号,时长", "2026-03-08,M1,60", "2026-03-08,M2,90")


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (("合计,,150",), []),
        (("合计：,,2小时30分",), []),
        (("合计：150分钟",), []),
        (("合计 2人次",), []),
        (("合计,,140",), [(4, "other_total")]),
        (("合计：140分钟",), [(4, "other_total")]),
        (("合计,,很多",), [(4, "other_total")]),
        (("小计,,150", "2026-03-09,M1,30", "小计,,30", "总计,,180"), []),
        (("小计,,150", "2026-03-09,M1,30", "小计,,31", "总计,,180"), [(6, "other_total")]),
        (("2026-03-09,M1,半天", "合计,,140"), [(4, "part_of_a_day")]),  # what cannot be read has no sum
    ],
)
def test_a_row_of_totals_must_agree_with_the_rows_above_it(
    tmp_path: Path, lines: Sequence[str], wrong: list[tuple[int, str]]
) -> None:
    assert totals(csv_of(tmp_path / "s.csv", *TWO, *lines)) == wrong


@pytest.mark.parametrize(
    "line",
    [
        "填表人：王芳,审核：李强,",
        "填表人：王芳,审核：李强,2026-03-31",
        "制表：王芳",
        "注：迟到的不计",
        "说明,,",
        "审核人,,",
        "第2页",
        "Note: late",
    ],
)
def test_signatures_and_notes_are_no_records_and_are_named(tmp_path: Path, line: str) -> None:
    sheet = open_sheet(csv_of(tmp_path / "s.csv", *TWO, line), COLUMNS)
    assert [row.number for row in sheet.rows()] == [2, 3]
    assert [note.values for note in sheet.notes()] == [{"rows": "4"}]


def test_a_row_with_all_that_is_needed_is_a_record_whatever_its_first_cell_says(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "s.csv", "活动,日期,编号,时长", "登记,2026-03-08,M1,60", "统计员,2026-03-08,M2,60")
    assert [row.number for row in rows_of(path)] == [2, 3]


@pytest.mark.parametrize(
    ("title", "day"),
    [("2026年3月登记表", "2026年3月8日"), ("登记表", "3月8日"), ("2025-2026年度", "3月8日"), ("电话20261234", "3月8日")],
)
def test_the_title_gives_days_their_year_only_where_it_names_exactly_one(tmp_path: Path, title: str, day: str) -> None:
    (row,) = rows_of(csv_of(tmp_path / "s.csv", title, "日期,编号,时长", "3月8日,M1,60"))
    assert row.values["date"] == row.cells[0] == day


def test_the_header_of_a_later_page_is_passed_over(tmp_path: Path) -> None:
    assert [row.number for row in rows_of(csv_of(tmp_path / "s.csv", "登记表", *TWO, "登记表", *TWO))] == [3, 4, 7, 8]


def test_minutes_merged_over_several_rows_are_refused_for_each_but_the_first(tmp_path: Path) -> None:
    rows = [HEADER, [DAY, "M1", 90, "a"], [DAY, "M2", None, None], [DAY, "M3", None, None]]
    found = rows_of(book_of(tmp_path / "s.xlsx", *rows, merged=["C2:C4", "D2:D4"]))
    assert [row.problem and row.problem.code for row in found] == [None, "merged_cell", "merged_cell"]
    assert {row.cells[3] for row in found} == {"a"}


def test_a_semicolon_file_under_a_title_without_any_is_split_by_its_header(tmp_path: Path) -> None:
    (row,) = rows_of(csv_of(tmp_path / "s.csv", "登记表,三月", "日期;编号;时长", "2026-03-08;M1;60"))
    assert row.values["minutes"] == "60"


# Several worksheets --------------------------------------------------------------------------------------------------------

FILLED = [HEADER, [DAY, "M0001", 60, ""]]


def test_the_worksheet_that_has_the_columns_is_read(tmp_path: Path) -> None:
    path = book_of(tmp_path / "s.xlsx", ["说明"], 三月=FILLED, 空表=[HEADER])
    assert [row.values["member_no"] for row in rows_of(path)] == ["M0001"]


def test_of_two_that_have_them_one_must_be_named(tmp_path: Path) -> None:
    path = book_of(tmp_path / "s.xlsx", *FILLED, 四月=[HEADER, [DAY, "M0002", 60, ""]])
    assert refused(path) == "several_tabs"
    assert [row.values["member_no"] for row in rows_of(path, "四月")] == ["M0002"]
    assert refused(path, "五月") == "no_tab"
    assert refused(csv_of(tmp_path / "s.csv", *TWO), "四月") == "no_tab"


def test_hidden_worksheets_are_left_out_and_named_and_hidden_rows_are_counted(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(book_of(tmp_path / "s.xlsx", *FILLED, 旧=FILLED))
    book["旧"].sheet_state = "hidden"
    book["Sheet"].row_dimensions[2].hidden = True
    book.save(tmp_path / "s.xlsx")
    sheet = open_sheet(tmp_path / "s.xlsx", COLUMNS)
    assert [remark.values for remark in sheet.remarks] == [{"names": "旧"}, {"count": 1}]
    assert len(list(sheet.rows())) == 1
    assert not open_sheet(tmp_path / "s.xlsx", COLUMNS, tab="旧").remarks


def test_what_is_missing_is_said_of_the_worksheet_that_comes_nearest(tmp_path: Path) -> None:
    error = refusal(lambda: rows_of(book_of(tmp_path / "s.xlsx", ["日期"], 三月=[["表"], ["日期", "编号"], [DAY, "M1"]])))
    assert (error.code, error.message.values["row"], [f.code for f in error.findings]) == (
        *("missing_column", 2, ["missing_column"]),
    )


def test_empty_workbooks_are_refused(tmp_path: Path) -> None:
    assert refused(book_of(tmp_path / "s.xlsx")) == "empty_file"
    assert refused(book_of(tmp_path / "s.xlsx", HEADER)) == "no_rows"
    assert refused(book_of(tmp_path / "s.xlsx", HEADER, ["合计", None, 0])) == "no_rows"


# Hostile files -------------------------------------------------------------------------------------------------------------


def test_old_and_locked_workbooks_are_told_apart(tmp_path: Path) -> None:
    start, path = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), tmp_path / "s.xlsx"
    path.write_bytes(start)
    assert refused(path) == "old_workbook"
    path.write_bytes(start + bytes(512) + "EncryptedPackage".encode("utf-16-le"))
    assert refused(path) == "locked_workbook"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = book_of(tmp_path / "s.xlsx", *FILLED)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/bomb", bytes(64 * MIB))
    with memory_at_most(4 * MIB):
        error = refusal(lambda: open_sheet(path, COLUMNS, Limits(unpacked_bytes_max=32 * MIB)))
    assert error.code == "unpacked_too_large"
    assert rows_of(path)


def test_a_long_worksheet_is_streamed_in_little_memory(tmp_path: Path) -> None:
    row = b'<row><c t="inlineStr"><is><t>2026-03-08</t></is></c><c t="inlineStr"><is><t>M1</t></is></c><c><v>60</v></c></row>'
    path = book_of(tmp_path / "s.xlsx", HEADER)
    edited(path, lambda name, data: data.replace(b"</sheetData>", row * 20_000 + b"</sheetData>"))
    with memory_at_most(6 * MIB):
        assert sum(1 for _ in open_sheet(path, COLUMNS).rows()) == 20_000


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><worksheet '


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (_edits(b"<worksheet ", LAUGHS), "damaged_workbook"),
        (_edits(b"</sheetData>", b"</sheetDat>"), "damaged_workbook"),
        (_edits(b'r="A1"', b'r="a1"'), "damaged_workbook"),
        (_edits(b'r="A1"', b'r="1"'), "damaged_workbook"),
        (_edits(b'<row r="2"', b'<row r="1"'), "damaged_workbook"),
        (_edits(b'<row r="2"', b'<row r="1048577"'), "damaged_workbook"),
        (_edits(b'<row r="2"', b'<row r="-2"'), "damaged_workbook"),
        (_edits(b"<v>60</v>", b"<v>1e999999999</v>"), "damaged_workbook"),
        (_edits(b"<v>60</v>", b"<v>nan</v>"), "damaged_workbook"),
        (_edits(b'r="C2"', b'r="XFD2"'), "too_many_columns"),
        (_edits(b"officeDocument.spreadsheetml.sheet.main", b"officeDocument.spreadsheetml.sheet.main"), ""),
        (_edits(b'Target="xl/workbook.xml"', b'Target="word/document.xml"'), "other_file"),
        (_edits(b'Target="/xl/worksheets/sheet1.xml"', b'Target="../../etc/passwd"'), "no_tab"),
    ],
)
def test_what_no_program_writes_is_refused(tmp_path: Path, edit: Callable[[str, bytes], bytes], code: str) -> None:
    path = edited(book_of(tmp_path / "s.xlsx", *FILLED), edit)
    if not code:
        assert rows_of(path)
        return
    assert refused(path) == code


def test_a_part_under_a_password_is_refused(tmp_path: Path) -> None:
    path = book_of(tmp_path / "s.xlsx", *FILLED)
    data = bytearray(path.read_bytes())
    for at in range(len(data) - 4):
        if data[at : at + 4] == b"PK\x01\x02":
            data[at + 8] |= 1
    path.write_bytes(data)
    assert refused(path) == "locked_workbook"


def test_a_workbook_saved_anew_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = book_of(tmp_path / "s.xlsx", *FILLED)
    sheet = open_sheet(path, COLUMNS)
    book_of(path, *FILLED, [DAY, "M0002", 90, "a"])
    assert refusal(lambda: list(sheet.rows())).code == "file_changed"


SOME = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.decimals(-100_000, 100_000, places=6),
    st.dates(date(1900, 3, 1)).map(lambda day: datetime.combine(day, time(9, 30))),
    st.times(),
    st.timedeltas(timedelta(0), timedelta(days=30)),
    st.sampled_from(
        ["日期", "编号", "时长", "合计", "注：", "填表人", "3月8日", "2026年", "M1、M2", "=1+1", "#REF!", "半天", "两小时"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
)


def read_or_refused(path: Path) -> None:
    """Through all that an import does with a sheet before the book comes in."""
    with suppress(Invalid):
        intake, _, _ = taken_of(path)
        intake.save_rejects(path.with_name("rejects.xlsx"), "zh")
        intake.save_rejects(path.with_name("rejects.csv"), "en")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(SOME, max_size=5), max_size=6), st.integers(0, 3))
def test_any_cells_are_imported_or_refused_and_nothing_breaks(rows: list[list[Any]], header_at: int) -> None:
    rows = [*rows[:header_at], ["日期", "编号", "时长", "开始", "结束"], *rows[header_at:]]
    with TemporaryDirectory() as folder:
        read_or_refused(book_of(Path(folder) / "s.xlsx", *rows))
        lines = (",".join('"' + str("" if cell is None else cell).replace('"', '""') + '"' for cell in row) for row in rows)
        read_or_refused(csv_of(Path(folder) / "s.csv", *lines))


PARTS_OF_10_000 = st.integers(0, 9_999)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(PARTS_OF_10_000, st.integers(0, 255)), min_size=1, max_size=4), PARTS_OF_10_000)
def test_any_damage_to_a_workbook_is_refused_or_harmless(changed: list[tuple[int, int]], cut: int) -> None:
    with TemporaryDirectory() as folder:
        path = book_of(Path(folder) / "s.xlsx", *FILLED)
        whole = bytearray(path.read_bytes())
        for at, value in changed:
            whole[4 + (len(whole) - 4) * at // 10_000] = value
        path.write_bytes(whole[: len(whole) if cut > 2_000 else 4 + len(whole) * cut // 2_000])
        with suppress(Invalid, NotFound):
            rows_of(path)


# Rejects and forms ---------------------------------------------------------------------------------------------------------


def test_rejected_rows_of_a_workbook_are_a_workbook_in_which_nothing_is_a_formula(tmp_path: Path) -> None:
    path = book_of(tmp_path / "s.xlsx", ["2026年"], HEADER, ["3月8日", "M1", "半天", "x"])
    book = openpyxl.load_workbook(path)
    book.active["D3"].value, book.active["D3"].data_type = "=1+1", "s"
    book.save(path)
    intake, _, _ = taken_of(path)
    for name in ("rejects.xlsx", "rejects"):
        intake.save_rejects(tmp_path / name, "zh")
        sheet = openpyxl.load_workbook(io.BytesIO((tmp_path / name).read_bytes())).active
        assert [cell.value for cell in sheet[2]][:4] == ["2026年3月8日", "M1", "半天", "=1+1"]
        assert {cell.data_type for cell in sheet[2]} <= {"s", "inlineStr"}
        assert open_sheet(tmp_path / name, HOURS_COLUMNS).header == (*HEADER, "原因", "怎么办")
    intake.save_rejects(tmp_path / "rejects.csv", "zh")
    assert next(iter(open_sheet(tmp_path / "rejects.csv", HOURS_COLUMNS).rows())).cells[3] == "=1+1"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None, max_examples=50)
@given(st.lists(TEXT, min_size=1, max_size=4))
@example(["_x0041_", "\x01", "a\r\nb"])
def test_any_text_in_a_workbook_of_ours_comes_back_as_it_was(cells: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.xlsx"
        write_workbook(path, [["date", "member_no", "minutes"], ["d", "m", "1", *cells]])
        first, again = path.read_bytes(), write_workbook(path, [["date", "member_no", "minutes"], ["d", "m", "1", *cells]])
        assert (path.read_bytes(), again.rows) == (first, 1)
        read = list(rows_of(path)[0].cells)[3:]
        kept = [cell if not cell.isspace() else "" for cell in cells]
        while kept and not kept[-1]:
            kept.pop()
        assert read == kept


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_form_imports_as_it_stands(book: Book, tmp_path: Path, ending: str, lang: Any) -> None:
    book.join("M0007")
    with book.write() as session:
        rulebooks.publish(session, book.act(approver=2), RULES.encode(), "2026-7", "first rules")
    path = tmp_path / f"form.{ending}"
    assert forms.write_hours(path, lang, "M0007", date(2026, 10, 18), "elder-care") == 1
    with book.write() as session:
        outcome = exchange.hours_in(session, book.act(), exchange.open_for(path, HOURS_COLUMNS, lambda _: None))
    assert (outcome.posted, outcome.minutes, outcome.rejected) == (1, 90, [])
    assert refusal(lambda: forms.write_hours(path, lang, "M0007", DAY, "")).code == "file_exists"
    assert refusal(lambda: forms.write_hours(tmp_path / "form.doc", lang, "M0007", DAY, "")).code == "bad_form"


# What offices type ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "minutes"),
    [
        *(("一个半小时", 90), ("两小时", 120), ("两个半小时", 150), ("十二小时", 720), ("二十分钟", 20), ("九十", 90)),
        *(("一小时三十分", 90), ("上午九点-十一点半", 150), ("下午两点到四点半", 150)),
    ],
)
def test_chinese_numerals_are_read_in_durations(cell: str, minutes: int) -> None:
    assert parse_minutes(cell) == minutes


@pytest.mark.parametrize("cell", ["半天", "大半天", "一天", "1天", "全天", "一个上午", "半日", "half a day"])
def test_parts_of_a_day_are_no_hours(cell: str) -> None:
    assert refusal(lambda: parse_minutes(cell)).code == "part_of_a_day"


@pytest.mark.parametrize("cell", ["2026/3/8(周日)", "2026年3月8日（星期日）", "2026.3.8 周日", "2026-03-08 星期天"])
def test_a_weekday_beside_a_day_must_be_its_own(cell: str) -> None:
    assert parse_day(cell) == DAY
    other = cell.replace("周日", "周一").replace("星期日", "星期一").replace("星期天", "星期一")
    assert refusal(lambda: parse_day(other)).code == "other_weekday"


@pytest.mark.parametrize(
    "cell", ["M0001、M0002", "M0001,M0002", "M0001，M0002", "张三、李四", "M0001 M0002", "M1/M2", "M1和M2"]
)
def test_several_members_in_one_cell_are_refused_not_taken_apart(cell: str) -> None:
    assert refusal(lambda: parse_number_of_one(cell)).code == "several_members"


@pytest.mark.parametrize("cell", ["M0001", " M 0001", "M-0001", "ALI-02/A"[:6], "志愿 0007"])
def test_one_number_is_one_member_however_it_is_spaced(cell: str) -> None:
    assert parse_number_of_one(cell) == cell.strip()


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("张 三", "张三"),
        ("欧 阳　修", "欧阳修"),
        ("古丽·阿依夏", "古丽·阿依夏"),
        ("Anna Li", "Anna Li"),
        ("张三 Li", "张三 Li"),
    ],
)
def test_spaces_inside_chinese_names_are_layout(cell: str, name: str) -> None:
    assert parse_name(cell) == name


def test_a_sheet_knows_what_it_was_read_from(tmp_path: Path) -> None:
    sheet: Sheet = open_sheet(book_of(tmp_path / "s.xlsx", *FILLED), COLUMNS)
    assert (sheet.dialect, sheet.encoding, len(sheet.digest)) == (None, "", 64)
