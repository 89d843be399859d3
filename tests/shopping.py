"""Short ways to a voucher and back, for tests of what points are good for."""

from datetime import date
from typing import Any

from sqlmodel import col, select

from conftest import Book
from timebank import offers, redemption
from timebank.benefits import Discount, Offset, Terms
from timebank.journal import Account
from timebank.offers import NewOffer
from timebank.redemption import Captured, Counter, Issued, Request

PEPPER = b"a pepper of at least 16 bytes..."
TEN_POINTS_A_YUAN = Offset(points_per_yuan=10, max_share_bp=5_000)
TENTH_OFF = Discount(off_bp=1_000, max_fen=2_000, points=50, min_spend_fen=3_000)
YEAR = (date(2026, 1, 1), date(2026, 12, 31))


def add_offer(
    book: Book,
    terms: Terms = TEN_POINTS_A_YUAN,
    merchant: str = "S001",
    valid: tuple[date, date] = YEAR,
    key: str = "",
    **further: Any,
) -> offers.Offer:
    """An offer; `further` are limits, conditions, shares and a sponsor."""
    with book.write() as session:
        return offers.add(session, book.act(key), NewOffer(merchant, terms, *valid, **further))


def issue(
    book: Book, member: str = "M0001", points: int | None = 100, *, offer: int = 1, days: int | None = None, key: str = ""
) -> Issued:
    with book.write() as session:
        return redemption.issue(session, book.act(key), Request(member, offer, points, days), PEPPER)


def capture(book: Book, code: str | None, bill_fen: int = 8_600, *, merchant: str = "S001", key: str = "") -> Captured:
    assert code is not None
    with book.write() as session:
        return redemption.capture(session, book.act(key), Counter(code, merchant, bill_fen), PEPPER)


def account(book: Book, holder: str, unit: str, purpose: str) -> int:
    """The balance of one account."""
    with book.read() as session:
        wanted = select(Account.balance).where(
            col(Account.community_id) == 1, Account.holder == holder, Account.unit == unit, Account.purpose == purpose
        )
        return session.exec(wanted).one()
