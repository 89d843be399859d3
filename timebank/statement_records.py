"""A month's statements as they are hashed: canonical, without language and without names, under one root a month.

A line's record is what its entry changed for the holder; the statement's record holds the RFC 6962 root over its lines; the
month's root is the same over all statements, by holder (`reading.order`). It goes into the `period.close` entry, and so into
the log that everybody's paper witnesses. The shape of both records is described in docs/formats.md.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlmodel import Session

from timebank import reading
from timebank.base import communities
from timebank.base.errors import NotFound, Tampered
from timebank.base.i18n import say
from timebank.base.months import parse_period
from timebank.journal import Entry
from timebank.reading import Line
from timebank.statement_lines import Aside, Balances, Statement, fold
from timebank.transparency import canonical, leaf_hash, parse, tree_root

VERSION = 1
CLOSE = "period.close"


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a community's book. `log` is the origin its statements name; `accounts_max` the last account that was there
    when it was closed (while it is open: now); `close` its `period.close` entry, None while it is open."""

    community_id: int
    code: str
    points_decimals: int
    timezone: str
    period: str
    log: str
    accounts_max: int
    close: Entry | None

    @property
    def closing(self) -> dict[str, Any]:
        """The facts of the `period.close` entry; empty while the month is open."""
        facts: dict[str, Any] = parse(self.close.payload.encode())["facts"] if self.close else {}
        return facts

    @property
    def label(self) -> str:
        """How files call it: '2026-10', '2026-11 DRAFT' while it is open."""
        return self.period if self.close else f"{self.period} DRAFT"


def month_of(session: Session, community_id: int, period: str) -> Month:
    """A month of the book, closed or open. Raises Invalid `bad_period`, NotFound `not_in_book`, Tampered `close_missing`."""
    parse_period(period)
    community = communities.get(session, community_id)
    state = communities.state(session, community_id)
    if period < state.opened_from:
        raise NotFound(
            say("The book begins with {first}; there is no {period} in it.", first=state.opened_from, period=period),
            "not_in_book",
            say("Name a month from {first} on.", first=state.opened_from),
        )
    log, accounts_max, close = f"{community.code}/{state.incarnation}", reading.accounts(session, community_id), None
    if period < state.open_period:
        close = reading.last_of(session, community_id, period)
        if close is None or close.kind != CLOSE:
            raise Tampered(
                say("{period} counts as closed, but its last entry does not close it.", period=period),
                "close_missing",
                say("Run timebank audit."),
            )
        payload = parse(close.payload.encode())
        log, accounts_max = payload["log"], payload["facts"]["accounts"]
    return Month(community_id, community.code, community.points_decimals, community.timezone, period, log, accounts_max, close)


def statements(session: Session, month: Month) -> Generator[Statement]:
    """Every holder's statement of a month, by holder, as a stream: one holder's lines in memory at a time.

    Who does not read it to its end closes it. Raises Tampered `turnover_differs`.
    """
    cid, period = month.community_id, month.period
    aside = Aside(reading.to_pools(session, cid, period), reading.redeemed(session, cid, period))
    with (
        closing(reading.holdings(session, cid, period, month.accounts_max)) as holdings,
        closing(reading.lines(session, cid, period)) as lines,
    ):
        # Two streams in one order, by holder.
        moved = groupby(lines, key=attrgetter("holder"))
        ahead = next(moved, None)
        for holding in holdings:
            own: list[Line] = []
            if ahead is not None and ahead[0] == holding.holder:
                own = list(ahead[1])
                ahead = next(moved, None)
            yield fold(holding, own, aside, period)
        if ahead is not None:
            raise Tampered(
                say("{holder} has lines in {period} but no account from that time.", holder=ahead[0], period=period),
                "turnover_differs",
                say("Run timebank audit; it names what differs."),
            )


def line_records(statement: Statement) -> Iterator[dict[str, Any]]:
    """The records of a statement's lines, in their order. What does not apply is left out; amounts that do are there even if
    they are 0. Points in the smallest unit."""
    units = statement.units
    for number, line, balances in statement.running():
        record: dict[str, Any] = {
            "line": number,
            "entry": line.seq,
            "kind": line.kind,
            "business_date": line.business_date,
            "posted_at": line.posted_at,
        }
        if "minutes" in units:
            record["minutes"], record["minutes_balance"] = line.minutes, balances.minutes
        if "points" in units:
            record["points"], record["points_balance"] = line.points, balances.points
        if "credits" in units:
            record["credits"], record["credits_balance"] = line.credits, balances.credits
        if "fen" in units:
            record["fen"], record["fen_balance"] = line.fen, balances.fen
            if points := statement.redeemed.get(line.seq, 0):
                record["redeemed"] = points
        if line.rules is not None:
            record["rules"] = line.rules
        if line.reverses is not None:
            record["reverses"] = line.reverses
        if line.subject is not None:
            record["subject"] = line.subject
        yield record


def record(statement: Statement, month: Month) -> dict[str, Any]:
    """A statement's record: whose, of which month of which log; opening, movements (those that are not 0), closing; of points
    what of the closing is available, held and owed, and the available lots; the number of lines and their root."""
    written: dict[str, Any] = {
        "v": VERSION,
        "log": month.log,
        "period": month.period,
        "holder": statement.holder,
        "opening": _by_unit(statement, statement.opening),
        "movements": statement.movements,
        "closing": _by_unit(statement, statement.closing),
        "lines": len(statement.lines),
        "lines_root": tree_root(leaf_hash(canonical(line)) for line in line_records(statement)).hex(),
    }
    if "points" in statement.units:
        written["points"] = {"available": statement.available, "held": statement.held, "owed": statement.owed}
        written["lots"] = [[day, points] for day, points in statement.lots]
    return written


def _by_unit(statement: Statement, balances: Balances) -> dict[str, int]:
    return {unit: getattr(balances, unit) for unit in statement.units}


def leaf(statement: Statement, month: Month) -> bytes:
    """The hash of a statement's record, 32 bytes: a leaf of the month's tree."""
    return leaf_hash(canonical(record(statement, month)))


def root_of(session: Session, month: Month) -> bytes:
    """The root over all statements of a month, 32 bytes, worked out from the book."""
    with closing(statements(session, month)) as source:
        return tree_root(leaf(statement, month) for statement in source)
