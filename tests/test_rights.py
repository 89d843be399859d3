"""On PostgreSQL a role of its own adds to the book and changes nothing in it, however it is asked."""

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from conftest import RULES, SERVER, Book, Cli, settle
from databases import Server, migrated
from lived import live
from timebank import rights
from timebank.audit import audit
from timebank.base import db, schema
from timebank.tables import metadata

pytestmark = pytest.mark.postgres
GUARDED = sorted(schema.guards().GUARDED)


@pytest.fixture(scope="module")
def role() -> Iterator[str]:
    """A role that may log in, and has nothing."""
    name = f"timebank_{uuid.uuid4().hex[:12]}"
    server = db.open_engine(os.environ[SERVER]).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
    yield name
    with server.connect() as connection:
        connection.execute(text(f"DROP ROLE {name}"))
    server.dispose()


@pytest.fixture
def owner(postgres_shelf: Server, tmp_path: Path, role: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """A database as its owner sees it."""
    with postgres_shelf.lend(migrated, tmp_path) as url:
        settle(monkeypatch, url, tmp_path)
        owner = Cli(url)
        yield owner
        owner.run(f"DROP OWNED BY {role}")


@pytest.fixture
def office(owner: Cli, role: str) -> Cli:
    """The same database as the program sees it: logged in as a role that was given its rights."""
    owner("db", "grant", role)
    return Cli(make_url(owner.url).set(username=role).render_as_string(hide_password=False))


@pytest.fixture
def book(office: Cli) -> Iterator[Book]:
    engine = db.open_engine(office.url)
    yield Book(engine)
    engine.dispose()


def refusal(book: Book, statement: str) -> str:
    """The SQLSTATE with which a statement is refused."""
    with book.engine.connect() as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text(statement))
    return str(refused.value.orig.sqlstate)  # type: ignore[union-attr]


def test_the_whole_life_of_a_book_goes_through_an_application_role(book: Book) -> None:
    live(book)
    with book.read() as session:
        assert audit(session, 1).findings == ()


def test_the_command_line_works_as_an_application_role(office: Cli, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES, encoding="utf-8")
    office("init", "--community", "520201-jianshe", "--name", "建设中路社区")
    office("member", "add", "张三")
    office("rules", "publish", str(rules), "--resolution", "2026-7", "--retroactive", "first rules")
    office("reject", "1", "--why", "too long", "--as", "W0002")
    assert office("audit", "--json").json["ok"]
    assert office("db", "upgrade", "--json").json["to"] == schema.head()


@pytest.mark.parametrize("table", GUARDED)
def test_a_role_cannot_change_the_journal(book: Book, table: str) -> None:
    column = metadata.tables[table].columns.keys()[-1]
    for statement in (
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"DROP TRIGGER guard_{table}_change ON {table}",
        f"ALTER TABLE {table} ADD COLUMN more int",
        f"DROP TABLE {table} CASCADE",
        f"CREATE TRIGGER own BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION timebank_append_only()",
    ):
        assert refusal(book, statement) == "42501", statement


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_a_role_cannot_remove_a_row_of_any_table(book: Book, table: str) -> None:
    assert refusal(book, f"DELETE FROM {table}") == "42501"
    assert refusal(book, f"TRUNCATE {table} CASCADE") == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "CREATE TABLE public.own (x int)",
        "CREATE OR REPLACE FUNCTION timebank_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "ALTER FUNCTION timebank_append_only() RENAME TO gone",
        "UPDATE alembic_version SET version_num = '0000'",
        "DROP SCHEMA public CASCADE",
    ],
)
def test_a_role_cannot_take_the_guards_down(book: Book, statement: str) -> None:
    assert refusal(book, statement) == "42501"


def test_status_tells_the_owner_from_an_application(owner: Cli, office: Cli, role: str) -> None:
    assert owner("db", "status", "--json").json["rights"] == "owner"
    told = office("db", "status", "--json").json
    assert (told["login"], told["rights"]) == (role, "application")
    owner.run(f"GRANT UPDATE ON posting TO {role}")
    assert office("db", "status", "--json").json["rights"] == "owner"
    owner("db", "grant", role)
    assert office("db", "status", "--json").json["rights"] == "application"


