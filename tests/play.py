"""Every verb on a real book and on the model at once: refused for a reason that the model names, or done by both alike.

`VERBS` tells for each verb what its arguments are chosen from, so that Hypothesis (test_properties.py) and the soak (soak.py)
draw from the same. Vouchers, services and offers are counted from the latest one, so that most of them exist.
"""

import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from model_values import Contribution, Offer, Opening, Rules, Service, Who, last_of
from sqlalchemy import Engine, event
from sqlmodel import Session

from conftest import Book
from model import Model
from recount import Standing, recount, standing
from shopping import PEPPER
from timebank import (
    approvals,
    attendance,
    audit,
    credits,
    hours,
    notices,
    offers,
    openings,
    recalculation,
    redemption,
    reviews,
    rulebooks,
    rulefile,
    settlement,
    statements,
    workdays,
)
from timebank import points as points_
from timebank.backtest import Span
from timebank.base.act import Act
from timebank.base.db import open_engine, reading, writing
from timebank.base.errors import Refused, TimebankError
from timebank.benefits import Discount, Offset
from timebank.once import Outcome, once
from timebank.people import clerks, kin, members, merchants, teams
from timebank.people.persons import Card
from timebank.redemption import Counter as Till
from timebank.redemption import Request
from timebank.services import Record

Choices = Sequence[Any]
Result = TypeVar("Result")
VERBS: dict[str, dict[str, Choices]] = {}
"""Every verb -> its arguments -> what they are chosen from; what stands there twice is chosen twice as often."""
OFTEN = (
    *("record", "issue", "capture") * 4,
    *("sheet", "correct", "approve", "offer", "review", "sign_in", "sign_out") * 2,
    *("void", "wait", "publish", "hang", "object_", "decide", "take_down", "recalculate", "pay_out"),
)
"""Verbs that are chosen so many times more often than the others: what a day is made of."""

ACTORS: Choices = (1, 1, 1, 2, 3)
APPROVERS: Choices = (None, None, None, 2, 2, 2, 3, 1)
SECOND: Choices = (*[2] * 8, 3, 1, None)
MEMBERS: Choices = (*(2, 3, 4, 1) * 4, 5, 0)
SHOPS: Choices = (1, 1, 2, 2, 3, 0)
EDGES: Choices = (*[None] * 10, 0, 0, 1)
LATEST: Choices = (*(0, 1) * 4, 2, 3, 5, 8, 11)
TIMES: Choices = (
    (),
    (("", "weekdays", "1.5"),),
    (("a", "weekdays", "1.5"), ("a", "categories", "1.2"), ("", "team_at_least", "1.1")),
    (("", "tier", "1.25"), ("", "weekdays", "1.1")),
    (("a", "teams", "1.3"), ("a", "dates", "2"), ("", "categories", "0.9")),
)
BONUSES: Choices = (
    (),
    (("lifetime", 20, ""),),
    (("month", 5, "weekdays"), ("entry", 1, "tier")),
    (("day", 3, "categories"), ("year", 30, "team_at_least")),
)
TIERS: Choices = ((1, "lifetime"), (5, "year"), (30, "lifetime"))
CAPS: Choices = (
    (),
    (),
    (("month", "points", 90, "elder-care", "member"), ("activity", "points", 50, "review", "member")),
    (("day", "minutes", 120, "", "member"), ("year", "points", 900, "repairs", "member")),
    (
        ("lifetime", "minutes", 6_000, "elder-care", "member"),
        ("day", "points", 25, "repairs", "member"),
        ("month", "minutes", 600, "", "member"),
    ),
    (("balance", "points", 120, "repairs", "member"), ("month", "points", 400, "", "member")),
    (("year", "points", 600, "review", "member"), ("month", "points", 60, "review", "member")),
    (
        ("month", "points", 80, "repairs", "team"),
        ("day", "minutes", 90, "review", "programme"),
        ("day", "points", 30, "", "member"),
    ),
    (("activity", "minutes", 60, "review", "team"), ("balance", "points", 100, "review", "member")),
)
REDEEMS: Choices = (None, None, None, (0, 0, 5, 10), (3, 0, 1, 0), (0, 18, 1, 45))
ENDS: Choices = (None, None, None, None, 40, 0)
"""How many days after its first day a rule book ends."""
HANGS: Choices = (0, 0, 0, 0, 0, 2)
CONDITIONS = {
    "weekdays": 'weekdays = ["sat", "sun"]',
    "categories": 'categories = ["elder-care"]',
    "team_at_least": "team_at_least = 3",
    "tier": 'tier = "t"',
    "teams": 'teams = ["T001"]',
    "dates": 'dates = ["2026-10-01..2026-12-31"]',
    "": "",
}
LAPSES: Choices = (
    None,
    None,
    ("months", 1, "month-end"),
    ("months", 2, "none"),
    ("on", "12-31", "none"),
    ("months", 36, "year-end"),
)
GIFTS: Choices = ("anyone", "anyone", "relatives", "relatives", "pools", "nobody", "")
CREDITS: Choices = (("2.5", 40), ("1", 0), ("0.3", 25), None)
POOLS: Choices = ("elder-care", "elder-care", "repairs", "repairs", "T001", "nowhere")
POINTS: Choices = ("all", "all", 1, 5, 12, 40, 0, None)
"""Points to give: `None` is one more than there are."""
TERMS: Choices = (
    Offer(0, 5_000, 10, 0, 0, 0, date.min, date.min),
    Offer(0, 10_000, 3, 0, 0, 0, date.min, date.min),
    Offer(0, 1_000, 0, 12, 2_000, 3_000, date.min, date.min),
    Offer(0, 2_500, 250, 0, 0, 0, date.min, date.min),
)
SERVICE: dict[str, Choices] = {
    "member": MEMBERS,
    "ago": (0, 0, 1, 1, 2, 3, 4, 25, 60, 200, -1),
    "starts": (None, None, 540, 600, 660, 1_380),
    "minutes": (60, 90, 1, 20, 29, 30, 45, 59, 61, 240, 470, 481, 600, 1_440),
    "category": ("elder-care", "tutoring"),
    "kind": ("confirmed", "confirmed", "confirmed", "team", "back-entered", "self-reported"),
    "team": (1, 1, 3),
    "ref": ("", "", "", "", "r1", "r2"),
    "under": (*[""] * 4, "T001", "T001", "T002", "T009"),
    "programme": ("", "", "", "spring"),
    "activity": ("", "", "A1", "A2"),
}


