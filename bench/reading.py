"""P9: what reading costs. P5, P6, P7 and P13 follow with the rooms they measure."""

from bench.measure import Figure, Goal, alternate
from bench.processes import call
from bench.shop import Bench, row

_BALANCES = 1_000
_SMALL_ENTRIES, _SMALL_MEMBERS = 1_000, 20
"""A small book whose members have as many lots as those of the big one: some fifty services each, over all months."""


@row("P9")
def balance(bench: Bench) -> list[Figure]:
    """A member's balance in a big book against a small one."""
    big, small = bench.city(), bench.library.served(_SMALL_ENTRIES, _SMALL_MEMBERS)
    pair = alternate(
        bench.size.runs,
        lambda: _seconds("balances", database=big, count=_BALANCES, members=bench.size.city_members),
        lambda: _seconds("balances", database=small, count=_BALANCES, members=_SMALL_MEMBERS),
    )
    how = [pair.told(), f"{1e6 * pair.ours.median / _BALANCES:.0f} µs each, members by turns, a reading transaction each"]
    what = f"`ledger.balance` in a book of {bench.size.city_entries:,} entries"
    return [Figure("P9", what, f"in one of {_SMALL_ENTRIES:,}", Goal("at most", 1.2, 1.0), pair.time, how)]


def _seconds(name: str, **given: object) -> float:
    seconds: float = call(name, **given)["seconds"]
    return seconds
