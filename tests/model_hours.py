"""The model: hours recorded, confirmed, corrected; sign-ins; points above a cap."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from copy import copy
from datetime import timedelta
from typing import Any, Self

from model_awards import Awards
from model_values import Service, Sign, Who


class Hours(Awards):
    """Services and what becomes of them."""

    def of_day(self, new: Service) -> list[Service]:
        """What counts on the same day of the same member."""
        own = self.of_member.get(new.member, ())
        return [s for s in own if s.day == new.day and s.state in ("waiting", "confirmed", "posted") and s is not new]

    def named(self, new: Service, ordinal: int) -> Service:
        """Give a service without a number on paper one of its own content."""
        new.ref = new.ref or (new.content, ordinal)
        return new

    def repeated(self, new: Service, by_hand: bool) -> bool:
        """Whether this very service was recorded before; by hand, what was turned down or taken back comes in again."""
        before = self.refs.get(new.ref, [])
        gone = not before or before[-1].state in ("rejected", "reversed")
        return any(old.content == new.content for old in before) and not (gone and by_hand)

    def objections(self, who: Who, new: Service, corrected: bool = False) -> set[str]:
        """Why a service cannot be recorded."""
        if not 1 <= new.member <= len(self.members):
            return {"unknown_member"}
        before, day = self.refs.get(new.ref, []), self.of_day(new)
        found = {
            "other_content": not corrected and bool(before) and before[-1].state not in ("rejected", "reversed"),
            "future_date": new.day > self.today,
            "before_joining": new.day < self.members[new.member - 1],
            "self_confirmation": who.approver is not None and self.own[who.approver - 1] == new.member,
            "no_rules": self.spoken_for(new.day) is None,
            "day_too_long": sum(s.minutes for s in day) + new.minutes > 1440,
        }
        if new.under:
            team = self.team(new.under)
            found |= {"unknown_team": team is None, "before_founding": team is not None and new.day < team.founded}
        if new.starts is not None:
            ends = new.starts + new.minutes
            spans = [(s.starts, s.starts + s.minutes) for s in day if s.starts is not None]
            found |= {"bad_span": ends > 1440, "overlap": any(new.starts < e and b < ends for b, e in spans)}
        return {code for code, holds in found.items() if holds}

    def waits(self, who: Who, new: Service) -> bool:
        """Whether a service needs a second person: a long day, an entry from memory, one's own hours."""
        long = sum(s.minutes for s in self.of_day(new)) + new.minutes > 480
        return who.approver is None and (long or new.kind == "back-entered" or self.own[who.actor - 1] == new.member)

    def comes_to(self, who: Who, new: Service) -> str:
        """What becomes of a service: it waits for a second person, for a notice, or is posted."""
        return "waiting" if self.waits(who, new) else "confirmed" if new.hangs or self.demand else "posted"

    def accept(self, who: Who, new: Service, state: str = "") -> str:
        """Keep a service without objections, post it unless it waits; gives its state."""
        new.state = state or self.comes_to(who, new)
        new.asked = "waiting" if new.state == "waiting" else ""
        new.asked_by, new.asked_at = who.actor, self.now
        if new.state == "posted":
            self.earn(new, who.actor)
        self.services.append(new)
        self.refs.setdefault(new.ref, []).append(new)
        self.of_member.setdefault(new.member, []).append(new)
        return new.state

    def record(self, who: Who, new: Service) -> set[str]:
        """Record one service by hand."""
        if who.approver is not None and who.two:
            return who.two
        if self.repeated(self.named(new, 1), by_hand=True):
            return set()
        why = self.objections(who, new)
        if not why and self.comes_to(who, new) == "posted":
            why = self.clock(who)
        if not why:
            self.accept(who, new)
        return why

    def sheet(self, who: Who, rows: Iterable[Service]) -> tuple[Counter[str], list[set[str]]]:
        """Record a sheet's good rows; gives what became of the rows, and the objections to each rejected one, in order."""
        told, rejected = Counter[str](), []
        ordinals = Counter[Any]()
        for new in rows:
            ordinals[new.content] += not new.ref
            if self.repeated(self.named(new, ordinals[new.content]), by_hand=False):
                told["repeated"] += 1
            elif why := self.objections(who, new):
                rejected.append(why)
            else:
                told[self.accept(who, new)] += 1
        return told, rejected

    def for_a_sheet(self) -> Self:
        """A model to try a sheet on, which only adds to what is there: services, entries and points."""
        twin = copy(self)
        twin.services, twin.balance, twin.kinds = [*self.services], self.balance.copy(), self.kinds.copy()
        twin.lots = defaultdict(Counter, {holder: lots.copy() for holder, lots in self.lots.items()})
        twin.reviews = [*self.reviews]
        twin.refs = {ref: [*services] for ref, services in self.refs.items()}
        twin.of_member = {member: [*services] for member, services in self.of_member.items()}
        return twin

    def waiting(self, number: int) -> Service | None:
        """The waiting service of a number."""
        there = 1 <= number <= len(self.services) and self.services[number - 1].state == "waiting"
        return self.services[number - 1] if there else None

    def approve(self, actor: int, number: int) -> set[str]:
        service = self.waiting(number)
        if service is None:
            return {"no_approval"}
        hangs = service.hangs or self.demand
        why = set() if hangs else self.clock(Who(service.asked_by, actor))
        why |= {"same_person"} if service.asked_by == actor else set()
        why |= {"approval_lapsed"} if service.asked_at and self.now > service.asked_at + timedelta(days=7) else set()
        why |= {"self_confirmation"} if self.own[actor - 1] == service.member else set()
        why |= (
            {"future_date"} if service.day > self.today and not hangs else set()
        )  # a clock some minutes behind, just before midnight
        if not why:
            service.state, service.asked = "confirmed" if hangs else "posted", "approved"
        if service.state == "posted":
            self.earn(service, service.asked_by)
        return why

    def post_due(self, who: Who, numbers: list[int]) -> set[str]:
        """Post confirmed services whose notice has passed; all of them, or none."""
        why, there = who.two | self.clock(who), len(self.services)
        if any(not 1 <= number <= there for number in numbers):
            return why | {"unknown_service"}
        wanted = {number: self.services[number - 1] for number in sorted(set(numbers))}
        for number, service in wanted.items():
            why |= self.not_due(number) if service.state == "confirmed" else {"not_confirmed"}
            why |= {"future_date"} if service.day > self.today else set()
            own = who.approver is not None and self.own[who.approver - 1] == service.member
            why |= {"self_confirmation"} if own else set()
        if not why:
            for service in wanted.values():
                self.earn(service, who.actor)
                service.state = "posted"
        return why

    def turn_down(self, who: Who, number: int) -> set[str]:
        """Turn a confirmed service down."""
        why = who.two | self.clock(who)
        if not 1 <= number <= len(self.services):
            return why | {"unknown_service"}
        why |= set() if self.services[number - 1].state == "confirmed" else {"not_confirmed"}
        if not why:
            self.services[number - 1].state = "rejected"
            self.wrote("hours.reject")
        return why

    def reject(self, number: int) -> set[str]:
        service = self.waiting(number)
        if service is None:
            return {"no_approval"}
        service.state = service.asked = "rejected"
        return set()

    def correct(self, who: Who, number: int, minutes: int | None, owe: bool, changes: dict[str, Any]) -> set[str]:
        """Take a service back and record it anew; None keeps its minutes, 0 only takes it back."""
        why = who.two
        if not 1 <= number <= len(self.services):
            return why | {"unknown_service"}
        old = self.services[number - 1]
        if old.state != "posted":
            return why | {"not_posted"}
        why |= self.clock(who)
        why |= {"self_confirmation"} if who.approver is not None and self.own[who.approver - 1] == old.member else set()
        plan = self.taken_back(old)
        why |= self.spent(plan, owe)
        right = old.anew(**changes, minutes=old.minutes if minutes is None else minutes)
        old.state = "corrected" if right.minutes else "reversed"
        if right.minutes:
            if isinstance(old.ref, tuple):
                right.ref = (right.content, 1 + sum(isinstance(ref, tuple) and ref[0] == right.content for ref in self.refs))
            why |= self.objections(who, right, corrected=True)
        if why:
            old.state = "posted"
            return why
        self.undo(old, plan)
        if right.minutes:
            self.accept(who, right, "posted")
        return why

    def complain(self, who: Who, number: int, owe: bool) -> set[str]:
        """Uphold a complaint about a service: taken back, where the rules that paid it say so."""
        known = 1 <= number <= len(self.services)
        if known and self.services[number - 1].state == "posted" and not self.services[number - 1].penalty:
            return {"no_penalty"}
        why = self.correct(who, number, 0, owe, {})
        if not why:
            self.wrote("hours.complaint")
        return why

    def review(self, who: Who, number: int, given: bool) -> set[str]:
        """Decide about points above a cap, counted from 1: a second person gives them, anybody may discard them."""
        waits = self.reviews[number - 1] if 1 <= number <= len(self.reviews) else None
        if waits is None or waits.state != "waiting":
            return {"no_approval"}
        why, service = self.clock(Who(waits.asked_by, who.actor) if given else who), waits.service
        if given:
            why |= {"same_person"} if waits.asked_by == who.actor else set()
            why |= {"self_confirmation"} if self.own[who.actor - 1] == service.member else set()
        if not why:
            waits.state = "given" if given else "discarded"
            if given:
                waits.repaid = self.put(f"member:{service.member}", service.lapse, service.review)
                self.balance["system:issued", "points", "source"] -= service.review
            self.wrote("points.review")
        return why

    @property
    def minute(self) -> int:
        """The minute of the day in Shanghai."""
        there = self.now + timedelta(hours=8)
        return there.hour * 60 + there.minute

    def signed_in(self, member: int) -> Sign | None:
        """The last sign-in of a member, if nothing was recorded of it."""
        own = [sign for sign in self.signs if sign.member == member]
        return own[-1] if own and own[-1].ref not in self.refs else None

    def sign_in(self, who: Who, member: int, what: dict[str, str], at: int | None) -> set[str]:
        why = self.clock(who) | self.unknown(member) | ({"signed_in_already"} if self.signed_in(member) else set())
        why |= {"future_time"} if at is not None and at > self.minute else set()
        why |= {"unknown_team"} if what["under"] and self.team(what["under"]) is None else set()
        if not why:
            starts = self.minute if at is None else at
            self.signs.append(Sign(member, self.today, starts, what, f"sign-in:{len(self.signs) + 1}"))
            self.wrote("hours.sign-in")
        return why

    def sign_out(self, who: Who, member: int, at: int | None) -> set[str]:
        """Record the service of who came; on a later day the end is told, and two people stand for it."""
        came = self.signed_in(member)
        if came is None:
            return self.unknown(member) or {"not_signed_in"}
        ends = self.minute if at is None else at
        if came.day == self.today:
            why = {"future_time"} if ends > self.minute else set()
        else:
            why = {"no_sign_out"} if at is None or at > 1440 else who.two
        why |= {"bad_span"} if ends <= came.starts else set()
        if why:
            return why
        new = Service(came.member, came.day, came.starts, ends - came.starts, came.what["category"], "confirmed", 1, came.ref)
        return self.record(who, new.anew(**came.what))
