"""The floors: the same durable work in plain `sqlite3`, on the same tables with their guards, indexes and constraints.

A floor never decides anything: it is handed the very rows, or the very statements, that the program's own run wrote.
"""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

Row = tuple[Any, ...]
Statement = tuple[str, Row]


def connect(database: Path) -> sqlite3.Connection:
    """A connection as the program's own (timebank/base/db.py): rollback journal, synchronous EXTRA, foreign keys."""
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@dataclass(frozen=True, slots=True)
class Bulk:
    """What one run changed in one table: an INSERT with its rows, an UPDATE with its rows (new values, then keys)."""

    insert: str
    new: list[Row]
    update: str
    changed: list[Row]


def difference(before: Path, after: Path) -> list[Bulk]:
    """What stands in one database and not in the other, table by table, parents first: rows added and rows changed."""
    connection = sqlite3.connect(after)
    connection.execute("ATTACH ? AS old", (str(before),))
    tables = connection.execute(
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY rowid"
    ).fetchall()
    try:
        return [bulk for (table,) in tables if (bulk := _changed(connection, table)) is not None]
    finally:
        connection.close()


def _changed(connection: sqlite3.Connection, table: str) -> Bulk | None:
    info = connection.execute(f"PRAGMA main.table_info({table})").fetchall()
    columns = [name for _, name, *_ in info]
    key = [name for _, name, _, _, _, place in sorted(info, key=lambda row: row[5]) if place]
    same = " AND ".join(f"o.{name} = n.{name}" for name in key)
    order = ", ".join(f"n.{name}" for name in key)
    joined = f"FROM main.{table} n LEFT JOIN old.{table} o ON {same}"
    new = connection.execute(f"SELECT n.* {joined} WHERE o.{key[0]} IS NULL ORDER BY {order}").fetchall()
    both = f"FROM main.{table} n JOIN old.{table} o ON {same}"
    moved = [
        name
        for name in columns
        if connection.execute(f"SELECT EXISTS (SELECT 1 {both} WHERE n.{name} IS NOT o.{name})").fetchone()[0]
    ]
    changed: list[Row] = []
    if moved:
        values = ", ".join(f"n.{name}" for name in (*moved, *key))
        differs = " OR ".join(f"n.{name} IS NOT o.{name}" for name in moved)
        changed = connection.execute(f"SELECT {values} {both} WHERE {differs} ORDER BY {order}").fetchall()
    if not new and not changed:
        return None
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    assigned, found = ", ".join(f"{name} = ?" for name in moved), " AND ".join(f"{name} = ?" for name in key)
    return Bulk(insert, new, f"UPDATE {table} SET {assigned} WHERE {found}", changed)


def write_bulks(database: Path, bulks: list[Bulk]) -> float:
    """Write all that in one durable transaction, a table at a time; gives the seconds from connecting to the commit's end."""
    begun = time.perf_counter()
    connection = connect(database)
    connection.execute("BEGIN IMMEDIATE")
    for bulk in bulks:
        if bulk.new:
            connection.executemany(bulk.insert, bulk.new)
        if bulk.changed:
            connection.executemany(bulk.update, bulk.changed)
    connection.execute("COMMIT")
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds


class Recorder:
    """The writing statements of an engine, transaction by transaction, as they went to the driver."""

    def __init__(self, engine: Engine) -> None:
        self.transactions: list[list[Statement]] = []
        event.listen(engine, "begin", lambda _connection: self.transactions.append([]))
        event.listen(engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, many: bool) -> None:
        if sql.split(None, 1)[0] in ("INSERT", "UPDATE", "DELETE"):
            for row in values if many else [values]:
                self.transactions[-1].append((sql, tuple(bytes(v) if isinstance(v, memoryview) else v for v in row)))


def replay(database: Path, transactions: list[list[Statement]]) -> float:
    """Write the same statements again, a durable transaction each; gives the seconds all of them took."""
    connection = connect(database)
    begun = time.perf_counter()
    for statements in transactions:
        connection.execute("BEGIN IMMEDIATE")
        for sql, values in statements:
            connection.execute(sql, values)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds
