"""Shops and their devices at once: each device a process of its own, two servers on one book. A voucher pays once."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from conftest import NOON, Cli
from counter import Browserless
from racer import Request, race
from recount import recount
from till import PLACE, Street, Till, street
from timebank import redemption
from timebank.base import db
from timebank.base.act import Act

VOUCHERS = 100


@pytest.fixture
def shops(office: Cli) -> Iterator[Street]:
    with street(office) as shops:
        yield shops


@pytest.fixture
def elsewhere(shops: Street) -> Iterator[int]:
    """The port of a second server on the same book."""
    with shops.again() as port:
        yield port


def issued(shops: Street, count: int) -> list[str]:
    """Codes of vouchers of ten points each for the first shop, in one transaction."""
    engine, wish, codes = db.open_engine(shops.office.url), redemption.Request("M0001", 1, 10), []
    with db.writing(engine) as session:
        for number in range(count):
            act = Act(1, NOON, 1, None, "none", f"issue-{number}", "", hashlib.sha256(bytes([number])).digest())
            codes.append(redemption.issue(session, act, wish, shops.door.pepper).code or "")
    engine.dispose()
    return codes


def at_till(till: Till, code: str, once: str) -> Request:
    headers = {"Authorization": f"Bearer {till.key}", "Content-Type": "application/json", "Idempotency-Key": once}
    return f"{PLACE}/capture", headers, json.dumps({"code": code, "bill_fen": 8_600})


def at_phone(phone: Browserless, code: str, once: int) -> Request:
    cookies = "; ".join(f"{name}={value}" for name, value in phone.cookies.items())
    headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    form = phone.get("/").hidden["form_token"]
    return "/capture", headers, urlencode({"form_token": form, "code": code, "bill": "86.00", "key": f"{once:032x}"})


def enrolled(shops: Street) -> Browserless:
    """A phone of the first shop."""
    phone = Browserless(shops.port)
    asked = phone.get(shops.office("device", "invite", "S001", "--json").json["link"])
    assert phone.post("/E", asked.hidden).status == 200
    return phone


def captured(shops: Street) -> list[tuple[int, int]]:
    """How many captures there are and what the shop is owed for them, by plain SQL."""
    count = "SELECT count(*), CAST(sum(benefit_fen) AS INTEGER) FROM resolution WHERE outcome = 'captured'"
    owed = "SELECT -balance FROM account WHERE holder = 'merchant:1' AND purpose = 'payable'"
    ((number, off),), ((balance,),) = shops.office.rows(count), shops.office.rows(owed)
    assert off == abs(balance)
    return [(number, off)]


def sound(shops: Street) -> None:
    assert shops.office("audit", "--json").json["findings"] == []
    engine = db.open_engine(shops.office.url)
    recount(engine)
    engine.dispose()


def test_a_hundred_vouchers_at_two_shops_and_four_devices_are_captured_a_hundred_times(shops: Street, elsewhere: int) -> None:
    other = shops.till(shops.shop("李记理发"))
    codes = issued(shops, VOUCHERS)
    tills, phone = [shops.till(), shops.till()], enrolled(shops)
    jobs = [
        (shops.port, [at_till(tills[0], code, f"a-{code}") for code in codes]),
        (elsewhere, [at_till(tills[1], code, f"b-{code}") for code in codes]),
        (elsewhere, [at_phone(phone, code, number) for number, code in enumerate(codes)]),
        (shops.port, [at_till(other, code, f"c-{code}") for code in codes]),
    ]
    first, second, third, stranger = race(jobs)
    assert {status for status, _ in stranger} == {404, 429}
    for answers in zip(first, second, third, strict=True):
        told = Counter(status for status, _ in answers)
        assert told == {409: 2, 200: 1} or told == {409: 2, 303: 1}
    assert captured(shops) == [(VOUCHERS, VOUCHERS * 100)]
    sound(shops)


def test_one_key_a_hundred_times_at_once_counts_once_and_gives_a_hundred_equal_answers(shops: Street, elsewhere: int) -> None:
    till, (code,) = shops.till(), issued(shops, 1)
    requests = [at_till(till, code, "sale-1")] * 25
    answers = Counter(answer for told in race([(port, requests) for port in (shops.port, elsewhere) * 2]) for answer in told)
    assert list(answers.values()) == [100]
    assert {status for status, _ in answers} == {200}
    assert captured(shops) == [(1, 100)]


def test_one_key_for_two_bills_at_once_counts_for_the_first_only(shops: Street, elsewhere: int) -> None:
    till, (code,) = shops.till(), issued(shops, 1)
    path, headers, body = at_till(till, code, "sale-1")
    other = (path, headers, body.replace("8600", "9600"))
    told = race([(shops.port, [(path, headers, body)] * 5), (elsewhere, [other] * 5)])
    assert sorted([status for status, _ in answers] for answers in told) == [[200] * 5, [422] * 5]
    assert captured(shops) == [(1, 100)]


def test_capture_against_void_over_http_has_exactly_one_outcome_each(shops: Street, elsewhere: int) -> None:
    """Row 8: the shop undoes what the other till has just taken, again and again; what stands is what the receipts say."""
    tills, codes = [shops.till(), shops.till()], issued(shops, 10)
    takes = [at_till(tills[0], code, f"take-{code}") for code in codes]
    headers = {**takes[0][1], "Authorization": f"Bearer {tills[1].key}"}
    undo = [
        (f"{PLACE}/void", headers | {"Idempotency-Key": f"undo-{number}-{tried}"}, json.dumps({"voucher": f"V{number}"}))
        for number in range(1, 11)
        for tried in range(3)
    ]
    taken, undone = race([(shops.port, takes), (elsewhere, undo)])
    assert [status for status, _ in taken] == [200] * 10
    per_voucher = [Counter(status for status, _ in undone[place : place + 3])[200] for place in range(0, 30, 3)]
    assert max(per_voucher) <= 1
    (left,) = shops.office.rows(
        "SELECT balance FROM account WHERE holder = 'member:1' AND unit = 'points' AND purpose = 'available'"
    )
    assert left == (5_000 - 100 + 10 * sum(per_voucher),)
    sound(shops)
