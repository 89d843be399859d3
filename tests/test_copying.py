"""A copy on another engine is the same book, or nothing: the same rows, leaves and roots, sound, with its keys."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Cli
from databases import Server, bare
from timebank import copying
from timebank.base import db, schema

HOURS = ("hours", "record", "M0001", "--date", "2026-10-18", "--minutes", "90", "--category", "elder-care")
KILLED = """
import os, signal, sys
from timebank import copying
from timebank.base import db
moved = 0
def told(rows):
    global moved
    moved += rows
    if moved > 20:
        os.kill(os.getpid(), signal.SIGKILL)
source, target = map(db.open_engine, sys.argv[1:])
with db.reading(source) as old, db.writing(target) as new:
    copying.copy(old, new, told)
"""


@pytest.fixture
def lived_office(office: Cli) -> Cli:
    """An office with an open voucher, a second community, and a free text."""
    office(*HOURS, "--reason", "written down by hand")
    office("voucher", "issue", "M0001", "--offer", "1", "--points", "10", "--key", "v1")
    office("init", "--community", "510703-yingbin", "--name", "迎宾社区")
    return Cli(office.url)


def content(url: str) -> dict[str, list[object]]:
    """Every row of every table in one form, whatever the engine."""
    engine = db.open_engine(url)
    with db.reading(engine) as session:
        found = {table.name: [row for some in copying.rows_of(session, table) for row in some] for table in copying.tables()}
    engine.dispose()
    return found  # type: ignore[return-value]


def is_empty(url: str) -> bool:
    return not any(content(url).values())


def test_a_copy_has_the_same_rows_and_roots_and_is_sound(lived_office: Cli, tmp_path: Path) -> None:
    place = tmp_path / "copy.db"
    told = lived_office("db", "copy", "--to", str(place), "--json").json
    copied = Cli(f"sqlite:///{place}")
    assert content(copied.url) == content(lived_office.url)
    assert told["rows"]["entry"] == len(content(copied.url)["entry"]) > 0
    for code in ("520201-jianshe", "510703-yingbin"):
        own, theirs = (book("audit", "--community", code, "--json").json for book in (lived_office, copied))
        assert own["ok"]
        assert (theirs["root"], theirs["entries"]) == (own["root"], own["entries"])
        assert told["books"][code] == {"root": own["root"], "entries": own["entries"]}


def test_life_goes_on_in_a_copy(office: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys came along, so printed codes work; so did commands, so that a repeat does not count twice."""
    office(*HOURS, "--key", "h1")
    code = office("voucher", "issue", "M0001", "--offer", "1", "--points", "10", "--json").json["code"]
    office("db", "copy", "--to", str(tmp_path / "copy.db"))
    for name in ("TIMEBANK_KEYS", "TIMEBANK_CHECKPOINTS"):
        monkeypatch.delenv(name, raising=False)
    copied = Cli(f"sqlite:///{tmp_path / 'copy.db'}")
    copied("voucher", "capture", code, "--merchant", "S001", "--bill", "86.00")
    copied(*HOURS, "--key", "h1")
    assert copied("points", "balance", "M0001", "--json").json["minutes"] == 90
    assert copied("audit", "--community", "520201-jianshe", "--json").json["ok"]


def test_a_copy_never_goes_into_a_database_that_is_in_use(lived_office: Cli, tmp_path: Path) -> None:
    place = tmp_path / "copy.db"
    lived_office("db", "copy", "--to", str(place))
    before = place.read_bytes()
    assert lived_office("db", "copy", "--to", str(place), "--json", status=3).json["error"]["code"] == "target_not_empty"
    assert lived_office("db", "copy", "--to", lived_office.url, "--json", status=3).json["error"]["code"] == "target_not_empty"
    assert place.read_bytes() == before


def test_a_copy_never_goes_into_a_database_of_another_revision(office: Cli, tmp_path: Path) -> None:
    target = Cli(_upgraded(tmp_path))
    target.run("UPDATE alembic_version SET version_num = '0000'")
    assert office("db", "copy", "--to", target.url, "--json", status=8).json["error"]["code"] == "old_schema"


def test_a_book_that_is_not_sound_is_not_copied(office: Cli, tmp_path: Path) -> None:
    office(*HOURS)
    office.run("UPDATE account SET balance = balance + 1 WHERE community_id = 1 AND holder = 'member:1' AND unit = 'points'")
    refused = office("db", "copy", "--to", str(tmp_path / "copy.db"), "--json", status=20)
    assert refused.json["error"]["code"] == "unsound_copy"
    assert is_empty(f"sqlite:///{tmp_path / 'copy.db'}")


