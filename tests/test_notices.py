"""Notices: how long they hang, who objects, what two people decide, and when one has passed."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from conftest import Book, Cli
from timebank import notices, services, workdays
from timebank.base import db
from timebank.base.errors import Invalid, NotAllowed, NotFound, Refused, TimebankError
from timebank.journal import ENTRY
from timebank.notices import NewNotice, Objected, Posted, Result, covers
from timebank.transparency import parse

HOLIDAYS = Path(__file__).parent.parent / "examples" / "holidays" / "2026.json"
TODAY = date(2026, 10, 20)  # a Tuesday
OVER = date(2026, 10, 26)  # the last of five working days
ABOUT = "hours:17..45"


@pytest.fixture(name="board")
def a_board(book: Book) -> Book:
    """A community that knows the working days of 2026."""
    with book.write() as session:
        workdays.add(session, book.act(approver=2), workdays.read(HOLIDAYS.read_bytes()))
    return book


def post(book: Book, about: str = ABOUT, what: str = "十月服务时长公示", where: str = "公示栏", **more: Any) -> Posted:
    with book.write() as session:
        return notices.post(session, book.act(), NewNotice(about, what, where, **more))


def object_(book: Book, number: int = 1, why: str = "没有来", by: str = "李女士", received: date | None = None) -> Objected:
    with book.write() as session:
        return notices.object_(session, book.act(), number, why, by, received)


def decide(
    book: Book, number: int = 1, result: Result = "dismissed", why: str = "核对无误", approver: int | None = 2
) -> Objected:
    with book.write() as session:
        return notices.decide(session, book.act(approver=approver), number, result, why)


def close(book: Book, number: int = 1) -> Posted:
    with book.write() as session:
        return notices.close(session, book.act(), number)


def elapsed(book: Book, subject: str = ABOUT, today: date | None = None) -> bool:
    with book.read() as session:
        return notices.elapsed(session, 1, subject, today or book.today)


def wait(book: Book, day: date) -> None:
    book.now += day - book.today


def refused(do: Callable[[], object], family: type[TimebankError], code: str) -> None:
    with pytest.raises(family) as refusal:
        do()
    assert refusal.value.code == code


def test_a_notice_hangs_for_its_working_days_and_passes_when_it_is_closed_after_them(board: Book) -> None:
    notice = post(board)
    assert (notice.begins, notice.until, notice.state) == (TODAY, OVER, "open")
    wait(board, OVER)
    refused(lambda: close(board), Refused, "notice_running")
    wait(board, OVER + timedelta(days=1))
    assert not elapsed(board)
    assert close(board).state == "passed"
    assert elapsed(board)
    assert not elapsed(board, today=OVER)
    assert not elapsed(board, "hours:17..46")


def test_a_notice_may_begin_later_and_never_earlier_than_it_is_entered(board: Book) -> None:
    assert post(board, begins=date(2026, 10, 24), days=1).until == date(2026, 10, 26)
    refused(lambda: post(board, "rules:2027.1", begins=TODAY - timedelta(days=1)), Invalid, "past_day")


def test_no_notice_hangs_into_a_year_whose_working_days_are_unknown(board: Book) -> None:
    refused(lambda: post(board, begins=date(2026, 12, 31), days=2), NotFound, "unknown_year")
    with board.read() as session:
        assert notices.listed(session, 1) == []


def test_an_objection_is_decided_by_two_before_the_notice_is_closed(board: Book) -> None:
    post(board)
    assert object_(board).result is None
    wait(board, OVER + timedelta(days=1))
    refused(lambda: close(board), Refused, "objection_open")
    refused(lambda: decide(board, approver=None), NotAllowed, "approver_missing")
    refused(lambda: decide(board, approver=1), NotAllowed, "same_person")
    assert decide(board).result == "dismissed"
    refused(lambda: decide(board, result="upheld"), Refused, "decided_already")
    assert close(board).state == "passed"
    assert elapsed(board)


def test_an_objection_that_is_upheld_stops_the_notice_at_once_and_another_may_be_posted(board: Book) -> None:
    post(board)
    object_(board)
    object_(board, why="另一件事")
    decide(board, 1, "upheld")
    refused(lambda: close(board), Refused, "objection_open")
    decide(board, 2, "dismissed")
    refused(lambda: post(board), Refused, "noticed_already")
    assert close(board).state == "stopped"
    assert not elapsed(board)
    assert post(board).id == 2


def test_one_subject_has_one_notice(board: Book) -> None:
    post(board)
    refused(lambda: post(board), Refused, "noticed_already")
    assert post(board, "hours:46..50").id == 2
    wait(board, OVER + timedelta(days=1))
    close(board)
    refused(lambda: post(board), Refused, "noticed_already")


def test_an_objection_counts_that_came_in_while_the_notice_hung(board: Book) -> None:
    post(board, begins=TODAY + timedelta(days=1), days=3)
    refused(lambda: object_(board), Refused, "outside_notice")
    wait(board, OVER)
    refused(lambda: object_(board), Refused, "outside_notice")
    refused(lambda: object_(board, received=OVER + timedelta(days=1)), Invalid, "future_date")
    assert object_(board, received=date(2026, 10, 23)).received_on == date(2026, 10, 23)
    decide(board)
    close(board)
    refused(lambda: object_(board, received=date(2026, 10, 23)), Refused, "notice_closed")
    refused(lambda: close(board), Refused, "notice_closed")


def test_a_notice_speaks_for_the_content_it_bound_and_for_no_other(board: Book) -> None:
    post(board, "rules:2027.1", binds="ab" * 32)
    wait(board, OVER + timedelta(days=1))
    close(board)
    with board.read() as session:
        assert notices.elapsed(session, 1, "rules:2027.1", board.today, binds="ab" * 32)
        assert not notices.elapsed(session, 1, "rules:2027.1", board.today, binds="cd" * 32)
        assert [notice.binds for notice in notices.listed(session, 1)] == ["ab" * 32]


def test_a_notice_of_hours_binds_their_records_whatever_becomes_of_them(office: Cli) -> None:
    office("notice", "holidays", str(HOLIDAYS), "--approver", "W0002")
    for number in ("M0001", "M0002"):
        office("hours", "record", number, "--date", "2026-10-05", "--minutes", "60", "--category", "elder-care")
    assert office("notice", "post", "hours:1..3", "十月", "--json", status=7).json["error"]["code"] == "unknown_service"
    assert office("notice", "post", "hours:2..1", "十月", "--json", status=8).json["error"]["code"] == "bad_subject"
    office("notice", "post", "hours:1..2", "十月")
    ((bound, payload),) = office.rows("SELECT n.binds, e.payload FROM notice n JOIN entry e ON e.seq = n.seq")
    assert parse(payload.encode())["facts"]["binds"] == bound
    office("hours", "correct", "1", "--minutes", "30", "--approver", "W0002")
    engine = db.open_engine(office.url)
    with db.reading(engine) as session:
        assert services.content_of(session, 1, 1, 2) == bound
        assert services.content_of(session, 1, 1, 3) != bound
    engine.dispose()


def test_what_is_said_stays_out_of_the_payload(board: Book) -> None:
    post(board)
    object_(board)
    decide(board)
    with board.read() as session:
        found = session.execute(select(ENTRY.payload).where(ENTRY.kind.startswith("notice.")).order_by(ENTRY.seq)).scalars()
        payloads = [parse(payload.encode()) for payload in found]
        assert notices.words(session, 1, notices.listed(session, 1)) == {1: ("十月服务时长公示", "公示栏")}
        assert notices.words(session, 1, notices.objections(session, 1, 1)) == {1: ("没有来", "李女士")}
    assert [payload["facts"] for payload in payloads] == [
        {"about": ABOUT, "days": 5, "begins": "2026-10-20", "until": "2026-10-26"},
        {"notice": 1},
        {"result": "dismissed"},
    ]
    assert all("text_hash" in payload for payload in payloads)
    for said in ("十月", "公示栏", "没有来", "李女士", "核对无误"):
        assert said not in str(payloads)


def test_a_text_that_was_erased_is_shown_as_nothing(board: Book) -> None:
    post(board)
    objection = object_(board)
    with board.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM entry_text WHERE community_id = 1 AND seq = {objection.seq}")
    with board.read() as session:
        assert notices.words(session, 1, notices.objections(session, 1, 1)) == {1: ("", "")}


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"about": "hours"}, "bad_subject"),
        ({"about": "hours:17 45"}, "bad_subject"),
        ({"about": "Hours:17"}, "bad_subject"),
        ({"about": "member:13800138000"}, "bad_subject"),
        ({"what": ""}, "no_text"),
        ({"what": "公" * 1_001}, "text_too_long"),
        ({"days": 0}, "bad_days"),
    ],
)
def test_what_can_be_no_notice_is_refused(board: Book, wish: dict[str, Any], code: str) -> None:
    refused(lambda: post(board, **wish), Invalid, code)


def test_what_is_not_there_is_named(board: Book) -> None:
    refused(lambda: close(board), NotFound, "unknown_notice")
    refused(lambda: object_(board), NotFound, "unknown_notice")
    refused(lambda: decide(board), NotFound, "unknown_objection")
    post(board)
    refused(lambda: object_(board, why=""), Invalid, "no_text")
    object_(board)
    refused(lambda: decide(board, why=""), Invalid, "no_text")


def test_each_community_has_its_own_notices(board: Book) -> None:
    post(board)
    wait(board, OVER + timedelta(days=1))
    close(board)
    other = board.found("510703-yingbin")
    with board.read() as session:
        assert not notices.elapsed(session, other, ABOUT, board.today)
        assert notices.listed(session, other) == []


@pytest.mark.parametrize(
    ("asked", "covered"),
    [
        (ABOUT, True),
        ("hours:17", True),
        ("hours:45", True),
        ("hours:20..30", True),
        ("hours:16..20", False),
        ("hours:40..46", False),
        ("hours:46", False),
        ("credits:20", False),
        ("hours:", False),
        ("hours:20..", False),
    ],
)
def test_a_notice_about_a_stretch_speaks_for_what_lies_in_it(asked: str, covered: bool) -> None:
    assert covers(ABOUT, asked) is covered


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_a_stretch_covers_another_exactly_when_it_covers_all_its_numbers(a: int, b: int, c: int, d: int) -> None:
    """A stretch that ends before it begins has no numbers; it is covered by nobody but itself and covers nothing."""
    if c <= d:
        assert covers(f"hours:{a}..{b}", f"hours:{c}..{d}") == ({*range(c, d + 1)} <= {*range(a, b + 1)})


def test_a_notice_of_hours_shows_whose_with_names_that_can_be_told_apart(office: Cli) -> None:
    office("member", "add", "张小四", "--joined", "2026-01-01")
    office("member", "add", "张大四", "--joined", "2026-01-01")
    for member in ("M0001", "M0004", "M0005"):
        office("hours", "record", member, "--date", "2026-10-05", "--minutes", "60", "--category", "elder-care")
    waiting = office("notice", "holidays", str(HOLIDAYS), "--json").json
    assert office("inbox", "--json").json[0]["about"].startswith("2026 has 33 days off and 6 make-up")
    office("approve", str(waiting["waiting"]), "--as", "W0002")
    posted = office("notice", "post", "hours:1..3", "十月服务", "--where", "公示栏", "--days", "2", "--json").json
    assert posted == {"notice": 1, "begins": "2026-10-20", "until": "2026-10-21"}
    shown = office("notice", "show", "1", "--json").json
    assert [(row["service"], row["name"]) for row in shown["people"]] == [(1, "张*"), (2, "张*四(1)"), (3, "张*四(2)")]
    assert (shown["what"], shown["where"], shown["days"], shown["state"]) == ("十月服务", "公示栏", 2, "open")
    assert "张*四(2)" in office("notice", "show", "1").out


def test_a_notice_from_the_board_to_its_close_on_the_command_line(office: Cli) -> None:
    office("notice", "holidays", str(HOLIDAYS), "--approver", "W0002")
    office("notice", "post", "rules:2027.1", "明年规则草案", "--days", "1")
    assert office("notice", "object", "1", "分值太低", "--by", "李女士", "--json").json == {"objection": 1, "notice": 1}
    later = "2026-10-21T09:00:00+08:00"
    office("notice", "close", "1", status=3, now=later)
    asked = ("notice", "decide", "1", "--result", "dismissed", "--why", "居民会议已议定")
    assert office(*asked, "--json", now=later).json == {"waiting": 1}
    assert office("inbox", "--json", now=later).json[0]["about"] == "objection 1, dismissed: 居民会议已议定"
    office("approve", "1", "--as", "W0002", now=later)
    assert office("notice", "close", "1", "--json", now=later).json == {"notice": 1, "state": "passed"}
    objection = {"objection": 1, "received_on": "2026-10-20", "by": "李*士", "what": "分值太低", "result": "dismissed"}
    assert office("notice", "show", "1", "--json").json["objections"] == [objection]
    assert [row["state"] for row in office("notice", "list", "--json").json] == ["passed"]
    assert office("notice", "list", "--state", "open", "--json").json == []
    assert office("audit", now=later).status == 0
