"""Vouchers as they stand: a hold with a code, at most one resolution, and what was given back or disputed after a capture.

A voucher's state is the fold of its rows and the day; nothing is ever changed. `redemption.py` writes vouchers and resolutions,
`refunds.py` refunds, `disputes.py` disputes. A voucher is good up to and including `expires_on`; its hold is released
`late_days` after that day. Points are in the community's smallest unit, money in fen.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple, cast

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary, Select, UniqueConstraint, bindparam, func
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, SQLModel, and_, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from timebank.base import codes
from timebank.base.db import Utc, iso, key_field
from timebank.base.errors import NotFound
from timebank.base.i18n import say
from timebank.base.rows import first, select_rows, table_of, value_of

State = Literal["issued", "lapsed", "captured", "disputed", "part_refunded", "refunded", "voided", "expired"]
"""`lapsed`: past its last day, its points not released yet. `disputed`: a dispute about its capture is open."""
LATE_DAYS = 3
"""How long after its last day a voucher that was taken offline may still be uploaded (`late_days` is this or 0)."""
LotAmount = tuple[date, int]
"""Points of one lapse day."""

_NUMBER = re.compile(r"V?([0-9]{1,10})")  # shorter than a code, whatever its digits
_CHUNK = 500


class Voucher(SQLModel, table=True):
    """A hold with a code. Only the code's HMAC and its last four characters are kept. `fen` is what the fund and a sponsor
    commit: the most it takes off, less what the merchant bears of that."""

    __table_args__ = (
        UniqueConstraint("community_id", "code_mac"),
        ForeignKeyConstraint(["community_id", "offer_id"], ["offer.community_id", "offer.id"]),
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        Index("ix_voucher_community_id_member_id", "community_id", "member_id"),
        Index("ix_voucher_community_id_offer_id", "community_id", "offer_id"),
        Index("ix_voucher_community_id_quote_id", "community_id", "quote_id"),
        Index("ix_voucher_community_id_expires_on", "community_id", "expires_on"),
        Index("ix_voucher_community_id_issued_on", "community_id", "issued_on"),
    )

    community_id: int = key_field()
    id: int = key_field()
    code_mac: bytes = Field(sa_type=LargeBinary)
    code_tail: str
    offer_id: int = Field(sa_type=BigInteger)
    member_id: int = Field(sa_type=BigInteger)
    merchant_id: int = Field(sa_type=BigInteger)
    points: int = Field(sa_type=BigInteger)
    fen: int = Field(sa_type=BigInteger)
    issued_on: date
    expires_on: date
    seq: int = Field(sa_type=BigInteger)
    late_days: int | None = None
    quote_id: int | None = Field(default=None, sa_type=BigInteger)

    @property
    def held_until(self) -> date:
        """The last day on which its points are held: an upload may still come."""
        return self.expires_on + timedelta(days=self.late_days or 0)

    @property
    def number(self) -> str:
        """The number clerks use: 'V9'. It opens nothing at a counter; only the code does."""
        return f"V{self.id}"

    @property
    def subject(self) -> str:
        """The voucher's name in the book: 'voucher:9'."""
        return f"voucher:{self.id}"

    @property
    def holder(self) -> str:
        """Its member's name in the book: 'member:12'."""
        return f"member:{self.member_id}"


class Resolution(SQLModel, table=True):
    """How a hold ended: captured, voided or expired. Its primary key is the voucher: a hold is resolved at most once.

    `points` and `benefit_fen` are what was redeemed (0 unless captured), `merchant_fen` what the merchant bears of it (NULL is
    nothing); `day` is the entry's business date.
    """

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"]),
        Index("ix_resolution_community_id_day", "community_id", "day"),
    )

    community_id: int = key_field()
    voucher_id: int = key_field()
    outcome: str
    day: date
    resolved_at: datetime = Field(sa_type=Utc)
    bill_fen: int = Field(default=0, sa_type=BigInteger)
    benefit_fen: int = Field(default=0, sa_type=BigInteger)
    points: int = Field(default=0, sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)
    merchant_fen: int | None = Field(default=None, sa_type=BigInteger)

    @property
    def claim_fen(self) -> int:
        """What the merchant is owed: what came off, less what it bears itself."""
        return self.benefit_fen - (self.merchant_fen or 0)


