"""What a PostgreSQL server can do to a command: refuse it, keep it waiting, take it back, go away. Each has its plain words."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from conftest import SERVER, Book, Cli, opened_office, settle
from databases import Server, migrated
from timebank.base import communities, db, rows
from timebank.base.errors import Busy, Invalid, TimebankError

pytestmark = pytest.mark.postgres


@pytest.fixture
def postgres(postgres_shelf: Server, tmp_path: Path) -> Iterator[Book]:
    with postgres_shelf.lend(migrated, tmp_path) as url:
        engine = db.open_engine(url, wait_seconds=1)
        book = Book(engine)
        book.found()
        yield book
        engine.dispose()


@pytest.fixture
def server_office(postgres_shelf: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    with postgres_shelf.lend(opened_office, tmp_path) as url:
        settle(monkeypatch, url, tmp_path)
        yield Cli(url)


def elsewhere(**changed: object) -> str:
    """The server's URL with something wrong in it."""
    return make_url(os.environ[SERVER]).set(**changed).render_as_string(hide_password=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"database": "timebank_nowhere"}, 7, "no_database"),
        ({"username": "timebank_nobody"}, 4, "login_refused"),
        ({"host": "127.0.0.1", "port": 1, "query": {}}, 74, "unreachable"),
        ({"host": "nowhere.invalid", "query": {}}, 74, "unreachable"),
        ({"query": {"host": "/nowhere"}}, 74, "unreachable"),
    ],
)
@pytest.mark.parametrize("command", [("member", "list"), ("db", "status"), ("db", "upgrade"), ("init", "--name", "x")])
def test_a_database_that_is_not_there_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, object],
    status: int,
    code: str,
    command: tuple[str, ...],
) -> None:
    nowhere = Cli(elsewhere(**changed))
    settle(monkeypatch, nowhere.url, tmp_path)
    assert nowhere(*command, "--json", status=status).json["error"]["code"] == code


def test_no_password_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server_office: Cli) -> None:
    url = make_url(server_office.url).set(password="geheim").render_as_string(hide_password=False)
    for command in (("db", "status"), ("doctor",), ("init", "--community", "other", "--name", "x")):
        told = Cli(url)(*command)
        assert "geheim" not in told.out + told.err
    wrong = Cli(make_url(url).set(database="timebank_nowhere").render_as_string(hide_password=False))
    refused = wrong("member", "list", "--json", status=7)
    assert "geheim" not in refused.out + refused.err


def test_a_database_that_cannot_hold_every_name_is_refused() -> None:
    admin = db.open_engine(os.environ[SERVER]).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS timebank_ascii"))
        connection.execute(text("CREATE DATABASE timebank_ascii ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0"))
    try:
        engine = db.open_engine(elsewhere(database="timebank_ascii"))
        with pytest.raises(Invalid) as refused, db.reading(engine):
            pass
        assert refused.value.code == "bad_encoding"
        engine.dispose()
    finally:
        with admin.connect() as connection:
            connection.execute(text("DROP DATABASE timebank_ascii WITH (FORCE)"))
        admin.dispose()


def test_an_older_server_is_refused(monkeypatch: pytest.MonkeyPatch, postgres: Book) -> None:
    monkeypatch.setattr(db, "POSTGRES_VERSION_MIN", 99)
    engine = db.open_engine(postgres.engine.url.render_as_string(hide_password=False))
    with pytest.raises(Invalid) as refused, db.reading(engine):
        pass
    assert refused.value.code == "old_server"


def test_without_the_driver_one_is_told_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Invalid) as refused:
        db.open_engine("postgresql://office@db.example/timebank")
    assert refused.value.code == "no_driver"


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "oracle://x", "postgresql+asyncpg://x/y", "sqlite+aiosqlite:///x", "://", "a b://"]
)
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        db.open_engine(url)
    assert refused.value.code == "bad_database_url"


def test_who_waits_for_a_lock_too_long_is_told_to_come_again(postgres: Book) -> None:
    with postgres.write() as first:
        communities.lock(first, 1)
        with pytest.raises(Busy) as refused, postgres.write() as second:
            communities.lock(second, 1)
    assert refused.value.code == "busy"
    postgres.join("M0001")


