"""Rows of sheets as a room gets them: the day, the start and the end of a service wherever an office writes them."""

import re
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Cli
from test_sheets import refusal
from timebank import exchange
from timebank.base.i18n import text
from timebank.base.imported import Imported
from timebank.base.sheet_values import parse_clock, parse_day, split_moment
from timebank.base.workbook_writing import write_workbook
from timebank.exchange import HOURS_COLUMNS
from timebank.services import Record

DAY = date(2026, 3, 8)
DAY_ZERO = date(1899, 12, 30)


def csv_of(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> tuple[list[Record], list[tuple[int, str]]]:
    """The records of a sheet of services, and the rows that could not be read, with their codes."""
    found: list[Record] = []

    def keep(records: Sequence[Record]) -> Imported:
        found.extend(records)
        return Imported(rows=len(records))

    outcome = exchange.open_for(path, HOURS_COLUMNS, lambda _: None).take(exchange._record, keep)
    return found, [(finding.row or 0, finding.code) for finding in outcome.rejected]


def times(path: Path) -> list[tuple[date, int | None, int | None, int]]:
    records, refused = read(path)
    assert not refused
    return [(r.day, r.starts, r.ends, r.minutes) for r in records]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-08 09:00", "2026-03-08 11:30"),
        ("2026/3/8 9:00", "2026/3/8 11:30"),
        ("2026-03-08T09:00:00", "11:30"),
        ("2026年3月8日上午9点", "2026年3月8日 上午11点半"),
        ("2026/3/8（周日） 9:00", "2026/3/8(周日)11:30"),
        ("２０２６／３／８　９：００", "11:30"),
        ("46089.375", "46089.4791666667"),
        ("46089.3750", "46089.47917"),
        ("9:00", "2026-03-08 11:30"),
        ("9:00:59", "2026-03-08 11:30:01"),
    ],
)
@pytest.mark.parametrize("column", ["", "2026-03-08"])
def test_a_day_may_stand_before_the_start_and_the_end(tmp_path: Path, start: str, end: str, column: str) -> None:
    lines = (f"日期,编号,开始时间,结束时间\n{column},M1,{start},{end}", f"编号,开始时间,结束时间\nM1,{start},{end}")
    for sheet in lines if not column else lines[:1]:
        assert times(csv_of(tmp_path / "s.csv", sheet)) == [(DAY, 540, 690, 150)]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (",2026-03-08 22:00,2026-03-09 01:00", "past_midnight"),
        (",2026-03-08 22:00,2026-03-10 00:00", "past_midnight"),
        (",2026-03-08 09:00,2026-03-07 11:00", "other_day"),
        ("2026-03-09,2026-03-08 09:00,2026-03-08 11:00", "other_day"),
        ("2026-03-09,9:00,2026-03-08 11:00", "other_day"),
        ("2026-03-09,2026-03-08 9:00,11:00", "other_day"),
        (",9:00,11:00", "no_day"),
        (",2026-03-08 11:00,2026-03-08 9:00", "bad_span"),
        (",2026-03-08 9:00,", "no_minutes"),
        (",,2026-03-08 9:00", "no_minutes"),
        (",2026-03-08,2026-03-08 9:00", "bad_time"),
        (",2026-02-29 9:00,11:00", "bad_day"),
        (",2026/3/8(周一) 9:00,11:00", "other_weekday"),
        (",46089.38,46089.5", "bad_time"),
        (",46089.4,46089.5", "bad_time"),
        (",46089.37503,46089.5", "bad_time"),
        (",99999.5,99999.75", "bad_day"),
    ],
)
def test_days_that_disagree_and_nights_are_refused(tmp_path: Path, row: str, code: str) -> None:
    date_, start, end = row.split(",")
    path = csv_of(tmp_path / "s.csv", "日期,编号,开始,结束", f"{date_},M1,{start},{end}")
    assert read(path) == ([], [(2, code)])


