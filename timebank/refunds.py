"""Refunds: what of a capture is given back, in part or whole, and again until nothing is left.

A refund names the bill as it should have been - less what was returned, or right where it was typed wrongly - and everything
follows as if the capture had been for that bill: points come back to the lots they came from, the last spent first (a lot that
has lapsed meanwhile lives for the grace of the rule book of today), and the merchant is owed no more than it would have been.
Without a bill everything comes back.

A refund takes back what is in the book, so it needs two people as a reversal does. The shop alone may undo a capture on the
same day: it gives up what is its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlmodel import Session

from timebank import approvals, benefits, fund, holds, ledger, offers, vouchers
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import insert_rows
from timebank.base.errors import NotAllowed, Refused
from timebank.base.i18n import say
from timebank.base.rows import all_with, last_id, row_of, value_of
from timebank.benefits import Benefit, Item
from timebank.journal import REDEEMED, Draft, Transfer
from timebank.offers import Offer
from timebank.once import once
from timebank.people import clerks
from timebank.vouchers import Left, RefundRow, Standing, Voucher

KIND = "voucher.refund"
_REFUND = ("community_id", "id", "voucher_id", "bill_fen", "points", "fen", "claim_fen", "day", "seq")


@dataclass(frozen=True, slots=True)
class Wish:
    """A refund to be made: of which voucher, the bill as it should have been (None: everything comes back), on whose word, and
    of which dispute (0: of none)."""

    voucher_id: int
    bill_fen: int | None = None
    party: Literal["clerk", "merchant"] = "clerk"
    dispute: int = 0


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund, and what of the capture stands after it."""

    voucher: Voucher
    row: RefundRow
    left: Left


def refund(session: Session, act: Act, voucher_id: int, bill_fen: int | None = None) -> Refunded:
    """Give back what a captured voucher should not have taken; two people, and the second is not the member concerned.

    Raises NotFound `unknown_voucher`; Refused `not_captured`, `refunded_already`, `dispute_open`, `bill_not_smaller`,
    `nothing_to_refund`; Invalid `bill_not_wanted`, `bad_bill`; NotAllowed `approver_missing`, `same_person`, `own_voucher`.
    """
    communities.lock(session, act.community_id)
    check_two(session, act, vouchers.get(session, act.community_id, voucher_id))
    asked = {"voucher": voucher_id, "bill_fen": -1 if bill_fen is None else bill_fen}
    return _once(session, act, KIND, asked, lambda: make(session, act, Wish(voucher_id, bill_fen)))


def undo(session: Session, act: Act, voucher_id: int, merchant_id: int) -> Refunded:
    """Give everything back on the shop's own word, on the local day of the capture.

    Raises NotFound `unknown_voucher`; Refused `wrong_merchant`, `not_captured`, `refunded_already`, `dispute_open`,
    `undo_over`.
    """

    def work() -> RefundRow:
        voucher, today = vouchers.get(session, act.community_id, voucher_id), communities.today(session, act)
        if voucher.merchant_id != merchant_id:
            raise Refused(
                say("This voucher is for another shop."), "wrong_merchant", say("Its slip says where it can be used.")
            )
        resolution = vouchers.resolution_of(session, voucher)
        if resolution is not None and resolution.outcome == "captured" and resolution.day != today:
            number, day = voucher.number, resolution.day
            raise Refused(
                say("Voucher {number} was redeemed on {day}; a shop can undo it on that day only.", number=number, day=day),
                "undo_over",
                say("Ask the office for a refund: timebank voucher refund {number}", number=number),
            )
        return make(session, act, Wish(voucher_id, party="merchant"))

    return _once(session, act, "voucher.undo", {"voucher": voucher_id, "merchant": merchant_id}, work)


def _once(session: Session, act: Act, verb: str, asked: dict[str, int], work: Callable[[], RefundRow]) -> Refunded:
    outcome = once(session, act, verb, asked, lambda: {"refund": work().id})
    (row,) = all_with(session, RefundRow, community_id=act.community_id, id=outcome.receipt["refund"])
    voucher = vouchers.get(session, act.community_id, row.voucher_id)
    return Refunded(voucher, row, vouchers.standing(session, voucher, communities.today(session, act)).left)


def check_two(session: Session, act: Act, voucher: Voucher) -> None:
    """Demand two people of whom the second is not the voucher's member. Raises NotAllowed `approver_missing`, `same_person`,
    `own_voucher`."""
    approvals.two_people(act)
    if clerks.own_member(session, act.community_id, act.approver) == voucher.member_id:
        raise NotAllowed(
            say("Nobody decides about a voucher of their own."), "own_voucher", say("Let another clerk be the second person.")
        )


