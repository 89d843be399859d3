"""Sheets as offices keep them: read within limits, whatever they hold; written so that no spreadsheet harms them."""

import csv
import errno
import hashlib
import io
import os
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank.base import sheets
from timebank.base.errors import Finding, Invalid, NotFound, TimebankError, Unwritable
from timebank.base.sheet_values import (
    Span,
    excerpt,
    guard,
    looks_like_span,
    parse_clock,
    parse_count,
    parse_day,
    parse_minutes,
    parse_span,
    parse_text,
    unguard,
)
from timebank.base.sheets import Column, Limits, Sheet, file_digest, open_sheet, optional, required, write_csv

MIB = 1 << 20
HOURS = (required("date"), required("member_no"), required("minutes"), optional("activity"), optional("kind"))
PLAIN = "date,member_no,minutes\r\n2026-03-08,M0012,90\r\n"


def saved(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "hours.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def values(sheet: Sheet) -> list[dict[str, str]]:
    return [row.values for row in sheet.rows()]


def refusal(act: Callable[[], object]) -> TimebankError:
    with pytest.raises(TimebankError) as caught:
        act()
    return caught.value


def reading(path: Path, limits: Limits = sheets.LIMITS) -> Callable[[], list[sheets.Row]]:
    return lambda: list(open_sheet(path, HOURS, limits).rows())


@contextmanager
def memory_at_most(bytes_max: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= bytes_max


# --- Reading: headers


@pytest.mark.parametrize(
    "header",
    [
        "date,member_no,minutes",
        "日期,成员编号,时长",
        "服务日期,志愿者编号,服务时长",
        "DATE,Member No,Minutes",
        " date , member-no ,MINUTES ",
        "ｄａｔｅ,ＭＥＭＢＥＲ＿ＮＯ,ｍｉｎｕｔｅｓ",
        "\ufeffdate,Member  Number,时长（分钟）",
        "日 期,会员号,分 钟",
        '"日\n期","编号","时长"',
        "date;member_no;minutes",
        "date\tmember_no\tminutes",
    ],
)
def test_headers_match_whatever_their_language_case_spaces_and_width(tmp_path: Path, header: str) -> None:
    delimiter = ";" if ";" in header else "\t" if "\t" in header else ","
    sheet = open_sheet(saved(tmp_path, header + "\n" + delimiter.join(["2026-03-08", "M0012", "90"]) + "\n"), HOURS)
    assert values(sheet) == [{"date": "2026-03-08", "member_no": "M0012", "minutes": "90", "activity": "", "kind": ""}]
    assert sheet.dialect.delimiter == delimiter


def test_no_header_means_two_columns() -> None:
    """So a command may ask for any set of the known columns (open_sheet asserts it)."""
    everything = [optional(name) for name in sheets.SYNONYMS]
    with TemporaryDirectory() as folder:
        sheet = open_sheet(saved(Path(folder), PLAIN), everything)
    assert set(sheet.columns) == {"date", "member_no", "minutes"}


def test_a_command_that_gives_one_header_two_meanings_is_a_bug(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        open_sheet(saved(tmp_path, PLAIN), [Column("date", ("日子",), True), Column("until", ("日 子",), False)])


def test_unknown_columns_are_named_and_do_no_harm(tmp_path: Path) -> None:
    content = "备注,date,member_no,minutes,\x1b[2J,,备注\nx,2026-03-08,M0012,90,,,\n"
    sheet = open_sheet(saved(tmp_path, content), HOURS)
    assert sheet.unknown == ("备注", "?[2J", "备注")
    assert sheet.columns == {"date": 1, "member_no": 2, "minutes": 3}
    assert values(sheet)[0]["member_no"] == "M0012"


def test_all_missing_columns_are_named_at_once_in_both_languages(tmp_path: Path) -> None:
    error = refusal(reading(saved(tmp_path, "日期,姓名\n2026-03-08,张三\n")))
    assert error.code == "missing_column"
    assert error.message.values == {"row": 1, "columns": "member_no (成员编号), minutes (时长)"}
    assert [finding.code for finding in error.findings] == ["missing_column"] * 2


def test_titles_and_blank_rows_above_the_header_are_passed_over(tmp_path: Path) -> None:
    for above, number in (("三月签到表,,\n", 3), ("\n", 3), ("签到表\n单位：建设中路社区\n\n", 5)):
        (row,) = open_sheet(saved(tmp_path, above + PLAIN), HOURS).rows()
        assert (row.number, row.values["member_no"]) == (number, "M0012")


def test_two_headers_for_one_column_are_refused(tmp_path: Path) -> None:
    error = refusal(reading(saved(tmp_path, "date,编号,minutes,成员编号\n2026-03-08,M1,90,M2\n")))
    assert error.code == "duplicate_column"
    assert error.message.values["headers"] == "编号, 成员编号"


def test_a_delimiter_inside_quotation_marks_does_not_count(tmp_path: Path) -> None:
    sheet = open_sheet(saved(tmp_path, 'date;member_no;minutes;"a,b,c,d,e,f"\n2026-03-08;M0012;90;\n'), HOURS)
    assert sheet.dialect.delimiter == ";"


# --- Reading: rows


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    """Blank rows are left out and counted; a row with a line break in a cell is one row."""
    content = 'date,member_no,minutes\n\n2026-03-08,"M\n1",90\n,, \n\u3000,,\n2026-03-09,M2,60'
    rows = list(open_sheet(saved(tmp_path, content), HOURS).rows())
    assert [(row.number, row.values["member_no"]) for row in rows] == [(3, "M\n1"), (6, "M2")]


def test_a_sheet_can_be_read_twice(tmp_path: Path) -> None:
    sheet = open_sheet(saved(tmp_path, PLAIN), HOURS)
    assert list(sheet.rows()) == list(sheet.rows())


def test_short_rows_are_filled_and_surplus_empty_cells_dropped(tmp_path: Path) -> None:
    sheet = open_sheet(saved(tmp_path, "date,member_no,minutes,activity\n2026-03-08,M1,90\n2026-03-08,M2,60,散步,, ,\n"), HOURS)
    first, second = sheet.rows()
    assert (first.values["activity"], first.cells[3], first.problem) == ("", "", None)
    assert (second.values["activity"], len(second.cells), second.problem) == ("散步", 4, None)


def test_a_row_with_a_cell_too_many_is_a_problem_of_that_row_only(tmp_path: Path) -> None:
    """A comma inside an unquoted cell shifts the others: the row's values cannot be trusted and are not given."""
    sheet = open_sheet(saved(tmp_path, PLAIN + "2026-03-08,M2,茶,咖啡\n2026-03-08,M3,60\n"), HOURS)
    good, bad, other = sheet.rows()
    assert (good.problem, other.problem) == (None, None)
    assert bad.problem is not None
    assert (bad.problem.code, bad.problem.row, bad.values) == ("too_many_cells", 3, {})
    assert bad.cells == ("2026-03-08", "M2", "茶", "咖啡")


def test_a_cell_over_its_limit_is_a_problem_of_that_row_only(tmp_path: Path) -> None:
    sheet = open_sheet(saved(tmp_path, PLAIN + f"2026-03-08,{'M' * 4_096},60\n2026-03-08,{'M' * 4_097},60\n"), HOURS)
    problems = [row.problem for row in sheet.rows()]
    assert [problem and (problem.code, problem.row) for problem in problems] == [None, None, ("cell_too_long", 4)]


def test_leaving_a_sheet_half_read_closes_it(tmp_path: Path) -> None:
    """An open file would be a ResourceWarning, and those are errors here."""
    rows = open_sheet(saved(tmp_path, PLAIN * 3), HOURS).rows()
    next(rows)
    rows.close()
    assert next(rows, None) is None


def test_a_file_saved_anew_between_two_looks_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, PLAIN)
    sheet = open_sheet(path, HOURS)
    path.write_text(PLAIN + "2026-03-09,M0013,60\n")
    assert refusal(lambda: list(sheet.rows())).code == "file_changed"


def test_a_file_saved_anew_in_another_encoding_is_refused_before_its_first_row(tmp_path: Path) -> None:
    sheet = open_sheet(saved(tmp_path, NAMES), HOURS)
    saved(tmp_path, NAMES, "gb18030")
    assert refusal(lambda: next(sheet.rows())).code == "file_changed"


def test_a_file_overwritten_with_other_bytes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, PLAIN + "2026-03-08,M1,60\n" * 50_000)
    rows = open_sheet(path, HOURS).rows()
    next(rows)
    path.write_bytes(b"\xff" * 1_000_000)
    assert refusal(lambda: list(rows)).code == "file_changed"


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, PLAIN)
    rows = open_sheet(path, HOURS).rows()
    next(rows)
    path.write_text(PLAIN + "2026-03-09,M0013,60\n")
    assert refusal(lambda: list(rows)).code == "file_changed"


