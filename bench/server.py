"""A PostgreSQL server to measure on: one of the bench's own with the settings it is shipped with, so that a commit is on
the disk; where Debian's package is missing, the one that TIMEBANK_TEST_POSTGRES names, if its commits are too."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from bench.measure import NotRun

GIVEN = "TIMEBANK_TEST_POSTGRES"
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the URL of a database on it that is always there, and what is worth knowing about it."""

    place: URL
    version: str

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database."""
        return self.place.set(database=database).render_as_string(hide_password=False)

    def conninfo(self, database: str) -> str:
        """libpq's URL of a database."""
        return self.place.set(drivername="postgresql", database=database).render_as_string(hide_password=False)

    def make(self, database: str, template: str = "template0") -> None:
        """Make a database anew, as a copy of another; nobody may be connected to either."""
        self._run(f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database} TEMPLATE {template}", "CHECKPOINT")

    def drop(self, database: str) -> None:
        """Remove a database."""
        self._run(f"DROP DATABASE IF EXISTS {database}")

    def _run(self, *statements: str) -> None:
        import psycopg

        try:
            with psycopg.connect(self.conninfo(self.place.database or "postgres"), autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement.encode())
        except psycopg.Error as error:
            raise RuntimeError(f"{statements}: {error}") from error


@contextmanager
def server() -> Iterator[Server]:
    """A server with durable commits. Raises NotRun where there is none."""
    try:
        import psycopg
    except ImportError as error:
        raise NotRun("psycopg is not installed") from error
    with _place() as place:
        with psycopg.connect(place.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
            settings = {name: _shown(connection.execute(f"SHOW {name}".encode()).fetchone()) for name in _DURABLE}
            version = _shown(connection.execute("SHOW server_version").fetchone()).split()[0]
        if off := [name for name, value in settings.items() if value != "on"]:
            raise NotRun(f"the server of {GIVEN} has {', '.join(off)} off, so its commits cost nothing")
        yield Server(place, f"PostgreSQL {version} with {', '.join(f'{name}=on' for name in _DURABLE)}")


def _shown(row: tuple[str, ...] | None) -> str:
    assert row is not None, "SHOW gives one row"
    return row[0]


@contextmanager
def _place() -> Iterator[URL]:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(programs[-1]) if programs else shutil.which("initdb")
    if found is not None:
        with _own(Path(found).parent) as place:
            yield place
    elif GIVEN in os.environ:
        yield make_url(os.environ[GIVEN])
    else:
        raise NotRun(f"no PostgreSQL: neither Debian's package postgresql-15 nor a server in {GIVEN}")


@contextmanager
def _own(programs: Path) -> Iterator[URL]:
    """A server in a new folder, reached by a socket there; it stops and the folder goes with the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="timebank-pg-"))
    user: list[str] = []
    if os.geteuid() == 0:  # a server refuses to run as root
        user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    data = f"--pgdata={folder / 'data'}"

    def run(program: str, *words: str) -> None:
        line = [*user, str(programs / program), *words]
        subprocess.run(line, cwd="/", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    try:
        run("initdb", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
        run("pg_ctl", "start", "--wait", data, f"--log={folder / 'log'}", f"--options={options}")
        try:
            yield URL.create("postgresql+psycopg", "postgres", database="postgres", query={"host": str(folder)})
        finally:
            run("pg_ctl", "stop", "--wait", "--mode=fast", data)
    finally:
        shutil.rmtree(folder)
