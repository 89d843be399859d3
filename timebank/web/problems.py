"""What goes wrong at a web door, as `application/problem+json` (RFC 9457) in the language asked for.

The one table of HTTP statuses. A problem never repeats what was sent: a code with a slip in it may be somebody's.
"""

import json
from collections.abc import Sequence
from http import HTTPStatus

from starlette.responses import Response

from timebank.base import errors
from timebank.base.errors import NotFound, TimebankError
from timebank.base.i18n import LANGUAGES, Language, Say, say, text

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 60
"""When to try again after too many guesses, or while somebody else is writing: no sooner than that a window has moved."""

STATUS: dict[type[TimebankError], int] = {
    errors.Invalid: 422,
    errors.NotFound: 404,
    errors.Refused: 409,
    errors.Conflict: 422,
    errors.NotAllowed: 403,
    errors.Tampered: 503,
    errors.RolledBack: 503,
    errors.Rewritten: 503,
    errors.Busy: 503,
    errors.Unwritable: 507,
}
_BY_CODE = {"unknown_device": 401, "device_revoked": 401, "unknown_key": 401, "too_many_guesses": 429}
_AGAIN = (429, 503)

NO_VOUCHER = frozenset({"bad_code", "bad_token", "unknown_code", "unknown_voucher", "wrong_merchant"})
"""Codes that are all told as `unknown_code`, so that nobody learns which codes, or other shops' vouchers, there are."""


def uniform(error: TimebankError) -> TimebankError:
    """The error as it is told at a counter: what is malformed, unknown, another shop's or another community's is one answer."""
    if isinstance(error, errors.Conflict):
        return errors.Conflict(
            say("This Idempotency-Key was used before, for another request."),
            error.code,
            say("Use a new one for a new sale; repeat a request with the same one only unchanged."),
        )
    return no_voucher() if error.code in NO_VOUCHER else error


def no_voucher() -> NotFound:
    """The one answer to whatever opens no voucher at this counter."""
    return NotFound(
        say("There is no voucher for this shop under what was sent."),
        "unknown_code",
        say("Compare the code with the slip, character by character; the slip also says which shop it is for."),
    )


def status_of(error: TimebankError) -> int:
    """The HTTP status of an error."""
    return _BY_CODE.get(error.code) or STATUS[type(error)]


def language(accepted: str, default: Language) -> Language:
    """The language of an `Accept-Language` (RFC 9110): the first known one named there; its weights are not compared."""
    for wish in accepted.split(","):
        tag = wish.partition(";")[0].strip().lower()
        for known in LANGUAGES:
            if tag == known or tag.startswith(f"{known}-"):
                return known
    return default


def problem(error: TimebankError, lang: Language) -> Response:
    """An error as a problem document."""
    return document(status_of(error), error.code, (error.message, error.hint), lang)


def document(
    status: int,
    code: str,
    told: tuple[Say, Say | None],
    lang: Language,
    fields: Sequence[tuple[str, str]] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem document of an HTTP status, a code for programs and a sentence with its hint for people.

    `fields` are the places of a body that are wrong, each with what is wrong with it, as codes.
    """
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": text(told[0], lang),
    }
    if told[1] is not None:
        body["hint"] = text(told[1], lang)
    if fields:
        body["fields"] = [{"field": where, "code": what} for where, what in fields]
    more = {"Content-Language": lang, "Cache-Control": "no-store", **(headers or {})}
    if status in _AGAIN:
        more["Retry-After"] = str(RETRY_SECONDS)
    if status == HTTPStatus.UNAUTHORIZED:
        more["WWW-Authenticate"] = "Bearer"
    return Response(json.dumps(body, ensure_ascii=False).encode(), status, more, MEDIA_TYPE)
