"""A back-test: a book in force changes nothing; a draft changes what a recount by hand says."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from by_hand import Earned, Sheet, books, facts_any, of
from conftest import RULES, Book
from shopping import add_offer, capture, issue
from timebank import backtest, hours, rulebooks, rulefile
from timebank.backtest import Replay, Result, Span
from timebank.clauses import NEVER, RuleBook
from timebank.history import Event, Moved, Served, TakenBack
from timebank.rewards import Award
from timebank.services import Record

ALWAYS = Span(date(2000, 1, 1), date(2100, 1, 1))


def award_of(earned: Earned, rules: RuleBook) -> Award:
    """What was worked out by hand, as an entry pays it."""
    trace = {"caps": [{"id": "c", "to": "discard", "cut": earned.discarded}]} if earned.discarded else {}
    bonuses = tuple(bonus for bonus in rules.bonus if bonus.id in earned.bonuses)
    overflow = tuple((+earned.overflow).items())
    return Award(earned.eligible, earned.counted, earned.points, overflow, NEVER, earned.window_minutes, trace, bonuses)


@st.composite
def histories(draw: st.DrawFn, rules: RuleBook) -> list[Event]:
    """Services, spending, minutes from before the book and reversals, paid by hand under a book."""
    events: list[Event] = []
    sheet, open_, back = Sheet(rules), dict[int, int](), dict[int, int]()
    for seq, (member, facts) in enumerate(draw(st.lists(st.tuples(st.sampled_from([1, 2, 3]), facts_any), max_size=14))):
        if open_ and draw(st.integers(0, 3)) == 0:
            of_, place = draw(st.sampled_from(sorted(open_.items())))
            back[of_] = place
            holder, _, earned = sheet.lines[place]
            sheet.lines[place] = (-1 - place, replace(of(0), day=date(1990, 1, 1)), Earned())
            del open_[of_]
            events.append(TakenBack(1000 + seq, of_, {holder: -earned.points}, {holder: -1}))
        elif draw(st.booleans()):
            spent = draw(st.integers(0, max(0, sheet.balance(member))))
            sheet.spent[member] += spent
            events.append(Moved(1000 + seq, {member: -spent}, {}))
        earned = sheet.serve(member, facts)
        open_[seq] = len(sheet.lines) - 1
        events.append(Served(seq, member, facts, award_of(earned, rules), False, "1@0"))
    return [e._replace(taken_back=True) if isinstance(e, Served) and e.seq in back else e for e in events]


def played(events: list[Event], rules: RuleBook, span: Span = ALWAYS) -> Result:
    return backtest.replayed(events, rules, span, lambda _: None)


@settings(max_examples=150)
@given(books.flatmap(lambda rules: st.tuples(st.just(rules), histories(rules))), st.dates(date(2026, 1, 1), date(2027, 1, 3)))
def test_a_book_played_over_what_it_paid_changes_nothing(paid: tuple[RuleBook, list[Event]], first: date) -> None:
    """Whatever the book, the history, and the day from which it is played: before it the sums are those that were."""
    rules, events = paid
    for span in (ALWAYS, Span(first, first + timedelta(200))):
        replay = Replay(rules, span)
        for event in events:
            made = replay.take(event)
            if isinstance(event, Served) and made is not None:
                paid_ = event.paid
                assert (made.eligible, made.counted, made.points) == (paid_.eligible, paid_.counted, paid_.points)
                assert (made.window_minutes, dict(made.overflow)) == (paid_.window_minutes, dict(paid_.overflow))
                assert made.bonuses == paid_.bonuses
        result = replay.result()
        assert all(line.change == 0 for line in (result.kept, *result.by_category, *result.by_team, *result.by_tenth))
        assert not result.losses
        assert result.discarded.old == result.discarded.new


def of_book(book_: Book, rules: RuleBook, span: Span = ALWAYS) -> Result:
    with book_.read() as session:
        return backtest.run(session, 1, rules, span, lambda _: None)


RICH = (
    RULES.replace('version = "2026.1"', 'version = "2026.2"')
    + """
[[cap]]
id = "store"
per = "balance"
points = 60
[[bonus]]
id = "first"
points = 7
per = "month"
[credit]
points_per_credit = 2
monthly_credits_max = 10
"""
)


def lived(book_: Book) -> RuleBook:
    """A book with a correction, a service taken back, points spent and given, and a cap reached; gives its rules."""
    book_.join("M0001", "M0002", "M0003")
    book_.shop("S001")
    act = book_.act(approver=2)
    book_.command(lambda s, a: rulebooks.publish(s, a, RICH.encode(), "2026-7", "first rules"), act)
    sheet = [
        Record(f"M000{1 + n % 3}", date(2026, 9, 1) + timedelta(n), 50 + 13 * n, ("elder-care", "cleaning")[n % 2], row=n)
        for n in range(12)
    ]
    book_.command(lambda s, a: hours.record_all(s, a, [sheet]), book_.act(approver=2))
    add_offer(book_)
    capture(book_, issue(book_, points=20).code, 2_000)
    book_.command(lambda s, a: hours.correct(s, a, 2, 30), book_.act(approver=2, reason="typed wrong"))
    book_.command(lambda s, a: hours.correct(s, a, 3, 0), book_.act(approver=2, reason="was not there"))
    issue(book_, points=10, days=3)
    more = [Record("M0001", date(2026, 10, 1 + n), 100, "elder-care", ref=f"more {n}", row=n) for n in range(4)]
    book_.command(lambda s, a: hours.record_all(s, a, [more]), book_.act(approver=2))
    rules = rulefile.read(RICH.encode()).book
    assert rules is not None
    return rules


def test_the_book_in_force_over_its_own_days_is_what_was_paid(book: Book) -> None:
    rules = lived(book)
    for span in (ALWAYS, Span(date(2026, 9, 5), date(2026, 10, 2))):
        result = of_book(book, rules, span)
        assert result.kept.old > 0
        assert result.kept.change == result.discarded.change == result.pools.change == 0
        assert not any(share.change for share in result.shares)
        assert all(hit.old == hit.new for hit in result.hits)
    with book.read() as session:
        paid = {member: points for member, points in _paid(session).items() if points}
    assert {share.member: share.old for share in of_book(book, rules).shares if share.old} == paid


def _paid(session: object) -> dict[int, int]:
    from sqlalchemy import text

    rows = session.execute(text("SELECT member_id, sum(points) FROM service WHERE state = 'posted' GROUP BY member_id"))  # type: ignore[attr-defined]
    return {member: int(points) for member, points in rows}