# --- Reading: encodings

NAMES = "日期,编号,时长,活动\n2026-03-08,M0012,90,为老服务·𠮷田\n"


@pytest.mark.parametrize(
    ("codec", "recognised"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("gb18030", "gb18030"),
    ],
)
def test_the_encodings_of_offices_are_recognised(tmp_path: Path, codec: str, recognised: str) -> None:
    data = NAMES.encode(codec)
    sheet = open_sheet(saved(tmp_path, b"\xfe\xff" + data if codec == "utf-16-be" else data), HOURS)
    assert sheet.encoding == recognised
    assert values(sheet)[0]["activity"] == "为老服务·𠮷田"


def test_gbk_as_excel_writes_it_is_read_as_gb18030(tmp_path: Path) -> None:
    sheet = open_sheet(saved(tmp_path, NAMES.replace("𠮷", "吉"), "gbk"), HOURS)
    assert sheet.encoding == "gb18030"
    assert values(sheet)[0]["activity"] == "为老服务·吉田"


def test_a_character_across_two_pieces_of_the_file_is_read(tmp_path: Path) -> None:
    """The first pass reads pieces of 256 KiB; every alignment of a three-byte character to their edge is met."""
    for shift in range(4):
        body = "a" * shift + "中\n" * 70_000
        assert open_sheet(saved(tmp_path, PLAIN.replace("\r\n", "\n") + "\n" + body), HOURS).encoding == "utf-8"


