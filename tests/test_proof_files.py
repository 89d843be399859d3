"""A proof in a file: made from a book, checked without it, and refused for every way in which it can be wrong."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from conftest import Book, Cli
from timebank import evidence, reading
from timebank.base import db, keys, schema
from timebank.base.errors import Invalid, NotFound, Refused, Rewritten, Tampered, TimebankError
from timebank.notes import Head, Vkey, digits, key_of, read_head, sign, signed_head, vkey
from timebank.proof_files import FILE_BYTES_MAX, Proof, Since, head_in, read, verify, write
from timebank.proofs import consistency, inclusion
from timebank.transparency import canonical, leaf_hash, tree_root

SEED = bytes(range(32))
ORIGIN = "520201-jianshe/1"
KEY = key_of(ORIGIN, keys.public(SEED))
PAYLOADS = [canonical({"log": ORIGIN, "seq": seq, "kind": "hours", "nonce": f"{seq:032x}"}).decode() for seq in range(21)]
LEAVES = [leaf_hash(payload.encode()) for payload in PAYLOADS]


def head(size: int, origin: str = ORIGIN) -> Head:
    return Head(origin, size, tree_root(LEAVES[:size]))


def proof(index: int = 4, size: int = 21, since: int | None = None) -> Proof:
    link = None if since is None else Since(since, tuple(consistency(LEAVES, since, size)))
    path = tuple(inclusion(LEAVES, index, size))
    return Proof(PAYLOADS[index], index, size, path, signed_head(head(size), SEED), link)


GOOD = proof(since=9)


def refused(work: Callable[[], object], family: type[TimebankError], *codes: str) -> None:
    with pytest.raises(family) as caught:
        work()
    assert caught.value.code in codes
    assert caught.value.hint is not None


def checked(told: Proof, older: Head | None = None, key: Vkey = KEY) -> Callable[[], object]:
    """What a reader does: read the bytes, check what they say."""
    return lambda: verify(read(write(told)), key, older)


def resigned(told: Proof, size: int, root: bytes, origin: str = ORIGIN) -> Proof:
    """A proof under another head that the log signed too."""
    return replace(told, size=size, note=signed_head(Head(origin, size, root), SEED))


def test_a_proof_written_is_the_proof_read_and_it_holds() -> None:
    for told in (GOOD, proof(), proof(0, 1), proof(20, 21, 20), proof(7, 8, 1)):
        assert read(write(told)) == told
        done = verify(told, KEY)
        assert done.head == head(told.size)
        assert done.entry == json.loads(told.payload)
    assert verify(GOOD, KEY, head(9)).older == head(9)


def test_every_entry_is_proved_against_every_older_head() -> None:
    for size in range(1, len(LEAVES) + 1):
        for older in range(size + 1):
            verify(proof(size - 1, size, older or None), KEY, head(older))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(GOOD, index=3),
        replace(GOOD, index=5),
        replace(GOOD, index=21),
        replace(GOOD, index=2**62),
        replace(GOOD, size=20),
        replace(GOOD, size=22),
        replace(GOOD, size=0),
        replace(GOOD, path=GOOD.path[1:]),
        replace(GOOD, path=GOOD.path[:-1]),
        replace(GOOD, path=()),
        replace(GOOD, path=(*GOOD.path, bytes(32))),
        replace(GOOD, path=(GOOD.path[1], GOOD.path[0], *GOOD.path[2:])),
        replace(GOOD, path=(bytes(32), *GOOD.path[1:])),
        replace(GOOD, payload=PAYLOADS[5]),
        replace(GOOD, payload=GOOD.payload.replace("hours", "Hours")),
        replace(GOOD, payload=GOOD.payload + " "),
        replace(GOOD, payload=""),
        resigned(GOOD, 20, head(20).root),
        resigned(GOOD, 21, head(20).root),
        resigned(GOOD, 2**62, head(21).root),
    ],
)
def test_a_proof_with_anything_changed_is_tampering(wrong: Proof) -> None:
    refused(checked(wrong), Tampered, "not_included")


def test_a_head_of_another_size_does_not_help_a_forger_although_the_path_still_fits() -> None:
    """The path of entry 0 is the same in logs of 3 and 4 entries; the size is held by the signature alone."""
    told = proof(0, 4)
    refused(checked(replace(told, size=3)), Tampered, "not_included")
    refused(checked(replace(told, size=3, note=told.note.replace("\n4\n", "\n3\n"))), Tampered, "bad_note")


@pytest.mark.parametrize(
    "wrong",
    [
        replace(GOOD, note=signed_head(head(21), bytes(32))),
        replace(GOOD, note=signed_head(head(21, "other/1"), SEED)),
        replace(GOOD, note=GOOD.note.replace("\n21\n", "\n22\n")),
        replace(GOOD, note=GOOD.note.replace("\n21\n", "\n021\n")),
        replace(GOOD, note=GOOD.note.replace("\n", "\r\n")),
        replace(GOOD, note=""),
        replace(GOOD, note=sign("a text\n", ORIGIN, SEED)),
    ],
)
def test_a_proof_with_a_bad_note_is_refused(wrong: Proof) -> None:
    refused(checked(wrong), TimebankError, "bad_note")


@pytest.mark.parametrize(
    "payload",
    [
        canonical({"log": ORIGIN, "seq": 1}),
        canonical({"log": ORIGIN, "seq": "0"}),
        canonical({"log": ORIGIN, "seq": False}),
        canonical({"log": ORIGIN}),
        canonical({"seq": 0}),
        canonical({"log": "520201-jianshe/2", "seq": 0}),
        canonical({"log": "520201-jianshe/01", "seq": 0}),
        canonical({"log": "other/1", "seq": 0}),
        canonical({"log": 1, "seq": 0}),
        b'{"log":"520201-jianshe/1", "seq":0}',
        b'{"log":"520201-jianshe/1","seq":0,"seq":0}',
        b"not JSON",
        b"[]",
    ],
)
def test_what_is_no_entry_of_that_number_is_refused_even_where_the_log_holds_and_signed_it(payload: bytes) -> None:
    note = signed_head(Head(ORIGIN, 1, leaf_hash(payload)), SEED)
    refused(checked(Proof(payload.decode(), 0, 1, (), note)), Tampered, "misplaced")


def test_a_proof_of_a_later_incarnation_covers_entries_and_heads_of_earlier_ones() -> None:
    second = "520201-jianshe/2"
    key = key_of(second, keys.public(SEED))
    told = resigned(GOOD, 21, head(21).root, second)
    assert verify(told, key, head_in(signed_head(head(9), SEED).encode(), key)).older == head(9)
    refused(lambda: head_in(signed_head(head(9), bytes(32)).encode(), key), Tampered, "bad_note")
    refused(lambda: head_in(signed_head(head(9, "520201-jianshe/3"), SEED).encode(), key), Refused, "later_log")
    refused(lambda: head_in(signed_head(head(9, "520201-jianshe/3"), bytes(32)).encode(), key), Tampered, "bad_note")
    refused(lambda: head_in(signed_head(head(9, "520203-jianshe/1"), SEED).encode(), key), Tampered, "bad_note")
    refused(checked(told, replace(head(9), root=bytes(32)), key), Rewritten, "no_prefix")
    plain = key_of("example.com/log", keys.public(SEED))
    refused(lambda: head_in(signed_head(head(9), SEED).encode(), plain), Tampered, "bad_note")


def test_a_key_of_another_incarnation_accuses_nobody_and_is_told_the_name_it_has_there() -> None:
    second = "520201-jianshe/2"
    for origin, of_reader, code in ((ORIGIN, second, "earlier_log"), (second, ORIGIN, "later_log")):
        told, key = resigned(GOOD, 21, head(21).root, origin), key_of(of_reader, keys.public(SEED))
        with pytest.raises(Refused) as caught:
            verify(told, key)
        assert caught.value.code == code
        assert vkey(origin, key.public) in str(caught.value.hint)
        forged = replace(told, note=signed_head(head(21, origin), bytes(32)))
        refused(checked(forged, key=key), Tampered, "bad_note")


@pytest.mark.parametrize(
    ("told", "older"),
    [
        (GOOD, replace(head(9), root=head(8).root)),
        (GOOD, replace(head(21), root=head(20).root)),
        (GOOD, Head(ORIGIN, 0, bytes(32))),
        (replace(GOOD, since=Since(9, ())), head(9)),
        (replace(GOOD, since=Since(9, tuple(consistency(LEAVES, 8, 21)))), head(9)),
        (replace(GOOD, since=Since(9, (*GOOD.since.path, bytes(32)))), head(9)),  # type: ignore[union-attr]
        (replace(GOOD, since=Since(8, GOOD.since.path)), head(8)),  # type: ignore[union-attr]
    ],
)
def test_an_older_head_that_is_no_prefix_is_a_rewritten_log(told: Proof, older: Head) -> None:
    refused(checked(told, older), Rewritten, "no_prefix")


def test_a_proof_that_cannot_answer_about_an_older_head_says_so_and_accuses_nobody() -> None:
    refused(checked(GOOD, head(8)), Refused, "no_since")
    refused(checked(proof(), head(9)), Refused, "no_since")
    refused(checked(proof(0, 5), head(9)), Refused, "proof_too_old")


def test_an_older_head_is_read_from_a_note_or_from_an_older_proof() -> None:
    note = signed_head(head(9), SEED)
    assert head_in(note.encode(), KEY) == head_in(write(proof(2, 9)), KEY) == head(9)
    for data in (b"", b"{}", b"{", note.encode("utf-16"), note.replace("\n", "\r\n").encode(), b"\xff\n", b"\n"):
        refused(lambda data=data: head_in(data, KEY), Invalid, "bad_note", "bad_proof")  # type: ignore[misc]


def changed(**fields: Any) -> bytes:
    told = json.loads(write(GOOD)) | fields
    return json.dumps({name: value for name, value in told.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"PK\x03\x04",
        b"\xff\xfe",
        b"\xef\xbb\xbf" + write(GOOD),
        write(GOOD).decode().encode("utf-16"),
        write(GOOD)[:-3],
        write(GOOD) + write(GOOD),
        write(GOOD).replace(b'"v"', b'"v": 1, "v"', 1),
        b"[" * 100_000,
        b'{"v":' * 100_000,
        write(GOOD) + b" " * FILE_BYTES_MAX,
        b'{"v": 1' + b"0" * 5_000 + b"}",
        changed(v=2),
        changed(v=True),
        changed(v="1"),
        changed(v=1.0),
        changed(proves="statement"),
        changed(proves=["entry"]),
        changed(more=1),
        *(changed(**{name: ...}) for name in ("v", "proves", "payload", "index", "size", "path", "note")),
        changed(index=-1),
        changed(index=True),
        changed(index="4"),
        changed(index=4.0),
        changed(index=None),
        changed(index=2**63),
        changed(size=-1),
        changed(size=[]),
        changed(size=10**400),
        changed(path={}),
        changed(path="ab"),
        changed(path=[1]),
        changed(path=[None]),
        changed(path=[[]]),
        changed(path=["ab"]),
        changed(path=["AB" * 32]),
        changed(path=["ab" * 31 + "a\n"]),
        changed(path=["ab" * 33]),
        changed(path=["٣" * 64]),
        changed(path=["ab" * 32] * 100),
        changed(payload=1),
        changed(payload="\ud800"),
        changed(payload=None),
        changed(note=[]),
        changed(note="\udfff"),
        changed(note="x" * 200_000),
        changed(since=None),
        changed(since=[]),
        changed(since={}),
        changed(since={"size": 9}),
        changed(since={"size": 9, "path": [], "more": 1}),
        changed(since={"size": -9, "path": []}),
        changed(since={"size": 9, "path": ["ab"]}),
    ],
    ids=lambda data: repr(data[:40]),
)
def test_a_hostile_file_is_no_proof_and_costs_little_to_refuse(data: bytes) -> None:
    refused(lambda: read(data), Invalid, "bad_proof")


@given(st.data())
@settings(max_examples=200)
def test_a_file_with_any_byte_changed_is_refused_or_says_the_same(data: st.DataObject) -> None:
    good = write(GOOD)
    place = data.draw(st.integers(0, len(good) - 1))
    wrong = good[:place] + bytes([data.draw(st.integers(0, 255))]) + good[place + 1 :]
    try:
        told = read(wrong)
        done = verify(told, KEY, head(9))
    except TimebankError as error:
        assert error.code in ("bad_proof", "bad_note", "not_included", "misplaced", "no_prefix", "no_since")  # noqa: PT017
    else:
        assert (told, done.head) == (GOOD, head(21))  # another space between two values


# --- made from a book ---


def note_of(book: Book, size: int | None = None) -> str:
    with book.read() as session:
        leaves = [bytes(leaf) for leaf in reading.leaves(session, 1, size or 2**60)]
    return signed_head(Head(ORIGIN, len(leaves), tree_root(leaves)), SEED)


def test_every_entry_of_a_book_is_proved_since_any_older_head(book: Book) -> None:
    book.join("M0001", "M0002", "M0003")
    with book.read() as session:
        note = note_of(book)
        size = read_head(note, KEY).size
        for older in (1, 2, size - 1, size):
            since = read_head(note_of(book, older), KEY)
            for seq in range(size):
                made = evidence.prove(session, 1, seq, note, KEY, since)
                done = verify(read(write(made)), KEY, since)
                assert done.entry["seq"] == seq


def test_a_book_proves_only_what_it_holds_under_a_head_it_has_reached(book: Book) -> None:
    early = note_of(book)
    size = read_head(early, KEY).size
    book.join("M0001")
    late = note_of(book)
    with book.read() as session:
        refused(lambda: evidence.prove(session, 1, 99, late, KEY), NotFound, "no_entry")
        refused(lambda: evidence.prove(session, 1, size, early, KEY), Refused, "not_signed_yet")
        refused(lambda: evidence.prove(session, 1, 0, early, KEY, read_head(late, KEY)), Refused, "proof_too_old")
        other = replace(read_head(early, KEY), root=bytes(32))
        refused(lambda: evidence.prove(session, 1, 0, late, KEY, other), Rewritten, "no_prefix")
        wrong = signed_head(Head(ORIGIN, size, bytes(32)), SEED)
        refused(lambda: evidence.prove(session, 1, 0, wrong, KEY), Tampered, "not_included")
        ahead = signed_head(Head(ORIGIN, size + 9, bytes(32)), SEED)
        refused(lambda: evidence.prove(session, 1, 0, ahead, KEY), Tampered, "leaves_missing")


# --- at the command line, without any database ---


@pytest.fixture(name="files")
def some_files(tmp_path: Path) -> Path:
    (tmp_path / "good.json").write_bytes(write(GOOD))
    (tmp_path / "old.json").write_bytes(write(proof(2, 9)))
    (tmp_path / "old.note").write_text(signed_head(head(9), SEED), encoding="utf-8", newline="\n")
    (tmp_path / "forged.json").write_bytes(write(replace(GOOD, index=3)))
    (tmp_path / "torn.json").write_bytes(write(replace(GOOD, since=Since(9, ()))))
    (tmp_path / "note.json").write_bytes(write(replace(GOOD, note=signed_head(head(21), bytes(32)))))
    (tmp_path / "broken.json").write_bytes(b"{")
    return tmp_path


VKEY = vkey(ORIGIN, keys.public(SEED))


def test_a_resident_checks_a_proof_where_no_database_is(cli: Cli, files: Path) -> None:
    told = cli("verify", str(files / "good.json"), "--key", VKEY, "--json").json
    assert told["digits"] == digits(head(21).root)
    assert (told["log"], told["size"], told["root"], told["previous"]) == (ORIGIN, 21, head(21).root.hex(), None)
    assert told["entry"] == json.loads(PAYLOADS[4])
    for older in ("old.json", "old.note", "good.json"):
        told = cli("verify", str(files / "good.json"), "--key", f" {VKEY}\n", "--previous", str(files / older), "--json").json
        assert told["previous"] == (21 if older == "good.json" else 9)
    assert not list(files.glob("book.db*"))


def test_checking_loads_nothing_of_the_book() -> None:
    """So it starts at once, and cannot read a database by mistake."""
    script = "import sys, timebank.commands.verify; print({'sqlmodel', 'sqlalchemy', 'sqlite3', 'alembic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_ten_groups_stand_on_the_screen(cli: Cli, files: Path, lang: str) -> None:
    shown = cli("verify", str(files / "good.json"), "--key", VKEY, "--lang", lang)
    assert digits(head(21).root) in shown.out
    assert "E000004" in shown.out


@pytest.mark.parametrize(
    ("file", "previous", "code", "status"),
    [
        ("forged.json", None, "not_included", 20),
        ("note.json", None, "bad_note", 20),
        ("torn.json", "old.note", "no_prefix", 22),
        ("old.json", "good.json", "proof_too_old", 3),
        ("broken.json", None, "bad_proof", 8),
        ("old.note", None, "bad_proof", 8),
        ("missing.json", None, "unreadable", 8),
        (".", None, "unreadable", 8),
        ("good.json", "missing.json", "unreadable", 8),
        ("good.json", "broken.json", "bad_proof", 8),
    ],
)
def test_each_refusal_has_its_exit_status(
    cli: Cli, files: Path, file: str, previous: str | None, code: str, status: int
) -> None:
    more = ["--previous", str(files / previous)] if previous else []
    told = cli("verify", str(files / file), "--key", VKEY, *more, "--json", status=status).json
    assert told["error"]["code"] == code
    assert told["error"]["hint"]


def test_what_an_office_writes_a_resident_checks_elsewhere(office: Cli, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    key = office("checkpoint", "proof", "E0", "--to", str(old), "--json").json["key"]
    office("hours", "record", "M0001", "--date", "2026-10-10", "--minutes", "60")
    entry = office("checkpoint", "show", "--json").json["size"] - 1
    made = office("checkpoint", "proof", f"E{entry}", "--since", str(old), "--to", str(new), "--json").json
    assert (made["entry"], made["key"]) == (entry, key)
    elsewhere = replace(office, url="sqlite:////nowhere/book.db")
    told = elsewhere("verify", str(new), "--key", key, "--previous", str(old), "--json").json
    assert (told["digits"], told["entry"]["kind"]) == (made["digits"], "hours")
    assert told["size"] == entry + 1 > told["previous"]
    for name in ("张三", "M0001"):
        assert name not in new.read_text(encoding="utf-8")


@pytest.mark.sqlite
def test_a_second_book_under_the_same_key_is_found_by_anyone_with_an_older_proof(cli: Cli, tmp_path: Path) -> None:
    """The office itself starts its history anew, every hash and signature right: its own tools and any reader see it."""
    other = replace(cli, url=f"sqlite:///{tmp_path / 'other.db'}")
    (tmp_path / "other.db.keys").write_bytes(b'{"pepper":"%s","version":1}' % (b"07" * 32))
    (tmp_path / "book.db.keys").write_bytes(b'{"pepper":"%s","version":1}' % (b"07" * 32))
    old, new, longer = (str(tmp_path / name) for name in ("old.json", "new.json", "longer.json"))
    for book in (cli, other):
        book("init", "--community", "520201-jianshe", "--name", "建设中路社区")
    key = cli("checkpoint", "proof", "E0", "--to", old, "--json").json["key"]
    assert other("checkpoint", "proof", "E0", "--to", new, "--json").json["key"] == key
    other("member", "add", "李秀英", "--joined", "2026-10-08")
    other("checkpoint", "proof", "E0", "--to", longer)
    told = other("checkpoint", "proof", "E0", "--since", old, "--to", str(tmp_path / "none"), "--json", status=22).json
    assert told["error"]["code"] == "no_prefix"
    assert not (tmp_path / "none").exists()
    for alone in (old, new, longer):
        cli("verify", alone, "--key", key)
    assert cli("verify", new, "--key", key, "--previous", old, "--json", status=22).json["error"]["code"] == "no_prefix"
    assert cli("verify", longer, "--key", key, "--previous", old, "--json", status=3).json["error"]["code"] == "no_since"


def test_an_office_gives_no_proof_of_what_it_has_not_or_has_changed(office: Cli, tmp_path: Path) -> None:
    to = str(tmp_path / "to.json")
    told = office("checkpoint", "proof", "E9999", "--to", to, "--json", status=7).json
    assert told["error"]["code"] == "no_entry"
    engine = db.open_engine(office.url)
    with engine.begin() as connection:
        for statement in schema.guards().remove(engine.dialect.name):
            connection.execute(text(statement))
        connection.execute(text("UPDATE entry SET payload = replace(payload, 'member.join', 'member.came') WHERE seq = 3"))
    engine.dispose()
    office("checkpoint", "proof", "E0", "--to", to)
    told = office("checkpoint", "proof", "E3", "--to", to, "--json", status=20).json
    assert told["error"]["code"] == "not_included"
    assert read(Path(to).read_bytes()).index == 0


def test_a_key_of_another_log_verifies_nothing(cli: Cli, files: Path) -> None:
    for key, code, status in (
        (vkey(ORIGIN, keys.public(bytes(32))), "bad_note", 20),
        (vkey("other/1", keys.public(SEED)), "bad_note", 20),
        (VKEY[:-1], "bad_vkey", 8),
        ("", "bad_vkey", 8),
    ):
        told = cli("verify", str(files / "good.json"), "--key", key, "--json", status=status).json
        assert told["error"]["code"] == code


@given(
    fields=st.dictionaries(
        st.sampled_from(["kind", "business_date", "posted_at", "subject", "reverses", "postings"]),
        st.recursive(
            st.booleans() | st.integers(-9, 9) | st.text("ab[/", max_size=4), lambda inner: st.lists(inner, max_size=6)
        ),
    )
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_office_signed_is_shown_and_never_a_bug(cli: Cli, tmp_path: Path, fields: dict[str, Any]) -> None:
    payload = canonical({**fields, "log": ORIGIN, "seq": 0})
    told = Proof(payload.decode(), 0, 1, (), signed_head(Head(ORIGIN, 1, leaf_hash(payload)), SEED))
    (tmp_path / "odd.json").write_bytes(write(told))
    assert cli("verify", str(tmp_path / "odd.json"), "--key", VKEY, "--no-color").out
