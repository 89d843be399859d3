"""Row 22: whoever tries codes is locked out, learns nothing, and is told so; whoever types right is let in."""

from datetime import timedelta

import pytest

from conftest import Book
from shopping import PEPPER, add_offer, issue
from timebank import guesses, issuers, redemption
from timebank.base import codes
from timebank.base.errors import TimebankError
from timebank.base.rows import all_with

SEED = bytes(range(32))


@pytest.fixture
def counter(book: Book) -> Book:
    book.join("M0001")
    book.shop("S001", "S002")
    book.give("member:1", 1_000)
    add_offer(book)
    return book


def asked(book: Book, device: int, code: str, merchant: str = "S001") -> str:
    """What a counter does: look whether the device may ask, look the code up, count a failure. '' is a good voucher."""
    try:
        with book.read() as session:
            guesses.check(session, 1, device, book.now)
            redemption.verify(session, 1, code, merchant, PEPPER, book.today)
    except TimebankError as error:
        if error.code in guesses.FAILURES:
            book.command(lambda s, a: guesses.failed(s, a, device), book.act())
        return error.code
    return ""


def wrong(number: int) -> str:
    return codes.make(number.to_bytes(7, "big"))


def fail(book: Book, device: int, times: int) -> list[str]:
    return [asked(book, device, wrong(number)) for number in range(times)]


def failed(book: Book, times: int, community: int = 1) -> None:
    """So many failures now, of as many devices."""
    with book.write() as session:
        for device in range(1_000, 1_000 + times):
            guesses.failed(session, book.act(community=community), device)


def test_five_failures_a_minute_lock_a_device_and_no_other(counter: Book) -> None:
    code = issue(counter).code
    assert code is not None
    assert fail(counter, 7, 6) == ["unknown_code"] * 5 + ["too_many_guesses"]
    assert asked(counter, 7, code) == "too_many_guesses"
    assert asked(counter, 8, code) == ""
    counter.now += timedelta(seconds=59)
    assert asked(counter, 7, code) == "too_many_guesses"
    counter.now += timedelta(seconds=1)
    assert asked(counter, 7, code) == ""


def test_twenty_failures_an_hour_lock_a_device(counter: Book) -> None:
    started = counter.now
    for _ in range(4):
        assert set(fail(counter, 7, 5)) == {"unknown_code"}
        counter.now += timedelta(minutes=2)
    assert asked(counter, 7, wrong(1)) == "too_many_guesses"
    counter.now = started + guesses.AN_HOUR - timedelta(seconds=1)
    assert asked(counter, 7, wrong(1)) == "too_many_guesses"
    counter.now = started + guesses.AN_HOUR
    assert asked(counter, 7, wrong(1)) == "unknown_code"


def test_a_hundred_failures_an_hour_lock_all_devices(counter: Book) -> None:
    failed(counter, 99)
    assert asked(counter, 77, wrong(1)) == "unknown_code"
    assert asked(counter, 77, wrong(1)) == "too_many_guesses"
    counter.now += guesses.AN_HOUR
    assert asked(counter, 77, wrong(1)) == "unknown_code"


def test_ten_thousand_guesses_are_answered_alike_and_open_nothing(counter: Book) -> None:
    """A hundred are looked up in the hour; the others find a door that is shut, and nothing is kept of them."""
    issue(counter)
    told: dict[str, int] = {}
    started = counter.now
    with counter.write() as session:  # as many transactions as a counter has would only measure the disk
        for number in range(10_000):
            counter.now = started + timedelta(seconds=number * 3_600 // 10_000)
            device = number % 30
            try:
                guesses.check(session, 1, device, counter.now)
                redemption.verify(session, 1, wrong(number), "S001", PEPPER, counter.today)
            except TimebankError as error:
                told[error.code] = told.get(error.code, 0) + 1
                if error.code in guesses.FAILURES:
                    guesses.failed(session, counter.act(), device)
    assert told == {"unknown_code": guesses.PER_HOUR_IN_ALL, "too_many_guesses": 10_000 - guesses.PER_HOUR_IN_ALL}


def test_failures_are_those_that_have_one_answer(counter: Book) -> None:
    """Malformed, unknown, another shop's, forged: all count. What is over or used is no guess."""
    issued = issue(counter)
    code = issued.code
    assert code is not None
    made: list[str | None] = []
    counter.command(lambda s, a: made.append(issuers.token_of(s, a, issued.voucher, SEED)), counter.act())
    token = made[0]
    assert token is not None
    tried = [
        asked(counter, 1, "ZZZZ-ZZZZ-ZZZ1"),
        asked(counter, 1, wrong(5)),
        asked(counter, 2, code, "S002"),
        asked(counter, 2, token, "S002"),
        asked(counter, 3, token[:-1]),
        asked(counter, 3, token[:-4] + "AAAA"),
    ]
    assert set(tried) == {"bad_code", "unknown_code", "wrong_merchant", "bad_token"} == guesses.FAILURES
    assert len(rows(counter)) == len(tried)
    assert asked(counter, 1, token) == asked(counter, 1, code) == ""
    counter.command(lambda s, a: redemption.void(s, a, issued.voucher.id), counter.act())
    assert asked(counter, 1, code) == "voided"
    assert len(rows(counter)) == len(tried)


def test_what_is_older_than_an_hour_is_written_over(counter: Book) -> None:
    for _ in range(3):
        failed(counter, 20)
        counter.now += guesses.AN_HOUR
    assert len(rows(counter)) == 20
    fail(counter, 1, 1)
    assert len(rows(counter)) == 20


def test_a_community_is_not_locked_by_anothers_failures(counter: Book) -> None:
    counter.found("520201-other")
    failed(counter, 100, community=2)
    assert asked(counter, 7, wrong(1)) == "unknown_code"


def rows(book: Book) -> list[guesses.Guess]:
    with book.read() as session:
        return all_with(session, guesses.Guess, community_id=1)
