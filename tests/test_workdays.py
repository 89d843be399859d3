"""Working days: counted by what was announced and two people entered, never guessed."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from conftest import Book
from timebank import workdays
from timebank.base.errors import Invalid, NotAllowed, NotFound
from timebank.journal import ENTRY
from timebank.transparency import parse
from timebank.workdays import DAYS_MAX, Calendar, Year

HOLIDAYS = Path(__file__).parent.parent / "examples" / "holidays"


def enter(book: Book, year: Year, approver: int | None = 2) -> Calendar:
    with book.write() as session:
        return workdays.add(session, book.act(approver=approver), year)


def announced(year: int) -> Year:
    return workdays.read((HOLIDAYS / f"{year}.json").read_bytes())


def last_day(book: Book, begins: date, days: int) -> date:
    with book.read() as session:
        return workdays.last_day(session, 1, begins, days)


def written(year: Any = 2026, *days: tuple[str, Any]) -> bytes:
    return json.dumps({"year": year, "days": [{"date": day, "isOffDay": off} for day, off in days]}).encode()


def test_a_published_notice_is_read_with_its_make_up_days() -> None:
    year = announced(2026)
    assert (year.year, len(year.days_off), len(year.make_up_days)) == (2026, 33, 6)
    assert year.days_off[0] == date(2026, 1, 1)
    assert date(2026, 10, 10) in year.make_up_days


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe\x00",
        b"[" * 50_000,
        written() + b" " * (1 << 16),
        written("2026"),
        written(2026.5),
        written(True),
        written(1026),
        written(2026, ("2026-02-30", True)),
        written(2026, ("2026-01-01", 1)),
        written(2026, ("2026-01-01", True), ("2026-01-01", False)),
        written(2026, ("2027-01-01", True)),
        written(2026, ("2025-11-30", True)),
        b'{"year": 2026}',
        b'{"year": 2026, "days": [1]}',
        b'{"year": 2026, "days": {"date": "2026-01-01"}}',
    ],
    ids=lambda data: repr(data[:40]),
)
def test_what_is_no_calendar_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        workdays.read(data)
    assert refusal.value.code == "bad_calendar"


def test_a_years_notice_may_change_the_december_before() -> None:
    assert workdays.read(written(2026, ("2025-12-31", True))).days_off == (date(2025, 12, 31),)


def test_days_are_counted_from_the_first_working_day_on(book: Book) -> None:
    """1 to 8 October 2026 are off, Saturday the 10th is worked."""
    enter(book, announced(2026))
    assert last_day(book, date(2026, 9, 30), 1) == date(2026, 9, 30)
    assert last_day(book, date(2026, 9, 30), 2) == date(2026, 10, 8)
    assert last_day(book, date(2026, 10, 1), 3) == date(2026, 10, 10)
    assert last_day(book, date(2026, 10, 9), 3) == date(2026, 10, 12)
    assert last_day(book, date(2026, 10, 24), 5) == date(2026, 10, 30)


def test_a_year_that_nobody_entered_is_unknown(book: Book) -> None:
    with pytest.raises(NotFound) as refusal:
        last_day(book, date(2026, 10, 20), 1)
    assert refusal.value.code == "unknown_year"
    enter(book, announced(2026))
    assert last_day(book, date(2026, 12, 30), 2) == date(2026, 12, 31)
    with pytest.raises(NotFound):
        last_day(book, date(2026, 12, 30), 3)
    enter(book, Year(2027, (date(2026, 12, 31), date(2027, 1, 1)), (date(2027, 1, 2),)))
    assert last_day(book, date(2026, 12, 30), 2) == date(2027, 1, 2)
    enter(book, Year(2026, (), ()))
    assert last_day(book, date(2026, 12, 30), 2) == date(2027, 1, 2)
    enter(book, Year(2027, (), (date(2026, 12, 26),)))
    enter(book, Year(2026, (date(2026, 12, 26),), ()))
    assert last_day(book, date(2026, 12, 26), 1) == date(2026, 12, 26)


@pytest.mark.parametrize("days", [-1, 0, DAYS_MAX + 1])
def test_a_stretch_is_of_some_days(book: Book, days: int) -> None:
    enter(book, announced(2026))
    with pytest.raises(Invalid) as refusal:
        last_day(book, date(2026, 6, 1), days)
    assert refusal.value.code == "bad_days"


def test_two_people_enter_a_calendar_and_the_book_binds_every_day_of_it(book: Book) -> None:
    year = Year(2026, (date(2026, 1, 1), date(2026, 1, 2)), (date(2026, 1, 4),))
    for approver, code in ((None, "approver_missing"), (1, "same_person")):
        with pytest.raises(NotAllowed) as refusal:
            enter(book, year, approver)
        assert refusal.value.code == code
    enter(book, year)
    with book.read() as session:
        payload = session.execute(select(ENTRY.payload).where(ENTRY.kind == "calendar.set")).scalar_one()
    assert parse(payload.encode())["facts"] == {
        "year": 2026,
        "days_off": "2026-01-01,2026-01-02",
        "make_up_days": "2026-01-04",
    }


def test_a_calendar_that_was_announced_anew_counts_from_then_on_and_the_same_again_is_none(book: Book) -> None:
    monday = date(2026, 10, 26)
    assert enter(book, Year(2026, (), ())).id == enter(book, Year(2026, (), ())).id == 1
    assert last_day(book, monday, 1) == monday
    assert enter(book, Year(2026, (monday,), ())).id == 2
    assert last_day(book, monday, 1) == monday + timedelta(days=1)
    assert enter(book, Year(2026, (), ())).id == 3
    assert last_day(book, monday, 1) == monday


def test_each_community_has_its_own_calendar(book: Book) -> None:
    enter(book, announced(2026))
    other = book.found("510703-yingbin")
    with book.read() as session, pytest.raises(NotFound):
        workdays.last_day(session, other, date(2026, 10, 20), 1)
