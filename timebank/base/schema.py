"""The database's schema: where the migrations lie, upgrading, and which revision a database is at.

Alembic is imported only to migrate: every other command asks for two revisions, and importing it costs half of its start.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Literal

from sqlalchemy import Engine, inspect
from sqlalchemy.exc import DBAPIError

import timebank
from timebank.base.db import said_plainly
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say

_VERSION_TABLE = "alembic_version"
_REVISION = re.compile(r'^(revision|down_revision)\b[^=\n]*= *"(\w+)"', re.MULTILINE)


def carried(name: str) -> Path:
    """A folder the program carries: inside the installed package, or beside it in a checkout."""
    package = Path(timebank.__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


def guards() -> ModuleType:
    """The module migrations/guards.py, which knows the append-only triggers of each dialect."""
    return _carried_module("guards")


def statistics() -> ModuleType:
    """The module migrations/statistics.py, which tells SQLite's planner what its indexes are worth."""
    return _carried_module("statistics")


def _carried_module(name: str) -> ModuleType:
    spec = spec_from_file_location(f"timebank_{name}", carried("migrations") / f"{name}.py")
    assert spec is not None, "the program carries its migrations"
    assert spec.loader is not None, "the program carries its migrations"
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring a database to a revision, in one transaction."""
    _run(engine, "upgrade", revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take a database back to a revision, in one transaction."""
    _run(engine, "downgrade", revision)


# Of two who migrate one PostgreSQL database at once, the second waits at the first table, and then cannot make it again.
_MADE_MEANWHILE = {"23505", "42P07", "42710", "42701", "42723", "XX000"}
_TRIES = 5


def _run(engine: Engine, step: Literal["upgrade", "downgrade"], revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(carried("migrations")).replace("%", "%%"))
    for _ in range(_TRIES):
        try:
            with said_plainly(), engine.connect().execution_options(timebank_writing=True) as connection, connection.begin():
                config.attributes["connection"] = connection
                getattr(command, step)(config, revision)
            return
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _MADE_MEANWHILE:
                raise
            made_meanwhile = error
    raise made_meanwhile


def revision(engine: Engine) -> str | None:
    """The revision a database is at; None for one without tables."""
    with said_plainly(), engine.connect() as connection:
        if not inspect(connection).has_table(_VERSION_TABLE):
            return None
        found: str | None = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION_TABLE}").scalar()  # noqa: S608
        return found


@lru_cache
def head() -> str:
    """The newest revision this program knows: the one that no other builds on."""
    known: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in (carried("migrations") / "versions").glob("*.py"):
        for name, value in _REVISION.findall(path.read_text(encoding="utf-8")):
            known[name].add(value)
    (newest,) = known["revision"] - known["down_revision"]
    return newest


def check(engine: Engine) -> None:
    """Refuse a database of another revision. Raises Invalid `no_schema`, `old_schema`."""
    found = revision(engine)
    if found is None:
        raise Invalid(
            say("There is no time bank in this database yet."),
            "no_schema",
            say("Found one: timebank init --community CODE --name NAME, or name another --db."),
        )
    if found != head():
        raise Invalid(
            say("This database is at revision {found}; this program needs {head}.", found=found, head=head()),
            "old_schema",
            say("Run timebank db upgrade (after a backup), or use the program version that made it."),
        )


@dataclass(frozen=True, slots=True)
class Login:
    """As whom the program works on a server: `rights` are those of the tables' owner, or those of an application."""

    name: str
    rights: Literal["owner", "application"]

    @property
    def said(self) -> Say:
        """What that means, in words."""
        if self.rights == "owner":
            return say("owner: could take the guards down; give the program a role of its own with timebank db grant")
        return say("application: adds to the book, can change no entry in it")


_LOGIN = """
SELECT current_user, COALESCE(bool_or(r.rolsuper OR pg_has_role(r.oid, c.relowner, 'USAGE')
  OR has_table_privilege(r.oid, c.oid, 'UPDATE') OR has_table_privilege(r.oid, c.oid, 'DELETE')
  OR has_table_privilege(r.oid, c.oid, 'TRUNCATE')), r.rolsuper)
FROM pg_roles r LEFT JOIN pg_class c ON c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%s)
WHERE r.rolname = current_user GROUP BY r.rolsuper
"""


def login(engine: Engine) -> Login | None:
    """As whom the program works on PostgreSQL; None on SQLite. Who may change a guarded table counts as its owner."""
    if engine.dialect.name == "sqlite":
        return None
    with said_plainly(), engine.connect() as connection:
        name, strong = connection.exec_driver_sql(_LOGIN, (list(guards().GUARDED),)).one()
    return Login(name, "owner" if strong else "application")
