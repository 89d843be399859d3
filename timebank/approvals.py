"""What waits for a second person: the subject, what was asked, by whom, under a seal; its state. The door calls the verb.

What waits is not in the book yet, and a row of the inbox is no more than a claim: whoever may write to the database may insert
one that a clerk never asked for. So it is sealed with a secret of the file of keys, and lasts seven days. The one who asked
cannot be the one who approves.
"""

import hmac
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, Session, SQLModel, col, select

from timebank.base.act import Act
from timebank.base.db import Utc, instant, key_field
from timebank.base.errors import NotAllowed, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import last_id
from timebank.transparency import canonical

LASTS = timedelta(days=7)
ENDURING = frozenset({"points.review"})
"""Kinds that wait until somebody decides: the program asked for them itself, and nobody could enter them again."""


class Approval(SQLModel, table=True):
    """One thing that waits for a second person. `state`: waiting, approved, rejected; `digest`: see `sealed`."""

    __table_args__ = (Index("ix_approval_community_id_state", "community_id", "state"),)

    community_id: int = key_field()
    id: int = key_field()
    kind: str
    subject: str
    request: str = Field(sa_type=Text)
    digest: str
    asked_by: int = Field(sa_type=BigInteger)
    asked_at: datetime = Field(sa_type=Utc)
    state: str = "waiting"
    decided_by: int | None = Field(default=None, sa_type=BigInteger)
    decided_at: datetime | None = Field(default=None, sa_type=Utc)
    why: str = ""

    @property
    def asked(self) -> dict[str, Any]:
        """The inputs of the verb that waits."""
        request: dict[str, Any] = json.loads(self.request)
        return request


def ask(session: Session, act: Act, kind: str, wanted: Sequence[tuple[str, dict[str, Any]]]) -> list[int]:
    """Let subjects ('hours:17') wait for a second person with what is asked of each; gives their approval ids."""
    last = last_id(session, "approval", act.community_id)
    rows = []
    for number, (subject, request) in enumerate(wanted, start=last + 1):
        payload = canonical(request)
        row = Approval(
            community_id=act.community_id,
            id=number,
            kind=kind,
            subject=subject,
            request=payload.decode(),
            digest="",
            asked_by=act.actor,
            asked_at=act.now,
        )
        row.digest = sealed(row, act.seal)
        rows.append(row)
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


def sealed(row: Approval, seal: bytes) -> str:
    """What a row's digest is if a command of this database asked for just this: HMAC-SHA-256 in hex, under the act's seal."""
    asked = (row.community_id, row.id, row.kind, row.subject, row.request, row.asked_by, instant(row.asked_at))
    return hmac.digest(seal, json.dumps(asked).encode(), sha256).hex()


def waiting(session: Session, community_id: int) -> list[Approval]:
    """All that waits, oldest first."""
    wanted = select(Approval).where(col(Approval.community_id) == community_id, col(Approval.state) == "waiting")
    return list(session.exec(wanted.order_by(col(Approval.id))).all())


def is_kind(session: Session, community_id: int, number: int, kind: str) -> bool:
    """Whether something of this kind is or was waiting under a number."""
    row = session.get(Approval, (community_id, number))
    return row is not None and row.kind == kind


def find(session: Session, act: Act, number: int) -> Approval:
    """One that waits. Raises NotFound `no_approval`, Refused `decided_already`."""
    row = session.get(Approval, (act.community_id, number))
    if row is None:
        raise NotFound(say("Nothing waits under number {number}.", number=number), "no_approval", say("See timebank inbox."))
    if row.state != "waiting":
        raise Refused(say("Number {number} was decided already.", number=number), "decided_already", say("See timebank inbox."))
    return row


def of_subject(session: Session, act: Act, kind: str, subject: str) -> Approval:
    """What of one kind waits about one subject. Raises NotFound `no_approval`."""
    row = waiting_about(session, act.community_id, kind, subject)
    if row is None:
        raise NotFound(say("Nothing about {subject} waits.", subject=subject), "no_approval", say("See timebank inbox."))
    return row


def waiting_about(session: Session, community_id: int, kind: str, subject: str) -> Approval | None:
    """What of one kind waits about one subject, or None."""
    wanted = select(Approval).where(
        col(Approval.community_id) == community_id,
        col(Approval.kind) == kind,
        col(Approval.subject) == subject,
        col(Approval.state) == "waiting",
    )
    return session.exec(wanted).first()


def approve(session: Session, act: Act, number: int) -> Approval:
    """Mark as approved by the act's person. Raises NotAllowed `same_person`, Refused `approval_lapsed`, `request_changed`,
    and as `find`."""
    row = find(session, act, number)
    if row.asked_by == act.actor:
        raise NotAllowed(
            say("You asked for this yourself; a second person approves it."), "same_person", say("Let another clerk run this.")
        )
    if act.now > row.asked_at + LASTS and row.kind not in ENDURING:
        raise Refused(
            say("Number {number} has waited more than {days} days and lapsed.", number=number, days=LASTS.days),
            "approval_lapsed",
            say("Reject it and enter it again."),
        )
    if not hmac.compare_digest(sealed(row, act.seal).encode(), row.digest.encode()):
        raise Refused(
            say("What waits under number {number} is not what was asked for.", number=number),
            "request_changed",
            say("Reject it, run timebank audit, and enter it again."),
        )
    _decide(session, act, row, "approved", "")
    return row


def reject(session: Session, act: Act, number: int, why: str) -> Approval:
    """Mark as rejected, with the reason. Raises as `find`."""
    row = find(session, act, number)
    _decide(session, act, row, "rejected", why)
    return row


def overtaken(session: Session, act: Act, kind: str, subject: str) -> None:
    """Let nothing wait any more of what two people have just done directly."""
    while (row := waiting_about(session, act.community_id, kind, subject)) is not None:
        _decide(session, act, row, "rejected", "")


def _decide(session: Session, act: Act, row: Approval, state: str, why: str) -> None:
    row.state, row.decided_by, row.decided_at, row.why = state, act.actor, act.now, why
    session.add(row)
    session.flush()


def two_people(act: Act) -> None:
    """Demand a second person on an act. Raises NotAllowed `approver_missing`, `same_person`."""
    if act.approver is None:
        raise NotAllowed(
            say("This needs a second person."), "approver_missing", say("Name the second clerk with --approver W0002.")
        )
    if act.approver == act.actor:
        raise NotAllowed(
            say("The second person must be another one than you."), "same_person", say("Name another clerk with --approver.")
        )
