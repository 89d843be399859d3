"""Sponsors: who gives money of the fund for something of their own choosing. Earmarked money is never spent on anything else.

A sponsor is numbered from 1; its name is public and stands in its row alone, bound by the hash of the entry's text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import fund, ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import insert_rows, key_field
from timebank.base.errors import Invalid, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import first, last_id
from timebank.journal import Draft
from timebank.once import once

ADDED = "sponsor.add"
NAME_MAX = 80
_NUMBER_MAX = 10**10 - 1


class Sponsor(SQLModel, table=True):
    """One sponsor: its public name and which of the four sources (`fund.SOURCES`) it is."""

    community_id: int = key_field()
    id: int = key_field()
    name: str
    source: str
    seq: int = Field(sa_type=BigInteger)

    @property
    def holder(self) -> str:
        """The sponsor's name in the book: 'sponsor:3'."""
        return fund.sponsor(self.id)


@dataclass(frozen=True, slots=True)
class NewSponsor:
    """A sponsor to be added: its public name and its source."""

    name: str
    source: str


def add(session: Session, act: Act, wish: NewSponsor) -> Sponsor:
    """Add a sponsor and open its accounts: money free and committed, never below 0.

    Raises Invalid `no_name`, `name_too_long`, `unknown_source`; Refused `sponsor_known`.
    """
    check_source(wish.source)
    if not wish.name:
        raise Invalid(say("The name is missing."), "no_name", say("Say who gives the money."))
    if len(wish.name) > NAME_MAX:
        raise Invalid(say("A name has at most {most} characters.", most=NAME_MAX), "name_too_long", say("Shorten it."))
    asked = {"name": wish.name, "source": wish.source}
    outcome = once(session, act, ADDED, asked, lambda: {"sponsor": _add(session, act, wish)})
    return find(session, act.community_id, outcome.receipt["sponsor"])


def _add(session: Session, act: Act, wish: NewSponsor) -> int:
    cid, today = act.community_id, communities.today(session, act)
    known = next((s for s in listed(session, cid) if s.name == wish.name), None)
    if known is not None:
        raise Refused(
            say("{name} is sponsor {number} already.", name=known.name, number=known.id),
            "sponsor_known",
            say("Use that number."),
        )
    number = last_id(session, "sponsor", cid) + 1
    holder = fund.sponsor(number)
    ledger.open_accounts(session, cid, [(holder, "fen", fund.FREE), (holder, "fen", fund.COMMITTED)])
    draft = Draft(ADDED, today, subject=holder, facts={"source": wish.source}, text=wish.name)
    receipt = ledger.post(session, act, draft)
    insert_rows(
        session,
        "sponsor",
        ("community_id", "id", "name", "source", "seq"),
        [(cid, number, wish.name, wish.source, receipt.seq)],
    )
    return number


def check_source(name: str) -> None:
    """Refuse what is none of the four sources. Raises Invalid `unknown_source`."""
    if name not in fund.SOURCES:
        raise Invalid(
            say("{source} is none of the four sources.", source=name),
            "unknown_source",
            say("The sources are {names}.", names=", ".join(fund.SOURCES)),
        )


def find(session: Session, community_id: int, number: int) -> Sponsor:
    """The sponsor of a number. Raises NotFound `unknown_sponsor`."""
    found = first(session, Sponsor, community_id=community_id, id=number) if 1 <= number <= _NUMBER_MAX else None
    if found is None:
        raise NotFound(
            say("There is no sponsor {number}.", number=number),
            "unknown_sponsor",
            say("See the numbers with timebank fund sponsor list."),
        )
    return found


def listed(session: Session, community_id: int) -> Sequence[Sponsor]:
    """All sponsors, by number."""
    return session.exec(select(Sponsor).where(col(Sponsor.community_id) == community_id).order_by(col(Sponsor.id))).all()
