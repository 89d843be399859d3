"""Members, merchants, clerks: numbers that bind, persons apart, every bad row named."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from conftest import Book, Cli
from timebank.base.errors import Conflict, Invalid, NotFound
from timebank.base.imported import Imported
from timebank.journal import ACCOUNT, ENTRY
from timebank.people import clerks, members, merchants, persons
from timebank.people.members import Newcomer
from timebank.people.merchants import Shop
from timebank.people.persons import Card

JOINED = date(2026, 3, 8)


def join(book: Book, *newcomers: Newcomer) -> tuple[list[members.Member], Imported]:
    with book.write() as session:
        return members.join(session, book.act(), newcomers)


def test_a_member_gets_the_next_free_number_and_five_accounts(book: Book) -> None:
    joined, _ = join(
        book, Newcomer("M0002", Card("张三"), JOINED), Newcomer("", Card("李四"), JOINED), Newcomer("", Card("王五"), JOINED)
    )
    assert [m.number for m in joined] == ["M0002", "M0003", "M0004"]
    with book.read() as session:
        own = session.execute(select(ACCOUNT.unit, ACCOUNT.purpose).where(ACCOUNT.holder == "member:1")).all()
    assert {tuple(account) for account in own} == set(members.ACCOUNTS)


def test_the_book_binds_the_number_and_never_the_name(book: Book) -> None:
    join(book, Newcomer("M0012", Card("张三", "13800138000", "110101199003071233"), JOINED, "第一网格"))
    with book.read() as session:
        payload = session.execute(select(ENTRY.payload).where(ENTRY.kind == "member.join")).scalar_one()
    assert '"facts":{"number":"M0012"}' in payload
    assert '"subject":"member:1"' in payload
    for personal in ("张三", "13800138000", "110101199003071233", "第一网格"):
        assert personal not in payload


def test_numbers_are_found_in_any_case_and_without_zeros_but_shown_as_given(book: Book) -> None:
    join(book, Newcomer("M0012", Card("张三"), JOINED), Newcomer("V37aa7b861f", Card("李四"), JOINED))
    with book.read() as session:
        assert members.find(session, 1, "m12").number == "M0012"
        assert members.find(session, 1, "v37AA7B861F").number == "V37aa7b861f"
        with pytest.raises(NotFound) as refusal:
            members.find(session, 1, "M13")
    assert refusal.value.code == "unknown_member"


def test_every_bad_row_of_a_sheet_is_named(book: Book) -> None:
    join(book, Newcomer("M0001", Card("张三"), JOINED))
    joined, outcome = join(
        book,
        Newcomer("13800138000", Card("甲"), JOINED, row=2),
        Newcomer("M 2", Card("乙"), JOINED, row=3),
        Newcomer("M0003", Card(""), JOINED, row=4),
        Newcomer("M0004", Card("丁"), book.today + timedelta(1), row=5),
        Newcomer("m1", Card("不是张三"), JOINED, row=6),
        Newcomer("M0005", Card("戊"), JOINED, row=7),
        Newcomer("m5", Card("己"), JOINED, row=8),
        Newcomer("T-13812345678", Card("庚"), JOINED, row=9),
    )
    assert [m.number for m in joined] == ["M0005"]
    assert [(f.row, f.code) for f in outcome.rejected] == [
        (2, "personal_number"),
        (3, "bad_number"),
        (4, "no_name"),
        (5, "future_date"),
        (6, "number_taken"),
        (8, "twice_in_file"),
        (9, "personal_number"),
    ]


def test_the_same_sheet_again_registers_nobody(book: Book) -> None:
    people = (Newcomer("M0001", Card("张三"), JOINED), Newcomer("M0002", Card("李四"), JOINED))
    join(book, *people)
    joined, outcome = join(book, *people)
    assert (joined, outcome.posted, outcome.repeated) == ([], 0, 2)


def test_a_merchants_name_stays_outside_the_book_too(book: Book) -> None:
    with book.write() as session:
        joined, _ = merchants.join(session, book.act(), [Shop("S001", "张三小吃店", "餐饮", "张三 13800138000")])
    assert joined[0].holder == "merchant:1"
    with book.read() as session:
        payload = session.execute(select(ENTRY.payload).where(ENTRY.kind == "merchant.join")).scalar_one()
        assert persons.names(session, 1)[joined[0].contact_id or 0] == "张三 13800138000"
    assert "张三" not in payload


def test_bad_shops_are_named_and_known_ones_repeat(book: Book) -> None:
    shops = [Shop("S001", "甲店", row=2), Shop("S002", "", row=3), Shop("s1", "乙店", row=4), Shop("", "丙店", row=5)]
    with book.write() as session:
        joined, outcome = merchants.join(session, book.act(), shops)
    assert [m.number for m in joined] == ["S001", "S002"]
    assert [(f.row, f.code) for f in outcome.rejected] == [(3, "no_name"), (4, "twice_in_file")]
    with book.write() as session:
        _, again = merchants.join(session, book.act(), [Shop("S001", "甲店"), Shop("S001", "丁店", row=9)])
    assert (again.repeated, [f.code for f in again.rejected]) == (1, ["number_taken"])


def test_two_clerks_are_there_from_the_first_day(book: Book) -> None:
    with book.read() as session:
        assert [c.number for c in clerks.listed(session, 1)] == ["W0001", "W0002"]


def test_a_clerks_number_is_taken_once(book: Book) -> None:
    with book.write() as session:
        assert clerks.add(session, book.act(), ["丙"])[0].number == "W0003"
    with book.write() as session, pytest.raises(Conflict) as refusal:
        clerks.add(session, book.act(), ["丁"], "w3")
    assert refusal.value.code == "number_taken"
    with book.write() as session, pytest.raises(Invalid) as empty:
        clerks.add(session, book.act(), [""])
    assert empty.value.code == "no_name"


def test_two_communities_in_one_database_keep_apart(book: Book) -> None:
    join(book, Newcomer("M0001", Card("张三"), JOINED))
    other = book.found("510703-yingbin")
    with book.write() as session:
        joined, _ = members.join(session, book.act(community=other), [Newcomer("M0001", Card("李四"), JOINED)])
    assert joined[0].community_id == other
    with book.read() as session:
        assert len(members.listed(session, 1)) == len(members.listed(session, other)) == 1


BORN = date(1950, 3, 8)
ID_OF_BORN = "520201195003080011"


def born(book: Book, number: str) -> date | None:
    with book.read() as session:
        return persons.card(session, 1, members.find(session, 1, number).person_id).born


def test_a_birth_date_comes_from_its_column_or_from_the_identity_number(book: Book) -> None:
    _, outcome = join(
        book,
        Newcomer("M1", Card("甲", birth_date=BORN), JOINED, row=2),
        Newcomer("M2", Card("乙", id_number=ID_OF_BORN), JOINED, row=3),
        Newcomer("M3", Card("丙", id_number=ID_OF_BORN, birth_date=BORN), JOINED, row=4),
        Newcomer("M4", Card("丁", id_number="520201195002300011"), JOINED, row=5),
        Newcomer("M5", Card("戊", id_number=ID_OF_BORN, birth_date=BORN + timedelta(1)), JOINED, row=6),
        Newcomer("M6", Card("己", birth_date=JOINED + timedelta(1)), JOINED, row=7),
        Newcomer("M7", Card("庚", birth_date=book.today + timedelta(1)), None, row=8),
    )
    assert [born(book, number) for number in ("M1", "M2", "M3", "M4")] == [BORN, BORN, BORN, None]
    assert [(f.row, f.code) for f in outcome.rejected] == [
        (6, "other_birth_date"),
        (7, "bad_birth_date"),
        (8, "bad_birth_date"),
    ]
    with book.read() as session:
        payloads = session.execute(select(ENTRY.payload)).scalars().all()
    assert not any("1950" in payload for payload in payloads)


def test_a_sheet_brings_birth_dates_later_and_changes_none(book: Book) -> None:
    join(book, Newcomer("M1", Card("甲"), JOINED), Newcomer("M2", Card("乙", id_number=ID_OF_BORN), JOINED))
    _, outcome = join(
        book,
        Newcomer("M1", Card("甲", birth_date=BORN), JOINED, row=2),
        Newcomer("M2", Card("乙", birth_date=BORN), None, row=3),
    )
    assert (outcome.repeated, outcome.rejected, born(book, "M1")) == (2, [], BORN)
    _, again = join(book, Newcomer("M1", Card("甲", birth_date=BORN + timedelta(1)), JOINED, row=2), Newcomer("M1", Card("甲")))
    assert (again.repeated, [f.code for f in again.rejected], born(book, "M1")) == (1, ["other_birth_date"], BORN)


def test_two_of_one_name_are_told_apart_by_their_birth_dates(book: Book) -> None:
    sheet = [Newcomer("", Card("张三", birth_date=day), JOINED, row=2) for day in (BORN, BORN + timedelta(1))]
    assert join(book, *sheet)[1].posted == 2
    assert join(book, *reversed(sheet), Newcomer("", Card("张三"), JOINED, row=4))[1].posted == 1
    assert [born(book, number) for number in ("M1", "M2", "M3")] == [BORN, BORN + timedelta(1), None]
    assert join(book, Newcomer("", Card("张三", birth_date=BORN - timedelta(1)), JOINED, row=2))[1].repeated == 1
    assert born(book, "M3") == BORN - timedelta(1)


def test_who_was_born_on_29_february_ages_on_the_first_of_march() -> None:
    leap = date(2008, 2, 29)
    assert [persons.age_on(leap, date(2026, 2, 28)), persons.age_on(leap, date(2026, 3, 1))] == [17, 18]
    assert persons.age_on(None, JOINED) is None


def test_a_sheet_and_a_command_take_birth_dates_and_show_the_year_only(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "people.csv"
    sheet.write_text("姓名,出生日期\n赵六,1950年3月8日\n", encoding="utf-8")
    office("member", "import", str(sheet))
    office("member", "add", "钱七", "--birth-date", "1951/3/8")
    assert [office("member", "show", number, "--json").json["birth_date"] for number in ("M0004", "M0005", "M0001")] == [
        "1950-**-**",
        "1951-**-**",
        "",
    ]
    assert "1951-03-08" not in str(office.rows("SELECT receipt, fingerprint FROM command WHERE community_id = 1"))
