"""What people see: tables, facts, notes, errors, progress. The only place with colour.

Data goes to stdout, everything else to stderr. With --json stdout holds one JSON document and nothing else.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from timebank.base.config import Config
from timebank.base.errors import TimebankError
from timebank.base.i18n import Say, say, text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_Item = TypeVar("_Item")
_FINDINGS_SHOWN = 50
_SECTION = re.compile(r"([a-z]+)\[(\d+)\]\.?(.*)")


class Screen:
    """One command's screen: stdout for data, stderr for people."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def data(self, value: dict[str, Any] | list[Any]) -> bool:
        """With --json: print the one document and say that all is shown."""
        if self._config.json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=None) + "\n")
        return self._config.json

    def line(self, sentence: Say | str) -> None:
        """One line of data."""
        self._console().print(self._text(sentence), markup=False, highlight=False, soft_wrap=True)

    def picture(self, rows: Sequence[str]) -> None:
        """A drawing of blocks, on a terminal that has room for it: light on dark, whatever colours the terminal has.

        Without colours the light blocks have the colour of the writing.
        """
        if self._config.quiet or not sys.stdout.isatty():
            return
        console = self._console()
        try:
            "".join(rows).encode(sys.stdout.encoding)
            fits = max(map(len, rows)) <= console.width
        except UnicodeEncodeError:
            fits = False
        if not fits:
            self.note(say("This window cannot show the QR code: make it wider, or write it to a file with --png FILE."))
            return
        for row in rows:
            console.print(row, style="#ffffff on #000000", markup=False, highlight=False, soft_wrap=True)

    def table(self, title: Say, columns: Sequence[Say], rows: Iterable[Sequence[object]]) -> None:
        """A table of data; numbers stand right."""
        from rich import box
        from rich.table import Table

        listed = [list(row) for row in rows]
        if not listed:
            self._console().print(self._text(title), style="bold", markup=False, highlight=False)
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, column in enumerate(columns):
            numeric = bool(listed) and all(isinstance(row[index], int) for row in listed)
            table.add_column(self._text(column), justify="right" if numeric else "left", overflow="fold")
        self._print(title, table, listed)

    def facts(self, title: Say, pairs: Sequence[tuple[Say, object]]) -> None:
        """Named values under a title."""
        from rich.table import Table

        table = Table(box=None, show_header=False, padding=(0, 2))
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        self._print(title, table, [[name, value] for name, value in pairs])

    def note(self, sentence: Say) -> None:
        """A remark for the person, on stderr; silent with --quiet."""
        if not self._config.quiet:
            self._console(stderr=True).print(self._text(sentence), style="dim", markup=False, highlight=False, soft_wrap=True)

    def warn(self, sentence: Say) -> None:
        """A warning, on stderr."""
        console = self._console(stderr=True)
        console.print(self._text(say("warning: {message}", message=sentence)), style="yellow", markup=False, soft_wrap=True)

    def error(self, error: TimebankError) -> None:
        """What went wrong and what to do: `error: …`, every finding, `hint: …`."""
        if self._config.json:
            self.data({"error": self._described(error)})
        console = self._console(stderr=True)
        console.print(
            self._text(say("error: {message}", message=error.message)), style="bold red", markup=False, soft_wrap=True
        )
        for finding in error.findings[:_FINDINGS_SHOWN]:
            where = place(finding.where, self._config.lang)
            line = "  " + self._text(say("{where}: {what} [{code}]", where=where, what=finding.message, code=finding.code))
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            if finding.hint is not None:
                console.print(f"    → {self._text(finding.hint)}", style="cyan", markup=False, highlight=False, soft_wrap=True)
        if len(error.findings) > _FINDINGS_SHOWN:
            more = say("… and {count} more; --json lists all.", count=len(error.findings) - _FINDINGS_SHOWN)
            console.print(f"  {self._text(more)}", markup=False)
        if error.hint is not None:
            console.print(self._text(say("hint: {message}", message=error.hint)), style="cyan", markup=False, soft_wrap=True)

    def _described(self, error: TimebankError) -> dict[str, Any]:
        findings = [
            {"where": f.where, "row": f.row, "code": f.code, "message": self._text(f.message)}
            | ({"hint": self._text(f.hint)} if f.hint else {})
            for f in error.findings
        ]
        hint = self._text(error.hint) if error.hint else None
        return {"code": error.code, "message": self._text(error.message), "hint": hint, "findings": findings}

    @contextmanager
    def progress(self, label: Say, total: int | None) -> Iterator[Any]:
        """A progress bar on stderr where a person watches; gives a function that moves it by a number of steps."""
        if self._config.quiet or not sys.stderr.isatty():
            yield lambda _steps: None
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console(stderr=True), transient=True) as bar:
            task = bar.add_task(self._text(label), total=total)
            yield lambda steps: bar.advance(task, steps)

    def _text(self, cell: object) -> str:
        return text(cell, self._config.lang) if isinstance(cell, Say) else str(cell)

    def _print(self, title: Say, table: "Table", rows: Iterable[Sequence[object]]) -> None:
        from rich.text import Text

        for row in rows:
            table.add_row(*(Text(self._text(cell)) for cell in row))
        console = self._console()
        console.print(self._text(title), style="bold", markup=False, highlight=False)
        console.print(table)

    def _console(self, *, stderr: bool = False) -> "Console":
        from rich.console import Console

        stream = sys.stderr if stderr else sys.stdout
        wide = None if stream.isatty() else 160
        return Console(file=stream, no_color=not self._config.color, width=wide, highlight=False)


def place(where: str, lang: str) -> str:
    """Where a finding is, in the person's language: 'row 7' or 'line 7' is 第 7 行."""
    if lang == "zh" and where.startswith(("row ", "line ")):
        return f"第 {where.partition(' ')[2]} 行"
    if lang == "zh" and where.startswith("entry "):
        return f"第 {where[6:]} 号分录"
    if lang == "zh" and where == "file":
        return "文件"
    if section := _SECTION.fullmatch(where):  # 'cap[0].points' of a rule book: people count from 1
        name, number, key = section[1], int(section[2]) + 1, section[3]
        if lang == "zh":
            return f"第 {number} 个 [[{name}]]" + (f" 的 {key}" if key else "")
        return f"[[{name}]] number {number}" + (f", {key}" if key else "")
    return where


def width(shown: str) -> int:
    """How many columns of a terminal a text takes: Chinese characters take two."""
    from unicodedata import combining, east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 1 for c in shown if not combining(c))
