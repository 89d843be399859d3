"""The database itself refuses to change the book, whoever asks and in whatever words; the audit tells when it would not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from conftest import Book
from databases import Server
from lived import Vandal, a_vandal, lived_in, report, the_book_lived_in_together  # noqa: F401 - fixtures
from timebank.audit.findings import KEPT_OF_A_CODE, TAMPERED
from timebank.base import db, schema

guards = schema.guards()
GUARDED: dict[str, tuple[tuple[str, ...], ...]] = guards.GUARDED
CHANGED = {
    "entry": "kind",
    "posting": "amount",
    "command": "verb",
    "checkpoint": "note",
    "rulebook": "title",
    "offer": "kind",
    "offer_end": "day",
    "merchant_move": "state",
    "staff": "role",
    "staff_end": "until",
    "voucher": "code_tail",
    "resolution": "outcome",
    "quote": "points",
    "tombstone": "day",
    "refund": "points",
    "dispute": "party",
    "dispute_end": "outcome",
    "sponsor": "name",
    "deposit": "reference",
    "budget": "fen",
    "settlement_line": "claim_id",
    "claim_end": "reference",
    "kin": "kind",
    "kin_end": "until",
    "team_move": "since",
    "membership": "role",
    "membership_end": "until",
    "calendar": "days_off",
    "notice": "about",
    "notice_end": "outcome",
    "notice_demand": "days",
    "objection": "received_on",
    "objection_result": "result",
    "sign_in": "starts",
    "issuer_key": "year",
    "issuer_key_end": "revoked_on",
    "enrolment": "label",
    "device": "label",
    "device_end": "ended_at",
    "offline_key": "public",
    "acceptance": "outcome",
    "acceptance_end": "result",
}
"""A column of each guarded table that is in no key."""
OTHERWISE = {
    "seq": "seq + 1000000",
    "id": "id + 1000000",
    "key": "key || 'x'",
    "reverses": "NULL",
    "code_mac": "CAST(code_mac || 'x' AS BLOB)",
    "token_hash": "CAST(token_hash || 'x' AS BLOB)",
    "enrolment_id": "enrolment_id + 1000000",
    "n": "n + 1000000",
    "device_id": "device_id + 1000000",
}
"""Another value for a column of a key."""


def contents(book: Book, table: str) -> list[tuple[object, ...]]:
    with book.engine.connect() as connection:
        return sorted((tuple(row) for row in connection.execute(text(f"SELECT * FROM {table}"))), key=repr)


def attacks(book: Book, table: str) -> Iterator[str]:
    """Every way SQL has to change, replace or remove a row that is there."""
    changed = CHANGED[table]
    with book.engine.connect() as connection:
        names = list(connection.execute(text(f"SELECT * FROM {table} LIMIT 1")).keys())
    yield f"UPDATE {table} SET {changed} = {changed}"
    yield f"UPDATE {table} SET community_id = community_id + 1"
    yield f"DELETE FROM {table}"
    yield f"DELETE FROM {table} WHERE community_id = 1"
    listed = ", ".join(names)
    upsert = f"ON CONFLICT ({', '.join(GUARDED[table][0])}) DO UPDATE SET {changed} = excluded.{changed}"
    yield f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {table} WHERE true {upsert}"
    if book.engine.dialect.name != "sqlite":
        same = " AND ".join(f"t.{name} = s.{name}" for name in GUARDED[table][0])
        yield f"TRUNCATE {table} CASCADE"
        yield f"TRUNCATE community, {table} RESTART IDENTITY CASCADE"
        yield f"UPDATE {table} t SET {changed} = s.{changed} FROM {table} s WHERE {same}"
        yield f"MERGE INTO {table} t USING {table} s ON {same} WHEN MATCHED THEN UPDATE SET {changed} = s.{changed}"
        yield f"MERGE INTO {table} t USING {table} s ON {same} WHEN MATCHED THEN DELETE"
        yield f"WITH gone AS (DELETE FROM {table} RETURNING *) SELECT count(*) FROM gone"
        yield f"DO $$ BEGIN EXECUTE 'DELETE FROM {table}'; END $$"
        return
    yield f"UPDATE OR REPLACE {table} SET {changed} = {changed}"
    yield f"UPDATE OR IGNORE {table} SET {changed} = {changed}"
    for key in GUARDED[table]:
        # A row that clashes with one that is there in this key only, and would push it out.
        others = {name for other in GUARDED[table] for name in other} - set(key)
        row = ", ".join(OTHERWISE[name] if name in others else name for name in names)
        source = f"SELECT {row} FROM {table} WHERE {key[-1]} IS NOT NULL"
        yield f"INSERT OR REPLACE INTO {table} ({listed}) {source}"
        yield f"REPLACE INTO {table} ({listed}) {source}"


@pytest.mark.parametrize("table", GUARDED)
def test_a_row_of_a_guarded_table_is_never_changed_or_removed(lived: Book, table: str) -> None:
    before = contents(lived, table)
    assert before, "the book has rows to attack"
    for attack in attacks(lived, table):
        with lived.engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text(attack))
    assert contents(lived, table) == before


@pytest.mark.parametrize("table", GUARDED)
def test_rows_that_are_sent_again_in_bulk_change_nothing(lived: Book, table: str) -> None:
    """INSERT … SELECT and COPY over existing keys."""
    before = contents(lived, table)
    with lived.engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text(f"INSERT INTO {table} SELECT * FROM {table}"))
    if lived.engine.dialect.name == "postgresql":
        with lived.engine.connect() as connection:
            cursor: Any = connection.connection.cursor()
            with cursor.copy(f"COPY {table} TO STDOUT") as copy:
                rows = b"".join(map(bytes, copy))
            with pytest.raises(psycopg.errors.UniqueViolation, match="duplicate key"):
                _copied_in(cursor, table, rows)
    assert contents(lived, table) == before


def _copied_in(cursor: Any, table: str, rows: bytes) -> None:
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        copy.write(rows)


@pytest.mark.parametrize("table", GUARDED)
def test_without_its_guards_a_table_can_be_changed(vandal: Vandal, table: str) -> None:
    """So it is the guards that refuse, and the attacks above are real ones."""
    for attack in attacks(vandal.book, table):
        assert vandal.would_touch(attack), attack


def test_the_book_still_grows_under_its_guards(lived: Book) -> None:
    lived.give("member:1", 5)
    assert report(lived, "guards").ok


@pytest.mark.parametrize("table", GUARDED)
def test_a_missing_guard_is_found(lived: Book, table: str) -> None:
    dialect = lived.engine.dialect.name
    dropped = guards.names(table, dialect)[0]
    with lived.engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER {dropped}" + ("" if dialect == "sqlite" else f" ON {table}")))
    told = report(lived, "guards")
    assert [(finding.code, finding.where) for finding in told.findings] == [("guard_missing", dropped)]
    assert told.status == TAMPERED


def test_a_guard_that_lets_one_row_pass_is_found(lived: Book) -> None:
    sqlite = lived.engine.dialect.name == "sqlite"
    name = "guard_posting_update" if sqlite else "guard_posting_change"
    (whole,) = [statement for statement in guards.install(lived.engine.dialect.name) if f" {name} " in statement]
    lenient = whole.replace("BEGIN", "WHEN OLD.seq <> 8 BEGIN") if sqlite else whole.replace("EXEC", "WHEN (OLD.seq <> 8) EXEC")
    with lived.engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER {name}" + ("" if sqlite else " ON posting")))
        connection.execute(text(lenient))
    assert [(finding.code, finding.where) for finding in report(lived, "guards").findings] == [("guard_differs", name)]


def test_a_trigger_that_nobody_put_up_is_found(lived: Book) -> None:
    """It could change the book behind the program's back."""
    strange = (
        "CREATE TRIGGER helpful AFTER INSERT ON entry BEGIN UPDATE account SET balance = balance; END"
        if lived.engine.dialect.name == "sqlite"
        else "CREATE TRIGGER helpful AFTER INSERT ON entry FOR EACH ROW EXECUTE FUNCTION timebank_append_only()"
    )
    with lived.engine.begin() as connection:
        connection.execute(text(strange))
    assert [(finding.code, finding.where) for finding in report(lived, "guards").findings] == [("strange_trigger", "helpful")]


