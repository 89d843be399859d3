"""What must hold in any book, counted again from the tables by plain SQL and the standard library: no line of the program."""

import hashlib
import json
from collections import Counter
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, text

_NOTHING = {
    "I1 an entry sums to zero in each unit": """
        SELECT seq, unit, SUM(amount) FROM posting GROUP BY community_id, seq, unit HAVING SUM(amount) <> 0
    """,
    "I2 all balances of a unit sum to zero": """
        SELECT unit, SUM(balance) FROM account GROUP BY community_id, unit HAVING SUM(balance) <> 0
    """,
    "I3 nobody is below the floor, after any entry": """
        SELECT p.seq, a.holder, p.balance FROM posting p JOIN account a ON a.community_id = p.community_id AND a.id =
        p.account_id WHERE p.balance < 0 AND a.purpose IN ('available', 'held', 'served', 'committed')
    """,
    "I3 what is owed is never above zero": """
        SELECT holder, balance FROM account WHERE purpose = 'owed' AND balance > 0
    """,
    "I6 a key at most once": """
        SELECT key, COUNT(*) FROM entry GROUP BY community_id, key HAVING COUNT(*) > 1
    """,
    "I6 an entry belongs to a command, but those of the first day": """
        SELECT e.seq FROM entry e LEFT JOIN command c ON c.community_id = e.community_id AND e.key LIKE c.key || '/%' WHERE
        c.key IS NULL AND e.kind <> 'clerk.join'
    """,
    "I7 a hold ends at most once": """
        SELECT subject, COUNT(*) FROM entry WHERE kind IN ('voucher.capture', 'voucher.void', 'voucher.expire') GROUP BY
        community_id, subject HAVING COUNT(*) > 1
    """,
    "I8 lots sum to the balance of their account": """
        SELECT a.holder, a.balance, SUM(l.balance) FROM account a JOIN lot l ON l.community_id = a.community_id AND
        l.account_id = a.id GROUP BY a.community_id, a.id, a.holder, a.balance HAVING SUM(l.balance) <> a.balance
    """,
    "I8 a lot is what its postings make": """
        SELECT l.account_id, l.expires_on FROM lot l LEFT JOIN posting p ON p.community_id = l.community_id AND p.account_id
        = l.account_id AND p.expires_on = l.expires_on GROUP BY l.community_id, l.account_id, l.expires_on, l.balance HAVING
        COALESCE(SUM(p.amount), 0) <> l.balance
    """,
    "I10 a balance is what the postings make": """
        SELECT a.holder, a.balance FROM account a LEFT JOIN posting p ON p.community_id = a.community_id AND p.account_id =
        a.id GROUP BY a.community_id, a.id, a.holder, a.balance HAVING COALESCE(SUM(p.amount), 0) <> a.balance
    """,
    "I11 what moved in a month is what its postings make": """
        SELECT t.account_id, t.period FROM turnover t LEFT JOIN (SELECT p.community_id, p.account_id, p.expires_on,
        e.period, COUNT(*) AS lines, SUM(p.amount) AS net FROM posting p JOIN entry e ON e.community_id = p.community_id AND
        e.seq = p.seq GROUP BY p.community_id, p.account_id, p.expires_on, e.period) s ON s.community_id = t.community_id
        AND s.account_id = t.account_id AND s.expires_on = t.expires_on AND s.period = t.period WHERE s.lines IS NULL OR
        s.lines <> t.lines OR s.net <> t.net
    """,
    "I11 nothing is posted into a closed month": """
        SELECT e.seq FROM entry e JOIN entry c ON c.community_id = e.community_id AND c.kind = 'period.close' AND c.period =
        e.period AND c.seq < e.seq
    """,
    "I13 two people are two": """
        SELECT seq FROM entry WHERE approver = actor OR (approver IS NULL AND kind IN ('rules.publish', 'period.close',
        'settlement.approve', 'reversal', 'pool.payout', 'points.opening', 'credit.issue', 'kin.link', 'kin.end',
        'notice.decide', 'calendar.set', 'notice.demand', 'hours.reject', 'hours.complaint'))
    """,
    "I13 points above a cap are given by two": """
        SELECT e.seq FROM entry e JOIN posting p ON p.community_id = e.community_id AND p.seq = e.seq WHERE e.kind =
        'points.review' AND e.approver IS NULL
    """,
    "I14 nobody's day has more minutes than it has": """
        SELECT member_id, day FROM service WHERE state = 'posted' GROUP BY community_id, member_id, day HAVING SUM(minutes)
        > 1440
    """,
    "I14 nobody serves twice at once": """
        SELECT a.id, b.id FROM service a JOIN service b ON b.community_id = a.community_id AND b.member_id = a.member_id AND
        b.day = a.day AND b.id > a.id AND a.starts < b.ends AND b.starts < a.ends WHERE a.state = 'posted' AND b.state =
        'posted'
    """,
    "I15 what is held is held by open vouchers": """
        SELECT a.holder, a.balance FROM account a LEFT JOIN (SELECT v.community_id, v.member_id, SUM(v.points) AS points
        FROM voucher v LEFT JOIN resolution r ON r.community_id = v.community_id AND r.voucher_id = v.id WHERE r.voucher_id
        IS NULL GROUP BY v.community_id, v.member_id) o ON o.community_id = a.community_id AND a.holder = 'member:' ||
        o.member_id WHERE a.purpose = 'held' AND a.balance <> COALESCE(o.points, 0)
    """,
    "I15 the fund commits what open vouchers may take off": """
        SELECT a.balance FROM account a WHERE a.purpose = 'committed' AND a.balance <> (SELECT COALESCE(SUM(v.fen), 0) FROM
        voucher v LEFT JOIN resolution r ON r.community_id = v.community_id AND r.voucher_id = v.id WHERE r.voucher_id IS
        NULL AND v.community_id = a.community_id)
    """,
}
"""What is told of a book -> a query that must find nothing."""


