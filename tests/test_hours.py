"""Hours: what is recorded, what waits, what is refused, what they earn."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import update

from conftest import RULES, Book, Cli
from timebank import hours, rulebooks, second_looks, services
from timebank.approvals import Approval
from timebank.audit import audit
from timebank.base.errors import NotAllowed, NotFound, Refused
from timebank.base.imported import Imported
from timebank.journal import Balance
from timebank.people import clerks
from timebank.services import Record

DAY = date(2026, 10, 18)


@pytest.fixture
def ruled(book: Book) -> Book:
    book.join("M0001", "M0002")
    with book.write() as session:
        rulebooks.publish(session, book.act(approver=2), RULES.encode(), "2026-7", "first rules")
    return book


@pytest.fixture
def take(ruled: Book) -> Callable[..., Imported]:
    def record(*records: Record, approver: int | None = None, actor: int = 1) -> Imported:
        with ruled.write() as session:
            return hours.record_all(session, ruled.act(actor=actor, approver=approver), [records])

    return record


def codes(outcome: Imported) -> list[str]:
    return [finding.code for finding in outcome.rejected]


ONE = Record("M0001", DAY, 60, "elder-care", ref="r1", row=2)


def test_an_hour_becomes_points_by_the_rule_book(ruled: Book, take: Callable[..., Imported]) -> None:
    outcome = take(ONE)
    assert (outcome.posted, outcome.minutes, outcome.points) == (1, 60, 12)
    assert ruled.points("member:1") == Balance(12, 0, 0, ((date(2029, 10, 31), 12),))


def test_the_same_row_again_counts_once_under_a_ref_or_without(ruled: Book, take: Callable[..., Imported]) -> None:
    unnamed = ONE._replace(ref="", day=DAY - timedelta(1))
    assert take(ONE, unnamed, unnamed).posted == 3
    again = take(ONE, unnamed, unnamed)
    assert (again.posted, again.repeated) == (0, 3)
    assert take(unnamed, unnamed, unnamed).posted == 1
    assert ruled.points("member:1").available == 12 * 4


def test_the_same_ref_with_other_minutes_is_refused(take: Callable[..., Imported]) -> None:
    take(ONE)
    assert codes(take(ONE._replace(minutes=90))) == ["other_content"]


def test_every_bad_row_is_named_at_once(take: Callable[..., Imported]) -> None:
    outcome = take(
        ONE._replace(member_no="M0099", ref="a", row=2),
        ONE._replace(day=DAY + timedelta(30), ref="b", row=3),
        ONE._replace(day=date(2025, 12, 31), ref="c", row=4),
        ONE._replace(minutes=1441, ref="d", row=5),
        ONE._replace(kind="dreamt", ref="e", row=6),
        ONE._replace(starts=540, ends=600, ref="f", row=7),
        ONE._replace(starts=570, ends=630, ref="g", row=8),
    )
    assert [(f.row, f.code) for f in outcome.rejected] == [
        (2, "unknown_member"),
        (3, "future_date"),
        (4, "before_joining"),
        (5, "day_too_long"),
        (6, "bad_kind"),
        (8, "overlap"),
    ]


def test_a_day_of_more_than_24_hours_is_refused_across_files(take: Callable[..., Imported]) -> None:
    take(ONE._replace(minutes=1400), approver=2)
    assert codes(take(ONE._replace(minutes=41, ref="r2"), approver=2)) == ["day_too_long"]
    assert take(ONE._replace(minutes=40, ref="r2"), approver=2).posted == 1


def test_touching_spans_do_not_overlap(take: Callable[..., Imported]) -> None:
    assert take(ONE._replace(starts=540, ends=600), ONE._replace(ref="r2", starts=600, ends=660)).posted == 2


def test_above_eight_hours_a_day_waits_for_a_second_person(ruled: Book, take: Callable[..., Imported]) -> None:
    outcome = take(ONE._replace(minutes=480), ONE._replace(minutes=1, ref="r2"))
    assert (outcome.posted, outcome.pending) == (1, 1)
    with ruled.write() as session, pytest.raises(NotAllowed) as refusal:
        hours.approve(session, ruled.act(actor=1), 2)
    assert refusal.value.code == "same_person"
    with ruled.write() as session:
        hours.approve(session, ruled.act(actor=2), 2)
    with ruled.read() as session:
        assert [s.state for s in services.listed(session, 1)] == ["posted", "posted"]


def test_a_service_is_confirmed_once_whatever_the_inbox_says(ruled: Book, take: Callable[..., Imported]) -> None:
    """The application's role may write into the inbox: the service itself must wait, too."""
    take(ONE._replace(minutes=500))
    with ruled.write() as session:
        hours.approve(session, ruled.act(actor=2), 1)
        session.exec(update(Approval).values(state="waiting"))
    before = ruled.points("member:1")
    for again in (hours.approve, partial(hours.reject, why="twice")):
        with ruled.write() as session, pytest.raises(Refused) as refusal:
            again(session, ruled.act(actor=2), 1)
        assert refusal.value.code == "not_waiting"
    assert ruled.points("member:1") == before
    with ruled.read() as session:
        assert services.get(session, 1, 1).state == "posted"


