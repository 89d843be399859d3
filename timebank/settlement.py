"""Settlement: what each merchant is owed for a month, as one batch: drafted, approved by a second person, sent off, paid or
returned.

    open line -> draft -> approved -> submitted -> paid
                                          `-----> returned: its lines are open again and go into the next draft

Refunds are netted with captures. A merchant whose lines come to nothing or less gets no batch; they are carried into the
next month that has more. Paying moves what the merchant was owed to the fund's paid money, in the entry that says so.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

from sqlmodel import Session

from timebank import claims, fund, ledger
from timebank.approvals import overtaken, two_people
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import insert_rows
from timebank.base.errors import Finding, Invalid, NotAllowed, NotFound, Refused, Tampered, TimebankError
from timebank.base.i18n import say
from timebank.base.imported import Imported
from timebank.base.months import last_day, parse_period
from timebank.benefits import yuan
from timebank.claims import BATCH_VERSION, Batch, Claim
from timebank.journal import Draft
from timebank.once import once
from timebank.people import merchants

APPROVE, SUBMIT, PAID, RETURNED = "settlement.approve", "settlement.submit", "settlement.paid", "settlement.returned"
CUT_OFF_DAYS = 3
"""Days after a month's end during which what happened in it may still arrive."""
REFERENCE_MAX = 200
Outcome = Literal["paid", "returned"]


class Result(NamedTuple):
    """What became of a batch that was sent off. `reference` is the bank's number of a payment, or why it was returned; no
    `day` is today. `fen`, where known, is compared with the batch. `row` is the row of the sheet."""

    batch: int
    outcome: Outcome
    reference: str
    day: date | None = None
    fen: int | None = None
    row: int = 0


def draft(session: Session, act: Act, period: str) -> list[Claim]:
    """Put every line up to the month's end that is in no batch yet into a batch, one a merchant; gives the month's batches.

    What arrives after a draft goes into the next one. Drafting a month again adds nothing while nothing new has come. Raises
    Invalid `bad_period`, Refused `before_cutoff`.
    """
    parse_period(period)
    once(session, act, "settlement.draft", {"period": period}, lambda: {"batches": _draft(session, act, period)})
    return claims.of_period(session, act.community_id, period)


def _draft(session: Session, act: Act, period: str) -> list[int]:
    cid, today = act.community_id, communities.today(session, act)
    first_day = last_day(period) + timedelta(days=CUT_OFF_DAYS + 1)
    if today < first_day:
        raise Refused(
            say("{period} can be settled from {day} on.", period=period, day=first_day),
            "before_cutoff",
            say("Until then captures of the month may still arrive. Run it again on that day."),
        )
    code, last = communities.get(session, cid).code, claims.last(session, cid)
    number, previous = (last.id, last.sha256) if last else (0, "")
    returned = claims.rounds(session, cid)
    drafted: list[Claim] = []
    rows: list[tuple[int, ...]] = []
    for merchant_id, lines in sorted(claims.open_lines(session, cid, last_day(period)).items()):
        if sum(line.fen for line in lines) <= 0:
            continue
        number += 1
        batch = Batch(code, number, period, merchant_id, tuple(lines), previous)
        previous = batch.sha256()
        drafted.append(_claim(act, batch, previous))
        rows.extend((cid, *line.key, returned.get(line.key, 0), number) for line in lines)
    session.add_all(drafted)
    session.flush()
    insert_rows(session, "settlement_line", ("community_id", "voucher_id", "event", "round", "claim_id"), rows)
    return [claim.id for claim in drafted]


def _claim(act: Act, batch: Batch, digest: str) -> Claim:
    return Claim(
        community_id=act.community_id,
        id=batch.number,
        period=batch.period,
        merchant_id=batch.merchant_id,
        captures=batch.captures,
        refunds=len(batch.lines) - batch.captures,
        points=batch.points,
        fen=batch.fen,
        sha256=digest,
        previous=batch.previous,
        drafted_by=act.actor,
        drafted_at=act.now,
        version=BATCH_VERSION,
    )


def approve(session: Session, act: Act, period: str) -> list[Claim]:
    """Let a second person approve a month's drafts: one entry each, bound to the batch's hash. Gives the approved batches.

    The drafter may be the act's actor, never its approver. Raises Invalid `bad_period`; NotAllowed `approver_missing`,
    `same_person`; NotFound `no_claims`; Refused `already_approved`; Tampered `claim_changed`.
    """
    parse_period(period)
    two_people(act)
    cid = act.community_id
    outcome = once(session, act, APPROVE, {"period": period}, lambda: {"batches": _approve(session, act, period)})
    return [session.get_one(Claim, (cid, number)) for number in outcome.receipt["batches"]]


