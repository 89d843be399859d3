"""The month: what a statement says, what the files hold, and that a closed month never changes."""

import csv
import hashlib
import io
import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from conftest import RULES, Book
from shopping import add_offer, capture, issue
from timebank import hours, ledger, reading, rewards, rulebooks, rulefile, settlement, statement_files, statements
from timebank.base import communities
from timebank.base.errors import NotAllowed, NotFound, Refused, Tampered, Unwritable
from timebank.journal import ISSUED, REDEEMED, SERVICE, Draft, Entry, Receipt, Transfer
from timebank.people import members, merchants
from timebank.people.persons import Card
from timebank.reading import Line
from timebank.services import Record
from timebank.statement_files import Exported, Options
from timebank.statement_lines import FIGURES, MEMBER_FIGURES, Totals
from timebank.statement_records import line_records, month_of, record
from timebank.statement_records import statements as stream
from timebank.statement_words import HEADERS, Telling
from timebank.transparency import canonical, leaf_hash, parse, tree_root

NOVEMBER = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 2, 4, 0, tzinfo=UTC)
ENGLISH = Options(headers="en", lang="en")

Rows = list[dict[str, str]]


def close(book: Book, period: str, *, key: str = "", approver: int | None = 2) -> statements.Closed:
    with book.write() as session:
        return statements.close(session, book.act(key, approver=approver), period)


def export(book: Book, period: str, to: Path, options: Options = ENGLISH) -> Exported:
    with book.read() as session:
        return statement_files.export(session, 1, period, to, options)


def rows(path: Path) -> Rows:
    """A file as other programs read it."""
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert b"\n" not in data.replace(b"\r\n", b"")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))


def head(path: Path) -> str:
    """A file's header row."""
    return path.read_text("utf-8-sig").splitlines()[0]


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def post(book: Book, kind: str, *transfers: Transfer, day: date | None = None, subject: str = "test:1") -> Receipt:
    with book.write() as session:
        return ledger.post(session, book.act(), Draft(kind, day or book.today, transfers, subject=subject))


def spend(book: Book, holder: str, amount: int, merchant: str = "merchant:1", fen: int = 0) -> Receipt:
    taken = [Transfer("points", amount, holder, "available", REDEEMED, "sink")]
    if fen:
        taken.append(Transfer("fen", fen, "fund:general", "free", merchant, "payable"))
    return post(book, "voucher.capture", *taken, subject="voucher:9")


