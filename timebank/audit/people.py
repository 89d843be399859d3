"""Rows of kin, teams, calendars and notices, and the entries that bind them: what the audit compares of these rooms."""

from timebank import notices, workdays  # noqa: F401 - their tables
from timebank.audit.bound import Bound
from timebank.people import kin, teams  # noqa: F401 - their tables

TWO_PEOPLE = frozenset({"kin.link", "kin.end", "calendar.set", "notice.decide"})
"""Kinds of entries of these rooms that one person may not make alone."""

_TEAM = {"number": "number", "parent": "parent_id", "business_date": "founded_on"}
_UNTIL = {"business_date": "until"}

BOUND: tuple[Bound, ...] = (
    Bound("kin.link", "kin", {"a": "member_a", "b": "member_b", "kind": "kind", "since": "since"}, "kin_differs"),
    Bound("kin.end", "kin_end", _UNTIL, "kin_differs", key="kin_id", about="kin"),
    Bound("team.add", "team", _TEAM, "team_differs"),
    Bound(
        "team.join",
        "membership",
        {"team": "team_id", "member": "member_id", "role": "role", "business_date": "since"},
        "team_differs",
    ),
    Bound("team.leave", "membership_end", _UNTIL, "team_differs", key="membership_id", about="membership"),
    Bound("calendar.set", "calendar", {name: name for name in ("year", "days_off", "make_up_days")}, "notice_differs"),
    Bound("notice.post", "notice", {name: name for name in ("about", "begins", "until", "days")}, "notice_differs"),
    Bound(
        "notice.close",
        "notice_end",
        {"outcome": "outcome", "business_date": "closed_on"},
        "notice_differs",
        key="notice_id",
        about="notice",
    ),
    Bound("notice.object", "objection", {"notice": "notice_id", "business_date": "received_on"}, "notice_differs"),
    Bound("notice.decide", "objection_result", {"result": "result"}, "notice_differs", key="objection_id", about="objection"),
)
