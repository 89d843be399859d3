"""What is asked of who redeems: to be active, to have the points, and [redeem] of the rule book of today."""

from datetime import date

from sqlmodel import Session

from timebank import benefits, ledger, rulebooks
from timebank.base import communities
from timebank.base.errors import Finding, Refused
from timebank.base.i18n import Say, say
from timebank.people import members, persons
from timebank.rewards import Hindrance, hindrances


def check_active(member: members.Member) -> None:
    """Refuse who has left. Raises Refused `member_inactive`."""
    if member.state != "active":
        raise Refused(
            say("Member {number} is not active.", number=member.number),
            "member_inactive",
            say("Look at the member with timebank member show {number}.", number=member.number),
        )


def insufficient(session: Session, member: members.Member, needed: int, today: date) -> Refused:
    """That a member has fewer points available than a voucher would hold."""
    there = ledger.balance(session, member.community_id, member.holder, "points", today=today).available
    decimals = communities.state(session, member.community_id).points_decimals
    return Refused(
        say(
            "{number} has {there} points available; {needed} are needed.",
            number=member.number,
            there=benefits.points_text(there, decimals),
            needed=benefits.points_text(needed, decimals),
        ),
        "insufficient_points",
        say("Take fewer points, or see what is held with timebank points balance {number}.", number=member.number),
    )


def check(session: Session, member: members.Member, points: int, today: date) -> None:
    """Hold a wish for a voucher against [redeem] of the rule book of today; all that is missing is named at once.

    Raises Refused `too_few_hours`, `too_young`, `age_unknown`, `not_in_steps`.
    """
    published = rulebooks.shelf(session, member.community_id).on(today)
    if published is None or published.book.redeem is None:
        return
    served = ledger.balance(session, member.community_id, member.holder, "minutes", today=today).total
    age = persons.age_on(persons.card(session, member.community_id, member.person_id).born, today)
    found = [_hindered(session, member, hindrance) for hindrance in hindrances(published.book, served, age, points)]
    if found:
        message, code, hint = found[0]
        told = [Finding(member.number, code, message) for message, code, _ in found] if len(found) > 1 else []
        raise Refused(message, code, hint, told)


def _hindered(session: Session, member: members.Member, hindrance: Hindrance) -> tuple[Say, str, Say]:
    """A condition that is not met: what it asks for and what there is, the code, what to do."""
    if hindrance.condition == "minimum_hours_served":
        message = say(
            "{number} has served {served} minutes; vouchers begin at {wanted}.",
            number=member.number,
            served=hindrance.there,
            wanted=hindrance.wanted,
        )
        return message, "too_few_hours", say("{missing} minutes of service are missing.", missing=hindrance.missing)
    if hindrance.condition == "minimum_age" and hindrance.there is None:
        message = say(
            "The age of {number} is not known; vouchers begin at {wanted}.", number=member.number, wanted=hindrance.wanted
        )
        return (
            message,
            "age_unknown",
            say("It is read from the birth date or the identity number: give one in a sheet of members."),
        )
    if hindrance.condition == "minimum_age":
        message = say(
            "{number} is {age} years old; vouchers begin at {wanted}.",
            number=member.number,
            age=hindrance.there,
            wanted=hindrance.wanted,
        )
        return message, "too_young", say("A guardian's own points can be used instead.")
    decimals = communities.state(session, member.community_id).points_decimals
    step, asked = (benefits.points_text(points or 0, decimals) for points in (hindrance.wanted, hindrance.there))
    nearest = benefits.points_text((hindrance.there or 0) + hindrance.missing, decimals)
    message = say("Vouchers hold points in steps of {step}; {asked} is none.", step=step, asked=asked)
    return message, "not_in_steps", say("Take {points} points, or a step fewer.", points=nearest)