def of(found: Rows, **wanted: str) -> dict[str, str]:
    """The one row with these cells."""
    (row,) = [row for row in found if all(row[name] == value for name, value in wanted.items())]
    return row


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where files go: a folder that is not there yet."""
    return tmp_path / "out"


@pytest.fixture
def year(book: Book) -> Book:
    """Three members and a shop with a lively October, in the middle of it."""
    book.join("M0001", "M0002", "M0003")
    book.shop("S001")
    book.give("member:1", 50, lapses_on=date(2026, 11, 30))
    book.give("member:1", 30, lapses_on=date(2027, 1, 31))
    book.give("member:2", 20)
    spend(book, "member:1", 25, fen=250)
    wrong = book.give("member:2", 5)
    with book.write() as session:
        ledger.reverse(session, book.act(approver=2), wrong.seq)
    return book


# --- the month ---


def test_a_month_closes_once_and_the_next_one_opens(year: Book) -> None:
    year.now = NOVEMBER
    done = close(year, "2026-10")
    with year.read() as session:
        assert session.get_one(communities.CommunityState, 1).open_period == "2026-11"
        entry = session.get_one(Entry, (1, done.entry))
        assert (entry.kind, entry.period, entry.business_date) == ("period.close", "2026-10", date(2026, 10, 31))


def test_closing_again_changes_nothing_and_tells_the_same(year: Book) -> None:
    year.now = NOVEMBER
    done = close(year, "2026-10")
    assert close(year, "2026-10") == done
    assert close(year, "2026-10", approver=None) == done
    with year.read() as session:
        assert session.get_one(communities.CommunityState, 1).size == done.size


def test_a_month_that_is_not_over_stays_open(year: Book) -> None:
    year.now = datetime(2026, 10, 31, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    with pytest.raises(Refused) as refusal:
        close(year, "2026-10")
    assert refusal.value.code == "month_not_over"
    year.now = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    assert close(year, "2026-10").period == "2026-10"


def test_months_close_in_order(year: Book) -> None:
    year.now = DECEMBER
    with pytest.raises(Refused) as refusal:
        close(year, "2026-11")
    assert refusal.value.code == "not_first_open"


def test_closing_needs_a_second_person(year: Book) -> None:
    year.now = NOVEMBER
    for approver, code in ((None, "approver_missing"), (1, "same_person")):
        with pytest.raises(NotAllowed) as refusal:
            close(year, "2026-10", approver=approver)
        assert refusal.value.code == code


def test_a_month_before_the_book_is_not_found(year: Book, out: Path) -> None:
    with pytest.raises(NotFound) as refusal:
        close(year, "2026-09")
    assert refusal.value.code == "not_in_book"
    with pytest.raises(NotFound):
        export(year, "2026-09", out)
    assert not out.exists()


def test_closing_expires_what_lapsed_in_the_month(year: Book, out: Path) -> None:
    year.give("member:3", 12, lapses_on=date(2026, 10, 31))
    year.give("member:3", 13, lapses_on=date(2026, 11, 1))
    year.now = NOVEMBER
    close(year, "2026-10")
    export(year, "2026-10", out)
    row = of(rows(out / "members.csv"), member_no="M0003")
    assert (row["points_expired"], row["points_closing"]) == ("12", "13")


def test_closing_releases_vouchers_that_lapsed(year: Book, out: Path) -> None:
    add_offer(year)
    issue(year, "M0001", 40, days=5)
    issue(year, "M0002", 10, days=30)
    year.now = NOVEMBER
    assert close(year, "2026-10").holds == 1
    export(year, "2026-10", out)
    found = rows(out / "members.csv")
    assert [(row["points_held"], row["points_available"]) for row in found] == [("0", "55"), ("10", "10"), ("0", "0")]
    kinds = [row["kind"] for row in rows(out / "lines.csv") if row["member_no"] == "M0001"]
    assert kinds[-2:] == ["voucher.issue", "voucher.expire"]
    assert all(row["points"] == "0" for row in rows(out / "lines.csv") if row["kind"] in ("voucher.issue", "voucher.expire"))


def test_what_is_still_open_is_listed_before_closing(year: Book) -> None:
    with year.write() as session:
        rulebooks.publish(session, year.act(approver=2), RULES.encode(), "2026-7", "first rules")
        hours.record(session, year.act(), Record("M0002", date(2026, 10, 19), 500, "cleaning"))
    add_offer(year)
    issue(year, "M0001", 40)
    with year.read() as session:
        found = {(finding.where, finding.code) for finding in statements.pending(session, 1)}
    assert found == {("member:1", "open_hold"), ("hours:1", "hours_waiting")}
    year.now = NOVEMBER
    done = close(year, "2026-10")
    assert (done.holds, done.waiting) == (1, 1)


def test_the_close_binds_root_totals_and_rules(year: Book, out: Path) -> None:
    with year.write() as session:
        row = rulebooks.publish(session, year.act(approver=2), RULES.encode(), "2026-7", "first rules")
        hours.record(session, year.act(), Record("M0003", date(2026, 10, 19), 60, "cleaning"))
        ref = row.ref
    post(year, "of.another.kind", Transfer("points", 5, ISSUED, "source", "member:3", "available"))  # adjusted: -5 + 5 = 0
    year.now = NOVEMBER
    done = close(year, "2026-10")
    with year.read() as session:
        facts = parse(session.get_one(Entry, (1, done.entry)).payload.encode())["facts"]
        assert bytes.fromhex(facts["statements"]) == statements.rebuild(session, 1, "2026-10")
    assert facts["rules"] == [ref]
    assert (facts["count"], facts["lines"]) == (done.statements, done.lines) == (5, 9)
    export(year, "2026-10", out)
    assert ["points", "points_adjusted", 0, 2, 2] in facts["totals"]
    told = [[r["unit"], r["movement"], *(int(r[name]) for name in ("amount", "accounts", "lines"))] for r in totals(out)]
    assert facts["totals"] == [row for row in told if row[3] and row[1] != "claimed_fen"]


def totals(folder: Path) -> Rows:
    return rows(folder / "totals.csv")


def test_the_root_is_that_of_the_statements_by_holder(year: Book) -> None:
    """Recounted from RFC 6962 and the shape of the records in docs/formats.md."""
    year.join("M0004", "M0005", "M0006", "M0007", "M0008", "M0009", "M0010")
    year.now = NOVEMBER
    done = close(year, "2026-10")
    with year.read() as session:
        month = month_of(session, 1, "2026-10")
        made = [(statement, record(statement, month)) for statement in stream(session, month)]
    holders = [written["holder"] for _, written in made]
    assert holders == [*(f"member:{number}" for number in range(1, 11)), "merchant:1"]
    assert tree_root(leaf_hash(canonical(written)) for _, written in made).hex() == done.root
    first, written = made[0]
    assert written == {
        "v": 1,
        "log": "520201-jianshe/1",
        "period": "2026-10",
        "holder": "member:1",
        "opening": {"minutes": 0, "points": 0, "credits": 0},
        "movements": {"minutes_recorded": 80, "points_initial": 80, "points_redeemed": 25},
        "closing": {"minutes": 80, "points": 55, "credits": 0},
        "points": {"available": 55, "held": 0, "owed": 0},
        "lots": [["2026-11-30", 25], ["2027-01-31", 30]],
        "lines": 3,
        "lines_root": tree_root(leaf_hash(canonical(line)) for line in line_records(first)).hex(),
    }
    last = list(line_records(first))[-1]
    assert {name: last[name] for name in ("line", "kind", "points", "points_balance", "minutes_balance", "subject")} == {
        "line": 3,
        "kind": "voucher.capture",
        "points": -25,
        "points_balance": 55,
        "minutes_balance": 80,
        "subject": "voucher:9",
    }


def test_a_closed_months_root_is_rebuilt_whatever_comes_after(year: Book) -> None:
    year.now = NOVEMBER
    done = close(year, "2026-10")
    year.join("M0004")
    year.shop("S002")
    year.give("member:1", 9, day=date(2026, 10, 30))
    with year.read() as session:
        assert statements.rebuild(session, 1, "2026-10").hex() == done.root


def test_a_cache_that_was_changed_stops_the_close(year: Book) -> None:
    with year.write() as session:
        session.execute(text("UPDATE turnover SET net = net + 1 WHERE community_id = 1 AND account_id = 9"))
    year.now = NOVEMBER
    with pytest.raises(Tampered) as refusal:
        close(year, "2026-10")
    assert refusal.value.code == "turnover_differs"
    with year.read() as session:
        assert session.get_one(communities.CommunityState, 1).open_period == "2026-10"


def test_a_months_price_in_statements_of_sql_does_not_grow_with_members(year: Book) -> None:
    def counted() -> int:
        count = 0

        def tick(*_: Any) -> None:
            nonlocal count
            count += 1

        with year.read() as session:
            event.listen(year.engine, "before_cursor_execute", tick)
            assert sum(len(statement.lines) for statement in stream(session, month_of(session, 1, "2026-10"))) > 0
            event.remove(year.engine, "before_cursor_execute", tick)
        return count

    few = counted()
    for member in year.join(*(f"N{number:04d}" for number in range(1, 40))):
        year.give(member.holder, 1)
    assert counted() == few


# --- the files ---


def check_identities(folder: Path) -> None:
    """Every identity the columns promise, for every member and merchant."""
    for row in rows(folder / "members.csv"):
        n = {name: int(row[name]) for name, _ in MEMBER_FIGURES}
        assert n["minutes_closing"] == n["minutes_opening"] + n["minutes_recorded"] - n["minutes_reversed"]
        came = ("opening", "initial", "earned", "granted", "received", "refunded", "adjusted")
        went = ("redeemed", "given", "expired")
        assert n["points_closing"] == sum(n[f"points_{x}"] for x in came) - sum(n[f"points_{x}"] for x in went)
        assert n["points_closing"] == n["points_available"] + n["points_held"] + n["points_owed"]
        moved = n["credits_issued"] - n["credits_converted"] + n["credits_adjusted"]
        assert n["credits_closing"] == n["credits_opening"] + moved
        positive = [name for name in n if not name.endswith(("_adjusted", "_owed", "_closing", "_opening", "_available"))]
        assert all(n[name] >= 0 for name in positive)
        assert n["points_owed"] <= 0
    for row in rows(folder / "merchants.csv"):
        m = {name: int(row[name]) for name in row if name.endswith("_fen")}
        assert m["payable_closing_fen"] == m["payable_opening_fen"] + m["captured_fen"] - m["refunded_fen"] - m["paid_fen"]


def recount(folder: Path) -> None:
    """Every movement of members.csv again from lines.csv alone, by other means than the program's own."""
    told: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    ends: dict[str, list[str]] = defaultdict(list)
    names = {"points.opening": "points_initial", "hours": "points_earned", "voucher.capture": "points_redeemed"}
    names["points.expire"] = "points_expired"
    for row in rows(folder / "lines.csv"):
        mine, minutes, points = told[row["member_no"]], int(row["minutes"]), int(row["points"])
        assert int(row["line"]) == len(ends[row["member_no"]]) + 1
        ends[row["member_no"]].append(row["entry"])
        mine["minutes_recorded" if minutes > 0 else "minutes_reversed"] += abs(minutes)
        name = names.get(row["kind"], "points_adjusted")
        mine[name] += points if name == "points_adjusted" else abs(points)
        mine["points_moved"] += points
        mine["points_balance"] = int(row["points_balance"])
    for row in rows(folder / "members.csv"):
        mine = told[row["member_no"]]
        for name in ("minutes_recorded", "minutes_reversed", *names.values(), "points_adjusted"):
            assert int(row[name]) == mine[name], (row["member_no"], name)
        assert int(row["points_closing"]) == int(row["points_opening"]) + mine["points_moved"]
        own = ends[row["member_no"]]
        assert (row["first_entry"], row["last_entry"]) == ((own[0], own[-1]) if own else ("", ""))
        if own:
            assert int(row["points_closing"]) == mine["points_balance"]


