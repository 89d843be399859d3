"""What shops' phones accepted offline: captured on its day or looked at, once, whoever brings it and however often."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from conftest import Book
from lived import Vandal, a_vandal, report, the_book_lived_in_together  # noqa: F401 - fixtures
from offline_phone import CODE, OFFICE_SEED, OfflinePhone, enrolled, issued, signed, uploaded
from shopping import PEPPER, account, add_offer, capture, issue
from timebank import acceptance_text, acceptances, redemption, statements, tokens, vouchers
from timebank.acceptances import Answer, Decision
from timebank.base import keys
from timebank.base.db import instant
from timebank.base.errors import Invalid, NotAllowed, NotFound, Refused
from timebank.journal import Entry
from timebank.people import devices, offline_keys
from timebank.tokens import Token

HOUR = timedelta(hours=1)
LAST = datetime(2026, 10, 22, 15, 59, 59, tzinfo=UTC)
"""The last second of the last day of a voucher of two days, in Shanghai."""


@pytest.fixture
def shop(book: Book) -> OfflinePhone:
    """A member with 500 points, two shops with an offer each, and a phone of S001 that takes vouchers offline."""
    book.join("M0001")
    book.shop("S001", "S002")
    book.give("member:1", 500)
    add_offer(book)
    add_offer(book, merchant="S002")
    return enrolled(book)


def resolution(book: Book, voucher_id: int) -> vouchers.Resolution | None:
    with book.read() as session:
        return vouchers.resolution_of(session, vouchers.get(session, 1, voucher_id))


def reviews(book: Book) -> list[tuple[str, str | None, int]]:
    with book.read() as session:
        return [(r.acceptance.number, r.acceptance.reason, r.fen) for r in acceptances.in_review(session, 1)]


def decided(book: Book, number: str, decision: Decision, *, approver: int | None = 2) -> None:
    act = book.act(approver=approver)
    book.command(lambda s, a: acceptances.decide(s, a, number, decision), act)


def told(answers: list[Answer]) -> list[tuple[str, str]]:
    return [(answer.outcome, answer.code) for answer in answers]


def test_an_acceptance_is_captured_on_the_day_it_was_made(book: Book, shop: OfflinePhone) -> None:
    voucher, token = issued(book)
    at = book.now + 2 * HOUR
    book.now += timedelta(days=2)
    (answer,) = uploaded(book, shop.accepts(1, token, at))
    found = resolution(book, voucher.id)
    assert found is not None
    assert (found.outcome, found.day, found.bill_fen, found.benefit_fen) == ("captured", date(2026, 10, 20), 8_600, 1_000)
    assert answer == Answer(shop.device.id, 1, "captured", "", 1_000, found.seq)
    assert account(book, "merchant:1", "fen", "payable") == 1_000
    assert report(book).ok


def test_what_arrives_again_gets_its_first_answer_and_counts_once(book: Book, shop: OfflinePhone) -> None:
    line = shop.accepts(1, issued(book)[1], book.now)
    first = uploaded(book, line)
    assert uploaded(book, line, line) == first * 2
    assert account(book, "merchant:1", "fen", "payable") == 1_000


def test_a_pasted_text_may_have_words_and_line_ends_in_it(book: Book, shop: OfflinePhone) -> None:
    line = shop.accepts(1, issued(book)[1], book.now)
    broken = "\n".join(line[start : start + 40] for start in range(0, len(line), 40))
    assert told(uploaded(book, f"[老王] 10:02\n{broken}\n谢谢")) == [("captured", "")]


def test_a_number_that_says_something_else_is_a_conflict(book: Book, shop: OfflinePhone) -> None:
    (_, one), (_, other) = issued(book), issued(book)
    answers = uploaded(
        book, shop.accepts(1, one, book.now), shop.accepts(1, other, book.now), shop.accepts(1, one, book.now, 9_000)
    )
    assert told(answers) == [("captured", ""), *[("refused", "exists_with_different_content")] * 2]


def test_a_forged_device_signature_is_refused_like_an_unknown_device(book: Book, shop: OfflinePhone) -> None:
    _, token = issued(book)
    line = shop.accepts(1, token, book.now)
    kind, said, signature = line.split(".")
    forged = [
        replace(shop, seed=bytes(32)).accepts(1, token, book.now),
        ".".join((kind, said, ("B" if signature[0] == "A" else "A") + signature[1:])),
        shop.accepts(1, token, book.now, device=99),
        shop.accepts(1, token, book.now, community="other"),
    ]
    assert told(uploaded(book, *forged)) == [("refused", "unknown_device")] * 4
    assert reviews(book) == []


def test_what_is_no_acceptance_is_refused(book: Book, shop: OfflinePhone) -> None:
    _, token = issued(book)
    bad: list[dict[str, object]] = [{"n": 0}, {"bill": -1}, {"at": "2026-10-20 04:00"}, {"v": 2}, {"more": 1}, {"n": "1"}]
    assert (
        told(uploaded(book, *(shop.accepts(1, token, book.now, **other) for other in bad)))
        == [("refused", "bad_acceptance")] * 6
    )


def test_a_text_without_acceptances_and_one_with_too_many_are_refused() -> None:
    line = signed("TB1", {"v": 1}, bytes(32))
    for text, code in (("hello", "no_acceptances"), ("", "no_acceptances"), (f"{line}\n" * 201, "too_many_acceptances")):
        with pytest.raises(Invalid) as error:
            acceptance_text.lines(text)
        assert error.value.code == code


def test_a_revoked_phone_brings_nothing(book: Book, shop: OfflinePhone) -> None:
    _, token = issued(book)
    book.command(lambda s, a: devices.revoke(s, a, shop.device.id), book.act())
    assert told(uploaded(book, shop.accepts(1, token, book.now))) == [("refused", "device_revoked")]


def test_a_voucher_used_meanwhile_is_looked_at(book: Book, shop: OfflinePhone) -> None:
    made = issue(book)
    token = signed_again(made.voucher)
    book_key(book)
    capture(book, made.code, 5_000)
    assert told(uploaded(book, shop.accepts(1, token, book.now))) == [("review", "already_captured")]
    assert reviews(book) == [(f"D{shop.device.id:03d}-1", "already_captured", 1_000)]
    assert report(book).ok


def signed_again(voucher: vouchers.Voucher) -> str:
    """The token of a voucher, as its slip has it."""
    token = Token(
        1,
        tokens.community_of(CODE),
        voucher.merchant_id,
        voucher.offer_id,
        voucher.id,
        voucher.points,
        voucher.expires_on,
    )
    return tokens.sign(token, keys.issuer_seed(OFFICE_SEED, CODE, 1))


def book_key(book: Book) -> None:
    """Let the office announce the year's key, as it does with the first token."""
    issued(book, 10)


