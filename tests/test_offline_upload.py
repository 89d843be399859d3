"""The offline file's way through the counter: downloaded, registered, uploaded, pasted, brought in and decided by clerks."""

import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from counter import Browserless, Served, a_counter  # noqa: F401 - a fixture
from offline_phone import CODE, OfflinePhone
from timebank import acceptance_text
from timebank.base.db import moment
from timebank.people.devices import Device
from timebank.web import offline_file
from timebank.web.offline_file import UPLOAD

NOON = moment("2026-10-20T04:00:00Z")
_SHOP = re.compile(r'<script type="application/json" id="shop">(.*?)</script>', re.DOTALL)


def shop_in(page: str) -> dict[str, Any]:
    """What a file's script reads."""
    found = _SHOP.search(page)
    assert found is not None
    told: dict[str, Any] = json.loads(found[1])
    return told


def sent(served: Served, text: str, *, method: str = "POST", origin: str | None = "null") -> tuple[int, dict[str, str], Any]:
    """What the upload address says to a text."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request(method, UPLOAD, text.encode(), {"Origin": origin} if origin else {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return response.status, headers, json.loads(body) if body else None


def entries(served: Served) -> int:
    return int(served.cli.rows("SELECT count(*) FROM entry")[0][0])


def token_of(voucher: dict[str, Any]) -> str:
    return str(voucher["qr"]).rpartition("/")[2]


def ready(served: Served, phone: Browserless) -> OfflinePhone:
    """An enrolled phone's offline page with its key registered."""
    served.voucher()  # with the first one the office makes its key
    told = shop_in(phone.get("/offline.html").text)
    made = OfflinePhone(Device(id=told["device"]))
    status, _, answer = sent(served, made.registers(moment(told["made"]), told["secret"]))
    assert (status, answer["registered"]) == (200, True)
    return made


def test_an_enrolled_phone_downloads_its_file_and_nothing_is_written(counter: Served) -> None:
    phone = counter.phone()
    counter.voucher()
    before = entries(counter)
    answer = phone.get("/offline.html")
    assert answer.headers["content-disposition"] == 'attachment; filename="timebank-S001-D001.html"'
    assert len(answer.text.encode()) < offline_file.BYTES_MAX
    told = shop_in(answer.text)
    assert (told["community"], told["number"], told["device"]) == (CODE, "S001", 1)
    assert told["upload"] == f"{counter.url}{UPLOAD}"
    assert [offer["id"] for offer in told["offers"]] == [1, 3, 4]
    assert f"connect-src {counter.url}{UPLOAD};" in answer.text
    assert entries(counter) == before


def test_a_phone_that_is_not_enrolled_gets_no_file(counter: Served) -> None:
    stranger = Browserless(counter.port)
    assert stranger.get("/offline.html").status == 401
    assert stranger.get("/offline").status == 401


def test_a_file_that_could_check_nothing_is_not_given(counter: Served) -> None:
    """No voucher was issued, so no key of the office is known: the phone would call every voucher unknown for a month."""
    answer = counter.phone().get("/offline.html")
    assert answer.status == 409
    assert "no key yet" in answer.told


def test_an_upload_from_a_file_is_captured_and_its_repeat_is_answered_alike(counter: Served) -> None:
    phone = ready(counter, counter.phone())
    line = phone.accepts(1, token_of(counter.voucher()), NOON)
    first = sent(counter, line)
    assert first[1]["access-control-allow-origin"] == "null"
    assert "access-control-allow-credentials" not in first[1]
    ((answer),) = first[2]["answers"]
    assert (answer["outcome"], answer["n"], answer["off_fen"]) == ("captured", 1, 1_000)
    before = entries(counter)
    assert sent(counter, line)[2] == first[2]
    assert sent(counter, f"{line}\n{line}")[2]["answers"] == [answer, answer]
    assert entries(counter) == before
    assert counter.cli("audit", "--json").json["ok"]


