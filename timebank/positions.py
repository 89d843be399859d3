"""Where accounts stand while a batch is posted: loaded once, moved in memory with every floor and lot checked, saved once."""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import event
from sqlmodel import Session

from timebank.base.db import NEVER, insert_rows, iso, update_rows
from timebank.base.errors import NotFound, Refused
from timebank.base.i18n import say
from timebank.base.months import iso_day
from timebank.base.rows import select_rows
from timebank.journal import EXPIRED, Transfer, keeps_lots

_NEVER = NEVER.isoformat()
_CHUNK = 500
_KEPT = "timebank_positions"
_KEPT_MAX = 20_000
_OWN = "a.community_id = ? AND a.holder IN ? AND a.unit IN ?"
# One statement for what three would tell: a post pays for each. The first branch gives PostgreSQL the types of the others.
_STANDING = f"""
    SELECT a.id, NULL, NULL, NULL, 0, t.net, t.expires_on, t.period, t.lines FROM account a
    JOIN turnover t ON t.community_id = a.community_id AND t.account_id = a.id WHERE {_OWN} AND t.period IN ?
    UNION ALL SELECT a.id, NULL, NULL, NULL, 0, l.balance, l.expires_on, NULL, 0 FROM account a
    JOIN lot l ON l.community_id = a.community_id AND l.account_id = a.id WHERE {_OWN}
    UNION ALL SELECT a.id, a.holder, a.unit, a.purpose, a.floor, a.balance, NULL, NULL, 0 FROM account a WHERE {_OWN}"""  # noqa: S608 - our own literal
_TURNOVER = """
    SELECT account_id, expires_on, period, lines, net FROM turnover
    WHERE community_id = ? AND account_id IN ? AND period IN ?"""
_Item = TypeVar("_Item")
_Place = TypeVar("_Place", tuple[int, str], tuple[int, str, str])


@dataclass(slots=True, eq=False)
class Position:
    """One account: its balance, its lots by lapse day (None where it keeps none), and of each period that was
    read how many lines it has and what turned over. `written` is its name as payloads have it, once one was written."""

    community_id: int
    id: int
    holder: str
    unit: str
    purpose: str
    floor: int | None
    balance: int
    lots: dict[str, int] | None = None
    lines: dict[str, int] = field(default_factory=dict)
    turnover: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    written: str = ""


Move = tuple[Position, str, int]
"""A signed amount on one account, in the lot of an ISO day."""


class Line(NamedTuple):
    """One settled posting: `n` and `balance` are the account's after it; `expires_on` is an ISO day."""

    position: Position
    expires_on: str
    amount: int
    n: int
    balance: int


