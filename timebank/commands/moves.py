"""`timebank voucher quote, refund, undo, dispute, decide`: what comes before a voucher is issued and after it is redeemed."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlmodel import Session

from timebank import disputes, issuers, quotes, refunds, vouchers
from timebank.base.act import Act
from timebank.base.amounts import fen_of
from timebank.base.errors import Invalid
from timebank.base.i18n import say, text
from timebank.base.sheet_values import parse_points
from timebank.benefits import points_text, yuan
from timebank.commands.door import Writing, writing
from timebank.commands.options import MemberNo, MerchantOption, Number
from timebank.people import merchants
from timebank.quotes import Question
from timebank.refunds import Refunded

app = typer.Typer(add_completion=False)
CodeOrNumber = Annotated[str, typer.Argument(metavar="CODE", help="The voucher's code as printed, or its number (V9).")]
SmallerBill = Annotated[
    str | None, typer.Option("--bill", help="The bill as it should have been, in yuan; everything comes back if left out.")
]


class Party(Enum):
    """Who says so."""

    CLERK = "clerk"
    MEMBER = "member"
    MERCHANT = "merchant"


PartyOption = Annotated[Party, typer.Option("--by", help="Who says so.")]


@writing(app, "quote", example="timebank voucher quote M0012 --offer 1 --bill 86.00")
def quote(
    door: Writing,
    member: MemberNo,
    offer: Annotated[int, typer.Option(help="Number of the offer, see timebank offer list.")],
    bill: Annotated[str | None, typer.Option(help="The whole bill in yuan, for example 86.00; goods have none.")] = None,
    points: Annotated[
        str | None, typer.Option(help="How many points to hold; as many as the bill can use if left out.")
    ] = None,
) -> None:
    """Work out what a bill would come to; good for 15 minutes, holds nothing."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        held = parse_points(points, door.community(session).points_decimals) if points is not None else None
        made = quotes.quote(session, act, Question(member, offer, fen_of(bill) if bill else 0, held))
        row = made.quote
        amounts = {"points": row.points, "bill_fen": row.bill_fen, "off_fen": row.off_fen, "points_used": made.benefit.points}
        steps = [text(step, door.lang) for step in made.explained]
        return {"quote": row.id, "member": member, **amounts, "until": row.until.isoformat(), "explanation": steps}

    receipt = door.once("voucher.quote", work).receipt
    if not door.screen.data(receipt):
        with door.reading() as (_, community):
            until = datetime.fromisoformat(receipt["until"]).astimezone(ZoneInfo(community.timezone))
        door.screen.facts(
            say("Quote {number}", number=receipt["quote"]),
            [
                (say("off the bill"), say("{yuan} yuan", yuan=yuan(receipt["off_fen"]))),
                (say("points to hold"), points_text(receipt["points"], door.decimals())),
                (say("good until"), f"{until:%H:%M}"),
                *((say("how it came about"), step) for step in receipt["explanation"]),
            ],
        )
        door.screen.note(
            say("Issue it: timebank voucher issue {member} --quote {number}", member=member, number=receipt["quote"])
        )


@writing(app, "refund", example="timebank voucher refund V9 --bill 56.00 --reason 退货 --approver W0002")
def refund(door: Writing, code: CodeOrNumber, bill: SmallerBill = None) -> None:
    """Give back what a redeemed voucher should not have taken: points to the member, off the shop's claim. Two people."""
    with door.reading() as (session, community):
        voucher = issuers.named(session, community.id, code, door.pepper())
    request = {"voucher": voucher.id, **({"bill_fen": fen_of(bill)} if bill is not None else {})}
    receipt = door.once_or_ask(refunds.KIND, voucher.subject, request, lambda s, a: refunded(s, a, request)).receipt
    _tell(door, receipt)