class RefundRow(SQLModel, table=True):
    """What of a capture was given back: points to their lots, and `fen` off the bill, `claim_fen` of it not owed any more.

    `bill_fen` is the bill as it stands after the refund, 0 where everything was taken back.
    """

    __tablename__ = "refund"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"]),
        Index("ix_refund_community_id_voucher_id", "community_id", "voucher_id"),
        Index("ix_refund_community_id_day", "community_id", "day"),
    )

    community_id: int = key_field()
    id: int = key_field()
    voucher_id: int = Field(sa_type=BigInteger)
    bill_fen: int = Field(sa_type=BigInteger)
    points: int = Field(sa_type=BigInteger)
    fen: int = Field(sa_type=BigInteger)
    claim_fen: int = Field(sa_type=BigInteger)
    day: date
    seq: int = Field(sa_type=BigInteger)


class Dispute(SQLModel, table=True):
    """That somebody (`party`: member, merchant, clerk) says a capture was wrong. Why is the text of its entry."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "voucher_id"], ["voucher.community_id", "voucher.id"]),
        Index("ix_dispute_community_id_voucher_id", "community_id", "voucher_id"),
    )

    community_id: int = key_field()
    id: int = key_field()
    voucher_id: int = Field(sa_type=BigInteger)
    party: str
    day: date
    seq: int = Field(sa_type=BigInteger)


class DisputeEnd(SQLModel, table=True):
    """How a dispute was decided: upheld (a refund stands beside it) or rejected. Its key is the dispute: it is decided once."""

    __tablename__ = "dispute_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "dispute_id"], ["dispute.community_id", "dispute.id"]),)

    community_id: int = key_field()
    dispute_id: int = key_field()
    outcome: str
    day: date
    seq: int = Field(sa_type=BigInteger)


VOUCHER = SQLModel.metadata.tables["voucher"].c
RESOLUTION = SQLModel.metadata.tables["resolution"].c
REFUND = SQLModel.metadata.tables["refund"].c
DISPUTE = SQLModel.metadata.tables["dispute"].c
DISPUTE_END = SQLModel.metadata.tables["dispute_end"].c
_SAME_VOUCHER = and_(RESOLUTION.community_id == VOUCHER.community_id, RESOLUTION.voucher_id == VOUCHER.id)

# Asked at every counter, so written once: what builds a statement takes longer than the database.
_WITH_RESOLUTION = table_of(Voucher).outerjoin(table_of(Resolution), _SAME_VOUCHER)
_UNRESOLVED = (
    select_columns(table_of(Voucher))
    .select_from(_WITH_RESOLUTION)
    .where(VOUCHER.community_id == bindparam("community"), RESOLUTION.voucher_id.is_(None))
    .order_by(VOUCHER.id)
)
_LAPSED = _UNRESOLVED.where(
    VOUCHER.expires_on < bindparam("today"),
    or_(func.coalesce(VOUCHER.late_days, 0) == 0, VOUCHER.expires_on < bindparam("late")),
)
_LAPSED_OF_MEMBER = _LAPSED.where(VOUCHER.member_id == bindparam("member"))
_OF_CODE = (
    select_columns(table_of(Voucher), table_of(Resolution))
    .select_from(_WITH_RESOLUTION)
    .where(VOUCHER.community_id == bindparam("community"), VOUCHER.code_mac == bindparam("mac"))
)
_HELD = """
    SELECT p.seq, p.expires_on, p.amount FROM posting p
    JOIN account a ON a.community_id = p.community_id AND a.id = p.account_id
    WHERE p.community_id = ? AND p.seq IN ? AND p.amount > 0 AND a.purpose = 'held' ORDER BY p.seq, p.expires_on"""

_STANDS = """
    LEFT JOIN resolution r ON r.community_id = v.community_id AND r.voucher_id = v.id
    WHERE v.community_id = ? AND (r.outcome IS NULL OR r.outcome = 'captured' AND r.benefit_fen > (
        SELECT COALESCE(SUM(f.fen), 0) FROM refund f WHERE f.community_id = v.community_id AND f.voucher_id = v.id))"""
_STANDING_OF_OFFER = f"SELECT count(*) FROM voucher v {_STANDS} AND v.offer_id = ?"  # noqa: S608 - our own literals
_DAYS_OF_MEMBER = f"SELECT v.issued_on FROM voucher v {_STANDS} AND v.member_id = ? AND v.offer_id = ? AND v.issued_on >= ?"  # noqa: S608

_RESERVED = """
    SELECT v.merchant_id, v.offer_id, SUM(CASE WHEN r.outcome IS NULL THEN v.fen WHEN r.outcome <> 'captured' THEN 0
        ELSE r.benefit_fen - COALESCE(r.merchant_fen, 0) - (SELECT COALESCE(SUM(f.claim_fen), 0) FROM refund f
            WHERE f.community_id = v.community_id AND f.voucher_id = v.id) END)
    FROM voucher v LEFT JOIN resolution r ON r.community_id = v.community_id AND r.voucher_id = v.id
    WHERE v.community_id = ? AND v.issued_on >= ? AND v.issued_on <= ? GROUP BY v.merchant_id, v.offer_id"""


class Reserved(NamedTuple):
    """What vouchers of one offer cost the fund and its sponsors, in fen: at most while open, what is owed once captured, less
    what was refunded."""

    merchant_id: int
    offer_id: int
    fen: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A voucher with what became of it; `state` is the fold of all of it and the day. `dispute` is the open one."""

    voucher: Voucher
    resolution: Resolution | None
    state: State
    refunds: tuple[RefundRow, ...] = ()
    dispute: Dispute | None = None

    @property
    def left(self) -> "Left":
        """What of a capture was not given back."""
        done = self.resolution
        if done is None or done.outcome != "captured":
            return Left(0, 0, 0, 0)
        bill_fen = self.refunds[-1].bill_fen if self.refunds else done.bill_fen
        points, fen, claim_fen = (sum(getattr(r, name) for r in self.refunds) for name in ("points", "fen", "claim_fen"))
        return Left(bill_fen, done.points - points, done.benefit_fen - fen, done.claim_fen - claim_fen)


