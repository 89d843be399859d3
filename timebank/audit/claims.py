"""Merchants' batches against what was captured and refunded, and against the entries that moved them: lines, sums, hash,
chain, states, and that no line is claimed twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, literal, select

from timebank.acceptances import Acceptance, AcceptanceEnd
from timebank.audit.bound import Bound
from timebank.audit.findings import Findings
from timebank.audit.refold import Event
from timebank.audit.source import WRONG_KIND, Source, by_first, columns_of
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.claims import CAPTURE, Batch, Claim, ClaimEnd, ClaimLine, Line
from timebank.journal import FUND
from timebank.settlement import APPROVE, PAID, RETURNED, SUBMIT
from timebank.vouchers import REFUND, RESOLUTION, VOUCHER

LINES_AT_ONCE = 20_000
_AFTER = {APPROVE: ("draft", "approved"), SUBMIT: ("approved", "submitted")} | {
    PAID: ("submitted", "paid"),
    RETURNED: ("submitted", "returned"),
}
"""What an entry of a kind finds a batch in, and leaves it in."""
_APPROVED = ("approved", "submitted", "paid", "returned")
_OF_CLAIMS = ("period", "captures", "points", "fen", "sha256", "previous", "drafted_by", "version", "refunds")
_END = {"business_date": "day"}

BOUND: tuple[Bound, ...] = (
    Bound(
        APPROVE,
        "claim",
        {"merchant": "merchant_id"} | {name: name for name in _OF_CLAIMS},
        "claim_differs",
        only=("state", *_APPROVED),
        added="drafted_by",
    ),
    Bound(SUBMIT, "claim", {"sha256": "sha256"}, "claim_differs", seq="submitted_seq", only=("state", *_APPROVED[1:])),
    *(
        Bound(kind, "claim_end", _END, "claim_differs", key="claim_id", about="claim", only=("outcome", outcome))
        for kind, (_, outcome) in _AFTER.items()
        if kind in (PAID, RETURNED)
    ),
)


@dataclass(slots=True)
class _Claim:
    """A batch as its row has it."""

    id: Any
    period: Any
    merchant_id: Any
    captures: Any
    points: Any
    fen: Any
    sha256: Any
    previous: Any
    drafted_by: Any
    version: Any
    refunds: Any
    state: Any


class Claims:
    """Collects what entries say of batches while the journal is read; `finish` works every batch out again from its lines."""

    def __init__(self, source: Source, findings: Findings, community: str) -> None:
        self._source = source
        self._findings = findings
        self._community = community
        self._approved: dict[str, Event] = {}
        self._paid: dict[str, Event] = {}
        self._states: dict[str, str] = {}

    def take(self, events: Sequence[Event]) -> None:
        """Follow the batches: each step is taken once, from where the one before it led."""
        for event in events:
            if event.kind not in _AFTER:
                continue
            subject = str(event.payload.get("subject"))
            before, after = _AFTER[event.kind]
            if self._states.get(subject, "draft") != before:
                told = {"subject": subject, "state": self._states.get(subject, "draft"), "after": after}
                wrong = say("{subject} was {state} before it; it cannot become {after}.", **told)
                self._findings.add("claim_unsound", wrong, entry=event.seq)
            self._states[subject] = after
            if event.kind == APPROVE:
                self._approved[subject] = event
            elif event.kind == PAID:
                self._paid[subject] = event

    def finish(self) -> None:
        """Compare every batch, drafts as well, with its lines, the batch before it, and the entries that moved it."""
        claims = self._claims()
        previous: Any = ""
        for some in _shares(claims):
            lines = by_first(self._lines(some[0].id, some[-1].id))
            for claim in some:
                event = self._approved.get(f"claim:{claim.id}")
                if claim.previous != previous:
                    self._add(claim, event, "previous", claim.previous, previous)
                previous = claim.sha256
                if claim.state != self._states.get(f"claim:{claim.id}", "draft"):
                    other = say("Its state is {state}; its entries say otherwise.", state=str(claim.state))
                    self._findings.add("claim_differs", other, where=f"claim:{claim.id}")
                self._compare(claim, event, lines.get(claim.id, []))
                self._check_paid(claim)
        self._check_strays({claim.id for claim in claims})
        self._check_rounds()
        self._check_ends()

    def _compare(self, claim: _Claim, event: Event | None, lines: Sequence[Any]) -> None:
        try:
            captured = tuple(_line(line, claim) for line in lines)
            batch = Batch(
                self._community, claim.id, claim.period, claim.merchant_id, captured, claim.previous, claim.version or 1
            )
            digest = batch.sha256()
        except (Invalid, *WRONG_KIND):
            self._add(claim, event, "lines", claim.captures, "-")
            return
        shown = {"captures": claim.captures, "points": claim.points, "fen": claim.fen, "sha256": claim.sha256}
        made = {"captures": batch.captures, "points": batch.points, "fen": batch.fen, "sha256": digest}
        if claim.version is not None:
            shown |= {"refunds": claim.refunds}
            made |= {"refunds": len(captured) - batch.captures}
        if event is not None:
            facts = event.payload.get("facts", {})
            shown = {name: facts.get(name) for name in made}
            if event.payload.get("approver") == claim.drafted_by:
                alone = say("Clerk {clerk} approved the batch that the same clerk drafted.", clerk=str(claim.drafted_by))
                self._findings.add("one_person", alone, entry=event.seq)
        for name, truth in made.items():
            if shown[name] != truth:
                self._add(claim, event, name, shown[name], truth)

    def _check_paid(self, claim: _Claim) -> None:
        """What was paid for a batch is the batch's sum, taken from what its merchant was owed."""
        event = self._paid.get(f"claim:{claim.id}")
        if event is None:
            return
        moved = [[holder, purpose, amount] for holder, _, purpose, _, amount, _ in event.payload["postings"]]
        truth = [[f"merchant:{claim.merchant_id}", "payable", -claim.fen], [FUND, "paid", claim.fen]]
        if sorted(moved) != sorted(truth):
            other = say(
                "Batch {number} is over {fen} fen; its payment moved something else.", number=str(claim.id), fen=str(claim.fen)
            )
            self._findings.add("claim_unsound", other, entry=event.seq)

    def _add(self, claim: _Claim, event: Event | None, name: str, shown: Any, truth: Any) -> None:
        differs = say(
            "Batch {number}: {name} is {shown}; what was captured makes {truth}.",
            number=str(claim.id),
            name=name,
            shown=str(shown),
            truth=str(truth),
        )
        entry = None if event is None else event.seq
        self._findings.add("claim_differs", differs, entry=entry, where="" if event else f"claim:{claim.id}")

    def _claims(self) -> list[_Claim]:
        claim = columns_of(Claim)
        names = (claim.id, claim.period, claim.merchant_id, claim.captures, claim.points, claim.fen)
        more = (claim.sha256, claim.previous, claim.drafted_by, claim.version, claim.refunds)
        own = claim.community_id == self._source.community_id
        wanted = select(*names, *more, self._source.plain(claim.state))
        return [_Claim(*row) for row in self._source.rows(wanted.where(own).order_by(claim.id))]

    def _lines(self, first: int, last: int) -> list[Any]:
        """What was captured or refunded of these batches, by batch: batch, voucher, event, entry, day, points, fen, merchant,
        and whether it is what the line says."""
        line = columns_of(ClaimLine)
        plain, own = self._source.plain, line.community_id == self._source.community_id
        issued = (VOUCHER.community_id == line.community_id) & (VOUCHER.id == line.voucher_id)
        ended = (RESOLUTION.community_id == line.community_id) & (RESOLUTION.voucher_id == line.voucher_id)
        refunded = (REFUND.community_id == line.community_id) & (REFUND.id == line.event)
        refunded &= REFUND.voucher_id == line.voucher_id
        claim_fen = RESOLUTION.benefit_fen - func.coalesce(RESOLUTION.merchant_fen, 0)
        captures = (
            select(line.claim_id, line.voucher_id, line.event, RESOLUTION.seq, plain(RESOLUTION.day), RESOLUTION.points)
            .add_columns(claim_fen, VOUCHER.merchant_id, plain(RESOLUTION.outcome))
            .outerjoin_from(line.claim_id.table, RESOLUTION.seq.table, ended)
            .outerjoin(VOUCHER.id.table, issued)
            .where(own, line.event == CAPTURE, line.claim_id >= first, line.claim_id <= last)
        )
        refunds = (
            select(line.claim_id, line.voucher_id, line.event, REFUND.seq, plain(REFUND.day), -REFUND.points)
            .add_columns(-REFUND.claim_fen, VOUCHER.merchant_id, REFUND.id)
            .outerjoin_from(line.claim_id.table, REFUND.seq.table, refunded)
            .outerjoin(VOUCHER.id.table, issued)
            .where(own, line.event > CAPTURE, line.claim_id >= first, line.claim_id <= last)
        )
        accepted, decided = columns_of(Acceptance), columns_of(AcceptanceEnd)
        of_line = (accepted.community_id == line.community_id) & (-accepted.id == line.event)
        of_line &= accepted.voucher_id == line.voucher_id
        of_acceptance = (decided.community_id == accepted.community_id) & (decided.acceptance_id == accepted.id)
        honoured = (
            select(line.claim_id, line.voucher_id, line.event, decided.seq, plain(decided.day), literal(0))
            .add_columns(decided.fen, accepted.merchant_id, plain(decided.result))
            .outerjoin_from(line.claim_id.table, accepted.id.table, of_line)
            .outerjoin(decided.seq.table, of_acceptance)
            .where(own, line.event < CAPTURE, line.claim_id >= first, line.claim_id <= last)
        )
        found = [row for statement in (captures, refunds, honoured) for row in self._source.rows(statement)]
        return sorted(found, key=lambda row: row[:3])

    def _check_strays(self, known: set[Any]) -> None:
        line = columns_of(ClaimLine)
        wanted = select(line.claim_id).where(line.community_id == self._source.community_id).distinct()
        for (number,) in self._source.rows(wanted):
            if number not in known:
                stray = say("There are lines of a batch that does not exist.")
                self._findings.add("claim_differs", stray, where=f"claim:{number}")

    def _check_rounds(self) -> None:
        """A line is claimed again only after a return: its rounds count from 0, and all but its last batch were returned."""
        line = columns_of(ClaimLine)
        own = line.community_id == self._source.community_id
        again = select(line.voucher_id, line.event).where(own, line.round > 0).distinct().subquery()
        wanted = select(line.voucher_id, line.event, line.round, line.claim_id).where(own)
        wanted = wanted.outerjoin(again, (again.c.voucher_id == line.voucher_id) & (again.c.event == line.event))
        rows = self._source.rows(
            wanted.where(again.c.voucher_id.is_not(None)).order_by(line.voucher_id, line.event, line.round)
        )
        for number, (voucher, event, place, claim_id) in enumerate(rows):
            before = rows[number - 1] if number and rows[number - 1][:2] == (voucher, event) else None
            returned = before is None or self._states.get(f"claim:{before[3]}") == "returned"
            if place != (before[2] + 1 if before else 0) or not returned:
                twice = say("A line of voucher {voucher} is claimed again without a return.", voucher=str(voucher))
                self._findings.add("claim_differs", twice, where=f"claim:{claim_id}")

    def _check_ends(self) -> None:
        """How a batch ended is what its entries say."""
        end = columns_of(ClaimEnd)
        wanted = select(end.claim_id, end.outcome).where(end.community_id == self._source.community_id)
        for number, outcome in self._source.rows(wanted):
            if outcome != self._states.get(f"claim:{number}"):
                other = say("Its end is {state}; its entries say otherwise.", state=str(outcome))
                self._findings.add("claim_differs", other, where=f"claim:{number}")


def _line(line: Any, claim: _Claim) -> Line:
    """A line as the batch's hash covers it. Raises ValueError where it is nothing that happened at the batch's merchant."""
    _, voucher, event, seq, day, points, fen, merchant, there = line
    right = "captured" if event == CAPTURE else event if event > CAPTURE else "honoured"
    if there != right or merchant != claim.merchant_id or {type(points), type(fen), type(seq)} != {int}:
        raise ValueError(line)
    return Line(voucher, event, merchant, date.fromisoformat(day), points, fen, seq)


def _shares(claims: Sequence[_Claim]) -> Iterator[list[_Claim]]:
    """Batches in their order, with some thousands of lines at a time."""
    some: list[_Claim] = []
    lines = 0
    for claim in claims:
        some.append(claim)
        lines += claim.captures if type(claim.captures) is int else 0
        if lines >= LINES_AT_ONCE:
            yield some
            some, lines = [], 0
    if some:
        yield some
