"""The audit: the whole book refolded from its payloads and compared with all that the database says. It never raises.

Findings are values with the number of the entry they show in (`findings.CODES` names them all); `verdict` gives the exit
status. It takes no lock and reads in one transaction, so it can run while others write. Memory does not grow with the
journal: accounts, open vouchers and months are kept, entries are not.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, SQLModel

from timebank.audit import bindings, guards, projections
from timebank.audit.findings import CODES, Finding, Findings, verdict
from timebank.audit.months import Months
from timebank.audit.refold import Refold
from timebank.audit.source import WRONG_KIND, Damaged, Source, columns_of
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say
from timebank.hours import MINUTES_A_DAY_ALONE
from timebank.journal import ENTRY, EntryText
from timebank.services import SERVICE
from timebank.transparency import Frontier

__all__ = ["CHECKS", "CODES", "Finding", "Progress", "Report", "audit", "verdict"]

CHECKS: dict[str, Say] = {
    "I1": say("Every entry sums to zero in each unit."),
    "I2": say("All balances of a unit sum to zero."),
    "I3": say("No account is below its floor after any entry, what is held included."),
    "I4": say("Every column and every bound row says what the payload says."),
    "I5": say("The log is complete, its hashes are right, and it agrees with what was published."),
    "I6": say("Every command counts once."),
    "I7": say("Every hold ends at most once."),
    "I8": say("Lots sum to the balance of their account and are what its entries make."),
    "I10": say("Balances, running balances and line numbers are what the entries make."),
    "I11": say("Months are closed in order, stay closed, and each opens with what the one before closed with."),
    "I13": say("What needs two people was done by two."),
    "I15": say("Vouchers issued are those captured, voided, expired and open."),
    "statements": say("The statements of every closed month are those it was closed with."),
    "text": say("Free texts are those whose hash the entry holds."),
    "guards": say("The database itself refuses to change the book."),
}
"""Every check -> what it proves, in the order of the report."""

WITHOUT_THE_JOURNAL = frozenset({"guards", "statements"})
"""Checks that need no refold; the root in their report is that of the log's own head."""
Progress = Callable[[int, int], None]
"""Told now and then: entries done, entries in all."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit read and found: the number of entries, the log's root (hex), and the findings, by check."""

    entries: int
    root: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def status(self) -> int:
        """The exit status: see `verdict`."""
        return verdict(self.findings)


def audit(
    session: Session, community_id: int, checks: Collection[str] | None = None, progress: Progress | None = None
) -> Report:
    """Run the named checks, by default all of `CHECKS`, over one community's book.

    Whatever is wrong with the book is a finding. Raises Invalid `unknown_check` for a name that is none.
    """
    wanted = CHECKS.keys() if checks is None else set(checks)
    for name in sorted(set(wanted) - CHECKS.keys()):
        raise Invalid(
            say("There is no check {name}.", name=name), "unknown_check", say("Name some of {names}.", names=", ".join(CHECKS))
        )
    findings = Findings(wanted)
    source = Source(session, community_id)
    with _readable(findings, "sqlite_master" if source.dialect.name == "sqlite" else "pg_trigger"):
        guards.check(source, findings)
    frontier = Frontier(0, [])
    with _readable(findings, "community_state, checkpoint, account"):
        head = projections.Head(source)
        if set(wanted) <= WITHOUT_THE_JOURNAL:
            months = Months(findings)
            months.take(source.closings())
            months.check_statements(source)
            frontier = Frontier.load(head.size, head.frontier)
        else:
            refold = Refold(findings, projections.accounts(source, findings), head.log, head.opened_from, bindings.KINDS)
            frontier = refold.frontier
            _journal(source, findings, (head, refold), progress or _silent)
    return Report(frontier.size, frontier.root().hex(), findings.all())


def _silent(done: int, of: int) -> None:
    """Nobody watches."""


@contextmanager
def _readable(findings: Findings, place: str) -> Iterator[None]:
    """Make a finding of what cannot be read: a damaged page, or a value that is not of its column's kind (SQLite takes any)."""
    try:
        yield
    except (Damaged, *WRONG_KIND) as error:
        findings.add("unreadable", _unreadable(error), where=place)


def _unreadable(error: Exception) -> Say:
    return say("It cannot be read: {cause}.", cause=f"{type(error).__name__}, {error}")


