"""The log of checkpoints: a file beside the database that holds every signed head of the log, a line each, and only grows.

A line is a JSON object of `made_at` and `note`, the signed note as the database keeps it (docs/checkpoints.md). Whoever puts
an older database in the place of this one, or another, is found out by the last line. Several communities may share a file.
Lines are written under a lock of the file and flushed to the disk; a line torn by a power cut is mended by the next one.
"""

import errno
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from io import FileIO
from itertools import islice
from pathlib import Path

from timebank.base.config import sqlite_path
from timebank.base.errors import Busy, Unwritable
from timebank.base.i18n import say
from timebank.base.sheet_writing import sync_folder

LINE_BYTES_MAX = 4_096
"""Longer than any line the program writes (some 300 bytes): what is longer is none."""
SIZE_MAX = 10**18 - 1
"""More entries no log has: a note's size has 18 digits at most."""
WAIT_SECONDS_MAX = 30
"""How long a command waits for the lock of the file, which others hold for a moment only: as long as for the database's, which
is not imported here, so that `doctor` starts at once."""
_PAUSE = timedelta(milliseconds=50)
_BLOCK = 8_192
_LINES_AT_ONCE = 500
_ORIGIN = re.compile(r"([^/\n]+)/([1-9][0-9]{0,8})\n([0-9]{1,18})\n")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: the moment a head was signed at ('2026-10-20T04:00:00Z'; not signed itself) and its note, and what the note
    says it is about, which only the signature proves: the community's `code`, the log's `incarnation`, the `size`."""

    made_at: str
    note: str
    code: str
    incarnation: int
    size: int

    @property
    def place(self) -> tuple[int, int]:
        """Incarnation and size: the order in which a community's heads are made."""
        return self.incarnation, self.size


def path_of(url: str, configured: str | None, keys_file: Path) -> Path:
    """Where a database's log lies: the configured path, else beside the SQLite file, else beside the file of keys."""
    if configured:
        return Path(configured)
    beside = sqlite_path(url) or str(keys_file).removesuffix(".keys")
    return Path(f"{beside}.checkpoints.log")


def line_of(made_at: str, note: str) -> Line | None:
    """A line from its two texts; None if the note is not about a community's log."""
    found = _ORIGIN.match(note)
    return None if found is None else Line(made_at, note, found[1], int(found[2]), int(found[3]))


def length(path: Path) -> int:
    """How many bytes the file has now; 0 if that cannot be told: whoever then reads it is told why.

    Who reads a database without its lock asks first, and reads no further: what is added meanwhile is about later entries.
    """
    try:
        return path.stat().st_size
    except OSError:
        return 0


def last(path: Path, code: str, until: int | None = None) -> Line | None:
    """A community's last line within the first `until` bytes, read from there; None without any.

    Raises Unwritable `log_unreadable`.
    """
    return next(backwards(path, code, until), None)


def backwards(path: Path, code: str, until: int | None = None) -> Iterator[Line]:
    """A community's lines within the first `until` bytes, last first. What is no line is passed over: `lines` tells.

    Raises Unwritable `log_unreadable`.
    """
    with _said_plainly(path), suppress(FileNotFoundError), FileIO(path) as file:
        for written in _from_the_end(file, until):
            line = _read(written)
            if line is not None and line.code == code:
                yield line


def lines(path: Path, until: int | None = None) -> Iterator[tuple[int, Line | None]]:
    """All lines within the first `until` bytes with their numbers from 1; None for what is no line.

    A piece without a line break at the end is a line or nothing: a power cut tore it, or it is being written.
    Raises Unwritable `log_unreadable`.
    """
    with _said_plainly(path), suppress(FileNotFoundError), path.open("rb") as file:
        rest = os.fstat(file.fileno()).st_size if until is None else until
        number = 0
        while written := file.readline(min(rest, LINE_BYTES_MAX + 1)):
            number += 1
            rest -= len(written)
            line = _read(written)
            while len(written) > LINE_BYTES_MAX and not written.endswith(b"\n"):
                written = file.readline(min(rest, LINE_BYTES_MAX + 1))
                rest -= len(written)
            if line is not None or written.endswith(b"\n"):
                yield number, line


