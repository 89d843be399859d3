"""P1, P2, P4, P15: what writing costs, as sheets and one by one, and how many bytes it leaves."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from bench.measure import Figure, Goal, Pair, alternate
from bench.processes import call
from bench.shop import Bench, row, seconds_of


@row("P1", "`hours import`", "floor in batch")
def bulk(bench: Bench) -> list[Figure]:
    """An import of a sheet against the rows it wrote, written by plain sqlite3 in one transaction."""
    rows, members = bench.size.import_rows, bench.size.import_members
    before, sheet, after = bench.library.founded(members), bench.library.sheet(rows, members), bench.imported()
    written = bench.folder / "bulk.pickle"
    counts = call("bulk_difference", before=before, after=after, rows=written)["counts"]

    def ours() -> float:
        return bench.command_on_copy(before, "hours", "import", str(sheet))

    def floor() -> float:
        return seconds_of("bulk_floor", database=bench.library.copy(before), rows=written)

    pair = alternate(bench.size.runs, ours, floor)
    pieces = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count > 1)
    how = [
        pair.told(),
        f"{rows / pair.ours.median:,.0f} rows/s; the floor {rows / pair.theirs.median:,.0f}",
        f"the floor writes the same rows ({pieces}) in one executemany a table, without reading, deciding or hashing",
    ]
    goal = Goal("at least", 0.35, 0.5)
    return [Figure("P1", f"`hours import` of {rows:,} rows", "floor in batch", goal, pair.speed, how)]


@row("P2", "one `ledger.post`, one durable transaction", "floor, one transaction each")
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
    book, statements = bench.imported(), bench.folder / "posts.pickle"
    given = {"count": bench.size.posts, "members": bench.size.import_members}
    call("posts", database=bench.library.copy(book), record=statements, **given)

    def floor() -> float:
        return seconds_of("replay_floor", database=bench.library.copy(book), statements=statements)

    return alternate(bench.size.runs, _on_copies(bench, book, "posts", **given), floor)


def _on_copies(bench: Bench, book: Path, name: str, **given: object) -> Callable[[], float]:
    return lambda: seconds_of(name, database=bench.library.copy(book), **given)


@row("P4", "a spend: `redemption.issue` + `capture`", "P2, a single post")
def spending(bench: Bench) -> list[Figure]:
    """A spend (voucher issued and captured) against a single post."""
    book = bench.imported()
    given = {"count": bench.size.posts, "members": bench.size.import_members}
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


@row("P15", "bytes an hours entry", "–")
def disk(bench: Bench) -> list[Figure]:
    """Bytes an hours entry leaves: the entry with its payload, its postings, the indexes of both."""
    rows = bench.size.import_rows
    book, before = bench.imported(), bench.library.founded(bench.size.import_members)
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
