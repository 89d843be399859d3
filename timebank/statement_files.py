"""A month as files: what docs/formats.md describes, written from the statements, whole or not at all.

A closed month's files come out byte for byte the same at any time, for one program version, one set of options and the same
names of people: everything in them is from the book up to the month's `period.close`. What they are made of is gathered in one
reading transaction; they are written after it, when whoever writes to the book need not wait for it any more.
"""

import codecs
import csv
import io
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Literal

from sqlmodel import Session

from timebank import __version__, checkpoints, claims, reading, statement_pages
from timebank.base import communities
from timebank.base.i18n import LANGUAGES, Language, text
from timebank.base.masking import mask_name
from timebank.base.months import add_months, first_day, last_day, next_period
from timebank.base.sheet_values import guard
from timebank.base.sheets import Written
from timebank.benefits import DISCLAIMER
from timebank.people import members, merchants, persons
from timebank.statement_lines import MEMBER_FIGURES, POOL_FIGURES, Statement, Totals
from timebank.statement_pages import Witness
from timebank.statement_records import Month, month_of, statements
from timebank.statement_stage import Sheet, Stage, said_plainly, staging
from timebank.statement_words import HEADERS, Telling, entry_no
from timebank.transparency import Frontier

FORMAT = 1

_MEMBER_HEAD = ("community", "period", "statement_no", "member_no", "name")
_MEMBER_FIGURES = itemgetter(*(name for name, _ in MEMBER_FIGURES))
_MEMBERS = (*_MEMBER_HEAD, *(name for name, _ in MEMBER_FIGURES), "first_entry", "last_entry")
_LINES = (
    *("community", "period", "member_no", "line", "entry", "posted_on", "service_date", "kind", "description"),
    *("minutes", "points", "credits", "points_balance", "credits_balance", "rules", "explanation", "reverses", "reference"),
)
_MERCHANTS = (
    *("community", "period", "merchant_no", "name", "payable_opening_fen", "captures", "captured_points", "captured_fen"),
    *("refunds", "refunded_points", "refunded_fen", "paid_fen", "payable_closing_fen", "claimed_fen"),
)
_MERCHANT_LINES = (
    *("community", "period", "merchant_no", "line", "entry", "posted_on", "service_date", "kind", "description"),
    *("redeemed_points", "fen", "payable_fen", "reverses", "reference"),
)
_POOLS = ("community", "period", "pool", *(name for name, _ in POOL_FIGURES))
_TOTALS = ("community", "period", "unit", "movement", "amount", "accounts", "lines")
_NOTICES: Mapping[Language, str] = {"zh": "说明.txt", "en": "NOTICE.txt"}
_PRINTED = ("entry", "service_date", "description", "minutes", "points", "points_balance")
_NUMERIC = frozenset({"minutes", "points", "points_balance", "credits", "credits_balance"})
_MONTHS_CHARTED = 12
_LINES_AT_ONCE = 2_000
_STATEMENTS_AT_ONCE = 500

Cell = str | int
Cells = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Options:
    """How the files are written: the language of the header rows, that of descriptions, and whether names are whole (an office
    paper that the door logs) or masked; the key (32 bytes) that the log's heads are verified with, None for who has none;
    whether each member gets a page to print as well (`html`)."""

    headers: Language = "zh"
    lang: Language = "zh"
    names: Literal["masked", "full"] = "masked"
    public: bytes | None = None
    form: Literal["csv", "html"] = "csv"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: `label` is the month ('2026-10', '2026-11 DRAFT'); every file under `folder` with hash and rows."""

    label: str
    folder: Path
    files: Mapping[str, Written]
    statements: int


def _silent(_statements: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a month's files are made of. `people` are by holder the printed number and the name as a cell, `claimed` by
    holder the fen of its claims, `about` what the manifest says of the month, `community` its name. The statements lie in
    `spool`, a temporary file without a name, some at a time with their entries' payloads: a city's month need not fit into
    memory."""

    month: Month
    options: Options
    people: Mapping[str, tuple[str, str]]
    claimed: Mapping[str, int]
    about: Mapping[str, Any]
    community: str
    spool: IO[bytes]
    months: Sequence[str] = ()

    def statements(self) -> Iterator[tuple[list[Statement], dict[int, str], dict[tuple[str, str], int]]]:
        """The statements as they were gathered, with the payloads of their members' awards by entry, and for pages what points
        changed by, by holder and month of `months`."""
        self.spool.seek(0)
        while some := pickle.load(self.spool):  # noqa: S301 - `gathered` wrote it, and nobody else can open it
            yield some


