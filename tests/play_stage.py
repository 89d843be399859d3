"""Where the random commands are played: book and model, the clock, one command under a key of its own."""

import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Engine, event
from sqlmodel import Session

from conftest import Book
from model import Model
from model_values import Rules, Who
from play_choices import LATEST, verb
from timebank.base.act import Act
from timebank.base.db import open_engine, writing
from timebank.base.errors import TimebankError
from timebank.once import Outcome, once

Result = TypeVar("Result")


@dataclass(frozen=True)
class Told:
    """A command that was carried out: under which key, what was asked, by whom, and the receipt."""

    key: str
    asked: dict[str, Any]
    who: Who
    receipt: dict[str, Any]


class Stage:
    """One book and its model, in step. `book.now` is the clock; `slip` and `dry` concern the next command only."""

    def __init__(self, book: Book) -> None:
        self.book = book
        book.found(open_from="2026-09")
        self.model = Model(book.now, "2026-09")
        self.codes: list[str] = []
        self.told: list[Told] = []
        self.outcomes: Counter[str] = Counter()
        self.commands = self.written = self.entries = self._audited = 0
        self.hung: dict[str, Rules] = {}
        self.slip = timedelta(0)
        self.dry = False

    def who(self, actor: int, approver: int | None = None) -> Who:
        """These clerks, or the first where they do not exist."""
        there = len(self.model.own)
        return Who(min(actor, there), approver and min(approver, there))

    def command(
        self,
        verb: str,
        asked: dict[str, Any],
        who: Who,
        why: Callable[[Model], set[str]],
        work: Callable[[Session, Act], object],
    ) -> Any:
        """Let the model and the book do one command under a key of its own; gives what the verb gave, None if refused."""
        self.commands += 1
        true_now, self.book.now = self.book.now, self.book.now + self.slip
        model = pickle.loads(pickle.dumps(self.model)) if self.dry else self.model  # a tenth of deepcopy's time
        model.now = self.book.now
        expected = why(model)
        act = self.book.act(
            f"play-{self.commands}", actor=who.actor, approver=who.approver, reason=str(asked.get("reason", ""))
        )
        given: list[Any] = []

        def carried_out(session: Session) -> dict[str, Any]:
            given.append(work(session, act))
            return {"asked": verb, "done": self.commands}

        def run() -> dict[str, Any]:
            with writing(self.book.engine) as session:
                receipt = once(session, act, verb, plain(asked), lambda: carried_out(session)).receipt
                if self.dry:
                    session.rollback()
            return receipt

        receipt, code = tried(run)
        self.book.now = self.model.now = true_now
        dry, self.dry, self.slip = self.dry, False, timedelta(0)
        assert (code in expected) if code else not expected, (
            f"{verb} {asked}: {code or 'done'}, the model says {expected or 'yes'}"
        )
        self.outcomes[f"{verb} {code or ('rehearsed' if dry else 'ok')}"] += 1
        if code or dry:
            return None
        self.written += 1
        self.told = [*self.told[-40:], Told(act.key, {"verb": verb, **asked}, who, receipt)]
        return given[0]

    @verb(days=(1, 1, 3, 0, 0, 8, 31, 41), seconds=(0, 0, 61, 39_600))
    def wait(self, days: int, seconds: int) -> None:
        """Time goes by."""
        self._to(self.book.now + timedelta(days=days, seconds=seconds))

    def _to(self, moment: datetime) -> None:
        self.book.now = self.model.now = moment

    @verb(seconds=(-1, 0))
    def midnight(self, seconds: int) -> None:
        """The clock goes to the community's next midnight, or to the second before it."""
        gone = (self.book.now + timedelta(hours=8)).time()
        of_today = timedelta(hours=gone.hour, minutes=gone.minute, seconds=gone.second)
        self._to(self.book.now - of_today + timedelta(days=1, seconds=seconds))

    def _edge(self, day: date, edge: int | None) -> None:
        """The clock goes on to a day on which something ends, or to the day after; not further than one person may."""
        days = 0 if edge is None else (day - self.book.today).days + edge
        if 0 < days < 40:
            self._to(self.book.now + timedelta(days=days))

    @verb(seconds=(-299, -300, -301, -86_400, 60, 3_600_000))
    def clock_slips(self, seconds: int) -> None:
        """The next command's clock is wrong."""
        self.slip = timedelta(seconds=seconds)

    @verb()
    def rehearse(self) -> None:
        """The next command is a dry run."""
        self.dry = True

    @verb(latest=LATEST, other=(False, False, True))
    def repeat(self, latest: int, other: bool) -> None:
        """An earlier command again: the same gets the first receipt, another under its key is a conflict."""
        if latest >= len(self.told):
            return
        told = self.told[-1 - latest]
        asked = told.asked
        act = self.book.act(told.key, actor=told.who.actor, approver=told.who.approver)
        inputs = plain(asked | {"more": 1} if other else asked)
        del inputs["verb"]

        def run() -> Outcome:
            with writing(self.book.engine) as session:
                return once(session, act, str(asked["verb"]), inputs, _never)

        outcome, code = tried(run)
        assert code == ("exists_with_different_content" if other else "")
        assert outcome is None or (outcome.repeated and outcome.receipt == told.receipt)


def tried(work: Callable[[], Result]) -> tuple[Result | None, str]:
    """What a piece of work gives, or the code it was refused with."""
    try:
        return work(), ""
    except TimebankError as error:
        return None, error.code


def unsynced(url: str) -> Engine:
    """A database that need not survive a power cut: this is about what is written, not about how fast a disk is."""
    engine = open_engine(url)
    setting = "PRAGMA synchronous=OFF" if engine.dialect.name == "sqlite" else "SET synchronous_commit=off"

    def set_(connection: Any, _record: object) -> None:
        connection.execute(setting)
        connection.commit()

    event.listen(engine, "connect", set_)
    return engine


def latest_of(wanted: Sequence[bool], latest: int) -> int:
    """The number (from 1) of the so-manieth from the end, the wanted ones first; 0 or less where there are not so many."""
    numbers = [number for number, good in enumerate(wanted, 1) if not good] + [n for n, good in enumerate(wanted, 1) if good]
    return numbers[-1 - latest] if latest < len(numbers) else len(numbers) - latest


def plain(asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked as texts, for the fingerprint."""
    return {name: repr(value) for name, value in asked.items()}


def _never() -> dict[str, Any]:
    raise AssertionError("a repeated command did its work again")
