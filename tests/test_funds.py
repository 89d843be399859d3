"""The fund: deposits of four sources, earmarked money, budgets that no voucher goes beyond, and what the audit says of it."""

from datetime import UTC, date, datetime

import pytest
from sqlmodel import text

from conftest import Book, Cli
from lived import Vandal, a_vandal, report, the_book_lived_in_together  # noqa: F401 - fixtures
from shopping import PEPPER, account, add_offer, capture, issue
from timebank import audit, funds, refunds, sponsors
from timebank.base import schema
from timebank.base.errors import TimebankError
from timebank.benefits import Discount, Shares
from timebank.funds import Budget, NewBudget, NewDeposit
from timebank.redemption import Request
from timebank.redemption import issue as issue_voucher
from timebank.sponsors import NewSponsor


@pytest.fixture
def street(book: Book) -> Book:
    """Two shops with an offer of 10 points a yuan each, a member with points enough, October 2026."""
    book.join("M0001")
    book.shop("S001", "S002")
    add_offer(book)
    add_offer(book, merchant="S002")
    book.give("member:1", 100_000)
    return book


def deposit(book: Book, fen: int, reference: str = "B1", source: str | None = "government", **more: object) -> funds.Deposit:
    with book.write() as session:
        return funds.deposit(session, book.act(), NewDeposit(fen, reference, source, **more))  # type: ignore[arg-type]


def sponsor(book: Book, name: str = "黔灵超市") -> int:
    with book.write() as session:
        return sponsors.add(session, book.act(), NewSponsor(name, "enterprise")).id


def budget(book: Book, fen: int, *, approver: int | None = 2, **scope: object) -> Budget:
    with book.write() as session:
        return funds.declare(session, book.act(approver=approver), NewBudget(fen, **scope))  # type: ignore[arg-type]


def take_back(book: Book, number: int) -> None:
    with book.write() as session:
        funds.take_back(session, book.act(approver=2), number)


def code_of(call: object, *arguments: object, **named: object) -> str:
    with pytest.raises(TimebankError) as refusal:
        call(*arguments, **named)  # type: ignore[operator]
    return refusal.value.code


def sound(book: Book) -> bool:
    with book.read() as session:
        return audit.audit(session, 1).ok


# --- deposits ---


def test_money_is_free_at_once_and_goods_reimburse_no_shop(street: Book) -> None:
    deposit(street, 5_000)
    deposit(street, 1_200, "R2", "resident", basis="大米2袋")
    assert account(street, "fund:general", "fen", "free") == 5_000
    assert account(street, "fund:general", "fen", "in_kind") == 1_200
    with street.read() as session:
        there = funds.standing(session, 1)
    assert there.given == {"government": 5_000, "enterprise": 0, "organisation": 0, "resident": 0}
    assert there.in_kind == {"government": 0, "enterprise": 0, "organisation": 0, "resident": 1_200}
    assert (there.free, there.committed, there.owed, there.paid, there.beyond, there.limited) == (5_000, 0, 0, 0, 0, False)
    assert sound(street)


def test_an_unlimited_fund_tells_what_it_would_owe(street: Book) -> None:
    deposit(street, 700)
    issue(street, points=100)
    with street.read() as session:
        assert funds.standing(session, 1).beyond == 300


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (NewDeposit(0, "B1", "government"), "bad_amount"),
        (NewDeposit(1, "", "government"), "no_reference"),
        (NewDeposit(1, "B1", "lottery"), "unknown_source"),
        (NewDeposit(1, "B1"), "no_source"),
        (NewDeposit(1, "B1", sponsor=9), "unknown_sponsor"),
        (NewDeposit(1, "B1", "government", basis=""), "no_basis"),
        (NewDeposit(1, "B" * 201, "government"), "text_too_long"),
        (NewDeposit(1, "B1", "government", day=date(2026, 10, 21)), "future_date"),
    ],
)
def test_a_deposit_that_cannot_be_is_refused(street: Book, wish: NewDeposit, code: str) -> None:
    with street.write() as session:
        assert code_of(funds.deposit, session, street.act(), wish) == code


