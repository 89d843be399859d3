"""Hours of service: recorded, checked against the day, confirmed, turned into points by the rule book, posted.

Hours are facts, one to one; only points carry policy. Up to 480 minutes a day count by themselves; above that a record
waits for a second person, unless one confirmed it already (the act's approver). Where a public notice comes first, what is
confirmed waits for it: `hanging.py` posts it then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

from sqlmodel import Session

from timebank import approvals, cures, ledger, notices, reading, reviews, rulebooks, services
from timebank.approvals import Approval
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.db import insert_rows, instant
from timebank.base.errors import Finding, NotAllowed, Refused
from timebank.base.i18n import Say, say
from timebank.base.imported import Imported
from timebank.base.masking import mask_name
from timebank.base.months import iso_day
from timebank.earnings import Asked, Earnings
from timebank.journal import ISSUED, SERVICE, Draft, Transfer
from timebank.people import clerks, members, persons, teams
from timebank.people.members import Volunteer
from timebank.people.teams import Roll
from timebank.rewards import NEVER, REVIEW, Award, Facts, award, facts_of
from timebank.rulebooks import Published, Shelf
from timebank.services import COLUMNS, CONFIRMERS, KINDS, Days, Record, Service, Version
from timebank.transparency import parse

MINUTES_A_DAY_ALONE = 480
"""Up to here a day's service counts by itself; above it a second person confirms (mission.md, law and habit)."""

MINUTES_A_DAY_NAMED = 720
"""Above this a service is confirmed by its number or by the approver of its command, never by a sweep of all that wait."""
TEAM_SIZE_MAX = 10_000
_AT_ONCE = 1_000  # services of a recalculation in memory
Step = Callable[[int], object]
"""Told how many services were done, for a progress bar."""


def _silent(_services: int) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Fresh:
    """A record that was accepted: its number, who served, the rule book of its day, and in the end its award and entry.

    `doubled` where it looks like another one. `waits` for a second person; `hangs`: a public notice comes before it is posted;
    `notice` is the one that passed (0: none).
    """

    number: int
    record: Record
    digest: bytes
    member: Volunteer
    published: Published
    waits: bool
    version: int = 1
    award: Award | None = None
    seq: int | None = None
    doubled: bool = False
    hangs: bool = False
    notice: int = 0

    @property
    def state(self) -> str:
        """What becomes of it: it waits for a second person (waiting), for a public notice (confirmed), or is posted."""
        return "waiting" if self.waits else "confirmed" if self.hangs else "posted"

    @property
    def facts(self) -> Facts:
        """The service as the rules see it. The activity is named only where the book has a cap for it: what stands in an entry
        stays for ever."""
        r, book = self.record, self.published.book
        activity = r.activity_no if r.activity_no and services.reads_activity(book.windows) else ""
        return Facts(r.day, r.category, r.minutes, r.team_size, r.kind, activity, r.team, r.programme)


