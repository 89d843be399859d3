"""The model: who has what, and how points come and go."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from model_values import (
    NEVER,
    Contribution,
    Held,
    Kin,
    Movement,
    Notice,
    Objection,
    Offer,
    Place,
    Review,
    Rules,
    Service,
    Sign,
    Team,
    Voucher,
    Who,
)


class Accounts:
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
        self.buried: set[str] = set()
        self.team_moves: list[tuple[int, int, str]] = []
        self.places: list[Place] = []
        self.calendars: dict[int, tuple[frozenset[date], frozenset[date]]] = {}
        self.notices: list[Notice] = []
        self.objected: list[Objection] = []
        self.demand = 0
        self.posted = 0
        self.supposed: dict[str, int] = {}
        self.movements: list[Movement] = []
        self.given: dict[object, tuple[Contribution, Movement]] = {}
        self.brought: dict[tuple[int, date], tuple[tuple[int, int, int], Movement]] = {}
        self.refs: dict[Any, list[Service]] = {}
        self.of_member: dict[int, list[Service]] = {}

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

    def has(self, holder: str) -> int:
        """What a holder has, reserved or not, less what is owed."""
        if holder in self.supposed:
            return self.supposed[holder]
        return sum(self.balance[holder, "points", purpose] for purpose in ("available", "held", "owed"))

    def spoken_for(self, day: date) -> Rules | None:
        """The rule book of a day: the one that begins last, of two that begin together the one published last."""
        there = [(book.starts, number) for number, book in enumerate(self.books) if book.covers(day)]
        return self.books[max(there)[1]] if there else None

    def team(self, number: str) -> Team | None:
        """The team of a printed number."""
        found = int(number[1:]) if number.startswith("T") else 0
        return self.teams[found - 1] if 1 <= found <= len(self.teams) else None

    def back(self, brought: list[Held]) -> list[tuple[str, date | str, int]]:
        """Where points come back from: their lot's rest, what of it lapsed, their holder's other lots, and then it is owed."""
        plan: list[tuple[str, date | str, int]] = []
        gone = Counter[tuple[str, date | str]]()
        for holder, lot, amount in brought:
            others = [(lapse, rest) for lapse, rest in self.lots_of(holder) if lapse != lot]
            places: list[tuple[date | str, int]] = [
                (lot, self.lots[holder][lot]),
                (f"expired {lot}", self.expired[holder, lot]),
                *others,
            ]
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
