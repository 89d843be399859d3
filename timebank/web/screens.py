"""Pages as they are shown: a template, values, and the sentences of the counter in the phone's language."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlmodel import Session
from starlette.responses import HTMLResponse, RedirectResponse

from timebank.base.errors import TimebankError
from timebank.base.i18n import Language, Say, text
from timebank.base.masking import mask_name
from timebank.benefits import yuan
from timebank.people import members, persons
from timebank.web import phones, problems
from timebank.web.phones import Phone
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


def shown(request: Request, phone: Phone, name: str, values: Mapping[str, Any] | None = None) -> HTMLResponse:
    """A page of an enrolled phone."""
    return page(phones.language_of(request), name, values={"phone": phone, **(values or {})})


def masked(session: Session, phone: Phone, member_id: int) -> str:
    """A member's name as a shop may see it: 张*三."""
    member = members.get(session, phone.community.id, member_id)
    return mask_name(persons.get(session, phone.community.id, member.person_id).name)


def to(path: str) -> RedirectResponse:
    """Go and GET another page, so that loading it again sends no form."""
    return RedirectResponse(path, 303)


def refusal(request: Request, lang: Language, error: TimebankError, back: str = "/") -> HTMLResponse:
    """Why something was not done, and what to do: amber where the voucher stays good, red where nothing must be given."""
    amber = error.code in STILL_GOOD or problems.status_of(error) >= 500
    values = {
        "error": error,
        "tone": "amber" if amber else "red",
        "headline": WORDS["wait"] if amber else REFUSED,
        "back": back,
        "phone": getattr(request.state, "phone", None),
    }
    return page(lang, "refusal", problems.status_of(error), values)
