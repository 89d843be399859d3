"""Accounts folded from the postings of the payloads: running balances, line numbers, and what moved by month and lapse day.

Pure: rows in, findings out. In memory stand the accounts and the places of a few months, whatever the length of the journal.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

from timebank.audit.findings import Findings
from timebank.base.i18n import say
from timebank.journal import UNITS, floor_of

Row = tuple[Any, ...]
Turned = dict[tuple[str, str], tuple[int, int]]
"""What moved on an account: (period, lapse day) -> (lines, net amount)."""

POSTING_FIELDS = ("seq", "line", "account_id", "unit", "expires_on", "amount", "n", "balance")
"""The columns of a posting in a row for the fold. Days are text, as the payloads have them."""

_LOWEST, _HIGHEST = -(1 << 200), 1 << 200  # where an account has no limit
_PLACES_IN_MEMORY = 100_000
_SLOT_BITS = 24


@dataclass(slots=True, eq=False)
class Account:
    """One account: its row (`balance` is what the database says, None where it has no row), and where the fold stands on it.

    `ordinal` counts accounts by id from 0. After the last posting: `stand` is the balance, `lines` the number of postings of
    `period`. A run is the postings of one period and lapse day in a row: it began after `run_lines` lines at `run_stand`. By
    `drift` and `lines_drift` the rows were last seen to be off, so that one change is told once.
    """

    id: int
    holder: str
    unit: str
    purpose: str
    balance: Any
    ordinal: int
    stand: int = 0
    period: str = ""
    lines: int = 0
    lapse: str = ""
    run_lines: int = 0
    run_stand: int = 0
    drift: int = 0
    lines_drift: int = 0
    least: int = _LOWEST
    most: int = _HIGHEST
    unit_number: int = 0

    def __post_init__(self) -> None:
        floor = floor_of(self.holder, self.purpose)
        self.least = _LOWEST if floor is None else floor
        self.most = 0 if self.purpose == "owed" else _HIGHEST
        self.unit_number = UNITS.index(self.unit) if self.unit in UNITS else len(UNITS)

    @property
    def name(self) -> str:
        """The account for people: 'member:12 points available'."""
        return f"{self.holder} {self.unit} {self.purpose}"


class Places:
    """Lines and net amounts by account, period and lapse day, kept small: what is full goes into sorted arrays of 24 bytes a
    place, which are merged account by account in the end."""

    def __init__(self) -> None:
        self._slots: dict[tuple[str, str], int] = {}
        self._open: dict[int, list[int]] = {}
        self._full: list[tuple[Sequence[int], Sequence[int], Sequence[int]]] = []

    def end_run(self, account: Account) -> None:
        """Add what moved in an account's run."""
        lines = account.lines - account.run_lines
        if not lines:
            return
        slot = self._slots.setdefault((account.period, account.lapse), len(self._slots))
        place = self._open.setdefault(account.ordinal << _SLOT_BITS | slot, [0, 0])
        place[0] += lines
        place[1] += account.stand - account.run_stand
        account.run_lines, account.run_stand = account.lines, account.stand
        if len(self._open) >= _PLACES_IN_MEMORY:
            self._pack()

    def _pack(self) -> None:
        keys = sorted(self._open)
        turned = [self._open[key] for key in keys]
        self._full.append((array("q", keys), array("q", [t[0] for t in turned]), _packed([t[1] for t in turned])))
        self._open = {}

    def by_account(self) -> Iterator[tuple[int, Turned]]:
        """What moved, for each account that moved, by its ordinal."""
        self._pack()
        names = list(self._slots)
        ordinal, found = -1, Turned()
        for key, lines, net in merge(*(zip(*full, strict=True) for full in self._full)):
            if key >> _SLOT_BITS != ordinal:
                if found:
                    yield ordinal, found
                ordinal, found = key >> _SLOT_BITS, {}
            name = names[key & (1 << _SLOT_BITS) - 1]
            before = found.get(name, (0, 0))
            found[name] = (before[0] + lines, before[1] + net)
        if found:
            yield ordinal, found


