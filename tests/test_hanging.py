"""Hours that hang out before they count: who demands it, when they are posted, what is refused, and what an audit finds."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from conftest import RULES, Book, Cli, Shelf
from lived import Vandal, report
from timebank import attendance, hanging, hours, notices, recalculation, rulebooks, services, statements, workdays
from timebank.audit import audit
from timebank.backtest import Span
from timebank.base import db, schema
from timebank.base.act import Act
from timebank.base.errors import TimebankError
from timebank.base.imported import Imported
from timebank.hours import Intake
from timebank.notices import NewNotice
from timebank.people import clerks
from timebank.services import Record

DAYS = 2
TODAY = date(2026, 10, 20)  # a Tuesday
SERVED = date(2026, 10, 5)
HOLIDAYS = Path(__file__).parent.parent / "examples" / "holidays" / "2026.json"
Verb = Callable[[Session, Act], object]


def ruled(url: str, folder: Path) -> None:
    """A book with three members, rules, and a year's working days."""
    engine = db.open_engine(url)
    schema.upgrade(engine)
    book = Book(engine)
    book.found()
    book.join("M0001", "M0002", "M0003")
    do(book, lambda s, a: rulebooks.publish(s, a, RULES.encode(), "2026-7", "first rules"), approver=2)
    do(book, lambda s, a: workdays.add(s, a, workdays.Year(2026, (), ())), approver=2)
    engine.dispose()


@pytest.fixture(name="board")
def a_board(shelf: Shelf, tmp_path: Path) -> Iterator[Book]:
    """The ruled book, of this test's own."""
    with shelf.lend(ruled, tmp_path) as url:
        engine = db.open_engine(url, wait_seconds=10)
        yield Book(engine, acts=100)
        engine.dispose()


def do(book: Book, verb: Verb, *, actor: int = 1, approver: int | None = None) -> None:
    book.command(verb, book.act(actor=actor, approver=approver))


def refused(book: Book, verb: Verb, *, approver: int | None = 2) -> str:
    with book.write() as session, pytest.raises(TimebankError) as refusal:
        verb(session, book.act(approver=approver))
    return refusal.value.code


def demand(book: Book, days: int = DAYS) -> None:
    do(book, lambda s, a: notices.demand(s, a, "hours", days), approver=2)


def serve(book: Book, *records: Record, approver: int | None = None, begin: Callable[..., Intake] = Intake.begin) -> Imported:
    """Record services: by default one of M0001 of 90 minutes."""
    made: list[Imported] = []
    wanted = records or (served(1),)
    do(book, lambda s, a: made.append(begin(s, a).take(wanted)), approver=approver)
    return made[0]


def served(member: int, minutes: int = 90, day: date = SERVED) -> Record:
    return Record(f"M000{member}", day, minutes, "elder-care", starts=480, ends=480 + minutes, row=member)


def hang(book: Book, first: int, last: int, days: int = DAYS) -> int:
    """Post a notice about a stretch; gives its number."""
    made: list[int] = []

    def work(session: Session, act: Act) -> None:
        binds = services.content_of(session, 1, first, last)
        made.append(notices.post(session, act, NewNotice(f"hours:{first}..{last}", "公示", days=days, binds=binds)).id)

    do(book, work)
    return made[0]


def passed(book: Book, first: int, last: int, days: int = DAYS) -> int:
    """The same, and close it when its days are over."""
    number = hang(book, first, last, days)
    book.now += timedelta(days=2 * days + 2)
    do(book, lambda s, a: notices.close(s, a, number))
    return number


def post(book: Book, *numbers: int) -> None:
    do(book, lambda s, a: hanging.post(s, a, numbers), approver=2)


def states(book: Book) -> list[str]:
    with book.read() as session:
        return [s.state for s in sorted(services.listed(session, 1), key=lambda service: service.id)]


def sound(book: Book) -> None:
    with book.read() as session:
        assert audit(session, 1).findings == ()
        assert audit(session, 1, ["replay"]).findings == ()


