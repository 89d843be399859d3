"""Someone else holds the lock: a command waits half a minute, then says so; nothing is done in part, and it can be repeated."""

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.pool import Pool

from conftest import Cli
from timebank.base import db
from timebank.commands import door

RECORD = ("hours", "record", "M0001", "--date", "2026-10-12", "--minutes", "95", "--json", "--key", "the-key")


@contextmanager
def locked(office: Cli, how: str) -> Iterator[None]:
    """Hold the lock of the only community. On SQLite IMMEDIATE, as who writes does, or EXCLUSIVE, as who commits does."""
    engine = db.open_engine(office.url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.connection.driver_connection.execute(f"BEGIN {how}")  # type: ignore[union-attr]
        else:
            connection.execute(text("SELECT * FROM community_state WHERE community_id = 1 FOR UPDATE"))
        yield
    engine.dispose()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands wait for one second."""
    monkeypatch.setattr(door.db, "open_engine", partial(db.open_engine, wait_seconds=1))


def test_a_command_waits_for_half_a_minute(url: str) -> None:
    engine = db.open_engine(url)
    asked = "PRAGMA busy_timeout" if engine.dialect.name == "sqlite" else "SHOW lock_timeout"
    with engine.connect().execution_options(timebank_writing=True) as connection:
        assert connection.exec_driver_sql(asked).scalar() in (30_000, "30s")
    engine.dispose()


@pytest.mark.usefixtures("impatient")
def test_a_book_that_stays_locked_is_busy_and_nothing_is_done(office: Cli) -> None:
    before = office.stored()
    with locked(office, "IMMEDIATE"):
        busy = office(*RECORD, status=6)
    assert busy.json["error"]["code"] == "busy"
    assert office.stored() == before
    assert office(*RECORD).json == office(*RECORD).json


@pytest.mark.usefixtures("impatient")
def test_a_busy_command_names_the_key_to_repeat_it_under(office: Cli) -> None:
    *line, _ = RECORD
    with locked(office, "IMMEDIATE"):
        busy = office(*line[:-1], status=6)
    (key,) = re.findall(r"\b[0-9a-f]{16}\b", busy.err)
    office(*line, key)
    assert office(*line, key).json == office(*line, key).json
    assert office.rows("SELECT count(*) FROM command WHERE key = :key", key=key) == [(1,)]


@pytest.mark.usefixtures("impatient")
def test_who_reads_does_not_wait_for_who_writes(office: Cli) -> None:
    with locked(office, "IMMEDIATE"):
        assert office("points", "balance", "M0001", "--json").json["member"] == "M0001"


@pytest.mark.sqlite
@pytest.mark.usefixtures("impatient")
def test_a_commit_that_does_not_end_is_busy_for_who_writes_and_who_reads(office: Cli) -> None:
    before = office.stored()
    with locked(office, "EXCLUSIVE"):
        office("points", "balance", "M0001", status=6)
        office(*RECORD, status=6)
    assert office.stored() == before
    office(*RECORD)


@pytest.mark.sqlite
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "command",
    [("audit",), ("db", "export", "--to", "book.journal")],
    ids=lambda command: command[0],
)
def test_long_reading_keeps_nobody_from_writing_and_sees_one_moment(
    office: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Another desk writes between two statements of the reading command."""
    monkeypatch.chdir(tmp_path)
    office(*RECORD[:-1], "first")
    (before,) = office.rows("SELECT size FROM community_state")
    written: list[int] = []

    def write(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "posting" in statement and not written:
            written.append(0)
            office("member", "add", "赵六")

    event.listen(Engine, "before_cursor_execute", write)
    try:
        told = office(*command, "--json").json
    finally:
        event.remove(Engine, "before_cursor_execute", write)
    assert written
    assert office.rows("SELECT size FROM community_state") == [(before[0] + 1,)]
    assert told.get("entries", before[0]) == before[0]


@pytest.mark.sqlite
@pytest.mark.usefixtures("impatient")
def test_a_month_is_written_when_its_book_was_let_go_and_shows_the_moment_it_was_read(office: Cli, tmp_path: Path) -> None:
    """Another desk writes as soon as the exporting command's connection has come back after the month's postings."""
    office(*RECORD[:-1], "first")
    folder, asked, there = tmp_path / "out", list[str](), list[list[Path]]()

    def read(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "posting" in statement:
            asked.append(statement)

    def write(*_: object) -> None:
        if asked and not there:
            there.append(list(folder.rglob("*.csv")))
            office("hours", "record", "M0001", "--date", "2026-10-19", "--minutes", "60", "--key", "second")

    event.listen(Engine, "before_cursor_execute", read)
    event.listen(Pool, "checkin", write)
    try:
        told = office("statement", "export", "2026-10", "--to", str(folder), "--json").json
    finally:
        event.remove(Engine, "before_cursor_execute", read)
        event.remove(Pool, "checkin", write)
    assert there == [[]]
    assert office.rows("SELECT count(*) FROM entry WHERE kind = 'hours'") == [(2,)]
    assert told["files"]["lines.csv"]["rows"] == 1


@pytest.fixture
def large(office: Cli) -> Cli:
    """An office whose book does not fit into what SQLite keeps of a file in memory, 2 MB."""
    office.run("CREATE TABLE ballast AS SELECT randomblob(5000000) AS more")
    return office


def copies() -> list[str]:
    """The temporary files of SQLite that this process has open."""
    open_files = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            open_files.append(str(descriptor.readlink()))
    return [name for name in open_files if "etilqs" in name]


@pytest.mark.sqlite
def test_a_copy_to_read_has_no_name_and_is_gone_with_its_reader(large: Cli) -> None:
    engine = db.open_engine(large.url)
    with db.reading_aside(engine):
        (copy,) = copies()
        assert copy.endswith("(deleted)")
    engine.dispose()
    assert not copies()


@pytest.mark.sqlite
@pytest.mark.usefixtures("impatient")
def test_who_would_copy_a_book_that_stays_locked_is_told_so(office: Cli) -> None:
    with locked(office, "EXCLUSIVE"):
        assert office("audit", "--json", status=6).json["error"]["code"] == "busy"


@pytest.mark.sqlite
def test_where_a_copy_has_no_room_the_book_itself_is_read(large: Cli) -> None:
    assert not large("audit", "--json").err
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        engine = db.open_engine(large.url)
        with db.reading_aside(engine) as session:
            assert session.get_bind() is engine
        engine.dispose()
        told = large("audit", "--json")
        assert (told.json["ok"], told.err.strip() != "") == (True, True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
