"""What a phone without a network needs of the counter: its file to download, the one address that the file calls, and a page
where a text that it wrote is pasted.

An upload carries no cookie and needs none: every line is signed by its phone. So the address may be called from a file, whose
origin browsers name 'null', and from nowhere else.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from timebank import acceptance_text, acceptances
from timebank.acceptance_text import TEXT_MAX, Line
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.db import instant
from timebank.base.errors import Invalid, TimebankError
from timebank.base.i18n import Say, say, text
from timebank.benefits import yuan
from timebank.people import offline_keys
from timebank.people.devices import Device
from timebank.web import offline_file, phones, problems
from timebank.web.door import Command, Door, device_key
from timebank.web.offline_file import UPLOAD
from timebank.web.offline_words import CODES, COUNTER
from timebank.web.phones import Phone
from timebank.web.screens import page

router = APIRouter(include_in_schema=False)
PASTE = f"{UPLOAD}/text"
FIELDS_MAX = 4
_PLAIN = re.compile(r"[A-Za-z0-9-]{1,40}")
_ADDRESS = re.compile(r"https?://[a-z0-9.:\[\]-]{1,200}")
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_PREFLIGHT_SECONDS = 86_400


@router.get("/offline")
def about(request: Request) -> Response:
    """What the offline file is, its download, and where a text is pasted."""
    with phones.asking(request, "capture") as (_, phone):
        return _page(request, phone, [])


@router.get("/offline.html")
def download(request: Request) -> Response:
    """This phone's file, made as things stand; nothing is written."""
    with phones.asking(request, "capture") as (session, phone):
        act = Act(phone.community.id, phone.door.now(), phone.device.actor_id, None, "none", "", "", bytes(32))
        made = offline_file.of(session, act, phone.device, _counter(request, phone.door), phone.door.pepper)
    shop = f"{made.shop.number}-" if _PLAIN.fullmatch(made.shop.number) else ""
    name = f"timebank-{shop}{made.device.number}.html"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(offline_file.page(made).encode(), 200, headers, "text/html; charset=utf-8")


def _counter(request: Request, door: Door) -> str:
    """The address under which phones reach this server: the configured one, else the one of this request.

    Raises Invalid `bad_counter`: a name that could say more in a policy than where to send something.
    """
    address = (door.config.counter or f"{request.url.scheme}://{request.url.netloc}").rstrip("/").lower()
    if not _ADDRESS.fullmatch(address):
        raise Invalid(
            say("{text} is not the address of a counter.", text=address),
            "bad_counter",
            say("Give it like https://jianshe.example.cn, without anything behind the name."),
        )
    return address


async def _body(request: Request) -> str:
    """A body of text, of bounded length. Raises Invalid `too_many_acceptances`, `bad_acceptance`."""
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > TEXT_MAX:
            raise acceptance_text.too_many()
    try:
        return read.decode()
    except UnicodeDecodeError as error:
        raise acceptance_text.bad() from error


