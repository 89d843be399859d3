"""A rule book in words: everything it decides is said, and whatever another one decides otherwise is named."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings

from by_hand import BOOK, book, books
from timebank.base.i18n import text
from timebank.clauses import (
    Bonus,
    Cap,
    Credit,
    Example,
    Expiry,
    Facts,
    Multiplier,
    PointsRule,
    RateRule,
    Redeem,
    RuleBook,
    Tier,
)
from timebank.rulefile import read
from timebank.rulewords import SECTIONS, differences, lines

ROOT = Path(__file__).parents[1]


def told(old: RuleBook, new: RuleBook) -> list[str]:
    return [str(change.told()) for change in differences(old, new)]


def decided(rules: RuleBook) -> RuleBook:
    """A book without what decides nothing: its names, its examples, the order of rules of one kind."""
    same = replace(rules, name="", version="", example=(), multiply=tuple(sorted(rules.multiply, key=lambda rule: rule.id)))
    same = replace(same, bonus=tuple(sorted(rules.bonus, key=lambda rule: rule.id)))
    return replace(same, cap=tuple(sorted(rules.cap, key=lambda rule: rule.id)))


def with_own_ids(rules: RuleBook) -> RuleBook:
    multiply = tuple(replace(rule, id=f"m{i}") for i, rule in enumerate(rules.multiply))
    return replace(rules, multiply=multiply, cap=tuple(replace(rule, id=f"c{i}") for i, rule in enumerate(rules.cap)))


@settings(deadline=None)
@given(books, books)
def test_two_books_that_decide_otherwise_never_sound_the_same(one: RuleBook, other: RuleBook) -> None:
    one, other = with_own_ids(one), with_own_ids(other)
    assert bool(differences(one, other)) == (decided(one) != decided(other))
    assert differences(one, one) == []
    backwards = [(change.section, change.now, change.was) for change in differences(other, one)]
    assert sorted(map(str, backwards)) == sorted(str(tuple(change)) for change in differences(one, other))


CARE = Multiplier("care", Decimal("1.5"), group="g", categories=frozenset({"elder-care"}))
STAR = Tier("star", 600, "lifetime", "三星")
CHANGES = [
    ({"title": "New"}, "The book: was: ; now: New"),
    ({"effective_to": date(2026, 12, 31)}, "for services from 2026-01-01 to 2026-12-31"),
    ({"legal_basis": "7"}, "The book: new: decided by: 7"),
    ({"points": PointsRule("豆", 0, "down")}, "Points: was: points are called 积分; now: points are called 豆"),
    ({"points": PointsRule("积分", 1, "down")}, "now: points are kept in tenths"),
    ({"points": PointsRule("积分", 0, "up")}, "now: points are rounded up, once, at the end"),
    ({"service": {"minimum_minutes": 30}}, "What counts: new: shorter than 30 min: earns nothing"),
    ({"service": {"round_minutes": 60}}, "now: minutes are counted in units of 1 h, rounded down"),
    ({"service": {"round": "half-up"}}, "now: minutes are counted in units of 1 min, rounded to the nearest"),
    ({"service": {"maximum_minutes_per_day": 90}}, "now: at most 1 h 30 min a day count"),
    ({"service": {"kinds": frozenset({"confirmed", "team"})}}, "now: what earns: confirmed records, a team's records"),
    ({"service": {"carry_remainder": False}}, "now: minutes left over are not carried over"),
    ({"rate": RateRule(Decimal(60), {"护老": Decimal("8.50")})}, "Rates: new: 护老: 8.5 points an hour"),
    (
        {"rate": RateRule(Decimal(61), {})},
        "Rates: was: every category: 60 points an hour; now: every category: 61 points an hour",
    ),
    ({"rate": RateRule(Decimal(1), {"护老": Decimal(2)})}, "now: every other category: 1 point an hour"),
    ({"multiply": (CARE,)}, "new: care: × 1.5 (the largest of the group g counts), for: the categories elder-care"),
    ({"multiply": (Multiplier("m", Decimal(2), "名"),)}, "Multipliers: new: 名: × 2, always"),
    ({"bonus": (Bonus("b", 20, "lifetime"),)}, "Bonuses: new: b: 20 points on top, once in a lifetime, always"),
    ({"tier": (STAR,)}, "Tiers: new: 三星: from 600 hours served in all on"),
    ({"tier": (Tier("busy", 9, "year"),)}, "Tiers: new: busy: from 9 hours served in the year on"),
    ({"cap": (Cap("c", "month", "points", 600, "care"),)}, "monthly cap: 600 points; what is above goes to the pool care"),
    ({"cap": (Cap("c", "day", "minutes", 90, "review", "team"),)}, "team's daily cap: 1 h 30 min; what is above waits"),
    ({"cap": (Cap("c", "balance", "points", 9),)}, "Caps: new: store cap: 9 points; what is above is not recorded"),
    ({"expiry": Expiry(36, None, "none")}, "Lapse: new: points lapse 36 months after the service"),
    ({"expiry": Expiry(0, (12, 31), "year-end")}, "Lapse: new: at the end of that year"),
    ({"credit": Credit(Decimal("0.5"), 200)}, "Credits: new: a member converts at most 200 credits a month"),
    ({"redeem": Redeem(100)}, "Redeeming: new: who redeems has served 100 hours or more"),
    ({"redeem": Redeem(minimum_age=60)}, "Redeeming: new: who redeems is 60 years old or older"),
    ({"redeem": Redeem(step=5)}, "Redeeming: new: points are redeemed in multiples of 5"),
    ({"redeem": Redeem(refund_grace_days=9)}, "now: points given back after their lapse live 9 days"),
    ({"gifts_to": "relatives"}, "Gifts: was: nobody gives points to others; now: points are given to relatives only"),
    ({"notice_days": 7}, "Changing the rules: new: the next version is published after a notice of 7 working days"),
    ({"complaint": "void"}, "Complaints: new: a service earns nothing when a complaint about it was upheld"),
]


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_every_clause_that_changes_is_said(change: dict[str, object], sentence: str) -> None:
    said = told(BOOK, book(**change))
    assert any(sentence in line for line in said), said
    for line in differences(BOOK, book(**change)):
        assert text(line.told(), "zh") != str(line.told())


def test_conditions_are_said_one_by_one() -> None:
    rule = Multiplier(
        "m",
        Decimal(2),
        dates=((date(2026, 10, 1), date(2026, 10, 7)), (date(2026, 12, 31), date(2026, 12, 31))),
        weekdays=frozenset({5, 6}),
        categories=frozenset({"b", "a"}),
        team_at_least=5,
        teams=frozenset({"T001"}),
        tier="star",
    )
    assert str(lines(book(multiply=(rule,), tier=(STAR,)))["multiply", "m"]) == (
        "m: × 2, for: days 2026-10-01 to 2026-10-07, 2026-12-31; Saturday, Sunday; the categories a, b; 5 people or more;"
        " the teams T001; members of 三星 (star)"
    )


def test_examples_and_the_version_are_no_differences() -> None:
    shown = Example("x", Facts(date(2026, 1, 1), "a", 60), 60)
    assert told(BOOK, book(version="2", name="other", example=(shown,), redeem=Redeem())) == []


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "rules").glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_book_can_be_read_aloud_in_both_languages(path: Path) -> None:
    rules = read(path.read_bytes()).book
    assert rules is not None
    for (section, _), line in lines(rules).items():
        assert section in SECTIONS
        assert text(line, "zh") != "" != text(line, "en")


def test_hundreds_of_categories_can_be_told() -> None:
    many = Multiplier("m", Decimal(2), categories=frozenset(f"c{i}" for i in range(1000)))
    assert text(lines(book(multiply=(many,)))["multiply", "m"], "zh").count("c") == 1000
