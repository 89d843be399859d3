"""Payloads read back strictly, at hardly more than the price of parsing them. Pure: bytes in, fields out.

Which fields an entry's payload has: docs/ledger.md.
"""

import re
from collections.abc import Callable
from typing import Any

import orjson

from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.journal import UNITS
from timebank.payloads import PAYLOAD_VERSION
from timebank.transparency import INTEGER_MAX, parse

Payload = dict[str, Any]

_AUTHS = ("none", "pin", "login")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_PERIOD = re.compile(r"[0-9]{4}-[0-9]{2}")
_HEX_32, _HEX_64 = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
_LOG = re.compile(r"[^/]+/[1-9][0-9]*")
_HEX = b"0123456789abcdef"
_LARGE = b"0" * len(str(INTEGER_MAX))
_MINUS_ZERO = re.compile(rb"[:,[]-0(?![0-9])")
_TEXT, _NUMBER, _OBJECT = (lambda v: type(v) is str), (lambda v: type(v) is int), (lambda v: type(v) is dict)

_Test = Callable[[Any], bool]


def _written(pattern: re.Pattern[str]) -> _Test:
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


_REQUIRED: dict[str, _Test] = {
    "v": lambda value: type(value) is int and value == PAYLOAD_VERSION,
    "log": _written(_LOG),
    "seq": _NUMBER,
    "kind": _TEXT,
    "business_date": _written(_DAY),
    "posted_at": _written(_MOMENT),
    "period": _written(_PERIOD),
    "actor": _NUMBER,
    "key": _TEXT,
    "nonce": _written(_HEX_32),
    "postings": lambda value: type(value) is list and all(map(_is_posting, value)),
}
_OPTIONAL: dict[str, _Test] = {
    "approver": _NUMBER,
    "approver_auth": lambda value: value in _AUTHS,
    "reverses": _NUMBER,
    "subject": _TEXT,
    "rules": _TEXT,
    "trace": _OBJECT,
    "facts": _OBJECT,
    "text_hash": _written(_HEX_64),
}


def _is_posting(value: Any) -> bool:
    if type(value) is not list or len(value) != 6:
        return False
    holder, unit, purpose, expires_on, amount, n = value
    named = type(holder) is str and unit in UNITS and type(purpose) is str
    return named and _REQUIRED["business_date"](expires_on) and type(amount) is int and type(n) is int


def malformed(payload: Payload) -> str | None:
    """The field that an entry's payload lacks, has wrongly or should not have (docs/ledger.md); None if all is right."""
    for name, test in _REQUIRED.items():
        if name not in payload or not test(payload[name]):
            return name
    for name in sorted(payload.keys() - _REQUIRED.keys()):
        if name not in _OPTIONAL or not _OPTIONAL[name](payload[name]):
            return name
    return None if ("approver" in payload) == ("approver_auth" in payload) else "approver_auth"


def _holds_minus_zero(payload: bytes) -> bool:
    """Whether a number, or a text that looks like one, is -0: plain searches first, at a tenth of the pattern's price."""
    return (b",-0" in payload or b":-0" in payload or b"[-0" in payload) and _MINUS_ZERO.search(payload) is not None


