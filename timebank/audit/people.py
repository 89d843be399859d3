"""Kin, teams, calendars, notices and merchants' devices: the rows their entries bind, who confirmed a link, and whether
notices passed rightly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from timebank import notices, workdays  # noqa: F401 - their tables
from timebank.audit.bound import Bound
from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.base.errors import NotFound
from timebank.base.i18n import Say, say
from timebank.people import devices, kin, teams  # noqa: F401 - their tables

TWO_PEOPLE = frozenset({"kin.link", "kin.end", "calendar.set", "notice.decide", "notice.demand"})
"""Kinds of entries of these rooms that one person may not make alone."""

_TEAM = {"number": "number", "parent": "parent_id", "business_date": "founded_on"}
_UNTIL = {"business_date": "until"}

BOUND: tuple[Bound, ...] = (
    Bound("kin.link", "kin", {"a": "member_a", "b": "member_b", "kind": "kind", "since": "since"}, "kin_differs"),
    Bound("kin.end", "kin_end", _UNTIL, "kin_differs", key="kin_id", about="kin"),
    Bound("team.add", "team", _TEAM, "team_differs"),
    Bound("team.move", "team_move", {"team": "team_id", "parent": "parent_id", "business_date": "since"}, "team_differs"),
    Bound(
        "team.join",
        "membership",
        {"team": "team_id", "member": "member_id", "role": "role", "business_date": "since"},
        "team_differs",
    ),
    Bound("team.leave", "membership_end", _UNTIL, "team_differs", key="membership_id", about="membership"),
    Bound("calendar.set", "calendar", {name: name for name in ("year", "days_off", "make_up_days")}, "notice_differs"),
    Bound("notice.post", "notice", {name: name for name in ("about", "begins", "until", "days", "binds")}, "notice_differs"),
    Bound(
        "notice.close",
        "notice_end",
        {"outcome": "outcome", "business_date": "closed_on"},
        "notice_differs",
        key="notice_id",
        about="notice",
    ),
    Bound("notice.demand", "notice_demand", {"about": "about", "days": "days"}, "notice_differs"),
    Bound("notice.object", "objection", {"notice": "notice_id", "business_date": "received_on"}, "notice_differs"),
    Bound("notice.decide", "objection_result", {"result": "result"}, "notice_differs", key="objection_id", about="objection"),
    Bound(
        "device.invite",
        "enrolment",
        {"merchant": "merchant_id"} | {name: name for name in ("scopes", "token_hash", "ends_at", "made_by")},
        "device_differs",
    ),
    Bound(
        "device.enrol",
        "device",
        {"merchant": "merchant_id", "enrolment": "enrolment_id", "clerk": "actor_id"}
        | {name: name for name in ("kind", "scopes", "secret_hash")},
        "device_differs",
    ),
    Bound("device.end", "device_end", {}, "device_differs", key="device_id", about="device"),
)


@dataclass(slots=True)
class _Notice:
    """A notice as its entries tell it so far; days are ISO."""

    begins: str
    until: str
    open: set[str] = field(default_factory=set)
    upheld: bool = False
    closed: bool = False


class Course:
    """Follows links of kin and notices through the journal. `own` are the members that clerks also are, by the clerk's id."""

    def __init__(self, own: dict[int, int], findings: Findings) -> None:
        self._own = own
        self._findings = findings
        self._links: dict[str, tuple[Any, Any]] = {}
        self._calendars: dict[int, tuple[str, str]] = {}
        self._notices: dict[str, _Notice] = {}
        self._objections: dict[str, str] = {}
        self._steps: dict[str, Callable[[Payload], Say | None]] = {
            "calendar.set": self._calendar,
            "notice.post": self._post,
            "notice.object": self._object,
            "notice.decide": self._decide,
            "notice.close": self._close,
        }

    def take(self, events: Sequence[Any]) -> None:
        """Follow the entries of a batch: events as the refold keeps them."""
        for event in events:
            if event.kind in ("kin.link", "kin.end"):
                self._confirmed(event.seq, event.payload)
            elif event.kind in self._steps:
                try:
                    wrong = self._steps[event.kind](event.payload)
                except (TypeError, ValueError, AttributeError, LookupError, NotFound):
                    wrong = say("It does not follow from the entries before it.")
                if wrong is not None:
                    self._findings.add("notice_unsound", wrong, entry=event.seq)

    def _confirmed(self, seq: int, payload: Payload) -> None:
        """I13: nobody confirms a link of their own."""
        subject, facts = str(payload.get("subject")), payload.get("facts", {})
        pair = self._links.setdefault(subject, (facts.get("a"), facts.get("b")))
        approver = payload.get("approver")
        if approver in self._own and self._own[approver] in pair:
            own = say("Clerk {clerk} confirmed a link of their own.", clerk=approver)
            self._findings.add("one_person", own, entry=seq)

    def _calendar(self, payload: Payload) -> None:
        facts = payload["facts"]
        self._calendars[facts["year"]] = (str(facts["days_off"]), str(facts["make_up_days"]))

    def _post(self, payload: Payload) -> Say | None:
        facts, today = payload["facts"], payload["business_date"]
        begins, until = facts["begins"], facts["until"]
        self._notices[payload["subject"]] = _Notice(begins, until)
        right = workdays.counted(date.fromisoformat(begins), facts["days"], self._calendars).isoformat()
        if until != right:
            return say("It hangs until {until}; by the calendar of then it should be {right}.", until=until, right=right)
        return say("It began before it was posted.") if begins < today else None

    def _object(self, payload: Payload) -> Say | None:
        subject = f"notice:{payload['facts']['notice']}"
        notice, self._objections[payload["subject"]] = self._notices[subject], subject
        notice.open.add(payload["subject"])
        if notice.closed or not notice.begins <= payload["business_date"] <= notice.until:
            return say("{subject} did not hang on that day.", subject=subject)
        return None

    def _decide(self, payload: Payload) -> None:
        notice = self._notices[self._objections[payload["subject"]]]
        notice.open.remove(payload["subject"])
        notice.upheld = notice.upheld or payload["facts"]["result"] != "dismissed"

    def _close(self, payload: Payload) -> Say | None:
        notice, outcome = self._notices[payload["subject"]], payload["facts"]["outcome"]
        before, notice.closed = notice.closed, True
        if before or notice.open or outcome != ("stopped" if notice.upheld else "passed"):
            return say("It was closed before, with an objection undecided, or not as its objections were decided.")
        if outcome == "passed" and payload["business_date"] <= notice.until:
            return say("It was closed before its days were over.")
        return None
