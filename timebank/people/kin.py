"""Kin: who is related to whom, from which day to which. Gifts and self-dealing hang on it, so two people say so.

A link is never changed: a row says that it holds, another one, at most once, that it ended.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from sqlalchemy import BigInteger, ColumnElement, ForeignKeyConstraint, Index, and_, or_
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import ledger
from timebank.approvals import two_people
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import key_field
from timebank.base.errors import Invalid, NotAllowed, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import last_id
from timebank.journal import Draft
from timebank.people import clerks

Kind = Literal["spouse", "parent", "child", "sibling", "household", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What the first of the two is to the second."""


class Kin(SQLModel, table=True):
    """One link as it was confirmed: `member_a` is the `kind` of `member_b`, from `since` on."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_a"], ["member.community_id", "member.id"], name="fk_kin_member_a"),
        ForeignKeyConstraint(["community_id", "member_b"], ["member.community_id", "member.id"], name="fk_kin_member_b"),
        Index("ix_kin_community_id_member_a_member_b", "community_id", "member_a", "member_b"),
    )

    community_id: int = key_field()
    id: int = key_field()
    member_a: int = Field(sa_type=BigInteger)
    member_b: int = Field(sa_type=BigInteger)
    kind: str
    since: date
    seq: int = Field(sa_type=BigInteger)


class KinEnd(SQLModel, table=True):
    """That a link ended: `until` is its last day, the day on which its end was entered."""

    __tablename__ = "kin_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "kin_id"], ["kin.community_id", "kin.id"]),)

    community_id: int = key_field()
    kin_id: int = key_field()
    until: date
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it stands: member `a` is the `kind` of member `b`, from `since` to `until` (both days count; None is open)."""

    id: int
    a: int
    b: int
    kind: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Wish:
    """A link to be made between two members (their ids); no `since` is today."""

    a: int
    b: int
    kind: Kind
    since: date | None = None


def add(session: Session, act: Act, wish: Wish) -> Link:
    """Link two members; two people, and neither of the two confirms it.

    Raises NotAllowed `approver_missing`, `same_person`, `own_kin`; Invalid `same_member`, `future_date`; Refused
    `linked_already` while a link of the two is open.
    """
    communities.lock(session, act.community_id)
    today = communities.today(session, act)
    since = wish.since or today
    if wish.a == wish.b:
        raise Invalid(say("Nobody is linked to themselves."), "same_member", say("Name two members."))
    _confirmed_by_another(session, act, wish.a, wish.b)
    if since > today:
        raise Invalid(
            say("{day} lies in the future; today is {today}.", day=since, today=today),
            "future_date",
            say("Enter it when the day has come."),
        )
    known = next((link for link in of_two(session, act.community_id, wish.a, wish.b) if link.until is None), None)
    if known is not None:
        raise Refused(
            say("These two are linked already, under number {number}.", number=known.id),
            "linked_already",
            say("End that link first, if another one is right."),
        )
    number = last_id(session, "kin", act.community_id) + 1
    facts: dict[str, object] = {"a": wish.a, "b": wish.b, "kind": wish.kind, "since": since.isoformat()}
    receipt = ledger.post(session, act, Draft("kin.link", today, subject=f"kin:{number}", facts=facts))
    session.add(
        Kin(
            community_id=act.community_id,
            id=number,
            member_a=wish.a,
            member_b=wish.b,
            kind=wish.kind,
            since=since,
            seq=receipt.seq,
        )
    )
    session.flush()
    return Link(number, wish.a, wish.b, wish.kind, since, None)


def end(session: Session, act: Act, number: int) -> Link:
    """End a link; today is its last day, so that nothing done under it is undone. Two people, as for `add`.

    Raises NotFound `unknown_kin`; Refused `ended_already`; NotAllowed `approver_missing`, `same_person`, `own_kin`.
    """
    communities.lock(session, act.community_id)
    link = find(session, act.community_id, number)
    _confirmed_by_another(session, act, link.a, link.b)
    if link.until is not None:
        raise Refused(
            say("Link {number} ended on {day}.", number=number, day=link.until), "ended_already", say("See timebank kin list.")
        )
    today = communities.today(session, act)
    receipt = ledger.post(session, act, Draft("kin.end", today, subject=f"kin:{number}"))
    session.add(KinEnd(community_id=act.community_id, kin_id=number, until=today, seq=receipt.seq))
    session.flush()
    return Link(link.id, link.a, link.b, link.kind, link.since, today)


def _confirmed_by_another(session: Session, act: Act, a: int, b: int) -> None:
    two_people(act)
    if clerks.own_member(session, act.community_id, act.approver) in (a, b):
        raise NotAllowed(
            say("Nobody confirms a link of their own."), "own_kin", say("Let a clerk confirm it who is neither of the two.")
        )


_ENDED = and_(col(KinEnd.community_id) == col(Kin.community_id), col(KinEnd.kin_id) == col(Kin.id))


def find(session: Session, community_id: int, number: int) -> Link:
    """The link of a number. Raises NotFound `unknown_kin`."""
    found = _links(session, community_id, col(Kin.id) == number)
    if not found:
        raise NotFound(say("There is no link {number}.", number=number), "unknown_kin", say("See timebank kin list."))
    return found[0]


def listed(session: Session, community_id: int, member: int | None = None) -> list[Link]:
    """All links, of one member if asked, by number; those that ended too."""
    if member is None:
        return _links(session, community_id)
    return _links(session, community_id, or_(col(Kin.member_a) == member, col(Kin.member_b) == member))


def of_two(session: Session, community_id: int, a: int, b: int) -> list[Link]:
    """The links of two members, whichever of them was named first."""
    one = and_(col(Kin.member_a) == a, col(Kin.member_b) == b)
    return _links(session, community_id, or_(one, and_(col(Kin.member_a) == b, col(Kin.member_b) == a)))


def related(session: Session, community_id: int, a: int, b: int, on: date) -> bool:
    """Whether two members are kin on a day, in either direction; nobody is their own kin."""
    return any(link.since <= on and (link.until is None or on <= link.until) for link in of_two(session, community_id, a, b))


def _links(session: Session, community_id: int, *only: ColumnElement[bool]) -> list[Link]:
    wanted = select(Kin, KinEnd).outerjoin(KinEnd, _ENDED).where(col(Kin.community_id) == community_id, *only)
    return [
        Link(kin.id, kin.member_a, kin.member_b, kin.kind, kin.since, ended.until if ended else None)
        for kin, ended in session.exec(wanted.order_by(col(Kin.id)))
    ]
