"""A back-test: a book in force changes nothing; a draft changes what a recount by hand says."""

import csv
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_leeds import AFTER, YEAR, import_year, open_year

from by_hand import BOOK, Earned, Sheet, books, converted, earning, facts_any, generous, of
from conftest import RULES, Book, Cli
from shopping import add_offer, capture, issue
from timebank import backtest, hours, rulebooks, rulefile
from timebank.backtest import CREDITS, Line, Price, Replay, Result, Share, Span
from timebank.benefits import Offset
from timebank.clauses import NEVER, Cap, Credit, Facts, Multiplier, RuleBook, Tier
from timebank.dry_months import fund_months
from timebank.funds import Month
from timebank.history import Converted, Event, Moved, Served, TakenBack
from timebank.rewards import Award, award
from timebank.services import Record
from timebank.tallies import Tallies

ALWAYS = Span(date(2000, 1, 1), date(2100, 1, 1))


def award_of(earned: Earned, rules: RuleBook) -> Award:
    """What was worked out by hand, as an entry pays it."""
    cut = {"id": "c", "per": "month", "to": "discard", "cut": earned.discarded}
    trace = {"caps": [cut]} if earned.discarded else {}
    bonuses = tuple(bonus for bonus in rules.bonus if bonus.id in earned.bonuses)
    overflow = tuple((+earned.overflow).items())
    return Award(earned.eligible, earned.counted, earned.points, overflow, NEVER, earned.window_minutes, trace, bonuses)


@st.composite
def histories(draw: st.DrawFn, rules: RuleBook) -> list[Event]:
    """Services and reversals, awarded by hand under a book; spending, gifts, credits that become points, points above a cap
    that are given after all, minutes from before the book."""
    events: list[Event] = []
    sheet, open_, back = Sheet(rules), dict[int, int](), dict[int, int]()
    months, credited = Counter[tuple[int, str]](), dict[int, Converted]()
    for seq, (member, facts) in enumerate(
        draw(st.lists(st.tuples(st.sampled_from([1, 2, 3]), facts_any | earning), max_size=14))
    ):
        also = draw(st.sampled_from(["", "gift", "credits", "credits", "credits back", "review"]))
        if also == "gift":
            to, points = member % 3 + 1, draw(st.integers(0, max(0, sheet.balance(member))))
            sheet.spent[member] += points
            sheet.spent[to] -= points
            events.append(Moved(2000 + seq, {member: -points, to: points}, {}))
        if also == "credits":
            day = draw(st.sampled_from([date(2026, 12, 30), date(2027, 1, 2)]))
            month = member, f"{day:%Y-%m}"
            taken, points = converted(rules, draw(st.integers(1, 20)), months[month])
            if taken and points:
                months[month] += taken
                sheet.spent[member] -= points
                credited[2000 + seq] = Converted(2000 + seq, member, day, taken, points, taken_back=False)
                events.append(credited[2000 + seq])
        if also == "credits back" and credited:
            of_, gone = credited.popitem()
            months[gone.member, f"{gone.day:%Y-%m}"] -= gone.credits
            sheet.spent[gone.member] += gone.points
            back[of_] = -1
            events.append(TakenBack(2000 + seq, of_, {gone.member: -gone.points}, {}))
        waits = [(place, earned.overflow["review"]) for place, (m, _, earned) in enumerate(sheet.lines) if m == member]
        if also == "review" and any(points for _, points in waits):
            given = max(points for _, points in waits)
            sheet.spent[member] -= given
            events.append(Moved(2000 + seq, {member: given}, {}))
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
        elif draw(st.integers(0, 2)) == 0:
            before = draw(st.integers(0, 3000))
            sheet.lines.append((member, replace(of(before), day=date(1990, 1, 1)), Earned()))
            events.append(Moved(1000 + seq, {}, {member: before}))
        earned = sheet.serve(member, facts)
        open_[seq] = len(sheet.lines) - 1
        events.append(Served(seq, member, facts, award_of(earned, rules), False, "1@0"))
    return [e._replace(taken_back=True) if isinstance(e, Served | Converted) and e.seq in back else e for e in events]