class Left(NamedTuple):
    """What of a capture stands: the bill, the points that were redeemed, what came off, what of that the merchant is owed."""

    bill_fen: int
    points: int
    off_fen: int
    claim_fen: int


@dataclass(frozen=True, slots=True)
class Capture:
    """One captured voucher as merchants are reimbursed for it; `fen` is what the merchant is owed, `seq` its entry."""

    voucher_id: int
    merchant_id: int
    member_id: int
    day: date
    bill_fen: int
    points: int
    fen: int
    seq: int


@dataclass(frozen=True, slots=True)
class Refund:
    """What a merchant is not owed any more, as its settlement has it: `fen` of a voucher's capture, on the refund's day;
    `points` went back to the member; `seq` is its entry."""

    id: int
    voucher_id: int
    merchant_id: int
    day: date
    points: int
    fen: int
    seq: int


def find(session: Session, community_id: int, named: str, pepper: bytes) -> Voucher:
    """The voucher of a code in any look-alike form, or of a number ('V9', '9'), for clerks.

    Raises Invalid `bad_code`, NotFound `unknown_code`, `unknown_voucher`.
    """
    number = _NUMBER.fullmatch(codes.id_key(named))
    if number:
        return get(session, community_id, int(number[1]))
    return by_mac(session, community_id, mac_of(named, pepper))


def get(session: Session, community_id: int, voucher_id: int) -> Voucher:
    """The voucher of a number. Raises NotFound `unknown_voucher`."""
    voucher = first(session, Voucher, community_id=community_id, id=voucher_id)
    if voucher is None:
        raise NotFound(
            say("There is no voucher {number}.", number=f"V{voucher_id}"),
            "unknown_voucher",
            say("See the numbers with timebank voucher list."),
        )
    return voucher


