"""What the fund has and what it may be spent on: deposits from four sources, budgets, and whether a voucher can still be borne.

Until an office declares a budget the fund is unlimited and says what it would owe. From then on no voucher is issued that
the fund's free money, or a budget it falls under, does not cover: so a settlement never exceeds the fund.

A budget limits what vouchers issued in a month cost - of everybody, of one merchant, or of one programme, which is a tag
for some offers. It names a month, or none for every month from its first on; the month's own goes before that, and the
later one replaces the earlier. What was used is counted from the vouchers, whoever bears them, so what a refund or a lapse
gives back is free again.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ForeignKeyConstraint, Text
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import fund, ledger, reading, sponsors, vouchers
from timebank.approvals import two_people
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import insert_rows, key_field
from timebank.base.errors import Invalid, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.months import first_day, last_day, parse_period, period_of
from timebank.base.rows import all_with, first, last_id
from timebank.benefits import yuan
from timebank.fund import Part
from timebank.journal import FUND, Draft, Unit
from timebank.once import once
from timebank.people import merchants

DEPOSIT, BUDGET = "fund.deposit", "fund.budget"
FEN_MAX = 100_000_000_000
"""The largest deposit or budget, a thousand million yuan: what is above is a slip of the keyboard."""
TEXT_MAX = 200
KINDS = ("cash", "in_kind")
_TAG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TAG_MAX = 40
_OFFERS_MAX = 1_000
ACCOUNTS: tuple[tuple[str, Unit, str], ...] = (
    *((fund.source(name), "fen", purpose) for name in fund.SOURCES for purpose in (fund.GIVEN, fund.GIVEN_IN_KIND)),
    (FUND, "fen", fund.IN_KIND),
)
"""Opened with the first deposit: books from before deposits have none of them."""


class Deposit(SQLModel, table=True):
    """What was given, in fen: cash or in kind (then `basis` says what it is and how its worth was found). `sponsor_id` is who
    earmarked it. `reference` (a bank's or a receipt's number) and `basis` stand here alone, bound by the entry's text hash."""

    __table_args__ = (ForeignKeyConstraint(["community_id", "sponsor_id"], ["sponsor.community_id", "sponsor.id"]),)

    community_id: int = key_field()
    id: int = key_field()
    source: str
    kind: str
    sponsor_id: int | None = Field(default=None, sa_type=BigInteger)
    fen: int = Field(sa_type=BigInteger)
    day: date
    reference: str
    basis: str = ""
    seq: int = Field(sa_type=BigInteger)


class Budget(SQLModel, table=True):
    """What vouchers may cost in a month, in fen. `period` None is every month from `since` on; `merchant_id` one merchant's;
    `programme` a tag for `offers` (JSON, their numbers)."""

    __table_args__ = (ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),)

    community_id: int = key_field()
    id: int = key_field()
    since: str
    period: str | None = None
    merchant_id: int | None = Field(default=None, sa_type=BigInteger)
    programme: str | None = None
    offers: str | None = Field(default=None, sa_type=Text)
    fen: int = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)

    @property
    def offer_ids(self) -> tuple[int, ...]:
        """The offers of its programme; none for another budget."""
        return tuple(json.loads(self.offers)) if self.offers else ()


@dataclass(frozen=True, slots=True)
class NewDeposit:
    """A deposit to be taken in: from a source, or from a sponsor (whose source it is then); no `day` is today. With a `basis`
    it is in kind."""

    fen: int
    reference: str
    source: str | None = None
    sponsor: int | None = None
    day: date | None = None
    basis: str | None = None


@dataclass(frozen=True, slots=True)
class NewBudget:
    """A budget to be declared: of a month or of every month from this one on, of all, a merchant (its printed number) or a
    programme with its offers."""

    fen: int
    period: str | None = None
    merchant: str | None = None
    programme: str | None = None
    offers: tuple[int, ...] = ()


