"""The application that `timebank serve` runs: the counter's pages, the API for tills, what a phone without a network needs.

What every answer has in common is said here once: what a browser may load and keep, and who may send a form. The pages' own
script and style are files of this program; nothing comes from elsewhere.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from timebank.web import api, offline, pages
from timebank.web.door import Door

THREADS = 12
"""Requests that are worked on at once: fewer than the engine has connections (15), so that nobody waits for one in vain."""
STATIC = Path(__file__).parent / "static"
KEPT_SECONDS = 86_400
FORM_BYTES_MAX = 8_192
OPEN = ("/api/", "/offline/upload")
"""Where others than our own pages may send something: what is mounted there has rules of its own."""
_HEADERS = {
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=()",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}
_NOT_KEPT = (b"cache-control", b"no-store")


class Headers:
    """Adds what no answer may lack; an answer's own headers of the same name stay."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with these headers."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                wanted = (*_HEADERS.items(), _NOT_KEPT)
                message["headers"] = [*message["headers"], *(pair for pair in wanted if pair[0] not in there)]
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)


class Guard:
    """Refuses forms of other sites, and bodies longer than any form of ours, before anything of them is read.

    Browsers say themselves where a form came from (Fetch Metadata, W3C): of those who do not, the origin must be the host.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD") and not scope["path"].startswith(OPEN):
            headers = dict(scope["headers"])
            length = headers.get(b"content-length", b"")
            if not length.isdigit() or int(length) > FORM_BYTES_MAX:
                await PlainTextResponse("", 413 if length.isdigit() else 411)(scope, receive, send)
                return
            if _strange(headers):
                await PlainTextResponse("", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _strange(headers: dict[bytes, bytes]) -> bool:
    """Whether a form came from a page that is not ours."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in (b"same-origin", b"none")
    origin = headers.get(b"origin")
    return origin is not None and origin.rpartition(b"//")[2] != headers.get(b"host")


class Files(StaticFiles):
    """The program's own script, style and pictures: a browser may keep these for a day, as they tell of nobody."""

    def file_response(self, *given: object, **named: object) -> object:  # type: ignore[override]
        """A file with how long it may be kept."""
        response = super().file_response(*given, **named)  # type: ignore[arg-type]
        response.headers["cache-control"] = f"public, max-age={KEPT_SECONDS}"
        return response


def create(door: Door) -> FastAPI:
    """The application on an open book."""
    app = FastAPI(lifespan=_few_threads, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.door = door
    app.add_middleware(Guard)
    app.add_middleware(Headers)
    # Files alone are compressed: a page has secrets beside what somebody typed, and its length would tell of them (BREACH).
    app.mount("/static", GZipMiddleware(Files(directory=STATIC)), name="static")
    app.mount("/api/v1", api.application(door))
    app.include_router(offline.router)
    pages.install(app)
    return app


@asynccontextmanager
async def _few_threads(_app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield
