"""Rows whose command is still to come: P8, as far as it can be run (the pure awards alone), and P12."""

from bench.measure import Figure, NotRun, turns
from bench.shop import Bench, row, seconds_of


@row("P8", "back-test of 100,000 awards", "the pure awards alone")
def awards(bench: Bench) -> list[Figure]:
    """How many pure awards a second the full rule book of examples/rules makes."""
    count = bench.size.awards
    sample = turns(bench.size.runs, {"awards": lambda: seconds_of("awards", count=count)})["awards"]
    how = [f"not run: there is no back-test yet; {count / sample.median:,.0f} pure awards/s ({count:,} in {sample.told()})"]
    return [Figure("P8", "back-test of 100,000 awards", "the pure awards alone", how=how)]


@row("P12", "`serve`: verify and capture", "a bare FastAPI handler")
def serving(bench: Bench) -> list[Figure]:
    """Verify and capture over the web, against a bare handler."""
    raise NotRun("there is no `serve` yet")
