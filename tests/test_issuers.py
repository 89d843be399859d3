"""Issuer keys: announced in the journal, a year each with an overlap, revoked by two; what a token opens."""

from datetime import UTC, date, datetime, timedelta

import pytest

from conftest import Book
from shopping import PEPPER, add_offer, issue
from timebank import issuers, redemption, tokens, vouchers
from timebank.base import keys
from timebank.base.errors import TimebankError
from timebank.issuers import Issuer
from timebank.tokens import Token
from timebank.vouchers import Voucher

SEED = bytes(range(32))
DECEMBER = datetime(2026, 12, 10, 4, 0, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 4, 0, tzinfo=UTC)
FAR = (date(2026, 1, 1), date(2028, 12, 31))


@pytest.fixture
def shop(book: Book) -> Book:
    book.join("M0001")
    book.shop("S001", "S002")
    book.give("member:1", 1_000)
    add_offer(book, valid=FAR)
    return book


def later(book: Book, now: datetime) -> None:
    """Go on at another moment; two people confirm the jump of the clock."""
    book.now = now
    book.give("member:1", 1)


def token(book: Book, voucher: Voucher) -> str:
    made: list[str | None] = []
    book.command(lambda s, a: made.append(issuers.token_of(s, a, voucher, SEED)), book.act())
    assert made[0] is not None
    return made[0]


def ensure(book: Book) -> Issuer | None:
    made: list[Issuer | None] = []
    book.command(lambda s, a: made.append(issuers.ensure(s, a, SEED)), book.act())
    return made[0]


def revoke(book: Book, number: int, approver: int | None = 2) -> None:
    book.command(lambda s, a: issuers.revoke(s, a, number), book.act(approver=approver, reason="the slip printer was stolen"))


def opened(book: Book, text: str) -> int:
    with book.read() as session:
        return issuers.voucher_of(session, 1, text).id


def listed(book: Book) -> list[Issuer]:
    with book.read() as session:
        return issuers.listed(session, 1)


def refused(book: Book, text: str) -> str:
    with pytest.raises(TimebankError) as caught:
        opened(book, text)
    return caught.value.code


def test_a_token_opens_the_voucher_it_was_made_with(shop: Book) -> None:
    voucher = issue(shop, days=60).voucher
    text = token(shop, voucher)
    assert opened(shop, text) == voucher.id
    assert opened(shop, tokens.url(text, "https://a.example.cn").lower()) == voucher.id
    with shop.read() as session:
        assert issuers.mac_of(session, 1, text, PEPPER) == voucher.code_mac
        assert issuers.named(session, 1, text, PEPPER).id == issuers.named(session, 1, "V1", PEPPER).id == voucher.id


def test_the_first_voucher_of_a_year_announces_its_key(shop: Book) -> None:
    assert listed(shop) == []
    token(shop, issue(shop).voucher)
    token(shop, issue(shop).voucher)
    seed = keys.issuer_seed(SEED, "520201-jianshe", 1)
    assert listed(shop) == [Issuer(1, keys.public(seed), 2026, shop.today, date(2026, 12, 31))]


def test_in_december_the_next_year_is_announced_and_each_signs_in_its_own(shop: Book) -> None:
    later(shop, DECEMBER)
    old = issue(shop, days=60).voucher
    text = token(shop, old)
    assert [(key.year, key.first_day) for key in listed(shop)] == [(2026, shop.today), (2027, date(2027, 1, 1))]
    later(shop, JANUARY)
    key = ensure(shop)
    assert key is not None
    assert key.number == 2
    new = issue(shop, days=60).voucher
    assert tokens.read(token(shop, new)).token.key == 2
    assert opened(shop, text) == old.id
    with shop.read() as session:
        assert [key.number for key in issuers.public_keys(session, 1, shop.today)] == [1, 2]
        assert [key.number for key in issuers.public_keys(session, 1, date(2038, 1, 1))] == [2]


def test_a_key_that_is_not_its_voucher_s_years_opens_nothing(shop: Book) -> None:
    later(shop, DECEMBER)
    voucher = issue(shop).voucher
    right = tokens.read(token(shop, voucher)).token
    early = Token(2, *(getattr(right, name) for name in Token.__slots__[1:]))
    assert refused(shop, tokens.sign(early, keys.issuer_seed(SEED, "520201-jianshe", 2))) == "unknown_code"


