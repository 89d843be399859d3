"""A line between a command and its PostgreSQL server that a test can cut, or have the server hang up on, at any moment.

The moments are those before a request reaches the server and before the answer to a statement reaches the command. They are
told from the messages themselves (PostgreSQL's documentation, "Message Formats"), as pieces of a stream come as they like.
"""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import URL
from sqlalchemy.engine import make_url

Fault = Callable[["Line", int], bool]
"""Told the number of a moment, from 1; gives whether the line still carries what comes."""
_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_REQUESTS, _ANSWERS = b"\0QSX", b"C"
"""The messages that end a request (the first, Query, Sync, Terminate), and what answers a statement (CommandComplete)."""
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: who is at the other end is told of a reset


@dataclass
class _Half:
    """One direction of a connection: where it leads, which of its messages are moments, what of a message came so far."""

    to: socket.socket
    told: bytes
    come: bytearray = field(default_factory=bytearray)
    due: bytearray = field(default_factory=bytearray)
    named: bool = True
    """Whether the next message starts with a letter; the first of a connection does not."""

    def messages(self) -> Iterator[bytes]:
        """The whole messages that came."""
        while len(self.come) >= 4 + self.named:
            end = self.named + int.from_bytes(self.come[self.named : self.named + 4])
            if len(self.come) < end:
                return
            message, self.named = bytes(self.come[:end]), True
            del self.come[:end]
            yield message

    def send(self) -> None:
        """Let go what is due. A server that hung up takes nothing any more, and has still said why."""
        with suppress(BrokenPipeError):
            self.to.sendall(self.due)
        self.due.clear()


@dataclass
class Line:
    """A line to the server of a database: commands use `url`, a test has `admin`. Moments are counted for one command."""

    server: URL
    admin: "psycopg.Connection[tuple[int]]"
    moments: int = 0
    _fault: Fault = lambda _line, _moment: True
    _door: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        """The database by way of this line, on which nothing is encrypted."""
        host, port = self._door.getsockname()
        by_line = self.server.difference_update_query(["host", "port"]).set(host=host, port=port)
        by_line = by_line.update_query_dict({"sslmode": "disable", "gssencmode": "disable"})
        return by_line.render_as_string(hide_password=False)

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Ask `fault` before each moment of a command, counted from 1; until the server is done with it."""
        self.moments, self._fault = 0, fault
        yield
        while self.admin.execute(f"SELECT 1 {_OTHERS} AND state <> 'idle'").rowcount:
            time.sleep(0.001)

    def hang_up(self) -> None:
        """Have the server end every session but the test's own, and wait until it did."""
        self.admin.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}")
        while self.admin.execute(f"SELECT 1 {_OTHERS}").rowcount:
            time.sleep(0.001)

    def serve(self) -> None:
        """Carry one connection after the other until the door is closed."""
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with near, closing(_dialled(self.server)) as far, suppress(ConnectionResetError):
                self._carry({near: _Half(far, _REQUESTS, named=False), far: _Half(near, _ANSWERS)})
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _carry(self, halves: dict[socket.socket, _Half]) -> None:
        """Carry what comes, either way, until the line is cut; raises ConnectionResetError where somebody hangs up."""
        while True:
            for source in select.select([*halves], [], [])[0]:
                half, come = halves[source], source.recv(1 << 16)
                if not come:
                    raise ConnectionResetError
                half.come += come
                for message in half.messages():
                    if message[0] in half.told:
                        half.send()
                        self.moments += 1
                        if not self._fault(self, self.moments):
                            return
                    half.due += message
                half.send()

    def close(self) -> None:
        """Let nobody in any more."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


def _dialled(server: URL) -> socket.socket:
    host = str(server.query.get("host") or server.host or "127.0.0.1")
    port = int(str(server.query.get("port") or server.port or 5432))
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    far = socket.socket(socket.AF_UNIX)
    far.connect(f"{host}/.s.PGSQL.{port}")
    return far


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    """A line to a database, for as long as the block lasts."""
    server = make_url(url)
    with psycopg.connect(server.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True) as admin:
        line = Line(server, admin)
        carrier = threading.Thread(target=line.serve)
        carrier.start()
        try:
            yield line
        finally:
            line.close()
            carrier.join()
