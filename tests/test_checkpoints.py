"""Signed heads of the log: every command that adds to the book makes one, and a book that disagrees with one is not written."""

import fcntl
import json
import multiprocessing
import os
import random
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from conftest import Book, Cli, opened_office, settle
from databases import Server
from power import Disk
from syscalls import GO, Call, watched
from timebank import checkpoint_log, checkpoints, reading
from timebank.base import communities, db, keys, schema
from timebank.base.errors import Unwritable
from timebank.checkpoint_log import Line
from timebank.cli import EXIT_STATUS
from timebank.commands.door import UNLOGGED
from timebank.notes import Head, key_of, read_head, signed_head
from timebank.transparency import Frontier, tree_root

CODE = "520201-jianshe"
ADD = ("member", "add", "赵六")


def file_of(office: Cli) -> Path:
    """Where an office's heads are written down."""
    return checkpoint_log.path_of(office.url, os.environ.get("TIMEBANK_CHECKPOINTS"), office.keys)


def heads(office: Cli, code: str = CODE) -> list[Line]:
    return [line for _, line in checkpoint_log.lines(file_of(office)) if line and line.code == code]


def size(office: Cli) -> int:
    found: int = office.rows("SELECT size FROM community_state WHERE community_id = 1")[0][0]
    return found


def refused(office: Cli, status: int, *command: str) -> str:
    """The code with which a command is refused, which changes nothing in the database."""
    before = office.stored()
    error = office(*(command or ADD), "--json", status=status).json["error"]
    assert office.stored() == before
    return str(error["code"])


def findings(office: Cli, status: int, *args: str) -> list[str]:
    return [f["code"] for f in office("audit", "I5", *args, "--json", status=status).json["findings"]]


@pytest.fixture
def copy(office: Cli, tmp_path: Path) -> Callable[[], None]:
    """A backup of an office's database (SQLite), as it is now; call it to put it back."""
    book, kept = tmp_path / "book.db", tmp_path / "backup"
    shutil.copy(book, kept)

    def put_back() -> None:
        shutil.copy(kept, book)

    return put_back


# --- what is signed and written down ---


def test_every_command_that_adds_to_the_book_signs_its_head_and_writes_it_down(office: Cli) -> None:
    office(*ADD)
    last = heads(office)[-1]
    ((root, note),) = office.rows("SELECT root, note FROM checkpoint WHERE size = :size", size=size(office))
    public = keys.public(keys.read(office.keys).seed)
    assert (last.note, last.size, last.made_at) == (note, size(office), "2026-10-20T04:00:00Z")
    assert read_head(note, key_of(f"{CODE}/1", public)) == Head(f"{CODE}/1", size(office), bytes(root))
    assert office("checkpoint", "show", "--json").json["note"] == note


def test_a_command_that_adds_nothing_signs_nothing(office: Cli) -> None:
    before = file_of(office).read_bytes()
    office("clerk", "rename", "W0002", "another name")
    assert file_of(office).read_bytes() == before


@pytest.mark.parametrize(
    ("line", "status"),
    [((*ADD, "--dry-run"), 0), (("member", "add", "x", "--as", "W0009"), 7), (("points", "balance", "M0001"), 0)],
)
def test_what_is_rehearsed_refused_or_read_writes_no_line(office: Cli, line: tuple[str, ...], status: int) -> None:
    before = file_of(office).read_bytes()
    office(*line, status=status)
    assert file_of(office).read_bytes() == before
    file_of(office).unlink()
    office(*line, status=status)
    assert not file_of(office).exists()


def test_a_repeated_command_writes_no_second_line(office: Cli) -> None:
    office(*ADD, "--key", "once")
    before = file_of(office).read_bytes()
    office(*ADD, "--key", "once")
    assert file_of(office).read_bytes() == before


def test_founding_a_community_signs_its_first_head(cli: Cli) -> None:
    cli("init", "--community", "a-b", "--name", "A")
    assert [line.place for line in heads(cli, "a-b")] == [(1, 2)]


def test_a_rehearsed_founding_leaves_no_file(cli: Cli, tmp_path: Path) -> None:
    cli("init", "--community", "a-b", "--name", "A", "--dry-run")
    assert not list(tmp_path.iterdir())


def test_two_communities_of_one_database_keep_one_file(office: Cli) -> None:
    office("init", "--community", "other", "--name", "Other")
    for code in (CODE, "other", CODE):
        office(*ADD, "--community", code)
    assert [line.code for _, line in checkpoint_log.lines(file_of(office)) if line][-4:] == ["other", CODE, "other", CODE]
    assert findings(office, 0, "--community", CODE) == findings(office, 0, "--community", "other") == []


