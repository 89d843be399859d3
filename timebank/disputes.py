"""Disputes: somebody says that a capture was wrong. Two people decide: upheld, and it is refunded, or rejected.

An open dispute holds nothing back: the capture stands in its settlement until it is decided; a refund stands in the next one.
"""

from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session

from timebank import ledger, refunds, vouchers
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import insert_rows
from timebank.base.errors import Invalid, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import first, last_id, row_of, value_of
from timebank.journal import Draft
from timebank.once import once
from timebank.redemption import Party
from timebank.vouchers import Dispute, DisputeEnd

OPEN, END = "dispute.open", "dispute.end"
Outcome = Literal["upheld", "rejected"]
_DISPUTE = ("community_id", "id", "voucher_id", "party", "day", "seq")
_END = ("community_id", "dispute_id", "outcome", "day", "seq")


@dataclass(frozen=True, slots=True)
class Decision:
    """How a dispute is decided: its number, the outcome, and of one that is upheld the bill as it should have been (None:
    everything comes back)."""

    number: int
    outcome: Outcome
    bill_fen: int | None = None


def open_(session: Session, act: Act, voucher_id: int, party: Party) -> Dispute:
    """Open a dispute about a captured voucher; the act's reason is kept as its text.

    Raises NotFound `unknown_voucher`; Invalid `reason_missing`; Refused `not_captured`, `refunded_already`, `dispute_open`.
    """
    if not act.reason:
        raise Invalid(
            say("What is wrong with this voucher?"), "reason_missing", say("Add for example --reason 店里多扣了积分.")
        )
    cid = act.community_id
    asked = {"voucher": voucher_id, "party": party}
    outcome = once(session, act, OPEN, asked, lambda: {"dispute": _open(session, act, voucher_id, party)})
    return find(session, cid, outcome.receipt["dispute"])


def _open(session: Session, act: Act, voucher_id: int, party: Party) -> int:
    cid, today = act.community_id, communities.today(session, act)
    voucher = vouchers.get(session, cid, voucher_id)
    refunds.refundable(vouchers.standing(session, voucher, today))
    number = last_id(session, "dispute", cid) + 1
    facts: dict[str, object] = {"voucher": voucher_id, "merchant": voucher.merchant_id, "party": party}
    receipt = ledger.post(session, act, Draft("dispute.open", today, subject=f"dispute:{number}", facts=facts, text=act.reason))
    row = value_of(
        Dispute,
        {"community_id": cid, "id": number, "voucher_id": voucher_id, "party": party, "day": today, "seq": receipt.seq},
    )
    insert_rows(session, "dispute", _DISPUTE, [row_of(row, _DISPUTE)])
    return number


def decide(session: Session, act: Act, decision: Decision) -> DisputeEnd:
    """Decide an open dispute; two people, and the second is not the member concerned. One that is upheld is refunded.

    Raises NotFound `unknown_dispute`; Refused `decided_already`, and of one that is upheld as `refunds.refund`; Invalid
    `bill_not_wanted` of one that is rejected; NotAllowed `approver_missing`, `same_person`, `own_voucher`.
    """
    cid = act.community_id
    communities.lock(session, cid)
    dispute = find(session, cid, decision.number)
    refunds.check_two(session, act, vouchers.get(session, cid, dispute.voucher_id))
    bill_fen = -1 if decision.bill_fen is None else decision.bill_fen
    asked = {"dispute": decision.number, "outcome": decision.outcome, "bill_fen": bill_fen}
    once(session, act, END, asked, lambda: _decide(session, act, dispute, decision))
    return session.get_one(DisputeEnd, (cid, decision.number))


def _decide(session: Session, act: Act, dispute: Dispute, decision: Decision) -> dict[str, int]:
    cid, today = act.community_id, communities.today(session, act)
    known = session.get(DisputeEnd, (cid, dispute.id))
    if known is not None:
        raise Refused(
            say("Dispute {number} was decided on {day}.", number=dispute.id, day=known.day),
            "decided_already",
            say("See timebank voucher show V{number}.", number=dispute.voucher_id),
        )
    if decision.outcome == "rejected" and decision.bill_fen is not None:
        raise Invalid(
            say("A dispute that is rejected changes no bill."), "bill_not_wanted", say("Leave --bill out, or say --upheld.")
        )
    facts: dict[str, object] = {"voucher": dispute.voucher_id, "outcome": decision.outcome}
    draft = Draft("dispute.end", today, subject=f"dispute:{dispute.id}", facts=facts, text=act.reason or None)
    receipt = ledger.post(session, act, draft)
    if decision.outcome == "upheld":
        refunds.make(session, act, refunds.Wish(dispute.voucher_id, decision.bill_fen, dispute=dispute.id))
    row = (cid, dispute.id, decision.outcome, today.isoformat(), receipt.seq)
    insert_rows(session, "dispute_end", _END, [row])
    return {"dispute": dispute.id}


def find(session: Session, community_id: int, number: int) -> Dispute:
    """The dispute of a number. Raises NotFound `unknown_dispute`."""
    found = first(session, Dispute, community_id=community_id, id=number) if 1 <= number < 10**10 else None
    if found is None:
        raise NotFound(
            say("There is no dispute {number}.", number=number),
            "unknown_dispute",
            say("See timebank voucher show, which names the disputes of a voucher."),
        )
    return found
