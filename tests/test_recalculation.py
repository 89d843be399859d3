"""A recalculation pays what the rules of now would have paid, once, and never more is taken than is there."""

from datetime import date
from pathlib import Path

import pytest

from conftest import RULES, Book, Cli
from shopping import add_offer, capture, issue
from timebank import audit, backtest, hours, ledger, recalculation, rulebooks, rulefile, services
from timebank.backtest import Share, Span
from timebank.base.errors import NotAllowed, Refused
from timebank.people import teams
from timebank.recalculation import Plan
from timebank.services import Record

OCTOBER = Span(date(2026, 10, 1), date(2026, 10, 31))
LATER = RULES.replace('"2026.1"', '"2026.2"').replace("effective_from = 2026-01-01", "effective_from = 2026-10-01")
MORE = LATER.replace("elder-care = 12", "elder-care = 20").replace("points = 100", "points = 150")
LESS = LATER.replace("elder-care = 12", "elder-care = 6")


def paid(book: Book, *others: Record) -> None:
    """Three members' services under the first rules: 24 + 76 (a cap of 100) of M0001, 24 of M0002; 10 of M0003 of September."""
    book.join("M0001", "M0002", "M0003")
    publish(book, RULES)
    sheet = [
        Record("M0001", date(2026, 10, 1), 120, "elder-care", row=1),
        Record("M0002", date(2026, 10, 1), 120, "elder-care", row=2),
        Record("M0001", date(2026, 10, 2), 420, "elder-care", row=3),
        Record("M0003", date(2026, 9, 30), 60, "cleaning", row=4),
    ]
    book.command(lambda s, a: hours.record_all(s, a, [sheet + list(others)]), book.act(approver=2))


def publish(book: Book, text: str) -> None:
    book.command(lambda s, a: rulebooks.publish(s, a, text.encode(), "2026-8", "decided late"), book.act(approver=2))


def planned(book: Book) -> Plan:
    with book.read() as session:
        return recalculation.plan(session, 1, OCTOBER)


def post(book: Book, *, owe: bool = False) -> Plan:
    done: list[Plan] = []
    book.command(lambda s, a: done.append(recalculation.post(s, a, OCTOBER, owe=owe)), book.act(approver=2, reason="2026-8"))
    return done[0]


def clean(book: Book) -> bool:
    with book.read() as session:
        return not audit.audit(session, 1, [name for name in audit.CHECKS if name != "guards"]).findings


def test_nothing_changes_while_the_rules_are_the_same(book: Book) -> None:
    paid(book)
    assert planned(book).changes == ()
    assert post(book).changes == ()
    assert clean(book)


