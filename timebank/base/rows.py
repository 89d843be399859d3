"""Rows read through the driver itself, for the statements every post needs. Knows no table of any room.

Measured: half the time of a Core select, whose statement is built and looked up anew each time (DECISIONS.md).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

_Model = TypeVar("_Model", bound=SQLModel)


def select_rows(session: Session, sql: str, values: Sequence[Any]) -> Sequence[Any]:
    """Rows as tuples. `sql` has a ? for each value; a list is the value of an IN, as in `id IN ?`.

    A date or an instant comes as its driver gives it: see `db.iso` and `moment`.
    """
    place = "?" if session.get_bind().dialect.name == "sqlite" else "%s"
    head, *rest = sql.split("?")
    pieces: list[str] = [head]
    given: list[Any] = []
    for value, piece in zip(values, rest, strict=True):
        if type(value) is list:
            pieces.append(f"({', '.join([place] * len(value))})")
            given.extend(value)
        else:
            pieces.append(place)
            given.append(value)
        pieces.append(piece)
    return session.connection().exec_driver_sql("".join(pieces), tuple(given)).fetchall()


def moment(value: Any) -> datetime:
    """An instant from the driver, aware UTC: SQLite holds a string, psycopg gives a datetime."""
    return (datetime.fromisoformat(value) if type(value) is str else value).astimezone(UTC)


def first(session: Session, model: type[_Model], **values: Any) -> _Model | None:
    """The row of a table whose columns have these values, or None. Measured: half the price of a select written anew."""
    return session.exec(_where(model, tuple(values)), params=values).first()


@cache
def _where(model: type[_Model], columns: tuple[str, ...]) -> SelectOfScalar[_Model]:
    return select(model).where(*(col(getattr(model, name)) == bindparam(name) for name in columns))


def last_id(session: Session, table: str, community_id: int) -> int:
    """The highest number of a community's rows; 0 where there is none. The next one is free under the community's lock."""
    ((found,),) = select_rows(session, f"SELECT max(id) FROM {table} WHERE community_id = ?", (community_id,))  # noqa: S608
    return found or 0