def played(events: list[Event], rules: RuleBook, span: Span = ALWAYS) -> Result:
    return backtest.replayed(events, rules, span, lambda _: None)


@settings(max_examples=150)
@given(
    (books | generous).flatmap(lambda rules: st.tuples(st.just(rules), histories(rules))),
    st.dates(date(2026, 1, 1), date(2027, 1, 3)),
)
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


@settings(max_examples=100)
@given(st.tuples(books, books | generous).flatmap(lambda two: st.tuples(st.just(two), histories(two[0]))))
def test_a_draft_gives_what_a_recount_by_hand_gives(given_: tuple[tuple[RuleBook, RuleBook], list[Event]]) -> None:
    (_, draft), events = given_
    sheet, places = Sheet(draft), dict[int, int]()
    old, discarded = Counter[int](), 0
    months, credited = Counter[tuple[int, str]](), dict[int, tuple[Converted, int, int]]()
    for event in events:
        match event:
            case Converted():
                month = event.member, f"{event.day:%Y-%m}"
                taken, points = converted(draft, event.credits, months[month])
                months[month] += taken
                credited[event.seq] = event, taken, points
                sheet.spent[event.member] -= points
                old[event.member] += event.points
            case TakenBack() if event.of in credited:
                gone, taken, points = credited.pop(event.of)
                months[gone.member, f"{gone.day:%Y-%m}"] -= taken
                sheet.spent[gone.member] += points
                old[gone.member] -= gone.points
            case Served():
                sheet.serve(event.member, event.facts)
                places[event.seq] = len(sheet.lines) - 1
                old[event.member] += event.paid.points
            case TakenBack():
                member, _, _ = sheet.lines[places[event.of]]
                sheet.lines[places[event.of]] = (-1, replace(of(0), day=date(1990, 1, 1)), Earned())
                old[member] += event.moves[member]
            case Moved():
                for member, points in event.moves.items():
                    sheet.spent[member] -= points
                for member, minutes in event.served.items():
                    sheet.lines.append((member, replace(of(minutes), day=date(1990, 1, 1)), Earned()))
    result = played(events, draft)
    new, pools = Counter[int](), Counter[str]()
    for gone, _, points in credited.values():
        new[gone.member] += points
    for member, _, earned in sheet.lines:
        new[member] += earned.points
        pools += earned.overflow
        discarded += earned.discarded
    assert {share.member: (share.old, share.new) for share in result.shares if share.old or share.new} == {
        member: (old[member], new[member]) for member in old | new if old[member] or new[member]
    }
    review = pools.pop("review", 0)
    assert (result.pools.new, result.review.new, result.discarded.new) == (pools.total(), review, discarded)
    assert [share.change for share in result.losses] == sorted(c for m in old if (c := new[m] - old[m]) < 0)
    assert sum(line.new for line in result.by_category) == result.kept.new == new.total()
    assert sum(line.old for line in result.by_category) == result.kept.old == old.total()


STORE_DAY = date(2026, 1, 1)
what_moves = st.sampled_from(["spent", "given", "converted", "conversion back", "service back"])