class Wish(NamedTuple):
    """What a voucher to be issued would cost at most, and who bears it."""

    merchant_id: int
    offer_id: int
    parts: Sequence[Part]

    @property
    def fen(self) -> int:
        """What all bear together."""
        return sum(fen for _, fen in self.parts)


class Limit(NamedTuple):
    """A budget as it is in force in a month, with what the vouchers issued in that month have used of it, in fen."""

    budget: Budget
    used: int

    @property
    def left(self) -> int:
        """What may still be used; below 0 where the budget was cut after vouchers were issued."""
        return self.budget.fen - self.used


def deposit(session: Session, act: Act, wish: NewDeposit) -> Deposit:
    """Take money or goods in. Cash is free at once; goods are counted apart, since they reimburse no shop.

    Raises Invalid `bad_amount`, `no_source`, `unknown_source`, `no_reference`, `no_basis`, `text_too_long`, `future_date`;
    NotFound `unknown_sponsor`; Refused `other_source`, `deposited_already`.
    """
    if not 1 <= wish.fen <= FEN_MAX:
        raise Invalid(
            say("An amount lies between 0.01 and {most} yuan.", most=yuan(FEN_MAX)),
            "bad_amount",
            say("Write it like 5000.00."),
        )
    _check_texts(wish)
    if wish.source is not None:
        sponsors.check_source(wish.source)
    elif wish.sponsor is None:
        raise Invalid(
            say("Who gave it?"), "no_source", say("Name --source {names}, or a --sponsor.", names=" | ".join(fund.SOURCES))
        )
    asked = {
        "fen": wish.fen,
        "reference": wish.reference,
        "source": wish.source or "",
        "sponsor": wish.sponsor or 0,
        "day": str(wish.day or ""),
        "basis": wish.basis or "",
    }
    outcome = once(session, act, DEPOSIT, asked, lambda: {"deposit": _deposit(session, act, wish)})
    return find(session, act.community_id, outcome.receipt["deposit"])


def _check_texts(wish: NewDeposit) -> None:
    if not wish.reference:
        raise Invalid(
            say("A deposit has a reference, so that it can be found on the bank's statement."),
            "no_reference",
            say("Add for example --reference 2026-11-03-0012."),
        )
    if wish.basis == "":
        raise Invalid(
            say("Say what was given and how its worth was found."),
            "no_basis",
            say("Add for example --basis '100 bags of rice at the shop's price of 50 yuan'."),
        )
    if max(len(wish.reference), len(wish.basis or "")) > TEXT_MAX:
        raise Invalid(say("A text has at most {most} characters.", most=TEXT_MAX), "text_too_long", say("Shorten it."))


def _deposit(session: Session, act: Act, wish: NewDeposit) -> int:
    cid, today = act.community_id, communities.today(session, act)
    earmarked = sponsors.find(session, cid, wish.sponsor) if wish.sponsor is not None else None
    if earmarked is not None and wish.source not in (None, earmarked.source):
        raise Refused(
            say("Sponsor {number} is of the source {source}.", number=earmarked.id, source=earmarked.source),
            "other_source",
            say("Leave --source out."),
        )
    source = earmarked.source if earmarked else wish.source
    assert source is not None, "a deposit has a source"
    _check_new(session, cid, source, wish)
    ledger.open_missing(session, cid, ACCOUNTS)
    number = last_id(session, "deposit", cid) + 1
    kind = "cash" if wish.basis is None else "in_kind"
    holder = earmarked.holder if earmarked else FUND
    transfers = fund.deposit(source, wish.fen, holder) if kind == "cash" else fund.deposit_in_kind(source, wish.fen)
    facts: dict[str, object] = {"source": source, "kind": kind, "fen": wish.fen}
    if earmarked is not None:
        facts["sponsor"] = earmarked.id
    told = bound_text(wish.reference, wish.basis or "")
    day = wish.day or today
    receipt = ledger.post(session, act, Draft(DEPOSIT, day, transfers, f"deposit:{number}", facts=facts, text=told))
    row = {
        "community_id": cid,
        "id": number,
        "source": source,
        "kind": kind,
        "sponsor_id": wish.sponsor,
        "fen": wish.fen,
        "day": day.isoformat(),
        "reference": wish.reference,
        "basis": wish.basis or "",
        "seq": receipt.seq,
    }
    insert_rows(session, "deposit", tuple(row), [tuple(row.values())])
    return number


