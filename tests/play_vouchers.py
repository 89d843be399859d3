"""The random commands: vouchers."""

from datetime import timedelta

from model_values import Who
from play_choices import ACTORS, EDGES, LATEST, MEMBERS, verb
from play_points import Points
from play_stage import latest_of, tried
from shopping import PEPPER
from timebank import (
    redemption,
    refunds,
)
from timebank.base.db import reading
from timebank.redemption import Counter as Till
from timebank.redemption import Request


class Vouchers(Points):
    """What goes out."""

    @verb(
        member=MEMBERS,
        offer=(*(0, 1, 2) * 4, 3, 9),
        points=(*(10, "all", 20, "price") * 3, 12, 5, 35, 60, 1, None, 0),
        days=(*(3, 1, 30, 60, 10) * 3, 0),
        actor=ACTORS,
        edge=EDGES,
    )
    def issue(self, member: int, offer: int, points: int | str | None, days: int, actor: int, edge: int | None) -> None:
        """A voucher; at an edge, where the first of the member's points are on their last day, or past it."""
        alive = [lapse for lapse, _ in self.model.lots_of(f"member:{member}") if lapse >= self.book.today]
        self._edge(min(alive, default=self.book.today), edge)
        valid = [wish.first <= self.book.today <= wish.last for wish in self.model.offers]
        who, number = self.who(actor), latest_of(valid, offer)
        fixed = 0 < number <= len(valid) and not self.model.offers[number - 1].rate
        fitting = None if fixed else self.model.could_spend(member) or 5
        held = fitting if points == "all" or (fixed and points == "price") else 10 if points == "price" else points
        request = Request(f"M{member:04d}", number, held, days)
        issued = self.command(
            "issue",
            {"member": member, "offer": number, "points": held, "days": days},
            who,
            lambda m: m.issue(who, member, number, held, days, f"play-{self.commands}"),
            lambda s, a: redemption.issue(s, a, request, PEPPER),
        )
        if issued is not None:
            self.codes.append(issued.code)

    def _voucher(self, latest: int) -> int:
        """The number of one of the latest vouchers, those that are open first; one that nobody has, where there are so few."""
        return latest_of([v.state == "open" for v in self.model.vouchers], latest)

    def _till(self, latest: int, elsewhere: int) -> tuple[int, str, int]:
        """One of the latest vouchers with its code, and its own shop or another one."""
        number = self._voucher(latest % len(self.codes))
        return number, self.codes[number - 1], self.model.vouchers[number - 1].offer.shop + elsewhere

    @verb(latest=LATEST, elsewhere=(0, 0, 0, 0, 1))
    def verify(self, latest: int, elsewhere: int) -> None:
        if not self.codes:
            return
        number, code, shop = self._till(latest, elsewhere)
        expected = self.model.verify(number, shop)

        def run() -> object:
            with reading(self.book.engine) as session:
                return redemption.verify(session, 1, code, f"S{shop:03d}", PEPPER, self.book.today)

        refused = tried(run)[1]
        assert (refused in expected) if refused else not expected

    @verb(
        latest=LATEST,
        elsewhere=(*[0] * 9, 1),
        bill=(8_600, 150, 3_000, 60, 100_000, 300, 3_333, 50_000, 2_999, 500, 100, 1, 0),
        actor=ACTORS,
        edge=EDGES,
        back=(*[None] * 5, 0, 0, 40_000),
    )
    def capture(self, latest: int, elsewhere: int, bill: int, actor: int, edge: int | None, back: int | None) -> None:
        """A voucher at a shop, which may think better of it after some seconds."""
        if not self.codes:
            return
        who, (number, code, shop) = self.who(actor), self._till(latest, elsewhere)
        self._edge(self.model.vouchers[number - 1].last, edge)
        self.command(
            "capture",
            {"voucher": number, "shop": shop, "bill": bill},
            who,
            lambda m: m.capture(who, number, shop, bill),
            lambda s, a: redemption.capture(s, a, Till(code, f"S{shop:03d}", bill), PEPPER),
        )
        if back is not None and self.model.vouchers[number - 1].state == "captured":
            self._to(self.book.now + timedelta(seconds=back))
            self.give_back(0, 0)

    @verb(latest=LATEST, elsewhere=(0, 0, 0, 0, 1))
    def give_back(self, latest: int, elsewhere: int) -> None:
        """One of the latest vouchers, those first that were redeemed today."""
        today = [v.state == "captured" and v.day == self.book.today and not v.undone for v in self.model.vouchers]
        who, number = Who(), latest_of(today, latest)
        if number < 1:
            return
        shop = self.model.vouchers[number - 1].offer.shop + elsewhere
        asked = {"voucher": number, "shop": shop}
        self.command(
            "give_back", asked, who, lambda m: m.give_back(who, number, shop), lambda s, a: refunds.undo(s, a, number, shop)
        )

    @verb(latest=LATEST, edge=EDGES)
    def void(self, latest: int, edge: int | None) -> None:
        who, number = Who(), self._voucher(latest)
        self._edge(self.model.vouchers[number - 1].last if number > 0 else self.book.today, edge)
        asked = {"voucher": number, "reason": "lost"}
        self.command("void", asked, who, lambda m: m.void(who, number), lambda s, a: redemption.void(s, a, number))

    @verb(latest=LATEST, ahead=(0, 0, 1, 2, 3, 4))
    def cancel(self, latest: int, ahead: int) -> None:
        """What was issued under the key of an earlier command; or the key of one that is still to come, whatever it will be."""
        who, number = Who(), self._voucher(latest)
        there = not ahead and 0 < number <= len(self.model.vouchers)
        key = self.model.vouchers[number - 1].key if there else f"play-{self.commands + 1 + max(1, ahead)}"
        self.command("cancel", {"key": key}, who, lambda m: m.cancel(who, key), lambda s, a: redemption.cancel(s, a, key))

    @verb(latest=LATEST, edge=EDGES)
    def expire(self, latest: int, edge: int | None) -> None:
        who, number = Who(), self._voucher(latest)
        self._edge(self.model.vouchers[number - 1].last if number > 0 else self.book.today, edge)
        self.command(
            "expire", {"voucher": number}, who, lambda m: m.expire(who, number), lambda s, a: redemption.expire(s, a, number)
        )

    @verb(actor=ACTORS)
    def expire_due(self, actor: int) -> None:
        who = self.who(actor)
        self.command("expire_due", {}, who, lambda m: m.expire_due(who), redemption.expire_due)
