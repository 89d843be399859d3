"""Records of service against the entries of hours they became, and what their sums say: I4, I10, I13 and I14.

A posted service and its entry say the same; one that was taken back has its reversal. Then the services are read once more,
member by member and day by day: nobody is in two places at once, no day is longer than a day, what makes a day long was
confirmed by two, and the sums that caps and carried minutes are read from are those of the services.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import add, itemgetter
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, not_, or_, select

from timebank.audit.accounts import Row
from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.audit.source import WRONG_KIND, Source, by_first, columns_of
from timebank.base.i18n import say
from timebank.earnings import EARNING
from timebank.hours import MINUTES_A_DAY_ALONE
from timebank.journal import ENTRY
from timebank.people.clerks import Clerk
from timebank.people.members import Member
from timebank.services import MINUTES_A_DAY_MAX, SERVICE

SERVICES_AT_ONCE = 4_000
Sums = list[int]
_NOTHING = [0, 0, 0, 0]
_OF_TRACES = ("activity:", "bonus:")
"""Scopes of services that only their traces tell: `audit --replay` makes them again."""
_LEAST, _MOST = -(2**63), 2**63 - 1
_GAP = 8
"""Services that are read although nobody asked for them, rather than asking once more."""
_BOUND = (
    *("id", "seq", "member_id", "day", "minutes", "category", "team_size", "kind", "eligible", "counted", "points"),
    *("window_minutes", "team", "programme", "confirmed_by", "evidence"),
)
_SUMS = ("eligible", "counted", "points", "window_minutes")
_OF_A_DAY = ("member_id", "day", "id", "seq", "starts", "ends", "minutes")
_made = itemgetter("minutes", "category", "eligible", "counted", "points")
_NO_FACTS: dict[str, Any] = {}
_TAKEN_BACK = ("corrected", "reversed")
_POSTED = ("posted", *_TAKEN_BACK)


class Services:
    """Compares services while the journal is read: `note` each entry of hours, `take` a batch of them, then `finish`."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._bound = 0
        self._noted: list[tuple[Row, Any, Any]] = []
        clerk = columns_of(Clerk)
        linked = select(clerk.id, clerk.member_id).where(clerk.member_id.is_not(None))
        self.own = dict[int, int](source.rows(linked.where(clerk.community_id == source.community_id)))
        first, last = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
        self._between = source.prepared(
            select(*(source.plain(SERVICE[name]) for name in _BOUND))
            .where(SERVICE.community_id == source.community_id, SERVICE.id >= first, SERVICE.id <= last)
            .order_by(SERVICE.id)
        )

    def note(self, seq: int, payload: Payload) -> None:
        """Note what an entry of hours says of its service; `take` compares it."""
        subject, postings = payload.get("subject", ""), payload["postings"]
        number = subject[6:] if subject.startswith("hours:") else ""
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            self._findings.add("service_differs", say("{subject} has no row.", subject=subject), entry=seq)
            return
        try:
            truth = (int(number), seq, *_truth(payload, payload["trace"], postings[1][0]))
        except WRONG_KIND:  # where its trace is none I9 tells
            truth = (int(number), seq)
        self._noted.append((truth, payload["actor"], payload.get("approver")))

    def take(self) -> None:
        """Compare the rows of the services that were noted."""
        noted, self._noted = self._noted, []
        truths = sorted(truth for truth, _, _ in noted)
        stretches = _stretches([truth[0] for truth in truths])
        rows = [row for first, last in stretches for row in self._between(first=first, last=last)]
        if rows == truths and not self.own:  # nearly always, and hardly more than a look at each
            self._bound += len(rows)
            return
        by_number = {row[0]: row for row in rows}
        for truth, actor, approver in noted:
            row = by_number.get(truth[0])
            if row is None:
                missing = say("{subject} has no row.", subject=f"hours:{truth[0]}")
                self._findings.add("service_differs", missing, entry=truth[1])
                continue
            self._bound += 1
            if row != truth and row[: len(truth)] != truth:
                self._differs(row, truth)
            if self.own:
                self._check_own(truth[1], row[_BOUND.index("member_id")], actor, approver)

    def _differs(self, row: Row, truth: Row) -> None:
        for column, shown, right in zip(_BOUND, row, truth, strict=False):
            if shown != right:
                differs = say(
                    "{subject}: its row says {column} {shown}; the entry says {truth}.",
                    subject=f"hours:{truth[0]}",
                    column=column,
                    shown=str(shown),
                    truth=str(right),
                )
                self._findings.add("service_differs", differs, entry=truth[1])

    def _check_own(self, seq: int, member: Any, actor: Any, approver: Any) -> None:
        """I13: nobody confirms hours of their own, and nobody enters them alone."""
        if approver is not None and self.own.get(approver) == member:
            own = say("Clerk {clerk} confirmed hours of their own.", clerk=approver)
            self._findings.add("one_person", own, entry=seq)
        elif approver is None and self.own.get(actor) == member:
            alone = say("Clerk {clerk} entered hours of their own; that needs a second person.", clerk=actor)
            self._findings.add("approver_missing", alone, entry=seq)

    def finish(self) -> None:
        """Tell rows that no entry made, states that no entry bears out, and what days and sums say."""
        self._check_unbound()
        self._check_states()
        days = Days(self._source, self._findings)
        for full, made, kept in _by_members(self._source):
            days.take(full)
            for member in sorted(made.keys() | kept.keys()):
                _check_earnings(member, made.get(member, []), kept.get(member, []), self._findings)
        days.finish()

    def _check_unbound(self) -> None:
        own = (SERVICE.community_id == self._source.community_id, SERVICE.seq.is_not(None))
        ((rows,),) = self._source.rows(select(func.count()).where(*own))
        if rows == self._bound:
            return
        same = (ENTRY.community_id == SERVICE.community_id) & (ENTRY.seq == SERVICE.seq)
        wanted = select(SERVICE.id, ENTRY.kind, ENTRY.subject).outerjoin_from(SERVICE.id.table, ENTRY.seq.table, same)
        for number, kind, subject in self._source.rows(wanted.where(*own).order_by(SERVICE.id)):
            if kind != "hours" or subject != f"hours:{number}":
                self._findings.add("service_differs", say("Its row was written by no entry."), where=f"hours:{number}")

    def _check_states(self) -> None:
        """A service has an entry once it is posted; it was taken back exactly when its entry was reversed."""
        own = SERVICE.community_id == self._source.community_id
        posted, back = (or_(*(SERVICE.state == state for state in states)) for states in (_POSTED, _TAKEN_BACK))
        unlike = (posted & SERVICE.seq.is_(None)) | (not_(posted) & SERVICE.seq.is_not(None))
        of_it = (ENTRY.community_id == SERVICE.community_id) & (ENTRY.reverses == SERVICE.seq)
        states = select(SERVICE.id, self._source.plain(SERVICE.state))
        for wanted in (
            states.where(own, unlike),
            states.outerjoin_from(SERVICE.id.table, ENTRY.seq.table, of_it).where(
                own, back, SERVICE.seq.is_not(None), ENTRY.seq.is_(None)
            ),
            states.join_from(ENTRY.seq.table, SERVICE.id.table, of_it).where(
                ENTRY.community_id == self._source.community_id, ENTRY.reverses.is_not(None), SERVICE.state == "posted"
            ),
        ):
            for number, state in self._source.rows(wanted):
                other = say("Its state is {state}; its entries say otherwise.", state=str(state))
                self._findings.add("service_differs", other, where=f"hours:{number}")


