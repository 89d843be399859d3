"""The book read in streams: what a month changed for each holder, and what each had before and after it.

Nothing here writes. Openings and closings come from the turnover cache, lines from the month's postings alone, so the price
of a month does not grow with the entries before it. A holder is a member, merchant, pool or team (the system, the
fund and its sponsors have no statements); all streams have them in one order, see `order`. Who does not read a stream to
its end closes it.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import closing
from datetime import date
from functools import partial
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, select, text
from sqlmodel import Session

from timebank.base.months import first_day
from timebank.base.rows import select_rows
from timebank.journal import ACCOUNT, ENTRY, LOT, POSTING, REDEEMED, TURNOVER, Entry, Unit

_AT_ONCE = 2_000
_CHUNK = 500


class Line(NamedTuple):
    """What one entry changed for one holder, over all its accounts. Days and moments are texts as in the payload."""

    holder: str
    seq: int
    kind: str
    business_date: str
    posted_at: str
    reverses: int | None
    subject: str | None
    rules: str | None
    minutes: int
    points: int
    credits: int
    fen: int


class Share(NamedTuple):
    """One account's part of a holding, by lapse day (ISO; None on an account that was never moved): the net amount before a
    month, and that of the month."""

    holder: str
    unit: Unit
    purpose: str
    expires_on: str | None
    before: int
    during: int


class Posted(NamedTuple):
    """One posting beside the entry it belongs to, or an entry that has none: then `holder` and what follows are None.

    `day` is the day its month's statement counts it on: the business date, or the first of the month where that date's own
    month was closed already. Days are texts.
    """

    seq: int
    day: str
    business_date: str
    kind: str
    subject: str | None
    reverses: int | None
    leaf: bytes
    holder: str | None
    unit: str | None
    purpose: str | None
    expires_on: str | None
    amount: int | None


class Standing(NamedTuple):
    """What an account has by one lapse day (ISO; None for the whole of an account that keeps no lots or has none yet)."""

    holder: str
    unit: str
    purpose: str
    expires_on: str | None
    balance: int


class Holding(NamedTuple):
    """What one holder had before a month and what the month changed: a share for each account and lapse day. Accounts for
    holds and debts that were never moved are left out."""

    holder: str
    shares: tuple[Share, ...]


def order(holder: str) -> tuple[str, int, str]:
    """The key that sorts holders as the streams do: members, merchants, pools, teams; within a kind shorter names first, then
    by characters. So numbers come in the order of numbers, on every database."""
    return holder[:4], len(holder), holder


# SQLite keeps the order of a CROSS JOIN: from the month's entries to their postings. Left to itself, it took eight times as
# long on a million entries. PostgreSQL sees the same joins and finds its own way.
_LINES = """
SELECT a.holder, e.seq, e.kind, CAST(e.business_date AS VARCHAR), {moment}, e.reverses, e.subject, e.rules, {amounts}
FROM entry e CROSS JOIN posting p CROSS JOIN account a
WHERE e.community_id = :community AND e.period = :period
  AND p.community_id = e.community_id AND p.seq = e.seq
  AND a.community_id = p.community_id AND a.id = p.account_id AND SUBSTR(a.holder, 1, 4) NOT IN ('syst', 'fund', 'spon')
GROUP BY {group}, e.seq, e.community_id
ORDER BY {order}, e.seq, e.community_id
"""
_HISTORY = """
SELECT a.holder, e.seq, e.kind, CAST(e.business_date AS VARCHAR), {moment}, e.reverses, e.subject, e.rules, {amounts}
FROM account a CROSS JOIN posting p CROSS JOIN entry e
WHERE a.community_id = :community AND a.holder = :holder AND a.unit = :unit
  AND p.community_id = a.community_id AND p.account_id = a.id
  AND e.community_id = p.community_id AND e.seq = p.seq
