"""`timebank voucher …`."""

from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlmodel import Session

from timebank import benefits, issuers, redemption, voucher_story, vouchers
from timebank.base import approval_numbers
from timebank.base.act import Act
from timebank.base.amounts import fen_of
from timebank.base.communities import Community
from timebank.base.errors import Invalid
from timebank.base.i18n import say, text
from timebank.base.masking import mask_name
from timebank.base.sheet_values import parse_points
from timebank.benefits import points_text
from timebank.commands import acceptance, moves
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import MemberNo, MerchantOption
from timebank.commands.papers import Files, Paper, drawn_up, give_out
from timebank.people import clerks, members, merchants, persons
from timebank.redemption import Counter, Request
from timebank.vouchers import Voucher

app = typer.Typer(add_completion=False)
app.add_typer(moves.app)
app.add_typer(acceptance.app)
Code = Annotated[str, typer.Argument(metavar="CODE", help="The voucher's code as printed.")]
CodeOrNumber = Annotated[str, typer.Argument(metavar="CODE", help="The voucher's code as printed, or its number (V9).")]


@writing(app, "issue", example="timebank voucher issue M0012 --offer 1 --points 100")
def issue(
    door: Writing,
    member: MemberNo,
    offer: Annotated[int | None, typer.Option(help="Number of the offer, see timebank offer list.")] = None,
    points: Annotated[str | None, typer.Option(help="How many points to hold; a discount has a fixed price.")] = None,
    quote: Annotated[int | None, typer.Option(help="A quote that says offer and points, see timebank voucher quote.")] = None,
    days: Annotated[int | None, typer.Option(help="How many days it lives; 30 if left out.")] = None,
    slip: Annotated[Path | None, typer.Option(help="Write the slip here, a page to print (HTML).")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the QR code here, as a picture (PNG).")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write the QR code here, as a drawing (SVG).")] = None,
) -> None:
    """Hold a member's points for an offer and print the voucher; its code is shown this once."""
    if (offer is None) == (quote is None):
        raise Invalid(say("Name an offer or a quote, one of the two."), "offer_missing", say("Add for example --offer 1."))
    files, told = Files(slip, png, svg), list[Paper | None]()

    def work(session: Session, act: Act) -> dict[str, Any]:
        held = parse_points(points, door.community(session).points_decimals) if points is not None else None
        files.check()
        issued = redemption.issue(session, act, Request(member, offer or 0, held, days, quote), door.pepper())
        told[:] = [drawn_up(door, session, act, issued)]  # of the last try: what the database took back is done again
        voucher = issued.voucher
        terms = {"points": voucher.points, "most_fen": voucher.fen, "expires_on": voucher.expires_on.isoformat()}
        return {"voucher": voucher.number, "member": member, **terms}

    receipt = door.once("voucher.issue", work).receipt
    give_out(door, receipt, told[0] if told else None, files)


@reading(app, "show", example="timebank voucher show V9")
def show(door: Door, code: CodeOrNumber) -> None:
    """Tell the whole story of a voucher: what it is, and everything that befell it."""
    with door.reading() as (session, community):
        voucher = issuers.named(session, community.id, code, door.pepper())
        standing = vouchers.standing(session, voucher, door.today(community))
        member = members.get(session, community.id, voucher.member_id)
        shop = merchants.get(session, community.id, voucher.merchant_id)
        taken = standing.resolution is not None and standing.resolution.outcome == "captured"
        explained = redemption.captured(session, community.id, voucher.id).explained if taken else ()
        events = voucher_story.of(session, voucher, community.points_decimals)
        rows = [_event(door, session, community, event) for event in events]
        decimals = community.points_decimals
    found: dict[str, Any] = {
        **_named(voucher, member.number, shop.number),
        "state": standing.state,
        "points": voucher.points,
        "issued_on": voucher.issued_on.isoformat(),
        "expires_on": voucher.expires_on.isoformat(),
        "explanation": [text(step, door.lang) for step in explained],
    }
    if standing.resolution:
        resolution, left = standing.resolution, standing.left
        found |= {"resolved_on": resolution.day.isoformat(), "bill_fen": resolution.bill_fen}
        found |= {"benefit_fen": resolution.benefit_fen, "points_used": resolution.points}
        found |= {"left": {"points": left.points, "off_fen": left.off_fen, "claim_fen": left.claim_fen}}
    if not door.screen.data({**found, "events": rows}):
        door.screen.facts(
            say("Voucher {number}", number=voucher.number),
            [
                (say("state"), STATES[standing.state]),
                (say("member"), member.number),
                (say("merchant"), f"{shop.name} ({shop.number})"),
                (say("points held"), points_text(voucher.points, decimals)),
                (say("code ends in"), voucher.code_tail),
                (say("issued on"), found["issued_on"]),
                (say("good until"), found["expires_on"]),
                *((say("how it came about"), step) for step in explained),
            ],
        )
        columns = (say("when"), say("what"), say("done by"), say("entry"), say("approval number"))
        shown = [tuple(row[name] for name in ("at", "told", "by", "entry", "approval_number")) for row in rows]
        door.screen.table(say("What befell it"), columns, shown)


