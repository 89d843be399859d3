"""The database: engines, transactions, column types and bulk rows. Knows no table of any room.

One command is one transaction. A writing one starts with the write lock (`BEGIN IMMEDIATE`) on SQLite; on PostgreSQL the
first statement locks the community's state row (`communities.lock`). A reading one never takes a lock.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, DateTime, Dialect, Engine, String, TypeDecorator, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlmodel import Field, Session, SQLModel

from timebank.base.errors import Busy, TimebankError, Unwritable
from timebank.base.i18n import say

LOCK_WAIT_SECONDS_MAX = 30
NEVER = date(9999, 12, 31)
"""The day on which nothing lapses: 'never' as a date, so that every posting has one."""

SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Utc(TypeDecorator[datetime]):
    """An aware UTC instant in whole seconds: `timestamptz` on PostgreSQL, '2026-11-22T12:00:00Z' on SQLite."""

    impl = String(20)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(20))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return instant(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def instant(moment: datetime) -> str:
    """Write an instant as the payloads and SQLite have it: '2026-11-22T12:00:00Z'."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_field() -> Any:
    """A key column made by the program, never by a sequence: BigInteger, part of the primary key."""
    return Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})


def open_engine(url: str, *, wait_seconds: int = LOCK_WAIT_SECONDS_MAX) -> Engine:
    """Open an engine on SQLite (durable rollback journal, synchronous EXTRA, foreign keys) or PostgreSQL."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": wait_seconds}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = {"options": f"-c lock_timeout={wait_seconds}s -c timezone=UTC"}
    return create_engine(url, connect_args=options, hide_parameters=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # our own BEGIN, or eight processes spend one balance twice (house.md, traps)
    for pragma in ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("timebank_writing") else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One writing transaction: commits at the end, rolls back on any error. Raises Busy, Unwritable."""
    with _said_plainly(), Session(engine, expire_on_commit=False) as session:
        session.connection(execution_options={"timebank_writing": True})
        yield session
        session.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One reading transaction: a snapshot, no lock, nothing to commit."""
    with _said_plainly(), Session(engine, expire_on_commit=False) as session:
        if engine.dialect.name == "postgresql":  # where READ COMMITTED would show half of a later command
            session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        yield session


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turn the driver's 'locked', 'full' and 'read-only' into our own errors; everything else stays a bug."""
    try:
        yield
    except DBAPIError as error:
        plain = _plain(error)
        if plain is None:
            raise
        raise plain from error


_BUSY_STATES = {"55P03", "40001", "40P01", "57014"}


def _plain(error: DBAPIError) -> TimebankError | None:
    cause = error.orig
    if isinstance(cause, sqlite3.OperationalError):
        base = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if base in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return _busy()
        if base in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            return Unwritable(
                say("The database cannot be written: {cause}.", cause=str(cause)),
                "unwritable",
                say("Check free space and permissions of its folder; nothing was changed."),
            )
    if getattr(cause, "sqlstate", None) in _BUSY_STATES:
        return _busy()
    return None


def _busy() -> Busy:
    return Busy(
        say("Someone else is writing to this community's book."),
        "busy",
        say("Nothing was changed. Run the same command again with the same --key."),
    )


def insert_rows(session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many rows through the driver itself: values are ints, strings, bytes, None; dates as ISO strings.

    Measured: the driver's executemany with tuples takes less than half the time of Core inserts with dictionaries.
    """
    if rows:
        places = ", ".join([_place(session)] * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names are our own literals
        session.connection().exec_driver_sql(sql, list(rows))


def update_rows(
    session: Session, table: str, values: Sequence[str], keys: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Update many rows through the driver; each tuple gives the values, then the keys."""
    if rows:
        place = _place(session)
        assigned = ", ".join(f"{name} = {place}" for name in values)
        found = " AND ".join(f"{name} = {place}" for name in keys)
        session.connection().exec_driver_sql(f"UPDATE {table} SET {assigned} WHERE {found}", list(rows))  # noqa: S608


def _place(session: Session) -> str:
    return "?" if session.get_bind().dialect.name == "sqlite" else "%s"
