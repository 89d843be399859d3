"""What stands before the JSON API: the least a request must be before anything of it is read or looked up."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from timebank.base.i18n import Language, Say, say
from timebank.people import tills
from timebank.web import problems

BODY_BYTES_MAX = 4_096
"""The longest body: the longest token and a bill take a tenth of it."""
DOCUMENT = "/openapi.json"
"""What is served without a key."""
_Wrong = tuple[int, str, tuple[Say, Say]]
_TOO_LONG: _Wrong = (
    413,
    "too_long",
    (say("The body is longer than {most} bytes.", most=BODY_BYTES_MAX), say("Send what the API asks for and no more.")),
)
_NO_JSON: _Wrong = (
    415,
    "no_json",
    (say("The body is not announced as JSON."), say("Send it with Content-Type: application/json.")),
)


class Guard:
    """Asks for a key, for JSON, for a body of bounded length, and answers HEAD as GET without its body (RFC 9110). There are no
    CORS headers: pages of other origins have no business here."""

    def __init__(self, app: ASGIApp, tell: Callable[[Scope], Language]) -> None:
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        answers = _headed(send) if scope["method"] == "HEAD" else send
        if not scope["path"].endswith(DOCUMENT) and not headers.get(b"authorization", b"").startswith(b"Bearer tbk_"):
            await problems.problem(tills.unknown(), self._tell(scope))(scope, receive, answers)
        elif scope["method"] in ("GET", "HEAD"):
            await self._app({**scope, "method": "GET"}, receive, answers)
        elif scope["method"] == "POST" and not _is_json(headers.get(b"content-type", b"")):
            await problems.document(*_NO_JSON, self._tell(scope))(scope, receive, answers)
        else:
            body = await _body(headers, receive)
            if body is None:
                await problems.document(*_TOO_LONG, self._tell(scope))(scope, receive, answers)
            else:
                await self._app(scope, _given_again(body, receive), answers)


def _is_json(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() == b"application/json"


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """The whole body; None where it is, or says it is, longer than the limit."""
    if int(headers.get(b"content-length", b"0")) > BODY_BYTES_MAX:
        return None
    body = b""
    while len(body) <= BODY_BYTES_MAX:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body if len(body) <= BODY_BYTES_MAX else None
    return None


def _given_again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, for whoever reads it next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return messages.pop() if messages else await receive()

    return give


def _headed(send: Send) -> Send:
    """Sends the head of an answer only."""

    async def head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return head
