"""The other direction: a shop's poster. A member scans it, types bill and code, and shows the page; the shop confirms.

Nobody logs in there, so nothing is looked up and nothing is spent: what was typed waits in this process for a few minutes,
until a phone of the shop takes it up as if it had been typed there, or turns it down.
"""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from sqlmodel import Session
from starlette.responses import Response

from timebank import qr, tokens
from timebank.base import codes, communities
from timebank.base.amounts import fen_of
from timebank.base.communities import Community
from timebank.base.errors import NotFound, Refused
from timebank.base.i18n import say
from timebank.people import merchants
from timebank.people.merchants import Merchant
from timebank.web import phones
from timebank.web.phones import Phone
from timebank.web.screens import page, shown, to

router = APIRouter(include_in_schema=False)
Field = Annotated[str, Form()]
LASTS = timedelta(minutes=10)
WAITING_MAX, WAITING_OF_SHOP_MAX = 1_000, 20
REFRESH_SECONDS = 3
State = Literal["waiting", "taken", "declined"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a member shows to a shop: a code and a bill in fen, typed at a moment. Kept in memory only."""

    number: str
    community_id: int
    merchant_id: int
    code: str
    bill_fen: int
    at: datetime
    state: State = "waiting"
    off_fen: int = 0

    @property
    def tail(self) -> str:
        """The last four characters of what was typed, for who compares both phones."""
        return self.code[-4:]


class Waiting:
    """The tickets that wait for shops. Threads share it; it ends with the process."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._tickets: dict[str, Ticket] = {}

    def put(self, ticket: Ticket) -> None:
        """Let a ticket wait. Raises Refused `too_many_waiting`."""
        with self._turn:
            self._tickets = {n: t for n, t in self._tickets.items() if ticket.at - t.at < LASTS}
            own = sum(1 for _ in self._of(ticket.community_id, ticket.merchant_id))
            if own >= WAITING_OF_SHOP_MAX or len(self._tickets) >= WAITING_MAX:
                raise Refused(
                    say("Too many people wait at this shop."), "too_many_waiting", say("Show the slip or its QR code instead.")
                )
            self._tickets[ticket.number] = ticket

    def get(self, number: str, now: datetime) -> Ticket:
        """The ticket of a number. Raises NotFound `unknown_ticket`."""
        ticket = self._tickets.get(number)
        if ticket is None or now - ticket.at >= LASTS:
            raise NotFound(say("This page is over."), "unknown_ticket", say("Scan the shop's poster again, or show the slip."))
        return ticket

    def of_shop(self, phone: Phone, now: datetime) -> list[Ticket]:
        """What waits at a phone's shop, the oldest first."""
        with self._turn:
            found = list(self._of(phone.community.id, phone.shop.id))
        return [ticket for ticket in found if now - ticket.at < LASTS]

    def end(self, ticket: Ticket, state: State, off_fen: int = 0) -> None:
        """Say what became of a ticket; its code is forgotten but for the last four characters."""
        with self._turn:
            self._tickets[ticket.number] = replace(ticket, state=state, off_fen=off_fen, code=ticket.tail)

    def _of(self, community_id: int, merchant_id: int) -> Iterator[Ticket]:
        place = (community_id, merchant_id)
        return (t for t in self._tickets.values() if (t.community_id, t.merchant_id) == place and t.state == "waiting")


def waiting(request: Request, phone: Phone) -> list[Ticket]:
    """What members show at a phone's shop."""
    return _waiting(request).of_shop(phone, phone.door.now())


def own(request: Request, phone: Phone, number: str) -> Ticket:
    """A ticket that waits at a phone's shop. Raises NotFound `unknown_ticket`."""
    for ticket in waiting(request, phone):
        if ticket.number == number:
            return ticket
    raise NotFound(say("This page is over."), "unknown_ticket", say("Ask the member to scan the poster again."))


def _waiting(request: Request) -> Waiting:
    there: Waiting = request.app.state.waiting
    return there


# --- the member's side: no login, nothing is looked up, nothing is spent ---


@router.get("/S/{community}/{number}")
def scanned(request: Request, community: str, number: str) -> Response:
    """What the poster's QR code opens."""
    with phones.door_of(request).reading() as session:
        place, shop = _named(session, community, number)
    return page(phones.language_of(request), "member", values={"community": place, "shop": shop})


@router.post("/S/{community}/{number}")
def show(request: Request, community: str, number: str, code: Field = "", bill: Field = "") -> Response:
    """Let the shop see a code and a bill. Whether the code is good is told to the shop alone."""
    door = phones.door_of(request)
    with door.reading() as session:
        place, shop = _named(session, community, number)
    if not tokens.meant(code):
        code = codes.show(codes.normalise(code))
    else:
        tokens.read(code)
    ticket = Ticket(secrets.token_hex(16), place.id, shop.id, code, fen_of(bill), door.now())
    _waiting(request).put(ticket)
    return to(f"/W/{ticket.number}")


def _named(session: Session, code: str, number: str) -> tuple[Community, Merchant]:
    """The community and the shop that a poster's address names. Raises NotFound `no_page`, `unknown_merchant`."""
    there = (code + number).isprintable()  # a NUL is an error of the driver's on PostgreSQL
    found = communities.with_code(session, code.lower()) if there else None
    if found is None:
        raise NotFound(say("There is no such page."), "no_page", say("Go back to the start page."))
    return found, merchants.find(session, found.id, number)


@router.get("/W/{number}")
def live(request: Request, number: str) -> Response:
    """The page that the member shows: it reloads by itself until the shop has decided."""
    door = phones.door_of(request)
    ticket = _waiting(request).get(number, door.now())
    with door.reading() as session:
        shop = merchants.get(session, ticket.community_id, ticket.merchant_id)
        timezone = communities.get(session, ticket.community_id).timezone
    values = {
        "ticket": ticket,
        "shop": shop,
        "clock": f"{door.now().astimezone(ZoneInfo(timezone)):%H:%M:%S}",
        "refresh": REFRESH_SECONDS if ticket.state == "waiting" else 0,
    }
    return page(phones.language_of(request), "live", values=values)


# --- the shop's side ---


@router.post("/decline")
def decline(request: Request, form_token: Field = "", ticket: Field = "") -> Response:
    """Turn down what a member shows; the voucher stays as it is."""
    with phones.asking(request, "verify") as (_, phone):
        phone.check_form(form_token)
        _waiting(request).end(own(request, phone, ticket), "declined")
    return to("/")


def taken(request: Request, phone: Phone, number: str, off_fen: int) -> None:
    """Tell the member's page what came off, if a page waits for it."""
    for ticket in waiting(request, phone):
        if ticket.number == number:
            _waiting(request).end(ticket, "taken", off_fen)


@router.get("/poster")
def poster(request: Request) -> Response:
    """The shop's poster, to print and hang out."""
    with phones.asking(request, "list") as (_, phone):
        return shown(request, phone, "poster", {"address": _address(request, phone)})


@router.get("/poster.svg")
def drawn(request: Request) -> Response:
    """The poster's QR code."""
    with phones.asking(request, "list") as (_, phone):
        return Response(qr.svg(qr.made(_address(request, phone))), media_type="image/svg+xml")


def _address(request: Request, phone: Phone) -> str:
    """What the poster's QR code opens: at the counter's own address, or where the shop's phone found it."""
    counter = phone.door.config.counter or str(request.base_url)
    return f"{counter.rstrip('/').upper()}/S/{phone.community.code.upper()}/{phone.shop.number.upper()}"
