"""What really happened, as the journal tells it: services and what they were paid, what was taken back, what else moved points.

Read once, in the order of posting, as a stream of frozen values: for whoever plays history again under other rules.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from datetime import date
from typing import Any, Final, NamedTuple

import orjson
from sqlmodel import Session

from timebank import reading, rulebooks
from timebank.clauses import NEVER, Bonus, Facts
from timebank.credits import CONVERT
from timebank.openings import OPENING
from timebank.rewards import Award, facts_of

HOURS: Final = "hours"
REVERSAL: Final = "reversal"
SERVICES: Final = (HOURS, REVERSAL, CONVERT, OPENING)
"""The kinds of entries that services, bonuses and tiers hang on; what members have hangs on EVERYTHING."""
EVERYTHING: Final = ()
_MEMBER: Final = "member:"
_NEVER: Final = NEVER.isoformat()
_NO_BONUSES: Final[dict[str, Bonus]] = {}

Moves = Mapping[int, int]
"""By member: how much more or less of a unit they have, held points included and owed ones taken off."""


class Served(NamedTuple):
    """A service and the award that its entry paid; `taken_back`: a later entry reversed it. `rules` is 'version@hash'."""

    seq: int
    member: int
    facts: Facts
    paid: Award
    taken_back: bool
    rules: str


class Converted(NamedTuple):
    """Credits of a member that became points."""

    seq: int
    member: int
    day: date
    credits: int
    points: int
    taken_back: bool


class TakenBack(NamedTuple):
    """The entry `of` was reversed. `moves` is what that did, which may be less than what it gave where points had lapsed;
    `served` is how many minutes of service it took away."""

    seq: int
    of: int
    moves: Moves
    served: Moves


class Moved(NamedTuple):
    """Any other entry that changed what members have, or brought in minutes `served` before there was a book."""

    seq: int
    moves: Moves
    served: Moves


Event = Served | Converted | TakenBack | Moved


def events(session: Session, community_id: int, kinds: Collection[str]) -> Generator[Event]:
    """The history in the order of posting, as a stream, of SERVICES or of EVERYTHING."""
    bonuses = {row.ref: {bonus.id: bonus for bonus in row.book.bonus} for row in rulebooks.listed(session, community_id)}
    with closing(reading.sealed(session, community_id, kinds)) as entries:
        for entry in entries:
            # Whether payloads are canonical is the audit's question; here they are only read.
            event = _event(entry, orjson.loads(entry.payload), bonuses)
            if event is not None:
                yield event


def _event(entry: reading.Sealed, fields: Mapping[str, Any], bonuses: Mapping[str, Mapping[str, Bonus]]) -> Event | None:
    postings, rules = fields["postings"], fields.get("rules", "")
    if entry.reverses is not None:
        return TakenBack(entry.seq, entry.reverses, _moves(postings, "points"), _moves(postings, "minutes"))
    if entry.kind == HOURS:
        trace = fields["trace"]
        paid = paid_by(trace, bonuses.get(rules, _NO_BONUSES), _lapse_day(postings))
        member = int(postings[1][0].removeprefix(_MEMBER))
        return Served(entry.seq, member, facts_of(trace), paid, entry.reversed_by is not None, rules)
    if entry.kind == CONVERT:
        trace, ((member, points),) = fields["trace"], _moves(postings, "points").items()
        credits = trace["credits"] - trace.get("over", 0)
        return Converted(entry.seq, member, date.fromisoformat(trace["day"]), credits, points, entry.reversed_by is not None)
    moves, served = _moves(postings, "points"), _moves(postings, "minutes")
    return Moved(entry.seq, moves, served) if moves or served else None


def paid_by(trace: Mapping[str, Any], bonuses: Mapping[str, Bonus], lapses_on: date = NEVER) -> Award:
    """The award a trace tells of, by the bonuses of its book, without what went to pools."""
    counted = trace["counted"]
    given = tuple(bonuses[id_] for id_, *_ in trace.get("bonus", ()) if id_ in bonuses)
    minutes = trace.get("window_minutes", counted)
    return Award(trace["eligible"], counted, trace["points"], (), lapses_on, minutes, dict(trace), given)


def _lapse_day(postings: Sequence[Sequence[Any]]) -> date:
    """The lapse day of what an entry of hours gave; 'never' also where all of it repaid what was owed."""
    for _, unit, purpose, lapses_on, _, _ in postings[2:]:
        if unit == "points" and purpose == "available":
            return NEVER if lapses_on == _NEVER else date.fromisoformat(lapses_on)
    return NEVER


def _moves(postings: Sequence[Sequence[Any]], unit: str) -> dict[int, int]:
    moves: dict[int, int] = {}
    for holder, of, _, _, amount, _ in postings:
        if of == unit and holder.startswith(_MEMBER):
            member = int(holder.removeprefix(_MEMBER))
            moves[member] = moves.get(member, 0) + amount
    return {member: amount for member, amount in moves.items() if amount}
