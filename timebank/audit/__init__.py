"""The audit: the whole book refolded from its payloads and compared with all that the database says. It never raises.

Findings are values with the number of the entry they show in (`findings.CODES` names them all); `verdict` gives the exit
status. It takes no lock and reads in one transaction, so it can run while others write. Memory does not grow with the
journal: accounts, open vouchers and months are kept, entries are not.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session

from timebank.audit import bindings, guards, projections
from timebank.audit.awards import HOURS, PUBLISH, Awards
from timebank.audit.claims import Claims
from timebank.audit.commands import Commands
from timebank.audit.findings import CODES, Finding, Findings, verdict
from timebank.audit.fund import FundCourse
from timebank.audit.fund import check as check_fund
from timebank.audit.hanging import Hung
from timebank.audit.holds import Holds
from timebank.audit.issuers import Issuing
from timebank.audit.months import Months
from timebank.audit.payloads import Payload, Reader
from timebank.audit.people import Course
from timebank.audit.points import Points
from timebank.audit.privacy import Privacy
from timebank.audit.published import Published
from timebank.audit.published import check as check_published
from timebank.audit.refold import Refold
from timebank.audit.replay import REVERSAL, Replay
from timebank.audit.reviews import Reviews
from timebank.audit.rules import Publishing
from timebank.audit.services import Services
from timebank.audit.source import WRONG_KIND, Damaged, Source, columns_of
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say
from timebank.hanging import REJECT
from timebank.journal import ENTRY, EntryText
from timebank.reviews import KIND as REVIEW
from timebank.rulebooks import RuleBookRow
from timebank.transparency import Frontier

__all__ = ["CHECKS", "CODES", "Finding", "Progress", "Published", "Report", "audit", "verdict"]

CHECKS: dict[str, Say] = {
    "I1": say("Every entry sums to zero in each unit."),
    "I2": say("All balances of a unit sum to zero."),
    "I3": say("No account is below its floor after any entry, what is held included."),
    "I4": say("Every column and every bound row says what the payload says."),
    "I5": say("The log is complete, its hashes are right, and it agrees with what was published."),
    "I6": say("Every command counts once."),
    "I7": say("Every hold ends at most once, and no more is given back than was taken."),
    "I8": say("Lots sum to the balance of their account and are what its entries make."),
    "I9": say("Every award follows from its trace and from the text of the rules that spoke for its day."),
    "I10": say("Balances, running balances, line numbers and sums of services are what the entries make."),
    "I11": say("Months are closed in order, stay closed, and each opens with what the one before closed with."),
    "I12": say("No payload tells who somebody is."),
    "I13": say("What needs two people was done by two."),
    "I14": say("Nobody served in two places at once, or longer than a day has."),
    "I15": say("Vouchers issued are those captured, voided, expired and open; refunds and disputes are of captured ones."),
    "statements": say("The statements of every closed month are those it was closed with."),
    "notices": say("Notices hung for their working days, passed as objections were decided, and tell of what is recorded."),
    "rules": say("Every rule book was published by a resolution, its very text after a notice where that was demanded."),
    "issuers": say("Every issuer key was announced for its year, and revoked at most once."),
    "fund": say("The fund has what was given less what is committed, owed and paid; no voucher went beyond its budgets."),
    "text": say("Free texts are those whose hash the entry holds."),
    "guards": say("The database itself refuses to change the book."),
    "replay": say("Every award read what the history before it makes, and is what history makes of it."),
}
"""Every check -> what it proves, in the order of the report."""

ON_REQUEST = frozenset({"replay"})
"""Checks that are run only where they are named: what a year of awards costs again."""

WITHOUT_THE_JOURNAL = frozenset({"guards", "statements"})
"""Checks that need no refold; the root in their report is that of the log's own head."""
Progress = Callable[[int, int], None]
"""Told now and then: entries done, entries in all."""
AtOnce = Callable[[int, Payload], None]


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
    session: Session,
    community_id: int,
    checks: Collection[str] | None = None,
    progress: Progress | None = None,
    published: Published | None = None,
) -> Report:
    """Run the named checks over one community's book, and against what was published; by default all of `CHECKS` but
    those `ON_REQUEST`.

    Whatever is wrong with the book is a finding. Raises Invalid `unknown_check` for a name that is none.
    """
    wanted = CHECKS.keys() - ON_REQUEST if checks is None else set(checks)
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
        head = projections.Head(source, published.public if published else None)
        if set(wanted) <= WITHOUT_THE_JOURNAL:
            months = Months(findings)
            months.take(source.closings())
            months.check_statements(source)
            frontier = Frontier.load(head.size, head.frontier)
        else:
            known, reader = projections.accounts(source, findings), Reader(Privacy(findings).look)
            refold = Refold(findings, known, (head.log, head.opened_from), reader, bindings.KINDS)
            frontier = refold.frontier
            _journal(source, findings, (head, refold), progress or _silent)
            if published is not None and findings.wants("I5"):
                with _readable(findings, "checkpoint"):
                    check_published(source, published, refold.origin, refold.frontier.size, findings)
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
    awards = Awards(findings, _rule_texts(source))
    services = Services(source, findings)
    rooms = _Rooms(
        refold,
        awards,
        bindings.Bindings(source, findings),
        Holds(source, findings, services.own),
        Claims(source, findings, head.log),
        FundCourse(findings),
        Commands(source, findings),
        Months(findings),
        services,
        Hung(source, findings),
        Course(services.own, findings),
        Publishing(awards, findings),
        Issuing(findings),
        Reviews(findings),
        Replay(source, findings, awards, refold.accounts) if findings.wants("replay") else None,
    )
    points = Points(source, findings, awards).kinds
    refold.at_once = {PUBLISH: awards.publish, HOURS: rooms.served, REVIEW: rooms.reviews.take, **points}
    refold.at_once |= {REVERSAL: _both(rooms.reviews.reverse, rooms.hung.reverse), REJECT: rooms.hung.reject}
    if rooms.replay is not None:
        for kind, taker in rooms.replay.kinds.items():
            refold.at_once[kind] = _both(refold.at_once[kind], taker)
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
                if refold.frontier.size == head.next_mark:
                    head.pass_by(refold)
            for seq in sorted(lines, key=str):
                findings.add("posting_extra", say("There are postings of an entry that does not exist."), entry=seq)
            if not entries:
                refold.end_command()
            rooms.take(findings)
            progress(refold.frontier.size, max(refold.frontier.size, head.size))
    at_the_end: tuple[tuple[str, Callable[[], None]], ...] = (
        ("community_state, checkpoint", lambda: head.check(refold, findings)),
        ("account, lot, turnover", lambda: projections.check(source, refold, findings, rooms.months)),
        ("period.close", rooms.months.check_totals),
        ("statements", lambda: rooms.months.check_statements(source)),
        ("rows that entries bind", rooms.bound.finish),
        ("voucher, resolution", rooms.holds.finish),
        ("claim, settlement_line, claim_end", rooms.claims.finish),
        ("sponsor, deposit, budget", lambda: check_fund(source, findings)),
        ("service, earning", rooms.services.finish),
        ("service", rooms.hung.finish),
        ("entry", lambda: _keys(source, findings)),
        ("command", lambda: rooms.commands.finish(refold.frontier.size)),
        ("entry_text", lambda: _texts(source, findings)),
        ("earning, shared_earning", lambda: rooms.replay.finish() if rooms.replay else None),
    )
    for place, check in at_the_end:
        with _readable(findings, place):
            check()


