"""The book: what may be posted, what is refused, what a reversal takes."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from conftest import NOON, Book
from timebank import ledger
from timebank.audit import audit
from timebank.base import communities
from timebank.base.errors import Conflict, Invalid, NotAllowed, NotFound, Refused
from timebank.journal import ACCOUNT, ENTRY, EXPIRED, ISSUED, POSTING, REDEEMED, Balance, Draft, Receipt, Transfer
from timebank.transparency import EMPTY_ROOT, Frontier, leaf_hash, parse, tree_root

LAPSE = date(2026, 12, 31)
LATER = date(2027, 12, 31)


def post(book: Book, *drafts: Draft, key: str = "") -> list[Receipt]:
    with book.write() as session:
        return ledger.post_all(session, book.act(key), drafts)


def out(book: Book, holder: str, points: int, *, day: date | None = None) -> Draft:
    """Points spent at a shop."""
    return Draft("voucher.capture", day or book.today, (Transfer("points", points, holder, "available", REDEEMED, "sink"),))


def expire(book: Book, holder: str, points: int, lot: date) -> None:
    move = Transfer("points", points, holder, "available", EXPIRED, "sink", lot=lot)
    post(book, Draft("points.expire", lot, (move,), subject=holder))


def reverse(book: Book, seq: int, *, owe: bool = False) -> Receipt:
    with book.write() as session:
        return ledger.reverse(session, book.act(approver=2, reason="wrong"), seq, owe=owe)


@pytest.fixture
def member(book: Book) -> str:
    return book.join("M0001")[0].holder


def test_points_come_in_and_go_out(book: Book, member: str) -> None:
    book.give(member, 40)
    post(book, out(book, member, 15))
    assert book.points(member).available == 25


def test_nothing_falls_below_its_floor(book: Book, member: str) -> None:
    book.give(member, 40)
    with pytest.raises(Refused) as refusal:
        post(book, out(book, member, 41))
    assert refusal.value.code == "insufficient"
    assert book.points(member).available == 40


def test_the_lot_that_lapses_first_is_spent_first(book: Book, member: str) -> None:
    book.give(member, 10, lapses_on=LATER)
    book.give(member, 10, lapses_on=LAPSE)
    post(book, out(book, member, 12))
    assert book.points(member).lots == ((LATER, 8),)


def test_lapsed_points_are_unavailable_at_once(book: Book, member: str) -> None:
    book.give(member, 10, lapses_on=book.today - timedelta(1))
    assert book.points(member).available == 0
    with pytest.raises(Refused):
        post(book, out(book, member, 1))


def test_points_can_be_spent_on_the_day_they_lapse(book: Book, member: str) -> None:
    book.give(member, 10, lapses_on=book.today)
    post(book, out(book, member, 10))
    assert book.points(member).available == 0


def test_a_hold_keeps_the_lapse_day(book: Book, member: str) -> None:
    book.give(member, 10, lapses_on=LAPSE)
    post(book, Draft("voucher.issue", book.today, (Transfer("points", 4, member, "available", member, "held"),)))
    assert book.points(member) == Balance(6, 4, 0, ((LAPSE, 6),))
    back = Transfer("points", 4, member, "held", member, "available", lot=LAPSE)
    post(book, Draft("voucher.void", book.today, (back,)))
    assert book.points(member) == Balance(10, 0, 0, ((LAPSE, 10),))


def test_a_batch_is_all_or_nothing_and_names_every_draft_that_fails(book: Book, member: str) -> None:
    book.give(member, 10)
    drafts = [Draft(*_named(book, member, points, row)) for row, points in enumerate((4, 90, 3, 80, 2), start=2)]
    with pytest.raises(Refused) as refusal:
        post(book, *drafts)
    assert [f.where for f in refusal.value.findings] == ["row 3", "row 5"]
    assert book.points(member).available == 10


def _named(book: Book, holder: str, points: int, row: int) -> tuple[object, ...]:
    draft = out(book, holder, points)
    return (draft.kind, draft.business_date, draft.transfers, None, None, None, None, None, f"row {row}")


def test_the_same_key_with_other_content_is_a_conflict(book: Book, member: str) -> None:
    book.give(member, 40)
    first = post(book, out(book, member, 5), key="same")
    assert post(book, out(book, member, 5), key="same") == first
    with pytest.raises(Conflict) as conflict:
        post(book, out(book, member, 6), key="same")
    assert conflict.value.code == "exists_with_different_content"
    assert book.points(member).available == 35


def test_an_entry_never_lies_in_the_future(book: Book, member: str) -> None:
    book.give(member, 40)
    with pytest.raises(Invalid) as refusal:
        post(book, out(book, member, 5, day=book.today + timedelta(1)))
    assert refusal.value.code == "future_date"


def test_an_unknown_account_is_refused(book: Book) -> None:
    with pytest.raises(NotFound) as refusal:
        post(book, out(book, "member:99", 5))
    assert refusal.value.code == "no_account"


def test_the_clock_may_lag_five_minutes_and_posted_at_never_goes_back(book: Book, member: str) -> None:
    book.give(member, 1)
    book.now = NOON - timedelta(minutes=5)
    book.give(member, 1)
    with book.read() as session:
        posted = session.execute(select(ENTRY.posted_at).order_by(ENTRY.seq)).scalars().all()
    assert posted == sorted(posted)
    book.now = NOON - timedelta(minutes=5, seconds=1)
    with pytest.raises(Refused) as refusal:
        book.give(member, 1)
    assert refusal.value.code == "clock_back"


def test_a_jump_of_more_than_forty_days_needs_a_second_person(book: Book, member: str) -> None:
    book.now = NOON + timedelta(days=40, seconds=1)
    with book.write() as session, pytest.raises(NotAllowed) as refusal:
        ledger.post(session, book.act(), Draft("note", book.today))
    assert refusal.value.code == "clock_jump"
    with book.write() as session:
        ledger.post(session, book.act(approver=2), Draft("note", book.today))


def test_midnight_is_the_communitys_midnight(book: Book, member: str) -> None:
    book.now = NOON.replace(hour=16)  # midnight in Shanghai
    assert book.today == date(2026, 10, 21)
    book.give(member, 1, day=date(2026, 10, 21))


def test_an_entry_belongs_to_the_month_of_its_day_while_that_is_open(book: Book, member: str) -> None:
    with book.write() as session:
        state = communities.lock(session, 1)
        state.open_period = "2026-09"
        communities.save(session, state)
    days = (date(2026, 8, 31), date(2026, 9, 1), date(2026, 10, 1))
    assert [book.give(member, 1, day=day).period for day in days] == ["2026-09", "2026-09", "2026-10"]


def test_lines_are_counted_from_one_in_every_account_and_month(book: Book, member: str) -> None:
    with book.write() as session:
        state = communities.lock(session, 1)
        state.open_period = "2026-09"
        communities.save(session, state)
    for day in (date(2026, 9, 3), date(2026, 10, 3), date(2026, 9, 4), date(2026, 10, 4)):
        book.give(member, 5, day=day)
    with book.read() as session:
        account = select(ACCOUNT.id).where(ACCOUNT.holder == member, ACCOUNT.purpose == "served").scalar_subquery()
        lines = session.execute(
            select(POSTING.n, POSTING.balance).where(POSTING.account_id == account).order_by(POSTING.seq)
        ).all()
    assert [tuple(line) for line in lines] == [(1, 5), (1, 10), (2, 15), (2, 20)]


def test_a_reversal_is_the_exact_opposite(book: Book, member: str) -> None:
    given = book.give(member, 10, lapses_on=LAPSE)
    reverse(book, given.seq)
    assert book.points(member) == Balance(0, 0, 0, ())
    with book.read() as session:
        assert ledger.balance(session, 1, member, "minutes", today=book.today).total == 0


def test_an_entry_is_reversed_once_and_a_reversal_never(book: Book, member: str) -> None:
    given = book.give(member, 10)
    reversal = reverse(book, given.seq)
    for seq, code in ((given.seq, "already_reversed"), (reversal.seq, "is_reversal")):
        with pytest.raises(Refused) as refusal:
            reverse(book, seq)
        assert refusal.value.code == code
    with pytest.raises(NotFound):
        reverse(book, 999)


def test_a_hold_is_not_reversed_but_ended_by_its_voucher(book: Book, member: str) -> None:
    book.give(member, 10)
    (hold,) = post(book, Draft("voucher.issue", book.today, (Transfer("points", 4, member, "available", member, "held"),)))
    with pytest.raises(Refused) as refusal:
        reverse(book, hold.seq)
    assert refusal.value.code == "is_hold"


def test_a_reversal_takes_the_lots_rest_then_what_expired_then_other_lots_then_owes(book: Book, member: str) -> None:
    given = book.give(member, 10, lapses_on=LAPSE)
    post(book, out(book, member, 3))  # 7 left in the lot
    book.now = NOON.replace(year=2027, month=1, day=5)
    with book.write() as session:
        ledger.post(session, book.act(approver=2), Draft("note", book.today))
    expire(book, member, 7, LAPSE)
    other = book.give(member, 2, lapses_on=LATER)
    with pytest.raises(Refused) as refusal:
        reverse(book, given.seq)  # 7 of the expired, 2 of the other lot, 1 missing
    assert refusal.value.code == "already_spent"
    reverse(book, given.seq, owe=True)
    assert book.points(member) == Balance(0, 0, -1, ())
    with book.read() as session:
        expired = session.execute(select(ACCOUNT.balance).where(ACCOUNT.holder == EXPIRED)).scalar()
        minutes = ledger.balance(session, 1, member, "minutes", today=book.today).total
    assert (expired, minutes) == (0, 2)
    assert other.seq


def test_what_expired_is_taken_back_once(book: Book, member: str) -> None:
    first = book.give(member, 6, lapses_on=book.today - timedelta(1))
    second = book.give(member, 4, lapses_on=book.today - timedelta(1))
    expire(book, member, 10, book.today - timedelta(1))
    reverse(book, first.seq)
    reverse(book, second.seq)
    assert book.points(member) == Balance(0, 0, 0, ())
    with book.read() as session:
        facts = [
            parse(payload.encode()).get("facts")
            for payload in session.execute(select(ENTRY.payload).where(ENTRY.kind == "reversal").order_by(ENTRY.seq)).scalars()
        ]
    yesterday = (book.today - timedelta(1)).isoformat()
    assert facts == [
        {"expired": [[member, "available", yesterday, 6]]},
        {"expired": [[member, "available", yesterday, 4]]},
    ]


def test_points_coming_in_repay_what_is_owed_first(book: Book, member: str) -> None:
    given = book.give(member, 10)
    post(book, out(book, member, 10))
    reverse(book, given.seq, owe=True)
    assert book.points(member) == Balance(0, 0, -10, ())
    book.give(member, 4)
    assert book.points(member) == Balance(0, 0, -6, ())
    book.give(member, 9)
    assert book.points(member).available == 3
    assert book.points(member).total == 3


def test_a_balance_of_an_earlier_day_is_by_business_date(book: Book, member: str) -> None:
    book.give(member, 10, day=date(2026, 10, 5))
    book.give(member, 5, day=date(2026, 10, 10))
    with book.read() as session:
        found = ledger.balance(session, 1, member, "points", today=book.today, as_of=date(2026, 10, 7))
    assert found.available == 10


def test_the_payload_names_the_holder_itself_and_no_one_else(book: Book, member: str) -> None:
    book.give(member, 10)
    with book.read() as session:
        row = session.execute(select(ENTRY.payload, ENTRY.leaf).where(ENTRY.kind == "points.opening")).one()
    payload = parse(row.payload.encode())
    assert payload["postings"][1] == [member, "minutes", "served", "9999-12-31", 10, 1]
    assert payload["log"] == "520201-jianshe/1"
    assert len(bytes.fromhex(payload["nonce"])) == 16
    assert row.leaf == leaf_hash(row.payload.encode())
    assert "张" not in row.payload


def test_free_text_stays_outside_the_payload_bound_by_its_hash(book: Book, member: str) -> None:
    given = book.give(member, 10)
    reverse(book, given.seq)
    with book.read() as session:
        payload = session.execute(select(ENTRY.payload).where(ENTRY.kind == "reversal")).scalar_one()
    assert "wrong" not in payload
    assert len(parse(payload.encode())["text_hash"]) == 64


MOVES = st.lists(
    st.tuples(st.sampled_from(["give", "spend", "hold", "release", "reverse"]), st.integers(0, 1), st.integers(1, 12)),
    max_size=14,
)


@given(moves=MOVES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_moves_every_sum_floor_lot_and_hash_holds(book: Book, moves: list[tuple[str, int, int]]) -> None:
    """I1, I2, I3, I5, I8, I10 against a recount of the journal, whatever is posted and refused."""
    suffix = str(book.acts)
    holders = [m.holder for m in book.join(f"A{suffix}", f"B{suffix}")]
    given_seqs: list[int] = []
    for verb, who, points in moves:
        holder = holders[who]
        between = {"spend": ("available", REDEEMED, "sink"), "hold": ("available", holder, "held")}
        try:
            if verb == "give":
                given_seqs.append(book.give(holder, points, lapses_on=(LAPSE, LATER)[points % 2]).seq)
            elif verb == "reverse" and given_seqs:
                reverse(book, given_seqs.pop(points % len(given_seqs)), owe=points > 6)
            elif verb == "release":
                post(
                    book, Draft("voucher.void", book.today, (Transfer("points", points, holder, "held", holder, "available"),))
                )
            elif verb in between:
                purpose, target, target_purpose = between[verb]
                move = Transfer("points", points, holder, purpose, target, target_purpose)
                post(book, Draft("voucher.issue", book.today, (move,)))
        except Refused:
            continue
    check(book)


def check(book: Book) -> None:
    with book.read() as session:
        sums: dict[int, int] = {}
        for seq, unit, account, amount, balance in session.execute(
            select(POSTING.seq, POSTING.unit, POSTING.account_id, POSTING.amount, POSTING.balance).order_by(
                POSTING.seq, POSTING.line
            )
        ):
            sums[account] = sums.get(account, 0) + amount
            assert sums[account] == balance, (seq, unit)
        rows = session.execute(select(ACCOUNT.id, ACCOUNT.unit, ACCOUNT.floor, ACCOUNT.balance)).all()
        by_unit: dict[str, int] = {}
        for number, unit, floor, balance in rows:
            assert balance == sums.get(number, 0)
            assert floor is None or balance >= floor
            by_unit[unit] = by_unit.get(unit, 0) + balance
        assert set(by_unit.values()) == {0}
        entries = session.execute(select(ENTRY.seq, ENTRY.payload, ENTRY.leaf).order_by(ENTRY.seq)).all()
        assert [seq for seq, _, _ in entries] == list(range(len(entries)))
        state = session.get_one(communities.CommunityState, 1)
        assert Frontier.load(state.size, state.frontier).root() == tree_root(leaf_hash(p.encode()) for _, p, _ in entries)


def test_a_new_book_has_the_root_of_its_first_entries(book: Book) -> None:
    with book.read() as session:
        state = session.get_one(communities.CommunityState, 1)
    assert state.size == 2  # W0001 and W0002 joined
    assert Frontier.load(0, b"").root() == EMPTY_ROOT


def test_a_repaid_debt_comes_back_only_as_the_last_resort(book: Book, member: str) -> None:
    given = book.give(member, 10)
    post(book, out(book, member, 10))
    reverse(book, given.seq, owe=True)  # 10 owed
    repaying = book.give(member, 12)  # repays 10, leaves 2
    book.give(member, 100)
    reverse(book, repaying.seq)
    assert book.points(member) == Balance(90, 0, 0, ((date(9999, 12, 31), 90),))


def test_what_a_savepoint_takes_back_is_not_remembered(book: Book, member: str) -> None:
    gift = Draft("award.grant", book.today, (Transfer("points", 5, ISSUED, "source", member, "available"),))
    with book.write() as session:
        ledger.post(session, book.act("kept"), gift)
        rehearsal = session.begin_nested()
        ledger.post(session, book.act("rehearsed"), gift)
        rehearsal.rollback()
        ledger.post(session, book.act("again"), gift)
    assert book.points(member).available == 10
    with book.read() as session:
        assert audit(session, 1).findings == ()


def test_an_account_opened_after_a_post_is_found_by_the_next(book: Book, member: str) -> None:
    gift = Draft("award.grant", book.today, (Transfer("points", 5, ISSUED, "source", member, "available"),))
    with book.write() as session:
        ledger.post(session, book.act(), gift)
        ledger.open_accounts(session, 1, [(member, "points", "kept")])
        moved = Transfer("points", 2, member, "available", member, "kept")
        ledger.post(session, book.act(), Draft("award.grant", book.today, (moved,)))
    assert book.points(member).available == 3
