"""The JSON API of a shop's till, over HTTP: what it answers, to whom, and what it never tells."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Cli, stored
from till import PLACE, Street, Till, street
from timebank.base.codes import make

DOCUMENT = Path(__file__).parent.parent / "docs" / "openapi.json"
STRANGE = "2222-2222-2222"
"""A code whose check is right and that nobody has."""


@pytest.fixture
def shops(office: Cli) -> Iterator[Street]:
    with street(office) as shops:
        yield shops


@pytest.fixture
def till(shops: Street) -> Till:
    return shops.till()


def balance(shops: Street) -> tuple[int, int]:
    """What the first member has, available and held."""
    points = shops.office("points", "balance", "M0001", "--json").json["points"]
    return points["available"], points["held"]


def sound(shops: Street) -> None:
    assert shops.office("audit", "--json").json["findings"] == []


# --- the verbs ---


def test_a_till_sees_what_a_voucher_gives_and_takes_it_once(shops: Street, till: Till) -> None:
    code = shops.voucher()
    good = till.verify(code).json
    assert (good["voucher"], good["name"], good["most_fen"], good["expires_on"]) == ("V1", "张*", 1_000, "2026-11-19")
    amounts = {"voucher": "V1", "bill_fen": 8_600, "off_fen": 1_000, "due_fen": 7_600, "points": 100}
    quote = till("/quote", {"code": code, "bill_fen": 8_600}).json
    assert amounts.items() <= quote.items()
    assert balance(shops) == (4_900, 100)
    taken = till.capture(code)
    assert taken.status == 200
    assert amounts.items() <= taken.json.items()
    assert taken.json["steps"][: len(quote["steps"])] == quote["steps"]
    assert balance(shops) == (4_900, 0)
    assert till.capture(code, once="sale-2").code == "already_captured"
    assert till.verify(code).code == "already_captured"
    sound(shops)


def test_a_small_bill_takes_part_of_a_voucher_and_gives_the_rest_back(shops: Street, till: Till) -> None:
    taken = till.capture(shops.voucher(), 1_000).json
    assert (taken["off_fen"], taken["due_fen"], taken["points"]) == (500, 500, 50)
    assert balance(shops) == (4_950, 0)


def test_a_bill_is_in_fen_and_never_guessed(shops: Street, till: Till) -> None:
    """86.0 may be yuan, although JSON Schema calls it an integer."""
    code = shops.voucher()
    assert till("/quote", {"code": code}).code == till("/capture", {"code": code}, once="1").code == "bill_missing"
    for bill in (86.0, "8600", True, 0, -1, 10**9):
        assert till("/capture", {"code": code, "bill_fen": bill}, once="1").code == "bad_request"
    assert till.verify(code).status == 200


def test_a_capture_can_be_listed_and_its_receipt_shown_again(shops: Street, till: Till) -> None:
    first, second = till.capture(shops.voucher(), once="a").json, till.capture(shops.voucher(), 1_000, once="b").json
    listed = till("/captures").json
    assert (listed["month"], listed["count"], listed["claim_fen"]) == ("2026-10", 2, 1_500)
    assert [line["receipt"] for line in listed["captures"]] == [first["receipt"], second["receipt"]]
    assert till("/captures?month=2026-09").json["count"] == 0
    assert till("/captures/V1").json == first
    assert till("/captures/V3").code == "unknown_code"


def test_a_shop_can_undo_a_capture_on_its_day(shops: Street, till: Till) -> None:
    code = shops.voucher()
    till.capture(code)
    undone = till("/void", {"voucher": "V1"}, once="undo-1")
    assert undone.json | {"receipt": ""} == {"voucher": "V1", "receipt": "", "day": "2026-10-20", "points": 100}
    assert till("/void", {"voucher": "V1"}, once="undo-1").body == undone.body
    assert till("/void", {"voucher": "V1"}, once="undo-2").code == "refunded_already"
    assert balance(shops) == (5_000, 0)
    month = till("/captures").json
    assert (month["count"], month["claim_fen"], [line["claim_fen"] for line in month["refunds"]]) == (1, 0, [1_000])
    sound(shops)


def test_a_capture_is_undone_by_its_own_shop_and_the_office_only_the_next_day(shops: Street, till: Till) -> None:
    other = shops.till(shops.shop("李记理发"))
    till.capture(shops.voucher())
    nothing = other("/void", {"voucher": "V2"}, once="1")
    assert (nothing.status, nothing.code) == (404, "unknown_code")
    assert other("/void", {"voucher": "V1"}, once="1").body == nothing.body
    shops.voucher()
    assert till("/void", {"voucher": "V2"}, once="2").code == "not_captured"
    shops.at("2026-10-21T00:00:00+08:00")
    assert till("/void", {"voucher": "V1"}, once="3").code == "undo_over"
    assert balance(shops) == (4_800, 100)


def test_a_capture_names_the_till_it_came_from(shops: Street, till: Till) -> None:
    entry = till.capture(shops.voucher()).json["receipt"]
    (actor,) = shops.office.rows("SELECT actor FROM entry WHERE community_id = 1 AND seq = :seq", seq=int(entry[1:]))
    (device,) = shops.office.rows("SELECT actor_id FROM device WHERE community_id = 1 AND kind = 'till'")
    assert actor == device


def test_what_a_get_or_a_look_asks_for_changes_nothing(shops: Street, till: Till) -> None:
    code = shops.voucher()
    before = stored(shops.office.url)
    for path in ("/captures", "/captures/V1", "/captures?month=2026-10", "/openapi.json", "/nothing"):
        till(path)
    till.verify(code)
    till("/quote", {"code": code, "bill_fen": 8_600})
    assert stored(shops.office.url) == before


# --- once ---


def test_a_repeat_gets_the_first_answer_byte_for_byte(shops: Street, till: Till) -> None:
    code = shops.voucher()
    first = till.capture(code, once="sale-1")
    till.lang = "zh"
    shops.at("2026-10-21T12:00:00+08:00")
    assert till.capture(code, once="sale-1").body == first.body
    assert till("/captures").json["count"] == 1
    assert till.capture(code, once="sale-2").code == "already_captured"


def test_a_key_that_was_used_for_another_sale_is_refused(shops: Street, till: Till) -> None:
    code, other = shops.voucher(), shops.voucher()
    till.capture(code, once="sale-1")
    for refused in (till.capture(code, 8_601, once="sale-1"), till.capture(other, once="sale-1")):
        assert refused.status == 422
        assert refused.code == "exists_with_different_content"
    assert till.verify(other).status == 200


def test_what_was_refused_does_not_use_its_key_up(shops: Street, till: Till) -> None:
    code = shops.voucher()
    assert till.capture(code, 1, once="sale-1").code == "no_benefit"
    assert till.capture(code, once="sale-1").status == 200


def test_a_sale_without_a_good_key_is_no_request(shops: Street, till: Till) -> None:
    voucher = shops.voucher()
    for key, code in ((None, "no_key"), ("", "no_key"), ("two words", "bad_key"), ("x" * 65, "bad_key")):
        refused = till("/capture", {"code": voucher, "bill_fen": 8_600}, once=key)
        assert (refused.status, refused.code) == (400, code)
    assert till.verify(voucher).status == 200


def test_the_same_key_at_two_tills_is_two_sales(shops: Street, till: Till) -> None:
    codes = [shops.voucher(), shops.voucher()]
    assert [one.capture(code, once="1").status for one, code in zip((till, shops.till()), codes, strict=True)] == [200, 200]


def test_what_a_shop_makes_of_its_keys_is_not_written_down(shops: Street, till: Till) -> None:
    till.capture(shops.voucher(), once="13800138000")
    assert b"13800138000" not in shops.office.stored()


# --- who may ---


def test_a_key_is_shown_once_and_kept_as_its_hash_only(shops: Street, till: Till) -> None:
    secret = till.key.rpartition("_")[2]
    assert len(bytes.fromhex(secret)) == 32
    assert secret.encode() not in shops.office.stored()
    assert bytes.fromhex(secret) not in shops.office.stored()
    again = ("device", "till", "add", "S001", "--key", "till-2", "--json")
    assert shops.office(*again).json["key"]
    assert shops.office(*again).json["key"] is None


def test_a_revoked_key_is_unknown_at_once(shops: Street, till: Till) -> None:
    code = shops.voucher()
    taken = till.capture(shops.voucher(), once="before")
    shops.office("device", "revoke", "D001")
    for refused in (till.verify(code), till.capture(code), till.capture(code, once="before"), till("/captures")):
        assert (refused.status, refused.code) == (401, "unknown_key")
    assert taken.status == 200
    assert shops.till().verify(code).status == 200


def test_whatever_is_wrong_with_a_key_has_one_answer(shops: Street, till: Till) -> None:
    code, (head, _, secret) = shops.voucher(), till.key.rpartition("_")
    shops.office("device", "invite", "S001")
    wrong = [
        "",
        "tbk_",
        f"{head}_{secret[:-1]}",
        f"{head}_{'0' * 64}",
        f"{head}1_{secret}",
        f"tbk_520201-nowhere-1_{secret}",
        f"tbk_520201-jianshe-{10**9}_{secret}",
        secret,
    ]
    answers = []
    for key in wrong:
        till.key = key
        answers.append(till.verify(code))
    answers.append(till("/verify", {"code": code}, Authorization=""))
    answers.append(till("/verify", {"code": code}, Authorization=f"Basic {head}_{secret}"))
    assert {answer.code for answer in answers} == {"unknown_key"}
    assert len({answer.body for answer in answers}) == 1
    assert all(answer.headers["www-authenticate"] == "Bearer" for answer in answers)


def test_a_key_without_a_scope_may_not(shops: Street) -> None:
    code, looks, takes = shops.voucher(), shops.till(scopes="verify"), shops.till(scopes="capture")
    assert looks.verify(code).status == 200
    undo = takes("/void", {"voucher": "V1"}, once="1")
    for refused in (looks.capture(code), looks("/captures"), takes.verify(code), takes("/captures/V1"), undo):
        assert (refused.status, refused.code) == (403, "missing_scope")
    assert takes.capture(code).status == 200


def test_another_shop_is_told_nothing(shops: Street, till: Till) -> None:
    other = shops.till(shops.shop("李记理发"))
    code = shops.voucher()
    till.capture(shops.voucher())
    for refused in (other.verify(code), other.capture(code), other("/captures/V2")):
        assert refused.body == till.verify(STRANGE).body
        assert refused.status == 404
    assert other("/captures").json["count"] == 0
    assert till.verify(code).status == 200


def test_another_community_is_told_nothing(shops: Street, till: Till) -> None:
    code = shops.voucher()
    other = Cli(shops.office.url, shops.office.now)
    other("init", "--community", "110101-dongsi", "--name", "东四社区", "--open-from", "2026-09")
    there = ("--community", "110101-dongsi")
    other("merchant", "add", "东四超市", *there)
    far = replace(till, key=other("device", "till", "add", "S001", "--json", *there).json["key"])
    shops.tills.append(far)
    assert far.verify(code).body == till.verify(STRANGE).body
    assert far.capture(code).body == till.verify(STRANGE).body
    assert till.verify(code).status == 200


@pytest.fixture
def said(shops: Street, till: Till) -> str:
    """All that a till is answered in a voucher's life."""
    code = shops.voucher()
    answers = [till.verify(code), till("/quote", {"code": code, "bill_fen": 8_600}), till.capture(code), till.verify(code)]
    answers += [till("/captures"), till("/captures/V1"), till.capture(code, once="again")]
    return b"".join(answer.body for answer in answers).decode()


