"""The merchant's counter in a phone's browser: enrol, check a voucher, see what comes off, redeem, look at what was redeemed.

A GET never changes anything: chat apps and browsers fetch links ahead. Codes travel in the body of a form, but for a token in a
QR, which is a link. Everything works without script.
"""

import secrets
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from timebank import benefits, offers, redemption, vouchers
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.amounts import fen_of
from timebank.base.errors import NotFound, TimebankError
from timebank.base.i18n import LANGUAGES, say
from timebank.base.masking import mask_name
from timebank.base.months import first_day, last_day, period_of
from timebank.benefits import Item
from timebank.people import devices, members, merchants, persons
from timebank.redemption import Counter, Verified
from timebank.vouchers import Capture, Voucher
from timebank.web import phones, problems
from timebank.web.door import Command, device_key
from timebank.web.phones import Phone
from timebank.web.screens import page, refusal

router = APIRouter(include_in_schema=False)
Field = Annotated[str, Form()]

NOT_ENROLLED = frozenset({"unknown_device", "device_revoked"})
MONTHS_OF_CLAIMS = 13
_CLAIM_STATES = {
    "draft": say("being drawn up"),
    "approved": say("approved"),
    "submitted": say("on its way"),
    "paid": say("paid"),
    "returned": say("returned, to be claimed again"),
}


# --- enrolling ---


@router.get("/E/{token}")
def invited(request: Request, token: str) -> Response:
    """Ask whether this phone is to become a device of the shop that was invited; changes nothing."""
    door, lang = phones.door_of(request), phones.language_of(request)
    with door.reading() as session:
        community = _inviting(session, token)
        enrolment = devices.invited(session, community.id, token, door.now())
        shop = merchants.get(session, community.id, enrolment.merchant_id)
    values = {"community": community, "shop": shop, "token": token, "nonce": secrets.token_hex(32)}
    return page(lang, "invited", values=values)


@router.post("/E")
def enrol(request: Request, token: Field = "", community: Field = "", nonce: Field = "") -> Response:
    """Make this phone a device. Its secret follows from the invitation and from what only this form holds, so that the repeat
    of a form that was sent twice gives the phone the same one."""
    door = phones.door_of(request)
    if len(nonce) != 64:
        raise phones.strange_form()
    secret = door.derived("secret of a phone", token, nonce)
    with door.reading() as session:
        place = door.community(session, community)
        inviter = devices.inviter(session, place.id, token)

    def work(session: Session, act: Act) -> dict[str, Any]:
        return {"device": devices.enrol(session, act, token, secret).id}

    inputs = {"token": token, "nonce": nonce}
    done = door.once(Command(place.id, inviter, f"e.{nonce}", "device.enrol", inputs), work)
    with door.reading() as session:
        device = devices.get(session, place.id, done.receipt["device"]).device
    response = _to("/")
    phones.remember(response, request, place, device, secret)
    return response


def _inviting(session: Session, token: str) -> communities.Community:
    """The community that invited with this token: a link carries no more than the token."""
    for community in communities.listed(session):
        if devices.is_invitation(session, community.id, token):
            return community
    raise devices.no_invitation()


# --- a voucher at the counter ---


@router.get("/")
def home(request: Request) -> Response:
    """Where a code is typed or a QR code's photo is taken."""
    with phones.asking(request, "list") as (_, phone):
        return _page(request, phone, "home")


@router.get("/V/{token}")
def scanned(request: Request, token: str) -> Response:
    """What a QR code opens: on an enrolled phone the voucher, on any other one what to do."""
    return _shown(request, token)


@router.post("/check")
def check(request: Request, form_token: Field = "", code: Field = "") -> Response:
    """The voucher of a code that was typed, or of a token that was read from a photo."""
    return _shown(request, code, form_token)


def _shown(request: Request, code: str, form_token: str | None = None) -> Response:
    with phones.asking(request, "verify") as (session, phone):
        if form_token is not None:
            phone.check_form(form_token)
        good, _, offer = _good(session, phone, code)
        values = {"good": good, "code": code, "name": _masked(session, phone, good.member_id)}
        return _page(request, phone, "voucher", values | {"needs_bill": not isinstance(offer.terms, Item)})


@router.post("/quote")
def quote(request: Request, form_token: Field = "", code: Field = "", bill: Field = "") -> Response:
    """What comes off a bill and why, with the one button that redeems. Nothing is done yet."""
    with phones.asking(request, "verify") as (session, phone):
        phone.check_form(form_token)
        good, voucher, offer = _good(session, phone, code)
        done = benefits.benefit(offer.terms, voucher.points, fen_of(bill))
        values = {
            "good": good,
            "code": code,
            "name": _masked(session, phone, good.member_id),
            "done": done,
            "steps": benefits.explained(offer.terms, done, phone.community.points_decimals),
            "key": secrets.token_hex(16),
        }
        return _page(request, phone, "quote", values)


@router.post("/capture")
def capture(request: Request, form_token: Field = "", code: Field = "", bill: Field = "", key: Field = "") -> Response:
    """Redeem a voucher, once for the form's key: whoever taps twice or loads the page again comes to the same receipt."""
    with phones.asking(request, "capture") as (_, phone):
        phone.check_form(form_token)
    asked = {"code": code, "bill": bill}

    def work(session: Session, act: Act) -> dict[str, Any]:
        counter = Counter(code, phone.shop.number, fen_of(bill))
        return {"voucher": redemption.capture(session, act, counter, phone.door.pepper).voucher.id}

    receipt = _once(phone, key, "counter.capture", asked, work)
    return _to(f"/receipts/{receipt['voucher']}")


