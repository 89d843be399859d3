"""The model: what services earn, at once and in a recalculation."""

import pickle
from collections import Counter
from datetime import date
from fractions import Fraction
from typing import Self

from model_people import People
from model_values import NEVER, OF, WIDTH, Review, Rules, Service, Who, rounded


class Awards(People):
    """Points of services, as docs/rules.md works them out."""

    def earn(self, new: Service, by: int) -> None:
        """Minutes one to one, points as `award` has them, and what goes over a cap to pools or into the inbox."""
        self.award(new)
        holder = f"member:{new.member}"
        self.move("minutes", new.minutes, ("system:service", "source"), (holder, "served"))
        new.repaid = self.put(holder, new.lapse, new.points)
        for pool, over in new.pools.items():
            self.put(f"pool:{pool}", new.lapse, over)
        self.balance["system:issued", "points", "source"] -= new.points + sum(new.pools.values())
        if new.review:
            self.reviews.append(Review(new, by))
        self.posted += 1
        new.place = self.posted
        self.wrote("hours")

    def award(self, new: Service) -> None:
        """What a service earns, as docs/rules.md works it out."""
        book = self.spoken_for(new.day)
        assert book is not None
        own = [s for s in self.of_member.get(new.member, ()) if s.state == "posted" and s is not new]
        new.named, new.penalty = new.activity if book.reads_activities else "", book.penalty
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
        for factor in best.values():
            rate *= factor
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

    def recalculate(self, who: Who, first: date, last: date, owe: bool) -> set[str]:
        """Put right what was paid for some days: all services of whoever gets anything else are taken back and posted anew."""
        changes = [] if who.two else pickle.loads(pickle.dumps(self)).to_change(first, last)
        if who.two or not changes:
            return who.two
        twin: Self = pickle.loads(pickle.dumps(self))
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
            twin.earn(new, who.actor)
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
