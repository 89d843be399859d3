"""The presets: sound by themselves, copied with a version and a day, and a real year under each of them equals a recount."""

import json
from datetime import date
from pathlib import Path

import pytest
from recount_rules import Earned, recounted
from test_leeds import AFTER, attendances, import_year, open_year

from conftest import Cli
from timebank import presets
from timebank.base.i18n import text
from timebank.presets import PRESETS, copied, original
from timebank.rulefile import read
from timebank.rulewords import lines

NAMES = tuple(PRESETS)
SQUEEZED = {
    "whole-hours": ("points   = 1500", "points   = 20"),
    "two-points-a-day": ("points = 600", "points = 10"),
    "three-years": ("points   = 600 ", "points   = 200 "),
    "year-end": ('"助老"   = 12', '"community-action" = 12.5'),
}
"""Changes after which the year meets what the preset is about: nobody in it serves 1,500 hours."""


def test_seven_presets_are_shipped_each_under_its_own_name() -> None:
    folder = Path(presets.__file__).parent
    assert sorted(path.stem for path in folder.glob("*.toml")) == sorted(NAMES)
    assert len(NAMES) == 7
    assert [book.name for name in NAMES if (book := read(original(name).encode()).book)] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_has_nothing_wrong_nothing_odd_and_five_examples_at_least(name: str) -> None:
    reading = read(original(name).encode())
    assert (reading.errors, reading.lint) == ((), ())
    assert reading.book is not None
    assert len(reading.book.example) >= 5
    assert len({example.earns for example in reading.book.example}) > 1 or reading.book.expiry
    assert any(example.lapses_on for example in reading.book.example) == bool(reading.book.expiry)
    if any(cap.per in ("month", "lifetime", "balance") for cap in reading.book.cap):
        limits = {cap.limit for cap in reading.book.cap}
        assert any(example.used.balance in limits and example.earns == 0 for example in reading.book.example)
    assert all(text(line, "zh") and text(line, "en") for line in lines(reading.book).values())


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_fits_every_community_founded_as_usual(name: str) -> None:
    book = read(original(name).encode()).book
    assert book is not None
    assert book.points.decimals == 0


def test_where_no_category_has_a_rate_of_its_own_none_is_unknown() -> None:
    """Nobody is warned at every service of a book with one rate for all."""
    for name, known in (("half-hours", True), ("three-years", False)):
        book = read(original(name).encode()).book
        assert book is not None
        assert book.knows("理发") is known


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "first", [date(2022, 10, 1), date(2026, 1, 1), date(2027, 1, 1), date(2027, 12, 31), date(2028, 2, 29)]
)
def test_a_copy_begins_when_it_is_told_and_its_examples_hold_on_days_it_is_for(name: str, first: date) -> None:
    reading = read(copied(name, "9.z", first).encode())
    assert (reading.errors, reading.lint) == ((), ())
    assert reading.book is not None
    assert (reading.book.version, reading.book.effective_from) == ("9.z", first)
    shipped = read(original(name).encode()).book
    assert shipped is not None
    assert (reading.book.service, reading.book.rate, reading.book.cap) == (shipped.service, shipped.rate, shipped.cap)


# --- at the desk ---


