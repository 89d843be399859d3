"""Services that hang out: confirmed, and posted only once a public notice about them has passed.

A notice speaks for a service whose number it names, if it bound the records as they are now and hung for as many working days
as are demanded. What stands in the way is told by code and cure; what was objected to rightly is turned down.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from sqlmodel import Session

from timebank import approvals, hours, ledger, notices, rulebooks, services
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.errors import Finding, NotAllowed, Refused
from timebank.base.i18n import Say, say
from timebank.hours import Fresh
from timebank.journal import Draft
from timebank.notices import Posted
from timebank.people import clerks, members
from timebank.people.members import Volunteer
from timebank.services import Record, Service

REJECT = "hours.reject"
Standing = Literal["due", "hangs", "over", "changed", "too_short", "stopped", "unnoticed"]
"""How a confirmed service stands: its notice has passed; hangs; is over and not closed yet; bound other records; was shorter
than is demanded now; was stopped by an objection; there is none. Of several notices the one speaks that comes first here."""
_ORDER: tuple[Standing, ...] = get_args(Standing)
_TO_NOTICE: tuple[Standing, ...] = ("changed", "too_short", "stopped", "unnoticed")


@dataclass(frozen=True, slots=True)
class Hung:
    """A confirmed service, how it stands, and the notice that says so, if there is one."""

    service: Service
    standing: Standing
    notice: Posted | None

    @property
    def refusal(self) -> tuple[str, Say, Say]:
        """Why it is not posted yet: a code, a sentence, what to do. Codes: not_noticed, notice_running, notice_stopped,
        notice_too_short, record_changed."""
        number, notice = self.service.id, self.notice
        anew = say("Let it hang out: timebank notice post hours:{number} TEXT", number=number)
        if notice is None:
            return "not_noticed", say("No notice tells of service {number} yet.", number=number), anew
        told = {"number": number, "notice": notice.id, "until": notice.until, "days": notice.days}
        if self.standing in ("hangs", "over"):
            after = say("On the day after, close it: timebank notice close {notice}", **told)
            return "notice_running", say("Notice {notice} about service {number} hangs until {until}.", **told), after
        if self.standing == "stopped":
            return "notice_stopped", say("Notice {notice} about service {number} was stopped by an objection.", **told), anew
        if self.standing == "too_short":
            short = say("Notice {notice} about service {number} hung for {days} working days; that is too short now.", **told)
            return "notice_too_short", short, anew
        other = say("What notice {notice} said of service {number} and those beside it is not what is recorded now.", **told)
        return "record_changed", other, say("Run timebank audit; what is right hangs out again.")


def listed(session: Session, community_id: int, today: date) -> list[Hung]:
    """The confirmed services that wait for a notice, by number, and how each of them stands."""
    waiting = sorted(services.listed(session, community_id, state="confirmed"), key=lambda service: service.id)
    least = notices.demanded(session, community_id, "hours")
    about = _about_these(session, community_id, [service.id for service in waiting])
    speaks = {posted.id: _standing(session, community_id, posted, (least, today)) for _, posted in about}
    found = []
    for service in waiting:
        own = [(speaks[posted.id], -posted.id, posted) for (first, last), posted in about if first <= service.id <= last]
        own.sort(key=lambda one: (_ORDER.index(one[0]), one[1]))
        found.append(Hung(service, own[0][0], own[0][2]) if own else Hung(service, "unnoticed", None))
    return found


def _about_these(session: Session, community_id: int, numbers: Sequence[int]) -> list[tuple[tuple[int, int], Posted]]:
    """The notices that name any of these services, each with the first and last number it names."""
    found = []
    for posted in notices.of_kind(session, community_id, "hours"):
        stretch = notices.stretch(posted.about.partition(":")[2])
        if stretch is not None and any(stretch[0] <= number <= stretch[1] for number in numbers):
            found.append((stretch, posted))
    return found


def _standing(session: Session, community_id: int, posted: Posted, wanted: tuple[int, date]) -> Standing:
    """How what a notice names stands by it, where so many working days are demanded, today."""
    least, today = wanted
    if posted.outcome is None:
        return "hangs" if today <= posted.until else "over"
    if posted.outcome != "passed":
        return "stopped"
    if not posted.serves(least):
        return "too_short"
    stretch = notices.stretch(posted.about.partition(":")[2])
    assert stretch is not None, "only notices about numbers are asked"
    return "due" if posted.binds == services.content_of(session, community_id, *stretch) else "changed"


def stretches(session: Session, community_id: int, hung: Sequence[Hung]) -> list[tuple[int, int]]:
    """First and last numbers of what still has to hang out, as few notices as can be: a stretch goes on over services that wait
    for a second person or were turned down, and ends where others lie between."""
    wanted = [one.service.id for one in hung if one.standing in _TO_NOTICE]
    if not wanted:
        return []
    between = services.between(session, community_id, wanted[0], wanted[-1])
    parting = {service.id for service in between if service.state not in ("waiting", "rejected")} - set(wanted)
    found: list[tuple[int, int]] = []
    for number in wanted:
        if found and not any(found[-1][1] < other < number for other in parting):
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def due(hung: Sequence[Hung], own: Collection[int]) -> tuple[list[int], list[int]]:
    """The numbers of the services whose notice has passed; and of those among them that are of members who may approve this
    (`own`, by id): nobody approves hours of their own, so they are left."""
    passed = [one.service for one in hung if one.standing == "due"]
    return [s.id for s in passed if s.member_id not in own], [s.id for s in passed if s.member_id in own]


def post(session: Session, act: Act, numbers: Collection[int]) -> list[Fresh]:
    """Post confirmed services whose notice has passed, in the order of their numbers, by the rule books that speak for their
    days now; all of them, or none. Two people. Each entry names its notice.

    Raises NotAllowed `approver_missing`, `same_person`, `self_confirmation`; NotFound `unknown_service`; Refused
    `not_confirmed`, and what `Hung.refusal` tells, with a finding for every service.
    """
    approvals.two_people(act)
    communities.lock(session, act.community_id)
    found = {one.service.id: one for one in listed(session, act.community_id, communities.today(session, act))}
    wanted = [found.get(number) or _missing(session, act, number) for number in sorted(set(numbers))]
    own = clerks.own_member(session, act.community_id, act.approver)
    if any(one.service.member_id == own for one in wanted):
        raise NotAllowed(
            say("Nobody confirms hours of their own."), "self_confirmation", say("Let another clerk approve them.")
        )
    _check(wanted)
    shelf, items = rulebooks.shelf(session, act.community_id), []
    for one in wanted:
        service = one.service
        member = Volunteer.of(members.get(session, act.community_id, service.member_id))
        published, record = shelf.on(service.day), Record.of(service, member.number)
        assert published is not None, "books are never withdrawn"
        assert one.notice is not None, "what is due has a notice"
        fresh = Fresh(service.id, record, service.digest, member, published, waits=False, version=service.version)
        fresh.notice = one.notice.id
        items.append(fresh)
    days = services.days(session, act.community_id, {(item.member.id, item.record.day) for item in items})
    hours.post(session, act, items, days)
    for item in items:
        services.overtake(session, act, item.number)
    hours.keep(session, [(one.service, item) for one, item in zip(wanted, items, strict=True)])
    return items


def _missing(session: Session, act: Act, number: int) -> Hung:
    """Refuse what is not confirmed."""
    service = services.find(session, act.community_id, number)
    raise Refused(
        say(
            "Service {number} does not wait for a notice but is {state}.",
            number=number,
            state=service.stands,
        ),
        "not_confirmed",
        say("See timebank hours list --state confirmed."),
    )


def _check(wanted: Sequence[Hung]) -> None:
    refused = [(one.service.id, *one.refusal) for one in wanted if one.standing != "due"]
    if not refused:
        return
    _, code, message, hint = refused[0]
    if len(wanted) == 1:
        raise Refused(message, code, hint)
    findings = [Finding(f"hours:{number}", code, message) for number, code, message, _ in refused]
    many = say("{count} of these services cannot be posted yet; nothing was posted.", count=len(refused))
    raise Refused(many, code, hint, findings)


def reject(session: Session, act: Act, number: int, why: str) -> Service:
    """Turn down a confirmed service, with the reason. Two people, and an entry: it may have hung out already.

    Raises NotAllowed `approver_missing`, `same_person`; NotFound `unknown_service`; Refused `not_confirmed`.
    """
    approvals.two_people(act)
    communities.lock(session, act.community_id)
    service = services.find(session, act.community_id, number)
    if service.state != "confirmed":
        _missing(session, act, number)
    today = communities.today(session, act)
    ledger.post(session, act, Draft(REJECT, today, subject=f"hours:{number}", text=why or None))
    services.overtake(session, act, number)
    service.state = "rejected"
    session.add(service)
    session.flush()
    return service
