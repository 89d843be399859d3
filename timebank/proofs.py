"""Proofs: that an entry is in the log under a head, and that an older head is a prefix of a newer one. Pure.

Source: RFC 9162 sections 2.1.3 and 2.1.4 (the tree is that of RFC 6962). A path is a list of hashes of 32 bytes, from the
leaves to the root; making one reads the leaves once and keeps O(log n) hashes.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from timebank.base.errors import Rewritten, Tampered
from timebank.base.i18n import Say, say
from timebank.notes import SIZE_MAX, Head
from timebank.transparency import EMPTY_ROOT, Frontier, node_hash

Path = Sequence[bytes]
PATH_HASHES_MAX = SIZE_MAX.bit_length() + 1
"""No honest path is longer: one hash a level, and one more where the older size is no power of two."""

_Span = tuple[int, int]


def inclusion(leaves: Iterable[bytes], index: int, size: int) -> list[bytes]:
    """The path from leaf `index` to the root of the first `size` leaf hashes. Raises Tampered `leaves_missing`."""
    assert 0 <= index < size, "a leaf that is in the tree"
    spans: list[_Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return _roots(leaves, spans[::-1])


def consistency(leaves: Iterable[bytes], older: int, size: int) -> list[bytes]:
    """The path that shows the first `older` leaves to be a prefix of the first `size`. Raises Tampered `leaves_missing`."""
    assert 0 <= older <= size, "an older head is not longer"
    if older in (0, size):
        return []
    spans: list[_Span] = []
    start, end = 0, size
    while older != end:
        middle = start + _split(end - start)
        if older <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:  # else the older root, which the verifier has
        spans.append((start, end))
    return _roots(leaves, spans[::-1])


def verify_inclusion(leaf: bytes, index: int, path: Path, head: Head) -> None:
    """Check that the leaf hash stands at `index` in the log of `head`. Raises Tampered `not_included`."""
    if not 0 <= index < head.size <= SIZE_MAX:
        raise _not_included(say("the log had {size} entries then, so none with number {index}", size=head.size, index=index))
    place, last, root = index, head.size - 1, leaf
    for other in path:
        if last == 0:
            raise _not_included(say("its path is too long"))
        if place & 1 or place == last:
            root = node_hash(other, root)
            while not place & 1:  # ends: a place of 0 that is the last one was refused above
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, other)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise _not_included(say("its path is too short"))
    if root != head.root:
        raise _not_included(say("its path leads to another root: the entry, its number or the path was changed"))


def verify_consistency(older: Head, newer: Head, path: Path) -> None:
    """Check that all the older head covers is still there, in its place, under the newer one. Raises Rewritten `no_prefix`.

    That both are heads of one log is for the caller to know: their signatures say so.
    """
    if not 0 <= older.size <= newer.size <= SIZE_MAX:
        raise _no_prefix(say("the older has {older} entries, the newer {newer}", older=older.size, newer=newer.size))
    if older.size in (0, newer.size):
        if older.root != (newer.root if older.size else EMPTY_ROOT):
            raise _no_prefix(say("two roots were signed for the same {size} entries", size=older.size))
        if path:
            raise _no_prefix(say("the path between them is too long"))
        return
    seen, roots = _climbed(older, newer.size, path)
    if not seen:
        raise _no_prefix(say("the path between them is too short or too long"))
    if roots != (older.root, newer.root):
        raise _no_prefix(say("the path between them leads to other roots: what the older head covered was changed"))


def _climbed(older: Head, size: int, path: Path) -> tuple[bool, tuple[bytes, bytes]]:
    """RFC 9162 2.1.4.2: whether the path has the right length, and the roots of both sizes that it leads to."""
    hashes = list(path)
    place, last = older.size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    if place == 0:  # the older tree is perfect: its own root is where the path starts
        hashes.insert(0, older.root)
    if not hashes:
        return False, (b"", b"")
    before = after = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return False, (b"", b"")
        if place & 1 or place == last:
            before, after = node_hash(other, before), node_hash(other, after)
            while not place & 1:  # ends, as above
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, other)
        place, last = place >> 1, last >> 1
    return last == 0, (before, after)


def _split(size: int) -> int:
    """The largest power of two below a size of at least 2."""
    return 1 << (size - 1).bit_length() - 1


def _roots(leaves: Iterable[bytes], spans: list[_Span]) -> list[bytes]:
    """The roots of subtrees that do not overlap, in the order given; the leaves are read once, in theirs."""
    stream, at = iter(leaves), 0
    found: dict[_Span, bytes] = {}
    for span in sorted(spans):
        start, end = span
        for _ in islice(stream, start - at):
            pass
        tree = Frontier(0, [])
        for leaf in islice(stream, end - start):
            tree.append(leaf)
        if tree.size != end - start:
            raise Tampered(
                say("The log has fewer entries than its head says."),
                "leaves_missing",
                say("Run timebank audit: it says what was changed."),
            )
        found[span], at = tree.root(), end
    return [found[span] for span in spans]


def _not_included(why: Say) -> Tampered:
    return Tampered(
        say("The entry is not proved to be in the log: {why}.", why=why),
        "not_included",
        say("Ask the office for a new proof of the same entry; if that fails too, show both to the supervisors."),
    )


def _no_prefix(why: Say) -> Rewritten:
    return Rewritten(
        say("The older head is not a prefix of the log: {why}.", why=why),
        "no_prefix",
        say("Keep both files and your papers, and show them to the supervisors: a log may only grow."),
    )
