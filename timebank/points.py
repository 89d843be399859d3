"""Points that change hands: gifts, what is given to pools and paid out of them, and what nobody used in time.

A gift goes to whom the rule book of the day allows. Points keep the day they lapse wherever they go, and what is given is the
other's: taking back what the giver earned never touches it.
"""

from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session

from timebank import approvals, credits, ledger, openings, reading, rulebooks
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.errors import Invalid, NotAllowed, NotFound, Refused
from timebank.base.i18n import Say, say
from timebank.base.months import add_months
from timebank.benefits import POINTS_MAX, points_text
from timebank.journal import EXPIRED, Draft, Receipt, Transfer
from timebank.once import once
from timebank.people import clerks, kin, members, teams
from timebank.people.members import Member
from timebank.rulebooks import Published

GIFT, PAY_OUT = "points.gift", "pool.payout"
REVERSIBLE = (GIFT, PAY_OUT, openings.OPENING, credits.ISSUE, credits.CONVERT)
"""Kinds of entries that `take_back` reverses."""
TO_MEMBERS, TO_COMMON = ("relatives", "anyone"), ("pools", "anyone")
"""What [gift] of a rule book must say for gifts to members, and to pools and teams."""
REMINDED_MONTHS_MAX = 12


class Reminder(NamedTuple):
    """Points of one member that lapse on one day soon (smallest unit)."""

    member: Member
    lapses_on: date
    points: int


class Common(NamedTuple):
    """What a pool ('pool:elder-care') or a team ('team:4') holds: points it can give today, and by the day they lapse."""

    holder: str
    points: int
    lots: tuple[tuple[date, int], ...]


def gift(session: Session, act: Act, giver: str, receiver: str, points: int) -> Receipt:
    """Give a member's points (smallest unit) to another member, by the rule book in force; what lapses first goes first.

    Raises NotFound `unknown_member`; Refused `gift_not_allowed`, `not_related`, `same_member`, `member_inactive`, `no_rules`,
    `insufficient_points`; Invalid `bad_points`.
    """
    _check_amount(points)

    def work() -> dict[str, Any]:
        source, target = (members.find_active(session, act.community_id, number) for number in (giver, receiver))
        if source.id == target.id:
            raise Refused(say("Nobody gives points to themselves."), "same_member", say("Name another member."))
        book = rulebooks.speaking(session, act.community_id, _today(session, act))
        facts = _allowed(session, act, book, source, target)
        return _given(
            session, act, source, target.holder, Draft(GIFT, _today(session, act), rules=book.ref, facts=facts), points
        )

    inputs = {"giver": giver, "receiver": receiver, "points": points}
    return Receipt(*once(session, act, GIFT, inputs, work).receipt["entries"][0])


def donate(session: Session, act: Act, giver: str, place: str, points: int) -> Receipt:
    """Give a member's points to a pool ('elder-care') or a team, by the rule book in force.

    Raises NotFound `unknown_member`, `unknown_pool`; Refused `gift_not_allowed`, `member_inactive`, `no_rules`,
    `insufficient_points`; Invalid `bad_points`.
    """
    _check_amount(points)

    def work() -> dict[str, Any]:
        source, target = members.find_active(session, act.community_id, giver), find_common(session, act.community_id, place)
        book = rulebooks.speaking(session, act.community_id, _today(session, act))
        if book.book.gifts_to not in TO_COMMON:
            raise _not_allowed(
                book, say("The rules {rules} let nobody give points to pools or teams.", rules=book.book.version)
            )
        facts: dict[str, object] = {"to": book.book.gifts_to}
        return _given(session, act, source, target, Draft(GIFT, _today(session, act), rules=book.ref, facts=facts), points)

    inputs = {"giver": giver, "place": place, "points": points}
    return Receipt(*once(session, act, "points.donate", inputs, work).receipt["entries"][0])


