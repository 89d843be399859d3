"""The whole journal as a text that hledger, ledger or beancount recompute: an oracle that shares no code with this program.

Entries come from the journal's rows, the balances asserted at the end of each month and of the file from the caches of the
database: where these disagree, the other program refuses the file. It names nobody: holders and printed numbers only.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final, Literal, Protocol

from sqlmodel import Session

from timebank import __version__, reading
from timebank.base import communities
from timebank.base.db import NEVER
from timebank.base.sheet_writing import write_pieces
from timebank.base.sheets import Written
from timebank.journal import UNITS, keeps_lots
from timebank.people import members, merchants
from timebank.reading import Posted, Standing
from timebank.transparency import Frontier

Format = Literal["hledger", "beancount"]
"""`hledger` is read by hledger (1.25 tried) and by ledger (3.3 tried), `beancount` by beancount (3.2 tried)."""

_ENTRIES_AT_ONCE = 1_000
_NAMES_IN_MEMORY = 1 << 16
_UNSAFE = re.compile(r"[^\w.,@+/:-]")  # what would end a name or begin a comment, were it in a book that was tampered with
_NOT_IN_COMPONENT = re.compile(r"[^\w-]|_")


@dataclass(frozen=True, slots=True)
class Head:
    """What the text says of itself: the community, the log it was made from, the decimals of points."""

    community: str
    origin: str
    size: int
    root: str
    points_decimals: int


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: `entries` of the log up to `root` (hex)."""

    file: Path
    entries: int
    root: str
    sha256: str


class Notation(Protocol):
    """How one of the programs writes a journal; every method gives whole lines."""

    def head(self, head: Head) -> str:
        """The first lines."""

    def account(self, standing: Standing, number: str) -> str:
        """The declaration of an account; `number` is its holder's printed one, or nothing."""

    def entry(self, postings: list[Posted]) -> str:
        """An entry with its postings."""

    def balances(self, day: str, title: str, standings: Iterable[Standing]) -> str:
        """What accounts must have after all that stands above, up to the end of a day."""


def _silent(_entries: int) -> None:
    """No progress is shown."""


def export(session: Session, community_id: int, to: Path, form: Format, progress: Callable[[int], None] = _silent) -> Exported:
    """Write the whole journal to the file `to`, whole or not at all, in little memory.

    Run it in a reading transaction: all of it is then of one moment. Raises Unwritable `unwritable`.
    """
    community = communities.get(session, community_id)
    state = session.get_one(communities.CommunityState, community_id)
    root = Frontier.load(state.size, state.frontier).root().hex()
    head = Head(community.code, f"{community.code}/{state.incarnation}", state.size, root, community.points_decimals)
    numbers = {member.holder: member.number for member in members.listed(session, community_id)}
    numbers |= {merchant.holder: merchant.number for merchant in merchants.listed(session, community_id)}
    notation = NOTATIONS[form](head.points_decimals)
    with closing(_told(session, community_id, notation, head, numbers)) as lines:
        written: Written = write_pieces(to, _pieces(lines, progress))
    return Exported(to, written.rows, root, written.sha256)


def _pieces(lines: Iterable[tuple[str, int]], progress: Callable[[int], None]) -> Iterator[tuple[bytes, int]]:
    """The text in pieces that are worth a write each, with the entries in them."""
    some: list[str] = []
    entries = 0
    for told, count in lines:
        some.append(told)
        entries += count
        if len(some) >= _ENTRIES_AT_ONCE:
            yield "".join(some).encode(), entries
            progress(entries)
            some, entries = [], 0
    yield "".join(some).encode(), entries
    progress(entries)


def _told(
    session: Session, community_id: int, notation: Notation, head: Head, numbers: dict[str, str]
) -> Generator[tuple[str, int]]:
    """The journal bit by bit, each with the number of entries in it: declarations, months with their ends, the very end."""
    yield notation.head(head), 0
    for standing in reading.standings(session, community_id):
        yield notation.account(standing, numbers.get(standing.holder, "")), 0
    day = ""
    with closing(reading.closings(session, community_id)) as ends:
        end = next(ends, None)
        for period in reading.periods(session, community_id):
            for _, postings in groupby(reading.journal(session, community_id, period), key=attrgetter("seq")):
                entry = list(postings)
                day = entry[0].day
                yield notation.entry(entry), 1
            while end is not None and end[0] <= period:
                yield notation.balances(day, f"end of {end[0]}", end[1]), 0
                end = next(ends, None)
    if day:
        yield notation.balances(day, "end of the journal", reading.standings(session, community_id)), 0


@lru_cache(_NAMES_IN_MEMORY)
def account_name(holder: str, unit: str, purpose: str, expires_on: str | None) -> str:
    """The account as the text has it: 'member:12:points:available:2026-10-31', or ':never'; only lots have a last part."""
    name = f"{holder}:{unit}:{purpose}"
    if expires_on is not None and keeps_lots(holder, unit, purpose):
        name += ":never" if expires_on == NEVER.isoformat() else f":{expires_on}"
    return _UNSAFE.sub("_", name)


