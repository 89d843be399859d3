"""Hours under the whole rule book: bonuses, tiers, caps of activities, teams, programmes and stores, points to decide about."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import Session

from conftest import Book, Cli
from timebank import approvals, complaints, hours, ledger, reviews, rulebooks, services
from timebank.audit import CHECKS, audit
from timebank.base.act import Act
from timebank.base.errors import NotAllowed, Refused
from timebank.base.imported import Imported
from timebank.journal import ISSUED, Draft, Transfer
from timebank.people import clerks, members, teams
from timebank.people.teams import NewTeam
from timebank.services import Record

DAY = date(2026, 10, 18)
HEAD = """
schema = 1
name = "community-points"
version = "2026.1"
title = "积分规则"
effective_from = 2026-01-01
points = { name = "积分", decimals = 0, round = "down" }
rate = { default = 10 }
[service]
minimum_minutes = 30
round_minutes = 30
round = "down"
maximum_minutes_per_day = 480
kinds = ["confirmed"]
carry_remainder = true
"""
BONUS = '[[bonus]]\nid = "first"\npoints = 20\nper = "lifetime"\n[[bonus]]\nid = "monthly"\npoints = 3\nper = "month"\n'
TIER = '[[tier]]\nid = "star"\nhours_at_least = 3\nwindow = "{window}"\n[[multiply]]\nid = "star"\ntimes = 2\ntier = "star"\n'
CAP = '[[cap]]\nid = "cap"\nper = "{per}"\nscope = "{scope}"\n{limit}\noverflow = "{overflow}"\n'
PENALTY = '\n[penalty]\ncomplaint = "void"\n'
Under = Callable[[str], Callable[..., Imported]]
ONE = Record("M0001", DAY, 60, "visit", ref="r1", row=2)


def cap(per: str, limit: str = "points = 15", scope: str = "member", overflow: str = "discard") -> str:
    return CAP.format(per=per, scope=scope, limit=limit, overflow=overflow)


@pytest.fixture
def street(book: Book) -> Book:
    book.join("M0001", "M0002", "M0003")
    return book


@pytest.fixture
def under(street: Book) -> Callable[[str], Callable[..., Imported]]:
    """Publish a rule book of the head and these clauses; gives what records services, each a command."""

    def publish(clauses: str) -> Callable[..., Imported]:
        with street.write() as session:
            rulebooks.publish(session, street.act(approver=2), (HEAD + clauses).encode(), "2026-7", "first rules")

        def record(*records: Record) -> Imported:
            taken: list[Imported] = []
            street.command(lambda s, a: taken.append(hours.record_all(s, a, [records])), street.act())
            assert not taken[0].rejected, taken[0].rejected
            return taken[0]

        return record

    return publish


def has(book: Book, member: int = 1) -> int:
    return book.points(f"member:{member}").available


def take_back(book: Book, number: int) -> None:
    book.command(lambda s, a: hours.correct(s, a, number, 0), book.act(approver=2))


def sound(book: Book) -> None:
    with book.read() as session:
        assert audit(session, 1, CHECKS).findings == ()


def kept(book: Book) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Every sum that is kept and not nothing."""
    with book.read() as session:
        driver = session.connection()
        own = driver.exec_driver_sql("SELECT member_id, scope, eligible, counted, points, window_minutes FROM earning")
        shared = driver.exec_driver_sql("SELECT 0, scope, eligible, counted, points, window_minutes FROM shared_earning")
        return {(str(row[0]), row[1]): tuple(row[2:]) for row in [*own, *shared] if any(row[2:])}


def test_a_bonus_is_given_once_in_its_window_and_again_after_a_reversal(street: Book, under: Under) -> None:
    take = under(BONUS)
    assert take(ONE, ONE._replace(ref="r2")).points == 10 + 20 + 3 + 10
    assert take(ONE._replace(ref="r3", day=date(2026, 9, 1))).points == 10 + 3
    take_back(street, 1)
    assert has(street) == 10 + 13
    assert take(ONE._replace(ref="r4")).points == 10 + 20 + 3
    sound(street)


@pytest.mark.parametrize(("window", "doubled"), [("lifetime", 20), ("year", 10)])
def test_a_tier_counts_the_minutes_of_its_window_those_before_the_book_in_a_life(
    street: Book, under: Under, window: str, doubled: int
) -> None:
    take = under(TIER.format(window=window))
    street.give("member:1", 120)
    assert take(ONE, ONE._replace(ref="r2")).points == 10 + doubled
    assert take(ONE._replace(ref="r3", minutes=90)).points == 15 * doubled // 10
    assert take(ONE._replace(ref="r4")).points == 20
    sound(street)