GROUP BY a.holder, e.seq, e.community_id
ORDER BY e.seq, e.community_id
"""
_SOURCED = """
SELECT DISTINCT e.seq, e.kind, e.payload, r.seq
FROM account a CROSS JOIN posting p CROSS JOIN entry e
LEFT JOIN entry r ON r.community_id = e.community_id AND r.reverses = e.seq
WHERE a.community_id = :community AND a.holder = :holder AND a.unit = :unit
  AND p.community_id = a.community_id AND p.account_id = a.id
  AND e.community_id = p.community_id AND e.seq = p.seq AND e.reverses IS NULL
ORDER BY e.seq
"""
_SEALED = """
SELECT e.seq, e.kind, e.payload, e.reverses, r.seq
FROM entry e LEFT JOIN entry r ON r.community_id = e.community_id AND r.reverses = e.seq
WHERE e.community_id = :community {kinds}
ORDER BY e.seq
"""
_HOLDINGS = """
SELECT a.holder, a.unit, a.purpose, CAST(t.expires_on AS VARCHAR),
  CAST(COALESCE(SUM(CASE WHEN t.period < :period THEN t.net END), 0) AS BIGINT),
  CAST(COALESCE(SUM(CASE WHEN t.period = :period THEN t.net END), 0) AS BIGINT)
FROM account a LEFT JOIN turnover t ON t.community_id = a.community_id AND t.account_id = a.id AND t.period <= :period
WHERE a.community_id = :community AND a.id <= :accounts AND SUBSTR(a.holder, 1, 4) NOT IN ('syst', 'fund', 'spon')
  AND (t.lines IS NOT NULL OR a.purpose NOT IN ('held', 'owed'))
GROUP BY {group}, a.id, t.expires_on, a.community_id
ORDER BY {order}, a.id, t.expires_on, a.community_id
"""
_JOURNAL = """
SELECT e.seq, CASE WHEN CAST(e.business_date AS VARCHAR) < :first THEN :first ELSE CAST(e.business_date AS VARCHAR) END AS day,
  CAST(e.business_date AS VARCHAR), e.kind, e.subject, e.reverses, e.leaf,
  a.holder, p.unit, a.purpose, CAST(p.expires_on AS VARCHAR), p.amount
FROM entry e
LEFT JOIN posting p ON p.community_id = e.community_id AND p.seq = e.seq
LEFT JOIN account a ON a.community_id = p.community_id AND a.id = p.account_id
WHERE e.community_id = :community AND e.period = :period
ORDER BY day, e.seq, p.line
"""
_CLOSINGS = """
SELECT a.holder, a.unit, a.purpose, CAST(c.expires_on AS VARCHAR), CAST(c.balance AS BIGINT), c.period
FROM (
  SELECT t.community_id, t.account_id, t.expires_on, t.period,
    SUM(t.net) OVER (PARTITION BY t.account_id, t.expires_on ORDER BY t.period) AS balance
  FROM turnover t WHERE t.community_id = :community
) c JOIN account a ON a.community_id = c.community_id AND a.id = c.account_id
ORDER BY c.period, c.account_id, c.expires_on
"""
_STANDINGS = """
SELECT a.holder, a.unit, a.purpose, CAST(l.expires_on AS VARCHAR), COALESCE(l.balance, a.balance)
FROM account a LEFT JOIN lot l ON l.community_id = a.community_id AND l.account_id = a.id
WHERE a.community_id = :community
ORDER BY a.id, l.expires_on
"""
# What `_make` does, but for its check of the length: half of the time of a stream.
_line: Callable[[Sequence[Any]], Line] = partial(tuple.__new__, Line)
_share: Callable[[Sequence[Any]], Share] = partial(tuple.__new__, Share)
_AMOUNTS = ", ".join(
    f"CAST(SUM(CASE WHEN p.unit = '{unit}' THEN p.amount ELSE 0 END) AS BIGINT)"
    for unit in ("minutes", "points", "credits", "fen")
)


def lines(session: Session, community_id: int, period: str) -> Generator[Line]:
    """What every entry of a month changed for every holder, by holder and then by entry, as a stream."""
    with closing(_stream(session, _LINES, {"community": community_id, "period": period})) as rows:
        yield from map(_line, rows)


def holdings(session: Session, community_id: int, period: str, accounts_max: int) -> Generator[Holding]:
    """What every holder had before a month and what the month changed, by holder, as a stream.

    Only accounts up to `accounts_max` count: those that were there when the month was closed (see `accounts`).
    """
    given = {"community": community_id, "period": period, "accounts": accounts_max}
    with closing(_stream(session, _HOLDINGS, given)) as rows:
        for holder, own in groupby(map(_share, rows), key=attrgetter("holder")):
            yield Holding(holder, tuple(own))


def history(session: Session, community_id: int, holder: str, unit: Unit) -> Generator[Line]:
    """What every entry changed of one unit of one holder, over all its accounts, in the order of the log, as a stream.

    What only moves between its accounts (a hold) changes 0.
    """
    given = {"community": community_id, "holder": holder, "unit": unit}
    with closing(_stream(session, _HISTORY, given)) as rows:
        yield from map(_line, rows)


class Told(NamedTuple):
    """An entry as its payload tells it, and whether another one took it back. Amounts are the payload's postings."""

    seq: int
    kind: str
    payload: str
    reversed_by: int | None


