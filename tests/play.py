"""Every verb on a real book and on the model at once: refused for a reason that the model names, or done by both alike.

Vouchers, services and offers are counted from the latest one, so that most of them exist.
"""

from collections import Counter
from datetime import date

from model import Model
from play_choices import ACTORS, CAPS, LAPSES, SECOND, SERVICE, TERMS, VERBS, verb
from play_vouchers import Vouchers
from recount import Standing, recount, standing
from timebank import (
    audit,
    reviews,
    settlement,
    statements,
)
from timebank.base.db import reading


class Play(Vouchers):
    """A whole life: how it begins, its months, and what must hold after every step."""

    def settle_in(self) -> None:
        """What nearly every verb needs: members, shops, a clerk who is a member, rules, offers, a few hours, a hold, a debt."""
        everything = {name: choices[0] for name, choices in VERBS["publish"].items()}
        self.join(4, 400, date(1958, 2, 28))
        usual = {name: choices[0] for name, choices in SERVICE.items()}
        self.shop()
        self.shop()
        self.clerk(1)
        self.publish(
            **everything | {"starts": -300, "lapse": LAPSES[2], "caps": CAPS[2], "reason": "first rules", "approver": 2}
        )
        self.found(0, 200)
        self.calendar(0, 0, 2)
        for shop, terms in ((1, TERMS[0]), (2, TERMS[2])):
            self.offer(shop, terms, -30, 60, 1)
        for member in (2, 3, 4):
            self.record(1, None, **usual | {"member": member, "ago": 1, "minutes": 240})
        self.issue(4, 1, 48, 5, 1, None)
        self.correct(0, "spent", 60, {}, True, 1, 2)
        assert self.model.balance["member:4", "points", "owed"] == -36

    def _month(self, later: int) -> str:
        """So many months after the first open one."""
        year, month = map(int, self.model.open.split("-"))
        year, month = divmod(year * 12 + month - 1 + later, 12)
        return f"{year:04d}-{month + 1:02d}"

    @verb(later=(0, 0, -1, 1), actor=ACTORS)
    def draft(self, later: int, actor: int) -> None:
        who, month = self.who(actor), self._month(later)
        self.command("draft", {"month": month}, who, lambda m: m.draft(who, month), lambda s, a: settlement.draft(s, a, month))

    @verb(later=(0, 0, -1, 1), actor=ACTORS, approver=SECOND)
    def settle(self, later: int, actor: int, approver: int | None) -> None:
        who, month = self.who(actor, approver), self._month(later)
        self.command(
            "settle", {"month": month}, who, lambda m: m.settle(who, month), lambda s, a: settlement.approve(s, a, month)
        )

    @verb(later=(0, 0, 0, 0, 1, -1, -3), actor=ACTORS, approver=SECOND)
    def close(self, later: int, actor: int, approver: int | None) -> None:
        who, month = self.who(actor, approver), self._month(later)
        self.command("close", {"month": month}, who, lambda m: m.close(who, month), lambda s, a: statements.close(s, a, month))

    def check(self) -> None:
        """The book stands where the model stands and recounts by plain SQL; where something was written, its audit is
        clean, which counts the entries."""
        self.check_standing()
        recount(self.book.engine)
        if self.written != self._audited:
            self._audited = self.written
            with reading(self.book.engine) as session:
                report = audit.audit(session, 1, audit.CHECKS)
            assert report.findings == ()
            self.entries = report.entries

    def check_standing(self) -> None:
        """Every balance, lot, entry, service, voucher and claim is what the model has."""
        there, meant = standing(self.book.engine), modelled(self.model)
        for figure in Standing._fields:
            assert getattr(there, figure) == getattr(meant, figure), figure


def modelled(model: Model) -> Standing:
    """The model as the database's figures."""
    held = Counter[tuple[str, str, str]]()
    lots = Counter({(holder, "available", lapse): rest for holder in model.lots for lapse, rest in model.lots_of(holder)})
    for voucher in model.vouchers:
        if voucher.state == "open":
            held[f"member:{voucher.member}", "points", "held"] += sum(voucher.lots.values())
            for lot, amount in voucher.lots.items():
                lots[f"member:{voucher.member}", "held", lot] += amount
    balance = {account: amount for account, amount in model.balance.items() if amount}
    assert {account: amount for account, amount in balance.items() if account[2] == "held"} == held
    return Standing(
        balance,
        dict(lots),
        dict(Counter({kind: count for kind, count in model.kinds.items() if count})),
        [(s.member, s.state, s.minutes, s.points) for s in model.services],
        [(v.state, sum(v.lots.values()), v.off) for v in model.vouchers],
        [(c["month"], c["shop"], c["fen"], c["state"]) for c in model.claims],
        model.open,
        (
            [(team.parent, str(team.founded)) for team in model.teams],
            model.team_moves,
            [(p.team, p.member, str(p.since), p.until and str(p.until)) for p in model.places],
            [(sign.member, str(sign.day), sign.starts) for sign in model.signs],
            [(n.about, str(n.begins), str(n.until), n.days, n.outcome) for n in model.notices],
            [(o.notice, str(o.received), o.result) for o in model.objected],
        ),
        inbox(model),
    )


def inbox(model: Model) -> Counter[tuple[str, str, str]]:
    """What waits or waited for a second person in the model."""
    numbers = {id(service): number for number, service in enumerate(model.services, 1)}
    asked = Counter[tuple[str, str, str]]()
    for number, service in enumerate(model.services, 1):
        asked["hours.approve", f"hours:{number}", service.asked] += bool(service.asked)
    for review in model.reviews:
        state = {"waiting": "waiting", "given": "approved", "taken back": "approved"}.get(review.state, "rejected")
        asked[reviews.KIND, f"hours:{numbers[id(review.service)]}", state] += 1
    return +asked
