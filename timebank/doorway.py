"""What every door shares, the command line's and the web's: where a book lies, and how one writing transaction counts.

A book is held against what was published of it before anything is written; the head that the work makes is signed in the same
transaction and written down once it counts.
"""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session

from timebank import checkpoint_log, checkpoints
from timebank.base import communities, db, keys, schema
from timebank.base.act import Act
from timebank.base.config import Config, sqlite_path
from timebank.base.errors import Busy, Invalid, Unwritable
from timebank.base.i18n import Say, say
from timebank.base.keys import Keys
from timebank.base.masking import tells_who
from timebank.checkpoint_log import Line
from timebank.checkpoints import Log
from timebank.once import Outcome

_KEY = re.compile(r"[A-Za-z0-9._:-]{1,80}")


@dataclass(frozen=True, slots=True)
class Way:
    """How a command counts: one that `mends` is let in where a book does not agree with what was published; what is
    `rehearsed` is taken back."""

    mends: bool = False
    rehearsed: bool = False


def engine_of(config: Config) -> Engine:
    """The database, checked to be there and of this program's revision. Raises Invalid `no_database`, and as `schema.check`."""
    path = sqlite_path(config.db)
    if path is not None and not path.exists():
        raise Invalid(
            say("There is no database {path}.", path=str(path)),
            "no_database",
            say("Found a time bank: timebank init --community CODE --name NAME, or name another --db."),
        )
    engine = db.open_engine(config.db)
    schema.check(engine)
    return engine


def log_of(config: Config, url: str, secrets: Keys) -> Log:
    """The log of checkpoints of a database (the config's own, or a rehearsal's)."""
    return Log(checkpoint_log.path_of(url, config.checkpoints, keys.path_of(url, config.keys)), secrets.seed)


def checked_key(key: str) -> str:
    """An idempotency key that people or programs gave. Raises Invalid `bad_key`."""
    if not _KEY.fullmatch(key) or tells_who(key):
        raise Invalid(
            say("{key} cannot be a command's key.", key=key),
            "bad_key",
            say("Use 1 to 80 letters, digits and . _ - : without spaces, and no phone or identity number."),
        )
    return key


def hidden(inputs: dict[str, Any], pepper: bytes) -> dict[str, str]:
    """Inputs as the fingerprint gets them: under the pepper, so that the database gives no name, phone or code away."""
    given = json.dumps(inputs, sort_keys=True, ensure_ascii=False)
    return {"inputs": hmac.digest(pepper, given.encode(), sha256).hex()}


def checked(
    session: Session, act: Act, log: Log, work: Callable[[], Outcome], way: Way, warn: Callable[[Say], None]
) -> tuple[Outcome, Line | None]:
    """Hold the book against what was published of it, do the work, and sign the head that the work made, if it did.

    Before anything is done it raises RolledBack, Rewritten, Tampered `other_key`, Unwritable `log_unreadable`,
    `log_unwritten`.
    """
    before = communities.lock(session, act.community_id).size
    if not way.mends:
        checkpoints.check(session, act.community_id, log)
    if not way.rehearsed:
        checkpoint_log.check_writable(log.path)
        if not way.mends and checkpoints.catch_up(session, act.community_id, log).anew:
            warn(say("The log of checkpoints {file} was missing; it was written anew from the database.", file=log.path))
    outcome = work()
    grown = communities.lock(session, act.community_id).size > before
    return outcome, checkpoints.make(session, act, log.seed) if grown else None


def publish(log: Log, line: Line | None) -> Unwritable | Busy | None:
    """Write down what a command signed, once it counts and before anybody is told; gives why that could not be done."""
    if line is not None:
        try:
            checkpoint_log.append(log.path, line.code, [line])
        except (Unwritable, Busy) as error:
            return error
    return None
