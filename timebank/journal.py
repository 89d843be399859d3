"""The tables of the book and the values read from them. `ledger.py` is their only writer.

Names and shapes are part of the contract (docs/ledger.md). Primary keys, UNIQUEs and foreign keys start with
`community_id`, so that a database can be sharded by community.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from timebank.base.db import Utc, key_field

Unit = Literal["minutes", "points", "credits", "fen"]
UNITS: tuple[Unit, ...] = ("minutes", "points", "credits", "fen")

# Holders every community has from its first day.
SERVICE = "system:service"  # where minutes of service come from
ISSUED = "system:issued"  # where points come from
REDEEMED = "system:redeemed"
EXPIRED = "system:expired"
FUND = "fund:general"
SYSTEM_ACCOUNTS: tuple[tuple[str, Unit, str], ...] = (
    (SERVICE, "minutes", "source"),
    (ISSUED, "points", "source"),
    (REDEEMED, "points", "sink"),
    (EXPIRED, "points", "sink"),
    (FUND, "fen", "free"),
    (FUND, "fen", "committed"),
    (FUND, "fen", "paid"),
)
_LOT_HOLDERS = ("member", "team", "pool")
_LOT_PURPOSES = ("available", "held")


class Command(SQLModel, table=True):
    """A writing command that was carried out, so that its repeat writes nothing and gives the same receipt."""

    community_id: int = key_field()
    key: str = Field(primary_key=True)
    verb: str
    fingerprint: bytes = Field(sa_type=LargeBinary)
    receipt: str = Field(sa_type=Text)
    actor: int = Field(sa_type=BigInteger)
    done_at: datetime = Field(sa_type=Utc)


class Entry(SQLModel, table=True):
    """One fact of the book. `payload` holds the canonical bytes; every other column is a projection of it."""

    __table_args__ = (
        UniqueConstraint("community_id", "key"),
        UniqueConstraint("community_id", "reverses"),
        Index("ix_entry_community_id_period_seq", "community_id", "period", "seq"),
    )

    community_id: int = key_field()
    seq: int = key_field()
    kind: str
    business_date: date
    posted_at: datetime = Field(sa_type=Utc)
    period: str
    actor: int = Field(sa_type=BigInteger)
    approver: int | None = Field(default=None, sa_type=BigInteger)
    key: str
    reverses: int | None = Field(default=None, sa_type=BigInteger)
    subject: str | None = None
    rules: str | None = None
    payload: str = Field(sa_type=Text)
    leaf: bytes = Field(sa_type=LargeBinary)


class Account(SQLModel, table=True):
    """What one holder has of one unit for one purpose. `balance` is a cache of the postings, checked by `audit`."""

    __table_args__ = (
        UniqueConstraint("community_id", "holder", "unit", "purpose"),
        CheckConstraint("floor IS NULL OR balance >= floor", name="floor"),
        {"sqlite_with_rowid": False},
    )

    community_id: int = key_field()
    id: int = key_field()
    holder: str
    unit: str
    purpose: str
    floor: int | None = Field(default=None, sa_type=BigInteger)
    balance: int = Field(default=0, sa_type=BigInteger)


class Posting(SQLModel, table=True):
    """One line of an entry. `n` counts the account's lines of the period from 1; `balance` is the account's after it."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "seq"], ["entry.community_id", "entry.seq"]),
        ForeignKeyConstraint(["community_id", "account_id"], ["account.community_id", "account.id"]),
        Index("ix_posting_community_id_account_id_seq", "community_id", "account_id", "seq"),
        CheckConstraint("amount <> 0", name="amount"),
        {"sqlite_with_rowid": False},
    )

    community_id: int = key_field()
    seq: int = key_field()
    line: int = key_field()
    account_id: int = Field(sa_type=BigInteger)
    unit: str
    expires_on: date
    amount: int = Field(sa_type=BigInteger)
    n: int
    balance: int = Field(sa_type=BigInteger)


class Lot(SQLModel, table=True):
    """Points of one account by the day they lapse (9999-12-31 = never). A cache, checked by `audit`."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "account_id"], ["account.community_id", "account.id"]),
        CheckConstraint("balance >= 0", name="balance"),
        {"sqlite_with_rowid": False},
    )

    community_id: int = key_field()
    account_id: int = key_field()
    expires_on: date = Field(primary_key=True)
    balance: int = Field(sa_type=BigInteger)


class Turnover(SQLModel, table=True):
    """What moved on one account in one period, by lapse day: lines and net amount. A cache, checked by `audit`.

    It serves `n`, the openings and closings of months, and the lots at a month's end without reading the whole journal.
    """

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "account_id"], ["account.community_id", "account.id"]),
        {"sqlite_with_rowid": False},
    )

    community_id: int = key_field()
    account_id: int = key_field()
    period: str = Field(primary_key=True)
    expires_on: date = Field(primary_key=True)
    lines: int
    net: int = Field(sa_type=BigInteger)


class EntryText(SQLModel, table=True):
    """Free text of an entry, which may name people: it can be erased; the payload holds only its salted hash."""

    __tablename__ = "entry_text"
    __table_args__ = (ForeignKeyConstraint(["community_id", "seq"], ["entry.community_id", "entry.seq"]),)

    community_id: int = key_field()
    seq: int = key_field()
    salt: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    text: str = Field(sa_type=Text)


# The columns of the tables, for statements written with Core.
ENTRY = SQLModel.metadata.tables["entry"].c
POSTING = SQLModel.metadata.tables["posting"].c
ACCOUNT = SQLModel.metadata.tables["account"].c
LOT = SQLModel.metadata.tables["lot"].c
TURNOVER = SQLModel.metadata.tables["turnover"].c


class Transfer(NamedTuple):
    """A positive amount of one unit from one account to another: what is not there cannot be made by mistake.

    `lot` names the source's lot (by default the lot that lapses first goes first); `lapses_on` the target's lot (by default
    the day stays that of the source).
    """

    unit: Unit
    amount: int
    source: str
    source_purpose: str
    target: str
    target_purpose: str
    lot: date | None = None
    lapses_on: date | None = None


class Draft(NamedTuple):
    """An entry to be written. `trace` tells how points came about, `facts` what else the payload binds; both hold only
    canonical JSON. `text` is free text for `entry_text`. `place` names the draft in errors ('row 7')."""

    kind: str
    business_date: date
    transfers: tuple[Transfer, ...] = ()
    subject: str | None = None
    rules: str | None = None
    trace: dict[str, object] | None = None
    facts: dict[str, object] | None = None
    text: str | None = None
    place: str = ""


class Receipt(NamedTuple):
    """What was written: the entry's number, key and month."""

    seq: int
    key: str
    kind: str
    period: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What a holder has of a unit: `available` can be spent today (lapsed lots are not in it), `held` is reserved, `owed` is
    ≤ 0. `lots` are the available points by lapse day, first to lapse first."""

    available: int
    held: int
    owed: int
    lots: tuple[tuple[date, int], ...]

    @property
    def total(self) -> int:
        """available + held + owed."""
        return self.available + self.held + self.owed


def keeps_lots(holder: str, unit: str, purpose: str) -> bool:
    """Whether an account's balance is kept by lapse day: points of members, teams and pools, available or held."""
    return unit == "points" and purpose in _LOT_PURPOSES and holder.partition(":")[0] in _LOT_HOLDERS


def floor_of(holder: str, purpose: str) -> int | None:
    """The lowest balance an account may have: 0, or none for the system, the fund, what is owed and what is payable."""
    if holder.startswith(("system:", "fund:")) or purpose in ("owed", "payable"):
        return None
    return 0