def refunded(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out a refund that was asked for."""
    return _receipt(refunds.refund(session, act, request["voucher"], request.get("bill_fen")))


@writing(app, "undo", example="timebank voucher undo V9 --merchant S001")
def undo(door: Writing, code: CodeOrNumber, merchant: MerchantOption) -> None:
    """Give everything back on the shop's word, on the day the voucher was redeemed."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        voucher = issuers.named(session, act.community_id, code, door.pepper())
        shop = merchants.find(session, act.community_id, merchant)
        return _receipt(refunds.undo(session, act, voucher.id, shop.id))

    _tell(door, door.once("voucher.undo", work).receipt)


@writing(app, "dispute", example="timebank voucher dispute V9 --by member --reason 店里多扣了积分")
def dispute(door: Writing, code: CodeOrNumber, by: PartyOption = Party.MEMBER) -> None:
    """Write down that somebody says a redeemed voucher was not right; two people decide about it later."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        voucher = issuers.named(session, act.community_id, code, door.pepper())
        made = disputes.open_(session, act, voucher.id, by.value)
        return {"dispute": made.id, "voucher": voucher.number, "entry": made.seq}

    receipt = door.once(disputes.OPEN, work).receipt
    if not door.screen.data(receipt):
        number, voucher = receipt["dispute"], receipt["voucher"]
        door.screen.line(say("Dispute {number} about voucher {voucher} is open.", number=number, voucher=voucher))
        door.screen.note(say("Decide it: timebank voucher decide {number} --upheld or --rejected.", number=number))


@writing(app, "decide", example="timebank voucher decide 2 --upheld --bill 56.00 --approver W0002")
def decide(
    door: Writing,
    number: Number,
    upheld: Annotated[bool, typer.Option("--upheld", help="It was wrong: give back what was too much.")] = False,
    rejected: Annotated[bool, typer.Option("--rejected", help="It was right: everything stays.")] = False,
    bill: SmallerBill = None,
) -> None:
    """Decide a dispute; one that is upheld is refunded at once. Two people."""
    if upheld == rejected:
        raise Invalid(say("Say --upheld or --rejected."), "which_outcome", say("See timebank voucher decide --help"))
    outcome = "upheld" if upheld else "rejected"
    request = {"dispute": number, "outcome": outcome, **({"bill_fen": fen_of(bill)} if bill is not None else {})}
    receipt = door.once_or_ask(disputes.END, f"dispute:{number}", request, lambda s, a: decided(s, a, request)).receipt
    if door.screen.data(receipt) or "waiting" in receipt:
        return
    if upheld:
        door.screen.line(say("Dispute {number} is upheld.", number=number))
        _tell(door, receipt)
    else:
        door.screen.line(say("Dispute {number} is rejected; everything stays as it is.", number=number))


def decided(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out a decision that was asked for."""
    number = request["dispute"]
    made = disputes.decide(session, act, disputes.Decision(number, request["outcome"], request.get("bill_fen")))
    receipt = {"dispute": number, "outcome": made.outcome, "entry": made.seq}
    if made.outcome == "rejected":
        return receipt
    voucher = vouchers.get(session, act.community_id, disputes.find(session, act.community_id, number).voucher_id)
    row = vouchers.refunds_about(session, voucher)[-1]
    standing = vouchers.standing(session, voucher, row.day)
    return receipt | _receipt(Refunded(voucher, row, standing.left))


def _receipt(done: Refunded) -> dict[str, Any]:
    row, left = done.row, done.left
    amounts = {"points": row.points, "fen": row.fen, "claim_fen": row.claim_fen}
    still = {"points": left.points, "off_fen": left.off_fen, "bill_fen": left.bill_fen}
    return {"refund": row.id, "voucher": done.voucher.number, **amounts, "left": still, "entry": row.seq}


def _tell(door: Writing, receipt: dict[str, Any]) -> None:
    if door.screen.data(receipt) or "waiting" in receipt:
        return
    decimals, left = door.decimals(), receipt["left"]
    door.screen.facts(
        say("Refund {number} of voucher {voucher}", number=receipt["refund"], voucher=receipt["voucher"]),
        [
            (say("points back"), points_text(receipt["points"], decimals)),
            (say("less off the bill"), say("{yuan} yuan", yuan=yuan(receipt["fen"]))),
            (say("not owed to the shop any more"), say("{yuan} yuan", yuan=yuan(receipt["claim_fen"]))),
            (say("still taken off"), say("{yuan} yuan", yuan=yuan(left["off_fen"]))),
            (say("points still used"), points_text(left["points"], decimals)),
            (say("receipt"), f"E{receipt['entry']:06d}"),
        ],
    )
