"""What a disk may hold after a power cut, from the calls a command really made.

Nothing is promised for what was not flushed: of all that was written, named, renamed and removed since, any part may be there,
and the last write in part. A file's bytes are safe after fsync of the file; its name, new, changed or gone, after fsync of its
folder (fsync(2): "Calling fsync() does not necessarily ensure that the entry in the directory containing the file has also
reached disk"); all of it after sync(2), as Linux has it.
"""

import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from syscalls import Call

_SECTOR = 512
_ROOT, _NOWHERE = 0, -1


@dataclass
class Change:
    """Something a call did: bytes of a file, its length, or names in folders. `safe` from the moment (the number of a later
    call) at which it was flushed."""

    made: int
    file: int = -1
    place: int = 0
    data: bytes = b""
    length: int = -1
    names: dict[tuple[int, str], int | None] = field(default_factory=dict)
    safe: int = 1 << 60

    @property
    def folders(self) -> set[int]:
        """Folders whose flushing makes this safe: those in which something has a name now, or from which all of it is gone."""
        named = {folder for (folder, _), found in self.names.items() if found is not None}
        return named or {folder for folder, _ in self.names}

    def torn(self) -> "Change":
        """What of a write is there if the power goes in its middle."""
        half = len(self.data) // 2
        kept = half - half % _SECTOR if len(self.data) > _SECTOR else half
        return Change(self.made, self.file, self.place, self.data[:kept])


class Disk:
    """A folder as it was, and every change to it, in the order of the calls."""

    def __init__(self, folder: Path) -> None:
        self._names: dict[tuple[int, str], int] = {}
        self._files: dict[int, bytes] = {}
        self._folders: set[int] = {_ROOT}
        self._next = 1
        self.changes: list[Change] = []
        for path in sorted(folder.rglob("*")):
            number = self._new()
            self._names[self._key(str(path.relative_to(folder)))] = number
            if path.is_dir():
                self._folders.add(number)
            else:
                self._files[number] = path.read_bytes()
        self._before = dict(self._names), dict(self._files)
        self._new_folders: set[int] = set()

    def _new(self) -> int:
        self._next += 1
        return self._next - 1

    def _key(self, path: str) -> tuple[int, str]:
        folder = _ROOT
        *above, name = Path(path).parts
        for part in above:
            folder = self._names.get((folder, part), _NOWHERE)
        return folder, name

    def _find(self, path: str) -> int | None:
        return _ROOT if path == "." else self._names.get(self._key(path))

    def call(self, number: int, call: Call) -> None:
        """Take a call in: it is about to happen, and will succeed where it can."""
        if call.name == "sync":
            self._flushed(number, self.changes)
        elif call.name in ("fsync", "fdatasync"):
            file = self._find(call.file)
            self._flushed(number, [c for c in self.changes if c.file == file or file in c.folders])
        elif call.name == "openat":
            self._opened(number, call)
        elif call.name in ("write", "pwrite64", "ftruncate"):
            self._written(number, call)
        elif call.name in ("mkdir", "rename", "link", "unlink", "unlinkat", "rmdir"):
            self._renamed(number, call)
        else:
            assert call.name in ("pread64", "fchmod", "chmod"), f"what does {call} do?"

    def _flushed(self, number: int, changes: Iterable[Change]) -> None:
        for change in changes:
            change.safe = min(change.safe, number)

    def _opened(self, number: int, call: Call) -> None:
        file = self._find(call.file)
        if file is None and call.flags & os.O_CREAT:
            file = self._new()
            self._files[file] = b""
            self._name(number, {self._key(call.file): file})
        elif file is not None and call.flags & os.O_TRUNC:
            self.changes.append(Change(number, file, length=0))

    def _written(self, number: int, call: Call) -> None:
        file = self._find(call.file)
        if file is not None:  # else it was removed while it was open
            length = call.place if call.name == "ftruncate" else -1
            self.changes.append(Change(number, file, call.place, call.data, length))

    def _renamed(self, number: int, call: Call) -> None:
        key, file = self._key(call.file) if call.file != "." else (_ROOT, "."), self._find(call.file)
        if call.name == "mkdir":
            if file is None and key[0] != _NOWHERE:
                made = self._new()
                self._new_folders.add(made)
                self._name(number, {key: made})
        elif file is None:
            return
        elif call.name == "rename":
            self._name(number, {key: None, self._key(call.other): file})
        elif call.name == "link":
            if self._find(call.other) is None:
                self._name(number, {self._key(call.other): file})
        else:
            self._name(number, {key: None})

    def _name(self, number: int, names: dict[tuple[int, str], int | None]) -> None:
        self.changes.append(Change(number, names=names))
        _apply_names(self._names, names)

    def after(self, moment: int, chance: random.Random, many: int = 2) -> Iterator[list[Change]]:
        """What may have reached the disk when the power goes before a call: all that is safe, and of the rest nothing,
        everything, everything with the last write torn, all but one, and `many` parts by chance."""
        made = [change for change in self.changes if change.made < moment]
        rest = [change for change in made if change.safe >= moment]
        yield [change for change in made if change.safe < moment]
        if not rest:
            return
        yield made
        if rest[-1].data:
            yield [*(change for change in made if change is not rest[-1]), rest[-1].torn()]
        missing = chance.choice(rest)
        yield [change for change in made if change is not missing]
        for _ in range(many):
            lost = {id(change) for change in rest if chance.random() < 0.5}
            yield [change for change in made if id(change) not in lost]

    def write(self, changes: Iterable[Change], folder: Path) -> None:
        """Write what the disk holds into a folder."""
        names, files = dict(self._before[0]), {number: bytearray(data) for number, data in self._before[1].items()}
        for change in changes:
            if change.names:
                _apply_names(names, change.names)
                continue
            data = files.setdefault(change.file, bytearray())
            if change.length >= 0:
                data[change.length :] = bytes(max(0, change.length - len(data)))
            else:
                data.extend(bytes(max(0, change.place - len(data))))
                data[change.place : change.place + len(change.data)] = change.data
        folder.mkdir()
        self._put(_ROOT, folder, names, files)

    def _put(self, number: int, folder: Path, names: dict[tuple[int, str], int], files: dict[int, bytearray]) -> None:
        for (above, name), found in names.items():
            if above != number:
                continue
            if found in self._folders or found in self._new_folders:
                (folder / name).mkdir()
                self._put(found, folder / name, names, files)
            else:
                (folder / name).write_bytes(files.get(found, b""))


def _apply_names(names: dict[tuple[int, str], int], changed: dict[tuple[int, str], int | None]) -> None:
    for key, found in changed.items():
        if found is None:
            names.pop(key, None)
        else:
            names[key] = found
