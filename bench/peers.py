"""P10 and P16: what an office or a developer would use instead, asked the same question and given the same work.

Programs come from the system (hledger, ledger), Python packages from environments of their own below .venv/peers, made on
demand from the exact versions in bench/pins. What cannot be had is not run, and says why.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.books import MEMBERS, NOW
from bench.measure import Figure, Goal, NotRun, Pair, Run, turns
from bench.processes import call
from bench.server import Server, server
from bench.sheets import member_no
from bench.shop import Bench, row, seconds_of

_HERE = Path(__file__).parent
_ENVIRONMENTS = _HERE.parent / ".venv" / "peers"
_OURS = "timebank"
_ASKED_ABOUT = 7
_BALANCES = 1_000
_ACCOUNTS = 200
_AT_ONCE = 1_000
_SLOWLY = 100  # transfers one by one: some of the books do six a second
_PEER = "bench_peer"
_BOOKS = ("django-hordak", "piecash", "python-accounting")
_PGLEDGER = "PGLEDGER_SQL"


@dataclass(frozen=True, slots=True)
class Question:
    """A command line that tells a member's points, how the answer is read, and what the program is called with."""

    words: tuple[str, ...]
    read: Callable[[str], int]
    told: str
    environment: Mapping[str, str]

    def ask(self) -> str:
        """The answer as the program prints it."""
        environment = {**self.environment, "TIMEBANK_TEST_CLOCK": "1", "LC_ALL": "C.UTF-8", "BEANCOUNT_DISABLE_LOAD_CACHE": "1"}
        return subprocess.run(self.words, stdout=subprocess.PIPE, env=environment, text=True, check=True).stdout

    def seconds(self) -> float:
        """How long the program took, from its start to its end."""
        begun = time.perf_counter()
        self.ask()
        return time.perf_counter() - begun


@row("P10", "one balance of a journal of 100,000 entries", "hledger, ledger, beancount")
def asking(bench: Bench) -> list[Figure]:
    """What one member has, asked of us and of the programs that read our own export of the same book."""
    book, folder = bench.journal(), bench.fresh("journals")
    folder.mkdir(exist_ok=True)
    size = 0
    for form in ("hledger", "beancount"):
        words = ("db", "export", "--format", form, "--to", str(folder / form))
        size = call("command", database=book, words=words)["out"]["entries"]
    questions, missing = _questions(folder, bench.installed())
    ours = ("points", "balance", member_no(_ASKED_ABOUT), "--db", str(book), "--now", NOW, "--json")
    mine = Question((sys.executable, "-m", "timebank", *ours), _ours, "", bench.installed())
    _agree(mine, questions)
    runs: dict[str, Run] = {name: question.seconds for name, question in questions.items()}
    taken = turns(bench.size.journal_runs, {_OURS: mine.seconds, "library": lambda: _balance(book), **runs})
    figures = []
    for way, what in ((_OURS, "`timebank points balance`"), ("library", "`ledger.balance` in a running program")):
        for name, question in questions.items():
            pair = Pair(taken[way], taken[name])
            told = f"{what}, {size:,} entries"
            figures.append(Figure("P10", told, name, Goal("at least", 10, 50), pair.speed, [pair.told(), question.told]))
    return [*figures, *(Figure("P10", "one balance", name, how=[f"not run: {why}"]) for name, why in missing.items())]


def _questions(folder: Path, environment: Mapping[str, str]) -> tuple[dict[str, Question], dict[str, str]]:
    """Who can be asked here, and why the others cannot. Each reads its journal in the fastest way it has: hledger and ledger
    are told not to check it, beancount's query language groups for itself."""
    account = f"^member:{_ASKED_ABOUT}:points:available"
    query = f"SELECT sum(number) WHERE account ~ '^Assets:Member:{_ASKED_ABOUT}:Points:Available'"
    found: dict[str, Question] = {}
    missing: dict[str, str] = {}
    for name, words, read in (
        ("hledger", ("-I", "balance", account, "--layout=bare", "-N", "-O", "csv"), _hledgers),
        ("ledger", ("--permissive", "balance", account, "--flat", "--no-total", "--format", "%(quantity(amount))\n"), _ledgers),
    ):
        program = shutil.which(name)
        if program is None:
            missing[name] = f"Debian's package {name} is not installed"
            continue
        version = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[0]
        told = f"{version}; assertions not checked"
        found[name] = Question((program, "-f", str(folder / "hledger"), *words), read, told, environment)
    try:
        python = _environment("beancount")
    except NotRun as why:
        missing["beancount"] = str(why)
    else:
        program = str(python.with_name("bean-query"))
        told = f"{', '.join(_pinned('beancount')[:2])}; without its cache of the last load"
        line = (program, "-f", "csv", str(folder / "beancount"), query)
        found["beancount"] = Question(line, _beancounts, told, environment)
    return found, missing


def _ours(told: str) -> int:
    available: int = json.loads(told)["points"]["available"]
    return available