def mac_of(code: str, pepper: bytes) -> bytes:
    """What is stored of a code as typed: 32 bytes. Raises Invalid `bad_code`."""
    return codes.fingerprint(pepper, codes.normalise(code))


def with_mac(session: Session, community_id: int, code_mac: bytes) -> Voucher | None:
    """The voucher whose code has this HMAC, or None."""
    return first(session, Voucher, community_id=community_id, code_mac=code_mac)


def by_mac(session: Session, community_id: int, code_mac: bytes) -> Voucher:
    """The voucher whose code has this HMAC. Raises NotFound `unknown_code`, the same for every code nobody has."""
    return presented(session, community_id, code_mac)[0]


def presented(session: Session, community_id: int, code_mac: bytes) -> tuple[Voucher, Resolution | None]:
    """The voucher whose code has this HMAC and how it ended, None while it is open. Raises NotFound `unknown_code`."""
    row = session.connection().execute(_OF_CODE, {"community": community_id, "mac": code_mac}).first()
    if row is None:
        raise unknown_code()
    own, end = dict(zip(VOUCHER.keys(), row, strict=False)), dict(zip(RESOLUTION.keys(), row[len(VOUCHER) :], strict=True))
    return value_of(Voucher, own), value_of(Resolution, end) if end["voucher_id"] is not None else None


def unknown_code() -> NotFound:
    """The one answer to every code and every token that opens nothing."""
    return NotFound(
        say("There is no voucher with this code."), "unknown_code", say("Compare it with the slip, character by character.")
    )


def standing(session: Session, voucher: Voucher, today: date) -> Standing:
    """What became of a voucher until now."""
    resolution = resolution_of(session, voucher)
    return _standings(session, voucher.community_id, [(voucher, resolution)], today)[0]


def resolution_of(session: Session, voucher: Voucher) -> Resolution | None:
    """How a voucher ended, or None while it is open."""
    return first(session, Resolution, community_id=voucher.community_id, voucher_id=voucher.id)


def of_member(session: Session, community_id: int, member_id: int, today: date) -> list[Standing]:
    """All vouchers of a member with what became of them, by number."""
    wanted = select(Voucher, Resolution).outerjoin(Resolution, _SAME_VOUCHER)
    wanted = wanted.where(col(Voucher.community_id) == community_id, col(Voucher.member_id) == member_id)
    return _standings(session, community_id, list(session.exec(wanted.order_by(col(Voucher.id)))), today)


def _standings(
    session: Session, community_id: int, found: Sequence[tuple[Voucher, Resolution | None]], today: date
) -> list[Standing]:
    captured = [voucher.id for voucher, resolution in found if resolution is not None and resolution.outcome == "captured"]
    refunds: dict[int, list[RefundRow]] = {}
    disputes: dict[int, Dispute] = {}
    for some in _chunks(captured):
        for row in session.exec(
            select(RefundRow)
            .where(col(RefundRow.community_id) == community_id, col(RefundRow.voucher_id).in_(some))
            .order_by(col(RefundRow.id))
        ):
            refunds.setdefault(row.voucher_id, []).append(row)
        disputes |= {dispute.voucher_id: dispute for dispute in _open_disputes(session, community_id, some)}
    return [_standing(v, end, (tuple(refunds.get(v.id, ())), disputes.get(v.id)), today) for v, end in found]


def _standing(
    voucher: Voucher, resolution: Resolution | None, since: tuple[tuple[RefundRow, ...], Dispute | None], today: date
) -> Standing:
    """The fold: `since` is what came after a capture."""
    if resolution is None:
        return Standing(voucher, None, "lapsed" if today > voucher.expires_on else "issued")
    if resolution.outcome != "captured":
        return Standing(voucher, resolution, cast(State, resolution.outcome))
    refunds, dispute = since
    found = Standing(voucher, resolution, "captured", refunds, dispute)
    if dispute is not None:
        return replace(found, state="disputed")
    if refunds:
        return replace(found, state="part_refunded" if found.left.off_fen else "refunded")
    return found


