"""`timebank offer …`."""

from enum import Enum
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import benefits, offers
from timebank.base.act import Act
from timebank.base.errors import Invalid
from timebank.base.i18n import say, text
from timebank.base.sheet_values import parse_day, parse_points
from timebank.benefits import Discount, Offset, Terms
from timebank.commands.amounts import fen_of, percent_of
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import MerchantOption
from timebank.offers import NewOffer
from timebank.people import merchants

app = typer.Typer(add_completion=False)
_EXAMPLE = """\
timebank offer add --merchant S001 --kind offset --points-per-yuan 10 --max-share 50% --valid 2026-01-01..2026-12-31
timebank offer add --merchant S002 --kind discount --off 10% --max 20.00 --points 50 --valid 2026-01-01..2026-12-31"""


class Kind(Enum):
    """What an offer takes off: points for yuan, or a share of the bill."""

    OFFSET = "offset"
    DISCOUNT = "discount"


@writing(app, "add", example=_EXAMPLE)
def add(
    door: Writing,
    merchant: MerchantOption,
    kind: Annotated[Kind, typer.Option(help="offset: points for yuan; discount: a share of the bill.")],
    valid: Annotated[str, typer.Option(help="First and last day: 2026-01-01..2026-12-31.")],
    points_per_yuan: Annotated[str | None, typer.Option(help="offset: how many points take one yuan off.")] = None,
    max_share: Annotated[str, typer.Option(help="offset: the most of a bill, for example 50%.")] = "100%",
    off: Annotated[str | None, typer.Option(help="discount: how much off, for example 10%.")] = None,
    most: Annotated[str | None, typer.Option("--max", help="discount: the most in yuan, for example 20.00.")] = None,
    min_spend: Annotated[str, typer.Option(help="discount: the smallest bill in yuan.")] = "0",
    points: Annotated[str | None, typer.Option(help="discount: its price in points.")] = None,
) -> None:
    """Add an offer of a merchant: what points take off a bill there."""
    given = {"points_per_yuan": points_per_yuan, "max_share": max_share, "off": off, "most": most}
    given |= {"min_spend": min_spend, "points": points}

    def work(session: Session, act: Act) -> dict[str, Any]:
        first, last = _days(valid)
        terms = _terms(kind, given, door.community(session).points_decimals)
        made = offers.add(session, act, NewOffer(merchant, terms, first, last))
        return {"offer": made.id}

    receipt = door.once("offer.add", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Offer {number} is added.", number=receipt["offer"]))


def _days(valid: str) -> tuple[Any, Any]:
    first, dots, last = valid.partition("..")
    if not dots:
        raise Invalid(
            say("{valid} is not a first and a last day.", valid=valid),
            "bad_dates",
            say("Write it like --valid 2026-01-01..2026-12-31."),
        )
    return parse_day(first), parse_day(last)


def _terms(kind: Kind, given: dict[str, str | None], decimals: int) -> Terms:
    if kind is Kind.OFFSET:
        needed = _needed(given, "points_per_yuan")
        return Offset(parse_points(needed, decimals), percent_of(given["max_share"] or ""))
    return Discount(
        percent_of(_needed(given, "off")),
        fen_of(given["most"]) if given["most"] else None,
        parse_points(_needed(given, "points"), decimals),
        fen_of(given["min_spend"] or "0"),
    )


def _needed(given: dict[str, str | None], name: str) -> str:
    value = given[name]
    if value is None:
        option = f"--{name.replace('_', '-')}"
        raise Invalid(
            say("This kind of offer needs {option}.", option=option), "missing_terms", say("See timebank offer add --help")
        )
    return value


@reading(app, "list", example="timebank offer list")
def list_(door: Door) -> None:
    """List all offers in words, with their validity."""
    with door.reading() as (session, community):
        found = offers.listed(session, community.id)
        numbers = {m.id: m.number for m in merchants.listed(session, community.id)}
        decimals = community.points_decimals
    names = ("offer", "merchant", "kind", "words", "valid_from", "valid_to")
    rows = [
        (
            *(offer.id, numbers[offer.merchant_id], offer.kind, text(benefits.described(offer.terms, decimals), door.lang)),
            *(offer.valid_from.isoformat(), offer.valid_to.isoformat()),
        )
        for offer in found
    ]
    if not door.screen.data([dict(zip(names, row, strict=True)) for row in rows]):
        columns = (say("offer"), say("merchant"), say("kind"), say("what it gives"), say("from"), say("to"))
        shown = [(*row[:2], KINDS[row[2]], *row[3:]) for row in rows]
        door.screen.table(say("Offers ({count})", count=len(rows)), columns, shown)


KINDS = {"offset": say("points for yuan"), "discount": say("discount")}
