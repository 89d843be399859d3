"""Tallies: what services add up to, by member and scope, so that a rule book can be asked about the next one.

Pure: sums in memory. Whoever applies rule books (hours, a replay of history, the audit) loads the sums of the places that the
services ask for, and then goes service by service: `used`, `award`, `add`; a service taken back is `take`n. Scopes are words
as a table can hold them: 'category:elder-care', 'day:2027-01-02', 'month:2027-01', 'year:2027', 'life', 'activity:A12',
'bonus:first-service/life', and, of all members together, 'team:T003/month:2027-01', 'programme:care/year:2027'.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from timebank.clauses import Bonus, Facts, RuleBook, Used
from timebank.rewards import Award

SHARED: Final = 0
"""Stands for the member in the places of teams and programmes: their sums are those of all who served in them."""

LIFE: Final = "life"

Place = tuple[int, str]
"""Whose sums, and of which scope: a member's id (or SHARED) and a word."""


@dataclass(slots=True)
class Sums:
    """Sums over the unreversed services of one place. `minutes` are those recorded, earning or not, and in a life also those
    brought in from before the book; the others as in `Award`, `points` being the members' own, in the smallest unit."""

    minutes: int = 0
    eligible: int = 0
    counted: int = 0
    points: int = 0
    window_minutes: int = 0


_NONE: Final = Sums()  # read, never moved
_NOTHING: Final[dict[str, Sums]] = {}
_OWN: Final = frozenset({"day", "month", "year", "lifetime"})


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
    return Scopes(f"category:{category}", f"day:{day}", f"month:{day:%Y-%m}", f"year:{day:%Y}", LIFE)


def places(member: int, facts: Facts, book: RuleBook) -> set[Place]:
    """All places whose sums `used` may read and `add` may move for a service: what to load before."""
    scopes = scopes_of(facts.category, facts.day)
    own = {(member, scope) for scope in (*scopes, *_own_more(facts, book.bonus, scopes))}
    return own | {(SHARED, scope) for scope in _shared(facts, scopes)}


