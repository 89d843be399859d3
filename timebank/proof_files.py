"""A proof as a file that anyone can check without the book: an entry and its path to a signed head of the log.

One JSON object: {"v":1,"proves":"entry","payload":…,"index":…,"size":…,"path":[hex…],"note":…} and, where it was made since an
older head, "since":{"size":…,"path":[hex…]}. Pure; `docs/proofs.md` tells how to check one by hand.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from timebank.base.errors import Invalid, Refused, Tampered
from timebank.base.i18n import Say, say
from timebank.notes import NOTE_BYTES_MAX, SIZE_MAX, Head, Vkey, key_of, read_head, vkey
from timebank.proofs import PATH_HASHES_MAX, verify_consistency, verify_inclusion
from timebank.transparency import leaf_hash, parse

FILE_BYTES_MAX = 1_048_576
"""No honest proof is larger: an entry of some kilobytes, 64 hashes a path, a note."""
VERSION = 1
_NAMES = ("index", "note", "path", "payload", "proves", "size", "v")
_HASH = re.compile("[0-9a-f]{64}")
_INCARNATION = re.compile(r"(.+)/([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Since:
    """The path from an older head of `size` entries to the proof's own: the older one is its prefix."""

    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """That `payload` is entry `index` of the log of `size` entries whose signed head is `note`."""

    payload: str
    index: int
    size: int
    path: tuple[bytes, ...]
    note: str
    since: Since | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a proof proved: a `head` of the log, an `entry` (the fields of its payload), the `older` head that is a prefix."""

    head: Head
    entry: dict[str, Any]
    older: Head | None


def write(proof: Proof) -> bytes:
    """The bytes of a proof's file, indented so that people can read it too."""
    told: dict[str, Any] = {
        "v": VERSION,
        "proves": "entry",
        "payload": proof.payload,
        "index": proof.index,
        "size": proof.size,
        "path": [part.hex() for part in proof.path],
        "note": proof.note,
    }
    if proof.since is not None:
        told["since"] = {"size": proof.since.size, "path": [part.hex() for part in proof.since.path]}
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()


def read(data: bytes) -> Proof:
    """Read a proof's file, whoever made it, in bounded time and memory. Raises Invalid `bad_proof`."""
    told = _fields(_object(data))
    since = told.get("since")
    if "since" in told and (type(since) is not dict or sorted(since) != ["path", "size"]):
        raise _bad(say("since is not a size and a path"))
    return Proof(
        payload=_text(told, "payload", FILE_BYTES_MAX),
        index=_count(told, "index"),
        size=_count(told, "size"),
        path=_hashes(told, "path"),
        note=_text(told, "note", NOTE_BYTES_MAX),
        since=None if since is None else Since(_count(since, "size"), _hashes(since, "path")),
    )


def verify(proof: Proof, key: Vkey, older: Head | None = None) -> Verified:
    """Check a proof from the signature down to the entry and, where the reader has one, against an older head of the log.

    Raises Invalid or Tampered `bad_note`; Tampered `not_included`, `misplaced`; Rewritten `no_prefix`; Refused
    `proof_too_old`, `no_since`, where the file cannot answer what was asked, `earlier_log`, `later_log`, where the key is of
    another incarnation of the log.
    """
    head = _head(proof.note, key)
    if proof.size != head.size:
        raise Tampered(
            say("The proof is for {size} entries, its signed head for {other}.", size=proof.size, other=head.size),
            "not_included",
            say("Ask the office for a new proof of the same entry; if that fails too, show both to the supervisors."),
        )
    verify_inclusion(leaf_hash(proof.payload.encode()), proof.index, proof.path, head)
    entry = _entry(proof.payload)
    if type(entry.get("seq")) is not int or entry["seq"] != proof.index or not _is_of(entry, head):
        raise _misplaced()
    if older is not None:
        verify_consistency(older, head, _path_since(proof, older, head))
    return Verified(head, entry, older)


def head_in(data: bytes, key: Vkey) -> Head:
    """The signed head in a file: a note, or a proof that holds one. Raises `bad_note` as `read_head` does, Invalid `bad_proof`,
    Refused `later_log`.

    An earlier incarnation of the log was signed with the same key under its own name, and is read too.
    """
    note = read(data).note if data[:1] == b"{" else data
    origin = _origin(note)
    return read_head(note, key_of(origin, key.public)) if _is_earlier(origin, key.name) else _head(note, key)


def _origin(note: str | bytes) -> str:
    return note.partition("\n")[0] if isinstance(note, str) else note.partition(b"\n")[0].decode("utf-8", "replace")


