"""What every row of the bench works with: its books, its sizes, and a name to be asked for."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from bench.books import MEMBERS, MEMBERS_OF_A_CITY, Library
from bench.measure import Figure, Sample
from bench.processes import call


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Entries are entries of service; `growth` are the books of P13 and P14; `long_runs` is how often
    something runs that takes minutes in full; `journal_rows` and `journal_runs` are those of P10, whose goal is stated for
    100,000 entries and whose peers read all of them every time."""

    name: str
    runs: int
    long_runs: int
    import_rows: int
    import_members: int
    posts: int
    awards: int
    starts: int
    city_entries: int
    city_members: int
    growth: tuple[int, ...]
    growth_rows: int
    journal_rows: int
    journal_runs: int


FULL = Size(
    name="full",
    runs=5,
    long_runs=3,
    import_rows=100_000,
    import_members=MEMBERS,
    posts=500,
    awards=100_000,
    starts=15,
    city_entries=1_000_000,
    city_members=MEMBERS_OF_A_CITY,
    growth=(1_000, 10_000, 100_000, 1_000_000),
    growth_rows=5_000,
    journal_rows=100_000,
    journal_runs=5,
)
QUICK = Size(
    name="quick",
    runs=5,
    long_runs=5,
    import_rows=20_000,
    import_members=MEMBERS,
    posts=400,
    awards=50_000,
    starts=9,
    city_entries=50_000,
    city_members=1_100,
    growth=(1_000, 50_000),
    growth_rows=1_000,
    journal_rows=100_000,
    journal_runs=3,
)
TINY = Size(
    name="tiny",
    runs=1,
    long_runs=1,
    import_rows=200,
    import_members=20,
    posts=4,
    awards=100,
    starts=1,
    city_entries=200,
    city_members=20,
    growth=(100, 200),
    growth_rows=20,
    journal_rows=200,
    journal_runs=1,
)
"""Whether the bench still works; its figures mean nothing."""
SIZES = {size.name: size for size in (FULL, QUICK, TINY)}
HUGE_ENTRIES = 10_000_000


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the bench: where its books are, a temporary folder for what is written, how much it measures, what its
    commands measured so far."""

    library: Library
    folder: Path
    size: Size
    huge: bool = False
    ran: dict[tuple[str, Path], list[dict[str, Any]]] = field(default_factory=dict)
    _numbers: count = field(default_factory=count)  # type: ignore[type-arg]  # a count of ints

    def fresh(self, name: str) -> Path:
        """A name in the folder that nothing had before. What a run wrote stays until the end: some file systems look for a free
        place for long after thousands of files were removed, and the next run would pay for it."""
        return self.folder / f"{name}-{next(self._numbers)}"

    def city(self) -> Path:
        """The big book: a year of a whole city's services, imported once."""
        return self.library.served(self.size.city_entries, self.size.city_members)

    def imported(self) -> Path:
        """The book of the rows about writing, after the import of its one sheet."""
        return self.library.served(self.size.import_rows, self.size.import_members)

    def journal(self) -> Path:
        """The book that is asked for one balance, and that other programs read as a journal."""
        return self.library.served(self.size.journal_rows, self.size.import_members)

    def installed(self) -> dict[str, str]:
        """An environment in which Python starts a program as an installed one: from modules that the warm-up compiled, the
        program's as well as those it is compared with."""
        given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**given, "PYTHONPYCACHEPREFIX": str(self.folder / "compiled")}

    def command(self, book: Path, *words: str) -> float:
        """Run a command of the program on a book, in a fresh process; gives its seconds."""
        return self._ran(book, book, words)

    def command_on_copy(self, book: Path, *words: str) -> float:
        """The same on a copy of the book, for commands that write."""
        return self._ran(book, self.library.copy(book), words)

    def sample(self, verb: str, book: Path) -> Sample | None:
        """What a command took on a book after its warm-up, if it ran as often as long ones do."""
        seconds = [measured["seconds"] for measured in self.ran.get((verb, book), [])][1:]
        return Sample(tuple(seconds)) if len(seconds) >= self.size.long_runs else None

    def _ran(self, book: Path, database: Path, words: tuple[str, ...]) -> float:
        measured = call("command", database=database, words=words)
        self.ran.setdefault((" ".join(words[:2]), book), []).append(measured)
        seconds: float = measured["seconds"]
        return seconds


def seconds_of(name: str, **given: object) -> float:
    """The seconds of a piece of work of `bench.child`."""
    seconds: float = call(name, **given)["seconds"]
    return seconds


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the list: what it measures against what, in a few words for where it cannot; and how."""

    what: str
    against: str
    measure: Callable[[Bench], list[Figure]]


ROWS: dict[str, Row] = {}


def row(name: str, what: str, against: str) -> Callable[[Callable[[Bench], list[Figure]]], Callable[[Bench], list[Figure]]]:
    """Name a function that measures one row of the list. It raises NotRun where it cannot."""

    def named(function: Callable[[Bench], list[Figure]]) -> Callable[[Bench], list[Figure]]:
        ROWS[name] = Row(what, against, function)
        return function

    return named
