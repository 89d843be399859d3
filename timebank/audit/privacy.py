"""I12: texts in payloads that may tell who somebody is. Pure: fields in, findings out.

What it finds is what rooms refuse (base/masking.py): phone and identity numbers standing by themselves in any text, e-mail
addresses, sentences where a word belongs; and anything but a code where a code belongs. What it cannot find: a name, a number
cut in two (docs/audit.md).
"""

import re
from collections.abc import Iterator
from typing import Any

from timebank.audit.findings import Findings
from timebank.audit.payloads import Payload
from timebank.base.i18n import say
from timebank.base.masking import digits_could_tell, tells_who, unfit_word

WORDS = frozenset(
    {
        *("trace.category", "trace.activity", "trace.programme", "trace.unit", "trace.times", "trace.bonus"),
        *("facts.resolution", "facts.category"),
    }
)
"""Fields that hold words of people's own language: what was served and in what, what points and rules are called, a
resolution's number."""
_FORMATTED = frozenset({"v", "log", "seq", "business_date", "posted_at", "period", "actor", "approver", "nonce", "text_hash"})
"""Fields that the reader has tested character by character."""
_CODE = re.compile(r"[!-~]*")


class Privacy:
    """Looks at the texts of payloads."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def look(self, payload: Payload) -> bool:
        """Look at every text of a payload; gives whether another one that differs in digits only is as good."""
        good = True
        for field, text in texts("", {name: payload[name] for name in payload.keys() - _FORMATTED}):
            wrong = _wrong(field, text)
            if wrong is not None:
                code, why = wrong
                told = say("The field {name} may tell of a person: {why}.", name=field, why=why)
                self._findings.add(code, told, entry=payload["seq"])
            good = good and wrong is None and not digits_could_tell(text)
        return good


def _wrong(field: str, text: str) -> tuple[str, str] | None:
    """The code of a finding and why, in a word."""
    if field in WORDS:
        why: str | None = unfit_word(text)
    else:
        why = tells_who(text) or (None if _CODE.fullmatch(text) else "text")
    return None if why is None else ("free_text" if why == "text" else "personal_data", why)


def texts(field: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a value with the field it stands in, two names deep: 'trace.category'. Keys are texts as well."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield "key", name
            yield from texts(f"{field}.{name}" if field and "." not in field else field or name, item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(field, item)
