"""Merchants' claims as they stand: batches, the lines in them, and what became of them. `settlement.py` is their only writer.

A batch is a claim for a subsidy from the fund, never a purchase of points. Its SHA-256 covers its lines and the batch
before it, so that no batch can be changed, left out or put in between without every later paper showing it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, and_, func
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import acceptances, vouchers
from timebank.base import communities
from timebank.base.db import Utc, key_field
from timebank.base.rows import all_with
from timebank.people import merchants
from timebank.transparency import canonical

BATCH_VERSION = 2
"""Version 1 knew captures only; batches from then are checked as they were made."""
CAPTURE = 0
"""The `event` of a line that is a voucher's capture; a refund's is its number, and that of an offline acceptance which the fund
honoured its number below 0."""
_CHUNK = 500


class Claim(SQLModel, table=True):
    """One batch: a merchant's claim for one month. `sha256` covers its lines and the batch before.

    `state` is the fold of its entries: draft, approved, submitted, paid, returned. `version` NULL is 1; `refunds` NULL is 0.
    `seq` is the entry that approved it, `submitted_seq` the one that sent it off.
    """

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        Index("ix_claim_community_id_period", "community_id", "period"),
    )

    community_id: int = key_field()
    id: int = key_field()
    period: str
    merchant_id: int = Field(sa_type=BigInteger)
    captures: int
    points: int = Field(sa_type=BigInteger)
    fen: int = Field(sa_type=BigInteger)
    sha256: str
    previous: str
    state: str = "draft"
    drafted_by: int = Field(sa_type=BigInteger)
    drafted_at: datetime = Field(sa_type=Utc)
    approved_by: int | None = Field(default=None, sa_type=BigInteger)
    approved_at: datetime | None = Field(default=None, sa_type=Utc)
    seq: int | None = Field(default=None, sa_type=BigInteger)
    version: int | None = None
    refunds: int | None = None
    submitted_seq: int | None = Field(default=None, sa_type=BigInteger)


class ClaimLine(SQLModel, table=True):
    """One line of a batch: a voucher's capture (`event` 0) or refund (its number).

    `round` counts how often the line was returned before. So it is in each round of claims at most once, by its key.
    """

    __tablename__ = "settlement_line"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"]),
        ForeignKeyConstraint(["community_id", "claim_id"], ["claim.community_id", "claim.id"]),
        Index("ix_settlement_line_community_id_claim_id", "community_id", "claim_id"),
    )

    community_id: int = key_field()
    voucher_id: int = key_field()
    event: int = key_field()
    round: int = key_field()
    claim_id: int = Field(sa_type=BigInteger)


class ClaimEnd(SQLModel, table=True):
    """How a batch that was sent off ended: paid or returned, by its key once. `reference` is the bank's number or the reason;
    it stands here alone, bound by the hash of the entry's text."""

    __tablename__ = "claim_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "claim_id"], ["claim.community_id", "claim.id"]),)

    community_id: int = key_field()
    claim_id: int = key_field()
    outcome: str
    day: date
    reference: str
    seq: int = Field(sa_type=BigInteger)


class Line(NamedTuple):
    """A line of a batch: what a capture makes the merchant's claim, or (below 0) what a refund takes off it."""

    voucher_id: int
    event: int
    merchant_id: int
    day: date
    points: int
    fen: int
    seq: int

    @property
    def key(self) -> tuple[int, int]:
        """What names the line in every round of claims."""
        return self.voucher_id, self.event


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch's hash covers: its version, community code, batch number, month, the merchant's id, its lines, the batch
    before ('' for the first)."""

    community: str
    number: int
    period: str
    merchant_id: int
    lines: tuple[Line, ...]
    previous: str
    version: int = BATCH_VERSION

    @property
    def captures(self) -> int:
        """How many of its lines are captures, or were honoured as such."""
        return sum(line.event <= CAPTURE for line in self.lines)

    @property
    def points(self) -> int:
        """Points redeemed less those refunded, in the smallest unit."""
        return sum(line.points for line in self.lines)

    @property
    def fen(self) -> int:
        """What the merchant is owed for the batch."""
        return sum(line.fen for line in self.lines)

    def sha256(self) -> str:
        """SHA-256 in hex over the batch's canonical bytes; a line is [voucher, event, entry, day, points, fen], in this order
        (version 1 has no event)."""
        lines = sorted(
            [x.voucher_id, *([x.event] if self.version > 1 else []), x.seq, x.day.isoformat(), x.points, x.fen]
            for x in self.lines
        )
        covered = {
            "v": self.version,
            "community": self.community,
            "batch": self.number,
            "period": self.period,
            "merchant": self.merchant_id,
            "lines": lines,
            "previous": self.previous,
        }
        return sha256(canonical(covered)).hexdigest()


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One row of the claim list; `merchant` is the printed number, `reference` what a payment or a return refers to."""

    batch: int
    period: str
    merchant: str
    captures: int
    refunds: int
    points: int
    fen: int
    sha256: str
    previous: str
    state: str
    reference: str


