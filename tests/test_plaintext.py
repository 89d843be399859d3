"""The journal as text: what stands in it, without the programs that read it (those are asked in test_oracle.py)."""

import re
from datetime import date
from pathlib import Path

import pytest

from conftest import Book, Cli
from lived import Vandal, a_vandal, the_lived_book  # noqa: F401 - fixtures
from timebank import plaintext
from timebank.base.errors import Unwritable


def written(book: Book, folder: Path, form: plaintext.Format = "hledger") -> str:
    with book.read() as session:
        done = plaintext.export(session, 1, folder / "book.journal", form)
    return done.file.read_text(encoding="utf-8")


def test_every_entry_is_there_once_with_or_without_postings(lived: Book, tmp_path: Path) -> None:
    for form, code in (("hledger", r"\* \(E(\d+)\)"), ("beancount", r'  entry: "E(\d+)"')):
        numbers = sorted(map(int, re.findall(code, written(lived, tmp_path, form))))
        with lived.read() as session:
            assert numbers == list(range(plaintext.export(session, 1, tmp_path / "x", form).entries))


def test_a_late_entry_stands_on_the_day_its_statement_counts_it_on(lived: Book, tmp_path: Path) -> None:
    """September is closed: what concerns it now is October's or November's, with the business date as second date."""
    lived.give("member:2", 7, day=date(2026, 9, 20))
    assert re.search(r"^2026-11-01=2026-09-20 \* \(E\d+\) ", written(lived, tmp_path), re.MULTILINE)
    assert re.search(
        r"^2026-11-01 \* .*\n(  .*\n)*  business-date: 2026-09-20$", written(lived, tmp_path, "beancount"), re.MULTILINE
    )


def test_every_balance_of_the_database_is_asserted_at_the_end(lived: Book, tmp_path: Path) -> None:
    lived.give("member:3", 11, lapses_on=date(2027, 5, 31))
    end = written(lived, tmp_path).partition("* end of the journal\n")[2]
    assert "  member:3:points:available:2027-05-31  0 points = 11 points\n" in end
    standing = lived.points("member:3")
    lots = re.findall(r"^  member:3:points:available:\S+  0 points = (\d+) points$", end, re.MULTILINE)
    assert sum(map(int, lots)) == standing.available


def test_a_name_cannot_become_a_line_of_the_journal(vandal: Vandal, tmp_path: Path) -> None:
    vandal.run("UPDATE entry SET subject = :evil WHERE seq = 9", evil='x\n2026-01-01 * forged ; "')
    vandal.run("UPDATE account SET holder = :evil WHERE id = 8", evil="member:1\n  nobody  1 points")
    for form in ("hledger", "beancount"):
        assert not re.search(r"^2026-01-01|^  nobody", written(vandal.book, tmp_path, form), re.MULTILINE)


def test_a_failed_export_leaves_what_stood_there(lived: Book, tmp_path: Path) -> None:
    file = tmp_path / "book.journal"
    file.write_text("older\n", encoding="utf-8")

    def stop(_entries: int) -> None:
        raise KeyboardInterrupt

    with lived.read() as session, pytest.raises(KeyboardInterrupt):
        plaintext.export(session, 1, file, "hledger", stop)
    assert file.read_text(encoding="utf-8") == "older\n"
    assert [path.name for path in tmp_path.glob(".timebank-*")] == []
    with lived.read() as session, pytest.raises(Unwritable) as caught:
        plaintext.export(session, 1, tmp_path / "missing" / "book.journal", "hledger")
    assert caught.value.code == "unwritable"


def test_the_command_tells_what_it_wrote(office: Cli, tmp_path: Path) -> None:
    file = tmp_path / "book.beancount"
    told = office("db", "export", "--to", str(file), "--format", "beancount", "--json").json
    root = office("audit", "I5", "--json").json["root"]
    assert (told["file"], told["format"], told["root"]) == (str(file), "beancount", root)
    assert f"{told['entries']} entries, root {root}" in file.read_text(encoding="utf-8")
    assert "张三" not in file.read_text(encoding="utf-8")