def _event(door: Door, session: Session, community: Community, event: voucher_story.Event) -> dict[str, Any]:
    """One row of a voucher's story, its moment in the community's own time."""
    signed = [clerks.get(session, community.id, number).number for number in (event.actor, event.approver) if number]
    number = approval_numbers.number_of(door.pepper(), community.code, event.seq) if event.via == "phone" else ""
    return {
        "at": f"{event.at.astimezone(ZoneInfo(community.timezone)):%Y-%m-%d %H:%M}",
        "kind": event.kind,
        "told": text(event.told, door.lang),
        "by": ", ".join(signed),
        "entry": f"E{event.seq:06d}",
        "approval_number": number,
    }


def _named(voucher: Voucher, member: str, merchant: str) -> dict[str, Any]:
    return {
        "voucher": voucher.number,
        "member": member,
        "merchant": merchant,
        "offer": voucher.offer_id,
        "tail": voucher.code_tail,
    }


@reading(app, "list", example="timebank voucher list --member M0012")
def list_(door: Door, member: Annotated[str | None, typer.Option(help="Only this member.")] = None) -> None:
    """List a member's vouchers, or all that are open; only the last four characters of a code are ever shown."""
    with door.reading() as (session, community):
        today, numbers = door.today(community), {m.id: m.number for m in members.listed(session, community.id)}
        if member:
            standings = vouchers.of_member(session, community.id, members.find(session, community.id, member).id, today)
        else:
            standings = [vouchers.standing(session, v, today) for v in vouchers.unresolved(session, community.id)]
        decimals = community.points_decimals
    rows = [
        (v.number, numbers[v.member_id], v.offer_id, v.points, v.code_tail, v.expires_on.isoformat(), standing.state)
        for standing in standings
        for v in (standing.voucher,)
    ]
    names = ("voucher", "member", "offer", "points", "tail", "expires_on", "state")
    if not door.screen.data([dict(zip(names, row, strict=True)) for row in rows]):
        columns = (say("voucher"), say("member"), say("offer"), say("points held"), say("code ends in"), say("good until"))
        shown = [(*row[:3], points_text(row[3], decimals), *row[4:6], STATES[row[6]]) for row in rows]
        door.screen.table(say("Vouchers ({count})", count=len(rows)), (*columns, say("state")), shown)


@reading(app, "verify", example="timebank voucher verify 7K3M-9QPA-X2DT --merchant S001")
def verify(door: Door, code: Code, merchant: MerchantOption) -> None:
    """Tell a merchant whether a voucher is good there; changes nothing."""
    with door.reading() as (session, community):
        good = redemption.verify(session, community.id, code, merchant, door.pepper(), door.today(community))
        owner = members.get(session, community.id, good.member_id)
        name = mask_name(persons.get(session, community.id, owner.person_id).name)
    found = {
        "voucher": good.number,
        "good": True,
        "name": name,
        "words": text(good.words, door.lang),
        "most_fen": good.most_fen,
    }
    if not door.screen.data({**found, "expires_on": good.expires_on.isoformat()}):
        door.screen.facts(
            say("Voucher {number} is good here", number=good.number),
            [
                (say("name"), name),
                (say("what it gives"), good.words),
                (say("most it takes off"), say("{yuan} yuan", yuan=benefits.yuan(good.most_fen))),
                (say("good until"), good.expires_on.isoformat()),
            ],
        )


