"""Services as they were recorded: one row a service, and what a member's days hold already."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import approvals
from timebank.base import rows
from timebank.base.act import Act
from timebank.base.codes import id_key, ref_key
from timebank.base.db import Utc, iso, key_field
from timebank.base.errors import Invalid, NotFound
from timebank.base.i18n import Say, say
from timebank.base.masking import unfit_word
from timebank.base.months import iso_day
from timebank.people import members
from timebank.people.members import Volunteer
from timebank.rulebooks import Published

MINUTES_A_DAY_MAX = 1440
KINDS = ("confirmed", "self-reported", "back-entered", "team")
_PLACES_A_QUERY = 400
_DIGEST_BYTES = 16
OWN_REFS = "row:"
"""How refs begin that the program makes."""
SIGNED_REFS = "sign-in:"
"""How the refs of services begin that a sign-in began."""
STATES = {
    "waiting": say("waiting"),
    "confirmed": say("confirmed"),
    "posted": say("posted"),
    "rejected": say("rejected"),
    "corrected": say("corrected"),
    "reversed": say("reversed"),
}
"""What becomes of a service, and how that is said."""
ASKED = ("hours.correct", "hours.complaint", "hours.reject")
"""What may wait for a second person about a confirmed or posted service: verbs of `hours`, `complaints`, `hanging`."""
CATEGORY_CHARACTERS_MAX = 40
"""A category is written into the log for ever; longer texts are no categories."""
CONFIRMERS = ("receiver", "organiser", "sign-in")
"""Who or what may have confirmed a service on the spot: who received it, who organised it, signatures or a sign-in."""
_SEPARATOR = "\x1f"  # a control character, which no text of a record can hold


class Service(SQLModel, table=True):
    """One service of one member. `starts`/`ends` are minutes from midnight; `seq` is its entry once posted.

    `state`: waiting (for a second person), confirmed (waiting for a public notice), posted, rejected, corrected (replaced by a
    later one), reversed. `eligible`, `counted`, `points`, `window_minutes` are what the rule book made of it. `version` counts
    the corrections of one `ref`. `team` is the number of the team under which it was done, `programme` the tag of the
    programme; None is none. `confirmed_by` is who or what confirmed it (`CONFIRMERS`), `evidence` the SHA-256 of a paper (hex).
    """

    __table_args__ = (
        UniqueConstraint("community_id", "ref", "version"),
        ForeignKeyConstraint(["community_id", "member_id"], ["member.community_id", "member.id"]),
        Index("ix_service_community_id_member_id_day", "community_id", "member_id", "day"),
    )

    community_id: int = key_field()
    id: int = key_field()
    ref: str
    version: int = 1
    digest: bytes = Field(sa_type=LargeBinary)
    member_id: int = Field(sa_type=BigInteger)
    day: date
    starts: int | None = None
    ends: int | None = None
    minutes: int
    category: str
    activity_no: str = ""
    activity: str = ""
    place: str = ""
    team_size: int = 1
    kind: str = "confirmed"
    state: str
    recorded_by: int = Field(sa_type=BigInteger)
    recorded_at: datetime = Field(sa_type=Utc)
    eligible: int = 0
    counted: int = 0
    points: int = 0
    window_minutes: int = 0
    seq: int | None = Field(default=None, sa_type=BigInteger)
    team: str | None = None
    programme: str | None = None
    confirmed_by: str | None = None
    evidence: str | None = None

    @property
    def stands(self) -> Say | str:
        """Its state in words; one that is none, as it is."""
        return STATES.get(self.state, self.state)


SERVICE = SQLModel.metadata.tables["service"].c
COLUMNS = tuple(SERVICE.keys())
_DAYS = """
    SELECT member_id, day, starts, ends, minutes, eligible, points, window_minutes FROM service
    WHERE community_id = ? AND member_id IN ? AND day IN ? AND state IN ('waiting', 'confirmed', 'posted')"""
_ACTIVITIES = """
    SELECT seq, activity_no FROM service
    WHERE community_id = ? AND day BETWEEN ? AND ? AND seq IS NOT NULL AND activity_no <> ''"""
_CATEGORIES = """
    SELECT category, count(*) FROM service
    WHERE community_id = ? AND day BETWEEN ? AND ? AND state = 'posted' GROUP BY category"""
_VERSIONS = "SELECT ref, digest, version, state FROM service WHERE community_id = ? AND ref IN ? ORDER BY ref, version"


class Record(NamedTuple):
    """One line of a sign-in sheet as a clerk gives it. `row` is its row there; an empty `ref` is made from the content;
    `name` is only compared with the member's."""

    member_no: str
    day: date
    minutes: int
    category: str
    ref: str = ""
    starts: int | None = None
    ends: int | None = None
    activity_no: str = ""
    activity: str = ""
    place: str = ""
    team_size: int = 1
    kind: str = "confirmed"
    team: str = ""
    programme: str = ""
    row: int = 0
    name: str = ""
    confirmed_by: str = ""
    evidence: str = ""

    @classmethod
    def of(cls, service: Service, member_no: str) -> "Record":
        """The record a stored service came from."""
        names = ("day", "minutes", "category", "ref", "starts", "ends", "activity_no", "activity", "place", "team_size", "kind")
        given = {name: getattr(service, name) for name in names}
        given |= {name: getattr(service, name) or "" for name in ("team", "programme", "confirmed_by", "evidence")}
        return cls(member_no=member_no, **given)

    def digest(self) -> bytes:
        """16 bytes that two records share when they are the same service, whatever file they stand in."""
        said = (
            f"{iso_day(self.day)}{_SEPARATOR}{self.starts}{_SEPARATOR}{self.ends}{_SEPARATOR}{self.minutes}{_SEPARATOR}"
            f"{self.team_size}{_SEPARATOR}{id_key(self.member_no)}{_SEPARATOR}{self.category}{_SEPARATOR}{self.activity_no}"
            f"{_SEPARATOR}{self.activity}{_SEPARATOR}{self.place}{_SEPARATOR}{self.kind}"
        )
        if self.team or self.programme or self.confirmed_by or self.evidence:  # records from before keep their digest
            said += f"{_SEPARATOR}{id_key(self.team)}{_SEPARATOR}{self.programme}"
            said += f"{_SEPARATOR}{self.confirmed_by}{_SEPARATOR}{self.evidence}"
        return sha256(said.encode()).digest()[:_DIGEST_BYTES]