@settings(max_examples=60)
@given(st.integers(1, 400), st.lists(st.tuples(what_moves, st.integers(1, 60)), min_size=1, max_size=12))
def test_whatever_moves_a_full_store_leaves_as_much_room_in_it(limit: int, steps: list[tuple[str, int]]) -> None:
    """After each step a service comes that fills the store again: what it earns is the room that the step has left."""
    draft = replace(BOOK, cap=(Cap("c", "balance", "points", limit),), credit=Credit(Decimal(2), 0))
    replay, has = Replay(draft, ALWAYS), 0
    services, conversions = list[tuple[Served, int]](), list[Converted]()

    def serve(seq: int) -> None:
        nonlocal has
        paid = Award(1_440, 1_440, 7, (), NEVER, 1_440, {})
        one = Served(seq, 1, replace(of(1_440), day=STORE_DAY + timedelta(seq)), paid, True, "1@0")
        made = replay.take(one)
        assert made is not None
        assert made.points == max(0, limit - has)
        has += made.points
        services.append((one, made.points))

    serve(0)
    for seq, (what, amount) in enumerate(steps, start=1):
        back = TakenBack(1000 + seq, 0, {1: 0}, {})
        match what:
            case "spent" | "given":
                has += amount if what == "given" else -amount
                replay.take(Moved(1000 + seq, {1: amount if what == "given" else -amount}, {}))
            case "converted":
                conversions.append(Converted(1000 + seq, 1, STORE_DAY, amount, 3, taken_back=True))
                replay.take(conversions[-1])
                has += 2 * amount
            case "conversion back" if conversions:
                gone = conversions.pop()
                replay.take(back._replace(of=gone.seq, moves={1: -3}))
                has -= 2 * gone.credits
            case "service back":
                one, points = services.pop(amount % len(services))
                lapsed = amount % (one.paid.points + 1)  # what had lapsed by then does not come from the member
                replay.take(back._replace(of=one.seq, moves={1: lapsed - one.paid.points}, served={1: -1_440}))
                has -= points - lapsed
        serve(seq)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 40), st.booleans()), min_size=2, max_size=12), st.data())
def test_a_month_converts_what_the_draft_allows_and_not_a_credit_more(
    wanted: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    """Credits, days, and whether an earlier conversion is taken back: the most lies below what is asked for together."""
    most = data.draw(st.integers(1, sum(credits for credits, *_ in wanted) - 1))
    replay, open_ = Replay(replace(BOOK, credit=Credit(Decimal(3), most)), ALWAYS), list[tuple[Converted, int]]()
    for seq, (credits, later, back) in enumerate(wanted):
        if back and open_:
            gone, _ = open_.pop(data.draw(st.integers(0, len(open_) - 1)))
            replay.take(TakenBack(1000 + seq, gone.seq, {1: -gone.points}, {}))
        one = Converted(seq, 1, STORE_DAY + timedelta(later), credits, credits, taken_back=True)
        taken = min(credits, most - sum(some for other, some in open_ if other.day.month == one.day.month))
        open_.append((one, taken))
        replay.take(one)
        assert replay.result().kept.new == 3 * sum(some for _, some in open_)


def plain(rules: RuleBook) -> RuleBook:
    """A book that reads nothing but a member's windows and minutes: what awards come again under."""
    caps = tuple(cap for cap in rules.cap if cap.scope == "member" and cap.per in ("day", "month", "year", "lifetime"))
    return replace(rules, bonus=(), cap=caps, multiply=tuple(replace(rule, tier="") for rule in rules.multiply))


alike = st.builds(
    Facts,
    day=st.dates(date(2026, 12, 1), date(2027, 1, 31)),
    category=st.just("elder-care"),
    minutes=st.sampled_from([30, 45]),
    team_size=st.sampled_from([1, 1, 5]),
    kind=st.sampled_from(["confirmed", "confirmed", "confirmed", "team"]),
)
"""Services so much alike that awards come again; of different days, for the day's minutes are a part of them."""


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from([1, 1, 2]), alike), min_size=10, max_size=40), books.map(plain))
def test_an_award_that_comes_again_is_the_one_that_would_be_made(served: list[tuple[int, Facts]], rules: RuleBook) -> None:
    replay, tallies = Replay(rules, ALWAYS), Tallies()
    for seq, (member, facts) in enumerate(served):
        right = award(facts, rules, tallies.used(member, facts, rules))
        tallies.add(member, facts, right)
        made = replay.take(Served(seq, member, facts, right, False, "1@0"))
        assert made is not None
        assert made[:4] == right[:4]
        assert (made.window_minutes, made.trace.get("caps")) == (right.window_minutes, right.trace.get("caps"))


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


