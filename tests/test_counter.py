"""The merchant's counter as a server: who is let in, what each form does, and that nothing counts twice."""

import http.client
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from counter import DISCOUNT, ITEM, OTHER_SHOP, Browserless, Served, a_counter  # noqa: F401 - fixtures


def checked(phone: Browserless, code: str) -> str:
    """The form token of a phone's pages, after a look at a voucher."""
    return phone.post("/check", phone.get("/").hidden | {"code": code}).hidden["form_token"]


def test_an_invitation_binds_one_phone_once(counter: Served) -> None:
    link = counter.invitation()
    phone, other = counter.phone(None), counter.phone(None)
    asked = phone.get(link).hidden
    late = other.get(link).hidden
    assert phone.post("/E", asked).status == 200
    assert phone.get("/").status == 200
    assert phone.post("/E", asked).status == 200, "a form that is sent twice binds the same phone"
    assert other.post("/E", late).status == 409
    assert other.get("/").status == 401
    assert other.get(link).status == 409
    assert [row["device"] for row in counter.cli("device", "list", "--json").json] == ["D001"]


def test_a_phone_is_bound_by_the_page_of_its_invitation_only(counter: Served) -> None:
    """What the page holds is half of the phone's secret: a form without it would make one that whoever has the link knows."""
    phone = counter.phone(None)
    asked = phone.get(counter.invitation()).hidden
    assert phone.post("/E", asked | {"nonce": ""}).status == 403
    assert phone.post("/E", asked | {"nonce": "13812341234".rjust(64, "x")}).status == 403
    assert phone.post("/E", asked | {"token": "A" * 32}).status == 404
    assert phone.post("/E", asked).status == 200


def test_an_invitation_is_over_after_a_day(counter: Served) -> None:
    link = counter.invitation()
    counter.at("2026-10-21T11:59:59+08:00")
    assert counter.phone(None).get(link).status == 200
    counter.at("2026-10-21T12:00:00+08:00")
    assert counter.phone(None).get(link).status == 409


def test_a_voucher_is_redeemed_once_however_often_the_form_is_sent(counter: Served) -> None:
    phone, code = counter.phone(), counter.voucher()["code"]
    good = phone.post("/check", phone.get("/").hidden | {"code": code.lower().replace("-", " ")})
    assert good.status == 200
    quoted = phone.post("/quote", good.hidden | {"bill": "86.00"})
    assert "10.00" in quoted.told
    assert "76.00" in quoted.told
    first = phone.post("/capture", quoted.hidden)
    again = phone.post("/capture", quoted.hidden)
    assert first.status == again.status == 200
    assert "Receipt E" in first.told
    assert first.told == again.told
    assert counter.cli.rows("SELECT outcome, benefit_fen FROM resolution") == [("captured", 1000)]
    other = phone.post("/capture", quoted.hidden | {"bill": "85.00"})
    assert other.status == 422, "the same key with another bill is another command"


def test_nothing_is_done_by_looking(counter: Served) -> None:
    """Chat apps and browsers fetch links ahead."""
    phone, token = counter.phone(), counter.voucher()
    before = counter.cli.stored()
    phone.post("/quote", phone.post("/check", phone.get("/").hidden | {"code": token["code"]}).hidden | {"bill": "9"})
    for path in ("/", "/today", "/month", "/claims", "/poster", "/poster.svg", "/S/520201-jianshe/S001", "/receipts/1"):
        phone.get(path)
    assert counter.cli.stored() == before


def test_an_entry_names_the_phone_it_came_from(counter: Served) -> None:
    phone, code = counter.phone(), counter.voucher()["code"]
    good = phone.post("/check", phone.get("/").hidden | {"code": code})
    phone.post("/capture", phone.post("/quote", good.hidden | {"bill": "86"}).hidden)
    query = "SELECT c.number, c.role FROM entry e JOIN clerk c ON c.community_id = e.community_id AND c.id = e.actor"
    assert counter.cli.rows(f"{query} WHERE e.kind = 'voucher.capture'") == [("D001", "device")]
    assert counter.cli("audit", "--json").json["ok"]


