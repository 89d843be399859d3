"""A rule book file is read whole, or refused with all that is wrong with it, in bounded time and never with a traceback."""

import ast
import re
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from timebank import rulebooks, rulefile, rulelint, ruletext
from timebank.base.errors import Invalid
from timebank.base.i18n import text
from timebank.clauses import Bonus, Cap, Credit, Expiry, Multiplier, PointsRule, Redeem, Tier
from timebank.rewards import Facts, RuleBook, Used, award
from timebank.rulefile import digest, read
from timebank.rulelint import beside
from timebank.ruletext import BYTES_MAX, FINDINGS_MAX, LINE_MAX
from timebank.transparency import canonical

ROOT = Path(__file__).parents[1]
SHIPPED = sorted((ROOT / "examples" / "rules").glob("*.toml"))
PAGES = [ROOT / "docs" / "rules.md", ROOT / "docs" / "rules.zh-CN.md"]

FULL = """\
schema         = 1
name           = "community-points"
version        = "2026.1"
title          = "2026 年社区积分规则"
effective_from = 2026-01-01
effective_to   = 2026-12-31
legal_basis    = "居委会通过"

[points]
name     = "积分"
decimals = 0
round    = "down"

[service]
minimum_minutes = 30
round_minutes   = 30
round           = "down"
maximum_minutes_per_day = 480
kinds           = ["confirmed"]
carry_remainder = true

[rate]
default    = 10
elder-care = 12
cleaning   = 8.5

[[multiply]]
id    = "national-day"
label = "国庆"
times = 1.5
dates = ["2026-10-01..2026-10-07", "2026-12-31"]
group = "calendar"

[[multiply]]
id            = "team"
times         = 1.1
weekdays      = ["sat", "sun", "fri"]
categories    = ["elder-care"]
team_at_least = 5

[[cap]]
id       = "monthly"
per      = "month"
scope    = "member"
points   = 600
overflow = "pool:elder-care"

[[cap]]
id      = "hours"
per     = "year"
minutes = 60_000

[expiry]
months = 36
align  = "month-end"

[[example]]
say     = "国庆照护老人 4 小时 5 分,5 人团队"
service = { date = 2026-10-02, category = "elder-care", minutes = 245, team = 5 }
earns   = 79
"""

MORE = """
[[multiply]]
id    = "three-star"
times = 1.2
teams = ["T001", "T002"]
tier  = "three-star"

[[bonus]]
id     = "first-service"
label  = "首次服务"
points = 20
per    = "lifetime"

[[bonus]]
id            = "new-year"
points        = 2
per           = "day"
dates         = ["2026-01-01"]
weekdays      = ["thu"]
categories    = ["cleaning"]
team_at_least = 2
teams         = ["T003"]
tier          = "busy"

[[tier]]
id             = "three-star"
label          = "三星志愿者"
hours_at_least = 601
window         = "lifetime"

[[tier]]
id             = "busy"
hours_at_least = 100
window         = "year"

[[cap]]
id      = "an-activity"
per     = "activity"
minutes = 300

[[cap]]
id       = "store"
per      = "balance"
points   = 15_000
overflow = "pool:surplus"

[[cap]]
id       = "a-team"
per      = "month"
scope    = "team"
points   = 2_000
overflow = "review"

[[cap]]
id      = "a-programme"
per     = "year"
scope   = "programme"
minutes = 9_000

[credit]
points_per_credit   = 0.5
monthly_credits_max = 200

[redeem]
minimum_hours_served = 99
minimum_age          = 60
step                 = 5
refund_grace_days    = 15

[gift]
to = "relatives"

[penalty]
complaint = "void"

[change]
notice_days = 7

[[example]]
say     = "三星志愿者在 T001 队,本月已记 590 分"
before  = { hours = 601, points = 590 }
service = { date = 2026-03-04, category = "cleaning", minutes = 60, team_no = "T001", activity = "A1", programme = "care" }
earns   = 10
"""


WHOLE = FULL.replace("earns   = 79", "earns   = 99") + MORE
"""Every section: the first example earns the bonus of the first service too."""


def changed(*changes: tuple[str, str]) -> bytes:
    """FULL with some text replaced, each found exactly once; with all sections where one of the others is meant."""
    written = FULL if all(FULL.count(old) for old, _ in changes) else WHOLE
    for old, new in changes:
        assert written.count(old) == 1, f"{old!r} stands {written.count(old)} times in the book"
        written = written.replace(old, new)
    return written.encode()


def codes(data: bytes) -> list[tuple[str, str]]:
    """Where and what, of every error."""
    return [(finding.where, finding.code) for finding in read(data).errors]


def lint(data: bytes) -> list[tuple[str, str]]:
    """Where and what, of every lint finding of a book that can be read."""
    reading = read(data)
    assert reading.book is not None, reading.errors
    return [(finding.where, finding.code) for finding in reading.lint]


# --- what is read ---


def test_every_key_of_this_version_reaches_the_book() -> None:
    reading = read(FULL.encode())
    assert (reading.errors, reading.lint) == ((), ())
    book = reading.book
    assert book is not None
    assert (book.name, book.version, book.title, book.legal_basis, book.schema) == (
        "community-points",
        "2026.1",
        "2026 年社区积分规则",
        "居委会通过",
        1,
    )
    assert (book.effective_from, book.effective_to) == (date(2026, 1, 1), date(2026, 12, 31))
    assert book.points == PointsRule("积分", 0, "down")
    service = book.service
    assert (service.minimum_minutes, service.round_minutes, service.round) == (30, 30, "down")
    assert (service.maximum_minutes_per_day, service.kinds, service.carry_remainder) == (480, {"confirmed"}, True)
    assert book.rate.default == 10
    assert book.rate.by_category == {"elder-care": 12, "cleaning": Decimal("8.5")}
    assert book.multiply == (
        Multiplier(
            "national-day",
            Decimal("1.5"),
            "国庆",
            "calendar",
            ((date(2026, 10, 1), date(2026, 10, 7)), (date(2026, 12, 31), date(2026, 12, 31))),
        ),
        Multiplier(
            "team",
            Decimal("1.1"),
            weekdays=frozenset({4, 5, 6}),
            categories=frozenset({"elder-care"}),
            team_at_least=5,
        ),
    )
    assert book.cap == (Cap("monthly", "month", "points", 600, "elder-care"), Cap("hours", "year", "minutes", 60_000))
    assert book.expiry == Expiry(36, None, "month-end")
    (shown,) = book.example
    assert (shown.facts, shown.earns) == (Facts(date(2026, 10, 2), "elder-care", 245, 5), 79)
    assert (book.pools, book.windows) == (("elder-care",), ("month", "year"))