class Tallies:
    """The sums of some places, moved service by service.

    It begins with the sums that were loaded; a place without any is zero. `balances` are the points a member has (available
    and held, less what is owed), which only books with a store cap read: give them before, and anew whenever points moved
    otherwise than by a service. With `reads` only the sums are kept that this book reads: nothing is to be saved then.
    """

    def __init__(
        self,
        sums: Mapping[Place, Sums] | None = None,
        balances: Mapping[int, int] | None = None,
        reads: RuleBook | None = None,
    ) -> None:
        self._read = _all if reads is None else itemgetter(*_read_by(reads))
        self._sums: dict[int, dict[str, Sums]] = {}
        for (member, scope), some in (sums or {}).items():
            self._sums.setdefault(member, {})[scope] = some
        self.balances: dict[int, int] = dict(balances or {})

    @property
    def sums(self) -> dict[Place, Sums]:
        """Every place that was loaded or moved, with its sums: what to save."""
        return {(member, scope): sums for member, own in self._sums.items() for scope, sums in own.items()}

    def used(self, member: int, facts: Facts, book: RuleBook) -> Used:
        """What is known before a service: as much of it as the book reads."""
        own, ready = self._sums.get(member, _NOTHING), book.ready
        scopes = scopes_of(facts.category, facts.day)
        of_day, of_category = own.get(scopes.day, _NONE), own.get(scopes.category, _NONE)
        windows = {}
        for window in ready.windows:
            sums = own.get(getattr(scopes, window), _NONE) if window in _OWN else self._of_window(own, window, facts, scopes)
            if sums.points or sums.window_minutes:
                windows[window] = (sums.points, sums.window_minutes)
        if not (ready.bonuses or ready.reads_served or ready.reads_balance):
            return Used(of_day.eligible, of_category.eligible, of_category.counted, windows)
        had = (bonus.id for bonus in book.bonus if bonus.per != "entry" and own.get(_of_bonus(bonus, scopes), _NONE).counted)
        return Used(
            of_day.eligible,
            of_category.eligible,
            of_category.counted,
            windows,
            served=own.get(scopes.lifetime, _NONE).minutes,
            served_year=own.get(scopes.year, _NONE).minutes,
            balance=self.balances.get(member, 0),
            bonuses=frozenset(had),
        )

    def own(self, member: int) -> Mapping[str, Sums]:
        """A member's sums by scope, to be read."""
        return self._sums.get(member, _NOTHING)

    def add(self, member: int, facts: Facts, made: Award) -> None:
        """Add a service and its award. Every sum is kept, whether a book reads it today or a later one may."""
        self._move(member, facts, made, 1)

    def take(self, member: int, facts: Facts, made: Award) -> None:
        """Take a service away again, as it was added: a reversal frees its room, and its bonus for another service."""
        self._move(member, facts, made, -1)

    def bring_in(self, member: int, minutes: int) -> None:
        """Add minutes that a member served before there was a book: they count in a life only. Negative ones are taken back."""
        _moved(self._sums.setdefault(member, {}), (LIFE,), (minutes, 0, 0, 0, 0))

    def _move(self, member: int, facts: Facts, made: Award, sign: int) -> None:
        more = (
            *(sign * facts.minutes, sign * made.eligible, sign * made.counted),
            *(sign * made.points, sign * made.window_minutes),
        )
        scopes = scopes_of(facts.category, facts.day)
        own = self._sums.get(member)
        if own is None:
            own = self._sums[member] = {}
        _moved(own, self._read(scopes), more)
        if facts.activity or made.bonuses:
            _moved(own, _own_more(facts, made.bonuses, scopes), more)
        if facts.team or facts.programme:
            _moved(self._sums.setdefault(SHARED, {}), _shared(facts, scopes), more)
        if member in self.balances:
            self.balances[member] += sign * made.points

    def _of_window(self, own: Mapping[str, Sums], window: str, facts: Facts, scopes: Scopes) -> Sums:
        """The sums of an activity, or of a team or programme; none where the service names no such."""
        scope, _, per = window.rpartition("/")
        within = _activity(facts) if per == "activity" else getattr(scopes, per)
        if not scope:
            return own.get(within, _NONE)
        of = facts.team if scope == "team" else facts.programme
        return self._sums.get(SHARED, _NOTHING).get(f"{scope}:{of}/{within}", _NONE)


def _all(scopes: Scopes) -> Scopes:
    return scopes


def _read_by(book: RuleBook) -> list[int]:
    """The places in `Scopes` of what a book reads: the category, the day, and what its caps and tiers ask for."""
    tiers = ("year", "lifetime") if book.ready.reads_served else ()
    return [i for i, name in enumerate(Scopes._fields) if name in ("category", "day", *book.windows, *tiers)]


def _moved(own: dict[str, Sums], scopes: Iterable[str], more: tuple[int, int, int, int, int]) -> None:
    """Add to the sums of some scopes."""
    minutes, eligible, counted, points, window_minutes = more
    for scope in scopes:
        sums = own.get(scope)
        if sums is None:
            own[scope] = Sums(minutes, eligible, counted, points, window_minutes)
            continue
        sums.minutes += minutes
        sums.eligible += eligible
        sums.counted += counted
        sums.points += points
        sums.window_minutes += window_minutes


def _own_more(facts: Facts, bonuses: Iterable[Bonus], scopes: Scopes) -> Iterator[str]:
    """The member's own scopes besides those that every service has. A bonus's sums are of the services that it was given to:
    each of them counted minutes, so that it was given where any are counted."""
    if facts.activity:
        yield _activity(facts)
    for bonus in bonuses:
        if bonus.per != "entry":
            yield _of_bonus(bonus, scopes)


def _shared(facts: Facts, scopes: Scopes) -> Iterator[str]:
    """The scopes that all members of a team or programme share."""
    for kind, name in (("team", facts.team), ("programme", facts.programme)):
        if name:
            for scope in scopes[1:]:
                yield f"{kind}:{name}/{scope}"
            if facts.activity:
                yield f"{kind}:{name}/{_activity(facts)}"


def _activity(facts: Facts) -> str:
    return f"activity:{facts.activity}" if facts.activity else ""


def _of_bonus(bonus: Bonus, scopes: Scopes) -> str:
    return f"bonus:{bonus.id}/{getattr(scopes, bonus.per)}"
