"""How figures are made: alternating runs after a warm-up, medians, and the spread beside them."""

import os
import platform
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Literal, TypeVar

Verdict = Literal["stretch", "reached", "missed", "not run"]
Run = Callable[[], float]
"""One run; gives its seconds."""


class NotRun(Exception):
    """A row cannot be measured here: its one argument says why, in a few words."""


class Progress:
    """What is measured now, on stderr: a line a row; where a person watches, also one that follows its runs."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._row = ""
        self._clear = "\r\x1b[K" if sys.stderr.isatty() else ""

    def row(self, words: str) -> None:
        """A row begins."""
        self._row = words
        self._tell(f"{self._clear}{self._line(words)}\n")

    def step(self, words: str) -> None:
        """A run of the row begins."""
        if self._clear:
            self._tell(f"{self._clear}{self._line(f'{self._row}: {words}')}")

    def _line(self, words: str) -> str:
        minutes, seconds = divmod(round(time.monotonic() - self._begun), 60)
        return f"{minutes:3d}:{seconds:02d}  {words}"[: shutil.get_terminal_size().columns - 1]

    def _tell(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


progress = Progress()


@dataclass(frozen=True, slots=True)
class Sample:
    """The seconds of some runs of one thing."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.seconds)

    def told(self) -> str:
        """The median with the least and the most: '1.23 s (1.10-1.40)'."""
        return f"{_seconds(self.median)} ({_seconds(min(self.seconds))}–{_seconds(max(self.seconds))})"


def _seconds(amount: float) -> str:
    return f"{amount:.2f} s" if amount >= 1 else f"{1000 * amount:.3g} ms"


@dataclass(frozen=True, slots=True)
class Pair:
    """Ours and the other one, run in turns."""

    ours: Sample
    theirs: Sample

    @property
    def speed(self) -> float:
        """How fast ours is as a share of the other one: 1.0 is as fast, 0.5 takes twice as long."""
        return self.theirs.median / self.ours.median

    @property
    def time(self) -> float:
        """How many times as long ours takes."""
        return self.ours.median / self.theirs.median

    def told(self) -> str:
        """Both with their spread."""
        runs = len(self.ours.seconds)
        return f"{self.ours.told()} against {self.theirs.told()}, {runs} run{'s' if runs > 1 else ''} each"


def alternate(runs: int, ours: Run, theirs: Run) -> Pair:
    """Run both once to warm up, then in turns, so that what the machine does meanwhile hits both. A single run, which only
    shows that the row works, has no warm-up."""
    taken = turns(runs, {"ours": ours, "the other": theirs})
    return Pair(taken["ours"], taken["the other"])


Name = TypeVar("Name")


def turns(runs: int, each: Mapping[Name, Run]) -> dict[Name, Sample]:
    """Run several things in turns, once to warm up and then so many times."""
    taken: dict[Name, list[float]] = {name: [] for name in each}
    for number in range(0 if runs > 1 else 1, runs + 1):
        for name, run in each.items():
            progress.step(f"{name}, {f'run {number} of {runs}' if number else 'warm-up'}")
            seconds = run()
            if number:
                taken[name].append(seconds)
    return {name: Sample(tuple(seconds)) for name, seconds in taken.items()}


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be: at least (a share of the other's speed) or at most (a multiple of its time, bytes, MB)."""

    direction: Literal["at least", "at most"]
    reach: float
    stretch: float
    unit: str = "×"

    def told(self, figure: float) -> str:
        """A figure with its unit."""
        shown = f"{figure:.2f}" if self.unit == "×" and figure < 100 else f"{figure:,.0f}"
        return f"{shown} {self.unit}"

    def plain(self, number: float) -> str:
        """A goal with its unit, as short as it was written."""
        return f"{number:,g} {self.unit}"

    def score(self, figure: float) -> float:
        """1.0 where the goal is just reached; more is better."""
        return figure / self.reach if self.direction == "at least" else self.reach / figure

    def verdict(self, figure: float) -> Verdict:
        """Whether the figure reaches the goal, or the stretch beyond it."""
        if self.score(figure) < 1:
            return "missed"
        better = figure >= self.stretch if self.direction == "at least" else figure <= self.stretch
        return "stretch" if better else "reached"


@dataclass(slots=True)
class Figure:
    """One line of the results. Without a `figure` it is told only, or not run, and `how` says why. `of` names the run it was
    measured in, which the results fill in."""

    row: str
    what: str
    against: str
    goal: Goal | None = None
    figure: float | None = None
    how: list[str] = field(default_factory=list)
    of: str = ""

    @property
    def verdict(self) -> Verdict:
        """Reached, stretch, missed or not run."""
        return self.goal.verdict(self.figure) if self.goal and self.figure is not None else "not run"


def machine(folder: Path) -> list[str]:
    """What the figures were measured on, in a few words each; `folder` holds the books."""
    names = ("sqlalchemy", "sqlmodel", "typer", "rich", "cryptography", "psycopg")
    return [
        f"{os.cpu_count()} × {_processor()}, {_memory_gb()} GB, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()} ({sys.implementation.name}), SQLite {sqlite3.sqlite_version}",
        ", ".join(f"{name} {_version(name)}" for name in names),
        f"load average before the first run: {os.getloadavg()[0]:.1f}",
        f"books on {_file_system(folder)}; one flush of a page there: {1000 * flush_seconds(folder):.2f} ms",
        "SQLite with `journal_mode=DELETE`, `synchronous=EXTRA`, on both sides of every comparison",
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _file_system(folder: Path) -> str:
    """The kind of file system under a folder and how it is mounted, where the system tells."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "an unknown file system"
    lines = [line.split()[1:4] for line in mounts.read_text().splitlines()]
    under = [line for line in lines if folder.resolve().is_relative_to(line[0])]
    _, kind, options = max(under, key=lambda line: len(line[0]))
    return f"{kind} ({options})"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def flush_seconds(folder: Path, times: int = 50) -> float:
    """What one flush of a page to the disk takes there: the price every durable transaction pays."""
    path = folder / "flush"
    taken = []
    with path.open("wb") as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    path.unlink()
    return median(taken)
