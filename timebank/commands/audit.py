"""`timebank audit`."""

from typing import Annotated

import typer

from timebank import audit as room
from timebank.base.i18n import say, text
from timebank.commands.door import Door, reading
from timebank.show import place

app = typer.Typer(add_completion=False)
_FINDINGS_SHOWN = 50


@reading(app, "audit", example="timebank audit\ntimebank audit I5 guards --json")
def audit(
    door: Door,
    checks: Annotated[list[str] | None, typer.Argument(metavar="[CHECK]...", help="Only these checks, for example I5.")] = None,
) -> None:
    """Recompute the whole book from its entries and compare it with all the database says; takes no lock, changes nothing."""
    with door.reading() as (session, community), door.screen.progress(say("Reading entries"), None) as moved:
        done = 0

        def told(entries: int, _of: int) -> None:
            nonlocal done
            moved(entries - done)
            done = entries

        report = room.audit(session, community.id, checks or None, told)
    findings = [
        {"check": f.check, "code": f.code, "entry": f.entry, "where": f.where, "message": text(f.message, door.lang)}
        for f in report.findings
    ]
    if not door.screen.data({"ok": report.ok, "entries": report.entries, "root": report.root, "findings": findings}):
        _tell(door, report)
    if not report.ok:
        raise typer.Exit(room.verdict(report.findings))


def _tell(door: Door, report: room.Report) -> None:
    rows = [(f.check, place(f.where, door.lang), f.code, f.message) for f in report.findings[:_FINDINGS_SHOWN]]
    if rows:
        door.screen.table(say("Findings"), (say("check"), say("where"), say("code"), say("what")), rows)
    if len(report.findings) > _FINDINGS_SHOWN:
        door.screen.note(say("… and {count} more; --json lists all.", count=len(report.findings) - _FINDINGS_SHOWN))
    pairs = [(say("entries"), report.entries), (say("root of the log"), report.root)]
    clean = say("The book is sound") if report.ok else say("The book has {count} findings", count=len(report.findings))
    door.screen.facts(clean, pairs)
