"""`timebank hours …`."""

from collections.abc import Sequence
from enum import Enum
from functools import partial as partial_
from hashlib import file_digest
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import (
    attendance,
    complaints,
    exchange,
    forms,
    hanging,
    hours,
    notices,
    reviews,
    rulebooks,
    second_looks,
    services,
)
from timebank.attendance import Purpose
from timebank.base.act import Act
from timebank.base.errors import Invalid, NotFound
from timebank.base.i18n import Say, say, text
from timebank.base.sheet_values import parse_clock, parse_day, parse_text
from timebank.benefits import points_text
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.imports import Import, run
from timebank.commands.options import Day, InputFile, MemberNo, Number, Numbers, Partial, SaveRejects, SheetName, Why
from timebank.hanging import Hung, Standing
from timebank.hours import MINUTES_A_DAY_NAMED, Corrected, Fresh, Intake
from timebank.people import clerks, members
from timebank.services import STATES, Record, Service, clock

app = typer.Typer(add_completion=False)


class State(Enum):
    """What became of a record."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
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
    confirmed_by: Annotated[
        str, typer.Option("--confirmed-by", help="Who confirmed it on the spot: " + ", ".join(services.CONFIRMERS) + ".")
    ] = "",
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="A paper or photo of it: its hash is kept, never the file.")
    ] = None,
) -> None:
    """Record one service of one member; the rule book turns it into points."""
    hash_ = _hash_of(evidence) if evidence else ""

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
            confirmed_by=exchange.confirmer_of(parse_text(confirmed_by)),
            evidence=hash_,
        )
        outcome = hours.record(session, act, wanted)
        for warning in outcome.warnings:
            door.screen.warn(warning.message)
        return outcome.receipt()

    _show_recorded(door, door.once("hours.record", work).receipt)


def next_step(one: Hung) -> Say:
    """What comes next for a confirmed service."""
    if one.notice is None:
        return say("a notice about it")
    told = {"notice": one.notice.id, "until": one.notice.until}
    steps = {
        "due": say("notice {notice} has passed: timebank hours post --due", **told),
        "hangs": say("notice {notice} hangs until {until}", **told),
        "over": say("notice {notice} is over: timebank notice close {notice}", **told),
        "too_short": say("a longer notice than {notice}", **told),
        "stopped": say("notice {notice} was stopped: another one, or hours reject", **told),
        "changed": say("notice {notice} told of other records: timebank audit", **told),
    }
    return steps[one.standing]


def tell_what_to_notice(door: Door) -> None:
    """Which notices have to be posted next, for all that waits for one."""
    with door.reading() as (session, community):
        hung = hanging.listed(session, community.id, door.today(community))
        stretches = hanging.stretches(session, community.id, hung)
        days = notices.demanded(session, community.id, "hours") or notices.DAYS_USUAL
    for first, last in stretches:
        about = f"hours:{first}" if first == last else f"hours:{first}..{last}"
        door.screen.note(say("Next: timebank notice post {about} TEXT --days {days}", about=about, days=days))


def _show_recorded(door: Writing, receipt: dict[str, Any]) -> None:
    """What became of one record."""
    if door.screen.data(receipt):
        return
    if receipt["pending"]:
        door.screen.line(say("The service is recorded and waits for a second person (timebank inbox)."))
    elif "confirmed" in receipt:
        door.screen.line(say("The service is recorded and waits for a public notice."))
        tell_what_to_notice(door)
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
    notice: Annotated[
        bool, typer.Option("--notice", help="Post these services only after a public notice, even if none is demanded.")
    ] = False,
) -> None:
    """Record the services of a sheet: ref, date, member_no, minutes or start and end, category, activity, place."""
    wanted = Import("hours.import", file, exchange.HOURS_COLUMNS, partial, save_rejects, rows, minutes, tab=sheet)
    begin = Intake.begin_hanging if notice else Intake.begin
    receipt = run(door, wanted, partial_(exchange.hours_in, begin=begin))
    if "confirmed" in receipt and not door.dry_run:
        tell_what_to_notice(door)


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


At = Annotated[str, typer.Option("--at", help="The time, for example 14:00; by default now.")]


@writing(app, "sign-in", example="timebank hours sign-in M0012 --category elder-care --activity-no A12")
def sign_in(
    door: Writing,
    member: MemberNo,
    category: Annotated[str, typer.Option(help="Category of the rule book.")] = "",
    activity_no: Annotated[str, typer.Option(help="Number of the activity.")] = "",
    place: Annotated[str, typer.Option(help="Where it is.")] = "",
    team: Annotated[str, typer.Option(help="Number of the team under which it is done.")] = "",
    programme: Annotated[str, typer.Option(help="The programme it belongs to.")] = "",
    at: At = "",
) -> None:
    """Note that a member has come to serve."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        purpose = Purpose(*(parse_text(word) for word in (category, activity_no, place, team, programme)))
        came = attendance.sign_in(session, act, parse_text(member), purpose, parse_clock(at) if at else None)
        return {"sign_in": came.id, "date": came.day.isoformat(), "start": clock(came.starts)}

    receipt = door.once("hours.sign-in", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("{member} came at {time}.", member=member, time=receipt["start"]))