def test_what_may_be_left_out_has_the_default_the_page_says() -> None:
    start = FULL.partition("[[multiply]]")[0]
    start = start.replace("effective_to   = 2026-12-31\n", "").replace('legal_basis    = "居委会通过"\n', "")
    book = read(start.encode()).book
    assert book is not None
    assert (book.effective_to, book.legal_basis, book.multiply, book.cap, book.expiry) == (None, "", (), (), None)
    optional = ('scope    = "member"\n', 'overflow = "pool:elder-care"\n', 'align  = "month-end"\n')
    bare = read(changed(*((key, "") for key in optional))).book
    assert bare is not None
    assert (bare.cap[0].pool, bare.expiry) == ("", Expiry(36, None, "month-end"))
    on = read(changed(('months = 36\nalign  = "month-end"', 'on = "12-31"'))).book
    assert on is not None
    assert on.expiry == Expiry(0, (12, 31), "none")


def test_with_one_decimal_every_amount_of_points_is_kept_in_tenths() -> None:
    book = read(changed(("decimals = 0", "decimals = 1"), ("points   = 600", "points = 600.5"), ("= 79", "= 79.2"))).book
    assert book is not None
    assert (book.cap[0].limit, book.example[0].earns) == (6005, 792)
    assert codes(changed(("points   = 600", "points = 600.5"))) == [("cap[0].points", "bad_number")]


@pytest.mark.parametrize("written", ["\ufeff" + FULL, FULL.replace("\n", "\r\n"), "\ufeff" + FULL.replace("\n", "\r\n")])
def test_what_windows_editors_save_is_read(written: str) -> None:
    assert read(written.encode()) == read(FULL.encode())


def test_days_may_be_written_with_or_without_quotes_in_lists() -> None:
    assert read(changed(('"2026-12-31"]', "2026-12-31]"))) == read(FULL.encode())


def test_words_typed_in_another_normal_form_are_the_same_words() -> None:
    decomposed = changed(("cleaning ", '"cafe\u0301" '))
    book = read(decomposed).book
    assert book is not None
    assert book.knows("caf\u00e9")


def test_the_digest_is_that_of_the_bytes() -> None:
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(FULL.encode()) != digest(b"\xef\xbb\xbf" + FULL.encode())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_rule_book_has_nothing_wrong_and_nothing_odd(path: Path) -> None:
    reading = read(path.read_bytes())
    assert (reading.errors, reading.lint) == ((), ())
    assert reading.book is not None
    assert len(reading.book.example) >= 3
    assert reading.book.name == path.stem


def test_three_rule_books_are_shipped() -> None:
    assert [path.stem for path in SHIPPED] == ["community-points", "half-hours", "one-hour-one-point"]


# --- mistakes ---

