"""One device that races others over HTTP: a process of its own, which needs nothing of the program.

It reads one line with its requests as JSON ([port, [[path, headers, body], …]]), says 'ready', waits for a line, sends them one
after the other on one connection and prints what each was answered: [status, body].
"""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

Request = tuple[str, dict[str, str], str]
"""A path, headers and a body that is posted."""


def race(jobs: Sequence[tuple[int, Sequence[Request]]]) -> list[list[tuple[int, str]]]:
    """Let devices, each at a port, send their requests all at once; gives what each was answered, in order."""
    given = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": os.environ | {"PYTHONWARNINGS": "error"}}
    runs: list[Any] = [subprocess.Popen([sys.executable, "-I", __file__], **given) for _ in jobs]  # type: ignore[call-overload]
    try:
        for run, job in zip(runs, jobs, strict=True):
            run.stdin.write(json.dumps(job) + "\n")
            run.stdin.flush()
        assert [run.stdout.readline() for run in runs] == ["ready\n"] * len(runs)
        for run in runs:
            run.stdin.write("go\n")
            run.stdin.flush()
        return [[(status, body) for status, body in json.loads(run.stdout.readline())] for run in runs]
    finally:
        for run in runs:
            run.stdin.close()
            run.wait()
            run.stdout.close()


def main() -> None:
    """Be one device."""
    port, requests = json.loads(sys.stdin.readline())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)  # opens with the first request
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    answers = []
    for path, headers, body in requests:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answers.append((response.status, response.read().decode()))
    sys.stdout.write(json.dumps(answers) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
