"""What the audit hears of shops, their people and their offers: a vandal at each row, found under its code."""

import pytest

from lived import Vandal, a_vandal, report, the_book_lived_in_together  # noqa: F401 - fixtures


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE merchant SET state = 'paused' WHERE id = 3", "merchant_differs"),
        ("UPDATE merchant SET plaque = 'JS-3' WHERE id = 3", "merchant_differs"),
        ("UPDATE merchant SET market_id = 2 WHERE id = 3", "number_differs"),
        ("UPDATE merchant_move SET state = 'left'", "merchant_differs"),
        ("DELETE FROM merchant_move", "merchant_differs"),
        ("UPDATE staff SET role = 'kin'", "merchant_differs"),
        ("UPDATE staff SET member_id = 3", "merchant_differs"),
        ("UPDATE staff_end SET until = '2026-10-01'", "merchant_differs"),
        ("DELETE FROM staff_end", "merchant_differs"),
        ("UPDATE offer SET label = '修鞋两双' WHERE id = 3", "offer_differs"),
        ("UPDATE offer SET stock = 300 WHERE id = 3", "offer_differs"),
        ("UPDATE offer SET per_day = NULL WHERE id = 3", "offer_differs"),
        ("UPDATE offer SET merchant_bp = 10000 WHERE id = 1", "offer_differs"),
        ("UPDATE offer SET merchant_bp = NULL WHERE id = 3", "offer_differs"),
        ("DELETE FROM offer_end", "offer_differs"),
        ("UPDATE resolution SET merchant_fen = 0 WHERE merchant_fen > 0", "resolution_differs"),
    ],
)
def test_a_change_of_a_shop_or_an_offer_is_found_under_its_code(vandal: Vandal, statement: str, code: str) -> None:
    assert report(vandal.book).findings == ()
    vandal.run(statement)
    assert code in {finding.code for finding in report(vandal.book).findings}


def test_an_end_of_staff_that_one_person_entered_is_found(vandal: Vandal) -> None:
    vandal.rewrite(vandal.seq("staff.end"), approver=None, approver_auth=None)
    assert "approver_missing" in {finding.code for finding in report(vandal.book, "I13").findings}


def test_a_shop_s_state_without_its_entry_is_found(vandal: Vandal) -> None:
    """A move of a log that says something else than the row."""
    seq = vandal.seq("merchant.move")
    vandal.rewrite(seq, facts=vandal.payload(seq)["facts"] | {"state": "left"})
    told = {(finding.code, finding.where) for finding in report(vandal.book, "I4").findings}
    assert ("merchant_differs", "merchant:3") in told
