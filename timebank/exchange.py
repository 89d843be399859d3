"""Sheets in: each row through the same verb a clerk's single command uses, in batches, in one transaction.

A row that cannot be read and a row that a room rejects look the same to the clerk: a finding with the row's number, and a line
in the file of rejects with its reason.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session

from timebank import credits, cures, hours, openings, services
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import NEVER
from timebank.base.errors import Finding, Invalid
from timebank.base.i18n import LANGUAGES, Language, say, text
from timebank.base.imported import OTHER_TOTAL, Imported
from timebank.base.sheet_values import (
    looks_like_span,
    parse_clock,
    parse_count,
    parse_day,
    parse_minutes,
    parse_name,
    parse_number_of_one,
    parse_points,
    parse_span,
    parse_text,
    split_moment,
)
from timebank.base.sheets import Column, Dialect, Row, Sheet, open_sheet, optional, required, write_csv
from timebank.base.workbook_writing import write_workbook
from timebank.credits import Contribution
from timebank.openings import Opening
from timebank.people import members, merchants
from timebank.people.members import Newcomer
from timebank.people.merchants import Shop
from timebank.people.persons import Card
from timebank.services import Record

BATCH_ROWS = 5_000
MEMBER_COLUMNS = (
    *(optional("member_no"), required("name"), optional("joined_on"), optional("grid")),
    *(Column("phone", ("电话", "手机", "手机号", "联系方式", "联系电话", "mobile"), required=False),),
    *(Column("id_number", ("身份证号", "身份证", "id number"), required=False),),
    *(Column("birth_date", ("出生日期", "生日", "出生年月日", "birth date", "date of birth", "birthday"), required=False),),
)
MERCHANT_COLUMNS = (
    *(optional("merchant_no"), required("name"), optional("category"), optional("contact")),
    Column("plaque", ("牌匾编号", "牌匾号", "牌匾", "plaque no"), required=False),
    Column("market", ("所属市场", "市场编号", "市场", "market no"), required=False),
)
HOURS_COLUMNS = (
    *(optional("ref"), required("date", instead="start"), required("member_no")),
    *(optional("minutes"), optional("start"), optional("end")),
    *(optional("category"), optional("activity_no"), optional("activity"), optional("place")),
    *(optional("team_size"), optional("kind"), optional("team"), optional("programme"), optional("name")),
    optional("confirmed_by"),
)
OPENING_COLUMNS = (
    *(required("member_no"), required("points"), optional("lapses_on")),
    *(optional("minutes", "已服务时长", "累计服务时长"), optional("credits")),
)
CREDIT_COLUMNS = (
    *(optional("ref"), required("date"), required("member_no"), required("credits"), required("category")),
    *(optional("minutes"), optional("note")),
)
_NEVER = {"never", "永久", "永久有效", "长期", "长期有效", "不失效"}
_KINDS = {
    "": "confirmed",
    "confirmed": "confirmed",
    "已确认": "confirmed",
    "确认": "confirmed",
    "self-reported": "self-reported",
    "自报": "self-reported",
    "自行申报": "self-reported",
    "back-entered": "back-entered",
    "补录": "back-entered",
    "team": "team",
    "团队": "team",
}
_CONFIRMERS = {
    **dict.fromkeys(("受助人", "服务对象", "受益人", "居民", "receiver"), "receiver"),
    **dict.fromkeys(("组织者", "组织人", "负责人", "队长", "organiser", "organizer"), "organiser"),
    **dict.fromkeys(("签到", "签到表", "签到签退", "sign-in", "sign-in sheet"), "sign-in"),
}
_ONE_DAY = say("Correct the one or the other; a service past midnight takes two rows.")
_TOLD = (say("reason"), say("cure"))
OWN_COLUMNS = frozenset(text(word, lang) for word in _TOLD for lang in LANGUAGES)
"""The columns of a file of rejects that no sheet is asked for: they may come back with it, corrected."""

Moved = Callable[[int], None]
"""Told how many rows were done, for a progress bar."""
HoursDesk = Callable[[Session, Act], hours.Intake]
"""Opens a desk for a sheet of services: `hours.Intake.begin`, or `begin_hanging`."""
_Item = TypeVar("_Item")


@dataclass(slots=True)
class Intake:
    """One sheet on its way in. `rejects` keeps the refused rows as they stood in the file, each with its reason."""

    sheet: Sheet
    moved: Moved
    rejects: list[tuple[tuple[str, ...], Finding]] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    _totals_before: dict[str, int] = field(default_factory=dict)
    _unread: int = 0

    def take(
        self,
        read: Callable[[Row], _Item],
        verb: Callable[[Sequence[_Item]], Imported],
        summed: Mapping[str, Callable[[str], int]] | None = None,
    ) -> Imported:
        """Read all rows in batches and hand the readable ones to a room's verb; from the first row on, each time.

        `summed` reads the columns that a row of totals (合计) may add up; what it says is compared with the rows above it.
        """
        outcome = Imported()
        self.rejects, self.totals, self._totals_before = [], {}, {}  # a try before this one may have been taken back
        self._unread = 0
        rows = self.sheet.rows()
        while batch := list(islice(rows, BATCH_ROWS)):
            readable, findings = self._readable(batch, read, summed or {})
            done = verb(readable)
            done.rows = sum(row.total is None for row in batch)
            done.rejected = sorted([*findings, *done.rejected], key=lambda finding: finding.row or 0)
            cells = {row.number: row.cells for row in batch if row.total is None}  # the sum of some rows is none of theirs
            self.rejects.extend((cells[finding.row or 0], finding) for finding in done.rejected if finding.row in cells)
            outcome.add(done)
            self.moved(len(batch))
        return outcome

    def count(self, **amounts: int) -> None:
        """Add what a row says to the totals that a clerk may have written down beforehand."""
        for name, amount in amounts.items():
            self.totals[name] = self.totals.get(name, 0) + amount

    def save_rejects(self, path: Path, lang: Language) -> None:
        """Write the refused rows in the file's own columns, with the reason and the cure as two more; those that an
        earlier such file brought along give way to them.

        A name that ends in .xlsx or .csv says the format; otherwise it is the file's own (CSV: also its encoding).
        """
        kept = [place for place, name in enumerate(self.sheet.header) if name not in OWN_COLUMNS]
        header = [*(self.sheet.header[place] for place in kept), *(text(word, lang) for word in _TOLD)]
        rows = ([*self._kept(cells, kept), *_told(finding, lang)] for cells, finding in self.rejects)
        ending = path.suffix.lower()
        if ending == ".xlsx" or (self.sheet.dialect is None and ending != ".csv"):
            write_workbook(path, chain([header], rows))
        else:
            write_csv(path, header, rows, self.sheet.dialect or Dialect())

    def _kept(self, cells: Sequence[str], places: Sequence[int]) -> Sequence[str]:
        """The cells at these places; all of a row that has more than the header, of which nobody knows which is which."""
        return [cells[place] for place in places] if len(cells) == len(self.sheet.header) else cells

    def _readable(
        self, batch: Sequence[Row], read: Callable[[Row], _Item], summed: Mapping[str, Callable[[str], int]]
    ) -> tuple[list[_Item], list[Finding]]:
        items, findings = [], []
        for row in batch:
            try:
                if row.problem:
                    findings.append(replace(row.problem, hint=cures.of(row.problem.code)))
                elif row.total is None:
                    items.append(read(row))
                    continue
                else:
                    findings.extend(self._other_totals(row, summed))
                    continue
            except Invalid as error:
                findings.append(Finding(f"row {row.number}", error.code, error.message, row.number, error.hint))
            self._unread += 1
        return items, findings

    def _other_totals(self, row: Row, summed: Mapping[str, Callable[[str], int]]) -> Iterator[Finding]:
        """Compare a row of totals with the rows above it, all of them or those since the last row of totals (小计).

        Where a row above it could not be read, nothing can be compared: the file is refused for that row anyway.
        """
        before, self._totals_before = self._totals_before, dict(self.totals)
        word, rest = row.total or ("", "")
        for name, reader in summed.items():
            whole = self.totals.get(name, 0)
            said = row.values.get(name, "").strip() or (rest if not rest.isdigit() and len(summed) == 1 else "")
            try:
                total = reader(said) if said and not self._unread else None
            except Invalid:
                total = None if said == rest else -1
            if total not in (None, whole, whole - before.get(name, 0)):
                message = say(
                    "{word} says {said}; the rows above it add up to {sum} {name}.",
                    word=word,
                    said=said,
                    sum=whole,
                    name=_TOTALS[name],
                )
                yield cures.refused(row.number, (OTHER_TOTAL, message))


def _told(finding: Finding, lang: Language) -> tuple[str, str]:
    return text(finding.message, lang), text(finding.hint, lang) if finding.hint else ""


def members_in(session: Session, act: Act, intake: Intake) -> Imported:
    """Register the people of a sheet; see `members.join` for what is rejected."""
    return intake.take(_newcomer, lambda some: members.join(session, act, some)[1])


def merchants_in(session: Session, act: Act, intake: Intake) -> Imported:
    """Register the shops of a sheet; see `merchants.join` for what is rejected."""
    return intake.take(_shop, lambda some: merchants.join(session, act, some)[1])


def hours_in(session: Session, act: Act, intake: Intake, begin: HoursDesk = hours.Intake.begin) -> Imported:
    """Record the services of a sheet; see `hours.record_all` for what is rejected. `begin` opens the desk that takes them."""
    desk = begin(session, act)

    def read(row: Row) -> Record:
        record = _record(row)
        intake.count(minutes=record.minutes)
        return record

    return intake.take(read, desk.take, {"minutes": _total_minutes})


def refs_of(path: Path) -> set[str]:
    """The refs under which the services of a sheet are known, as they are kept and as they were typed; rows that cannot be
    read are left out. Raises as `open_sheet`."""
    ordinals: dict[bytes, int] = {}
    refs: set[str] = set()

    def keep(records: Sequence[Record]) -> Imported:
        refs.update(ref for record in records for ref in (record.ref, services.named(record, ordinals)[0].ref) if ref)
        return Imported(rows=len(records))

    open_for(path, HOURS_COLUMNS, lambda _: None).take(_record, keep)
    return refs


def openings_in(session: Session, act: Act, intake: Intake, day: date | None) -> Imported:
    """Bring in the balances of a sheet, as they stood on a day; see `openings.Desk.take` for what is rejected."""
    desk = openings.Desk.begin(session, act, day)
    decimals = communities.get(session, act.community_id).points_decimals

    def read(row: Row) -> Opening:
        opening = _opening(row, decimals)
        intake.count(points=opening.points, minutes=opening.minutes, credits=opening.credits)
        return opening

    summed: dict[str, Callable[[str], int]] = {
        "points": lambda cell: parse_points(cell.replace(",", ""), decimals),
        "credits": parse_count,
    }
    return intake.take(read, desk.take, summed)


def credits_in(session: Session, act: Act, intake: Intake) -> Imported:
    """Give the credits of a sheet's contributions; see `credits.Desk.take` for what is rejected."""
    desk = credits.Desk.begin(session, act)

    def read(row: Row) -> Contribution:
        contribution = _contribution(row)
        intake.count(credits=contribution.credits)
        return contribution

    return intake.take(read, desk.take, {"credits": parse_count})


