"""Staff: who owns a shop, works there, or is kin of who does. Nobody's voucher is issued for their own shop.

A link is never changed: a row says that it holds, another one, at most once, that it ended. To add one only forbids, so one
person does; to end one allows again, so two do, neither of them the member.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from sqlalchemy import BigInteger, ColumnElement, ForeignKeyConstraint, Index, and_
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import ledger
from timebank.approvals import two_people
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import key_field
from timebank.base.errors import NotAllowed, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import last_id
from timebank.journal import Draft
from timebank.people import clerks

Role = Literal["owner", "staff", "kin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""What a member is to a shop. Kin of its people may have vouchers there; an audit of abuse looks at them."""
OWN: frozenset[str] = frozenset({"owner", "staff"})
"""Whose vouchers are refused at the shop."""


class Staff(SQLModel, table=True):
    """One link: a member is the `role` of a shop, from `since` on."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        Index("ix_staff_community_id_merchant_id_member_id", "community_id", "merchant_id", "member_id"),
    )

    community_id: int = key_field()
    id: int = key_field()
    merchant_id: int = Field(sa_type=BigInteger)
    member_id: int = Field(sa_type=BigInteger)
    role: str
    since: date
    seq: int = Field(sa_type=BigInteger)


class StaffEnd(SQLModel, table=True):
    """That a link ended: `until` is its last day, the day on which its end was entered."""

    __tablename__ = "staff_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "staff_id"], ["staff.community_id", "staff.id"]),)

    community_id: int = key_field()
    staff_id: int = key_field()
    until: date
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it stands: a member is the `role` of a shop from `since` to `until` (both days count; None is open)."""

    id: int
    merchant_id: int
    member_id: int
    role: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Wish:
    """A link to be made between a shop and a member (their ids)."""

    merchant_id: int
    member_id: int
    role: Role


def add(session: Session, act: Act, wish: Wish) -> Link:
    """Say that a member belongs to a shop, from today on. Raises Refused `linked_already` while a link of the two is open."""
    communities.lock(session, act.community_id)
    cid, today = act.community_id, communities.today(session, act)
    for known in of_merchant(session, cid, wish.merchant_id, today):
        if known.member_id == wish.member_id:
            raise Refused(
                say("This member is on the shop's list already, under number {number}.", number=known.id),
                "linked_already",
                say("End that one first, if another one is right."),
            )
    number = last_id(session, "staff", cid) + 1
    facts: dict[str, object] = {"merchant": wish.merchant_id, "member": wish.member_id, "role": wish.role}
    receipt = ledger.post(session, act, Draft("staff.add", today, subject=f"staff:{number}", facts=facts))
    session.add(
        Staff(
            community_id=cid,
            id=number,
            merchant_id=wish.merchant_id,
            member_id=wish.member_id,
            role=wish.role,
            since=today,
            seq=receipt.seq,
        )
    )
    session.flush()
    return Link(number, wish.merchant_id, wish.member_id, wish.role, today, None)


def end(session: Session, act: Act, number: int) -> Link:
    """End a link; today is its last day, so that nothing refused under it is had the same day. Two people.

    Raises NotFound `unknown_staff`; Refused `ended_already`; NotAllowed `approver_missing`, `same_person`, `own_shop`.
    """
    communities.lock(session, act.community_id)
    cid, today = act.community_id, communities.today(session, act)
    link = find(session, cid, number)
    two_people(act)
    if clerks.own_member(session, cid, act.approver) == link.member_id:
        raise NotAllowed(
            say("Nobody confirms that they have left a shop themselves."), "own_shop", say("Let another clerk confirm it.")
        )
    if link.until is not None:
        raise Refused(
            say("Number {number} of the list ended on {day}.", number=number, day=link.until),
            "ended_already",
            say("See timebank staff list."),
        )
    receipt = ledger.post(session, act, Draft("staff.end", today, subject=f"staff:{number}"))
    session.add(StaffEnd(community_id=cid, staff_id=number, until=today, seq=receipt.seq))
    session.flush()
    return Link(link.id, link.merchant_id, link.member_id, link.role, link.since, today)


def find(session: Session, community_id: int, number: int) -> Link:
    """The link of a number. Raises NotFound `unknown_staff`."""
    found = _links(session, community_id, col(Staff.id) == number)
    if not found:
        raise NotFound(
            say("There is no number {number} on any shop's list.", number=number),
            "unknown_staff",
            say("See timebank staff list."),
        )
    return found[0]


def listed(session: Session, community_id: int) -> list[Link]:
    """All links of all shops, by number; those that ended too."""
    return _links(session, community_id)


def of_merchant(session: Session, community_id: int, merchant_id: int, on: date | None = None) -> list[Link]:
    """Who belongs to a shop, by number: all there ever were, or those of one day."""
    links = _links(session, community_id, col(Staff.merchant_id) == merchant_id)
    return [link for link in links if on is None or link.since <= on <= (link.until or on)]


def works_at(session: Session, community_id: int, merchant_id: int, member_id: int, on: date) -> bool:
    """Whether a member owns a shop or works there on a day."""
    links = _links(session, community_id, col(Staff.merchant_id) == merchant_id, col(Staff.member_id) == member_id)
    return any(link.role in OWN and link.since <= on <= (link.until or on) for link in links)


_ENDED = and_(col(StaffEnd.community_id) == col(Staff.community_id), col(StaffEnd.staff_id) == col(Staff.id))


def _links(session: Session, community_id: int, *only: ColumnElement[bool]) -> list[Link]:
    wanted = select(Staff, StaffEnd).outerjoin(StaffEnd, _ENDED).where(col(Staff.community_id) == community_id, *only)
    return [
        Link(row.id, row.merchant_id, row.member_id, row.role, row.since, ended.until if ended else None)
        for row, ended in session.exec(wanted.order_by(col(Staff.id)))
    ]
