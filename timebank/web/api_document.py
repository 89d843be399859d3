"""The OpenAPI document of the API: what FastAPI derives from the code, and what it cannot know (the keys, the problems)."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from timebank.web.api_shapes import Problem
from timebank.web.problems import MEDIA_TYPE

PLACE = "/api/v1"
"""Where the API is mounted."""
TITLE = "timebank: vouchers at a shop's till"
VERSION = "1"
_ABOUT = """Verify, capture and take back vouchers at a shop's till, and list what was captured.

Every operation needs a key that the office hands over, with the scope that its description names. Money is in fen, points in
the community's smallest unit. Sentences come in the language of `Accept-Language`, `zh` or `en`; programs read `code`."""
_SCHEMAS = "#/components/schemas/"
_WHY = {
    400: "The request is no request: no JSON, or no Idempotency-Key.",
    401: "No key, or one that is not known (any more).",
    403: "The key may not do this, or the shop takes no points at present.",
    404: "No voucher of this shop: what is malformed, unknown, another shop's or another community's is one answer.",
    409: "A rule says no: used already, expired, voided, below the least bill. `code` and `detail` say which.",
    413: "The body is too long.",
    415: "The body is not application/json.",
    422: "The body is wrong; or the Idempotency-Key was used before for something else.",
    429: "Too many codes that are none. Wait as `Retry-After` says.",
    503: "Somebody else is writing, or the book may not be written to: `code` says which. Repeat with the same key.",
    507: "The disk is full. Nothing was changed.",
}
_AGAIN = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}


def told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems an operation can answer with."""
    shown = {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
    return {
        status: {"description": _WHY[status], "content": shown} | ({"headers": _AGAIN} if status in (429, 503) else {})
        for status in statuses
    }


def completed(api: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if api.openapi_schema is None:
        made = get_openapi(title=TITLE, version=VERSION, description=_ABOUT, routes=api.routes, servers=[{"url": PLACE}])
        _, problems = models_json_schema([(Problem, "serialization")], ref_template=_SCHEMAS + "{model}")
        made["components"]["schemas"] |= problems["$defs"]
        made["components"]["securitySchemes"] = {
            "till": {"type": "http", "scheme": "bearer", "description": "tbk_<community>-<device>_<secret>, from the office."}
        }
        made["security"] = [{"till": []}]
        api.openapi_schema = made
    return api.openapi_schema
