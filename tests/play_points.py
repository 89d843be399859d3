"""The random commands: points and credits that come in, go round and lapse."""

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from model_values import Contribution, Opening, Who, last_of
from play_choices import ACTORS, MEMBERS, POINTS, POOLS, SECOND, verb
from play_hours import Hours
from play_stage import latest_of
from timebank import (
    credits,
    openings,
)
from timebank import points as points_
from timebank.base.act import Act
from timebank.base.errors import Refused


class Points(Hours):
    """What goes round besides hours."""

    def _some(self, points: int | str | None, holder: str) -> int:
        """So many points: all that are there, one more, or a number."""
        there = self.model.there(holder)
        return max(1, there) if isinstance(points, str) else there + 1 if points is None else points

    @verb(giver=MEMBERS, receiver=MEMBERS, points=POINTS, actor=ACTORS)
    def gift(self, giver: int, receiver: int, points: int | str | None, actor: int) -> None:
        who, given = self.who(actor), self._some(points, f"member:{giver}")
        asked = {"giver": giver, "receiver": receiver, "points": given}
        self.command(
            "gift",
            asked,
            who,
            lambda m: m.gift(who, giver, receiver, given),
            lambda s, a: points_.gift(s, a, f"M{giver:04d}", f"M{receiver:04d}", given),
        )

    @verb(giver=MEMBERS, pool=POOLS, points=POINTS, actor=ACTORS)
    def donate(self, giver: int, pool: str, points: int | str | None, actor: int) -> None:
        who, given = self.who(actor), self._some(points, f"member:{giver}")
        asked = {"giver": giver, "pool": pool, "points": given}
        self.command(
            "donate",
            asked,
            who,
            lambda m: m.donate(who, giver, pool, given),
            lambda s, a: points_.donate(s, a, f"M{giver:04d}", pool, given),
        )

    @verb(pool=POOLS, receiver=MEMBERS, points=POINTS, actor=ACTORS, approver=SECOND)
    def pay_out(self, pool: str, receiver: int, points: int | str | None, actor: int, approver: int | None) -> None:
        who, given = self.who(actor, approver), self._some(points, f"pool:{pool}")
        asked = {"pool": pool, "receiver": receiver, "points": given, "reason": "in need"}
        self.command(
            "pay_out",
            asked,
            who,
            lambda m: m.pay_out(who, pool, receiver, given),
            lambda s, a: points_.pay_out(s, a, pool, f"M{receiver:04d}", given),
        )

    @verb(latest=(0, 0, 0, 1, 2, 3, 5, 30, -1), owe=(False, True), actor=ACTORS, approver=SECOND)
    def take_back(self, latest: int, owe: bool, actor: int, approver: int | None) -> None:
        """One of the latest entries of points or credits, those that stand first; the last entry of all (-1); one too many."""
        who, movements = self.who(actor, approver), self.model.movements
        there = latest_of([not entry.reversed for entry in movements], max(0, latest))
        entries = sum(self.model.kinds.values())
        seq = entries - 1 if latest < 0 else movements[there - 1].seq if there > 0 else entries
        asked = {"entry": seq, "owe": owe, "reason": "a mistake"}
        self.command(
            "take_back", asked, who, lambda m: m.take_back(who, seq, owe), lambda s, a: points_.take_back(s, a, seq, owe=owe)
        )

    @verb(
        member=MEMBERS,
        amount=(10, 20, 40, 1, 0),
        category=("organising", "design", ""),
        ago=(0, 1, 2, 30, -1),
        ref=("", "", "c1", "c2"),
        actor=ACTORS,
        approver=SECOND,
    )
    def credit(self, ref: str, ago: int, amount: int, actor: int, approver: int | None, **told: Any) -> None:
        who, day = self.who(actor, approver), self.book.today - timedelta(ago)
        new = Contribution(credits=amount, day=day, ref=ref and f"{ref} of {day}", **told)
        given = credits.Contribution(f"M{new.member:04d}", new.credits, new.category, new.day, ref=new.ref)
        self.command("credit", vars(new), who, lambda m: m.credit(who, new), lambda s, a: credits.issue(s, a, given))

    @verb(member=MEMBERS, amount=("all", "all", 5, 1, 30, 0), actor=ACTORS)
    def convert(self, member: int, amount: int | str, actor: int) -> None:
        who, there = self.who(actor), self.model.balance[f"member:{member}", "credits", "available"]
        given = min(25, max(1, there)) if isinstance(amount, str) else amount
        asked = {"member": member, "credits": given}
        self.command(
            "convert",
            asked,
            who,
            lambda m: m.convert(who, member, given),
            lambda s, a: credits.convert(s, a, f"M{member:04d}", given),
        )

    @verb(
        member=MEMBERS,
        ahead=(400, 30, 0, -1, 90),
        amount=(50, 20, 0),
        minutes=(0, 0, 600),
        brought=(0, 0, 15),
        ago=(0, 1, 40, 400, -1),
        actor=ACTORS,
        approver=SECOND,
    )
    def bring(self, member: int, ahead: int, ago: int, actor: int, approver: int | None, **amounts: int) -> None:
        """Balances from before the book, one row of them."""
        who, day = self.who(actor, approver), self.book.today - timedelta(ago)
        lapse = last_of(self.book.today + timedelta(ahead)) if ahead > 0 else self.book.today + timedelta(ahead)
        new = Opening(member, lapse, amounts["amount"], amounts["minutes"], amounts["brought"])
        row = openings.Opening(f"M{member:04d}", new.points, new.lapse, new.minutes, new.credits)

        def work(session: Session, act: Act) -> None:
            for finding in openings.Desk.begin(session, act, day).take([row]).rejected:
                raise Refused(finding.message, finding.code)

        self.command("bring", vars(new) | {"day": day}, who, lambda m: m.bring(who, new, day), work)

    @verb(ago=(0, 1, 40, -5))
    def lapse(self, ago: int) -> None:
        who, until = Who(), self.book.today - timedelta(ago)
        self.command("lapse", {"ago": ago}, who, lambda m: m.lapse(who, until), lambda s, a: points_.expire_due(s, a, until))
