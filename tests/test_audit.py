"""The audit: a sound book has no findings, and every vandalism is found, graded, and named by its entry."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from conftest import Book
from lived import SEED, Vandal, a_vandal, report, the_lived_book  # noqa: F401 - fixtures
from timebank import audit, checkpoints, ledger
from timebank.audit import accounts, projections, source
from timebank.audit.findings import (
    CODES,
    KEPT_OF_A_CODE,
    PROJECTION,
    REWRITTEN,
    ROLLED_BACK,
    TAMPERED,
    Finding,
    Findings,
    verdict,
)
from timebank.audit.payloads import Reader, malformed
from timebank.audit.refold import TWO_PEOPLE
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.journal import Draft, Transfer
from timebank.transparency import INTEGER_MAX, parse

HOURS = 9
"""An entry of the lived book: hours of member 2 in September."""
OCTOBERS_END = date(2026, 10, 31)


def codes(told: audit.Report) -> set[str]:
    return {finding.code for finding in told.findings}


def entries(told: audit.Report, code: str) -> list[int | None]:
    return [finding.entry for finding in told.findings if finding.code == code]


# --- a sound book ---


def test_a_lived_book_has_no_findings(lived: Book) -> None:
    with lived.read() as session:
        told = audit.audit(session, 1)
    assert (told.findings, told.status, told.ok) == ((), 0, True)


def test_a_new_book_has_no_findings(book: Book) -> None:
    with book.read() as session:
        told = audit.audit(session, 1)
    assert (told.entries, told.findings) == (2, ())


def test_the_report_has_the_logs_root(lived: Book) -> None:
    with lived.write() as session:
        checkpoints.make(session, lived.act(), SEED)
        head = checkpoints.listed(session, 1, 1)[0]
    assert (report(lived).entries, report(lived).root) == (head.size, head.root.hex())


def test_progress_ends_at_the_last_entry(lived: Book) -> None:
    told: list[tuple[int, int]] = []
    with lived.read() as session:
        entries = audit.audit(session, 1, progress=lambda done, of: told.append((done, of))).entries
    assert told[-1] == (entries, entries)


def test_each_community_is_audited_by_itself(vandal: Vandal) -> None:
    vandal.book.found(code="520201-other")
    vandal.run("UPDATE entry SET kind = 'x' WHERE community_id = 2 AND seq = 0")
    assert report(vandal.book).ok
    with vandal.book.read() as session:
        assert audit.audit(session, 2, ["I4"]).status == PROJECTION


def test_an_audit_takes_no_lock(lived: Book) -> None:
    with lived.read() as session:
        audit.audit(session, 1)
        assert not session.info.get("timebank_locked")


@pytest.mark.parametrize("checks", [["guards"], ["statements"], ["statements", "guards"], ["I5"]], ids=str)
def test_every_report_has_the_logs_size_and_root(lived: Book, checks: list[str]) -> None:
    whole = report(lived)
    told = report(lived, *checks)
    assert (told.entries, told.root, told.findings) == (whole.entries, whole.root, ())


def test_statements_can_be_checked_alone(vandal: Vandal) -> None:
    vandal.run("UPDATE turnover SET net = net + 1 WHERE period = '2026-09' AND account_id = 13")
    assert {(finding.code, finding.entry) for finding in report(vandal.book, "statements").findings} == {SEPTEMBER, OCTOBER}


def test_batches_of_any_size_give_the_same_report(vandal: Vandal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read and kept at once bounds the memory; it must not show."""
    sound = report(vandal.book)
    vandal.run("UPDATE turnover SET net = net + 1 WHERE account_id = 14 AND period = '2026-10'")
    vandal.run("UPDATE lot SET balance = balance + 1 WHERE account_id = 9 AND balance > 0")
    broken = report(vandal.book)
    assert sound.ok
    assert len(broken.findings) > 3
    for module, name, size in (
        (source, "ENTRIES_AT_ONCE", 2),
        (source, "KEYS_AT_ONCE", 1),
        (projections, "ACCOUNTS_AT_ONCE", 2),
        (accounts, "_PLACES_IN_MEMORY", 3),
        (Reader, "_SHAPES_MAX", 1),
    ):
        monkeypatch.setattr(module, name, size)
    assert report(vandal.book) == broken


# --- checks and grades, as data ---


def test_every_code_belongs_to_a_check() -> None:
    assert {check for check, _ in CODES.values()} == set(audit.CHECKS)


def test_an_unknown_check_is_refused(book: Book) -> None:
    with book.read() as session, pytest.raises(Invalid) as refusal:
        audit.audit(session, 1, ["I99"])
    assert refusal.value.code == "unknown_check"


def test_only_the_named_checks_speak(vandal: Vandal) -> None:
    vandal.run("UPDATE account SET balance = balance + 1 WHERE id = 8")
    assert codes(report(vandal.book, "I2")) == {"unit_unbalanced"}
    assert codes(report(vandal.book, "I1", "I4", "I5")) == set()


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ((), 0),
        ((PROJECTION,), 23),
        ((PROJECTION, TAMPERED), 20),
        ((TAMPERED, ROLLED_BACK), 21),
        ((ROLLED_BACK, REWRITTEN, PROJECTION), 22),
    ],
)
def test_the_worst_finding_decides(statuses: tuple[int, ...], worst: int) -> None:
    findings = [Finding("entry 1", "x", say("{period} is not a month.", period="x"), status=status) for status in statuses]
    assert verdict(findings) == worst


