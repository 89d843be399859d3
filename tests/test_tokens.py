"""Tokens: a fixed form, a signature over all of it, an address that any camera opens. Pure."""

from base64 import b32decode, b32encode
from datetime import date

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from timebank import tokens
from timebank.base import keys
from timebank.base.errors import Invalid
from timebank.tokens import Token

SEED = bytes(range(32))
ISSUER = keys.issuer_seed(SEED, "520201-jianshe", 1)
PUBLIC = keys.public(ISSUER)
TOKEN = Token(1, tokens.community_of("520201-jianshe"), 3, 2, 9, 100, date(2026, 11, 22))

# Written down once: what was printed must be read by every later version.
PACKED = "0101a178ab69000000030000000200000000090000006400265e"
VECTOR = (
    "AEA2C6FLNEAAAAADAAAAAAQAAAAAACIAAAAGIABGL2UPEP57JTBCISFT6JJXGXGTJXNZIQOR"
    "26NP54LG674CNBDYCS3YCZE7HPKR4OXODB4FVWLVNAE5QQ5XMX7D6PRVWQOAZBPZGPDILXYD"
)


def drawn() -> st.SearchStrategy[Token]:
    numbers = {name: st.integers(0, 2**32 - 1) for name in ("merchant_id", "offer_id", "points")}
    days = st.dates(date(2000, 1, 1), date(2999, 12, 31))
    keys_ = st.integers(1, tokens.KEY_MAX)
    return st.builds(
        Token, keys_, st.binary(min_size=4, max_size=4), voucher_id=st.integers(0, 2**40 - 1), last_day=days, **numbers
    )


def test_the_same_token_is_signed_with_the_same_characters_for_ever() -> None:
    assert TOKEN.packed().hex() == PACKED
    assert tokens.sign(TOKEN, ISSUER) == VECTOR
    assert tokens.read(VECTOR).token == TOKEN
    tokens.read(VECTOR).check(PUBLIC)


@settings(max_examples=50, deadline=None)
@given(drawn())
def test_what_is_signed_is_read_again(token: Token) -> None:
    text = tokens.sign(token, ISSUER)
    assert len(token.packed()) == tokens.BYTES
    assert len(text) == tokens.CHARACTERS
    read = tokens.read(tokens.url(text, "https://a.example.cn"))
    assert read.token == token
    read.check(PUBLIC)


def test_no_bit_of_a_token_can_be_changed() -> None:
    data = b32decode(VECTOR)
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(Invalid) as caught:
            tokens.read(b32encode(bytes(changed)).decode()).check(PUBLIC)
        assert caught.value.code == "bad_token"


@pytest.mark.parametrize(
    "text",
    [
        VECTOR.lower(),
        f"TIMEBANK:V/{VECTOR}",
        f"https://jianshe.example.cn/v/{VECTOR}",
        f"HTTP://127.0.0.1:8000/V/{VECTOR}?from=message",
        f"HTTPS://JIANSHE.EXAMPLE.CN/V/{VECTOR}/#x",
        f"  {VECTOR[:70]}\r\n\t{VECTOR[70:]}\n",
        "".join(chr(ord(letter) + 0xFEE0) for letter in VECTOR),
    ],
)
def test_a_token_is_read_however_it_was_passed_on(text: str) -> None:
    assert tokens.meant(text)
    assert tokens.read(text).token == TOKEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        VECTOR[:-1],
        VECTOR + "A",
        VECTOR[:-1] + "1",
        VECTOR[:-1] + "=",
        f"https://jianshe.example.cn/X/{VECTOR}",
        f"ftp://jianshe.example.cn/V/{VECTOR}",
        f"https://a/b/V/{VECTOR}",
        f"{VECTOR}{VECTOR}",
        "\0" + VECTOR,
        "7K3M-9QPA-X2DT",
        "A" * 1_001,
    ],
)
def test_what_is_no_token_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        tokens.read(text)
    assert caught.value.code == "bad_token"
    assert VECTOR not in str(caught.value)


@pytest.mark.parametrize("start", [bytes([0, 1]), bytes([2, 1]), bytes([1, 0])])
def test_another_version_and_nobodys_key_are_refused(start: bytes) -> None:
    data = start + b32decode(VECTOR)[2:]
    with pytest.raises(Invalid) as caught:
        tokens.read(b32encode(data).decode())
    assert caught.value.code == "bad_token"


def test_a_last_day_beyond_the_calendar_is_refused() -> None:
    data = b32decode(VECTOR)
    with pytest.raises(Invalid) as caught:
        tokens.read(b32encode(data[:23] + b"\xff\xff\xff" + data[26:]).decode())
    assert caught.value.code == "bad_token"


@pytest.mark.parametrize(
    ("code", "meant"), [("7K3M-9QPA-X2DT", False), (" 7 K 3 M - 9 Q P A - X 2 D T ", False), ("V9", False)]
)
def test_a_code_is_never_taken_for_a_token(code: str, meant: bool) -> None:
    assert tokens.meant(code) is meant


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://jianshe.example.cn", "https://jianshe.example.cn"),
        (" HTTPS://Jianshe.Example.CN/ ", "https://jianshe.example.cn"),
        ("http://192.168.1.5:8000", "http://192.168.1.5:8000"),
        ("https://abcdefghijklmnopqrs.gov.cn", None),
        ("https://a.example.cn/counter", None),
        ("https://a.example.cn?x=1", None),
        ("https://user@a.example.cn", None),
        ("https://居委会.cn", None),
        ("ftp://a.example.cn", None),
        ("a.example.cn", None),
        ("https://", None),
        ("https://-a.cn", None),
        ("https://a.cn:0", None),
        ("", None),
    ],
)
def test_a_counter_has_an_address_that_is_the_same_in_capitals(text: str, address: str | None) -> None:
    if address is not None:
        assert tokens.counter_of(text) == address
        return
    with pytest.raises(Invalid) as caught:
        tokens.counter_of(text)
    assert caught.value.code == "bad_counter"


@pytest.mark.parametrize("counter", [None, "https://a.cn", "https://abcdefghijklmnop.gov.cn"])
def test_the_longest_address_still_fits_into_a_qr_of_version_7_level_m(counter: str | None) -> None:
    url = tokens.url(VECTOR, tokens.counter_of(counter) if counter else None)
    assert len(url) <= tokens.URL_CHARACTERS_MAX
    made = segno.make(url, error="m", mode="alphanumeric", boost_error=False, micro=False)
    assert made.version is not None
    assert int(made.version) <= 7
    assert url == url.upper()
    assert tokens.read(url).token == TOKEN


def test_each_key_of_each_community_has_a_seed_of_its_own() -> None:
    seeds = {
        keys.issuer_seed(SEED, code, number) for code in ("520201-jianshe", "520201-jianshe1", "b") for number in range(1, 256)
    }
    assert len(seeds) == 3 * 255
    assert SEED not in seeds


def test_a_key_opens_only_what_it_signed() -> None:
    other = keys.public(keys.issuer_seed(SEED, "520201-jianshe", 2))
    with pytest.raises(Invalid) as caught:
        tokens.read(VECTOR).check(other)
    assert caught.value.code == "bad_token"