CHANGES: Choices = (
    *[{}] * 3,
    {"category": "elder-care"},
    {"ago": 1},
    {"ago": 20},
    {"ago": -1},
    {"under": "T001", "programme": "spring"},
    {"under": "T009"},
    {"under": ""},
    {"activity": "A1", "kind": "team", "team": 3},
    {"kind": "self-reported"},
    {"kind": "back-entered", "category": "tutoring"},
)
"""What a correction changes of a record besides its minutes, as the model calls it; `ago` is its day."""
CALLED = {"under": "team", "team": "team_size", "activity": "activity_no"}
"""How the program calls what the model calls otherwise."""


def verb(**choices: Choices) -> Callable[[Any], Any]:
    """Make a method one of the verbs, with what its arguments are chosen from."""

    def named(method: Any) -> Any:
        VERBS[method.__name__] = choices
        return method

    return named


@dataclass(frozen=True)
class Told:
    """A command that was carried out: under which key, what was asked, by whom, and the receipt."""

    key: str
    asked: dict[str, Any]
    who: Who
    receipt: dict[str, Any]


class Play:
    """One book and its model, in step. `book.now` is the clock; `slip` and `dry` concern the next command only."""

    def __init__(self, book: Book) -> None:
        self.book = book
        book.found(open_from="2026-09")
        self.model = Model(book.now, "2026-09")
        self.codes: list[str] = []
        self.told: list[Told] = []
        self.outcomes: Counter[str] = Counter()
        self.commands = self.written = self.entries = self._audited = 0
        self.hung: dict[str, Rules] = {}
        self.slip = timedelta(0)
        self.dry = False

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
        self.correct(0, True, 60, {}, True, 1, 2)
        assert self.model.balance["member:4", "points", "owed"] == -36

    def who(self, actor: int, approver: int | None = None) -> Who:
        """These clerks, or the first where they do not exist."""
        there = len(self.model.own)
        return Who(min(actor, there), approver and min(approver, there))

    def command(
        self,
        verb: str,
        asked: dict[str, Any],
        who: Who,
        why: Callable[[Model], set[str]],
        work: Callable[[Session, Act], object],
    ) -> Any:
        """Let the model and the book do one command under a key of its own; gives what the verb gave, None if refused."""
        self.commands += 1
        true_now, self.book.now = self.book.now, self.book.now + self.slip
        model = pickle.loads(pickle.dumps(self.model)) if self.dry else self.model  # a tenth of deepcopy's time
        model.now = self.book.now
        expected = why(model)
        act = self.book.act(
            f"play-{self.commands}", actor=who.actor, approver=who.approver, reason=str(asked.get("reason", ""))
        )
        given: list[Any] = []

        def carried_out(session: Session) -> dict[str, Any]:
            given.append(work(session, act))
            return {"asked": verb, "done": self.commands}

        def run() -> dict[str, Any]:
            with writing(self.book.engine) as session:
                receipt = once(session, act, verb, plain(asked), lambda: carried_out(session)).receipt
                if self.dry:
                    session.rollback()
            return receipt

        receipt, code = _tried(run)
        self.book.now = self.model.now = true_now
        dry, self.dry, self.slip = self.dry, False, timedelta(0)
        assert (code in expected) if code else not expected, (
            f"{verb} {asked}: {code or 'done'}, the model says {expected or 'yes'}"
        )
        self.outcomes[f"{verb} {code or ('rehearsed' if dry else 'ok')}"] += 1
        if code or dry:
            return None
        self.written += 1
        self.told = [*self.told[-40:], Told(act.key, {"verb": verb, **asked}, who, receipt)]
        return given[0]

    # ---- time and keys

    @verb(days=(1, 1, 3, 0, 0, 8, 31, 41), seconds=(0, 0, 61, 39_600))
    def wait(self, days: int, seconds: int) -> None:
        """Time goes by."""
        self._to(self.book.now + timedelta(days=days, seconds=seconds))

    def _to(self, moment: datetime) -> None:
        self.book.now = self.model.now = moment

    @verb(seconds=(-1, 0))
    def midnight(self, seconds: int) -> None:
        """The clock goes to the community's next midnight, or to the second before it."""
        gone = (self.book.now + timedelta(hours=8)).time()
        of_today = timedelta(hours=gone.hour, minutes=gone.minute, seconds=gone.second)
        self._to(self.book.now - of_today + timedelta(days=1, seconds=seconds))

    def _edge(self, day: date, edge: int | None) -> None:
        """The clock goes on to a day on which something ends, or to the day after; not further than one person may."""
        days = 0 if edge is None else (day - self.book.today).days + edge
        if 0 < days < 40:
            self._to(self.book.now + timedelta(days=days))

    @verb(seconds=(-299, -300, -301, -86_400, 60, 3_600_000))
    def clock_slips(self, seconds: int) -> None:
        """The next command's clock is wrong."""
        self.slip = timedelta(seconds=seconds)

    @verb()
    def rehearse(self) -> None:
        """The next command is a dry run."""
        self.dry = True

    @verb(latest=LATEST, other=(False, False, True))
    def repeat(self, latest: int, other: bool) -> None:
        """An earlier command again: the same gets the first receipt, another under its key is a conflict."""
        if latest >= len(self.told):
            return
        told = self.told[-1 - latest]
        asked = told.asked
        act = self.book.act(told.key, actor=told.who.actor, approver=told.who.approver)
        inputs = plain(asked | {"more": 1} if other else asked)
        del inputs["verb"]

        def run() -> Outcome:
            with writing(self.book.engine) as session:
                return once(session, act, str(asked["verb"]), inputs, _never)

        outcome, code = _tried(run)
        assert code == ("exists_with_different_content" if other else "")
        assert outcome is None or (outcome.repeated and outcome.receipt == told.receipt)

    # ---- people, rules, offers

    @verb(count=(1, 1, 2), ago=(400, 30, 0, -1), born=(None, date(1958, 2, 28), date(2012, 3, 1)))
    def join(self, count: int, ago: int, born: date | None) -> None:
        joined, who, there = self.book.today - timedelta(ago), Who(), len(self.model.members)
        cards = [Card("张三", id_number=f"520201{born:%Y%m%d}{there + i:03d}X" if born else None) for i in range(count)]
        newcomers = [members.Newcomer("", card, joined) for card in cards]

        def work(session: Session, act: Act) -> None:
            members.join(session, act, newcomers)[1].all_or_nothing()

        def why(model: Model) -> set[str]:
            found = model.join(who, count, joined, born)
            return {"rejected_rows"} if found == {"future_date"} else found

        self.command("join", {"count": count, "ago": ago, "born": born}, who, why, work)

    @verb()
    def shop(self) -> None:
        number = self.model.shops + 1
        self.command(
            "shop", {}, Who(), lambda m: m.shop(Who()), lambda s, a: merchants.join(s, a, [merchants.Shop("", f"店{number}")])
        )

    @verb(member=range(4))
    def clerk(self, member: int) -> None:
        own = member if member <= len(self.model.members) else 0
        self.command(
            "clerk",
            {"member": own},
            Who(),
            lambda m: m.clerk(Who(), own),
            lambda s, a: clerks.add(s, a, ["经办人"], member_id=own or None),
        )

    @verb(
        starts=(0, 1, -1, -30, -300, 20),
        rate=("10", "10", "7.5", "60", "0"),
        elder=("12", "12", "80", "0.25"),
        minimum=(30, 0, 60),
        unit=(30, 1, 60, 7),
        how=("down", "half-up", "up"),
        last_round=("down", "half-up", "up"),
        day_max=(480, 240, 1_440),
        carry=(True, False),
        times=TIMES,
        caps=CAPS,
        lapse=LAPSES,
        gift=GIFTS,
        credit=CREDITS,
        bonuses=BONUSES,
        tier=TIERS,
        redeem=REDEEMS,
        notice=HANGS,
        ends=ENDS,
        version=("new", "new", "new", "known", "again"),
        reason=("", "late"),
        approver=SECOND,
    )
    def publish(self, starts: int, ends: int | None, version: str, reason: str, approver: int | None, **clauses: Any) -> None:
        who, known = self.who(1, approver), self.model.books
        times = tuple((group, CONDITIONS[condition], factor) for group, condition, factor in clauses.pop("times"))
        bonuses = tuple((per, points, CONDITIONS[condition]) for per, points, condition in clauses.pop("bonuses"))
        name = known[-1].version if version != "new" and known else f"v{len(known) + 1}"
        first = self.book.today + timedelta(starts)
        last = None if ends is None else first + timedelta(ends)
        book = Rules(name, first, times=times, bonuses=bonuses, ends=last, **clauses)
        book = self.hung.get(name, book)
        if version == "again" and known:
            book = known[-1]
        self.command(
            "publish",
            {"toml": book.toml(), "reason": reason},
            who,
            lambda m: m.publish(who, book, reason),
            lambda s, a: rulebooks.publish(s, a, book.toml().encode(), "2026-7", reason),
        )

    @verb(shop=SHOPS, terms=TERMS, first=(0, -30, 5), last=(300, 300, 300, 60, 10, 0, -1), actor=ACTORS)
    def offer(self, shop: int, terms: Offer, first: int, last: int, actor: int) -> None:
        who, days = self.who(actor), (self.book.today + timedelta(first), self.book.today + timedelta(last))
        wish = replace(terms, shop=shop, first=days[0], last=days[1])
        asked = Offset(terms.rate, terms.share) if terms.rate else Discount(terms.share, terms.most, terms.price, terms.least)
        self.command(
            "offer",
            {"wish": wish},
            who,
            lambda m: m.offer(who, wish),
            lambda s, a: offers.add(s, a, offers.NewOffer(f"S{shop:03d}", asked, *days)),
        )

    # ---- hours

    def _service(self, ago: int, ref: str, **served: Any) -> Service:
        """A service some days ago; its number on paper, if it has one, belongs to the day."""
        day = self.book.today - timedelta(ago)
        return Service(day=day, ref=ref and f"{ref} of {day}", **served)

    @verb(**SERVICE, actor=ACTORS, approver=APPROVERS)
    def record(self, actor: int, approver: int | None, **served: Any) -> None:
        who, new = self.who(actor, approver), self._service(**served)
        self.command("record", vars(new), who, lambda m: m.record(who, replace(new)), lambda s, a: hours.record(s, a, row(new)))

    @verb(rows=(2, 5, 9), whole=(False, False, True), **SERVICE, actor=ACTORS, approver=APPROVERS)
    def sheet(self, rows: int, whole: bool, actor: int, approver: int | None, **served: Any) -> None:
        """Rows that begin like one service and go on through members, days and minutes; some of them are alike."""
        who = self.who(actor, approver)
        first = self._service(**served)
        steps = [(i, (first.member + i) % 6, first.day - timedelta(i // 3), first.minutes + 10 * (i % 2)) for i in range(rows)]
        sheet = [
            replace(first, member=member, day=day, minutes=minutes, ref=first.ref and f"{first.ref} {i % 4}")
            for i, member, day, minutes in steps
        ]
        trial = self.model.for_a_sheet()
        trial.now = self.book.now + self.slip
        told, rejected = trial.sheet(who, [replace(new) for new in sheet])

        def why(model: Model) -> set[str]:
            found = who.two if approver is not None else set()
            found |= model.clock(who) if told["posted"] else set()
            if not found and not (whole and rejected):
                model.__dict__.update(trial.__dict__)
            return found | ({"rejected_rows"} if whole and rejected else set())

        def work(session: Session, act: Act) -> None:
            outcome = hours.record_all(session, act, [[row(new, number) for number, new in enumerate(sheet, 2)]])
            counted = {"posted": outcome.posted, "waiting": outcome.pending, "repeated": outcome.repeated}
            assert counted == {name: told[name] for name in counted}
            assert len(rejected) == len(outcome.rejected)
            assert all(finding.code in codes for finding, codes in zip(outcome.rejected, rejected, strict=True)), rejected
            if whole:
                outcome.all_or_nothing()

        self.command("sheet", {"rows": [vars(new) for new in sheet], "whole": whole}, who, why, work)

    def _waiting(self, latest: int) -> int:
        """The number of one of the latest services, those that wait first."""
        return _latest([service.state == "waiting" for service in self.model.services], latest)

    @verb(latest=range(4), actor=(2, 2, 1, 3), edge=EDGES)
    def approve(self, latest: int, actor: int, edge: int | None) -> None:
        who, number = self.who(actor), self._waiting(latest)
        waits = self.model.waiting(number)
        if waits and waits.asked_at and edge is not None:
            self._to(max(self.book.now, waits.asked_at + timedelta(days=7, seconds=edge)))
        self.command(
            "approve", {"number": number}, who, lambda m: m.approve(who.actor, number), lambda s, a: hours.approve(s, a, number)
        )

    @verb(latest=range(4), actor=(2, 1))
    def reject(self, latest: int, actor: int) -> None:
        number = self._waiting(latest)
        self.command(
            "reject", {"number": number}, Who(actor), lambda m: m.reject(number), lambda s, a: hours.reject(s, a, number, "no")
        )

    @verb(
        latest=LATEST,
        spent=(False, True),
        minutes=(0, 0, 30, 60, 90, 500, 1_440, None, None, None),
        changes=CHANGES,
        owe=(False, True),
        actor=ACTORS,
        approver=SECOND,
    )
    def correct(
        self,
        latest: int,
        spent: bool,
        minutes: int | None,
        changes: dict[str, Any],
        owe: bool,
        actor: int,
        approver: int | None,
    ) -> None:
        """One of the latest services; if `spent`, one whose points its member has not any more."""
        there = {member: self.model.available(member) if spent else -1 for member in self.model.of_member}
        posted = [s.state == "posted" and s.points > there[s.member] for s in self.model.services]
        who, number = self.who(actor, approver), _latest(posted, latest)
        right = {name: value for name, value in changes.items() if name != "ago"}
        if "ago" in changes:
            right["day"] = self.book.today - timedelta(changes["ago"])
        told = {CALLED.get(name, name): value for name, value in right.items()}
        asked = {"number": number, "minutes": minutes, "changes": told, "owe": owe, "reason": "typed wrong"}
        self.command(
            "correct",
            asked,
            who,
            lambda m: m.correct(who, number, minutes, owe, right),
            lambda s, a: hours.correct(s, a, number, minutes, told, owe=owe),
        )

    @verb(months=(0, 0, 1, 2, 14), owe=(False, True), actor=ACTORS, approver=SECOND)
    def recalculate(self, months: int, owe: bool, actor: int, approver: int | None) -> None:
        """This month anew, or one of the last."""
        who, year, month = (
            self.who(actor, approver),
            *divmod(self.book.today.year * 12 + self.book.today.month - 1 - months, 12),
        )
        first = date(year, month + 1, 1)
        span = Span(first, last_of(first))
        self.command(
            "recalculate",
            {"span": span, "owe": owe},
            who,
            lambda m: m.recalculate(who, *span, owe),
            lambda s, a: recalculation.post(s, a, span, owe=owe),
        )

    @verb(latest=LATEST, given=(True, True, True, False), actor=(2, 2, 1, 3))
    def review(self, latest: int, given: bool, actor: int) -> None:
        """Points above a cap, of those that wait: given by a second person, or discarded."""
        who, asked = self.who(actor), self.model.reviews
        number = _latest([review.state == "waiting" for review in asked], latest)
        about = f"hours:{self.model.services.index(asked[number - 1].service) + 1}" if 0 < number <= len(asked) else "hours:0"

        def work(session: Session, act: Act) -> None:
            waits = approvals.of_subject(session, act, reviews.KIND, about)
            if given:
                approvals.approve(session, act, waits.id)
                reviews.give(session, act.on_behalf_of(waits.asked_by), waits.asked)
            else:
                reviews.discard(session, act, waits.id, "too much")

        self.command("review", {"about": about, "given": given}, who, lambda m: m.review(who, number, given), work)

    @verb(
        member=MEMBERS,
        at=(None, None, None, 0, 480, 1_439),
        category=SERVICE["category"],
        under=("", "", "T001", "T009"),
        programme=("", "spring"),
        activity=("", "A1"),
        actor=ACTORS,
    )
    def sign_in(self, member: int, at: int | None, actor: int, **what: str) -> None:
        who = self.who(actor)
        purpose = attendance.Purpose(what["category"], what["activity"], "", what["under"], what["programme"])
        self.command(
            "sign_in",
            {"member": member, "at": at, **what},
            who,
            lambda m: m.sign_in(who, member, what, at),
            lambda s, a: attendance.sign_in(s, a, f"M{member:04d}", purpose, at),
        )

    @verb(
        latest=(0, 0, 0, 1, 2, 9),
        later=(60, 150, 0, -1),
        at=("end", "end", "end", None, 1_000, 1_441),
        actor=ACTORS,
        approver=SECOND,
    )
    def sign_out(self, latest: int, later: int, at: int | str | None, actor: int, approver: int | None) -> None:
        """Who signed in last and is there still, after some minutes or when the day is over (-1); or anybody. Where the day is
        over, the end is told."""
        who, there = self.who(actor, approver), sorted({sign.member for sign in self.model.signs})
        number = _latest([self.model.signed_in(member) is not None for member in there], latest)
        member = there[number - 1] if 0 < number <= len(there) else latest
        self._to(self.book.now + (timedelta(days=1) if later < 0 else timedelta(minutes=later)))
        came = self.model.signed_in(member)
        ends = at if not isinstance(at, str) else None if came is None or came.day == self.book.today else came.starts + 90
        self.command(
            "sign_out",
            {"member": member, "at": ends},
            who,
            lambda m: m.sign_out(who, member, ends),
            lambda s, a: attendance.sign_out(s, a, f"M{member:04d}", ends),
        )

    # ---- together

    @verb(parent=(0, 0, 1, 2, 3, 4, 9), ago=(0, 30, 200, -1))
    def found(self, parent: int, ago: int) -> None:
        who, day = Who(), self.book.today - timedelta(ago)

        def work(session: Session, act: Act) -> None:
            above = teams.find(session, 1, f"T{parent:03d}") if parent else None
            teams.add(session, act, teams.NewTeam("楼道清洁队", parent=above, founded_on=day))

        self.command("found", {"parent": parent, "day": day}, who, lambda m: m.found(who, parent, day), work)

    @verb(team=(1, 1, 2, 9), member=MEMBERS, ago=(0, 0, 1, 30, -1), role=("member", "captain"))
    def enter(self, team: int, member: int, ago: int, role: teams.Role) -> None:
        who, day = Who(), self.book.today - timedelta(ago)
        self.command(
            "enter",
            {"team": team, "member": member, "since": day, "role": role},
            who,
            lambda m: m.enter(who, team, member, day),
            lambda s, a: teams.join(s, a, teams.find(s, 1, f"T{team:03d}"), members.find(s, 1, f"M{member:04d}"), role, day),
        )

    @verb(team=(1, 1, 2, 9), member=MEMBERS, ago=(0, 0, 1, 30, -1))
    def leave(self, team: int, member: int, ago: int) -> None:
        who, day = Who(), self.book.today - timedelta(ago)
        self.command(
            "leave",
            {"team": team, "member": member, "until": day},
            who,
            lambda m: m.leave(who, team, member, day),
            lambda s, a: teams.leave(s, a, teams.find(s, 1, f"T{team:03d}"), members.find(s, 1, f"M{member:04d}"), day),
        )

    @verb(ahead=(1, 1, 0), kind=(0, 1, 2), approver=SECOND)
    def calendar(self, ahead: int, kind: int, approver: int | None) -> None:
        """A year's working days: none but the week's, or with some days off in spring and in the December before."""
        who, year = self.who(1, approver), self.book.today.year + ahead
        off = [date(year, 1, 1), date(year, 5, 1), date(year, 5, 4), date(year, 10, 1), date(year - 1, 12, 31)][: kind * 3]
        made_up = [day for day in (date(year, 5, 9), date(year, 10, 10), date(year - 1, 12, 26)) if kind and day.weekday() > 4]
        self.command(
            "calendar",
            {"year": year, "kind": kind},
            who,
            lambda m: m.calendar(who, year, frozenset(off), frozenset(made_up)),
            lambda s, a: workdays.add(s, a, workdays.Year(year, tuple(sorted(off)), tuple(sorted(made_up)))),
        )

    @verb(about=("rules", "rules", "hours", "stretch", "nothing"), days=(2, 2, 1, 5, 60, 0), ahead=(0, 0, 3, -1), actor=ACTORS)
    def hang(self, about: str, days: int, ahead: int, actor: int) -> None:
        """A notice about the next rule book, the last service or the last few."""
        who, begins, last = self.who(actor), self.book.today + timedelta(ahead), len(self.model.services)
        subjects = {"rules": f"rules:v{len(self.model.books) + 1}", "hours": f"hours:{last}"}
        subject = (subjects | {"stretch": f"hours:{max(1, last - 3)}..{last}"}).get(about, about)
        binds = rulefile.digest(self._to_hang(begins).toml().encode()) if about == "rules" else ""
        wish = notices.NewNotice(subject, "to be known", "the board by the gate", days, begins, binds)
        self.command(
            "hang",
            {"about": subject, "days": days, "begins": begins},
            who,
            lambda m: m.hang(who, subject, begins, days),
            lambda s, a: notices.post(s, a, wish),
        )

    def _to_hang(self, begins: date) -> Rules:
        """The text of the next rule book that hangs out: the same as long as a notice about it may pass."""
        name = f"v{len(self.model.books) + 1}"
        if not any(notice.about == f"rules:{name}" and notice.outcome != "stopped" for notice in self.model.notices):
            caps = CAPS[len(self.model.notices) % len(CAPS)]
            self.hung[name] = Rules(name, begins + timedelta(20), caps=caps, gift="anyone")
        return self.hung[name]

    def _notice(self, latest: int) -> int:
        """The number of one of the latest notices, those that hang first."""
        return _latest([not notice.outcome for notice in self.model.notices], latest)

    @verb(latest=(0, 0, 0, 1, 2, 9), ago=(0, 0, 1, -1), actor=ACTORS)
    def object_(self, latest: int, ago: int, actor: int) -> None:
        who, number, day = self.who(actor), self._notice(latest), self.book.today - timedelta(ago)
        self.command(
            "object_",
            {"notice": number, "received": day},
            who,
            lambda m: m.object_(who, number, day),
            lambda s, a: notices.object_(s, a, number, "I was not there", "a neighbour", day),
        )

    @verb(latest=(0, 0, 0, 1, 2, 9), result=("dismissed", "dismissed", "upheld"), actor=ACTORS, approver=SECOND)
    def decide(self, latest: int, result: notices.Result, actor: int, approver: int | None) -> None:
        who, number = self.who(actor, approver), _latest([not o.result for o in self.model.objected], latest)
        self.command(
            "decide",
            {"objection": number, "result": result},
            who,
            lambda m: m.decide(who, number, result),
            lambda s, a: notices.decide(s, a, number, result, "the sheet says so too"),
        )

    @verb(latest=(0, 0, 0, 1, 2, 9), edge=EDGES, actor=ACTORS)
    def take_down(self, latest: int, edge: int | None, actor: int) -> None:
        """Close a notice; at an edge, on its last day or the day after."""
        who, number = self.who(actor), self._notice(latest)
        if 0 < number <= len(self.model.notices):
            self._edge(self.model.notices[number - 1].until, edge)
        self.command(
            "take_down", {"notice": number}, who, lambda m: m.take_down(who, number), lambda s, a: notices.close(s, a, number)
        )

    # ---- vouchers

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
        who, number = self.who(actor), _latest(valid, offer)
        fixed = 0 < number <= len(valid) and not self.model.offers[number - 1].rate
        fitting = None if fixed else self.model.could_spend(member) or 5
        held = fitting if points == "all" or (fixed and points == "price") else 10 if points == "price" else points
        request = Request(f"M{member:04d}", number, held, days)
        issued = self.command(
            "issue",
            {"member": member, "offer": number, "points": held, "days": days},
            who,
            lambda m: m.issue(who, member, number, held, days),
            lambda s, a: redemption.issue(s, a, request, PEPPER),
        )
        if issued is not None:
            self.codes.append(issued.code)

    def _voucher(self, latest: int) -> int:
        """The number of one of the latest vouchers, those that are open first; one that nobody has, where there are so few."""
        return _latest([v.state == "open" for v in self.model.vouchers], latest)

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

        refused = _tried(run)[1]
        assert (refused in expected) if refused else not expected

    @verb(
        latest=LATEST,
        elsewhere=(*[0] * 9, 1),
        bill=(8_600, 150, 3_000, 60, 100_000, 300, 3_333, 50_000, 2_999, 500, 100, 1, 0),
        actor=ACTORS,
        edge=EDGES,
    )
    def capture(self, latest: int, elsewhere: int, bill: int, actor: int, edge: int | None) -> None:
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

    @verb(latest=LATEST, edge=EDGES)
    def void(self, latest: int, edge: int | None) -> None:
        who, number = Who(), self._voucher(latest)
        self._edge(self.model.vouchers[number - 1].last if number > 0 else self.book.today, edge)
        asked = {"voucher": number, "reason": "lost"}
        self.command("void", asked, who, lambda m: m.void(who, number), lambda s, a: redemption.void(s, a, number))

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

    @verb(ago=(0, 1, 40, -5))
    def lapse(self, ago: int) -> None:
        who, until = Who(), self.book.today - timedelta(ago)
        self.command("lapse", {"ago": ago}, who, lambda m: m.lapse(who, until), lambda s, a: points_.expire_due(s, a, until))

    # ---- points and credits

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
        there = _latest([not entry.reversed for entry in movements], max(0, latest))
        entries = sum(self.model.kinds.values())
        seq = entries - 1 if latest < 0 else movements[there - 1].seq if there > 0 else entries
        asked = {"entry": seq, "owe": owe, "reason": "a mistake"}
        self.command(
            "take_back", asked, who, lambda m: m.take_back(who, seq, owe), lambda s, a: points_.take_back(s, a, seq, owe=owe)
        )

    @verb(one=(2, 3, 4, 1), other=(3, 4, 1, 2), ago=(0, 0, 30, -1), actor=ACTORS, approver=SECOND)
    def link(self, one: int, other: int, ago: int, actor: int, approver: int | None) -> None:
        who, since = self.who(actor, approver), self.book.today - timedelta(ago)
        asked, wish = {"one": one, "other": other, "since": since}, kin.Wish(one, other, "sibling", since)
        self.command("link", asked, who, lambda m: m.link(who, one, other, since), lambda s, a: kin.add(s, a, wish))

    @verb(latest=(0, 0, 1, 2, 9), actor=ACTORS, approver=SECOND)
    def part(self, latest: int, actor: int, approver: int | None) -> None:
        who, number = self.who(actor, approver), _latest([link.until is None for link in self.model.kin], latest)
        self.command("part", {"number": number}, who, lambda m: m.part(who, number), lambda s, a: kin.end(s, a, number))

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

    # ---- months

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

    # ---- what must hold after every step

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
        state = service.state if service.state in ("waiting", "rejected") else "approved"
        asked["hours.approve", f"hours:{number}", state] += service.waited
    for review in model.reviews:
        state = {"waiting": "waiting", "given": "approved", "taken back": "approved"}.get(review.state, "rejected")
        asked[reviews.KIND, f"hours:{numbers[id(review.service)]}", state] += 1
    return +asked


def row(new: Service, number: int = 0) -> Record:
    """A service as the program takes it."""
    ends = None if new.starts is None else new.starts + new.minutes
    return Record(
        f"M{new.member:04d}",
        new.day,
        new.minutes,
        new.category,
        ref=new.ref,
        starts=new.starts,
        ends=ends,
        team_size=new.team,
        kind=new.kind,
        team=new.under,
        programme=new.programme,
        activity_no=new.activity,
        row=number,
    )


def _tried(work: Callable[[], Result]) -> tuple[Result | None, str]:
    """What a piece of work gives, or the code it was refused with."""
    try:
        return work(), ""
    except TimebankError as error:
        return None, error.code


def unsynced(url: str) -> Engine:
    """A database that need not survive a power cut: this is about what is written, not about how fast a disk is."""
    engine = open_engine(url)
    setting = "PRAGMA synchronous=OFF" if engine.dialect.name == "sqlite" else "SET synchronous_commit=off"

    def set_(connection: Any, _record: object) -> None:
        connection.execute(setting)
        connection.commit()

    event.listen(engine, "connect", set_)
    return engine


def _latest(wanted: Sequence[bool], latest: int) -> int:
    """The number (from 1) of the so-manieth from the end, the wanted ones first; 0 or less where there are not so many."""
    numbers = [number for number, good in enumerate(wanted, 1) if not good] + [n for n, good in enumerate(wanted, 1) if good]
    return numbers[-1 - latest] if latest < len(numbers) else len(numbers) - latest


def plain(asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked as texts, for the fingerprint."""
    return {name: repr(value) for name, value in asked.items()}


def _never() -> dict[str, Any]:
    raise AssertionError("a repeated command did its work again")