MISTAKES = [
    ("schema         = 1", "schema = true", "schema", "bad_number"),
    ("schema         = 1", "schema = 2", "schema", "unknown_schema"),
    ("schema         = 1\n", "", "schema", "missing_key"),
    ('"community-points"', '"Community"', "name", "bad_id"),
    ('"2026.1"', "2026.1", "version", "bad_id"),
    ('"2026.1"', '"2026.1 beta"', "version", "bad_id"),
    ('"2026.1"', f'"{"1" * 21}"', "version", "bad_id"),
    ('"2026 年社区积分规则"', '" "', "title", "bad_text"),
    ('"2026 年社区积分规则"', '"a\\u0007"', "title", "bad_text"),
    ('"2026 年社区积分规则"', '"e\\u0301"', "title", "bad_text"),
    ("= 2026-01-01", '= "2026-01-01"', "effective_from", "bad_date"),
    ("= 2026-01-01", "= 2026-01-01T00:00:00", "effective_from", "bad_date"),
    ("= 2026-12-31", "= 2026-02-30", "effective_to", "bad_date"),
    ("= 2026-12-31", "= 2025-12-31", "effective_to", "dates_reversed"),
    ('name     = "积分"', 'name = ""', "points.name", "bad_text"),
    ('name     = "积分"', 'name = "积分 "', "points.name", "bad_text"),
    ("decimals = 0", "decimals = 2", "points.decimals", "bad_number"),
    ("decimals = 0", "decimals = false", "points.decimals", "bad_number"),
    ('decimals = 0\nround    = "down"', 'decimals = 0\nround = "nearest"', "points.round", "bad_choice"),
    ("minimum_minutes = 30", "minimum_minutes = -1", "service.minimum_minutes", "bad_number"),
    ("minimum_minutes = 30", 'minimum_minutes = "30"', "service.minimum_minutes", "bad_number"),
    ("round_minutes   = 30", "round_minutes = 0", "service.round_minutes", "bad_number"),
    ("round_minutes   = 30", "round_minutes = 30.0", "service.round_minutes", "bad_number"),
    ("= 480", "= 1441", "service.maximum_minutes_per_day", "bad_number"),
    ('["confirmed"]', "[]", "service.kinds", "bad_list"),
    ('["confirmed"]', '"confirmed"', "service.kinds", "bad_list"),
    ('["confirmed"]', '["honorary"]', "service.kinds[0]", "bad_choice"),
    ("carry_remainder = true", "carry_remainder = 1", "service.carry_remainder", "bad_flag"),
    ("carry_remainder = true", "", "service.carry_remainder", "missing_key"),
    ('kinds           = ["confirmed"]', "", "service.kinds", "missing_key"),
    ("carry_remainder = true", "carry_remaindr = true", "service.carry_remaindr", "unknown_key"),
    ("[service]", "[services]", "services", "unknown_key"),
    ("default    = 10", "", "rate.default", "missing_key"),
    ("default    = 10", "default = -1", "rate.default", "bad_number"),
    ("default    = 10", "default = 1e3", "rate.default", "bad_number"),
    ("default    = 10", "default = inf", "rate.default", "bad_number"),
    ("default    = 10", "default = nan", "rate.default", "bad_number"),
    ("default    = 10", "default = 10001", "rate.default", "bad_number"),
    ("cleaning   = 8.5", "cleaning = true", "rate.cleaning", "bad_number"),
    ("cleaning   = 8.5", "cleaning = 8.50001", "rate.cleaning", "bad_number"),
    ("cleaning   = 8.5", '" cleaning" = 8.5', "rate", "bad_text"),
    ("times = 1.5", "times = 0", "multiply[0].times", "bad_number"),
    ("times = 1.5", "times = 100.1", "multiply[0].times", "bad_number"),
    ("times = 1.5", "times = -1.5", "multiply[0].times", "bad_number"),
    ("times = 1.5", "", "multiply[0].times", "missing_key"),
    ('id            = "team"', 'id = "national-day"', "multiply[1].id", "duplicate_id"),
    ('id            = "team"', 'id = "队"', "multiply[1].id", "bad_id"),
    ('group = "calendar"', 'group = "the calendar"', "multiply[0].group", "bad_id"),
    ('"2026-10-01..2026-10-07"', '"2026-10-07..2026-10-01"', "multiply[0].dates[0]", "bad_date"),
    ('"2026-10-01..2026-10-07"', '"2026-10-01..2026-10-32"', "multiply[0].dates[0]", "bad_date"),
    ('"2026-10-01..2026-10-07"', '"2026-10-01..2026-10-07..2026-10-09"', "multiply[0].dates[0]", "bad_date"),
    ('"2026-10-01..2026-10-07"', '"20261001"', "multiply[0].dates[0]", "bad_date"),
    ('"2026-12-31"]', "2026-11-31]", "multiply[0].dates[1]", "bad_date"),
    ('"sat", "sun", "fri"', '"sat", "Sunday"', "multiply[1].weekdays[1]", "bad_choice"),
    ("team_at_least = 5", "team_at_least = 1", "multiply[1].team_at_least", "bad_number"),
    ("[[multiply]]\nid            =", "[[multiplies]]\nid =", "multiplies", "unknown_key"),
    ("points   = 600", "points = 0", "cap[0].points", "bad_number"),
    ("points   = 600", "points = 600\nminutes = 600", "cap[0]", "points_or_minutes"),
    ("points   = 600\n", "", "cap[0]", "points_or_minutes"),
    ("points   = 600", "point = 600", "cap[0].point", "unknown_key"),
    ("minutes = 60_000", "minutes = 600.5", "cap[1].minutes", "bad_number"),
    ('id      = "hours"', 'id = "monthly"', "cap[1].id", "duplicate_id"),
    ('per     = "year"', 'per = "week"', "cap[1].per", "bad_choice"),
    ('"pool:elder-care"', '"pool:老人"', "cap[0].overflow", "bad_id"),
    ('"pool:elder-care"', '"pool:"', "cap[0].overflow", "bad_id"),
    ("months = 36", "months = 0", "expiry.months", "bad_number"),
    ("months = 36", 'months = 36\non = "12-31"', "expiry", "months_or_on"),
    ("months = 36\n", "", "expiry", "months_or_on"),
    ("months = 36", "month = 36", "expiry.month", "unknown_key"),
    ("months = 36", 'on = "02-29"', "expiry.on", "bad_date"),
    ("months = 36", "on = 2026-12-31", "expiry.on", "bad_date"),
    ('align  = "month-end"', 'align = "week-end"', "expiry.align", "bad_choice"),
    ("earns   = 79", "earns = 80", "example[0].earns", "example_fails"),
    ("earns   = 79", "earns = 79.2", "example[0].earns", "bad_number"),
    ("earns   = 79", "", "example[0].earns", "missing_key"),
    ('say     = "国庆照护老人 4 小时 5 分,5 人团队"', "", "example[0].say", "missing_key"),
    (", minutes = 245", ", minutes = 1441", "example[0].service.minutes", "bad_number"),
    (", team = 5", ", teams = 5", "example[0].service.teams", "unknown_key"),
    ("date = 2026-10-02", "date = 2026-02-29", "example[0].service.date", "bad_date"),
]


@pytest.mark.parametrize(("old", "new", "where", "code"), MISTAKES)
def test_one_mistake_is_one_finding(old: str, new: str, where: str, code: str) -> None:
    reading = read(changed((old, new)))
    assert reading.book is None
    assert [(finding.where, finding.code) for finding in reading.errors] == [(where, code)]
    for lang in ("zh", "en"):
        assert text(reading.errors[0].message, lang)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"2026.1"', '"13812345678"', "version"),
        ('name     = "积分"', 'name = "积分。"', "points.name"),
        ("cleaning   = 8.5", '"St. Mary visit" = 8.5', "rate"),
        ('id            = "team"', 'id = "138-1234-5678"', "multiply[1].id"),
        ('"国庆"', '"请找13812345678"', "multiply[0].label"),
        ('id      = "hours"', 'id = "tel-13812345678"', "cap[1].id"),
        ('"pool:elder-care"', '"pool:13812345678"', "cap[0].overflow"),
    ],
)
def test_a_word_that_the_log_must_not_hold_is_an_error_in_a_book_that_stays_readable(old: str, new: str, where: str) -> None:
    """Awards write it into the log; a book that an earlier version published with it is still there to be read."""
    data = changed((old, new))
    assert read(data).book is not None
    assert codes(data) == [(where, "unfit_word")]
    with pytest.raises(Invalid) as refusal:
        rulebooks.check(data)
    assert refusal.value.code == "bad_rules"


def test_ten_mistakes_are_ten_findings_at_once() -> None:
    findings = codes(
        changed(
            ('"community-points"', '"社区"'),
            ("= 2026-12-31", "= 2026-11-31"),
            ("decimals = 0", "decimals = 3"),
            ("carry_remainder = true", "carry_remaindr = true"),
            ("elder-care = 12", "elder-care = nan"),
            ("times = 1.5", "times = 1_000"),
            ('id            = "team"', 'id = "national-day"'),
            ('per      = "month"', 'per = "fortnight"'),
            ("months = 36", "months = 36.5"),
            ("earns   = 79", 'earns = "79"'),
        )
    )
    assert sorted(findings) == [
        ("cap[0].per", "bad_choice"),
        ("effective_to", "bad_date"),
        ("example[0].earns", "bad_number"),
        ("expiry.months", "bad_number"),
        ("multiply[0].times", "bad_number"),
        ("multiply[1].id", "duplicate_id"),
        ("name", "bad_id"),
        ("points.decimals", "bad_number"),
        ("rate.elder-care", "bad_number"),
        ("service.carry_remaindr", "unknown_key"),
    ]


