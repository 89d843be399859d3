"""What shops are and which plaque hangs there, folded from their entries and compared with their rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from timebank.audit.bound import Bound
from timebank.audit.findings import Findings
from timebank.base.i18n import say
from timebank.people import designations, staff  # noqa: F401 - their tables

BOUND: tuple[Bound, ...] = (
    Bound("merchant.join", "merchant", {"number": "number", "market": "market_id"}, "number_differs", seq=""),
    Bound(
        "merchant.move",
        "merchant_move",
        {"merchant": "merchant_id", "state": "state", "plaque": "plaque", "business_date": "since"},
        "merchant_differs",
    ),
    Bound(
        "staff.add",
        "staff",
        {"merchant": "merchant_id", "member": "member_id", "role": "role", "business_date": "since"},
        "merchant_differs",
    ),
    Bound("staff.end", "staff_end", {"business_date": "until"}, "merchant_differs", key="staff_id", about="staff"),
)
TWO_PEOPLE = frozenset({"staff.end"})
"""Kinds of entries about shops that one person may not make alone."""


class Shops:
    """Follows what every shop was: give it each batch's events, then `finish`."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._now: dict[str, tuple[Any, Any]] = {}

    def take(self, events: Sequence[Any]) -> None:
        """Fold the entries of a batch."""
        for event in events:
            facts = event.payload.get("facts", {})
            if event.kind == "merchant.join":
                self._now[str(event.payload.get("subject"))] = (facts.get("state", "active"), facts.get("plaque"))
            elif event.kind == "merchant.move":
                holder = f"merchant:{facts.get('merchant')}"
                _, plaque = self._now.get(holder, (None, None))
                self._now[holder] = (facts.get("state"), facts.get("plaque") or plaque)

    def finish(self, rows: Iterable[Sequence[Any]]) -> None:
        """Compare what shops are with their rows: id, state, plaque."""
        for number, *shown in rows:
            holder = f"merchant:{number}"
            truth = self._now.get(holder)
            if truth is not None and (shown[0], shown[1] or None) != truth:
                differs = say(
                    "{subject}: its row says {shown}; its entries say {truth}.",
                    subject=holder,
                    shown=" ".join(str(one or "-") for one in shown),
                    truth=" ".join(str(one or "-") for one in truth),
                )
                self._findings.add("merchant_differs", differs, where=holder)
