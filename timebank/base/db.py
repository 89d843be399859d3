"""The database: engines, transactions, column types and bulk rows. Knows no table of any room.

One command is one transaction. A writing one starts with the write lock (`BEGIN IMMEDIATE`) on SQLite; on PostgreSQL the
first statement locks the community's state row (`communities.lock`). A reading one never takes a lock.
"""

import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import URL, BigInteger, Connection, DateTime, Dialect, Engine, String, TypeDecorator, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool
from sqlmodel import Field, Session, SQLModel

from timebank.base.errors import Busy, Invalid
from timebank.base.faults import GAVE_WAY, lost, plain
from timebank.base.i18n import say

LOCK_WAIT_SECONDS_MAX = 30
POSTGRES_VERSION_MIN = 15
_PAUSES_MS = (50, 200, 800)
_Result = TypeVar("_Result")
PLACE = {"sqlite": "?", "postgresql": "%s"}
"""How a driver marks the place of a value in a statement."""
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


def moment(stored: str | datetime) -> datetime:
    """Read an instant as a driver gives it: a text on SQLite, a datetime on PostgreSQL."""
    return (datetime.fromisoformat(stored) if isinstance(stored, str) else stored).astimezone(UTC)


def iso(stored: str | date) -> str:
    """Write a day as a driver gives it, a text on SQLite, a date on PostgreSQL: '2026-11-22'."""
    return stored if isinstance(stored, str) else stored.isoformat()


@lru_cache(64)  # every row of a batch carries its command's moment
def instant(moment: datetime) -> str:
    """Write an instant as the payloads and SQLite have it: '2026-11-22T12:00:00Z'."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_field() -> Any:
    """A key column made by the program, never by a sequence: BigInteger, part of the primary key."""
    return Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})


def open_engine(url: str, *, wait_seconds: int = LOCK_WAIT_SECONDS_MAX) -> Engine:
    """Open an engine on SQLite (durable rollback journal, synchronous EXTRA, foreign keys) or PostgreSQL 15, in UTF-8.

    `prepare_threshold=none` in a PostgreSQL URL prepares no statements, for a pooler that hands connections on between
    transactions. Raises Invalid `bad_database_url`, `no_driver`.
    """
    try:
        place = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _bad_url() from error
    if place.drivername in ("sqlite", "sqlite+pysqlite"):
        engine = create_engine(url, connect_args={"timeout": wait_seconds}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if place.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise _bad_url()
    return _open_postgres(place.set(drivername="postgresql+psycopg"), wait_seconds)


def _open_postgres(place: URL, wait_seconds: int) -> Engine:
    unprepared = place.query.get("prepare_threshold") == "none"
    given: dict[str, Any] = {"prepare_threshold": None} if unprepared else {}
    try:
        engine = create_engine(place.difference_update_query(["prepare_threshold"]), connect_args=given, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise Invalid(
            say("The driver for PostgreSQL is not installed."), "no_driver", say("Install it: pip install 'timebank[postgres]'")
        ) from error
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # what it warns of comes as an error too, and is said once
    event.listen(engine, "connect", _check_postgres, insert=True)  # before SQLAlchemy asks in an encoding it cannot read

    # In the transaction, not in the connection's options: a pooler refuses those, and hands settings on to others.
    @event.listens_for(engine, "begin")
    def limit(connection: Connection) -> None:
        if connection.get_execution_options().get("timebank_writing"):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{wait_seconds}s'")

    @event.listens_for(engine, "handle_error")
    def give_up(context: ExceptionContext) -> None:
        if context.connection is not None and lost(context.original_exception):
            context.is_disconnect = True  # or SQLAlchemy would roll back on it

    return engine


def shown(url: str) -> str:
    """A database's URL without its password, to print."""
    return make_url(url).render_as_string(hide_password=True)


def _bad_url() -> Invalid:
    return Invalid(
        say("This does not name a database that the program can use."),
        "bad_database_url",
        say("Give --db a file, sqlite:///FILE, or postgresql://USER@HOST/DATABASE."),
    )


