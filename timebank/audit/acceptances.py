"""What was accepted offline: the rows its entries bind, each number once, and a capture behind each that says so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from timebank.acceptances import DECIDE, TAKE
from timebank.audit.bound import Bound
from timebank.audit.findings import Findings
from timebank.base.i18n import say
from timebank.people import offline_keys

_SAID = ("n", "digest", "accepted_at", "bill_fen", "outcome", "reason")

BOUND: tuple[Bound, ...] = (
    Bound(
        offline_keys.KIND,
        "offline_key",
        {"merchant": "merchant_id", "public": "public"},
        "device_differs",
        key="device_id",
        about="device",
    ),
    Bound(
        TAKE,
        "acceptance",
        {"device": "device_id", "merchant": "merchant_id", "voucher": "voucher_id"} | {name: name for name in _SAID},
        "acceptance_differs",
    ),
    Bound(
        DECIDE,
        "acceptance_end",
        {"result": "result", "fen": "fen", "business_date": "day"},
        "acceptance_differs",
        key="acceptance_id",
        about="acceptance",
    ),
)


TWO_PEOPLE = frozenset({DECIDE})
"""Kinds of entries about acceptances that one person may not make alone."""


@dataclass(slots=True)
class Accepted:
    """I7. Follows what phones accepted: give it each batch's events, then `finish`.

    `captures` are those that name a device and its number and were not told of yet, `reviews` what waits for a decision."""

    findings: Findings
    captures: dict[tuple[Any, Any], tuple[Any, Any]] = field(default_factory=dict)
    reviews: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, events: Sequence[Any]) -> None:
        """Hold each acceptance, and each decision, against the capture that it tells of."""
        for event in events:
            facts, subject = event.payload.get("facts", {}), str(event.payload.get("subject"))
            if event.kind == "voucher.capture" and "device" in facts:
                self.captures[facts["device"], facts.get("n")] = (subject, facts.get("steps", {}).get("bill_fen"))
            elif event.kind == TAKE and facts.get("outcome") == "review":
                self.reviews[subject] = facts
            elif event.kind == TAKE:
                self._captured(event.seq, facts)
            elif event.kind == DECIDE:
                self._decided(event, facts, self.reviews.pop(subject, None))

    def _captured(self, seq: int, facts: dict[str, Any]) -> None:
        told = (f"voucher:{facts.get('voucher')}", facts.get("bill_fen"))
        if self.captures.pop((facts.get("device"), facts.get("n")), None) != told:
            self._add(seq)

    def _decided(self, event: Any, facts: dict[str, Any], waited: dict[str, Any] | None) -> None:
        owed = sum(amount for _, _, purpose, _, amount, _ in event.payload["postings"] if purpose == "payable")
        if waited is None or owed != facts.get("fen", 0):
            self._add(event.seq)
        elif facts.get("result") == "captured":
            self._captured(event.seq, waited)

    def _add(self, seq: int) -> None:
        other = say("What was accepted offline and what was captured or decided of it are not the same.")
        self.findings.add("acceptance_unsound", other, entry=seq)

    def finish(self) -> None:
        """Tell the captures that name a device's number which the device never told."""
        for device, n in self.captures:
            alone = say("A voucher was captured offline, but no acceptance tells of it.")
            self.findings.add("acceptance_unsound", alone, where=f"device:{device} {n}")