def test_a_book_in_ruins_does_not_fill_the_memory() -> None:
    findings = Findings(["I5"])
    for seq in range(KEPT_OF_A_CODE + 7):
        findings.add("leaf_differs", say("{period} is not a month.", period="x"), entry=seq)
    told = findings.all()
    assert len(told) == KEPT_OF_A_CODE + 1
    assert told[-1].message.values == {"count": 7}
    assert (told[-1].entry, told[-1].status) == (None, TAMPERED)


# --- vandalism ---


class Vandalism(NamedTuple):
    """What is done, what exactly is found - (code, entry) - and the exit status."""

    name: str
    do: Callable[[Vandal], object]
    found: set[tuple[str, int | None]]
    status: int


def of_posting(change: str, line: int = 3) -> Callable[[Vandal], object]:
    """Change a posting of member 2's hours; line 3 is the member's points."""
    return lambda v: v.run(f"UPDATE posting SET {change} WHERE seq = {HOURS} AND line = {line}")


def of_entry(change: str) -> Callable[[Vandal], object]:
    return lambda v: v.run(f"UPDATE entry SET {change} WHERE seq = {HOURS}")


def rewritten(**fields: Any) -> Callable[[Vandal], object]:
    return lambda v: v.rewrite(HOURS, **fields)


def all_of(*vandalisms: Callable[[Vandal], object]) -> Callable[[Vandal], object]:
    return lambda v: [vandalism(v) for vandalism in vandalisms]


def sql(*statements: str) -> Callable[[Vandal], object]:
    return lambda v: [v.run(statement) for statement in statements]


def reseal(v: Vandal) -> None:
    v.reseal()


POSTING = "community_id, seq, line, account_id, unit, expires_on, amount, n, balance"
SEPTEMBER, OCTOBER = ("statements_differ", 24), ("statements_differ", 28)
"""The statements that a month was closed with cannot be built again, or are others."""
EDITED = {("log_differs", None), ("checkpoint_differs", None)}
"""The log does not agree with its own head, and so not with what was published either."""