def test_a_new_rule_book_is_written_once_and_checked(office: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    told = office("--json", "rules", "new", "half-hours", str(file), "--version", "2027.2", "--from", "2027-01-01").json
    assert told == {"file": str(file), "preset": "half-hours", "version": "2027.2", "from": "2027-01-01"}
    written = file.read_bytes()
    assert written.decode() == copied("half-hours", "2027.2", date(2027, 1, 1))
    again = office("--json", "rules", "new", "year-end", str(file), status=None)
    assert again.json["error"]["code"] == "file_exists"
    assert file.read_bytes() == written
    assert office("--json", "rules", "check", str(file)).json == {"ok": True, "findings": []}


def test_without_a_day_a_new_rule_book_begins_next_month(office: Cli, tmp_path: Path) -> None:
    told = office("--json", "rules", "new", "half-hours", str(tmp_path / "a.toml"), now="2026-12-20T12:00:00+08:00").json
    assert (told["from"], told["version"]) == ("2027-01-01", "2027.1")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (("half-days",), "unknown_preset"),
        (("half-hours", "--version", "2027 1"), "bad_rules"),
        (("half-hours", "--from", "soon"), "bad_day"),
    ],
)
def test_a_new_rule_book_that_cannot_be_is_refused_and_not_written(
    office: Cli, tmp_path: Path, given: tuple[str, ...], code: str
) -> None:
    file = tmp_path / "mine.toml"
    refused = office("--json", "rules", "new", given[0], str(file), *given[1:], status=None)
    assert refused.json["error"]["code"] == code
    assert not file.exists()


def test_every_preset_can_be_published_in_any_community(office: Cli, tmp_path: Path) -> None:
    for number, name in enumerate(NAMES, start=1):
        file = str(tmp_path / f"{name}.toml")
        office("rules", "new", name, file, "--version", f"2027.{number}", "--from", f"2027-0{number}-01")
        office("rules", "publish", file, "--resolution", f"2026-{number}", "--approver", "W0002")
    listed = office("--json", "rules", "presets").json
    assert [row["preset"] for row in listed] == list(NAMES)
    assert [row["version"] for row in office("--json", "rules", "list").json][1:] == [f"2027.{n}" for n in range(1, 8)]


# --- a real year ---


def given(cli: Cli) -> dict[str, Earned]:
    """What the book gave for each row of the year: from the entries, not from the rules."""
    refs = {service["entry"]: service["ref"] for service in cli("hours", "list", "--json").json}
    found = {}
    for seq, payload in cli.rows("SELECT seq, payload FROM entry WHERE kind = 'hours'"):
        fields = json.loads(payload)
        kept, pools, ends = 0, {}, set()
        for holder, unit, bucket, lapses, amount, _ in fields["postings"]:
            if unit != "points" or amount <= 0:
                continue
            ends.add(lapses)
            if holder.startswith("pool:"):
                pools[holder] = amount
            else:
                assert (holder.partition(":")[0], bucket) == ("member", "available")
                kept += amount
        assert len(ends) <= 1
        lost = sum(cut["cut"] for cut in fields["trace"].get("caps", []) if cut["to"] == "discard")
        end = date.fromisoformat(ends.pop()) if ends else None
        found[refs[seq]] = Earned(kept, pools, lost, None if end == date.max else end)
    return found


@pytest.mark.parametrize(
    ("name", "squeezed"), [*((name, False) for name in NAMES), *((name, True) for name in SQUEEZED)], ids=str
)
def test_a_real_year_under_a_preset_equals_an_independent_recount(cli: Cli, tmp_path: Path, name: str, squeezed: bool) -> None:
    cli.now = AFTER
    rules = copied(name, "2022.1", date(2022, 10, 1))
    if squeezed:
        old, new = SQUEEZED[name]
        rules = rules[: rules.index("[[example]]")]
        assert rules.count(old) == 1
        rules = rules.replace(old, new)
    path = tmp_path / "rules.toml"
    path.write_text(rules, encoding="utf-8")
    open_year(cli, path)
    receipt = import_year(cli)
    book, recount = given(cli), recounted(rules, attendances())
    # An entry without points has no lot that could lapse.
    told = {
        ref: earned if earned.points or earned.pools else Earned(0, {}, earned.discarded, None)
        for ref, earned in recount.items()
    }
    assert book == told
    assert receipt["points"] == sum(earned.points for earned in recount.values()) > 0
    if squeezed or name == "two-points-a-day":
        over = sum(earned.discarded + sum(earned.pools.values()) for earned in recount.values())
        assert over > 0 or name == "year-end"
