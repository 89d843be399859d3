"""A notice that is demanded: of what, and for how many working days

Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.schema import guards, statistics

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "notice_demand",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_notice_demand")),
    )
    for statement in guards().install(op.get_bind().dialect.name, ("notice_demand",)):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def downgrade() -> None:
    for statement in guards().remove(op.get_bind().dialect.name, ("notice_demand",)):
        op.execute(statement)
    op.drop_table("notice_demand")
