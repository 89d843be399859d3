"""The book: double entry in exact integers, append-only, one journal a community. Its only writer.

Every entry is made of transfers, so each unit sums to zero by construction. A batch is posted whole or not at all, with
one lock, a handful of bulk statements and one new head of the log.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlmodel import Session, SQLModel

from timebank.base import communities
from timebank.base.act import Act
from timebank.base.communities import State
from timebank.base.db import NEVER, insert_rows, instant, together
from timebank.base.errors import Finding, Invalid, NotAllowed, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.months import iso_day, period_of
from timebank.base.rows import last_id
from timebank.journal import (
    ACCOUNT,
    ENTRY,
    EXPIRED,
    LOT,
    POSTING,
    SYSTEM_ACCOUNTS,
    Balance,
    Draft,
    Entry,
    Receipt,
    Unit,
    floor_of,
    keeps_lots,
)
from timebank.once import once
from timebank.payloads import Payloads
from timebank.positions import Line, Move, Position, Positions, forget
from timebank.transparency import Frontier, leaf_hash, parse

CLOCK_SLACK = timedelta(minutes=5)
CLOCK_JUMP_MAX = timedelta(days=40)
_KEYS_AT_ONCE = 50

_TEXT = SQLModel.metadata.tables["entry_text"].c
_ENTRY_OF_POSTING = (ENTRY.community_id == POSTING.community_id, ENTRY.seq == POSTING.seq)
_ACCOUNT_OF_POSTING = (ACCOUNT.community_id == POSTING.community_id, ACCOUNT.id == POSTING.account_id)
_ENTRY = (
    *("community_id", "seq", "kind", "business_date", "posted_at", "period", "actor", "approver", "key", "reverses"),
    *("subject", "rules", "payload", "leaf"),
)
_POSTING = ("community_id", "seq", "line", "account_id", "unit", "expires_on", "amount", "n", "balance")


def open_accounts(session: Session, community_id: int, wanted: Iterable[tuple[str, Unit, str]]) -> None:
    """Open accounts (holder, unit, purpose) under the community's lock. Opening one twice is a bug (UNIQUE)."""
    forget(session)
    last = last_id(session, "account", community_id)
    rows = [
        (community_id, last + i, holder, unit, purpose, floor_of(holder, purpose), 0)
        for i, (holder, unit, purpose) in enumerate(wanted, start=1)
    ]
    insert_rows(session, "account", ("community_id", "id", "holder", "unit", "purpose", "floor", "balance"), rows)


def open_missing(session: Session, community_id: int, wanted: Iterable[tuple[str, Unit, str]]) -> None:
    """Open those of these accounts that are not there yet, under the community's lock: on first use, in a book of any age."""
    asked = list(wanted)
    named = select(ACCOUNT.holder, ACCOUNT.unit, ACCOUNT.purpose).where(
        ACCOUNT.community_id == community_id, ACCOUNT.holder.in_({holder for holder, _, _ in asked})
    )
    there = {tuple(row) for row in session.execute(named)}
    missing = [account for account in asked if account not in there]
    if missing:
        open_accounts(session, community_id, missing)


def open_book(session: Session, community_id: int) -> None:
    """Open the accounts every community has from its first day."""
    open_accounts(session, community_id, SYSTEM_ACCOUNTS)


def post(session: Session, act: Act, draft: Draft) -> Receipt:
    """Post one entry. See `post_all`."""
    return post_all(session, act, [draft])[0]


def post_all(session: Session, act: Act, drafts: Sequence[Draft]) -> list[Receipt]:
    """Post entries in their order, all or none; returns a receipt each.

    As a command of its own it counts once per `act.key`; inside a running command it is part of that command. Raises Refused
    `insufficient` naming every draft that would fall below a floor, Invalid `future_date`, Refused `clock_back`, NotAllowed
    `clock_jump`, NotFound `no_account`.
    """
    if _running(session, act):
        return _post_all(session, act, drafts)
    outcome = once(
        session,
        act,
        "ledger.post",
        {"drafts": [_asked(draft) for draft in drafts]},
        lambda: {"entries": [[r.seq, r.key, r.kind, r.period] for r in _post_all(session, act, drafts)]},
    )
    return [Receipt(*written) for written in outcome.receipt["entries"]]


def _running(session: Session, act: Act) -> bool:
    return session.info.get("timebank_command") == act.key


def _asked(draft: Draft) -> dict[str, Any]:
    """A draft as plain data, for the fingerprint of its command."""
    transfers = [
        [t.unit, t.amount, t.source, t.source_purpose, t.target, t.target_purpose, str(t.lot or ""), str(t.lapses_on or "")]
        for t in draft.transfers
    ]
    return {
        "kind": draft.kind,
        "business_date": str(draft.business_date),
        "transfers": transfers,
        "subject": draft.subject or "",
        "rules": draft.rules or "",
        "trace": draft.trace or {},
        "facts": draft.facts or {},
        "text": draft.text or "",
    }


