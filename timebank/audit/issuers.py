"""Issuer keys: the rows their entries bind, and whether each was announced rightly and revoked at most once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from timebank import issuers
from timebank.audit.bound import Bound
from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.base.i18n import Say, say
from timebank.issuers import ANNOUNCE, REVOKE
from timebank.tokens import KEY_MAX

TWO_PEOPLE = frozenset({REVOKE})
"""Kinds of entries of this room that one person may not make alone."""

_KEY = {name: name for name in ("public", "year", "first_day", "last_day")}
BOUND: tuple[Bound, ...] = (
    Bound(ANNOUNCE, issuers.IssuerKey.__tablename__, _KEY, "issuer_key_differs", key="number", about="issuer"),
    Bound(
        REVOKE,
        issuers.IssuerKeyEnd.__tablename__,
        {"business_date": "revoked_on"},
        "issuer_key_differs",
        key="number",
        about="issuer",
    ),
)


@dataclass(slots=True)
class Issuing:
    """Follows issuer keys through the journal: `years` are those announced so far, by subject, `ended` those revoked."""

    findings: Findings
    years: dict[str, Any] = field(default_factory=dict)
    publics: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)

    def take(self, events: Sequence[Any]) -> None:
        """Follow the entries of a batch: events as the refold keeps them."""
        for event in events:
            if event.kind in (ANNOUNCE, REVOKE):
                wrong = (self._announced if event.kind == ANNOUNCE else self._revoked)(event.payload)
                if wrong is not None:
                    self.findings.add("issuer_unsound", wrong, entry=event.seq)

    def _announced(self, payload: Payload) -> Say | None:
        subject, facts = str(payload.get("subject")), payload.get("facts", {})
        public, year, first, last = (facts.get(name) for name in ("public", "year", "first_day", "last_day"))
        day, number = str(payload["business_date"]), len(self.years) + 1
        living = {known for name, known in self.years.items() if name not in self.ended}
        old = public in self.publics
        twice = year in living
        self.years[subject] = year
        self.publics.add(str(public))
        if subject != f"issuer:{number}" or number > KEY_MAX:
            return say("It should be key {number}.", number=number)
        if old:
            return say("Its public key was announced before.")
        if twice:
            return say("{year} had a key already.", year=str(year))
        if year not in (int(day[:4]), int(day[:4]) + 1) or (first, last) != (max(day, f"{year}-01-01"), f"{year}-12-31"):
            return say("Its days are not those of the year it was announced for.")
        return None

    def _revoked(self, payload: Payload) -> Say | None:
        subject = str(payload.get("subject"))
        before = subject in self.ended
        self.ended.add(subject)
        if before or subject not in self.years:
            return say("{subject} was revoked before, or never announced.", subject=subject)
        return None
