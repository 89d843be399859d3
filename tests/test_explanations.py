"""`rules explain`: an entry in words from what it stores alone, step by step, in both languages; no trace leaves it mute."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from by_hand import book, books, facts_any, useds
from conftest import RULES, Book, Cli
from giving import a_book_of_gifts  # noqa: F401 - a fixture
from timebank import rulefile
from timebank.base.i18n import Language, Say, text
from timebank.clauses import Credit, Facts, RuleBook, Used
from timebank.explanations import AWARDED, rows, rules_told
from timebank.journal import Entry
from timebank.rewards import Award, award, convert
from timebank.transparency import canonical, parse

LANGUAGES: tuple[Language, Language] = ("zh", "en")
NATIONAL_DAY = (
    RULES.replace("2026.1", "2027.1").replace("2026-01-01", "2027-01-01")
    + """
[[multiply]]
id = "national-day"
label = "国庆"
times = 1.5
dates = ["2027-10-01..2027-10-07"]
[[multiply]]
id = "team"
times = 1.1
team_at_least = 5
"""
)


def named(holder: str) -> Say | str:
    return holder


def told(fields: dict[str, Any], lang: Language, who: Callable[[str], Say | str] = named) -> list[tuple[str, str]]:
    stored = parse(canonical(fields))
    return [(text(row.name, lang), text(row.told, lang)) for row in rows(stored, who, 1)]


def entry(kind: str, trace: dict[str, Any], **more: Any) -> dict[str, Any]:
    postings = [
        ["system:issued", "points", "source", "9999-12-31", -5, 1],
        ["member:1", "points", "available", "2029-10-31", 5, 1],
    ]
    return {"kind": kind, "business_date": "2026-10-14", "trace": trace, "postings": postings, **more}


# --- any trace ---


@settings(deadline=None)
@given(facts_any, books, useds)
def test_every_award_can_be_explained(facts: Facts, rules: RuleBook, used: Used) -> None:
    trace = award(facts, rules, used).trace
    for lang in LANGUAGES:
        assert all(name and step for name, step in told(entry("hours", trace), lang))


@settings(deadline=None)
@given(st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.integers(1, 999), st.integers(0, 999), st.integers(0, 500))
def test_every_conversion_can_be_explained(day: date, offered: int, before: int, most: int) -> None:
    trace = convert(day, offered, book(credit=Credit(Decimal("0.3"), most)), before).trace
    for lang in LANGUAGES:
        assert all(name and step for name, step in told(entry("credit.convert", trace), lang))


# --- what an award read, and where it went ---


def rulefile_book(toml: str) -> RuleBook:
    found = rulefile.read(toml.encode()).book
    assert found is not None
    return found


def read(made: Award) -> list[str]:
    return [step for name, step in told(entry("hours", made.trace), "en") if name == "read of earlier entries"]


def test_what_was_read_of_earlier_entries_is_told() -> None:
    rules = rulefile_book(
        NATIONAL_DAY
        + """
