"""`timebank hours …`."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import exchange, forms, hours, reviews, rulebooks, services
from timebank.base.act import Act
from timebank.base.i18n import say
from timebank.base.sheet_values import parse_day, parse_text
from timebank.benefits import points_text
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.imports import Import, run
from timebank.commands.options import Day, InputFile, MemberNo, Number, Partial, SaveRejects, SheetName, Why
from timebank.people import members
from timebank.services import Record

app = typer.Typer(add_completion=False)


class State(Enum):
    """What became of a record."""

    WAITING = "waiting"
    POSTED = "posted"
    REJECTED = "rejected"
    CORRECTED = "corrected"
    REVERSED = "reversed"


@writing(app, "record", example="timebank hours record M0012 --date 2026-10-03 --minutes 90 --category elder-care")
def record(
    door: Writing,
    member: MemberNo,
    date: Day,
    minutes: Annotated[str, typer.Option(help="How long: 90, 1.5小时, 1:30 or 14:00-15:30.")] = "",
    start: Annotated[str, typer.Option(help="When it began, for example 14:00.")] = "",
    end: Annotated[str, typer.Option(help="When it ended, for example 15:30.")] = "",
    category: Annotated[str, typer.Option(help="Category of the rule book.")] = "",
    activity: Annotated[str, typer.Option(help="Name of the activity.")] = "",
    activity_no: Annotated[str, typer.Option(help="Number of the activity.")] = "",
    place: Annotated[str, typer.Option(help="Where it was.")] = "",
    team: Annotated[str, typer.Option(help="Number of the team under which it was done.")] = "",
    programme: Annotated[str, typer.Option(help="The programme it belongs to.")] = "",
    team_size: Annotated[int, typer.Option(help="How many served together.", min=1)] = 1,
    kind: Annotated[str, typer.Option(help="How it is known: " + ", ".join(services.KINDS) + ".")] = "confirmed",
    ref: Annotated[str, typer.Option(help="Number of the paper record.")] = "",
) -> None:
    """Record one service of one member; the rule book turns it into points."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        starts, ends, served = exchange.span_of(minutes, start, end)
        wanted = Record(
            parse_text(member),
            parse_day(date),
            served,
            parse_text(category),
            ref=parse_text(ref),
            starts=starts,
            ends=ends,
            activity_no=parse_text(activity_no),
            team_size=team_size,
            kind=exchange.kind_of(parse_text(kind)),
            activity=parse_text(activity),
            place=parse_text(place),
            team=parse_text(team),
            programme=parse_text(programme),
        )
        outcome = hours.record(session, act, wanted)
        for warning in outcome.warnings:
            door.screen.warn(warning.message)
        return outcome.receipt()

    receipt = door.once("hours.record", work).receipt
    if door.screen.data(receipt):
        return
    if receipt["pending"]:
        door.screen.line(say("The service is recorded and waits for a second person (timebank inbox)."))
    elif receipt["repeated"]:
        door.screen.line(say("This service was recorded before; nothing was counted twice."))
    else:
        earned = points_text(receipt["points"], door.decimals())
        door.screen.line(say("Recorded: {minutes} minutes, {points} points.", minutes=receipt["minutes"], points=earned))


@writing(app, "import", example="timebank hours import attendance.csv --rows 120 --minutes 10800 --approver W0002")
def import_(
    door: Writing,
    file: InputFile,
    rows: Annotated[int | None, typer.Option("--rows", help="Control total: how many rows the file must have.")] = None,
    minutes: Annotated[int | None, typer.Option("--minutes", help="Control total: how many minutes in all.")] = None,
    partial: Partial = False,
    save_rejects: SaveRejects = None,
    sheet: SheetName = "",
) -> None:
    """Record the services of a sheet: ref, date, member_no, minutes or start and end, category, activity, place."""
    wanted = Import("hours.import", file, exchange.HOURS_COLUMNS, partial, save_rejects, rows, minutes, tab=sheet)
    run(door, wanted, exchange.hours_in)


