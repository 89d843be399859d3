"""The demo: a year through the real command line, the same on the same day, ending in a sound book."""

import csv
import json
import os
import re
import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from timebank import cli, rulefile, sample
from timebank.base import schema
from timebank.base.errors import Invalid
from timebank.base.months import last_day
from timebank.base.sheet_values import parse_day, parse_minutes
from timebank.commands import story
from timebank.commands.story import Step
from timebank.sample import DESK, LONG_DAYS, SAVER, Sample, Year

TODAY = "2026-11-22T10:00:00+08:00"
YESTERDAY = date(2026, 11, 21)
KINDS = {
    *("member.join", "merchant.join", "clerk.join", "rules.publish", "hours", "reversal", "offer.add"),
    *("voucher.issue", "voucher.capture", "voucher.void", "voucher.expire", "points.expire"),
    *("settlement.submit", "settlement.paid", "settlement.returned", "fund.deposit", "fund.budget", "sponsor.add"),
    *("settlement.approve", "period.close", "team.add", "team.join", "kin.link", "issuer.key"),
}
"""The kinds of entries of a year in an office."""


@dataclass(frozen=True, slots=True)
class Run:
    """A demo that was run: its exit status, what it said on stdout and on stderr, its folder."""

    status: int
    said: str
    complained: str
    folder: Path

    def rows(self, query: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.folder / "book.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def run(folder: Path, *words: str, now: str = TODAY) -> Run:
    done = CliRunner().invoke(cli.app, ["demo", "--to", str(folder), "--now", now, *words], env={"TIMEBANK_TEST_CLOCK": "1"})
    return Run(done.exit_code, done.stdout, done.stderr, folder)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The sample community's year in English, as a person sees it."""
    return run(tmp_path_factory.mktemp("shown") / "demo", "--lang", "en")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same year in Chinese, as one JSON document."""
    return run(tmp_path_factory.mktemp("data") / "demo", "--lang", "zh", "--json")


@pytest.fixture(scope="module")
def leeds(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(tmp_path_factory.mktemp("leeds") / "demo", "--data", "leeds2023", "--json", now="2024-01-05T20:00:00+00:00")


# --- the whole year ---


def test_the_sample_year_ends_in_a_sound_book(data: Run) -> None:
    assert data.status == 0
    told = json.loads(data.said)
    assert told["audit"]["ok"]
    assert told["audit"]["findings"] == []
    assert (told["first_day"], told["last_day"]) == ("2025-12-01", "2026-11-21")


def test_every_kind_of_entry_appears(data: Run) -> None:
    assert {kind for (kind,) in data.rows("SELECT DISTINCT kind FROM entry")} == KINDS


def test_the_same_day_gives_the_same_totals(shown: Run, data: Run) -> None:
    """Keys, codes and nonces are chance; what people have is not, in whatever language the demo runs."""
    balances = "SELECT holder, unit, purpose, balance FROM account ORDER BY holder, unit, purpose"
    entries = "SELECT seq, kind, business_date, period, subject FROM entry ORDER BY seq"
    assert shown.rows(balances) == data.rows(balances)
    assert shown.rows(entries) == data.rows(entries)


def test_months_are_closed_as_soon_as_they_may_be_and_the_running_one_is_a_draft(data: Run) -> None:
    closed = [subject for (subject,) in data.rows("SELECT subject FROM entry WHERE kind = 'period.close' ORDER BY seq")]
    assert closed == [f"period:{month}" for month in Year(YESTERDAY).months[:-1]]
    for month in Year(YESTERDAY).months:
        folder = data.folder / "statements" / month
        assert {"members.csv", "lines.csv", "totals.csv", "merchants.csv", "manifest.json"} <= {
            p.name for p in folder.iterdir()
        }
        assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["draft"] == (month == "2026-11")
        claims = data.folder / "claims" / f"claims-{month}.csv"
        assert claims.is_file() == (month != "2026-11")


def test_every_command_is_printed_as_a_person_would_type_it_and_kept_with_all_it_says(shown: Run) -> None:
    assert shown.status == 0
    commands = [line for line in shown.said.splitlines() if line.startswith("$ timebank ")]
    assert commands[0].startswith("$ timebank init --community 520201-jianshe --name 建设中路社区")
    assert not [line for line in commands if "--now" in line or "--db" in line]
    figures = [line for line in shown.said.splitlines() if re.match(r".* [0-9-]{7} closed\.$", line)]
    assert [line.partition(":")[0] for line in figures] == list(Year(YESTERDAY).months[2:-1])
    kept = (shown.folder / "transcript.txt").read_text(encoding="utf-8")
    assert set(commands) <= set(kept.splitlines())
    assert kept.count("$ timebank voucher capture") > 40
    assert kept.count("$ timebank voucher capture") > shown.said.count("$ timebank voucher capture")


def test_mistakes_are_named_and_refusals_are_meant(shown: Run) -> None:
    for code in ("unknown_member", "bad_day", "bad_minutes", "future_date", "no_minutes", "overlap"):
        assert f"[{code}]" in shown.said
    assert re.findall(r"\(exit status (\d+)", shown.said) == ["3", "3", "8"]


def test_a_sheet_that_is_imported_twice_counts_once(data: Run) -> None:
    month = Year(YESTERDAY).months[0]
    with (data.folder / "sheets" / f"attendance-{month}-corrected.csv").open(encoding="utf-8-sig") as file:
        rows = len(list(csv.reader(file))) - 1
    counted = f"SELECT count(*) FROM service WHERE day LIKE '{month}-%' AND state <> 'corrected'"
    assert data.rows(counted) == [(rows + len(DESK) - 1,)]  # one of the desk's services stands in the sheet as well


def test_points_of_the_first_rules_lapse_within_the_year(data: Run) -> None:
    (lapsed,) = data.rows("SELECT balance FROM account WHERE holder = 'system:expired' AND unit = 'points'")[0]
    assert isinstance(lapsed, int)
    assert lapsed > 0
    saver = f"(SELECT id FROM member WHERE number = '{SAVER}')"
    assert data.rows(f"SELECT balance FROM account WHERE holder = 'member:' || {saver} AND purpose = 'available'")[0] == (0,)


def test_what_it_says_to_try_next_works(shown: Run) -> None:
    lines = shown.said.splitlines()
    live = [shlex.split(line) for line in lines[lines.index("Try next; today goes on where the demo ended:") :]]
    commands = [words for words in live if words and words[0] == "timebank"]
    assert len(commands) == 5
    for words in commands:
        done = CliRunner().invoke(cli.app, [*words[1:], "--now", TODAY], env={"TIMEBANK_TEST_CLOCK": "1"})
        assert done.exit_code == 0, (words, done.output)


def test_a_real_year_is_loaded_counted_once_and_closed(leeds: Run) -> None:
    assert leeds.status == 0
    assert json.loads(leeds.said)["audit"]["ok"]
    assert leeds.rows("SELECT count(*), sum(minutes) FROM service") == [(6098, 1066011)]
    assert leeds.rows("SELECT count(*) FROM entry WHERE kind = 'period.close'") == [(15,)]
    assert leeds.rows("SELECT -balance FROM account WHERE holder = 'system:service'") == [(1066011,)]
    assert (leeds.folder / "statements" / "2023-12" / "members.csv").is_file()
    assert (leeds.folder / "sheets" / "LICENSE-CC-BY-4.0.txt").is_file()


# --- its folder, its environment, its end ---


def only(monkeypatch: pytest.MonkeyPatch, *later: Step) -> None:
    """Let the demo do no more than found its book, and these steps."""
    whole = story.sample_year
    monkeypatch.setattr(story, "sample_year", lambda *given: [whole(*given)[0], *later])


def test_an_older_demo_is_replaced_and_what_else_lies_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, Step(YESTERDAY, ("clerk", "list")))
    folder = tmp_path / "demo"
    assert run(folder).status == 0
    (folder / "mine.txt").write_text("kept", encoding="utf-8")
    (folder / "claims").mkdir()
    (folder / "claims" / "old.csv").touch()
    assert run(folder).status == 0
    assert (folder / "mine.txt").read_text(encoding="utf-8") == "kept"
    assert not (folder / "claims").exists()


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_place_that_is_not_a_demos_is_refused_and_left_alone(what: str, tmp_path: Path) -> None:
    place = tmp_path / "papers"
    kept = place
    if what == "folder":
        place.mkdir()
        kept = place / "book.db"
    kept.write_text("mine", encoding="utf-8")
    done = run(place, "--json")
    assert done.status == 3
    assert json.loads(done.said)["error"]["code"] == "not_a_demo"
    assert kept.read_text(encoding="utf-8") == "mine"


def test_a_persons_own_settings_are_neither_used_nor_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    own = {"TIMEBANK_DB": str(tmp_path / "own.db"), "TIMEBANK_KEYS": str(tmp_path / "own.keys"), "TIMEBANK_CLERK": "W0009"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    assert run(tmp_path / "demo").status == 0
    assert not (tmp_path / "own.db").exists()
    assert not (tmp_path / "own.keys").exists()
    assert {name: os.environ[name] for name in own} == own


def test_a_failing_command_stops_the_demo_with_its_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, Step(YESTERDAY, ("member", "show", "M9999"), quiet=True), Step(YESTERDAY, ("clerk", "list")))
    done = run(tmp_path / "demo", "--lang", "en")
    assert done.status == 7
    assert (
        "$ timebank member show M9999\nerror: There is no member M9999." in done.complained
    )  # though the month is a quiet one
    assert "clerk list" not in done.said


def test_a_refusal_that_does_not_come_stops_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, Step(YESTERDAY, ("clerk", "list"), status=3))
    assert run(tmp_path / "demo").status == 1


def test_full_shows_what_is_otherwise_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, Step(YESTERDAY, ("clerk", "list"), quiet=True))
    assert "$ timebank clerk list" not in run(tmp_path / "demo").said
    assert "$ timebank clerk list" in run(tmp_path / "demo", "--full").said


def test_the_transcript_is_plain_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, Step(YESTERDAY, ("clerk", "show", "W0001")))
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = run(tmp_path / "demo")
    assert "\x1b[" in done.said
    kept = (tmp_path / "demo" / "transcript.txt").read_text(encoding="utf-8")
    assert "W0001" in kept
    assert "\x1b" not in kept


def test_the_year_ends_yesterday_where_the_community_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    done = run(tmp_path / "demo", "--full", now="2026-12-01T16:30:00+00:00")  # 2 December in Shanghai
    assert "$ timebank init" in done.said
    assert "--open-from 2026-01" in done.said


# --- the sample community ---


def the_sample(last: date) -> Sample:
    folder = schema.carried("examples") / "sample"
    return sample.read({path.name: path.read_text(encoding="utf-8-sig") for path in folder.glob("*.csv")}, Year(last))


DAYS = [date(2026, 11, 21), date(2027, 2, 28), date(2028, 2, 29), date(2028, 3, 1), date(2026, 12, 31), date(2027, 1, 4)]


def test_a_year_is_twelve_months_of_which_the_last_is_running() -> None:
    year = Year(date(2028, 2, 29))
    assert (year.months[0], year.months[-1], len(year.months)) == ("2027-03", "2028-02", 12)
    assert [day.day for day in year.days(11)][-1] == 29
    assert len(Year(date(2026, 11, 1)).days(11)) == 1


def test_the_community_has_many_people_with_every_kind_of_name_and_thirty_shops() -> None:
    community = the_sample(YESTERDAY)
    names = [person.name for person in community.people]
    assert len(names) >= 200
    assert sum("·" in name for name in names) >= 10
    assert sum(any(ord(letter) > 0xFFFF for letter in name) for name in names) >= 3
    assert len({person.grid for person in community.people}) >= 5
    shops = schema.carried("examples") / "sample" / "merchants.csv"
    with shops.open(encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == 30


def every_seventh_day() -> Iterator[date]:
    day = date(2026, 1, 1)
    while day < date(2029, 1, 1):
        yield day
        yield last_day(f"{day:%Y-%m}")
        day += timedelta(days=7)


def test_both_rule_books_are_sound_on_whatever_day_the_year_ends() -> None:
    folder = schema.carried("examples") / "sample"
    templates = [(folder / f"rules-{half}.toml.in").read_text(encoding="utf-8") for half in (1, 2)]
    for last in {day.replace(day=1) for day in every_seventh_day()}:
        for half, template in enumerate(templates):
            reading = rulefile.read(sample.rule_book(template, Year(last), half).encode())
            assert not reading.errors, (last, reading.errors)
            assert not reading.lint, (last, reading.lint)


@pytest.mark.parametrize("last", DAYS)
def test_nobody_is_at_two_places_on_one_day_or_served_before_joining(last: date) -> None:
    community = the_sample(last)
    joined = {person.number: person.joined_on for person in (*community.people, *community.newcomers)}
    for month in range(sample.MONTHS):
        done = sample.shifts(community, month)
        assert len({(shift.member, shift.day) for shift in done}) == len(done)
        assert all(joined[shift.member] <= shift.day <= last for shift in done)
        assert all(shift.minutes <= 480 for shift in done)
        assert done, "every month has its sheet"


@pytest.mark.parametrize("last", DAYS)
def test_every_hand_can_be_read(last: date) -> None:
    community = the_sample(last)
    for month in range(0, sample.MONTHS, 3):
        shifts = sample.shifts(community, month)
        for shift in shifts[:40]:
            assert {parse_day(sample.written_day(shift.day, hand)) for hand in range(6)} == {shift.day}
            assert {parse_minutes(sample.written_minutes(shift, hand)) for hand in range(5)} == {shift.minutes}


def test_the_first_sheet_has_six_wrong_rows_and_long_days_that_wait() -> None:
    community = the_sample(YESTERDAY)
    form = sample.form(community, 0)
    wrong, right = sample.with_mistakes(form)
    differ = [i for i, (bad, good) in enumerate(zip(wrong.rows, right.rows, strict=True)) if bad != good]
    assert len(differ) == 6
    assert right.rows[:-1] == form.rows
    with pytest.raises(Invalid, match="1\\.5"):
        parse_minutes(wrong.rows[differ[2]][3])
    long = [row for row in form.rows if row[2] in LONG_DAYS and parse_day(row[1]).day == sample.LONG_DAY and len(row[3]) > 0]
    assert sum(parse_minutes(row[3]) > 480 for row in long) == len(LONG_DAYS)


@pytest.mark.parametrize("last", DAYS)
def test_vouchers_are_asked_for_by_members_who_surely_have_the_points(last: date) -> None:
    """At least eight points an hour under both rule books, less an hour a category for what is carried or rounded."""
    community = the_sample(last)
    for month in range(1, sample.MONTHS):
        made = [*sample.wishes(community, month), *([sample.last_wish(community)] if month == sample.MONTHS - 1 else [])]
        assert len({wish.member for wish in made}) == len(made)
        minutes: dict[tuple[str, str], int] = {}
        for shift in sample.shifts(community, month - 1):
            place = (shift.member, shift.activity.category)
            minutes[place] = minutes.get(place, 0) + shift.minutes
        for wish in made:
            surely = sum(8 * max(0, m // 60 - 1) for (member, _), m in minutes.items() if member == wish.member)
            price = wish.points if wish.points is not None else sample.DEALS[wish.offer - 1].price
            assert price is not None
            assert 0 < price <= min(surely, 100)
            assert wish.member != SAVER
            assert wish.issued_on <= last
            assert wish.fate != "captured" or wish.ends_on <= last
