"""Public notices: what hangs out, for how many working days, what is objected to, what was decided, and whether it passed.

A notice is about a subject of another room ('hours:17..45', 'rules:2027.1'); that room asks here whether its notice has passed
(`elapsed`), and about the same content: a notice `binds` it by its SHA-256. Every step is a row of its own and an entry; what
is said in words is the entry's text, which can be erased.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, get_args

from sqlalchemy import BigInteger, ColumnElement, ForeignKeyConstraint, Index, and_
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import ledger, workdays
from timebank.approvals import two_people
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import key_field
from timebank.base.errors import Invalid, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.masking import tells_who
from timebank.base.rows import last_id
from timebank.journal import Draft

DAYS_USUAL = 5
"""How many working days a notice hangs where nobody says or demands otherwise."""
DEMANDABLE = ("hours",)
"""What a notice can be demanded of; a rule book demands one of the next version itself (`[change] notice_days`)."""
Result = Literal["upheld", "dismissed"]
RESULTS: tuple[Result, ...] = get_args(Result)
TEXT_CHARACTERS_MAX = 1_000
_SUBJECT = re.compile(r"([a-z][a-z-]{0,29}):([A-Za-z0-9._-]{1,40})")
_NUMBERS = re.compile(r"([0-9]{1,15})(?:\.\.([0-9]{1,15}))?")


class Notice(SQLModel, table=True):
    """One notice: about what, from `begins` to `until` (both days count), which are `days` working days.

    `binds` is the SHA-256 (hex) of what hung out, None where its subject is no content that could change.
    """

    __table_args__ = (Index("ix_notice_community_id_about", "community_id", "about"),)

    community_id: int = key_field()
    id: int = key_field()
    about: str
    begins: date
    until: date
    days: int
    seq: int = Field(sa_type=BigInteger)
    binds: str | None = None


class NoticeDemand(SQLModel, table=True):
    """That a notice of so many working days is demanded of a kind of subject; 0 days: of none any more. The newest counts."""

    __tablename__ = "notice_demand"

    community_id: int = key_field()
    id: int = key_field()
    about: str
    days: int
    seq: int = Field(sa_type=BigInteger)


class Objection(SQLModel, table=True):
    """That somebody objected to a notice; who and why is the entry's text."""

    __table_args__ = (
        ForeignKeyConstraint(["community_id", "notice_id"], ["notice.community_id", "notice.id"]),
        Index("ix_objection_community_id_notice_id", "community_id", "notice_id"),
    )

    community_id: int = key_field()
    id: int = key_field()
    notice_id: int = Field(sa_type=BigInteger)
    received_on: date
    seq: int = Field(sa_type=BigInteger)


class ObjectionResult(SQLModel, table=True):
    """How an objection was decided: 'upheld' or 'dismissed'."""

    __tablename__ = "objection_result"
    __table_args__ = (ForeignKeyConstraint(["community_id", "objection_id"], ["objection.community_id", "objection.id"]),)

    community_id: int = key_field()
    objection_id: int = key_field()
    result: str
    seq: int = Field(sa_type=BigInteger)


class NoticeEnd(SQLModel, table=True):
    """That a notice was closed on a day: 'passed', or 'stopped' by an objection that was upheld."""

    __tablename__ = "notice_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "notice_id"], ["notice.community_id", "notice.id"]),)

    community_id: int = key_field()
    notice_id: int = key_field()
    outcome: str
    closed_on: date
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Posted:
    """A notice as it stands. `state`: open, passed, stopped; `seq` is the entry that holds what it says."""

    id: int
    about: str
    begins: date
    until: date
    days: int
    seq: int
    outcome: str | None
    closed_on: date | None
    binds: str = ""

    @property
    def state(self) -> str:
        """open, passed or stopped."""
        return self.outcome or "open"

    def serves(self, days: int) -> bool:
        """Whether it passed, and hung for so many working days."""
        return self.outcome == "passed" and self.days >= days


