"""The sample community of `timebank demo` and its year, as values: who lives there, what they do, the sheets an office keeps.

Pure and without chance: what differs from day to day and from person to person is drawn from SHA-256 of a label, so that the
same last day gives the same community on every machine. `examples/sample` holds the parts that never change; their dates are
written for 2025 and moved by whole months.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from string import Template

from timebank.base.months import add_months, first_day, last_day, next_period, period_of
from timebank.base.sheet_survey import Encoding
from timebank.base.sheet_values import parse_clock, parse_day

MONTHS = 12
HALF = 6
"""Month (counted from 0) from which the second rule book speaks."""
NEWCOMERS_MONTH = 3
"""Month in which the people of newcomers.csv join."""
SAVER = "M0006"
"""A member who never asks for a voucher, so that points of hers lapse."""
_SEED = "520201-jianshe"
_WRITTEN_FOR = "2025-01"
_POOL_PEOPLE = 18
_TRIES = 60
_SPENDERS = 6
_HOLIDAYS = ((1, 1, 1), (3, 5, 5), (5, 1, 3), (10, 1, 3), (12, 5, 5))  # month, first day, last day: the same every year
_LATE_OR_EARLY = (0, 0, 0, 0, 5, 10, 15, -5, -10)
_SERIAL_DAY_ZERO = date(1899, 12, 30)


def draw(below: int, *label: object) -> int:
    """A number from 0 to below - 1 that the label decides."""
    written = "/".join(map(str, (_SEED, *label)))
    return int.from_bytes(sha256(written.encode()).digest()[:8], "big") % below


@dataclass(frozen=True, slots=True)
class Year:
    """Twelve months of the community's life; the last one is still running on `last_day`."""

    last_day: date

    @property
    def months(self) -> tuple[str, ...]:
        """The twelve periods, first to last."""
        months = [period_of(add_months(self.last_day.replace(day=1), 1 - MONTHS))]
        while len(months) < MONTHS:
            months.append(next_period(months[-1]))
        return tuple(months)

    @property
    def first_day(self) -> date:
        """The day on which the book is opened."""
        return first_day(self.months[0])

    def day(self, month: int, number: int) -> date:
        """Day `number` of a month (0 to 12; 12 is the one after the year)."""
        return add_months(self.first_day, month) + timedelta(days=number - 1)

    def days(self, month: int) -> list[date]:
        """The days of a month up to the year's last."""
        last = min(last_day(self.months[month]), self.last_day)
        return [self.day(month, number) for number in range(1, last.day + 1)]


