"""How many vouchers of an offer there are, whom it is for and who bears it: never more than it says, in whatever order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import NOON, RULES, Book, Shelf
from shopping import TENTH_OFF, YEAR, account, add_offer, capture, issue
from timebank import benefits, funds, offers, redemption, refunds, rulebooks, sponsors
from timebank.audit import audit
from timebank.base import db, schema
from timebank.base.errors import Invalid, TimebankError
from timebank.benefits import Item, Offset, Shares, borne
from timebank.funds import NewDeposit
from timebank.offers import Conditions, Limits
from timebank.people import members
from timebank.people.members import Newcomer
from timebank.people.persons import Card
from timebank.redemption import Issued
from timebank.sponsors import NewSponsor

BREAD = Item(30, 1_500, "面包")
HALVES = Shares(fund_bp=5_000)


@pytest.fixture
def street(book: Book) -> Book:
    """Two members with points, a shop."""
    book.join("M0001", "M0002")
    book.shop("S001")
    for member in (1, 2):
        book.give(f"member:{member}", 1_000)
    return book


def refused(what: Callable[[], object]) -> str:
    with pytest.raises(TimebankError) as refusal:
        what()
    return refusal.value.code


def goods(book: Book, member: str = "M0001", offer: int = 1, days: int | None = None) -> int:
    """A voucher of an item; gives its number."""
    return issue(book, member, None, offer=offer, days=days).voucher.id


def void(book: Book, voucher: int) -> None:
    with book.write() as session:
        redemption.void(session, book.act(reason="changed their mind"), voucher)


# ---- who bears it


shares = st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)).filter(lambda s: sum(s) <= 10_000).map(lambda s: Shares(*s))


@given(st.integers(0, benefits.FEN_MAX), st.integers(0, 10_000), shares)
def test_shares_sum_to_what_comes_off_and_more_off_is_less_for_nobody(off: int, more: int, shares: Shares) -> None:
    one, two = borne(off, shares), borne(off + more, shares)
    assert one.merchant_fen + one.fund_fen + one.sponsor_fen == off
    assert min(one.parts.values()) >= 0
    assert all(two.parts[name] >= fen for name, fen in one.parts.items())
    assert one.fund_fen * 10_000 <= off * shares.fund_bp
    assert one.sponsor_fen * 10_000 <= off * shares.sponsor_bp


@pytest.mark.parametrize("shares", [Shares(-1), Shares(10_001), Shares(6_000, 4_001), Shares(5_000, -1)])
def test_shares_are_parts_of_one_whole(shares: Shares) -> None:
    with pytest.raises(Invalid) as refusal:
        benefits.check_shares(shares)
    assert refusal.value.code == "bad_shares"


def test_the_merchant_bears_its_share_and_claims_the_rest(street: Book) -> None:
    """86.05 yuan: a tenth is 8.60; the fund bears half of it, of the 20.00 that are reserved 10.00."""
    add_offer(street, TENTH_OFF, shares=HALVES)
    voucher = issue(street, points=None)
    assert voucher.voucher.fen == 1_000
    assert account(street, "fund:general", "fen", "committed") == 1_000
    done = capture(street, voucher.code, 8_605)
    assert (done.benefit.off_fen, done.resolution.merchant_fen, done.resolution.claim_fen) == (860, 430, 430)
    assert account(street, "merchant:1", "fen", "payable") == 430
    assert account(street, "fund:general", "fen", "committed") == 0
    assert account(street, "fund:general", "fen", "free") == -430
    with street.read() as session:
        assert audit(session, 1).findings == ()


@given(shares=shares, points=st.integers(1, 400), bill=st.integers(100, 20_000))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_capture_never_needs_more_than_its_hold_reserved(lent: Book, shares: Shares, points: int, bill: int) -> None:
    offer = add_offer(lent, Offset(7, 9_000), shares=shares, sponsor=1 if shares.sponsor_bp else None)
    holders = ("fund:general", "sponsor:1")
    before = [account(lent, holder, "fen", "committed") for holder in holders]
    if points * 100 < 7:
        return
    voucher = issue(lent, points=points, offer=offer.id)
    done = capture(lent, voucher.code, bill)
    assert done.resolution.claim_fen <= voucher.voucher.fen
    assert [account(lent, holder, "fen", "committed") for holder in holders] == before


@pytest.fixture
def lent(street: Book) -> Book:
    """Enough points, and a sponsor with enough money."""
    street.give("member:1", 10_000)
    with street.write() as session:
        act = street.act()
        sponsors.add(session, act, NewSponsor("爱心企业", "enterprise"))
        funds.deposit(session, street.act(), NewDeposit(10_000_000, "R1", sponsor=1))
    return street


# ---- goods


def test_goods_need_no_bill_and_a_bill_is_refused(street: Book) -> None:
    add_offer(street, BREAD)
    voucher = issue(street, points=None)
    assert refused(lambda: capture(street, voucher.code, 100)) == "bill_not_wanted"
    done = capture(street, voucher.code, 0)
    assert (done.resolution.bill_fen, done.resolution.benefit_fen, done.resolution.points) == (0, 1_500, 30)
    assert account(street, "merchant:1", "fen", "payable") == 1_500
    with street.read() as session:
        assert audit(session, 1).findings == ()


def test_a_bill_is_needed_where_there_are_no_goods(street: Book) -> None:
    add_offer(street)
    code = issue(street).code
    assert refused(lambda: capture(street, code, 0)) == "bad_bill"


def test_goods_have_a_fixed_price(street: Book) -> None:
    add_offer(street, BREAD)
    assert refused(lambda: issue(street, points=31)) == "fixed_price"
    assert issue(street, points=30).voucher.points == 30


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (replace(BREAD, item_fen=0), "bad_worth"),
        (replace(BREAD, label=""), "no_label"),
        (replace(BREAD, label="面" * 61), "no_label"),
        (replace(BREAD, points=0), "bad_points"),
    ],
)
def test_goods_that_no_shop_has_are_refused(terms: Item, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        benefits.check(terms)
    assert refusal.value.code == code


def test_the_name_of_goods_names_nobody(street: Book) -> None:
    assert refused(lambda: add_offer(street, replace(BREAD, label="找张三 13812345678"))) == "personal_label"


def test_the_name_of_goods_stands_beside_the_book_not_in_it(street: Book) -> None:
    add_offer(street, BREAD)
    with street.engine.connect() as connection:
        payloads = connection.exec_driver_sql("SELECT payload FROM entry WHERE kind = 'offer.add'").scalars().all()
        texts = connection.exec_driver_sql("SELECT text FROM entry_text").scalars().all()
    assert "面包" not in "".join(payloads)
    assert "面包" in texts


# ---- limits


def test_the_last_piece_goes_once_and_comes_back_with_a_void(street: Book) -> None:
    """Row 9 of the acceptance matrix: holds whose sum exceeds the stock."""
    add_offer(street, BREAD, limits=Limits(stock=2))
    first, _ = goods(street), goods(street, "M0002")
    assert refused(lambda: goods(street)) == "sold_out"
    void(street, first)
    goods(street)
    assert refused(lambda: goods(street, "M0002")) == "sold_out"


def test_a_voucher_that_lapsed_frees_its_piece_when_it_is_released(street: Book) -> None:
    add_offer(street, BREAD, limits=Limits(stock=1))
    goods(street, days=1)
    street.now += timedelta(days=2)
    assert refused(lambda: goods(street, "M0002")) == "sold_out"
    with street.write() as session:
        redemption.expire_due(session, street.act())
    goods(street, "M0002")


def test_what_was_redeemed_stays_taken_until_it_is_given_back_in_whole(street: Book) -> None:
    add_offer(street, BREAD, limits=Limits(stock=1))
    voucher = issue(street, points=None)
    capture(street, voucher.code, 0)
    assert refused(lambda: goods(street, "M0002")) == "sold_out"
    with street.write() as session:
        refunds.undo(session, street.act(), voucher.voucher.id, 1)
    goods(street, "M0002")


def test_a_limit_of_all_vouchers_holds_for_everybody(street: Book) -> None:
    add_offer(street, limits=Limits(total=2))
    issue(street)
    issue(street, "M0002")
    assert refused(lambda: issue(street, "M0002")) == "limit_total"


def test_a_limit_of_a_day_and_a_month_holds_for_each_member_by_the_day_of_issue(street: Book) -> None:
    add_offer(street, limits=Limits(per_day=1, per_month=2))
    first = issue(street).voucher
    assert refused(lambda: issue(street)) == "limit_per_day"
    issue(street, "M0002")
    void(street, first.id)
    issue(street)
    street.now = street.now.replace(day=31)  # the last day of October in Shanghai
    issue(street)
    street.now += timedelta(hours=11)
    with pytest.raises(TimebankError) as refusal:
        issue(street)  # 31 October, 23:00 there
    assert [one.code for one in refusal.value.findings] == ["limit_per_day", "limit_per_month"]
    street.now += timedelta(hours=1)
    issue(street)  # 1 November, midnight


def test_all_that_is_in_the_way_is_told_at_once(street: Book) -> None:
    add_offer(street, BREAD, limits=Limits(per_day=1, per_month=1, stock=1), conditions=Conditions(min_minutes=5_000))
    with street.write() as session:
        members.join(session, street.act(), [Newcomer("M0003", Card("赵六"), date(2026, 1, 1))])
    add_offer(street, BREAD, limits=Limits(per_day=1, per_month=1, stock=1))
    goods(street, offer=2)
    with pytest.raises(TimebankError) as refusal:
        goods(street, offer=2)
    assert [one.code for one in refusal.value.findings] == ["limit_per_day", "limit_per_month", "sold_out"]


@pytest.mark.parametrize("limit", [0, -1, 1_000_001])
def test_a_limit_of_nothing_is_no_limit(street: Book, limit: int) -> None:
    assert refused(lambda: add_offer(street, limits=Limits(total=limit))) == "bad_limit"


def test_only_goods_have_a_stock(street: Book) -> None:
    assert refused(lambda: add_offer(street, limits=Limits(stock=5))) == "stock_of_no_item"


def test_a_sponsor_and_its_share_belong_together(street: Book) -> None:
    assert refused(lambda: add_offer(street, shares=Shares(5_000, 5_000))) == "sponsor_missing"
    assert refused(lambda: add_offer(street, sponsor=1)) == "sponsor_missing"
    assert refused(lambda: add_offer(street, shares=Shares(5_000, 5_000), sponsor=9)) == "unknown_sponsor"


# ---- conditions


def test_an_offer_asks_for_hours_served_and_an_age(book: Book) -> None:
    book.shop("S001")
    with book.write() as session:
        people = [Newcomer("M0001", Card("张三", birth_date=date(1960, 10, 21))), Newcomer("M0002", Card("李四"))]
        members.join(session, book.act(), people)
    add_offer(book, conditions=Conditions(min_minutes=400))
    book.give("member:1", 399)  # and as many minutes
    assert refused(lambda: issue(book, points=10)) == "too_few_hours"
    book.give("member:1", 1)
    issue(book, points=10)
    add_offer(book, conditions=Conditions(min_age=66))
    assert refused(lambda: issue(book, points=10, offer=2)) == "too_young"
    book.give("member:2", 10)
    assert refused(lambda: issue(book, "M0002", points=10, offer=2)) == "age_unknown"
    book.now += timedelta(days=1)
    issue(book, points=10, offer=2)


TIERS = """
[[tier]]
id = "star"
label = "一星志愿者"
hours_at_least = 10
window = "lifetime"
[[tier]]
id = "busy"
hours_at_least = 1
window = "year"
"""


def test_an_offer_for_a_tier_is_for_who_has_reached_it_by_the_rule_book_of_today(street: Book) -> None:
    text = (RULES + TIERS).encode()
    street.command(lambda s, a: rulebooks.publish(s, a, text, "2026-7", "first rules"), street.act(approver=2))
    assert refused(lambda: add_offer(street, conditions=Conditions(tier="moon"))) == "unknown_tier"
    add_offer(street, conditions=Conditions(tier="star"))
    add_offer(street, conditions=Conditions(tier="busy"))
    street.join("M0003")
    street.give("member:3", 599)
    assert refused(lambda: issue(street, "M0003", points=10)) == "tier_missing"
    street.give("member:3", 1)
    issue(street, "M0003", points=10)
    assert (
        refused(lambda: issue(street, "M0003", points=10, offer=2)) == "tier_missing"
    )  # served before the book, not this year


# ---- an early end


def end(book: Book, offer: int = 1, reason: str = "店铺搬迁") -> None:
    with book.write() as session:
        offers.end(session, book.act(reason=reason), offer)


def test_an_offer_that_ended_gives_no_vouchers_and_those_there_are_stay_good(street: Book) -> None:
    add_offer(street)
    code = issue(street).code
    end(street)
    assert refused(lambda: issue(street)) == "offer_ended"
    assert capture(street, code).resolution.outcome == "captured"
    assert refused(lambda: end(street)) == "offer_ended"


def test_an_early_end_has_a_reason_and_an_offer_that_is_over_needs_none(street: Book) -> None:
    add_offer(street, valid=(YEAR[0], date(2026, 10, 20)))
    assert refused(lambda: end(street, reason="")) == "reason_missing"
    street.now += timedelta(days=1)
    assert refused(lambda: end(street)) == "offer_over"
    assert refused(lambda: end(street, 9)) == "unknown_offer"


# ---- in any order, at once


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "ask", "void", "take", "undo", "wait"]), st.integers(0, 9)),
    min_size=8,
    max_size=24,
)
LIMITS = st.builds(Limits, st.integers(1, 3), st.integers(1, 4), st.none(), st.integers(1, 4))


class Counted:
    """Vouchers of one offer, issued, voided, redeemed, undone and left to lapse, held against a list of who has what."""

    def __init__(self, book: Book, limits: Limits) -> None:
        self.book, self.limits = book, limits
        self.offer = add_offer(book, BREAD, limits=limits)
        self.standing: dict[int, Issued] = {}
        self.redeemed: dict[int, date] = {}

    @property
    def open(self) -> list[int]:
        """Vouchers that can still be used today."""
        return [v for v, one in self.standing.items() if v not in self.redeemed and one.voucher.expires_on >= self.book.today]

    def ask(self, n: int) -> None:
        """One more voucher for one of the two members: refused for the first reason that the list gives, if any."""
        member, today = 1 + n % 2, self.book.today
        self.book.command(redemption.expire_due, self.book.act())
        there = [self.standing[v].voucher for v in (*self.open, *self.redeemed)]
        mine = [one.issued_on for one in there if one.member_id == member]
        full = {
            "limit_per_day": mine.count(today) >= (self.limits.per_day or 0),
            "limit_per_month": sum(day >= today.replace(day=1) for day in mine) >= (self.limits.per_month or 0),
            "sold_out": len(there) >= (self.limits.stock or 0),
        }
        wanted = [code for code, reached in full.items() if reached]
        if wanted:
            assert refused(lambda: goods(self.book, f"M000{member}", days=1 + n)) == wanted[0]
        else:
            made = issue(self.book, f"M000{member}", None, days=1 + n)
            self.standing[made.voucher.id] = made

    def void(self, n: int) -> None:
        """An open voucher is given up."""
        if self.open:
            voucher = self.open[n % len(self.open)]
            void(self.book, voucher)
            del self.standing[voucher]

    def take(self, n: int) -> None:
        """An open voucher is redeemed."""
        if self.open:
            voucher = self.open[n % len(self.open)]
            capture(self.book, self.standing[voucher].code, 0)
            self.redeemed[voucher] = self.book.today

    def undo(self, n: int) -> None:
        """What was redeemed today is taken back."""
        today = [v for v, day in self.redeemed.items() if day == self.book.today]
        if today:
            voucher = today[n % len(today)]
            with self.book.write() as session:
                refunds.undo(session, self.book.act(), voucher, 1)
            del self.redeemed[voucher], self.standing[voucher]

    def wait(self, n: int) -> None:
        """Some days go by; the first of them may begin a month."""
        self.book.now += timedelta(days=n % 4)


@given(limits=LIMITS, steps=STEPS)
@settings(max_examples=10)
def test_limits_and_stock_hold_in_any_order(shelf: Shelf, new_folder: Callable[[], Path], limits: Limits, steps: Any) -> None:
    with shelf.lend(stocked, new_folder()) as url:
        engine = db.open_engine(url, wait_seconds=10)
        book = Book(engine, NOON.replace(day=28), 1_000)
        counted = Counted(book, limits)
        for verb, n in steps:
            getattr(counted, verb)(n)
            with book.read() as session:
                assert 0 <= offers.left(session, [counted.offer])[1] <= (limits.stock or 0)
        with book.read() as session:
            assert audit(session, 1).findings == ()
        engine.dispose()


def stocked(url: str, folder: Path) -> None:
    """Two members with points, a shop."""
    engine = db.open_engine(url)
    schema.upgrade(engine)
    book = Book(engine)
    book.found()
    book.join("M0001", "M0002")
    book.shop("S001")
    for member in (1, 2):
        book.give(f"member:{member}", 10_000)
    engine.dispose()


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A folder for each life."""
    return lambda: tmp_path_factory.mktemp("life")
