"""`python -m bench`: measure, print the figures, write RESULTS.md, results.svg and results.json."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from subprocess import CalledProcessError

from bench import growth, peers, postgres, processes, reading, serving, starting, trying, writing  # noqa: F401 - they name their rows
from bench.books import Library
from bench.measure import Figure, NotRun, machine, progress
from bench.results import Results, told
from bench.shop import ROWS, SIZES, Bench


def main(words: list[str]) -> int:
    """Measure the rows asked for, all by default; the others keep what an earlier run found. 1 if a row failed."""
    asked = _parser().parse_args(words)
    rows = sorted(asked.rows or ROWS, key=lambda name: int(name[1:]))
    with tempfile.TemporaryDirectory(prefix="timebank-bench-") as temporary:
        books = asked.folder or Path(temporary)
        books.mkdir(parents=True, exist_ok=True)
        processes.apart = asked.size != "tiny"
        bench = Bench(Library(books), Path(temporary), SIZES[asked.size], asked.huge)
        return _run(bench, rows, asked.to)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What the program costs beside the least it could.")
    parser.add_argument("--rows", type=_rows, metavar="P1,P2", help=f"some of {', '.join(ROWS)}; all by default")
    parser.add_argument("--size", choices=SIZES, default="full", help="quick takes minutes; tiny only shows that it works")
    parser.add_argument("--huge", action="store_true", help="P14 with 10,000,000 entries too: an hour more")
    parser.add_argument("--folder", type=Path, help="keep the books here, to use them again")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, help="where the results go; bench/ by default")
    return parser


def _rows(given: str) -> list[str]:
    """The names of rows in a list with commas."""
    names = given.upper().split(",")
    if unknown := [name for name in names if name not in ROWS]:
        raise argparse.ArgumentTypeError(f"there is no row {', '.join(unknown)}")
    return names


def _run(bench: Bench, rows: list[str], to: Path) -> int:
    begun, failed = time.monotonic(), 0
    results = Results.opened(to, bench.size.name, machine(bench.folder))
    for place, name in enumerate(rows, start=1):
        progress.row(f"{name}, row {place} of {len(rows)}")
        row = ROWS[name]
        try:
            figures = row.measure(bench)
        except NotRun as why:
            figures = [Figure(name, row.what, row.against, how=[f"not run: {why}"])]
        except (CalledProcessError, RuntimeError, OSError) as error:
            failed += 1
            figures = [Figure(name, row.what, row.against, how=[f"failed: {str(error).splitlines()[0]}"])]
        results.put(name, figures, time.monotonic() - begun)
        for figure in figures:
            print(told(figure), *(f"    {line}" for line in figure.how), sep="\n", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # its server and its folder go with it
    sys.exit(main(sys.argv[1:]))
