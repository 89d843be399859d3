"""Vandals with all rights on the database, through the command line: acceptance rows 16 and 17, on both engines.

A vandal takes the guards down, does his work and puts them back; the wily ones make all hashes, the head and even the
signatures right again, with the real key. What the log of checkpoints or one old paper knows, they cannot undo.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from test_checkpoints import ADD, CODE, file_of, refused

from conftest import Cli
from timebank.base import db, keys, schema
from timebank.notes import Head, signed_head, vkey
from timebank.transparency import Frontier, canonical, leaf_hash

OTHERS = vkey("another/1", keys.public(bytes(32)))
"""The key of another community's log."""
HOURS = ("hours", "record", "M0001", "--minutes", "60", "--date")


@dataclass
class Vandal:
    """Somebody with all rights on the database, and with the file of keys."""

    office: Cli
    connection: Connection
    seed: bytes
    heads: dict[int, bytes] = field(default_factory=dict)

    def run(self, sql: str, **given: object) -> Any:
        return self.connection.execute(text(sql), given)

    def payload(self, seq: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("SELECT payload FROM entry WHERE seq = :seq", seq=seq).scalar_one())
        return found

    def edit(self, entry: int, **fields: object) -> None:
        """Write fields of a payload anew, and its leaf."""
        payload = canonical(self.payload(entry) | fields)
        given = {"payload": payload.decode(), "leaf": leaf_hash(payload), "seq": entry}
        self.run("UPDATE entry SET payload = :payload, leaf = :leaf WHERE seq = :seq", **given)

    def cut(self, first: int) -> None:
        """Take entries away, from one on, with all that hangs on them but the checkpoints."""
        for table in ("entry_text", "posting", "entry"):
            self.run(f"DELETE FROM {table} WHERE seq >= {first}")

    def reseal(self) -> None:
        """Make the head of the log agree with the leaves that are there."""
        log = Frontier(0, [])
        for (leaf,) in self.run("SELECT leaf FROM entry ORDER BY seq"):
            log.append(bytes(leaf))
            self.heads[log.size] = log.root()
        self.run("UPDATE community_state SET size = :size, frontier = :packed", size=log.size, packed=log.pack())

    def sign_anew(self) -> None:
        """Make every checkpoint agree with the leaves that are there, signed with the real key; those beyond go."""
        self.run("DELETE FROM checkpoint WHERE size > :size", size=max(self.heads))
        for (size,) in self.run("SELECT size FROM checkpoint").all():
            note = signed_head(Head(f"{CODE}/1", size, self.heads[size]), self.seed)
            given = {"root": self.heads[size], "note": note, "size": size}
            self.run("UPDATE checkpoint SET root = :root, note = :note WHERE size = :size", **given)


def vandalise(office: Cli, *deeds: Callable[[Vandal], object]) -> None:
    """Let a vandal do deeds, one after the other."""
    engine = db.open_engine(office.url)
    guards, dialect = schema.guards(), engine.dialect.name
    with engine.connect() as connection, connection.begin():
        vandal = Vandal(office, connection, keys.read(office.keys).seed)
        for statement in guards.remove(dialect):
            vandal.connection.exec_driver_sql(statement)
        for deed in deeds:
            deed(vandal)
        for statement in guards.install(dialect):
            vandal.connection.exec_driver_sql(statement.replace("%", "%%") if dialect == "postgresql" else statement)
    engine.dispose()


@pytest.fixture
def lived(office: Cli, tmp_path: Path) -> Cli:
    """An office with some services, and a paper from the time of the first of them."""
    for day in (10, 11, 12, 13):
        office(*HOURS, f"2026-10-{day}")
        office("checkpoint", "show", "--to", str(tmp_path / f"paper-{day}"))
    return office


def size(office: Cli) -> int:
    found: int = office.rows("SELECT size FROM community_state")[0][0]
    return found


def audited(office: Cli, *against: Path) -> int:
    """The exit status of a whole audit."""
    papers = [word for paper in against for word in ("--against", str(paper))]
    return office("audit", *papers, status=None).status


