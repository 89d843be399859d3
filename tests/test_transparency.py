"""Canonical bytes and the tree: equal to RFC 6962's own vectors, and nothing ambiguous is ever hashed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank.base.errors import Invalid
from timebank.transparency import EMPTY_ROOT, INTEGER_MAX, Frontier, canonical, leaf_hash, node_hash, parse, tree_root

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "rfc6962.json").read_text(encoding="utf-8"))
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word: split at the largest power of two below n."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


@pytest.mark.parametrize("size", range(len(LEAVES) + 1))
def test_roots_are_those_of_the_published_vectors(size: int) -> None:
    assert tree_root(LEAVES[:size]).hex() == VECTORS["roots"][size]


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_the_frontier_grows_to_the_root_of_the_definition(payloads: list[bytes]) -> None:
    leaves = [leaf_hash(payload) for payload in payloads]
    frontier = Frontier(0, [])
    for leaf in leaves:
        frontier = Frontier.load(frontier.size, frontier.pack())
        frontier.append(leaf)
    assert frontier.root() == by_definition(leaves)
    assert len(frontier.hashes) == len(leaves).bit_count()


def test_a_frontier_of_the_wrong_length_is_not_loaded() -> None:
    with pytest.raises(AssertionError):
        Frontier.load(3, bytes(32))


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1.0},
        {"a": -0.0},
        {"a": float("nan")},
        {"a": None},
        {"a": INTEGER_MAX + 1},
        {"a": -INTEGER_MAX - 1},
        {"a": "e\u0301"},  # NFD
        {"a": "\ud800"},  # lone surrogate
        {"a": "line\nbreak"},
        {"a": "\x7f"},
        {"a": "\x85"},
        {"a": "\x00"},
        {"é": 1},
        {"a\n": 1},
        {1: 1},
        {"a": b"bytes"},
        {"a": [1, [2, {"b": 0.5}]]},
        {"a": {"b": ["ok", "not\tok"]}},
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused_before_hashing(value: dict[Any, Any]) -> None:
    with pytest.raises(Invalid) as refusal:
        canonical(value)
    assert refusal.value.code == "not_canonical"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":1.0}',
        b'{"a":-0}',
        b'{"a":1e3}',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":null}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":9007199254740992}',
        '{"a":"e\u0301"}'.encode(),
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b"[1]",
        b"1",
        b"",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 700 + b"1" + b"}" * 700 + b" ",
    ],
    ids=lambda payload: repr(payload[:30]),
)
def test_bytes_that_are_not_canonical_are_refused(payload: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(payload)
    assert refusal.value.code == "not_canonical"


PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12)
JSON = st.recursive(
    st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | PRINTABLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ_0", max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abcXYZ_0", max_size=4), JSON, max_size=5))
def test_canonical_bytes_read_back_to_the_same_bytes(value: dict[str, Any]) -> None:
    try:
        payload = canonical(value)
    except Invalid:
        return  # a text that is not NFC
    assert canonical(parse(payload)) == payload
    assert json.loads(payload) == value
    # What docs/ledger.md tells everyone to write, with nothing but Python.
    assert payload == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_quotes_and_backslashes_are_no_control_characters() -> None:
    assert canonical({"a": 'say "\\" 张三 𠮷'}) == '{"a":"say \\"\\\\\\" 张三 𠮷"}'.encode()
