"""`timebank inbox`."""

import typer

from timebank import approvals
from timebank.base.i18n import say
from timebank.commands.door import Door, reading
from timebank.people import clerks

app = typer.Typer()


@reading(app, "inbox", example="timebank inbox --as W0002")
def inbox(door: Door) -> None:
    """List what waits for a second person, oldest first; whoever asked cannot approve it."""
    with door.reading() as (session, community):
        waiting = approvals.waiting(session, community.id)
        numbers = {clerk.id: clerk.number for clerk in clerks.listed(session, community.id)}
    rows = [(w.id, w.kind, w.subject, numbers[w.asked_by], w.asked_at.date().isoformat()) for w in waiting]
    if not door.screen.data([dict(zip(("number", "kind", "subject", "asked_by", "asked_on"), r, strict=True)) for r in rows]):
        columns = (say("number"), say("what"), say("about"), say("asked by"), say("since"))
        shown = [(number, KINDS[kind], *rest) for number, kind, *rest in rows]
        door.screen.table(say("Waiting for a second person ({count})", count=len(rows)), columns, shown)
        if rows:
            door.screen.note(say("Approve with timebank approve NUMBER, turn down with timebank reject NUMBER --why REASON."))


KINDS = {
    "hours.approve": say("confirm hours"),
    "hours.correct": say("correct hours"),
    "rules.publish": say("publish a rule book"),
    "settlement.approve": say("approve a settlement"),
    "statement.close": say("close a month"),
}
