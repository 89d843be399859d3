"""`audit --replay`: history played again finds what a book, sound in itself to every other check, says that it never read."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import RULES, Book, Shelf
from lived import Vandal, a_vandal  # noqa: F401 - a fixture
from timebank import approvals, audit, backtest, credits, hours, ledger, points, reviews, rewards, rulebooks, rulefile, services
from timebank.audit.replay import Kept
from timebank.base import db, schema
from timebank.base.act import Act
from timebank.credits import Contribution
from timebank.journal import ISSUED, Draft, Transfer
from timebank.people import teams
from timebank.people.teams import NewTeam
from timebank.rewards import Award, Facts, RuleBook, Used, award, convert
from timebank.rulebooks import Shelf as Books
from timebank.services import Record
from timebank.tallies import Sums

RICH = (
    RULES
    + """
[[cap]]
id = "daily"
per = "day"
minutes = 300
[[cap]]
id = "store"
per = "balance"
points = 260
overflow = "pool:elder-care"
[[cap]]
id = "activity"
per = "activity"
points = 40
overflow = "pool:elder-care"
[[cap]]
id = "team"
per = "month"
scope = "team"
points = 60
overflow = "review"
[[cap]]
id = "programme"
per = "year"
scope = "programme"
minutes = 150
overflow = "pool:elder-care"
[[tier]]
id = "star"
hours_at_least = 10
window = "lifetime"
[[tier]]
id = "busy"
hours_at_least = 8
window = "year"
[[multiply]]
id = "star"
times = 1.5
tier = "star"
[[multiply]]
id = "busy"
times = 1.1
tier = "busy"
[[bonus]]
id = "first-service"
points = 20
per = "lifetime"
[[bonus]]
id = "of-the-month"
points = 5
per = "month"
[credit]
points_per_credit = 1
monthly_credits_max = 50
"""
)
"""Every kind of sum is read: the day, what is carried, every window and scope, tiers of life and year, a balance, bonuses."""
LATER = (
    RICH.replace('"2026.1"', '"2026.2"')
    .replace("effective_from = 2026-01-01", "effective_from = 2026-10-15")
    .replace("elder-care = 12", "elder-care = 13")
)
TOGETHER: dict[str, Any] = {"team": "T001", "programme": "书香", "activity_no": "A1"}


def of(member: int, day: int, minutes: int, category: str = "elder-care", month: int = 10, **more: Any) -> Record:
    ref = f"{member}-{month}-{day}-{category}"
    return Record(f"M000{member}", date(2026, month, day), minutes, category, ref=ref, row=1)._replace(**more)


def do(book: Book, work: Callable[[Any, Act], object], approver: int | None = 2) -> None:
    book.command(work, book.act(approver=approver, reason="why"))


def record(book: Book, *records: Record) -> None:
    do(book, lambda s, a: hours.record_all(s, a, [list(records)]))


def play(url: str, folder: Path) -> None:
    """Two rule books; members with minutes left over, under caps and beyond them, of tiers; corrections; credits."""
    engine = db.open_engine(url)
    schema.upgrade(engine)
    book = Book(engine)
    book.found(open_from="2026-09")
    book.join("M0001", "M0002", "M0003", "M0004")
    do(book, lambda s, a: rulebooks.publish(s, a, RICH.encode(), "2026-7", "first"))
    record(book, of(1, 5, 50, month=9), of(1, 6, 50, month=9), of(2, 5, 100, month=9), of(1, 7, 20, month=9))
    record(book, of(1, 8, 480, month=9), of(1, 8, 120, "cleaning", month=9), of(2, 9, 45, "cleaning", month=9))
    do(book, lambda s, a: hours.correct(s, a, 2, 70))
    do(book, lambda s, a: rulebooks.publish(s, a, LATER.encode(), "2026-8", "at once"))
    do(book, lambda s, a: hours.correct(s, a, 5, 0))
    record(book, of(1, 14, 300), of(1, 15, 300), of(2, 16, 200), of(1, 16, 300, "cleaning"), of(3, 16, 29))
    do(book, lambda s, a: credits.Desk.begin(s, a).take([Contribution("M0003", 90, "环境", book.today)]))
    do(book, lambda s, a: credits.convert(s, a, "M0003", 20), approver=None)
    do(book, lambda s, a: credits.convert(s, a, "M0003", 10), approver=None)
    do(book, lambda s, a: hours.correct(s, a, 1, 0))
    record(book, of(1, 17, 65), of(2, 17, 200), of(3, 17, 61))
    do(book, lambda s, a: teams.add(s, a, NewTeam("一队", "T001", founded_on=date(2026, 1, 1))), approver=None)
    record(book, of(3, 1, 120, **TOGETHER), of(4, 2, 90, **TOGETHER), of(3, 3, 120, **TOGETHER), of(4, 4, 60, **TOGETHER))
    do(book, _give)
    do(book, lambda s, a: hours.correct(s, a, services.last_id(s, 1) - 2, 60))
    engine.dispose()


def _give(session: Any, act: Act) -> None:
    """Give what waits for a decision, as the door does."""
    waits = approvals.approve(session, act.on_behalf_of(2), approvals.waiting(session, 1)[0].id)
    reviews.give(session, act, waits.asked)


@pytest.fixture(name="lived")
def a_book_of_awards(shelf: Shelf, tmp_path: Path) -> Iterator[Book]:
    """That book; its clock stands at the end of it."""
    with shelf.lend(play, tmp_path) as url:
        engine = db.open_engine(url, wait_seconds=10)
        yield Book(engine, acts=1_000)
        engine.dispose()


def found(book: Book, *checks: str) -> set[tuple[str, int | None]]:
    """What an audit finds, of some checks or of those that are run without being asked for."""
    with book.read() as session:
        return {(one.code, one.entry) for one in audit.audit(session, 1, checks or None).findings}


def last(book: Book) -> int:
    with book.read() as session:
        return audit.audit(session, 1, ["I5"]).entries - 1


def test_history_played_again_is_what_was_written(lived: Book) -> None:
    assert found(lived) == set()
    assert found(lived, *audit.CHECKS) == set()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [(RICH, date(2026, 1, 1), date(2026, 10, 14)), (LATER, date(2026, 10, 15), date(2026, 12, 31))],
    ids=["first", "later"],
)
def test_each_book_in_force_over_its_own_days_gives_what_was_given(lived: Book, text: str, first: date, last: date) -> None:
    """With every cap, tier and bonus there is, points given by decision, credits, corrections of both sides of the change."""
    rules = rulefile.read(text.encode()).book
    assert rules is not None
    with lived.read() as session:
        tried = backtest.run(session, 1, rules, backtest.Span(first, last), lambda _: None)
    assert tried.kept.old > 0
    assert {share.change for share in tried.shares} == {0}
    assert all(line.change == 0 for line in (tried.pools, tried.review, tried.discarded, *tried.by_category, *tried.by_team))
    assert [hit.old for hit in tried.hits] == [hit.new for hit in tried.hits]


def test_awards_all_taken_back_leave_nothing_but_what_credits_became(lived: Book) -> None:
    with lived.read() as session:
        posted = [service.id for service in services.listed(session, 1, state="posted")]
    assert len(posted) > 10
    for number in reversed(posted):
        do(lived, lambda s, a, number=number: hours.correct(s, a, number, 0))  # type: ignore[misc]
    with lived.read() as session:
        driver = session.connection()
        for table in ("earning", "shared_earning"):
            assert not driver.exec_driver_sql(
                f"SELECT * FROM {table} WHERE eligible <> 0 OR counted <> 0 OR points <> 0 OR window_minutes <> 0"
            ).all()
        holders = [*(f"member:{member}" for member in range(1, 5)), "pool:elder-care"]
        left = {holder: ledger.balance(session, 1, holder, "points", today=lived.today).total for holder in holders}
    assert left == dict.fromkeys(holders, 0) | {"member:3": 30}
    assert found(lived, *audit.CHECKS) == set()


# --- a program that lies about what it read: everything else in the book is as it should be ---


def _forgetting(**sums: Any) -> Callable[[Used], Used]:
    return lambda used: used._replace(**sums)


def _without(window: str) -> Callable[[Used], Used]:
    return lambda used: used._replace(windows={name: pair for name, pair in used.windows.items() if name != window})


LIES = {
    "the day": (_forgetting(day_minutes=0), of(1, 17, 440, "cleaning")),
    "what is carried": (_forgetting(eligible=1_000, counted=900), of(3, 18, 31)),
    "a cap of minutes": (_without("day"), of(1, 14, 60, "cleaning")),
    "a cap of points": (_without("month"), of(1, 18, 240)),
    "a cap that nothing had used": (lambda used: used._replace(windows={"month": (90, 300)}), of(3, 5, 60, month=9)),
    "a tier of a life": (_forgetting(served=6_000), of(3, 18, 60)),
    "a tier of a year": (_forgetting(served_year=6_000), of(3, 18, 60)),
    "a bonus": (_forgetting(bonuses=frozenset()), of(2, 18, 60)),
    "a cap of an activity": (_without("activity"), of(3, 5, 60, **TOGETHER)),
    "a cap of a team": (_without("team/month"), of(1, 5, 60, team="T001")),
    "a cap of a programme": (_without("programme/year"), of(1, 5, 60, programme="书香")),
    "a balance": (_forgetting(balance=0), of(2, 18, 30)),
    "a balance too large": (_forgetting(balance=255), of(3, 18, 60)),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_award_that_says_it_read_what_was_not_there_is_found_by_history_alone(
    lived: Book, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    change, wanted = LIES[lie]

    def lying(facts: Facts, book: RuleBook, used: Used) -> Award:
        return award(facts, book, change(used))

    monkeypatch.setattr(hours, "award", lying)
    record(lived, wanted)
    assert found(lived) == set()
    assert found(lived, *audit.CHECKS) == {("used_differs", last(lived))}


def test_credits_of_the_month_that_a_conversion_forgot_are_found_by_history_alone(
    lived: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as lying:
        lying.setattr(rewards, "convert", lambda day, amount, book, _: convert(day, amount, book, 0))
        do(lived, lambda s, a: credits.convert(s, a, "M0003", 45), approver=None)
    assert found(lived) == set()
    assert found(lived, *audit.CHECKS) == {("used_differs", last(lived))}


def test_a_book_that_did_not_speak_makes_other_points_than_history(lived: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as lying:
        lying.setattr(Books, "on", lambda shelf, day: shelf.books[-1])
        record(lived, of(3, 19, 60))
    seq = last(lived)
    assert found(lived) == {("rules_other", seq)}
    assert found(lived, *audit.CHECKS) == {("rules_other", seq), ("history_differs", seq)}


def test_credits_taken_back_and_those_of_another_month_leave_room(lived: Book) -> None:
    with lived.read() as session:
        seq = max(one.seq for one in credits.movements(session, 1) if one.kind == credits.CONVERT)
    do(lived, lambda s, a: points.take_back(s, a, seq))
    do(lived, lambda s, a: credits.convert(s, a, "M0003", 30), approver=None)
    lived.now += timedelta(days=30)
    do(lived, lambda s, a: credits.convert(s, a, "M0003", 35), approver=None)
    assert found(lived, *audit.CHECKS) == set()


def test_a_reversal_that_takes_from_what_had_lapsed_is_in_order(lived: Book) -> None:
    lived.now = datetime(2030, 1, 10, 4, tzinfo=UTC)
    do(lived, lambda s, a: points.expire_due(s, a, lived.today))
    do(lived, lambda s, a: hours.correct(s, a, 3, 0))
    assert found(lived, "I9", "replay") == set()


def test_a_decision_about_an_award_that_was_taken_back_is_found(lived: Book) -> None:
    record(lived, of(4, 18, 120, team="T001"))
    waits = last(lived)
    with lived.read() as session:
        number, asked = services.last_id(session, 1), approvals.waiting(session, 1)[-1].asked
    assert asked["entry"] == waits
    do(lived, lambda s, a: hours.correct(s, a, number, 0))
    given = Transfer("points", asked["points"], ISSUED, "source", "member:4", "available", lapses_on=date(2029, 10, 31))
    facts = {"entry": waits, "points": asked["points"], "outcome": "given"}
    draft = Draft(reviews.KIND, lived.today, (given,), subject=f"hours:{number}", facts=facts)
    do(lived, lambda s, a: ledger.post(s, a, draft))
    assert found(lived, "I9") == {("points_differ", last(lived))}


def test_who_is_taken_back_frees_what_history_gave(lived: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """One lie accuses one entry: those after it, and its own reversal, go on from the truth."""
    monkeypatch.setattr(hours, "award", lambda facts, book, used: award(facts, book, used._replace(windows={})))
    record(lived, of(1, 18, 240))
    lied = last(lived)
    monkeypatch.setattr(hours, "award", award)
    with lived.read() as session:
        number = max(one.id for one in services.listed(session, 1))
    do(lived, lambda s, a: hours.correct(s, a, number, 0))
    record(lived, of(1, 19, 60, "cleaning"))
    assert found(lived, "replay") == {("used_differs", lied)}


# --- a vandal ---


def changed(vandal: Vandal, number: int, change: Callable[[dict[str, Any]], object]) -> int:
    """Change a payload of hours, its leaf, and the head."""
    seq = vandal.seq("hours", number)
    payload = vandal.payload(seq)
    change(payload)
    vandal.rewrite(**payload)
    vandal.reseal()
    return seq


def _trace(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda payload: payload["trace"].update(fields)


def _lots(payload: dict[str, Any]) -> None:
    for line in payload["postings"][2:]:
        line[3] = line[3] if line[0] == "system:issued" else "2039-12-31"


def _pool(payload: dict[str, Any]) -> None:
    for line in payload["postings"]:
        line[0] = line[0].replace("pool:elder-care", "pool:other")


def _more(payload: dict[str, Any]) -> None:
    """A point more, in trace and postings alike."""
    payload["trace"]["points"] += 1
    payload["postings"][2][4] -= 1
    payload["postings"][3][4] += 1


VANDALISM: dict[str, tuple[int, Callable[[dict[str, Any]], object]]] = {
    "points": (2, _more),
    "a rate": (0, _trace(rate="13")),
    "a bonus told twice": (0, _trace(bonus=[["first-service", "20"], ["first-service", "20"]])),
    "minutes counted": (1, _trace(counted=30)),
    "a sum read": (1, _trace(used={"eligible": 30})),
    "a lapse day": (0, _lots),
    "an overflow pool": (4, _pool),
}


@pytest.mark.parametrize("what", VANDALISM)
def test_a_changed_award_is_named_by_history_too(vandal: Vandal, what: str) -> None:
    number, change = VANDALISM[what]
    seq = changed(vandal, number, change)
    assert ("award_differs", seq) in found(vandal.book, "I9")
    taken_back = {number for (number,) in vandal.all("SELECT seq FROM entry WHERE reverses = :seq", seq=seq)}
    assert {entry for _, entry in found(vandal.book, "replay")} - taken_back == {seq}


def test_an_award_by_a_book_that_did_not_speak_then_is_found(vandal: Vandal) -> None:
    other = vandal.payload(vandal.seq("hours", 9))["rules"]
    seq = changed(vandal, 0, lambda payload: payload.update(rules=other))
    assert other.startswith("2026.2")
    assert ("rules_other", seq) in found(vandal.book, "I9", "replay")


def test_a_reversal_that_takes_less_than_was_given_is_found(vandal: Vandal) -> None:
    seq = vandal.seq("reversal", -1)
    payload = vandal.payload(seq)
    for line in payload["postings"]:
        line[4] += (line[4] < 0) - (line[4] > 0) if line[1] == "points" else 0
    vandal.rewrite(**payload)
    vandal.reseal()
    assert ("history_differs", seq) in found(vandal.book, "replay")


REVIEWED: dict[str, Callable[[dict[str, Any]], object]] = {
    "its lot": lambda payload: payload["postings"][1].__setitem__(3, "2039-12-31"),
    "how many": lambda payload: [line.__setitem__(4, 2 * line[4]) for line in payload["postings"]],
    "the award": lambda payload: payload["facts"].update(entry=6),
    "the outcome": lambda payload: payload["facts"].update(outcome="discarded"),
}


@pytest.mark.parametrize("what", REVIEWED)
def test_a_decision_that_gives_other_points_than_waited_is_found(vandal: Vandal, what: str) -> None:
    seq = vandal.seq("points.review")
    payload = vandal.payload(seq)
    REVIEWED[what](payload)
    vandal.rewrite(**payload)
    vandal.reseal()
    assert found(vandal.book, "I9") == {("points_differ", seq)}


@pytest.mark.parametrize("scope", ["bonus:first-service/life", "activity:A1"])
def test_sums_that_only_traces_tell_are_compared(vandal: Vandal, scope: str) -> None:
    vandal.run("UPDATE earning SET counted = counted + 1 WHERE scope = :scope AND member_id = 3", scope=scope)
    assert found(vandal.book, "I10", "replay") == {("earning_differs", None)}


def test_sums_of_teams_and_programmes_are_compared(vandal: Vandal) -> None:
    vandal.run("DELETE FROM shared_earning WHERE scope = 'programme:书香/year:2026'")
    assert found(vandal.book, "I10", "replay") == {("earning_differs", None)}


def test_without_the_text_of_its_rules_history_stops(vandal: Vandal) -> None:
    vandal.run("UPDATE rulebook SET text = text || '#' WHERE version = '2026.1'")
    assert found(vandal.book, "replay") == {("history_lost", vandal.seq("hours"))}


# --- memory ---


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["life", "day:2026-10-01"]), st.integers(0, 99)), max_size=40))
def test_sums_are_kept_wherever_they_lie(moves: list[tuple[int, str, int]]) -> None:
    kept, truth = Kept(2), dict[tuple[int, str], Sums]()
    for member, scope, many in moves:
        place = (member, scope)
        assert kept.of({place}) == ({place: truth[place]} if place in truth else {})
        truth[place] = Sums(many, 1, 2, -3, 4)
        kept.keep(MappingProxyType({place: Sums(many, 1, 2, -3, 4)}))
