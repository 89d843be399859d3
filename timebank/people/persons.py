"""Names and contacts, apart from everything else, so that they can be encrypted and erased while the amounts stay."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, SQLModel, col, select, update

from timebank.base.codes import narrow
from timebank.base.db import insert_rows, iso, key_field
from timebank.base.i18n import Say, say
from timebank.base.rows import first, last_id, select_rows

_ID_NUMBER = re.compile(r"[0-9]{6}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]")
_NO_PART = re.compile(r"[\s·•・.]")
_NAMES = "SELECT id, name FROM person WHERE community_id = ? AND id IN ?"
_CARDS = "SELECT id, name, phone, id_number, birth_date FROM person WHERE community_id = ?"
_CHUNK = 500


class Person(SQLModel, table=True):
    """A human being behind a member, a clerk or a shop's contact. Nothing of it ever enters a payload."""

    community_id: int = key_field()
    id: int = key_field()
    name: str
    phone: str | None = None
    id_number: str | None = None
    birth_date: date | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a person: a name, perhaps a phone, an id number, a birth date."""

    name: str
    phone: str | None = None
    id_number: str | None = None
    birth_date: date | None = None

    @property
    def born(self) -> date | None:
        """The birth date that was given, else the one in an identity number of 18 digits (GB 11643); None without either."""
        return self.birth_date or _birth_date_in(self.id_number)

    @property
    def problem(self) -> tuple[str, Say] | None:
        """Why these cannot belong to one person: (code, sentence), or None. Code: other_birth_date."""
        if self.birth_date is not None and _birth_date_in(self.id_number) not in (None, self.birth_date):
            return "other_birth_date", say("The birth date is not that of the identity number.")
        return None


def add(session: Session, community_id: int, cards: Iterable[Card]) -> list[int]:
    """Keep new persons, under the community's lock; gives their ids in order."""
    last = last_id(session, "person", community_id)
    rows = [
        (community_id, last + i, card.name, card.phone, card.id_number, card.birth_date and card.birth_date.isoformat())
        for i, card in enumerate(cards, start=1)
    ]
    insert_rows(session, "person", ("community_id", "id", "name", "phone", "id_number", "birth_date"), rows)
    return [row[1] for row in rows]


def get(session: Session, community_id: int, number: int) -> Person:
    """The person of an id made by this program; its absence is a bug."""
    person = first(session, Person, community_id=community_id, id=number)
    assert person is not None, "ids are the program's own"
    return person


def card(session: Session, community_id: int, number: int) -> Card:
    """What is known of the person of an id made by this program."""
    person = get(session, community_id, number)
    return Card(person.name, person.phone, person.id_number, person.birth_date)


def note_birth_date(session: Session, community_id: int, number: int, day: date) -> None:
    """Keep the birth date of a person of whom none was known."""
    there = (col(Person.community_id) == community_id, col(Person.id) == number)
    session.execute(update(Person).where(*there).values(birth_date=day))


def rename(session: Session, community_id: int, number: int, name: str) -> None:
    """Give a person another name."""
    person = session.get_one(Person, (community_id, number))
    person.name = name
    session.add(person)
    session.flush()


def cards(session: Session, community_id: int) -> dict[int, Card]:
    """What is known of every person, by id."""
    return {
        number: Card(name, phone, id_number, date.fromisoformat(iso(born)) if born else None)
        for number, name, phone, id_number, born in select_rows(session, _CARDS, (community_id,))
    }


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


def age_on(born: date | None, day: date) -> int | None:
    """Whole years of age on a day, None where the birth date is not known; who was born on 29 February ages on 1 March."""
    return None if born is None else day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _birth_date_in(id_number: str | None) -> date | None:
    if id_number is None or not _ID_NUMBER.fullmatch(id_number):
        return None
    try:
        return date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14]))
    except ValueError:
        return None