class _Ready(NamedTuple):
    """A draft whose postings are settled and applied to the positions."""

    draft: Draft
    period: str
    lines: list[Line]
    reverses: int | None = None


def _post_all(session: Session, act: Act, drafts: Sequence[Draft]) -> list[Receipt]:
    state = communities.lock(session, act.community_id)
    today = communities.today(session, act)
    _check_clock(state, act)
    _check_dates(drafts, today)
    periods = [_period(state, draft) for draft in drafts]
    transfers = [transfer for draft in drafts for transfer in draft.transfers]
    holders, units = {t.source for t in transfers} | {t.target for t in transfers}, {t.unit for t in transfers}
    positions = Positions.load(session, act.community_id, holders, units, set(periods))
    ready, findings = [], []
    for index, (draft, period) in enumerate(zip(drafts, periods, strict=True)):
        try:
            ready.append(_Ready(draft, period, positions.settle(draft.transfers, period, today)))
        except Refused as refusal:
            if len(drafts) == 1:
                raise
            findings.append(Finding(draft.place or str(index + 1), refusal.code, refusal.message))
    if findings:
        raise Refused(
            say("{count} of {total} entries cannot be posted; nothing was.", count=len(findings), total=len(drafts)),
            findings[0].code,
            say("Correct or leave out what is named, then repeat."),
            findings,
        )
    return _write(session, act, state, positions, ready)


def _check_clock(state: State, act: Act) -> None:
    if act.now < state.posted_at - CLOCK_SLACK:
        raise Refused(
            say(
                "The clock says {now}, before the last entry of {last}.",
                now=instant(act.now),
                last=instant(state.posted_at),
            ),
            "clock_back",
            say("Set this computer's clock right; entries are never dated back."),
        )
    if act.now > state.posted_at + CLOCK_JUMP_MAX and act.approver is None:
        raise NotAllowed(
            say(
                "The last entry is of {last}, more than {days} days before the clock's {now}.",
                last=instant(state.posted_at),
                days=CLOCK_JUMP_MAX.days,
                now=instant(act.now),
            ),
            "clock_jump",
            say("If the clock is right, let a second person confirm with --approver."),
        )


def _check_dates(drafts: Sequence[Draft], today: date) -> None:
    late = [draft for draft in drafts if draft.business_date > today]
    if late:
        raise Invalid(
            say("{day} lies in the future; today is {today}.", day=late[0].business_date, today=today),
            "future_date",
            say("Enter it when the day has come."),
        )


def _period(state: State, draft: Draft) -> str:
    """The month an entry belongs to: that of its business date while it is open, else the first open month."""
    return max(period_of(draft.business_date), state.open_period)


def _write(session: Session, act: Act, state: State, positions: Positions, ready: Sequence[_Ready]) -> list[Receipt]:
    """Number the entries, write their canonical bytes and move the head of the log."""
    cid, posted_at = act.community_id, max(act.now, state.posted_at)
    frontier = Frontier.load(state.size, state.frontier)
    first = session.info.setdefault(("timebank_first", act.key), state.size)
    moment = instant(posted_at)
    payloads = Payloads(act, state.origin, moment, range(state.size, state.size + len(ready)))
    entries: list[tuple[object, ...]] = []
    postings: list[tuple[object, ...]] = []
    receipts, texts = [], []
    for seq, item in enumerate(ready, start=state.size):
        draft, period = item.draft, item.period
        key, day = f"{act.key}/{seq - first}", iso_day(draft.business_date)
        more = {"reverses": str(item.reverses)} if item.reverses is not None else {}
        told = draft.text or act.reason
        if told:
            salt = act.draw(f"salt {seq}")[:16]
            more["text_hash"] = f'"{sha256(salt + told.encode()).hexdigest()}"'
            texts.append((cid, seq, salt, told))
        payload = payloads.write(seq, key, period, draft, item.lines, **more)
        leaf = leaf_hash(payload.encode())
        frontier.append(leaf)
        entries.append(
            (
                *(cid, seq, draft.kind, day, moment, period, act.actor, act.approver, key, item.reverses),
                *(draft.subject, draft.rules, payload, leaf),
            )
        )
        postings.extend(
            (cid, seq, number, line.position.id, line.position.unit, line.expires_on, line.amount, line.n, line.balance)
            for number, line in enumerate(item.lines)
        )
        receipts.append(Receipt(seq, key, draft.kind, period))
    state.size, state.frontier, state.posted_at = frontier.size, frontier.pack(), posted_at
    with together(session):
        insert_rows(session, "entry", _ENTRY, entries)
        insert_rows(session, "posting", _POSTING, postings)
        insert_rows(session, "entry_text", ("community_id", "seq", "salt", "text"), texts)
        positions.save(session)
        communities.save(session, state)
    return receipts


