"""The time bank as plain dictionaries: what every verb does and when it must be refused, a page for every room.

Written from docs/rules.md, docs/ledger.md and the guides; shares no line with the program. A verb takes what the program's
takes and gives the set of codes it may be refused with: an empty set says that it must be done, and that the model has done it.
"""

from datetime import date, timedelta

from model_points import Points
from model_values import GRACE_DAYS, MERCHANT_DAYS, Voucher, Who, last_of


class Model(Points):
    """The whole book; here vouchers and months."""

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

    def issue(self, who: Who, member: int, offer: int, points: int | None, days: int, key: str = "") -> set[str]:
        why = self.clock(who) | (set() if 1 <= member <= len(self.members) else {"unknown_member"})
        why |= set() if 1 <= days <= 3660 else {"bad_days"}
        why |= set() if points is None or points > 0 else {"bad_points"}
        why |= {"voided_before"} if key in self.buried else set()
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
        self.vouchers.append(Voucher(member, wish, held, fen, min(self.today + timedelta(days=days), wish.last), key))
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
            voucher.spent |= {lot: spent} if spent else {}
            back |= {lot: amount - spent} if amount > spent else {}
        self.end(voucher, "captured", self.today, back, off)
        self.balance["system:redeemed", "points", "sink"] += used
        self.wrote("voucher.capture")
        return why

    def give_back(self, who: Who, number: int, shop: int) -> set[str]:
        """The shop gives everything back, on the day on which it took the voucher."""
        voucher = self.vouchers[number - 1]
        if voucher.offer.shop != shop:
            return {"wrong_merchant"}
        if voucher.state != "captured":
            return {"not_captured"}
        why = self.clock(who) | ({"undo_over"} if voucher.day != self.today else set())
        why |= {"refunded_already"} if voucher.undone else set()
        if not why:
            for lot, amount in sorted(voucher.spent.items()):
                self.put(f"member:{voucher.member}", lot if lot >= self.today else self.today + timedelta(self.grace), amount)
            self.balance["system:redeemed", "points", "sink"] -= sum(voucher.spent.values())
            self.move("fen", voucher.off, (f"merchant:{shop}", "payable"), ("fund:general", "free"))
            voucher.undone = True
            self.wrote("voucher.refund")
        return why

    def void(self, who: Who, number: int) -> set[str]:
        why = self.closed(number) | self.clock(who)
        if not why:
            voucher = self.vouchers[number - 1]
            self.sweep(voucher.member)
            self.end(voucher, "voided", self.today, voucher.lots, 0)
            self.wrote("voucher.void")
        return why

    def cancel(self, who: Who, key: str) -> set[str]:
        """Void what was issued under a key, or bury the key: who comes late with it finds nothing."""
        numbers = [number for number, voucher in enumerate(self.vouchers, 1) if voucher.key == key]
        if numbers:
            return self.void(who, numbers[0])
        if key in self.buried:
            return set()
        why = self.clock(who)
        if not why:
            self.buried.add(key)
            self.wrote("voucher.tombstone")
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

    def draft(self, who: Who, month: str) -> set[str]:
        end = last_of(date.fromisoformat(f"{month}-01"))
        if self.today <= end + timedelta(days=MERCHANT_DAYS):
            return {"before_cutoff"}
        for shop in range(1, self.shops + 1):
            own = [
                v for v in self.vouchers if v.state == "captured" and not v.claimed and v.offer.shop == shop and v.day <= end
            ]
            fen = sum(v.off for v in own if not v.undone)
            if fen:
                self.claims.append({"month": month, "shop": shop, "fen": fen, "by": who.actor, "state": "draft"})
            for voucher in own if fen else ():
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