def test_rows_that_do_not_arrive_as_they_were_sent_are_noticed(office: Cli, tmp_path: Path) -> None:
    """Names are in no entry, so no audit would miss them."""
    target = Cli(_upgraded(tmp_path))
    target.run("CREATE TRIGGER wrong AFTER INSERT ON person BEGIN UPDATE person SET name = '某' WHERE id = NEW.id; END")
    assert office("db", "copy", "--to", target.url, "--json", status=3).json["error"]["code"] == "not_copied"
    assert is_empty(target.url)


def test_other_keys_are_never_overwritten(office: Cli, tmp_path: Path) -> None:
    keys = tmp_path / "copy.db.keys"
    keys.write_text('{"pepper":"' + "ab" * 32 + '","version":1}\n')
    before = keys.read_bytes()
    refused = office("db", "copy", "--to", str(tmp_path / "copy.db"), "--json", status=5)
    assert refused.json["error"]["code"] == "other_keys"
    assert keys.read_bytes() == before
    assert is_empty(f"sqlite:///{tmp_path / 'copy.db'}")


def test_a_log_that_an_earlier_try_carried_gives_way_to_its_own_later_state(office: Cli, tmp_path: Path) -> None:
    log, carried = office.keys.with_name("book.db.checkpoints.log"), tmp_path / "copy.db.checkpoints.log"
    carried.write_bytes(log.read_bytes())
    office("member", "add", "赵六")
    office("db", "copy", "--to", str(tmp_path / "copy.db"))
    assert carried.read_bytes() == log.read_bytes()


def test_the_log_of_checkpoints_comes_along_and_never_over_another(office: Cli, tmp_path: Path) -> None:
    told = office("db", "copy", "--to", str(tmp_path / "copy.db"), "--json").json
    log = office.keys.with_name("book.db.checkpoints.log")
    assert Path(told["log"]) == tmp_path / "copy.db.checkpoints.log"
    assert Path(told["log"]).read_bytes() == log.read_bytes() != b""
    other = tmp_path / "other.db.checkpoints.log"
    other.write_bytes(b"another\n")
    assert office("db", "copy", "--to", str(tmp_path / "other.db"), "--json", status=5).json["error"]["code"] == "other_log"
    assert other.read_bytes() == b"another\n"


def test_a_copy_that_is_killed_leaves_an_empty_database_that_takes_the_next_one(office: Cli, tmp_path: Path) -> None:
    target = _upgraded(tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILLED, office.url, target], env=os.environ | {"PYTHONPATH": _path()})
    assert killed.returncode == -signal.SIGKILL
    assert is_empty(target)
    office("db", "copy", "--to", target)
    assert content(target) == content(office.url)


def test_a_folder_that_is_not_there_is_named(office: Cli, tmp_path: Path) -> None:
    refused = office("db", "copy", "--to", str(tmp_path / "nowhere" / "copy.db"), "--json", status=7)
    assert refused.json["error"]["code"] == "no_folder"


@pytest.mark.postgres
def test_a_book_goes_to_postgres_and_comes_back_the_same(
    office: Cli, postgres_shelf: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acceptance row 20."""
    office(*HOURS, "--reason", "written down by hand")
    office("voucher", "issue", "M0001", "--offer", "1", "--points", "10")
    with postgres_shelf.lend(bare, tmp_path) as there:
        office("db", "copy", "--to", there)
        assert content(there) == content(office.url)
        monkeypatch.setenv("TIMEBANK_KEYS", str(office.keys))
        server = Cli(there)
        assert server("audit", "--json").json == office("audit", "--json").json
        server(*HOURS[:4], "2026-10-19", *HOURS[5:])
        server("db", "copy", "--to", str(tmp_path / "back.db"))
        assert content(f"sqlite:///{tmp_path / 'back.db'}") == content(there)


@pytest.mark.postgres
def test_of_two_copies_at_once_one_counts(office: Cli, postgres_shelf: Server, tmp_path: Path) -> None:
    with postgres_shelf.lend(bare, tmp_path) as there:
        command = [sys.executable, "-m", "timebank", "--db", office.url, "db", "copy", "--to", there]
        runs = [subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": _path()}) for _ in range(2)]
        for run in runs:
            run.communicate()
        assert sorted(run.returncode for run in runs) == [0, 3]
        assert content(there) == content(office.url)


def _upgraded(folder: Path) -> str:
    url = f"sqlite:///{folder / 'copy.db'}"
    engine = db.open_engine(url)
    schema.upgrade(engine)
    engine.dispose()
    return url


def _path() -> str:
    return os.pathsep.join(filter(None, sys.path))
