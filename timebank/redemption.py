"""What goes out: a voucher is issued for points, verified at a counter, and ends once - captured, voided or expired.

Issuing is a hold: points leave `available` for `held` with their lapse days, and the fund commits the most the voucher can
take off a bill. Whatever is not redeemed goes back, as `holds.py` has it. Every verb first releases what of the same member
has lapsed.
"""

from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from timebank import benefits, conditions, fund, funds, holds, issuers, ledger, offers, quotes, tombstones, vouchers
from timebank.base import codes, communities
from timebank.base.act import Act
from timebank.base.db import insert_rows
from timebank.base.errors import Invalid, Refused
from timebank.base.i18n import Say, say
from timebank.base.rows import last_id, row_of, value_of
from timebank.benefits import Benefit, Discount, Item
from timebank.journal import REDEEMED, Draft, Transfer
from timebank.once import once
from timebank.people import members, merchants, offline_keys
from timebank.vouchers import LATE_DAYS, Resolution, Standing, Voucher

Party = Literal["clerk", "member", "merchant"]
"""Who gives a voucher up."""
Via = Literal["counter", "phone"]
VOUCHER_DAYS = 30
VOUCHER_DAYS_MAX = 3_660

_VOUCHER = (
    *("community_id", "id", "code_mac", "code_tail", "offer_id", "member_id", "merchant_id", "points", "fen"),
    *("issued_on", "expires_on", "late_days", "quote_id", "seq"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a voucher is asked for: the member's printed number, the offer's number, the points to hold (a discount has a
    fixed price: None), the days it lives (None: 30). A `quote` says offer and points by itself: they are then 0 and None."""

    member: str
    offer: int
    points: int | None = None
    days: int | None = None
    quote: int | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A voucher and its code, which is told once: None when this command had been carried out before."""

    voucher: Voucher
    code: str | None


@dataclass(frozen=True, slots=True)
class Counter:
    """What is presented at a merchant's counter: the code as typed, the merchant's printed number, the whole bill in fen; goods
    have none (0). `via` says how it came to the office: from the counter itself, or read out over the phone."""

    code: str
    merchant: str
    bill_fen: int
    via: Via = "counter"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a shop's phone accepted offline and uploaded: a voucher known by its token, the merchant's id, the bill in fen, the
    local day of acceptance, the device and its running number."""

    voucher_id: int
    merchant_id: int
    bill_fen: int
    day: date
    device: int
    n: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a capture would take off, and why."""

    voucher: Voucher
    benefit: Benefit
    explained: tuple[Say, ...]


@dataclass(frozen=True, slots=True)
class Captured:
    """A captured voucher: how it was resolved and how the benefit came about."""

    voucher: Voucher
    resolution: Resolution
    benefit: Benefit
    explained: tuple[Say, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a merchant may know of a good voucher before the bill: whom it belongs to (to be masked), what it gives in
    words, the most it takes off in fen, its last day."""

    number: str
    member_id: int
    words: Say
    most_fen: int
    expires_on: date


def issue(session: Session, act: Act, request: Request, pepper: bytes) -> Issued:
    """Hold a member's points for an offer and make a voucher with a code of its own.

    The code is in the returned value only: the database and the command's receipt never hold it. Raises NotFound
    `unknown_member`, `unknown_offer`; Refused `member_inactive`, `merchant_inactive`, `offer_not_yet`, `offer_over`,
    `insufficient_points`, `worthless`, `voided_before`, what `quotes.usable`, `offers.reserve` and `funds.reserve` raise, and
    by the rule book of today `too_few_hours`, `too_young`, `age_unknown`, `not_in_steps` (all of these at once as findings);
    Invalid `points_missing`, `fixed_price`, `bad_points`, `bad_days`.
    """
    days = _days(request)
    if request.points is not None:
        benefits.check_points(request.points)
    asked = {"member": codes.id_key(request.member), "offer": request.offer, "points": request.points or 0, "days": days}
    if request.quote is not None:
        asked["quote"] = request.quote
    made: list[Issued] = []

    def work() -> dict[str, int]:
        made.append(_issue(session, act, request, pepper))
        return {"voucher": made[0].voucher.id}

    outcome = once(session, act, "voucher.issue", asked, work)
    return made[0] if made else Issued(vouchers.get(session, act.community_id, outcome.receipt["voucher"]), None)


def _issue(session: Session, act: Act, request: Request, pepper: bytes) -> Issued:
    cid, today = act.community_id, communities.today(session, act)
    tombstones.check(session, act)
    member = members.find(session, cid, request.member)
    conditions.check_active(member)
    if request.quote is not None:
        quote = quotes.usable(session, act, request.quote, member)
        request = replace(request, offer=quote.offer_id, points=quote.points)
    offer = offers.find(session, cid, request.offer)
    offers.check_valid(offer, today)
    merchant = merchants.get(session, cid, offer.merchant_id)
    offers.check_merchant(merchant)
    points, fen = _wanted(session, offer, request)
    conditions.check(session, member, points, today)
    holds.sweep(session, act, member.id, today)
    offers.reserve(session, act, offer, member, today)
    parts = offer.parts(fen)
    funds.reserve(session, act, funds.Wish(merchant.id, offer.id, parts))
    number = last_id(session, "voucher", cid) + 1
    code, code_mac = _new_code(session, act, number, pepper)
    own = {
        "community_id": cid,
        "id": number,
        "code_mac": code_mac,
        "code_tail": codes.tail(code),
        "offer_id": offer.id,
        "member_id": member.id,
        "merchant_id": merchant.id,
        "points": points,
        "fen": sum(part for _, part in parts),
        "issued_on": today,
        "expires_on": min(today + timedelta(days=_days(request)), offer.valid_to),
        "late_days": LATE_DAYS if offline_keys.takes_offline(session, cid, merchant.id) else 0,
        "quote_id": request.quote,
    }
    voucher = value_of(Voucher, own | {"seq": _hold(session, act, member, own, parts)})
    insert_rows(session, "voucher", _VOUCHER, [row_of(voucher, _VOUCHER)])
    return Issued(voucher, code)


def _hold(session: Session, act: Act, member: members.Member, own: dict[str, Any], parts: tuple[fund.Part, ...]) -> int:
    """Post the hold of a voucher with these columns; gives its entry's number."""
    today, points = own["issued_on"], own["points"]
    hold = Transfer("points", points, member.holder, "available", member.holder, "held")
    facts = {
        "offer": own["offer_id"],
        "merchant": own["merchant_id"],
        "points": points,
        "fen": own["fen"],
        "expires_on": own["expires_on"].isoformat(),
        "code_mac": own["code_mac"].hex(),
        **{name: own[column] for name, column in (("late_days", "late_days"), ("quote", "quote_id")) if own[column]},
    }
    about = f"voucher:{own['id']}"
    draft = Draft("voucher.issue", today, (hold, *fund.commit(parts)), about, facts=facts, text=act.reason or None)
    try:
        return ledger.post(session, act, draft).seq
    except Refused as refusal:
        if refusal.code != "insufficient":
            raise
        raise conditions.insufficient(session, member, points, today) from refusal


def _wanted(session: Session, offer: offers.Offer, request: Request) -> tuple[int, int]:
    """The points a voucher holds and the fen it can take off at most."""
    terms, points = offer.terms, request.points
    if isinstance(terms, Discount | Item):
        if points not in (None, terms.points):
            price = benefits.points_text(terms.points, _decimals(session, offer.community_id))
            raise Invalid(
                say("Offer {number} has a fixed price of {points} points.", number=offer.id, points=price),
                "fixed_price",
                say("Leave --points out."),
            )
        points = terms.points
    if points is None:
        raise Invalid(say("How many points shall the voucher hold?"), "points_missing", say("Add for example --points 100."))
    fen = benefits.worth(terms, points)
    if fen == 0:
        few = benefits.points_text(points, _decimals(session, offer.community_id))
        raise Refused(
            say("{points} points take nothing off with offer {number}.", points=few, number=offer.id),
            "worthless",
            say("Take more points."),
        )
    return points, fen


def _decimals(session: Session, community_id: int) -> int:
    return communities.state(session, community_id).points_decimals


def _days(request: Request) -> int:
    days = VOUCHER_DAYS if request.days is None else request.days
    if not 1 <= days <= VOUCHER_DAYS_MAX:
        raise Invalid(
            say("A voucher lives at least 1 day and at most {most}.", most=VOUCHER_DAYS_MAX),
            "bad_days",
            say("Leave --days out for {days} days.", days=VOUCHER_DAYS),
        )
    return days


def _new_code(session: Session, act: Act, voucher_id: int, pepper: bytes) -> tuple[str, bytes]:
    """A code no voucher has and its HMAC. The act decides the draws, so the same act gives the same code."""
    attempt = 0
    while True:
        code = codes.make(act.draw(f"voucher {voucher_id} code {attempt}"))
        code_mac = codes.fingerprint(pepper, code)
        if vouchers.with_mac(session, act.community_id, code_mac) is None:
            return code, code_mac
        attempt += 1


def verify(session: Session, community_id: int, code: str, merchant: str, pepper: bytes, today: date) -> Verified:
    """Tell a merchant whether a voucher is good at this counter. Changes nothing and may be asked any number of times.

    Another merchant's voucher is refused before anything of it is told. Raises Invalid `bad_code`; NotFound `unknown_code`,
    `unknown_merchant`; Refused `wrong_merchant`, `already_captured`, `voided`, `expired`, `merchant_inactive`.
    """
    shop = merchants.find(session, community_id, merchant)
    voucher = _presented(session, issuers.mac_of(session, community_id, code, pepper), shop, today)
    terms = offers.find(session, community_id, voucher.offer_id).terms
    words = benefits.described(terms, _decimals(session, community_id))
    return Verified(voucher.number, voucher.member_id, words, benefits.worth(terms, voucher.points), voucher.expires_on)


def _presented(session: Session, code_mac: bytes, shop: merchants.Merchant, today: date) -> Voucher:
    """The open voucher of a code at this shop's counter, or the first reason why it is not good there."""
    voucher, resolution = vouchers.presented(session, shop.community_id, code_mac)
    if voucher.merchant_id != shop.id:
        raise _for_another_shop()
    _check_open(session, voucher, resolution, today)
    offers.check_merchant(shop)
    return voucher


def _for_another_shop() -> Refused:
    return Refused(say("This voucher is for another shop."), "wrong_merchant", say("Its slip says where it can be used."))


def _check_open(session: Session, voucher: Voucher, resolution: Resolution | None, today: date) -> None:
    if resolution is not None:
        raise _resolved(session, voucher, resolution)
    if today > voucher.expires_on:
        raise _over(voucher)


def _resolved(session: Session, voucher: Voucher, resolution: Resolution) -> Refused:
    """Why a voucher that was resolved cannot be resolved again."""
    if resolution.outcome == "expired":
        return _over(voucher)
    timezone = communities.state(session, voucher.community_id).timezone
    when = f"{resolution.resolved_at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"
    if resolution.outcome == "captured":
        return Refused(
            say("Voucher {number} was used already, on {when}.", number=voucher.number, when=when),
            "already_captured",
            say("A voucher is good once. Ask for another one."),
        )
    return Refused(
        say("Voucher {number} was voided on {when}.", number=voucher.number, when=when),
        "voided",
        say("Its points are back with the member, who can ask for a new one."),
    )


def _over(voucher: Voucher) -> Refused:
    return Refused(
        say("Voucher {number} was good until {day}.", number=voucher.number, day=voucher.expires_on),
        "expired",
        say("Its points go back to the member, who can ask for a new one."),
    )


def capture(session: Session, act: Act, counter: Counter, pepper: bytes) -> Captured:
    """Take a voucher at its merchant's counter: points redeemed, the merchant owed what came off the bill, the rest of the
    points and of the fund's commitment back in the same entry.

    Needs the code: a number is refused as a code. Raises what `verify` and `benefits.benefit` raise; whatever races, the
    second one is told `already_captured`, `voided` or `expired`.
    """
    if counter.bill_fen:
        benefits.check_bill(counter.bill_fen)
    code_mac = issuers.mac_of(session, act.community_id, counter.code, pepper)
    asked = {"code": code_mac.hex(), "merchant": codes.id_key(counter.merchant), "bill_fen": counter.bill_fen}
    if counter.via != "counter":
        asked["via"] = counter.via
    made: list[Captured] = []

    def work() -> dict[str, int]:
        made.append(_capture(session, act, counter, code_mac))
        return {"voucher": made[0].voucher.id}

    outcome = once(session, act, "voucher.capture", asked, work)
    return made[0] if made else captured(session, act.community_id, outcome.receipt["voucher"])


def captured(session: Session, community_id: int, voucher_id: int) -> Captured:
    """How a captured voucher was resolved, worked out again from what is kept; the voucher must be captured."""
    voucher = vouchers.get(session, community_id, voucher_id)
    resolution = vouchers.resolution_of(session, voucher)
    assert resolution is not None, "this voucher is open"
    assert resolution.outcome == "captured", "this voucher ended without a capture"
    return _captured(session, voucher, resolution, offers.find(session, community_id, voucher.offer_id))


def _captured(session: Session, voucher: Voucher, resolution: Resolution, offer: offers.Offer) -> Captured:
    done, steps = _benefit(session, voucher, offer, resolution.bill_fen)
    return Captured(voucher, resolution, done, steps)


def _benefit(session: Session, voucher: Voucher, offer: offers.Offer, bill_fen: int) -> tuple[Benefit, tuple[Say, ...]]:
    """What a voucher takes off a bill, with its steps in words and who bears it."""
    done = benefits.benefit(offer.terms, voucher.points, bill_fen)
    steps = benefits.explained(offer.terms, done, _decimals(session, voucher.community_id))
    return done, (*steps, *benefits.bearing(benefits.borne(done.off_fen, offer.shares)))


def preview(session: Session, community_id: int, counter: Counter, pepper: bytes, today: date) -> Preview:
    """Tell what a capture would take off, and why; changes nothing. Refuses what `capture` refuses."""
    code_mac = issuers.mac_of(session, community_id, counter.code, pepper)
    voucher = _presented(session, code_mac, merchants.find(session, community_id, counter.merchant), today)
    done, steps = _benefit(session, voucher, offers.find(session, community_id, voucher.offer_id), counter.bill_fen)
    return Preview(voucher, done, steps)


def _capture(session: Session, act: Act, counter: Counter, code_mac: bytes) -> Captured:
    today = communities.today(session, act)
    shop = merchants.find(session, act.community_id, counter.merchant)
    voucher = _presented(session, code_mac, shop, today)
    how: dict[str, object] = {} if counter.via == "counter" else {"via": counter.via}
    return _take(session, act, voucher, counter.bill_fen, today, how)


def accept(session: Session, act: Act, accepted: Accepted) -> Captured:
    """Capture a voucher that a shop's phone accepted offline, dated on the day of acceptance, until its hold is released.

    Before anything is written it raises NotFound `unknown_voucher`; Refused `wrong_merchant`, `already_captured`, `voided`,
    `expired`, `merchant_inactive`, `impossible_day`, and what `benefits.benefit` raises.
    """
    asked = {name: str(value) for name, value in asdict(accepted).items()}
    made: list[Captured] = []

    def work() -> dict[str, int]:
        made.append(_accept(session, act, accepted))
        return {"voucher": accepted.voucher_id}

    once(session, act, "voucher.accept", asked, work)
    return made[0] if made else captured(session, act.community_id, accepted.voucher_id)


def _accept(session: Session, act: Act, accepted: Accepted) -> Captured:
    cid, today = act.community_id, communities.today(session, act)
    voucher = vouchers.get(session, cid, accepted.voucher_id)
    if voucher.merchant_id != accepted.merchant_id:
        raise _for_another_shop()
    resolution = vouchers.resolution_of(session, voucher)
    if resolution is not None:
        raise _resolved(session, voucher, resolution)
    if accepted.day > voucher.expires_on or today > voucher.held_until:
        raise _over(voucher)
    if not voucher.issued_on <= accepted.day <= today:
        raise Refused(
            say("Voucher {number} cannot have been accepted on {day}.", number=voucher.number, day=accepted.day),
            "impossible_day",
            say("Look at the clock of the shop's phone."),
        )
    offers.check_merchant(merchants.get(session, cid, voucher.merchant_id))
    how: dict[str, object] = {"device": accepted.device, "n": accepted.n}
    return _take(session, act, voucher, accepted.bill_fen, accepted.day, how)


def _take(session: Session, act: Act, voucher: Voucher, bill_fen: int, day: date, how: dict[str, object]) -> Captured:
    """Redeem an open voucher on a day; `how` it came to the office goes into the entry's facts."""
    cid, today = act.community_id, communities.today(session, act)
    offer = offers.find(session, cid, voucher.offer_id)
    done = benefits.benefit(offer.terms, voucher.points, bill_fen)
    shared = benefits.borne(done.off_fen, offer.shares)
    holds.sweep(session, act, voucher.member_id, today)
    spent, rest = holds.split(vouchers.lots_held(session, cid, [voucher])[voucher.seq], done.points)
    transfers = (
        *(Transfer("points", amount, voucher.holder, "held", REDEEMED, "sink", lot=lot) for lot, amount in spent),
        *holds.released(voucher, rest, holds.grace(session, cid, rest, today), today),
        *fund.owe(offer.parts(done.off_fen), f"merchant:{voucher.merchant_id}"),
        *fund.release(offer.parts(done.limit_fen, done.off_fen)),
    )
    facts = {"offer": voucher.offer_id, "merchant": voucher.merchant_id, "points_held": voucher.points, "steps": done.steps}
    if shared.merchant_fen:
        facts["borne"] = {"merchant_fen": shared.merchant_fen}
    draft = Draft("voucher.capture", day, transfers, voucher.subject, facts=facts | how, text=act.reason or None)
    receipt = ledger.post(session, act, draft)
    (resolution,) = holds.resolve(session, act, [holds.Ending(voucher, "captured", day, done, shared)], [receipt.seq])
    return _captured(session, voucher, resolution, offer)


def void(session: Session, act: Act, voucher_id: int, party: Party = "clerk") -> Standing:
    """Void an open voucher: all points and the fund's commitment back. The act's reason goes into the book's texts; `party` is
    who gives it up.

    Raises NotFound `unknown_voucher`, Refused `already_captured`, `voided`, `expired`.
    """
    cid = act.community_id
    asked = {"voucher": voucher_id, **({"party": party} if party != "clerk" else {})}

    def work() -> dict[str, int]:
        voucher, today = vouchers.get(session, cid, voucher_id), communities.today(session, act)
        _check_open(session, voucher, vouchers.resolution_of(session, voucher), today)
        holds.sweep(session, act, voucher.member_id, today)
        holds.give_back(session, act, [holds.Ending(voucher, "voided", today, party=party)])
        return {"voucher": voucher_id}

    once(session, act, "voucher.void", asked, work)
    return vouchers.standing(session, vouchers.get(session, cid, voucher_id), communities.today(session, act))


def decline(session: Session, act: Act, voucher_id: int, merchant_id: int) -> Standing:
    """Void an open voucher on its own merchant's word. Raises as `void`, and Refused `wrong_merchant`."""
    if vouchers.get(session, act.community_id, voucher_id).merchant_id != merchant_id:
        raise _for_another_shop()
    return void(session, act, voucher_id, "merchant")


def cancel(session: Session, act: Act, key: str) -> Standing | None:
    """Void the voucher that was issued under a command's key; where nothing was issued, bury the key: None.

    A hold that arrives after its tombstone is refused. Raises Refused `not_a_hold` where the key did something else, and as
    `void`.
    """
    cid = act.community_id

    def work() -> dict[str, int]:
        found = ledger.entries_of(session, cid, key)
        voucher = vouchers.issued_by(session, cid, found)
        if voucher is not None:
            void(session, act, voucher.id)
            return {"voucher": voucher.id}
        if found:
            raise Refused(
                say("The key {key} was used for something else than a voucher.", key=key),
                "not_a_hold",
                say("Name the key of the command that asked for the voucher."),
            )
        tombstones.lay(session, act, key)
        return {"voucher": 0}

    number = once(session, act, "voucher.cancel", {"key": key}, work).receipt["voucher"]
    if not number:
        return None
    return vouchers.standing(session, vouchers.get(session, cid, number), communities.today(session, act))


def expire(session: Session, act: Act, voucher_id: int) -> Standing:
    """Release a voucher that is past its last day, and all others of its member that are.

    Raises NotFound `unknown_voucher`, Refused `not_lapsed`, `already_captured`, `voided`, `expired`.
    """
    cid = act.community_id

    def work() -> dict[str, int]:
        voucher, today = vouchers.get(session, cid, voucher_id), communities.today(session, act)
        found = vouchers.standing(session, voucher, today)
        if found.resolution is not None:
            raise _resolved(session, voucher, found.resolution)
        if found.state != "lapsed":
            raise Refused(
                say("Voucher {number} is good until {day}.", number=voucher.number, day=voucher.expires_on),
                "not_lapsed",
                say("To end it before, run timebank voucher void {number}.", number=voucher.number),
            )
        holds.sweep(session, act, voucher.member_id, today)
        return {"voucher": voucher_id}

    once(session, act, "voucher.expire", {"voucher": voucher_id}, work)
    return vouchers.standing(session, vouchers.get(session, cid, voucher_id), communities.today(session, act))


def expire_due(session: Session, act: Act, member_id: int | None = None) -> list[Voucher]:
    """Release all vouchers that are past their last day, of one member or (None) of everybody; gives them, by number."""
    cid = act.community_id

    def work() -> dict[str, list[int]]:
        return {"vouchers": holds.sweep(session, act, member_id, communities.today(session, act))}

    outcome = once(session, act, "voucher.expire_due", {"member": member_id or 0}, work)
    return [vouchers.get(session, cid, number) for number in outcome.receipt["vouchers"]]
