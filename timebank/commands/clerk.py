"""`timebank clerk …`."""

from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank.base.act import Act
from timebank.base.i18n import say
from timebank.base.masking import mask_name
from timebank.base.sheet_values import parse_text
from timebank.commands.door import Door, Writing, reading, writing
from timebank.people import clerks, members, persons

app = typer.Typer(add_completion=False)


@writing(app, "add", example="timebank clerk add 李晓梅 --member M0012")
def add(
    door: Writing,
    name: Annotated[str, typer.Argument(help="The clerk's name.")],
    number: Annotated[str, typer.Option(help="Clerk number; the next free one if left out.")] = "",
    member: Annotated[str | None, typer.Option(help="The member this clerk also is, if any.")] = None,
) -> None:
    """Register a clerk; one who also volunteers never confirms hours of their own."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        own = members.find(session, act.community_id, member).id if member else None
        clerk = clerks.add(session, act, [parse_text(name)], number, own)[0]
        return {"clerk": clerk.number}

    receipt = door.once("clerk.add", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Clerk {number} is registered.", number=receipt["clerk"]))


@writing(app, "rename", example="timebank clerk rename W0001 李晓梅")
def rename(
    door: Writing,
    number: Annotated[str, typer.Argument(metavar="CLERK", help="Clerk number, for example W0001.")],
    name: Annotated[str, typer.Argument(help="The clerk's name.")],
) -> None:
    """Give a clerk's right name; the number stays."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        clerk = clerks.find(session, act.community_id, number)
        clerks.rename(session, act, clerk, parse_text(name))
        return {"clerk": clerk.number}

    receipt = door.once("clerk.rename", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Clerk {number} has the new name.", number=receipt["clerk"]))


@reading(app, "list", example="timebank clerk list")
def list_(door: Door) -> None:
    """List all clerks."""
    with door.reading() as (session, community):
        people = persons.names(session, community.id)
        rows = [(c.number, mask_name(people[c.person_id]), c.state) for c in clerks.listed(session, community.id)]
    if not door.screen.data([dict(zip(("clerk", "name", "state"), row, strict=True)) for row in rows]):
        shown = [(number, name, STATES[state]) for number, name, state in rows]
        door.screen.table(say("Clerks"), (say("clerk"), say("name"), say("state")), shown)


@reading(app, "show", example="timebank clerk show W0001")
def show(door: Door, number: Annotated[str, typer.Argument(metavar="CLERK", help="Clerk number, for example W0001.")]) -> None:
    """Show one clerk."""
    with door.reading() as (session, community):
        clerk = clerks.find(session, community.id, number)
        name = mask_name(persons.names(session, community.id)[clerk.person_id])
        own = members.get(session, community.id, clerk.member_id).number if clerk.member_id else ""
    found = {"clerk": clerk.number, "name": name, "state": clerk.state, "since": clerk.since.date().isoformat(), "member": own}
    if not door.screen.data(found):
        door.screen.facts(
            say("Clerk {number}", number=clerk.number),
            [
                (say("name"), name),
                (say("state"), STATES[clerk.state]),
                (say("since"), found["since"]),
                (say("also member"), own or "-"),
            ],
        )


STATES = {"active": say("active"), "paused": say("paused"), "left": say("left")}
