"""Kin: who is related on a day; two people say so, and neither of them is one of the two."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from conftest import Book, Cli
from timebank.base.errors import Invalid, NotAllowed, NotFound, Refused, TimebankError
from timebank.journal import ENTRY
from timebank.people import clerks, kin
from timebank.people.kin import Kind, Link, Wish
from timebank.transparency import parse

TODAY = date(2026, 10, 20)


@pytest.fixture(name="family")
def a_family(book: Book) -> Book:
    book.join("M0001", "M0002", "M0003")
    return book


def add(book: Book, a: int, b: int, kind: Kind = "spouse", since: date | None = None, *, approver: int | None = 2) -> Link:
    with book.write() as session:
        return kin.add(session, book.act(approver=approver), Wish(a, b, kind, since))


def end(book: Book, number: int, *, approver: int | None = 2) -> Link:
    with book.write() as session:
        return kin.end(session, book.act(approver=approver), number)


def related(book: Book, a: int, b: int, on: date) -> bool:
    with book.read() as session:
        return kin.related(session, 1, a, b, on)


def test_two_are_kin_from_the_first_day_in_either_direction(family: Book) -> None:
    add(family, 1, 2, since=date(2026, 3, 8))
    assert related(family, 1, 2, date(2026, 3, 8))
    assert related(family, 2, 1, TODAY)
    assert not related(family, 1, 2, date(2026, 3, 7))
    assert not related(family, 1, 3, TODAY)
    assert not related(family, 1, 1, TODAY)


def test_an_end_counts_from_the_day_after_it_was_entered(family: Book) -> None:
    """So that nothing that was done under a link is undone."""
    add(family, 1, 2, since=date(2026, 3, 8))
    family.now += timedelta(days=10)
    assert end(family, 1).until == date(2026, 10, 30)
    assert related(family, 1, 2, date(2026, 10, 30))
    assert not related(family, 1, 2, date(2026, 10, 31))


def test_the_book_binds_a_link_with_numbers_only(family: Book) -> None:
    add(family, 2, 1, "parent", date(2026, 3, 8))
    end(family, 1)
    with family.read() as session:
        payloads = session.execute(select(ENTRY.payload).where(ENTRY.kind.startswith("kin.")).order_by(ENTRY.seq)).scalars()
        linked, ended = (parse(payload.encode()) for payload in payloads)
    assert linked["facts"] == {"a": 2, "b": 1, "kind": "parent", "since": "2026-03-08"}
    assert (linked["subject"], ended["subject"]) == ("kin:1", "kin:1")
    assert (linked["business_date"], ended["business_date"]) == ("2026-10-20", "2026-10-20")


def test_two_have_one_link_at_a_time(family: Book) -> None:
    add(family, 1, 2)
    for pair in ((1, 2), (2, 1)):
        with pytest.raises(Refused) as refusal:
            add(family, *pair, "household")
        assert refusal.value.code == "linked_already"
    add(family, 1, 3, "sibling")
    end(family, 1)
    assert add(family, 2, 1, "household").id == 3


@pytest.mark.parametrize(
    ("wish", "approver", "family_of_error", "code"),
    [
        ((1, 1, None), 2, Invalid, "same_member"),
        ((1, 2, date(2026, 10, 21)), 2, Invalid, "future_date"),
        ((1, 2, None), None, NotAllowed, "approver_missing"),
        ((1, 2, None), 1, NotAllowed, "same_person"),
    ],
)
def test_what_may_not_be_linked_is_refused(
    family: Book, wish: tuple[int, int, date | None], approver: int | None, family_of_error: type[TimebankError], code: str
) -> None:
    with pytest.raises(family_of_error) as refusal:
        add(family, wish[0], wish[1], since=wish[2], approver=approver)
    assert refusal.value.code == code
    with family.read() as session:
        assert kin.listed(session, 1) == []


def test_nobody_confirms_a_link_of_their_own(family: Book) -> None:
    with family.write() as session:
        clerks.add(session, family.act(), ["丙"], member_id=2)
    for a, b in ((1, 2), (2, 1)):
        with pytest.raises(NotAllowed) as refusal:
            add(family, a, b, approver=3)
        assert refusal.value.code == "own_kin"
    add(family, 1, 2)
    add(family, 1, 3, approver=3)
    with pytest.raises(NotAllowed) as refusal:
        end(family, 1, approver=3)
    assert refusal.value.code == "own_kin"


def test_a_link_ends_once_and_by_two(family: Book) -> None:
    add(family, 1, 2)
    with pytest.raises(NotAllowed) as alone:
        end(family, 1, approver=None)
    assert alone.value.code == "approver_missing"
    end(family, 1)
    with pytest.raises(Refused) as twice:
        end(family, 1)
    assert twice.value.code == "ended_already"
    with pytest.raises(NotFound) as unknown:
        end(family, 9)
    assert unknown.value.code == "unknown_kin"


def test_each_community_has_its_own_kin(family: Book) -> None:
    add(family, 1, 2)
    other = family.found("510703-yingbin")
    with family.read() as session:
        assert not kin.related(session, other, 1, 2, TODAY)
        assert kin.listed(session, other) == []


def test_links_are_listed_by_number_and_by_member(family: Book) -> None:
    add(family, 1, 2)
    add(family, 3, 2, "child")
    add(family, 1, 3, "parent")
    with family.read() as session:
        assert [(link.a, link.b, link.kind) for link in kin.listed(session, 1)] == [
            (1, 2, "spouse"),
            (3, 2, "child"),
            (1, 3, "parent"),
        ]
        assert [link.id for link in kin.listed(session, 1, 3)] == [2, 3]


def test_a_link_waits_for_a_second_person_and_is_then_made(office: Cli) -> None:
    assert office("kin", "add", "m1", "M0002", "--kind", "spouse", "--json").json == {"waiting": 1}
    assert office("kin", "list", "--json").json == []
    (waiting,) = office("inbox", "--json").json
    assert (waiting["subject"], waiting["about"]) == ("kin:M0001+M0002", "m1 is the spouse of M0002")
    office("approve", "1", status=4)
    assert office("approve", "1", "--as", "W0002", "--json").json == {"approved": 1, "kind": "kin.add", "kin": 1}
    today = datetime.fromisoformat(office.now).date().isoformat()
    linked = {"kin": 1, "member": "M0001", "kind": "spouse", "of": "M0002", "since": today, "until": ""}
    assert office("kin", "list", "--member", "M0002", "--json").json == [linked]
    office("kin", "end", "1")
    assert office("inbox", "--json").json[0]["about"] == "M0001 is no spouse of M0002 any more"
    office("reject", "2", "--why", "弄错了", "--as", "W0002")
    assert office("kin", "end", "1", "--approver", "W0002", "--json").json == {"kin": 1, "until": today}
    assert office("kin", "list", "--json").json == [linked | {"until": today}]
    assert office("audit").status == 0


def test_a_link_that_two_could_not_make_does_not_wait(office: Cli) -> None:
    refused = office("kin", "add", "M0001", "M0001", "--kind", "spouse", "--json", status=8)
    assert '"same_member"' in refused.out + refused.err
    office("kin", "add", "M0001", "M0009", "--kind", "spouse", status=7)
    assert office("inbox", "--json").json == []
