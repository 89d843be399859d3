"""What of a capture is given back: by a smaller bill, in whole, on the shop's word, after a dispute. Quotes, voids, uploads."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from conftest import RULES, Book, Cli
from offline_phone import enrolled
from shopping import PEPPER, TENTH_OFF, YEAR, account, add_offer, capture, issue
from timebank import audit, benefits, disputes, ledger, offers, quotes, redemption, refunds, rulebooks, vouchers
from timebank.base import approval_numbers
from timebank.base.errors import TimebankError
from timebank.benefits import Item, Shares
from timebank.disputes import Decision
from timebank.journal import FUND, REDEEMED, Entry
from timebank.offers import NewOffer
from timebank.quotes import Question
from timebank.redemption import Accepted, Request
from timebank.refunds import Refunded
from timebank.vouchers import Left, Standing

NOVEMBER, DECEMBER = date(2026, 11, 30), date(2026, 12, 31)


@pytest.fixture
def street(book: Book) -> Book:
    """Member M0001 with 60 points that lapse in November and 940 in December, shops S001 and S002, offer 1 at S001: ten points
    a yuan, at most half of the bill."""
    (member,) = book.join("M0001")
    book.shop("S001", "S002")
    add_offer(book)
    book.give(member.holder, 940, lapses_on=DECEMBER)
    book.give(member.holder, 60, lapses_on=NOVEMBER)
    return book


def refund(book: Book, number: int, bill_fen: int | None = None, *, key: str = "") -> Refunded:
    with book.write() as session:
        return refunds.refund(session, book.act(key, approver=2, reason="goods returned"), number, bill_fen)


def undo(book: Book, number: int, shop: int = 1, *, key: str = "") -> Refunded:
    with book.write() as session:
        return refunds.undo(session, book.act(key), number, shop)


def dispute(book: Book, number: int, *, key: str = "") -> int:
    with book.write() as session:
        return disputes.open_(session, book.act(key, reason="too much was taken"), number, "member").id


def decide(book: Book, decision: Decision, *, key: str = "") -> str:
    with book.write() as session:
        return disputes.decide(session, book.act(key, approver=2), decision).outcome


def standing(book: Book, number: int = 1) -> Standing:
    with book.read() as session:
        return vouchers.standing(session, vouchers.get(session, 1, number), book.today)


def lots(book: Book) -> tuple[tuple[date, int], ...]:
    with book.read() as session:
        return ledger.balance(session, 1, "member:1", "points", today=book.today).lots


def refusal_of(*call: object, **named: object) -> str:
    function, *arguments = call
    with pytest.raises(TimebankError) as refusal:
        function(*arguments, **named)  # type: ignore[operator]
    return refusal.value.code


def moment(*parts: int) -> datetime:
    """A moment of Shanghai: year, month, day, hour, minute, second."""
    return datetime(*parts, tzinfo=ZoneInfo("Asia/Shanghai"))  # type: ignore[misc,arg-type]


def at(book: Book, then: datetime) -> None:
    book.now = then.astimezone(UTC)


def sound(book: Book) -> bool:
    with book.read() as session:
        return audit.audit(session, 1).findings == ()


# ---- refunds


def test_a_refund_gives_back_what_a_smaller_bill_would_not_have_taken(street: Book) -> None:
    capture(street, issue(street, points=100).code, 2_000)  # 10.00 off, 100 points
    done = refund(street, 1, 1_200)
    assert (done.row.points, done.row.fen, done.row.claim_fen) == (40, 400, 400)
    assert done.left == Left(1_200, 60, 600, 600)
    assert account(street, "merchant:1", "fen", "payable") == 600
    assert account(street, REDEEMED, "points", "sink") == 60
    assert standing(street).state == "part_refunded"
    refund(street, 1)
    assert standing(street).left == Left(0, 0, 0, 0)
    assert standing(street).state == "refunded"
    assert account(street, "merchant:1", "fen", "payable") == account(street, FUND, "fen", "free") == 0
    assert sound(street)


@pytest.mark.parametrize("back", [1, 40, 99, 100])
def test_a_refund_leaves_the_lots_as_if_less_had_been_spent(street: Book, back: int) -> None:
    capture(street, issue(street, points=100).code, 100_000)
    left = 100 - back
    refund(street, 1, left * 20 if left else None)
    once, street_lots = lots(street), {NOVEMBER: max(0, 60 - left), DECEMBER: 940 - max(0, left - 60)}
    assert dict(once) == {day: points for day, points in street_lots.items() if points}


def test_points_of_a_lot_that_lapsed_come_back_for_the_grace_of_the_rule_book(street: Book) -> None:
    capture(street, issue(street, points=100).code, 100_000)
    at(street, moment(2026, 12, 5, 12))
    refund(street, 1)
    assert lots(street) == ((DECEMBER, 940), (date(2027, 1, 4), 60))  # without a rule book: 30 days


def test_the_grace_of_a_refund_is_that_of_the_rule_book_of_today(street: Book) -> None:
    capture(street, issue(street, points=60).code, 100_000)
    with street.write() as session:
        text = f"{RULES}[redeem]\nrefund_grace_days = 7\n".encode()
        rulebooks.publish(session, street.act(approver=2), text, "2026-7", "first rules")
    at(street, moment(2026, 12, 5, 12))
    refund(street, 1)
    assert lots(street)[0] == (date(2026, 12, 12), 60)


def test_a_refund_needs_two_people_of_whom_the_second_is_not_the_member(street: Book) -> None:
    capture(street, issue(street).code)
    with pytest.raises(TimebankError) as alone, street.write() as session:
        refunds.refund(session, street.act(), 1)
    assert alone.value.code == "approver_missing"
    with street.write() as session:
        session.connection().exec_driver_sql("UPDATE clerk SET member_id = 1 WHERE id = 2")
    assert refusal_of(refund, street, 1) == "own_voucher"


def test_nothing_is_given_back_of_what_was_not_redeemed(street: Book) -> None:
    issue(street)
    assert refusal_of(refund, street, 1) == refusal_of(undo, street, 1) == "not_captured"


def test_a_capture_is_given_back_at_most_once(street: Book) -> None:
    capture(street, issue(street).code, 2_000)
    assert refund(street, 1, key="r").row == refund(street, 1, key="r").row
    assert refusal_of(refund, street, 1) == "refunded_already"
    assert account(street, "merchant:1", "fen", "payable") == 0


@pytest.mark.parametrize(("bill", "code"), [(2_000, "bill_not_smaller"), (0, "bad_bill"), (9_000, "bill_not_smaller")])
def test_a_refund_makes_the_bill_smaller(street: Book, bill: int, code: str) -> None:
    capture(street, issue(street).code, 2_000)
    assert refusal_of(refund, street, 1, bill) == code


def test_a_smaller_bill_that_the_voucher_uses_up_as_well_gives_nothing_back(street: Book) -> None:
    capture(street, issue(street).code, 9_000)
    assert refusal_of(refund, street, 1, 2_000) == "nothing_to_refund"


def test_a_discount_whose_bill_falls_below_its_minimum_comes_back_in_whole(street: Book) -> None:
    add_offer(street, TENTH_OFF)
    capture(street, issue(street, points=None, offer=2).code, 10_000)
    assert refund(street, 1, 6_000).row.points == 0  # its price is fixed
    done = refund(street, 1, 2_999).row
    assert (done.points, done.fen, done.bill_fen) == (50, 600, 0)
    assert standing(street).state == "refunded"


def test_goods_come_back_in_whole_only(street: Book) -> None:
    with street.write() as session:
        offers.add(session, street.act(), NewOffer("S001", Item(80, 3_500, "大米5kg"), *YEAR))
    capture(street, issue(street, points=None, offer=2).code, 0)
    assert refusal_of(refund, street, 1, 1_000) == "bill_not_wanted"
    assert refund(street, 1).row.points == 80


def test_a_refund_takes_back_from_each_what_it_bore(street: Book) -> None:
    with street.write() as session:
        shares = Shares(fund_bp=3_333)
        offers.add(session, street.act(), NewOffer("S001", benefits.Offset(10, 5_000), *YEAR, shares=shares))
    capture(street, issue(street, points=100, offer=2).code, 2_000)
    assert account(street, "merchant:1", "fen", "payable") == 333
    assert [refund(street, 1, bill).row.claim_fen for bill in (1_998, 1_996)] == [1, 0]  # a fen less off each time
    assert refund(street, 1).row.claim_fen == 332
    assert account(street, "merchant:1", "fen", "payable") == account(street, FUND, "fen", "free") == 0
    assert sound(street)


def test_points_that_come_back_repay_a_debt_first(street: Book) -> None:
    with street.write() as session:
        entry = session.exec(select(Entry.seq).where(Entry.kind == "points.opening").order_by(col(Entry.seq))).first()
    capture(street, issue(street, points=940).code, 100_000)
    with street.write() as session:
        assert entry is not None
        ledger.reverse(session, street.act(approver=2), entry, owe=True)
    refund(street, 1)
    assert street.points("member:1").total == 60
    assert street.points("member:1").owed == 0
    assert sound(street)


# ---- the shop's own word


def test_a_shop_undoes_a_capture_on_its_day_and_alone(street: Book) -> None:
    capture(street, issue(street).code)
    assert refusal_of(undo, street, 1, 2) == "wrong_merchant"
    assert undo(street, 1, key="u").row == undo(street, 1, key="u").row
    assert street.points("member:1").available == 1_000
    assert standing(street).state == "refunded"


@pytest.mark.parametrize(("then", "code"), [(moment(2026, 10, 20, 23, 59, 59), ""), (moment(2026, 10, 21), "undo_over")])
def test_a_shop_undoes_nothing_of_yesterday(street: Book, then: datetime, code: str) -> None:
    capture(street, issue(street).code)
    at(street, then)
    assert (refusal_of(undo, street, 1) if code else undo(street, 1) and "") == code


# ---- disputes


def test_a_dispute_that_is_upheld_is_refunded(street: Book) -> None:
    capture(street, issue(street).code, 2_000)
    assert dispute(street, 1) == 1
    assert standing(street).state == "disputed"
    assert decide(street, Decision(1, "upheld", 1_200)) == "upheld"
    assert standing(street).left == Left(1_200, 60, 600, 600)
    assert sound(street)


def test_a_dispute_that_is_rejected_leaves_everything(street: Book) -> None:
    capture(street, issue(street).code, 2_000)
    dispute(street, 1)
    assert refusal_of(decide, street, Decision(1, "rejected", 1_200)) == "bill_not_wanted"
    assert decide(street, Decision(1, "rejected")) == "rejected"
    assert standing(street).state == "captured"
    assert standing(street).left.points == 100


def test_a_dispute_is_open_once_and_decided_once(street: Book) -> None:
    capture(street, issue(street).code, 2_000)
    assert dispute(street, 1, key="d") == dispute(street, 1, key="d")
    assert refusal_of(dispute, street, 1) == refusal_of(refund, street, 1) == refusal_of(undo, street, 1) == "dispute_open"
    decide(street, Decision(1, "rejected"), key="e")
    assert decide(street, Decision(1, "rejected"), key="e") == "rejected"
    assert refusal_of(decide, street, Decision(1, "upheld")) == "decided_already"
    assert dispute(street, 1) == 2  # something else came up


def test_only_what_is_left_of_a_capture_is_disputed(street: Book) -> None:
    code = issue(street).code
    assert refusal_of(dispute, street, 1) == "not_captured"
    capture(street, code)
    refund(street, 1)
    assert refusal_of(dispute, street, 1) == "refunded_already"
    assert refusal_of(decide, street, Decision(9, "upheld")) == "unknown_dispute"


def test_one_person_decides_no_dispute(street: Book) -> None:
    capture(street, issue(street).code)
    dispute(street, 1)
    with pytest.raises(TimebankError) as alone, street.write() as session:
        disputes.decide(session, street.act(), Decision(1, "rejected"))
    assert alone.value.code == "approver_missing"


def test_a_dispute_says_why(street: Book) -> None:
    capture(street, issue(street).code)
    with pytest.raises(TimebankError) as silent, street.write() as session:
        disputes.open_(session, street.act(), 1, "member")
    assert silent.value.code == "reason_missing"


# ---- quotes


def quote(
    book: Book, bill_fen: int = 8_600, *, member: str = "M0001", offer: int = 1, points: int | None = None
) -> quotes.Quoted:
    with book.write() as session:
        return quotes.quote(session, book.act(), Question(member, offer, bill_fen, points))


def by_quote(book: Book, number: int, member: str = "M0001") -> redemption.Issued:
    with book.write() as session:
        return redemption.issue(session, book.act(), Request(member, 0, quote=number), PEPPER)


def test_a_quote_reserves_nothing_and_its_voucher_holds_what_it_said(street: Book) -> None:
    quoted = quote(street)
    assert (quoted.quote.points, quoted.quote.off_fen) == (430, 4_300)
    assert street.points("member:1").held == 0
    issued = by_quote(street, 1)
    assert (issued.voucher.points, issued.voucher.quote_id) == (430, 1)
    assert capture(street, issued.code, 8_600).benefit == quoted.benefit
    assert sound(street)


def test_a_quote_asks_for_no_more_points_than_there_are(street: Book) -> None:
    assert quote(street, 100_000).quote.points == 1_000
    assert refusal_of(quote, street, 100_000, points=1_001) == "insufficient_points"


def test_a_quote_keeps_to_the_steps_of_the_rule_book(street: Book) -> None:
    with street.write() as session:
        rulebooks.publish(session, street.act(approver=2), f"{RULES}[redeem]\nstep = 100\n".encode(), "2026-7", "first rules")
    assert quote(street).quote.points == 500
    assert quote(street, 100_000).quote.points == 1_000


@pytest.mark.parametrize(("seconds", "code"), [(900, ""), (901, "quote_over")])
def test_a_quote_is_good_for_fifteen_minutes(street: Book, seconds: int, code: str) -> None:
    quote(street)
    street.now += timedelta(seconds=seconds)
    assert (refusal_of(by_quote, street, 1) if code else by_quote(street, 1) and "") == code


def test_a_quote_is_used_once_and_by_its_member(street: Book) -> None:
    street.join("M0002")
    quote(street)
    assert refusal_of(by_quote, street, 1, "M0002") == "other_quote"
    by_quote(street, 1)
    assert refusal_of(by_quote, street, 1) == "quote_used"
    assert refusal_of(by_quote, street, 2) == "unknown_quote"


# ---- voids


def test_a_void_that_comes_before_its_hold_wins(street: Book) -> None:
    def cancel() -> Standing | None:
        with street.write() as session:
            return redemption.cancel(session, street.act(), "slow")

    assert cancel() is None
    assert cancel() is None
    assert refusal_of(issue, street, key="slow") == "voided_before"
    assert street.points("member:1").held == 0
    assert sound(street)


def test_a_void_by_the_key_of_its_hold_ends_the_voucher(street: Book) -> None:
    lapsing = issue(street, points=10, days=1).voucher
    street.now += timedelta(days=3)
    issue(street, key="asked")  # whose first entry releases what lapsed
    with street.write() as session:
        found = redemption.cancel(session, street.act(), "asked")
    assert found is not None
    assert (found.voucher.id, found.state, lapsing.id) == (2, "voided", 1)


def test_a_key_that_did_something_else_is_not_buried(street: Book) -> None:
    add_offer(street, key="an-offer")
    with street.write() as session, pytest.raises(TimebankError) as refusal:
        redemption.cancel(session, street.act(), "an-offer")
    assert refusal.value.code == "not_a_hold"


@pytest.mark.parametrize("party", ["clerk", "member", "merchant"])
def test_a_void_tells_who_gave_the_voucher_up(street: Book, party: redemption.Party) -> None:
    issue(street)
    with street.write() as session:
        redemption.void(session, street.act(), 1, party)
    with street.read() as session:
        payload = session.exec(select(Entry.payload).where(Entry.kind == "voucher.void")).one()
    assert ledger.facts_of(payload)["party"] == party


def test_a_shop_declines_its_own_vouchers_only(street: Book) -> None:
    issue(street)

    def decline(shop: int) -> Standing:
        with street.write() as session:
            return redemption.decline(session, street.act(), 1, shop)

    assert refusal_of(decline, 2) == "wrong_merchant"
    assert decline(1).state == "voided"


# ---- accepted offline


def late(book: Book) -> int:
    """A voucher good until 23 October that may be uploaded until the 26th: its shop has a phone that takes vouchers offline."""
    enrolled(book)
    return issue(book, days=3).voucher.id


def accept(book: Book, number: int, day: date, shop: int = 1) -> redemption.Captured:
    with book.write() as session:
        return redemption.accept(session, book.act(), Accepted(number, shop, 2_000, day, 7, 1))


def test_an_upload_counts_on_its_day_until_the_hold_is_released(street: Book) -> None:
    number = late(street)
    at(street, moment(2026, 10, 26, 23, 59, 59))
    assert standing(street).state == "lapsed"
    assert accept(street, number, date(2026, 10, 23)).resolution.day == date(2026, 10, 23)


def test_an_upload_after_its_hold_was_released_is_refused(street: Book) -> None:
    number = late(street)
    at(street, moment(2026, 10, 26, 12))
    with street.write() as session:
        assert redemption.expire_due(session, street.act()) == []
    at(street, moment(2026, 10, 27))
    assert refusal_of(accept, street, number, date(2026, 10, 23)) == "expired"
    with street.write() as session:
        assert [voucher.id for voucher in redemption.expire_due(session, street.act())] == [1]


@pytest.mark.parametrize(
    ("day", "shop", "code"),
    [
        (date(2026, 10, 24), 1, "expired"),
        (date(2026, 10, 19), 1, "impossible_day"),
        (date(2026, 10, 22), 1, "impossible_day"),
        (date(2026, 10, 21), 2, "wrong_merchant"),
    ],
)
def test_an_upload_is_of_its_shop_and_of_a_day_of_the_voucher(street: Book, day: date, shop: int, code: str) -> None:
    number = late(street)
    at(street, moment(2026, 10, 21, 12))
    assert refusal_of(accept, street, number, day, shop) == code


def test_a_counter_takes_no_voucher_that_only_an_upload_may_use(street: Book) -> None:
    late(street)
    issued = issue(street, days=3)
    at(street, moment(2026, 10, 24))
    assert refusal_of(capture, street, issued.code) == "expired"


# ---- the desk


def test_a_clerk_lives_through_a_voucher_by_phone_and_its_story_tells_all(office: Cli) -> None:
    office("hours", "record", "M0001", "--date", "2026-10-12", "--minutes", "300", "--category", "elder-care")
    office("voucher", "quote", "M0001", "--offer", "1", "--bill", "9.00")
    code = office("voucher", "issue", "M0001", "--quote", "1", "--json").json["code"]
    counter = ("voucher", "capture", code, "--merchant", "S001", "--bill", "9.00", "--by-phone")
    told = office(*counter, "--json").json["approval_number"]
    assert approval_numbers.is_number(told)
    assert not approval_numbers.is_number(told[:-1] + str((int(told[-1]) + 1) % 10))
    office("voucher", "refund", "V1", "--bill", "8.00")
    assert "8.00" in office("inbox").out
    office("approve", "1", "--as", "W0002")
    office("voucher", "dispute", "V1", "--reason", "店里多扣了积分")
    office("voucher", "decide", "1", "--rejected", "--approver", "W0002")
    office("voucher", "undo", "V1", "--merchant", "S001")
    story = office("voucher", "show", "V1", "--json").json
    assert story["state"] == "refunded"
    kinds = [event["kind"] for event in story["events"]]
    assert kinds == [
        *("voucher.quote", "voucher.issue", "voucher.capture", "voucher.refund"),
        *("dispute.open", "dispute.end", "voucher.refund"),
    ]
    assert [event["approval_number"] for event in story["events"] if event["approval_number"]] == [told]
    for event in story["events"]:
        explained = office("rules", "explain", event["entry"], "--json").json
        assert explained["rows"][0]["told"] == event["told"]
        assert "points by a rule" not in office("rules", "explain", event["entry"]).out
    assert office("audit", "--json").json["ok"]


def test_a_clerk_buries_a_key_and_expires_nothing_twice(office: Cli) -> None:
    assert office("voucher", "void", "--issued-under", "slow", "--json").json == {"buried": "slow"}
    office("hours", "record", "M0001", "--date", "2026-10-12", "--minutes", "300", "--category", "elder-care")
    late = office("voucher", "issue", "M0001", "--offer", "1", "--points", "10", "--key", "slow", status=3)
    assert "slow" in late.err
