"""Who belongs together and what hangs out: kin, teams, working days, notices

Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.schema import guards, statistics

revision = "0002"
down_revision = "0001"

GUARDED = (
    *("kin", "kin_end", "membership", "membership_end"),
    *("calendar", "notice", "notice_end", "objection", "objection_result"),
)


def upgrade() -> None:
    op.create_table(
        "calendar",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("days_off", sa.Text(), nullable=False),
        sa.Column("make_up_days", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_calendar")),
    )
    op.create_table(
        "kin",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_a", sa.BigInteger(), nullable=False),
        sa.Column("member_b", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["community_id", "member_a"], ["member.community_id", "member.id"], name="fk_kin_member_a"),
        sa.ForeignKeyConstraint(["community_id", "member_b"], ["member.community_id", "member.id"], name="fk_kin_member_b"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_kin")),
    )
    op.create_index("ix_kin_community_id_member_a_member_b", "kin", ["community_id", "member_a", "member_b"], unique=False)
    op.create_table(
        "kin_end",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kin_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["community_id", "kin_id"], ["kin.community_id", "kin.id"], name=op.f("fk_kin_end_kin")),
        sa.PrimaryKeyConstraint("community_id", "kin_id", name=op.f("pk_kin_end")),
    )
    op.create_table(
        "team",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("number_key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("founded_on", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["community_id", "parent_id"], ["team.community_id", "team.id"], name=op.f("fk_team_team")),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_team")),
        sa.UniqueConstraint("community_id", "number_key", name=op.f("uq_team_community_id_number_key")),
    )
    op.create_table(
        "membership",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"], name=op.f("fk_membership_member")
        ),
        sa.ForeignKeyConstraint(["community_id", "team_id"], ["team.community_id", "team.id"], name=op.f("fk_membership_team")),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_membership")),
    )
    op.create_index("ix_membership_community_id_member_id", "membership", ["community_id", "member_id"], unique=False)
    op.create_index("ix_membership_community_id_team_id", "membership", ["community_id", "team_id"], unique=False)
    op.create_table(
        "membership_end",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("membership_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "membership_id"],
            ["membership.community_id", "membership.id"],
            name=op.f("fk_membership_end_membership"),
        ),
        sa.PrimaryKeyConstraint("community_id", "membership_id", name=op.f("pk_membership_end")),
    )
    _notices()
    for statement in guards().install(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def _notices() -> None:
    op.create_table(
        "notice",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_notice")),
    )
    op.create_index("ix_notice_community_id_about", "notice", ["community_id", "about"], unique=False)
    op.create_table(
        "notice_end",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("notice_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "notice_id"], ["notice.community_id", "notice.id"], name=op.f("fk_notice_end_notice")
        ),
        sa.PrimaryKeyConstraint("community_id", "notice_id", name=op.f("pk_notice_end")),
    )
    op.create_table(
        "objection",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("notice_id", sa.BigInteger(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "notice_id"], ["notice.community_id", "notice.id"], name=op.f("fk_objection_notice")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_objection")),
    )
    op.create_index("ix_objection_community_id_notice_id", "objection", ["community_id", "notice_id"], unique=False)
    op.create_table(
        "objection_result",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("objection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "objection_id"],
            ["objection.community_id", "objection.id"],
            name=op.f("fk_objection_result_objection"),
        ),
        sa.PrimaryKeyConstraint("community_id", "objection_id", name=op.f("pk_objection_result")),
    )


def downgrade() -> None:
    for statement in guards().remove(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    op.drop_table("objection_result")
    op.drop_index("ix_objection_community_id_notice_id", table_name="objection")
    op.drop_table("objection")
    op.drop_table("notice_end")
    op.drop_index("ix_notice_community_id_about", table_name="notice")
    op.drop_table("notice")
    op.drop_table("membership_end")
    op.drop_index("ix_membership_community_id_team_id", table_name="membership")
    op.drop_index("ix_membership_community_id_member_id", table_name="membership")
    op.drop_table("membership")
    op.drop_table("team")
    op.drop_table("kin_end")
    op.drop_index("ix_kin_community_id_member_a_member_b", table_name="kin")
    op.drop_table("kin")
    op.drop_table("calendar")
