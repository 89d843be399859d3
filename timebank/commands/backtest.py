"""`timebank rules backtest`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from timebank import backtest as room
from timebank import backtest_report as report
from timebank import reading as journal
from timebank import rulebooks
from timebank.backtest import Span
from timebank.backtest_report import Report
from timebank.base import db
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.base.masking import mask_name
from timebank.base.sheet_writing import write_csv, write_pieces
from timebank.commands.door import Door, reading
from timebank.commands.options import InputFile, day_of, rule_text
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
        shown = {member.id: member for member in members.listed(session, community.id)}
        names = persons.names(session, community.id)
    in_it = [shown[share.member] for share in result.shares]
    named = {member.id: (member.number, mask_name(names[member.person_id])) for member in in_it}
    found = Report(result, book.title, community.name, community.points_decimals, price, named)
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
        rows = table.rows[:_LOSSES_SHOWN] if len(table.rows) == len(losses) and len(table.columns) == 5 else table.rows
        door.screen.table(table.title, table.columns, rows)
    if len(losses) > _LOSSES_SHOWN:
        door.screen.note(say("… and {count} more; --json and --save list all.", count=len(losses) - _LOSSES_SHOWN))
