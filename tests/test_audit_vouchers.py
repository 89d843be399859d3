"""Quotes, tombstones, refunds and disputes: who changes their rows or their entries behind the program's back is found."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from conftest import Book
from lived import Vandal, a_vandal, report, the_book_lived_in_together  # noqa: F401 - fixtures
from timebank import audit
from timebank.audit.findings import CODES


class Vandalism(NamedTuple):
    """What is done, the code that tells it, and the kind of entry that it is told of (None: of no entry)."""

    name: str
    code: str
    do: Callable[[Vandal], object]
    kind: str | None


def sql(statement: str) -> Callable[[Vandal], object]:
    return lambda v: v.run(statement)


def facts(kind: str, **changes: Any) -> Callable[[Vandal], object]:
    """Change what the first entry of a kind says, leaf and all; None takes a fact out."""

    def do(v: Vandal) -> None:
        seq = v.seq(kind)
        told = v.payload(seq)["facts"] | changes
        v.rewrite(seq, facts={name: value for name, value in told.items() if value is not None})

    return do


def posting(kind: str, purpose: str, **changes: Any) -> Callable[[Vandal], object]:
    """Change the postings of one purpose in the first entry of a kind: `holder` or `more`."""

    def do(v: Vandal) -> None:
        seq = v.seq(kind)
        postings = v.payload(seq)["postings"]
        for line in postings:
            if line[2] == purpose:
                line[0] = changes.get("holder", line[0])
                line[4] += changes.get("more", 0)
        v.rewrite(seq, postings=postings)

    return do


def alone(kind: str) -> Callable[[Vandal], object]:
    return lambda v: v.rewrite(v.seq(kind), approver=None, approver_auth=None)


def own(v: Vandal) -> None:
    """The second clerk turns out to be the member."""
    v.rewrite(v.seq("clerk.join", 1), facts=v.payload(v.seq("clerk.join", 1))["facts"] | {"member": 1})
    v.run("UPDATE clerk SET member_id = 1 WHERE id = 2")


REFUND, OPEN, END = "voucher.refund", "dispute.open", "dispute.end"

VANDALISMS = (
    Vandalism("a quote for another bill", "quote_differs", sql("UPDATE quote SET bill_fen = 9"), "voucher.quote"),
    Vandalism("a quote of somebody else", "quote_differs", sql("UPDATE quote SET member_id = 2"), "voucher.quote"),
    Vandalism("a quote forgotten", "quote_differs", sql("DELETE FROM quote"), "voucher.quote"),
    Vandalism(
        "a quote put in",
        "quote_differs",
        sql("INSERT INTO quote VALUES (1, 2, 1, 1, 1, 9, 9, 9, '2026-11-06T04:00:00Z', 9)"),
        None,
    ),
    Vandalism("another voucher's quote", "voucher_differs", sql("UPDATE voucher SET quote_id = NULL WHERE quote_id = 1"), "-"),
    Vandalism("more days to upload", "voucher_differs", sql("UPDATE voucher SET late_days = 3 WHERE quote_id = 1"), "-"),
    Vandalism("a key dug up", "tombstone_differs", sql("DELETE FROM tombstone"), "voucher.tombstone"),
    Vandalism("another key buried", "tombstone_differs", sql("UPDATE tombstone SET key = 'x'"), "voucher.tombstone"),
    Vandalism("buried earlier", "tombstone_differs", sql("UPDATE tombstone SET day = '2026-01-01'"), "voucher.tombstone"),
    Vandalism("more given back", "refund_differs", sql("UPDATE refund SET points = points + 1 WHERE id = 1"), REFUND),
    Vandalism("less owed", "refund_differs", sql("UPDATE refund SET claim_fen = claim_fen + 1 WHERE id = 1"), REFUND),
    Vandalism("a refund of another voucher", "refund_differs", sql("UPDATE refund SET voucher_id = 2 WHERE id = 1"), REFUND),
    Vandalism("an earlier refund", "refund_differs", sql("UPDATE refund SET day = '2026-10-01' WHERE id = 1"), REFUND),
    Vandalism("a refund forgotten", "refund_differs", sql("DELETE FROM refund WHERE id = 1"), REFUND),
    Vandalism(
        "a refund put in", "refund_differs", sql("INSERT INTO refund VALUES (1, 3, 1, 0, 1, 1, 1, '2026-11-06', 9)"), None
    ),
    Vandalism("a dispute of the shop", "dispute_differs", sql("UPDATE dispute SET party = 'merchant'"), OPEN),
    Vandalism("a dispute forgotten", "dispute_differs", sql("DELETE FROM dispute"), OPEN),
    Vandalism("a dispute rejected", "dispute_differs", sql("UPDATE dispute_end SET outcome = 'rejected'"), END),
    Vandalism("a dispute reopened", "dispute_differs", sql("DELETE FROM dispute_end"), END),
    Vandalism("more moved than told", "refund_unsound", posting(REFUND, "available", more=1), REFUND),
    Vandalism("points for a stranger", "refund_unsound", posting(REFUND, "available", holder="member:2"), REFUND),
    Vandalism("from another shop", "refund_unsound", posting(REFUND, "payable", holder="merchant:2"), REFUND),
    Vandalism("more given back than taken", "refund_unsound", sql("UPDATE refund SET fen = fen + 1 WHERE id = 1"), None),
    Vandalism(
        "given back of a void",
        "refund_unsound",
        sql("UPDATE refund SET voucher_id = 2 WHERE id = 1"),
        None,
    ),
    Vandalism("a dispute decided twice", "dispute_unsound", lambda v: v.rewrite(v.seq(OPEN), subject="dispute:7"), END),
    Vandalism("decided about another voucher", "dispute_unsound", facts(END, voucher=1), END),
    Vandalism("given back by one", "approver_missing", alone(REFUND), REFUND),
    Vandalism("decided by one", "approver_missing", alone(END), END),
    Vandalism("a refund forgotten in the counts", "vouchers_unequal", sql("DELETE FROM refund WHERE id = 1"), None),
    Vandalism("a dispute forgotten in the counts", "vouchers_unequal", sql("DELETE FROM dispute"), None),
)


@pytest.mark.parametrize("vandalism", VANDALISMS, ids=lambda vandalism: vandalism.name)
def test_a_change_is_found_by_its_check_and_named_by_its_entry(vandal: Vandal, vandalism: Vandalism) -> None:
    vandalism.do(vandal)
    check, status = CODES[vandalism.code]
    told = [finding for finding in report(vandal.book, check).findings if finding.code == vandalism.code]
    assert told, [(f.code, f.entry) for f in report(vandal.book).findings]
    assert {finding.status for finding in told} == {status}
    if vandalism.kind != "-":
        assert (None if vandalism.kind is None else vandal.seq(vandalism.kind)) in {finding.entry for finding in told}


def test_a_clerk_who_is_the_member_approves_no_refund(vandal: Vandal) -> None:
    own(vandal)
    told = [finding.entry for finding in report(vandal.book, "I13").findings if finding.code == "one_person"]
    assert vandal.seq(REFUND) in told


def test_a_shop_undoes_a_capture_of_its_day_only(vandal: Vandal) -> None:
    facts(REFUND, party="merchant")(vandal)
    assert report(vandal.book, "I7").findings == ()  # it was refunded on the day of its capture
    vandal.run("UPDATE resolution SET day = '2026-10-01' WHERE voucher_id = (SELECT voucher_id FROM refund WHERE id = 1)")
    codes = {finding.code for finding in report(vandal.book, "I7").findings}
    assert codes == {"refund_unsound", "resolution_differs"}


def test_a_book_with_refunds_and_disputes_has_no_findings(lived: Book) -> None:
    with lived.read() as session:
        assert audit.audit(session, 1).findings == ()
