"""Signed tokens: what the QR of a voucher holds, so that a phone can check it without asking the office. Pure.

A token is 26 bytes in a fixed form and their Ed25519 signature (RFC 8032), 90 bytes in all: 144 characters of base 32
(RFC 4648), without padding. In capitals behind the counter's address it fits into a QR of version 7, level M, whose
alphanumeric mode holds 178 characters (ISO/IEC 18004, table 7). Big endian:

    version = 1 (1) · issuer key (1) · community (4) · merchant (4) · offer (4) · voucher (5) · points (4) · last day (3)

`community` is the start of the SHA-256 of its code, `last day` counts days from 2000-01-01. A token names nobody.
"""

import re
from base64 import b32decode, b32encode
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from timebank.base.codes import narrow
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say

CHARACTERS = 144
BYTES = 26
KEY_MAX = 255
"""The highest number of an issuer key: it has one byte, and 0 is nobody's."""
URL_CHARACTERS_MAX = 178
"""What a QR of version 7, level M holds in capitals and digits."""

_VERSION = 1
_DOMAIN = b"timebank voucher v1\0"
_COMMUNITY_BYTES = 4
_FIELDS = (1, 1, _COMMUNITY_BYTES, 4, 4, 5, 4, 3)
_FIRST_DAY = date(2000, 1, 1)
_PATH = "/V/"
_WITHOUT_COUNTER = "TIMEBANK:V/"
_READ_MAX = 1_000
_TYPED_MAX = 60
_SPACES = re.compile(r"\s+")
_TOKEN = re.compile(r"(?:(?:HTTPS?://[A-Z0-9.:-]{1,200}/|TIMEBANK:)V/)?([A-Z2-7]{144})(?:[/?#].*)?")
_COUNTER = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(:[1-9][0-9]{0,4})?/?")


@dataclass(frozen=True, slots=True)
class Token:
    """What a voucher's QR says: which issuer `key` (1-255) signs it, whose `community` (4 bytes: `community_of`), for which
    merchant and offer, the voucher's number, its points (smallest unit), the last day it is good."""

    key: int
    community: bytes
    merchant_id: int
    offer_id: int
    voucher_id: int
    points: int
    last_day: date

    def packed(self) -> bytes:
        """The 26 bytes that are signed."""
        numbers = (
            *(_VERSION, self.key, int.from_bytes(self.community, "big"), self.merchant_id, self.offer_id, self.voucher_id),
            *(self.points, (self.last_day - _FIRST_DAY).days),
        )
        assert 1 <= self.key <= KEY_MAX, "an issuer key has a number of one byte"
        assert len(self.community) == _COMMUNITY_BYTES, "a community is four bytes of its code's hash"
        return b"".join(number.to_bytes(width, "big") for number, width in zip(numbers, _FIELDS, strict=True))


@dataclass(frozen=True, slots=True)
class Signed:
    """A token as it was presented, with its signature (64 bytes), which nobody has checked yet."""

    token: Token
    signature: bytes

    def check(self, public: bytes) -> None:
        """Check the signature under an issuer's public key (32 bytes). Raises Invalid `bad_token`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # 40 ms, so only where it is used

        try:
            Ed25519PublicKey.from_public_bytes(public).verify(self.signature, _DOMAIN + self.token.packed())
        except InvalidSignature as error:
            raise _bad(say("The signature of this QR code is not the office's.")) from error


def community_of(code: str) -> bytes:
    """How a token names a community: the first 4 bytes of the SHA-256 of its code."""
    return sha256(code.encode()).digest()[:_COMMUNITY_BYTES]


def sign(token: Token, seed: bytes) -> str:
    """Sign a token with an issuer key's seed (32 bytes): its 144 characters. The same token gives the same characters."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # 40 ms, so only where it is used

    packed = token.packed()
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(_DOMAIN + packed)
    return b32encode(packed + signature).decode()


def read(text: str) -> Signed:
    """Read what a QR holds, or what of it was pasted: with or without the address, in any case, with spaces and line ends.

    Nothing of it is believed before `Signed.check`. Raises Invalid `bad_token`; the message never repeats the token.
    """
    found = _TOKEN.fullmatch(_SPACES.sub("", narrow(text)).upper()) if len(text) <= _READ_MAX else None
    if found is None:
        raise _bad(say("This is no QR code of a voucher."))
    data = b32decode(found[1])
    numbers, start = [], 0
    for width in _FIELDS:
        numbers.append(int.from_bytes(data[start : start + width], "big"))
        start += width
    version, key, _, merchant_id, offer_id, voucher_id, points, days = numbers
    if version != _VERSION or not 1 <= key <= KEY_MAX:
        raise _bad(say("This QR code is of another version of the program."))
    try:
        last_day = _FIRST_DAY + timedelta(days=days)
    except OverflowError as error:
        raise _bad(say("This is no QR code of a voucher.")) from error
    return Signed(Token(key, data[2:6], merchant_id, offer_id, voucher_id, points, last_day), data[BYTES:])


def meant(text: str) -> bool:
    """Whether a text is meant as a token rather than a code: nobody types that many characters."""
    return len(text.strip()) > _TYPED_MAX


def url(token: str, counter: str | None) -> str:
    """What the QR holds: an address that any phone's camera opens, or without a counter what only its page reads."""
    made = f"{counter.upper()}{_PATH}{token}" if counter else f"{_WITHOUT_COUNTER}{token}"
    assert len(made) <= URL_CHARACTERS_MAX, "`counter_of` refuses longer addresses"
    return made


def counter_of(text: str) -> str:
    """A counter's address as QRs carry it: 'https://jianshe.example.cn', without a path, of at most 31 characters.

    Host names are the same in capitals, paths are not, so none is allowed. Raises Invalid `bad_counter`.
    """
    found = _COUNTER.fullmatch(text.strip().lower())
    if found is None:
        raise _bad_counter(say("{text} is not the address of a counter.", text=text))
    address = f"{found[1]}://{found[2]}{found[3] or ''}"
    most = URL_CHARACTERS_MAX - len(_PATH) - CHARACTERS
    if len(address) > most:
        told = {"text": address, "count": len(address), "most": most}
        raise _bad_counter(say("The address {text} has {count} characters; a QR has room for {most}.", **told))
    return address


def _bad(message: Say) -> Invalid:
    return Invalid(message, "bad_token", say("Take the photo again, or type the code that is printed beside it."))


def _bad_counter(message: Say) -> Invalid:
    return Invalid(message, "bad_counter", say("Give it like https://jianshe.example.cn, without anything behind the name."))
