"""Signed notes: the published vectors, what we sign reads back, and everything wrong with a note or a key is refused."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timebank.base import keys
from timebank.base.errors import Invalid, Tampered, TimebankError
from timebank.notes import (
    NOTE_BYTES_MAX,
    SIGNATURES_MAX,
    SIZE_MAX,
    Head,
    digits,
    key_of,
    opened,
    read_head,
    read_vkey,
    sign,
    signed_head,
    vkey,
)
from timebank.transparency import EMPTY_ROOT

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "signed_notes.json").read_text(encoding="utf-8"))
KNOWN = VECTORS["checkpoint"]
NOTE: str = KNOWN["note"]
KEY = read_vkey(KNOWN["vkey"])
NAME = KEY.name
SEED = bytes.fromhex(KNOWN["seed"])
OTHER_SEED = bytes(range(100, 132))
HEAD = Head(NAME, 8, base64.b64decode("XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="))
TEXT, OWN_LINE = NOTE.split("\n\n")


def refusal(note: str | bytes) -> TimebankError:
    with pytest.raises((Invalid, Tampered)) as caught:
        read_head(note, KEY)
    assert caught.value.code == "bad_note"
    assert caught.value.hint is not None
    return caught.value


def signed(text: str) -> str:
    """Any text, properly signed by the log."""
    return sign(text, NAME, SEED)


def lined(*lines: str) -> str:
    """The vector's text under other signature lines."""
    return TEXT + "\n\n" + "".join(line + "\n" for line in lines)


def other_line(name: str = "witness.example", data: bytes = bytes(76)) -> str:
    return f"— {name} {base64.b64encode(data).decode()}"


def test_the_specifications_own_note_opens() -> None:
    spec = VECTORS["spec"]
    assert opened(spec["note"], read_vkey(spec["vkey"])) == "This is an example message.\n"


def test_the_published_checkpoint_is_signed_and_read_to_the_byte() -> None:
    assert signed_head(HEAD, SEED) == NOTE
    assert read_head(NOTE, KEY) == read_head(NOTE.encode(), KEY) == HEAD
    assert vkey(NAME, keys.public(SEED)) == KNOWN["vkey"]
    assert digits(HEAD.root) == KNOWN["digits"]


@pytest.mark.parametrize("name", VECTORS["refuse"])
def test_every_published_bad_note_is_refused(name: str) -> None:
    refusal(VECTORS["refuse"][name])
    refusal(VECTORS["refuse"][name].encode())


@given(st.integers(0, SIZE_MAX), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
@settings(max_examples=30)
def test_a_signed_head_reads_back(size: int, root: bytes, seed: bytes) -> None:
    head = Head("520201-jianshe/1", size, root if size else EMPTY_ROOT)
    note = signed_head(head, seed)
    assert read_head(note, key_of(head.origin, keys.public(seed))) == head
    with pytest.raises(Tampered) as caught:
        read_head(note, key_of(head.origin, keys.public(OTHER_SEED)))
    assert caught.value.code == "bad_note"


@given(st.data())
@settings(max_examples=150)
def test_a_note_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(NOTE) - 1))
    letter = data.draw(st.characters(exclude_characters=NOTE[place]) | st.sampled_from("\n \t+—0aA="))
    if letter != NOTE[place]:
        refusal(NOTE[:place] + letter + NOTE[place + 1 :])


@given(st.integers(0, len(NOTE) - 1), st.sampled_from(["\n", " ", "\r", "\x00", "\ufeff", "0", "="]))
def test_a_note_with_a_character_more_or_less_is_refused(place: int, letter: str) -> None:
    refusal(NOTE[:place] + letter + NOTE[place:])
    refusal(NOTE[:place] + NOTE[place + 1 :])
    refusal(NOTE[:place])


@pytest.mark.parametrize(
    "text",
    [
        f"{NAME}\n08\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n+8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n8.0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n８\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n 8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n{SIZE_MAX + 1}\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n{'9' * 5_000}\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg\n",
        f"{NAME}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyi=\n",
        f"{NAME}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz-Nw7_RgQyg=\n",
        f"{NAME}\n8\n{base64.b64encode(bytes(33)).decode()}\n",
        f"{NAME}\n8\n\n",
        f"{NAME}\n8\n",
        f"{NAME}\n",
        "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
        f"{NAME}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\nmore\n",
        f"{NAME}\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n",
        f"{NAME}/other\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n",
    ],
)
def test_a_malformed_head_is_refused_however_well_it_is_signed(text: str) -> None:
    refusal(signed(text))


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        NOTE[:-1],
        NOTE + "\n",
        NOTE + " ",
        "\ufeff" + NOTE,
        NOTE.replace("\n", "\r\n"),
        "\n\n" + OWN_LINE,
        lined(OWN_LINE[:-1], OWN_LINE[:-1]),
        lined(OWN_LINE[:-1], "— damaged"),
        lined(OWN_LINE[:-1], "— witness.example !!!!"),
        lined(OWN_LINE[:-1], "— witness.example AAAAAA=="),
        lined(OWN_LINE[:-1], other_line("white space")),
        lined(OWN_LINE[:-1], other_line("no\u3000space")),
        lined(OWN_LINE[:-1], other_line("no+plus")),
        lined(OWN_LINE[:-1], "witness.example " + other_line().rpartition(" ")[2]),
        lined(OWN_LINE[:-1], *[other_line()] * SIGNATURES_MAX),
        lined(other_line()),
        lined(other_line(NAME)),
        lined(other_line(NAME, KEY.key_id + bytes(64))),
        lined(other_line(NAME, KEY.key_id + bytes(63))),
        lined(OWN_LINE[:-1], other_line(NAME, KEY.key_id + bytes(64))),
        "x" * NOTE_BYTES_MAX + NOTE,
    ],
)
def test_what_is_no_note_of_this_key_is_refused(note: str) -> None:
    refusal(note)


