"""A counter that is served: the application on a real port, a book with two shops, and what a test does to both."""

import http.client
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from fastapi import FastAPI

from conftest import Cli, Shelf, opened_office, settle
from timebank.base.config import Config
from timebank.web.app import create
from timebank.web.door import Door

NOON = "2026-10-20T12:00:00+08:00"
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def opened_counter(url: str, folder: Path) -> None:
    """What the `counter` fixture has: an office with a second shop, offers of three kinds, points for two members."""
    opened_office(url, folder)
    with pytest.MonkeyPatch.context() as monkeypatch:
        settle(monkeypatch, url, folder)
        cli = Cli(url)
        cli("merchant", "add", "社区理发店", "--category", "服务")
        valid = ("--valid", "2026-01-01..2026-12-31")
        for shop, kind in (
            ("S002", ("offset", "--points-per-yuan", "10", "--max-share", "50%")),
            ("S001", ("discount", "--off", "10%", "--max", "20.00", "--min-spend", "30.00", "--points", "50")),
            ("S001", ("item", "--points", "30", "--worth", "8.00", "--label", "洗发水一瓶")),
        ):
            cli("offer", "add", "--merchant", shop, "--kind", *kind, *valid)
        sheet = folder / "opening.csv"
        sheet.write_text("member_no,points,expires_on\nM0001,5000,never\nM0002,5000,never\n", encoding="utf-8")
        cli("points", "import-opening", str(sheet), "--approver", "W0002", "--reason", "from the old sheet")


OFFSET, OTHER_SHOP, DISCOUNT, ITEM = 1, 2, 3, 4
"""The offers of an opened counter."""


@dataclass
class Answer:
    """What the server said to one request."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page's forms, the last of each name."""
        return dict(_HIDDEN.findall(self.text))

    @property
    def told(self) -> str:
        """What is to be read on the page."""
        return " ".join(re.sub(r"<[^>]+>", " ", self.text.partition("<main")[2]).split())


@dataclass
class Browserless:
    """A phone without a screen: keeps cookies, follows where it is sent, speaks a language."""

    port: int
    lang: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, None, headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        return self.send("POST", path, form, headers)

    def send(self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]) -> Answer:
        """One request, and the page to which it leads."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Accept-Language": self.lang, "Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items())}
        body = None if form is None else urlencode(form)
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, sent | {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        text = response.read().decode()
        for cookie in response.headers.get_all("set-cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = {name.lower(): value for name, value in response.getheaders()}
        connection.close()
        if response.status == 303:
            return self.get(found["location"])
        return Answer(response.status, found, text)


@dataclass
class Served:
    """A counter that is served, and the command line of its office."""

    cli: Cli
    app: FastAPI
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def phone(self, shop: str | None = "S001", lang: str = "en") -> Browserless:
        """A phone of a shop, enrolled by an invitation; of no shop it is a stranger's."""
        phone = Browserless(self.port, lang)
        if shop is not None:
            asked = phone.get(self.invitation(shop))
            assert phone.post("/E", asked.hidden).status == 200
        return phone

    def invitation(self, shop: str = "S001") -> str:
        """The path of a new invitation's link."""
        link: str = self.cli("device", "invite", shop, "--json").json["link"]
        return link

    def voucher(self, member: str = "M0001", offer: int = OFFSET, points: int | None = 100, *more: str) -> dict[str, Any]:
        """Issue a voucher: its receipt, with the code."""
        held = () if points is None else ("--points", str(points))
        issued: dict[str, Any] = self.cli(
            "voucher", "issue", member, "--offer", str(offer), *held, *more, "--json", now=self.now
        ).json
        return issued

    @property
    def now(self) -> str:
        """The moment at which everything happens."""
        return str(self.app.state.door.config.fixed_now)

    def at(self, moment: str) -> None:
        """Let the server's clock, and the office's, stand at another moment."""
        door: Door = self.app.state.door
        self.app.state.door = replace(door, config=replace(door.config, fixed_now=moment))
        self.cli.now = moment


def config_of(url: str, folder: Path) -> Config:
    """The config of a server on a test's database."""
    own = None if url.startswith("sqlite:") else str(folder / "book.db.keys")
    return Config(url, None, None, "en", fixed_now=NOON, keys=own)


@contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """Serve an application on a free port, in a thread of this process; gives the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    wanted = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(wanted)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(name="counter")
def a_counter(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A counter on a book of this test's own."""
    with shelf.lend(opened_counter, tmp_path) as url:
        settle(monkeypatch, url, tmp_path)
        door = Door.open(config_of(url, tmp_path))
        app = create(door)
        with serving(app) as port:
            yield Served(Cli(url), app, port)
        door.engine.dispose()
