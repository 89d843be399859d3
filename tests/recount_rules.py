"""What services earn under a rule book, recounted from docs/rules.md in plain Python: shares no line with the program.

Reads the TOML itself and goes through the services one by one, in the order in which they are posted. It knows the keys that
the presets use and stops at any other, so that nothing is left out unseen.
"""

import calendar
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

KNOWN = {
    "": "schema name version title effective_from effective_to legal_basis points service rate bonus cap expiry example "
    "credit redeem gift penalty change",  # the last six decide nothing about what a service earns
    "service": "minimum_minutes round_minutes round maximum_minutes_per_day kinds carry_remainder",
    "cap": "id per points overflow",
    "bonus": "id label per points",
    "expiry": "months on align",
}


@dataclass(frozen=True)
class Earned:
    """What one service gave: to the member, to each pool, to nobody; and the day it lapses, None for never."""

    points: int
    pools: Mapping[str, int]
    discarded: int
    lapses_on: date | None


@dataclass
class Recount:
    """A rule book and all that was served under it so far, for every member."""

    rules: Mapping[str, Any]
    of_day: dict[tuple[str, date], int] = field(default_factory=lambda: defaultdict(int))
    eligible: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    counted: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    kept: dict[tuple[object, ...], int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def of(cls, text: str) -> "Recount":
        """A rule book by its text."""
        rules = tomllib.loads(text, parse_float=Decimal)
        for section, known in KNOWN.items():
            found = rules if section == "" else rules.get(section, {})
            for table in found if isinstance(found, list) else [found]:
                assert set(table) <= set(known.split()), (section, set(table))
        assert rules["points"]["decimals"] == 0
        return cls(rules)

    def serve(self, member: str, day: date, category: str, minutes: int) -> Earned:
        """One confirmed service more."""
        counts = self._counts(member, day, category, minutes)
        rate = self.rules["rate"].get(category, self.rules["rate"]["default"])
        worth = Fraction(counts, 60) * Fraction(rate)
        if counts:
            for bonus in self.rules.get("bonus", []):
                assert bonus["per"] == "entry"
                worth += bonus["points"]
        points = whole(worth, self.rules["points"]["round"])
        kept, pools, discarded = self._under_caps(member, day, points)
        assert kept + sum(pools.values()) + discarded == points
        return Earned(kept, pools, discarded, self.lapses_on(day))

    def _counts(self, member: str, day: date, category: str, minutes: int) -> int:
        """The minutes that are counted: steps 1 to 3 of the page."""
        service = self.rules["service"]
        if "confirmed" not in service["kinds"] or minutes < service["minimum_minutes"]:
            return 0
        minutes = min(minutes, service["maximum_minutes_per_day"] - self.of_day[member, day])
        unit, how = service["round_minutes"], service["round"]
        if not service["carry_remainder"]:
            counts = whole(Fraction(minutes, unit), how) * unit
            self.of_day[member, day] += counts
            return counts
        self.of_day[member, day] += minutes
        self.eligible[member, category] += minutes
        counts = whole(Fraction(self.eligible[member, category], unit), how) * unit - self.counted[member, category]
        self.counted[member, category] += counts
        return counts

    def _under_caps(self, member: str, day: date, points: int) -> tuple[int, dict[str, int], int]:
        """What the member keeps, what goes to pools, what is lost: the caps by the length of their time, the store last."""
        pools: dict[str, int] = {}
        lost = 0
        windows = {"day": (day,), "month": (day.year, day.month), "year": (day.year,), "lifetime": (), "balance": ()}
        for per, window in windows.items():
            for cap in [cap for cap in self.rules.get("cap", []) if cap["per"] == per]:
                assert per != "balance" or "expiry" not in self.rules, "what lapsed is not in store any more"
                over = max(0, points - max(0, cap["points"] - self.kept[member, per, *window]))
                points -= over
                overflow = cap.get("overflow", "discard")
                if over and overflow.startswith("pool:"):
                    pools[overflow] = pools.get(overflow, 0) + over
                else:
                    assert overflow == "discard" or not over
                    lost += over
        for per, window in windows.items():
            self.kept[member, per, *window] += points
        return points, pools, lost

    def lapses_on(self, day: date) -> date | None:
        """The last day of points of a service; None is never."""
        rule = self.rules.get("expiry")
        if rule is None:
            return None
        if "on" in rule:
            assert "align" not in rule
            month, of_month = map(int, rule["on"].split("-"))
            end = date(day.year, month, of_month)
            return end if end >= day else date(day.year + 1, month, of_month)
        assert rule.get("align", "month-end") == "month-end"
        months = day.year * 12 + day.month - 1 + rule["months"]
        year, month = months // 12, months % 12 + 1
        return date(year, month, calendar.monthrange(year, month)[1])


def whole(number: Fraction, how: str) -> int:
    """A number of 0 or more as a whole one."""
    return {"down": number // 1, "half-up": (number + Fraction(1, 2)) // 1, "up": -(-number // 1)}[how]


def recounted(text: str, attendances: Iterable[Mapping[str, str]]) -> dict[str, Earned]:
    """What each row of a sheet of hours earned, by its ref."""
    rules = Recount.of(text)
    return {
        row["ref"]: rules.serve(row["member_no"], date.fromisoformat(row["date"]), row["category"], int(row["minutes"]))
        for row in attendances
    }
