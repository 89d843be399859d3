"""The JSON API for shops with a till: the same verbs as at the counter, with the code in a body and never in a URL.

It is an application of its own below the counter's, so that all it says, its errors too, is JSON. What writes needs an
`Idempotency-Key`; its repeat gives the first answer byte for byte. docs/api.md is for those who program a till.
"""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope as Connection

from timebank import guesses, redemption, refunds, vouchers
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.errors import Refused, TimebankError
from timebank.base.i18n import Language, Say, say, text
from timebank.base.masking import mask_name
from timebank.base.months import first_day, last_day, period_of
from timebank.people import members, merchants, persons, tills
from timebank.people.devices import Device, Scope
from timebank.people.merchants import Merchant
from timebank.people.tills import Key
from timebank.redemption import Captured, Counter
from timebank.vouchers import Capture, Refund
from timebank.web import api_document, problems
from timebank.web import api_shapes as shapes
from timebank.web.api_document import told
from timebank.web.api_guard import Guard
from timebank.web.api_shapes import Captures, Charged, Good, Line, Presented, Quote, Receipt, Taken, Undone
from timebank.web.door import Command, Door, device_key

router = APIRouter()
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=shapes.KEY,
        description="Names this request, for example a UUID: its repeat counts once and gets the first answer.",
    ),
]
VoucherNumber = Annotated[str, Path(pattern=shapes.VOUCHER_NUMBER, description="The voucher's number, as the receipt has it.")]
Month = Annotated[str | None, Query(pattern=shapes.MONTH, description="A month, for example 2026-10; this one if left out.")]
_NAME_DIGITS = 40  # 160 bits of an HMAC


@dataclass(frozen=True, slots=True)
class Asking:
    """A till that asks: with its shop and community, and the language its answer is to be in."""

    door: Door
    community: Community
    key: Key
    device: Device
    shop: Merchant
    lang: Language

    def counter(self, wish: Charged) -> Counter:
        """What is presented at this till."""
        return Counter(wish.code, self.shop.number, wish.bill_fen)


# --- what a till may ask ---


@router.post("/verify", responses=told(400, 401, 403, 404, 409, 413, 415, 422, 429, 503), response_model=Good)
def verify(request: Request, wish: Presented) -> Response:
    """Tell whether a voucher is good at this shop. Changes nothing and may be asked any number of times."""

    def look(session: Session, asking: Asking) -> Good:
        cid, door = asking.community.id, asking.door
        good = redemption.verify(session, cid, wish.code, asking.shop.number, door.pepper, door.today(asking.community))
        owner = members.get(session, cid, good.member_id)
        return Good(
            voucher=good.number,
            name=mask_name(persons.get(session, cid, owner.person_id).name),
            gives=text(good.words, asking.lang),
            most_fen=good.most_fen,
            expires_on=good.expires_on.isoformat(),
        )

    return _read(request, "verify", look)


@router.post("/quote", responses=told(400, 401, 403, 404, 409, 413, 415, 422, 429, 503), response_model=Quote)
def quote(request: Request, wish: Charged) -> Response:
    """Tell what a voucher would take off a bill. Changes nothing and reserves nothing."""

    def look(session: Session, asking: Asking) -> Quote:
        door, counter = asking.door, asking.counter(wish)
        found = redemption.preview(session, asking.community.id, counter, door.pepper, door.today(asking.community))
        done = found.benefit
        return Quote(
            voucher=found.voucher.number,
            bill_fen=done.bill_fen,
            off_fen=done.off_fen,
            due_fen=max(0, done.bill_fen - done.off_fen),
            points=done.points,
            steps=[text(step, asking.lang) for step in found.explained],
        )

    return _read(request, "verify", look)


@router.post("/capture", responses=told(400, 401, 403, 404, 409, 413, 415, 422, 429, 503, 507), response_model=Receipt)
def capture(request: Request, wish: Charged, key: IdempotencyKey) -> Response:
    """Redeem a voucher at this shop, once."""

    def take(session: Session, act: Act, asking: Asking) -> Receipt:
        return _receipt(redemption.capture(session, act, asking.counter(wish), asking.door.pepper), asking.lang)

    return _write(request, "capture", key, wish, take)