def test_nothing_tells_of_a_person_but_the_masked_name(said: str) -> None:
    assert "张*" in said
    assert not [word for word in ("张三", "M0001", "member", "5000", "4900") if word in said]


# --- codes that are none ---


def test_what_opens_nothing_has_one_answer(shops: Street) -> None:
    shops.voucher()
    tills = [shops.till(), shops.till()]
    codes = ["x", STRANGE, "7K3M-9QPA-X2DU", "V1", "A" * 144, "HTTPS://NOWHERE/V/" + "A" * 144, "\x00", "1" * 400]
    refused = [tills[place % 2].verify(code) for place, code in enumerate(codes)] + [tills[1].capture(STRANGE)]
    assert {answer.code for answer in refused} == {"unknown_code"}
    assert {answer.status for answer in refused} == {404}
    assert len({answer.body for answer in refused}) == 1


def test_five_wrong_codes_shut_a_till_and_nobody_else_out(shops: Street, till: Till) -> None:
    code, other = shops.voucher(), shops.till()
    asked = [till.verify(STRANGE).status for _ in range(7)]
    assert asked == [404] * 5 + [429] * 2
    for refused in (till.verify(code), till.capture(code)):
        assert refused.code == "too_many_guesses"
        assert int(refused.headers["retry-after"]) > 0
    assert other.verify(code).status == 200
    shops.at("2026-10-20T12:01:01+08:00")
    assert till.verify(code).status == 200


