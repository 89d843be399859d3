"""Tombstones: a void that comes before its hold, and wins.

Who asked for a voucher and never heard an answer may void whatever was held under the key of that command. If nothing was, the
key is buried: a request that arrives late finds its tombstone and holds nothing.
"""

from datetime import date

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, SQLModel

from timebank import ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import insert_rows, key_field
from timebank.base.errors import Refused
from timebank.base.i18n import say
from timebank.base.rows import first
from timebank.journal import Draft


class Tombstone(SQLModel, table=True):
    """A command's key under which nothing will ever be held."""

    community_id: int = key_field()
    key: str = Field(primary_key=True)
    day: date
    seq: int = Field(sa_type=BigInteger)


def lay(session: Session, act: Act, key: str) -> Tombstone:
    """Bury a key under the community's lock; a key that is buried already stays as it is."""
    known = find(session, act.community_id, key)
    if known is not None:
        return known
    today = communities.today(session, act)
    draft = Draft("voucher.tombstone", today, subject=f"tombstone:{key}", text=act.reason or None)
    receipt = ledger.post(session, act, draft)
    row = Tombstone(community_id=act.community_id, key=key, day=today, seq=receipt.seq)
    columns = ("community_id", "key", "day", "seq")
    insert_rows(session, "tombstone", columns, [(act.community_id, key, today.isoformat(), receipt.seq)])
    return row


def find(session: Session, community_id: int, key: str) -> Tombstone | None:
    """The tombstone of a key, or None."""
    return first(session, Tombstone, community_id=community_id, key=key)


def check(session: Session, act: Act) -> None:
    """Refuse a hold whose key was buried before it came. Raises Refused `voided_before`."""
    if find(session, act.community_id, act.key) is not None:
        raise Refused(
            say("What was asked for under the key {key} was voided before it came.", key=act.key),
            "voided_before",
            say("Nothing is held. Ask for the voucher anew, under another key."),
        )