def test_utf8_with_a_foreign_row_is_refused_and_not_read_as_gb18030(tmp_path: Path) -> None:
    """GB18030 would accept these bytes, and every name would be wrong."""
    data = (
        b"date,member_no,minutes,activity\n" + "2026-03-08,M1,90,张三李四\n".encode() + "2026-03-08,M2,90,张三\n".encode("gbk")
    )
    assert "张三李四" not in data.decode("gb18030")
    error = refusal(reading(saved(tmp_path, data)))
    assert (error.code, error.message.values["line"]) == ("bad_encoding", 3)


def test_gbk_that_happens_to_hold_a_character_of_utf8_is_still_gbk(tmp_path: Path) -> None:
    """The middle bytes of 张瑾宝 in GBK are one UTF-8 character."""
    data = "date,member_no,minutes,activity\n2026-03-08,M1,90,张瑾宝\n".encode("gbk")
    assert "\u8ab1" in data.decode("utf-8", "replace")
    assert values(open_sheet(saved(tmp_path, data), HOURS))[0]["activity"] == "张瑾宝"


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbfdate,\xff\n", b"\xff\xfed\x00a", b"\xff\xfe\x00\xd8a\x00", b"date,\xff\xff\n", b"caf\xe9,x\n"]
)
def test_what_is_in_no_known_encoding_is_refused(tmp_path: Path, data: bytes) -> None:
    """A BOM that lies, half a UTF-16 unit, a lone surrogate, bytes of no encoding, Latin-1."""
    assert refusal(reading(saved(tmp_path, data))).code == "bad_encoding"


# --- Reading: hostile files


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    for content in ("", "\ufeff", "\r\n\r\n  \t\n"):
        assert refusal(reading(saved(tmp_path, content))).code == "empty_file"


def test_a_header_without_rows_is_refused(tmp_path: Path) -> None:
    for content in ("date,member_no,minutes", "date,member_no,minutes\n\n,,\n"):
        assert refusal(reading(saved(tmp_path, content))).code == "no_rows"


def test_nul_bytes_are_refused_with_their_line(tmp_path: Path) -> None:
    error = refusal(reading(saved(tmp_path, PLAIN + "2026-03-08,M\0,90\n")))
    assert (error.code, error.message.values["line"]) == ("nul_bytes", 3)
    assert refusal(reading(saved(tmp_path, PLAIN.encode("utf-16-le")))).code == "nul_bytes"
    assert refusal(reading(saved(tmp_path, (PLAIN + "\0").encode("gb18030") + "张".encode("gb18030")))).code == "nul_bytes"


def test_another_packed_file_is_refused_and_never_unpacked(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "0" * 50 * MIB)
    with memory_at_most(MIB):
        assert refusal(reading(saved(tmp_path, packed.getvalue()))).code == "other_file"


