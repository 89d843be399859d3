"""The command line: options anywhere, one key once, exit statuses, nothing half done."""

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Cli, Result
from timebank import cli as command_line
from timebank.base import errors

HOURS = ("hours", "record", "M0001", "--date", "2026-10-18", "--minutes", "90", "--category", "elder-care", "--ref", "r1")


def test_global_options_count_before_the_noun_and_after_the_verb(office: Cli) -> None:
    after = office("points", "balance", "m1", "--json")
    before = office("--json", "points", "balance", "M0001")
    assert after.json == before.json
    assert command_line.hoisted(["a", "--db", "x", "--", "--json"]) == ["--db", "x", "a", "--", "--json"]


def test_an_hour_recorded_at_the_desk_becomes_points(office: Cli) -> None:
    receipt = office(*HOURS, "--json").json
    assert receipt == {
        "rows": 1,
        "posted": 1,
        "pending": 0,
        "repeated": 0,
        "rejected": [],
        "minutes": 90,
        "points": 18,
    }
    assert office("points", "balance", "M0001", "--json").json == {
        "member": "M0001",
        "points": {"available": 18, "held": 0, "owed": 0, "lots": [{"expires_on": "2029-10-31", "amount": 18}]},
        "credits": 0,
        "minutes": 90,
    }


def test_the_same_key_writes_once_and_gives_the_same_receipt(office: Cli) -> None:
    first = office(*HOURS, "--key", "k1", "--json").json
    assert office(*HOURS, "--key", "k1", "--json").json == first
    assert office("points", "balance", "M0001", "--json").json["minutes"] == 90


def test_the_same_key_with_another_amount_is_a_conflict(office: Cli) -> None:
    office(*HOURS, "--key", "k1")
    other = office(*HOURS[:5], "--minutes", "60", "--key", "k1", "--json", status=5)
    assert other.json["error"]["code"] == "exists_with_different_content"


def test_a_dry_run_shows_everything_and_writes_nothing(office: Cli, tmp_path: Path) -> None:
    before = office.stored()
    assert office(*HOURS, "--dry-run", "--json").json["points"] == 18
    sheet = tmp_path / "hours.csv"
    sheet.write_text("date,member_no,minutes\n2026-10-18,M0099,60\n", encoding="utf-8")
    rejects = tmp_path / "rejects.csv"
    office("hours", "import", str(sheet), "--dry-run", "--save-rejects", str(rejects), status=8)
    assert not rejects.exists()
    assert office.stored() == before


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        (("hours", "record", "M0001", "--date", "2026-11-18", "--minutes", "90"), 3, "future_date"),
        (("hours", "record", "M0001", "--date", "18.10.", "--minutes", "90"), 8, "bad_day"),
        (("hours", "record", "M0001", "--date", "2026-10-18", "--minutes", "1.5"), 8, "bad_minutes"),
        (("hours", "record", "M0009", "--date", "2026-10-18", "--minutes", "90"), 3, "unknown_member"),
        (("points", "balance", "M0009"), 7, "unknown_member"),
        (("voucher", "issue", "M0001", "--offer", "1", "--points", "100"), 3, "insufficient_points"),
        (("voucher", "issue", "M0001", "--offer", "9", "--points", "100"), 7, "unknown_offer"),
        (("hours", "correct", "1", "--minutes", "9", "--approver", "W0001"), 4, "same_person"),
        (("hours", "import", "nowhere.csv"), 7, "no_file"),
        (("approve", "7"), 7, "no_approval"),
        (("hours", "recrd"), 2, "usage"),
        (("hours", "record"), 2, "usage"),
        (("nonsense",), 2, "usage"),
        (("member", "list", "--as", "W0009"), 7, "unknown_clerk"),
        (("member", "add", "赵六", "--as", "W0009"), 7, "unknown_clerk"),
        (("member", "add", "赵六", "--number", "13800138000"), 8, "personal_number"),
        (("member", "add", "赵六", "--number", "T-13812345678"), 8, "personal_number"),
        (("member", "add", "赵六", "--key", "tel-13812345678"), 8, "bad_key"),
        (("merchant", "add", "小店", "--number", "S-13812345678"), 8, "personal_number"),
        (("clerk", "add", "赵六", "--number", "W-13812345678"), 8, "personal_number"),
        (("init", "--community", "13812345678", "--name", "again"), 8, "bad_code"),
        (("init", "--community", "520201-jianshe", "--name", "again"), 5, "community_exists"),
    ],
)
def test_every_refusal_has_its_status_its_code_and_a_sentence(
    office: Cli, line: tuple[str, ...], status: int, code: str | None
) -> None:
    result = office(*line, "--json", status=status)
    if code:
        error = result.json["error"]
        assert error["code"] == code
        assert error["message"].endswith((".", "!", "?"))


