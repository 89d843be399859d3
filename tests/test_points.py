"""Points that change hands, and points that lapse: what goes where, and what is left alone."""

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import col, select, update

from conftest import RULES, Book, Cli
from giving import a_book_of_gifts  # noqa: F401 - a fixture
from timebank import ledger, points, rulebooks, statement_files
from timebank.audit import audit
from timebank.base.errors import TimebankError
from timebank.base.sheets import open_sheet
from timebank.exchange import OPENING_COLUMNS
from timebank.journal import ISSUED, Draft, Entry, Receipt, Transfer
from timebank.people import clerks, kin, teams
from timebank.people.members import Member
from timebank.statement_files import Options

SEPTEMBER, OCTOBER, NEVER = date(2026, 9, 30), date(2026, 10, 31), date(9999, 12, 31)


@pytest.fixture
def lapsing(book: Book) -> Book:
    """M0001 with points of three lapse days, a day after the second."""
    book.join("M0001")
    for amount, day in ((10, SEPTEMBER), (20, OCTOBER), (40, NEVER)):
        book.give("member:1", amount, lapses_on=day)
    book.now = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
    return book


def expire(book: Book, until: date, key: str = "") -> list[Receipt]:
    with book.write() as session:
        return points.expire_due(session, book.act(key), until)


def total(book: Book, holder: str = "member:1") -> int:
    """Points of a holder in the book, whether they can still be spent or not."""
    with book.read() as session:
        return ledger.balance(session, 1, holder, "points", today=date(2000, 1, 1)).total


def entries(book: Book) -> list[Entry]:
    with book.read() as session:
        wanted = select(Entry).where(col(Entry.community_id) == 1, col(Entry.kind) == "points.expire").order_by(col(Entry.seq))
        return list(session.exec(wanted))


def test_what_lapsed_is_taken_out_of_circulation(lapsing: Book) -> None:
    assert len(expire(lapsing, OCTOBER)) == 2
    assert total(lapsing) == 40


def test_an_expiry_is_an_entry_a_lot_dated_on_its_last_day_about_its_holder(lapsing: Book) -> None:
    expire(lapsing, OCTOBER)
    found = [(entry.business_date, entry.period, entry.subject) for entry in entries(lapsing)]
    assert found == [(SEPTEMBER, "2026-10", "member:1"), (OCTOBER, "2026-10", "member:1")]


def test_only_what_lapsed_by_the_day_asked_for_goes(lapsing: Book) -> None:
    expire(lapsing, SEPTEMBER)
    assert total(lapsing) == 60


def test_points_are_good_on_their_last_day(lapsing: Book) -> None:
    lapsing.now = datetime(2026, 10, 31, 4, 0, tzinfo=UTC)
    expire(lapsing, OCTOBER)
    assert lapsing.points("member:1").available == 60


def test_expiring_again_finds_nothing_to_do(lapsing: Book) -> None:
    expire(lapsing, OCTOBER)
    assert expire(lapsing, OCTOBER) == []
    assert len(entries(lapsing)) == 2


def test_the_same_command_again_gives_the_same_receipts(lapsing: Book) -> None:
    assert expire(lapsing, OCTOBER, "once") == expire(lapsing, OCTOBER, "once")
    assert len(entries(lapsing)) == 2


def test_points_on_hold_do_not_lapse(lapsing: Book) -> None:
    hold = Transfer("points", 15, "member:1", "available", "member:1", "held", lot=OCTOBER)
    with lapsing.write() as session:
        ledger.post(session, lapsing.act(), Draft("voucher.issue", date(2026, 10, 30), (hold,), subject="voucher:1"))
    expire(lapsing, OCTOBER)
    assert lapsing.points("member:1").held == 15
    assert total(lapsing) == 55


def test_points_of_pools_lapse_too(lapsing: Book) -> None:
    given = Transfer("points", 7, ISSUED, "source", "pool:elder-care", "available", lapses_on=OCTOBER)
    with lapsing.write() as session:
        ledger.open_accounts(session, 1, [("pool:elder-care", "points", "available")])
        ledger.post(session, lapsing.act(), Draft("hours", date(2026, 10, 30), (given,), subject="hours:9"))
    expire(lapsing, OCTOBER)
    assert total(lapsing, "pool:elder-care") == 0
    assert "pool:elder-care" in [entry.subject for entry in entries(lapsing)]


