"""Balances from before the book: what is brought in, once, by two people, and what is refused."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlmodel import col, select

from conftest import Book, Cli
from timebank import ledger, openings
from timebank.audit import audit
from timebank.base.db import NEVER
from timebank.base.errors import Invalid, NotAllowed
from timebank.base.imported import Imported
from timebank.journal import Entry
from timebank.openings import Opening
from timebank.people import clerks

DAY, DECEMBER = date(2026, 10, 1), date(2026, 12, 31)
Bring = Callable[..., Imported]


@pytest.fixture
def bring(book: Book) -> Bring:
    book.join("M0001", "M0002")

    def take(*rows: Opening, approver: int | None = 2, day: date | None = DAY) -> Imported:
        with book.write() as session:
            return openings.Desk.begin(session, book.act(approver=approver), day).take(rows)

    return take


def codes(outcome: Imported) -> list[str]:
    return [finding.code for finding in outcome.rejected]


def had(book: Book, unit: str) -> int:
    with book.read() as session:
        return ledger.balance(session, 1, "member:1", unit, today=book.today).total  # type: ignore[arg-type]


def test_points_come_in_by_lapse_day_with_the_minutes_and_credits_of_before(book: Book, bring: Bring) -> None:
    outcome = bring(Opening("M0001", 120, DECEMBER, 600, 5, row=2), Opening("M0001", 30, NEVER, row=3))
    assert (outcome.posted, outcome.points, outcome.minutes, outcome.credits) == (2, 150, 600, 5)
    assert book.points("member:1").lots == ((DECEMBER, 120), (NEVER, 30))
    assert (had(book, "minutes"), had(book, "credits")) == (600, 5)


def test_an_opening_is_dated_on_the_day_on_which_the_balances_stood(book: Book, bring: Bring) -> None:
    bring(Opening("M0001", 120, DECEMBER))
    with book.read() as session:
        entry = session.exec(select(Entry).where(col(Entry.community_id) == 1, col(Entry.kind) == openings.OPENING)).one()
    assert (entry.business_date, entry.approver) == (DAY, 2)


def test_the_same_rows_again_bring_in_nothing(book: Book, bring: Bring) -> None:
    rows = (Opening("M0001", 120, DECEMBER, 600), Opening("M0002", 0, NEVER, 90))
    bring(*rows)
    again = bring(*rows)
    assert (again.posted, again.repeated) == (0, 2)
    assert had(book, "points") == 120


def test_other_numbers_for_a_lapse_day_that_is_known_are_refused(bring: Bring) -> None:
    bring(Opening("M0001", 120, DECEMBER))
    assert codes(bring(Opening("M0001", 121, DECEMBER))) == ["other_content"]


def test_what_was_taken_back_can_be_brought_in_rightly_but_not_wrongly_again(book: Book, bring: Bring) -> None:
    bring(Opening("M0001", 120, DECEMBER, 600))
    with book.write() as session:
        seq = session.exec(select(Entry.seq).where(col(Entry.community_id) == 1, col(Entry.kind) == openings.OPENING)).one()
        ledger.reverse(session, book.act(approver=2), seq)
    assert bring(Opening("M0001", 120, DECEMBER, 600)).repeated == 1
    assert bring(Opening("M0001", 102, DECEMBER, 600)).posted == 1
    assert bring(Opening("M0001", 102, DECEMBER, 600)).repeated == 1
    assert (had(book, "points"), had(book, "minutes")) == (102, 600)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (Opening("M0009", 1, NEVER), "unknown_member"),
        (Opening("M0001", 0, NEVER), "nothing_there"),
        (Opening("M0001", 10**10, NEVER), "too_much"),
        (Opening("M0001", 1, date(2026, 9, 30)), "lapsed_already"),
    ],
)
def test_a_wrong_row_is_refused(bring: Bring, row: Opening, code: str) -> None:
    assert codes(bring(row)) == [code]


def test_one_lot_stands_in_one_row(bring: Bring) -> None:
    assert codes(bring(Opening("M0001", 1, DECEMBER), Opening("M0001", 2, DECEMBER))) == ["twice_in_file"]


@pytest.mark.parametrize(("minutes", "credits", "code"), [(60, 0, "minutes_twice"), (0, 5, "credits_twice")])
def test_minutes_and_credits_are_counted_once_a_member(bring: Bring, minutes: int, credits: int, code: str) -> None:
    first, second = Opening("M0001", 1, DECEMBER, minutes, credits), Opening("M0001", 2, NEVER, minutes, credits)
    assert codes(bring(first, second)) == [code]
    assert codes(bring(second)) == [code]


def test_nobody_approves_an_opening_of_their_own(book: Book, bring: Bring) -> None:
    with book.write() as session:
        clerks.add(session, book.act(), ["周复核"], member_id=1)
    assert codes(bring(Opening("M0001", 1, NEVER), approver=3)) == ["self_confirmation"]


def test_openings_need_two_people(bring: Bring) -> None:
    with pytest.raises(NotAllowed) as refusal:
        bring(Opening("M0001", 1, NEVER), approver=None)
    assert refusal.value.code == "approver_missing"


@pytest.mark.parametrize(("day", "code"), [(date(2026, 10, 21), "future_date"), (date(2026, 9, 30), "before_book")])
def test_balances_stood_on_a_day_of_the_book(bring: Bring, day: date, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        bring(Opening("M0001", 1, NEVER), day=day)
    assert refusal.value.code == code


def test_the_audit_of_openings_is_clean(book: Book, bring: Bring) -> None:
    bring(Opening("M0001", 120, DECEMBER, 600, 5), Opening("M0002", 0, NEVER, 90))
    with book.read() as session:
        assert audit(session, 1).findings == ()


SHEET = "成员编号,积分,失效日期,时长,社区币\nM0001,120分,2026/12/31,10小时,\nM0001,30,永久,,5\nM0002,,,90,\n"


def sheet(folder: Path, text: str) -> str:
    path = folder / "old.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_an_office_brings_its_old_list(office: Cli, tmp_path: Path) -> None:
    totals = ("--rows", "3", "--points", "150", "--minutes", "690")
    told = office("points", "open", sheet(tmp_path, SHEET), *totals, "--approver", "W0002", "--json").json
    assert told["posted"] == 3
    assert (told["points"], told["minutes"], told["credits"]) == (150, 690, 5)
    again = office("points", "import-opening", sheet(tmp_path, SHEET), "--approver", "W0002", "--json").json
    assert (again["posted"], again["repeated"]) == (0, 3)


def test_a_list_with_a_wrong_row_brings_in_nothing_or_the_good_rows(office: Cli, tmp_path: Path) -> None:
    file = sheet(tmp_path, SHEET + "M0009,1,永久,,\nM0003,9,,,\n")
    refused = office("points", "open", file, "--approver", "W0002", "--json", status=8).json
    assert [finding["code"] for finding in refused["error"]["findings"]] == ["unknown_member", "no_lapse_day"]
    rejects = tmp_path / "rejects.csv"
    office("points", "open", file, "--approver", "W0002", "--partial", "--save-rejects", str(rejects))
    assert [line.split(",")[0] for line in rejects.read_text("utf-8-sig").splitlines()[1:]] == ["M0009", "M0003"]
    assert office("points", "balance", "M0001", "--json").json["points"]["available"] == 150


def test_a_list_must_agree_with_its_control_total(office: Cli, tmp_path: Path) -> None:
    told = office("points", "open", sheet(tmp_path, SHEET), "--points", "151", "--approver", "W0002", "--json", status=8).json
    assert told["error"]["code"] == "control_total"