def of_period(session: Session, community_id: int, period: str) -> list[Claim]:
    """A month's batches in every state, by number."""
    wanted = select(Claim).where(col(Claim.community_id) == community_id, col(Claim.period) == period)
    return list(session.exec(wanted.order_by(col(Claim.id))))


def last(session: Session, community_id: int) -> Claim | None:
    """The newest batch, or None before the first."""
    wanted = select(Claim).where(col(Claim.community_id) == community_id)
    return session.exec(wanted.order_by(col(Claim.id).desc()).limit(1)).first()


def listed(session: Session, community_id: int, period: str) -> list[ClaimRow]:
    """The rows of a month's claim list, by batch."""
    numbers = {merchant.id: merchant.number for merchant in merchants.listed(session, community_id)}
    found = of_period(session, community_id, period)
    ended = ends(session, community_id, [claim.id for claim in found])
    return [
        ClaimRow(
            c.id,
            c.period,
            numbers[c.merchant_id],
            c.captures,
            c.refunds or 0,
            c.points,
            c.fen,
            c.sha256,
            c.previous,
            c.state,
            ended[c.id].reference if c.id in ended else "",
        )
        for c in found
    ]


def ends(session: Session, community_id: int, numbers: Sequence[int]) -> dict[int, ClaimEnd]:
    """How these batches ended, by number; one that is on its way is not in it."""
    wanted = select(ClaimEnd).where(col(ClaimEnd.community_id) == community_id)
    found: dict[int, ClaimEnd] = {}
    for some in _chunks(numbers):
        found |= {end.claim_id: end for end in session.exec(wanted.where(col(ClaimEnd.claim_id).in_(some)))}
    return found


def paid(session: Session, community_id: int) -> dict[int, int]:
    """By merchant, what was ever paid to it, in fen."""
    wanted = select(Claim.merchant_id, func.sum(Claim.fen)).where(
        col(Claim.community_id) == community_id, col(Claim.state) == "paid"
    )
    return {merchant_id: int(fen) for merchant_id, fen in session.exec(wanted.group_by(col(Claim.merchant_id)))}


def batches(session: Session, community_id: int, of: Sequence[Claim]) -> list[Batch]:
    """These claims' batches with their lines, worked out again from what was captured and refunded, in the same order."""
    claimed: dict[tuple[int, int], list[int]] = {}
    wanted = select(ClaimLine.voucher_id, ClaimLine.event, ClaimLine.claim_id)
    for some in _chunks([claim.id for claim in of]):
        rows = wanted.where(col(ClaimLine.community_id) == community_id, col(ClaimLine.claim_id).in_(some))
        for voucher_id, event, claim_id in session.exec(rows):
            claimed.setdefault((voucher_id, event), []).append(claim_id)
    lines: dict[int, list[Line]] = {}
    for line in lines_of(session, community_id, claimed):
        for claim_id in claimed[line.key]:
            lines.setdefault(claim_id, []).append(line)
    code = communities.get(session, community_id).code
    return [Batch(code, c.id, c.period, c.merchant_id, tuple(lines.get(c.id, ())), c.previous, c.version or 1) for c in of]


def lines_of(session: Session, community_id: int, keys: Iterable[tuple[int, int]]) -> list[Line]:
    """The lines with these keys, worked out from vouchers and refunds; one that is neither is not in it."""
    named = set(keys)
    captured = vouchers.captures_of(session, community_id, {voucher for voucher, event in named if event == CAPTURE})
    refunded = vouchers.refunds_of(session, community_id, {event for _, event in named if event > CAPTURE})
    some = any(event < CAPTURE for _, event in named)
    honoured = acceptances.honoured(session, community_id, date.max) if some else []
    found = (*map(captured_line, captured), *map(refunded_line, refunded), *map(honoured_line, honoured))
    return [line for line in found if line.key in named]


