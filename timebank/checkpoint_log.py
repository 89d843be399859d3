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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from itertools import islice
from pathlib import Path

from timebank.base.config import sqlite_path
from timebank.base.errors import Unwritable
from timebank.base.i18n import say
from timebank.base.sheet_writing import sync_folder

LINE_BYTES_MAX = 4_096
"""Longer than any line the program writes (some 300 bytes): what is longer is none."""
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


def last(path: Path, code: str) -> Line | None:
    """A community's last line, read from the end of the file; None without any. Raises Unwritable `log_unreadable`."""
    return next(backwards(path, code), None)


def backwards(path: Path, code: str) -> Iterator[Line]:
    """A community's lines, last first. What is no line is passed over: `lines` tells. Raises Unwritable `log_unreadable`."""
    with _said_plainly(path), suppress(FileNotFoundError), FileIO(path) as file:
        for written in _from_the_end(file):
            line = _read(written)
            if line is not None and line.code == code:
                yield line


def lines(path: Path) -> Iterator[tuple[int, Line | None]]:
    """All lines with their numbers from 1; None for what is no line. Raises Unwritable `log_unreadable`."""
    with _said_plainly(path), suppress(FileNotFoundError), path.open("rb") as file:
        number = 0
        while written := file.readline(LINE_BYTES_MAX + 1):
            number += 1
            yield number, _read(written)
            while len(written) > LINE_BYTES_MAX and not written.endswith(b"\n"):
                written = file.readline(LINE_BYTES_MAX + 1)


def check_writable(path: Path) -> None:
    """Refuse before anything is done what could not be logged after it. Raises Unwritable `log_unreadable`."""
    with _said_plainly(path):
        if path.exists():
            os.close(os.open(path, os.O_RDWR))
        elif not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def append(path: Path, code: str, more: Iterable[Line]) -> int:
    """Add those of a community's lines that come after its last one, flush them to the disk, and give how many they were.

    All or none; raises Unwritable `log_unwritten`, and OSErrors of nobody else.
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


def _from_the_end(file: FileIO) -> Iterator[bytes]:
    """What stands between line breaks, last first; the first given is what stands behind the last line break."""
    start = file.seek(0, os.SEEK_END)
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
        _lock(file.fileno())
        new = file.seek(0, os.SEEK_END) == 0
        yield file
        if new:
            sync_folder(path.parent)


def _open_or_make(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o644)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        """Lock a byte no line will ever have: what is locked there cannot be read by others."""
        os.lseek(descriptor, 1 << 40, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


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
