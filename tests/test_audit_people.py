"""Kin, teams, calendars and notices: whoever changes their rows behind the program's back is found, as is who decided alone."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from conftest import Book
from lived import Vandal, a_vandal, report, the_book_lived_in_together  # noqa: F401 - fixtures
from timebank import audit
from timebank.audit import bindings, people
from timebank.audit.findings import CODES
from timebank.audit.refold import TWO_PEOPLE


class Vandalism(NamedTuple):
    """What is done, the code that tells it, and the kind of entry that it is told of (None: a row of no entry)."""

    name: str
    code: str
    statement: str
    kind: str | None


VANDALISMS = (
    Vandalism("a link to somebody else", "kin_differs", "UPDATE kin SET member_b = 3", "kin.link"),
    Vandalism("another kind of link", "kin_differs", "UPDATE kin SET kind = 'other'", "kin.link"),
    Vandalism("an earlier link", "kin_differs", "UPDATE kin SET since = '2026-01-01'", "kin.link"),
    Vandalism("a link that never ended", "kin_differs", "DELETE FROM kin_end", "kin.end"),
    Vandalism("a link that ended earlier", "kin_differs", "UPDATE kin_end SET until = '2026-10-01'", "kin.end"),
    Vandalism("a link put in", "kin_differs", "INSERT INTO kin VALUES (1, 2, 1, 3, 'other', '2026-09-01', 33)", None),
    Vandalism("a team's number", "team_differs", "UPDATE team SET number = 'T009' WHERE id = 1", "team.add"),
    Vandalism("a team below itself", "team_differs", "UPDATE team SET parent_id = 1 WHERE id = 1", "team.add"),
    Vandalism("a team founded earlier", "team_differs", "UPDATE team SET founded_on = '2026-01-01' WHERE id = 1", "team.add"),
    Vandalism("a team under another", "team_differs", "UPDATE team_move SET parent_id = 2", "team.move"),
    Vandalism("another team that moved", "team_differs", "UPDATE team_move SET team_id = 1, parent_id = NULL", "team.move"),
    Vandalism("a team that moved earlier", "team_differs", "UPDATE team_move SET since = '2026-01-01'", "team.move"),
    Vandalism("a move forgotten", "team_differs", "DELETE FROM team_move", "team.move"),
    Vandalism("a move put in", "team_differs", "INSERT INTO team_move VALUES (1, 2, 2, NULL, '2026-11-06', 9)", None),
    Vandalism("somebody else in a team", "team_differs", "UPDATE membership SET member_id = 2", "team.join"),
    Vandalism("another captain", "team_differs", "UPDATE membership SET role = 'member'", "team.join"),
    Vandalism("in the team earlier", "team_differs", "UPDATE membership SET since = '2026-01-01'", "team.join"),
    Vandalism("in the team for ever", "team_differs", "DELETE FROM membership_end", "team.leave"),
    Vandalism("in the team longer", "team_differs", "UPDATE membership_end SET until = '2026-12-01'", "team.leave"),
    Vandalism("put into a team", "team_differs", "INSERT INTO membership VALUES (1, 2, 1, 1, 'member', '2026-11-06', 9)", None),
    Vandalism("a phone of another shop", "device_differs", "UPDATE device SET merchant_id = 1", "device.enrol"),
    Vandalism("a phone that may do more", "device_differs", "UPDATE device SET scopes = 'all' WHERE id = 1", "device.enrol"),
    Vandalism("a day off", "notice_differs", "UPDATE calendar SET days_off = ''", "calendar.set"),
    Vandalism("a make-up day", "notice_differs", "UPDATE calendar SET make_up_days = '2026-11-07'", "calendar.set"),
    Vandalism("another year", "notice_differs", "UPDATE calendar SET year = 2027", "calendar.set"),
    Vandalism("a notice of other hours", "notice_differs", "UPDATE notice SET about = 'hours:1..9'", "notice.post"),
    Vandalism("a shorter notice", "notice_differs", "UPDATE notice SET until = begins", "notice.post"),
    Vandalism("a notice of other records", "notice_differs", "UPDATE notice SET binds = 'ab'", "notice.post"),
    Vandalism("a demand of fewer days", "notice_differs", "UPDATE notice_demand SET days = 3 WHERE id = 1", "notice.demand"),
    Vandalism("another demand", "notice_differs", "UPDATE notice_demand SET about = 'x' WHERE id = 1", "notice.demand"),
    Vandalism("a demand forgotten", "notice_differs", "DELETE FROM notice_demand WHERE id = 1", "notice.demand"),
    Vandalism("a demand put in", "notice_differs", "INSERT INTO notice_demand VALUES (1, 3, 'hours', 1, 9)", None),
    Vandalism("an earlier notice", "notice_differs", "UPDATE notice SET begins = '2026-10-01'", "notice.post"),
    Vandalism("a notice that passed", "notice_differs", "UPDATE notice_end SET outcome = 'passed'", "notice.close"),
    Vandalism("a notice reopened", "notice_differs", "DELETE FROM notice_end", "notice.close"),
    Vandalism("a late objection", "notice_differs", "UPDATE objection SET received_on = '2026-12-01'", "notice.object"),
    Vandalism("an objection dismissed", "notice_differs", "UPDATE objection_result SET result = 'dismissed'", "notice.decide"),
    Vandalism("an objection forgotten", "notice_differs", "DELETE FROM objection_result", "notice.decide"),
    Vandalism("an objection put in", "notice_differs", "INSERT INTO objection VALUES (1, 2, 1, '2026-11-06', 9)", None),
)


@pytest.mark.parametrize("vandalism", VANDALISMS, ids=lambda vandalism: vandalism.name)
def test_a_changed_row_is_found_and_named_by_its_entry(vandal: Vandal, vandalism: Vandalism) -> None:
    vandal.run(vandalism.statement)
    told = [finding for finding in report(vandal.book, "I4").findings if finding.code == vandalism.code]
    entry = None if vandalism.kind is None else vandal.seq(vandalism.kind)
    assert {finding.entry for finding in told} == {entry}
    assert {finding.status for finding in told} == {CODES[vandalism.code][1]}


def test_every_code_of_a_bound_row_is_one_of_the_audit() -> None:
    assert {bound.code for bound in bindings.BOUND} <= CODES.keys()


def test_a_book_with_kin_teams_and_notices_has_no_findings(lived: Book) -> None:
    with lived.read() as session:
        assert audit.audit(session, 1).findings == ()


def test_an_erased_text_of_a_notice_is_no_finding(vandal: Vandal) -> None:
    vandal.run("DELETE FROM entry_text WHERE seq = :seq", seq=vandal.seq("notice.object"))
    assert report(vandal.book).ok


def told_again(kind: str, **facts: object) -> Callable[[Vandal], object]:
    """Write other facts into an entry."""

    def do(vandal: Vandal) -> None:
        seq = vandal.seq(kind)
        vandal.rewrite(seq, facts=vandal.payload(seq).get("facts", {}) | facts)

    return do


def dated(kind: str, day: str) -> Callable[[Vandal], object]:
    return lambda vandal: vandal.rewrite(vandal.seq(kind), business_date=day)


COURSES = (
    ("a notice too short", told_again("notice.post", until="2026-11-11"), {"notice.post"}),
    ("a notice too long", told_again("notice.post", days=6), {"notice.post"}),
    ("by another calendar", told_again("calendar.set", days_off="2026-11-09"), {"notice.post"}),
    ("a year without a calendar", told_again("calendar.set", year=2025), {"notice.post"}),
    ("a notice begun before", told_again("notice.post", begins="2026-11-05", days=6), {"notice.post"}),
    ("a notice of no day", told_again("notice.post", begins="soon"), {"notice.post", "notice.object"}),
    ("an objection to nothing", told_again("notice.object", notice=7), {"notice.object", "notice.decide", "notice.close"}),
    ("an objection too late", dated("notice.object", "2026-11-13"), {"notice.object"}),
    ("an objection too early", dated("notice.object", "2026-11-05"), {"notice.object"}),
    ("closed against what was decided", told_again("notice.close", outcome="passed"), {"notice.close"}),
    ("passed too early", told_again("notice.decide", result="dismissed"), {"notice.close"}),
    ("undecided", lambda vandal: vandal.rewrite(vandal.seq("notice.decide"), kind="calendar.note"), {"notice.close"}),
    ("decided twice", lambda vandal: vandal.rewrite(vandal.seq("notice.close"), kind="notice.decide"), {"notice.close"}),
)


@pytest.mark.parametrize(("do", "kinds"), [case[1:] for case in COURSES], ids=[case[0] for case in COURSES])
def test_a_notice_that_could_not_go_that_way_is_named(vandal: Vandal, do: Callable[[Vandal], object], kinds: set[str]) -> None:
    wanted = {vandal.seq(kind) for kind in kinds}
    do(vandal)
    told = report(vandal.book, "notices").findings
    assert {(finding.code, finding.entry) for finding in told} == {("notice_unsound", seq) for seq in wanted}


def test_a_notice_that_passed_before_its_days_were_over_is_named(vandal: Vandal) -> None:
    """Dismissed, and closed as passed: all of it agrees, but for the day."""
    told_again("notice.decide", result="dismissed")(vandal)
    told_again("notice.close", outcome="passed")(vandal)
    assert {finding.entry for finding in report(vandal.book, "notices").findings} == {vandal.seq("notice.close")}
    dated("notice.close", "2026-11-13")(vandal)
    assert report(vandal.book, "notices").ok


@pytest.mark.parametrize("member", [1, 2])
def test_who_confirms_a_link_of_their_own_is_named(vandal: Vandal, member: int) -> None:
    vandal.run("UPDATE clerk SET member_id = :member WHERE id = 2", member=member)
    told = {finding.entry for finding in report(vandal.book, "I13").findings if finding.code == "one_person"}
    assert {vandal.seq("kin.link"), vandal.seq("kin.end")} <= told


def test_every_table_of_these_rooms_is_bound_in_every_column_that_counts() -> None:
    """What no entry repeats is a number of the row's own, a text for people, or the moment that the entry has anyway."""
    bound: dict[str, set[str]] = {}
    for one in people.BOUND:
        bound.setdefault(one.table, set()).update(one.columns.values(), [one.key, one.seq])
    unbound = {
        (one.table, column.name)
        for one in people.BOUND
        for column in one.rows.columns
        if column.name not in bound[one.table] | {"community_id"}
    }
    texts = {("team", "name"), ("team", "number_key"), ("device", "label"), ("enrolment", "label")}
    assert unbound == texts | {("device", "enrolled_at"), ("device_end", "ended_at")}


def test_what_these_rooms_do_by_two_needs_two_in_the_audit() -> None:
    assert people.TWO_PEOPLE <= TWO_PEOPLE
    assert {one.kind for one in people.BOUND} >= people.TWO_PEOPLE