@writing(app, "sign-out", example="timebank hours sign-out M0012")
def sign_out(door: Writing, member: MemberNo, at: At = "") -> None:
    """Record the service of a member who came, up to now; on a later day a second person confirms the time."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        outcome = attendance.sign_out(session, act, parse_text(member), parse_clock(at) if at else None)
        for warning in outcome.warnings:
            door.screen.warn(warning.message)
        return outcome.receipt()

    _show_recorded(door, door.once("hours.sign-out", work).receipt)


@reading(app, "evidence", example="timebank hours evidence 17 sheet.jpg")
def evidence(door: Door, number: Number, file: InputFile) -> None:
    """Say whether a file is the one whose hash a service keeps."""
    given = _hash_of(file)
    with door.reading() as (session, community):
        kept = services.find(session, community.id, number).evidence
    if kept is None:
        raise NotFound(
            say("Service {number} has no evidence.", number=number),
            "no_evidence",
            say("It is given with timebank hours record --evidence FILE."),
        )
    if door.screen.data({"service": number, "sha256": kept, "same": kept == given}):
        return
    if kept == given:
        door.screen.line(say("{file} is the evidence of service {number}.", file=file.name, number=number))
    else:
        door.screen.line(say("{file} is not the evidence of service {number}.", file=file.name, number=number))


def _hash_of(file: Path) -> str:
    """The SHA-256 of a file (hex). Raises NotFound `no_file`."""
    if not file.is_file():
        raise NotFound(say("There is no file {file}.", file=str(file)), "no_file", say("Check its name and folder."))
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


@writing(app, "approve", example="timebank hours approve 17 18 19 --as W0002")
def approve(
    door: Writing,
    numbers: Numbers = None,
    all_of: Annotated[
        str, typer.Option("--all-of", help="All that wait of a sheet (its file) or of an activity (its number or name).")
    ] = "",
) -> None:
    """Confirm services that wait, as second person: all of them, or none."""
    wanted = sorted(set(numbers or ()))
    if bool(wanted) == bool(all_of):
        raise Invalid(say("Say which services: their numbers, or --all-of."), "no_numbers", say("See timebank hours review."))
    refs = exchange.refs_of(Path(all_of)) if all_of and Path(all_of).is_file() else None

    def work(session: Session, act: Act) -> dict[str, Any]:
        named, left = (wanted, ()) if wanted else second_looks.all_of(session, act, all_of if refs is None else refs)
        items = [hours.approve(session, act, number) for number in named]
        services_, hangs = _posted(items), [item.number for item in items if item.hangs]
        if len(wanted) == 1:
            return services_[0] if services_ else {"service": wanted[0], "confirmed": hangs}
        more = {"confirmed": hangs} if hangs else {}
        return {"services": services_, "points": sum(s["points"] for s in services_), "left": list(left), **more}

    receipt = door.once("hours.approve", work).receipt
    if not door.screen.data(receipt):
        _show_approved(door, receipt)


def _posted(items: Sequence[Fresh]) -> list[dict[str, Any]]:
    """The services that were posted, as a receipt has them."""
    return [{"service": item.number, "entry": item.seq, "points": item.award.points} for item in items if item.award]


def _show_approved(door: Writing, receipt: dict[str, Any]) -> None:
    """What became of services that were confirmed."""
    hangs = len(receipt.get("confirmed", ()))
    if hangs:
        door.screen.line(say("Services confirmed that wait for a public notice: {count}.", count=hangs))
        tell_what_to_notice(door)
    if "service" in receipt and not hangs:
        earned = points_text(receipt["points"], door.decimals())
        door.screen.line(say("Service {number} is confirmed: {points} points.", number=receipt["service"], points=earned))
    if receipt.get("services"):
        earned = points_text(receipt["points"], door.decimals())
        door.screen.line(say("Services confirmed: {count}, {points} points.", count=len(receipt["services"]), points=earned))
    if receipt.get("left"):
        shown = " ".join(map(str, receipt["left"]))
        door.screen.note(
            say("Days above {most} minutes are confirmed by number: {numbers}", most=MINUTES_A_DAY_NAMED, numbers=shown)
        )


@reading(app, "review", example="timebank hours review")
def review(door: Door) -> None:
    """List what needs a second look, and why: what waits, and what looks as if it were recorded twice."""
    with door.reading() as (session, community):
        looks = second_looks.listed(session, community.id, door.today(community))
    names = ("service", "member", "date", "minutes", "category", "state", "why", "other")
    rows = [(k.number, k.member, k.day.isoformat(), k.minutes, k.category, k.state, k.why, k.other) for k in looks]
    led = [{"team": look.team, "captain": look.captain} if look.why == ["no_sign_out"] else {} for look in looks]
    if door.screen.data([dict(zip(names, row, strict=True)) | more for row, more in zip(rows, led, strict=True)]):
        return
    columns = (say("number"), say("member"), say("date"), say("minutes"), say("category"), say("state"), say("why"))
    shown = [
        (*row[:5], LOOKS[row[5]], "; ".join(text(said, door.lang) for said in look.told))
        for row, look in zip(rows, looks, strict=True)
    ]
    door.screen.table(say("For a second look ({count})", count=len(rows)), columns, shown)
    if rows:
        door.screen.note(
            say("Confirm with timebank hours approve NUMBER …, turn down with timebank hours reject NUMBER --why REASON.")
        )


@writing(app, "post", example="timebank hours post --due --approver W0002")
def post(
    door: Writing,
    numbers: Numbers = None,
    due: Annotated[bool, typer.Option("--due", help="All whose public notice has passed.")] = False,
) -> None:
    """Post confirmed services whose public notice has passed: all of them, or none. Two people."""
    wanted, left = sorted(set(numbers or ())), list[int]()
    if bool(wanted) == due:
        raise Invalid(say("Say which services: their numbers, or --due."), "no_numbers", say("See timebank inbox."))
    if due:
        wanted, left = _due(door)
    request = {"numbers": wanted}

    def work(session: Session, act: Act) -> dict[str, Any]:
        if not wanted:
            missing = say("No service is due: none waits whose notice has passed.")
            own = say("Services of clerks are posted by number: {numbers}", numbers=" ".join(map(str, left)))
            raise NotFound(missing, "nothing_due", own if left else say("See timebank inbox."))
        return posted(session, act, request) | ({"left": left} if due else {})

    subject = f"hours:{wanted[0]}..{wanted[-1]}" if wanted else "hours:"
    receipt = door.once_or_ask("hours.post", subject, request, work).receipt
    if door.screen.data(receipt):
        return
    if "waiting" not in receipt:
        earned = points_text(receipt["points"], door.decimals())
        door.screen.line(say("Services posted: {count}, {points} points.", count=len(receipt["services"]), points=earned))
    if left:
        shown = " ".join(map(str, left))
        door.screen.note(say("Left, as nobody approves hours of their own; post them by number: {numbers}", numbers=shown))


def _due(door: Writing) -> tuple[list[int], list[int]]:
    """What is due, and what of it is left because it is of somebody who may be the one to approve it."""
    with door.reading() as (session, community):
        known = clerks.listed(session, community.id)
        actor = door.config.clerk or "W0001"
        second = clerks.find(session, community.id, door.approver).id if door.approver else None
        asker = clerks.find(session, community.id, actor).id
        may = [c for c in known if (c.id == second if second else c.id != asker)]
        hung = hanging.listed(session, community.id, door.today(community))
    return hanging.due(hung, {clerk.member_id for clerk in may if clerk.member_id is not None})


def posted(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Post the services that were asked for."""
    made = _posted(hanging.post(session, act, request["numbers"]))
    return {"services": made, "points": sum(one["points"] for one in made)}