@dataclass(frozen=True, slots=True)
class Objected:
    """An objection as it stands; `result` is None until it is decided; `seq` is the entry that holds what it says."""

    id: int
    notice: int
    received_on: date
    seq: int
    result: str | None


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice to be posted: its subject, what it says and where, for how many working days and from which day on (today).

    `binds` is the SHA-256 (hex) of what hangs out; the room of the subject says of what.
    """

    about: str
    what: str
    where: str = ""
    days: int = DAYS_USUAL
    begins: date | None = None
    binds: str = ""


def post(session: Session, act: Act, wish: NewNotice) -> Posted:
    """Post a notice about a subject; its last day is counted now, by the calendars entered so far.

    Raises Invalid `bad_subject`, `no_text`, `text_too_long`, `past_day`, `bad_days`; NotFound `unknown_year`; Refused
    `noticed_already` while another one about the subject is open, or has passed and still speaks for it; `notice_too_short`
    where a longer one is demanded.
    """
    communities.lock(session, act.community_id)
    cid, today = act.community_id, communities.today(session, act)
    if not _SUBJECT.fullmatch(wish.about) or tells_who(wish.about):
        raise Invalid(
            say("{subject} is nothing a notice can be about.", subject=wish.about),
            "bad_subject",
            say("Write what and its number, for example hours:17..45 or rules:2027.1."),
        )
    text = _text(wish.what, wish.where, act.reason)
    begins = wish.begins or today
    if begins < today:
        raise Invalid(
            say("A notice cannot begin on {day}; today is {today}.", day=begins, today=today),
            "past_day",
            say("Its days count from the day on which it hangs and is entered."),
        )
    least = demanded(session, cid, wish.about.partition(":")[0])
    if wish.days < least:
        raise Refused(
            say("A notice about {subject} hangs for at least {days} working days here.", subject=wish.about, days=least),
            "notice_too_short",
            say("Give --days {days}.", days=least),
        )
    others = listed(session, cid, wish.about)
    known = next((n for n in others if n.outcome is None or (n.serves(least) and n.binds == wish.binds)), None)
    if known is not None:
        raise Refused(
            say("Notice {number} is about {subject} already.", number=known.id, subject=wish.about),
            "noticed_already",
            say("See timebank notice show {number}.", number=known.id),
        )
    until = workdays.last_day(session, cid, begins, wish.days)
    number = last_id(session, "notice", cid) + 1
    facts: dict[str, object] = {"about": wish.about, "days": wish.days}
    facts |= {"begins": begins.isoformat(), "until": until.isoformat()}
    facts |= {"binds": wish.binds} if wish.binds else {}
    receipt = ledger.post(session, act, Draft("notice.post", today, subject=f"notice:{number}", facts=facts, text=text))
    notice = Notice(
        community_id=cid,
        id=number,
        about=wish.about,
        begins=begins,
        until=until,
        days=wish.days,
        seq=receipt.seq,
        binds=wish.binds or None,
    )
    session.add(notice)
    session.flush()
    return _posted(notice, None)


def demand(session: Session, act: Act, about: str, days: int) -> NoticeDemand:
    """Demand a notice of so many working days of a kind of subject (`DEMANDABLE`) from now on; 0 days lift it. Two people.

    Raises NotAllowed `approver_missing`, `same_person`; Invalid `bad_subject`, `bad_days`; Refused `demanded_already`.
    """
    two_people(act)
    communities.lock(session, act.community_id)
    if about not in DEMANDABLE:
        raise Invalid(
            say("No notice can be demanded of {subject}.", subject=about),
            "bad_subject",
            say("Name one of these: {names}.", names=", ".join(DEMANDABLE)),
        )
    if not 0 <= days <= workdays.DAYS_MAX:
        raise Invalid(
            say("A notice lasts 1 to {most} working days.", most=workdays.DAYS_MAX),
            "bad_days",
            say("Give another number with --days; 0 lifts the demand."),
        )
    if demanded(session, act.community_id, about) == days:
        raise Refused(
            say("That is so already: {days} working days for {subject}.", days=days, subject=about),
            "demanded_already",
            say("See timebank notice list."),
        )
    number = last_id(session, "notice_demand", act.community_id) + 1
    draft = Draft("notice.demand", communities.today(session, act), subject=f"notice_demand:{number}")
    receipt = ledger.post(session, act, draft._replace(facts={"about": about, "days": days}, text=act.reason or None))
    made = NoticeDemand(community_id=act.community_id, id=number, about=about, days=days, seq=receipt.seq)
    session.add(made)
    session.flush()
    return made


def demanded(session: Session, community_id: int, about: str) -> int:
    """For how many working days a notice about this kind of subject has to hang now; 0: none is demanded."""
    wanted = select(NoticeDemand.days).where(col(NoticeDemand.community_id) == community_id, col(NoticeDemand.about) == about)
    return session.exec(wanted.order_by(col(NoticeDemand.id).desc()).limit(1)).first() or 0


def object_(session: Session, act: Act, number: int, why: str, by: str = "", received: date | None = None) -> Objected:
    """Take down an objection to an open notice, received on one of its days (by default today); who objects may stay unsaid.

    Raises NotFound `unknown_notice`; Refused `notice_closed`, `outside_notice`; Invalid `no_text`, `text_too_long`,
    `future_date`.
    """
    communities.lock(session, act.community_id)
    cid, today = act.community_id, communities.today(session, act)
    notice = _open(session, cid, number)
    text = _text(why, by, act.reason)
    day = received or today
    if day > today:
        raise Invalid(
            say("{day} lies in the future; today is {today}.", day=day, today=today),
            "future_date",
            say("Enter it when the day has come."),
        )
    if not notice.begins <= day <= notice.until:
        raise Refused(
            say("Notice {number} hangs from {begins} to {until}.", number=number, begins=notice.begins, until=notice.until),
            "outside_notice",
            say(
                "Give the day on which the objection came in with --received; what comes later is no objection to this notice."
            ),
        )
    objection = last_id(session, "objection", cid) + 1
    draft = Draft("notice.object", day, subject=f"objection:{objection}", facts={"notice": number}, text=text)
    receipt = ledger.post(session, act, draft)
    session.add(Objection(community_id=cid, id=objection, notice_id=number, received_on=day, seq=receipt.seq))
    session.flush()
    return Objected(objection, number, day, receipt.seq, None)


def decide(session: Session, act: Act, objection: int, result: Result, why: str) -> Objected:
    """Decide an objection. Two people; one that is upheld stops the notice.

    Raises NotAllowed `approver_missing`, `same_person`; NotFound `unknown_objection`; Refused `decided_already`; Invalid
    `no_text`, `text_too_long`.
    """
    two_people(act)
    communities.lock(session, act.community_id)
    cid = act.community_id
    found = _objections(session, cid, col(Objection.id) == objection)
    if not found:
        raise NotFound(
            say("There is no objection {number}.", number=objection), "unknown_objection", say("See timebank notice list.")
        )
    known = found[0]
    if known.result is not None:
        raise Refused(
            say("Objection {number} was decided already.", number=objection),
            "decided_already",
            say("See timebank notice show {number}.", number=known.notice),
        )
    text = _text(why, act.reason)
    draft = Draft("notice.decide", communities.today(session, act), subject=f"objection:{objection}")
    receipt = ledger.post(session, act, draft._replace(facts={"result": result}, text=text))
    session.add(ObjectionResult(community_id=cid, objection_id=objection, result=result, seq=receipt.seq))
    session.flush()
    return Objected(objection, known.notice, known.received_on, known.seq, result)


def close(session: Session, act: Act, number: int) -> Posted:
    """Close a notice whose days are over and whose objections are decided: passed, or stopped if one was upheld.

    Raises NotFound `unknown_notice`; Refused `notice_closed`, `notice_running`, `objection_open`.
    """
    communities.lock(session, act.community_id)
    cid, today = act.community_id, communities.today(session, act)
    notice = _open(session, cid, number)
    made = objections(session, cid, number)
    stopped = any(objection.result == "upheld" for objection in made)
    undecided = [objection.id for objection in made if objection.result is None]
    if undecided:
        raise Refused(
            say("Objection {number} is not decided yet.", number=undecided[0]),
            "objection_open",
            say("Decide it first: timebank notice decide {number}", number=undecided[0]),
        )
    if today <= notice.until and not stopped:
        raise Refused(
            say("Notice {number} hangs until {day}.", number=number, day=notice.until),
            "notice_running",
            say("Close it on the day after."),
        )
    outcome = "stopped" if stopped else "passed"
    draft = Draft("notice.close", today, subject=f"notice:{number}", facts={"outcome": outcome})
    receipt = ledger.post(session, act, draft)
    session.add(NoticeEnd(community_id=cid, notice_id=number, outcome=outcome, closed_on=today, seq=receipt.seq))
    session.flush()
    return replace(notice, outcome=outcome, closed_on=today)


def elapsed(session: Session, community_id: int, subject: str, today: date, *, binds: str = "") -> bool:
    """Whether by this day a notice about the subject, or about a stretch that holds it, was closed without an objection upheld.

    For rooms that demand a notice before they go on: 'hours:20' passed with 'hours:17..45'. With `binds` only a notice counts
    that bound this content (hex).
    """
    passed = [n for n in of_kind(session, community_id, subject.partition(":")[0]) if n.outcome == "passed"]
    by_then = [n for n in passed if n.closed_on is not None and n.closed_on <= today]
    return any(covers(n.about, subject) and (not binds or n.binds == binds) for n in by_then)


def covers(noticed: str, asked: str) -> bool:
    """Whether a notice about one subject speaks for another: the same, or a stretch of numbers within it."""
    if noticed == asked:
        return True
    (kind, _, whole), (other, _, part) = noticed.partition(":"), asked.partition(":")
    outer, inner = stretch(whole), stretch(part)
    return kind == other and outer is not None and inner is not None and outer[0] <= inner[0] and inner[1] <= outer[1]


def stretch(numbers: str) -> tuple[int, int] | None:
    """The first and last of '17..45', or of '17'; None for what is no number."""
    found = _NUMBERS.fullmatch(numbers)
    return (int(found[1]), int(found[2] or found[1])) if found else None


def find(session: Session, community_id: int, number: int) -> Posted:
    """The notice of a number. Raises NotFound `unknown_notice`."""
    found = _notices(session, community_id, col(Notice.id) == number)
    if not found:
        raise NotFound(say("There is no notice {number}.", number=number), "unknown_notice", say("See timebank notice list."))
    return found[0]


def listed(session: Session, community_id: int, about: str = "") -> list[Posted]:
    """All notices, or those about one subject, by number."""
    return _notices(session, community_id, *([col(Notice.about) == about] if about else []))


def of_kind(session: Session, community_id: int, kind: str) -> list[Posted]:
    """The notices about subjects of one kind ('hours', 'rules'), by number."""
    return _notices(session, community_id, col(Notice.about).startswith(f"{kind}:", autoescape=True))


def objections(session: Session, community_id: int, notice: int) -> list[Objected]:
    """The objections to a notice, by number."""
    return _objections(session, community_id, col(Objection.notice_id) == notice)


def words(session: Session, community_id: int, items: Iterable[Posted | Objected]) -> dict[int, Sequence[str]]:
    """What notices or objections say, by number: what and where, or why and by whom; nothing where it was erased."""
    by_seq = {item.seq: item.id for item in items}
    told = ledger.texts(session, community_id, list(by_seq))
    return {number: (*json.loads(told.get(seq, "[]")), "", "")[:2] for seq, number in by_seq.items()}


def _open(session: Session, community_id: int, number: int) -> Posted:
    notice = find(session, community_id, number)
    if notice.outcome is not None:
        raise Refused(
            say("Notice {number} was closed on {day}.", number=number, day=notice.closed_on),
            "notice_closed",
            say("See timebank notice show {number}.", number=number),
        )
    return notice


def _text(first: str, *more: str) -> str:
    """What must be said, then what may be, as one text: a JSON list."""
    text = json.dumps([first, *more], ensure_ascii=False)
    if not first:
        raise Invalid(say("It is not said what this is about."), "no_text", say("Say it in a sentence."))
    if len(first) + sum(map(len, more)) > TEXT_CHARACTERS_MAX:
        raise Invalid(
            say("The text has more than {count} characters.", count=TEXT_CHARACTERS_MAX),
            "text_too_long",
            say("Say it shorter."),
        )
    return text


_ENDED = and_(col(NoticeEnd.community_id) == col(Notice.community_id), col(NoticeEnd.notice_id) == col(Notice.id))
_DECIDED = and_(
    col(ObjectionResult.community_id) == col(Objection.community_id), col(ObjectionResult.objection_id) == col(Objection.id)
)


def _notices(session: Session, community_id: int, *only: ColumnElement[bool]) -> list[Posted]:
    wanted = select(Notice, NoticeEnd).outerjoin(NoticeEnd, _ENDED).where(col(Notice.community_id) == community_id, *only)
    return [_posted(notice, end) for notice, end in session.exec(wanted.order_by(col(Notice.id)))]


def _posted(n: Notice, end: NoticeEnd | None) -> Posted:
    outcome, closed_on = (end.outcome, end.closed_on) if end else (None, None)
    return Posted(n.id, n.about, n.begins, n.until, n.days, n.seq, outcome, closed_on, n.binds or "")


def _objections(session: Session, community_id: int, *only: ColumnElement[bool]) -> list[Objected]:
    wanted = select(Objection, ObjectionResult).outerjoin(ObjectionResult, _DECIDED)
    wanted = wanted.where(col(Objection.community_id) == community_id, *only)
    return [
        Objected(o.id, o.notice_id, o.received_on, o.seq, decided.result if decided else None)
        for o, decided in session.exec(wanted.order_by(col(Objection.id)))
    ]