def test_the_midnight_at_the_end_of_a_day_is_its_24_o_clock(tmp_path: Path) -> None:
    lines = (
        "编号,开始,结束",
        "M1,2026-03-08 22:00,2026-03-09 00:00",
        "M1,2026-03-08 00:00,2026-03-08 01:00",
        "M2,46089.75,46090.0",
    )
    night, morning, serial = times(csv_of(tmp_path / "s.csv", *lines))
    assert (night, morning) == ((DAY, 1_320, 1_440, 120), (DAY, 0, 60, 60))
    assert serial == (DAY, 1_080, 1_440, 360)


def test_a_title_completes_days_before_times(tmp_path: Path) -> None:
    lines = ("2026年服务登记", "编号,开始,结束", "M1,3月8日 9:00,3月8日11:30", "M2,3月8日上午9点,11:30")
    assert times(csv_of(tmp_path / "s.csv", *lines)) == [(DAY, 540, 690, 150)] * 2


@pytest.mark.parametrize("shown", ["General", "yyyy/m/d h:mm", "yyyy-mm-dd hh:mm:ss", "m/d h:mm"])
def test_moments_of_a_workbook_are_read_whatever_their_format(tmp_path: Path, shown: str) -> None:
    book = openpyxl.Workbook()
    book.active.append(["编号", "签到时间", "签退时间"])
    for start, end in ((time(9, 20), time(11, 5)), (time(0), time(0, 50))):
        book.active.append(["M1", datetime.combine(DAY, start), datetime.combine(DAY, end)])
    for row in book.active.iter_rows(min_row=2, min_col=2):
        for cell in row:
            cell.number_format = shown
    path = tmp_path / "s.xlsx"
    book.save(path)
    if shown == "General":  # the serial of midnight is that of the day alone: nobody can tell them apart
        assert read(path)[1] == [(3, "bad_time")]
        return
    assert times(path) == [(DAY, 560, 665, 105), (DAY, 0, 50, 50)]


def test_a_sheet_needs_a_day_or_a_start(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "s.csv", "编号,时长", "M1,90")
    assert refusal(lambda: read(path)).code == "missing_column"


@given(st.dates(date(1930, 1, 1), date(2099, 12, 31)), st.integers(0, 1_439), st.integers(4, 15))
def test_every_way_of_writing_a_moment_gives_its_day_and_its_minute(day: date, minute: int, digits: int) -> None:
    clock = f"{minute // 60:02}:{minute % 60:02}"
    serial = f"{(day - DAY_ZERO).days}.{(minute * 10**digits + 720) // 1_440:0{digits}d}"
    for way in (f"{day} {clock}", f"{day}T{clock}", f"{day.year}年{day.month}月{day.day}日{clock}", serial):
        found, read_as = split_moment(way)
        assert (found, parse_clock(read_as)) == (day, minute)


@given(st.dates(date(1930, 1, 1), date(2099, 12, 31)), st.times())
def test_a_day_or_a_time_alone_is_no_moment(day: date, at: time) -> None:
    for cell in (day.isoformat(), f"{day:%Y%m%d}", str((day - DAY_ZERO).days), f"{at:%H:%M}", f"{at:%H:%M:%S}"):
        assert split_moment(cell) == (None, cell)


def test_a_wrong_weekday_is_told_with_the_right_one() -> None:
    told: Any = refusal(lambda: parse_day("2026年3月8日(周一)"))
    assert (told.code, told.message.values["right"].template) == ("other_weekday", "Sunday")
    assert parse_day("2026年3月9日(周一)") == DAY + timedelta(1)


def test_a_total_that_is_another_is_no_wrong_row(office: Cli, tmp_path: Path) -> None:
    lines = ("日期,成员编号,时长", "2026-10-01,M0001,60", "2026-10-02,M0002,60", "2026-10-03,M0003,60", "合计,,200")
    path = csv_of(tmp_path / "s.csv", *lines)
    error = office("hours", "import", str(path), "--json", status=8).json["error"]
    assert (error["code"], [(f["row"], f["code"]) for f in error["findings"]]) == ("other_total", [(5, "other_total")])
    path = csv_of(path, *lines, "2026-10-04,M0009,60")
    told = office("hours", "import", str(path), status=8).err
    assert "1 of 4 rows are wrong" in told
    assert "row 5: " in told
    shown = office("hours", "import", str(path), "--partial").out.split("Rejected rows")
    assert [line.split()[-1] for line in shown[0].splitlines()[1:]] == ["4", "3", "180", "30", "1"]
    assert [code for code in ("other_total", "unknown_member") if code in shown[1]] == ["other_total", "unknown_member"]


