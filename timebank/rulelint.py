"""Lint of rule books: what is allowed, but worth a look before a committee votes. Pure; a finding refuses nothing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from timebank.base.errors import Finding
from timebank.base.i18n import say
from timebank.clauses import NEVER, Bonus, Measure, Multiplier, RuleBook, Scope, Tier, Window, merged

_MONEY: Final = re.compile(
    r"(?<![单公状多])元(?![旦宵老])|币|钱|现金|存款|利息|工资|[¥￥$]|\b(?:money|cash|yuan|rmb|cny|dollars?|coins?|currency|wages?)\b",
    re.IGNORECASE,
)
# How many windows of one length at most lie in one of another.
_FITS: Final = {("day", "month"): 31, ("day", "year"): 366, ("month", "year"): 12}
_STRANGE_SHOWN: Final = 10
_HOURS_A_YEAR: Final = 366 * 24


def lint(book: RuleBook) -> Iterator[Finding]:
    """All remarks on a rule book by itself, in the order of its sections."""
    if not book.example:
        yield Finding(
            "example", "no_examples", say("there are no examples: with a few, everybody can check what the rules mean")
        )
    for where, name in _names(book):
        if found := _MONEY.search(name):
            message = say("points are no money; {word} sounds like it", word=found[0])
            yield Finding(where, "money_like_name", message)
    if book.service.maximum_minutes_per_day % book.service.round_minutes:
        message = say("is not a multiple of round_minutes: the last minutes of a full day are cut off or rounded up")
        yield Finding("service.maximum_minutes_per_day", "day_limit_between_units", message)
    for i, rule in enumerate(book.multiply):
        if not _asks_anything(rule):
            message = say("has no condition and applies to every service: a higher rate says the same")
            yield Finding(f"multiply[{i}]", "always_applies", message)
        yield from _condition_lint(f"multiply[{i}]", rule, book)
        yield from _group_lint(i, rule, book)
    for i, bonus in enumerate(book.bonus):
        yield from _condition_lint(f"bonus[{i}]", bonus, book)
    yield from _tier_lint(book)
    yield from _cap_lint(book)
    for i, example in enumerate(book.example):
        if not book.covers(example.facts.day):
            message = say("{day} lies outside the days of this rule book", day=example.facts.day)
            yield Finding(f"example[{i}].service.date", "example_outside", message)


def _names(book: RuleBook) -> Iterator[tuple[str, str]]:
    """Every name that members read, with its place."""
    yield "points.name", book.points.name
    yield "title", book.title
    labelled: dict[str, Sequence[Multiplier | Bonus | Tier]]
    labelled = {"multiply": book.multiply, "bonus": book.bonus, "tier": book.tier}
    for section, rules in labelled.items():
        for i, rule in enumerate(rules):
            yield f"{section}[{i}].label", rule.label


def _asks_anything(rule: Multiplier) -> bool:
    return bool(rule.dates or rule.weekdays or rule.categories or rule.team_at_least or rule.teams or rule.tier)


def _condition_lint(where: str, rule: Multiplier | Bonus, book: RuleBook) -> Iterator[Finding]:
    for category in sorted(rule.categories):
        if not book.knows(category):
            message = say("{category} has no rate of its own in [rate]; is it spelled right?", category=category)
            yield Finding(f"{where}.categories", "unknown_category", message)
    last = book.effective_to or NEVER
    if rule.dates and not any(start <= last and book.effective_from <= end for start, end in rule.dates):
        message = say("none of these days lies within the days of this rule book")
        yield Finding(f"{where}.dates", "dates_outside", message)


def _group_lint(i: int, rule: Multiplier, book: RuleBook) -> Iterator[Finding]:
    """A multiplier is held against the others of its group: one that always beats it, or an earlier one that shares days."""
    alike = [(j, other) for j, other in enumerate(book.multiply) if rule.group and other.group == rule.group and j != i]
    tiers = {tier.id: tier for tier in book.tier}
    for j, other in alike:
        if (other.times, i) > (rule.times, j) and _asks_less(other, rule, tiers):
            message = say("never counts: {other}, of the same group, is as large and applies wherever it does", other=other.id)
            yield Finding(f"multiply[{i}]", "never_counts", message)
            return
    for j, other in alike:
        if j < i and rule.dates and other.dates and _share_a_day(rule, other):
            message = say("shares days with {other}, of the same group: only the larger one applies there", other=other.id)
            yield Finding(f"multiply[{i}].dates", "overlapping_dates", message)
            return


def _asks_less(one: Multiplier, other: Multiplier, tiers: Mapping[str, Tier]) -> bool:
    """Whether `one` applies wherever `other` does."""
    for mine, its in ((one.weekdays, other.weekdays), (one.categories, other.categories), (one.teams, other.teams)):
        if mine and not (its and its <= mine):
            return False
    if one.dates and not (other.dates and merged(one.dates + other.dates) == merged(one.dates)):
        return False
    if one.tier:
        mine_, its_ = tiers[one.tier], tiers.get(other.tier)
        if its_ is None or its_.window != mine_.window or its_.hours_at_least < mine_.hours_at_least:
            return False
    return one.team_at_least <= other.team_at_least


def _tier_lint(book: RuleBook) -> Iterator[Finding]:
    for i, tier in enumerate(book.tier):
        if tier.window == "year" and tier.hours_at_least > _HOURS_A_YEAR:
            message = say("can never be reached: a year has {hours} hours", hours=_HOURS_A_YEAR)
            yield Finding(f"tier[{i}].hours_at_least", "unreachable_tier", message)
        for other in book.tier[:i]:
            if (other.window, other.hours_at_least) == (tier.window, tier.hours_at_least):
                message = say("is reached together with {other}", other=other.id)
                yield Finding(f"tier[{i}].hours_at_least", "same_tier", message)


def _share_a_day(one: Multiplier, other: Multiplier) -> bool:
    for mine, its in ((one.categories, other.categories), (one.weekdays, other.weekdays), (one.teams, other.teams)):
        if mine and its and mine.isdisjoint(its):
            return False
    if one.tier != other.tier:  # a higher tier is meant to win
        return False
    return len(merged(one.dates + other.dates)) < len(one.dates) + len(other.dates)


def _cap_lint(book: RuleBook) -> Iterator[Finding]:
    """A cap is out of reach when a shorter window, or the longest day there can be, always stops the same holder before it."""
    longest = book.service.maximum_minutes_per_day + book.service.round_minutes
    limits: list[tuple[Scope, Window, Measure, int, object]]
    limits = [(cap.scope, cap.per, cap.measure, cap.limit, cap.id) for cap in book.cap]
    day = say("the longest day of service")
    limits.append(("member", "day", "minutes", longest, day))
    if not any(bonus.per == "entry" for bonus in book.bonus):  # a day may have any number of entries
        best = book.points_an_hour_max * 10**book.points.decimals * longest // 60 + 1
        limits.append(("member", "day", "points", best + sum(bonus.points for bonus in book.bonus), day))
    for i, cap in enumerate(book.cap):
        for scope, per, measure, limit, name in limits:
            fits = 1 if per == cap.per else _FITS.get((per, cap.per), 0)
            if fits and (scope, measure) == (cap.scope, cap.measure) and cap.limit > fits * limit:
                message = say("can never be reached: {other} stops the member before", other=name)
                yield Finding(f"cap[{i}].{cap.measure}", "unreachable_cap", message)
                break


# --- beside the versions that were published ---


def beside(book: RuleBook, published: Sequence[RuleBook]) -> Iterator[Finding]:
    """What a new version does to the days of service that others speak for: days nobody speaks for, and what it replaces.

    `published` are the versions in the order of publishing; the new one, if it is among them, is left out.
    """
    others = [other for other in published if other.version != book.version]
    earlier = [other for other in others if other.effective_from < book.effective_from]
    last = max((other.effective_to or NEVER for other in earlier), default=NEVER)
    if last < book.effective_from - timedelta(1):
        yield _gap("effective_from", last + timedelta(1), book.effective_from - timedelta(1))
    if book.effective_to is not None:
        after = book.effective_to + timedelta(1)
        later = [other.effective_from for other in others if other.effective_from > book.effective_from]
        if later and min(later) > after and not any(other.covers(after) for other in others):
            yield _gap("effective_to", after, min(later) - timedelta(1))
    for other in others:
        first = max(book.effective_from, other.effective_from)
        end = min(book.effective_to or NEVER, other.effective_to or NEVER)
        if first <= end and other.effective_from <= book.effective_from:
            message = say("from {day} on this version speaks, no longer {version}", day=first, version=other.version)
            yield Finding("effective_from", "replaces_version", message)
        elif first <= end:
            message = say("from {day} on {version} speaks, which begins later", day=first, version=other.version)
            yield Finding("effective_to" if book.effective_to else "effective_from", "gives_way", message)


# --- beside what was served ---


def served(book: RuleBook, categories: Mapping[str, int]) -> Iterator[Finding]:
    """What a book's categories have to do with the services of a year: names nobody used, and services that the default rate
    takes. `categories` says how many services were of which; without any there is nothing to be said."""
    if not categories:
        return
    for where, category in _categories(book):
        if category not in categories:
            message = say("no service of the last 12 months is of {category}", category=category)
            yield Finding(where, "unused_category", message)
    strange = sorted((-count, category) for category, count in categories.items() if not book.knows(category))
    if strange:
        shown = [f"{category or '-'} {-count}" for count, category in strange[:_STRANGE_SHOWN]]
        told = ", ".join([*shown, "…"] if len(strange) > _STRANGE_SHOWN else shown)
        total = -sum(count for count, _ in strange)
        message = say("only this takes {count} services of the last 12 months: {categories}", count=total, categories=told)
        yield Finding("rate.default", "default_rate", message)


def _categories(book: RuleBook) -> Iterator[tuple[str, str]]:
    """Every category that a book names, once, with its place."""
    named = {category: f"rate.{category}" for category in book.rate.by_category}
    rules: dict[str, Sequence[Multiplier | Bonus]] = {"multiply": book.multiply, "bonus": book.bonus}
    for section, some in rules.items():
        for i, rule in enumerate(some):
            for category in sorted(rule.categories):
                named.setdefault(category, f"{section}[{i}].categories")
    return ((where, category) for category, where in named.items())


def _gap(where: str, first: date, last: date) -> Finding:
    message = say("no rule book speaks for services from {first} to {last}", first=first, last=last)
    return Finding(where, "gap_between_versions", message)
