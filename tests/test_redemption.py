"""Vouchers: a hold and at most one resolution, whatever the bill, the day or the race."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import func, select

from conftest import RULES, Book
from rivals import OK, Race, rivals
from shopping import PEPPER, TENTH_OFF, YEAR, account, add_offer, capture, issue
from timebank import holds, ledger, redemption, rulebooks, vouchers
from timebank.base import codes
from timebank.base.act import Act
from timebank.base.errors import Conflict, Refused, TimebankError
from timebank.base.i18n import text
from timebank.benefits import Discount, Offset
from timebank.journal import FUND, REDEEMED, Command, Entry
from timebank.people.members import Member
from timebank.people.merchants import Merchant
from timebank.people.persons import Person
from timebank.redemption import Issued, Request
from timebank.vouchers import Resolution, Standing, Voucher

NOVEMBER, DECEMBER = date(2026, 11, 30), date(2026, 12, 31)


@pytest.fixture
def street(book: Book) -> Book:
    """Member M0001 with 1,000 points, shops S001 and S002, offer 1 at S001: ten points a yuan, at most half of the bill."""
    (member,) = book.join("M0001")
    book.shop("S001", "S002")
    add_offer(book)
    book.give(member.holder, 1_000)
    return book


@pytest.fixture
def two_lots(book: Book) -> Book:
    """As `street`, but with 60 points that lapse at the end of November and 60 at the end of December."""
    (member,) = book.join("M0001")
    book.shop("S001", "S002")
    add_offer(book)
    book.give(member.holder, 60, lapses_on=DECEMBER)
    book.give(member.holder, 60, lapses_on=NOVEMBER)
    return book


def code_of(issued: Issued) -> str:
    assert issued.code is not None
    return issued.code


def void(book: Book, number: int) -> Standing:
    with book.write() as session:
        return redemption.void(session, book.act(reason="lost"), number)


def rule(book: Book, redeem: str) -> None:
    """Publish the usual rule book with a section [redeem]."""
    with book.write() as session:
        rulebooks.publish(session, book.act(approver=2), f"{RULES}[redeem]\n{redeem}\n".encode(), "2026-7", "first rules")


def expire(book: Book, number: int) -> Standing:
    with book.write() as session:
        return redemption.expire(session, book.act(), number)


def expire_due(book: Book, member_id: int | None = None) -> list[int]:
    with book.write() as session:
        return [voucher.id for voucher in redemption.expire_due(session, book.act(), member_id)]


def verify(book: Book, code: str, merchant: str = "S001") -> redemption.Verified:
    with book.read() as session:
        return redemption.verify(session, 1, code, merchant, PEPPER, book.today)


def state(book: Book, number: int) -> str:
    with book.read() as session:
        return vouchers.standing(session, vouchers.get(session, 1, number), book.today).state


def entries(book: Book, kind: str) -> list[Entry]:
    with book.read() as session:
        return list(session.exec(select(Entry).where(Entry.kind == kind).order_by(Entry.seq)))


def refusal_of(*call: object, **named: object) -> str:
    function, *arguments = call
    with pytest.raises(TimebankError) as refusal:
        function(*arguments, **named)  # type: ignore[operator]
    return refusal.value.code


def at(book: Book, day: date, hour: int = 12) -> None:
    """Move the clock to an hour of a day in Shanghai."""
    book.now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC) - timedelta(hours=8)


# ---- issuing


def test_a_voucher_holds_its_points_and_commits_the_most_it_can_take_off(street: Book) -> None:
    issued = issue(street, points=100)
    balance = street.points("member:1")
    assert (balance.available, balance.held) == (900, 100)
    assert account(street, FUND, "fen", "committed") == issued.voucher.fen == 1_000
    assert account(street, FUND, "fen", "free") == -1_000
    (entry,) = entries(street, "voucher.issue")
    assert (entry.subject, entry.seq) == ("voucher:1", issued.voucher.seq)


def test_points_are_held_with_their_lapse_days_first_to_lapse_first(two_lots: Book) -> None:
    first, second = issue(two_lots, points=50).voucher, issue(two_lots, points=50).voucher
    with two_lots.read() as session:
        lots = vouchers.lots_held(session, 1, [first, second])
    assert lots == {first.seq: [(NOVEMBER, 50)], second.seq: [(NOVEMBER, 10), (DECEMBER, 40)]}


def test_a_discount_voucher_holds_its_price_and_commits_its_maximum(street: Book) -> None:
    add_offer(street, TENTH_OFF)
    voucher = issue(street, points=None, offer=2).voucher
    assert (voucher.points, voucher.fen) == (50, 2_000)


def test_nobody_holds_more_than_is_there(street: Book) -> None:
    issue(street, points=950)
    with pytest.raises(Refused) as refusal:
        issue(street, points=51)
    assert refusal.value.code == "insufficient_points"
    assert refusal.value.message.values == {"number": "M0001", "there": "50", "needed": "51"}
    assert street.points("member:1").available == 50
    assert account(street, FUND, "fen", "committed") == 9_500


def test_a_voucher_needs_what_the_rule_book_asks_of_who_redeems(street: Book) -> None:
    rule(street, "minimum_hours_served = 100\nminimum_age = 18\nstep = 50")
    with pytest.raises(Refused) as refused, street.write() as session:
        redemption.issue(session, street.act(), Request("M0001", 1, 120), PEPPER)
    assert refused.value.code == "too_few_hours"  # 1,000 minutes served
    assert [finding.code for finding in refused.value.findings] == ["too_few_hours", "age_unknown", "not_in_steps"]
    assert street.points("member:1").held == 0


@pytest.mark.parametrize(
    ("redeem", "points", "code"),
    [
        ("minimum_hours_served = 16", 100, ""),  # 960 of 1,000 minutes
        ("minimum_hours_served = 17", 100, "too_few_hours"),
        ("minimum_age = 60", 100, ""),
        ("minimum_age = 61", 100, "too_young"),
        ("step = 50", 100, ""),
        ("step = 50", 120, "not_in_steps"),
    ],
)
def test_each_condition_begins_where_it_says(street: Book, redeem: str, points: int, code: str) -> None:
    rule(street, redeem)
    with street.write() as session:
        person = session.get_one(Person, (1, session.get_one(Member, (1, 1)).person_id))
        person.id_number = f"52020119{street.today.year - 60 - 1900}{street.today:%m%d}001X"  # sixty today
        session.add(person)
        session.flush()
    if code:
        assert refusal_of(issue, street, points=points) == code
    else:
        assert issue(street, points=points).voucher.points == points


def test_lapsed_points_are_not_held(book: Book) -> None:
    book.join("M0001")
    book.shop("S001")
    add_offer(book)
    book.give("member:1", 100, lapses_on=date(2026, 10, 19))
    assert refusal_of(issue, book, points=1) == "insufficient_points"


def test_a_voucher_lives_thirty_days_unless_told_and_never_past_its_offer(street: Book) -> None:
    assert issue(street).voucher.expires_on == street.today + timedelta(days=30)
    assert issue(street, days=5).voucher.expires_on == street.today + timedelta(days=5)
    assert issue(street, days=100).voucher.expires_on == YEAR[1]


def test_impossible_requests_are_refused(street: Book) -> None:
    add_offer(street, TENTH_OFF)
    add_offer(street, valid=(date(2026, 11, 1), date(2026, 11, 30)))
    add_offer(street, valid=(street.today, street.today))
    add_offer(street, Offset(points_per_yuan=1_000, max_share_bp=5_000))
    assert refusal_of(issue, street, "M0009") == "unknown_member"
    assert refusal_of(issue, street, offer=9) == "unknown_offer"
    assert refusal_of(issue, street, points=None) == "points_missing"
    assert refusal_of(issue, street, points=0) == "bad_points"
    assert refusal_of(issue, street, points=-10) == "bad_points"
    assert refusal_of(issue, street, points=10**30) == "bad_points"
    assert refusal_of(issue, street, points=49, offer=2) == "fixed_price"
    assert refusal_of(issue, street, days=0) == "bad_days"
    assert refusal_of(issue, street, days=10**30) == "bad_days"
    assert refusal_of(issue, street, offer=3) == "offer_not_yet"
    assert refusal_of(issue, street, points=9, offer=5) == "worthless"
    at(street, street.today + timedelta(days=1))
    assert refusal_of(issue, street, offer=4) == "offer_over"
    assert (street.points("member:1").held, account(street, FUND, "fen", "committed")) == (0, 0)


@pytest.mark.parametrize(("who", "code"), [(Member, "member_inactive"), (Merchant, "merchant_inactive")])
def test_who_left_takes_no_part(street: Book, who: type[Member | Merchant], code: str) -> None:
    with street.write() as session:
        session.get_one(who, (1, 1)).state = "left"
    assert refusal_of(issue, street) == code


def test_with_one_decimal_points_are_tenths(engine: Engine) -> None:
    book = Book(engine)
    book.found(points_decimals=1)
    book.join("M0001")
    book.shop("S001")
    add_offer(book, Offset(points_per_yuan=95, max_share_bp=10_000))
    book.give("member:1", 950)
    assert issue(book, points=945).voucher.fen == 994
    with pytest.raises(Refused) as refusal:
        issue(book, points=15)
    assert refusal.value.message.values == {"number": "M0001", "there": "0.5", "needed": "1.5"}


# ---- the code


def test_the_code_is_told_once_and_kept_nowhere(street: Book, engine: Engine) -> None:
    code = code_of(issue(street, key="once"))
    kept = []
    with street.read() as session:
        for table in (Command, Entry, Voucher):
            kept += [repr(row.model_dump()) for row in session.exec(select(table))]
    assert len(kept) > 3
    assert not [row for row in kept if code in row or codes.show(code) in row]
    assert [row for row in kept if codes.fingerprint(PEPPER, code).hex() in row]


def test_the_same_key_issues_one_voucher_and_tells_no_code_again(street: Book) -> None:
    first, again = issue(street, key="once"), issue(street, key="once")
    assert again.voucher == first.voucher
    assert again.code is None
    assert street.points("member:1").held == 100
    with pytest.raises(Conflict) as conflict:
        issue(street, points=101, key="once")
    assert conflict.value.code == "exists_with_different_content"


def test_a_code_that_is_taken_is_drawn_anew(street: Book) -> None:
    class Stuck(Act):
        def draw(self, label: str) -> bytes:
            return b"\x2a" * 32 if label.endswith("code 0") else super().draw(label)

    def stuck(key: str) -> Act:
        return Stuck(1, street.now, 1, None, "none", key, "", bytes(range(32)))

    issued = []
    for key in ("one", "two"):
        with street.write() as session:
            issued.append(redemption.issue(session, stuck(key), Request("M0001", 1, 10), PEPPER))
    assert issued[0].code == codes.make(b"\x2a" * 32)
    assert issued[1].code == codes.make(stuck("two").draw("voucher 2 code 1"))


def test_a_voucher_is_found_by_its_code_in_any_form_and_by_its_number(street: Book) -> None:
    issue(street)
    issued = issue(street)
    code = code_of(issued)
    typed = codes.show(code).lower().replace("1", "l").replace("0", "o")
    with street.read() as session:
        for named in (code, codes.show(code), typed, f" {typed} ", "V2", "v002", "2"):
            assert vouchers.find(session, 1, named, PEPPER).id == issued.voucher.id
        assert vouchers.get(session, 1, 2).code_tail == code[-4:]


def test_what_nobody_has_is_not_found(street: Book) -> None:
    code = code_of(issue(street))
    with street.read() as session:
        for named, pepper, error in (
            (codes.make(b"1234567"), PEPPER, "unknown_code"),
            (code, b"another pepper of 16 bytes", "unknown_code"),
            ("V2", PEPPER, "unknown_voucher"),
            (code[:-1], PEPPER, "bad_code"),
        ):
            assert refusal_of(vouchers.find, session, 1, named, pepper) == error
        assert refusal_of(vouchers.get, session, 2, 1) == "unknown_voucher"


@pytest.mark.parametrize("number", ["V1", "1", "v001"])
def test_a_number_opens_nothing_at_a_counter(street: Book, number: str) -> None:
    issue(street)
    assert refusal_of(capture, street, number) == "bad_code"
    assert refusal_of(verify, street, number) == "bad_code"


# ---- verifying


def test_verifying_tells_what_the_merchant_may_know_and_changes_nothing(street: Book) -> None:
    issued = issue(street)
    for _ in range(3):
        told = verify(street, codes.show(code_of(issued)))
        assert (told.number, told.member_id, told.most_fen) == ("V1", 1, 1_000)
        assert told.expires_on == issued.voucher.expires_on
        assert text(told.words, "en") == "10 points take 1 yuan off, at most 50% of the bill"
    assert state(street, 1) == "issued"


def test_another_shop_learns_nothing_of_a_voucher(street: Book) -> None:
    code = code_of(issue(street))
    for _ in ("open", "captured"):
        for ask in (verify, capture):
            with pytest.raises(Refused) as refusal:
                ask(street, code, merchant="S002")  # type: ignore[operator]
            assert refusal.value.code == "wrong_merchant"
            assert refusal.value.message.values == {}
        if state(street, 1) == "issued":
            capture(street, code)
    assert refusal_of(capture, street, code, merchant="S009") == "unknown_merchant"


def test_a_paused_shop_takes_no_voucher(street: Book) -> None:
    code = code_of(issue(street))
    with street.write() as session:
        session.get_one(Merchant, (1, 1)).state = "paused"
    assert refusal_of(capture, street, code) == "merchant_inactive"


# ---- capturing


def test_a_capture_takes_what_the_bill_allows_and_returns_the_rest_in_one_entry(street: Book) -> None:
    done = capture(street, code_of(issue(street)), bill_fen=1_800)
    assert (done.resolution.benefit_fen, done.resolution.points, done.resolution.bill_fen) == (900, 90, 1_800)
    balance = street.points("member:1")
    assert (balance.available, balance.held) == (910, 0)
    assert account(street, REDEEMED, "points", "sink") == 90
    assert account(street, "merchant:1", "fen", "payable") == 900
    assert (account(street, FUND, "fen", "committed"), account(street, FUND, "fen", "free")) == (0, -900)
    (entry,) = entries(street, "voucher.capture")
    assert (entry.subject, entry.seq) == ("voucher:1", done.resolution.seq)
    assert len(entries(street, "voucher.void")) + len(entries(street, "voucher.expire")) == 0


def test_a_capture_keeps_every_step_of_its_arithmetic(street: Book) -> None:
    capture(street, code_of(issue(street)), bill_fen=1_999)
    (entry,) = entries(street, "voucher.capture")
    assert ledger.facts_of(entry.payload)["steps"] == {
        "bill_fen": 1_999,
        "share_bp": 5_000,
        "share_fen": 999,
        "limit_fen": 1_000,
        "off_fen": 999,
        "points": 100,
    }


def test_a_discount_takes_its_whole_price(street: Book) -> None:
    add_offer(street, TENTH_OFF)
    done = capture(street, code_of(issue(street, points=None, offer=2)), bill_fen=8_600)
    assert (done.resolution.benefit_fen, done.resolution.points) == (860, 50)
    assert (street.points("member:1").available, account(street, FUND, "fen", "free")) == (950, -860)


def test_a_voucher_pays_once(street: Book) -> None:
    code = code_of(issue(street))
    capture(street, code)
    at(street, street.today, hour=14)
    with pytest.raises(Refused) as refusal:
        capture(street, code)
    assert refusal.value.code == "already_captured"
    assert refusal.value.message.values == {"number": "V1", "when": "2026-10-20 12:00"}
    assert refusal_of(verify, street, code) == "already_captured"
    assert refusal_of(void, street, 1) == "already_captured"
    assert refusal_of(expire, street, 1) == "already_captured"
    assert account(street, "merchant:1", "fen", "payable") == 1_000


def test_the_same_key_captures_once_and_gives_the_same_receipt(street: Book) -> None:
    code = code_of(issue(street))
    first = capture(street, code, key="till-7")
    assert capture(street, codes.show(code).lower(), merchant="s1", key="till-7") == first
    assert len(entries(street, "voucher.capture")) == 1
    with pytest.raises(Conflict):
        capture(street, code, bill_fen=8_700, key="till-7")


def test_a_bill_without_benefit_leaves_the_voucher_open(street: Book) -> None:
    add_offer(street, TENTH_OFF)
    code, discount = code_of(issue(street)), code_of(issue(street, points=None, offer=2))
    assert refusal_of(capture, street, code, bill_fen=1) == "no_benefit"
    assert refusal_of(capture, street, code, bill_fen=0) == "bad_bill"
    assert refusal_of(capture, street, code, bill_fen=10**30) == "bad_bill"
    assert refusal_of(capture, street, discount, bill_fen=2_999) == "below_min_spend"
    assert (state(street, 1), state(street, 2)) == ("issued", "issued")
    assert street.points("member:1").held == 150


def test_a_capture_takes_its_own_voucher_s_lots(two_lots: Book) -> None:
    issue(two_lots, points=60)
    second = code_of(issue(two_lots, points=60))
    capture(two_lots, second, bill_fen=600)
    assert two_lots.points("member:1").lots == ((DECEMBER, 30),)
    void(two_lots, 1)
    assert two_lots.points("member:1").lots == ((NOVEMBER, 60), (DECEMBER, 30))


def test_a_capture_takes_the_lot_that_lapses_first(two_lots: Book) -> None:
    capture(two_lots, code_of(issue(two_lots, points=120)), bill_fen=1_400)
    assert two_lots.points("member:1").lots == ((DECEMBER, 50),)


# ---- what comes back into a lapsed lot


def test_points_that_come_back_into_a_lapsed_lot_live_for_the_grace_of_the_rule_book(two_lots: Book) -> None:
    rule(two_lots, "refund_grace_days = 7")
    code = code_of(issue(two_lots, points=120, days=60))
    at(two_lots, date(2026, 11, 25))
    at(two_lots, date(2026, 12, 1))
    with two_lots.write() as session:
        act = two_lots.act(approver=2)
        redemption.capture(session, act, redemption.Counter(code, "S001", 200), PEPPER)
    assert two_lots.points("member:1").lots == ((date(2026, 12, 8), 50), (DECEMBER, 60))


def test_what_is_voided_or_expired_has_the_grace_of_the_rule_book_too(two_lots: Book) -> None:
    rule(two_lots, "refund_grace_days = 7")
    issue(two_lots, points=30, days=70)
    issue(two_lots, points=30, days=35)
    at(two_lots, date(2026, 12, 20))
    with two_lots.write() as session:  # the other one of this member, which has lapsed, ends before
        redemption.void(session, two_lots.act(approver=2), 1)
    assert two_lots.points("member:1").lots == ((date(2026, 12, 27), 60), (DECEMBER, 60))


def test_the_grace_is_thirty_days_where_no_rule_book_names_one(two_lots: Book) -> None:
    issue(two_lots, points=60, days=60)
    at(two_lots, date(2026, 12, 1))
    with two_lots.write() as session:
        redemption.void(session, two_lots.act(approver=2), 1)
    assert two_lots.points("member:1").lots == ((DECEMBER, 120),)  # 30 days from 1 December


def test_a_lot_on_its_last_day_has_not_lapsed(two_lots: Book) -> None:
    issue(two_lots, points=60, days=60)
    at(two_lots, NOVEMBER)
    with two_lots.write() as session:
        redemption.void(session, two_lots.act(approver=2), 1)
    assert two_lots.points("member:1").lots == ((NOVEMBER, 60), (DECEMBER, 60))


# ---- the end without a capture


def test_a_void_gives_everything_back(street: Book) -> None:
    code = code_of(issue(street))
    ended = void(street, 1)
    assert ended.state == "voided"
    assert ended.resolution is not None
    assert (ended.resolution.points, ended.resolution.benefit_fen, ended.resolution.day) == (0, 0, street.today)
    assert (street.points("member:1").available, street.points("member:1").held) == (1_000, 0)
    assert (account(street, FUND, "fen", "committed"), account(street, FUND, "fen", "free")) == (0, 0)
    assert refusal_of(void, street, 1) == "voided"
    assert refusal_of(capture, street, code) == "voided"
    assert refusal_of(verify, street, code) == "voided"


def test_a_voucher_is_good_until_midnight_of_its_last_day(street: Book) -> None:
    first, second = code_of(issue(street, days=3)), code_of(issue(street, days=3))
    midnight = datetime(2026, 10, 24, tzinfo=UTC) - timedelta(hours=8)
    street.now = midnight - timedelta(seconds=1)
    assert state(street, 2) == "issued"
    capture(street, first)
    street.now = midnight
    assert refusal_of(capture, street, second) == "expired"
    assert refusal_of(verify, street, second) == "expired"
    assert refusal_of(void, street, 2) == "expired"
    assert (state(street, 1), state(street, 2)) == ("captured", "lapsed")


def test_an_expiry_is_dated_on_the_last_day_however_late_it_is_posted(street: Book) -> None:
    code = code_of(issue(street, days=3))
    assert refusal_of(expire, street, 1) == "not_lapsed"
    at(street, date(2026, 11, 2))
    ended = expire(street, 1)
    assert ended.state == "expired"
    assert ended.resolution is not None
    assert ended.resolution.day == date(2026, 10, 23)
    (entry,) = entries(street, "voucher.expire")
    assert (entry.business_date, entry.period) == (date(2026, 10, 23), "2026-10")
    assert (street.points("member:1").available, account(street, FUND, "fen", "committed")) == (1_000, 0)
    assert refusal_of(expire, street, 1) == "expired"
    assert refusal_of(capture, street, code) == "expired"


def test_whatever_a_member_does_releases_what_has_lapsed_first(street: Book) -> None:
    issue(street, points=600, days=1)
    kept = code_of(issue(street, points=300, days=20))
    at(street, street.today + timedelta(days=2))
    issue(street, points=700, days=1)
    assert state(street, 1) == "expired"
    at(street, street.today + timedelta(days=2))
    capture(street, kept)
    assert state(street, 3) == "expired"
    issue(street, points=10, days=1)
    issue(street, points=10)
    at(street, street.today + timedelta(days=2))
    void(street, 5)
    assert state(street, 4) == "expired"
    assert street.points("member:1").held == 0


def test_lapsed_vouchers_are_released_for_one_member_or_for_all(street: Book) -> None:
    street.join("M0002", "M0003")
    for member in (2, 3):
        street.give(f"member:{member}", 200)
    for number in ("M0001", "M0002", "M0003"):
        issue(street, number, days=1)
    issue(street, "M0003", points=None, offer=add_offer(street, Discount(500, 100, 1)).id)
    at(street, street.today + timedelta(days=2))
    assert expire_due(street, 2) == [2]
    assert expire_due(street) == [1, 3]
    assert expire_due(street) == []
    assert [entry.subject for entry in entries(street, "voucher.expire")] == ["voucher:2", "voucher:1", "voucher:3"]


# ---- reading


def test_every_voucher_is_told_as_what_became_of_it(street: Book) -> None:
    gone = [code_of(issue(street, days=1)) for _ in range(6)]
    capture(street, gone[0])
    capture(street, gone[1], bill_fen=1_000)
    void(street, 3)
    at(street, street.today + timedelta(days=2))
    expire(street, 4)
    issue(street, days=9)
    issue(street, days=9)
    with street.read() as session:
        assert [voucher.id for voucher in vouchers.unresolved(session, 1)] == [7, 8]
        states = [found.state for found in vouchers.of_member(session, 1, 1, street.today)]
        assert states == ["captured", "captured", "voided", "expired", "expired", "expired", "issued", "issued"]
        at(street, street.today + timedelta(days=10))
        assert [found.state for found in vouchers.of_member(session, 1, 1, street.today)][-1] == "lapsed"


def test_captures_are_told_by_day(street: Book) -> None:
    add_offer(street, merchant="S002")
    capture(street, code_of(issue(street)))
    capture(street, code_of(issue(street, offer=2)), merchant="S002", bill_fen=1_000)
    void(street, issue(street).voucher.id)
    at(street, date(2026, 11, 1))
    capture(street, code_of(issue(street)), bill_fen=1_200)
    with street.read() as session:
        october = vouchers.captures(session, 1, date(2026, 10, 31))
        november = vouchers.captures(session, 1, date(2026, 11, 30), since=date(2026, 11, 1))
        assert vouchers.captures_of(session, 1, [2, 99]) == october[1:]
    assert [(c.voucher_id, c.merchant_id, c.points, c.fen) for c in october] == [(1, 1, 100, 1_000), (2, 2, 50, 500)]
    assert [(c.voucher_id, c.bill_fen, c.points, c.fen) for c in november] == [(4, 1_200, 60, 600)]


# ---- whatever comes


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    terms=st.one_of(
        st.builds(Offset, st.integers(1, 300), st.integers(1, 10_000)),
        st.builds(Discount, st.integers(1, 10_000), st.integers(1, 5_000), st.integers(1, 200), st.integers(0, 5_000)),
    ),
    lots=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    points=st.integers(1, 200),
    bill=st.integers(1, 20_000),
)
def test_whatever_the_bill_nothing_is_lost_and_nothing_stays_held(
    street: Book, terms: Offset | Discount, lots: tuple[int, int], points: int, bill: int
) -> None:
    offer = add_offer(street, terms)
    for amount, day in zip(lots, (NOVEMBER, DECEMBER), strict=True):
        street.give("member:1", amount, lapses_on=day)
    before, owed = street.points("member:1").available, account(street, "merchant:1", "fen", "payable")
    redeemed = account(street, REDEEMED, "points", "sink")
    if isinstance(terms, Offset) and points * 100 < terms.points_per_yuan:
        assert refusal_of(issue, street, points=points, offer=offer.id) == "worthless"
        return
    voucher = issue(street, points=points if isinstance(terms, Offset) else None, offer=offer.id)
    used = off = 0
    try:
        resolution = capture(street, voucher.code, bill).resolution
    except Refused as refusal:
        gives_nothing = refusal.code in ("no_benefit", "below_min_spend")
        void(street, voucher.voucher.id)
    else:
        gives_nothing = False
        used, off = resolution.points, resolution.benefit_fen
    assert gives_nothing == (off == 0)
    after = street.points("member:1")
    assert (after.held, after.available) == (0, before - used)
    assert account(street, REDEEMED, "points", "sink") - redeemed == used <= voucher.voucher.points
    assert account(street, FUND, "fen", "committed") == 0
    assert account(street, "merchant:1", "fen", "payable") - owed == off <= min(bill, voucher.voucher.fen)
    assert account(street, FUND, "fen", "free") == -account(street, "merchant:1", "fen", "payable")


# ---- races


def test_a_second_resolution_is_refused_by_its_key_even_without_the_lock(street: Book) -> None:
    voucher = issue(street).voucher
    capture(street, code_of(issue(street)))
    ending = holds.Ending(voucher, "voided", street.today)
    with street.write() as session:
        holds.resolve(session, street.act(), [ending], [voucher.seq])
    with pytest.raises(IntegrityError), street.write() as session:
        holds.resolve(session, street.act(), [holds.Ending(voucher, "expired", street.today)], [voucher.seq])


@pytest.fixture(scope="module")
def race() -> Iterator[Race]:
    with rivals(8) as race:
        yield race


def test_eight_clerks_hold_exactly_what_is_there(street: Book, race: Race, url: str) -> None:
    outcomes = race(url, "issue", 50, 4)
    assert sorted(outcomes) == ["insufficient_points"] * 12 + [OK] * 20
    balance = street.points("member:1")
    assert (balance.available, balance.held) == (0, 1_000)
    with street.read() as session:
        assert session.exec(select(func.sum(Voucher.points))).one() == 1_000


def test_one_voucher_at_eight_tills_at_once_pays_once(street: Book, race: Race, url: str) -> None:
    code = code_of(issue(street))
    outcomes = race(url, "capture", code, 1)
    assert sorted(outcomes) == ["already_captured"] * 7 + [OK]
    assert account(street, "merchant:1", "fen", "payable") == 1_000
    with street.read() as session:
        assert session.exec(select(func.count()).select_from(Resolution)).one() == 1
