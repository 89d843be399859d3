"""What becomes of a voucher: quotes, tombstones, refunds, disputes; how late one may be uploaded

Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.db import Utc
from timebank.base.schema import guards, statistics

revision = "0012"
down_revision = "0011"

TABLES = ("quote", "tombstone", "refund", "dispute", "dispute_end")
INDEXED = (("voucher", "quote_id"), ("refund", "voucher_id"), ("refund", "day"), ("dispute", "voucher_id"))


def upgrade() -> None:
    op.add_column("voucher", sa.Column("late_days", sa.Integer(), nullable=True))
    op.add_column("voucher", sa.Column("quote_id", sa.BigInteger(), nullable=True))
    op.create_table(
        "quote",
        _key("community_id"),
        _key("id"),
        *_numbers("offer_id", "member_id", "merchant_id", "points", "bill_fen", "off_fen"),
        sa.Column("quoted_at", Utc(), nullable=False),
        *_numbers("seq"),
        *(_to("quote", table) for table in ("offer", "member", "merchant")),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_quote")),
    )
    op.create_table(
        "tombstone",
        _key("community_id"),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *_numbers("seq"),
        sa.PrimaryKeyConstraint("community_id", "key", name=op.f("pk_tombstone")),
    )
    op.create_table(
        "refund",
        _key("community_id"),
        _key("id"),
        *_numbers("voucher_id", "bill_fen", "points", "fen", "claim_fen"),
        sa.Column("day", sa.Date(), nullable=False),
        *_numbers("seq"),
        _to("refund", "voucher"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_refund")),
    )
    op.create_table(
        "dispute",
        _key("community_id"),
        _key("id"),
        *_numbers("voucher_id"),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *_numbers("seq"),
        _to("dispute", "voucher"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_dispute")),
    )
    op.create_table(
        "dispute_end",
        _key("community_id"),
        _key("dispute_id"),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *_numbers("seq"),
        _to("dispute_end", "dispute"),
        sa.PrimaryKeyConstraint("community_id", "dispute_id", name=op.f("pk_dispute_end")),
    )
    for table, column in INDEXED:
        op.create_index(f"ix_{table}_community_id_{column}", table, ["community_id", column], unique=False)
    for statement in guards().install(op.get_bind().dialect.name, TABLES):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _to(table: str, other: str) -> sa.ForeignKeyConstraint:
    columns, others = ["community_id", f"{other}_id"], [f"{other}.community_id", f"{other}.id"]
    return sa.ForeignKeyConstraint(columns, others, name=op.f(f"fk_{table}_{other}"))


def downgrade() -> None:
    for statement in guards().remove(op.get_bind().dialect.name, TABLES):
        op.execute(statement)
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_index("ix_voucher_community_id_quote_id", "voucher")
    for name in ("quote_id", "late_days"):
        op.drop_column("voucher", name)
