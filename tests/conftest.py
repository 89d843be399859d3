"""A migrated database for every test: made once as a template, copied per test (never `create_all`: it has no guards)."""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import settings
from sqlalchemy import Engine, inspect, text
from sqlmodel import Session
from typer.main import get_command

from carried import strays_of_the_program
from databases import FILE, Files, Server, bare, migrated
from timebank import ledger, openings
from timebank.base import communities, db
from timebank.base.act import Act
from timebank.base.config import sqlite_path
from timebank.base.keys import path_of
from timebank.cli import app
from timebank.journal import Balance, Draft, Receipt, Transfer
from timebank.once import once
from timebank.people import clerks, members, merchants
from timebank.people.persons import Card

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Deadlines measure the machine, not the code.
settings.register_profile("timebank", deadline=None)
settings.load_profile("timebank")

NOON = datetime(2026, 10, 20, 4, 0, tzinfo=UTC)
"""The usual moment of a test: 20 October 2026, noon in Shanghai."""


SERVER = "TIMEBANK_TEST_POSTGRES"
"""Names the URL of a PostgreSQL server on which tests may create databases and roles."""

Shelf = Files | Server


@dataclass
class Book:
    """One community (id 1) with clerks W0001 and W0002 in a fresh database, and short ways to write and read in it."""

    engine: Engine
    now: datetime = NOON
    acts: int = field(default=0)

    @property
    def today(self) -> date:
        return (self.now + timedelta(hours=8)).date()

    def act(self, key: str = "", *, actor: int = 1, approver: int | None = None, reason: str = "", community: int = 1) -> Act:
        self.acts += 1
        key = key or f"test-{self.acts}"
        entropy = hashlib.sha256(f"{key} {self.acts}".encode()).digest()
        return Act(community, self.now, actor, approver, "none", key, reason, entropy)

    @contextmanager
    def write(self) -> Iterator[Session]:
        with db.writing(self.engine) as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        with db.reading(self.engine) as session:
            yield session

    def command(self, work: Callable[[Session, Act], object], act: Act) -> None:
        """Run a verb as the door does: one transaction, one key, whatever number of entries it posts."""

        def carried_out(session: Session) -> dict[str, Any]:
            work(session, act)
            return {}

        with self.write() as session:
            once(session, act, "test", {}, lambda: carried_out(session))

    def found(self, code: str = "520201-jianshe", open_from: str | None = None, points_decimals: int = 0) -> int:
        wish = communities.Community(
            id=0,
            code=code,
            name="建设中路社区",
            timezone="Asia/Shanghai",
            credits_unit="福美和",
            points_decimals=points_decimals,
            founded_at=self.now,
        )
        with self.write() as session:
            community = communities.found(session, self.act(), wish, open_from)
            ledger.open_book(session, community.id)
            clerks.add(session, self.act(community=community.id), ["经办人", "复核人"])
        return community.id

    def join(self, *numbers: str, joined_on: date = date(2026, 1, 1)) -> list[members.Member]:
        newcomers = [members.Newcomer(number, Card(f"张{number}"), joined_on, row=i) for i, number in enumerate(numbers, 2)]
        with self.write() as session:
            joined, outcome = members.join(session, self.act(), newcomers)
        assert not outcome.rejected
        return joined

    def shop(self, *numbers: str) -> list[merchants.Merchant]:
        with self.write() as session:
            joined, outcome = merchants.join(session, self.act(), [merchants.Shop(n, f"店{n}") for n in numbers])
        assert not outcome.rejected
        return joined

    def give(self, holder: str, points: int, *, lapses_on: date = date(9999, 12, 31), day: date | None = None) -> Receipt:
        """Points (and as many minutes) for a member, brought straight into the book as often as wanted: past the rule book."""
        transfers = (
            Transfer("minutes", points, openings.SOURCE, "source", holder, "served"),
            Transfer("points", points, openings.SOURCE, "source", holder, "available", lapses_on=lapses_on),
        )
        about = f"opening:{holder.removeprefix('member:')}:{lapses_on}"
        with self.write() as session:
            ledger.open_missing(session, 1, openings.ACCOUNTS)
            draft = Draft(openings.OPENING, day or self.today, transfers, subject=about)
            return ledger.post(session, self.act(approver=2), draft)

    def points(self, holder: str) -> Balance:
        with self.read() as session:
            return ledger.balance(session, 1, holder, "points", today=self.today)


class Result(NamedTuple):
    """What a command line gave: exit status, stdout, stderr."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cli:
    """The command line on one database, in this process: the same doors a person uses."""

    url: str
    now: str = "2026-10-20T12:00:00+08:00"

    def __call__(self, *args: str, status: int | None = 0, now: str | None = None) -> Result:
        """Run a command; `status` is the exit status expected of it, None for any."""
        out, err = io.StringIO(), io.StringIO()
        line = [*args, "--db", self.url, "--now", now or self.now]
        with redirect_stdout(out), redirect_stderr(err):
            found = get_command(app).main(line, standalone_mode=False)
        result = Result(found, out.getvalue(), err.getvalue())
        assert status is None or result.status == status, result
        return result

    @property
    def keys(self) -> Path:
        """Where the keys lie."""
        return path_of(self.url, os.environ.get("TIMEBANK_KEYS"))

    def rows(self, query: str, **given: object) -> list[tuple[Any, ...]]:
        """What the database itself says to a query."""
        engine = db.open_engine(self.url)
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(query), given)]
        engine.dispose()
        return found

    def run(self, statement: str) -> None:
        """Do something to the database behind the program's back."""
        engine = db.open_engine(self.url)
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def stored(self) -> bytes:
        """All that the database keeps, as bytes in which a secret would show."""
        return stored(self.url)


