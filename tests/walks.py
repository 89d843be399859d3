"""Commands to be walked through call by call, the office they start from, and what may be left of each."""

import hashlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from typer.main import get_command

from conftest import RULES, Cli
from syscalls import DONE, GO, Call, Ended, watched
from timebank.base import db, schema
from timebank.cli import NOUNS, app, load

OCTOBER, NOVEMBER = "2026-10-20T12:00:00+08:00", "2026-11-06T12:00:00+08:00"
TEMPORARY = re.compile(r"\.timebank-[0-9a-f]{16}\.tmp|\.520201-jianshe-\d{4}-\d\d\.tmp")
"""Names that a killed command may leave behind: hidden, read by nobody, never taken for a file of the product."""
Ask = Callable[[int, Call], str | int]
_CHANCE_BYTES = 32
"""From so many bytes on, chance is that of an act or of keys; less is a temporary name."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One command line, walked through from the prepared office: what came before it, and when it is typed."""

    line: tuple[str, ...]
    first: tuple[tuple[str, ...], ...] = ()
    now: str = OCTOBER
    start: str = "office"
    writes: bool = True


def older_revisions() -> list[str]:
    """From where `db upgrade` is walked: no tables at all, the first revision's, which every step after it changes, and those
    of the last step alone. It is one transaction whatever it finds: from a revision between them no call is another one, and
    tests/test_migrations.py upgrades from each."""
    config = Config()
    config.set_main_option("script_location", str(schema.carried("migrations")))
    newest, before, *_, first = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert newest != before
    return ["base", first, before]


_SECOND = ("--approver", "W0002")
_DRAFT = ("settlement", "draft", "2026-10")
_APPROVE = ("settlement", "approve", "2026-10", *_SECOND)
_SENT = (_DRAFT, _APPROVE, ("settlement", "export", "2026-10", "--to", "{folder}/out"))
_CLOSE = ("statement", "close", "2026-09", *_SECOND)
_EXPORT = ("statement", "export", "2026-09", "--to", "{folder}/out")
_FULL = (*_EXPORT, "--names", "full", "--reason", "office paper", *_SECOND)
_RECORD = ("hours", "record", "M0001", "--date", "2026-10-12", "--minutes", "95", "--category", "elder-care")
_IMPORT = ("hours", "import", "{folder}/hours.csv", "--partial", "--save-rejects", "{folder}/rejects.csv")

WALKS: dict[str, Walk] = {
    "hours record": Walk(_RECORD),
    "hours import": Walk(_IMPORT),
    "hours correct": Walk(("hours", "correct", "2", "--minutes", "30", "--reason", "typed wrong", *_SECOND)),
    "approve": Walk(("approve", "1", "--as", "W0002")),
    "member import": Walk(("member", "import", "{folder}/people.csv")),
    "rules publish": Walk(("rules", "publish", "{folder}/rules2.toml", "--resolution", "2026-9", *_SECOND)),
    "voucher issue": Walk(("voucher", "issue", "M0001", "--offer", "1", "--points", "10")),
    "voucher capture": Walk(("voucher", "capture", "{code}", "--merchant", "S001", "--bill", "8.00")),
    "voucher void": Walk(("voucher", "void", "V2", "--reason", "changed her mind")),
    "voucher expire": Walk(("voucher", "expire", "--due"), now="2026-11-25T12:00:00+08:00"),
    "statement close": Walk(_CLOSE),
    "statement export": Walk(_EXPORT, (_CLOSE,), writes=False),
    "statement export again": Walk(_EXPORT, ((*_EXPORT, "--headers", "en"), _CLOSE), writes=False),
    "statement export, full names": Walk(_FULL, (_CLOSE,)),
    "settlement draft": Walk(_DRAFT, now=NOVEMBER),
    "settlement approve": Walk(_APPROVE, (_DRAFT,), now=NOVEMBER),
    "settlement export": Walk(_SENT[-1], _SENT[:-1], now=NOVEMBER),
    "settlement paid": Walk(("settlement", "paid", "2026-10", "--batch", "1", "--reference", "B1"), _SENT, now=NOVEMBER),
    "settlement import-results": Walk(("settlement", "import-results", "{folder}/results.csv"), _SENT, now=NOVEMBER),
    "fund deposit": Walk(("fund", "deposit", "--source", "resident", "--yuan", "80", "--reference", "B1")),
    "fund budget": Walk(("fund", "budget", "--yuan", "300", "--merchant", "S001", *_SECOND)),
    "init": Walk(("init", "--community", "520201-jianshe", "--name", "建设中路社区"), start="nothing"),
    **{f"db upgrade from {revision}": Walk(("db", "upgrade"), start=revision, writes=False) for revision in older_revisions()},
}

LAST_STEP = f"db upgrade from {older_revisions()[-1]}"
"""An upgrade whose every call is run by run killed and failed; from no tables `init` is, which is that and the founding."""