@dataclass(slots=True)
class Day:
    """What a member's day holds: minutes recorded (waiting, confirmed and posted), spans of time, the minutes of each service
    that does not tell its times, and what of it earned."""

    minutes: int
    spans: list[tuple[int, int]]
    eligible: int = 0
    points: int = 0
    window_minutes: int = 0
    untimed: list[int] = field(default_factory=list)

    def problem(self, member: Volunteer, record: Record) -> tuple[str, Say] | None:
        """Why a record does not fit into the day: (code, sentence), or None. Codes: overlap, day_too_long."""
        if record.starts is not None and record.ends is not None:
            if record.ends > MINUTES_A_DAY_MAX:
                return "bad_span", say("The service would end after midnight.")
            for starts, ends in self.spans:
                if record.starts < ends and starts < record.ends:
                    told = f"{clock(starts)}-{clock(ends)}"
                    return (
                        "overlap",
                        say("{number} served {span} on {day} already.", number=member.number, span=told, day=record.day),
                    )
        total = self.minutes + record.minutes
        if total > MINUTES_A_DAY_MAX:
            return (
                "day_too_long",
                say("{number} would have served {total} minutes on {day}.", number=member.number, total=total, day=record.day),
            )
        return None

    def holds_like(self, record: Record) -> bool:
        """Whether it holds a service of as many minutes. Two that both tell from when to when are two."""
        if record.starts is not None:
            return record.minutes in self.untimed
        return record.minutes in self.untimed or any(ends - starts == record.minutes for starts, ends in self.spans)

    def add(self, starts: int | None, ends: int | None, minutes: int) -> None:
        """Put a service into the day."""
        self.minutes += minutes
        if starts is not None and ends is not None:
            self.spans.append((starts, ends))
        else:
            self.untimed.append(minutes)


Days = dict[tuple[int, date], Day]
"""Days by (member id, day)."""


