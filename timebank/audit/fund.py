"""The fund against what was given, promised, owed and paid: sponsors, deposits and budgets are what their entries say, the
money adds up from the rows of other rooms alone, and no voucher was issued that a budget did not cover."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, literal, select
from sqlmodel import SQLModel

from timebank import fund, funds, sponsors
from timebank.acceptances import Acceptance, AcceptanceEnd
from timebank.audit.bound import Bound
from timebank.audit.findings import Findings
from timebank.audit.refold import Event
from timebank.audit.source import Source, columns_of
from timebank.base.i18n import say
from timebank.claims import Claim, ClaimEnd
from timebank.funds import Budget, Deposit
from timebank.journal import ACCOUNT, ENTRY, FUND, EntryText
from timebank.sponsors import Sponsor
from timebank.vouchers import REFUND, RESOLUTION, VOUCHER

BOUND: tuple[Bound, ...] = (
    Bound(sponsors.ADDED, "sponsor", {"source": "source"}, "fund_row_differs"),
    Bound(
        funds.DEPOSIT,
        "deposit",
        {"sponsor": "sponsor_id", "business_date": "day"} | {name: name for name in ("source", "kind", "fen")},
        "fund_row_differs",
    ),
    Bound(
        funds.BUDGET,
        "budget",
        {"month": "period", "merchant": "merchant_id"} | {name: name for name in ("since", "programme", "fen")},
        "fund_row_differs",
    ),
)
TWO_PEOPLE = frozenset({funds.BUDGET})
KINDS = frozenset({"reversal"}) | {bound.kind for bound in BOUND}
_FREE = ("fen", fund.FREE)


@dataclass(slots=True)
class FundCourse:
    """Follows the fund through the journal: whether a voucher was issued beyond a budget or the fund's free money.

    Kept are the budgets, what is used in the month at hand by merchant and offer, and that month's vouchers.
    """

    findings: Findings
    budgets: list[Budget] = field(default_factory=list)
    free: int = 0
    period: str = ""
    used: dict[tuple[Any, Any], int] = field(default_factory=dict)
    vouchers: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def take(self, events: Sequence[Event]) -> None:
        """Follow the entries of a batch: events as the refold keeps them."""
        for event in events:
            freed = [(h, amount) for h, unit, purpose, _, amount, _ in event.payload["postings"] if (unit, purpose) == _FREE]
            self.free += sum(amount for holder, amount in freed if holder == FUND)
            subject, facts = str(event.payload.get("subject")), event.payload.get("facts", {})
            if event.kind == funds.BUDGET:
                self.budgets.append(_budget(subject, facts))
            elif event.kind == "voucher.issue":
                self._issue(event, (facts.get("merchant"), facts.get("offer")), dict(freed))
            elif (voucher := f"voucher:{facts['voucher']}" if "voucher" in facts else subject) in self.vouchers:
                self.used[self.vouchers[voucher]] -= sum(amount for _, amount in freed)  # not used, or given back

    def _issue(self, event: Event, where: tuple[Any, Any], freed: dict[str, int]) -> None:
        period = str(event.payload["business_date"])[:7]
        if period != self.period:
            self.period, self.used, self.vouchers = period, {}, {}
        self.vouchers[str(event.payload.get("subject"))] = where
        self.used[where] = self.used.get(where, 0) - sum(freed.values())
        if not self.budgets or not freed:
            return
        if FUND in freed and self.free < 0:
            beyond = say("After it the fund has {free} fen free, and it has budgets.", free=self.free)
            self.findings.add("over_budget", beyond, entry=event.seq)
        for budget in funds.in_force(self.budgets, period):
            used = sum(fen for place, fen in self.used.items() if funds.falls_under(budget, *place))
            if funds.falls_under(budget, *where) and used > budget.fen:
                told = {"number": budget.id, "fen": budget.fen, "used": used}
                over = say("Budget {number} is over {fen} fen; after it {used} are used.", **told)
                self.findings.add("over_budget", over, entry=event.seq)


def _budget(subject: str, facts: dict[str, Any]) -> Budget:
    return Budget(
        community_id=0,
        id=int(subject.partition(":")[2]),
        since=str(facts["since"]),
        period=facts.get("month"),
        merchant_id=facts.get("merchant"),
        programme=facts.get("programme"),
        offers=json.dumps(facts["offers"]) if "offers" in facts else None,
        fen=int(facts["fen"]),
        seq=0,
    )


def check(source: Source, findings: Findings) -> None:
    """Compare what the accounts have with what the rows of deposits, vouchers, refunds and claims make; and the texts."""
    if findings.wants("fund"):
        stands, made = _stands(source), _made(source)
        for name in sorted(stands.keys() | made.keys()):
            shown, truth = stands.get(name, 0), made.get(name, 0)
            if shown != truth:
                differs = say(
                    "{account} has {shown} fen; deposits, vouchers, refunds and claims make {truth}.",
                    account=name,
                    shown=str(shown),
                    truth=str(truth),
                )
                findings.add("fund_differs", differs, where="fund")
    _texts(source, findings)


def _stands(source: Source) -> dict[str, int]:
    """What the accounts in fen have: each merchant's own, the others by purpose, the fund's and its sponsors' together."""
    own = (ACCOUNT.community_id == source.community_id, ACCOUNT.unit == "fen")
    found: dict[str, int] = {}
    for holder, purpose, balance in source.rows(select(ACCOUNT.holder, ACCOUNT.purpose, ACCOUNT.balance).where(*own)):
        if not str(purpose).startswith(fund.GIVEN):
            name = f"{holder} {purpose}" if str(holder).startswith("merchant:") else f"fund {purpose}"
            found[name] = found.get(name, 0) + balance
    return found


