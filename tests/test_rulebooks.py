"""Publishing rule books: two people, a resolution, a hash; which book speaks for a day."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from conftest import NOON, RULES, Book, Cli
from timebank import notices, rulebooks, workdays
from timebank.base.errors import Conflict, Invalid, NotAllowed, Refused, TimebankError
from timebank.journal import ACCOUNT, ENTRY
from timebank.notices import NewNotice
from timebank.rulebooks import RuleBookRow
from timebank.transparency import parse

HOLIDAYS = Path(__file__).parent.parent / "examples" / "holidays" / "2026.json"


def publish(
    book: Book, text: str = RULES, *, retroactive: str = "history", resolution: str = "2026-7", approver: int | None = 2
) -> RuleBookRow:
    with book.write() as session:
        return rulebooks.publish(session, book.act(approver=approver), text.encode(), resolution, retroactive)


def test_publishing_binds_the_texts_hash_into_the_book_and_opens_its_pools(book: Book) -> None:
    row = publish(book)
    digest = sha256(RULES.encode()).hexdigest()
    assert (row.sha256, row.ref) == (digest, f"2026.1@{digest[:16]}")
    with book.read() as session:
        payload = session.execute(select(ENTRY.payload).where(ENTRY.kind == "rules.publish")).scalar_one()
        pools = session.execute(select(ACCOUNT.holder).where(ACCOUNT.holder.startswith("pool:"))).scalars().all()
        assert rulebooks.find(session, 1, "2026.1").text == RULES
    assert parse(payload.encode())["facts"]["sha256"] == digest
    assert pools == ["pool:elder-care"]


def test_the_same_text_again_publishes_nothing_and_another_text_needs_another_version(book: Book) -> None:
    first = publish(book)
    assert publish(book).seq == first.seq
    with pytest.raises(Conflict) as conflict:
        publish(book, RULES.replace("default = 10", "default = 11"))
    assert conflict.value.code == "version_taken"


def test_a_byte_order_mark_belongs_to_the_published_text(book: Book) -> None:
    row = publish(book, "\ufeff" + RULES)
    with book.read() as session:
        assert sha256(rulebooks.find(session, 1, "2026.1").text.encode()).hexdigest() == row.sha256
        assert rulebooks.shelf(session, 1).on(date(2026, 5, 1))


@pytest.mark.parametrize(
    ("wish", "family", "code"),
    [
        ({"approver": None}, NotAllowed, "approver_missing"),
        ({"approver": 1}, NotAllowed, "same_person"),
        ({"retroactive": ""}, Refused, "starts_in_the_past"),
        ({"resolution": "no number at all"}, Invalid, "bad_resolution"),
        ({"resolution": "(2026)13812345678"}, Invalid, "bad_resolution"),
        ({"text": RULES.replace("decimals = 0", "decimals = 1")}, Invalid, "other_decimals"),
        ({"text": RULES.replace("[rate]", "[rates]")}, Invalid, "bad_rules"),
    ],
)
def test_what_may_not_be_published_is_refused(
    book: Book, wish: dict[str, object], family: type[TimebankError], code: str
) -> None:
    with pytest.raises(family) as refusal:
        publish(book, **wish)  # type: ignore[arg-type]
    assert refusal.value.code == code
    with book.read() as session:
        assert rulebooks.listed(session, 1) == []


def test_a_book_that_begins_today_or_later_needs_no_reason(book: Book) -> None:
    publish(book, RULES.replace("2026-01-01", "2026-10-20"), retroactive="")
    with book.read() as session:
        assert rulebooks.shelf(session, 1).on(date(2026, 10, 19)) is None
        assert rulebooks.shelf(session, 1).on(date(2026, 10, 20)) is not None


def test_of_two_books_for_a_day_the_one_that_begins_last_speaks(book: Book) -> None:
    later = RULES.replace("2026.1", "2026.2").replace("2026-01-01", "2026-07-01\neffective_to = 2026-07-31")
    publish(book, later)
    publish(book)
    with book.read() as session:
        shelf = rulebooks.shelf(session, 1)
    found = [shelf.on(date(2026, month, 1)) for month in (6, 7, 8)]
    assert [published.book.version for published in found if published] == ["2026.1", "2026.2", "2026.1"]
    assert shelf.on(date(2025, 12, 31)) is None


# --- where the new rules hang out first ---

ABOUT = "rules:2026.1"
LATER = RULES.replace("2026.1", "2026.2").replace("2026-01-01", "2026-11-01")
OVER = NOON + timedelta(7)
"""Noon after the five working days that begin on 20 October 2026."""


def hang_out(book: Book, about: str = ABOUT, days: int = 5, text: str = "") -> int:
    """Post a notice about rules; with a text it binds its hash."""
    binds = sha256(text.encode()).hexdigest() if text else ""
    with book.write() as session:
        return notices.post(session, book.act(), NewNotice(about, "新规则公示", days=days, binds=binds)).id


def passed(book: Book, about: str, text: str = "", days: int = 5) -> None:
    """Let a notice hang out and pass."""
    number = hang_out(book, about, days, text)
    book.now += timedelta(7)
    with book.write() as session:
        notices.close(session, book.act(), number)


@pytest.fixture(name="board")
def a_board(book: Book) -> Book:
    """A community that knows the working days of 2026."""
    with book.write() as session:
        workdays.add(session, book.act(approver=2), workdays.read(HOLIDAYS.read_bytes()))
    return book


def test_a_version_that_hangs_out_is_not_published_before_its_notice_has_passed(board: Book) -> None:
    number = hang_out(board)
    hang_out(board, "rules:2026.2")
    for now in (NOON, OVER):
        board.now = now
        with pytest.raises(Refused) as refusal:
            publish(board)
        assert refusal.value.code == "notice_not_passed"
    with board.write() as session:
        notices.close(session, board.act(), number)
    assert publish(board).version == "2026.1"


def test_a_version_whose_notice_was_stopped_is_published_after_another_one_has_passed(board: Book) -> None:
    number = hang_out(board)
    with board.write() as session:
        objection = notices.object_(session, board.act(), number, "上限太低").id
        notices.decide(session, board.act(approver=2), objection, "upheld", "属实")
        notices.close(session, board.act(), number)
    with pytest.raises(Refused) as refusal:
        publish(board)
    assert refusal.value.code == "notice_not_passed"
    second = hang_out(board)
    board.now = OVER
    with board.write() as session:
        notices.close(session, board.act(), second)
    assert publish(board).version == "2026.1"


def test_where_the_rules_of_the_day_demand_a_notice_the_next_version_needs_one_as_long(board: Book) -> None:
    publish(board, f"{RULES}[change]\nnotice_days = 5\n")
    assert refused(board, LATER) == "notice_demanded"
    passed(board, "rules:2026.2", LATER, days=4)
    assert refused(board, LATER) == "notice_demanded"


def refused(book: Book, text: str) -> str:
    """Why a text is not published."""
    with pytest.raises(Refused) as refusal:
        publish(book, text)
    return refusal.value.code


def test_where_the_rules_of_the_day_demand_a_notice_it_must_have_bound_this_very_text(board: Book) -> None:
    publish(board, f"{RULES}[change]\nnotice_days = 5\n")
    passed(board, "rules:2026.2")
    assert refused(board, LATER) == "notice_of_other_text"
    other = LATER.replace("2026.2", "2026.3")
    passed(board, "rules:2026.3", other.replace("default = 10", "default = 11"))
    assert refused(board, other) == "notice_of_other_text"
    assert publish(board, other.replace("default = 10", "default = 11")).version == "2026.3"


def test_a_text_that_hung_out_is_the_one_that_is_published_also_where_no_notice_is_demanded(board: Book) -> None:
    publish(board)
    passed(board, "rules:2026.2", LATER)
    assert refused(board, f"{LATER}# another text\n") == "notice_of_other_text"
    assert publish(board, LATER).version == "2026.2"


def test_a_version_that_hung_out_as_long_as_demanded_is_published_and_what_it_leaves_out_binds_nobody(board: Book) -> None:
    publish(board, f"{RULES}[change]\nnotice_days = 5\n")
    passed(board, "rules:2026.2", LATER)
    assert publish(board, LATER).version == "2026.2"
    third = LATER.replace("2026.2", "2026.3")
    with pytest.raises(Refused):
        publish(board, third)
    board.now = datetime(2026, 11, 2, tzinfo=UTC)
    assert publish(board, third).version == "2026.3"


# --- at the desk ---


def written(tmp_path: Path, version: str, *changes: tuple[str, str]) -> str:
    """A file of the conftest's rule book under another version, with some text replaced."""
    text = RULES.replace("2026.1", version)
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / f"rules-{version}.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_notice_about_rules_binds_the_file_as_it_is_published(office: Cli, tmp_path: Path) -> None:
    """With the mark at its beginning that Notepad writes: the bytes of the file are what hangs out."""

    def code(*words: str) -> str:
        told: str = office(*words, "--json", status=None).json["error"]["code"]
        return told

    office("notice", "holidays", str(HOLIDAYS), "--approver", "W0002")
    demanding = written(tmp_path, "2026.2", ("2026-01-01", "2026-10-20"))
    Path(demanding).write_text(Path(demanding).read_text(encoding="utf-8") + "[change]\nnotice_days = 5\n", encoding="utf-8")
    office("rules", "publish", demanding, "--resolution", "8", "--approver", "W0002")
    draft = tmp_path / "draft.toml"
    draft.write_bytes(b"\xef\xbb\xbf" + RULES.replace("2026.1", "2026.3").replace("2026-01-01", "2026-12-01").encode())
    post = ("notice", "post", "rules:2026.3", "新规则公示")
    assert code(*post) == "text_missing"
    assert code(*post, "--file", str(draft), "--days", "4") == "notice_demanded"
    assert code("notice", "post", "rules:2026.4", "新规则公示", "--file", str(draft)) == "other_version"
    assert code("notice", "post", "hours:1..1", "时长公示", "--file", str(draft)) == "no_text_wanted"
    office(*post, "--file", str(draft))
    office.now = "2026-10-28T12:00:00+08:00"
    office("notice", "close", "1")
    publish_it = ("rules", "publish", str(draft), "--resolution", "9", "--approver", "W0002")
    data = draft.read_bytes()
    draft.write_bytes(data.replace(b"default = 10", b"default = 11"))
    assert code(*publish_it) == "notice_of_other_text"
    draft.write_bytes(data)
    assert office(*publish_it, "--json").json["version"] == "2026.3"
    assert office("--json", "audit").json["ok"]


