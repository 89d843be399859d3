"""The long run: random verbs on book after book, against the model, and eight processes that transfer at once (docs/soak.md).

A life is a new book and the verbs that its number draws: life 17 is always the same. What was done is kept in the folder, so
that a run that is stopped goes on where it was, and more can be asked for. A life that fails leaves its book there.
"""

import argparse
import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import text

from conftest import SERVER, Book
from databases import FILE, Files, Server, migrated
from play import Play
from play_choices import OFTEN, VERBS
from play_stage import unsynced
from recount import recount
from rivals import MEMBERS, OK, rivals
from timebank import audit

LIFE, LONG_LIFE, LONG_EVERY = 1_000, 5_000, 10
"""Verbs of a life; every tenth is a long one."""
COMPARED_EVERY = 25
AUDITED_AT = frozenset({500, 1_000, 2_000, 4_000})
"""Where a book is audited and recounted, and at its end: each reads it from its first entry, so when it has doubled."""
PROCESSES, COMMANDS, A_COMMAND = 8, 500, 20
"""The race: 10,000 transfers a process, 20 a command."""


@dataclass
class Done:
    """What a run has done so far: `lives` from number `first` on."""

    first: int = 0
    lives: int = 0
    verbs: int = 0
    entries: int = 0
    audits: int = 0
    seconds: int = 0
    transfers: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def load(cls, path: Path, first: int) -> "Done":
        """What an earlier run of this folder left, or a new one that begins with that life."""
        if not path.exists():
            return cls(first)
        kept = json.loads(path.read_text(encoding="utf-8"))
        return cls(**kept | {"outcomes": Counter(kept["outcomes"])})

    def save(self, path: Path) -> None:
        """Keep it, whole or not at all."""
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(vars(self), indent=1, sort_keys=True), encoding="utf-8")
        fresh.replace(path)

    def told(self, engine: str) -> str:
        """One row of the table in docs/soak.md."""
        refused = sum(n for name, n in self.outcomes.items() if name.split()[1] not in ("ok", "rehearsed"))
        carried_out = sum(n for name, n in self.outcomes.items() if name.endswith(" ok"))
        figures = (
            self.verbs,
            f"{self.first} to {self.first + self.lives - 1}",
            carried_out,
            refused,
            self.entries,
            self.audits,
            self.transfers,
            self.seconds,
        )
        return f"| {engine} | " + " | ".join(f"{n:,}" if isinstance(n, int) else n for n in figures) + " |"


engine_on = cache(unsynced)
"""One engine for all the books that come to a place one after another: each statement is compiled once, not once a life."""


def live(url: str, life: int, done: Done, bar: Progress) -> None:
    """One life: its verbs, compared with the model now and then, audited and recounted now and then and at the end."""
    engine, rng = engine_on(url), random.Random(life)
    play, names = Play(Book(engine)), [*VERBS, *OFTEN]
    play.settle_in()
    length = LIFE if (life + 1) % LONG_EVERY else LONG_LIFE
    step = ""
    try:
        for number in range(1, length + 1):
            name = rng.choice(names)
            given = {argument: rng.choice(choices) for argument, choices in VERBS[name].items()}
            step = f"life {life}, verb {number}: {name} {given}"
            getattr(play, name)(**given)
            if number % COMPARED_EVERY == 0:
                play.check_standing()
            if number in AUDITED_AT or number == length:
                play.check()
                done.audits += 1
            bar.advance(bar.task_ids[0])
    except BaseException:
        sys.stderr.write(f"{step}\n")
        raise
    done.lives, done.verbs = done.lives + 1, done.verbs + length
    done.entries += play.entries
    done.outcomes += play.outcomes
    engine.dispose()


def race(url: str) -> int:
    """Eight processes of 10,000 random transfers each at once; gives how many were done. Sum, floors and audit hold."""
    book = Book(unsynced(url))
    book.found()
    for member in book.join(*(f"M{number:04d}" for number in range(1, MEMBERS + 1))):
        book.give(member.holder, 100)
    with rivals(PROCESSES) as run:
        outcomes = Counter(run(url, "transfers", A_COMMAND, COMMANDS))
    assert set(outcomes) == {OK, "insufficient"}, outcomes
    recount(book.engine)
    with book.read() as session:
        assert audit.audit(session, 1, audit.CHECKS).findings == ()
        total = session.execute(text("SELECT SUM(balance) FROM lot")).scalar_one()
    assert total == 100 * MEMBERS
    book.engine.dispose()
    return sum(outcomes.values()) * A_COMMAND


@contextmanager
def shelf(engine: str, folder: Path) -> Iterator[Files | Server]:
    """Where new books come from; the server is the one that TIMEBANK_TEST_POSTGRES names."""
    made = folder / "templates"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    with ExitStack() as databases:
        yield Files(made) if engine == "sqlite" else Server(os.environ[SERVER], made, databases)


def main() -> None:
    """Run until so many verbs are done."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--verbs", type=int, default=1_000_000, help="how many in all, those of earlier runs included")
    parser.add_argument("--engine", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--first", type=int, default=0, help="the first life of a new folder, for a run beside another one")
    parser.add_argument("--folder", type=Path, default=Path(".soak"))
    asked = parser.parse_args()
    folder: Path = asked.folder / asked.engine
    folder.mkdir(parents=True, exist_ok=True)
    kept, done = folder / "done.json", Done.load(folder / "done.json", asked.first)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with shelf(asked.engine, folder) as books, Progress(*columns, console=console) as bar:
        bar.add_task(asked.engine, total=asked.verbs, completed=done.verbs)
        while done.verbs < asked.verbs or not done.transfers:
            began = time.monotonic()
            book = folder / "book"
            shutil.rmtree(book, ignore_errors=True)
            book.mkdir()
            with books.lend(migrated, book) as url:
                if done.lives and not done.transfers:
                    done.transfers = race(url)
                else:
                    live(url, done.first + done.lives, done, bar)
            done.seconds += round(time.monotonic() - began)
            done.save(kept)
    console.print(f"{FILE} and its model agreed all the way.")
    sys.stdout.write(f"{done.told(asked.engine)}\n")


if __name__ == "__main__":
    main()
