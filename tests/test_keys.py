"""The file of keys: made once, for its owner only, never replaced by itself, never in the database."""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conftest import Book, Cli, stored
from shopping import add_offer
from timebank import redemption
from timebank.base import keys
from timebank.base.errors import Invalid, NotFound, TimebankError, Unwritable
from timebank.redemption import Request

CHANCE = bytes(range(64))
PEPPER, SEED = CHANCE[:32], CHANCE[32:]
OLD = b'{"pepper":"%s","version":1}\n' % PEPPER.hex().encode()
"""A file as the first version made it: it has no seed."""


def refusal_of(path: Path) -> str:
    with pytest.raises(TimebankError) as refusal:
        keys.read(path)
    return refusal.value.code


def test_keys_lie_beside_the_database_file_unless_told() -> None:
    assert keys.path_of("sqlite:////home/office/book.db") == Path("/home/office/book.db.keys")
    assert keys.path_of("sqlite:///book.db?timeout=5") == Path("book.db.keys")
    assert keys.path_of("sqlite:///book.db", "/safe/keys") == Path("/safe/keys")
    assert keys.path_of("postgresql+psycopg://office@db/timebank", "/safe/keys") == Path("/safe/keys")


@pytest.mark.parametrize("url", ["postgresql+psycopg://office@db/timebank", "sqlite://", "sqlite:///:memory:"])
def test_a_database_that_is_no_file_needs_a_configured_place(url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        keys.path_of(url)
    assert refusal.value.code == "no_keys_path"


def test_keys_are_made_on_demand_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "book.db.keys"
    before = os.umask(0)
    try:
        made = keys.read_or_make(path, CHANCE)
    finally:
        os.umask(before)
    assert made == keys.Keys(PEPPER, SEED)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o077 == 0
    assert json.loads(path.read_text()) == {"pepper": PEPPER.hex(), "seed": SEED.hex(), "version": 2}
    assert [found.name for found in tmp_path.iterdir()] == ["book.db.keys"]


def test_keys_that_are_there_stay(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys.read_or_make(path, CHANCE)
    assert keys.read_or_make(path, bytes(64)) == keys.read(path) == keys.Keys(PEPPER, SEED)


def test_of_many_who_make_them_at_once_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda n: keys.read_or_make(path, bytes([n]) * 64), range(16)))
    assert set(made) == {keys.read(path)}
    assert [found.name for found in tmp_path.iterdir()] == ["keys"]


def test_missing_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as missing:
        keys.read(tmp_path / "keys")
    assert missing.value.code == "no_keys"


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{}",
        b'{"pepper":"00","version":1}',
        b'{"pepper":7,"version":1}',
        b'{"pepper":"%s","version":2}' % PEPPER.hex().encode(),
        b'{"pepper":"%s","seed":"00","version":2}' % PEPPER.hex().encode(),
        b'{"pepper":"%s","seed":7,"version":2}' % PEPPER.hex().encode(),
        b'{"pepper":"%s","seed":"%s","version":3}' % (PEPPER.hex().encode(), SEED.hex().encode()),
        b'{"pepper":"%s"}' % PEPPER.hex().encode(),
        b"[" * 60_000,
    ],
)
def test_damaged_keys_are_refused_and_never_replaced(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "keys"
    path.write_bytes(damaged)
    assert refusal_of(path) == "bad_keys"
    with pytest.raises(Invalid):
        keys.read_or_make(path, CHANCE)
    assert path.read_bytes() == damaged


def test_a_folder_in_the_place_of_the_keys_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path) == "bad_keys"


def test_a_disk_that_fails_is_not_taken_for_damaged_keys() -> None:
    """Linux answers reading the first bytes of a process's memory with EIO."""
    with pytest.raises(Unwritable) as refusal:
        keys.read(Path("/proc/self/mem"))
    assert refusal.value.code == "keys_unreadable"


