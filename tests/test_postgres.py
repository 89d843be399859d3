"""The same book on PostgreSQL 15: the same schema, the same guards, the same bytes. Run by .ci/run with a server of its own."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from conftest import Book
from databases import Server, migrated
from timebank import hours, ledger, redemption, rulebooks, statements
from timebank.audit import audit
from timebank.base import communities, db, schema
from timebank.base.errors import Refused
from timebank.benefits import Offset
from timebank.journal import Draft, Transfer
from timebank.offers import NewOffer
from timebank.offers import add as add_offer
from timebank.redemption import Counter, Request
from timebank.services import Record
from timebank.transparency import Frontier

pytestmark = pytest.mark.postgres
PEPPER = bytes(range(32))


@pytest.fixture
def postgres(postgres_shelf: Server, tmp_path: Path) -> Iterator[Book]:
    with postgres_shelf.lend(migrated, tmp_path) as url:
        engine = db.open_engine(url)
        yield Book(engine)
        engine.dispose()


def live(book: Book, rules: str) -> bytes:
    """A little of everything; the acts are the same on every engine. Gives the log's root."""
    book.found(open_from="2026-09")
    book.join("M0001", "M0002")
    book.shop("S001")
    book.command(lambda s, a: rulebooks.publish(s, a, rules.encode(), "2026-7", "first rules"), book.act(approver=2))
    day = date(2026, 9, 18)
    records = [Record(f"M000{i}", day, 60 * i, "elder-care", ref=f"r{i}", row=i) for i in (1, 2)]
    book.command(lambda s, a: hours.record_all(s, a, [records]), book.act())
    offer = NewOffer("S001", Offset(10, 5000), date(2026, 1, 1), date(2026, 12, 31))
    book.command(lambda s, a: add_offer(s, a, offer), book.act())
    codes: list[str] = []

    def issue(session: object, act: object) -> None:
        issued = redemption.issue(session, act, Request("M0002", 1, 20), PEPPER)  # type: ignore[arg-type]
        assert issued.code
        codes.append(issued.code)

    book.command(issue, book.act())
    book.command(lambda s, a: redemption.capture(s, a, Counter(codes[0], "S001", 300), PEPPER), book.act())
    book.command(lambda s, a: hours.correct(s, a, 1, 30), book.act(approver=2))
    book.command(lambda s, a: statements.close(s, a, "2026-09"), book.act(approver=2))
    with book.read() as session:
        state = session.get_one(communities.CommunityState, 1)
        return Frontier.load(state.size, state.frontier).root()


def test_the_same_acts_give_the_same_root_on_both_engines(engine: Engine, postgres: Book, rules: str) -> None:
    assert live(postgres, rules) == live(Book(engine), rules)


def test_the_audit_of_a_lived_book_is_clean(postgres: Book, rules: str) -> None:
    live(postgres, rules)
    with postgres.read() as session:
        assert audit(session, 1).findings == ()


@pytest.mark.parametrize(
    "vandalism",
    [
        "UPDATE entry SET kind = 'x' WHERE seq = 1",
        "DELETE FROM posting",
        "TRUNCATE entry CASCADE",
        "INSERT INTO command (community_id, key, verb, fingerprint, receipt, actor, done_at) "
        "SELECT community_id, key, verb, fingerprint, receipt, actor, done_at FROM command "
        "ON CONFLICT (community_id, key) DO UPDATE SET verb = 'x'",
    ],
)
def test_the_database_refuses_vandalism(postgres: Book, rules: str, vandalism: str) -> None:
    live(postgres, rules)
    with postgres.engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(vandalism))


def test_the_floor_holds(postgres: Book) -> None:
    postgres.found()
    (member,) = postgres.join("M0001")
    postgres.give(member.holder, 10)
    transfer = Transfer("points", 11, member.holder, "available", "system:redeemed", "sink")
    with postgres.write() as session, pytest.raises(Refused) as refusal:
        ledger.post(session, postgres.act(), Draft("voucher.capture", postgres.today, (transfer,)))
    assert refusal.value.code == "insufficient"


def test_migrations_go_down_and_up(postgres: Book) -> None:
    schema.downgrade(postgres.engine, "base")
    assert set(inspect(postgres.engine).get_table_names()) <= {"alembic_version"}
    schema.upgrade(postgres.engine)
    assert schema.revision(postgres.engine) == schema.head()
