"""`python -m bench [--quick] [--folder DIR] [P1 P2 …]`: measure, print the table, write bench/RESULTS.md and results.svg."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench import awards, reading, starting, writing  # noqa: F401 - they name their rows
from bench.books import Library
from bench.measure import Figure, flush_seconds, machine
from bench.results import NOT_RUN, Results, told
from bench.shop import FULL, QUICK, ROWS, Bench, Size


def main(words: list[str]) -> int:
    """Measure the rows asked for, all by default; only a run of all rewrites the results."""
    asked = _parser().parse_args(words)
    size = QUICK if asked.quick else FULL
    rows = asked.rows or list(ROWS)
    if asked.folder:
        asked.folder.mkdir(parents=True, exist_ok=True)
        return _run(asked.folder, size, rows, whole=not asked.rows)
    with tempfile.TemporaryDirectory(prefix="timebank-bench-") as folder:
        return _run(Path(folder), size, rows, whole=not asked.rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What the program costs beside the least it could.")
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], metavar="P1", help=f"some of {', '.join(ROWS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="smaller books: minutes instead of half an hour")
    parser.add_argument("--folder", type=Path, help="keep the books here, to use them again")
    return parser


def _run(folder: Path, size: Size, rows: list[str], *, whole: bool) -> int:
    begun = time.monotonic()
    conditions = [*machine(), f"one flush of a page to {_short(folder)}: {1000 * flush_seconds(folder):.2f} ms"]
    bench, figures = Bench(Library(folder), size), list[Figure]()
    for name in rows:
        print(f"{name} …", file=sys.stderr, flush=True)
        found = ROWS[name](bench)
        figures.extend(found)
        for figure in found:
            print(told(figure), *(f"    {line}" for line in figure.how), sep="\n", flush=True)
    if whole:
        results = Results(size.name, conditions, [*figures, *NOT_RUN], time.monotonic() - begun)
        results.write(Path(__file__).parent)
    return 0


def _short(folder: Path) -> str:
    return "the temporary folder" if folder.is_relative_to(tempfile.gettempdir()) else "the folder of the books"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
