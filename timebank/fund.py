"""The money side of redemption, in fen: what the fund reserves for vouchers and owes to merchants. Pure: transfers only.

The fund's accounts have no floor: until an office declares a budget the fund is unlimited and its `free` account, below
zero, tells what it would owe.
"""

from timebank.journal import FUND, Transfer

FREE, COMMITTED, PAYABLE = "free", "committed", "payable"


def commit(fen: int) -> tuple[Transfer, ...]:
    """Reserve for a voucher the most it can take off: fund free -> committed."""
    return _moved(fen, FUND, FREE, FUND, COMMITTED)


def release(fen: int) -> tuple[Transfer, ...]:
    """Free again what a voucher did not use: fund committed -> free. Of nothing, no transfer."""
    return _moved(fen, FUND, COMMITTED, FUND, FREE)


def owe(fen: int, merchant: str) -> tuple[Transfer, ...]:
    """Owe a merchant ('merchant:3') what was taken off its customer's bill: fund committed -> the merchant's payable."""
    return _moved(fen, FUND, COMMITTED, merchant, PAYABLE)


def _moved(fen: int, source: str, source_purpose: str, target: str, target_purpose: str) -> tuple[Transfer, ...]:
    assert fen >= 0, "an amount of the fund is never negative; its direction is in the verb"
    return (Transfer("fen", fen, source, source_purpose, target, target_purpose),) if fen else ()
