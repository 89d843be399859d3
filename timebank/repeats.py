"""Awards that were made before: of a long history most services earn what another one earned, so they need not be worked out.

What an award hangs on beside the room under caps is little (`rewards.award`): rate and multipliers, the minutes
and the kind of record, the day's minutes so far, and of the carried minutes what is left of them when whole units are taken out
and how far those counted lag behind, for whole units pass through each rounding. Where all caps leave room, an award of the
same of these is the same one but for its day. Books with bonuses, tiers, store caps or caps of activities, teams or programmes
read more; their awards are all worked out.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

from timebank.clauses import Facts, RuleBook, Used
from timebank.rewards import Award
from timebank.tallies import Scopes, Sums

_KEPT_MAX: Final = 1 << 16
_WINDOWS: Final = ("day", "month", "year", "lifetime")
_NONE: Final = Sums()
_NOTHING: Final = Used()
_LIMITLESS: Final = 1 << 62


class _Room(NamedTuple):
    """What the caps of a window leave to anybody; `scope` is its place in `Scopes`."""

    scope: int
    points: int
    minutes: int


class Repeats:
    """The awards of one book that may come again: `find` one, else make it and `keep` it."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        own = all(cap.scope == "member" and cap.per in _WINDOWS for cap in book.cap)
        self._plain = own and not book.bonus and not book.ready.reads_served
        self._unit = book.service.round_minutes
        windows = [window for window in _WINDOWS if window in book.windows] if own else []
        self._rooms = tuple(_room(book, window) for window in windows)
        self._worths: dict[tuple[date, str, int, str], int] = {}
        self._numbers: dict[tuple[object, ...], int] = {}
        self._known: dict[tuple[object, ...], Award] = {}
        self._asked: tuple[object, ...] = ()

    def find(self, facts: Facts, scopes: Scopes, own: Mapping[str, Sums]) -> Award | None:
        """The award of a service of a member with these sums, as another day may have had it; None where it must be made."""
        if not self._plain:
            return None
        at = (facts.day, facts.category, facts.team_size, facts.team)
        carried = own.get(scopes.category, _NONE)
        eligible = carried.eligible
        day = own.get(scopes.day, _NONE).eligible
        worth = self._worths.get(at)
        if worth is None:
            worth = self._worth(at, facts)
        self._asked = key = (worth, facts.minutes, facts.kind, day, eligible % self._unit, eligible - carried.counted)
        made = self._known.get(key)
        if made is None:
            return None
        for scope, points, minutes in self._rooms:
            there = own.get(scopes[scope], _NONE)
            if there.points + made.points > points or there.window_minutes + made.counted > minutes:
                return None
        return made

    def keep(self, made: Award) -> None:
        """Keep the award that was made for what `find` was asked for last, where no cap touched it."""
        if self._plain and not made.trace.keys() & {"caps", "window_minutes"}:
            if len(self._known) >= _KEPT_MAX:
                self._known.clear()
            self._known[self._asked] = made

    def _worth(self, at: tuple[date, str, int, str], facts: Facts) -> int:
        """A number for the rate and the multipliers that hold, the same for the same ones."""
        if len(self._worths) >= _KEPT_MAX:
            self._worths.clear()
        ready = self._book.ready
        holds = (when.holds(facts, _NOTHING) for group in ready.groups for when, _ in group)
        what = (ready.rates.get(facts.category, ready.default_rate).written, *holds)
        worth = self._worths[at] = self._numbers.setdefault(what, len(self._numbers))
        return worth


def _room(book: RuleBook, window: str) -> _Room:
    points, minutes = (
        min((cap.limit for cap in book.cap if (cap.per, cap.measure) == (window, of)), default=_LIMITLESS)
        for of in ("points", "minutes")
    )
    return _Room(Scopes._fields.index(window), points, minutes)
