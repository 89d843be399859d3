"""Clerks: who may write into the book. W0001 and W0002 from the first day.

A merchant's device acts under a number of its own in the same sequence, so that whatever it does names it; no command takes
such a number for a clerk's.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from sqlalchemy import BigInteger, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import cures, ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.db import Utc, key_field
from timebank.base.errors import Conflict, Invalid, NotFound
from timebank.base.i18n import say
from timebank.base.rows import last_id
from timebank.journal import Draft
from timebank.people import persons
from timebank.people.numbers import Numbers, number_problem
from timebank.people.persons import Card

DEVICE = "device"
"""The role of what is no clerk: a merchant's phone or till."""


class Clerk(SQLModel, table=True):
    """A clerk or reviewer. `number` is printed; `number_key` is how it is looked up (codes.id_key).

    `member_id` is set for a clerk who volunteers as well: nobody confirms hours of his own. `role` is None, or 'device' for
    what is no person at all.
    """

    __table_args__ = (
        UniqueConstraint("community_id", "number_key"),
        ForeignKeyConstraint(["community_id", "person_id"], ["person.community_id", "person.id"]),
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    number: str
    number_key: str
    person_id: int = Field(sa_type=BigInteger)
    member_id: int | None = Field(default=None, sa_type=BigInteger)
    state: str = "active"
    since: datetime = Field(sa_type=Utc)
    role: str | None = None


_IS_CLERK = col(Clerk.role).is_(None)


def add(session: Session, act: Act, names: Sequence[str], number: str = "", member_id: int | None = None) -> list[Clerk]:
    """Register clerks; the next free number each (W0001 …), or `number` (and the member they also are) for a single one.

    Raises Invalid `no_name`, `bad_number`, `personal_number`; Conflict `number_taken`.
    """
    communities.lock(session, act.community_id)
    if not all(names):
        raise Invalid(say("The name is missing."), "no_name", say("Give the clerk's name."))
    if wrong := number_problem(number):
        raise Invalid(wrong[1], wrong[0], cures.of(wrong[0]))
    last = last_id(session, "clerk", act.community_id)
    numbers = Numbers("W{:04d}", _taken(session, act.community_id), last)
    if number in numbers:
        raise Conflict(say("{number} is another clerk.", number=number), "number_taken", say("See timebank clerk list."))
    person_ids = persons.add(session, act.community_id, [Card(name) for name in names])
    clerks = []
    for i, person_id in enumerate(person_ids, start=last + 1):
        own = numbers.take(number)
        clerks.append(
            Clerk(
                community_id=act.community_id,
                id=i,
                number=own,
                number_key=id_key(own),
                person_id=person_id,
                member_id=member_id,
                since=act.now,
            )
        )
    session.add_all(clerks)
    session.flush()
    today = communities.today(session, act)
    ledger.post_all(session, act, [Draft("clerk.join", today, subject=f"clerk:{c.id}", facts=_facts(c)) for c in clerks])
    return clerks


def add_device(session: Session, act: Act, device_id: int, name: str) -> Clerk:
    """Give a merchant's device the number it acts under ('D003'), and the name people know it by."""
    communities.lock(session, act.community_id)
    taken = _taken(session, act.community_id)
    own = next(free for n in count() if id_key(free := f"D{device_id:03d}" + (f"-{n}" if n else "")) not in taken)
    (person_id,) = persons.add(session, act.community_id, [Card(name)])
    number = last_id(session, "clerk", act.community_id) + 1
    clerk = Clerk(
        community_id=act.community_id,
        id=number,
        number=own,
        number_key=id_key(own),
        person_id=person_id,
        since=act.now,
        role=DEVICE,
    )
    session.add(clerk)
    session.flush()
    today = communities.today(session, act)
    ledger.post(session, act, Draft("clerk.join", today, subject=f"clerk:{number}", facts=_facts(clerk)))
    return clerk


def _taken(session: Session, community_id: int) -> set[str]:
    """The numbers of all clerks and devices, as they are looked up."""
    return set(session.exec(select(Clerk.number_key).where(col(Clerk.community_id) == community_id)))


def _facts(clerk: Clerk) -> dict[str, object]:
    also = {"member": clerk.member_id, "role": clerk.role}
    return {"number": clerk.number, **{name: told for name, told in also.items() if told is not None}}


def rename(session: Session, act: Act, clerk: Clerk, name: str) -> None:
    """Give a clerk another name. Raises Invalid `no_name`."""
    if not name:
        raise Invalid(say("The name is missing."), "no_name", say("Give the clerk's name."))
    communities.lock(session, act.community_id)
    persons.rename(session, act.community_id, clerk.person_id, name)


def find(session: Session, community_id: int, number: str) -> Clerk:
    """The clerk of a printed number; a device is none. Raises NotFound `unknown_clerk`."""
    wanted = select(Clerk).where(col(Clerk.community_id) == community_id, col(Clerk.number_key) == id_key(number), _IS_CLERK)
    clerk = session.exec(wanted).first()
    if clerk is None:
        raise NotFound(
            say("There is no clerk {number}.", number=number),
            "unknown_clerk",
            say("Look the number up with timebank clerk list."),
        )
    return clerk


def get(session: Session, community_id: int, number: int) -> Clerk:
    """The clerk or device of an id made by this program; its absence is a bug."""
    return session.get_one(Clerk, (community_id, number))


def listed(session: Session, community_id: int) -> list[Clerk]:
    """All clerks, by id; devices are none."""
    wanted = select(Clerk).where(col(Clerk.community_id) == community_id, _IS_CLERK)
    return list(session.exec(wanted.order_by(col(Clerk.id))))


def own_member(session: Session, community_id: int, clerk_id: int | None) -> int | None:
    """The member a clerk also is, by the clerk's id; None for nobody."""
    clerk = session.get(Clerk, (community_id, clerk_id)) if clerk_id is not None else None
    return clerk.member_id if clerk is not None else None
