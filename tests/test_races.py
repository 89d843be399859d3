"""Eight processes at once on one book: whatever the order, each thing happens once, and nothing is read half done."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Engine, func, text
from sqlmodel import select

from conftest import NOON, Book
from databases import Server, migrated
from recount import recount
from rivals import MEMBERS, OK, Job, Rivals, rivals
from shopping import account, add_offer, capture, issue
from timebank import funds, hours, ledger, rulebooks
from timebank.audit import audit
from timebank.base import db
from timebank.base.errors import Busy, Refused
from timebank.benefits import Item
from timebank.claims import ClaimLine
from timebank.funds import NewBudget, NewDeposit
from timebank.journal import ISSUED, Command, Draft, Entry, Transfer
from timebank.offers import Limits
from timebank.services import Record, Service
from timebank.vouchers import Resolution

PROCESSES = 8
COMMANDS, A_COMMAND = 50, 20
"""1,000 random transfers a process."""
LAST_SECOND = datetime(2026, 10, 23, 15, 59, 59, tzinfo=UTC)
"""Of a voucher of three days, in Shanghai."""
NEXT_DAY = LAST_SECOND + timedelta(seconds=1)


@pytest.fixture(scope="module")
def race() -> Iterator[Rivals]:
    with rivals(PROCESSES) as race:
        yield race


@pytest.fixture
def street(book: Book) -> Book:
    """A member with 1,000 points, two shops, an offer of the first."""
    book.join("M0001")
    book.shop("S001", "S002")
    add_offer(book)
    book.give("member:1", 1_000)
    return book


def sound(book: Book) -> None:
    """Nothing is found, neither by the audit nor by plain SQL."""
    recount(book.engine)
    with book.read() as session:
        assert audit(session, 1).findings == ()


def count(book: Book, what: type[Entry | Service | Resolution | ClaimLine | Command]) -> int:
    with book.read() as session:
        return session.exec(select(func.count()).select_from(what)).one()


def test_every_read_amid_eight_thousand_transfers_sums_to_the_total(book: Book, race: Rivals, url: str) -> None:
    members = book.join(*(f"M{number:04d}" for number in range(1, MEMBERS + 1)))
    for member in members:
        book.give(member.holder, 100)
    before, over = count(book, Entry), Event()
    with ThreadPoolExecutor(1) as watcher:
        seen = watcher.submit(watch, book.engine, 100 * MEMBERS, over)
        try:
            outcomes = race(url, "transfers", A_COMMAND, COMMANDS)
        finally:
            over.set()
        assert seen.result() > 10
    told = Counter(outcomes)
    assert set(told) == {OK, "insufficient"}
    assert min(told.values()) >= PROCESSES
    assert count(book, Entry) - before == told[OK] * A_COMMAND
    sound(book)


def watch(engine: Engine, total: int, over: Event) -> int:
    """Read the book until it is over; gives how many different states were seen."""
    states = set()
    while not over.is_set():
        with db.reading(engine) as session:
            balances = [
                ledger.balance(session, 1, f"member:{number}", "points", today=date(2026, 10, 20)).total
                for number in range(1, MEMBERS + 1)
            ]
            (size,) = session.execute(text("SELECT size FROM community_state WHERE community_id = 1")).one()
            (last,) = session.execute(text("SELECT MAX(seq) FROM entry WHERE community_id = 1")).one()
            (lots,) = session.execute(text("SELECT CAST(SUM(balance) AS BIGINT) FROM lot WHERE community_id = 1")).one()
        assert sum(balances) == lots == total
        assert min(balances) >= 0
        assert size == last + 1
        states.add(size)
    return len(states)


def test_one_key_a_hundred_times_at_once_counts_once_and_gives_one_receipt(street: Book, race: Rivals, url: str) -> None:
    before = count(street, Entry)
    receipts = race.each(url, [Job("give", 7, 13, key="once")] * PROCESSES)
    assert len(receipts) == 104
    assert receipts == [{"entry": before}] * 104
    assert count(street, Entry) == before + 1
    assert street.points("member:1").available == 1_007
    sound(street)


def test_one_key_for_two_amounts_at_once_counts_for_the_first_only(street: Book, race: Rivals, url: str) -> None:
    before = count(street, Entry)
    outcomes = race.each(url, [Job("give", 7 + number % 2, 5, key="once") for number in range(PROCESSES)])
    assert outcomes.count("exists_with_different_content") == outcomes.count({"entry": before}) == 20
    assert count(street, Entry) == before + 1
    assert street.points("member:1").available in (1_007, 1_008)


def test_one_voucher_in_two_shops_at_once_is_taken_where_it_is_for(street: Book, race: Rivals, url: str) -> None:
    code = issue(street).code
    outcomes = race.each(url, [Job(work, code) for work in ("capture", "capture_elsewhere")] * 4)
    assert Counter(outcomes) == {OK: 1, "already_captured": 3, "wrong_merchant": 4}
    assert account(street, "merchant:1", "fen", "payable") == 1_000
    assert account(street, "merchant:2", "fen", "payable") == 0
    sound(street)


def test_capture_against_void_has_exactly_one_outcome(street: Book, race: Rivals, url: str) -> None:
    issued = issue(street)
    outcomes = race.each(url, [Job("capture", issued.code), Job("void", issued.voucher.id)] * 4)
    assert Counter(outcomes) in ({OK: 1, "already_captured": 7}, {OK: 1, "voided": 7})
    captured = OK in outcomes[::2]
    balance = street.points("member:1")
    assert (balance.available, balance.held) == (900 if captured else 1_000, 0)
    assert account(street, "merchant:1", "fen", "payable") == (1_000 if captured else 0)
    assert account(street, "fund:general", "fen", "committed") == 0
    assert count(street, Resolution) == 1
    sound(street)


def test_capture_in_the_last_second_against_expiry_in_the_next_has_exactly_one_outcome(
    street: Book, race: Rivals, url: str
) -> None:
    issued = issue(street, days=3)
    last, after = LAST_SECOND.isoformat(), NEXT_DAY.isoformat()
    jobs = [Job("capture", issued.code, now=last), Job("expire", issued.voucher.id, now=after)] * 4
    outcomes = race.each(url, jobs)
    assert outcomes.count(OK) == 1
    assert set(outcomes) - {OK} in ({"already_captured"}, {"expired"})
    assert count(street, Resolution) == 1
    sound(street)


def test_a_capture_one_second_after_the_last_day_is_refused(street: Book) -> None:
    code = issue(street, days=3).code
    street.now = NEXT_DAY
    with pytest.raises(Refused) as refusal:
        capture(street, code)
    assert refusal.value.code == "expired"
    street.now = LAST_SECOND
    assert capture(street, code).resolution.outcome == "captured"


def test_holds_beyond_the_balance_are_refused_by_whoever_comes_late(street: Book, race: Rivals, url: str) -> None:
    outcomes = race.each(url, [Job("issue", 10 * (number + 1), 8) for number in range(PROCESSES)])
    refused = outcomes.count("insufficient_points")
    assert refused + outcomes.count(OK) == 64
    assert refused > 0
    balance = street.points("member:1")
    assert balance.available + balance.held == 1_000
    assert 0 <= balance.available < 80
    sound(street)


def test_holds_beyond_the_budget_are_refused_by_whoever_comes_late(street: Book, race: Rivals, url: str) -> None:
    """Row 9 at once: 64 vouchers of 1 yuan, more in the fund, a budget of 20 yuan."""
    with street.write() as session:
        funds.deposit(session, street.act(), NewDeposit(5_000, "B1", "government"))
    with street.write() as session:
        funds.declare(session, street.act(approver=2), NewBudget(2_000))
    outcomes = race.each(url, [Job("issue", 10, 8)] * PROCESSES)
    assert Counter(outcomes) == {OK: 20, "budget_used_up": 44}
    assert account(street, "fund:general", "fen", "committed") == 2_000
    assert street.points("member:1").held == 200
    sound(street)


@pytest.fixture
def ruled(street: Book, rules: str) -> Book:
    with street.write() as session:
        rulebooks.publish(session, street.act(approver=2), rules.encode(), "2026-7", "first rules")
    return street


def test_one_row_of_a_sheet_from_eight_clerks_at_once_counts_once(ruled: Book, race: Rivals, url: str) -> None:
    outcomes = race(url, "hours_of_one", 60, 2)
    assert [sum(told[name] for told in outcomes) for name in ("posted", "repeated")] == [1, 15]
    assert count(ruled, Service) == 1
    sound(ruled)


def test_a_waiting_service_is_confirmed_once_by_whoever_comes_first(ruled: Book, race: Rivals, url: str) -> None:
    long = Record("M0001", ruled.today - timedelta(1), 600, "elder-care", ref="r1", row=2)
    with ruled.write() as session:
        assert hours.record_all(session, ruled.act(), [[long]]).pending == 1
    outcomes = race.each(url, [Job("confirm", 1, actor=2)] * PROCESSES)
    assert Counter(outcomes) == {OK: 1, "no_approval": 7}
    sound(ruled)


def test_what_waits_is_numbered_once_each(street: Book, race: Rivals, url: str) -> None:
    assert sorted(race(url, "ask", "test:1", 4)) == list(range(1, 33))


def test_a_month_settled_by_eight_at_once_claims_every_capture_once(street: Book, race: Rivals, url: str) -> None:
    for _ in range(3):
        capture(street, issue(street, points=20).code, 1_000)
    november = datetime(2026, 11, 6, 4, 0, tzinfo=UTC).isoformat()
    outcomes = race.each(url, [Job("draft", "2026-10", now=november)] * PROCESSES)
    assert outcomes == [[1]] * PROCESSES
    assert count(street, ClaimLine) == 3


def test_a_month_closed_by_eight_at_once_is_closed_once(street: Book, race: Rivals, url: str) -> None:
    code = issue(street, days=3).code
    december = (NOON + timedelta(days=30)).isoformat()
    outcomes = race.each(url, [Job("close", "2026-10", approver=2, now=december)] * PROCESSES)
    assert len(set(outcomes)) == 1
    with street.read() as session:
        kinds = Counter(session.exec(select(Entry.kind)))
    assert (kinds["period.close"], kinds["voucher.expire"]) == (1, 1)
    street.now = NOON + timedelta(days=30)
    with pytest.raises(Refused) as refusal:
        capture(street, code)
    assert refusal.value.code == "expired"
    sound(street)


def test_sixteen_who_want_five_pieces_take_exactly_five(book: Book, race: Rivals, url: str) -> None:
    """Row 9 of the acceptance matrix, at once: holds whose sum exceeds the stock."""
    book.join("M0001")
    book.shop("S001")
    book.give("member:1", 1_000)
    add_offer(book, Item(30, 1_500, "面包"), limits=Limits(stock=5))
    outcomes = race(url, "issue", None, 2)
    assert Counter(outcomes) == {OK: 5, "sold_out": 11}
    assert account(book, "member:1", "points", "held") == 150
    sound(book)


def test_one_member_is_given_one_voucher_a_day_however_many_ask(book: Book, race: Rivals, url: str) -> None:
    book.join("M0001")
    book.shop("S001")
    book.give("member:1", 1_000)
    add_offer(book, Item(30, 1_500, "面包"), limits=Limits(per_day=1))
    assert Counter(race(url, "issue", None, 1)) == {OK: 1, "limit_per_day": 7}
    sound(book)


@pytest.fixture
def postgres(postgres_shelf: Server, tmp_path: Path) -> Iterator[Book]:
    with postgres_shelf.lend(migrated, tmp_path) as url:
        engine = db.open_engine(url)
        yield Book(engine)
        engine.dispose()


@pytest.mark.postgres
def test_a_writer_of_one_community_does_not_wait_for_another_s(postgres: Book) -> None:
    """On PostgreSQL no row is shared: while one community's command is open, another's is done; its own waits and gives up."""
    postgres.found()
    other = postgres.found("110101-dongsi")
    impatient = db.open_engine(postgres.engine.url.render_as_string(hide_password=False), wait_seconds=1)
    draft = Draft("note", postgres.today, (Transfer("points", 1, ISSUED, "source", "system:redeemed", "sink"),))
    with postgres.write() as holding:
        ledger.post(holding, postgres.act(), draft)
        with db.writing(impatient) as session:
            ledger.post(session, postgres.act(community=other), draft)
        with pytest.raises(Busy) as busy, db.writing(impatient) as session:
            ledger.post(session, postgres.act(), draft)
        assert busy.value.code == "busy"
    impatient.dispose()
    for number in (1, other):
        with postgres.read() as session:
            assert audit(session, number).findings == ()
