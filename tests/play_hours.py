"""The random commands: hours."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session

from model import Model
from model_values import Service, Who, last_of
from play_choices import ACTORS, APPROVERS, CALLED, CHANGES, EDGES, LATEST, MEMBERS, SECOND, SERVICE, verb
from play_people import People
from play_stage import latest_of
from timebank import (
    approvals,
    attendance,
    complaints,
    hanging,
    hours,
    recalculation,
    reviews,
)
from timebank.backtest import Span
from timebank.base.act import Act
from timebank.services import Record


class Hours(People):
    """Services and what becomes of them."""

    def _service(self, ago: int, ref: str, **served: Any) -> Service:
        """A service some days ago; its number on paper, if it has one, belongs to the day."""
        day = self.book.today - timedelta(ago)
        return Service(day=day, ref=ref and f"{ref} of {day}", **served)

    @verb(**SERVICE, actor=ACTORS, approver=APPROVERS)
    def record(self, actor: int, approver: int | None, **served: Any) -> None:
        who, new = self.who(actor, approver), self._service(**served)
        self.command("record", vars(new), who, lambda m: m.record(who, replace(new)), lambda s, a: hours.record(s, a, row(new)))

    @verb(
        rows=(2, 5, 9),
        whole=(False, False, True),
        hangs=(False, False, False, True),
        **SERVICE,
        actor=ACTORS,
        approver=APPROVERS,
    )
    def sheet(self, rows: int, whole: bool, hangs: bool, actor: int, approver: int | None, **served: Any) -> None:
        """Rows that begin like one service and go on through members, days and minutes; some of them are alike."""
        who = self.who(actor, approver)
        first = self._service(**served)
        steps = [(i, (first.member + i) % 6, first.day - timedelta(i // 3), first.minutes + 10 * (i % 2)) for i in range(rows)]
        sheet = [
            replace(first, member=member, day=day, minutes=minutes, ref=first.ref and f"{first.ref} {i % 4}", hangs=hangs)
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
            intake = (hours.Intake.begin_hanging if hangs else hours.Intake.begin)(session, act)
            outcome = intake.take([row(new, number) for number, new in enumerate(sheet, 2)])
            counted = {"posted": outcome.posted, "waiting": outcome.pending, "repeated": outcome.repeated}
            counted["confirmed"] = outcome.confirmed
            assert counted == {name: told[name] for name in counted}
            assert len(rejected) == len(outcome.rejected)
            assert all(finding.code in codes for finding, codes in zip(outcome.rejected, rejected, strict=True)), rejected
            if whole:
                outcome.all_or_nothing()

        self.command("sheet", {"rows": [vars(new) for new in sheet], "whole": whole}, who, why, work)

    def _waiting(self, latest: int) -> int:
        """The number of one of the latest services, those that wait first."""
        return latest_of([service.state == "waiting" for service in self.model.services], latest)

    @verb(latest=range(4), actor=(2, 2, 1, 3), edge=EDGES)
    def approve(self, latest: int, actor: int, edge: int | None) -> None:
        who, number = self.who(actor), self._waiting(latest)
        waits = self.model.waiting(number)
        if waits and waits.asked_at and edge is not None:
            self._to(max(self.book.now, waits.asked_at + timedelta(days=7, seconds=edge)))
        self.command(
            "approve", {"number": number}, who, lambda m: m.approve(who.actor, number), lambda s, a: hours.approve(s, a, number)
        )

    @verb(latest=(0, 0, 1, 3), rows=(1, 2, 9), actor=ACTORS, approver=SECOND)
    def post_due(self, latest: int, rows: int, actor: int, approver: int | None) -> None:
        """Confirmed services, those first whose notice has passed."""
        who, there = self.who(actor, approver), self.model.services
        numbers = [n for n, s in enumerate(there, 1) if s.state == "confirmed" and not self.model.not_due(n)][:rows]
        numbers = numbers if latest == 0 and numbers else [latest_of([s.state == "confirmed" for s in there], latest)]
        self.command(
            "post_due", {"numbers": numbers}, who, lambda m: m.post_due(who, numbers), lambda s, a: hanging.post(s, a, numbers)
        )

    @verb(latest=(0, 0, 1, 3), actor=ACTORS, approver=SECOND)
    def turn_down(self, latest: int, actor: int, approver: int | None) -> None:
        who, number = self.who(actor, approver), latest_of([s.state == "confirmed" for s in self.model.services], latest)
        self.command(
            "turn_down",
            {"number": number},
            who,
            lambda m: m.turn_down(who, number),
            lambda s, a: hanging.reject(s, a, number, "objected to"),
        )

    @verb(latest=range(4), actor=(2, 1))
    def reject(self, latest: int, actor: int) -> None:
        number = self._waiting(latest)
        self.command(
            "reject", {"number": number}, Who(actor), lambda m: m.reject(number), lambda s, a: hours.reject(s, a, number, "no")
        )

    @verb(
        latest=LATEST,
        those=("all", "spent", "given", "dear"),
        minutes=(0, 0, 30, 60, 90, 500, 1_440, None, None, None),
        changes=CHANGES,
        owe=(False, True),
        actor=ACTORS,
        approver=SECOND,
    )
    def correct(
        self,
        latest: int,
        those: str,
        minutes: int | None,
        changes: dict[str, Any],
        owe: bool,
        actor: int,
        approver: int | None,
    ) -> None:
        """One of the latest services: of all, of those whose points are spent, of those that were given points above a cap, of
        those that gave points to a pool."""
        given = {id(review.service) for review in self.model.reviews if review.state == "given"}
        wanted = {
            "all": lambda s: True,
            "spent": lambda s: s.points > self.model.available(s.member),
            "given": lambda s: id(s) in given,
            "dear": lambda s: bool(s.pools),
        }[those]
        posted = [s.state == "posted" and wanted(s) for s in self.model.services]
        who, number = self.who(actor, approver), latest_of(posted, latest)
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

    @verb(latest=LATEST, owe=(False, True), actor=ACTORS, approver=SECOND)
    def complain(self, latest: int, owe: bool, actor: int, approver: int | None) -> None:
        """A complaint about one of the latest services; first those whose rules say something of it."""
        who = self.who(actor, approver)
        number = latest_of([s.state == "posted" and s.penalty for s in self.model.services], latest)
        self.command(
            "complain",
            {"number": number, "owe": owe},
            who,
            lambda m: m.complain(who, number, owe),
            lambda s, a: complaints.uphold(s, a, number, "nobody came", owe=owe),
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
        number = latest_of([review.state == "waiting" for review in asked], latest)
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
        number = latest_of([self.model.signed_in(member) is not None for member in there], latest)
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
