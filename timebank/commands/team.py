"""`timebank team …`."""

from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import ledger
from timebank.base.act import Act
from timebank.base.i18n import say
from timebank.base.masking import mask_names
from timebank.base.sheet_values import parse_day, parse_text
from timebank.benefits import points_text
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import MemberNo
from timebank.people import members, persons, teams
from timebank.people.teams import NewTeam, Place, Team

app = typer.Typer(add_completion=False)
TeamNo = Annotated[str, typer.Argument(metavar="TEAM", help="Team number, for example T001.")]


class Role(Enum):
    """What a member is in a team."""

    MEMBER = "member"
    CAPTAIN = "captain"


@writing(app, "add", example="timebank team add 楼道清洁队 --captain M0012")
def add(
    door: Writing,
    name: Annotated[str, typer.Argument(help="The team's name.")],
    number: Annotated[str, typer.Option(help="Team number; the next free one if left out.")] = "",
    under: Annotated[str | None, typer.Option(help="The team it is a part of.")] = None,
    captain: Annotated[str | None, typer.Option(help="The member who leads it, from its first day on.")] = None,
    founded: Annotated[str | None, typer.Option(help="Since when it is there; today if left out.")] = None,
) -> None:
    """Found a team and open its account for points."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        parent = teams.find(session, act.community_id, under) if under else None
        wish = NewTeam(parse_text(name), parse_text(number), parent, parse_day(founded) if founded else None)
        team = teams.add(session, act, wish)
        if captain:
            teams.join(session, act, team, members.find(session, act.community_id, captain), "captain", team.founded_on)
        return {"team": team.number}

    receipt = door.once("team.add", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Team {number} is founded.", number=receipt["team"]))


@writing(app, "move", example="timebank team move T003 --under T001")
def move(
    door: Writing,
    team: TeamNo,
    under: Annotated[str | None, typer.Option(help="The team it is a part of now; none if left out.")] = None,
) -> None:
    """Put a team, with those below it, under another one from today on, or let it stand by itself."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        parent = teams.find(session, act.community_id, under) if under else None
        found = teams.find(session, act.community_id, team)
        teams.move(session, act, found, parent)
        return {"team": found.number, "under": parent.number if parent else ""}

    receipt = door.once("team.move", work).receipt
    if door.screen.data(receipt):
        return
    if receipt["under"]:
        door.screen.line(say("Team {team} is part of {under} from today on.", **receipt))
    else:
        door.screen.line(say("Team {team} stands by itself from today on.", team=receipt["team"]))


@writing(app, "rename", example="timebank team rename T001 楼道保洁队")
def rename(
    door: Writing,
    team: TeamNo,
    name: Annotated[str, typer.Argument(help="The team's name.")],
) -> None:
    """Give a team another name; the number stays."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        found = teams.find(session, act.community_id, team)
        teams.rename(session, act, found, parse_text(name))
        return {"team": found.number}

    receipt = door.once("team.rename", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Team {number} has the new name.", number=receipt["team"]))


@writing(app, "join", example="timebank team join T001 M0012 --since 2026-10-01")
def join(
    door: Writing,
    team: TeamNo,
    member: MemberNo,
    role: Annotated[Role, typer.Option(help="What the member is there: member or captain.")] = Role.MEMBER,
    since: Annotated[str | None, typer.Option(help="Since when; today if left out.")] = None,
) -> None:
    """Take a member into a team; somebody can be in several."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        found, person = teams.find(session, act.community_id, team), members.find(session, act.community_id, member)
        place = teams.join(session, act, found, person, role.value, parse_day(since) if since else None)
        return {"team": found.number, "member": person.number, "since": place.since.isoformat()}

    receipt = door.once("team.join", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("{member} is in {team} since {since}.", **receipt))


