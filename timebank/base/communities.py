"""Communities (a small reference table) and their state rows: the log's head and the lock every writer takes first."""

import re
from datetime import date, datetime
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import BigInteger, ForeignKeyConstraint, LargeBinary, func
from sqlmodel import Field, Session, SQLModel, col, select

from timebank.base.act import Act
from timebank.base.db import Utc, key_field
from timebank.base.errors import Conflict, Invalid, NotFound
from timebank.base.i18n import say
from timebank.base.months import parse_period, period_of

# What a session (one transaction) keeps by these names: rows that nearly every statement needs, read once.
_LOCKED = "timebank_locked"
_KNOWN = "timebank_known"
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")


class Community(SQLModel, table=True):
    """A neighbourhood office with a book of its own. Set at `init`, for ever, but for the name."""

    id: int = key_field()
    code: str = Field(unique=True)
    name: str
    timezone: str
    credits_unit: str
    points_decimals: int
    founded_at: datetime = Field(sa_type=Utc)


class CommunityState(SQLModel, table=True):
    """The head of one community's log, its first open month and its clock. Whoever writes locks this row first."""

    __tablename__ = "community_state"
    __table_args__ = (ForeignKeyConstraint(["community_id"], ["community.id"]),)

    community_id: int = key_field()
    incarnation: int = 1
    size: int = Field(default=0, sa_type=BigInteger)
    frontier: bytes = Field(default=b"", sa_type=LargeBinary)
    posted_at: datetime = Field(sa_type=Utc)
    opened_from: str
    open_period: str


def check(wish: Community) -> None:
    """Refuse what cannot be a community. Raises Invalid `bad_code`, `bad_timezone`, `bad_decimals`."""
    if not _CODE.fullmatch(wish.code):
        raise Invalid(
            say("{code} cannot be a community's code.", code=wish.code),
            "bad_code",
            say("Use 2 to 40 of a-z, 0-9 and -, for example 520201-jianshe."),
        )
    try:
        ZoneInfo(wish.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Invalid(
            say("There is no time zone {timezone}.", timezone=wish.timezone), "bad_timezone", say("For example Asia/Shanghai.")
        ) from error
    if wish.points_decimals not in (0, 1):
        raise Invalid(say("Points have 0 or 1 decimals."), "bad_decimals", say("Use --points-decimals 0 or 1."))


def found(session: Session, act: Act, wish: Community, open_from: str | None) -> Community:
    """Found a community: its reference row and its state row.

    `wish` has id 0; `open_from` is the first month of the book ('2026-01'), by default the month of today. Raises Invalid
    `bad_code`, `bad_timezone`, `bad_decimals`, `bad_period`; Conflict `community_exists`.
    """
    check(wish)
    if with_code(session, wish.code):
        refuse_twice(wish.code)
    today = act.today(wish.timezone)
    opened = parse_period(open_from) if open_from else period_of(today)
    if opened > period_of(today):
        raise Invalid(say("{period} lies in the future.", period=opened), "bad_period", say("Open from this month or earlier."))
    last = session.exec(select(func.max(Community.id))).one()
    community = Community(**{**wish.model_dump(), "id": (last or 0) + 1, "founded_at": act.now})
    session.add(community)
    session.flush()
    session.add(CommunityState(community_id=community.id, posted_at=act.now, opened_from=opened, open_period=opened))
    session.flush()
    return community


def listed(session: Session) -> list[Community]:
    """All communities of the database."""
    return list(session.exec(select(Community).order_by(col(Community.id))))


def with_code(session: Session, code: str) -> Community | None:
    """The community of that code, if it is here."""
    return session.exec(select(Community).where(Community.code == code)).first()


def refuse_twice(code: str) -> NoReturn:
    """Raises Conflict `community_exists`."""
    raise Conflict(
        say("A community {code} is in this database already.", code=code),
        "community_exists",
        say("Choose another --community, or go on with this one."),
    )


def find(session: Session, code: str | None) -> Community:
    """The community of that code, or the only one. Raises NotFound `no_community`, Invalid `which_community`."""
    wanted = select(Community) if code is None else select(Community).where(Community.code == code)
    rows = session.exec(wanted.order_by(col(Community.id)).limit(2)).all()
    if not rows:
        raise NotFound(
            say("There is no community {code} in this database.", code=code or ""),
            "no_community",
            say("Found one: timebank init --community CODE --name NAME"),
        )
    if len(rows) > 1:
        raise Invalid(
            say("This database holds several communities."), "which_community", say("Name one with --community CODE.")
        )
    return rows[0]


def get(session: Session, community_id: int) -> Community:
    """The community of an id made by this program; its absence is a bug."""
    known: dict[int, Community] = session.info.setdefault(_KNOWN, {})
    if community_id not in known:
        known[community_id] = session.get_one(Community, community_id)
    return known[community_id]


def lock(session: Session, community_id: int) -> CommunityState:
    """Lock a community for writing and give its state: the first act of every writing transaction."""
    locked: dict[int, CommunityState] = session.info.setdefault(_LOCKED, {})
    if community_id not in locked:
        wanted = select(CommunityState).where(CommunityState.community_id == community_id).with_for_update()
        locked[community_id] = session.exec(wanted).one()
    return locked[community_id]


def today(session: Session, act: Act) -> date:
    """The calendar day of an act in its community."""
    return act.today(get(session, act.community_id).timezone)