def test_while_a_notice_is_demanded_hours_give_points_only_after_one_has_passed(board: Book) -> None:
    demand(board)
    outcome = serve(board, served(1), served(2))
    assert (outcome.posted, outcome.confirmed, outcome.points, outcome.receipt()["confirmed"]) == (0, 2, 0, 2)
    assert (states(board), board.points("member:1").total) == (["confirmed", "confirmed"], 0)
    passed(board, 1, 2)
    post(board, 2, 1)
    assert (states(board), board.points("member:1").total) == (["posted", "posted"], 18)
    with board.read() as session:
        first, second = (services.get(session, 1, number).seq for number in (1, 2))
    assert first is not None
    assert second == first + 1
    sound(board)


def test_who_demands_a_notice_is_two_and_the_newest_demand_counts(board: Book) -> None:
    assert refused(board, lambda s, a: notices.demand(s, a, "hours", 7), approver=None) == "approver_missing"
    assert refused(board, lambda s, a: notices.demand(s, a, "rules", 7)) == "bad_subject"
    assert refused(board, lambda s, a: notices.demand(s, a, "hours", 61)) == "bad_days"
    assert refused(board, lambda s, a: notices.demand(s, a, "hours", 0)) == "demanded_already"
    for days in (7, 3):
        demand(board, days)
    with board.read() as session:
        assert notices.demanded(session, 1, "hours") == 3
        assert notices.demanded(session, 1, "rules") == 0
    demand(board, 0)
    serve(board)
    assert states(board) == ["posted"]
    sound(board)


def test_one_batch_waits_for_a_notice_without_a_demand_and_so_does_what_of_it_waits_for_a_second_person(board: Book) -> None:
    outcome = serve(board, served(1), served(2, 500), begin=Intake.begin_hanging)
    assert (outcome.confirmed, outcome.pending) == (1, 1)
    serve(board, served(3))
    do(board, lambda s, a: hours.approve(s, a, 2), actor=2)
    assert states(board) == ["confirmed", "confirmed", "posted"]
    passed(board, 1, 2, days=1)
    post(board, 1, 2)
    sound(board)


def test_what_is_confirmed_while_a_notice_is_demanded_waits_for_it_though_it_was_recorded_before(board: Book) -> None:
    serve(board, served(1, 500))
    demand(board)
    do(board, lambda s, a: hours.approve(s, a, 1), actor=2)
    assert states(board) == ["confirmed"]
    demand(board, 0)
    serve(board, served(2, 500))
    do(board, lambda s, a: hours.approve(s, a, 2), actor=2)
    assert states(board) == ["confirmed", "posted"]
    assert refused(board, lambda s, a: hanging.post(s, a, [1])) == "not_noticed"


def test_an_inbox_that_forgot_the_notice_of_a_batch_posts_nothing(board: Book) -> None:
    serve(board, served(2, 500), begin=Intake.begin_hanging)
    vandal = Vandal(board)
    vandal.run("UPDATE approval SET request = replace(request, :asked, '')", asked='"notice":1,')
    with board.write() as session, pytest.raises(TimebankError) as refusal:
        hours.approve(session, board.act(actor=2), 1)
    assert refusal.value.code == "request_changed"


def test_a_sign_out_waits_for_the_notice_too(board: Book) -> None:
    demand(board)
    do(board, lambda s, a: attendance.sign_in(s, a, "M0001", attendance.Purpose("elder-care"), 600))
    do(board, lambda s, a: attendance.sign_out(s, a, "M0001", 660))
    assert states(board) == ["confirmed"]


def test_what_waits_for_a_notice_fills_the_day_and_overlaps(board: Book) -> None:
    demand(board)
    serve(board, served(1, 300))
    outcome = serve(board, served(1, 60), Record("M0001", SERVED, 200, "elder-care", row=2))
    assert ([f.code for f in outcome.rejected], outcome.pending) == (["overlap"], 1)
    assert serve(board, served(1, 300)).repeated == 1
    with board.write() as session:
        assert hours.record(session, board.act(), served(1, 300)).repeated == 1