def _check_postgres(connection: Any, _record: object) -> None:
    """Refuse a server that is too old and a database that cannot hold every name. Costs no round trip: both came at login."""
    version, encoding = connection.info.server_version, connection.info.parameter_status("server_encoding")
    if version >= POSTGRES_VERSION_MIN * 10_000 and encoding == "UTF8":
        return
    connection.close()
    if encoding != "UTF8":
        raise Invalid(
            say("The database keeps text as {encoding}, not as UTF8.", encoding=encoding),
            "bad_encoding",
            say("Let the server's administrator make another: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"),
        )
    raise Invalid(
        say(
            "The server is PostgreSQL {version}; this program needs {least} or later.",
            version=version // 10_000,
            least=POSTGRES_VERSION_MIN,
        ),
        "old_server",
        say("Move the database to a newer server."),
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # our own BEGIN, or eight processes spend one balance twice (house.md, traps)
    for pragma in ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("timebank_writing") else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One writing transaction: commits at the end, rolls back on any error. Raises Busy, Unwritable, NotAllowed, NotFound."""
    with said_plainly(), Session(engine, expire_on_commit=False) as session:
        session.connection(execution_options={"timebank_writing": True})
        yield session
        session.commit()


def carried_out(engine: Engine, work: Callable[[Session], _Result]) -> _Result:
    """Do `work` in a writing transaction, and again, in new ones, where the database took it back for another's sake.

    So `work` must not leave traces outside of its session. Raises Busy `gave_way` after the last try, and all that `writing`
    raises: who waited for a lock in vain does not wait again.
    """
    for pause in _PAUSES_MS:
        try:
            with writing(engine) as session:
                return work(session)
        except Busy as error:
            if error.code != GAVE_WAY:
                raise
        time.sleep(timedelta(milliseconds=pause + secrets.randbelow(pause)).total_seconds())
    with writing(engine) as session:
        return work(session)


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One reading transaction: a snapshot, no lock, nothing to commit."""
    with said_plainly(), Session(engine, expire_on_commit=False) as session:
        if engine.dialect.name == "postgresql":  # where READ COMMITTED would show half of a later command
            session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        yield session


@contextmanager
def reading_aside(engine: Engine) -> Iterator[Session]:
    """One reading transaction that may take long: on SQLite in a copy, as no writer gets in there until the last reader leaves.

    The copy is a temporary file of SQLite's own: its name is removed before its first byte is written (POSIX), so that nobody
    else can open it and it is gone however the process ends. Where it cannot be made, the database itself is read.
    """
    with reading(engine) as session:
        copy = _copy_of(session)
        if copy is None:
            yield session
            return
    aside = create_engine("sqlite://", creator=lambda: copy, poolclass=StaticPool, hide_parameters=True)
    event.listen(aside, "connect", _prepare_sqlite)
    with closing(copy), reading(aside) as session:
        yield session


def _copy_of(session: Session) -> sqlite3.Connection | None:
    """A copy of a SQLite database as the session sees it; None for a server's, or where there is no room or a damaged page."""
    connection = session.connection()
    source = connection.connection.driver_connection
    if not isinstance(source, sqlite3.Connection):
        return None
    connection.exec_driver_sql("SELECT 1 FROM sqlite_master")  # waits for the lock, which `backup` would do without an end
    copy = sqlite3.connect("")
    try:
        source.backup(copy)
        copy.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error:
        copy.close()
        return None
    return copy


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turn what the driver says of locks, logins, connections and disks into our own errors; everything else stays a bug."""
    try:
        yield
    except DBAPIError as error:
        ours = plain(error)
        if ours is None:
            raise
        raise ours from error


@contextmanager
def together(session: Session) -> Iterator[None]:
    """Send the rows that are written in this block together: on PostgreSQL one round trip takes all of them.

    Nothing is read in it. What the database refuses comes out at its end at the latest, as any statement's error does.
    """
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        if driver.info.pipeline_status:
            driver.close()  # cut off amid the answers: psycopg cannot leave the pipeline, and a rollback would fail in it
        raise _told(connection, error, "") from error


def _told(connection: Connection, error: Exception, sql: str) -> DBAPIError:
    """A driver's error in SQLAlchemy's words; a connection that is gone is given up."""
    driver: Any = connection.connection.driver_connection
    gone = lost(error) or connection.dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type]
    if gone:
        connection.invalidate(error)
    errors = connection.dialect.loaded_dbapi.Error
    told = DBAPIError.instance(sql, (), error, errors, True, gone, connection.dialect)
    assert isinstance(told, DBAPIError), "it is the driver's own error"
    return told


def fetch_rows(session: Session, sql: str, values: Sequence[Any]) -> list[Any]:
    """Rows as the driver gives them, of a statement in its own words.

    Measured: SQLAlchemy's way to the driver takes 8 us more of the processor's time, and a spend has thirty statements.
    """
    connection = session.connection()
    cursor = _cursor(connection, sql, values, many=False)
    try:
        cursor.execute(sql, values)
        found: list[Any] = cursor.fetchall()
    except connection.dialect.loaded_dbapi.Error as error:
        raise _told(connection, error, sql) from error
    return found


def insert_rows(session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many rows through the driver itself: values are ints, strings, bytes, None; dates as ISO strings.

    Measured: the driver's executemany with tuples takes less than half the time of Core inserts with dictionaries.
    """
    if rows:
        connection = session.connection()
        _send(connection, _insert(table, tuple(columns), connection.dialect.name), rows)


def update_rows(
    session: Session, table: str, values: Sequence[str], keys: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Update many rows through the driver; each tuple gives the values, then the keys."""
    if rows:
        connection = session.connection()
        _send(connection, _update(table, tuple(values), tuple(keys), connection.dialect.name), rows)


def _send(connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    many = len(rows) > 1
    cursor = _cursor(connection, sql, rows if many else rows[0], many=many)
    try:
        if many:
            cursor.executemany(sql, rows)
        else:
            cursor.execute(sql, rows[0])
    except connection.dialect.loaded_dbapi.Error as error:
        raise _told(connection, error, sql) from error


def _cursor(connection: Connection, sql: str, values: Any, *, many: bool) -> Any:
    """A cursor of the driver's own. Who listens to the engine hears of the statement as of any other."""
    cursor = connection.connection.cursor()
    for listener in connection.dispatch.before_cursor_execute:
        listener(connection, cursor, sql, values, None, many)
    return cursor


@cache
def _insert(table: str, columns: tuple[str, ...], dialect: str) -> str:
    places = ", ".join([PLACE[dialect]] * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names are our own literals


@cache
def _update(table: str, values: tuple[str, ...], keys: tuple[str, ...], dialect: str) -> str:
    place = PLACE[dialect]
    assigned = ", ".join(f"{name} = {place}" for name in values)
    found = " AND ".join(f"{name} = {place}" for name in keys)
    return f"UPDATE {table} SET {assigned} WHERE {found}"  # noqa: S608
