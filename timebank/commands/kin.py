"""`timebank kin …`."""

from enum import Enum
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank.base.act import Act
from timebank.base.i18n import Say, say
from timebank.base.sheet_values import parse_day
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import MemberNo, Number
from timebank.people import kin, members

app = typer.Typer(add_completion=False)


class Kind(Enum):
    """What the first member is to the second."""

    SPOUSE = "spouse"
    PARENT = "parent"
    CHILD = "child"
    SIBLING = "sibling"
    HOUSEHOLD = "household"
    OTHER = "other"


@writing(app, "add", example="timebank kin add M0012 M0015 --kind spouse --approver W0002")
def add(
    door: Writing,
    member: MemberNo,
    other: Annotated[str, typer.Argument(metavar="MEMBER2", help="The other one's member number.")],
    kind: Annotated[
        Kind, typer.Option(help="What the first is to the second: spouse, parent, child, sibling, household, other.")
    ],
    since: Annotated[str | None, typer.Option(help="Since when; today if left out.")] = None,
) -> None:
    """Say that two members are kin: gifts within a family hang on it. Two people, neither of the two among who confirms."""
    request = {"member": member, "other": other, "kind": kind.value} | ({"since": since} if since else {})
    subject = f"kin:{members_named(door, member, other)}"
    receipt = door.once_or_ask("kin.add", subject, request, lambda s, a: added(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        told = say("{a} and {b} are kin from now on, under number {number}.", a=member, b=other, number=receipt["kin"])
        door.screen.line(told)


def members_named(door: Door, *numbers: str) -> str:
    """The printed numbers of members, for who is asked to confirm: 'M0012+M0015'. Raises NotFound `unknown_member`."""
    with door.reading() as (session, community):
        return "+".join(members.find(session, community.id, number).number for number in numbers)


def added(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Make a link that was asked for."""
    a, b = (members.find(session, act.community_id, request[name]).id for name in ("member", "other"))
    since = parse_day(request["since"]) if "since" in request else None
    return {"kin": kin.add(session, act, kin.Wish(a, b, request["kind"], since)).id}


@writing(app, "end", example="timebank kin end 3 --reason 已离婚 --approver W0002")
def end(door: Writing, number: Number) -> None:
    """End a link between two members; today is its last day. Two people."""
    request = {"kin": number}
    receipt = door.once_or_ask("kin.end", f"kin:{number}", request, lambda s, a: ended(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(say("Link {number} ends today.", number=number))


def ended(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """End a link as it was asked for."""
    link = kin.end(session, act, request["kin"])
    return {"kin": link.id, "until": str(link.until)}


def about(session: Session, community_id: int, request: dict[str, Any]) -> Say:
    """What a second person needs to see of a link that is to be made or ended."""
    if "member" in request:
        told = {"a": request["member"], "kind": KINDS[request["kind"]], "b": request["other"]}
        since = request.get("since")
        return (
            say("{a} is the {kind} of {b} since {since}", **told, since=since)
            if since
            else say("{a} is the {kind} of {b}", **told)
        )
    link = kin.find(session, community_id, request["kin"])
    a, b = (members.get(session, community_id, number).number for number in (link.a, link.b))
    return say("{a} is no {kind} of {b} any more", a=a, kind=KINDS[link.kind], b=b)


@reading(app, "list", example="timebank kin list --member M0012")
def list_(door: Door, member: Annotated[str | None, typer.Option(help="Only this member.")] = None) -> None:
    """List who is kin to whom, those that ended too."""
    with door.reading() as (session, community):
        only = members.find(session, community.id, member).id if member else None
        numbers = {m.id: m.number for m in members.listed(session, community.id)}
        found = kin.listed(session, community.id, only)
    rows = [
        (link.id, numbers[link.a], link.kind, numbers[link.b], link.since.isoformat(), str(link.until or "")) for link in found
    ]
    if not door.screen.data([dict(zip(NAMES, row, strict=True)) for row in rows]):
        columns = (say("number"), say("member"), say("is the"), say("of"), say("since"), say("until"))
        shown = [(row[0], row[1], KINDS[row[2]], *row[3:]) for row in rows]
        door.screen.table(say("Kin ({count})", count=len(rows)), columns, shown)


NAMES = ("kin", "member", "kind", "of", "since", "until")
KINDS = {
    "spouse": say("spouse"),
    "parent": say("parent"),
    "child": say("child"),
    "sibling": say("sibling"),
    "household": say("housemate"),
    "other": say("other kin"),
}