def test_only_the_owner_migrates(owner: Cli, office: Cli) -> None:
    engine = db.open_engine(owner.url)
    schema.downgrade(engine, "base")
    engine.dispose()
    assert office("db", "upgrade", "--json", status=4).json["error"]["code"] == "no_rights"


def test_a_login_without_rights_is_told_so(owner: Cli, role: str) -> None:
    stranger = Cli(make_url(owner.url).set(username=role).render_as_string(hide_password=False))
    assert stranger("member", "list", "--json", status=4).json["error"]["code"] == "no_rights"


def test_who_may_only_read_can_audit(owner: Cli, role: str) -> None:
    owner("init", "--community", "520201-jianshe", "--name", "建设中路社区")
    owner.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    auditor = Cli(make_url(owner.url).set(username=role).render_as_string(hide_password=False))
    assert auditor("audit", "--json").json["ok"]
    assert auditor("member", "add", "张三", "--json", status=4).json["error"]["code"] == "no_rights"


def test_rights_are_given_to_roles_that_are_there(owner: Cli) -> None:
    assert owner("db", "grant", "nobody'; --", "--json", status=7).json["error"]["code"] == "no_role"


@pytest.fixture
def strong(owner: Cli, role: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A role that the parameter makes strong: a statement to do it, and one to take it back."""
    name = f"{role}_strong"
    before = owner.rows("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()")[0][0]
    owner.run(f"CREATE ROLE {name} LOGIN")
    owner.run(request.param.format(name=name, role=role, database=make_url(owner.url).database))
    yield name
    owner.run(f"REASSIGN OWNED BY {name}, {role} TO {before}")
    owner.run(f"DROP OWNED BY {name}, {role}")
    owner.run(f"DROP ROLE {name}")


@pytest.mark.parametrize(
    "strong",
    [
        "ALTER TABLE entry OWNER TO {name}",
        "ALTER DATABASE {database} OWNER TO {name}",
        "ALTER TABLE member OWNER TO {role}; GRANT {role} TO {name}",
        "ALTER ROLE {name} SUPERUSER",
    ],
    indirect=True,
)
def test_an_owner_keeps_its_rights_and_is_no_application(owner: Cli, strong: str) -> None:
    rights_of_tables = "SELECT relname, relowner, relacl::text FROM pg_class WHERE relkind = 'r' ORDER BY relname"
    before = owner.rows(rights_of_tables)
    assert owner("db", "grant", strong, "--json", status=3).json["error"]["code"] == "owner_role"
    assert owner.rows(rights_of_tables) == before


def test_the_page_names_every_table_that_a_role_may_change() -> None:
    page = (Path(__file__).parent.parent / "docs" / "postgresql.md").read_text(encoding="utf-8")
    told = re.search(r"may also change rows of these tables: ([^.]*)\.", page)
    assert told is not None
    changed = {line.split(" ON ")[1].split(" TO ")[0] for line in rights.grants("office") if "UPDATE" in line}
    assert set(re.findall(r"`(\w+)`", told[1])) == changed


def test_a_dry_run_gives_no_rights(owner: Cli, role: str) -> None:
    before = owner.rows("SELECT relname, relacl::text FROM pg_class WHERE relname = 'entry'")
    told = owner("db", "grant", role, "--dry-run", "--json").json
    assert told["sql"] == list(rights.grants(role))
    assert owner.rows("SELECT relname, relacl::text FROM pg_class WHERE relname = 'entry'") == before


def test_every_table_is_granted_once_and_the_journal_for_adding_only() -> None:
    granted = [line for line in rights.grants("office") if line.startswith("GRANT") and " ON " in line and "SCHEMA" not in line]
    by_table = {line.split(" ON ")[1].split(" TO ")[0]: line.split(" ON ")[0] for line in granted}
    assert len(granted) == len(by_table)
    assert set(by_table) == set(metadata.tables) | {"alembic_version"}
    assert {by_table[table] for table in GUARDED} == {"GRANT SELECT, INSERT"}
    assert not [line for line in granted if "DELETE" in line or "TRUNCATE" in line]