def _made(source: Source) -> dict[str, int]:
    """The same from rows: free is what was given in cash, less what is committed, owed and paid."""
    given = _given(source)
    owed = _owed(source)
    paid = _paid(source)
    made = {f"merchant:{number} payable": owed.get(number, 0) - paid.get(number, 0) for number in owed.keys() | paid.keys()}
    committed, all_paid = _committed(source), sum(paid.values())
    free = given.get("cash", 0) - committed - sum(made.values()) - all_paid
    names = (fund.FREE, fund.COMMITTED, fund.PAID, fund.IN_KIND)
    of_fund = zip(names, (free, committed, all_paid, given.get("in_kind", 0)), strict=True)
    return made | {f"fund {name}": fen for name, fen in of_fund}


def _given(source: Source) -> dict[str, int]:
    """Deposits that stand, by kind."""
    deposit, taken_back = columns_of(Deposit), SQLModel.metadata.tables["entry"].alias()
    same = (taken_back.c.community_id == deposit.community_id) & (taken_back.c.reverses == deposit.seq)
    wanted = select(deposit.kind, func.sum(deposit.fen)).outerjoin_from(deposit.id.table, taken_back, same)
    own = (deposit.community_id == source.community_id, taken_back.c.seq.is_(None))
    return {kind: int(fen) for kind, fen in source.rows(wanted.where(*own).group_by(deposit.kind))}


def _committed(source: Source) -> int:
    same = (RESOLUTION.community_id == VOUCHER.community_id) & (RESOLUTION.voucher_id == VOUCHER.id)
    wanted = select(func.sum(VOUCHER.fen)).outerjoin_from(VOUCHER.id.table, RESOLUTION.seq.table, same)
    ((fen,),) = source.rows(wanted.where(VOUCHER.community_id == source.community_id, RESOLUTION.seq.is_(None)))
    return int(fen or 0)


