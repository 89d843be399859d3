"""A book that was lived in for three months, and a vandal with full rights on its database."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlmodel import Session

from conftest import RULES, Book, Shelf
from offline_phone import enrolled, issued, uploaded
from shopping import PEPPER, add_offer, capture, issue
from timebank import (
    acceptances,
    attendance,
    audit,
    checkpoints,
    disputes,
    funds,
    guesses,
    hours,
    issuers,
    notices,
    offers,
    quotes,
    redemption,
    refunds,
    rulebooks,
    services,
    settlement,
    sponsors,
    statements,
    workdays,
)
from timebank.base import db, schema
from timebank.base.act import Act
from timebank.benefits import Item, Shares
from timebank.offers import Conditions, Limits
from timebank.people import clerks, designations, devices, kin, members, merchants, staff, teams
from timebank.services import Record
from timebank.transparency import Frontier, canonical, leaf_hash

NOVEMBER = datetime(2026, 11, 6, 4, 0, tzinfo=UTC)
SEED = bytes(range(32))
"""What signs the heads of a lived book."""
DECEMBER = datetime(2026, 12, 4, 4, 0, tzinfo=UTC)


def live(book: Book) -> None:
    """Members, shops, rules, hours of September and October (one day of 500 minutes, one correction), vouchers that were
    captured, voided, lapsed and left open, a settlement, two closed months, and a few entries after the last checkpoint."""
    book.found(open_from="2026-09")
    book.join("M0001", "M0002", "M0003")
    book.shop("S001", "S002")
    _do(book, lambda s, a: rulebooks.publish(s, a, RULES.encode(), "2026-7", "first rules"), approver=2)
    september = [Record(f"M000{n}", date(2026, 9, 10 + n), 60 * n, "elder-care", ref=f"s{n}", row=n) for n in (1, 2, 3)]
    _do(book, lambda s, a: hours.record_all(s, a, [september]))
    long = [Record("M0002", date(2026, 10, 3), 500, "cleaning", ref="o1", row=1)]
    _do(book, lambda s, a: hours.record_all(s, a, [long]), approver=2)
    _do(book, lambda s, a: hours.correct(s, a, 1, 30), approver=2, reason="typed wrong")
    book.give("member:1", 400, lapses_on=date(2026, 10, 31))
    book.give("member:1", 200, lapses_on=date(2027, 10, 31))
    add_offer(book)
    add_offer(book, merchant="S002")
    capture(book, issue(book, points=100).code, 2_000)
    issue(book, points=70)
    _do(book, lambda s, a: redemption.void(s, a, 2), reason="lost")
    issue(book, points=60, days=3)
    issue(book, points=50, offer=2, days=60)
    _do(book, lambda s, a: _close(s, a, "2026-09"), approver=2)
    book.now = NOVEMBER
    _do(book, lambda s, a: settlement.draft(s, a, "2026-10"))
    _do(book, lambda s, a: settlement.approve(s, a, "2026-10"), approver=2)
    _do(book, lambda s, a: _close(s, a, "2026-10"), approver=2)
    book.give("member:3", 30)
    capture(book, issue(book, points=20, offer=1).code, 10_000)
    book.give("member:2", 5)


def live_together(book: Book) -> None:
    """The same, and a row in every table there is: a link that ended, a team that somebody left, a notice that was stopped."""
    live(book)
    _do(book, lambda s, a: kin.add(s, a, kin.Wish(1, 2, "spouse", date(2026, 9, 1))), approver=2)
    _do(book, lambda s, a: kin.end(s, a, 1), approver=2)
    _do(book, _team)
    _do(book, lambda s, a: workdays.add(s, a, workdays.Year(2026, (date(2026, 10, 1),), ())), approver=2)
    _do(book, lambda s, a: notices.post(s, a, _notice(s)))
    _do(book, lambda s, a: notices.object_(s, a, 1, "I was not there", "a neighbour"))
    _do(book, lambda s, a: notices.decide(s, a, 1, "upheld", "the sheet says so too"), approver=2)
    _do(book, lambda s, a: notices.close(s, a, 1))
    for days in (7, 0):
        _do(book, lambda s, a, days=days: notices.demand(s, a, "hours", days), approver=2)  # type: ignore[misc]
    _do(book, lambda s, a: attendance.sign_in(s, a, "M0002", attendance.Purpose("elder-care")))
    _do(book, lambda s, a: clerks.add(s, a, ["又一位"], member_id=3))
    _do(book, lambda s, a: devices.invite(s, a, "S001", "收银台"))
    _do(book, _phone)
    _do(book, lambda s, a: devices.revoke(s, a, 1))
    _do(book, lambda s, a: issuers.ensure(s, a, SEED))
    _do(book, lambda s, a: issuers.revoke(s, a, 1), approver=2)
    _do(book, lambda s, a: issuers.ensure(s, a, SEED))
    _do(book, lambda s, a: guesses.failed(s, a, 1))
    _quoted_and_given_back(book)
    _accepted_offline(book)
    _of_all_kinds(book)
    together = Record("M0001", date(2026, 11, 6), 60, "elder-care", ref="t1", row=1, team="T001", programme="care")
    waits = Record("M0003", date(2026, 11, 6), 500, "elder-care", ref="t2", row=2)
    _do(book, lambda s, a: hours.record_all(s, a, [[together, waits]]))
    _the_fund(book)


def _the_fund(book: Book) -> None:
    """A sponsor whose money was entered twice, rice from a resident, two budgets; October's claims sent off and paid."""
    _do(book, lambda s, a: sponsors.add(s, a, sponsors.NewSponsor("黔灵超市", "enterprise")))
    given = funds.NewDeposit(90_000, "B1", "government"), funds.NewDeposit(5_000, "B2", sponsor=1)
    goods = funds.NewDeposit(1_200, "R7", "resident", basis="大米2袋, 按超市零售价")
    for wish in (*given, funds.NewDeposit(5_000, "B3", sponsor=1), goods):
        _do(book, lambda s, a, wish=wish: funds.deposit(s, a, wish))  # type: ignore[misc]
    _do(book, lambda s, a: funds.take_back(s, a, 3), approver=2, reason="entered twice")
    programme = funds.NewBudget(40_000, "2026-12", programme="elder-care", offers=(1, 2))
    for budget in (funds.NewBudget(30_000, merchant="S001"), programme):
        _do(book, lambda s, a, budget=budget: funds.declare(s, a, budget), approver=2)  # type: ignore[misc]
    _do(book, lambda s, a: settlement.submit(s, a, "2026-10"))
    _do(book, lambda s, a: settlement.end(s, a, settlement.Result(1, "paid", "B9")))


