"""Signed heads of the log: made by every command that adds to the book, kept in the database and in a file beside it.

The file (`checkpoint_log.py`) is what the database is held against before anything is written: who puts an older database in
its place, or a rewritten one, finds it refusing to write (read-only mode) until the right one is back, or until two people
open a new incarnation of the log, in which what was lost is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import LargeBinary
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import approvals, checkpoint_log, ledger, reading
from timebank.base import communities, keys
from timebank.base.act import Act
from timebank.base.communities import State
from timebank.base.db import Utc, insert_rows, instant, key_field
from timebank.base.errors import Invalid, NotFound, Refused, Rewritten, RolledBack, Tampered
from timebank.base.i18n import Say, say
from timebank.base.rows import first, moment, select_rows, value_of
from timebank.checkpoint_log import Line
from timebank.journal import ENTRY, Draft
from timebank.notes import Head, key_of, read_head, signed_head
from timebank.notes import vkey as vkey_of
from timebank.transparency import Frontier, tree_root

KIND = "log.incarnate"
"""The entry that opens a new incarnation of the log."""
_LINES_AT_ONCE = 500


class Checkpoint(SQLModel, table=True):
    """The root of the log's first `size` entries (32 bytes) and the signed note of it; the first version signed none."""

    community_id: int = key_field()
    size: int = key_field()
    root: bytes = Field(sa_type=LargeBinary)
    made_at: datetime = Field(sa_type=Utc)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """Where a database's heads are written down, and the seed of the key that signs them (32 bytes, never shown).

    Who reads the database without its lock looks only at what the file had before: at its first `until` bytes.
    """

    path: Path
    seed: bytes = field(repr=False)
    until: int | None = None

    @property
    def public(self) -> bytes:
        """The public half of the key, 32 bytes."""
        return keys.public(self.seed)


def vkey(session: Session, community_id: int, public: bytes) -> str:
    """The key that today's notes of a community's log are verified with, as people pass it on."""
    return vkey_of(communities.state(session, community_id).origin, public)


def newest(session: Session, community_id: int, public: bytes) -> str:
    """The note of the newest head of a community's log that this key (32 bytes) signed. Raises NotFound `not_signed_yet`."""
    found = _newest_signed(session, communities.state(session, community_id), public)
    return _signed(found.note if found else None)


def note_of(session: Session, community_id: int, size: int, public: bytes) -> str:
    """The note of the head of so many entries that this key (32 bytes) signed. Raises NotFound `not_signed_yet`."""
    found = session.get(Checkpoint, (community_id, size))
    code = communities.state(session, community_id).code
    return _signed(found.note if found and signed_line(code, found, public) else None)


def listed(session: Session, community_id: int, count: int) -> list[Checkpoint]:
    """The newest heads, newest first, at most so many."""
    wanted = select(Checkpoint).where(col(Checkpoint.community_id) == community_id)
    return list(session.exec(wanted.order_by(col(Checkpoint.size).desc()).limit(count)).all())


def _signed(note: str | None) -> str:
    if note is None:
        hint = say("See timebank checkpoint list; timebank checkpoint make signs the log as it is now.")
        raise NotFound(say("The log has no signed head of this size."), "not_signed_yet", hint)
    return note


def key_in(line: Line, public: bytes) -> str:
    """The key that a head of any incarnation is verified with, as people pass it on."""
    return vkey_of(f"{line.code}/{line.incarnation}", public)


# --- making ---


def make(session: Session, act: Act, seed: bytes) -> Line | None:
    """Sign the log's present head with the key of this seed (32 bytes) and keep it; None if it was kept before.

    A row that was put in its place by somebody without the key cannot be mended: the head is then only written down, and the
    audit names the row. Raises Rewritten `rewritten` where another signed head of this size was kept.
    """
    state = communities.lock(session, act.community_id)
    root = Frontier.load(state.size, state.frontier).root()
    known = first(session, Checkpoint, community_id=act.community_id, size=state.size)
    if known is not None and signed_line(state.code, known, keys.public(seed)) is not None:
        if known.root != root:
            raise _rewritten(known.size, instant(known.made_at))
        return None
    note = signed_head(Head(state.origin, state.size, root), seed)
    made_at = instant(max(act.now, state.posted_at))
    if known is None:
        row = (act.community_id, state.size, root, made_at, note)
        insert_rows(session, "checkpoint", ("community_id", "size", "root", "made_at", "note"), [row])
    return checkpoint_log.line_of(made_at, note)


