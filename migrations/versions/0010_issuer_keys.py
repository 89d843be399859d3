"""What vouchers are signed with, and wrong codes: issuer keys, that one was revoked, guesses of a device

Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.db import Utc
from timebank.base.schema import guards, statistics

revision = "0010"
down_revision = "0009"

GUARDED = ("issuer_key", "issuer_key_end")


def _keys(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("community_id", *names)]


def upgrade() -> None:
    op.create_table(
        "issuer_key",
        *_keys("number"),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_issuer_key")),
    )
    op.create_table(
        "issuer_key_end",
        *_keys("number"),
        sa.Column("revoked_on", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "number"],
            ["issuer_key.community_id", "issuer_key.number"],
            name=op.f("fk_issuer_key_end_issuer_key"),
        ),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_issuer_key_end")),
    )
    op.create_table(
        "guess",
        *_keys("id"),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_guess")),
    )
    for statement in guards().install(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def downgrade() -> None:
    for statement in guards().remove(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    for table in ("guess", *reversed(GUARDED)):
        op.drop_table(table)
