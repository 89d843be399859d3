"""Credits: given for contributions, once, by two people; and what becomes of them."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from conftest import RULES, Book, Cli
from timebank import credits, ledger, rulebooks
from timebank.audit import audit
from timebank.base.errors import NotAllowed, Refused, TimebankError
from timebank.base.imported import Imported
from timebank.credits import Contribution
from timebank.journal import Entry
from timebank.people import clerks

DAY = date(2026, 10, 2)
WALL = Contribution("M0001", 20, "环境", DAY, why="楼道墙绘一幅")
Give = Callable[..., Imported]


@pytest.fixture
def give(book: Book) -> Give:
    book.join("M0001", "M0002")

    def take(*rows: Contribution, approver: int | None = 2) -> Imported:
        with book.write() as session:
            return credits.Desk.begin(session, book.act(approver=approver)).take(rows)

    return take


def codes(outcome: Imported) -> list[str]:
    return [finding.code for finding in outcome.rejected]


def had(book: Book, holder: str = "member:1") -> int:
    with book.read() as session:
        return ledger.balance(session, 1, holder, "credits", today=book.today).available


def test_a_contribution_is_given_credits_by_the_community(book: Book, give: Give) -> None:
    outcome = give(WALL)
    assert (outcome.posted, outcome.credits) == (1, 20)
    assert had(book) == 20
    assert had(book, "system:issued") == 0


def test_the_book_knows_category_and_day_of_a_contribution_and_no_more(book: Book, give: Give) -> None:
    give(WALL._replace(minutes=90))
    with book.read() as session:
        entry = session.exec(select(Entry).where(col(Entry.community_id) == 1, col(Entry.kind) == credits.ISSUE)).one()
        facts = ledger.facts_of(entry.payload)
    assert entry.business_date == DAY
    assert {name: facts[name] for name in ("credits", "category", "minutes")} == {
        "credits": 20,
        "category": "环境",
        "minutes": 90,
    }
    assert "墙绘" not in entry.payload


def test_a_contribution_counts_once_under_its_ref_or_by_its_content(book: Book, give: Give) -> None:
    rows = (WALL, WALL, WALL._replace(ref="c1"))
    assert give(*rows).posted == 3
    again = give(*rows)
    assert (again.posted, again.repeated) == (0, 3)
    assert had(book) == 60


def test_what_was_taken_back_is_not_given_again_by_the_same_sheet(book: Book, give: Give) -> None:
    give(WALL._replace(ref="c1"))
    with book.write() as session:
        seq = session.exec(select(Entry.seq).where(col(Entry.community_id) == 1, col(Entry.kind) == credits.ISSUE)).one()
        ledger.reverse(session, book.act(approver=2), seq)
    assert give(WALL._replace(ref="c1")).repeated == 1
    assert give(WALL._replace(ref="c1", credits=2)).posted == 1
    assert had(book) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"member_no": "M0009"}, "unknown_member"),
        ({"day": date(2026, 10, 21)}, "future_date"),
        ({"day": date(2025, 12, 31)}, "before_joining"),
        ({"credits": 0}, "bad_credits"),
        ({"credits": 10**9}, "bad_credits"),
        ({"category": ""}, "no_category"),
        ({"category": "他做了很多。谢谢"}, "bad_category"),
        ({"ref": "13800138000"}, "bad_ref"),
    ],
)
def test_a_wrong_row_is_refused(give: Give, change: dict[str, object], code: str) -> None:
    assert codes(give(WALL._replace(**change))) == [code]  # type: ignore[arg-type]


def test_one_ref_stands_for_one_contribution(give: Give) -> None:
    give(WALL._replace(ref="c1"))
    assert codes(give(WALL._replace(ref="c1", credits=21))) == ["other_content"]
    assert give(WALL._replace(ref="Ｃ1")).repeated == 1


def test_a_ref_from_before_refs_were_folded_is_known_as_typed(give: Give, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(credits, "ref_key", str)
        assert give(WALL._replace(ref="c1")).posted == 1
    assert give(WALL._replace(ref="c1")).repeated == 1
    assert give(WALL._replace(ref="C1")).posted == 1


def test_credits_need_two_people_and_nobody_approves_their_own(book: Book, give: Give) -> None:
    with pytest.raises(NotAllowed) as refusal:
        give(WALL, approver=None)
    assert refusal.value.code == "approver_missing"
    with book.write() as session:
        clerks.add(session, book.act(), ["周复核"], member_id=1)
    assert codes(give(WALL, approver=3)) == ["self_confirmation"]


def test_a_single_contribution_that_is_wrong_is_refused_with_its_code(book: Book, give: Give) -> None:
    with book.write() as session, pytest.raises(Refused) as refusal:
        credits.issue(session, book.act(approver=2), WALL._replace(credits=0))
    assert refusal.value.code == "bad_credits"


def test_the_list_has_every_movement_in_the_order_of_the_book(book: Book, give: Give) -> None:
    give(WALL, Contribution("M0002", 3, "文化", DAY), WALL._replace(credits=4))
    with book.read() as session:
        everyone = [(one.holder, one.credits, one.category) for one in credits.movements(session, 1)]
        one = [m.credits for m in credits.movements(session, 1, "member:1")]
    assert everyone == [("member:1", 20, "环境"), ("member:2", 3, "文化"), ("member:1", 4, "环境")]
    assert one == [20, 4]


def test_the_audit_of_credits_is_clean(book: Book, give: Give) -> None:
    give(WALL, WALL._replace(ref="c1", minutes=60))
    with book.read() as session:
        assert audit(session, 1).findings == ()


def test_a_sheet_of_contributions_comes_in_once(office: Cli, tmp_path: Path) -> None:
    sheet = tmp_path / "contributions.csv"
    rows = ("单号,日期,成员编号,社区币,类别,时长,说明", "c1,2026-10-01,M0001,5,文化,90,=合唱", ",2026/10/2,m3,７,环境,,")
    sheet.write_text("\n".join(rows), encoding="utf-8")
    line = ("credit", "import", str(sheet), "--approver", "W0002", "--json")
    assert office(*line, "--rows", "2", "--credits", "12").json["credits"] == 12
    assert office(*line).json["repeated"] == 2
    assert office(*line, "--credits", "13", status=8).json["error"]["code"] == "control_total"
    assert [row["credits"] for row in office("credit", "list", "--json").json] == [5, 7]


def test_credits_wait_for_a_second_person(office: Cli) -> None:
    given = ("credit", "issue", "M0001", "20", "--category", "环境", "--reason", "墙绘", "--json")
    waiting = office(*given).json["waiting"]
    assert "墙绘" in office("inbox", "--json").json[0]["about"]
    assert office("credit", "list", "--json").json == []
    office("approve", str(waiting), "--as", "W0002")
    assert office("points", "balance", "M0001", "--json").json["credits"] == 20
    assert office(*given, "--approver", "W0002").json["repeated"] == 1


CONVERTING = RULES + "[credit]\npoints_per_credit = 1.5\nmonthly_credits_max = 20\n"


@pytest.fixture
def ruled(book: Book, give: Give) -> Book:
    """M0001 with 50 credits, under rules that turn at most 20 a month into points."""
    give(WALL, WALL._replace(credits=30))
    with book.write() as session:
        rulebooks.publish(session, book.act(approver=2), CONVERTING.encode(), "2026-7", "first rules")
    return book


def convert(book: Book, amount: int, number: str = "M0001", key: str = "") -> credits.Converted:
    with book.write() as session:
        return credits.convert(session, book.act(key), number, amount)


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(TimebankError) as refusal:
        work()
    return refusal.value.code


def test_credits_become_points_by_the_rule_book_of_today_that_lapse_by_it(ruled: Book) -> None:
    made = convert(ruled, 15)
    assert (made.points, made.lapses_on) == (22, "2029-10-31")
    assert had(ruled) == 35
    assert ruled.points("member:1").lots == ((date(2029, 10, 31), 22),)


def test_no_more_than_the_month_allows_is_converted(ruled: Book) -> None:
    convert(ruled, 15)
    assert refused(lambda: convert(ruled, 6)) == "credits_over_month"
    convert(ruled, 5)
    ruled.now += timedelta(days=12)
    convert(ruled, 20)
    assert had(ruled) == 10


def test_a_conversion_taken_back_frees_the_month_and_gives_the_credits_back(ruled: Book) -> None:
    made = convert(ruled, 20)
    with ruled.write() as session:
        ledger.reverse(session, ruled.act(approver=2), made.entry)
    assert (had(ruled), ruled.points("member:1").available) == (50, 0)
    convert(ruled, 20)


def test_the_same_conversion_again_converts_nothing_more(ruled: Book) -> None:
    assert convert(ruled, 10, key="once") == convert(ruled, 10, key="once")
    assert had(ruled) == 40


@pytest.mark.parametrize(
    ("amount", "number", "code"),
    [(0, "M0001", "bad_credits"), (1, "M0002", "insufficient_credits"), (1, "M0009", "unknown_member")],
)
def test_what_is_not_there_is_not_converted(ruled: Book, amount: int, number: str, code: str) -> None:
    assert refused(lambda: convert(ruled, amount, number)) == code


def test_a_rule_book_may_convert_nothing_or_round_it_away(book: Book, give: Give) -> None:
    give(WALL)
    assert refused(lambda: convert(book, 1)) == "no_rules"
    for version, more, code in (("a", "", "no_conversion"), ("b", "[credit]\npoints_per_credit = 0.5\n", "worthless")):
        text = RULES.replace("2026.1", f"2026.{version}") + more
        with book.write() as session:
            rulebooks.publish(session, book.act(approver=2), text.encode(), "2026-7", "first rules")
        assert refused(lambda: convert(book, 1)) == code


def test_the_audit_of_conversions_is_clean(ruled: Book) -> None:
    convert(ruled, 15)
    convert(ruled, 5)
    with ruled.read() as session:
        assert audit(session, 1).findings == ()


def test_the_history_tells_how_a_conversion_came_about(office: Cli, tmp_path: Path) -> None:
    rules = tmp_path / "converting.toml"
    rules.write_text(CONVERTING.replace("2026.1", "2026.2"), encoding="utf-8")
    office("rules", "publish", str(rules), "--resolution", "2026-8", "--retroactive", "credits", "--approver", "W0002")
    office("credit", "issue", "M0001", "20", "--category", "环境", "--approver", "W0002")
    office("credit", "convert", "M0001", "10")
    (told,) = office("points", "history", "M0001", "--json").json
    assert (told["points"], told["points_balance"]) == (15, 15)
    assert "10" in told["explanation"]
    assert "Service" not in told["description"]
