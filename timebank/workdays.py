"""Working days: a community's own days off and make-up working days, a calendar a year, and how long some of them last.

Saturdays and Sundays are off unless they are made up for. A year that nobody has entered is unknown: nothing is guessed of it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import ledger
from timebank.approvals import two_people
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import key_field
from timebank.base.errors import Invalid, NotFound
from timebank.base.i18n import Say, say
from timebank.base.rows import last_id
from timebank.journal import Draft

DAYS_MAX = 60
"""As many working days a notice lasts at most."""
_FILE_BYTES_MAX = 1 << 16
_YEARS = range(2000, 2100)
_SATURDAY = 5


class Calendar(SQLModel, table=True):
    """A year as it was entered; of two for one year the later one speaks. Days are ISO, in their order, with commas between."""

    community_id: int = key_field()
    id: int = key_field()
    year: int
    days_off: str = Field(sa_type=Text)
    make_up_days: str = Field(sa_type=Text)
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Year:
    """What differs from the week in a year: days off, and Saturdays or Sundays that are worked."""

    year: int
    days_off: tuple[date, ...]
    make_up_days: tuple[date, ...]


def read(data: bytes) -> Year:
    """Read a file as holiday-cn publishes them: {"year": 2026, "days": [{"date": "2026-01-01", "isOffDay": true}, …]}.

    A year's notice may name days of the December before. Raises Invalid `bad_calendar`.
    Source: State Council holiday notices as https://github.com/NateScarlet/holiday-cn has them.
    """
    if len(data) > _FILE_BYTES_MAX:
        raise _bad(say("it is larger than a calendar"))
    try:
        told = json.loads(data.decode("utf-8-sig"))
        off = {date.fromisoformat(day["date"]): day["isOffDay"] for day in told["days"]}
        year, count = told["year"], len(told["days"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _bad(say("it is not the JSON of a year with its days")) from error
    if type(year) is not int or year not in _YEARS or any(type(value) is not bool for value in off.values()):
        raise _bad(say("it is not the JSON of a year with its days"))
    if len(off) != count:
        raise _bad(say("a day stands in it twice"))
    if any(day.year != year and (day.year, day.month) != (year - 1, 12) for day in off):
        raise _bad(say("it names a day of another year"))
    return Year(year, tuple(sorted(d for d in off if off[d])), tuple(sorted(d for d in off if not off[d])))


def _bad(why: Say) -> Invalid:
    return Invalid(
        say("This cannot be read as a calendar: {why}.", why=why),
        "bad_calendar",
        say("Give a file like {example}", example='{"year": 2026, "days": [{"date": "2026-01-01", "isOffDay": true}, …]}'),
    )


def add(session: Session, act: Act, year: Year) -> Calendar:
    """Enter the calendar of a year, or another one instead: notices posted from now on count by it. Two people.

    Raises NotAllowed `approver_missing`, `same_person`. The same calendar again gives the known row.
    """
    two_people(act)
    communities.lock(session, act.community_id)
    off, made_up = _written(year.days_off), _written(year.make_up_days)
    known = _calendars(session, act.community_id, [year.year]).get(year.year)
    if known is not None and (known.days_off, known.make_up_days) == (off, made_up):
        return known
    number = last_id(session, "calendar", act.community_id) + 1
    facts: dict[str, object] = {"year": year.year, "days_off": off, "make_up_days": made_up}
    today = communities.today(session, act)
    receipt = ledger.post(session, act, Draft("calendar.set", today, subject=f"calendar:{number}", facts=facts))
    calendar = Calendar(
        community_id=act.community_id, id=number, year=year.year, days_off=off, make_up_days=made_up, seq=receipt.seq
    )
    session.add(calendar)
    session.flush()
    return calendar


def last_day(session: Session, community_id: int, begins: date, days: int) -> date:
    """The last of so many working days, the first of which is `begins`, or the first working day after it.

    Raises Invalid `bad_days`; NotFound `unknown_year` where a day falls into a year that nobody has entered.
    """
    if not 1 <= days <= DAYS_MAX:
        raise Invalid(
            say("A notice lasts 1 to {most} working days.", most=DAYS_MAX), "bad_days", say("Give another number with --days.")
        )
    known = _calendars(session, community_id, range(begins.year, begins.year + 3))
    return counted(begins, days, {year: (calendar.days_off, calendar.make_up_days) for year, calendar in known.items()})


Calendars = Mapping[int, tuple[str, str]]
"""Days off and make-up days of each year, as `Calendar` has them."""


def counted(begins: date, days: int, calendars: Calendars) -> date:
    """The last of so many working days by these calendars. Pure. Raises NotFound `unknown_year`."""
    day, left = begins, days
    while True:
        left -= _is_worked(day, calendars)
        if left == 0:
            return day
        day += timedelta(days=1)


def _is_worked(day: date, calendars: Calendars) -> bool:
    if day.year not in calendars:
        raise NotFound(
            say("Which days of {year} are worked is not known here.", year=day.year),
            "unknown_year",
            say("Enter its calendar when it is announced: timebank notice holidays FILE"),
        )
    written = day.isoformat()
    for days_off, made_up in filter(None, (calendars.get(day.year + 1), calendars[day.year])):  # the next's may change December
        if written in days_off.split(","):
            return False
        if written in made_up.split(","):
            return True
    return day.weekday() < _SATURDAY


def _calendars(session: Session, community_id: int, years: Iterable[int]) -> dict[int, Calendar]:
    wanted = select(Calendar).where(col(Calendar.community_id) == community_id, col(Calendar.year).in_(list(years)))
    return {calendar.year: calendar for calendar in session.exec(wanted.order_by(col(Calendar.id)))}


def _written(days: Iterable[date]) -> str:
    return ",".join(day.isoformat() for day in days)
