"""What SQLite's planner must know of every index, told once: `community_id` alone tells nothing apart.

Without statistics SQLite believes that the first column of a key leaves ten rows, and reads a whole community where it could look one
row up (measured: a balance of one member cost twice as much in a book of 60,000 entries as in one of 1,000). ANALYZE would
measure what happens to be there; a new database is empty. So the figures are those of a large book, for every index alike.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

ROWS = 1_000_000
A_HOLDER = 200  # rows that share what comes after the community: one member's, one month's


def told(connection: Connection) -> Iterator[str]:
    """The statements that tell SQLite of every index now in the database."""
    yield "ANALYZE sqlite_schema"
    yield "DELETE FROM sqlite_stat1"
    tables = connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for table in tables.scalars().all():
        for _, index, unique, *_ in connection.exec_driver_sql(f"PRAGMA index_list({table})").all():
            columns = [row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({index})")]
            figures = " ".join(str(figure) for figure in (ROWS, *_alike(columns, unique=bool(unique))))
            yield f"INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', '{index}', '{figures}')"


def _alike(columns: list[str], *, unique: bool) -> Iterator[int]:
    """How many rows share the first column of an index, the first two, and so on."""
    for place, column in enumerate(columns):
        if unique and place == len(columns) - 1:
            yield 1
        elif place == 0 and column == "community_id":
            yield ROWS
        else:
            yield max(2, A_HOLDER // 10 ** max(0, place - 1))
