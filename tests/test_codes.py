"""Voucher codes, their check character, and ids as people type them."""

import hashlib
import hmac
import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank.base import codes
from timebank.base.codes import ALPHABET, fingerprint, id_key, make, narrow, normalise, ref_key, show, tail
from timebank.base.errors import Invalid

ENTROPY = st.binary(min_size=7, max_size=32)


def code_of(values: list[int]) -> str:
    """The code whose 11 random characters have these values."""
    number = sum(value << 5 * place for place, value in enumerate(values))
    return make(number.to_bytes(7, "big"))


def refused(typed: str) -> bool:
    try:
        normalise(typed)
    except Invalid as error:
        return error.code == "bad_code" and error.hint is not None
    return False


def test_a_code_spells_55_bits_of_the_entropy_five_at_a_time() -> None:
    """So every code is as likely as any other, if the bytes are random."""
    for place, value in itertools.product(range(11), range(32)):
        values = [0] * 11
        values[place] = value
        assert [ALPHABET.index(letter) for letter in code_of(values)[:11]] == values
    assert make(b"\x00" * 7) == make(b"\x80" + b"\x00" * 6), "the 56th bit is not used"


@given(ENTROPY)
def test_a_made_code_is_read_back_and_is_the_same_for_the_same_bytes(entropy: bytes) -> None:
    code = make(entropy)
    assert len(code) == 12
    assert set(code) <= set(ALPHABET)
    assert normalise(code) == normalise(show(code)) == code == make(entropy)


def test_no_code_has_the_letters_i_l_o_u() -> None:
    assert len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_every_single_wrong_character_is_found() -> None:
    """All 12 places x 32 letters x 31 other letters. The check is linear, so what stands in the other places is no matter."""
    for place, value in itertools.product(range(11), range(32)):
        values = [7] * 11
        values[place] = value
        code = code_of(values)
        for spot in (place, 11):
            wrong = [code[:spot] + letter + code[spot + 1 :] for letter in ALPHABET if letter != code[spot]]
            assert all(refused(typed) for typed in wrong)


def test_every_exchange_of_two_neighbours_is_found() -> None:
    """All 11 pairs of places x 32 x 32 letters; the pair with the check takes every check character there is."""
    seen = Counter[int]()
    for place, first, second in itertools.product(range(11), range(32), range(32)):
        values = [0] * 11
        values[place] = first
        values[place + 1 if place < 10 else 0] = second
        code = code_of(values)
        swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        if swapped != code:
            assert refused(swapped)
            seen[place] += 1
    assert set(seen.values()) == {32 * 31}


@given(ENTROPY, st.integers(0, 11), st.integers(0, 11))
def test_any_two_characters_exchanged_are_found_wherever_they_stand(entropy: bytes, one: int, other: int) -> None:
    letters = list(make(entropy))
    letters[one], letters[other] = letters[other], letters[one]
    assert refused("".join(letters)) == ("".join(letters) != make(entropy))


@given(ENTROPY, st.integers(0, 11), st.sampled_from(ALPHABET))
def test_one_wrong_character_in_any_code_is_found(entropy: bytes, place: int, letter: str) -> None:
    code = make(entropy)
    typed = code[:place] + letter + code[place + 1 :]
    assert refused(typed) == (typed != code)


def test_case_spaces_hyphens_and_full_width_are_forgiven() -> None:
    code = make(b"voucher!")
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in show(code).lower())
    for typed in (code.lower(), f"  {show(code)}\t", show(code).replace("-", " – "), " ".join(code), wide, f"\u3000{code}\xa0"):
        assert normalise(typed) == code