def make(session: Session, act: Act, wish: Wish) -> RefundRow:
    """Post a refund, under the lock and inside a running command. Raises as `refund`, but for the two people."""
    cid, today = act.community_id, communities.today(session, act)
    voucher = vouchers.get(session, cid, wish.voucher_id)
    standing = vouchers.standing(session, voucher, today)
    offer = offers.find(session, cid, voucher.offer_id)
    left = refundable(standing, wish.dispute)
    done = _anew(offer, voucher, left, wish.bill_fen)
    off_fen = done.off_fen if done else 0
    points, fen = left.points - (done.points if done else 0), left.off_fen - off_fen
    if fen == 0:
        raise Refused(
            say("With a bill of {bill} yuan the voucher takes off as much.", bill=benefits.yuan(wish.bill_fen or 0)),
            "nothing_to_refund",
            say("Leave --bill out to give everything back."),
        )
    parts = offer.parts(left.off_fen, off_fen)
    row = {
        "community_id": cid,
        "id": last_id(session, "refund", cid) + 1,
        "voucher_id": voucher.id,
        "bill_fen": done.bill_fen if done else 0,
        "points": points,
        "fen": fen,
        "claim_fen": sum(part for _, part in parts),
        "day": today,
    }
    facts: dict[str, object] = {name: row[name] for name in ("bill_fen", "points", "fen", "claim_fen")}
    facts |= {"voucher": voucher.id, "offer": offer.id, "merchant": voucher.merchant_id, "party": wish.party}
    if done:
        facts["anew"] = done.steps
    if wish.dispute:
        facts["dispute"] = wish.dispute
    transfers = (*_back(session, standing, points, today), *fund.take_back(parts, f"merchant:{voucher.merchant_id}"))
    draft = Draft(KIND, today, transfers, f"refund:{row['id']}", facts=facts, text=act.reason or None)
    made = value_of(RefundRow, row | {"seq": ledger.post(session, act, draft).seq})
    insert_rows(session, "refund", _REFUND, [row_of(made, _REFUND)])
    return made


def refundable(standing: Standing, dispute: int = 0) -> Left:
    """What of a capture stands and may be given back, because of a dispute or of none (0).

    Raises Refused `not_captured`, `refunded_already`, `dispute_open`.
    """
    voucher, left = standing.voucher, standing.left
    show = say("See timebank voucher show {number}.", number=voucher.number)
    if standing.resolution is None or standing.resolution.outcome != "captured":
        raise Refused(say("Voucher {number} was not redeemed.", number=voucher.number), "not_captured", show)
    if left.off_fen == 0:
        raise Refused(say("Voucher {number} was given back already.", number=voucher.number), "refunded_already", show)
    open_ = standing.dispute
    if open_ is not None and open_.id != dispute:
        raise Refused(
            say("Dispute {number} about voucher {voucher} is open.", number=open_.id, voucher=voucher.number),
            "dispute_open",
            say("Decide it: timebank voucher decide {number} --upheld or --rejected.", number=open_.id),
        )
    return left


def _anew(offer: Offer, voucher: Voucher, left: Left, bill_fen: int | None) -> Benefit | None:
    """What the voucher takes off the bill as it should have been; None where nothing is left of it."""
    if bill_fen is None:
        return None
    if not isinstance(offer.terms, Item):
        benefits.check_bill(bill_fen)
        if bill_fen >= left.bill_fen:
            raise Refused(
                say("The bill was {bill} yuan; a refund makes it smaller.", bill=benefits.yuan(left.bill_fen)),
                "bill_not_smaller",
                say("Give the bill as it should have been. A larger one needs another voucher."),
            )
    try:
        return benefits.benefit(offer.terms, voucher.points, bill_fen)
    except Refused:  # too small a bill for this offer: nothing would have come off
        return None


def _back(session: Session, standing: Standing, points: int, today: date) -> list[Transfer]:
    """Redeemed points back to the lots they came from: what was spent last comes back first, as if less had been spent."""
    if not points:
        return []
    voucher, resolution = standing.voucher, standing.resolution
    assert resolution is not None, "only a capture is refunded"
    held = vouchers.lots_held(session, voucher.community_id, [voucher])[voucher.seq]
    spent, _ = holds.split(held, standing.left.points)
    _, back = holds.split(spent, standing.left.points - points)
    until = holds.grace(session, voucher.community_id, back, today)
    return [
        Transfer("points", amount, REDEEMED, "sink", voucher.holder, "available", lapses_on=lot if lot >= today else until)
        for lot, amount in back
    ]
