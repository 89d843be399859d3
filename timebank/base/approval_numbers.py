"""Approval numbers: what a clerk reads out over the phone and a shop writes on the slip. Six digits and a check digit.

The digits follow from the entry's number under the pepper, so nobody can make one up, and the office can always tell it again.
The check digit is that of ISO/IEC 7064 MOD 11,10: it finds every wrong digit.
"""

import hmac
from hashlib import sha256

_DIGITS = 6


def number_of(pepper: bytes, community: str, seq: int) -> str:
    """The approval number of an entry of a community (its code): 7 digits."""
    told = hmac.digest(pepper, f"timebank approval {community} {seq}".encode(), sha256)
    digits = f"{int.from_bytes(told[:8], 'big') % 10**_DIGITS:0{_DIGITS}d}"
    return digits + _check(digits)


def is_number(typed: str) -> bool:
    """Whether seven digits can be an approval number: the last one fits the others."""
    return len(typed) == _DIGITS + 1 and typed.isascii() and typed.isdigit() and _check(typed[:-1]) == typed[-1]


def _check(digits: str) -> str:
    product = 10
    for digit in digits:
        rest = (int(digit) + product) % 10 or 10
        product = rest * 2 % 11
    return str((11 - product) % 10)
