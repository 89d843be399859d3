"""`timebank notice …`."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import notices, rulebooks, services, workdays
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.errors import Invalid, NotFound
from timebank.base.i18n import Say, say
from timebank.base.masking import mask_name, mask_names
from timebank.base.sheet_values import parse_day, parse_text
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import InputFile, Number, Why, rule_text
from timebank.notices import NewNotice, Posted
from timebank.people import members, persons
from timebank.workdays import Year

app = typer.Typer(add_completion=False)
_FILE_BYTES_MAX = 1 << 20


class Result(Enum):
    """How an objection is decided."""

    UPHELD = "upheld"
    DISMISSED = "dismissed"


class State(Enum):
    """How a notice stands."""

    OPEN = "open"
    PASSED = "passed"
    STOPPED = "stopped"


@writing(app, "post", example="timebank notice post hours:17..45 十月服务时长公示 --where 社区公示栏 --days 5")
def post(
    door: Writing,
    about: Annotated[str, typer.Argument(metavar="SUBJECT", help="What it is about: hours:17..45, rules:2027.1, …")],
    what: Annotated[str, typer.Argument(metavar="TEXT", help="What the notice says, in a sentence.")],
    where: Annotated[str, typer.Option(help="Where it hangs.")] = "",
    days: Annotated[
        int | None, typer.Option(help="How many working days it hangs; if left out, as many as are demanded, or 5.")
    ] = None,
    begins: Annotated[str | None, typer.Option("--from", help="Its first day; today if left out.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Of a notice about rules: the rule book's file, whose text hangs out.")
    ] = None,
) -> None:
    """Post a public notice; its last day is counted by the calendar of working days."""
    text = rule_text(file) if file else None

    def work(session: Session, act: Act) -> dict[str, Any]:
        first, subject = parse_day(begins) if begins else None, parse_text(about)
        lasts = _usual(session, act, subject) if days is None else days
        binds = _content(session, act, subject, text, lasts)
        notice = notices.post(session, act, NewNotice(subject, parse_text(what), parse_text(where), lasts, first, binds))
        return {"notice": notice.id, "begins": notice.begins.isoformat(), "until": notice.until.isoformat()}

    receipt = door.once("notice.post", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Notice {notice} hangs from {begins} to {until}.", **receipt))


def _usual(session: Session, act: Act, subject: str) -> int:
    """How many working days a notice hangs that names none: as many as are demanded; of new rules by those of today."""
    kind, cid = subject.partition(":")[0], act.community_id
    if kind == "rules":
        return rulebooks.notice_days(session, cid, communities.today(session, act)) or notices.DAYS_USUAL
    return notices.demanded(session, cid, kind) or notices.DAYS_USUAL


def _content(session: Session, act: Act, subject: str, text: bytes | None, days: int) -> str:
    """What a notice about a subject binds: of hours the records, of rules the text.

    Raises NotFound `unknown_service`; Invalid `no_text_wanted`; and as `rulebooks.content_of`.
    """
    kind, _, numbers = subject.partition(":")
    if kind == "rules":
        return rulebooks.content_of(session, act, numbers, text, days)
    if text is not None:
        raise Invalid(
            say("Only a notice about rules binds a file, none about {subject}.", subject=subject),
            "no_text_wanted",
            say("Leave --file out, or write the subject like rules:2027.1."),
        )
    stretch = notices.stretch(numbers)
    return services.content_of(session, act.community_id, *stretch) if kind == "hours" and stretch else ""


@writing(app, "demand", example="timebank notice demand hours --days 7 --approver W0002")
def demand(
    door: Writing,
    about: Annotated[str, typer.Argument(metavar="SUBJECT", help="Of what a notice is demanded: hours.")],
    days: Annotated[int, typer.Option(help="How many working days it has to hang; 0 lifts the demand.")],
) -> None:
    """Demand a notice before hours are posted, from now on. Two people."""
    request = {"about": parse_text(about), "days": days}
    subject = f"demand:{request['about']}"
    receipt = door.once_or_ask("notice.demand", subject, request, lambda s, a: set_up(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(_demanded(receipt["about"], receipt["days"]))


def set_up(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Demand a notice as it was asked for."""
    made = notices.demand(session, act, request["about"], request["days"])
    return {"demand": made.id, "about": made.about, "days": made.days}