def warm() -> None:
    """Import what commands import, so that a forked child need not."""
    for noun in NOUNS:
        load(noun, "en")


@dataclass(frozen=True, slots=True)
class State:
    """All that can be seen of an office: the database as text, hashed, and each file.

    A `cold_journal` lies there but counts for nothing: its header was never flushed.
    """

    book: str
    files: dict[str, str]
    cold_journal: bool = False

    @property
    def lasting(self) -> "State":
        """Without what may be left of a temporary file."""
        return State(self.book, {name: found for name, found in self.files.items() if not TEMPORARY.search(name)})


@dataclass
class Office:
    """A folder with a database, its keys and sheets, in which commands are typed by forked children."""

    folder: Path
    code: str = ""
    server: str = ""
    """The database's URL, where it is not the file in this folder."""

    @property
    def book(self) -> Path:
        """The database file; where there is none yet, in a folder that is not there either."""
        beside = self.folder / "book.db"
        return beside if beside.exists() else self.folder / "data" / "timebank" / "book.db"

    def beside(self, name: str) -> "Office":
        """The same office in the folder of that name beside this one."""
        return self.copy(self.folder.parent / name)

    def copy(self, folder: Path) -> "Office":
        """The same office in another folder; what was there is gone."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        return Office(folder, self.code)

    def type(self, walk: Walk, ask: Ask = lambda _n, _c: GO, *, first: Callable[[], None] = lambda: None) -> Ended:
        """Type a command in a child, which does `first` before; `ask` is asked before each call on a file of this folder."""

        def run() -> tuple[int, str, str]:
            first()
            return self.run(walk)

        return watched(run, self.folder, ask)

    def run(self, walk: Walk) -> tuple[int, str, str]:
        """Type a command in this process, which must be a child: its chance is no chance any more."""
        _same_chance()
        line = [word.format(folder=self.folder, code=self.code) for word in walk.line]
        line += [
            *(("--key", "the-key") if walk.writes else ()),
            "--json",
            "--db",
            self.server or f"sqlite:///{self.book}",
            "--now",
            walk.now,
        ]
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = get_command(app).main(line, standalone_mode=False)
        return status, out.getvalue().replace(str(self.folder), "…"), err.getvalue()

    def state(self) -> State:
        """What is there; a database that was left in the middle is mended by opening it, as the next command would."""
        dumped = ""
        if self.book.exists():
            with closing(sqlite3.connect(self.book)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                dumped = "\n".join(connection.iterdump()).removeprefix("BEGIN TRANSACTION;\nCOMMIT;")
        files = {str(path.relative_to(self.folder)): _digest(path) for path in _files(self.folder) if path != self.book}
        cold = files.pop(f"{self.book.relative_to(self.folder)}-journal", None)
        return State(hashlib.sha256(dumped.encode()).hexdigest(), files, cold is not None)


def _same_chance() -> None:
    """Give the child the same chance for every act and key, so that states can be compared; names of temporary files differ."""

    def same(drawn: Callable[[int], bytes]) -> Callable[[int], bytes]:
        return lambda count: bytes(place % 256 for place in range(count)) if count >= _CHANCE_BYTES else drawn(count)

    secrets.token_bytes = same(secrets.token_bytes)  # type: ignore[assignment]
    os.urandom = same(os.urandom)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def neither_old_nor_new(left: State, before: State, after: State) -> list[str]:
    """Files that are neither as they were nor as they will be. The log of checkpoints may lack its last line: it is mended."""
    names = [name for name in left.lasting.files if not name.endswith(".checkpoints.log")]
    return [name for name in names if left.files[name] not in (before.files.get(name), after.files.get(name))]


def flushed(_number: int, call: Call) -> str:
    """Let everything happen but sync(2): it would wait for every disk of this machine."""
    return DONE if call.name == "sync" else GO


def plain(text: str) -> str:
    """A text without what differs from run to run: the names of temporary files."""
    return TEMPORARY.sub("TEMPORARY", text)


def manifest_holds(folder: Path) -> bool:
    """Whether every file that a folder's manifest lists is there as listed; True where there is none."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return True
    listed: dict[str, Any] = json.loads(manifest.read_bytes())["files"]
    return all((folder / name).is_file() and _digest(folder / name) == told["sha256"] for name, told in listed.items())


