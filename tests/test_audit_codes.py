"""Every code of the audit has a vandal who provokes it: awards, services and their sums, personal data, commands, claims."""

import json
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import RULES as RULES_TEXT
from lived import Vandal, a_vandal, report, the_lived_book  # noqa: F401 - fixtures
from timebank import rulefile
from timebank.audit.awards import Awards, Known, told_by
from timebank.audit.findings import CODES, PROJECTION, REWRITTEN, ROLLED_BACK, Findings
from timebank.audit.privacy import Privacy
from timebank.base.errors import Invalid
from timebank.rewards import Facts, Used, award, facts_of, used_of
from timebank.transparency import canonical

RULES, HOURS, LONG_DAY, REVERSAL, APPROVED = 7, 9, 11, 12, 25
"""Entries of the lived book: its rule book, hours of member 2, 500 minutes of member 2 on one day that two people
confirmed, the reversal of service 1, the approved batch of October."""


class Vandalism(NamedTuple):
    """What is done, and the code and entry that the code's own check finds, alone."""

    name: str
    code: str
    do: Callable[[Vandal], object]
    found: set[int | None]


def sql(*statements: str) -> Callable[[Vandal], object]:
    return lambda v: [v.run(statement) for statement in statements]


def payload(seq: int = HOURS, **fields: Any) -> Callable[[Vandal], object]:
    return lambda v: v.rewrite(seq, **fields)


def trace(**fields: Any) -> Callable[[Vandal], object]:
    """Change what the trace of member 2's hours says; None takes a field out."""

    def do(v: Vandal) -> None:
        told = v.payload(HOURS)["trace"] | fields
        v.rewrite(HOURS, trace={name: value for name, value in told.items() if value is not None})

    return do


def posting(line: int, place: int, value: object) -> Callable[[Vandal], object]:
    """Change one value of one posting of member 2's hours: line 3 are the member's points."""

    def do(v: Vandal) -> None:
        postings = v.payload(HOURS)["postings"]
        postings[line][place] = value
        v.rewrite(HOURS, postings=postings)

    return do


def more_points(v: Vandal) -> None:
    """Ten points more in the trace and in the postings: all of it agrees, but not with the rules."""
    told, postings = v.payload(HOURS)["trace"], v.payload(HOURS)["postings"]
    told["points"] += 10
    postings[2][4] -= 10
    postings[3][4] += 10
    v.rewrite(HOURS, trace=told, postings=postings)


AWARDS = (
    Vandalism("more points than the rules give", "award_differs", more_points, {HOURS}),
    Vandalism("points that the trace does not give", "award_differs", posting(3, 4, 99), {HOURS}),
    Vandalism("another lapse day", "award_differs", posting(3, 3, "9999-12-31"), {HOURS}),
    Vandalism("points for somebody else", "award_differs", posting(3, 0, "member:1"), {HOURS}),
    Vandalism("minutes from somewhere else", "award_differs", posting(0, 0, "system:issued"), {HOURS}),
    Vandalism("a service of nobody", "award_differs", payload(postings=[]), {HOURS}),
    Vandalism("other minutes served", "award_differs", trace(minutes=125), {HOURS}),
    Vandalism("another day of service", "award_differs", trace(day="2026-09-13"), {HOURS}),
    Vandalism("a category with another rate", "award_differs", trace(category="cleaning"), {HOURS}),
    Vandalism("minutes used that were never read", "award_differs", trace(used={"counted": 30}), {HOURS}),
    Vandalism("nothing used, written down", "award_differs", trace(used={"eligible": 0}), {HOURS}),
    Vandalism("a step that the rules do not know", "award_differs", trace(bonus=5), {HOURS}),
    Vandalism("a step left out", "award_differs", trace(rate=None), {HOURS}),
    Vandalism("another engine", "award_differs", trace(engine=2), {HOURS}),
    Vandalism("sums of another kind", "award_differs", trace(used={"windows": {"month": ["x"]}}), {HOURS}),
    Vandalism("no trace", "award_differs", payload(trace=None), {HOURS}),
    Vandalism("no rules", "award_differs", payload(rules=None), {HOURS}),
    Vandalism("rules that nobody published", "rules_other", payload(rules="2026.0@0123456789abcdef"), {HOURS}),
    Vandalism(
        "a text of rules",
        "rules_unreadable",
        sql("UPDATE rulebook SET text = replace(text, 'elder-care = 12', 'elder-care = 99')"),
        {RULES},
    ),
    Vandalism("a text of rules taken out", "rules_unreadable", sql("DELETE FROM rulebook"), {RULES}),
)

