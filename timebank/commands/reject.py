"""`timebank reject`: the second person says no."""

from typing import Any

import typer
from sqlmodel import Session

from timebank import approvals, hours, reviews
from timebank.base.act import Act
from timebank.base.i18n import say
from timebank.base.sheet_values import parse_text
from timebank.commands.checkpoint import KIND
from timebank.commands.door import Writing, writing
from timebank.commands.options import Number, Why

app = typer.Typer(add_completion=False)


@writing(app, "reject", example="timebank reject 3 --why 签到表上没有 --as W0002")
def reject(door: Writing, number: Number, why: Why) -> None:
    """Turn down what waits under a number, with the reason."""

    with door.reading() as (session, community):
        door.mends = approvals.is_kind(session, community.id, number, KIND)

    def work(session: Session, act: Act) -> dict[str, Any]:
        waits = approvals.find(session, act, number)
        if waits.kind == "hours.approve":
            hours.reject(session, act, waits.asked["service"], parse_text(why))
        elif waits.kind == reviews.KIND:
            reviews.discard(session, act, number, parse_text(why))
        else:
            approvals.reject(session, act, number, parse_text(why))
        return {"rejected": number, "kind": waits.kind}

    receipt = door.once("reject", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Number {number} is turned down.", number=number))
