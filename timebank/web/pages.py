"""The merchant's counter in a phone's browser: enrol, check a voucher, see what comes off, redeem.

A GET never changes anything: chat apps and browsers fetch links ahead. Codes travel in the body of a form, but for a token in a
QR, which is a link. Everything works without script.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

from timebank import benefits, offers, redemption, vouchers
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.amounts import fen_of
from timebank.base.errors import NotFound, TimebankError
from timebank.base.i18n import LANGUAGES, say
from timebank.benefits import Item
from timebank.people import devices, merchants
from timebank.redemption import Counter, Verified
from timebank.vouchers import Voucher
from timebank.web import phones, posters, problems, receipts
from timebank.web.door import Command
from timebank.web.phones import Phone
from timebank.web.screens import masked, page, refusal, shown, to

router = APIRouter(include_in_schema=False)
Field = Annotated[str, Form()]
NONCE_BYTES = 32
_NONCE = re.compile(r"[0-9a-f]{64}")
NOT_ENROLLED = frozenset({"unknown_device", "device_revoked"})


@dataclass(frozen=True, slots=True)
class Presented:
    """A code as it was typed or read, the bill that was typed, and why nothing comes off that one."""

    code: str
    bill: str = ""
    error: TimebankError | None = None


# --- enrolling ---


@router.get("/E/{token}")
def invited(request: Request, token: str) -> Response:
    """Ask whether this phone is to become a device of the shop that was invited; changes nothing."""
    door, lang = phones.door_of(request), phones.language_of(request)
    with door.reading() as session:
        community = _inviting(session, token)
        enrolment = devices.invited(session, community.id, token, door.now())
        shop = merchants.get(session, community.id, enrolment.merchant_id)
    values = {"community": community, "shop": shop, "token": token, "nonce": secrets.token_hex(NONCE_BYTES)}
    return page(lang, "invited", values=values)


@router.post("/E")
def enrol(request: Request, token: Field = "", community: Field = "", nonce: Field = "") -> Response:
    """Make this phone a device. Its secret follows from the invitation and from what only this form holds, so that the repeat
    of a form that was sent twice gives the phone the same one."""
    door = phones.door_of(request)
    if not _NONCE.fullmatch(nonce) or not community.isprintable():
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
    response = to("/")
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
    """Where a code is typed or a QR code's photo is taken, and what members show by the poster."""
    with phones.asking(request, "list") as (_, phone):
        return shown(request, phone, "home", {"tickets": posters.waiting(request, phone)})


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
        return _ask_bill(request, session, phone, Presented(code))


def _ask_bill(request: Request, session: Session, phone: Phone, given: Presented) -> Response:
    """A voucher that is good, and where its bill is typed."""
    good, _, offer = _good(session, phone, given.code)
    values = {
        "good": good,
        "code": given.code,
        "name": masked(session, phone, good.member_id),
        "needs_bill": not isinstance(offer.terms, Item),
        "bill": given.bill,
        "error": given.error,
    }
    return shown(request, phone, "voucher", values)


@router.post("/quote")
def quote(request: Request, form_token: Field = "", code: Field = "", bill: Field = "", ticket: Field = "") -> Response:
    """What comes off a bill and why, with the one button that redeems. Nothing is done yet.

    A ticket stands for the code and the bill that a member typed at the shop's poster.
    """
    with phones.asking(request, "verify") as (session, phone):
        phone.check_form(form_token)
        if ticket:
            typed = posters.own(request, phone, ticket)
            code, bill = typed.code, benefits.yuan(typed.bill_fen)
        good, voucher, offer = _good(session, phone, code)
        try:
            done = benefits.benefit(offer.terms, voucher.points, fen_of(bill))
        except TimebankError as error:  # the voucher stays good: another bill can be typed on the same page
            return _ask_bill(request, session, phone, Presented(code, bill, error))
        values = {
            "good": good,
            "code": code,
            "name": masked(session, phone, good.member_id),
            "done": done,
            "steps": benefits.explained(offer.terms, done, phone.community.points_decimals),
            "key": secrets.token_hex(16),
            "ticket": ticket,
        }
        return shown(request, phone, "quote", values)


@router.post("/capture")
def capture(
    request: Request, form_token: Field = "", code: Field = "", bill: Field = "", key: Field = "", ticket: Field = ""
) -> Response:
    """Redeem a voucher, once for the form's key: whoever taps twice or loads the page again comes to the same receipt."""
    with phones.asking(request, "capture") as (_, phone):
        phone.check_form(form_token)
    asked = {"code": code, "bill": bill}

    def work(session: Session, act: Act) -> dict[str, Any]:
        counter = Counter(code, phone.shop.number, fen_of(bill))
        done = redemption.capture(session, act, counter, phone.door.pepper)
        return {"voucher": done.voucher.id, "off_fen": done.resolution.benefit_fen}

    receipt = phone.once(key, "counter.capture", asked, work)
    posters.taken(request, phone, ticket, receipt["off_fen"])
    return to(f"/receipts/{receipt['voucher']}")


def _good(session: Session, phone: Phone, code: str) -> tuple[Verified, Voucher, offers.Offer]:
    """A voucher that is good at this phone's shop. Raises what `redemption.verify` raises."""
    cid, today = phone.community.id, phone.door.today(phone.community)
    good = redemption.verify(session, cid, code, phone.shop.number, phone.door.pepper, today)
    voucher = vouchers.get(session, cid, int(good.number[1:]))
    return good, voucher, offers.find(session, cid, voucher.offer_id)


# --- what all pages share ---


@router.post("/language")
def language(request: Request, lang: Field = "") -> Response:
    """Let this phone keep another language."""
    response = to("/")
    for known in LANGUAGES:
        if known == lang:
            phones.remember_language(response, request, known)
    return response


def install(app: FastAPI) -> None:
    """Put the pages into an application, and what is shown where they cannot be."""
    app.state.waiting = posters.Waiting()
    for some in (router, receipts.router, posters.router):
        app.include_router(some)
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