COPIED = (
    "community_id, 9, 'x', version, digest, member_id, day, starts, ends, minutes, category, activity_no, activity, place, "
    "team_size, kind, 'posted', recorded_by, recorded_at, eligible, counted, points, window_minutes"
)
WITHIN = "team, programme, confirmed_by, evidence"

SERVICES = (
    Vandalism("a service's member", "service_differs", sql("UPDATE service SET member_id = 3 WHERE id = 2"), {HOURS}),
    Vandalism("a service's entry", "service_differs", sql("UPDATE service SET seq = 10 WHERE id = 2"), {HOURS}),
    Vandalism("a service taken out", "service_differs", sql("DELETE FROM service WHERE id = 2"), {HOURS}),
    Vandalism(
        "a waiting service called posted",
        "service_differs",
        sql(f"INSERT INTO service SELECT {COPIED}, NULL, {WITHIN} FROM service WHERE id = 2"),
        {None},
    ),
    Vandalism(
        "a service put in",
        "service_differs",
        sql(f"INSERT INTO service SELECT {COPIED}, seq, {WITHIN} FROM service WHERE id = 2"),
        {None},
    ),
    Vandalism("a service's team", "service_differs", sql("UPDATE service SET team = 'T001' WHERE id = 2"), {HOURS}),
    Vandalism("a service's programme", "service_differs", sql("UPDATE service SET programme = 'x' WHERE id = 2"), {HOURS}),
    Vandalism("a service turned down", "service_differs", sql("UPDATE service SET state = 'rejected' WHERE id = 2"), {None}),
    Vandalism(
        "a service taken back by nobody", "service_differs", sql("UPDATE service SET state = 'reversed' WHERE id = 2"), {None}
    ),
    Vandalism("a service posted again", "service_differs", sql("UPDATE service SET state = 'posted' WHERE id = 1"), {None}),
    Vandalism(
        "a sum that caps are read from",
        "earning_differs",
        sql("UPDATE earning SET points = points - 1 WHERE scope = 'life' AND member_id = 2"),
        {None},
    ),
    Vandalism(
        "a sum taken out", "earning_differs", sql("DELETE FROM earning WHERE scope = 'month:2026-09' AND member_id = 2"), {None}
    ),
    Vandalism("a sum put in", "earning_differs", sql("INSERT INTO earning VALUES (1, 2, 'year:2025', 1, 1, 1, 1)"), {None}),
    Vandalism(
        "two places at once",
        "hours_overlap",
        sql(
            "UPDATE service SET starts = 600, ends = 660 WHERE id = 2",
            "UPDATE service SET starts = 659, ends = 700, member_id = 2, day = '2026-09-12' WHERE id = 3",
        ),
        {10},
    ),
    Vandalism("a day of 25 hours", "day_too_long", sql("UPDATE service SET minutes = 1500 WHERE id = 2"), {HOURS}),
)

PEOPLE = (
    Vandalism("a mobile phone", "personal_data", trace(category="13800138000"), {HOURS}),
    Vandalism("a phone in a sentence's place", "personal_data", trace(category="电话13800138000"), {HOURS}),
    Vandalism("an identity number", "personal_data", payload(subject="hours:11010519491231002X"), {HOURS}),
    Vandalism("an e-mail address", "personal_data", trace(category="wang@example.org"), {HOURS}),
    Vandalism("a sentence", "free_text", trace(category="他病了。我去看他"), {HOURS}),
    Vandalism("a name where a number belongs", "free_text", payload(2, facts={"number": "张三"}), {2}),
    Vandalism("words as a key", "free_text", lambda v: v.rewrite(32, key="李四的时间/0"), {32}),
)

TWO = (
    Vandalism("hours of one's own, alone", "approver_missing", sql("UPDATE clerk SET member_id = 2 WHERE id = 1"), {HOURS}),
    Vandalism(
        "hours of one's own, confirmed", "one_person", sql("UPDATE clerk SET member_id = 2 WHERE id = 2"), {LONG_DAY, 32}
    ),
    Vandalism("a batch approved by who drafted it", "one_person", sql("UPDATE claim SET drafted_by = 2"), {APPROVED}),
    Vandalism("a leap of the clock", "approver_missing", lambda v: v.rewrite(31, posted_at="2027-03-01T00:00:00Z"), {31}),
)