def days(session: Session, community_id: int, places: Collection[tuple[int, date]]) -> Days:
    """What these members' days hold now; a day without services is empty.

    Asked as members by days, which may read a few rows more: SQLite finds no index for a list of pairs.
    """
    found: Days = {place: Day(0, []) for place in places}
    members, dates = sorted({member for member, _ in places}), sorted({day.isoformat() for _, day in places})
    for start in range(0, len(members), _PLACES_A_QUERY):
        asked = (community_id, members[start : start + _PLACES_A_QUERY], dates)
        for member_id, on, starts, ends, minutes, eligible, points, window_minutes in rows.select_rows(session, _DAYS, asked):
            day = found.get((member_id, date.fromisoformat(iso(on))))
            if day is None:
                continue
            day.add(starts, ends, minutes)
            day.eligible += eligible
            day.points += points
            day.window_minutes += window_minutes
    return found


class Version(NamedTuple):
    """One version of what is recorded under a ref: its digest, its number from 1, its state."""

    digest: bytes
    number: int
    state: str

    @property
    def counts(self) -> bool:
        """Whether it is in force, or replaced by a correction: not turned down or taken back."""
        return self.state in ("waiting", "confirmed", "posted", "corrected")


def versions(session: Session, community_id: int, refs: Sequence[str]) -> dict[str, list[Version]]:
    """The versions known under each ref, oldest first."""
    known: dict[str, list[Version]] = {}
    for start in range(0, len(refs), _PLACES_A_QUERY):
        asked = list(refs[start : start + _PLACES_A_QUERY])
        for ref, digest, number, state in rows.select_rows(session, _VERSIONS, (community_id, asked)):
            known.setdefault(ref, []).append(Version(bytes(digest), number, state))
    return known


def ref_of(digest: bytes, ordinal: int) -> str:
    """The ref of a record that came without one: made of its content and its ordinal among equal ones."""
    return f"{OWN_REFS}{digest.hex()}:{ordinal}"


def named(record: Record, ordinals: dict[bytes, int]) -> tuple[Record, bytes]:
    """A record under the ref that is kept (codes.ref_key), and its digest; one without a ref gets one made of its content and
    its ordinal among equal rows, which `ordinals` counts."""
    digest = record.digest()
    if record.ref:
        ref = record.ref if record.ref.startswith((OWN_REFS, SIGNED_REFS)) else ref_key(record.ref)
        return (record if ref == record.ref else record._replace(ref=ref)), digest
    ordinal = ordinals[digest] = ordinals.get(digest, 0) + 1
    return record._replace(ref=ref_of(digest, ordinal)), digest


def recalled(
    session: Session, community_id: int, records: Sequence[Record], ordinals: dict[bytes, int]
) -> tuple[list[tuple[Record, bytes]], dict[str, list[Version]]]:
    """Records as `named` gives them, and what is known under their refs. What was recorded as typed, before refs were folded,
    is known by that ref."""
    found = [named(record, ordinals) for record in records]
    typed = [record.ref if record.ref != kept.ref else "" for record, (kept, _) in zip(records, found, strict=True)]
    known = versions(session, community_id, [*(kept.ref for kept, _ in found), *filter(None, typed)])
    for place, ref in enumerate(typed):
        if ref in known and found[place][0].ref not in known:
            found[place] = records[place], found[place][1]
    return found, known


def next_ref(session: Session, community_id: int, digest: bytes) -> str:
    """The next free ref for this content. Refs are asked for one by one: servers sort texts in ways of their own."""
    ordinal = 1
    while versions(session, community_id, [ref_of(digest, ordinal)]):
        ordinal += 1
    return ref_of(digest, ordinal)


def get(session: Session, community_id: int, number: int) -> Service:
    """The service of a number made by this program; its absence is a bug."""
    return session.get_one(Service, (community_id, number))


def find(session: Session, community_id: int, number: int) -> Service:
    """The service of a number that somebody typed. Raises NotFound `unknown_service`."""
    service = session.get(Service, (community_id, number))
    if service is None:
        raise NotFound(say("There is no service {number}.", number=number), "unknown_service", say("See timebank hours list."))
    return service


def last_id(session: Session, community_id: int) -> int:
    """The highest service number so far, 0 for none."""
    return rows.last_id(session, "service", community_id)


