"""`timebank merchant …`."""

from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import exchange, redemption, vouchers
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say
from timebank.base.sheet_values import parse_text
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.imports import Import, run
from timebank.commands.options import InputFile, Partial, SaveRejects, SheetName
from timebank.people import designations, members, merchants, staff
from timebank.people.designations import Verb, Wish
from timebank.people.merchants import STATES, Merchant, Shop

app = typer.Typer(add_completion=False)
MerchantNo = Annotated[str, typer.Argument(metavar="MERCHANT", help="Merchant number, for example S001.")]
ShopName = Annotated[str, typer.Argument(help="The shop's public name.")]
ShopNumber = Annotated[str, typer.Option(help="Merchant number; the next free one if left out.")]
Categories = Annotated[list[str] | None, typer.Option(help="What kind of shop; may be named several times.")]
Contact = Annotated[str, typer.Option(help="Contact; kept apart, never in the book.")]
Plaque = Annotated[str, typer.Option(help="The number of the plaque at its door.")]
Market = Annotated[str, typer.Option(help="The number of the market whose stall it is.")]
Stalls = Annotated[bool, typer.Option("--stalls", help="A market's stalls too.")]


@writing(app, "add", example="timebank merchant add 老王便民超市 --category 超市 --plaque JS-017")
def add(
    door: Writing,
    name: ShopName,
    number: ShopNumber = "",
    category: Categories = None,
    contact: Contact = "",
    plaque: Plaque = "",
    market: Market = "",
) -> None:
    """Register a designated shop, active at once."""
    shop = _shop(name, number, category or (), contact)
    receipt = door.once("merchant.add", lambda s, a: _joined(s, a, shop(plaque, market))).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Merchant {number} is registered.", number=receipt["merchant"]))


@writing(app, "apply", example="timebank merchant apply 小陈修鞋铺 --category 修补 --market S006")
def apply(
    door: Writing,
    name: ShopName,
    number: ShopNumber = "",
    category: Categories = None,
    contact: Contact = "",
    market: Market = "",
) -> None:
    """Note that a shop wants to be designated; it takes no points before merchant activate."""
    shop = _shop(name, number, category or (), contact)
    receipt = door.once("merchant.apply", lambda s, a: _joined(s, a, shop("", market, state="applied"))).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Merchant {number} has applied.", number=receipt["merchant"]))


def _shop(name: str, number: str, categories: Any, contact: str) -> Any:
    texts = (parse_text(number), parse_text(name), parse_text("、".join(categories)), parse_text(contact), 0)
    return lambda plaque, market, state="active": Shop(*texts, parse_text(plaque), parse_text(market), state)


def _joined(session: Session, act: Act, shop: Shop) -> dict[str, Any]:
    joined, outcome = merchants.join(session, act, [shop])
    if outcome.rejected:
        finding = outcome.rejected[0]
        raise Invalid(finding.message, finding.code, finding.hint)
    known = joined[0] if joined else merchants.find(session, act.community_id, shop.number)
    return {"merchant": known.number}


@writing(app, "import", example="timebank merchant import merchants.csv")
def import_(
    door: Writing, file: InputFile, partial: Partial = False, save_rejects: SaveRejects = None, sheet: SheetName = ""
) -> None:
    """Register the shops of a sheet: merchant_no, name, category, contact, plaque, market (Chinese or English headers)."""
    wanted = Import("merchant.import", file, exchange.MERCHANT_COLUMNS, partial, save_rejects, tab=sheet)
    run(door, wanted, exchange.merchants_in)


@writing(app, "activate", example="timebank merchant activate S007 --plaque JS-018")
def activate(door: Writing, number: MerchantNo, plaque: Plaque = "", stalls: Stalls = False) -> None:
    """Designate a shop that applied, or that had left: from now on it gives and takes vouchers."""
    _move(door, number, "activate", plaque, stalls)


@writing(app, "pause", example="timebank merchant pause S001 --reason 装修停业")
def pause(door: Writing, number: MerchantNo, stalls: Stalls = False) -> None:
    """Pause a shop: no vouchers are issued for it or taken there, and its devices rest; open vouchers wait or can be voided."""
    _move(door, number, "pause", "", stalls)


@writing(app, "resume", example="timebank merchant resume S001")
def resume(door: Writing, number: MerchantNo, stalls: Stalls = False) -> None:
    """End a shop's pause: it gives and takes vouchers again."""
    _move(door, number, "resume", "", stalls)


@writing(app, "leave", example="timebank merchant leave S001 --reason 不再经营")
def leave(door: Writing, number: MerchantNo, stalls: Stalls = False) -> None:
    """Let a shop leave: its open vouchers are voided, their points are back; what it is owed is settled as ever."""
    _move(door, number, "leave", "", stalls)


