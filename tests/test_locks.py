"""Someone else holds the lock: a command waits half a minute, then says so; nothing is done in part, and it can be repeated."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from sqlalchemy import text

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
        office("points", "balance", "M0001")


@pytest.mark.sqlite
@pytest.mark.usefixtures("impatient")
def test_a_commit_that_does_not_end_is_busy_for_who_writes_and_who_reads(office: Cli) -> None:
    before = office.stored()
    with locked(office, "EXCLUSIVE"):
        office("points", "balance", "M0001", status=6)
        office(*RECORD, status=6)
    assert office.stored() == before
    office(*RECORD)
