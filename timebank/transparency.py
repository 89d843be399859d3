"""The transparency log: canonical bytes and the Merkle tree over them. Pure: no database, no clock, no key.

Sources: RFC 8785 (canonical JSON, restricted further here) and RFC 6962 section 2.1 (tree hash).
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from timebank.base.errors import Invalid
from timebank.base.i18n import say

INTEGER_MAX = 2**53 - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()

# Never a datetime, a dataclass or a subclass of str in orjson's own way: what has no canonical form is refused.
_STRICT = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def canonical(value: dict[str, Any]) -> bytes:
    """Write an object as the one sequence of bytes that stands for it.

    Allowed: objects with ASCII keys, lists, strings in NFC without control characters, integers within ±(2^53-1), true and
    false. Refused before hashing: floats, null, anything else. Raises Invalid `not_canonical`.
    """
    return _written(value)


def _written(value: dict[str, Any] | list[Any]) -> bytes:
    try:
        _check_kinds(value)
        data = orjson.dumps(value, option=_STRICT)
    except TypeError as error:  # of orjson, or of a key that is no string
        why = (
            "a key is no string, a string holds half a character, an integer lies outside ±(2^53-1), or it is nested too deeply"
        )
        raise _not_canonical(why) from error
    # JSON escapes the controls below U+0020; U+007F stands as it is, and U+0080 to U+009F begin with C2 in UTF-8.
    if b"\\" in data or b"\x7f" in data or b"\xc2" in data:
        _check_controls(value)
    # A JSON text is NFC exactly when its strings are: a quotation mark composes with nothing.
    if not data.isascii() and not unicodedata.is_normalized("NFC", data.decode()):
        raise _not_canonical("a string is not in NFC")
    return data


def piece(value: object) -> str:
    """The canonical text of one value within an object: members written `"name":piece`, in the order of their names and with
    commas between, make the text `canonical` gives of the whole. Raises Invalid `not_canonical`."""
    if type(value) is str and value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'  # as most strings of an entry are: an eighth of the price
    return _written([value])[1:-1].decode()


def whole(number: int) -> str:
    """The canonical text of an integer. Raises Invalid `not_canonical`."""
    if type(number) is not int:
        raise _not_canonical(f"{type(number).__name__} is no integer")
    if not -INTEGER_MAX <= number <= INTEGER_MAX:
        raise _not_canonical("an integer lies outside ±(2^53-1)")
    return str(number)


def parse(payload: bytes) -> dict[str, Any]:
    """Read canonical bytes back; bytes that are not canonical are refused. Raises Invalid `not_canonical`."""
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _not_canonical("not JSON") from error
    if not isinstance(value, dict):
        raise _not_canonical("not an object")
    try:
        again = canonical(value)
    except RecursionError as error:  # nested deeper than any entry is
        raise _not_canonical("nested too deeply") from error
    if again != payload:
        raise _not_canonical("the same object has other bytes (order of keys, spaces, a key twice, -0 or the like)")
    return value


def _check_kinds(value: Any) -> None:
    """Refuse what has no canonical form, but for integers beyond the limit, which orjson refuses. Loops instead of calling
    itself for each string and integer, and looks at names together: three times as fast."""
    if type(value) is dict:
        if not "".join(value).isascii():
            raise _not_canonical("a key is not ASCII")
        value = value.values()
    for item in value:
        kind = type(item)
        if kind is str or kind is int or kind is bool:
            continue
        if kind is dict or kind is list or kind is tuple:
            _check_kinds(item)
        else:
            raise _not_canonical(f"{kind.__name__} has no canonical form")


def _check_controls(value: Any) -> None:
    """Refuse control characters, string by string: the text as a whole looked as if it had one."""
    if type(value) is str:
        if any(unicodedata.category(c) == "Cc" for c in value):
            raise _not_canonical("a string holds a control character")
    elif type(value) is dict:
        for name, item in value.items():
            _check_controls(name)
            _check_controls(item)
    elif type(value) is list or type(value) is tuple:
        for item in value:
            _check_controls(item)


def _not_canonical(why: str) -> Invalid:
    return Invalid(say("These data have no canonical bytes: {why}.", why=why), "not_canonical")


def leaf_hash(payload: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || payload), 32 bytes."""
    return hashlib.sha256(b"\x00" + payload).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two neighbours: SHA-256(0x01 || left || right), 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """The roots of the perfect subtrees of a log, largest first: one for each 1-bit of `size`.

    Appending costs O(1) hashes on average, the root O(log n). Kept as 32 bytes each in the community's state row.
    """

    size: int
    hashes: list[bytes]

    @classmethod
    def load(cls, size: int, packed: bytes) -> "Frontier":
        """Read a frontier as the state row holds it."""
        assert len(packed) == 32 * size.bit_count(), "a frontier has one hash for each 1-bit of the size"
        return cls(size, [packed[i : i + 32] for i in range(0, len(packed), 32)])

    def pack(self) -> bytes:
        """The bytes for the state row."""
        return b"".join(self.hashes)

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        carry, size = leaf, self.size
        while size & 1:
            carry = node_hash(self.hashes.pop(), carry)
            size >>= 1
        self.hashes.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """Merkle tree hash of all leaves so far (RFC 6962); of none, SHA-256 of nothing."""
        if not self.hashes:
            return EMPTY_ROOT
        rest = reversed(self.hashes)
        root = next(rest)
        for left in rest:
            root = node_hash(left, root)
        return root


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Root over leaf hashes, in one pass and O(log n) memory."""
    frontier = Frontier(0, [])
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()