def test_a_device_is_no_clerk(counter: Served) -> None:
    counter.phone()
    assert counter.cli("clerk", "list", "--as", "D001", status=None).status == 7
    refused = counter.cli("member", "add", "某人", "--approver", "D001", status=None)
    assert refused.status == 7
    assert [row["clerk"] for row in counter.cli("clerk", "list", "--json").json] == ["W0001", "W0002"]


@pytest.mark.parametrize("shop", ["S002", None])
def test_another_shops_voucher_and_no_voucher_have_one_answer(counter: Served, shop: str | None) -> None:
    phone = counter.phone()
    code = counter.voucher(offer=OTHER_SHOP)["code"] if shop else "0000-0000-0000"
    refused = phone.post("/check", phone.get("/").hidden | {"code": code})
    assert refused.status == 404
    assert "There is no voucher for this shop" in refused.told


def test_a_used_voucher_says_when_it_was_used(counter: Served) -> None:
    phone, code = counter.phone(), counter.voucher()["code"]
    counter.at("2026-10-20T14:02:00+08:00")
    good = phone.post("/check", phone.get("/").hidden | {"code": code})
    phone.post("/capture", phone.post("/quote", good.hidden | {"bill": "86"}).hidden)
    refused = phone.post("/check", phone.get("/").hidden | {"code": code})
    assert refused.status == 409
    assert "14:02" in refused.told


def test_guessing_is_locked(counter: Served) -> None:
    phone, code = counter.phone(), counter.voucher()["code"]
    form = phone.get("/").hidden
    assert [phone.post("/check", form | {"code": "0000-0000-0000"}).status for _ in range(6)] == [404] * 5 + [429]
    assert phone.post("/check", form | {"code": code}).status == 429
    assert counter.phone("S002").get("/").status == 200
    counter.at("2026-10-20T12:01:01+08:00")
    assert phone.post("/check", form | {"code": code}).status == 200


def test_a_bill_that_is_too_small_leaves_the_voucher_good(counter: Served) -> None:
    phone, code = counter.phone(), counter.voucher(offer=DISCOUNT, points=None)["code"]
    good = phone.post("/check", phone.get("/").hidden | {"code": code})
    for bill in ("29.99", "thirty"):
        asked = phone.post("/quote", good.hidden | {"bill": bill})
        assert '<body class="amber">' in asked.text
        assert f'value="{bill}"' in asked.text, "what was typed can be mended"
    assert '<body class="green">' in phone.post("/quote", asked.hidden | {"bill": "30.00"}).text


def test_an_item_needs_no_bill(counter: Served) -> None:
    phone, code = counter.phone(), counter.voucher(offer=ITEM, points=None)["code"]
    good = phone.post("/check", phone.get("/").hidden | {"code": code})
    assert "洗发水一瓶" in good.told
    done = phone.post("/capture", phone.post("/quote", good.hidden).hidden)
    assert done.status == 200
    assert "8.00" in done.told


def test_a_shop_takes_back_what_it_redeemed_on_that_day_only(counter: Served) -> None:
    phone, other = counter.phone(), counter.phone("S002")
    receipts = []
    for number in (1, 2):
        good = phone.post("/check", phone.get("/").hidden | {"code": counter.voucher()["code"]})
        done = phone.post("/capture", phone.post("/quote", good.hidden | {"bill": "86"}).hidden)
        receipts.append(done.hidden | {"voucher": str(number)})
    strange = other.get("/").hidden | {"voucher": "1", "key": "k"}
    assert other.post("/undo", strange).status == 404, "another shop's receipt"
    assert other.get("/receipts/1").status == 404
    first, again = phone.post("/undo", receipts[0]), phone.post("/undo", receipts[0])
    assert first.status == again.status == 200
    assert "taken back" in first.told
    assert counter.cli("points", "balance", "M0001", "--json").json["points"]["available"] == 4900
    counter.at("2026-10-21T00:00:00+08:00")
    assert phone.post("/undo", receipts[1]).status == 409
    assert "taken back" in phone.get("/month").told
    assert counter.cli("audit", "--json").json["ok"]


