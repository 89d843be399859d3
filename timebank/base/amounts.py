"""Amounts as people type them: yuan with two decimals, shares in percent. Both become integers at once."""

import re

from timebank.base.codes import narrow
from timebank.base.errors import Invalid
from timebank.base.i18n import say

_YUAN = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?(?:元)?")
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%")


def fen_of(typed: str) -> int:
    """Yuan as typed, in fen: 86.00, 86.5, 86, 86元. Raises Invalid `bad_amount`."""
    found = _YUAN.fullmatch(narrow(typed).strip())
    if not found:
        raise Invalid(say("{typed} is not an amount in yuan.", typed=typed), "bad_amount", say("Write it like 86.00."))
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def percent_of(typed: str) -> int:
    """A share as typed, in basis points: 50%, 12.5%. Raises Invalid `bad_share`."""
    found = _PERCENT.fullmatch(narrow(typed).strip())
    if not found:
        raise Invalid(say("{typed} is not a share in percent.", typed=typed), "bad_share", say("Write it like 50%."))
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
