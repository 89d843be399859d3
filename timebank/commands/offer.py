"""`timebank offer …`."""

from enum import Enum
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import benefits, offer_forms, offers, simulation, sponsors
from timebank.base.act import Act
from timebank.base.amounts import fen_of
from timebank.base.errors import Finding, Invalid
from timebank.base.i18n import Say, say, text
from timebank.base.sheet_values import parse_points
from timebank.benefits import points_text, yuan
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.imports import Import, run
from timebank.commands.options import InputFile, MerchantOption, Number, Partial, SaveRejects, SheetName
from timebank.offer_words import KINDS, STATES, further, state
from timebank.offers import Offer
from timebank.people import merchants
from timebank.simulation import Question, Simulated

app = typer.Typer(add_completion=False)
_EXAMPLE = """\
timebank offer add --merchant S001 --kind offset --points-per-yuan 10 --max-share 50% --valid 2026-01-01..2026-12-31
timebank offer add --merchant S002 --kind discount --off 10% --max 20.00 --points 50 --valid 2026-01-01..2026-12-31
timebank offer add --merchant S003 --kind item --label 大米 --worth 35 --points 300 --stock 20 --valid 2026-01-01..2026-12-31"""


class Kind(Enum):
    """What an offer gives: points for yuan, a share of the bill, goods or a service."""

    OFFSET = "offset"
    DISCOUNT = "discount"
    ITEM = "item"


_Limit = Annotated[str, typer.Option(help="How many vouchers one member may have of it a day.")]