def _open_disputes(session: Session, community_id: int, voucher_ids: Sequence[int]) -> list[Dispute]:
    wanted = select(Dispute).where(col(Dispute.community_id) == community_id, col(Dispute.voucher_id).in_(voucher_ids))
    decided = select(DisputeEnd.dispute_id).where(
        col(DisputeEnd.community_id) == community_id, col(DisputeEnd.dispute_id) == col(Dispute.id)
    )
    return list(session.exec(wanted.where(~decided.exists())))


def unresolved(session: Session, community_id: int) -> list[Voucher]:
    """All vouchers that hold points, lapsed ones too, by number."""
    found = session.connection().execute(_UNRESOLVED, {"community": community_id})
    return [value_of(Voucher, row._asdict()) for row in found]


def lapsed(session: Session, community_id: int, today: date, member_id: int | None = None) -> list[Voucher]:
    """The unresolved vouchers of one member or (None) of everybody whose hold has lapsed, by number: past their last day, and
    past the days in which they may still be uploaded."""
    given = {"community": community_id, "today": today, "late": today - timedelta(days=LATE_DAYS), "member": member_id}
    found = session.connection().execute(_LAPSED if member_id is None else _LAPSED_OF_MEMBER, given)
    return [value_of(Voucher, row._asdict()) for row in found]


def lots_held(session: Session, community_id: int, vouchers: Sequence[Voucher]) -> dict[int, list[LotAmount]]:
    """The lots each voucher holds, by the seq of its hold, first to lapse first: what the hold's own entry says.

    The member's `held` account cannot tell: it adds up all of the member's vouchers.
    """
    found: dict[int, list[LotAmount]] = {voucher.seq: [] for voucher in vouchers}
    seqs = sorted(found)
    for some in _chunks(seqs):
        for seq, lot, amount in select_rows(session, _HELD, (community_id, some)):
            found[seq].append((date.fromisoformat(iso(lot)), amount))
    assert all(sum(amount for _, amount in found[v.seq]) == v.points for v in vouchers), "a hold holds the voucher's points"
    return found


def captures(
    session: Session,
    community_id: int,
    until: date,
    since: date = date.min,
    besides: SelectOfScalar[int] | None = None,
    merchant_id: int | None = None,
) -> list[Capture]:
    """All captures of these days (both included), of one merchant or (None) of all, by voucher number.

    `besides` selects voucher ids to leave out (one column), so that a room above can keep account of what it has taken
    without this room knowing its tables.
    """
    wanted = _captures(community_id).where(RESOLUTION.day >= since, RESOLUTION.day <= until)
    if merchant_id is not None:
        wanted = wanted.where(VOUCHER.merchant_id == merchant_id)
    if besides is not None:
        taken = besides.subquery()
        wanted = wanted.where(~select_columns(taken.c[0]).where(taken.c[0] == RESOLUTION.voucher_id).exists())
    return [Capture(*row) for row in session.execute(wanted)]


def captures_of(session: Session, community_id: int, voucher_ids: Iterable[int]) -> list[Capture]:
    """The captures of these vouchers, by voucher number; one that was not captured is not in it."""
    numbers = sorted(voucher_ids)
    found: list[Capture] = []
    for some in _chunks(numbers):
        wanted = _captures(community_id).where(RESOLUTION.voucher_id.in_(some))
        found.extend(Capture(*row) for row in session.execute(wanted))
    return found


def _captures(community_id: int) -> Select[tuple[int, int, int, date, int, int, int, int]]:
    r, v = RESOLUTION, VOUCHER
    claim = r.benefit_fen - func.coalesce(r.merchant_fen, 0)
    wanted = select_columns(v.id, v.merchant_id, v.member_id, r.day, r.bill_fen, r.points, claim, r.seq)
    return wanted.where(_SAME_VOUCHER, r.community_id == community_id, r.outcome == "captured").order_by(v.id)


