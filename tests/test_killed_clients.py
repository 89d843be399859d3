"""A command that is killed before any call to PostgreSQL was done or was not, and counts once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from conftest import settle
from databases import FILE, Server
from syscalls import GO, KILL
from timebank.base import db
from walks import WALKS, Ask, Office, Walk, furnish, sheets, warm

pytestmark = pytest.mark.postgres
_BUSY = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
)
"""Connections in the middle of something; tests keep idle ones."""


def town(url: str, folder: Path) -> None:
    """The office that walks start from, on a server."""
    with pytest.MonkeyPatch.context() as patch:
        settle(patch, url, folder)
        (folder / f"{FILE}.code").write_text(furnish(folder, url).code)


@contextmanager
def lent(shelf: Server, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Office]:
    """The office of a fresh copy of the town."""
    folder.mkdir()
    with shelf.lend(town, folder) as url:
        settle(patch, url, folder)
        sheets(folder)
        yield Office(folder, (folder / f"{FILE}.code").read_text(), url)


def digest(office: Office) -> str:
    """All that the database holds, once the server has noticed that the command is gone."""
    engine = db.open_engine(office.server)
    with engine.connect() as connection:
        while connection.execute(_BUSY).scalar_one():
            time.sleep(0.002)
            connection.rollback()
        names = (
            connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).scalars().all()
        )
        rows = " UNION ALL ".join(
            f"SELECT '{name}' || coalesce(md5(string_agg(t::text, ';' ORDER BY t::text)), '') FROM {name} t" for name in names
        )
        found = "\n".join(connection.execute(text(rows)).scalars())
    engine.dispose()
    return found


def killed(number: int) -> Ask:
    """A command that is killed before a call."""
    return lambda at, _call: KILL if at == number else GO


@pytest.mark.parametrize("name", ["hours record", "statement close"])
def test_a_command_killed_before_any_call_to_the_server_was_done_or_not_and_counts_once_when_repeated(
    name: str, postgres_shelf: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm()
    walk: Walk = WALKS[name]
    with lent(postgres_shelf, tmp_path / "first", monkeypatch) as office:
        before = digest(office)
        reference = office.type(walk)
        assert reference.status == 0, reference
        after = digest(office)
        second = office.type(walk)
    number = 0
    while number < len(reference.calls):
        with lent(postgres_shelf, tmp_path / f"from {number}", monkeypatch) as office:
            left = before
            while left == before and number < len(reference.calls):
                number += 1
                ended = office.type(walk, killed(number))
                left = digest(office)
                assert left in (before, after), f"neither before nor after: {reference.calls[number - 1]}"
                if len(ended.calls) < number:  # done before it came to this call: a socket takes its pieces as they come
                    assert ended.status == 0, ended
                    number = len(reference.calls)
                else:
                    assert ended.status == -9, ended
            again = office.type(walk)
            assert (again.status, again.out) == (0, (reference if left == before else second).out), again.err
            assert digest(office) == after