@dataclass(frozen=True, slots=True)
class Person:
    """Someone of members.csv or newcomers.csv."""

    number: str
    name: str
    joined_on: date
    grid: str
    phone: str


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that happens every week: `weekdays` are 1 (Monday) to 7, times are minutes from midnight."""

    number: str
    name: str
    category: str
    weekdays: frozenset[int]
    starts: int
    ends: int
    place: str
    fewest: int
    most: int


@dataclass(frozen=True, slots=True)
class Shift:
    """One person at one activity, as it really was; a form writes it down in its own way. `starts` where the time is known."""

    day: date
    member: str
    minutes: int
    activity: Activity
    team_size: int
    starts: int | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What examples/sample holds, with its dates moved to a year."""

    year: Year
    people: tuple[Person, ...]
    newcomers: tuple[Person, ...]
    activities: tuple[Activity, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A sheet as an office would hand it in: header, rows of text, and the encoding its program writes."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    encoding: Encoding = "utf-8-sig"


def read(texts: Mapping[str, str], year: Year) -> Sample:
    """The sample community from the texts of members.csv, newcomers.csv and timetable.csv, by file name."""
    months = 12 * (year.first_day.year - int(_WRITTEN_FOR[:4])) + year.first_day.month - int(_WRITTEN_FOR[5:])
    people, newcomers = (tuple(_people(texts[name], months)) for name in ("members.csv", "newcomers.csv"))
    return Sample(year, people, newcomers, tuple(_activities(texts["timetable.csv"])))


def _people(text: str, months: int) -> Iterator[Person]:
    for row in csv.DictReader(io.StringIO(text)):
        joined_on = add_months(parse_day(row["加入日期"]), months)
        yield Person(row["成员编号"], row["姓名"], joined_on, row["网格"], row["手机"])


def _activities(text: str) -> Iterator[Activity]:
    for row in csv.DictReader(io.StringIO(text)):
        weekdays = frozenset(map(int, row["星期"]))
        starts, ends = parse_clock(row["开始"]), parse_clock(row["结束"])
        counts = int(row["最少"]), int(row["最多"])
        yield Activity(row["活动编号"], row["活动"], row["类别"], weekdays, starts, ends, row["地点"], *counts)


def member_form(people: Sequence[Person]) -> Form:
    """The sheet of members, its dates written as several hands would."""
    rows = [(p.number, p.name, written_day(p.joined_on, draw(4, "joined", p.number)), p.grid, p.phone) for p in people]
    return Form(("成员编号", "姓名", "加入日期", "网格", "手机"), tuple(rows))


# --- rule books ---


def rule_book(template: str, year: Year, half: int) -> str:
    """The text of the first (0) or second (1) rule book, its dates those of the year."""
    first = year.day(HALF * half, 1)
    last = year.day(HALF, 1) - timedelta(days=1)
    horizon = last if half == 0 else add_months(first, 24)
    days = [first + timedelta(days=i) for i in range((horizon - first).days + 1)]
    festive = [day for day in days if _is_holiday(day)]
    plain = [day for day in days if not _is_holiday(day)]
    return Template(template).substitute(
        version=first.strftime("%Y-%m"),
        first=first,
        last=last,
        holidays=", ".join(f'"{written}"' for written in _spans(festive)),
        plain_day=next(day for day in plain if day.isoweekday() < 6),
        weekend_day=next(day for day in plain if day.isoweekday() == 6),
        holiday=festive[0],
    )


def _is_holiday(day: date) -> bool:
    return any(day.month == month and first <= day.day <= last for month, first, last in _HOLIDAYS)


def _spans(days: Sequence[date]) -> Iterator[str]:
    """Days that follow each other as 'first..last', as a rule book has them."""
    begins = [day for day in days if day - timedelta(days=1) not in days]
    ends = [day for day in days if day + timedelta(days=1) not in days]
    for first, last in zip(begins, ends, strict=True):
        yield str(first) if first == last else f"{first}..{last}"


# --- a month's services ---


@dataclass(frozen=True, slots=True)
class Desk:
    """A service told at the desk in the first month: `number` is its day, `time` what the clerk types, `quiet` not shown."""

    number: int
    member: str
    time: str
    category: str
    activity: str
    quiet: bool = False


DESK = (
    Desk(5, "M0012", "14:00-17:00", "助老", "陪同就医"),
    Desk(6, "M0031", "19:00-21:30", "巡逻", "临时值守", quiet=True),
    Desk(7, "M0012", "1.5小时", "助老", "代购送药"),
    Desk(8, SAVER, "上午9点-12点", "托管", "假期托管"),
    Desk(9, "M0012", "2小时30分", "助老", "陪同就医", quiet=True),
    Desk(10, "M0031", "4小时", "环境", "清理楼道", quiet=True),
    Desk(11, SAVER, "14:00~17:00", "托管", "假期托管", quiet=True),
)
"""What is recorded service by service."""

DESK_CORRECTED = 4
"""Which of them (counted from 1, as services are) was written down too long."""


@lru_cache(MONTHS)
def shifts(sample: Sample, month: int) -> tuple[Shift, ...]:
    """Everything the community did in a month (0 to 11), day by day; nobody is at two places on one day."""
    people = sample.people + (sample.newcomers if month > NEWCOMERS_MONTH else ())
    pools = {activity.number: _pool(activity, people) for activity in sample.activities}
    at_the_desk = {(desk.number, desk.member) for desk in DESK} if month == 0 else set()
    found: list[Shift] = []
    for day in sample.year.days(month):
        busy = {member for number, member in at_the_desk if number == day.day}
        for activity in sample.activities:
            if day.isoweekday() in activity.weekdays:
                came = _came(activity, pools[activity.number], busy, day)
                found.extend(_shift(activity, member, day, len(came)) for member in came)
    return tuple(found)


@lru_cache(64)
def _pool(activity: Activity, people: tuple[Person, ...]) -> list[str]:
    """Who usually comes to an activity, the most eager first."""
    return sorted((p.number for p in people), key=lambda number: draw(1 << 32, "pool", activity.number, number))[:_POOL_PEOPLE]


def _came(activity: Activity, pool: Sequence[str], busy: set[str], day: date) -> list[str]:
    wanted = activity.fewest + draw(activity.most - activity.fewest + 1, "people", activity.number, day)
    came: list[str] = []
    for attempt in range(_TRIES):
        # The product of two numbers is small more often than not: the eager ones come often, the others now and then.
        one, other = divmod(draw(len(pool) ** 2, "came", activity.number, day, attempt), len(pool))
        member = pool[one * other // len(pool)]
        if len(came) == wanted:
            break
        if member not in busy:
            busy.add(member)
            came.append(member)
    return came


def _shift(activity: Activity, member: str, day: date, team_size: int) -> Shift:
    off = _LATE_OR_EARLY[draw(len(_LATE_OR_EARLY), "off", activity.number, day, member)]
    return Shift(day, member, activity.ends - activity.starts + off, activity, team_size, activity.starts)


# --- a month's form ---

_BY_DURATION = ("单号", "日期", "成员编号", "时长", "类别", "活动编号", "活动", "地点", "队伍人数")
_BY_SIGN_IN = ("服务日期", "志愿者编号", "签到时间", "签退时间", "服务类型", "活动名称", "服务地点", "人数")
_MIXED = ("日期", "成员编号", "服务时长", "类别", "活动", "队伍人数", "记录类型")
_PREPARING = Activity("HD20", "邻里节布置会场", "环境", frozenset(), 8 * 60, 18 * 60, "社区广场", 3, 3)
_VISITING = Activity("HD21", "陪护住院老人", "助老", frozenset(), 8 * 60, 10 * 60, "市医院", 1, 1)
LONG_DAYS = ("M0045", "M0058", "M0071")
"""Who prepared a feast for more than eight hours in the first month: these records wait for a second person."""
LONG_DAY = 20


def form(sample: Sample, month: int) -> Form:
    """A month's services as the office writes them down. Three kinds of sheet take turns: durations with a number for each
    line, sign-in and sign-out times, and a mixed one; days and durations are in the handwriting of whoever led the activity."""
    found = [*shifts(sample, month), *_special(sample, month)]
    found.sort(key=lambda shift: shift.day)
    if month % 3 == 0:
        tag = sample.year.months[month].replace("-", "")
        rows = [_by_duration(shift, f"DJ{tag}-{i:03d}") for i, shift in enumerate(found, start=1)]
        return Form(_BY_DURATION, tuple([*rows, _told_at_the_desk(sample.year)] if month == 0 else rows))
    if month % 3 == 1:
        return Form(_BY_SIGN_IN, tuple(map(_by_sign_in, found)))
    return Form(_MIXED, tuple(map(_mixed, found)), "gb18030")


def _special(sample: Sample, month: int) -> list[Shift]:
    """What is not on the timetable: long days, services that people report themselves, one that was entered afterwards."""
    if month == 0:
        day = sample.year.day(0, LONG_DAY)
        return [Shift(day, member, 600 + 30 * i, _PREPARING, 3, 8 * 60) for i, member in enumerate(LONG_DAYS)]
    if month % 3 == 2:
        day = sample.year.days(month)[0]
        return [
            Shift(day, "M0090", 120, _VISITING, 1, kind="自报"),
            Shift(day, "M0091", 180, _VISITING, 1, kind="补录"),
        ]
    return []


def _by_duration(shift: Shift, ref: str) -> tuple[str, ...]:
    activity = shift.activity
    time = written_minutes(shift, draw(5, "hand", activity.number))
    day = written_day(shift.day, draw(6, "hand", activity.number, "day"))
    about = (activity.category, activity.number, activity.name, activity.place)
    return (ref, day, shift.member, time, *about, str(shift.team_size))


def _by_sign_in(shift: Shift) -> tuple[str, ...]:
    activity, starts = shift.activity, shift.activity.starts
    times = (_clock(starts), _clock(starts + shift.minutes))
    day = written_day(shift.day, draw(6, "hand", activity.number, "day"))
    return (day, shift.member, *times, activity.category, activity.name, activity.place, f"{shift.team_size}人")


def _mixed(shift: Shift) -> tuple[str, ...]:
    activity = shift.activity
    time = written_minutes(shift, draw(5, "hand", activity.number, "mixed"))
    day = written_day(shift.day, draw(6, "hand", activity.number, "day"))
    return (day, shift.member, time, activity.category, activity.name, str(shift.team_size), shift.kind)


def _told_at_the_desk(year: Year) -> tuple[str, ...]:
    """A service that was recorded at the desk and stands in the sheet as well: it must count once."""
    desk = DESK[0]
    return ("", year.day(0, desk.number).isoformat(), desk.member, desk.time, desk.category, "", desk.activity, "", "1")


def with_mistakes(handed_in: Form) -> tuple[Form, Form]:
    """The first month's form as it was first typed, with six wrong rows, each wrong in another way; and the same, corrected."""
    double = list(handed_in.rows[-1])  # the desk's service, and another one so near that the member would be at two places
    double[0], double[3], double[6] = "DJ-001", "17:00-18:00", "送医陪护"
    right = [*handed_in.rows, tuple(double)]
    wrong = [list(row) for row in right]
    day = parse_day(wrong[30][1])
    wrong[7][2] = "M0999"
    wrong[30][1] = f"{day.year}年{day.month}月32日"
    wrong[58][3] = "1.5"
    wrong[90][1] = add_months(parse_day(wrong[90][1]), 12).isoformat()  # next year's number, as in every January
    wrong[120][3] = ""
    wrong[-1][3] = "16:00-17:00"
    header, encoding = handed_in.header, handed_in.encoding
    return Form(header, tuple(map(tuple, wrong)), encoding), Form(header, tuple(right), encoding)


def written_day(day: date, hand: int) -> str:
    """A day as one of six hands writes it."""
    if hand == 5:
        return str((day - _SERIAL_DAY_ZERO).days)  # what Excel leaves of a day when a sheet is saved as text
    plain = (f"{day.year}-{day:%m-%d}", f"{day.year}/{day.month}/{day.day}", f"{day.year}年{day.month}月{day.day}日")
    return (*plain, f"{day.year}.{day.month}.{day.day}", f"{day.year}{day:%m%d}")[hand]


def written_minutes(shift: Shift, hand: int) -> str:
    """A duration as one of five hands writes it; a span only where the times are known."""
    minutes = shift.minutes
    hours, rest = divmod(minutes, 60)
    if hand == 0 and shift.starts is not None:
        return f"{_clock(shift.starts)}-{_clock(shift.starts + minutes)}"
    if hand == 1 and rest in (0, 15, 30, 45):
        return f"{hours}{('', '.25', '.5', '.75')[rest // 15]}小时"
    if hand == 2:
        return f"{hours}:{rest:02d}"
    if hand == 3:
        return f"{hours}小时{rest}分" if hours and rest else f"{minutes}分钟"
    return str(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


# --- offers and vouchers ---


@dataclass(frozen=True, slots=True)
class Deal:
    """An offer of a shop: the words behind `offer add` and, for a discount, its price in points."""

    merchant: str
    words: tuple[str, ...]
    price: int | None = None


def _offset(merchant: str, per_yuan: int, share: str) -> Deal:
    return Deal(merchant, ("--kind", "offset", "--points-per-yuan", str(per_yuan), "--max-share", share))


def _discount(merchant: str, off: str, most: str, least: str, price: int) -> Deal:
    terms = ("--off", off, "--max", most, "--min-spend", least, "--points", str(price))
    return Deal(merchant, ("--kind", "discount", *terms), price)


DEALS = (
    _offset("S001", 10, "50%"),
    _discount("S003", "10%", "20.00", "30.00", 50),
    _offset("S005", 8, "30%"),
    _offset("S011", 10, "50%"),
    _discount("S014", "20%", "15.00", "40.00", 80),
    _offset("S002", 10, "40%"),
    _discount("S010", "15%", "12.00", "20.00", 40),
    _offset("S021", 5, "100%"),
    _discount("S026", "12%", "18.00", "20.00", 45),
    _offset("S027", 12, "50%"),
)
"""The community's offers in the order in which they are added: the first is offer 1."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A voucher that a member asks for: which offer, how many points (None: its fixed price), the bill in yuan, and what
    becomes of it: captured or voided on `ends_on`, left to lapse, or still open (None) on the year's last day."""

    member: str
    offer: int
    points: int | None
    bill: str
    issued_on: date
    ends_on: date
    fate: str

    @property
    def merchant(self) -> str:
        """The shop where it is good."""
        return DEALS[self.offer - 1].merchant


LAST_OFFER = 1
"""The offer of the voucher that is left for the reader to try."""
LAPSE_DAYS = 7
"""How long a voucher that is left to lapse is good for."""
_FATES = ("captured", "captured", "captured", "voided", "captured", "lapses")


def wishes(sample: Sample, month: int) -> list[Wish]:
    """The vouchers of a month (1 to 11), for members who surely earned enough the month before."""
    days = sample.year.days(month)
    made = []
    for place, (member, purse) in enumerate(_spenders(sample, month - 1)):
        label = ("wish", month, place)
        number = 3 + 3 * place + draw(3, *label, "day")
        if number > len(days):
            continue
        offer = 1 + draw(len(DEALS), *label, "offer")
        price = DEALS[offer - 1].price
        if price is not None and price > purse:
            offer, price = 1, None
        points = min(purse, 50 + 10 * draw(6, *label, "points")) if price is None else None
        bill = f"{45 + draw(120, *label, 'yuan')}.{draw(100, *label, 'fen'):02d}"
        issued_on, fate = days[number - 1], _FATES[place]
        ends_on = issued_on + timedelta(days=LAPSE_DAYS + 1 if fate == "lapses" else draw(4, *label, "ends"))
        over = ends_on > sample.year.last_day
        made.append(Wish(member, offer, points, bill, issued_on, ends_on, "open" if over and fate != "lapses" else fate))
    return made


def last_wish(sample: Sample) -> Wish:
    """A voucher of the last day, left open, so that there is one to try."""
    member, purse = _spenders(sample, MONTHS - 2, skip=_SPENDERS)[0]
    last = sample.year.last_day
    return Wish(member, LAST_OFFER, min(purse, 30), "60.00", last, last, "open")


def _spenders(sample: Sample, month: int, skip: int = 0) -> list[tuple[str, int]]:
    """Who earned most in a month, with points they have at least, whatever was rounded, capped or carried."""
    minutes: dict[str, dict[str, int]] = {}
    for shift in shifts(sample, month):
        by_category = minutes.setdefault(shift.member, {})
        by_category[shift.activity.category] = by_category.get(shift.activity.category, 0) + shift.minutes
    surely = {member: sum(8 * (m // 60 - 1) for m in of.values() if m >= 60) for member, of in minutes.items()}
    surely.pop(SAVER, None)
    ranked = sorted(surely.items(), key=lambda item: (-item[1], item[0]))
    return [(member, min(points, 100)) for member, points in ranked[skip : skip + _SPENDERS]]
