"""`timebank inbox`."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import typer
from sqlmodel import Session

from timebank import approvals, hanging, second_looks, services
from timebank.approvals import Approval
from timebank.base import communities
from timebank.base.i18n import Language, say, text
from timebank.benefits import points_text
from timebank.commands import kin as kin_door
from timebank.commands import notice as notice_door
from timebank.commands.door import Door, reading
from timebank.commands.hours import next_step, tell_what_to_notice
from timebank.hanging import Hung
from timebank.people import clerks, members
from timebank.second_looks import Forgotten
from timebank.services import clock

app = typer.Typer(add_completion=False)


@reading(app, "inbox", example="timebank inbox --as W0002")
def inbox(door: Door) -> None:
    """List what waits for a second person, oldest first; whoever asked cannot approve it. Then hours that wait for a public
    notice, and sign-ins that nobody ended."""
    with door.reading() as (session, community):
        waiting = approvals.waiting(session, community.id)
        numbers = {clerk.id: clerk.number for clerk in clerks.listed(session, community.id)}
        zone = ZoneInfo(community.timezone)
        told = {w.id: _about(session, community.id, w, door.lang) for w in waiting}
        today = door.today(community)
        hung = hanging.listed(session, community.id, today)
        forgotten = second_looks.forgotten(session, community.id, today)
    rows = [
        (w.id, w.kind, w.subject, told[w.id], numbers[w.asked_by], w.asked_at.astimezone(zone).date().isoformat())
        for w in waiting
    ]
    if not door.screen.data([dict(zip(NAMES, r, strict=True)) for r in rows]):
        columns = (say("number"), say("what"), say("about"), say("asked by"), say("since"))
        shown = [(number, KINDS[kind], *rest) for number, kind, _, *rest in rows]
        door.screen.table(say("Waiting for a second person ({count})", count=len(rows)), columns, shown)
        if rows:
            door.screen.note(say("Approve with timebank approve NUMBER, turn down with timebank reject NUMBER --why REASON."))
        if hung:
            _show_hung(door, hung)
        if forgotten:
            _show_forgotten(door, forgotten)


def _show_hung(door: Door, hung: Sequence[Hung]) -> None:
    """The services that wait for a public notice: how many have what before them."""
    groups: dict[tuple[str, int], list[Hung]] = {}
    for one in hung:
        groups.setdefault((one.standing, one.notice.id if one.notice else 0), []).append(one)
    rows = [(_between(some), len(some), next_step(some[0])) for some in groups.values()]
    columns = (say("services"), say("how many"), say("what comes next"))
    door.screen.table(say("Waiting for a public notice ({count})", count=len(hung)), columns, rows)
    tell_what_to_notice(door)


def _between(some: Sequence[Hung]) -> str:
    first, last = some[0].service.id, some[-1].service.id
    return f"hours:{first}" if first == last else f"hours:{first}..{last}"


def _show_forgotten(door: Door, forgotten: Sequence[Forgotten]) -> None:
    """The sign-ins of earlier days that nobody ended, and who is to be asked."""
    columns = (say("member"), say("date"), say("came at"), say("team"), say("captain"))
    rows = [(f.member, f.day.isoformat(), clock(f.starts), f.team or "-", f.captain or "-") for f in forgotten]
    door.screen.table(say("Sign-in without sign-out ({count})", count=len(rows)), columns, rows)
    ask = say("Ask the captain for the end: timebank hours sign-out {member} --at TIME --approver W0002", member=rows[0][0])
    door.screen.note(ask)


def _about(session: Session, community_id: int, waits: Approval, lang: Language) -> str:
    """What a second person needs to see before deciding: for hours whose, when and how long, else who gets what and why."""
    asked = waits.asked
    if waits.kind == "credit.issue":
        return text(say("{credits} credits to {member} for {category}: {reason}", **asked), lang)
    if waits.kind == "pool.payout":
        shown = points_text(asked["points"], communities.get(session, community_id).points_decimals)
        return text(say("{points} points of {pool} to {member}: {reason}", **asked | {"points": shown}), lang)
    if waits.kind == "points.reverse":
        return f"{waits.subject.partition(':')[2]} {asked['reason']}".strip()
    if waits.kind == "points.review":
        shown = points_text(asked["points"], communities.get(session, community_id).points_decimals)
        member = members.get(session, community_id, services.get(session, community_id, asked["service"]).member_id).number
        values = {"points": shown, "number": asked["service"], "member": member}
        return text(say("{points} points of service {number} above a cap, for {member}", **values), lang)
    if waits.kind.startswith("kin."):
        return text(kin_door.about(session, community_id, asked), lang)
    if waits.kind.startswith("notice."):
        return text(notice_door.about(asked), lang)
    if waits.kind == "hours.post":
        numbers = asked["numbers"]
        values = {"count": len(numbers), "first": numbers[0], "last": numbers[-1]}
        return text(say("{count} services between {first} and {last} whose notice has passed", **values), lang)
    if not waits.kind.startswith("hours."):
        return waits.subject
    service = services.get(session, community_id, int(waits.subject.partition(":")[2]))
    member = members.get(session, community_id, service.member_id).number
    values = {"number": service.id, "member": member, "day": service.day, "minutes": service.minutes}
    if waits.kind == hanging.REJECT:
        return text(say("service {number}: {member}, {day}, {minutes} minutes: {why}", **values, why=asked["why"]), lang)
    return text(say("service {number}: {member}, {day}, {minutes} minutes", **values), lang)


NAMES = ("number", "kind", "subject", "about", "asked_by", "asked_on")
KINDS = {
    "credit.issue": say("give credits"),
    "hours.approve": say("confirm hours"),
    "hours.correct": say("correct hours"),
    "hours.post": say("post hours"),
    hanging.REJECT: say("turn down hours"),
    "points.reverse": say("take an entry back"),
    "points.review": say("decide about points above a cap"),
    "pool.payout": say("give points of a pool"),
    "kin.add": say("say that two are kin"),
    "kin.end": say("end a link of kin"),
    "notice.decide": say("decide an objection"),
    "notice.demand": say("demand a notice"),
    "notice.holidays": say("enter a year's working days"),
    "rules.publish": say("publish a rule book"),
    "settlement.approve": say("approve a settlement"),
    "statement.close": say("close a month"),
    "checkpoint.incarnate": say("open a new incarnation of the log"),
}
