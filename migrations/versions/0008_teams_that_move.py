"""Teams that move: under another team, from a day on

Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.schema import guards, statistics

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "team_move",
        *(sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("community_id", "id")),
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        *(
            sa.ForeignKeyConstraint(["community_id", name], ["team.community_id", "team.id"], name=op.f(f"fk_team_move_{name}"))
            for name in ("team_id", "parent_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_team_move")),
    )
    for statement in guards().install(op.get_bind().dialect.name, ("team_move",)):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def downgrade() -> None:
    for statement in guards().remove(op.get_bind().dialect.name, ("team_move",)):
        op.execute(statement)
    op.drop_table("team_move")
