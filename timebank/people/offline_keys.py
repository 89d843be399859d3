"""Keys that merchants' phones made for themselves, under which they accept vouchers where there is no network.

A phone registers one key, once, online. What lets it in is the secret that stands in its own offline file: an HMAC of the
device and of the moment the file was made, under the pepper, so that handing a file out writes nothing. The secret is good for
a day, and for the first key only. A phone that lost its key is enrolled anew as another device: so a number means one thing.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary
from sqlmodel import Field, Session, SQLModel

from timebank import ledger
from timebank.acceptance_text import NewKey
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import Utc, instant, key_field
from timebank.base.errors import NotAllowed, Refused
from timebank.base.i18n import say
from timebank.base.rows import first, select_rows
from timebank.journal import Draft
from timebank.people import devices
from timebank.people.devices import Device

KIND = "device.key"
REGISTER_HOURS = 24
"""How long after an offline file was made its phone may register a key."""
_SECRET_BYTES = 20
_KEYS = "SELECT device_id FROM offline_key WHERE community_id = ? AND merchant_id = ?"


class OfflineKey(SQLModel, table=True):
    """The public half (32 bytes, Ed25519) of the key that a device made for itself. Its primary key is the device."""

    __tablename__ = "offline_key"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "device_id"], ["device.community_id", "device.id"]),
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        Index("ix_offline_key_community_id_merchant_id", "community_id", "merchant_id"),
    )

    community_id: int = key_field()
    device_id: int = key_field()
    merchant_id: int = Field(sa_type=BigInteger)
    public: bytes = Field(sa_type=LargeBinary)
    registered_at: datetime = Field(sa_type=Utc)
    seq: int = Field(sa_type=BigInteger)


def secret_of(pepper: bytes, code: str, device_id: int, made: datetime) -> str:
    """The secret in the offline file that a device was given at a moment (whole seconds): 32 characters of base 32."""
    about = f"timebank: offline file of {code}, device {device_id}, made {instant(made)}"
    return base64.b32encode(hmac.digest(pepper, about.encode(), hashlib.sha256)[:_SECRET_BYTES]).decode()


def key_of(session: Session, community_id: int, device_id: int) -> OfflineKey | None:
    """The key of a device, or None."""
    return first(session, OfflineKey, community_id=community_id, device_id=device_id)


def takes_offline(session: Session, community_id: int, merchant_id: int) -> bool:
    """Whether a merchant has a phone that can accept vouchers offline: one that was not revoked and has registered its key."""
    keys = select_rows(session, _KEYS, (community_id, merchant_id))
    return any(devices.get(session, community_id, device_id).ended_at is None for (device_id,) in keys)


def register(session: Session, act: Act, wish: NewKey, pepper: bytes) -> Device:
    """Register a phone's key. The act's actor is the device's own number. A repeat with the same key changes nothing.

    Raises NotAllowed `unknown_device` (whatever is wrong with the device or the secret, or when the file is older than a day),
    `device_revoked`; Refused `key_registered` when the device has another key.
    """
    cid = act.community_id
    communities.lock(session, cid)
    device = let_in(session, cid, wish, act.now, pepper)
    known = key_of(session, cid, device.id)
    if known is not None:
        if bytes(known.public) == wish.public:
            return device
        raise Refused(
            say("Device {number} has registered a key already.", number=device.number),
            "key_registered",
            say("Each file makes one key on one phone. Ask the office for a file of your own."),
        )
    facts: dict[str, object] = {"merchant": device.merchant_id, "public": wish.public.hex()}
    seq = ledger.post(
        session, act, Draft(KIND, communities.today(session, act), subject=f"device:{device.id}", facts=facts)
    ).seq
    session.add(
        OfflineKey(
            community_id=cid,
            device_id=device.id,
            merchant_id=device.merchant_id,
            public=wish.public,
            registered_at=act.now,
            seq=seq,
        )
    )
    session.flush()
    return device


def let_in(session: Session, community_id: int, wish: NewKey, now: datetime, pepper: bytes) -> Device:
    """The device that may register this key now. Raises NotAllowed `unknown_device`, `device_revoked`."""
    code = communities.state(session, community_id).code
    right = secret_of(pepper, code, wish.device_id, wish.made)
    same = wish.secret.isascii() and hmac.compare_digest(right, wish.secret)
    if wish.community != code or not same or now > wish.made + timedelta(hours=REGISTER_HOURS):
        raise unknown()
    known = devices.get(session, community_id, wish.device_id)
    if known.ended_at is not None:
        raise revoked()
    return known.device


def unknown() -> NotAllowed:
    """The one answer to a device, a secret or a signature that is not known here."""
    return NotAllowed(
        say("The office does not know this phone's offline file."),
        "unknown_device",
        say("Download the file anew on the enrolled phone; it registers within a day."),
    )


def revoked() -> NotAllowed:
    """The answer to a phone that was revoked."""
    return NotAllowed(say("This device was revoked by the office."), "device_revoked", say("Ask the office to invite it anew."))
