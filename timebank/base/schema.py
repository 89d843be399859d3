"""The database's schema: where the migrations lie, upgrading, and which revision a database is at."""

from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import timebank
from timebank.base.errors import Invalid
from timebank.base.i18n import say


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


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(carried("migrations")).replace("%", "%%"))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring a database to a revision, in one transaction."""
    _run(engine, command.upgrade, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take a database back to a revision, in one transaction."""
    _run(engine, command.downgrade, revision)


def _run(engine: Engine, step: object, revision: str) -> None:
    config = _config()
    with engine.connect().execution_options(timebank_writing=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        step(config, revision)  # type: ignore[operator]


def revision(engine: Engine) -> str | None:
    """The revision a database is at; None for one without tables."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@lru_cache
def head() -> str:
    """The newest revision this program knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None, "there is at least one migration"
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