def _demanded(subject: str, days: int) -> Say:
    if days:
        return say("{subject}: posted only after a notice of at least {days} working days.", subject=subject, days=days)
    return say("{subject}: no notice is demanded any more; what waits for one goes on waiting for it.", subject=subject)


@writing(app, "object", example="timebank notice object 3 签到表上没有这个人 --by 李女士 --received 2026-10-22")
def object_(
    door: Writing,
    number: Number,
    what: Annotated[str, typer.Argument(metavar="TEXT", help="What is objected to, in a sentence.")],
    by: Annotated[str, typer.Option(help="Who objects; can be erased, and may stay unsaid.")] = "",
    received: Annotated[str | None, typer.Option(help="The day it came in; today if left out.")] = None,
) -> None:
    """Take down an objection to a notice; it has to be decided before the notice can be closed."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        day = parse_day(received) if received else None
        made = notices.object_(session, act, number, parse_text(what), parse_text(by), day)
        return {"objection": made.id, "notice": made.notice}

    receipt = door.once("notice.object", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Objection {objection} to notice {notice} is taken down.", **receipt))


@writing(app, "decide", example="timebank notice decide 2 --result dismissed --why 签到表核对无误 --approver W0002")
def decide(
    door: Writing,
    objection: Annotated[int, typer.Argument(metavar="OBJECTION", help="The objection's number.", min=0, max=10**10 - 1)],
    result: Annotated[Result, typer.Option(help="upheld: the notice is stopped; dismissed: it goes on.")],
    why: Why,
) -> None:
    """Decide an objection. Two people."""
    request = {"objection": objection, "result": result.value, "why": parse_text(why)}
    subject = f"objection:{objection}"
    receipt = door.once_or_ask("notice.decide", subject, request, lambda s, a: decided(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(say("Objection {number} is decided: {result}.", number=objection, result=RESULTS[result.value]))


def decided(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Decide an objection as it was asked for."""
    made = notices.decide(session, act, request["objection"], request["result"], request["why"])
    return {"objection": made.id, "notice": made.notice, "result": request["result"]}


