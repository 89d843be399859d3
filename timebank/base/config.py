"""Where a command finds its database, its language and its person: options first, then the environment, then defaults."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from timebank.base import clock
from timebank.base.errors import Invalid, NotAllowed
from timebank.base.i18n import LANGUAGES, Language, say

_FIRST_YEAR, _LAST_YEAR = 1900, 9000


@dataclass(frozen=True, slots=True)
class Config:
    """The global options of one command, settled."""

    db: str
    community: str | None
    clerk: str | None
    lang: Language
    json: bool = False
    quiet: bool = False
    color: bool = True
    fixed_now: str | None = None
    keys: str | None = None
    checkpoints: str | None = None
    counter: str | None = None

    def now(self) -> datetime:
        """This command's moment: the clock's, or one given for a test. Raises NotAllowed `no_test_clock`, Invalid `bad_now`."""
        if self.fixed_now is None:
            return clock.now()
        if os.environ.get("TIMEBANK_TEST_CLOCK") != "1":
            raise NotAllowed(
                say("--now is for tests and demonstrations only."),
                "no_test_clock",
                say("Leave --now out; or set TIMEBANK_TEST_CLOCK=1 for a trial database."),
            )
        try:
            given = datetime.fromisoformat(self.fixed_now)
        except ValueError as error:
            raise Invalid(
                say("{now} is not a moment.", now=self.fixed_now), "bad_now", say("Write it like 2026-10-20T12:00:00+08:00.")
            ) from error
        if given.tzinfo is None:
            raise Invalid(
                say("{now} has no time zone.", now=self.fixed_now), "bad_now", say("Write it like 2026-10-20T12:00:00+08:00.")
            )
        if not _FIRST_YEAR <= given.year <= _LAST_YEAR:
            hint = say("Write it like 2026-10-20T12:00:00+08:00.")
            raise Invalid(say("{now} is not a moment.", now=self.fixed_now), "bad_now", hint)
        return given.astimezone(UTC).replace(microsecond=0)


def default_db() -> str:
    """The database of someone who names none: a SQLite file in the platform's folder for user data."""
    from platformdirs import user_data_path  # only when nobody names one: start-up time

    return f"sqlite:///{user_data_path('timebank', appauthor=False) / 'book.db'}"


def database_url(given: str | None) -> str:
    """The database URL of --db or TIMEBANK_DB; a plain path means a SQLite file."""
    url = given or os.environ.get("TIMEBANK_DB") or default_db()
    return url if "://" in url else f"sqlite:///{url}"


def sqlite_path(url: str) -> Path | None:
    """The file behind a SQLite URL; None for another engine."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def language(given: str | None) -> Language:
    """The language of --lang, TIMEBANK_LANG or the locale: Chinese where the locale says so, else English."""
    wish = given or os.environ.get("TIMEBANK_LANG")
    if wish is None:
        locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
        wish = "zh" if locale.startswith("zh") else "en"
    for known in LANGUAGES:
        if wish == known or wish.startswith((f"{known}_", f"{known}-")):
            return known
    raise Invalid(say("There is no language {lang}.", lang=wish), "bad_language", say("Use --lang zh or --lang en."))
