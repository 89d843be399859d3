"""I12: texts in payloads that may tell who somebody is. Pure: fields in, findings out.

What it finds: phone and identity numbers standing by themselves in any text, e-mail addresses, whole names of people of this
book, sentences where a word belongs, and anything but a code where a code belongs. What it cannot find: a nickname, a name
inside a longer word, a number cut in two (docs/audit.md).
"""

import re
from collections.abc import Collection, Iterator
from typing import Any

from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.base.codes import narrow
from timebank.base.i18n import say
from timebank.base.masking import looks_like_personal_number

WORDS = frozenset({"trace.category", "trace.unit", "trace.times", "facts.resolution"})
"""Fields that hold words of people's own language: what was served, what points are called, a resolution's number."""
WORD_CHARACTERS_MAX = 100
_FORMATTED = frozenset({"v", "log", "seq", "business_date", "posted_at", "period", "actor", "approver", "nonce", "text_hash"})
"""Fields that the reader has tested character by character."""
_CODE = re.compile(r"[!-~]*")
_SENTENCE = re.compile("[。！？]|[.!?] ")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*[A-Za-z]", re.ASCII)
_TOKEN = re.compile(r"[0-9A-Za-z]+")
_NUMBER_LIKE = re.compile(r"(?<![0-9A-Za-z])(?:[0-9]{11}|[0-9]{15}|[0-9]{17}[0-9Xx])(?![0-9A-Za-z])|^[0-9 -]{11,}[Xx]?$")
_DIGITS_MIN = 11
_NAME_LETTERS_MIN = 3


class Privacy:
    """Looks at the texts of payloads. `names` are those of the people of this book."""

    def __init__(self, findings: Findings, names: Collection[str]) -> None:
        self._findings = findings
        self._names = frozenset(names)
        self._longer = frozenset(name for name in names if len(name) >= _NAME_LETTERS_MIN and not name.isascii())
        self._longest = max(map(len, self._longer), default=0)

    def look(self, payload: Payload) -> bool:
        """Look at every text of a payload; gives whether another one that differs in digits only is as good."""
        good = True
        for field, text in _texts("", {name: payload[name] for name in payload.keys() - _FORMATTED}):
            wrong = self._wrong(field, text)
            if wrong is not None:
                code, why = wrong
                told = say("The field {name} may tell of a person: {why}.", name=field, why=why)
                self._findings.add(code, told, entry=payload["seq"])
            good = good and wrong is None and not _hangs_on_digits(text)
        return good

    def _wrong(self, field: str, text: str) -> tuple[str, str] | None:
        """The code of a finding and why, in a word."""
        if personal_number(text):
            return "personal_data", "number"
        if field != "rules" and _EMAIL.search(text):
            return "personal_data", "e-mail"
        if field not in WORDS:
            return None if _CODE.fullmatch(text) else ("free_text", "text")
        if len(text) > WORD_CHARACTERS_MAX or _SENTENCE.search(text):
            return "free_text", "text"
        return ("personal_data", "name") if self._names_one(text) else None

    def _names_one(self, text: str) -> bool:
        """Whether a text is somebody's name, or holds one of three letters or more."""
        if text in self._names:
            return True
        sizes = range(_NAME_LETTERS_MIN, min(self._longest, len(text)) + 1)
        return any(text[at : at + size] in self._longer for size in sizes for at in range(len(text) - size + 1))


def personal_number(text: str) -> bool:
    """Whether a text is a phone or identity number, or one stands in it by itself."""
    if sum(map(str.isdigit, text)) < _DIGITS_MIN:
        return False
    return looks_like_personal_number(text) or any(map(looks_like_personal_number, _TOKEN.findall(narrow(text))))


def _hangs_on_digits(text: str) -> bool:
    """Whether a text of the same letters and signs, with other digits, could be a personal number."""
    return sum(map(str.isdigit, text)) >= _DIGITS_MIN and _NUMBER_LIKE.search(narrow(text).strip()) is not None


def _texts(field: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a value with the field it stands in, two names deep: 'trace.category'. Keys are texts as well."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield "key", name
            yield from _texts(f"{field}.{name}" if field and "." not in field else field or name, item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(field, item)