@reading(app, "template", example="timebank hours template hours.xlsx")
def template(
    door: Door,
    to: Annotated[Path, typer.Argument(metavar="FILE", help="The .xlsx or .csv to write; it must not be there yet.")],
) -> None:
    """Write an empty sheet for services, with a row as an example, which hours import reads as it is."""
    with door.reading() as (session, community):
        day = door.today(community)
        joined = members.listed(session, community.id)
        published = rulebooks.shelf(session, community.id).on(day)
    category = next(iter(published.book.rate.by_category), "") if published else ""
    forms.write_hours(to, door.lang, joined[0].number if joined else "M0001", day, category)
    if not door.screen.data({"file": str(to)}):
        door.screen.line(say("{file} is written: fill it in, then timebank hours import {file}", file=to))


@writing(app, "approve", example="timebank hours approve 17 --as W0002")
def approve(door: Writing, number: Number) -> None:
    """Confirm a service that waits, as second person."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        posted = hours.approve(session, act, number)
        assert posted.award is not None, "an approved service is posted"
        return {"service": number, "entry": posted.seq, "points": posted.award.points}

    receipt = door.once("hours.approve", work).receipt
    if not door.screen.data(receipt):
        earned = points_text(receipt["points"], door.decimals())
        door.screen.line(say("Service {number} is confirmed: {points} points.", number=number, points=earned))


@writing(app, "reject", example="timebank hours reject 17 --why 签到表上没有 --as W0002")
def reject(door: Writing, number: Number, why: Why) -> None:
    """Turn down a service that waits."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        hours.reject(session, act, number, parse_text(why))
        return {"service": number}

    receipt = door.once("hours.reject", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Service {number} is turned down.", number=number))


@writing(app, "correct", example="timebank hours correct 17 --minutes 60 --reason 录错 --approver W0002")
def correct(
    door: Writing,
    number: Number,
    minutes: Annotated[int, typer.Option(help="The right minutes; 0 takes the service back.", min=0)],
    owe: Annotated[bool, typer.Option("--owe", help="Let points spent meanwhile be owed.")] = False,
) -> None:
    """Correct a posted service: the old entry is reversed and a new one made. Two people."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        return corrected(session, act, {"number": number, "minutes": minutes, "owe": owe})

    request = {"number": number, "minutes": minutes, "owe": owe}
    receipt = door.once_or_ask("hours.correct", f"hours:{number}", request, work).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(say("Service {number} is corrected to {minutes} minutes.", number=number, minutes=minutes))


def corrected(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out a correction that was asked for."""
    number, minutes = request["number"], request["minutes"]
    posted = hours.correct(session, act, number, minutes, owe=request["owe"])
    return {"service": number, "corrected": posted.number if posted else 0, "minutes": minutes}


def reviewed(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Give points above a cap, once a second person has said so."""
    return {"entry": reviews.give(session, act, request).seq, "points": request["points"]}


@reading(app, "list", example="timebank hours list --member M0012 --state waiting")
def list_(
    door: Door,
    member: Annotated[str | None, typer.Option(help="Only this member.")] = None,
    state: Annotated[
        State | None, typer.Option(help="Only this state: waiting, posted, rejected, corrected, reversed.")
    ] = None,
) -> None:
    """List services by day, with their numbers."""
    with door.reading() as (session, community):
        only = members.find(session, community.id, member).id if member else None
        found = services.listed(session, community.id, only, state.value if state else "")
        numbers = {m.id: m.number for m in members.listed(session, community.id)}
    names = ("service", "member", "date", "minutes", "category", "activity", "state", "points", "entry", "ref")
    rows = [
        (s.id, numbers[s.member_id], s.day.isoformat(), s.minutes, s.category, s.activity, s.state, s.points, s.seq, s.ref)
        for s in found
    ]
    if door.screen.data([dict(zip(names, row, strict=True)) for row in rows]):
        return
    decimals = door.decimals()
    columns = (
        *(say("number"), say("member"), say("date"), say("minutes"), say("category"), say("activity")),
        *(say("state"), say("points"), say("entry")),
    )
    shown = [
        (*row[:6], STATES[row[6]], points_text(row[7], decimals), "-" if row[8] is None else f"E{row[8]:06d}") for row in rows
    ]
    door.screen.table(say("Services ({count})", count=len(rows)), columns, shown)


STATES = {
    "waiting": say("waiting"),
    "posted": say("posted"),
    "rejected": say("rejected"),
    "corrected": say("corrected"),
    "reversed": say("reversed"),
}