PROJECTIONS = (
    Vandalism("an amount", of_posting("amount = amount + 1"), {("posting_differs", HOURS), SEPTEMBER}, PROJECTION),
    Vandalism("a running balance", of_posting("balance = balance + 1"), {("running_balance_differs", HOURS)}, PROJECTION),
    Vandalism("a line's number", of_posting("n = n + 1"), {("posting_differs", HOURS)}, PROJECTION),
    Vandalism("a lapse day", of_posting("expires_on = '2099-12-31'"), {("posting_differs", HOURS)}, PROJECTION),
    Vandalism("a unit", of_posting("unit = 'credits'"), {("posting_differs", HOURS), SEPTEMBER}, PROJECTION),
    Vandalism("whose posting it is", of_posting("account_id = 8"), {("posting_differs", HOURS), SEPTEMBER}, PROJECTION),
    Vandalism(
        "a posting taken out",
        sql(f"DELETE FROM posting WHERE seq = {HOURS} AND line = 3"),
        {("posting_missing", HOURS), SEPTEMBER},
        PROJECTION,
    ),
    Vandalism(
        "a posting put in",
        sql(f"INSERT INTO posting SELECT {POSTING.replace('line', '4')} FROM posting WHERE seq = {HOURS} AND line = 3"),
        {("posting_extra", HOURS), SEPTEMBER},
        PROJECTION,
    ),
    Vandalism(
        "postings of no entry",
        sql(f"INSERT INTO posting SELECT {POSTING.replace('seq', '99')} FROM posting WHERE seq = {HOURS}"),
        {("posting_extra", 99)},
        PROJECTION,
    ),
    Vandalism("a kind", of_entry("kind = 'x'"), {("entry_differs", HOURS), SEPTEMBER}, PROJECTION),
    Vandalism("a month", of_entry("period = '2026-10'"), {("entry_differs", HOURS), SEPTEMBER, OCTOBER}, PROJECTION),
    Vandalism("who approved it", of_entry("approver = 2"), {("entry_differs", HOURS)}, PROJECTION),
    Vandalism(
        "whose account it is",
        sql("UPDATE account SET holder = 'member:9' WHERE holder = 'member:2' AND purpose = 'served'"),
        {("posting_differs", HOURS), ("account_missing", None), ("balance_differs", None), ("turnover_differs", None)}
        | {SEPTEMBER, OCTOBER},
        PROJECTION,
    ),
    Vandalism(
        "what an account counts",
        sql("UPDATE account SET unit = 'credits' WHERE holder = 'member:2' AND purpose = 'served'"),
        {("account_missing", None), ("balance_differs", None), ("turnover_differs", None), ("unit_unbalanced", None)}
        | {SEPTEMBER, OCTOBER},
        PROJECTION,
    ),
    Vandalism(
        "an account's balance",
        sql("UPDATE account SET balance = balance + 5 WHERE holder = 'member:2' AND purpose = 'served'"),
        {("balance_differs", None), ("unit_unbalanced", None)},
        PROJECTION,
    ),
    Vandalism(
        "points out of nothing",
        sql(
            "UPDATE account SET balance = balance + 5 WHERE holder = 'member:2' AND purpose = 'available' AND unit = 'points'",
            "UPDATE lot SET balance = balance + 5 WHERE account_id = 14 AND expires_on = '2029-09-30'",
        ),
        {("balance_differs", None), ("unit_unbalanced", None), ("lots_differ", None)},
        PROJECTION,
    ),
    Vandalism(
        "a floor",
        sql("UPDATE account SET floor = NULL WHERE holder = 'member:2' AND purpose = 'held'"),
        {("account_differs", None)},
        PROJECTION,
    ),
    Vandalism(
        "a lot moved to another day",
        sql("UPDATE lot SET expires_on = '2099-12-31' WHERE balance > 0 AND expires_on = '2027-10-31'"),
        {("lots_differ", None)},
        PROJECTION,
    ),
    Vandalism(
        "a lot's balance",
        sql("UPDATE lot SET balance = balance - 1 WHERE balance > 0 AND expires_on = '2027-10-31'"),
        {("lots_differ", None), ("lots_unequal", None)},
        PROJECTION,
    ),
    Vandalism(
        "a lot of an account without lots",
        sql("INSERT INTO lot SELECT community_id, id, '9999-12-31', 0 FROM account WHERE purpose = 'committed'"),
        {("lots_differ", None)},
        PROJECTION,
    ),
    Vandalism(
        "a lot of no account",
        sql("INSERT INTO lot (community_id, account_id, expires_on, balance) VALUES (1, 999, '9999-12-31', 5)"),
        {("account_missing", None)},
        PROJECTION,
    ),
    Vandalism(
        "the lines of a turnover",
        sql("UPDATE turnover SET lines = lines + 1 WHERE period = '2026-11' AND account_id = 3"),
        {("turnover_differs", None)},
        PROJECTION,
    ),
    Vandalism(
        "the net of a turnover",
        sql("UPDATE turnover SET net = net + 1 WHERE period = '2026-09' AND account_id = 13"),
        {("turnover_differs", None), SEPTEMBER, OCTOBER},
        PROJECTION,
    ),
    Vandalism(
        "the first open month",
        sql("UPDATE community_state SET open_period = '2027-01'"),
        {("open_month_differs", None)},
        PROJECTION,
    ),
    Vandalism(
        "the time of the last entry",
        sql("UPDATE community_state SET posted_at = '2026-01-01T00:00:00Z'"),
        {("head_differs", None)},
        PROJECTION,
    ),
    Vandalism("a member's number", sql("UPDATE member SET number = 'M0009' WHERE id = 2"), {("number_differs", 3)}, PROJECTION),
    Vandalism("a clerk taken out", sql("DELETE FROM clerk WHERE id = 2"), {("number_differs", 1)}, PROJECTION),
    Vandalism(
        "a shop put in",
        sql(
            "INSERT INTO merchant (community_id, id, number, number_key, name, category, joined_on, state) "
            "VALUES (1, 9, 'S009', 'S9', 'x', '', '2026-10-01', 'active')"
        ),
        {("number_differs", None)},
        PROJECTION,
    ),
    Vandalism(
        "the text of the rules",
        sql("UPDATE rulebook SET text = replace(text, 'elder-care = 12', 'elder-care = 99')"),
        {("rules_differ", None), ("rules_unreadable", 7), ("history_lost", 8)},
        PROJECTION,
    ),
    Vandalism(
        "an offer's price", sql("UPDATE offer SET points_per_yuan = 1 WHERE id = 1"), {("offer_differs", 16)}, PROJECTION
    ),
    Vandalism("what a shop is owed", sql("UPDATE claim SET fen = fen + 1"), {("claim_differs", 25)}, PROJECTION),
    Vandalism(
        "whose voucher it is", sql("UPDATE voucher SET member_id = 2 WHERE id = 4"), {("voucher_differs", 23)}, PROJECTION
    ),
    Vandalism(
        "which entry issued a voucher",
        sql("UPDATE voucher SET seq = 18 WHERE id = 4"),
        {("voucher_differs", 23), ("voucher_differs", None)},
        PROJECTION,
    ),
    Vandalism(
        "how long a voucher lives",
        sql("UPDATE voucher SET expires_on = '2099-12-31' WHERE id = 4"),
        {("voucher_differs", 23)},
        PROJECTION,
    ),
    Vandalism(
        "what was redeemed",
        sql("UPDATE resolution SET points = points + 1 WHERE voucher_id = 1"),
        {("resolution_differs", 19), ("claim_differs", 25)},
        PROJECTION,
    ),
    Vandalism(
        "how a voucher ended",
        sql("UPDATE resolution SET outcome = 'expired' WHERE voucher_id = 2"),
        {("resolution_differs", None), ("vouchers_unequal", None)},
        PROJECTION,
    ),
    Vandalism(
        "an end taken out",
        sql("DELETE FROM resolution WHERE voucher_id = 2"),
        {("resolution_differs", 21), ("vouchers_unequal", None), ("fund_differs", None)},
        PROJECTION,
    ),
    Vandalism(
        "an end put in",
        sql(
            "INSERT INTO resolution SELECT community_id, 4, outcome, day, resolved_at, bill_fen, benefit_fen, points, seq, "
            "merchant_fen FROM resolution WHERE voucher_id = 2"
        ),
        {("resolution_differs", None), ("vouchers_unequal", None), ("fund_differs", None)},
        PROJECTION,
    ),
    Vandalism(
        "a voucher put in",
        lambda v: v.run(
            "INSERT INTO voucher SELECT community_id, 9, :mac, code_tail, offer_id, member_id, merchant_id, points, fen, "
            "issued_on, expires_on, seq, late_days, quote_id FROM voucher WHERE id = 4",
            mac=bytes(32),
        ),
        {("voucher_differs", None), ("vouchers_unequal", None), ("fund_differs", None)},
        PROJECTION,
    ),
)
"""Only what can be made again from the journal."""

