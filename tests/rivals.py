"""Rival processes on one database: all get ready, wait for the word, then do their work at once.

Run as a program it reads pairs of lines: a job as JSON (url, number, work, argument, times), to which it answers 'ready', and
the word, to which it answers the outcomes as JSON: 'ok' or the code of the refusal of every try.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlmodel import Session

from conftest import NOON
from shopping import PEPPER
from timebank import redemption
from timebank.base import db
from timebank.base.act import Act
from timebank.base.errors import TimebankError
from timebank.redemption import Counter, Request

Race = Callable[[str, str, object, int], list[str]]
OK = "ok"


@contextmanager
def rivals(count: int) -> Iterator[Race]:
    """So many processes, and a function that lets all of them do `(url, work, argument, times)` at once."""
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

    def tell(run: subprocess.Popen[str], line: str) -> None:
        assert run.stdin is not None
        run.stdin.write(f"{line}\n")
        run.stdin.flush()

    def heard(run: subprocess.Popen[str]) -> object:
        assert run.stdout is not None
        return json.loads(run.stdout.readline())

    def race(url: str, work: str, argument: object, times: int) -> list[str]:
        for number, run in enumerate(runs):
            tell(run, json.dumps([url, number, work, argument, times]))
        assert [heard(run) for run in runs] == ["ready"] * count
        for run in runs:
            tell(run, "go")
        return [outcome for run in runs for outcome in heard(run)]  # type: ignore[attr-defined]

    try:
        yield race
    finally:
        for run in runs:
            assert run.stdin is not None
            run.stdin.close()  # all of them first, so that they end at once too
        for run in runs:
            run.wait(timeout=60)
            assert run.stdout is not None
            run.stdout.close()


def do(work: str, argument: object, session: Session, act: Act) -> object:
    """One try of a rival: issue a voucher of so many points, or capture a code."""
    if work == "issue":
        assert isinstance(argument, int)
        return redemption.issue(session, act, Request("M0001", 1, argument), PEPPER)
    assert work == "capture"
    return redemption.capture(session, act, Counter(str(argument), "S001", 8_600), PEPPER)


def main() -> None:
    """One rival, until there are no more jobs."""
    while line := sys.stdin.readline():
        url, number, work, argument, times = json.loads(line)
        engine = db.open_engine(url)
        with db.reading(engine) as session:
            session.connection()  # whatever is slow the first time is done before the word
        sys.stdout.write('"ready"\n')
        sys.stdout.flush()
        sys.stdin.readline()
        outcomes = []
        for i in range(times):
            key = f"rival-{number}-{i}"
            act = Act(1, NOON, 1, None, "none", key, "", hashlib.sha256(key.encode()).digest())
            try:
                with db.writing(engine) as session:
                    do(work, argument, session, act)
                outcomes.append(OK)
            except TimebankError as error:
                outcomes.append(error.code)
        engine.dispose()
        sys.stdout.write(f"{json.dumps(outcomes)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
