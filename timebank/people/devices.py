"""Devices: phones and tills that act for a merchant, each known by a secret that only the device keeps.

A phone is invited by a clerk and enrols itself by a link that works once, within a day. It acts under a number of its own
in the clerks' sequence, so that every entry says which phone or till it came from. A row is never changed: another one, at
most once, says that the device was revoked.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import BigInteger, ForeignKeyConstraint, LargeBinary, UniqueConstraint, and_
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.db import Utc, instant, key_field
from timebank.base.errors import Invalid, NotAllowed, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import first, last_id
from timebank.journal import Draft
from timebank.people import clerks, merchants
from timebank.people.merchants import Merchant

Kind = Literal["phone", "till"]
Scope = Literal["verify", "capture", "void", "list"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a device may do, in the order in which it is kept: look at a voucher, take it, take it back the same day, read the
shop's lists."""
INVITATION_HOURS = 24
_TOKEN_BYTES = 20  # 160 bits; 32 characters of base 32, so that a QR stays small


class Enrolment(SQLModel, table=True):
    """An invitation for one device of a merchant: whoever opens its link before `ends_at` becomes that device, once.

    Only the SHA-256 of the link's token is kept. `made_by` is the clerk who answers for it; `scopes` are words with commas.
    """

    __table_args__ = (
        UniqueConstraint("community_id", "token_hash"),
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    merchant_id: int = Field(sa_type=BigInteger)
    label: str
    scopes: str
    token_hash: bytes = Field(sa_type=LargeBinary)
    ends_at: datetime = Field(sa_type=Utc)
    made_by: int = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)


