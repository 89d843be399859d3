"""Who is asking: the phone of a shop, known by its cookie; its language; the forms it may send.

The cookie says `<community>.<device>.<secret>`. A form carries a token that follows from the cookie and from the file of keys,
so that no other site can make one.
"""

import hmac
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from sqlmodel import Session
from starlette.responses import Response

from timebank import guesses
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.errors import NotAllowed, TimebankError
from timebank.base.i18n import LANGUAGES, Language, say
from timebank.people import devices, merchants
from timebank.people.devices import Device, Scope
from timebank.people.merchants import Merchant
from timebank.web import problems
from timebank.web.door import Command, Door, device_key

COOKIE = "tb"
LANGUAGE_COOKIE = "lang"
COOKIE_SECONDS = 400 * 86_400
"""As long as browsers keep a cookie at most (RFC 6265bis, section 5.5)."""
_COOKIE = re.compile(r"([a-z0-9][a-z0-9-]{1,39})\.([1-9][0-9]{0,9})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone that is enrolled, with its shop and community."""

    door: Door
    community: Community
    device: Device
    shop: Merchant
    secret: str = field(repr=False)

    @property
    def form_token(self) -> str:
        """What each of its forms carries."""
        return self.door.derived("form", str(self.community.id), str(self.device.id), self.secret)

    def once(
        self, key: str, verb: str, asked: dict[str, Any], work: Callable[[Session, Act], dict[str, Any]]
    ) -> dict[str, Any]:
        """Do what a form asks, once for its key, and give the receipt. A wrong code is counted."""
        command = Command(self.community.id, self.device.actor_id, device_key(self.device, key), verb, asked)
        try:
            return self.door.once(command, work).receipt
        except TimebankError as error:
            raise counted(self, error) from error

    def today(self) -> date:
        """The calendar day where the shop is."""
        return self.door.today(self.community)

    def local(self, moment: datetime) -> datetime:
        """A moment on the clock of the shop."""
        return moment.astimezone(ZoneInfo(self.community.timezone))

    def check_form(self, token: str) -> None:
        """Refuse a form that none of its pages made. Raises NotAllowed `strange_form`."""
        if not hmac.compare_digest(token.encode(), self.form_token.encode()):
            raise strange_form()


def strange_form() -> NotAllowed:
    """The refusal of a form that another site made, or that is from before this phone was enrolled."""
    return NotAllowed(
        say("This form did not come from this page."), "strange_form", say("Go back to the start page and do it again there.")
    )


def door_of(request: Request) -> Door:
    """The book that is open."""
    door: Door = request.app.state.door
    return door


def language_of(request: Request) -> Language:
    """The language the phone has chosen, else the browser's, else the server's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    for known in LANGUAGES:
        if chosen == known:
            return known
    return problems.language(request.headers.get("accept-language", ""), door_of(request).config.lang)


@contextmanager
def asking(request: Request, scope: Scope) -> Iterator[tuple[Session, Phone]]:
    """The phone that asks, in a reading transaction.

    Raises NotAllowed `unknown_device`, `device_revoked`, `merchant_inactive`, `not_in_scope`, `too_many_guesses`. A wrong
    code in the block is counted, and told as every wrong code is.
    """
    door = door_of(request)
    with door.reading() as session:
        phone = known(session, request)
        _check_scope(phone.device, scope)
        if scope != "list":
            guesses.check(session, phone.community.id, phone.device.id, door.now())
        try:
            yield session, phone
            return
        except TimebankError as error:
            refusal = error
    raise counted(phone, refusal)


def counted(phone: Phone, error: TimebankError) -> TimebankError:
    """An error as the phone is told it; a wrong code is counted."""
    if error.code in guesses.FAILURES:
        phone.door.failed(phone.device)
    return problems.uniform(error)


def known(session: Session, request: Request) -> Phone:
    """The phone of the request's cookie. Raises NotAllowed `unknown_device`, `device_revoked`, `merchant_inactive`."""
    door = door_of(request)
    found = _COOKIE.fullmatch(request.cookies.get(COOKIE, ""))
    community = communities.with_code(session, found[1]) if found else None
    if found is None or community is None:
        raise devices.unknown()
    device = devices.known(session, community.id, int(found[2]), found[3])
    phone = Phone(door, community, device, merchants.get(session, community.id, device.merchant_id), found[3])
    request.state.phone = phone  # so that a refusal is a page of this phone too
    return phone


def _check_scope(device: Device, scope: Scope) -> None:
    if not device.may(scope):
        raise NotAllowed(
            say("This device may not do that."), "not_in_scope", say("The office says what a device may do when it invites it.")
        )


def remember(response: Response, request: Request, community: Community, device: Device, secret: str) -> None:
    """Give a phone its cookie."""
    _set(response, request, COOKIE, f"{community.code}.{device.id}.{secret}")


def remember_language(response: Response, request: Request, lang: Language) -> None:
    """Let a phone keep its language."""
    _set(response, request, LANGUAGE_COOKIE, lang)


def _set(response: Response, request: Request, name: str, value: str) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=COOKIE_SECONDS, path="/", secure=secure, httponly=True, samesite="strict")