def check_totals(folder: Path) -> None:
    """totals.csv against the sums of the other files."""
    sums: dict[str, int] = defaultdict(int)
    holders: dict[str, int] = defaultdict(int)
    for name in ("members.csv", "merchants.csv", "pools.csv"):
        for row in rows(folder / name) if (folder / name).exists() else []:
            for figure in {figure for figure, _ in FIGURES} & row.keys():
                sums[figure] += int(row[figure])
                holders[figure] += int(row[figure]) != 0
    told = {row["movement"]: (int(row["amount"]), int(row["accounts"])) for row in totals(folder)}
    assert told == {figure: (sums[figure], holders[figure]) for figure in sums}


def test_every_figure_follows_from_the_lines(year: Book, out: Path) -> None:
    year.now = NOVEMBER
    close(year, "2026-10")
    export(year, "2026-10", out)
    check_identities(out)
    recount(out)
    check_totals(out)
    first = of(rows(out / "members.csv"), member_no="M0001")
    assert (first["minutes_recorded"], first["points_initial"], first["points_redeemed"]) == ("80", "80", "25")
    second = of(rows(out / "members.csv"), member_no="M0002")
    assert (second["minutes_recorded"], second["minutes_reversed"]) == ("25", "5")
    assert (second["points_initial"], second["points_adjusted"], second["points_closing"]) == ("25", "-5", "20")