def test_a_difference_is_told_against_a_published_version(office: Cli, tmp_path: Path) -> None:
    draft = written(tmp_path, "2026.2", ("default = 10", "default = 11"))
    assert office("--json", "rules", "diff", "2026.1", draft).json == [
        {
            "section": "rate",
            "was": "every other category: 10 points an hour",
            "now": "every other category: 11 points an hour",
        }
    ]
    assert "now: every other category: 11" in office("rules", "diff", "2026.1", draft).out
    assert office("--json", "rules", "diff", "2026.1", written(tmp_path, "2026.3")).json == []
    office("rules", "diff", "1999.1", draft, status=7)


def test_a_draft_is_held_against_the_published_versions_where_asked(office: Cli, tmp_path: Path) -> None:
    draft = written(tmp_path, "2026.2", ("2026-01-01", "2026-12-01"))

    def codes(*more: str) -> set[str]:
        return {finding["code"] for finding in office("--json", "rules", "check", draft, *more).json["findings"]}

    assert "replaces_version" not in codes()
    assert codes("--against-published") - codes() == {"replaces_version"}


def test_a_draft_is_held_against_what_was_served_in_the_last_year(office: Cli, tmp_path: Path) -> None:
    draft = written(tmp_path, "2026.2", ("2026-01-01", "2026-12-01"))
    check = ("--json", "rules", "check", draft, "--against-published")

    def found() -> list[tuple[str, str]]:
        return [(one["code"], one["where"]) for one in office(*check).json["findings"] if one["code"] in ABOUT_CATEGORIES]

    assert found() == []
    for day, category in ((1, "cleaning"), (2, "cleaning"), (3, "elder-care")):
        office("hours", "record", "M0001", "--date", f"2026-10-0{day}", "--minutes", "60", "--category", category)
    assert found() == [("default_rate", "rate.default")]
    office.now = "2027-10-02T12:00:00+08:00"
    office(
        "hours", "record", "M0002", "--date", "2027-10-01", "--minutes", "60", "--category", "child-care", "--approver", "W0002"
    )
    assert found() == [("default_rate", "rate.default")]
    office.now = "2027-10-04T12:00:00+08:00"
    assert found() == [("unused_category", "rate.elder-care"), ("default_rate", "rate.default")]


