"""An offer in words: to whom, how often, who bears it, what it is today. Pure."""

from datetime import date

from timebank import benefits
from timebank.base.i18n import Say, say
from timebank.offers import Offer, OfferEnd

KINDS = {"offset": say("points for yuan"), "discount": say("discount"), "item": say("goods or a service")}
STATES = {"coming": say("not yet"), "running": say("running"), "over": say("over"), "ended": say("ended early")}


def state(offer: Offer, ended: OfferEnd | None, today: date) -> str:
    """What an offer is on a day: a key of STATES."""
    if ended is not None:
        return "ended"
    return "coming" if today < offer.valid_from else "over" if today > offer.valid_to else "running"


def further(offer: Offer, sponsor: str = "") -> tuple[Say, ...]:
    """Limits, conditions and shares, each a phrase; none where anybody may have any number and the fund bears all. `sponsor` is
    the sponsor's name."""
    most, wanted, shares = offer.limits, offer.conditions, offer.shares
    told: list[Say] = []
    if most.stock:
        told.append(say("{count} in stock", count=most.stock))
    if most.total:
        told.append(say("{count} vouchers in all", count=most.total))
    if most.per_day:
        told.append(say("{count} a day for one member", count=most.per_day))
    if most.per_month:
        told.append(say("{count} a month for one member", count=most.per_month))
    if wanted.tier:
        told.append(say("from tier {tier} on", tier=wanted.tier))
    if wanted.min_age:
        told.append(say("from {age} years of age", age=wanted.min_age))
    if wanted.min_minutes:
        told.append(say("from {minutes} minutes served", minutes=wanted.min_minutes))
    if shares.merchant_bp:
        told.append(say("the merchant bears {share}", share=benefits.percent(shares.merchant_bp)))
    if shares.sponsor_bp:
        who = sponsor or offer.sponsor_id
        told.append(say("sponsor {name} bears {share}", name=who, share=benefits.percent(shares.sponsor_bp)))
    return tuple(told)