def signed_line(code: str, row: Checkpoint, public: bytes) -> Line | None:
    """The line of a kept head of a community's log; None if its note is not that head's, signed with this key (32 bytes).

    A row is no more than a claim: whoever may add to the book may insert one.
    """
    head = signed_head_of(code, row.size, row.note, public)
    if head is None or head.root != row.root:
        return None
    return checkpoint_log.line_of(instant(row.made_at), row.note or "")


def signed_head_of(code: str, size: Any, note: Any, public: bytes) -> Head | None:
    """The head of so many entries of a community's log that a note holds, of any incarnation; None if this key (32 bytes) did
    not sign such a one. Takes whatever may stand in a row."""
    line = checkpoint_log.line_of("", note) if type(note) is str else None
    if line is None or (line.code, line.size) != (code, size):
        return None
    try:
        return read_head(line.note, key_of(f"{code}/{line.incarnation}", public))
    except (Invalid, Tampered):
        return None


class Caught(NamedTuple):
    """How many heads were written down, and whether the file had none of the community before."""

    lines: int
    anew: bool


def catch_up(session: Session, community_id: int, log: Log) -> Caught:
    """Write down the heads that are missing at the end of the file, as after a crash.

    Only after `check`: it trusts the file's last line. Raises Unwritable `log_unreadable`, `log_unwritten`.
    """
    state = communities.state(session, community_id)
    newest = checkpoint_log.last(log.path, state.code, log.until)
    if newest is not None and newest.place == (state.incarnation, state.size):
        return Caught(0, anew=False)
    wanted = select(Checkpoint).where(col(Checkpoint.community_id) == community_id, col(Checkpoint.note).is_not(None))
    goes_on = newest is not None and newest.incarnation == state.incarnation
    if newest is not None and goes_on:
        wanted = wanted.where(col(Checkpoint.size) > newest.size)
    rows = session.exec(wanted.order_by(col(Checkpoint.size)).execution_options(yield_per=_LINES_AT_ONCE))
    lines = (signed_line(state.code, row, log.public) for row in rows)
    missing = (line for line in lines if line and (newest is None or goes_on or line.incarnation > newest.incarnation))
    first = next(missing, None)
    count = 0 if first is None else checkpoint_log.append(log.path, state.code, chain([first], missing))
    return Caught(count, count > 0 and newest is None)


def head_at(session: Session, community_id: int, size: int, public: bytes | None) -> tuple[bytes, str | None]:
    """The root of the log's first `size` entries, and the signed note of it where one was made.

    A row whose note this key (32 bytes) did not sign is no more than a claim: then, and for who has no key, the root is made
    from the entries and there is no note.
    """
    kept, code = session.get(Checkpoint, (community_id, size)), communities.state(session, community_id).code
    if kept is not None and public is not None and signed_line(code, kept, public) is not None:
        return kept.root, kept.note
    return tree_root(reading.leaves(session, community_id, size)), None


# --- holding the database against what was published ---


def check(session: Session, community_id: int, log: Log) -> None:
    """Hold the head of a community's log against the last one that was written down, in the database and in the file.

    It reads no more than what was added since, a few entries as a rule. Raises RolledBack `rolled_back`, Rewritten
    `rewritten`, Tampered `other_key`, Unwritable `log_unreadable`: the book must then not be written to.
    """
    state = communities.state(session, community_id)
    own, found = _check_own(session, state, log), _logged(state, log)
    if found is None:
        return
    line, head = found
    if line.incarnation < state.incarnation:
        if line.size > state.size or not _extends(session, state, head.size, head.root):
            _check_declared(session, state, line)
    elif line.place > (state.incarnation, state.size):
        raise _rolled_back(line, state)
    elif (own is None or (own.size, own.root) != (head.size, head.root)) and not _extends(session, state, head.size, head.root):
        raise _rewritten(line.size, line.made_at)


