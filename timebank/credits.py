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
from typing import Any, NamedTuple

from sqlmodel import Session

from timebank import approvals, cures, ledger, openings, reading, rewards, rulebooks
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key, ref_key
from timebank.base.errors import Invalid, Refused
from timebank.base.i18n import Say, say
from timebank.base.imported import Imported
from timebank.base.masking import tells_who, unfit_word
from timebank.base.months import period_of
from timebank.journal import ISSUED, Draft, Transfer, Unit
from timebank.once import once
from timebank.people import clerks, members
from timebank.people.members import Member, Volunteer
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


class Converted(NamedTuple):
    """What a conversion did: its entry, the member's number, credits and points (smallest unit), the day those lapse (ISO)."""

    entry: int
    member: str
    credits: int
    points: int
    lapses_on: str


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
                outcome.rejected.append(cures.refused(one.row, problem, "credits"))
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
            typed, kept = (f"credit:{_digest(ref)}" for ref in (one.ref, ref_key(one.ref)))
            return typed if typed in self.known else kept  # before refs were folded they counted as typed
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
            return "other_content", say("{ref} was given before with other content.", ref=one.ref)
        if member.id == self.approver_own:
            return "self_confirmation", say("Nobody approves credits for themselves.")
        return None


def issue(session: Session, act: Act, contribution: Contribution) -> Imported:
    """Give credits for one contribution; two people. Raises Refused with the row's code, if it is rejected."""
    outcome = Desk.begin(session, act).take([contribution])
    if outcome.rejected:
        finding = outcome.rejected[0]
        raise Refused(finding.message, finding.code, finding.hint)
    return outcome


def convert(session: Session, act: Act, member_no: str, credits: int) -> Converted:
    """Turn a member's credits into points, by the rule book in force today, all of them or none.

    Raises NotFound `unknown_member`; Refused `member_inactive`, `no_rules`, `no_conversion`, `credits_over_month`,
    `insufficient_credits`, `worthless`; Invalid `bad_credits`.
    """
    if not 1 <= credits <= CREDITS_MAX:
        raise Invalid(
            say("Give a whole number of credits from 1 to {most}.", most=CREDITS_MAX),
            "bad_credits",
            say("Give another number."),
        )

    def work() -> dict[str, Any]:
        return _convert(session, act, members.find_active(session, act.community_id, member_no), credits)._asdict()

    return Converted(**once(session, act, CONVERT, {"member": id_key(member_no), "credits": credits}, work).receipt)


def _convert(session: Session, act: Act, member: Member, credits: int) -> Converted:
    today = communities.today(session, act)
    published = rulebooks.speaking(session, act.community_id, today)
    if published.book.credit is None:
        raise Refused(
            say("The rules {rules} turn no credits into points.", rules=published.book.version),
            "no_conversion",
            say(
                "Whether they do stands in [credit] of the rule book: timebank rules show {version}",
                version=published.book.version,
            ),
        )
    made = rewards.convert(today, credits, published.book, _converted_in(session, act, member, period_of(today)))
    if made.over:
        raise Refused(
            say(
                "{number} can convert {left} more credits this month, not {credits}.",
                number=member.number,
                left=made.credits,
                credits=credits,
            ),
            "credits_over_month",
            say("Convert the rest in another month."),
        )
    there = ledger.balance(session, act.community_id, member.holder, "credits", today=today).available
    if there < credits:
        raise Refused(
            say("{number} has {there} credits; {needed} are needed.", number=member.number, there=there, needed=credits),
            "insufficient_credits",
            say("Convert fewer."),
        )
    if not made.points:
        raise Refused(say("So few credits make no point."), "worthless", say("Convert more of them at once."))
    ledger.open_missing(session, act.community_id, ACCOUNTS)
    moves = (
        Transfer("credits", credits, member.holder, "available", CONVERTED, "sink"),
        Transfer("points", made.points, ISSUED, "source", member.holder, "available", lapses_on=made.lapses_on),
    )
    receipt = ledger.post(session, act, Draft(CONVERT, today, moves, member.holder, published.ref, made.trace))
    return Converted(receipt.seq, member.number, credits, made.points, made.lapses_on.isoformat())


def _converted_in(session: Session, act: Act, member: Member, period: str) -> int:
    """How many credits a member converted in a month, those taken back left out."""
    with closing(movements(session, act.community_id, member.holder)) as own:
        return -sum(one.credits for one in own if one.kind == CONVERT and one.day[:7] == period and one.reversed_by is None)


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