def test_points_about_to_lapse_are_told_for_one_month_and_for_three(year: Book, out: Path) -> None:
    year.give("member:1", 7, lapses_on=date(2027, 2, 1))
    year.now = NOVEMBER
    close(year, "2026-10")
    export(year, "2026-10", out)
    first = of(rows(out / "members.csv"), member_no="M0001")
    assert (first["points_expiring_1m"], first["points_expiring_3m"]) == ("25", "55")


def test_the_columns_are_those_of_the_contract(year: Book, out: Path) -> None:
    export(year, "2026-10", out)
    assert head(out / "members.csv") == (
        "community,period,statement_no,member_no,name,minutes_opening,minutes_recorded,minutes_reversed,minutes_closing,"
        "points_opening,points_initial,points_earned,points_granted,points_received,points_refunded,points_redeemed,"
        "points_given,points_expired,points_adjusted,points_closing,points_held,points_owed,points_available,points_overflow,"
        "points_expiring_1m,points_expiring_3m,credits_opening,credits_issued,credits_converted,credits_adjusted,"
        "credits_closing,first_entry,last_entry"
    )
    assert head(out / "lines.csv") == (
        "community,period,member_no,line,entry,posted_on,service_date,kind,description,minutes,points,credits,"
        "points_balance,credits_balance,rules,explanation,reverses,reference"
    )
    assert head(out / "merchants.csv") == (
        "community,period,merchant_no,name,payable_opening_fen,captures,captured_points,captured_fen,refunds,refunded_points,"
        "refunded_fen,paid_fen,payable_closing_fen,claimed_fen"
    )
    assert head(out / "totals.csv") == "community,period,unit,movement,amount,accounts,lines"


def test_chinese_headers_name_the_same_columns_in_the_same_order(year: Book, out: Path) -> None:
    export(year, "2026-10", out / "en")
    export(year, "2026-10", out / "zh", Options())
    assert len(set(HEADERS.values())) == len(HEADERS)
    for name in ("members.csv", "lines.csv", "merchants.csv", "totals.csv", "member/M0001.csv", "merchant/S001.csv"):
        english, chinese = (head(out / lang / name).split(",") for lang in ("en", "zh"))
        own = HEADERS | ({"name": HEADERS["merchant_name"]} if "merchant_no" in english else {})
        assert chinese == [own[column] for column in english]
    movements = {row["项目"] for row in rows(out / "zh" / "totals.csv")}
    assert movements == {HEADERS[row["movement"]] for row in totals(out / "en")}


def test_a_members_own_file_holds_their_lines_between_opening_and_closing(year: Book, out: Path) -> None:
    year.now = NOVEMBER
    close(year, "2026-10")
    year.give("member:1", 3)
    export(year, "2026-11", out)
    opening, line, closing = rows(out / "member" / "M0001.csv")
    assert (opening["kind"], opening["points_balance"], closing["kind"], closing["points_balance"]) == (
        "opening",
        "55",
        "closing",
        "58",
    )
    assert line == of(rows(out / "lines.csv"), member_no="M0001")
    assert [row["kind"] for row in rows(out / "member" / "M0002.csv")] == ["opening", "closing"]


def test_an_open_month_is_marked_as_a_draft(year: Book, out: Path) -> None:
    assert export(year, "2026-10", out / "open").label == "2026-10 DRAFT"
    for name in ("members.csv", "lines.csv", "merchants.csv", "totals.csv", "member/M0001.csv", "merchant/S001.csv"):
        assert {row["period"] for row in rows(out / "open" / name)} == {"2026-10 DRAFT"}
    assert json.loads((out / "open" / "manifest.json").read_bytes())["draft"] is True
    year.now = NOVEMBER
    close(year, "2026-10")
    export(year, "2026-10", out / "closed")
    assert {row["period"] for row in rows(out / "closed" / "members.csv")} == {"2026-10"}


def test_a_late_record_goes_to_the_open_month_and_closed_files_stay_byte_for_byte(year: Book, out: Path) -> None:
    year.now = NOVEMBER
    close(year, "2026-10")
    export(year, "2026-10", out / "before")
    late = year.give("member:2", 8, day=date(2026, 10, 30))
    assert late.period == "2026-11"
    year.join("M0004")
    year.shop("S002")
    with year.write() as session:
        ledger.open_accounts(session, 1, [("pool:elder-care", "points", "available")])
    with year.write() as session:
        ledger.reverse(session, year.act(approver=2), late.seq)
    year.now = DECEMBER
    close(year, "2026-11")
    export(year, "2026-10", out / "after")
    assert all_bytes(out / "after") == all_bytes(out / "before")
    export(year, "2026-11", out / "november")
    lines = [row for row in rows(out / "november" / "lines.csv") if row["member_no"] == "M0002"]
    assert [(row["kind"], row["service_date"], row["posted_on"]) for row in lines] == [
        ("points.opening", "2026-10-30", "2026-11-02"),
        ("reversal", "2026-11-02", "2026-11-02"),
    ]
    assert lines[1]["reverses"] == lines[0]["entry"] == f"E{late.seq:06d}"