LOG = (
    Vandalism(
        "a leaf",
        lambda v: v.run(f"UPDATE entry SET leaf = :leaf WHERE seq = {HOURS}", leaf=bytes(32)),
        {("leaf_differs", HOURS)} | EDITED,
        TAMPERED,
    ),
    Vandalism(
        "a payload alone",
        lambda v: v.run(
            f"UPDATE entry SET payload = replace(payload, :old, :new) WHERE seq = {HOURS}", old='"actor":1', new='"actor":2'
        ),
        {("leaf_differs", HOURS), ("entry_differs", HOURS)},
        TAMPERED,
    ),
    Vandalism("a payload with its leaf", rewritten(actor=2), {("entry_differs", HOURS)} | EDITED, TAMPERED),
    Vandalism("a payload's nonce with its leaf", rewritten(nonce="0" * 32), EDITED, TAMPERED),
    Vandalism("a payload, its leaf and its column", all_of(rewritten(actor=2), of_entry("actor = 2")), EDITED, TAMPERED),
    Vandalism(
        "a payload and everything behind it",
        all_of(rewritten(actor=2), of_entry("actor = 2"), reseal),
        {("rewritten", None)},
        REWRITTEN,
    ),
    Vandalism(
        "the head's hashes",
        lambda v: v.run("UPDATE community_state SET frontier = :junk", junk=bytes(64)),
        {("log_differs", None), ("log_differs", 32)},
        TAMPERED,
    ),
    Vandalism("the head's size", sql("UPDATE community_state SET size = size - 1"), {("entry_beyond", 32)}, TAMPERED),
    Vandalism(
        "a published root",
        lambda v: v.run("UPDATE checkpoint SET root = :root", root=bytes(32)),
        {("rewritten", None)},
        REWRITTEN,
    ),
    Vandalism("a text", sql("UPDATE entry_text SET text = 'nothing' WHERE seq = 21"), {("text_differs", 21)}, TAMPERED),
    Vandalism(
        "a text put in",
        sql("INSERT INTO entry_text SELECT community_id, 9, salt, text FROM entry_text WHERE seq = 21"),
        {("text_unbound", 9)},
        TAMPERED,
    ),
    Vandalism("a text erased", sql("DELETE FROM entry_text WHERE seq = 21"), set(), 0),
    Vandalism("a command forgotten", sql("DELETE FROM command WHERE key = 'test-6'"), {("command_missing", 8)}, TAMPERED),
)
"""The log itself and what hangs on it."""


@pytest.mark.parametrize("vandalism", [*PROJECTIONS, *LOG], ids=lambda vandalism: vandalism.name)
def test_vandalism_is_found_graded_and_named(vandal: Vandal, vandalism: Vandalism) -> None:
    vandalism.do(vandal)
    told = report(vandal.book)
    assert {(finding.code, finding.entry) for finding in told.findings} == vandalism.found
    assert told.status == vandalism.status


def test_swapped_entries_are_named(vandal: Vandal) -> None:
    for old, new in ((9, -1), (10, 9), (-1, 10)):
        for table in ("posting", "entry"):
            vandal.run(f"UPDATE {table} SET seq = {new} WHERE seq = {old}")
    told = report(vandal.book)
    assert entries(told, "out_of_place") == [9, 10]
    assert told.status == TAMPERED


def test_an_entry_taken_out_of_the_middle_is_named(vandal: Vandal) -> None:
    for table in ("posting", "entry"):
        vandal.run(f"DELETE FROM {table} WHERE seq = {HOURS}")
    told = report(vandal.book)
    assert entries(told, "entry_missing") == [HOURS, 32]
    assert told.status == TAMPERED


def cut_tail(vandal: Vandal, first: int) -> None:
    for table in ("posting", "entry"):
        vandal.run(f"DELETE FROM {table} WHERE seq >= {first}")


def test_a_tail_cut_off_is_tampering(vandal: Vandal) -> None:
    cut_tail(vandal, 32)
    told = report(vandal.book)
    assert entries(told, "entry_missing") == [32]
    assert told.status == TAMPERED


def test_a_tail_cut_off_with_its_head_is_told_by_what_hangs_on_it(vandal: Vandal) -> None:
    """After the last checkpoint nothing in the log itself can tell; balances, commands and months still do."""
    cut_tail(vandal, 32)
    vandal.reseal()
    told = report(vandal.book)
    assert not any(finding.check == "I5" and finding.code != "head_differs" for finding in told.findings)
    assert "balance_differs" in codes(told)


def test_what_was_published_and_is_gone_is_a_roll_back(vandal: Vandal) -> None:
    with vandal.book.write() as session:
        checkpoints.make(session, vandal.book.act(), SEED)
    cut_tail(vandal, 32)
    assert report(vandal.book).status == ROLLED_BACK
    vandal.reseal()
    told = report(vandal.book, "I5")
    assert {(finding.code, finding.where) for finding in told.findings} >= {("rolled_back", "checkpoint 33")}
    assert told.status == ROLLED_BACK