def stored(url: str) -> bytes:
    """All that a database keeps, as bytes: its file, or every table as the server sends it."""
    path = sqlite_path(url)
    if path is not None:
        return path.read_bytes() if path.exists() else b""
    engine = db.open_engine(url)
    kept = bytearray()
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        for table in sorted(inspect(connection).get_table_names()):
            with cursor.copy(f"COPY {table} TO STDOUT (FORMAT BINARY)") as copy:
                kept += b"".join(bytes(piece) for piece in copy)
    engine.dispose()
    return bytes(kept)


@pytest.fixture
def cli(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """A command line on a database that has no table yet."""
    with shelf.lend(bare, tmp_path) as url:
        settle(monkeypatch, url, tmp_path)
        yield Cli(url)


@pytest.fixture
def office(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """A founded community with three members, a shop, a rule book of October 2026 and an offer."""
    with shelf.lend(opened_office, tmp_path) as url:
        settle(monkeypatch, url, tmp_path)
        yield Cli(url)


def settle(monkeypatch: pytest.MonkeyPatch, url: str, folder: Path) -> None:
    """An environment for command lines: a clock that can be set, English, a place for keys where the database is no file."""
    for name in [name for name in os.environ if name.startswith("TIMEBANK_") and name != SERVER]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TIMEBANK_TEST_CLOCK", "1")
    monkeypatch.setenv("TIMEBANK_LANG", "en")
    if not url.startswith("sqlite:"):
        monkeypatch.setenv("TIMEBANK_KEYS", str(folder / f"{FILE}.keys"))


def opened_office(url: str, folder: Path) -> None:
    """What the `office` fixture has, made by command lines."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        settle(monkeypatch, url, folder)
        cli = Cli(url)
        cli("init", "--community", "520201-jianshe", "--name", "建设中路社区", "--credits", "福美和", "--open-from", "2026-09")
        sheet, rules = folder / "members.csv", folder / "rules.toml"
        people = "成员编号,姓名,加入日期\nM0001,张三,2026-01-01\nM0002,李四,2026-01-01\nM0003,王五,2026-01-01\n"
        sheet.write_text(people, encoding="utf-8")
        cli("member", "import", str(sheet))
        cli("merchant", "add", "老王便民超市", "--category", "超市")
        rules.write_text(RULES, encoding="utf-8")
        cli("rules", "publish", str(rules), "--resolution", "2026-7", "--retroactive", "first rules", "--approver", "W0002")
        offer = ("--kind", "offset", "--points-per-yuan", "10", "--max-share", "50%", "--valid", "2026-01-01..2026-12-31")
        cli("offer", "add", "--merchant", "S001", *offer)


RULES = """
schema = 1
name = "community-points"
version = "2026.1"
title = "积分规则"
effective_from = 2026-01-01
[points]
name = "积分"
decimals = 0
round = "down"
[service]
minimum_minutes = 30
round_minutes = 30
round = "down"
maximum_minutes_per_day = 480
kinds = ["confirmed"]
carry_remainder = true
[rate]
default = 10
elder-care = 12
[[cap]]
id = "monthly"
per = "month"
points = 100
overflow = "pool:elder-care"
[expiry]
months = 36
align = "month-end"
"""


@pytest.fixture
def rules() -> str:
    """The text of the usual rule book."""
    return RULES


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", action="store_true", help="run every test that uses a database on PostgreSQL")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --postgres, leave out (never skip) what is counted in SQLite's own terms, and what asks for no database."""
    if config.getoption("--postgres"):
        there = [item for item in items if not item.get_closest_marker("sqlite") and "shelf" in item.fixturenames]  # type: ignore[attr-defined]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(there)])
        items[:] = there


@pytest.fixture(scope="session", name="strays")
def the_strays() -> Iterator[list[str]]:
    """Statements of the program that did not carry their community."""
    yield from strays_of_the_program()


@pytest.fixture(autouse=True)
def every_statement_carries_its_community(strays: list[str]) -> Iterator[None]:
    """Holds for every test (tests/carried.py)."""
    yield
    told = list(strays)
    strays.clear()
    assert not told


@pytest.fixture(scope="session")
def postgres_shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Databases on the server that TIMEBANK_TEST_POSTGRES names."""
    with ExitStack() as databases:
        yield Server(os.environ[SERVER], tmp_path_factory.mktemp("postgres"), databases)


@pytest.fixture(scope="session")
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Databases on the engine that this run is about."""
    if request.config.getoption("--postgres"):
        return request.getfixturevalue("postgres_shelf")  # type: ignore[no-any-return]
    return Files(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def url(shelf: Shelf, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database of this test's own."""
    with shelf.lend(migrated, tmp_path) as url:
        yield url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = db.open_engine(url, wait_seconds=10)
    yield engine
    engine.dispose()


@pytest.fixture
def book(engine: Engine) -> Book:
    book = Book(engine)
    book.found()
    return book


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """One Chromium for all tests of a process: a second driver in it would find the first one's loop running."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()