def test_days_are_those_of_the_place_not_of_greenwich(year: Book, out: Path) -> None:
    year.now = datetime(2026, 10, 31, 16, 30, tzinfo=UTC)
    late = year.give("member:3", 1, day=date(2026, 10, 31))
    export(year, "2026-10", out)
    row = of(rows(out / "lines.csv"), entry=f"E{late.seq:06d}")
    assert (row["service_date"], row["posted_on"]) == ("2026-10-31", "2026-11-01")


def test_two_open_months_interleave_and_each_counts_its_own(year: Book, out: Path) -> None:
    year.now = NOVEMBER
    year.give("member:3", 10)
    year.give("member:3", 20, day=date(2026, 10, 30))
    year.give("member:3", 40)
    year.give("member:3", 80, day=date(2026, 10, 31))
    balances = {}
    for period in ("2026-10", "2026-11"):
        export(year, period, out / period)
        check_identities(out / period)
        found = [row for row in rows(out / period / "lines.csv") if row["member_no"] == "M0003"]
        assert [row["line"] for row in found] == ["1", "2"]
        balances[period] = [row["points_balance"] for row in found]
    assert balances == {"2026-10": ["20", "100"], "2026-11": ["110", "150"]}
    with year.read() as session:
        numbered = session.execute(
            text(
                "SELECT e.period, p.n FROM posting p JOIN entry e ON e.community_id = p.community_id AND e.seq = p.seq"
                " JOIN account a ON a.community_id = p.community_id AND a.id = p.account_id"
                " WHERE a.holder = 'member:3' AND a.purpose = 'available' ORDER BY p.seq"
            )
        ).all()
    assert [tuple(row) for row in numbered] == [("2026-11", 1), ("2026-10", 1), ("2026-11", 2), ("2026-10", 2)]


def test_the_close_of_one_month_is_the_opening_of_the_next(year: Book, out: Path) -> None:
    year.now = NOVEMBER
    close(year, "2026-10")
    year.give("member:2", 8, day=date(2026, 10, 30))
    spend(year, "member:1", 5, fen=50)
    year.now = DECEMBER
    close(year, "2026-11")
    for period in ("2026-10", "2026-11", "2026-12"):
        export(year, period, out / period)
    check_chain(out, ("2026-10", "2026-11", "2026-12"))


def check_chain(folder: Path, periods: tuple[str, ...]) -> None:
    for period in periods:
        check_identities(folder / period)
        check_totals(folder / period)
    for before, after in pairwise(periods):
        left, right = ({row["member_no"]: row for row in rows(folder / p / "members.csv")} for p in (before, after))
        for number in left:
            for unit in ("minutes", "points", "credits"):
                assert left[number][f"{unit}_closing"] == right[number][f"{unit}_opening"]
        shops, later = ({row["merchant_no"]: row for row in rows(folder / p / "merchants.csv")} for p in (before, after))
        assert all(shops[s]["payable_closing_fen"] == later[s]["payable_opening_fen"] for s in shops)


def test_points_taken_back_after_they_were_spent_are_owed(year: Book, out: Path) -> None:
    given_points = year.give("member:3", 10)
    spend(year, "member:3", 8)
    with year.write() as session:
        ledger.reverse(session, year.act(approver=2), given_points.seq, owe=True)
    export(year, "2026-10", out)
    check_identities(out)
    row = of(rows(out / "members.csv"), member_no="M0003")
    assert (row["points_adjusted"], row["points_owed"], row["points_available"], row["points_closing"]) == (
        "-10",
        "-8",
        "0",
        "-8",
    )


def test_what_went_to_a_pool_in_a_members_name_is_told_apart_from_what_was_earned(year: Book, out: Path) -> None:
    with year.write() as session:
        rulebooks.publish(session, year.act(approver=2), RULES.encode(), "2026-7", "first rules")
        batch = [Record("M0003", date(2026, 10, day), 300, "elder-care", row=day) for day in (12, 13)]
        hours.record_all(session, year.act(), [batch])
    export(year, "2026-10", out)
    row = of(rows(out / "members.csv"), member_no="M0003")
    assert (row["points_earned"], row["points_overflow"], row["points_closing"]) == ("100", "20", "100")
    (pool,) = rows(out / "pools.csv")
    assert (pool["pool"], pool["pool_points_received"], pool["pool_points_closing"]) == ("pool:elder-care", "20", "20")
    check_identities(out)
    check_totals(out)
    told = of(rows(out / "lines.csv"), member_no="M0003", line="2")
    with year.read() as session:
        entry = session.get_one(Entry, (1, int(told["entry"][1:])))
    assert told["explanation"] == rewards.explain(parse(entry.payload.encode())["trace"], "en")
    assert (told["description"], told["rules"]) == ("Service: elder-care", entry.rules)


