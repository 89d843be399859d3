"""Merchants' batches against what was captured, and against the entries that approved them: lines, sums, hash, chain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from timebank.audit.accounts import Row
from timebank.audit.findings import Findings
from timebank.audit.refold import Event
from timebank.audit.source import WRONG_KIND, Source, by_first, columns_of
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.settlement import Batch, Claim, ClaimLine
from timebank.vouchers import RESOLUTION, VOUCHER, Capture

APPROVE = "settlement.approve"
LINES_AT_ONCE = 20_000


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
    state: Any


class Claims:
    """Collects approved batches while the journal is read; `finish` works every batch out again from its lines."""

    def __init__(self, source: Source, findings: Findings, community: str) -> None:
        self._source = source
        self._findings = findings
        self._community = community
        self._approved: dict[str, Event] = {}

    def take(self, events: Sequence[Event]) -> None:
        """Keep the entries that approve batches."""
        self._approved.update((str(event.payload.get("subject")), event) for event in events if event.kind == APPROVE)

    def finish(self) -> None:
        """Compare every batch, drafts as well, with its lines, the batch before it, and the entry that approved it."""
        claims = self._claims()
        previous: Any = ""
        for some in _shares(claims):
            lines = by_first(self._lines(some[0].id, some[-1].id))
            for claim in some:
                event = self._approved.get(f"claim:{claim.id}")
                if claim.previous != previous:
                    self._add(claim, event, "previous", claim.previous, previous)
                previous = claim.sha256
                if claim.state != ("draft" if event is None else "approved"):
                    other = say("Its state is {state}; its entries say otherwise.", state=str(claim.state))
                    self._findings.add("claim_differs", other, where=f"claim:{claim.id}")
                self._compare(claim, event, lines.get(claim.id, []))
        self._check_strays({claim.id for claim in claims})

    def _compare(self, claim: _Claim, event: Event | None, lines: Sequence[Row]) -> None:
        try:
            captured = tuple(_capture(line, claim) for line in lines)
            batch = Batch(self._community, claim.id, claim.period, claim.merchant_id, captured, claim.previous)
            digest = batch.sha256()
        except (Invalid, *WRONG_KIND):
            self._add(claim, event, "lines", claim.captures, "-")
            return
        shown = {"captures": claim.captures, "points": claim.points, "fen": claim.fen, "sha256": claim.sha256}
        made = {"captures": len(captured), "points": batch.points, "fen": batch.fen, "sha256": digest}
        if event is not None:
            facts = event.payload.get("facts", {})
            shown = {name: facts.get(name) for name in made}
            if event.payload.get("approver") == claim.drafted_by:
                alone = say("Clerk {clerk} approved the batch that the same clerk drafted.", clerk=str(claim.drafted_by))
                self._findings.add("one_person", alone, entry=event.seq)
        for name, truth in made.items():
            if shown[name] != truth:
                self._add(claim, event, name, shown[name], truth)

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
        wanted = select(*names, claim.sha256, claim.previous, claim.drafted_by, self._source.plain(claim.state))
        own = claim.community_id == self._source.community_id
        return [_Claim(*row) for row in self._source.rows(wanted.where(own).order_by(claim.id))]

    def _lines(self, first: int, last: int) -> list[Row]:
        """What was captured of these batches: batch, voucher, entry, day, points, fen, merchant; by batch and voucher."""
        line = columns_of(ClaimLine)
        ended = (RESOLUTION.community_id == line.community_id) & (RESOLUTION.voucher_id == line.voucher_id)
        issued = (VOUCHER.community_id == line.community_id) & (VOUCHER.id == line.voucher_id)
        plain = self._source.plain
        wanted = (
            select(line.claim_id, line.voucher_id, RESOLUTION.seq, plain(RESOLUTION.day), RESOLUTION.points)
            .add_columns(RESOLUTION.benefit_fen, VOUCHER.merchant_id, plain(RESOLUTION.outcome))
            .outerjoin_from(line.claim_id.table, RESOLUTION.seq.table, ended)
            .outerjoin(VOUCHER.id.table, issued)
            .where(line.community_id == self._source.community_id, line.claim_id >= first, line.claim_id <= last)
        )
        return self._source.rows(wanted.order_by(line.claim_id, line.voucher_id))

    def _check_strays(self, known: set[Any]) -> None:
        line = columns_of(ClaimLine)
        wanted = select(line.claim_id).where(line.community_id == self._source.community_id).distinct()
        for (number,) in self._source.rows(wanted):
            if number not in known:
                stray = say("There are lines of a batch that does not exist.")
                self._findings.add("claim_differs", stray, where=f"claim:{number}")


def _capture(line: Row, claim: _Claim) -> Capture:
    """A line as the batch's hash covers it. Raises ValueError where it is no capture at the batch's merchant."""
    _, voucher, seq, day, points, fen, merchant, outcome = line
    if outcome != "captured" or merchant != claim.merchant_id or {type(points), type(fen), type(seq)} != {int}:
        raise ValueError(line)
    return Capture(voucher, merchant, 0, date.fromisoformat(day), 0, points, fen, seq)


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
