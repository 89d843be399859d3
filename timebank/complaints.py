"""Complaints about a service: under a rule book with `[penalty]`, a service whose complaint was upheld earns nothing.

Two people uphold it. That they did is an entry, with the reason as its text; the service's own entry is reversed.
"""

from sqlmodel import Session

from timebank import hours, ledger, rulebooks, services
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.errors import Refused
from timebank.base.i18n import say
from timebank.journal import Draft, Entry

KIND = "hours.complaint"


def uphold(session: Session, act: Act, number: int, why: str, *, owe: bool = False) -> int:
    """Uphold a complaint about a posted service and take it back; gives the points it had made, in the smallest unit.

    Two people. Points spent: see `ledger.reverse`. Raises NotFound `unknown_service`; Refused `no_penalty` where its rule book
    says nothing of complaints; else as `hours.correct`.
    """
    communities.lock(session, act.community_id)
    service = services.find(session, act.community_id, number)
    entry = session.get(Entry, (act.community_id, service.seq)) if service.state == "posted" else None
    if entry is not None and entry.rules is not None:
        book = rulebooks.shelf(session, act.community_id).named(entry.rules).book
        if book.complaint != "void":
            raise Refused(
                say("Rule book {version} says nothing of complaints.", version=book.version),
                "no_penalty",
                say("What was recorded wrongly is taken back with timebank hours correct {number} --minutes 0.", number=number),
            )
        facts: dict[str, object] = {"entry": entry.seq}
        draft = Draft(KIND, communities.today(session, act), subject=f"hours:{number}", facts=facts, text=why)
        ledger.post(session, act, draft)
    return hours.correct(session, act, number, 0, owe=owe).points