[[cap]]
id = "team"
per = "year"
scope = "team"
minutes = 6000
[[cap]]
id = "store"
per = "balance"
points = 3000
overflow = "review"
[[tier]]
id = "star"
window = "year"
hours_at_least = 10
[[bonus]]
id = "first"
points = 20
per = "lifetime"
tier = "star"
"""
    )
    windows = {"month": (90, 300), "team/year": (0, 5_970)}
    used = Used(120, 70, 60, windows, served=3_000, served_year=660, balance=2_995, bonuses=frozenset({"first"}))
    made = award(Facts(date(2027, 10, 2), "elder-care", 240, 5, team="T001"), rules, used)
    assert read(made) == [
        "2 h of that day could earn already",
        "1 h 10 min of this category before, of which 1 h were counted",
        "monthly cap: 90 分 and 5 h before",
        "team's yearly cap: 0 分 and 99 h 30 min before",
        "50 h served before, 11 h of them that year",
        "2995 分 in store before",
        "the bonus first was given before",
    ]
    steps = [step for name, step in told(entry("hours", made.trace), "en") if name.startswith("step")]
    assert steps[-4:] == [
        "69 分 above the monthly cap of 100 分 go to the pool elder-care",
        "1 分 above the team's yearly cap of 100 h are not recorded",
        "4 分 above the store cap of 3000 分 wait for a decision",
        "5 分 recorded",
    ]
    assert read(award(Facts(date(2027, 2, 1), "elder-care", 60), rules, Used(counted=60))) == [
        "0 min of this category before, of which 1 h were counted"
    ]
    assert ("left over", "10 min count with the next service") in told(entry("hours", made.trace), "en")
    assert ("余下时长", "10 分钟并入下一次服务计算") in told(entry("hours", made.trace), "zh")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_entry_of_points_that_change_hands_is_told(giving: Book, lang: Language) -> None:
    with giving.read() as session:
        stored = [parse(entry.payload.encode()) for entry in session.exec(select(Entry).order_by("seq")).all()]
    kinds = {fields["kind"]: told(fields, lang) for fields in stored}
    assert {"points.gift", "pool.payout", "points.opening", "credit.issue", "credit.convert"} < kinds.keys()
    assert all(kinds[kind] for kind in ("points.gift", "pool.payout", "points.opening", "credit.issue", "credit.convert"))


def test_a_gift_tells_who_gave_what_to_whom_by_what_right(giving: Book) -> None:
    with giving.read() as session:
        gift = session.exec(select(Entry).where(Entry.kind == "points.gift").order_by("seq")).first()
    assert gift is not None
    assert told(parse(gift.payload.encode()), "en") == [
        ("allowed", "the rules let points be given to relatives"),
        ("kinship", "link 1"),
        ("moved", "member:1: -10 points, good until 2026-12-31"),
        ("moved", "member:2: +10 points, good until 2026-12-31"),
        ("moved", "member:1: -1 points, which never lapse"),
        ("moved", "member:2: +1 points, which never lapse"),
    ]


def test_nothing_left_over_is_not_told() -> None:
    made = award(Facts(date(2027, 2, 1), "elder-care", 60), rulefile_book(NATIONAL_DAY), Used())
    assert [name for name, _ in told(entry("hours", made.trace), "en")] == ["service", "step 1", "step 2", "step 3", "moved"]


def test_a_decision_and_a_reversal_name_the_entry_they_are_about() -> None:
    facts = {"entry": 12, "points": 45, "outcome": "discarded"}
    review = {"kind": "points.review", "business_date": "2026-10-14", "postings": [], "facts": facts}
    assert told(review, "en") == [("decision", "4.5 above a cap of entry E000012"), ("decision", "they were not given")]
    expired = {"expired": [["member:1", "available", "2026-10-31", 30]]}
    back = {"kind": "reversal", "reverses": 9, "business_date": "2026-11-14", "postings": [], "facts": expired}
    assert told(back, "en") == [("takes back", "E000009"), ("of it had lapsed", "3 on 2026-10-31")]


# --- the command ---


@pytest.fixture(name="holiday")
def an_office_on_a_holiday(office: Cli, tmp_path: Path) -> Cli:
    """Four hours and five minutes of five people on the national day: the example of the rule book's page."""
    office.now = "2027-10-20T12:00:00+08:00"
    (tmp_path / "rules.toml").write_text(NATIONAL_DAY, encoding="utf-8")
    published = ("rules", "publish", str(tmp_path / "rules.toml"), "--resolution", "2026-9", "--retroactive", "late")
    office(*published, "--approver", "W0002", "--reason", "a year later")
    (tmp_path / "hours.csv").write_text("date,member_no,minutes,category,team_size\n2027-10-02,M0001,245,elder-care,5\n")
    office("hours", "import", str(tmp_path / "hours.csv"))
    return office


def _hash(office: Cli) -> str:
    found: str = office.rows("SELECT sha256 FROM rulebook WHERE version = '2027.1'")[0][0]
    return found[:8]


