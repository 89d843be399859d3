"""The results as people read them: a table in Markdown, and the same figures as JSON for the chart and for the next run."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.chart import chart
from bench.measure import Figure, Goal, Verdict

_SHOWN: dict[Verdict, str] = {"stretch": "stretch", "reached": "reached", "missed": "**not reached**", "not run": "not run"}
_SIGN = {"at least": "≥", "at most": "≤"}
_COMMAND = {"full": "make bench", "quick": "make bench-quick", "tiny": "python -m bench --size tiny"}


def told(figure: Figure) -> str:
    """A figure as one line of text."""
    if figure.goal is None or figure.figure is None:
        return f"{figure.row:4} {figure.what}: not run"
    goal = f"{figure.goal.direction} {figure.goal.told(figure.goal.reach)}"
    shown = figure.goal.told(figure.figure)
    return f"{figure.row:4} {figure.what}, against {figure.against}: {shown} ({goal}: {figure.verdict})"


@dataclass(slots=True)
class Run:
    """One run of the bench: when it began (UTC, to the minute), its size, what it ran on, how long it took."""

    begun: str
    size: str
    conditions: list[str]
    seconds: float = 0

    @property
    def name(self) -> str:
        """What figures of it are marked with."""
        return f"{self.begun}, {self.size}"


@dataclass(slots=True)
class Results:
    """The figures of the newest run, and of rows it left out those of earlier ones, each marked with its own run."""

    run: Run
    folder: Path
    figures: list[Figure] = field(default_factory=list)
    earlier: list[Run] = field(default_factory=list)

    @classmethod
    def opened(cls, folder: Path, size: str, conditions: list[str]) -> "Results":
        """What stands in a folder, ready for a new run."""
        results = cls(Run(f"{datetime.now(UTC):%Y-%m-%d %H:%M}", size, conditions), folder)
        path = folder / "results.json"
        if path.exists():
            kept: dict[str, Any] = json.loads(path.read_bytes())
            results.earlier = [Run(**run) for run in kept["runs"]]
            results.figures = [_figure(figure) for figure in kept["figures"]]
        return results

    def put(self, row: str, figures: Iterable[Figure], seconds: float) -> None:
        """Take a row's figures in place of those it had, and write all files: a run that ends early loses nothing."""
        kept = [figure for figure in self.figures if figure.row != row]
        for figure in figures:
            figure.of = self.run.name
            kept.append(figure)
        self.figures = sorted(kept, key=lambda figure: int(figure.row[1:]))
        self.run.seconds = seconds
        used = {figure.of for figure in self.figures}
        self.earlier = [run for run in self.earlier if run.name in used and run.name != self.run.name]
        self._write()

    def _write(self) -> None:
        runs = [self.run, *self.earlier]
        kept = {"runs": [asdict(run) for run in runs], "figures": [asdict(figure) for figure in self.figures]}
        measured = [figure for figure in self.figures if figure.figure is not None]
        for name, written in (
            ("results.json", json.dumps(kept, ensure_ascii=False, indent=1) + "\n"),
            ("RESULTS.md", _markdown(runs, self.figures)),
            ("results.svg", chart(measured)),
        ):
            (self.folder / name).write_text(written, encoding="utf-8")


def _figure(kept: dict[str, Any]) -> Figure:
    goal = Goal(**kept["goal"]) if kept["goal"] else None
    return Figure(**kept | {"goal": goal})


def _markdown(runs: Sequence[Run], figures: Sequence[Figure]) -> str:
    newest = runs[0]
    lines = [
        "# Measured",
        "",
        f"Written by `{_COMMAND[newest.size]}` on {newest.begun} UTC in {newest.seconds / 60:.0f} minutes. Every ratio is one"
        " of medians of runs in turns (ours, the other, ours, …) after a warm-up, in fresh processes, on one machine that"
        " others use too; the least and the most stand in brackets. Absolute times say little about another machine.",
        "",
        *(f"- {condition}" for condition in newest.conditions),
        *(f"- marked rows are of an earlier run: {run.name} size, {run.conditions[3]}" for run in runs[1:]),
        "",
        "![How far each figure is from its goal](results.svg)",
        "",
        "| | what | against | figure | goal | stretch | |",
        "|---|---|---|---:|---:|---:|---|",
        *(_line(figure, newest) for figure in figures),
        "",
        "## How",
        "",
        *(f"- {figure.row}, {figure.what}: {'; '.join(figure.how)}." for figure in figures),
    ]
    return "\n".join(lines) + "\n"


def _line(figure: Figure, newest: Run) -> str:
    goal = figure.goal
    shown = goal.told(figure.figure) if goal and figure.figure is not None else "–"
    reach = f"{_SIGN[goal.direction]} {goal.plain(goal.reach)}" if goal else "–"
    stretch = f"{_SIGN[goal.direction]} {goal.plain(goal.stretch)}" if goal else "–"
    verdict = _SHOWN[figure.verdict] + ("" if figure.of == newest.name else f" (run of {figure.of})")
    return f"| {' | '.join((figure.row, figure.what, figure.against, shown, reach, stretch, verdict))} |"