def _quoted_and_given_back(book: Book) -> None:
    """A voucher by a quote, given back in part, then disputed, and the rest given back; and a key that was buried."""
    book.give("member:1", 100)
    _do(book, lambda s, a: quotes.quote(s, a, quotes.Question("M0001", 1, 1_000)))
    with book.write() as session:
        issued = redemption.issue(session, book.act(), redemption.Request("M0001", 0, quote=1), PEPPER)
    number = issued.voucher.id
    capture(book, issued.code, 1_000)
    _do(book, lambda s, a: refunds.refund(s, a, number, 600), approver=2)
    _do(book, lambda s, a: disputes.open_(s, a, number, "member"), reason="nothing was taken off")
    _do(book, lambda s, a: disputes.decide(s, a, disputes.Decision(1, "upheld")), approver=2)
    _do(book, lambda s, a: redemption.cancel(s, a, "never-came"))


def _of_all_kinds(book: Book) -> None:
    """A stall that paused and was given a plaque, an owner who left it, goods with every limit, a condition and shares, used
    once and ended early."""
    stall = merchants.Shop("S003", "李记", plaque="JS-3", market="S001", state="applied")
    _do(book, lambda s, a: merchants.join(s, a, [stall]))
    _do(book, lambda s, a: designations.move(s, a, designations.Wish("S003", "activate", "JS-4")))
    _do(book, lambda s, a: staff.add(s, a, staff.Wish(3, 2, "owner")))
    _do(book, lambda s, a: staff.end(s, a, 1), approver=2)
    limits, shares = Limits(per_day=1, per_month=2, total=5, stock=3), Shares(8_000)
    mended = Item(30, 1_500, "修鞋一双")
    offer = add_offer(book, mended, "S003", limits=limits, conditions=Conditions(min_minutes=30), shares=shares)
    capture(book, issue(book, points=None, offer=offer.id).code, 0, merchant="S003")
    _do(book, lambda s, a: offers.end(s, a, offer.id), reason="moved away")


