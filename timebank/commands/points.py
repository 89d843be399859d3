"""`timebank points …`."""

from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import exchange, points
from timebank import reading as book
from timebank.approvals import two_people
from timebank.base.act import Act
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.base.masking import mask_name, mask_phone
from timebank.base.sheet_values import parse_day, parse_points
from timebank.base.sheets import write_csv
from timebank.base.workbook_writing import write_workbook
from timebank.benefits import points_text
from timebank.commands import balance
from timebank.commands.balance import lapse
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.imports import Import, run
from timebank.commands.options import InputFile, MemberNo, Names, Partial, SaveRejects, SheetName, entry_number
from timebank.journal import Receipt
from timebank.people import members, persons, teams
from timebank.points import Reminder
from timebank.statement_lines import AWARDS
from timebank.statement_words import HEADERS, Telling, entry_no

app = typer.Typer(add_completion=False)
app.registered_commands += balance.app.registered_commands
_AT_ONCE = 500

Amount = Annotated[str, typer.Argument(metavar="POINTS", help="How many points.")]
Pool = Annotated[str, typer.Argument(metavar="POOL", help="Name of a pool, for example elder-care.")]
Giver = Annotated[str, typer.Argument(metavar="FROM", help="Who gives: a member number.")]


@writing(app, "gift", example="timebank points gift M0012 M0034 20")
def gift(
    door: Writing,
    giver: Giver,
    receiver: Annotated[str, typer.Argument(metavar="TO", help="Who gets them: another member's number.")],
    amount: Amount,
) -> None:
    """Give a member's points to another member, where the rule book allows it; each keeps the day it lapses."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        given = parse_points(amount, door.community(session).points_decimals)
        return _receipt(points.gift(session, act, giver, receiver, given), given)

    _tell_given(door, door.once(points.GIFT, work).receipt, giver, receiver)


@writing(app, "donate", example="timebank points donate M0012 elder-care 20")
def donate(door: Writing, giver: Giver, pool: Pool, amount: Amount) -> None:
    """Give a member's points to a pool or a team, where the rule book allows it; each keeps the day it lapses."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        given = parse_points(amount, door.community(session).points_decimals)
        return _receipt(points.donate(session, act, giver, pool, given), given)

    _tell_given(door, door.once("points.donate", work).receipt, giver, pool)


@writing(app, "pay-out", example="timebank points pay-out elder-care M0034 30 --reason 独居老人就医陪护 --approver W0002")
def pay_out(door: Writing, pool: Pool, member: MemberNo, amount: Amount) -> None:
    """Give points of a pool to a member in need, for a reason. Two people; points keep the day they lapse."""
    with door.reading() as (_, community):
        given = parse_points(amount, community.points_decimals)
    request = {"pool": pool, "member": member, "points": given}
    receipt = door.once_or_ask(points.PAY_OUT, f"pool:{pool}", request, lambda s, a: paid_out(s, a, request)).receipt
    if "waiting" in receipt:
        door.screen.data(receipt)
    else:
        _tell_given(door, receipt, pool, member)