def test_the_example_of_the_rule_books_page_reads_as_it_says(holiday: Cli) -> None:
    """docs/rules.md, to the character."""
    seq = holiday.rows("SELECT max(seq) FROM entry")[0][0]
    shown = holiday("rules", "explain", f"E{seq}", "--lang", "zh").out.splitlines()
    assert shown[0] == (
        "服务 4 小时 05 分 → 计 4 小时 ×12 = 48 → 国庆 ×1.5 = 72 → 团队 ×1.1 = 79.2 → 记 79 分"
        f" 〔规则 2027.1 · {_hash(holiday)}〕"
    )
    english = holiday("rules", "explain", "hours:1", "--lang", "en").out.splitlines()
    assert english[0] == (
        "4 h 05 min of service → 4 h counted × 12 = 48 → 国庆 × 1.5 = 72 → as a team × 1.1 = 79.2 → 79 分 recorded"
        f" [rules 2027.1 · {_hash(holiday)}]"
    )
    assert [
        line.strip().split(maxsplit=2) for line in english if "step 4" in line or "good until" in line or "resolution" in line
    ] == [
        ["step", "4", "as a team × 1.1 = 79.2"],
        ["moved", "M0001:", "+79 points, good until 2030-10-31"],
        ["rules", "积分规则,", "version 2027.1, resolution 2026-9"],
    ]


def test_an_entry_its_service_and_its_member_lead_to_the_same_explanation(holiday: Cli) -> None:
    by_service = holiday("rules", "explain", "hours:1", "--json").json
    assert by_service == holiday("rules", "explain", str(by_service["entry"]), "--json").json
    assert by_service == holiday("rules", "explain", "m1", "--last", "--json").json
    assert by_service["trace"]["points"] == 79
    assert {"name", "told"} == {name for row in by_service["rows"] for name in row}


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (("E999999",), "no_entry"),
        (("hours:99",), "unknown_service"),
        (("hours:x",), "unknown_service"),
        (("hours:" + "9" * 40,), "unknown_service"),
        (("M0002", "--last"), "no_entry"),
        (("M0009", "--last"), "unknown_member"),
        (("M0001",), "bad_entry"),
    ],
)
def test_what_is_not_there_cannot_be_explained(holiday: Cli, target: tuple[str, ...], code: str) -> None:
    assert holiday("rules", "explain", *target, "--json", status=None).json["error"]["code"] == code


def test_a_service_that_was_taken_back_says_by_which_entry(holiday: Cli) -> None:
    def taken_back() -> list[str]:
        rows = holiday("rules", "explain", "hours:1", "--json").json["rows"]
        return [row["told"] for row in rows if row["name"] == "taken back"]

    assert taken_back() == []
    holiday("hours", "correct", "1", "--minutes", "0", "--reason", "twice", "--approver", "W0002")
    (by,) = holiday.rows("SELECT seq FROM entry WHERE reverses IS NOT NULL")[0]
    assert taken_back() == [f"by entry E{by:06d}"]


def test_a_service_that_hung_out_names_its_notice() -> None:
    made = award(Facts(date(2027, 2, 1), "elder-care", 60), rulefile_book(NATIONAL_DAY), Used())
    assert ("notice", "notice 3 hung out before and passed") in told(entry("hours", made.trace, facts={"notice": 3}), "en")


def test_entries_without_points_say_so(office: Cli) -> None:
    assert office("rules", "explain", "E1", "--lang", "en").out == "Entry E1 gave no points by a rule.\n"


def test_a_service_that_waits_has_no_entry_yet(office: Cli) -> None:
    office("hours", "record", "M0001", "--minutes", "600", "--date", "2026-10-10")
    assert office("rules", "explain", "hours:1", "--json", status=7).json["error"]["code"] == "no_entry"


def test_rules_are_named_by_version_and_eight_digits() -> None:
    assert rules_told("2027.1@9af7b6e6c0ffee00") == "2027.1 · 9af7b6e6"
    assert set(AWARDED) == {"hours", "credit.convert"}
