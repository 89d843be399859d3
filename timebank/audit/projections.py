"""What the database keeps besides the journal - balances, lots, turnover, the head of the log - against the refold."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, select

from timebank.audit.accounts import Account, Row, Turned
from timebank.audit.findings import Findings
from timebank.audit.months import Months
from timebank.audit.refold import Refold
from timebank.audit.source import BEFORE_ALL, Source, by_first, columns_of
from timebank.base.communities import Community, CommunityState
from timebank.base.errors import Invalid, Tampered
from timebank.base.i18n import say
from timebank.checkpoints import Checkpoint, signed_head_of
from timebank.journal import ACCOUNT, LOT, TURNOVER, UNITS, floor_of, keeps_lots
from timebank.notes import Head as Signed
from timebank.notes import key_of, read_head
from timebank.transparency import EMPTY_ROOT

ACCOUNTS_AT_ONCE = 1_000
CHECKPOINTS_AT_ONCE = 1_000
_NO_MARK = -1
_STATE, _COMMUNITY, _CHECKPOINT = (columns_of(model) for model in (CommunityState, Community, Checkpoint))


# --- before the journal is read ---


def accounts(source: Source, findings: Findings) -> list[Account]:
    """All accounts by id. Tells those whose floor is not what the holder's kind has."""
    names = (ACCOUNT.id, ACCOUNT.holder, ACCOUNT.unit, ACCOUNT.purpose, ACCOUNT.balance, ACCOUNT.floor)
    wanted = select(*map(source.plain, names)).where(ACCOUNT.community_id == source.community_id).order_by(ACCOUNT.id)
    found: list[Account] = []
    holders: dict[str, str] = {}  # one string for a holder's five accounts
    for number, holder, unit, purpose, balance, floor in source.rows(wanted):
        account = Account(number, holders.setdefault(holder, holder), unit, purpose, balance, len(found))
        if floor != floor_of(holder, purpose):
            wrong = say("Its floor is {floor}; it should be {right}.", floor=str(floor), right=str(floor_of(holder, purpose)))
            findings.add("account_differs", wrong, where=account.name)
        found.append(account)
    return found


