"""`timebank approve`: the second person says yes, and what waited is done."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import typer
from sqlmodel import Session

from timebank import approvals, complaints, disputes, hanging, hours, refunds, reviews
from timebank.base.act import Act
from timebank.base.i18n import say
from timebank.commands import acceptance as acceptance_door
from timebank.commands import backtest as trials_door
from timebank.commands import credit as credit_door
from timebank.commands import fund as fund_door
from timebank.commands import hours as hours_door
from timebank.commands import issuer as issuer_door
from timebank.commands import kin as kin_door
from timebank.commands import moves as moves_door
from timebank.commands import notice as notice_door
from timebank.commands import points as points_door
from timebank.commands import rules as rules_door
from timebank.commands import settlement as settlement_door
from timebank.commands import staff as staff_door
from timebank.commands import statement as statement_door
from timebank.commands.checkpoint import KIND, incarnated
from timebank.commands.door import Writing, writing
from timebank.commands.options import Number

app = typer.Typer(add_completion=False)


@writing(app, "approve", example="timebank approve 3 --as W0002")
def approve(door: Writing, number: Number) -> None:
    """Approve, as second person, what waits under a number; it is then done at once."""

    with door.reading() as (session, community):
        door.mends = approvals.is_kind(session, community.id, number, KIND)

    def work(session: Session, act: Act) -> dict[str, Any]:
        waits = approvals.find(session, act, number)
        if waits.kind == "hours.approve":
            item = hours.approve(session, act, waits.asked["service"])
            made = {"service": item.number, "state": item.state} if item.hangs else {"entry": item.seq}
            return {"approved": number, "kind": waits.kind, **made}
        approvals.approve(session, act, number)
        asked = waits.asked
        behalf = replace(act.on_behalf_of(waits.asked_by), reason=asked.pop("reason", ""))
        done = incarnated(door, session, behalf, asked) if waits.kind == KIND else VERBS[waits.kind](session, behalf, asked)
        return {"approved": number, "kind": waits.kind, **done}

    receipt = door.once("approve", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Number {number} is approved and done.", number=number))
        if receipt.get("state") == "confirmed":
            hours_door.tell_what_to_notice(door)


VERBS: dict[str, Callable[[Session, Act, dict[str, Any]], dict[str, Any]]] = {
    "credit.issue": credit_door.issued,
    disputes.END: moves_door.decided,
    refunds.KIND: moves_door.refunded,
    acceptance_door.KIND: acceptance_door.decided,
    complaints.KIND: hours_door.upheld,
    "hours.correct": hours_door.corrected,
    "hours.post": hours_door.posted,
    hanging.REJECT: hours_door.turned_down,
    "fund.budget": fund_door.declared,
    "fund.take-back": fund_door.taken_back,
    "issuer.revoke": issuer_door.revoked,
    "kin.add": kin_door.added,
    "kin.end": kin_door.ended,
    "notice.decide": notice_door.decided,
    "notice.demand": notice_door.set_up,
    "notice.holidays": notice_door.entered,
    "points.reverse": points_door.taken_back,
    reviews.KIND: hours_door.reviewed,
    "pool.payout": points_door.paid_out,
    "rules.publish": rules_door.published,
    "rules.recalc": trials_door.recalculated,
    "settlement.approve": settlement_door.approved,
    "staff.end": staff_door.ended,
    "statement.close": statement_door.closed,
}
"""What is done once a second person has approved, by kind of approval."""