@writing(app, "capture", example="timebank voucher capture 7K3M-9QPA-X2DT --merchant S001 --bill 86.00")
def capture(
    door: Writing,
    code: Code,
    merchant: MerchantOption,
    bill: Annotated[str | None, typer.Option(help="The whole bill in yuan, for example 86.00; goods have none.")] = None,
    by_phone: Annotated[bool, typer.Option("--by-phone", help="The shop has called: give it an approval number.")] = False,
) -> None:
    """Redeem a voucher at its merchant's counter, once; the receipt shows the arithmetic."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        counter = Counter(code, merchant, fen_of(bill) if bill else 0, "phone" if by_phone else "counter")
        done = redemption.capture(session, act, counter, door.pepper())
        resolution = done.resolution
        amounts = {"bill_fen": resolution.bill_fen, "benefit_fen": resolution.benefit_fen, "points": resolution.points}
        steps = [text(step, door.lang) for step in done.explained]
        made = {"voucher": done.voucher.number, **amounts, "explanation": steps, "entry": resolution.seq}
        if by_phone:
            made["approval_number"] = approval_numbers.number_of(door.pepper(), door.community(session).code, resolution.seq)
        return made

    receipt = door.once("voucher.capture", work).receipt
    if not door.screen.data(receipt):
        off = benefits.yuan(receipt["benefit_fen"])
        due = benefits.yuan(receipt["bill_fen"] - receipt["benefit_fen"])
        door.screen.facts(
            say("Voucher {number} is redeemed", number=receipt["voucher"]),
            [
                (say("off the bill"), say("{yuan} yuan", yuan=off)),
                (say("left to settle"), say("{yuan} yuan", yuan=due)),
                (say("points used"), points_text(receipt["points"], door.decimals())),
                (say("receipt"), f"E{receipt['entry']:06d}"),
                *((say("approval number"), receipt[name]) for name in ("approval_number",) if name in receipt),
                *((say("how it came about"), step) for step in receipt["explanation"]),
            ],
        )
        if by_phone:
            door.screen.note(say("Read the approval number out: the shop writes it on the slip."))


@writing(app, "void", example="timebank voucher void V9 --reason 居民改变主意\ntimebank voucher void --issued-under 8f0c2a")
def void(
    door: Writing,
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="The voucher's code as printed, or its number.")] = None,
    by: moves.PartyOption = moves.Party.CLERK,
    issued_under: Annotated[
        str | None, typer.Option(help="Instead of a code: the key of the command that asked for the voucher.")
    ] = None,
) -> None:
    """Void an open voucher: its points go back to the member, the fund's commitment to the fund."""
    if (code is None) == (issued_under is None):
        raise Invalid(
            say("Name one voucher, or the key under which it was asked for."),
            "which_voucher",
            say("See timebank voucher void --help"),
        )

    def work(session: Session, act: Act) -> dict[str, Any]:
        if code is None:
            found = redemption.cancel(session, act, issued_under or "")
            if found is None:
                return {"buried": issued_under}
            voucher = found.voucher
        else:
            voucher = issuers.named(session, act.community_id, code, door.pepper())
            redemption.void(session, act, voucher.id, by.value)
        return {"voucher": voucher.number, "points": voucher.points}

    receipt = door.once("voucher.void", work).receipt
    if door.screen.data(receipt):
        return
    if "buried" in receipt:
        door.screen.line(say("Nothing was issued under the key {key}, and nothing will be.", key=receipt["buried"]))
        return
    back = points_text(receipt["points"], door.decimals())
    door.screen.line(say("Voucher {number} is void; {points} points are back.", number=receipt["voucher"], points=back))


@writing(app, "expire", example="timebank voucher expire --due")
def expire(
    door: Writing,
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="A code or number; or --due for all.")] = None,
    due: Annotated[bool, typer.Option("--due", help="All vouchers past their last day.")] = False,
) -> None:
    """Release vouchers past their last day: their points go back to the members."""
    if due == (code is not None):
        raise Invalid(
            say("Name one voucher, or say --due for all."), "which_voucher", say("See timebank voucher expire --help")
        )

    def work(session: Session, act: Act) -> dict[str, Any]:
        if code is None:
            return {"expired": [voucher.number for voucher in redemption.expire_due(session, act)]}
        voucher = issuers.named(session, act.community_id, code, door.pepper())
        redemption.expire(session, act, voucher.id)
        return {"expired": [voucher.number]}

    receipt = door.once("voucher.expire", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Vouchers released: {count}", count=len(receipt["expired"])))


STATES = {
    "issued": say("open"),
    "captured": say("redeemed"),
    "disputed": say("disputed"),
    "part_refunded": say("given back in part"),
    "refunded": say("given back"),
    "voided": say("void"),
    "expired": say("expired"),
    "lapsed": say("past its last day"),
}
