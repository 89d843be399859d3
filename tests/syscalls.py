"""The kernel asks a test before each call of a child process that could change a file or reach a server.

A process that dies by SIGKILL leaves nothing but what its system calls did. So the moments at which a command can be killed, as
far as anybody could ever tell, are the moments before each such call; and the ways in which a disk or a server can fail it are
the ways in which these calls fail. Linux hands them over one by one (seccomp user notification, seccomp_unotify(2)): the child
is held in the call until the test says to let it happen, to fail it, to say it was done, or to kill the child there and then.
"""

import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

GO, KILL, DONE = "go", "kill", "done"
"""What a test answers to a call; a number instead is the errno with which the call fails."""

# Calls by name: number on x86_64, number on aarch64 (0: that machine has only the newer form), where the path or descriptor is.
_CALLS: dict[str, tuple[int, int, str]] = {
    "open": (2, 0, "path 0"),
    "openat": (257, 56, "path 1"),
    "mkdir": (83, 0, "path 0"),
    "mkdirat": (258, 34, "path 1"),
    "rmdir": (84, 0, "path 0"),
    "unlink": (87, 0, "path 0"),
    "unlinkat": (263, 35, "path 1"),
    "rename": (82, 0, "path 0"),
    "renameat": (264, 38, "path 1"),
    "renameat2": (316, 276, "path 1"),
    "link": (86, 0, "path 0"),
    "linkat": (265, 37, "path 1"),
    "truncate": (76, 45, "path 0"),
    "ftruncate": (77, 46, "fd 0"),
    "fallocate": (285, 47, "fd 0"),
    "write": (1, 64, "fd 0"),
    "writev": (20, 66, "fd 0"),
    "pwrite64": (18, 68, "fd 0"),
    "pwritev": (296, 70, "fd 0"),
    "pread64": (17, 67, "fd 0"),
    "fsync": (74, 82, "fd 0"),
    "fdatasync": (75, 83, "fd 0"),
    "chmod": (90, 0, "path 0"),
    "fchmod": (91, 52, "fd 0"),
    "sync": (162, 81, "all"),
    "sendto": (44, 206, "fd 0"),
    "recvfrom": (45, 207, "fd 0"),
}
_MACHINE = {"x86_64": 0, "aarch64": 1}.get(platform.machine(), 0)
_NAMES = {numbers[_MACHINE]: name for name, numbers in _CALLS.items() if numbers[_MACHINE]}
_SECCOMP = (317, 277)[_MACHINE]
_LISTEN = 8  # SECCOMP_FILTER_FLAG_NEW_LISTENER
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_RECEIVE, _ANSWER, _CONTINUE = 0xC0502100, 0xC0182101, 1
_NO_NEW_PRIVILEGES = 38
_HERE = 0xFFFFFF9C  # AT_FDCWD
_SECONDS_MAX = 120
_PATH_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is about to happen: its name and the file it is about (below the watched folder; `socket` for a server)."""

    name: str
    file: str
    flags: int = 0
    other: str = ""
    """The second name of a rename or a link."""
    data: bytes = b""
    """What is written."""
    place: int = 0
    """Where in the file it is written; of a truncation, the length."""

    def __str__(self) -> str:
        return f"{self.name} {self.file}"

    @property
    def changes(self) -> bool:
        """Whether it could change anything outside the process."""
        if self.name == "openat":
            return bool(self.flags & (os.O_CREAT | os.O_TRUNC))
        return self.name not in ("pread64", "recvfrom")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: its exit status (-9: killed), what it said on stdout and stderr, and the calls it made."""

    status: int
    out: str
    err: str
    calls: tuple[str, ...]


def watched(
    work: Callable[[], tuple[int, str, str]], folder: Path, ask: Callable[[int, Call], str | int] = lambda _number, _call: GO
) -> Ended:
    """Fork; the child does `work` and gives status, stdout and stderr; before each call on a file below `folder`, or on a
    socket, `ask` is given its number (from 1) and the call. Raises AssertionError where the kernel cannot do it."""
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of the test runner do not matter to the child
        child = os.fork()
    if child == 0:
        ours.close()
        _be_watched(theirs, work)
    theirs.close()
    try:
        _, (listener,), _, _ = socket.recv_fds(ours, 1, 1)
    except ValueError:
        raise AssertionError("the kernel does not hand calls over: Linux 5.5 or newer with seccomp is needed") from None
    try:
        calls = _answer(listener, child, folder.resolve(), ask)
        said = b"".join(iter(lambda: ours.recv(1 << 20), b""))
    finally:
        os.close(listener)
        ours.close()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)  # gone already, but for a failure of this test
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    out, _, err = said.decode().partition("\0")
    return Ended(status, out, err, tuple(calls))