def captured_line(capture: vouchers.Capture) -> Line:
    """The line of a capture."""
    c = capture
    return Line(c.voucher_id, CAPTURE, c.merchant_id, c.day, c.points, c.fen, c.seq)


def refunded_line(refund: vouchers.Refund) -> Line:
    """The line of a refund: both amounts below 0."""
    r = refund
    return Line(r.voucher_id, r.id, r.merchant_id, r.day, -r.points, -r.fen, r.seq)


def honoured_line(honoured: acceptances.Honoured) -> Line:
    """The line of an offline acceptance that the fund honoured: no points moved."""
    h = honoured
    return Line(h.voucher_id, -h.id, h.merchant_id, h.day, 0, h.fen, h.seq)


def happened(session: Session, community_id: int, since: date, until: date) -> list[Line]:
    """All lines of these days (both included), claimed or not."""
    captured = vouchers.captures(session, community_id, until, since)
    refunded = vouchers.refunds(session, community_id, until, since)
    honoured = acceptances.honoured(session, community_id, until, since)
    return [*map(captured_line, captured), *map(refunded_line, refunded), *map(honoured_line, honoured)]


def open_lines(session: Session, community_id: int, until: date) -> dict[int, list[Line]]:
    """By merchant, what was captured and refunded up to a day and is in no batch, or only in such as were returned."""
    living = (col(ClaimLine.community_id) == community_id, col(Claim.state) != "returned")
    taken = select(ClaimLine.voucher_id).join(Claim, _OF_CLAIM).where(*living, col(ClaimLine.event) == CAPTURE)
    taken_back = select(ClaimLine.event).join(Claim, _OF_CLAIM).where(*living, col(ClaimLine.event) > CAPTURE)
    besides = select(ClaimLine.event).join(Claim, _OF_CLAIM).where(*living, col(ClaimLine.event) < CAPTURE)
    captured = vouchers.captures(session, community_id, until, besides=taken)
    refunded = vouchers.refunds(session, community_id, until, besides=taken_back)
    claimed = set(session.exec(besides))
    honoured = [h for h in acceptances.honoured(session, community_id, until) if -h.id not in claimed]
    found: dict[int, list[Line]] = {}
    for line in (*map(captured_line, captured), *map(refunded_line, refunded), *map(honoured_line, honoured)):
        found.setdefault(line.merchant_id, []).append(line)
    return found


_OF_CLAIM = and_(col(Claim.community_id) == col(ClaimLine.community_id), col(Claim.id) == col(ClaimLine.claim_id))


def rounds(session: Session, community_id: int) -> dict[tuple[int, int], int]:
    """How often each line was returned, by its key; a line that never was is not in it."""
    wanted = select(ClaimLine.voucher_id, ClaimLine.event, ClaimLine.round).join(Claim, _OF_CLAIM)
    rows = session.exec(wanted.where(col(ClaimLine.community_id) == community_id, col(Claim.state) == "returned"))
    found: dict[tuple[int, int], int] = {}
    for voucher_id, event, number in rows:
        found[voucher_id, event] = max(found.get((voucher_id, event), 0), number + 1)
    return found


def claimed_in(session: Session, community_id: int, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Claim]:
    """The living batch of each of these lines; one that is open is not in it."""
    named = set(keys)
    numbers: dict[tuple[int, int], int] = {}
    wanted = select(ClaimLine.voucher_id, ClaimLine.event, ClaimLine.claim_id).join(Claim, _OF_CLAIM)
    wanted = wanted.where(col(ClaimLine.community_id) == community_id, col(Claim.state) != "returned")
    for some in _chunks(sorted({voucher for voucher, _ in named})):
        for voucher_id, event, claim_id in session.exec(wanted.where(col(ClaimLine.voucher_id).in_(some))):
            if (voucher_id, event) in named:
                numbers[voucher_id, event] = claim_id
    found = {claim.id: claim for claim in all_with(session, Claim, community_id=community_id)} if numbers else {}
    return {key: found[number] for key, number in numbers.items()}


def _chunks(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    return (numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK))
