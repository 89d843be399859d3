"""Signed notes: a head of the log (origin, size, root) under the log's Ed25519 key. Pure: no database, no clock, no file.

Sources: C2SP signed-note and tlog-checkpoint (https://c2sp.org), RFC 8032. A note is read strictly: what the program would
not write itself is refused, except for what the specifications ask to tolerate (other signers' lines, extension lines).
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from timebank.base.errors import Invalid, Tampered
from timebank.base.i18n import Say, say
from timebank.transparency import EMPTY_ROOT

SIZE_MAX = 2**63 - 1
NOTE_BYTES_MAX = 131_072
"""Room for the 16 signatures that every reader must accept, post-quantum ones of 5 kB among them."""
SIGNATURES_MAX = 64

_ED25519 = b"\x01"
_HASH_BYTES = 32
_ID_BYTES = 4
_DASH = "\N{EM DASH} "
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile("0|[1-9][0-9]{0,18}")
_DIGITS = 40
_AMONG = re.compile(rb"(?:\A|\n)([^\s/]+/[1-9][0-9]*\n[0-9]+\n[A-Za-z0-9+/]{43}=\n\n(?:%s[^\n]+\n)+)" % _DASH.encode())

# The heights (y) of the curve's points of order 1, 2, 4 and 8, in every way to write them. Under such a key one signature fits
# any note, so whoever publishes it can deny all of his papers; OpenSSL lets it pass.
_P = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_WEAK = {0, 1, _P - 1, _P, _P + 1, _ORDER_8, _P - _ORDER_8}


@dataclass(frozen=True, slots=True)
class Head:
    """The log at a moment: its `origin` (name, the key's name too), its `size` in entries, its `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Vkey:
    """A key to verify with: its `name`, its `key_id` (4 bytes), the `public` half (32 bytes, Ed25519)."""

    name: str
    key_id: bytes
    public: bytes


def key_of(name: str, public: bytes) -> Vkey:
    """The verifying key of a name and a public half. Raises Invalid `bad_vkey` for a name that no key may have."""
    assert len(public) == _HASH_BYTES, "an Ed25519 public key has 32 bytes"
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise _bad_vkey(say("its name is empty or holds a space or a plus"))
    try:
        named = name.encode()
    except UnicodeEncodeError as error:
        raise _bad_vkey(say("its name is no text")) from error
    if int.from_bytes(public, "little") % 2**255 in _WEAK:
        raise _bad_vkey(say("it is a weak one, under which anybody can sign"))
    return Vkey(name, hashlib.sha256(named + b"\n" + _ED25519 + public).digest()[:_ID_BYTES], public)


def vkey(name: str, public: bytes) -> str:
    """A verifying key as people pass it on: name+id+base64. Raises Invalid `bad_vkey`."""
    key = key_of(name, public)
    return f"{key.name}+{key.key_id.hex()}+{_base64(_ED25519 + key.public)}"


def read_vkey(text: str) -> Vkey:
    """Read a verifying key as `vkey` writes it. Raises Invalid `bad_vkey`."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    material = _bytes(encoded)
    if material is None:
        raise _bad_vkey(say("it is not of the form name+id+base64"))
    if material[:1] != _ED25519 or len(material) != 1 + _HASH_BYTES:
        raise _bad_vkey(say("it is not an Ed25519 key"))
    key = key_of(name, material[1:])
    if key.key_id.hex() != key_id:
        raise _bad_vkey(say("its parts do not belong together"))
    return key


def sign(text: str, name: str, seed: bytes) -> str:
    """Sign a text (its last line ends too) under a key's name and seed (32 bytes), and give the whole note.

    Raises Invalid `bad_vkey`, `bad_note`.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # 40 ms, so only where it is used

    private = Ed25519PrivateKey.from_private_bytes(seed)
    key = key_of(name, private.public_key().public_bytes_raw())
    data = _checked(text)
    if text[-1:] != "\n":
        raise _bad_note(say("its last line does not end"))
    return f"{text}\n{_DASH}{name} {_base64(key.key_id + private.sign(data))}\n"


def opened(note: str, key: Vkey) -> str:
    """Give the text of a note that this key signed.

    Lines of other signers are tolerated, as the specification asks; one line of this key must be there, and verify. Raises
    Invalid `bad_note` for what is no note, Tampered `bad_note` for one that this key did not sign.
    """
    _checked(note)
    body, blank, lines = note.rpartition("\n\n")
    if not blank or lines[-1:] != "\n":
        raise _bad_note(say("it has no signature"))
    text = body + "\n"
    signers = lines[:-1].split("\n")
    if len(signers) > SIGNATURES_MAX:
        raise _bad_note(say("it has too many signatures"))
    own = [signature for name, signature in map(_signature, signers) if (name, signature[:_ID_BYTES]) == (key.name, key.key_id)]
    if not own:
        raise _unsigned(say("{name} did not sign this note.", name=key.name))
    if len(own) > 1:
        raise _bad_note(say("one key signed it twice"))
    if not _verifies(key.public, own[0][_ID_BYTES:], text.encode()):
        raise _unsigned(say("The signature of {name} does not belong to this note: one of them was changed.", name=key.name))
    return text


def signed_head(head: Head, seed: bytes) -> str:
    """The note of a head, signed by its own log: the origin is the name of the key. Raises Invalid `bad_vkey`."""
    assert len(head.root) == _HASH_BYTES, "a root has 32 bytes"
    assert 0 <= head.size <= SIZE_MAX, "a log has a size"
    return sign(f"{head.origin}\n{head.size}\n{_base64(head.root)}\n", head.origin, seed)


def read_head(note: str | bytes, key: Vkey) -> Head:
    """Read the head of a log from a note that the log signed with this key.

    Raises Invalid `bad_note` for what is no such note, Tampered `bad_note` where the signature or the origin is another.
    """
    if isinstance(note, bytes):
        try:
            note = note.decode()
        except UnicodeDecodeError as error:
            raise _bad_note(say("it is not UTF-8")) from error
    origin, *rest = opened(note, key)[:-1].split("\n")
    if len(rest) < 2 or not all((origin, *rest)):
        raise _bad_note(say("a head has an origin, a size and a root, a line each"))
    size, encoded = rest[:2]
    if origin != key.name:
        raise _unsigned(say("The note is about the log {other}, not {name}.", other=origin, name=key.name))
    if not _SIZE.fullmatch(size) or int(size) > SIZE_MAX:
        raise _bad_note(say("its size is not a whole number"))
    root = _bytes(encoded)
    if root is None or len(root) != _HASH_BYTES:
        raise _bad_note(say("its root is not a hash"))
    if size == "0" and root != EMPTY_ROOT:
        raise _bad_note(say("an empty log has another root"))
    return Head(origin, int(size), root)


def found_in(data: bytes) -> bytes:
    """The signed head within what a screen showed or a message brought around it; without one the data as they are."""
    found = _AMONG.search(data)
    return data if found is None else found[1]


def digits(root: bytes) -> str:
    """A root (32 bytes) for reading aloud and comparing on paper: root mod 10^40 as ten groups of four digits."""
    shown = f"{int.from_bytes(root) % 10**_DIGITS:0{_DIGITS}d}"
    return " ".join(shown[i : i + 4] for i in range(0, _DIGITS, 4))


def _checked(text: str) -> bytes:
    """A text's bytes, if a note may hold them."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise _bad_note(say("it is not UTF-8")) from error
    if len(data) > NOTE_BYTES_MAX:
        raise _bad_note(say("it is too long"))
    if _CONTROLS.search(text):
        raise _bad_note(say("it holds a control character, or lines end with CR LF"))
    return data


def _signature(line: str) -> tuple[str, bytes]:
    """Name and bytes (key id, then signature) of a signature line, whoever's it is."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    signature = _bytes(encoded)
    well_named = name and "+" not in name and not any(c.isspace() for c in name)
    if not line.startswith(_DASH) or not well_named or signature is None or len(signature) <= _ID_BYTES:
        raise _bad_note(say("a signature line is damaged"))
    return name, signature


def _verifies(public: bytes, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(encoded: str) -> bytes | None:
    """What a base64 text stands for; None if it is none, or not the one way to write those bytes."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _base64(data) == encoded else None


def _bad_note(why: Say) -> Invalid:
    return Invalid(
        say("This is no signed note of a log: {why}.", why=why),
        "bad_note",
        say("Take the file exactly as it was given, or ask for it again; an editor may have changed it."),
    )


def _unsigned(message: Say) -> Tampered:
    return Tampered(
        message, "bad_note", say("Compare the key with the one on your paper; if it is the same, show both to the supervisors.")
    )


def _bad_vkey(why: Say) -> Invalid:
    return Invalid(
        say("This is no key to verify with: {why}.", why=why),
        "bad_vkey",
        say("Copy the whole key from your paper or the office's notice board: name+id+letters."),
    )