def _be_watched(ask: socket.socket, work: Callable[[], tuple[int, str, str]]) -> NoReturn:
    """The child: put the filter on, hand the listener over, work, tell, leave without a trace."""
    status = 99
    try:
        sys.dont_write_bytecode = True
        socket.send_fds(ask, [b"x"], [_filter()])
        status, out, err = work()
        ask.sendmsg([f"{out}\0{err}".encode()])
    except BaseException as error:  # noqa: BLE001 - a child of a test must not go on as a second test
        ask.sendmsg([f"\0{type(error).__name__}: {error}".encode()])
    finally:
        os._exit(status)


def _filter() -> int:
    """Have the kernel hand our calls over; gives the descriptor on which it does."""
    numbers = sorted(_NAMES)
    lines = [(_LOAD, 0, 0, 0)]
    lines += [(_JUMP_IF_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOTIFY)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    listener: int = libc.syscall(_SECCOMP, 1, _LISTEN, ctypes.byref(program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


def _answer(listener: int, child: int, folder: Path, ask: Callable[[int, Call], str | int]) -> list[str]:
    calls: list[str] = []
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    while True:
        events = waiting.poll(_SECONDS_MAX * 1000)
        assert events, f"the child hangs after {calls[-1:]}"
        if not events[0][1] & select.POLLIN:  # nobody is left whose calls could be asked about
            return calls
        held = bytearray(80)
        try:
            fcntl.ioctl(listener, _RECEIVE, held)
        except OSError as error:
            if error.errno == errno.ENOENT:  # it died while it waited
                continue
            raise
        ticket, _, _, number, _, _, *arguments = struct.unpack("QIIiIQ6Q", held)
        call = _call(child, folder, number, arguments)
        answer: str | int = GO
        if call is not None:
            calls.append(str(call))
            answer = ask(len(calls), call)
        if answer == KILL:
            os.kill(child, signal.SIGKILL)
            return calls
        error_number, flags = (-answer, 0) if isinstance(answer, int) else (0, _CONTINUE if answer == GO else 0)
        with suppress(FileNotFoundError):
            fcntl.ioctl(listener, _ANSWER, struct.pack("QqiI", ticket, 0, error_number, flags))


def _call(child: int, folder: Path, number: int, arguments: list[int]) -> Call | None:
    """The call, if it is one on our files or a server."""
    name = _NAMES[number]
    kind, _, place = _CALLS[name][2].partition(" ")
    if kind == "all":
        return Call(name, "everything")
    first = int(place)
    path = os.readlink(f"/proc/{child}/fd/{arguments[first]}") if kind == "fd" else _path(child, arguments, first)
    if path.startswith("socket:"):
        return Call(name, "socket")
    if path != str(folder) and not path.startswith(f"{folder}/"):
        return None
    file = os.path.relpath(path, folder)
    if name in ("write", "pwrite64"):
        data = _memory(child, arguments[1], arguments[2])
        return Call(name, file, data=data, place=arguments[3] if name == "pwrite64" else _position(child, arguments[0]))
    if name in ("rename", "link", "renameat", "renameat2", "linkat"):
        return Call(name, file, other=os.path.relpath(_path(child, arguments, 2 * first + 1), folder))
    flags = arguments[2] if name in ("openat", "unlinkat") else 0
    return Call(name, file, flags, place=arguments[1] if name in ("ftruncate", "truncate") else 0)


def _path(child: int, arguments: list[int], place: int) -> str:
    """A path in a call; that of an …at call stands behind the descriptor of the folder it starts from."""
    path = _text(child, arguments[place])
    start = arguments[place - 1] & 0xFFFFFFFF
    if path.startswith("/") or place in (0, 2) or start == _HERE:
        return path
    return f"{os.readlink(f'/proc/{child}/fd/{start}')}/{path}"


def _text(child: int, address: int) -> str:
    """A string in the child's memory."""
    found = _memory(child, address, 4096 - address % 4096)  # the next page may not be there
    if b"\0" not in found:
        found += _memory(child, address + len(found), _PATH_BYTES_MAX)
    return os.fsdecode(found.partition(b"\0")[0])


def _memory(child: int, address: int, count: int) -> bytes:
    with open(f"/proc/{child}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(count)


def _position(child: int, descriptor: int) -> int:
    """Where in its file a descriptor stands."""
    return int(Path(f"/proc/{child}/fdinfo/{descriptor}").read_text().split()[1])
