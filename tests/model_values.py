"""What the model of the time bank is made of: rule books, records, vouchers, offers, what moved, who is related, what hangs."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
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
    None, `notice` how many working days another version must hang out (0: none), `ends` its last day, if it has one, `penalty`
    whether a complaint takes back what a service earned.
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
    penalty: bool = False

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
        if self.penalty:
            lines += ["[penalty]", 'complaint = "void"']
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
    """A record of service, and what it earned once it is posted.

    `under` is its team's number; `asked` what a second person said who was asked, `hangs` that its sheet waits for a notice;
    `named` its activity where the rules ask for it, `review` the points that waited, `given` its bonuses, `place` its place
    among all that were posted, `penalty` whether the rules that paid it say something of complaints.
    """

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
    asked: str = ""
    hangs: bool = False
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
    penalty: bool = False

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
    """A team: the one above it (0: none) and the day it was founded; `moves`: under which it was put, and when."""

    parent: int
    founded: date
    moves: list[tuple[int, date]] = field(default_factory=list)

    def above(self, day: date) -> int:
        """The team that it stands under on a day."""
        return next((parent for parent, since in reversed(self.moves) if since <= day), self.parent)


@dataclass
class Place:
    """That a member is in a team, and until when."""

    team: int
    member: int
    since: date
    until: date | None = None


@dataclass
class Notice:
    """A notice: about what, its first and last day, how many working days these are, what text it binds, how it ended."""

    about: str
    begins: date
    until: date
    days: int
    binds: str = ""
    outcome: str = ""

    def names(self, number: int) -> bool:
        """Whether it is about the service of a number."""
        kind, _, numbers = self.about.partition(":")
        first, _, last = numbers.partition("..")
        return kind == "hours" and int(first) <= number <= int(last or first)


@dataclass
class Objection:
    """An objection to a notice and its result."""

    notice: int
    received: date
    result: str = ""


@dataclass
class Voucher:
    """A hold: the points of each lot, what the fund commits, the key of its command, and what became of it: what of
    which lots was `spent`, and whether the shop undid it."""

    member: int
    offer: "Offer"
    lots: dict[date, int]
    fen: int
    last: date
    key: str = ""
    state: str = "open"
    day: date = NEVER
    off: int = 0
    claimed: bool = False
    spent: dict[date, int] = field(default_factory=dict)
    undone: bool = False


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