def test_a_tier_is_left_again_when_its_hours_are_taken_back(street: Book, under: Under) -> None:
    take = under(TIER.format(window="year"))
    assert take(ONE._replace(minutes=180), ONE._replace(ref="r2")).points == 30 + 20
    take_back(street, 1)
    assert take(ONE._replace(ref="r3")).points == 10
    sound(street)


def test_a_cap_of_an_activity_counts_its_own_services_only(street: Book, under: Under) -> None:
    take = under(cap("activity"))
    at = partial(ONE._replace, activity_no="A1")
    assert take(at(ref="a"), at(ref="b", day=DAY - timedelta(1)), at(ref="c"), ONE, ONE._replace(ref="d")).points == 15 + 20
    take_back(street, 1)
    assert take(at(ref="e")).points == 10
    sound(street)


def test_a_book_without_a_cap_for_it_does_not_write_the_activity_into_the_log(street: Book, under: Under) -> None:
    take = under("")
    take(ONE._replace(activity_no="A1"))
    assert not any(scope.startswith("activity") for _, scope in kept(street))


@pytest.mark.parametrize("scope", ["team", "programme"])
def test_a_cap_of_a_team_or_programme_counts_all_who_serve_in_it(street: Book, under: Under, scope: str) -> None:
    with street.write() as session:
        teams.add(session, street.act(), NewTeam("一队", "T001", founded_on=date(2026, 1, 1)))
    take = under(cap("month", "points = 25", scope))
    within = {"team": "t1"} if scope == "team" else {"programme": "书香"}
    rows = [ONE._replace(member_no=f"M000{i}", ref=f"r{i}", **within) for i in (1, 2, 3)]  # type: ignore[arg-type]
    assert take(*rows, ONE._replace(ref="r4")).points == 25 + 10
    assert [has(street, i) for i in (1, 2, 3)] == [20, 10, 5]
    take_back(street, 2)
    assert take(rows[1]._replace(ref="r5", minutes=120)).points == 10
    sound(street)


def test_a_team_that_does_not_exist_is_refused_and_one_without_the_member_is_a_warning(street: Book, under: Under) -> None:
    under("")
    with street.write() as session:
        team = teams.add(session, street.act(), NewTeam("一队", "T001", founded_on=DAY))
        teams.join(session, street.act(), team, members.find(session, 1, "M0002"), since=DAY)
    rows = [
        ONE._replace(team="T002"),
        ONE._replace(team="T001", day=DAY - timedelta(1), row=3),
        ONE._replace(team="T001", ref="r3", row=4),
        ONE._replace(team="T001", ref="r4", member_no="M0002", row=5),
    ]
    with street.write() as session:
        outcome = hours.record_all(session, street.act(), [rows])
    assert [(f.row, f.code) for f in outcome.rejected] == [(2, "unknown_team"), (3, "before_founding")]
    assert [(f.row, f.code) for f in outcome.warnings if f.code == "not_in_team"] == [(4, "not_in_team")]


def test_what_goes_into_the_log_for_ever_tells_of_nobody(street: Book, under: Under) -> None:
    under(cap("activity"))
    rows = [ONE._replace(programme="他病了。"), ONE._replace(activity_no="13812345678", row=3)]
    with street.write() as session:
        outcome = hours.record_all(session, street.act(), [rows])
    assert [f.code for f in outcome.rejected] == ["bad_programme", "bad_activity_no"]


def test_a_store_cap_counts_what_is_held_and_leaves_room_for_what_is_owed(street: Book, under: Under) -> None:
    take = under(cap("balance", "points = 25"))
    assert take(ONE, ONE._replace(ref="r2"), ONE._replace(ref="r3")).points == 25
    assert take(ONE._replace(ref="r4")).points == 0
    take_back(street, 1)
    assert take(ONE._replace(ref="r5")).points == 10
    sound(street)


