"""Tallies: what services add up to, by member and scope, so that a rule book can be asked about the next one.

Pure: sums in memory. Whoever applies rule books (hours, a replay of history, the audit) loads the sums of the places that the
services ask for, and then goes service by service: `used`, `award`, `add`; a service taken back is `take`n. Scopes are words
as a table can hold them: 'category:elder-care', 'day:2027-01-02', 'month:2027-01', 'year:2027', 'life', 'activity:A12',
'bonus:first-service/life', and, of all members together, 'team:T003/month:2027-01', 'programme:care/year:2027'.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from timebank.clauses import Bonus, Facts, RuleBook, Used
from timebank.rewards import Award

SHARED: Final = 0
"""Stands for the member in the places of teams and programmes: their sums are those of all who served in them."""

Place = tuple[int, str]
"""Whose sums, and of which scope: a member's id (or SHARED) and a word."""


@dataclass(slots=True)
class Sums:
    """Sums over the unreversed services of one place. `minutes` are those recorded, earning or not; the others as in `Award`,
    `points` being the members' own, in the smallest unit."""

    minutes: int = 0
    eligible: int = 0
    counted: int = 0
    points: int = 0
    window_minutes: int = 0


_NONE: Final = Sums()  # read, never moved


class Scopes(NamedTuple):
    """The scopes that every service adds to, by the names rule books have for windows."""

    category: str
    day: str
    month: str
    year: str
    lifetime: str


@lru_cache(4096)
def scopes_of(category: str, day: date) -> Scopes:
    """The scopes of every service of that category and day."""
    return Scopes(f"category:{category}", f"day:{day}", f"month:{day:%Y-%m}", f"year:{day:%Y}", "life")


def places(member: int, facts: Facts, book: RuleBook) -> set[Place]:
    """All places whose sums `used` may read and `add` may move for a service: what to load before."""
    bonuses = {_of_bonus(member, bonus, facts) for bonus in book.bonus if bonus.per != "entry"}
    return {*_kept(member, facts), *bonuses}


class Tallies:
    """The sums of some places, moved service by service.

    `sums` holds what was loaded and what was moved; a place that is not in it has none. `balances` are the points a member has
    (available and held, less what is owed), which only books with a store cap read: give them before, and anew whenever points
    moved otherwise than by a service.
    """

    def __init__(self, sums: Mapping[Place, Sums] | None = None, balances: Mapping[int, int] | None = None) -> None:
        self.sums: dict[Place, Sums] = dict(sums or {})
        self.balances: dict[int, int] = dict(balances or {})

    def used(self, member: int, facts: Facts, book: RuleBook) -> Used:
        """What is known before a service: as much of it as the book reads."""
        get, ready = self.sums.get, book.ready
        scopes = scopes_of(facts.category, facts.day)
        of_day, of_category = get((member, scopes.day), _NONE), get((member, scopes.category), _NONE)
        windows = {}
        for window in ready.windows:
            place = _of_window(member, window, facts, scopes)
            sums = get(place, _NONE) if place is not None else _NONE
            if sums.points or sums.window_minutes:
                windows[window] = (sums.points, sums.window_minutes)
        carried = (of_day.eligible, of_category.eligible, of_category.counted, windows)
        if not (ready.bonuses or ready.reads_served or ready.reads_balance):
            return Used(*carried)
        served = get((member, scopes.lifetime), _NONE).minutes, get((member, scopes.year), _NONE).minutes
        had = (bonus.id for bonus in book.bonus if bonus.per != "entry" and self._had(_of_bonus(member, bonus, facts)))
        return Used(*carried, *served, self.balances.get(member, 0), frozenset(had))

    def add(self, member: int, facts: Facts, made: Award) -> None:
        """Add a service and its award. Every sum is kept, whether a book reads it today or a later one may."""
        self._move(member, facts, made, 1)

    def take(self, member: int, facts: Facts, made: Award) -> None:
        """Take a service away again, as it was added: a reversal frees its room, and its bonus for another service."""
        self._move(member, facts, made, -1)

    def _move(self, member: int, facts: Facts, made: Award, sign: int) -> None:
        minutes, eligible, counted = sign * facts.minutes, sign * made.eligible, sign * made.counted
        points, window_minutes = sign * made.points, sign * made.window_minutes
        bonuses = (_of_bonus(member, bonus, facts) for bonus in made.bonuses if bonus.per != "entry")
        for place in (*_kept(member, facts), *bonuses):
            sums = self.sums.get(place)
            if sums is None:
                sums = self.sums[place] = Sums()
            sums.minutes += minutes
            sums.eligible += eligible
            sums.counted += counted
            sums.points += points
            sums.window_minutes += window_minutes
        if member in self.balances:
            self.balances[member] += points

    def _had(self, place: Place) -> bool:
        """Whether a bonus was given: its place sums the services that it was given to, and all of these counted minutes."""
        return self.sums.get(place, _NONE).counted > 0


def _kept(member: int, facts: Facts) -> Iterator[Place]:
    scopes = scopes_of(facts.category, facts.day)
    for scope in scopes:
        yield member, scope
    if facts.activity:
        yield member, f"activity:{facts.activity}"
    for shared in (f"team:{facts.team}" if facts.team else "", f"programme:{facts.programme}" if facts.programme else ""):
        if shared:
            for scope in scopes[1:]:
                yield SHARED, f"{shared}/{scope}"
            if facts.activity:
                yield SHARED, f"{shared}/activity:{facts.activity}"


def _of_window(member: int, window: str, facts: Facts, scopes: Scopes) -> Place | None:
    """The place of a window that a cap reads; None where the service lies in none: it names no activity, team or programme."""
    scope, _, per = window.rpartition("/")
    within = _activity(facts) if per == "activity" else getattr(scopes, per)
    if not scope:
        return (member, within) if within else None
    of = facts.team if scope == "team" else facts.programme
    return (SHARED, f"{scope}:{of}/{within}") if of and within else None


def _activity(facts: Facts) -> str:
    return f"activity:{facts.activity}" if facts.activity else ""


def _of_bonus(member: int, bonus: Bonus, facts: Facts) -> Place:
    return member, f"bonus:{bonus.id}/{getattr(scopes_of(facts.category, facts.day), bonus.per)}"