class Device(SQLModel, table=True):
    """A phone or till of a merchant. `secret_hash` is the SHA-256 of what it shows each time; `actor_id` is its number among
    the clerks; `enrolment_id` is its invitation (a till has none), which the UNIQUE key lets be used once."""

    __table_args__ = (
        UniqueConstraint("community_id", "enrolment_id"),
        ForeignKeyConstraint(["community_id", "enrolment_id"], ["enrolment.community_id", "enrolment.id"]),
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        ForeignKeyConstraint(["community_id", "actor_id"], ["clerk.community_id", "clerk.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    enrolment_id: int | None = Field(default=None, sa_type=BigInteger)
    merchant_id: int = Field(sa_type=BigInteger)
    kind: str
    label: str
    scopes: str
    secret_hash: bytes = Field(sa_type=LargeBinary)
    enrolled_at: datetime = Field(sa_type=Utc)
    actor_id: int = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)

    @property
    def number(self) -> str:
        """The number clerks use: 'D003'."""
        return f"D{self.id:03d}"

    def may(self, scope: Scope) -> bool:
        """Whether the device was given this scope."""
        return scope in self.scopes.split(",")


class DeviceEnd(SQLModel, table=True):
    """That a device was revoked, at its entry's moment: it does nothing any more."""

    __tablename__ = "device_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "device_id"], ["device.community_id", "device.id"]),)

    community_id: int = key_field()
    device_id: int = key_field()
    ended_at: datetime = Field(sa_type=Utc)
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation and its token, which is told once."""

    enrolment: Enrolment
    token: str


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A device to be registered: whose, what, called how, for what, and the SHA-256 of its secret (32 bytes)."""

    merchant_id: int
    kind: Kind
    label: str
    scopes: tuple[Scope, ...]
    secret_hash: bytes
    enrolment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A device as it stands: None as long as it was not revoked."""

    device: Device
    ended_at: datetime | None


def hashed(secret: str) -> bytes:
    """What is kept of a token or a secret: SHA-256 of its UTF-8, 32 bytes. Both are random, so no pepper is needed."""
    return hashlib.sha256(secret.encode()).digest()


def scopes_of(words: Iterable[str]) -> tuple[Scope, ...]:
    """The scopes of these words, each once, in the usual order. Raises Invalid `bad_scope`."""
    wanted = set(words)
    found = tuple(scope for scope in SCOPES if scope in wanted)
    if not found or wanted != set(found):
        raise Invalid(
            say("A device's scopes are some of {scopes}.", scopes=", ".join(SCOPES)),
            "bad_scope",
            say("Leave them out for all."),
        )
    return found


def invite(session: Session, act: Act, number: str, label: str = "", scopes: tuple[Scope, ...] = SCOPES) -> Invited:
    """Invite one phone of a merchant; its link works once, for 24 hours.

    `label` is what the shop calls the phone. Raises NotFound `unknown_merchant`, NotAllowed `merchant_inactive`.
    """
    cid = act.community_id
    communities.lock(session, cid)
    merchant = merchants.find(session, cid, number)
    _check_active(merchant)
    token = base64.b32encode(act.draw("device invitation")[:_TOKEN_BYTES]).decode()
    ends_at = act.now + timedelta(hours=INVITATION_HOURS)
    facts: dict[str, object] = {
        "merchant": merchant.id,
        "scopes": ",".join(scopes),
        "token_hash": hashed(token).hex(),
        "ends_at": instant(ends_at),
        "made_by": act.actor,
    }
    number_ = last_id(session, "enrolment", cid) + 1
    today = communities.today(session, act)
    seq = ledger.post(session, act, Draft("device.invite", today, subject=f"enrolment:{number_}", facts=facts)).seq
    enrolment = Enrolment(
        community_id=cid,
        id=number_,
        merchant_id=merchant.id,
        label=label,
        scopes=",".join(scopes),
        token_hash=hashed(token),
        ends_at=ends_at,
        made_by=act.actor,
        seq=seq,
    )
    session.add(enrolment)
    session.flush()
    return Invited(enrolment, token)


def invited(session: Session, community_id: int, token: str, now: datetime) -> Enrolment:
    """The invitation of a token, still good at a moment. Raises NotFound `unknown_invitation`; Refused `invitation_over`,
    `invitation_used`."""
    enrolment = _with_token(session, community_id, token)
    ask = say("Ask the office for a new one: timebank device invite.")
    if enrolment is None:
        raise no_invitation()
    if first(session, Device, community_id=community_id, enrolment_id=enrolment.id) is not None:
        raise Refused(say("This invitation was used already; it works once."), "invitation_used", ask)
    if now >= enrolment.ends_at:
        raise Refused(
            say("This invitation is over; it was good for {hours} hours.", hours=INVITATION_HOURS), "invitation_over", ask
        )
    return enrolment


def inviter(session: Session, community_id: int, token: str) -> int:
    """The clerk who answers for an invitation, whatever became of it. Raises NotFound `unknown_invitation`."""
    enrolment = _with_token(session, community_id, token)
    if enrolment is None:
        raise no_invitation()
    return enrolment.made_by


def is_invitation(session: Session, community_id: int, token: str) -> bool:
    """Whether a community invited with this token."""
    return _with_token(session, community_id, token) is not None


def no_invitation() -> NotFound:
    """The refusal of a token that nobody was invited with."""
    ask = say("Ask the office for a new one: timebank device invite.")
    return NotFound(say("There is no such invitation."), "unknown_invitation", ask)


def _with_token(session: Session, community_id: int, token: str) -> Enrolment | None:
    return first(session, Enrolment, community_id=community_id, token_hash=hashed(token))


def enrol(session: Session, act: Act, token: str, secret: str) -> Device:
    """Make whoever holds an invitation's token a device of its merchant, known by `secret` from now on.

    The act's actor is the clerk who invited. Raises what `invited` raises, NotAllowed `merchant_inactive`.
    """
    communities.lock(session, act.community_id)
    asked = invited(session, act.community_id, token, act.now)
    scopes = scopes_of(asked.scopes.split(","))
    return add(session, act, Newcomer(asked.merchant_id, "phone", asked.label, scopes, hashed(secret), asked.id))


def add(session: Session, act: Act, new: Newcomer) -> Device:
    """Register a device of an active merchant, with a number of its own. Raises NotAllowed `merchant_inactive`."""
    cid = act.community_id
    communities.lock(session, cid)
    merchant = merchants.get(session, cid, new.merchant_id)
    _check_active(merchant)
    number = last_id(session, "device", cid) + 1
    actor = clerks.add_device(session, act, number, new.label or f"{merchant.name} D{number:03d}")
    bound = {"kind": new.kind, "scopes": ",".join(new.scopes)}
    facts: dict[str, object] = {"merchant": merchant.id, **bound, "secret_hash": new.secret_hash.hex(), "clerk": actor.id}
    if new.enrolment_id is not None:
        facts["enrolment"] = new.enrolment_id
    today = communities.today(session, act)
    receipt = ledger.post(session, act, Draft("device.enrol", today, subject=f"device:{number}", facts=facts))
    device = Device(
        community_id=cid,
        id=number,
        enrolment_id=new.enrolment_id,
        merchant_id=merchant.id,
        label=new.label,
        **bound,
        secret_hash=new.secret_hash,
        enrolled_at=act.now,
        actor_id=actor.id,
        seq=receipt.seq,
    )
    session.add(device)
    session.flush()
    return device


def revoke(session: Session, act: Act, device_id: int) -> Known:
    """Let a device do nothing any more, from now on. Raises NotFound `unknown_device`, Refused `revoked_already`."""
    cid = act.community_id
    communities.lock(session, cid)
    known = get(session, cid, device_id)
    if known.ended_at is not None:
        raise Refused(
            say("Device {number} was revoked already.", number=known.device.number),
            "revoked_already",
            say("See timebank device list."),
        )
    today = communities.today(session, act)
    receipt = ledger.post(session, act, Draft("device.end", today, subject=f"device:{device_id}"))
    session.add(DeviceEnd(community_id=cid, device_id=device_id, ended_at=act.now, seq=receipt.seq))
    session.flush()
    return Known(known.device, act.now)


def known(session: Session, community_id: int, device_id: int, secret: str) -> Device:
    """The device that shows this secret. Raises NotAllowed `unknown_device` (the same whatever is wrong with the number or the
    secret), `device_revoked`, `merchant_inactive`."""
    device = first(session, Device, community_id=community_id, id=device_id)
    if device is None or not hmac.compare_digest(device.secret_hash, hashed(secret)):
        raise unknown()
    if first(session, DeviceEnd, community_id=community_id, device_id=device_id) is not None:
        raise NotAllowed(
            say("This device was revoked by the office."), "device_revoked", say("Ask the office to invite it anew.")
        )
    _check_active(merchants.get(session, community_id, device.merchant_id))
    return device


def unknown() -> NotAllowed:
    """The refusal of whoever is no device of ours."""
    return NotAllowed(
        say("This device is not enrolled here."),
        "unknown_device",
        say("Ask the office to invite it: timebank device invite."),
    )


def _check_active(merchant: Merchant) -> None:
    if merchant.state != "active":
        raise NotAllowed(
            say("{name} is not an active merchant.", name=merchant.name),
            "merchant_inactive",
            say("Ask the office; vouchers stay good until their last day."),
        )


_ENDED = and_(col(DeviceEnd.community_id) == col(Device.community_id), col(DeviceEnd.device_id) == col(Device.id))


def listed(session: Session, community_id: int) -> list[Known]:
    """All devices by number, revoked ones too."""
    wanted = select(Device, DeviceEnd).outerjoin(DeviceEnd, _ENDED).where(col(Device.community_id) == community_id)
    return [Known(device, end.ended_at if end else None) for device, end in session.exec(wanted.order_by(col(Device.id)))]


def find(session: Session, community_id: int, number: str) -> Known:
    """The device of a printed number ('D003', 'd3', '3'). Raises NotFound `unknown_device`."""
    digits = id_key(number).removeprefix("D")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise _unknown(number)
    return get(session, community_id, int(digits))


def get(session: Session, community_id: int, device_id: int) -> Known:
    """The device of an id. Raises NotFound `unknown_device`."""
    device = first(session, Device, community_id=community_id, id=device_id)
    if device is None:
        raise _unknown(f"D{device_id:03d}")
    end = first(session, DeviceEnd, community_id=community_id, device_id=device_id)
    return Known(device, end.ended_at if end else None)


def _unknown(number: str) -> NotFound:
    return NotFound(
        say("There is no device {number}.", number=number), "unknown_device", say("See the numbers with timebank device list.")
    )
