"""What the whole rule book reads of services: team and programme, and what all members of one earned together

Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.schema import statistics

revision = "0003"
down_revision = "0002"

ADDED = ("team", "programme")


def upgrade() -> None:
    for name in ADDED:
        op.add_column("service", sa.Column(name, sa.String(), nullable=True))
    op.create_table(
        "shared_earning",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("eligible", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("window_minutes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "scope", name=op.f("pk_shared_earning")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("shared_earning")
    for name in reversed(ADDED):
        op.drop_column("service", name)
