"""One measured piece of work in a process of its own: `python -m bench.child NAME JSON` prints a JSON object.

A fresh process for every run, so that neither side of a comparison pays for the other's memory. `seconds` never holds the
interpreter's start or the loading of input that a floor is handed; `peak_kb` is the process's own.
"""

import gc
import json
import pickle
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench import books, floors, months, sheets
from bench import desks as at_desks
from bench.books import MOMENT, TODAY
from bench.desks import Office

Result = dict[str, Any]
_WORK: dict[str, Callable[..., Result]] = {}
PEPPER = bytes(range(32))


def work(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function be called by name."""
    _WORK[function.__name__] = function
    return function


def _act(key: str) -> Any:
    from timebank.base.act import Act

    return Act(1, MOMENT, 1, None, "none", key, "", sha256(key.encode()).digest())


@work
def command(database: str, words: list[str]) -> Result:
    """A command of the program, from its words to its receipt."""
    import importlib

    importlib.import_module(f"timebank.commands.{words[0]}")
    begun = time.perf_counter()
    out = books.run(Path(database), *words)
    return {"seconds": time.perf_counter() - begun, "out": json.loads(out)}


@work
def bulk_difference(before: str, after: str, rows: str) -> Result:
    """Keep in a file what one database has and another has not; gives how many rows of each table."""
    bulks = floors.difference(Path(before), Path(after))
    Path(rows).write_bytes(pickle.dumps(bulks))
    return {"counts": {bulk.insert.split()[2]: len(bulk.new) + len(bulk.changed) for bulk in bulks}}


@work
def bulk_floor(database: str, rows: str) -> Result:
    """The rows of another run written by plain sqlite3 in one transaction."""
    bulks: list[floors.Bulk] = pickle.loads(Path(rows).read_bytes())
    return {"seconds": floors.write_bulks(Path(database), bulks)}


def _timed(database: str, tasks: list[list[Callable[[Any], object]]], record: str) -> Result:
    """Do each task in a durable transaction of its own, its steps in their order; writes the statements to `record`."""
    from timebank.base import db

    engine = db.open_engine(f"sqlite:///{database}")
    recorder = floors.Recorder(engine) if record else None
    with db.reading(engine) as session:
        session.connection()
    begun = time.perf_counter()
    processed = time.process_time()
    for steps in tasks:
        with db.writing(engine) as session:
            for step in steps:
                step(session)
    seconds = time.perf_counter() - begun
    processed = time.process_time() - processed
    if recorder:
        Path(record).write_bytes(pickle.dumps([some for some in recorder.transactions if some]))
    return {"seconds": seconds, "cpu": processed}


@work
def posts(database: str, count: int, members: int, record: str = "", issued: bool = False) -> Result:
    """Single posts: a point from one member to another, or (`issued`, where not every member has one) to a member, a durable
    transaction each."""
    from timebank import ledger
    from timebank.journal import ISSUED, Draft, Transfer

    def post(number: int) -> Callable[[Any], object]:
        source, target = (f"member:{(number * 7 + ahead) % members + 1}" for ahead in (0, members // 2))
        giver = (ISSUED, "source") if issued else (source, "available")
        draft = Draft("points.gift", TODAY, (Transfer("points", 1, *giver, target, "available"),))
        return lambda session: ledger.post(session, _act(f"post-{number}"), draft)

    return _timed(database, [[post(number)] for number in range(1, count + 1)], record)


@work
def spends(database: str, count: int, members: int, at_once: int, record: str = "") -> Result:
    """Vouchers issued and captured: both calls in one durable transaction (`at_once` 1) or in one each (0)."""
    from timebank import redemption

    codes: dict[int, str | None] = {}

    def issue(number: int) -> Callable[[Any], object]:
        request = redemption.Request(sheets.member_no(number * 7 % members + 1), 1, 10)

        def work(session: Any) -> None:
            codes[number] = redemption.issue(session, _act(f"issue-{number}"), request, PEPPER).code

        return work

    def capture(number: int) -> Callable[[Any], object]:
        def work(session: Any) -> None:
            counter = redemption.Counter(codes[number] or "", "S001", 8_600)
            redemption.capture(session, _act(f"capture-{number}"), counter, PEPPER)

        return work

    pairs = [[issue(number), capture(number)] for number in range(1, count + 1)]
    return _timed(database, pairs if at_once else [[step] for pair in pairs for step in pair], record)


@work
def vouchers(database: str, count: int, members: int, to: str) -> Result:
    """A till, and vouchers to be taken at it, each also a row for the bare handler; writes the till's key and the codes."""
    from bench.counters import stock
    from timebank import redemption
    from timebank.base import db, keys
    from timebank.once import once
    from timebank.people import devices, tills

    pepper = keys.read(keys.path_of(f"sqlite:///{database}")).pepper
    engine = db.open_engine(f"sqlite:///{database}")
    made: list[str] = []

    def add(session: Any) -> dict[str, Any]:
        made.append(tills.add(session, _act("till"), "S001", "", devices.SCOPES).key.shown)
        return {}

    with db.writing(engine) as session:
        once(session, _act("till"), "till", {}, partial(add, session))
    codes: list[str | None] = []
    with db.writing(engine) as session:
        for number in range(1, count + 1):
            request = redemption.Request(sheets.member_no(number * 7 % members + 1), 1, 10)
            codes.append(redemption.issue(session, _act(f"issue-{number}"), request, pepper).code)
    engine.dispose()
    stock(Path(database), [code or "" for code in codes])
    Path(to).write_text(json.dumps({"key": made[0], "codes": codes}))
    return {}


@work
def tills(database: str, kind: str, verb: str, kept: str) -> Result:
    """Each voucher asked about once, by several connections at a server of its own; fifty are verified before, to warm up."""
    from bench.tills import asked, serving

    given = json.loads(Path(kept).read_text())
    with serving(kind, Path(database)) as port:
        asked(port, given["key"], "verify", given["codes"][:50])
        return {"seconds": asked(port, given["key"], verb, given["codes"])}


@work
def replay_floor(database: str, statements: str) -> Result:
    """The writing statements of another run again in plain sqlite3, a durable transaction each."""
    return {"seconds": floors.replay(Path(database), pickle.loads(Path(statements).read_bytes()))}


@work
def desk_found(url: str, communities: int, members: int) -> Result:
    """Found communities on a server."""
    at_desks.found(Office(url, communities, members, MOMENT))
    return {}


@work
def desk_posts(url: str, communities: int, members: int, desks: int, count: int, record: str = "") -> Result:
    """Single posts by several connections at once; writes their statements to `record`."""
    seconds, written = at_desks.posts(Office(url, communities, members, MOMENT), desks, count, recorded=bool(record))
    if record:
        Path(record).write_bytes(pickle.dumps(written))
    return {"seconds": seconds}


@work
def desk_floor(conninfo: str, recorded: str) -> Result:
    """The same statements by as many plain connections."""
    return {"seconds": at_desks.replay(conninfo, pickle.loads(Path(recorded).read_bytes()))}


@work
def desk_pgledger(conninfo: str, file: str, accounts: int, desks: int, count: int) -> Result:
    """Transfers of pgledger, whose SQL is in a file with that of others in `vendor` beside it, by several connections."""
    import psycopg

    with psycopg.connect(conninfo, autocommit=True) as connection:
        for sql in [*sorted(Path(file).parent.glob("vendor/**/*.sql")), Path(file)]:
            connection.execute(sql.read_bytes())
        named = [(f"member {number}",) for number in range(accounts)]
        made = [connection.execute("SELECT id FROM pgledger_create_account(%s, 'points')", one).fetchone() for one in named]
        connection.execute("ANALYZE")
    return {"seconds": at_desks.transfers(conninfo, [str(one[0]) for one in made if one], desks, count)}


@work
def month_words(ours: str, words: str) -> Result:
    """Keep in a file the words that the floor of an export is handed."""
    Path(words).write_bytes(pickle.dumps(months.read(Path(ours))))
    return {}


@work
def month_floor(database: str, period: str, lapse_ends: list[str], words: str, to: str) -> Result:
    """A month's files by plain SQL and csv."""
    handed: months.Words = pickle.loads(Path(words).read_bytes())
    one_month, three_months = lapse_ends
    return {"seconds": months.write(Path(database), period, (one_month, three_months), handed, Path(to))}


@work
def payloads_floor(database: str) -> Result:
    """Every payload read, hashed with SHA-256 and parsed, and nothing else."""
    begun = time.perf_counter()
    connection = sqlite3.connect(database)
    entries = 0
    for (payload,) in connection.execute("SELECT payload FROM entry ORDER BY community_id, seq"):
        sha256(b"\x00" + payload.encode()).digest()
        json.loads(payload)
        entries += 1
    connection.close()
    return {"seconds": time.perf_counter() - begun, "entries": entries}


def _services(count: int, members: int) -> tuple[Any, list[Any]]:
    """The full rule book, and services of a year as history tells them: categories, days and teams vary."""
    from timebank import rulefile
    from timebank.clauses import NEVER
    from timebank.history import Served
    from timebank.rewards import Award, Facts

    book = rulefile.read(books.RULES.read_bytes()).book
    assert book is not None, "the example is a sound rule book"
    categories = ("elder-care", "cleaning", "tutoring", "patrol")
    served = []
    for n in range(count):
        drawn = int.from_bytes(sha256(str(n).encode()).digest()[:8])
        day = date(2026, 1, 1) + timedelta(n * 365 // count)
        facts = Facts(day, categories[drawn % 4], 30 + drawn // 4 % 12 * 15, drawn // 48 % 9 + 1)
        paid = Award(facts.minutes, facts.minutes, 30, (), NEVER, facts.minutes, {}, ())
        served.append(Served(n, drawn // 432 % members + 1, facts, paid, False, ""))
    return book, served


@work
def awards(count: int, members: int) -> Result:
    """Pure awards under the full rule book; what was used before varies. Processor's time: nothing of it waits."""
    from timebank.rewards import Used, award

    book, served = _services(count, members)
    used = [Used(0, n, n // 30 * 30, {"month": (n, n), "year": (n * 7, n * 7)}) for n in range(601)]
    begun = time.process_time()
    for number, one in enumerate(served):
        award(one.facts, book, used[number % 601])
    return {"seconds": time.process_time() - begun}


@work
def back_test(count: int, members: int) -> Result:
    """The same services played under the book, with the collector as a command has it."""
    from timebank.backtest import Span, replayed

    book, served = _services(count, members)
    gc.freeze()
    gc.set_threshold(100_000)
    begun = time.process_time()
    replayed(served, book, Span(date(2026, 1, 1), date(2026, 12, 31)), lambda _: None)
    return {"seconds": time.process_time() - begun}


@work
def balances(database: str, count: int, members: int) -> Result:
    """What members have of points, a reading transaction each."""
    from timebank import ledger
    from timebank.base import db

    engine = db.open_engine(f"sqlite:///{database}")

    def balance(number: int) -> None:
        with db.reading(engine) as session:
            ledger.balance(session, 1, f"member:{number * 7 % members + 1}", "points", today=TODAY)

    balance(0)
    begun = time.perf_counter()
    for number in range(count):
        balance(number)
    return {"seconds": time.perf_counter() - begun}


def _peak_kb() -> int:
    """The most memory this process has held, in kB; of its own, where the system tells that apart from its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measured(name: str, given: str) -> Result:
    """Do one piece of work, given as JSON, and give what it measured."""
    return _WORK[name](**json.loads(given)) | {"peak_kb": _peak_kb()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(*sys.argv[1:])) + "\n")
