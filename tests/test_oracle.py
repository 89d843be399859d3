"""hledger and ledger as oracles: programs that share no line of code with ours compute every balance, and agree.

What they compute stands beside what our database says (read with plain sqlite3) and what our commands and files say. Needs
hledger 1.25 and ledger 3.3 (Debian's packages); run by .ci/run.
"""

import csv
import json
import os
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from conftest import Book
from giving import a_book_of_gifts  # noqa: F401 - a fixture
from lived import Vandal, a_vandal, the_lived_book  # noqa: F401 - fixtures
from timebank import cli, plaintext
from timebank.statement_words import HEADERS
from timebank.transparency import tree_root

pytestmark = pytest.mark.oracle

NEVER = "9999-12-31"
LOTS = "(a.unit = 'points' AND a.purpose IN ('available', 'held') AND SUBSTR(a.holder, 1, 4) IN ('memb', 'team', 'pool'))"
"""Which accounts keep lots, as docs/ledger.md has it."""


def _run(words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, capture_output=True, text=True, encoding="utf-8", env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    )


def asked(*words: str) -> str:
    """What another program answers, when it finds no fault."""
    done = _run(words)
    assert (done.returncode, done.stderr) == (0, ""), words
    return done.stdout


def refused(*words: str) -> str:
    """What another program complains of."""
    done = _run(words)
    assert done.returncode != 0, words
    return done.stderr


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a CSV answer by column name."""

    rows: list[dict[str, str]]

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Table":
        return cls(list(csv.DictReader(lines)))


@dataclass(frozen=True, slots=True)
class Year:
    """A year that `timebank demo` lived, kept in a folder, and its journal."""

    folder: Path
    moment: str

    @property
    def journal(self) -> Path:
        return self.folder / "book.journal"

    def timebank(self, *words: str) -> Any:
        """A command on the year's book, with --json."""
        line = [*words, "--db", str(self.folder / "book.db"), "--now", self.moment, "--json"]
        done = CliRunner().invoke(cli.app, line, env={"TIMEBANK_TEST_CLOCK": "1"})
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.folder / "book.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    @cache  # noqa: B019 - there are two years
    def hledger(self, *words: str) -> Table:
        return Table.of(asked("hledger", "-f", str(self.journal), *words, "-O", "csv").splitlines())

    def balances(self, *words: str) -> dict[str, int]:
        """What hledger says every account has; those that have nothing are left out."""
        found = self.hledger("balance", "--flat", "--no-total", "--layout=bare", *words)
        return {row["account"]: int(row["balance"]) for row in found.rows if row["balance"] != "0"}

    def statements(self, sheet: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The rows of a sheet in every month's folder, with the month; columns by their English names."""
        english = {chinese: name for name, chinese in HEADERS.items()}
        for folder in sorted((self.folder / "statements").iterdir()):
            if (folder / sheet).exists():
                with (folder / sheet).open(encoding="utf-8-sig", newline="") as file:
                    for row in csv.DictReader(file):
                        yield folder.name, {english[name]: cell for name, cell in row.items()}


@pytest.fixture(scope="module", params=["sample", "leeds2023"])
def year(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Year:
    """The sample community's year, and the real one of LEEDS 2023."""
    moment = {"sample": "2026-11-22T10:00:00+08:00", "leeds2023": "2024-01-05T20:00:00+00:00"}[request.param]
    folder = tmp_path_factory.mktemp("year") / "demo"
    line = ["demo", "--data", request.param, "--to", str(folder), "--now", moment, "--json"]
    assert CliRunner().invoke(cli.app, line, env={"TIMEBANK_TEST_CLOCK": "1"}).exit_code == 0
    found = Year(folder, moment)
    told = found.timebank("db", "export", "--to", str(found.journal))
    assert told["entries"] == found.sql("SELECT COUNT(*) FROM entry")[0][0]
    return found


def named(rows: Iterable[tuple[Any, ...]]) -> dict[str, int]:
    """Balances by hledger's account name, from rows (holder, unit, purpose, [lapse day,] balance) that are not 0."""
    return {":".join("never" if part == NEVER else part for part in name): balance for *name, balance in rows if balance}


# --- hledger's verdict, and its figures beside ours ---


def test_hledger_finds_no_fault(year: Year) -> None:
    """Entries balanced, days in order, accounts and units declared, and every balance that the database claims."""
    assert not asked("hledger", "-f", str(year.journal), "check", "--strict", "ordereddates")
    asserted = year.journal.read_text(encoding="utf-8").count(" = ")
    assert asserted > year.sql("SELECT COUNT(*) FROM account")[0][0]


def test_hledger_sums_every_account_as_the_database_has_it(year: Year) -> None:
    assert year.balances("--depth", "4") == named(year.sql("SELECT holder, unit, purpose, balance FROM account"))


def test_hledger_sums_every_lot_as_the_database_has_it(year: Year) -> None:
    joined = "lot l JOIN account a ON a.community_id = l.community_id AND a.id = l.account_id"
    lots = named(year.sql(f"SELECT a.holder, a.unit, a.purpose, l.expires_on, l.balance FROM {joined}"))
    others = named(year.sql(f"SELECT holder, unit, purpose, balance FROM account a WHERE NOT {LOTS}"))
    assert year.balances() == lots | others


def test_ledger_and_hledger_agree(year: Year) -> None:
    told = asked("ledger", "-f", str(year.journal), "--flat", "--format", "%(account)\t%(quantity(amount))\n", "balance")
    found = dict(line.split("\t") for line in told.splitlines() if line.split("\t")[0])
    assert {name: int(amount) for name, amount in found.items() if amount != "0"} == year.balances()


def test_points_balance_says_what_hledger_says(year: Year) -> None:
    found = year.balances()
    today = year.moment[:10]
    members = year.sql("SELECT 'member:' || id, number FROM member ORDER BY id")
    several = [member for member in members if any(name.startswith(f"{member[0]}:points:") for name in found)][::9]
    assert len(several) >= 10
    for holder, number in several:
        lots = {
            name.rpartition(":")[2].replace("never", NEVER): amount
            for name, amount in found.items()
            if name.startswith(f"{holder}:points:available:")
        }
        alive = {day: amount for day, amount in sorted(lots.items()) if day >= today}
        held = sum(amount for name, amount in found.items() if name.startswith(f"{holder}:points:held:"))
        assert year.timebank("points", "balance", number) == {
            "member": number,
            "points": {
                "available": sum(alive.values()),
                "held": held,
                "owed": found.get(f"{holder}:points:owed", 0),
                "lots": [{"expires_on": day, "amount": amount} for day, amount in alive.items()],
            },
            "credits": found.get(f"{holder}:credits:available", 0),
            "minutes": found.get(f"{holder}:minutes:served", 0),
        }


def test_points_balance_of_an_earlier_day_is_hledgers_by_business_date(year: Year) -> None:
    """A day in the middle of a month: entries that a later month's statement has count from the day they concern."""
    (day,) = year.sql("SELECT MAX(business_date) FROM entry WHERE SUBSTR(business_date, 1, 7) < period AND kind = 'hours'")[0]
    day = day or "2023-06-15"
    morning = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    found = year.balances("--date2", "--end", morning, "minutes", "--depth", "4")
    members = year.sql("SELECT 'member:' || id, number FROM member ORDER BY id")
    served = [(number, found[f"{holder}:minutes:served"]) for holder, number in members if f"{holder}:minutes:served" in found]
    for number, minutes in served[::20]:
        assert year.timebank("points", "balance", number, "--as-of", day)["minutes"] == minutes, (number, day)


def test_every_statement_closes_with_hledgers_balance_of_that_month(year: Year) -> None:
    """By month and member; merchants and pools too. hledger sums a depth of 3: a holder's unit over all its purposes."""
    found = year.hledger("balance", "--flat", "--no-total", "--layout=bare", "--monthly", "--historical", "--depth", "3")
    ends = {(row["account"], month): int(amount) for row in found.rows for month, amount in list(row.items())[2:]}
    holders: dict[str, str] = dict(year.sql("SELECT number, 'member:' || id FROM member"))
    shops: dict[str, str] = dict(year.sql("SELECT number, 'merchant:' || id FROM merchant"))
    compared = Counter[str]()
    closed = {month for month, _ in year.statements("members.csv")}
    assert len(closed) >= 12
    for sheet, named_by, closings in (
        ("members.csv", lambda row: holders[row["member_no"]], {u: f"{u}_closing" for u in ("minutes", "points", "credits")}),
        ("merchants.csv", lambda row: shops[row["merchant_no"]], {"fen": "payable_closing_fen"}),
        ("pools.csv", lambda row: row["pool"], {"points": "pool_points_closing"}),
    ):
        for month, row in year.statements(sheet):
            for unit, column in closings.items():
                place = (f"{named_by(row)}:{unit}", month)
                assert ends.get(place, 0) == int(row[column]), place
                compared[sheet] += 1
    assert compared["members.csv"] > 5_000
    assert compared["pools.csv"]


def test_every_line_of_every_statement_stands_in_hledgers_register(year: Year) -> None:
    moved = Counter[tuple[str, str, str]]()
    for row in year.hledger("register", "^member:").rows:
        kind, number, unit = row["account"].split(":")[:3]
        moved[row["code"], f"{kind}:{number}", unit] += int(row["amount"].partition(" ")[0])
    holders: dict[str, str] = dict(year.sql("SELECT number, 'member:' || id FROM member"))
    lines = Counter[tuple[str, str, str]]()
    for _, row in year.statements("lines.csv"):
        for unit in ("minutes", "points", "credits"):
            lines[row["entry"], holders[row["member_no"]], unit] += int(row[unit])
    assert {place: n for place, n in moved.items() if n} == {place: n for place, n in lines.items() if n}
    assert moved


# --- the file and the log ---


def test_the_leaves_of_the_file_make_its_root(year: Year) -> None:
    """Every entry is there, with or without postings, under its number; the head in the first lines covers them all."""
    written = year.journal.read_text(encoding="utf-8")
    leaves = dict(re.findall(r"\* \(E(\d+)\).*\n  ; leaf:([0-9a-f]{64})", written))
    assert sorted(map(int, leaves)) == list(range(len(leaves)))
    root = tree_root(bytes.fromhex(leaf) for _, leaf in sorted(leaves.items(), key=lambda item: int(item[0]))).hex()
    assert re.findall(r"^; log .*, (\d+) entries, root (\w+)$", written, re.MULTILINE) == [(str(len(leaves)), root)]
    assert root == year.timebank("audit", "I5")["root"]


# --- what is wrong is refused ---


def test_an_altered_posting_is_refused(year: Year, tmp_path: Path) -> None:
    written = year.journal.read_text(encoding="utf-8")
    posting = re.search(r"^  (member:\d+:minutes:served)  (\d+) minutes$", written, re.MULTILINE)
    assert posting
    more = f"  {posting[1]}  {int(posting[2]) + 1} minutes"
    altered = tmp_path / "altered.journal"
    altered.write_text(written.replace(posting[0], more, 1), encoding="utf-8")
    assert "could not balance" in refused("hledger", "-f", str(altered), "check")
    service = f"  system:service:minutes:source  -{posting[2]} minutes"
    both = written.replace(f"{posting[0]}\n", f"{more}\n", 1)
    at = both.index(service, both.index(more) - 200)
    both = f"{both[:at]}  system:service:minutes:source  -{int(posting[2]) + 1} minutes{both[at + len(service) :]}"
    altered.write_text(both, encoding="utf-8")
    assert "balance assertion" in refused("hledger", "-f", str(altered), "check")
    assert "Balance assertion off by" in refused("ledger", "-f", str(altered), "balance")


def exported(book: Book, folder: Path) -> Path:
    file = folder / "book.journal"
    with book.read() as session:
        plaintext.export(session, 1, file, "hledger")
    return file


def test_a_lived_book_is_accepted(lived: Book, tmp_path: Path) -> None:
    """Reversals, holds that lapsed, a settlement, closed months: the small book whose vandals follow."""
    file = exported(lived, tmp_path)
    assert not asked("hledger", "-f", str(file), "check", "--strict", "ordereddates")
    assert not asked("ledger", "-f", str(file), "balance", "nobody")


def test_a_book_of_gifts_and_credits_is_accepted(giving: Book, tmp_path: Path) -> None:
    """Openings, gifts, a pool's pay-out, credits and what they became."""
    file = exported(giving, tmp_path)
    assert not asked("hledger", "-f", str(file), "check", "--strict", "ordereddates")
    assert not asked("ledger", "-f", str(file), "balance", "nobody")


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("UPDATE lot SET balance = balance + 1 WHERE account_id = 9 AND balance > 0", "balance assertion"),
        ("UPDATE account SET balance = balance + 1 WHERE id = 8", "balance assertion"),
        ("UPDATE account SET balance = balance - 1 WHERE holder = 'system:issued'", "balance assertion"),
        ("UPDATE turnover SET net = net + 1 WHERE account_id = 8 AND period = '2026-09'", "balance assertion"),
        ("UPDATE posting SET amount = amount + 1 WHERE seq = 9 AND line = 1", "could not balance"),
        ("UPDATE posting SET amount = 2 * amount WHERE seq = 9", "balance assertion"),
        ("UPDATE posting SET account_id = account_id + 5 WHERE seq = 9 AND account_id > 7", "balance assertion"),
        ("UPDATE posting SET expires_on = '2030-01-31' WHERE seq = 9 AND unit = 'points' AND amount > 0", "2029-09-30"),
        ("DELETE FROM posting WHERE seq = 9", "balance assertion"),
    ],
)
def test_what_a_vandal_shifts_is_refused(vandal: Vandal, tmp_path: Path, sql: str, complaint: str) -> None:
    vandal.run(sql)
    assert complaint in refused("hledger", "-f", str(exported(vandal.book, tmp_path)), "check", "--strict")


