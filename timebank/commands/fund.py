"""`timebank fund …`."""

from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import fund, funds, ledger, sponsors
from timebank.base.act import Act
from timebank.base.amounts import fen_of
from timebank.base.i18n import Say, say
from timebank.base.months import parse_period, period_of
from timebank.base.sheet_values import parse_day, parse_text
from timebank.benefits import yuan
from timebank.commands import sponsor as sponsor_door
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import SOURCE_NAMES, Number, Source
from timebank.funds import Limit, Month, NewBudget, NewDeposit, Standing
from timebank.people import merchants

app = typer.Typer(add_completion=False)
app.add_typer(sponsor_door.app, name="sponsor")
_EXAMPLE = """\
timebank fund deposit --source government --yuan 50000.00 --reference 2026-11-03-0012
timebank fund deposit --sponsor 1 --yuan 5000.00 --reference 2026-11-05-0007
timebank fund deposit --source enterprise --yuan 2500.00 --reference 捐赠收据18 --basis 大米50袋，按超市零售价每袋50元"""
_BUDGETS = """\
timebank fund budget --yuan 3000.00 --approver W0002
timebank fund budget --yuan 800.00 --merchant S001 --month 2026-12 --approver W0002
timebank fund budget --yuan 1200.00 --programme elder-care --offer 1 --offer 3 --approver W0002"""
_BAR = 24


@writing(app, "deposit", example=_EXAMPLE)
def deposit(
    door: Writing,
    yuan_: Annotated[str, typer.Option("--yuan", help="The amount, or what goods are worth, in yuan: 5000.00.")],
    reference: Annotated[str, typer.Option(help="The number on the bank's or the receipt's paper.")],
    source: Annotated[Source | None, typer.Option(help="Who gave it: one of the four sources.")] = None,
    sponsor: Annotated[int | None, typer.Option(help="The sponsor who earmarked it, by number.")] = None,
    day: Annotated[str | None, typer.Option("--date", help="The day it came; today if left out.")] = None,
    basis: Annotated[str | None, typer.Option(help="In kind: what was given and how its worth was found.")] = None,
) -> None:
    """Take in money of one of the four sources, or goods at what they are worth. Goods are counted apart from money."""
    wish = NewDeposit(
        fen_of(yuan_),
        parse_text(reference),
        source.value if source else None,
        sponsor,
        parse_day(day) if day else None,
        None if basis is None else parse_text(basis),
    )
    receipt = door.once("fund.deposit", lambda s, a: _taken(funds.deposit(s, a, wish))).receipt
    if not door.screen.data(receipt):
        told = say("Deposit {number}: {yuan} yuan of {source}.", **_told(receipt))
        goods = say("Deposit {number}: goods worth {yuan} yuan of {source}.", **_told(receipt))
        door.screen.line(told if receipt["kind"] == "cash" else goods)


def _taken(made: funds.Deposit) -> dict[str, Any]:
    return {"deposit": made.id, "source": made.source, "kind": made.kind, "fen": made.fen}


def _told(receipt: dict[str, Any]) -> dict[str, Any]:
    return {"number": receipt["deposit"], "yuan": yuan(receipt["fen"]), "source": SOURCE_NAMES[receipt["source"]]}


