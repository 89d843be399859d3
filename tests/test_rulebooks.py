"""Publishing rule books: two people, a resolution, a hash; which book speaks for a day."""

from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from conftest import RULES, Book, Cli
from timebank import rulebooks
from timebank.base.errors import Conflict, Invalid, NotAllowed, Refused, TimebankError
from timebank.journal import ACCOUNT, ENTRY
from timebank.rulebooks import RuleBookRow
from timebank.transparency import parse


def publish(
    book: Book, text: str = RULES, *, retroactive: str = "history", resolution: str = "2026-7", approver: int | None = 2
) -> RuleBookRow:
    with book.write() as session:
        return rulebooks.publish(session, book.act(approver=approver), text.encode(), resolution, retroactive)


def test_publishing_binds_the_texts_hash_into_the_book_and_opens_its_pools(book: Book) -> None:
    row = publish(book)
    digest = sha256(RULES.encode()).hexdigest()
    assert (row.sha256, row.ref) == (digest, f"2026.1@{digest[:16]}")
    with book.read() as session:
        payload = session.execute(select(ENTRY.payload).where(ENTRY.kind == "rules.publish")).scalar_one()
        pools = session.execute(select(ACCOUNT.holder).where(ACCOUNT.holder.startswith("pool:"))).scalars().all()
        assert rulebooks.find(session, 1, "2026.1").text == RULES
    assert parse(payload.encode())["facts"]["sha256"] == digest
    assert pools == ["pool:elder-care"]


def test_the_same_text_again_publishes_nothing_and_another_text_needs_another_version(book: Book) -> None:
    first = publish(book)
    assert publish(book).seq == first.seq
    with pytest.raises(Conflict) as conflict:
        publish(book, RULES.replace("default = 10", "default = 11"))
    assert conflict.value.code == "version_taken"


def test_a_byte_order_mark_belongs_to_the_published_text(book: Book) -> None:
    row = publish(book, "\ufeff" + RULES)
    with book.read() as session:
        assert sha256(rulebooks.find(session, 1, "2026.1").text.encode()).hexdigest() == row.sha256
        assert rulebooks.shelf(session, 1).on(date(2026, 5, 1))


@pytest.mark.parametrize(
    ("wish", "family", "code"),
    [
        ({"approver": None}, NotAllowed, "approver_missing"),
        ({"approver": 1}, NotAllowed, "same_person"),
        ({"retroactive": ""}, Refused, "starts_in_the_past"),
        ({"resolution": "no number at all"}, Invalid, "bad_resolution"),
        ({"resolution": "(2026)13812345678"}, Invalid, "bad_resolution"),
        ({"text": RULES.replace("decimals = 0", "decimals = 1")}, Invalid, "other_decimals"),
        ({"text": RULES.replace("[rate]", "[rates]")}, Invalid, "bad_rules"),
    ],
)
def test_what_may_not_be_published_is_refused(
    book: Book, wish: dict[str, object], family: type[TimebankError], code: str
) -> None:
    with pytest.raises(family) as refusal:
        publish(book, **wish)  # type: ignore[arg-type]
    assert refusal.value.code == code
    with book.read() as session:
        assert rulebooks.listed(session, 1) == []


def test_a_book_that_begins_today_or_later_needs_no_reason(book: Book) -> None:
    publish(book, RULES.replace("2026-01-01", "2026-10-20"), retroactive="")
    with book.read() as session:
        assert rulebooks.shelf(session, 1).on(date(2026, 10, 19)) is None
        assert rulebooks.shelf(session, 1).on(date(2026, 10, 20)) is not None


def test_of_two_books_for_a_day_the_one_that_begins_last_speaks(book: Book) -> None:
    later = RULES.replace("2026.1", "2026.2").replace("2026-01-01", "2026-07-01\neffective_to = 2026-07-31")
    publish(book, later)
    publish(book)
    with book.read() as session:
        shelf = rulebooks.shelf(session, 1)
    found = [shelf.on(date(2026, month, 1)) for month in (6, 7, 8)]
    assert [published.book.version for published in found if published] == ["2026.1", "2026.2", "2026.1"]
    assert shelf.on(date(2025, 12, 31)) is None


# --- at the desk ---


def written(tmp_path: Path, version: str, *changes: tuple[str, str]) -> str:
    """A file of the conftest's rule book under another version, with some text replaced."""
    text = RULES.replace("2026.1", version)
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / f"rules-{version}.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_difference_is_told_against_a_published_version(office: Cli, tmp_path: Path) -> None:
    draft = written(tmp_path, "2026.2", ("default = 10", "default = 11"))
    assert office("--json", "rules", "diff", "2026.1", draft).json == [
        {
            "section": "rate",
            "was": "every other category: 10 points an hour",
            "now": "every other category: 11 points an hour",
        }
    ]
    assert "now: every other category: 11" in office("rules", "diff", "2026.1", draft).out
    assert office("--json", "rules", "diff", "2026.1", written(tmp_path, "2026.3")).json == []
    office("rules", "diff", "1999.1", draft, status=7)


def test_a_draft_is_held_against_the_published_versions_where_asked(office: Cli, tmp_path: Path) -> None:
    draft = written(tmp_path, "2026.2", ("2026-01-01", "2026-12-01"))

    def codes(*more: str) -> set[str]:
        return {finding["code"] for finding in office("--json", "rules", "check", draft, *more).json["findings"]}

    assert "replaces_version" not in codes()
    assert codes("--against-published") - codes() == {"replaces_version"}


def test_publishing_says_which_version_it_replaces(office: Cli, tmp_path: Path) -> None:
    first = written(tmp_path, "2027.1", ("2026-01-01", "2027-01-01\neffective_to = 2027-06-30"))
    office("rules", "publish", first, "--resolution", "8", "--approver", "W0002")
    second = written(tmp_path, "2028.1", ("2026-01-01", "2028-01-01"))
    assert "replaces_version" in office("rules", "publish", second, "--resolution", "9", "--approver", "W0002").err


def test_a_published_book_is_shown_as_it_is_and_in_words(office: Cli) -> None:
    shown = office("--json", "rules", "show", "2026.1").json
    assert "Rates: every other category: 10 points an hour" in shown["words"]
    plain = office("rules", "show", "2026.1").out
    assert "default = 10" in plain
    assert "every other category: 10 points an hour" in plain