A_NUMBER = "must be a number from 0.0001 to 100 with at most 4 decimals"
A_DAY = "must be a day of the calendar without quotes, like 2027-01-31"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("times = 1.5", 'times = "1.5"', f'{A_NUMBER}, without quotes, got "1.5"'),
        ("times = 1.5", "times = 1e3", f"{A_NUMBER}, got 1e3"),
        ("times = 1.5", "times = [1.5]", f"{A_NUMBER}, got a list"),
        ("times = 1.5", "times = {a = 1}", f"{A_NUMBER}, got a table"),
        ("times = 1.5", f"times = {'9' * 400}", f"{A_NUMBER}, got {'9' * 59}…"),
        ("round_minutes   = 30", "round_minutes = true", "must be a whole number from 1 to 1440, got true"),
        ("= 2026-12-31", "= 2026-02-30", f"{A_DAY}, got 2026-02-30"),
        ("= 2026-12-31", '= "2026-12-31"', f'{A_DAY}, got "2026-12-31"'),
        ("carry_remainder = true", "carry_remaindr = true", "there is no such key; the nearest is carry_remainder"),
        ("points   = 600", "ponits = 600\npoints = 600", "there is no such key; the nearest is points"),
        ("points   = 600", "points = 600.5", "must be a whole number from 1 to 100000000, got 600.5"),
        ("decimals = 0", "", "is missing: must be a whole number from 0 to 1"),
        (
            "earns   = 79",
            "earns = 80",
            "says 80, the rules give 79: 4 h 05 min of service → 4 h counted × 12 = 48 → 国庆 × 1.5 = 72"
            " → as a team × 1.1 = 79.2 → 79 分 recorded",
        ),
    ],
)
def test_a_finding_says_what_is_wanted_and_what_is_there(old: str, new: str, message: str) -> None:
    (finding,) = read(changed((old, new))).errors
    assert str(finding.message) == message


def test_a_failing_example_is_told_in_whole_points() -> None:
    (finding,) = read(changed(("decimals = 0", "decimals = 1"))).errors
    assert str(finding.message).startswith("says 79.0, the rules give 79.2: ")


def test_an_example_may_say_when_its_points_lapse() -> None:
    said = "earns   = 79\n"
    assert read(changed((said, said + "lapses_on = 2029-10-31\n"))).errors == ()
    for day in ("2029-10-30", "2029-11-01"):
        (finding,) = read(changed((said, said + f"lapses_on = {day}\n"))).errors
        assert (finding.where, finding.code) == ("example[0].lapses_on", "example_fails")
        assert str(finding.message) == f"says {day}, by these rules they lapse on 2029-10-31"
    never = ('[expiry]\nmonths = 36\nalign  = "month-end"\n', "")
    (finding,) = read(changed((said, said + "lapses_on = 2029-10-31\n"), never)).errors
    assert str(finding.message) == "says 2029-10-31, by these rules they never lapse"
    assert codes(changed((said, said + 'lapses_on = "2029-10-31"\n'))) == [("example[0].lapses_on", "bad_date")]


def test_a_missing_section_is_one_finding_not_one_for_each_of_its_keys() -> None:
    required = ("schema", "name", "version", "title", "effective_from", "points", "service", "rate")
    assert codes(b"") == [(where, "missing_key") for where in required]


def test_a_misspelled_key_is_one_mistake_a_missing_one_beside_a_strange_one_are_two() -> None:
    assert codes(changed(("carry_remainder", "carry_remiander"))) == [("service.carry_remiander", "unknown_key")]
    assert codes(changed(("carry_remainder", "carry"))) == [
        ("service.carry", "unknown_key"),
        ("service.carry_remainder", "missing_key"),
    ]


def test_a_mistake_in_the_decimals_does_not_make_every_amount_a_mistake() -> None:
    data = changed(("decimals = 0", "decimals = 2"), ("points   = 600", "points = 600.5"), ("= 79", "= 79.2"))
    assert codes(data) == [("points.decimals", "bad_number")]


def test_a_book_may_be_for_a_single_day() -> None:
    book = read(changed(("= 2026-12-31", "= 2026-01-01"))).book
    assert book is not None
    assert book.covers(date(2026, 1, 1))
    assert not book.covers(date(2026, 1, 2))


def test_a_section_of_the_wrong_shape_is_one_finding() -> None:
    wrong = {"points": "3", "service": "[]", "rate": "true", "multiply": "3", "cap": "{}", "expiry": "3", "example": "[3]"}
    findings = codes("\n".join(f"{key} = {value}" for key, value in wrong.items()).encode())
    assert {where for where, code in findings if code == "bad_section"} == set(wrong)
    assert {code for _, code in findings} == {"bad_section", "missing_key"}


# --- the sections of all that is not an hour ---


def test_every_key_of_the_other_sections_reaches_the_book() -> None:
    reading = read(WHOLE.encode())
    assert (reading.errors, reading.lint) == ((), ())
    book = reading.book
    assert book is not None
    conditions = {"teams": frozenset({"T001", "T002"}), "tier": "three-star"}
    assert book.multiply[2] == Multiplier("three-star", Decimal("1.2"), **conditions)
    assert book.bonus == (
        Bonus("first-service", 20, "lifetime", "首次服务"),
        Bonus(
            "new-year",
            2,
            "day",
            dates=((date(2026, 1, 1), date(2026, 1, 1)),),
            weekdays=frozenset({3}),
            categories=frozenset({"cleaning"}),
            team_at_least=2,
            teams=frozenset({"T003"}),
            tier="busy",
        ),
    )
    assert book.tier == (Tier("three-star", 601, "lifetime", "三星志愿者"), Tier("busy", 100, "year"))
    assert book.cap[2:] == (
        Cap("an-activity", "activity", "minutes", 300),
        Cap("store", "balance", "points", 15_000, "surplus"),
        Cap("a-team", "month", "points", 2_000, "review", "team"),
        Cap("a-programme", "year", "minutes", 9_000, "", "programme"),
    )
    assert book.windows == ("activity", "month", "year", "team/month", "programme/year")
    assert book.pools == ("elder-care", "surplus")
    assert (book.credit, book.redeem) == (Credit(Decimal("0.5"), 200), Redeem(99, 60, 5, 15))
    assert (book.gifts_to, book.complaint, book.refund_grace_days, book.notice_days) == ("relatives", "void", 15, 7)
    had = {"month": (590, 36_060), "year": (590, 36_060), "lifetime": (590, 36_060)}
    assert book.example[1].used == Used(0, 0, 0, had, 36_060, 36_060, 590, frozenset({"first-service"}))
    assert book.example[1].facts.team == "T001"


