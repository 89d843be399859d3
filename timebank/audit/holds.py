"""Vouchers: the rows their entries bind, each hold begun once and ended once, and what came after a capture.

I7: a hold ends at most once, no more is given back than was taken, and on the shop's word alone only on the day of the capture.
I15: vouchers issued are those captured, voided, expired and open; refunds and disputes are of captured ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlmodel import SQLModel

from timebank.audit.bound import Bound
from timebank.audit.findings import Findings
from timebank.audit.source import Source
from timebank.base.i18n import say
from timebank.disputes import END, OPEN
from timebank.refunds import KIND as REFUND

_TABLES = SQLModel.metadata.tables
_ENDS = {"voucher.capture": "captured", "voucher.void": "voided", "voucher.expire": "expired"}
_TAKEN = ("points", "fen", "claim_fen")

BOUND: tuple[Bound, ...] = (
    Bound(
        "voucher.issue",
        "voucher",
        {"offer": "offer_id", "merchant": "merchant_id", "member": "member_id", "business_date": "issued_on"}
        | {name: name for name in ("points", "fen", "expires_on", "code_mac", "late_days")}
        | {"quote": "quote_id"},
        "voucher_differs",
    ),
    *(
        Bound(
            kind,
            "resolution",
            {"business_date": "day", "points": "points", "bill_fen": "bill_fen", "off_fen": "benefit_fen"}
            | {"merchant_fen": "merchant_fen"},
            "resolution_differs",
            key="voucher_id",
            only=("outcome", outcome),
            about="voucher",
        )
        for kind, outcome in _ENDS.items()
    ),
    Bound(
        "voucher.quote",
        "quote",
        {"offer": "offer_id", "merchant": "merchant_id", "member": "member_id", "points_held": "points"}
        | {name: name for name in ("bill_fen", "off_fen")},
        "quote_differs",
    ),
    Bound("voucher.tombstone", "tombstone", {"business_date": "day"}, "tombstone_differs", key="key"),
    Bound(
        REFUND,
        "refund",
        {"voucher": "voucher_id", "business_date": "day", "bill_fen": "bill_fen"} | {name: name for name in _TAKEN},
        "refund_differs",
    ),
    Bound(OPEN, "dispute", {"voucher": "voucher_id", "party": "party", "business_date": "day"}, "dispute_differs"),
    Bound(
        END,
        "dispute_end",
        {"outcome": "outcome", "business_date": "day"},
        "dispute_differs",
        key="dispute_id",
        about="dispute",
    ),
)


@dataclass(slots=True)
class Holds:
    """I7 and I15. `own` are the members that clerks also are, by the clerk's id."""

    source: Source
    findings: Findings
    own: dict[int, int]
    open: set[str] = field(default_factory=set)
    disputed: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def take(self, events: Sequence[Any]) -> None:
        """Follow each voucher from its issue to its end and what comes after: events as the refold keeps them."""
        refunds = []
        for event in events:
            if event.kind.startswith(("voucher.", "dispute.")):
                self.counts[event.kind] = self.counts.get(event.kind, 0) + 1
            if event.kind == "voucher.issue" or event.kind in _ENDS:
                self._hold(event)
            elif event.kind in (OPEN, END):
                self._dispute(event)
            elif event.kind == REFUND:
                refunds.append(event)
        if refunds:
            self._refunds(refunds)

    def _hold(self, event: Any) -> None:
        subject, facts = str(event.payload.get("subject")), event.payload.get("facts", {})
        if event.kind == "voucher.issue":
            wanted = facts.get("points")
            self.open.add(subject)
        else:
            given_back = facts.get("points_held")
            wanted = -given_back if type(given_back) is int else None
            if subject not in self.open:
                twice = say("{subject} is not open here: it ended before, or was never issued.", subject=subject)
                self.findings.add("not_held", twice, entry=event.seq)
            self.open.discard(subject)
        held = sum(amount for _, _, purpose, _, amount, _ in event.payload["postings"] if purpose == "held")
        if held != wanted:
            other = say(
                "{subject}: {held} points were held; it should be {right}.", subject=subject, held=held, right=str(wanted)
            )
            self.findings.add("not_held", other, entry=event.seq)

    def _dispute(self, event: Any) -> None:
        """A dispute is opened once and decided once, and what is decided is about its own voucher."""
        subject, facts = str(event.payload.get("subject")), event.payload.get("facts", {})
        if event.kind == OPEN:
            fits = subject not in self.disputed
            self.disputed[subject] = facts.get("voucher")
        else:
            fits = subject in self.disputed and self.disputed[subject] == facts.get("voucher")
            self.disputed[subject] = None
        if not fits:
            self.findings.add("dispute_unsound", say("{subject} is not open here.", subject=subject), entry=event.seq)

    def _refunds(self, events: Sequence[Any]) -> None:
        """What came back is what the entry says, to the voucher's member and from its merchant, by two people or on its day."""
        numbers = {event.payload.get("facts", {}).get("voucher") for event in events}
        numbers = {number for number in numbers if type(number) is int}
        vouchers = self.source.found(_TABLES["voucher"], ("member_id", "merchant_id"), "id", numbers)
        days = self.source.found(_TABLES["resolution"], ("day",), "voucher_id", numbers)
        for event in events:
            payload, facts = event.payload, event.payload.get("facts", {})
            voucher = vouchers.get(facts.get("voucher"), {})
            member, shop = f"member:{voucher.get('member_id')}", f"merchant:{voucher.get('merchant_id')}"
            moved = {"points": 0, "fen": 0}
            strangers = False
            for holder, unit, _, _, amount, _ in payload["postings"]:
                if holder.startswith(("member:", "merchant:")):
                    strangers = strangers or holder != (member if unit == "points" else shop)
                    moved[unit] = moved.get(unit, 0) + amount
            if strangers or moved != {"points": facts.get("points"), "fen": -facts.get("claim_fen", 0)}:
                other = say("What moved is not what was given back of voucher {number}.", number=str(facts.get("voucher")))
                self.findings.add("refund_unsound", other, entry=event.seq)
            self._decided(event, voucher.get("member_id"), days.get(facts.get("voucher"), {}).get("day"))

    def _decided(self, event: Any, member_id: Any, day: Any) -> None:
        payload = event.payload
        approver = payload.get("approver")
        if payload.get("facts", {}).get("party") == "merchant":
            if payload["business_date"] != str(day):
                late = say("A shop undid a capture of another day.")
                self.findings.add("refund_unsound", late, entry=event.seq)
        elif approver is None:
            alone = say("A refund needs a second person.")
            self.findings.add("approver_missing", alone, entry=event.seq)
        elif member_id is not None and self.own.get(approver) == member_id:
            own = say("Clerk {clerk} approved a refund of their own.", clerk=approver)
            self.findings.add("one_person", own, entry=event.seq)

    def finish(self) -> None:
        """Compare the vouchers counted from entries with the rows, and each capture with the sum of its refunds."""
        self._given_back()
        voucher, resolution = _TABLES["voucher"].c, _TABLES["resolution"].c
        own = voucher.community_id == self.source.community_id
        ((issued,),) = self.source.rows(select(func.count()).select_from(_TABLES["voucher"]).where(own))
        ended = select(resolution.outcome, func.count()).where(resolution.community_id == self.source.community_id)
        by_outcome = dict[str, int](self.source.rows(ended.group_by(resolution.outcome)))
        shown = [issued, *(by_outcome.pop(outcome, 0) for outcome in _ENDS.values())]
        shown.append(issued - sum(shown[1:]) - sum(by_outcome.values()))
        truth = [*(self.counts.get(kind, 0) for kind in ("voucher.issue", *_ENDS)), len(self.open)]
        if shown != truth or by_outcome:
            unequal = say(
                "Vouchers issued, captured, voided, expired and open: {shown}; the journal has {truth}.",
                shown=" ".join(map(str, shown)),
                truth=" ".join(map(str, truth)),
            )
            self.findings.add("vouchers_unequal", unequal, where="vouchers")
        for kind, table in ((REFUND, "refund"), (OPEN, "dispute"), (END, "dispute_end")):
            rows = _TABLES[table]
            ((there,),) = self.source.rows(
                select(func.count()).select_from(rows).where(rows.c.community_id == self.source.community_id)
            )
            if there != self.counts.get(kind, 0):
                told = say(
                    "{table}: {shown} rows; the journal has {truth}.", table=table, shown=there, truth=self.counts.get(kind, 0)
                )
                self.findings.add("vouchers_unequal", told, where=table)

    def _given_back(self) -> None:
        """No capture gives back more than it took, and only captures give back."""
        refund, resolution = _TABLES["refund"].c, _TABLES["resolution"].c
        same = and_(resolution.community_id == refund.community_id, resolution.voucher_id == refund.voucher_id)
        points, fen, claim = (func.sum(refund[name]) for name in _TAKEN)
        owed = func.max(resolution.benefit_fen) - func.max(func.coalesce(resolution.merchant_fen, 0))
        wanted = select(refund.voucher_id).outerjoin_from(refund.voucher_id.table, resolution.voucher_id.table, same)
        wanted = wanted.where(refund.community_id == self.source.community_id).group_by(refund.voucher_id)
        too_much = or_(
            func.max(func.coalesce(resolution.outcome, "")) != "captured",
            points > func.max(resolution.points),
            fen > func.max(resolution.benefit_fen),
            claim > owed,
        )
        for (number,) in self.source.rows(wanted.having(too_much).order_by(refund.voucher_id)):
            over = say("Voucher {number} gave back more than it took.", number=f"V{number}")
            self.findings.add("refund_unsound", over, where=f"voucher:{number}")
