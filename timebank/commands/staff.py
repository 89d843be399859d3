"""`timebank staff …`."""

from enum import Enum
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank.base.act import Act
from timebank.base.i18n import Say, say
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.merchant import ROLES, MerchantNo
from timebank.commands.options import Number
from timebank.people import members, merchants, staff

app = typer.Typer(add_completion=False)


class Role(Enum):
    """What a member is to a shop."""

    OWNER = "owner"
    STAFF = "staff"
    KIN = "kin"


@writing(app, "add", example="timebank staff add S001 M0012 --role owner")
def add(
    door: Writing,
    merchant: MerchantNo,
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="Member number, for example M0012.")],
    role: Annotated[Role, typer.Option(help="owner, staff, or kin of who is.")],
) -> None:
    """Say that a member owns a shop, works there, or is kin of who does: nobody's vouchers are issued for their own shop."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        shop = merchants.find(session, act.community_id, merchant)
        person = members.find(session, act.community_id, member)
        link = staff.add(session, act, staff.Wish(shop.id, person.id, role.value))
        return {"staff": link.id, "merchant": shop.number, "member": person.number, "role": role.value}

    receipt = door.once("staff.add", work).receipt
    if not door.screen.data(receipt):
        told = say("{member} is on the list of {merchant}, under number {number}.", number=receipt["staff"], **_two(receipt))
        door.screen.line(told)


def _two(receipt: dict[str, Any]) -> dict[str, Any]:
    return {"member": receipt["member"], "merchant": receipt["merchant"]}


@writing(app, "end", example="timebank staff end 3 --reason 已离职 --approver W0002")
def end(door: Writing, number: Number) -> None:
    """Say that a member has left a shop; today is the last day. Two people, neither of them the member."""
    request = {"staff": number}
    receipt = door.once_or_ask("staff.end", f"staff:{number}", request, lambda s, a: ended(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(say("Number {number} of the list ends today.", number=number))


def ended(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """End a link as it was asked for."""
    link = staff.end(session, act, request["staff"])
    return {"staff": link.id, "until": str(link.until)}


def about(session: Session, community_id: int, request: dict[str, Any]) -> Say:
    """What a second person needs to see of a link that is to end."""
    link = staff.find(session, community_id, request["staff"])
    member = members.get(session, community_id, link.member_id).number
    merchant = merchants.get(session, community_id, link.merchant_id).number
    return say("{member} is no {role} of {merchant} any more", member=member, role=ROLES[link.role], merchant=merchant)


@reading(app, "list", example="timebank staff list --merchant S001")
def list_(door: Door, merchant: Annotated[str | None, typer.Option(help="Only this merchant's.")] = None) -> None:
    """List who owns which shop, works there, or is kin of who does; those that ended too."""
    with door.reading() as (session, community):
        only = merchants.find(session, community.id, merchant).id if merchant else None
        shops = {shop.id: shop.number for shop in merchants.listed(session, community.id)}
        people = {member.id: member.number for member in members.listed(session, community.id)}
        found = [link for link in staff.listed(session, community.id) if only in (None, link.merchant_id)]
    rows = [
        (one.id, shops[one.merchant_id], people[one.member_id], one.role, one.since.isoformat(), str(one.until or ""))
        for one in found
    ]
    if not door.screen.data([dict(zip(_NAMES, row, strict=True)) for row in rows]):
        columns = (say("number"), say("merchant"), say("member"), say("is the"), say("since"), say("until"))
        shown = [(*row[:3], ROLES[row[3]], *row[4:]) for row in rows]
        door.screen.table(say("Staff ({count})", count=len(rows)), columns, shown)


_NAMES = ("staff", "merchant", "member", "role", "since", "until")