def reverse(session: Session, act: Act, seq: int, *, owe: bool = False) -> Receipt:
    """Post the exact opposite of an entry, dated today.

    Points that were spent meanwhile are taken from the lot's rest, then from what of it expired, then from the holder's other
    lots, then - with `owe` - from the holder's `owed` account. Raises NotFound `no_entry`, Refused `already_reversed`,
    `is_reversal`, `already_spent` (with the amount missing).
    """
    inputs = {"seq": seq, "owe": owe}
    outcome = once(
        session, act, "ledger.reverse", inputs if not _running(session, act) else {}, lambda: _reverse(session, act, seq, owe)
    )
    return Receipt(*outcome.receipt["entries"][0])


def _reverse(session: Session, act: Act, seq: int, owe: bool) -> dict[str, Any]:
    state = communities.lock(session, act.community_id)
    _check_clock(state, act)
    original = _reversible(session, act.community_id, seq)
    wanted = select(ACCOUNT.holder, ACCOUNT.unit, ACCOUNT.purpose, POSTING.expires_on, POSTING.amount).where(
        *_ACCOUNT_OF_POSTING, POSTING.community_id == act.community_id, POSTING.seq == seq
    )
    rows = session.execute(wanted.order_by(POSTING.line)).all()
    draft = Draft("reversal", communities.today(session, act), subject=original.subject, rules=original.rules)
    period = _period(state, draft)
    holders, units = {row.holder for row in rows} | {EXPIRED}, {row.unit for row in rows}
    positions = Positions.load(session, act.community_id, holders, units, {period})
    opposite: list[Move] = []
    from_expired: list[list[object]] = []
    for holder, unit, purpose, lot, amount in _as_it_came_in(rows):
        position = positions.find(holder, unit, purpose)
        if amount < 0:
            opposite.extend(positions.give_back(position, lot, -amount, opposite))
            continue
        if position.lots is None:
            opposite.append((position, lot.isoformat(), -amount))
            continue
        expired = _expired_left(session, position, lot)
        taken, of_expired = positions.take_back(position, lot, amount, expired, opposite, owe=owe)
        opposite.extend(taken)
        if of_expired:
            from_expired.append([holder, purpose, lot.isoformat(), of_expired])
    draft = draft._replace(facts={"expired": from_expired} if from_expired else None, text=act.reason or None)
    receipt = _write(session, act, state, positions, [_Ready(draft, period, positions.apply(opposite, period), seq)])[0]
    return {"entries": [[receipt.seq, receipt.key, receipt.kind, receipt.period]]}


def _as_it_came_in(rows: Sequence[Any]) -> Iterator[tuple[str, str, str, date, int]]:
    """An entry's postings with what repaid a debt put back beside what came in with it: owed again only as the last resort."""
    repaid = {row.holder: row.amount for row in rows if row.purpose == "owed" and row.amount > 0}
    for holder, unit, purpose, lot, amount in rows:
        if purpose == "owed" and amount > 0:
            continue
        together = repaid.pop(holder, 0) if purpose == "available" and unit == "points" and amount > 0 else 0
        yield holder, unit, purpose, lot, amount + together
    for holder, amount in repaid.items():
        yield holder, "points", "available", NEVER, amount


def reversed_by(session: Session, community_id: int, seq: int) -> int | None:
    """The number of the entry that took an entry back, or None."""
    wanted = select(ENTRY.seq).where(ENTRY.community_id == community_id, ENTRY.reverses == seq)
    by: int | None = session.execute(wanted).scalar()
    return by


def _reversible(session: Session, community_id: int, seq: int) -> Entry:
    entry = session.get(Entry, (community_id, seq))
    if entry is None:
        raise NotFound(say("There is no entry {seq}.", seq=seq), "no_entry", say("See the numbers with timebank hours list."))
    if entry.reverses is not None:
        raise Refused(say("Entry {seq} is a reversal itself.", seq=seq), "is_reversal", say("Enter what is right anew."))
    held = select(POSTING.seq).where(*_ACCOUNT_OF_POSTING, POSTING.community_id == community_id, POSTING.seq == seq)
    if session.execute(held.where(ACCOUNT.purpose == "held").limit(1)).scalar() is not None:
        raise Refused(
            say("Entry {seq} belongs to a voucher.", seq=seq),
            "is_hold",
            say("Void the voucher, or let it be redeemed or lapse."),
        )
    by = reversed_by(session, community_id, seq)
    if by is not None:
        raise Refused(say("Entry {seq} was reversed by entry {by}.", seq=seq, by=by), "already_reversed")
    return entry