def test_conversions_of_credits_count_under_the_drafts_rate_and_month() -> None:
    day = date(2026, 10, 14)
    events = [
        Converted(1, 7, day, 8, 16, taken_back=True),
        Converted(2, 7, day, 5, 10, taken_back=False),
        TakenBack(3, 1, {7: -16}, {}),
        Converted(4, 7, day, 9, 18, taken_back=False),
    ]
    draft = replace(BOOK, credit=Credit(Decimal(3), 10))
    assert played(list(events[:3]), draft).by_category == (Line(CREDITS, 0, 10, 6),)  # 10 a month: 8 were converted before
    assert played(list(events[:3]), BOOK).shares == (Share(7, 10, 0),)
    assert played(list(events), draft).by_category == (Line(CREDITS, 0, 28, 6 + 8 * 3),)  # these 8 leave room again


def test_tenths_are_as_equal_as_can_be_and_begin_with_those_paid_least() -> None:
    events = [Served(n, n, of(n), award_of(Earned(n, n, n, window_minutes=n), BOOK), False, "1@0") for n in range(1, 26)]
    tenths = played(list(events), BOOK).by_tenth
    assert [line.number for line in tenths] == [3, 2, 3, 2, 3, 2, 3, 2, 3, 2]
    assert [line.old for line in tenths] == [line.new for line in tenths]
    assert (tenths[0].old, tenths[-1].old) == (1 + 2 + 3, 24 + 25)
    assert [line.number for line in played(list(events[:10]), BOOK).by_tenth] == [1] * 10
    assert played(list(events[:9]), BOOK).by_tenth == ()


def test_a_point_costs_what_was_taken_off_else_what_the_dearest_offer_takes_off(book: Book) -> None:
    book.join("M0001")
    book.shop("S001", "S002")
    assert price_of(book) == Price(Fraction(0), "none")
    add_offer(book)
    dear = add_offer(book, merchant="S002", terms=Offset(4, 5000))
    assert price_of(book) == Price(Fraction(25), "offers")
    book.give("member:1", 400)
    capture(book, issue(book, points=40, offer=dear.id).code, 1_000, merchant="S002")
    assert price_of(book) == Price(Fraction(500, 20), "captured")
    capture(book, issue(book, points=100).code, 2_000)
    assert price_of(book).source == "captured"
    assert price_of(book).fen < 25


def price_of(book_: Book) -> Price:
    with book_.read() as session:
        return backtest.price(session, 1, book_.today)


@pytest.fixture
def tried(office: Cli, tmp_path: Path) -> Cli:
    """The office with five services in it and a draft that halves the cap and knows no elder care: draft.toml."""
    for member, day, minutes in (("M0001", 1, 240), ("M0001", 2, 240), ("M0001", 3, 240), ("M0002", 1, 120), ("M0003", 2, 60)):
        office("hours", "record", member, "--date", f"2026-10-0{day}", "--minutes", str(minutes), "--category", "elder-care")
    draft = RULES.replace("elder-care = 12\n", "").replace("points = 100", "points = 50").replace('"2026.1"', '"2026.9"')
    (tmp_path / "draft.toml").write_text(draft, encoding="utf-8")
    return office


def test_a_draft_is_tried_from_the_command_line(tried: Cli, tmp_path: Path) -> None:
    """By hand: paid 48 + 48 + 4 (cap 100), 24, 12; under the draft 40 + 10 (cap 50), 20, 10."""
    names = [tmp_path / "out.csv", tmp_path / "out.html"]
    save = [word for name in names for word in ("--save", str(name))]
    given_ = ("rules", "backtest", str(tmp_path / "draft.toml"), "--from", "2026-10-01", "--to", "2026-10-31")
    found = tried(*given_, *save, "--json").json
    assert found["points"] == {"number": 5, "old": 136, "new": 80}
    assert found["pools"] == {"number": 0, "old": 44, "new": 70}
    assert found["caps"] == [{"cap": "monthly", "old": 1, "new": 2}]
    assert [(one["member"], one["old"], one["new"]) for one in found["lose"]] == [
        ("M0001", 100, 50),
        ("M0002", 24, 20),
        ("M0003", 12, 10),
    ]
    assert (found["by_tenth"], [one["old"] for one in found["by_member"]]) == ([], [12, 24, 100])
    assert (found["fen_a_point"], found["extra_fen"]) == ({"source": "offers", "fen": [10, 1]}, -560)
    with names[0].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["Points", "members' own points", "", "", "136", "80", "-56"]
    assert rows[-3][1:] == ["M0001", "张*", "", "100", "50", "-50"]
    page = names[1].read_text(encoding="utf-8")
    assert all(word in page for word in ("<svg", "M0001", "not money"))
    shown = tried(*given_).out
    assert all(word in shown for word in ("136", "M0003", "monthly cap (monthly)"))
    for text in (page, shown, rows):
        assert "张三" not in text
    assert tried(*given_, "--from", "2026-10-03", "--json").json["points"] == {"number": 1, "old": 4, "new": 0}