class Head:
    """What the state row and the checkpoints say of the log. Give `pass_by` the refold at every size that is `next_mark`.

    `public` is the public half of the key that signs checkpoints (32 bytes); without it signatures are not looked at.
    """

    def __init__(self, source: Source, public: bytes | None = None) -> None:
        own = ("size", "frontier", "posted_at", "opened_from", "open_period", "incarnation")
        names = (*(_STATE[name] for name in own), _COMMUNITY.code)
        wanted = select(*map(source.plain, names)).where(
            _STATE.community_id == source.community_id, _COMMUNITY.id == _STATE.community_id
        )
        *shown, self.log = source.rows(wanted)[0]
        self.size, self.frontier, self.posted_at, self.opened_from, self.open_period, self.incarnation = shown
        if type(self.size) is not int:
            raise TypeError(f"size {self.size!r}")
        self.next_mark = _NO_MARK
        self._public = public
        self._marks = self._checkpoints(source)
        self._root: Any = None
        self._note: Any = None
        self._signs = False
        self._other_roots: list[int] = []
        self._never: list[Any] = []
        self._unsigned: list[int] = []
        self._take_next(0)

    def _checkpoints(self, source: Source) -> Iterator[Row]:
        """Size, root and note of every checkpoint by size: a log of a million commands has as many."""
        after = bindparam("after", type_=BigInteger)
        names = (_CHECKPOINT.size, _CHECKPOINT.root, _CHECKPOINT.note)
        wanted = select(*map(source.plain, names)).where(_CHECKPOINT.community_id == source.community_id)
        some = source.prepared(wanted.where(_CHECKPOINT.size > after).order_by(_CHECKPOINT.size).limit(CHECKPOINTS_AT_ONCE))
        last = BEFORE_ALL
        while rows := some(after=last):
            yield from rows
            if type(rows[-1][0]) is not int:  # a text, which stands behind all numbers on SQLite: nothing more can be asked for
                raise TypeError(f"size {rows[-1][0]!r} of a checkpoint")
            last = rows[-1][0]

    def _take_next(self, passed: int) -> None:
        """Look out for the next checkpoint; one that no log can have is noted."""
        for size, root, note in self._marks:
            if size == 0:
                self._other_roots.extend([0] if root != EMPTY_ROOT else [])
            elif type(size) is not int or size <= passed:
                self._never.append(size)
            else:
                self.next_mark, self._root, self._note = size, root, note
                return
        self.next_mark = _NO_MARK

    def pass_by(self, refold: Refold) -> None:
        """Note whether the log so far has the root that was published of it, and whether that was signed."""
        size, root = refold.frontier.size, refold.frontier.root()
        unsigned = self._is_claim(Signed(refold.origin, size, self._root))
        if unsigned:
            self._unsigned.append(size)
        elif self._root != root:
            self._other_roots.append(size)
        self._take_next(size)

    def _is_claim(self, head: Signed) -> bool:
        """Whether the row at hand is not signed and should be: it says nothing of the log, whoever may add to the book may
        insert one. The first version of the program signed none."""
        self._signs = self._signs or self._note is not None
        return self._signs and self._public is not None and not _is_signed(self._note, head, self._public)

    def _is_claim_beyond(self) -> bool:
        """The same of a row beyond the end, where any incarnation of the log may have signed."""
        if self._public is None or not (self._signs or self._note is not None):
            return False
        head = signed_head_of(self.log, self.next_mark, self._note, self._public)
        return head is None or head.root != self._root

    def check(self, refold: Refold, findings: Findings) -> None:
        """Compare the end of the log with its head and with what was published.

        A log that agrees with its own head and not with a checkpoint was written anew (22). One that does not agree with its
        own head either was only edited (20): the checkpoint's disagreement follows from that.
        """
        size = refold.frontier.size
        own = self._own_head(refold, findings)
        for mark in self._other_roots:
            code = "rewritten" if own else "checkpoint_differs"
            other = say("The first {size} entries do not have the root that was published of them.", size=mark)
            findings.add(code, other, where=f"checkpoint {mark}")
        for mark in self._unsigned:
            unsigned = say("It is not signed with the key of this log.")
            findings.add("not_signed", unsigned, where=f"checkpoint {mark}")
        for mark in self._never:
            never = say("No log has {size} entries.", size=str(mark))
            findings.add("checkpoint_differs", never, where=f"checkpoint {mark}")
        while self.next_mark != _NO_MARK:
            back = say("{published} entries were published; {size} are there.", published=self.next_mark, size=size)
            if self._is_claim_beyond():
                unsigned = say("It is not signed with the key of this log.")
                findings.add("not_signed", unsigned, where=f"checkpoint {self.next_mark}")
            else:
                findings.add("rolled_back", back, where=f"checkpoint {self.next_mark}")
            self._take_next(self.next_mark)
        for name, shown, truth in (
            ("posted_at", self.posted_at, refold.posted_at or self.posted_at),
            ("open_period", self.open_period, refold.open_period),
            ("incarnation", self.incarnation, refold.incarnation),
        ):
            if shown != truth:
                code = "open_month_differs" if name == "open_period" else "head_differs"
                differs = say("The state row says {shown}; the journal says {truth}.", shown=str(shown), truth=truth)
                findings.add(code, differs, where=f"community_state.{name}")

    def _own_head(self, refold: Refold, findings: Findings) -> bool:
        """Whether the entries are as many as the head says and have its hashes."""
        size = refold.frontier.size
        if self.size != size:
            other = say("The head of the log counts {head} entries; {size} are there.", head=str(self.size), size=size)
            code, entry = ("entry_missing", size) if type(self.size) is int and self.size > size else ("entry_beyond", size - 1)
            findings.add(code, other, entry=entry)
            return False
        if self.frontier == refold.frontier.pack():
            return True
        for first, last in _other_stretches(size, self.frontier, refold.frontier.hashes):
            edited = say("Entries {first} to {last} do not have the hash in the head of the log.", first=first, last=last)
            findings.add("log_differs", edited, entry=first if first == last else None, where=f"entries {first}-{last}")
        return False


def _is_signed(note: Any, head: Signed, public: bytes) -> bool:
    """Whether a note is the head's own, signed with the log's key."""
    try:
        return type(note) is str and read_head(note, key_of(head.origin, public)) == head
    except (Invalid, Tampered):
        return False


