"""Offers: what one merchant gives for points, from day to day, to whom, how often, and who bears it.

Never changed; what is over is over, and an early end is a row of its own. How many vouchers there are is counted from the
vouchers that stand (open, or redeemed and not given back in whole), never from a counter: what a void, an expiry or a refund
frees is free again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ForeignKeyConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import benefits, earnings, fund, ledger, rulebooks, sponsors, vouchers
from timebank.base import codes, communities
from timebank.base.act import Act
from timebank.base.db import insert_rows, key_field
from timebank.base.errors import Finding, Invalid, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.imported import Imported
from timebank.base.masking import tells_who
from timebank.base.rows import first, last_id
from timebank.benefits import Discount, Item, Offset, Shares, Terms
from timebank.clauses import Tier
from timebank.journal import Draft
from timebank.once import once
from timebank.people import members, merchants, persons, staff

NUMBER_MAX = 10**10 - 1
"""No offer or voucher has a larger number; what a person types above it need not bother the database."""
LIMIT_MAX = 1_000_000
"""The largest limit or stock of an offer."""
AGE_MAX = 120
MINUTES_MAX = 60 * 100_000


class Offer(SQLModel, table=True):
    """What one merchant gives. `offset`: points_per_yuan and max_share_bp of the bill. `discount`: off_bp of the bill, at
    most max_fen, from min_spend_fen, for a fixed number of points. `item`: goods or a service worth item_fen, named by
    `label`, for a fixed number of points. Money in fen, shares in basis points, served time in minutes.

    No limit, condition or share of merchant or sponsor is NULL or 0: the fund then bears all, and anybody may have any number.
    """

    __table_args__ = (ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),)

    community_id: int = key_field()
    id: int = key_field()
    merchant_id: int = Field(sa_type=BigInteger)
    kind: str
    points_per_yuan: int | None = None
    max_share_bp: int | None = None
    off_bp: int | None = None
    max_fen: int | None = Field(default=None, sa_type=BigInteger)
    min_spend_fen: int = Field(default=0, sa_type=BigInteger)
    points: int | None = Field(default=None, sa_type=BigInteger)
    valid_from: date
    valid_to: date
    seq: int = Field(sa_type=BigInteger)
    item_fen: int | None = Field(default=None, sa_type=BigInteger)
    label: str | None = None
    per_day: int | None = None
    per_month: int | None = None
    total: int | None = None
    stock: int | None = None
    tier: str | None = None
    min_age: int | None = None
    min_minutes: int | None = Field(default=None, sa_type=BigInteger)
    merchant_bp: int | None = None
    sponsor_bp: int | None = None
    sponsor_id: int | None = Field(default=None, sa_type=BigInteger)

    @property
    def terms(self) -> Terms:
        """What is given, as a value for `benefits`."""
        if self.kind == "offset":
            assert self.points_per_yuan is not None
            assert self.max_share_bp is not None
            return Offset(self.points_per_yuan, self.max_share_bp)
        assert self.points is not None
        if self.kind == "item":
            assert self.item_fen is not None
            return Item(self.points, self.item_fen, self.label or "")
        assert self.off_bp is not None
        return Discount(self.off_bp, self.max_fen, self.points, self.min_spend_fen)

    @property
    def shares(self) -> Shares:
        """Who bears what is given."""
        sponsor_bp = self.sponsor_bp or 0
        return Shares(benefits.WHOLE_BP - sponsor_bp - (self.merchant_bp or 0), sponsor_bp)

    @property
    def limits(self) -> "Limits":
        """How many vouchers there may be."""
        return Limits(self.per_day, self.per_month, self.total, self.stock)

    @property
    def conditions(self) -> "Conditions":
        """Whom it is for."""
        return Conditions(self.tier or "", self.min_age or 0, self.min_minutes or 0)

    def parts(self, off_fen: int, of_fen: int = 0) -> tuple[fund.Part, ...]:
        """Who besides the merchant bears `off_fen`, less what they bear of `of_fen`, as the fund wants it."""
        shared, less = (benefits.borne(fen, self.shares) for fen in (off_fen, of_fen))
        return fund.parts(shared.fund_fen - less.fund_fen, shared.sponsor_fen - less.sponsor_fen, self.sponsor_id or None)


class OfferEnd(SQLModel, table=True):
    """That an offer ended early: from that moment on it gives no more vouchers; those there are stay good."""

    __tablename__ = "offer_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "offer_id"], ["offer.community_id", "offer.id"]),)

    community_id: int = key_field()
    offer_id: int = key_field()
    day: date
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many vouchers of an offer there may be: of one member a day and a month (by the day of issue), in all, and as many
    as there are pieces of an item in stock. None is no limit."""

    per_day: int | None = None
    per_month: int | None = None
    total: int | None = None
    stock: int | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Whom an offer is for, besides what the rule book demands of everybody: who has reached a tier of the rule book of that
    day, is so many years old, has served so many minutes."""

    tier: str = ""
    min_age: int = 0
    min_minutes: int = 0


@dataclass(frozen=True, slots=True)
class NewOffer:
    """An offer to be added: the merchant's printed number, what it gives, its first and last day, how often, to whom, and who
    bears it (`sponsor`: the sponsor's number, where one bears a share). `row` is the row of the sheet."""

    merchant: str
    terms: Terms
    valid_from: date
    valid_to: date
    limits: Limits = field(default=Limits())
    conditions: Conditions = field(default=Conditions())
    shares: Shares = field(default=Shares())
    sponsor: int | None = None
    row: int = 0


def add(session: Session, act: Act, wish: NewOffer) -> Offer:
    """Add an offer of an active merchant, numbered from 1 in its community.

    Raises what `benefits.check` and `benefits.check_shares` raise; NotFound `unknown_merchant`, `unknown_sponsor`; Refused
    `merchant_inactive`; Invalid `bad_dates`, `offer_over`, `bad_limit`, `stock_of_no_item`, `bad_condition`, `unknown_tier`,
    `sponsor_missing`, `personal_label`.
    """
    _check(wish)
    label = wish.terms.label if isinstance(wish.terms, Item) else ""
    asked = {"merchant": codes.id_key(wish.merchant), "label": label, **_facts(wish)}
    outcome = once(session, act, "offer.add", asked, lambda: {"offer": _add(session, act, wish, label)})
    return find(session, act.community_id, outcome.receipt["offer"])


def add_all(session: Session, act: Act, wishes: Sequence[NewOffer]) -> Imported:
    """Add the offers of a sheet; one that there is already, not ended early, is a repeat. Codes of rejected rows: as `add`."""
    communities.lock(session, act.community_id)
    cid, over = act.community_id, ends(session, act.community_id)
    known = {_same(offer.merchant_id, offer) for offer in listed(session, cid) if offer.id not in over}
    shops = {merchant.number_key: merchant.id for merchant in merchants.listed(session, cid)}
    outcome = Imported(rows=len(wishes))
    for wish in wishes:
        same = _same(shops.get(codes.id_key(wish.merchant), 0), wish)
        if same in known:
            outcome.repeated += 1
            continue
        try:
            add(session, act, wish)
        except (Invalid, NotFound, Refused) as error:
            outcome.rejected.append(Finding(f"row {wish.row}", error.code, error.message, wish.row, error.hint))
            continue
        known.add(same)
        outcome.posted += 1
    return outcome


def _same(merchant_id: int, offer: "NewOffer | Offer") -> tuple[object, ...]:
    """What makes two offers of a sheet one."""
    sponsor = offer.sponsor if isinstance(offer, NewOffer) else offer.sponsor_id
    named = (offer.limits, offer.conditions, offer.shares)
    return (merchant_id, offer.terms, offer.valid_from, offer.valid_to, *named, sponsor or None)


def _check(wish: NewOffer) -> None:
    """What is wrong with an offer by itself."""
    benefits.check(wish.terms)
    if isinstance(wish.terms, Item) and tells_who(wish.terms.label):
        raise Invalid(
            say("{label} holds a phone or identity number or an e-mail address.", label=wish.terms.label),
            "personal_label",
            say("Name the goods or the service only: shops and members read it."),
        )
    benefits.check_shares(wish.shares)
    if bool(wish.shares.sponsor_bp) != (wish.sponsor is not None):
        raise Invalid(
            say("A sponsor and its share belong together."),
            "sponsor_missing",
            say("For example --sponsor 2 --sponsor-share 30%."),
        )
    for limit in (wish.limits.per_day, wish.limits.per_month, wish.limits.total, wish.limits.stock):
        if limit is not None and not 1 <= limit <= LIMIT_MAX:
            raise Invalid(
                say("A limit is a whole number from 1 to {most}.", most=LIMIT_MAX),
                "bad_limit",
                say("Leave the limit out if there is none."),
            )
    if wish.limits.stock is not None and not isinstance(wish.terms, Item):
        raise Invalid(
            say("Only goods and services have a stock."),
            "stock_of_no_item",
            say("Limit all vouchers of this offer with --total."),
        )
    if not (0 <= wish.conditions.min_age <= AGE_MAX and 0 <= wish.conditions.min_minutes <= MINUTES_MAX):
        raise Invalid(
            say("Nobody is that old, or has served that long."), "bad_condition", say("Give years like 60 and hours like 100.")
        )


def _add(session: Session, act: Act, wish: NewOffer, label: str) -> int:
    cid, today = act.community_id, communities.today(session, act)
    if wish.valid_to < wish.valid_from:
        raise Invalid(
            say("An offer cannot end on {last}, before its first day {first}.", first=wish.valid_from, last=wish.valid_to),
            "bad_dates",
            say("Write it like --valid 2026-01-01..2026-12-31."),
        )
    if wish.valid_to < today:
        raise Invalid(
            say("This offer would be over already: its last day was {last}.", last=wish.valid_to),
            "offer_over",
            say("Give it a last day from today on."),
        )
    merchant = merchants.find(session, cid, wish.merchant)
    check_merchant(merchant)
    if wish.sponsor is not None:
        sponsors.find(session, cid, wish.sponsor)
    if wish.conditions.tier:
        _tier(session, cid, wish.conditions.tier, max(today, wish.valid_from))
    number = last_id(session, "offer", cid) + 1
    facts = {"merchant": merchant.id, **_facts(wish)}
    draft = Draft("offer.add", today, subject=f"offer:{number}", facts=facts, text=label or None)
    receipt = ledger.post(session, act, draft)
    row = {
        "community_id": cid,
        "id": number,
        "merchant_id": merchant.id,
        "kind": facts["kind"],
        "min_spend_fen": 0,
        **_terms(wish.terms),
        **_further(wish),
        "label": label or None,
        "valid_from": wish.valid_from.isoformat(),
        "valid_to": wish.valid_to.isoformat(),
        "seq": receipt.seq,
    }
    insert_rows(session, "offer", tuple(row), [tuple(row.values())])
    return number


def _facts(wish: NewOffer) -> dict[str, Any]:
    """What an offer's entry binds. The name of an item is free text: the entry's text hash binds it."""
    further = _further(wish)
    return {
        "kind": {Offset: "offset", Discount: "discount", Item: "item"}[type(wish.terms)],
        "terms": _terms(wish.terms),
        **({"further": further} if further else {}),
        "valid_from": wish.valid_from.isoformat(),
        "valid_to": wish.valid_to.isoformat(),
    }


def _terms(terms: Terms) -> dict[str, int]:
    """Terms as the book and the offer's row name them."""
    return {name: value for name, value in asdict(terms).items() if value is not None and name != "label"}


def _further(wish: NewOffer) -> dict[str, Any]:
    """Limits, conditions and shares as the book and the offer's row name them; what is none is left out."""
    borne = {"merchant_bp": wish.shares.merchant_bp, "sponsor_bp": wish.shares.sponsor_bp, "sponsor_id": wish.sponsor}
    return {name: value for name, value in (asdict(wish.limits) | asdict(wish.conditions) | borne).items() if value}


def end(session: Session, act: Act, number: int) -> OfferEnd:
    """End an offer at once, before its last day: it gives no more vouchers, and those there are stay good. The act says why.

    Raises NotFound `unknown_offer`; Invalid `reason_missing`; Refused `offer_over`, `offer_ended`.
    """

    def work() -> dict[str, int]:
        cid, today = act.community_id, communities.today(session, act)
        offer = find(session, cid, number)
        if not act.reason:
            raise Invalid(
                say("Why does offer {number} end early?", number=number),
                "reason_missing",
                say("Add for example --reason 店铺搬迁."),
            )
        check_running(session, offer, today)
        receipt = ledger.post(session, act, Draft("offer.end", today, subject=f"offer:{number}", text=act.reason))
        row = (cid, number, today.isoformat(), receipt.seq)
        insert_rows(session, "offer_end", ("community_id", "offer_id", "day", "seq"), [row])
        return {"offer": number}

    once(session, act, "offer.end", {"offer": number}, work)
    ended = ended_early(session, act.community_id, number)
    assert ended is not None, "it was ended by this key"
    return ended


def ended_early(session: Session, community_id: int, number: int) -> OfferEnd | None:
    """How an offer ended before its last day, or None."""
    return first(session, OfferEnd, community_id=community_id, offer_id=number)


def ends(session: Session, community_id: int) -> dict[int, OfferEnd]:
    """All early ends, by the offer's number."""
    found = session.exec(select(OfferEnd).where(col(OfferEnd.community_id) == community_id))
    return {ended.offer_id: ended for ended in found}


def listed(session: Session, community_id: int) -> list[Offer]:
    """All offers, by number."""
    return list(session.exec(select(Offer).where(col(Offer.community_id) == community_id).order_by(col(Offer.id))))


def find(session: Session, community_id: int, number: int) -> Offer:
    """The offer of a number. Raises NotFound `unknown_offer`."""
    offer = first(session, Offer, community_id=community_id, id=number) if 1 <= number <= NUMBER_MAX else None
    if offer is None:
        raise NotFound(
            say("There is no offer {number}.", number=number), "unknown_offer", say("See the numbers with timebank offer list.")
        )
    return offer


def check_valid(offer: Offer, today: date) -> None:
    """Refuse an offer outside its days. Raises Refused `offer_not_yet`, `offer_over`."""
    if today < offer.valid_from:
        raise Refused(
            say("Offer {number} begins on {day}.", number=offer.id, day=offer.valid_from),
            "offer_not_yet",
            say("Issue the voucher from that day on."),
        )
    if today > offer.valid_to:
        raise Refused(
            say("Offer {number} ended on {day}.", number=offer.id, day=offer.valid_to),
            "offer_over",
            say("Choose another one: timebank offer list."),
        )


def check_running(session: Session, offer: Offer, today: date) -> None:
    """Refuse an offer that is over, by its last day or before. Raises Refused `offer_over`, `offer_ended`."""
    if today > offer.valid_to:
        check_valid(offer, today)
    ended = ended_early(session, offer.community_id, offer.id)
    if ended is not None:
        raise Refused(
            say("Offer {number} was ended early, on {day}.", number=offer.id, day=ended.day),
            "offer_ended",
            say("Choose another one: timebank offer list."),
        )


def check_merchant(merchant: merchants.Merchant) -> None:
    """Refuse a merchant that takes no points at present. Raises Refused `merchant_inactive`."""
    if merchant.state != "active":
        raise Refused(
            say(
                "Merchant {number} takes no vouchers: it is {state}.",
                number=merchant.number,
                state=merchants.STATES[merchant.state],
            ),
            "merchant_inactive",
            say("See what became of it with timebank merchant show {number}.", number=merchant.number),
        )


def reserve(session: Session, act: Act, offer: Offer, member: members.Member, today: date) -> None:
    """Refuse one more voucher of an offer for this member, under the community's lock, so that no two take the last piece.

    Nothing is written: the voucher itself is what is counted. All that is in the way is told at once, as findings.

    Raises Refused `offer_ended`, `own_shop`, `too_few_hours`, `too_young`, `age_unknown`, `tier_missing`, `tier_unknown`,
    `limit_per_day`, `limit_per_month`, `limit_total`, `sold_out`.
    """
    communities.lock(session, act.community_id)
    refused = refusals(session, offer, member, today)
    if refused:
        first_ = refused[0]
        told = [Finding(member.number, one.code, one.message) for one in refused] if len(refused) > 1 else []
        raise Refused(first_.message, first_.code, first_.hint, told)


def refusals(session: Session, offer: Offer, member: members.Member | None, today: date) -> list[Refused]:
    """Everything for which one more voucher of an offer would be refused today, besides its days and the merchant's state.

    Without a member: what would be refused whoever asks.
    """
    found: list[Refused] = []
    try:
        check_running(session, offer, today)
    except Refused as over:
        found.append(over)
    if member is not None:
        if staff.works_at(session, offer.community_id, offer.merchant_id, member.id, today):
            found.append(
                Refused(
                    say("{number} belongs to this shop.", number=member.number),
                    "own_shop",
                    say("Nobody has vouchers for their own shop; other shops take their points."),
                )
            )
        found += _unmet(session, offer, member, today)
    found += _used_up(session, offer, member, today)
    return found


def _unmet(session: Session, offer: Offer, member: members.Member, today: date) -> Iterator[Refused]:
    """Conditions of an offer that a member does not meet."""
    wanted, cid = offer.conditions, offer.community_id
    if wanted.min_minutes or wanted.tier:
        served = ledger.balance(session, cid, member.holder, "minutes", today=today).total
        if served < wanted.min_minutes:
            yield too_few_minutes(member, served, wanted.min_minutes)
        if wanted.tier:
            yield from _below_tier(session, offer, member, served, today)
    if wanted.min_age:
        yield from too_young(member, persons.age_on(persons.card(session, cid, member.person_id).born, today), wanted.min_age)


def too_few_minutes(member: members.Member, served: int, wanted: int) -> Refused:
    """That somebody has not served long enough for a voucher."""
    return Refused(
        say(
            "{number} has served {served} minutes; vouchers begin at {wanted}.",
            number=member.number,
            served=served,
            wanted=wanted,
        ),
        "too_few_hours",
        say("{missing} minutes of service are missing.", missing=wanted - served),
    )


def too_young(member: members.Member, age: int | None, wanted: int) -> Iterator[Refused]:
    """That somebody is not old enough for a voucher, or that nobody knows."""
    if age is None:
        yield Refused(
            say("The age of {number} is not known; vouchers begin at {wanted}.", number=member.number, wanted=wanted),
            "age_unknown",
            say("It is read from the birth date or the identity number: give one in a sheet of members."),
        )
    elif age < wanted:
        yield Refused(
            say("{number} is {age} years old; vouchers begin at {wanted}.", number=member.number, age=age, wanted=wanted),
            "too_young",
            say("A guardian's own points can be used instead."),
        )


def _tier(session: Session, community_id: int, tier: str, day: date) -> Tier:
    """A tier of the rule book of a day. Raises Invalid `unknown_tier`."""
    published = rulebooks.shelf(session, community_id).on(day)
    for known in published.book.tier if published else ():
        if known.id == tier:
            return known
    raise Invalid(
        say("The rule book of {day} has no tier {tier}.", day=day, tier=tier),
        "unknown_tier",
        say("See the tiers with timebank rules show."),
    )


def _below_tier(session: Session, offer: Offer, member: members.Member, served: int, today: date) -> Iterator[Refused]:
    try:
        tier = _tier(session, offer.community_id, offer.conditions.tier, today)
    except Invalid as unknown:
        yield Refused(unknown.message, "tier_unknown", say("End this offer and add another one under the rules of today."))
        return
    if tier.window == "year":
        served = earnings.minutes_of_year(session, offer.community_id, member.id, today.year)
    wanted = tier.hours_at_least * 60
    if served < wanted:
        yield Refused(
            say(
                "Offer {offer} is for {tier}; {number} has served {served} minutes of {wanted}.",
                offer=offer.id,
                tier=tier.label or tier.id,
                number=member.number,
                served=served,
                wanted=wanted,
            ),
            "tier_missing",
            say("{missing} minutes of service are missing.", missing=wanted - served),
        )


def _used_up(session: Session, offer: Offer, member: members.Member | None, today: date) -> Iterator[Refused]:
    """Limits of an offer that the vouchers there are have used up."""
    most, cid = offer.limits, offer.community_id
    if member is not None and (most.per_day or most.per_month):
        days = vouchers.days_of_member(session, cid, offer.id, member.id, today.replace(day=1))
        on_day, in_month = days.count(today), len(days)
        if most.per_day and on_day >= most.per_day:
            yield Refused(
                say(
                    "{number} has had {most} vouchers of offer {offer} today.",
                    number=member.number,
                    most=on_day,
                    offer=offer.id,
                ),
                "limit_per_day",
                say("Ask again tomorrow, or void the voucher that is not wanted."),
            )
        if most.per_month and in_month >= most.per_month:
            yield Refused(
                say(
                    "{number} has had {most} vouchers of offer {offer} this month.",
                    number=member.number,
                    most=in_month,
                    offer=offer.id,
                ),
                "limit_per_month",
                say("Ask again next month, or void the voucher that is not wanted."),
            )
    if most.total or most.stock:
        taken = vouchers.standing_of_offer(session, cid, offer.id)
        free = say("What is not used comes back: timebank voucher expire --due, or void a voucher that is not wanted.")
        if most.total and taken >= most.total:
            yield Refused(
                say("All {most} vouchers of offer {offer} are given out.", most=most.total, offer=offer.id), "limit_total", free
            )
        if most.stock and taken >= most.stock:
            yield Refused(
                say("Offer {offer} is sold out: all {most} are taken.", most=most.stock, offer=offer.id), "sold_out", free
            )


def left(session: Session, offers: Sequence[Offer]) -> dict[int, int]:
    """How many more vouchers there may be of each offer that has a total or a stock."""
    found = {}
    for offer in offers:
        limits = [limit for limit in (offer.total, offer.stock) if limit]
        if limits:
            found[offer.id] = max(0, min(limits) - vouchers.standing_of_offer(session, offer.community_id, offer.id))
    return found