def test_spent_lots_leave_nothing_behind(lapsing: Book) -> None:
    spent = Transfer("points", 10, "member:1", "available", "system:redeemed", "sink", lot=SEPTEMBER)
    with lapsing.write() as session:
        ledger.post(session, lapsing.act(), Draft("voucher.capture", date(2026, 10, 30), (spent,), subject="voucher:1"))
    assert len(expire(lapsing, SEPTEMBER)) == 0


GIVING = {
    to: RULES.replace("2026.1", f"2026.{to}") + f'[gift]\nto = "{to}"\n' for to in ("nobody", "relatives", "anyone", "pools")
}


@pytest.fixture
def ruled(lapsing: Book) -> Callable[[str], Book]:
    """The book with points of two lapse days that are still good, under a rule book that lets points be given to somebody."""

    def publish(to: str) -> Book:
        lapsing.now = datetime(2026, 9, 20, 4, 0, tzinfo=UTC) + timedelta(days=30)
        lapsing.join("M0002", "M0003")
        with lapsing.write() as session:
            rulebooks.publish(session, lapsing.act(approver=2), GIVING[to].encode(), "2026-7", "first rules")
        return lapsing

    return publish


def give(book: Book, to: str = "M0002", amount: int = 25, key: str = "") -> Receipt:
    with book.write() as session:
        return points.gift(session, book.act(key), "M0001", to, amount)


def donate(book: Book, to: str = "elder-care", amount: int = 25) -> Receipt:
    with book.write() as session:
        return points.donate(session, book.act(), "M0001", to, amount)


def pay_out(book: Book, amount: int = 5, approver: int | None = 2, reason: str = "in need") -> Receipt:
    with book.write() as session:
        return points.pay_out(session, book.act(approver=approver, reason=reason), "elder-care", "M0002", amount)


def relate(book: Book) -> None:
    with book.write() as session:
        kin.add(session, book.act(approver=2), kin.Wish(1, 2, "sibling"))


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(TimebankError) as refusal:
        work()
    return refusal.value.code


