"""Published rule books: full text and hash, insert-only; which one speaks for a day of service."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, Session, SQLModel, select

from timebank import ledger, notices, rulefile
from timebank.approvals import two_people
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.db import Utc, key_field
from timebank.base.errors import Conflict, Invalid, NotFound, Refused
from timebank.base.i18n import Say, say
from timebank.base.masking import unfit_word
from timebank.base.rows import all_with
from timebank.journal import ACCOUNT, Draft
from timebank.rewards import RuleBook

_RESOLUTION = re.compile(r"[\w〔〕\[\]()()./-]{1,40}")
_HASH_SHOWN = 16


class RuleBookRow(SQLModel, table=True):
    """One published version. The same version with another hash is refused; nothing is ever changed."""

    __tablename__ = "rulebook"

    community_id: int = key_field()
    version: str = Field(primary_key=True)
    sha256: str
    name: str
    title: str
    effective_from: date
    effective_to: date | None = None
    text: str = Field(sa_type=Text)
    resolution: str
    published_at: datetime = Field(sa_type=Utc)
    seq: int = Field(sa_type=BigInteger)

    @property
    def book(self) -> RuleBook:
        """The book that the text says."""
        return _stored(self.text)

    @property
    def ref(self) -> str:
        """How entries name this text: version@hash (the first 16 hexadecimal digits of its SHA-256)."""
        return f"{self.version}@{self.sha256[:_HASH_SHOWN]}"


@dataclass(frozen=True, slots=True)
class Published:
    """A rule book as it was published: `ref` is 'version@hash'."""

    book: RuleBook
    ref: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """All published rule books, newest choice first: what speaks for a day."""

    books: tuple[Published, ...]

    def on(self, day: date) -> Published | None:
        """The book for a day of service: of those that cover it, the one that begins last, then the one published last."""
        return next((published for published in self.books if published.book.covers(day)), None)

    def named(self, ref: str) -> Published:
        """The book that an entry names, 'version@hash'; its absence is a bug, as books are never withdrawn."""
        return next(published for published in self.books if published.ref == ref)


def check(data: bytes) -> rulefile.Reading:
    """Read a rule book file. Raises Invalid `bad_rules` with a finding for every mistake at once."""
    reading = rulefile.read(data)
    if reading.book is None or reading.errors:
        raise Invalid(
            say("Mistakes in this rule book: {count}", count=len(reading.errors)),
            "bad_rules",
            say("Correct what is named and run timebank rules check FILE again."),
            reading.errors,
        )
    return reading


def publish(session: Session, act: Act, data: bytes, resolution: str, retroactive: str = "") -> RuleBookRow:
    """Publish a rule book by a committee's resolution; two people. Pools it names are opened.

    Raises Invalid `bad_rules`, `bad_resolution`, `other_decimals`; Conflict `version_taken`; Refused `starts_in_the_past`
    unless `retroactive` says why, `notice_not_passed` where a notice about the version hangs or was stopped, `notice_demanded`
    where the book of today asks for one, `notice_of_other_text` where it was another text that hung out; NotAllowed
    `approver_missing`, `same_person`. The same text again gives the known row.
    """
    two_people(act)
    communities.lock(session, act.community_id)
    book = check(data).book
    assert book is not None, "a reading without errors has a book"
    digest = rulefile.digest(data)
    known = session.get(RuleBookRow, (act.community_id, book.version))
    if known is not None:
        if known.sha256 == digest:
            return known
        raise Conflict(
            say("Version {version} was published with another text.", version=book.version),
            "version_taken",
            say("Give the new text a new version; what was published stays."),
        )
    _check_terms(session, act, book, resolution, retroactive)
    _check_notice(session, act.community_id, (book.version, digest), communities.today(session, act))
    opened = select(ACCOUNT.holder).where(ACCOUNT.community_id == act.community_id, ACCOUNT.holder.startswith("pool:"))
    there = set(session.execute(opened).scalars())
    ledger.open_accounts(
        session,
        act.community_id,
        [(f"pool:{name}", "points", "available") for name in book.pools if f"pool:{name}" not in there],
    )
    facts: dict[str, object] = {"version": book.version, "sha256": digest, "effective_from": book.effective_from.isoformat()}
    if book.effective_to:
        facts["effective_to"] = book.effective_to.isoformat()
    draft = Draft(
        "rules.publish",
        communities.today(session, act),
        subject=f"rules:{book.version}",
        facts={**facts, "resolution": resolution},
        text=retroactive or None,
    )
    receipt = ledger.post(session, act, draft)
    row = RuleBookRow(
        community_id=act.community_id,
        version=book.version,
        sha256=digest,
        name=book.name,
        title=book.title,
        effective_from=book.effective_from,
        effective_to=book.effective_to,
        text=data.decode(),
        resolution=resolution,
        published_at=act.now,
        seq=receipt.seq,
    )
    session.add(row)
    session.flush()
    return row


def _check_terms(session: Session, act: Act, book: RuleBook, resolution: str, retroactive: str) -> None:
    community = communities.get(session, act.community_id)
    if not is_resolution(resolution):
        raise Invalid(
            say("{resolution} cannot be a resolution's number.", resolution=resolution),
            "bad_resolution",
            say("Give the number of the minutes, for example --resolution 2026-7."),
        )
    check_decimals(book, community)
    if book.effective_from < act.today(community.timezone) and not retroactive:
        raise Refused(
            say("The rule book begins on {day}, which has passed.", day=book.effective_from),
            "starts_in_the_past",
            say("Let it begin today or later, or give the reason with --retroactive REASON."),
        )


def is_resolution(number: str) -> bool:
    """Whether it can be a resolution's number, as the minutes have it: '2026-7', '(2026)9号'."""
    return _RESOLUTION.fullmatch(number) is not None and not unfit_word(number)


