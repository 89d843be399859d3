"""Signs of abuse: each with its reason, from a book in which somebody did it, and none where nobody did."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session

from conftest import RULES, Book, Cli
from shopping import PEPPER, add_offer, capture, issue
from timebank import hours, redemption, refunds, rulebooks
from timebank.audit import abuse
from timebank.audit.abuse import CODES, USUAL, Redeemed, Sign, signs
from timebank.base.act import Act
from timebank.people import clerks, kin, staff
from timebank.redemption import Counter
from timebank.services import Record

DAY = date(2026, 10, 20)


@pytest.fixture
def street(book: Book) -> Book:
    """Members M0001 and M0002 with 5,000 points each, shop S001 with offer 1: ten points a yuan, at most half of the bill."""
    for member in book.join("M0001", "M0002"):
        book.give(member.holder, 5_000)
    book.shop("S001")
    add_offer(book)
    return book


def do(book: Book, work: Callable[[Session, Act], object], *, actor: int = 1, approver: int | None = None) -> None:
    book.command(work, book.act(actor=actor, approver=approver))


def found(book: Book, since: date = date.min) -> list[Sign]:
    with book.read() as session:
        return signs(session, 1, since)


def codes(book: Book) -> list[str]:
    return [sign.code for sign in found(book)]


def spend(book: Book, member: str = "M0001", points: int = 100, bill_fen: int = 2_345) -> None:
    capture(book, issue(book, member, points).code, bill_fen)


def test_nothing_is_found_where_nobody_does_anything_unusual(street: Book) -> None:
    spend(street)
    assert found(street) == []


def test_a_shops_own_people_are_found_with_their_bond(street: Book) -> None:
    spend(street)
    spend(street, "M0002")
    do(street, lambda s, a: staff.add(s, a, staff.Wish(1, 1, "kin")))
    (sign,) = found(street)
    assert (sign.code, sign.member_id, sign.voucher_id) == ("self_dealing", 1, 1)


def test_kin_of_who_works_there_are_found_on_their_days_only(street: Book) -> None:
    spend(street, "M0002")
    do(street, lambda s, a: staff.add(s, a, staff.Wish(1, 1, "owner")))
    do(street, lambda s, a: kin.add(s, a, kin.Wish(1, 2, "spouse")), approver=2)
    assert [sign.member_id for sign in found(street)] == [2]
    do(street, lambda s, a: kin.end(s, a, 1), approver=2)
    street.now += timedelta(days=1)
    spend(street, "M0002")
    assert [sign.voucher_id for sign in found(street)] == [1]


def test_a_clerks_own_voucher_is_found(street: Book) -> None:
    do(street, lambda s, a: clerks.add(s, a, ["第三位"], member_id=1))
    with street.write() as session:
        act = street.act(actor=3)
        code = redemption.issue(session, act, redemption.Request("M0001", 1, 50), PEPPER).code
    capture(street, code, 2_345)
    assert codes(street) == ["own_voucher"]


@pytest.mark.parametrize(("count", "expected"), [(9, []), (10, ["one_member"])])
def test_one_members_share_of_a_shops_month_is_found_from_ten_captures_on(
    street: Book, count: int, expected: list[str]
) -> None:
    joined = street.join(*(f"M1{number:03d}" for number in range(8)))
    for member in joined:
        street.give(member.holder, 100)
    for number in range(count - 2):
        spend(street, f"M1{number:03d}", points=20, bill_fen=1_234)
    spend(street, points=60)
    spend(street, points=60)
    assert codes(street) == expected


@pytest.mark.parametrize(("minutes", "expected"), [(29, ["award_then_redeem"]), (30, [])])
def test_points_redeemed_as_soon_as_they_are_given_are_found(street: Book, minutes: int, expected: list[str]) -> None:
    do(street, lambda s, a: rulebooks.publish(s, a, RULES.encode(), "2026-7", "first rules"), approver=2)
    record = Record("M0001", DAY, 60, "elder-care", ref="r1", row=1)
    do(street, lambda s, a: hours.record_all(s, a, [[record]]))
    street.now += timedelta(minutes=minutes)
    spend(street)
    assert codes(street) == expected


@pytest.mark.parametrize(("hour", "minute", "night"), [(22, 59, False), (23, 0, True), (5, 59, True), (6, 0, False)])
def test_a_capture_at_night_is_found(street: Book, hour: int, minute: int, night: bool) -> None:
    street.now = datetime(2026, 10, 21, hour, minute, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
    spend(street)
    assert codes(street) == ["at_night"] * night


@pytest.mark.parametrize(("round_bills", "expected"), [(5, []), (6, ["round_sums"])])
def test_round_bills_of_more_than_half_a_month_are_found(street: Book, round_bills: int, expected: list[str]) -> None:
    joined = street.join(*(f"M1{number:03d}" for number in range(10)))
    for number, member in enumerate(joined):
        street.give(member.holder, 100)
        spend(street, f"M1{number:03d}", 20, 5_000 if number < round_bills else 5_010)
    assert codes(street) == expected


def test_one_clerk_who_gives_points_and_issues_a_large_voucher_is_found(street: Book) -> None:
    do(street, lambda s, a: rulebooks.publish(s, a, RULES.encode(), "2026-7", "first rules"), approver=2)
    record = Record("M0001", DAY, 60, "elder-care", ref="r1", row=1)
    do(street, lambda s, a: hours.record_all(s, a, [[record]]), actor=2)
    street.now += timedelta(days=1)
    spend(street, points=500, bill_fen=12_345)  # by another clerk
    record = Record("M0002", DAY, 60, "elder-care", ref="r2", row=1)
    do(street, lambda s, a: hours.record_all(s, a, [[record]]))
    street.now += timedelta(days=1)
    spend(street, "M0002", points=499, bill_fen=12_345)  # not large
    code = issue(street, "M0002", points=500).code
    assert code is not None
    with street.write() as session:
        redemption.capture(session, street.act(), Counter(code, "S001", 12_345, "phone"), PEPPER)
    (sign,) = found(street)
    assert (sign.code, sign.voucher_id) == ("one_hand", 3)
    assert "too" in sign.reason.template


def test_what_was_given_back_in_whole_is_no_sign(street: Book) -> None:
    street.now = datetime(2026, 10, 21, 15, 30, tzinfo=UTC)
    spend(street)
    assert codes(street) == ["at_night"]
    do(street, lambda s, a: refunds.undo(s, a, 1, 1))
    assert codes(street) == []


def test_only_what_was_redeemed_from_a_day_on_is_looked_at(street: Book) -> None:
    street.now = datetime(2026, 10, 21, 15, 30, tzinfo=UTC)
    spend(street)
    assert found(street, date(2026, 10, 22)) == []
    assert len(found(street, date(2026, 10, 21))) == 1


def test_what_was_accepted_offline_has_no_hour(street: Book) -> None:
    at = datetime(2026, 10, 21, 2, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    base: dict[str, Any] = {
        "voucher_id": 1,
        "member_id": 1,
        "merchant_id": 1,
        "day": DAY,
        "at": at,
        "bill_fen": 1,
        "off_fen": 1,
    }
    base |= {"seq": 9, "issued_at": at, "issued_by": 1, "captured_by": 1, "by_phone": False}
    base |= {"awarded_at": at, "awarded_by": 1}
    for offline, expected in ((True, 0), (False, 1)):
        one = [Redeemed(**base, offline=offline)]
        assert len(list(abuse.at_night(one, USUAL))) == len(list(abuse.award_then_redeem(one, USUAL))) == expected


def test_the_command_tells_signs_and_thresholds_and_ends_well(office: Cli) -> None:
    told = office("audit", "--abuse", "--json")
    assert told.status == 0
    assert told.json["signs"] == []
    assert told.json["thresholds"]["share_bp"] == 3_000
    assert office("audit", "--abuse").status == 0
    assert len(CODES) == 8
