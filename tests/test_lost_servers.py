"""A server that is lost at any moment of a command: the command says so, was done or was not, and counts once when repeated."""

import gc
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from test_killed_clients import digest, lent

from databases import Server
from lines import Fault, Line, line_to
from walks import WALKS, Office, Walk, warm

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.crashes,
    # A cursor of the server's cannot be closed any more once the line is dead.
    pytest.mark.filterwarnings("ignore:.*ServerCursor.* was deleted while still open:ResourceWarning"),
]


LOGIN = 20
"""After so many moments the driver knows its server: until then nothing of the command was asked."""


def cut(number: int) -> Fault:
    """A line over which nothing goes from a moment on."""
    return lambda _line, moment: moment < number


def hung_up(number: int) -> Fault:
    """A server that ends the session at a moment; what it had said before, and its last words, still arrive."""

    def hang_up(line: Line, moment: int) -> bool:
        if moment == number:
            line.hang_up()
        return True

    return hang_up


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        *((name, cut) for name in ("hours record", "hours import", "statement close", "settlement approve", "voucher capture")),
        *((name, hung_up) for name in ("hours import", "statement close")),
    ],
)
def test_a_command_that_loses_its_server_at_any_moment_says_so_and_counts_once_when_repeated(
    name: str, lost: Callable[[int], Fault], postgres_shelf: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm()
    walk = WALKS[name]
    with lent(postgres_shelf, tmp_path / "whole", monkeypatch) as office:
        prepare(office, walk)
        assert typed(office, walk)[0] == 0
        after = digest(office)
        again = typed(office, walk)
        assert typed(office, Walk(("audit",), now=walk.now, writes=False))[0] == 0
    number, whole, codes = 0, False, list[tuple[str, bool]]()
    while not whole:
        with lent(postgres_shelf, tmp_path / f"from {number}", monkeypatch) as office, line_to(office.server) as line:
            prepare(office, walk)
            far, done = Office(office.folder, office.code, line.url), False
            while not done:
                number += 1
                with line.failing(lost(number)):
                    status, out, err = typed(far, walk)
                whole = line.moments < number
                done = line.admin.execute("SELECT 1 FROM command WHERE key = 'the-key'").rowcount == 1
                if status == 0:
                    assert done, number
                else:
                    codes.append((json.loads(out)["error"]["code"], done))
                    assert "Traceback" not in err
            assert typed(office, walk) == again
            assert digest(office) == after
    assert {code for code, _ in codes[:LOGIN]} <= {"connection_lost", "unreachable"}
    assert {code for code, _ in codes[LOGIN:]} == {"connection_lost"}
    assert lost is hung_up or ("connection_lost", True) in codes, "an answer to COMMIT was lost"
    gc.collect()  # so that what cannot be closed is said here


def typed(office: Office, walk: Walk) -> tuple[int, str, str]:
    """Type a command in this process, with a chance that is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", secrets.token_bytes)
        patch.setattr(os, "urandom", os.urandom)
        return office.run(walk)


def prepare(office: Office, walk: Walk) -> None:
    """What came before the command."""
    for line in walk.first:
        assert typed(office, Walk((*line, "--key", line[1]), now=walk.now, writes=False))[0] == 0