def paid_out(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out a pay-out that was asked for."""
    receipt = points.pay_out(session, act, request["pool"], request["member"], request["points"])
    return _receipt(receipt, request["points"])


@writing(app, "reverse", example="timebank points reverse E000042 --reason 转错了人 --approver W0002")
def reverse(
    door: Writing,
    entry: Annotated[str, typer.Argument(help="An entry, for example E000042.")],
    owe: Annotated[bool, typer.Option("--owe", help="Let points spent meanwhile be owed.")] = False,
) -> None:
    """Take back a gift, a pay-out, an opening, credits or their conversion that was a mistake. Two people."""
    request = {"entry": entry_number(entry), "owe": owe}
    number = entry_no(request["entry"])
    receipt = door.once_or_ask("points.reverse", f"entry:{number}", request, lambda s, a: taken_back(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(say("Entry {entry} is taken back by entry {by}.", entry=number, by=entry_no(receipt["entry"])))


def taken_back(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Take back the entry that was asked for."""
    receipt = points.take_back(session, act, request["entry"], owe=request["owe"])
    return {"reversed": request["entry"], "entry": receipt.seq}


def _receipt(receipt: Receipt, given: int) -> dict[str, Any]:
    return {"entry": receipt.seq, "points": given}


def _tell_given(door: Writing, receipt: dict[str, Any], source: str, target: str) -> None:
    if not door.screen.data(receipt):
        shown, entry = points_text(receipt["points"], door.decimals()), entry_no(receipt["entry"])
        door.screen.line(
            say(
                "{points} points went from {source} to {target} (entry {entry}).",
                points=shown,
                source=source,
                target=target,
                entry=entry,
            )
        )


@reading(app, "pools", example="timebank points pools")
def pools(door: Door) -> None:
    """List pools and teams and what they can give today."""
    with door.reading() as (session, community):
        found, decimals = points.pools(session, community.id, door.today(community)), community.points_decimals
        numbers = {team.holder: team.number for team in teams.listed(session, community.id)}
    lots = [[{"expires_on": day.isoformat(), "amount": amount} for day, amount in one.lots] for one in found]
    names = [numbers.get(one.holder, one.holder.removeprefix("pool:")) for one in found]
    shown = [{"pool": name, "points": one.points, "lots": own} for name, one, own in zip(names, found, lots, strict=True)]
    if not door.screen.data(shown):
        rows = [
            (name, points_text(one.points, decimals), lapse(one.lots[0][0]) if one.lots else "-")
            for name, one in zip(names, found, strict=True)
        ]
        door.screen.table(say("Pools and teams"), (say("pool"), say("points"), say("first lapse on")), rows)


@reading(app, "history", example="timebank points history M0012 --from 2026-01-01 --to 2026-12-31")
def history(
    door: Door,
    member: MemberNo,
    since: Annotated[str | None, typer.Option("--from", help="Only what concerns this day or later.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only what concerns this day or earlier.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write it into this CSV file.")] = None,
) -> None:
    """Show every movement of a member's points: what it was, how many, the balance after it, and how they came about."""
    first, last = (parse_day(day).isoformat() if day else "" for day in (since, until))
    with door.reading() as (session, community):
        found = members.find(session, community.id, member)
        decimals, telling = community.points_decimals, Telling(door.lang, community.timezone)
        with closing(_movements(session, community.id, found.holder, telling)) as lines:
            wanted = (row for row in lines if first <= row[1] and (not last or row[1] <= last))
            if csv is not None:
                header = [name if door.lang == "en" else HEADERS[name] for name in _COLUMNS]
                rows = (_told(row, decimals) for row in wanted)
                written = write_csv(csv, header, rows)
                if not door.screen.data({"file": str(csv), "rows": written.rows, "sha256": written.sha256}):
                    door.screen.line(say("{count} movements are in {file}.", count=written.rows, file=str(csv)))
                return
            shown = list(wanted)
    if not door.screen.data([dict(zip(_COLUMNS, row, strict=True)) for row in shown]):
        columns = (say("entry"), say("day"), say("what"), say("points"), say("balance"), say("rules"), say("how it came about"))
        door.screen.table(say("Points of {number}", number=found.number), columns, [_told(row, decimals) for row in shown])


_COLUMNS = ("entry", "service_date", "description", "points", "points_balance", "rules", "explanation")


def _movements(session: Session, community_id: int, holder: str, telling: Telling) -> Generator[tuple[Any, ...]]:
    """A holder's movements of points as `_COLUMNS`, in the order of the log: some hundred in memory at a time."""
    total = 0
    with closing(book.history(session, community_id, holder, "points")) as lines:
        while batch := list(islice(lines, _AT_ONCE)):
            telling.read(book.payloads(session, community_id, [line.seq for line in batch if line.kind in AWARDS]))
            for line in batch:
                total += line.points
                what, why = telling.entry(line)
                yield line.seq, line.business_date, what, line.points, total, line.rules or "", why


def _told(row: tuple[Any, ...], decimals: int) -> tuple[Any, ...]:
    seq, day, what, moved, total, rules, why = row
    amounts = (points_text(moved, decimals), points_text(total, decimals)) if decimals else (moved, total)
    return entry_no(seq), day, what, *amounts, rules, why


@writing(app, "expire", example="timebank points expire --until 2026-10-31")
def expire(
    door: Writing,
    until: Annotated[str | None, typer.Option(help="What lapsed on this day or earlier; yesterday if left out.")] = None,
) -> None:
    """Take out of circulation what lapsed, as the close of a month does. Points on hold do not lapse."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        last = parse_day(until) if until else act.today(door.community(session).timezone)
        return {"entries": [receipt.seq for receipt in points.expire_due(session, act, last)]}

    receipt = door.once("points.expire", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("{count} lots lapsed.", count=len(receipt["entries"])))


@writing(app, "reminders", example="timebank points reminders --months 2 --to reminders.xlsx")
def reminders(
    door: Writing,
    months: Annotated[int, typer.Option(help="Points that lapse within so many months.")] = 1,
    to: Annotated[Path | None, typer.Option(help="Write it into this .xlsx or CSV file.")] = None,
    names: Annotated[Names, typer.Option(help="full needs --reason and a second person, and is logged.")] = Names.MASKED,
) -> None:
    """List whose points lapse soon, one row a member and day, for telling them in time. Names and phones are masked."""
    if names is Names.FULL:

        def work(session: Session, act: Act) -> dict[str, Any]:
            two_people(act)
            if not act.reason:
                raise Invalid(say("Full names need a reason."), "no_reason", say("Say why with --reason."))
            return {"months": months, "names": names.value}

        logged = door.once("points.reminders", work)
        if door.dry_run or logged.repeated:  # what is not logged is not shown
            names = Names.MASKED
    with door.reading() as (session, community):
        people, decimals = persons.cards(session, community.id), community.points_decimals
        rows = [
            _reminded(found, people[found.member.person_id], names)
            for found in points.reminders(session, community.id, door.today(community), months)
        ]
    shown = [(*row[:3], points_text(row[3], decimals), row[4]) for row in rows]
    if to is not None and not door.dry_run:
        header = [name if door.lang == "en" else _HEADERS_ZH[name] for name in _REMINDED]
        if to.suffix.lower() == ".xlsx":
            written = write_workbook(to, [header, *shown])
        else:
            written = write_csv(to, header, shown if decimals else rows)
        if not door.screen.data({"file": str(to), "rows": written.rows, "sha256": written.sha256}):
            door.screen.line(say("{count} reminders are in {file}.", count=written.rows, file=str(to)))
    elif not door.screen.data([dict(zip(_REMINDED, row, strict=True)) for row in rows]):
        columns = (say("member"), say("name"), say("phone"), say("points"), say("lapse on"))
        door.screen.table(say("Points that lapse soon ({count})", count=len(rows)), columns, shown)


_REMINDED = ("member_no", "name", "phone", "points", "lapses_on")
_HEADERS_ZH = {"member_no": "成员编号", "name": "姓名", "phone": "电话", "points": "积分", "lapses_on": "失效日期"}


def _reminded(found: Reminder, card: persons.Card, names: Names) -> tuple[str, str, str, int, str]:
    name, phone = card.name, card.phone or ""
    if names is Names.MASKED:
        name, phone = mask_name(name), mask_phone(phone)
    return found.member.number, name, phone, found.points, found.lapses_on.isoformat()


@writing(
    app, "import-opening", example="timebank points import-opening old.csv --date 2026-01-01 --points 5210 --approver W0002"
)
@writing(app, "open", example="timebank points open old.csv --date 2026-01-01 --points 5210 --approver W0002")
def open_(
    door: Writing,
    file: InputFile,
    day: Annotated[str | None, typer.Option("--date", help="The day on which they stood; today if left out.")] = None,
    rows: Annotated[int | None, typer.Option("--rows", help="Control total: how many rows the file must have.")] = None,
    total: Annotated[str | None, typer.Option("--points", help="Control total: how many points in all.")] = None,
    minutes: Annotated[int | None, typer.Option("--minutes", help="Control total: how many minutes in all.")] = None,
    partial: Partial = False,
    save_rejects: SaveRejects = None,
    sheet: SheetName = "",
) -> None:
    """Bring in balances from before the book: member_no, points, lapses_on (or never), minutes, credits. Two people."""
    with door.reading() as (_, community):
        wanted_points = parse_points(total, community.points_decimals) if total is not None else None
    totals = {"rows": rows, "minutes": minutes, "points": wanted_points}
    wanted = Import("points.open", file, exchange.OPENING_COLUMNS, partial, save_rejects, **totals, tab=sheet)
    run(door, wanted, lambda s, a, intake: exchange.openings_in(s, a, intake, parse_day(day) if day else None))
