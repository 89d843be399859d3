"""What entries about acceptances say, in words and from the entry alone; and why one waits, by code. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from timebank.base.i18n import Say, say
from timebank.benefits import yuan

KINDS: Final = ("acceptance.take", "acceptance.decide", "device.key")
"""Kinds of entries that have words here."""

REASONS: dict[str, Say] = {
    "already_captured": say("the voucher was used before"),
    "voided": say("the voucher was void"),
    "late": say("it arrived too late, the points are back with the member"),
    "expired": say("it was accepted after its last day"),
    "clock_ahead": say("the phone's clock was ahead"),
    "clock_behind": say("the phone's clock was behind"),
    "bad_bill": say("no bill is like that"),
    "no_benefit": say("nothing could be taken off that bill"),
    "bill_not_wanted": say("goods have no bill"),
    "below_min_spend": say("the bill was too small for this offer"),
    "merchant_inactive": say("the shop was not active"),
    "wrong_merchant": say("the voucher is for another shop"),
    "unknown_code": say("the voucher is not known here"),
}
"""Why an acceptance waits for two people's decision, by code."""

RESULTS: dict[str, Say] = {
    "captured": say("redeemed"),
    "honoured": say("honoured by the fund"),
    "refused": say("refused"),
}
"""How a review was decided."""


def why(code: str) -> Say | str:
    """The reason behind a code, in words."""
    return REASONS.get(code, code)


def details(kind: str, facts: Mapping[str, Any]) -> Iterator[tuple[Say, Say | str]]:
    """What such an entry says, line by line: what it is about, and what is told."""
    if kind == "device.key":
        yield say("what happened"), say("a phone registered the key with which it accepts vouchers offline")
        return
    if kind == "acceptance.decide":
        yield say("decision"), RESULTS.get(facts["result"], str(facts["result"]))
        if "fen" in facts:
            yield say("the fund bears"), say("{yuan} yuan", yuan=yuan(facts["fen"]))
        return
    yield say("how it came"), say("accepted offline as number {n} of device {device}", n=facts["n"], device=facts["device"])
    yield say("phone's moment"), facts["accepted_at"]
    if "voucher" in facts:
        yield say("voucher"), f"V{facts['voucher']}"
    yield say("bill"), say("{yuan} yuan", yuan=yuan(facts["bill_fen"]))
    yield say("what happened"), say("it waits for two people's decision") if "reason" in facts else say("it was redeemed")
    if "reason" in facts:
        yield say("why"), why(facts["reason"])
