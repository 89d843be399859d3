"""Imports every room that has tables, for Alembic and the tests: a new room with a table is one line here."""

from sqlmodel import SQLModel

from timebank import approvals, checkpoints, hours, journal, redemption, rulebooks, settlement
from timebank.base import communities
from timebank.people import clerks, members, merchants, persons

ROOMS = (
    *(communities, journal, checkpoints, approvals),
    *(persons, clerks, members, merchants),
    *(rulebooks, hours, redemption, settlement),
)
metadata = SQLModel.metadata
