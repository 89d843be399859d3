"""`timebank settlement …`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import benefits, claims, reconciliation, results, settlement
from timebank.base.act import Act
from timebank.base.errors import Invalid, NotFound
from timebank.base.i18n import LANGUAGES, Language, Say, say, text
from timebank.base.months import parse_period
from timebank.base.sheet_values import parse_day, parse_text
from timebank.base.sheets import make_folder, write_bytes, write_csv
from timebank.base.workbook_writing import write_workbook
from timebank.benefits import DISCLAIMER, points_text, yuan
from timebank.claims import Claim, ClaimRow
from timebank.commands import imports
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.imports import Import
from timebank.commands.options import Folder, InputFile, Period, SheetName
from timebank.reconciliation import Row
from timebank.settlement import Outcome, Result

app = typer.Typer(add_completion=False)
HEADERS_ZH = ("批次", "月份", "商户编号", "张数", "退回张数", "积分", "金额(分)", "SHA-256", "上一批 SHA-256", "状态")
HEADERS = ("batch", "period", "merchant_no", "captures", "refunds", "points", "fen", "sha256", "previous", "state")
FILLED_IN = {"zh": ("结果", "凭证号"), "en": ("result", "reference")}
"""Columns of the list for whoever pays: filled in, the list can be read back by import-results."""
NOTICES: dict[Language, str] = {"zh": "说明.txt", "en": "NOTICE.txt"}
Batch = Annotated[int | None, typer.Option("--batch", help="Which batch, by number.")]
OfMerchant = Annotated[str | None, typer.Option("--merchant", help="Whose batch, by merchant number.")]
OnDay = Annotated[str | None, typer.Option("--date", help="The day it happened; today if left out.")]


@writing(app, "draft", example="timebank settlement draft 2026-10")
def draft(door: Writing, period: Period) -> None:
    """Put every redeemed voucher of a month that is in no batch yet into a batch, one a merchant; refunds are netted."""
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
    """What batches come to, without those that came back: their lines are in later ones."""
    made = [claim for claim in made if claim.state != "returned"]
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
    """List a month's batches and what became of them."""
    with door.reading() as (session, community):
        rows = claims.listed(session, community.id, parse_period(period))
        decimals = community.points_decimals
    if not door.screen.data([dict(zip((*HEADERS, "reference"), _cells(row), strict=True)) for row in rows]):
        columns = (say("batch"), say("merchant"), say("vouchers"), say("refunds"), say("points"), say("yuan"), say("state"))
        shown = [
            (
                *(row.batch, row.merchant, row.captures, row.refunds, points_text(row.points, decimals), yuan(row.fen)),
                *(STATES[row.state], row.reference),
            )
            for row in rows
        ]
        door.screen.table(say("Settlement of {period}", period=period), (*columns, say("reference")), shown)


def _cells(row: ClaimRow) -> list[Any]:
    cells = asdict(row)
    return [cells["merchant" if name == "merchant_no" else name] for name in (*HEADERS, "reference")]


@writing(app, "export", example="timebank settlement export 2026-10 --to out/")
def export(door: Writing, period: Period, to: Folder) -> None:
    """Write a month's claim list (CSV and workbook), one row a batch with its hashes, and enter that it is sent off."""
    parse_period(period)
    rows: list[ClaimRow] = []
    written: dict[str, Any] = {}

    def work(session: Session, act: Act) -> dict[str, Any]:
        sent = settlement.submit(session, act, period)
        rows[:] = claims.listed(session, act.community_id, period)
        if not door.dry_run:
            written.update(_write(door, to, period, rows))
        return {"batches": [claim.id for claim in sent]}

    sent = door.once("settlement.submit", work).receipt["batches"]
    if not rows:  # a repeat: what was written then may be lost
        with door.reading() as (session, community):
            rows = claims.listed(session, community.id, period)
        if not door.dry_run:
            written.update(_write(door, to, period, rows))
    if door.screen.data({**written, "submitted": sent}) or not written:
        return
    door.screen.line(say("{count} claims are in {file}.", count=written["rows"], file=written["file"]))
    if left := sum(row.state == "draft" for row in rows):
        door.screen.warn(say("{count} batches are drafts and are not in the list.", count=left))


def _write(door: Door, to: Path, period: str, found: list[ClaimRow]) -> dict[str, Any]:
    """Write the list twice and the notice; gives the names, rows and SHA-256."""
    decimals, zh = door.decimals(), door.lang == "zh"
    header = [*(HEADERS_ZH if zh else HEADERS), *FILLED_IN[door.lang]]
    rows: list[list[Any]] = []
    for row in found:
        if row.state == "draft":
            continue
        cells = _cells(row)[: len(HEADERS)]
        cells[5] = points_text(row.points, decimals) if decimals else row.points
        cells[9] = text(STATES[row.state], door.lang) if zh else row.state
        ended = row.state in ("paid", "returned")
        rows.append([*cells, cells[9] if ended else "", row.reference])
    make_folder(to)
    notice = "\n".join(text(DISCLAIMER, lang) for lang in LANGUAGES)
    write_bytes(to.joinpath(NOTICES[door.lang]), f"\ufeff{notice}\n".replace("\n", "\r\n").encode())
    path = to.joinpath(f"claims-{period}.csv")
    listed = write_csv(path, header, rows)
    book = to.joinpath(f"claims-{period}.xlsx")
    titles = [[text(say("Claims of {period}", period=period), door.lang)], [text(DISCLAIMER, door.lang)]]
    packed = write_workbook(book, [*titles, header, *([str(cell) for cell in row] for row in rows)])
    return {
        "file": str(path),
        "rows": listed.rows,
        "sha256": listed.sha256,
        "workbook": str(book),
        "workbook_sha256": packed.sha256,
    }


