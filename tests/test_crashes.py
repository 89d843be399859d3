"""A command that is killed at any moment was done or was not done; typed again under its key, it counts once.

A killed process leaves what its system calls did. So each command is held before every call that changes a file, and what lies
on the disk at that moment is looked at (here); and is really killed there, run by run (`make crashes`).
"""

import shutil
from collections.abc import Callable, Iterator

import pytest

from syscalls import KILL, Call
from walks import (  # noqa: F401 - fixtures
    LAST_STEP,
    WALKS,
    Office,
    Reference,
    Walk,
    a_folder_in_memory,
    a_furnished_office,
    a_prepared_office,
    a_walk,
    flushed,
    manifest_holds,
    neither_old_nor_new,
    plain,
)

Moments = Iterator[tuple[str, Office]]


def held(ready: Office, walk: Walk) -> Moments:
    """What lies on the disk before each call that changes a file, and after the last: what a kill at that moment leaves."""
    office = ready.beside("work")
    copies: list[tuple[str, Office]] = []

    def look(number: int, call: Call) -> str:
        if call.changes:
            copies.append((str(call), office.copy(office.folder.parent / f"held-{number}")))
        return flushed(number, call)

    ended = office.type(walk, look)
    assert ended.status == 0, ended
    for told, copy in [*copies, ("nothing", office)]:
        yield told, copy
        shutil.rmtree(copy.folder)


def killed(ready: Office, walk: Walk) -> Moments:
    """The same, each from a run of its own that was ended by SIGKILL before that call."""
    told = 0
    status = -9
    while status == -9:
        told += 1
        office = ready.beside("work")
        ended = office.type(walk, _killer(told))
        status = ended.status
        yield ended.calls[-1], office
    assert status == 0, ended


def _killer(number: int) -> Callable[[int, Call], str]:
    """Kill before a changing call, counted from 1."""
    changing = 0

    def ask(at: int, call: Call) -> str:
        nonlocal changing
        changing += call.changes
        return KILL if changing == number else flushed(at, call)

    return ask


KILLED = {
    *("hours record", "hours import", "voucher capture", "statement close", "statement export again", "settlement approve"),
    *("init", LAST_STEP),
}
"""Commands that `make crashes` really kills."""


@pytest.mark.parametrize(
    ("walk", "moments"),
    [
        *((name, held) for name in WALKS),
        *(pytest.param(name, killed, marks=pytest.mark.crashes) for name in WALKS if name in KILLED),
    ],
    indirect=["walk"],
)
def test_a_command_cut_off_before_any_call_was_done_or_not_and_counts_once_when_repeated(
    walk: Walk, ready: Office, moments: Callable[[Office, Walk], Moments]
) -> None:
    reference = Reference(ready, walk)
    before, after = reference.before, reference.after
    reached = 0
    seen: set[str] = set()
    for told, office in moments(ready, walk):
        left = office.state()
        assert left.book in reference.stages[reached:], f"neither before nor after: {told}"
        reached = reference.stages.index(left.book)
        assert not neither_old_nor_new(left, before, after), told
        assert manifest_holds(office.folder / "out"), told
        if plain(repr(left)) not in seen:  # from the same state a command does the same
            seen.add(plain(repr(left)))
            again = office.type(walk, flushed)
            first = reference.again if left.book == after.book else reference.first
            assert (again.status, again.out) == (0, first.out), f"repeated after {told}: {again.err}"
            assert office.state().lasting == after.lasting, f"repeated after {told}"
    assert left == after
