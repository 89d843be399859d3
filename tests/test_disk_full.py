"""A disk that is really full: a small file system in memory, filled up to some kilobytes.

It is mounted in a namespace of a child process: nobody else sees it, and it ends with the child.
"""

import ctypes
import json
import os
from pathlib import Path

import pytest

from syscalls import watched
from walks import (  # noqa: F401 - fixtures
    WALKS,
    Office,
    State,
    Walk,
    a_folder_in_memory,
    a_furnished_office,
    a_prepared_office,
    a_walk,
    neither_old_nor_new,
)

_DISK_BYTES = 16 << 20
_STEP_BYTES = 8 << 10
_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_PRIVATE = 0x4000 | 0x40000  # MS_REC | MS_PRIVATE


def mount(place: Path) -> None:
    """Give this process a small disk at a place. Raises OSError where it may neither mount nor have a namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()

    def done(result: int, what: str) -> None:
        if result:
            raise OSError(ctypes.get_errno(), f"{what} is not allowed: run these tests as root, or let users unshare")

    done(libc.unshare(_NEW_MOUNTS | (_NEW_USER if user else 0)), "unshare")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    done(libc.mount(b"none", b"/", None, _PRIVATE, None), "mount --make-rprivate")
    done(libc.mount(b"tmpfs", bytes(place), b"tmpfs", 0, f"size={_DISK_BYTES}".encode()), "mount -t tmpfs")


def fill(folder: Path, free: int) -> Path:
    """Leave so many bytes of the disk free."""
    filler = folder / "filler"
    found = os.statvfs(folder)
    filler.write_bytes(bytes(found.f_bavail * found.f_frsize - free))
    return filler


def tried(ready: Office, walk: Walk, disk: Path) -> list[str]:
    """Type a command on a disk with no room, then a little more, until there is enough; gives what was wrong."""
    mount(disk)
    wrong: list[str] = []
    left: list[State] = []
    status, free = -1, 0
    while status != 0:
        office = ready.copy(disk / "office")
        before = office.state()
        filler = fill(disk, free)
        status, out, _ = office.run(walk)
        filler.unlink()
        told = f"with {free} bytes free: {status} {out}"
        if status:
            left.append(office.state())
            message = json.loads(out)["error"]["message"]
            wrong += [told] * (status != 74 or not ("full" in message or "No space" in message))
            wrong += [f"{told}, then {again}" for again in [office.run(walk)] if again[0]]
        free += _STEP_BYTES
    after = office.state()
    wrong += [f"the book changed: {state}" for state in left if state.book != before.book]
    wrong += [f"files changed: {files}" for state in left if (files := neither_old_nor_new(state, before, after))]
    wrong += [f"temporary files: {state}" for state in left if state.lasting != state]
    return wrong if left else ["it was never full"]


@pytest.mark.parametrize("walk", ["hours record", "hours import", "statement export again", "settlement export"], indirect=True)
def test_a_full_disk_is_named_and_nothing_is_changed_until_there_is_room(walk: Walk, ready: Office, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    ended = watched(lambda: (0, json.dumps(tried(ready, walk, disk), ensure_ascii=False), ""), disk)
    assert (ended.status, ended.err) == (0, "")
    assert json.loads(ended.out) == []