@writing(app, "paid", example="timebank settlement paid 2026-10 --merchant S001 --reference 2026-11-12-0031")
def paid(
    door: Writing,
    period: Period,
    reference: Annotated[str, typer.Option(help="The number on the bank's paper.")],
    batch: Batch = None,
    merchant: OfMerchant = None,
    day: OnDay = None,
) -> None:
    """Enter that a batch which was sent off has been paid: the merchant is owed that much less."""
    receipt = _ended(door, period, (batch, merchant), ("paid", reference, day))
    if not door.screen.data(receipt):
        door.screen.line(say("Batch {number} is paid: {yuan} yuan.", number=receipt["batch"], yuan=yuan(receipt["fen"])))


@writing(app, "returned", example="timebank settlement returned 2026-10 --batch 3 --why 账号有误")
def returned(
    door: Writing,
    period: Period,
    why: Annotated[str, typer.Option(help="Why it was returned.")],
    batch: Batch = None,
    merchant: OfMerchant = None,
    day: OnDay = None,
) -> None:
    """Enter that a batch came back unpaid: its vouchers are open again and go into the next draft."""
    receipt = _ended(door, period, (batch, merchant), ("returned", why, day))
    if not door.screen.data(receipt):
        told = say("Batch {number} is returned; its vouchers go into the next draft.", number=receipt["batch"])
        door.screen.line(told)


def _ended(
    door: Writing, period: str, of: tuple[int | None, str | None], result: tuple[Outcome, str, str | None]
) -> dict[str, Any]:
    batch, merchant = of
    outcome, reference, day = result
    if (batch is None) == (merchant is None):
        raise Invalid(say("Which batch?"), "which_batch", say("Name either --batch or --merchant."))

    def work(session: Session, act: Act) -> dict[str, Any]:
        claim = (
            settlement.find(session, act.community_id, batch)
            if batch is not None
            else settlement.of_merchant(session, act.community_id, period, merchant or "")
        )
        if claim.period != parse_period(period):
            raise NotFound(
                say("Batch {number} is of {period}.", number=claim.id, period=claim.period),
                "unknown_batch",
                say("See timebank settlement list {period}.", period=period),
            )
        done = settlement.end(session, act, Result(claim.id, outcome, parse_text(reference), parse_day(day) if day else None))
        return {"batch": done.id, "state": done.state, "fen": done.fen}

    return door.once(f"settlement.{outcome}", work).receipt


@writing(app, "import-results", example="timebank settlement import-results claims-2026-10.xlsx")
def import_results(door: Writing, file: InputFile, tab: SheetName = "") -> None:
    """Read the claim list back with its results filled in: paid or returned. All rows count or none."""
    imports.run(door, Import("settlement.results", file, results.COLUMNS, False, None, tab=tab), results.results_in)


@reading(app, "reconcile", example="timebank settlement reconcile 2026-10")
def reconcile(door: Door, period: Period) -> None:
    """Compare what was captured, refunded, claimed and paid of a month; each difference is named."""
    with door.reading() as (session, community):
        found = reconciliation.reconcile(session, community.id, period)
    differences = [difference for row in found for difference in row.differences]
    if door.screen.data({"period": period, "merchants": [_reconciled(row) for row in found], "differences": len(differences)}):
        return
    columns = (say("merchant"), say("captured"), say("refunded"), say("claimed"), say("paid"), say("carried"))
    rows = [(row.merchant, *map(yuan, (row.captured, row.refunded, row.claimed, row.paid, row.carried))) for row in found]
    door.screen.table(say("Settlement of {period}", period=period), columns, rows)
    if differences:
        named = [(d.merchant, d.batch or "-", DIFFERENCES[d.code], yuan(d.fen)) for d in differences]
        door.screen.table(say("Differences"), (say("merchant"), say("batch"), say("what"), say("yuan")), named)
    door.screen.line(say("{count} differences", count=len(differences)))


def _reconciled(row: Row) -> dict[str, Any]:
    amounts = {f"{name}_fen": getattr(row, name) for name in ("captured", "refunded", "claimed", "paid", "carried")}
    told = [{"batch": d.batch, "code": d.code, "fen": d.fen} for d in row.differences]
    return {"merchant": row.merchant, **amounts, "differences": told}


STATES = {
    "draft": say("draft"),
    "approved": say("approved"),
    "submitted": say("sent off"),
    "paid": say("paid"),
    "returned": say("returned"),
}
DIFFERENCES = {
    "not_claimed": say("in no batch yet"),
    "not_paid": say("not paid yet"),
    "batch_differs": say("the batch is not the sum of its lines"),
    "book_differs": say("the book owes the merchant something else"),
}
