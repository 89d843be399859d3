"""P14: what an entry costs in a small book and in big ones - imported, posted alone, audited."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import sheets
from bench.measure import Figure, Goal, Sample, turns
from bench.shop import HUGE_ENTRIES, Bench, row, seconds_of

_GOAL = Goal("at most", 1.3, 1.1)
_HUGE_MEMBERS = 30_000
_MEMBERS_MIN, _SERVICES_OF_A_MEMBER = 20, 50
Costs = dict[int, Sample]
"""By the entries of service in the book: the seconds of some runs."""


@row("P14", "cost of an entry as the book grows", "in a small book")
def growth(bench: Bench) -> list[Figure]:
    """Imports and posts into books of one city, and audits of books of as many services a member."""
    return [
        _figure("importing one", _costs(bench, _city, partial(_import, bench)), bench.size.growth_rows),
        _figure("one `ledger.post`", _costs(bench, _city, partial(_posts, bench)), bench.size.posts),
        _audited(_costs(bench, _town, partial(_audit, bench), "audit")),
    ]


def _city(bench: Bench, entries: int) -> Path:
    """A book of so many services of the members of the whole city: writing into it costs the same or it does not."""
    return bench.library.served(entries, _HUGE_MEMBERS if entries == HUGE_ENTRIES else bench.size.city_members)


def _town(bench: Bench, entries: int) -> Path:
    """A book with as many services a member as the city's year has: its audit has as much to do for every entry."""
    if entries in (HUGE_ENTRIES, bench.size.city_entries):
        return _city(bench, entries)
    return bench.library.served(entries, max(_MEMBERS_MIN, entries // _SERVICES_OF_A_MEMBER))


def _costs(bench: Bench, book: Callable[[Bench, int], Path], run: Callable[[Path, int], float], verb: str = "") -> Costs:
    """The seconds of a run on each book, in turns; on the huge one once, if it was asked for. Where a command was run on a
    book often enough for another row, that counts."""
    books = {entries: book(bench, entries) for entries in bench.size.growth}
    known = {entries: sample for entries, path in books.items() if verb and (sample := bench.sample(verb, path))}
    each = {entries: partial(run, path, entries) for entries, path in books.items() if entries not in known}
    huge = {HUGE_ENTRIES: partial(run, book(bench, HUGE_ENTRIES), HUGE_ENTRIES)} if bench.huge else {}
    return turns(bench.size.long_runs, each) | known | turns(1, huge)


def _import(bench: Bench, book: Path, entries: int) -> float:
    members = _HUGE_MEMBERS if entries == HUGE_ENTRIES else bench.size.city_members
    sheet = bench.library.sheet(bench.size.growth_rows, members, sheets.NEW_YEAR)
    return bench.command_on_copy(book, "hours", "import", str(sheet))


def _posts(bench: Bench, book: Path, _entries: int) -> float:
    given = {"count": bench.size.posts, "members": bench.size.city_members, "issued": True}
    return seconds_of("posts", database=bench.library.copy(book), **given)


def _audit(bench: Bench, book: Path, _entries: int) -> float:
    return bench.command(book, "audit")


def _figure(what: str, costs: Costs, entries: int) -> Figure:
    """What an entry costs in the biggest book of the growth against the smallest."""
    per_entry = {size: sample.median / entries for size, sample in costs.items()}
    compared = [size for size in costs if size != HUGE_ENTRIES]
    small, big = min(compared), max(compared)
    how = [f"into {size:,}: {1e6 * per_entry[size]:.0f} µs an entry, {costs[size].told()}" for size in sorted(costs)]
    ratio = per_entry[big] / per_entry[small]
    return Figure("P14", f"{what} into {big:,} entries, its cost", f"into {small:,}", _GOAL, ratio, how)


def _audited(costs: Costs) -> Figure:
    """What an audit costs an entry in the biggest book, against the smaller one where an entry is cheapest: in the smallest
    the start of the command counts most."""
    per_entry = {size: sample.median / size for size, sample in costs.items()}
    big = max(size for size in costs if size != HUGE_ENTRIES)
    cheapest = min((size for size in costs if size < big), key=lambda size: per_entry[size])
    how = [f"{size:,} entries: {1e6 * per_entry[size]:.0f} µs an entry, {costs[size].told()}" for size in sorted(costs)]
    ratio = per_entry[big] / per_entry[cheapest]
    return Figure("P14", f"auditing one of {big:,} entries, its cost", f"one of {cheapest:,}", _GOAL, ratio, how)