@dataclass(frozen=True, slots=True)
class _Rooms:
    """What is compared while the journal is read: the rows of other rooms, and awards."""

    refold: Refold
    awards: Awards
    bound: bindings.Bindings
    holds: Holds
    claims: Claims
    money: FundCourse
    commands: Commands
    months: Months
    services: Services
    hung: Hung
    course: Course
    publishing: Publishing
    issuing: Issuing
    reviews: Reviews
    replay: Replay | None

    def served(self, seq: int, payload: Payload) -> None:
        """Take an entry of hours while it is at hand: kept for a batch, it would have left the processor's cache."""
        self.services.note(seq, payload)
        self.hung.note(seq, payload)
        made = self.awards.take(seq, payload, self.refold.written)
        self.reviews.note(seq, payload, made.lapse if made else None)
        if self.replay is not None:
            self.replay.serve(seq, payload, made)

    def take(self, findings: Findings) -> None:
        """Hand over what the refold has kept of a batch of entries."""
        with _readable(findings, "command"):
            self.commands.take(self.refold.commands)
        for room in (
            self.bound,
            self.holds,
            self.claims,
            self.money,
            self.months,
            self.course,
            self.hung,
            self.publishing,
            self.issuing,
        ):
            with _readable(findings, "rows that entries bind"):
                room.take(self.refold.events)
        with _readable(findings, "service"):
            self.services.take()
        if self.replay is not None:
            with _readable(findings, "history"):
                self.replay.take()
        self.refold.events.clear()
        self.refold.commands.clear()


def _both(first: AtOnce, second: AtOnce) -> AtOnce:
    def both(seq: int, payload: Payload) -> None:
        first(seq, payload)
        second(seq, payload)

    return both


def _rule_texts(source: Source) -> dict[str, bytes]:
    """The stored texts of rule books, by version."""
    rows = columns_of(RuleBookRow)
    wanted = select(rows.version, source.octets(rows.text)).where(rows.community_id == source.community_id)
    return {version: text for version, text in source.rows(wanted) if type(version) is str and type(text) is bytes}


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
