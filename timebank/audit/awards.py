"""I9: every award made again from its trace by the text of the rules it names. Pure: entries and texts in, findings out.

A trace holds what the rules read and what they did. So the same rule book, applied to what was read, must give the same trace
and the postings of the entry; and the book must be the one that spoke for the day of service when the entry was written.
Whether what was read is what the history before the entry makes is another question: the sums are compared in `services.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from timebank import rulefile
from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.journal import ISSUED, SERVICE
from timebank.rewards import REVIEW, Award, Facts, RuleBook, award, facts_of, used_of
from timebank.transparency import INTEGER_MAX

PUBLISH, HOURS = "rules.publish", "hours"
_BOM = b"\xef\xbb\xbf"
_NEVER = "9999-12-31"
_HASH_SHOWN = 16
_DAYS_KEPT = 4_096
_NONE: dict[str, Any] = {}
_TRACE, _USED = b',"trace":', b',"used":'


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A published rule book as the journal has it: its name in entries, its days (ISO), and its awards if its text is there
    unchanged."""

    ref: str
    first: str
    last: str
    known: "Known | None"


class Made:
    """The award of a service, and what its entry posts."""

    def __init__(self, made: Award, facts: Facts) -> None:
        self.award = made
        self.facts = facts
        self.lapse = made.lapses_on.isoformat()
        minutes, points = made.trace["minutes"], made.points
        self._source = [SERVICE, "minutes", "source", _NEVER, -minutes]
        self._served = ["minutes", "served", _NEVER, minutes]
        self._issued = [ISSUED, "points", "source", _NEVER, -points]
        self._earned = ["points", "available", self.lapse, points]

    @classmethod
    def of(cls, trace: dict[str, Any], book: RuleBook) -> "Made":
        """What the rules make of what a trace says was there and was read. Raises Invalid as `rewards.facts_of`, `used_of`."""
        facts = facts_of(trace)
        return cls(award(facts, book, used_of(trace)), facts)

    def posted_as(self, postings: Sequence[list[Any]]) -> bool:
        """Whether an entry posts the award: the minutes served, the member's points in their lot, what goes to pools. Points
        that come in repay first what the member owes."""
        if len(postings) < 2:
            return False
        holder = postings[1][0]
        if not holder.startswith("member:"):
            return False
        if len(postings) == 4 and not self.award.overflow:
            source, served, issued, earned = postings
            if (
                source[:5] == self._source
                and served[1:5] == self._served
                and issued[:5] == self._issued
                and earned[0] == holder
                and earned[1:5] == self._earned
            ):
                return True
        return self._posted_otherwise(holder, postings)

    def _posted_otherwise(self, holder: str, postings: Sequence[list[Any]]) -> bool:
        made, minutes = self.award, self.award.trace["minutes"]
        pools = [(pool, points) for pool, points in made.overflow if pool != REVIEW]
        moved: dict[tuple[Any, ...], int] = {}
        for *place, amount, _ in postings:
            moved[tuple(place)] = moved.get(tuple(place), 0) + amount
        repaid = moved.get((holder, "points", "owed", _NEVER), 0)
        wanted = {
            (SERVICE, "minutes", "source", _NEVER): -minutes,
            (holder, "minutes", "served", _NEVER): minutes,
            (ISSUED, "points", "source", _NEVER): -made.points - sum(points for _, points in pools),
            (holder, "points", "available", self.lapse): made.points - repaid,
            (holder, "points", "owed", _NEVER): repaid,
        }
        wanted |= {(f"pool:{pool}", "points", "available", self.lapse): points for pool, points in pools}
        return 0 <= repaid <= made.points and moved == {place: amount for place, amount in wanted.items() if amount}


class Known:
    """The awards of one rule book that were made again, so that most of them are made once.

    What was read of the ledger enters an award in few ways (`rewards.award`): the day's minutes; of the carried minutes, what
    is left of `eligible` when whole units are taken out and how far `counted` lags behind, for whole units pass through each
    rounding; and the room that caps leave, which does not matter while there is enough. So a trace of known facts, remainder
    and lag, with room under all caps, is right if it is the known one but for the sums read. Every other one is made again, so
    whatever read sums of other kinds, or of a team or programme.
    """

    _TRACES_MAX = 2_048
    _SUMS = frozenset({"day_minutes", "eligible", "counted", "windows"})

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self._unit = book.service.round_minutes
        windows = dict.fromkeys(cap.window for cap in book.cap if cap.scope == "member" and cap.per != "balance")
        self._rooms = [(window, *_room(book, window)) for window in windows]
        self._known: dict[tuple[Any, ...], tuple[int, Made]] = {}

    def again(self, trace: dict[str, Any], told: bytes) -> tuple[Made, dict[str, Any]]:
        """The award of a trace and the trace that it makes. `told` is what `told_by` gives of it, or nothing. Raises Invalid as
        `rewards.facts_of` and `used_of`."""
        used = trace.get("used", _NONE)
        place = self._place(told, used) if told else None
        found = self._known.get(place) if place is not None else None
        if found is not None and found[0] == len(trace) and self._has_room(used.get("windows", _NONE), found[1].award):
            return found[1], trace
        made = Made.of(trace, self.book)
        right = made.award.trace
        if place is not None and right == trace and not right.keys() & {"caps", "window_minutes"}:
            if len(self._known) >= self._TRACES_MAX:
                self._known.clear()
            self._known[place] = (len(trace), made)
        return made, right

    def _place(self, told: bytes, used: Any) -> tuple[Any, ...] | None:
        """What an award hangs on besides caps; None where that is not in order."""
        if type(used) is not dict or not used.keys() <= self._SUMS:
            return None
        get = used.get
        day, eligible, counted = get("day_minutes", 0), get("eligible", 0), get("counted", 0)
        if not type(day) is type(eligible) is type(counted) is int:
            return None
        return (
            told,
            day,
            eligible % self._unit,
            eligible - counted,
            "eligible" in used,
            "counted" in used,
            "day_minutes" in used,
        )

    def _has_room(self, windows: Any, made: Award) -> bool:
        """Whether the sums are such as an award writes down, and no cap cuts anything off."""
        if type(windows) is not dict or (windows and not made.counted):
            return False
        read = 0
        for window, points_max, minutes_max in self._rooms:
            points = minutes = 0
            if window in windows:
                read += 1
                pair = windows[window]
                if type(pair) is not list or len(pair) != 2:
                    return False
                points, minutes = pair
                if not type(points) is type(minutes) is int or not (points or minutes):
                    return False
            if points_max - points < made.points or minutes_max - minutes < made.counted:
                return False
        return read == len(windows)


