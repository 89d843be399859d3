"""What entries of vouchers say, in words and from the entry alone. Pure: a kind and its facts in, words out.

Receipts, `explain` and the story of a voucher all take their words from here, so that they cannot differ.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from timebank.base.i18n import Say, say
from timebank.benefits import percent, points_text, yuan

Facts = Mapping[str, Any]

KINDS: Final = (
    *("voucher.quote", "voucher.issue", "voucher.capture", "voucher.void", "voucher.expire", "voucher.refund"),
    *("voucher.tombstone", "dispute.open", "dispute.end"),
)
"""Kinds of entries that have words here."""
PARTIES: Final = {"clerk": say("the office"), "member": say("the member"), "merchant": say("the shop")}
_OUTCOMES: Final = {"upheld": say("it was upheld"), "rejected": say("it was rejected")}


def summary(kind: str, facts: Facts, decimals: int) -> Say:
    """One line about what an entry of these kinds did."""
    steps = facts.get("steps", {})
    amounts = {"off": yuan(steps.get("off_fen", 0)), "bill": yuan(steps.get("bill_fen", 0))}
    if kind == "voucher.quote":
        points = points_text(facts["points_held"], decimals)
        return say("quoted: {off} yuan off a bill of {bill} yuan, {points} points to hold", points=points, **amounts)
    if kind == "voucher.issue":
        return say("issued: {points} points held", points=points_text(facts["points"], decimals))
    if kind == "voucher.capture":
        points = points_text(steps["points"], decimals)
        return say("redeemed: {off} yuan off for {points} points", off=amounts["off"], points=points)
    if kind == "voucher.void":
        return say("voided by {party}", party=PARTIES[facts.get("party", "clerk")])
    if kind == "voucher.expire":
        return say("expired: its points are released")
    if kind == "voucher.refund":
        given = {"points": points_text(facts["points"], decimals), "fen": yuan(facts["fen"])}
        return say("given back: {points} points, {fen} yuan", **given)
    if kind == "dispute.open":
        return say("disputed by {party}", party=PARTIES[facts["party"]])
    if kind == "dispute.end":
        return say("the dispute was decided: {outcome}", outcome=_OUTCOMES[facts["outcome"]])
    return say("voided before it came")


def details(kind: str, facts: Facts, decimals: int) -> Iterator[tuple[Say, Say | str]]:
    """What such an entry says of its reasons and its arithmetic, line by line: what it is about, and what is told."""
    yield say("what happened"), summary(kind, facts, decimals)
    if "voucher" in facts:
        yield say("voucher"), f"V{facts['voucher']}"
    if "offer" in facts:
        yield say("offer"), str(facts["offer"])
    if kind == "voucher.issue":
        yield from _issued(facts)
    elif kind == "voucher.capture":
        yield from _captured(facts, decimals)
    elif kind == "voucher.quote":
        yield from _steps(facts["steps"])
        yield say("good until"), facts["until"]
    elif kind == "voucher.refund":
        yield from _refunded(facts)


def _issued(facts: Facts) -> Iterator[tuple[Say, Say | str]]:
    yield say("reserved"), say("{fen} yuan of the fund and its sponsors", fen=yuan(facts["fen"]))
    yield say("good until"), facts["expires_on"]
    if "late_days" in facts:
        yield say("upload"), say("an upload may come up to {days} days later", days=facts["late_days"])
    if "quote" in facts:
        yield say("quote"), say("quote {number}", number=facts["quote"])


def _captured(facts: Facts, decimals: int) -> Iterator[tuple[Say, Say | str]]:
    steps = facts["steps"]
    yield from _steps(steps)
    used, held = (points_text(points, decimals) for points in (steps["points"], facts["points_held"]))
    yield say("points used"), say("{used} of the {held} points held; the others came back", used=used, held=held)
    own = facts.get("borne", {}).get("merchant_fen", 0)
    yield say("the shop bears"), say("{yuan} yuan", yuan=yuan(own))
    yield say("owed to the shop"), say("{yuan} yuan", yuan=yuan(steps["off_fen"] - own))
    if facts.get("via") == "phone":
        yield say("how it came"), say("read out over the phone")
    if "device" in facts and "n" in facts:
        yield say("how it came"), say("accepted offline as number {n} of device {device}", n=facts["n"], device=facts["device"])


def _steps(steps: Facts) -> Iterator[tuple[Say, Say | str]]:
    """The arithmetic of a benefit; goods have no bill."""
    if steps["bill_fen"]:
        yield (
            say("arithmetic"),
            say(
                "{share} of the bill of {bill} yuan = {part} yuan",
                share=percent(steps["share_bp"]),
                bill=yuan(steps["bill_fen"]),
                part=yuan(steps["share_fen"]),
            ),
        )
    yield (
        say("arithmetic"),
        say("at most {limit} yuan, so {off} yuan off", limit=yuan(steps["limit_fen"]), off=yuan(steps["off_fen"])),
    )


def _refunded(facts: Facts) -> Iterator[tuple[Say, Say | str]]:
    yield say("on the word of"), PARTIES[facts["party"]]
    if "dispute" in facts:
        yield say("dispute"), say("dispute {number}", number=facts["dispute"])
    if "anew" in facts:
        yield say("the bill as it should have been"), say("{yuan} yuan", yuan=yuan(facts["anew"]["bill_fen"]))
        yield from _steps(facts["anew"])
    else:
        yield say("the bill as it should have been"), say("none: everything comes back")
    yield say("not owed to the shop any more"), say("{yuan} yuan", yuan=yuan(facts["claim_fen"]))
