"""A whole database copied into an empty one, from either engine to either: every table of every community, as it is.

Rows go over in the order of their keys, a few thousand in memory at a time, within one transaction of the target and one
snapshot of the source. Before anything counts, the target is read back and compared, and every book in it is audited.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Date, Table, func, select, text
from sqlmodel import Session

from timebank.audit import Report, audit
from timebank.base import communities
from timebank.base.db import Utc, insert_rows, instant, iso, moment
from timebank.base.errors import Refused, Tampered
from timebank.base.i18n import say
from timebank.tables import metadata

_AT_ONCE = 2_000
Moved = Callable[[int], None]
"""Told the number of rows that were moved since it was told last."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: rows by table, and what the audit of the copy says of each community, by code."""

    rows: dict[str, int]
    books: dict[str, Report]


def tables() -> list[Table]:
    """All tables, those that others point at first."""
    return metadata.sorted_tables


def total(session: Session) -> int:
    """How many rows a database has, in all tables."""
    counts = (session.execute(select(func.count()).select_from(table)).scalar_one() for table in tables())
    return sum(int(count) for count in counts)


def copy(source: Session, target: Session, moved: Moved) -> Copied:
    """Copy everything and check it. The caller commits; what is raised must undo it.

    Raises Refused `target_not_empty`, `not_copied`; Tampered `unsound_copy` with the audit's exit status.
    """
    _claim(target)
    rows, digests = {}, {}
    for table in tables():
        digest = hashlib.sha256()
        rows[table.name] = 0
        for some in rows_of(source, table):
            digest.update(repr(some).encode())
            insert_rows(target, table.name, table.columns.keys(), some)
            rows[table.name] += len(some)
            moved(len(some))
        digests[table.name] = digest.digest()
    if target.get_bind().dialect.name == "postgresql":
        target.execute(text("ANALYZE"))  # or foreign keys are checked by plans made for empty tables
    for table in tables():
        _compare(target, table, digests[table.name])
    return Copied(rows, {community.code: _audited(target, community) for community in communities.listed(target)})


def _claim(target: Session) -> None:
    """Keep others out of the target, and make sure that nobody was there before."""
    if target.get_bind().dialect.name == "postgresql":
        target.execute(text("LOCK TABLE community IN SHARE ROW EXCLUSIVE MODE"))
    for table in tables():
        if target.execute(select(func.count()).select_from(select(1).select_from(table).limit(1).subquery())).scalar_one():
            raise Refused(
                say("The target holds a time bank already: its table {table} has rows.", table=table.name),
                "target_not_empty",
                say("Copy into an empty database; nothing was changed."),
            )


def rows_of(session: Session, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    """A table's rows in the order of their keys, as both engines take them: days and instants as text."""
    names = ", ".join(table.columns.keys())
    order = ", ".join(_collated(session, column) for column in table.primary_key.columns)
    read = [_reader(column.type) for column in table.columns]
    plain = all(reader is None for reader in read)
    wanted = text(f"SELECT {names} FROM {table.name} ORDER BY {order}")  # noqa: S608 - names are our own
    with session.execute(wanted, execution_options={"stream_results": True}) as found:
        for some in found.partitions(_AT_ONCE):
            yield [tuple(row) if plain else _read(row, read) for row in some]


def _collated(session: Session, column: Any) -> str:
    """A key's column, so that both engines have its texts in one order: that of their characters."""
    texts = session.get_bind().dialect.name == "postgresql" and column.type.python_type is str
    return f'{column.name} COLLATE "C"' if texts else str(column.name)


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, Utc):
        return lambda value: instant(moment(value))
    return iso if isinstance(kind, Date) else None


def _read(row: Sequence[Any], read: Sequence[Callable[[Any], Any] | None]) -> tuple[Any, ...]:
    return tuple(value if reader is None or value is None else reader(value) for value, reader in zip(row, read, strict=True))


def _compare(target: Session, table: Table, wanted: bytes) -> None:
    digest = hashlib.sha256()
    for some in rows_of(target, table):
        digest.update(repr(some).encode())
    if digest.digest() != wanted:
        raise Refused(
            say("The rows of {table} did not arrive as they were sent.", table=table.name),
            "not_copied",
            say("Nothing was kept. Check the disk and the memory of both machines, then try again."),
        )


def _audited(target: Session, community: communities.Community) -> Report:
    report = audit(target, community.id)
    if not report.ok:
        raise Tampered(
            say(
                "The book of {community} is not sound: {count} findings.", community=community.code, count=len(report.findings)
            ),
            "unsound_copy",
            say("Nothing was kept. Run timebank audit on the source first."),
        )
    return report