@writing(app, "add", example=_EXAMPLE)
def add(
    door: Writing,
    merchant: MerchantOption,
    kind: Annotated[
        Kind, typer.Option(help="offset: points for yuan; discount: a share of the bill; item: goods or a service.")
    ],
    valid: Annotated[str, typer.Option(help="First and last day: 2026-01-01..2026-12-31.")],
    points_per_yuan: Annotated[str, typer.Option(help="offset: how many points take one yuan off.")] = "",
    max_share: Annotated[str, typer.Option(help="offset: the most of a bill, for example 50%; all if left out.")] = "",
    off: Annotated[str, typer.Option(help="discount: how much off, for example 10% or 9折.")] = "",
    most: Annotated[str, typer.Option("--max", help="discount: the most in yuan, for example 20.00.")] = "",
    min_spend: Annotated[str, typer.Option(help="discount: the smallest bill in yuan.")] = "",
    points: Annotated[str, typer.Option(help="discount, item: its price in points.")] = "",
    label: Annotated[str, typer.Option(help="item: what it is, for example 大米5kg.")] = "",
    worth: Annotated[str, typer.Option(help="item: what the shop asks for it otherwise, in yuan.")] = "",
    stock: Annotated[str, typer.Option(help="item: how many there are.")] = "",
    per_day: _Limit = "",
    per_month: Annotated[str, typer.Option(help="How many vouchers one member may have of it a month.")] = "",
    total: Annotated[str, typer.Option(help="How many vouchers of it there may be in all.")] = "",
    tier: Annotated[str, typer.Option(help="Only for who has reached this tier of the rule book.")] = "",
    min_age: Annotated[str, typer.Option(help="Only from this age on, in years.")] = "",
    min_hours: Annotated[str, typer.Option(help="Only for who has served so many hours.")] = "",
    merchant_share: Annotated[
        str, typer.Option(help="What the merchant bears itself, for example 20%; nothing if left out.")
    ] = "",
    sponsor: Annotated[str, typer.Option(help="The number of a sponsor who bears a share: timebank fund list.")] = "",
    sponsor_share: Annotated[str, typer.Option(help="What the sponsor bears, for example 30%.")] = "",
) -> None:
    """Add an offer of a merchant: what it gives for points, to whom, how often, and who bears it."""
    first, dots, last = valid.partition("..")
    if not dots:
        raise Invalid(
            say("{valid} is not a first and a last day.", valid=valid),
            "bad_dates",
            say("Write it like --valid 2026-01-01..2026-12-31."),
        )
    cells = {"merchant_no": merchant, "kind": kind.value, "valid_from": first, "valid_to": last, "max": most}
    cells |= {"points_per_yuan": points_per_yuan, "max_share": max_share, "off": off, "min_spend": min_spend, "points": points}
    cells |= {"label": label, "worth": worth, "stock": stock, "per_day": per_day, "per_month": per_month, "total": total}
    cells |= {"tier": tier, "min_age": min_age, "min_hours": min_hours}
    cells |= {"merchant_share": merchant_share, "sponsor": sponsor, "sponsor_share": sponsor_share}

    def work(session: Session, act: Act) -> dict[str, Any]:
        wish = offer_forms.offer_of(cells, door.community(session).points_decimals)
        return {"offer": offers.add(session, act, wish).id}

    receipt = door.once("offer.add", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Offer {number} is added.", number=receipt["offer"]))


@writing(app, "import", example="timebank offer import offers.xlsx")
def import_(
    door: Writing, file: InputFile, partial: Partial = False, save_rejects: SaveRejects = None, sheet: SheetName = ""
) -> None:
    """Add the offers of a sheet: merchant_no, kind, valid_from, valid_to and what offer add asks for (Chinese or English
    headers)."""
    run(door, Import("offer.import", file, offer_forms.COLUMNS, partial, save_rejects, tab=sheet), offer_forms.offers_in)


@writing(app, "end", example="timebank offer end 3 --reason 店铺搬迁")
def end(door: Writing, number: Number) -> None:
    """End an offer at once, before its last day; vouchers that were issued stay good."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        return {"offer": number, "ended_on": offers.end(session, act, number).day.isoformat()}

    receipt = door.once("offer.end", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Offer {number} gives no more vouchers; those there are stay good.", number=number))


@reading(app, "list", example="timebank offer list --merchant S001")
def list_(
    door: Door,
    merchant: Annotated[str | None, typer.Option(help="Only this merchant's.")] = None,
    running: Annotated[bool, typer.Option("--running", help="Only those that give vouchers today.")] = False,
) -> None:
    """List offers in words, with their validity, limits, who bears them and how many are left."""
    with door.reading() as (session, community):
        shop = merchants.find(session, community.id, merchant).id if merchant else None
        found = _told(
            door, session, community, [o for o in offers.listed(session, community.id) if shop in (None, o.merchant_id)]
        )
    found = [one for one in found if one["state"] == "running" or not running]
    if not door.screen.data(found):
        columns = (say("offer"), say("merchant"), say("what it gives"), say("limits"), say("from"), say("to"), say("remaining"))
        shown = [
            (
                *(one["offer"], one["merchant"], one["words"], "\n".join(one["further"]), one["valid_from"], one["valid_to"]),
                *("" if one["left"] is None else one["left"], STATES[one["state"]]),
            )
            for one in found
        ]
        door.screen.table(say("Offers ({count})", count=len(found)), (*columns, say("state")), shown)


@reading(app, "show", example="timebank offer show 1")
def show(door: Door, number: Number) -> None:
    """Show one offer: what it gives, to whom, how often, who bears it, and what is left."""
    with door.reading() as (session, community):
        (found,) = _told(door, session, community, [offers.find(session, community.id, number)])
        shop = merchants.find(session, community.id, found["merchant"])
    if not door.screen.data(found):
        door.screen.facts(
            say("Offer {number}", number=number),
            [
                (say("merchant"), f"{shop.name} ({shop.number})"),
                (say("kind"), KINDS[found["kind"]]),
                (say("what it gives"), found["words"]),
                *((say("limits"), words) for words in found["further"]),
                (say("from"), found["valid_from"]),
                (say("to"), found["valid_to"]),
                (say("state"), STATES[found["state"]]),
                *([(say("ended on"), found["ended_on"])] if found["ended_on"] else []),
                *([(say("remaining"), found["left"])] if found["left"] is not None else []),
            ],
        )


def _told(door: Door, session: Session, community: Any, some: list[Offer]) -> list[dict[str, Any]]:
    """Offers as programs read them, in words too."""
    numbers = {shop.id: shop.number for shop in merchants.listed(session, community.id)}
    ended, left, today = offers.ends(session, community.id), offers.left(session, some), door.today(community)
    names = {sponsor.id: sponsor.name for sponsor in sponsors.listed(session, community.id)}
    return [
        {
            "offer": offer.id,
            "merchant": numbers[offer.merchant_id],
            "kind": offer.kind,
            "words": text(benefits.described(offer.terms, community.points_decimals), door.lang),
            "further": [text(words, door.lang) for words in further(offer, names.get(offer.sponsor_id or 0, ""))],
            "valid_from": offer.valid_from.isoformat(),
            "valid_to": offer.valid_to.isoformat(),
            "state": state(offer, ended.get(offer.id), today),
            "ended_on": ended[offer.id].day.isoformat() if offer.id in ended else None,
            "left": left.get(offer.id),
            "merchant_bp": offer.shares.merchant_bp,
            "fund_bp": offer.shares.fund_bp,
            "sponsor_bp": offer.shares.sponsor_bp,
            "sponsor": offer.sponsor_id or None,
        }
        for offer in some
    ]


@reading(app, "simulate", example="timebank offer simulate 1 --bill 86.00 --member M0012")
def simulate(
    door: Door,
    number: Number,
    bill: Annotated[str, typer.Option(help="The whole bill in yuan, for example 86.00; goods have none.")] = "",
    points: Annotated[
        str, typer.Option(help="How many points a voucher would hold; as many as the bill can use if left out.")
    ] = "",
    member: Annotated[str | None, typer.Option(help="For this member.")] = None,
) -> None:
    """Try what an offer would come to now: the steps, who bears what, and what would refuse it. Changes nothing."""
    with door.reading() as (session, community):
        decimals = community.points_decimals
        held = parse_points(points, decimals) if points else None
        question = Question(number, fen_of(bill) if bill else 0, held, member)
        tried = simulation.simulate(session, _looking(door, community.id), question)
    if not door.screen.data(_data(door, tried)):
        _show(door, tried, decimals)


def _looking(door: Door, community_id: int) -> Act:
    """Nobody's act, at this command's moment: it only looks."""
    return Act(community_id, door.config.now(), 0, None, "none", "", "", bytes(32))


def _data(door: Door, tried: Simulated) -> dict[str, Any]:
    benefit, borne = tried.benefit, tried.borne
    return {
        "offer": tried.offer.id,
        "points_held": tried.points,
        "reserved_fen": tried.reserved_fen,
        "steps": benefit.steps if benefit else None,
        "borne": borne.parts if borne else None,
        "explanation": [text(step, door.lang) for step in tried.explained],
        "refused": [_refusal(door, one) for one in tried.refused],
    }


def _refusal(door: Door, one: Finding) -> dict[str, Any]:
    hint = text(one.hint, door.lang) if one.hint else None
    return {"code": one.code, "message": text(one.message, door.lang), "hint": hint}


def _show(door: Door, tried: Simulated, decimals: int) -> None:
    benefit = tried.benefit
    told: list[tuple[Say, object]] = [(say("points held"), points_text(tried.points, decimals))]
    if benefit:
        told += [
            (say("off the bill"), say("{yuan} yuan", yuan=yuan(benefit.off_fen))),
            (say("points used"), points_text(benefit.points, decimals)),
        ]
    told += [(say("how it came about"), step) for step in tried.explained]
    told.append((say("reserved until it is used"), say("{yuan} yuan", yuan=yuan(tried.reserved_fen))))
    door.screen.facts(say("Offer {number}, tried", number=tried.offer.id), told)
    if not tried.refused:
        door.screen.line(say("Nothing would refuse it now."))
        return
    rows = [(one.code, one.message, one.hint or "") for one in tried.refused]
    door.screen.table(say("What would refuse it now"), (say("code"), say("reason"), say("cure")), rows)
