"""Members (volunteers and residents): a printed number, accounts of their own, a person apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from sqlalchemy import BigInteger, ForeignKeyConstraint, UniqueConstraint, func
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import cures, ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.db import insert_rows, iso, key_field
from timebank.base.errors import NotFound, Refused
from timebank.base.i18n import Say, say
from timebank.base.imported import Imported
from timebank.base.rows import first, select_rows
from timebank.journal import Draft, Unit
from timebank.people import persons
from timebank.people.numbers import Numbers, number_problem
from timebank.people.persons import Card

ACCOUNTS: tuple[tuple[Unit, str], ...] = (
    ("minutes", "served"),
    ("points", "available"),
    ("points", "held"),
    ("points", "owed"),
    ("credits", "available"),
)


class Member(SQLModel, table=True):
    """A member. `number` is printed as it was given; `number_key` is how it is looked up (codes.id_key)."""

    __table_args__ = (
        UniqueConstraint("community_id", "number_key"),
        ForeignKeyConstraint(["community_id", "person_id"], ["person.community_id", "person.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    number: str
    number_key: str
    person_id: int = Field(sa_type=BigInteger)
    joined_on: date
    grid: str = ""
    state: str = "active"

    @property
    def holder(self) -> str:
        """The member's name in the book: 'member:12'."""
        return f"member:{self.id}"


_VOLUNTEERS = "SELECT number_key, id, number, joined_on, person_id FROM member WHERE community_id = ? AND number_key IN ?"


