"""The schema: migrations go up and down with data in it; keys are made so that a database can be sharded by community."""

import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Engine, inspect, select, text
from sqlalchemy.dialects import postgresql

from carried import strays
from conftest import Book
from timebank.audit import audit
from timebank.base import communities, db, schema
from timebank.base.errors import Invalid
from timebank.journal import ENTRY
from timebank.tables import metadata
from timebank.transparency import leaf_hash, tree_root

REFERENCE = {"community"}
TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}
OWNED = sorted(set(metadata.tables) - REFERENCE)


@pytest.mark.parametrize("name", OWNED)
def test_every_key_of_a_community_owned_table_starts_with_the_community(name: str) -> None:
    table = metadata.tables[name]
    assert next(iter(table.primary_key.columns)).name == "community_id"
    for constraint in table.constraints:
        kind = type(constraint).__name__
        if kind == "UniqueConstraint":
            assert next(iter(constraint.columns)).name == "community_id", constraint.name  # type: ignore[attr-defined]
        if kind == "ForeignKeyConstraint":
            target = constraint.referred_table.name  # type: ignore[attr-defined]
            columns = [column.name for column in constraint.columns]  # type: ignore[attr-defined]
            assert columns[0] == "community_id", constraint.name
            if target not in REFERENCE:
                referred = [element.column.name for element in constraint.elements]  # type: ignore[attr-defined]
                assert referred[0] == "community_id", constraint.name
    for index in table.indexes:
        assert next(iter(index.columns)).name == "community_id", index.name


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_ids_are_made_by_the_program(name: str) -> None:
    for column in metadata.tables[name].primary_key.columns:
        if column.name == "community_id" or column.name.endswith("id") or column.name in ("seq", "line", "size"):
            assert isinstance(column.type, BigInteger), column
            assert column.autoincrement is False, column
        assert column.server_default is None
        assert column.identity is None


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_nothing_rests_on_what_a_sharded_database_cannot_do(name: str) -> None:
    """No times or random values made by the database, no deferred constraint, no partial index, no sequence."""
    table = metadata.tables[name]
    for column in table.columns:
        assert column.server_default is None, column
        assert column.server_onupdate is None, column
        assert column.default is None or not column.default.is_callable, column
        assert column.identity is None, column
    for constraint in table.constraints:
        assert not getattr(constraint, "deferrable", None), constraint.name
        assert not getattr(constraint, "initially", None), constraint.name
    for index in table.indexes:
        assert not any(value is not None for key, value in index.dialect_kwargs.items() if key.endswith("_where")), index.name
    statement = str(table.insert().compile(dialect=postgresql.dialect()))
    assert "RETURNING" not in statement


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        ("SELECT seq FROM entry WHERE seq = 1", ("entry",)),
        ("SELECT seq FROM entry WHERE entry.community_id = ?", ()),
        ("SELECT 1 FROM entry e JOIN posting p ON p.seq = e.seq WHERE e.community_id = ?", ("posting",)),
        ("SELECT 1 FROM entry e CROSS JOIN posting p WHERE e.community_id = ? AND p.community_id = e.community_id", ()),
        ("SELECT 1 FROM entry, posting WHERE entry.community_id = ?", ("posting",)),
        ("SELECT entry.seq, count(*) FROM entry GROUP BY entry.community_id, entry.seq", ("entry",)),
        ("UPDATE account SET balance = 1 WHERE id = ?", ("account",)),
        ("UPDATE account SET balance = 1 WHERE community_id = ? AND id = ?", ()),
        ("DELETE FROM lot", ("lot",)),
        ("INSERT INTO entry (seq, kind) VALUES (?, ?)", ("entry",)),
        ("INSERT INTO entry (community_id, seq) VALUES (?, ?)", ()),
        ("SELECT code FROM community", ()),
    ],
)
def test_a_statement_that_lost_its_community_is_found(statement: str, lost: tuple[str, ...]) -> None:
    assert strays(statement) == lost


def test_reference_tables_point_at_no_community_owned_table() -> None:
    for name in REFERENCE:
        assert not metadata.tables[name].foreign_keys


def test_the_migrations_make_exactly_the_tables_of_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_going_down_leaves_no_table_and_going_up_again_makes_them_all(engine: Engine) -> None:
    tables = set(inspect(engine).get_table_names())
    schema.downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    schema.upgrade(engine)
    assert set(inspect(engine).get_table_names()) == tables
    assert schema.revision(engine) == schema.head()


def test_a_book_of_any_older_revision_comes_up_sound(book: Book) -> None:
    """Whatever later revisions add, guards are put up with it and what was there stays."""
    (member,) = book.join("M0001")
    book.give(member.holder, 30)
    before = _root(book.engine)
    for revision in _revisions()[1:]:
        schema.downgrade(book.engine, revision)
        schema.upgrade(book.engine)
        with book.read() as session:
            assert audit(session, 1).findings == (), revision
        assert _root(book.engine) == before


@pytest.mark.sqlite  # ATTACH; on PostgreSQL rows go over by db copy (test_copying.py)
def test_rows_carried_over_a_way_down_and_up_give_the_same_leaves_and_root(book: Book, tmp_path: Path) -> None:
    """Down drops the tables; what was in them comes back byte for byte, through the guards, from a copy."""
    (member,) = book.join("M0001")
    book.give(member.holder, 30)
    before = _root(book.engine)
    path = tmp_path / "copy.db"
    shutil.copy(str(book.engine.url.database), path)
    schema.downgrade(book.engine, "base")
    schema.upgrade(book.engine)
    names = [table.name for table in metadata.sorted_tables]
    with book.engine.connect() as connection:
        connection.exec_driver_sql(f"ATTACH DATABASE '{path}' AS old")
        for name in names:
            connection.exec_driver_sql(f"INSERT INTO main.{name} SELECT * FROM old.{name}")
        connection.commit()
    assert _root(book.engine) == before


def _revisions() -> list[str]:
    """All revisions, the newest first."""
    config = Config()
    config.set_main_option("script_location", str(schema.carried("migrations")))
    return [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]


def _root(engine: Engine) -> tuple[bytes, bytes]:
    """The root over the stored payloads, and the root of the kept frontier."""
    from timebank.transparency import Frontier

    with db.reading(engine) as session:
        payloads = session.execute(select(ENTRY.payload).order_by(ENTRY.seq)).scalars().all()
        state = session.get_one(communities.CommunityState, 1)
        return tree_root(leaf_hash(p.encode()) for p in payloads), Frontier.load(state.size, state.frontier).root()


def test_every_guarded_table_has_its_triggers(engine: Engine) -> None:
    guards = schema.guards()
    with engine.connect() as connection:
        there = set(connection.execute(text(TRIGGERS[engine.dialect.name])).scalars())
    assert there == {name for table in guards.GUARDED for name in guards.names(table, engine.dialect.name)}
    assert set(guards.GUARDED) >= {"entry", "posting"}


def test_the_revisions_read_without_alembic_are_those_it_reads(engine: Engine) -> None:
    assert schema.head() == ScriptDirectory(str(schema.carried("migrations"))).get_current_head()
    with engine.connect() as connection:
        assert schema.revision(engine) == MigrationContext.configure(connection).get_current_revision()


def test_a_database_of_another_revision_is_refused(engine: Engine, tmp_path: Path) -> None:
    schema.check(engine)
    with engine.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        connection.commit()
    with pytest.raises(Invalid) as refusal:
        schema.check(engine)
    assert refusal.value.code == "old_schema"
    empty = db.open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(Invalid) as none:
        schema.check(empty)
    assert none.value.code == "no_schema"
    empty.dispose()
