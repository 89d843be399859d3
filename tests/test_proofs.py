"""Paths through the tree: the published vectors, every index of every small log, and no path that was touched in any way."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timebank.base.errors import Rewritten, Tampered
from timebank.notes import SIZE_MAX, Head
from timebank.proofs import PATH_HASHES_MAX, consistency, inclusion, verify_consistency, verify_inclusion
from timebank.transparency import EMPTY_ROOT, leaf_hash, tree_root

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "rfc6962.json").read_text(encoding="utf-8"))
VECTOR_LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
LEAVES = [leaf_hash(b"%d" % number) for number in range(700)]
ROOTS = [tree_root(LEAVES[:size]) for size in range(130)]
"""Roots by size, worked out once."""
SIZES = st.integers(1, len(LEAVES))


def head(size: int, root: bytes | None = None) -> Head:
    return Head("log/1", size, root or (ROOTS[size] if size < len(ROOTS) else tree_root(LEAVES[:size])))


def vector_head(size: int) -> Head:
    return Head("log/1", size, bytes.fromhex(VECTORS["roots"][size]))


def refused(leaf: bytes, index: int, path: list[bytes], under: Head) -> None:
    with pytest.raises(Tampered) as caught:
        verify_inclusion(leaf, index, path, under)
    assert caught.value.code == "not_included"


def torn(older: Head, newer: Head, path: list[bytes]) -> None:
    with pytest.raises(Rewritten) as caught:
        verify_consistency(older, newer, path)
    assert caught.value.code == "no_prefix"


def touched(path: list[bytes]) -> Iterator[list[bytes]]:
    """A path with one thing wrong with it: each hash missing, twice, changed, cut or grown, each pair swapped, one too many."""
    for place, part in enumerate(path):
        yield path[:place] + path[place + 1 :]
        yield [*path[:place], part, *path[place:]]
        for bit in (0, 100, 255):
            yield [*path[:place], flipped(part, bit), *path[place + 1 :]]
        yield [*path[:place], part[:-1], *path[place + 1 :]]
        yield [*path[:place], part + b"\0", *path[place + 1 :]]
        yield [*path[:place], b"", *path[place + 1 :]]
        for other in range(place):
            swapped = list(path)
            swapped[place], swapped[other] = swapped[other], swapped[place]
            yield swapped
    yield [*path, bytes(32)]
    yield [bytes(32), *path]
    yield path + [EMPTY_ROOT] * (PATH_HASHES_MAX + 1)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda v: f"{v['index']} of {v['size']}")
def test_paths_of_inclusion_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    index, size = vector["index"], vector["size"]
    path = inclusion(iter(VECTOR_LEAVES), index, size)
    assert [part.hex() for part in path] == vector["path"]
    verify_inclusion(VECTOR_LEAVES[index], index, path, vector_head(size))


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda v: f"{v['old']} to {v['new']}")
def test_paths_of_consistency_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    path = consistency(iter(VECTOR_LEAVES), vector["old"], vector["new"])
    assert [part.hex() for part in path] == vector["proof"]
    verify_consistency(vector_head(vector["old"]), vector_head(vector["new"]), path)


def test_every_leaf_of_every_small_log_is_proved() -> None:
    for size in range(1, 66):
        for index in range(size):
            verify_inclusion(LEAVES[index], index, inclusion(LEAVES, index, size), head(size))


def test_every_prefix_of_every_small_log_is_proved() -> None:
    for size in range(66):
        for older in range(size + 1):
            verify_consistency(head(older), head(size), consistency(LEAVES, older, size))


@given(SIZES, st.data())
@settings(max_examples=25)
def test_any_leaf_of_a_longer_log_is_proved_and_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path, under = inclusion(LEAVES, index, size), head(size)
    verify_inclusion(LEAVES[index], index, path, under)
    assert len(path) <= (size - 1).bit_length()
    for other in (index - 1, index + 1, -1, -index - 1, size, 2**64, index + 2**70):
        if other != index:
            refused(LEAVES[index], other, path, under)
    refused(LEAVES[index - 1] if size > 1 else leaf_hash(b""), index, path, under)
    refused(flipped(LEAVES[index], data.draw(st.integers(0, 255))), index, path, under)
    for other in {size - 1, min(size + 1, len(LEAVES))} - {size}:
        refused(LEAVES[index], index, path, head(other))
    refused(LEAVES[index], index, path, Head("log/1", size, flipped(under.root, data.draw(st.integers(0, 255)))))
    for wrong in touched(path):
        if wrong != path:
            refused(LEAVES[index], index, wrong, under)


@given(st.integers(2, len(LEAVES)), st.data())
@settings(max_examples=25)
def test_any_prefix_of_a_longer_log_is_proved_and_nothing_else(size: int, data: st.DataObject) -> None:
    older = data.draw(st.integers(1, size - 1))
    path, before, after = consistency(LEAVES, older, size), head(older), head(size)
    verify_consistency(before, after, path)
    assert len(path) <= size.bit_length() + 1
    torn(after, before, path)
    for other in {older - 1, older + 1} - {0, size}:
        torn(head(other), after, path)
    torn(before, head(size - 1) if size - 1 > older else head(older, EMPTY_ROOT), path)
    bit = data.draw(st.integers(0, 255))
    torn(head(older, flipped(before.root, bit)), after, path)
    torn(before, head(size, flipped(after.root, bit)), path)
    torn(head(older, after.root), after, path)
    for wrong in touched(path):
        if wrong != path:
            torn(before, after, wrong)


@given(st.integers(2, 300), st.data())
@settings(max_examples=25)
def test_a_rewritten_log_has_no_path_from_what_it_gave_away(size: int, data: st.DataObject) -> None:
    """Whoever changes an entry and works every hash out anew finds no path, however long it takes."""
    older = data.draw(st.integers(1, size))
    changed = data.draw(st.integers(0, older - 1))
    leaves = LEAVES[:size]
    leaves[changed] = leaf_hash(b"another past")
    rewritten = Head("log/1", size, tree_root(leaves))
    torn(head(older), rewritten, consistency(leaves, older, size))
    torn(head(older), rewritten, consistency(LEAVES, older, size))


def test_a_node_is_not_passed_off_as_a_leaf() -> None:
    """The hash of two leaves is no entry: leaves and nodes are hashed under different first bytes (RFC 6962)."""
    path = inclusion(LEAVES, 0, 4)
    refused(tree_root(LEAVES[:2]), 0, path[1:], head(4))
    verify_inclusion(tree_root(LEAVES[:2]), 0, path[1:], Head("log/1", 2, head(4).root))  # so a head's size must be signed


def test_a_path_of_another_length_than_the_sizes_ask_for_is_refused_even_if_it_leads_to_both_roots() -> None:
    """Each is an honest path under honest roots, with sizes that are not theirs."""
    refused(LEAVES[3], 1, inclusion(LEAVES, 3, 4), head(2, ROOTS[4]))
    refused(LEAVES[0], 0, inclusion(LEAVES, 0, 2), head(4, ROOTS[2]))
    torn(head(3, ROOTS[7]), head(4, ROOTS[8]), consistency(LEAVES, 7, 8))
    torn(head(1), head(4, ROOTS[2]), consistency(LEAVES, 1, 2))
    torn(head(3), head(5), [])
    torn(head(4), head(8), [])


def test_the_empty_log_is_a_prefix_of_every_log_and_holds_nothing() -> None:
    for size in (0, 1, 5):
        verify_consistency(head(0, EMPTY_ROOT), head(size), [])
        torn(head(0, EMPTY_ROOT), head(size), [LEAVES[0]])
        torn(head(0, LEAVES[0]), head(size), [])
    refused(LEAVES[0], 0, [], head(0, EMPTY_ROOT))


def test_two_roots_of_one_size_are_two_histories() -> None:
    verify_consistency(head(7), head(7), [])
    torn(head(7), head(7, LEAVES[0]), [])
    torn(head(7), head(7), [LEAVES[0]])


@pytest.mark.parametrize("size", [-1, SIZE_MAX + 1, 2**200])
def test_impossible_sizes_are_refused(size: int) -> None:
    refused(LEAVES[0], 0, [], head(size, LEAVES[0]))
    torn(head(1), head(size, LEAVES[0]), [])
    torn(head(size, LEAVES[0]), head(5), [])


def test_a_proof_of_the_largest_log_is_checked_in_64_steps() -> None:
    huge = head(SIZE_MAX, LEAVES[0])
    refused(LEAVES[0], SIZE_MAX - 1, [LEAVES[1]] * 63, huge)
    torn(head(SIZE_MAX - 1, LEAVES[0]), huge, [LEAVES[1]] * 64)


def test_leaves_are_read_once_and_no_further_than_needed() -> None:
    stream = iter(LEAVES)
    assert inclusion(stream, 3, 10) == inclusion(LEAVES, 3, 10)
    assert next(stream) == LEAVES[10]


@pytest.mark.parametrize("size", [1, 2, 5, 64])
def test_a_log_that_lost_its_tail_proves_nothing(size: int) -> None:
    for make in (lambda: inclusion(LEAVES[:size], 0, size + 1), lambda: consistency(LEAVES[:size], 1, size + 1)):
        with pytest.raises(Tampered) as caught:
            make()
        assert caught.value.code == "leaves_missing"