@router.options(UPLOAD)
def allowed(request: Request) -> Response:
    """That a file may send text here (CORS preflight, Fetch standard)."""
    more = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "content-type"}
    return Response(status_code=204, headers={**_shared(request), **more, "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS)})


@router.post(UPLOAD)
async def upload(request: Request) -> Response:
    """Register a phone's key, take what it accepted; each line has its answer. Repeats get the first one."""
    door = phones.door_of(request)
    try:
        lines = acceptance_text.lines(await _body(request))
        told = await run_in_threadpool(_taken, door, lines)
    except TimebankError as error:
        answer = problems.problem(error, phones.language_of(request))
        answer.headers.update(_shared(request))
        return answer
    return JSONResponse({"now": instant(door.now()), **told}, headers=_shared(request))


def _shared(request: Request) -> dict[str, str]:
    """Lets a file read the answer, without cookies; a page of any other origin may not."""
    headers = {"Vary": "Origin", "Cross-Origin-Resource-Policy": "cross-origin"}
    return headers | ({"Access-Control-Allow-Origin": "null"} if request.headers.get("origin") == "null" else {})


def _taken(door: Door, lines: list[Line]) -> dict[str, Any]:
    """What comes of an upload. Raises NotAllowed `unknown_device`, `device_revoked`; Refused `key_registered`."""
    told: dict[str, Any] = {"answers": []}
    for line in lines:
        if line.kind == "TBK":
            told["registered"] = _registered(door, line)
    taken = [line for line in lines if line.kind == "TB1"]
    if taken:
        with door.reading() as session:
            sender = acceptances.sender(session, _community(session, _named(taken)).id, taken)
        told["answers"] = _answers(door, sender, taken)
    return told


def _named(lines: list[Line]) -> str:
    """The community that the first whole line names. Raises Invalid `bad_acceptance`."""
    for line in lines:
        with suppress(Invalid):
            return acceptance_text.record(line).community
    raise acceptance_text.bad()


def _community(session: Session, code: str) -> Community:
    """The community that a line names. Raises NotAllowed `unknown_device`: nobody learns which communities there are."""
    community = communities.with_code(session, code)
    if community is None:
        raise offline_keys.unknown()
    return community


def _registered(door: Door, line: Line) -> bool:
    wish = acceptance_text.new_key(line)
    with door.reading() as session:
        device = offline_keys.let_in(session, _community(session, wish.community).id, wish, door.now(), door.pepper)

    def work(session: Session, act: Act) -> dict[str, Any]:
        return {"device": offline_keys.register(session, act, wish, door.pepper).id}

    _once(door, device, offline_keys.KIND, line.said, work)
    return True


def _answers(door: Door, device: Device, lines: list[Line]) -> list[dict[str, Any]]:
    """Take lines in the name of a device; gives an answer a line, as plain data."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        return {"answers": [answer.told for answer in acceptances.take(session, act, lines)]}

    said = b"".join(line.said + line.signature for line in lines)
    answers: list[dict[str, Any]] = _once(door, device, acceptances.TAKE, said, work)["answers"]
    return answers


def _once(door: Door, device: Device, verb: str, said: bytes, work: Callable[[Session, Act], dict[str, Any]]) -> dict[str, Any]:
    """Do what a phone sent, once for these very bytes: it sends them again until it has heard the answer."""
    digest = sha256(said).hexdigest()
    key = device_key(device, f"{verb}-{digest[:40].translate(_LETTERS)}")  # letters: digits in a row could be a phone number
    return door.once(Command(device.community_id, device.actor_id, key, verb, {"sha256": digest}), work).receipt


@router.post(PASTE)
async def pasted(request: Request) -> Response:
    """Take a text that a phone of the shop wrote, brought in on this one."""
    fields = dict(parse_qsl(await _body(request), max_num_fields=FIELDS_MAX))
    return await run_in_threadpool(_pasted, request, fields.get("lines", ""), fields.get("form_token", ""))


def _pasted(request: Request, lines: str, form_token: str) -> Response:
    with phones.asking(request, "capture") as (_, phone):
        phone.check_form(form_token)
    taken = [line for line in acceptance_text.lines(lines) if line.kind == "TB1"]
    return _page(request, phone, _answers(phone.door, phone.device, taken) if taken else [])


def _page(request: Request, phone: Phone, answers: list[dict[str, Any]]) -> Response:
    lang = phones.language_of(request)
    told = [text(_told(answer), lang) for answer in answers]
    words = {name: text(sentence, lang) for name, sentence in COUNTER.items()}
    return page(lang, "offline", values={"phone": phone, "o": words, "told": told, "paste": PASTE})


def _told(answer: dict[str, Any]) -> Say:
    """One answer in words."""
    number = f"D{answer.get('device', 0):03d}-{answer.get('n', 0)}"
    code = answer.get("code", "")
    if answer["outcome"] == "captured":
        values = {"off": yuan(answer.get("off_fen", 0)), "entry": f"E{answer.get('entry', 0):06d}"}
        return say("{number}: {off} yuan off; redeemed, receipt {entry}", number=number, **values)
    if answer["outcome"] == "review":
        return say("{number}: the office looks at it: {why}", number=number, why=CODES.get(code, code))
    return say("{number}: not taken: {why}", number=number, why=CODES.get(code, code))