def test_what_the_audit_would_condemn_for_ever_is_refused_row_by_row(ruled: Book, take: Callable[..., Imported]) -> None:
    wrong = ["助老13812345678", "138-0013-8000", "St. Mary visit", "他病了。", "wang@example.org", "字" * 41]
    outcome = take(*(ONE._replace(category=category, ref=category, row=row) for row, category in enumerate(wrong, 2)))
    assert [(f.row, f.code) for f in outcome.rejected] == [(row, "bad_category") for row in range(2, len(wrong) + 2)]
    ruled.join("M0003")
    assert take(ONE._replace(category="张M0003", member_no="M0003", ref="own name")).posted == 1
    with ruled.read() as session:
        assert audit(session, 1, ["I12"]).findings == ()


def test_a_team_larger_than_any_is_refused(take: Callable[..., Imported]) -> None:
    outcome = take(ONE._replace(team_size=hours.TEAM_SIZE_MAX), ONE._replace(team_size=10**23, ref="r2"))
    assert (outcome.posted, codes(outcome)) == (1, ["bad_team_size"])


def test_an_approver_confirms_a_long_day_at_once(take: Callable[..., Imported]) -> None:
    assert take(ONE._replace(minutes=800), approver=2).posted == 1


def test_who_records_does_not_confirm(take: Callable[..., Imported]) -> None:
    with pytest.raises(NotAllowed) as refusal:
        take(ONE, approver=1)
    assert refusal.value.code == "same_person"


def test_nobody_confirms_hours_of_their_own(ruled: Book, take: Callable[..., Imported]) -> None:
    with ruled.write() as session:
        clerks.add(session, ruled.act(), ["也是志愿者"], member_id=1)
    assert codes(take(ONE, approver=3)) == ["self_confirmation"]
    assert take(ONE, actor=3).pending == 1
    with ruled.write() as session, pytest.raises(NotAllowed):
        hours.approve(session, ruled.act(actor=3), 1)


def test_a_rejected_service_leaves_room_for_the_right_one(ruled: Book, take: Callable[..., Imported]) -> None:
    take(ONE._replace(minutes=1000))
    with ruled.write() as session:
        hours.reject(session, ruled.act(actor=2), 1, "too long")
    assert take(ONE._replace(ref="r2", minutes=470)).posted == 1


def test_caps_overflow_into_the_pool_and_nothing_is_lost(ruled: Book, take: Callable[..., Imported]) -> None:
    rows = [ONE._replace(day=DAY - timedelta(i), ref=f"r{i}", minutes=300) for i in range(3)]
    assert take(*rows).points == 100
    assert ruled.points("member:1").available == 100
    assert ruled.points("pool:elder-care").available == 80


def test_minutes_left_over_count_next_time_in_the_same_category(ruled: Book, take: Callable[..., Imported]) -> None:
    take(ONE._replace(minutes=45))
    take(ONE._replace(minutes=45, ref="r2"))
    assert ruled.points("member:1").available == 18


def test_a_correction_takes_back_and_posts_anew(ruled: Book, take: Callable[..., Imported]) -> None:
    take(ONE._replace(minutes=120))
    ruled.command(lambda session, act: hours.correct(session, act, 1, 60), ruled.act(approver=2, reason="mistyped"))
    assert ruled.points("member:1").available == 12
    assert take(ONE).repeated == 1
    assert take(ONE._replace(minutes=120)).repeated == 1
    with ruled.write() as session, pytest.raises(Refused) as refusal:
        hours.correct(session, ruled.act(approver=2), 1, 60)
    assert refusal.value.code == "not_posted"


