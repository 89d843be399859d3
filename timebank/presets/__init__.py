"""Rule books to start from, as files beside this one: `copied` gives one with a version and a first day of its own.

They are written in Chinese for the clerk who will change them, each with examples at its edges.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from timebank.base.errors import NotFound
from timebank.base.i18n import Say, say

PRESETS: Final[Mapping[str, Say]] = {
    "one-hour-one-point": say("one hour, one point; what is left of an hour counts with the next service"),
    "whole-hours": say("whole hours only; at most 1,500 points in store, more goes to a pool in the member's name"),
    "half-hours": say("a point each half-hour, at most 8 hours a day"),
    "two-points-a-day": say("a point an hour, at most 2 a day and 600 in all"),
    "year-end": say("points an hour by category; they lapse on 31 December"),
    "three-years": say("points an hour by category, at most 600 a month; they lapse after three years, at the month's end"),
    "one-contribution": say("one contribution, one point, however long; a community credit becomes a point"),
}
"""Name of each preset, and what it says in a line."""

_FOLDER: Final = Path(__file__).parent
_VERSION: Final = re.compile(r'(?m)^(version\s*= )"[^"]*"')
_FROM: Final = re.compile(r"(?m)^(effective_from = )[\d-]{10}")
_SERVED: Final = re.compile(r"\bdate = ([\d-]{10})")
_OF_EXAMPLES: Final = re.compile(r"((?:\bdate|^lapses_on) = )(\d{4})(?=-\d\d-\d\d)", re.MULTILINE)


def original(name: str) -> str:
    """The text of a preset as it is shipped. Raises NotFound `unknown_preset`."""
    if name not in PRESETS:
        raise NotFound(say("There is no preset {name}.", name=name), "unknown_preset", say("See timebank rules presets."))
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def copied(name: str, version: str, first: date) -> str:
    """A preset under another version, for services from a first day on; its examples move to years on or after that day.

    Raises NotFound `unknown_preset`. The version is written as it is given: reading the text tells whether it can be one.
    """
    text = original(name)
    earliest = min(date.fromisoformat(day) for day in _SERVED.findall(text))
    years = first.year - earliest.year + (earliest.replace(year=first.year) < first)
    text = _OF_EXAMPLES.sub(lambda year: f"{year[1]}{int(year[2]) + years}", text)
    text = _VERSION.sub(lambda found: f'{found[1]}"{version}"', text)
    return _FROM.sub(lambda found: f"{found[1]}{first.isoformat()}", text)
