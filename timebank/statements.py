"""Closing a month: its statements' root, its totals and its rules go into one entry of the book, and nothing changes it after.

Months close in order, after they have ended, by two people. What comes late belongs to the first open month.
"""

from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from sqlmodel import Session

from timebank import approvals, ledger, points, reading, redemption, services
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.errors import Finding, Refused
from timebank.base.i18n import say
from timebank.base.months import first_day, last_day, next_period, parse_period
from timebank.journal import Draft
from timebank.once import once
from timebank.statement_lines import Totals
from timebank.statement_records import CLOSE, Month, leaf, month_of, root_of, statements
from timebank.transparency import Frontier


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed month: its `period.close` entry, the root over its statements (hex), how many statements and lines; the log's
    size at its checkpoint; what was still open when it was closed: holders with points on hold, records of hours that waited
    for a second person or a public notice.
    """

    period: str
    entry: int
    root: str
    statements: int
    lines: int
    size: int
    holds: int
    waiting: int


CLOSE_ASKED = "statement.close"
"""What the closing of a month is called while it waits for a second person."""


def close(session: Session, act: Act, period: str) -> Closed:
    """Close a month: release vouchers and points that lapsed in it, build the statements, bind them in a `period.close` entry,
    and open the next month. Closing a closed month again changes nothing and gives what is known of it.

    Raises Invalid `bad_period`; NotFound `not_in_book`; Refused `not_first_open`, `month_not_over`; NotAllowed
    `approver_missing`, `same_person`; Tampered `turnover_differs`.
    """
    parse_period(period)
    outcome = once(session, act, "statement.close", {"period": period}, lambda: asdict(_close(session, act, period)))
    return Closed(**outcome.receipt)


def _close(session: Session, act: Act, period: str) -> Closed:
    state = communities.lock(session, act.community_id)
    month = month_of(session, act.community_id, period)
    if month.close is not None:
        return _known(month)
    if period != state.open_period:
        raise Refused(
            say("{first} is still open; months are closed in order.", first=state.open_period),
            "not_first_open",
            say("Close {first} first.", first=state.open_period),
        )
    today = communities.today(session, act)
    if today <= last_day(period):
        raise Refused(
            say("{period} is not over; today is {today}.", period=period, today=today),
            "month_not_over",
            say("Close it on {day} or later.", day=first_day(next_period(period))),
        )
    approvals.two_people(act)
    redemption.expire_due(session, act)
    points.expire_due(session, act, last_day(period))
    facts = _facts(session, month_of(session, act.community_id, period))
    ledger.post(session, act, Draft(CLOSE, last_day(period), subject=f"period:{period}", facts=facts))
    state.open_period = next_period(period)
    communities.save(session, state)
    approvals.overtaken(session, act, CLOSE_ASKED, f"period:{period}")
    return _known(month_of(session, act.community_id, period))


def _facts(session: Session, month: Month) -> dict[str, Any]:
    """What the `period.close` entry binds. Totals are those of totals.csv that any holder has: [unit, figure, amount, holders,
    lines]; `accounts` tells which holders had a statement; `rules` are those the month's entries followed."""
    totals, tree = Totals(), Frontier(0, [])
    count = 0
    rules: set[str] = set()
    with closing(statements(session, month)) as source:
        for statement in source:
            tree.append(leaf(statement, month))
            totals.add(statement.figures, statement.counts)
            count += len(statement.lines)
            rules.update([line.rules for line in statement.lines if line.rules])
    return {
        "statements": tree.root().hex(),
        "count": tree.size,
        "lines": count,
        "accounts": month.accounts_max,
        "totals": [list(row) for row in totals.rows() if row[3]],
        "rules": sorted(rules),
        "holds": len(reading.held(session, month.community_id)),
        "waiting": len(_waiting(session, month.community_id)),
    }


def _known(month: Month) -> Closed:
    assert month.close is not None, "only of a closed month"
    facts = month.closing
    return Closed(
        month.period,
        month.close.seq,
        facts["statements"],
        facts["count"],
        facts["lines"],
        month.close.seq + 1,
        facts["holds"],
        facts["waiting"],
    )


def rebuild(session: Session, community_id: int, period: str) -> bytes:
    """The root over a month's statements (32 bytes), worked out anew: of a closed month what its entry holds, or something
    was changed. Raises as `month_of`, Tampered `turnover_differs`."""
    return root_of(session, month_of(session, community_id, period))


def pending(session: Session, community_id: int) -> list[Finding]:
    """What closing a month now would leave open, for the clerk to look at first: points on hold (`open_hold`) and records of
    hours that wait for a second person (`hours_waiting`) or for a public notice (`hours_confirmed`)."""
    found = [
        Finding(holder, "open_hold", say("{points} points are on hold.", points=amount))
        for holder, amount in reading.held(session, community_id)
    ]
    return found + _waiting(session, community_id)


def _waiting(session: Session, community_id: int) -> list[Finding]:
    """The records of hours that wait: each once, though its posting may wait for a second person as well."""
    told = say("These hours wait for a second person.")
    asked = [w.subject for w in approvals.waiting(session, community_id) if w.kind in ("hours.approve", "hours.correct")]
    found = [Finding(subject, "hours_waiting", told) for subject in asked]
    for service in services.listed(session, community_id, state="confirmed"):
        found.append(Finding(f"hours:{service.id}", "hours_confirmed", say("These hours wait for a public notice.")))
    return found