def test_a_book_that_grew_again_after_a_roll_back_is_rewritten(vandal: Vandal) -> None:
    with vandal.book.write() as session:
        checkpoints.make(session, vandal.book.act(), SEED)
    vandal.rewrite(32, nonce="f" * 32)
    vandal.reseal()
    vandal.book.give("member:1", 1)
    told = report(vandal.book)
    assert {(finding.code, finding.where) for finding in told.findings} == {("rewritten", "checkpoint 33")}
    assert told.status == REWRITTEN


def test_what_was_rewritten_before_a_checkpoint_is_found_by_every_later_one(vandal: Vandal) -> None:
    vandal.rewrite(2, nonce="f" * 32)
    vandal.reseal()
    told = report(vandal.book)
    assert [(finding.code, finding.where) for finding in told.findings] == [
        ("rewritten", "checkpoint 25"),
        ("rewritten", "checkpoint 29"),
    ]


# --- what the program itself would not write ---


def post(book: Book, draft: Draft, *, approver: int | None = None) -> int:
    with book.write() as session:
        return ledger.post(session, book.act(approver=approver), draft).seq


def test_a_voucher_that_ends_twice_is_named(lived: Book) -> None:
    """Voucher 1 was captured before; its points are taken from what is held for voucher 4."""
    taken = Transfer("points", 50, "member:1", "held", "member:1", "available", lot=OCTOBERS_END)
    facts: dict[str, object] = {"offer": 1, "merchant": 1, "points_held": 50}
    seq = post(lived, Draft("voucher.void", lived.today, (taken,), "voucher:1", facts=facts))
    told = report(lived)
    assert {(finding.code, finding.entry) for finding in told.findings} == {
        ("not_held", seq),
        ("resolution_differs", seq),
        ("vouchers_unequal", None),
    }
    assert told.status == TAMPERED


def test_a_voucher_that_gives_back_more_than_it_held_is_named(lived: Book) -> None:
    taken = Transfer("points", 40, "member:1", "held", "member:1", "available", lot=OCTOBERS_END)
    facts: dict[str, object] = {"offer": 2, "merchant": 2, "points_held": 50}
    seq = post(lived, Draft("voucher.void", lived.today, (taken,), "voucher:4", facts=facts))
    assert entries(report(lived, "I7"), "not_held") == [seq]


def test_who_approves_his_own_is_named(lived: Book) -> None:
    seq = post(lived, Draft("gift", lived.today), approver=1)
    told = report(lived)
    assert [(finding.code, finding.entry) for finding in told.findings] == [("one_person", seq)]


@pytest.mark.parametrize("kind", sorted(TWO_PEOPLE))
def test_what_needs_two_people_and_had_one_is_named(lived: Book, kind: str) -> None:
    seq = post(lived, Draft(kind, lived.today))
    assert entries(report(lived, "I13"), "approver_missing") == [seq]


def test_back_entered_hours_of_one_person_are_named(lived: Book) -> None:
    seq = post(lived, Draft("hours", lived.today, trace={"kind": "back-entered"}))
    assert entries(report(lived, "I13"), "approver_missing") == [seq]


def test_a_day_too_long_for_one_person_is_named(vandal: Vandal) -> None:
    """480 minutes count by themselves; what goes past them needs a second person. Entry 9 had none, entry 11 had one."""
    vandal.run("UPDATE service SET minutes = 480 WHERE id = 2")
    assert report(vandal.book, "I13").ok
    vandal.run("UPDATE service SET minutes = 481 WHERE id = 2")
    assert entries(report(vandal.book, "I13"), "approver_missing") == [HOURS]


def test_of_a_days_services_the_one_that_makes_it_too_long_is_named(vandal: Vandal) -> None:
    vandal.run("UPDATE service SET minutes = 480 WHERE id = 2")
    vandal.run("UPDATE service SET minutes = 1, member_id = 2, day = (SELECT day FROM service WHERE id = 2) WHERE id = 3")
    assert entries(report(vandal.book, "I13"), "approver_missing") == [10]


def test_two_entries_of_one_key_are_found(vandal: Vandal) -> None:
    vandal.forget_unique_keys()
    vandal.run("UPDATE entry SET key = 'test-6/0' WHERE seq = 10")
    told = report(vandal.book, "I6")
    assert {(finding.code, finding.entry) for finding in told.findings} == {("key_twice", 10)}


def test_a_key_that_skips_a_number_is_named(vandal: Vandal) -> None:
    vandal.rewrite(32, key="test-26/1")
    assert entries(report(vandal.book), "key_gap") == [32]


def test_an_entry_of_a_closed_month_is_named(vandal: Vandal) -> None:
    vandal.rewrite(32, period="2026-09")
    assert entries(report(vandal.book), "wrong_month") == [32]


def test_a_month_closed_twice_is_named(vandal: Vandal) -> None:
    vandal.rewrite(28, period="2026-09")
    assert entries(report(vandal.book, "I11"), "closed_out_of_order") == [28]


def test_a_month_opens_with_what_the_one_before_closed_with(vandal: Vandal) -> None:
    facts = vandal.payload(28)["facts"]
    for row in facts["totals"]:
        row[2] += row[1] == "points_opening"
    vandal.rewrite(28, facts=facts)
    assert entries(report(vandal.book, "I11"), "totals_differ") == [28]


def test_an_entry_dated_before_the_one_before_it_is_named(vandal: Vandal) -> None:
    vandal.rewrite(31, posted_at="2026-01-01T00:00:00Z")
    assert entries(report(vandal.book), "clock_back") == [31]


