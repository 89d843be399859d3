"""A book in which points and credits change hands in every way there is."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import NOON, RULES, Book, Shelf
from timebank import credits, openings, points, rulebooks
from timebank.base import db, schema
from timebank.base.act import Act
from timebank.base.db import NEVER
from timebank.credits import Contribution
from timebank.openings import Opening
from timebank.people import kin

DECEMBER = date(2026, 12, 31)
GENEROUS = RULES + "[credit]\npoints_per_credit = 1\nmonthly_credits_max = 50\n[gift]\nto = "


def generous(url: str, folder: Path) -> None:
    """A book with every kind of entry: openings, gifts to a relative and to a pool, a pay-out, credits, a conversion."""
    engine = db.open_engine(url)
    schema.upgrade(engine)
    book = Book(engine)
    book.found()
    book.join("M0001", "M0002", "M0003")
    do(book, lambda s, a: rulebooks.publish(s, a, (GENEROUS + '"relatives"').encode(), "2026-7", "first"))
    do(book, lambda s, a: kin.add(s, a, kin.Wish(1, 2, "sibling")))
    brought = (Opening("M0001", 100, DECEMBER, 60, 9), Opening("M0001", 50, NEVER), Opening("M0002", 10, NEVER))
    do(book, lambda s, a: openings.Desk.begin(s, a).take(brought))
    do(book, lambda s, a: points.gift(s, a, "M0001", "M0002", 110), approver=None)
    do(book, lambda s, a: credits.Desk.begin(s, a).take([Contribution("M0003", 30, "环境", book.today)]))
    do(book, lambda s, a: credits.convert(s, a, "M0003", 20), approver=None)
    book.now += timedelta(days=1)
    pools = (GENEROUS + '"pools"').replace("2026.1", "2026.2").replace("2026-01-01", "2026-10-21")
    do(book, lambda s, a: rulebooks.publish(s, a, pools.encode(), "2026-8", ""))
    do(book, lambda s, a: points.donate(s, a, "M0001", "elder-care", 25), approver=None)
    do(book, lambda s, a: points.pay_out(s, a, "elder-care", "M0003", 5))
    engine.dispose()


def do(book: Book, work: Callable[[Any, Act], object], approver: int | None = 2) -> None:
    book.command(work, book.act(approver=approver, reason="why"))


@pytest.fixture(name="giving")
def a_book_of_gifts(shelf: Shelf, tmp_path: Path) -> Iterator[Book]:
    """That book; its clock stands at the end of it."""
    with shelf.lend(generous, tmp_path) as url:
        engine = db.open_engine(url, wait_seconds=10)
        yield Book(engine, NOON + timedelta(days=1), 1_000)
        engine.dispose()
