"""Credits: the community's own unit for contributions, given for a deliverable or for time, turned into points by the rules.

They come from the community (`system:issued`) and from nobody else; a contribution counts once, under its own reference or,
where it has none, by its content. What is converted goes to `system:converted`, and its points come from where all awards do.
"""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from heapq import merge
from operator import attrgetter
from typing import NamedTuple

from sqlmodel import Session

from timebank import approvals, ledger, openings, reading
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.errors import Finding, Refused
from timebank.base.i18n import Say, say
from timebank.base.imported import Imported
from timebank.base.masking import tells_who, unfit_word
from timebank.journal import ISSUED, Draft, Transfer, Unit
from timebank.people import clerks, members
from timebank.people.members import Volunteer
from timebank.transparency import parse

ISSUE, CONVERT = "credit.issue", "credit.convert"
CONVERTED = "system:converted"
ACCOUNTS: tuple[tuple[str, Unit, str], ...] = ((ISSUED, "credits", "source"), (CONVERTED, "credits", "sink"))
CREDITS_MAX = 1_000_000
"""More than anybody is given for one contribution."""
CATEGORY_CHARACTERS_MAX = 40
_DIGEST_DIGITS = 32
_SEPARATOR = "\x1f"  # a control character, which no text of a contribution can hold


class Contribution(NamedTuple):
    """What a member is given credits for: a category (a word), the day, and, where it was time, how many minutes.

    `ref` is the number of the paper record; `why` is free text, kept beside the entry; `row` is the sheet's.
    """

    member_no: str
    credits: int
    category: str
    day: date
    minutes: int = 0
    ref: str = ""
    why: str = ""
    row: int = 0

    def content(self) -> str:
        """32 hexadecimal digits that two contributions share when they are the same one, whatever sheet they stand in."""
        told = (id_key(self.member_no), str(self.credits), self.category, str(self.day), str(self.minutes))
        return _digest(_SEPARATOR.join(told))


class Movement(NamedTuple):
    """One entry of credits: what a member was given (`credits` above 0) or converted (below 0), and the points that made."""

    seq: int
    kind: str
    day: str
    holder: str
    credits: int
    points: int
    category: str
    reversed_by: int | None


