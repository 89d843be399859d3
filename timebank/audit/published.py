"""What was published and is not in the database: the log of checkpoints beside it, and older heads from papers and sticks.

Each is a signed head of the log. The checkpoints in the database are compared with the entries while the journal is read
(`projections.Head`); here what was published is compared with those, so that memory does not grow with the file.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import SQLModel

from timebank import checkpoint_log
from timebank.audit.findings import Findings
from timebank.audit.source import KEYS_AT_ONCE, WRONG_KIND, Source
from timebank.base.errors import Invalid, Tampered, Unwritable
from timebank.base.i18n import say
from timebank.checkpoints import KIND, giving_up, signed_head_of
from timebank.journal import ENTRY
from timebank.notes import Head, key_of, read_head


@dataclass(frozen=True, slots=True)
class Published:
    """The public half of the key that signs (32 bytes), the file of heads, and older heads by where they come from.

    Of the file only the first `log_bytes` are read, all if None: what others add while the audit reads is about later entries.
    """

    public: bytes
    log: Path
    heads: tuple[tuple[str, Head], ...] = ()
    log_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """A published head: where it stands, incarnation and size, its root; its note unless the reader has verified it."""

    where: str
    incarnation: int
    size: int
    root: bytes | None
    note: str = ""

    @property
    def order(self) -> tuple[int, int]:
        return self.incarnation, self.size


def check(source: Source, published: Published, origin: str, size: int, findings: Findings) -> None:
    """Compare everything published with a log of this origin and size. Raises nothing: what cannot be read is a finding."""
    code, _, number = origin.rpartition("/")
    given_up = _given_up(source)
    newest: _Place | None = None
    source_of_places = _places(published, code, findings)
    while some := list(islice(source_of_places, KEYS_AT_ONCE)):
        rows = source.found(SQLModel.metadata.tables["checkpoint"], ("root", "note"), "size", {place.size for place in some})
        for place in some:
            row = rows.get(place.size, {})
            if place.note and place.note == row.get("note"):
                continue
            root = place.root if place.root is not None else _root(place, code, published.public)
            if root is None:
                findings.add("not_signed", say("It is not signed with the key of this log."), where=place.where)
            elif _declared(place, given_up):
                continue
            elif place.order > (int(number), size):
                newest = max(filter(None, (newest, place)), key=lambda place: place.order)
            elif row.get("root") != root and not _is_claim(row, place, code, published.public):
                other = say("The first {size} entries do not have the root that was published of them.", size=place.size)
                findings.add("rewritten", other, where=place.where)
    if newest is not None:
        back = say("{published} entries were published; {size} are there.", published=newest.size, size=size)
        findings.add("rolled_back", back, where=newest.where)


def _places(published: Published, code: str, findings: Findings) -> Iterator[_Place]:
    for name, head in published.heads:
        yield _Place(name, int(head.origin.rpartition("/")[2]), head.size, head.root)
    try:
        for number, line in checkpoint_log.lines(published.log, published.log_bytes):
            where = f"{published.log.name} {number}"
            if line is None:
                findings.add("not_signed", say("It is no line of a log of checkpoints."), where=where)
            elif line.code == code:
                yield _Place(where, line.incarnation, line.size, None, line.note)
    except Unwritable as error:
        findings.add("unreadable", error.message, where=published.log.name)


def _root(place: _Place, code: str, public: bytes) -> bytes | None:
    """The root in a note, if the log signed it."""
    try:
        return read_head(place.note, key_of(f"{code}/{place.incarnation}", public)).root
    except (Invalid, Tampered):
        return None


def _is_claim(row: Any, place: _Place, code: str, public: bytes) -> bool:
    """Whether a checkpoint's row is one that the log's key did not sign: it says nothing of the log, and is named by itself."""
    head = signed_head_of(code, place.size, row.get("note"), public)
    return bool(row) and (head is None or head.root != row["root"])


def _given_up(source: Source) -> Sequence[dict[str, Any]]:
    """The facts of the entries that opened new incarnations, as far as they can be read."""
    wanted = select(source.octets(ENTRY.payload)).where(ENTRY.community_id == source.community_id, ENTRY.kind == KIND)
    found = []
    for (payload,) in source.rows(wanted.order_by(ENTRY.seq)):
        try:
            facts = json.loads(payload)["facts"]
            _declares(facts)
        except WRONG_KIND:  # the payload's own check tells
            continue
        found.append(facts)
    return found


def _declares(facts: dict[str, Any]) -> tuple[int, int, tuple[int, int]]:
    lost = facts["published"]
    return int(facts["incarnation"]), int(facts["kept"]), (int(lost["incarnation"]), int(lost["size"]))


def _declared(place: _Place, given_up: Sequence[dict[str, Any]]) -> bool:
    """Whether an entry that opened a later incarnation gives the head up: it lies beyond what was kept, up to what was lost.

    Of an incarnation that the log did not go on from, nothing was kept.
    """
    declared = [_declares(facts) for facts in given_up]
    went_on = place.incarnation == 1 or any(place.incarnation == incarnation for incarnation, _, _ in declared)
    later = [(kept, lost) for incarnation, kept, lost in declared if incarnation > place.incarnation]
    return any(place.size > later[n][0] or not went_on for n in giving_up(place.order, [lost for _, lost in later]))