def test_a_revoked_phone_does_nothing_any_more(counter: Served) -> None:
    phone, code = counter.phone(), counter.voucher()["code"]
    form = phone.get("/").hidden
    counter.cli("device", "revoke", "d1", "--reason", "lost")
    assert phone.get("/").status == 401
    assert "revoked" in phone.get("/").told
    assert phone.post("/check", form | {"code": code}).status == 401
    assert counter.cli("device", "revoke", "D001", status=None).status == 3


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_a_form_of_another_site_is_refused(counter: Served, headers: dict[str, str], status: int) -> None:
    phone = counter.phone()
    form = phone.get("/").hidden | {"code": counter.voucher()["code"]}
    assert phone.post("/check", form, **headers).status == status


def test_a_form_without_its_token_is_refused(counter: Served) -> None:
    phone, stranger = counter.phone(), counter.phone("S002")
    code = counter.voucher()["code"]
    for token in ("", "0" * 64, stranger.get("/").hidden["form_token"], "é"):
        assert phone.post("/check", {"form_token": token, "code": code}).status == 403
        assert phone.post("/capture", {"form_token": token, "code": code, "bill": "9", "key": "k"}).status == 403
    assert counter.cli.rows("SELECT count(*) FROM resolution") == [(0,)]


def test_a_body_longer_than_any_form_is_not_read(counter: Served) -> None:
    phone = counter.phone()
    assert phone.post("/check", {"code": "x" * 9_000}).status == 413


def test_no_answer_is_kept_or_framed_or_runs_what_is_not_ours(counter: Served) -> None:
    phone = counter.phone()
    for path in ("/", "/today", "/S/520201-jianshe/S001", "/nothing", "/E/NOTHING"):
        headers = phone.get(path).headers
        assert headers["cache-control"] == "no-store", path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
    assert "server" not in phone.get("/").headers
    assert phone.get("/static/counter.css").headers["cache-control"].startswith("public")


def test_a_stranger_is_told_what_to_do_and_no_more(counter: Served) -> None:
    stranger = counter.phone(None)
    known = stranger.get(f"/V/{'A' * 144}")
    assert known.status == 401
    assert known.told == stranger.get("/V/x").told.replace("/V/x", f"/V/{'A' * 144}")
    assert stranger.post("/check", {"code": counter.voucher()["code"]}).status == 401


def test_a_member_spends_nothing_by_the_poster_alone(counter: Served) -> None:
    phone, member = counter.phone(), counter.phone(None)
    code = counter.voucher()["code"]
    before = counter.cli.stored()
    shown = member.post("/S/520201-jianshe/s1", {"code": code, "bill": "86.00"})
    assert "Waiting for the shop" in shown.told
    assert code[-4:] in shown.told
    assert code not in shown.text
    assert counter.cli.stored() == before
    home = phone.get("/")
    assert "86.00" in home.told
    assert "86.00" not in counter.phone("S002").get("/").told
    quoted = phone.post("/quote", home.hidden)
    assert phone.post("/capture", quoted.hidden).status == 200
    assert "86.00" not in phone.get("/").told