@pytest.mark.parametrize(
    ("per", "had"), [("entry", False), ("day", False), ("month", True), ("year", True), ("lifetime", True)]
)
def test_before_an_example_the_bonuses_of_a_month_or_more_were_given(per: str, had: bool) -> None:
    book = read(changed(('per    = "lifetime"', f'per = "{per}"'))).book
    assert book is not None
    assert book.example[1].used.bonuses == ({"first-service"} if had else set())


def test_sections_left_out_allow_no_gift_no_credits_and_every_redeeming() -> None:
    book = read(FULL.encode()).book
    assert book is not None
    assert (book.gifts_to, book.credit, book.redeem, book.complaint, book.refund_grace_days) == ("nobody", None, None, "", 30)
    bare = read((FULL + "[credit]\npoints_per_credit = 1\n[redeem]\n").encode()).book
    assert bare is not None
    assert (bare.credit, bare.redeem) == (Credit(Decimal(1), 0), Redeem(0, 0, 1, 30))


def test_with_one_decimal_bonuses_and_steps_are_kept_in_tenths() -> None:
    earns = (("earns   = 99", "earns = 79.7"), ("earns   = 10", "earns = 10.2"), ("points = 590", "points = 589.5"))
    data = changed(
        ("decimals = 0", "decimals = 1"), ("points = 20", "points = 0.5"), ("step                 = 5", "step = 0.5"), *earns
    )
    book = read(data).book
    assert book is not None, read(data).errors
    assert (book.bonus[0].points, book.redeem, book.example[1].used.balance) == (5, Redeem(99, 60, 5, 15), 5895)


OTHER_MISTAKES = [
    ("points = 20\n", "points = 0\n", "bonus[0].points", "bad_number"),
    ("points = 20\n", "points = 0.5\n", "bonus[0].points", "bad_number"),
    ("points = 20\n", "points = 10_001\n", "bonus[0].points", "bad_number"),
    ("points = 20\n", "", "bonus[0].points", "missing_key"),
    ('per    = "lifetime"', 'per = "week"', "bonus[0].per", "bad_choice"),
    ('id            = "new-year"', 'id = "first-service"', "bonus[1].id", "duplicate_id"),
    ('weekdays      = ["thu"]', 'weekdays = ["Thu"]', "bonus[1].weekdays[0]", "bad_choice"),
    ("hours_at_least = 601", "hours_at_least = 0", "tier[0].hours_at_least", "bad_number"),
    ("hours_at_least = 601", "minutes_at_least = 36060", "tier[0].minutes_at_least", "unknown_key"),
    ('window         = "year"', 'window = "month"', "tier[1].window", "bad_choice"),
    ('teams = ["T001", "T002"]', 'teams = ["T001", "红队"]', "multiply[2].teams[1]", "bad_id"),
    ('tier  = "three-star"', 'tier = "four-star"', "multiply[2].tier", "unknown_tier"),
    ('tier          = "busy"', 'tier = "bussy"', "bonus[1].tier", "unknown_tier"),
    ('per      = "balance"\npoints   = 15_000', 'per = "balance"\nminutes = 15_000', "cap[3]", "bad_balance"),
    ('per      = "balance"', 'per = "balance"\nscope = "team"', "cap[3]", "bad_balance"),
    ('scope    = "team"', 'scope = "everybody"', "cap[4].scope", "bad_choice"),
    ('"review"', '"pool:review"', "cap[4].overflow", "bad_id"),
    ("points_per_credit   = 0.5", "points_per_credit = 0", "credit.points_per_credit", "bad_number"),
    ("points_per_credit   = 0.5", "", "credit.points_per_credit", "missing_key"),
    ("monthly_credits_max = 200", "monthly_credits_max = 0", "credit.monthly_credits_max", "bad_number"),
    ("minimum_age          = 60", 'minimum_age = "60"', "redeem.minimum_age", "bad_number"),
    ("step                 = 5", "step = 0", "redeem.step", "bad_number"),
    ("step                 = 5", "step = 0.5", "redeem.step", "bad_number"),
    ('to = "relatives"', 'to = "family"', "gift.to", "bad_choice"),
    ('to = "relatives"', "", "gift.to", "missing_key"),
    ('complaint = "void"', 'complaint = "halve"', "penalty.complaint", "bad_choice"),
    ("notice_days = 7", "notice_days = 0", "change.notice_days", "bad_number"),
    ("notice_days = 7", "days = 7", "change.days", "unknown_key"),
    ("hours = 601, points = 590", "hours = -1", "example[1].before.hours", "bad_number"),
    ("hours = 601, points", "hour = 601, points", "example[1].before.hour", "unknown_key"),
    ('team_no = "T001"', 'team_no = "队"', "example[1].service.team_no", "bad_id"),
]


@pytest.mark.parametrize(("old", "new", "where", "code"), OTHER_MISTAKES)
def test_one_mistake_in_the_other_sections_is_one_finding(old: str, new: str, where: str, code: str) -> None:
    findings = codes(changed((old, new)))
    assert (where, code) in findings
    assert findings == [(where, code)] or code == "unknown_key"


def test_a_section_that_is_there_once_may_not_be_a_list() -> None:
    assert codes((FULL + "[[gift]]\nto = 'anyone'\n").encode()) == [("gift", "bad_section")]


# --- hostile and broken files ---