def bound_text(reference: str, basis: str) -> str:
    """A deposit's texts as one, whose salted hash its entry holds."""
    return f"{reference}\n{basis}" if basis else reference


def _check_new(session: Session, community_id: int, source: str, wish: NewDeposit) -> None:
    """A bank's number stands for one deposit: typed twice, it is a slip."""
    for known in all_with(session, Deposit, community_id=community_id, source=source, reference=wish.reference):
        if known.fen == wish.fen and ledger.reversed_by(session, community_id, known.seq) is None:
            raise Refused(
                say("Deposit {number} has this reference and amount.", number=known.id),
                "deposited_already",
                say("If it is another one, give it a reference of its own."),
            )


def take_back(session: Session, act: Act, number: int) -> Deposit:
    """Reverse a deposit that was entered wrongly; two people.

    Raises NotFound `unknown_deposit`; Refused `already_reversed`, and `insufficient` where earmarked money is committed or
    spent already; NotAllowed `approver_missing`, `same_person`.
    """
    two_people(act)
    found = find(session, act.community_id, number)
    ledger.reverse(session, act, found.seq)
    return found


def find(session: Session, community_id: int, number: int) -> Deposit:
    """The deposit of a number. Raises NotFound `unknown_deposit`."""
    found = first(session, Deposit, community_id=community_id, id=number) if number < 10**10 else None
    if found is None:
        raise NotFound(
            say("There is no deposit {number}.", number=number), "unknown_deposit", say("See the numbers: timebank fund list.")
        )
    return found


def deposits(session: Session, community_id: int) -> list[Deposit]:
    """All deposits, by number; those that were taken back too."""
    wanted = select(Deposit).where(col(Deposit.community_id) == community_id)
    return list(session.exec(wanted.order_by(col(Deposit.id))))


def declare(session: Session, act: Act, wish: NewBudget) -> Budget:
    """Declare a budget; two people. It replaces an earlier one of the same month, merchant or programme and edits none.

    Raises NotAllowed `approver_missing`, `same_person`; Invalid `bad_amount`, `bad_period`, `bad_programme`, `past_month`,
    `one_scope`, `no_offers`; NotFound `unknown_merchant`.
    """
    two_people(act)
    if not 0 <= wish.fen <= FEN_MAX:
        raise Invalid(
            say("A budget lies between 0.00 and {most} yuan.", most=yuan(FEN_MAX)), "bad_amount", say("Write it like 5000.00.")
        )
    if wish.period is not None:
        parse_period(wish.period)
    _check_scope(wish)
    asked = {
        "fen": wish.fen,
        "period": wish.period or "",
        "merchant": wish.merchant or "",
        "programme": wish.programme or "",
        "offers": list(wish.offers),
    }
    outcome = once(session, act, BUDGET, asked, lambda: {"budget": _declare(session, act, wish)})
    found = first(session, Budget, community_id=act.community_id, id=outcome.receipt["budget"])
    assert found is not None, "it was just declared"
    return found


def _check_scope(wish: NewBudget) -> None:
    if wish.merchant is not None and wish.programme is not None:
        raise Invalid(
            say("A budget is of a merchant or of a programme."),
            "one_scope",
            say("Declare two budgets: a voucher must fit into both."),
        )
    if wish.programme is None:
        if wish.offers:
            raise Invalid(say("Offers belong to a programme."), "bad_programme", say("Name it with --programme."))
        return
    if not _TAG.fullmatch(wish.programme) or len(wish.programme) > _TAG_MAX:
        raise Invalid(
            say("{tag} is not the tag of a programme.", tag=wish.programme),
            "bad_programme",
            say("Small letters, digits and hyphens, for example elder-care."),
        )
    if not wish.offers or len(wish.offers) > _OFFERS_MAX:
        raise Invalid(say("A programme's budget names its offers."), "no_offers", say("Add for example --offer 1 --offer 3."))


