"""Tills for P12: eight connections that ask one server as fast as it answers, with requests written beforehand."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CONNECTIONS = 8
_ROOT = Path(__file__).parent.parent


@contextmanager
def serving(kind: str, database: Path) -> Iterator[int]:
    """A server of `bench.counters`; gives its port."""
    line = [sys.executable, "-m", "bench.counters", kind, str(database)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        told = running.stdout.readline()
        if not told:
            raise RuntimeError(f"the server {kind} did not start")
        try:
            yield int(told)
        finally:
            running.stdin.close()


def asked(port: int, key: str, verb: str, codes: Sequence[str]) -> float:
    """Ask about each code once, by several connections in turns; gives seconds."""
    requests = [_request(key, verb, code) for code in codes]
    gate = threading.Barrier(CONNECTIONS + 1)
    wrong: list[bytes] = []

    def work(mine: Sequence[bytes]) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            gate.wait()
            for request in mine:
                connection.sendall(request)
                head = _answer(connection)
                if b" 200 " not in head:
                    wrong.append(head)
        gate.wait()

    threads = [threading.Thread(target=work, args=(requests[place::CONNECTIONS],)) for place in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    gate.wait()
    begun = time.perf_counter()
    gate.wait()
    seconds = time.perf_counter() - begun
    for thread in threads:
        thread.join()
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(codes)} were refused: {wrong[0]!r}")
    return seconds


def _request(key: str, verb: str, code: str) -> bytes:
    body = json.dumps({"code": code} | ({"bill_fen": 8_600} if verb == "capture" else {})).encode()
    lines = [
        f"POST /api/v1/{verb} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Idempotency-Key: {code}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _answer(connection: socket.socket) -> bytes:
    """One whole answer; gives its first line."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    while len(body) < length:
        body += connection.recv(65_536)
    return head.partition(b"\r\n")[0]
