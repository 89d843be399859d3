"""What of the hours needs a second look, and why: what waits for a second person, and what looks as if it stood there twice.

Reads only; confirming and turning down are `hours.approve` and `hours.reject`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from sqlmodel import Session, col, select

from timebank import attendance, services
from timebank.base.act import Act
from timebank.base.errors import NotFound
from timebank.base.i18n import Say, say
from timebank.hours import MINUTES_A_DAY_ALONE, MINUTES_A_DAY_NAMED
from timebank.people import clerks, members, teams
from timebank.services import Service, clock

DOUBLED_DAYS = 31
"""So many days back services are compared with one another."""


@dataclass(slots=True)
class Look:
    """A service that needs a second look: codes of why, the same in words, and the service it looks like (0: none).

    A sign-in that nobody ended is no service yet: its number and minutes are 0, and `team` and `captain` are as `Forgotten` has
    them.
    """

    number: int
    member: str
    day: date
    minutes: int
    category: str
    state: str
    why: list[str] = field(default_factory=list)
    told: list[Say] = field(default_factory=list)
    other: int = 0
    team: str = ""
    captain: str = ""

    def because(self, code: str, told: Say) -> None:
        """Give a reason."""
        self.why.append(code)
        self.told.append(told)


def listed(session: Session, community_id: int, today: date) -> list[Look]:
    """What waits, and of the last days what looks like another record; by day and number.

    Reasons: long_day (above 480 minutes), very_long_day (above 720), back_entered, own_hours, doubled, no_sign_out.
    """
    waiting = services.listed(session, community_id, state="waiting")
    recent = _recent(session, community_id, today - timedelta(DOUBLED_DAYS))
    doubled = _doubled(recent)
    found = {service.id: service for service in (*waiting, *recent) if service.state == "waiting" or service.id in doubled}
    days = services.days(session, community_id, {(service.member_id, service.day) for service in waiting})
    own = {clerk.id: clerk.member_id for clerk in clerks.listed(session, community_id)}
    numbers = {member.id: member.number for member in members.listed(session, community_id)}
    looks = []
    for service in sorted(found.values(), key=lambda service: (service.day, service.id)):
        look = Look(service.id, numbers[service.member_id], service.day, service.minutes, service.category, service.state)
        if service.state == "waiting":
            minutes = days[service.member_id, service.day].minutes
            _why_it_waits(look, service, minutes, own.get(service.recorded_by) == service.member_id)
        if service.id in doubled:
            look.other = doubled[service.id]
            look.because("doubled", say("same member, day and minutes as service {other}", other=look.other))
        looks.append(look)
    for came in forgotten(session, community_id, today):
        look = Look(0, came.member, came.day, 0, came.category, "signed in", team=came.team, captain=came.captain)
        look.because("no_sign_out", say("came at {time}; nobody signed out", time=clock(came.starts)))
        looks.append(look)
    return looks


class Forgotten(NamedTuple):
    """A sign-in of an earlier day that nobody ended; `starts` are minutes after midnight. `team` is the one it was for, or the
    only one the member is in; `captain` the member number of who leads it, and may know the end; both '' for nobody."""

    member: str
    day: date
    starts: int
    category: str
    team: str
    captain: str


def forgotten(session: Session, community_id: int, today: date) -> list[Forgotten]:
    """The sign-ins of earlier days that nobody ended, oldest first."""
    open_ones = [came for came in attendance.open_ones(session, community_id) if came.day < today]
    if not open_ones:
        return []
    numbers = {member.id: member.number for member in members.listed(session, community_id)}
    by_number = {team.number: team for team in teams.listed(session, community_id)}
    roll, found = teams.roll(session, community_id), []
    for came in open_ones:
        own = [team.number for team in teams.on(session, community_id, came.member_id, came.day)]
        named = roll.find(came.team)
        team = named.number if named else own[0] if len(own) == 1 else ""
        captain = ""
        if team:
            led = teams.places(session, community_id, team=by_number[team].id)
            captains = [numbers[p.member] for p in led if p.role == "captain" and p.covers(came.day)]
            captain = captains[0] if captains else ""
        found.append(Forgotten(numbers[came.member_id], came.day, came.starts, came.category, team, captain))
    return found


def _why_it_waits(look: Look, service: Service, minutes: int, own: bool) -> None:
    if minutes > MINUTES_A_DAY_ALONE:
        code = "very_long_day" if minutes > MINUTES_A_DAY_NAMED else "long_day"
        look.because(code, say("{minutes} minutes on that day", minutes=minutes))
    if service.kind == "back-entered":
        look.because("back_entered", say("entered long after"))
    if own:
        look.because("own_hours", say("a clerk's own hours"))


def all_of(session: Session, act: Act, wanted: str | Collection[str]) -> tuple[list[int], list[int]]:
    """The services that wait of an activity (its number or name) or under these refs, by number; and those that must be named
    themselves, because their day has more than 720 minutes. Raises NotFound `nothing_waits`."""
    waiting = services.listed(session, act.community_id, state="waiting")
    if isinstance(wanted, str):
        of_it = [service for service in waiting if wanted in (service.activity_no, service.activity)]
    else:
        of_it = [service for service in waiting if service.ref in wanted]
    if not of_it:
        raise NotFound(say("Nothing of it waits."), "nothing_waits", say("See timebank hours review."))
    days = services.days(session, act.community_id, {(service.member_id, service.day) for service in of_it})
    long = {s.id for s in of_it if days[s.member_id, s.day].minutes > MINUTES_A_DAY_NAMED}
    return sorted({service.id for service in of_it} - long), sorted(long)


def _recent(session: Session, community_id: int, since: date) -> Sequence[Service]:
    there = (col(Service.community_id) == community_id, col(Service.day) >= since)
    counting = col(Service.state).in_(("waiting", "confirmed", "posted"))
    return session.exec(select(Service).where(*there, counting).order_by(col(Service.id))).all()


def _doubled(recent: Iterable[Service]) -> dict[int, int]:
    """Services that have the member, day and minutes of an earlier one, by number: the number of the earlier one. Two that both
    tell from when to when are two: they do not overlap."""
    first: dict[tuple[int, date, int], Service] = {}
    found = {}
    for service in recent:
        place = (service.member_id, service.day, service.minutes)
        other = first.setdefault(place, service)
        if other is not service and (service.starts is None or other.starts is None):
            found[service.id] = other.id
    return found