def test_points_above_a_cap_wait_for_a_decision_and_are_given_by_two(street: Book, under: Under) -> None:
    take = under(cap("month", overflow="review"))
    assert take(ONE, ONE._replace(ref="r2")).points == 15
    assert has(street) == 15
    with street.write() as session, pytest.raises(NotAllowed) as refusal:
        decide(session, street.act(actor=1))
    assert refusal.value.code == "same_person"
    street.now += timedelta(days=30)
    street.command(decide, street.act(actor=2))
    assert has(street) == 20
    with street.read() as session:
        assert approvals.waiting(session, 1) == []
    sound(street)
    take_back(street, 2)
    assert has(street) == 10
    sound(street)


def decide(session: Session, act: Act) -> None:
    """Approve what waits, as the door does."""
    waits = approvals.approve(session, act, approvals.waiting(session, act.community_id)[0].id)
    reviews.give(session, act.on_behalf_of(waits.asked_by), waits.asked)


def test_points_above_a_cap_that_are_turned_down_are_in_the_book_and_never_come_back(street: Book, under: Under) -> None:
    take = under(cap("month", overflow="review"))
    take(ONE, ONE._replace(ref="r2"))
    street.command(lambda s, a: reviews.discard(s, a, 1, "enough"), street.act(actor=2))
    assert has(street) == 15
    take_back(street, 2)
    assert has(street) == 10
    sound(street)


def test_a_service_taken_back_takes_what_waits_with_it(street: Book, under: Under) -> None:
    take = under(cap("month", overflow="review"))
    take(ONE, ONE._replace(ref="r2"))
    with street.read() as session:
        asked = approvals.waiting(session, 1)[0].asked
    take_back(street, 2)
    with street.read() as session:
        assert approvals.waiting(session, 1) == []
    with street.write() as session, pytest.raises(Refused) as refusal:
        reviews.give(session, street.act(approver=2), asked)
    assert refusal.value.code == "not_posted"
    sound(street)


def test_nobody_gives_points_of_their_own_above_a_cap(street: Book, under: Under) -> None:
    take = under(cap("month", overflow="review"))
    with street.write() as session:
        clerks.add(session, street.act(), ["也是志愿者"], member_id=1)
    take(ONE, ONE._replace(ref="r2"))
    with street.write() as session, pytest.raises(NotAllowed) as refusal:
        decide(session, street.act(actor=3))
    assert refusal.value.code == "self_confirmation"


def test_all_that_is_taken_back_leaves_no_sums(street: Book, under: Under) -> None:
    with street.write() as session:
        teams.add(session, street.act(), NewTeam("一队", "T001", founded_on=date(2026, 1, 1)))
    take = under(BONUS + cap("activity") + cap("month", "points = 25", "team").replace('"cap"', '"team"'))
    at = partial(ONE._replace, activity_no="A1", team="T001", programme="书香")
    take(at(ref="a"), at(ref="b", member_no="M0002"), at(ref="c", day=date(2026, 9, 1)))
    assert kept(street)
    for number in (2, 3, 1):
        take_back(street, number)
    assert kept(street) == {}
    with street.read() as session:
        assert ledger.balance(session, 1, "member:1", "points", today=street.today).total == 0


def test_a_correction_under_the_whole_book_earns_what_the_right_record_would_have(street: Book, under: Under) -> None:
    take = under(BONUS + TIER.format(window="year"))
    take(ONE._replace(minutes=180, programme="书香", activity_no="A1"))
    street.command(lambda s, a: hours.correct(s, a, 1, 60), street.act(approver=2))
    assert has(street) == 10 + 20 + 3
    sound(street)


def test_the_inbox_gives_and_discards_points_above_a_cap(office: Cli, tmp_path: Path) -> None:
    rules = tmp_path / "review.toml"
    text = HEAD.replace("2026.1", "2026.2").replace("2026-01-01", "2026-10-20") + cap("day", overflow="review")
    rules.write_text(text, encoding="utf-8")
    office("rules", "publish", str(rules), "--resolution", "8", "--approver", "W0002")
    for member in ("M0001", "M0002"):
        office("hours", "record", member, "--date", "2026-10-20", "--minutes", "120")
    first, second = office("inbox", "--json").json
    assert [item["kind"] for item in (first, second)] == ["points.review"] * 2
    assert "5" in first["about"]
    office("approve", str(first["number"]), status=4)
    office("approve", str(first["number"]), "--as", "W0002")
    office("reject", str(second["number"]), "--why", "enough", "--as", "W0002")
    assert [office("points", "balance", m, "--json").json["points"]["available"] for m in ("M0001", "M0002")] == [20, 15]
    assert office("inbox", "--json").json == []
    assert office("audit", "--json").json["ok"]
    assert office("audit", "replay", "--json").json["ok"]