def test_only_a_file_may_read_the_answer(counter: Served) -> None:
    for origin, allowed in (("null", "null"), ("https://elsewhere.example", None), (None, None)):
        status, headers, _ = sent(counter, "", method="OPTIONS", origin=origin)
        assert (status, headers.get("access-control-allow-origin")) == (204, allowed)
        assert sent(counter, "hello", origin=origin)[1].get("access-control-allow-origin") == allowed


def test_what_no_registered_phone_signed_is_refused_and_writes_nothing(counter: Served) -> None:
    phone = ready(counter, counter.phone())
    token = token_of(counter.voucher())
    before = entries(counter)
    strange = OfflinePhone(phone.device, bytes(32))
    for text, status, code in (
        (strange.accepts(1, token, NOON), 401, "unknown_device"),
        (phone.accepts(1, token, NOON, community="elsewhere"), 401, "unknown_device"),
        (phone.accepts(1, token, NOON, device=99), 401, "unknown_device"),
        (strange.registers(NOON, "A" * 32), 401, "unknown_device"),
        ("hello", 422, "no_acceptances"),
        ("x" * (acceptance_text.TEXT_MAX + 1), 422, "too_many_acceptances"),
        (phone.accepts(0, token, NOON), 422, "bad_acceptance"),
    ):
        found, _, told = sent(counter, text)
        assert (found, told["code"]) == (status, code)
    assert entries(counter) == before


def test_a_line_that_was_cut_off_takes_no_other_with_it(counter: Served) -> None:
    phone = ready(counter, counter.phone())
    text = f"{phone.accepts(0, 'x', NOON)}\n{phone.accepts(1, token_of(counter.voucher()), NOON)}"
    assert [answer["outcome"] for answer in sent(counter, text)[2]["answers"]] == ["refused", "captured"]


def test_a_revoked_phone_is_refused(counter: Served) -> None:
    phone = ready(counter, counter.phone())
    token = token_of(counter.voucher())
    counter.cli("device", "revoke", "D001")
    status, _, told = sent(counter, phone.accepts(1, token, NOON))
    assert (status, told["code"]) == (401, "device_revoked")


def test_another_key_for_the_same_phone_is_refused(counter: Served) -> None:
    enrolled = counter.phone()
    counter.voucher()
    told = shop_in(enrolled.get("/offline.html").text)
    phone = ready(counter, enrolled)
    other = OfflinePhone(phone.device, bytes(32))
    status, _, answer = sent(counter, other.registers(moment(told["made"]), told["secret"]))
    assert (status, answer["code"]) == (409, "key_registered")
    assert shop_in(enrolled.get("/offline.html").text)["secret"] == ""


def test_an_upload_after_the_counter_took_the_voucher_is_looked_at(counter: Served) -> None:
    enrolled = counter.phone()
    phone = ready(counter, enrolled)
    voucher = counter.voucher()
    counter.cli("voucher", "capture", voucher["code"], "--merchant", "S001", "--bill", "50")
    _, _, told = sent(counter, phone.accepts(1, token_of(voucher), NOON))
    assert told["answers"] == [{"device": 1, "n": 1, "outcome": "review", "code": "already_captured"}]
    assert "D001-1" in counter.cli("inbox").out


def test_a_counter_and_an_upload_that_race_for_vouchers_capture_each_once(counter: Served) -> None:
    """Whoever comes second: the upload waits for two people's decision, the counter is told that it was used."""
    till = counter.phone()
    phone = ready(counter, till)
    issued = [counter.voucher(points=50) for _ in range(6)]
    forms = [till.post("/check", till.get("/").hidden | {"code": one["code"]}).hidden | {"bill": "86"} for one in issued]
    quotes = [till.post("/quote", form).hidden for form in forms]
    lines = [phone.accepts(n, token_of(one), NOON) for n, one in enumerate(issued, 1)]
    with ThreadPoolExecutor(4) as pool:
        shown = [pool.submit(till.post, "/capture", quote) for quote in quotes]
        answers = [pool.submit(sent, counter, line) for line in lines]
    online = [page.result().status == 200 for page in shown]
    uploaded = [answer.result()[2]["answers"][0]["outcome"] for answer in answers]
    assert [outcome == "review" for outcome in uploaded] == online
    assert counter.cli.rows("SELECT count(*) FROM resolution WHERE outcome = 'captured'") == [(6,)]
    assert counter.cli("audit", "--json").json["ok"]


