"""A month of one holder, pure: openings, lines and closings folded into the figures a statement prints.

Every figure is a column of the files (docs/formats.md) and has one meaning. What an entry means for a holder follows from its
kind and the sign of what it changed; a kind that is not known here is an adjustment, so the identities hold for all entries:
closing = opening + what came in - what went out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from timebank.base.errors import Tampered
from timebank.base.i18n import say
from timebank.base.months import add_months, first_day, month_end
from timebank.journal import UNITS, Unit
from timebank.reading import Holding, Line

AWARDS = ("hours", "credit.convert", "award.grant")
"""Kinds that give new points: what of them goes to a pool is overflow, given in the member's name."""
REFUNDS = ("voucher.refund", "reversal")

# Figures in the order of the files' columns, with their unit. A movement is a figure that lines add up to; the others are
# balances of a day.
MEMBER_FIGURES: tuple[tuple[str, Unit], ...] = (
    ("minutes_opening", "minutes"),
    ("minutes_recorded", "minutes"),
    ("minutes_reversed", "minutes"),
    ("minutes_closing", "minutes"),
    ("points_opening", "points"),
    ("points_initial", "points"),
    ("points_earned", "points"),
    ("points_granted", "points"),
    ("points_received", "points"),
    ("points_refunded", "points"),
    ("points_redeemed", "points"),
    ("points_given", "points"),
    ("points_expired", "points"),
    ("points_adjusted", "points"),
    ("points_closing", "points"),
    ("points_held", "points"),
    ("points_owed", "points"),
    ("points_available", "points"),
    ("points_overflow", "points"),
    ("points_expiring_1m", "points"),
    ("points_expiring_3m", "points"),
    ("credits_opening", "credits"),
    ("credits_issued", "credits"),
    ("credits_converted", "credits"),
    ("credits_adjusted", "credits"),
    ("credits_closing", "credits"),
)
MERCHANT_FIGURES: tuple[tuple[str, Unit], ...] = (
    ("captured_points", "points"),
    ("refunded_points", "points"),
    ("payable_opening_fen", "fen"),
    ("captured_fen", "fen"),
    ("refunded_fen", "fen"),
    ("paid_fen", "fen"),
    ("payable_closing_fen", "fen"),
)
POOL_FIGURES: tuple[tuple[str, Unit], ...] = (
    ("pool_points_opening", "points"),
    ("pool_points_received", "points"),
    ("pool_points_given", "points"),
    ("pool_points_expired", "points"),
    ("pool_points_adjusted", "points"),
    ("pool_points_closing", "points"),
)
CLAIMED: tuple[str, Unit] = ("claimed_fen", "fen")
FIGURES = (*MEMBER_FIGURES, *MERCHANT_FIGURES, CLAIMED, *POOL_FIGURES)

_ADJUSTED = ("points_adjusted", "points_adjusted")
_IN_AND_OUT: Mapping[str, tuple[str, str]] = {
    "points.opening": ("points_initial", "points_adjusted"),
    "hours": ("points_earned", "points_adjusted"),
    "points.review": ("points_earned", "points_adjusted"),
    "credit.convert": ("points_earned", "points_adjusted"),
    "award.grant": ("points_granted", "points_adjusted"),
    "points.gift": ("points_received", "points_given"),
    "pool.payout": ("points_received", "points_given"),
    "voucher.refund": ("points_refunded", "points_adjusted"),
    "voucher.capture": ("points_adjusted", "points_redeemed"),
    "points.expire": ("points_adjusted", "points_expired"),
}
"""Kind -> the figure of points that came in with it, and of points that went out."""
_CREDITS_IN_AND_OUT: Mapping[str, tuple[str, str]] = {
    "points.opening": ("credits_issued", "credits_adjusted"),
    "credit.issue": ("credits_issued", "credits_adjusted"),
    "credit.convert": ("credits_adjusted", "credits_converted"),
}
_POOLS_OWN: Mapping[str, str] = {
    "points_initial": "pool_points_received",
    "points_earned": "pool_points_received",
    "points_granted": "pool_points_received",
    "points_received": "pool_points_received",
    "points_given": "pool_points_given",
    "points_expired": "pool_points_expired",
}