def test_one_waits_for_thirty_seconds_by_default() -> None:
    engine = db.open_engine(os.environ[SERVER])
    with db.writing(engine) as session:
        assert session.execute(text("SHOW lock_timeout")).scalar_one() == "30s"
    with db.reading(engine) as session:
        assert session.execute(text("SHOW lock_timeout")).scalar_one() == "0"
    engine.dispose()


def test_a_command_whose_connection_was_cut_counts_once_when_it_is_repeated(postgres: Book) -> None:
    act = postgres.act("cut")

    def cut(session: Session, _act: object) -> None:
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with postgres.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        session.execute(text("SELECT 1"))

    with pytest.raises(Busy) as refused:
        postgres.command(cut, act)
    assert refused.value.code == "connection_lost"
    done: list[int] = []
    for _ in range(2):
        postgres.command(lambda _session, _act: done.append(1), act)
    assert done == [1]


def test_two_who_block_each_other_both_get_through(postgres: Book) -> None:
    """PostgreSQL takes one of them back (40P01): its work is done again."""
    postgres.found("510703-yingbin")
    postgres.engine.dispose()
    engine = db.open_engine(postgres.engine.url.render_as_string(hide_password=False))
    both = threading.Barrier(2, timeout=20)
    tries: list[int] = []

    def cross(first: int, second: int) -> None:
        own: list[int] = []

        def work(session: Session) -> None:
            communities.lock(session, first)
            own.append(first)
            tries.append(first)
            if len(own) == 1:
                both.wait()
            communities.lock(session, second)

        db.carried_out(engine, work)

    threads = [threading.Thread(target=cross, args=order) for order in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert len(tries) == 3


@pytest.fixture
def taken_back_once(server_office: Cli) -> Cli:
    """An office in which the next command is taken back for another's sake, once."""
    server_office.run("CREATE SEQUENCE tries")
    server_office.run(
        "CREATE FUNCTION take_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('tries') = 1 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$"
    )
    server_office.run("CREATE TRIGGER take_back BEFORE INSERT ON command FOR EACH ROW EXECUTE FUNCTION take_back()")
    return server_office


def test_a_voucher_that_was_done_again_shows_the_code_that_counts(taken_back_once: Cli) -> None:
    taken_back_once.run("ALTER SEQUENCE tries RESTART WITH 2")
    taken_back_once("hours", "record", "M0001", "--date", "2026-10-03", "--minutes", "120")
    taken_back_once.run("ALTER SEQUENCE tries RESTART WITH 1")
    code = taken_back_once("voucher", "issue", "M0001", "--offer", "1", "--points", "10", "--json").json["code"]
    taken_back_once("voucher", "verify", code, "--merchant", "S001")


def test_an_import_that_was_done_again_counts_its_rows_once(taken_back_once: Cli, tmp_path: Path) -> None:
    sheet, rejects = tmp_path / "hours.csv", tmp_path / "rejects.csv"
    sheet.write_text("date,member_no,minutes\n2026-10-03,M0001,60\n2026-10-03,M0099,30\n", encoding="utf-8")
    totals = ("--minutes", "90", "--partial", "--save-rejects", str(rejects))
    taken_back_once("hours", "import", str(sheet), *totals)
    assert len(rejects.read_text(encoding="utf-8").splitlines()) == 2


def test_what_the_database_takes_back_again_and_again_is_busy_in_the_end(postgres: Book) -> None:
    tries: list[int] = []

    def work(session: Session) -> None:
        tries.append(1)
        session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'taken back' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(Busy) as refused:
        db.carried_out(postgres.engine, work)
    assert refused.value.code == "gave_way"
    assert len(tries) == 4


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("53100", "unwritable"),
        ("53300", "server_busy"),
        ("57P01", "connection_lost"),
        ("08006", "connection_lost"),
        ("55P03", "busy"),
        ("57014", "busy"),
        ("42501", "no_rights"),
        ("42P05", "pooled"),
        ("26000", "pooled"),
    ],
)
def test_every_state_of_the_server_has_its_words(postgres: Book, state: str, code: str) -> None:
    with pytest.raises(TimebankError) as refused, postgres.write() as session:
        session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"))
    assert refused.value.code == code


