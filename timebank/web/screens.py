"""Pages as they are shown: a template, values, and the sentences of the counter in the phone's language."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from timebank.base.errors import TimebankError
from timebank.base.i18n import Language, Say, text
from timebank.benefits import yuan
from timebank.web import problems
from timebank.web.words import REFUSED, STILL_GOOD, WORDS


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("timebank.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["yuan"] = yuan
    return made


def page(lang: Language, name: str, status: int = 200, values: Mapping[str, Any] | None = None) -> HTMLResponse:
    """A page from the template of this name. In it `t` writes a sentence out and `w` has those of the counter by name."""

    def written(sentence: Say | str | date) -> str:
        return text(sentence, lang) if isinstance(sentence, Say) else str(sentence)

    told = {name: text(sentence, lang) for name, sentence in WORDS.items()}
    given = {"lang": lang, "html_lang": "zh-CN" if lang == "zh" else "en", "t": written, "w": told, "refresh": 0, "phone": None}
    shown = _templates().get_template(f"{name}.html").render({**given, **(values or {})})
    return HTMLResponse(shown, status, {"content-language": lang})


def refusal(request: Request, lang: Language, error: TimebankError, back: str = "/") -> HTMLResponse:
    """Why something was not done, and what to do: amber where the voucher stays good, red where nothing must be given."""
    amber = error.code in STILL_GOOD or problems.status_of(error) >= 500
    values = {
        "error": error,
        "tone": "amber" if amber else "red",
        "headline": WORDS["wait"] if amber else REFUSED,
        "back": back,
    }
    return page(lang, "refusal", problems.status_of(error), values)