BOUND = (
    Vandalism("who gave a command", "command_differs", sql("UPDATE command SET actor = 3 WHERE key = 'test-6'"), {8}),
    Vandalism(
        "a receipt that tells too much",
        "command_differs",
        lambda v: v.run("UPDATE command SET receipt = :told WHERE key = 'test-6'", told='{"posted":4}'),
        {None},
    ),
    Vandalism(
        "a receipt of an entry that is not there",
        "command_differs",
        lambda v: v.run("UPDATE command SET receipt = :told WHERE key = 'test-6'", told='{"entry":99}'),
        {None},
    ),
    Vandalism(
        "a command whose entries are gone",
        "command_differs",
        lambda v: v.run(
            "INSERT INTO command SELECT community_id, 'lost', verb, fingerprint, :told, actor, done_at FROM command "
            "WHERE key = 'test-6'",
            told='{"entries":[[33,"lost/0","hours","2026-11"]]}',
        ),
        {None},
    ),
    Vandalism(
        "a receipt that is none", "command_differs", sql("UPDATE command SET receipt = '[' WHERE key = 'test-6'"), {None}
    ),
    Vandalism("a line of a batch taken out", "claim_differs", sql("DELETE FROM settlement_line"), {APPROVED}),
    Vandalism(
        "a line of another batch",
        "claim_differs",
        sql("INSERT INTO settlement_line SELECT community_id, 5, 0, 0, 7 FROM settlement_line"),
        {None},
    ),
    Vandalism(
        "a voucher that was not captured",
        "claim_differs",
        sql("INSERT INTO settlement_line SELECT community_id, 2, 0, 0, claim_id FROM settlement_line"),
        {APPROVED},
    ),
    Vandalism("the batch before", "claim_differs", sql("UPDATE claim SET previous = 'x'"), {APPROVED}),
    Vandalism(
        "what was captured", "claim_differs", sql("UPDATE resolution SET benefit_fen = 1 WHERE voucher_id = 1"), {APPROVED}
    ),
)

LOG = (
    Vandalism("a day that does not exist", "malformed", payload(business_date="2026-09-31"), {HOURS}),
    Vandalism("a moment that does not exist", "malformed", lambda v: v.rewrite(32, posted_at="2026-11-06T24:00:01Z"), {32}),
)

VANDALISMS = (*AWARDS, *SERVICES, *PEOPLE, *TWO, *BOUND, *LOG)


@pytest.mark.parametrize("vandalism", VANDALISMS, ids=lambda vandalism: vandalism.name)
def test_each_vandalism_is_found_by_the_check_it_belongs_to(vandal: Vandal, vandalism: Vandalism) -> None:
    vandalism.do(vandal)
    check, status = CODES[vandalism.code]
    told = [finding for finding in report(vandal.book, check).findings if finding.code == vandalism.code]
    assert {finding.entry for finding in told} == vandalism.found
    assert {finding.status for finding in told} == {status}


def test_every_code_has_its_vandal() -> None:
    """In the tables here, or asserted by name in a test of its own."""
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert not [code for code in CODES if f'"{code}"' not in tests]


# --- awards made once ---

BOOK = rulefile.read(RULES_TEXT.encode()).book
SMALL = st.integers(0, 400)


