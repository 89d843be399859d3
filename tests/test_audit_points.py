"""The audit of points and credits that no service made: every way in which an entry may say other than its facts and rules."""

from collections.abc import Callable
from typing import Any

import pytest

from conftest import Book
from giving import a_book_of_gifts  # noqa: F401 - a fixture
from lived import Vandal, report
from timebank.transparency import canonical


@pytest.fixture(name="vandal")
def a_vandal_among_gifts(giving: Book) -> Vandal:
    return Vandal(giving)


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
        ("points.gift", 1, lambda p: (moved(-1, 0, "member:3")(p), p.update(subject="member:3"))),
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
