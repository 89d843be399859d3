"""Rows read through the driver itself, for the statements every post needs. Knows no table of any room.

Measured: half the time of a Core select, whose statement is built and looked up anew each time (DECISIONS.md).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session


def select_rows(session: Session, sql: str, values: Sequence[Any]) -> Sequence[Any]:
    """Rows as tuples. `sql` has a ? for each value; a list is the value of an IN, as in `id IN ?`.

    A date or an instant comes as its driver gives it: see `iso` and `moment`.
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


def iso(day: Any) -> str:
    """A day from the driver as an ISO string: SQLite holds it so, psycopg gives a date."""
    return day if type(day) is str else str(day.isoformat())


def moment(value: Any) -> datetime:
    """An instant from the driver, aware UTC: SQLite holds a string, psycopg gives a datetime."""
    return (datetime.fromisoformat(value) if type(value) is str else value).astimezone(UTC)
