"""Rows read through the driver itself, for the statements every post needs. Knows no table of any room.

Measured: half the time of a Core select, whose statement is built and looked up anew each time (DECISIONS.md).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import Dialect, Table
from sqlalchemy.orm import class_mapper
from sqlmodel import Session, SQLModel

from timebank.base.db import PLACE, fetch_rows, instant

_Model = TypeVar("_Model", bound=SQLModel)


def select_rows(session: Session, sql: str, values: Sequence[Any]) -> Sequence[Any]:
    """Rows as tuples. `sql` has a ? for each value; a list is the value of an IN, as in `id IN ?`.

    A date or an instant comes as its driver gives it: see `db.iso` and `moment`.
    """
    given: list[Any] = []
    shape = tuple(len(value) if type(value) is list else None for value in values)
    for value in values:
        given.extend(value if type(value) is list else (value,))
    return fetch_rows(session, _written(sql, shape, session.get_bind().dialect.name), tuple(given))


@lru_cache(256)  # the lists of a sheet have many lengths
def _written(sql: str, shape: tuple[int | None, ...], dialect: str) -> str:
    """A statement as its driver takes it: `shape` has the length of each list, None for a single value."""
    place = PLACE[dialect]
    head, *rest = sql.split("?")
    places = (place if length is None else f"({', '.join([place] * length)})" for length in shape)
    return head + "".join(there + piece for there, piece in zip(places, rest, strict=True))


def moment(value: Any) -> datetime:
    """An instant from the driver, aware UTC: SQLite holds a string, psycopg gives a datetime."""
    return (datetime.fromisoformat(value) if type(value) is str else value).astimezone(UTC)


def first(session: Session, model: type[_Model], **values: Any) -> _Model | None:
    """The one row of a table whose columns have these values, or None. See `all_with`."""
    return next(iter(all_with(session, model, **values)), None)


def all_with(session: Session, model: type[_Model], **values: Any) -> list[_Model]:
    """The rows of a table whose columns have these values (integers, texts, bytes), as values that the session does not know.

    Measured: a quarter of the price of objects that the session keeps.
    """
    sql, names, readers = _rows_of(model, tuple(values), session.get_bind().dialect)
    found = []
    for row in fetch_rows(session, sql, tuple(values.values())):
        columns = dict(zip(names, row, strict=True))
        for name, read in readers:
            columns[name] = read(columns[name])
        found.append(value_of(model, columns))
    return found


def value_of(model: type[_Model], columns: Mapping[str, Any]) -> _Model:
    """All columns of a row as a value of its model. It is made as the ORM makes its own: nothing is checked again."""
    value: _Model = class_mapper(model).class_manager.new_instance()
    value.__dict__.update(columns)
    return value


def row_of(item: SQLModel, columns: Sequence[str]) -> tuple[object, ...]:
    """A new row as the driver takes it: no object of it is kept by the session, nothing has to be read back."""
    values = (getattr(item, column) for column in columns)
    return tuple(instant(v) if isinstance(v, datetime) else v.isoformat() if isinstance(v, date) else v for v in values)


@cache
def table_of(model: type[SQLModel]) -> Table:
    """The table of a model, for statements written with Core."""
    return SQLModel.metadata.tables[str(model.__tablename__)]


@cache
def _rows_of(
    model: type[SQLModel], given: tuple[str, ...], dialect: Dialect
) -> tuple[str, tuple[str, ...], list[tuple[str, Callable[[Any], Any]]]]:
    """A statement for rows of a table, the names of its columns, and how some of them are read."""
    table, place = table_of(model), PLACE[dialect.name]
    names = tuple(column.name for column in table.columns)
    wanted = " AND ".join(f"{name} = {place}" for name in given)
    readers = [(column.name, column.type.dialect_impl(dialect).result_processor(dialect, None)) for column in table.columns]
    sql = f"SELECT {', '.join(names)} FROM {table.name} WHERE {wanted}"  # noqa: S608 - names are our own literals
    return sql, names, [(name, read) for name, read in readers if read is not None]


def last_id(session: Session, table: str, community_id: int) -> int:
    """The highest number of a community's rows; 0 where there is none. The next one is free under the community's lock."""
    ((found,),) = select_rows(session, f"SELECT max(id) FROM {table} WHERE community_id = ?", (community_id,))  # noqa: S608
    return found or 0