@dataclass(slots=True)
class Intake:
    """One command's records, batch by batch. From batch to batch it remembers only the ordinals of equal rows without a `ref`,
    the categories it has warned of and the books of the days; the rest is in the database. `by_hand` tells a single record,
    typed on purpose: it may enter again what was turned down or taken back, which a sheet that comes twice must not. `signed`
    is the ref of the sign-in that it ends. `hangs` tells what wants a notice first: this 'batch', or a standing 'demand'."""

    session: Session
    act: Act
    shelf: Shelf
    today: date
    actor_own: int | None
    approver_own: int | None
    by_hand: bool = False
    signed: str = ""
    hangs: Literal["", "batch", "demand"] = ""
    ordinals: dict[bytes, int] = field(default_factory=dict)
    warned: set[str] = field(default_factory=set)
    books: dict[date, Published | None] = field(default_factory=dict)
    roll: Roll | None = None
    names: dict[int, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, session: Session, act: Act) -> "Intake":
        """Lock the community and take down the rule books. Raises NotAllowed `same_person`."""
        if act.approver is not None:
            approvals.two_people(act)
        communities.lock(session, act.community_id)
        return cls(
            session,
            act,
            rulebooks.shelf(session, act.community_id),
            communities.today(session, act),
            clerks.own_member(session, act.community_id, act.actor),
            clerks.own_member(session, act.community_id, act.approver),
            hangs="demand" if notices.demanded(session, act.community_id, "hours") else "",
        )

    @classmethod
    def begin_hanging(cls, session: Session, act: Act) -> "Intake":
        """The same for a batch that waits for a public notice although none may be demanded."""
        intake = cls.begin(session, act)
        intake.hangs = "batch"
        return intake

    def take(self, records: Sequence[Record]) -> Imported:
        """Check a batch of records and post the good ones; see `record_all` for what is rejected."""
        cid = self.act.community_id
        outcome = Imported(rows=len(records))
        found = members.find_all(self.session, cid, [record.member_no for record in records])
        people = [found.get(id_key(record.member_no)) for record in records]
        named, known = services.recalled(self.session, cid, records, self.ordinals)
        places = {(member.id, record.day) for record, member in zip(records, people, strict=True) if member}
        days = services.days(self.session, cid, places)
        fresh: list[Fresh] = []
        number = services.last_id(self.session, cid)
        self._read_names([member for record, member in zip(records, people, strict=True) if member and record.name])
        for (record, digest), member in zip(named, people, strict=True):
            versions = known.setdefault(record.ref, [])
            free = not versions or not versions[-1].counts
            if versions and any(version.digest == digest for version in versions) and not (free and self.by_hand):
                outcome.repeated += 1
                self._warn_of_repeat(record, versions[-1], outcome)
                continue
            accepted = self._accept(record, digest, member, days, not free)
            if isinstance(accepted, Finding):
                outcome.rejected.append(accepted)
                continue
            accepted.version = versions[-1].number + 1 if versions else 1
            accepted.hangs = bool(self.hangs)
            versions.append(Version(digest, accepted.version, accepted.state))
            accepted.number = number = number + 1
            fresh.append(accepted)
            self._warn(accepted, outcome)
        self._settle(fresh, days, outcome)
        return outcome

    def _read_names(self, people: Sequence[Volunteer]) -> None:
        """Read the names of those whose rows name them."""
        unread = {member.person_id for member in people} - self.names.keys()
        self.names |= persons.names_of(self.session, self.act.community_id, unread)

    def _accept(self, record: Record, digest: bytes, member: Volunteer | None, days: Days, ref_known: bool) -> Fresh | Finding:
        if member is None:
            return cures.refused(record.row, ("unknown_member", say("There is no member {number}.", number=record.member_no)))
        name = self.names.get(member.person_id, "") if record.name else ""
        if name and not persons.same_name(record.name, name):
            message = say("{number} is {name}: the row has another name.", number=member.number, name=mask_name(name))
            return cures.refused(record.row, ("other_name", message))
        published = self._book_of(record.day)
        day = days[member.id, record.day]
        problem = self._problem(record, member, ref_known) or services.problem_of_words(record, published)
        if record.team and not problem:
            record, problem = self._of_team(record)
        problem = problem or day.problem(member, record)
        if problem:
            return cures.refused(record.row, problem)
        if published is None:
            return cures.refused(record.row, ("no_rules", say("No rule book speaks for {day}.", day=record.day)))
        doubled = day.holds_like(record)
        day.add(record.starts, record.ends, record.minutes)
        alone = day.minutes <= MINUTES_A_DAY_ALONE and record.kind != "back-entered" and member.id != self.actor_own
        waits = self.act.approver is None and not alone
        return Fresh(0, record, digest, member, published, waits, doubled=doubled)

    def _book_of(self, day: date) -> Published | None:
        """The rule book that speaks for a day: a sheet has thousands of rows of a few days."""
        if day not in self.books:
            self.books[day] = self.shelf.on(day)
        return self.books[day]

    def _problem(self, record: Record, member: Volunteer, ref_known: bool) -> tuple[str, Say] | None:
        if record.ref.startswith(services.OWN_REFS) and record.ref != services.ref_of(record.digest(), _ordinal(record.ref)):
            return "bad_ref", say("A ref cannot begin with {start}.", start=services.OWN_REFS)
        if record.ref.startswith(services.SIGNED_REFS) and record.ref != self.signed:
            return "bad_ref", say("A ref cannot begin with {start}.", start=services.SIGNED_REFS)
        if ref_known:
            return (
                "other_content",
                say("{ref} was recorded before with other content.", ref=record.ref),
            )
        if record.day > self.today:
            return "future_date", say("{day} lies in the future; today is {today}.", day=record.day, today=self.today)
        if record.day < member.joined_on:
            return (
                "before_joining",
                say("{number} joined on {joined}, after {day}.", number=member.number, joined=member.joined_on, day=record.day),
            )
        if record.kind not in KINDS:
            return "bad_kind", say("{kind} is not a kind of record: {kinds}.", kind=record.kind, kinds=", ".join(KINDS))
        if record.confirmed_by and record.confirmed_by not in CONFIRMERS:
            told = ", ".join(CONFIRMERS)
            return "bad_confirmer", say(
                "{said} is nobody who confirms a service: {known}.", said=record.confirmed_by, known=told
            )
        if record.team_size > TEAM_SIZE_MAX:
            return "bad_team_size", say("At most {most} people serve together.", most=TEAM_SIZE_MAX)
        if member.id == self.approver_own:
            return "self_confirmation", say("{number} cannot confirm hours of their own.", number=member.number)
        return None

    def _of_team(self, record: Record) -> tuple[Record, tuple[str, Say] | None]:
        """The record with its team's number as it is printed."""
        if self.roll is None:
            self.roll = teams.roll(self.session, self.act.community_id)
        team = self.roll.find(record.team)
        if team is None:
            return record, ("unknown_team", say("There is no team {number}.", number=record.team))
        if record.day < team.founded_on:
            founded = say("{number} was founded on {day}.", number=team.number, day=team.founded_on)
            return record, ("before_founding", founded)
        return record._replace(team=team.number), None

    def _warn_of_repeat(self, record: Record, newest: Version, outcome: Imported) -> None:
        if not newest.counts:
            told = say(
                "This service was turned down or taken back before; to count it, enter it by hand with timebank hours record."
            )
            outcome.warnings.append(Finding(f"row {record.row}", "turned_down", told, record.row))

    def _warn(self, fresh: Fresh, outcome: Imported) -> None:
        category, record = fresh.record.category, fresh.record
        if fresh.doubled:
            told = {"member": fresh.member.number, "minutes": record.minutes, "day": record.day}
            message = say("{member} served {minutes} minutes on {day} already: is this the same service once more?", **told)
            outcome.warnings.append(Finding(f"row {record.row}", "doubled", message, record.row))
        if record.team and self.roll is not None and not self.roll.holds(record.team, fresh.member.id, record.day):
            message = say("{member} is not in {team} then.", member=fresh.member.number, team=record.team)
            outcome.warnings.append(Finding(f"row {record.row}", "not_in_team", message, record.row))
        if not category or fresh.published.book.knows(category) or category in self.warned:
            return
        self.warned.add(category)
        message = say("{category} has no rate of its own; the default rate counts.", category=category)
        outcome.warnings.append(Finding(f"row {record.row}", "unknown_category", message, record.row))

    def _settle(self, fresh: Sequence[Fresh], days: Days, outcome: Imported) -> None:
        """Post what stands by itself or is confirmed, unless a notice comes first; let the others wait."""
        to_post = [item for item in fresh if item.state == "posted"]
        post(self.session, self.act, to_post, days)
        insert_rows(self.session, "service", COLUMNS, [_row(item, self.act) for item in fresh])
        waiting = [(f"hours:{item.number}", _asked(item, self.hangs)) for item in fresh if item.waits]
        approvals.ask(self.session, self.act, "hours.approve", waiting)
        outcome.posted, outcome.pending = len(to_post), len(waiting)
        outcome.confirmed = sum(item.state == "confirmed" for item in fresh)
        outcome.minutes = sum(item.record.minutes for item in to_post)
        outcome.points = sum(item.award.points for item in to_post if item.award)


