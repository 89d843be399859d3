"""Append-only, enforced by the database itself: triggers that refuse UPDATE, DELETE, INSERT over an existing key, TRUNCATE.

One text per dialect. SQLite needs the INSERT guard because INSERT OR REPLACE walks past UPDATE and DELETE triggers; on
PostgreSQL an upsert is an UPDATE, and the primary key refuses the rest. A later `batch_alter_table` drops SQLite's triggers
silently: reinstall them in the same revision. `timebank audit` checks that they are there.
"""

from collections.abc import Iterator

# Table -> its unique keys (each must be guarded against INSERT OR REPLACE).
GUARDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "entry": (("community_id", "seq"), ("community_id", "key"), ("community_id", "reverses")),
    "posting": (("community_id", "seq", "line"),),
    "command": (("community_id", "key"),),
    "checkpoint": (("community_id", "size"),),
    "rulebook": (("community_id", "version"),),
    "offer": (("community_id", "id"),),
    "offer_end": (("community_id", "offer_id"),),
    "voucher": (("community_id", "id"), ("community_id", "code_mac")),
    "resolution": (("community_id", "voucher_id"),),
    "quote": (("community_id", "id"),),
    "tombstone": (("community_id", "key"),),
    "refund": (("community_id", "id"),),
    "dispute": (("community_id", "id"),),
    "dispute_end": (("community_id", "dispute_id"),),
    "sponsor": (("community_id", "id"),),
    "deposit": (("community_id", "id"),),
    "budget": (("community_id", "id"),),
    "settlement_line": (("community_id", "voucher_id", "event", "round"),),
    "claim_end": (("community_id", "claim_id"),),
    "merchant_move": (("community_id", "id"),),
    "staff": (("community_id", "id"),),
    "staff_end": (("community_id", "staff_id"),),
    "kin": (("community_id", "id"),),
    "kin_end": (("community_id", "kin_id"),),
    "team_move": (("community_id", "id"),),
    "membership": (("community_id", "id"),),
    "membership_end": (("community_id", "membership_id"),),
    "calendar": (("community_id", "id"),),
    "notice": (("community_id", "id"),),
    "notice_end": (("community_id", "notice_id"),),
    "notice_demand": (("community_id", "id"),),
    "objection": (("community_id", "id"),),
    "objection_result": (("community_id", "objection_id"),),
    "sign_in": (("community_id", "id"),),
    "offline_key": (("community_id", "device_id"),),
    "acceptance": (("community_id", "id"), ("community_id", "device_id", "n")),
    "acceptance_end": (("community_id", "acceptance_id"),),
    "issuer_key": (("community_id", "number"),),
    "issuer_key_end": (("community_id", "number"),),
    "enrolment": (("community_id", "id"), ("community_id", "token_hash")),
    "device": (("community_id", "id"), ("community_id", "enrolment_id")),
    "device_end": (("community_id", "device_id"),),
}

# Tables that are no more, for the revisions that knew them.
FORMER: dict[str, tuple[tuple[str, ...], ...]] = {"claim_line": (("community_id", "voucher_id"),)}


def names(table: str, dialect: str) -> tuple[str, ...]:
    """The triggers that guard a table."""
    moments = ("update", "delete", "insert") if dialect == "sqlite" else ("change", "truncate")
    return tuple(f"guard_{table}_{moment}" for moment in moments)


def install(dialect: str, tables: tuple[str, ...] = tuple(GUARDED)) -> Iterator[str]:
    """The statements that put the guards of these tables up. A revision names its own: later ones are not there yet."""
    if dialect == "postgresql":
        yield _POSTGRES_FUNCTION
    for table in tables:
        yield from _on_sqlite(table) if dialect == "sqlite" else _on_postgres(table)


def remove(dialect: str, tables: tuple[str, ...] = tuple(GUARDED)) -> Iterator[str]:
    """The statements that take the guards of these tables down."""
    for table in tables:
        for name in names(table, dialect):
            yield f"DROP TRIGGER IF EXISTS {name}" + ("" if dialect == "sqlite" else f" ON {table}")
    if dialect == "postgresql" and "entry" in tables:  # what other tables' guards call stays as long as the book is guarded
        yield "DROP FUNCTION IF EXISTS timebank_append_only"


def _on_sqlite(table: str) -> Iterator[str]:
    for moment in ("update", "delete"):
        yield (
            f"CREATE TRIGGER guard_{table}_{moment} BEFORE {moment.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    held = " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} WHERE " + " AND ".join(f"{column} = NEW.{column}" for column in key) + ")"
        for key in (GUARDED | FORMER)[table]
    )
    yield (
        f"CREATE TRIGGER guard_{table}_insert BEFORE INSERT ON {table} WHEN {held} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


_POSTGRES_FUNCTION = (
    "CREATE OR REPLACE FUNCTION timebank_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
)


def _on_postgres(table: str) -> Iterator[str]:
    yield (
        f"CREATE TRIGGER guard_{table}_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION timebank_append_only()"
    )
    yield (
        f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION timebank_append_only()"
    )
