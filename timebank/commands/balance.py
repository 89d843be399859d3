"""`timebank points balance`, asked at a counter all day: in a file of its own, it starts without the rooms that give."""

from datetime import date
from typing import Annotated

import typer

from timebank import ledger
from timebank.base.db import NEVER
from timebank.base.i18n import Say, say
from timebank.base.sheet_values import parse_day
from timebank.benefits import points_text
from timebank.commands.door import Door, reading
from timebank.commands.options import MemberNo
from timebank.people import members

app = typer.Typer(add_completion=False)


@reading(app, "balance", example="timebank points balance M0012 --json")
def balance(
    door: Door,
    member: MemberNo,
    as_of: Annotated[str | None, typer.Option(help="At the end of this day; today if left out.")] = None,
) -> None:
    """Show what a member has: points by the day they lapse, minutes served, credits."""
    with door.reading() as (session, community):
        found = members.find(session, community.id, member)
        today, day = door.today(community), parse_day(as_of) if as_of else None
        points, minutes, credits = (
            ledger.balance(session, community.id, found.holder, unit, today=today, as_of=day)
            for unit in ("points", "minutes", "credits")
        )
        decimals, unit_name = community.points_decimals, community.credits_unit
    lots = [{"expires_on": day.isoformat(), "amount": amount} for day, amount in points.lots]
    shown = {"available": points.available, "held": points.held, "owed": points.owed, "lots": lots}
    if door.screen.data({"member": found.number, "points": shown, "credits": credits.total, "minutes": minutes.total}):
        return
    door.screen.facts(
        say("Balance of {number}", number=found.number),
        [
            (say("points available"), points_text(points.available, decimals)),
            (say("held for vouchers"), points_text(points.held, decimals)),
            (say("owed"), points_text(-points.owed, decimals)),
            (say("minutes served"), minutes.total),
            (say("{unit} (credits)", unit=unit_name), credits.total),
        ],
    )
    rows = [(lapse(day), points_text(amount, decimals)) for day, amount in points.lots]
    if rows:
        door.screen.table(say("Points by the day they lapse"), (say("lapse on"), say("points")), rows)


def lapse(day: date) -> Say | str:
    """A lapse day as a screen shows it."""
    return say("never") if day == NEVER else day.isoformat()
