"""`timebank rules backtest` and `timebank rules recalc`: rule books and what really happened."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import backtest as room
from timebank import backtest_report as report
from timebank import funds, recalculation, rulebooks, services
from timebank import reading as journal
from timebank.backtest import Span
from timebank.backtest_report import Report
from timebank.base import communities, db
from timebank.base.act import Act
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.base.masking import mask_name
from timebank.base.months import first_day, last_day, parse_period
from timebank.base.sheet_writing import write_csv, write_pieces
from timebank.benefits import points_text
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import InputFile, day_of, rule_text
from timebank.dry_months import fund_months
from timebank.people import members, persons

app = typer.Typer(add_completion=False)
_LOSSES_SHOWN = 20
_DAYS_OF_A_YEAR = 365


@reading(app, "backtest", example="timebank rules backtest rules.toml --from 2026-01-01 --to 2026-12-31 --save backtest.html")
def backtest(
    door: Door,
    file: InputFile,
    since: Annotated[str, typer.Option("--from", help="First day of service; a year ago by default.")] = "",
    until: Annotated[str, typer.Option("--to", help="Last day of service; today by default.")] = "",
    save: Annotated[
        list[Path] | None, typer.Option("--save", help="Write the whole report as FILE.csv or FILE.html; may be given twice.")
    ] = None,
) -> None:
    """Try a rule book on what really happened: who would have more or fewer points, and what that would cost."""
    book = rulebooks.check(rule_text(file)).book
    assert book is not None, "a reading without errors has a book"
    for path in save or []:
        _check_kind(path)
    with door.reading(db.reading_aside) as (session, community):
        today = door.today(community)
        last = day_of(until) if until else today
        span = Span(day_of(since) if since else last - timedelta(_DAYS_OF_A_YEAR), last)
        rulebooks.check_decimals(book, community)
        with door.screen.progress(say("Back-test"), journal.entries(session, community.id)) as step:
            result = room.run(session, community.id, book, span, step)
        price = room.price(session, community.id, today)
        money = fund_months(funds.months(session, community.id), result.by_month, price, funds.budgets(session, community.id))
        shown = {member.id: member for member in members.listed(session, community.id)}
        names = persons.names(session, community.id)
    in_it = [shown[share.member] for share in result.shares]
    named = {member.id: (member.number, mask_name(names[member.person_id])) for member in in_it}
    found = Report(result, book.title, community.name, community.points_decimals, price, named, money)
    for path in save or []:
        _write(path, found, door)
    if not door.screen.data(report.as_data(found)):
        _show(door, found)


def _check_kind(path: Path) -> None:
    if path.suffix.lower() not in (".csv", ".html"):
        raise Invalid(
            say("{file} is neither a .csv nor a .html file.", file=path.name),
            "bad_file_kind",
            say("Name it like --save backtest.html."),
        )


def _write(path: Path, found: Report, door: Door) -> None:
    if path.suffix.lower() == ".csv":
        write_csv(path, *report.csv_rows(found, door.lang))
    else:
        write_pieces(path, [(report.page(found, door.lang).encode(), 1)])


def _show(door: Door, found: Report) -> None:
    for sentence in report.headline(found):
        door.screen.line(sentence)
    losses = found.result.losses
    for table in report.tables(found):
        rows = table.rows[:_LOSSES_SHOWN] if table.title is report.LOSSES else table.rows
        door.screen.table(table.title, table.columns, rows)
    if len(losses) > _LOSSES_SHOWN:
        door.screen.note(say("… and {count} more; --json and --save list all.", count=len(losses) - _LOSSES_SHOWN))


@writing(app, "recalc", example="timebank rules recalc --period 2026-10 --post --reason 2026-9号决议 --approver W0002")
def recalc(
    door: Writing,
    period: Annotated[str, typer.Option(help="A month of service, for example 2026-10.")] = "",
    since: Annotated[str, typer.Option("--from", help="First day of service, instead of a month.")] = "",
    until: Annotated[str, typer.Option("--to", help="Last day of service.")] = "",
    post: Annotated[bool, typer.Option("--post", help="Post it. Two people; without it only the plan is shown.")] = False,
    owe: Annotated[bool, typer.Option("--owe", help="Let points spent meanwhile be owed.")] = False,
) -> None:
    """Work services out again by the rules that speak for their days now: for a rule book published after they were awarded."""
    span = _span(period, since, until)
    request = {"from": span.first.isoformat(), "to": span.last.isoformat(), "owe": owe}
    if not post:
        with door.reading(db.reading_aside) as (session, community):
            with door.screen.progress(say("Recalculation"), journal.entries(session, community.id)) as step:
                planned = recalculation.plan(session, community.id, span, step)
            _tell(door, session, community.id, _told(planned))
        return
    subject = f"rules:{request['from']}..{request['to']}"
    with door.reading() as (session, community):
        steps = journal.entries(session, community.id)
        steps += 2 * sum(services.categories(session, community.id, span.first, span.last).values())  # the most there can be
    with door.screen.progress(say("Recalculation"), steps) as step:
        receipt = door.once_or_ask("rules.recalc", subject, request, lambda s, a: _recalculated(s, a, request, step)).receipt
    if "waiting" in receipt:
        door.screen.data(receipt)
        return
    with door.reading() as (session, community):
        _tell(door, session, community.id, receipt)


def _span(period: str, since: str, until: str) -> Span:
    """The days asked for. Raises Invalid `no_days`."""
    if period:
        month = parse_period(period)
        return Span(first_day(month), last_day(month))
    if not (since and until):
        raise Invalid(
            say("Which days are to be worked out again?"), "no_days", say("Give --period 2026-10, or --from and --to.")
        )
    return Span(day_of(since), day_of(until))


def recalculated(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Post a recalculation that was asked for."""
    return _recalculated(session, act, request, lambda _: None)


def _recalculated(session: Session, act: Act, request: dict[str, Any], step: recalculation.Step) -> dict[str, Any]:
    span = Span(day_of(request["from"]), day_of(request["to"]))
    return _told(recalculation.post(session, act, span, owe=request["owe"], step=step))


def _told(plan: recalculation.Plan) -> dict[str, Any]:
    """A plan as a receipt keeps it: members by id, no names."""
    shares = [[share.member, share.old, share.new] for share in plan.shares]
    return {"services": len(plan.changes), "rules": sorted({change.new_rules for change in plan.changes}), "members": shares}


def _tell(door: Writing, session: Session, community_id: int, receipt: dict[str, Any]) -> None:
    numbers = {member.id: member.number for member in members.listed(session, community_id)}
    rows = [(numbers[member], old, new, new - old) for member, old, new in receipt["members"]]
    names = ("member", "old", "new", "change")
    if door.screen.data(receipt | {"members": [dict(zip(names, row, strict=True)) for row in rows]}):
        return
    decimals = communities.get(session, community_id).points_decimals
    if not rows:
        door.screen.line(say("Everything was awarded as the rules of now would have it: nothing is to be done."))
        return
    title = say("{services} services of {members} members, worked out again", services=receipt["services"], members=len(rows))
    columns = (say("member"), say("awarded"), say("new"), say("change"))
    door.screen.table(title, columns, [(number, *(points_text(some, decimals) for some in sides)) for number, *sides in rows])