ABOUT_CATEGORIES = ("unused_category", "default_rate")


def test_publishing_says_which_version_it_replaces(office: Cli, tmp_path: Path) -> None:
    first = written(tmp_path, "2027.1", ("2026-01-01", "2027-01-01\neffective_to = 2027-06-30"))
    office("rules", "publish", first, "--resolution", "8", "--approver", "W0002")
    second = written(tmp_path, "2028.1", ("2026-01-01", "2028-01-01"))
    assert "replaces_version" in office("rules", "publish", second, "--resolution", "9", "--approver", "W0002").err


def test_publishing_says_which_days_no_version_will_speak_for(office: Cli, tmp_path: Path) -> None:
    first = written(tmp_path, "2026.2", ("2026-01-01", "2026-11-01\neffective_to = 2026-11-30"))
    office("rules", "publish", first, "--resolution", "8", "--approver", "W0002")
    gap = written(tmp_path, "2025.1", ("2026-01-01", "2025-01-01\neffective_to = 2025-11-30"))
    told = office("rules", "publish", gap, "--resolution", "9", "--retroactive", "history", "--approver", "W0002")
    assert "gap_between_versions" in told.err
    assert "2025-12-01" in told.err


def test_without_a_second_person_a_book_waits_and_speaks_only_when_one_agrees(office: Cli, tmp_path: Path) -> None:
    draft = written(tmp_path, "2026.2", ("2026-01-01", "2026-11-01"))
    waiting = office("--json", "rules", "publish", draft, "--resolution", "8").json["waiting"]
    assert [row["version"] for row in office("--json", "rules", "list").json] == ["2026.1"]
    Path(draft).write_text("another text", encoding="utf-8")
    office("approve", str(waiting), "--as", "W0001", status=4)
    office("approve", str(waiting), "--as", "W0002")
    listed = office("--json", "rules", "list").json
    assert [(row["version"], row["resolution"]) for row in listed] == [("2026.1", "2026-7"), ("2026.2", "8")]
    assert office("--json", "audit").json["ok"]


