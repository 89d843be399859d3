"""What can go wrong, as one family: a sentence for people, a code for programs, a hint what to do next.

Exit statuses live in `cli.py`, HTTP statuses in `web/`: one table each, keyed by these classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from timebank.base.i18n import Say


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one place of an input: `where` is 'row 7', 'cap[0].points', 'entry 12'; `hint` says what to do."""

    where: str
    code: str
    message: Say
    row: int | None = None
    hint: Say | None = None


class TimebankError(Exception):
    """Base of every refusal. `findings` lists all bad rows at once, each with its own code."""

    def __init__(self, message: Say, code: str, hint: Say | None = None, findings: Sequence[Finding] = ()) -> None:
        super().__init__(str(message))
        self.message = message
        self.code = code
        self.hint = hint
        self.findings = tuple(findings)


class Invalid(TimebankError):
    """The input itself is wrong: a bad row, an impossible date, a file that cannot be read."""


class NotFound(TimebankError):
    """What was named does not exist here."""


class Refused(TimebankError):
    """A rule of the house, the book or the rule book says no."""


class Conflict(TimebankError):
    """The same key was used before for something else."""


class NotAllowed(TimebankError):
    """This person may not do this, or may not do it alone."""


class Tampered(TimebankError):
    """The book does not agree with itself or with what was published."""


class RolledBack(Tampered):
    """The book is older than a head of it that was given away: its newest entries are gone."""


class Rewritten(Tampered):
    """A head that was given away is no prefix of the book any more: its history is another."""


class Busy(TimebankError):
    """Someone else is writing; the same command can be repeated safely."""


class Unwritable(TimebankError):
    """The disk is full, the file is read-only or gone: nothing was changed."""
