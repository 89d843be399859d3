"""How holds end: what was held goes back to its lots or is redeemed, the fund's commitment with it, once.

A lot that has lapsed meanwhile lives for the grace of the rule book of the day its points come back. An expiry is dated on the
voucher's last day, however late it is posted, so that it belongs to the month in which it lapsed while that month is open.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Literal

from sqlmodel import Session

from timebank import benefits, fund, ledger, offers, rulebooks, vouchers
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import insert_rows
from timebank.base.rows import row_of, value_of
from timebank.benefits import Benefit, Borne
from timebank.clauses import GRACE_DAYS
from timebank.journal import Draft, Transfer
from timebank.vouchers import LotAmount, Resolution, Voucher

_RESOLUTION = (
    *("community_id", "voucher_id", "outcome", "day", "resolved_at", "bill_fen", "benefit_fen", "points", "seq"),
    "merchant_fen",
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How one voucher ends and on which day; of a capture its `benefit` and who bears it (`borne`), of a void who gave the
    voucher up (`party`)."""

    voucher: Voucher
    outcome: Literal["captured", "voided", "expired"]
    day: date
    benefit: Benefit | None = None
    borne: Borne | None = None
    party: str = ""


KINDS = {"voided": "voucher.void", "expired": "voucher.expire"}
"""Kinds of entries that give a whole hold back, by outcome."""


def give_back(session: Session, act: Act, endings: Sequence[Ending]) -> None:
    """Give whole holds back, each in an entry of its own day."""
    if not endings:
        return
    today = communities.today(session, act)
    lots = vouchers.lots_held(session, act.community_id, [e.voucher for e in endings])
    good_until = grace(session, act.community_id, chain.from_iterable(lots.values()), today)
    of = {number: offers.find(session, act.community_id, number) for number in {e.voucher.offer_id for e in endings}}
    drafts = [
        Draft(
            KINDS[e.outcome],
            e.day,
            (
                *released(e.voucher, lots[e.voucher.seq], good_until, today),
                *fund.release(_committed(of[e.voucher.offer_id], e)),
            ),
            e.voucher.subject,
            facts=_facts(e),
            text=(act.reason or None) if e.outcome == "voided" else None,
            place=e.voucher.number,
        )
        for e in endings
    ]
    receipts = ledger.post_all(session, act, drafts)
    resolve(session, act, endings, [receipt.seq for receipt in receipts])


def _facts(ending: Ending) -> dict[str, object]:
    voucher = ending.voucher
    facts: dict[str, object] = {"offer": voucher.offer_id, "merchant": voucher.merchant_id, "points_held": voucher.points}
    return facts | ({"party": ending.party} if ending.party else {})


def _committed(offer: offers.Offer, ending: Ending) -> tuple[fund.Part, ...]:
    """What the fund and a sponsor committed for a hold."""
    return offer.parts(benefits.worth(offer.terms, ending.voucher.points))


def split(lots: Iterable[LotAmount], spent: int) -> tuple[list[LotAmount], list[LotAmount]]:
    """Divide lots into what is spent, the first to lapse first, and the rest."""
    gone, rest, left = [], [], spent
    for lot, amount in lots:
        taken = min(amount, left)
        left -= taken
        if taken:
            gone.append((lot, taken))
        if amount > taken:
            rest.append((lot, amount - taken))
    assert left == 0, "a benefit never costs more than its voucher holds"
    return gone, rest


def grace(session: Session, community_id: int, lots: Iterable[LotAmount], today: date) -> date:
    """The last day of points that come back today into lots that have lapsed, as the rule book of today lets them live."""
    if all(lot >= today for lot, _ in lots):
        return today  # and nobody asks for it
    published = rulebooks.shelf(session, community_id).on(today)
    return today + timedelta(days=published.book.refund_grace_days if published else GRACE_DAYS)


def released(voucher: Voucher, lots: Iterable[LotAmount], good_until: date, today: date) -> Iterator[Transfer]:
    """Points from held back to available: into their own lots, or until `good_until` where the lot has lapsed."""
    for lot, amount in lots:
        lapses_on = lot if lot >= today else good_until
        yield Transfer("points", amount, voucher.holder, "held", voucher.holder, "available", lot=lot, lapses_on=lapses_on)


def resolve(session: Session, act: Act, endings: Sequence[Ending], seqs: Sequence[int]) -> list[Resolution]:
    """Write resolutions with the seqs of their entries. Their key refuses a second one of a voucher even without the lock."""
    resolutions = [_resolution(act, ending, seq) for ending, seq in zip(endings, seqs, strict=True)]
    insert_rows(session, "resolution", _RESOLUTION, [row_of(resolution, _RESOLUTION) for resolution in resolutions])
    return resolutions


def _resolution(act: Act, ending: Ending, seq: int) -> Resolution:
    done = ending.benefit
    return value_of(
        Resolution,
        {
            "community_id": act.community_id,
            "voucher_id": ending.voucher.id,
            "outcome": ending.outcome,
            "day": ending.day,
            "resolved_at": act.now,
            "bill_fen": done.bill_fen if done else 0,
            "benefit_fen": done.off_fen if done else 0,
            "points": done.points if done else 0,
            "seq": seq,
            "merchant_fen": (ending.borne.merchant_fen if ending.borne else 0) or None,
        },
    )


def sweep(session: Session, act: Act, member_id: int | None, today: date) -> list[int]:
    """Release what has lapsed, each voucher dated on its last day; gives their numbers."""
    due = vouchers.lapsed(session, act.community_id, today, member_id)
    give_back(session, act, [Ending(v, "expired", v.expires_on) for v in due])
    return [voucher.id for voucher in due]