def pay_out(session: Session, act: Act, place: str, receiver: str, points: int) -> Receipt:
    """Give points of a pool to a member in need; two people, and a reason, which is kept beside the entry.

    Raises NotAllowed `approver_missing`, `same_person`, `self_confirmation`; NotFound `unknown_pool`, `unknown_member`; Refused
    `insufficient_points`, `member_inactive`; Invalid `bad_points`, `no_reason`.
    """
    _check_amount(points)
    approvals.two_people(act)
    if not act.reason:
        raise Invalid(say("A pay-out needs a reason."), "no_reason", say("Say why with --reason; it is kept beside the entry."))

    def work() -> dict[str, Any]:
        source, target = find_common(session, act.community_id, place), members.find_active(session, act.community_id, receiver)
        if not source.startswith("pool:"):
            raise NotFound(say("There is no pool {pool}.", pool=place), "unknown_pool", say("See timebank points pools."))
        if target.id == clerks.own_member(session, act.community_id, act.approver):
            raise NotAllowed(
                say("Nobody approves points for themselves."), "self_confirmation", say("Let another clerk approve them.")
            )
        today = _today(session, act)
        there = ledger.balance(session, act.community_id, source, "points", today=today).available
        if there < points:
            raise _insufficient(session, act, place, there, points)
        move = Transfer("points", points, source, "available", target.holder, "available")
        return _posted(session, act, Draft(PAY_OUT, today, (move,), subject=source))

    inputs = {"pool": place, "receiver": receiver, "points": points}
    return Receipt(*once(session, act, PAY_OUT, inputs, work).receipt["entries"][0])


def take_back(session: Session, act: Act, seq: int, *, owe: bool = False) -> Receipt:
    """Reverse an entry that was a mistake: a gift, a pay-out, an opening, credits or what they became; two people.

    What its getter has spent meanwhile: see `ledger.reverse`. Raises NotFound `no_entry`; Refused `not_to_reverse`,
    `already_reversed`, `already_spent`, `insufficient`; NotAllowed `approver_missing`, `same_person`.
    """
    approvals.two_people(act)

    def work() -> dict[str, Any]:
        kind = reading.kind_of(session, act.community_id, seq)
        if kind is not None and kind not in REVERSIBLE:
            raise Refused(
                say("Entry {seq} is of the kind {kind}, which is not taken back like this.", seq=seq, kind=kind),
                "not_to_reverse",
                say("Correct hours with timebank hours correct, void vouchers with timebank voucher void."),
            )
        return {"entries": [list(ledger.reverse(session, act, seq, owe=owe))]}

    return Receipt(*once(session, act, "points.reverse", {"entry": seq, "owe": owe}, work).receipt["entries"][0])


def expire_due(session: Session, act: Act, until: date) -> list[Receipt]:
    """Post the expiry of all points whose last day was `until` or earlier, members', teams' and pools': one entry a lot.

    An entry is dated on the lapse day itself, so that it belongs to that day's month while the month is open. Points are good
    up to and including their last day: what lapses today is left for tomorrow. Held points do not lapse. Posting it again
    finds nothing to do.
    """

    def work() -> dict[str, list[list[int | str]]]:
        yesterday = communities.today(session, act) - timedelta(days=1)
        drafts = [
            Draft(
                "points.expire",
                day,
                (Transfer("points", points, holder, "available", EXPIRED, "sink", lot=day),),
                subject=holder,
                place=holder,
            )
            for holder, day, points in reading.lapsed(session, act.community_id, min(until, yesterday))
        ]
        receipts = ledger.post_all(session, act, drafts) if drafts else []
        return {"entries": [[receipt.seq, receipt.key, receipt.kind, receipt.period] for receipt in receipts]}

    outcome = once(session, act, "points.expire", {"until": until.isoformat()}, work)
    return [Receipt(*written) for written in outcome.receipt["entries"]]


