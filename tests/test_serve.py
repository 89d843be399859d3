"""`timebank serve` as a process: where it listens, how it ends, and what it says without what it needs."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from conftest import Cli

ANOTHER = "127.0.0.2"
"""Another address of this computer: on Linux all of 127.0.0.0/8 are."""


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def test_it_serves_this_computer_only_until_it_is_interrupted(office: Cli) -> None:
    port = free_port()
    line = [sys.executable, "-m", "timebank", "serve", "--port", str(port), "--db", office.url]
    with subprocess.Popen(line, env={**os.environ, "TIMEBANK_LANG": "en"}, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert f"http://127.0.0.1:{port}/" in server.stderr.readline()
        assert status(server, port) == 401, "a stranger's phone is told what to do"
        with pytest.raises(ConnectionRefusedError), socket.create_connection((ANOTHER, port), timeout=5):
            pass
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
        assert "/V/SECRET" not in server.stderr.read()


def status(server: subprocess.Popen[str], port: int) -> int:
    """What a stranger's request comes to; the process listens before it says so."""
    assert server.poll() is None, "it ended"
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/V/SECRET")
        return connection.getresponse().status


def test_without_what_serves_pages_it_says_what_to_install(office: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    refused = office("serve", "--json", status=8)
    assert refused.json["error"]["code"] == "no_web"
    assert "pip install 'timebank[web]'" in refused.json["error"]["hint"]


def test_a_port_is_one(office: Cli) -> None:
    assert office("serve", "--port", "70000", "--json", status=8).json["error"]["code"] == "bad_port"


def test_a_port_that_is_taken_is_said(office: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = office("serve", "--port", str(taken.getsockname()[1]), "--json", status=None)
    assert refused.status == 74
    assert refused.json["error"]["code"] == "port_taken"