def test_a_gift_keeps_the_day_its_points_lapse_and_what_lapses_first_goes_first(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    give(book, amount=25)
    assert book.points("member:2").lots == ((OCTOBER, 20), (NEVER, 5))
    assert book.points("member:1").lots == ((NEVER, 35),)


@pytest.mark.parametrize(
    ("to", "to_member", "to_pool"),
    [
        ("nobody", "gift_not_allowed", "gift_not_allowed"),
        ("relatives", "not_related", "gift_not_allowed"),
        ("anyone", "", ""),
        ("pools", "gift_not_allowed", ""),
    ],
)
def test_the_rule_book_of_the_day_says_to_whom_points_are_given(
    ruled: Callable[[str], Book], to: str, to_member: str, to_pool: str
) -> None:
    book = ruled(to)
    for code, work in ((to_member, give), (to_pool, donate)):
        if code:
            assert refused(partial(work, book, amount=1)) == code
        else:
            work(book, amount=1)


def test_without_a_rule_book_nothing_is_given(lapsing: Book) -> None:
    lapsing.join("M0002")
    assert refused(lambda: give(lapsing)) == "no_rules"


def test_relatives_are_those_two_people_entered_until_their_link_ends(ruled: Callable[[str], Book]) -> None:
    book = ruled("relatives")
    relate(book)
    give(book, amount=5)
    assert refused(lambda: give(book, "M0003")) == "not_related"
    with book.write() as session:
        kin.end(session, book.act(approver=2), 1)
    book.now += timedelta(days=1)
    assert refused(lambda: give(book)) == "not_related"


def test_a_gift_under_a_link_that_had_ended_is_found(ruled: Callable[[str], Book]) -> None:
    book = ruled("relatives")
    relate(book)
    with book.write() as session:
        kin.end(session, book.act(approver=2), 1)
    facts: dict[str, object] = {"to": "relatives", "kin": 1}
    move = Transfer("points", 5, "member:1", "available", "member:2", "available")
    for days, codes in ((0, []), (1, ["points_differ"])):
        book.now += timedelta(days=days)
        with book.write() as session:
            rules = rulebooks.speaking(session, 1, book.today).ref
            ledger.post(session, book.act(), Draft(points.GIFT, book.today, (move,), "member:2", rules, facts=facts))
            assert [finding.code for finding in audit(session, 1).findings] == codes


@pytest.mark.parametrize(
    ("to", "amount", "code"),
    [
        ("M0001", 1, "same_member"),
        ("M0002", 61, "insufficient_points"),
        ("M0009", 1, "unknown_member"),
        ("M0002", 0, "bad_points"),
        ("M0002", 10**12, "bad_points"),
    ],
)
def test_a_gift_is_of_points_there_are_and_to_another_member(
    ruled: Callable[[str], Book], to: str, amount: int, code: str
) -> None:
    book = ruled("anyone")
    assert refused(lambda: give(book, to, amount)) == code


def test_points_on_hold_are_not_given(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    hold = Transfer("points", 50, "member:1", "available", "member:1", "held")
    with book.write() as session:
        ledger.post(session, book.act(), Draft("voucher.issue", book.today, (hold,), subject="voucher:1"))
    assert refused(lambda: give(book, amount=11)) == "insufficient_points"


def test_who_left_gives_and_gets_nothing(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    with book.write() as session:
        session.execute(update(Member).where(col(Member.community_id) == 1, col(Member.id) == 2).values(state="left"))
    assert refused(lambda: give(book)) == "member_inactive"


def test_the_same_gift_again_gives_nothing_more(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    assert give(book, key="once") == give(book, key="once")
    assert book.points("member:2").available == 25


def test_taking_back_what_the_giver_earned_never_touches_the_gift(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    brought = book.give("member:1", 100)
    give(book, amount=150)
    with book.write() as session:
        ledger.reverse(session, book.act(approver=2), brought.seq, owe=True)
    assert book.points("member:2").available == 150
    assert (book.points("member:1").available, book.points("member:1").owed) == (
        0,
        -80,
    )  # all 20 that were left are taken, lapsed ones too


def take_back(book: Book, seq: int, owe: bool = False, approver: int | None = 2) -> Receipt:
    with book.write() as session:
        return points.take_back(session, book.act(approver=approver), seq, owe=owe)


def test_a_gift_that_was_a_mistake_goes_back_into_the_lots_it_came_from(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    before = book.points("member:1").lots
    take_back(book, give(book, amount=25).seq)
    assert (book.points("member:1").lots, book.points("member:2").available) == (before, 0)
    with book.read() as session:
        assert audit(session, 1).findings == ()


def test_a_mistake_is_taken_back_once_by_two_people_and_spent_points_are_owed(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    seq = give(book, amount=25).seq
    with book.write() as session:
        points.gift(session, book.act(), "M0002", "M0003", 10)
    assert refused(lambda: take_back(book, seq, approver=None)) == "approver_missing"
    assert refused(lambda: take_back(book, seq)) == "already_spent"
    take_back(book, seq, owe=True)
    assert (book.points("member:2").owed, book.points("member:3").available) == (-10, 10)
    assert refused(lambda: take_back(book, seq)) == "already_reversed"
    assert refused(lambda: take_back(book, 999)) == "no_entry"


def test_what_comes_back_from_a_gift_repays_what_its_giver_owes_by_now(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    brought = book.give("member:1", 100)
    gift = give(book, amount=150)
    with book.write() as session:
        ledger.reverse(session, book.act(approver=2), brought.seq, owe=True)
    take_back(book, gift.seq)
    assert (book.points("member:1").total, book.points("member:1").owed, book.points("member:2").available) == (70, 0, 0)
    with book.read() as session:
        assert audit(session, 1).findings == ()


def test_hours_and_vouchers_are_corrected_in_their_own_rooms(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    with book.write() as session:
        seq = ledger.post(session, book.act(), Draft("hours", book.today, subject="hours:1")).seq
    assert refused(lambda: take_back(book, seq)) == "not_to_reverse"


def test_pools_and_teams_get_points_that_keep_their_day(ruled: Callable[[str], Book]) -> None:
    book = ruled("pools")
    with book.write() as session:
        teams.add(session, book.act(), teams.NewTeam("红帽子"))
    donate(book, amount=25)
    donate(book, "T001", 3)
    with book.read() as session:
        found = {one.holder: one.lots for one in points.pools(session, 1, book.today)}
    assert found == {"pool:elder-care": ((OCTOBER, 20), (NEVER, 5)), "team:1": ((NEVER, 3),)}


def test_points_go_to_a_pool_that_is_there(ruled: Callable[[str], Book]) -> None:
    book = ruled("pools")
    assert refused(lambda: donate(book, "nowhere")) == "unknown_pool"


def test_a_pool_pays_out_to_a_member_in_the_lots_it_has(ruled: Callable[[str], Book]) -> None:
    book = ruled("pools")
    donate(book, amount=25)
    pay_out(book, 22)
    assert book.points("member:2").lots == ((OCTOBER, 20), (NEVER, 2))


def test_a_pay_out_needs_two_people_and_a_reason_and_points(ruled: Callable[[str], Book]) -> None:
    book = ruled("pools")
    donate(book, amount=25)
    assert refused(lambda: pay_out(book, approver=None)) == "approver_missing"
    assert refused(lambda: pay_out(book, reason="")) == "no_reason"
    assert refused(lambda: pay_out(book, 26)) == "insufficient_points"


def test_nobody_approves_a_pay_out_to_themselves(ruled: Callable[[str], Book]) -> None:
    book = ruled("pools")
    donate(book, amount=25)
    with book.write() as session:
        clerks.add(session, book.act(), ["周复核"], member_id=2)
    assert refused(lambda: pay_out(book, approver=3)) == "self_confirmation"


def test_reminders_name_what_lapses_within_the_months_asked_for(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    book.give("member:2", 7, lapses_on=date(2026, 12, 31))

    def within(months: int) -> list[tuple[str, date, int]]:
        with book.read() as session:
            return [(r.member.number, r.lapses_on, r.points) for r in points.reminders(session, 1, book.today, months)]

    assert within(1) == within(2) == [("M0001", OCTOBER, 20)]
    assert within(3) == [("M0001", OCTOBER, 20), ("M0002", date(2026, 12, 31), 7)]
    assert refused(lambda: within(0)) == "bad_months"


def test_the_audit_of_gifts_and_pay_outs_is_clean(ruled: Callable[[str], Book]) -> None:
    book = ruled("anyone")
    give(book, amount=5)
    donate(book, amount=25)
    pay_out(book, 6)
    with book.read() as session:
        assert audit(session, 1).findings == ()


def test_the_statements_of_a_month_tell_what_changed_hands(giving: Book, tmp_path: Path) -> None:
    with giving.read() as session:
        statement_files.export(session, 1, "2026-10", tmp_path / "out", Options("en", "en"))
    rows = {row["member_no"]: row for row in sheet(tmp_path / "out" / "members.csv")}
    told = {
        number: {name: row[name] for name in row if name.startswith(("points_", "credits_")) and row[name] not in ("", "0")}
        for number, row in rows.items()
    }
    assert told["M0001"] == {
        "points_initial": "150",
        "points_given": "135",
        "points_closing": "15",
        "points_available": "15",
        "credits_issued": "9",
        "credits_closing": "9",
    }
    assert (told["M0002"]["points_initial"], told["M0002"]["points_received"]) == ("10", "110")
    assert (told["M0003"]["points_earned"], told["M0003"]["points_received"]) == ("20", "5")
    assert (told["M0003"]["credits_issued"], told["M0003"]["credits_converted"]) == ("30", "20")
    (pool,) = sheet(tmp_path / "out" / "pools.csv")
    assert (pool["pool_points_received"], pool["pool_points_given"]) == ("25", "5")
    lines = sheet(tmp_path / "out" / "lines.csv")
    assert {line["description"] for line in lines} == {
        *("Brought from earlier records", "Gift of points", "From a pool"),
        *("Credits for a contribution", "Credits turned into points"),
    }


def sheet(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def desk(office: Cli, tmp_path: Path) -> Cli:
    """The office under rules by which anyone may be given points; M0001 has 20 that lapse at the year's end and 40 for ever."""
    rules, old = tmp_path / "generous.toml", tmp_path / "old.csv"
    rules.write_text(GIVING["anyone"], encoding="utf-8")
    office("rules", "publish", str(rules), "--resolution", "2026-8", "--retroactive", "gifts", "--approver", "W0002")
    old.write_text("成员编号,积分,失效日期\nM0001,20,2026-12-31\nM0001,40,永久\n", encoding="utf-8")
    office("points", "open", str(old), "--date", "2026-09-01", "--approver", "W0002")
    return office


def available(cli: Cli, number: str) -> int:
    found: int = cli("points", "balance", number, "--json").json["points"]["available"]
    return found


def test_a_gift_at_the_desk_counts_once_a_key(desk: Cli) -> None:
    first = desk("points", "gift", "m1", "M0002", "25", "--key", "g1", "--json")
    assert first.json["points"] == 25
    assert desk("points", "gift", "m1", "M0002", "25", "--key", "g1", "--json").json == first.json
    desk("points", "donate", "M0001", "elder-care", "5", "--dry-run")
    assert (available(desk, "M0001"), available(desk, "M0002")) == (35, 25)


def test_a_pay_out_waits_for_a_second_person_who_sees_what_for(desk: Cli) -> None:
    desk("points", "donate", "M0001", "elder-care", "25")
    asked = ("points", "pay-out", "elder-care", "M0003", "10", "--reason", "住院", "--json")
    waiting = desk(*asked).json["waiting"]
    (shown,) = desk("inbox", "--json").json
    assert all(part in shown["about"] for part in ("10", "elder-care", "M0003", "住院"))
    desk("approve", str(waiting), "--as", "W0001", status=4)
    desk("approve", str(waiting), "--as", "W0002")
    (pool,) = desk("points", "pools", "--json").json
    assert (pool["pool"], pool["points"]) == ("elder-care", 15)
    assert available(desk, "M0003") == 10


def test_the_history_has_every_movement_with_the_balance_after_it(desk: Cli, tmp_path: Path) -> None:
    desk("hours", "record", "M0001", "--date", "2026-10-10", "--minutes", "60", "--category", "elder-care")
    desk("points", "gift", "M0001", "M0002", "25")
    desk("voucher", "issue", "M0001", "--offer", "1", "--points", "10")
    rows = desk("points", "history", "M0001", "--json").json
    assert [(row["points"], row["points_balance"]) for row in rows] == [(20, 20), (40, 60), (12, 72), (-25, 47), (0, 47)]
    assert "× 12" in rows[2]["explanation"]
    assert rows[3]["rules"].startswith("2026.anyone@")
    some = desk("points", "history", "M0001", "--from", "2026-10-01", "--to", "2026-10-19", "--json").json
    assert [row["points_balance"] for row in some] == [72]
    file = tmp_path / "history.csv"
    desk("points", "history", "M0001", "--csv", str(file))
    assert [(row["points"], row["points_balance"]) for row in sheet(file)] == [
        (str(row["points"]), str(row["points_balance"])) for row in rows
    ]


def test_what_lapsed_is_cleared_at_the_desk_as_the_close_of_a_month_does(desk: Cli) -> None:
    january = "2027-01-02T12:00:00+08:00"
    line = ("points", "expire", "--approver", "W0002", "--json")  # the clock has jumped by more than forty days
    assert len(desk(*line, "--until", "2026-12-30", now=january).json["entries"]) == 0
    assert len(desk(*line, "--dry-run", now=january).json["entries"]) == 1
    assert len(desk(*line, now=january).json["entries"]) == 1
    assert len(desk(*line, now=january).json["entries"]) == 0


def test_reminders_mask_who_is_reminded_unless_two_people_say_why(desk: Cli, tmp_path: Path) -> None:
    (masked,) = desk("points", "reminders", "--months", "3", "--json").json
    assert (masked["name"], masked["points"], masked["lapses_on"]) == ("张*", 20, "2026-12-31")
    full = ("points", "reminders", "--months", "3", "--names", "full", "--json")
    assert desk(*full, status=4).json["error"]["code"] == "approver_missing"
    assert desk(*full, "--approver", "W0002", status=8).json["error"]["code"] == "no_reason"
    file = tmp_path / "reminders.csv"
    logged = (*full, "--approver", "W0002", "--reason", "短信提醒", "--key", "r1")
    assert desk(*logged, "--dry-run", "--to", str(file)).json[0]["name"] == "张*"
    assert not file.exists()
    desk(*logged, "--to", str(file))
    workbook = tmp_path / "reminders.xlsx"
    desk("points", "reminders", "--months", "3", "--to", str(workbook), "--lang", "zh")
    assert [row.cells for row in open_sheet(workbook, OPENING_COLUMNS).rows()] == [("M0001", "张*", "", "20", "2026-12-31")]
    assert desk(*logged).json[0]["name"] == "张*"
    assert [row["name"] for row in sheet(file)] == ["张三"]
    assert desk.rows("SELECT count(*) FROM command WHERE community_id = 1 AND verb = 'points.reminders'") == [(1,)]
    assert desk("points", "reminders", "--months", "1", "--json").json == []


def test_a_mistake_at_the_desk_waits_for_a_second_person(desk: Cli) -> None:
    seq = desk("points", "gift", "M0001", "M0002", "25", "--json").json["entry"]
    waiting = desk("points", "reverse", f"E{seq:06d}", "--reason", "转错了人", "--json").json["waiting"]
    (shown,) = desk("inbox", "--json").json
    assert f"E{seq:06d}" in shown["about"]
    desk("approve", str(waiting), "--as", "W0002")
    assert (available(desk, "M0001"), available(desk, "M0002")) == (60, 0)
