"""Tills: devices of a shop that are no phones. A clerk registers one and hands its key over, which is shown once.

A key is `tbk_<community>-<device>_<secret>`: 256 random bits, of which the database keeps the SHA-256. Whatever is wrong with
a key has one answer, so that nobody learns which communities and devices there are.
"""

import re
from dataclasses import dataclass, field

from sqlmodel import Session

from timebank.base import communities
from timebank.base.act import Act
from timebank.base.errors import NotAllowed
from timebank.base.i18n import say
from timebank.people import devices, merchants
from timebank.people.devices import Device, Newcomer, Scope

_KEY = re.compile(r"tbk_([a-z0-9][a-z0-9-]{1,39})-([1-9][0-9]{0,9})_([0-9a-f]{64})")
_NO_KEY = ("device_revoked", "unknown_device")


@dataclass(frozen=True, slots=True)
class Key:
    """A till's key as it was sent: the community's code, the device's number, the secret."""

    community: str
    device_id: int
    secret: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The key as it is handed over."""
        return f"tbk_{self.community}-{self.device_id}_{self.secret}"


@dataclass(frozen=True, slots=True)
class Added:
    """A new till and its key, which is told once."""

    device: Device
    key: Key


def add(session: Session, act: Act, number: str, label: str, scopes: tuple[Scope, ...]) -> Added:
    """Register a till of a merchant, by the merchant's printed number; `label` is what the shop calls it.

    Raises NotFound `unknown_merchant`, NotAllowed `merchant_inactive`.
    """
    cid = act.community_id
    code = communities.lock(session, cid).code
    secret = act.draw("till secret").hex()
    merchant = merchants.find(session, cid, number)
    device = devices.add(session, act, Newcomer(merchant.id, "till", label, scopes, devices.hashed(secret)))
    return Added(device, Key(code, device.id, secret))


def read(text: str) -> Key:
    """Read a key. Raises NotAllowed `unknown_key`."""
    found = _KEY.fullmatch(text)
    if found is None:
        raise unknown()
    return Key(found[1], int(found[2]), found[3])


def known(session: Session, community_id: int, key: Key) -> Device:
    """The till that shows this key. Raises NotAllowed `unknown_key`, `merchant_inactive`."""
    try:
        device = devices.known(session, community_id, key.device_id, key.secret)
    except NotAllowed as refusal:
        if refusal.code in _NO_KEY:
            raise unknown() from refusal
        raise
    if device.kind != "till":
        raise unknown()  # a phone shows its secret in a cookie, which scripts do not see; here it would be a stolen one
    return device


def unknown() -> NotAllowed:
    """The one answer to every key that is none, or none any more."""
    return NotAllowed(
        say("This key is not known here, or was revoked."),
        "unknown_key",
        say("Ask the office for one: timebank device till add."),
    )


def may(device: Device, scope: Scope) -> None:
    """Refuse what a till was not given. Raises NotAllowed `missing_scope`."""
    if not device.may(scope):
        raise NotAllowed(
            say("This key may not {scope}.", scope=scope),
            "missing_scope",
            say("Ask the office for a key with that scope: timebank device till add."),
        )