def test_only_what_has_hung_out_as_it_is_and_long_enough_is_posted(board: Book) -> None:
    demand(board)
    serve(board, served(1), served(2))
    one: Verb = lambda s, a: hanging.post(s, a, [1])  # noqa: E731 - the same verb at every stage
    assert refused(board, one, approver=None) == "approver_missing"
    assert refused(board, one) == "not_noticed"
    assert refused(board, lambda s, a: hanging.post(s, a, [7])) == "unknown_service"
    number = hang(board, 1, 1)
    assert refused(board, one) == "notice_running"
    board.now += timedelta(days=7)
    assert refused(board, one) == "notice_running"
    do(board, lambda s, a: notices.close(s, a, number))
    assert refused(board, lambda s, a: hanging.post(s, a, [1, 2])) == "not_noticed"
    demand(board, 3)
    assert refused(board, one) == "notice_too_short"
    demand(board, DAYS)
    post(board, 1)
    assert refused(board, one) == "not_confirmed"
    sound(board)


def test_a_demand_is_no_shorter_for_one_notice_and_a_longer_one_can_follow(board: Book) -> None:
    demand(board, 3)
    serve(board)
    assert (
        refused(board, lambda s, a: notices.post(s, a, NewNotice("hours:1", "公示", days=2)), approver=None)
        == "notice_too_short"
    )
    passed(board, 1, 1, days=3)
    assert refused(board, lambda s, a: hang_again(s, a, 3), approver=None) == "noticed_already"
    demand(board, 4)
    do(board, lambda s, a: hang_again(s, a, 4))


def hang_again(session: Session, act: Act, days: int) -> None:
    binds = services.content_of(session, 1, 1, 1)
    notices.post(session, act, NewNotice("hours:1..1", "公示", days=days, binds=binds))


def test_an_objection_that_is_upheld_stops_the_stretch_and_who_was_not_there_is_turned_down_by_two(board: Book) -> None:
    demand(board)
    serve(board, served(1), served(2), served(3))
    number = hang(board, 1, 3)
    do(board, lambda s, a: notices.object_(s, a, number, "没有来"))
    do(board, lambda s, a: notices.decide(s, a, 1, "upheld", "属实"), approver=2)
    do(board, lambda s, a: notices.close(s, a, number))
    assert refused(board, lambda s, a: hanging.post(s, a, [1])) == "notice_stopped"
    assert refused(board, lambda s, a: hanging.reject(s, a, 2, "没有来"), approver=None) == "approver_missing"
    do(board, lambda s, a: hanging.reject(s, a, 2, "没有来"), approver=2)
    assert refused(board, lambda s, a: hanging.reject(s, a, 2, "没有来")) == "not_confirmed"
    with board.read() as session:
        hung = hanging.listed(session, 1, board.today)
        assert [(one.service.id, one.standing) for one in hung] == [(1, "stopped"), (3, "stopped")]
        assert hanging.stretches(session, 1, hung) == [(1, 3)]
    passed(board, 1, 3)
    post(board, 1, 3)
    assert states(board) == ["posted", "rejected", "posted"]
    sound(board)


def test_stretches_go_on_over_what_waits_and_end_where_others_lie_between(board: Book) -> None:
    serve(board, served(1), served(2, 500), begin=Intake.begin_hanging)
    serve(board, served(3), begin=Intake.begin_hanging)
    serve(board, served(3, 60, date(2026, 10, 6)))
    serve(board, served(1, 60, date(2026, 10, 6)), begin=Intake.begin_hanging)
    with board.read() as session:
        assert hanging.stretches(session, 1, hanging.listed(session, 1, board.today)) == [(1, 3), (5, 5)]


def test_nobody_approves_the_posting_of_hours_of_their_own(board: Book) -> None:
    demand(board)
    do(board, lambda s, a: clerks.add(s, a, ["兼志愿者"], member_id=1))
    serve(board, served(1), served(2))
    passed(board, 1, 2)
    with board.write() as session, pytest.raises(TimebankError) as refusal:
        hanging.post(session, board.act(approver=3), [1, 2])
    assert refusal.value.code == "self_confirmation"
    with board.read() as session:
        assert hanging.due(hanging.listed(session, 1, board.today), {1}) == ([2], [1])