def test_one_voucher_in_two_acceptances_is_captured_once(book: Book, shop: OfflinePhone) -> None:
    other = enrolled(book, seed=b"\x08" * 32)
    _, token = issued(book)
    answers = uploaded(
        book, shop.accepts(1, token, book.now), shop.accepts(2, token, book.now), other.accepts(1, token, book.now)
    )
    assert told(answers) == [("captured", ""), *[("review", "already_captured")] * 2]


def test_a_voided_voucher_is_looked_at(book: Book, shop: OfflinePhone) -> None:
    voucher, token = issued(book)
    book.command(lambda s, a: redemption.void(s, a, voucher.id), book.act())
    assert told(uploaded(book, shop.accepts(1, token, book.now))) == [("review", "voided")]


def test_an_upload_may_come_until_three_days_after_the_last_day(book: Book, shop: OfflinePhone) -> None:
    """Both vouchers are good until 22 October; the second upload comes a second after the 25th has ended."""
    (_, first), (_, second) = issued(book, days=2), issued(book, days=2)
    book.now = LAST + timedelta(days=3)
    assert told(uploaded(book, shop.accepts(1, first, LAST))) == [("captured", "")]
    book.now += timedelta(seconds=1)
    assert told(uploaded(book, shop.accepts(2, second, LAST))) == [("review", "late")]


def test_an_upload_after_the_month_was_closed_is_dated_on_its_day_in_the_open_month(book: Book, shop: OfflinePhone) -> None:
    _, token = issued(book)
    at = datetime(2026, 10, 31, 4, 0, tzinfo=UTC)
    book.now = at + timedelta(days=4)
    book.command(lambda s, a: statements.close(s, a, "2026-10"), book.act(approver=2))
    (answer,) = uploaded(book, shop.accepts(1, token, at))
    with book.read() as session:
        entry = session.get_one(Entry, (1, answer.entry))
    assert (entry.business_date, entry.period) == (date(2026, 10, 31), "2026-11")
    assert report(book).ok


def test_what_was_accepted_after_the_last_day_is_looked_at(book: Book, shop: OfflinePhone) -> None:
    _, token = issued(book, days=2)
    book.now = LAST + timedelta(seconds=2)
    assert told(uploaded(book, shop.accepts(1, token, LAST + timedelta(seconds=1)))) == [("review", "expired")]


