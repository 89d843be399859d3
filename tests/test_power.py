"""A power cut: whatever part of the unflushed writes reached the disk, a command was done or not, and was once it says so."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from power import Disk
from syscalls import Call
from timebank.base import db
from walks import (  # noqa: F401 - fixtures
    WALKS,
    Office,
    Reference,
    State,
    Walk,
    a_folder_in_memory,
    a_furnished_office,
    a_prepared_office,
    a_walk,
    flushed,
    manifest_holds,
)

_PARTS_AFTER = 60
"""How many parts of what is not flushed are tried at the end, when a command has said that it is done."""


def recorded(ready: Office, walk: Walk, first: Callable[[], None] = lambda: None) -> tuple[Disk, int]:
    """Every change a command makes to the disk, and the moment at which it says that it is done."""
    office = ready.beside("work")
    disk = Disk(office.folder)
    calls = 0

    def take_in(number: int, call: Call) -> str:
        nonlocal calls
        calls = number
        disk.call(number, call)
        return flushed(number, call)

    assert office.type(walk, take_in, first=first).status == 0
    everything = office.folder.parent / "everything"
    shutil.rmtree(everything, ignore_errors=True)
    disk.write(disk.changes, everything)
    assert Office(everything).state() == office.state(), "the record is not what happened"
    return disk, calls + 1


def cuts(disk: Disk, moments: range, many: int, folder: Path) -> Iterator[tuple[int, Office]]:
    """Offices as a power cut at these moments may leave them."""
    chance = random.Random(20261122)
    for moment in moments:
        for held in disk.after(moment, chance, many):
            shutil.rmtree(folder, ignore_errors=True)
            disk.write(held, folder)
            yield moment, Office(folder)


OFTEN = {"hours record", "statement export again", "settlement export", "init"}
"""What every run of the tests walks; `make crashes` walks all."""


@pytest.mark.parametrize(
    "walk", [pytest.param(name, marks=() if name in OFTEN else pytest.mark.crashes) for name in WALKS], indirect=True
)
def test_a_command_that_the_power_cuts_off_was_done_or_not_and_is_done_once_it_says_so(walk: Walk, ready: Office) -> None:
    reference = Reference(ready, walk)
    disk, done = recorded(ready, walk)
    cut = ready.folder.parent / "cut"
    seen: list[State] = []
    for moment, office in cuts(disk, range(1, done), 2, cut):
        left = office.state()
        assert left.book in reference.stages, f"neither before nor after: call {moment}"
        assert manifest_holds(office.folder / "out"), f"call {moment}"
        if walk.writes and left.lasting not in seen:
            seen.append(left.lasting)
            again = office.type(replace(walk, line=tuple(word.replace("{code}", ready.code) for word in walk.line)), flushed)
            assert again.status == 0, f"repeated after call {moment}: {again.err}"
            assert office.state().lasting == reference.after, f"repeated after call {moment}"
    for _, office in cuts(disk, range(done, done + 1), _PARTS_AFTER, cut):
        assert office.state().lasting == reference.after


def _flush_no_folder() -> None:
    """Have SQLite flush as most programs have it: files, but not the folder that a journal was removed from."""
    prepare = db._prepare_sqlite

    def prepared(connection: Any, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous=FULL")

    db._prepare_sqlite = prepared


@pytest.mark.parametrize("walk", ["hours record"], indirect=True)
def test_without_the_flush_of_the_folder_a_power_cut_takes_back_what_was_acknowledged(walk: Walk, ready: Office) -> None:
    reference = Reference(ready, walk)
    disk, done = recorded(ready, walk, _flush_no_folder)
    left = {office.state().book for _, office in cuts(disk, range(done, done + 1), _PARTS_AFTER, ready.folder.parent / "cut")}
    assert left == {reference.before.book, reference.after.book}