class Aside(NamedTuple):
    """What entries of the month moved elsewhere that a holder's statement tells: points given to pools, and points redeemed
    at a counter, by entry."""

    to_pools: Mapping[int, int]
    redeemed: Mapping[int, int]


class Balances(NamedTuple):
    """What a holder has after a line, counted from the month's opening and the month's lines so far."""

    minutes: int
    points: int
    credits: int
    fen: int


@dataclass(slots=True)
class Statement:
    """One holder's month. `figures` are all figures of its kind of holder; `counts` tells how many lines each movement has.

    `units` are those the holder has accounts in. Of the points at the month's end: `available`, `held` and `owed` (at most 0),
    and `lots`, the available ones by lapse day (ISO). `redeemed` are the points redeemed in each of a merchant's entries.
    """

    holder: str
    units: tuple[Unit, ...]
    opening: Balances
    closing: Balances
    lines: Sequence[Line]
    available: int = 0
    held: int = 0
    owed: int = 0
    lots: tuple[tuple[str, int], ...] = ()
    figures: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    redeemed: Mapping[int, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """member, merchant, pool or team."""
        return self.holder.partition(":")[0]

    @property
    def movements(self) -> dict[str, int]:
        """The figures that lines add up to, where they are not 0."""
        return {name: self.figures[name] for name in self.counts if self.figures[name]}

    def running(self) -> Iterator[tuple[int, Line, Balances]]:
        """The lines, numbered from 1, with what the holder has after each."""
        minutes, points, credits, fen = self.opening
        for number, line in enumerate(self.lines, start=1):
            minutes += line.minutes
            points += line.points
            credits += line.credits
            fen += line.fen
            yield number, line, Balances(minutes, points, credits, fen)

    def add(self, figure: str, amount: int) -> None:
        """Add a line's amount to a movement."""
        self.figures[figure] += amount
        self.counts[figure] = self.counts.get(figure, 0) + 1


def fold(holding: Holding, lines: Sequence[Line], aside: Aside, period: str) -> Statement:
    """Make a holder's statement of a month. Raises Tampered `turnover_differs` if the lines do not lead from its opening to
    its closing."""
    statement = _standing(holding, lines)
    kind = statement.kind
    statement.figures = (_OF_MEMBER if kind == "member" else _OF_MERCHANT if kind == "merchant" else _OF_POOL).copy()
    if kind == "member":
        _tell_member(statement, aside, period)
    elif kind == "merchant":
        _tell_merchant(statement, aside)
    else:
        _tell_pool(statement)
    return statement


_OF_MEMBER, _OF_MERCHANT, _OF_POOL = (
    {name: 0 for name, _ in figures} for figures in (MEMBER_FIGURES, MERCHANT_FIGURES, POOL_FIGURES)
)


def _standing(holding: Holding, lines: Sequence[Line]) -> Statement:
    """Openings, closings and lots, with the proof that the lines lie between them."""
    before, after = dict.fromkeys(UNITS, 0), dict.fromkeys(UNITS, 0)
    points, lots = {"available": 0, "held": 0, "owed": 0}, list[tuple[str, int]]()
    for share in holding.shares:
        rest = share.before + share.during
        before[share.unit] += share.before
        after[share.unit] += rest
        if share.unit == "points":
            points[share.purpose] += rest
            if share.purpose == "available" and share.expires_on and rest:
                lots.append((share.expires_on, rest))
    minutes, points_moved, credits, fen = opening = Balances(**before)
    for line in lines:
        minutes += line.minutes
        points_moved += line.points
        credits += line.credits
        fen += line.fen
    closing = Balances(**after)
    if closing != (minutes, points_moved, credits, fen):
        raise Tampered(
            say("The lines of {holder} do not lead from its opening to its closing.", holder=holding.holder),
            "turnover_differs",
            say("Run timebank audit; it names what differs."),
        )
    there = {share.unit for share in holding.shares}
    units = tuple(unit for unit in UNITS if unit in there)
    return Statement(
        holding.holder,
        units,
        opening,
        closing,
        lines,
        available=points["available"],
        held=points["held"],
        owed=points["owed"],
        lots=tuple(sorted(lots)),
    )


def _tell_member(statement: Statement, aside: Aside, period: str) -> None:
    for line in statement.lines:
        if line.minutes:
            statement.add("minutes_recorded" if line.minutes > 0 else "minutes_reversed", abs(line.minutes))
        if line.points:
            _add_signed(statement, _IN_AND_OUT.get(line.kind, _ADJUSTED), line.points)
        if line.credits:
            both = _CREDITS_IN_AND_OUT.get(line.kind, ("credits_adjusted", "credits_adjusted"))
            _add_signed(statement, both, line.credits)
        if line.kind in AWARDS and aside.to_pools.get(line.seq, 0) > 0:
            statement.add("points_overflow", aside.to_pools[line.seq])
    statement.figures |= {
        "minutes_opening": statement.opening.minutes,
        "minutes_closing": statement.closing.minutes,
        "points_opening": statement.opening.points,
        "points_closing": statement.closing.points,
        "points_held": statement.held,
        "points_owed": statement.owed,
        "points_available": statement.available,
        "credits_opening": statement.opening.credits,
        "credits_closing": statement.closing.credits,
        "points_expiring_1m": _lapsing(statement.lots, _months_later(period, 1)),
        "points_expiring_3m": _lapsing(statement.lots, _months_later(period, 3)),
    }


def _add_signed(statement: Statement, in_and_out: tuple[str, str], amount: int) -> None:
    """Add an amount to the figure of its direction: positive in all of them but the adjustments, which keep their sign."""
    figure = in_and_out[0] if amount > 0 else in_and_out[1]
    statement.add(figure, amount if figure.endswith("_adjusted") else abs(amount))


@lru_cache(8)
def _months_later(period: str, months: int) -> str:
    """The last day of the month some months later, as lots have it."""
    return month_end(add_months(first_day(period), months)).isoformat()


def _lapsing(lots: Iterable[tuple[str, int]], until: str) -> int:
    """Available points that lapse by a day."""
    return sum(points for day, points in lots if day <= until and points > 0)


def _tell_merchant(statement: Statement, aside: Aside) -> None:
    statement.redeemed = {line.seq: aside.redeemed.get(line.seq, 0) for line in statement.lines}
    for line in statement.lines:
        points = statement.redeemed[line.seq]
        if line.kind == "voucher.capture":
            statement.add("captured_fen", line.fen)
            statement.add("captured_points", points)
        elif line.kind in REFUNDS:
            statement.add("refunded_fen", -line.fen)
            statement.add("refunded_points", -points)
        else:
            statement.add("paid_fen", -line.fen)
    statement.figures["payable_opening_fen"] = statement.opening.fen
    statement.figures["payable_closing_fen"] = statement.closing.fen


def _tell_pool(statement: Statement) -> None:
    for line in statement.lines:
        if line.points:
            figure = _IN_AND_OUT.get(line.kind, _ADJUSTED)[0 if line.points > 0 else 1]
            own = _POOLS_OWN.get(figure, "pool_points_adjusted")
            statement.add(own, line.points if own.endswith("_adjusted") else abs(line.points))
    statement.figures["pool_points_opening"] = statement.opening.points
    statement.figures["pool_points_closing"] = statement.closing.points


class Totals:
    """Sums of figures over statements: for each figure the amount, the holders that have any of it, and the lines."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def add(self, figures: Mapping[str, int], counts: Mapping[str, int]) -> None:
        """Add one holder's figures and how many lines each movement has."""
        if not self._sums.keys() >= figures.keys():
            self._sums = {name: [0, 0, 0] for name in figures} | self._sums
        for name, amount in figures.items():
            if amount:
                total = self._sums[name]
                total[0] += amount
                total[1] += 1
        for name, lines in counts.items():
            self._sums[name][2] += lines

    def rows(self) -> list[tuple[Unit, str, int, int, int]]:
        """(unit, figure, amount, holders that have any, lines), by unit and then in the order of the columns; figures that
        nobody could have are left out."""
        known = [(unit, name) for unit in UNITS for name, own in FIGURES if own == unit and name in self._sums]
        return [(unit, name, amount, holders, lines) for unit, name in known for amount, holders, lines in [self._sums[name]]]
