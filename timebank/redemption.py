"""Offers and vouchers: what points are good for, one hold and one resolution each."""

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from timebank.base.db import Utc, key_field


class Offer(SQLModel, table=True):
    """What one merchant gives. `offset`: points_per_yuan and max_share_bp of the bill. `discount`: off_bp of the bill, at
    most max_fen, from min_spend_fen, for a fixed number of points. Money in fen, shares in basis points."""

    __table_args__ = (ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),)

    community_id: int = key_field()
    id: int = key_field()
    merchant_id: int = Field(sa_type=BigInteger)
    kind: str
    points_per_yuan: int | None = None
    max_share_bp: int | None = None
    off_bp: int | None = None
    max_fen: int | None = Field(default=None, sa_type=BigInteger)
    min_spend_fen: int = Field(default=0, sa_type=BigInteger)
    points: int | None = Field(default=None, sa_type=BigInteger)
    valid_from: date
    valid_to: date
    seq: int = Field(sa_type=BigInteger)


class Voucher(SQLModel, table=True):
    """A hold with a code. Only the code's HMAC and its last four characters are kept. `fen` is what the fund commits."""

    __table_args__ = (
        UniqueConstraint("community_id", "code_mac"),
        ForeignKeyConstraint(["community_id", "offer_id"], ["offer.community_id", "offer.id"]),
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        Index("ix_voucher_community_id_member_id", "community_id", "member_id"),
        Index("ix_voucher_community_id_expires_on", "community_id", "expires_on"),
    )

    community_id: int = key_field()
    id: int = key_field()
    code_mac: bytes = Field(sa_type=LargeBinary)
    code_tail: str
    offer_id: int = Field(sa_type=BigInteger)
    member_id: int = Field(sa_type=BigInteger)
    merchant_id: int = Field(sa_type=BigInteger)
    points: int = Field(sa_type=BigInteger)
    fen: int = Field(sa_type=BigInteger)
    issued_on: date
    expires_on: date
    seq: int = Field(sa_type=BigInteger)


class Resolution(SQLModel, table=True):
    """How a hold ended: captured, voided or expired. Its primary key is the voucher: a hold is resolved at most once."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"]),
        Index("ix_resolution_community_id_day", "community_id", "day"),
    )

    community_id: int = key_field()
    voucher_id: int = key_field()
    outcome: str
    day: date
    resolved_at: datetime = Field(sa_type=Utc)
    bill_fen: int = Field(default=0, sa_type=BigInteger)
    benefit_fen: int = Field(default=0, sa_type=BigInteger)
    points: int = Field(default=0, sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)
