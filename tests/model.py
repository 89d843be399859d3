"""The time bank as plain dictionaries: what every verb does and when it must be refused.

Written from docs/rules.md, docs/ledger.md and the guides; shares no line with the program. A verb takes what the program's
takes and gives the set of codes it may be refused with: an empty set says that it must be done, and that the model has done it.
"""

import pickle
from collections import Counter, defaultdict
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

NEVER = date(9999, 12, 31)
MERCHANT_DAYS, GRACE_DAYS = 3, 30
FEAST = (date(2026, 10, 1), date(2026, 12, 31))
"""The days of the rule books' festive multiplier."""
WIDTH = {"activity": 0, "day": 10, "month": 7, "year": 4, "lifetime": 0, "balance": 0}
"""How much of an ISO day names each window."""
SCOPES = ("member", "team", "programme")
OF = {"team": "under", "programme": "programme"}
"""Where a service tells what a shared cap is about."""


@dataclass(frozen=True)
class Rules:
    """A rule book as its clauses: rates in whole points an hour; `times` are (group, condition as in the file, factor), `caps`
    (per, measure, limit, where the rest goes: a pool, 'review' or '' to discard it, of whom: member, team, programme), `lapse`
    (months or on, its value, align) or None, `gift` to whom ('': nobody), `credit` (points a credit, the most a month or 0) or
    None, `bonuses` (per, points, condition or ''), `tier` (hours, window), `redeem` (hours served, age, step, days of grace) or
    None, `notice` how many working days another version must hang out (0: none), `ends` its last day, if it has one.
    """

    version: str
    starts: date
    rate: str = "10"
    elder: str = "12"
    minimum: int = 30
    unit: int = 30
    how: str = "down"
    last_round: str = "down"
    day_max: int = 480
    kinds: tuple[str, ...] = ("confirmed", "team")
    carry: bool = True
    times: tuple[tuple[str, str, str], ...] = ()
    caps: tuple[tuple[str, str, int, str, str], ...] = ()
    lapse: tuple[str, int | str, str] | None = None
    gift: str = ""
    credit: tuple[str, int] | None = None
    bonuses: tuple[tuple[str, int, str], ...] = ()
    tier: tuple[int, str] = (1, "lifetime")
    redeem: tuple[int, int, int, int] | None = None
    notice: int = 0
    ends: date | None = None

    def toml(self) -> str:
        """The file of this rule book."""
        kinds = ", ".join(f'"{kind}"' for kind in self.kinds)
        lines = [
            *(
                "schema = 1",
                'name = "model"',
                f'version = "{self.version}"',
                'title = "积分规则"',
                f"effective_from = {self.starts}",
                *([f"effective_to = {self.ends}"] if self.ends else []),
            ),
            *("[points]", 'name = "积分"', "decimals = 0", f'round = "{self.last_round}"', "[service]"),
            *(f"minimum_minutes = {self.minimum}", f"round_minutes = {self.unit}", f'round = "{self.how}"'),
            *(
                f"maximum_minutes_per_day = {self.day_max}",
                f"kinds = [{kinds}]",
                f"carry_remainder = {str(self.carry).lower()}",
            ),
            *("[rate]", f"default = {self.rate}", f"elder-care = {self.elder}"),
        ]
        for number, (group, condition, times) in enumerate(self.times):
            lines += ["[[multiply]]", f'id = "x{number}"', f"times = {times}", condition]
            lines += [f'group = "{group}"'] if group else []
        lines += ["[[tier]]", 'id = "t"', f"hours_at_least = {self.tier[0]}", f'window = "{self.tier[1]}"']
        for number, (per, points, condition) in enumerate(self.bonuses):
            lines += ["[[bonus]]", f'id = "b{number}"', f"points = {points}", f'per = "{per}"', condition]
        for number, (per, measure, limit, to, of) in enumerate(self.caps):
            over = to if to == "review" else f"pool:{to}" if to else "discard"
            lines += ["[[cap]]", f'id = "c{number}"', f'per = "{per}"', f"{measure} = {limit}", f'overflow = "{over}"']
            lines += [f'scope = "{of}"']
        if self.lapse:
            key, value, align = self.lapse
            lines += ["[expiry]", f"{key} = {value!r}".replace("'", '"'), f'align = "{align}"']
        if self.gift:
            lines += ["[gift]", f'to = "{self.gift}"']
        if self.credit:
            rate, most = self.credit
            lines += ["[credit]", f"points_per_credit = {rate}", *([f"monthly_credits_max = {most}"] if most else [])]
        if self.redeem:
            keys = ("minimum_hours_served", "minimum_age", "step", "refund_grace_days")
            lines += ["[redeem]", *(f"{key} = {value}" for key, value in zip(keys, self.redeem, strict=True))]
        if self.notice:
            lines += ["[change]", f"notice_days = {self.notice}"]
        return "\n".join(lines) + "\n"

    def lapses(self, day: date) -> date:
        """The last day of points earned on a day."""
        if self.lapse is None:
            return NEVER
        key, value, align = self.lapse
        if key == "months":
            years, month = divmod(day.year * 12 + day.month - 1 + int(value), 12)
            first = date(years, month + 1, 1)
            end = min(first + timedelta(day.day - 1), last_of(first))
        else:
            month, of_month = map(int, str(value).split("-"))
            end = next(d for y in (0, 1) if (d := date(day.year + y, month, of_month)) >= day)
        return {"none": end, "month-end": last_of(end), "year-end": date(end.year, 12, 31)}[align]

    def covers(self, day: date) -> bool:
        """Whether it is for a day."""
        return self.starts <= day and (self.ends is None or day <= self.ends)

    @property
    def ordered_caps(self) -> list[tuple[str, str, int, str, str]]:
        """The caps as they are applied: the member's, the team's, the programme's, the shortest time first; the store last."""
        order = list(WIDTH)
        return sorted(self.caps, key=lambda cap: (cap[0] == "balance", SCOPES.index(cap[4]), order.index(cap[0])))

    @property
    def reads_activities(self) -> bool:
        """Whether a cap is one of an activity."""
        return any(cap[0] == "activity" for cap in self.caps)

    def applies(self, condition: str, service: "Service", served: Counter[str]) -> bool:
        """Whether a condition holds, given as its line in the file; `served` are minutes before the service, by window."""
        if not condition:
            return True
        if condition.startswith("tier"):
            return served[self.tier[1]] >= self.tier[0] * 60
        if condition.startswith("weekdays"):
            return service.day.weekday() >= 5
        if condition.startswith("teams"):
            return service.under == "T001"
        if condition.startswith("dates"):
            return FEAST[0] <= service.day <= FEAST[1]
        if condition.startswith("team_at_least"):
            return service.team >= int(condition.rpartition(" ")[2])
        return service.category == "elder-care"


def last_of(day: date) -> date:
    """The last day of a month."""
    return (day.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)


