"""The counter in a real browser, on a phone 360 pixels wide: every way a voucher goes at a shop, and every refusal."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from browsing import Phone, a_drawer_of_phones  # noqa: F401 - a fixture
from counter import DISCOUNT, ITEM, OTHER_SHOP, Served, a_counter  # noqa: F401 - fixtures
from timebank import qr

pytestmark = pytest.mark.browser
Phones = Callable[..., Phone]
PAGE_BYTES_MAX = 60_000


def test_a_phone_is_bound_and_redeems_a_voucher_whose_code_is_typed(counter: Served, phones: Phones) -> None:
    phone, code = phones("en-US"), counter.voucher()["code"]
    phone.enrol()
    phone.fine()
    phone.page.locator("#code").press_sequentially(code.replace("-", "").lower())
    assert phone.page.locator("#code").input_value() == code, "groups of four appear while typing"
    phone.page.locator("#code").press("Enter")
    phone.page.locator("#bill").wait_for()
    assert phone.tone == "green"
    assert "10 points take 1 yuan off" in phone.told
    assert "张*" in phone.told
    assert "2026-11-19" in phone.told
    phone.fine()
    phone.bill("86.00")
    assert "10.00 yuan" in phone.told
    assert "76.00 yuan" in phone.told
    assert "50% of the bill of 86.00 yuan = 43.00 yuan" in phone.told
    phone.fine()
    phone.press("/capture")
    assert phone.tone == "green"
    assert re.search(r"Receipt E\d{6}", phone.told)
    phone.fine()


def test_a_double_tap_and_a_reload_count_once(counter: Served, phones: Phones) -> None:
    phone = phones()
    phone.enrol()
    for number in (1, 2):
        phone.check(counter.voucher()["code"])
        phone.bill("86.00")
        if number == 1:
            phone.page.locator("#redeem button").dblclick()
        else:  # past the script that spares the second one
            phone.page.evaluate("{ const form = document.querySelector('#redeem'); form.submit(); form.submit(); }")
        phone.page.locator(".number").wait_for()
        receipt = phone.page.locator(".number").inner_text()
        phone.page.reload()
        assert phone.page.locator(".number").inner_text() == receipt
        assert counter.cli.rows("SELECT count(*) FROM resolution") == [(number,)]


def test_a_qr_code_opened_by_the_camera_app_shows_the_voucher_on_an_enrolled_phone_only(
    counter: Served, phones: Phones, tmp_path: Path
) -> None:
    token = token_of(counter, tmp_path)
    stranger, phone = phones(), phones()
    stranger.open(f"/V/{token}")
    assert stranger.tone == ""
    assert "10" not in stranger.told
    stranger.fine()
    phone.enrol()
    phone.open(f"/V/{token}")
    assert phone.tone == "green"
    assert counter.cli.rows("SELECT count(*) FROM resolution") == [(0,)]
    phone.bill("86.00")
    phone.press("/capture")
    phone.open(f"/V/{token}")
    assert phone.tone == "red"
    phone.fine()


def test_a_photo_of_a_qr_code_is_read_in_the_browser(counter: Served, phones: Phones, tmp_path: Path) -> None:
    token = token_of(counter, tmp_path)
    photo, other = tmp_path / "photo.png", tmp_path / "other.png"
    photo.write_bytes(qr.png(qr.made(f"HTTPS://JIANSHE.EXAMPLE.CN/V/{token}")))
    other.write_bytes(b"no picture at all")
    phone = phones()
    phone.enrol()
    phone.page.locator("#camera").set_input_files(other)
    phone.page.locator("#told", has_text="二维码").wait_for()
    with phone.page.expect_navigation():
        phone.page.locator("#camera").set_input_files(photo)
    assert phone.tone == "green"
    phone.fine()


def token_of(counter: Served, folder: Path) -> str:
    """The token in the QR code of a new voucher."""
    address: str = counter.voucher()["qr"]
    return address.rpartition("/")[2]


def used(counter: Served, phone: Phone) -> str:
    code: str = counter.voucher()["code"]
    phone.check(code)
    phone.bill("86.00")
    phone.press("/capture")
    return code


def expired(counter: Served, phone: Phone) -> str:
    code: str = counter.voucher("M0001", 1, 100, "--days", "1")["code"]
    counter.at("2026-10-22T09:00:00+08:00")
    return code


def voided(counter: Served, phone: Phone) -> str:
    issued = counter.voucher()
    counter.cli("voucher", "void", issued["voucher"], "--reason", "lost")
    code: str = issued["code"]
    return code


def of_another_shop(counter: Served, phone: Phone) -> str:
    code: str = counter.voucher(offer=OTHER_SHOP)["code"]
    return code


def of_a_paused_shop(counter: Served, phone: Phone) -> str:
    code: str = counter.voucher()["code"]
    counter.cli("merchant", "pause", "S001", "--reason", "holidays")
    return code


def guessed(counter: Served, phone: Phone) -> str:
    for _ in range(5):
        phone.check("0000-0000-0000")
    code: str = counter.voucher()["code"]
    return code


@pytest.mark.parametrize(
    ("how", "tone", "words"),
    [
        (used, "red", "2026-10-20 12:00"),
        (expired, "red", "2026-10-21"),
        (voided, "red", "作废"),
        (of_another_shop, "red", "没有本店可用的兑换券"),
        (lambda _counter, _phone: "0000-0000-0000", "red", "没有本店可用的兑换券"),
        (lambda _counter, _phone: "what is this", "red", "没有本店可用的兑换券"),
        (guessed, "amber", "12:01:00"),
    ],
    ids=["used", "expired", "voided", "another shop", "unknown", "malformed", "locked"],
)
def test_a_refusal_says_why_and_what_to_do(
    counter: Served, phones: Phones, how: Callable[[Served, Phone], str], tone: str, words: str
) -> None:
    phone = phones()
    phone.enrol()
    phone.check(how(counter, phone))
    assert phone.tone == tone
    assert words in phone.told
    assert phone.page.get_by_role("alert").count() == 1
    assert phone.page.locator("nav a").count() == 4, "it is a page of this shop's phone"
    phone.fine()
    phone.page.locator("main a.button").click()
    phone.page.locator("#code").wait_for()


def test_a_small_bill_is_amber_and_the_voucher_stays_good(counter: Served, phones: Phones) -> None:
    phone, code = phones(), counter.voucher(offer=DISCOUNT, points=None)["code"]
    phone.enrol()
    phone.check(code)
    phone.bill("29.99")
    assert phone.tone == "amber"
    assert "30.00" in phone.told
    phone.fine()
    phone.bill("100.00")
    assert "10.00" in phone.told
    phone.press("/capture")
    assert phone.tone == "green"


def test_a_revoked_phone_is_told_so(counter: Served, phones: Phones) -> None:
    phone = phones("en-US")
    phone.enrol()
    counter.cli("device", "revoke", "D001", "--reason", "lost")
    phone.open("/")
    assert "revoked by the office" in phone.told
    phone.fine()


def test_lists_show_the_day_and_a_receipt_is_taken_back_within_it(counter: Served, phones: Phones) -> None:
    phone = phones("en-US")
    phone.enrol()
    used(counter, phone)
    phone.page.locator("nav a", has_text="Today").click()
    assert "−10.00" in phone.told
    phone.fine()
    phone.page.locator(".rows a").click()
    phone.fine()
    phone.press("/undo")
    assert phone.tone == "amber"
    assert "taken back" in phone.told
    assert phone.page.locator("form[action='/undo']").count() == 0
    phone.fine()
    phone.page.locator("nav a", has_text="This month").click()
    assert "taken back" in phone.told
    phone.fine()


def test_a_shop_sees_its_claims_and_what_became_of_them(counter: Served, phones: Phones) -> None:
    phone = phones("en-US")
    phone.enrol()
    phone.open("/claims")
    phone.fine()
    used(counter, phone)
    counter.at("2026-11-06T12:00:00+08:00")
    counter.cli("settlement", "draft", "2026-10")
    counter.cli("settlement", "approve", "2026-10", "--approver", "W0002")
    phone.open("/claims")
    assert "2026-10" in phone.told
    assert "10.00 yuan" in phone.told
    assert "approved" in phone.told
    phone.fine()


def test_everything_works_without_script(counter: Served, phones: Phones) -> None:
    phone, code = phones(java_script_enabled=False), counter.voucher(offer=ITEM, points=None)["code"]
    phone.open(counter.invitation())
    phone.press("/E")
    assert not phone.page.locator("#photo").is_visible()
    phone.check(code.lower())
    assert phone.tone == "green"
    phone.press("/quote")
    phone.press("/capture")
    assert phone.page.locator(".number").is_visible()
    phone.press("/undo")
    assert phone.tone == "amber"


def test_everything_works_by_keyboard(counter: Served, phones: Phones) -> None:
    phone, code = phones("en-US"), counter.voucher()["code"]
    phone.enrol()
    keys = phone.page.keyboard
    phone.open("/today")
    keys.press("Tab")
    assert phone.page.evaluate("document.activeElement.className") == "skip"
    keys.press("Enter")
    keys.press("Tab")
    assert phone.page.evaluate("document.activeElement.getAttribute('href')") == "/", "past the head of the page"
    keys.press("Enter")
    phone.page.locator("#code").wait_for()
    assert phone.page.evaluate("document.activeElement.id") == "code"
    keys.type(code)
    keys.press("Enter")
    phone.page.locator("#bill").wait_for()
    assert phone.page.evaluate("document.activeElement.id") == "bill", "who hears the page is where the bill is typed"
    keys.type("86")
    keys.press("Enter")
    phone.page.locator("#redeem").wait_for()
    while phone.page.evaluate("document.activeElement.textContent") != "Redeem":
        keys.press("Tab")
    outline = phone.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "where the keyboard is can be seen"
    keys.press("Enter")
    phone.page.locator(".number").wait_for()


def test_a_member_shows_a_bill_by_the_poster_and_the_shop_confirms(counter: Served, phones: Phones) -> None:
    shop, member = phones("en-US"), phones("en-US")
    shop.enrol()
    shop.open("/poster")
    assert shop.page.locator("main img").evaluate("image => image.naturalWidth") > 0
    shop.fine()
    place = shop.page.locator("main img").get_attribute("alt") or ""
    member.open(place.partition(str(counter.port))[2])
    member.fine()
    member.page.locator("#bill").fill("86.00")
    member.page.locator("#code").fill(counter.voucher()["code"])
    member.press("/S/520201-jianshe/S001")
    assert "Waiting for the shop" in member.told
    member.fine()
    shop.open("/")
    assert "86.00" in shop.told
    shop.fine()
    shop.press("/quote")
    shop.press("/capture")
    member.page.get_by_text("The shop has redeemed it").wait_for()
    assert member.tone == "green"
    assert "76.00 yuan" in member.told
    member.fine()


@pytest.mark.parametrize("lang", ["zh-CN", "en-US"])
def test_a_page_with_all_that_belongs_to_it_is_small(counter: Served, phones: Phones, lang: str) -> None:
    phone = phones(lang)
    got: list[int] = []
    phone.page.on("response", lambda response: got.append(len(response.body()) if response.ok else 0))
    phone.enrol()
    got.clear()
    phone.open("/")
    phone.page.wait_for_load_state("networkidle")
    assert 0 < sum(got) < PAGE_BYTES_MAX
