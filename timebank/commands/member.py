"""`timebank member …`."""

from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import exchange, ledger
from timebank.base.act import Act
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.base.masking import mask_birth_date, mask_name, mask_phone
from timebank.base.sheet_values import parse_day, parse_text
from timebank.benefits import points_text
from timebank.commands.clerk import STATES
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.imports import Import, run
from timebank.commands.options import InputFile, MemberNo, Partial, SaveRejects, SheetName
from timebank.people import members, persons
from timebank.people.members import Newcomer
from timebank.people.persons import Card

app = typer.Typer(add_completion=False)


@writing(app, "add", example="timebank member add 张小三 --grid 第一网格 --joined 2026-03-08")
def add(
    door: Writing,
    name: Annotated[str, typer.Argument(help="The member's name.")],
    number: Annotated[str, typer.Option(help="Member number; the next free one if left out.")] = "",
    joined: Annotated[str | None, typer.Option(help="Day of joining; today if left out.")] = None,
    grid: Annotated[str, typer.Option(help="Grid or compound.")] = "",
    phone: Annotated[str | None, typer.Option(help="Phone; kept apart, never in the book.")] = None,
    birth_date: Annotated[str | None, typer.Option(help="Birth date, where the rules ask for an age; kept apart.")] = None,
) -> None:
    """Register a member and open the accounts for minutes, points and credits."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        today = act.today(door.community(session).timezone)
        joined_on = parse_day(joined) if joined else today
        born = parse_day(birth_date) if birth_date else None
        card = Card(parse_text(name), parse_text(phone) if phone else None, birth_date=born)
        newcomer = Newcomer(parse_text(number), card, joined_on, parse_text(grid))
        joined_members, outcome = members.join(session, act, [newcomer])
        if outcome.rejected:
            finding = outcome.rejected[0]
            raise Invalid(finding.message, finding.code, finding.hint)
        known = joined_members[0] if joined_members else members.find(session, act.community_id, number)
        return {"member": known.number}

    receipt = door.once("member.add", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Member {number} is registered.", number=receipt["member"]))


@writing(app, "import", example="timebank member import members.csv --dry-run")
def import_(
    door: Writing, file: InputFile, partial: Partial = False, save_rejects: SaveRejects = None, sheet: SheetName = ""
) -> None:
    """Register the people of a sheet: member_no, name, joined_on, grid, phone (Chinese or English headers)."""
    run(door, Import("member.import", file, exchange.MEMBER_COLUMNS, partial, save_rejects, tab=sheet), exchange.members_in)


@reading(app, "list", example="timebank member list --grid 第一网格")
def list_(door: Door, grid: Annotated[str, typer.Option(help="Only this grid.")] = "") -> None:
    """List members with masked names."""
    with door.reading() as (session, community):
        people = persons.names(session, community.id)
        found = [m for m in members.listed(session, community.id) if not grid or m.grid == grid]
    rows = [(m.number, mask_name(people[m.person_id]), m.joined_on.isoformat(), m.grid, m.state) for m in found]
    names = ("member", "name", "joined_on", "grid", "state")
    if not door.screen.data([dict(zip(names, row, strict=True)) for row in rows]):
        columns = (say("member"), say("name"), say("joined on"), say("grid"), say("state"))
        shown = [(*row[:4], STATES[row[4]]) for row in rows]
        door.screen.table(say("Members ({count})", count=len(rows)), columns, shown)


@reading(app, "show", example="timebank member show M0012")
def show(door: Door, number: MemberNo) -> None:
    """Show one member: masked name, joining, minutes and points."""
    with door.reading() as (session, community):
        member = members.find(session, community.id, number)
        person = persons.card(session, community.id, member.person_id)
        today = door.today(community)
        minutes = ledger.balance(session, community.id, member.holder, "minutes", today=today).total
        points = ledger.balance(session, community.id, member.holder, "points", today=today)
        decimals = community.points_decimals
    found = {
        "member": member.number,
        "name": mask_name(person.name),
        "phone": mask_phone(person.phone or ""),
        "birth_date": mask_birth_date(person.born),
        "joined_on": member.joined_on.isoformat(),
        "grid": member.grid,
        "state": member.state,
        "minutes": minutes,
        "points": points.available,
    }
    if not door.screen.data(found):
        door.screen.facts(
            say("Member {number}", number=member.number),
            [
                (say("name"), found["name"]),
                (say("phone"), found["phone"] or "-"),
                (say("birth date"), found["birth_date"] or "-"),
                (say("joined on"), found["joined_on"]),
                (say("grid"), member.grid or "-"),
                (say("state"), STATES[member.state]),
                (say("minutes served"), minutes),
                (say("points available"), points_text(points.available, decimals)),
            ],
        )