def _move(door: Writing, number: str, verb: Verb, plaque: str, stalls: bool) -> None:
    def work(session: Session, act: Act) -> dict[str, Any]:
        shop = designations.move(session, act, Wish(number, verb, parse_text(plaque)))
        begins, _ = designations.MOVES[verb]
        own = designations.stalls_of(session, act.community_id, shop.id) if stalls else []
        moved = [shop, *(designations.move(session, act, Wish(s.number, verb)) for s in own if s.state in begins)]
        voided = _void(session, act, moved) if verb == "leave" else []
        return {"merchants": [one.number for one in moved], "state": shop.state, "voided": voided}

    receipt = door.once(f"merchant.{verb}", work).receipt
    if not door.screen.data(receipt):
        for one in receipt["merchants"]:
            door.screen.line(say("Merchant {number}: {state}.", number=one, state=STATES[receipt["state"]]))
        if receipt["voided"]:
            back = say("Its open vouchers are void and their points are back: {numbers}", numbers=" ".join(receipt["voided"]))
            door.screen.line(back)


def _void(session: Session, act: Act, gone: list[Merchant]) -> list[str]:
    """Void what could never be used any more; what is past its last day is released by its own verb, dated on that day."""
    ids, today = {shop.id for shop in gone}, communities.today(session, act)
    open_ = [v for v in vouchers.unresolved(session, act.community_id) if v.merchant_id in ids]
    for voucher in open_:
        if today <= voucher.expires_on:
            redemption.void(session, act, voucher.id)
    return [voucher.number for voucher in open_ if today <= voucher.expires_on]


@reading(app, "list", example="timebank merchant list --category 超市")
def list_(
    door: Door,
    category: Annotated[str, typer.Option(help="Only shops of this kind.")] = "",
    market: Annotated[str, typer.Option(help="Only the stalls of this market.")] = "",
) -> None:
    """List merchants: what they are, their plaques, whose stalls they are."""
    with door.reading() as (session, community):
        found = merchants.listed(session, community.id)
        numbers = {shop.id: shop.number for shop in found}
        only = merchants.find(session, community.id, market).id if market else None
    rows = [
        (m.number, m.name, m.category, m.state, m.plaque, numbers.get(m.market_id or 0))
        for m in found
        if (not category or category in m.categories) and only in (None, m.market_id)
    ]
    if not door.screen.data([dict(zip(_NAMES, row, strict=True)) for row in rows]):
        columns = (say("merchant"), say("name"), say("category"), say("state"), say("plaque"), say("market"))
        shown = [(*row[:3], STATES[row[3]], row[4] or "", row[5] or "") for row in rows]
        door.screen.table(say("Merchants ({count})", count=len(rows)), columns, shown)


_NAMES = ("merchant", "name", "category", "state", "plaque", "market")


@reading(app, "show", example="timebank merchant show S001")
def show(door: Door, number: MerchantNo) -> None:
    """Show one merchant: what it is and was, its stalls, who belongs to it."""
    with door.reading() as (session, community):
        shop = merchants.find(session, community.id, number)
        market = merchants.get(session, community.id, shop.market_id).number if shop.market_id else None
        stalls = [stall.number for stall in designations.stalls_of(session, community.id, shop.id)]
        moves = [(move.since.isoformat(), move.state) for move in designations.moves_of(session, community.id, shop.id)]
        own = [
            (members.get(session, community.id, link.member_id).number, link.role)
            for link in staff.of_merchant(session, community.id, shop.id, door.today(community))
        ]
    found: dict[str, Any] = {"merchant": shop.number, "name": shop.name, "category": shop.category, "state": shop.state}
    found |= {"joined_on": shop.joined_on.isoformat(), "plaque": shop.plaque, "market": market, "stalls": stalls}
    found |= {"moves": [{"since": since, "state": state} for since, state in moves]}
    found |= {"staff": [{"member": member, "role": role} for member, role in own]}
    if not door.screen.data(found):
        told: list[tuple[Say, object]] = [
            (say("name"), shop.name),
            (say("category"), shop.category or "-"),
            (say("state"), STATES[shop.state]),
            (say("joined on"), found["joined_on"]),
            *([(say("plaque"), shop.plaque)] if shop.plaque else []),
            *([(say("market"), market)] if market else []),
            *([(say("stalls"), " ".join(stalls))] if stalls else []),
            *((say("since {day}", day=since), STATES[state]) for since, state in moves),
            *((ROLES[role], member) for member, role in own),
        ]
        door.screen.facts(say("Merchant {number}", number=shop.number), told)


ROLES = {"owner": say("owner"), "staff": say("staff"), "kin": say("kin of its people")}
"""What a member is to a shop, in words."""