def reminders(session: Session, community_id: int, today: date, months: int) -> list[Reminder]:
    """Members' points that lapse from today to the same day `months` months later (1 to 12), by member and day.

    Raises Invalid `bad_months`.
    """
    if not 1 <= months <= REMINDED_MONTHS_MAX:
        raise Invalid(
            say("{months} months is no time to be reminded in.", months=months),
            "bad_months",
            say("Give 1 to {most}.", most=REMINDED_MONTHS_MAX),
        )
    by_holder = {member.holder: member for member in members.listed(session, community_id)}
    found = (
        Reminder(by_holder[holder], day, points)
        for holder, day, points in reading.lapsing(session, community_id, today, add_months(today, months))
        if holder in by_holder
    )
    return sorted(found, key=lambda reminder: (reminder.member.id, reminder.lapses_on))


def pools(session: Session, community_id: int, today: date) -> list[Common]:
    """Every pool and team with points of its own, and what it can give today."""
    found = []
    for holder in reading.common(session, community_id):
        balance = ledger.balance(session, community_id, holder, "points", today=today)
        found.append(Common(holder, balance.available, balance.lots))
    return found


def find_common(session: Session, community_id: int, place: str) -> str:
    """The holder of a pool ('elder-care', 'pool:elder-care') or a team ('T001'). Raises NotFound `unknown_pool`."""
    by_number = {team.number_key: team.holder for team in teams.listed(session, community_id)}
    holder = by_number.get(id_key(place), f"pool:{place.removeprefix('pool:')}")
    if not reading.has_points(session, community_id, holder):
        raise NotFound(
            say("There is no pool or team {pool}.", pool=place),
            "unknown_pool",
            say("See timebank points pools; a pool is opened by the rule book that names it."),
        )
    return holder


def _check_amount(points: int) -> None:
    if not 1 <= points <= POINTS_MAX:
        raise Invalid(say("Nobody can give that many points."), "bad_points", say("Give a number above 0."))


def _today(session: Session, act: Act) -> date:
    return communities.today(session, act)


def _allowed(session: Session, act: Act, book: Published, source: Member, target: Member) -> dict[str, object]:
    """The facts of a gift between members that the rule book allows. Raises Refused `gift_not_allowed`, `not_related`."""
    to, today = book.book.gifts_to, _today(session, act)
    if to not in TO_MEMBERS:
        raise _not_allowed(book, say("The rules {rules} let nobody give points to other members.", rules=book.book.version))
    if to == "anyone":
        return {"to": to}
    links = kin.of_two(session, act.community_id, source.id, target.id)
    link = next((link for link in links if link.since <= today and (link.until is None or today <= link.until)), None)
    if link is None:
        raise Refused(
            say("{giver} and {receiver} are not known as relatives.", giver=source.number, receiver=target.number),
            "not_related",
            say("If they are, two people enter it first: timebank kin add"),
        )
    return {"to": to, "kin": link.id}


def _not_allowed(book: Published, why: Say) -> Refused:
    return Refused(
        why,
        "gift_not_allowed",
        say("What may be given stands in [gift] of the rule book: timebank rules show {version}", version=book.book.version),
    )


def _given(session: Session, act: Act, source: Member, target: str, draft: Draft, points: int) -> dict[str, Any]:
    """Post a gift from a member's lots; each keeps the day it lapses."""
    there = ledger.balance(session, act.community_id, source.holder, "points", today=draft.business_date).available
    if there < points:
        raise _insufficient(session, act, source.number, there, points)
    move = Transfer("points", points, source.holder, "available", target, "available")
    return _posted(session, act, draft._replace(transfers=(move,), subject=target))


def _posted(session: Session, act: Act, draft: Draft) -> dict[str, Any]:
    return {"entries": [list(ledger.post(session, act, draft))]}


def _insufficient(session: Session, act: Act, whose: str, there: int, needed: int) -> Refused:
    decimals = communities.get(session, act.community_id).points_decimals
    return Refused(
        say(
            "{number} has {there} points available; {needed} are needed.",
            number=whose,
            there=points_text(there, decimals),
            needed=points_text(needed, decimals),
        ),
        "insufficient_points",
        say("Give fewer points; points that lapsed or are held for vouchers cannot be given."),
    )