SAVED = Path(__file__).parent / "vectors" / "sheets"


@pytest.mark.parametrize("program", ["libreoffice", "gnumeric"])
def test_sheets_that_real_programs_saved_are_read_as_they_show_them(program: str) -> None:
    records, refused = read(SAVED / f"{program}.xlsx")
    assert refused == []
    assert [(r.ref, r.member_no, r.day.day, r.starts, r.ends, r.minutes) for r in records] == [
        ("S-1", "M0001", 7, 540, 690, 150),
        ("S-2", "M0002", 8, 840, 930, 90),
        ("S-3", "M0003", 9, None, None, 90),
        ("S-4", "M0001", 10, None, None, 90),
        ("S-5", "M0002", 11, 540, 690, 150),
        ("S-6", "M0003", 12, 555, 600, 45),
        ("S-7", "M0001", 13, None, None, 150),
    ]
    assert {(r.day.year, r.day.month) for r in records} == {(2026, 3)}
    form, _ = read(SAVED / f"{program}-form.xlsx")
    assert [(r.ref, r.member_no, r.day, r.starts, r.minutes) for r in form] == [("0308-1", "M0001", DAY, 840, 90)]


def test_every_row_and_cell_we_write_is_numbered(tmp_path: Path) -> None:
    """Gnumeric opens a workbook without these numbers as an empty one."""
    write_workbook(tmp_path / "s.xlsx", [["a"] * 28, ["b", ""]])
    with zipfile.ZipFile(tmp_path / "s.xlsx") as packed:
        sheet = packed.read("xl/worksheets/sheet1.xml").decode()
    assert re.findall('<row r="([^"]*)"', sheet) == ["1", "2"]
    assert re.findall('<c r="([^"]*)"', sheet)[-5:] == ["Z1", "AA1", "AB1", "A2", "B2"]
    assert "<c s" not in sheet


@pytest.mark.parametrize(
    ("minutes", "start", "end", "read_as"),
    [
        ("90", "", "", (None, None, 90)),
        ("", "9:00", "10:30", (540, 630, 90)),
        ("90", "9:00", "", (540, 630, 90)),
        ("90", "", "10:30", (540, 630, 90)),
        ("90", "", "1:30", (0, 90, 90)),
        ("9:00-10:30", "", "", (540, 630, 90)),
        ("9:00-10:30", "9:00", "10:30", (540, 630, 90)),
        ("0:00-10:30", "0:00", "", (0, 630, 630)),
        ("90", "", "1:29", "bad_span"),
        ("", "10:30", "10:30", "bad_span"),
        ("90", "9:00", "10:31", "other_minutes"),
        ("9:00-10:30", "0:00", "", "other_times"),
        ("9:00-10:30", "", "11:00", "other_times"),
        ("9:00-10:30", "8:00", "9:30", "other_times"),
        ("", "9:00", "", "no_minutes"),
        ("", "", "", "no_minutes"),
    ],
)
def test_what_is_given_twice_agrees_and_nothing_given_is_passed_over(minutes: str, start: str, end: str, read_as: Any) -> None:
    if isinstance(read_as, str):
        assert refusal(lambda: exchange.span_of(minutes, start, end)).code == read_as
    else:
        assert exchange.span_of(minutes, start, end) == read_as


def test_a_row_that_cannot_be_read_is_told_with_its_cure(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "s.csv", "日期,编号,时长", "3/8/2026,M1,90", "2026-03-08,M1,1.5", "2026-03-08,M1,半天")
    intake = exchange.open_for(path, HOURS_COLUMNS, lambda _: None)
    intake.take(exchange._record, lambda records: Imported(rows=len(records)))
    assert all(finding.hint and text(finding.hint, "zh") != str(finding.hint) for _, finding in intake.rejects)
    intake.save_rejects(tmp_path / "rejects.csv", "en")
    assert "Write minutes like 90" in (tmp_path / "rejects.csv").read_text(encoding="utf-8")
