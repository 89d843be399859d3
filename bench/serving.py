"""P12: verify and capture over the web, under eight connections, against a bare FastAPI handler with SQLModel."""

from functools import partial
from pathlib import Path

from bench.measure import Figure, Goal, Pair, alternate
from bench.processes import call
from bench.shop import Bench, row, seconds_of
from bench.tills import CONNECTIONS

_AGAINST = "a bare FastAPI + SQLModel handler"
_VERBS = {"verify": "one indexed read", "capture": "one durable write"}


@row("P12", "`serve`: verify and capture", _AGAINST)
def serving(bench: Bench) -> list[Figure]:
    """Both verbs of a till, each against the bare handler on the same file."""
    book = bench.library.copy(bench.imported())
    kept = bench.folder / "vouchers.json"
    call("vouchers", database=book, count=bench.size.posts, members=bench.size.import_members, to=kept)
    stocked = bench.fresh("stocked.db")
    for ending in ("", ".keys", ".checkpoints.log"):
        Path(f"{book}{ending}").rename(f"{stocked}{ending}")
    return [_figure(bench, stocked, kept, verb) for verb in _VERBS]


def _figure(bench: Bench, stocked: Path, kept: Path, verb: str) -> Figure:
    def run(kind: str) -> float:
        return seconds_of("tills", database=bench.library.copy(stocked), kind=kind, verb=verb, kept=kept)

    pair = alternate(bench.size.runs, partial(run, "ours"), partial(run, "bare"))
    what = f"`serve`: {verb}, {CONNECTIONS} connections"
    return Figure("P12", what, f"{_AGAINST}: {_VERBS[verb]}", Goal("at least", 0.6, 0.9), pair.speed, _how(bench, pair))


def _how(bench: Bench, pair: Pair) -> list[str]:
    count = bench.size.posts
    return [
        pair.told(),
        f"{count / pair.ours.median:,.0f} requests/s; the bare handler {count / pair.theirs.median:,.0f}",
        "one process of uvicorn each, the same SQLite settings, writers that queue in the process on both sides; the bare "
        "handler asks for no key, keeps no answer, signs nothing and writes a single row",
    ]