def test_one_line_of_50_megabytes_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    for start in (b"", PLAIN.encode()):
        with path.open("wb") as file:
            file.write(start)
            for _ in range(50):
                file.write("时".encode() * (MIB // 3))
        with memory_at_most(4 * MIB):
            assert refusal(reading(path)).code == "line_too_long"


def test_a_million_columns_are_refused_in_little_memory(tmp_path: Path) -> None:
    for content in ("a," * 1_000_000, PLAIN + "1," * 1_000_000, "a\t" * 1_000_000):
        path = saved(tmp_path, content)
        with memory_at_most(4 * MIB):
            assert refusal(reading(path)).code == "too_many_columns"


def test_201_columns_are_refused_and_200_are_not(tmp_path: Path) -> None:
    def wide(columns: int) -> str:
        return "date,member_no,minutes" + ",x" * (columns - 3) + "\n2026-03-08,M1,90\n"

    assert len(open_sheet(saved(tmp_path, wide(200)), HOURS).header) == 200
    assert refusal(reading(saved(tmp_path, wide(201)))).code == "too_many_columns"


def test_a_line_of_the_limit_is_read_and_one_more_character_refused(tmp_path: Path) -> None:
    limits = Limits(line_characters_max=40)
    for extra, outcome in ((0, None), (1, "line_too_long")):
        line = "2026-03-08," + "M" * (40 - 11 - 4 + extra) + ",90\n"
        path = saved(tmp_path, "date,member_no,minutes\n2026-03-08,M1,90\n" + line)
        if outcome is None:
            assert len(reading(path, limits)()) == 2
        else:
            error = refusal(reading(path, limits))
            assert (error.code, error.findings[0].row) == (outcome, 3)


def test_a_quote_that_swallows_the_file_is_refused_with_its_row_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    with path.open("w") as file:
        file.write(PLAIN + '2026-03-08,"M2,60\n')
        for _ in range(20):
            file.write("2026-03-08,M3,60\n" * 50_000)
    with memory_at_most(4 * MIB):
        error = refusal(reading(path))
    assert (error.code, error.findings[0].row) == ("unbalanced_quote", 3)


def test_a_row_of_endless_quoted_breaks_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = saved(tmp_path, PLAIN + '"\n",' * 1_000_000)
    with memory_at_most(8 * MIB):
        assert refusal(reading(path)).code == "unbalanced_quote"


def test_a_quote_open_at_the_end_is_refused(tmp_path: Path) -> None:
    error = refusal(reading(saved(tmp_path, PLAIN + '2026-03-08,M2,"60')))
    assert (error.code, error.findings[0].row) == ("unbalanced_quote", 3)


def test_text_behind_a_closing_quote_is_refused_not_guessed(tmp_path: Path) -> None:
    """The csv module alone would read `ab` here. So a lost quote cannot glue two rows together unseen."""
    error = refusal(reading(saved(tmp_path, PLAIN + '2026-03-08,"a"b,60\n')))
    assert (error.code, error.findings[0].row) == ("bad_quote", 3)
    assert refusal(reading(saved(tmp_path, PLAIN + '2026-03-08,"M2,60\n2026-03-09,"M3",60\n'))).code == "bad_quote"


def test_a_file_over_its_limit_is_refused_unread(tmp_path: Path) -> None:
    assert refusal(reading(saved(tmp_path, PLAIN), Limits(file_bytes_max=len(PLAIN) - 1))).code == "file_too_large"
    assert len(reading(saved(tmp_path, PLAIN), Limits(file_bytes_max=len(PLAIN)))()) == 1


def test_what_is_no_ordinary_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / ("x" * 300)):
        assert refusal(reading(path)).code == "unreadable"
    error = refusal(reading(tmp_path / "missing.csv"))
    assert isinstance(error, NotFound)
    assert error.code == "no_file"


def test_a_disk_that_fails_while_reading_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, PLAIN)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(hashlib, "file_digest", broken)
    assert refusal(reading(path)).code == "unreadable"
    assert refusal(lambda: file_digest(path)).code == "unreadable"