def told(session: Session, community_id: int, holder: str, unit: Unit) -> Generator[Told]:
    """The entries that moved a holder's accounts of a unit, without reversals, in the order of the log, as a stream."""
    with closing(_stream(session, _SOURCED, {"community": community_id, "holder": holder, "unit": unit})) as rows:
        yield from map(Told._make, rows)


class Sealed(NamedTuple):
    """An entry as it was sealed, and whether another one took it back."""

    seq: int
    kind: str
    payload: str
    reverses: int | None
    reversed_by: int | None


def sealed(session: Session, community_id: int, kinds: Collection[str] = ()) -> Generator[Sealed]:
    """The entries of some kinds, or all of them, in the order of the log, as a stream."""
    given = {"community": community_id} | {f"kind{i}": kind for i, kind in enumerate(sorted(kinds))}
    some = ", ".join(f":kind{i}" for i in range(len(kinds)))
    statement = _SEALED.replace("{kinds}", f"AND e.kind IN ({some})" if kinds else "")
    with closing(_stream(session, statement, given)) as rows:
        yield from map(Sealed._make, rows)


def periods(session: Session, community_id: int) -> list[str]:
    """The months that have entries, in their order."""
    wanted = select(ENTRY.period).where(ENTRY.community_id == community_id).distinct().order_by(ENTRY.period)
    return list(session.execute(wanted).scalars())


def journal(session: Session, community_id: int, period: str) -> Generator[Posted]:
    """Every posting of a month, entry by entry, by the day its statement counts it on and then by number, as a stream."""
    given = {"community": community_id, "period": period, "first": first_day(period).isoformat()}
    with closing(_stream(session, _JOURNAL, given)) as rows:
        yield from map(Posted._make, rows)


def closings(session: Session, community_id: int) -> Generator[tuple[str, list[Standing]]]:
    """For every month in its order what each account and lot that moved in it had at its end, by the turnover cache."""
    with closing(_stream(session, _CLOSINGS, {"community": community_id})) as rows:
        for period, own in groupby(rows, key=itemgetter(-1)):
            yield period, [Standing._make(row[:-1]) for row in own]


def standings(session: Session, community_id: int) -> Generator[Standing]:
    """What every account has now, by its lots where it has some, by the caches of accounts and lots, as a stream."""
    with closing(_stream(session, _STANDINGS, {"community": community_id})) as rows:
        yield from map(Standing._make, rows)


def _stream(session: Session, statement: str, given: dict[str, Any]) -> Generator[Sequence[Any]]:
    """The rows of a statement above, a few thousand in memory at a time; days and moments are texts on both engines."""
    moment, by_name = "e.posted_at", "a.holder"
    if session.get_bind().dialect.name == "postgresql":
        moment = "TO_CHAR(e.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS\"Z\"')"
        by_name = 'a.holder COLLATE "C"'
    holder = "SUBSTR(a.holder, 1, 4), LENGTH(a.holder), "
    written = statement.format(moment=moment, group=holder + "a.holder", order=holder + by_name, amounts=_AMOUNTS)
    with session.execute(text(written), given, execution_options={"stream_results": True}) as found:
        for some in found.partitions(_AT_ONCE):
            yield from some