def test_look_alikes_are_forgiven() -> None:
    code = code_of([1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    assert code.startswith("10101000000")
    for one, nought in itertools.product("1IiLl", "0Oo"):
        assert normalise(code.replace("1", one).replace("0", nought)) == code


@pytest.mark.parametrize(
    "typed", ["", "   ", "ABCD", "0000-0000-0000-0", "0" * 13, "0" * 100_000, "字" * 12, "000000000\0\0\0"]
)
def test_another_length_or_alphabet_is_refused(typed: str) -> None:
    assert refused(typed)


def test_the_letter_u_is_refused_and_not_taken_for_v() -> None:
    code = next(code for code in (make(bytes([n] * 7)) for n in range(256)) if "V" in code)
    assert not refused(code)
    assert refused(code.replace("V", "U"))


def test_letters_that_only_become_ascii_in_capitals_are_refused() -> None:
    """'ſ'.upper() is S and 'ı'.upper() is I: no keyboard of a shop types them."""
    code = code_of([ALPHABET.index("S"), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    assert not refused(code)
    assert refused(code.replace("S", "ſ"))
    assert refused(code.replace("1", "ı"))


@given(ENTROPY)
def test_a_refusal_never_repeats_the_code(entropy: bytes) -> None:
    code = make(entropy)
    slip = code[:-1] + ALPHABET[(ALPHABET.index(code[-1]) + 1) % 32]
    with pytest.raises(Invalid) as caught:
        normalise(slip)
    assert slip not in str(caught.value)
    assert slip[-4:] not in str(caught.value)


def test_a_code_is_shown_in_three_groups_and_listed_by_its_tail() -> None:
    assert show("0123456789AB") == "0123-4567-89AB"
    assert tail("0123456789AB") == "89AB"


def test_a_fingerprint_is_the_hmac_of_the_bare_code() -> None:
    pepper = bytes(range(32))
    expected = hmac.new(pepper, b"0123456789AB", hashlib.sha256).digest()
    assert fingerprint(pepper, "0123456789AB") == expected
    assert fingerprint(bytes(32), "0123456789AB") != expected


@pytest.mark.parametrize(("pepper", "code"), [(b"short", "0123456789AB"), (bytes(32), "0123-4567-89AB")])
def test_a_fingerprint_is_never_taken_with_a_weak_pepper_or_of_a_code_as_typed(pepper: bytes, code: str) -> None:
    with pytest.raises(AssertionError):
        fingerprint(pepper, code)


@pytest.mark.parametrize("typed", ["M12", "m12", "M0012", "m000000012", " M0012 ", "Ｍ００１２", "\u3000m12\u3000"])
def test_ids_of_a_letter_and_digits_match_in_any_case_and_without_leading_zeros(typed: str) -> None:
    assert id_key(typed) == "M12"


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("V37aa7b861f", "V37AA7B861F"),
        ("V0037aa7b86", "V0037AA7B86"),
        ("0012", "0012"),
        ("VM0012", "VM0012"),
        ("M-0012", "M-0012"),
        ("M", "M"),
        ("M0", "M0"),
        ("M000", "M0"),
        ("M١٢", "M١٢"),
        ("王0012", "王0012"),
        ("v–37aa", "V-37AA"),
        ("Ｖ－３７ａａ", "V-37AA"),
    ],
)
def test_other_ids_only_fold_case_width_and_dashes(typed: str, key: str) -> None:
    assert id_key(typed) == key


@given(st.text(max_size=20))
def test_the_key_of_a_key_is_itself(text: str) -> None:
    assert id_key(id_key(text)) == id_key(text)


@given(st.text(max_size=20))
def test_a_ref_that_was_folded_stays_as_it_is(text: str) -> None:
    assert ref_key(ref_key(text)) == ref_key(text)
    assert {ref_key(f"{dash}{text}") for dash in "-－–—−‑"} == {"-" + ref_key(text)}


def test_a_very_long_number_has_a_key_too() -> None:
    """int() refuses more than 4,300 digits; a key must not."""
    assert id_key("M" + "0" * 9_000 + "1" * 9_000) == "M" + "1" * 9_000


def test_only_width_is_folded_never_meaning() -> None:
    assert narrow("Ａ１－：　～") == "A1-: ~"
    assert narrow("9² ① ½ ㎡") == "9² ① ½ ㎡"


def test_the_check_uses_a_different_weight_at_each_place() -> None:
    """What the two proofs above rest on: 31 different powers, so x generates all of GF(32) but 0."""
    assert sorted(codes._POWER) == list(range(1, 32))