def check_writable(path: Path) -> None:
    """Refuse before anything is done what could not be logged after it. Raises Unwritable `log_unreadable`."""
    with _said_plainly(path):
        if path.exists():
            os.close(os.open(path, os.O_RDWR))
        elif not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def append(path: Path, code: str, more: Iterable[Line]) -> int:
    """Add those of a community's lines that come after its last one, flush them to the disk, and give how many they were.

    All or none; raises Unwritable `log_unwritten`, Busy `log_locked` where another program does not let go of the file.
    """
    try:
        with _locked(path) as file:
            end = _mended(file)
            newest = next((line for line in map(_read, _from_the_end(file)) if line is not None and line.code == code), None)
            try:
                return _added(file, more, newest)
            except OSError:
                with suppress(OSError):  # a line that is torn all the same is mended by the next command
                    file.truncate(end)
                raise
    except OSError as error:
        raise Unwritable(
            say("{file} cannot be written: {cause}.", file=str(path), cause=_cause(error)),
            "log_unwritten",
            say("Make room for it or bring it back; the next command writes what is missing in it."),
        ) from error


def _added(file: FileIO, more: Iterable[Line], newest: Line | None) -> int:
    file.seek(0, os.SEEK_END)
    count = 0
    for some in _new(more, newest):
        _write(file, b"".join(map(_written, some)))
        count += len(some)
    if count:
        os.fsync(file.fileno())
    return count


def _new(more: Iterable[Line], newest: Line | None) -> Iterator[list[Line]]:
    """The lines after the last one, some hundred at a time."""
    source = (line for line in more if newest is None or line.place > newest.place)
    while some := list(islice(source, _LINES_AT_ONCE)):
        yield some


def _write(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _mended(file: FileIO) -> int:
    """End what a power cut left without an end: a whole line gets its line break, a torn one goes. Gives the file's size."""
    size = file.seek(0, os.SEEK_END)
    tail = next(_from_the_end(file), b"")
    if tail and _read(tail) is not None:
        file.seek(size)
        _write(file, b"\n")
        return size + 1
    if tail:
        size -= _tail_bytes(file, size)
        file.truncate(size)
    return size


def _tail_bytes(file: FileIO, size: int) -> int:
    """How many bytes stand behind the last line break."""
    for start in range(max(0, size - 1) // _BLOCK * _BLOCK, -1, -_BLOCK):
        file.seek(start)
        at = file.read(_BLOCK).rfind(b"\n")
        if at >= 0:
            return size - start - at - 1
    return size


def _from_the_end(file: FileIO, until: int | None = None) -> Iterator[bytes]:
    """What stands between line breaks, last first; the first given is what stands behind the last line break."""
    start = file.seek(0, os.SEEK_END)
    start = start if until is None else min(start, until)
    rest = b""
    while start:
        end, start = start, max(0, start - _BLOCK)
        file.seek(start)
        first, *found = (file.read(end - start) + rest).split(b"\n")
        yield from reversed(found)
        rest = first[: LINE_BYTES_MAX + 1]  # enough of one that is too long to know it
    yield rest


def _read(written: bytes) -> Line | None:
    if not written or len(written) > LINE_BYTES_MAX:
        return None
    try:
        found = json.loads(written)
        made_at, note = found["made_at"], found["note"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return line_of(made_at, note) if isinstance(made_at, str) and isinstance(note, str) else None


def _written(line: Line) -> bytes:
    shown = {"made_at": line.made_at, "note": line.note}
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@contextmanager
def _locked(path: Path) -> Iterator[FileIO]:
    """The file, made if there is none, under a lock that other programs' writers wait for and that ends with the process."""
    with open(path, "r+b", buffering=0, opener=_open_or_make) as file:
        _wait_for_lock(file.fileno(), path)
        new = file.seek(0, os.SEEK_END) == 0
        yield file
        if new:
            sync_folder(path.parent)


def _open_or_make(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)  # who may open it may lock it, and so stop all writing


def _wait_for_lock(descriptor: int, path: Path) -> None:
    """Lock the file, within `WAIT_SECONDS_MAX`: without a limit a command that counted would never say so."""
    for _ in range(timedelta(seconds=WAIT_SECONDS_MAX) // _PAUSE):
        if _lock(descriptor):
            return
        time.sleep(_PAUSE.total_seconds())
    if not _lock(descriptor):
        raise Busy(
            say("Another program holds the log of checkpoints {file}.", file=str(path)),
            "log_locked",
            say("End that program (a copy, a backup, an editor); the next command writes what is missing in the file."),
        )


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        """Lock a byte no line will ever have, if nobody has: what is locked there cannot be read by others."""
        os.lseek(descriptor, 1 << 40, os.SEEK_SET)
        with suppress(PermissionError):
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            return True
        return False
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        """Lock the file, if nobody has."""
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False


@contextmanager
def _said_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unwritable(
            say("The log of checkpoints {file} cannot be used: {cause}.", file=str(path), cause=_cause(error)),
            "log_unreadable",
            say("Nothing was done. Set its permissions right, or name another place with TIMEBANK_CHECKPOINTS."),
        ) from error


def _cause(error: OSError) -> str:
    return error.strerror or type(error).__name__