def accounts(session: Session, community_id: int) -> int:
    """How many accounts there are: they are numbered from 1 without a gap, so it is also the number of the last one."""
    return session.execute(select(func.max(ACCOUNT.id)).where(ACCOUNT.community_id == community_id)).scalar() or 0


def entries(session: Session, community_id: int) -> int:
    """How many entries there are: they are numbered from 0 without a gap."""
    last = session.execute(select(func.max(ENTRY.seq)).where(ENTRY.community_id == community_id)).scalar()
    return 0 if last is None else last + 1


def kind_of(session: Session, community_id: int, seq: int) -> str | None:
    """The kind of an entry; None where there is no such entry."""
    return session.execute(select(ENTRY.kind).where(ENTRY.community_id == community_id, ENTRY.seq == seq)).scalar()


def last_of(session: Session, community_id: int, period: str) -> Entry | None:
    """The last entry of a month: of a closed month its `period.close`, for nothing is posted into it afterwards."""
    own = (ENTRY.community_id == community_id, ENTRY.period == period)
    seq = session.execute(select(ENTRY.seq).where(*own).order_by(ENTRY.seq.desc()).limit(1)).scalar()
    return None if seq is None else session.get_one(Entry, (community_id, seq))


def payloads(session: Session, community_id: int, seqs: Iterable[int]) -> dict[int, str]:
    """The payloads of some entries by number: canonical JSON."""
    wanted = sorted(set(seqs))
    found: dict[int, str] = {}
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        rows = session.execute(select(ENTRY.seq, ENTRY.payload).where(ENTRY.community_id == community_id, ENTRY.seq.in_(some)))
        found.update((seq, payload) for seq, payload in rows.all())
    return found


def leaves(session: Session, community_id: int, size: int, first: int = 0) -> Generator[bytes]:
    """The leaf hashes (32 bytes each) of the first `size` entries by number, from entry `first` on, as a stream."""
    own = (ENTRY.community_id == community_id, ENTRY.seq >= first, ENTRY.seq < size)
    wanted = select(ENTRY.leaf).where(*own).order_by(ENTRY.seq)
    with session.execute(wanted, execution_options={"stream_results": True}) as found:
        for some in found.scalars().partitions(_AT_ONCE):
            yield from some


def redeemed(session: Session, community_id: int, period: str) -> dict[int, int]:
    """Points that each entry of a month took out of circulation at a counter (brought back: negative), by entry."""
    return _on_accounts(session, community_id, period, ACCOUNT.holder == REDEEMED)


def to_pools(session: Session, community_id: int, period: str) -> dict[int, int]:
    """Points that each entry of a month gave to pools (took from them: negative), by entry."""
    return _on_accounts(session, community_id, period, ACCOUNT.holder.startswith("pool:"))


def _on_accounts(session: Session, community_id: int, period: str, condition: ColumnElement[bool]) -> dict[int, int]:
    own = (ENTRY.community_id == community_id, ENTRY.period == period)
    first, last = session.execute(select(func.min(ENTRY.seq), func.max(ENTRY.seq)).where(*own)).one()
    if first is None:
        return {}
    numbers = session.execute(select(ACCOUNT.id).where(ACCOUNT.community_id == community_id, condition)).scalars().all()
    wanted = select(POSTING.seq, func.sum(POSTING.amount)).where(
        POSTING.community_id == community_id,
        POSTING.account_id.in_(numbers),
        POSTING.seq.between(first, last),  # several months can be open at once: others' entries may lie between
        *(POSTING.unit == "points", ENTRY.community_id == POSTING.community_id, ENTRY.seq == POSTING.seq),
        ENTRY.period == period,
    )
    return {seq: int(amount) for seq, amount in session.execute(wanted.group_by(POSTING.seq))}


