"""How rule books were published: by a resolution, with a reason where late, after the very text hung out where it had to."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from conftest import NOON, RULES, Book, Shelf
from lived import Vandal, a_vandal, report  # noqa: F401 - fixtures
from timebank import notices, rulebooks, workdays
from timebank.base import db, schema
from timebank.notices import NewNotice

HOLIDAYS = Path(__file__).parent.parent / "examples" / "holidays" / "2026.json"
DEMANDING = f"{RULES}[change]\nnotice_days = 5\n"
LATER = RULES.replace("2026.1", "2026.2").replace("2026-01-01", "2026-11-01")
OVER = NOON + timedelta(7)


def publish(book: Book, text: str, reason: str = "") -> None:
    book.command(lambda s, a: rulebooks.publish(s, a, text.encode(), "2026-7", reason), book.act(approver=2))


def rules_changed(url: str, folder: Path) -> None:
    """A book whose rules demand a notice of the next ones, and the next ones, which hung out."""
    engine = db.open_engine(url)
    schema.upgrade(engine)
    book = Book(engine)
    book.found(open_from="2026-09")
    book.command(lambda s, a: workdays.add(s, a, workdays.read(HOLIDAYS.read_bytes())), book.act(approver=2))
    publish(book, DEMANDING, "first rules")
    wish = NewNotice("rules:2026.2", "new rules", binds=sha256(LATER.encode()).hexdigest())
    book.command(lambda s, a: notices.post(s, a, wish), book.act())
    book.now = OVER
    book.command(lambda s, a: notices.close(s, a, 1), book.act())
    publish(book, LATER)
    engine.dispose()


@pytest.fixture(name="lived")
def the_book_whose_rules_changed(shelf: Shelf, tmp_path: Path) -> Iterator[Book]:
    with shelf.lend(rules_changed, tmp_path) as url:
        engine = db.open_engine(url, wait_seconds=10)
        yield Book(engine, datetime(2026, 10, 28, 4, 0, tzinfo=UTC), 1_000)
        engine.dispose()


Do = Callable[[Vandal], object]


def told(kind: str, number: int = 0, **facts: object) -> Do:
    """Write other facts into an entry; None takes one out."""

    def do(vandal: Vandal) -> None:
        seq = vandal.seq(kind, number)
        kept = vandal.payload(seq)["facts"] | facts
        vandal.rewrite(seq, facts={name: value for name, value in kept.items() if value is not None})

    return do


def gone(kind: str) -> Do:
    """Make something else of an entry, which no rule asks about."""
    return lambda vandal: vandal.rewrite(vandal.seq(kind), kind="office.note")


def spoke_no_more(vandal: Vandal) -> None:
    """The first book ended before the second was published: nobody demanded a notice then."""
    told("rules.publish", effective_to="2026-10-26")(vandal)


UNSOUND: tuple[tuple[str, tuple[Do, ...], set[int]], ...] = (
    ("no resolution", (told("rules.publish", 1, resolution=None),), {1}),
    ("a sentence for a resolution", (told("rules.publish", 0, resolution="we all agreed to it"),), {0}),
    ("days that had passed, without a reason", (told("rules.publish", 1, effective_from="2026-10-26"),), {1}),
    ("the reason taken out", (lambda v: v.rewrite(v.seq("rules.publish"), text_hash=None),), {0}),
    ("no notice", (gone("notice.post"),), {1}),
    ("a notice about another version", (told("notice.post", about="rules:2026.3"),), {1}),
    ("a notice too short", (told("notice.post", days=4),), {1}),
    ("a notice of another text", (told("notice.post", binds="ab" * 32),), {1}),
    ("a notice of no text", (told("notice.post", binds=None),), {1}),
    ("a notice that was stopped", (told("notice.close", outcome="stopped"),), {1}),
    ("a notice still open", (gone("notice.close"),), {1}),
    ("facts of another kind", (told("rules.publish", 1, effective_from=7),), {1}),
    ("stopped, though nobody demanded it", (spoke_no_more, told("notice.close", outcome="stopped")), {1}),
    ("of another text, though nobody demanded it", (spoke_no_more, told("notice.post", binds="ab" * 32)), {1}),
    ("on its last day", (told("rules.publish", effective_to="2026-10-27"), gone("notice.post")), {1}),
)


@pytest.mark.parametrize(("do", "which"), [case[1:] for case in UNSOUND], ids=[case[0] for case in UNSOUND])
def test_a_rule_book_that_was_published_otherwise_than_it_must_be_is_named(
    vandal: Vandal, do: tuple[Do, ...], which: set[int]
) -> None:
    wanted = {vandal.seq("rules.publish", number) for number in which}
    for step in do:
        step(vandal)
    assert {(one.code, one.entry) for one in report(vandal.book, "rules").findings} == {
        ("rules_unsound", seq) for seq in wanted
    }


SOUND: tuple[tuple[str, tuple[Do, ...]], ...] = (
    ("as it was", ()),
    ("no notice, none demanded", (spoke_no_more, gone("notice.post"), gone("notice.close"))),
    ("a notice of no text, none demanded", (spoke_no_more, told("notice.post", binds=None))),
    ("from the day on which it is published", (told("rules.publish", 1, effective_from="2026-10-27"),)),
)


@pytest.mark.parametrize("do", [case[1] for case in SOUND], ids=[case[0] for case in SOUND])
def test_a_rule_book_that_was_published_as_it_must_be_is_not(vandal: Vandal, do: tuple[Do, ...]) -> None:
    for step in do:
        step(vandal)
    assert report(vandal.book, "rules").ok


def test_a_book_whose_rules_changed_rightly_has_no_findings(lived: Book) -> None:
    assert report(lived).ok


def test_one_person_alone_does_not_publish(vandal: Vandal) -> None:
    seq = vandal.seq("rules.publish", 1)
    vandal.rewrite(seq, approver=None, approver_auth=None)
    assert ("approver_missing", seq) in {(one.code, one.entry) for one in report(vandal.book, "I13").findings}