def test_a_bank_s_number_is_entered_once_until_it_is_taken_back(street: Book) -> None:
    first = deposit(street, 5_000)
    assert code_of(deposit, street, 5_000) == "deposited_already"
    take_back(street, first.id)
    deposit(street, 5_000)
    assert account(street, "fund:general", "fen", "free") == 5_000
    assert sound(street)


def test_a_deposit_is_taken_back_once_by_two_people(street: Book) -> None:
    deposit(street, 5_000)
    with street.write() as session:
        assert code_of(funds.take_back, session, street.act(), 1) == "approver_missing"
    take_back(street, 1)
    assert code_of(take_back, street, 1) == "already_reversed"
    assert code_of(take_back, street, 2) == "unknown_deposit"
    assert account(street, "fund:general", "fen", "free") == 0


# --- sponsors ---


def test_a_sponsor_s_money_is_of_its_own_source(street: Book) -> None:
    sponsor(street)
    assert code_of(deposit, street, 100, source="resident", sponsor=1) == "other_source"
    deposit(street, 100, source=None, sponsor=1)
    assert account(street, "sponsor:1", "fen", "free") == 100
    assert account(street, "fund:general", "fen", "free") == 0
    assert code_of(sponsor, street) == "sponsor_known"
    with street.write() as session:
        assert code_of(sponsors.add, session, street.act(), NewSponsor("", "enterprise")) == "no_name"
        assert code_of(sponsors.add, session, street.act(), NewSponsor("x" * 81, "enterprise")) == "name_too_long"
        assert code_of(sponsors.add, session, street.act(), NewSponsor("x", "lottery")) == "unknown_source"


def test_earmarked_money_is_never_overdrawn_without_any_budget(street: Book) -> None:
    """Half of what the offer takes off is the sponsor's: a third voucher of 5 yuan would be 1 fen too much."""
    sponsor(street)
    deposit(street, 999, source=None, sponsor=1)
    terms = Discount(off_bp=10_000, max_fen=1_000, points=10)
    half = add_offer(street, terms, shares=Shares(5_000, 5_000), sponsor=1)
    first = issue(street, points=None, offer=half.id)
    assert account(street, "sponsor:1", "fen", "committed") == 500
    assert code_of(issue, street, points=None, offer=half.id) == "sponsor_exhausted"
    assert code_of(take_back, street, 1) == "insufficient"
    capture(street, first.code, 400)
    assert account(street, "sponsor:1", "fen", "free") == 799
    assert account(street, "merchant:1", "fen", "payable") == 400
    issue(street, points=None, offer=half.id)
    assert sound(street)


# --- budgets ---


