"""Balances from before the book: what members had and had served by an office's old lists, brought in once, by two people.

A row is one member's points of one lapse day, with the minutes served and the credits held so far on one of the member's rows.
It comes from `system:opening` and not from where services and awards come from, so that what was earned in this book and what
was brought along stay apart; minutes go to the same account as those of services, so that they count for hours served.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sqlmodel import Session

from timebank import approvals, cures, ledger, reading
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say
from timebank.base.imported import Imported
from timebank.base.months import first_day
from timebank.journal import Draft, Transfer, Unit
from timebank.people import clerks, members
from timebank.people.members import Volunteer
from timebank.transparency import parse

OPENING = "points.opening"
SOURCE = "system:opening"
ACCOUNTS: tuple[tuple[str, Unit, str], ...] = (
    (SOURCE, "points", "source"),
    (SOURCE, "minutes", "source"),
    (SOURCE, "credits", "source"),
)
_PURPOSES: tuple[tuple[Unit, str], ...] = (("points", "available"), ("minutes", "served"), ("credits", "available"))
AMOUNT_MAX = 1_000_000_000
"""More than any member can have of anything (smallest unit)."""


class Opening(NamedTuple):
    """One row of an office's old list: points (smallest unit) good until `lapses_on`, minutes served and credits so far."""

    member_no: str
    points: int
    lapses_on: date
    minutes: int = 0
    credits: int = 0
    row: int = 0

    @property
    def amounts(self) -> tuple[int, int, int]:
        """Points, minutes, credits: what two rows about the same lot must agree in."""
        return self.points, self.minutes, self.credits


class _Brought(NamedTuple):
    """What is known of one member's lot: the amounts brought in, and whether they were taken back."""

    amounts: tuple[int, int, int]
    reversed: bool


@dataclass(slots=True)
class Desk:
    """One command's openings, batch by batch: what was brought in before it and by it, by subject."""

    session: Session
    act: Act
    day: date
    approver_own: int | None
    known: dict[str, _Brought]
    counted: set[tuple[str, str]] = field(default_factory=set)
    here: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, session: Session, act: Act, day: date | None = None) -> "Desk":
        """Lock the community and look what was brought in before. `day` is when the balances stood, today if left out.

        Raises NotAllowed `approver_missing`, `same_person`; Invalid `future_date`, `before_book`.
        """
        approvals.two_people(act)
        state = communities.lock(session, act.community_id)
        today = communities.today(session, act)
        day = day or today
        if day > today:
            raise Invalid(
                say("{day} lies in the future; today is {today}.", day=day, today=today),
                "future_date",
                say("Give the day on which the balances stood."),
            )
        if day < first_day(state.opened_from):
            raise Invalid(
                say("{day} lies before the first month of the book, {month}.", day=day, month=state.opened_from),
                "before_book",
                say("Give a day of {month} or later.", month=state.opened_from),
            )
        ledger.open_missing(session, act.community_id, ACCOUNTS)
        desk = cls(session, act, day, clerks.own_member(session, act.community_id, act.approver), {})
        for _, unit, _ in ACCOUNTS:
            for entry in reading.told(session, act.community_id, SOURCE, unit):
                desk._remember(entry)
        return desk

    def _remember(self, entry: reading.Told) -> None:
        """Note an earlier opening; of a lot that was taken back and brought in anew the newest counts."""
        fields = parse(entry.payload.encode())
        taken = {unit: -amount for holder, unit, _, _, amount, _ in fields["postings"] if holder == SOURCE}
        amounts = (taken.get("points", 0), taken.get("minutes", 0), taken.get("credits", 0))
        self._keep(fields["subject"], _Brought(amounts, entry.reversed_by is not None))

    def _keep(self, subject: str, brought: _Brought) -> None:
        before = self.known.get(subject)
        if before is None or before.reversed:
            self.known[subject] = brought
        if not brought.reversed:
            whose = subject.rpartition(":")[0]
            self.counted.update((whose, name) for name, n in zip(_ONCE, brought.amounts[1:], strict=True) if n)

    def take(self, openings: Sequence[Opening]) -> Imported:
        """Bring in the good rows and report the others.

        Codes of rejected rows: unknown_member, nothing_there, too_much, lapsed_already, twice_in_file, other_content,
        minutes_twice, credits_twice, self_confirmation. What was brought in before is a repeat, also if it was taken back.
        """
        outcome = Imported(rows=len(openings), credits=0)
        people = members.find_all(self.session, self.act.community_id, [opening.member_no for opening in openings])
        drafts = []
        for opening in openings:
            member = people.get(id_key(opening.member_no))
            subject = f"opening:{member.id}:{opening.lapses_on}" if member else ""
            known = self.known.get(subject)
            if known is not None and known.amounts == opening.amounts and subject not in self.here:
                outcome.repeated += 1
                self.here.add(subject)
                continue
            problem = self._problem(opening, member, subject)
            if problem:
                outcome.rejected.append(cures.refused(opening.row, problem, "opening"))
                continue
            assert member is not None, "a row of nobody has a problem"
            self.here.add(subject)
            self._keep(subject, _Brought(opening.amounts, reversed=False))
            drafts.append(self._draft(opening, member, subject))
            outcome.points += opening.points
            outcome.minutes += opening.minutes
            outcome.credits = (outcome.credits or 0) + opening.credits
        if drafts:
            ledger.post_all(self.session, self.act, drafts)
        outcome.posted = len(drafts)
        return outcome

    def _problem(self, opening: Opening, member: Volunteer | None, subject: str) -> tuple[str, Say] | None:
        if member is None:
            return "unknown_member", say("There is no member {number}.", number=opening.member_no)
        if not any(opening.amounts):
            return "nothing_there", say("The row brings neither points nor minutes.")
        if max(opening.amounts) > AMOUNT_MAX:
            return "too_much", say("Nobody can have that much.")
        if opening.points and opening.lapses_on < self.day:
            return "lapsed_already", say("These points lapsed on {day}.", day=opening.lapses_on)
        if subject in self.here:
            return "twice_in_file", say("{number} has two rows for one lapse day.", number=member.number)
        if member.id == self.approver_own:
            return "self_confirmation", say("Nobody approves points for themselves.")
        known = self.known.get(subject)
        if known is not None and not known.reversed:
            return "other_content", say(
                "{number} had other numbers brought in for this lapse day.",
                number=member.number,
            )
        whose = subject.rpartition(":")[0]
        if opening.minutes and (whose, "minutes") in self.counted:
            return "minutes_twice", say("Minutes of {number} were brought in already.", number=member.number)
        if opening.credits and (whose, "credits") in self.counted:
            return "credits_twice", say("Credits of {number} were brought in already.", number=member.number)
        return None

    def _draft(self, opening: Opening, member: Volunteer, subject: str) -> Draft:
        moves = tuple(
            Transfer(
                unit,
                amount,
                SOURCE,
                "source",
                member.holder,
                purpose,
                lapses_on=opening.lapses_on if unit == "points" else None,
            )
            for (unit, purpose), amount in zip(_PURPOSES, opening.amounts, strict=True)
            if amount
        )
        return Draft(OPENING, self.day, moves, subject=subject, place=f"row {opening.row}")


_ONCE = ("minutes", "credits")