@pytest.mark.parametrize(("state", "code"), [("53100", "unwritable"), ("40P01", "gave_way"), ("57P01", "connection_lost")])
@pytest.mark.parametrize("table", ["entry", "posting", "turnover"])
def test_rows_that_are_written_together_fail_in_the_same_words(postgres: Book, table: str, state: str, code: str) -> None:
    (member,) = postgres.join("M0001")
    with postgres.engine.begin() as connection:
        raised = f"BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END"
        connection.execute(text(f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {raised} $$"))
        connection.execute(text(f"CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"))
    with pytest.raises(TimebankError) as refused:
        postgres.give(member.holder, 10)
    assert refused.value.code == code
    with postgres.engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER refuse ON {table}"))
    postgres.give(member.holder, 10)
    assert postgres.points(member.holder).available == 10


def test_a_key_that_is_taken_is_refused_among_rows_that_are_written_together(postgres: Book) -> None:
    (member,) = postgres.join("M0001")
    postgres.give(member.holder, 10)
    with postgres.read() as session:
        ((taken,),) = rows.select_rows(session, "SELECT account_id FROM lot WHERE community_id = ?", (1,))
    with pytest.raises(IntegrityError):
        write_lots(postgres, [(1, taken, "2027-01-31", 99), (1, taken, "9999-12-31", 99)], lambda: None)
    assert postgres.points(member.holder).lots == ((db.NEVER, 10),)


def test_who_loses_the_connection_amid_rows_that_are_written_together_is_told(postgres: Book) -> None:
    (member,) = postgres.join("M0001")
    postgres.give(member.holder, 10)
    for _ in range(25):  # now and then the server's last word is read before the line is seen to be cut
        with pytest.raises(Busy) as lost:
            write_lots(postgres, [(1, 1, "2027-01-31", 99)], lambda: cut_others_off(postgres))
        assert lost.value.code == "connection_lost"
    assert postgres.points(member.holder).available == 10


def test_a_connection_on_which_the_server_took_its_leave_is_given_up(postgres: Book) -> None:
    """It may still look alive when its last words are read, and a rollback on it would fail."""

    def backend(session: Session) -> int:
        return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())

    with postgres.read() as session:
        first = backend(session)
    with pytest.raises(Busy) as told, postgres.read() as session:
        session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '57P01'; END $$"))
    assert told.value.code == "connection_lost"
    with postgres.read() as session:
        assert backend(session) != first


def write_lots(book: Book, lots: list[tuple[object, ...]], meanwhile: Callable[[], None]) -> None:
    with book.write() as session, db.together(session):
        db.insert_rows(session, "lot", ("community_id", "account_id", "expires_on", "balance"), lots)
        meanwhile()


def cut_others_off(book: Book) -> None:
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    with book.engine.connect() as connection:
        connection.execute(text(f"{others} pg_backend_pid()"))


def test_a_standby_is_read_and_not_written(server_office: Cli) -> None:
    name = make_url(server_office.url).database
    server_office.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        refused = server_office("member", "add", "赵六", "--json", status=74)
        assert refused.json["error"]["code"] == "unwritable"
        assert len(server_office("member", "list", "--json").json) == 3
    finally:
        engine = db.open_engine(server_office.url).execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("SET default_transaction_read_only = off"))
            connection.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
        engine.dispose()


def test_nothing_is_prepared_where_a_pooler_hands_connections_on(postgres: Book) -> None:
    url = postgres.engine.url.update_query_dict({"prepare_threshold": "none"})
    for place, prepared in ((postgres.engine.url, True), (url, False)):
        engine = db.open_engine(place.render_as_string(hide_password=False))
        with engine.connect() as connection:
            for _ in range(8):
                connection.exec_driver_sql("SELECT count(*) FROM community")
            found = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()
        engine.dispose()
        assert bool(found) == prepared