def standing_of_offer(session: Session, community_id: int, offer_id: int) -> int:
    """How many vouchers of an offer stand: open, or redeemed and not given back in whole."""
    ((found,),) = select_rows(session, _STANDING_OF_OFFER, (community_id, offer_id))
    return int(found)


def days_of_member(session: Session, community_id: int, offer_id: int, member_id: int, since: date) -> list[date]:
    """The days on which a member was issued vouchers of an offer that stand, from a day on."""
    asked = (community_id, member_id, offer_id, since.isoformat())
    return [date.fromisoformat(iso(day)) for (day,) in select_rows(session, _DAYS_OF_MEMBER, asked)]


def refunds(
    session: Session,
    community_id: int,
    until: date,
    since: date = date.min,
    besides: SelectOfScalar[int] | None = None,
    merchant_id: int | None = None,
) -> list[Refund]:
    """All refunds of these days (both included), by number; `besides` selects refund ids to leave out, as for `captures`."""
    wanted = _refunds(community_id).where(REFUND.day >= since, REFUND.day <= until)
    if merchant_id is not None:
        wanted = wanted.where(VOUCHER.merchant_id == merchant_id)
    if besides is not None:
        taken = besides.subquery()
        wanted = wanted.where(~select_columns(taken.c[0]).where(taken.c[0] == REFUND.id).exists())
    return [Refund(*row) for row in session.execute(wanted)]


def refunds_of(session: Session, community_id: int, refund_ids: Iterable[int]) -> list[Refund]:
    """The refunds of these numbers, by number."""
    found: list[Refund] = []
    for some in _chunks(sorted(refund_ids)):
        found.extend(Refund(*row) for row in session.execute(_refunds(community_id).where(REFUND.id.in_(some))))
    return found


def refunds_about(session: Session, voucher: Voucher) -> list[RefundRow]:
    """The refunds of one voucher, by number."""
    own = select(RefundRow).where(col(RefundRow.community_id) == voucher.community_id, col(RefundRow.voucher_id) == voucher.id)
    return list(session.exec(own.order_by(col(RefundRow.id))))


def _refunds(community_id: int) -> Select[tuple[int, int, int, date, int, int, int]]:
    wanted = select_columns(
        REFUND.id, REFUND.voucher_id, VOUCHER.merchant_id, REFUND.day, REFUND.points, REFUND.claim_fen, REFUND.seq
    )
    same = and_(REFUND.community_id == VOUCHER.community_id, REFUND.voucher_id == VOUCHER.id)
    return wanted.where(same, REFUND.community_id == community_id).order_by(REFUND.id)


def reserved(session: Session, community_id: int, since: date, until: date) -> list[Reserved]:
    """What the vouchers issued in these days (both included) cost others than the merchant, by merchant and offer."""
    rows = select_rows(session, _RESERVED, (community_id, since.isoformat(), until.isoformat()))
    return [Reserved(*map(int, row)) for row in rows]


def disputes_of(session: Session, voucher: Voucher) -> list[tuple[Dispute, DisputeEnd | None]]:
    """All disputes about a voucher with how they were decided, by number."""
    same = and_(DISPUTE_END.community_id == DISPUTE.community_id, DISPUTE_END.dispute_id == DISPUTE.id)
    wanted = select(Dispute, DisputeEnd).outerjoin(DisputeEnd, same)
    wanted = wanted.where(col(Dispute.community_id) == voucher.community_id, col(Dispute.voucher_id) == voucher.id)
    return [(dispute, end) for dispute, end in session.exec(wanted.order_by(col(Dispute.id)))]


def issued_by(session: Session, community_id: int, seqs: Iterable[int]) -> Voucher | None:
    """The voucher whose hold is one of these entries, or None."""
    wanted = select(Voucher).where(col(Voucher.community_id) == community_id, col(Voucher.seq).in_(list(seqs)))
    return session.exec(wanted).first()


def with_quote(session: Session, community_id: int, quote_id: int) -> Voucher | None:
    """The voucher that was issued by a quote, or None."""
    return first(session, Voucher, community_id=community_id, quote_id=quote_id)


def _chunks(numbers: list[int]) -> Iterator[list[int]]:
    return (numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK))