def _approve(session: Session, act: Act, period: str) -> list[int]:
    found = claims.of_period(session, act.community_id, period)
    if not found:
        raise NotFound(
            say("There is nothing to approve for {period}.", period=period),
            "no_claims",
            say("Draft it first: timebank settlement draft {period}", period=period),
        )
    waiting = [claim for claim in found if claim.state == "draft"]
    if not waiting:
        raise Refused(
            say("The settlement of {period} is approved already.", period=period),
            "already_approved",
            say("Export it with timebank settlement export {period}.", period=period),
        )
    if any(claim.drafted_by == act.approver for claim in waiting):
        raise NotAllowed(
            say("Who drafted a settlement cannot approve it."), "same_person", say("Name another clerk with --approver.")
        )
    _check_unchanged(session, act.community_id, waiting)
    seqs = _post(session, act, [(APPROVE, claim, _facts(claim)) for claim in waiting])
    for claim, seq in zip(waiting, seqs, strict=True):
        claim.state, claim.approved_by, claim.approved_at, claim.seq = "approved", act.approver, act.now, seq
        session.add(claim)
    session.flush()
    overtaken(session, act, APPROVE, f"settlement:{period}")
    return [claim.id for claim in waiting]


def _post(session: Session, act: Act, moves: Sequence[tuple[str, Claim, dict[str, object]]]) -> list[int]:
    """An entry for each batch, without postings, dated today; gives their numbers."""
    today = communities.today(session, act)
    drafts = [Draft(kind, today, subject=f"claim:{claim.id}", facts=facts) for kind, claim, facts in moves]
    return [receipt.seq for receipt in ledger.post_all(session, act, drafts)]


def _facts(claim: Claim) -> dict[str, object]:
    facts: dict[str, object] = {
        "batch": claim.id,
        "period": claim.period,
        "merchant": claim.merchant_id,
        "captures": claim.captures,
        "points": claim.points,
        "fen": claim.fen,
        "sha256": claim.sha256,
        "previous": claim.previous,
        "drafted_by": claim.drafted_by,
    }
    return facts if claim.version is None else facts | {"version": claim.version, "refunds": claim.refunds or 0}


def _check_unchanged(session: Session, community_id: int, waiting: Sequence[Claim]) -> None:
    """Work each batch out again from its lines: what is approved is what was captured."""
    for claim, batch in zip(waiting, claims.batches(session, community_id, waiting), strict=True):
        same = (batch.sha256(), batch.points, batch.fen, batch.captures, len(batch.lines) - batch.captures)
        if same != (claim.sha256, claim.points, claim.fen, claim.captures, claim.refunds or 0):
            raise Tampered(
                say("Batch {number} is not what was drafted: its lines give another sum or hash.", number=claim.id),
                "claim_changed",
                say("Nothing was approved. Run timebank audit."),
            )


def submit(session: Session, act: Act, period: str) -> list[Claim]:
    """Say in the book that a month's approved batches are sent off; gives them, none where all were before.

    Raises Invalid `bad_period`, NotFound `no_claims`, Refused `not_approved` where there are only drafts, Tampered
    `claim_changed`.
    """
    parse_period(period)
    cid = act.community_id
    outcome = once(session, act, SUBMIT, {"period": period}, lambda: {"batches": _submit(session, act, period)})
    return [session.get_one(Claim, (cid, number)) for number in outcome.receipt["batches"]]


def _submit(session: Session, act: Act, period: str) -> list[int]:
    found = claims.of_period(session, act.community_id, period)
    if not found:
        raise NotFound(
            say("There are no batches of {period}.", period=period),
            "no_claims",
            say("Draft them first: timebank settlement draft {period}", period=period),
        )
    if all(claim.state == "draft" for claim in found):
        raise Refused(
            say("The settlement of {period} is not approved yet.", period=period),
            "not_approved",
            say("Let a second person run: timebank settlement approve {period} --approver W0002", period=period),
        )
    ready = [claim for claim in found if claim.state == "approved"]
    _check_unchanged(session, act.community_id, ready)
    seqs = _post(session, act, [(SUBMIT, c, {"batch": c.id, "sha256": c.sha256}) for c in ready])
    for claim, seq in zip(ready, seqs, strict=True):
        claim.state, claim.submitted_seq = "submitted", seq
        session.add(claim)
    session.flush()
    return [claim.id for claim in ready]


def end(session: Session, act: Act, result: Result) -> Claim:
    """Enter that a batch was paid (the merchant is owed that much less) or returned (its lines are open again).

    Raises NotFound `unknown_batch`; Refused `not_submitted`, `already_paid`, `already_returned`, `other_amount`; Invalid
    `no_reference`, `text_too_long`.
    """
    check(result)
    asked = {"batch": result.batch, "outcome": result.outcome, "reference": result.reference, "day": str(result.day or "")}
    once(session, act, f"settlement.{result.outcome}", asked, lambda: {"batch": _end(session, act, result)})
    return find(session, act.community_id, result.batch)