HOSTILE = {
    "too large": (b"#" * (BYTES_MAX + 1), "too_large"),
    "one long line": (FULL.encode() + b"\n#" + b"x" * LINE_MAX, "line_too_long"),
    "nested arrays in one line": (b"a = " + b"[" * 20_000, "line_too_long"),
    "nested arrays over lines": (b"a = " + b"[\n" * 20_000, "too_deep"),
    "nested tables": (b"a = " + b"{a=\n" * 10_000, "too_deep"),
    "brackets that close and open": (b"a = [" + b"[[[]]],\n" * 8_000, "too_deep"),
    "a long dotted key": (b".".join([b"a"] * 20_000) + b" = 1", "line_too_long"),
    "dotted keys": (b".".join([b"a"] * 200) + b" = 1\n", "too_deep"),
    "a dotted header": (b"[" + b" . ".join([b'"a"'] * 60) + b"]\n", "too_deep"),
    "dots in an inline table": (b"a = {b.c.d.e.f = 1}", "too_deep"),
    "a text of several lines": (b'title = """\n' + b"x\n" * 1_000 + b'"""', "long_string"),
    "the same without escapes": (b"title = '''\n'''", "long_string"),
    "UTF-16 with a mark": (FULL.encode("utf-16"), "not_text"),
    "UTF-16 without": (FULL.encode("utf-16-le"), "not_text"),
    "a NUL": (FULL.encode() + b"\0", "not_text"),
    "GBK": (FULL.encode("gbk"), "not_utf8"),
    "half a character": (FULL.encode() + "元".encode()[:2], "not_utf8"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_before_it_is_parsed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is the measure itself, not a clock: what tomllib needs seconds for never reaches it."""

    def no_parser(*_: object, **__: object) -> None:
        raise AssertionError("this file must be refused before it is parsed")

    monkeypatch.setattr(tomllib, "loads", no_parser)
    data, code = HOSTILE[name]
    reading = read(data)
    assert reading.book is None
    assert {finding.code for finding in reading.errors} == {code}
    assert len(reading.errors) <= FINDINGS_MAX + 1


def test_a_file_as_large_as_allowed_with_a_line_as_long_as_allowed_is_read() -> None:
    full = FULL.encode() + b"#" + b"x" * (LINE_MAX - 1) + b"\n"
    lines, rest = divmod(BYTES_MAX - len(full), 100)
    exact = full + (b"#" * 99 + b"\n") * lines + b"#" * rest
    assert len(exact) == BYTES_MAX
    assert read(exact).book is not None


def test_a_rule_book_may_be_written_as_deep_as_the_schema_is() -> None:
    head, _, example_ = FULL.partition("[[example]]")
    inline = "example = [{" + ", ".join(line for line in example_.split("\n") if line) + "}]\n"
    assert read((inline + head).encode()).book == read(FULL.encode()).book
    dotted = changed(("[points]\nname     =", 'points.name = "积分"\n[points]\nname ='))
    assert codes(dotted) == [("line 10", "bad_toml")]


def test_brackets_dots_and_quotes_inside_texts_and_comments_are_no_nesting() -> None:
    title = r'"[[[[[[ {{{{{{ a.b.c.d.e \" [[[["'
    assert read(changed(('"2026 年社区积分规则"', title), ("[rate]", '[rate] # [[[[[[ """ a.b.c.d'))).book is not None


def test_a_gbk_file_is_told_in_which_line_it_stops_being_utf_8() -> None:
    (finding,) = read(FULL.encode("gbk")).errors
    assert (finding.where, finding.row) == ("line 4", 4)


@pytest.mark.parametrize(
    ("old", "new", "row"),
    [
        ("[rate]", "[rate", 22),
        ("times = 1.5", "times = ", 30),
        ("months = 36", "months = 36\nmonths = 37", 55),
        ("earns   = 79\n", "earns = 79\nmore = [", 61),
    ],
)
def test_what_is_no_toml_is_named_with_its_line(old: str, new: str, row: int) -> None:
    (finding,) = read(changed((old, new))).errors
    assert (finding.where, finding.code, finding.row) == (f"line {row}", "bad_toml", row)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('title          = "2026 年社区积分规则"', "title          = “2026 年社区积分规则”", "the sign “ is full-width"),
        ('title          = "2026 年社区积分规则"', 'title          = "2026 年社区积分规则”', "the sign ” is full-width"),
        ('legal_basis    = "居委会通过"', 'legal_basis    = "居委会通过，公示五天', 'a text begins with "'),
        ("default    = 10", "default    ＝ 10", "the sign ＝ is full-width"),
        ("default    = 10", "default    =\u300010", "the sign space is full-width"),
        ("cleaning   = 8.5", "cleaning   = 8,5 # 每小时，打扫", "8,5 cannot be read"),
        ("cleaning   = 8.5", "保洁       = 8.5", "a name that is not of a-z"),
        ("cleaning   = 8.5", "cleaning   8.5", "this is neither a section"),
        ("cleaning   = 8.5", "elder-care = 8.5", "this stands in the file for a second time"),
        ("effective_from = 2026-01-01", "effective_from = 2026-1-1", "2026-1-1 cannot be read"),
        ('kinds           = ["confirmed"]', 'kinds           = ["confirmed"', "a bracket that was opened"),
        ('title          = "2026 年社区积分规则"', r'title          = "C:\积分"', "a text cannot hold the sign"),
    ],
)
def test_a_line_that_is_no_toml_is_told_for_people_who_do_not_know_toml(old: str, new: str, told: str) -> None:
    (finding,) = read(changed((old, new))).errors
    assert finding.code == "bad_toml"
    assert str(finding.message).startswith(told)


def test_more_sections_than_anybody_votes_on_are_refused() -> None:
    many = "".join(f'[[multiply]]\nid = "m{i}"\ntimes = 1\nteam_at_least = 2\n' for i in range(99))
    assert codes(FULL.encode() + many.encode()) == [("multiply", "too_many")]
    rates = "".join(f"c{i} = 1\n" for i in range(500))
    assert codes(changed(("cleaning   = 8.5\n", rates))) == [("rate", "too_many")]


def test_of_very_many_mistakes_the_first_are_told_and_the_rest_counted() -> None:
    findings = read("".join(f"k{i} = 1\n" for i in range(1_000)).encode() + FULL.encode()).errors
    assert len(findings) == FINDINGS_MAX + 1
    assert (findings[-1].code, str(findings[-1].message)) == ("more_findings", "and 800 more mistakes")


def test_multipliers_may_not_make_amounts_the_ledger_cannot_hold() -> None:
    many = "".join(f'[[multiply]]\nid = "m{i}"\ntimes = 100\nteam_at_least = 2\n' for i in range(9))
    assert codes(FULL.encode() + many.encode()) == [("multiply", "too_many_points")]


def test_a_finding_never_carries_what_moves_a_cursor() -> None:
    data = changed(("schema         =", r'"\u001b[2J" = 1' + "\nschema ="), ("times = 1.5", r'times = "\u001b[2J"'))
    shown = [finding.where + str(finding.message) for finding in read(data).errors]
    assert len(shown) == 2
    assert all(line.isprintable() for line in shown)


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(b"a = 2026-02-30T25:00:00")
@example(b"2026-02-30 = 1\n[2026-02-31]\n")
@example(b"[[points]]\n[[points]]\n")
@example(b"example = [{service = 3}, {service = {date = 1}}]")
def test_no_bytes_raise(data: bytes) -> None:
    assert read(data).book is None


