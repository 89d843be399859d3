"""The secrets of one database, in a file of their own beside it: the pepper under which voucher codes are kept, and the seed
of the key that signs heads of the log.

`<database file>.keys`, mode 0600, one JSON object: {"pepper":"<64 hex digits>","seed":"<64 hex digits>","version":2}, other
names are left alone. Never in the database, so that a copy of the database alone gives no code away and signs nothing. The
door reads it and gives its values to the verbs. Without it no printed code can be recognised any more and nobody can sign as
this log: it belongs into the backup, and a lost one is never replaced by itself.

A file of version 1 has a pepper only. Its seed follows from the pepper, so that nothing need be written to complete it, and
a backup of such a file still signs as the same log.
"""

import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sqlalchemy.engine import make_url

from timebank.base.errors import Conflict, Invalid, NotAllowed, NotFound, Unwritable
from timebank.base.i18n import say
from timebank.base.sheet_writing import sync_folder

PEPPER_BYTES = 32
SEED_BYTES = 32
CHANCE_BYTES = PEPPER_BYTES + SEED_BYTES
VERSION = 2
_MODE = 0o600
_FILE_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one database: the `pepper` of voucher codes, the `seed` of the log's Ed25519 key, 32 bytes each.

    Never shown by repr().
    """

    pepper: bytes = field(repr=False)
    seed: bytes = field(repr=False)


def path_of(url: str, configured: str | None = None) -> Path:
    """Where a database's keys lie: the configured path, else beside the SQLite file. Raises Invalid `no_keys_path`."""
    if configured:
        return Path(configured)
    place = make_url(url)
    if place.get_backend_name() != "sqlite" or place.database in (None, "", ":memory:"):
        raise Invalid(
            say("A database that is no file has no place for its keys."),
            "no_keys_path",
            say("Name a file of this computer with TIMEBANK_KEYS."),
        )
    return Path(f"{place.database}.keys")


def read(path: Path) -> Keys:
    """Read the keys. Raises NotFound `no_keys`, NotAllowed `keys_denied`, Unwritable `keys_unreadable`, Invalid `bad_keys`."""
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX)
    except FileNotFoundError as error:
        raise NotFound(
            say("The file of keys {path} is missing.", path=str(path)),
            "no_keys",
            say("Bring it back from the backup: without it no voucher code can be checked and no head of the log signed."),
        ) from error
    except PermissionError as error:
        raise NotAllowed(
            say("This user of the computer may not read the file of keys {path}.", path=str(path)),
            "keys_denied",
            say("Only its owner may: give the command as that user. timebank audit and db status work without it."),
        ) from error
    except IsADirectoryError as error:
        raise _bad(path) from error
    except OSError as error:
        raise Unwritable(
            say(
                "The file of keys {path} cannot be read: {cause}.", path=str(path), cause=error.strerror or type(error).__name__
            ),
            "keys_unreadable",
            say("Nothing was done. Look after the disk, then give the command again."),
        ) from error
    try:
        found = json.loads(data)
        version, pepper = found["version"], bytes.fromhex(found["pepper"])
        seed = _seed_of(pepper) if version == 1 else bytes.fromhex(found["seed"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _bad(path) from error
    if version not in (1, VERSION) or len(pepper) != PEPPER_BYTES or len(seed) != SEED_BYTES:
        raise _bad(path)
    return Keys(pepper, seed)


def _seed_of(pepper: bytes) -> bytes:
    """The seed of a file of version 1: SHA-512, as all that the database holds under a pepper is HMAC with SHA-256."""
    return hmac.digest(pepper, b"timebank: seed of the log's Ed25519 key", hashlib.sha512)[:SEED_BYTES]


def issuer_seed(seed: bytes, community: str, number: int) -> bytes:
    """The seed (32 bytes) of a community's issuer key of a number: it follows from the log's, so that a backup has them all.

    `community` is its code, which a copy of the database keeps. SHA-512 and a name of its own, as for the log's.
    """
    asked = f"timebank: seed of issuer key {number} of {community}"
    return hmac.digest(seed, asked.encode(), hashlib.sha512)[:SEED_BYTES]


@lru_cache(4)  # every command asks four times, and a server all day
def public(seed: bytes) -> bytes:
    """The public half (32 bytes) of an Ed25519 key, from its seed (32 bytes)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # 40 ms, so only where it is used

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _bad(path: Path) -> Invalid:
    return Invalid(
        say("The file of keys {path} is damaged.", path=str(path)),
        "bad_keys",
        say("Bring it back from the backup: without it no voucher code can be checked and no head of the log signed."),
    )


def read_or_make(path: Path, chance: bytes) -> Keys:
    """Read the keys, or make them of 64 random bytes if there is no file yet; of two who make them at once, one wins.

    Only where no voucher exists and no head was signed: a new pepper would make old codes unknown, a new seed is another log's
    key. Raises as `read`, and Unwritable `unwritable`.
    """
    assert len(chance) == CHANCE_BYTES, "keys are made of 64 random bytes"
    with suppress(NotFound):
        return read(path)
    made = {"pepper": chance[:PEPPER_BYTES].hex(), "seed": chance[PEPPER_BYTES:].hex(), "version": VERSION}
    _publish(path, json.dumps(made, sort_keys=True).encode() + b"\n")
    return read(path)


def copy(source: Path, target: Path) -> None:
    """Give another database the same keys. Raises as `read`, and Conflict `other_keys`, Unwritable `unwritable`."""
    wanted = read(source)
    if not target.exists():
        _publish(target, source.read_bytes())
    if read(target) != wanted:
        raise Conflict(
            say("The file of keys {path} holds other keys.", path=str(target)),
            "other_keys",
            say("It belongs to another database: name another file with --keys."),
        )


def _publish(path: Path, data: bytes) -> None:
    """Give the file its name only when all of it is on the disk, and never in the place of another one."""
    temporary = path.parent / f".timebank-{secrets.token_hex(8)}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _MODE)
        try:
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with suppress(FileExistsError):  # someone else was first: theirs counts
            os.link(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise Unwritable(
            say("{file} cannot be written: {cause}.", file=str(path), cause=error.strerror or type(error).__name__),
            "unwritable",
            say("Check free space and permissions of its folder, or name another file with TIMEBANK_KEYS."),
        ) from error
    finally:
        with suppress(OSError):  # gone already, or never made
            temporary.unlink()
