"""The cells of a sheet as offices type them, read exactly: text, days, minutes, times of day, counts.

Each reader takes one cell and gives one value, or raises Invalid with a code, a sentence and a hint, so that a door and an
import refuse the same things in the same words. Full-width letters, digits and signs count as ASCII in numbers, days and
times, never in text. What could mean two things is refused, not guessed: '1.5' is neither hours nor minutes.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from timebank.base.codes import narrow
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say

MINUTES_A_DAY = 1_440
_EXCERPT_CHARACTERS = 40
_REMEMBERED = 8_192  # a sheet repeats its days and times: a reader remembers what it has read
_SERIAL_DAY_ZERO = date(1899, 12, 30)  # Excel's day 0, as all serials from 1900-03-01 on count
_SERIAL_MIN, _SERIAL_MAX = 10_959, 73_050  # 1930-01-01 to 2099-12-31
_YEAR_MIN, _YEAR_MAX = 1900, 2099

# Controls, lone surrogates, line separators, and signs that reorder the text around them on a screen.
_REFUSED_IN_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_YEAR_MONTH_DAY = (
    r"(?P<year>[0-9]{4})(?:"
    r"(?P<sign>[-/.])(?P<month>[0-9]{1,2})(?P=sign)(?P<day>[0-9]{1,2})"
    r"|\s*年\s*(?P<month_zh>[0-9]{1,2})\s*月\s*(?P<day_zh>[0-9]{1,2})\s*[日号]?"
    r"|(?P<month_flat>[0-9]{2})(?P<day_flat>[0-9]{2})"
    r")"
)
_WEEKDAY = r"(?:\s*\(?\s*(?:星期|周|礼拜)(?P<weekday>[一二三四五六日天])\s*\)?)?"
_MIDNIGHT = r"(?:[T ]0?0:00(?::00)?)?"  # Excel writes it behind a day it takes for an instant
_DAY = re.compile(_YEAR_MONTH_DAY + _MIDNIGHT + _WEEKDAY)
_MOMENT = re.compile(
    rf"(?P<on>{_YEAR_MONTH_DAY}{_WEEKDAY})(?:T|\s+|(?<=[日号)一二三四五六天]))(?P<at>\S.*)"
    r"|(?P<serial>[0-9]{5})\.(?P<past>[0-9]{1,15})"
)
_WEEKDAYS: Mapping[str, Say] = {
    "一": say("Monday"),
    "二": say("Tuesday"),
    "三": say("Wednesday"),
    "四": say("Thursday"),
    "五": say("Friday"),
    "六": say("Saturday"),
    "日": say("Sunday"),
}
_MINUTES = re.compile(r"(?P<minutes>[0-9]{1,5})\s*(?:分钟?|min|mins|minutes?|m)?")
_HOURS = re.compile(r"(?P<hours>[0-9]{1,3}(?:\.[0-9]{1,4})?)\s*(?:个?小时|h|hrs?|hours?)")
_HOURS_AND_HALF = re.compile(r"(?P<hours>[0-9]{1,3})(?:\s*个?小时半|\s*个半小时)|半个?小时")
_HOURS_AND_MINUTES = re.compile(
    r"(?P<hours>[0-9]{1,3})\s*(?:个?小时|h|hrs?|hours?)\s*(?P<minutes>[0-9]{1,2})\s*(?:分钟?|min|mins|minutes?|m)?"
    r"|(?P<hours_colon>[0-9]{1,3}):(?P<minutes_colon>[0-9]{2})(?::00)?"
)
_CLOCK = re.compile(
    r"(?P<before>[一-鿿]{1,2})?\s*"
    r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})(?::(?P<seconds>[0-5][0-9]))?|(?P<oclock>[点时])(?:(?P<half>半)|(?P<past>[0-9]{1,2})分?|整)?)?"
    r"\s*(?P<after>[ap]m)?"
)
_SPAN = re.compile(r"(?P<start>[^-–—~至到]+)[-–—~至到]+(?P<end>[^-–—~至到]+)")
_POINTS = re.compile(r"(?P<whole>[0-9]{1,12})(?:\.(?P<part>[0-9]))?\s*(?:分|积分)?")
_COUNT = re.compile(r"(?P<count>[0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2})\s*[人名位]?")

# What Excel or WPS would not leave alone: formulas and controls (statements.md, "Files"), and numbers of more digits than it
# can hold (15). Apostrophes in front are part of the pattern, so that a text that has its own comes back as it was.
_GUARDED = re.compile("'*[ \u00a0\u3000]*(?:[=+\\-@\t\r\n＝＋－＠]|[0-9０-９]{16,}[ \u00a0\u3000]*\\Z)")
GUARDED_STARTS = frozenset("' \u00a0\u3000=+-@\t\r\n＝＋－＠")
UNGUARDED_CHARACTERS_MAX = 15
"""A text of at most 15 characters that starts with none of GUARDED_STARTS needs no guard: a month has millions of them."""


class Span(NamedTuple):
    """A stretch of one day, in minutes from midnight: 0 <= start < end <= 1440."""

    start: int
    end: int

    @property
    def minutes(self) -> int:
        """How long it lasts, in whole minutes."""
        return self.end - self.start


def excerpt(text: str) -> str:
    """The first 40 characters of what was typed, safe for a message: what does not print becomes '?'."""
    short = text if len(text) <= _EXCERPT_CHARACTERS else text[:_EXCERPT_CHARACTERS] + "…"
    return short if short.isprintable() else "".join(c if c.isprintable() or c == "\u3000" else "?" for c in short)


def guard(text: str) -> str:
    """A text as a cell that no spreadsheet runs or rounds: with `'` in front where it needs one.

    That is where it starts with = + - @ TAB CR LF or a full-width form of them, also behind spaces, NBSP, U+3000 (source:
    OWASP, "CSV Injection"), and where it is a number of 16 digits or more, of which Excel would keep 15. `unguard` undoes it.
    """
    return "'" + text if _GUARDED.match(text) else text


def unguard(cell: str) -> str:
    """The text behind a cell: without the `'` that `guard` put there; any other `'` stays. unguard(guard(x)) == x."""
    return cell[1:] if cell[:1] == "'" and _GUARDED.match(cell, 1) else cell


def parse_text(cell: str) -> str:
    """A text as it is kept: without space around it (also NBSP, U+3000), in NFC, otherwise unchanged.

    Raises Invalid `control_character` for line breaks, tabs and other controls inside it: the log refuses them too.
    """
    text = cell.strip()
    if text.isascii() and text.isprintable():
        return text
    return _composed(text)


@lru_cache(_REMEMBERED)
def _composed(text: str) -> str:
    if not text.isprintable() and _REFUSED_IN_TEXT.search(text):
        raise Invalid(
            say('The text "{written}" holds a line break or another control character.', written=excerpt(text)),
            "control_character",
            say("Type it again on one line."),
        )
    return unicodedata.normalize("NFC", text)


_IN_NAMES = re.compile(r"(?<=[\u3400-\u9fff\U00020000-\U0003ffff])\s+(?=[\u3400-\u9fff\U00020000-\U0003ffff])")


def parse_name(cell: str) -> str:
    """A person's or shop's name: as `parse_text`, without the spaces that sheets put between Chinese characters (张 三)."""
    name = parse_text(cell)
    return name if name.isascii() else _IN_NAMES.sub("", name)


_SEVERAL = re.compile(r"[、,，;；/／]|(?<=[0-9])\s+(?=[A-Za-z]*[0-9])|和|与|及")


def parse_number_of_one(cell: str) -> str:
    """The number of one member. Raises Invalid `no_member`, and `several_members` for M0001、M0002 in one cell.

    A cell of several is not taken apart: nobody can tell whether 90 minutes beside it are of each or of all, and a record's
    own number (ref) is of one record.
    """
    if cell.isascii() and cell.isalnum():
        return cell
    number = parse_text(cell)
    if not number:
        raise Invalid(
            say("The member's number is missing."),
            "no_member",
            say("Write it: names alone are not unique, timebank member list finds it."),
        )
    if len([part for part in _SEVERAL.split(number) if part]) > 1:
        raise Invalid(
            say('"{written}" names several members.', written=excerpt(cell)),
            "several_members",
            say("Write a row of its own for each, with the minutes of each."),
        )
    return number


def parse_points(cell: str, decimals: int) -> int:
    """Points as typed, in the smallest unit: 9.5 with one decimal is 95, ８０分 is 80. Raises Invalid `bad_points`."""
    found = _POINTS.fullmatch(narrow(cell).strip())
    if not found or (found["part"] and not decimals):
        hint = say("Write a number with at most {decimals} decimals.", decimals=decimals)
        raise Invalid(say("{typed} is not a number of points.", typed=excerpt(cell)), "bad_points", hint)
    return int(found["whole"] + (found["part"] or "0")) if decimals else int(found["whole"])


@lru_cache(_REMEMBERED)
def parse_day(cell: str) -> date:
    """A day: 2026-03-08, 2026/3/8(周日), 2026.3.8, 2026年3月8日, 20260308, or Excel's serial of five digits (46089).

    Years 1900 to 2099; a serial stands for 1930 to 2099 and counts from 1900 (not from 1904, as old Macs did). Raises
    Invalid `bad_day`, also for a day that the calendar has not, a day without a year, and 3/8/2026; `other_weekday` for a
    day of another weekday than is written beside it.
    """
    typed = narrow(cell).strip()
    day = _serial_day(typed) if len(typed) == 5 else _written_day(typed)
    if day is None:
        raise Invalid(
            say('"{written}" is not a day.', written=excerpt(cell)),
            "bad_day",
            say("Write year, month and day, like 2026-03-08."),
        )
    return day


@lru_cache(_REMEMBERED)
def split_moment(cell: str) -> tuple[date | None, str]:
    """The day that stands before a time in its cell, None where none does, and the time as `parse_clock` reads it.

    2026-03-08 9:00, 2026年3月8日下午2点, 2026/3/8(周日) 9:00, or Excel's serial of a day and its part (46089.375). A part is
    read where its digits tell the minute: four of them, or eighths of a day, which need fewer. Raises Invalid `bad_time` for
    another part, and what `parse_day` raises.
    """
    typed = narrow(cell).strip()
    found = _MOMENT.fullmatch(typed)
    if found is None:
        return None, cell
    if found["on"]:
        return parse_day(found["on"]), found["at"]
    past = Fraction(int(found["past"]), 10 ** len(found["past"]))
    minute = round(past * MINUTES_A_DAY)
    off = abs(past - Fraction(minute, MINUTES_A_DAY))
    if 2 * off * 10 ** len(found["past"]) > 1 or (len(found["past"]) < 4 and 8 % past.denominator):
        raise _bad_time(cell)
    return parse_day(found["serial"]), f"{minute // 60}:{minute % 60:02d}"


def _serial_day(typed: str) -> date | None:
    if not re.fullmatch(r"[0-9]{5}", typed) or not _SERIAL_MIN <= int(typed) <= _SERIAL_MAX:
        return None
    return _SERIAL_DAY_ZERO + timedelta(days=int(typed))


def _written_day(typed: str) -> date | None:
    found = _DAY.fullmatch(typed)
    if found is None or not _YEAR_MIN <= int(found["year"]) <= _YEAR_MAX:
        return None
    month = found["month"] or found["month_zh"] or found["month_flat"]
    day = found["day"] or found["day_zh"] or found["day_flat"]
    try:
        written = date(int(found["year"]), int(month), int(day))
    except ValueError:
        return None
    right = "一二三四五六日"[written.weekday()]
    weekday = (found["weekday"] or right).replace("天", "日")
    if weekday != right:
        raise Invalid(
            say("{day} is a {right}, not a {written}.", day=written, right=_WEEKDAYS[right], written=_WEEKDAYS[weekday]),
            "other_weekday",
            say("Is it the day or the weekday that is wrong? Correct the one or the other."),
        )
    return written


@lru_cache(_REMEMBERED)
def parse_minutes(cell: str) -> int:
    """A duration in whole minutes, at least 1: 90, 90分钟, 1.5小时, 1:30, 1小时30分, 一个半小时, 1h30, or 14:00-15:30.

    A bare whole number is minutes; 1:30 is hours and minutes. Raises Invalid `bad_minutes` for a bare decimal (nobody can
    tell its unit), for hours that are no whole minutes (0.33小时), for zero; `part_of_a_day` for 半天 and 1天; `bad_span` and
    `bad_time` as `parse_span` does. Who also needs the times asks `looks_like_span` first.
    """
    typed = narrow(cell).strip().lower()
    if looks_like_span(typed):
        return parse_span(typed).minutes
    typed = digits(typed)
    if _DAYS.fullmatch(typed):
        raise Invalid(
            say('"{written}" does not say how many hours.', written=excerpt(cell)),
            "part_of_a_day",
            say("Half a day may be three hours or four: write the hours that were served."),
        )
    minutes = _duration(typed)
    if minutes is None or minutes.denominator != 1 or minutes < 1:
        raise Invalid(
            say('"{written}" is not a whole number of minutes.', written=excerpt(cell)),
            "bad_minutes",
            say("Write minutes like 90, or hours with their unit like 1.5小时, 1.5h or 1:30."),
        )
    return int(minutes)


_DAYS = re.compile(r"(?:大?半|[0-9]+|整|全)\s*个?(?:天|日|上午|下午|晚上)|全天|半日|一整天|[0-9.]+\s*(?:days?|d)|half a? ?day")
_NUMERALS = re.compile("[一二两三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九]")
_ONES = {**{sign: number for number, sign in enumerate("一二三四五六七八九", 1)}, "两": 2, "": 0}


def digits(typed: str) -> str:
    """A text with its Chinese numerals up to 99 as digits: 一个半小时 is 1个半小时, 二十分钟 is 20分钟."""
    return typed if typed.isascii() else _NUMERALS.sub(_in_digits, typed)


def _in_digits(found: re.Match[str]) -> str:
    tens, ten, ones = found[0].rpartition("十")
    return str((10 * (_ONES[tens] or 1) if ten else 0) + _ONES[ones])


def _duration(typed: str) -> Fraction | None:
    if found := _MINUTES.fullmatch(typed):
        return Fraction(found["minutes"])
    if found := _HOURS.fullmatch(typed):
        return 60 * Fraction(found["hours"])
    if found := _HOURS_AND_HALF.fullmatch(typed):
        return Fraction(60 * int(found["hours"] or 0) + 30)
    found = _HOURS_AND_MINUTES.fullmatch(typed)
    if found is None:
        return None
    past = int(found["minutes"] or found["minutes_colon"])
    return Fraction(60 * int(found["hours"] or found["hours_colon"]) + past) if past < 60 else None


def _hours(first: int, last: int, ahead: int = 0) -> dict[int, int]:
    return {hour: hour + ahead for hour in range(first, last + 1)}


_MORNING = _hours(0, 11)
_AFTERNOON = _hours(1, 11, 12) | _hours(12, 23)
_EVENING = _hours(5, 11, 12) | _hours(17, 24) | {12: 24}
_UNNAMED = _hours(0, 0) | _hours(7, 24)  # '2点' without 上午 or 下午 may be either, and is refused
_HOUR_NAMED: Mapping[str, Mapping[int, int]] = {
    "凌晨": _hours(0, 5) | {12: 0},
    "清晨": _MORNING,
    "早晨": _MORNING,
    "早": _MORNING,
    "早上": _MORNING,
    "上午": _MORNING,
    "中午": _hours(11, 14) | _hours(1, 2, 12),
    "下午": _AFTERNOON,
    "傍晚": _EVENING,
    "晚上": _EVENING,
    "晚": _EVENING,
    "am": _MORNING | {12: 0},
    "pm": _AFTERNOON,
    "": _UNNAMED,
}


@lru_cache(_REMEMBERED)
def parse_clock(cell: str) -> int:
    """A time of day in minutes from midnight, 0 to 1440: 14:00, 14：00, 下午2点, 下午2点半, 上午9点30分, 2pm, 24:00.

    With a colon and no word it is a 24-hour clock. Seconds are left out, as on a clock that shows none: 08:59:30 is 08:59, be
    it a beginning or an end. Raises Invalid `bad_time`, also for 1点 to 6点 without 上午 or 下午, and for a bare number.
    """
    minutes = _clock(digits(narrow(cell).strip().lower()), "")
    if minutes is None:
        raise _bad_time(cell)
    return minutes


def _bad_time(cell: str) -> Invalid:
    return Invalid(
        say('"{written}" is not a time of day.', written=excerpt(cell)),
        "bad_time",
        say("Write it on the 24-hour clock like 14:00, or like 下午2点半 or 2:30pm."),
    )


def _clock(typed: str, word_of_start: str) -> int | None:
    """Read one time; `word_of_start` is the word (下午) that a span's start lends to its end."""
    found = _CLOCK.fullmatch(typed)
    if found is None or (found["before"] and found["after"]):
        return None
    word = found["before"] or found["after"] or ""
    if not word and not found["minute"] and not found["oclock"]:
        return None
    lent = _HOUR_NAMED.get(word_of_start, {}).get(int(found["hour"])) if not word and word_of_start else None
    hour = lent if lent is not None else _hour(word, int(found["hour"]), colon=found["minute"])
    past = 30 if found["half"] else int(found["minute"] or found["past"] or 0)
    if hour is None or past > 59 or 60 * hour + past + (int(found["seconds"] or 0) > 0) > MINUTES_A_DAY:
        return None
    return 60 * hour + past