@pytest.mark.parametrize(
    "data", [NOTE.encode("utf-16"), NOTE.encode("gb18030"), b"\xff" + NOTE.encode(), "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_note_in_another_encoding_is_refused(data: bytes) -> None:
    refusal(data)


def test_a_forged_note_is_tampering_and_a_damaged_one_is_bad_input() -> None:
    """The two lead to different exit statuses: a crime is not a slip of an editor, nor the other way round."""
    assert isinstance(refusal(signed_head(HEAD, OTHER_SEED)), Tampered)
    assert isinstance(refusal(NOTE.replace("\n8\n", "\n9\n")), Tampered)
    assert isinstance(refusal(signed(f"another/1\n8\n{TEXT.splitlines()[2]}\n")), Tampered)
    assert isinstance(refusal(NOTE.replace("\n", "\r\n")), Invalid)


def test_other_signers_and_extension_lines_are_tolerated_as_the_specifications_ask() -> None:
    others = [other_line(f"witness{n}.example", bytes([n]) * 3_000) for n in range(1, 16)]
    assert read_head(lined(*others, OWN_LINE[:-1]), KEY) == HEAD
    same_name = other_line(NAME, bytes(4) + bytes(64))
    assert read_head(lined(same_name, OWN_LINE[:-1]), KEY) == HEAD
    assert read_head(signed(TEXT + "\nextension 1\nextension 2\n"), KEY) == HEAD


@pytest.mark.parametrize("text", ["no end", "tab\there\n", "cr\r\n", "\ud800\n", "", "x" * NOTE_BYTES_MAX + "\n"])
def test_what_no_note_may_hold_is_not_signed(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        signed(text)
    assert caught.value.code == "bad_note"


@pytest.mark.parametrize("text", ["first\n\n— not a signature\n\nlast 张三 𠮷\n", "\n", "\n\n"])
def test_a_text_with_empty_lines_and_dashes_opens_to_itself(text: str) -> None:
    assert opened(signed(text), KEY) == text


def test_a_signature_alone_is_no_note() -> None:
    with pytest.raises(Invalid) as caught:
        opened(signed("\n").removeprefix("\n\n"), KEY)
    assert caught.value.code == "bad_note"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "++",
        NAME,
        KNOWN["vkey"] + "\n",
        " " + KNOWN["vkey"],
        KNOWN["vkey"][:-1],
        KNOWN["vkey"] + "=",
        KNOWN["vkey"].replace("f4826193", "F4826193"),
        KNOWN["vkey"].replace("f4826193", "f4826194"),
        KNOWN["vkey"].replace("f4826193", "f482619"),
        KNOWN["vkey"].replace("timebank", "timebahk"),
        KNOWN["vkey"].replace("+AQ", "+Ag"),
        KNOWN["vkey"].replace("+AQ", "+BQ"),
        KNOWN["vkey"].replace("TG4", "TG5"),
        VECTORS["spec"]["vkey"].replace("foo", "fo o"),
        "\ud800" + KNOWN["vkey"],
        f"{NAME}+f4826193+AQ==",
    ],
)
def test_a_damaged_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_vkey(text)
    assert caught.value.code == "bad_vkey"


P = 2**255 - 19
ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")


@pytest.mark.parametrize("sign_bit", [0, 2**255])
@pytest.mark.parametrize("height", [0, 1, P - 1, P, P + 1, ORDER_8, P - ORDER_8], ids=range(7))
def test_a_key_under_which_one_signature_fits_any_note_is_refused(height: int, sign_bit: int) -> None:
    """Points of small order: who puts one on the notice board could deny every paper."""
    public = (height | sign_bit).to_bytes(32, "little")
    key_id = hashlib.sha256(b"log/1\n\x01" + public).digest()[:4]
    for make in (
        lambda: vkey("log/1", public),
        lambda: read_vkey(f"log/1+{key_id.hex()}+{base64.b64encode(bytes([1]) + public).decode()}"),
    ):
        with pytest.raises(Invalid) as caught:
            make()
        assert caught.value.code == "bad_vkey"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\nb", "\x01", "\udc00", "a\u00a0b"])
def test_a_key_has_a_proper_name(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        vkey(name, keys.public(SEED))
    assert caught.value.code == "bad_vkey"


@given(st.binary(min_size=32, max_size=32))
def test_digits_are_the_root_modulo_a_power_of_ten(root: bytes) -> None:
    shown = digits(root)
    assert [len(group) for group in shown.split(" ")] == [4] * 10
    assert int(shown.replace(" ", "")) == int(root.hex(), 16) % 10**40


def test_digits_keep_their_zeros() -> None:
    assert digits(bytes(31) + b"\x07") == "0000 " * 9 + "0007"
