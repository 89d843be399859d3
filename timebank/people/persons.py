"""Names and contacts, apart from everything else, so that they can be encrypted and erased while the amounts stay."""

from sqlalchemy import func
from sqlmodel import Session, SQLModel, col, select

from timebank.base.db import key_field


class Person(SQLModel, table=True):
    """A human being behind a member, a clerk or a shop's contact. Nothing of it ever enters a payload."""

    community_id: int = key_field()
    id: int = key_field()
    name: str
    phone: str | None = None
    id_number: str | None = None


def next_id(session: Session, community_id: int) -> int:
    """The id of the next person, under the community's lock."""
    return (session.exec(select(func.max(Person.id)).where(col(Person.community_id) == community_id)).one() or 0) + 1


def names(session: Session, community_id: int) -> dict[int, str]:
    """Every person's full name by id, for lists that are allowed to show it (masked at the door)."""
    return dict(session.exec(select(Person.id, Person.name).where(col(Person.community_id) == community_id)).all())