def open_for(path: Path, columns: Sequence[Column], moved: Moved, tab: str = "") -> Intake:
    """Open a sheet, of a workbook the worksheet `tab`, for one of the imports above. Raises as `sheets.open_sheet`."""
    return Intake(open_sheet(path, columns, tab=tab), moved)


def _total_minutes(cell: str) -> int:
    return parse_minutes(cell.replace(",", "").replace("，", ""))


def check_totals(outcome: Imported, intake: Intake, wanted: Mapping[str, int | None]) -> None:
    """Compare with the totals (rows, minutes, points, credits) the clerk wrote down before. Raises Invalid `control_total`."""
    found = {"rows": outcome.rows, **intake.totals}
    for name, total in wanted.items():
        if total is not None and total != found.get(name, 0):
            raise Invalid(
                say(
                    "The file has {found} {name}; the control total says {wanted}.",
                    found=found.get(name, 0),
                    name=_TOTALS[name],
                    wanted=total,
                ),
                "control_total",
                say("Nothing was imported. Count again, or look for missing and doubled rows."),
            )


_TOTALS = {"rows": say("rows"), "minutes": say("minutes"), "points": say("points"), "credits": say("credits")}


def _newcomer(row: Row) -> Newcomer:
    cells = row.values
    return Newcomer(
        parse_text(cells["member_no"]),
        Card(
            parse_name(cells["name"]),
            parse_text(cells["phone"]) or None,
            parse_text(cells["id_number"]) or None,
            parse_day(cells["birth_date"]) if cells["birth_date"].strip() else None,
        ),
        parse_day(cells["joined_on"]) if cells["joined_on"].strip() else None,
        parse_text(cells["grid"]),
        row.number,
    )


