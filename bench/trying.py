"""P8: what it costs to try a rule book on a history."""

from bench.books import RULES
from bench.measure import Figure, Goal, alternate
from bench.shop import Bench, row, seconds_of

_MEMBERS = 2_000


@row("P8", "back-test of 100,000 awards", "the pure awards alone")
def back_test(bench: Bench) -> list[Figure]:
    """A back-test of services in memory against the same services given to `award` one by one; and the whole command."""
    count = bench.size.awards
    given = {"count": count, "members": _MEMBERS}
    pair = alternate(bench.size.runs, lambda: seconds_of("back_test", **given), lambda: seconds_of("awards", **given))
    days = ("--from", "2026-01-01", "--to", "2026-12-31")
    whole = bench.command_on_copy(bench.imported(), "rules", "backtest", str(RULES), *days)
    how = [
        pair.told(),
        f"{count:,} services of {_MEMBERS:,} members under the caps of a month and a year, with their sums kept and added up",
        "processor's time on both sides: neither waits for anything",
        f"the whole command on a book of {bench.size.import_rows:,} services, read and shown: {whole:.2f} s",
    ]
    what = f"back-test of {count:,} awards"
    return [Figure("P8", what, "the pure awards alone", Goal("at most", 1.5, 1.2), pair.time, how)]