def _notice(session: Any) -> notices.NewNotice:
    binds = services.content_of(session, 1, 1, 3)
    return notices.NewNotice("hours:1..3", "September's hours", "the board by the gate", binds=binds)


def _team(session: Any, act: Act) -> None:
    team = teams.add(session, act, teams.NewTeam("楼道清洁队"))
    member = members.find(session, act.community_id, "M0003")
    teams.join(session, act, team, member, "captain")
    teams.leave(session, act, team, member)
    teams.move(session, act, teams.add(session, act, teams.NewTeam("邻里队")), team)


def _accepted_offline(book: Book) -> None:
    """A phone's key; an acceptance that was captured, and one of a voided voucher that the fund honoured."""
    book.give("member:1", 200)
    phone = enrolled(book)
    (_, first), (second, other) = issued(book), issued(book)
    _do(book, lambda s, a: redemption.void(s, a, second.id))
    uploaded(book, phone.accepts(1, first, book.now), phone.accepts(2, other, book.now))
    _do(book, lambda s, a: acceptances.decide(s, a, f"D{phone.device.id}-2", "honour"), approver=2)


def _phone(session: Any, act: Act) -> None:
    invited = devices.invite(session, act, "S002")
    devices.enrol(session, act, invited.token, "a secret of the phone's own")


def _close(session: Any, act: Act, period: str) -> None:
    """Close a month and sign the head it makes, as the door does."""
    statements.close(session, act, period)
    checkpoints.make(session, act, SEED)


def _do(
    book: Book, work: Callable[[Any, Act], object], *, actor: int = 1, approver: int | None = None, reason: str = ""
) -> None:
    book.command(work, book.act(actor=actor, approver=approver, reason=reason))


def lived_in(url: str, folder: Path) -> None:
    """What the `lived` fixture has."""
    engine = db.open_engine(url)
    schema.upgrade(engine)
    live(Book(engine))
    engine.dispose()


@pytest.fixture(name="lived")
def the_lived_book(shelf: Shelf, tmp_path: Path) -> Iterator[Book]:
    """A lived book of this test's own; its clock stands at the end of it."""
    with shelf.lend(lived_in, tmp_path) as url:
        engine = db.open_engine(url, wait_seconds=10)
        yield Book(engine, NOVEMBER, 1_000)
        engine.dispose()


def lived_together(url: str, folder: Path) -> None:
    """What a book has that was lived in together."""
    engine = db.open_engine(url)
    schema.upgrade(engine)
    live_together(Book(engine))
    engine.dispose()


@pytest.fixture(name="lived")
def the_book_lived_in_together(shelf: Shelf, tmp_path: Path) -> Iterator[Book]:
    """Instead of `the_lived_book`, for tests that need a row in every table."""
    with shelf.lend(lived_together, tmp_path) as url:
        engine = db.open_engine(url, wait_seconds=10)
        yield Book(engine, NOVEMBER, 1_000)
        engine.dispose()


class _Undone(Exception):
    """Ends a transaction without keeping what it did."""


