"""Books to measure on: built once by the program's own commands from synthetic sheets, copied for every run."""

import io
import json
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from typer.main import get_command

from bench import sheets
from bench.measure import progress
from bench.processes import call
from timebank.base.months import last_day
from timebank.cli import app

NOW = "2027-01-05T12:00:00+08:00"
"""The moment of every command: the year of the sheets is over, no month of it is closed."""
MOMENT = datetime(2027, 1, 5, 4, 0, tzinfo=UTC)
TODAY = date(2027, 1, 5)
RULES = Path(__file__).parent.parent / "examples" / "rules" / "community-points.toml"
"""The full rule book of the examples: caps, a pool, multipliers, expiry."""
MEMBERS = 2_000
MEMBERS_OF_A_CITY = 22_000
ROWS_OF_A_SHEET_MAX = 1_000_000


def run(database: Path, *words: str) -> str:
    """Run a command of the program in this process, through its own door; gives stdout. Any refusal ends the bench."""
    os.environ["TIMEBANK_TEST_CLOCK"] = "1"
    out, err = io.StringIO(), io.StringIO()
    line = [*words, "--db", f"sqlite:///{database}", "--now", NOW, "--lang", "en", "--json", "--quiet"]
    with redirect_stdout(out), redirect_stderr(err):
        status = get_command(app).main(line, standalone_mode=False)
    if status:
        said = err.getvalue().partition("\n")[0]
        raise RuntimeError(f"timebank {' '.join(words)}: exit status {status}, {said}")
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Library:
    """The books of one bench run, in one temporary folder. A book is named by its members and entries of service."""

    folder: Path

    def founded(self, members: int) -> Path:
        """A community of so many members with a published rule book and a shop with an offer, without any service."""
        path = self.folder / f"founded-{members}.db"
        if not path.exists():
            run(path, "init", "--community", "520201-jianshe", "--name", "建设中路社区", "--open-from", "2026-01")
            rules = self.folder / "rules.toml"
            rules.write_text(RULES.read_text(encoding="utf-8").replace("effective_to ", "# effective_to "), encoding="utf-8")
            run(path, "rules", "publish", str(rules), "--resolution", "2025-7", "--retroactive", "bench", "--approver", "W0002")
            run(path, "member", "import", str(sheets.write_members(self.folder / f"members-{members}.csv", members)))
            run(path, "merchant", "add", "老王便民超市", "--category", "超市")
            terms = ("--kind", "offset", "--points-per-yuan", "10", "--max-share", "50%", "--valid", "2026-01-01..2027-12-31")
            run(path, "offer", "add", "--merchant", "S001", *terms)
        return path

    def sheet(self, rows: int, members: int, days: tuple[date, date] = sheets.YEAR) -> Path:
        """A sheet of so many services."""
        path = self.folder / f"hours-{members}-{rows}-{days[0]:%Y%m%d}.csv"
        return path if path.exists() else sheets.write_hours(path, rows, members, days)

    def served(self, rows: int, members: int = MEMBERS, days: tuple[date, date] = sheets.YEAR) -> Path:
        """The founded book after the import of so many services of those days, by the command in a process of its own; what
        is too much for one sheet comes month by month."""
        path = self.folder / f"served-{members}-{rows}-{days[0]:%Y%m%d}.db"
        if not path.exists():
            made = self.copy(self.founded(members))
            ran = []
            for number, sheet in enumerate(self._sheets(rows, members, days), start=1):
                progress.step(f"a book of {rows:,} services of {members:,} members is made, sheet {number}")
                ran.append(call("command", database=made, words=["hours", "import", str(sheet)]))
            told = {"seconds": sum(one["seconds"] for one in ran), "peak_kb": max(one["peak_kb"] for one in ran)}
            path.with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")
            for its, named in zip(_beside(made), _beside(path), strict=True):
                if its.exists():
                    its.rename(named)
            made.rename(path)
        return path

    def _sheets(self, rows: int, members: int, days: tuple[date, date]) -> list[Path]:
        if rows <= ROWS_OF_A_SHEET_MAX:
            return [self.sheet(rows, members, days)]
        months = [(date(2026, month, 1), last_day(f"2026-{month:02d}")) for month in range(1, 13)]
        return [self.sheet(rows // 12, members, month) for month in months]

    def measured(self, book: Path) -> dict[str, Any]:
        """What the import that made a book took: seconds and peak_kb."""
        told: dict[str, Any] = json.loads(book.with_suffix(".json").read_text(encoding="utf-8"))
        return told

    def copy(self, book: Path) -> Path:
        """A copy to write into, with the files beside it. It is on the disk already: no run waits for it."""
        path = self.folder / "run.db"
        shutil.copyfile(book, path)
        for its, copied in zip(_beside(book), _beside(path), strict=True):
            copied.unlink(missing_ok=True)
            if its.exists():
                shutil.copyfile(its, copied)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        return path


def _beside(book: Path) -> list[Path]:
    """The files that belong to a book: its keys, and the log of the heads it gave away."""
    return [book.with_name(f"{book.name}.{kind}") for kind in ("keys", "checkpoints.log")]
