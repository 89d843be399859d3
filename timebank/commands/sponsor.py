"""`timebank fund sponsor …`: who gives earmarked money, part of the noun fund."""

from typing import Annotated

import typer

from timebank import sponsors
from timebank.base.i18n import say
from timebank.base.sheet_values import parse_text
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import SOURCE_NAMES, SourceOption
from timebank.sponsors import NewSponsor

app = typer.Typer(add_completion=False, help="Who gives money for something of their own choosing.")


@writing(app, "add", example="timebank fund sponsor add 黔灵超市连锁 --source enterprise")
def add(
    door: Writing,
    name: Annotated[str, typer.Argument(help="The sponsor's public name.")],
    source: SourceOption,
) -> None:
    """Add a sponsor. Its money is earmarked: only offers that name it are borne from it, and never more than it gave."""
    wish = NewSponsor(parse_text(name), source.value)
    receipt = door.once("sponsor.add", lambda s, a: {"sponsor": sponsors.add(s, a, wish).id}).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Sponsor {number} is added.", number=receipt["sponsor"]))


@reading(app, "list", example="timebank fund sponsor list")
def list_(door: Door) -> None:
    """List the sponsors."""
    with door.reading() as (session, community):
        rows = [(sponsor.id, sponsor.name, sponsor.source) for sponsor in sponsors.listed(session, community.id)]
    if not door.screen.data([dict(zip(("sponsor", "name", "source"), row, strict=True)) for row in rows]):
        columns = (say("number"), say("name"), say("source"))
        shown = [(number, name, SOURCE_NAMES[source]) for number, name, source in rows]
        door.screen.table(say("Sponsors ({count})", count=len(rows)), columns, shown)