def _hour(word: str, hour: int, colon: str | None) -> int | None:
    if not word and colon:
        return hour if hour <= 24 else None
    return _HOUR_NAMED.get(word, {}).get(hour)


def looks_like_span(cell: str) -> bool:
    """Tell whether a cell is written as from-to, whatever its two sides are."""
    return _SPAN.fullmatch(narrow(cell).strip()) is not None


@lru_cache(_REMEMBERED)
def parse_span(cell: str) -> Span:
    """A stretch of one day: '14:00-15:30', '14:00~15:30', 上午9点-11点半, 下午2点至4点, 9:00am-1:00pm.

    The word of the start (下午) holds for the end too, where the end has none and that makes sense. Raises Invalid `bad_span`
    if it is no from-to or does not end after it starts (past midnight: two rows), and where only the end says am or pm:
    2:00-4:00pm; `bad_time` if one side is no time.
    """
    found = _SPAN.fullmatch(digits(narrow(cell).strip().lower()))
    if found is None:
        raise _bad_span(cell)
    start_typed, end_typed = found["start"].strip(), found["end"].strip()
    start_word, end_word = _word(start_typed), _word(end_typed)
    start, end = _clock(start_typed, ""), _clock(end_typed, start_word)
    if start is None or end is None:
        raise _bad_time(start_typed if start is None else end_typed)
    if start >= end or (end_word and not start_word and (end_word in ("am", "pm") or start // 60 not in _UNNAMED)):
        raise _bad_span(cell)
    return Span(start, end)


def _word(typed: str) -> str:
    found = _CLOCK.fullmatch(typed)
    return (found["before"] or found["after"] or "") if found else ""


def _bad_span(cell: str) -> Invalid:
    return Invalid(
        say('"{written}" is not a stretch of one day.', written=excerpt(cell)),
        "bad_span",
        say("Write start and end on the 24-hour clock like 14:00-15:30; a service past midnight takes two rows."),
    )


@lru_cache(_REMEMBERED)
def parse_count(cell: str) -> int:
    """A whole number of 1 or more, below a thousand million: 5, ５, 5人, 1,200. Raises Invalid `bad_count`."""
    found = _COUNT.fullmatch(narrow(cell).strip())
    count = int(found["count"].replace(",", "")) if found else 0
    if count < 1:
        raise Invalid(
            say('"{written}" is not a whole number of 1 or more.', written=excerpt(cell)), "bad_count", say("Write it like 5.")
        )
    return count
