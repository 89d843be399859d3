"""Points that lapse: what is taken out of circulation, when, and what is left alone."""

from datetime import UTC, date, datetime

import pytest
from sqlmodel import col, select

from conftest import Book
from timebank import ledger, points
from timebank.journal import ISSUED, Draft, Entry, Receipt, Transfer

SEPTEMBER, OCTOBER, NEVER = date(2026, 9, 30), date(2026, 10, 31), date(9999, 12, 31)


@pytest.fixture
def lapsing(book: Book) -> Book:
    """M0001 with points of three lapse days, a day after the second."""
    book.join("M0001")
    for amount, day in ((10, SEPTEMBER), (20, OCTOBER), (40, NEVER)):
        book.give("member:1", amount, lapses_on=day)
    book.now = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
    return book


def expire(book: Book, until: date, key: str = "") -> list[Receipt]:
    with book.write() as session:
        return points.expire_due(session, book.act(key), until)


def total(book: Book, holder: str = "member:1") -> int:
    """Points of a holder in the book, whether they can still be spent or not."""
    with book.read() as session:
        return ledger.balance(session, 1, holder, "points", today=date(2000, 1, 1)).total


def entries(book: Book) -> list[Entry]:
    with book.read() as session:
        wanted = select(Entry).where(col(Entry.community_id) == 1, col(Entry.kind) == "points.expire").order_by(col(Entry.seq))
        return list(session.exec(wanted))


def test_what_lapsed_is_taken_out_of_circulation(lapsing: Book) -> None:
    assert len(expire(lapsing, OCTOBER)) == 2
    assert total(lapsing) == 40


def test_an_expiry_is_an_entry_a_lot_dated_on_its_last_day_about_its_holder(lapsing: Book) -> None:
    expire(lapsing, OCTOBER)
    found = [(entry.business_date, entry.period, entry.subject) for entry in entries(lapsing)]
    assert found == [(SEPTEMBER, "2026-10", "member:1"), (OCTOBER, "2026-10", "member:1")]


def test_only_what_lapsed_by_the_day_asked_for_goes(lapsing: Book) -> None:
    expire(lapsing, SEPTEMBER)
    assert total(lapsing) == 60


def test_points_are_good_on_their_last_day(lapsing: Book) -> None:
    lapsing.now = datetime(2026, 10, 31, 4, 0, tzinfo=UTC)
    expire(lapsing, OCTOBER)
    assert lapsing.points("member:1").available == 60


def test_expiring_again_finds_nothing_to_do(lapsing: Book) -> None:
    expire(lapsing, OCTOBER)
    assert expire(lapsing, OCTOBER) == []
    assert len(entries(lapsing)) == 2


def test_the_same_command_again_gives_the_same_receipts(lapsing: Book) -> None:
    assert expire(lapsing, OCTOBER, "once") == expire(lapsing, OCTOBER, "once")
    assert len(entries(lapsing)) == 2


def test_points_on_hold_do_not_lapse(lapsing: Book) -> None:
    hold = Transfer("points", 15, "member:1", "available", "member:1", "held", lot=OCTOBER)
    with lapsing.write() as session:
        ledger.post(session, lapsing.act(), Draft("voucher.issue", date(2026, 10, 30), (hold,), subject="voucher:1"))
    expire(lapsing, OCTOBER)
    assert lapsing.points("member:1").held == 15
    assert total(lapsing) == 55


def test_points_of_pools_lapse_too(lapsing: Book) -> None:
    given = Transfer("points", 7, ISSUED, "source", "pool:elder-care", "available", lapses_on=OCTOBER)
    with lapsing.write() as session:
        ledger.open_accounts(session, 1, [("pool:elder-care", "points", "available")])
        ledger.post(session, lapsing.act(), Draft("hours", date(2026, 10, 30), (given,), subject="hours:9"))
    expire(lapsing, OCTOBER)
    assert total(lapsing, "pool:elder-care") == 0
    assert "pool:elder-care" in [entry.subject for entry in entries(lapsing)]


def test_spent_lots_leave_nothing_behind(lapsing: Book) -> None:
    spent = Transfer("points", 10, "member:1", "available", "system:redeemed", "sink", lot=SEPTEMBER)
    with lapsing.write() as session:
        ledger.post(session, lapsing.act(), Draft("voucher.capture", date(2026, 10, 30), (spent,), subject="voucher:1"))
    assert len(expire(lapsing, SEPTEMBER)) == 0