def test_a_merchants_month_is_what_came_off_bills_and_what_was_claimed(year: Book, out: Path) -> None:
    add_offer(year)
    for points in (40, 10):
        capture(year, issue(year, "M0001" if points == 40 else "M0002", points).code)
    export(year, "2026-10", out)
    (row,) = rows(out / "merchants.csv")
    assert (row["captures"], row["captured_points"], row["captured_fen"]) == ("3", "75", "750")
    assert (row["payable_closing_fen"], row["claimed_fen"]) == ("750", "0")
    assert [line["payable_fen"] for line in rows(out / "merchant" / "S001.csv")] == ["250", "650", "750"]
    assert [line["redeemed_points"] for line in rows(out / "merchant" / "S001.csv")] == ["25", "40", "10"]
    check_totals(out)


def test_what_a_merchant_gives_back_is_refunded_and_what_it_is_paid_is_paid(year: Book, out: Path) -> None:
    taken = spend(year, "member:1", 10, fen=100)
    with year.write() as session:
        ledger.reverse(session, year.act(approver=2), taken.seq)
    post(year, "settlement.paid", Transfer("fen", 90, "merchant:1", "payable", "fund:general", "paid"))
    export(year, "2026-10", out)
    (row,) = rows(out / "merchants.csv")
    told = [row[name] for name in ("captures", "captured_fen", "refunds", "refunded_points", "refunded_fen", "paid_fen")]
    assert told == ["2", "350", "1", "10", "100", "90"]
    check_identities(out)
    check_totals(out)


def test_adjustments_that_cancel_out_are_still_counted() -> None:
    sums = Totals()
    for amount in (5, -5):
        sums.add({"points_adjusted": amount}, {"points_adjusted": 1})
    assert sums.rows() == [("points", "points_adjusted", 0, 2, 2)]


def settle(book: Book, period: str) -> None:
    with book.write() as session:
        settlement.draft(session, book.act(), period)
    with book.write() as session:
        settlement.approve(session, book.act(approver=2), period)


def test_a_claim_stands_in_its_own_month_or_if_that_is_closed_in_the_first_open_one(year: Book, out: Path) -> None:
    add_offer(year)
    capture(year, issue(year, "M0001", 40).code)
    year.now = datetime(2026, 11, 5, 4, 0, tzinfo=UTC)
    settle(year, "2026-10")
    close(year, "2026-10")
    export(year, "2026-10", out / "before")
    assert rows(out / "before" / "merchants.csv")[0]["claimed_fen"] == "400"
    capture(year, issue(year, "M0002", 10).code)
    year.now = datetime(2026, 12, 5, 4, 0, tzinfo=UTC)
    close(year, "2026-11")
    settle(year, "2026-11")
    claimed = {}
    for period in ("2026-10", "2026-11", "2026-12"):
        export(year, period, out / period)
        claimed[period] = rows(out / period / "merchants.csv")[0]["claimed_fen"]
        check_totals(out / period)
    assert claimed == {"2026-10": "400", "2026-11": "0", "2026-12": "100"}
    assert all_bytes(out / "2026-10") == all_bytes(out / "before")


NAMES = (
    '=HYPERLINK("http://x","y")',
    "＋cmd|' /C calc'!A0",
    "𠮷野家太郎",
    "阿迪力·买买提",
    "བཀྲ་ཤིས་",
    "110101199003078515",
    '张,"三"',
)


def test_names_stay_text_and_are_masked_unless_they_may_be_whole(book: Book, out: Path) -> None:
    with book.write() as session:
        newcomers = [members.Newcomer(f"M{n:04d}", Card(name), date(2026, 1, 1), row=n) for n, name in enumerate(NAMES, 1)]
        members.join(session, book.act(), newcomers)
        merchants.join(session, book.act(), [merchants.Shop("S001", "=1+1超市"), merchants.Shop("S002", "𠮷野家")])
    export(book, "2026-10", out / "full", replace(ENGLISH, names="full"))
    whole = [row["name"] for row in rows(out / "full" / "members.csv")]
    assert whole == [f"'{NAMES[0]}", f"'{NAMES[1]}", *NAMES[2:5], f"'{NAMES[5]}", NAMES[6]]
    assert [row["name"] for row in rows(out / "full" / "merchants.csv")] == ["'=1+1超市", "𠮷野家"]
    export(book, "2026-10", out / "masked")
    masked = [row["name"] for row in rows(out / "masked" / "members.csv")]
    assert masked[2:4] == ["𠮷*郎", "阿*提"]
    everything = b"".join(all_bytes(out / "masked").values()).decode()
    assert not [name for name in NAMES if name in everything]


def test_names_of_people_are_in_no_record_and_in_no_payload(book: Book) -> None:
    book.join("M0001")
    book.give("member:1", 5)
    book.now = NOVEMBER
    done = close(book, "2026-10")
    with book.read() as session:
        month = month_of(session, 1, "2026-10")
        hashed = [canonical(record(statement, month)).decode() for statement in stream(session, month)]
        hashed.append(session.get_one(Entry, (1, done.entry)).payload)
    assert not [written for written in hashed if "张" in written]