def _shop(row: Row) -> Shop:
    cells = {name: parse_text(cell) for name, cell in row.values.items()}
    own = (cells["merchant_no"], cells["name"], cells["category"], cells["contact"])
    return Shop(*own, row.number, cells["plaque"], cells["market"])


def _record(row: Row) -> Record:
    cells = row.values
    day, start, end = _day_of(cells["date"], cells["start"], cells["end"])
    starts, ends, minutes = span_of(cells["minutes"], start, end)
    kind = parse_text(cells["kind"])
    return Record(
        member_no=parse_number_of_one(cells["member_no"]),
        day=day,
        minutes=minutes,
        category=parse_text(cells["category"]),
        ref=parse_text(cells["ref"]),
        starts=starts,
        ends=ends,
        activity_no=parse_text(cells["activity_no"]),
        activity=parse_text(cells["activity"]),
        place=parse_text(cells["place"]),
        team_size=parse_count(cells["team_size"]) if cells["team_size"].strip() else 1,
        kind=kind_of(kind),
        team=parse_text(cells["team"]),
        programme=parse_text(cells["programme"]),
        row=row.number,
        name=parse_name(cells["name"]),
        confirmed_by=confirmer_of(parse_text(cells["confirmed_by"])),
    )


def _opening(row: Row, decimals: int) -> Opening:
    cells = {name: cell.strip() for name, cell in row.values.items()}
    points = parse_points(cells["points"], decimals) if cells["points"] else 0
    lapses_on, minutes, number = NEVER, 0, parse_number_of_one(cells["member_no"])
    if points and not cells["lapses_on"]:
        raise Invalid(say("The day these points lapse is missing."), "no_lapse_day", say("Write it, or never."))
    if points and cells["lapses_on"].lower() not in _NEVER:
        lapses_on = parse_day(cells["lapses_on"])
    if cells["minutes"] not in ("", "0"):
        minutes = parse_minutes(cells["minutes"])
    return Opening(number, points, lapses_on, minutes, _count(cells["credits"]), row.number)


