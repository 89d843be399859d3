"""P3: one post on PostgreSQL - one connection and eight, one community and eight - against psycopg and pgledger."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Figure, Goal, Pair, alternate
from bench.processes import call
from bench.server import Server, server
from bench.shop import Bench, row, seconds_of

PGLEDGER = "PGLEDGER_SQL"
_DESKS = 8
_MEMBERS = 200
_CASES = ((1, 1), (_DESKS, 1), (_DESKS, _DESKS))
"""How many connections write into how many communities."""
_FOUNDED, _WRITTEN, _PEER = "bench_founded", "bench_written", "bench_peer"


@dataclass(frozen=True, slots=True)
class Case:
    """Some connections that write into some communities of one server."""

    server: Server
    connections: int
    communities: int
    posts: int

    @property
    def words(self) -> str:
        """The case in words."""
        connections = "1 connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{connections}, {'one community' if self.communities == 1 else f'{self.communities} communities'}"

    def ours(self, record: str = "") -> float:
        """Posts in a copy of the founded database."""
        self.server.make(_WRITTEN, _FOUNDED)
        office = {"url": self.server.url(_WRITTEN), "communities": self.communities, "members": _MEMBERS}
        return seconds_of("desk_posts", **office, desks=self.connections, count=self.posts, record=record)

    def floor(self, recorded: Path) -> float:
        """The same rows in another copy."""
        self.server.make(_WRITTEN, _FOUNDED)
        return seconds_of("desk_floor", conninfo=self.server.conninfo(_WRITTEN), recorded=recorded)

    def peer(self) -> float:
        """As many transfers of pgledger; its accounts stand in one book, whoever they belong to."""
        self.server.make(_PEER)
        given = {"conninfo": self.server.conninfo(_PEER), "file": os.environ[PGLEDGER], "accounts": _MEMBERS * self.communities}
        return seconds_of("desk_pgledger", **given, desks=self.connections, count=self.posts)


@row("P3", "one `post` on PostgreSQL, 1 and 8 connections", "psycopg, pgledger")
def posting(bench: Bench) -> list[Figure]:
    """Single posts on a server with durable commits."""
    with server() as running, _founded(running):
        cases = [Case(running, desks, communities, bench.size.posts * min(desks, 2)) for desks, communities in _CASES]
        figures = [_against_psycopg(bench, case) for case in cases]
        if PGLEDGER in os.environ:
            return [*figures, *(_against_pgledger(bench, case) for case in cases)]
    how = f"not run: {PGLEDGER} names no file with its SQL"
    return [*figures, Figure("P3", "one `post` on PostgreSQL", "pgledger", how=[how])]


@contextmanager
def _founded(running: Server) -> Iterator[None]:
    """The communities of all cases, in a database that is copied for every run."""
    running.make(_FOUNDED)
    call("desk_found", url=running.url(_FOUNDED), communities=_DESKS, members=_MEMBERS)
    try:
        yield
    finally:
        for database in (_WRITTEN, _PEER, _FOUNDED):
            running.drop(database)


def _against_psycopg(bench: Bench, case: Case) -> Figure:
    recorded = bench.fresh("desks")
    case.ours(record=str(recorded))
    pair = alternate(bench.size.runs, case.ours, lambda: case.floor(recorded))
    how = [*_told(pair, case), "the floor sends the same writing statements by psycopg and reads nothing"]
    return Figure("P3", f"one `post`, {case.words}", "psycopg floor", Goal("at least", 0.6, 0.8), pair.speed, how)


def _against_pgledger(bench: Bench, case: Case) -> Figure:
    pair = alternate(bench.size.runs, case.ours, case.peer)
    return Figure("P3", f"one `post`, {case.words}", "pgledger", Goal("at least", 1, 2), pair.speed, _told(pair, case))


def _told(pair: Pair, case: Case) -> list[str]:
    posts = case.posts
    speeds = f"{posts / pair.ours.median:,.0f} posts/s; the other {posts / pair.theirs.median:,.0f}"
    return [pair.told(), f"{posts:,} posts in all, {speeds}", case.server.version]