_TOGETHER = (
    "SELECT COALESCE(parent_id, 0), CAST(founded_on AS VARCHAR) FROM team WHERE community_id = 1 ORDER BY id",
    "SELECT team_id, COALESCE(parent_id, 0), CAST(since AS VARCHAR) FROM team_move WHERE community_id = 1 ORDER BY id",
    "SELECT m.team_id, m.member_id, CAST(m.since AS VARCHAR), CAST(e.until AS VARCHAR) FROM membership m LEFT JOIN "
    "membership_end e ON e.community_id = m.community_id AND e.membership_id = m.id WHERE m.community_id = 1 ORDER BY m.id",
    "SELECT member_id, CAST(day AS VARCHAR), starts FROM sign_in WHERE community_id = 1 ORDER BY id",
    "SELECT n.about, CAST(n.begins AS VARCHAR), CAST(n.until AS VARCHAR), n.days, COALESCE(e.outcome, '') FROM notice n "
    "LEFT JOIN notice_end e ON e.community_id = n.community_id AND e.notice_id = n.id WHERE n.community_id = 1 ORDER BY n.id",
    "SELECT o.notice_id, CAST(o.received_on AS VARCHAR), COALESCE(r.result, '') FROM objection o LEFT JOIN objection_result r "
    "ON r.community_id = o.community_id AND r.objection_id = o.id WHERE o.community_id = 1 ORDER BY o.id",
)
"""Teams, where they were put, who is in them, sign-ins, notices and objections, as `Standing` has them."""


class Standing(NamedTuple):
    """Where a book stands: balances by (holder, unit, purpose), lots by (holder, purpose, lapse day), entries by kind,
    services, vouchers and claims in their order, the first open month; teams, who is in them and sign-ins, notices and
    objections in their order; what waits or waited for a second person by (kind, subject, state)."""

    balances: dict[tuple[str, str, str], int]
    lots: dict[tuple[str, str, date], int]
    kinds: dict[str, int]
    services: list[tuple[Any, ...]]
    vouchers: list[tuple[Any, ...]]
    claims: list[tuple[Any, ...]]
    open: str
    together: tuple[list[tuple[Any, ...]], ...]
    inbox: dict[tuple[str, str, str], int]


def rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    """What a query finds."""
    return [tuple(row) for row in connection.execute(text(sql))]


def recount(engine: Engine) -> None:
    """Assert everything of `_NOTHING`, and that log, running balances and line numbers are what the payloads make."""
    with engine.connect() as connection:
        for told, sql in _NOTHING.items():
            assert rows(connection, sql) == [], told
        _log(connection)


def _log(connection: Connection) -> None:
    """I5, I10: dense, every leaf and the frontier recomputed, `n` and running balances counted from the payloads."""
    ((size, frontier),) = rows(connection, "SELECT size, frontier FROM community_state WHERE community_id = 1")
    level, running, lines = [], Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    wanted = "SELECT seq, payload, leaf FROM entry WHERE community_id = 1 ORDER BY seq"
    told = "SELECT seq, n, balance FROM posting WHERE community_id = 1 ORDER BY seq, line"
    postings = iter(rows(connection, told))
    for number, (seq, payload, leaf) in enumerate(rows(connection, wanted)):
        fields = json.loads(payload)
        assert seq == fields["seq"] == number, "I5 dense from 0"
        level.append(hashlib.sha256(b"\0" + payload.encode()).digest())
        assert level[-1] == bytes(leaf), "I5 leaf"
        for *account, _, amount, n in fields["postings"]:
            running[tuple(account)] += amount
            lines[(*account, fields["period"])] += 1
            counted = (seq, lines[(*account, fields["period"])], running[tuple(account)])
            assert (seq, n, running[tuple(account)]) == counted == next(postings), "I10 running"
    assert next(postings, None) is None, "I4 a posting that no payload has"
    assert size == len(level), "I5 size"
    peaks, rest = [], level
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            peak, rest = rest[: 1 << bit], rest[1 << bit :]
            while len(peak) > 1:
                peak = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(peak[::2], peak[1::2], strict=True)]
            peaks += peak
    assert b"".join(peaks) == bytes(frontier), "I5 frontier"


def standing(engine: Engine) -> Standing:
    """Where the first community's book stands."""
    with engine.connect() as connection:
        own = "community_id = 1"
        accounts = rows(connection, f"SELECT holder, unit, purpose, balance FROM account WHERE {own} AND balance <> 0")
        lots = rows(
            connection,
            "SELECT a.holder, a.purpose, CAST(l.expires_on AS VARCHAR), l.balance FROM lot l JOIN account a "
            "ON a.community_id = l.community_id AND a.id = l.account_id WHERE l.community_id = 1 AND l.balance <> 0",
        )
        outcomes = (
            "SELECT COALESCE(r.outcome, 'open'), v.points, COALESCE(r.benefit_fen, 0) FROM voucher v LEFT JOIN resolution r "
            "ON r.community_id = v.community_id AND r.voucher_id = v.id WHERE v.community_id = 1 ORDER BY v.id"
        )
        waits = rows(connection, f"SELECT kind, subject, state FROM approval WHERE {own}")
        return Standing(
            {(holder, unit, purpose): amount for holder, unit, purpose, amount in accounts},
            {(holder, purpose, date.fromisoformat(lapse)): amount for holder, purpose, lapse, amount in lots},
            dict(rows(connection, f"SELECT kind, COUNT(*) FROM entry WHERE {own} GROUP BY kind")),  # type: ignore[arg-type]
            rows(connection, f"SELECT member_id, state, minutes, points FROM service WHERE {own} ORDER BY id"),
            rows(connection, outcomes),
            rows(connection, f"SELECT period, merchant_id, fen, state FROM claim WHERE {own} ORDER BY id"),
            rows(connection, f"SELECT open_period FROM community_state WHERE {own}")[0][0],
            tuple(rows(connection, sql) for sql in _TOGETHER),
            Counter((kind, subject, state) for kind, subject, state in waits),
        )
