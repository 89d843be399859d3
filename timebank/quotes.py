"""Quotes: what a bill would come to, worked out before anything is held. A quote is good for 15 minutes and reserves nothing.

The voucher issued by it holds what the quote says; limits, stock, points and the fund are looked at when it is issued.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import BigInteger, ForeignKeyConstraint
from sqlmodel import Field, Session, SQLModel

from timebank import benefits, conditions, ledger, offers, rulebooks, vouchers
from timebank.base import codes, communities
from timebank.base.act import Act
from timebank.base.db import Utc, insert_rows, instant, key_field
from timebank.base.errors import NotFound, Refused
from timebank.base.i18n import Say, say
from timebank.base.rows import first, last_id
from timebank.benefits import Benefit, Offset
from timebank.journal import Draft
from timebank.offers import Offer
from timebank.once import once
from timebank.people import members, merchants

LASTS = timedelta(minutes=15)

_QUOTE = (
    *("community_id", "id", "offer_id", "member_id", "merchant_id", "points", "bill_fen", "off_fen"),
    *("quoted_at", "seq"),
)


class Quote(SQLModel, table=True):
    """What a voucher would hold (`points`) and take off (`off_fen`) a bill (0: an item has none)."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "offer_id"], ["offer.community_id", "offer.id"]),
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    offer_id: int = Field(sa_type=BigInteger)
    member_id: int = Field(sa_type=BigInteger)
    merchant_id: int = Field(sa_type=BigInteger)
    points: int = Field(sa_type=BigInteger)
    bill_fen: int = Field(sa_type=BigInteger)
    off_fen: int = Field(sa_type=BigInteger)
    quoted_at: datetime = Field(sa_type=Utc)
    seq: int = Field(sa_type=BigInteger)

    @property
    def until(self) -> datetime:
        """When it is over."""
        return self.quoted_at + LASTS


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the member's printed number, the offer's number, the bill in fen (0: an item has none), the points to
    hold (None: as many as this bill can use and the member has)."""

    member: str
    offer: int
    bill_fen: int
    points: int | None = None


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quote and how it came about."""

    quote: Quote
    benefit: Benefit
    explained: tuple[Say, ...]


def quote(session: Session, act: Act, question: Question) -> Quoted:
    """Work out what a bill would come to, and keep it for 15 minutes; nothing is held.

    Raises NotFound `unknown_member`, `unknown_offer`; Refused `offer_not_yet`, `offer_over`, `merchant_inactive`, what
    `benefits.benefit` and `conditions.check` raise, `insufficient_points`.
    """
    number, offer, points, fen = codes.id_key(question.member), question.offer, question.points or 0, question.bill_fen
    asked = {"member": number, "offer": offer, "points": points, "bill_fen": fen}
    outcome = once(session, act, "voucher.quote", asked, lambda: {"quote": _quote(session, act, question)})
    return quoted(session, act.community_id, outcome.receipt["quote"])


def quoted(session: Session, community_id: int, number: int) -> Quoted:
    """A quote with its steps, worked out again from what is kept. Raises NotFound `unknown_quote`."""
    found = find(session, community_id, number)
    terms = offers.find(session, community_id, found.offer_id).terms
    done = benefits.benefit(terms, found.points, found.bill_fen)
    decimals = communities.state(session, community_id).points_decimals
    return Quoted(found, done, benefits.explained(terms, done, decimals))


def _quote(session: Session, act: Act, question: Question) -> int:
    cid, today = act.community_id, communities.today(session, act)
    member = members.find(session, cid, question.member)
    conditions.check_active(member)
    there = ledger.balance(session, cid, member.holder, "points", today=today).available
    offer = offers.find(session, cid, question.offer)
    offers.check_valid(offer, today)
    offers.check_merchant(merchants.get(session, cid, offer.merchant_id))
    points = question.points
    if points is None:
        points = _points(session, offer, question.bill_fen, there, today)
    benefits.check_points(points)
    done = benefits.benefit(offer.terms, points, question.bill_fen)
    conditions.check(session, member, points, today)
    if points > there:
        raise conditions.insufficient(session, member, points, today)
    number = last_id(session, "quote", cid) + 1
    facts = {
        "offer": offer.id,
        "merchant": offer.merchant_id,
        "member": member.id,
        "points_held": points,
        "steps": done.steps,
        "until": instant(act.now + LASTS),
    }
    receipt = ledger.post(session, act, Draft("voucher.quote", today, subject=f"quote:{number}", facts=facts))
    own = (cid, number, offer.id, member.id, offer.merchant_id, points, done.bill_fen, done.off_fen)
    insert_rows(session, "quote", _QUOTE, [(*own, instant(act.now), receipt.seq)])
    return number


def _points(session: Session, offer: Offer, bill_fen: int, there: int, today: date) -> int:
    """The points that a bill can use, in whole steps of the rule book, as far as the member has them."""
    terms = offer.terms
    if not isinstance(terms, Offset):
        return terms.points
    wanted = -(-(bill_fen * terms.max_share_bp // benefits.WHOLE_BP) * terms.points_per_yuan // 100)
    published = rulebooks.shelf(session, offer.community_id).on(today)
    redeem = published.book.redeem if published else None
    step = redeem.step if redeem else 1
    return max(min(-(-wanted // step), there // step), 1) * step


def find(session: Session, community_id: int, number: int) -> Quote:
    """The quote of a number. Raises NotFound `unknown_quote`."""
    found = first(session, Quote, community_id=community_id, id=number) if 1 <= number <= offers.NUMBER_MAX else None
    if found is None:
        raise NotFound(
            say("There is no quote {number}.", number=number),
            "unknown_quote",
            say("Make one with timebank voucher quote M0012 --offer 1 --bill 86.00."),
        )
    return found


def usable(session: Session, act: Act, number: int, member: members.Member) -> Quote:
    """A quote by which this member may be issued a voucher now.

    Raises NotFound `unknown_quote`; Refused `other_quote`, `quote_used`, `quote_over`.
    """
    found = find(session, act.community_id, number)
    anew = say("Make a new one with timebank voucher quote.")
    if found.member_id != member.id:
        raise Refused(say("Quote {number} was made for another member.", number=number), "other_quote", anew)
    used = vouchers.with_quote(session, act.community_id, number)
    if used is not None:
        told = say("Voucher {voucher} was issued by quote {number}.", voucher=used.number, number=number)
        raise Refused(told, "quote_used", anew)
    if act.now > found.until:
        raise Refused(say("Quote {number} was good for 15 minutes.", number=number), "quote_over", anew)
    return found
