"""What the import commands of all nouns share: one transaction, all or nothing unless --partial, a file of rejects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session

from timebank import exchange
from timebank.base.act import Act
from timebank.base.errors import Finding, Invalid
from timebank.base.i18n import Say, say
from timebank.base.imported import OTHER_TOTAL, Imported
from timebank.base.sheets import Column
from timebank.commands.door import Writing
from timebank.exchange import Intake

_WARNINGS_MAX = 20


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the verb's name, the file, its columns, and what the person asked for."""

    verb: str
    file: Path
    columns: Sequence[Column]
    partial: bool
    save_rejects: Path | None
    rows: int | None = None
    minutes: int | None = None
    points: int | None = None
    credits: int | None = None
    tab: str = ""

    @property
    def totals(self) -> dict[str, int | None]:
        """The control totals by name; None where none was given."""
        return {"rows": self.rows, "minutes": self.minutes, "points": self.points, "credits": self.credits}


def run(door: Writing, wanted: Import, take: Callable[[Session, Act, Intake], Imported]) -> dict[str, Any]:
    """Import a file and show what became of its rows. Raises Invalid `rejected_rows`, `other_total`, `control_total`."""
    _check_rejects(wanted)
    with door.screen.progress(say("Reading {file}", file=wanted.file.name), None) as moved:
        intake = exchange.open_for(wanted.file, wanted.columns, moved, wanted.tab)
        for remark in intake.sheet.remarks:
            door.screen.warn(remark)
        for header in intake.sheet.unknown:
            if header not in exchange.OWN_COLUMNS:
                door.screen.warn(say("The column {header} is not known and is left out.", header=header))

        seen = Imported()

        def work(session: Session, act: Act) -> dict[str, Any]:
            outcome = take(session, act, intake)
            seen.add(outcome)
            exchange.check_totals(outcome, intake, wanted.totals)
            _warn(door, outcome.warnings)
            for note in intake.sheet.notes():
                door.screen.note(note)
            if not wanted.partial or not outcome.posted + outcome.pending + outcome.confirmed + outcome.repeated:
                outcome.all_or_nothing()
            _keep_rejects(door, wanted, intake)  # before the commit: a repeat under this key reads no sheet any more
            return outcome.receipt()

        try:
            receipt = seen.told(door.once(wanted.verb, work).receipt, door.lang)
        except Invalid as error:
            _keep_rejects(door, wanted, intake)
            if wanted.save_rejects and error.code == "rejected_rows":
                error.hint = say("Correct them in {file}, or import the good rows with --partial.", file=wanted.save_rejects)
            raise
    _show(door, wanted, receipt)
    return receipt


def _warn(door: Writing, warnings: Sequence[Finding]) -> None:
    """Tell the first warnings with their rows: a sheet that was typed twice has one for each of its rows."""
    for warning in warnings[:_WARNINGS_MAX]:
        door.screen.warn(say("row {row}: {warning}", row=warning.row or 0, warning=warning.message))
    if len(warnings) > _WARNINGS_MAX:
        door.screen.warn(say("{count} more rows have a warning.", count=len(warnings) - _WARNINGS_MAX))


def _check_rejects(wanted: Import) -> None:
    """Refuse a file of rejects that could not be written, before anything is. Raises Invalid `bad_rejects_file`."""
    path = wanted.save_rejects
    if path is None:
        return
    if path.exists() and path.samefile(wanted.file):
        same = say("{file} is the sheet itself.", file=path.name)
        raise Invalid(same, "bad_rejects_file", say("Give the rejected rows a file of their own."))
    if not path.parent.is_dir():
        missing = say("There is no folder {folder}.", folder=str(path.parent))
        raise Invalid(missing, "bad_rejects_file", say("Make it first, or name another file."))


def _keep_rejects(door: Writing, wanted: Import, intake: Intake) -> None:
    if wanted.save_rejects and intake.rejects and not door.dry_run:
        intake.save_rejects(wanted.save_rejects, door.lang)
        door.screen.note(say("Rows kept in {file}: {count}", count=len(intake.rejects), file=str(wanted.save_rejects)))


_COUNTS: tuple[tuple[str, Say], ...] = (
    ("rows", say("rows")),
    ("posted", say("posted")),
    ("pending", say("waiting for a second person")),
    ("confirmed", say("waiting for a notice")),
    ("repeated", say("known already")),
    ("minutes", say("minutes")),
    ("points", say("points")),
    ("credits", say("credits")),
)


def _show(door: Writing, wanted: Import, receipt: dict[str, Any]) -> None:
    if door.screen.data(receipt):
        return
    counts = [(told, receipt[name]) for name, told in _COUNTS if receipt.get(name) or name in ("rows", "posted")]
    rejected = receipt["rejected"]
    bad = sum(row["code"] != OTHER_TOTAL for row in rejected)
    door.screen.facts(say("Import of {file}", file=wanted.file.name), [*counts, (say("rejected"), bad)])
    if rejected:
        rows = [(row["row"], row["code"], row["message"], row["hint"]) for row in rejected]
        door.screen.table(say("Rejected rows"), (say("row"), say("code"), say("reason"), say("cure")), rows)
