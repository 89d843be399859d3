"""Communities (a small reference table) and their state rows: the log's head and the lock every writer takes first."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import BigInteger, ForeignKeyConstraint, LargeBinary, event, func, text
from sqlmodel import Field, Session, SQLModel, col, select

from timebank.base.act import Act
from timebank.base.db import Utc, instant, key_field, update_rows
from timebank.base.errors import Conflict, Invalid, NotFound
from timebank.base.i18n import say
from timebank.base.masking import tells_who
from timebank.base.months import parse_period, period_of
from timebank.base.rows import first, moment, select_rows

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
    if not _CODE.fullmatch(wish.code) or tells_who(wish.code):
        raise Invalid(
            say("{code} cannot be a community's code.", code=wish.code),
            "bad_code",
            say("Use 2 to 40 of a-z, 0-9 and -, no phone or identity number, for example 520201-jianshe."),
        )
    try:
        ZoneInfo(wish.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Invalid(
            say("There is no time zone {timezone}.", timezone=wish.timezone), "bad_timezone", say("For example Asia/Shanghai.")
        ) from error
    if wish.points_decimals not in (0, 1):
        raise Invalid(say("Points have 0 or 1 decimals."), "bad_decimals", say("Use --points-decimals 0 or 1."))


def found_alone(session: Session) -> None:
    """Let nobody else found a community until this transaction ends. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE community IN SHARE ROW EXCLUSIVE MODE"))


def found(session: Session, act: Act, wish: Community, open_from: str | None) -> Community:
    """Found a community: its reference row and its state row.

    `wish` has id 0; `open_from` is the first month of the book ('2026-01'), by default the month of today. Raises Invalid
    `bad_code`, `bad_timezone`, `bad_decimals`, `bad_period`; Conflict `community_exists`.
    """
    check(wish)
    found_alone(session)
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
    return first(session, Community, code=code)


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
        missing = say("There is no community {code} in this database.", code=code) if code else None
        raise NotFound(
            missing or say("There is no community in this database yet."),
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


@dataclass(slots=True)
class State:
    """A community's state row in the hands of a transaction, with the community's code and time zone: they never change."""

    community_id: int
    code: str
    timezone: str
    points_decimals: int
    incarnation: int
    size: int
    frontier: bytes
    posted_at: datetime
    opened_from: str
    open_period: str

    @property
    def origin(self) -> str:
        """The name of the log: '520201-jianshe/1'."""
        return f"{self.code}/{self.incarnation}"


def lock(session: Session, community_id: int) -> State:
    """Lock a community for writing and give its state: the first act of every writing transaction."""
    locked: dict[int, State] = session.info.setdefault(_LOCKED, {})
    if community_id not in locked:
        # SQLite took the whole database's lock with BEGIN IMMEDIATE and knows no FOR UPDATE.
        locking = "" if session.get_bind().dialect.name == "sqlite" else " FOR UPDATE OF s"
        locked[community_id] = _read(session, community_id, locking)
    return locked[community_id]


def state(session: Session, community_id: int) -> State:
    """A community's state as this transaction has it, without a lock."""
    locked: dict[int, State] = session.info.get(_LOCKED, {})
    return locked.get(community_id) or _read(session, community_id, "")


def save(session: Session, state: State) -> None:
    """Write a state that changed: whoever locked it keeps it."""
    row = (state.incarnation, state.size, state.frontier, instant(state.posted_at), state.open_period, state.community_id)
    columns = ("incarnation", "size", "frontier", "posted_at", "open_period")
    update_rows(session, "community_state", columns, ("community_id",), [row])


_STATE = """
    SELECT s.community_id, c.code, c.timezone, c.points_decimals,
      s.incarnation, s.size, s.frontier, s.posted_at, s.opened_from, s.open_period
    FROM community_state s JOIN community c ON c.id = s.community_id WHERE s.community_id = ?"""


def _read(session: Session, community_id: int, locking: str) -> State:
    (row,) = select_rows(session, _STATE + locking, (community_id,))
    cid, code, timezone, decimals, incarnation, size, frontier, posted_at, opened_from, open_period = row
    log = (incarnation, size, bytes(frontier), moment(posted_at))
    return State(cid, code, timezone, decimals, *log, opened_from, open_period)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, _transaction: object) -> None:
    """What was taken back, a rehearsal within a transaction as well, is read anew; the lock itself stays."""
    session.info.pop(_LOCKED, None)


def today(session: Session, act: Act) -> date:
    """The calendar day of an act in its community."""
    return act.today(state(session, act.community_id).timezone)