def _check_notice(session: Session, community_id: int, text: tuple[str, str], today: date) -> None:
    """What hangs out is not settled yet: the newest notice about a version must have passed, and if it bound a text, this one.
    `text` is its version and its SHA-256.

    Where the book of today demands a notice, it must be there, hang as many days and have bound the text.
    """
    version, digest = text
    posted = notices.listed(session, community_id, f"rules:{version}")
    demanded = notice_days(session, community_id, today)
    if demanded and (not posted or posted[-1].days < demanded):
        raise _demanded(version, demanded)
    if not posted:
        return
    last = posted[-1]
    if last.outcome != "passed":
        raise Refused(
            say("Notice {number} about version {version} has not passed.", number=last.id, version=version),
            "notice_not_passed",
            say("See timebank notice show {number}.", number=last.id),
        )
    if last.binds != digest and (last.binds or demanded):
        raise Refused(
            say("It is not this text that hung out with notice {number}.", number=last.id),
            "notice_of_other_text",
            say("Publish the file that hung out, or let this one hang out: {post}", post=_post(version, demanded or last.days)),
        )


def notice_days(session: Session, community_id: int, today: date) -> int:
    """How many working days a new version must hang out by the book that speaks today; 0 where none is demanded."""
    speaks = shelf(session, community_id).on(today)
    return speaks.book.notice_days if speaks else 0


def _demanded(version: str, days: int) -> Refused:
    return Refused(
        say("The rules of today demand that version {version} hangs out for {days} working days.", version=version, days=days),
        "notice_demanded",
        say("Let it hang out: {post}", post=_post(version, days)),
    )


def _post(version: str, days: int) -> Say:
    return say("timebank notice post rules:{version} TEXT --file FILE --days {days}", version=version, days=days)


def content_of(session: Session, act: Act, version: str, data: bytes | None, days: int) -> str:
    """What a notice of so many days about a version binds: the SHA-256 of its text, as it is published under, '' without one.

    Raises Invalid `bad_rules`, `other_version`; Refused `text_missing`, `notice_demanded` where the book of today demands that
    a text hangs out, or for longer: such a notice would be in vain.
    """
    demanded = notice_days(session, act.community_id, communities.today(session, act))
    if days < demanded:
        raise _demanded(version, demanded)
    if data is None:
        if demanded:
            raise Refused(
                say("The rules of today demand that the text of version {version} itself hangs out.", version=version),
                "text_missing",
                say("Name the rule book's file with --file FILE."),
            )
        return ""
    book = check(data).book
    assert book is not None, "a reading without errors has a book"
    if book.version != version:
        raise Invalid(
            say("This file is version {version}, the notice is about {other}.", version=book.version, other=version),
            "other_version",
            say("Write rules:{version}, or name the other file.", version=book.version),
        )
    return rulefile.digest(data)


def check_decimals(book: RuleBook, community: Community) -> None:
    """Refuse a book that counts points otherwise than the community. Raises Invalid `other_decimals`."""
    if book.points.decimals != community.points_decimals:
        raise Invalid(
            say(
                "points.decimals is {given}; this community counts points with {own}, for ever.",
                given=book.points.decimals,
                own=community.points_decimals,
            ),
            "other_decimals",
            say("Set decimals = {own} in [points].", own=community.points_decimals),
        )


def listed(session: Session, community_id: int) -> list[RuleBookRow]:
    """All published versions, in the order of publishing."""
    return sorted(all_with(session, RuleBookRow, community_id=community_id), key=lambda row: row.seq)


def find(session: Session, community_id: int, version: str) -> RuleBookRow:
    """One published version. Raises NotFound `unknown_rules`."""
    row = session.get(RuleBookRow, (community_id, version))
    if row is None:
        raise NotFound(
            say("There is no rule book {version}.", version=version), "unknown_rules", say("See timebank rules list.")
        )
    return row


def shelf(session: Session, community_id: int) -> Shelf:
    """All published books, read from their stored texts."""
    rows = sorted(listed(session, community_id), key=lambda row: (row.effective_from, row.seq), reverse=True)
    return Shelf(tuple(Published(row.book, row.ref) for row in rows))


def speaking(session: Session, community_id: int, day: date) -> Published:
    """The book that speaks for a day. Raises Refused `no_rules`."""
    published = shelf(session, community_id).on(day)
    if published is None:
        raise Refused(
            say("No rule book speaks for {day}; publish one first.", day=day),
            "no_rules",
            say("Publish one that covers it: timebank rules publish FILE --resolution NO"),
        )
    return published


def versions(session: Session, community_id: int) -> list[RuleBook]:
    """The published books in the order of publishing, read from their stored texts."""
    return [row.book for row in listed(session, community_id)]


@lru_cache(64)
def _stored(text: str) -> RuleBook:
    """A published text as its book: the same for ever, and asked for by every command that takes hours."""
    book = rulefile.read(text.encode()).book
    assert book is not None, "what was published was read without errors"
    return book
