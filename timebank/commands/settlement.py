"""`timebank settlement …`."""

from typing import Any

import typer
from sqlmodel import Session

from timebank import benefits, claims, settlement
from timebank.base.act import Act
from timebank.base.errors import NotFound
from timebank.base.i18n import Say, say, text
from timebank.base.months import parse_period
from timebank.base.sheets import make_folder, write_csv
from timebank.benefits import points_text
from timebank.claims import Claim
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import Folder, Period

app = typer.Typer(add_completion=False)
HEADERS_ZH = ("批次", "月份", "商户编号", "张数", "积分", "金额(分)", "SHA-256", "上一批 SHA-256", "状态")
HEADERS = ("batch", "period", "merchant_no", "captures", "points", "fen", "sha256", "previous", "state")


@writing(app, "draft", example="timebank settlement draft 2026-10")
def draft(door: Writing, period: Period) -> None:
    """Put every redeemed voucher of a month that is in no batch yet into a batch, one a merchant."""
    receipt = door.once("settlement.draft", lambda s, a: _receipt(settlement.draft(s, a, period))).receipt
    if not door.screen.data(receipt):
        _tell(door, say("Settlement of {period} is drafted", period=period), receipt)


@writing(app, "approve", example="timebank settlement approve 2026-10 --approver W0002")
def approve(door: Writing, period: Period) -> None:
    """Approve a month's batches as second person; an entry in the book binds each to its hash."""
    request = {"period": parse_period(period)}
    receipt = door.once_or_ask(
        "settlement.approve", f"settlement:{period}", request, lambda s, a: approved(s, a, request)
    ).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        _tell(door, say("Settlement of {period} is approved", period=period), receipt)


def approved(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Approve the settlement that was asked for."""
    return _receipt(settlement.approve(session, act, request["period"]))


def _receipt(made: list[Claim]) -> dict[str, Any]:
    totals = {"captures": sum(c.captures for c in made), "points": sum(c.points for c in made)}
    return {"batches": [c.id for c in made], **totals, "fen": sum(c.fen for c in made)}


def _tell(door: Door, title: Say, receipt: dict[str, Any]) -> None:
    door.screen.facts(
        title,
        [
            (say("batches"), len(receipt["batches"])),
            (say("vouchers"), receipt["captures"]),
            (say("points"), points_text(receipt["points"], door.decimals())),
            (say("owed to merchants"), say("{yuan} yuan", yuan=benefits.yuan(receipt["fen"]))),
        ],
    )


@reading(app, "list", example="timebank settlement list 2026-10")
def list_(door: Door, period: Period) -> None:
    """List a month's batches."""
    with door.reading() as (session, community):
        rows = [tuple(getattr(row, name) for name in _FIELDS) for row in claims.listed(session, community.id, period)]
        decimals = community.points_decimals
    if not door.screen.data([dict(zip(HEADERS, row, strict=True)) for row in rows]):
        columns = (say("batch"), say("merchant"), say("vouchers"), say("points"), say("yuan"), say("state"))
        shown = [(r[0], r[2], r[3], points_text(r[4], decimals), benefits.yuan(r[5]), STATES[r[8]]) for r in rows]
        door.screen.table(say("Settlement of {period}", period=period), columns, shown)


@reading(app, "export", example="timebank settlement export 2026-10 --to out/")
def export(door: Door, period: Period, to: Folder) -> None:
    """Write a month's claim list: one row a batch, each with its hash and that of the batch before."""
    with door.reading() as (session, community):
        found = claims.listed(session, community.id, parse_period(period))
        decimals = community.points_decimals
    if not found:
        raise NotFound(
            say("There are no batches of {period}.", period=period),
            "no_claims",
            say("Draft them first: timebank settlement draft {period}", period=period),
        )
    chinese = door.lang == "zh"
    rows = [[getattr(row, name) for name in _FIELDS] for row in found]
    for row in rows:
        row[4] = points_text(row[4], decimals) if decimals else row[4]
        row[8] = text(STATES[row[8]], door.lang) if chinese else row[8]
    make_folder(to)
    path = to.joinpath(f"claims-{period}.csv")
    written = write_csv(path, HEADERS_ZH if chinese else HEADERS, rows)
    if not door.screen.data({"file": str(path), "rows": written.rows, "sha256": written.sha256}):
        door.screen.line(say("{count} claims are in {file}.", count=written.rows, file=str(path)))


_FIELDS = ("batch", "period", "merchant", "captures", "points", "fen", "sha256", "previous", "state")
STATES = {
    "draft": say("draft"),
    "approved": say("approved"),
    "submitted": say("sent off"),
    "paid": say("paid"),
    "returned": say("returned"),
}