@dataclass(slots=True)
class Desk:
    """One command's contributions, batch by batch: the contents known under each subject, and which were taken back."""

    session: Session
    act: Act
    today: date
    approver_own: int | None
    known: dict[str, tuple[str, bool]]
    ordinals: dict[str, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, session: Session, act: Act) -> "Desk":
        """Lock the community and look what was given before. Raises NotAllowed `approver_missing`, `same_person`."""
        approvals.two_people(act)
        communities.lock(session, act.community_id)
        ledger.open_missing(session, act.community_id, ACCOUNTS)
        known = {}
        for entry in reading.told(session, act.community_id, ISSUED, "credits"):
            fields = parse(entry.payload.encode())
            if entry.kind == ISSUE:
                known[fields["subject"]] = (fields["facts"]["content"], entry.reversed_by is not None)
        own = clerks.own_member(session, act.community_id, act.approver)
        return cls(session, act, communities.today(session, act), own, known)

    def take(self, contributions: Sequence[Contribution]) -> Imported:
        """Give the credits of the good rows and report the others.

        Codes of rejected rows: unknown_member, future_date, before_joining, bad_credits, no_category, bad_category, bad_ref,
        other_content, self_confirmation. A contribution that is known is a repeat, also one that was taken back.
        """
        outcome = Imported(rows=len(contributions), credits=0)
        people = members.find_all(self.session, self.act.community_id, [one.member_no for one in contributions])
        drafts = []
        for one in contributions:
            member, content = people.get(id_key(one.member_no)), one.content()
            subject = self._subject(one, content)
            known = self.known.get(subject)
            if known is not None and known[0] == content:
                outcome.repeated += 1
                continue
            problem = self._problem(one, member, known)
            if problem:
                outcome.rejected.append(Finding(f"row {one.row}", *problem, one.row))
                continue
            assert member is not None, "a contribution of nobody has a problem"
            self.known[subject] = (content, False)
            drafts.append(_draft(one, member, subject, content))
            outcome.credits = (outcome.credits or 0) + one.credits
        if drafts:
            ledger.post_all(self.session, self.act, drafts)
        outcome.posted = len(drafts)
        return outcome

    def _subject(self, one: Contribution, content: str) -> str:
        """'credit:' and 32 digits: of its reference, or of its content and its ordinal among equal ones of this command."""
        if one.ref:
            return f"credit:{_digest(one.ref)}"
        ordinal = self.ordinals[content] = self.ordinals.get(content, 0) + 1
        return f"credit:{_digest(_SEPARATOR.join((content, str(ordinal))))}"

    def _problem(self, one: Contribution, member: Volunteer | None, known: tuple[str, bool] | None) -> tuple[str, Say] | None:
        if member is None:
            return "unknown_member", say("There is no member {number}.", number=one.member_no)
        if one.day > self.today:
            return "future_date", say("{day} lies in the future; today is {today}.", day=one.day, today=self.today)
        if one.day < member.joined_on:
            return (
                "before_joining",
                say("{number} joined on {joined}, after {day}.", number=member.number, joined=member.joined_on, day=one.day),
            )
        if not 1 <= one.credits <= CREDITS_MAX:
            return "bad_credits", say("Give a whole number of credits from 1 to {most}.", most=CREDITS_MAX)
        if not one.category:
            return "no_category", say("The category is missing.")
        if len(one.category) > CATEGORY_CHARACTERS_MAX or unfit_word(one.category):
            return "bad_category", say(
                "This is no category: a category is a short word of the rule book, no sentence and nobody's number or address."
            )
        if one.ref and tells_who(one.ref):
            return "bad_ref", say("The reference holds a phone or identity number or an e-mail address.")
        if known is not None and not known[1]:
            return "other_content", say("{ref} was given before with other content; take that entry back first.", ref=one.ref)
        if member.id == self.approver_own:
            return "self_confirmation", say("Nobody approves credits for themselves.")
        return None


def issue(session: Session, act: Act, contribution: Contribution) -> Imported:
    """Give credits for one contribution; two people. Raises Refused with the row's code, if it is rejected."""
    outcome = Desk.begin(session, act).take([contribution])
    if outcome.rejected:
        finding = outcome.rejected[0]
        raise Refused(finding.message, finding.code, say("Correct it, or look at timebank credit list."))
    return outcome


def movements(session: Session, community_id: int, holder: str = "") -> Generator[Movement]:
    """What was given and converted, in the order of the log, of one member ('member:12') or of all, as a stream."""
    with ExitStack() as streams:
        told = (reading.told(session, community_id, of, "credits") for of in _sources(holder))
        yield from map(_movement, merge(*(streams.enter_context(closing(one)) for one in told), key=attrgetter("seq")))


def _sources(holder: str) -> tuple[str, ...]:
    return (holder,) if holder else (ISSUED, CONVERTED, openings.SOURCE)


def _movement(entry: reading.Told) -> Movement:
    fields = parse(entry.payload.encode())
    credits = points = 0
    whose = ""
    for holder, unit, _, _, amount, _ in fields["postings"]:
        if holder.startswith("member:"):
            whose = holder
            credits += amount if unit == "credits" else 0
            points += amount if unit == "points" else 0
    category = fields.get("facts", {}).get("category", "")
    return Movement(entry.seq, entry.kind, fields["business_date"], whose, credits, points, category, entry.reversed_by)


def _draft(one: Contribution, member: Volunteer, subject: str, content: str) -> Draft:
    facts: dict[str, object] = {"credits": one.credits, "category": one.category, "content": content}
    if one.minutes:
        facts["minutes"] = one.minutes
    move = Transfer("credits", one.credits, ISSUED, "source", member.holder, "available")
    return Draft(ISSUE, one.day, (move,), subject=subject, facts=facts, text=one.why or None, place=f"row {one.row}")


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]