class Vandal:
    """Somebody with all rights on the database: takes the guards down and changes what he likes."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._sqlite = book.engine.dialect.name == "sqlite"
        with self._unhindered() as run:
            for statement in schema.guards().remove(book.engine.dialect.name):
                run(statement)

    @contextmanager
    def _unhindered(self) -> Iterator[Callable[..., Any]]:
        with self._free() as connection:
            yield lambda sql, **given: connection.execute(text(sql), given)

    @contextmanager
    def _free(self) -> Iterator[Connection]:
        with self.book.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            if self._sqlite:
                raw.executescript("PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON")
            try:
                with connection.begin():
                    if not self._sqlite:
                        connection.execute(text("SET LOCAL session_replication_role = replica"))
                    yield connection
            finally:
                if self._sqlite:
                    raw.executescript("PRAGMA foreign_keys=ON; PRAGMA ignore_check_constraints=OFF")

    @contextmanager
    def undone(self) -> Iterator[Session]:
        """A session in which anything can be changed and looked at, and nothing stays."""
        with suppress(_Undone), self._free() as connection, Session(connection) as session:
            yield session
            raise _Undone

    def run(self, sql: str, **given: object) -> int:
        """Run a statement; gives how many rows it touched, and insists that there are some."""
        with self._unhindered() as run:
            touched: int = run(sql, **given).rowcount
        assert touched != 0, f"touched nothing: {sql}"
        return touched

    def would_touch(self, sql: str) -> int:
        """How many rows a statement would touch; it is undone."""
        touched: int = 0
        with suppress(_Undone), self._unhindered() as run:
            touched = run(sql).rowcount
            raise _Undone
        return touched

    def all(self, sql: str, **given: object) -> list[Any]:
        with self.book.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), given)]

    def one(self, sql: str, **given: object) -> Any:
        return self.all(sql, **given)[0][0]

    def seq(self, kind: str, number: int = 0) -> int:
        """The number of an entry: the first, second … of its kind; -1 is the last."""
        found: int = self.all("SELECT seq FROM entry WHERE kind = :kind ORDER BY seq", kind=kind)[number][0]
        return found

    def rewrite(self, seq: int, **fields: Any) -> None:
        """Write fields of a payload anew (None takes one out), and the leaf with it."""
        payload = json.loads(self.one("SELECT payload FROM entry WHERE seq = :seq", seq=seq)) | fields
        self.replace(seq, canonical({name: value for name, value in payload.items() if value is not None}))

    def replace(self, seq: int, payload: bytes) -> None:
        """Put other bytes in the place of a payload, with their leaf."""
        self.run(
            "UPDATE entry SET payload = :payload, leaf = :leaf WHERE seq = :seq",
            payload=payload.decode(),
            leaf=leaf_hash(payload),
            seq=seq,
        )

    def payload(self, seq: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.one("SELECT payload FROM entry WHERE seq = :seq", seq=seq))
        return found

    def reseal(self) -> None:
        """Make the head of the log agree with the leaves that are there."""
        frontier = Frontier(0, [])
        for (leaf,) in self.all("SELECT leaf FROM entry ORDER BY seq"):
            frontier.append(bytes(leaf))
        self.run("UPDATE community_state SET size = :size, frontier = :packed", size=frontier.size, packed=frontier.pack())

    def forget_unique_keys(self) -> None:
        """Let entries share a key."""
        with self._unhindered() as run:
            if self._sqlite:
                run("CREATE TABLE copied AS SELECT * FROM entry")
                run("DROP TABLE entry")
                run("ALTER TABLE copied RENAME TO entry")
            else:
                run("ALTER TABLE entry DROP CONSTRAINT uq_entry_community_id_key")

    def put_guards_back(self) -> None:
        with self._unhindered() as run:
            for statement in schema.guards().install(self.book.engine.dialect.name):
                run(statement)


@pytest.fixture(name="vandal")
def a_vandal(lived: Book) -> Vandal:
    return Vandal(lived)


def report(book: Book, *checks: str) -> audit.Report:
    """What an audit says, of some checks or of all but the guards."""
    wanted = checks or tuple(name for name in audit.CHECKS if name != "guards")
    with book.read() as session:
        return audit.audit(session, 1, wanted)