# --- row 16: edits, swaps, a tail cut off ---


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE posting SET amount = amount + 1",
        "UPDATE entry SET payload = '{}'",
        "DELETE FROM entry",
        "UPDATE checkpoint SET root = root",
    ],
)
def test_the_database_refuses_edits_by_itself(lived: Cli, sql: str) -> None:
    before = lived.stored()
    with pytest.raises(Exception, match="append-only"):
        lived.run(sql)
    assert lived.stored() == before
    assert audited(lived) == 0


def test_an_edited_posting_differs_from_its_payload(lived: Cli) -> None:
    last = size(lived) - 1
    vandalise(
        lived, lambda v: v.run(f"UPDATE posting SET amount = amount + 1 WHERE seq = {last} AND unit = 'minutes' AND amount > 0")
    )
    assert audited(lived) == 23


def test_an_edited_payload_with_its_leaf_is_tampering(lived: Cli) -> None:
    vandalise(lived, lambda v: v.edit(size(lived) - 2, nonce="f" * 32))
    assert audited(lived) == 20


def test_swapped_entries_are_tampering(lived: Cli) -> None:
    one, other = size(lived) - 2, size(lived) - 3

    def swap(vandal: Vandal) -> None:
        payloads = {seq: vandal.payload(seq) for seq in (one, other)}
        vandal.edit(one, **payloads[other])
        vandal.edit(other, **payloads[one])

    vandalise(lived, swap)
    assert audited(lived) == 20


def test_an_edit_with_its_head_is_a_rewriting_and_stops_all_writing(lived: Cli) -> None:
    vandalise(lived, lambda v: v.edit(size(lived) - 2, nonce="f" * 32), Vandal.reseal)
    assert audited(lived) == 22
    assert refused(lived, 22) == "rewritten"


def test_a_tail_cut_off_is_found_as_older_than_what_was_published(lived: Cli) -> None:
    vandalise(lived, lambda v: v.cut(size(lived) - 2))
    assert audited(lived) == 21


def test_a_tail_cut_off_with_its_head_stops_all_writing(lived: Cli) -> None:
    vandalise(lived, lambda v: v.cut(size(lived) - 2), Vandal.reseal)
    assert audited(lived) == 21
    assert refused(lived, 21) == "rolled_back"


def test_a_tail_cut_off_with_all_that_tells_of_it_stops_all_writing(lived: Cli) -> None:
    vandalise(lived, lambda v: v.cut(size(lived) - 2), Vandal.reseal, Vandal.sign_anew)
    assert audited(lived) == 21
    assert refused(lived, 21) == "rolled_back"


def test_an_export_repeats_no_head_that_the_log_did_not_sign(lived: Cli, tmp_path: Path) -> None:
    def exported(name: str) -> dict[str, Any]:
        lived("statement", "export", "2026-09", "--to", str(tmp_path / name))
        log: dict[str, Any] = json.loads((tmp_path / name / "manifest.json").read_bytes())["log"]
        return log

    lived("statement", "close", "2026-09", "--approver", "W0002")
    before = exported("before")
    assert before.pop("checkpoint")
    vandalise(
        lived, lambda v: v.run("UPDATE checkpoint SET root = :root WHERE size = :size", root=bytes(32), size=before["size"])
    )
    assert exported("after") == before


# --- row 17: everything written anew; what an older paper knows ---


def rewrite(office: Cli) -> None:
    """Change an early entry, and make everything right again: hashes, head, checkpoints, signatures."""
    vandalise(office, lambda v: v.edit(1, nonce="f" * 32), Vandal.reseal, Vandal.sign_anew)


def test_a_whole_database_written_anew_stops_all_writing(lived: Cli) -> None:
    rewrite(lived)
    assert audited(lived) == 22
    assert refused(lived, 22) == "rewritten"


def test_a_whole_database_written_anew_is_found_by_any_one_older_paper(lived: Cli, tmp_path: Path) -> None:
    """Without the log of checkpoints it is invisible from inside."""
    rewrite(lived)
    file_of(lived).unlink()
    assert audited(lived) == 0
    lived(*ADD)
    assert audited(lived) == 0
    for day in (10, 11, 12, 13):
        assert audited(lived, tmp_path / f"paper-{day}") == 22


