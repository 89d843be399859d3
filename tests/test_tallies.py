"""What services add up to: the same as all of them counted anew by hand, whatever the rule book, the order, the reversals."""

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from by_hand import Sheet, book, books, facts_any, lost, of
from timebank.clauses import Bonus, BonusPer, Cap, Facts, Multiplier, RateRule, RuleBook, Tier, TierWindow
from timebank.rewards import Award, award
from timebank.tallies import SHARED, Sums, Tallies, places, scopes_of


def serve(tallies: Tallies, member: int, facts: Facts, rules: RuleBook) -> Award:
    """One service, as hours, a replay and the audit do it."""
    made = award(facts, rules, tallies.used(member, facts, rules))
    tallies.add(member, facts, made)
    return made


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2]), facts_any), max_size=14), books, st.data())
def test_any_history_under_any_rule_book_earns_what_it_earns_by_hand(
    history: list[tuple[int, Facts]], rules: RuleBook, data: st.DataObject
) -> None:
    tallies, sheet = Tallies(balances={1: 0, 2: 0}), Sheet(rules)
    made_before: list[Award] = []
    for member, facts in history:
        if sheet.lines and data.draw(st.integers(0, 3)) == 0:
            i = data.draw(st.integers(0, len(sheet.lines) - 1))
            taken, of_it, _ = sheet.lines.pop(i)
            tallies.take(taken, of_it, made_before.pop(i))
        if data.draw(st.booleans()):
            spent = data.draw(st.integers(0, max(0, sheet.balance(member))))
            sheet.spent[member] += spent
            tallies.balances[member] -= spent
        made, by_hand = serve(tallies, member, facts, rules), sheet.serve(member, facts)
        made_before.append(made)
        assert (made.eligible, made.counted, made.points) == (by_hand.eligible, by_hand.counted, by_hand.points)
        assert dict(made.overflow) == dict(+by_hand.overflow)
        assert (lost(made), made.window_minutes) == (by_hand.discarded, by_hand.window_minutes)
        assert tuple(bonus.id for bonus in made.bonuses) == by_hand.bonuses


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2]), facts_any), max_size=8), books, facts_any)
def test_what_is_added_and_taken_away_again_leaves_nothing(
    history: list[tuple[int, Facts]], rules: RuleBook, last: Facts
) -> None:
    tallies = Tallies(balances={1: 7})
    made = [(member, facts, serve(tallies, member, facts, rules)) for member, facts in history]
    used = tallies.used(1, last, rules)
    tallies.take(1, last, serve(tallies, 1, last, rules))
    assert tallies.used(1, last, rules) == used
    for member, facts, award_ in made:
        tallies.take(member, facts, award_)
    assert all(sums == Sums() for sums in tallies.sums.values())
    assert tallies.balances == {1: 7}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2]), facts_any), max_size=8), books, facts_any)
def test_the_places_named_are_all_that_is_read_and_moved(
    history: list[tuple[int, Facts]], rules: RuleBook, last: Facts
) -> None:
    """So sums loaded from a table for a batch's places are enough."""
    whole = Tallies(balances={1: 0, 2: 0})
    for member, facts in history:
        serve(whole, member, facts, rules)
    named = places(1, last, rules)
    loaded = Tallies({place: replace(sums) for place, sums in whole.sums.items() if place in named}, whole.balances)
    assert loaded.used(1, last, rules) == whole.used(1, last, rules)
    serve(loaded, 1, last, rules)
    assert loaded.sums.keys() <= named


def test_scopes_are_words_a_table_can_hold() -> None:
    facts = Facts(date(2027, 1, 2), "elder-care", 60, activity="A12", team="T003", programme="care")
    rules = book(bonus=(Bonus("first", 20, "lifetime"), Bonus("monthly", 5, "month"), Bonus("each", 1, "entry")))
    assert {scope for member, scope in places(7, facts, rules) if member == 7} == {
        *scopes_of("elder-care", date(2027, 1, 2)),
        *("activity:A12", "bonus:first/life", "bonus:monthly/month:2027-01"),
    }
    assert scopes_of("elder-care", date(2027, 1, 2)) == (
        *("category:elder-care", "day:2027-01-02", "month:2027-01", "year:2027", "life"),
    )
    windows = ("day:2027-01-02", "month:2027-01", "year:2027", "life", "activity:A12")
    assert {scope for member, scope in places(7, facts, rules) if member == SHARED} == {
        f"{shared}/{window}" for shared in ("team:T003", "programme:care") for window in windows
    }
    assert {member for member, _ in places(7, facts, rules)} == {7, SHARED}


