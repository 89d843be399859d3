"""The file of keys: made once, for its owner only, never replaced by itself, never in the database."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from conftest import Book
from shopping import add_offer
from timebank import redemption
from timebank.base import keys
from timebank.base.errors import Invalid, NotFound, TimebankError, Unwritable
from timebank.redemption import Request

CHANCE = bytes(range(32))


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
    assert made.pepper == CHANCE
    assert path.stat().st_mode & 0o777 == 0o600
    assert not keys.exposed(path)
    assert json.loads(path.read_text()) == {"pepper": CHANCE.hex(), "version": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["book.db.keys"]


def test_keys_that_are_there_stay(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys.read_or_make(path, CHANCE)
    assert keys.read_or_make(path, bytes(32)) == keys.read(path) == keys.Keys(CHANCE)


def test_of_many_who_make_them_at_once_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda n: keys.read_or_make(path, bytes([n]) * 32), range(16)))
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
        b'{"pepper":"%s","version":2}' % CHANCE.hex().encode(),
        b'{"pepper":"%s"}' % CHANCE.hex().encode(),
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


def test_keys_that_cannot_be_written_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(Unwritable) as refusal:
        keys.read_or_make(tmp_path / "nowhere" / "keys", CHANCE)
    assert refusal.value.code == "unwritable"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_keys_that_others_may_read_are_exposed(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    keys.read_or_make(path, CHANCE)
    path.chmod(mode)
    assert keys.exposed(path)


def test_the_pepper_is_never_shown() -> None:
    assert CHANCE.hex() not in repr(keys.Keys(CHANCE))
    assert repr(CHANCE) not in repr(keys.Keys(CHANCE))


def test_neither_pepper_nor_code_reach_the_database_file(book: Book, tmp_path: Path) -> None:
    url = book.engine.url.render_as_string(hide_password=False)
    if make_url(url).get_backend_name() != "sqlite":
        return  # this looks at the bytes of a file
    book.join("M0001")
    book.shop("S001")
    add_offer(book)
    book.give("member:1", 100)
    pepper = keys.read_or_make(keys.path_of(url), CHANCE).pepper
    with book.write() as session:
        issued = redemption.issue(session, book.act(), Request("M0001", 1, 100), pepper)
    data = Path(make_url(url).database or "").read_bytes()
    assert issued.code is not None
    assert issued.voucher.code_mac in data
    for secret in (pepper, pepper.hex().encode(), issued.code.encode()):
        assert secret not in data