@st.composite
def awarded(draw: st.DrawFn) -> dict[str, Any]:
    """A trace of a small world, in which facts and remainders repeat; perhaps with one value changed."""
    assert BOOK is not None
    facts = Facts(date(2026, 9, draw(st.integers(1, 3))), draw(st.sampled_from(["elder-care", "x"])), draw(SMALL) // 20 * 20)
    pairs = st.tuples(st.sampled_from([0, 1, 60, 95, 100]), SMALL)
    used = Used(draw(st.sampled_from([0, 0, 450])), draw(SMALL), draw(SMALL) // 30 * 30, {"month": draw(pairs)})
    trace: dict[str, Any] = json.loads(json.dumps(award(facts, BOOK, used).trace))
    changed = draw(st.sampled_from(["", "", "points", "counted", "minutes", "window_minutes", "used", "windows", "eligible"]))
    if changed in ("points", "counted", "minutes", "window_minutes"):
        trace[changed] = trace.get(changed, 0) + draw(st.sampled_from([-30, -1, 1, 30]))
    elif changed:
        sums = trace.setdefault("used", {})
        sums[changed] = draw(st.sampled_from([0, 1, 30, "1", True, [1], {"month": [1, 1]}, {"month": [0, 0]}, {"day": [1, 1]}]))
    return trace


@given(st.lists(awarded(), min_size=2, max_size=30))
def test_awards_known_already_are_those_made_again(traces: list[dict[str, Any]]) -> None:
    """What is remembered of a rule book never lets a trace pass that the rules would not make, nor refuses one they would."""
    assert BOOK is not None
    known = Known(BOOK)
    for trace in traces * 2:
        before = json.dumps(trace)
        told = told_of(trace)
        try:
            right: Any = award(facts_of(trace), BOOK, used_of(trace))
        except Invalid:
            with pytest.raises(Invalid):
                known.again(trace, told)
            continue
        again, written = known.again(trace, told)
        made = again.award
        assert (written == trace) == (right.trace == trace)
        assert trace == json.loads(before)
        if right.trace == trace:
            assert (made.points, made.overflow, made.lapses_on) == (right.points, right.overflow, right.lapses_on)


def known_trace() -> tuple[Known, dict[str, Any]]:
    """A memory that knows an award, and the trace of it."""
    assert BOOK is not None
    known, used = Known(BOOK), Used(0, 60, 60, {"month": (1, 60)})
    trace: dict[str, Any] = json.loads(json.dumps(award(Facts(date(2026, 9, 1), "elder-care", 60), BOOK, used).trace))
    assert known.again(trace, told_of(trace))[1] == trace
    assert known.again(trace, told_of(trace))[1] is trace
    return known, trace


def told_of(trace: dict[str, Any]) -> bytes:
    return told_by(canonical({"subject": "hours:1", "trace": trace, "v": 1}))


@pytest.mark.parametrize("windows", [{"month": [0, 0]}, {"x": [1, 1]}, {"month": [1, 60], "x": [1, 1]}, {"team/month": [1, 1]}])
def test_sums_that_no_award_writes_are_not_known(windows: dict[str, list[int]]) -> None:
    known, trace = known_trace()
    other = trace | {"used": trace["used"] | {"windows": windows}}
    assert known.again(other, told_of(other))[1] != other


def test_a_trace_that_says_more_behind_its_sums_is_not_known() -> None:
    known, trace = known_trace()
    other = trace | {"window_minutes": 30}
    assert told_of(other) == told_of(trace)
    assert known.again(other, told_of(other))[1] != other


def test_facts_that_look_like_a_trace_are_none() -> None:
    """An award is known by the bytes of its trace: those of facts come before it in a payload."""
    findings, digest = Findings(["I9"]), sha256(RULES_TEXT.encode()).hexdigest()
    awards, (_, trace) = Awards(findings, {"1": RULES_TEXT.encode()}), known_trace()
    awards.publish(0, {"facts": {"version": "1", "sha256": digest, "effective_from": "2026-01-01"}})
    entry = {"business_date": "2026-09-01", "postings": [], "rules": f"1@{digest[:16]}"}
    more = {"facts": {"a": 1, "trace": trace}}
    for seq, payload in enumerate([entry | {"trace": trace}, entry | more | {"trace": trace | {"rate": "1"}}]):
        awards.take(seq, payload, canonical(payload))
    assert [str(finding.message.values["parts"]) for finding in findings.all()] == ["postings", "rate"]


# --- what may tell who somebody is ---


def test_people_called_like_a_category_make_nothing_of_it_wrong(vandal: Vandal) -> None:
    """A name is no evidence: whoever is registered later would turn honest hours into tampering."""
    vandal.run("UPDATE person SET name = 'elder-care' WHERE id = 1")
    assert report(vandal.book).findings == ()


def test_a_sum_in_a_receipt_is_no_phone(vandal: Vandal) -> None:
    for fields, told in (({"fen": 13800138000}, []), ({"member": "13800138000"}, ["personal_data"])):
        receipt = json.dumps({"batches": [1], **fields})
        vandal.run("UPDATE command SET receipt = :receipt WHERE key = (SELECT min(key) FROM command)", receipt=receipt)
        assert [finding.code for finding in report(vandal.book, "I12").findings] == told


@pytest.mark.parametrize("field", ["category", "unit"])
@pytest.mark.parametrize("number", ["12800138000", "000000000000000", "000000-00000000-0000", "00000000000"])
def test_a_text_that_could_be_a_number_is_looked_at_each_time(field: str, number: str) -> None:
    """Payloads that differ in digits only are otherwise as good as the first of them."""
    findings = Findings(["I12"])
    assert not Privacy(findings).look({"seq": 1, "trace": {field: number}})
    assert Privacy(findings).look({"seq": 1, "trace": {field: "elder-care 2"}})


def test_a_later_payload_of_the_same_kind_is_looked_at_too(vandal: Vandal) -> None:
    """Eleven digits that are no phone come first, then eleven that are one."""
    for seq, category in ((HOURS, "12800138000"), (HOURS + 1, "13800138000")):
        vandal.rewrite(seq, trace=vandal.payload(seq)["trace"] | {"category": category})
    assert [finding.entry for finding in report(vandal.book, "I12").findings] == [HOURS + 1]


def test_the_page_lists_every_code_with_its_check_and_status() -> None:
    page = (Path(__file__).parent.parent / "docs" / "audit.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(" `"): cells for line in page.split("## Codes")[1].splitlines() if (cells := line.split("|"))[1:]}
    for code, (check, status) in CODES.items():
        cell = rows[check][3 if status == PROJECTION else 2]
        assert f"`{code}`" + (f" ({status})" if status in (ROLLED_BACK, REWRITTEN) else "") in cell