def test_a_team_shares_one_cap() -> None:
    rules = book(cap=(Cap("team", "month", "points", 100, "p", "team"),))
    tallies = Tallies()
    earned = [serve(tallies, member, of(60, team="T001"), rules).points for member in (1, 2, 3)]
    assert earned == [60, 40, 0]
    assert serve(tallies, 3, of(60, team="T002"), rules).points == 60
    assert serve(tallies, 3, of(60), rules).points == 60


def test_a_bonus_for_a_lifetime_is_given_once_and_again_after_its_service_was_taken_back() -> None:
    rules = book(bonus=(Bonus("first-service", 20, "lifetime"),))
    tallies = Tallies()
    first, second = serve(tallies, 1, of(60), rules), serve(tallies, 1, of(60), rules)
    assert (first.points, second.points) == (80, 60)
    assert serve(tallies, 2, of(60), rules).points == 80
    tallies.take(1, of(60), first)
    assert serve(tallies, 1, of(60), rules).points == 80
    assert serve(tallies, 1, of(60), rules).points == 60


@pytest.mark.parametrize(
    ("per", "points"),
    [
        ("entry", [1, 1, 1, 1, 1]),
        ("day", [1, 0, 1, 1, 1]),
        ("month", [1, 0, 0, 1, 1]),
        ("year", [1, 0, 0, 0, 1]),
        ("lifetime", [1, 0, 0, 0, 0]),
    ],
)
def test_a_bonus_is_given_once_in_its_window(per: BonusPer, points: list[int]) -> None:
    rules = book(rate=RateRule(Decimal(0), {}), bonus=(Bonus("b", 1, per),))
    days = [date(2026, 10, 1), date(2026, 10, 1), date(2026, 10, 2), date(2026, 11, 1), date(2027, 10, 1)]
    tallies = Tallies()
    assert [serve(tallies, 1, of(60, day=day), rules).points for day in days] == points


@pytest.mark.parametrize("window", ["lifetime", "year"])
def test_a_tier_counts_hours_recorded_before_whether_they_earned_or_not(window: TierWindow) -> None:
    star = Multiplier("star", Decimal(2), tier="star")
    rules = book(multiply=(star,), tier=(Tier("star", 2, window),), service={"maximum_minutes_per_day": 60})
    tallies = Tallies()
    points = [serve(tallies, 1, of(60, day=date(2026, 10, day)), rules).points for day in (1, 1, 2)]
    assert points == [60, 0, 120]


def test_a_tier_of_the_year_begins_anew() -> None:
    rules = book(multiply=(Multiplier("busy", Decimal(2), tier="busy"),), tier=(Tier("busy", 1, "year"),))
    tallies = Tallies()
    days = (date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 2))
    assert [serve(tallies, 1, of(60, day=day), rules).points for day in days] == [60, 120, 60, 120]


def test_a_store_cap_reads_what_the_member_has_now() -> None:
    """1,500 at most: the surplus goes to the pool in the member's name; who redeems has room again."""
    rules = book(cap=(Cap("store", "balance", "points", 1500, "care"),))
    tallies = Tallies(balances={1: 1490})
    made = serve(tallies, 1, of(30), rules)
    assert (made.points, made.overflow, tallies.balances) == (10, (("care", 20),), {1: 1500})
    tallies.balances[1] -= 100
    assert serve(tallies, 1, of(30), rules).points == 30


def test_services_that_name_no_activity_are_activities_by_themselves() -> None:
    rules = book(cap=(Cap("activity", "activity", "minutes", 120),))
    tallies = Tallies()
    assert [serve(tallies, 1, of(150), rules).points for _ in range(2)] == [120, 120]
    assert [serve(tallies, 1, of(90, activity="A1"), rules).points for _ in range(2)] == [90, 30]
    assert serve(tallies, 2, of(90, activity="A1"), rules).points == 90


def test_sums_count_what_is_in_them() -> None:
    tallies = Tallies()
    made = [serve(tallies, 1, of(90), book(cap=(Cap("c", "day", "minutes", 100),))) for _ in range(2)]
    assert Counter(sums.points for sums in tallies.sums.values()) == {100: 5}
    assert tallies.sums[1, "life"] == Sums(180, 180, 180, sum(a.points for a in made), 100)
