"""Synthetic sheets: members and a year of services, the same bytes for the same arguments.

Everybody serves at most once a day, so that no row waits for a second person; activities have 5 to 30 people, as sign-in
sheets do. Refs, names and places have the lengths of a real office's.
"""

import csv
import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path

YEAR = (date(2026, 1, 1), date(2026, 12, 31))
NEW_YEAR = (date(2027, 1, 1), date(2027, 1, 4))

_CATEGORIES = ("elder-care", "cleaning", "tutoring", "patrol")
_ACTIVITIES = {
    "elder-care": ("独居老人探访", "助餐送餐", "陪同就医"),
    "cleaning": ("楼道清洁", "河道巡护", "垃圾分类引导"),
    "tutoring": ("四点半课堂", "青少年阅读角"),
    "patrol": ("平安夜巡", "春运路口引导"),
}
_PLACES = ("一号网格活动室", "建设中路社区服务站", "滨河小区北门", "老年人日间照料中心")
_HEADER = (*("单号", "日期", "成员编号", "时长", "开始时间", "结束时间", "类别", "活动编号", "活动名称", "地点", "人数"),)


def member_no(number: int) -> str:
    """The printed number of the n-th member, from 1."""
    return f"M{number:05d}"


def write_members(path: Path, members: int) -> Path:
    """A sheet of so many members who all joined before the year began."""
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(("成员编号", "姓名", "加入日期", "网格"))
        sheet.writerows((member_no(n), f"志愿者{n}", "2025-12-01", f"{n % 40 + 1:02d}") for n in range(1, members + 1))
    return path


def write_hours(path: Path, rows: int, members: int, days: tuple[date, date] = YEAR) -> Path:
    """A sheet of so many services, spread evenly over the days (first and last included) and drawn from the members."""
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(_HEADER)
        sheet.writerows(_services(rows, members, *days))
    return path


def _services(rows: int, members: int, first: date, last: date) -> Iterator[tuple[object, ...]]:
    chance = random.Random(f"{rows} {members} {first}")
    days = (last - first).days + 1
    assert rows <= days * members, "everybody serves at most once a day"
    activities = count(1)
    for index in range(days):
        day = first + timedelta(index)
        people = chance.sample(range(1, members + 1), rows * (index + 1) // days - rows * index // days)
        while people:
            team = chance.randint(5, 30)
            yield from _activity(chance, day, next(activities), people[:team])
            people = people[team:]


def _activity(chance: random.Random, day: date, number: int, people: list[int]) -> Iterator[tuple[object, ...]]:
    category = chance.choice(_CATEGORIES)
    activity, place = chance.choice(_ACTIVITIES[category]), chance.choice(_PLACES)
    start, minutes = 60 * chance.randint(8, 18), 15 * chance.randint(2, 12)
    clock = (f"{start // 60:02d}:00", f"{(start + minutes) // 60:02d}:{(start + minutes) % 60:02d}")
    timed = ("", *clock) if number % 3 == 0 else (minutes, "", "")
    for place_in_list, person in enumerate(people, start=1):
        ref = f"{day:%y%m%d}-{number:05d}-{place_in_list:02d}"
        about = (category, f"A{number:05d}", activity, place, len(people))
        yield (ref, day.isoformat(), member_no(person), *timed, *about)
