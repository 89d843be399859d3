"""What a query costs must not grow with the community: SQLite finds rows by more than `community_id`."""

import re
from datetime import date

import pytest
from sqlalchemy import event, text

from conftest import Book
from giving import a_book_of_gifts  # noqa: F401 - a fixture
from timebank import credits, hours, ledger, openings, points, reading, rulebooks, services
from timebank.services import Record

pytestmark = pytest.mark.sqlite  # EXPLAIN QUERY PLAN


@pytest.fixture
def plans(book: Book) -> list[str]:
    return plans_read_in(book)


def plans_read_in(book: Book) -> list[str]:
    """Every plan that reads a table by its community alone or not by an index at all, with its statement."""
    found: list[str] = []
    asked: set[str] = set()

    def explain(connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if not statement.lstrip().startswith(("SELECT", "WITH")) or statement in asked:
            return
        asked.add(statement)
        rows = book.engine.raw_connection().cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()  # type: ignore[arg-type]
        found.extend(
            f"{row[3]}: {statement}" for row in rows if row[3].startswith("SCAN") or row[3].endswith("(community_id=?)")
        )

    event.listen(book.engine, "before_cursor_execute", explain)
    return found


GROWING = ("account", "entry", "posting", "lot", "turnover", "service", "earning")


def test_no_growing_table_is_read_by_its_community_alone(book: Book, plans: list[str], rules: str) -> None:
    book.join("M0001", "M0002")
    book.command(lambda s, a: rulebooks.publish(s, a, rules.encode(), "2026-7", "first rules"), book.act(approver=2))
    del plans[:]
    day = date(2026, 10, 18)
    records = [Record(f"M000{i}", day, 60 * i, "elder-care", ref=f"r{i}", row=i) for i in (1, 2)]
    book.command(lambda s, a: hours.record_all(s, a, [records]), book.act())
    book.command(lambda s, a: hours.correct(s, a, 1, 30), book.act(approver=2))
    with book.read() as session:
        session.execute(text("SELECT 1"))
        ledger.balance(session, 1, "member:1", "points", today=book.today)
        services.days(session, 1, {(1, day), (2, day)})
    assert [plan for plan in plans if table_of(plan) in GROWING and "max(" not in plan] == []


def test_what_changes_hands_is_found_by_its_accounts(giving: Book) -> None:
    """Gifts, pay-outs, conversions, a member's history: by the accounts they touch. What lists all is another matter."""
    plans = plans_read_in(giving)
    with giving.write() as session:
        points.donate(session, giving.act(), "M0001", "elder-care", 1)
        points.pay_out(session, giving.act(approver=2, reason="why"), "elder-care", "M0003", 1)
        openings.Desk.begin(session, giving.act(approver=2))
        credits.Desk.begin(session, giving.act(approver=2))
    with giving.read() as session:
        assert list(reading.history(session, 1, "member:1", "points"))
        assert list(credits.movements(session, 1, "member:3"))
    assert [plan for plan in plans if table_of(plan) in GROWING and "max(" not in plan] == []


def table_of(plan: str) -> str:
    """The table that a plan reads, also where its statement calls it by another name."""
    read, _, statement = plan.partition(": ")
    name = read.split()[1]
    named = re.search(rf"\b(?:FROM|JOIN) (\w+) (?:AS )?{name}\b", statement)
    return named[1] if named else name
