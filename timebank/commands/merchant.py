"""`timebank merchant …`."""

from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import exchange
from timebank.base.act import Act
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.base.sheet_values import parse_text
from timebank.commands.clerk import STATES
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.imports import Import, run
from timebank.commands.options import InputFile, Partial, SaveRejects, SheetName
from timebank.people import merchants
from timebank.people.merchants import Shop

app = typer.Typer(add_completion=False)


@writing(app, "add", example="timebank merchant add 老王便民超市 --category 超市")
def add(
    door: Writing,
    name: Annotated[str, typer.Argument(help="The shop's public name.")],
    number: Annotated[str, typer.Option(help="Merchant number; the next free one if left out.")] = "",
    category: Annotated[str, typer.Option(help="What kind of shop.")] = "",
    contact: Annotated[str, typer.Option(help="Contact; kept apart, never in the book.")] = "",
) -> None:
    """Register a designated shop, active at once."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        shop = Shop(parse_text(number), parse_text(name), parse_text(category), parse_text(contact))
        joined, outcome = merchants.join(session, act, [shop])
        if outcome.rejected:
            finding = outcome.rejected[0]
            raise Invalid(finding.message, finding.code, finding.hint)
        known = joined[0] if joined else merchants.find(session, act.community_id, number)
        return {"merchant": known.number}

    receipt = door.once("merchant.add", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Merchant {number} is registered.", number=receipt["merchant"]))


@writing(app, "import", example="timebank merchant import merchants.csv")
def import_(
    door: Writing, file: InputFile, partial: Partial = False, save_rejects: SaveRejects = None, sheet: SheetName = ""
) -> None:
    """Register the shops of a sheet: merchant_no, name, category, contact (Chinese or English headers)."""
    wanted = Import("merchant.import", file, exchange.MERCHANT_COLUMNS, partial, save_rejects, tab=sheet)
    run(door, wanted, exchange.merchants_in)


@reading(app, "list", example="timebank merchant list")
def list_(door: Door) -> None:
    """List all merchants."""
    with door.reading() as (session, community):
        rows = [(m.number, m.name, m.category, m.state) for m in merchants.listed(session, community.id)]
    if not door.screen.data([dict(zip(("merchant", "name", "category", "state"), row, strict=True)) for row in rows]):
        columns = (say("merchant"), say("name"), say("category"), say("state"))
        shown = [(*row[:3], STATES[row[3]]) for row in rows]
        door.screen.table(say("Merchants ({count})", count=len(rows)), columns, shown)


@reading(app, "show", example="timebank merchant show S001")
def show(
    door: Door, number: Annotated[str, typer.Argument(metavar="MERCHANT", help="Merchant number, for example S001.")]
) -> None:
    """Show one merchant."""
    with door.reading() as (session, community):
        shop = merchants.find(session, community.id, number)
    found = {"merchant": shop.number, "name": shop.name, "category": shop.category, "state": shop.state}
    found["joined_on"] = shop.joined_on.isoformat()
    if not door.screen.data(found):
        door.screen.facts(
            say("Merchant {number}", number=shop.number),
            [
                (say("name"), shop.name),
                (say("category"), shop.category or "-"),
                (say("state"), STATES[shop.state]),
                (say("joined on"), found["joined_on"]),
            ],
        )