def test_guards_that_were_put_back_are_not_missed(vandal: Vandal) -> None:
    missing = {finding.where for finding in report(vandal.book, "guards").findings if finding.code == "guard_missing"}
    every = {name for table in GUARDED for name in guards.names(table, vandal.book.engine.dialect.name)}
    assert missing - {"book"} <= every  # of one code so many are told one by one, and the rest as a number
    assert len(missing - {"book"}) == min(len(every), KEPT_OF_A_CODE)
    vandal.put_guards_back()
    assert report(vandal.book, "guards").ok


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("ALTER TABLE entry DISABLE TRIGGER guard_entry_change", "guard_entry_change"),
        ("ALTER TABLE entry ENABLE REPLICA TRIGGER guard_entry_change", "guard_entry_change"),
        ("ALTER TABLE posting DISABLE TRIGGER ALL", "posting"),
        (
            "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET session_replication_role = replica'; END $$",
            "/",
        ),
        ("CREATE RULE quiet AS ON INSERT TO posting DO INSTEAD NOTHING", "posting quiet"),
    ],
)
def test_guards_that_are_put_to_sleep_are_found(postgres_shelf: Server, tmp_path: Path, statement: str, where: str) -> None:
    with postgres_shelf.lend(lived_in, tmp_path) as url:
        book = Book(db.open_engine(url))
        assert report(book, "guards").ok
        with book.engine.begin() as connection:
            connection.execute(text(statement))
        told = report(book, "guards")
        with book.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            name = connection.execute(text("SELECT current_database()")).scalar_one()
            connection.execute(text(f"ALTER DATABASE {name} RESET ALL"))
        book.engine.dispose()
    assert told.status == TAMPERED
    named = {finding.code for finding in told.findings if where in finding.where}
    assert named <= {"guard_asleep", "guard_differs"}
    assert named
