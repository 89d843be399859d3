"""`timebank rules explain …`."""

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import acceptance_words, explanations, ledger, reading, rewards, rulebooks, services, voucher_words
from timebank.base.communities import Community
from timebank.base.errors import NotFound
from timebank.base.i18n import Say, say, text
from timebank.commands.door import Door
from timebank.commands.door import reading as door_reading
from timebank.commands.options import entry_number
from timebank.explanations import Row, Who, rows, rules_told
from timebank.journal import EXPIRED
from timebank.people import members, merchants, teams
from timebank.services import Service
from timebank.transparency import parse

app = typer.Typer(add_completion=False)
_SUBJECT = "hours:"
_TELLING = (
    *explanations.AWARDED,
    *("points.gift", "points.review", "points.expire", "points.opening", "pool.payout", "credit.issue", "reversal"),
    *voucher_words.KINDS,
    *acceptance_words.KINDS,
)
"""Kinds of entries of points, hours or vouchers that explain themselves."""


@door_reading(
    app,
    "explain",
    example="timebank rules explain E000042\ntimebank rules explain hours:17\ntimebank rules explain M0012 --last",
)
def explain(
    door: Door,
    entry: Annotated[str, typer.Argument(help="An entry (E000042), a service (hours:17), or a member with --last.")],
    last: Annotated[bool, typer.Option("--last", help="The newest entry of a member's hours or points.")] = False,
) -> None:
    """Explain step by step how the points of an entry came about, from the entry alone."""
    with door.reading() as (session, community):
        seq = _last_of(session, community.id, entry) if last else _entry_of(session, community.id, entry)
        payload = reading.payloads(session, community.id, [seq]).get(seq)
        if payload is None:
            raise NotFound(say("There is no entry {entry}.", entry=entry), "no_entry", say("See timebank hours list."))
        fields = parse(payload.encode())
        told = [] if fields["kind"] not in _TELLING else rows(fields, _who(session, community.id), community.points_decimals)
        told += _rules(session, community, fields)
        by = ledger.reversed_by(session, community.id, seq)
        if by is not None:
            told.append(Row(say("taken back"), say("by entry {entry}", entry=f"E{by:06d}")))
    trace, ref = fields.get("trace"), fields.get("rules", "")
    nothing = say("Entry {entry} gave no points by a rule.", entry=entry)
    sentence: Say = rewards.explained(trace) if trace else nothing
    data: dict[str, Any] = {"entry": seq, "kind": fields["kind"], "rules": ref, "explanation": text(sentence, door.lang)}
    data["rows"] = [{"name": text(row.name, door.lang), "told": text(row.told, door.lang)} for row in told]
    if door.screen.data({**data, "trace": trace}):
        return
    if trace:
        door.screen.line(say("{told} [rules {rules}]", told=sentence, rules=rules_told(ref)) if ref else sentence)
    elif fields["kind"] not in _TELLING:
        door.screen.line(nothing)
    if told:
        door.screen.facts(say("Entry {entry}, {day}", entry=f"E{seq:06d}", day=fields["business_date"]), told)


def _entry_of(session: Session, community_id: int, typed: str) -> int:
    """The number of an entry, or of a service's entry. Raises Invalid `bad_entry`, NotFound `unknown_service`, `no_entry`."""
    if not typed.lower().startswith(_SUBJECT):
        return entry_number(typed)
    number = typed[len(_SUBJECT) :]
    service = session.get(Service, (community_id, int(number))) if number.isdecimal() and len(number) < 16 else None
    if service is None:
        raise NotFound(say("There is no service {number}.", number=number), "unknown_service", say("See timebank hours list."))
    if service.seq is None:
        raise NotFound(
            say("Service {number} is not posted but {state}.", number=number, state=service.state),
            "no_entry",
            say("See timebank hours list."),
        )
    return service.seq


def _last_of(session: Session, community_id: int, number: str) -> int:
    """The newest entry that tells of a member's hours or points. Raises NotFound `unknown_member`, `no_entry`."""
    member = members.find(session, community_id, number)
    found = [service.seq for service in services.listed(session, community_id, member.id) if service.seq is not None]
    with closing(reading.history(session, community_id, member.holder, "points")) as lines:
        found.extend(line.seq for line in lines if line.kind in _TELLING)
    if not found:
        raise NotFound(
            say("{number} has no entry of hours or points yet.", number=member.number),
            "no_entry",
            say("See timebank hours list."),
        )
    return max(found)


def _who(session: Session, community_id: int) -> Who:
    """Names holders as people know them: by printed numbers."""
    numbers = {team.holder: team.number for team in teams.listed(session, community_id)}

    def who(holder: str) -> Say | str:
        kind, _, number = holder.partition(":")
        if kind == "member":
            return members.get(session, community_id, int(number)).number
        if kind == "merchant":
            return merchants.get(session, community_id, int(number)).number
        if holder == EXPIRED:
            return say("lapsed points")
        return say("pool {name}", name=number) if kind == "pool" else numbers.get(holder, holder)

    return who


def _rules(session: Session, community: Community, fields: dict[str, Any]) -> Iterator[Row]:
    """Which rule book spoke, and by what resolution."""
    ref = fields.get("rules")
    if ref is None:
        return
    try:
        book = rulebooks.find(session, community.id, ref.partition("@")[0])
    except NotFound:
        return
    told = say("{title}, version {version}, resolution {resolution}", **{name: getattr(book, name) for name in _NAMED})
    yield Row(say("rules"), told)


_NAMED = ("title", "version", "resolution")