@pytest.fixture
def auditor(office: Cli, tmp_path: Path) -> Iterator[Cli]:
    """An office's files as another user of the computer sees them: all may be read, but not the keys."""
    with TemporaryDirectory() as name:  # not in a folder of pytest's, which are closed to others
        folder = Path(name)
        folder.chmod(0o755)
        for file in tmp_path.glob("book.db*"):
            (folder / file.name).write_bytes(file.read_bytes())
            (folder / file.name).chmod(0o644)
        (folder / "book.db.keys").chmod(0o000 if os.geteuid() else 0o600)
        auditor = Cli(f"sqlite:///{folder / 'book.db'}")
        for command in (("audit",), ("db", "status"), ("member", "add", "张三")):
            office(*command)  # whatever they import may be closed to others too
        user = os.geteuid()
        if not user:
            os.seteuid(_NOBODY)
        try:
            yield auditor
        finally:
            os.seteuid(user)


_NOBODY = 65_534


@pytest.mark.sqlite
def test_who_may_not_read_the_keys_can_audit_and_is_told_what_was_not_checked(auditor: Cli) -> None:
    told = auditor("audit", "--json")
    assert told.json["ok"]
    assert "book.db.keys" in told.err
    assert auditor("db", "status", "--json").json["checkpoints"] == [{"community": "520201-jianshe", "state": "keys_denied"}]
    assert auditor("member", "add", "李四", "--json", status=4).json["error"]["code"] == "keys_denied"


def test_keys_that_cannot_be_written_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(Unwritable) as refusal:
        keys.read_or_make(tmp_path / "nowhere" / "keys", CHANCE)
    assert refusal.value.code == "unwritable"


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o640, True), (0o604, True), (0o660, True)])
def test_the_doctor_tells_of_keys_that_others_may_read(office: Cli, mode: int, told: bool) -> None:
    office.keys.chmod(mode)
    assert any("chmod 600" in warning for warning in office("doctor", "--json").json["warnings"]) == told


def test_a_file_without_a_seed_keeps_its_pepper_its_bytes_and_signs_with_one_key_for_ever(tmp_path: Path) -> None:
    """Nothing is written, so nobody can be first, and a backup of the file made earlier still signs as the same log."""
    path = tmp_path / "keys"
    path.write_bytes(OLD)
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda _: keys.read_or_make(path, os.urandom(64)), range(8)))
    assert set(read) == {keys.read(path)}
    assert path.read_bytes() == OLD
    assert read[0].pepper == PEPPER
    assert keys.public(read[0].seed).hex() == "e7f80f5367712466e3a2d8897c209a9775f50ddbbe528297365373861c7ed855"


def test_a_seed_that_follows_from_a_pepper_is_nothing_the_database_holds(tmp_path: Path) -> None:
    """Codes and fingerprints are HMAC-SHA-256 under the pepper, of texts that others may choose."""
    path = tmp_path / "keys"
    path.write_bytes(OLD)
    seed = keys.read(path).seed
    assert len(seed) == 32
    assert seed != hmac.digest(PEPPER, b"timebank: seed of the log's Ed25519 key", hashlib.sha256)


def test_names_that_a_later_version_adds_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    told = {"pepper": PEPPER.hex(), "seed": SEED.hex(), "version": 2, "retired": ["…"]}
    path.write_text(json.dumps(told), encoding="utf-8")
    assert keys.read(path) == keys.Keys(PEPPER, SEED)
    assert json.loads(path.read_text(encoding="utf-8")) == told


def test_secrets_are_never_shown() -> None:
    shown = repr(keys.Keys(PEPPER, SEED))
    for secret in (PEPPER, SEED):
        assert secret.hex() not in shown
        assert repr(secret) not in shown


def test_neither_pepper_nor_code_reach_the_database(book: Book, tmp_path: Path) -> None:
    url = book.engine.url.render_as_string(hide_password=False)
    book.join("M0001")
    book.shop("S001")
    add_offer(book)
    book.give("member:1", 100)
    made = keys.read_or_make(tmp_path / "keys", CHANCE)
    pepper = made.pepper
    with book.write() as session:
        issued = redemption.issue(session, book.act(), Request("M0001", 1, 100), pepper)
    data = stored(url)
    assert issued.code is not None
    assert issued.voucher.code_mac in data
    for secret in (pepper, pepper.hex().encode(), made.seed, made.seed.hex().encode(), issued.code.encode()):
        assert secret not in data
