"""The book: every table of revision 1, with its guards

Revises: nothing
"""

import sqlalchemy as sa
from alembic import op

from timebank.base.db import Utc
from timebank.base.schema import guards, statistics

revision = "0001"
down_revision = None

GUARDED = ("entry", "posting", "command", "checkpoint", "rulebook", "offer", "voucher", "resolution", "claim_line")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=True),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("floor IS NULL OR balance >= floor", name=op.f("ck_account_floor")),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_account")),
        sa.UniqueConstraint(
            "community_id", "holder", "unit", "purpose", name=op.f("uq_account_community_id_holder_unit_purpose")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "approval",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", Utc(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_approval")),
    )
    op.create_index("ix_approval_community_id_state", "approval", ["community_id", "state"], unique=False)
    op.create_table(
        "checkpoint",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("community_id", "size", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "command",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("actor", sa.BigInteger(), nullable=False),
        sa.Column("done_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "key", name=op.f("pk_command")),
    )
    op.create_table(
        "community",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("credits_unit", sa.String(), nullable=False),
        sa.Column("points_decimals", sa.Integer(), nullable=False),
        sa.Column("founded_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_community")),
        sa.UniqueConstraint("code", name=op.f("uq_community_code")),
    )
    op.create_table(
        "entry",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("posted_at", Utc(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("actor", sa.BigInteger(), nullable=False),
        sa.Column("approver", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reverses", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("rules", sa.String(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "seq", name=op.f("pk_entry")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_entry_community_id_key")),
        sa.UniqueConstraint("community_id", "reverses", name=op.f("uq_entry_community_id_reverses")),
    )
    op.create_index("ix_entry_community_id_period_seq", "entry", ["community_id", "period", "seq"], unique=False)
    op.create_table(
        "person",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("id_number", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_person")),
    )
    op.create_table(
        "rulebook",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("resolution", sa.String(), nullable=False),
        sa.Column("published_at", Utc(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "version", name=op.f("pk_rulebook")),
    )
    op.create_table(
        "community_state",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("posted_at", Utc(), nullable=False),
        sa.Column("opened_from", sa.String(), nullable=False),
        sa.Column("open_period", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["community.id"], name=op.f("fk_community_state_community")),
        sa.PrimaryKeyConstraint("community_id", name=op.f("pk_community_state")),
    )
    op.create_table(
        "entry_text",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["community_id", "seq"], ["entry.community_id", "entry.seq"], name=op.f("fk_entry_text_entry")),
        sa.PrimaryKeyConstraint("community_id", "seq", name=op.f("pk_entry_text")),
    )
    op.create_table(
        "lot",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_lot_balance")),
        sa.ForeignKeyConstraint(
            ["community_id", "account_id"], ["account.community_id", "account.id"], name=op.f("fk_lot_account")
        ),
        sa.PrimaryKeyConstraint("community_id", "account_id", "expires_on", name=op.f("pk_lot")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("number_key", sa.String(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("joined_on", sa.Date(), nullable=False),
        sa.Column("grid", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "person_id"], ["person.community_id", "person.id"], name=op.f("fk_member_person")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_member")),
        sa.UniqueConstraint("community_id", "number_key", name=op.f("uq_member_community_id_number_key")),
    )
    op.create_table(
        "merchant",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("number_key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("joined_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "contact_id"], ["person.community_id", "person.id"], name=op.f("fk_merchant_person")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_merchant")),
        sa.UniqueConstraint("community_id", "number_key", name=op.f("uq_merchant_community_id_number_key")),
    )
    op.create_table(
        "posting",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_posting_amount")),
        sa.ForeignKeyConstraint(
            ["community_id", "account_id"], ["account.community_id", "account.id"], name=op.f("fk_posting_account")
        ),
        sa.ForeignKeyConstraint(["community_id", "seq"], ["entry.community_id", "entry.seq"], name=op.f("fk_posting_entry")),
        sa.PrimaryKeyConstraint("community_id", "seq", "line", name=op.f("pk_posting")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_posting_community_id_account_id_seq", "posting", ["community_id", "account_id", "seq"], unique=False)
    op.create_table(
        "turnover",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "account_id"], ["account.community_id", "account.id"], name=op.f("fk_turnover_account")
        ),
        sa.PrimaryKeyConstraint("community_id", "account_id", "period", "expires_on", name=op.f("pk_turnover")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "claim",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("captures", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("drafted_by", sa.BigInteger(), nullable=False),
        sa.Column("drafted_at", Utc(), nullable=False),
        sa.Column("approved_by", sa.BigInteger(), nullable=True),
        sa.Column("approved_at", Utc(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"], name=op.f("fk_claim_merchant")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_claim")),
    )
    op.create_index("ix_claim_community_id_period", "claim", ["community_id", "period"], unique=False)
    op.create_table(
        "clerk",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("number_key", sa.String(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"], name=op.f("fk_clerk_member")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "person_id"], ["person.community_id", "person.id"], name=op.f("fk_clerk_person")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_clerk")),
        sa.UniqueConstraint("community_id", "number_key", name=op.f("uq_clerk_community_id_number_key")),
    )
    op.create_table(
        "earning",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("eligible", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("window_minutes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"], name=op.f("fk_earning_member")
        ),
        sa.PrimaryKeyConstraint("community_id", "member_id", "scope", name=op.f("pk_earning")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "offer",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("points_per_yuan", sa.Integer(), nullable=True),
        sa.Column("max_share_bp", sa.Integer(), nullable=True),
        sa.Column("off_bp", sa.Integer(), nullable=True),
        sa.Column("max_fen", sa.BigInteger(), nullable=True),
        sa.Column("min_spend_fen", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"], name=op.f("fk_offer_merchant")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_offer")),
    )
    op.create_table(
        "service",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=True),
        sa.Column("ends", sa.Integer(), nullable=True),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("activity_no", sa.String(), nullable=False),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("team_size", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", Utc(), nullable=False),
        sa.Column("eligible", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("window_minutes", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"], name=op.f("fk_service_member")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_service")),
        sa.UniqueConstraint("community_id", "ref", "version", name=op.f("uq_service_community_id_ref_version")),
    )
    op.create_index("ix_service_community_id_member_id_day", "service", ["community_id", "member_id", "day"], unique=False)
    op.create_table(
        "voucher",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code_mac", sa.LargeBinary(), nullable=False),
        sa.Column("code_tail", sa.String(), nullable=False),
        sa.Column("offer_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"], ["member.community_id", "member.id"], name=op.f("fk_voucher_member")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"], name=op.f("fk_voucher_merchant")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "offer_id"], ["offer.community_id", "offer.id"], name=op.f("fk_voucher_offer")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_voucher")),
        sa.UniqueConstraint("community_id", "code_mac", name=op.f("uq_voucher_community_id_code_mac")),
    )
    op.create_index("ix_voucher_community_id_expires_on", "voucher", ["community_id", "expires_on"], unique=False)
    op.create_index("ix_voucher_community_id_member_id", "voucher", ["community_id", "member_id"], unique=False)
    op.create_table(
        "claim_line",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("voucher_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "claim_id"], ["claim.community_id", "claim.id"], name=op.f("fk_claim_line_claim")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"], name=op.f("fk_claim_line_voucher")
        ),
        sa.PrimaryKeyConstraint("community_id", "voucher_id", name=op.f("pk_claim_line")),
    )
    op.create_table(
        "resolution",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("voucher_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("resolved_at", Utc(), nullable=False),
        sa.Column("bill_fen", sa.BigInteger(), nullable=False),
        sa.Column("benefit_fen", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"], name=op.f("fk_resolution_voucher")
        ),
        sa.PrimaryKeyConstraint("community_id", "voucher_id", name=op.f("pk_resolution")),
    )
    op.create_index("ix_resolution_community_id_day", "resolution", ["community_id", "day"], unique=False)
    for statement in guards().install(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        for statement in statistics().told(op.get_bind()):
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DELETE FROM sqlite_stat1")
    for statement in guards().remove(op.get_bind().dialect.name, GUARDED):
        op.execute(statement)
    op.drop_index("ix_resolution_community_id_day", table_name="resolution")
    op.drop_table("resolution")
    op.drop_table("claim_line")
    op.drop_index("ix_voucher_community_id_member_id", table_name="voucher")
    op.drop_index("ix_voucher_community_id_expires_on", table_name="voucher")
    op.drop_table("voucher")
    op.drop_index("ix_service_community_id_member_id_day", table_name="service")
    op.drop_table("service")
    op.drop_table("offer")
    op.drop_table("earning")
    op.drop_table("clerk")
    op.drop_index("ix_claim_community_id_period", table_name="claim")
    op.drop_table("claim")
    op.drop_table("turnover")
    op.drop_index("ix_posting_community_id_account_id_seq", table_name="posting")
    op.drop_table("posting")
    op.drop_table("merchant")
    op.drop_table("member")
    op.drop_table("lot")
    op.drop_table("entry_text")
    op.drop_table("community_state")
    op.drop_table("rulebook")
    op.drop_table("person")
    op.drop_index("ix_entry_community_id_period_seq", table_name="entry")
    op.drop_table("entry")
    op.drop_table("community")
    op.drop_table("command")
    op.drop_table("checkpoint")
    op.drop_index("ix_approval_community_id_state", table_name="approval")
    op.drop_table("approval")
    op.drop_table("account")
