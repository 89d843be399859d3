"""What an offer takes off a bill: exact integers, never more than allowed, every step kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank import benefits
from timebank.base.errors import Invalid, Refused
from timebank.base.i18n import text
from timebank.benefits import FEN_MAX, POINTS_MAX, POINTS_PER_YUAN_MAX, Discount, Offset, Terms, benefit, worth

OFFSETS = st.builds(Offset, st.integers(1, POINTS_PER_YUAN_MAX), st.integers(1, 10_000))
DISCOUNTS = st.builds(
    Discount, st.integers(1, 10_000), st.integers(1, FEN_MAX), st.integers(1, POINTS_MAX), st.integers(0, FEN_MAX)
)
TERMS = st.one_of(OFFSETS, DISCOUNTS)


def refused(terms: Terms, points: int, bill: int) -> str:
    with pytest.raises((Invalid, Refused)) as refusal:
        benefit(terms, points, bill)
    return refusal.value.code


@given(TERMS, st.integers(1, POINTS_MAX), st.integers(1, FEN_MAX))
def test_no_bill_takes_more_than_its_share_its_voucher_or_its_points(terms: Terms, points: int, bill: int) -> None:
    held = terms.points if isinstance(terms, Discount) else points
    share_bp = terms.off_bp if isinstance(terms, Discount) else terms.max_share_bp
    if isinstance(terms, Discount) and bill < terms.min_spend_fen:
        assert refused(terms, held, bill) == "below_min_spend"
        return
    if bill * share_bp < 10_000 or worth(terms, held) == 0:
        assert refused(terms, held, bill) == "no_benefit"
        return
    done = benefit(terms, held, bill)
    assert 1 <= done.off_fen <= worth(terms, held)
    assert done.off_fen * 10_000 <= bill * share_bp
    assert 1 <= done.points <= held
    assert all(type(step) is int for step in done.steps.values())


@given(OFFSETS, st.integers(1, POINTS_MAX), st.integers(1, FEN_MAX))
def test_an_offset_costs_the_fewest_points_that_are_worth_what_came_off(terms: Offset, points: int, bill: int) -> None:
    try:
        done = benefit(terms, points, bill)
    except Refused:
        return
    assert worth(terms, done.points) >= done.off_fen > worth(terms, done.points - 1)


@pytest.mark.parametrize(
    ("terms", "points", "bill", "off", "used"),
    [
        (Offset(10, 5_000), 100, 8_600, 1_000, 100),  # the voucher is the limit
        (Offset(10, 5_000), 100, 1_999, 999, 100),  # half of 19.99 is 9.99, which takes 99.9 points
        (Offset(10, 5_000), 100, 1_800, 900, 90),  # the share is the limit; ten points come back
        (Offset(3, 10_000), 100, 10_000, 3_333, 100),  # 33.333… yuan are floored
        (Discount(1_000, 2_000, 50, 3_000), 50, 8_605, 860, 50),  # 8.605 yuan are floored
        (Discount(1_000, 2_000, 50, 3_000), 50, 50_000, 2_000, 50),  # at most 20 yuan
        (Discount(1_000, 2_000, 50, 3_000), 50, 3_000, 300, 50),  # exactly the smallest bill
    ],
)
def test_benefits_worked_out_by_hand(terms: Terms, points: int, bill: int, off: int, used: int) -> None:
    done = benefit(terms, points, bill)
    assert (done.off_fen, done.points) == (off, used)


@pytest.mark.parametrize(
    ("terms", "bill", "code"),
    [
        (Discount(1_000, 2_000, 50, 3_000), 2_999, "below_min_spend"),
        (Discount(1_000, 2_000, 50), 9, "no_benefit"),
        (Offset(10, 5_000), 1, "no_benefit"),
        (Offset(10, 5_000), 0, "bad_bill"),
        (Offset(10, 5_000), -5, "bad_bill"),
        (Offset(10, 5_000), FEN_MAX + 1, "bad_bill"),
    ],
)
def test_a_bill_that_gives_nothing_is_refused(terms: Terms, bill: int, code: str) -> None:
    assert refused(terms, 50, bill) == code


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (Offset(0, 5_000), "bad_points_per_yuan"),
        (Offset(POINTS_PER_YUAN_MAX + 1, 5_000), "bad_points_per_yuan"),
        (Offset(10, 0), "bad_share"),
        (Offset(10, 10_001), "bad_share"),
        (Discount(0, 2_000, 50), "bad_share"),
        (Discount(10_001, 2_000, 50), "bad_share"),
        (Discount(1_000, None, 50), "no_maximum"),
        (Discount(1_000, 0, 50), "bad_maximum"),
        (Discount(1_000, FEN_MAX + 1, 50), "bad_maximum"),
        (Discount(1_000, 2_000, 0), "bad_points"),
        (Discount(1_000, 2_000, POINTS_MAX + 1), "bad_points"),
        (Discount(1_000, 2_000, 50, -1), "bad_min_spend"),
        (Discount(1_000, 2_000, 50, FEN_MAX + 1), "bad_min_spend"),
    ],
)
def test_terms_no_offer_can_have_are_refused(terms: Terms, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        benefits.check(terms)
    assert refusal.value.code == code


@given(TERMS)
def test_terms_in_range_are_accepted(terms: Terms) -> None:
    benefits.check(terms)
    assert worth(terms, POINTS_MAX) >= 1


def test_an_offer_and_its_benefit_read_in_words() -> None:
    terms = Offset(95, 1_250)
    assert text(benefits.described(terms, 1), "en") == "9.5 points take 1 yuan off, at most 12.5% of the bill"
    steps = [text(step, "en") for step in benefits.explained(terms, benefit(terms, 950, 8_600), 1)]
    assert steps == [
        "12.5% of the bill of 86.00 yuan = 10.75 yuan",
        "at most 10.00 yuan, so 10.00 yuan off",
        "10.00 yuan × 9.5 points = 95.0 points, rounded up",
    ]


@pytest.mark.parametrize(("fen", "written"), [(8_600, "86.00"), (5, "0.05"), (-105, "-1.05"), (0, "0.00")])
def test_fen_read_as_yuan(fen: int, written: str) -> None:
    assert benefits.yuan(fen) == written


@pytest.mark.parametrize(("points", "decimals", "written"), [(95, 0, "95"), (95, 1, "9.5"), (-5, 1, "-0.5"), (100, 1, "10.0")])
def test_points_read_in_the_community_s_unit(points: int, decimals: int, written: str) -> None:
    assert benefits.points_text(points, decimals) == written


@pytest.mark.parametrize(
    ("share", "written"), [(5_000, "50%"), (1_250, "12.5%"), (1, "0.01%"), (10_000, "100%"), (-150, "-1.5%")]
)
def test_basis_points_read_as_percent(share: int, written: str) -> None:
    assert benefits.percent(share) == written