def test_a_clock_that_cannot_be_right_is_looked_at(book: Book, shop: OfflinePhone) -> None:
    (_, first), (_, second), (_, third) = (issued(book) for _ in range(3))
    slack = acceptances.CLOCK_SLACK
    lines = (
        shop.accepts(1, first, book.now + slack),
        shop.accepts(2, second, book.now + slack + timedelta(seconds=1)),
        shop.accepts(3, third, book.now - timedelta(days=1)),
    )
    assert told(uploaded(book, *lines)) == [("captured", ""), ("review", "clock_ahead"), ("review", "clock_behind")]


def test_another_shops_voucher_and_a_forged_one_get_the_same_answer(book: Book, shop: OfflinePhone) -> None:
    _, another = issued(book, offer=2)
    forged = tokens.sign(Token(1, tokens.community_of(CODE), 1, 1, 1, 100, date(2026, 12, 31)), bytes(32))
    lines = (shop.accepts(1, another, book.now), shop.accepts(2, forged, book.now), shop.accepts(3, "X" * 144, book.now))
    assert told(uploaded(book, *lines)) == [("review", "unknown_code")] * 3
    assert [reason for _, reason, _ in reviews(book)] == ["wrong_merchant", "unknown_code", "unknown_code"]


@pytest.mark.parametrize(("bill", "code"), [(1, "no_benefit"), (0, "bad_bill"), (10**9, "bad_bill")])
def test_a_bill_that_gives_nothing_is_looked_at(book: Book, shop: OfflinePhone, bill: int, code: str) -> None:
    voucher, token = issued(book)
    assert told(uploaded(book, shop.accepts(1, token, book.now, bill))) == [("review", code)]
    assert resolution(book, voucher.id) is None


def test_the_fund_bears_what_two_people_honour(book: Book, shop: OfflinePhone) -> None:
    voucher, token = issued(book)
    book.command(lambda s, a: redemption.void(s, a, voucher.id), book.act())
    uploaded(book, shop.accepts(1, token, book.now))
    before = book.points("member:1")
    decided(book, f"d{shop.device.id}-1", "honour")
    assert account(book, "merchant:1", "fen", "payable") == 1_000
    assert book.points("member:1") == before
    assert reviews(book) == []
    with book.read() as session:
        (line,) = acceptances.honoured(session, 1, book.today)
    assert (line.voucher_id, line.merchant_id, line.fen, line.day) == (voucher.id, 1, 1_000, book.today)
    assert report(book).ok


def test_honouring_what_is_still_held_captures_it(book: Book, shop: OfflinePhone) -> None:
    voucher, token = issued(book)
    uploaded(book, shop.accepts(1, token, book.now + HOUR))
    decided(book, f"D{shop.device.id}-1", "honour")
    found = resolution(book, voucher.id)
    assert found is not None
    assert (found.outcome, found.day) == ("captured", book.today)
    assert report(book).ok


def test_a_refused_review_costs_nobody_but_the_shop(book: Book, shop: OfflinePhone) -> None:
    voucher, token = issued(book)
    uploaded(book, shop.accepts(1, token, book.now + HOUR))
    decided(book, f"D{shop.device.id}-1", "refuse")
    assert account(book, "merchant:1", "fen", "payable") == 0
    assert resolution(book, voucher.id) is None
    assert report(book).ok


def test_a_review_is_decided_once_and_by_two(book: Book, shop: OfflinePhone) -> None:
    (_, token), (_, good) = issued(book), issued(book)
    uploaded(
        book, shop.accepts(1, token, book.now + HOUR), shop.accepts(2, good, book.now), shop.accepts(3, "X" * 144, book.now)
    )
    number = f"D{shop.device.id}-"
    for wanted, approver, error, code in (
        ("1", None, NotAllowed, "approver_missing"),
        ("2", 2, Refused, "not_in_review"),
        ("3", 2, Refused, "nothing_to_honour"),
        ("4", 2, NotFound, "unknown_acceptance"),
    ):
        with pytest.raises(error) as raised:
            decided(book, number + wanted, "honour", approver=approver)
        assert raised.value.code == code
    decided(book, f"{number}1", "refuse")
    with pytest.raises(Refused) as raised_again:
        decided(book, f"{number}1", "honour")
    assert raised_again.value.code == "decided_already"


def test_a_missing_number_is_a_finding_and_no_refusal(book: Book, shop: OfflinePhone) -> None:
    for n in (2, 3, 7):
        assert told(uploaded(book, shop.accepts(n, issued(book, 50)[1], book.now))) == [("captured", "")]
    with book.read() as session:
        found = [(gap.first, gap.last) for gap in acceptances.gaps(session, 1)]
    assert found == [(1, 1), (4, 6)]


