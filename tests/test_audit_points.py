"""The audit of points and credits that no service made: every way in which an entry may say other than its facts and rules."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import RULES, Book, Shelf
from lived import Vandal, report
from timebank import credits, openings, points, rulebooks
from timebank.base import db, schema
from timebank.base.act import Act
from timebank.base.db import NEVER
from timebank.credits import Contribution
from timebank.openings import Opening
from timebank.people import kin
from timebank.transparency import canonical

DECEMBER = date(2026, 12, 31)
KINDS = ("points.opening", "points.gift", "pool.payout", "credit.issue", "credit.convert")
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


@pytest.fixture(name="vandal")
def a_vandal_among_gifts(shelf: Shelf, tmp_path: Path) -> Iterator[Vandal]:
    with shelf.lend(generous, tmp_path) as url:
        engine = db.open_engine(url, wait_seconds=10)
        yield Vandal(Book(engine))
        engine.dispose()


def found(vandal: Vandal, *checks: str) -> set[tuple[str, int | None]]:
    return {(finding.code, finding.entry) for finding in report(vandal.book, *checks).findings}


def test_the_audit_of_points_that_change_hands_is_clean(vandal: Vandal) -> None:
    assert found(vandal) == set()


def changed(vandal: Vandal, kind: str, number: int, change: Callable[[dict[str, Any]], object]) -> int:
    """Change the payload of an entry, and its leaf with it."""
    seq = vandal.seq(kind, number)
    payload = vandal.payload(seq)
    change(payload)
    vandal.replace(seq, canonical(payload))
    return seq


def moved(line: int, place: int, value: object) -> Callable[[dict[str, Any]], None]:
    def change(payload: dict[str, Any]) -> None:
        payload["postings"][line][place] = value

    return change


def raised(*lines: int) -> Callable[[dict[str, Any]], None]:
    """One more on each of these postings, in its own direction: the entry still sums to zero."""

    def change(payload: dict[str, Any]) -> None:
        for line in lines:
            amount = payload["postings"][line][4]
            payload["postings"][line][4] += 1 if amount > 0 else -1

    return change


def told(name: str, **fields: object) -> Callable[[dict[str, Any]], None]:
    return lambda payload: payload[name].update(fields)


@pytest.mark.parametrize(
    ("kind", "number", "change"),
    [
        ("points.opening", 0, lambda p: p.update(subject="opening:2:2026-12-31")),
        ("points.opening", 0, lambda p: p.update(subject="opening:1:2027-12-31")),
        ("points.opening", 0, lambda p: p.update(subject="member:1")),
        ("points.opening", 0, moved(0, 0, "system:issued")),
        ("points.gift", 0, moved(-1, 3, "2027-12-31")),
        ("points.gift", 0, moved(-1, 0, "member:3")),
        ("points.gift", 0, lambda p: p.update(subject="member:3")),
        ("points.gift", 0, told("facts", to="anyone")),
        ("points.gift", 0, told("facts", kin=2)),
        ("points.gift", 0, lambda p: p.update(facts={})),
        ("points.gift", 0, lambda p: p.update(rules="2026.0@0123456789abcdef")),
        ("points.gift", 1, told("facts", to="relatives")),
        ("points.gift", 1, moved(-1, 0, "member:3")),
        ("pool.payout", 0, moved(-1, 0, "team:1")),
        ("pool.payout", 0, moved(-1, 3, "2026-12-31")),
        ("pool.payout", 0, lambda p: p.update(subject="pool:other")),
        ("credit.issue", 0, raised(0, 1)),
        ("credit.issue", 0, moved(0, 0, "system:opening")),
        ("credit.issue", 0, told("facts", category="")),
        ("credit.convert", 0, raised(0, 1)),
        ("credit.convert", 0, raised(2, 3)),
        ("credit.convert", 0, told("trace", points=21)),
        ("credit.convert", 0, told("trace", day="2026-10-19")),
        ("credit.convert", 0, told("trace", used={"credits": 40})),
        ("credit.convert", 0, moved(3, 3, "9999-12-31")),
        ("credit.convert", 0, lambda p: p.update(rules="2026.0@0123456789abcdef")),
    ],
)
def test_an_entry_that_says_other_than_its_facts_and_rules_is_found(
    vandal: Vandal, kind: str, number: int, change: Callable[[dict[str, Any]], object]
) -> None:
    seq = changed(vandal, kind, number, change)
    assert ("points_differ", seq) in found(vandal, "I9")


def test_a_gift_under_a_link_of_others_is_found(vandal: Vandal) -> None:
    changed(vandal, "kin.link", 0, told("facts", b=3))
    assert ("points_differ", vandal.seq("points.gift")) in found(vandal, "I9")


def test_a_gift_from_before_its_link_is_found(vandal: Vandal) -> None:
    changed(vandal, "kin.link", 0, told("facts", since="2026-10-21"))
    assert ("points_differ", vandal.seq("points.gift")) in found(vandal, "I9")


@pytest.mark.parametrize("kind", ["points.opening", "pool.payout", "credit.issue"])
def test_what_needs_two_people_and_had_one_is_found(vandal: Vandal, kind: str) -> None:
    seq = vandal.seq(kind)
    vandal.rewrite(seq, approver=None, approver_auth=None)
    assert ("approver_missing", seq) in found(vandal, "I13")


def test_points_and_credits_that_their_getter_approved_are_found(vandal: Vandal) -> None:
    vandal.run("UPDATE clerk SET member_id = 3 WHERE id = 2")
    assert found(vandal, "I13") == {("one_person", vandal.seq(kind)) for kind in ("pool.payout", "credit.issue")}