def test_points_above_a_cap_that_one_person_gave_are_named_by_the_audit(street: Book, under: Under) -> None:
    take = under(cap("month", overflow="review"))
    take(ONE, ONE._replace(ref="r2"))
    facts: dict[str, object] = {"entry": 5, "points": 5, "outcome": "given"}
    transfer = Transfer("points", 5, ISSUED, "source", "member:1", "available", lapses_on=date(9999, 12, 31))
    for subject, told in (("hours:2", facts), ("hours:2", {**facts, "points": 6})):
        draft = Draft(reviews.KIND, street.today, (transfer,), subject=subject, facts=told)
        street.command(partial(lambda draft, s, a: ledger.post(s, a, draft), draft), street.act())
    with street.read() as session:
        found = audit(session, 1).findings
    assert {finding.code for finding in found if finding.check == "I13"} == {"approver_missing"}
    assert "points_differ" in {finding.code for finding in found}


def uphold(book: Book, number: int = 1, *, approver: int | None = 2, owe: bool = False) -> None:
    book.command(lambda s, a: complaints.uphold(s, a, number, "没有到场", owe=owe), book.act(approver=approver))


def test_an_upheld_complaint_takes_all_back_that_the_service_made(street: Book, under: Under) -> None:
    under(PENALTY)(ONE)
    assert has(street) > 0
    uphold(street)
    assert has(street) == 0
    assert kept(street) == {}
    with street.read() as session:
        assert services.get(session, 1, 1).state == "reversed"
        assert ledger.balance(session, 1, "member:1", "minutes", today=street.today).total == 0
        assert "没有到场" in ledger.texts(session, 1, range(50)).values()
    sound(street)


def test_a_complaint_is_upheld_by_two(street: Book, under: Under) -> None:
    under(PENALTY)(ONE)
    for approver, code in ((None, "approver_missing"), (1, "same_person")):
        with pytest.raises(NotAllowed) as refusal:
            uphold(street, approver=approver)
        assert refusal.value.code == code
    assert has(street) > 0


def test_without_a_penalty_in_its_rule_book_a_service_keeps_what_it_earned(street: Book, under: Under) -> None:
    under("")(ONE)
    with pytest.raises(Refused) as refusal:
        uphold(street)
    assert refusal.value.code == "no_penalty"
    assert has(street) > 0


def test_a_complaint_is_upheld_once(street: Book, under: Under) -> None:
    under(PENALTY)(ONE)
    uphold(street)
    with pytest.raises(Refused) as refusal:
        uphold(street)
    assert refusal.value.code == "not_posted"


def test_points_spent_before_the_complaint_are_owed_only_if_said_so(street: Book, under: Under) -> None:
    under(PENALTY)(ONE)
    earned = has(street)
    spent = Transfer("points", earned, "member:1", "available", "member:2", "available")
    street.command(lambda s, a: ledger.post(s, a, Draft("points.gift", street.today, (spent,))), street.act())
    with pytest.raises(Refused) as refusal:
        uphold(street)
    assert refusal.value.code == "already_spent"
    uphold(street, owe=True)
    assert street.points("member:1").owed == -earned


def test_a_complaint_waits_for_the_second_person_and_says_why(office: Cli, tmp_path: Path) -> None:
    rules = tmp_path / "penalty.toml"
    rules.write_text(HEAD.replace("2026.1", "2026.2").replace("2026-01-01", "2026-10-20") + PENALTY, encoding="utf-8")
    office("rules", "publish", str(rules), "--resolution", "8", "--approver", "W0002")
    office("hours", "record", "M0001", "--date", "2026-10-20", "--minutes", "120")
    before = office("points", "balance", "M0001", "--json").json["points"]["available"]
    office("hours", "complaint", "1", "--why", "没有到场")
    (waiting,) = office("inbox", "--json").json
    assert waiting["kind"] == complaints.KIND
    assert "没有到场" in waiting["about"]
    office("approve", "1", status=4)
    assert office("approve", "1", "--as", "W0002", "--json").json["points"] > 0
    assert office("points", "balance", "M0001", "--json").json["points"]["available"] < before
    assert office("audit", "--replay", "--json").json["ok"]
