"""Settlement: a merchant's month of captured vouchers as one batch, approved by a second person, exported as a claim."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from timebank.base.db import Utc, key_field


class Claim(SQLModel, table=True):
    """One batch: a merchant's claim for one month. `state`: draft, approved. `sha256` covers its lines and the batch before."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        Index("ix_claim_community_id_period", "community_id", "period"),
    )

    community_id: int = key_field()
    id: int = key_field()
    period: str
    merchant_id: int = Field(sa_type=BigInteger)
    captures: int
    points: int = Field(sa_type=BigInteger)
    fen: int = Field(sa_type=BigInteger)
    sha256: str
    previous: str
    state: str = "draft"
    drafted_by: int = Field(sa_type=BigInteger)
    drafted_at: datetime = Field(sa_type=Utc)
    approved_by: int | None = Field(default=None, sa_type=BigInteger)
    approved_at: datetime | None = Field(default=None, sa_type=Utc)
    seq: int | None = Field(default=None, sa_type=BigInteger)


class ClaimLine(SQLModel, table=True):
    """One captured voucher in its batch. Its primary key is the voucher: it is claimed at most once."""

    __tablename__ = "claim_line"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"]),
        ForeignKeyConstraint(["community_id", "claim_id"], ["claim.community_id", "claim.id"]),
    )

    community_id: int = key_field()
    voucher_id: int = key_field()
    claim_id: int = Field(sa_type=BigInteger)