def test_memory_stays_flat_in_rows(tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    written = write_csv(path, ("date", "member_no", "minutes"), (("2026-03-08", f"V{n:010x}", 90) for n in range(60_000)))
    assert (written.rows, path.stat().st_size > 1_500_000) == (60_000, True)
    with memory_at_most(3 * MIB // 2):
        assert sum(1 for _ in open_sheet(path, HOURS).rows()) == 60_000


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_and_nothing_breaks(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = saved(Path(folder), b"a,b\n" + data)
        with suppress(Invalid):
            rows = list(open_sheet(path, [optional("a"), optional("b")]).rows())
            assert all(row.problem or set(row.values) == {"a", "b"} for row in rows)


def test_the_digest_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    path = saved(tmp_path, PLAIN)
    assert open_sheet(path, HOURS).digest == file_digest(path) == hashlib.sha256(PLAIN.encode()).hexdigest()


# --- Writing

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
RISKY = st.lists(
    st.sampled_from(["'", " ", "\xa0", "\u3000", "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "1", "x"])
)
CELL = st.one_of(TEXT, RISKY.map("".join), st.from_regex(r"\A[0-9０-９]{14,19} ?\Z"))
FORMULA_SIGNS = tuple("=+-@\t\r\n＝＋－＠")


def written_and_read(rows: list[list[str | int]]) -> tuple[list[list[str]], list[tuple[str, ...]]]:
    """The rows as the csv module sees them, and as we read them back."""
    header = ["row", *(f"c{n}" for n in range(len(rows[0]) - 1))]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "out.csv"
        write_csv(path, header, rows)
        with path.open(encoding="utf-8-sig", newline="") as file:
            plain = list(csv.reader(file, strict=True))[1:]
        return plain, [row.cells for row in open_sheet(path, [required("row")]).rows()]


@given(st.lists(st.tuples(CELL, CELL, st.integers()), min_size=1, max_size=8))
def test_any_text_comes_back_as_it_was(cells: list[tuple[str, str, int]]) -> None:
    plain, ours = written_and_read([["r", *row] for row in cells])
    assert ours == [("r", one, other, str(number)) for one, other, number in cells]
    assert [[unguard(cell) for cell in row] for row in plain] == [list(row) for row in ours]


@given(st.lists(st.tuples(CELL, st.integers()), min_size=1, max_size=8))
def test_no_text_reaches_a_spreadsheet_as_a_formula_and_no_number_as_text(cells: list[tuple[str, int]]) -> None:
    plain, _ = written_and_read([["r", *row] for row in cells])
    for (_, number), (_, text, figure) in zip(cells, plain, strict=True):
        assert not text.lstrip(" \xa0\u3000").startswith(FORMULA_SIGNS)
        assert not text.startswith(FORMULA_SIGNS)
        assert figure == str(number)


@given(CELL)
def test_a_guard_can_always_be_undone(text: str) -> None:
    assert unguard(guard(text)) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("＋cmd|' /C calc'!A0", "'＋cmd|' /C calc'!A0"),
        ("-5", "'-5"),
        (" \u3000\xa0@SUM(1)", "' \u3000\xa0@SUM(1)"),
        ("\tx", "'\tx"),
        ("'=1", "''=1"),
        ("110101199003071234", "'110101199003071234"),
        ("1101011990030712", "'1101011990030712"),
        (" 1101011990030712 ", "' 1101011990030712 "),
    ],
)
def test_what_a_spreadsheet_would_run_or_round_gets_an_apostrophe(text: str, cell: str) -> None:
    assert guard(text) == cell
    assert unguard(cell) == text
    assert list(csv.reader(io.StringIO(sheets.csv_bytes(("a",), [(text,)]).decode("utf-8-sig"), newline="")))[1] == [cell]


@pytest.mark.parametrize(
    "text", ["", "张三", "M0012", "a=b", "2026-03-08", "13812341234", "123456789012345", "'quoted'", "𠮷", "阿·买"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert guard(text) == unguard(text) == text


def test_a_file_is_utf8_with_bom_crlf_and_quotes_only_where_needed(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    written = write_csv(path, ("成员", "minutes"), [("张,三", 90), ('说"好"', -5), ("=1", 0), ("两\n行", 7)])
    data = path.read_bytes()
    expected = '成员,minutes\r\n"张,三",90\r\n"说""好""",-5\r\n\'=1,0\r\n"两\n行",7\r\n'
    assert data == b"\xef\xbb\xbf" + expected.encode()
    assert written == (hashlib.sha256(data).hexdigest(), 4)
    assert list(tmp_path.iterdir()) == [path]


@given(st.lists(st.tuples(CELL, st.integers()), max_size=5))
def test_the_ways_of_writing_give_the_same_bytes(rows: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        one, other = Path(folder) / "one.csv", Path(folder) / "other.csv"
        assert write_csv(one, ("a", "b"), iter(rows)) == sheets.write_csv_text(other, ("a", "b"), rows)
        assert one.read_bytes() == other.read_bytes() == sheets.csv_bytes(("a", "b"), rows)


def test_a_long_file_is_written_in_pieces(tmp_path: Path) -> None:
    rows = [(f"M{n}", n) for n in range(2_500)]
    path = tmp_path / "out.csv"
    assert write_csv(path, ("a", "b"), iter(rows)).rows == 2_500
    assert path.read_bytes() == sheets.csv_bytes(("a", "b"), rows)


def test_rejects_keep_the_format_of_their_file(tmp_path: Path) -> None:
    """GB18030 and tabs in, GB18030 and tabs out; a formula that came in goes out guarded, and reads the same again."""
    content = "日期\t编号\t时长\t备注\n2026-03-08\tM0012\t九十\t=1+1\n"
    sheet = open_sheet(saved(tmp_path, content, "gb18030"), HOURS)
    rejects = tmp_path / "rejects.csv"
    write_csv(rejects, (*sheet.header, "原因"), ((*row.cells, "不是分钟数") for row in sheet.rows()), sheet.dialect)
    assert rejects.read_bytes().decode("gb18030").splitlines()[1] == "2026-03-08\tM0012\t九十\t'=1+1\t不是分钟数"
    again = open_sheet(rejects, HOURS)
    assert (again.encoding, again.dialect) == ("gb18030", sheet.dialect)
    assert next(again.rows()).cells == ("2026-03-08", "M0012", "九十", "=1+1", "不是分钟数")


def test_utf16_rejects_can_be_read_again(tmp_path: Path) -> None:
    sheet = open_sheet(saved(tmp_path, NAMES, "utf-16"), HOURS)
    rejects = tmp_path / "rejects.csv"
    write_csv(rejects, sheet.header, (row.cells for row in sheet.rows()), sheet.dialect)
    assert values(open_sheet(rejects, HOURS)) == values(sheet)


@pytest.mark.parametrize("failing", ["open", "write", "fsync", "close", "replace"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_failing_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, nth: int
) -> None:
    """The nth call of each kind fails with 'no space left'; a second open, fsync and close are those of the folder."""
    path = saved(tmp_path, "old")
    honest, calls = getattr(os, failing), iter(range(1, 10))

    def full(*given: object) -> object:
        if next(calls) == nth:
            if failing == "close":
                honest(*given)
            raise OSError(errno.ENOSPC, "No space left on device")
        return honest(*given)

    monkeypatch.setattr(os, failing, full)
    many = [(f"M{n}", n) for n in range(1_500)]
    if (failing, nth) == ("replace", 2):
        write_csv(path, ("a", "b"), many)
    else:
        assert isinstance(error := refusal(lambda: write_csv(path, ("a", "b"), many)), Unwritable)
        assert error.code == "unwritable"
    monkeypatch.undo()
    taken_its_name = nth == 2 and failing != "write"
    assert path.read_bytes() == (sheets.csv_bytes(("a", "b"), many) if taken_its_name else b"old")
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_without_a_folder_or_over_a_folder_is_unwritable(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "out.csv", tmp_path):
        assert refusal(lambda path=path: write_csv(path, ("a",), [])).code == "unwritable"  # type: ignore[misc]
    assert refusal(lambda: sheets.sync_folder(tmp_path / "no")).code == "unwritable"
    assert list(tmp_path.iterdir()) == []


def test_rows_that_fail_in_the_middle_leave_the_old_file(tmp_path: Path) -> None:
    path = saved(tmp_path, "old")

    def rows() -> Iterator[tuple[str, int]]:
        yield from ((f"M{n}", n) for n in range(3_000))
        raise LookupError

    with pytest.raises(LookupError):
        write_csv(path, ("a", "b"), rows())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def noted(steps: list[str], step: str, honest: Callable[..., object]) -> Callable[..., object]:
    def act(*given: object) -> object:
        steps.append(step)
        return honest(*given)

    return act


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync of the file, then its name, then fsync of the folder: in another order a power cut may leave half a file."""
    steps: list[str] = []
    for step in ("write", "fsync", "replace"):
        monkeypatch.setattr(os, step, noted(steps, step, getattr(os, step)))
    write_csv(tmp_path / "out.csv", ("a",), [("x",)])
    assert [step for n, step in enumerate(steps) if steps[n - 1 : n] != [step]] == ["write", "fsync", "replace", "fsync"]


def test_one_of_many_small_files_leaves_the_folder_to_its_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for n in range(3):
        sheets.write_csv_text(tmp_path / f"M{n}.csv", ("a",), [("x",)])
    assert len(synced) == 3
    sheets.sync_folder(tmp_path)
    assert len(synced) == 4


# --- Cells


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-08",
        "2026-3-8",
        "2026/3/8",
        "2026/03/08 0:00",
        "2026-03-08 00:00:00",
        "2026-03-08T00:00:00",
        "2026.3.8",
        "2026年3月8日",
        "2026 年 3 月 8 号",
        "2026年03月08",
        "20260308",
        "46089",
        " ２０２６－０３－０８\u3000",
        "２０２６年３月８日",
    ],
)
def test_days_are_read_as_offices_write_them(cell: str) -> None:
    assert parse_day(cell) == date(2026, 3, 8)


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "昨天",
        "3/8/2026",
        "8.3.2026",
        "26-3-8",
        "3月8日",
        "2026-3/8",
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-03-08 14:00",
        "202638",
        "2026-03",
        "10958",
        "73051",
        "46089.5",
        "460890",
        "1899-12-31",
        "2100-01-01",
        "2026²-03-08",
        "٢٠٢٦-٠٣-٠٨",
        "-46089",
        "2026-W10-7",
        "9" * 5_000,
    ],
)
def test_what_is_no_clear_day_is_refused(cell: str) -> None:
    assert refusal(lambda: parse_day(cell)).code == "bad_day"


@given(st.dates(date(1930, 1, 1), date(2099, 12, 31)))
def test_every_way_of_writing_a_day_gives_that_day(day: date) -> None:
    serial = str((day - date(1899, 12, 30)).days)
    ways = [
        day.isoformat(),
        f"{day:%Y%m%d}",
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        serial,
    ]
    assert {parse_day(way) for way in ways} == {day}


@pytest.mark.parametrize(
    ("cell", "minutes"),
    [
        ("90", 90),
        ("９０", 90),
        (" 90 ", 90),
        ("090", 90),
        ("90分钟", 90),
        ("90分", 90),
        ("90 min", 90),
        ("1.5小时", 90),
        ("1.5个小时", 90),
        ("１．５小时", 90),
        ("1.5h", 90),
        ("1.5 Hours", 90),
        ("0.55小时", 33),
        ("1.25h", 75),
        ("2小时", 120),
        ("1:30", 90),
        ("1：30", 90),
        ("01:30:00", 90),
        ("0:45", 45),
        ("1小时30分", 90),
        ("1小时30分钟", 90),
        ("1小时5分", 65),
        ("1个小时30", 90),
        ("1小时半", 90),
        ("1个半小时", 90),
        ("半小时", 30),
        ("半个小时", 30),
        ("1h30", 90),
        ("1h 30m", 90),
        ("14:00-15:30", 90),
        ("下午2点到3点半", 90),
        ("1", 1),
    ],
)
def test_durations_are_read_as_offices_write_them(cell: str, minutes: int) -> None:
    assert parse_minutes(cell) == minutes


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "0",
        "0小时",
        "0:00",
        "-90",
        "1.5",
        "90.0",
        "1,5小时",
        "0.33小时",
        "1.333h",
        "1.5小时30分",
        "1.5小时半",
        "1小时60分",
        "1:60",
        "1:5",
        "90秒",
        "9²",
        "½小时",
        "约90",
        "数十",
        "90-",
        "1e2",
        "9" * 5_000,
    ],
)
def test_what_is_no_clear_number_of_minutes_is_refused(cell: str) -> None:
    assert refusal(lambda: parse_minutes(cell)).code == "bad_minutes"


@given(st.integers(1, 6_000))
def test_every_way_of_writing_a_duration_gives_the_same_minutes(minutes: int) -> None:
    hours, past = divmod(minutes, 60)
    ways = [str(minutes), f"{minutes}分钟", f"{hours}:{past:02d}", f"{hours}小时{past}分", f"{hours}h{past:02d}"]
    assert {parse_minutes(way) for way in ways} == {minutes}


@given(st.integers(0, 400), st.integers(0, 9_999))
def test_hours_are_exact_or_refused(hours: int, tenthousandths: int) -> None:
    cell, exact = f"{hours}.{tenthousandths:04d}小时", hours * 600_000 + tenthousandths * 60
    if exact % 10_000 or exact == 0:
        assert refusal(lambda: parse_minutes(cell)).code == "bad_minutes"
    else:
        assert parse_minutes(cell) == exact // 10_000


@pytest.mark.parametrize(
    ("cell", "clock"),
    [
        ("14:00", (14, 0)),
        ("14：00", (14, 0)),
        ("9:05", (9, 5)),
        ("2:30", (2, 30)),
        ("08:59:30", (8, 59)),
        ("下午2:30:59", (14, 30)),
        ("23:59:59", (23, 59)),
        ("14:00:00", (14, 0)),
        ("0:00", (0, 0)),
        ("24:00", (24, 0)),
        ("下午2点", (14, 0)),
        ("下午 2点半", (14, 30)),
        ("下午2:30", (14, 30)),
        ("下午14:00", (14, 0)),
        ("下午12点10分", (12, 10)),
        ("2pm", (14, 0)),
        ("2:30 PM", (14, 30)),
        ("12pm", (12, 0)),
        ("12am", (0, 0)),
        ("9am", (9, 0)),
        ("上午9点半", (9, 30)),
        ("上午9时5分", (9, 5)),
        ("早上8点整", (8, 0)),
        ("中午12点", (12, 0)),
        ("中午1点", (13, 0)),
        ("晚上8点", (20, 0)),
        ("晚上12点", (24, 0)),
        ("凌晨12点", (0, 0)),
        ("凌晨2点", (2, 0)),
        ("9点", (9, 0)),
        ("14点30", (14, 30)),
        ("１４：００", (14, 0)),
    ],
)
def test_times_are_read_as_offices_write_them(cell: str, clock: tuple[int, int]) -> None:
    assert parse_clock(cell) == 60 * clock[0] + clock[1]


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "14",
        "25:00",
        "24:01",
        "14:60",
        "14:5",
        "24:00:30",
        "14:00:60",
        "2点",
        "6点半",
        "上午12点",
        "上午14:00",
        "晚上1点",
        "晚上12点半",
        "中午9点",
        "下午2pm",
        "13am",
        "星期2点",
        "下午",
        "2026-03-08 14:00",
        "-14:00",
    ],
)
def test_what_is_no_clear_time_is_refused(cell: str) -> None:
    """'2点' may be two in the morning or in the afternoon: nobody guesses."""
    assert refusal(lambda: parse_clock(cell)).code == "bad_time"


@pytest.mark.parametrize(
    ("cell", "start", "end"),
    [
        ("14:00-15:30", (14, 0), (15, 30)),
        ("14:00 － 15:30", (14, 0), (15, 30)),
        ("14:00—15:30", (14, 0), (15, 30)),
        ("14:00——15:30", (14, 0), (15, 30)),
        ("14:00～15:30", (14, 0), (15, 30)),
        ("14：00至15：30", (14, 0), (15, 30)),
        ("上午9点-11点半", (9, 0), (11, 30)),
        ("上午9点-12点", (9, 0), (12, 0)),
        ("上午9点-下午2点", (9, 0), (14, 0)),
        ("上午9:00-14:00", (9, 0), (14, 0)),
        ("下午2点到4点", (14, 0), (16, 0)),
        ("下午2:00-4:00", (14, 0), (16, 0)),
        ("中午12点-2点", (12, 0), (14, 0)),
        ("晚上10点-12点", (22, 0), (24, 0)),
        ("9点-下午2点", (9, 0), (14, 0)),
        ("9am-1pm", (9, 0), (13, 0)),
        ("0:00-24:00", (0, 0), (24, 0)),
    ],
)
def test_spans_are_read_as_offices_write_them(cell: str, start: tuple[int, int], end: tuple[int, int]) -> None:
    span = parse_span(cell)
    assert span == Span(60 * start[0] + start[1], 60 * end[0] + end[1])
    assert looks_like_span(cell)
    assert parse_minutes(cell) == span.minutes


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "bad_span"),
        ("14:00", "bad_span"),
        ("15:30-14:00", "bad_span"),
        ("14:00-14:00", "bad_span"),
        ("22:00-1:00", "bad_span"),
        ("上午10点-1点", "bad_span"),
        ("2:00-4:00pm", "bad_span"),
        ("7:00-9:00pm", "bad_span"),
        ("2:00-下午4:00", "bad_span"),
        ("9:00-10:00-11:00", "bad_span"),
        ("9-11", "bad_time"),
        ("2点-4点", "bad_time"),
        ("星期9点-10点", "bad_time"),
        ("14:00-25:00", "bad_time"),
    ],
)
def test_what_is_no_clear_span_is_refused(cell: str, code: str) -> None:
    """'2:00-4:00pm' read letter by letter would be fourteen hours."""
    assert refusal(lambda: parse_span(cell)).code == code


@pytest.mark.parametrize("cell", ["90", "1.5小时", "2026-03-08", "-5", "1:30", ""])
def test_other_cells_do_not_look_like_spans(cell: str) -> None:
    assert not looks_like_span(cell)


@pytest.mark.parametrize(("cell", "count"), [("5", 5), (" ５ ", 5), ("5人", 5), ("12 名", 12), ("007", 7), ("1,200", 1_200)])
def test_counts_are_read_as_offices_write_them(cell: str, count: int) -> None:
    assert parse_count(cell) == count


@pytest.mark.parametrize("cell", ["", "0", "-5", "5.0", "20余", "约5", "五", "1,20", "5²", "9" * 10, "9" * 5_000])
def test_what_is_no_count_is_refused(cell: str) -> None:
    assert refusal(lambda: parse_count(cell)).code == "bad_count"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("  张三 ", "张三"),
        ("\xa0\u3000张三\u3000", "张三"),
        ("110101199003071234\t", "110101199003071234"),
        ("Zoe\u0308", "Zoë"),
        ("张 三", "张 三"),
        ("Ｍ１２", "Ｍ１２"),
        ("阿迪力·买买提", "阿迪力·买买提"),
        ("葛\U000e0100", "葛\U000e0100"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("", ""),
    ],
)
def test_text_is_stripped_and_composed_and_otherwise_kept(cell: str, text: str) -> None:
    assert parse_text(cell) == text


@pytest.mark.parametrize("sign", ["\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066", "\ud800"])
def test_control_characters_in_text_are_refused(sign: str) -> None:
    error = refusal(lambda: parse_text(f"张{sign}三"))
    assert error.code == "control_character"
    assert sign not in str(error)


@given(TEXT)
def test_text_that_was_read_reads_the_same_again(cell: str) -> None:
    try:
        text = parse_text(cell)
    except Invalid:
        return
    assert parse_text(text) == text


@given(st.text(max_size=60))
def test_an_excerpt_is_short_and_always_prints(text: str) -> None:
    assert len(excerpt(text)) <= 41
    assert excerpt(text).replace("\u3000", "").isprintable()


@given(st.text(max_size=12))
def test_any_cell_is_read_or_refused_and_nothing_breaks(cell: str) -> None:
    for read in (parse_day, parse_minutes, parse_clock, parse_span, parse_count, parse_text):
        with suppress(Invalid):
            read(cell)


def test_a_problem_is_a_finding_like_any_other(tmp_path: Path) -> None:
    """So an import lists it among the rejected rows as it is."""
    *_, bad = open_sheet(saved(tmp_path, PLAIN + "1,2,3,4\n"), HOURS).rows()
    assert isinstance(bad.problem, Finding)
    assert bad.problem.where == "row 3"
