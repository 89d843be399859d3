"""A migrated database for every test: made once as a template, copied per test (never `create_all`: it has no guards)."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlmodel import Session

from timebank import ledger
from timebank.base import communities, db, schema
from timebank.base.act import Act
from timebank.journal import ISSUED, SERVICE, Draft, Receipt, Transfer
from timebank.once import once
from timebank.people import clerks, members, merchants
from timebank.people.persons import Card

NOON = datetime(2026, 10, 20, 4, 0, tzinfo=UTC)
"""The usual moment of a test: 20 October 2026, noon in Shanghai."""


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
        """Points (and as many minutes) for a member, straight in the book: a shortcut past the rule book."""
        transfers = (
            Transfer("minutes", points, SERVICE, "source", holder, "served"),
            Transfer("points", points, ISSUED, "source", holder, "available", lapses_on=lapses_on),
        )
        with self.write() as session:
            return ledger.post(session, self.act(), Draft("hours", day or self.today, transfers, subject="test:1"))

    def points(self, holder: str) -> ledger.Balance:
        with self.read() as session:
            return ledger.balance(session, 1, holder, "points", today=self.today)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", action="store_true", help="run every test that uses a database on PostgreSQL")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "book.db"
    engine = db.open_engine(f"sqlite:///{path}")
    schema.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The URL of a migrated PostgreSQL database that tests copy with CREATE DATABASE … TEMPLATE."""
    server = os.environ["TIMEBANK_TEST_POSTGRES"]
    with _postgres_database(server, None) as url:
        engine = db.open_engine(url)
        schema.upgrade(engine)
        engine.dispose()
        yield url


@contextmanager
def _postgres_database(server: str, template: str | None) -> Iterator[str]:
    name = f"timebank_{uuid.uuid4().hex[:12]}"
    admin = db.open_engine(server).execution_options(isolation_level="AUTOCOMMIT")
    copied = f" TEMPLATE {make_url(template).database}" if template else ""
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}{copied}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database of this test's own."""
    if request.config.getoption("--postgres"):
        with _postgres_database(os.environ["TIMEBANK_TEST_POSTGRES"], request.getfixturevalue("postgres_template")) as made:
            yield made
    else:
        path = tmp_path / "book.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"


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