def test_points_in_tenths_are_read_with_one_decimal(book: Book, out: Path) -> None:
    other = book.found("other", points_decimals=1)
    with book.write() as session:
        newcomers = [members.Newcomer("M0001", Card("张三"), date(2026, 1, 1))]
        members.join(session, book.act(community=other), newcomers)
        for amount in (95, -5):
            ends = (ISSUED, "source", "member:1", "available") if amount > 0 else ("member:1", "available", ISSUED, "source")
            draft = Draft("hours", book.today, (Transfer("points", abs(amount), *ends),))
            ledger.post(session, book.act(community=other), draft)
    with book.read() as session:
        statement_files.export(session, other, "2026-10", out, ENGLISH)
    (row,) = rows(out / "members.csv")
    assert (row["points_earned"], row["points_adjusted"], row["points_closing"], row["points_held"]) == (
        "9.5",
        "-0.5",
        "9.0",
        "0.0",
    )
    assert of(totals(out), movement="points_earned")["amount"] == "9.5"
    assert [line["points_balance"] for line in rows(out / "member" / "M0001.csv")] == ["0.0", "9.5", "9.0", "9.0"]


def test_the_manifest_names_every_file_with_its_hash_and_rows(year: Book, out: Path) -> None:
    year.now = NOVEMBER
    done = close(year, "2026-10")
    exported = export(year, "2026-10", out)
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert set(manifest["files"]) == set(exported.files) == set(all_bytes(out)) - {"manifest.json"}
    for name, written in manifest["files"].items():
        assert written["sha256"] == hashlib.sha256((out / name).read_bytes()).hexdigest()
        if name.endswith(".csv"):
            assert written["rows"] == len(rows(out / name))
    with year.read() as session:
        root = tree_root(reading.leaves(session, 1, done.size))
    assert (manifest["log"]["size"], manifest["log"]["root"]) == (done.size, root.hex())
    assert manifest["close"] == {"entry": done.entry, "statements": done.root, "count": done.statements}


def test_another_export_into_the_folder_leaves_only_what_is_not_ours(year: Book, out: Path) -> None:
    year.now = NOVEMBER
    close(year, "2026-10")
    other = year.found("other")
    export(year, "2026-10", out)
    (out / "member" / "notes.csv").write_text("mine")
    (out / "member" / "M0002.csv").write_text("M0002 as the clerk changed it")
    with year.read() as session:
        statement_files.export(session, other, "2026-11", out, ENGLISH)
    assert set(all_bytes(out)) == {
        *("lines.csv", "members.csv", "merchants.csv", "totals.csv", "manifest.json", "NOTICE.txt"),
        *("member/notes.csv", "member/M0002.csv"),
    }


def test_a_manifest_that_names_foreign_files_removes_none_of_them(year: Book, out: Path) -> None:
    precious = out.parent / "precious.csv"
    precious.write_text("x")
    digest = hashlib.sha256(b"x").hexdigest()
    out.mkdir()
    for name in ("../precious.csv", str(precious), "member/../../precious.csv"):
        (out / "manifest.json").write_text(json.dumps({"files": {name: {"sha256": digest}}}))
        export(year, "2026-10", out)
        assert precious.exists()


def test_an_export_that_fails_leaves_the_folder_as_it_was(year: Book, out: Path) -> None:
    export(year, "2026-10", out)
    before = all_bytes(out)
    year.give("member:1", 5)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(Unwritable) as refusal, year.read() as session:
        statement_files.export(session, 1, "2026-10", out, ENGLISH, full)
    assert refusal.value.code == "unwritable"
    assert all_bytes(out) == before
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_a_folder_that_cannot_be_made_is_said_plainly(year: Book, out: Path) -> None:
    out.write_text("a file")
    with pytest.raises(Unwritable):
        export(year, "2026-10", out)


# Few values of each, so that awards with the same text but another past meet often.
FACTS = st.builds(
    rewards.Facts,
    day=st.sampled_from([date(2026, 10, 1), date(2026, 10, 18)]),
    category=st.just("cleaning"),
    minutes=st.sampled_from([45, 600]),
)
USED = st.builds(
    rewards.Used,
    day_minutes=st.sampled_from([0, 440, 445, 480]),
    eligible=st.sampled_from([0, 10, 20]),
    counted=st.sampled_from([0, 10, 20]),
    windows=st.dictionaries(st.just("month"), st.tuples(st.sampled_from([0, 95]), st.sampled_from([0, 60]))),
)


@settings(max_examples=200)
@given(services=st.lists(st.tuples(FACTS, USED), min_size=10, max_size=30), carry=st.sampled_from(["true", "false"]))
def test_an_explanation_remembered_is_the_explanation_of_the_line(
    services: list[tuple[rewards.Facts, rewards.Used]], carry: str
) -> None:
    """Awards share an explanation only if theirs is the same, whatever `rewards.explain` tells."""
    rules = rulefile.read(RULES.replace("carry_remainder = true", f"carry_remainder = {carry}").encode()).book
    assert rules is not None
    telling = Telling("en", "Asia/Shanghai")
    traces = [rewards.award(facts, rules, used).trace for facts, used in services]
    telling.read({seq: canonical({"trace": trace, "v": 1}).decode() for seq, trace in enumerate(traces)})
    for seq, trace in enumerate(traces):
        line = Line("member:1", seq, "hours", "2026-10-18", "2026-10-18T04:00:00Z", None, None, "r", 0, 0, 0, 0)
        description, explanation = telling.entry(line)
        assert explanation == rewards.explain(trace, "en")
        assert description == f"Service: {trace['category']}"