@router.post("/void", responses=told(400, 401, 403, 404, 409, 413, 415, 422, 429, 503, 507), response_model=Undone)
def void(request: Request, wish: Taken, key: IdempotencyKey) -> Response:
    """Undo a capture of this shop, on the day it was made: points and money go back where they came from."""

    def undo(session: Session, act: Act, asking: Asking) -> Undone:
        undone = refunds.undo(session, act, int(wish.voucher.removeprefix("V")), asking.shop.id)
        row = undone.row
        return Undone(voucher=undone.voucher.number, receipt=f"E{row.seq:06d}", day=row.day.isoformat(), points=row.points)

    return _write(request, "void", key, wish, undo)


@router.get("/captures", responses=told(401, 403, 422, 429, 503), response_model=Captures)
def captures(request: Request, month: Month = None) -> Response:
    """List what this shop captured in a month, and what was given back of captures, by voucher number."""

    def look(session: Session, asking: Asking) -> Captures:
        cid, shop, period = asking.community.id, asking.shop.id, month or period_of(asking.door.today(asking.community))
        days = (last_day(period), first_day(period))
        taken = [_line(found) for found in vouchers.captures(session, cid, *days, merchant_id=shop)]
        given = [_line(found) for found in vouchers.refunds(session, cid, *days, merchant_id=shop)]
        claim = sum(line.claim_fen for line in taken) - sum(line.claim_fen for line in given)
        return Captures(month=period, count=len(taken), claim_fen=claim, captures=taken, refunds=given)

    return _read(request, "list", look)


@router.get("/captures/{voucher}", responses=told(401, 403, 404, 422, 429, 503), response_model=Receipt)
def receipt(request: Request, voucher: VoucherNumber) -> Response:
    """Show the receipt of a capture of this shop again."""

    def look(session: Session, asking: Asking) -> Receipt:
        cid, number = asking.community.id, int(voucher.removeprefix("V"))
        if not any(found.merchant_id == asking.shop.id for found in vouchers.captures_of(session, cid, [number])):
            raise problems.no_voucher()
        return _receipt(redemption.captured(session, cid, number), asking.lang)

    return _read(request, "list", look)


def _line(found: Capture | Refund) -> Line:
    return Line(
        voucher=f"V{found.voucher_id}",
        receipt=f"E{found.seq:06d}",
        day=found.day.isoformat(),
        points=found.points,
        claim_fen=found.fen,
    )


def _receipt(done: Captured, lang: Language) -> Receipt:
    resolution = done.resolution
    return Receipt(
        voucher=done.voucher.number,
        receipt=f"E{resolution.seq:06d}",
        day=resolution.day.isoformat(),
        bill_fen=resolution.bill_fen,
        off_fen=resolution.benefit_fen,
        due_fen=max(0, resolution.bill_fen - resolution.benefit_fen),
        points=resolution.points,
        steps=[text(step, lang) for step in done.explained],
    )


# --- who asks, and in one transaction ---


def _read(request: Request, scope: Scope, look: Callable[[Session, Asking], BaseModel]) -> Response:
    """Answer what a till asks, from one snapshot."""
    with _door(request).reading() as session:
        asking = _asked(request, session, scope)
        try:
            return _answer(look(session, asking).model_dump())
        except TimebankError as error:
            refusal = error
    raise _counted(request, asking, refusal)


def _write(
    request: Request, scope: Scope, key: str, wish: BaseModel, do: Callable[[Session, Act, Asking], BaseModel]
) -> Response:
    """Do what a till asks, once for its key. What is kept as the command's receipt is the answer, so that a repeat has it byte
    for byte, whatever language it asks for."""
    door = _door(request)
    with door.reading() as session:
        asking = _asked(request, session, scope)

    def work(session: Session, act: Act) -> dict[str, Any]:
        tills.known(session, asking.community.id, asking.key)  # revoked meanwhile
        return do(session, act, asking).model_dump()

    # Under the pepper: what a shop makes of its keys, it may put a phone number in, is no business of the log's.
    named = hmac.digest(door.pepper, key.encode(), sha256).hex()[:_NAME_DIGITS]
    device = asking.device
    command = Command(device.community_id, device.actor_id, device_key(device, named), f"till.{scope}", wish.model_dump())
    try:
        kept = door.once(command, work).receipt
    except TimebankError as error:
        raise _counted(request, asking, error) from error
    return _answer(kept)