def furnish(folder: Path, server: str = "") -> Office:
    """An office in October 2026 with something for every command to do."""
    cli = Cli(server or f"sqlite:///{folder / 'book.db'}", OCTOBER)
    cli("init", "--community", "520201-jianshe", "--name", "建设中路社区", "--open-from", "2026-09")
    _sheet(folder / "people.csv", "成员编号,姓名,加入日期", *(f"M000{n},王五{n},2026-01-0{n}" for n in (1, 2, 3)))
    cli("member", "import", str(folder / "people.csv"))
    cli("merchant", "add", "老王便民超市")
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    cli("rules", "publish", str(folder / "rules.toml"), "--resolution", "2026-7", "--retroactive", "first rules", *_SECOND)
    offer = ("--kind", "offset", "--points-per-yuan", "10", "--max-share", "50%", "--valid", "2026-01-01..2026-12-31")
    cli("offer", "add", "--merchant", "S001", *offer)
    _sheet(folder / "hours.csv", "成员编号,日期,时长,单号", *(f"M000{n},2026-09-1{n},{30 * n},s{n}" for n in (1, 2, 3)))
    cli("hours", "import", str(folder / "hours.csv"))
    cli("hours", "record", "M0001", "--date", "2026-10-03", "--minutes", "6:00")
    cli("hours", "record", "M0002", "--date", "2026-10-04", "--minutes", "60", "--kind", "back-entered")
    codes = [cli("voucher", "issue", "M0001", "--offer", "1", "--points", p, "--json").json["code"] for p in ("20", "15")]
    cli("voucher", "capture", codes[0], "--merchant", "S001", "--bill", "10.00")
    sheets(folder)
    return Office(folder, codes[1], server)


def sheets(folder: Path) -> None:
    """The files that commands read."""
    _sheet(
        folder / "hours.csv",
        "成员编号,日期,时长,单号",
        "M0001,2026-10-15,60,t1",
        "M0002,2026-10-15,90,t2",
        "M0009,2026-10-15,60,t3",
    )
    _sheet(folder / "people.csv", "成员编号,姓名,加入日期", "M0011,赵六,2026-10-01", "M0012,钱七,2026-10-02")
    _sheet(folder / "results.csv", "批次,结果,凭证号", "1,已付,B1")
    newer = RULES.replace('"2026.1"', '"2026.2"').replace("2026-01-01", "2026-11-01")
    (folder / "rules2.toml").write_text(newer, encoding="utf-8")


def _sheet(path: Path, *lines: str) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def prepared(office: Office, walk: Walk, folder: Path) -> Office:
    """The office from which a command is walked."""
    if walk.start == "office":
        ready = office.copy(folder)
        for line in walk.first:
            ended = ready.type(Walk(line, now=walk.now, writes=False))
            assert ended.status == 0, ended
        return ready
    folder.mkdir()
    if walk.start != "nothing":
        ready = office.copy(folder)
        engine = db.open_engine(f"sqlite:///{ready.book}")
        schema.downgrade(engine, walk.start)
        engine.dispose()
        return ready
    return Office(folder)


class Reference:
    """What a command does when nothing happens to it, when it is typed twice, and whether the audit likes it."""

    def __init__(self, ready: Office, walk: Walk) -> None:
        self.before = ready.state()
        office = ready.beside("work")
        self.first = office.type(walk, flushed)
        assert self.first.status == 0, self.first
        self.after = office.state()
        assert self.after.lasting == self.after
        self.again = office.type(walk, flushed)
        assert self.again.status == 0, self.again
        assert office.state() == self.after
        self.stages = [self.before.book, self.after.book]
        """The database before and after, and in between only where it is founded: all tables, and nothing in them."""
        if walk.start == "nothing":
            self.stages.insert(1, _tables_only(office.beside("tables")).book)
        if walk.start in ("office", "nothing"):  # going down lost what only later revisions have tables for
            audited = office.type(Walk(("audit",), now=walk.now, writes=False))
            assert audited.status == 0, audited


def _tables_only(office: Office) -> State:
    office.book.unlink()
    engine = db.open_engine(f"sqlite:///{office.book}")
    schema.upgrade(engine)
    engine.dispose()
    return office.state()


@pytest.fixture(scope="session", name="scratch")
def a_folder_in_memory() -> Iterator[Path]:
    """Where walks take place: in memory, where there is one, as no power is cut there and a disk would make them slow."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="timebank-walks-", dir=memory if memory.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session", name="furnished")
def a_furnished_office(scratch: Path) -> Office:
    """The office that walks start from."""
    warm()
    (scratch / "office").mkdir()
    with at_work():
        return furnish(scratch / "office")


@contextmanager
def at_work() -> Iterator[None]:
    """The environment of command lines: a clock that can be set, English, nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TIMEBANK_")]:
            patch.delenv(name)
        patch.setenv("TIMEBANK_TEST_CLOCK", "1")
        patch.setenv("TIMEBANK_LANG", "en")
        yield


@pytest.fixture(name="walk")
def a_walk(request: pytest.FixtureRequest) -> Walk:
    """The command of this test, by its name in WALKS."""
    return WALKS[request.param]


@pytest.fixture(name="ready")
def a_prepared_office(furnished: Office, scratch: Path, walk: Walk) -> Iterator[Office]:
    """The office from which this test's command is typed."""
    folder = scratch / "ready"
    shutil.rmtree(folder, ignore_errors=True)
    with at_work():
        yield prepared(furnished, walk, folder)
