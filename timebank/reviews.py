"""Points over a cap whose rule book leaves them to a decision: they wait for a second person, who gives or discards them.

Both are in the book, as an entry about the service, which names the entry that the points came about in.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from timebank import approvals, ledger, services
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.errors import NotAllowed, Refused
from timebank.base.i18n import say
from timebank.journal import ACCOUNT, ENTRY, ISSUED, POSTING, Draft, Receipt, Transfer
from timebank.people import clerks
from timebank.rewards import REVIEW, Award
from timebank.services import Service

KIND = "points.review"
"""What waits, and the entry that decides about it."""


def ask(session: Session, act: Act, made: Sequence[tuple[int, int, Award]]) -> None:
    """Let what the caps of these awards left to a decision wait for it; each with its service's number and its entry's."""
    wanted = []
    for number, seq, award in made:
        points = dict(award.overflow).get(REVIEW, 0) if award.overflow else 0
        if points:
            asked = {"service": number, "entry": seq, "points": points, "lapses_on": award.lapses_on.isoformat()}
            wanted.append((f"hours:{number}", asked))
    if wanted:
        approvals.ask(session, act, KIND, wanted)


def give(session: Session, act: Act, asked: Mapping[str, Any]) -> Receipt:
    """Give the points that waited, in the lot of the service's own. Two people; what waited is approved already.

    Raises NotAllowed `approver_missing`, `same_person`, `self_confirmation`; Refused `not_posted`.
    """
    approvals.two_people(act)
    service = _posted(session, act, asked)
    if clerks.own_member(session, act.community_id, act.approver) == service.member_id:
        raise NotAllowed(
            say("Nobody confirms hours of their own."), "self_confirmation", say("Let another clerk approve them.")
        )
    holder, lapses_on = f"member:{service.member_id}", date.fromisoformat(asked["lapses_on"])
    transfer = Transfer("points", asked["points"], ISSUED, "source", holder, "available", lapses_on=lapses_on)
    return _decided(session, act, asked, "given", (transfer,))


def discard(session: Session, act: Act, number: int, why: str) -> Receipt:
    """Turn down, with the reason, points that wait under a number of the inbox. Raises as `approvals.reject`."""
    waits = approvals.reject(session, act, number, why)
    return _decided(session, act, waits.asked, "discarded", (), why)


def take_back(session: Session, act: Act, service: Service, trace: Mapping[str, Any], *, owe: bool) -> None:
    """Before a service is reversed: reverse what was given of its points above a cap, or let what waits wait no more.

    `trace` is that of its award. Raises as `ledger.reverse`.
    """
    if not any(cut["to"] == REVIEW for cut in trace.get("caps", ())):
        return
    waits = approvals.waiting_about(session, act.community_id, KIND, f"hours:{service.id}")
    if waits is not None:
        approvals.reject(session, act, waits.id, "")
    given = _given(session, act.community_id, service)
    if given is not None:
        ledger.reverse(session, act, given, owe=owe)


def _posted(session: Session, act: Act, asked: Mapping[str, Any]) -> Service:
    """The service that points wait for, if it is still what they came about by."""
    communities.lock(session, act.community_id)
    service = services.get(session, act.community_id, asked["service"])
    if service.state != "posted":
        raise Refused(
            say(
                "Service {number} is not posted but {state}.",
                number=service.id,
                state=service.stands,
            ),
            "not_posted",
            say("Reject what waits; see timebank hours list."),
        )
    return service


def _decided(
    session: Session, act: Act, asked: Mapping[str, Any], outcome: str, transfers: tuple[Transfer, ...], why: str = ""
) -> Receipt:
    today = communities.today(session, act)
    facts: dict[str, object] = {"entry": asked["entry"], "points": asked["points"], "outcome": outcome}
    subject = f"hours:{asked['service']}"
    return ledger.post(session, act, Draft(KIND, today, transfers, subject=subject, facts=facts, text=why or None))


def _given(session: Session, community_id: int, service: Service) -> int | None:
    """The entry that gave points above a cap for a service, unless it was reversed: found by the member's own postings."""
    own = (ACCOUNT.community_id == community_id, ACCOUNT.holder == f"member:{service.member_id}", ACCOUNT.unit == "points")
    wanted = (
        select(ENTRY.seq)
        .join(POSTING.seq.table, (POSTING.community_id == ENTRY.community_id) & (POSTING.seq == ENTRY.seq))
        .join(ACCOUNT.id.table, (ACCOUNT.community_id == POSTING.community_id) & (ACCOUNT.id == POSTING.account_id))
        .where(*own, ENTRY.community_id == community_id, ENTRY.kind == KIND, ENTRY.subject == f"hours:{service.id}")
        .where(POSTING.seq > service.seq)
        .limit(1)
    )
    found: int | None = session.execute(wanted).scalar()
    return found