def test_the_months_are_named_in_which_the_fund_would_run_dry(tried: Cli, tmp_path: Path) -> None:
    """By hand: 60 points an hour make 100 + 100 + 60 of 100 + 24 + 12; 124 more at 10 fen are 12.40 yuan, and 5 were given."""
    draft, page = tmp_path / "draft.toml", tmp_path / "out.html"
    dear = RULES.replace("elder-care = 12", "elder-care = 60").replace('"2026.1"', '"2026.9"')
    draft.write_text(dear, encoding="utf-8")
    given_ = ("rules", "backtest", str(draft), "--from", "2026-10-01", "--to", "2026-10-31")
    assert tried(*given_, "--json").json["dry_months"] is None
    assert "not known" in tried(*given_).out
    tried("fund", "deposit", "--source", "government", "--yuan", "5", "--reference", "B1")
    tried("fund", "budget", "--yuan", "10", "--approver", "W0002")
    found = tried(*given_, "--save", str(page), "--save", str(tmp_path / "out.csv"), "--json").json
    assert (found["dry_months"], found["beyond_budget"]) == (["2026-10"], ["2026-10"])
    (month,) = found["fund_months"]
    assert (month["free_fen"], month["new_free_fen"], month["new_promised_fen"]) == (500, -740, 1_240)
    assert "The fund would run dry in: 2026-10." in tried(*given_).out
    assert "run dry in: 2026-10" in page.read_text(encoding="utf-8")
    assert ",2026-10,dry,,500,-740,-1240" in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    draft.write_text(RULES, encoding="utf-8")
    assert tried(*given_, "--json").json["dry_months"] == []


def test_what_was_left_before_the_first_month_is_still_there() -> None:
    moved = [Month("2026-08", 1_000, 300, 0, 700), Month("2026-10", 0, 600, 0, 100)]
    by_month = [Line("2026-09", 3, 10, 20), Line("2026-10", 3, 10, 20)]
    found = fund_months(moved, by_month, Price(Fraction(10), "offers"), [])
    assert [(m.period, m.free, m.new_free, m.dry) for m in found] == [
        ("2026-09", 700, 600, False),
        ("2026-10", 100, -100, True),
    ]


def test_the_page_asks_nobody_for_anything(tried: Cli, tmp_path: Path) -> None:
    for lang in ("en", "zh"):
        path = tmp_path / f"{lang}.html"
        tried("rules", "backtest", str(tmp_path / "draft.toml"), "--save", str(path), "--lang", lang)
        page = path.read_text(encoding="utf-8").lower()
        assert not [word for word in ("<script", "http:", "https:", "url(", "@import", "<link", "<img", "src=") if word in page]
        assert ("积分减少" in page) == (lang == "zh")


