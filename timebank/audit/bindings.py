"""Rows of other rooms that an entry binds: printed numbers, rule books, offers, vouchers and how they ended, claims.

Each is written in the same transaction as an entry that repeats what matters of it. So whoever changes such a row, removes
it or adds one would have to change the journal too.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, String, and_, cast, literal, or_, select
from sqlmodel import SQLModel

from timebank import attendance, offers, rulebooks, rulefile, vouchers  # noqa: F401 - their tables
from timebank.audit.acceptances import BOUND as OF_ACCEPTANCES
from timebank.audit.acceptances import Accepted
from timebank.audit.awards import is_text_of
from timebank.audit.bound import Bound
from timebank.audit.claims import BOUND as OF_CLAIMS
from timebank.audit.findings import Findings
from timebank.audit.fund import BOUND as OF_FUND
from timebank.audit.holds import BOUND as OF_VOUCHERS
from timebank.audit.issuers import BOUND as OF_ISSUERS
from timebank.audit.people import BOUND as OF_PEOPLE
from timebank.audit.refold import Event
from timebank.audit.shops import BOUND as OF_SHOPS
from timebank.audit.shops import Shops
from timebank.audit.source import Source
from timebank.base.i18n import say
from timebank.journal import ENTRY
from timebank.people import clerks, members, merchants  # noqa: F401 - their tables

_TABLES = SQLModel.metadata.tables


_NUMBER = {"number": "number"}
_TERMS = ("points_per_yuan", "max_share_bp", "off_bp", "max_fen", "min_spend_fen", "points", "item_fen")
_FURTHER = (
    *("per_day", "per_month", "total", "stock", "tier", "min_age", "min_minutes"),
    *("merchant_bp", "sponsor_bp", "sponsor_id"),
)
_VALID = {"valid_from": "valid_from", "valid_to": "valid_to"}

BOUND: tuple[Bound, ...] = (
    Bound("member.join", "member", _NUMBER, "number_differs", seq=""),
    Bound("clerk.join", "clerk", _NUMBER | {"member": "member_id", "role": "role"}, "number_differs", seq="", added="member"),
    Bound(
        "rules.publish",
        "rulebook",
        {name: name for name in ("sha256", "effective_from", "effective_to", "resolution")},
        "rules_differ",
        key="version",
        about="rules",
    ),
    Bound(
        "offer.add",
        "offer",
        {"merchant": "merchant_id", "kind": "kind", **_VALID, **{name: name for name in (*_TERMS, *_FURTHER)}},
        "offer_differs",
    ),
    Bound("offer.end", "offer_end", {"business_date": "day"}, "offer_differs", key="offer_id", about="offer"),
    *OF_VOUCHERS,
    *OF_CLAIMS,
    *OF_FUND,
    *OF_PEOPLE,
    *OF_SHOPS,
    *OF_ISSUERS,
    *OF_ACCEPTANCES,
    Bound(
        "hours.sign-in",
        "sign_in",
        {"member": "member_id", "starts": "starts", "business_date": "day"},
        "service_differs",
    ),
)
KINDS = frozenset(bound.kind for bound in BOUND) | {"reversal"}
"""The kinds of entries that bind a row, and those that may take money back."""


class Bindings:
    """Compares bound rows while the journal is read: give it each batch's events, then `finish`."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._by_kind = {bound.kind: bound for bound in BOUND}
        self._shops = Shops(findings)
        self._accepted = Accepted(findings)
        self._seen: dict[str, set[Any]] = {bound.table: set() for bound in BOUND if not bound.seq}

    def take(self, events: Sequence[Event]) -> None:
        """Compare the rows that these entries bind."""
        self._shops.take(events)
        self._accepted.take(events)
        by_kind: dict[str, list[Event]] = {}
        for event in events:
            by_kind.setdefault(event.kind, []).append(event)
        for kind, some in by_kind.items():
            if kind in self._by_kind:  # a `period.close` binds no row
                self._compare(self._by_kind[kind], some)

    def _compare(self, bound: Bound, events: Sequence[Event]) -> None:
        named = {event.seq: _key(bound, event) for event in events}
        columns = sorted({*bound.columns.values(), *filter(None, [bound.seq])})
        rows = self._source.found(bound.rows, columns, bound.key, {key for key in named.values() if key is not None})
        for event in events:
            key = named[event.seq]
            row = rows.get(key)
            if row is None:
                missing = say("{subject} has no row.", subject=str(event.payload.get("subject")))
                self._findings.add(bound.code, missing, entry=event.seq)
                continue
            if bound.table in self._seen:
                self._seen[bound.table].add(key)
            facts = _facts(event, bound)
            for fact, column in bound.columns.items():
                if fact != bound.added or fact in facts:
                    self._tell(bound, event, column, row[column], facts.get(fact))
            if bound.seq:
                self._tell(bound, event, bound.seq, row[bound.seq], event.seq)

    def _tell(self, bound: Bound, event: Event, column: str, shown: Any, truth: Any) -> None:
        shown = shown.hex() if shown and isinstance(shown, bytes) else shown
        if shown != truth and not (truth is None and shown in (None, 0)):  # what an entry leaves out is nothing or 0 in the row
            differs = say(
                "{subject}: its row says {column} {shown}; the entry says {truth}.",
                subject=str(event.payload.get("subject")),
                column=column,
                shown=str(shown),
                truth=str(truth),
            )
            self._findings.add(bound.code, differs, entry=event.seq)

    def finish(self) -> None:
        """Tell the rows that no entry binds, and rule books whose text is not what was hashed."""
        for bound in BOUND:
            rows, prefix = bound.rows.c, bound.prefix
            own = rows.community_id == self._source.community_id
            if bound.seq:
                same = and_(
                    ENTRY.community_id == rows.community_id,
                    ENTRY.seq == rows[bound.seq],
                    ENTRY.kind == bound.kind,
                    ENTRY.subject == literal(f"{prefix}:") + cast(rows[bound.key], String),
                )
                only = [or_(*(rows[bound.only[0]] == value for value in bound.only[1:]))] if bound.only else []
                wanted = select(rows[bound.key]).outerjoin_from(bound.rows, ENTRY.seq.table, same)
                wanted = wanted.where(own, ENTRY.seq.is_(None), *only)
                unbound = {key for (key,) in self._source.rows(wanted)}
            else:
                unbound = {key for (key,) in self._source.rows(select(rows[bound.key]).where(own))} - self._seen[bound.table]
            for key in sorted(unbound, key=str):
                alone = say("Its row was written by no entry.")
                self._findings.add(bound.code, alone, where=f"{prefix}:{key}")
        self._accepted.finish()
        self._rule_texts()
        self._labels()
        shop = _TABLES["merchant"].c
        wanted = select(shop.id, shop.state, shop.plaque).where(shop.community_id == self._source.community_id)
        self._shops.finish(self._source.rows(wanted))

    def _labels(self) -> None:
        """The name of an item is free text: its entry binds it by the hash of the text kept beside it."""
        offer, text = _TABLES["offer"].c, _TABLES["entry_text"].c
        same = and_(text.community_id == offer.community_id, text.seq == offer.seq)
        wanted = select(offer.id, self._source.octets(offer.label), self._source.octets(text.text))
        wanted = wanted.outerjoin_from(_TABLES["offer"], _TABLES["entry_text"], same)
        for number, label, bound in self._source.rows(wanted.where(offer.community_id == self._source.community_id)):
            if (label or None) != (bound or None):
                renamed = say("Its name is not the one that was hashed.")
                self._findings.add("offer_differs", renamed, where=f"offer:{number}")

    def _rule_texts(self) -> None:
        rows, community = _TABLES["rulebook"].c, _TABLES["community"].c
        wanted = select(community.points_decimals).where(community.id == self._source.community_id)
        own = [decimals for (decimals,) in self._source.rows(wanted)]
        wanted = select(rows.version, rows.sha256, self._source.octets(rows.text))
        for version, digest, text in self._source.rows(wanted.where(rows.community_id == self._source.community_id)):
            if not is_text_of(text, digest):
                changed = say("Its text is not the one that was published.")
                self._findings.add("rules_differ", changed, where=f"rules:{version}")
                continue
            book = rulefile.read(text).book
            if book is not None and [book.points.decimals] != own:
                told = {"given": book.points.decimals, "own": str(own)}
                other = say("It counts points with {given} decimals; the community's row says {own}.", **told)
                self._findings.add("rules_differ", other, where=f"rules:{version}")


def _key(bound: Bound, event: Event) -> Any:
    """The key of the row that an entry's subject names; None where it names none."""
    prefix, _, key = str(event.payload.get("subject", "")).partition(":")
    if prefix != bound.prefix:
        return None
    if not isinstance(bound.rows.c[bound.key].type, BigInteger):
        return key
    return _number(key)


def _number(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 19 else None


def _facts(event: Event, bound: Bound) -> dict[str, Any]:
    """What an entry says of its row, by fact: its facts, with terms and steps laid beside them, its day, and who holds."""
    facts = event.payload.get("facts", {})
    flat = {**facts, "business_date": event.payload["business_date"]}
    for holder, _, purpose, *_ in event.payload["postings"]:
        if purpose == "held":
            flat["member"] = _number(holder.partition(":")[2])
    for inner in ("terms", "further", "steps", "borne"):
        if isinstance(facts.get(inner), dict):
            flat.update(facts[inner])
    if bound.only and bound.table == "resolution":
        flat["outcome"] = bound.only[1]
    return flat
