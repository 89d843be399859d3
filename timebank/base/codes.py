"""Codes and numbers people type: voucher codes, member numbers, full-width letters.

A voucher code is 11 random Crockford base-32 characters and one check character. The check makes the sum of
`a^i * character_i` over GF(32) zero, with a different power of a generator at each of the 12 places. So every single wrong
character and every exchange of two characters, neighbours or not, is found, and no letter outside the 32 is needed.
Alphabet and look-alikes: https://www.crockford.com/base32.html (its own check, mod 37, needs five more signs).
"""

import hashlib
import hmac
import re
from functools import lru_cache

from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The 32 letters of a code, in order of their value: no I, L, O, U."""
CODE_CHARACTERS = 12
_RANDOM_CHARACTERS = 11
_ENTROPY_BYTES_MIN = 7  # 56 bits, of which 55 are used: no letter is likelier than another
_PEPPER_BYTES_MIN = 16

_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
_LOOK_ALIKES = str.maketrans("ILO", "110")
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212\u200b\ufeff]+")
_WIDE = {ord("\u3000"): " "} | {wide: chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
_LETTER_AND_DIGITS = re.compile(r"([A-Z])0*([0-9]+)")


def narrow(text: str) -> str:
    """Fold full-width letters, digits, signs and spaces (Ａ１－　) to ASCII; everything else stays.

    Not NFKC: that would also read '9²' as 92 and '①' as 1.
    """
    return text if text.isascii() else text.translate(_WIDE)


@lru_cache(65_536)
def id_key(text: str) -> str:
    """The key under which an id is compared: 'm12', 'M0012' and 'Ｍ１２' give 'M12'; 'V–37aa' and 'v-37AA' give 'V-37AA'.

    Leading zeros go only where the whole id is one letter and digits (cli.md, settled questions). Show the stored
    spelling, never this key.
    """
    folded = ref_key(text).strip()
    return _LETTER_AND_DIGITS.sub(r"\1\2", folded) if _LETTER_AND_DIGITS.fullmatch(folded) else folded


def ref_key(text: str) -> str:
    """A ref as it is kept and compared: in capitals, full-width signs and all dashes as ASCII: 'a－7' and 'Ａ—7' give 'A-7'.

    Zeros stay, other than in an id: slips 07 and 7 may be two.
    """
    return text.upper() if text.isascii() else narrow(text).translate(_DASHES).upper()


def make(entropy: bytes) -> str:
    """Make a voucher code of 12 characters from at least 7 random bytes: the same bytes give the same code."""
    assert len(entropy) >= _ENTROPY_BYTES_MIN, "a code needs 55 random bits"
    number = int.from_bytes(entropy[:_ENTROPY_BYTES_MIN], "big")
    values = [number >> 5 * place & 31 for place in range(_RANDOM_CHARACTERS)]
    return "".join(ALPHABET[value] for value in (*values, _check(values)))


def normalise(typed: str) -> str:
    """Read a code as people type it: any case, spaces, hyphens, full-width letters; I and L are 1, O is 0.

    Raises Invalid `bad_code` for another length, a letter no code has (U among them), or a check that fails. The message
    never repeats the code: it may be a real one with a slip in it.
    """
    bare = _SEPARATORS.sub("", narrow(typed))
    if len(bare) != CODE_CHARACTERS:
        raise _bad(say("A voucher code has 12 characters, this has {count}.", count=len(bare)))
    code = bare.upper().translate(_LOOK_ALIKES) if bare.isascii() else bare
    strange = next((letter for letter in code if letter not in _VALUES), None)
    if strange is not None:
        raise _bad(say("No voucher code has the character {letter}.", letter=strange if strange.isprintable() else "?"))
    if _sum([_VALUES[letter] for letter in code]) != 0:
        raise _bad(say("This voucher code has a wrong character or two in the wrong order."))
    return code


def show(code: str) -> str:
    """Write a code of 12 characters for people: XXXX-XXXX-XXXX."""
    assert len(code) == CODE_CHARACTERS, "a code has 12 characters"
    return f"{code[:4]}-{code[4:8]}-{code[8:]}"


def tail(code: str) -> str:
    """The last four characters, the only part that lists show."""
    assert len(code) == CODE_CHARACTERS, "a code has 12 characters"
    return code[-4:]


def fingerprint(pepper: bytes, code: str) -> bytes:
    """What is stored of a code: HMAC-SHA-256 (32 bytes) of its 12 characters under the pepper (at least 16 bytes)."""
    assert len(pepper) >= _PEPPER_BYTES_MIN, "a pepper of at least 16 bytes"
    assert len(code) == CODE_CHARACTERS, "normalise a code before it is looked up"
    return hmac.digest(pepper, code.encode("ascii"), hashlib.sha256)


def _bad(message: Say) -> Invalid:
    return Invalid(message, "bad_code", say("Type it as printed: XXXX-XXXX-XXXX, digits and letters without I, L, O, U."))


def _powers() -> tuple[int, ...]:
    """All 31 powers of the generator x of GF(32) = GF(2)[x] / (x^5 + x^2 + 1)."""
    powers = [1]
    while len(powers) < 31:
        doubled = powers[-1] << 1
        powers.append(doubled ^ 0b100101 if doubled & 32 else doubled)
    return tuple(powers)


_POWER = _powers()
_LOG = {value: exponent for exponent, value in enumerate(_POWER)}


def _sum(values: list[int]) -> int:
    """The sum of `x^i * value_i` over GF(32), place by place."""
    total = 0
    for place, value in enumerate(values):
        if value:
            total ^= _POWER[(place + _LOG[value]) % 31]
    return total


def _check(values: list[int]) -> int:
    """The value that brings the sum to zero in the place after `values`: addition is its own inverse here."""
    rest = _sum(values)
    return _POWER[(_LOG[rest] - len(values)) % 31] if rest else 0
