"""Sign-in and sign-out: one service each, by the day, with a second person where nobody signed out; papers by their hash."""

from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlmodel import Session

from conftest import RULES, Book, Cli
from timebank import attendance, hours, rulebooks, second_looks, services
from timebank.attendance import Purpose, SignIn
from timebank.audit import audit
from timebank.base.act import Act
from timebank.base.errors import TimebankError
from timebank.base.imported import Imported
from timebank.services import Record

NOON = 720
DAY = date(2026, 10, 20)
FOR = Purpose("elder-care", "A1", "here")


@pytest.fixture
def ruled(book: Book) -> Book:
    book.join("M0001", "M0002")
    with book.write() as session:
        rulebooks.publish(session, book.act(approver=2), RULES.encode(), "2026-7", "first rules")
    return book


def come(book: Book, at: int | None = None, number: str = "M0001") -> SignIn:
    with book.write() as session:
        return attendance.sign_in(session, book.act(), number, FOR, at)


def go(book: Book, at: int | None = None, approver: int | None = None) -> Imported:
    with book.write() as session:
        return attendance.sign_out(session, book.act(approver=approver), "M0001", at)


def refused(book: Book, verb: Callable[[Session, Act], object], approver: int | None = None) -> str:
    with book.write() as session, pytest.raises(TimebankError) as refusal:
        verb(session, book.act(approver=approver))
    return refusal.value.code


def sound(book: Book) -> None:
    with book.read() as session:
        assert audit(session, 1).findings == ()


@pytest.mark.parametrize(
    ("purpose", "code"),
    [
        (Purpose(team="T009"), "unknown_team"),
        (Purpose(category="陪李奶奶去医院，电话13800138000"), "bad_category"),
        (Purpose(programme="13800138000"), "bad_programme"),
    ],
)
def test_nobody_signs_in_for_what_could_not_be_recorded(ruled: Book, purpose: Purpose, code: str) -> None:
    """Whoever did could never sign out, nor sign in again: found by the random clerks."""
    assert refused(ruled, lambda s, a: attendance.sign_in(s, a, "M0001", purpose)) == code
    come(ruled, NOON - 90)
    assert go(ruled).posted == 1


def test_a_service_lasts_from_sign_in_to_sign_out(ruled: Book) -> None:
    come(ruled, NOON - 90)
    outcome = go(ruled)
    assert (outcome.posted, outcome.minutes, outcome.points) == (1, 90, 18)
    with ruled.read() as session:
        service = services.get(session, 1, 1)
    assert (service.ref, service.starts, service.ends, service.confirmed_by) == ("sign-in:1", NOON - 90, NOON, "sign-in")
    assert (service.category, service.activity_no, service.place) == ("elder-care", "A1", "here")
    sound(ruled)


def test_nobody_comes_twice_or_goes_twice(ruled: Book) -> None:
    come(ruled, NOON - 60)
    assert refused(ruled, lambda s, a: attendance.sign_in(s, a, "m1", FOR)) == "signed_in_already"
    come(ruled, number="M0002")
    go(ruled, NOON - 30)
    assert refused(ruled, lambda s, a: attendance.sign_out(s, a, "M0001")) == "not_signed_in"
    come(ruled, NOON - 30)
    assert go(ruled).minutes == 30


def test_nobody_comes_or_goes_before_the_time_has_come(ruled: Book) -> None:
    assert refused(ruled, lambda s, a: attendance.sign_in(s, a, "M0001", FOR, NOON + 1)) == "future_time"
    come(ruled, NOON - 10)
    assert refused(ruled, lambda s, a: attendance.sign_out(s, a, "M0001", NOON + 1)) == "future_time"
    assert refused(ruled, lambda s, a: attendance.sign_out(s, a, "M0001", NOON - 10)) == "bad_span"


def test_who_did_not_sign_out_waits_for_a_second_person_to_give_the_end(ruled: Book) -> None:
    come(ruled, NOON - 60)
    ruled.now += timedelta(days=1)
    with ruled.read() as session:
        (look,) = second_looks.listed(session, 1, ruled.today)
    assert (look.why, look.day, look.number) == (["no_sign_out"], DAY, 0)
    assert refused(ruled, lambda s, a: attendance.sign_out(s, a, "M0001")) == "no_sign_out"
    assert refused(ruled, lambda s, a: attendance.sign_out(s, a, "M0001", NOON)) == "approver_missing"
    assert refused(ruled, lambda s, a: attendance.sign_out(s, a, "M0001", 30), approver=2) == "bad_span"
    assert go(ruled, 1440, approver=2).minutes == 780
    with ruled.read() as session:
        assert (services.get(session, 1, 1).day, second_looks.listed(session, 1, ruled.today)) == (DAY, [])
    sound(ruled)


