"""A real year of volunteering (examples/leeds2023): imported, recounted, closed and checked from end to end.

The recount is plain Python over the publisher's rows and the rules as the book words them: it shares no code with the program.
"""

import csv
import json
import tomllib
from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from conftest import Cli

YEAR = Path(__file__).parent.parent / "examples" / "leeds2023"
MONTHS = [f"2022-{m:02d}" for m in (10, 11, 12)] + [f"2023-{m:02d}" for m in range(1, 13)]
AFTER = "2024-01-08T12:00:00+00:00"
SIMPLE = """
schema = 1
name = "one-hour-one-point"
version = "2023.2"
title = "One hour, one point"
effective_from = 2022-10-01
[points]
name = "points"
decimals = 0
round = "down"
[service]
minimum_minutes = 1
round_minutes = 60
round = "down"
maximum_minutes_per_day = 1440
kinds = ["confirmed"]
carry_remainder = true
[rate]
default = 1
[[cap]]
id = "year"
per = "year"
points = 100
overflow = "discard"
"""


def attendances() -> list[dict[str, str]]:
    with (YEAR / "attendance.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def recount(text: str) -> tuple[dict[str, int], int]:
    """Points of every member, and what went to pools, by reading the rules as a committee would."""
    rules: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    service, rates = rules["service"], rules["rate"]
    per_day: dict[tuple[str, str], int] = defaultdict(int)
    eligible: dict[tuple[str, str], int] = defaultdict(int)
    counted: dict[tuple[str, str], int] = defaultdict(int)
    windows: dict[tuple[str, str], int] = defaultdict(int)
    points: dict[str, int] = defaultdict(int)
    pool = 0
    for row in attendances():
        member, day, category, minutes = row["member_no"], row["date"], row["category"], int(row["minutes"])
        if minutes < service["minimum_minutes"]:
            continue
        minutes = min(minutes, service["maximum_minutes_per_day"] - per_day[member, day])
        per_day[member, day] += minutes
        eligible[member, category] += minutes
        unit = service["round_minutes"]
        counts = eligible[member, category] // unit * unit - counted[member, category]
        counted[member, category] += counts
        worth = Fraction(counts, 60) * Fraction(rates.get(category, rates["default"]))
        when = date.fromisoformat(day)
        largest: dict[str, Fraction] = {}
        for multiply in rules.get("multiply", []):
            on = when.strftime("%a").lower() in multiply.get("weekdays", []) or day in multiply.get("dates", [])
            if on:
                group = multiply.get("group", multiply["id"])
                largest[group] = max(largest.get(group, Fraction(0)), Fraction(multiply["times"]))
        for times in largest.values():
            worth *= times
        earned = int(worth)
        for cap in rules.get("cap", []):
            window = (member, {"month": day[:7], "year": day[:4]}[cap["per"]])
            room = max(0, cap["points"] - windows[window])
            if earned > room:
                pool += earned - room if cap["overflow"].startswith("pool:") else 0
                earned = room
            windows[window] += earned
        points[member] += earned
    return points, pool


def open_year(cli: Cli, rules: Path) -> None:
    given = ("--community", "leeds-2023", "--name", "LEEDS 2023", "--timezone", "Europe/London", "--open-from", "2022-10")
    cli("init", *given)
    cli("member", "import", str(YEAR / "members.csv"))
    cli("rules", "publish", str(rules), "--resolution", "2022-1", "--retroactive", "history", "--approver", "W0002")


def import_year(cli: Cli) -> Any:
    totals = ("--rows", "6098", "--minutes", "1066011")
    return cli("hours", "import", str(YEAR / "attendance.csv"), *totals, "--approver", "W0002", "--json").json


@pytest.fixture
def leeds(cli: Cli) -> Cli:
    cli.now = AFTER
    open_year(cli, YEAR / "rules.toml")
    return cli


def test_the_year_reconciles_with_the_publishers_totals(leeds: Cli) -> None:
    receipt = import_year(leeds)
    assert (receipt["rows"], receipt["posted"], receipt["minutes"]) == (6098, 6098, 1_066_011)
    services = leeds("hours", "list", "--json").json
    published = json.loads((YEAR / "summary.json").read_text(encoding="utf-8"))
    by_category: dict[str, int] = defaultdict(int)
    minutes: dict[str, int] = defaultdict(int)
    for service in services:
        by_category[service["category"]] += 1
        minutes[service["category"]] += service["minutes"]
    names = {
        "LEEDS 2023 Events": "leeds_2023_events",
        "Partner Events": "partner_events",
        "community-action": "volunteer_event_programme",
    }
    assert {names[c]: n for c, n in by_category.items()} == {n: published["volunteer_shifts"][n] for n in names.values()}
    assert sum(by_category.values()) == published["volunteer_shifts"]["total"] == 6098
    assert {names[c]: round(Fraction(m, 60)) for c, m in minutes.items()} == {
        n: published["volunteer_hours"][n] for n in names.values()
    }
    assert sum(minutes.values()) // 60 == published["volunteer_hours"]["total"]
    assert len({service["member"] for service in services}) == 879
    assert len({row["activity_no"] for row in attendances()}) == 172
    again = import_year(leeds)
    assert (again["posted"], again["repeated"], again["minutes"]) == (0, 6098, 0)
    assert len(leeds("hours", "list", "--json").json) == 6098


@pytest.mark.parametrize("simple", [False, True], ids=["leeds-2023", "one-hour-one-point"])
def test_a_rule_books_points_equal_an_independent_recount(cli: Cli, tmp_path: Path, simple: bool) -> None:
    cli.now = AFTER
    path = tmp_path / "simple.toml"
    path.write_text(SIMPLE, encoding="utf-8")
    rules = path if simple else YEAR / "rules.toml"
    open_year(cli, rules)
    receipt = import_year(cli)
    points, pool = recount(rules.read_text(encoding="utf-8"))
    earned: dict[str, int] = defaultdict(int)
    for service in cli("hours", "list", "--json").json:
        earned[service["member"]] += service["points"]
    assert {member: n for member, n in earned.items() if n} == {member: n for member, n in points.items() if n}
    assert receipt["points"] == sum(points.values())
    assert pool > 0 or simple


def test_all_fifteen_months_close_and_chain_and_the_audit_is_clean(leeds: Cli, tmp_path: Path) -> None:
    import_year(leeds)
    closing: dict[str, list[str]] = {}
    recorded = 0
    for month in MONTHS:
        leeds("statement", "close", month, "--approver", "W0002")
        leeds("statement", "export", month, "--to", str(tmp_path / month), "--headers", "en")
        with (tmp_path / month / "members.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = {row["member_no"]: row for row in csv.DictReader(file)}
        units = ("minutes", "points", "credits")
        for member, row in rows.items():
            opening = [row[f"{unit}_opening"] for unit in units]
            assert opening == closing.get(member, ["0", "0", "0"]), (month, member)
        closing = {member: [row[f"{unit}_closing"] for unit in units] for member, row in rows.items()}
        recorded += sum(int(row["minutes_recorded"]) for row in rows.values())
    assert recorded == 1_066_011
    report = leeds("audit", "--json").json
    assert report["ok"]
    assert report["findings"] == []
    closed = leeds("statement", "close", MONTHS[0], "--approver", "W0002", "--json").json
    assert leeds("audit", "--json").json["entries"] == report["entries"], closed