def _check_own(session: Session, state: State, log: Log) -> Checkpoint | None:
    """Hold the log's head against the database's own last checkpoint that its key signed, and give that."""
    newest = _newest_signed(session, state, log.public)
    if newest is not None:
        made_at = instant(newest.made_at)
        if newest.size > state.size:
            raise _rolled_back(Line(made_at, "", "", state.incarnation, newest.size), state)
        if not _extends(session, state, newest.size, newest.root):
            raise _rewritten(newest.size, made_at)
    return newest


# Asked by every command, so it goes to the driver itself.
_NEWEST = """
    SELECT size, root, made_at, note FROM checkpoint WHERE community_id = ? AND note IS NOT NULL ORDER BY size DESC LIMIT 1"""


def _newest_signed(session: Session, state: State, public: bytes) -> Checkpoint | None:
    """The newest checkpoint that this key signed; None if none was ever signed. Raises Tampered `other_key` if all others were.

    Rows without such a note are passed over: who may add to the book may insert them, and nobody could take them away.
    """
    own = select(Checkpoint).where(col(Checkpoint.community_id) == state.community_id, col(Checkpoint.note).is_not(None))
    own = own.order_by(col(Checkpoint.size).desc())
    some: Sequence[Checkpoint] = [
        value_of(Checkpoint, {"size": size, "root": bytes(root), "made_at": moment(made_at), "note": note})
        for size, root, made_at, note in select_rows(session, _NEWEST, (state.community_id,))
    ]
    others = bool(some)
    while some:
        for row in some:
            if signed_line(state.code, row, public) is not None:
                return row
        some = session.exec(own.where(col(Checkpoint.size) < some[-1].size).limit(_LINES_AT_ONCE)).all()
    if others:
        raise Tampered(
            say("The checkpoints of {code} in the database are not signed with the key in its file of keys.", code=state.code),
            "other_key",
            _OTHER_KEY,
        )
    return None


def _logged(state: State, log: Log) -> tuple[Line, Head] | None:
    """The community's last line of the file, verified."""
    line = checkpoint_log.last(log.path, state.code, log.until)
    if line is None:
        return None
    try:
        return line, read_head(line.note, key_of(f"{line.code}/{line.incarnation}", log.public))
    except (Invalid, Tampered) as error:
        raise Tampered(
            say("The last line about {code} in {file} is not signed with this database's key.", code=line.code, file=log.path),
            "other_key",
            _OTHER_KEY,
        ) from error


def _extends(session: Session, state: State, size: int, root: bytes) -> bool:
    """Whether the log's head goes on from an earlier one (size ≤ the head's): only entries after their common part are read."""
    if len(state.frontier) != 32 * state.size.bit_count():
        return False
    now = Frontier.load(state.size, state.frontier)
    if size == state.size:
        return now.root() == root
    shared = state.size >> (size ^ state.size).bit_length() << (size ^ state.size).bit_length()
    log = Frontier(shared, now.hashes[: shared.bit_count()])
    agrees = size == shared and log.root() == root
    for leaf in reading.leaves(session, state.community_id, state.size, first=shared):
        log.append(leaf)
        agrees = agrees or (log.size == size and log.root() == root)
    return agrees and (log.size, log.hashes) == (now.size, now.hashes)


def _check_declared(session: Session, state: State, line: Line) -> None:
    """Refuse a head of an earlier incarnation that no `log.incarnate` entry declares lost."""
    later = [facts for facts in declarations(session, state.community_id) if facts["incarnation"] > line.incarnation]
    if not later:
        raise _rewritten(line.size, line.made_at)
    lost = [(facts["published"]["incarnation"], facts["published"]["size"]) for facts in later]
    if not giving_up(line.place, lost):
        raise _rolled_back(line, state)


def giving_up(place: tuple[int, int], lost: Sequence[tuple[int, int]]) -> list[int]:
    """Which of the entries that opened later incarnations give a head (incarnation, size) up, by the newest head each names.

    The first of them speaks for all before it; a later one for another computer's file, which knew more of one incarnation.
    """
    return [n for n, newest in enumerate(lost) if place <= newest and (n == 0 or newest[0] == place[0])]