@writing(app, "close", example="timebank notice close 3")
def close(door: Writing, number: Number) -> None:
    """Close a notice whose days are over and whose objections are decided."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        notice = notices.close(session, act, number)
        return {"notice": notice.id, "state": notice.state}

    receipt = door.once("notice.close", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Notice {number} is closed: {state}.", number=number, state=STATES[receipt["state"]]))


@writing(app, "holidays", example="timebank notice holidays examples/holidays/2026.json --approver W0002")
def holidays(door: Writing, file: InputFile) -> None:
    """Enter a year's days off and make-up working days, as the State Council announced them. Two people."""
    year = workdays.read(_calendar(file))
    request = {"year": year.year, "days_off": _days(year.days_off), "make_up_days": _days(year.make_up_days)}
    subject = f"calendar:{year.year}"
    receipt = door.once_or_ask("notice.holidays", subject, request, lambda s, a: entered(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(_counted(receipt["year"], receipt["days_off"], receipt["make_up_days"]))


def _calendar(file: Path) -> bytes:
    if not file.is_file():
        raise NotFound(say("There is no file {file}.", file=str(file)), "no_file", say("Check its name and folder."))
    if file.stat().st_size > _FILE_BYTES_MAX:
        raise Invalid(say("{file} is too large for a calendar.", file=file.name), "file_too_large", say("64 kB are the most."))
    return file.read_bytes()


def _days(days: tuple[Any, ...]) -> list[str]:
    return [day.isoformat() for day in days]


def entered(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Enter a calendar as it was asked for."""
    off, made_up = (tuple(parse_day(day) for day in request[name]) for name in ("days_off", "make_up_days"))
    workdays.add(session, act, Year(request["year"], off, made_up))
    return {"year": request["year"], "days_off": len(off), "make_up_days": len(made_up)}


def about(request: dict[str, Any]) -> Say:
    """What a second person needs to see of a decision, a demand or a calendar."""
    if "about" in request:
        return _demanded(request["about"], request["days"])
    if "year" in request:
        return _counted(request["year"], len(request["days_off"]), len(request["make_up_days"]))
    result = RESULTS[request["result"]]
    return say("objection {number}, {result}: {why}", number=request["objection"], result=result, why=request["why"])


def _counted(year: int, off: int, made_up: int) -> Say:
    return say(
        "{year} has {days_off} days off and {make_up_days} make-up working days.", year=year, days_off=off, make_up_days=made_up
    )


@reading(app, "list", example="timebank notice list --state open")
def list_(
    door: Door, state: Annotated[State | None, typer.Option(help="Only this state: open, passed, stopped.")] = None
) -> None:
    """List the notices."""
    with door.reading() as (session, community):
        found = [n for n in notices.listed(session, community.id) if state is None or n.state == state.value]
        told = notices.words(session, community.id, found)
        demanded = notices.demanded(session, community.id, "hours")
    rows = [(n.id, n.about, told[n.id][0], n.begins.isoformat(), n.until.isoformat(), n.state) for n in found]
    names = ("notice", "about", "what", "begins", "until", "state")
    if not door.screen.data([dict(zip(names, row, strict=True)) for row in rows]):
        columns = (say("number"), say("about"), say("what it says"), say("from"), say("to"), say("state"))
        shown = [(*row[:5], STATES[row[5]]) for row in rows]
        door.screen.table(say("Notices ({count})", count=len(rows)), columns, shown)
        if demanded:
            door.screen.note(_demanded("hours", demanded))


@reading(app, "show", example="timebank notice show 3")
def show(door: Door, number: Number) -> None:
    """Show one notice as it can hang out: what, where, how long; of hours whose, with masked names; objections."""
    with door.reading() as (session, community):
        notice = notices.find(session, community.id, number)
        made = notices.objections(session, community.id, number)
        ((what, where),) = notices.words(session, community.id, [notice]).values()
        said = notices.words(session, community.id, made)
        people = _served(session, community.id, notice)
    rows = [(o.id, o.received_on.isoformat(), mask_name(said[o.id][1]), said[o.id][0], o.result or "") for o in made]
    told = {
        "notice": notice.id,
        "about": notice.about,
        "what": what,
        "where": where,
        "begins": notice.begins.isoformat(),
        "until": notice.until.isoformat(),
        "days": notice.days,
        "state": notice.state,
        "people": [dict(zip(_SERVED, row, strict=True)) for row in people],
        "objections": [dict(zip(_OBJECTED, row, strict=True)) for row in rows],
    }
    if door.screen.data(told):
        return
    facts = [
        (say("what it says"), what or "-"),
        (say("where"), where or "-"),
        (say("about"), notice.about),
        (say("from"), told["begins"]),
        (say("to"), told["until"]),
        (say("working days"), notice.days),
        (say("state"), STATES[notice.state]),
    ]
    door.screen.facts(say("Notice {number}", number=number), facts)
    if people:
        headers = (say("number"), say("name"), say("date"), say("minutes"), say("category"), say("since then"))
        listed = [(*row[:5], SINCE.get(row[5], "")) for row in people]
        since = 6 if any(row[5] for row in listed) else 5
        door.screen.table(say("Services ({count})", count=len(people)), headers[:since], [row[:since] for row in listed])
    if rows:
        columns = (say("number"), say("received on"), say("by"), say("what it says"), say("decided"))
        shown = [(*row[:4], RESULTS.get(row[4], "-")) for row in rows]
        door.screen.table(say("Objections ({count})", count=len(rows)), columns, shown)


_SERVED = ("service", "name", "date", "minutes", "category", "state")
_OBJECTED = ("objection", "received_on", "by", "what", "result")


def _served(session: Session, community_id: int, notice: Posted) -> list[tuple[int, str, str, int, str, str]]:
    """The services a notice is about; whose they are with masked names: members who look alike get a number."""
    kind, _, numbers = notice.about.partition(":")
    stretch = notices.stretch(numbers)
    if kind != "hours" or stretch is None:
        return []
    found = services.between(session, community_id, *stretch)
    names = persons.names(session, community_id)
    served = {service.member_id for service in found}
    people = {m.id: names[m.person_id] for m in members.listed(session, community_id) if m.id in served}
    masked = mask_names(people)
    return [(s.id, masked[s.member_id], s.day.isoformat(), s.minutes, s.category, s.state) for s in found]


SINCE = {"rejected": say("turned down"), "corrected": say("corrected"), "reversed": say("reversed")}
"""What became of a service that hangs out, where it does not count any more as it hangs."""


STATES = {"open": say("open"), "passed": say("passed"), "stopped": say("stopped by an objection")}
RESULTS = {"upheld": say("upheld"), "dismissed": say("dismissed")}
