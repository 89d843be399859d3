"""Several desks at once on one PostgreSQL server: processes of their own that begin together, each with one connection.

Ours are single posts; the floor writes what they wrote, statement by statement, in plain psycopg. It locks nothing but what
it writes: the row with the head of the community's log comes first, as everybody who writes there must wait for it.
"""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine, event

Statement = tuple[str, Any, bool]
"""What went to the driver: SQL, its values, whether they are many rows."""
Transactions = list[list[Statement]]
_POINTS = 10_000
_HEAD = "community_state"


@dataclass(frozen=True, slots=True)
class Office:
    """Communities 1 to `communities`, with so many members each, in the database of a URL."""

    url: str
    communities: int
    members: int
    moment: datetime

    @property
    def today(self) -> date:
        """The day of the posts."""
        return self.moment.date()

    def act(self, community: int, key: str) -> Any:
        """An act of the first clerk."""
        from timebank.base.act import Act

        return Act(community, self.moment, 1, None, "none", key, "", sha256(f"{community} {key}".encode()).digest())


def found(office: Office) -> None:
    """Make the tables and the communities, give every member points, and tell the planner what is there."""
    from timebank.base import db, schema

    engine = db.open_engine(office.url)
    schema.upgrade(engine)
    for number in range(1, office.communities + 1):
        _found_one(engine, office, number)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def _found_one(engine: Engine, office: Office, number: int) -> None:
    from timebank import ledger
    from timebank.base import communities, db
    from timebank.journal import ISSUED, Draft, Transfer
    from timebank.people import clerks, members
    from timebank.people.persons import Card

    wish = communities.Community(
        id=0,
        code=f"bench-{number}",
        name=f"社区{number}",
        timezone="Asia/Shanghai",
        credits_unit="福美和",
        points_decimals=0,
        founded_at=office.moment,
    )
    with db.writing(engine) as session:
        community = communities.found(session, office.act(0, "found"), wish, None)
        ledger.open_book(session, community.id)
        clerks.add(session, office.act(community.id, "clerks"), ["经办人", "复核人"])
    newcomers = [members.Newcomer(f"M{n:04d}", Card(f"志愿者{n}"), office.today, row=n) for n in range(1, office.members + 1)]
    with db.writing(engine) as session:
        members.join(session, office.act(community.id, "join"), newcomers)
    gifts = [
        Draft("points.opening", office.today, (Transfer("points", _POINTS, ISSUED, "source", f"member:{n}", "available"),))
        for n in range(1, office.members + 1)
    ]
    with db.writing(engine) as session:
        ledger.post_all(session, office.act(community.id, "opening"), gifts)


def posts(office: Office, desks: int, count: int, *, recorded: bool) -> tuple[float, list[Transactions]]:
    """So many posts in all by several desks, a durable transaction each; gives seconds and, where they are recorded, what
    each desk wrote."""
    return _together([partial(_post, office, desk, count // desks, recorded) for desk in range(desks)])


def _post(office: Office, desk: int, count: int, recorded: bool, gate: Any) -> tuple[float, float, Transactions]:
    from timebank import ledger
    from timebank.base import db
    from timebank.journal import Draft, Transfer

    engine = db.open_engine(office.url)
    written: Transactions = []
    if recorded:
        _record(engine, written)
    with db.reading(engine) as session:
        session.connection()
    community = desk % office.communities + 1
    gate.wait()
    begun = time.perf_counter()
    for number in range(count):
        place = desk * count + number
        source, target = (f"member:{(place * 7 + ahead) % office.members + 1}" for ahead in (0, office.members // 2))
        draft = Draft("points.gift", office.today, (Transfer("points", 1, source, "available", target, "available"),))
        with db.writing(engine) as session:
            ledger.post(session, office.act(community, f"post-{desk}-{number}"), draft)
    ended = time.perf_counter()
    engine.dispose()
    return begun, ended, [sorted(some, key=lambda statement: _HEAD not in statement[0]) for some in written if some]


def _record(engine: Engine, written: Transactions) -> None:
    """Keep what an engine writes, transaction by transaction."""
    event.listen(engine, "begin", lambda _connection: written.append([]))

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, many: bool) -> None:
        if sql.split(None, 1)[0] in ("INSERT", "UPDATE", "DELETE"):
            written[-1].append((sql, values, many))


def replay(conninfo: str, desks: Sequence[Transactions]) -> float:
    """The same statements by as many connections in plain psycopg; gives seconds."""
    return _together([partial(_replay, conninfo, written) for written in desks])[0]


def _replay(conninfo: str, written: Transactions, gate: Any) -> tuple[float, float, Transactions]:
    import psycopg

    with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
        gate.wait()
        begun = time.perf_counter()
        for statements in written:
            for sql, values, many in statements:
                if many:
                    cursor.executemany(sql.encode(), values)
                else:
                    cursor.execute(sql.encode(), values)
            connection.commit()
        return begun, time.perf_counter(), []


def transfers(conninfo: str, accounts: Sequence[str], desks: int, count: int) -> float:
    """So many transfers of pgledger in all, one function call and one durable transaction each; gives seconds."""
    each = count // desks
    return _together([partial(_transfer, conninfo, accounts, desk * each, each) for desk in range(desks)])[0]


def _transfer(conninfo: str, accounts: Sequence[str], first: int, count: int, gate: Any) -> tuple[float, float, Transactions]:
    import psycopg

    half = len(accounts) // 2
    with psycopg.connect(conninfo, autocommit=True) as connection:
        gate.wait()
        begun = time.perf_counter()
        for place in range(first, first + count):
            source, target = accounts[place * 7 % half], accounts[half + place * 7 % half]
            connection.execute("SELECT * FROM pgledger_create_transfer(%s, %s, 1)", (source, target))
        return begun, time.perf_counter(), []


def _together(tasks: Sequence[Callable[[Any], tuple[float, float, Transactions]]]) -> tuple[float, list[Transactions]]:
    """Run tasks in processes of their own; each is handed the gate at which they wait for one another. Gives the seconds from
    the first's beginning to the last's end, and what each gave."""
    forked = multiprocessing.get_context("fork")  # what was imported is imported for all
    gate, done = forked.Barrier(len(tasks)), forked.SimpleQueue()

    def run(place: int) -> None:
        done.put((place, *tasks[place](gate)))

    processes = [forked.Process(target=run, args=(place,), daemon=True) for place in range(len(tasks))]
    for process in processes:
        process.start()
    found = sorted((done.get() for _ in tasks), key=lambda one: int(one[0]))
    for process in processes:
        process.join()
    return max(one[2] for one in found) - min(one[1] for one in found), [one[3] for one in found]
