"""Settlement: every capture in one batch, batches chained, approved by a second person."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest
from sqlmodel import select, text

from conftest import Book
from shopping import add_offer, capture, issue
from timebank import claims as rooms
from timebank import settlement
from timebank.base import schema
from timebank.base.errors import Tampered, TimebankError
from timebank.claims import Claim, ClaimLine, ClaimRow
from timebank.journal import Entry, Posting
from timebank.ledger import facts_of
from timebank.people import merchants
from timebank.transparency import canonical


@pytest.fixture
def street(book: Book) -> Book:
    """Two shops with an offer each and a member; three captures in October: two at S002, one at S001."""
    book.join("M0001")
    book.shop("S001", "S002")
    add_offer(book)
    add_offer(book, merchant="S002")
    book.give("member:1", 5_000)
    redeem(book, 2, 200)
    redeem(book, 1, 100)
    redeem(book, 2, 50)
    return book


def redeem(book: Book, shop: int, points: int) -> None:
    issued = issue(book, points=points, offer=shop)
    capture(book, issued.code, 50_000, merchant=f"S00{shop}")


def at(book: Book, day: date, hour: int = 12) -> None:
    """Move the clock to an hour of a day in Shanghai."""
    book.now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC) - timedelta(hours=8)


def draft(book: Book, period: str = "2026-10", *, key: str = "", actor: int = 1) -> list[Claim]:
    with book.write() as session:
        return settlement.draft(session, book.act(key, actor=actor), period)


def approve(book: Book, period: str = "2026-10", *, actor: int = 1, approver: int | None = 2, key: str = "") -> list[Claim]:
    with book.write() as session:
        return settlement.approve(session, book.act(key, actor=actor, approver=approver), period)


def claims(book: Book, period: str = "2026-10") -> list[ClaimRow]:
    with book.read() as session:
        return rooms.listed(session, 1, period)


def refusal_of(*call: object, **named: object) -> str:
    function, *arguments = call
    with pytest.raises(TimebankError) as refusal:
        function(*arguments, **named)  # type: ignore[operator]
    return refusal.value.code


def test_a_month_is_settled_three_days_after_it_has_ended(street: Book) -> None:
    for moment in (datetime(2026, 10, 31, 12, tzinfo=UTC), datetime(2026, 11, 3, 15, 59, 59, tzinfo=UTC)):
        street.now = moment
        assert refusal_of(draft, street) == "before_cutoff"
    street.now = datetime(2026, 11, 3, 16, tzinfo=UTC)  # midnight in Shanghai
    assert len(draft(street)) == 2


def test_a_draft_makes_one_batch_a_merchant_numbered_from_one(street: Book) -> None:
    at(street, date(2026, 11, 4))
    draft(street)
    found = [(row.batch, row.merchant, row.captures, row.points, row.fen, row.state) for row in claims(street)]
    assert found == [(1, "S001", 1, 100, 1_000, "draft"), (2, "S002", 2, 250, 2_500, "draft")]


def test_every_capture_is_claimed_exactly_once(street: Book) -> None:
    at(street, date(2026, 11, 2))
    redeem(street, 1, 30)
    at(street, date(2026, 11, 4))
    draft(street)
    at(street, date(2026, 12, 4))
    draft(street, "2026-11")
    with street.read() as session:
        lines = session.exec(select(ClaimLine.voucher_id, ClaimLine.claim_id).order_by(ClaimLine.voucher_id)).all()
    assert [tuple(line) for line in lines] == [(1, 2), (2, 1), (3, 2), (4, 3)]


def test_captures_of_an_unsettled_month_go_into_the_next_draft(street: Book) -> None:
    at(street, date(2026, 11, 2))
    redeem(street, 1, 30)
    at(street, date(2026, 12, 4))
    draft(street, "2026-11")
    assert [(row.batch, row.merchant, row.points) for row in claims(street, "2026-11")] == [(1, "S001", 130), (2, "S002", 250)]
    assert draft(street, "2026-10") == []


def test_drafting_again_adds_nothing(street: Book) -> None:
    at(street, date(2026, 11, 4))
    first = draft(street)
    assert draft(street) == first
    assert len(claims(street)) == 2


def test_what_arrives_after_a_draft_makes_a_batch_of_its_own(street: Book) -> None:
    at(street, date(2026, 11, 2))
    redeem(street, 1, 30)
    at(street, date(2026, 11, 4))
    draft(street)
    arrived_late(street, voucher_id=4, day=date(2026, 10, 31))
    draft(street)
    assert [(row.batch, row.merchant, row.points) for row in claims(street)] == [
        (1, "S001", 100),
        (2, "S002", 250),
        (3, "S001", 30),
    ]


def arrived_late(book: Book, voucher_id: int, day: date) -> None:
    """Date a capture back, as one that reached the office after the draft; no verb can do that, the guards forbid it."""
    dialect = book.engine.dialect.name
    with book.write() as session:
        for guard in schema.guards().names("resolution", dialect):
            session.execute(text(f"DROP TRIGGER {guard}" + ("" if dialect == "sqlite" else " ON resolution")))
        session.execute(text("UPDATE resolution SET day = :day WHERE voucher_id = :id"), {"day": str(day), "id": voucher_id})


def test_a_month_without_captures_has_no_batch(street: Book) -> None:
    assert draft(street, "2026-09") == []
    assert refusal_of(approve, street, "2026-09") == "no_claims"


@pytest.mark.parametrize("written", ["2026-13", "202610", "10/2026", ""])
def test_a_month_is_written_as_one(street: Book, written: str) -> None:
    assert refusal_of(draft, street, written) == "bad_period"
    assert refusal_of(approve, street, written) == "bad_period"


def test_a_batch_s_hash_covers_its_lines_and_the_batch_before(street: Book) -> None:
    at(street, date(2026, 11, 4))
    draft(street)
    first, second = claims(street)
    with street.read() as session:
        seqs = [entry.seq for entry in session.exec(select(Entry).where(Entry.kind == "voucher.capture").order_by(Entry.seq))]
    head = {"v": 2, "community": "520201-jianshe", "period": "2026-10"}
    lines = [
        [n, 0, seq, "2026-10-20", points, points * 10] for n, seq, points in zip((1, 2, 3), seqs, (200, 100, 50), strict=True)
    ]
    assert first.previous == ""
    assert (
        first.sha256 == sha256(canonical({**head, "batch": 1, "merchant": 1, "lines": [lines[1]], "previous": ""})).hexdigest()
    )
    assert second.previous == first.sha256
    covered = {**head, "batch": 2, "merchant": 2, "lines": [lines[0], lines[2]], "previous": first.sha256}
    assert second.sha256 == sha256(canonical(covered)).hexdigest()


def test_the_chain_goes_on_over_months(street: Book) -> None:
    at(street, date(2026, 11, 4))
    draft(street)
    redeem(street, 1, 30)
    at(street, date(2026, 12, 4))
    draft(street, "2026-11")
    assert claims(street, "2026-11")[0].previous == claims(street)[-1].sha256


def test_an_approval_is_an_entry_a_batch_without_postings(street: Book) -> None:
    at(street, date(2026, 11, 4))
    draft(street)
    approved = approve(street)
    assert [(c.id, c.state, c.approved_by, c.approved_at) for c in approved] == [
        (1, "approved", 2, street.now),
        (2, "approved", 2, street.now),
    ]
    row = claims(street)[1]
    with street.read() as session:
        entries = session.exec(select(Entry).where(Entry.kind == "settlement.approve").order_by(Entry.seq)).all()
        assert [(entry.seq, entry.subject) for entry in entries] == [(c.seq, f"claim:{c.id}") for c in approved]
        assert session.exec(select(Posting).where(Posting.seq == entries[0].seq)).all() == []
    assert facts_of(entries[1].payload) == {
        "batch": 2,
        "period": "2026-10",
        "merchant": 2,
        "captures": 2,
        "points": 250,
        "fen": 2_500,
        "sha256": row.sha256,
        "previous": row.previous,
        "drafted_by": 1,
        "version": 2,
        "refunds": 0,
    }


def test_a_settlement_needs_a_second_person_who_did_not_draft_it(street: Book) -> None:
    at(street, date(2026, 11, 4))
    draft(street, actor=1)
    assert refusal_of(approve, street, approver=None) == "approver_missing"
    assert refusal_of(approve, street, actor=1, approver=1) == "same_person"
    assert refusal_of(approve, street, actor=2, approver=1) == "same_person"
    assert [row.state for row in claims(street)] == ["draft", "draft"]
    approve(street, actor=1, approver=2)
    assert [row.state for row in claims(street)] == ["approved", "approved"]


def test_a_settlement_is_approved_once(street: Book) -> None:
    at(street, date(2026, 11, 4))
    draft(street)
    first = approve(street, key="once")
    assert approve(street, key="once") == first
    assert refusal_of(approve, street) == "already_approved"
    with street.read() as session:
        assert len(session.exec(select(Entry).where(Entry.kind == "settlement.approve")).all()) == 2


def test_a_batch_that_was_changed_is_not_approved(street: Book) -> None:
    at(street, date(2026, 11, 4))
    draft(street)
    with street.write() as session:
        session.execute(text("UPDATE claim SET fen = fen + 1 WHERE id = 2"))
    with pytest.raises(Tampered) as refusal:
        approve(street)
    assert refusal.value.code == "claim_changed"
    assert [row.state for row in claims(street)] == ["draft", "draft"]


def test_claims_of_one_community_stay_in_it(street: Book) -> None:
    other = street.found("520201-other")
    at(street, date(2026, 11, 4))
    draft(street)
    with street.write() as session:
        assert settlement.draft(session, street.act(community=other), "2026-10") == []
        assert merchants.listed(session, other) == []
