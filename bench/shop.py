"""What every row of the bench works with: its books, its sizes, its goals, and a name to be asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.books import MEMBERS, MEMBERS_OF_A_CITY, Library
from bench.measure import Figure


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Entries are entries of service; `growth` are the books that P14 writes into."""

    name: str
    runs: int
    import_rows: int
    posts: int
    awards: int
    starts: int
    city_entries: int
    city_members: int
    growth: tuple[int, ...]


QUICK = Size("quick", 5, 20_000, 200, 50_000, 9, 60_000, MEMBERS, (1_000, 20_000, 60_000))
FULL = Size("full", 5, 100_000, 500, 200_000, 15, 1_000_000, MEMBERS_OF_A_CITY, (1_000, 10_000, 100_000, 1_000_000))


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the bench: where its books are, how much it measures."""

    library: Library
    size: Size

    @property
    def folder(self) -> Path:
        """The temporary folder."""
        return self.library.folder

    def runs_of_long(self) -> int:
        """How often something runs that takes minutes in full: at least three times."""
        return self.size.runs if self.size.name == "quick" else 3

    def city(self) -> Path:
        """The big book: a year of a whole city's services, imported once."""
        return self.library.served(self.size.city_entries, self.size.city_members)


Rows = Callable[[Bench], list[Figure]]
ROWS: dict[str, Rows] = {}


def row(name: str) -> Callable[[Rows], Rows]:
    """Name a function that measures one row of the list."""

    def named(function: Rows) -> Rows:
        ROWS[name] = function
        return function

    return named