def _packed(amounts: list[int]) -> Sequence[int]:
    try:
        return array("q", amounts)
    except OverflowError:  # amounts no honest book has
        return amounts


class Accounts:
    """All accounts while the journal is folded. `known` are those with a row, by id; those without one are added behind."""

    def __init__(self, findings: Findings, known: Sequence[Account]) -> None:
        self.all = list(known)
        self._findings = findings
        self._places = Places()
        self._by_id = {account.id: account for account in known}
        self._by_name: dict[tuple[str, str, str], Account] = {}
        self._lines: dict[str, dict[int, tuple[int, int]]] = {}
        self._open_period = ""
        self._misplaced: set[tuple[Any, str, str, str]] = set()

    def fold(self, seq: int, period: str, postings: Sequence[list[Any]], lines: Sequence[Row]) -> None:
        """Fold the postings of one entry's payload, and compare their rows."""
        if [row[1] for row in lines] != list(range(len(postings))):
            lines = self._aligned(seq, len(postings), lines)
        sums = [0] * (len(UNITS) + 1)
        below: list[Account] = []
        by_id = self._by_id
        for row, posting in zip(lines, postings, strict=True):
            _, _, account_id, unit, lapse, amount, n, shown = row
            account = by_id.get(account_id)
            if account is None or unit != account.unit or [account.holder, unit, account.purpose, lapse, amount, n] != posting:
                account = self._true_account(seq, row, posting)
                _, _, _, lapse, amount, n = posting
            if account.period != period or account.lapse != lapse:
                self._turn(account, period, lapse)
            sums[account.unit_number] += amount
            account.stand = balance = account.stand + amount
            account.lines = line = account.lines + 1
            if balance != shown:
                self._shown_otherwise(seq, account, row)
            if line != n:
                self._not_numbered(seq, account, n)
            if not account.least <= balance <= account.most:
                below.append(account)
        if any(sums):
            self._unbalanced(seq, sums)
        for account in below:
            self._check_limits(seq, account)

    def pass_over(self, period: str, lines: Sequence[Row]) -> None:
        """Go on behind an entry that cannot be read: take its word for balances and numbers, and for nothing else."""
        for _, _, account_id, _, _, _, n, balance in lines:
            account = self._by_id.get(account_id)
            if account is not None and type(n) is int and type(balance) is int:
                account.drift = balance - account.stand
                if account.period == period:
                    account.lines_drift = n - account.lines

    def stand(self, holder: str, unit: str, purpose: str) -> int:
        """What an account has after the entries folded so far; 0 where there is none."""
        account = self._named(holder, unit, purpose)
        return account.stand if account else 0

    def close(self, open_period: str) -> None:
        """Forget the line numbers of months before the first open one: nothing is posted in them any more."""
        self._open_period = open_period
        for period in [period for period in self._lines if period < open_period]:
            del self._lines[period]

    def moved(self) -> Iterator[tuple[int, Turned]]:
        """What moved, for each account that moved, by its ordinal."""
        for account in self.all:
            self._places.end_run(account)
        return self._places.by_account()

    def _turn(self, account: Account, period: str, lapse: str) -> None:
        """Begin another run. While several months are open their entries interleave, so each keeps its number of lines."""
        self._places.end_run(account)
        if account.period != period:
            if account.period >= self._open_period:
                self._lines.setdefault(account.period, {})[account.ordinal] = (account.lines, account.lines_drift)
            account.period = period
            account.lines, account.lines_drift = self._lines.get(period, {}).get(account.ordinal, (0, 0))
        account.lapse, account.run_lines, account.run_stand = lapse, account.lines, account.stand

    def _aligned(self, seq: int, count: int, lines: Sequence[Row]) -> list[Row]:
        """Rows by the line they say they are; where one is missing, one without account or balance."""
        by_line = {line[1]: line for line in lines}
        for number in sorted(number for number in range(count) if number not in by_line):
            self._findings.add("posting_missing", say("Posting {line} is missing.", line=number), entry=seq)
        for number in [number for number in by_line if type(number) is not int or not 0 <= number < count]:
            self._findings.add("posting_extra", say("Posting {line} is not in the payload.", line=number), entry=seq)
        return [by_line.get(number, (seq, number, *[None] * 6)) for number in range(count)]

    def _true_account(self, seq: int, row: Row, posting: list[Any]) -> Account:
        """Tell how a posting's row differs from the payload; gives the account that the payload means."""
        holder, unit, purpose, *_ = posting
        row_account = self._by_id.get(row[2])
        if row[2] is not None:
            self._posting_differs(seq, row, posting)
        if row_account is not None and (row_account.holder, row_account.unit, row_account.purpose) == (holder, unit, purpose):
            return row_account
        account = self._named(holder, unit, purpose)
        if account is None:
            account = Account(0, holder, unit, purpose, None, len(self.all))
            self.all.append(account)
            self._by_name[holder, unit, purpose] = account
        return account

    def _named(self, holder: str, unit: str, purpose: str) -> Account | None:
        if not self._by_name:
            self._by_name = {(a.holder, a.unit, a.purpose): a for a in self.all}
        return self._by_name.get((holder, unit, purpose))

    def _posting_differs(self, seq: int, row: Row, posting: list[Any]) -> None:
        account = self._by_id.get(row[2])
        named = (account.holder, row[3], account.purpose) if account else (f"account {row[2]}", row[3], "?")
        shown, truth = [*named, *row[4:7]], list(posting)
        if named != tuple(posting[:3]):
            if (row[2], *posting[:3]) in self._misplaced:  # an account's row was changed: tell it once
                shown, truth = shown[3:], truth[3:]
            self._misplaced.add((row[2], *posting[:3]))
        if shown != truth:
            differs = say(
                "Posting {line} says {shown}; the payload says {truth}.",
                line=row[1],
                shown=" ".join(map(_shown, shown)),
                truth=" ".join(map(_shown, truth)),
            )
            self._findings.add("posting_differs", differs, entry=seq)

    def _shown_otherwise(self, seq: int, account: Account, row: Row) -> None:
        """Tell that a running balance is wrong, unless it is wrong by as much as the one before it."""
        shown = row[-1]
        drift = shown - account.stand if type(shown) is int else None
        if shown is None or drift == account.drift:
            return
        differs = say(
            "After posting {line}, {account} has {truth}; the row says {shown}.",
            line=row[1],
            account=account.name,
            truth=account.stand,
            shown=str(shown),
        )
        self._findings.add("running_balance_differs", differs, entry=seq)
        account.drift = drift or 0

    def _not_numbered(self, seq: int, account: Account, n: int) -> None:
        if n - account.lines == account.lines_drift:
            return
        account.lines_drift = n - account.lines
        wrong = say("It has line {n} of {account}; the next one is {right}.", n=n, account=account.name, right=account.lines)
        self._findings.add("not_numbered", wrong, entry=seq)

    def _unbalanced(self, seq: int, sums: Sequence[int]) -> None:
        for unit, total in zip(UNITS, sums, strict=False):
            if total:
                self._findings.add("unbalanced", say("Its {unit} sum to {sum}, not to 0.", unit=unit, sum=total), entry=seq)

    def _check_limits(self, seq: int, account: Account) -> None:
        """Within an entry an account may dip; at its end it may not."""
        if not account.least <= account.stand <= account.most:
            beyond = say("After it, {account} has {balance}.", account=account.name, balance=account.stand)
            self._findings.add("below_floor", beyond, entry=seq)


def _shown(value: object) -> str:
    """A value of any kind for a message: texts as they are, nothing as '-'."""
    return "-" if value is None else str(value)
