"""Writing sheets: CSV files that open right in Excel and WPS, that no spreadsheet runs, and that are whole or not there.

A file gets a temporary name in its own folder, is flushed to the disk, and only then takes its name. A text cell stays text:
see `sheet_values.guard`. Other long digit strings cannot be protected in CSV without harming its readers: `="…"` is a formula,
a trailing tab changes the text. Up to 15 digits Excel keeps every digit (it may show 1.2E+13); ids have a letter in front.
"""

import codecs
import csv
import hashlib
import io
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from timebank.base.errors import Unwritable
from timebank.base.i18n import say
from timebank.base.sheet_survey import Encoding
from timebank.base.sheet_values import GUARDED_STARTS, UNGUARDED_CHARACTERS_MAX, guard

_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file writes its rows, always with CRLF. The default is ours: UTF-8 with BOM, commas."""

    encoding: Encoding = "utf-8-sig"
    delimiter: str = ","


OURS = Dialect()


class Written(NamedTuple):
    """A file that was written: the SHA-256 of its bytes in hex, and its rows without the header."""

    sha256: str
    rows: int


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str | int]], dialect: Dialect = OURS) -> Written:
    """Write a CSV file (RFC 4180) of any length, a piece at a time; on any error what stood at `path` stays as it was.

    Texts are guarded against spreadsheets, ints are written as plain digits. Raises Unwritable `unwritable`, and whatever
    `rows` raises.
    """
    return write_pieces(path, _pieces(header, rows, dialect))


def write_pieces(path: Path, pieces: Iterable[tuple[bytes, int]]) -> Written:
    """Write a file of any kind and length as its pieces come, each with the rows in it; on an error what stood there stays.

    Raises Unwritable `unwritable`, and whatever `pieces` raises.
    """
    digest, count = hashlib.sha256(), 0
    with _replacing(path) as descriptor:
        for data, added in pieces:
            digest.update(data)
            count += added
            _write(descriptor, data, path)
    sync_folder(path.parent)
    return Written(digest.hexdigest(), count)


def write_csv_text(path: Path, header: Sequence[str], rows: Sequence[Sequence[str | int]]) -> Written:
    """Write one of many small CSV files, as `write_csv` does, but leave its folder: call `sync_folder` after the last one.

    Until then a power cut may forget that the file is there; it never leaves half a file. Raises Unwritable `unwritable`.
    """
    return Written(write_bytes(path, csv_bytes(header, rows)), len(rows))


def write_bytes(path: Path, data: bytes, mode: int = 0o666) -> str:
    """Write a small file of any kind whole or not at all, and give its SHA-256 in hex; the folder as in `write_csv_text`.

    `mode` is who may read and write it (POSIX), less what the umask takes.
    """
    with _replacing(path, mode) as descriptor:
        _write(descriptor, data, path)
    return hashlib.sha256(data).hexdigest()


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str | int]], dialect: Dialect = OURS) -> bytes:
    """The bytes `write_csv` writes, in memory."""
    return b"".join(data for data, _ in _pieces(header, rows, dialect))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut. Raises Unwritable `unwritable`."""
    if os.name == "nt":  # Windows opens no folders and keeps names by itself
        return
    with _said_plainly(folder):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are not there, so that they survive a power cut. Raises Unwritable."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    with _said_plainly(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def _pieces(header: Sequence[str], rows: Iterable[Sequence[str | int]], dialect: Dialect) -> Iterator[tuple[bytes, int]]:
    """The file's bytes a piece at a time, with the number of rows in each."""
    encoder = codecs.getincrementalencoder(dialect.encoding)()
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=dialect.delimiter, lineterminator="\r\n")
    writer.writerow([guard(name) for name in header])
    source = iter(rows)
    while batch := [_guarded(row) for row in islice(source, _ROWS_AT_ONCE)]:
        writer.writerows(batch)
        yield encoder.encode(text.getvalue()), len(batch)
        text.seek(0)
        text.truncate()
    yield encoder.encode(text.getvalue(), final=True), 0


def _guarded(row: Sequence[str | int]) -> list[str | int]:
    starts, most = GUARDED_STARTS, UNGUARDED_CHARACTERS_MAX
    return [guard(c) if isinstance(c, str) and (c[:1] in starts or len(c) > most) else c for c in row]


@contextmanager
def _replacing(path: Path, mode: int = 0o666) -> Iterator[int]:
    """A descriptor of a new file that takes the place of `path` when all of it is on the disk, and vanishes on any error."""
    temporary = path.parent / f".timebank-{secrets.token_hex(8)}.tmp"
    with _said_plainly(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        try:
            yield descriptor
            with _said_plainly(path):
                os.fsync(descriptor)
        finally:
            with _said_plainly(path):
                os.close(descriptor)
        with _said_plainly(path):
            os.replace(temporary, path)
    finally:
        with suppress(OSError):  # gone already when it took its name
            temporary.unlink()


def _write(descriptor: int, data: bytes, path: Path) -> None:
    rest = memoryview(data)
    with _said_plainly(path):
        while rest:
            rest = rest[os.write(descriptor, rest) :]


@contextmanager
def _said_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unwritable(
            say("{file} cannot be written: {cause}.", file=str(path), cause=error.strerror or type(error).__name__),
            "unwritable",
            say("Check free space and permissions of its folder, and close the file in other programs."),
        ) from error
