"""Settlement: every capture in one batch, batches chained, approved by a second person."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlmodel import select, text

from conftest import Book, Cli
from shopping import account, add_offer, capture, issue
from timebank import audit, refunds, settlement
from timebank import claims as rooms
from timebank.base import schema
from timebank.base.errors import Tampered, TimebankError
from timebank.base.imported import Imported
from timebank.claims import Claim, ClaimLine, ClaimRow
from timebank.journal import Entry, Posting
from timebank.ledger import facts_of
from timebank.people import merchants
from timebank.reconciliation import reconcile
from timebank.settlement import Result
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


# --- what becomes of a batch ---


def settled(book: Book, period: str = "2026-10") -> None:
    """Draft, approve and send off."""
    draft(book, period)
    approve(book, period)
    submit(book, period)


def submit(book: Book, period: str = "2026-10") -> list[Claim]:
    with book.write() as session:
        return settlement.submit(session, book.act(), period)


def end(book: Book, number: int, outcome: str = "paid", reference: str = "B1", **more: object) -> Claim:
    with book.write() as session:
        return settlement.end(session, book.act(), Result(number, outcome, reference, **more))  # type: ignore[arg-type]


def give_back(book: Book, voucher: int, bill_fen: int | None = None) -> None:
    with book.write() as session:
        refunds.refund(session, book.act(approver=2), voucher, bill_fen)


def differences(book: Book, period: str = "2026-10") -> list[tuple[str, int, str, int]]:
    with book.read() as session:
        return [(d.merchant, d.batch, d.code, d.fen) for row in reconcile(session, 1, period) for d in row.differences]


def sound(book: Book) -> bool:
    with book.read() as session:
        return audit.audit(session, 1).ok


def test_a_batch_goes_draft_approved_sent_off_paid_and_no_other_way(street: Book) -> None:
    at(street, date(2026, 11, 4))
    assert refusal_of(submit, street) == "no_claims"
    draft(street)
    assert refusal_of(submit, street) == "not_approved"
    assert refusal_of(end, street, 1) == "not_submitted"
    approve(street)
    assert refusal_of(end, street, 1) == "not_submitted"
    assert [claim.id for claim in submit(street)] == [1, 2]
    assert submit(street) == []
    end(street, 1)
    assert refusal_of(end, street, 1) == "already_paid"
    assert refusal_of(end, street, 1, "returned") == "already_paid"
    end(street, 2, "returned", "no such account")
    assert refusal_of(end, street, 2) == "already_returned"
    assert refusal_of(end, street, 3) == "unknown_batch"
    assert [(row.state, row.reference) for row in claims(street)] == [("paid", "B1"), ("returned", "no such account")]
    assert sound(street)


def test_paying_takes_what_the_merchant_was_owed(street: Book) -> None:
    at(street, date(2026, 11, 4))
    settled(street)
    assert refusal_of(end, street, 1, reference="") == "no_reference"
    assert refusal_of(end, street, 1, reference="B" * 201) == "text_too_long"
    assert refusal_of(end, street, 1, fen=999) == "other_amount"
    assert refusal_of(end, street, 1, day=date(2026, 11, 5)) == "future_date"
    end(street, 1, day=date(2026, 11, 4), fen=1_000)
    assert account(street, "merchant:1", "fen", "payable") == 0
    assert account(street, "merchant:2", "fen", "payable") == 2_500
    assert account(street, "fund:general", "fen", "paid") == 1_000


def test_what_is_returned_goes_into_the_next_draft_as_often_as_it_comes_back(street: Book) -> None:
    at(street, date(2026, 11, 4))
    for round_ in range(3):
        settled(street)
        end(street, 1 if round_ == 0 else 2 + round_, "returned", "no such account")
    draft(street)
    with street.read() as session:
        lines = session.exec(select(ClaimLine).where(ClaimLine.voucher_id == 2)).all()
        assert sorted((line.round, line.claim_id) for line in lines) == [(0, 1), (1, 3), (2, 4), (3, 5)]
    assert account(street, "merchant:1", "fen", "payable") == 1_000
    assert sound(street)


def test_refunds_are_netted_and_the_hash_covers_them(street: Book) -> None:
    give_back(street, 1, 2_000)  # of 20 yuan off, 10 remain
    at(street, date(2026, 11, 4))
    draft(street)
    row = claims(street)[1]
    assert (row.merchant, row.captures, row.refunds, row.points, row.fen) == ("S002", 2, 1, 150, 1_500)
    with street.read() as session:
        (batch,) = rooms.batches(session, 1, [c for c in rooms.of_period(session, 1, "2026-10") if c.id == 2])
    assert sorted((line.voucher_id, line.event, line.fen) for line in batch.lines) == [
        (1, 0, 2_000),
        (1, 1, -1_000),
        (3, 0, 500),
    ]
    assert batch.sha256() == row.sha256
    approve(street)
    assert sound(street)


def test_a_merchant_that_is_owed_nothing_has_no_batch_and_is_carried(street: Book) -> None:
    """A refund after October was paid: November owes S001 less than nothing, December nets it."""
    at(street, date(2026, 11, 4))
    settled(street)
    end(street, 1)
    end(street, 2)
    give_back(street, 2)
    at(street, date(2026, 12, 4))
    assert draft(street, "2026-11") == []
    assert differences(street, "2026-11") == []
    redeem(street, 1, 300)
    at(street, date(2027, 1, 4))
    settled(street, "2026-12")
    assert [(row.merchant, row.captures, row.refunds, row.fen) for row in claims(street, "2026-12")] == [("S001", 1, 1, 2_000)]
    end(street, 3)
    for period in ("2026-10", "2026-11", "2026-12"):
        assert differences(street, period) == []
    assert account(street, "merchant:1", "fen", "payable") == 0
    assert sound(street)


def test_a_month_reconciles_to_nothing_once_all_is_paid(street: Book) -> None:
    assert differences(street) == [("S001", 0, "not_claimed", 1_000), ("S002", 0, "not_claimed", 2_500)]
    at(street, date(2026, 11, 4))
    settled(street)
    assert differences(street) == [("S001", 1, "not_paid", 1_000), ("S002", 2, "not_paid", 2_500)]
    end(street, 1)
    end(street, 2)
    assert differences(street) == []
    with street.read() as session:
        found = [(r.merchant, r.captured, r.refunded, r.claimed, r.paid, r.carried) for r in reconcile(session, 1, "2026-10")]
    assert found == [("S001", 1_000, 0, 1_000, 1_000, 0), ("S002", 2_500, 0, 2_500, 2_500, 0)]


def test_a_reconciliation_names_a_batch_and_a_book_that_differ(street: Book) -> None:
    at(street, date(2026, 11, 4))
    settled(street)
    end(street, 1)
    end(street, 2)
    with street.write() as session:
        session.execute(text("UPDATE claim SET fen = fen + 1 WHERE id = 2"))
        session.execute(text("UPDATE account SET balance = 7 WHERE holder = 'merchant:1' AND purpose = 'payable'"))
    assert differences(street) == [
        ("S001", 0, "book_differs", 7),
        ("S002", 2, "batch_differs", -1),
        ("S002", 0, "book_differs", 1),
    ]


def test_a_sheet_of_results_counts_whole_or_not_at_all(street: Book) -> None:
    at(street, date(2026, 11, 4))
    settled(street)
    results = [Result(1, "paid", "B1", row=2), Result(1, "paid", "B2", row=3), Result(9, "paid", "B3", row=4)]
    results += [Result(2, "paid", "", row=5)]
    with street.write() as session:
        outcome = settlement.enter(session, street.act(), results)
        assert [(found.row, found.code) for found in outcome.rejected] == [
            (3, "twice_in_file"),
            (4, "unknown_batch"),
            (5, "no_reference"),
        ]
        session.rollback()
    good = [Result(1, "paid", "B1", row=2), Result(2, "returned", "closed", row=3)]
    for posted, repeated in ((2, 0), (0, 2)):
        told: list[Imported] = []
        act = street.act()
        street.command(lambda s, a, told=told: told.append(settlement.enter(s, a, good)), act)  # type: ignore[misc]
        assert [(outcome.posted, outcome.repeated, outcome.rejected) for outcome in told] == [(posted, repeated, [])]
    assert sound(street)


def test_two_settlements_at_once_claim_every_line_once(street: Book) -> None:
    at(street, date(2026, 11, 4))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: draft(street, key=f"desk-{n}"), range(8)))
    assert [(row.merchant, row.fen) for row in claims(street)] == [("S001", 1_000), ("S002", 2_500)]
    approve(street)
    submit(street)

    def pay(n: int) -> str:
        try:
            with street.write() as session:
                act = street.act(f"pay-{n}")
                return settlement.end(session, act, Result(1, "paid" if n % 2 else "returned", f"B{n}")).state
        except TimebankError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(pay, range(8)))
    assert len([word for word in told if word in ("paid", "returned")]) == 1
    assert set(told) - {"paid", "returned"} in ({"already_paid"}, {"already_returned"})
    assert sound(street)


# --- the commands ---


def at_desk(office: Cli, folder: Path) -> None:
    """October's voucher captured, claimed and sent off."""
    office("hours", "record", "M0001", "--date", "2026-10-12", "--minutes", "300", "--category", "elder-care")
    code = office("voucher", "issue", "M0001", "--offer", "1", "--points", "20", "--json").json["code"]
    office("voucher", "capture", code, "--merchant", "S001", "--bill", "86.00")
    office.now = "2026-11-06T12:00:00+08:00"
    office("settlement", "draft", "2026-10")
    office("settlement", "approve", "2026-10", "--approver", "W0002")
    office("settlement", "export", "2026-10", "--to", str(folder))


