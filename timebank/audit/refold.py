"""The whole journal folded anew from its payloads: what every projection must be. Pure: rows in, findings out.

The payloads are the book; columns, balances, lots, turnover and months are folded from them here and compared with what the
database says. One pass in the order of the log, with memory for accounts and open months, not for entries.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from operator import itemgetter
from typing import Any

from timebank.audit.acceptances import TWO_PEOPLE as OF_ACCEPTANCES
from timebank.audit.accounts import Account, Accounts, Row
from timebank.audit.findings import Findings
from timebank.audit.issuers import TWO_PEOPLE as OF_ISSUERS
from timebank.audit.payloads import Payload, Reader
from timebank.audit.people import TWO_PEOPLE as OF_PEOPLE
from timebank.audit.shops import TWO_PEOPLE as OF_SHOPS
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.base.months import next_period
from timebank.checkpoints import KIND as INCARNATE
from timebank.disputes import END as DECIDED
from timebank.funds import BUDGET
from timebank.ledger import CLOCK_JUMP_MAX
from timebank.reviews import KIND as REVIEW
from timebank.transparency import Frontier, leaf_hash

ENTRY_FIELDS = (
    *("seq", "kind", "business_date", "posted_at", "period", "actor", "approver", "key", "reverses", "subject", "rules"),
)
"""The columns of an entry that its payload holds. A row for the refold is these, then payload and leaf as bytes; days and
instants are text, as the payloads have them."""

_OF_POINTS = frozenset({"points.opening", "pool.payout", "credit.issue"})
TWO_PEOPLE = (
    OF_PEOPLE
    | OF_SHOPS
    | OF_ISSUERS
    | OF_ACCEPTANCES
    | _OF_POINTS
    | {BUDGET, "rules.publish", "settlement.approve", "period.close", "reversal", "hours.reject", "hours.complaint", INCARNATE}
    | {DECIDED}
)
"""Kinds of entries that one person may not make alone (docs/reliability.md, roles)."""
BACK_ENTERED = "back-entered"
CLOSE = "period.close"

_DAYS_KEPT = 4_096

_always = itemgetter("seq", "kind", "business_date", "posted_at", "period", "actor", "key")


@dataclass(slots=True)
class Event:
    """An entry of a kind that was asked for, kept for who compares more of it."""

    seq: int
    kind: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Done:
    """A command as its entries tell it: its key, the first entry, how many, and who signed that (actor, approver)."""

    key: str
    first: int
    entries: int
    signed: tuple[Any, Any]


class Refold:
    """Folds entries one by one, in the order of the log. Ask for `events` and `commands` after each batch and clear them.

    `book` are the community's code and the first month of its book; `reader` reads payloads; `watched` are the kinds that
    become events; what `at_once` has for a kind is told its entries, number and payload, as they are folded (`written` has the
    payload's bytes). `texts` are salts and texts of the entries to come, by number.
    """

    def __init__(
        self,
        findings: Findings,
        accounts: Sequence[Account],
        book: tuple[str, str],
        reader: Reader,
        watched: Collection[str],
    ) -> None:
        self.findings = findings
        self.frontier = Frontier(0, [])
        self.accounts = Accounts(findings, accounts)
        self._log, self.open_period = book
        self.posted_at = ""
        self.events: list[Event] = []
        self.at_once: dict[str, Callable[[int, Payload], None]] = {}
        self.commands: list[Done] = []
        self.texts: dict[int, list[Any]] = {}
        self.written = b""
        self.next_seq = 0
        self.incarnation = 1
        self.origin = f"{self._log}/1"
        self._watched = frozenset(watched) | {CLOSE}
        self._reader = reader
        self._next_key, self._command, self._index = "", "", 0
        self._first: tuple[int, tuple[Any, Any]] | None = None
        self._days: set[str] = set()

    def take(self, row: Row, lines: Sequence[Row]) -> None:
        """Fold one entry with its postings in their order."""
        seq, payload, leaf = row[0], row[-2], row[-1]
        if seq != self.next_seq:
            self._gap(seq)
        self.next_seq = seq + 1
        hashed = leaf_hash(payload)
        if hashed != leaf:
            self.findings.add("leaf_differs", say("The hash of this entry is not that of its payload."), entry=seq)
            leaf = leaf if type(leaf) is bytes and len(leaf) == len(hashed) else hashed
        self.frontier.append(leaf)
        try:
            fields = self._reader.read(payload)
        except Invalid as error:
            self.findings.add(error.code, error.message, entry=seq)
            self._unread(seq, str(row[ENTRY_FIELDS.index("key")]))
            self.accounts.pass_over(row[ENTRY_FIELDS.index("period")], lines)
            return
        own, kind, day, posted_at, period, actor, key = _always(fields)
        get = fields.get
        approver = get("approver")
        written = (own, kind, day, posted_at, period, actor, approver, key, get("reverses"), get("subject"), get("rules"))
        if written != row[:-2]:
            self._entry_differs(seq, written, row)
        if fields["log"] != self.origin:
            self._other_log(seq, fields["log"], kind)
        if key != self._next_key:
            self._first_of_command(seq, key, (actor, approver))
        self._index += 1
        self._next_key = f"{self._command}/{self._index}"
        if approver is None:
            self._alone(seq, kind, fields)
        elif approver == actor:
            self.findings.add("one_person", say("Clerk {clerk} approved what the same clerk did.", clerk=actor), entry=seq)
        if posted_at != self.posted_at:
            self._time_goes_on(seq, posted_at, approver)
        if day not in self._days:
            self._new_day(seq, day)
        if period != max(day[:7], self.open_period):
            self._wrong_month(seq, day, period)
        if seq in self.texts:
            self._text(seq, fields.get("text_hash"), *self.texts[seq])
        if fields["postings"] or lines:
            self.accounts.fold(seq, period, fields["postings"], lines)
        if kind in self._watched:
            self.events.append(Event(seq, kind, fields))
            if kind == CLOSE:
                self._close(seq, period)
        if kind in self.at_once:
            self.written = payload
            self.at_once[kind](seq, fields)

    def _gap(self, seq: int) -> None:
        if seq < self.next_seq:
            self.findings.add("out_of_place", say("Entries are numbered from 0."), entry=seq)
            return
        missing = say("Entries {first} to {last} are missing.", first=self.next_seq, last=seq - 1)
        self.findings.add("entry_missing", missing, entry=self.next_seq)

    def _entry_differs(self, seq: int, written: Row, row: Row) -> None:
        if written[0] != seq:
            self.findings.add("out_of_place", say("The payload here is that of entry {other}.", other=written[0]), entry=seq)
        for name, truth, shown in zip(ENTRY_FIELDS[1:], written[1:], row[1:-2], strict=True):
            if truth != shown:
                differs = say(
                    "Column {name} says {shown}; the payload says {truth}.", name=name, shown=_shown(shown), truth=_shown(truth)
                )
                self.findings.add("entry_differs", differs, entry=seq)

    def _other_log(self, seq: int, origin: str, kind: str) -> None:
        """A book that lost entries goes on in a new incarnation, which an entry of its own opens; else it is another book's."""
        log, _, incarnation = origin.rpartition("/")
        if log == self._log and int(incarnation) > self.incarnation and kind == INCARNATE:
            self.incarnation, self.origin = int(incarnation), origin
            return
        other = say("This entry belongs to the log {other}, not to {log}.", other=origin, log=self.origin)
        self.findings.add("other_log", other, entry=seq)

    def _first_of_command(self, seq: int, key: str, signed: tuple[Any, Any]) -> None:
        self.end_command()
        self._count_from(key)
        if self._index != 0:
            gap = say("The key {key} is not the next one of its command.", key=key)
            self.findings.add("key_gap", gap, entry=seq)
        self._first = (seq, signed)

    def end_command(self) -> None:
        """Hand over the command whose entries were read last: all of them are there now."""
        if self._first is not None:
            self.commands.append(Done(self._command, self._first[0], self._index, self._first[1]))
        self._first = None

    def _unread(self, seq: int, key: str) -> None:
        """Go on behind an entry that cannot be read with the key that its column says."""
        if key != self._next_key:
            self.end_command()
            self._count_from(key)
        self._index += 1
        self._next_key = f"{self._command}/{self._index}"

    def _count_from(self, key: str) -> None:
        """Take up a key '<command key>/<number>'; one of another form has the number -1."""
        self._command, _, index = key.rpartition("/")
        self._index = int(index) if re.fullmatch(r"[0-9]{1,18}", index) else -1

    def _alone(self, seq: int, kind: str, fields: Payload) -> None:
        """I13 for an entry without an approver."""
        back_entered = kind == "hours" and fields.get("trace", {}).get("kind") == BACK_ENTERED
        given = kind == REVIEW and fields["postings"]  # to discard takes one
        if kind in TWO_PEOPLE or back_entered or given:
            alone = say("{kind} needs a second person; there was none.", kind=BACK_ENTERED if back_entered else kind)
            self.findings.add("approver_missing", alone, entry=seq)

    def _time_goes_on(self, seq: int, posted_at: str, approver: Any) -> None:
        """Entries are in the order of time; a leap of many days was confirmed by two (docs/ledger.md)."""
        before, self.posted_at = self.posted_at, posted_at
        if posted_at < before:
            back = say("It was posted at {moment}, before the entry before it.", moment=posted_at)
            self.findings.add("clock_back", back, entry=seq)
        try:
            leap = bool(before) and datetime.fromisoformat(posted_at) - datetime.fromisoformat(before) > CLOCK_JUMP_MAX
        except ValueError:
            self._no_moment(seq, posted_at)
            return
        if leap and approver is None:
            days = CLOCK_JUMP_MAX.days
            alone = say("It was posted more than {days} days after the one before it; that needs a second person.", days=days)
            self.findings.add("approver_missing", alone, entry=seq)

    def _new_day(self, seq: int, day: str) -> None:
        try:
            date.fromisoformat(day)
        except ValueError:
            self._no_moment(seq, day)
            return
        if len(self._days) >= _DAYS_KEPT:
            self._days.clear()
        self._days.add(day)

    def _no_moment(self, seq: int, written: str) -> None:
        self.findings.add("malformed", say("There is no such day or moment: {written}.", written=written), entry=seq)

    def _wrong_month(self, seq: int, day: str, period: str) -> None:
        """An entry lies in the month of its business date, or in the first open month if that is closed."""
        right = max(day[:7], self.open_period)
        wrong = say("It lies in {period}; it belongs to {right}.", period=period, right=right)
        self.findings.add("wrong_month", wrong, entry=seq)

    def _text(self, seq: int, text_hash: str | None, salt: Any, text: Any) -> None:
        """A free text is the one whose salted hash the payload holds; one that was erased is no finding."""
        if text_hash is None:
            self.findings.add("text_unbound", say("The entry has a text that its payload does not know."), entry=seq)
        elif type(salt) is not bytes or sha256(salt + text).hexdigest() != text_hash:
            self.findings.add("text_differs", say("The text is not the one that was written."), entry=seq)

    def _close(self, seq: int, closed: str) -> None:
        if closed != self.open_period:
            wrong = say("{period} was closed while {open} was the first open month.", period=closed, open=self.open_period)
            self.findings.add("closed_out_of_order", wrong, entry=seq)
        self.open_period = max(self.open_period, next_period(closed))
        self.accounts.close(self.open_period)


def _shown(value: object) -> str:
    """A value of any kind for a message: texts as they are, nothing as '-'."""
    return "-" if value is None else str(value)
