"""A shop's phone without a network, for tests of what the office makes of it: the lines it would write, its registration."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from conftest import Book
from shopping import PEPPER
from timebank import acceptance_text, acceptances, issuers, redemption, vouchers
from timebank.acceptances import Answer
from timebank.base import communities, keys
from timebank.base.act import Act
from timebank.base.db import instant
from timebank.once import once
from timebank.people import devices, merchants, offline_keys
from timebank.people.devices import SCOPES, Device, Newcomer
from timebank.redemption import Request
from timebank.transparency import canonical
from timebank.vouchers import Voucher

OFFICE_SEED = bytes(range(32))
"""What issuer keys of these tests are derived from."""
CODE = "520201-jianshe"


def signed(kind: str, said: dict[str, object], seed: bytes) -> str:
    """A line as the phone's script writes it."""
    message = canonical(said)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(message)
    parts = (urlsafe_b64encode(part).decode().rstrip("=") for part in (message, signature))
    return ".".join((kind, *parts))


@dataclass(frozen=True, slots=True)
class OfflinePhone:
    """A phone that has its key: `seed` is its secret half."""

    device: Device
    seed: bytes = b"\7" * 32

    def accepts(self, n: int, token: str, at: datetime, bill: int = 8_600, /, **other: object) -> str:
        """The line of one acceptance."""
        said = {"at": instant(at), "bill": bill, "community": CODE, "device": self.device.id, "n": n, "token": token, "v": 1}
        return signed("TB1", {**said, **other}, self.seed)

    def registers(self, made: datetime, secret: str) -> str:
        """The line that registers its key."""
        public = urlsafe_b64encode(keys.public(self.seed)).decode().rstrip("=")
        said = {"at": instant(made), "community": CODE, "device": self.device.id, "made": instant(made)}
        return signed("TBK", {**said, "public": public, "secret": secret, "v": 1}, self.seed)


def enrolled(book: Book, merchant: str = "S001", seed: bytes = b"\7" * 32) -> OfflinePhone:
    """A phone of a shop with a registered key."""
    with book.write() as session:
        act = book.act()
        code = communities.lock(session, 1).code
        shop = merchants.find(session, 1, merchant)

        def work() -> dict[str, object]:
            device = devices.add(session, act, Newcomer(shop.id, "phone", "", SCOPES, devices.hashed("a phone's own")))
            phone = OfflinePhone(device, seed)
            secret = offline_keys.secret_of(PEPPER, code, device.id, act.now)
            line = acceptance_text.lines(phone.registers(act.now, secret))[0]
            offline_keys.register(session, act, acceptance_text.new_key(line), PEPPER)
            return {"device": device.id}

        number = once(session, act, "test", {}, work).receipt["device"]
    with book.read() as session:
        return OfflinePhone(devices.get(session, 1, number).device, seed)


def issued(book: Book, points: int = 100, *, offer: int = 1, days: int | None = None) -> tuple[Voucher, str]:
    """A voucher of M0001 and its token."""
    told: list[str] = []
    with book.write() as session:
        act = book.act()

        def work() -> dict[str, object]:
            voucher = redemption.issue(session, act, Request("M0001", offer, points, days), PEPPER).voucher
            told.append(issuers.token_of(session, act, voucher, OFFICE_SEED) or "")
            return {"voucher": voucher.id}

        number = once(session, act, "test", {}, work).receipt["voucher"]
    with book.read() as session:
        return vouchers.get(session, 1, number), told[0]


def uploaded(book: Book, *lines: str) -> list[Answer]:
    """What the office answers to these lines."""
    made: list[Answer] = []

    def work(session: Session, act: Act) -> None:
        made[:] = acceptances.take(session, act, acceptance_text.lines(" ".join(lines)))

    book.command(work, book.act())
    return made