def declarations(session: Session, community_id: int) -> list[dict[str, Any]]:
    """The facts of the entries that opened new incarnations, in their order (docs/checkpoints.md)."""
    wanted = select(ENTRY.payload).where(ENTRY.community_id == community_id, ENTRY.kind == KIND).order_by(ENTRY.seq)
    return [ledger.facts_of(payload) for payload in session.exec(wanted)]


# --- a new incarnation ---


def declare(session: Session, community_id: int, log: Log) -> dict[str, Any]:
    """What opening a new incarnation would declare: its number, the cause, how many entries are `kept` as they were published,
    and the published head that is given up.

    Raises Refused `not_read_only` for a book that agrees with what was published; RolledBack or Rewritten where the database
    does not even agree with itself: then no incarnation helps, only a backup.
    """
    state = communities.state(session, community_id)
    _check_own(session, state, log)
    try:
        check(session, community_id, log)
    except (RolledBack, Rewritten) as error:
        cause = error.code
    else:
        raise Refused(
            say("The book agrees with all that was published: there is nothing to open a new incarnation for."),
            "not_read_only",
            say("Go on with your work."),
        )
    found = _logged(state, log)
    assert found is not None, "what the database does not disagree with by itself, it disagrees with by the file"
    line, head = found
    return {
        "incarnation": max(state.incarnation, line.incarnation) + 1,
        "cause": cause,
        "kept": _kept(session, state, log),
        "published": {"incarnation": line.incarnation, "size": line.size, "root": head.root.hex()},
    }


def _kept(session: Session, state: State, log: Log) -> int:
    """The size of the last head of the file that the database has as well; 0 without any."""
    lines = checkpoint_log.backwards(log.path, state.code, log.until)
    while some := list(islice(lines, _LINES_AT_ONCE)):
        sizes = [line.size for line in some if line.size <= state.size]
        wanted = select(Checkpoint.size, Checkpoint.note).where(
            col(Checkpoint.community_id) == state.community_id, col(Checkpoint.size).in_(sizes)
        )
        notes = dict(session.exec(wanted).all())
        for line in some:
            if notes.get(line.size) == line.note:
                return line.size
    return 0


def incarnate(session: Session, act: Act, log: Log, declared: dict[str, Any]) -> dict[str, Any]:
    """Open a new incarnation of a log that lost entries or went another way: an entry of its own says what is given up.

    `declared` is what two people agreed to, as `declare` gave it. Raises as `declare`; NotAllowed `approver_missing`,
    `same_person`; Invalid `no_reason`; Refused `declared_otherwise`.
    """
    approvals.two_people(act)
    if not act.reason:
        raise Invalid(say("A new incarnation needs a reason."), "no_reason", say("Say with --reason what happened."))
    state = communities.lock(session, act.community_id)
    if declare(session, act.community_id, log) != declared:
        raise Refused(
            say("Meanwhile the database or what was published is not what it was when this was asked for."),
            "declared_otherwise",
            say("Look at timebank checkpoint show, and ask anew."),
        )
    state.incarnation = declared["incarnation"]
    communities.save(session, state)
    day = communities.today(session, act)
    posted = ledger.post(session, act, Draft(KIND, day, subject=f"log:{state.incarnation}", facts=declared))
    return {"entry": posted.seq, "log": state.origin, **declared}


def _rolled_back(line: Line, state: State) -> RolledBack:
    return RolledBack(
        say(
            "{published} entries were published on {moment} (incarnation {incarnation}); this database has {size}, the last of "
            "{last} (incarnation {own}): it is an older one.",
            published=line.size,
            moment=line.made_at,
            incarnation=line.incarnation,
            size=state.size,
            last=instant(state.posted_at),
            own=state.incarnation,
        ),
        "rolled_back",
        _MEND,
    )


def _rewritten(size: int, moment: str) -> Rewritten:
    return Rewritten(
        say(
            "The first {size} entries are not those that were published on {moment}: they were rewritten.",
            size=size,
            moment=moment,
        ),
        "rewritten",
        _MEND,
    )


_OTHER_KEY: Say = say(
    "Nothing is written. Bring back the keys and the log that belong to this database; keep these for the audit."
)
_MEND: Say = say(
    "Nothing is written until the right database is back: bring the newest backup. If it is lost, two people open a new "
    "incarnation: timebank checkpoint incarnate --reason WHY --approver W0002"
)