def test_a_closed_months_manifest_has_its_signed_head(office: Cli, tmp_path: Path) -> None:
    office("statement", "close", "2026-09", "--approver", "W0002")
    office("statement", "export", "2026-09", "--to", str(tmp_path / "out"))
    log = json.loads((tmp_path / "out" / "manifest.json").read_bytes())["log"]
    assert log["checkpoint"] == office("checkpoint", "show", "--size", str(log["size"]), "--json").json["note"]


def test_heads_are_shown_listed_and_handed_out(office: Cli, tmp_path: Path) -> None:
    shown = office("checkpoint", "show", "--to", str(tmp_path / "head.txt"), "--json").json
    listed = office("checkpoint", "list", "--json").json
    assert (listed[0]["size"], listed[0]["digits"], listed[0]["signed"]) == (shown["size"], shown["digits"], True)
    assert office("checkpoint", "key").out.strip() == shown["key"]
    assert (tmp_path / "head.txt").read_text(encoding="utf-8") == shown["note"]
    assert findings(office, 0, "--against", str(tmp_path / "head.txt")) == []
    assert refused(office, 7, "checkpoint", "show", "--size", "1") == "not_signed_yet"


def test_a_head_is_read_out_of_what_the_screen_showed_around_it(office: Cli, tmp_path: Path) -> None:
    paper = tmp_path / "screen.txt"
    paper.write_text(office("checkpoint", "show").out + "\nkind regards\n", encoding="utf-8")
    assert findings(office, 0, "--against", str(paper)) == []
    paper.write_text(paper.read_text(encoding="utf-8").replace("\n\n\N{EM DASH} ", "\n\n\N{EM DASH} A", 1), encoding="utf-8")
    assert refused(office, 20, "audit", "--against", str(paper)) == "bad_note"


@pytest.mark.parametrize("line", [("show", "--size", str(10**23)), ("list", "--count", str(10**23)), ("list", "--count", "-1")])
def test_sizes_and_counts_that_no_log_has_are_refused_at_the_door(office: Cli, line: tuple[str, ...]) -> None:
    refused(office, 2, "checkpoint", *line)
    office("checkpoint", "list", "--count", str(checkpoint_log.SIZE_MAX))
    refused(office, 7, "checkpoint", "show", "--size", str(checkpoint_log.SIZE_MAX))


# --- the file in every state ---


@pytest.mark.parametrize("left", [0, 1, 3])
def test_heads_that_are_missing_in_the_file_are_written_down_by_the_next_command(office: Cli, left: int) -> None:
    """As after a crash between commit and append, or many; nothing of it is there, or the file itself is gone."""
    office(*ADD)
    before = file_of(office).read_bytes()
    file_of(office).write_bytes(b"".join(before.splitlines(keepends=True)[:left]))
    result = office(*ADD, "--key", "again")
    after = file_of(office).read_bytes()
    assert after.startswith(before)
    assert len(after.splitlines()) == len(before.splitlines()) + 1
    assert ("was missing" in result.err) == (left == 0)


def test_a_file_that_is_gone_is_written_anew_with_a_warning(office: Cli) -> None:
    before = file_of(office).read_bytes()
    file_of(office).unlink()
    assert "was missing" in office("clerk", "rename", "W0002", "another name").err
    assert file_of(office).read_bytes() == before


def test_a_repeated_command_mends_what_its_first_run_could_not_write_down(office: Cli) -> None:
    before = file_of(office).read_bytes()
    office(*ADD, "--key", "once")
    after = file_of(office).read_bytes()
    file_of(office).write_bytes(before)
    office(*ADD, "--key", "once")
    assert file_of(office).read_bytes() == after


@pytest.mark.parametrize("tail", [1, 2, 30, 250])
@pytest.mark.parametrize("zeros", [0, 9_000])
def test_a_line_torn_by_a_power_cut_is_mended(office: Cli, tail: int, zeros: int) -> None:
    """A file system may have lengthened the file without the data: zeros."""
    before = file_of(office).read_bytes()
    file_of(office).write_bytes(before[:-tail] + bytes(zeros))
    office(*ADD)
    after = file_of(office).read_bytes()
    assert after.startswith(before)
    assert len(after.splitlines()) == len(before.splitlines()) + 1


@pytest.mark.parametrize("junk", [b"garbage", b"{}", b"\xff\xfe", b"[" * 5_000, b'{"made_at":1,"note":2}', b"\0"])
def test_what_is_no_line_is_passed_over_and_found_by_the_audit(office: Cli, junk: bytes) -> None:
    with file_of(office).open("ab") as file:
        file.write(junk + b"\n")
    office(*ADD)
    assert heads(office)[-1].size == size(office)
    assert findings(office, 20) == ["not_signed"]


