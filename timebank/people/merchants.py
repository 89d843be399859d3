"""Merchants: designated shops, their public name and category, their contact (a person apart), their account in fen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import BigInteger, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.codes import id_key
from timebank.base.db import insert_rows, key_field
from timebank.base.errors import Finding, NotFound
from timebank.base.i18n import Say, say
from timebank.base.imported import Imported
from timebank.base.rows import first
from timebank.journal import Draft
from timebank.people import persons
from timebank.people.numbers import Numbers, number_problem
from timebank.people.persons import Card


class Merchant(SQLModel, table=True):
    """A designated shop. `number` is printed as it was given; `number_key` is how it is looked up (codes.id_key)."""

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

    @property
    def holder(self) -> str:
        """The merchant's name in the book: 'merchant:3'."""
        return f"merchant:{self.id}"


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop to be registered; an empty `number` gets the next free one. `row` is the row of the sheet.

    In a sheet without numbers, a shop of the same name as a known one is that shop.
    """

    number: str
    name: str
    category: str = ""
    contact: str = ""
    row: int = 0


def join(session: Session, act: Act, shops: Sequence[Shop]) -> tuple[list[Merchant], Imported]:
    """Register shops (active at once) and open their accounts; a known number with the same name is a repeat.

    Codes of rejected rows: bad_number, personal_number, no_name, number_taken, twice_in_file.
    """
    communities.lock(session, act.community_id)
    known = {m.number_key: m for m in listed(session, act.community_id)}
    same = {merchant.name: merchant for merchant in known.values()}
    outcome = Imported(rows=len(shops))
    last = max((m.id for m in known.values()), default=0)
    good: list[Shop] = []
    numbers = Numbers("S{:03d}", known, last)
    for shop in shops:
        old = known.get(id_key(shop.number)) if shop.number else same.pop(shop.name, None) if shop.row else None
        if old and old.name == shop.name:
            outcome.repeated += 1
            continue
        problem = _problem(shop, numbers, old)
        if problem:
            outcome.rejected.append(Finding(f"row {shop.row}", problem[0], problem[1], shop.row))
            continue
        good.append(replace(shop, number=numbers.take(shop.number)))
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
            category=shop.category,
            contact_id=contacts.get(shop.number),
            joined_on=today,
        )
        for i, shop in enumerate(good, start=1)
    ]
    columns = ("community_id", "id", "number", "number_key", "name", "category", "contact_id", "joined_on", "state")
    rows = [
        (cid, m.id, m.number, m.number_key, m.name, m.category, m.contact_id, today.isoformat(), m.state) for m in merchants
    ]
    insert_rows(session, "merchant", columns, rows)
    ledger.open_accounts(session, cid, [(m.holder, "fen", "payable") for m in merchants])
    drafts = [Draft("merchant.join", today, subject=m.holder, facts={"number": m.number}) for m in merchants]
    if drafts:
        ledger.post_all(session, act, drafts)
    return merchants


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
