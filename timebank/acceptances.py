"""Acceptances: what a merchant's phone accepted offline, as it arrives at the office, and what comes of it.

A phone signs each with its own key and a running number. What arrives is captured on the day it was accepted, or waits in
REVIEW with the reason: the voucher was used or voided meanwhile, it came too late, the clock or the bill cannot be right. Two
people then let the fund honour it, or refuse. A number that is missing is a finding (`gaps`), no refusal: phones are lost.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ForeignKeyConstraint, LargeBinary, UniqueConstraint, and_
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import acceptance_text, benefits, fund, issuers, ledger, offers, redemption, vouchers
from timebank.acceptance_text import Line, Record
from timebank.approvals import overtaken, two_people
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import ref_key
from timebank.base.db import Utc, instant, iso, key_field
from timebank.base.errors import Invalid, NotAllowed, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import first, last_id, select_rows
from timebank.journal import Draft, Transfer
from timebank.people import devices, merchants, offline_keys
from timebank.people.devices import Device
from timebank.redemption import Accepted
from timebank.vouchers import Voucher

TAKE, DECIDE = "acceptance.take", "acceptance.decide"
CLOCK_SLACK = timedelta(minutes=5)
"""How far a phone's clock may be ahead of the office's."""
Decision = Literal["honour", "refuse"]
_NUMBER = re.compile(r"D0*([1-9][0-9]{0,9})-0*([1-9][0-9]{0,9})")
_NUMBERS = "SELECT device_id, n FROM acceptance WHERE community_id = ? ORDER BY device_id, n"
_HONOURED = """
    SELECT a.id, a.voucher_id, a.merchant_id, e.day, e.fen, e.seq FROM acceptance_end e
    JOIN acceptance a ON a.community_id = e.community_id AND a.id = e.acceptance_id
    WHERE e.community_id = ? AND e.result = 'honoured' AND e.day >= ? AND e.day <= ? ORDER BY a.id"""


class Acceptance(SQLModel, table=True):
    """One acceptance as it arrived: whose running number, what was said (its SHA-256; never the token), what came of it:
    `captured`, or `review` for a `reason`. `voucher_id` is null where the token opened none of this merchant's."""

    __table_args__ = (
        UniqueConstraint("community_id", "device_id", "n"),
        ForeignKeyConstraint(["community_id", "device_id"], ["device.community_id", "device.id"]),
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        ForeignKeyConstraint(["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    device_id: int = Field(sa_type=BigInteger)
    n: int = Field(sa_type=BigInteger)
    merchant_id: int = Field(sa_type=BigInteger)
    digest: bytes = Field(sa_type=LargeBinary)
    accepted_at: datetime = Field(sa_type=Utc)
    bill_fen: int = Field(sa_type=BigInteger)
    voucher_id: int | None = Field(default=None, sa_type=BigInteger)
    outcome: str
    reason: str | None = None
    seq: int = Field(sa_type=BigInteger)

    @property
    def number(self) -> str:
        """The number that the phone shows and clerks use: 'D007-12'."""
        return f"D{self.device_id:03d}-{self.n}"

    @property
    def subject(self) -> str:
        """Its name in the book: 'acceptance:5'."""
        return f"acceptance:{self.id}"


class AcceptanceEnd(SQLModel, table=True):
    """How two people decided about a review: `captured` after all, `honoured` by the fund with `fen`, or `refused`."""

    __tablename__ = "acceptance_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "acceptance_id"], ["acceptance.community_id", "acceptance.id"]),)

    community_id: int = key_field()
    acceptance_id: int = key_field()
    result: str
    day: date
    fen: int = Field(default=0, sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a phone is told of one of its lines: `captured` with what came off (fen) and the entry, `review` or `refused` with a
    code. What was refused is not kept."""

    device_id: int
    n: int
    outcome: str
    code: str = ""
    off_fen: int = 0
    entry: int = 0

    @property
    def told(self) -> dict[str, int | str]:
        """The answer as plain data, without what is empty."""
        values: dict[str, int | str] = {
            "device": self.device_id,
            "n": self.n,
            "outcome": self.outcome,
            "code": self.code,
            "off_fen": self.off_fen,
            "entry": self.entry,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One review that waits: the acceptance, and what the fund would bear if it honoured it (fen)."""

    acceptance: Acceptance
    fen: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Running numbers of a device, from `first` to `last`, that never arrived though later ones did."""

    device_id: int
    first: int
    last: int


def take(session: Session, act: Act, arrived: Sequence[Line]) -> list[Answer]:
    """Take what phones accepted offline, in its order; what arrives again is given its first answer.

    Never raises for one bad line: its answer is `refused`, with `bad_acceptance`, `unknown_device` (the same whatever is wrong
    with the device or the signature), `device_revoked`, or `exists_with_different_content` for a number that said otherwise.
    """
    communities.lock(session, act.community_id)
    return [_answered(session, act, line) for line in arrived if line.kind == "TB1"]


def sender(session: Session, community_id: int, arrived: Sequence[Line]) -> Device:
    """The device whose key signed the first of these lines that any known key signed: it is the one who acts.

    Raises NotAllowed `unknown_device`, `device_revoked`.
    """
    refusal: NotAllowed = offline_keys.unknown()
    for line in arrived:
        try:
            return _sender(session, community_id, line, acceptance_text.record(line))
        except Invalid:
            continue
        except NotAllowed as error:
            refusal = error
    raise refusal


def _answered(session: Session, act: Act, line: Line) -> Answer:
    try:
        said = acceptance_text.record(line)
    except Invalid as error:
        return Answer(0, 0, "refused", error.code)
    try:
        device = _sender(session, act.community_id, line, said)
    except NotAllowed as error:
        return Answer(said.device_id, said.n, "refused", error.code)
    earlier = first(session, Acceptance, community_id=act.community_id, device_id=said.device_id, n=said.n)
    if earlier is None:
        earlier = _take(session, act, said, line.digest, device)
    elif bytes(earlier.digest) != line.digest:
        return Answer(said.device_id, said.n, "refused", "exists_with_different_content")
    return _told(session, earlier)


def _sender(session: Session, cid: int, line: Line, said: Record) -> Device:
    """The device that signed a line. Raises NotAllowed `unknown_device`, `device_revoked`."""
    key = offline_keys.key_of(session, cid, said.device_id)
    code = communities.state(session, cid).code
    if key is None or said.community != code or not line.signed_by(bytes(key.public)):
        raise offline_keys.unknown()
    known = devices.get(session, cid, said.device_id)
    if known.ended_at is not None:
        raise offline_keys.revoked()
    return known.device


def _take(session: Session, act: Act, said: Record, digest: bytes, device: Device) -> Acceptance:
    """Capture an acceptance or let it wait, and write down which."""
    cid = act.community_id
    voucher, reason = _judged(session, act, said, device)
    if voucher is not None and not reason:
        reason = _captured(session, act, voucher, said, device)
    number = last_id(session, "acceptance", cid) + 1
    facts: dict[str, object] = {
        "device": device.id,
        "merchant": device.merchant_id,
        "n": said.n,
        "digest": digest.hex(),
        "accepted_at": instant(said.at),
        "bill_fen": said.bill_fen,
        "outcome": "review" if reason else "captured",
    }
    facts |= {"voucher": voucher.id} if voucher else {}
    facts |= {"reason": reason} if reason else {}
    draft = Draft(TAKE, communities.today(session, act), subject=f"acceptance:{number}", facts=facts)
    row = Acceptance(
        community_id=cid,
        id=number,
        device_id=device.id,
        n=said.n,
        merchant_id=device.merchant_id,
        digest=digest,
        accepted_at=said.at,
        bill_fen=said.bill_fen,
        voucher_id=voucher.id if voucher else None,
        outcome="review" if reason else "captured",
        reason=reason or None,
        seq=ledger.post(session, act, draft).seq,
    )
    session.add(row)
    session.flush()
    return row


def _judged(session: Session, act: Act, said: Record, device: Device) -> tuple[Voucher | None, str]:
    """The voucher that was accepted, if it is one of this merchant's, and why it must be looked at before anything else."""
    try:
        voucher = issuers.voucher_of(session, act.community_id, said.token)
    except (Invalid, NotFound):
        return None, "unknown_code"
    if voucher.merchant_id != device.merchant_id:
        return None, "wrong_merchant"
    if said.at > act.now + CLOCK_SLACK:
        return voucher, "clock_ahead"
    day = _day(session, act, said.at)
    if day < voucher.issued_on:
        return voucher, "clock_behind"
    return voucher, "expired" if day > voucher.expires_on else ""


def _day(session: Session, act: Act, at: datetime) -> date:
    return at.astimezone(ZoneInfo(communities.state(session, act.community_id).timezone)).date()


def _captured(session: Session, act: Act, voucher: Voucher, said: Record, device: Device) -> str:
    """Capture what was accepted, on its day; gives '' or why it cannot be: what is refused has written nothing."""
    wish = Accepted(voucher.id, device.merchant_id, said.bill_fen, _day(session, act, said.at), device.id, said.n)
    try:
        redemption.accept(session, act, wish)
    except (Invalid, Refused) as error:
        return "late" if error.code == "expired" else error.code
    return ""


def _told(session: Session, row: Acceptance) -> Answer:
    """The answer that an acceptance got, from what was written of it then."""
    if row.outcome == "review":
        # Of another shop's voucher nothing is told, not even that there is one.
        return Answer(row.device_id, row.n, "review", "unknown_code" if row.voucher_id is None else row.reason or "")
    assert row.voucher_id is not None, "what was captured is a voucher"
    ended = vouchers.resolution_of(session, vouchers.get(session, row.community_id, row.voucher_id))
    assert ended is not None, "what was captured has a resolution"
    return Answer(row.device_id, row.n, "captured", "", ended.benefit_fen, ended.seq)


def in_review(session: Session, community_id: int) -> list[Reviewed]:
    """What waits for a decision, oldest first."""
    same = and_(
        col(AcceptanceEnd.community_id) == col(Acceptance.community_id),
        col(AcceptanceEnd.acceptance_id) == col(Acceptance.id),
    )
    wanted = select(Acceptance).outerjoin(AcceptanceEnd, same)
    wanted = wanted.where(
        col(Acceptance.community_id) == community_id,
        col(Acceptance.outcome) == "review",
        col(AcceptanceEnd.acceptance_id).is_(None),
    )
    return [Reviewed(row, _worth(session, row)) for row in session.exec(wanted.order_by(col(Acceptance.id)))]


def _worth(session: Session, row: Acceptance) -> int:
    """What the fund and a sponsor would have borne of an acceptance, in fen; 0 where its bill gives nothing."""
    if row.voucher_id is None:
        return 0
    voucher = vouchers.get(session, row.community_id, row.voucher_id)
    offer = offers.find(session, row.community_id, voucher.offer_id)
    try:
        done = benefits.benefit(offer.terms, voucher.points, row.bill_fen)
    except (Invalid, Refused):
        return 0
    return benefits.borne(done.off_fen, offer.shares).claim_fen


def find(session: Session, community_id: int, number: str) -> Acceptance:
    """The acceptance of a number as phones show it ('D007-12', 'd7-12'). Raises NotFound `unknown_acceptance`."""
    named = _NUMBER.fullmatch(ref_key(number).strip())
    row = first(session, Acceptance, community_id=community_id, device_id=int(named[1]), n=int(named[2])) if named else None
    if row is None:
        raise NotFound(
            say("There is no acceptance {number}.", number=number),
            "unknown_acceptance",
            say("See what waits with timebank inbox."),
        )
    return row


def decide(session: Session, act: Act, number: str, decision: Decision) -> AcceptanceEnd:
    """Let two people decide about a review: `honour` captures the voucher if it is still held, else the fund bears what came
    off, and no points of the member are touched; `refuse` leaves it to the merchant.

    Raises NotAllowed `approver_missing`, `same_person`; NotFound `unknown_acceptance`; Refused `not_in_review`,
    `decided_already`, `nothing_to_honour`, and what `redemption.accept` raises for a voucher that is held.
    """
    two_people(act)
    cid = act.community_id
    communities.lock(session, cid)
    row = find(session, cid, number)
    if row.outcome != "review":
        raise Refused(say("Acceptance {number} was captured; nothing waits.", number=row.number), "not_in_review")
    if first(session, AcceptanceEnd, community_id=cid, acceptance_id=row.id) is not None:
        raise Refused(
            say("Acceptance {number} was decided already.", number=row.number), "decided_already", say("See timebank inbox.")
        )
    result, transfers = ("refused", ()) if decision == "refuse" else _honoured(session, act, row)
    fen = _worth(session, row) if result == "honoured" else 0
    today = communities.today(session, act)
    facts: dict[str, object] = {"result": result} | ({"fen": fen} if fen else {})
    draft = Draft(DECIDE, today, transfers, row.subject, facts=facts, text=act.reason or None)
    seq = ledger.post(session, act, draft).seq
    end = AcceptanceEnd(community_id=cid, acceptance_id=row.id, result=result, day=today, fen=fen, seq=seq)
    session.add(end)
    session.flush()
    overtaken(session, act, DECIDE, row.subject)
    return end


def _honoured(session: Session, act: Act, row: Acceptance) -> tuple[str, tuple[Transfer, ...]]:
    """Capture what is still held; else what the fund bears. Raises Refused `nothing_to_honour`, and as `redemption.accept`."""
    fen = _worth(session, row)
    if row.voucher_id is None or not fen:
        raise Refused(
            say("Acceptance {number} opens no voucher of its shop, or its bill gives nothing.", number=row.number),
            "nothing_to_honour",
            say("It can only be refused: timebank voucher review {number} refuse", number=row.number),
        )
    cid = act.community_id
    voucher = vouchers.get(session, cid, row.voucher_id)
    if vouchers.resolution_of(session, voucher) is None:
        day = min(
            max(_day(session, act, row.accepted_at), voucher.issued_on), voucher.expires_on, communities.today(session, act)
        )
        wish = Accepted(voucher.id, voucher.merchant_id, row.bill_fen, day, row.device_id, row.n)
        redemption.accept(session, act, wish)
        return "captured", ()
    holder, parts = merchants.get(session, cid, voucher.merchant_id).holder, fund.parts(fen)
    return "honoured", (*fund.commit(parts), *fund.owe(parts, holder))


@dataclass(frozen=True, slots=True)
class Honoured:
    """What the fund owes a merchant for an acceptance it honoured; `id` is the acceptance's, `seq` its decision's entry."""

    id: int
    voucher_id: int
    merchant_id: int
    day: date
    fen: int
    seq: int


def honoured(session: Session, community_id: int, until: date, since: date = date.min) -> list[Honoured]:
    """What the fund honoured in these days (both included), by acceptance."""
    given = (community_id, since.isoformat(), until.isoformat())
    rows = select_rows(session, _HONOURED, given)
    return [
        Honoured(number, voucher, shop, date.fromisoformat(iso(day)), fen, seq) for number, voucher, shop, day, fen, seq in rows
    ]


def gaps(session: Session, community_id: int) -> list[Gap]:
    """Running numbers that never arrived though later ones did, by device and number."""
    found: list[Gap] = []
    device_id, last = 0, 0
    for device, n in select_rows(session, _NUMBERS, (community_id,)):
        device_id, last = device, last if device == device_id else 0
        if n > last + 1:
            found.append(Gap(device, last + 1, n - 1))
        last = n
    return found