@contextmanager
def spooled() -> Iterator[IO[bytes]]:
    """A temporary file to gather a month in, gone at the end however the process ends. Raises Unwritable `unwritable`."""
    with said_plainly(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as spool:
        yield spool


def gathered(session: Session, community_id: int, period: str, options: Options, spool: IO[bytes]) -> Gathered:
    """Read all that a month's files are made of. Raises Invalid `bad_period`, NotFound `not_in_book`, Tampered
    `turnover_differs`; OSError where `spool` takes no more."""
    month = month_of(session, community_id, period)
    months = _charted(period, communities.state(session, community_id).opened_from)
    with closing(statements(session, month)) as source:
        for some in _batches(source):
            awards = [line.seq for statement in some if statement.kind == "member" for line in statement.lines if line.rules]
            printed = [statement.holder for statement in some if statement.kind == "member"] if options.form == "html" else []
            turned = reading.points_by_month(session, community_id, printed, months)
            pickle.dump((some, reading.payloads(session, community_id, awards), turned), spool, pickle.HIGHEST_PROTOCOL)
    pickle.dump(None, spool)
    people, claimed = _people(session, month, options), _claimed(session, month)
    name = communities.get(session, community_id).name
    return Gathered(month, options, people, claimed, _about(session, month, options), name, spool, months)


def _charted(period: str, opened: str) -> list[str]:
    """The twelve months that end with this one, without those before the book."""
    months = [add_months(first_day(period), -back).isoformat()[:7] for back in reversed(range(_MONTHS_CHARTED))]
    return [month for month in months if month >= opened]


def write(month: Gathered, to: Path, progress: Callable[[int], None] = _silent) -> Exported:
    """Write a month's files into the folder `to`, which is made. Files of the same names are replaced; files that an earlier
    export left there and that are not part of this one are removed if nobody changed them; no other file is touched.

    `progress` is told how many statements were written, each time some more were. Raises Unwritable `unwritable`: then the
    folder is as it was.
    """
    with said_plainly(to), staging(to, f"{month.month.code}-{month.month.period}") as stage:
        exporting = _Exporting(month, stage)
        count = 0
        for some, payloads, turned in month.statements():
            exporting.add(some, payloads, turned)
            count += len(some)
            progress(len(some))
        exporting.finish()
        files = stage.publish()
    return Exported(month.month.label, to, files, count)


def export(
    session: Session, community_id: int, period: str, to: Path, options: Options, progress: Callable[[int], None] = _silent
) -> Exported:
    """Gather a month and write its files, within one transaction. Raises as `gathered`, `spooled` and `write`."""
    with spooled() as spool:
        return write(gathered(session, community_id, period, options, spool), to, progress)


def _batches(source: Iterable[Statement]) -> Iterator[list[Statement]]:
    """Statements, some at a time: so many that looking their entries up together pays, and that memory stays small."""
    batch: list[Statement] = []
    lines = 0
    for statement in source:
        batch.append(statement)
        lines += len(statement.lines)
        if lines >= _LINES_AT_ONCE or len(batch) >= _STATEMENTS_AT_ONCE:
            yield batch
            batch, lines = [], 0
    if batch:
        yield batch


class _Exporting:
    """The files of one month while they are written."""

    def __init__(self, gathered: Gathered, stage: Stage) -> None:
        self._month, self._stage, self._options = gathered.month, stage, gathered.options
        month, options = gathered.month, gathered.options
        self._people, self._claimed, self._about = gathered.people, gathered.claimed, gathered.about
        self._telling = Telling(options.lang, month.timezone)
        self._months, self._turned = gathered.months, dict[tuple[str, str], int]()
        self._community, self._witness = gathered.community, _witness(month, gathered.about)
        self._drawn = statement_pages.drawn(self._witness, options.lang) if options.form == "html" else ""
        self._totals = Totals()
        self._rules: set[str] = set()
        self._rows: list[Cells] = []
        self._first_day, self._last_day = first_day(month.period).isoformat(), last_day(month.period).isoformat()
        self._amount: Callable[[int], Cell] = _tenths if month.points_decimals else _whole
        self._csv = _Csv()
        self._members = self._sheet("members.csv", _MEMBERS)
        self._lines = self._sheet("lines.csv", _LINES)
        self._merchants = self._sheet("merchants.csv", _MERCHANTS)
        self._pools: Sheet | None = None
        self._member_header = codecs.BOM_UTF8 + _csv([_named(_LINES, options)])
        self._merchant_header = codecs.BOM_UTF8 + _csv([_named(_MERCHANT_LINES, options)])

    def _sheet(self, name: str, columns: Sequence[str]) -> Sheet:
        return self._stage.sheet(name, _csv([_named(columns, self._options)]))

    def add(self, batch: Sequence[Statement], payloads: Mapping[int, str], turned: Mapping[tuple[str, str], int]) -> None:
        """Write some statements."""
        self._telling.read(payloads)
        self._turned = dict(turned)
        for statement in batch:
            figures = statement.figures
            if statement.kind == "member":
                self._add_member(statement)
            elif statement.kind == "merchant":
                figures = figures | {"claimed_fen": self._claimed.get(statement.holder, 0)}
                self._add_merchant(statement, figures)
            else:
                self._add_pool(statement)
            self._totals.add(figures, statement.counts)
        self._members.add(_csv(self._rows), len(self._rows))
        self._rows = []

    def _add_member(self, statement: Statement) -> None:
        month, lines = self._month, statement.lines
        number, name = self._people[statement.holder]
        ends = (entry_no(lines[0].seq), entry_no(lines[-1].seq)) if lines else ("", "")
        told = self._member_figures(statement.figures)
        self._rows.append((month.code, month.label, f"{month.period}-{number}", guard(number), name, *told, *ends))
        opening, closing = self._end_rows(statement, number)
        before, own, after = self._csv.pieces([opening], self._member_lines(statement, number), [closing])
        if lines:
            self._lines.add(own, len(lines))
            self._rules.update([line.rules for line in lines if line.rules])
        self._stage.put(f"member/{number}.csv", b"".join((self._member_header, before, own, after)), len(lines) + 2)
        if self._drawn:
            self._stage.put(f"member/{number}.html", self._page(statement, number, name).encode(), len(lines))

    def _page(self, statement: Statement, number: str, name: str) -> str:
        """A member's month to print: what has moved or stands, of the columns those that people read."""
        month, lang = self._month, self._options.lang
        titles = HEADERS if lang == "zh" else {column: column.replace("_", " ") for column in HEADERS}
        told = zip(MEMBER_FIGURES, self._member_figures(statement.figures), strict=True)
        figures = [
            (titles[figure], str(shown))
            for (figure, _), shown in told
            if statement.figures[figure] or figure in ("minutes_closing", "points_closing")
        ]
        credits_ = ("credits", "credits_balance") if any(figure.startswith("credits") for figure, _ in figures) else ()
        columns = (*_PRINTED, *credits_, "explanation")
        places = [_LINES.index(column) for column in columns]
        return statement_pages.page(
            statement_pages.Sheet(
                self._community,
                month.label,
                f"{month.period}-{number}",
                number,
                name,
                figures,
                self._course(statement),
                [titles[column] for column in columns],
                [[str(cells[place]) for place in places] for cells in self._member_lines(statement, number)],
                frozenset(place for place, column in enumerate(columns) if column in _NUMERIC),
            ),
            self._drawn,
            lang,
        )

    def _course(self, statement: Statement) -> list[tuple[str, int, str]]:
        """What a member had at the end of each charted month: from this month's closing back."""
        course, points = [], statement.closing.points
        for month in reversed(self._months):
            course.append((month, points, str(self._amount(points))))
            points -= self._turned.get((statement.holder, month), 0)
        return course[::-1]

    def _member_figures(self, figures: Mapping[str, int]) -> Sequence[Cell]:
        if not self._month.points_decimals:
            whole: tuple[int, ...] = _MEMBER_FIGURES(figures)
            return whole
        return [_tenths(figures[name]) if unit == "points" else figures[name] for name, unit in MEMBER_FIGURES]

    def _member_lines(self, statement: Statement, number: str) -> Iterator[Cells]:
        month, telling, amount = self._month, self._telling, self._amount
        head = (month.code, month.label, guard(number))
        for place, line, balances in statement.running():
            description, explanation = telling.entry(line)
            yield (
                *head,
                place,
                entry_no(line.seq),
                telling.local_day(line.posted_at),
                line.business_date,
                line.kind,
                description,
                line.minutes,
                amount(line.points),
                line.credits,
                amount(balances.points),
                balances.credits,
                line.rules or "",
                explanation,
                "" if line.reverses is None else entry_no(line.reverses),
                line.subject or "",
            )

    def _end_rows(self, statement: Statement, number: str) -> tuple[Cells, Cells]:
        """What a member had before the first and after the last line; both change nothing, so their amounts are 0."""
        month, amount, telling = self._month, self._amount, self._telling
        opening, closing, nothing = statement.opening, statement.closing, self._amount(0)
        head = (month.code, month.label, guard(number))
        first = (*head, 0, "", "", self._first_day, "opening", telling.opening(opening.minutes), 0, nothing, 0)
        place = len(statement.lines) + 1
        last = (*head, place, "", "", self._last_day, "closing", telling.closing(closing.minutes), 0, nothing, 0)
        return (
            (*first, amount(opening.points), opening.credits, "", "", "", ""),
            (*last, amount(closing.points), closing.credits, "", "", "", ""),
        )

    def _add_merchant(self, statement: Statement, figures: dict[str, int]) -> None:
        month = self._month
        number, name = self._people[statement.holder]
        counts = statement.counts
        told = figures | {"captures": counts.get("captured_fen", 0), "refunds": counts.get("refunded_fen", 0)}
        told_cells = [self._amount(told[c]) if c.endswith("_points") else told[c] for c in _MERCHANTS[4:]]
        self._merchants.add(_csv([[month.code, month.label, guard(number), name, *told_cells]]), 1)
        rows = _csv(self._merchant_lines(statement, number))
        self._stage.put(f"merchant/{number}.csv", self._merchant_header + rows, len(statement.lines))

    def _merchant_lines(self, statement: Statement, number: str) -> Iterator[Cells]:
        month, telling = self._month, self._telling
        for place, line, balances in statement.running():
            yield (
                *(month.code, month.label, guard(number), place, entry_no(line.seq), telling.local_day(line.posted_at)),
                *(line.business_date, line.kind, telling.entry(line)[0], self._amount(statement.redeemed[line.seq])),
                *(line.fen, balances.fen, "" if line.reverses is None else entry_no(line.reverses), line.subject or ""),
            )

    def _add_pool(self, statement: Statement) -> None:
        if self._pools is None:
            self._pools = self._sheet("pools.csv", _POOLS)
        told = [self._amount(statement.figures[name]) for name, _ in POOL_FIGURES]
        self._pools.add(_csv([[self._month.code, self._month.label, guard(statement.holder), *told]]), 1)

    def finish(self) -> None:
        """Write what sums the others up: the totals, the notice, and what the manifest says of the month."""
        month, options = self._month, self._options
        rows = [
            [
                *(month.code, month.label, unit, figure if options.headers == "en" else HEADERS[figure]),
                *(self._amount(amount) if unit == "points" else amount, holders, lines),
            ]
            for unit, figure, amount, holders, lines in self._totals.rows()
        ]
        self._sheet("totals.csv", _TOTALS).add(_csv(rows), len(rows))
        notice = "\n".join(text(DISCLAIMER, lang) for lang in LANGUAGES)
        said = [text(line, lang) for lang in LANGUAGES for line in (DISCLAIMER, *statement_pages.told(self._witness))]
        self._stage.put(_NOTICES[options.lang], "".join(f"{line}\r\n" for line in said).encode("utf-8-sig"), len(said))
        self._stage.about = {**self._about, "disclaimer": notice, "rules": sorted(self._rules)}


def _about(session: Session, month: Month, options: Options) -> dict[str, Any]:
    """What the manifest says besides the files: the month, the log it stands in, how the files were written.

    Of a closed month the log is that of the checkpoint made with the close, so that it never changes.
    """
    state = communities.state(session, month.community_id)
    log: dict[str, Any] = {"origin": month.log, "size": state.size}
    if month.close is None:
        log["root"] = Frontier.load(state.size, state.frontier).root().hex()
    else:
        log["size"] = month.close.seq + 1
        root, note = checkpoints.head_at(session, month.community_id, log["size"], options.public)
        log["root"] = root.hex()
        if note:
            log["checkpoint"] = note
    about: dict[str, Any] = {
        "format": FORMAT,
        "program": f"timebank {__version__}",
        "community": month.code,
        "period": month.period,
        "draft": month.close is None,
        "log": log,
        "points_decimals": month.points_decimals,
        "options": {"headers": options.headers, "lang": options.lang, "names": options.names, "format": options.form},
    }
    if month.close is not None:
        about["close"] = {"entry": month.close.seq, "statements": month.closing["statements"], "count": month.closing["count"]}
    return about


def _witness(month: Month, about: Mapping[str, Any]) -> Witness:
    """What the papers of a month witness: the head that the manifest names."""
    log = about["log"]
    root, statements_ = bytes.fromhex(log["root"]), month.closing.get("statements", "")
    return Witness(log["origin"], log["size"], root, log.get("checkpoint", ""), statements_)


def _people(session: Session, month: Month, options: Options) -> dict[str, tuple[str, str]]:
    """By holder the printed number and the name as a cell: members' masked or whole, merchants' public one."""
    cid = month.community_id
    names = persons.names(session, cid)
    shown = {number: guard(name if options.names == "full" else mask_name(name)) for number, name in names.items()}
    people = {member.holder: (member.number, shown[member.person_id]) for member in members.listed(session, cid)}
    return people | {merchant.holder: (merchant.number, guard(merchant.name)) for merchant in merchants.listed(session, cid)}


def _claimed(session: Session, month: Month) -> dict[str, int]:
    """By merchant the fen of the claims approved for this month before it was closed, and of earlier months' claims that were
    approved after theirs: each claim stands in one month's files, and in a closed month nothing is added."""
    cid, state = month.community_id, communities.state(session, month.community_id)
    closes: dict[str, int] = {}
    period = state.opened_from
    while period <= month.period:
        close = reading.last_of(session, cid, period) if period < state.open_period else None
        closes[period] = close.seq if close else sys.maxsize
        period = next_period(period)
    claimed: dict[str, int] = {}
    for period in closes:
        for claim in claims.of_period(session, cid, period):
            approved = sys.maxsize if claim.seq is None else claim.seq
            stands_in = next((later for later, close_ in closes.items() if later >= period and approved < close_), "")
            if stands_in == month.period:
                holder = f"merchant:{claim.merchant_id}"
                claimed[holder] = claimed.get(holder, 0) + claim.fen
    return claimed


def _whole(points: int) -> Cell:
    """Points that have no decimals."""
    return points


def _tenths(points: int) -> str:
    """Points kept in tenths as they are read: 95 is 9.5."""
    whole, rest = divmod(abs(points), 10)
    return f"{'-' if points < 0 else ''}{whole}.{rest}"


def _named(columns: Sequence[str], options: Options) -> list[str]:
    if options.headers == "en":
        return list(columns)
    shop = {"name": "merchant_name"} if "merchant_no" in columns else {}
    return [HEADERS[shop.get(column, column)] for column in columns]


class _Csv:
    """Rows as they stand in a file. Texts that people wrote are guarded before. One writer serves thousands of files: making
    one costs as much as writing a row."""

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._rows = csv.writer(self._text, lineterminator="\r\n").writerows

    def pieces(self, *parts: Iterable[Cells]) -> list[bytes]:
        """The bytes of each part."""
        text = self._text
        text.seek(0)
        text.truncate()
        ends = [0]
        for rows in parts:
            self._rows(rows)
            ends.append(text.tell())
        written = text.getvalue()
        return [written[begin:end].encode() for begin, end in pairwise(ends)]


def _csv(rows: Iterable[Cells]) -> bytes:
    return _Csv().pieces(rows)[0]
