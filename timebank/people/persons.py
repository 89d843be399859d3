"""Names and contacts, apart from everything else, so that they can be encrypted and erased while the amounts stay."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, SQLModel, col, select

from timebank.base.codes import narrow
from timebank.base.db import insert_rows, key_field
from timebank.base.i18n import Say, say
from timebank.base.masking import tells_who
from timebank.base.rows import last_id, select_rows

_ID_NUMBER = re.compile(r"[0-9]{6}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]")
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_NO_PART = re.compile(r"[\s·•・.]")
_NAMES = "SELECT id, name FROM person WHERE community_id = ? AND id IN ?"
_CHUNK = 500


class Person(SQLModel, table=True):
    """A human being behind a member, a clerk or a shop's contact. Nothing of it ever enters a payload."""

    community_id: int = key_field()
    id: int = key_field()
    name: str
    phone: str | None = None
    id_number: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a person: a name, perhaps a phone, perhaps an id number."""

    name: str
    phone: str | None = None
    id_number: str | None = None


def add(session: Session, community_id: int, cards: Iterable[Card]) -> list[int]:
    """Keep new persons, under the community's lock; gives their ids in order."""
    last = last_id(session, "person", community_id)
    rows = [(community_id, last + i, card.name, card.phone, card.id_number) for i, card in enumerate(cards, start=1)]
    insert_rows(session, "person", ("community_id", "id", "name", "phone", "id_number"), rows)
    return [row[1] for row in rows]


def get(session: Session, community_id: int, number: int) -> Person:
    """The person of an id made by this program; its absence is a bug."""
    return session.get_one(Person, (community_id, number))


def rename(session: Session, community_id: int, number: int, name: str) -> None:
    """Give a person another name."""
    person = get(session, community_id, number)
    person.name = name
    session.add(person)
    session.flush()


def cards(session: Session, community_id: int) -> dict[int, Card]:
    """What is known of every person, by id."""
    wanted = select(Person.id, Person.name, Person.phone, Person.id_number).where(col(Person.community_id) == community_id)
    return {number: Card(name, phone, id_number) for number, name, phone, id_number in session.exec(wanted)}


def names(session: Session, community_id: int) -> dict[int, str]:
    """Every person's full name by id, for lists that mask it or are allowed to show it."""
    return dict(session.exec(select(Person.id, Person.name).where(col(Person.community_id) == community_id)).all())


def names_of(session: Session, community_id: int, numbers: Collection[int]) -> dict[int, str]:
    """Some persons' full names by id."""
    asked, found = sorted(numbers), dict[int, str]()
    for start in range(0, len(asked), _CHUNK):
        found.update(select_rows(session, _NAMES, (community_id, asked[start : start + _CHUNK])))
    return found


def same_name(one: str, other: str) -> bool:
    """Whether two names are one as offices type them: spaces, dots between and the width and case of letters aside."""
    return _NO_PART.sub("", narrow(one)).casefold() == _NO_PART.sub("", narrow(other)).casefold()


def age_on(id_number: str | None, day: date) -> int | None:
    """Whole years of age on a day, by the birth date in an identity number of 18 digits (GB 11643); None without one."""
    if id_number is None or not _ID_NUMBER.fullmatch(id_number):
        return None
    born = int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14])
    return day.year - born[0] - ((day.month, day.day) < born[1:])


def number_problem(number: str) -> tuple[str, Say] | None:
    """Why a text cannot be a printed number of a member, merchant or clerk: (code, sentence), or None."""
    if tells_who(number):
        return "personal_number", say(
            "{number} holds a phone or identity number or an e-mail address; use a number of the office's own.", number=number
        )
    if not _NUMBER.fullmatch(number):
        return "bad_number", say("{number} cannot be a number: use 1 to 32 letters A-Z, digits, and . _ -", number=number)
    return None
