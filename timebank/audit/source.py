"""Rows for an audit, as the driver gives them: plain tuples, days and instants as text, nothing interpreted.

An audit must read what a vandal left, so no column type may stumble over it; and a million entries must not become a million
objects of the ORM.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    LargeBinary,
    Select,
    String,
    Table,
    bindparam,
    cast,
    func,
    select,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType
from sqlmodel import Session, SQLModel

from timebank.audit.accounts import POSTING_FIELDS, Row
from timebank.audit.payloads import Reader
from timebank.audit.refold import CLOSE, ENTRY_FIELDS, Event
from timebank.base.db import Utc
from timebank.base.errors import Invalid
from timebank.journal import ENTRY, POSTING, EntryText

ENTRIES_AT_ONCE = 400
"""So many that statements weigh little and the rows stay in the processor's cache: 2,000 take half as long again."""
KEYS_AT_ONCE = 500
BEFORE_ALL = -(2**62)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PG_DAMAGED = ("XX001", "XX002")


WRONG_KIND = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, AssertionError)
"""What reading stumbles over where a column holds a value of another kind than its own."""


class Damaged(Exception):
    """A page or a text of the database cannot be read at all."""


class Source:
    """Reads one community's rows within the session's transaction. Every method raises Damaged."""

    def __init__(self, session: Session, community_id: int) -> None:
        self.session = session
        self.community_id = community_id
        self.dialect = session.connection().dialect
        self._postgres = self.dialect.name == "postgresql"

    def plain(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A column without its type's reading; a day as '2026-10-20', an instant as '2026-10-20T04:00:00Z'."""
        if self._postgres and isinstance(column.type, Utc):
            return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        if self._postgres and isinstance(column.type, Date):
            return cast(column, String)
        return type_coerce(column, NullType())

    def octets(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A text as its UTF-8 bytes, right or wrong."""
        if self._postgres:
            return func.convert_to(column, "UTF8")
        return type_coerce(cast(column, LargeBinary), NullType())

    def prepared(self, statement: Select[Any]) -> Callable[..., list[Row]]:
        """A statement of `plain` columns compiled once; call it with the values of its own bind parameters for all rows."""
        compiled = statement.compile(dialect=self.dialect)
        assert isinstance(compiled, SQLCompiler), "a SELECT is compiled to SQL"
        names = compiled.positiontup

        def rows(**values: int) -> list[Row]:
            given = compiled.construct_params(values)
            return self.run(compiled.string, given if names is None else tuple(given[name] for name in names))

        return rows

    def rows(self, statement: Select[Any]) -> list[Row]:
        """All rows of a statement of `plain` columns."""
        return self.prepared(statement)()

    def run(self, sql: str, given: Any = None) -> list[Row]:
        """All rows of an SQL text of our own, straight from the driver: half the time of SQLAlchemy's rows."""
        with self.damage():
            result = self.session.connection().exec_driver_sql(sql, given)
            found: list[Row] = result.cursor.fetchall()  # type: ignore[assignment]
        result.close()
        return found

    @contextmanager
    def damage(self) -> Iterator[None]:
        """Tell damage, as Damaged, from other errors of the database: a lock or a bug is not the book's fault."""
        try:
            yield
        except (DBAPIError, sqlite3.DatabaseError) as error:
            if _is_damage(error):
                raise Damaged(str(error)) from error
            raise

    def found(self, table: Table, names: Sequence[str], key: str, keys: Collection[Any]) -> dict[Any, dict[str, Any]]:
        """The rows of these keys by key, each as its columns of these names."""
        columns = [self.plain(table.c[name]) for name in names]
        rows: dict[Any, dict[str, Any]] = {}
        ordered = sorted(keys)
        for start in range(0, len(ordered), KEYS_AT_ONCE):
            wanted = select(table.c[key], *columns).where(
                table.c.community_id == self.community_id, table.c[key].in_(ordered[start : start + KEYS_AT_ONCE])
            )
            with self.damage():
                for number, *values in self.session.execute(wanted):
                    rows[number] = dict(zip(names, values, strict=True))
        return rows

    def batches(self) -> Iterator[tuple[list[Row], dict[int, list[Row]]]]:
        """The journal in its order: entries as `Refold.take` wants them, and their postings by entry.

        Postings of no entry come under the number they say, after the entry before it.
        """
        entry = select(
            *(self.plain(ENTRY[name]) for name in ENTRY_FIELDS), self.octets(ENTRY.payload), self.plain(ENTRY.leaf)
        ).order_by(ENTRY.seq)
        posting = select(*(self.plain(POSTING[name]) for name in POSTING_FIELDS)).order_by(POSTING.seq, POSTING.line)
        after, upto = bindparam("after", type_=BigInteger), bindparam("upto", type_=BigInteger)
        own = (POSTING.community_id == self.community_id, POSTING.seq > after)
        next_entries = self.prepared(
            entry.where(ENTRY.community_id == self.community_id, ENTRY.seq > after).limit(ENTRIES_AT_ONCE)
        )
        their_postings = self.prepared(posting.where(*own, POSTING.seq <= upto))
        last = BEFORE_ALL
        while entries := next_entries(after=last):
            until = entries[-1][0]
            yield entries, by_first(their_postings(after=last, upto=until))
            last = until
        beyond = self.prepared(posting.where(*own).limit(ENTRIES_AT_ONCE))
        yield [], by_first(beyond(after=last))

    def closings(self) -> list[Event]:
        """The entries that close months, as far as they can be read."""
        wanted = select(self.plain(ENTRY.seq), self.octets(ENTRY.payload)).order_by(ENTRY.seq)
        reader, found = Reader(), []
        for seq, payload in self.rows(wanted.where(ENTRY.community_id == self.community_id, ENTRY.kind == CLOSE)):
            with suppress(Invalid):
                found.append(Event(seq, CLOSE, reader.read(payload)))
        return found

    def texts(self) -> Callable[..., list[Row]]:
        """A statement for the entries from `first` to `last` that have a text: number, salt, text in UTF-8."""
        text = columns_of(EntryText)
        wanted = select(self.plain(text.seq), self.plain(text.salt), self.octets(text.text)).where(
            text.community_id == self.community_id,
            text.seq >= bindparam("first", type_=BigInteger),
            text.seq <= bindparam("last", type_=BigInteger),
        )
        return self.prepared(wanted)


def by_first(rows: list[Row]) -> dict[Any, list[Row]]:
    """Rows in the order of their first column, grouped by it."""
    found, at = {}, 0
    for key, count in Counter(map(itemgetter(0), rows)).items():
        found[key] = rows[at : at + count]
        at += count
    return found


def columns_of(model: type[SQLModel]) -> Any:
    """The columns of a room's table, for statements written with Core."""
    return SQLModel.metadata.tables[str(model.__tablename__)].c


def _is_damage(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.OperationalError) and "decode" in str(cause):
        return True
    return getattr(cause, "sqlite_errorcode", -1) & 0xFF in _DAMAGED or getattr(cause, "sqlstate", None) in _PG_DAMAGED
