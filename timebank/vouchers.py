"""Vouchers as they stand: a hold with a code, and at most one resolution. `redemption.py` is their only writer.

A voucher's state is the fold of its two rows and the day; nothing is ever changed. It is good up to and including
`expires_on`. Points are in the community's smallest unit, money in fen.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, cast

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary, Select, UniqueConstraint, bindparam, func
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, SQLModel, and_, col, select
from sqlmodel.sql.expression import SelectOfScalar

from timebank.base import codes
from timebank.base.db import Utc, iso, key_field
from timebank.base.errors import NotFound
from timebank.base.i18n import say
from timebank.base.months import first_day, last_day
from timebank.base.rows import first, select_rows, table_of, value_of

State = Literal["issued", "captured", "voided", "expired", "lapsed"]
"""`lapsed`: past its last day, its points not released yet."""
LotAmount = tuple[date, int]
"""Points of one lapse day."""

_NUMBER = re.compile(r"V?([0-9]{1,10})")  # shorter than a code, whatever its digits
_CHUNK = 500


class Voucher(SQLModel, table=True):
    """A hold with a code. Only the code's HMAC and its last four characters are kept. `fen` is what the fund commits."""

    __table_args__ = (
        UniqueConstraint("community_id", "code_mac"),
        ForeignKeyConstraint(["community_id", "offer_id"], ["offer.community_id", "offer.id"]),
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        Index("ix_voucher_community_id_member_id", "community_id", "member_id"),
        Index("ix_voucher_community_id_expires_on", "community_id", "expires_on"),
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

    `points` and `benefit_fen` are what was redeemed (0 unless captured); `day` is the entry's business date.
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


VOUCHER = SQLModel.metadata.tables["voucher"].c
RESOLUTION = SQLModel.metadata.tables["resolution"].c
_SAME_VOUCHER = and_(RESOLUTION.community_id == VOUCHER.community_id, RESOLUTION.voucher_id == VOUCHER.id)

# Asked at every counter, so written once: what builds a statement takes longer than the database.
_WITH_RESOLUTION = table_of(Voucher).outerjoin(table_of(Resolution), _SAME_VOUCHER)
_UNRESOLVED = (
    select_columns(table_of(Voucher))
    .select_from(_WITH_RESOLUTION)
    .where(VOUCHER.community_id == bindparam("community"), RESOLUTION.voucher_id.is_(None))
    .order_by(VOUCHER.id)
)
_LAPSED = _UNRESOLVED.where(VOUCHER.expires_on < bindparam("today"))
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


@dataclass(frozen=True, slots=True)
class Standing:
    """A voucher with what became of it; `state` is the fold of both and the day."""

    voucher: Voucher
    resolution: Resolution | None
    state: State


@dataclass(frozen=True, slots=True)
class Capture:
    """One captured voucher as merchants are reimbursed for it; `seq` is its entry."""

    voucher_id: int
    merchant_id: int
    member_id: int
    day: date
    bill_fen: int
    points: int
    fen: int
    seq: int


@dataclass(frozen=True, slots=True)
class MerchantMonth:
    """The captures of one merchant in one month, summed up."""

    merchant_id: int
    captures: int
    points: int
    fen: int
    lines: tuple[Capture, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many vouchers there are by what became of them: issued = captured + voided + expired + open (I15)."""

    issued: int
    captured: int
    voided: int
    expired: int
    open: int


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
    return _standing(voucher, resolution_of(session, voucher), today)


def resolution_of(session: Session, voucher: Voucher) -> Resolution | None:
    """How a voucher ended, or None while it is open."""
    return first(session, Resolution, community_id=voucher.community_id, voucher_id=voucher.id)


def _standing(voucher: Voucher, resolution: Resolution | None, today: date) -> Standing:
    if resolution is not None:
        return Standing(voucher, resolution, cast(State, resolution.outcome))
    return Standing(voucher, None, "lapsed" if today > voucher.expires_on else "issued")


def of_member(session: Session, community_id: int, member_id: int, today: date) -> list[Standing]:
    """All vouchers of a member with what became of them, by number."""
    wanted = select(Voucher, Resolution).outerjoin(Resolution, _SAME_VOUCHER)
    wanted = wanted.where(col(Voucher.community_id) == community_id, col(Voucher.member_id) == member_id)
    return [_standing(voucher, resolution, today) for voucher, resolution in session.exec(wanted.order_by(col(Voucher.id)))]


def unresolved(session: Session, community_id: int) -> list[Voucher]:
    """All vouchers that hold points, lapsed ones too, by number."""
    found = session.connection().execute(_UNRESOLVED, {"community": community_id})
    return [value_of(Voucher, row._asdict()) for row in found]


def lapsed(session: Session, community_id: int, today: date, member_id: int | None = None) -> list[Voucher]:
    """The unresolved vouchers of one member or (None) of everybody that are past their last day, by number."""
    given = {"community": community_id, "today": today, "member": member_id}
    found = session.connection().execute(_LAPSED if member_id is None else _LAPSED_OF_MEMBER, given)
    return [value_of(Voucher, row._asdict()) for row in found]


def lots_held(session: Session, community_id: int, vouchers: Sequence[Voucher]) -> dict[int, list[LotAmount]]:
    """The lots each voucher holds, by the seq of its hold, first to lapse first: what the hold's own entry says.

    The member's `held` account cannot tell: it adds up all of the member's vouchers.
    """
    found: dict[int, list[LotAmount]] = {voucher.seq: [] for voucher in vouchers}
    seqs = sorted(found)
    for start in range(0, len(seqs), _CHUNK):
        for seq, lot, amount in select_rows(session, _HELD, (community_id, seqs[start : start + _CHUNK])):
            found[seq].append((date.fromisoformat(iso(lot)), amount))
    assert all(sum(amount for _, amount in found[v.seq]) == v.points for v in vouchers), "a hold holds the voucher's points"
    return found


def captures(
    session: Session,
    community_id: int,
    until: date,
    since: date = date.min,
    besides: SelectOfScalar[int] | None = None,
) -> list[Capture]:
    """All captures of these days (both included), by voucher number.

    `besides` selects voucher ids to leave out (one column), so that a room above can keep account of what it has taken
    without this room knowing its tables.
    """
    wanted = _captures(community_id).where(RESOLUTION.day >= since, RESOLUTION.day <= until)
    if besides is not None:
        taken = besides.subquery()
        wanted = wanted.where(~select_columns(taken.c[0]).where(taken.c[0] == RESOLUTION.voucher_id).exists())
    return [Capture(*row) for row in session.execute(wanted)]


def captures_of(session: Session, community_id: int, voucher_ids: Iterable[int]) -> list[Capture]:
    """The captures of these vouchers, by voucher number; one that was not captured is not in it."""
    numbers = sorted(voucher_ids)
    found: list[Capture] = []
    for start in range(0, len(numbers), _CHUNK):
        wanted = _captures(community_id).where(RESOLUTION.voucher_id.in_(numbers[start : start + _CHUNK]))
        found.extend(Capture(*row) for row in session.execute(wanted))
    return found


def _captures(community_id: int) -> Select[tuple[int, int, int, date, int, int, int, int]]:
    r, v = RESOLUTION, VOUCHER
    wanted = select_columns(v.id, v.merchant_id, v.member_id, r.day, r.bill_fen, r.points, r.benefit_fen, r.seq)
    return wanted.where(_SAME_VOUCHER, r.community_id == community_id, r.outcome == "captured").order_by(v.id)


def by_merchant(session: Session, community_id: int, period: str) -> list[MerchantMonth]:
    """The captures of a month by merchant id; a merchant without any is not in it."""
    lines: dict[int, list[Capture]] = {}
    for capture_ in captures(session, community_id, last_day(period), first_day(period)):
        lines.setdefault(capture_.merchant_id, []).append(capture_)
    return [
        MerchantMonth(number, len(own), sum(c.points for c in own), sum(c.fen for c in own), tuple(own))
        for number, own in sorted(lines.items())
    ]


def counts(session: Session, community_id: int) -> Counts:
    """How many vouchers were issued and what became of them; `open` counts lapsed ones that are not released yet.

    `open` is counted, not subtracted, so that `audit` can compare.
    """
    issued = session.execute(select_columns(func.count()).where(VOUCHER.community_id == community_id)).scalar_one()
    ended = select_columns(RESOLUTION.outcome, func.count()).where(RESOLUTION.community_id == community_id)
    by_outcome = {outcome: int(number) for outcome, number in session.execute(ended.group_by(RESOLUTION.outcome))}
    return Counts(
        issued,
        by_outcome.get("captured", 0),
        by_outcome.get("voided", 0),
        by_outcome.get("expired", 0),
        len(unresolved(session, community_id)),
    )