def test_a_revoked_key_opens_nothing_and_another_one_signs(shop: Book) -> None:
    voucher = issue(shop).voucher
    text = token(shop, voucher)
    revoke(shop, 1)
    assert refused(shop, text) == "unknown_code"
    with shop.read() as session:
        assert issuers.public_keys(session, 1, shop.today) == []
    again = issue(shop).voucher
    new = token(shop, again)
    assert tokens.read(new).token.key == 2
    assert opened(shop, new) == again.id
    assert [(key.number, key.year, key.revoked_on) for key in listed(shop)] == [(1, 2026, shop.today), (2, 2026, None)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("community", tokens.community_of("520201-other")),
        ("merchant_id", 2),
        ("offer_id", 2),
        ("voucher_id", 2),
        ("voucher_id", 77),
        ("points", 99),
        ("last_day", date(2026, 12, 1)),
        ("key", 2),
    ],
)
def test_a_token_that_says_anything_else_opens_nothing(shop: Book, name: str, value: object) -> None:
    """Signed by the key itself: whoever has the seed still gets only what is in the book."""
    text = token(shop, issue(shop).voucher)
    issue(shop, points=50)
    right = tokens.read(text).token
    said = {field: getattr(right, field) for field in Token.__slots__} | {name: value}
    assert refused(shop, tokens.sign(Token(**said), keys.issuer_seed(SEED, "520201-jianshe", 1))) == "unknown_code"


def test_a_token_of_another_signer_opens_nothing(shop: Book) -> None:
    """Another number, another community, another office that took the same code, the key of the log itself."""
    right = tokens.read(token(shop, issue(shop).voucher)).token
    other = bytes(reversed(SEED))
    signers = ((SEED, "520201-jianshe", 2), (SEED, "520201-other", 1), (other, "520201-jianshe", 1))
    for seed in (*(keys.issuer_seed(*signer) for signer in signers), SEED):
        assert refused(shop, tokens.sign(right, seed)) == "unknown_code"


def test_the_token_of_a_voucher_that_was_voided_does_not_open_the_next_one(shop: Book) -> None:
    first = issue(shop).voucher
    text = token(shop, first)
    shop.command(lambda s, a: redemption.void(s, a, first.id), shop.act())
    second = issue(shop).voucher
    assert opened(shop, text) == first.id
    assert token(shop, second) != text
    with shop.read() as session:
        assert vouchers.standing(session, issuers.voucher_of(session, 1, text), shop.today).state == "voided"


def test_a_key_is_announced_once_a_year_and_for_this_or_the_next(shop: Book) -> None:
    for year, code in ((2026, None), (2027, None), (2026, "announced_already"), (2025, "bad_year"), (2028, "bad_year")):
        if code is None:
            shop.command(lambda s, a, year=year: issuers.announce(s, a, year, SEED), shop.act())  # type: ignore[misc]
            continue
        with pytest.raises(TimebankError) as caught, shop.write() as session:
            issuers.announce(session, shop.act(), year, SEED)
        assert caught.value.code == code
    assert [key.year for key in listed(shop)] == [2026, 2027]


def test_two_people_revoke_a_key_and_only_once(shop: Book) -> None:
    ensure(shop)
    for approver, code in ((None, "approver_missing"), (1, "same_person")):
        with pytest.raises(TimebankError) as caught:
            revoke(shop, 1, approver)
        assert caught.value.code == code
    revoke(shop, 1)
    with pytest.raises(TimebankError) as caught:
        revoke(shop, 1)
    assert caught.value.code == "revoked_already"
    with pytest.raises(TimebankError) as caught:
        revoke(shop, 9)
    assert caught.value.code == "unknown_issuer"


def test_numbers_of_keys_never_come_round_again(shop: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte has room for 255 keys. When they are used up, vouchers have codes and no QR; no number signs for two keys."""
    monkeypatch.setattr(issuers, "KEY_MAX", 3)
    for number in (1, 2, 3):
        key = ensure(shop)
        assert key is not None
        assert key.number == number
        revoke(shop, number)
    assert ensure(shop) is None
    made: list[str | None] = []
    voucher = issue(shop).voucher
    shop.command(lambda s, a: made.append(issuers.token_of(s, a, voucher, SEED)), shop.act())
    assert made == [None]
    with pytest.raises(TimebankError) as caught, shop.write() as session:
        issuers.announce(session, shop.act(), 2026, SEED)
    assert caught.value.code == "keys_used_up"
    assert len(listed(shop)) == 3


def test_a_clock_that_is_wrong_announces_no_key_of_the_past(shop: Book) -> None:
    later(shop, JANUARY)
    token(shop, issue(shop).voucher)
    shop.now = JANUARY - timedelta(days=3)
    with pytest.raises(TimebankError) as caught:
        ensure(shop)
    assert caught.value.code == "clock_back"
    assert [key.year for key in listed(shop)] == [2027]
