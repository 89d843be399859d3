"""Counts that do not depend on the machine: statements, steps, bytes, hashes. What takes how long is the bench's business."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from conftest import Book, Cli
from timebank import hours, ledger, rulebooks, transparency
from timebank.exchange import BATCH_ROWS
from timebank.journal import ISSUED, Draft, Transfer
from timebank.services import Record
from timebank.transparency import Frontier

EXAMPLE = Path(__file__).parent.parent / "examples" / "rules" / "community-points.toml"
ENTRY_BYTES_MAX = 1_300
MEMBERS = [f"M{number:04d}" for number in range(1, 101)]
FIRST = date(2026, 9, 1)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that go to the driver meanwhile, on whatever engine; an executemany is one."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, sql: str, *_more: object) -> None:
        statements.append(sql)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def writes(statements: Sequence[str]) -> list[str]:
    return [sql for sql in statements if sql.startswith(("INSERT", "UPDATE"))]


@pytest.fixture
def ruled(book: Book) -> Book:
    """A book with a hundred members under the full rule book of the examples."""
    book.join(*MEMBERS)
    with book.write() as session:
        rulebooks.publish(session, book.act(approver=2), EXAMPLE.read_bytes(), "2026-7", "first rules")
    return book


def services(rows: int) -> list[Record]:
    """So many services of an hour and a half, everybody's once a day."""
    return [
        Record(
            MEMBERS[i % 100],
            FIRST + timedelta(i // 100),
            90,
            ("elder-care", "cleaning", "tutoring")[i % 3],
            ref=f"260901-{i:06d}",
            activity_no=f"A{i // 100:05d}",
            activity="独居老人探访",
            place="建设中路社区服务站",
            team_size=i % 7 + 1,
            row=i + 2,
        )
        for i in range(rows)
    ]


def take(book: Book, records: Sequence[Record], batch: int) -> None:
    """Record services as the import does: one command, batch by batch."""
    batches = [records[start : start + batch] for start in range(0, len(records), batch)]
    key = sha256(records[0].ref.encode()).hexdigest()[:16]  # as long as the door makes them
    book.command(lambda session, act: hours.record_all(session, act, batches).all_or_nothing(), book.act(key))


def test_a_post_reads_three_times_and_writes_each_table_once(book: Book) -> None:
    book.join("M0001", "M0002")
    give(book, 2)
    with counted() as statements:
        give(book, 1)
    assert len(statements) - len(writes(statements)) <= 4  # with the beginning: the head of the log, the key, the accounts
    assert len(writes(statements)) <= 7


def test_recording_a_service_takes_at_most_32_statements(office: Cli) -> None:
    with counted() as statements:
        office("hours", "record", "M0001", "--date", "2026-10-03", "--minutes", "90", "--category", "elder-care")
    assert len(statements) <= 32  # one of them asks whether a notice is demanded first


def test_capturing_a_voucher_takes_at_most_28_statements(office: Cli) -> None:
    office("hours", "record", "M0001", "--date", "2026-10-03", "--minutes", "90", "--category", "elder-care")
    issued = office("voucher", "issue", "M0001", "--offer", "1", "--points", "10", "--json").json
    with counted() as statements:
        office("voucher", "capture", issued["code"], "--merchant", "S001", "--bill", "20.00")
    assert len(statements) <= 28


def test_showing_a_balance_takes_at_most_10_statements_and_writes_nothing(office: Cli) -> None:
    with counted() as statements:
        office("points", "balance", "M0001")
    assert len(statements) <= 10
    assert not writes(statements)


@pytest.mark.sqlite
def test_a_balance_costs_the_same_at_10_and_at_5000_entries(book: Book) -> None:
    book.join("M0001", "M0002")
    give(book, 10)
    few = steps_of_a_balance(book)
    give(book, 4_990)
    assert book.points("member:1").available == 2_500
    assert steps_of_a_balance(book) == few


def give(book: Book, entries: int) -> None:
    """So many entries, each a point for a member, two by turns."""
    transfers = [Transfer("points", 1, ISSUED, "source", f"member:{i % 2 + 1}", "available") for i in range(entries)]
    drafts = [Draft("points.opening", book.today, (transfer,)) for transfer in transfers]
    with book.write() as session:
        ledger.post_all(session, book.act(), drafts)


def steps_of_a_balance(book: Book) -> tuple[int, int]:
    """The statements of a balance, and the steps SQLite's machine takes for them: rows looked at show in these."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    with book.read() as session, counted() as statements:
        driver = session.connection().connection.dbapi_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(step, 1)
        ledger.balance(session, 1, "member:1", "points", today=book.today)
        driver.set_progress_handler(None, 1)
    return len(statements), steps


def test_an_import_writes_a_table_once_a_batch_however_many_rows_it_has(ruled: Book) -> None:
    with counted() as few:
        take(ruled, services(200), batch=BATCH_ROWS)
    with counted() as many:
        take(ruled, services(3_000)[200:], batch=BATCH_ROWS)
    assert len(writes(many)) - len(writes(few)) <= 4  # rows of caches that are there already are an UPDATE more a table
    assert len(many) < len(few) + 2_800 // 200  # reads go by hundreds of rows


def test_an_import_in_two_batches_takes_at_most_twice_the_statements(ruled: Book) -> None:
    with counted() as one:
        take(ruled, services(400), batch=400)
    with counted() as two:
        take(ruled, services(1_200)[400:], batch=400)
    assert len(two) <= 2 * len(one)


def test_appending_to_the_log_takes_at_most_two_hashes_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = 0

    def counting(hashed: Callable[..., bytes]) -> Callable[..., bytes]:
        def count(*given: bytes) -> bytes:
            nonlocal hashes
            hashes += 1
            return hashed(*given)

        return count

    for name in ("leaf_hash", "node_hash"):
        monkeypatch.setattr(transparency, name, counting(getattr(transparency, name)))
    frontier = Frontier(0, [])
    for number in range(10_000):
        frontier.append(transparency.leaf_hash(number.to_bytes(4, "big")))
    assert 10_000 < hashes <= 20_000


@pytest.mark.sqlite
def test_an_hours_entry_takes_at_most_1300_bytes_with_its_postings_and_indexes(ruled: Book, tmp_path: Path) -> None:
    before = bytes_of_the_journal(ruled, tmp_path / "before.db")
    take(ruled, services(3_000), batch=1_000)
    assert (bytes_of_the_journal(ruled, tmp_path / "after.db") - before) / 3_000 <= ENTRY_BYTES_MAX


def bytes_of_the_journal(book: Book, alone: Path) -> int:
    """The size of a file that holds nothing but the entries, their postings and the indexes of both."""
    connection = sqlite3.connect(alone)
    connection.execute("ATTACH ? AS book", (book.engine.url.database,))
    wanted = "FROM book.sqlite_master WHERE tbl_name IN ('entry', 'posting') AND sql IS NOT NULL AND type <> 'trigger'"
    for kind, name, sql in connection.execute(f"SELECT type, name, sql {wanted} ORDER BY type DESC, rowid").fetchall():
        connection.execute(sql)
        if kind == "table":
            connection.execute(f"INSERT INTO main.{name} SELECT * FROM book.{name}")
    connection.commit()
    connection.close()
    return alone.stat().st_size
