"""A recalculation: what was paid for some days of service, put right by the rule books that speak for these days now.

Needed where a rule book was published late and for days that had been paid already. Nothing happens by itself: a plan says what
would change; posting it takes the services of the members concerned back and posts them anew in their order, so that every new
award reads the sums it finds, as all awards do, and can be made again by the audit.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlmodel import Session

from timebank import approvals, history, hours, ledger, rulebooks, services
from timebank.backtest import Share, Span
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.errors import Finding, Refused
from timebank.base.i18n import say
from timebank.clauses import NEVER
from timebank.history import Converted, Served, TakenBack
from timebank.people import members
from timebank.rewards import Award, award
from timebank.rulebooks import Shelf
from timebank.tallies import SHARED, Tallies

_Anew = tuple[Served, Award, str]
_STEP = 500
Step = Callable[[int], object]


def _silent(entries: int) -> None:
    """Nobody watches."""


class Change(NamedTuple):
    """A service that is posted anew: its number, what was paid for it and what is due, and by which rules (version@hash)."""

    service: int
    member: int
    old: int
    new: int
    old_rules: str
    new_rules: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a recalculation posts: services in the order of posting, all those of every member for whom anything changes.

    Points are in the smallest unit. Empty where everything is as the rules of now would have it.
    """

    span: Span
    changes: tuple[Change, ...]

    @property
    def shares(self) -> list[Share]:
        """Old and new by member, by id."""
        sums: dict[int, list[int]] = {}
        for change in self.changes:
            own = sums.setdefault(change.member, [0, 0])
            own[0] += change.old
            own[1] += change.new
        return [Share(member, old, new) for member, (old, new) in sorted(sums.items())]


def plan(session: Session, community_id: int, span: Span, step: Step = _silent) -> Plan:
    """What the services of a span would be given, were they posted now and in their order, by the rule books that speak now.

    `step` is told how many entries were read.
    """
    shelf = rulebooks.shelf(session, community_id)
    tallies, alive = _as_it_is(session, community_id, shelf, span, step)
    concerned = [one for one in alive if shelf.on(one.facts.day)]
    groups: dict[int, list[Served]] = {}
    shared = any(cap.scope != "member" for published in shelf.books for cap in published.book.cap)
    for one in concerned:
        groups.setdefault(SHARED if shared else one.member, []).append(one)
    numbers = services.of_entries(session, community_id, [one.seq for one in concerned])
    activities = {seq: service.activity_no for seq, service in numbers.items()}
    changes = []
    for group in groups.values():
        anew = list(_anew(group, tallies, shelf, activities))
        if any(_differs(one.paid, made) for one, made, _ in anew):
            changes += [
                (one.seq, Change(numbers[one.seq].id, one.member, one.paid.points, made.points, one.rules, rules))
                for one, made, rules in anew
            ]
    return Plan(span, tuple(change for _, change in sorted(changes)))


def _as_it_is(session: Session, community_id: int, shelf: Shelf, span: Span, step: Step) -> tuple[Tallies, list[Served]]:
    """The sums of now, and the services of a span that count, in the order of posting. Others are let go: of a long history
    they would fill the memory."""
    reads_balance = any(published.book.ready.reads_balance for published in shelf.books)
    tallies, alive, balances, done = Tallies(), dict[int, Served](), Counter[int](), -1
    with closing(history.events(session, community_id, history.EVERYTHING if reads_balance else history.SERVICES)) as events:
        for event in events:
            if event.seq - done >= _STEP:
                step(event.seq - done)
                done = event.seq
            if isinstance(event, Served):
                tallies.add(event.member, event.facts, event.paid)
                if event.taken_back or span.holds(event.facts.day):
                    alive[event.seq] = event
                balances[event.member] += event.paid.points
                continue
            if isinstance(event, Converted):
                balances[event.member] += event.points
                continue
            balances.update(event.moves)
            back = alive.pop(event.of, None) if isinstance(event, TakenBack) else None
            if back is not None:
                tallies.take(back.member, back.facts, back.paid)
                continue
            for member, minutes in event.served.items():
                tallies.bring_in(member, minutes)
    if reads_balance:
        tallies.balances.update(balances)
    return tallies, [one for one in alive.values() if span.holds(one.facts.day)]


def _anew(group: Sequence[Served], tallies: Tallies, shelf: Shelf, activities: Mapping[int, str]) -> Iterator[_Anew]:
    """A group's services taken back and awarded anew, in their order."""
    for one in group:
        tallies.take(one.member, one.facts, one.paid)
    for one in group:
        published = shelf.on(one.facts.day)
        assert published is not None, "only services that a book speaks for are recalculated"
        named = services.reads_activity(published.book.windows)
        facts = replace(one.facts, activity=activities[one.seq] if named else "")
        made = award(facts, published.book, tallies.used(one.member, facts, published.book))
        tallies.add(one.member, facts, made)
        yield one, made, published.ref


def _differs(paid: Award, made: Award) -> bool:
    """Whether an award gives something else, or counts otherwise."""
    ours = [(one.points, one.eligible, one.counted, one.window_minutes, one.bonuses) for one in (paid, made)]
    lapses = paid.points > 0 and NEVER != paid.lapses_on != made.lapses_on
    return ours[0] != ours[1] or lapses or _sent(paid) != _sent(made)


def _sent(made: Award) -> Counter[str]:
    """Points that caps sent somewhere."""
    sent = Counter[str]()
    for cut in made.trace.get("caps", ()):
        sent[cut["to"]] += cut["cut"]
    sent.pop("discard", None)
    return sent


def post(session: Session, act: Act, span: Span, *, owe: bool = False, step: Step = _silent) -> Plan:
    """Post what `plan` says; two people. A second time there is nothing left to do. `step` is told how many entries were read,
    and twice of every service: when it is taken back and when it is posted anew.

    Raises Refused `already_spent`, with a finding for every member who would owe more than before, unless `owe`; NotAllowed
    `approver_missing`, `same_person`, `self_confirmation`.
    """
    approvals.two_people(act)
    communities.lock(session, act.community_id)
    wanted = plan(session, act.community_id, span, step)
    holders = {share.member: f"member:{share.member}" for share in wanted.shares}
    before = {member: _owed(session, act, holder) for member, holder in holders.items()}
    posted = hours.post_again(session, act, [change.service for change in wanted.changes], step)
    made = {item.number: item.award.points for item in posted if item.award}
    changes = [change._replace(new=made[item.number]) for change, item in zip(wanted.changes, posted, strict=True)]
    if not owe:
        _check_owed(session, act, before, holders)
    return Plan(span, tuple(changes))


def _owed(session: Session, act: Act, holder: str) -> int:
    return ledger.balance(session, act.community_id, holder, "points", today=communities.today(session, act)).owed


def _check_owed(session: Session, act: Act, before: Mapping[int, int], holders: Mapping[int, str]) -> None:
    more = [(member, before[member] - _owed(session, act, holder)) for member, holder in holders.items()]
    findings = [
        Finding(
            members.get(session, act.community_id, member).number,
            "already_spent",
            say("{points} points are spent.", points=points),
        )
        for member, points in more
        if points > 0
    ]
    if findings:
        raise Refused(
            say("{count} members have spent points that they would lose.", count=len(findings)),
            "already_spent",
            say("Let them owe these with --owe: later points repay them."),
            findings,
        )