class Reader:
    """Reads payloads as strictly as `transparency.parse` and tests their fields, at a fraction of the price.

    Payloads repeat their shape: what is left when the nonce is cut out and every digit is written 0. Whether a JSON text is
    canonical and its fields are of the right kind hangs on its digits in four ways only: the version, a number that begins with
    0 (which no JSON parser takes) or is -0, keys that hold digits, and how large a number is. Shapes with digits in their keys,
    or with 16 digits in a row, which may be 2^53, are not remembered. So a payload of a shape that was found good once is good,
    if its version is right and there is no -0.

    Numbers have many lengths, and a shape for all of an entry's would hardly come twice. So a shape is cut in three: before the
    trace, what the rules were told and did, and the sums they read. Where a cut lies in the object does not hang on digits, and
    the keys on both sides are in order by themselves; so what stood in good payloads, part by part, is good together.

    Behind the shapes stands a shorter memory of kinds: the strings of a payload, hashes cut out, and what is left of the rest
    without its digits. How many digits a number has matters only in the ways above, so a new shape of a known kind is good.
    """

    _SHAPES_MAX = 4_096
    _DIGITS = b"0123456789"
    _ZEROS = bytes(ord("0") if chr(byte).isdigit() else byte for byte in range(128)) + bytes(range(128, 256))
    _NONCE, _TRACE, _USED = b'"nonce":"', b',"trace":', b',"used":'
    _LONGER = (b'"text_hash":"', b'"code_mac":"', b'"sha256":"', b'"previous":"', b'"statements":"')

    def __init__(self, look: Callable[[Payload], bool] | None = None) -> None:
        """`look` sees the payloads of every kind that is new, and tells whether others that differ in digits are as good."""
        self._look = look
        self._good: dict[bytes, bool] = {}  # part of a shape -> whether a payload of it may hold a -0
        self._kinds: set[bytes] = set()

    def read(self, payload: bytes) -> Payload:
        """The payload's fields. Raises Invalid `not_canonical`, or `malformed` naming the field."""
        at = payload.find(self._NONCE) + len(self._NONCE)
        if payload[at : at + 32].strip(_HEX):
            return self._strictly(payload, None)
        zeros, trace = payload.translate(self._ZEROS), payload.find(self._TRACE, at)
        used = payload.find(self._USED, trace) if trace > 0 else -1
        trace, used = trace if trace > 0 else len(payload), used if used > 0 else len(payload)
        parts = (zeros[:at] + zeros[at + 32 : trace], zeros[trace:used], zeros[used:])
        get = self._good.get
        before, told, read = get(parts[0]), get(parts[1]), get(parts[2])
        if before is None or told is None or read is None:
            kind = self._kind(payload[:at] + payload[at + 32 :])
            if kind not in self._kinds or any(_LARGE in part for part in parts):
                return self._strictly(payload, kind if _is_cut(payload, trace, used) else None)
            before, told, read = map(self._remember, parts)
        if (before or told or read) and _holds_minus_zero(payload):
            return self._strictly(payload, None)
        try:
            fields: Payload = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return self._strictly(payload, None)
        if type(fields) is not dict or fields["v"] != PAYLOAD_VERSION:
            return self._strictly(payload, None)
        return fields

    def _kind(self, payload: bytes) -> bytes | None:
        """The kind of a payload without its nonce; None where a string may hold a quotation mark. A NUL, which no JSON holds,
        stands for a hash."""
        if b"\\" in payload:
            return None
        for mark in self._LONGER:
            at = payload.find(mark) + len(mark)
            if at >= len(mark) and not payload[at : at + 64].strip(_HEX):
                payload = payload[:at] + b"\0" + payload[at + 64 :]
        parts = payload.split(b'"')
        strings = b'"'.join(parts[1::2]).translate(self._ZEROS)
        return strings + b'"' + b'"'.join(parts[::2]).translate(None, self._DIGITS)

    def _remember(self, part: bytes) -> bool:
        if len(self._good) >= self._SHAPES_MAX:
            self._good.clear()
        self._good[part] = careful = _MINUS_ZERO.search(part) is not None
        return careful

    def _strictly(self, payload: bytes, kind: bytes | None) -> Payload:
        try:
            fields = parse(payload)
        except RecursionError as error:
            raise Invalid(say("These data are nested too deep."), "not_canonical") from error
        wrong = malformed(fields)
        if wrong is not None:
            raise Invalid(say("The field {name} is missing, wrong or unknown.", name=wrong), "malformed")
        alike = self._look is None or self._look(fields)
        if kind is not None and alike and not _digits_in_keys(fields):
            if len(self._kinds) >= self._SHAPES_MAX:
                self._kinds.clear()
            self._kinds.add(kind)
        return fields


def _is_cut(payload: bytes, trace: int, used: int) -> bool:
    """Whether the payload's own trace begins at one cut, and what that says of sums at the other: both may be its end."""
    try:
        for at, closing in ((trace, b"}"), (used, b"}}")):
            if at < len(payload):
                orjson.loads(payload[:at] + closing)
    except orjson.JSONDecodeError:
        return False
    return True


def _digits_in_keys(value: Any) -> bool:
    if isinstance(value, dict):
        return any(any(map(str.isdigit, key)) or _digits_in_keys(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_digits_in_keys, value))