def _good(session: Session, phone: Phone, code: str) -> tuple[Verified, Voucher, offers.Offer]:
    """A voucher that is good at this phone's shop. Raises what `redemption.verify` raises."""
    cid, today = phone.community.id, phone.door.today(phone.community)
    good = redemption.verify(session, cid, code, phone.shop.number, phone.door.pepper, today)
    voucher = vouchers.get(session, cid, int(good.number[1:]))
    return good, voucher, offers.find(session, cid, voucher.offer_id)


def _once(
    phone: Phone, key: str, verb: str, asked: dict[str, Any], work: Callable[[Session, Act], dict[str, Any]]
) -> dict[str, Any]:
    """Do what a form asks, once for its key, and give the receipt."""
    command = Command(phone.community.id, phone.device.actor_id, device_key(phone.device, key), verb, asked)
    try:
        return phone.door.once(command, work).receipt
    except TimebankError as error:
        raise phones.counted(phone, error) from error


# --- what was redeemed ---


@router.get("/receipts/{voucher_id}")
def receipt(request: Request, voucher_id: int) -> Response:
    """How a voucher was redeemed at this shop; another shop's is not told apart from none."""
    with phones.asking(request, "list") as (session, phone):
        voucher = _own(session, phone, voucher_id)
        done = redemption.captured(session, phone.community.id, voucher.id)
        moment = done.resolution.resolved_at.astimezone(ZoneInfo(phone.community.timezone))
        values = {
            "voucher": voucher,
            "number": f"E{done.resolution.seq:06d}",
            "when": f"{moment:%Y-%m-%d %H:%M}",
            "done": done.benefit,
            "steps": done.explained,
            "name": _masked(session, phone, voucher.member_id),
            "undone": False,
            "may_undo": False,
            "key": secrets.token_hex(16),
        }
        return _page(request, phone, "receipt", values)


def _own(session: Session, phone: Phone, voucher_id: int) -> Voucher:
    """A voucher that was redeemed at this phone's shop. Raises NotFound `unknown_voucher`."""
    voucher = vouchers.get(session, phone.community.id, voucher_id) if voucher_id <= offers.NUMBER_MAX else None
    resolution = vouchers.resolution_of(session, voucher) if voucher else None
    if voucher is None or voucher.merchant_id != phone.shop.id or resolution is None or resolution.outcome != "captured":
        raise NotFound(say("This shop has no receipt of that number."), "unknown_voucher", say("See the list of the day."))
    return voucher


@router.get("/today")
def today(request: Request) -> Response:
    """What this shop redeemed today."""
    with phones.asking(request, "list") as (session, phone):
        day = phone.door.today(phone.community)
        return _list(request, session, phone, "today", (day, day))


@router.get("/month")
def month(request: Request) -> Response:
    """What this shop redeemed this month."""
    with phones.asking(request, "list") as (session, phone):
        period = period_of(phone.door.today(phone.community))
        return _list(request, session, phone, "month", (first_day(period), last_day(period)))


def _list(request: Request, session: Session, phone: Phone, title: str, days: tuple[date, date]) -> Response:
    found = vouchers.captures(session, phone.community.id, days[1], days[0])
    own = [capture for capture in found if capture.merchant_id == phone.shop.id]
    rows = sorted((_row(session, phone, capture) for capture in own), key=lambda row: row["when"], reverse=True)
    span = days[0].isoformat() if days[0] == days[1] else days[0].isoformat()[:7]
    return _page(
        request, phone, "list", {"title": title, "span": span, "rows": rows, "off_fen": sum(row["off_fen"] for row in rows)}
    )


def _row(session: Session, phone: Phone, capture: Capture) -> dict[str, Any]:
    voucher = vouchers.get(session, phone.community.id, capture.voucher_id)
    resolution = vouchers.resolution_of(session, voucher)
    assert resolution is not None, "a captured voucher was resolved"
    moment = resolution.resolved_at.astimezone(ZoneInfo(phone.community.timezone))
    return {
        "voucher_id": voucher.id,
        "when": f"{moment:%m-%d %H:%M}",
        "off_fen": resolution.benefit_fen,
        "refunded": False,
    }


def _masked(session: Session, phone: Phone, member_id: int) -> str:
    member = members.get(session, phone.community.id, member_id)
    return mask_name(persons.get(session, phone.community.id, member.person_id).name)


# --- what all pages share ---


@router.post("/language")
def language(request: Request, lang: Field = "") -> Response:
    """Let this phone keep another language."""
    response = _to("/")
    for known in LANGUAGES:
        if known == lang:
            phones.remember_language(response, request, known)
    return response


def _page(request: Request, phone: Phone, name: str, values: dict[str, Any] | None = None) -> Response:
    return page(phones.language_of(request), name, values={"phone": phone, **(values or {})})


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


def install(app: FastAPI) -> None:
    """Put the pages into an application, and what is shown where they cannot be."""
    app.include_router(router)
    app.add_exception_handler(TimebankError, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(HTTPException, _unrouted)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, TimebankError), "it was registered for these"
    lang = phones.language_of(request)
    if error.code in NOT_ENROLLED:
        told = None if error.code == "unknown_device" else error
        return page(lang, "unknown", problems.status_of(error), {"error": told, "here": request.url.path})
    return refusal(request, lang, error)


def _misread(request: Request, _error: Exception) -> Response:
    return refusal(request, phones.language_of(request), _no_page())


def _unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "it was registered for these"
    answer = refusal(request, phones.language_of(request), _no_page())
    answer.status_code = error.status_code
    return answer


def _no_page() -> NotFound:
    return NotFound(say("There is no such page."), "no_page", say("Go back to the start page."))