def record_all(session: Session, act: Act, batches: Iterable[Sequence[Record]]) -> Imported:
    """Record services, batch by batch in one transaction; posts the good ones and reports the others.

    Codes of rejected rows: unknown_member, other_content, future_date, before_joining, bad_kind, bad_category, bad_team_size,
    bad_programme, bad_activity_no, unknown_team, before_founding, other_name, self_confirmation, no_rules, overlap, bad_span,
    day_too_long. Raises NotAllowed `same_person`.
    """
    intake = Intake.begin(session, act)
    outcome = Imported()
    for records in batches:
        outcome.add(intake.take(records))
    return outcome


def record(session: Session, act: Act, wanted: Record) -> Imported:
    """Record one service. Raises Refused with the row's code, if it is rejected."""
    intake = Intake.begin(session, act)
    intake.by_hand = True
    return _one(intake, wanted)


def check_words(session: Session, act: Act, wanted: Record) -> None:
    """Refuse now what could not be recorded once a service has ended. Raises Refused `bad_category`, `bad_programme`,
    `bad_activity_no`, `unknown_team`, `before_founding`."""
    intake = Intake.begin(session, act)
    problem = services.problem_of_words(wanted, intake._book_of(wanted.day))
    if wanted.team and not problem:
        _, problem = intake._of_team(wanted)
    if problem:
        raise Refused(problem[1], problem[0], cures.of(problem[0]))