def test_two_people_declare_a_budget(street: Book) -> None:
    assert code_of(budget, street, 1_000, approver=None) == "approver_missing"
    assert code_of(budget, street, 1_000, approver=1) == "same_person"
    assert budget(street, 1_000).since == "2026-10"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (NewBudget(-1), "bad_amount"),
        (NewBudget(1, "2026-09"), "past_month"),
        (NewBudget(1, "2026-13"), "bad_period"),
        (NewBudget(1, merchant="S009"), "unknown_merchant"),
        (NewBudget(1, merchant="S001", programme="care", offers=(1,)), "one_scope"),
        (NewBudget(1, programme="care"), "no_offers"),
        (NewBudget(1, programme="Care for all", offers=(1,)), "bad_programme"),
        (NewBudget(1, offers=(1,)), "bad_programme"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(street: Book, wish: NewBudget, code: str) -> None:
    with street.write() as session:
        assert code_of(funds.declare, session, street.act(approver=2), wish) == code


def test_from_the_first_budget_on_no_voucher_goes_beyond_the_fund_s_money(street: Book) -> None:
    deposit(street, 1_500)
    budget(street, 100_000)
    issue(street, points=100)
    assert code_of(issue, street, points=60) == "fund_exhausted"
    issue(street, points=50)
    assert account(street, "fund:general", "fen", "free") == 0
    assert sound(street)


def test_a_voucher_must_fit_into_every_budget_it_falls_under(street: Book) -> None:
    deposit(street, 100_000)
    budget(street, 3_000)
    budget(street, 1_000, merchant="s1")
    budget(street, 1_500, programme="elder-care", offers=(2,))
    issue(street, points=100)
    assert code_of(issue, street, points=10) == "budget_used_up"  # the merchant's
    issue(street, points=150, offer=2)
    assert code_of(issue, street, points=10, offer=2) == "budget_used_up"  # the programme's
    budget(street, 9_000, programme="elder-care", offers=(2,))
    issue(street, points=50, offer=2)
    assert code_of(issue, street, points=10, offer=2) == "budget_used_up"  # everybody's
    with street.read() as session:
        used = {(x.budget.merchant_id, x.budget.programme): x.used for x in funds.limits(session, 1, "2026-10")}
    assert used == {(None, None): 3_000, (1, None): 1_000, (None, "elder-care"): 2_000}
    assert sound(street)


def test_what_comes_back_may_be_used_again(street: Book) -> None:
    """A smaller bill, a refund: what the vouchers cost is counted, not how many there were."""
    deposit(street, 100_000)
    budget(street, 1_000)
    first = issue(street, points=100)
    capture(street, first.code, 1_200)  # half of the bill: 6 yuan
    second = issue(street, points=40)
    assert code_of(issue, street, points=10) == "budget_used_up"
    with street.write() as session:
        refunds.refund(session, street.act(approver=2), first.voucher.id, 200)  # 1 yuan off remains
    issue(street, points=50)
    assert second.voucher.fen == 400
    assert sound(street)


def test_a_month_has_its_own_budget_and_the_later_one_replaces(street: Book) -> None:
    deposit(street, 100_000)
    budget(street, 1_000)
    budget(street, 500, period="2026-11")
    issue(street, points=100)
    assert code_of(issue, street, points=10) == "budget_used_up"
    budget(street, 1_200)
    issue(street, points=20)
    street.now = datetime(2026, 11, 2, 4, tzinfo=UTC)
    assert code_of(issue, street, points=60) == "budget_used_up"
    issue(street, points=50)
    street.now = datetime(2026, 12, 1, 4, tzinfo=UTC)
    issue(street, points=120)
    assert sound(street)


def test_holds_beyond_the_budget_are_refused_and_nothing_of_them_stays(street: Book) -> None:
    """Row 9 of the acceptance matrix: 7 vouchers of 3 yuan and a budget of 20; six, and the seventh leaves no trace."""
    deposit(street, 100_000)
    budget(street, 2_000)
    for _ in range(6):
        issue(street, points=30)
    assert code_of(issue, street, points=30) == "budget_used_up"
    assert account(street, "fund:general", "fen", "committed") == 1_800
    assert account(street, "member:1", "points", "held") == 180
    assert sound(street)


def test_the_months_tell_what_came_and_went(street: Book) -> None:
    deposit(street, 10_000)
    capture(street, issue(street, points=100).code, 5_000)
    street.now = datetime(2026, 11, 2, 4, tzinfo=UTC)
    deposit(street, 500, "B2")
    with street.read() as session:
        moved = funds.months(session, 1)
    assert moved == [
        funds.Month("2026-10", 10_000, 1_000, 0, 9_000),
        funds.Month("2026-11", 500, 0, 0, 9_500),
    ]


# --- the audit ---


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE deposit SET fen = fen + 1 WHERE id = 1", "fund_differs"),
        ("DELETE FROM settlement_line", "claim_differs"),
        ("UPDATE claim_end SET outcome = 'returned'", "fund_differs"),
        ("UPDATE sponsor SET name = 'x'", "fund_row_differs"),
        ("UPDATE deposit SET basis = '' WHERE kind = 'in_kind'", "fund_row_differs"),
        ("UPDATE budget SET offers = '[1]' WHERE programme IS NOT NULL", "fund_row_differs"),
        ("DELETE FROM budget", "fund_row_differs"),
    ],
)
def test_the_audit_hears_of_money_that_was_changed(vandal: Vandal, statement: str, code: str) -> None:
    vandal.run(statement)
    assert code in {finding.code for finding in report(vandal.book).findings}


