"""A rule book in words, line by line, and what one version says otherwise than another. Pure: values in, sentences out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from timebank.base.i18n import Say, say
from timebank.clauses import REVIEW, Bonus, Cap, Expiry, Multiplier, RuleBook, Tier, plain
from timebank.traces import cap_named, time_told

Key = tuple[str, str]
"""Where a sentence stands: the section of the file, and the key, category or id in it ('' is the section itself)."""

SECTIONS: Final[Mapping[str, Say]] = {
    "": say("The book"),
    "points": say("Points"),
    "service": say("What counts"),
    "rate": say("Rates"),
    "multiply": say("Multipliers"),
    "bonus": say("Bonuses"),
    "tier": say("Tiers"),
    "cap": say("Caps"),
    "expiry": say("Lapse"),
    "credit": say("Credits"),
    "redeem": say("Redeeming"),
    "gift": say("Gifts"),
    "penalty": say("Complaints"),
    "change": say("Changing the rules"),
}
_ROUNDED: Final = {"down": say("rounded down"), "half-up": say("rounded to the nearest"), "up": say("rounded up")}
_KINDS: Final = {
    "confirmed": say("confirmed records"),
    "self-reported": say("self-reported records"),
    "back-entered": say("back-entered records"),
    "team": say("a team's records"),
}
_WEEKDAYS: Final = (
    *(say("Monday"), say("Tuesday"), say("Wednesday"), say("Thursday"), say("Friday"), say("Saturday"), say("Sunday")),
)
_ONCE: Final = {
    "entry": say("with every service"),
    "day": say("once a day"),
    "month": say("once a month"),
    "year": say("once a year"),
    "lifetime": say("once in a lifetime"),
}
_GIFTS: Final = {
    "nobody": say("nobody gives points to others"),
    "pools": say("points are given to pools and teams only"),
    "relatives": say("points are given to relatives only"),
    "anyone": say("points are given to any member, pool or team"),
}


class Change(NamedTuple):
    """What a section said and says: `was` None where it is new, `now` None where it is gone."""

    section: str
    was: Say | None
    now: Say | None

    def told(self) -> Say:
        """The change as one sentence."""
        section = SECTIONS[self.section]
        if self.was is None:
            return say("{section}: new: {now}", section=section, now=self.now)
        if self.now is None:
            return say("{section}: no longer: {was}", section=section, was=self.was)
        return say("{section}: was: {was}; now: {now}", section=section, was=self.was, now=self.now)


def lines(book: RuleBook) -> dict[Key, Say]:
    """Everything a book decides, a sentence each, in the order of docs/rules.md."""
    return dict(_lines(book))


def differences(old: RuleBook, new: RuleBook) -> list[Change]:
    """What another book says otherwise, section by section. Its version and its examples decide nothing and are left out."""
    was, now = lines(old), lines(new)
    keys = sorted({**was, **now}, key=lambda key: list(SECTIONS).index(key[0]))
    return [Change(key[0], was.get(key), now.get(key)) for key in keys if was.get(key) != now.get(key)]


def _lines(book: RuleBook) -> Iterator[tuple[Key, Say]]:
    yield ("", "title"), say("{title}", title=book.title)
    yield ("", "days"), _span(book)
    if book.legal_basis:
        yield ("", "legal_basis"), say("decided by: {basis}", basis=book.legal_basis)
    yield ("points", "name"), say("points are called {name}", name=book.points.name)
    decimals = book.points.decimals
    yield ("points", "decimals"), say("points are kept in tenths") if decimals else say("points are whole")
    yield ("points", "round"), say("points are {rounded}, once, at the end", rounded=_ROUNDED[book.points.round])
    yield from _service_lines(book)
    for category, rate in sorted(book.rate.by_category.items()):
        yield ("rate", category), say("{category}: {points} an hour", category=category, points=_counted(plain(rate)))
    usual = _counted(plain(book.rate.default))
    if book.rate.by_category:
        yield ("rate", "default"), say("every other category: {points} an hour", points=usual)
    else:
        yield ("rate", "default"), say("every category: {points} an hour", points=usual)
    tiers = {tier.id: tier for tier in book.tier}
    for rule in book.multiply:
        told = say("{name}: × {times}", name=rule.label or rule.id, times=plain(rule.times))
        if rule.group:
            told = say("{rule} (the largest of the group {group} counts)", rule=told, group=rule.group)
        yield ("multiply", rule.id), _where(told, rule, tiers)
    for bonus in book.bonus:
        name, points = bonus.label or bonus.id, _counted(_points(bonus.points, decimals))
        told = say("{name}: {points} on top, {once}", name=name, points=points, once=_ONCE[bonus.per])
        yield ("bonus", bonus.id), _where(told, bonus, tiers)
    for tier in book.tier:
        yield ("tier", tier.id), _tier(tier)
    for cap in book.cap:
        yield ("cap", cap.id), _cap(cap, decimals)
    yield from _expiry_lines(book.expiry)
    yield from _other_lines(book)


def _span(book: RuleBook) -> Say:
    if book.effective_to is None:
        return say("for services from {first} on", first=book.effective_from)
    return say("for services from {first} to {last}", first=book.effective_from, last=book.effective_to)


def _service_lines(book: RuleBook) -> Iterator[tuple[Key, Say]]:
    rule = book.service
    if rule.minimum_minutes:
        yield ("service", "minimum_minutes"), say("shorter than {time}: earns nothing", time=time_told(rule.minimum_minutes))
    unit, how = time_told(rule.round_minutes), _ROUNDED[rule.round]
    yield ("service", "round_minutes"), say("minutes are counted in units of {unit}, {rounded}", unit=unit, rounded=how)
    longest = time_told(rule.maximum_minutes_per_day)
    yield ("service", "maximum_minutes_per_day"), say("at most {time} a day count", time=longest)
    kinds = _listed(told for kind, told in _KINDS.items() if kind in rule.kinds)
    yield ("service", "kinds"), say("what earns: {kinds}", kinds=kinds)
    if rule.carry_remainder:
        carried = say("minutes left over count with the next service of the same category")
    else:
        carried = say("minutes left over are not carried over")
    yield ("service", "carry_remainder"), carried


def _where(told: Say, rule: Multiplier | Bonus, tiers: Mapping[str, Tier]) -> Say:
    """A multiplier or bonus with its conditions."""
    conditions = [*_conditions(rule, tiers)]
    if not conditions:
        return say("{rule}, always", rule=told)
    return say("{rule}, for: {conditions}", rule=told, conditions=_all_of(conditions))


def _conditions(rule: Multiplier | Bonus, tiers: Mapping[str, Tier]) -> Iterator[Say]:
    if rule.dates:
        yield say("days {days}", days=_listed(_days(first, last) for first, last in rule.dates))
    if rule.weekdays:
        yield _listed(_WEEKDAYS[day] for day in sorted(rule.weekdays))
    if rule.categories:
        yield say("the categories {categories}", categories=_listed(_word(name) for name in sorted(rule.categories)))
    if rule.team_at_least:
        yield say("{count} people or more", count=rule.team_at_least)
    if rule.teams:
        yield say("the teams {teams}", teams=_listed(_word(number) for number in sorted(rule.teams)))
    if rule.tier:
        label = tiers[rule.tier].label
        yield say("members of {tier}", tier=f"{label} ({rule.tier})" if label else rule.tier)


def _days(first: date, last: date) -> Say:
    return say("{first} to {last}", first=first, last=last) if first != last else _word(str(first))


def _tier(tier: Tier) -> Say:
    name, hours = tier.label or tier.id, tier.hours_at_least
    if tier.window == "year":
        return say("{name}: from {hours} hours served in the year on", name=name, hours=hours)
    return say("{name}: from {hours} hours served in all on", name=name, hours=hours)


def _cap(cap: Cap, decimals: int) -> Say:
    points = _counted(_points(cap.limit, decimals))
    limit = points if cap.measure == "points" else time_told(cap.limit)
    name = cap_named(cap.per, cap.scope)
    if not cap.pool:
        return say("{cap}: {limit}; what is above is not recorded", cap=name, limit=limit)
    if cap.pool == REVIEW:
        return say("{cap}: {limit}; what is above waits for a decision", cap=name, limit=limit)
    return say("{cap}: {limit}; what is above goes to the pool {pool}", cap=name, limit=limit, pool=cap.pool)


def _expiry_lines(rule: Expiry | None) -> Iterator[tuple[Key, Say]]:
    if rule is None:
        yield ("expiry", ""), say("points never lapse")
        return
    if rule.on is not None:
        day = f"{rule.on[0]:02d}-{rule.on[1]:02d}"
        yield ("expiry", "after"), say("points lapse on the next {day}, which may be the day of service itself", day=day)
    else:
        yield ("expiry", "after"), say("points lapse {months} months after the service", months=rule.months)
    if rule.align == "month-end":
        yield ("expiry", "align"), say("at the end of that month")
    elif rule.align == "year-end":
        yield ("expiry", "align"), say("at the end of that year")


def _other_lines(book: RuleBook) -> Iterator[tuple[Key, Say]]:
    decimals = book.points.decimals
    if book.credit:
        rate = plain(book.credit.points_per_credit)
        yield ("credit", "points_per_credit"), say("a credit becomes {points}", points=_counted(rate))
        if book.credit.monthly_credits_max:
            most = book.credit.monthly_credits_max
            yield ("credit", "monthly_credits_max"), say("a member converts at most {most} credits a month", most=most)
    else:
        yield ("credit", ""), say("credits do not become points")
    if rule := book.redeem:
        if rule.minimum_hours_served:
            hours = rule.minimum_hours_served
            yield ("redeem", "minimum_hours_served"), say("who redeems has served {hours} hours or more", hours=hours)
        if rule.minimum_age:
            yield ("redeem", "minimum_age"), say("who redeems is {age} years old or older", age=rule.minimum_age)
        if rule.step != 1:
            step = _points(rule.step, decimals)
            yield ("redeem", "step"), say("points are redeemed in multiples of {step}", step=step)
    grace = book.refund_grace_days
    yield ("redeem", "refund_grace_days"), say("points given back after their lapse live {days} days", days=grace)
    yield ("gift", "to"), _GIFTS[book.gifts_to]
    if book.complaint:
        yield ("penalty", "complaint"), say("a service earns nothing when a complaint about it was upheld")
    if book.notice_days:
        days = book.notice_days
        yield ("change", "notice_days"), say("the next version is published after a notice of {days} working days", days=days)


def _points(amount: int, decimals: int) -> str:
    """An amount in the smallest unit as people write it."""
    return plain(Decimal(amount).scaleb(-decimals))


def _counted(amount: str) -> Say:
    return say("1 point") if amount == "1" else say("{points} points", points=amount)


def _word(word: str) -> Say:
    return say("{word}", word=word)


def _listed(items: Iterable[Say]) -> Say:
    """Several sentences as one list. Halved, not chained: hundreds would nest too deep to be written out."""
    some = list(items)
    if len(some) == 1:
        return some[0]
    half = len(some) // 2
    return say("{some}, {more}", some=_listed(some[:half]), more=_listed(some[half:]))


def _all_of(conditions: Sequence[Say]) -> Say:
    """Conditions that must all hold, each of which may be a list itself."""
    first, *others = conditions
    return say("{condition}; {more}", condition=first, more=_all_of(others)) if others else first