def registration(book: Book, phone: OfflinePhone, **other: object) -> acceptance_text.NewKey:
    secret = offline_keys.secret_of(PEPPER, CODE, phone.device.id, book.now)
    wish = acceptance_text.new_key(acceptance_text.lines(phone.registers(book.now, secret))[0])
    return replace(wish, **other)  # type: ignore[arg-type]


def test_a_phone_registers_one_key(book: Book, shop: OfflinePhone) -> None:
    again, other = registration(book, shop), registration(book, replace(shop, seed=b"\x09" * 32))
    book.command(lambda s, a: offline_keys.register(s, a, again, PEPPER), book.act())
    with pytest.raises(Refused) as error:
        book.command(lambda s, a: offline_keys.register(s, a, other, PEPPER), book.act())
    assert error.value.code == "key_registered"


def test_a_key_is_registered_only_with_the_secret_of_a_file_of_today(book: Book, shop: OfflinePhone) -> None:
    fresh = registration(book, shop)
    strange = {
        "another secret": replace(fresh, secret="A" * 32),
        "another device's secret": replace(fresh, device_id=2),
        "another file's secret": replace(fresh, made=fresh.made + HOUR),
        "another community": replace(fresh, community="other"),
        "letters of no secret": replace(fresh, secret="密"),
    }
    for wish in strange.values():
        with pytest.raises(NotAllowed) as error:
            book.command(lambda s, a, wish=wish: offline_keys.register(s, a, wish, PEPPER), book.act())  # type: ignore[misc]
        assert error.value.code == "unknown_device"
    book.now += offline_keys.REGISTER_HOURS * HOUR + timedelta(seconds=1)
    with pytest.raises(NotAllowed):
        book.command(lambda s, a: offline_keys.register(s, a, fresh, PEPPER), book.act())


def test_a_key_is_registered_by_whoever_holds_it() -> None:
    """The line is signed by the key it names: nobody registers another phone's."""
    said: dict[str, object] = {
        "at": instant(LAST),
        "community": CODE,
        "device": 1,
        "made": instant(LAST),
        "secret": "S",
        "v": 1,
    }
    line = signed("TBK", {**said, "public": "A" * 43}, bytes(32))
    with pytest.raises(Invalid) as error:
        acceptance_text.new_key(acceptance_text.lines(line)[0])
    assert error.value.code == "bad_acceptance"


def test_a_shop_takes_vouchers_offline_as_long_as_it_has_a_phone_with_a_key(book: Book, shop: OfflinePhone) -> None:
    def takes(merchant_id: int) -> bool:
        with book.read() as session:
            return offline_keys.takes_offline(session, 1, merchant_id)

    assert (takes(1), takes(2)) == (True, False)
    book.command(lambda s, a: devices.revoke(s, a, shop.device.id), book.act())
    assert not takes(1)


def test_neither_token_nor_secret_is_kept(book: Book, shop: OfflinePhone) -> None:
    from conftest import stored

    _, token = issued(book)
    uploaded(book, shop.accepts(1, token, book.now))
    kept = stored(book.engine.url.render_as_string(hide_password=False))
    assert token.encode() not in kept
    assert offline_keys.secret_of(PEPPER, CODE, shop.device.id, book.now).encode() not in kept


def test_an_acceptance_without_its_capture_is_found(vandal: Vandal) -> None:
    seq = vandal.seq(acceptances.TAKE)
    facts = vandal.payload(seq)["facts"]
    vandal.rewrite(seq, facts={**facts, "bill_fen": facts["bill_fen"] + 1})
    assert {"acceptance_unsound", "acceptance_differs"} <= {finding.code for finding in report(vandal.book).findings}


def test_a_decision_that_pays_more_than_it_says_is_found(vandal: Vandal) -> None:
    seq = vandal.seq(acceptances.DECIDE)
    facts = vandal.payload(seq)["facts"]
    vandal.rewrite(seq, facts={**facts, "fen": facts["fen"] + 1})
    vandal.run("UPDATE acceptance_end SET fen = fen + 1")
    assert "acceptance_unsound" in {finding.code for finding in report(vandal.book).findings}


def test_a_decision_of_one_person_is_found(vandal: Vandal) -> None:
    vandal.rewrite(vandal.seq(acceptances.DECIDE), approver=None, approver_auth=None)
    assert "approver_missing" in {finding.code for finding in report(vandal.book).findings}