def check(result: Result) -> None:
    """Refuse a result that says nothing to look for. Raises Invalid `no_reference`, `text_too_long`."""
    if not result.reference:
        raise Invalid(
            say("A payment has a reference, a returned batch a reason."),
            "no_reference",
            say("Add for example --reference 2026-11-12-0031, or --why."),
        )
    if len(result.reference) > REFERENCE_MAX:
        raise Invalid(say("A text has at most {most} characters.", most=REFERENCE_MAX), "text_too_long", say("Shorten it."))


def _end(session: Session, act: Act, result: Result) -> int:
    cid, today = act.community_id, communities.today(session, act)
    claim = find(session, cid, result.batch)
    day = result.day or today
    _check_on_its_way(session, claim, result)
    merchant = merchants.get(session, cid, claim.merchant_id)
    kind, transfers = (PAID, fund.pay(claim.fen, merchant.holder)) if result.outcome == "paid" else (RETURNED, ())
    facts: dict[str, object] = {"batch": claim.id, "sha256": claim.sha256}
    receipt = ledger.post(session, act, Draft(kind, day, transfers, f"claim:{claim.id}", facts=facts, text=result.reference))
    columns = ("community_id", "claim_id", "outcome", "day", "reference", "seq")
    insert_rows(
        session, "claim_end", columns, [(cid, claim.id, result.outcome, day.isoformat(), result.reference, receipt.seq)]
    )
    claim.state = result.outcome
    session.add(claim)
    session.flush()
    return claim.id


def _check_on_its_way(session: Session, claim: Claim, result: Result) -> None:
    if claim.state in ("paid", "returned"):
        ended = claims.ends(session, claim.community_id, [claim.id])[claim.id]
        told = {"number": claim.id, "day": ended.day, "reference": ended.reference}
        if claim.state == "paid":
            raise Refused(
                say("Batch {number} was paid on {day} ({reference}).", **told),
                "already_paid",
                say("See timebank settlement list {period}.", period=claim.period),
            )
        raise Refused(
            say("Batch {number} was returned on {day} ({reference}).", **told),
            "already_returned",
            say("Its vouchers go into the next draft: timebank settlement draft {period}", period=claim.period),
        )
    if claim.state != "submitted":
        raise Refused(
            say("Batch {number} has not been sent off.", number=claim.id),
            "not_submitted",
            say("Approve it, then run timebank settlement export {period}.", period=claim.period),
        )
    if result.fen is not None and result.fen != claim.fen:
        raise Refused(
            say(
                "Batch {number} is over {right} yuan, not {said}.",
                number=claim.id,
                right=yuan(claim.fen),
                said=yuan(result.fen),
            ),
            "other_amount",
            say("Enter what the bank's paper says; a batch is paid whole or returned."),
        )


def find(session: Session, community_id: int, number: int) -> Claim:
    """The batch of a number. Raises NotFound `unknown_batch`."""
    found = session.get(Claim, (community_id, number)) if 1 <= number < 10**10 else None
    if found is None:
        raise NotFound(
            say("There is no batch {number}.", number=number),
            "unknown_batch",
            say("See the numbers with timebank settlement list MONTH."),
        )
    return found


def of_merchant(session: Session, community_id: int, period: str, number: str) -> Claim:
    """The batch of a merchant's month that was sent off and has not ended.

    Raises NotFound `unknown_merchant`, `no_claims`, Refused `which_batch` where there are several.
    """
    shop = merchants.find(session, community_id, number)
    own = [c for c in claims.of_period(session, community_id, parse_period(period)) if c.merchant_id == shop.id]
    waiting = [claim for claim in own if claim.state == "submitted"]
    if len(waiting) > 1:
        raise Refused(
            say("{merchant} has {count} batches on their way.", merchant=shop.number, count=len(waiting)),
            "which_batch",
            say("Name one of them: {numbers}.", numbers=", ".join(f"--batch {c.id}" for c in waiting)),
        )
    if waiting or own:
        return (waiting or own)[-1]
    raise NotFound(
        say("{merchant} has no batch of {period}.", merchant=shop.number, period=period),
        "no_claims",
        say("See timebank settlement list {period}.", period=period),
    )


def enter(session: Session, act: Act, results: Sequence[Result]) -> Imported:
    """Enter what a sheet says became of batches; what was entered before, word for word, is a repeat.

    Every row that is wrong is named, with its code as in `end`, and `twice_in_file`; the door undoes the good ones with it.
    """
    outcome = Imported(rows=len(results))
    cid = act.community_id
    known = claims.ends(session, cid, sorted({result.batch for result in results if 0 < result.batch < 10**10}))
    seen: set[int] = set()
    for result in results:
        try:
            if result.batch in seen:
                raise Invalid(say("Batch {number} stands in this file twice.", number=result.batch), "twice_in_file")
            seen.add(result.batch)
            before = known.get(result.batch)
            if before is not None and (before.outcome, before.reference) == (result.outcome, result.reference):
                outcome.repeated += 1
                continue
            check(result)
            _end(session, act, result)
            outcome.posted += 1
        except TimebankError as error:
            outcome.rejected.append(Finding(f"row {result.row}", error.code, error.message, result.row, error.hint))
    return outcome