def test_the_members_page_tells_what_the_shop_decided(counter: Served) -> None:
    phone, member = counter.phone(), counter.phone(None)
    pages = []
    for bill in ("86.00", "40.00"):
        place = {"code": counter.voucher()["code"], "bill": bill}
        member.send("POST", "/S/520201-jianshe/S001", place, {})
        pages.append(next(iter(reversed(counter.app.state.waiting._tickets))))
    home = phone.get("/")
    form = {"form_token": home.hidden["form_token"]}
    phone.post("/capture", phone.post("/quote", form | {"ticket": pages[0]}).hidden)
    phone.post("/decline", form | {"ticket": pages[1]})
    taken, declined = (member.get(f"/W/{number}") for number in pages)
    assert "Take off 10.00" in taken.told
    assert "turned it down" in declined.told
    assert 'http-equiv="refresh"' not in taken.text
    counter.at("2026-10-20T12:10:01+08:00")
    assert member.get(f"/W/{pages[0]}").status == 404


def test_what_waits_too_long_is_gone_at_the_shop_too(counter: Served) -> None:
    phone, member = counter.phone(), counter.phone(None)
    member.post("/S/520201-jianshe/S001", {"code": counter.voucher()["code"], "bill": "86.00"})
    home = phone.get("/")
    counter.at("2026-10-20T12:09:59+08:00")
    assert "86.00" in phone.get("/").told
    counter.at("2026-10-20T12:10:00+08:00")
    assert "86.00" not in phone.get("/").told
    assert phone.post("/quote", home.hidden).status == 404


def test_a_poster_cannot_be_flooded(counter: Served) -> None:
    member, code = counter.phone(None), counter.voucher()["code"]
    place = {"code": code, "bill": "1"}
    assert [member.post("/S/520201-jianshe/S001", place).status for _ in range(21)] == [200] * 20 + [409]
    assert member.post("/S/520201-jianshe/S002", place).status == 200


def test_a_phone_of_one_scope_has_that_scope_only(counter: Served) -> None:
    """The office decides what a device may do when it invites it."""
    phone, code = counter.phone(), counter.voucher()["code"]
    counter.cli("device", "revoke", "D001")
    link = counter.cli("device", "invite", "S001", "--scopes", "verify,list", "--json").json["link"]
    assert phone.post("/E", phone.get(link).hidden).status == 200
    good = phone.post("/check", phone.get("/").hidden | {"code": code})
    quoted = phone.post("/quote", good.hidden | {"bill": "86"})
    assert phone.post("/capture", quoted.hidden).status == 403


def test_every_page_stands_in_both_languages(counter: Served) -> None:
    phone = counter.phone(lang="zh-CN,zh;q=0.9,en;q=0.1")
    assert '<html lang="zh-CN">' in phone.get("/").text
    assert "核验" in phone.get("/").told
    assert '<html lang="en">' in phone.post("/language", {"lang": "en"}).text
    assert '<html lang="en">' in phone.get("/today").text