def _truth(payload: Payload, trace: dict[str, Any], holder: str) -> Row:
    """What an entry's service says, as `_BOUND` has it after number and entry."""
    minutes, category, eligible, counted, points = _made(trace)
    get = trace.get
    facts = (int(holder[7:]), payload["business_date"], minutes, category, get("team", 1), get("kind", "confirmed"))
    known = payload.get("facts", _NO_FACTS)
    within = (get("team_no"), get("programme"), known.get("confirmed_by"), known.get("evidence"))
    return (*facts, eligible, counted, points, get("window_minutes", counted), *within)


class Days:
    """What the posted services of one member and day say together: give them by member and day, then `finish`."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._long: list[tuple[int, Any, int]] = []

    def take(self, services: Sequence[Row]) -> None:
        """Compare services of days that hold several, or many minutes."""
        place, minutes, spans = None, 0, list[tuple[int, int]]()
        for member, day, number, seq, starts, ends, more in services:
            if (member, day) != place:
                place, minutes, spans = (member, day), 0, []
            minutes += more
            if minutes > MINUTES_A_DAY_ALONE:
                self._long.append((seq, day, minutes))
                if minutes > MINUTES_A_DAY_MAX:
                    beyond = say("It takes the day {day} to {minutes} minutes.", day=day, minutes=minutes)
                    self._findings.add("day_too_long", beyond, entry=seq)
            if starts is not None and ends is not None:
                if any(starts < until and since < ends for since, until in spans):
                    overlap = say("Service {number} overlaps another one of that member on {day}.", number=number, day=day)
                    self._findings.add("hours_overlap", overlap, entry=seq)
                spans.append((starts, ends))

    def finish(self) -> None:
        """I13: the services that take a day past what counts by itself have a second person.

        A service's number tells what was recorded before it, so the posted ones up to it were all there when it was confirmed.
        """
        approvers = self._source.found(ENTRY.seq.table, ("approver",), "seq", {seq for seq, *_ in self._long})
        for seq, on, minutes in self._long:
            if approvers.get(seq, {}).get("approver") is None:
                alone = say("It takes the day {day} to {minutes} minutes; that needs a second person.", day=on, minutes=minutes)
                self._findings.add("approver_missing", alone, entry=seq)


def _check_earnings(member: int, made: Sequence[Row], kept: Sequence[Row], findings: Findings) -> None:
    """I10: the sums that caps and carried minutes are read from, against the posted services they are made of."""
    categories, months = dict[str, Sums](), dict[str, Sums]()
    for _, category, month, *sums in made:
        categories[category] = [*map(add, categories.get(category, _NOTHING), sums)]
        months[month] = [*map(add, months.get(month, _NOTHING), sums)]
    truth = {f"category:{name}": sums for name, sums in categories.items()}
    for month, sums in months.items():
        truth[f"month:{month}"] = sums
        for scope in (f"year:{month[:4]}", "life"):
            truth[scope] = [*map(add, truth.get(scope, _NOTHING), sums)]
    shown = {scope: sums for _, scope, *sums in kept if not scope.startswith(_OF_TRACES)}
    if shown != truth:
        for scope in sorted(shown.keys() | truth.keys(), key=str):
            if shown.get(scope, _NOTHING) != truth.get(scope, _NOTHING):
                differs = say("Its sums of {scope} are not what its services make.", scope=str(scope))
                findings.add("earning_differs", differs, where=f"member:{member}")


def _by_members(source: Source) -> Iterator[tuple[list[Row], dict[Any, list[Row]], dict[Any, list[Row]]]]:
    """A share of the members at a time: the posted services of full days by member, day and number; then by member what all
    posted ones add up to by category and month, and the sums kept. What the database adds up need not be read."""
    after, upto = bindparam("after", type_=BigInteger), bindparam("upto", type_=BigInteger)
    of_some = (SERVICE.community_id == source.community_id, SERVICE.member_id > after, SERVICE.member_id <= upto)
    posted = (*of_some, SERVICE.state == "posted")
    day = (SERVICE.member_id, SERVICE.day)
    several = (func.count() > 1) | (func.sum(SERVICE.minutes) > MINUTES_A_DAY_ALONE)
    full = select(*day).where(*posted).group_by(*day).having(several).subquery()
    services = source.prepared(
        select(*(source.plain(SERVICE[name]) for name in _OF_A_DAY))
        .join_from(full, SERVICE.id.table, (SERVICE.member_id == full.c.member_id) & (SERVICE.day == full.c.day))
        .where(*posted)
        .order_by(*day, SERVICE.id)
    )
    month = func.substr(source.plain(SERVICE.day), 1, 7)
    place = (SERVICE.member_id, SERVICE.category, month)
    made = source.prepared(
        select(*place, *(func.sum(SERVICE[name]) for name in _SUMS)).where(*posted).group_by(*place).order_by(SERVICE.member_id)
    )
    own = (EARNING.community_id == source.community_id, EARNING.member_id > after, EARNING.member_id <= upto)
    names = ("member_id", "scope", *_SUMS)
    kept = source.prepared(select(*(source.plain(EARNING[name]) for name in names)).where(*own).order_by(EARNING.member_id))
    for first, last in _shares(source):
        given = {"after": first, "upto": last}
        yield services(**given), by_first(made(**given)), by_first(kept(**given))


def _shares(source: Source) -> Iterator[tuple[int, int]]:
    """Stretches of member numbers, the first one left out, that have some thousands of services each."""
    member = columns_of(Member)
    ids = [number for (number,) in source.rows(select(member.id).where(member.community_id == source.community_id))]
    count = select(func.count()).where(SERVICE.community_id == source.community_id)
    ((services,),) = source.rows(count)
    ends = sorted(ids)[:: max(1, len(ids) * SERVICES_AT_ONCE // max(1, services))]
    yield from pairwise([_LEAST, *ends, _MOST])


def _stretches(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of sorted numbers, parted where more than a few are left out."""
    first = last = None
    for number in numbers:
        if first is None or last is None:
            first = number
        elif number - last > _GAP:
            yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last