def test_a_thousand_guesses_find_the_door_shut_and_one_answer(shops: Street, till: Till) -> None:
    """Row 22 over HTTP. The guesser knows how codes are made: each has a right check."""
    codes = [shops.voucher() for _ in range(3)]
    answers = set()
    for number in range(1_000):
        guessed = till.verify(make(number.to_bytes(8, "big")))
        answers.add((guessed.status, guessed.body))
    assert sorted(status for status, _ in answers) == [404, 429]
    assert shops.office.rows("SELECT count(*) FROM guess") == [(5,)]
    assert all(shops.till().verify(code).status == 200 for code in codes)


# --- when ---


def test_a_voucher_is_good_in_the_last_second_of_its_last_day_and_not_in_the_next(shops: Street, till: Till) -> None:
    codes = [shops.voucher(days=3), shops.voucher(days=3)]
    shops.at("2026-10-23T23:59:59+08:00")
    assert till.capture(codes[0], once="last").status == 200
    shops.at("2026-10-24T00:00:00+08:00")
    refused = till.capture(codes[1], once="late")
    assert (refused.status, refused.code) == (409, "expired")
    sound(shops)


def test_a_book_that_is_not_what_was_published_takes_no_capture(shops: Street, till: Till) -> None:
    code = shops.voucher()
    shops.office.run("UPDATE community_state SET size = size - 1")
    refused = till.capture(code)
    assert refused.status == 503
    assert refused.code in ("rolled_back", "rewritten")