def _head(note: str | bytes, key: Vkey) -> Head:
    """Read a head that this key signed; accuse nobody where it signed it for another incarnation of the log."""
    origin = _origin(note)
    if _is_earlier(origin, key.name):
        read_head(note, key_of(origin, key.public))
        raise Refused(
            say("The proof is of {earlier}, before the log was opened anew as {log}.", earlier=origin, log=key.name),
            "earlier_log",
            say(
                "It was signed with your key. Ask the office for a new proof of the entry, or which entries were given up; "
                "what held then is checked with --key {key}",
                key=vkey(origin, key.public),
            ),
        )
    if _is_earlier(key.name, origin):
        read_head(note, key_of(origin, key.public))
        raise Refused(
            say(
                "The log was opened anew since your key was printed: it is {log} now, not {earlier}.",
                log=origin,
                earlier=key.name,
            ),
            "later_log",
            say(
                "It was signed with your key, which has another name now: give --key {key}, your older proof with --previous, "
                "and ask the office which entries were given up.",
                key=vkey(origin, key.public),
            ),
        )
    return read_head(note, key)


def _is_earlier(origin: str, name: str) -> bool:
    """Whether an origin ('520201-jianshe/1') is that of an earlier incarnation of the log of this name ('520201-jianshe/2')."""
    one, other = _INCARNATION.fullmatch(origin), _INCARNATION.fullmatch(name)
    return one is not None and other is not None and one[1] == other[1] and int(one[2]) < int(other[2])


def _path_since(proof: Proof, older: Head, head: Head) -> tuple[bytes, ...]:
    """The path from the older head, if the file has it or none is needed."""
    if older.size in (0, head.size):
        return ()
    if older.size > head.size:
        raise Refused(
            say(
                "The proof is of {size} entries, older than the head of {older} it is compared with.",
                size=head.size,
                older=older.size,
            ),
            "proof_too_old",
            say("Ask the office for a new proof, or compare the other way round."),
        )
    if proof.since is None or proof.since.size != older.size:
        raise Refused(
            say("The proof does not say how the log grew from {older} entries to {size}.", older=older.size, size=head.size),
            "no_since",
            say("Ask the office for a proof made since your older one: timebank checkpoint proof ENTRY --since FILE --to FILE"),
        )
    return proof.since.path


def _entry(payload: str) -> dict[str, Any]:
    try:
        return parse(payload.encode())
    except Invalid as error:
        raise _misplaced() from error


def _is_of(entry: dict[str, Any], head: Head) -> bool:
    """Whether an entry says it is of this log, or of an earlier incarnation that the log went on from."""
    log = entry.get("log")
    return type(log) is str and (log == head.origin or _is_earlier(log, head.origin))


def _misplaced() -> Tampered:
    return Tampered(
        say("What the log holds in this place is not an entry of this log with this number."),
        "misplaced",
        say("Show the file to the supervisors: the log was signed with something wrong in it."),
    )


def _object(data: bytes) -> dict[str, Any]:
    """The JSON object of a file: no name twice, no numbers but whole ones, nothing nested deeper than Python reads."""
    if len(data) > FILE_BYTES_MAX:
        raise _bad(say("it is larger than {count} bytes", count=FILE_BYTES_MAX))
    try:
        told = json.loads(data.decode(), object_pairs_hook=_once, parse_float=_no_number, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _bad(say("it is not JSON in UTF-8")) from error
    if type(told) is not dict:
        raise _bad(say("it is not a JSON object"))
    return told


def _fields(told: dict[str, Any]) -> dict[str, Any]:
    """The object, if it has the fields of this version and no others."""
    if type(told.get("v")) is not int or told["v"] != VERSION or told.get("proves") != "entry":
        raise _bad(say("it is of a kind that this version does not know"))
    if sorted(told.keys() - {"since"}) != list(_NAMES):
        raise _bad(say("a field is missing, or there is one too many"))
    return told


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _no_number(_text: str) -> NoReturn:
    raise ValueError("not a whole number")


def _text(told: dict[str, Any], name: str, bytes_max: int) -> str:
    value = told[name]
    if type(value) is not str or len(value) > bytes_max:
        raise _bad(say("{name} is not a text", name=name))
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _bad(say("{name} is not a text", name=name)) from error
    return value


def _count(told: dict[str, Any], name: str) -> int:
    value = told[name]
    if type(value) is not int or not 0 <= value <= SIZE_MAX:
        raise _bad(say("{name} is not a whole number from 0 on", name=name))
    return value


def _hashes(told: dict[str, Any], name: str) -> tuple[bytes, ...]:
    value = told[name]
    if type(value) is not list or len(value) > PATH_HASHES_MAX:
        raise _bad(say("{name} is not a list of hashes", name=name))
    if not all(type(part) is str and _HASH.fullmatch(part) for part in value):
        raise _bad(say("{name} is not a list of hashes", name=name))
    return tuple(bytes.fromhex(part) for part in value)


def _bad(why: Say) -> Invalid:
    return Invalid(
        say("This is no proof that can be checked: {why}.", why=why),
        "bad_proof",
        say("Take the file exactly as the office gave it, or ask for it again; a newer file may need a newer timebank."),
    )
