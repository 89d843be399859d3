"""P5, P6, P7, P9, P13: what reading costs - a month as files, its closing, the audit, a balance - and how much memory."""

import shutil
from pathlib import Path

from bench import months
from bench.measure import Figure, Goal, alternate
from bench.processes import call
from bench.shop import Bench, row
from timebank.base.months import last_day

_BALANCES = 1_000
_SMALL_ENTRIES, _SMALL_MEMBERS = 1_000, 20
"""A small book whose members have as many lots as those of the big one: some fifty services each, over all months."""
_MONTH, _LATER, _FIRST = "2026-06", ("2026-07", "2026-09"), "2026-01"


@row("P5")
def export(bench: Bench) -> list[Figure]:
    """A month of the big book as files, against plain SQL and csv writing the same bytes."""
    book, ours, theirs, words = bench.city(), bench.folder / "ours", bench.folder / "theirs", bench.folder / "words.pickle"
    lapse_ends = [last_day(period).isoformat() for period in _LATER]
    _export(book, _MONTH, ours)
    call("month_words", ours=ours, words=words)

    def floor() -> float:
        shutil.rmtree(theirs, ignore_errors=True)
        return _seconds("month_floor", database=book, period=_MONTH, lapse_ends=lapse_ends, words=words, to=theirs)

    pair = alternate(bench.runs_of_long(), lambda: _export(book, _MONTH, ours), floor)
    if different := months.differences(ours, theirs):
        raise RuntimeError(f"{len(different)} files of the floor differ from ours: {different[:5]}")
    lines = (ours / "lines.csv").read_bytes().count(b"\n") - 1
    size = sum(path.stat().st_size for path in ours.rglob("*.csv"))
    how = [
        pair.told(),
        f"{bench.size.city_members:,} members, {lines:,} lines, {size / 1e6:.1f} MB in {bench.size.city_members + 6:,} files",
        "the floor writes the same bytes but the manifest; the words of each line are handed to it ready",
        "both end with the same flush of everything to the disk",
    ]
    what = f"export of one month out of a year of {bench.size.city_entries:,} entries"
    return [Figure("P5", what, "plain SQL + `csv`", Goal("at most", 2.5, 1.5), pair.time, how)]


def _export(book: Path, period: str, to: Path) -> float:
    shutil.rmtree(to, ignore_errors=True)
    return _seconds("command", database=book, words=["statement", "export", period, "--to", str(to)])


def _seconds(name: str, **given: object) -> float:
    seconds: float = call(name, **given)["seconds"]
    return seconds


@row("P6")
def close(bench: Bench) -> list[Figure]:
    """Closing a month against exporting it."""
    book, to = bench.city(), bench.folder / "ours"

    def closing() -> float:
        words = ["statement", "close", _FIRST, "--approver", "W0002"]
        return _seconds("command", database=bench.library.copy(book), words=words)

    pair = alternate(bench.runs_of_long(), closing, lambda: _export(book, _FIRST, to))
    what = f"close of a month of {bench.size.city_members:,} members"
    return [Figure("P6", what, "P5's export, of that month", Goal("at most", 3, 1.5), pair.time, [pair.told()])]


@row("P7")
def audit(bench: Bench) -> list[Figure]:
    """The audit of the big book against hashing and parsing its payloads."""
    book = bench.city()
    pair = alternate(
        bench.runs_of_long(),
        lambda: _seconds("command", database=book, words=["audit"]),
        lambda: _seconds("payloads_floor", database=book),
    )
    how = [pair.told(), f"{1e6 * pair.ours.median / bench.size.city_entries:.0f} µs an entry of service"]
    what = f"`audit` of {bench.size.city_entries:,} entries of service"
    return [Figure("P7", what, "SHA-256 + `json.loads`", Goal("at most", 4, 2), pair.time, how)]


@row("P9")
def balance(bench: Bench) -> list[Figure]:
    """A member's balance in a big book against a small one."""
    big, small = bench.city(), bench.library.served(_SMALL_ENTRIES, _SMALL_MEMBERS)
    pair = alternate(
        bench.size.runs,
        lambda: _seconds("balances", database=big, count=_BALANCES, members=bench.size.city_members),
        lambda: _seconds("balances", database=small, count=_BALANCES, members=_SMALL_MEMBERS),
    )
    how = [pair.told(), f"{1e6 * pair.ours.median / _BALANCES:.0f} µs each, members by turns, a reading transaction each"]
    what = f"`ledger.balance` in a book of {bench.size.city_entries:,} entries"
    return [Figure("P9", what, f"in one of {_SMALL_ENTRIES:,}", Goal("at most", 1.2, 1.0), pair.time, how)]


@row("P13")
def memory(bench: Bench) -> list[Figure]:
    """The most memory of an import, an export and an audit, each the only work of its process."""
    sizes = [*bench.size.growth[:-1], bench.size.city_entries]
    books = {size: bench.library.served(size, bench.size.city_members) for size in sizes}
    to = str(bench.folder / "ours")
    peaks = {
        "import": {size: bench.library.measured(book)["peak_kb"] for size, book in books.items()},
        "export of a month": {size: _peak(book, "statement", "export", _MONTH, "--to", to) for size, book in books.items()},
        "audit": {size: _peak(book, "audit") for size, book in books.items()},
    }
    goal = Goal("at most", 300, 150, "MB")
    return [
        Figure(
            "P13",
            f"memory: {name}, {sizes[-1]:,} entries",
            "–",
            goal,
            found[sizes[-1]] / 1024,
            [f"{size:,} entries: {found[size] / 1024:.0f} MB" for size in sizes],
        )
        for name, found in peaks.items()
    ]


def _peak(book: Path, *words: str) -> int:
    if "--to" in words:
        shutil.rmtree(words[-1], ignore_errors=True)
    peak: int = call("command", database=book, words=list(words))["peak_kb"]
    return peak
