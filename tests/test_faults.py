"""What the machine can do to a command: the k-th call fails, the disk is full, someone else holds the lock.

A fault of the machine is said in a sentence with its cause and exit status 74 (6 where waiting helps), never as a bug. The book
is as it was, no file is half written, and the same command works when the machine does.
"""

import errno
import json
from collections.abc import Callable

import pytest

from syscalls import Call, Ended
from walks import (  # noqa: F401 - fixtures
    LAST_STEP,
    WALKS,
    Ask,
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

_NEED_SPACE = {"openat", "mkdir", "link", "write", "pwrite64", "ftruncate", "fallocate"}


def full_from(number: int) -> Ask:
    """A disk that has no space left from a call on, whatever else it still does."""

    def ask(at: int, call: Call) -> str | int:
        return errno.ENOSPC if at >= number and call.changes and call.name in _NEED_SPACE else flushed(at, call)

    return ask


def failing_once(number: int) -> Ask:
    """A disk on which one call fails: reading, writing, flushing, renaming, removing."""
    return lambda at, call: errno.EIO if at == number else flushed(at, call)


def gone_from(number: int) -> Ask:
    """A disk that answers no call any more."""
    return lambda at, call: errno.EIO if at >= number else flushed(at, call)


_UNREADABLE = {"unreadable"}
"""What a sheet that cannot be read is called: input, which is exit status 8."""
_UNLOGGED = "unlogged"
_COUNTED = {"unsure", _UNLOGGED}
"""After these a command may have counted, and says so."""

LONGER_UPGRADES = {name for name in WALKS if name.startswith("db upgrade")} - {LAST_STEP}
OFTEN = [("hours import", failing_once), ("hours record", full_from), ("statement export again", failing_once)]
"""What every run of the tests walks, and what only `make crashes` does: it would take minutes."""
SELDOM = [
    *((name, failing_once) for name in WALKS if (name, failing_once) not in OFTEN and name not in LONGER_UPGRADES),
    *((name, full_from) for name in ("hours import", "statement export again", "init")),
    *((name, gone_from) for name in ("hours record", "statement export again", "init")),
]


@pytest.mark.parametrize(
    ("walk", "fault"), [*OFTEN, *(pytest.param(*one, marks=pytest.mark.crashes) for one in SELDOM)], indirect=["walk"]
)
def test_a_command_that_the_disk_fails_says_so_and_changes_nothing(
    walk: Walk, ready: Office, fault: Callable[[int], Ask]
) -> None:
    reference = Reference(ready, walk)
    before, after = reference.before, reference.after
    seen: set[str] = set()
    failed = 0
    for number, told in enumerate(reference.first.calls, 1):
        if fault is full_from and told.partition(" ")[0] not in _NEED_SPACE:
            continue
        office = ready.beside("work")
        ended = office.type(walk, fault(number))
        left = office.state()
        assert "Traceback" not in ended.err
        if ended.status == 0:  # what failed was not needed: a folder that could not be opened, a temporary file left
            assert left.lasting == after.lasting, told
        else:
            failed += 1
            code = _code(ended)
            assert ended.status == (8 if code in _UNREADABLE else 74), f"{told}: {ended}"
            assert left.book in (reference.stages[:-1] if code not in _COUNTED else reference.stages), f"{told}: {ended}"
        assert not neither_old_nor_new(left, before, after), told
        assert manifest_holds(office.folder / "out"), told
        if plain(repr(left)) not in seen:
            seen.add(plain(repr(left)))
            again = office.type(walk, flushed)
            first = reference.again if left.book == after.book else reference.first
            assert (again.status, again.out) == (0, first.out), f"repeated after {told}: {again.err}"
            assert office.state().lasting == after.lasting, f"repeated after {told}"
    assert failed


def _code(ended: Ended) -> str:
    """The code of the error a command ended with, or what it is when a command counted but its head was not written down."""
    told = json.loads(ended.out)
    return str(told["error"]["code"] if "error" in told else _UNLOGGED)