def lapsed(session: Session, community_id: int, until: date) -> list[tuple[str, date, int]]:
    """Available points whose last day was `until` or earlier, as `lapsing` gives them."""
    return lapsing(session, community_id, date.min, until)


def lapsing(session: Session, community_id: int, since: date, until: date) -> list[tuple[str, date, int]]:
    """Available points whose last day lies between two days, both included: (holder, lapse day, points).

    By lapse day, then in the order in which the holders' accounts were opened.
    """
    wanted = select(ACCOUNT.holder, LOT.expires_on, LOT.balance).where(
        LOT.community_id == community_id,
        LOT.expires_on.between(since, until),
        LOT.balance > 0,
        ACCOUNT.community_id == LOT.community_id,
        ACCOUNT.id == LOT.account_id,
        ACCOUNT.purpose == "available",
    )
    rows = session.execute(wanted.order_by(LOT.expires_on, LOT.account_id))
    return [(holder, day, int(points)) for holder, day, points in rows]


def common(session: Session, community_id: int) -> list[str]:
    """Holders of points that are nobody's own: pools and teams, by name."""
    wanted = select(ACCOUNT.holder).where(
        ACCOUNT.community_id == community_id, ACCOUNT.unit == "points", ACCOUNT.purpose == "available"
    )
    alike = ACCOUNT.holder.startswith("pool:") | ACCOUNT.holder.startswith("team:")
    return sorted(session.execute(wanted.where(alike)).scalars(), key=order)


_BY_MONTH = """
SELECT a.holder, t.period, SUM(t.net) FROM account a CROSS JOIN turnover t
WHERE a.community_id = ? AND a.holder IN ? AND a.unit = 'points'
  AND t.community_id = a.community_id AND t.account_id = a.id AND t.period >= ? AND t.period <= ?
GROUP BY a.holder, t.period
"""


def points_by_month(
    session: Session, community_id: int, holders: list[str], months: Sequence[str]
) -> dict[tuple[str, str], int]:
    """By holder and month what their points changed by, in all: available, held and owed. `months` in their order; a month in
    which nothing moved is not in it."""
    if not holders:
        return {}
    found = select_rows(session, _BY_MONTH, (community_id, holders, months[0], months[-1]))
    return {(holder, period): int(net) for holder, period, net in found}


def has_points(session: Session, community_id: int, holder: str) -> bool:
    """Whether a holder has an account for points to give."""
    wanted = select(ACCOUNT.id).where(
        ACCOUNT.community_id == community_id,
        ACCOUNT.holder == holder,
        ACCOUNT.unit == "points",
        ACCOUNT.purpose == "available",
    )
    return session.execute(wanted).first() is not None


def held(session: Session, community_id: int) -> list[tuple[str, int]]:
    """Who holds reserved points now, and how many: (holder, points)."""
    wanted = select(ACCOUNT.holder, ACCOUNT.balance).where(
        ACCOUNT.community_id == community_id, ACCOUNT.unit == "points", ACCOUNT.purpose == "held", ACCOUNT.balance != 0
    )
    return [(holder, int(points)) for holder, points in session.execute(wanted.order_by(ACCOUNT.id))]


def turned(session: Session, community_id: int, unit: Unit) -> list[tuple[str, str, str, int]]:
    """What moved of a unit in each month, by holder and purpose, merchants added up: (month, holder or 'merchant', purpose,
    net)."""
    holder = case((ACCOUNT.holder.startswith("merchant:"), "merchant"), else_=ACCOUNT.holder)
    own = (TURNOVER.community_id == community_id, ACCOUNT.community_id == community_id, ACCOUNT.unit == unit)
    net = func.sum(TURNOVER.net)
    wanted = select(TURNOVER.period, holder, ACCOUNT.purpose, net).where(*own, ACCOUNT.id == TURNOVER.account_id)
    rows = session.execute(wanted.group_by(TURNOVER.period, holder, ACCOUNT.purpose))
    return sorted((period, name, purpose, int(moved)) for period, name, purpose, moved in rows)