# --- what the framework says ---


MISREAD: list[tuple[str, str, bytes | None, int, str]] = [
    ("/nothing", "GET", None, 404, "no_address"),
    ("/verify", "GET", None, 405, "no_method"),
    ("/captures", "DELETE", None, 405, "no_method"),
    ("/verify", "OPTIONS", None, 405, "no_method"),
    ("/verify", "POST", b"{", 400, "bad_json"),
    ("/verify", "POST", b"\xff", 400, "bad_json"),
    ("/verify", "POST", b"[" * 4_000, 400, "bad_json"),
    ("/verify", "POST", b" " * 4_097, 413, "too_long"),
    ("/verify", "POST", b"[]", 422, "bad_request"),
    ("/verify", "POST", b"{}", 422, "bad_request"),
    ("/verify", "POST", b'{"code": 7}', 422, "bad_request"),
    ("/verify", "POST", b'{"code": "\\ud800"}', 422, "bad_request"),
    ("/verify", "POST", b'{"code": "x", "more": 1}', 422, "bad_request"),
    ("/quote", "POST", b'{"code": "x", "bill_fen": 1.0}', 422, "bad_request"),
    ("/quote", "POST", b'{"code": "x", "bill_fen": true}', 422, "bad_request"),
    ("/quote", "POST", b'{"code": "x", "bill_fen": -1}', 422, "bad_request"),
    ("/quote", "POST", b'{"code": "x", "bill_fen": NaN}', 422, "bad_request"),
    ("/captures?month=2026-13", "GET", None, 422, "bad_request"),
    ("/captures/9", "GET", None, 422, "bad_request"),
]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_refusal_is_a_problem_in_the_language_asked_for(till: Till, lang: str) -> None:
    till.lang = f"fr, {lang}-CN;q=0.8, en;q=0.1"
    for path, method, body, status, code in MISREAD:
        refused = till(path, body, method=method)
        assert (refused.status, refused.code) == (status, code), (path, method, body)
        assert refused.headers["content-language"] == lang
        assert any("一" <= letter <= "鿿" for letter in refused.json["detail"]) == (lang == "zh")
        assert refused.headers["cache-control"] == "no-store"


def test_a_body_that_is_not_announced_as_json_is_not_read(shops: Street, till: Till) -> None:
    body = json.dumps({"code": shops.voucher()}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"):
        refused = till("/verify", body, Content_Type=kind)
        assert (refused.status, refused.code) == (415, "no_json")
    assert till("/verify", body, Content_Type="application/json; charset=utf-8").status == 200


def test_a_problem_never_repeats_what_was_sent(shops: Street, till: Till) -> None:
    code = shops.voucher()
    sent = [{"code": code, "bill_fen": "x"}, {"code": [code]}, {"code": code, code: 1, "bill_fen": 1}]
    assert all(code.encode() not in till("/capture", body, once="x").body for body in sent)


def test_head_is_a_get_without_its_body(shops: Street, till: Till) -> None:
    whole, head = till("/captures"), till("/captures", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.body))


def test_pages_of_other_origins_have_no_business_here(till: Till) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access_Control_Request_Method": "POST"}
    for answer in (till("/verify", method="OPTIONS", **asked), till("/captures", **asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]


# --- the document ---


def test_the_openapi_document_is_served_without_a_key_and_checked_in(till: Till) -> None:
    served = till("/openapi.json", Authorization="").json
    assert served == json.loads(DOCUMENT.read_text(encoding="utf-8"))
    assert served["servers"] == [{"url": PLACE}]