def _journal(source: Source, findings: Findings, book: tuple[projections.Head, Refold], progress: Progress) -> None:
    """Fold the journal once, with everything that is compared on the way, then compare what stands at its end."""
    head, refold = book
    bound, holds, months = bindings.Bindings(source, findings), bindings.Holds(source, findings), Months(findings)
    texts = source.texts()
    with _readable(findings, "entry, posting"):
        for entries, lines in source.batches():
            if entries:
                refold.texts = {seq: written for seq, *written in texts(first=entries[0][0], last=entries[-1][0])}
            for row in entries:
                try:
                    refold.take(row, lines.pop(row[0], ()))
                except WRONG_KIND as error:
                    findings.add("unreadable", _unreadable(error), entry=row[0])
                if refold.frontier.size in head.checkpoints:
                    head.pass_by(refold)
            for seq in sorted(lines, key=str):
                findings.add("posting_extra", say("There are postings of an entry that does not exist."), entry=seq)
            with _readable(findings, "command"):
                _commands(source, refold.commands, findings)
            for room in (bound, holds, months):
                with _readable(findings, "rows that entries bind"):
                    room.take(refold.events)
            refold.events.clear()
            refold.commands.clear()
            progress(refold.frontier.size, max(refold.frontier.size, head.size))
    at_the_end: tuple[tuple[str, Callable[[], None]], ...] = (
        ("community_state, checkpoint", lambda: head.check(refold, findings)),
        ("account, lot, turnover", lambda: projections.check(source, refold, findings, months)),
        ("period.close", months.check_totals),
        ("statements", lambda: months.check_statements(source)),
        ("rows that entries bind", bound.finish),
        ("voucher, resolution", holds.finish),
        ("entry", lambda: _keys(source, findings)),
        ("entry_text", lambda: _texts(source, findings)),
        ("service", lambda: _long_days(source, findings)),
    )
    for place, check in at_the_end:
        with _readable(findings, place):
            check()


def _commands(source: Source, commands: list[tuple[int, str]], findings: Findings) -> None:
    """I6: an entry's command is kept, or it could be carried out again."""
    there = source.found(SQLModel.metadata.tables["command"], (), "key", {key for _, key in commands})
    for seq, key in commands:
        if key not in there:
            findings.add("command_missing", say("Its command {key} is not kept.", key=key), entry=seq)


def _keys(source: Source, findings: Findings) -> None:
    """I6: no two entries have one key; the columns are the payloads' keys, or I4 tells."""
    own = ENTRY.community_id == source.community_id
    twice = select(source.plain(ENTRY.key), func.max(ENTRY.seq)).where(own).group_by(ENTRY.key).having(func.count() > 1)
    for key, seq in source.rows(twice):
        findings.add("key_twice", say("The key {key} stands at more than one entry.", key=key), entry=seq)


def _texts(source: Source, findings: Findings) -> None:
    """No text hangs on an entry that does not exist."""
    text = columns_of(EntryText)
    same = (ENTRY.community_id == text.community_id) & (ENTRY.seq == text.seq)
    wanted = select(text.seq).outerjoin_from(text.seq.table, ENTRY.seq.table, same)
    for (seq,) in source.rows(wanted.where(text.community_id == source.community_id, ENTRY.seq.is_(None))):
        findings.add("text_unbound", say("There is a text of an entry that does not exist."), entry=seq)


def _long_days(source: Source, findings: Findings) -> None:
    """I13: the services that take a member's day past what counts by itself have a second person.

    A service's number tells what was recorded before it, so the posted ones up to it were all there when it was confirmed.
    """
    own = (SERVICE.community_id == source.community_id, SERVICE.state == "posted")
    day = (SERVICE.community_id, SERVICE.member_id, SERVICE.day)
    long = select(*day[1:]).where(*own).group_by(*day).having(func.sum(SERVICE.minutes) > MINUTES_A_DAY_ALONE).subquery()
    wanted = (
        select(SERVICE.member_id, source.plain(SERVICE.day), SERVICE.minutes, ENTRY.approver, ENTRY.seq)
        .join(long, (long.c.member_id == SERVICE.member_id) & (long.c.day == SERVICE.day))
        .join(ENTRY.seq.table, (ENTRY.community_id == SERVICE.community_id) & (ENTRY.seq == SERVICE.seq))
        .where(*own)
        .order_by(SERVICE.member_id, SERVICE.day, SERVICE.id)
    )
    place: Any = None
    minutes = 0
    for member, on, more, approver, seq in source.rows(wanted):
        minutes = more + (minutes if place == (member, on) else 0)
        place = (member, on)
        if minutes > MINUTES_A_DAY_ALONE and approver is None:
            alone = say("It takes the day {day} to {minutes} minutes; that needs a second person.", day=on, minutes=minutes)
            findings.add("approver_missing", alone, entry=seq)