def test_lines_of_a_community_that_is_not_here_are_nobodys_business(office: Cli) -> None:
    note = signed_head(Head("elsewhere/1", 10**6, bytes(32)), bytes(32))
    checkpoint_log.append(file_of(office), "elsewhere", [Line("2026-10-20T04:00:00Z", note, "elsewhere", 1, 10**6)])
    office(*ADD)
    assert findings(office, 0) == []


def test_a_line_signed_with_another_key_stops_all_writing(office: Cli) -> None:
    note = signed_head(Head(f"{CODE}/1", size(office) + 1, bytes(32)), bytes(32))
    checkpoint_log.append(file_of(office), CODE, [Line("2026-10-20T04:00:00Z", note, CODE, 1, size(office) + 1)])
    assert refused(office, 20) == "other_key"
    assert findings(office, 20) == ["not_signed"]


def test_another_file_of_keys_stops_all_writing(office: Cli) -> None:
    office.keys.unlink()
    keys.read_or_make(office.keys, bytes(range(64)))
    assert refused(office, 20) == "other_key"
    assert set(findings(office, 20)) == {"not_signed"}


def test_the_head_of_an_unsigned_time_is_signed_when_the_next_entry_comes(office: Cli) -> None:
    """A book of the program's first version: checkpoints of closed months, none of them signed, and no file."""
    unguarded(office, "UPDATE checkpoint SET note = NULL")
    file_of(office).unlink()
    assert "was missing" not in office(*ADD).err
    assert [line.size for line in heads(office)] == [size(office)]
    assert findings(office, 0) == []


def test_a_signed_checkpoint_that_lost_its_note_is_found(office: Cli) -> None:
    unguarded(office, "UPDATE checkpoint SET note = NULL WHERE size = (SELECT max(size) FROM checkpoint)")
    assert findings(office, 20) == ["not_signed"]


# --- rows that somebody without the key put into the table ---


def forge(office: Cli, of: int, note: str) -> None:
    """Insert a checkpoint of some size, as whoever may add to the book may, with the newest one's root."""
    columns = f"community_id, {of}, root, made_at, {note}"
    office.run(f"INSERT INTO checkpoint SELECT {columns} FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)")


FORGED = {"none": "NULL", "of another size": "note", "garbage": "'x'", "badly signed": "replace(note, '{size}', '{of}')"}
FORGED |= {"of another root": "'{own}'"}


@pytest.mark.parametrize("ahead", [1, 2, 500])
@pytest.mark.parametrize("note", FORGED)
def test_a_checkpoint_that_the_key_did_not_sign_stops_nobody_and_is_named(office: Cli, note: str, ahead: int) -> None:
    """Nobody could take it away again."""
    now = size(office)
    own = signed_head(Head(f"{CODE}/1", now + ahead, bytes(32)), keys.read(office.keys).seed)
    forge(office, now + ahead, FORGED[note].format(size=f"\n{now}\n", of=f"\n{now + ahead}\n", own=own))
    assert office("checkpoint", "show", "--json").json["size"] == now
    assert refused(office, 7, "checkpoint", "show", "--size", str(now + ahead)) == "not_signed_yet"
    for _ in range(3):
        office(*ADD)
    assert [line.size for line in heads(office)][-3:] == [now + 1, now + 2, now + 3]
    before = file_of(office).read_bytes()
    found = office("audit", "I5", "--json", status=20).json["findings"]
    assert [(f["code"], f["where"]) for f in found] == [("not_signed", f"checkpoint {now + ahead}")]
    file_of(office).write_bytes(before[:-1].rpartition(b"\n")[0] + b"\n")
    office(*ADD)
    office(*ADD)
    assert file_of(office).read_bytes().startswith(before)
    assert [line.size for line in heads(office)][-5:] == list(range(now + 1, now + 6))


@pytest.mark.parametrize("log", ["there", "gone"])
def test_another_databases_keys_sign_nothing_here(office: Cli, log: str) -> None:
    office.keys.unlink()
    keys.read_or_make(office.keys, bytes(range(64)))
    if log == "gone":
        file_of(office).unlink()
    assert refused(office, 20) == "other_key"
    assert file_of(office).exists() == (log == "there")