def _contribution(row: Row) -> Contribution:
    cells = {name: cell.strip() for name, cell in row.values.items()}
    return Contribution(
        parse_number_of_one(cells["member_no"]),
        parse_count(cells["credits"]),
        parse_text(cells["category"]),
        parse_day(cells["date"]),
        parse_minutes(cells["minutes"]) if cells["minutes"] else 0,
        parse_text(cells["ref"]),
        parse_text(cells["note"]),
        row.number,
    )


def _count(cell: str) -> int:
    return 0 if cell in ("", "0") else parse_count(cell)


def kind_of(typed: str) -> str:
    """The kind of record behind what was typed, in Chinese or English; an unknown word stays for the room to refuse."""
    return _KINDS.get(typed.lower(), typed)


def confirmer_of(typed: str) -> str:
    """Who or what confirmed a service, as it was typed in Chinese or English; an unknown word stays for the room to refuse."""
    return _CONFIRMERS.get(typed.lower(), typed)


def _day_of(date_: str, start: str, end: str) -> tuple[date, str, str]:
    """The day of a row, which may stand before its start and its end, and these two without it.

    Raises Invalid `no_day`, `other_day`, `past_midnight`, and as `sheet_values`.
    """
    (begun, start), (ended, end) = split_moment(start), split_moment(end)
    day = parse_day(date_) if date_.strip() else begun or ended
    if day is None:
        raise Invalid(say("The day is missing."), "no_day", say("Write it in a column of its own, or before the start."))
    if begun not in (None, day):
        raise Invalid(say("The start is on {begun}, the row's day is {day}.", begun=begun, day=day), "other_day", _ONE_DAY)
    if ended not in (None, day):
        if ended == day + timedelta(1) and parse_clock(end) == 0:
            return day, start, "24:00"
        if ended > day:
            over = say("It ends on {ended}, after midnight.", ended=ended)
            raise Invalid(over, "past_midnight", say("Write two rows, one for each day."))
        raise Invalid(say("The end is on {ended}, the row's day is {day}.", ended=ended, day=day), "other_day", _ONE_DAY)
    return day, start, end


def span_of(minutes: str, start: str, end: str) -> tuple[int | None, int | None, int]:
    """Start, end and minutes from what was typed: a duration, a span, start and end, or one of them and a duration; what is
    given twice must agree.

    Raises Invalid `no_minutes`, `bad_span`, `other_minutes`, `other_times`, and as `sheet_values`.
    """
    typed = (parse_clock(start) if start.strip() else None, parse_clock(end) if end.strip() else None)
    served = parse_minutes(minutes) if minutes.strip() else None
    if served is None and None in typed:
        raise Invalid(
            say("Neither minutes nor start and end are given."),
            "no_minutes",
            say("Write the minutes, or when it began and ended."),
        )
    begun, ended = parse_span(minutes) if looks_like_span(minutes) else typed
    if begun is None and ended is not None and served is not None:
        begun = ended - served
    elif ended is None and begun is not None and served is not None:
        ended = begun + served
    if begun is None or ended is None:
        return None, None, served or 0
    if begun < 0 or ended <= begun:
        raise Invalid(
            say("{start} to {end} is no span within a day.", start=start or "…", end=end or "…"),
            "bad_span",
            say("Write start and end on the 24-hour clock like 14:00-15:30; a service past midnight takes two rows."),
        )
    if served not in (None, ended - begun):
        message = say(
            "{minutes} minutes are given, but start and end are {span} minutes apart.", minutes=served, span=ended - begun
        )
        raise Invalid(message, "other_minutes", say("Correct the one or the other, or leave one of them out."))
    if typed[0] not in (None, begun) or typed[1] not in (None, ended):
        raise Invalid(
            say("Start or end are not those of {span}.", span=minutes),
            "other_times",
            say("Correct the one or the other, or leave one of them out."),
        )
    return begun, ended, ended - begun