def test_the_audit_hears_of_a_budget_that_one_person_declared(vandal: Vandal) -> None:
    vandal.rewrite(vandal.seq("fund.budget"), approver=None, approver_auth=None)
    assert "approver_missing" in {finding.code for finding in report(vandal.book, "I13").findings}


def test_the_audit_hears_of_a_payment_that_moved_something_else(vandal: Vandal) -> None:
    seq = vandal.seq("settlement.paid")
    postings = vandal.payload(seq)["postings"]
    for posting in postings:
        posting[4] += 1 if posting[4] > 0 else -1
    vandal.rewrite(seq, postings=postings)
    assert "claim_unsound" in {finding.code for finding in report(vandal.book, "fund").findings}


def test_the_audit_hears_of_a_voucher_beyond_its_budget(street: Book) -> None:
    """Issued past the check, as by a program of somebody's own."""
    deposit(street, 100_000)
    budget(street, 1_000)
    with street.write() as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr(funds, "reserve", lambda *_: None)
        issue_voucher(session, street.act(), Request("M0001", 1, 101), PEPPER)
    found = report(street, "fund").findings
    assert [finding.code for finding in found] == ["over_budget"]


# --- the commands ---


def test_a_budget_waits_for_a_second_person(office: Cli) -> None:
    office("fund", "deposit", "--source", "government", "--yuan", "500", "--reference", "B1")
    waiting = office("fund", "budget", "--yuan", "300", "--merchant", "S001", "--json").json["waiting"]
    assert office("fund", "show", "--json").json["limited"] is False
    assert "300.00" in office("inbox").out
    office("approve", str(waiting), "--as", "W0002")
    shown = office("fund", "show", "--json").json
    assert shown["limited"] is True
    assert shown["free_fen"] == 50_000
    (limit,) = shown["budgets"]
    assert (limit["of"], limit["fen"], limit["used_fen"], limit["left_fen"]) == ("S001", 30_000, 0, 30_000)


def test_the_list_of_deposits_says_what_was_taken_back(office: Cli) -> None:
    office("fund", "sponsor", "add", "黔灵超市", "--source", "enterprise")
    office("fund", "deposit", "--sponsor", "1", "--yuan", "50.5", "--reference", "B1")
    office("fund", "deposit", "--source", "resident", "--yuan", "80", "--reference", "R1", "--basis", "大米1袋")
    office("fund", "take-back", "1", "--reason", "金额录错", "--approver", "W0002")
    rows = office("fund", "list", "--json").json
    assert [(row["deposit"], row["kind"], row["fen"], row["sponsor"], row["taken_back"]) for row in rows] == [
        (1, "cash", 5_050, "黔灵超市", True),
        (2, "in_kind", 8_000, "", False),
    ]
    assert office("fund", "sponsor", "list", "--json").json == [{"sponsor": 1, "name": "黔灵超市", "source": "enterprise"}]


def test_a_reader_sees_the_fund_in_tables(office: Cli) -> None:
    office("fund", "deposit", "--source", "government", "--yuan", "500", "--reference", "B1")
    office("voucher", "issue", "M0001", "--offer", "1", "--points", "10", status=3)
    assert "500.00" in office("fund", "show").out
    assert "四筹资金" in office("fund", "show", "--lang", "zh").out


def test_the_guards_hold_the_fund_s_rows(street: Book) -> None:
    assert {"sponsor", "deposit", "budget", "settlement_line", "claim_end"} <= set(schema.guards().GUARDED)
    deposit(street, 100)
    with pytest.raises(Exception, match="append-only"), street.write() as session:
        session.execute(text("UPDATE deposit SET fen = 1 WHERE community_id = 1"))
