"""An act: who does what, when, why, and under which key. Made at the door, passed to every verb, never changed.

A verb reads no clock and no randomness: both are in the act, so that the same act gives the same bytes.
"""

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

Auth = Literal["none", "pin", "login"]


@dataclass(frozen=True, slots=True)
class Act:
    """One command of one person.

    `now` is aware UTC in whole seconds; `actor` and `approver` are clerk ids; `approver_auth` tells how the approver was
    known; `key` is the idempotency key; `entropy` is 32 random bytes, the only source of chance; under `seal`, a secret of the
    database's file of keys, a command marks what it lets wait as its own.
    """

    community_id: int
    now: datetime
    actor: int
    approver: int | None
    approver_auth: Auth
    key: str
    reason: str
    entropy: bytes
    seal: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        assert self.now.tzinfo is UTC, "an act's time is aware UTC"
        assert self.now.microsecond == 0, "an act's time is in whole seconds"
        assert len(self.entropy) == 32, "an act carries 32 bytes of entropy"

    def draw(self, label: str) -> bytes:
        """Give 32 random bytes for one named use; the same label gives the same bytes within this act."""
        return hmac.digest(self.entropy, label.encode(), hashlib.sha256)

    def draw_many(self, label: str, count: int) -> list[bytes]:
        """Give `count` times 16 random bytes for one named use: one draw, extended by SHAKE256 (FIPS 202)."""
        drawn = hashlib.shake_256(self.draw(label)).digest(16 * count)
        return [drawn[place : place + 16] for place in range(0, 16 * count, 16)]

    def today(self, timezone: str) -> date:
        """The calendar day of this act where the community lives."""
        return self.now.astimezone(ZoneInfo(timezone)).date()

    def on_behalf_of(self, actor: int) -> "Act":
        """The same act when a second person confirms what `actor` asked for: actor asked, this person approves."""
        return replace(self, actor=actor, approver=self.actor)
