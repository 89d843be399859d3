"""Merchants' devices: invitations, phones and tills, and that one was revoked

Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.db import Utc
from timebank.base.schema import guards, statistics

revision = "0009"
down_revision = "0008"

GUARDED = ("enrolment", "device", "device_end")


def _keys(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("community_id", *names)]


def _of(column: str, other: str, table: str) -> sa.ForeignKeyConstraint:
    columns = [f"{other}.community_id", f"{other}.id"]
    return sa.ForeignKeyConstraint(["community_id", column], columns, name=op.f(f"fk_{table}_{other}"))


def upgrade() -> None:
    op.add_column("clerk", sa.Column("role", sa.String(), nullable=True))
    op.create_table(
        "enrolment",
        *_keys("id"),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", Utc(), nullable=False),
        sa.Column("made_by", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _of("merchant_id", "merchant", "enrolment"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_enrolment")),
        sa.UniqueConstraint("community_id", "token_hash", name=op.f("uq_enrolment_community_id_token_hash")),
    )
    op.create_table(
        "device",
        *_keys("id"),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=True),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("enrolled_at", Utc(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _of("enrolment_id", "enrolment", "device"),
        _of("merchant_id", "merchant", "device"),
        _of("actor_id", "clerk", "device"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_device")),
        sa.UniqueConstraint("community_id", "enrolment_id", name=op.f("uq_device_community_id_enrolment_id")),
    )
    op.create_table(
        "device_end",
        *_keys("device_id"),
        sa.Column("ended_at", Utc(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _of("device_id", "device", "device_end"),
        sa.PrimaryKeyConstraint("community_id", "device_id", name=op.f("pk_device_end")),
    )
    for statement in guards().install(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def downgrade() -> None:
    for statement in guards().remove(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    for table in reversed(GUARDED):
        op.drop_table(table)
    op.drop_column("clerk", "role")