@writing(app, "leave", example="timebank team leave T001 M0012")
def leave(
    door: Writing,
    team: TeamNo,
    member: MemberNo,
    until: Annotated[str | None, typer.Option(help="The last day; today if left out.")] = None,
) -> None:
    """Let a member leave a team; what was served with it stays there."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        found, person = teams.find(session, act.community_id, team), members.find(session, act.community_id, member)
        place = teams.leave(session, act, found, person, parse_day(until) if until else None)
        return {"team": found.number, "member": person.number, "until": str(place.until)}

    receipt = door.once("team.leave", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("{member} is in {team} until {until}.", **receipt))


@reading(app, "list", example="timebank team list")
def list_(
    door: Door, on: Annotated[str | None, typer.Option("--on", help="As of this day; today if left out.")] = None
) -> None:
    """List the teams as a tree, with how many are in them."""
    with door.reading() as (session, community):
        day = parse_day(on) if on else door.today(community)
        tree = teams.tree(session, community.id, day)
        places = [place for place in teams.places(session, community.id) if place.covers(day)]
        numbers = {m.id: m.number for m in members.listed(session, community.id)}
    rows, marks = [], []
    for level, team in tree.below():
        own = [place for place in places if place.team == team.id]
        captains = ", ".join(numbers[place.member] for place in own if place.role == "captain")
        parent = tree.parent(team)
        rows.append((team.number, team.name, parent.number if parent else "", captains, len(own), team.founded_on.isoformat()))
        marks.append("  " * (level - 1) + "└ " if level else "")
    names = ("team", "name", "under", "captain", "members", "founded_on")
    if not door.screen.data([dict(zip(names, row, strict=True)) for row in rows]):
        columns = (say("team"), say("name"), say("captain"), say("members"), say("founded on"))
        shown = [(mark + number, name, *more) for mark, (number, name, _, *more) in zip(marks, rows, strict=True)]
        door.screen.table(say("Teams ({count})", count=len(rows)), columns, shown)


@reading(app, "show", example="timebank team show T001")
def show(door: Door, team: TeamNo) -> None:
    """Show one team: what it is part of, its points, who is and was in it, with masked names."""
    with door.reading() as (session, community):
        found = teams.find(session, community.id, team)
        chain = teams.tree(session, community.id, door.today(community)).above(found)[1:]
        places = teams.places(session, community.id, team=found.id)
        people = _people(session, community.id, places)
        points = ledger.balance(session, community.id, found.holder, "points", today=door.today(community)).available
        decimals = community.points_decimals
    rows = [(*people[p.member], p.role, p.since.isoformat(), str(p.until or "")) for p in places]
    told = {
        "team": found.number,
        "name": found.name,
        "under": chain[0].number if chain else "",
        "founded_on": found.founded_on.isoformat(),
        "points": points,
        "members": [dict(zip(NAMES, row, strict=True)) for row in rows],
    }
    if door.screen.data(told):
        return
    facts = [
        (say("name"), found.name),
        (say("part of"), _chain(chain) or "-"),
        (say("founded on"), told["founded_on"]),
        (say("points available"), points_text(points, decimals)),
    ]
    door.screen.facts(say("Team {number}", number=found.number), facts)
    columns = (say("member"), say("name"), say("role"), say("since"), say("until"))
    door.screen.table(say("Members ({count})", count=len(rows)), columns, [(*row[:2], ROLES[row[2]], *row[3:]) for row in rows])


def _people(session: Session, community_id: int, places: Iterable[Place]) -> dict[int, tuple[str, str]]:
    """Member number and masked name by the member's id."""
    wanted = {place.member for place in places}
    found = {m.id: m for m in members.listed(session, community_id) if m.id in wanted}
    names = persons.names(session, community_id)
    masked = mask_names({number: names[member.person_id] for number, member in found.items()})
    return {number: (member.number, masked[number]) for number, member in found.items()}


def _chain(chain: Iterable[Team]) -> str:
    return " < ".join(f"{team.number} {team.name}" for team in chain)


NAMES = ("member", "name", "role", "since", "until")
ROLES = {"member": say("member"), "captain": say("captain")}
