"""Reconciliation of a month: what was captured and refunded in it, what was claimed of that, and what was paid. Reads only.

    captured - refunded = claimed + carried, claimed = paid

Each amount that is missing somewhere is a difference with its reason; when all is paid there are none. A merchant whose open
lines come to nothing or less is owed nothing: they are carried into a later month, which is no difference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sqlmodel import Session

from timebank import claims, fund, ledger
from timebank.base.months import first_day, last_day, parse_period
from timebank.claims import Claim
from timebank.people import merchants


class Difference(NamedTuple):
    """What does not agree: a merchant's printed number, the batch it is about (0 for none), a code, the amount in fen.

    Codes: `not_claimed` (in no batch), `not_paid` (in one that is not paid yet), `batch_differs` (its lines make another sum),
    `book_differs` (the book owes the merchant something else than the lines make).
    """

    merchant: str
    batch: int
    code: str
    fen: int


@dataclass(slots=True)
class Row:
    """One merchant's month, in fen: what its captures and refunds made, what of that is in a batch, paid, or carried."""

    merchant: str
    captured: int = 0
    refunded: int = 0
    claimed: int = 0
    paid: int = 0
    carried: int = 0
    differences: list[Difference] = field(default_factory=list)


def reconcile(session: Session, community_id: int, period: str) -> list[Row]:
    """A month by merchant, those alone for whom there is something. Raises Invalid `bad_period`."""
    parse_period(period)
    numbers = {merchant.id: merchant.number for merchant in merchants.listed(session, community_id)}
    rows: dict[int, Row] = {}
    lines = claims.happened(session, community_id, first_day(period), last_day(period))
    claimed = claims.claimed_in(session, community_id, [line.key for line in lines])
    open_ = claims.open_lines(session, community_id, last_day(period))
    carried = {merchant_id for merchant_id, own in open_.items() if sum(line.fen for line in own) <= 0}
    waiting: dict[tuple[int, int], int] = {}
    for line in lines:
        row = rows.setdefault(line.merchant_id, Row(numbers[line.merchant_id]))
        if line.event <= claims.CAPTURE:
            row.captured += line.fen
        else:
            row.refunded -= line.fen
        batch = claimed.get(line.key)
        if batch is None:
            if line.merchant_id in carried:
                row.carried += line.fen
            else:
                waiting[line.merchant_id, 0] = waiting.get((line.merchant_id, 0), 0) + line.fen
            continue
        row.claimed += line.fen
        if batch.state == "paid":
            row.paid += line.fen
        else:
            waiting[line.merchant_id, batch.id] = waiting.get((line.merchant_id, batch.id), 0) + line.fen
    for (merchant_id, number), fen in sorted(waiting.items()):
        if fen or number:
            row = rows[merchant_id]
            row.differences.append(Difference(row.merchant, number, "not_paid" if number else "not_claimed", fen))
    for merchant_id, found in _wrong(session, community_id, numbers, {batch.id: batch for batch in claimed.values()}):
        rows.setdefault(merchant_id, Row(numbers[merchant_id])).differences.append(found)
    return [rows[merchant_id] for merchant_id in sorted(rows)]


def _wrong(
    session: Session, community_id: int, numbers: dict[int, str], month: dict[int, Claim]
) -> Iterable[tuple[int, Difference]]:
    """Batches of the month that are not the sum of their lines, and merchants whom the book owes something else."""
    of: Sequence[Claim] = [month[number] for number in sorted(month)]
    for claim, batch in zip(of, claims.batches(session, community_id, of), strict=True):
        if batch.fen != claim.fen:
            number = numbers[claim.merchant_id]
            yield claim.merchant_id, Difference(number, claim.id, "batch_differs", batch.fen - claim.fen)
    made: dict[int, int] = {}
    for line in claims.happened(session, community_id, date.min, date.max):
        made[line.merchant_id] = made.get(line.merchant_id, 0) + line.fen
    for merchant_id, fen in claims.paid(session, community_id).items():
        made[merchant_id] = made.get(merchant_id, 0) - fen
    there = ledger.balances(session, community_id, "fen")
    for merchant_id, number in numbers.items():
        owed = there.get((f"merchant:{merchant_id}", fund.PAYABLE), 0)
        if owed != made.get(merchant_id, 0):
            yield merchant_id, Difference(number, 0, "book_differs", owed - made.get(merchant_id, 0))
