"""Settlement: a merchant's captured vouchers of a month as one batch, approved by a second person, exported as a claim.

A batch is a claim for a subsidy from the fund, never a purchase of points. Its SHA-256 covers its lines and the batch
before it, so that no batch can be changed, left out or put in between without every later paper showing it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import ledger, vouchers
from timebank.approvals import overtaken, two_people
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import Utc, insert_rows, key_field
from timebank.base.errors import NotAllowed, NotFound, Refused, Tampered
from timebank.base.i18n import say
from timebank.base.months import last_day, parse_period
from timebank.journal import Draft
from timebank.once import once
from timebank.people import merchants
from timebank.transparency import canonical
from timebank.vouchers import Capture

CUT_OFF_DAYS = 3
"""Days after a month's end during which what happened in it may still arrive."""
BATCH_VERSION = 1


class Claim(SQLModel, table=True):
    """One batch: a merchant's claim for one month. `state`: draft, approved. `sha256` covers its lines and the batch before."""

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


class ClaimLine(SQLModel, table=True):
    """One captured voucher in its batch. Its primary key is the voucher: it is claimed at most once."""

    __tablename__ = "claim_line"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"]),
        ForeignKeyConstraint(["community_id", "claim_id"], ["claim.community_id", "claim.id"]),
    )

    community_id: int = key_field()
    voucher_id: int = key_field()
    claim_id: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch's hash covers: community code, batch number, month, the merchant's id, its captures, the batch before
    ('' for the first)."""

    community: str
    number: int
    period: str
    merchant_id: int
    lines: tuple[Capture, ...]
    previous: str

    @property
    def points(self) -> int:
        """Points redeemed, in the smallest unit."""
        return sum(line.points for line in self.lines)

    @property
    def fen(self) -> int:
        """What the merchant is owed for the batch."""
        return sum(line.fen for line in self.lines)

    def sha256(self) -> str:
        """SHA-256 in hex over the batch's canonical bytes; a line is [voucher, entry, day, points, fen], by voucher."""
        lines = sorted([line.voucher_id, line.seq, line.day.isoformat(), line.points, line.fen] for line in self.lines)
        covered = {
            "v": BATCH_VERSION,
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
    """One row of the claim list; `merchant` is the printed number, `state` draft or approved."""

    batch: int
    period: str
    merchant: str
    captures: int
    points: int
    fen: int
    sha256: str
    previous: str
    state: str


def draft(session: Session, act: Act, period: str) -> list[Claim]:
    """Put every capture up to the month's end that is in no batch yet into a batch, one a merchant; gives the month's batches.

    What arrives after a draft goes into the next one. Drafting a month again adds nothing while nothing new has come. Raises
    Invalid `bad_period`, Refused `before_cutoff`.
    """
    parse_period(period)
    once(session, act, "settlement.draft", {"period": period}, lambda: {"batches": _draft(session, act, period)})
    return drafted(session, act.community_id, period)


def _draft(session: Session, act: Act, period: str) -> list[int]:
    cid, today = act.community_id, communities.today(session, act)
    first_day = last_day(period) + timedelta(days=CUT_OFF_DAYS + 1)
    if today < first_day:
        raise Refused(
            say("{period} can be settled from {day} on.", period=period, day=first_day),
            "before_cutoff",
            say("Until then captures of the month may still arrive. Run it again on that day."),
        )
    community = communities.get(session, cid)
    last = session.exec(select(Claim).where(col(Claim.community_id) == cid).order_by(col(Claim.id).desc()).limit(1)).first()
    number, previous = (last.id, last.sha256) if last else (0, "")
    claims: list[Claim] = []
    lines: list[tuple[int, int, int]] = []
    for merchant_id, captures in sorted(_open_lines(session, cid, period).items()):
        number += 1
        batch = Batch(community.code, number, period, merchant_id, tuple(captures), previous)
        previous = batch.sha256()
        claims.append(
            Claim(
                community_id=cid,
                id=number,
                period=period,
                merchant_id=merchant_id,
                captures=len(captures),
                points=batch.points,
                fen=batch.fen,
                sha256=previous,
                previous=batch.previous,
                drafted_by=act.actor,
                drafted_at=act.now,
            )
        )
        lines.extend((cid, line.voucher_id, number) for line in captures)
    session.add_all(claims)
    session.flush()
    insert_rows(session, "claim_line", ("community_id", "voucher_id", "claim_id"), lines)
    return [claim.id for claim in claims]


def _open_lines(session: Session, community_id: int, period: str) -> dict[int, list[Capture]]:
    """By merchant, the captures up to a month's end that are in no batch yet."""
    claimed = select(ClaimLine.voucher_id).where(col(ClaimLine.community_id) == community_id)
    found: dict[int, list[Capture]] = {}
    for capture in vouchers.captures(session, community_id, last_day(period), besides=claimed):
        found.setdefault(capture.merchant_id, []).append(capture)
    return found


def drafted(session: Session, community_id: int, period: str) -> list[Claim]:
    """A month's batches, drafts and approved ones, by number."""
    wanted = select(Claim).where(col(Claim.community_id) == community_id, col(Claim.period) == period)
    return list(session.exec(wanted.order_by(col(Claim.id))))


def approve(session: Session, act: Act, period: str) -> list[Claim]:
    """Let a second person approve a month's drafts: one entry each, bound to the batch's hash. Gives the approved batches.

    The drafter may be the act's actor, never its approver. Raises Invalid `bad_period`; NotAllowed `approver_missing`,
    `same_person`; NotFound `no_claims`; Refused `already_approved`; Tampered `claim_changed`.
    """
    parse_period(period)
    two_people(act)
    cid = act.community_id
    outcome = once(session, act, "settlement.approve", {"period": period}, lambda: {"batches": _approve(session, act, period)})
    return [session.get_one(Claim, (cid, number)) for number in outcome.receipt["batches"]]


def _approve(session: Session, act: Act, period: str) -> list[int]:
    found = drafted(session, act.community_id, period)
    if not found:
        raise NotFound(
            say("There is nothing to approve for {period}.", period=period),
            "no_claims",
            say("Draft it first: timebank settlement draft {period}", period=period),
        )
    waiting = [claim for claim in found if claim.state == "draft"]
    if not waiting:
        raise Refused(
            say("The settlement of {period} is approved already.", period=period),
            "already_approved",
            say("Export it with timebank settlement export {period}.", period=period),
        )
    if any(claim.drafted_by == act.approver for claim in waiting):
        raise NotAllowed(
            say("Who drafted a settlement cannot approve it."), "same_person", say("Name another clerk with --approver.")
        )
    _check_unchanged(session, act.community_id, waiting)
    today = communities.today(session, act)
    receipts = ledger.post_all(
        session, act, [Draft("settlement.approve", today, subject=f"claim:{c.id}", facts=_facts(c)) for c in waiting]
    )
    for claim, receipt in zip(waiting, receipts, strict=True):
        claim.state, claim.approved_by, claim.approved_at, claim.seq = "approved", act.approver, act.now, receipt.seq
        session.add(claim)
    session.flush()
    overtaken(session, act, "settlement.approve", f"settlement:{period}")
    return [claim.id for claim in waiting]


def _facts(claim: Claim) -> dict[str, object]:
    return {
        "batch": claim.id,
        "period": claim.period,
        "merchant": claim.merchant_id,
        "captures": claim.captures,
        "points": claim.points,
        "fen": claim.fen,
        "sha256": claim.sha256,
        "previous": claim.previous,
        "drafted_by": claim.drafted_by,
    }


def _check_unchanged(session: Session, community_id: int, waiting: Sequence[Claim]) -> None:
    """Work each batch out again from its lines: what is approved is what was captured."""
    for claim, batch in zip(waiting, batches(session, community_id, waiting), strict=True):
        same = (batch.sha256(), batch.points, batch.fen, len(batch.lines))
        if same != (claim.sha256, claim.points, claim.fen, claim.captures):
            raise Tampered(
                say("Batch {number} is not what was drafted: its lines give another sum or hash.", number=claim.id),
                "claim_changed",
                say("Nothing was approved. Run timebank audit."),
            )


def batches(session: Session, community_id: int, of: Sequence[Claim]) -> list[Batch]:
    """These claims' batches with their lines, worked out again from what was captured, in the same order."""
    wanted = select(ClaimLine.voucher_id, ClaimLine.claim_id).where(
        col(ClaimLine.community_id) == community_id, col(ClaimLine.claim_id).in_([claim.id for claim in of])
    )
    claim_of = dict(session.exec(wanted).all())
    lines: dict[int, list[Capture]] = {}
    for capture in vouchers.captures_of(session, community_id, claim_of):
        lines.setdefault(claim_of[capture.voucher_id], []).append(capture)
    code = communities.get(session, community_id).code
    return [Batch(code, c.id, c.period, c.merchant_id, tuple(lines.get(c.id, ())), c.previous) for c in of]


def claims(session: Session, community_id: int, period: str) -> list[ClaimRow]:
    """The rows of a month's claim list, by batch."""
    numbers = {merchant.id: merchant.number for merchant in merchants.listed(session, community_id)}
    return [
        ClaimRow(c.id, c.period, numbers[c.merchant_id], c.captures, c.points, c.fen, c.sha256, c.previous, c.state)
        for c in drafted(session, community_id, period)
    ]
