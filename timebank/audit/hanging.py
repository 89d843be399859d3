"""Hours that hung out: each was posted by a notice that spoke for it, and wherever one was demanded there is one.

A service that is corrected or worked out again needs no other notice: its entry comes, in the same command, after the reversal
of one of the same member's. What hung out is compared with the records as they are now: rows of services never change but in
what became of them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, bindparam, select

from timebank import notices
from timebank.audit.accounts import Row
from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.audit.refold import Event
from timebank.audit.source import WRONG_KIND, Source, columns_of
from timebank.base.i18n import Say, say
from timebank.people.members import Member
from timebank.services import SERVICE, Record, binding

ROWS_AT_ONCE = 4_000
_TOLD = ("minutes", "category", "ref", "starts", "ends", "activity_no", "activity", "place", "team_size", "kind")
_MAYBE = ("team", "programme", "confirmed_by", "evidence")
_NO_FACTS: dict[str, Any] = {}


@dataclass(slots=True)
class _Notice:
    """A notice about hours as its entries tell it so far: `passed` is the entry that closed it so, if one did."""

    about: str
    days: int
    binds: str
    passed: int | None = None


class _Posted(NamedTuple):
    """An entry of hours: under which key, whose and about what, and the notice it names."""

    seq: int
    key: str
    holder: str
    subject: str
    notice: Any


class _Back(NamedTuple):
    """A reversal: under which key, and whose minutes it takes back."""

    seq: int
    key: str
    holder: str


class Hung:
    """Follows notices, demands and hours through the journal: note entries as they come, `take` a batch, then `finish`."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._noted: list[_Posted | _Back] = []
        self._notices: dict[int, _Notice] = {}
        self._demanded = 0
        self._command, self._back = "", Counter[str]()
        self._rejected: dict[int, int] = {}

    def note(self, seq: int, payload: Payload) -> None:
        """Note an entry of hours."""
        postings, notice = payload["postings"], payload.get("facts", _NO_FACTS).get("notice")
        holder = postings[1][0] if len(postings) > 1 else ""
        self._noted.append(_Posted(seq, payload["key"], holder, payload.get("subject", ""), notice))

    def reverse(self, seq: int, payload: Payload) -> None:
        """Note a reversal."""
        for holder, unit, purpose, _, amount, _ in payload["postings"]:
            if (unit, purpose) == ("minutes", "served") and amount < 0:
                self._noted.append(_Back(seq, payload["key"], holder))

    def reject(self, seq: int, payload: Payload) -> None:
        """Note that a service was turned down before it was posted."""
        kind, _, number = str(payload.get("subject", "")).partition(":")
        if kind == "hours" and number.isascii() and number.isdigit() and len(number) < 19:
            self._rejected[int(number)] = seq

    def take(self, events: Sequence[Event]) -> None:
        """Follow a batch: what was noted and the events of notices, in the order of the log."""
        noted, self._noted = self._noted, []
        kinds = {"notice.post": self._post, "notice.close": self._close, "notice.demand": self._demand}
        steps: list[_Posted | _Back | Event] = [*noted, *(event for event in events if event.kind in kinds)]
        for step in sorted(steps, key=lambda step: step.seq):
            if isinstance(step, Event):
                try:
                    kinds[step.kind](step)
                except WRONG_KIND:  # told where notices and what they bind are compared
                    continue
            else:
                self._served(step)

    def _post(self, event: Event) -> None:
        facts = event.payload["facts"]
        if str(facts["about"]).startswith("hours:"):
            number = int(event.payload["subject"].removeprefix("notice:"))
            self._notices[number] = _Notice(facts["about"], facts["days"], facts.get("binds", ""))

    def _close(self, event: Event) -> None:
        notice = self._notices.get(int(event.payload["subject"].removeprefix("notice:")))
        if notice is not None and event.payload["facts"]["outcome"] == "passed":
            notice.passed = event.seq

    def _demand(self, event: Event) -> None:
        facts = event.payload["facts"]
        if facts["about"] == "hours":
            self._demanded = int(facts["days"])

    def _served(self, step: _Posted | _Back) -> None:
        command = step.key.rpartition("/")[0]
        if command != self._command:
            self._command = command
            self._back.clear()
        if isinstance(step, _Back):
            self._back[step.holder] += 1
        elif step.notice is not None:
            wrong = self._wrong(step)
            if wrong is not None:
                self._findings.add("notice_unsound", wrong, entry=step.seq)
        elif self._back[step.holder] > 0:
            self._back[step.holder] -= 1
        elif self._demanded:
            missing = say("It was posted without a notice; one of {days} working days was demanded.", days=self._demanded)
            self._findings.add("notice_missing", missing, entry=step.seq)

    def _wrong(self, step: _Posted) -> Say | None:
        """Why the notice that an entry of hours names does not speak for it, if so."""
        notice = self._notices.get(step.notice) if type(step.notice) is int else None
        named = {"notice": str(step.notice), "least": self._demanded}
        if notice is None or notice.passed is None:
            return say("It names notice {notice}, which had not passed.", **named)
        if not notices.covers(notice.about, step.subject) or not notice.binds:
            return say("It names notice {notice}, which did not tell of it.", **named)
        if notice.days < self._demanded:
            return say("Notice {notice} hung for {days} working days; {least} were demanded.", days=notice.days, **named)
        return None

    def finish(self) -> None:
        """Compare what hung out, and what was turned down, with the services as they are."""
        numbers = self._numbers()
        for number, notice in sorted(self._notices.items()):
            stretch = notices.stretch(notice.about.partition(":")[2])
            if stretch is None or not notice.binds:
                continue
            try:
                same = binding(self._records(stretch, numbers)) == notice.binds
            except WRONG_KIND:
                same = False
            if not same:
                other = say("What hung out is not what its services say now.")
                self._findings.add("records_differ", other, where=f"notice:{number}")
        found = self._source.found(SERVICE.id.table, ("state",), "id", self._rejected)
        for number, seq in sorted(self._rejected.items()):
            if found.get(number, _NO_FACTS).get("state") != "rejected":
                stands = say("{subject} was turned down; its row says otherwise.", subject=f"hours:{number}")
                self._findings.add("service_differs", stands, entry=seq)

    def _numbers(self) -> dict[int, str]:
        member = columns_of(Member)
        wanted = select(member.id, self._source.plain(member.number))
        return dict[int, str](self._source.rows(wanted.where(member.community_id == self._source.community_id)))

    def _records(self, stretch: tuple[int, int], numbers: dict[int, str]) -> Iterator[tuple[int, bytes]]:
        """Numbers and digests of the services of a stretch, by number, some at a time."""
        first, last = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
        columns = (SERVICE.id, SERVICE.member_id, SERVICE.day, *(SERVICE[name] for name in (*_TOLD, *_MAYBE)))
        wanted = select(*(self._source.plain(column) for column in columns)).order_by(SERVICE.id).limit(ROWS_AT_ONCE)
        own = SERVICE.community_id == self._source.community_id
        some = self._source.prepared(wanted.where(own, SERVICE.id >= first, SERVICE.id <= last))
        begin, end = stretch
        while rows := some(first=begin, last=end):
            yield from ((row[0], _record(row, numbers).digest()) for row in rows)
            begin = rows[-1][0] + 1


def _record(row: Row, numbers: dict[int, str]) -> Record:
    """The record of a row: number, member and day, then `_TOLD` and `_MAYBE`."""
    told: dict[str, Any] = dict(zip(_TOLD, row[3:], strict=False))
    told |= {name: value or "" for name, value in zip(_MAYBE, row[3 + len(_TOLD) :], strict=True)}
    return Record(member_no=numbers[row[1]], day=date.fromisoformat(row[2]), **told)
