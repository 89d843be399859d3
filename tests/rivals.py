"""Rival processes on one database: all get ready, wait for the word, then do their work at once.

Run as a program it reads pairs of lines: a job as JSON, to which it answers 'ready', and the word, to which it answers the
outcomes of its tries as JSON: 'ok', what the work gave, or the code of the refusal.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from conftest import NOON
from play_stage import unsynced
from shopping import PEPPER
from timebank import approvals, hours, ledger, redemption, refunds, settlement, statements
from timebank.base import communities, db
from timebank.base.act import Act
from timebank.base.errors import TimebankError
from timebank.journal import Draft, Transfer
from timebank.once import once
from timebank.redemption import Counter, Request
from timebank.services import Record

OK = "ok"
MEMBERS = 8
"""How many members the transfers go between."""


@dataclass(frozen=True)
class Job:
    """What one rival does: a work of `WORKS` with its argument, so many times, as a clerk (and perhaps a second person) of a
    community, at a moment, under one key for all tries of all rivals ('': each try has its own)."""

    work: str
    argument: Any = None
    times: int = 1
    actor: int = 1
    approver: int | None = None
    now: str = NOON.isoformat()
    key: str = ""
    community: int = 1


class Rivals:
    """Processes that are ready; their outcomes come in the order of the jobs."""

    def __init__(self, runs: Sequence[subprocess.Popen[str]]) -> None:
        self._runs = runs

    def __call__(self, url: str, work: str, argument: object, times: int) -> list[Any]:
        """Let all of them do the same so many times."""
        return self.each(url, [Job(work, argument, times)] * len(self._runs))

    def each(self, url: str, jobs: Sequence[Job]) -> list[Any]:
        """Let each do a job of its own, all at once."""
        assert len(jobs) == len(self._runs)
        for number, (run, job) in enumerate(zip(self._runs, jobs, strict=True)):
            _tell(run, json.dumps([url, number, asdict(job)]))
        assert [_heard(run) for run in self._runs] == ["ready"] * len(self._runs)
        for run in self._runs:
            _tell(run, "go")
        return [outcome for run in self._runs for outcome in _heard(run)]


Race = Rivals


def _tell(run: subprocess.Popen[str], line: str) -> None:
    assert run.stdin is not None
    run.stdin.write(f"{line}\n")
    run.stdin.flush()


def _heard(run: subprocess.Popen[str]) -> Any:
    assert run.stdout is not None
    return json.loads(run.stdout.readline())


@contextmanager
def rivals(count: int) -> Iterator[Rivals]:
    """So many processes, until the end."""
    runs = [
        subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        for _ in range(count)
    ]
    try:
        yield Rivals(runs)
    finally:
        for run in runs:
            assert run.stdin is not None
            run.stdin.close()  # all of them first, so that they end at once too
        for run in runs:
            run.wait(timeout=600)
            assert run.stdout is not None
            run.stdout.close()


# ---- what they do


def issue(session: Session, act: Act, points: int) -> None:
    """A voucher of so many points."""
    redemption.issue(session, act, Request("M0001", 1, points), PEPPER)


def capture(session: Session, act: Act, code: str) -> None:
    """A code at its shop."""
    redemption.capture(session, act, Counter(code, "S001", 8_600), PEPPER)


def capture_elsewhere(session: Session, act: Act, code: str) -> None:
    """A code at another shop."""
    redemption.capture(session, act, Counter(code, "S002", 8_600), PEPPER)


def void(session: Session, act: Act, voucher: int) -> None:
    """A voucher taken back."""
    redemption.void(session, act, voucher)


def refund(session: Session, act: Act, voucher: int) -> None:
    """All of a capture given back, by two clerks."""
    refunds.refund(session, act, voucher)


def undo(session: Session, act: Act, voucher: int) -> None:
    """All of a capture given back, on the shop's word."""
    refunds.undo(session, act, voucher, 1)


def cancel(session: Session, act: Act, key: str) -> None:
    """Whatever was held under a command's key."""
    redemption.cancel(session, act, key)


def expire(session: Session, act: Act, voucher: int) -> None:
    """A voucher that is past its day."""
    redemption.expire(session, act, voucher)


def give(session: Session, act: Act, points: int) -> dict[str, Any]:
    """Points for the first member, as a command of its own; gives its receipt."""
    draft = Draft("note", date(2026, 10, 20), (Transfer("points", points, "system:issued", "source", "member:1", "available"),))

    def work() -> dict[str, Any]:
        return {"entry": ledger.post(session, act, draft).seq}

    return once(session, act, "give", {"points": points}, work).receipt


def transfers(session: Session, act: Act, count: int) -> None:
    """So many random transfers between members, in one command, all or none."""
    rng = random.Random(act.entropy)
    drafts = []
    for _ in range(count):
        source, target = rng.sample(range(1, MEMBERS + 1), 2)
        moved = Transfer("points", rng.randint(1, 25), f"member:{source}", "available", f"member:{target}", "available")
        drafts.append(Draft("note", date(2026, 10, 20), (moved,)))
    ledger.post_all(session, act, drafts)


def hours_of_one(session: Session, act: Act, minutes: int) -> dict[str, Any]:
    """The same service of the same sheet; tells what became of it."""
    record = Record("M0001", date(2026, 10, 19), minutes, "elder-care", ref="r1", row=2)
    return hours.record_all(session, act, [[record]]).receipt()


def confirm(session: Session, act: Act, service: int) -> None:
    """A service that waits."""
    hours.approve(session, act, service)


def draft(session: Session, act: Act, period: str) -> list[int]:
    """A month's settlement; tells the numbers of its batches."""
    return [claim.id for claim in settlement.draft(session, act, period)]


def close(session: Session, act: Act, period: str) -> int:
    """A month's close; tells its entry."""
    return statements.close(session, act, period).entry


def ask(session: Session, act: Act, subject: str) -> int:
    """Something that waits for a second person; tells its number."""
    communities.lock(session, act.community_id)
    return approvals.ask(session, act, "test", [(subject, {})])[0]


WORKS: dict[str, Callable[[Session, Act, Any], object]] = {
    work.__name__: work
    for work in (
        *(
            issue,
            capture,
            capture_elsewhere,
            void,
            cancel,
            refund,
            undo,
            expire,
            give,
            transfers,
            hours_of_one,
            confirm,
            draft,
            close,
            ask,
        ),
    )
}


def main() -> None:
    """One rival, until there are no more jobs."""
    while line := sys.stdin.readline():
        url, number, given = json.loads(line)
        job = Job(**given)
        engine = unsynced(url)
        with db.reading(engine) as session:
            session.connection()  # whatever is slow the first time is done before the word
        sys.stdout.write('"ready"\n')
        sys.stdout.flush()
        sys.stdin.readline()
        outcomes = [try_once(engine, job, f"rival-{number}-{i}") for i in range(job.times)]
        engine.dispose()
        sys.stdout.write(f"{json.dumps(outcomes)}\n")
        sys.stdout.flush()


def try_once(engine: Any, job: Job, own_key: str) -> object:
    """One command; what the work gave, 'ok' for nothing, or the code of the refusal."""
    now, entropy = datetime.fromisoformat(job.now), hashlib.sha256(f"{job.argument} {own_key}".encode()).digest()
    act = Act(job.community, now, job.actor, job.approver, "none", job.key or own_key, "", entropy)
    try:
        with db.writing(engine) as session:
            told = WORKS[job.work](session, act, job.argument)
    except TimebankError as error:
        return error.code
    return OK if told is None else told


if __name__ == "__main__":
    main()