def test_a_posted_service_is_corrected_and_worked_out_again_without_another_notice(board: Book) -> None:
    demand(board)
    serve(board, served(1), served(2))
    passed(board, 1, 2)
    post(board, 1, 2)
    do(board, lambda s, a: hours.correct(s, a, 1, 60), approver=2)
    later = RULES.replace('"2026.1"', '"2026.2"').replace("elder-care = 12", "elder-care = 20")
    do(board, lambda s, a: rulebooks.publish(s, a, later.encode(), "2026-8", "late"), approver=2)
    do(board, lambda s, a: recalculation.post(s, a, Span(SERVED, SERVED), owe=True), approver=2)
    assert states(board) == ["corrected", "corrected", "corrected", "posted", "posted"]
    sound(board)


def test_what_is_confirmed_is_counted_as_waiting_at_a_month_s_close(board: Book) -> None:
    demand(board)
    serve(board, served(1), served(2, 500))
    with board.read() as session:
        assert [(f.where, f.code) for f in statements.pending(session, 1)] == [
            ("hours:2", "hours_waiting"),
            ("hours:1", "hours_confirmed"),
        ]


# ---- the audit


@pytest.fixture(name="vandal")
def a_vandal_on_the_board(board: Book) -> Vandal:
    """Two services that hung for two days, as was demanded, and were posted; a third that was turned down."""
    demand(board)
    serve(board, served(1), served(2), served(3))
    passed(board, 1, 3)
    post(board, 1, 2)
    do(board, lambda s, a: hanging.reject(s, a, 3, "没有来"), approver=2)
    sound(board)
    return Vandal(board)


def told(vandal: Vandal) -> set[tuple[str, int | None]]:
    return {(f.code, f.entry) for f in report(vandal.book, "notices", "I4", "I13").findings}


def other_facts(kind: str, number: int = 0, **facts: object) -> Callable[[Vandal], int]:
    """Write other facts into an entry (None takes one out); gives its number."""

    def do_it(vandal: Vandal) -> int:
        seq = vandal.seq(kind, number)
        wanted = vandal.payload(seq).get("facts", {}) | facts
        vandal.rewrite(seq, facts={name: value for name, value in wanted.items() if value is not None} or None)
        return seq

    return do_it


UNSOUND = (
    ("a notice that never was", other_facts("hours", notice=7), "notice_unsound"),
    ("a notice that is no number", other_facts("hours", notice=[1]), "notice_unsound"),
    ("no notice at all", other_facts("hours", notice=None), "notice_missing"),
)


@pytest.mark.parametrize(("change", "code"), [case[1:] for case in UNSOUND], ids=[case[0] for case in UNSOUND])
def test_hours_that_name_no_notice_that_speaks_for_them_are_named(
    vandal: Vandal, change: Callable[[Vandal], int], code: str
) -> None:
    seq = change(vandal)
    assert (code, seq) in told(vandal)
    assert ("notice_missing", vandal.seq("hours", 1)) not in told(vandal)


UNSPOKEN = (
    ("a notice about others", other_facts("notice.post", about="hours:7..9")),
    ("a notice that bound nothing", other_facts("notice.post", binds=None)),
    ("a notice that was stopped", other_facts("notice.close", outcome="stopped")),
    ("a notice that was too short", other_facts("notice.demand", days=3)),
)


@pytest.mark.parametrize("change", [case[1] for case in UNSPOKEN], ids=[case[0] for case in UNSPOKEN])
def test_hours_whose_notice_did_not_speak_for_them_are_named(vandal: Vandal, change: Callable[[Vandal], int]) -> None:
    change(vandal)
    assert {seq for code, seq in told(vandal) if code == "notice_unsound"} >= {vandal.seq("hours"), vandal.seq("hours", 1)}


def test_a_notice_that_passed_after_the_hours_is_no_notice(vandal: Vandal) -> None:
    """Not the entry before the hours closes the notice, but one that comes after them."""
    close, first = vandal.seq("notice.close"), vandal.seq("hours")
    vandal.rewrite(close, kind="calendar.note")
    vandal.rewrite(vandal.seq("hours.reject"), kind="notice.close", subject="notice:1", facts={"outcome": "passed"})
    assert ("notice_unsound", first) in told(vandal)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE service SET place = 'elsewhere' WHERE id = 1",
        "UPDATE service SET starts = 481 WHERE id = 2",
        "UPDATE service SET minutes = 600 WHERE id = 3",
        "UPDATE service SET day = '2026-10-06' WHERE id = 3",
        "DELETE FROM service WHERE id = 3",
    ],
)
def test_a_record_that_was_changed_after_it_hung_out_is_found(vandal: Vandal, change: str) -> None:
    vandal.run(change)
    assert ("records_differ", None) in told(vandal)