PIECES = ["true", "-1", "0", "1e9", "inf", '""', "[]", "[[]]", "{}", "2026-02-30", "07:30:00", r'"\u0000"', "9" * 400]
PIECES += ["=", "]", "}", '"', "#", "\n"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=4))
def test_a_rule_book_cut_up_anywhere_is_read_or_refused_and_never_raises(cuts: list[tuple[int, int, str]]) -> None:
    written = WHOLE
    for start, length, piece in cuts:
        written = written[:start] + piece + written[start + length :]
    reading = read(written.encode())
    assert (reading.book is None) == bool(reading.errors)
    for finding in (*reading.errors, *reading.lint):
        assert finding.where
        assert text(finding.message, "zh")
        assert text(finding.message, "en")
    if reading.book is not None:
        canonical(award(Facts(date(2026, 10, 2), "elder-care", 245, 5), reading.book, Used()).trace)


# --- lint ---

HOLIDAY = 'dates = ["2026-10-01..2026-10-07", "2026-12-31"]'
FIRST_CAP = "[[cap]]\nid       ="
SECOND = '[[multiply]]\nid = "second"\ntimes = 2\nteam_at_least = 9\n'
SAME_GROUP = 'group = "calendar"\ndates = ["2026-10-07..2026-10-09"]'
YEARLY = 'per     = "year"\nminutes = 60_000'


@pytest.mark.parametrize(
    ("old", "new", "where", "code"),
    [
        ("= 480", "= 470", "service.maximum_minutes_per_day", "day_limit_between_units"),
        (FIRST_CAP, f"{SECOND}{SAME_GROUP}\n{FIRST_CAP}", "multiply[2].dates", "overlapping_dates"),
        (HOLIDAY, 'dates = ["2025-10-01..2025-10-07", "2027-01-01"]', "multiply[0].dates", "dates_outside"),
        (f"{HOLIDAY}\n", "", "multiply[0]", "always_applies"),
        ('["elder-care"]', '["elder-care", "eldercare"]', "multiply[1].categories", "unknown_category"),
        ("minutes = 60_000", "minutes = 200_000", "cap[1].minutes", "unreachable_cap"),
        (YEARLY, 'per = "year"\npoints = 7201', "cap[1].points", "unreachable_cap"),
        (YEARLY, 'per = "month"\npoints = 601', "cap[1].points", "unreachable_cap"),
        ("points   = 600", "points = 100_000", "cap[0].points", "unreachable_cap"),
        ('name     = "积分"', 'name = "社区币"', "points.name", "money_like_name"),
        ('"2026 年社区积分规则"', '"Community cash 2026"', "title", "money_like_name"),
        ("date = 2026-10-02", "date = 2027-10-02", "example[0].service.date", "example_outside"),
    ],
)
def test_what_looks_like_a_slip_is_lint_and_refuses_nothing(old: str, new: str, where: str, code: str) -> None:
    earns = {"dates_outside": 52, "example_outside": 52}.get(code, 79)
    data = changed((old, new), ("earns   = 79", f"earns = {earns}"))
    assert lint(data) == [(where, code)]
    assert text(read(data).lint[0].message, "zh")


STAR = 'tier  = "three-star"'


@pytest.mark.parametrize(
    ("old", "new", "where", "code"),
    [
        ("hours_at_least = 100", "hours_at_least = 8785", "tier[1].hours_at_least", "unreachable_tier"),
        ('100\nwindow         = "year"', '601\nwindow = "lifetime"', "tier[1].hours_at_least", "same_tier"),
        ('label          = "三星志愿者"', 'label = "币"', "tier[0].label", "money_like_name"),
        ('label  = "首次服务"', 'label = "现金"', "bonus[0].label", "money_like_name"),
        ('dates         = ["2026-01-01"]', 'dates = ["2027-01-01"]', "bonus[1].dates", "dates_outside"),
        ('categories    = ["cleaning"]', 'categories = ["clean"]', "bonus[1].categories", "unknown_category"),
        ("minutes = 9_000", 'minutes = 9_000\n[[cap]]\nid = "x"\nper = "year"\nscope = "team"\npoints = 24_001',
         "cap[6].points", "unreachable_cap"),
    ],
)  # fmt: skip
def test_a_slip_in_the_other_sections_is_lint(old: str, new: str, where: str, code: str) -> None:
    assert lint(changed((old, new))) == [(where, code)]


def test_a_team_or_programme_is_stopped_by_no_member_s_day() -> None:
    assert lint(changed(("points   = 2_000", "points = 9_000_000"), ("minutes = 9_000", "minutes = 9_000_000"))) == []


def star(group: str, times: str, tier: str = "", more: str = "") -> str:
    asked = f'tier = "{tier}"\n' if tier else ""
    return f'[[multiply]]\nid = "x{times.replace(".", "-")}"\ntimes = {times}\ngroup = "{group}"\n{asked}{more}\n'


@pytest.mark.parametrize(
    ("written", "never"),
    [
        (star("stars", "1.5", "high") + star("stars", "2", "low"), [2]),
        (star("stars", "2", "high") + star("stars", "1.5", "low"), []),
        (star("stars", "1.5", "high") + star("stars", "2", "year"), []),
        (star("stars", "1.5", "high") + star("other", "2", "low"), []),
        (star("s", "1.5", "low", 'weekdays = ["sat"]') + star("s", "2", "low", 'weekdays = ["sat", "sun"]'), [2]),
        (star("s", "1.5", "low", 'weekdays = ["sat", "sun"]') + star("s", "2", "low", 'weekdays = ["sat"]'), []),
        (star("s", "1.5", "low") + star("s", "2", "low", 'dates = ["2026-01-01"]'), []),
        (star("s", "2", "low") + star("s", "1.5", "low", 'dates = ["2026-01-01"]'), [3]),
        (star("s", "2", "low") + star("s", "2.0", "low"), [3]),
        (star("s", "2", "low", "team_at_least = 3") + star("s", "1.5", "low", "team_at_least = 5"), [3]),
        (star("s", "2", "low", 'teams = ["T001"]') + star("s", "1.5", "low"), []),
    ],
)
def test_a_multiplier_that_another_one_always_beats_never_counts(written: str, never: list[int]) -> None:
    tiers = "".join(
        f'[[tier]]\nid = "{id_}"\nhours_at_least = {hours}\nwindow = "{window}"\n'
        for id_, hours, window in (("low", 100, "lifetime"), ("high", 300, "lifetime"), ("year", 99, "year"))
    )
    assert lint((FULL + written + tiers).encode()) == [(f"multiply[{i}]", "never_counts") for i in never]


# --- beside what was published ---


def version(name: str, first: str, last: str = "") -> RuleBook:
    """A book of that version and those days."""
    start = FULL.partition("[[example]]")[0].replace('"2026.1"', f'"{name}"').replace("= 2026-01-01", f"= {first}")
    book = read(start.replace("effective_to   = 2026-12-31", f"effective_to = {last}" if last else "").encode()).book
    assert book is not None
    return book


