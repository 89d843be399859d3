"""The floor of a month's export: the same files, byte for byte, from plain SQL and the `csv` module.

What takes the rule book's words - what an entry was, how its points came about - is handed over ready, and so are the files
that hold a handful of rows. The floor knows this book's two figures that lines add up to (minutes recorded, points earned);
it hashes nothing, checks nothing and writes no manifest. It ends with the same flush to the disk.
"""

import csv
import io
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

Row = tuple[Any, ...]
BOM = "\ufeff".encode()

# SQLite keeps the order of a CROSS JOIN: from the month's entries to their postings (timebank/reading.py).
_LINES = """
SELECT CAST(SUBSTR(a.holder, 8) AS INTEGER) AS member, e.seq, DATE(e.posted_at, '+8 hours'), e.business_date, e.kind,
  SUM(CASE WHEN p.unit = 'minutes' THEN p.amount ELSE 0 END), SUM(CASE WHEN p.unit = 'points' THEN p.amount ELSE 0 END),
  e.rules, e.subject
FROM entry e CROSS JOIN posting p CROSS JOIN account a
WHERE e.community_id = 1 AND e.period = :period AND p.community_id = 1 AND p.seq = e.seq
  AND a.community_id = 1 AND a.id = p.account_id AND a.holder LIKE 'member:%'
GROUP BY member, e.seq ORDER BY member, e.seq
"""
_MEMBERS = """
SELECT m.id, m.number,
  SUM(CASE WHEN a.unit = 'minutes' AND t.period < :period THEN t.net ELSE 0 END),
  SUM(CASE WHEN a.unit = 'points' AND t.period < :period THEN t.net ELSE 0 END),
  SUM(CASE WHEN a.unit = 'points' AND t.expires_on <= :in_1m THEN t.net ELSE 0 END),
  SUM(CASE WHEN a.unit = 'points' AND t.expires_on <= :in_3m THEN t.net ELSE 0 END)
FROM member m JOIN account a ON a.community_id = 1 AND a.holder = 'member:' || m.id
LEFT JOIN turnover t ON t.community_id = 1 AND t.account_id = a.id AND t.period <= :period
WHERE m.community_id = 1 GROUP BY m.id ORDER BY m.id
"""
_TO_POOLS = """
SELECT e.seq, SUM(p.amount) FROM entry e CROSS JOIN posting p CROSS JOIN account a
WHERE e.community_id = 1 AND e.period = :period AND p.community_id = 1 AND p.seq = e.seq
  AND a.community_id = 1 AND a.id = p.account_id AND a.holder LIKE 'pool:%' GROUP BY e.seq
"""


@dataclass(frozen=True, slots=True)
class Words:
    """What the floor is handed: the words of each entry, names by member number, opening and closing words by member number,
    whole files, the month's label."""

    label: str
    entries: dict[str, tuple[str, str]]
    names: dict[str, str]
    ends: dict[str, tuple[str, str]]
    files: dict[str, bytes]
    lines_header: bytes
    members_header: bytes


def read(ours: Path) -> Words:
    """Take the words from what the program's own export wrote."""
    lines, members = _table(ours / "lines.csv"), _table(ours / "members.csv")
    ends = {}
    for path in (ours / "member").iterdir():
        rows = _table(path)
        ends[path.stem] = (rows[1][8], rows[-1][8])
    files = {name: (ours / name).read_bytes() for name in ("totals.csv", "merchants.csv", "pools.csv", "merchant/S001.csv")}
    return Words(
        members[1][1],
        {row[4]: (row[8], row[15]) for row in lines[1:]},
        {row[3]: row[4] for row in members[1:]},
        ends,
        files,
        _bytes(lines[:1]),
        _bytes(members[:1]),
    )


def _table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def _bytes(rows: Any) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue().encode()


def write(database: Path, period: str, lapse_ends: tuple[str, str], words: Words, to: Path) -> float:
    """Write the files; gives the seconds from connecting to the end of the flush."""
    begun = time.perf_counter()
    connection = sqlite3.connect(database)
    given = {"period": period, "in_1m": lapse_ends[0], "in_3m": lapse_ends[1]}
    (to / "member").mkdir(parents=True)
    (to / "merchant").mkdir()
    to_pools = dict(connection.execute(_TO_POOLS, given))
    moved = groupby(connection.execute(_LINES, given), key=lambda row: row[0])
    ahead = next(moved, None)
    head, own_header = ("520201-jianshe", words.label), BOM + words.lines_header
    first, last = f"{period}-01", _last_day(period)
    with (to / "lines.csv").open("wb") as lines, (to / "members.csv").open("wb") as members:
        lines.write(own_header)
        members.write(BOM + words.members_header)
        for member, number, minutes, points, *lapsing in connection.execute(_MEMBERS, given):
            mine: list[Row] = []
            if ahead is not None and ahead[0] == member:
                mine = list(ahead[1])
                ahead = next(moved, None)
            told = _bytes(_lines(head, number, points, mine, words))
            lines.write(told)
            opening, closing = words.ends[number]
            served, earned = sum(row[5] for row in mine), sum(row[6] for row in mine)
            after = points + earned
            begin = (*head, number, 0, "", "", first, "opening", opening, 0, 0, 0, points, 0, "", "", "", "")
            end = (*head, number, len(mine) + 1, "", "", last, "closing", closing, 0, 0, 0, after, 0, "", "", "", "")
            (to / "member" / f"{number}.csv").write_bytes(own_header + _bytes([begin]) + told + _bytes([end]))
            overflow = sum(to_pools.get(row[1], 0) for row in mine)
            ends = (_entry(mine[0][1]), _entry(mine[-1][1])) if mine else ("", "")
            figures = (
                *(minutes, served, 0, minutes + served, points, 0, earned, 0, 0, 0, 0, 0, 0, 0, after, 0, 0, after, overflow),
                *(*lapsing, 0, 0, 0, 0, 0),
            )
            members.write(_bytes([(*head, f"{period}-{number}", number, words.names[number], *figures, *ends)]))
    for name, data in words.files.items():
        (to / name).write_bytes(data)
    os.sync()
    connection.close()
    return time.perf_counter() - begun


def _lines(head: Row, number: str, points: int, mine: list[Row], words: Words) -> Iterator[Row]:
    for place, (_, seq, posted_on, day, kind, minutes, amount, rules, subject) in enumerate(mine, start=1):
        points += amount
        description, explanation = words.entries[_entry(seq)]
        about = (_entry(seq), posted_on, day, kind, description, minutes, amount, 0, points, 0, rules, explanation, "", subject)
        yield (*head, number, place, *about)


def _entry(seq: int) -> str:
    return f"E{seq:06d}"


def _last_day(period: str) -> str:
    from timebank.base.months import last_day

    return last_day(period).isoformat()


def differences(ours: Path, theirs: Path) -> list[str]:
    """The files of ours that the floor did not write to the byte; the manifest and the notice are not its business."""
    names = {str(path.relative_to(ours)) for path in ours.rglob("*.csv")}
    return sorted(name for name in names if (ours / name).read_bytes() != (theirs / name).read_bytes())
