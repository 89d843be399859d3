"""Issuer keys in the audit: whoever changes their rows behind the program's back is found, as is what no key could be."""

from collections.abc import Callable

import pytest

from lived import Vandal, a_vandal, report, the_book_lived_in_together  # noqa: F401 - fixtures
from timebank.audit import issuers
from timebank.audit.findings import CODES

CHANGED = (
    ("another public key", "UPDATE issuer_key SET public = :other WHERE number = 2", "issuer.key"),
    ("another year", "UPDATE issuer_key SET year = 2027 WHERE number = 2", "issuer.key"),
    ("from earlier on", "UPDATE issuer_key SET first_day = '2026-01-01' WHERE number = 2", "issuer.key"),
    ("for longer", "UPDATE issuer_key SET last_day = '2027-12-31' WHERE number = 2", "issuer.key"),
    ("revoked on another day", "UPDATE issuer_key_end SET revoked_on = '2026-12-01'", "issuer.revoke"),
    ("never revoked", "DELETE FROM issuer_key_end", "issuer.revoke"),
    ("a key put in", "INSERT INTO issuer_key VALUES (1, 3, :other, 2027, '2027-01-01', '2027-12-31', 9)", None),
    ("revoked without an entry", "INSERT INTO issuer_key_end VALUES (1, 2, '2026-11-06', 9)", None),
)


@pytest.mark.parametrize(("statement", "kind"), [case[1:] for case in CHANGED], ids=[case[0] for case in CHANGED])
def test_a_changed_key_is_found_and_named_by_its_entry(vandal: Vandal, statement: str, kind: str | None) -> None:
    vandal.run(statement, **({"other": bytes(32)} if ":other" in statement else {}))
    told = [finding for finding in report(vandal.book, "I4").findings if finding.code == "issuer_key_differs"]
    assert [finding.entry for finding in told] == [None if kind is None else vandal.seq(kind, -1)]
    assert {finding.status for finding in told} == {CODES["issuer_key_differs"][1]}


def told_again(**facts: object) -> Callable[[Vandal], object]:
    """Write other facts into the announcement of the second key; None takes one out."""

    def do(vandal: Vandal) -> None:
        seq = vandal.seq("issuer.key", -1)
        told = vandal.payload(seq)["facts"] | facts
        vandal.rewrite(seq, facts={name: value for name, value in told.items() if value is not None})

    return do


def the_first_again(vandal: Vandal) -> None:
    told_again(public=vandal.payload(vandal.seq("issuer.key"))["facts"]["public"])(vandal)


COURSES: tuple[tuple[str, Callable[[Vandal], object], str], ...] = (
    ("announced for long ago", told_again(year=2020, first_day="2026-11-06", last_day="2020-12-31"), "issuer.key"),
    ("announced for far ahead", told_again(year=2028, first_day="2028-01-01", last_day="2028-12-31"), "issuer.key"),
    ("signing before it was announced", told_again(first_day="2026-01-01"), "issuer.key"),
    ("signing for ever", told_again(last_day="9999-12-31"), "issuer.key"),
    ("without a year", told_again(year=None), "issuer.key"),
    ("the same key again", the_first_again, "issuer.key"),
    ("a number left out", lambda v: v.rewrite(v.seq("issuer.key", -1), subject="issuer:3"), "issuer.key"),
    ("revoked twice", lambda v: v.rewrite(v.seq("issuer.key", -1), kind="issuer.revoke", subject="issuer:1"), "issuer.key"),
    ("a key that never was revoked", lambda v: v.rewrite(v.seq("issuer.revoke", -1), subject="issuer:9"), "both"),
)


@pytest.mark.parametrize(("do", "kind"), [case[1:] for case in COURSES], ids=[case[0] for case in COURSES])
def test_a_key_that_could_not_be_is_named(vandal: Vandal, do: Callable[[Vandal], object], kind: str) -> None:
    wanted = {vandal.seq(one, -1) for one in (("issuer.key", "issuer.revoke") if kind == "both" else (kind,))}
    do(vandal)
    told = report(vandal.book, "issuers").findings
    assert {(finding.code, finding.entry) for finding in told} == {("issuer_unsound", seq) for seq in wanted}


def test_a_key_that_one_person_revoked_is_named(vandal: Vandal) -> None:
    seq = vandal.seq("issuer.revoke", -1)
    vandal.rewrite(seq, approver=None, approver_auth=None)
    assert seq in {finding.entry for finding in report(vandal.book, "I13").findings if finding.code == "approver_missing"}


def test_every_table_of_keys_is_bound_in_every_column() -> None:
    for one in issuers.BOUND:
        bound = {"community_id", one.key, one.seq, *one.columns.values()}
        assert {column.name for column in one.rows.columns} == bound
