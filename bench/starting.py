"""P11: how long a command takes to start and answer, beside importing what it is made of."""

import subprocess
import sys
import time
from functools import partial

from bench.books import NOW
from bench.measure import Figure, Goal, alternate
from bench.sheets import member_no
from bench.shop import Bench, row


@row("P11", "start of `--help` and of `points balance`", "bare imports")
def starting(bench: Bench) -> list[Figure]:
    """Two commands against two bare imports, each in a process of its own."""
    book = bench.imported()
    told = ("points", "balance", member_no(7), "--db", str(book), "--now", NOW)
    asked = (
        (("--help",), "import typer, rich", "`timebank --help`", Goal("at most", 1.5, 1.2)),
        (told, "import sqlmodel", "`timebank points balance`", Goal("at most", 1.4, 1.0)),
    )
    figures = []
    for words, imported, what, goal in asked:
        ours, other = partial(_process, bench, "-m", "timebank", *words), partial(_process, bench, "-c", imported)
        pair = alternate(bench.size.starts, ours, other)
        figures.append(Figure("P11", what, f'`python -c "{imported}"`', goal, pair.time, [pair.told()]))
    return figures


def _process(bench: Bench, *words: str) -> float:
    environment = {**bench.installed(), "TIMEBANK_TEST_CLOCK": "1"}
    begun = time.perf_counter()
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, env=environment, check=True)
    return time.perf_counter() - begun
