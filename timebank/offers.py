"""Offers: what one merchant takes off a bill for points, from day to day. Never changed; what is over is over."""

from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import BigInteger, ForeignKeyConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import benefits, ledger
from timebank.base import codes, communities
from timebank.base.act import Act
from timebank.base.db import insert_rows, key_field
from timebank.base.errors import Invalid, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import first, last_id
from timebank.benefits import Discount, Offset, Terms
from timebank.journal import Draft
from timebank.once import once
from timebank.people import merchants

NUMBER_MAX = 10**10 - 1
"""No offer or voucher has a larger number; what a person types above it need not bother the database."""


class Offer(SQLModel, table=True):
    """What one merchant gives. `offset`: points_per_yuan and max_share_bp of the bill. `discount`: off_bp of the bill, at
    most max_fen, from min_spend_fen, for a fixed number of points. Money in fen, shares in basis points."""

    __table_args__ = (ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),)

    community_id: int = key_field()
    id: int = key_field()
    merchant_id: int = Field(sa_type=BigInteger)
    kind: str
    points_per_yuan: int | None = None
    max_share_bp: int | None = None
    off_bp: int | None = None
    max_fen: int | None = Field(default=None, sa_type=BigInteger)
    min_spend_fen: int = Field(default=0, sa_type=BigInteger)
    points: int | None = Field(default=None, sa_type=BigInteger)
    valid_from: date
    valid_to: date
    seq: int = Field(sa_type=BigInteger)

    @property
    def terms(self) -> Terms:
        """What is taken off, as a value for `benefits`."""
        if self.kind == "offset":
            assert self.points_per_yuan is not None
            assert self.max_share_bp is not None
            return Offset(self.points_per_yuan, self.max_share_bp)
        assert self.off_bp is not None
        assert self.points is not None
        return Discount(self.off_bp, self.max_fen, self.points, self.min_spend_fen)


@dataclass(frozen=True, slots=True)
class NewOffer:
    """An offer to be added: the merchant's printed number, what it takes off, its first and last day."""

    merchant: str
    terms: Terms
    valid_from: date
    valid_to: date


def add(session: Session, act: Act, wish: NewOffer) -> Offer:
    """Add an offer of an active merchant, numbered from 1 in its community.

    Raises what `benefits.check` raises, NotFound `unknown_merchant`, Refused `merchant_inactive`, Invalid `bad_dates`,
    `offer_over`.
    """
    benefits.check(wish.terms)
    asked = {
        "merchant": codes.id_key(wish.merchant),
        "kind": _kind(wish.terms),
        "terms": _facts(wish.terms),
        "valid_from": wish.valid_from.isoformat(),
        "valid_to": wish.valid_to.isoformat(),
    }
    outcome = once(session, act, "offer.add", asked, lambda: {"offer": _add(session, act, wish)})
    return find(session, act.community_id, outcome.receipt["offer"])


def _add(session: Session, act: Act, wish: NewOffer) -> int:
    cid, today = act.community_id, communities.today(session, act)
    if wish.valid_to < wish.valid_from:
        raise Invalid(
            say("An offer cannot end on {last}, before its first day {first}.", first=wish.valid_from, last=wish.valid_to),
            "bad_dates",
            say("Write it like --valid 2026-01-01..2026-12-31."),
        )
    if wish.valid_to < today:
        raise Invalid(
            say("This offer would be over already: its last day was {last}.", last=wish.valid_to),
            "offer_over",
            say("Give it a last day from today on."),
        )
    merchant = merchants.find(session, cid, wish.merchant)
    check_merchant(merchant)
    number = last_id(session, "offer", cid) + 1
    valid = {"valid_from": wish.valid_from.isoformat(), "valid_to": wish.valid_to.isoformat()}
    facts = {"merchant": merchant.id, "kind": _kind(wish.terms), "terms": _facts(wish.terms), **valid}
    receipt = ledger.post(session, act, Draft("offer.add", today, subject=f"offer:{number}", facts=facts))
    row = {
        "community_id": cid,
        "id": number,
        "merchant_id": merchant.id,
        "kind": _kind(wish.terms),
        "min_spend_fen": 0,
        **_facts(wish.terms),
        **valid,
        "seq": receipt.seq,
    }
    insert_rows(session, "offer", tuple(row), [tuple(row.values())])
    return number


def _kind(terms: Terms) -> str:
    return "offset" if isinstance(terms, Offset) else "discount"


def _facts(terms: Terms) -> dict[str, int]:
    """Terms as the book and the offer's row name them."""
    return {name: value for name, value in asdict(terms).items() if value is not None}


def listed(session: Session, community_id: int) -> list[Offer]:
    """All offers, by number."""
    return list(session.exec(select(Offer).where(col(Offer.community_id) == community_id).order_by(col(Offer.id))))


def find(session: Session, community_id: int, number: int) -> Offer:
    """The offer of a number. Raises NotFound `unknown_offer`."""
    offer = first(session, Offer, community_id=community_id, id=number) if 1 <= number <= NUMBER_MAX else None
    if offer is None:
        raise NotFound(
            say("There is no offer {number}.", number=number), "unknown_offer", say("See the numbers with timebank offer list.")
        )
    return offer


def check_valid(offer: Offer, today: date) -> None:
    """Refuse an offer outside its days. Raises Refused `offer_not_yet`, `offer_over`."""
    if today < offer.valid_from:
        raise Refused(
            say("Offer {number} begins on {day}.", number=offer.id, day=offer.valid_from),
            "offer_not_yet",
            say("Issue the voucher from that day on."),
        )
    if today > offer.valid_to:
        raise Refused(
            say("Offer {number} ended on {day}.", number=offer.id, day=offer.valid_to),
            "offer_over",
            say("Choose another one: timebank offer list."),
        )


def check_merchant(merchant: merchants.Merchant) -> None:
    """Refuse a merchant that takes no points at present. Raises Refused `merchant_inactive`."""
    if merchant.state != "active":
        raise Refused(
            say("Merchant {number} is not active.", number=merchant.number),
            "merchant_inactive",
            say("Look at the merchant with timebank merchant list."),
        )
