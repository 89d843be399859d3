"""The money side of redemption, in fen: what is given, reserved for vouchers, owed to merchants and paid. Pure: transfers only.

Money stands with a holder: the fund in general, or a sponsor whose money is earmarked. Who bears a voucher is told in parts.
The fund's accounts have no floor: until an office declares a budget the fund is unlimited, and its `free` account, below
zero, tells what it would owe. A sponsor's have one: nobody spends more of earmarked money than was given.

    given -> free -> committed -> the merchant's payable -> paid
"""

from collections.abc import Iterable

from timebank.journal import FUND, Transfer

Part = tuple[str, int]
"""A holder ('fund:general', 'sponsor:3') and what it bears in fen."""

SOURCES = ("government", "enterprise", "organisation", "resident")
"""The four sources of a community's fund (四筹)."""
GIVEN, GIVEN_IN_KIND, IN_KIND = "given", "given_in_kind", "in_kind"
FREE, COMMITTED, PAYABLE, PAID = "free", "committed", "payable", "paid"


def sponsor(number: int) -> str:
    """A sponsor's name in the book: 'sponsor:3'."""
    return f"sponsor:{number}"


def source(name: str) -> str:
    """A source's name in the book: 'fund:government'. Its balance, at most 0, is what it has given."""
    assert name in SOURCES, "one of the four sources"
    return f"fund:{name}"


def parts(fund_fen: int, sponsor_fen: int = 0, sponsor_id: int | None = None) -> tuple[Part, ...]:
    """Who bears an amount; a part of nothing is left out."""
    assert sponsor_id is not None or not sponsor_fen, "what a sponsor bears has a sponsor"
    borne = ((FUND, fund_fen), *(() if sponsor_id is None else ((sponsor(sponsor_id), sponsor_fen),)))
    return tuple((holder, fen) for holder, fen in borne if fen)


def deposit(name: str, fen: int, holder: str = FUND) -> tuple[Transfer, ...]:
    """Take in money of a source: given -> a holder's free."""
    return _moved(fen, (source(name), GIVEN), (holder, FREE))


def deposit_in_kind(name: str, fen: int) -> tuple[Transfer, ...]:
    """Take in goods or services of a source at what they are worth. Goods reimburse no shop, so they never reach `free`."""
    return _moved(fen, (source(name), GIVEN_IN_KIND), (FUND, IN_KIND))


def commit(parts: Iterable[Part]) -> tuple[Transfer, ...]:
    """Reserve for a voucher the most it can cost: free -> committed."""
    return tuple(t for holder, fen in parts for t in _moved(fen, (holder, FREE), (holder, COMMITTED)))


def release(parts: Iterable[Part]) -> tuple[Transfer, ...]:
    """Free again what a voucher did not use: committed -> free. Of nothing, no transfer."""
    return tuple(t for holder, fen in parts for t in _moved(fen, (holder, COMMITTED), (holder, FREE)))


def owe(parts: Iterable[Part], merchant: str) -> tuple[Transfer, ...]:
    """Owe a merchant ('merchant:3') what others bear of what it took off a bill: committed -> the merchant's payable."""
    return tuple(t for holder, fen in parts for t in _moved(fen, (holder, COMMITTED), (merchant, PAYABLE)))


def take_back(parts: Iterable[Part], merchant: str) -> tuple[Transfer, ...]:
    """Owe a merchant no longer what was refunded: its payable -> free."""
    return tuple(t for holder, fen in parts for t in _moved(fen, (merchant, PAYABLE), (holder, FREE)))


def pay(fen: int, merchant: str) -> tuple[Transfer, ...]:
    """What a merchant was owed has been paid: its payable -> paid."""
    return _moved(fen, (merchant, PAYABLE), (FUND, PAID))


def _moved(fen: int, start: tuple[str, str], end: tuple[str, str]) -> tuple[Transfer, ...]:
    assert fen >= 0, "an amount of the fund is never negative; its direction is in the verb"
    return (Transfer("fen", fen, *start, *end),) if fen else ()