def test_a_record_that_was_changed_while_it_hung_is_not_posted(board: Book) -> None:
    demand(board)
    serve(board)
    passed(board, 1, 1)
    Vandal(board).run("UPDATE service SET minutes = 600")
    assert refused(board, lambda s, a: hanging.post(s, a, [1])) == "record_changed"


def test_a_confirmed_service_has_no_entry_and_a_rejected_one_stays_so(vandal: Vandal) -> None:
    vandal.run("UPDATE service SET state = 'confirmed' WHERE id = 3")
    assert told(vandal) == {("service_differs", vandal.seq("hours.reject"))}
    vandal.run("UPDATE service SET state = 'rejected' WHERE id = 3")
    vandal.run("UPDATE service SET state = 'confirmed' WHERE id = 1")
    assert told(vandal) == {("service_differs", None)}


def test_who_turned_down_hung_hours_alone_is_named(vandal: Vandal) -> None:
    seq = vandal.seq("hours.reject")
    vandal.rewrite(seq, approver=None, approver_auth=None)
    vandal.run("UPDATE entry SET approver = NULL WHERE seq = :seq", seq=seq)
    assert ("approver_missing", seq) in told(vandal)


def test_a_correction_excuses_only_as_many_hours_as_it_took_back(vandal: Vandal) -> None:
    """Corrected in one command, and another service of the same member smuggled in behind."""
    book = vandal.book
    demand(book, 0)

    def work(session: Session, act: Act) -> None:
        hours.correct(session, act, 1, 60)
        hours.record(session, act, served(1, 30, date(2026, 10, 7)))

    do(book, work, approver=2)
    smuggled, corrected = vandal.seq("hours", -1), vandal.seq("hours", -2)
    vandal.rewrite(vandal.seq("notice.demand", -1), facts={"about": "hours", "days": DAYS})
    assert ("notice_missing", smuggled) in told(vandal)
    assert ("notice_missing", corrected) not in told(vandal)


def test_what_one_command_took_back_excuses_no_other_command(vandal: Vandal) -> None:
    demand(vandal.book, 0)
    do(vandal.book, lambda s, a: hours.correct(s, a, 1, 0), approver=2)
    serve(vandal.book, served(1, 30, date(2026, 10, 7)))
    vandal.rewrite(vandal.seq("notice.demand", -1), facts={"about": "hours", "days": DAYS})
    assert ("notice_missing", vandal.seq("hours", -1)) in told(vandal)


# ---- at the door


