"""The fund's money and what becomes of claims: sponsors, deposits, budgets; lines that come back, batches paid or returned

Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.schema import guards, statistics

revision = "0014"
down_revision = "0013"

TABLES = ("sponsor", "deposit", "budget", "settlement_line", "claim_end")
_CLAIM = (("version", sa.Integer()), ("refunds", sa.Integer()), ("submitted_seq", sa.BigInteger()))


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    _money()
    for name, kind in _CLAIM:
        op.add_column("claim", sa.Column(name, kind, nullable=True))
    op.create_table(
        "settlement_line",
        *_keys("voucher_id", "event", "round"),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        _to("settlement_line", "voucher"),
        _to("settlement_line", "claim"),
        sa.PrimaryKeyConstraint("community_id", "voucher_id", "event", "round", name=op.f("pk_settlement_line")),
    )
    op.create_index("ix_settlement_line_community_id_claim_id", "settlement_line", ["community_id", "claim_id"], unique=False)
    op.execute(
        "INSERT INTO settlement_line (community_id, voucher_id, event, round, claim_id) "
        "SELECT community_id, voucher_id, 0, 0, claim_id FROM claim_line"
    )
    for statement in guards().remove(dialect, ("claim_line",)):
        op.execute(statement)
    op.drop_table("claim_line")
    op.create_table(
        "claim_end",
        *_keys("claim_id"),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _to("claim_end", "claim"),
        sa.PrimaryKeyConstraint("community_id", "claim_id", name=op.f("pk_claim_end")),
    )
    op.create_index("ix_voucher_community_id_issued_on", "voucher", ["community_id", "issued_on"], unique=False)
    for statement in guards().install(dialect, TABLES):
        op.execute(statement)
    if dialect == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def _money() -> None:
    op.create_table(
        "sponsor",
        *_keys("id"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_sponsor")),
    )
    op.create_table(
        "deposit",
        *_keys("id"),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sponsor_id", sa.BigInteger(), nullable=True),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _to("deposit", "sponsor"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_deposit")),
    )
    op.create_table(
        "budget",
        *_keys("id"),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=True),
        sa.Column("merchant_id", sa.BigInteger(), nullable=True),
        sa.Column("programme", sa.String(), nullable=True),
        sa.Column("offers", sa.Text(), nullable=True),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _to("budget", "merchant"),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_budget")),
    )


def _keys(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("community_id", *names)]


def _to(table: str, other: str) -> sa.ForeignKeyConstraint:
    columns, others = ["community_id", f"{other}_id"], [f"{other}.community_id", f"{other}.id"]
    return sa.ForeignKeyConstraint(columns, others, name=op.f(f"fk_{table}_{other}"))


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.create_table(
        "claim_line",
        *_keys("voucher_id"),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        _to("claim_line", "claim"),
        _to("claim_line", "voucher"),
        sa.PrimaryKeyConstraint("community_id", "voucher_id", name=op.f("pk_claim_line")),
    )
    op.execute(
        "INSERT INTO claim_line (community_id, voucher_id, claim_id) "
        "SELECT community_id, voucher_id, MAX(claim_id) FROM settlement_line WHERE event = 0 GROUP BY community_id, voucher_id"
    )
    for statement in guards().install(dialect, ("claim_line",)):
        op.execute(statement)
    for statement in guards().remove(dialect, TABLES):
        op.execute(statement)
    op.drop_index("ix_voucher_community_id_issued_on", "voucher")
    op.drop_index("ix_settlement_line_community_id_claim_id", "settlement_line")
    for table in reversed(TABLES):
        op.drop_table(table)
    for name, _ in reversed(_CLAIM):
        op.drop_column("claim", name)