def test_the_list_goes_out_comes_back_filled_in_and_reconciles_to_0(office: Cli, tmp_path: Path) -> None:
    at_desk(office, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "NOTICE.txt",
        "claims-2026-10.csv",
        "claims-2026-10.xlsx",
    ]
    lines = (tmp_path / "out" / "claims-2026-10.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].split(",")[-2:] == ["result", "reference"]
    assert office("settlement", "import-results", str(tmp_path / "out" / "claims-2026-10.xlsx"), "--json").json["posted"] == 0
    filled = tmp_path / "filled.csv"
    filled.write_text(f"{lines[0]}\n{lines[1].removesuffix(',,')},已付,B7\n", encoding="utf-8")
    for posted, repeated in ((1, 0), (0, 1)):
        told = office("settlement", "import-results", str(filled), "--json").json
        assert (told["posted"], told["repeated"]) == (posted, repeated)
    assert office("settlement", "reconcile", "2026-10", "--json").json["differences"] == 0
    assert "0 differences" in office("settlement", "reconcile", "2026-10").out
    assert office("fund", "show", "--json").json["paid_fen"] == 200
    assert office("audit", "--json").json["ok"]


def test_a_row_that_is_no_result_is_named(office: Cli, tmp_path: Path) -> None:
    at_desk(office, tmp_path / "out")
    sheet = tmp_path / "bad.csv"
    sheet.write_text("batch,result,reference,fen\n1,paid,B1,201\nx,paid,B2,\n1,maybe,B3,\n", encoding="utf-8")
    told = office("settlement", "import-results", str(sheet), "--json", status=8).json["error"]
    assert [(row["row"], row["code"]) for row in told["findings"]] == [
        (2, "other_amount"),
        (3, "bad_count"),
        (4, "unknown_result"),
    ]
    assert office("settlement", "list", "2026-10", "--json").json[0]["state"] == "submitted"


def test_a_payment_names_its_batch_or_its_merchant(office: Cli, tmp_path: Path) -> None:
    at_desk(office, tmp_path / "out")
    paid = ("settlement", "paid", "2026-10", "--reference", "B1")
    office(*paid, status=8)
    office(*paid, "--batch", "1", "--merchant", "S001", status=8)
    office(*paid, "--merchant", "S009", status=7)
    office("settlement", "paid", "2026-09", "--reference", "B1", "--batch", "1", status=7)
    office("settlement", "returned", "2026-10", "--merchant", "s1", "--why", "closed")
    office(*paid, "--merchant", "S001", status=3)
    anew = office("settlement", "draft", "2026-10", "--json").json
    assert (anew["batches"], anew["captures"], anew["fen"]) == ([2], 1, 200)  # not what came back once more
    office("settlement", "approve", "2026-10", "--approver", "W0002")
    office("settlement", "export", "2026-10", "--to", str(tmp_path / "again"))
    assert office(*paid, "--merchant", "S001", "--json").json == {"batch": 2, "state": "paid", "fen": 200}
