"""P1, P2, P4, P14, P15: what writing costs, as sheets and one by one, and how many bytes it leaves."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from bench import sheets
from bench.books import MEMBERS
from bench.measure import Figure, Goal, Pair, Sample, alternate
from bench.processes import call
from bench.shop import Bench, row

GROWTH_ROWS = 5_000


@row("P1")
def bulk(bench: Bench) -> list[Figure]:
    """An import of a sheet against the rows it wrote, written by plain sqlite3 in one transaction."""
    rows = bench.size.import_rows
    before, sheet = bench.library.founded(), bench.library.sheet(rows)
    after = bench.library.served(rows)
    written = bench.folder / "bulk.pickle"
    counts = call("bulk_difference", before=before, after=after, rows=written)["counts"]

    def ours() -> float:
        words = ["hours", "import", str(sheet)]
        return _seconds("command", database=bench.library.copy(before), words=words)

    def floor() -> float:
        return _seconds("bulk_floor", database=bench.library.copy(before), rows=written)

    pair = alternate(bench.size.runs, ours, floor)
    pieces = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count > 1)
    how = [
        pair.told(),
        f"{rows / pair.ours.median:,.0f} rows/s; the floor {rows / pair.theirs.median:,.0f}",
        f"the floor writes the same rows ({pieces}) in one executemany a table, without reading, deciding or hashing",
    ]
    goal = Goal("at least", 0.35, 0.5)
    return [Figure("P1", f"`hours import` of {rows:,} rows", "floor in batch", goal, pair.speed, how)]


@row("P2")
def single(bench: Bench) -> list[Figure]:
    """Single posts against the same statements in plain sqlite3."""
    pair = _posts_and_floor(bench)
    posts = bench.size.posts
    how = [
        pair.told(),
        f"{posts / pair.ours.median:,.0f} posts/s; the floor {posts / pair.theirs.median:,.0f}",
        "the floor writes the same entry, postings, balances, lots, turnover, command and head of the log",
    ]
    what = f"one `ledger.post`, one durable transaction ({posts} of them, book of {bench.size.import_rows:,} entries)"
    return [Figure("P2", what, "floor, one transaction each", Goal("at least", 0.6, 0.8), pair.speed, how)]


def _posts_and_floor(bench: Bench) -> Pair:
    book, statements = bench.library.served(bench.size.import_rows), bench.folder / "posts.pickle"
    given = {"count": bench.size.posts, "members": MEMBERS}
    call("posts", database=bench.library.copy(book), record=statements, **given)

    def floor() -> float:
        return _seconds("replay_floor", database=bench.library.copy(book), statements=statements)

    return alternate(bench.size.runs, _on_copies(bench, book, "posts", **given), floor)


def _on_copies(bench: Bench, book: Path, name: str, **given: object) -> Callable[[], float]:
    return lambda: _seconds(name, database=bench.library.copy(book), **given)


def _seconds(name: str, **given: object) -> float:
    seconds: float = call(name, **given)["seconds"]
    return seconds


@row("P4")
def spending(bench: Bench) -> list[Figure]:
    """A spend (voucher issued and captured) against a single post."""
    book = bench.library.served(bench.size.import_rows)
    given = {"count": bench.size.posts, "members": MEMBERS}
    post = _on_copies(bench, book, "posts", **given)
    at_once = alternate(bench.size.runs, _on_copies(bench, book, "spends", at_once=1, **given), post)
    apart = alternate(bench.size.runs, _on_copies(bench, book, "spends", at_once=0, **given), post)
    how = [
        at_once.told(),
        f"issue and capture in one durable transaction; in one each {apart.speed:.2f} × ({apart.told()})",
        "a spend is two entries, eleven postings, a voucher and its resolution",
    ]
    goal = Goal("at least", 0.5, 0.7)
    return [Figure("P4", "a spend: `redemption.issue` + `capture`", "P2, a single post", goal, at_once.speed, how)]


@row("P14")
def growth(bench: Bench) -> list[Figure]:
    """The cost of an entry of an import into small books and big ones."""
    sheet = bench.library.sheet(GROWTH_ROWS, bench.size.city_members, sheets.NEW_YEAR)
    taken: dict[int, list[float]] = {size: [] for size in bench.size.growth}
    for run in range(-1, bench.runs_of_long()):
        for size in bench.size.growth:
            book = bench.library.copy(bench.library.served(size, bench.size.city_members))
            seconds = _seconds("command", database=book, words=["hours", "import", str(sheet)])
            if run >= 0:
                taken[size].append(seconds)
    samples = {size: Sample(tuple(seconds)) for size, seconds in taken.items()}
    smallest, biggest = min(samples), max(samples)
    told = [f"into {size:,}: {1e6 * s.median / GROWTH_ROWS:.0f} µs an entry, {s.told()}" for size, s in samples.items()]
    what = f"cost of an entry, importing {GROWTH_ROWS:,} rows into {biggest:,} entries"
    ratio = samples[biggest].median / samples[smallest].median
    return [Figure("P14", what, f"into {smallest:,} entries", Goal("at most", 1.3, 1.1), ratio, told)]


@row("P15")
def disk(bench: Bench) -> list[Figure]:
    """Bytes an hours entry leaves: the entry with its payload, its postings, the indexes of both."""
    rows = bench.size.import_rows
    book, before = bench.library.served(rows), bench.library.founded()
    alone = bench.folder / "alone.db"
    kept = (_bytes_of(book, alone) - _bytes_of(before, alone)) / rows
    grown = (book.stat().st_size - before.stat().st_size) / rows
    goal = Goal("at most", 1_300, 900, "bytes")
    how = [
        f"the whole file grew by {grown:,.0f} bytes an entry: with the record of the service, lots, turnover and earnings",
        f"mean of {rows:,} entries; a payload of {_payload_bytes(book):,.0f} bytes",
    ]
    return [Figure("P15", "an hours entry: entry, postings, payload, indexes", "–", goal, kept, how)]


def _bytes_of(book: Path, alone: Path) -> int:
    """The size of a file that holds nothing but the entries, the postings and their indexes."""
    alone.unlink(missing_ok=True)
    connection = sqlite3.connect(alone)
    connection.execute("ATTACH ? AS book", (str(book),))
    wanted = "FROM book.sqlite_master WHERE tbl_name IN ('entry', 'posting') AND sql IS NOT NULL AND type <> 'trigger'"
    for kind, name, sql in connection.execute(f"SELECT type, name, sql {wanted} ORDER BY type DESC, rowid").fetchall():
        connection.execute(sql)
        if kind == "table":
            connection.execute(f"INSERT INTO main.{name} SELECT * FROM book.{name}")
    connection.commit()
    connection.close()
    return alone.stat().st_size


def _payload_bytes(book: Path) -> float:
    connection = sqlite3.connect(book)
    try:
        wanted = "SELECT AVG(LENGTH(CAST(payload AS BLOB))) FROM entry WHERE kind = 'hours'"
        mean: float = connection.execute(wanted).fetchone()[0]
    finally:
        connection.close()
    return mean