def record_signed(session: Session, act: Act, wanted: Record) -> Imported:
    """Record the service of a sign-in, under its ref. Raises as `record`."""
    intake = Intake.begin(session, act)
    intake.signed = wanted.ref
    return _one(intake, wanted)


def _one(intake: Intake, wanted: Record) -> Imported:
    outcome = intake.take([wanted])
    if outcome.rejected:
        finding = outcome.rejected[0]
        raise Refused(finding.message, finding.code, finding.hint)
    return outcome


def post(session: Session, act: Act, fresh: Sequence[Fresh], days: Days) -> None:
    """Turn confirmed services into points, in their order, and post an entry each; `award` and `seq` are filled in. What goes
    over a cap and is left to a decision waits for it."""
    if not fresh:
        return
    asked = [(item.member.id, item.facts, item.published.book) for item in fresh]
    earnings = Earnings.load(session, act.community_id, asked, days)
    tallies, drafts = earnings.tallies, []
    for item, (member, facts, book) in zip(fresh, asked, strict=True):
        item.award = made = award(facts, book, tallies.used(member, facts, book))
        tallies.add(member, facts, made)
        drafts.append(_draft(item, made))
    for item, receipt in zip(fresh, ledger.post_all(session, act, drafts), strict=True):
        item.seq = receipt.seq
    earnings.save(session)
    reviews.ask(session, act, [(item.number, item.seq, item.award) for item in fresh if item.award and item.seq is not None])


def _draft(item: Fresh, made: Award) -> Draft:
    holder, record = item.member.holder, item.record
    transfers = [Transfer("minutes", record.minutes, SERVICE, "source", holder, "served")]
    if made.points:
        transfers.append(Transfer("points", made.points, ISSUED, "source", holder, "available", lapses_on=made.lapses_on))
    transfers.extend(
        Transfer("points", points, ISSUED, "source", f"pool:{pool}", "available", lapses_on=made.lapses_on)
        for pool, points in made.overflow
        if pool != REVIEW
    )
    return Draft(
        "hours",
        record.day,
        tuple(transfers),
        facts=_known_by(item),
        subject=f"hours:{item.number}",
        rules=item.published.ref,
        trace=made.trace,
        place=f"row {record.row}",
    )


def _known_by(item: Fresh) -> dict[str, object] | None:
    """What an entry says of how a service is known, if anything was said."""
    record = item.record
    if not (record.confirmed_by or record.evidence or item.notice):
        return None
    known = (("confirmed_by", record.confirmed_by), ("evidence", record.evidence), ("notice", item.notice))
    return {name: said for name, said in known if said}


def approve(session: Session, act: Act, number: int) -> Fresh:
    """Confirm a waiting service as second person, and post it unless a notice comes first (its state tells).

    Raises as `approvals.approve`; NotAllowed `self_confirmation`; Refused `not_waiting`, or `request_changed` if it is not what
    was asked.
    """
    service, waits = _waiting(session, act, number)
    approvals.approve(session, act, waits.id)
    if clerks.own_member(session, act.community_id, act.actor) == service.member_id:
        raise NotAllowed(
            say("Nobody confirms hours of their own."), "self_confirmation", say("Let another clerk approve them.")
        )
    published = rulebooks.shelf(session, act.community_id).on(service.day)
    assert published is not None, "books are never withdrawn"
    member = Volunteer.of(members.get(session, act.community_id, service.member_id))
    item = Fresh(number, Record.of(service, member.number), service.digest, member, published, waits=False)
    by_itself = "batch" if "notice" in waits.asked else ""
    item.hangs = bool(by_itself or notices.demanded(session, act.community_id, "hours"))
    if item.record.digest() != service.digest or waits.asked != _asked(item, by_itself):
        raise Refused(
            say("Service {number} is not what was asked for.", number=number),
            "request_changed",
            say("Reject it, run timebank audit, and enter it again."),
        )
    if not item.hangs:
        days = services.days(session, act.community_id, {(member.id, service.day)})
        post(session, act.on_behalf_of(waits.asked_by), [item], days)
    keep(session, [(service, item)])
    return item