def test_a_text_is_brought_in_on_the_counters_page(counter: Served) -> None:
    enrolled = counter.phone()
    phone = ready(counter, enrolled)
    form = enrolled.get("/offline").hidden
    lines = "\n".join(phone.accepts(n, token_of(counter.voucher()), NOON) for n in (1, 2))
    done = enrolled.post(f"{UPLOAD}/text", form | {"lines": lines})
    assert done.status == 200
    assert "D001-1: 10.00 yuan off; redeemed" in done.told
    assert "D001-2: 10.00 yuan off; redeemed" in done.told
    assert Browserless(counter.port).post(f"{UPLOAD}/text", form | {"lines": lines}).status == 401
    assert enrolled.post(f"{UPLOAD}/text", {"lines": lines}).status == 403


def test_a_clerk_writes_a_file_for_a_phone_and_brings_in_what_it_copied(counter: Served, tmp_path: Path) -> None:
    made, text = tmp_path / "shop.html", tmp_path / "accepted.txt"
    options = ("--to", str(made), "--counter", "https://jianshe.example.cn")
    number = counter.cli("device", "offline-file", "S001", *options, "--json").json["device"]
    told = shop_in(made.read_text(encoding="utf-8"))
    assert told["upload"] == f"https://jianshe.example.cn{UPLOAD}"
    phone = OfflinePhone(Device(id=told["device"]))
    sent(counter, phone.registers(moment(told["made"]), told["secret"]))
    text.write_text(phone.accepts(1, token_of(counter.voucher()), NOON), encoding="utf-8")
    answers = counter.cli("voucher", "upload", str(text), "--json").json["answers"]
    assert [(answer["outcome"], answer["off_fen"]) for answer in answers] == [("captured", 1_000)]
    assert counter.cli("device", "offline-file", "S001", *options, status=5).out == ""
    fresh = ("--to", str(tmp_path / "fresh.html"), *options[2:])
    assert counter.cli("device", "offline-file", "S001", "--device", number, *fresh, "--json").json["device"] == number
    counter.cli("device", "offline-file", "S002", "--device", number, "--to", str(tmp_path / "x"), *options[2:], status=7)
    counter.cli("device", "offline-file", "S001", "--to", str(tmp_path / "x"), status=8)


def test_a_review_is_asked_for_by_one_and_decided_by_another(counter: Served, tmp_path: Path) -> None:
    phone = ready(counter, counter.phone())
    voucher = counter.voucher()
    counter.cli("voucher", "void", voucher["voucher"])
    sent(counter, phone.accepts(1, token_of(voucher), NOON))
    counter.cli("voucher", "review", "d1-1", "honour", "--why", "the shop could not know")
    shown = counter.cli("inbox", "--as", "W0002").out
    assert "to be honoured by the fund" in shown
    counter.cli("approve", "1", "--as", "W0002")
    ((result, fen),) = counter.cli.rows("SELECT result, fen FROM acceptance_end")
    assert (result, fen) == ("honoured", 1_000)
    counter.cli("voucher", "review", "D001-1", "refuse", "--why", "twice", "--approver", "W0002", status=3)
    assert counter.cli("audit", "--json").json["ok"]


@pytest.mark.parametrize("kind", ["token", "secret"])
def test_the_log_and_the_database_hold_no(counter: Served, kind: str) -> None:
    phone = counter.phone()
    counter.voucher()
    secret = shop_in(phone.get("/offline.html").text)["secret"]
    token = token_of(counter.voucher())
    sent(counter, ready(counter, phone).accepts(1, token, NOON))
    assert {"token": token, "secret": secret}[kind].encode() not in counter.cli.stored()