def test_an_entry_of_another_book_is_named(vandal: Vandal) -> None:
    vandal.rewrite(31, log="520201-other/1")
    assert entries(report(vandal.book), "other_log") == [31]


def test_a_new_incarnation_is_opened_by_an_entry_of_its_own(vandal: Vandal) -> None:
    vandal.run("UPDATE community_state SET incarnation = 2")
    vandal.book.give("member:1", 1)
    assert entries(report(vandal.book), "other_log") == [33]


def moved(vandal: Vandal, seq: int, *changes: tuple[int, int]) -> None:
    """Change amounts in a payload: (line, amount) each."""
    postings = vandal.payload(seq)["postings"]
    for line, amount in changes:
        postings[line][4] = amount
    vandal.rewrite(seq, postings=postings)


def test_an_entry_that_does_not_balance_is_named(vandal: Vandal) -> None:
    moved(vandal, 32, (3, 50))
    told = report(vandal.book, "I1")
    assert [(finding.code, finding.entry, finding.status) for finding in told.findings] == [("unbalanced", 32, TAMPERED)]


def test_an_entry_that_leaves_an_account_below_its_floor_is_named(vandal: Vandal) -> None:
    moved(vandal, 32, (2, 9_999), (3, -9_999))
    assert entries(report(vandal.book, "I1", "I3"), "below_floor") == [32]


def test_an_entry_that_takes_too_much_of_a_lot_is_found(vandal: Vandal) -> None:
    """The account has enough, the lot that the entry names has not."""
    postings = vandal.payload(32)["postings"]
    postings[3][3:5], postings[2][4] = ["2099-12-31", -1], 1
    vandal.rewrite(32, postings=postings)
    assert "lot_overdrawn" in codes(report(vandal.book, "I8"))


def test_what_is_owed_is_never_above_zero(vandal: Vandal) -> None:
    postings = vandal.payload(32)["postings"]
    postings[3][2:4] = ["owed", "9999-12-31"]
    vandal.rewrite(32, postings=postings)
    assert entries(report(vandal.book, "I3"), "below_floor") == [32]


def test_lines_of_an_account_and_month_are_numbered_from_one(vandal: Vandal) -> None:
    postings = vandal.payload(32)["postings"]
    postings[3][5] += 1
    vandal.rewrite(32, postings=postings)
    assert entries(report(vandal.book, "I10"), "not_numbered") == [32]


def test_months_that_are_open_together_number_their_lines_apart(book: Book) -> None:
    book.found(code="520201-second", open_from="2026-08")
    with book.write() as session:
        for month in (8, 9, 8, 10, 9, 8):
            act = book.act(community=2)
            transfer = Transfer("points", 1, "system:issued", "source", "system:redeemed", "sink")
            ledger.post(session, act, Draft("x", book.today.replace(month=month, day=5), (transfer,)))
    with book.read() as session:
        assert audit.audit(session, 2).findings == ()


# --- payloads that are not what they should be ---

WORN = {
    "spaces": lambda payload: payload.replace(b'"kind":', b'"kind": '),
    "a key twice": lambda payload: payload.replace(b'"kind":', b'"kind":"x","kind":'),
    "another order": lambda payload: b'{"v":1,' + payload[1:].replace(b',"v":1}', b"}"),
    "an escape": lambda payload: payload.replace(b'"hours', b'"\\u0068ours', 1),
    "a float": lambda payload: payload.replace(b'"seq":9', b'"seq":9.0'),
    "a null": lambda payload: payload.replace(b'"nonce"', b'"nil":null,"nonce"'),
    "minus nothing": lambda payload: payload.replace(b'"day_minutes":0', b'"day_minutes":-0').replace(b'"seq":9', b'"seq":-0'),
    "a leading zero": lambda payload: payload.replace(b'"seq":9', b'"seq":09'),
    "2^53": lambda payload: payload.replace(b'"seq":9', b'"seq":9007199254740992'),
    "a line behind it": lambda payload: payload + b"\n",
    "no JSON": lambda payload: b"x",
    "a list": lambda payload: b"[1]",
    "nesting": lambda payload: b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
}


@pytest.mark.parametrize("worn", WORN)
def test_a_payload_without_canonical_bytes_is_named(vandal: Vandal, worn: str) -> None:
    payload = vandal.one(f"SELECT payload FROM entry WHERE seq = {HOURS}").encode()
    assert WORN[worn](payload) != payload
    vandal.replace(HOURS, WORN[worn](payload))
    vandal.reseal()
    told = report(vandal.book, "I4")
    assert ("not_canonical", HOURS) in {(finding.code, finding.entry) for finding in told.findings}
    assert told.status == TAMPERED


def test_no_nesting_is_too_deep_for_the_reader() -> None:
    for depth in range(850, 1_050):
        with pytest.raises(Invalid):
            Reader().read(b'{"a":' * depth + b"1" + b"}" * depth)