@writing(app, "reject", example="timebank hours reject 17 --why 签到表上没有 --as W0002")
def reject(door: Writing, number: Number, why: Why) -> None:
    """Turn down a service that waits for a second person; one that waits for a notice or hangs out already, by two people."""
    reason = parse_text(why)
    request = {"number": number, "why": reason}

    def work(session: Session, act: Act) -> dict[str, Any]:
        hours.reject(session, act, number, reason)
        return {"service": number}

    with door.reading() as (session, community):
        hangs = services.find(session, community.id, number).state == "confirmed"
    if hangs:
        subject = f"hours:{number}"
        receipt = door.once_or_ask(hanging.REJECT, subject, request, lambda s, a: turned_down(s, a, request)).receipt
    else:
        receipt = door.once(hanging.REJECT, work).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(say("Service {number} is turned down.", number=number))


def turned_down(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Turn down a confirmed service as it was asked for."""
    hanging.reject(session, act, request["number"], request["why"])
    return {"service": request["number"]}


@writing(app, "complaint", example="timebank hours complaint 17 --why 服务对象投诉属实 --approver W0002")
def complaint(
    door: Writing,
    number: Number,
    why: Why,
    owe: Annotated[bool, typer.Option("--owe", help="Let points spent meanwhile be owed.")] = False,
) -> None:
    """Uphold a complaint about a service: under a rule book with [penalty] it earns nothing. Two people."""
    request = {"number": number, "why": parse_text(why), "owe": owe}
    receipt = door.once_or_ask(complaints.KIND, f"hours:{number}", request, lambda s, a: upheld(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        earned = points_text(receipt["points"], door.decimals())
        door.screen.line(say("Service {number} earns nothing: {points} points are taken back.", number=number, points=earned))


def upheld(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Uphold a complaint as it was asked for."""
    number = request["number"]
    return {"service": number, "points": complaints.uphold(session, act, number, request["why"], owe=request["owe"])}


@writing(app, "correct", example="timebank hours correct 17 --minutes 60 --reason 录错 --approver W0002")
def correct(
    door: Writing,
    number: Number,
    minutes: Annotated[int | None, typer.Option(help="The right minutes; 0 takes the service back.", min=0)] = None,
    date: Annotated[str, typer.Option("--date", help="The right day.")] = "",
    start: Annotated[str, typer.Option(help="When it began, for example 14:00.")] = "",
    end: Annotated[str, typer.Option(help="When it ended, for example 15:30.")] = "",
    category: Annotated[str | None, typer.Option(help="Category of the rule book.")] = None,
    activity: Annotated[str | None, typer.Option(help="Name of the activity.")] = None,
    activity_no: Annotated[str | None, typer.Option(help="Number of the activity.")] = None,
    place: Annotated[str | None, typer.Option(help="Where it was.")] = None,
    team: Annotated[str | None, typer.Option(help="Number of the team under which it was done.")] = None,
    programme: Annotated[str | None, typer.Option(help="The programme it belongs to.")] = None,
    team_size: Annotated[int | None, typer.Option(help="How many served together.", min=1)] = None,
    kind: Annotated[str | None, typer.Option(help="How it is known: " + ", ".join(services.KINDS) + ".")] = None,
    owe: Annotated[bool, typer.Option("--owe", help="Let points spent meanwhile be owed.")] = False,
) -> None:
    """Correct a posted service: the old entry is reversed and a new one made. Two people."""
    words = {"category": category, "activity": activity, "activity_no": activity_no, "place": place}
    words |= {"team": team, "programme": programme}
    changes: dict[str, Any] = {name: parse_text(word) for name, word in words.items() if word is not None}
    changes |= {} if team_size is None else {"team_size": team_size}
    changes |= {} if kind is None else {"kind": exchange.kind_of(parse_text(kind))}
    changes |= {"day": parse_day(date).isoformat()} if date else {}
    if start and end:
        changes |= dict(zip(("starts", "ends", "minutes"), exchange.span_of(str(minutes or ""), start, end), strict=True))
    elif start:
        changes["starts"] = parse_clock(start)
    elif end:
        raise Invalid(say("An end needs a beginning."), "no_start", say("Give --start too."))
    request: dict[str, Any] = {"number": number, "owe": owe}
    request |= {} if minutes is None else {"minutes": minutes}
    request |= {"changes": changes} if changes else {}
    if len(request) == 2:
        raise Invalid(
            say("It is not said what is to be corrected."), "nothing_to_correct", say("Give --minutes or another one.")
        )
    told: list[Corrected] = []

    def work(session: Session, act: Act) -> dict[str, Any]:
        told.append(_corrected(session, act, request))
        return _receipt(request, told[-1])

    receipt = door.once_or_ask("hours.correct", f"hours:{number}", request, work).receipt
    if door.screen.data(receipt) or "waiting" in receipt:
        return
    door.screen.line(say("Service {number} is corrected to {minutes} minutes.", number=number, minutes=receipt["minutes"]))
    if told:
        _show_changes(door, told[-1])


def _show_changes(door: Writing, done: Corrected) -> None:
    """What was before and what is now, field by field where they differ."""
    decimals, after = door.decimals(), done.after
    rows: list[tuple[Say, str, str]] = []
    if after is not None:
        old, new = _shown(done.before), _shown(after.record)
        rows.extend((FIELDS[name], old[name], new[name]) for name in FIELDS if old[name] != new[name])
    points = after.award.points if after is not None and after.award else 0
    rows.append((say("points"), points_text(done.points, decimals), points_text(points, decimals)))
    door.screen.table(say("What changed"), (say("field"), say("before"), say("now")), rows)


def _shown(record: Record) -> dict[str, str]:
    """A record's fields as a person reads them."""
    span = "" if record.starts is None or record.ends is None else f"{clock(record.starts)}-{clock(record.ends)}"
    fields = {name: str(getattr(record, name)) for name in FIELDS if name != "span"}
    return {**fields, "span": span}


def corrected(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out a correction that was asked for."""
    return _receipt(request, _corrected(session, act, request))


def _corrected(session: Session, act: Act, request: dict[str, Any]) -> Corrected:
    changes = dict(request.get("changes", {}))
    if "day" in changes:
        changes["day"] = parse_day(changes["day"])
    return hours.correct(session, act, request["number"], request.get("minutes"), changes, owe=request["owe"])


def _receipt(request: dict[str, Any], done: Corrected) -> dict[str, Any]:
    after = done.after
    minutes = after.record.minutes if after else 0
    return {"service": request["number"], "corrected": after.number if after else 0, "minutes": minutes}


def reviewed(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Give points above a cap, once a second person has said so."""
    return {"entry": reviews.give(session, act, request).seq, "points": request["points"]}


@reading(app, "list", example="timebank hours list --member M0012 --state waiting")
def list_(
    door: Door,
    member: Annotated[str | None, typer.Option(help="Only this member.")] = None,
    state: Annotated[
        State | None, typer.Option(help="Only this state: waiting, confirmed, posted, rejected, corrected, reversed.")
    ] = None,
) -> None:
    """List services by day, with their numbers."""
    with door.reading() as (session, community):
        only = members.find(session, community.id, member).id if member else None
        found = services.listed(session, community.id, only, state.value if state else "")
        numbers = {m.id: m.number for m in members.listed(session, community.id)}
        hung = {one.service.id: one for one in hanging.listed(session, community.id, door.today(community))}
    if door.screen.data([_listed(service, numbers[service.member_id], hung.get(service.id)) for service in found]):
        return
    decimals = door.decimals()
    columns = (
        *(say("number"), say("member"), say("date"), say("minutes"), say("category"), say("activity")),
        *(say("state"), say("points"), say("entry")),
    )
    shown = []
    for service in found:
        record = Record.of(service, numbers[service.member_id])
        known = [STATES[service.state], *filter(None, [CONFIRMED_BY.get(record.confirmed_by)])]
        if service.id in hung:
            known.append(STANDINGS[hung[service.id].standing])
        when = (record.day.isoformat(), _shown(record)["span"])
        within = (f"{record.activity_no} {record.activity}".strip(), f"{record.team} {record.programme}".strip())
        stands = "\n".join(text(said, door.lang) for said in known)
        points, entry = points_text(service.points, decimals), "-" if service.seq is None else f"E{service.seq:06d}"
        told = (record.minutes, record.category, _stacked(within), stands, points, entry)
        shown.append((service.id, record.member_no, _stacked(when), *told))
    door.screen.table(say("Services ({count})", count=len(shown)), columns, shown)


def _stacked(lines: Sequence[str]) -> str:
    """One below the other: side by side they would not stand in a hundred columns."""
    return "\n".join(filter(None, lines))


def _listed(service: Service, member: str, one: Hung | None) -> dict[str, Any]:
    """A service as the JSON of the list has it; `standing` and `notice` are told while it waits for a public notice."""
    r = Record.of(service, member)
    start, end = (None if at is None else clock(at) for at in (r.starts, r.ends))
    row = {"service": service.id, "member": member, "date": r.day.isoformat(), "minutes": r.minutes, "category": r.category}
    row |= {"activity": r.activity, "state": service.state, "points": service.points, "entry": service.seq, "ref": r.ref}
    row |= {"start": start, "end": end, "activity_no": r.activity_no, "place": r.place, "team": r.team}
    row |= {"programme": r.programme, "team_size": r.team_size, "kind": r.kind, "confirmed_by": r.confirmed_by}
    notice = one.notice.id if one and one.notice else None
    return row | {"standing": one.standing if one else None, "notice": notice}


STANDINGS: dict[Standing, Say] = {
    "due": say("notice passed"),
    "hangs": say("hangs out"),
    "over": say("notice over"),
    "changed": say("changed since"),
    "too_short": say("notice too short"),
    "stopped": say("notice stopped"),
    "unnoticed": say("no notice yet"),
}
CONFIRMED_BY = {"receiver": say("by receiver"), "organiser": say("by organiser"), "sign-in": say("by sign-in")}
LOOKS = {**STATES, "signed in": say("signed in")}
"""The states of what needs a second look."""
FIELDS = {
    "day": say("date"),
    "minutes": say("minutes"),
    "span": say("from - to"),
    "category": say("category"),
    "activity": say("activity"),
    "activity_no": say("number of the activity"),
    "place": say("place"),
    "team": say("team"),
    "programme": say("programme"),
    "team_size": say("people"),
    "kind": say("kind of record"),
}
