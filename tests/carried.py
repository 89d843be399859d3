"""Every statement carries its community: what the program sends to a database is read, in the whole suite, and strays fail.

A table that belongs to communities is never read, joined or changed without `community_id` being compared: or a database that
is sharded by community would ask all shards, and one community could see another's rows (docs/ledger.md).
"""

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, event

from timebank.tables import metadata

ROOT = Path(__file__).parent.parent
WHOLE = ("copying.py", "rights.py", "base/schema.py", "commands/doctor.py")
"""Modules that look at a database, not at a community: a copy takes all of them, a doctor counts entries."""
OWNED = set(metadata.tables) - {"community"}
_NAMES = "|".join(sorted(OWNED))
_NAMED = re.compile(rf"\b(FROM|JOIN|UPDATE|INTO) ({_NAMES})\b(?!\.)(?: (?:AS )?([a-z_]\w*))?", re.IGNORECASE)
_LISTED = re.compile(rf"(,) ?({_NAMES})\b(?!\.)(?: (?:AS )?([a-z_]\w*))?", re.IGNORECASE)
_FROM = re.compile(r"\bFROM (.*?)(?:\bWHERE\b|\bGROUP BY\b|\bORDER BY\b|\bLIMIT\b|\)|$)", re.IGNORECASE)
_KEYWORDS = {
    *("where", "on", "join", "left", "right", "cross", "inner", "outer", "order", "group", "limit", "set", "values", "for"),
    *("as", "using", "select", "union", "having", "returning", "default", "from"),
}


@cache
def strays(statement: str) -> tuple[str, ...]:
    """The tables of communities that a statement uses without comparing (an INSERT: naming) their `community_id`."""
    body = " ".join(statement.split())
    found = _NAMED.findall(body) + [table for listed in _FROM.findall(body) for table in _LISTED.findall(listed)]
    lost = []
    for word, table, alias in found:
        if word.upper() == "INTO":
            if not re.search(rf"INTO {table} ?\([^)]*\bcommunity_id\b", body, re.IGNORECASE):
                lost.append(table)
            continue
        name = alias if alias and alias.lower() not in _KEYWORDS else table
        own = rf"\b{name}\.community_id"
        compared = [rf"{own} (=|IN)", rf"= {own}"]
        if len(found) == 1:
            compared.append(r"(?<![.\w])community_id (=|IN)")
        if not any(re.search(pattern, body, re.IGNORECASE) for pattern in compared):
            lost.append(table)
    return tuple(lost)


def strays_of_the_program() -> Iterator[list[str]]:
    """Watches all engines; gives the list to which every stray statement of the program (not of a test) is added."""
    found: list[str] = []

    def read(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if strays(statement) and (sender := _sender()):
            found.append(f"{sender}: {', '.join(strays(statement))} without community_id: {' '.join(statement.split())}")

    event.listen(Engine, "before_cursor_execute", read)
    yield found
    event.remove(Engine, "before_cursor_execute", read)


def _sender() -> str | None:
    """The module of the program that a statement comes from; None for a test or a module that looks at whole databases."""
    frame = sys._getframe(1)
    while frame := frame.f_back:  # type: ignore[assignment]
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT / "timebank"):
            module = path.relative_to(ROOT / "timebank").as_posix()
            return None if module in WHOLE else module
        if path.is_relative_to(ROOT / "tests") and path.name != "carried.py":
            return None
    return None
