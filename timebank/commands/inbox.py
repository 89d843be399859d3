"""`timebank inbox`."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import typer

from timebank import acceptances, approvals, hanging, second_looks
from timebank.acceptance_words import why
from timebank.acceptances import Reviewed
from timebank.base.i18n import say
from timebank.benefits import yuan
from timebank.commands import asked
from timebank.commands.door import Door, reading
from timebank.commands.hours import next_step, tell_what_to_notice
from timebank.hanging import Hung
from timebank.people import clerks
from timebank.second_looks import Forgotten
from timebank.services import clock

app = typer.Typer(add_completion=False)


@reading(app, "inbox", example="timebank inbox --as W0002")
def inbox(door: Door) -> None:
    """List what waits for a second person, oldest first; whoever asked cannot approve it. Then what shops accepted offline
    and could not be redeemed, hours that wait for a public notice, and sign-ins that nobody ended."""
    with door.reading() as (session, community):
        waiting = approvals.waiting(session, community.id)
        numbers = {clerk.id: clerk.number for clerk in clerks.listed(session, community.id)}
        zone = ZoneInfo(community.timezone)
        told = {w.id: asked.about(session, w, door.lang) for w in waiting}
        today = door.today(community)
        hung = hanging.listed(session, community.id, today)
        forgotten = second_looks.forgotten(session, community.id, today)
        reviewed = acceptances.in_review(session, community.id)
    rows = [
        (w.id, w.kind, w.subject, told[w.id], numbers[w.asked_by], w.asked_at.astimezone(zone).date().isoformat())
        for w in waiting
    ]
    if not door.screen.data([dict(zip(NAMES, r, strict=True)) for r in rows]):
        columns = (say("number"), say("what"), say("about"), say("asked by"), say("since"))
        shown = [(number, asked.KINDS[kind], *rest) for number, kind, _, *rest in rows]
        door.screen.table(say("Waiting for a second person ({count})", count=len(rows)), columns, shown)
        if rows:
            door.screen.note(say("Approve with timebank approve NUMBER, turn down with timebank reject NUMBER --why REASON."))
        if reviewed:
            _show_reviewed(door, reviewed)
        if hung:
            _show_hung(door, hung)
        if forgotten:
            _show_forgotten(door, forgotten)


def _show_reviewed(door: Door, reviewed: Sequence[Reviewed]) -> None:
    """What shops accepted offline and could not be redeemed: why, and what honouring it would cost the fund."""
    rows = [
        (row.number, f"V{row.voucher_id}" if row.voucher_id else "-", why(row.reason or ""), yuan(one.fen))
        for one in reviewed
        for row in (one.acceptance,)
    ]
    columns = (say("acceptance"), say("voucher"), say("why it waits"), say("off the bill"))
    door.screen.table(say("Accepted offline, to be looked at ({count})", count=len(rows)), columns, rows)
    ask = say("Decide by two: timebank voucher review {number} honour|refuse --why REASON --approver W0002", number=rows[0][0])
    door.screen.note(ask)


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


NAMES = ("number", "kind", "subject", "about", "asked_by", "asked_on")
