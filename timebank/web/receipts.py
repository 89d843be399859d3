"""What a shop redeemed: receipts, the lists of today and of the month, taking back within the day, the shop's claims."""

import secrets
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from sqlmodel import Session
from starlette.responses import Response

from timebank import claims, offers, redemption, refunds, vouchers
from timebank.base.act import Act
from timebank.base.errors import NotFound
from timebank.base.i18n import say
from timebank.base.months import first_day, last_day, period_of
from timebank.vouchers import Standing
from timebank.web import phones
from timebank.web.phones import Phone
from timebank.web.screens import masked, shown, to

router = APIRouter(include_in_schema=False)
Field = Annotated[str, Form()]
MONTHS_OF_CLAIMS = 13
CLAIM_STATES = {
    "draft": say("being drawn up"),
    "approved": say("approved"),
    "submitted": say("on its way"),
    "paid": say("paid"),
    "returned": say("returned, to be claimed again"),
}


@router.get("/receipts/{voucher_id}")
def receipt(request: Request, voucher_id: int) -> Response:
    """How a voucher was redeemed at this shop; another shop's is not told apart from none."""
    with phones.asking(request, "list") as (session, phone):
        standing = _own(session, phone, voucher_id)
        done = redemption.captured(session, phone.community.id, voucher_id)
        values = {
            "voucher": standing.voucher,
            "number": f"E{done.resolution.seq:06d}",
            "when": f"{phone.local(done.resolution.resolved_at):%Y-%m-%d %H:%M}",
            "done": done.benefit,
            "left": standing.left,
            "steps": done.explained,
            "name": masked(session, phone, standing.voucher.member_id),
            "may_undo": phone.device.may("void") and done.resolution.day == phone.today() and standing.left.points > 0,
            "key": secrets.token_hex(16),
        }
        return shown(request, phone, "receipt", values)


@router.post("/undo")
def undo(request: Request, form_token: Field = "", voucher: Field = "", key: Field = "") -> Response:
    """Take a redeemed voucher back, on its day: all points return to the member, nothing is owed for it."""
    with phones.asking(request, "void") as (session, phone):
        phone.check_form(form_token)
        number = _own(session, phone, int(voucher) if voucher.isascii() and voucher.isdigit() else 0).voucher.id

    def work(session: Session, act: Act) -> dict[str, Any]:
        return {"refund": refunds.undo(session, act, number, phone.shop.id).row.id}

    phone.once(key, "counter.undo", {"voucher": number}, work)
    return to(f"/receipts/{number}")


def _own(session: Session, phone: Phone, voucher_id: int) -> Standing:
    """A voucher that was redeemed at this phone's shop. Raises NotFound `unknown_receipt`."""
    if 0 < voucher_id <= offers.NUMBER_MAX:
        found = vouchers.captures_of(session, phone.community.id, [voucher_id])
        if found and found[0].merchant_id == phone.shop.id:
            return vouchers.standing(session, vouchers.get(session, phone.community.id, voucher_id), phone.today())
    raise NotFound(say("This shop has no receipt of that number."), "unknown_receipt", say("See the list of the day."))


@router.get("/today")
def today(request: Request) -> Response:
    """What this shop redeemed today."""
    with phones.asking(request, "list") as (session, phone):
        return _list(request, session, phone, "today", (phone.today(), phone.today()))


@router.get("/month")
def month(request: Request) -> Response:
    """What this shop redeemed this month."""
    with phones.asking(request, "list") as (session, phone):
        period = period_of(phone.today())
        return _list(request, session, phone, "month", (first_day(period), last_day(period)))


def _list(request: Request, session: Session, phone: Phone, title: str, days: tuple[date, date]) -> Response:
    found = vouchers.captures(session, phone.community.id, days[1], days[0])
    own = [_row(session, phone, capture.voucher_id) for capture in found if capture.merchant_id == phone.shop.id]
    rows = sorted(own, key=lambda row: str(row["when"]), reverse=True)
    span = days[0].isoformat() if days[0] == days[1] else period_of(days[0])
    total = sum(row["off_fen"] for row in rows)
    return shown(request, phone, "list", {"title": title, "span": span, "rows": rows, "off_fen": total})


def _row(session: Session, phone: Phone, voucher_id: int) -> dict[str, Any]:
    voucher = vouchers.get(session, phone.community.id, voucher_id)
    standing = vouchers.standing(session, voucher, phone.today())
    assert standing.resolution is not None, "a captured voucher was resolved"
    when = phone.local(standing.resolution.resolved_at)
    return {
        "voucher_id": voucher_id,
        "when": f"{when:%m-%d %H:%M}",
        "off_fen": standing.left.off_fen,
        "refunded": bool(standing.refunds),
    }


@router.get("/claims")
def claimed(request: Request) -> Response:
    """This shop's claims of the last months and what became of them."""
    with phones.asking(request, "list") as (session, phone):
        period, rows = period_of(phone.today()), []
        for _ in range(MONTHS_OF_CLAIMS):
            found = claims.listed(session, phone.community.id, period)
            rows += [row for row in found if row.merchant == phone.shop.number]
            period = period_of(first_day(period) - timedelta(days=1))
        return shown(request, phone, "claims", {"rows": rows, "states": CLAIM_STATES})
