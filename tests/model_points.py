"""The model: points that change hands, credits, what was brought from before the book."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

from model_hours import Hours
from model_values import NEVER, Contribution, Opening, Who, rounded


class Points(Hours):
    """What comes in and goes round besides hours."""

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