def _declare(session: Session, act: Act, wish: NewBudget) -> int:
    cid, today = act.community_id, communities.today(session, act)
    this_month = period_of(today)
    if wish.period is not None and wish.period < this_month:
        raise Invalid(
            say("{period} is over; its vouchers are issued.", period=wish.period),
            "past_month",
            say("Declare a budget for {period} or later.", period=this_month),
        )
    merchant = merchants.find(session, cid, wish.merchant) if wish.merchant is not None else None
    number = last_id(session, "budget", cid) + 1
    offers = sorted(set(wish.offers))
    facts: dict[str, object] = {"since": this_month, "fen": wish.fen}
    facts |= {"month": wish.period} if wish.period else {}
    facts |= {"merchant": merchant.id} if merchant else {}
    facts |= {"programme": wish.programme, "offers": offers} if wish.programme else {}
    receipt = ledger.post(session, act, Draft(BUDGET, today, subject=f"budget:{number}", facts=facts, text=act.reason or None))
    row = {
        "community_id": cid,
        "id": number,
        "since": this_month,
        "period": wish.period,
        "merchant_id": merchant.id if merchant else None,
        "programme": wish.programme,
        "offers": json.dumps(offers) if wish.programme else None,
        "fen": wish.fen,
        "seq": receipt.seq,
    }
    insert_rows(session, "budget", tuple(row), [tuple(row.values())])
    return number


def budgets(session: Session, community_id: int) -> list[Budget]:
    """All budgets that were ever declared, by number."""
    return sorted(all_with(session, Budget, community_id=community_id), key=lambda budget: budget.id)


def in_force(declared: Sequence[Budget], period: str) -> list[Budget]:
    """The budgets that hold in a month: of each scope the month's own, else the one for every month; the latest of each."""
    found: dict[tuple[int, str], Budget] = {}
    for budget in declared:
        if budget.since > period or budget.period not in (None, period):
            continue
        scope = (budget.merchant_id or 0, budget.programme or "")
        before = found.get(scope)
        if before is None or before.period is None or budget.period is not None:
            found[scope] = budget
    return [found[scope] for scope in sorted(found)]


def limits(session: Session, community_id: int, period: str) -> list[Limit]:
    """The budgets in force in a month with what was used of each."""
    holding = in_force(budgets(session, community_id), period)
    return _used(session, community_id, holding, period) if holding else []


def _used(session: Session, community_id: int, holding: Sequence[Budget], period: str) -> list[Limit]:
    spent = vouchers.reserved(session, community_id, first_day(period), last_day(period))
    return [Limit(budget, sum(r.fen for r in spent if falls_under(budget, r.merchant_id, r.offer_id))) for budget in holding]


def falls_under(budget: Budget, merchant_id: Any, offer_id: Any) -> bool:
    """Whether a budget counts the vouchers of a merchant's offer."""
    if budget.merchant_id is not None:
        return bool(merchant_id == budget.merchant_id)
    return budget.programme is None or offer_id in budget.offer_ids


def reserve(session: Session, act: Act, wish: Wish) -> None:
    """See that a voucher can be borne before it is issued, under the community's lock; the caller commits the parts.

    Raises Refused `sponsor_exhausted` where earmarked money does not reach, and once a budget was ever declared
    `budget_used_up`, `fund_exhausted`.
    """
    cid = act.community_id
    declared = budgets(session, cid)
    for holder, fen in wish.parts:
        if holder != FUND or declared:
            _check_money(session, cid, holder, fen)
    if not declared or not wish.fen:
        return
    period = period_of(communities.today(session, act))
    concerned = [b for b in in_force(declared, period) if falls_under(b, wish.merchant_id, wish.offer_id)]
    for limit in _used(session, cid, concerned, period) if concerned else []:
        if wish.fen > limit.left:
            raise Refused(
                say(
                    "The budget of {period} has {left} yuan left; this voucher may cost {needed} yuan.",
                    period=period,
                    left=yuan(max(0, limit.left)),
                    needed=yuan(wish.fen),
                ),
                "budget_used_up",
                say("Take fewer points, another offer, or wait until next month: timebank fund show."),
            )


