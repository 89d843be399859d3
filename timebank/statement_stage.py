"""A folder of files that appears whole or not at all: thousands of small ones, hashed, with a manifest that names them.

They are made ready in a folder inside the one they go to; then they take their places together.
"""

import codecs
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from timebank.base.errors import Unwritable
from timebank.base.i18n import say
from timebank.base.sheets import Written, make_folder, sync_folder

_MANIFEST = "manifest.json"
_OURS = re.compile(r"(?:member/|merchant/)?[^/\\]+\.(?:csv|txt|html)")
_FOLDERS = ("member", "merchant")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Sheet:
    """A file that grows while the statements go by: hashed and counted on its way."""

    def __init__(self, path: Path, header: bytes) -> None:
        self._file = path.open("wb", buffering=1 << 18)
        self._digest = hashlib.sha256()
        self._rows = 0
        self.add(codecs.BOM_UTF8 + header, 0)

    def add(self, data: bytes, rows: int) -> None:
        """Add some rows."""
        self._file.write(data)
        self._digest.update(data)
        self._rows += rows

    def close(self) -> Written:
        """Give the file's hash and rows."""
        self._file.close()
        return Written(self._digest.hexdigest(), self._rows)


class Stage:
    """A folder inside the one the files go to, where they are made ready; then they take their places together.

    Thousands of small files are flushed to the disk with one call, not one by one: ten times as fast, and nothing takes its
    name before all of them are safe. The manifest goes first and comes back last, so a folder that has one is whole.
    """

    def __init__(self, to: Path, path: Path) -> None:
        self._to, self._path, self._prefix = to, path, f"{path}{os.sep}"
        self._sheets: dict[str, Sheet] = {}
        self._written: dict[str, Written] = {}
        self.about: dict[str, Any] = {}
        for folder in _FOLDERS:
            (path / folder).mkdir()

    def sheet(self, name: str, header: bytes) -> Sheet:
        """Begin a file that is written bit by bit."""
        sheet = self._sheets[name] = Sheet(self._path / name, header)
        return sheet

    def put(self, name: str, data: bytes, rows: int) -> None:
        """Write a small file at once."""
        descriptor = os.open(self._prefix + name, _NEW_FILE, 0o666)  # a file object for each of thousands costs as much
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
        self._written[name] = Written(hashlib.sha256(data).hexdigest(), rows)

    def abandon(self) -> None:
        """Close what is still open; what a full disk does not take of it any more is not wanted."""
        for sheet in self._sheets.values():
            with suppress(OSError):
                sheet.close()

    def publish(self) -> dict[str, Written]:
        """Flush all files, put them in their places, remove what an earlier export left, write the manifest."""
        self._written |= {name: sheet.close() for name, sheet in self._sheets.items()}
        files = dict(sorted(self._written.items()))
        listed = {name: {"sha256": written.sha256, "rows": written.rows} for name, written in files.items()}
        (self._path / _MANIFEST).write_bytes(_manifest(self.about, listed))
        _flush(self._path, [*files, _MANIFEST])
        left = _left_by_earlier(self._to, files)
        (self._to / _MANIFEST).unlink(missing_ok=True)
        sync_folder(self._to)  # or a power cut may bring the old list back beside new files
        self._put_in_place(files)
        for path in left:
            path.unlink(missing_ok=True)
        for folder in {name.rpartition("/")[0] for name in files}:
            sync_folder(self._to / folder)
        os.replace(self._path / _MANIFEST, self._to / _MANIFEST)
        sync_folder(self._to)
        return files

    def _put_in_place(self, files: Iterable[str]) -> None:
        """Move files to where they belong; a folder that is not there yet moves as a whole."""
        moved = set()
        for folder in _FOLDERS:
            if not (self._to / folder).exists():
                os.replace(self._path / folder, self._to / folder)
                moved.add(folder)
        target = f"{self._to}{os.sep}"
        for name in files:
            if name.partition("/")[0] not in moved:
                os.replace(self._prefix + name, target + name)


def _manifest(about: Mapping[str, Any], files: Mapping[str, Any]) -> bytes:
    """JSON with a line for each file, so that two of them compare well."""
    head = json.dumps(about, ensure_ascii=False, indent=1, sort_keys=True).removesuffix("\n}")
    body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(written, sort_keys=True)}" for name, written in files.items())
    return f'{head},\n "files": {{\n{body}\n }}\n}}\n'.encode()


def _flush(folder: Path, names: Iterable[str]) -> None:
    """Have files on the disk before they take their names."""
    platform: str = sys.platform
    if platform == "linux":  # where sync(2) waits until all is written
        os.sync()
        return
    for name in names:
        with (folder / name).open("rb+") as file:
            os.fsync(file.fileno())


def _left_by_earlier(to: Path, files: Iterable[str]) -> list[Path]:
    """Files that an earlier export listed and wrote, that nobody changed since and that this one does not replace."""
    try:
        listed = json.loads((to / _MANIFEST).read_bytes())["files"]
        earlier = {name: written["sha256"] for name, written in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    left = []
    for name in sorted(set(earlier) - set(files)):
        path = to / name
        ours = _OURS.fullmatch(name) and path.is_file() and not path.is_symlink()
        if ours and hashlib.sha256(path.read_bytes()).hexdigest() == earlier[name]:
            left.append(path)
    return left


@contextmanager
def staging(to: Path, name: str) -> Iterator[Stage]:
    """A stage that is gone afterwards, whatever happens; what a killed export left of one is cleared first."""
    path = to / f".{name}.tmp"
    make_folder(to)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    stage = Stage(to, path)
    try:
        yield stage
    finally:
        stage.abandon()
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def said_plainly(to: Path) -> Iterator[None]:
    """Tell what the disk refuses about a folder as Unwritable `unwritable`."""
    try:
        yield
    except OSError as error:
        raise Unwritable(
            say("{file} cannot be written: {cause}.", file=str(to), cause=error.strerror or type(error).__name__),
            "unwritable",
            say("Check free space and permissions of its folder, and close the file in other programs."),
        ) from error
