"""I9 for points above a cap that somebody decided about: as many as the award left to a decision, once, in its lot.

Kept are the awards whose points nobody has decided about yet; entries are not.
"""

from typing import Any

from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.audit.source import WRONG_KIND
from timebank.base.i18n import say
from timebank.journal import ISSUED
from timebank.rewards import REVIEW


class Reviews:
    """Compares decisions about points with the awards that asked for them, as both are folded."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._open: dict[Any, tuple[Any, int, str, str | None]] = {}

    def note(self, seq: int, payload: Payload, lapses_on: str | None) -> None:
        """Keep an award of which points wait for a decision; `lapses_on` (ISO) is its lapse day, None where I9 tells of it."""
        try:
            waits = sum(cut["cut"] for cut in payload["trace"].get("caps", ()) if cut["to"] == REVIEW)
            if waits:
                self._open[seq] = (payload["subject"], waits, payload["postings"][1][0], lapses_on)
        except (*WRONG_KIND, AttributeError):  # I9 tells of a trace that cannot be read
            return

    def reverse(self, _seq: int, payload: Payload) -> None:
        """Let nobody decide about an award that was taken back."""
        self._open.pop(payload["reverses"], None)

    def take(self, seq: int, payload: Payload) -> None:
        """Hold a decision against the award it is about."""
        facts = payload.get("facts", {})
        subject, waits, holder, lapses_on = self._open.pop(facts.get("entry"), (None, 0, "", None))
        moved = {tuple(place[:3]): amount for *place, amount, _ in payload["postings"] if place[2] != "owed"}
        lots = {place[3] for *place, _, _ in payload["postings"] if place[2] == "available"}
        repaid = sum(amount for *place, amount, _ in payload["postings"] if place[2] == "owed")
        given = {(ISSUED, "points", "source"): -waits, (holder, "points", "available"): waits - repaid}
        wanted = {place: amount for place, amount in given.items() if amount} if facts.get("outcome") == "given" else {}
        said = (payload.get("subject"), facts.get("points"), facts.get("outcome") in ("given", "discarded"))
        if said != (subject, waits, True) or moved != wanted or not (lapses_on is None or lots <= {lapses_on}):
            wrong = say("It does not decide about what an award left to a decision.")
            self._findings.add("points_differ", wrong, entry=seq)
