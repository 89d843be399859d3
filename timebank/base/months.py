"""Months of the book, written '2026-10' (periods), and plain arithmetic with days."""

import calendar
import re
from datetime import date
from functools import lru_cache

from timebank.base.errors import Invalid
from timebank.base.i18n import say

_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@lru_cache(4096)  # a batch asks for each of its rows, which lie in a few months
def period_of(day: date) -> str:
    """The month a day lies in, as '2026-10'."""
    return f"{day.year:04d}-{day.month:02d}"


@lru_cache(4096)
def iso_day(day: date) -> str:
    """A day as '2026-10-22': a batch writes few days, each of them thousands of times."""
    return day.isoformat()


def parse_period(written: str) -> str:
    """Check a month typed by a person. Raises Invalid `bad_period`."""
    if not _PERIOD.fullmatch(written):
        raise Invalid(say("{written} is not a month.", written=written), "bad_period", say("Write it like 2026-10."))
    return written


def next_period(period: str) -> str:
    """The month after."""
    year, month = _parts(period)
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def first_day(period: str) -> date:
    """The first day of a month."""
    return date(*_parts(period), 1)


def last_day(period: str) -> date:
    """The last day of a month."""
    return month_end(first_day(period))


@lru_cache(4096)  # and once for the day its points lapse
def month_end(day: date) -> date:
    """The last day of the month a day lies in."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


@lru_cache(4096)
def add_months(day: date, months: int) -> date:
    """The same day some months later; 31 January + 1 month is the last day of February."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _parts(period: str) -> tuple[int, int]:
    return int(period[:4]), int(period[5:])