def _other_stretches(size: int, packed: Any, hashes: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """First and last entry of each perfect subtree whose hash is not the head's."""
    if type(packed) is not bytes or len(packed) != 32 * len(hashes):
        yield 0, size - 1
        return
    first = 0
    for number, hashed in enumerate(hashes):
        length = 1 << (size - first).bit_length() - 1
        if packed[32 * number : 32 * number + 32] != hashed:
            yield first, first + length - 1
        first += length


# --- after the journal was read ---


def check(source: Source, refold: Refold, findings: Findings, months: Months) -> None:
    """Compare every account's balance, lots and turnover with what its postings make, account by account; tells months too."""
    turned = refold.accounts.moved()
    ordinal, own = next(turned, (-1, Turned()))
    sums = dict.fromkeys(UNITS, 0)
    known = [account for account in refold.accounts.all if account.balance is not None]
    last: int | None = None
    for start in range(0, max(1, len(known)), ACCOUNTS_AT_ONCE):
        some = known[start : start + ACCOUNTS_AT_ONCE]
        until = some[-1].id if start + ACCOUNTS_AT_ONCE < len(known) else None
        lots, turnover = _kept(source, LOT, last, until), _kept(source, TURNOVER, last, until)
        for account in some:
            truth: Turned = {}
            if ordinal == account.ordinal:
                truth = own
                ordinal, own = next(turned, (-1, Turned()))
            months.add(account, truth)
            _check_account(account, truth, findings)
            _check_turnover(account, truth, turnover.pop(account.id, []), findings)
            _check_lots(account, truth, lots.pop(account.id, []), findings)
            if type(account.balance) is int and account.unit in sums:
                sums[account.unit] += account.balance
        for number in sorted(lots.keys() | turnover.keys(), key=str):
            unknown = say("There are lots or turnover of an account that does not exist.")
            findings.add("account_missing", unknown, where=f"account {number}")
        last = until
    while ordinal >= 0:
        months.add(refold.accounts.all[ordinal], own)
        _check_account(refold.accounts.all[ordinal], own, findings)
        ordinal, own = next(turned, (-1, Turned()))
    for unit, total in sums.items():
        if total:
            unequal = say("All balances of {unit} sum to {sum}, not to 0.", unit=unit, sum=total)
            findings.add("unit_unbalanced", unequal, where=unit)


def _kept(source: Source, columns: Any, last: int | None, until: int | None) -> dict[Any, list[Any]]:
    """Lots or turnover of the accounts after `last` up to `until`, by account."""
    names = [column for column in columns if column.name != "community_id"]
    wanted = select(*map(source.plain, names)).where(columns.community_id == source.community_id)
    if last is not None:
        wanted = wanted.where(columns.account_id > last)
    if until is not None:
        wanted = wanted.where(columns.account_id <= until)
    return by_first(source.rows(wanted.order_by(columns.account_id)))


def _check_account(account: Account, truth: Turned, findings: Findings) -> None:
    total = sum(net for _, net in truth.values())
    if account.balance is None:
        missing = say("It has entries and {balance} in them, but no row.", balance=total)
        findings.add("account_missing", missing, where=account.name)
    elif account.balance != total:
        differs = say("Its balance says {shown}; its entries make {truth}.", shown=str(account.balance), truth=total)
        findings.add("balance_differs", differs, where=account.name)


def _check_turnover(account: Account, truth: Turned, rows: Sequence[Any], findings: Findings) -> None:
    shown = {(period, day): (lines, net) for _, period, day, lines, net in rows}
    if shown != truth:
        for period, day in sorted(shown.keys() | truth.keys(), key=str):
            if shown.get((period, day)) != truth.get((period, day)):
                differs = say("Its turnover of {period} in the lot {day} is not what its entries make.", period=period, day=day)
                findings.add("turnover_differs", differs, where=account.name)


def _check_lots(account: Account, truth: Turned, rows: Sequence[Any], findings: Findings) -> None:
    shown = {day: balance for _, day, balance in rows}
    if not keeps_lots(account.holder, account.unit, account.purpose):
        if shown:
            findings.add("lots_differ", say("It has lots; accounts of its kind have none."), where=account.name)
        return
    right: dict[str, int] = {}
    for (_, day), (_, net) in truth.items():
        right[day] = right.get(day, 0) + net
    for day in sorted(shown.keys() | right.keys(), key=str):
        if right.get(day, 0) < 0:
            overdrawn = say("Its entries take {missing} points too many out of the lot {day}.", missing=-right[day], day=day)
            findings.add("lot_overdrawn", overdrawn, where=account.name)
        if shown.get(day, 0) != right.get(day, 0):
            differs = say(
                "Its lot {day} says {shown}; its entries make {truth}.",
                day=day,
                shown=str(shown.get(day, 0)),
                truth=right.get(day, 0),
            )
            findings.add("lots_differ", differs, where=account.name)
    if all(type(balance) is int for balance in shown.values()) and sum(shown.values()) != account.balance:
        unequal = say("Its lots sum to {sum}; its balance says {shown}.", sum=sum(shown.values()), shown=str(account.balance))
        findings.add("lots_unequal", unequal, where=account.name)