def _asked(request: Request, session: Session, scope: Scope) -> Asking:
    """Who asks, if its key is known and may do this, and it has not tried too many codes."""
    door = _door(request)
    key = tills.read(request.headers["authorization"].removeprefix("Bearer "))
    community = communities.with_code(session, key.community)
    if community is None:
        raise tills.unknown()
    device = tills.known(session, community.id, key)
    tills.may(device, scope)
    guesses.check(session, community.id, device.id, door.now())
    shop = merchants.get(session, community.id, device.merchant_id)
    return Asking(door, community, key, device, shop, _language(request))


def _answer(told: dict[str, Any]) -> Response:
    return Response(json.dumps(told, ensure_ascii=False, sort_keys=True), media_type="application/json")


def _counted(request: Request, asking: Asking, error: TimebankError) -> TimebankError:
    """The error as this till is told it; a wrong code is counted as a guess. A GET has none, and changes nothing."""
    if request.method == "POST" and error.code in guesses.FAILURES:
        asking.door.failed(asking.device)
    if error.code == "bad_bill":  # one that was sent is within bounds
        return Refused(say("This voucher needs a bill."), "bill_missing", say("Send bill_fen, the whole bill in fen."))
    return problems.uniform(error)


def _door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


def _language(request: Request) -> Language:
    return problems.language(request.headers.get("accept-language", ""), _door(request).config.lang)


# --- the application ---


def application(door: Door) -> FastAPI:
    """The API as an application of its own, to be mounted below the counter's."""
    api = FastAPI(title=api_document.TITLE, version=api_document.VERSION, docs_url=None, redoc_url=None)
    api.state.door = door
    api.include_router(router)
    api.add_exception_handler(TimebankError, _refused)
    api.add_exception_handler(RequestValidationError, _misread)
    api.add_exception_handler(HTTPException, _unrouted)
    api.add_exception_handler(Exception, _failed)

    def language(connection: Connection) -> Language:
        return _language(Request({**connection, "app": api}))

    api.add_middleware(Guard, tell=language)
    api.openapi = lambda: api_document.completed(api)  # type: ignore[method-assign]
    return api


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, TimebankError), "it is registered for these"
    return problems.problem(error, _language(request))


def _misread(request: Request, error: Exception) -> Response:
    """What a request lacks to be one that can be read: each place with what is wrong there, and nothing of what was sent."""
    assert isinstance(error, RequestValidationError), "it is registered for these"
    lang, places = _language(request), [(found["loc"], found["type"]) for found in error.errors()]
    if any(kind == "json_invalid" for _, kind in places):
        return problems.document(400, "bad_json", _BAD_JSON, lang)
    missing = [kind == "missing" for place, kind in places if place[0] == "header"]
    if missing:
        return problems.document(400, "no_key" if missing[0] else "bad_key", _NO_KEY if missing[0] else _BAD_KEY, lang)
    fields = [(_named(place, kind), kind) for place, kind in places]
    return problems.document(422, "bad_request", _BAD_REQUEST, lang, fields)


def _named(place: tuple[str | int, ...], kind: str) -> str:
    """A field by its name; one that nobody knows has the sender's words for a name."""
    return str(place[1]) if len(place) > 1 and kind != "extra_forbidden" else "body"


def _unrouted(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: no such address, no such method there, a body it cannot decode."""
    assert isinstance(error, HTTPException), "it is registered for these"
    code, words = _UNROUTED.get(error.status_code, ("bad_json", _BAD_JSON))
    return problems.document(error.status_code, code, words, _language(request), headers=dict(error.headers or {}))


def _failed(request: Request, _error: Exception) -> Response:
    """A mistake in the program: the server logs it, the till is told no more than that."""
    return problems.document(500, "bug", _BUG, _language(request))


_BAD_JSON = (say("The body is no JSON."), say("Send one JSON object in UTF-8."))
_BAD_REQUEST = (say("The request is not what the API asks for."), say("Correct the fields that are named."))
_NO_KEY = (
    say("The request has no Idempotency-Key."),
    say("Send one that is new for each sale, and the same when you repeat the request."),
)
_BAD_KEY = (
    say("The Idempotency-Key cannot be used."),
    say("Use 1 to 64 letters, digits and . _ - : without spaces, for example a UUID."),
)
_BUG = (
    say("This is a mistake in the program. Nothing was half done."),
    say("Repeat with the same key; if it stays, tell the office the time."),
)
_UNROUTED: dict[int, tuple[str, tuple[Say, Say]]] = {
    404: ("no_address", (say("There is nothing at this address."), say("See openapi.json for what there is."))),
    405: ("no_method", (say("This address does not answer this method."), say("See openapi.json for what there is."))),
}