def told_beside(book: RuleBook, *published: RuleBook) -> list[tuple[str, str]]:
    return [(finding.code, str(finding.message)) for finding in beside(book, published)]


def test_days_that_no_version_speaks_for_are_named() -> None:
    old, new = version("1", "2026-01-01", "2026-12-31"), version("2", "2027-02-01", "2027-12-31")
    assert told_beside(new, old) == [
        ("gap_between_versions", "no rule book speaks for services from 2027-01-01 to 2027-01-31"),
    ]
    assert told_beside(old, new) == [
        ("gap_between_versions", "no rule book speaks for services from 2027-01-01 to 2027-01-31"),
    ]
    assert told_beside(version("2", "2027-01-01"), old) == []
    assert told_beside(new) == told_beside(new, new) == []
    assert told_beside(old, version("0", "2025-01-01"), new) == [
        ("replaces_version", "from 2026-01-01 on this version speaks, no longer 0")
    ]
    between = version("3", "2027-01-01", "2027-01-31")
    assert told_beside(new, old, between) == told_beside(old, new, between) == told_beside(between, old, new) == []


def test_what_a_version_replaces_and_what_begins_later_is_named() -> None:
    old, new = version("1", "2026-01-01"), version("2", "2026-07-01", "2026-12-31")
    assert told_beside(new, old) == [("replaces_version", "from 2026-07-01 on this version speaks, no longer 1")]
    assert told_beside(old, new) == [("gives_way", "from 2026-07-01 on 2 speaks, which begins later")]


def test_categories_are_held_against_what_was_served() -> None:
    """Named by a rate or a multiplier and never used; used and named nowhere, the most frequent first."""
    bare = FULL.partition("[[example]]")[0]
    book = read(bare.replace('= ["elder-care"]', '= ["cleaning", "reading"]').encode()).book
    assert book is not None

    def found(**categories: int) -> list[tuple[str, str, str]]:
        return [(one.where, one.code, str(one.message)) for one in rulelint.served(book, categories)]

    assert found() == []
    named = dict.fromkeys([*book.rate.by_category, "reading"], 3)
    takes = "only this takes 3 services of the last 12 months: reading 3"
    assert found(**named) == [("rate.default", "default_rate", takes)]
    named.pop("cleaning")
    assert found(**named)[0] == ("rate.cleaning", "unused_category", "no service of the last 12 months is of cleaning")
    named.pop("reading")
    assert [one[:2] for one in found(**named)][1:] == [("multiply[1].categories", "unused_category")]
    many = {f"c{n}": n for n in range(1, 14)}
    ((told, *_),) = [(message, code) for _, code, message in found(**many) if code == "default_rate"]
    assert told.startswith("only this takes 91 services of the last 12 months: c13 13, c12 12,")
    assert told.endswith(" c4 4, …")


def test_a_book_without_examples_is_lint() -> None:
    assert lint(FULL.partition("[[example]]")[0].encode()) == [("example", "no_examples")]


@pytest.mark.parametrize("name", ["元旦积分规则", "单元楼互助", "爱心豆", "多元服务"])
def test_a_name_that_only_holds_the_character_is_no_money(name: str) -> None:
    assert lint(changed(('"2026 年社区积分规则"', f'"{name}"'))) == []


@pytest.mark.parametrize("name", ["元", "社区元", "现金券", "Dollars", "爱心币", "¥ 积分", "time money"])
def test_a_name_that_sounds_like_money_is_lint(name: str) -> None:
    assert lint(changed(('name     = "积分"', f'name = "{name}"'))) == [("points.name", "money_like_name")]


@pytest.mark.parametrize(
    "other",
    [
        'group = "calendar"\ndates = ["2026-10-08..2026-10-09"]',
        'group = "other"\ndates = ["2026-10-01"]',
        'dates = ["2026-10-01"]',
        'group = "calendar"\nweekdays = ["sat"]',
    ],
)
def test_multipliers_that_share_no_day_or_no_group_are_no_overlap(other: str) -> None:
    assert lint(changed((FIRST_CAP, f"{SECOND}{other}\n{FIRST_CAP}"))) == []


def test_multipliers_of_no_group_are_no_overlap() -> None:
    assert lint(changed(('group = "calendar"\n', ""), (FIRST_CAP, f"{SECOND}{HOLIDAY}\n{FIRST_CAP}"))) == []


def test_multipliers_for_other_categories_are_no_overlap() -> None:
    care = changed((HOLIDAY, f'{HOLIDAY}\ncategories = ["elder-care"]')).decode()
    other = f'{SECOND}group = "calendar"\n{HOLIDAY}\ncategories = ["cleaning"]\n'
    assert lint((care + other).encode()) == []


def test_caps_that_can_be_reached_are_not_called_unreachable() -> None:
    """The longest day is 480 minutes and a carried half hour: 510 at 12 × 1.5 × 1.1 make 168.3 points, so 31 × 169 a month."""
    assert lint(changed(("points   = 600", "points = 5239"))) == []
    assert lint(changed(("points   = 600", "points = 5240"))) == [("cap[0].points", "unreachable_cap")]
    assert lint(changed((YEARLY, 'per = "year"\npoints = 7200'))) == []
    assert lint(changed((YEARLY, 'per = "lifetime"\npoints = 100_000'))) == []


# --- the page ---


def finding_codes() -> set[str]:
    """Every code the three modules can give, from their own text."""
    found = set()
    modules = [ast.parse(Path(module.__file__ or "").read_text("utf-8")) for module in (rulefile, rulelint, ruletext)]
    for call in (node for module in modules for node in ast.walk(module)):
        if isinstance(call, ast.Call):
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            place = {"Finding": 1, "note": 1, "refuse": 1, "Kind": 0}.get(called)
            if place is not None and isinstance(code := call.args[place], ast.Constant):
                found.add(code.value)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_names_every_finding_and_every_rule_book_shipped(page: Path) -> None:
    written = page.read_text("utf-8")
    assert len(finding_codes()) >= 30
    assert [code for code in sorted(finding_codes()) if f"`{code}`" not in written] == []
    assert [path.name for path in SHIPPED if path.name not in written] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_books_on_the_page_can_be_read(page: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    whole = [block for block in blocks if block.startswith("schema")]
    assert whole
    for block in whole:
        reading = read(block.encode())
        assert (reading.errors, reading.lint) == ((), ())
