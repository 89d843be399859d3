"""One member's vouchers, all verbs in any order at any hour: the same done and the same refused as a model of a page says, with
the fold of a voucher's rows as its state, and nothing found in the book."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlmodel import Session

from conftest import Book, Shelf
from databases import Files, Server, migrated
from offline_phone import enrolled
from play_stage import unsynced
from rivals import OK, Job, Race, rivals
from shopping import PEPPER, YEAR, account, add_offer, capture, issue
from timebank import audit, disputes, offers, quotes, redemption, refunds, vouchers
from timebank.base.act import Act
from timebank.base.errors import TimebankError
from timebank.benefits import Offset, Shares
from timebank.disputes import Decision
from timebank.journal import FUND, REDEEMED
from timebank.redemption import Accepted, Counter, Request
from timebank.vouchers import LATE_DAYS

POINTS = 600
BILLS = (1, 2, 999, 1_000, 1_999, 3_333, 100_000)
LIVES = {Files: 12, Server: 4}


@dataclass
class Slip:
    """One voucher as the model has it: money in fen; `used` and `off` are what stands of a capture."""

    number: int
    code: str
    key: str
    points: int
    issued_on: date
    last_day: date
    end: str = ""
    day: date = date.min
    bill: int = 0
    used: int = 0
    off: int = 0
    given_back: bool = False
    dispute: int = 0


def takes(points: int, bill: int) -> tuple[int, int]:
    """What so many points take off a bill, and what that costs: ten points a yuan, at most half."""
    off = min(bill // 2, points * 10)
    return off, -(-off // 10)


@dataclass
class Model:
    """Everything there is to know, in a few lines."""

    slips: list[Slip] = field(default_factory=list)
    disputes: list[tuple[Slip, str]] = field(default_factory=list)
    quotes: int = 0
    refunds: int = 0

    @property
    def held(self) -> int:
        return sum(slip.points for slip in self.slips if not slip.end)

    @property
    def redeemed(self) -> int:
        return sum(slip.used for slip in self.slips)

    def state(self, slip: Slip, today: date) -> str:
        if not slip.end:
            return "lapsed" if today > slip.last_day else "issued"
        if slip.end != "captured":
            return slip.end
        if slip.dispute:
            return "disputed"
        return "captured" if not slip.given_back else "part_refunded" if slip.off else "refunded"

    def sweep(self, today: date) -> None:
        for slip in self.slips:
            if not slip.end and today > slip.last_day + timedelta(days=LATE_DAYS):
                slip.end = "expired"

    def closed(self, slip: Slip, today: date) -> str:
        """Why a voucher cannot be captured or voided at a counter today."""
        return (
            {"captured": "already_captured", "voided": "voided"}.get(slip.end, "expired")
            if slip.end
            else ("expired" if today > slip.last_day else "")
        )

    def fixed(self, slip: Slip, dispute: int = 0) -> str:
        """Why nothing can be given back."""
        if slip.end != "captured":
            return "not_captured"
        return "refunded_already" if not slip.off else "dispute_open" if slip.dispute != dispute else ""

    def give_back(self, slip: Slip, bill: int | None, dispute: int = 0) -> str:
        why = self.fixed(slip, dispute)
        if why:
            return why
        if bill is not None and bill >= slip.bill:
            return "bill_not_smaller"
        off, used = takes(slip.points, bill or 0)
        if off == slip.off:
            return "nothing_to_refund"
        slip.off, slip.used, slip.bill, slip.given_back = off, used, bill if bill and off else 0, True
        self.refunds += 1
        return ""


class Vouchers(RuleBasedStateMachine):
    """The verbs; each says what the model expects before the book is asked."""

    fresh: Callable[[], str]

    @initialize()
    def settle_in(self) -> None:
        self.engine = unsynced(type(self).fresh())
        self.book = Book(self.engine)
        self.book.found(open_from="2026-09")
        (member,) = self.book.join("M0001")
        self.book.shop("S001", "S002")
        self.book.give(member.holder, POINTS)
        with self.book.write() as session:
            wish = offers.NewOffer("S001", Offset(10, 5_000), *YEAR, shares=Shares(fund_bp=7_000))
            offers.add(session, self.book.act(), wish)
        enrolled(self.book)  # a phone that takes vouchers offline: they wait for uploads
        self.model = Model()

    def do(self, expected: str, work: Callable[[Session, Act], object], *, approver: int | None = None, key: str = "") -> bool:
        """Do it in the book as expected: `expected` is the code of its refusal, or ''. Gives whether it was done."""
        told = ""
        try:
            with self.book.write() as session:
                work(session, self.book.act(key, approver=approver, reason="so it was"))
        except TimebankError as refusal:
            told = refusal.code
        assert told == expected
        return not told

    def slip(self, which: int) -> Slip | None:
        return self.model.slips[which % len(self.model.slips)] if self.model.slips else None

    @rule(
        points=st.sampled_from((1, 10, 99, 100, 400)),
        days=st.sampled_from((1, 2, 5)),
        by=st.sampled_from(("", "quote", "buried")),
    )
    def issue(self, points: int, days: int, by: str) -> None:
        model, today = self.model, self.book.today
        key = f"issue-{self.book.acts}"
        waiting = sum(s.points for s in model.slips if not s.end and today > s.last_day + timedelta(days=LATE_DAYS))
        there = POINTS - model.held - model.redeemed
        request = Request("M0001", 1, points, days)
        if by == "buried":
            assert self.do("", lambda s, a: redemption.cancel(s, a, key))
        if by == "quote":
            question = quotes.Question("M0001", 1, 100_000, points)
            if not self.do("insufficient_points" if points > there else "", lambda s, a: quotes.quote(s, a, question)):
                return
            model.quotes += 1
            request = Request("M0001", 0, None, days, quote=model.quotes)
        expected = "voided_before" if by == "buried" else "insufficient_points" if points > there + waiting else ""
        made: list[redemption.Issued] = []
        if self.do(expected, lambda s, a: made.append(redemption.issue(s, a, request, PEPPER)), key=key):
            model.sweep(today)
            number, last = len(model.slips) + 1, today + timedelta(days=days)
            model.slips.append(Slip(number, made[0].code or "", key, points, today, last))

    @rule(which=st.integers(0, 9), bill=st.sampled_from(BILLS))
    def capture(self, which: int, bill: int) -> None:
        slip = self.slip(which)
        if slip is None:
            return
        expected = self.model.closed(slip, self.book.today) or ("" if takes(slip.points, bill)[0] else "no_benefit")
        with self.book.read() as session:
            seen = _code_of(lambda: redemption.preview(session, 1, Counter(slip.code, "S001", bill), PEPPER, self.book.today))
        assert seen == expected
        if self.do(expected, lambda s, a: redemption.capture(s, a, Counter(slip.code, "S001", bill), PEPPER)):
            self._taken(slip, bill, self.book.today)

    @rule(which=st.integers(0, 9), bill=st.sampled_from(BILLS))
    def upload(self, which: int, bill: int) -> None:
        slip, today = self.slip(which), self.book.today
        if slip is None:
            return
        day = min(today, slip.last_day)
        over = "expired" if today > slip.last_day + timedelta(days=LATE_DAYS) else ""
        ended = self.model.closed(slip, slip.last_day) if slip.end else ""
        expected = ended or over or ("" if takes(slip.points, bill)[0] else "no_benefit")
        if self.do(expected, lambda s, a: redemption.accept(s, a, Accepted(slip.number, 1, bill, day, 1, 1))):
            self._taken(slip, bill, day)

    def _taken(self, slip: Slip, bill: int, day: date) -> None:
        slip.end, slip.day, slip.bill = "captured", day, bill
        slip.off, slip.used = takes(slip.points, bill)
        self.model.sweep(self.book.today)

    @rule(which=st.integers(0, 9), how=st.sampled_from(("void", "decline", "cancel")))
    def void(self, which: int, how: str) -> None:
        slip = self.slip(which)
        if slip is None:
            return
        verbs: dict[str, Callable[[Session, Act], object]] = {
            "void": lambda s, a: redemption.void(s, a, slip.number, "member"),
            "decline": lambda s, a: redemption.decline(s, a, slip.number, 1),
            "cancel": lambda s, a: redemption.cancel(s, a, slip.key),
        }
        if self.do(self.model.closed(slip, self.book.today), verbs[how]):
            slip.end = "voided"
            self.model.sweep(self.book.today)

    @rule(which=st.integers(0, 9), bill=st.sampled_from((None, *BILLS)))
    def refund(self, which: int, bill: int | None) -> None:
        slip = self.slip(which)
        if slip is not None:
            expected = self.model.give_back(slip, bill)
            self.do(expected, lambda s, a: refunds.refund(s, a, slip.number, bill), approver=2)

    @rule(which=st.integers(0, 9))
    def undo(self, which: int) -> None:
        slip = self.slip(which)
        if slip is not None:
            late = slip.end == "captured" and slip.day != self.book.today
            expected = "undo_over" if late else self.model.give_back(slip, None)
            self.do(expected, lambda s, a: refunds.undo(s, a, slip.number, 1))

    @rule(which=st.integers(0, 9))
    def dispute(self, which: int) -> None:
        slip = self.slip(which)
        if slip is not None and self.do(self.model.fixed(slip), lambda s, a: disputes.open_(s, a, slip.number, "member")):
            self.model.disputes.append((slip, ""))
            slip.dispute = len(self.model.disputes)

    @rule(which=st.integers(0, 9), outcome=st.sampled_from(("upheld", "rejected")), bill=st.sampled_from((None, *BILLS)))
    def decide(self, which: int, outcome: disputes.Outcome, bill: int | None) -> None:
        if not self.model.disputes:
            return
        number = which % len(self.model.disputes) + 1
        slip, decided = self.model.disputes[number - 1]
        if decided:
            expected = "decided_already"
        elif outcome == "rejected":
            expected = "" if bill is None else "bill_not_wanted"
        else:
            expected = self.model.give_back(slip, bill, number)
        if self.do(expected, lambda s, a: disputes.decide(s, a, Decision(number, outcome, bill)), approver=2):
            self.model.disputes[number - 1] = (slip, outcome)
            slip.dispute = 0

    @rule()
    def expire_due(self) -> None:
        assert self.do("", redemption.expire_due)
        self.model.sweep(self.book.today)

    @rule(hours=st.sampled_from((1, 12, 24, 72)))
    def wait(self, hours: int) -> None:
        self.book.now += timedelta(hours=hours)

    @invariant()
    def everything_holds(self) -> None:
        if not hasattr(self, "model"):
            return
        model, book = self.model, self.book
        with book.read() as session:
            there = {found.voucher.id: found for found in vouchers.of_member(session, 1, 1, book.today)}
        assert {n: s.state for n, s in there.items()} == {s.number: model.state(s, book.today) for s in model.slips}
        left = {s.number: (s.bill, s.used, s.off, s.off * 7 // 10) for s in model.slips if s.end == "captured"}
        assert {n: tuple(s.left) for n, s in there.items() if n in left} == left
        balance = book.points("member:1")
        assert (balance.available, balance.held) == (POINTS - model.held - model.redeemed, model.held)
        assert account(book, REDEEMED, "points", "sink") == model.redeemed
        owed = sum(claim for _, _, _, claim in left.values())
        assert account(book, "merchant:1", "fen", "payable") == owed
        committed = sum(s.points * 10 * 7 // 10 for s in model.slips if not s.end)
        assert account(book, FUND, "fen", "committed") == committed
        assert account(book, FUND, "fen", "free") == -owed - committed

    def teardown(self) -> None:
        if hasattr(self, "model"):
            with self.book.read() as session:
                found = audit.audit(session, 1, set(audit.CHECKS) - {"guards", "replay"}).findings
            assert {finding.code for finding in found} <= {"acceptance_unsound"}  # uploads come without their acceptance here
            self.engine.dispose()


def _code_of(work: Callable[[], object]) -> str:
    try:
        work()
    except TimebankError as refusal:
        return refusal.code
    return ""


def test_whatever_befalls_a_voucher_its_state_is_the_fold_and_no_point_is_lost(shelf: Shelf, tmp_path: Path) -> None:
    with ExitStack() as lent:

        def fresh() -> str:
            lent.close()
            return lent.enter_context(shelf.lend(migrated, tmp_path))

        Vouchers.fresh = staticmethod(fresh)
        lives = settings(
            max_examples=LIVES[type(shelf)],
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(Vouchers, settings=lives)


# ---- races


@pytest.fixture(scope="module")
def race() -> Iterator[Race]:
    with rivals(4) as race:
        yield race


@pytest.fixture
def street(book: Book) -> Book:
    """Member M0001 with 1,000 points, shop S001 with offer 1: ten points a yuan, at most half of the bill."""
    (member,) = book.join("M0001")
    book.shop("S001")
    add_offer(book)
    book.give(member.holder, 1_000)
    return book


def test_a_refund_against_the_shops_undo_gives_back_once(street: Book, race: Race, url: str) -> None:
    capture(street, issue(street).code)
    outcomes = race.each(url, [Job("refund", 1, approver=2), Job("undo", 1)] * 2)
    assert sorted(outcomes) == [OK, *["refunded_already"] * 3]
    assert street.points("member:1").available == 1_000
    assert account(street, "merchant:1", "fen", "payable") == 0


def test_a_hold_against_the_void_of_its_key_holds_nothing_in_the_end(street: Book, race: Race, url: str) -> None:
    outcomes = race.each(url, [Job("issue", 100, key="slow"), Job("cancel", "slow")] * 2)
    issued, cancelled = outcomes[::2], outcomes[1::2]
    assert street.points("member:1").held == 0
    assert set(issued) in ({OK}, {"voided_before"})
    assert OK in cancelled
