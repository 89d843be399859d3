"""Teams: a tree with a bottom, numbers that bind, and who is in them on a day."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from conftest import Book, Cli
from timebank import ledger
from timebank.audit import audit
from timebank.base.errors import Conflict, Invalid, NotFound, Refused, TimebankError
from timebank.journal import ACCOUNT, ENTRY, ISSUED, Draft, Transfer
from timebank.people import members, teams
from timebank.people.teams import LEVELS_MAX, NewTeam, Place, Role, Team
from timebank.transparency import parse

MARCH = date(2026, 3, 8)
TODAY = date(2026, 10, 20)


@pytest.fixture(name="street")
def a_street(book: Book) -> Book:
    book.join("M0001", "M0002", joined_on=MARCH)
    return book


def add(
    book: Book, name: str = "楼道清洁队", number: str = "", parent: Team | None = None, founded: date | None = MARCH
) -> Team:
    with book.write() as session:
        return teams.add(session, book.act(), NewTeam(name, number, parent, founded))


def join(book: Book, team: Team, member: str = "M0001", role: Role = "member", since: date | None = None) -> Place:
    with book.write() as session:
        return teams.join(session, book.act(), team, members.find(session, 1, member), role, since)


def leave(book: Book, team: Team, member: str = "M0001", until: date | None = None) -> Place:
    with book.write() as session:
        return teams.leave(session, book.act(), team, members.find(session, 1, member), until)


def move(book: Book, team: Team, parent: Team | None) -> None:
    with book.write() as session:
        teams.move(session, book.act(), team, parent)


def above(book: Book, team: Team, day: date = TODAY) -> list[str]:
    with book.read() as session:
        return [one.number for one in teams.tree(session, 1, day).above(team)]


def on(book: Book, member: int, day: date) -> list[str]:
    with book.read() as session:
        return [team.number for team in teams.on(session, 1, member, day)]


def facts(book: Book, kind: str) -> Any:
    with book.read() as session:
        return parse(session.execute(select(ENTRY.payload).where(ENTRY.kind == kind)).scalars().one().encode())


def test_a_team_gets_the_next_free_number_and_accounts_that_hold_points(street: Book) -> None:
    assert add(street, number="T2").number == "T2"
    team = add(street, "邻里队")
    assert (team.number, team.holder) == ("T003", "team:2")
    with street.read() as session:
        opened = session.execute(select(ACCOUNT.unit, ACCOUNT.purpose).where(ACCOUNT.holder == "team:2")).all()
        assert teams.find(session, 1, "t3").name == "邻里队"
    assert {tuple(account) for account in opened} == set(teams.ACCOUNTS)
    transfer = Transfer("points", 30, ISSUED, "source", team.holder, "available", lapses_on=date(2026, 12, 31))
    with street.write() as session:
        ledger.post(session, street.act(), Draft("points.gift", TODAY, (transfer,)))
    assert street.points(team.holder).lots == ((date(2026, 12, 31), 30),)


def test_the_book_binds_the_number_and_never_the_name(street: Book) -> None:
    add(street, number="T7")
    payload = facts(street, "team.add")
    assert (payload["facts"], payload["subject"], payload["business_date"]) == ({"number": "T7"}, "team:1", "2026-03-08")
    assert "楼道" not in str(payload)


@pytest.mark.parametrize(
    ("wish", "family", "code"),
    [
        ({"name": ""}, Invalid, "no_name"),
        ({"number": "T 1"}, Invalid, "bad_number"),
        ({"number": "13800138000"}, Invalid, "personal_number"),
        ({"number": "t01"}, Conflict, "number_taken"),
        ({"founded": date(2026, 10, 21)}, Invalid, "future_date"),
    ],
)
def test_what_can_be_no_team_is_refused(street: Book, wish: dict[str, Any], family: type[TimebankError], code: str) -> None:
    add(street)
    with pytest.raises(family) as refusal:
        add(street, **wish)
    assert refusal.value.code == code


def test_teams_are_a_tree_with_a_bottom(street: Book) -> None:
    chain = [add(street)]
    for _ in range(LEVELS_MAX - 1):
        chain.append(add(street, parent=chain[-1]))
    with pytest.raises(Refused) as refusal:
        add(street, parent=chain[-1])
    assert refusal.value.code == "too_deep"
    assert add(street, parent=chain[-2]).parent_id == chain[-2].id
    assert above(street, chain[-1]) == ["T004", "T003", "T002", "T001"]
    with street.read() as session:
        payloads = session.execute(select(ENTRY.payload).where(ENTRY.kind == "team.add").order_by(ENTRY.seq)).scalars()
        assert [parse(payload.encode())["facts"].get("parent") for payload in payloads] == [None, 1, 2, 3, 3]


def test_a_team_moves_with_those_below_it_and_the_book_binds_it(street: Book) -> None:
    brigade, other = add(street), add(street, "邻里队")
    squad = add(street, parent=brigade)
    group = add(street, parent=squad)
    move(street, squad, other)
    assert above(street, group) == ["T004", "T003", "T002"]
    assert above(street, group, TODAY - timedelta(1)) == ["T004", "T003", "T001"]
    bound = facts(street, "team.move")
    assert (bound["facts"], bound["subject"], bound["business_date"]) == ({"team": 3, "parent": 2}, "team_move:1", "2026-10-20")
    street.now += timedelta(days=1)
    move(street, group, None)
    assert above(street, group, TODAY + timedelta(1)) == ["T004"]
    with street.read() as session:
        tree = teams.tree(session, 1, TODAY + timedelta(1))
        assert [(level, team.number) for level, team in tree.below()] == [(0, "T001"), (0, "T002"), (1, "T003"), (0, "T004")]
        assert audit(session, 1).ok


def test_no_team_stands_below_itself_too_deep_or_twice_in_one_place(street: Book) -> None:
    chain = [add(street)]
    for _ in range(LEVELS_MAX - 1):
        chain.append(add(street, parent=chain[-1]))
    pair = [add(street)]
    pair.append(add(street, parent=pair[0]))
    for team, parent, code in (
        (chain[0], chain[0], "below_itself"),
        (chain[0], chain[-1], "below_itself"),
        (chain[1], chain[0], "there_already"),
        (chain[0], None, "there_already"),
        (pair[1], chain[-1], "too_deep"),
        (pair[0], chain[-2], "too_deep"),
    ):
        with pytest.raises(Refused) as refusal:
            move(street, team, parent)
        assert refusal.value.code == code
    move(street, pair[0], chain[-3])
    assert above(street, pair[1]) == ["T006", "T005", "T002", "T001"]
    with pytest.raises(Refused) as refusal:  # pair[1] stands at the bottom now
        add(street, parent=pair[1])
    assert refusal.value.code == "too_deep"


def test_a_name_changes_and_the_number_stays(street: Book) -> None:
    team = add(street)
    with street.write() as session:
        before = session.execute(select(func.count(ENTRY.seq))).scalar_one()
        teams.rename(session, street.act(), teams.find(session, 1, "T1"), "楼道保洁队")
        assert session.execute(select(func.count(ENTRY.seq))).scalar_one() == before
    with street.read() as session:
        assert (teams.find(session, 1, "T1").name, teams.find(session, 1, "T1").number) == ("楼道保洁队", team.number)
    with street.write() as session, pytest.raises(Invalid) as refusal:
        teams.rename(session, street.act(), teams.find(session, 1, "T1"), "")
    assert refusal.value.code == "no_name"


def test_somebody_is_in_several_teams_each_from_its_first_day_to_its_last(street: Book) -> None:
    one, other = add(street), add(street, "邻里队")
    join(street, one, since=date(2026, 4, 1))
    join(street, other, role="captain", since=date(2026, 5, 1))
    leave(street, one, until=date(2026, 5, 31))
    assert on(street, 1, date(2026, 3, 31)) == []
    assert on(street, 1, date(2026, 4, 1)) == ["T001"]
    assert on(street, 1, date(2026, 5, 31)) == ["T001", "T002"]
    assert on(street, 1, date(2026, 6, 1)) == on(street, 1, TODAY) == ["T002"]
    assert on(street, 2, TODAY) == []
    with street.read() as session:
        own = teams.places(session, 1, member=1)
        assert [place.role for place in own] == ["member", "captain"]
        assert [place.team for place in teams.places(session, 1, team=other.id)] == [other.id]


def test_the_book_binds_who_joined_as_what(street: Book) -> None:
    join(street, add(street), role="captain", since=date(2026, 4, 1))
    street.now += timedelta(days=1)
    with street.read() as session:
        team = teams.find(session, 1, "T1")
    leave(street, team)
    joined, left = facts(street, "team.join"), facts(street, "team.leave")
    assert (joined["facts"], joined["business_date"]) == ({"team": 1, "member": 1, "role": "captain"}, "2026-04-01")
    assert (left["subject"], left["business_date"]) == ("membership:1", "2026-10-21")


@pytest.mark.parametrize(
    ("since", "code"),
    [(date(2026, 10, 21), "future_date"), (date(2026, 3, 7), "before_joining"), (date(2026, 3, 20), "before_founding")],
)
def test_nobody_joins_in_the_future_or_before_there_was_a_member_and_a_team(street: Book, since: date, code: str) -> None:
    team = add(street, founded=date(2026, 3, 21))
    with pytest.raises(Invalid) as refusal:
        join(street, team, since=since)
    assert refusal.value.code == code


def test_nobody_is_in_one_team_twice_at_once(street: Book) -> None:
    team = add(street)
    join(street, team, since=date(2026, 4, 1))
    for since in (MARCH, date(2026, 4, 1), TODAY):
        with pytest.raises(Refused) as refusal:
            join(street, team, since=since)
        assert refusal.value.code == "in_team_already"
    leave(street, team, until=date(2026, 5, 31))
    with pytest.raises(Refused):
        join(street, team, since=date(2026, 5, 31))
    assert join(street, team, role="captain", since=date(2026, 6, 1)).id == 2


def test_a_member_leaves_a_team_they_are_in_not_before_they_joined(street: Book) -> None:
    team = add(street)
    with pytest.raises(NotFound) as stranger:
        leave(street, team)
    assert stranger.value.code == "not_in_team"
    join(street, team, since=date(2026, 4, 1))
    for until, code in ((date(2026, 3, 31), "before_joining"), (date(2026, 10, 21), "future_date")):
        with pytest.raises(Invalid) as refusal:
            leave(street, team, until=until)
        assert refusal.value.code == code
    assert leave(street, team, until=date(2026, 4, 1)).until == date(2026, 4, 1)
    with pytest.raises(NotFound):
        leave(street, team)


def test_each_community_has_its_own_teams(street: Book) -> None:
    join(street, add(street))
    other = street.found("510703-yingbin")
    with street.read() as session, pytest.raises(NotFound) as refusal:
        teams.find(session, other, "T001")
    assert refusal.value.code == "unknown_team"
    with street.read() as session:
        assert teams.on(session, other, 1, TODAY) == []


def test_teams_on_the_command_line(office: Cli) -> None:
    add_ = ("team", "add", "红管家大队", "--captain", "M0002", "--founded", "2026-09-01", "--json")
    assert office(*add_).json == {"team": "T001"}
    assert office("team", "add", "第一小队", "--under", "t1", "--json").json == {"team": "T002"}
    assert office("team", "join", "T002", "M0003", "--since", "2026-10-20", "--json").json["since"] == "2026-10-20"
    office("team", "join", "T002", "M0001")
    office("team", "leave", "T002", "M0001")
    listed = office("team", "list", "--json").json
    assert [(row["team"], row["under"], row["captain"], row["members"]) for row in listed] == [
        ("T001", "", "M0002", 1),
        ("T002", "T001", "", 2),
    ]
    assert [row["members"] for row in office("team", "list", "--on", "2026-10-19", "--json").json] == [1, 0]
    shown = office("team", "show", "T002", "--json").json
    assert (shown["under"], shown["points"]) == ("T001", 0)
    assert [(row["member"], row["name"], row["until"]) for row in shown["members"]] == [
        ("M0003", "王*", ""),
        ("M0001", "张*", "2026-10-20"),
    ]
    assert office("audit").status == 0


def test_a_team_that_cannot_have_its_captain_is_not_founded(office: Cli) -> None:
    office("team", "add", "红管家大队", "--captain", "M0009", status=7)
    assert office("team", "list", "--json").json == []


def test_the_same_key_founds_one_team(office: Cli) -> None:
    for _ in range(2):
        assert office("team", "add", "红管家大队", "--key", "k1", "--json").json == {"team": "T001"}
    assert len(office("team", "list", "--json").json) == 1


def test_the_tree_is_shown_as_it_stands(office: Cli) -> None:
    for name, under in (("甲队", ()), ("乙队", ("--under", "T1")), ("丙队", ("--under", "T2")), ("丁队", ())):
        office("team", "add", name, *under)
    office("team", "move", "T2", "--under", "T4")
    office("team", "rename", "T3", "戊队")
    rows = [line.rstrip() for line in office("team", "list").out.splitlines() if "队" in line]
    assert [" ".join(row.split()[:-2]) for row in rows] == ["T001 甲队", "T004 丁队", "└ T002 乙队", "└ T003 戊队"]
    assert [len(row) - len(row.lstrip()) for row in rows] == [1, 1, 1, 3]
    assert [row["under"] for row in office("team", "list", "--json").json] == ["", "", "T004", "T002"]
    office("team", "move", "T2")
    assert office("team", "show", "T3", "--json").json["under"] == "T002"
    assert office("team", "move", "T2", "--under", "T3", status=3).out == ""
    assert office("audit", "--json").json["ok"]