def rounded(amount: Fraction, how: str) -> int:
    """An exact number as a whole one."""
    return {"down": amount // 1, "up": -(-amount // 1), "half-up": (amount + Fraction(1, 2)) // 1}[how]


@dataclass
class Service:
    """A record of service, and what it earned once it is posted. `under` is its team's number, `named` its activity where the
    rules ask for it, `review` the points that waited, `given` its bonuses, `place` its place among all that were posted."""

    member: int
    day: date
    starts: int | None
    minutes: int
    category: str
    kind: str
    team: int
    ref: Any = ""
    under: str = ""
    programme: str = ""
    activity: str = ""
    state: str = "new"
    waited: bool = False
    asked_by: int = 0
    asked_at: datetime | None = None
    eligible: int = 0
    counted: int = 0
    points: int = 0
    window: int = 0
    pools: dict[str, int] = field(default_factory=dict)
    bonuses: frozenset[tuple[int, str, str]] = frozenset()
    given: tuple[tuple[int, str, int, str], ...] = ()
    named: str = ""
    review: int = 0
    place: int = 0
    lapse: date = NEVER
    repaid: int = 0

    @property
    def content(self) -> tuple[object, ...]:
        """What two records share when they are the same service."""
        within = (self.under, self.programme, self.activity)
        return (self.member, self.day, self.starts, self.minutes, self.category, self.kind, self.team, *within)

    def anew(self, **changes: Any) -> "Service":
        """The same record, not yet recorded, or another one in some fields."""
        names = ("member", "day", "starts", "minutes", "category", "kind", "team", "ref", "under", "programme", "activity")
        return Service(**{name: getattr(self, name) for name in names} | changes)

    def within(self, per: str, other: "Service") -> bool:
        """Whether another one lies in the same activity, day, month, year or life."""
        if per == "activity":
            return bool(self.named) and self.named == other.named
        return self.day.isoformat()[: WIDTH[per]] == other.day.isoformat()[: WIDTH[per]]

    def earned_like(self, other: "Service") -> bool:
        """Whether another award of the same service gives the same and counts alike; what repaid debts has no lapse day."""
        ours, theirs = [(s.points, s.eligible, s.counted, s.window, s.given, s.pools, s.review) for s in (self, other)]
        lapses = self.points > 0 and (self.repaid < self.points or bool(self.pools)) and NEVER != self.lapse != other.lapse
        return ours == theirs and not lapses


@dataclass
class Review:
    """Points above a cap that wait for a decision: of which service, and what became of them: waiting, given (and what of them
    repaid a debt), discarded, dropped (the service was taken back before), or taken back."""

    service: Service
    asked_by: int
    state: str = "waiting"
    repaid: int = 0


@dataclass
class Sign:
    """That a member came, when (minutes after midnight) and what for."""

    member: int
    day: date
    starts: int
    what: dict[str, str]
    ref: str


@dataclass
class Team:
    """A team: the one above it (0: none) and the day it was founded; `there`: [member, since, until]."""

    parent: int
    founded: date


@dataclass
class Place:
    """That a member is in a team, and until when."""

    team: int
    member: int
    since: date
    until: date | None = None


@dataclass
class Notice:
    """A notice: about what, its first and last day, how many working days these are, how it ended."""

    about: str
    begins: date
    until: date
    days: int
    outcome: str = ""


@dataclass
class Objection:
    """An objection to a notice and its result."""

    notice: int
    received: date
    result: str = ""


@dataclass
class Voucher:
    """A hold: the points of each lot, what the fund commits, and what became of it."""

    member: int
    offer: "Offer"
    lots: dict[date, int]
    fen: int
    last: date
    state: str = "open"
    day: date = NEVER
    off: int = 0
    claimed: bool = False


@dataclass(frozen=True)
class Offer:
    """An offer: an offset has `rate` points a yuan and a share; a discount a price, a share, a most and a smallest bill."""

    shop: int
    share: int
    rate: int
    price: int
    most: int
    least: int
    first: date
    last: date

    def worth(self, points: int) -> int:
        """The most a voucher of these points takes off, in fen."""
        return points * 100 // self.rate if self.rate else self.most

    def taken(self, points: int, bill: int) -> tuple[int, int]:
        """What a bill gives: fen off, points used; (0, 0) for nothing."""
        off = 0 if bill < self.least else min(bill * self.share // 10_000, self.worth(points))
        return off, -(-off * self.rate // 100) if self.rate else self.price if off else 0


@dataclass(frozen=True)
class Contribution:
    """What credits are given for."""

    member: int
    credits: int
    category: str
    day: date
    ref: str = ""


@dataclass(frozen=True)
class Opening:
    """What a member brings along from before the book: points of one lapse day, minutes, credits."""

    member: int
    lapse: date
    points: int
    minutes: int
    credits: int

    @property
    def amounts(self) -> tuple[int, int, int]:
        """What two rows about the same lot must agree in."""
        return self.points, self.minutes, self.credits


Held = tuple[str, date, int]
"""Points of a holder's lot: who, the lapse day, how many."""


@dataclass
class Movement:
    """An entry that can be taken back by its number: the lots it took points from and brought them to (what repaid a debt
    with them), what else moved (unit, amount, from, to), where new points came from, and under what it is known."""

    seq: int
    kind: str
    taken: list[Held]
    brought: list[Held]
    plain: list[tuple[str, int, tuple[str, str], tuple[str, str]]] = field(default_factory=list)
    source: str = ""
    known: Any = None
    reversed: bool = False


@dataclass
class Kin:
    """Two members who are related from a day on, and to a day once that has ended."""

    pair: frozenset[int]
    since: date
    until: date | None = None


@dataclass(frozen=True)
class Who:
    """Who acts: a clerk and perhaps a second person."""

    actor: int = 1
    approver: int | None = None

    @property
    def two(self) -> set[str]:
        """Why these are not two people."""
        return {"approver_missing"} if self.approver is None else {"same_person"} if self.approver == self.actor else set()


class Model:
    """One community's book. Balances by (holder, unit, purpose); lots, of `available` only, by holder and lapse day."""

    def __init__(self, now: datetime, first_month: str, clerks: int = 2) -> None:
        self.now = self.posted_at = now
        self.opened = self.open = first_month
        self.balance: Counter[tuple[str, str, str]] = Counter()
        self.lots: defaultdict[str, Counter[date]] = defaultdict(Counter)
        self.expired: Counter[tuple[str, date]] = Counter()
        self.kinds: Counter[str] = Counter({"clerk.join": clerks})
        self.members: list[date] = []
        self.shops = 0
        self.own: list[int] = [0] * clerks
        self.books: list[Rules] = []
        self.services: list[Service] = []
        self.offers: list[Offer] = []
        self.vouchers: list[Voucher] = []
        self.claims: list[dict[str, Any]] = []
        self.kin: list[Kin] = []
        self.born: list[date | None] = []
        self.reviews: list[Review] = []
        self.signs: list[Sign] = []
        self.teams: list[Team] = []
        self.places: list[Place] = []
        self.calendars: dict[int, tuple[frozenset[date], frozenset[date]]] = {}
        self.notices: list[Notice] = []
        self.objected: list[Objection] = []
        self.posted = 0
        self.supposed: dict[str, int] = {}
        self.movements: list[Movement] = []
        self.given: dict[object, tuple[Contribution, Movement]] = {}
        self.brought: dict[tuple[int, date], tuple[tuple[int, int, int], Movement]] = {}
        self.refs: dict[Any, list[Service]] = {}
        self.of_member: dict[int, list[Service]] = {}

    # ---- time and entries

    @property
    def today(self) -> date:
        """The day in Shanghai."""
        return (self.now + timedelta(hours=8)).astimezone(UTC).date()

    def clock(self, who: Who) -> set[str]:
        """Why nothing can be posted now."""
        if self.now < self.posted_at - timedelta(minutes=5):
            return {"clock_back"}
        return {"clock_jump"} if self.now > self.posted_at + timedelta(days=40) and who.approver is None else set()

    def wrote(self, kind: str, times: int = 1) -> None:
        """Count entries of a kind."""
        self.kinds[kind] += times
        if times:
            self.posted_at = max(self.now, self.posted_at)

    def move(self, unit: str, amount: int, source: tuple[str, str], target: tuple[str, str]) -> None:
        """Move an amount between accounts (holder, purpose) that keep no lots."""
        self.balance[source[0], unit, source[1]] -= amount
        self.balance[target[0], unit, target[1]] += amount

    def put(self, holder: str, lapse: date, amount: int) -> int:
        """Points come into `available`: they repay what is owed first. Gives what was repaid."""
        repaid = min(amount, -self.balance[holder, "points", "owed"])
        self.balance[holder, "points", "owed"] += repaid
        self.balance[holder, "points", "available"] += amount - repaid
        self.lots[holder][lapse] += amount - repaid
        return repaid

    def take(self, holder: str, lapse: date, amount: int) -> None:
        """Points leave a lot of `available`."""
        self.balance[holder, "points", "available"] -= amount
        self.lots[holder][lapse] -= amount

    def lots_of(self, holder: str) -> list[tuple[date, int]]:
        """The lots of a holder that are not empty, first to lapse first."""
        return sorted((lapse, rest) for lapse, rest in self.lots[holder].items() if rest)

    def there(self, holder: str) -> int:
        """What a holder has today: what lapsed does not count."""
        return sum(rest for lapse, rest in self.lots_of(holder) if lapse >= self.today)

    def available(self, member: int) -> int:
        """What a member can spend today."""
        return self.there(f"member:{member}")

    def unknown(self, *members: int) -> set[str]:
        """Whether one of these is no member."""
        return set() if all(1 <= member <= len(self.members) for member in members) else {"unknown_member"}

    # ---- people, rules, offers

    def join(self, who: Who, count: int, joined: date, born: date | None) -> set[str]:
        why = {"future_date"} if joined > self.today else self.clock(who)
        if not why:
            self.members += [joined] * count
            self.born += [born] * count
            self.wrote("member.join", count)
        return why

    def shop(self, who: Who) -> set[str]:
        why = self.clock(who)
        if not why:
            self.shops += 1
            self.wrote("merchant.join")
        return why

    def clerk(self, who: Who, member: int) -> set[str]:
        why = self.clock(who)
        if not why:
            self.own.append(member)
            self.wrote("clerk.join")
        return why

    def publish(self, who: Who, book: Rules, reason: str) -> set[str]:
        why = who.two
        known = next((old for old in self.books if old.version == book.version), None)
        if known == book:
            return why
        why = why | self.clock(who) | ({"version_taken"} if known else set())
        why |= {"starts_in_the_past"} if book.starts < self.today and not reason else set()
        why |= self.unsettled(book.version)
        if not why:
            self.books.append(book)
            self.wrote("rules.publish")
        return why

    def offer(self, who: Who, wish: Offer) -> set[str]:
        why = self.clock(who) | (set() if 1 <= wish.shop <= self.shops else {"unknown_merchant"})
        why |= {"bad_dates"} if wish.last < wish.first else set()
        why |= {"offer_over"} if wish.last < self.today else set()
        if not why:
            self.offers.append(wish)
            self.wrote("offer.add")
        return why

    # ---- hours

    def spoken_for(self, day: date) -> Rules | None:
        """The rule book of a day: the one that begins last, of two that begin together the one published last."""
        there = [(book.starts, number) for number, book in enumerate(self.books) if book.covers(day)]
        return self.books[max(there)[1]] if there else None

    def of_day(self, new: Service) -> list[Service]:
        """What counts on the same day of the same member."""
        own = self.of_member.get(new.member, ())
        return [s for s in own if s.day == new.day and s.state in ("waiting", "posted") and s is not new]

    def named(self, new: Service, ordinal: int) -> Service:
        """Give a service without a number on paper one of its own content."""
        new.ref = new.ref or (new.content, ordinal)
        return new

    def repeated(self, new: Service, by_hand: bool) -> bool:
        """Whether this very service was recorded before; by hand, what was turned down or taken back comes in again."""
        before = self.refs.get(new.ref, [])
        gone = not before or before[-1].state in ("rejected", "reversed")
        return any(old.content == new.content for old in before) and not (gone and by_hand)

    def objections(self, who: Who, new: Service, corrected: bool = False) -> set[str]:
        """Why a service cannot be recorded."""
        if not 1 <= new.member <= len(self.members):
            return {"unknown_member"}
        before, day = self.refs.get(new.ref, []), self.of_day(new)
        found = {
            "other_content": not corrected and bool(before) and before[-1].state not in ("rejected", "reversed"),
            "future_date": new.day > self.today,
            "before_joining": new.day < self.members[new.member - 1],
            "self_confirmation": who.approver is not None and self.own[who.approver - 1] == new.member,
            "no_rules": self.spoken_for(new.day) is None,
            "day_too_long": sum(s.minutes for s in day) + new.minutes > 1440,
        }
        if new.under:
            team = self.team(new.under)
            found |= {"unknown_team": team is None, "before_founding": team is not None and new.day < team.founded}
        if new.starts is not None:
            ends = new.starts + new.minutes
            spans = [(s.starts, s.starts + s.minutes) for s in day if s.starts is not None]
            found |= {"bad_span": ends > 1440, "overlap": any(new.starts < e and b < ends for b, e in spans)}
        return {code for code, holds in found.items() if holds}

    def waits(self, who: Who, new: Service) -> bool:
        """Whether a service needs a second person: a long day, an entry from memory, one's own hours."""
        long = sum(s.minutes for s in self.of_day(new)) + new.minutes > 480
        return who.approver is None and (long or new.kind == "back-entered" or self.own[who.actor - 1] == new.member)

    def accept(self, who: Who, new: Service) -> str:
        """Keep a service without objections, post it unless it waits; gives its state."""
        new.state = "waiting" if self.waits(who, new) else "posted"
        new.waited = new.state == "waiting"
        new.asked_by, new.asked_at = who.actor, self.now
        if new.state == "posted":
            self.earn(new)
        self.services.append(new)
        self.refs.setdefault(new.ref, []).append(new)
        self.of_member.setdefault(new.member, []).append(new)
        return new.state

    def record(self, who: Who, new: Service) -> set[str]:
        """Record one service by hand."""
        if who.approver is not None and who.two:
            return who.two
        if self.repeated(self.named(new, 1), by_hand=True):
            return set()
        why = self.objections(who, new)
        if not why and not self.waits(who, new):
            why = self.clock(who)
        if not why:
            self.accept(who, new)
        return why

    def sheet(self, who: Who, rows: Iterable[Service]) -> tuple[Counter[str], list[set[str]]]:
        """Record a sheet's good rows; gives what became of the rows, and the objections to each rejected one, in order."""
        told, rejected = Counter[str](), []
        ordinals = Counter[Any]()
        for new in rows:
            ordinals[new.content] += not new.ref
            if self.repeated(self.named(new, ordinals[new.content]), by_hand=False):
                told["repeated"] += 1
            elif why := self.objections(who, new):
                rejected.append(why)
            else:
                told[self.accept(who, new)] += 1
        return told, rejected

    def for_a_sheet(self) -> "Model":
        """A model to try a sheet on, which only adds to what is there: services, entries and points."""
        twin = copy(self)
        twin.services, twin.balance, twin.kinds = [*self.services], self.balance.copy(), self.kinds.copy()
        twin.lots = defaultdict(Counter, {holder: lots.copy() for holder, lots in self.lots.items()})
        twin.reviews = [*self.reviews]
        twin.refs = {ref: [*services] for ref, services in self.refs.items()}
        twin.of_member = {member: [*services] for member, services in self.of_member.items()}
        return twin

    def earn(self, new: Service) -> None:
        """Minutes one to one, points as `award` has them, and what goes over a cap to pools or into the inbox."""
        self.award(new)
        holder = f"member:{new.member}"
        self.move("minutes", new.minutes, ("system:service", "source"), (holder, "served"))
        new.repaid = self.put(holder, new.lapse, new.points)
        for pool, over in new.pools.items():
            self.put(f"pool:{pool}", new.lapse, over)
        self.balance["system:issued", "points", "source"] -= new.points + sum(new.pools.values())
        if new.review:
            self.reviews.append(Review(new, new.asked_by))
        self.posted += 1
        new.place = self.posted
        self.wrote("hours")

    def award(self, new: Service) -> None:
        """What a service earns, as docs/rules.md works it out."""
        book = self.spoken_for(new.day)
        assert book is not None
        own = [s for s in self.of_member.get(new.member, ()) if s.state == "posted" and s is not new]
        new.named = new.activity if book.reads_activities else ""
        if new.kind in book.kinds and new.minutes >= book.minimum:
            self.count(new, book, own)
        if new.counted:
            self.price(new, book, own)
        new.lapse = book.lapses(new.day)

    def count(self, new: Service, book: Rules, own: list[Service]) -> None:
        """The minutes that count: the day's limit, then the rounding with what was carried."""
        admitted = min(new.minutes, max(0, book.day_max - sum(s.eligible for s in own if s.day == new.day)))
        same = [s for s in own if s.category == new.category] if book.carry else []
        total = sum(s.eligible for s in same) + admitted
        due = rounded(Fraction(total, book.unit), book.how) * book.unit - sum(s.counted for s in same)
        new.counted = max(0, due) if admitted else 0
        new.eligible = admitted if book.carry else new.counted

    def price(self, new: Service, book: Rules, own: list[Service]) -> None:
        """What counted minutes earn: rate, multipliers, one rounding, caps from day to lifetime."""
        rate = Fraction(book.elder if new.category == "elder-care" else book.rate)
        served, best = self.served(new, own), dict[str, Fraction]()
        for number, (group, condition, times) in enumerate(book.times):
            if book.applies(condition, new, served):
                name = group or str(number)
                best[name] = max(best.get(name, Fraction(0)), Fraction(times))
        for times in best.values():
            rate *= times
        extra, new.bonuses, new.given = 0, frozenset(), ()
        for number, (per, bonus, condition) in enumerate(book.bonuses):
            once = set() if per == "entry" else {(number, per, new.day.isoformat()[: WIDTH[per]])}
            if book.applies(condition, new, served) and not any(once & s.bonuses for s in own):
                new.bonuses |= once
                new.given += ((number, per, bonus, condition),)
                extra += bonus

        def earned(minutes: int) -> int:
            return rounded(Fraction(minutes, 60) * rate, book.last_round) + extra if minutes else 0

        points, minutes, new.pools = earned(new.counted), new.counted, {}
        for per, measure, limit, to, of in book.ordered_caps:
            if of != "member" and not getattr(new, OF[of]):
                continue
            same = [
                s for s in (own if of == "member" else self.alongside(new, OF[of])) if per == "balance" or new.within(per, s)
            ]
            if measure == "points":
                used = self.has(f"member:{new.member}") if per == "balance" else sum(s.points for s in same)
                kept = min(points, max(0, limit - used))
            else:
                minutes = min(minutes, max(0, limit - sum(s.window for s in same)))
                kept = min(points, earned(minutes))
            if to == "review":
                new.review += points - kept
            elif to and points > kept:
                new.pools[to] = new.pools.get(to, 0) + points - kept
            points = kept
        new.points, new.window = points, minutes

    def alongside(self, new: Service, name: str) -> list[Service]:
        """What counts of all members under the same team or in the same programme."""
        same = getattr(new, name)
        return [s for s in self.services if s.state == "posted" and s is not new and getattr(s, name) == same]

    def served(self, new: Service, own: list[Service]) -> Counter[str]:
        """Minutes that a member served before a service: in its year, and ever, with those from before the book."""
        year = sum(s.minutes for s in own if s.day.year == new.day.year)
        brought = sum(a[1] for (member, _), (a, entry) in self.brought.items() if member == new.member and not entry.reversed)
        return Counter({"year": year, "lifetime": sum(s.minutes for s in own) + brought})

    def has(self, holder: str) -> int:
        """What a holder has, reserved or not, less what is owed."""
        if holder in self.supposed:
            return self.supposed[holder]
        return sum(self.balance[holder, "points", purpose] for purpose in ("available", "held", "owed"))

    def waiting(self, number: int) -> Service | None:
        """The waiting service of a number."""
        there = 1 <= number <= len(self.services) and self.services[number - 1].state == "waiting"
        return self.services[number - 1] if there else None

    def approve(self, actor: int, number: int) -> set[str]:
        service = self.waiting(number)
        if service is None:
            return {"no_approval"}
        why = self.clock(Who(service.asked_by, actor))
        why |= {"same_person"} if service.asked_by == actor else set()
        why |= {"approval_lapsed"} if service.asked_at and self.now > service.asked_at + timedelta(days=7) else set()
        why |= {"self_confirmation"} if self.own[actor - 1] == service.member else set()
        why |= {"future_date"} if service.day > self.today else set()  # a clock some minutes behind, just before midnight
        if not why:
            service.state = "posted"
            self.earn(service)
        return why

    def reject(self, number: int) -> set[str]:
        service = self.waiting(number)
        if service is None:
            return {"no_approval"}
        service.state = "rejected"
        return set()

    def correct(self, who: Who, number: int, minutes: int | None, owe: bool, changes: dict[str, Any]) -> set[str]:
        """Take a service back and record it anew; None keeps its minutes, 0 only takes it back."""
        why = who.two
        if not 1 <= number <= len(self.services):
            return why | {"unknown_service"}
        old = self.services[number - 1]
        if old.state != "posted":
            return why | {"not_posted"}
        why |= self.clock(who)
        why |= {"self_confirmation"} if who.approver is not None and self.own[who.approver - 1] == old.member else set()
        plan = self.taken_back(old)
        why |= self.spent(plan, owe)
        right = old.anew(**changes, minutes=old.minutes if minutes is None else minutes)
        old.state = "corrected" if right.minutes else "reversed"
        if right.minutes:
            if isinstance(old.ref, tuple):
                right.ref = (right.content, 1 + sum(isinstance(ref, tuple) and ref[0] == right.content for ref in self.refs))
            why |= self.objections(who, right, corrected=True)
        if why:
            old.state = "posted"
            return why
        self.undo(old, plan)
        if right.minutes:
            self.accept(who, right)
        return why

    def recalculate(self, who: Who, first: date, last: date, owe: bool) -> set[str]:
        """Put right what was paid for some days: all services of whoever gets anything else are taken back and posted anew."""
        changes = [] if who.two else pickle.loads(pickle.dumps(self)).to_change(first, last)
        if who.two or not changes:
            return who.two
        twin: Model = pickle.loads(pickle.dumps(self))
        own = who.approver and self.own[who.approver - 1]
        why = self.clock(who) | ({"self_confirmation"} if any(twin.services[n].member == own for n in changes) else set())
        for number in reversed(changes):
            old = twin.services[number]
            plan = twin.taken_back(old)
            why |= twin.spent(plan, owe=True)
            old.state = "corrected"
            twin.undo(old, plan)
        for number in changes:
            new = twin.services[number].anew()
            new.state, new.asked_by, new.asked_at = "posted", who.actor, self.now
            twin.earn(new)
            twin.services.append(new)
            twin.refs[new.ref].append(new)
            twin.of_member[new.member].append(new)
        owed = [(twin.balance[a], self.balance[a]) for a in twin.balance if a[2] == "owed"]
        why |= {"already_spent"} if not owe and any(now < before for now, before in owed) else set()
        if not why:
            self.__dict__.update(twin.__dict__)
        return why

    def to_change(self, first: date, last: date) -> list[int]:
        """Which services (counted from 0) a recalculation posts anew, in their order. Spoils the model."""
        there = [n for n, s in enumerate(self.services) if s.state == "posted" and first <= s.day <= last]
        there.sort(key=lambda n: self.services[n].place)
        shared = any(cap[4] != "member" for book in self.books for cap in book.caps)
        changes: list[int] = []
        for member in [None] if shared else sorted({self.services[n].member for n in there}):
            group = [n for n in there if member in (None, self.services[n].member)]
            for number in group:
                old = self.services[number]
                holder = f"member:{old.member}"
                self.supposed[holder] = self.has(holder) - old.points
                old.state = "corrected"
            alike = True
            for number in group:
                old = self.services[number]
                new = old.anew()
                self.award(new)
                new.state = "posted"
                self.services.append(new)
                self.of_member[new.member].append(new)
                self.supposed[f"member:{new.member}"] += new.points
                alike = alike and old.earned_like(new)
            changes += [] if alike else group
        return sorted(changes, key=lambda n: self.services[n].place)

    def taken_back(self, old: Service) -> list[tuple[str, date | str, int]]:
        """Where an award comes back from, and what was given later of its points above a cap."""
        holder = f"member:{old.member}"
        given = [
            (holder, NEVER if old.review == review.repaid else old.lapse, old.review)
            for review in self.reviews
            if review.service is old and review.state == "given"
        ]
        own = (holder, NEVER if old.points == old.repaid else old.lapse, old.points)
        return self.back([*given, own, *((f"pool:{pool}", old.lapse, over) for pool, over in old.pools.items())])

    def back(self, brought: list[Held]) -> list[tuple[str, date | str, int]]:
        """Where points come back from: their lot's rest, what of it lapsed, their holder's other lots, and then it is owed."""
        plan: list[tuple[str, date | str, int]] = []
        gone = Counter[tuple[str, date | str]]()
        for holder, lot, amount in brought:
            others = [(lapse, rest) for lapse, rest in self.lots_of(holder) if lapse != lot]
            places = [(lot, self.lots[holder][lot]), (f"expired {lot}", self.expired[holder, lot]), *others]
            left = amount
            for place, there in places:
                taken = min(left, there - gone[holder, place])
                left -= taken
                gone[holder, place] += taken
                plan += [(holder, place, taken)] if taken else []
            plan += [(holder, "owed", left)] if left else []
        return plan

    def spent(self, plan: list[tuple[str, date | str, int]], owe: bool) -> set[str]:
        """Why this cannot be taken back: somebody would owe points who may not, or a pool or team."""
        owed = [holder for holder, place, _ in plan if place == "owed"]
        return {"already_spent"} if any(not owe or holder[0] != "m" for holder in owed) else set()

    def undo(self, old: Service, plan: list[tuple[str, date | str, int]]) -> None:
        """Reverse an award."""
        self.move("minutes", old.minutes, (f"member:{old.member}", "served"), ("system:service", "source"))
        self.carry_out(plan)
        self.balance["system:issued", "points", "source"] += old.points + sum(old.pools.values())
        self.wrote("reversal")
        for review in self.reviews:
            if review.service is old and review.state == "given":
                review.state = "taken back"
                self.balance["system:issued", "points", "source"] += old.review
                self.wrote("reversal")
            elif review.service is old and review.state == "waiting":
                review.state = "dropped"

    def review(self, who: Who, number: int, given: bool) -> set[str]:
        """Decide about points above a cap, counted from 1: a second person gives them, anybody may discard them."""
        waits = self.reviews[number - 1] if 1 <= number <= len(self.reviews) else None
        if waits is None or waits.state != "waiting":
            return {"no_approval"}
        why, service = self.clock(Who(waits.asked_by, who.actor) if given else who), waits.service
        if given:
            why |= {"same_person"} if waits.asked_by == who.actor else set()
            why |= {"self_confirmation"} if self.own[who.actor - 1] == service.member else set()
        if not why:
            waits.state = "given" if given else "discarded"
            if given:
                waits.repaid = self.put(f"member:{service.member}", service.lapse, service.review)
                self.balance["system:issued", "points", "source"] -= service.review
            self.wrote("points.review")
        return why

    @property
    def minute(self) -> int:
        """The minute of the day in Shanghai."""
        there = self.now + timedelta(hours=8)
        return there.hour * 60 + there.minute

    def signed_in(self, member: int) -> Sign | None:
        """The last sign-in of a member, if nothing was recorded of it."""
        own = [sign for sign in self.signs if sign.member == member]
        return own[-1] if own and own[-1].ref not in self.refs else None

    def sign_in(self, who: Who, member: int, what: dict[str, str], at: int | None) -> set[str]:
        why = self.clock(who) | self.unknown(member) | ({"signed_in_already"} if self.signed_in(member) else set())
        why |= {"future_time"} if at is not None and at > self.minute else set()
        if not why:
            starts = self.minute if at is None else at
            self.signs.append(Sign(member, self.today, starts, what, f"sign-in:{len(self.signs) + 1}"))
            self.wrote("hours.sign-in")
        return why

    def sign_out(self, who: Who, member: int, at: int | None) -> set[str]:
        """Record the service of who came; on a later day the end is told, and two people stand for it."""
        came = self.signed_in(member)
        if came is None:
            return self.unknown(member) or {"not_signed_in"}
        ends = self.minute if at is None else at
        if came.day == self.today:
            why = {"future_time"} if ends > self.minute else set()
        else:
            why = {"no_sign_out"} if at is None or at > 1440 else who.two
        why |= {"bad_span"} if ends <= came.starts else set()
        if why:
            return why
        new = Service(came.member, came.day, came.starts, ends - came.starts, came.what["category"], "confirmed", 1, came.ref)
        return self.record(who, new.anew(**came.what))

    def carry_out(self, plan: list[tuple[str, date | str, int]]) -> None:
        """Take points back from where they are."""
        for holder, place, amount in plan:
            if isinstance(place, date):
                self.take(holder, place, amount)
            elif place == "owed":
                self.balance[holder, "points", "owed"] -= amount
            else:
                self.balance["system:expired", "points", "sink"] -= amount
                self.expired[holder, date.fromisoformat(place.split()[1])] -= amount

    # ---- points and credits

    def moved(self, kind: str, taken: list[Held], brought: list[Held], **more: Any) -> Movement:
        """Write an entry that brings points to a holder; what repays a debt comes back with the first lot that was kept."""
        for holder, lot, amount in taken:
            self.take(holder, lot, amount)
        kept, repaid = [], 0
        for holder, lot, amount in brought:
            repays = self.put(holder, lot, amount)
            repaid += repays
            kept += [(holder, lot, amount - repays)] if amount > repays else []
        if repaid:
            holder, lot, amount = kept[0] if kept else (brought[0][0], NEVER, 0)
            kept[:1] = [(holder, lot, amount + repaid)]
        entry = Movement(sum(self.kinds.values()), kind, taken, kept, **more)
        for plain in entry.plain:
            self.move(*plain)
        if entry.source:
            self.balance[entry.source, "points", "source"] -= sum(amount for *_, amount in brought)
        self.movements.append(entry)
        self.wrote(kind)
        return entry

    def hand_on(self, kind: str, source: str, target: str, points: int) -> None:
        """Points go from one holder to another, what lapses first goes first, and keep their lapse days."""
        taken, left = [], points
        for lot, rest in self.lots_of(source):
            some = min(left, rest) if lot >= self.today else 0
            taken += [(source, lot, some)] if some else []
            left -= some
        self.moved(kind, taken, [(target, lot, some) for _, lot, some in taken])

    def take_back(self, who: Who, seq: int, owe: bool) -> set[str]:
        """Reverse an entry that was a mistake."""
        why = who.two | self.clock(who)
        if seq >= sum(self.kinds.values()):
            return why | {"no_entry"}
        entry = next((entry for entry in self.movements if entry.seq == seq), None)
        if entry is None:
            return why | {"not_to_reverse"}
        plan = self.back(entry.brought)
        why |= self.spent(plan, owe) | ({"already_reversed"} if entry.reversed else set())
        short = any(u == "credits" and self.balance[to[0], u, to[1]] < n for u, n, _, to in entry.plain if to[0][0] == "m")
        why |= {"insufficient"} if short else set()
        if not why:
            entry.reversed = True
            self.carry_out(plan)
            for holder, lot, amount in entry.taken:
                self.put(holder, lot, amount)
            for unit, amount, source, target in entry.plain:
                self.move(unit, amount, target, source)
            if entry.source:
                self.balance[entry.source, "points", "source"] += sum(amount for *_, amount in entry.brought)
            self.wrote("reversal")
        return why

    def gift(self, who: Who, giver: int, receiver: int, points: int) -> set[str]:
        why = self.clock(who) | self.unknown(giver, receiver) | ({"same_member"} if giver == receiver else set())
        why |= self._may_give(giver, points, ("relatives", "anyone"))
        book, pair = self.spoken_for(self.today), {giver, receiver}
        related = any(k.pair == pair and k.since <= self.today <= (k.until or NEVER) for k in self.kin)
        why |= {"not_related"} if book and book.gift == "relatives" and not related else set()
        if not why:
            self.hand_on("points.gift", f"member:{giver}", f"member:{receiver}", points)
        return why

    def donate(self, who: Who, giver: int, pool: str, points: int) -> set[str]:
        why = self.clock(who) | self.unknown(giver) | self.no_pool(pool) | self._may_give(giver, points, ("pools", "anyone"))
        if not why:
            self.hand_on("points.gift", f"member:{giver}", self.common(pool), points)
        return why

    def _may_give(self, giver: int, points: int, to: tuple[str, ...]) -> set[str]:
        """Why a member cannot give so many points, if the rules must name one of these."""
        book = self.spoken_for(self.today)
        why = {"bad_points"} if points < 1 else {"insufficient_points"} if points > self.available(giver) else set()
        return why | ({"no_rules"} if book is None else set() if book.gift in to else {"gift_not_allowed"})

    def no_pool(self, pool: str) -> set[str]:
        """Whether no published book names a pool, and it is no team either."""
        if self.team(pool):
            return set()
        return set() if any(pool and pool == cap[3] for book in self.books for cap in book.caps) else {"unknown_pool"}

    def common(self, place: str) -> str:
        """Who holds the points of a pool or a team."""
        return f"team:{int(place[1:])}" if self.team(place) else f"pool:{place}"

    def pay_out(self, who: Who, pool: str, receiver: int, points: int) -> set[str]:
        why = who.two | self.clock(who) | self.unknown(receiver) | self.no_pool(pool)
        why |= {"unknown_pool"} if self.team(pool) else set()
        why |= {"self_confirmation"} if who.approver is not None and self.own[who.approver - 1] == receiver else set()
        why |= {"bad_points"} if points < 1 else {"insufficient_points"} if points > self.there(f"pool:{pool}") else set()
        if not why:
            self.hand_on("pool.payout", f"pool:{pool}", f"member:{receiver}", points)
        return why

    def link(self, who: Who, one: int, other: int, since: date) -> set[str]:
        pair = frozenset({one, other})
        why = who.two | self.clock(who) | self._own_kin(who, pair) | ({"same_member"} if one == other else set())
        why |= {"future_date"} if since > self.today else set()
        why |= {"linked_already"} if any(kin.pair == pair and kin.until is None for kin in self.kin) else set()
        if not why:
            self.kin.append(Kin(pair, since))
            self.wrote("kin.link")
        return why

    def part(self, who: Who, number: int) -> set[str]:
        if not 1 <= number <= len(self.kin):
            return {"unknown_kin"}
        kin = self.kin[number - 1]
        why = who.two | self.clock(who) | self._own_kin(who, kin.pair) | ({"ended_already"} if kin.until else set())
        if not why:
            kin.until = self.today
            self.wrote("kin.end")
        return why

    def _own_kin(self, who: Who, pair: frozenset[int]) -> set[str]:
        return {"own_kin"} if who.approver is not None and self.own[who.approver - 1] in pair else set()

    def credit(self, who: Who, new: Contribution) -> set[str]:
        if who.two:
            return who.two
        content = replace(new, ref="")
        known = self.given.get(new.ref or content)
        if known and known[0] == content:
            return set()
        why = self.unknown(new.member) or self.clock(who)
        joined = NEVER if "unknown_member" in why else self.members[new.member - 1]
        why |= {"future_date"} if new.day > self.today else {"before_joining"} if new.day < joined < NEVER else set()
        why |= {"other_content"} if known and not known[1].reversed else set()
        why |= ({"bad_credits"} if new.credits < 1 else set()) | (set() if new.category else {"no_category"})
        why |= {"self_confirmation"} if who.approver is not None and self.own[who.approver - 1] == new.member else set()
        if not why:
            move = ("credits", new.credits, ("system:issued", "source"), (f"member:{new.member}", "available"))
            self.given[new.ref or content] = content, self.moved("credit.issue", [], [], plain=[move])
        return why

    def convert(self, who: Who, member: int, credits: int) -> set[str]:
        why = self.clock(who) | self.unknown(member) | ({"bad_credits"} if credits < 1 else set())
        holder, book = f"member:{member}", self.spoken_for(self.today)
        if book is None or book.credit is None:
            return why | ({"no_conversion"} if book else {"no_rules"})
        rate, most = book.credit
        month = (member, self.today.isoformat()[:7])
        before = sum(e.plain[0][1] for e in self.movements if e.known == month and not e.reversed)
        points = rounded(credits * Fraction(rate), book.last_round)
        why |= {"credits_over_month"} if most and before + credits > most else set()
        why |= {"insufficient_credits"} if credits > self.balance[holder, "credits", "available"] else set()
        why |= set() if points else {"worthless"}
        if not why:
            move = ("credits", credits, (holder, "available"), ("system:converted", "sink"))
            self.moved(
                "credit.convert",
                [],
                [(holder, book.lapses(self.today), points)],
                plain=[move],
                source="system:issued",
                known=month,
            )
        return why

    def bring(self, who: Who, row: Opening, day: date) -> set[str]:
        why = who.two | ({"future_date"} if day > self.today else {"before_book"} if f"{day:%Y-%m}" < self.opened else set())
        if why:
            return why
        lot, holder = (row.member, row.lapse), f"member:{row.member}"
        amounts, entry = self.brought.get(lot, ((), None))
        if amounts == row.amounts:
            return set()
        own = [known for (member, _), (known, entry) in self.brought.items() if member == row.member and not entry.reversed]
        found = self.clock(who) | self.unknown(row.member) | ({"other_content"} if entry and not entry.reversed else set())
        found |= (set() if any(row.amounts) else {"nothing_there"}) | (
            {"lapsed_already"} if row.points and row.lapse < day else set()
        )
        found |= {"minutes_twice"} if row.minutes and any(minutes for _, minutes, _ in own) else set()
        found |= {"credits_twice"} if row.credits and any(credits for _, _, credits in own) else set()
        found |= {"self_confirmation"} if who.approver is not None and self.own[who.approver - 1] == row.member else set()
        if not found:
            source = ("system:opening", "source")
            moves = [
                ("minutes", row.minutes, source, (holder, "served")),
                ("credits", row.credits, source, (holder, "available")),
            ]
            points = [(holder, row.lapse, row.points)]
            self.brought[lot] = row.amounts, self.moved("points.opening", [], points, plain=moves, source="system:opening")
        return found

    # ---- vouchers

    def sweep(self, member: int | None) -> int:
        """Release what has lapsed, of one member or of all."""
        due = [v for v in self.vouchers if v.state == "open" and v.last < self.today and member in (None, v.member)]
        for voucher in due:
            self.end(voucher, "expired", voucher.last, voucher.lots, 0)
        self.wrote("voucher.expire", len(due))
        return len(due)

    def end(self, voucher: Voucher, state: str, day: date, back: dict[date, int], off: int) -> None:
        """End a hold: points that come back into a lapsed lot live 30 days more; the fund keeps what was not used."""
        holder = f"member:{voucher.member}"
        self.balance[holder, "points", "held"] -= sum(voucher.lots.values())
        for lot, amount in sorted(back.items()):
            self.put(holder, lot if lot >= self.today else self.today + timedelta(self.grace), amount)
        self.move("fen", off, ("fund:general", "committed"), (f"merchant:{voucher.offer.shop}", "payable"))
        self.move("fen", voucher.fen - off, ("fund:general", "committed"), ("fund:general", "free"))
        voucher.state, voucher.day, voucher.off = state, day, off

    @property
    def grace(self) -> int:
        """How many days points live that come back today into a lapsed lot."""
        book = self.spoken_for(self.today)
        return book.redeem[3] if book and book.redeem else GRACE_DAYS

    def hindered(self, member: int, points: int) -> set[str]:
        """Which conditions of redeeming are not met."""
        book = self.spoken_for(self.today)
        if book is None or book.redeem is None:
            return set()
        hours, wanted, step, _ = book.redeem
        why = {"too_few_hours"} if self.balance[f"member:{member}", "minutes", "served"] < hours * 60 else set()
        born, day = self.born[member - 1], self.today
        if wanted and born is None:
            why |= {"age_unknown"}
        elif wanted and born and day.year - born.year - ((day.month, day.day) < (born.month, born.day)) < wanted:
            why |= {"too_young"}
        return why | ({"not_in_steps"} if points % step else set())

    def issue(self, who: Who, member: int, offer: int, points: int | None, days: int) -> set[str]:
        why = self.clock(who) | (set() if 1 <= member <= len(self.members) else {"unknown_member"})
        why |= set() if 1 <= days <= 3660 else {"bad_days"}
        why |= set() if points is None or points > 0 else {"bad_points"}
        if not 1 <= offer <= len(self.offers):
            return why | {"unknown_offer"}
        wish = self.offers[offer - 1]
        why |= {"offer_not_yet"} if self.today < wish.first else {"offer_over"} if self.today > wish.last else set()
        if not wish.rate:
            why |= {"fixed_price"} if points not in (None, wish.price) else set()
            points = wish.price
        if points is None:
            return why | {"points_missing"}
        why |= {"worthless"} if wish.worth(points) <= 0 else set()
        if "unknown_member" not in why and self.could_spend(member) < points:
            why.add("insufficient_points")
        if "unknown_member" not in why:
            why |= self.hindered(member, points)
        if why:
            return why
        self.sweep(member)
        holder, held, left = f"member:{member}", dict[date, int](), points
        for lot, rest in self.lots_of(holder):
            taken = min(left, rest) if lot >= self.today else 0
            if taken:
                self.take(holder, lot, taken)
                held[lot] = taken
                left -= taken
        self.balance[holder, "points", "held"] += points
        fen = wish.worth(points)
        self.move("fen", fen, ("fund:general", "free"), ("fund:general", "committed"))
        self.vouchers.append(Voucher(member, wish, held, fen, min(self.today + timedelta(days=days), wish.last)))
        self.wrote("voucher.issue")
        return set()

    def could_spend(self, member: int) -> int:
        """What a member can spend once what has lapsed is released: it repays what is owed first."""
        back = sum(
            sum(v.lots.values()) for v in self.vouchers if v.state == "open" and v.last < self.today and v.member == member
        )
        return self.available(member) + max(0, back + self.balance[f"member:{member}", "points", "owed"])

    def closed(self, number: int) -> set[str]:
        """Why a voucher is not good any more."""
        if not 1 <= number <= len(self.vouchers):
            return {"unknown_voucher"}
        voucher = self.vouchers[number - 1]
        over = voucher.state == "expired" or (voucher.state == "open" and self.today > voucher.last)
        return {"expired"} if over else {"open": set[str](), "voided": {"voided"}}.get(voucher.state, {"already_captured"})

    def verify(self, number: int, shop: int) -> set[str]:
        if not 1 <= shop <= self.shops:
            return {"unknown_merchant"}
        return self.closed(number) if self.vouchers[number - 1].offer.shop == shop else {"wrong_merchant"}

    def capture(self, who: Who, number: int, shop: int, bill: int) -> set[str]:
        why = self.verify(number, shop) | self.clock(who) | (set() if bill > 0 else {"bad_bill"})
        voucher = self.vouchers[number - 1]
        held = sum(voucher.lots.values())
        off, used = voucher.offer.taken(held, bill)
        why |= {"below_min_spend"} if bill < voucher.offer.least else {"no_benefit"} if not off else set()
        if why:
            return why
        self.sweep(voucher.member)
        back, left = dict[date, int](), used
        for lot, amount in sorted(voucher.lots.items()):
            spent = min(left, amount)
            left -= spent
            back |= {lot: amount - spent} if amount > spent else {}
        self.end(voucher, "captured", self.today, back, off)
        self.balance["system:redeemed", "points", "sink"] += used
        self.wrote("voucher.capture")
        return why

    def void(self, who: Who, number: int) -> set[str]:
        why = self.closed(number) | self.clock(who)
        if not why:
            voucher = self.vouchers[number - 1]
            self.sweep(voucher.member)
            self.end(voucher, "voided", self.today, voucher.lots, 0)
            self.wrote("voucher.void")
        return why

    def expire(self, who: Who, number: int) -> set[str]:
        why = self.closed(number)
        voucher = self.vouchers[number - 1] if why != {"unknown_voucher"} else None
        if voucher and voucher.state == "open":
            why = self.clock(who) if why else {"not_lapsed"}
            if not why:
                self.sweep(voucher.member)
        return why

    def expire_due(self, who: Who) -> set[str]:
        due = any(v.state == "open" and v.last < self.today for v in self.vouchers)
        why = self.clock(who) if due else set()
        if not why:
            self.sweep(None)
        return why

    def lapse(self, who: Who, until: date) -> set[str]:
        """Points that nobody used by a day are taken out of circulation, one entry a lot."""
        until = min(until, self.today - timedelta(1))
        due = [(holder, lot, rest) for holder in list(self.lots) for lot, rest in self.lots_of(holder) if lot <= until]
        why = self.clock(who) if due else set()
        if not why:
            for holder, lot, rest in due:
                self.take(holder, lot, rest)
                self.expired[holder, lot] += rest
                self.balance["system:expired", "points", "sink"] += rest
            self.wrote("points.expire", len(due))
        return why

    # ---- months

    def draft(self, who: Who, month: str) -> set[str]:
        end = last_of(date.fromisoformat(f"{month}-01"))
        if self.today <= end + timedelta(days=MERCHANT_DAYS):
            return {"before_cutoff"}
        for shop in range(1, self.shops + 1):
            own = [
                v for v in self.vouchers if v.state == "captured" and not v.claimed and v.offer.shop == shop and v.day <= end
            ]
            if own:
                self.claims.append(
                    {"month": month, "shop": shop, "fen": sum(v.off for v in own), "by": who.actor, "state": "draft"}
                )
            for voucher in own:
                voucher.claimed = True
        return set()

    def settle(self, who: Who, month: str) -> set[str]:
        of_month = [claim for claim in self.claims if claim["month"] == month]
        drafts = [claim for claim in of_month if claim["state"] == "draft"]
        why = who.two | ({"no_claims"} if not of_month else {"already_approved"} if not drafts else set())
        why |= {"same_person"} if any(claim["by"] == who.approver for claim in drafts) else set()
        why |= self.clock(who)
        if not why:
            for claim in drafts:
                claim["state"] = "approved"
            self.wrote("settlement.approve", len(drafts))
        return why

    def close(self, who: Who, month: str) -> set[str]:
        if month < self.opened:
            return {"not_in_book"}
        if month < self.open:
            return set()
        end = last_of(date.fromisoformat(f"{month}-01"))
        why = who.two | self.clock(who)
        why |= {"not_first_open"} if month != self.open else set()
        why |= {"month_not_over"} if self.today <= end else set()
        if not why:
            self.sweep(None)
            self.lapse(who, end)
            self.wrote("period.close")
            self.open = (end + timedelta(1)).isoformat()[:7]
        return why

    # ---- together: teams and notices

    def team(self, number: str) -> Team | None:
        """The team of a printed number."""
        found = int(number[1:]) if number.startswith("T") else 0
        return self.teams[found - 1] if 1 <= found <= len(self.teams) else None

    def found(self, who: Who, parent: int, founded: date) -> set[str]:
        if parent > len(self.teams):
            return {"unknown_team"}
        why = self.clock(who) | ({"future_date"} if founded > self.today else set())
        above = [parent] if parent else []
        while above and self.teams[above[-1] - 1].parent:
            above.append(self.teams[above[-1] - 1].parent)
        why |= {"too_deep"} if len(above) >= 4 else set()
        if not why:
            self.teams.append(Team(parent, founded))
            self.wrote("team.add")
        return why

    def enter(self, who: Who, number: int, member: int, since: date) -> set[str]:
        """Take a member into a team."""
        team = self.team(f"T{number:03d}")
        if team is None or self.unknown(member):
            return self.unknown(member) | (set() if team else {"unknown_team"})
        why = self.clock(who) | ({"future_date"} if since > self.today else set())
        why |= {"before_joining"} if since < self.members[member - 1] else set()
        why |= {"before_founding"} if since < team.founded else set()
        own = [place for place in self.places if (place.team, place.member) == (number, member)]
        why |= {"in_team_already"} if any(place.until is None or place.until >= since for place in own) else set()
        if not why:
            self.places.append(Place(number, member, since))
            self.wrote("team.join")
        return why

    def leave(self, who: Who, number: int, member: int, until: date) -> set[str]:
        """End a member's place in a team."""
        if self.team(f"T{number:03d}") is None or self.unknown(member):
            return self.unknown(member) | (set() if self.team(f"T{number:03d}") else {"unknown_team"})
        own = [p for p in self.places if (p.team, p.member, p.until) == (number, member, None)]
        why = self.clock(who) | ({"future_date"} if until > self.today else set()) | (set() if own else {"not_in_team"})
        why |= {"before_joining"} if own and until < own[0].since else set()
        if not why:
            own[0].until = until
            self.wrote("team.leave")
        return why

    def calendar(self, who: Who, year: int, off: frozenset[date], made_up: frozenset[date]) -> set[str]:
        """Enter which days of a year are off, and which Saturdays and Sundays are worked."""
        why = who.two
        if self.calendars.get(year) != (off, made_up):
            why = why | self.clock(who)
            if not why:
                self.calendars[year] = (off, made_up)
                self.wrote("calendar.set")
        return why

    def worked(self, day: date) -> bool | None:
        """Whether a day is worked; None where its year is not known. A year's calendar may speak for the December before."""
        if day.year not in self.calendars:
            return None
        for year in (day.year + 1, day.year):
            off, made_up = self.calendars.get(year, (frozenset(), frozenset()))
            if day in off or day in made_up:
                return day in made_up
        return day.weekday() < 5

    def hang(self, who: Who, about: str, begins: date, days: int) -> set[str]:
        """Post a notice."""
        why = self.clock(who) | ({"past_day"} if begins < self.today else set())
        why |= {"bad_subject"} if ":" not in about else set()
        why |= {"noticed_already"} if any(n.about == about and n.outcome != "stopped" for n in self.notices) else set()
        if not 1 <= days <= 60:
            return why | {"bad_days"}
        day, left = begins, days
        while self.worked(day) is not None:
            left -= bool(self.worked(day))
            if not left:
                break
            day += timedelta(1)
        why |= {"unknown_year"} if left else set()
        if not why:
            self.notices.append(Notice(about, begins, day, days))
            self.wrote("notice.post")
        return why

    def hanging(self, number: int) -> set[str]:
        """Why a notice is not open."""
        if not 1 <= number <= len(self.notices):
            return {"unknown_notice"}
        return {"notice_closed"} if self.notices[number - 1].outcome else set()

    def object_(self, who: Who, number: int, received: date) -> set[str]:
        why = self.hanging(number)
        if why:
            return why
        notice = self.notices[number - 1]
        why = self.clock(who) | ({"future_date"} if received > self.today else set())
        why |= set() if notice.begins <= received <= notice.until else {"outside_notice"}
        if not why:
            self.objected.append(Objection(number, received))
            self.wrote("notice.object")
        return why

    def decide(self, who: Who, number: int, result: str) -> set[str]:
        """Decide an objection."""
        if not 1 <= number <= len(self.objected):
            return who.two | {"unknown_objection"}
        objection = self.objected[number - 1]
        why = who.two | self.clock(who) | ({"decided_already"} if objection.result else set())
        if not why:
            objection.result = result
            self.wrote("notice.decide")
        return why

    def take_down(self, who: Who, number: int) -> set[str]:
        """Close a notice: passed, or stopped by an objection that was upheld."""
        why = self.hanging(number)
        if why:
            return why
        notice, made = self.notices[number - 1], [o for o in self.objected if o.notice == number]
        stopped = any(objection.result == "upheld" for objection in made)
        why = self.clock(who) | ({"objection_open"} if any(not objection.result for objection in made) else set())
        why |= {"notice_running"} if self.today <= notice.until and not stopped else set()
        if not why:
            notice.outcome = "stopped" if stopped else "passed"
            self.wrote("notice.close")
        return why

    def unsettled(self, version: str) -> set[str]:
        """Why a version cannot be published yet: its newest notice has not passed, or is too short for the rules."""
        posted = [notice for notice in self.notices if notice.about == f"rules:{version}"]
        book = self.spoken_for(self.today)
        why = {"notice_not_passed"} if posted and posted[-1].outcome != "passed" else set()
        return why | ({"notice_demanded"} if book and book.notice and (not posted or posted[-1].days < book.notice) else set())