def unguarded(office: Cli, *statements: str) -> None:
    """Do something that the guards refuse, and put them back."""
    engine = db.open_engine(office.url)
    guards, dialect = schema.guards(), engine.dialect.name
    engine.dispose()
    for statement in (*guards.remove(dialect), *statements, *guards.install(dialect)):
        office.run(statement)


@given(st.lists(st.one_of(st.integers(0, 40), st.binary(max_size=60), st.just(b"x" * 9_000)), max_size=30), st.booleans())
def test_a_file_is_read_from_its_end_as_from_its_beginning(parts: list[int | bytes], ended: bool) -> None:
    """Lines of two communities among junk of any length, torn or not at the end; blocks of a few bytes."""
    lines = [junk_or_line(number, part) for number, part in enumerate(parts)]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "log"
        path.write_bytes(b"\n".join(lines) + (b"\n" if ended else b""))
        patch.setattr(checkpoint_log, "_BLOCK", 70)
        for code in ("a", "b"):
            forwards = [line for _, line in checkpoint_log.lines(path) if line and line.code == code]
            assert list(checkpoint_log.backwards(path, code)) == forwards[::-1]


def junk_or_line(number: int, part: int | bytes) -> bytes:
    """Bytes as they are, or a line of one of two communities of a length of its own."""
    if isinstance(part, bytes):
        return part.replace(b"\n", b"")
    return json.dumps({"made_at": "x" * part, "note": f"{'ab'[part % 2]}/1\n{number}\n"}).encode()


def test_every_head_is_held_against_every_earlier_one(book: Book) -> None:
    """Of all pairs of sizes up to 40, by folding only what differs; another root or another later entry does not pass."""
    book.join(*(f"M{number:04d}" for number in range(38)))
    with book.read() as session:
        leaves = list(reading.leaves(session, 1, 40))
        roots = [tree_root(leaves[:size]) for size in range(41)]
        for now in range(1, 41):
            state = replace(communities.state(session, 1), size=now, frontier=frontier(leaves[:now]))
            other = replace(state, frontier=frontier([*leaves[: now - 1], bytes(32)]))
            for size in range(1, now + 1):
                assert checkpoints._extends(session, state, size, roots[size])
                assert not checkpoints._extends(session, state, size, roots[size - 1])
                assert not checkpoints._extends(session, other, size, roots[size])


def frontier(leaves: list[bytes]) -> bytes:
    """The packed frontier of a log of these leaves."""
    log = Frontier(0, [])
    for leaf in leaves:
        log.append(leaf)
    return log.pack()


# --- while others write ---


def test_who_reads_does_not_hold_his_snapshot_against_what_others_wrote_down_since(office: Cli) -> None:
    """Another desk's command ends while an audit reads: its line is about entries that the audit cannot see."""
    seed = keys.read(office.keys).seed
    head = Head(f"{CODE}/1", size(office) + 1, bytes(32))
    written: list[str] = []

    def another_desk(_c: object, _u: object, statement: str, *_more: object) -> None:
        if "community" in statement and not written:
            written.append(statement)
            line = Line("2026-10-20T04:00:00Z", signed_head(head, seed), CODE, 1, head.size)
            assert checkpoint_log.append(file_of(office), CODE, [line]) == 1

    before = file_of(office).read_bytes()
    for command in (("audit", "--json"), ("db", "status", "--json")):
        written.clear()
        file_of(office).write_bytes(before)
        event.listen(Engine, "before_cursor_execute", another_desk)
        try:
            result = office(*command)
        finally:
            event.remove(Engine, "before_cursor_execute", another_desk)
        assert written
        assert result.json.get("ok", True)
        assert result.json.get("checkpoints", [{"state": "agrees"}])[0]["state"] == "agrees"
    assert findings(office, 21) == ["rolled_back"]