@pytest.mark.parametrize(
    "fields",
    [
        {"v": 2},
        {"v": True},
        {"name": "张三"},
        {"actor": "1"},
        {"actor": None},
        {"nonce": "0" * 31},
        {"nonce": "G" * 32},
        {"approver_auth": "none"},
        {"business_date": "2026-9-12"},
        {"posted_at": "2026-10-20T04:00:00+08:00"},
        {"postings": {}},
        {"postings": [["member:2", "minutes", "served", "9999-12-31", 120]]},
        {"postings": [["member:2", "hours", "served", "9999-12-31", 120, 1]]},
        {"postings": [["member:2", "minutes", "served", "9999-12-31", "120", 1]]},
        {"trace": []},
        {"text_hash": "x"},
    ],
    ids=str,
)
def test_a_payload_with_a_wrong_field_is_named(vandal: Vandal, fields: dict[str, Any]) -> None:
    vandal.rewrite(HOURS, **fields)
    vandal.reseal()
    told = report(vandal.book, "I4")
    assert [(finding.code, finding.entry) for finding in told.findings] == [("malformed", HOURS)]


def test_an_entry_that_cannot_be_read_does_not_accuse_the_ones_after_it(vandal: Vandal) -> None:
    vandal.replace(HOURS, b"x")
    told = report(vandal.book, "I4", "I6", "I10")
    assert {(finding.code, finding.entry) for finding in told.findings} == {
        ("not_canonical", HOURS),
        ("balance_differs", None),
        ("turnover_differs", None),
    }


LEARNED = (
    b'{"actor":10,"business_date":"2026-10-20","facts":{"a1":10,"a2":20,"b":-5,"c":"\xc3\xa9","code_mac":"%b"},"key":"k/0","kind":"hours",'
    b'"log":"x/1","nonce":"%b","period":"2026-10","posted_at":"2026-10-20T04:00:00Z",'
    b'"postings":[["member:1","points","available","2026-10-31",-5,1]],"seq":10,"v":1}'
) % (b"0f" * 32, b"0f" * 16)
ALIKE = {
    "another number": (b'"actor":10', b'"actor":99'),
    "another hash": (b"0f" * 32, b"f0" * 32),
    "another nonce": (b'"nonce":"0f', b'"nonce":"ff'),
    "another version": (b'"v":1', b'"v":2'),
    "minus nothing": (b'"b":-5', b'"b":-0'),
    "minus nothing in a posting": (b"-5,1]", b"-0,1]"),
    "a leading zero": (b'"actor":10', b'"actor":01'),
    "an integer too large": (b'"seq":1000000000000000', b'"seq":9999999999999999'),
    "keys out of order": (b'"a1":10,"a2":20', b'"a2":10,"a1":20'),
    "a key twice": (b'"a1":10,"a2":20', b'"a1":10,"a1":20'),
    "a nonce that is none": (b"0f" * 16 + b'","period', b"G" * 32 + b'","period'),
    "more in the nonce's place": (b"0f" * 16 + b'","period', b'0000","oo":"00000000000000000000"' + b',"period'),
    "a nonce too short": (b"0f" * 16 + b'","period', b"0f" * 15 + b'","period'),
    "no nonce": (b'"nonce":"' + b"0f" * 16 + b'",', b""),
    "a hash that is none": (b"0f" * 32, b"-" * 64),
    "not NFC": (b"\xc3\xa9", "\u0344".encode()),
    "a control character": (b"\xc3\xa9", "\x85".encode()),
    "not UTF-8": (b"\xc3\xa9", b"\xc3\xff"),
    "another sign": (b'"code_mac":"0', b'"code_mac":"\xff'),
}


@pytest.mark.parametrize("alike", ALIKE)
def test_what_the_reader_learned_does_not_make_it_trust_another(alike: str) -> None:
    old, new = ALIKE[alike]
    plain = LEARNED.replace(b'"a1":10,"a2":20,', b"")
    large = plain.replace(b'"seq":10', b'"seq":1000000000000000')
    assert any(old in learned for learned in (LEARNED, plain, large))
    for learned in (LEARNED, plain, large):
        reader = Reader()
        assert reader.read(learned) == reader.read(learned) == parse(learned)
        other = learned.replace(old, new)
        assert read_by(reader.read, other) == read_by(strictly, other)


def test_parts_of_good_payloads_are_good_together_only_where_their_keys_are_in_order() -> None:
    """Shapes are remembered in parts, cut before the sums of a trace: sums of another object deeper in it are none."""
    plain = LEARNED.replace(b'"a1":10,"a2":20,', b"")
    one, other, mixed = (
        plain.replace(b',"v":1}', b',"subject":"hours:1","trace":%b,"v":1}' % trace)
        for trace in (
            b'{"a":{"b":1,"used":1},"q":1}',
            b'{"z":{"b":1,"used":1}}',
            b'{"z":{"b":1,"used":1},"q":1}',
        )
    )
    reader = Reader()
    for learned in (one, other) * 2:
        assert reader.read(learned) == parse(learned)
    assert read_by(reader.read, mixed) == "not_canonical"


def strictly(payload: bytes) -> dict[str, Any]:
    fields = parse(payload)
    if malformed(fields):
        raise Invalid(say("The field {name} is missing, wrong or unknown.", name=malformed(fields)), "malformed")
    return fields


def read_by(read: Callable[[bytes], dict[str, Any]], payload: bytes) -> dict[str, Any] | str:
    """The fields, or the code of the refusal."""
    try:
        return read(payload)
    except Invalid as error:
        return error.code


