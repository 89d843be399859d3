"""Minutes become points by the rule book alone: exactly, in one order, and so that every award can be made again."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from by_hand import (
    BOOK,
    DAY,
    SERVICE,
    Sheet,
    book,
    books,
    converted,
    days,
    earning,
    facts_any,
    generous,
    lost,
    of,
    rounded,
    same_window,
    useds,
)
from timebank.base.errors import Invalid
from timebank.clauses import KINDS, Bonus, Cap, Credit, Expiry, Multiplier, PointsRule, RateRule, Redeem, Tier, merged
from timebank.rewards import (
    ENGINE,
    NEVER,
    REVIEW,
    Award,
    Facts,
    RuleBook,
    Used,
    award,
    convert,
    converted_again,
    explain,
    facts_of,
    hindrances,
    used_of,
)
from timebank.tallies import Tallies
from timebank.transparency import canonical, parse


def gross(made: Award) -> int:
    """Points before caps, put together again from where they went."""
    return made.points + sum(points for _, points in made.overflow) + lost(made)


@dataclass
class Member:
    """A ledger of one member: folds awards the way `Used` says the real one does."""

    book: RuleBook
    made: list[tuple[Facts, Award]] = field(default_factory=list)

    def used(self, facts: Facts) -> Used:
        windows = {}
        for window in self.book.windows:
            scope, _, per = window.rpartition("/")
            own = [a for f, a in self.made if same_window(per, f, facts) and (not scope or same_scope(scope, f, facts))]
            windows[window] = (sum(a.points for a in own), sum(a.window_minutes for a in own))
        return Used(
            day_minutes=sum(a.eligible for f, a in self.made if f.day == facts.day),
            eligible=sum(a.eligible for f, a in self.made if f.category == facts.category),
            counted=sum(a.counted for f, a in self.made if f.category == facts.category),
            windows=windows,
            served=sum(f.minutes for f, _ in self.made),
            served_year=sum(f.minutes for f, _ in self.made if f.day.year == facts.day.year),
            balance=sum(a.points for _, a in self.made),
            bonuses=frozenset(
                bonus.id
                for bonus in self.book.bonus
                if any(bonus in a.bonuses and same_window(bonus.per, f, facts) for f, a in self.made)
            ),
        )

    def serve(self, facts: Facts) -> Award:
        made = award(facts, self.book, self.used(facts))
        self.made.append((facts, made))
        return made


def same_scope(scope: str, one: Facts, other: Facts) -> bool:
    return (one.team == other.team != "") if scope == "team" else (one.programme == other.programme != "")


# --- what counts ---


@pytest.mark.parametrize(("minutes", "counted"), [(59, 0), (60, 60), (61, 60), (90, 60), (120, 120)])
def test_whole_hours_count_whole_hours_only(minutes: int, counted: int) -> None:
    made = award(of(minutes), book(service={"round_minutes": 60}), Used())
    assert (made.eligible, made.counted, made.points) == (minutes, counted, counted)


@pytest.mark.parametrize(
    ("how", "counted"),
    [("down", [0, 0, 30, 60, 60, 90]), ("half-up", [0, 30, 60, 60, 60, 90]), ("up", [30, 30, 60, 60, 90, 90])],
)
def test_minutes_are_rounded_to_the_unit_as_the_book_says(how: str, counted: list[int]) -> None:
    rules = book(service={"round_minutes": 30, "round": how})
    assert [award(of(minutes), rules, Used()).counted for minutes in (14, 15, 59, 60, 61, 90)] == counted


def test_three_times_twenty_minutes_count_as_an_hour_when_the_remainder_is_carried() -> None:
    member = Member(book(service={"round_minutes": 60}))
    assert [member.serve(of(20)).counted for _ in range(3)] == [0, 0, 60]


def test_three_times_twenty_minutes_count_nothing_when_it_is_not() -> None:
    member = Member(book(service={"round_minutes": 60, "carry_remainder": False}))
    made = [member.serve(of(20)) for _ in range(3)]
    assert [(a.eligible, a.counted, a.points) for a in made] == [(0, 0, 0)] * 3


def test_a_remainder_stays_in_its_category() -> None:
    member = Member(book(service={"round_minutes": 60}))
    member.serve(of(40))
    assert member.serve(of(40, category="cleaning")).counted == 0
    assert member.serve(of(20)).counted == 60


def test_what_was_rounded_up_is_taken_off_the_next_service() -> None:
    member = Member(book(service={"round_minutes": 30, "round": "up"}))
    assert [member.serve(of(20)).counted for _ in range(3)] == [30, 30, 0]


def test_a_reversal_heals_itself_at_the_next_service() -> None:
    member = Member(book(service={"round_minutes": 60}))
    member.serve(of(40))
    member.serve(of(40))
    del member.made[0]
    assert [member.serve(of(20)).counted, member.serve(of(60)).counted] == [0, 60]


def test_a_service_below_the_minimum_earns_nothing_and_carries_nothing() -> None:
    rules = book(service={"minimum_minutes": 30, "round_minutes": 60})
    made = award(of(29), rules, Used(eligible=59))
    assert (made.eligible, made.counted, made.points) == (0, 0, 0)
    assert award(of(30), rules, Used(eligible=59)).counted == 60


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_kinds_named_earn(kind: str) -> None:
    rules = book(service={"kinds": frozenset({"confirmed", "team"})})
    assert award(of(60, kind=kind), rules, Used()).points == (60 if kind in {"confirmed", "team"} else 0)


def test_the_rest_of_a_full_day_earns_nothing() -> None:
    rules = book(service={"maximum_minutes_per_day": 480})
    made = {used: award(of(300), rules, Used(day_minutes=used)) for used in (0, 180, 200, 480, 600)}
    assert {used: a.eligible for used, a in made.items()} == {0: 300, 180: 300, 200: 280, 480: 0, 600: 0}
    assert [used for used, a in made.items() if "day_limit" in a.trace] == [200, 480, 600]


def test_a_record_that_brings_no_minutes_releases_none_of_the_carried_ones() -> None:
    rules = book(service={"round_minutes": 60, "maximum_minutes_per_day": 480})
    assert award(of(60), rules, Used(day_minutes=480, eligible=600, counted=0)).counted == 0


def test_minutes_served_are_not_part_of_an_award() -> None:
    """Hours are facts: no rule changes the recorded minutes, which stand in the trace as they were given."""
    assert award(of(245), book(service={"minimum_minutes": 600}), Used()).trace["minutes"] == 245


# --- what it is worth ---


def test_a_category_without_a_rate_of_its_own_earns_the_default() -> None:
    rules = book(rate=RateRule(Decimal(10), {"elder-care": Decimal(12)}))
    assert award(of(60), rules, Used()).points == 12
    assert award(of(60, category="tutoring"), rules, Used()).points == 10
    assert rules.knows("elder-care")
    assert not rules.knows("tutoring")


def test_rates_are_decimals_and_never_drift() -> None:
    """0.1 point a minute, ten thousand minutes one by one in tenths: 1,000.0 exactly."""
    rules = book(points=PointsRule("积分", 1, "down"), rate=RateRule(Decimal("6.0"), {}))
    assert sum(award(of(1), rules, Used()).points for _ in range(10_000)) == 10_000


@pytest.mark.parametrize(("how", "points"), [("down", 7), ("half-up", 8), ("up", 8)])
def test_points_are_rounded_once_at_the_end(how: str, points: int) -> None:
    """5 × 1.5 × 1.5 = 11.25; rounding after each step would give 10, 12 or 12. At 10 minutes of 45 an hour: 7.5."""
    twice = (Multiplier("a", Decimal("1.5")), Multiplier("b", Decimal("1.5")))
    assert award(of(10), book(points=PointsRule("积分", 0, how), rate=RateRule(Decimal(45), {})), Used()).points == points
    made = award(of(5), book(points=PointsRule("积分", 0, how), multiply=twice), Used())
    assert made.points == {"down": 11, "half-up": 11, "up": 12}[how]


@pytest.mark.parametrize(("how", "tenths"), [("down", 83), ("half-up", 83), ("up", 84)])
def test_with_one_decimal_points_are_tenths(how: str, tenths: int) -> None:
    rules = book(points=PointsRule("积分", 1, how), rate=RateRule(Decimal(10), {}))
    assert award(of(50), rules, Used()).points == tenths


def test_of_a_group_only_the_largest_that_applies_counts() -> None:
    rules = book(
        multiply=(
            Multiplier("weekend", Decimal("1.2"), group="calendar", weekdays=frozenset({5, 6})),
            Multiplier("holiday", Decimal(2), group="calendar", dates=((date(2026, 10, 1), date(2026, 10, 4)),)),
            Multiplier("campaign", Decimal("1.5"), group="calendar", dates=((date(2026, 10, 3), date(2026, 10, 31)),)),
        )
    )
    points = {day: award(of(100, day=date(2026, 10, day)), rules, Used()).points for day in (1, 3, 4, 10, 12)}
    assert points == {1: 200, 3: 200, 4: 200, 10: 150, 12: 150}
    assert award(of(100, day=date(2026, 11, 7)), rules, Used()).points == 120
    assert award(of(100, day=date(2026, 11, 9)), rules, Used()).points == 100


def test_multipliers_outside_a_group_all_apply_after_the_groups() -> None:
    rules = book(
        multiply=(
            Multiplier("team", Decimal(3), team_at_least=5),
            Multiplier("care", Decimal(2), categories=frozenset({"elder-care"})),
            Multiplier("day", Decimal("1.5"), group="calendar", weekdays=frozenset({2})),
        )
    )
    made = award(of(10, team_size=5), rules, Used())
    assert made.points == 90
    assert [name for name, _ in made.trace["times"]] == ["day", "team", "care"]


def test_every_condition_of_a_multiplier_must_hold() -> None:
    rule = Multiplier(
        "all",
        Decimal(2),
        dates=((DAY, DAY), (DAY + timedelta(7), DAY + timedelta(8))),
        weekdays=frozenset({DAY.weekday()}),
        categories=frozenset({"elder-care"}),
        team_at_least=3,
    )
    rules, fits = book(multiply=(rule,)), of(10, team_size=3)
    assert award(fits, rules, Used()).points == 20
    for miss in (
        replace(fits, team_size=2),
        replace(fits, category="cleaning"),
        replace(fits, day=DAY - timedelta(1)),
        replace(fits, day=DAY + timedelta(1)),
        replace(fits, day=DAY + timedelta(6)),
        replace(fits, day=DAY + timedelta(8)),
        replace(fits, day=DAY + timedelta(9)),
    ):
        assert award(miss, rules, Used()).points == 10, miss
    assert award(replace(fits, day=DAY + timedelta(7)), rules, Used()).points == 20


def test_a_range_of_dates_holds_its_first_and_last_day_and_no_other() -> None:
    ranges = ((date(2026, 10, 20), date(2026, 10, 20)), (date(2026, 10, 1), date(2026, 10, 7)))
    rules = book(multiply=(Multiplier("x", Decimal(2), dates=ranges),))
    days = [date(2026, 9, 30), *(date(2026, 10, day) for day in (1, 7, 8, 19, 20, 21))]
    assert [award(of(10, day=day), rules, Used()).points for day in days] == [10, 20, 20, 10, 10, 20, 10]


def test_overlapping_date_ranges_are_one() -> None:
    dates = ((date(2026, 10, 1), date(2026, 10, 31)), (date(2026, 10, 2), date(2026, 10, 3)))
    rules = book(multiply=(Multiplier("x", Decimal(2), dates=dates),))
    assert award(of(10), rules, Used()).points == 20
    assert merged([*dates, (date(2026, 10, 31), date(2026, 11, 1))]) == [(date(2026, 10, 1), date(2026, 11, 1))]


# --- caps ---


def test_a_record_that_crosses_a_cap_keeps_what_fits_and_gives_the_rest_to_the_pool() -> None:
    rules = book(cap=(Cap("monthly", "month", "points", 600, "elder-care"),))
    made = award(of(100), rules, Used(windows={"month": (560, 0)}))
    assert (made.points, made.overflow, made.window_minutes) == (40, (("elder-care", 60),), 100)


def test_discarded_points_are_told_by_the_trace_only() -> None:
    made = award(of(100), book(cap=(Cap("daily", "day", "points", 30),)), Used())
    assert (made.points, made.overflow, lost(made)) == (30, (), 70)


def test_a_cap_below_what_is_used_already_leaves_room_for_nothing() -> None:
    rules = book(cap=(Cap("monthly", "month", "points", 600, "p"), Cap("hours", "year", "minutes", 600)))
    made = award(of(100), rules, Used(windows={"month": (900, 0), "year": (0, 900)}))
    assert (made.points, made.overflow, made.window_minutes) == (0, (("p", 100),), 0)


def test_caps_apply_from_the_day_to_the_lifetime_whatever_the_order_of_the_file() -> None:
    rules = book(
        cap=(
            Cap("life", "lifetime", "points", 10, "d"),
            Cap("year", "year", "points", 20, "c"),
            Cap("month", "month", "points", 40, "b"),
            Cap("day", "day", "points", 70, "a"),
        )
    )
    assert award(of(100), rules, Used()).overflow == (("a", 30), ("b", 30), ("c", 20), ("d", 10))
    assert rules.windows == ("day", "month", "year", "lifetime")
    assert rules.pools == ("a", "b", "c", "d")


def test_two_caps_may_fill_one_pool() -> None:
    rules = book(cap=(Cap("day", "day", "points", 70, "p"), Cap("month", "month", "points", 40, "p")))
    assert award(of(100), rules, Used()).overflow == (("p", 60),)


def test_a_cap_in_minutes_keeps_the_points_its_minutes_earn() -> None:
    """90 minutes of room of 120 counted, at 10 an hour: 15 of 20 points."""
    rules = book(rate=RateRule(Decimal(10), {}), cap=(Cap("hours", "month", "minutes", 600, "p"),))
    made = award(of(120), rules, Used(windows={"month": (85, 510)}))
    assert (made.counted, made.points, made.overflow, made.window_minutes) == (120, 15, (("p", 5),), 90)
    assert made.trace["window_minutes"] == 90
    assert "window_minutes" not in award(of(90), rules, Used(windows={"month": (85, 510)})).trace


def test_minutes_cut_by_a_cap_use_up_no_room_elsewhere() -> None:
    """2 h a day and 10 h a month: days of 4 hours fill the month in five days, not in three."""
    caps = (Cap("day", "day", "minutes", 120), Cap("month", "month", "minutes", 600))
    member = Member(book(cap=caps))
    points = [member.serve(of(240, day=date(2026, 10, day))).points for day in range(1, 8)]
    assert points == [120] * 5 + [0, 0]


def test_a_reversal_frees_exactly_the_room_it_took() -> None:
    member = Member(book(cap=(Cap("month", "month", "minutes", 600),)))
    assert [member.serve(of(minutes)).points for minutes in (400, 400, 100)] == [400, 200, 0]
    del member.made[0]
    assert [member.serve(of(minutes)).points for minutes in (300, 300)] == [300, 100]


def test_the_carried_sum_knows_nothing_of_caps() -> None:
    """What a cap took does not come back as a remainder at the next service."""
    member = Member(book(service={"round_minutes": 30}, cap=(Cap("day", "day", "minutes", 30),)))
    first = member.serve(of(100))
    assert (first.eligible, first.counted, first.window_minutes) == (100, 90, 30)
    assert member.serve(of(30, day=DAY + timedelta(1))).counted == 30


def test_caps_of_the_member_come_before_the_team_s_the_programme_s_and_the_store() -> None:
    rules = book(
        cap=(
            Cap("store", "balance", "points", 10, "h"),
            Cap("programme", "activity", "points", 20, "g", "programme"),
            Cap("team-life", "lifetime", "points", 30, "f", "team"),
            Cap("team-day", "day", "points", 40, "e", "team"),
            Cap("life", "lifetime", "points", 50, "d"),
            Cap("activity", "activity", "points", 90, "a"),
        )
    )
    made = award(of(100, team="T001", programme="care", activity="A1"), rules, Used())
    assert made.overflow == (("a", 10), ("d", 40), ("e", 10), ("f", 10), ("g", 10), ("h", 10))
    assert rules.windows == ("activity", "lifetime", "team/day", "team/lifetime", "programme/activity")
    assert award(of(100), rules, Used()).overflow == (("a", 10), ("d", 40), ("h", 40))


@pytest.mark.parametrize("scope", ["team", "programme"])
def test_a_cap_of_a_team_or_programme_touches_only_what_was_done_in_one(scope: str) -> None:
    rules = book(cap=(Cap("c", "month", "points", 60, "p", scope),))
    used = Used(windows={f"{scope}/month": (50, 0), "month": (60, 0)})
    assert award(of(60), rules, used).points == 60
    assert "used" not in award(of(60), rules, used).trace
    assert award(of(60, team="T001", programme="care"), rules, used).points == 10


def test_points_that_wait_for_a_decision_are_neither_a_pool_s_nor_lost() -> None:
    rules = book(cap=(Cap("c", "day", "points", 40, REVIEW), Cap("d", "month", "points", 30, "p")))
    made = award(of(60), rules, Used())
    assert (made.points, made.overflow, lost(made)) == (30, ((REVIEW, 20), ("p", 10)), 0)
    assert rules.pools == ("p",)
    assert told(of(60), rules).endswith(
        "makes 60 分 → 20 分 above the daily cap of 40 分 wait for a decision"
        " → 10 分 above the monthly cap of 30 分 go to the pool p → 30 分 recorded"
    )


@pytest.mark.parametrize(("balance", "points"), [(0, 60), (1450, 50), (1500, 0), (1700, 0), (-20, 60)])
def test_a_store_cap_leaves_room_for_what_is_missing_to_it(balance: int, points: int) -> None:
    rules = book(cap=(Cap("store", "balance", "points", 1500, "care"),))
    made = award(of(60), rules, Used(balance=balance))
    assert (made.points, sum(cut for _, cut in made.overflow)) == (points, 60 - points)
    assert made.trace.get("used", {}).get("balance", 0) == balance


def test_who_owes_points_has_room_for_them_besides() -> None:
    rules = book(cap=(Cap("store", "balance", "points", 30),))
    assert award(of(60), rules, Used(balance=-20)).points == 50


# --- teams, tiers, bonuses ---


def test_a_multiplier_for_teams_applies_to_what_was_done_under_them() -> None:
    rules = book(multiply=(Multiplier("red", Decimal(2), teams=frozenset({"T001", "T002"})),))
    assert [award(of(10, team=team), rules, Used()).points for team in ("T001", "T002", "T003", "")] == [20, 20, 10, 10]


TIERS = (Tier("three-star", 600, "lifetime"), Tier("busy", 100, "year"))


@pytest.mark.parametrize(
    ("tier", "used", "points"),
    [
        ("three-star", Used(served=35_999, served_year=35_999), 10),
        ("three-star", Used(served=36_000), 20),
        ("busy", Used(served=36_000, served_year=5_999), 10),
        ("busy", Used(served=6_000, served_year=6_000), 20),
    ],
)
def test_a_tier_is_reached_by_hours_served_before(tier: str, used: Used, points: int) -> None:
    rules = book(multiply=(Multiplier("m", Decimal(2), tier=tier),), tier=TIERS)
    made = award(of(10), rules, used)
    assert made.points == points
    assert made.trace["used"]["served"] == used.served


def test_hours_served_are_read_only_where_a_tier_asks() -> None:
    used = Used(served=36_000, served_year=36_000, balance=9, bonuses=frozenset({"first"}))
    assert "used" not in award(of(10), book(tier=TIERS), used).trace


def test_of_several_tiers_reached_the_largest_multiplier_of_the_group_counts() -> None:
    stars = tuple(Multiplier(f"m{i}", Decimal(i), group="stars", tier=f"t{i}") for i in (2, 3, 4))
    rules = book(multiply=stars, tier=tuple(Tier(f"t{i}", 100 * i, "lifetime") for i in (2, 3, 4)))
    points = [award(of(10), rules, Used(served=hours * 60)).points for hours in (199, 200, 300, 399, 400, 900)]
    assert points == [10, 20, 30, 30, 40, 40]


def test_a_bonus_comes_after_the_multipliers_and_before_the_caps() -> None:
    rules = book(
        multiply=(Multiplier("m", Decimal(2)),), bonus=(Bonus("b", 7, "entry"),), cap=(Cap("c", "day", "points", 25, "p"),)
    )
    made = award(of(10), rules, Used())
    assert (made.points, made.overflow, made.bonuses) == (25, (("p", 2),), rules.bonus)


def test_a_bonus_is_not_rounded_and_moves_no_rounding() -> None:
    for how, points in (("down", 1), ("half-up", 2), ("up", 2)):
        rules = book(points=PointsRule("积分", 0, how), rate=RateRule(Decimal(90), {}), bonus=(Bonus("b", 7, "entry"),))
        assert award(of(1), rules, Used()).points == points + 7


def test_a_bonus_goes_to_a_service_of_which_minutes_count() -> None:
    rules = book(service={"round_minutes": 60}, bonus=(Bonus("first", 20, "lifetime"),))
    assert (award(of(59), rules, Used()).points, award(of(59), rules, Used()).bonuses) == (0, ())
    assert award(of(60), rules, Used()).points == 80
    assert award(of(60), rules, Used(bonuses=frozenset({"first"}))).points == 60


def test_what_a_cap_in_minutes_leaves_nothing_of_earns_no_bonus() -> None:
    rules = book(bonus=(Bonus("b", 7, "entry"),), cap=(Cap("c", "day", "minutes", 100, "p"),))
    assert award(of(60), rules, Used(windows={"day": (0, 100)})).overflow == (("p", 67),)
    assert award(of(60), rules, Used(windows={"day": (0, 99)})).points == 8


def test_a_bonus_with_every_entry_is_given_whatever_was_given_before() -> None:
    rules = book(bonus=(Bonus("b", 7, "entry"),))
    assert award(of(60), rules, Used(bonuses=frozenset({"b"}))).points == 67


def test_an_explanation_tells_tiers_bonuses_and_whose_cap_it_was() -> None:
    rules = book(
        multiply=(Multiplier("star", Decimal("1.5"), "三星", tier="three-star"),),
        tier=TIERS,
        bonus=(Bonus("first", 20, "month", "首次"), Bonus("each", 1, "entry")),
        cap=(
            Cap("a", "activity", "minutes", 90),
            Cap("t", "day", "points", 100, "p", "team"),
            Cap("o", "year", "points", 60, "", "programme"),
            Cap("s", "balance", "points", 50),
        ),
    )
    assert told(of(100, team="T001", programme="care", activity="A1"), rules, Used(served=36_000, balance=10)) == (
        "1 h 40 min of service → after 600 h of earlier service → 1 h 40 min counted × 60 = 100 → 三星 × 1.5 = 150"
        " → 首次 + 20 = 170 → each + 1 = 171 → makes 171 分"
        " → 15 分 above the cap for an activity of 1 h 30 min are not recorded"
        " → 56 分 above the team's daily cap of 100 分 go to the pool p"
        " → 40 分 above the programme's yearly cap of 60 分 are not recorded"
        " → 20 分 above the store cap of 50 分 are not recorded → 40 分 recorded"
    )


# --- credits and redeeming ---

CREDITS = book(credit=Credit(Decimal("0.5"), 200), expiry=Expiry(36, None, "month-end"))


@pytest.mark.parametrize(
    ("credits", "before", "converted", "over", "points"),
    [(10, 0, 10, 0, 5), (11, 0, 11, 0, 5), (200, 0, 200, 0, 100), (201, 0, 200, 1, 100), (30, 180, 20, 10, 10)],
)
def test_credits_are_converted_up_to_the_month_s_most(
    credits: int, before: int, converted: int, over: int, points: int
) -> None:
    made = convert(DAY, credits, CREDITS, before)
    assert (made.credits, made.over, made.points, made.lapses_on) == (converted, over, points, date(2029, 10, 31))
    assert converted_again(parse(canonical(made.trace)), CREDITS) == made
    assert explain(made.trace, "zh")


def test_credits_without_a_most_are_all_converted_by_one_rounding() -> None:
    rules = book(credit=Credit(Decimal("0.333")), points=PointsRule("积分", 1, "half-up"))
    made = convert(DAY, 1_000, rules, 10**6)
    assert (made.over, made.points, made.lapses_on) == (0, 3330, NEVER)
    assert [convert(DAY, n, rules, 0).points for n in (1, 2, 3)] == [3, 7, 10]


def test_a_conversion_is_told_in_words() -> None:
    assert explain(convert(DAY, 30, CREDITS, 180).trace, "en") == (
        "30 credits → 200 a month may be converted, 180 were: 10 stay → 20 credits × 0.5 = 10 → 10 分 recorded"
    )
    assert explain(convert(DAY, 30, CREDITS, 0).trace, "en") == "30 credits → 30 credits × 0.5 = 15 → 15 分 recorded"


@pytest.mark.parametrize("change", [{"credits": "3"}, {"used": []}, {"used": {"credits": True}}, {"day": ""}, {"engine": 2}])
def test_a_trace_of_a_conversion_that_is_none_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        explain({**convert(DAY, 30, CREDITS, 180).trace, **change}, "en")


def test_redeeming_asks_for_hours_an_age_and_whole_steps_and_says_what_is_missing() -> None:
    rules = book(redeem=Redeem(100, 60, 5))
    assert hindrances(rules, 6_000, 60, 10) == ()
    assert hindrances(rules, 5_990, 59, 12) == (
        ("minimum_hours_served", 6_000, 5_990, 10),
        ("minimum_age", 60, 59, 1),
        ("step", 5, 12, 3),
    )
    assert hindrances(rules, 6_000, None, 10) == (("minimum_age", 60, None, 60),)
    assert hindrances(book(redeem=Redeem(100)), 6_000, None, 7) == ()
    assert hindrances(BOOK, 0, None, 7) == ()


# --- when points lapse ---


@pytest.mark.parametrize(
    ("expiry", "day", "lapses"),
    [
        (None, DAY, NEVER),
        (Expiry(36, None, "month-end"), date(2026, 10, 14), date(2029, 10, 31)),
        (Expiry(12, None, "year-end"), date(2026, 10, 14), date(2027, 12, 31)),
        (Expiry(1, None, "none"), date(2026, 1, 31), date(2026, 2, 28)),
        (Expiry(16, None, "month-end"), date(2026, 10, 31), date(2028, 2, 29)),
        (Expiry(0, (12, 31), "none"), date(2026, 1, 1), date(2026, 12, 31)),
        (Expiry(0, (12, 31), "none"), date(2026, 12, 31), date(2026, 12, 31)),
        (Expiry(0, (6, 30), "none"), date(2026, 7, 1), date(2027, 6, 30)),
        (Expiry(0, (6, 15), "month-end"), date(2026, 6, 15), date(2026, 6, 30)),
        (Expiry(1200, None, "month-end"), date(9950, 1, 1), NEVER),
        (Expiry(0, (6, 30), "none"), date(9999, 12, 31), NEVER),
    ],
)
def test_points_lapse_counted_from_the_day_of_service(expiry: Expiry | None, day: date, lapses: date) -> None:
    assert award(of(60, day=day), book(expiry=expiry), Used()).lapses_on == lapses


def test_a_book_covers_its_days_first_and_last_included() -> None:
    rules = book(effective_to=date(2026, 12, 31))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [rules.covers(day) for day in days] == [False, True, True, False]
    assert BOOK.covers(date(2099, 1, 1))


# --- the trace ---

NATIONAL_DAY = book(
    service={"round_minutes": 30, "minimum_minutes": 30, "maximum_minutes_per_day": 480},
    rate=RateRule(Decimal(10), {"elder-care": Decimal(12)}),
    multiply=(
        Multiplier("national-day", Decimal("1.5"), "国庆", "calendar", ((date(2026, 10, 1), date(2026, 10, 7)),)),
        Multiplier("team", Decimal("1.1"), team_at_least=5),
    ),
    cap=(Cap("monthly", "month", "points", 600, "elder-care"), Cap("yearly", "year", "points", 5000)),
    expiry=Expiry(36, None, "month-end"),
)
HOLIDAY = Facts(date(2026, 10, 2), "elder-care", 245, 5)


def test_the_trace_of_an_ordinary_award_is_small() -> None:
    """The ledger stores one for every service: of no earlier service, and of a member in the middle of his year."""
    assert len(canonical(award(HOLIDAY, NATIONAL_DAY, Used()).trace)) <= 200
    used = Used(120, 1505, 1500, {"month": (200, 1000), "year": (2000, 9000)})
    assert len(canonical(award(HOLIDAY, NATIONAL_DAY, used).trace)) <= 320


def test_a_trace_holds_what_was_read_and_nothing_else() -> None:
    used = Used(7, 5, 1, {"month": (0, 4), "year": (0, 0), "lifetime": (1, 1)})
    assert award(HOLIDAY, NATIONAL_DAY, used).trace["used"] == {
        "day_minutes": 7,
        "eligible": 5,
        "counted": 1,
        "windows": {"month": [0, 4]},
    }
    assert "used" not in award(replace(HOLIDAY, minutes=5), NATIONAL_DAY, used).trace
    no_carry = replace(NATIONAL_DAY, service=replace(SERVICE, carry_remainder=False), cap=())
    assert award(HOLIDAY, no_carry, used).trace["used"] == {"day_minutes": 7}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"engine": ENGINE + 1}, "other_engine"),
        ({"engine": None}, "other_engine"),
        ({"day": "2026-02-30"}, "bad_trace"),
        ({"day": 20260101}, "bad_trace"),
        ({"minutes": "60"}, "bad_trace"),
        ({"minutes": True}, "bad_trace"),
        ({"team": "5"}, "bad_trace"),
        ({"category": 5}, "bad_trace"),
        ({"kind": []}, "bad_trace"),
        ({"used": []}, "bad_trace"),
        ({"used": {"day_minutes": "1"}}, "bad_trace"),
        ({"used": {"windows": []}}, "bad_trace"),
        ({"used": {"windows": {"month": 1}}}, "bad_trace"),
        ({"used": {"windows": {"month": [1]}}}, "bad_trace"),
        ({"used": {"windows": {"month": [1, "2"]}}}, "bad_trace"),
        ({"used": {"served": "1"}}, "bad_trace"),
        ({"used": {"balance": True}}, "bad_trace"),
        ({"used": {"bonuses": "first"}}, "bad_trace"),
        ({"used": {"bonuses": [1]}}, "bad_trace"),
        ({"activity": 1}, "bad_trace"),
        ({"team_no": 1}, "bad_trace"),
        ({"programme": []}, "bad_trace"),
    ],
)
def test_a_trace_that_is_none_is_refused(change: dict[str, object], code: str) -> None:
    trace = {**award(HOLIDAY, NATIONAL_DAY, Used()).trace, **change}
    with pytest.raises(Invalid) as refused:
        explain(trace, "en")
    assert refused.value.code == code


# --- in words ---


def told(facts: Facts, rules: RuleBook = NATIONAL_DAY, used: Used | None = None) -> str:
    return explain(award(facts, rules, used or Used()).trace, "en")


def test_an_explanation_follows_the_order_of_the_rules() -> None:
    assert told(HOLIDAY) == (
        "4 h 05 min of service → 4 h counted × 12 = 48 → 国庆 × 1.5 = 72 → as a team × 1.1 = 79.2 → 79 分 recorded"
    )


ONE_HOUR = "1 h counted × 12 = 12 → 12 分 recorded"
TOO_LITTLE = "not a whole unit yet: {} min go to the next service"


@pytest.mark.parametrize(
    ("facts", "used", "says"),
    [
        (of(20), Used(), "20 min of service → shorter than 30 min: earns nothing"),
        (of(60, kind="back-entered"), Used(), "1 h of service → back-entered records earn nothing"),
        (of(60, kind="honorary"), Used(), "1 h of service → such records earn nothing"),
        (of(60), Used(480), "1 h of service → the 8 h a day that count are reached: earns nothing"),
        (of(90), Used(420), "1 h 30 min of service → 1 h left of the 8 h a day that count → " + ONE_HOUR),
        (of(40), Used(eligible=20), "40 min of service → with 20 min left over from before → " + ONE_HOUR),
        (of(30), Used(460), "30 min of service → 20 min left of the 8 h a day that count → " + TOO_LITTLE.format(20)),
        (of(35), Used(0, 30, 60), "35 min of service → 30 min were counted before → " + TOO_LITTLE.format(5)),
        (of(30), Used(0, 30, 60), "30 min of service → 30 min were counted before → earns nothing more"),
    ],
)
def test_an_explanation_says_why_minutes_did_not_count(facts: Facts, used: Used, says: str) -> None:
    assert told(facts, used=used) == says


def test_an_explanation_without_carrying_says_that_the_unit_was_not_reached() -> None:
    rules = book(service={"round_minutes": 30, "carry_remainder": False})
    assert told(of(29), rules) == "29 min of service → less than one unit of counting: earns nothing"


def test_an_explanation_says_what_a_cap_cut_and_where_it_went() -> None:
    used = Used(windows={"month": (560, 0), "year": (4990, 0)})
    assert told(of(300), used=used).endswith(
        "5 h counted × 12 = 60 → makes 60 分 → 20 分 above the monthly cap of 600 分 go to the pool elder-care"
        " → 30 分 above the yearly cap of 5000 分 are not recorded → 10 分 recorded"
    )
    caps = (Cap("d", "day", "minutes", 90), Cap("l", "lifetime", "points", 50))
    assert told(of(120), book(cap=caps)).endswith(
        "→ makes 120 分 → 30 分 above the daily cap of 1 h 30 min are not recorded"
        " → 40 分 above the lifetime cap of 50 分 are not recorded → 50 分 recorded"
    )


def test_an_explanation_shows_tenths_and_the_unit_as_it_is_called() -> None:
    rules = book(points=PointsRule("爱心豆", 1, "down"), rate=RateRule(Decimal(10), {}))
    assert told(of(50), rules) == "50 min of service → 50 min counted × 10 ≈ 8.33 → 8.3 爱心豆 recorded"
    assert "× 10 ≈ 6.67 → 6.6 爱心豆" in told(of(40), rules)
    assert told(of(60), rules).endswith("= 10 → 10 爱心豆 recorded")


def test_a_hundred_multipliers_can_be_told() -> None:
    many = tuple(Multiplier(f"m{i}", Decimal(1)) for i in range(100))
    assert told(of(60), book(multiply=many)).count(" × ") == 101


# --- what holds for every rule book ---

always = settings(deadline=None)
"""Machines are shared: how long an example takes says nothing."""
NOTHING_USED = Used()
MINUTES_A_DAY = 1440


def whole_days(rules: RuleBook) -> RuleBook:
    """The book, admitting a service of any length a day can hold."""
    return replace(rules, service=replace(rules.service, minimum_minutes=0, maximum_minutes_per_day=MINUTES_A_DAY))


@always
@given(facts_any, books, useds)
def test_points_overflow_and_discarded_ones_are_all_there_ever_were(facts: Facts, rules: RuleBook, used: Used) -> None:
    made, uncapped = award(facts, rules, used), award(facts, replace(rules, cap=()), used)
    assert gross(made) == uncapped.points
    assert (made.eligible, made.counted) == (uncapped.eligible, uncapped.counted)
    assert made.points >= 0
    assert all(points > 0 for _, points in made.overflow)
    assert 0 <= made.window_minutes <= made.counted
    assert {name for name, _ in made.overflow} <= {*rules.pools, REVIEW}


@always
@given(facts_any | earning, st.integers(0, 300), books | generous, useds)
def test_more_minutes_never_earn_fewer_points(facts: Facts, more: int, rules: RuleBook, used: Used) -> None:
    less, much = award(facts, rules, used), award(replace(facts, minutes=facts.minutes + more), rules, used)
    assert less.points <= much.points
    assert gross(less) <= gross(much)


@settings(deadline=None, max_examples=15, phases=[Phase.generate])  # the first example shows the length: none is shorter
@given(earning, generous.map(whole_days), st.just(NOTHING_USED) | useds.map(lambda used: used._replace(day_minutes=0)))
def test_minute_by_minute_a_longer_service_never_earns_less_and_none_is_lost(facts: Facts, rules: RuleBook, used: Used) -> None:
    """Every length a day can hold, under books that admit and pay them all: a fault at one length, or beyond one, is met."""
    facts = replace(facts, category="助老")  # one without a rate of its own, which may be 0
    made = [award(replace(facts, minutes=minutes), rules, used) for minutes in range(MINUTES_A_DAY + 1)]
    assert all(a.points <= b.points and gross(a) <= gross(b) for a, b in pairwise(made))
    if rules.service.carry_remainder:
        assert [one.eligible for one in made] == list(range(MINUTES_A_DAY + 1))
    if used == NOTHING_USED:
        unit, how = rules.service.round_minutes, rules.service.round
        counted = [rounded(Fraction(minutes, unit), how) * unit for minutes in range(MINUTES_A_DAY + 1)]
        assert [one.counted for one in made] == counted
        by_hand = {minutes: Sheet(rules).worked_out(1, replace(facts, minutes=minutes)) for minutes in range(0, 1441, 40)}
        assert all(made[minutes].points == earned.points for minutes, earned in by_hand.items())


@always
@given(facts_any, books, useds)
def test_an_award_can_be_made_again_from_its_stored_trace(facts: Facts, rules: RuleBook, used: Used) -> None:
    made = award(facts, rules, used)
    stored = parse(canonical(made.trace))
    assert facts_of(stored) == facts
    assert award(facts_of(stored), rules, used_of(stored)) == made
    assert explain(stored, "zh")
    assert explain(stored, "en")


@always
@given(st.lists(facts_any, max_size=12), books)
def test_a_carried_remainder_loses_no_minute(services: list[Facts], rules: RuleBook) -> None:
    """Counted minutes are the rounded sum of all eligible ones, after every service, in every category."""
    rules = replace(rules, service=replace(rules.service, carry_remainder=True))
    member = Member(rules)
    for facts in services:
        member.serve(facts)
        used, unit = member.used(facts), rules.service.round_minutes
        assert used.counted == rounded(Fraction(used.eligible, unit), rules.service.round) * unit


@always
@given(st.lists(facts_any, max_size=12), books, st.data())
def test_after_a_reversal_the_next_service_puts_the_sum_right(
    services: list[Facts], rules: RuleBook, data: st.DataObject
) -> None:
    """Never below what still stands: a reversal takes nothing from services that were not reversed."""
    rules = replace(rules, service=replace(rules.service, carry_remainder=True))
    member, unit = Member(rules), rules.service.round_minutes
    for facts in services:
        if member.made and data.draw(st.booleans()):
            del member.made[data.draw(st.integers(0, len(member.made) - 1))]
        before = member.used(facts).counted
        made = member.serve(facts)
        if made.eligible:
            used = member.used(facts)
            assert used.counted == max(before, rounded(Fraction(used.eligible, unit), rules.service.round) * unit)


crowds = st.lists(st.tuples(st.sampled_from([1, 2, 3]), earning, st.sampled_from(["", "", "given", "back"])), max_size=14)
"""Who serves what, and what happens before: points come in as a gift, or an earlier service is taken back."""


@always
@given(crowds, generous, st.data())
def test_no_window_ever_holds_more_than_its_cap(
    services: list[tuple[int, Facts, str]], rules: RuleBook, data: st.DataObject
) -> None:
    """Of a member, of all members of a team or programme together, or in store, which what comes in otherwise fills too."""
    tallies, open_ = Tallies(balances=dict.fromkeys((1, 2, 3), 0)), list[tuple[int, Facts, Award]]()
    for member, facts, first in services:
        if first == "given":
            tallies.balances[member] += data.draw(st.integers(0, 800))
        if first == "back" and open_:
            tallies.take(*open_.pop(data.draw(st.integers(0, len(open_) - 1))))
        before = tallies.used(member, facts, rules)
        made = award(facts, rules, before)
        tallies.add(member, facts, made)
        open_.append((member, facts, made))
        after = tallies.used(member, facts, rules)
        for cap in rules.cap:
            if cap.per == "balance":
                assert after.balance <= max(cap.limit, before.balance)
                continue
            holders = {"member": member, "team": facts.team, "programme": facts.programme}
            inside = [
                a
                for m, f, a in open_
                if {"member": m, "team": f.team, "programme": f.programme}[cap.scope] == holders[cap.scope] != ""
                and same_window(cap.per, f, facts)
            ]
            assert sum(a.points if cap.measure == "points" else a.window_minutes for a in inside) <= cap.limit
        of_day = sum(a.eligible for m, f, a in open_ if m == member and f.day == facts.day)
        assert of_day <= day_limit(rules)
        assert made.points <= gross(made)


def day_limit(rules: RuleBook) -> int:
    """Without carrying the eligible minutes are the rounded ones, which may pass a limit that is no multiple of the unit."""
    rule = rules.service
    return rule.maximum_minutes_per_day + (0 if rule.carry_remainder else rule.round_minutes - 1)


@always
@given(
    st.lists(earning, min_size=1, max_size=12),
    generous,
    st.sampled_from(["activity", "day", "month", "year", "lifetime", "balance"]),
    st.sampled_from(["member", "team", "programme"]),
    st.integers(1, 500),
    st.sampled_from(["p", REVIEW]),
)
def test_a_single_cap_of_points_is_filled_before_anything_overflows(
    services: list[Facts], rules: RuleBook, window: str, scope: str, limit: int, to: str
) -> None:
    cap = Cap("c", window, "points", limit, to, "member" if window == "balance" else scope)
    member = Member(replace(rules, cap=(cap,)))
    for facts in services:
        made = member.serve(facts)
        if made.overflow:
            used = member.used(facts)
            alone = window == "activity" and not facts.activity  # then the service is an activity by itself
            held = made.points if alone else used.balance if window == "balance" else used.windows[cap.window][0]
            assert (held, [name for name, _ in made.overflow]) == (limit, [to])


@always
@given(facts_any, books, useds)
def test_sections_about_other_things_than_services_change_no_award(facts: Facts, rules: RuleBook, used: Used) -> None:
    """Gifts, redeeming, complaints, credits, how rules change: what a service earns does not hang on them."""
    without = replace(rules, credit=None, redeem=None, gifts_to="nobody", complaint="", notice_days=0)
    assert award(facts, without, used) == award(facts, rules, used)


@always
@given(books, days, st.integers(0, 99), st.integers(0, 60), st.integers(0, 60))
def test_more_credits_never_become_fewer_points_and_no_month_takes_more_than_it_may(
    rules: RuleBook, day: date, before: int, credits: int, more: int
) -> None:
    rules = replace(rules, credit=rules.credit or Credit(Decimal(2), 40))
    assert rules.credit is not None
    less, much = (convert(day, some, rules, before) for some in (credits, credits + more))
    assert (less.credits, less.points) == converted(rules, credits, before)
    assert less.points <= much.points
    assert much.credits + much.over == credits + more
    if rules.credit.monthly_credits_max:
        assert before + much.credits <= max(before, rules.credit.monthly_credits_max)
