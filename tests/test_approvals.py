"""What waits for a second person: who may decide, how long it lasts, what it is bound to."""

from datetime import timedelta
from hashlib import sha256

import pytest

from conftest import NOON, Book
from timebank import approvals
from timebank.base.errors import NotAllowed, NotFound, Refused
from timebank.transparency import canonical

REQUEST = {"number": 17, "minutes": 60}


def ask(book: Book, subject: str = "hours:17") -> int:
    with book.write() as session:
        return approvals.ask(session, book.act(), "hours.correct", [(subject, REQUEST)])[0]


def test_whoever_asked_cannot_approve(book: Book) -> None:
    number = ask(book)
    with book.write() as session, pytest.raises(NotAllowed) as refusal:
        approvals.approve(session, book.act(actor=1), number)
    assert refusal.value.code == "same_person"


def test_an_approval_is_bound_to_the_hash_of_what_was_asked(book: Book) -> None:
    number = ask(book)
    with book.write() as session:
        row = approvals.approve(session, book.act(actor=2), number)
    assert row.asked == REQUEST
    assert row.digest == sha256(canonical(REQUEST)).hexdigest()


def test_what_was_changed_after_it_was_asked_is_not_approved(book: Book) -> None:
    number = ask(book)
    with book.write() as session:
        row = session.get_one(approvals.Approval, (1, number))
        row.request = '{"minutes":600,"number":17}'
        session.add(row)
    with book.write() as session, pytest.raises(Refused) as refusal:
        approvals.approve(session, book.act(actor=2), number)
    assert refusal.value.code == "request_changed"


@pytest.mark.parametrize(("late", "code"), [(timedelta(days=7), None), (timedelta(days=7, seconds=1), "approval_lapsed")])
def test_an_approval_lasts_seven_days(book: Book, late: timedelta, code: str | None) -> None:
    number = ask(book)
    book.now = NOON + late
    if code is None:
        with book.write() as session:
            assert approvals.approve(session, book.act(actor=2), number).state == "approved"
        return
    with book.write() as session, pytest.raises(Refused) as refusal:
        approvals.approve(session, book.act(actor=2), number)
    assert refusal.value.code == code


def test_a_thing_is_decided_once(book: Book) -> None:
    number = ask(book)
    with book.write() as session:
        assert approvals.reject(session, book.act(actor=2), number, "no").why == "no"
    with book.write() as session, pytest.raises(Refused) as refusal:
        approvals.approve(session, book.act(actor=2), number)
    assert refusal.value.code == "decided_already"
    with book.read() as session:
        assert approvals.waiting(session, 1) == []


def test_what_nobody_asked_for_is_not_found(book: Book) -> None:
    with book.write() as session, pytest.raises(NotFound):
        approvals.approve(session, book.act(actor=2), 9)
    with book.write() as session, pytest.raises(NotFound):
        approvals.of_subject(session, book.act(actor=2), "hours.approve", "hours:9")


@pytest.mark.parametrize(("approver", "code"), [(None, "approver_missing"), (1, "same_person")])
def test_two_people_are_two(book: Book, approver: int | None, code: str) -> None:
    with pytest.raises(NotAllowed) as refusal:
        approvals.two_people(book.act(approver=approver))
    assert refusal.value.code == code
    approvals.two_people(book.act(approver=2))