READABLE = Reader()
"""One reader for all examples: what it has learned from one payload must not make it trust another."""
json_values = st.recursive(
    st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | st.text(st.characters(codec="utf-8", categories=["L", "N", "P"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a1", "a2", "nonce"]), inner),
    max_leaves=6,
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Payloads of entries, right or with a few bytes changed."""
    number = st.integers(0, 10 ** draw(st.integers(1, 17)))
    fields: dict[str, Any] = {
        "v": draw(st.sampled_from([1, 1, 1, 2])),
        "log": "x/1",
        "seq": draw(number),
        "kind": draw(st.sampled_from(["hours", "x1", "é", 'a"b', "a\\b"])),
        "business_date": "2026-10-20",
        "posted_at": "2026-10-20T04:00:00Z",
        "period": "2026-10",
        "actor": draw(number),
        "key": "k/0",
        "nonce": draw(st.text("0123456789abcdef", min_size=31, max_size=33)),
        "postings": [["member:1", "points", "available", "2026-10-31", draw(number) - draw(number), draw(number)]],
    }
    fields |= draw(st.fixed_dictionaries({}, optional={"facts": st.dictionaries(st.sampled_from("abn"), json_values)}))
    fields |= draw(st.fixed_dictionaries({}, optional={"text_hash": st.sampled_from(["0" * 64, "f" * 64, "0" * 63])}))
    written = bytearray(json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(written) - 1))
        written[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"0", b"-", b"1", b" ", b'"', b"", b"a", b",", b"\xff"])
        )
    return bytes(written)


@given(payloads())
@settings(max_examples=500)
def test_the_quick_reader_takes_exactly_what_the_strict_one_takes(payload: bytes) -> None:
    for _ in range(2):  # the second time from memory
        assert read_by(READABLE.read, payload) == read_by(strictly, payload)


# --- every column that an audit answers for ---

ANSWERED_FOR: dict[str, tuple[str, tuple[str, ...]]] = {
    "entry": (
        "seq = 13",
        ("kind", "business_date", "posted_at", "period", "actor", "approver", "key", "subject", "rules", "payload", "leaf"),
    ),
    "posting": ("seq = 13 AND line = 1", ("seq", "line", "account_id", "unit", "expires_on", "amount", "n", "balance")),
    "account": ("id = 14", ("id", "holder", "unit", "purpose", "floor", "balance")),
    "lot": ("account_id = 14 AND expires_on = '2029-09-30'", ("account_id", "expires_on", "balance")),
    "turnover": ("account_id = 14 AND period = '2026-09'", ("account_id", "period", "expires_on", "lines", "net")),
    "entry_text": ("seq = 21", ("seq", "salt", "text")),
    "checkpoint": ("size = 25", ("size", "root")),
    "community_state": ("community_id = 1", ("size", "frontier", "posted_at", "opened_from", "open_period")),
    "command": ("key = 'test-6'", ("key",)),
    "member": ("id = 2", ("id", "number")),
    "merchant": ("id = 2", ("id", "number")),
    "clerk": ("id = 2", ("id", "number")),
    "rulebook": ("version = '2026.1'", ("version", "sha256", "effective_from", "effective_to", "text", "resolution", "seq")),
    "offer": (
        "id = 1",
        ("id", "merchant_id", "kind", "points_per_yuan", "max_share_bp", "points", "valid_from", "valid_to", "seq"),
    ),
    "voucher": (
        "id = 1",
        ("id", "code_mac", "offer_id", "member_id", "merchant_id", "points", "fen", "issued_on", "expires_on", "seq"),
    ),
    "resolution": ("voucher_id = 1", ("voucher_id", "outcome", "day", "bill_fen", "benefit_fen", "points", "seq")),
    "claim": ("id = 1", ("period", "merchant_id", "captures", "points", "fen", "sha256", "previous", "seq")),
}
COLUMNS = [(table, column) for table, (_, columns) in ANSWERED_FOR.items() for column in columns]


JUNK: tuple[object, ...] = ("junk", 2**62, -(2**62), 1.5, b"\xff\xfe", b"", "", "第", None)


@pytest.mark.parametrize(("number", "table", "column"), [(i, *place) for i, place in enumerate(COLUMNS)], ids=str)
def test_junk_in_any_column_is_a_finding_and_never_an_error(vandal: Vandal, number: int, table: str, column: str) -> None:
    """SQLite takes any value in any column; a column that may not be NULL refuses that."""
    where, _ = ANSWERED_FOR[table]
    junk = JUNK[number % len(JUNK)]
    if vandal.book.engine.dialect.name == "sqlite" and vandal.one(f"SELECT {column} FROM {table} WHERE {where}") != junk:
        with suppress(IntegrityError):
            vandal.run(f"UPDATE {table} SET {column} = :junk WHERE {where}", junk=junk)
            assert not report(vandal.book).ok


def test_a_text_that_is_not_utf_8_is_a_finding(vandal: Vandal) -> None:
    if vandal.book.engine.dialect.name == "sqlite":
        vandal.run("UPDATE entry SET kind = CAST(x'ff' AS TEXT) WHERE seq = 9")
        for told in (report(vandal.book), report(vandal.book, "I2")):
            assert ("unreadable", TAMPERED) in {(finding.code, finding.status) for finding in told.findings}


def test_a_damaged_file_is_a_finding(vandal: Vandal) -> None:
    """A page of nonsense among the vouchers, as a dying disk leaves it."""
    if vandal.book.engine.dialect.name == "sqlite":
        path = str(vandal.book.engine.url.database)
        page = vandal.one("SELECT rootpage FROM sqlite_master WHERE name = 'voucher'")
        vandal.book.engine.dispose()
        with open(path, "r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)
        assert report(vandal.book).status == TAMPERED
