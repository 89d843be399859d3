"""Who came and who went: a service from a sign-in to its sign-out.

A sign-in is an entry and a row of its own. Its service is known by it (`ref` is 'sign-in:7'), so that one ends once; a sign-in
whose service nobody has recorded is open.
"""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, String, and_, cast, literal
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import approvals, hours, ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import key_field
from timebank.base.errors import Invalid, Refused
from timebank.base.i18n import say
from timebank.base.imported import Imported
from timebank.base.rows import last_id
from timebank.journal import Draft
from timebank.people import members
from timebank.people.members import Member
from timebank.services import MINUTES_A_DAY_MAX, SIGNED_REFS, Record, Service, clock

KIND = "hours.sign-in"


class SignIn(SQLModel, table=True):
    """That a member came, on a day, `starts` minutes after midnight, and what for."""

    __tablename__ = "sign_in"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        Index("ix_sign_in_community_id_member_id", "community_id", "member_id"),
    )

    community_id: int = key_field()
    id: int = key_field()
    member_id: int = Field(sa_type=BigInteger)
    day: date
    starts: int
    category: str
    activity_no: str
    place: str
    team: str
    programme: str
    seq: int = Field(sa_type=BigInteger)

    @property
    def ref(self) -> str:
        """Under which its service is recorded."""
        return f"{SIGNED_REFS}{self.id}"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What somebody came for, as in a record of service."""

    category: str = ""
    activity_no: str = ""
    place: str = ""
    team: str = ""
    programme: str = ""


def sign_in(session: Session, act: Act, number: str, what_for: Purpose, at: int | None = None) -> SignIn:
    """Note that a member came today, now or at a time (minutes after midnight) that has passed.

    Raises NotFound `unknown_member`; Refused `member_inactive`, `signed_in_already`, and as `hours.check_words`: nobody could
    sign out of what cannot be recorded; Invalid `future_time`.
    """
    communities.lock(session, act.community_id)
    cid = act.community_id
    member = members.find_active(session, cid, number)
    today, now = _now(session, act)
    last = _open_of(session, cid, member)
    if last is not None:
        raise Refused(
            say(
                "{number} came on {day} at {time} and did not go yet.",
                number=member.number,
                day=last.day,
                time=clock(last.starts),
            ),
            "signed_in_already",
            say("Sign out first: timebank hours sign-out {number}", number=member.number),
        )
    starts = _passed(at, now)
    hours.check_words(session, act, _wanted(member, today, what_for))
    own = last_id(session, "sign_in", cid) + 1
    facts: dict[str, object] = {"member": member.id, "starts": starts}
    receipt = ledger.post(session, act, Draft(KIND, today, subject=f"sign_in:{own}", facts=facts))
    row = SignIn(
        community_id=cid,
        id=own,
        member_id=member.id,
        day=today,
        starts=starts,
        category=what_for.category,
        activity_no=what_for.activity_no,
        place=what_for.place,
        team=what_for.team,
        programme=what_for.programme,
        seq=receipt.seq,
    )
    session.add(row)
    session.flush()
    return row


def sign_out(session: Session, act: Act, number: str, at: int | None = None) -> Imported:
    """Record the service of a member who came, until now or until a time that has passed; see `hours.record`.

    On a later day a second person confirms the time. Raises NotFound `unknown_member`; Refused `not_signed_in`,
    `no_sign_out`, and as `hours.record`; NotAllowed `approver_missing`, `same_person`; Invalid `future_time`, `bad_span`.
    """
    communities.lock(session, act.community_id)
    member = members.find(session, act.community_id, number)
    came = _open_of(session, act.community_id, member)
    if came is None:
        raise Refused(
            say("{number} did not sign in.", number=member.number),
            "not_signed_in",
            say("Record the service with timebank hours record."),
        )
    today, now = _now(session, act)
    ends = _passed(at, now) if came.day == today else _late(act, came, at)
    if ends <= came.starts:
        raise Invalid(
            say("{number} came at {time}; that is no span within a day.", number=member.number, time=clock(came.starts)),
            "bad_span",
            say("Who serves past midnight: sign out at 24:00, and record the rest as a service of the next day."),
        )
    return hours.record_signed(session, act, _record(came, member, ends))


def open_ones(session: Session, community_id: int) -> list[SignIn]:
    """The sign-ins whose service nobody has recorded, oldest first."""
    ended = and_(
        col(Service.community_id) == col(SignIn.community_id),
        col(Service.ref) == literal(SIGNED_REFS) + cast(col(SignIn.id), String),
    )
    wanted = select(SignIn).outerjoin(Service, ended)
    return list(
        session.exec(wanted.where(col(SignIn.community_id) == community_id, col(Service.id).is_(None)).order_by(col(SignIn.id)))
    )


def _open_of(session: Session, community_id: int, member: Member) -> SignIn | None:
    """The last sign-in of a member, unless its service is recorded."""
    own = (col(SignIn.community_id) == community_id, col(SignIn.member_id) == member.id)
    last = session.exec(select(SignIn).where(*own).order_by(col(SignIn.id).desc()).limit(1)).first()
    if last is None:
        return None
    known = select(Service.id).where(col(Service.community_id) == community_id, col(Service.ref) == last.ref).limit(1)
    return last if session.exec(known).first() is None else None


def _now(session: Session, act: Act) -> tuple[date, int]:
    """The day and the minute of an act where the community lives."""
    there = act.now.astimezone(ZoneInfo(communities.state(session, act.community_id).timezone))
    return there.date(), 60 * there.hour + there.minute


def _passed(at: int | None, now: int) -> int:
    if at is not None and at > now:
        raise Invalid(
            say("It is {now} now; {time} has not come yet.", now=clock(now), time=clock(at)),
            "future_time",
            say("Give a time that has passed, or none for now."),
        )
    return now if at is None else at


def _late(act: Act, came: SignIn, at: int | None) -> int:
    """The end that a second person confirms, where nobody signed out on the day itself."""
    if at is None or at > MINUTES_A_DAY_MAX:
        raise Refused(
            say("Nobody signed out on {day}; the end is not known.", day=came.day),
            "no_sign_out",
            say("Give it with --at, and let the captain or a second clerk confirm it with --approver."),
        )
    approvals.two_people(act)
    return at


def _wanted(member: Member, day: date, p: Purpose) -> Record:
    """What will be recorded, but for its time."""
    record = Record(member.number, day, 0, p.category, confirmed_by="sign-in")
    return record._replace(activity_no=p.activity_no, place=p.place, team=p.team, programme=p.programme)


def _record(came: SignIn, member: Member, ends: int) -> Record:
    what_for = Purpose(came.category, came.activity_no, came.place, came.team, came.programme)
    wanted = _wanted(member, came.day, what_for)
    return wanted._replace(ref=came.ref, minutes=ends - came.starts, starts=came.starts, ends=ends)
