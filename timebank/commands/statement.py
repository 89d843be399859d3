"""`timebank statement …`."""

from contextlib import ExitStack
from dataclasses import asdict, replace
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import statement_files, statements
from timebank.approvals import two_people
from timebank.base.act import Act
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.base.months import parse_period, period_of
from timebank.commands.door import Door, Writing, writing
from timebank.commands.options import Folder, Names, Period
from timebank.statement_files import Exported, Options

app = typer.Typer(add_completion=False)


class Headers(Enum):
    """The language of the header rows."""

    ZH = "zh"
    EN = "en"


class Format(Enum):
    """What is written of each member: sheets alone, or a page to print beside them."""

    CSV = "csv"
    HTML = "html"


@writing(app, "close", example="timebank statement close 2026-10 --approver W0002")
def close(
    door: Writing,
    period: Period,
    show: Annotated[bool, typer.Option("--list", help="Only list what is still waiting or held; close nothing.")] = False,
) -> None:
    """Close a month that is over. Two people. Its statements' root goes into the book; nothing changes it after."""
    if show:
        _list(door, parse_period(period))
        return
    request = {"period": parse_period(period)}
    receipt = door.once_or_ask(statements.CLOSE_ASKED, f"period:{period}", request, lambda s, a: closed(s, a, request)).receipt
    if door.screen.data(receipt) or ("waiting" in receipt and "root" not in receipt):
        return
    for count, told in (
        (receipt["holds"], say("{count} holders still have points held for vouchers.", count=receipt["holds"])),
        (
            receipt["waiting"],
            say("{count} records of hours still wait; once posted, a later month has them.", count=receipt["waiting"]),
        ),
    ):
        if count:
            door.screen.warn(told)
    door.screen.facts(
        say("{period} is closed", period=receipt["period"]),
        [
            (say("entry"), f"E{receipt['entry']:06d}"),
            (say("statements"), receipt["statements"]),
            (say("lines"), receipt["lines"]),
            (say("root of the statements"), receipt["root"]),
        ],
    )


def closed(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Close the month that was asked for."""
    return asdict(statements.close(session, act, request["period"]))


def _list(door: Writing, period: str) -> None:
    with door.reading() as (session, community):
        found = statements.pending(session, community.id)
    rows = [(finding.where, finding.code, finding.message) for finding in found]
    if not door.screen.data([{"where": f.where, "code": f.code, "message": str(f.message)} for f in found]):
        door.screen.table(say("Still open in {period}", period=period), (say("where"), say("code"), say("what")), rows)


@writing(app, "export", example="timebank statement export 2026-10 --to out/2026-10")
def export(
    door: Writing,
    period: Period,
    to: Folder,
    headers: Annotated[Headers, typer.Option(help="Language of the header rows.")] = Headers.ZH,
    names: Annotated[Names, typer.Option(help="full needs --reason and a second person, and is logged.")] = Names.MASKED,
    form: Annotated[
        Format,
        typer.Option("--format", help="html: also a page to print for each member."),
    ] = Format.CSV,
) -> None:
    """Write a month's files: members, lines, merchants, totals, one file a member and a shop, and a manifest with hashes."""
    _check_month(door, period)
    wanted = Options(headers.value, door.lang, names.value, door.public(), form.value)
    if names is Names.FULL:
        _export_names(door, period, to, wanted)
    if names is Names.MASKED or door.dry_run:  # what is not logged is not shown
        _export(door, period, to, replace(wanted, names=Names.MASKED.value))


def _export_names(door: Writing, period: str, to: Path, wanted: Options) -> None:
    """Write a month's files with full names in the transaction that logs it: where one fails, there is neither."""
    written: list[Exported] = []

    def work(session: Session, act: Act) -> dict[str, Any]:
        two_people(act)
        if not act.reason:
            raise Invalid(say("Full names need a reason."), "no_reason", say("Say why with --reason."))
        if not door.dry_run:
            with door.screen.progress(say("Statements"), None) as moved:
                written[:] = [statement_files.export(session, act.community_id, parse_period(period), to, wanted, moved)]
        return {"period": period, "names": wanted.names}

    door.once("statement.export", work)
    if written:
        _tell(door, written[0])


def _export(door: Writing, period: str, to: Path, wanted: Options) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory())) if door.dry_run else to
        moved = stack.enter_context(door.screen.progress(say("Statements"), None))
        spool = stack.enter_context(statement_files.spooled())
        with door.reading() as (session, community):
            month = statement_files.gathered(session, community.id, parse_period(period), wanted, spool)
        done = statement_files.write(month, folder, moved)
    _tell(door, replace(done, folder=to))


def _check_month(door: Door, period: str) -> None:
    with door.reading() as (_, community):
        today = door.today(community)
    if parse_period(period) > period_of(today):
        raise Invalid(say("{period} lies in the future.", period=period), "future_month", say("Export a month that has begun."))


def _tell(door: Door, done: Exported) -> None:
    files = {name: {"sha256": written.sha256, "rows": written.rows} for name, written in done.files.items()}
    shown = {"period": done.label, "folder": str(done.folder), "statements": done.statements, "files": files}
    if not door.screen.data(shown):
        rows = [(name, written.rows, written.sha256[:16]) for name, written in done.files.items() if "/" not in name]
        single = sum("/" in name and name.endswith(".csv") for name in done.files)
        door.screen.table(say("Files of {period}", period=done.label), (say("file"), say("rows"), say("SHA-256")), rows)
        door.screen.line(say("{count} single statements are beside them in {folder}.", count=single, folder=str(done.folder)))
