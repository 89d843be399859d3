"""Imports every room that has tables, for Alembic and the tests: a new room with a table is one line here."""

from sqlmodel import SQLModel

from timebank import approvals, checkpoints, earnings, journal, redemption, rulebooks, services, settlement
from timebank.base import communities
from timebank.people import clerks, members, merchants, persons

ROOMS = (
    *(communities, journal, checkpoints, approvals),
    *(persons, clerks, members, merchants),
    *(rulebooks, services, earnings, redemption, settlement),
)
metadata = SQLModel.metadata
