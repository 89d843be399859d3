"""How figures are made: alternating runs after a warm-up, medians, and the spread beside them."""

import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Literal

Verdict = Literal["stretch", "reached", "missed", "not run"]
Run = Callable[[], float]
"""One run; gives its seconds."""


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
        return f"{self.ours.told()} against {self.theirs.told()}, {len(self.ours.seconds)} runs each"


def alternate(runs: int, ours: Run, theirs: Run) -> Pair:
    """Run both once to warm up, then in turns, so that what the machine does meanwhile hits both."""
    ours()
    theirs()
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for run, seconds in zip((ours, theirs), taken, strict=True):
            seconds.append(run())
    return Pair(*(Sample(tuple(seconds)) for seconds in taken))


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be: at least (a share of the other's speed) or at most (a multiple of its time, bytes, MB)."""

    direction: Literal["at least", "at most"]
    reach: float
    stretch: float
    unit: str = "×"

    def told(self, figure: float) -> str:
        """A figure with its unit."""
        shown = f"{figure:.2f}" if self.unit == "×" else f"{figure:,.0f}"
        return f"{shown} {self.unit}"

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
    """One line of the results. Without a `figure` it is told only, or not run, and `how` says why."""

    row: str
    what: str
    against: str
    goal: Goal | None = None
    figure: float | None = None
    how: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Reached, stretch, missed or not run."""
        return self.goal.verdict(self.figure) if self.goal and self.figure is not None else "not run"


def machine() -> list[str]:
    """What the figures were measured on, in a few words each."""
    names = ("sqlalchemy", "sqlmodel", "typer", "rich", "alembic")
    return [
        f"{os.cpu_count()} × {_processor()}, {_memory_gb()} GB, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()} ({sys.implementation.name}), SQLite {sqlite3.sqlite_version}",
        ", ".join(f"{name} {version(name)}" for name in names),
        f"load before the first run: {os.getloadavg()[0]:.1f}",
    ]


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
