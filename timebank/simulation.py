"""What an offer would come to, tried without writing anything: the steps, who bears it, and all that would refuse it now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlmodel import Session

from timebank import benefits, conditions, funds, ledger, offers
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.errors import Finding, Invalid, Refused
from timebank.base.i18n import Say, say
from timebank.benefits import Benefit, Borne, Offset
from timebank.offers import Offer
from timebank.people import members, merchants


@dataclass(frozen=True, slots=True)
class Question:
    """What is tried: an offer's number, the bill in fen (0: an item has none), the points held (None: as many as the bill can
    use), the member's printed number (None: whoever comes)."""

    offer: int
    bill_fen: int = 0
    points: int | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came out: the points a voucher would hold, what it takes off and who bears that (None where the bill is refused),
    the steps in words, what the fund and a sponsor would reserve in fen, and every refusal there would be now."""

    offer: Offer
    points: int
    benefit: Benefit | None
    borne: Borne | None
    explained: tuple[Say, ...]
    reserved_fen: int
    refused: tuple[Finding, ...]


def simulate(session: Session, act: Act, question: Question) -> Simulated:
    """Try an offer as the act's moment finds it. Nothing is written or locked.

    Raises NotFound `unknown_offer`, `unknown_member`; Invalid `bad_bill`, `bill_not_wanted`, `points_missing`, `bad_points`.
    """
    cid, today = act.community_id, communities.today(session, act)
    offer = offers.find(session, cid, question.offer)
    member = members.find(session, cid, question.member) if question.member else None
    points = _points(offer, question)
    worth = benefits.worth(offer.terms, points)
    parts = offer.parts(worth)
    shop = merchants.get(session, cid, offer.merchant_id)
    done: list[Benefit] = []
    steps: list[Callable[[], object]] = [
        lambda: done.append(benefits.benefit(offer.terms, points, question.bill_fen)),
        lambda: offers.check_valid(offer, today),
        lambda: offers.check_merchant(shop),
    ]
    if member is not None:
        steps += [
            lambda: conditions.check_active(member),
            lambda: conditions.check(session, member, points, today),
            lambda: _enough(session, act, member, points),
        ]
    refused = [finding for step in steps for finding in _refusals(step)]
    refused += [_finding(one) for one in offers.refusals(session, offer, member, today) if one.code != "offer_over"]
    refused += _refusals(lambda: funds.reserve(session, act, funds.Wish(offer.merchant_id, offer.id, parts)))
    benefit = done[0] if done else None
    borne = benefits.borne(benefit.off_fen, offer.shares) if benefit else None
    decimals = communities.state(session, cid).points_decimals
    explained = (*benefits.explained(offer.terms, benefit, decimals), *benefits.bearing(borne)) if benefit and borne else ()
    return Simulated(offer, points, benefit, borne, explained, sum(fen for _, fen in parts), tuple(refused))


def _points(offer: Offer, question: Question) -> int:
    """The points a voucher would hold: the fixed price, those asked for, or as many as the bill can use."""
    terms = offer.terms
    if not isinstance(terms, Offset):
        return terms.points
    points = question.points
    if points is None:
        if not question.bill_fen:
            raise Invalid(
                say("How many points shall the voucher hold?"), "points_missing", say("Add for example --points 100.")
            )
        benefits.check_bill(question.bill_fen)
        points = points_for(terms, question.bill_fen)
    benefits.check_points(points)
    return points


def points_for(terms: Offset, bill_fen: int) -> int:
    """The fewest points that take off a bill all that the offer takes off it; 1 where that is nothing."""
    return max(1, -(-(bill_fen * terms.max_share_bp // benefits.WHOLE_BP) * terms.points_per_yuan // 100))


def _enough(session: Session, act: Act, member: members.Member, points: int) -> None:
    today = communities.today(session, act)
    if ledger.balance(session, act.community_id, member.holder, "points", today=today).available < points:
        raise conditions.insufficient(session, member, points, today)


def _refusals(step: Callable[[], object]) -> Iterator[Finding]:
    """What a step refuses; all of it, where it names several reasons."""
    try:
        step()
    except Refused as refusal:
        yield from refusal.findings or [_finding(refusal)]


def _finding(refusal: Refused) -> Finding:
    return Finding("offer", refusal.code, refusal.message, hint=refusal.hint)