def _owed(source: Source) -> dict[int, int]:
    """By merchant, what captures made and refunds left of it, and what the fund honoured besides."""
    ended = (RESOLUTION.community_id == VOUCHER.community_id) & (RESOLUTION.voucher_id == VOUCHER.id)
    claim_fen = RESOLUTION.benefit_fen - func.coalesce(RESOLUTION.merchant_fen, 0)
    captured = select(VOUCHER.merchant_id, func.sum(claim_fen)).join_from(VOUCHER.id.table, RESOLUTION.seq.table, ended)
    captured = captured.where(VOUCHER.community_id == source.community_id, RESOLUTION.outcome == "captured")
    given_back = (REFUND.community_id == VOUCHER.community_id) & (REFUND.voucher_id == VOUCHER.id)
    refunded = select(VOUCHER.merchant_id, func.sum(REFUND.claim_fen)).join_from(VOUCHER.id.table, REFUND.id.table, given_back)
    refunded = refunded.where(VOUCHER.community_id == source.community_id)
    found = {number: int(fen) for number, fen in source.rows(captured.group_by(VOUCHER.merchant_id))}
    for number, fen in source.rows(refunded.group_by(VOUCHER.merchant_id)):
        found[number] = found.get(number, 0) - int(fen)
    accepted, end = columns_of(Acceptance), columns_of(AcceptanceEnd)
    decided = (end.community_id == accepted.community_id) & (end.acceptance_id == accepted.id)
    honoured = select(accepted.merchant_id, func.sum(end.fen)).join_from(accepted.id.table, end.seq.table, decided)
    honoured = honoured.where(accepted.community_id == source.community_id)
    for number, fen in source.rows(honoured.group_by(accepted.merchant_id)):
        found[number] = found.get(number, 0) + int(fen)
    return found


def _paid(source: Source) -> dict[int, int]:
    """By merchant, the batches that were paid."""
    claim, end = columns_of(Claim), columns_of(ClaimEnd)
    same = (end.community_id == claim.community_id) & (end.claim_id == claim.id)
    wanted = select(claim.merchant_id, func.sum(claim.fen)).join_from(claim.id.table, end.seq.table, same)
    own = (claim.community_id == source.community_id, end.outcome == "paid")
    return {number: int(fen) for number, fen in source.rows(wanted.where(*own).group_by(claim.merchant_id))}


def _texts(source: Source, findings: Findings) -> None:
    """What stands in a row and is bound by its entry's text alone: a sponsor's name, references, how a worth was found; and
    the offers of a programme's budget."""
    text = columns_of(EntryText)
    sponsor, deposit, end, budget = columns_of(Sponsor), columns_of(Deposit), columns_of(ClaimEnd), columns_of(Budget)
    told = {
        "sponsor": select(sponsor.id, text.text, sponsor.name, literal("")),
        "deposit": select(deposit.id, text.text, deposit.reference, deposit.basis),
        "claim": select(end.claim_id, text.text, end.reference, literal("")),
    }
    for (prefix, columns), rows in zip(told.items(), (sponsor, deposit, end), strict=True):
        same = (text.community_id == rows.community_id) & (text.seq == rows.seq)
        joined = columns.join_from(rows.seq.table, text.seq.table, same)
        for number, bound, *shown in source.rows(joined.where(rows.community_id == source.community_id)):
            if bound != funds.bound_text(*shown):
                other = say("Its texts are not those its entry was written with.")
                findings.add("fund_row_differs", other, where=f"{prefix}:{number}")
    same = (ENTRY.community_id == budget.community_id) & (ENTRY.seq == budget.seq)
    wanted = select(budget.id, budget.offers, ENTRY.payload).join_from(budget.id.table, ENTRY.seq.table, same)
    for number, shown, payload in source.rows(wanted.where(budget.community_id == source.community_id)):
        listed = json.loads(payload).get("facts", {}).get("offers")
        if shown != (None if listed is None else json.dumps(listed)):
            other = say("Its offers are not those its entry names.")
            findings.add("fund_row_differs", other, where=f"budget:{number}")
