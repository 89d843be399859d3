"""Clocks and calendars: leap days, the community's midnight, clocks that are wrong."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from conftest import Book
from timebank import hours, rulebooks, statements
from timebank.audit import audit
from timebank.base.act import Act
from timebank.base.communities import CommunityState
from timebank.base.errors import TimebankError
from timebank.journal import Entry
from timebank.services import Record

OCTOBER_S_LAST_SECOND = datetime(2026, 10, 31, 15, 59, 59, tzinfo=UTC)
"""In Shanghai, eight hours ahead."""
SECOND = timedelta(seconds=1)


def ruled(book: Book, rules: str, open_from: str) -> Book:
    book.found(open_from=open_from)
    book.join("M0001")
    book.command(lambda s, a: rulebooks.publish(s, a, rules.encode(), "2026-7", "first rules"), book.act(approver=2))
    return book


def serve(book: Book, day: date, key: str = "") -> None:
    def record(session: Session, act: Act) -> None:
        hours.record(session, act, Record("M0001", day, 60, "elder-care"))

    book.command(record, book.act(key))


def close(book: Book, period: str) -> None:
    book.command(lambda s, a: statements.close(s, a, period), book.act(approver=2))


def refusal_of(work: object, *arguments: object) -> str:
    with pytest.raises(TimebankError) as refusal:
        work(*arguments)  # type: ignore[operator]
    return refusal.value.code


def months(book: Book, kind: str) -> list[tuple[date, str]]:
    with book.read() as session:
        wanted = select(Entry.business_date, Entry.period).where(col(Entry.kind) == kind).order_by(col(Entry.seq))
        return [(day, period) for day, period in session.exec(wanted)]


def test_a_leap_day_is_the_last_day_of_its_february(engine: Engine, rules: str) -> None:
    leap = date(2028, 2, 29)
    book = ruled(Book(engine, datetime(2028, 2, 29, 15, 59, 59, tzinfo=UTC)), rules, "2028-02")
    serve(book, leap)
    assert refusal_of(close, book, "2028-02") == "month_not_over"
    book.now += SECOND
    close(book, "2028-02")
    assert months(book, "hours") == months(book, "period.close") == [(leap, "2028-02")]
    assert book.points("member:1").lots == ((date(2031, 2, 28), 12),)  # 36 months later, at the month's end
    with book.read() as session:
        assert session.get_one(CommunityState, 1).open_period == "2028-03"
        assert audit(session, 1).findings == ()


def test_a_month_turns_at_the_community_s_midnight_and_a_day_counts_once(engine: Engine, rules: str) -> None:
    book = ruled(Book(engine, OCTOBER_S_LAST_SECOND), rules, "2026-10")
    assert refusal_of(serve, book, date(2026, 11, 1)) == "future_date"
    serve(book, date(2026, 10, 31), "once")
    book.now += SECOND
    serve(book, date(2026, 10, 31), "once")
    serve(book, date(2026, 11, 1))
    assert months(book, "hours") == [(date(2026, 10, 31), "2026-10"), (date(2026, 11, 1), "2026-11")]
    with book.read() as session:
        assert audit(session, 1).findings == ()


@pytest.mark.parametrize(("wrong", "code"), [(-timedelta(days=1), "clock_back"), (timedelta(days=41), "clock_jump")])
def test_what_a_wrong_clock_refused_is_done_once_it_is_right(engine: Engine, rules: str, wrong: timedelta, code: str) -> None:
    book = ruled(Book(engine, OCTOBER_S_LAST_SECOND), rules, "2026-10")
    right, day = book.now, date(2026, 10, 20)
    book.now += wrong
    assert refusal_of(serve, book, day, "once") == code
    assert months(book, "hours") == []
    book.now = right
    for _ in range(2):
        serve(book, day, "once")
    assert months(book, "hours") == [(day, "2026-10")]