def test_a_shifted_balance_beside_its_lots_is_told_by_the_comparison(vandal: Vandal, tmp_path: Path) -> None:
    """The one cache that the file cannot assert: it would be a sum over sub-accounts, which ledger has no words for."""
    account = "holder = 'member:1' AND unit = 'points' AND purpose = 'available'"
    before = vandal.one(f"SELECT balance FROM account WHERE {account}")
    vandal.run(f"UPDATE account SET balance = balance + 1 WHERE {account}")
    words = ("balance", "--depth", "4", "--no-total", "--layout=bare", "-O", "csv", "^member:1:points:available")
    found = Table.of(asked("hledger", "-f", str(exported(vandal.book, tmp_path)), *words).splitlines())
    assert [int(row["balance"]) for row in found.rows] == [before]
    assert vandal.one(f"SELECT balance FROM account WHERE {account}") == before + 1


def test_tenths_of_points_are_exact(engine: Engine, tmp_path: Path) -> None:
    book = Book(engine)
    book.found(points_decimals=1)
    book.join("M0001", "M0002")
    for holder, tenths in (("member:1", 95), ("member:1", 1), ("member:2", 7)):
        book.give(holder, tenths)
    file = exported(book, tmp_path)
    assert not asked("hledger", "-f", str(file), "check", "--strict", "ordereddates")
    found = Table.of(
        asked("hledger", "-f", str(file), "balance", "-N", "-O", "csv", "--layout=bare", "cur:points").splitlines()
    )
    assert {row["account"]: row["balance"] for row in found.rows} == {
        "member:1:points:available:never": "9.6",
        "member:2:points:available:never": "0.7",
        "system:opening:points:source": "-10.3",
    }
    assert "9.6 points" in asked("ledger", "-f", str(file), "balance", "^member:1:points:available:never")