def test_a_back_test_refuses_other_kinds_of_files_and_other_decimals(tried: Cli, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    other = tried("rules", "backtest", str(draft), "--save", str(tmp_path / "out.xlsx"), "--json", status=8)
    assert other.json["error"]["code"] == "bad_file_kind"
    draft.write_text(draft.read_text(encoding="utf-8").replace("decimals = 0", "decimals = 1"), encoding="utf-8")
    refused = tried("rules", "backtest", str(draft), "--json", status=8)
    assert refused.json["error"]["code"] == "other_decimals"


def test_a_real_year_under_its_own_rules_is_what_was_paid(cli: Cli) -> None:
    cli.now = AFTER
    open_year(cli, YEAR / "rules.toml")
    paid = import_year(cli)["points"]
    found = cli("rules", "backtest", str(YEAR / "rules.toml"), "--from", "2022-10-01", "--to", "2023-12-31", "--json").json
    assert found["points"] == {"number": 6098, "old": paid, "new": paid}
    assert (found["gain"], found["lose"]) == (0, [])
    assert found["pools"]["old"] == found["pools"]["new"] > 0
    for lines in (found["by_category"], found["by_tenth"], found["caps"]):
        assert [line["old"] for line in lines] == [line["new"] for line in lines] != []


def test_hours_from_before_the_book_count_for_a_tier_until_they_are_taken_back() -> None:
    multiply = (Multiplier("star", Decimal(2), tier="star"),)
    rules = replace(BOOK, tier=(Tier("star", 10, "lifetime"),), multiply=multiply)
    replay = Replay(rules, ALWAYS)

    def earned(seq: int) -> int:
        made = replay.take(Served(seq, 1, of(60), award_of(Earned(60, 60, 60, window_minutes=60), BOOK), False, "1@0"))
        assert made is not None
        return made.points

    assert earned(1) == 60
    replay.take(Moved(2, {}, {1: 600}))
    assert earned(3) == 120
    replay.take(TakenBack(4, 2, {}, {1: -600}))
    assert earned(5) == 60


CAPPED = replace(BOOK, cap=(Cap("each", "activity", "minutes", 100),))


def test_a_cap_for_an_activity_goes_by_what_the_records_of_its_days_name() -> None:
    """Three hours of one activity, of which no trace tells, and two services of none: each of these is one by itself."""
    events: list[Event] = [
        Served(n, 1, of(60), award_of(Earned(60, 60, 60, window_minutes=60), BOOK), n == 5, "1@0") for n in range(1, 6)
    ]
    events.append(TakenBack(6, 5, {1: -60}, {1: -60}))
    named = dict.fromkeys((1, 2, 3), "A1")
    found = backtest.replayed(events, CAPPED, ALWAYS, lambda _: None, named)
    assert (found.kept.new, found.alone) == (100 + 60, 1)
    assert [(hit.old, hit.new) for hit in found.hits] == [(0, 2)]
    assert played(events, BOOK).alone == 0


def test_an_activity_is_read_from_the_services_own_record(book: Book) -> None:
    book.join("M0001")
    book.command(lambda s, a: rulebooks.publish(s, a, RULES.encode(), "2026-7", "first rules"), book.act(approver=2))
    sheet = [Record("M0001", date(2026, 9, n), 120, "elder-care", activity_no=f"A{n // 3}", row=n) for n in (1, 2, 3)]
    book.command(lambda s, a: hours.record_all(s, a, [sheet]), book.act())
    draft = rulefile.read(f'{RULES}[[cap]]\nid = "each"\nper = "activity"\npoints = 30\n'.encode()).book
    assert draft is not None
    assert of_book(book, draft).kept.new == 30 + 24
    later = of_book(book, draft, Span(date(2026, 9, 2), date(2026, 9, 30)))
    assert (later.kept.new, later.alone) == (24 + 24, 0)  # what was done before the span was under no such cap


def test_an_award_that_comes_again_stops_at_the_cap() -> None:
    replay = Replay(replace(BOOK, cap=(Cap("month", "month", "points", 100),)), ALWAYS)
    points = []
    for day in range(1, 7):
        facts = replace(of(30), day=date(2026, 10, day))
        made = replay.take(Served(day, 1, facts, award_of(Earned(30, 30, 30, window_minutes=30), BOOK), False, "1@0"))
        assert made is not None
        points.append(made.points)
    assert points == [30, 30, 30, 10, 0, 0]
