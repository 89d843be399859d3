"""P8, as far as it can be run: the pure awards alone, which a back-test will be compared with."""

from bench.measure import Figure, Sample
from bench.processes import call
from bench.shop import Bench, row


@row("P8")
def awards(bench: Bench) -> list[Figure]:
    """How many pure awards a second the full rule book of examples/rules makes."""
    count = bench.size.awards
    runs = [call("awards", count=count)["seconds"] for _ in range(bench.size.runs + 1)][1:]
    sample = Sample(tuple(runs))
    how = [f"not run: there is no back-test yet; {count / sample.median:,.0f} pure awards/s ({count:,} in {sample.told()})"]
    return [Figure("P8", "back-test of 100,000 awards", "the pure awards alone", how=how)]