def _room(book: RuleBook, window: str) -> tuple[int, int]:
    """The most points and the most minutes that the caps leave to anybody in a window."""
    points, minutes = (
        [cap.limit for cap in book.cap if (cap.window, cap.measure) == (window, of)] for of in ("points", "minutes")
    )
    return min(points, default=INTEGER_MAX), min(minutes, default=INTEGER_MAX)


def told_by(payload: bytes) -> bytes:
    """The bytes of a payload's trace up to the sums that it read. Only where there are no facts: these come first, and may look
    like a trace."""
    begin = payload.find(_TRACE)
    return payload[begin : payload.find(_USED, begin)]


def is_text_of(text: bytes, digest: object) -> bool:
    """Whether a stored text is the one of this SHA-256; a byte order mark at its beginning may be lost."""
    return digest in (sha256(text).hexdigest(), sha256(_BOM + text).hexdigest())


class Awards:
    """Gives every award of hours again. `texts` are the stored texts of rule books in UTF-8, by version."""

    def __init__(self, findings: Findings, texts: Mapping[str, bytes]) -> None:
        self._findings = findings
        self._texts = texts
        self._books: dict[object, _Spoken] = {}
        self._shelf: list[_Spoken] = []
        self._speaking: dict[str, str | None] = {}

    def publish(self, seq: int, payload: Payload) -> None:
        """Put a rule book on the shelf, as the entry that published it tells. Each text is read once."""
        facts = payload.get("facts", {})
        version, digest = str(facts.get("version")), str(facts.get("sha256"))
        text = self._texts.get(version)
        book = rulefile.read(text).book if text is not None and is_text_of(text, digest) else None
        if book is None:
            lost = say(
                "The text of {version} is not there as it was published; its awards cannot be made again.", version=version
            )
            self._findings.add("rules_unreadable", lost, entry=seq)
        ref = self.ref_of(version, digest)
        first, last = str(facts.get("effective_from")), str(facts.get("effective_to", _NEVER))
        self._books[ref] = spoken = _Spoken(ref, first, last, Known(book) if book else None)
        # Of two for a day the one that begins last speaks, of two that begin together the one published last.
        self._shelf = sorted([spoken, *self._shelf], key=lambda one: one.first, reverse=True)
        self._speaking.clear()

    def take(self, seq: int, payload: Payload, written: bytes) -> Made | None:
        """Make the award of an entry of hours again, and compare all that the entry says of it: gives it if nothing differs.
        `written` are the entry's bytes."""
        trace, rules, day = payload.get("trace"), payload.get("rules"), payload["business_date"]
        if trace is None or rules is None:
            self._differs(seq, "trace, rules")
            return None
        speaks = self.speaking(day)
        if rules != speaks:
            other = say("It follows {rules}; for {day} it was {right} that spoke.", rules=rules, day=day, right=speaks or "-")
            self._findings.add("rules_other", other, entry=seq)
        named = self._books.get(rules)
        if named is None or named.known is None:  # told before: no such rules, or their text is lost
            return None
        try:
            made, right = named.known.again(trace, b"" if "facts" in payload else told_by(written))
        except Invalid:
            self._differs(seq, "trace")
            return None
        if (right is not trace and right != trace) or trace["day"] != day:
            parts = {name for name in right.keys() | trace.keys() if right.get(name) != trace.get(name)}
            self._differs(seq, ", ".join(sorted(parts or {"day"})))
        elif not made.posted_as(payload["postings"]):
            self._differs(seq, "postings")
        elif rules == speaks:
            return made
        return None

    def speaking(self, day: str) -> str | None:
        """The rule book that speaks for a day (ISO), as entries name it."""
        return self._speaking[day] if day in self._speaking else self._speaks(day)

    @staticmethod
    def ref_of(version: str, digest: str) -> str:
        """How entries name a text: version@hash."""
        return f"{version}@{digest[:_HASH_SHOWN]}"

    def book(self, ref: object) -> RuleBook | None:
        """The rule book that entries name so; None if there is none, or its text is lost, which is told already."""
        named = self._books.get(ref)
        return named.known.book if named is not None and named.known is not None else None

    def _speaks(self, day: str) -> str | None:
        if len(self._speaking) >= _DAYS_KEPT:
            self._speaking.clear()
        self._speaking[day] = found = next((one.ref for one in self._shelf if one.first <= day <= one.last), None)
        return found

    def _differs(self, seq: int, parts: str) -> None:
        differs = say("The award does not follow from its trace and its rules: {parts}.", parts=parts)
        self._findings.add("award_differs", differs, entry=seq)