def test_papers_of_an_untouched_book_find_nothing(lived: Cli, tmp_path: Path) -> None:
    assert audited(lived, *sorted(tmp_path.glob("paper-*"))) == 0


def test_an_auditor_needs_the_public_half_of_the_key_alone(lived: Cli, tmp_path: Path) -> None:
    paper, key = str(tmp_path / "paper-10"), lived("checkpoint", "key", "--json").json["key"]
    lived.keys.rename(tmp_path / "away")
    assert lived("audit", "--against", paper, "--json", status=7).json["error"]["code"] == "no_keys"
    lived("audit", "--against", paper, "--key", key)
    (tmp_path / "away").rename(lived.keys)
    rewrite(lived)
    lived.keys.unlink()
    found = lived("audit", "--against", paper, "--key", key, "--json", status=22).json["findings"]
    assert {(f["code"], f["where"] == "paper-10") for f in found} == {("rewritten", True), ("rewritten", False)}
    file_of(lived).unlink()
    lived("audit", "--key", key)
    lived("audit", "--against", paper, "--key", key, status=22)


@pytest.mark.parametrize(("key", "code"), [("x", "bad_vkey"), (OTHERS, "other_log")])
def test_an_auditor_is_told_of_a_key_that_is_not_this_log_s(lived: Cli, key: str, code: str) -> None:
    assert lived("audit", "--key", key, "--json", status=8).json["error"]["code"] == code


def test_a_shorter_book_is_found_by_a_newer_paper(lived: Cli, tmp_path: Path) -> None:
    vandalise(lived, lambda v: v.cut(size(lived) - 1), Vandal.reseal, Vandal.sign_anew)
    file_of(lived).unlink()
    assert audited(lived, tmp_path / "paper-12") == audited(lived, tmp_path / "paper-10")
    assert audited(lived, tmp_path / "paper-13") == 21


def elsewhere(office: Cli, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the program itself go on with the book on a computer that has the keys and not the log of checkpoints."""
    with monkeypatch.context() as other:
        other.setenv("TIMEBANK_CHECKPOINTS", str(folder / "elsewhere.log"))
        for number in range(3):
            office(*ADD, "--key", f"elsewhere-{number}")


def test_an_older_book_that_grew_again_stops_all_writing(lived: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    length = size(lived)
    vandalise(lived, lambda v: v.cut(length - 2), Vandal.reseal, Vandal.sign_anew)
    elsewhere(lived, monkeypatch, tmp_path)
    assert size(lived) > length
    assert refused(lived, 22) == "rewritten"
    assert audited(lived) == 22
    assert audited(lived, tmp_path / "paper-10") == 22


def test_a_rewriting_under_true_checkpoints_is_found_by_the_next_command(
    lived: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All old checkpoints stay as they were and one more is made: the entries since the last true one are folded anew."""

    last = size(lived)
    columns = "kind, business_date, posted_at, period, actor, approver, key || 'x', reverses, subject, rules, payload, leaf"
    entry = f"INSERT INTO entry SELECT community_id, seq + 1, {columns} FROM entry WHERE seq = {last - 1}"
    head = f"INSERT INTO checkpoint SELECT community_id, size + 1, :root, made_at, :note FROM checkpoint WHERE size = {last}"

    def grow(vandal: Vandal) -> None:
        vandal.run(entry)
        vandal.reseal()
        root = vandal.heads[last + 1]
        vandal.run(head, root=root, note=signed_head(Head(f"{CODE}/1", last + 1, root), vandal.seed))

    vandalise(lived, lambda v: v.edit(1, nonce="f" * 32), grow)
    assert refused(lived, 22) == "rewritten"
    assert audited(lived) == 22


@pytest.mark.sqlite
def test_an_old_backup_put_back_and_one_that_grew_after_that(
    lived: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    book = tmp_path / "book.db"
    backup = book.read_bytes()
    for _ in range(2):
        lived(*ADD)
    book.write_bytes(backup)
    assert (audited(lived), refused(lived, 21)) == (21, "rolled_back")
    elsewhere(lived, monkeypatch, tmp_path)
    assert (audited(lived), refused(lived, 22)) == (22, "rewritten")