def test_a_misspelled_option_is_told_with_the_ones_like_it(office: Cli) -> None:
    told = office("member", "add", "赵六", "--joind", "2026-10-01", "--json", status=2).json["error"]["message"]
    assert "--joined" in told


def test_every_family_of_errors_has_an_exit_status() -> None:
    families = {cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.TimebankError)}
    assert families - {errors.TimebankError} == set(command_line.EXIT_STATUS)


def test_errors_go_to_stderr_as_a_sentence_and_a_hint(office: Cli) -> None:
    refused = office("points", "balance", "M0009", status=7)
    assert refused.out == ""
    assert refused.err.startswith("error: There is no member M0009.\nhint: ")
    chinese = office("points", "balance", "M0009", "--lang", "zh", status=7)
    assert "M0009" in chinese.err
    assert "error" not in chinese.err


def test_another_moment_needs_the_test_clock(office: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIMEBANK_TEST_CLOCK")
    refused = office("member", "add", "赵六", "--json", status=4)
    assert refused.json["error"]["code"] == "no_test_clock"


def test_a_clock_set_back_or_far_ahead_is_refused(office: Cli) -> None:
    back = office("member", "add", "赵六", "--json", status=3, now="2026-10-19T12:00:00+08:00")
    assert back.json["error"]["code"] == "clock_back"
    ahead = office("member", "add", "赵六", "--json", status=4, now="2026-12-01T12:00:00+08:00")
    assert ahead.json["error"]["code"] == "clock_jump"
    office("member", "add", "赵六", "--approver", "W0002", now="2026-12-01T12:00:00+08:00")


def test_a_bug_writes_a_report_and_shows_no_traceback(office: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    office.run("ALTER TABLE member RENAME TO gone")
    broken = office("member", "list", status=70)
    assert "Traceback" not in broken.err
    (report,) = tmp_path.glob("timebank-bug-*.txt")
    assert "Traceback" in report.read_text(encoding="utf-8")


def test_an_import_is_all_or_nothing_unless_partial(office: Cli, tmp_path: Path) -> None:
    sheet, rejects = tmp_path / "签到.csv", tmp_path / "rejects.csv"
    rows = "日期,成员编号,时长,类别\n2026-10-18,M0001,1.5小时,elder-care\n2026-13-01,M0001,60,\n2026-10-18,M0099,60,\n"
    sheet.write_bytes(rows.encode("gb18030"))
    refused = office("hours", "import", str(sheet), "--json", "--save-rejects", str(rejects), status=8).json["error"]
    assert [(f["row"], f["code"]) for f in refused["findings"]] == [(3, "bad_day"), (4, "unknown_member")]
    assert office("points", "balance", "M0001", "--json").json["minutes"] == 0
    assert len(rejects.read_bytes().decode("gb18030").splitlines()) == 3
    receipt = office("hours", "import", str(sheet), "--partial", "--json").json
    assert (receipt["rows"], receipt["posted"], [r["row"] for r in receipt["rejected"]]) == (3, 1, [3, 4])
    again = office("hours", "import", str(sheet), "--partial", "--json").json
    assert (again["posted"], again["repeated"]) == (0, 1)


def test_a_partial_import_of_only_bad_rows_fails(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "hours.csv"
    sheet.write_text("date,member_no,minutes\n2026-10-18,M0099,60\n", encoding="utf-8")
    assert office("hours", "import", str(sheet), "--partial", "--json", status=8).json["error"]["code"] == "rejected_rows"


def test_control_totals_must_agree(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "hours.csv"
    sheet.write_text("date,member_no,minutes\n2026-10-18,M0001,60\n2026-10-18,M0002,45\n", encoding="utf-8")
    for wrong in (("--rows", "3"), ("--minutes", "104")):
        refused = office("hours", "import", str(sheet), *wrong, "--json", status=8)
        assert refused.json["error"]["code"] == "control_total"
    assert office("hours", "import", str(sheet), "--rows", "2", "--minutes", "105", "--json").json["posted"] == 2


def test_the_same_rows_in_another_file_count_once(office: Cli, tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("date,member_no,minutes\n2026-10-18,M0001,60\n2026-10-18,M0002,45\n", encoding="utf-8")
    other.write_text("成员编号;时长;日期\nm2;45分钟;2026年10月18日\nM0003;45;2026/10/18\n", encoding="utf-8")
    office("hours", "import", str(one))
    receipt = office("hours", "import", str(other), "--json").json
    assert (receipt["posted"], receipt["repeated"]) == (1, 1)


def test_what_two_people_must_do_waits_in_the_inbox_until_the_second_agrees(office: Cli) -> None:
    office(*HOURS)
    asked = office("hours", "correct", "1", "--minutes", "60", "--json").json
    assert office("inbox", "--json").json[0]["kind"] == "hours.correct"
    refused = office("approve", str(asked["waiting"]), "--json", status=4)
    assert refused.json["error"]["code"] == "same_person"
    office("approve", str(asked["waiting"]), "--as", "W0002")
    assert office("points", "balance", "M0001", "--json").json["minutes"] == 60
    assert office("inbox", "--json").json == []


def test_what_was_asked_about_a_service_waits_no_more_once_it_was_corrected_directly(office: Cli) -> None:
    office(*HOURS)
    office("hours", "correct", "1", "--minutes", "60")
    office("hours", "correct", "1", "--minutes", "0", "--approver", "W0002")
    assert office("inbox", "--json").json == []
    office("hours", "record", "M0001", "--date", "2026-10-19", "--minutes", "60")
    office("notice", "demand", "hours", "--days", "1", "--approver", "W0002")
    office("hours", "record", "M0001", "--date", "2026-10-20", "--minutes", "60")
    office("hours", "reject", "3", "--why", "not there")
    office("hours", "correct", "2", "--minutes", "30")
    assert {one["subject"] for one in office("inbox", "--json").json} == {"hours:2", "hours:3"}
    office("hours", "reject", "3", "--why", "not there", "--approver", "W0002")
    assert {one["subject"] for one in office("inbox", "--json").json} == {"hours:2"}


def test_what_could_not_be_done_even_with_a_second_person_does_not_wait(office: Cli) -> None:
    office(*HOURS)
    for line, code in (
        (("hours", "correct", "9", "--minutes", "60"), "unknown_service"),
        (("statement", "close", "2026-10"), "not_first_open"),
        (("settlement", "approve", "2026-09"), "no_claims"),
    ):
        assert office(*line, "--json", status=None).json["error"]["code"] == code
    assert office("inbox", "--json").json == []


def test_a_rejected_request_is_not_done(office: Cli) -> None:
    office(*HOURS)
    asked = office("hours", "correct", "1", "--minutes", "60", "--json").json
    office("reject", str(asked["waiting"]), "--why", "paper says 90", "--as", "W0002")
    assert office("points", "balance", "M0001", "--json").json["minutes"] == 90


def test_the_code_of_a_voucher_is_shown_once_and_stored_nowhere(office: Cli) -> None:
    office(*HOURS)
    issue = ("voucher", "issue", "M0001", "--offer", "1", "--points", "10", "--key", "v1", "--json")
    code = office(*issue).json["code"]
    assert office(*issue).json["code"] is None
    office("voucher", "capture", code, "--merchant", "S001", "--bill", "86.00", "--key", "c1")
    stored = office.stored()
    assert code.replace("-", "").encode() not in stored
    assert code.encode() not in stored


def test_a_voucher_pays_once_and_the_loser_is_told(office: Cli) -> None:
    office(*HOURS)
    code = office("voucher", "issue", "M0001", "--offer", "1", "--points", "10", "--json").json["code"]
    office("voucher", "verify", code, "--merchant", "S001")
    office("voucher", "capture", code.lower().replace("-", " "), "--merchant", "s1", "--bill", "86.00")
    twice = office("voucher", "capture", code, "--merchant", "S001", "--bill", "86.00", "--json", status=3)
    assert twice.json["error"]["code"] == "already_captured"


def _spend(job: tuple[str, int]) -> list[int]:
    """One of eight desks: tries to hold 7 points of one member's 100, twelve times."""
    url, desk = job
    os.environ["TIMEBANK_TEST_CLOCK"] = "1"
    desk_cli = Cli(url)
    line = ("voucher", "issue", "M0001", "--offer", "1", "--points", "7")
    return [desk_cli(*line, "--key", f"desk{desk}-{n}", status=None).status for n in range(12)]


def test_eight_processes_spending_one_members_points_spend_exactly_the_balance(office: Cli) -> None:
    for day in range(1, 9):
        office("hours", "record", "M0001", "--date", f"2026-10-0{day}", "--minutes", "120", "--category", "elder-care")
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        statuses = [status for desk in pool.map(_spend, [(office.url, desk) for desk in range(8)]) for status in desk]
    points = office("points", "balance", "M0001", "--json").json["points"]
    assert (statuses.count(0), statuses.count(3), len(statuses)) == (14, 82, 96)
    assert (points["available"], points["held"]) == (2, 98)


def _repeat(job: tuple[str, int]) -> list[str]:
    """One of eight desks sending the same command under the same key."""
    url, times = job
    os.environ["TIMEBANK_TEST_CLOCK"] = "1"
    desk_cli = Cli(url)
    return [desk_cli(*HOURS, "--key", "the-same", "--json").out for _ in range(times)]


def test_one_key_a_hundred_times_at_once_is_one_entry_and_a_hundred_equal_receipts(office: Cli) -> None:
    before = office("hours", "list", "--json").json
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        jobs = [(office.url, times) for times in (13, 13, 13, 13, 12, 12, 12, 12)]
        receipts = [receipt for desk in pool.map(_repeat, jobs) for receipt in desk]
    assert len(receipts) == 100
    assert len(set(receipts)) == 1
    assert len(office("hours", "list", "--json").json) == len(before) + 1


def test_help_and_version_import_nothing_of_the_book() -> None:
    script = "import sys, timebank.cli as c\ntry: c.app(sys.argv[1:])\nexcept SystemExit: print('sqlmodel' in sys.modules)"
    for line in (["--help"], ["--version"], ["doctor"]):
        done = subprocess.run([sys.executable, "-c", script, *line], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "False", line


def test_a_balance_imports_no_migrations_and_no_rooms_that_give(office: Cli) -> None:
    script = (
        "import sys, timebank.cli as c\ntry: c.app(sys.argv[1:])\n"
        "except SystemExit: print(any(m in sys.modules for m in ('alembic', 'timebank.points', 'timebank.exchange')))"
    )
    line = ["points", "balance", "M0001", "--db", office.url, "--now", office.now, "--quiet"]
    done = subprocess.run([sys.executable, "-c", script, *line], capture_output=True, text=True, check=True)
    assert "M0001" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_verbs_with_files_of_their_own_are_among_their_nouns() -> None:
    for (noun, verb), file in command_line.APART.items():
        (apart,), there = command_line.load(noun, "en", file).commands.values(), command_line.load(noun, "en").commands[verb]
        assert [p.name for p in apart.params] == [p.name for p in there.params]
        assert (apart.help, apart.epilog) == (there.help, there.epilog)


def test_the_collector_stands_still_while_commands_are_imported_and_works_after() -> None:
    script = (
        "import gc, timebank.cli as c\nbefore = gc.get_stats()\nc.load('points', 'en')\n"
        "print(gc.get_stats() == before, gc.isenabled(), gc.get_freeze_count() > 100_000)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]


def test_the_database_must_exist_and_be_of_this_revision(cli: Cli) -> None:
    missing = cli("member", "list", "--json", status=8)
    assert missing.json["error"]["code"] == ("no_database" if cli.url.startswith("sqlite") else "no_schema")


def test_founding_with_the_same_key_founds_once(cli: Cli) -> None:
    line = ("init", "--community", "520201-jianshe", "--name", "建设中路社区", "--key", "found", "--json")
    first: Result = cli(*line)
    assert cli(*line).json == first.json
    assert json.loads(first.out)["clerks"] == ["W0001", "W0002"]
    others = (("--timezone", "Asia/Urumqi"), ("--points-decimals", "1"), ("--credits", "x"), ("--clerk", "李晓梅"))
    for other in (*others, ("--open-from", "2026-09")):
        refused = cli(*line, *other, status=5)
        assert refused.json["error"]["code"] == "exists_with_different_content"


HUGE = 10**23


@pytest.mark.parametrize(
    "line",
    [
        f"approve {HUGE} --as W0002",
        f"reject {HUGE} --why x --as W0002",
        f"hours approve {HUGE}",
        f"hours reject {HUGE} --why x",
        f"hours correct {HUGE} --minutes 60",
        f"hours correct 1 --minutes {HUGE} --approver W0002",
        f"hours record M0001 --date 2026-10-18 --minutes {HUGE}",
        f"hours record M0001 --date 2026-10-18 --minutes 60 --team-size {HUGE}",
        f"voucher issue M0001 --offer {HUGE} --points 100",
        f"voucher issue M0001 --offer 1 --points {HUGE}",
        f"voucher issue M0001 --offer 1 --points 100 --days {HUGE}",
        f"voucher show V{HUGE}",
        f"voucher void V{HUGE} --reason x",
        f"offer add --merchant S001 --kind offset --points-per-yuan {HUGE} --valid 2026-01-01..2026-12-31",
        f"offer add --merchant S001 --kind discount --off 9% --max {HUGE} --points 5 --valid 2026-01-01..2026-12-31",
        f"settlement draft {HUGE}",
        f"rules explain {HUGE}",
    ],
)
def test_no_number_is_too_large_to_be_refused_in_words(office: Cli, line: str) -> None:
    office(*HOURS)
    assert office(*line.split(), status=None).status in (2, 3, 7, 8)


def test_a_failed_founding_leaves_no_database(cli: Cli) -> None:
    cli("init", "--community", "Bad Code", "--name", "x", status=8)
    assert cli.stored() == b""


def test_a_waiting_correction_is_not_a_waiting_service(office: Cli) -> None:
    office(*HOURS)
    office("hours", "correct", "1", "--minutes", "60")
    assert office("hours", "approve", "1", "--as", "W0002", "--json", status=7).json["error"]["code"] == "no_approval"
    assert (
        office("hours", "reject", "1", "--why", "x", "--as", "W0002", "--json", status=7).json["error"]["code"] == "no_approval"
    )
    assert office("points", "balance", "M0001", "--json").json["minutes"] == 90


def test_one_person_is_never_two(office: Cli) -> None:
    refused = office("member", "add", "赵六", "--approver", "W0001", "--json", status=4)
    assert refused.json["error"]["code"] == "same_person"


def test_what_was_turned_down_can_be_entered_again_by_hand_but_not_by_the_old_sheet(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "hours.csv"
    sheet.write_text("ref,date,member_no,minutes\nr9,2026-10-18,M0001,500\n", encoding="utf-8")
    office("hours", "import", str(sheet))
    office("hours", "reject", "1", "--why", "not on paper", "--as", "W0002")
    again = office("hours", "import", str(sheet))
    assert "turned down" in again.err
    assert office("points", "balance", "M0001", "--json").json["minutes"] == 0
    line = ("hours", "record", "M0001", "--date", "2026-10-18", "--minutes", "480", "--ref", "r9", "--json")
    assert office(*line).json["posted"] == 1
    assert office(*line).json["repeated"] == 1


def test_what_was_taken_back_can_be_entered_again(office: Cli) -> None:
    office(*HOURS)
    office("hours", "correct", "1", "--minutes", "0", "--approver", "W0002")
    assert office(*HOURS, "--json").json["posted"] == 1
    assert office("points", "balance", "M0001", "--json").json["minutes"] == 90


def test_a_corrected_row_without_a_ref_is_known_in_the_old_sheet_and_in_the_corrected_one(office: Cli, tmp_path: Path) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("date,member_no,start,end\n2026-10-18,M0001,9:00,11:00\n", encoding="utf-8")
    new.write_text("date,member_no,start,end\n2026-10-18,M0001,9:00,10:30\n", encoding="utf-8")
    office("hours", "import", str(old))
    office("hours", "correct", "1", "--minutes", "90", "--approver", "W0002")
    for sheet in (old, new):
        assert office("hours", "import", str(sheet), "--json").json["repeated"] == 1
    assert office("points", "balance", "M0001", "--json").json["minutes"] == 90


def test_a_correction_keeps_the_start_so_that_the_time_stays_taken(office: Cli) -> None:
    span = ("hours", "record", "M0001", "--date", "2026-10-18", "--start", "9:00", "--end", "11:00")
    office(*span, "--ref", "s1")
    office("hours", "correct", "1", "--minutes", "90", "--approver", "W0002")
    assert office(*span, "--ref", "s2", "--json", status=3).json["error"]["code"] == "overlap"


def test_the_askers_reason_stands_beside_the_entry(office: Cli) -> None:
    office(*HOURS)
    office("hours", "correct", "1", "--minutes", "60", "--reason", "mistyped")
    office("approve", "1", "--as", "W0002")
    assert office.rows("SELECT text FROM entry_text WHERE community_id = 1").count(("mistyped",)) == 2


def test_personal_numbers_of_rejected_rows_are_kept_nowhere(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "members.csv"
    sheet.write_text("member_no,name\n110101199003077777,赵八\nM0010,赵七\n", encoding="utf-8")
    receipt = office("member", "import", str(sheet), "--partial", "--json").json
    assert [(row["row"], row["code"]) for row in receipt["rejected"]] == [(2, "personal_number")]
    assert receipt["rejected"][0]["message"]
    office("member", "add", "钱九", "--phone", "13812345678")
    stored = office.stored()
    assert b"110101199003077777" not in stored


def test_a_fingerprint_gives_no_phone_away_without_the_pepper(office: Cli) -> None:
    from hashlib import sha256

    from timebank.transparency import canonical

    office("member", "add", "钱九", "--phone", "13812345678")
    inputs = {"grid": "", "name": "钱九", "number": "", "phone": "13812345678"}
    for asked in ({"verb": "member.add", "inputs": inputs, "actor": 1, "approver": 0},):
        guess = sha256(canonical(asked)).digest()
        assert guess not in office.stored()


def test_a_lost_file_of_keys_is_never_replaced(office: Cli) -> None:
    keys = office.keys
    keys.unlink()
    refused = office("init", "--community", "510703-yingbin", "--name", "another", "--json", status=7)
    assert refused.json["error"]["code"] == "no_keys"
    assert not keys.exists()


def test_a_sheet_without_numbers_registers_each_person_once(office: Cli, tmp_path: Path) -> None:
    people, shops = tmp_path / "people.csv", tmp_path / "shops.csv"
    people.write_text("姓名,网格\n甲,一\n甲,一\n乙,一\n", encoding="utf-8")
    shops.write_text("商户名称\n丙店\n", encoding="utf-8")
    for posted, repeated in ((3, 0), (0, 3)):
        receipt = office("member", "import", str(people), "--json", now=f"2026-10-2{int(posted == 0)}T12:00:00+08:00").json
        assert (receipt["posted"], receipt["repeated"]) == (posted, repeated)
    assert office("merchant", "import", str(shops), "--json", now="2026-10-21T12:00:00+08:00").json["posted"] == 1
    assert office("merchant", "import", str(shops), "--json", now="2026-10-21T12:00:00+08:00").json["repeated"] == 1


def test_the_rejects_never_overwrite_the_sheet(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "hours.csv"
    sheet.write_text("date,member_no,minutes\n2026-10-18,M0099,60\n", encoding="utf-8")
    for place in (sheet, tmp_path / "nowhere" / "rejects.csv"):
        refused = office("hours", "import", str(sheet), "--partial", "--save-rejects", str(place), "--json", status=8)
        assert refused.json["error"]["code"] == "bad_rejects_file"
    assert "M0099,60" in sheet.read_text(encoding="utf-8")


def _found(url: str) -> int:
    os.environ["TIMEBANK_TEST_CLOCK"] = "1"
    return Cli(url)("init", "--community", "520201-jianshe", "--name", "x", status=None).status


def test_of_many_founders_one_wins_and_the_book_stays(cli: Cli) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        statuses = pool.map(_found, [cli.url] * 4)
    assert sorted(statuses) == [0, 5, 5, 5]
    assert len(cli("clerk", "list", "--json").json) == 2


def test_a_rehearsed_export_leaves_no_file_and_full_names_leave_only_what_is_logged(office: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = ("statement", "export", "2026-10", "--to", str(out), "--json")
    full = (*line, "--names", "full", "--approver", "W0002", "--reason", "盖章存档", "--key", "full-1")
    assert office(*line, "--dry-run").json["files"]
    assert office(*full, "--dry-run").json["folder"] == str(out)
    assert not out.exists()
    assert office(*line, "--names", "full", "--approver", "W0002", status=8).json["error"]["code"] == "no_reason"
    assert not out.exists()
    office(*full)
    assert office.rows("SELECT count(*) FROM command WHERE verb = 'statement.export'") == [(1,)]
    names = (out / "members.csv").read_text(encoding="utf-8-sig")
    assert "王五" in names
    (out / "members.csv").unlink()
    office(*full)
    assert not (out / "members.csv").exists(), "the log has no word of a second export"
