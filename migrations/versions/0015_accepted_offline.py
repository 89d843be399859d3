"""Accepted offline: the keys that phones made for themselves, what they accepted, how reviews were decided

Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.db import Utc
from timebank.base.schema import guards, statistics

revision = "0015"
down_revision = "0014"

GUARDED = ("offline_key", "acceptance", "acceptance_end")


def _keys(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("community_id", *names)]


def _of(column: str, other: str, table: str) -> sa.ForeignKeyConstraint:
    columns = [f"{other}.community_id", f"{other}.id"]
    return sa.ForeignKeyConstraint(["community_id", column], columns, name=op.f(f"fk_{table}_{other}"))


def upgrade() -> None:
    op.create_table(
        "offline_key",
        *_keys("device_id"),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("registered_at", Utc(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _of("device_id", "device", "offline_key"),
        _of("merchant_id", "merchant", "offline_key"),
        sa.PrimaryKeyConstraint("community_id", "device_id", name=op.f("pk_offline_key")),
    )
    op.create_index("ix_offline_key_community_id_merchant_id", "offline_key", ["community_id", "merchant_id"], unique=False)
    op.create_table(
        "acceptance",
        *_keys("id"),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("accepted_at", Utc(), nullable=False),
        sa.Column("bill_fen", sa.BigInteger(), nullable=False),
        sa.Column("voucher_id", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _of("device_id", "device", "acceptance"),
        _of("merchant_id", "merchant", "acceptance"),
        _of("voucher_id", "voucher", "acceptance"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_acceptance")),
        sa.UniqueConstraint("community_id", "device_id", "n", name=op.f("uq_acceptance_community_id_device_id_n")),
    )
    op.create_table(
        "acceptance_end",
        *_keys("acceptance_id"),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _of("acceptance_id", "acceptance", "acceptance_end"),
        sa.PrimaryKeyConstraint("community_id", "acceptance_id", name=op.f("pk_acceptance_end")),
    )
    for statement in guards().install(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def downgrade() -> None:
    for statement in guards().remove(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    op.drop_table("acceptance_end")
    op.drop_table("acceptance")
    op.drop_index("ix_offline_key_community_id_merchant_id", table_name="offline_key")
    op.drop_table("offline_key")
