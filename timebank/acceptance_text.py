"""What a phone writes down where there is no network, as text that any messenger carries. Pure.

Each line is `TB1.<record>.<signature>`, both in base64url (RFC 4648) without padding: the canonical JSON of a record, and its
Ed25519 signature (RFC 8032) by the key that the phone made for itself. A line `TBK.…` registers that key, with the secret that
only the phone's own file had. Spaces, line ends and words around the lines mean nothing, so that a pasted message can be read.
"""

import re
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal

from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.transparency import parse

LINES_MAX = 200
TEXT_MAX = 200_000
"""Characters of one upload: 200 lines have 120,000."""
_LINE = re.compile(r"(TB1|TBK)\.([A-Za-z0-9_-]{1,900})\.([A-Za-z0-9_-]{86})")
_SPACES = re.compile(r"\s+")
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
_NUMBER_MAX = 10**10 - 1
_ACCEPTANCE = {"at": str, "bill": int, "community": str, "device": int, "n": int, "token": str, "v": int}
_KEY = {"at": str, "community": str, "device": int, "made": str, "public": str, "secret": str, "v": int}


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it came: what the phone said (canonical bytes) and its signature (64 bytes), which nobody has checked."""

    kind: Literal["TB1", "TBK"]
    said: bytes
    signature: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was said, 32 bytes: two lines that say the same have the same."""
        return sha256(self.said).digest()

    def signed_by(self, public: bytes) -> bool:
        """Whether the holder of a key (its public half, 32 bytes) signed just this."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # 40 ms, so only where it is used

        try:
            Ed25519PublicKey.from_public_bytes(public).verify(self.signature, self.said)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Record:
    """One acceptance: the community's code, the device, its running number `n` (from 1), the token of the QR, the whole bill in
    fen (0 for goods), the phone's moment."""

    community: str
    device_id: int
    n: int
    token: str
    bill_fen: int
    at: datetime


@dataclass(frozen=True, slots=True)
class NewKey:
    """A phone's wish to have its key known: the public half (32 bytes), the secret of its file, when that file was made."""

    community: str
    device_id: int
    public: bytes
    secret: str
    made: datetime


def lines(text: str) -> list[Line]:
    """The lines of an upload or of a pasted message, in its order. Raises Invalid `no_acceptances`, `too_many_acceptances`."""
    if len(text) > TEXT_MAX:
        raise too_many()
    found = _LINE.findall(_SPACES.sub("", text))
    if not found:
        raise Invalid(
            say("There is nothing in this text that a phone accepted offline."),
            "no_acceptances",
            say("Copy the whole text from the phone's offline page and paste it unchanged."),
        )
    if len(found) > LINES_MAX:
        raise too_many()
    return [Line(kind, _bytes(said), _bytes(signature)) for kind, said, signature in found]


def too_many() -> Invalid:
    """The refusal of an upload that is longer than any phone's."""
    return Invalid(
        say("One upload holds at most {most} acceptances.", most=LINES_MAX),
        "too_many_acceptances",
        say("Divide the text and upload one part after the other."),
    )


def record(line: Line) -> Record:
    """Read an acceptance. Raises Invalid `bad_acceptance`."""
    said = _fields(line.said, _ACCEPTANCE)
    if not (1 <= said["device"] <= _NUMBER_MAX and 1 <= said["n"] <= _NUMBER_MAX and 0 <= said["bill"] <= _NUMBER_MAX):
        raise bad()
    return Record(said["community"], said["device"], said["n"], said["token"], said["bill"], _moment(said["at"]))


def new_key(line: Line) -> NewKey:
    """Read a registration, signed by the very key it registers. Raises Invalid `bad_acceptance`."""
    said = _fields(line.said, _KEY)
    public = _bytes(said["public"])
    if not 1 <= said["device"] <= _NUMBER_MAX or not line.signed_by(public):
        raise bad()
    return NewKey(said["community"], said["device"], public, said["secret"], _moment(said["made"]))


def _fields(said: bytes, wanted: Mapping[str, type]) -> dict[str, Any]:
    """What was said, in just these fields, of these kinds, of version 1."""
    try:
        found = parse(said)
    except Invalid as error:
        raise bad() from error
    if {name: type(value) for name, value in found.items()} != wanted or found["v"] != 1:
        raise bad()
    return found


def _moment(written: str) -> datetime:
    try:
        found = datetime.strptime(written, _INSTANT).replace(tzinfo=UTC)
    except ValueError as error:
        raise bad() from error
    if found.strftime(_INSTANT) != written or found.year < 2000:
        raise bad()
    return found


def _bytes(written: str) -> bytes:
    try:
        return urlsafe_b64decode(written + "=" * (-len(written) % 4))
    except (Error, ValueError) as error:
        raise bad() from error


def bad() -> Invalid:
    """The refusal of what no phone has written."""
    return Invalid(
        say("This is no acceptance of a phone, or it was changed on its way."),
        "bad_acceptance",
        say("Copy the whole text from the phone's offline page and paste it unchanged."),
    )