class Positions:
    """The accounts a transaction touches, by (holder, unit, purpose).

    Once saved they are kept for the transaction's next batch: under the community's lock nobody else moves them. Whoever
    loads them takes them, so that a batch that is refused half way leaves nothing behind.
    """

    def __init__(self, community_id: int) -> None:
        self._community_id = community_id
        self._by_name: dict[tuple[str, str, str], Position] = {}
        self._of_holder: dict[tuple[str, str], list[Position]] = {}
        self._by_id: dict[int, Position] = {}
        self._moved: set[int] = set()
        self._moved_lots: set[tuple[int, str]] = set()
        self._moved_turnover: set[tuple[int, str, str]] = set()
        self._known_lots: set[tuple[int, str]] = set()
        self._known_turnover: set[tuple[int, str, str]] = set()

    @classmethod
    def load(
        cls, session: Session, community_id: int, holders: Collection[str], units: Collection[str], periods: Set[str]
    ) -> "Positions":
        """These holders' accounts in these units with their lots and their turnover of these periods."""
        kept: Positions | None = session.info.pop(_KEPT, None)
        positions = kept if kept is not None and kept._community_id == community_id else cls(community_id)
        named, months = sorted(units), sorted(periods)
        for some in _chunks([h for h in sorted(holders) if any((h, unit) not in positions._of_holder for unit in named)]):
            own = (community_id, some, named)
            found = select_rows(session, _STANDING, (*own, months, *own, *own))
            positions._take(found, [(holder, unit) for holder in some for unit in named], months)
        known = [position for holder in holders for unit in named for position in positions._of_holder[holder, unit]]
        positions._turn(session, [position for position in known if not position.lines.keys() >= periods], months)
        return positions

    def _take(self, found: Sequence[Any], asked: Iterable[tuple[str, str]], periods: Sequence[str]) -> None:
        """Take in what was read of holders and units; what is known already stays as it is."""
        for name in asked:
            self._of_holder.setdefault(name, [])
        fresh: set[int] = set()
        for number, holder, unit, purpose, floor, balance, *_ in found:
            if holder is not None and number not in self._by_id:
                self._add(
                    Position(self._community_id, number, holder, unit, purpose, floor, balance, lines=dict.fromkeys(periods, 0))
                )
                fresh.add(number)
        for number, _, _, _, _, amount, lapses, period, lines in found:
            if number not in fresh or lapses is None:
                continue
            position, day = self._by_id[number], iso(lapses)
            if period is not None:
                self._turned(position, period, day, [lines, amount])
            elif position.lots is not None:
                position.lots[day] = amount
                self._known_lots.add((number, day))

    def _turn(self, session: Session, known: Sequence[Position], periods: Sequence[str]) -> None:
        """Read what turned over in further months on accounts that were read before."""
        unread = {position.id: [period for period in periods if period not in position.lines] for position in known}
        for number, missing in unread.items():
            self._by_id[number].lines |= dict.fromkeys(missing, 0)
        for some in _chunks(sorted(unread)):
            for number, lapses, period, *moved in select_rows(session, _TURNOVER, (self._community_id, some, list(periods))):
                if period in unread[number]:
                    self._turned(self._by_id[number], period, iso(lapses), moved)

    def _turned(self, position: Position, period: str, day: str, moved: list[int]) -> None:
        position.turnover[period, day] = moved
        position.lines[period] += moved[0]
        self._known_turnover.add((position.id, period, day))

    def _add(self, position: Position) -> None:
        if keeps_lots(position.holder, position.unit, position.purpose):
            position.lots = {}
        self._by_name[position.holder, position.unit, position.purpose] = self._by_id[position.id] = position
        self._of_holder[position.holder, position.unit].append(position)

    def find(self, holder: str, unit: str, purpose: str) -> Position:
        """The account of that name. Raises NotFound `no_account`."""
        position = self._by_name.get((holder, unit, purpose))
        if position is None:
            raise NotFound(
                say("{holder} has no account for {unit} ({purpose}).", holder=holder, unit=unit, purpose=purpose), "no_account"
            )
        return position

    def settle(self, transfers: Sequence[Transfer], period: str, today: date) -> list[Line]:
        """Turn transfers into postings and apply them, or refuse and leave everything as it was.

        Raises Refused `insufficient` (with what there is and what is missing), NotFound `no_account`.
        """
        done: list[Move] = []
        on = today.isoformat()
        try:
            for transfer in transfers:
                self._carry_out(transfer, on, done)
            self._check(done)
        except Refused:
            for position, lapse, amount in done:
                _shift(position, lapse, -amount)
            raise
        return self._number(done, period)

    def apply(self, moves: Sequence[Move], period: str) -> list[Line]:
        """Apply postings that are settled already (a reversal's). Raises Refused `insufficient`."""
        for position, lapse, amount in moves:
            _shift(position, lapse, amount)
        self._check(moves)
        return self._number(moves, period)

    def _carry_out(self, transfer: Transfer, today: str, done: list[Move]) -> None:
        assert transfer.amount > 0, "a transfer moves a positive amount"
        source = self.find(transfer.source, transfer.unit, transfer.source_purpose)
        target = self.find(transfer.target, transfer.unit, transfer.target_purpose)
        taken = [(_NEVER, transfer.amount)] if source.lots is None else _taken(source, source.lots, transfer, today)
        for lot, amount in taken:
            lapse = _NEVER if target.lots is None else iso_day(transfer.lapses_on) if transfer.lapses_on else lot
            repaid = self._repaid(target, amount) if target.purpose == "available" else 0
            done.append((source, lot, -amount))
            _shift(source, lot, -amount)
            if repaid:
                owing = self.find(target.holder, target.unit, "owed")
                done.append((owing, _NEVER, repaid))
                _shift(owing, _NEVER, repaid)
            if amount > repaid:
                done.append((target, lapse, amount - repaid))
                _shift(target, lapse, amount - repaid)

    def _repaid(self, target: Position, amount: int) -> int:
        """How much of what comes into `available` repays what its holder owes."""
        owing = self._by_name.get((target.holder, target.unit, "owed"))
        return min(amount, -owing.balance) if owing is not None and owing.balance < 0 else 0

    def _check(self, moves: Iterable[Move]) -> None:
        for position, lapse, amount in moves:
            if amount > 0:
                continue
            short = position.floor is not None and position.balance < position.floor
            if short or (position.lots is not None and position.lots[lapse] < 0):
                raise _insufficient(position, 0, 0)

    def _number(self, moves: Iterable[Move], period: str) -> list[Line]:
        """Sum up the moves of one entry by account and lapse day, and give each posting its `n` and balance."""
        sums: dict[tuple[Position, str], int] = {}
        balances: dict[Position, int] = {}
        for position, lapse, amount in moves:
            place = (position, lapse)
            sums[place] = sums.get(place, 0) + amount
            balances[position] = balances.get(position, position.balance) - amount
        lines = []
        for (position, lapse), amount in sums.items():
            if amount:
                balance = balances[position] = balances[position] + amount
                lines.append(Line(position, lapse, amount, self._count(position, lapse, amount, period), balance))
        return lines

    def _count(self, position: Position, lapse: str, amount: int, period: str) -> int:
        """Record a posting in the account's turnover; gives its running number in the period."""
        n = position.lines[period] = position.lines[period] + 1
        turnover = position.turnover.get((period, lapse))
        if turnover is None:
            turnover = position.turnover[period, lapse] = [0, 0]
        turnover[0] += 1
        turnover[1] += amount
        self._moved.add(position.id)
        self._moved_turnover.add((position.id, period, lapse))
        if position.lots is not None:
            self._moved_lots.add((position.id, lapse))
        return n

    def give_back(self, position: Position, lot: date, amount: int, before: Sequence[Move]) -> list[Move]:
        """What an entry's reversal brings back, which repays what its holder owes first, as all that comes in does.

        `before` is what the same reversal moves already. Returns the moves, not applied.
        """
        owing = self._by_name.get((position.holder, position.unit, "owed")) if position.lots is not None else None
        debt = max(0, -owing.balance - sum(n for place, _, n in before if place is owing)) if owing is not None else 0
        repaid = min(amount, debt)
        moves = [(owing, _NEVER, repaid)] if owing is not None and repaid else []
        return [*moves, (position, lot.isoformat(), amount - repaid)] if amount > repaid else moves

    def take_back(
        self, position: Position, lot: date, amount: int, expired: int, before: Sequence[Move], *, owe: bool
    ) -> tuple[list[Move], int]:
        """What an entry's reversal takes, in order: the lot's rest, what of it expired, the other lots, what is then owed.

        `before` is what the same reversal takes already, for other lots. Returns the moves (not applied) and how many points
        came out of the expired ones. Raises Refused `already_spent`.
        """
        assert position.lots is not None
        lots = dict(position.lots)
        for taken_from, day, taken in before:
            if taken_from is position:
                lots[day] = lots.get(day, 0) + taken
        moves: list[Move] = []
        left = amount
        of_lot = max(0, min(left, lots.get(lot.isoformat(), 0)))
        if of_lot:
            moves.append((position, lot.isoformat(), -of_lot))
        left -= of_lot
        of_expired = min(left, expired)
        if of_expired:
            moves.append((self.find(EXPIRED, position.unit, "sink"), _NEVER, -of_expired))
        left -= of_expired
        for day, rest in sorted(lots.items()):
            of_other = min(left, rest) if day != lot.isoformat() else 0
            if of_other > 0:
                moves.append((position, day, -of_other))
                left -= of_other
        if left and (not owe or (position.holder, position.unit, "owed") not in self._by_name):
            raise Refused(
                say("{missing} of the {amount} points were spent already.", missing=left, amount=amount),
                "already_spent",
                say("Repeat with --owe: points earned later repay what is missing."),
            )
        if left:
            moves.append((self.find(position.holder, position.unit, "owed"), _NEVER, -left))
        return moves, of_expired

    def save(self, session: Session) -> None:
        """Write the caches: balances, lots and turnover that moved; and keep what was read for the next batch."""
        cid = self._community_id
        by_id = self._by_id
        update_rows(
            session,
            "account",
            ("balance",),
            ("community_id", "id"),
            [(by_id[number].balance, cid, number) for number in sorted(self._moved)],
        )
        rest = {(number, lapse): (by_id[number].lots or {})[lapse] for number, lapse in self._moved_lots}
        new_lots, old_lots = _split(rest, self._known_lots)
        lot_key = ("community_id", "account_id", "expires_on")
        insert_rows(session, "lot", (*lot_key, "balance"), [(cid, *place, rest[place]) for place in new_lots])
        update_rows(session, "lot", ("balance",), lot_key, [(rest[place], cid, *place) for place in old_lots])
        moved = {place: by_id[place[0]].turnover[place[1:]] for place in self._moved_turnover}
        new, old = _split(moved, self._known_turnover)
        key = ("community_id", "account_id", "period", "expires_on")
        insert_rows(session, "turnover", (*key, "lines", "net"), [(cid, *place, *moved[place]) for place in new])
        update_rows(session, "turnover", ("lines", "net"), key, [(*moved[place], cid, *place) for place in old])
        self._keep(session, new_lots, new)

    def _keep(self, session: Session, lots: Iterable[tuple[int, str]], turnover: Iterable[tuple[int, str, str]]) -> None:
        self._known_lots.update(lots)
        self._known_turnover.update(turnover)
        for moved in (self._moved, self._moved_lots, self._moved_turnover):
            moved.clear()
        if len(self._by_name) <= _KEPT_MAX:  # those of a city would not fit into memory
            session.info[_KEPT] = self