def listed(session: Session, community_id: int, member_id: int | None = None, state: str = "") -> list[Service]:
    """Services by day, of one member or all, in one state or all."""
    wanted = select(Service).where(col(Service.community_id) == community_id)
    if member_id is not None:
        wanted = wanted.where(col(Service.member_id) == member_id)
    if state:
        wanted = wanted.where(col(Service.state) == state)
    return list(session.exec(wanted.order_by(col(Service.day), col(Service.id))))


def between(session: Session, community_id: int, first: int, last: int) -> list[Service]:
    """The services from one number to another, both included, by number."""
    wanted = select(Service).where(col(Service.community_id) == community_id, col(Service.id).between(first, last))
    return list(session.exec(wanted.order_by(col(Service.id))))


def content_of(session: Session, community_id: int, first: int, last: int) -> str:
    """What a notice about the services from one number to another binds: see `binding`.

    Raises NotFound `unknown_service` where one of both is not there yet (what is recorded later did not hang out); Invalid
    `bad_subject` where the last comes before the first.
    """
    if last < first:
        raise Invalid(
            say("{first}..{last} holds no number.", first=first, last=last), "bad_subject", say("Write the lower number first.")
        )
    for number in (first, last):
        find(session, community_id, number)
    found = between(session, community_id, first, last)
    numbers = {member.id: member.number for member in members.listed(session, community_id)}
    return binding((s.id, Record.of(s, numbers[s.member_id]).digest()) for s in found)


def binding(records: Iterable[tuple[int, bytes]]) -> str:
    """SHA-256 (hex) over services' numbers and the digests of their records, by number: whatever became of them. Pure."""
    hashed = sha256()
    for number, digest in records:
        hashed.update(f"{number}:{digest.hex()}\n".encode())
    return hashed.hexdigest()


def activities(session: Session, community_id: int, first: date, last: date) -> dict[int, str]:
    """The numbers of the activities that services of these days name, by entry: as recorded, whatever their awards read."""
    asked = (community_id, first.isoformat(), last.isoformat())
    return dict(rows.select_rows(session, _ACTIVITIES, asked))


def categories(session: Session, community_id: int, first: date, last: date) -> dict[str, int]:
    """How many posted services of these days are of which category; '' is none."""
    asked = (community_id, first.isoformat(), last.isoformat())
    return dict(rows.select_rows(session, _CATEGORIES, asked))


def of_entries(session: Session, community_id: int, seqs: Sequence[int]) -> dict[int, Service]:
    """The services of these entries, by entry number."""
    found: dict[int, Service] = {}
    for start in range(0, len(seqs), _PLACES_A_QUERY):
        some = seqs[start : start + _PLACES_A_QUERY]
        rows = session.exec(select(Service).where(col(Service.community_id) == community_id, col(Service.seq).in_(some)))
        found.update({service.seq: service for service in rows if service.seq is not None})
    return found


def problem_of_words(record: Record, published: Published | None) -> tuple[str, Say] | None:
    """Why a word of a record cannot go into the log, for ever: (code, sentence), or None. Codes: bad_category, bad_programme,
    bad_activity_no."""
    if _unfit(record.category):
        return "bad_category", say(
            "This is no category: a category is a short word of the rule book, no sentence and nobody's number or address."
        )
    if record.programme and _unfit(record.programme):
        return "bad_programme", say(
            "This is no programme: a programme is a short word, no sentence and nobody's number or address."
        )
    if record.activity_no and published and reads_activity(published.book.windows) and _unfit(record.activity_no):
        return "bad_activity_no", say(
            "This is no number of an activity: it is a short word, no sentence and nobody's number or address."
        )
    return None


def _unfit(word: str) -> bool:
    return len(word) > CATEGORY_CHARACTERS_MAX or unfit_word(word) is not None


@lru_cache
def reads_activity(windows: tuple[str, ...]) -> bool:
    """Whether any of these windows of caps is that of an activity."""
    return any(window.endswith("activity") for window in windows)


def overtake(session: Session, act: Act, number: int) -> None:
    """Let nothing wait any more that was asked about a service before it was changed or turned down directly."""
    for kind in ASKED:
        approvals.overtaken(session, act, kind, f"hours:{number}")


def clock(minute: int) -> str:
    """A time of day, from minutes since midnight: '14:00'."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
