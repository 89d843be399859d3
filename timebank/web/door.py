"""The door of the web: one book opened for as long as the server runs, the same transactions as the command line's.

Writers queue in this process before they ask the database for its lock: SQLite wakes nobody who waits, its waiters sleep and
try again. Readers never wait. Knows no request and no page.
"""

import hmac
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session

from timebank import doorway, guesses
from timebank.base import communities, db, keys
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.config import Config
from timebank.base.i18n import Say
from timebank.base.keys import Keys
from timebank.checkpoint_log import Line
from timebank.checkpoints import Log
from timebank.once import Outcome, once
from timebank.people.devices import Device

_COUNTS = doorway.Way()
_logger = logging.getLogger("timebank.web")


@dataclass(frozen=True, slots=True)
class Command:
    """One writing request: who acts (`actor` is a row of clerk; a device's own), the key under which it counts once, what it
    is called, what it was asked for."""

    community_id: int
    actor: int
    key: str
    verb: str
    inputs: dict[str, Any]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """A book that is open. Threads share it."""

    config: Config
    engine: Engine
    keys: Keys = field(repr=False)
    log: Log
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def open(cls, config: Config) -> "Door":
        """Open the book that a config names. Raises what `doorway.engine_of` and `keys.read` raise."""
        engine = doorway.engine_of(config)
        own = keys.read(keys.path_of(config.db, config.keys))
        return cls(config, engine, own, doorway.log_of(config, config.db, own))

    @property
    def pepper(self) -> bytes:
        """What voucher codes are kept under."""
        return self.keys.pepper

    def now(self) -> datetime:
        """This request's moment."""
        return self.config.now()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One reading transaction: a snapshot, no lock."""
        with db.reading(self.engine) as session:
            yield session

    def community(self, session: Session, code: str | None = None) -> Community:
        """The community of a code, else the one that the server serves. Raises NotFound `no_community`, Invalid
        `which_community`."""
        return communities.find(session, code or self.config.community)

    def today(self, community: Community) -> date:
        """The community's calendar day."""
        return Act(community.id, self.now(), 0, None, "none", "", "", bytes(32)).today(community.timezone)

    def once(self, command: Command, work: Callable[[Session, Act], dict[str, Any]]) -> Outcome:
        """Do the work in one transaction, once for the command's key: as a command line's command does it.

        Raises Conflict `exists_with_different_content`, Busy, Unwritable, Tampered, and what the work raises; then nothing
        was written.
        """
        asked = doorway.hidden(command.inputs | {"reason": command.reason}, self.pepper)

        def attempt(session: Session) -> tuple[Outcome, Line | None]:
            act = self._act(command)

            def count() -> Outcome:
                return once(session, act, command.verb, asked, lambda: work(session, act))

            return doorway.checked(session, act, self.log, count, _COUNTS, _warn)

        with self._turn:
            outcome, line = db.carried_out(self.engine, attempt)
            unlogged = doorway.publish(self.log, line)
        if unlogged is not None:
            _warn(unlogged.message)
        return outcome

    def failed(self, device: Device) -> None:
        """Count a wrong code of a device, in a transaction of its own after the one that was refused."""
        command = Command(device.community_id, device.actor_id, "", "guess", {})
        with self._turn:
            db.carried_out(self.engine, lambda session: guesses.failed(session, self._act(command), device.id))

    def _act(self, command: Command) -> Act:
        entropy = secrets.token_bytes(32)
        return Act(command.community_id, self.now(), command.actor, None, "none", command.key, command.reason, entropy)

    def derived(self, purpose: str, *parts: str) -> str:
        """A secret of 256 bits that follows from these parts and from the file of keys, as 64 hex digits."""
        told = "\0".join((f"timebank: {purpose}", *parts))
        return hmac.digest(self.pepper, told.encode(), sha256).hex()


def device_key(device: Device, key: str) -> str:
    """The key of a device's command: the same key of two devices is two commands, and none is a clerk's.

    Raises Invalid `bad_key`.
    """
    return f"d{device.id}.{doorway.checked_key(key)}"


def _warn(sentence: Say) -> None:
    _logger.warning("%s", sentence)