def test_the_ref_of_a_sign_in_is_nobody_else_s(ruled: Book) -> None:
    come(ruled, NOON - 60)
    with ruled.write() as session:
        outcome = hours.record_all(session, ruled.act(), [[Record("M0001", DAY, 60, "elder-care", ref="sign-in:1", row=2)]])
    assert [finding.code for finding in outcome.rejected] == ["bad_ref"]


def test_a_service_from_a_sign_in_can_be_corrected(ruled: Book) -> None:
    come(ruled, NOON - 60)
    go(ruled)
    ruled.command(lambda s, a: hours.correct(s, a, 1, 30), ruled.act(approver=2))
    with ruled.read() as session:
        assert (services.get(session, 1, 2).ref, services.get(session, 1, 2).ends) == ("sign-in:1", NOON - 30)
    assert refused(ruled, lambda s, a: attendance.sign_out(s, a, "M0001")) == "not_signed_in"
    sound(ruled)


def test_a_sign_in_that_was_changed_is_named_by_the_audit(ruled: Book) -> None:
    come(ruled, NOON - 60)
    with ruled.write() as session:
        driver = session.connection()
        if driver.dialect.name == "sqlite":
            driver.exec_driver_sql("DROP TRIGGER guard_sign_in_update")
        else:
            driver.exec_driver_sql("ALTER TABLE sign_in DISABLE TRIGGER ALL")
        driver.exec_driver_sql("UPDATE sign_in SET starts = 0")
    with ruled.read() as session:
        assert [finding.code for finding in audit(session, 1, ["I4"]).findings] == ["service_differs"]


def test_who_confirmed_a_service_and_by_what_paper_stand_in_the_book(ruled: Book) -> None:
    paper = sha256(b"paper").hexdigest()
    rows = [
        Record("M0001", DAY, 60, "elder-care", ref="r1", row=2, confirmed_by="receiver", evidence=paper),
        Record("M0001", DAY, 500, "elder-care", ref="r2", row=3, confirmed_by="organiser"),
        Record("M0002", DAY, 60, "elder-care", ref="r3", row=4, confirmed_by="nobody"),
    ]
    with ruled.write() as session:
        outcome = hours.record_all(session, ruled.act(), [rows])
    assert [(f.row, f.code) for f in outcome.rejected] == [(4, "bad_confirmer")]
    with ruled.write() as session:
        hours.approve(session, ruled.act(actor=2), 2)
    sound(ruled)
    with ruled.write() as session:
        session.connection().exec_driver_sql("UPDATE service SET evidence = 'other' WHERE id = 1")
        session.connection().exec_driver_sql("UPDATE service SET confirmed_by = 'receiver' WHERE id = 2")
    with ruled.read() as session:
        assert [finding.code for finding in audit(session, 1, ["I4"]).findings] == ["service_differs"] * 2


def test_the_commands_of_coming_going_and_papers(office: Cli, tmp_path: Path) -> None:
    office("hours", "sign-in", "M0001", "--category", "elder-care", "--at", "9:00")
    office("hours", "sign-in", "M0001", status=3)
    answer = office("hours", "sign-out", "m1", "--at", "10:30", "--json").json
    assert (answer["posted"], answer["minutes"]) == (1, 90)
    paper = tmp_path / "paper.jpg"
    paper.write_bytes(b"signed")
    given = ("--date", "2026-10-02", "--minutes", "60", "--evidence", str(paper), "--confirmed-by", "受助人")
    office("hours", "record", "M0001", *given)
    number = str(next(row["service"] for row in office("hours", "list", "--json").json if row["date"] == "2026-10-02"))
    assert office("hours", "evidence", number, str(paper), "--json").json["same"] is True
    paper.write_bytes(b"signed later")
    assert office("hours", "evidence", number, str(paper), "--json").json["same"] is False
    assert b"signed" not in office.stored()
    office("hours", "evidence", "1", str(paper), status=7)
