"""P5, P6, P7, P9, P13: what reading costs - a month as files, its closing, the audit, a balance - and how much memory."""

from pathlib import Path

from bench import months
from bench.measure import Figure, Goal, alternate
from bench.processes import call
from bench.shop import Bench, row, seconds_of
from timebank.base.months import last_day

_BALANCES = 1_000
_SMALL_ENTRIES, _SMALL_MEMBERS = 1_000, 20
"""A small book whose members have as many lots as those of the big one: some fifty services each, over all months."""
_MONTH, _LATER, _FIRST = "2026-06", ("2026-07", "2026-09"), "2026-01"
_EXPORT, _AUDIT = "statement export", "audit"


@row("P5", "export of one month", "plain SQL + `csv`")
def export(bench: Bench) -> list[Figure]:
    """A month of the big book as files, against plain SQL and csv writing the same bytes."""
    book, words = bench.city(), bench.folder / "words.pickle"
    lapse_ends = [last_day(period).isoformat() for period in _LATER]
    ours, theirs = [bench.fresh("ours")], [bench.fresh("theirs")]
    _export(bench, book, _MONTH, ours[0])
    call("month_words", ours=ours[0], words=words)

    def our_own() -> float:
        ours.append(bench.fresh("ours"))
        return _export(bench, book, _MONTH, ours[-1])

    def floor() -> float:
        theirs.append(bench.fresh("theirs"))
        given = {"period": _MONTH, "lapse_ends": lapse_ends, "words": words, "to": theirs[-1]}
        return seconds_of("month_floor", database=book, **given)

    pair = alternate(bench.size.long_runs, our_own, floor)
    if different := months.differences(ours[-1], theirs[-1]):
        raise RuntimeError(f"{len(different)} files of the floor differ from ours: {different[:5]}")
    lines = (ours[-1] / "lines.csv").read_bytes().count(b"\n") - 1
    size = sum(path.stat().st_size for path in ours[-1].rglob("*.csv"))
    how = [
        pair.told(),
        f"{bench.size.city_members:,} members, {lines:,} lines, {size / 1e6:.1f} MB in {bench.size.city_members + 6:,} files",
        f"the book was made by one `hours import` in {bench.library.measured(book)['seconds']:,.0f} s",
        "the floor writes the same bytes but the manifest; the words of each line are handed to it ready",
        "both end with the same flush of everything to the disk",
    ]
    what = f"export of one month out of a year of {bench.size.city_entries:,} entries"
    return [Figure("P5", what, "plain SQL + `csv`", Goal("at most", 2.5, 1.5), pair.time, how)]


def _export(bench: Bench, book: Path, period: str, to: Path) -> float:
    return bench.command(book, "statement", "export", period, "--to", str(to))


@row("P6", "close of a month", "P5's export")
def close(bench: Bench) -> list[Figure]:
    """Closing a month against exporting it."""
    book = bench.city()
    pair = alternate(
        bench.size.long_runs,
        lambda: bench.command_on_copy(book, "statement", "close", _FIRST, "--approver", "W0002"),
        lambda: _export(bench, book, _FIRST, bench.fresh("ours")),
    )
    what = f"close of a month of {bench.size.city_members:,} members"
    return [Figure("P6", what, "P5's export, of that month", Goal("at most", 3, 1.5), pair.time, [pair.told()])]


@row("P7", "`audit`", "SHA-256 + `json.loads`")
def audit(bench: Bench) -> list[Figure]:
    """The audit of the big book against hashing and parsing its payloads; with its history played again, against that and the
    pure awards."""
    book, count = bench.city(), bench.size.city_entries
    pair = alternate(
        bench.size.long_runs, lambda: bench.command(book, _AUDIT), lambda: seconds_of("payloads_floor", database=book)
    )
    how = [pair.told(), f"{1e6 * pair.ours.median / count:.0f} µs an entry of service"]
    what, goal = f"`audit` of {count:,} entries of service", Goal("at most", 4, 2)
    plain = Figure("P7", what, "SHA-256 + `json.loads`", goal, pair.time, how)
    given = {"count": count, "members": bench.size.city_members}
    again = alternate(
        bench.size.long_runs,
        lambda: bench.command(book, _AUDIT, "--replay"),
        lambda: seconds_of("payloads_floor", database=book) + seconds_of("awards", **given),
    )
    how = [again.told(), f"{1e6 * again.ours.median / count:.0f} µs an entry of service"]
    how.append(f"{again.ours.median / pair.ours.median:.2f} × the audit without it")
    what = f"`audit --replay` of {count:,} entries of service"
    return [plain, Figure("P7", what, "SHA-256 + `json.loads` + the pure awards", goal, again.time, how)]


@row("P9", "`ledger.balance` in a big book", "in a small one")
def balance(bench: Bench) -> list[Figure]:
    """A member's balance in a big book against a small one."""
    big, small = bench.city(), bench.library.served(_SMALL_ENTRIES, _SMALL_MEMBERS)
    pair = alternate(
        bench.size.runs,
        lambda: seconds_of("balances", database=big, count=_BALANCES, members=bench.size.city_members),
        lambda: seconds_of("balances", database=small, count=_BALANCES, members=_SMALL_MEMBERS),
    )
    how = [pair.told(), f"{1e6 * pair.ours.median / _BALANCES:.0f} µs each, members by turns, a reading transaction each"]
    what = f"`ledger.balance` in a book of {bench.size.city_entries:,} entries"
    return [Figure("P9", what, f"in one of {_SMALL_ENTRIES:,}", Goal("at most", 1.2, 1.0), pair.time, how)]


@row("P13", "memory of an import, an export, an audit", "–")
def memory(bench: Bench) -> list[Figure]:
    """The most memory of an import, an export and an audit, each the only work of its process."""
    biggest = bench.size.city_entries
    books = {size: bench.library.served(size, bench.size.city_members) for size in (biggest // 10, biggest)}
    peaks = {
        "import": {size: _mb(bench.library.measured(book)["peak_kb"]) for size, book in books.items()},
        "export of a month": {size: _peak_mb(bench, book, _EXPORT) for size, book in books.items()},
        "audit": {size: _peak_mb(bench, book, _AUDIT) for size, book in books.items()},
    }
    what = f"memory at {biggest:,} entries: "
    return [
        Figure("P13", what + name, "–", Goal("at most", 300, 150, "MB"), found[biggest], _flat(found))
        for name, found in peaks.items()
    ]


def _flat(found: dict[int, float]) -> list[str]:
    (_, before), (_, after) = sorted(found.items())
    return [*(f"{size:,} entries: {mb:.0f} MB" for size, mb in found.items()), f"{after / before:.2f} × for ten times the rows"]


def _peak_mb(bench: Bench, book: Path, verb: str) -> float:
    """The peak of a command on a book, of its last run: of this bench, or one made for it."""
    if (verb, book) not in bench.ran:
        if verb == _EXPORT:
            _export(bench, book, _MONTH, bench.fresh("ours"))
        else:
            bench.command(book, verb)
    return _mb(bench.ran[verb, book][-1]["peak_kb"])


def _mb(kilobytes: int) -> float:
    return kilobytes / 1024
