"""What waits for a second person: who may decide, how long it lasts, what it is bound to."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from conftest import NOON, Book, Cli
from timebank import approvals
from timebank.base import db
from timebank.base.errors import NotAllowed, NotFound, Refused
from timebank.commands import approve, asked, checkpoint

REQUEST = {"number": 17, "minutes": 60}


def ask(book: Book, subject: str = "hours:17") -> int:
    with book.write() as session:
        return approvals.ask(session, book.act(), "hours.correct", [(subject, REQUEST)])[0]


def test_whoever_asked_cannot_approve(book: Book) -> None:
    number = ask(book)
    with book.write() as session, pytest.raises(NotAllowed) as refusal:
        approvals.approve(session, book.act(actor=1), number)
    assert refusal.value.code == "same_person"


def test_what_is_approved_is_what_was_asked(book: Book) -> None:
    number = ask(book)
    with book.write() as session:
        row = approvals.approve(session, book.act(actor=2), number)
    assert row.asked == REQUEST


FORGED: dict[str, object] = {
    "id": 7,
    "kind": "points.reverse",
    "subject": "hours:18",
    "request": '{"minutes":600,"number":17}',
    "digest": sha256(b'{"minutes":60,"number":17}').hexdigest(),
    "asked_by": 3,
    "asked_at": "2026-10-20T04:00:01Z",
}


@pytest.mark.parametrize("column", FORGED)
def test_a_row_of_the_inbox_that_somebody_changed_is_not_approved_and_can_be_turned_down(book: Book, column: str) -> None:
    ask(book)
    with book.engine.begin() as connection:
        connection.execute(text(f"UPDATE approval SET {column} = :forged"), {"forged": FORGED[column]})
    number = 7 if column == "id" else 1
    with book.write() as session, pytest.raises(Refused) as refusal:
        approvals.approve(session, book.act(actor=2), number)
    assert refusal.value.code == "request_changed"
    with book.write() as session:
        approvals.reject(session, book.act(actor=2), number, "nobody asked")
    with book.read() as session:
        assert not approvals.waiting(session, 1)


def test_who_has_the_database_and_not_its_keys_cannot_let_anything_wait(office: Cli) -> None:
    """The row is whole and its hash is right; nobody ever asked for it."""
    office("hours", "record", "M0001", "--date", "2026-10-12", "--minutes", "60")
    wish = approvals.Approval(
        community_id=1,
        id=1,
        kind="points.reverse",
        subject="entry:E000009",
        request='{"reason":"x","seq":9}',
        digest="",
        asked_by=1,
        asked_at=NOON,
    )
    forger = db.open_engine(office.url)
    with db.writing(forger) as session:
        wish.digest = approvals.sealed(wish, b"")
        session.add(wish)
    forger.dispose()
    before = office.stored()
    assert office("approve", "1", "--as", "W0002", "--json", status=3).json["error"]["code"] == "request_changed"
    assert office.stored() == before
    office("reject", "1", "--why", "nobody asked", "--as", "W0002")
    assert office("inbox", "--json").json == []


@pytest.mark.parametrize(("late", "code"), [(timedelta(days=7), None), (timedelta(days=7, seconds=1), "approval_lapsed")])
def test_an_approval_lasts_seven_days(book: Book, late: timedelta, code: str | None) -> None:
    number = ask(book)
    book.now = NOON + late
    if code is None:
        with book.write() as session:
            assert approvals.approve(session, book.act(actor=2), number).state == "approved"
        return
    with book.write() as session, pytest.raises(Refused) as refusal:
        approvals.approve(session, book.act(actor=2), number)
    assert refusal.value.code == code


def test_what_two_people_did_directly_waits_no_more(office: Cli) -> None:
    """In the inbox it could only be refused."""
    office("hours", "record", "M0001", "--date", "2026-09-12", "--minutes", "600")
    office("hours", "approve", "1", "--as", "W0002")
    code = office("voucher", "issue", "M0001", "--offer", "1", "--points", "40", "--json").json["code"]
    office("voucher", "capture", code, "--merchant", "S001", "--bill", "20.00")
    november = "2026-11-06T12:00:00+08:00"
    office("settlement", "draft", "2026-10", now=november)
    for line in (("settlement", "approve", "2026-10"), ("statement", "close", "2026-09")):
        for _ in range(2):
            office(*line, now=november)
        assert len(office("inbox", "--json").json) == 2
        office(*line, "--approver", "W0002", now=november)
        assert office("inbox", "--json").json == []


def test_a_thing_is_decided_once(book: Book) -> None:
    number = ask(book)
    with book.write() as session:
        assert approvals.reject(session, book.act(actor=2), number, "no").why == "no"
    with book.write() as session, pytest.raises(Refused) as refusal:
        approvals.approve(session, book.act(actor=2), number)
    assert refusal.value.code == "decided_already"
    with book.read() as session:
        assert approvals.waiting(session, 1) == []


def test_what_nobody_asked_for_is_not_found(book: Book) -> None:
    with book.write() as session, pytest.raises(NotFound):
        approvals.approve(session, book.act(actor=2), 9)
    with book.write() as session, pytest.raises(NotFound):
        approvals.of_subject(session, book.act(actor=2), "hours.approve", "hours:9")


@pytest.mark.parametrize(("approver", "code"), [(None, "approver_missing"), (1, "same_person")])
def test_two_people_are_two(book: Book, approver: int | None, code: str) -> None:
    with pytest.raises(NotAllowed) as refusal:
        approvals.two_people(book.act(approver=approver))
    assert refusal.value.code == code
    approvals.two_people(book.act(approver=2))


def test_all_that_can_wait_has_its_verb_and_its_words() -> None:
    """A recalculation had a verb and no words: whoever looked into the inbox while it waited saw a crash."""
    assert set(asked.KINDS) == set(approve.VERBS) | {"hours.approve", checkpoint.KIND}
    assert set(asked.ABOUT) <= set(asked.KINDS)


def test_a_second_person_sees_what_is_asked_before_deciding(office: Cli, tmp_path: Path) -> None:
    rules = str(tmp_path / "later.toml")
    office("hours", "record", "M0001", "--date", "2026-10-12", "--minutes", "90")
    office("hours", "correct", "1", "--minutes", "60", "--start", "14:00")
    office("rules", "new", "half-hours", rules, "--version", "2026.9", "--from", "2026-11-01")
    office("rules", "publish", rules, "--resolution", "2026-9")
    office("rules", "recalc", "--period", "2026-10", "--post")
    waiting = {row["kind"]: row["about"] for row in office("inbox", "--json").json}
    assert waiting.keys() == {"hours.correct", "rules.publish", "rules.recalc"}
    for kind, words in (
        ("hours.correct", ("M0001", "90", "minutes 60", "14:00")),
        ("rules.publish", ("2026.9", "2026-11-01", "2026-9")),
        ("rules.recalc", ("2026-10-01", "2026-10-31")),
    ):
        assert [word for word in words if word not in waiting[kind]] == []
    office("inbox")