def test_a_service_follows_the_versions_published_when_it_is_posted(office: Cli, tmp_path: Path) -> None:
    """What was posted keeps its version, whatever is published for its day later."""

    def record(member: str) -> None:
        about = ("--date", "2026-10-05", "--minutes", "60", "--category", "cleaning", "--approver", "W0002")
        office("hours", "record", member, *about)

    record("M0001")
    later = written(tmp_path, "2026.2", ("2026-01-01", "2026-10-01"), ("default = 10", "default = 7"))
    office("rules", "publish", later, "--resolution", "8", "--retroactive", "decided late", "--approver", "W0002")
    record("M0002")
    services = office("--json", "hours", "list").json
    assert [(service["member"], service["points"]) for service in services] == [("M0001", 10), ("M0002", 7)]
    rules = [ref.partition("@")[0] for (ref,) in office.rows("SELECT rules FROM entry WHERE kind = 'hours' ORDER BY seq")]
    assert rules == ["2026.1", "2026.2"]
    assert office("--json", "audit").json["ok"]


def test_a_file_saved_in_gbk_is_refused_with_its_line(office: Cli, tmp_path: Path) -> None:
    path = tmp_path / "gbk.toml"
    path.write_bytes(RULES.encode("gbk"))
    refused = office("--json", "rules", "publish", str(path), "--resolution", "8", "--approver", "W0002", status=None)
    (finding,) = refused.json["error"]["findings"]
    assert (finding["where"], finding["code"]) == ("line 5", "not_utf8")


def test_a_file_saved_by_notepad_is_published_byte_for_byte(office: Cli, tmp_path: Path) -> None:
    """With a mark at its beginning and both signs at the ends of its lines."""
    data = b"\xef\xbb\xbf" + RULES.replace("2026.1", "2026.2").replace("2026-01-01", "2026-11-01").encode().replace(
        b"\n", b"\r\n"
    )
    path = tmp_path / "notepad.toml"
    path.write_bytes(data)
    office("rules", "publish", str(path), "--resolution", "8", "--approver", "W0002")
    shown = office("--json", "rules", "show", "2026.2").json
    assert shown["sha256"] == sha256(data).hexdigest()
    assert shown["text"].encode() == data
    office("rules", "publish", str(path), "--resolution", "8", "--approver", "W0002")
    path.write_bytes(data.replace(b"\r\n", b"\n"))
    other = office("--json", "rules", "publish", str(path), "--resolution", "8", "--approver", "W0002", status=None)
    assert other.json["error"]["code"] == "version_taken"
    assert office("--json", "audit").json["ok"]


def test_a_published_book_is_shown_as_it_is_and_in_words(office: Cli) -> None:
    shown = office("--json", "rules", "show", "2026.1").json
    assert "Rates: every other category: 10 points an hour" in shown["words"]
    plain = office("rules", "show", "2026.1").out
    assert "default = 10" in plain
    assert "every other category: 10 points an hour" in plain