def test_a_reversal_frees_the_cap_for_later_services(ruled: Book, take: Callable[..., Imported]) -> None:
    take(ONE._replace(minutes=480))
    take(ONE._replace(minutes=480, ref="r2", day=DAY - timedelta(1)))
    assert ruled.points("member:1").available == 100
    with ruled.write() as session:
        hours.correct(session, ruled.act(approver=2), 1, 0)
    assert ruled.points("member:1").available == 4
    take(ONE._replace(minutes=480, ref="r3", day=DAY - timedelta(2)))
    assert ruled.points("member:1").available == 100


def test_without_a_rule_book_for_the_day_hours_are_refused(book: Book) -> None:
    book.join("M0001")
    with book.write() as session, pytest.raises(Refused) as refusal:
        hours.record(session, book.act(), ONE)
    assert refusal.value.code == "no_rules"


def test_any_field_of_a_service_can_be_put_right(ruled: Book, take: Callable[..., Imported]) -> None:
    take(ONE._replace(starts=540, ends=600), ONE._replace(ref="r2", day=DAY - timedelta(1)))
    right: dict[str, Any] = {
        "day": DAY - timedelta(2),
        "category": "cleaning",
        "place": "here",
        "starts": 600,
        "programme": "书香",
    }
    done: list[hours.Corrected] = []
    ruled.command(lambda s, a: done.append(hours.correct(s, a, 1, None, right)), ruled.act(approver=2))
    assert done[0].after is not None
    assert done[0].after.record == done[0].before._replace(**right, ends=660)
    assert (done[0].points, done[0].after.award and done[0].after.award.points) == (12, 10)
    with ruled.read() as session:
        assert services.get(session, 1, 3).programme == "书香"
        assert audit(session, 1).findings == ()


def test_a_correction_cannot_move_a_service_into_another_one(ruled: Book, take: Callable[..., Imported]) -> None:
    take(ONE._replace(starts=540, ends=600), ONE._replace(ref="r2", day=DAY - timedelta(1), starts=570, ends=630))
    with ruled.write() as session, pytest.raises(Refused) as refusal:
        hours.correct(session, ruled.act(approver=2), 2, None, {"day": DAY})
    assert refusal.value.code == "overlap"


def test_a_row_under_another_name_than_the_member_s_is_refused(take: Callable[..., Imported]) -> None:
    outcome = take(
        ONE._replace(name="张 m0001", row=2), ONE._replace(name="李四", ref="r2", row=3), ONE._replace(ref="r3", row=4)
    )
    assert (outcome.posted, [(f.row, f.code) for f in outcome.rejected]) == (2, [(3, "other_name")])


def test_a_second_look_tells_why(ruled: Book, take: Callable[..., Imported]) -> None:
    with ruled.write() as session:
        clerks.add(session, ruled.act(), ["也是志愿者"], member_id=2)
    take(ONE, ONE._replace(ref="r2"), ONE._replace(ref="r3", minutes=500), ONE._replace(ref="r4", minutes=300))
    take(ONE._replace(member_no="M0002", ref="r5", kind="back-entered"), actor=3)
    take(ONE._replace(member_no="M0002", ref="r6", day=DAY - timedelta(1), starts=0, ends=60))
    take(ONE._replace(member_no="M0002", ref="r7", day=DAY - timedelta(1), starts=60, ends=120))
    with ruled.read() as session:
        looks = second_looks.listed(session, 1, ruled.today)
    assert [(look.number, look.why, look.other) for look in looks] == [
        (2, ["doubled"], 1),
        (3, ["very_long_day"], 0),
        (4, ["very_long_day"], 0),
        (5, ["back_entered", "own_hours"], 0),
    ]


def test_a_sweep_leaves_days_above_twelve_hours_to_be_named(ruled: Book, take: Callable[..., Imported]) -> None:
    at = ONE._replace(activity_no="A1")
    take(at._replace(minutes=500), at._replace(ref="r2", member_no="M0002", minutes=721), ONE._replace(ref="r3", minutes=10))
    with ruled.read() as session:
        assert second_looks.all_of(session, ruled.act(actor=2), "A1") == ([1], [2])
        assert second_looks.all_of(session, ruled.act(actor=2), {"R2", "R3"}) == ([3], [2])
        with pytest.raises(NotFound):
            second_looks.all_of(session, ruled.act(actor=2), "A2")