def keep(session: Session, confirmed: Sequence[tuple[Service, Fresh]]) -> None:
    """Write down what became of recorded services: their state and, of posted ones, the entry and what the rules made of it."""
    for service, item in confirmed:
        service.state, service.seq = item.state, item.seq
        if item.award is not None:
            made = item.award
            service.eligible, service.counted, service.points = made.eligible, made.counted, made.points
            service.window_minutes = made.window_minutes
        session.add(service)
    session.flush()


def reject(session: Session, act: Act, number: int, why: str) -> Service:
    """Turn a waiting service down, with the reason. Raises as `approvals.reject`; Refused `not_waiting`."""
    service, waits = _waiting(session, act, number)
    approvals.reject(session, act, waits.id, why)
    service.state = "rejected"
    session.add(service)
    session.flush()
    return service


def _waiting(session: Session, act: Act, number: int) -> tuple[Service, Approval]:
    """A service that waits and what asks for it. Both must say so: an inbox that somebody changed posts nothing twice."""
    communities.lock(session, act.community_id)
    waits = approvals.of_subject(session, act, "hours.approve", f"hours:{number}")
    service = services.get(session, act.community_id, number)
    if service.state != "waiting" or service.seq is not None:
        raise Refused(
            say("Service {number} is not waiting but {state}.", number=number, state=service.stands),
            "not_waiting",
            say("The inbox does not agree with the services: run timebank audit."),
        )
    return service, waits


class Corrected(NamedTuple):
    """A correction: the record as it was and the points it had made, and what came in its place, if anything did."""

    before: Record
    points: int
    after: Fresh | None


def correct(
    session: Session,
    act: Act,
    number: int,
    minutes: int | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    owe: bool = False,
) -> Corrected:
    """Take a posted service back and post it anew with other minutes or other fields of its record; 0 minutes post nothing.

    A service that has a beginning keeps it and ends so many minutes later, unless `changes` tell both. Two people. Points
    spent: see `ledger.reverse`. Raises NotFound `unknown_service`, Refused `not_posted`, NotAllowed `approver_missing`,
    `same_person`, `self_confirmation`; Refused as `record` for the new one.
    """
    approvals.two_people(act)
    intake = Intake.begin(session, act)
    service = _posted(session, act, number)
    if service.member_id == intake.approver_own:
        raise NotAllowed(
            say("Nobody confirms hours of their own."), "self_confirmation", say("Let another clerk approve them.")
        )
    member = Volunteer.of(members.get(session, act.community_id, service.member_id))
    before = Record.of(service, member.number)
    intake.signed = before.ref
    _take_back(session, act, [service], "reversed" if minutes == 0 else "corrected", owe=owe)
    if minutes == 0:
        return Corrected(before, service.points, None)
    right, version = _put_right(before, minutes, changes or {}), service.version + 1
    if right.ref.startswith(services.OWN_REFS):
        right, version = right._replace(ref=services.next_ref(session, act.community_id, right.digest())), 1
    days = services.days(session, act.community_id, {(member.id, right.day)})
    item = intake._accept(right, right.digest(), member, days, ref_known=False)
    if isinstance(item, Finding):
        raise Refused(item.message, item.code, say("Correct it otherwise, or take the service back with --minutes 0."))
    item.number, item.version = services.last_id(session, act.community_id) + 1, version
    post(session, act, [item], days)
    insert_rows(session, "service", COLUMNS, [_row(item, act)])
    return Corrected(before, service.points, item)