class Hledger:
    """hledger's journal, in words that ledger understands too.

    A date is the day the month's statement counts the entry on; a second date behind `=` is the business date of an entry
    whose own month was closed already. Units are commodities in whole numbers, points in their decimals.
    """

    def __init__(self, points_decimals: int) -> None:
        self._tenths = bool(points_decimals)

    def head(self, head: Head) -> str:
        """A comment with the log's head, and the four units."""
        lines = [
            f"; the journal of {head.community}, written by timebank {__version__}",
            f"; log {head.origin}, {head.size} entries, root {head.root}",
            "; check it with: hledger check ordereddates -f FILE",
            "",
            *(f"commodity {unit}" for unit in UNITS),
            "",
        ]
        return "".join(f"{line}\n" for line in lines)

    def account(self, standing: Standing, number: str) -> str:
        """`account NAME`, with the printed number as a tag."""
        tag = f"  ; number:{_UNSAFE.sub('_', number)}\n" if number else ""
        return f"account {_name(standing)}\n{tag}"

    def entry(self, postings: list[Posted]) -> str:
        """A transaction; the entry's number is its code, its leaf in the log a tag."""
        first = postings[0]
        second = "" if first.business_date == first.day else f"={first.business_date}"
        about = f" | {_UNSAFE.sub('_', first.subject)}" if first.subject else ""
        reverses = "" if first.reverses is None else f", reverses:{_number(first.reverses)}"
        lines = [
            f"\n{first.day}{second} * ({_number(first.seq)}) {_UNSAFE.sub('_', first.kind)}{about}\n",
            f"  ; leaf:{bytes(first.leaf).hex()}{reverses}\n",
        ]
        for p in postings:
            if p.amount is not None and p.holder is not None and p.unit is not None and p.purpose is not None:
                name = account_name(p.holder, p.unit, p.purpose, p.expires_on)
                lines.append(f"  {name}  {self._amount(p.amount, p.unit)}\n")
        return "".join(lines)

    def balances(self, day: str, title: str, standings: Iterable[Standing]) -> str:
        """A transaction that moves nothing and asserts every balance."""
        asserted = (f"  {_name(s)}  0 {s.unit} = {self._amount(s.balance, s.unit)}\n" for s in standings)
        return "".join([f"\n{day} * {title}\n", *asserted])

    def _amount(self, amount: int, unit: str) -> str:
        return f"{_decimal(amount, self._tenths and unit == 'points')} {unit}"


class Beancount:
    """beancount's journal: the system's and the fund's accounts are Equity, all others Assets; capitals where it wants them."""

    def __init__(self, points_decimals: int) -> None:
        self._tenths = bool(points_decimals)

    def head(self, head: Head) -> str:
        """Options, and a comment with the log's head."""
        return (
            f'option "title" "{head.community}"\n'
            f"; written by timebank {__version__}\n; log {head.origin}, {head.size} entries, root {head.root}\n\n"
        )

    def account(self, standing: Standing, number: str) -> str:
        """`open`, with the printed number as metadata."""
        tag = f'  number: "{_UNSAFE.sub("_", number)}"\n' if number else ""
        return f"1970-01-01 open {_component_names(_name(standing))}\n{tag}"

    def entry(self, postings: list[Posted]) -> str:
        """A transaction; number, leaf and, where it is another day, the business date are metadata."""
        first = postings[0]
        kind, subject = (_UNSAFE.sub("_", told or "") for told in (first.kind, first.subject))
        lines = [
            f'\n{first.day} * "{kind}" "{subject}"\n  entry: "{_number(first.seq)}"\n  leaf: "{bytes(first.leaf).hex()}"\n'
        ]
        if first.reverses is not None:
            lines.append(f'  reverses: "{_number(first.reverses)}"\n')
        if first.business_date != first.day:
            lines.append(f"  business-date: {first.business_date}\n")
        for p in postings:
            if p.amount is not None and p.holder is not None and p.unit is not None and p.purpose is not None:
                name = _component_names(account_name(p.holder, p.unit, p.purpose, p.expires_on))
                lines.append(f"  {name}  {self._amount(p.amount, p.unit)} {p.unit.upper()}\n")
        return "".join(lines)

    def balances(self, day: str, title: str, standings: Iterable[Standing]) -> str:
        """A `balance` for each account on the next morning, to the last digit."""
        morning = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
        asserted = (
            f"{morning} balance {_component_names(_name(s))}  {self._amount(s.balance, s.unit)} ~ 0 {s.unit.upper()}\n"
            for s in standings
        )
        return "".join([f"\n; {title}\n", *asserted])

    def _amount(self, amount: int, unit: str) -> str:
        return _decimal(amount, self._tenths and unit == "points")


NOTATIONS: Final[dict[Format, Callable[[int], Notation]]] = {"hledger": Hledger, "beancount": Beancount}
"""By format the notation, made with the decimals of points."""


def _name(standing: Standing) -> str:
    return account_name(standing.holder, standing.unit, standing.purpose, standing.expires_on)


@lru_cache(_NAMES_IN_MEMORY)
def _component_names(name: str) -> str:
    root = "Equity" if name.startswith(("system:", "fund:", "sponsor:")) else "Assets"
    parts = (_NOT_IN_COMPONENT.sub("-", part) for part in name.split(":"))
    return ":".join([root, *(part[:1].upper() + part[1:] for part in parts)])


def _number(seq: int) -> str:
    return f"E{seq:06d}"


def _decimal(amount: int, tenths: bool) -> str:
    if not tenths:
        return str(amount)
    whole, rest = divmod(abs(amount), 10)
    return f"{'-' if amount < 0 else ''}{whole}.{rest}"