def test_the_whole_way_on_the_command_line(office: Cli, tmp_path: Path) -> None:
    office("notice", "holidays", str(HOLIDAYS), "--approver", "W0002")
    assert office("notice", "demand", "hours", "--days", "1", "--json").json == {"waiting": 1}
    assert "at least 1 working days" in office("inbox", "--json").json[0]["about"]
    office("approve", "1", "--as", "W0002")
    sheet = tmp_path / "sheet.csv"
    those = ((5, 1, 60), (5, 2, 600), (5, 3, 60), (6, 1, 600))
    rows = [f"2026-10-0{day},M000{number},{minutes},elder-care" for day, number, minutes in those]
    sheet.write_text("\n".join(("date,member_no,minutes,category", *rows)), encoding="utf-8")
    imported = office("hours", "import", str(sheet))
    assert imported.err.splitlines()[-1] == "Next: timebank notice post hours:1..3 TEXT --days 1"
    assert office("approve", "3", "--as", "W0002").err.splitlines()[-1] == "Next: timebank notice post hours:1..4 TEXT --days 1"
    office("notice", "post", "hours:1..4", "十月")
    assert office("hours", "approve", "2", "--as", "W0002", "--json").json == {"service": 2, "confirmed": [2]}
    assert office("inbox", "--json").json == []
    assert "hours:1..4" in office("inbox").out
    listed = office("hours", "list", "--state", "confirmed", "--json").json
    assert {(row["standing"], row["notice"]) for row in listed} == {("hangs", 1)}
    office("hours", "post", "--due", "--approver", "W0002", status=7)
    later = "2026-10-21T09:00:00+08:00"
    office("notice", "close", "1", now=later)
    assert office("hours", "reject", "3", "--why", "没有来", "--json", now=later).json == {"waiting": 4}
    office("approve", "4", "--as", "W0002", now=later)
    waiting = office("hours", "post", "--due", "--key", "sweep", "--json", now=later).json
    assert office("inbox", "--json", now=later).json[0]["about"] == "3 services between 1 and 4 whose notice has passed"
    office("approve", str(waiting["waiting"]), "--as", "W0002", now=later)
    assert office("hours", "post", "--due", "--key", "sweep", "--json", now=later).json == waiting
    shown = office("notice", "show", "1", "--json").json["people"]
    assert [row["state"] for row in shown] == ["posted", "posted", "rejected", "posted"]
    assert "turned down" in office("notice", "show", "1").out
    assert office("audit", now=later).status == 0


def test_a_sweep_leaves_the_hours_of_who_may_approve_it_and_names_them(office: Cli, tmp_path: Path) -> None:
    office("notice", "holidays", str(HOLIDAYS), "--approver", "W0002")
    office("clerk", "add", "兼志愿者", "--member", "M0001")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("date,member_no,minutes\n2026-10-05,M0001,60\n2026-10-05,M0002,60\n", encoding="utf-8")
    office("hours", "import", str(sheet), "--notice")
    office("notice", "post", "hours:1..2", "十月", "--days", "1")
    later = "2026-10-21T09:00:00+08:00"
    office("notice", "close", "1", now=later)
    done = office("hours", "post", "--due", "--approver", "W0003", "--json", now=later).json
    assert ([one["service"] for one in done["services"]], done["left"]) == ([2], [1])
    assert (
        office("hours", "post", "1", "--approver", "W0003", "--json", now=later, status=4).json["error"]["code"]
        == "self_confirmation"
    )
    office("hours", "post", "1", "--approver", "W0002", now=later)
    assert office("audit", now=later).status == 0


def test_a_forgotten_sign_out_names_team_and_captain(office: Cli) -> None:
    office("team", "add", "楼道清洁队", "--captain", "M0002", "--founded", "2026-02-01")
    office("team", "join", "T001", "M0001")
    office("hours", "sign-in", "M0001", "--at", "9:00")
    later = "2026-10-21T09:00:00+08:00"
    (look,) = office("hours", "review", "--json", now=later).json
    assert (look["team"], look["captain"], look["why"]) == ("T001", "M0002", ["no_sign_out"])
    shown = office("inbox", now=later)
    assert "T001" in shown.out
    assert "hours sign-out M0001 --at" in shown.err
    assert office("inbox", "--json", now=later).json == []
    office("hours", "sign-out", "M0001", "--at", "11:00", "--approver", "W0002", now=later)
    assert "T001" not in office("inbox", now=later).out


def test_the_list_tells_when_with_whom_and_how_confirmed(office: Cli) -> None:
    office("team", "add", "楼道清洁队", "--captain", "M0001", "--founded", "2026-02-01")
    what = ("--category", "elder-care", "--team", "T001", "--programme", "care", "--activity-no", "A12")
    span = ("--start", "14:00", "--end", "15:30", "--confirmed-by", "receiver")
    office("hours", "record", "M0001", "--date", "2026-10-05", *what, *span)
    (row,) = office("hours", "list", "--json").json
    assert (row["start"], row["end"], row["team"], row["programme"]) == ("14:00", "15:30", "T001", "care")
    assert (row["activity_no"], row["confirmed_by"], row["standing"]) == ("A12", "receiver", None)
    shown = office("hours", "list").out
    assert all(word in shown for word in ("14:00-15:30", "T001 care", "A12", "by receiver"))
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100