# --- whatever happens ---

MOVES = st.lists(
    st.tuples(
        st.sampled_from(
            ["hours", "spend", "hold", "release", "reverse", "gift", "expire", "credit", "convert", "strange", "next"]
        ),
        st.integers(0, 2),
        st.integers(1, 30),
        st.sampled_from([0, 0, 0, 20, 40]),
    ),
    min_size=3,
    max_size=25,
)


class Random:
    """Random commands on a community of its own: whatever the book takes, in three months of which some are still open."""

    def __init__(self, book: Book) -> None:
        self.book, self.posted = book, list[int]()
        self.cid = book.found(f"any{book.acts}")
        with book.write() as session:
            people = [members.Newcomer(f"M{n:04d}", Card("张三"), date(2026, 1, 1)) for n in (1, 2, 3)]
            members.join(session, book.act(community=self.cid), people)
            merchants.join(session, book.act(community=self.cid), [merchants.Shop("S001", "店")])
            ledger.open_accounts(session, self.cid, [("pool:p", "points", "available")])

    def transfers(self, verb: str, who: int, amount: int) -> tuple[str, tuple[Transfer, ...]]:
        me, other = f"member:{who + 1}", f"member:{(who + 1) % 3 + 1}"
        lapse = (date(2026, 10, 31), date(2026, 11, 30), date(2027, 6, 30))[amount % 3]
        earned = Transfer("points", amount, ISSUED, "source", me, "available", lapses_on=lapse)
        over = Transfer("points", 1, ISSUED, "source", "pool:p", "available", lapses_on=lapse)
        known = {
            "hours": ("hours", (Transfer("minutes", amount, SERVICE, "source", me, "served"), earned, over)),
            "spend": (
                "voucher.capture",
                (
                    Transfer("points", amount, me, "available", REDEEMED, "sink"),
                    Transfer("fen", amount * 10, "fund:general", "free", "merchant:1", "payable"),
                ),
            ),
            "hold": ("voucher.issue", (Transfer("points", amount, me, "available", me, "held"),)),
            "release": ("voucher.void", (Transfer("points", amount, me, "held", me, "available"),)),
            "gift": ("points.gift", (Transfer("points", amount, me, "available", other, "available"),)),
            "expire": ("points.expire", (Transfer("points", amount, me, "available", "system:expired", "sink"),)),
            "credit": ("credit.issue", (Transfer("credits", amount, "system:credits", "source", me, "available"),)),
            "convert": ("credit.convert", (Transfer("credits", amount, me, "available", "system:credits", "source"), earned)),
        }
        return known.get(verb, ("of.another.year", (Transfer("points", amount, me, "available", other, "available"),)))

    def do(self, verb: str, who: int, amount: int, days_ago: int) -> None:
        book = self.book
        if verb == "next":
            book.now = min(book.now + (NOVEMBER - datetime(2026, 10, 20, 4, 0, tzinfo=UTC)), DECEMBER)
            return
        try:
            with book.write() as session:
                act = book.act(community=self.cid, approver=2)
                if verb == "reverse" and self.posted:
                    ledger.reverse(session, act, self.posted.pop(amount % len(self.posted)), owe=amount % 2 == 0)
                elif verb != "reverse":
                    kind, moved = self.transfers(verb, who, amount)
                    day = max(date(2026, 10, 1), date.fromordinal(book.today.toordinal() - days_ago))
                    self.posted.append(ledger.post(session, act, Draft(kind, day, moved, subject="test:1")).seq)
        except Refused:
            pass


@given(moves=MOVES, closes=st.integers(0, 2))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_posted_identities_hold_and_months_chain(
    book: Book, out: Path, moves: list[tuple[str, int, int, int]], closes: int
) -> None:
    """I11, with months closed in between and others open at the same time."""
    book.now = datetime(2026, 10, 20, 4, 0, tzinfo=UTC)
    run = Random(book)
    with book.write() as session:
        ledger.open_accounts(session, run.cid, [("system:credits", "credits", "source")])
    half = len(moves) // 2
    for move in moves[:half]:
        run.do(*move)
    roots = {}
    book.now = DECEMBER
    for period in ("2026-10", "2026-11")[:closes]:
        with book.write() as session:
            roots[period] = statements.close(session, book.act(community=run.cid, approver=2), period).root
    for move in moves[half:]:
        run.do(*move)
    folder = out / str(run.cid)
    periods = ("2026-10", "2026-11", "2026-12")
    for period in periods:
        with book.read() as session:
            statement_files.export(session, run.cid, period, folder / period, ENGLISH)
    check_chain(folder, periods)
    with book.read() as session:
        assert {period: statements.rebuild(session, run.cid, period).hex() for period in roots} == roots
        closing = {row["member_no"]: int(row["points_closing"]) for row in rows(folder / "2026-12" / "members.csv")}
        now = {
            f"M000{n}": ledger.balance(session, run.cid, f"member:{n}", "points", today=date(2000, 1, 1)).total
            for n in (1, 2, 3)
        }
    assert closing == now