def test_a_late_rule_book_is_paid_as_if_it_had_been_there_once(book: Book) -> None:
    paid(book)
    publish(book, MORE)
    plan = planned(book)
    assert plan.shares == [Share(1, 100, 150), Share(2, 24, 40)]
    assert book.points("member:1").available == 100
    done = post(book)
    assert (done.shares, [change.service for change in done.changes]) == (plan.shares, [1, 2, 3])
    assert [book.points(f"member:{n}").available for n in (1, 2, 3)] == [150, 40, 10]
    assert planned(book).changes == post(book).changes == ()
    assert [book.points(f"member:{n}").available for n in (1, 2, 3)] == [150, 40, 10]
    assert clean(book)


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_recalculation_in_batches_pays_the_same_and_tells_how_far_it_is(
    book: Book, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(hours, "_AT_ONCE", at_once)
    paid(book)
    publish(book, MORE)
    steps: list[int] = []
    act = book.act(approver=2, reason="2026-8")
    book.command(lambda s, a: recalculation.post(s, a, OCTOBER, step=steps.append), act)
    assert [book.points(f"member:{n}").available for n in (1, 2, 3)] == [150, 40, 10]
    assert sum(steps) >= 6, "three services, taken back and posted anew"
    assert clean(book)


def test_later_services_read_what_was_put_right(book: Book) -> None:
    paid(book)
    publish(book, MORE)
    post(book)
    more = Record("M0001", date(2026, 10, 3), 60, "elder-care", ref="more", row=1)
    book.command(lambda s, a: hours.record_all(s, a, [[more]]), book.act())
    assert book.points("member:1").available == 150  # the cap of the new book is full
    rules = rulefile.read(MORE.encode()).book
    assert rules is not None
    with book.read() as session:
        result = backtest.run(session, 1, rules, OCTOBER, lambda _: None)
    assert result.kept.change == 0


def test_only_members_for_whom_something_changes_are_touched(book: Book) -> None:
    paid(book)
    publish(book, LATER.replace("points = 100", "points = 150"))
    assert planned(book).shares == [Share(1, 100, 108)]
    post(book)
    with book.read() as session:
        assert ledger.balance(session, 1, "member:2", "points", today=book.today).available == 24
        states = [(service.id, service.state) for service in services.listed(session, 1)]
    assert sorted(states) == [(1, "corrected"), (2, "posted"), (3, "corrected"), (4, "posted"), (5, "posted"), (6, "posted")]


def test_points_spent_meanwhile_are_owed_only_where_that_was_said(book: Book) -> None:
    paid(book)
    book.shop("S001")
    add_offer(book)
    capture(book, issue(book, points=80).code, 1_600)
    publish(book, LESS)
    assert planned(book).shares == [Share(1, 100, 54), Share(2, 24, 12)]
    with pytest.raises(Refused) as refused:
        post(book)
    assert (refused.value.code, [finding.where for finding in refused.value.findings]) == ("already_spent", ["M0001"])
    assert book.points("member:2").available == 24
    post(book, owe=True)
    there = book.points("member:1")
    assert (there.available, there.owed) == (0, -26)
    assert book.points("member:2").available == 12
    assert clean(book)


STORE = '[[cap]]\nid = "store"\nper = "balance"\npoints = 120\n'
TEAM = '[[cap]]\nid = "team"\nper = "month"\nscope = "team"\npoints = 40\n'


def test_what_members_have_counts_for_a_store_cap_and_others_for_a_teams(book: Book) -> None:
    """The plan reads what posting reads: 90 are spent, so that more may come in; of the team's 40 the first has 20."""
    with book.write() as session:
        teams.add(session, book.act(), teams.NewTeam("楼道清洁队"))
    together = [Record(f"M000{n}", date(2026, 10, 20), 60 * n, "cleaning", team="T001", ref=f"t{n}", row=n + 4) for n in (2, 3)]
    paid(book, *together)
    book.shop("S001")
    add_offer(book)
    capture(book, issue(book, points=90).code, 1_800)
    publish(book, MORE.replace("points = 150", "points = 250") + STORE + TEAM)
    plan = planned(book)
    assert plan.shares == [Share(1, 100, 180), Share(2, 44, 60), Share(3, 30, 20)]
    post(book, owe=True)
    assert [book.points(f"member:{n}").total for n in (1, 2, 3)] == [90, 60, 30]
    assert planned(book).changes == ()
    assert clean(book)


def test_a_recalculation_takes_two_people(book: Book) -> None:
    paid(book)
    publish(book, MORE)
    with pytest.raises(NotAllowed) as refused, book.write() as session:
        recalculation.post(session, book.act(), OCTOBER)
    assert refused.value.code == "approver_missing"


def test_the_command_shows_a_plan_asks_a_second_person_and_counts_once(office: Cli, tmp_path: Path) -> None:
    office("hours", "record", "M0001", "--date", "2026-10-01", "--minutes", "120", "--category", "elder-care")
    path = tmp_path / "more.toml"
    path.write_text(MORE, encoding="utf-8")
    office("rules", "publish", str(path), "--resolution", "2026-8", "--retroactive", "late", "--approver", "W0002")
    row = {"member": "M0001", "old": 24, "new": 40, "change": 16}
    given = ("rules", "recalc", "--period", "2026-10")
    assert office(*given, "--json").json["members"] == [row]
    waiting = office(*given, "--post", "--reason", "2026-8", "--json").json["waiting"]
    assert office("points", "balance", "M0001", "--json").json["points"]["available"] == 24
    office("approve", str(waiting), "--as", "W0002")
    assert office("points", "balance", "M0001", "--json").json["points"]["available"] == 40
    again = office(*given, "--post", "--approver", "W0002", "--json").json
    assert (again["services"], again["members"]) == (0, [])
    assert office("rules", "recalc", "--json", status=8).json["error"]["code"] == "no_days"
    assert office("audit", "--json").json["findings"] == []
