"""What a shop is: that it applied, paused or left; its plaque, its market; who owns it or works there

Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.schema import guards, statistics

revision = "0013"
down_revision = "0012"

GUARDED = ("merchant_move", "staff", "staff_end")


def _keys(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("community_id", *names)]


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{target}")
    return sa.ForeignKeyConstraint(["community_id", column], [f"{target}.community_id", f"{target}.id"], name=name)


def upgrade() -> None:
    op.add_column("merchant", sa.Column("plaque", sa.String(), nullable=True))
    op.add_column("merchant", sa.Column("market_id", sa.BigInteger(), nullable=True))
    op.create_table(
        "merchant_move",
        *_keys("id"),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("plaque", sa.String(), nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _to("merchant_move", "merchant_id", "merchant"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_merchant_move")),
    )
    op.create_index("ix_merchant_move_community_id_merchant_id", "merchant_move", ["community_id", "merchant_id"], unique=False)
    op.create_table(
        "staff",
        *_keys("id"),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _to("staff", "merchant_id", "merchant"),
        _to("staff", "member_id", "member"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_staff")),
    )
    wanted = ["community_id", "merchant_id", "member_id"]
    op.create_index("ix_staff_community_id_merchant_id_member_id", "staff", wanted, unique=False)
    op.create_table(
        "staff_end",
        *_keys("staff_id"),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _to("staff_end", "staff_id", "staff"),
        sa.PrimaryKeyConstraint("community_id", "staff_id", name=op.f("pk_staff_end")),
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
    op.drop_column("merchant", "market_id")
    op.drop_column("merchant", "plaque")