def _expired_left(session: Session, position: Position, lot: date) -> int:
    """How many points of a lot lapsed and were not taken back by an earlier reversal."""
    own = (POSTING.community_id == position.community_id, POSTING.account_id == position.id, POSTING.expires_on == lot)
    lapsed = select(func.sum(POSTING.amount)).where(*_ENTRY_OF_POSTING, *own, ENTRY.kind == "points.expire")
    expired = -int(session.execute(lapsed).scalar() or 0)
    if not expired:
        return 0
    reversals = select(ENTRY.payload).where(ENTRY.community_id == position.community_id, ENTRY.kind == "reversal")
    name = [position.holder, position.purpose, lot.isoformat()]
    for payload in session.execute(reversals.where(ENTRY.payload.contains('"expired"'))).scalars():
        expired -= sum(amount for *taken, amount in facts_of(payload).get("expired", []) if taken == name)
    return expired


def entries_of(session: Session, community_id: int, key: str) -> list[int]:
    """The numbers of the entries that the command of a key posted, in their order."""
    found: list[int] = []
    while True:  # they are numbered from 0 without a gap
        keys = [f"{key}/{number}" for number in range(len(found), len(found) + _KEYS_AT_ONCE)]
        some = session.execute(select(ENTRY.seq).where(ENTRY.community_id == community_id, ENTRY.key.in_(keys)))
        more = sorted(some.scalars())
        found.extend(more)
        if len(more) < _KEYS_AT_ONCE:
            return found


def facts_of(payload: str) -> dict[str, Any]:
    """The kind-specific facts of an entry's payload."""
    facts: dict[str, Any] = parse(payload.encode()).get("facts", {})
    return facts


def trace_of(payload: str) -> dict[str, Any] | None:
    """How the points of an entry came about; None for an entry that no rule gave points."""
    trace: dict[str, Any] | None = parse(payload.encode()).get("trace")
    return trace


def texts(session: Session, community_id: int, seqs: Collection[int]) -> dict[int, str]:
    """The free texts of these entries by their numbers; one that was erased, or never was, is left out."""
    wanted = select(_TEXT.seq, _TEXT.text).where(_TEXT.community_id == community_id, _TEXT.seq.in_(seqs))
    return {row.seq: row.text for row in session.execute(wanted)}


def balance(session: Session, community_id: int, holder: str, unit: Unit, *, today: date, as_of: date | None = None) -> Balance:
    """What a holder has of a unit, today or at the end of an earlier day (by business date).

    Lots that lapsed before that day are not available any more, whether their expiry is posted yet or not.
    """
    own = (ACCOUNT.community_id == community_id, ACCOUNT.holder == holder, ACCOUNT.unit == unit)
    if as_of is None:
        sums = select(ACCOUNT.purpose, ACCOUNT.balance).where(*own)
        lots = select(LOT.expires_on, LOT.balance).where(
            *own, LOT.community_id == ACCOUNT.community_id, LOT.account_id == ACCOUNT.id
        )
        lots = lots.where(ACCOUNT.purpose == "available", LOT.balance > 0).order_by(LOT.expires_on)
    else:
        until = (*own, *_ENTRY_OF_POSTING, *_ACCOUNT_OF_POSTING, ENTRY.business_date <= as_of)
        sums = select(ACCOUNT.purpose, func.sum(POSTING.amount)).where(*until).group_by(ACCOUNT.purpose)
        lots = select(POSTING.expires_on, func.sum(POSTING.amount)).where(*until, ACCOUNT.purpose == "available")
        lots = lots.group_by(POSTING.expires_on).order_by(POSTING.expires_on)
    by_purpose = {purpose: int(total) for purpose, total in session.execute(sums)}
    available = by_purpose.get("available", 0) + by_purpose.get("served", 0)
    alive: tuple[tuple[date, int], ...] = ()
    if keeps_lots(holder, unit, "available"):
        found = ((day, int(amount)) for day, amount in session.execute(lots))
        alive = tuple((day, amount) for day, amount in found if amount > 0 and day >= (as_of or today))
        available = sum(amount for _, amount in alive)
    return Balance(available, by_purpose.get("held", 0), by_purpose.get("owed", 0), alive)


def balances(session: Session, community_id: int, unit: Unit, holder: str | None = None) -> dict[tuple[str, str], int]:
    """What the accounts of a unit have now, by holder and purpose: of everybody, or of one holder."""
    own = [ACCOUNT.community_id == community_id, ACCOUNT.unit == unit, *([ACCOUNT.holder == holder] if holder else [])]
    found = session.execute(select(ACCOUNT.holder, ACCOUNT.purpose, ACCOUNT.balance).where(*own))
    return {(name, purpose): int(there) for name, purpose, there in found}