@pytest.mark.postgres
def test_an_audit_beside_another_desks_command_finds_nothing(
    postgres_shelf: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command itself, where it can run meanwhile: it begins and ends after the audit's first look at the entries."""
    with postgres_shelf.lend(opened_office, tmp_path) as url:
        settle(monkeypatch, url, tmp_path)
        office, ended = Cli(url), list[int]()

        def another_desk(_c: object, _u: object, statement: str, *_more: object) -> None:
            if "FROM posting" in statement and not ended:
                ended.append(0)
                ended.append(office(*ADD).status)

        before = size(office)
        event.listen(Engine, "before_cursor_execute", another_desk)
        try:
            audited = office("audit", "--json").json
        finally:
            event.remove(Engine, "before_cursor_execute", another_desk)
        assert (audited["findings"], audited["entries"], size(office), len(ended)) == ([], before, before + 1, 2)
        assert findings(office, 0) == []


@pytest.mark.parametrize("tail", [1, 2, 30, 250])
@pytest.mark.parametrize("zeros", [0, 9_000])
def test_a_line_that_is_not_finished_is_no_finding(office: Cli, tail: int, zeros: int) -> None:
    """It is being written, or a power cut tore it and the next command mends it."""
    file_of(office).write_bytes(file_of(office).read_bytes()[:-tail] + bytes(zeros))
    assert findings(office, 0) == []


@contextmanager
def held(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Another program's lock of the file."""
    with path.open("rb") as file:
        fcntl.flock(file, how)
        yield


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands do not wait for the lock of the file."""
    monkeypatch.setattr(checkpoint_log, "WAIT_SECONDS_MAX", 0)


def test_a_command_waits_for_the_lock_of_the_log_no_longer_than_for_the_databases() -> None:
    assert checkpoint_log.WAIT_SECONDS_MAX == db.LOCK_WAIT_SECONDS_MAX


@pytest.mark.usefixtures("impatient")
def test_a_command_that_counted_under_another_programs_lock_says_so_and_does_not_wait_for_ever(office: Cli) -> None:
    before = size(office)
    with held(file_of(office)):
        result = office(*ADD, "--key", "counts", "--json", status=UNLOGGED)
    assert (result.json["member"], size(office), heads(office)[-1].size) == ("M0004", before + 1, before)
    assert "Another program holds" in result.err
    assert office(*ADD, "--key", "counts", "--json").json == result.json
    assert heads(office)[-1].size == before + 1


@pytest.mark.usefixtures("impatient")
def test_a_log_that_is_behind_under_another_programs_lock_is_busy_and_nothing_is_done(office: Cli) -> None:
    lines = file_of(office).read_bytes().splitlines(keepends=True)
    file_of(office).write_bytes(b"".join(lines[:-1]))
    with held(file_of(office), fcntl.LOCK_SH):
        assert refused(office, 6) == "log_locked"
    office(*ADD)
    assert file_of(office).read_bytes().startswith(b"".join(lines))


def test_a_lock_that_is_let_go_of_was_waited_for(tmp_path: Path) -> None:
    path, line = tmp_path / "log", Line("", "a/1\n1\n", "a", 1, 1)
    path.touch()
    with ThreadPoolExecutor(1) as pool:
        with held(path):
            added = pool.submit(checkpoint_log.append, path, "a", [line])
            while not added.running():
                pass
            assert path.read_bytes() == b""
        assert added.result() == 1


@pytest.mark.parametrize("there", [0, 2])
def test_a_line_that_was_added_is_there_after_a_power_cut(tmp_path: Path, there: int) -> None:
    """Whatever part of what was not flushed is lost."""
    lines = [Line("", f"a/1\n{size}\n", "a", 1, size) for size in (1, 2, 3)]
    folder, calls = tmp_path / "folder", 0
    folder.mkdir()
    if there:
        checkpoint_log.append(folder / "log", "a", lines[:there])
    disk = Disk(folder)

    def take_in(number: int, call: Call) -> str:
        nonlocal calls
        calls = number
        disk.call(number, call)
        return GO

    assert watched(lambda: (checkpoint_log.append(folder / "log", "a", lines), "", ""), folder, take_in).status == 3 - there
    for number, left in enumerate(disk.after(calls + 1, random.Random(1))):
        disk.write(left, tmp_path / f"cut-{number}")
        assert [line for _, line in checkpoint_log.lines(tmp_path / f"cut-{number}" / "log")] == lines


def test_only_its_owner_may_open_the_log_and_so_lock_it(cli: Cli) -> None:
    cli("init", "--community", "a-b", "--name", "A")
    assert file_of(cli).stat().st_mode & 0o777 == 0o600


# --- when it cannot be written ---


@pytest.mark.parametrize("place", ["a folder", "no/such/folder/log"])
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_done(
    office: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "a folder").mkdir()
    monkeypatch.setenv("TIMEBANK_CHECKPOINTS", str(tmp_path / place))
    assert refused(office, 74) == "log_unreadable"


def test_a_command_that_counted_and_could_not_be_written_down_says_both(office: Cli) -> None:
    """Something takes the file's place in the moment of the commit. What is shown only once is shown all the same."""
    place = file_of(office)
    kept, before = place.with_name("kept"), size(office)

    def swap(_connection: object) -> None:
        if not kept.exists():
            place.rename(kept)
            place.mkdir()

    event.listen(Engine, "commit", swap)
    try:
        result = office(*ADD, "--key", "counts", "--json", status=UNLOGGED)
    finally:
        event.remove(Engine, "commit", swap)
    assert (result.json["member"], size(office)) == ("M0004", before + 1)
    assert "The command counted" in result.err
    place.rmdir()
    kept.rename(place)
    assert office(*ADD, "--key", "counts", "--json").json == result.json
    assert heads(office)[-1].size == size(office) == before + 1


def test_a_full_disk_takes_no_line(tmp_path: Path) -> None:
    with pytest.raises(Unwritable) as refusal:
        checkpoint_log.append(Path("/dev/full"), "a", [Line("", "a/1\n1\n", "a", 1, 1)])
    assert refusal.value.code == "log_unwritten"


def test_the_exit_status_of_a_command_that_was_not_written_down_is_that_of_a_full_disk() -> None:
    assert EXIT_STATUS[Unwritable] == UNLOGGED


@pytest.mark.sqlite
def test_eight_processes_at_once_leave_every_head_in_its_order(office: Cli) -> None:
    """Under SQLite's own lock; what races on PostgreSQL is the file's lock as well, which is the same."""
    context = multiprocessing.get_context("fork")
    before = len(heads(office))
    runs = [context.Process(target=_add_some, args=(office, number)) for number in range(8)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0] * 8
    sizes = [line.size for line in heads(office)]
    assert sizes == sorted(set(sizes))
    assert len(sizes) == before + 8 * 3
    assert findings(office, 0) == []


def _add_some(office: Cli, number: int) -> None:
    for turn in range(3):
        office("member", "add", f"赵{number}{turn}")


# --- a book that lost entries ---


@pytest.mark.sqlite
def test_an_old_backup_put_back_is_not_written_to(office: Cli, copy: Callable[[], None]) -> None:
    office(*ADD)
    copy()
    for command in (ADD, ("clerk", "rename", "W0002", "x"), (*ADD, "--dry-run"), ("approve", "1", "--as", "W0002")):
        assert refused(office, 21, *command) == "rolled_back"
    assert office("points", "balance", "M0001", "--json").status == 0
    assert findings(office, 21) == ["rolled_back"]


@pytest.mark.sqlite
def test_the_status_and_the_doctor_tell_of_a_book_that_is_not_written_to(office: Cli, copy: Callable[[], None]) -> None:
    office(*ADD)
    assert told(office) == ("agrees", 0)
    copy()
    assert told(office) == ("rolled_back", 1)
    file_of(office).unlink()
    assert told(office) == ("agrees", 1)


def told(office: Cli) -> tuple[str, int]:
    """What `db status` says of the book, and in how many warnings of the doctor what was published comes up."""
    warnings = office("doctor", "--json").json["warnings"]
    of_it = [warning for warning in warnings if "published" in warning or "log of checkpoints" in warning]
    (state,) = office("db", "status", "--json").json["checkpoints"]
    return state["state"], len(of_it)


@pytest.mark.sqlite
def test_the_newest_backup_brings_writing_back(office: Cli, copy: Callable[[], None], tmp_path: Path) -> None:
    office(*ADD)
    newest = (tmp_path / "book.db").read_bytes()
    copy()
    refused(office, 21)
    (tmp_path / "book.db").write_bytes(newest)
    office(*ADD)
    assert findings(office, 0) == []


@pytest.mark.sqlite
def test_two_people_open_a_new_incarnation_and_only_then_work_goes_on(
    office: Cli, copy: Callable[[], None], tmp_path: Path
) -> None:
    office("checkpoint", "show", "--to", str(tmp_path / "kept"))
    kept = size(office)
    for _ in range(3):
        office(*ADD)
        office("checkpoint", "show", "--to", str(tmp_path / "lost"))
    lost = size(office)
    copy()
    assert refused(office, 8, "checkpoint", "incarnate", "--approver", "W0002") == "no_reason"
    assert refused(office, 4, "checkpoint", "incarnate", "--approver", "W0001", "--reason", "x") == "same_person"
    waits = office("checkpoint", "incarnate", "--reason", "the disk died", "--json").json["waiting"]
    assert refused(office, 21) == "rolled_back"
    assert refused(office, 4, "approve", str(waits)) == "same_person"
    done = office("approve", str(waits), "--as", "W0002", "--json").json
    published = {"incarnation": 1, "size": lost, "root": read(tmp_path / "lost").root.hex()}
    assert (done["log"], done["entry"]) == (f"{CODE}/2", kept)
    assert (done["cause"], done["kept"], done["published"]) == ("rolled_back", kept, published)
    office(*ADD)
    assert [line.place for line in heads(office)][-3:] == [(1, lost), (2, kept + 1), (2, kept + 2)]
    for note in ("kept", "lost"):
        assert findings(office, 0, "--against", str(tmp_path / note)) == []
    assert office("audit", "--json").json["ok"]
    assert refused(office, 3, "checkpoint", "incarnate", "--reason", "again", "--approver", "W0002") == "not_read_only"


@pytest.mark.sqlite
def test_a_new_incarnation_is_opened_once_for_its_key(office: Cli, copy: Callable[[], None]) -> None:
    office(*ADD)
    copy()
    line = ("checkpoint", "incarnate", "--reason", "the disk died", "--approver", "W0002", "--key", "once", "--json")
    first = office(*line)
    after = office.stored()
    assert office(*line).json == first.json
    assert office.stored() == after


@pytest.mark.sqlite
def test_an_incarnation_that_was_asked_for_waits_once_for_its_key(office: Cli, copy: Callable[[], None]) -> None:
    office(*ADD)
    copy()
    line = ("checkpoint", "incarnate", "--reason", "the disk died", "--key", "once", "--json")
    first = office(*line).json
    office("approve", str(first["waiting"]), "--as", "W0002")
    office(*ADD)
    assert office(*line).json == first


@pytest.mark.sqlite
def test_an_incarnation_that_waits_can_be_turned_down(office: Cli) -> None:
    """Only that, as long as nothing else is written."""
    other = office("statement", "close", "2026-09", "--json").json["waiting"]
    book = Path(office.url.removeprefix("sqlite:///"))
    kept = book.read_bytes()
    office(*ADD)
    book.write_bytes(kept)
    waits = office("checkpoint", "incarnate", "--reason", "the disk died", "--json").json["waiting"]
    before = file_of(office).read_bytes()
    office("reject", str(waits), "--why", "the disk was found", "--as", "W0002")
    assert refused(office, 3, "approve", str(waits), "--as", "W0002") == "decided_already"
    assert file_of(office).read_bytes() == before
    assert refused(office, 21, "reject", str(other), "--why", "x", "--as", "W0002") == "rolled_back"


@pytest.mark.sqlite
def test_two_computers_go_on_after_each_opened_an_incarnation(
    office: Cli, copy: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first knew less of what was lost; its incarnation is the beginning of what goes on in the second's."""
    incarnate = ("checkpoint", "incarnate", "--reason", "the disk died", "--approver", "W0002")
    logs = [file_of(office), tmp_path / "the other computer's.log"]
    office(*ADD)
    shutil.copy(*logs)
    monkeypatch.setenv("TIMEBANK_CHECKPOINTS", str(logs[1]))
    office(*ADD)
    office(*ADD)
    copy()
    for log in logs:
        monkeypatch.setenv("TIMEBANK_CHECKPOINTS", str(log))
        assert refused(office, 21) == "rolled_back"
        office(*incarnate)
    for log in (*logs, *logs):
        monkeypatch.setenv("TIMEBANK_CHECKPOINTS", str(log))
        office(*ADD)
        assert office("audit", "--json").json["ok"]


def read(file: Path) -> Head:
    """The head in a note, whoever signed it."""
    origin, size, root = file.read_text(encoding="utf-8").splitlines()[:3]
    return Head(origin, int(size), b64decode(root))


@pytest.mark.sqlite
def test_the_same_backup_restored_twice_goes_on_in_a_third_incarnation(
    office: Cli, copy: Callable[[], None], tmp_path: Path
) -> None:
    incarnate = ("checkpoint", "incarnate", "--reason", "the disk died", "--approver", "W0002")
    for _ in range(2):
        office(*ADD)
        copy()
        refused(office, 21)
        office(*incarnate)
        office(*ADD)
    office("checkpoint", "show", "--to", str(tmp_path / "note"))
    assert read(tmp_path / "note").origin == f"{CODE}/3"
    assert findings(office, 0, "--against", str(tmp_path / "note")) == []
    assert office("audit", "--json").json["ok"]
    copy()
    assert refused(office, 21) == "rolled_back"


@pytest.mark.sqlite
def test_what_two_people_agree_to_is_what_they_saw(office: Cli, copy: Callable[[], None]) -> None:
    office(*ADD)
    office(*ADD)
    copy()
    waits = office("checkpoint", "incarnate", "--reason", "the disk died", "--json").json["waiting"]
    file_of(office).write_bytes(b"".join(file_of(office).read_bytes().splitlines(keepends=True)[:-1]))
    assert refused(office, 3, "approve", str(waits), "--as", "W0002") == "declared_otherwise"


@pytest.mark.sqlite
def test_heads_given_up_beyond_what_was_declared_are_found(office: Cli, copy: Callable[[], None], tmp_path: Path) -> None:
    """The newest head is struck out of the file before the incarnation is opened; a paper has it."""
    office(*ADD)
    office(*ADD)
    office("checkpoint", "show", "--to", str(tmp_path / "struck"))
    copy()
    file_of(office).write_bytes(b"".join(file_of(office).read_bytes().splitlines(keepends=True)[:-1]))
    office("checkpoint", "incarnate", "--reason", "the disk died", "--approver", "W0002")
    assert findings(office, 0) == []
    assert findings(office, 22, "--against", str(tmp_path / "struck")) == ["rewritten"]


@pytest.mark.sqlite
def test_a_community_is_not_founded_anew_beside_its_log(office: Cli, tmp_path: Path) -> None:
    (tmp_path / "book.db").unlink()
    again = ("init", "--community", CODE, "--name", "again")
    assert office(*again, "--json", status=21).json["error"]["code"] == "rolled_back"
    file_of(office).rename(tmp_path / "old.log")
    office(*again)


def test_a_database_that_disagrees_with_itself_opens_no_incarnation(office: Cli) -> None:
    """Its key signed more than it has, and nobody wrote that down."""
    ((root,),) = office.rows("SELECT root FROM checkpoint WHERE size = :size", size=size(office))
    note = signed_head(Head(f"{CODE}/1", size(office) + 1, bytes(root)), keys.read(office.keys).seed)
    forge(office, size(office) + 1, f"'{note}'")
    assert refused(office, 21) == "rolled_back"
    assert refused(office, 21, "checkpoint", "incarnate", "--reason", "x", "--approver", "W0002") == "rolled_back"


def test_a_proof_holds_a_head_too(office: Cli, tmp_path: Path) -> None:
    office("checkpoint", "proof", "E0", "--to", str(tmp_path / "proof.json"))
    office(*ADD)
    assert findings(office, 0, "--against", str(tmp_path / "proof.json")) == []


@pytest.mark.parametrize("named", [(), ("guards",), ("statements", "guards"), ("I1",)])
def test_an_older_head_is_compared_whatever_checks_are_named(office: Cli, tmp_path: Path, named: tuple[str, ...]) -> None:
    other = signed_head(Head(f"{CODE}/1", 2, bytes(32)), keys.read(office.keys).seed)
    (tmp_path / "other").write_text(other, encoding="utf-8")
    told = office("audit", *named, "--against", str(tmp_path / "other"), "--json", status=22).json
    assert [finding["code"] for finding in told["findings"]] == ["rewritten"]


def test_a_note_of_another_log_is_no_evidence(office: Cli, tmp_path: Path) -> None:
    (tmp_path / "note").write_text(signed_head(Head(f"{CODE}/1", 1, bytes(32)), bytes(32)), encoding="utf-8")
    assert refused(office, 20, "audit", "--against", str(tmp_path / "note")) == "bad_note"
    (tmp_path / "note").write_text("nothing", encoding="utf-8")
    assert refused(office, 8, "audit", "--against", str(tmp_path / "note")) == "bad_note"


@pytest.mark.sqlite
def test_an_audit_without_the_keys_says_what_it_did_not_check(office: Cli) -> None:
    office.keys.unlink()
    assert "not checked" in office("audit").err


def test_of_two_commands_that_end_in_the_other_order_neither_is_written_down_twice(tmp_path: Path) -> None:
    lines = [Line("", f"a/1\n{size}\n", "a", 1, size) for size in (1, 2, 3)]
    assert checkpoint_log.append(tmp_path / "log", "a", lines[:1]) == 1
    assert checkpoint_log.append(tmp_path / "log", "a", lines[1:]) == 2
    assert checkpoint_log.append(tmp_path / "log", "a", lines[:2]) == 0
    assert [line for _, line in checkpoint_log.lines(tmp_path / "log")] == lines


@pytest.mark.sqlite
def test_a_later_head_of_an_earlier_incarnation_stops_all_writing(office: Cli, copy: Callable[[], None]) -> None:
    """Another computer's file knows more of incarnation 1 than incarnation 2 declared lost."""
    office(*ADD)
    shorter = file_of(office).read_bytes()
    office(*ADD)
    longer = file_of(office).read_bytes()
    copy()
    file_of(office).write_bytes(shorter)
    office("checkpoint", "incarnate", "--reason", "the disk died", "--approver", "W0002")
    file_of(office).write_bytes(longer)
    assert refused(office, 21) == "rolled_back"
    file_of(office).write_bytes(shorter)
    office(*ADD)
