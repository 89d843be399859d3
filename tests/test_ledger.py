"""The book: what may be posted, what is refused, what a reversal takes."""

from datetime import date

import pytest
from conftest import Book

from timebank import ledger
from timebank.base.errors import Conflict, Refused
from timebank.journal import REDEEMED, Draft, Transfer


def spend(book: Book, holder: str, points: int) -> ledger.Receipt:
    draft = Draft("voucher.capture", book.today, (Transfer("points", points, holder, "available", REDEEMED, "sink"),))
    with book.write() as session:
        return ledger.post(session, book.act(), draft)


def test_points_come_in_and_go_out(book: Book) -> None:
    (member,) = book.join("M0001")
    book.give(member.holder, 40)
    spend(book, member.holder, 15)
    assert book.points(member.holder).available == 25


def test_nothing_falls_below_its_floor(book: Book) -> None:
    (member,) = book.join("M0001")
    book.give(member.holder, 40)
    with pytest.raises(Refused) as refusal:
        spend(book, member.holder, 41)
    assert refusal.value.code == "insufficient"
    assert book.points(member.holder).available == 40


def test_the_lot_that_lapses_first_is_spent_first(book: Book) -> None:
    (member,) = book.join("M0001")
    book.give(member.holder, 10, lapses_on=date(2027, 12, 31))
    book.give(member.holder, 10, lapses_on=date(2026, 12, 31))
    spend(book, member.holder, 12)
    assert book.points(member.holder).lots == ((date(2027, 12, 31), 8),)


def test_lapsed_points_are_unavailable_at_once(book: Book) -> None:
    (member,) = book.join("M0001")
    book.give(member.holder, 10, lapses_on=date(2026, 10, 19))
    assert book.points(member.holder).available == 0
    with pytest.raises(Refused):
        spend(book, member.holder, 1)


def test_the_same_key_with_other_content_is_a_conflict(book: Book) -> None:
    (member,) = book.join("M0001")
    book.give(member.holder, 40)
    drafts = [Draft("x", book.today, (Transfer("points", n, member.holder, "available", REDEEMED, "sink"),)) for n in (5, 6)]
    with book.write() as session:
        first = ledger.post(session, book.act("same"), drafts[0])
    with book.write() as session:
        assert ledger.post(session, book.act("same"), drafts[0]) == first
    with pytest.raises(Conflict) as conflict, book.write() as session:
        ledger.post(session, book.act("same"), drafts[1])
    assert conflict.value.code == "exists_with_different_content"
    assert book.points(member.holder).available == 35