def post_again(session: Session, act: Act, numbers: Sequence[int], step: Step = _silent) -> list[Fresh]:
    """Take posted services back, the last first, and post them anew as they are, in the order given, by the rules that speak
    now; `step` is told of each twice. Two people; points spent meanwhile are owed. Raises as `correct`."""
    approvals.two_people(act)
    intake = Intake.begin(session, act)
    before = [_posted(session, act, number) for number in numbers]
    if any(service.member_id == intake.approver_own for service in before):
        raise NotAllowed(
            say("Nobody confirms hours of their own."), "self_confirmation", say("Let another clerk approve them.")
        )
    for end in range(len(before), 0, -_AT_ONCE):
        _take_back(session, act, before[max(0, end - _AT_ONCE) : end][::-1], "corrected", owe=True, step=step)
    people = {member.id: Volunteer.of(member) for member in members.listed(session, act.community_id)}
    fresh, number = list[Fresh](), services.last_id(session, act.community_id)
    for start in range(0, len(before), _AT_ONCE):
        some = before[start : start + _AT_ONCE]
        items = [
            Fresh(at, Record.of(service, member.number), service.digest, member, published, False, service.version + 1)
            for at, service in enumerate(some, start=number + len(fresh) + 1)
            if (published := intake.shelf.on(service.day)) and (member := people[service.member_id])
        ]
        assert len(items) == len(some), "books are never withdrawn"
        days = services.days(session, act.community_id, {(item.member.id, item.record.day) for item in items})
        post(session, act, items, days)
        insert_rows(session, "service", COLUMNS, [_row(item, act) for item in items])
        fresh.extend(items)
        step(len(items))
    return fresh


def _put_right(record: Record, minutes: int | None, changes: Mapping[str, Any]) -> Record:
    """The record with what is changed of it."""
    right = record._replace(**changes)
    if minutes is not None:
        right = right._replace(minutes=minutes)
    if right.starts is not None and "ends" not in changes:
        right = right._replace(ends=right.starts + right.minutes)
    return right


def _take_back(session: Session, act: Act, taken: Sequence[Service], state: str, *, owe: bool, step: Step = _silent) -> None:
    """Reverse posted services' entries in this order, and what was decided about points of them, and take them out of the sums.

    Nothing waits any more that was asked about them as they were."""
    payloads = reading.payloads(session, act.community_id, [service.seq for service in taken if service.seq is not None])
    shelf, made = rulebooks.shelf(session, act.community_id), list[tuple[Asked, Award]]()
    for service in taken:
        assert service.seq is not None, "a posted service has an entry"
        payload = parse(payloads[service.seq].encode())
        trace: dict[str, Any] = payload["trace"]
        reviews.take_back(session, act, service, trace, owe=owe)
        ledger.reverse(session, act, service.seq, owe=owe)
        book, given = shelf.named(payload["rules"]).book, {id_ for id_, *_ in trace.get("bonus", ())}
        sums = (service.eligible, service.counted, service.points, (), NEVER, service.window_minutes, trace)
        bonuses = tuple(bonus for bonus in book.bonus if bonus.id in given)
        made.append(((service.member_id, facts_of(trace), book), Award(*sums, bonuses)))
        services.overtake(session, act, service.id)
        service.state = state
        session.add(service)
        step(1)
    earnings = Earnings.load(session, act.community_id, [asked for asked, _ in made])
    for (member, facts, _), award_ in made:
        earnings.tallies.take(member, facts, award_)
    earnings.save(session)
    session.flush()


def _posted(session: Session, act: Act, number: int) -> Service:
    service = services.find(session, act.community_id, number)
    if service.state != "posted":
        raise Refused(
            say("Service {number} is not posted but {state}.", number=number, state=service.stands),
            "not_posted",
            say("What waits is turned down with timebank hours reject {number}, and recorded anew.", number=number)
            if service.state in ("waiting", "confirmed")
            else say("See timebank hours list."),
        )
    return service


def _ordinal(ref: str) -> int:
    tail = ref.rpartition(":")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else 0


def _asked(item: Fresh, hangs: str) -> dict[str, Any]:
    """What a second person is asked to confirm: bound by hash to the service as it was recorded. That its batch waits for a
    notice is asked too; a demand is looked up when it is confirmed."""
    by_itself = {"notice": 1} if hangs == "batch" else {}
    return {"service": item.number, "digest": item.digest.hex(), "minutes": item.record.minutes, **by_itself}


def _row(item: Fresh, act: Act) -> tuple[Any, ...]:
    """A service's row, in the order of `COLUMNS`."""
    r, made = item.record, item.award
    sums = (made.eligible, made.counted, made.points, made.window_minutes) if made else (0, 0, 0, 0)
    head = (act.community_id, item.number, r.ref, item.version, item.digest, item.member.id, iso_day(r.day))
    told = (r.starts, r.ends, r.minutes, r.category, r.activity_no, r.activity, r.place, r.team_size, r.kind)
    within = (r.team or None, r.programme or None, r.confirmed_by or None, r.evidence or None)
    return (*head, *told, item.state, act.actor, instant(act.now), *sums, item.seq, *within)