@writing(app, "take-back", example="timebank fund take-back 3 --reason 金额录错 --approver W0002")
def take_back(door: Writing, number: Number) -> None:
    """Take back a deposit that was entered wrongly: a reversal in the book. Two people."""
    request = {"deposit": number}
    receipt = door.once_or_ask("fund.take-back", f"deposit:{number}", request, lambda s, a: taken_back(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(say("Deposit {number} is taken back.", number=number))


def taken_back(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Take back the deposit that was asked for."""
    return _taken(funds.take_back(session, act, request["deposit"]))


@writing(app, "budget", example=_BUDGETS)
def budget(
    door: Writing,
    yuan_: Annotated[str, typer.Option("--yuan", help="What vouchers of a month may cost, in yuan.")],
    month: Annotated[str | None, typer.Option(help="Only this month; every month from this one on if left out.")] = None,
    merchant: Annotated[str | None, typer.Option(help="Only vouchers of this merchant.")] = None,
    programme: Annotated[str | None, typer.Option(help="Only a programme's vouchers: its tag, with its offers.")] = None,
    offer: Annotated[list[int] | None, typer.Option(help="An offer of the programme; may be given again.")] = None,
) -> None:
    """Declare what vouchers may cost. From the first budget on no voucher is issued beyond the fund's money. Two people."""
    request: dict[str, Any] = {"fen": fen_of(yuan_)} | {
        name: value
        for name, value in (("month", month), ("merchant", merchant), ("programme", programme), ("offers", offer))
        if value
    }
    subject = f"budget:{month or '*'}/{merchant or programme or '*'}"
    receipt = door.once_or_ask("fund.budget", subject, request, lambda s, a: declared(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(say("Budget {number} is declared: {yuan} yuan.", number=receipt["budget"], yuan=yuan(receipt["fen"])))


def declared(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Declare the budget that was asked for."""
    wish = NewBudget(
        request["fen"],
        request.get("month"),
        request.get("merchant"),
        request.get("programme"),
        tuple(request.get("offers", ())),
    )
    made = funds.declare(session, act, wish)
    return {"budget": made.id, "fen": made.fen}


def about(request: dict[str, Any]) -> Say:
    """What a second person needs to see of a budget, or of a deposit to be taken back."""
    if "deposit" in request:
        return say("deposit {number}: {reason}", number=request["deposit"], reason=request["reason"])
    scope = request.get("merchant") or request.get("programme") or say("all vouchers")
    month = request.get("month") or say("every month")
    return say("{yuan} yuan for {scope}, {month}", yuan=yuan(request["fen"]), scope=scope, month=month)


@reading(app, "list", example="timebank fund list")
def list_(door: Door) -> None:
    """List all deposits, those that were taken back too."""
    with door.reading() as (session, community):
        names = {sponsor.id: sponsor.name for sponsor in sponsors.listed(session, community.id)}
        rows = [
            {
                "deposit": found.id,
                "date": found.day.isoformat(),
                "source": found.source,
                "kind": found.kind,
                "fen": found.fen,
                "sponsor": names.get(found.sponsor_id or 0, ""),
                "reference": found.reference,
                "basis": found.basis,
                "taken_back": ledger.reversed_by(session, community.id, found.seq) is not None,
            }
            for found in funds.deposits(session, community.id)
        ]
    if not door.screen.data(rows):
        columns = (say("number"), say("date"), say("source"), say("kind"), say("yuan"), say("sponsor"), say("reference"))
        shown = [
            (
                *(row["deposit"], row["date"], SOURCE_NAMES[str(row["source"])], _kind(row), yuan(int(str(row["fen"])))),
                *(row["sponsor"] or "-", row["reference"]),
            )
            for row in rows
        ]
        door.screen.table(say("Deposits ({count})", count=len(rows)), columns, shown)


def _kind(row: dict[str, Any]) -> Say:
    if row["taken_back"]:
        return say("taken back")
    return say("cash") if row["kind"] == "cash" else say("in kind")


@reading(app, "show", example="timebank fund show --month 2026-11")
def show(
    door: Door, month: Annotated[str | None, typer.Option(help="Whose budgets are shown; this month if left out.")] = None
) -> None:
    """Show what the fund was given, has promised, owes, has paid and has left: by source, sponsor, budget and month."""
    with door.reading() as (session, community):
        period = parse_period(month) if month else period_of(door.today(community))
        found, moved = funds.standing(session, community.id), funds.months(session, community.id)
        limits = funds.limits(session, community.id, period)
        names = {sponsor.id: sponsor.name for sponsor in sponsors.listed(session, community.id)}
        shops = {shop.id: shop.number for shop in merchants.listed(session, community.id)}
    budgets = [_limit(limit, shops) for limit in limits]
    if door.screen.data(_document(found, moved, {"month": period, "budgets": budgets})):
        return
    door.screen.facts(say("The fund"), _facts(found))
    sources = [(SOURCE_NAMES[name], yuan(found.given[name]), yuan(found.in_kind[name])) for name in fund.SOURCES]
    door.screen.table(say("Given"), (say("source"), say("yuan"), say("in kind, worth")), sources)
    if names:
        rows = [(number, names[number], yuan(p.free), yuan(p.committed)) for number, p in found.sponsored.items()]
        door.screen.table(say("Sponsors' money"), (say("number"), say("name"), say("remaining"), say("committed")), rows)
    if budgets:
        columns = (say("budget"), say("month"), say("for what"), say("yuan"), say("used"), say("remaining"))
        shown = [
            (b["budget"], b["month"] or say("every month"), b["of"] or say("all vouchers"), *map(yuan, _amounts(b)))
            for b in budgets
        ]
        door.screen.table(say("Budgets of {month}", month=period), columns, shown)
    _chart(door, moved)


def _facts(found: Standing) -> list[tuple[Say, object]]:
    pairs: list[tuple[Say, object]] = [
        (say("given in cash"), _yuan(sum(found.given.values()))),
        (say("committed to vouchers"), _yuan(found.committed)),
        (say("owed to merchants"), _yuan(found.owed)),
        (say("paid"), _yuan(found.paid)),
        (say("remaining"), _yuan(found.free)),
        (say("given in kind, worth"), _yuan(sum(found.in_kind.values()))),
    ]
    if not found.limited:
        pairs.append((say("unlimited until a budget is declared; it would owe"), _yuan(found.beyond)))
    return pairs


def _yuan(fen: int) -> Say:
    return say("{yuan} yuan", yuan=yuan(fen))


def _limit(limit: Limit, shops: dict[int, str]) -> dict[str, Any]:
    budget = limit.budget
    of = shops[budget.merchant_id] if budget.merchant_id else budget.programme or ""
    amounts = {"fen": budget.fen, "used_fen": limit.used, "left_fen": limit.left}
    return {"budget": budget.id, "month": budget.period or "", "of": of, "offers": list(budget.offer_ids), **amounts}


def _amounts(limit: dict[str, Any]) -> tuple[int, int, int]:
    return limit["fen"], limit["used_fen"], limit["left_fen"]


def _document(found: Standing, moved: list[Month], more: dict[str, Any]) -> dict[str, Any]:
    return {
        "given_fen": found.given,
        "in_kind_fen": found.in_kind,
        "committed_fen": found.committed,
        "owed_fen": found.owed,
        "paid_fen": found.paid,
        "free_fen": found.free,
        "limited": found.limited,
        "beyond_fen": 0 if found.limited else found.beyond,
        "sponsors": [{"sponsor": n, "free_fen": p.free, "committed_fen": p.committed} for n, p in found.sponsored.items()],
        "months": [
            {"month": m.period, "given_fen": m.given, "promised_fen": m.promised, "paid_fen": m.paid, "free_fen": m.free}
            for m in moved
        ],
        **more,
    }


def _chart(door: Door, moved: list[Month]) -> None:
    """What came and went by month, with a bar for what was free at its end; below 0 it is hatched."""
    most = max((abs(month.free) for month in moved), default=0) or 1
    rows = [
        (
            *(month.period, yuan(month.given), yuan(month.promised), yuan(month.paid), yuan(month.free)),
            ("█" if month.free >= 0 else "░") * -(-abs(month.free) * _BAR // most),
        )
        for month in moved
    ]
    columns = (say("month"), say("came in"), say("promised"), say("paid"), say("left at its end"), say("left, as a bar"))
    door.screen.table(say("By month"), columns, rows)
