"""Imports every room that has tables, for Alembic and the tests: a new room with a table is one line here."""

from sqlmodel import SQLModel

from timebank import (
    acceptances,
    approvals,
    attendance,
    checkpoints,
    claims,
    earnings,
    funds,
    guesses,
    issuers,
    journal,
    notices,
    quotes,
    redemption,
    rulebooks,
    services,
    sponsors,
    tombstones,
    workdays,
)
from timebank.base import communities
from timebank.people import clerks, designations, devices, kin, members, merchants, offline_keys, persons, staff, teams

ROOMS = (
    *(communities, journal, checkpoints, approvals, workdays, notices),
    *(persons, clerks, members, merchants, designations, staff, devices, offline_keys, kin, teams),
    *(rulebooks, services, earnings, attendance, redemption, quotes, tombstones, claims),
    *(issuers, guesses, sponsors, funds, acceptances),
)
metadata = SQLModel.metadata
