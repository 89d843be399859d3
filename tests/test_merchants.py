"""What a shop is: applied, active, paused, left; markets and stalls, plaques; its own people, and what that forbids."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from conftest import Book, Cli
from shopping import PEPPER, add_offer, capture, issue
from timebank import redemption
from timebank.audit import audit
from timebank.base.act import Act
from timebank.base.errors import TimebankError
from timebank.people import clerks, designations, merchants, staff
from timebank.people.designations import MOVES, VERBS, Verb, Wish
from timebank.people.merchants import Shop


@pytest.fixture
def street(book: Book) -> Book:
    """A member with points, a shop with an offer."""
    book.join("M0001", "M0002")
    book.shop("S001")
    add_offer(book)
    book.give("member:1", 1_000)
    return book


def done(book: Book, verb: Callable[[Session, Act], Any], *, approver: int | None = None, reason: str = "") -> Any:
    with book.write() as session:
        return verb(session, book.act(approver=approver, reason=reason))


def move(book: Book, verb: Verb, merchant: str = "S001", *, plaque: str = "", reason: str = "装修停业") -> merchants.Merchant:
    moved: merchants.Merchant = done(book, lambda s, a: designations.move(s, a, Wish(merchant, verb, plaque)), reason=reason)
    return moved


def refused(what: Callable[[], object]) -> str:
    with pytest.raises(TimebankError) as refusal:
        what()
    return refusal.value.code


def join(book: Book, *shops: Shop) -> list[str]:
    """Register shops; gives the codes of the rows that were refused."""
    with book.write() as session:
        return [finding.code for finding in merchants.join(session, book.act(), shops)[1].rejected]


@pytest.mark.parametrize("state", list(merchants.STATES))
@pytest.mark.parametrize("verb", VERBS)
def test_a_shop_moves_only_from_where_the_verb_begins(street: Book, state: str, verb: Verb) -> None:
    path: dict[str, tuple[Verb, ...]] = {"applied": (), "active": (), "paused": ("pause",), "left": ("leave",)}
    assert join(street, Shop("S002", "乙店", state="applied" if state == "applied" else "active")) == []
    for step in path[state]:
        move(street, step, "S002")
    begins, ends = MOVES[verb]
    if state in begins:
        assert move(street, verb, "S002").state == ends
    else:
        assert refused(lambda: move(street, verb, "S002")) == "wrong_state"
    with street.read() as session:
        assert audit(session, 1).findings == ()


@pytest.mark.parametrize("verb", ["pause", "leave"])
def test_who_stops_a_shop_says_why(street: Book, verb: Verb) -> None:
    assert refused(lambda: move(street, verb, reason="")) == "reason_missing"


def test_a_paused_shop_gives_and_takes_nothing_and_goes_on_where_it_was(street: Book) -> None:
    code = issue(street, days=20).code
    move(street, "pause")
    assert refused(lambda: issue(street)) == "merchant_inactive"
    assert refused(lambda: capture(street, code)) == "merchant_inactive"
    assert refused(lambda: add_offer(street)) == "merchant_inactive"
    with street.read() as session:
        assert refused(lambda: redemption.verify(session, 1, str(code), "S001", PEPPER, street.today)) == "merchant_inactive"
    move(street, "resume")
    assert capture(street, code).resolution.outcome == "captured"


def test_a_voucher_of_a_paused_shop_can_be_voided_and_its_points_are_back(street: Book) -> None:
    voucher = issue(street).voucher
    move(street, "pause")
    done(street, lambda s, a: redemption.void(s, a, voucher.id))
    assert street.points("member:1").available == 1_000


def test_a_shop_that_applied_takes_no_points_yet(street: Book) -> None:
    assert join(street, Shop("S002", "乙店", state="applied")) == []
    assert refused(lambda: add_offer(street, merchant="S002")) == "merchant_inactive"
    move(street, "activate", "S002", plaque="JS-2")
    assert add_offer(street, merchant="S002").merchant_id == 2


def test_the_plaque_of_a_shop_hangs_nowhere_else(street: Book) -> None:
    assert join(street, Shop("S002", "乙店", plaque="JS-1"), Shop("S003", "丙店", plaque="JS-1", row=3)) == ["plaque_taken"]
    assert join(street, Shop("S004", "丁店", plaque="13812345678")) == ["personal_number"]
    move(street, "leave")
    assert refused(lambda: move(street, "activate", plaque="JS-1")) == "plaque_taken"
    move(street, "leave", "S002")
    assert move(street, "activate", plaque="JS-1").plaque == "JS-1"


def test_a_stall_stands_below_its_market_in_a_sheet(street: Book) -> None:
    market, stall = Shop("S010", "市场", row=2), Shop("S011", "摊位", market="s10", row=3)
    assert join(street, market, stall, Shop("S012", "另一摊", market="S099", row=4)) == ["unknown_market"]
    with street.read() as session:
        assert [shop.number for shop in designations.stalls_of(session, 1, 2)] == ["S011"]


def test_categories_are_read_as_people_write_them(street: Book) -> None:
    join(street, Shop("S002", "乙店", "超市, 粮油；蔬菜"))
    with street.read() as session:
        assert merchants.find(session, 1, "S002").categories == ("超市", "粮油", "蔬菜")


# ---- staff


def add_staff(book: Book, role: staff.Role, member: int = 1) -> staff.Link:
    link: staff.Link = done(book, lambda s, a: staff.add(s, a, staff.Wish(1, member, role)))
    return link


@pytest.mark.parametrize("role", ["owner", "staff"])
def test_nobody_has_vouchers_for_their_own_shop(street: Book, role: staff.Role) -> None:
    """Row 13 of the acceptance matrix: own shop, refused with the reason."""
    add_staff(street, role)
    assert refused(lambda: issue(street)) == "own_shop"
    street.shop("S002")
    assert issue(street, offer=add_offer(street, merchant="S002").id).voucher.merchant_id == 2


def test_kin_of_a_shop_s_people_may_have_vouchers_there(street: Book) -> None:
    add_staff(street, "kin")
    assert issue(street).voucher.member_id == 1


def test_who_has_left_a_shop_has_vouchers_there_from_the_next_day_on(street: Book) -> None:
    link = add_staff(street, "owner")
    done(street, lambda s, a: staff.end(s, a, link.id), approver=2)
    assert refused(lambda: issue(street)) == "own_shop"
    street.now = street.now.replace(day=21)
    assert issue(street).voucher.member_id == 1
    assert refused(lambda: done(street, lambda s, a: staff.end(s, a, link.id), approver=2)) == "ended_already"


def test_two_people_end_a_link_to_a_shop_and_neither_is_the_member(street: Book) -> None:
    link = add_staff(street, "owner")
    assert refused(lambda: done(street, lambda s, a: staff.end(s, a, link.id))) == "approver_missing"
    with street.write() as session:
        own = clerks.add(session, street.act(), ["店主"], "", 1)[0]
    assert refused(lambda: done(street, lambda s, a: staff.end(s, a, link.id), approver=own.id)) == "own_shop"


def test_a_member_is_on_a_shop_s_list_once_at_a_time(street: Book) -> None:
    link = add_staff(street, "owner")
    assert refused(lambda: add_staff(street, "kin")) == "linked_already"
    done(street, lambda s, a: staff.end(s, a, link.id), approver=2)
    street.now = street.now.replace(day=21)
    assert add_staff(street, "kin").role == "kin"
    with street.read() as session:
        assert [(one.role, one.until) for one in staff.of_merchant(session, 1, 1)] == [
            ("owner", date(2026, 10, 20)),
            ("kin", None),
        ]
        assert refused(lambda: staff.find(session, 1, 9)) == "unknown_staff"


# ---- commands


def test_a_market_moves_with_its_stalls_and_who_leaves_gives_the_points_back(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "shops.csv"
    sheet.write_text("商户编号,名称,类别,牌匾编号,所属市场\nS010,市场,市场,JS-10,\nS011,摊位,蔬菜,,S010\n", encoding="utf-8")
    office("merchant", "import", str(sheet))
    assert [one["merchant"] for one in office("merchant", "list", "--market", "S010", "--json").json] == ["S011"]
    assert [one["merchant"] for one in office("merchant", "list", "--category", "超市", "--json").json] == ["S001"]
    paused = office("merchant", "pause", "S010", "--stalls", "--reason", "消毒", "--json").json
    assert paused == {"merchants": ["S010", "S011"], "state": "paused", "voided": []}
    assert office("merchant", "show", "S011", "--json").json["state"] == "paused"
    office("points", "open", str(balances(tmp_path)), "--date", "2026-10-01", "--approver", "W0002")
    office("voucher", "issue", "M0001", "--offer", "1", "--points", "100")
    left = office("merchant", "leave", "S001", "--reason", "不再经营", "--json").json
    assert left == {"merchants": ["S001"], "state": "left", "voided": ["V1"]}
    wanted = "SELECT balance FROM account WHERE community_id = 1 AND holder = 'member:1' AND unit = 'points'"
    assert office.rows(f"{wanted} AND purpose = 'available'") == [(500,)]
    assert office("audit", "--json").json["ok"]


def balances(folder: Path) -> Path:
    sheet = folder / "balances.csv"
    sheet.write_text("成员编号,积分,失效日期\nM0001,500,永久\n", encoding="utf-8")
    return sheet


def test_the_inbox_says_whose_link_to_which_shop_ends(office: Cli) -> None:
    office("staff", "add", "S001", "M0002", "--role", "owner")
    office("staff", "end", "1", "--reason", "已转让")
    (waits,) = office("inbox", "--json").json
    assert waits["kind"] == "staff.end"
    assert "M0002" in office("inbox").out
    office("approve", str(waits["number"]), "--as", "W0002")
    (link,) = office("staff", "list", "--json").json
    assert (link["member"], link["role"], link["until"]) == ("M0002", "owner", "2026-10-20")