def test_a_cookie_is_for_this_phone_and_this_server_alone(counter: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", counter.port)
    asked = counter.phone(None).get(counter.invitation()).hidden
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": "https"}
    connection.request("POST", "/E", urlencode(asked), headers)
    response = connection.getresponse()
    cookie = response.headers["set-cookie"]
    connection.close()
    told = {part.strip().lower() for part in cookie.split(";")}
    assert {"httponly", "samesite=strict", "secure", "path=/"} <= told
    assert cookie.partition("=")[2].partition(";")[0].rpartition(".")[2] not in repr(counter.cli.stored())


def test_a_secret_that_is_not_the_phones_opens_nothing(counter: Served) -> None:
    phone, other = counter.phone(), counter.phone("S002")
    real, theirs = phone.cookies["tb"], other.cookies["tb"]
    for cookie in (
        real[:-1] + ("0" if real[-1] != "0" else "1"),
        real.rpartition(".")[0] + "." + theirs.rpartition(".")[2],
        real.replace("520201-jianshe", "520201-another"),
        real.replace(".1.", ".9."),
        "x",
    ):
        phone.cookies["tb"] = cookie
        assert phone.get("/").status == 401
    phone.cookies["tb"] = real
    assert phone.get("/").status == 200


def test_the_same_key_of_two_phones_is_two_commands(counter: Served) -> None:
    """Else one shop could read another's receipt, or stand in its way."""
    phones = counter.phone(), counter.phone()
    for number, phone in enumerate(phones, start=1):
        good = phone.post("/check", phone.get("/").hidden | {"code": counter.voucher()["code"]})
        done = phone.post("/capture", phone.post("/quote", good.hidden | {"bill": "86"}).hidden | {"key": "k1"})
        assert done.status == 200
        assert f"V{number}" in done.told
    assert counter.cli.rows("SELECT count(*) FROM resolution") == [(2,)]


def test_what_a_phone_did_is_signed_and_written_down(counter: Served, tmp_path: Path) -> None:
    phone, code = counter.phone(), counter.voucher()["code"]
    good = phone.post("/check", phone.get("/").hidden | {"code": code})
    phone.post("/capture", phone.post("/quote", good.hidden | {"bill": "86"}).hidden)
    ((size,),) = counter.cli.rows("SELECT size FROM community_state")
    line = counter.app.state.door.log.path.read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(line)["note"].splitlines()[1] == str(size)


@pytest.mark.sqlite
def test_a_book_older_than_what_was_published_takes_nothing(counter: Served, tmp_path: Path) -> None:
    phone, codes = counter.phone(), [counter.voucher()["code"] for _ in range(2)]
    book = tmp_path / "book.db"
    before = book.read_bytes()
    quoted = []
    for code in codes:
        good = phone.post("/check", phone.get("/").hidden | {"code": code})
        quoted.append(phone.post("/quote", good.hidden | {"bill": "86"}).hidden)
    assert phone.post("/capture", quoted[0]).status == 200
    book.write_bytes(before)
    refused = phone.post("/capture", quoted[1])
    assert refused.status == 503
    assert '<body class="amber">' in refused.text
    assert book.read_bytes() == before


def test_no_code_or_token_is_written_to_a_log(counter: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    link, code = counter.invitation(), counter.voucher()["code"]
    phone = counter.phone(None)
    phone.post("/E", phone.get(link).hidden)
    phone.post("/check", phone.get("/").hidden | {"code": code})
    phone.get("/V/TOKENTOKEN")
    for secret in (link.rpartition("/")[2], code, "TOKENTOKEN", phone.cookies["tb"]):
        assert secret not in caplog.text


def test_hostile_input_is_refused_and_breaks_nothing(counter: Served) -> None:
    phone, stranger = counter.phone(), counter.phone(None)
    token = phone.get("/").hidden["form_token"]
    before = counter.cli.rows("SELECT size FROM community_state")
    odd = ("", "%00", "%FF%FE", "..%2F..%2Fetc", "%F0%A0%AE%B7", "9" * 40, "-1", "'%20OR%201=1--", "x" * 2_000)
    for some in odd:
        for path in ("/V/", "/E/", "/W/", "/receipts/", "/S/520201-jianshe/", f"/S/{some or 'x'}/", "/static/", "/"):
            for who in (phone, stranger):
                assert who.get(path + some).status < 500, path + some
    texts = ("", "\0", "\ud7ff", "𠮷", "9" * 400, "-1", "1e3", "86.00", "NaN", "<script>", "' OR 1=1--", "\r\nSet-Cookie: x=y")
    for text in texts:
        for path in ("/check", "/quote", "/capture", "/undo", "/decline", "/language", "/E", "/S/520201-jianshe/S001"):
            fields = dict.fromkeys(("code", "bill", "key", "ticket", "voucher", "lang", "token", "community", "nonce"), text)
            for form in (fields | {"form_token": token}, fields | {"form_token": text}, {}):
                told = phone.post(path, form)
                assert told.status < 500, (path, text)
                assert "<script>" not in told.text
                assert "x" not in phone.cookies
    assert phone.send("PUT", "/", None, {}).status in (405, 411)
    assert counter.cli.rows("SELECT size FROM community_state") == before
