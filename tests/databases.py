"""Databases for tests, each as some contents have it: made once, given out anew to every test.

Contents are a name and a function that makes them: it gets the URL of an empty database and a folder for the files beside
it (keys, the log of checkpoints), all named `book.db…`. SQLite gives out a copy of the file. PostgreSQL takes most of a second
to create a database, so a few are kept and put back between tests: rows from a schema `pristine` of the same database, and the
tables too where a test has changed them. What SQL could change is compared, so that no test sees what another one did.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url

from timebank.base import db, schema

Make = Callable[[str, Path], None]
FILE = "book.db"


def bare(url: str, folder: Path) -> None:
    """A database without a table."""


def migrated(url: str, folder: Path) -> None:
    """A database with its tables and guards, without a row."""
    engine = db.open_engine(url)
    schema.upgrade(engine)
    engine.dispose()


@dataclass
class Files:
    """SQLite: a template file of each contents."""

    folder: Path
    made: set[str] = field(default_factory=set)

    @contextmanager
    def lend(self, make: Make, folder: Path) -> Iterator[str]:
        template = self.folder / make.__name__
        if make.__name__ not in self.made:
            template.mkdir(exist_ok=True)
            make(f"sqlite:///{template / FILE}", template)
            self.made.add(make.__name__)
        _beside(template, folder)
        yield f"sqlite:///{folder / FILE}"


def _beside(template: Path, folder: Path) -> None:
    for file in template.glob(f"{FILE}*"):
        shutil.copy2(file, folder)


@contextmanager
def created(server: str) -> Iterator[str]:
    """A new, empty PostgreSQL database; it is gone afterwards."""
    name = f"timebank_{uuid.uuid4().hex[:12]}"
    admin = db.open_engine(server).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@dataclass
class Kept:
    """One PostgreSQL database of some contents: what its catalog and its tables were when it was made."""

    url: str
    engine: Engine
    catalog: str
    tables: set[str]


class Server:
    """PostgreSQL: a database of each contents, put back before it is given out again."""

    def __init__(self, server: str, folder: Path, databases: ExitStack) -> None:
        self._server = server
        self._folder = folder
        self._databases = databases
        self._kept: dict[str, Kept] = {}

    @contextmanager
    def lend(self, make: Make, folder: Path) -> Iterator[str]:
        name = make.__name__
        kept = self._kept.pop(name, None) or self._make(make)
        kept.engine.dispose()  # whoever is connected to it now is a leftover
        with kept.engine.connect() as connection:
            _put_back(connection, kept)
        _beside(self._folder / name, folder)
        try:
            yield kept.url
        finally:
            self._kept[name] = kept

    def _make(self, make: Make) -> Kept:
        url = self._databases.enter_context(created(self._server))
        beside = self._folder / make.__name__
        beside.mkdir(exist_ok=True)
        make(url, beside)
        engine = db.open_engine(url)
        self._databases.callback(engine.dispose)
        with engine.connect() as connection, connection.begin():
            tables = _tables(connection)
            connection.execute(text("CREATE SCHEMA pristine"))
            for table in tables:
                connection.execute(text(f"CREATE TABLE pristine.{table} AS TABLE public.{table}"))
            catalog = connection.execute(text(_CATALOG)).scalar_one()
        return Kept(url, engine, catalog, set(tables))


# Whatever of a database SQL can change, but for the rows.
_CATALOG = """
SELECT COALESCE(string_agg(told, E'\\n' ORDER BY told), '') FROM (
  SELECT concat_ws(' ', c.relname, c.relkind, c.relacl, c.relowner, a.attname, a.atttypid, a.attnotnull, a.atthasdef) AS told
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = to_regnamespace('public')
  UNION ALL SELECT concat_ws(' ', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = to_regnamespace('public')
  UNION ALL SELECT concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid)) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = to_regnamespace('public') AND NOT t.tgisinternal
  UNION ALL SELECT concat_ws(' ', t.tgenabled, t.tgrelid::regclass) FROM pg_trigger t
    WHERE t.tgisinternal AND t.tgenabled <> 'O'
  UNION ALL SELECT concat_ws(' ', proname, prosrc, proacl, proowner) FROM pg_proc WHERE pronamespace = to_regnamespace('public')
  UNION ALL SELECT concat_ws(' ', nspname, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'
  UNION ALL SELECT setconfig::text FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
  UNION ALL SELECT datacl::text FROM pg_database WHERE datname = current_database()
) AS all_of_it
"""


def _tables(connection: Connection) -> list[str]:
    wanted = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('public') AND relkind = 'r' ORDER BY relname"
    return list(connection.execute(text(wanted)).scalars())


def _put_back(connection: Connection, kept: Kept) -> None:
    """Make a database again what it was, by the shortest way that leads there."""
    connection.execute(text(_LEFT_BEHIND))
    if not _same(connection, kept) and kept.tables <= set(_tables(connection)):
        guards = schema.guards()
        for statement in (*guards.remove("postgresql"), *guards.install("postgresql")):
            if not statement.startswith("DROP FUNCTION"):  # a strange trigger may call it
                connection.execute(text(statement))
    if not _same(connection, kept):
        connection.execute(text("DROP SCHEMA IF EXISTS public CASCADE"))
        connection.execute(text("CREATE SCHEMA public AUTHORIZATION pg_database_owner"))
        connection.execute(text("GRANT USAGE ON SCHEMA public TO PUBLIC"))
        connection.commit()
        if kept.tables:
            schema.upgrade(kept.engine)
        assert _same(connection, kept), "a database that was put back is what it was"
    if kept.tables:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in sorted(kept.tables):
            connection.execute(text(f"DELETE FROM public.{table}"))
            connection.execute(text(f"INSERT INTO public.{table} SELECT * FROM pristine.{table}"))
    connection.commit()


_LEFT_BEHIND = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def _same(connection: Connection, kept: Kept) -> bool:
    return bool(connection.execute(text(_CATALOG)).scalar_one() == kept.catalog)
