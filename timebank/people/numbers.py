"""Printed numbers of members, shops, clerks and teams: what may be one, which are taken, which is the next free one."""

import re
from collections.abc import Iterable
from itertools import count

from timebank.base.codes import id_key
from timebank.base.i18n import Say, say
from timebank.base.masking import tells_who

_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


class Numbers:
    """The numbers of one kind: `form` writes one ('M{:04d}'), `keys` are those taken (codes.id_key), `last` is the last id."""

    def __init__(self, form: str, keys: Iterable[str], last: int) -> None:
        self._form, self._taken, self._last = form, set(keys), last

    def __contains__(self, number: str) -> bool:
        """Whether a number is taken, in whatever case and with however many zeros."""
        return id_key(number) in self._taken

    def take(self, wanted: str) -> str:
        """Take the number that is wanted, or, for '', the next free one."""
        self._last += 1
        number = wanted or next(free for free in map(self._form.format, count(self._last)) if free not in self)
        self._taken.add(id_key(number))
        return number


def number_problem(number: str) -> tuple[str, Say] | None:
    """Why a text cannot be a printed number: (code, sentence), or None; '' asks for the next free one.

    Codes: personal_number, bad_number.
    """
    if tells_who(number):
        return "personal_number", say("{number} holds a phone or identity number or an e-mail address.", number=number)
    if number and not _NUMBER.fullmatch(number):
        return "bad_number", say("{number} cannot be a number.", number=number)
    return None
