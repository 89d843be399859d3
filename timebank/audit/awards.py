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
from timebank.rewards import Award, RuleBook, award, facts_of, used_of

PUBLISH, HOURS = "rules.publish", "hours"
_BOM = b"\xef\xbb\xbf"
_NEVER = "9999-12-31"
_HASH_SHOWN = 16
_DAYS_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A published rule book as the journal has it: its name in entries, its days (ISO), and the book itself if its text is
    there unchanged."""

    ref: str
    first: str
    last: str
    book: RuleBook | None


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
        ref = f"{version}@{digest[:_HASH_SHOWN]}"
        first, last = str(facts.get("effective_from")), str(facts.get("effective_to", _NEVER))
        self._books[ref] = spoken = _Spoken(ref, first, last, book)
        # Of two for a day the one that begins last speaks, of two that begin together the one published last.
        self._shelf = sorted([spoken, *self._shelf], key=lambda one: one.first, reverse=True)
        self._speaking.clear()

    def take(self, seq: int, payload: Payload) -> None:
        """Make the award of an entry of hours again, and compare all that it says of it."""
        trace, rules, day = payload.get("trace"), payload.get("rules"), payload["business_date"]
        if trace is None or rules is None:
            self._differs(seq, "trace, rules")
            return
        speaks = self._speaking[day] if day in self._speaking else self._speaks(day)
        if rules != speaks:
            other = say("It follows {rules}; for {day} it was {right} that spoke.", rules=rules, day=day, right=speaks or "-")
            self._findings.add("rules_other", other, entry=seq)
        named = self._books.get(rules)
        if named is None or named.book is None:  # told before: no such rules, or their text is lost
            return
        try:
            made = award(facts_of(trace), named.book, used_of(trace))
        except Invalid:
            self._differs(seq, "trace")
            return
        if made.trace != trace or trace["day"] != day:
            parts = {name for name in made.trace.keys() | trace.keys() if made.trace.get(name) != trace.get(name)}
            self._differs(seq, ", ".join(sorted(parts or {"day"})))
        elif not _posts(payload["postings"], trace["minutes"], made):
            self._differs(seq, "postings")

    def _speaks(self, day: str) -> str | None:
        if len(self._speaking) >= _DAYS_KEPT:
            self._speaking.clear()
        self._speaking[day] = found = next((one.ref for one in self._shelf if one.first <= day <= one.last), None)
        return found

    def _differs(self, seq: int, parts: str) -> None:
        differs = say("The award does not follow from its trace and its rules: {parts}.", parts=parts)
        self._findings.add("award_differs", differs, entry=seq)


def _posts(postings: Sequence[list[Any]], minutes: int, made: Award) -> bool:
    """Whether an entry posts an award: the minutes served, the member's points in their lot, what goes to pools. Points that
    come in repay first what the member owes."""
    if len(postings) < 2:
        return False
    holder, lapse = postings[1][0], made.lapses_on.isoformat()
    usual = [
        [SERVICE, "minutes", "source", _NEVER, -minutes],
        [holder, "minutes", "served", _NEVER, minutes],
        [ISSUED, "points", "source", _NEVER, -made.points],
        [holder, "points", "available", lapse, made.points],
    ]
    if [posting[:5] for posting in postings] == usual and not made.overflow and holder.startswith("member:"):
        return True
    moved: dict[tuple[Any, ...], int] = {}
    for *place, amount, _ in postings:
        moved[tuple(place)] = moved.get(tuple(place), 0) + amount
    repaid = moved.get((holder, "points", "owed", _NEVER), 0)
    wanted = {
        (SERVICE, "minutes", "source", _NEVER): -minutes,
        (holder, "minutes", "served", _NEVER): minutes,
        (ISSUED, "points", "source", _NEVER): -made.points - sum(points for _, points in made.overflow),
        (holder, "points", "available", lapse): made.points - repaid,
        (holder, "points", "owed", _NEVER): repaid,
    }
    wanted |= {(f"pool:{pool}", "points", "available", lapse): points for pool, points in made.overflow}
    member = holder.startswith("member:") and 0 <= repaid <= made.points
    return member and moved == {place: amount for place, amount in wanted.items() if amount}
