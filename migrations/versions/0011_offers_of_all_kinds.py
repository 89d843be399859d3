"""Offers of all kinds: goods, limits, conditions, who bears it; that one ended early; what a merchant bears of a voucher

Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.schema import guards, statistics

revision = "0011"
down_revision = "0010"

_OFFER: tuple[tuple[str, sa.types.TypeEngine[object]], ...] = (
    ("item_fen", sa.BigInteger()),
    ("label", sa.String()),
    *((name, sa.Integer()) for name in ("per_day", "per_month", "total", "stock")),
    ("tier", sa.String()),
    ("min_age", sa.Integer()),
    ("min_minutes", sa.BigInteger()),
    ("merchant_bp", sa.Integer()),
    ("sponsor_bp", sa.Integer()),
    ("sponsor_id", sa.BigInteger()),
)


def upgrade() -> None:
    for name, kind in _OFFER:
        op.add_column("offer", sa.Column(name, kind, nullable=True))
    op.add_column("resolution", sa.Column("merchant_fen", sa.BigInteger(), nullable=True))
    op.create_index("ix_voucher_community_id_offer_id", "voucher", ["community_id", "offer_id"], unique=False)
    op.create_table(
        "offer_end",
        *(sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in ("community_id", "offer_id")),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "offer_id"], ["offer.community_id", "offer.id"], name=op.f("fk_offer_end_offer")
        ),
        sa.PrimaryKeyConstraint("community_id", "offer_id", name=op.f("pk_offer_end")),
    )
    for statement in guards().install(op.get_bind().dialect.name, ("offer_end",)):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def downgrade() -> None:
    for statement in guards().remove(op.get_bind().dialect.name, ("offer_end",)):
        op.execute(statement)
    op.drop_table("offer_end")
    op.drop_index("ix_voucher_community_id_offer_id", "voucher")
    op.drop_column("resolution", "merchant_fen")
    for name, _ in reversed(_OFFER):
        op.drop_column("offer", name)
