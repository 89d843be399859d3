"""A shop's till over HTTP, for tests: a server on a free port, and a till that asks it."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from conftest import Cli
from timebank.base.config import Config
from timebank.people import devices
from timebank.web.app import create
from timebank.web.door import Door

PLACE = "/api/v1"


@dataclass(frozen=True)
class Answer:
    """What a till was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem, which says what a problem must say."""
        assert self.headers["content-type"] == "application/problem+json", self
        told: dict[str, Any] = self.json
        assert told["status"] == self.status
        assert told["type"] == "about:blank"
        assert told["title"]
        assert told["detail"]
        assert told["hint"]
        code: str = told["code"]
        return code


@dataclass
class Till:
    """A till with its key, on a server; each keeps its connection as tills do."""

    port: int
    key: str
    lang: str = "en"
    _connection: http.client.HTTPConnection | None = field(default=None, init=False, repr=False)

    def __call__(
        self, path: str, body: object = None, *, method: str | None = None, once: str | None = None, **headers: str
    ) -> Answer:
        """Ask; a body makes it a POST, `once` is the Idempotency-Key. Headers have _ for -; an empty one is left out."""
        sent = {"Authorization": f"Bearer {self.key}", "Accept-Language": self.lang}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        if once is not None:
            sent["Idempotency-Key"] = once
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self._connection.request(method or ("GET" if data is None else "POST"), PLACE + path, data, sent)
        response = self._connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())

    def verify(self, code: str) -> Answer:
        return self("/verify", {"code": code})

    def capture(self, code: str, bill_fen: int = 8_600, *, once: str = "sale-1") -> Answer:
        return self("/capture", {"code": code, "bill_fen": bill_fen}, once=once)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """The application on a port of its own, in a thread, until the end."""
    # With its protocol named, or asyncio would leave Nagle's algorithm on: 40 ms an answer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()  # who connects before the server runs, waits
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@dataclass
class Street:
    """An office whose book is served: shops with tills, vouchers with codes, a clock that can be set."""

    office: Cli
    door: Door
    port: int
    tills: list[Till] = field(default_factory=list)

    def shop(self, name: str) -> str:
        """A shop with an offer; gives the shop's number."""
        number: str = self.office("merchant", "add", name, "--json").json["merchant"]
        offer = ("--kind", "offset", "--points-per-yuan", "10", "--max-share", "50%", "--valid", "2026-01-01..2026-12-31")
        self.office("offer", "add", "--merchant", number, *offer)
        return number

    def till(self, shop: str = "S001", scopes: str = ",".join(devices.SCOPES)) -> Till:
        """A till of a shop with a key of its own."""
        key = self.office("device", "till", "add", shop, "--scopes", scopes, "--json").json["key"]
        self.tills.append(Till(self.port, key))
        return self.tills[-1]

    def voucher(self, *, offer: int = 1, points: int = 100, member: str = "M0001", days: int = 30) -> str:
        """A voucher; gives its code."""
        wish = ("--offer", str(offer), "--points", str(points), "--days", str(days))
        code: str = self.office("voucher", "issue", member, *wish, "--json").json["code"]
        return code

    @contextmanager
    def again(self) -> Iterator[int]:
        """A second server on the same book; gives its port."""
        door = Door.open(self.door.config)
        try:
            with served(create(door)) as port:
                yield port
        finally:
            door.engine.dispose()

    def at(self, now: str) -> None:
        """Let it be another moment, at the counter and in the office."""
        self.office.now = now
        object.__setattr__(self.door, "config", replace(self.door.config, fixed_now=now))


@contextmanager
def street(office: Cli) -> Iterator[Street]:
    """The office of the fixture with points for its first member, served."""
    sheet = office.keys.parent / "opening.csv"
    sheet.write_text("member_no,points,lapses_on\nM0001,5000,2027-12-31\nM0002,5000,2027-12-31\n", encoding="utf-8")
    office("points", "import-opening", str(sheet), "--date", "2026-09-01", "--approver", "W0002")
    door = Door.open(Config(office.url, None, None, "en", fixed_now=office.now, keys=str(office.keys)))
    try:
        with served(create(door)) as port:
            one = Street(office, door, port)
            yield one
            for till in one.tills:
                till.close()
    finally:
        door.engine.dispose()
