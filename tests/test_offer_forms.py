"""Offers as people write them: on a command's options and in sheets; listed and shown in words; tried without writing."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Book, Cli
from shopping import TENTH_OFF, add_offer, capture, issue
from timebank import benefits, simulation
from timebank.base.errors import Invalid, TimebankError
from timebank.benefits import Discount, Item, Offset, Shares
from timebank.offer_forms import COLUMNS, offer_of
from timebank.offers import Conditions, Limits
from timebank.simulation import Question

NOTHING = {column.name: "" for column in COLUMNS}
WRITTEN = NOTHING | {"merchant_no": "S001", "valid_from": "2026年1月1日", "valid_to": "2026-12-31"}
DISCOUNT = WRITTEN | {"kind": "折扣", "off": "10%", "max": "20", "points": "50"}
GOODS = WRITTEN | {"kind": "物品", "label": "大米5kg", "worth": "35元", "points": "300"}


def test_an_offer_is_read_as_shops_and_offices_write_it() -> None:
    read = offer_of(DISCOUNT | {"off": "９折", "min_spend": "30", "per_month": "1"}, 0)
    assert (read.terms, read.limits) == (Discount(1_000, 2_000, 50, 3_000), Limits(per_month=1))
    told = {"stock": "20", "total": "15", "min_hours": "10", "min_age": "60", "tier": "star", "merchant_share": "20%"}
    goods = offer_of(GOODS | told | {"sponsor": "2", "sponsor_share": "30%"}, 0)
    assert goods.terms == Item(300, 3_500, "大米5kg")
    assert goods.limits == Limits(total=15, stock=20)
    assert goods.conditions == Conditions("star", 60, 600)
    assert (goods.shares, goods.sponsor) == (Shares(5_000, 3_000), 2)
    offset = offer_of(WRITTEN | {"kind": "抵扣", "points_per_yuan": "9.5"}, 1)
    assert offset.terms == Offset(95, 10_000)


@pytest.mark.parametrize(
    ("written", "off"), [("9折", 1_000), ("8.5折", 1_500), ("85折", 1_500), ("12.5%", 1_250), ("５折", 5_000)]
)
def test_what_is_left_to_settle_is_what_shops_write(written: str, off: int) -> None:
    terms = offer_of(DISCOUNT | {"off": written}, 0).terms
    assert isinstance(terms, Discount)
    assert terms.off_bp == off


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (DISCOUNT | {"kind": "送"}, "bad_kind"),
        (DISCOUNT | {"off": ""}, "missing_terms"),
        (DISCOUNT | {"off": "0.5"}, "bad_share"),
        (DISCOUNT | {"label": "大米"}, "misplaced_terms"),
        (GOODS | {"label": ""}, "missing_terms"),
        (GOODS | {"worth": "三十五"}, "bad_amount"),
        (GOODS | {"stock": "很多"}, "bad_count"),
        (GOODS | {"valid_to": ""}, "bad_day"),
        (WRITTEN | {"kind": "抵扣"}, "missing_terms"),
    ],
)
def test_what_cannot_be_an_offer_is_named(cells: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        offer_of(cells, 0)
    assert refusal.value.code == code


def test_a_sheet_of_offers_comes_in_once_and_each_bad_row_is_named(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "offers.csv"
    header = "商户编号,优待类型,开始日期,结束日期,折扣,最高减免,所需积分,物品,价值,库存"
    rows = [
        "S001,折扣,2026-10-01,2026-12-31,9折,20,50,,,",
        "S001,物品,2026-10-01,2026-12-31,,,300,大米5kg,35,20",
        "S001,物品,2026-10-01,2026-12-31,,,300,,35,20",
        "S009,折扣,2026-10-01,2026-12-31,9折,20,50,,,",
        "S001,折扣,2026-10-01,2026-12-31,9折,20,50,,,",
    ]
    sheet.write_text("\n".join([header, *rows]), encoding="utf-8")
    refused = office("offer", "import", str(sheet), "--json", status=8)
    assert "missing_terms" in refused.out + refused.err
    assert "unknown_merchant" in refused.out + refused.err
    first = office("offer", "import", str(sheet), "--partial", "--json").json
    assert (first["posted"], first["repeated"], [row["row"] for row in first["rejected"]]) == (2, 1, [4, 5])
    again = office("offer", "import", str(sheet), "--partial", "--json").json
    assert (again["posted"], again["repeated"]) == (0, 3)
    office("offer", "end", "2", "--reason", "卖完了")
    anew = office("offer", "import", str(sheet), "--partial", "--json").json
    assert (anew["posted"], anew["repeated"]) == (1, 2)
    told = office("offer", "list", "--merchant", "S001", "--json").json
    assert [(one["offer"], one["kind"], one["state"], one["left"]) for one in told] == [
        (1, "offset", "running", None),
        (2, "discount", "ended", None),
        (3, "item", "running", 20),
        (4, "discount", "running", None),
    ]
    assert [one["offer"] for one in office("offer", "list", "--running", "--json").json] == [1, 3, 4]
    assert office("audit", "--json").json["ok"]


def test_an_offer_is_shown_in_words_in_both_languages(office: Cli) -> None:
    goods = ("--kind", "item", "--label", "大米5kg", "--worth", "35", "--points", "300", "--stock", "20", "--per-month", "1")
    office("offer", "add", "--merchant", "S001", *goods, "--merchant-share", "20%", "--valid", "2026-10-01..2026-12-31")
    told = office("offer", "show", "2", "--json").json
    assert told["words"] == "大米5kg, worth 35.00 yuan, for 300 points"
    assert told["further"] == ["20 in stock", "1 a month for one member", "the merchant bears 20%"]
    assert (told["merchant_bp"], told["fund_bp"], told["sponsor_bp"]) == (2_000, 8_000, 0)
    assert "商户承担 20%" in office("offer", "show", "2", "--lang", "zh").out


def test_the_help_says_which_option_is_missing(office: Cli) -> None:
    refused = office("offer", "add", "--merchant", "S001", "--kind", "item", "--valid", "2026-10-01..2026-12-31", status=8)
    assert "--points" in refused.err


# ---- tried


@pytest.fixture
def street(book: Book) -> Book:
    book.join("M0001")
    book.shop("S001")
    return book


def tried(book: Book, **question: Any) -> simulation.Simulated:
    with book.read() as session:
        return simulation.simulate(session, book.act(), Question(1, **question))


def codes(found: simulation.Simulated) -> list[str]:
    return [one.code for one in found.refused]


def test_trying_an_offer_gives_what_a_capture_then_does_and_writes_nothing(street: Book) -> None:
    add_offer(street, TENTH_OFF, shares=Shares(7_500))
    street.give("member:1", 50)
    before = street.points("member:1")
    found = tried(street, bill_fen=8_605, member="M0001")
    assert codes(found) == []
    assert street.points("member:1") == before
    voucher = issue(street, points=None)
    assert voucher.voucher.fen == found.reserved_fen
    done = capture(street, voucher.code, 8_605)
    assert (found.benefit, found.borne) == (done.benefit, benefits.borne(done.benefit.off_fen, Shares(7_500)))
    assert found.explained == done.explained


@given(st.integers(1, 40_000), st.integers(1, 300), st.integers(1, 10_000))
def test_the_points_tried_are_the_fewest_that_this_bill_can_use(bill: int, rate: int, share: int) -> None:
    """Worked out in `simulation`, held against the benefit of one point more and one less."""
    terms = Offset(rate, share)
    points = simulation.points_for(terms, bill)
    try:
        done = benefits.benefit(terms, points, bill)
    except TimebankError as refusal:
        assert refusal.code == "no_benefit"  # noqa: PT017 - both ways are right, for different bills
        return
    assert done.off_fen == benefits.benefit(terms, points + 1_000, bill).off_fen
    assert done.points == points


def test_trying_tells_everything_that_would_refuse_it_now(street: Book) -> None:
    add_offer(street, Item(30, 1_500, "面包"), limits=Limits(stock=1), conditions=Conditions(min_minutes=600, min_age=60))
    assert codes(tried(street, member="M0001")) == ["insufficient_points", "too_few_hours", "age_unknown"]
    assert codes(tried(street)) == []
    street.give("member:1", 600)
    street.join("M0002")
    add_offer(street, TENTH_OFF)
    assert codes(tried(street, bill_fen=0)) == []
    with street.read() as session:
        found = simulation.simulate(session, street.act(), Question(2, bill_fen=100, member="M0001"))
    assert (codes(found), found.benefit) == (["below_min_spend"], None)


def test_a_bill_or_points_are_needed_to_try_an_offset(street: Book) -> None:
    add_offer(street)
    with pytest.raises(Invalid) as refusal:
        tried(street)
    assert refusal.value.code == "points_missing"


def test_the_command_tries_without_touching_the_book(office: Cli) -> None:
    before = office.stored()
    told = office("offer", "simulate", "1", "--bill", "86.00", "--member", "M0001", "--json").json
    assert office.stored() == before
    assert told["steps"]["off_fen"] == 4_300
    assert told["borne"] == {"merchant_fen": 0, "fund_fen": 4_300, "sponsor_fen": 0}
    assert [one["code"] for one in told["refused"]] == ["insufficient_points"]
    assert "430" in office("offer", "simulate", "1", "--bill", "86.00", "--member", "M0001").out
