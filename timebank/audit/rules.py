"""How rule books were published: by a resolution, for days to come or with a reason, and after the text hung out as the book in
force demanded. That two people did it is asked of every entry that needs two (`refold.TWO_PEOPLE`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from timebank.audit.awards import PUBLISH, Awards
from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.audit.refold import Event
from timebank.audit.source import WRONG_KIND
from timebank.base.i18n import Say, say
from timebank.rulebooks import is_resolution

_NEVER = "9999-12-31"


@dataclass(slots=True)
class _Hung:
    """A notice as its entries tell it so far: how many working days it hangs, which text (SHA-256), how it ended."""

    days: int
    binds: str
    outcome: str = ""


class Publishing:
    """Follows rule books and the notices about them through the journal. `awards` has the books' texts."""

    def __init__(self, awards: Awards, findings: Findings) -> None:
        self._awards = awards
        self._findings = findings
        self._shelf: list[tuple[str, str, str]] = []
        self._notices: dict[str, _Hung] = {}
        self._about: dict[str, _Hung] = {}

    def take(self, events: Sequence[Event]) -> None:
        """Follow the entries of a batch."""
        for event in events:
            try:
                if event.kind == "notice.post":
                    self._post(event.payload)
                elif event.kind == "notice.close":
                    self._close(event.payload)
                elif event.kind == PUBLISH:
                    self._publish(event)
            except WRONG_KIND:
                self._tell(event, say("It does not follow from the entries before it."))

    def _post(self, payload: Payload) -> None:
        facts = payload["facts"]
        hung = self._notices[payload["subject"]] = _Hung(facts["days"], facts.get("binds", ""))
        self._about[facts["about"]] = hung

    def _close(self, payload: Payload) -> None:
        notice = self._notices.get(payload["subject"])
        if notice is not None:  # that there is none is told of the notice
            notice.outcome = payload["facts"]["outcome"]

    def _publish(self, event: Event) -> None:
        payload, facts = event.payload, event.payload["facts"]
        day, first, version = payload["business_date"], facts["effective_from"], facts["version"]
        if not is_resolution(str(facts.get("resolution", ""))):
            self._tell(event, say("It names no resolution."))
        if first < day and "text_hash" not in payload:
            self._tell(event, say("It begins on {first}, before it was published, without a reason.", first=first))
        wrong = self._hung_out(self._about.get(f"rules:{version}"), facts["sha256"], self._days_demanded(day))
        if wrong is not None:
            self._tell(event, wrong)
        ref = self._awards.ref_of(version, facts["sha256"])
        # Of two for a day the one that begins last speaks, of two that begin together the one published last.
        self._shelf = sorted(
            [(first, facts.get("effective_to", _NEVER), ref), *self._shelf], key=lambda one: one[0], reverse=True
        )

    def _days_demanded(self, day: str) -> int:
        """How many working days the book that spoke on a day made a new one hang out."""
        speaks = next((ref for first, last, ref in self._shelf if first <= day <= last), None)
        book = self._awards.book(speaks)
        return book.notice_days if book is not None else 0

    def _hung_out(self, newest: _Hung | None, text: Any, demanded: int) -> Say | None:
        """What is wrong with the newest notice about a version; None if it was rightly there, or rightly not."""
        if demanded and (newest is None or newest.days < demanded):
            return say("The rules of that day demanded a notice of {days} working days; there was none.", days=demanded)
        if newest is None:
            return None
        if newest.outcome != "passed":
            return say("The notice about it had not passed.")
        return say("It was another text that hung out.") if newest.binds != text and (newest.binds or demanded) else None

    def _tell(self, event: Event, wrong: Say) -> None:
        self._findings.add("rules_unsound", wrong, entry=event.seq)