class Volunteer(NamedTuple):
    """What a service needs to know of a member: a plain value, because a sheet names thousands."""

    id: int
    number: str
    joined_on: date
    holder: str
    person_id: int

    @classmethod
    def of(cls, member: Member) -> "Volunteer":
        """The plain value of a member's row."""
        return cls(member.id, member.number, member.joined_on, member.holder, member.person_id)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Someone to be registered; an empty `number` gets the next free one, no `joined_on` is today. `row` is the sheet's.

    In a sheet without numbers, someone of the same name, phone and grid as a member is that member.
    """

    number: str
    card: Card
    joined_on: date | None = None
    grid: str = ""
    row: int = 0


def join(session: Session, act: Act, newcomers: Sequence[Newcomer]) -> tuple[list[Member], Imported]:
    """Register people, open their accounts and bind each member to the printed number in the book.

    Returns the new members and what became of each row; a known number with the same name and day is a repeat, which may bring
    the birth date of somebody of whom none was known. Codes of rejected rows: bad_number, personal_number, no_name,
    future_date, bad_birth_date, other_birth_date, number_taken, twice_in_file.
    """
    communities.lock(session, act.community_id)
    today = communities.today(session, act)
    known = {m.number_key: m for m in session.exec(select(Member).where(col(Member.community_id) == act.community_id))}
    people = persons.cards(session, act.community_id)
    same = _Same(known.values(), people)
    outcome = Imported(rows=len(newcomers))
    last = max((m.id for m in known.values()), default=0)
    good: list[Newcomer] = []
    numbers = Numbers("M{:04d}", known, last)
    for newcomer in newcomers:
        old = known.get(id_key(newcomer.number)) if newcomer.number else same.claim(newcomer)
        again = old and people[old.person_id].name == newcomer.card.name and newcomer.joined_on in (None, old.joined_on)
        problem = _problem_of_birth(newcomer, today)
        if old and again:
            problem = problem or _completed(session, old, people[old.person_id], newcomer.card)
            outcome.repeated += problem is None
        else:
            problem = problem or _problem(newcomer, numbers, old, today)
        if problem:
            outcome.rejected.append(cures.refused(newcomer.row, problem))
        elif not again:
            good.append(replace(newcomer, number=numbers.take(newcomer.number), joined_on=newcomer.joined_on or today))
    members = _add(session, act, good, last)
    outcome.posted = len(members)
    return members, outcome


class _Same:
    """Members by name, phone and grid, to be claimed once each by the rows of a sheet that has no numbers: nobody by a row of
    another birth date."""

    def __init__(self, known: Iterable[Member], people: Mapping[int, Card]) -> None:
        self._people = people
        self._free: dict[tuple[str, str, str], list[Member]] = {}
        for member in known:
            card = people[member.person_id]
            self._free.setdefault((card.name, card.phone or "", member.grid), []).append(member)

    def claim(self, newcomer: Newcomer) -> Member | None:
        """The member that a row without a number stands for; a person typed by hand (no row) is always a new one."""
        card = newcomer.card
        free = self._free.get((card.name, card.phone or "", newcomer.grid), []) if newcomer.row else []
        born = [self._people[member.person_id].born for member in free]
        fit = [place for day in (card.born, None) for place, known in enumerate(born) if card.born is None or known == day]
        return free.pop(fit[0]) if fit else None


def _problem_of_birth(newcomer: Newcomer, today: date) -> tuple[str, Say] | None:
    born = newcomer.card.birth_date
    if born is not None and born > (newcomer.joined_on or today):
        return "bad_birth_date", say("Nobody joins before being born.")
    return newcomer.card.problem


def _completed(session: Session, old: Member, known: Card, card: Card) -> tuple[str, Say] | None:
    """Keep the birth date that a row brings of a member of whom none was known."""
    if card.birth_date is not None and known.born is None:
        persons.note_birth_date(session, old.community_id, old.person_id, card.birth_date)
    elif card.birth_date not in (None, known.born):
        return "other_birth_date", say("{number} is kept with another birth date.", number=old.number)
    return None


def _problem(newcomer: Newcomer, numbers: Numbers, old: Member | None, today: date) -> tuple[str, Say] | None:
    if not newcomer.card.name:
        return "no_name", say("The name is missing.")
    if wrong := number_problem(newcomer.number):
        return wrong
    if newcomer.joined_on is not None and newcomer.joined_on > today:
        return "future_date", say("{day} lies in the future; today is {today}.", day=newcomer.joined_on, today=today)
    if old:
        return "number_taken", say("{number} is another member (joined {day}).", number=old.number, day=old.joined_on)
    if newcomer.number in numbers:
        return "twice_in_file", say("{number} stands in this file twice.", number=newcomer.number)
    return None


def _add(session: Session, act: Act, good: Sequence[Newcomer], last: int) -> list[Member]:
    cid = act.community_id
    person_ids = persons.add(session, cid, [newcomer.card for newcomer in good])
    members = [
        Member(
            community_id=cid,
            id=last + i,
            number=newcomer.number,
            number_key=id_key(newcomer.number),
            person_id=person_id,
            joined_on=newcomer.joined_on or date.max,
            grid=newcomer.grid,
        )
        for i, (newcomer, person_id) in enumerate(zip(good, person_ids, strict=True), start=1)
    ]
    columns = ("community_id", "id", "number", "number_key", "person_id", "joined_on", "grid", "state")
    rows = [(cid, m.id, m.number, m.number_key, m.person_id, m.joined_on.isoformat(), m.grid, m.state) for m in members]
    insert_rows(session, "member", columns, rows)
    ledger.open_accounts(session, cid, [(m.holder, *account) for m in members for account in ACCOUNTS])
    drafts = [Draft("member.join", m.joined_on, subject=m.holder, facts={"number": m.number}) for m in members]
    if drafts:
        ledger.post_all(session, act, drafts)
    return members


def find(session: Session, community_id: int, number: str) -> Member:
    """The member of a printed number, in any case and with or without zeros. Raises NotFound `unknown_member`."""
    member = first(session, Member, community_id=community_id, number_key=id_key(number))
    if member is None:
        raise NotFound(
            say("There is no member {number}.", number=number),
            "unknown_member",
            say("Look the number up with timebank member list."),
        )
    return member


def find_active(session: Session, community_id: int, number: str) -> Member:
    """The member of a printed number, if active. Raises NotFound `unknown_member`, Refused `member_inactive`."""
    member = find(session, community_id, number)
    if member.state != "active":
        raise Refused(
            say("Member {number} is not active.", number=member.number),
            "member_inactive",
            say("Look at the member with timebank member show {number}.", number=member.number),
        )
    return member


def find_all(session: Session, community_id: int, numbers: Sequence[str]) -> dict[str, Volunteer]:
    """Members by `id_key` of the printed numbers that exist."""
    keys = sorted({id_key(number) for number in numbers})
    found: dict[str, Volunteer] = {}
    for start in range(0, len(keys), 500):
        rows = select_rows(session, _VOLUNTEERS, (community_id, keys[start : start + 500]))
        for key, number_id, number, joined_on, person_id in rows:
            found[key] = Volunteer(number_id, number, date.fromisoformat(iso(joined_on)), f"member:{number_id}", person_id)
    return found


def get(session: Session, community_id: int, number: int) -> Member:
    """The member of an id made by this program; its absence is a bug."""
    member = first(session, Member, community_id=community_id, id=number)
    assert member is not None, "ids are the program's own"
    return member


def listed(session: Session, community_id: int) -> list[Member]:
    """All members, by id."""
    return list(session.exec(select(Member).where(col(Member.community_id) == community_id).order_by(col(Member.id))))


def count(session: Session, community_id: int) -> int:
    """How many members there are."""
    return session.exec(select(func.count()).select_from(Member).where(col(Member.community_id) == community_id)).one()
