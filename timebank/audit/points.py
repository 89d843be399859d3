"""I9 and I13 for points and credits that no service made: gifts, pay-outs, openings, contributions and what they became.

Each entry is held against its own facts and against the rules that spoke for its day: who may be given to, what credits make.
Lots keep the day they lapse wherever they go, so what a lot gave is what the other one of that day got, less what was owed.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select

from timebank.audit.awards import Awards
from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.audit.source import WRONG_KIND, Source, columns_of
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say
from timebank.credits import CONVERT, CONVERTED, ISSUE
from timebank.journal import ISSUED
from timebank.openings import OPENING
from timebank.openings import SOURCE as OPENED
from timebank.people.clerks import Clerk
from timebank.points import GIFT, PAY_OUT, TO_COMMON, TO_MEMBERS
from timebank.rewards import converted_again

_NEVER = "9999-12-31"
Moves = Mapping[tuple[str, str, str, str], int]
"""Amounts by holder, unit, purpose and lapse day."""


class Points:
    """Compares entries of points and credits one by one, as they are folded: `kinds` names who takes which."""

    def __init__(self, source: Source, findings: Findings, awards: Awards) -> None:
        self._findings = findings
        self._awards = awards
        self._links: dict[str, tuple[Any, ...]] = {}
        clerk = columns_of(Clerk)
        linked = select(clerk.id, clerk.member_id).where(clerk.member_id.is_not(None))
        self._own = {
            number: f"member:{member}"
            for number, member in source.rows(linked.where(clerk.community_id == source.community_id))
        }
        self._right: dict[str, Callable[[Payload, Moves], Say | None]] = {
            GIFT: self._gift,
            PAY_OUT: _pay_out,
            OPENING: _opening,
            ISSUE: _issue,
            CONVERT: self._convert,
        }

    @property
    def kinds(self) -> dict[str, Callable[[int, Payload], None]]:
        """What to do with which kind of entry."""
        return {**dict.fromkeys(self._right, self.take), "kin.link": self._link, "kin.end": self._unlink}

    def take(self, seq: int, payload: Payload) -> None:
        """Hold an entry against its facts and its rules."""
        moves: Counter[tuple[str, str, str, str]] = Counter()
        for *place, amount, _ in payload["postings"]:
            moves[tuple(place)] += amount
        try:
            wrong = self._right[payload["kind"]](payload, moves)
        except (*WRONG_KIND, Invalid):
            wrong = say("Its facts cannot be read.")
        if wrong is not None:
            self._findings.add("points_differ", wrong, entry=seq)
        approver = self._own.get(payload.get("approver", 0))
        if approver is not None and any(holder == approver and amount > 0 for (holder, *_), amount in moves.items()):
            own = say("Clerk {clerk} approved points or credits of their own.", clerk=payload["approver"])
            self._findings.add("one_person", own, entry=seq)

    def _link(self, _seq: int, payload: Payload) -> None:
        facts = payload.get("facts", {})
        self._links[payload.get("subject", "")] = (facts.get("a"), facts.get("b"), str(facts.get("since")), _NEVER)

    def _unlink(self, _seq: int, payload: Payload) -> None:
        link = self._links.get(payload.get("subject", ""))
        if link is not None:
            self._links[payload["subject"]] = (*link[:3], payload["business_date"])

    def _gift(self, payload: Payload, moves: Moves) -> Say | None:
        day, rules, to = payload["business_date"], payload.get("rules"), payload["facts"]["to"]
        if rules != self._awards.speaking(day):
            return say("It follows {rules}, which did not speak for {day}.", rules=str(rules), day=day)
        book, target = self._awards.book(rules), payload["subject"]
        if book is not None and book.gifts_to != to:
            return say("Its rules let points be given to {allowed}, not to {to}.", allowed=book.gifts_to, to=to)
        givers = {holder for (holder, *_), amount in moves.items() if amount < 0}
        if len(givers) != 1 or not (giver := givers.pop()).startswith("member:"):
            return say("A gift goes from one member to another holder.")
        if to not in (TO_MEMBERS if target.startswith("member:") else TO_COMMON):
            return say("Its rules let points be given to {allowed}, not to {to}.", allowed=to, to=target)
        if to == "relatives" and not self._related(payload["facts"]["kin"], giver, target, day):
            return say("It names no kinship of the two that held on that day.")
        return _handed_over(moves, giver, target)

    def _related(self, link: int, giver: str, target: str, day: str) -> bool:
        a, b, since, until = self._links.get(f"kin:{link}", (None, None, "", ""))
        return {f"member:{a}", f"member:{b}"} == {giver, target} and since <= day <= until

    def _convert(self, payload: Payload, moves: Moves) -> Say | None:
        rules, day, trace, member = payload.get("rules"), payload["business_date"], payload["trace"], payload["subject"]
        if rules != self._awards.speaking(day):
            return say("It follows {rules}, which did not speak for {day}.", rules=str(rules), day=day)
        book = self._awards.book(rules)
        if book is None:
            return None
        if book.credit is None:
            return say("Its rules turn no credits into points.")
        made = converted_again(trace, book)
        if made.trace != trace or trace["day"] != day:
            return say("It does not follow from its trace and its rules.")
        wanted = Counter(
            {(member, "credits", "available", _NEVER): -made.credits, (CONVERTED, "credits", "sink", _NEVER): made.credits}
        )
        wanted[ISSUED, "points", "source", _NEVER] = -made.points
        return _same(moves, wanted, _credited(moves, member, {made.lapses_on.isoformat(): made.points}))


def _handed_over(moves: Moves, giver: str, target: str) -> Say | None:
    """Whether points went from lots of one holder to lots of the same days of another, or repaid what that one owed."""
    given = {
        lot: -amount
        for (holder, unit, purpose, lot), amount in moves.items()
        if (holder, unit, purpose) == (giver, "points", "available")
    }
    wanted = Counter({(giver, "points", "available", lot): -amount for lot, amount in given.items()})
    return _same(moves, wanted, _credited(moves, target, given))


def _credited(moves: Moves, holder: str, lots: Mapping[str, int]) -> Counter[tuple[str, str, str, str]]:
    """What a holder gets of points of some lots: what repays a debt is taken from those that lapse first."""
    got: Counter[tuple[str, str, str, str]] = Counter()
    owed = (holder, "points", "owed", _NEVER)
    repaid = got[owed] = max(0, moves.get(owed, 0))
    for lot, amount in sorted(lots.items()):
        used = min(repaid, amount)
        repaid -= used
        got[holder, "points", "available", lot] = amount - used
    return got


def _same(moves: Moves, *wanted: Mapping[tuple[str, str, str, str], int]) -> Say | None:
    right: Counter[tuple[str, str, str, str]] = Counter()
    for some in wanted:
        right.update(some)
    if {place: n for place, n in right.items() if n} != {place: n for place, n in moves.items() if n}:
        return say("Its postings are not what its facts say.")
    return None


def _pay_out(payload: Payload, moves: Moves) -> Say | None:
    pool = payload["subject"]
    targets = {holder for (holder, *_), amount in moves.items() if amount > 0}
    if not pool.startswith("pool:") or len(targets) != 1 or not (target := targets.pop()).startswith("member:"):
        return say("A pay-out goes from a pool to a member.")
    return _handed_over(moves, pool, target)


def _opening(payload: Payload, moves: Moves) -> Say | None:
    _, member, lapse = payload["subject"].split(":")
    holder = f"member:{member}"
    brought = {unit: -moves.get((OPENED, unit, "source", _NEVER), 0) for unit in ("points", "minutes", "credits")}
    wanted: Counter[tuple[str, str, str, str]] = Counter()
    for unit, purpose in (("minutes", "served"), ("credits", "available")):
        wanted[holder, unit, purpose, _NEVER] = brought[unit]
    wanted.update({(OPENED, unit, "source", _NEVER): -amount for unit, amount in brought.items()})
    if min(brought.values()) < 0:
        return say("An opening only brings.")
    return _same(moves, wanted, _credited(moves, holder, {lapse: brought["points"]}))


def _issue(payload: Payload, moves: Moves) -> Say | None:
    credits = payload["facts"]["credits"]
    members = [holder for (holder, *_), amount in moves.items() if amount > 0 and holder.startswith("member:")]
    if len(members) != 1 or not payload["facts"]["category"]:
        return say("Credits are given to one member for a contribution.")
    return _same(
        moves, {(ISSUED, "credits", "source", _NEVER): -credits, (members[0], "credits", "available", _NEVER): credits}
    )