def test_several_are_confirmed_at_once_or_none(office: Cli, tmp_path: Path) -> None:
    for day in ("01", "02", "03"):
        office("hours", "record", "M0001", "--date", f"2026-10-{day}", "--minutes", "600", "--activity-no", "A1")
    assert [look["why"] for look in office("hours", "review", "--json").json] == [["long_day"]] * 3
    first, *others = [str(look["service"]) for look in office("hours", "review", "--json").json]
    office("hours", "approve", first, "99", "--as", "W0002", status=7)
    assert len(office("hours", "review", "--json").json) == 3
    assert office("hours", "approve", first, *others[:1], "--as", "W0002", "--json").json["left"] == []
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("日期,成员编号,时长,活动编号\n2026-10-03,M0001,600,A1\n", encoding="utf-8")
    office("hours", "approve", "--all-of", str(sheet), "--as", "W0002", "--dry-run")
    assert office("hours", "approve", "--all-of", "A1", "--as", "W0002", "--json").json["services"]
    assert office("hours", "review", "--json").json == []
    assert office("hours", "approve", "--as", "W0002", status=8).out == ""


def test_an_import_warns_of_rows_that_look_like_a_service_that_is_there(take: Callable[..., Imported]) -> None:
    """As `hours review` tells it: same member, day and minutes, unless both tell from when to when."""
    timed = ONE._replace(ref="r9", starts=540, ends=600)
    assert not take(ONE).warnings
    other = take(
        *(ONE._replace(ref="r2", minutes=61), ONE._replace(ref="r3", member_no="M0002"), ONE._replace(ref="r4", day=DAY)),
        *(timed._replace(row=7), ONE._replace(ref="r5", day=DAY - timedelta(1), starts=0, ends=60)),
        *(ONE._replace(ref="r6", day=DAY - timedelta(1), starts=60, ends=120), ONE._replace(ref="r7", member_no="M9")),
        *(ONE._replace(ref="r8", day=DAY - timedelta(1), row=9), ONE),
    )
    assert [(f.row, f.code) for f in other.warnings] == [(2, "doubled"), (7, "doubled"), (9, "doubled")]
    assert (other.posted, other.repeated) == (7, 1)
    assert [f.code for f in take(ONE._replace(ref="r10", member_no="M0002")).warnings] == ["doubled"]


def test_a_sheet_that_was_typed_twice_is_told_shortly(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    rows = [f"2026-10-{day:02},M000{member},15" for member in (1, 2) for day in range(1, 12)]
    for again in ("A", "B"):
        sheet.write_text(
            "\n".join(["单号,日期,成员编号,时长", *(f"{again}{i},{row}" for i, row in enumerate(rows))]), encoding="utf-8"
        )
        told = office("hours", "import", str(sheet)).err
        assert told.count("warning: row") == (20 if again == "B" else 0)
    assert "warning: 2 more rows have a warning." in told


def test_a_ref_is_one_in_any_case_width_and_dash(ruled: Book, take: Callable[..., Imported]) -> None:
    assert take(ONE._replace(ref="a–7"), ONE._replace(ref="A-07", minutes=30)).posted == 2
    again = take(*(ONE._replace(ref=ref) for ref in ("A-7", "Ａ－７", "a—7")), ONE._replace(ref="a-7", minutes=45, row=9))
    assert (again.repeated, [(f.row, f.code) for f in again.rejected]) == (3, [(9, "other_content")])
    with ruled.read() as session:
        assert [service.ref for service in services.listed(session, 1)] == ["A-7", "A-07"]


def test_a_ref_recorded_as_typed_before_stays_known_as_typed(ruled: Book, take: Callable[..., Imported]) -> None:
    """Rows of earlier versions keep their refs; under another spelling they are another service, as they were."""
    take(ONE)
    with ruled.write() as session:
        session.execute(update(services.Service).where(services.SERVICE.community_id == 1).values(ref="ａ–7"))
    again = take(ONE._replace(ref="ａ–7"), ONE._replace(ref="ａ–7", minutes=45, row=3))
    assert (again.repeated, [(f.row, f.code) for f in again.rejected]) == (1, [(3, "other_content")])
    other = take(ONE._replace(ref="A-7"))
    assert (other.posted, [f.code for f in other.warnings]) == (1, ["doubled"])


def test_a_sheet_of_refs_as_typed_is_confirmed_by_its_file(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("单号,日期,成员编号,时长\nａ－1,2026-10-03,M0001,600\n", encoding="utf-8")
    office("hours", "import", str(sheet))
    assert len(office("hours", "approve", "--all-of", str(sheet), "--as", "W0002", "--json").json["services"]) == 1
