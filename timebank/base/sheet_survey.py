"""A first look at every byte of a file before a sheet is read from it: size, kind, encoding, NUL bytes, SHA-256.

The file is read in pieces of 256 KiB; what it holds never decides how much memory is used.
"""

import codecs
import hashlib
import io
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

from timebank.base.errors import Invalid, NotFound
from timebank.base.i18n import Say, say

Encoding = Literal["utf-8", "utf-8-sig", "utf-16", "gb18030"]

_PIECE_BYTES = 1 << 18
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # .xlsx, and every other ZIP file
_OLE_START = b"\xd0\xcf\x11\xe0"  # .xls, and an .xlsx under a password
_LOCKED = "EncryptedPackage".encode("utf-16-le")  # the stream that holds an .xlsx under a password (source: MS-OFFCRYPTO)


@dataclass(frozen=True, slots=True)
class Packed:
    """A ZIP file as it was found: `digest` is the SHA-256 of its bytes in hex, `stamp` changes when it is saved anew."""

    path: Path
    digest: str
    stamp: tuple[int, ...]

    @contextmanager
    def binary(self) -> Iterator[io.BufferedReader]:
        """Open it. Raises Invalid `file_changed` if it is not, or no longer, what was found."""
        with opened(self.path) as file:
            self.check(file)
            yield file
            self.check(file)

    def check(self, file: io.BufferedReader | TextIO) -> None:
        """Compare an open file with what was found. Raises Invalid `file_changed`."""
        if _stamp(file.fileno()) != self.stamp:
            raise self.changed()

    def changed(self) -> Invalid:
        """What to say of a file that is another than was found."""
        return Invalid(
            say("{file} was changed while it was read.", file=self.path.name),
            "file_changed",
            say("Close it in Excel or WPS and run the command again."),
        )


@dataclass(frozen=True, slots=True)
class Source(Packed):
    """A text file as it was found."""

    encoding: Encoding

    @contextmanager
    def reading(self) -> Iterator[TextIO]:
        """Open its text, line ends untouched. Raises Invalid `file_changed` if it is not, or no longer, what was found."""
        with opened(self.path) as file, io.TextIOWrapper(file, encoding=self.encoding, newline="") as text:
            self.check(text)
            try:
                yield text
            except UnicodeDecodeError as error:  # the survey read every byte of it
                raise self.changed() from error
            self.check(text)


def survey(path: Path, bytes_max: int) -> Source | Packed:
    """Read all of a file once and tell what it is: a text, or packed as .xlsx is.

    UTF-8 is tried first, over the whole file, then GB18030 (which holds GBK and GB 2312); a BOM decides by itself. Raises
    NotFound `no_file`; Invalid `unreadable`, `file_too_large`, `old_workbook` (.xls), `locked_workbook`,
    `bad_encoding`, `nul_bytes`, `empty_file`.
    """
    with opened(path) as file:
        stamp = _stamp(file.fileno())
        size = os.fstat(file.fileno()).st_size
        if size > bytes_max:
            message = say("{file} has {size} bytes; {most} are the most.", file=path.name, size=size, most=bytes_max)
            raise Invalid(message, "file_too_large", say("Split it into several files."))
        start = file.read(4)
        if start == _OLE_START:
            raise _old_or_locked(file, path.name)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if start in _ZIP_STARTS:
            return Packed(path, digest, stamp)
        return Source(path, digest, stamp, _recognise(file, start, path.name))


def _old_or_locked(file: io.BufferedReader, name: str) -> Invalid:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        locked = data.find(_LOCKED) >= 0
    if locked:
        message = say("{file} is locked with a password.", file=name)
        return Invalid(message, "locked_workbook", say("Open it in Excel or WPS, take the password off and save it as .xlsx."))
    message = say("{file} is a workbook of an old kind (.xls).", file=name)
    return Invalid(message, "old_workbook", say("Open it in Excel or WPS and save it as .xlsx."))


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes in hex, read piece by piece. Raises NotFound `no_file`, Invalid `unreadable`."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """Open an ordinary file for reading. Raises NotFound `no_file`, Invalid `unreadable` (a folder, no permission, a bad disk).

    Whatever OSError comes out of the block is taken for an error of reading this file.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked first: opening a pipe would wait for ever
            raise _unreadable(path, say("it is not an ordinary file"))
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        message = say("There is no file {file}.", file=str(path))
        raise NotFound(message, "no_file", say("Check the folder and the name.")) from error
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error


def _unreadable(path: Path, cause: Say | str) -> Invalid:
    return Invalid(
        say("{file} cannot be read: {cause}.", file=str(path), cause=cause),
        "unreadable",
        say("Close it in other programs, and check that it is an ordinary file you may read."),
    )


def _save_as_csv() -> Say:
    return say("Open it in Excel or WPS and save it as CSV (UTF-8).")


def _stamp(descriptor: int) -> tuple[int, ...]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _recognise(file: io.BufferedReader, start: bytes, name: str) -> Encoding:
    """The encoding in which all of the file can be read."""
    if start.startswith(codecs.BOM_UTF8):
        damage = _first_damage(file, "utf-8-sig", name)
        encoding: Encoding = "utf-8-sig"
    elif start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        damage = _first_damage(file, "utf-16", name)
        encoding = "utf-16"
    else:
        damage = _first_damage(file, "utf-8", name)
        encoding = "utf-8"
        if damage is not None and not damage.mostly_utf8:
            damage = _first_damage(file, "gb18030", name)
            encoding = "gb18030"
    if damage is not None:
        raise Invalid(
            say("{file} is damaged, or neither UTF-8 nor GB18030: line {line} cannot be read.", file=name, line=damage.line),
            "bad_encoding",
            _save_as_csv(),
        )
    return encoding


class _Damage(NamedTuple):
    line: int
    mostly_utf8: bool


def _first_damage(file: io.BufferedReader, encoding: Encoding, name: str) -> _Damage | None:
    """Read all of a file in an encoding; where that fails, say where. Raises Invalid `nul_bytes`, `empty_file`."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, blank, piece = 1, True, b"-"
    file.seek(0)
    while piece:
        piece = file.read(_PIECE_BYTES)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            return _Damage(line + error.object.count(b"\n", 0, error.start), _mostly_utf8(error.object))
        if "\0" in text:
            line += text.count("\n", 0, text.index("\0"))
            raise Invalid(
                say("{file} holds a NUL byte in line {line}: it is no text file.", file=name, line=line),
                "nul_bytes",
                _save_as_csv(),
            )
        line += text.count("\n")
        blank = blank and not text.strip("\ufeff \t\r\n")
    if blank:
        raise Invalid(say("{file} is empty.", file=name), "empty_file", say("Is it the right file, and was it saved?"))
    return None


def _mostly_utf8(data: bytes) -> bool:
    """Tell damaged UTF-8 from GB18030: read as UTF-8, the one is Chinese with some gaps, the other gaps and hardly any Chinese.

    Without this a UTF-8 file with one bad byte could be read as GB18030, without an error and with every name wrong.
    """
    text = data.decode("utf-8", errors="replace")
    return 2 * sum("\u2e80" <= character <= "\uffdc" for character in text) > text.count("\ufffd")
