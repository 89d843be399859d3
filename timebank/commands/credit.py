"""`timebank credit …`."""

from contextlib import closing
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import credits, exchange
from timebank.base.act import Act
from timebank.base.i18n import say
from timebank.base.sheet_values import parse_day, parse_minutes, parse_text
from timebank.benefits import points_text
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.imports import Import, run
from timebank.commands.options import InputFile, MemberNo, Partial, SaveRejects, SheetName
from timebank.credits import Contribution, Movement
from timebank.people import members
from timebank.statement_words import entry_no

app = typer.Typer(add_completion=False)

Credits = Annotated[int, typer.Argument(metavar="CREDITS", help="How many credits.", min=1)]


@writing(app, "issue", example="timebank credit issue M0012 20 --category 环境 --reason 楼道墙绘一幅 --approver W0002")
def issue(
    door: Writing,
    member: MemberNo,
    amount: Credits,
    category: Annotated[str, typer.Option(help="What kind of contribution: a short word.")],
    date: Annotated[str | None, typer.Option(help="The day of the contribution; today if left out.")] = None,
    minutes: Annotated[str, typer.Option(help="How long it took, where it was time; it is no service.")] = "",
    ref: Annotated[str, typer.Option(help="Number of the paper record.")] = "",
) -> None:
    """Give a member credits for a contribution. Two people. What was made stands in --reason."""
    with door.reading() as (_, community):
        day = parse_day(date) if date else door.today(community)
    request = {"member": parse_text(member), "credits": amount, "category": parse_text(category), "date": day.isoformat()}
    request |= {"minutes": parse_minutes(minutes) if minutes else 0, "ref": parse_text(ref)}
    receipt = door.once_or_ask(credits.ISSUE, f"member:{member}", request, lambda s, a: issued(s, a, request)).receipt
    if door.screen.data(receipt) or "waiting" in receipt:
        return
    if receipt["repeated"]:
        door.screen.line(say("This contribution was entered before; nothing was given twice."))
    else:
        door.screen.line(say("{member} is given {credits} credits.", member=member, credits=amount))


def issued(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Give the credits that were asked for."""
    given = Contribution(
        request["member"],
        request["credits"],
        request["category"],
        parse_day(request["date"]),
        request["minutes"],
        request["ref"],
    )
    outcome = credits.issue(session, act, given)
    return {"member": request["member"], "credits": outcome.credits, "repeated": outcome.repeated}


@writing(app, "convert", example="timebank credit convert M0012 20")
def convert(door: Writing, member: MemberNo, amount: Credits) -> None:
    """Turn a member's credits into points, as the rule book of today says."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        return credits.convert(session, act, member, amount)._asdict()

    receipt = door.once(credits.CONVERT, work).receipt
    if not door.screen.data(receipt):
        made = points_text(receipt["points"], door.decimals())
        door.screen.line(
            say("{credits} credits of {member} became {points} points.", credits=amount, member=receipt["member"], points=made)
        )


@writing(app, "import", example="timebank credit import contributions.csv --rows 40 --credits 260 --approver W0002")
def import_(
    door: Writing,
    file: InputFile,
    rows: Annotated[int | None, typer.Option("--rows", help="Control total: how many rows the file must have.")] = None,
    total: Annotated[int | None, typer.Option("--credits", help="Control total: how many credits in all.")] = None,
    partial: Partial = False,
    save_rejects: SaveRejects = None,
    sheet: SheetName = "",
) -> None:
    """Give the credits of a sheet: ref, date, member_no, credits, category, minutes, note. Two people."""
    wanted = Import("credit.import", file, exchange.CREDIT_COLUMNS, partial, save_rejects, rows=rows, credits=total, tab=sheet)
    run(door, wanted, exchange.credits_in)


@reading(app, "list", example="timebank credit list --member M0012")
def list_(door: Door, member: Annotated[str | None, typer.Option(help="Only this member.")] = None) -> None:
    """List credits given and converted, in the order of the book."""
    with door.reading() as (session, community):
        holder = members.find(session, community.id, member).holder if member else ""
        numbers = {one.holder: one.number for one in members.listed(session, community.id)}
        with closing(credits.movements(session, community.id, holder)) as found:
            rows = [_row(one, numbers) for one in found]
        decimals = community.points_decimals
    if not door.screen.data([dict(zip(_COLUMNS, row, strict=True)) for row in rows]):
        columns = (
            say("entry"),
            say("date"),
            say("member"),
            say("what"),
            say("category"),
            say("credits"),
            say("points"),
            say("state"),
        )
        shown = [
            (
                entry_no(seq),
                day,
                number,
                KINDS[kind],
                category,
                moved,
                points_text(made, decimals),
                say("reversed") if back else "",
            )
            for seq, day, number, kind, category, moved, made, back in rows
        ]
        door.screen.table(say("Credits ({count})", count=len(rows)), columns, shown)


_COLUMNS = ("entry", "date", "member", "kind", "category", "credits", "points", "reversed_by")
KINDS = {
    credits.ISSUE: say("given"),
    credits.CONVERT: say("converted"),
    "points.opening": say("brought along"),
}


def _row(one: Movement, numbers: dict[str, str]) -> tuple[Any, ...]:
    return one.seq, one.day, numbers[one.holder], one.kind, one.category, one.credits, one.points, one.reversed_by
