"""Merchants: shops that are or want to be designated, their public name, categories and plaque, their contact (a person apart),
the market whose stall they are, their account in fen. What becomes of them: `designations.py`."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from sqlalchemy import BigInteger, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import cures, ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.db import insert_rows, key_field
from timebank.base.errors import NotFound
from timebank.base.i18n import Say, say
from timebank.base.imported import Imported
from timebank.base.rows import first
from timebank.journal import Draft
from timebank.people import persons
from timebank.people.numbers import Numbers, number_problem
from timebank.people.persons import Card

STATES = {"applied": say("applied"), "active": say("active"), "paused": say("paused"), "left": say("left")}
"""What a shop can be to the office."""
_BETWEEN = "、"
_BETWEEN_TYPED = re.compile(r"[、,，;；/]")


class Merchant(SQLModel, table=True):
    """A shop. `number` is printed as it was given; `number_key` is how it is looked up (codes.id_key); `category` are its
    categories with 、 between them; `plaque` is the number of the plaque at its door; `market_id` is the market whose stall
    it is."""

    __table_args__ = (
        UniqueConstraint("community_id", "number_key"),
        ForeignKeyConstraint(["community_id", "contact_id"], ["person.community_id", "person.id"]),
    )

    community_id: int = key_field()
    id: int = key_field()
    number: str
    number_key: str
    name: str
    category: str = ""
    contact_id: int | None = Field(default=None, sa_type=BigInteger)
    joined_on: date
    state: str = "active"
    plaque: str | None = None
    market_id: int | None = Field(default=None, sa_type=BigInteger)

    @property
    def categories(self) -> tuple[str, ...]:
        """What kinds of shop it is."""
        return tuple(self.category.split(_BETWEEN)) if self.category else ()

    @property
    def holder(self) -> str:
        """The merchant's name in the book: 'merchant:3'."""
        return f"merchant:{self.id}"


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop to be registered; an empty `number` gets the next free one. `row` is the row of the sheet.

    `category` may name several, as people write them (超市、粮油); `market` is the number of the market whose stall it is; one
    that `applied` is not designated yet. In a sheet without numbers, a shop of the same name as a known one is that shop.
    """

    number: str
    name: str
    category: str = ""
    contact: str = ""
    row: int = 0
    plaque: str = ""
    market: str = ""
    state: Literal["active", "applied"] = "active"


def join(session: Session, act: Act, shops: Sequence[Shop]) -> tuple[list[Merchant], Imported]:
    """Register shops (active at once, unless they applied) and open their accounts; a known number with the same name is a
    repeat.

    Codes of rejected rows: bad_number, personal_number, no_name, number_taken, twice_in_file, plaque_taken, unknown_market.
    """
    communities.lock(session, act.community_id)
    known = {m.number_key: m for m in listed(session, act.community_id)}
    same = {merchant.name: merchant for merchant in known.values()}
    outcome = Imported(rows=len(shops))
    last = max((m.id for m in known.values()), default=0)
    good: list[Shop] = []
    numbers = Numbers("S{:03d}", known, last)
    plaques = {m.plaque for m in known.values() if m.state != "left"}
    for shop in shops:
        old = known.get(id_key(shop.number)) if shop.number else same.pop(shop.name, None) if shop.row else None
        if old and old.name == shop.name:
            outcome.repeated += 1
            continue
        problem = _problem(shop, numbers, old) or _problem_of_place(shop, plaques, numbers)
        if problem:
            outcome.rejected.append(cures.refused(shop.row, problem))
            continue
        good.append(replace(shop, number=numbers.take(shop.number)))
        plaques |= {shop.plaque or None}
    merchants = _add(session, act, good, last)
    outcome.posted = len(merchants)
    return merchants, outcome


def _problem(shop: Shop, numbers: Numbers, old: Merchant | None) -> tuple[str, Say] | None:
    if not shop.name:
        return "no_name", say("The name is missing.")
    if wrong := number_problem(shop.number):
        return wrong
    if old:
        return "number_taken", say("{number} is another shop ({name}).", number=old.number, name=old.name)
    if shop.number in numbers:
        return "twice_in_file", say("{number} stands in this file twice.", number=shop.number)
    return None


def _problem_of_place(shop: Shop, plaques: Collection[str | None], numbers: Numbers) -> tuple[str, Say] | None:
    if wrong := number_problem(shop.plaque):
        return wrong
    if shop.plaque and shop.plaque in plaques:
        return "plaque_taken", say("Plaque {plaque} hangs at another shop.", plaque=shop.plaque)
    if shop.market and shop.market not in numbers:
        return "unknown_market", say("There is no market {number}.", number=shop.market)
    return None


def _add(session: Session, act: Act, good: Sequence[Shop], last: int) -> list[Merchant]:
    cid, today = act.community_id, communities.today(session, act)
    with_contact = [shop for shop in good if shop.contact]
    contacts = dict(
        zip((s.number for s in with_contact), persons.add(session, cid, [Card(s.contact) for s in with_contact]), strict=True)
    )
    merchants = [
        Merchant(
            community_id=cid,
            id=last + i,
            number=shop.number,
            number_key=id_key(shop.number),
            name=shop.name,
            category=_BETWEEN.join(filter(None, (one.strip() for one in _BETWEEN_TYPED.split(shop.category)))),
            contact_id=contacts.get(shop.number),
            joined_on=today,
            state=shop.state,
            plaque=shop.plaque or None,
        )
        for i, shop in enumerate(good, start=1)
    ]
    ids = {m.number_key: m.id for m in (*listed(session, cid), *merchants)} if any(shop.market for shop in good) else {}
    for merchant, shop in zip(merchants, good, strict=True):
        merchant.market_id = ids[id_key(shop.market)] if shop.market else None
    columns = ("community_id", "id", "number", "number_key", "name", "category", "contact_id", "joined_on", "state")
    rows = [
        (cid, m.id, m.number, m.number_key, m.name, m.category, m.contact_id, today.isoformat(), m.state, m.plaque, m.market_id)
        for m in merchants
    ]
    insert_rows(session, "merchant", (*columns, "plaque", "market_id"), rows)
    ledger.open_accounts(session, cid, [(m.holder, "fen", "payable") for m in merchants])
    drafts = [Draft("merchant.join", today, subject=m.holder, facts=_facts(m)) for m in merchants]
    if drafts:
        ledger.post_all(session, act, drafts)
    return merchants


def _facts(shop: Merchant) -> dict[str, object]:
    """What a shop's entry binds; what it has not got is left out, and so is that it is active."""
    further = {"plaque": shop.plaque, "market": shop.market_id, "state": None if shop.state == "active" else shop.state}
    return {"number": shop.number, **{name: value for name, value in further.items() if value is not None}}


def find(session: Session, community_id: int, number: str) -> Merchant:
    """The merchant of a printed number, in any case and with or without zeros. Raises NotFound `unknown_merchant`."""
    merchant = first(session, Merchant, community_id=community_id, number_key=id_key(number))
    if merchant is None:
        raise NotFound(
            say("There is no merchant {number}.", number=number),
            "unknown_merchant",
            say("Look the number up with timebank merchant list."),
        )
    return merchant


def get(session: Session, community_id: int, number: int) -> Merchant:
    """The merchant of an id made by this program; its absence is a bug."""
    merchant = first(session, Merchant, community_id=community_id, id=number)
    assert merchant is not None, "ids are the program's own"
    return merchant


def listed(session: Session, community_id: int) -> list[Merchant]:
    """All merchants, by id."""
    return list(session.exec(select(Merchant).where(col(Merchant.community_id) == community_id).order_by(col(Merchant.id))))