def forget(session: Session, _transaction: object = None) -> None:
    """Read the accounts anew next time: new ones were opened, or what was done is taken back."""
    session.info.pop(_KEPT, None)


event.listen(Session, "after_soft_rollback", forget)


def _taken(source: Position, lots: dict[str, int], transfer: Transfer, today: str) -> list[tuple[str, int]]:
    """The lots an amount comes from: the named one, or those not lapsed, first to lapse first."""
    if transfer.lot is not None:
        lot = transfer.lot.isoformat()
        there = lots.get(lot, 0)
        if there < transfer.amount:
            raise _insufficient(source, there, transfer.amount)
        return [(lot, transfer.amount)]
    taken, left = [], transfer.amount
    for lot, there in sorted(lots.items()):
        if lot >= today and there > 0 and left:
            taken.append((lot, min(there, left)))
            left -= min(there, left)
    if left:
        raise _insufficient(source, transfer.amount - left, transfer.amount)
    return taken


def _shift(position: Position, lapse: str, amount: int) -> None:
    position.balance += amount
    if position.lots is not None:
        position.lots[lapse] = position.lots.get(lapse, 0) + amount


def _insufficient(position: Position, there: int, needed: int) -> Refused:
    return Refused(
        say(
            "{holder} has {there} {unit} {purpose}; {needed} are needed.",
            holder=position.holder,
            there=there,
            unit=position.unit,
            purpose=position.purpose,
            needed=needed,
        ),
        "insufficient",
        say("Take less, or wait until more has come in."),
    )


def _split(moved: Collection[_Place], known: Collection[_Place]) -> tuple[list[_Place], list[_Place]]:
    ordered = sorted(moved)
    return [place for place in ordered if place not in known], [place for place in ordered if place in known]


def _chunks(items: list[_Item]) -> Iterable[list[_Item]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))