def _hledgers(told: str) -> int:
    return sum(int(line["balance"]) for line in csv.DictReader(told.splitlines()))


def _ledgers(told: str) -> int:
    return sum(int(line) for line in told.split())


def _beancounts(told: str) -> int:
    return sum(int(line) for line in told.split()[1:])


def _agree(mine: Question, questions: dict[str, Question]) -> None:
    answer = mine.read(mine.ask())
    others = {name: question.read(question.ask()) for name, question in questions.items()}
    if any(other != answer for other in others.values()):
        raise RuntimeError(f"we say {answer}, others {others}")


def _balance(book: Path) -> float:
    return seconds_of("balances", database=book, count=_BALANCES, members=MEMBERS) / _BALANCES


@row("P16", "whole transfers a second", "django-hordak, piecash, python-accounting, pgledger")
def transferring(bench: Bench) -> list[Figure]:
    """Transfers over one connection to one server, one in a durable transaction and a thousand in one."""
    pythons: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for name in _BOOKS:
        try:
            pythons[name] = _environment(name)
        except NotRun as why:
            missing[name] = str(why)
    if _PGLEDGER not in os.environ:
        missing["pgledger"] = f"{_PGLEDGER} names no file with its SQL"
    with server() as running:
        try:
            figures = [figure for at_once in (1, _AT_ONCE) for figure in _beside(bench, running, pythons, at_once)]
        finally:
            running.drop(_PEER)
    return [
        *figures,
        *(Figure("P16", "whole transfers a second", name, how=[f"not run: {why}"]) for name, why in missing.items()),
    ]


def _beside(bench: Bench, running: Server, pythons: dict[str, Path], at_once: int) -> list[Figure]:
    """All books in turns, so many transfers a transaction. Only those that can take part in several a transaction."""
    count = min(_SLOWLY, bench.size.posts) if at_once == 1 else max(at_once, bench.size.posts)
    runs: dict[str, Run] = {
        name: _transfers(running, name, python, (count, at_once))
        for name, python in ((_OURS, Path(sys.executable)), *pythons.items())
        if at_once == 1 or name != "python-accounting"
    }
    if _PGLEDGER in os.environ and at_once == 1:
        runs["pgledger"] = _pgledger(running, count)
    taken = turns(bench.size.runs, runs)
    what = f"transfers a second, {'one' if at_once == 1 else at_once} in a transaction"
    figures = []
    for name in list(runs)[1:]:
        pair = Pair(taken[_OURS], taken[name])
        speeds = f"{count / pair.ours.median:,.0f} transfers/s; the other {count / pair.theirs.median:,.0f}"
        how = [pair.told(), speeds, running.version, ", ".join(_pinned(name)[:1]) or "its SQL as given"]
        figures.append(Figure("P16", what, name, Goal("at least", 5, 10), pair.speed, how))
    return figures


def _transfers(running: Server, name: str, python: Path, work: tuple[int, int]) -> Run:
    """Transfers of a book in an environment of its own: so many, so many a transaction."""
    environment = {**os.environ, "PYTHONPATH": str(_HERE.parent)} if name == _OURS else dict(os.environ)

    def run() -> float:
        running.make(_PEER)
        given = {"url": running.conninfo(_PEER), "accounts": _ACCOUNTS, "transfers": work[0], "at_once": work[1]}
        line = [str(python), "-W", "ignore", str(_HERE / "peer_transfers.py"), name, json.dumps(given)]
        done = subprocess.run(line, stdout=subprocess.PIPE, check=True, env=environment)
        seconds: float = json.loads(done.stdout)["seconds"]
        return seconds

    return run


def _pgledger(running: Server, count: int) -> Run:
    def run() -> float:
        running.make(_PEER)
        given = {"conninfo": running.conninfo(_PEER), "file": os.environ[_PGLEDGER], "accounts": _ACCOUNTS}
        return seconds_of("desk_pgledger", **given, desks=1, count=count)

    return run


def _pinned(name: str) -> list[str]:
    """The packages of an environment as `name==version`, the one it is for first; none for what is no package."""
    path = _HERE / "pins" / f"{name}.txt"
    lines = path.read_text(encoding="utf-8").split() if path.exists() else []
    return sorted(lines, key=lambda line: not line.startswith((name, "bean")))


def _environment(name: str) -> Path:
    """The interpreter of a virtual environment with the pinned packages, made when it is missing or they changed. Raises
    NotRun where they cannot be installed."""
    folder, pins = _ENVIRONMENTS / name, _HERE / "pins" / f"{name}.txt"
    python, made = folder / "bin" / "python", folder / "made.txt"
    if not made.exists() or made.read_bytes() != pins.read_bytes():
        install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", "-r", str(pins)]
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(install, check=True)
        except (subprocess.CalledProcessError, OSError) as error:
            raise NotRun(f"{name} cannot be installed here") from error
        shutil.copy(pins, made)
    return python
