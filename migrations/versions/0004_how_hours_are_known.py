"""How hours are known: who confirmed them, the hash of a paper, and when somebody came

Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.schema import guards, statistics

revision = "0004"
down_revision = "0003"

ADDED = ("confirmed_by", "evidence")


def upgrade() -> None:
    for name in ADDED:
        op.add_column("service", sa.Column(name, sa.String(), nullable=True))
    op.create_table(
        "sign_in",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("category", "activity_no", "place", "team", "programme")),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"], name=op.f("fk_sign_in_member")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_sign_in")),
    )
    op.create_index("ix_sign_in_community_id_member_id", "sign_in", ["community_id", "member_id"], unique=False)
    for statement in guards().install(op.get_bind().dialect.name, ("sign_in",)):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def downgrade() -> None:
    for statement in guards().remove(op.get_bind().dialect.name, ("sign_in",)):
        op.execute(statement)
    op.drop_index("ix_sign_in_community_id_member_id", table_name="sign_in")
    op.drop_table("sign_in")
    for name in reversed(ADDED):
        op.drop_column("service", name)