def _check_money(session: Session, community_id: int, holder: str, needed: int) -> None:
    there = ledger.balances(session, community_id, "fen", holder).get((holder, fund.FREE), 0)
    if needed <= there:
        return
    values = {"left": yuan(max(0, there)), "needed": yuan(needed)}
    if holder == FUND:
        raise Refused(
            say("The fund has {left} yuan free; this voucher may cost it {needed} yuan.", **values),
            "fund_exhausted",
            say("Take fewer points, or wait until more is given: timebank fund show."),
        )
    raise Refused(
        say("The sponsor's money has {left} yuan left; this voucher may cost it {needed} yuan.", **values),
        "sponsor_exhausted",
        say("Choose another offer, or wait until the sponsor gives more: timebank fund show."),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """What the fund has, in fen: `given` and `in_kind` by source, sponsors' own money by number, and the whole.

    given in cash = free + committed + owed + paid. `free` below 0 is what an unlimited fund has promised beyond its money.
    """

    given: dict[str, int]
    in_kind: dict[str, int]
    sponsored: dict[int, "Purse"]
    general: "Purse"
    owed: int
    paid: int
    limited: bool

    @property
    def free(self) -> int:
        """What nothing is promised of, earmarked money included."""
        return self.general.free + sum(purse.free for purse in self.sponsored.values())

    @property
    def committed(self) -> int:
        """What open vouchers may still take off."""
        return self.general.committed + sum(purse.committed for purse in self.sponsored.values())

    @property
    def beyond(self) -> int:
        """What was promised beyond the money in general."""
        return max(0, -self.general.free)


class Purse(NamedTuple):
    """Money of one holder, in fen: promised to nobody, and committed to open vouchers."""

    free: int
    committed: int


class Month(NamedTuple):
    """What came into the fund and what left it in a month, in fen: given in cash, promised to vouchers and merchants (below 0
    where more was given back), paid; and what was free at its end."""

    period: str
    given: int
    promised: int
    paid: int
    free: int


def standing(session: Session, community_id: int) -> Standing:
    """What the fund has now."""
    there = ledger.balances(session, community_id, "fen")

    def purse(holder: str) -> Purse:
        return Purse(there.get((holder, fund.FREE), 0), there.get((holder, fund.COMMITTED), 0))

    return Standing(
        {name: -there.get((fund.source(name), fund.GIVEN), 0) for name in fund.SOURCES},
        {name: -there.get((fund.source(name), fund.GIVEN_IN_KIND), 0) for name in fund.SOURCES},
        {sponsor.id: purse(sponsor.holder) for sponsor in sponsors.listed(session, community_id)},
        purse(FUND),
        sum(fen for (_, purpose), fen in there.items() if purpose == fund.PAYABLE),
        there.get((FUND, fund.PAID), 0),
        bool(budgets(session, community_id)),
    )


def months(session: Session, community_id: int) -> list[Month]:
    """What the fund's months changed, from the first in which anything moved."""
    moved: dict[str, dict[str, int]] = {}
    for period, _, purpose, net in reading.turned(session, community_id, "fen"):
        sums = moved.setdefault(period, {})
        sums[purpose] = sums.get(purpose, 0) + net
    found, free = [], 0
    for period, sums in sorted(moved.items()):
        given, paid = -sums.get(fund.GIVEN, 0), sums.get(fund.PAID, 0)
        free += sums.get(fund.FREE, 0)
        promised = sums.get(fund.COMMITTED, 0) + sums.get(fund.PAYABLE, 0) + paid
        found.append(Month(period, given, promised, paid, free))
    return found
