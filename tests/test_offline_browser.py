"""The offline file in a real Chromium, opened from `file://` as a shop's phone opens it."""

import base64
import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import segno
from PIL import Image, ImageChops, ImageFilter
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from counter import Served, a_counter  # noqa: F401 - a fixture
from timebank import acceptance_text, benefits, tokens
from timebank.base import keys
from timebank.base.communities import Community
from timebank.base.db import instant
from timebank.base.errors import Invalid, Refused
from timebank.benefits import Discount, Item, Offset, Terms
from timebank.issuers import Issuer
from timebank.offers import Offer
from timebank.people.devices import Device
from timebank.people.merchants import Merchant
from timebank.tokens import Token
from timebank.web import offline_file
from timebank.web.offline_file import OfflineFile

pytestmark = pytest.mark.browser

SEED, OTHER = bytes(range(32)), bytes(32)
CODE = "520201-jianshe"
MADE = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
LAST_DAY = date(2026, 12, 10)
COUNTER = "https://jianshe.example.cn"
PHONE = {"width": 360, "height": 740}


def token(**other: Any) -> str:
    """The text of a QR: voucher 9 of 100 points for offer 1 of merchant 3."""
    seed = other.pop("seed", SEED)
    values = {"key": 1, "community": tokens.community_of(CODE), "merchant_id": 3, "offer_id": 1, "voucher_id": 9}
    values |= {"points": 100, "last_day": LAST_DAY}
    return tokens.url(tokens.sign(Token(**{**values, **other}), seed), COUNTER)


def the_offer(number: int, kind: str, **terms: Any) -> Offer:
    values = {"community_id": 1, "id": number, "merchant_id": 3, "kind": kind, "fund_bp": 10_000, "sponsor_bp": 0, "seq": 1}
    return Offer(**values, valid_from=date(2026, 1, 1), valid_to=date(2026, 12, 31), **terms)


def the_file(**other: Any) -> OfflineFile:
    """A file of device 7 of merchant 3, with an offset, a discount and goods."""
    community = Community(
        id=1,
        code=CODE,
        name="建设中路社区",
        timezone="Asia/Shanghai",
        credits_unit="福美和",
        points_decimals=0,
        founded_at=MADE,
    )
    shop = Merchant(community_id=1, id=3, number="S003", number_key="S3", name="老王便民超市", joined_on=date(2026, 1, 1))
    device = Device(
        community_id=1,
        id=7,
        merchant_id=3,
        kind="phone",
        label="",
        scopes="capture",
        secret_hash=b"",
        enrolled_at=MADE,
        actor_id=9,
        seq=1,
    )
    offers = (
        the_offer(1, "offset", points_per_yuan=10, max_share_bp=5_000),
        the_offer(2, "discount", off_bp=1_000, max_fen=2_000, points=50, min_spend_fen=3_000),
        the_offer(3, "item", item_fen=1_500, points=80, label="鸡蛋十个"),
    )
    issuer = Issuer(1, keys.public(SEED), 2026, date(2026, 1, 1), date(2026, 12, 31))
    return replace(OfflineFile(community, shop, device, MADE, (issuer,), offers, COUNTER, "SECRET"), **other)


@dataclass
class Office:
    """What answers at the upload address: keeps what it got; `away` as long as there is no network."""

    away: bool = False
    got: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    answer: Callable[[acceptance_text.Record], dict[str, Any]] = lambda said: {"outcome": "captured", "entry": 12}

    def __call__(self, route: Route) -> None:
        if route.request.url.startswith("file:"):
            return route.continue_()
        if route.request.url != f"{COUNTER}{offline_file.UPLOAD}" or route.request.method != "POST":
            self.others.append(route.request.url)
            return route.abort()
        if self.away:
            return route.abort()
        text = route.request.post_data or ""
        self.got.append(text)
        answers = []
        for line in acceptance_text.lines(text):
            if line.kind == "TB1":
                said = acceptance_text.record(line)
                answers.append({"device": said.device_id, "n": said.n, **self.answer(said)})
        body = {"now": instant(MADE + timedelta(hours=1)), "registered": True, "answers": answers}
        return route.fulfill(json=body, headers={"Access-Control-Allow-Origin": "null"})


@dataclass
class Phone:
    """A phone with the file on it."""

    page: Page
    office: Office
    path: Path
    faults: list[str]

    def check(self, text: str) -> None:
        self.page.get_by_label("Or paste what the QR code holds").fill(text)
        self.page.get_by_role("button", name="Check", exact=True).click()

    def accept(self, text: str, bill: str = "86") -> None:
        self.check(text)
        self.page.get_by_label("The whole bill in yuan").fill(bill)
        self.page.get_by_role("button", name="What comes off?").click()
        self.page.get_by_role("button", name="Accept", exact=True).click()
        expect(self.page.locator("#verdict")).to_contain_text("Accepted")

    def verdict(self) -> tuple[str, str]:
        """The colour and the headline."""
        result = self.page.locator("#result")
        expect(result).to_be_visible()
        return result.get_attribute("class") or "", self.page.locator("#verdict").inner_text()


@contextmanager
def a_phone(chromium: Browser, folder: Path, file: OfflineFile | None = None, **context: Any) -> Iterator[Phone]:
    """A phone of the shop, an hour after its file was made."""
    path = folder / "shop.html"
    path.write_text(offline_file.page(file or the_file()), encoding="utf-8")
    opened: BrowserContext = chromium.new_context(
        **{"locale": "en-GB", "viewport": PHONE, "timezone_id": "Asia/Shanghai", **context}
    )
    office, faults = Office(), list[str]()
    opened.route("**/*", office)
    page = opened.new_page()
    page.clock.set_fixed_time(MADE + timedelta(hours=1))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(path.as_uri())
    if (file or the_file()).secret:
        expect(page.locator("#registered")).to_have_text("The office knows this phone as D007.")
    try:
        yield Phone(page, office, path, faults)
    finally:
        opened.close()


@pytest.fixture
def phone(chromium: Browser, tmp_path: Path) -> Iterator[Phone]:
    with a_phone(chromium, tmp_path) as made:
        yield made
        assert not made.office.others
        assert not [fault for fault in made.faults if "ERR_FAILED" not in fault]


def test_a_good_voucher_is_green_and_its_bill_is_worked_out(phone: Phone) -> None:
    phone.check(token())
    assert phone.verdict()[0] == "green"
    phone.page.get_by_label("The whole bill in yuan").fill("86.00")
    phone.page.get_by_role("button", name="What comes off?").click()
    expect(phone.page.locator("#take-off")).to_have_text("Take 10.00 yuan off")
    expect(phone.page.locator("#left")).to_have_text("76.00 yuan left to settle")


def test_what_was_accepted_is_signed_by_the_phone_and_sent_by_itself(phone: Phone) -> None:
    phone.accept(token())
    expect(phone.page.locator("#list li")).to_contain_text("redeemed, receipt E000012")
    register, upload = (acceptance_text.lines(text)[0] for text in phone.office.got)
    key = acceptance_text.new_key(register)
    assert (key.device_id, key.secret, key.made) == (7, "SECRET", MADE)
    said = acceptance_text.record(upload)
    assert upload.signed_by(key.public)
    assert (said.n, said.bill_fen, said.at) == (1, 8_600, MADE + timedelta(hours=1))
    assert f"{COUNTER.upper()}/V/{said.token}" == token()


REFUSED = {
    "another shop's": (lambda: token(merchant_id=4), "red", "For another shop"),
    "another community's": (lambda: token(community=b"abcd"), "red", "Not of this community"),
    "expired": (lambda: token(last_day=date(2026, 11, 22)), "red", "Expired on 2026-11-22"),
    "forged": (lambda: token(seed=OTHER), "red", "Not signed by the office"),
    "one letter changed": (lambda: changed_in_a_letter(token()), "red", "Not signed by the office"),
    "an unknown issuer key's": (lambda: token(key=2), "amber", "This file is too old for it"),
    "an unknown offer's": (lambda: token(offer_id=8), "amber", "This file is too old for it"),
    "no voucher": (lambda: "HTTPS://EXAMPLE.CN/", "red", "No voucher"),
    "a code": (lambda: "7K3M-9QPA-X2DT", "amber", "Not to be checked offline"),
}


def changed_in_a_letter(text: str) -> str:
    """The same but for the points it holds."""
    place = len(text) - 144 + 32
    return text[:place] + ("B" if text[place] == "A" else "A") + text[place + 1 :]


def test_each_voucher_that_is_no_good_here_is_refused_with_its_reason(phone: Phone) -> None:
    for why, (made, colour, headline) in REFUSED.items():
        phone.check(made())
        assert phone.verdict() == (colour, headline), why
        expect(phone.page.get_by_role("button", name="Accept", exact=True)).to_be_hidden()
        expect(phone.page.get_by_label("The whole bill in yuan")).to_be_hidden()
        phone.page.get_by_role("button", name="Check another voucher").click()


def test_a_voucher_is_good_on_its_last_day_in_the_shops_time_zone(chromium: Browser, tmp_path: Path) -> None:
    """A phone that thinks it is in Los Angeles still counts the days of the community."""
    with a_phone(chromium, tmp_path, timezone_id="America/Los_Angeles") as phone:
        for hour, colour in ((15, "green"), (16, "red")):
            phone.page.clock.set_fixed_time(datetime(2026, 12, 10, hour, 59 if hour == 15 else 0, tzinfo=UTC))
            phone.check(token())
            assert phone.verdict()[0] == colour
            phone.page.get_by_role("button", name="Check another voucher").click()


def test_a_voucher_is_accepted_once_on_a_phone_in_however_many_tabs(phone: Phone) -> None:
    phone.accept(token())
    second = phone.page.context.new_page()
    second.clock.set_fixed_time(MADE + timedelta(hours=2))
    second.goto(phone.path.as_uri())
    other = replace(phone, page=second)
    other.check(token())
    assert other.verdict() == ("red", "Used here already, 2026-11-23 13:00")


def test_two_tabs_that_accept_at_once_take_a_voucher_once(phone: Phone) -> None:
    second = phone.page.context.new_page()
    second.clock.set_fixed_time(MADE + timedelta(hours=1))
    second.goto(phone.path.as_uri())
    for page in (phone.page, second):
        replace(phone, page=page).check(token())
        page.get_by_label("The whole bill in yuan").fill("86")
        page.get_by_role("button", name="What comes off?").click()
    for page in (phone.page, second):
        page.get_by_role("button", name="Accept", exact=True).click()
    told = [page.locator("#result.red, #result:has(#accept[hidden])") for page in (phone.page, second)]
    for one in told:
        expect(one).to_be_visible()
    assert sorted(one.get_attribute("class") or "" for one in told) == ["green", "red"]
    phone.page.reload()
    expect(phone.page.locator("#list li")).to_have_count(1)


def test_a_file_that_is_over_accepts_nothing_and_still_sends(chromium: Browser, tmp_path: Path) -> None:
    with a_phone(chromium, tmp_path) as phone:
        phone.office.away = True
        phone.accept(token())
        phone.page.clock.set_fixed_time(MADE + timedelta(days=offline_file.DAYS, minutes=1))
        phone.office.away = False
        phone.page.reload()
        assert phone.verdict() == ("red", "This file is over")
        expect(phone.page.locator("#list li")).to_contain_text("redeemed")


def test_a_clock_that_goes_back_is_told(phone: Phone) -> None:
    phone.page.clock.set_fixed_time(MADE - timedelta(hours=1))
    phone.check(token())
    assert phone.verdict() == ("red", "This phone's clock is wrong")


def test_a_reload_keeps_what_waits_and_the_running_number(phone: Phone) -> None:
    phone.office.away = True
    phone.accept(token(voucher_id=9))
    phone.page.reload()
    expect(phone.page.locator("#waiting")).to_have_text("1 wait to be sent to the office.")
    phone.accept(token(voucher_id=10))
    expect(phone.page.locator("#list li")).to_have_count(2)
    pasted = acceptance_text.lines(phone.page.locator("#lines").input_value())
    assert [acceptance_text.record(line).n for line in pasted] == [1, 2]
    phone.office.away = False
    phone.page.get_by_role("button", name="Send now").click()
    expect(phone.page.locator("#waiting")).to_have_text("All were sent to the office.")


def test_what_the_office_looks_at_is_told_with_its_reason(phone: Phone) -> None:
    phone.office.answer = lambda said: {"outcome": "review", "code": "already_captured"}
    phone.accept(token())
    expect(phone.page.locator("#list li")).to_contain_text("the office looks at it: the voucher was used before")


def test_a_phone_accepts_nothing_before_its_key_is_registered(chromium: Browser, tmp_path: Path) -> None:
    with a_phone(chromium, tmp_path) as phone:
        phone.page.evaluate("indexedDB.databases().then((all) => all.forEach((one) => indexedDB.deleteDatabase(one.name)))")
        phone.office.away = True
        phone.page.reload()
        phone.check(token())
        assert phone.verdict() == ("amber", "Connect this phone once")


def test_a_phone_that_lost_its_key_says_so(chromium: Browser, tmp_path: Path) -> None:
    with a_phone(chromium, tmp_path, the_file(secret="")) as phone:
        assert phone.verdict() == ("red", "This phone's key is gone")


def test_a_browser_that_keeps_nothing_accepts_nothing(chromium: Browser, tmp_path: Path) -> None:
    with a_phone(chromium, tmp_path) as phone:
        phone.page.add_init_script("Object.defineProperty(window, 'indexedDB', {get() { throw new Error('denied'); }});")
        phone.page.reload()
        assert phone.verdict() == ("red", "This browser keeps nothing")


WITHOUT_ED25519 = """
const own = SubtleCrypto.prototype.generateKey;
SubtleCrypto.prototype.generateKey = function (name, ...rest) {
  return name.name === "Ed25519" ? Promise.reject(new DOMException("no", "NotSupportedError")) : own.call(this, name, ...rest);
};
"""


def test_a_browser_without_ed25519_of_its_own_verifies_and_signs_as_well(chromium: Browser, tmp_path: Path) -> None:
    with a_phone(chromium, tmp_path) as phone:
        phone.page.evaluate("indexedDB.databases().then((all) => all.forEach((one) => indexedDB.deleteDatabase(one.name)))")
        phone.page.add_init_script(WITHOUT_ED25519)
        phone.page.reload()
        expect(phone.page.locator("#registered")).to_have_text("The office knows this phone as D007.")
        for bad in (token(seed=OTHER), changed_in_a_letter(token()), malleable(token())):
            phone.check(bad)
            assert phone.verdict() == ("red", "Not signed by the office")
            phone.page.get_by_role("button", name="Check another voucher").click()
        phone.accept(token())
        expect(phone.page.locator("#list li")).to_contain_text("redeemed")
        *_, register, upload = (acceptance_text.lines(text)[0] for text in phone.office.got)
        assert upload.signed_by(acceptance_text.new_key(register).public)


def malleable(text: str) -> str:
    """The same token with S + L for S in its signature, which a careless verifier takes as well."""
    order = 2**252 + 27742317777372353535851937790883648493
    read = tokens.read(text)
    s = int.from_bytes(read.signature[32:], "little") + order
    changed = read.token.packed() + read.signature[:32] + s.to_bytes(32, "little")
    return base64.b32encode(changed).decode()


def test_a_photo_of_a_slip_is_read(phone: Phone, tmp_path: Path) -> None:
    """Turned, a little out of focus, in uneven light, on a page much larger than the code."""
    made = io.BytesIO()
    segno.make(token(), error="m", micro=False).save(made, kind="png", scale=8, border=4)
    paper = Image.new("L", (2_400, 3_200), 235)
    paper.paste(Image.open(made).convert("L").resize((900, 900)), (700, 1_300))
    turned = paper.rotate(17, resample=Image.Resampling.BICUBIC, fillcolor=120).filter(ImageFilter.GaussianBlur(2))
    light = Image.linear_gradient("L").resize(turned.size).point(lambda v: 120 + v // 2)
    ImageChops.multiply(turned, light).convert("RGB").save(tmp_path / "photo.jpg", quality=80)
    phone.page.locator("#photo").set_input_files(tmp_path / "photo.jpg")
    assert phone.verdict()[0] == "green"


def test_a_photo_without_a_code_says_what_to_do(phone: Phone, tmp_path: Path) -> None:
    Image.new("RGB", (800, 600), "white").save(tmp_path / "photo.png")
    phone.page.locator("#photo").set_input_files(tmp_path / "photo.png")
    assert phone.verdict() == ("amber", "No QR code found")


def test_goods_need_no_bill(phone: Phone) -> None:
    phone.check(token(offer_id=3, points=80))
    expect(phone.page.get_by_label("The whole bill in yuan")).to_be_hidden()
    phone.page.get_by_role("button", name="What comes off?").click()
    phone.page.get_by_role("button", name="Accept", exact=True).click()
    expect(phone.page.locator("#list li")).to_contain_text("redeemed")
    assert acceptance_text.record(acceptance_text.lines(phone.office.got[-1])[0]).bill_fen == 0


def test_the_file_reaches_no_other_address(phone: Phone) -> None:
    for address in ("https://elsewhere.example/", f"{COUNTER}/V/X", f"{COUNTER}/offline/upload/more"):
        refused = "(address) => fetch(address).then(() => 'sent', () => 'refused')"
        assert phone.page.evaluate(refused, address) == "refused"
    phone.faults.clear()


def test_the_page_fits_a_narrow_phone_in_both_languages(phone: Phone) -> None:
    phone.office.away = True
    phone.accept(token())
    for button in ("中文", "English"):
        assert phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        phone.page.get_by_role("button", name=button).click()
    assert phone.page.get_by_role("button", name="中文").is_visible()


def some_terms(chance: random.Random) -> Terms:
    match chance.randrange(3):
        case 0:
            return Offset(chance.choice((1, 3, 10, 999_983, chance.randint(1, 1_000_000))), chance.randint(1, 10_000))
        case 1:
            least = chance.choice((0, chance.randint(0, 10**8)))
            return Discount(chance.randint(1, 10_000), chance.randint(1, 10**8), chance.randint(1, 10**8), least)
    return Item(chance.randint(1, 10**8), chance.randint(1, 10**8))


KINDS = {Offset: "offset", Discount: "discount", Item: "item"}


def test_the_browser_counts_as_the_office_does(chromium: Browser) -> None:
    """5,000 cases of all kinds, with the largest and the smallest numbers among them."""
    chance = random.Random(7)
    cases, right = [], []
    for _ in range(5_000):
        terms, points = some_terms(chance), chance.choice((1, 7, 100, 10**8, chance.randint(1, 10**8)))
        bill = chance.choice((0, 1, 10**8, 10**8 + 1, chance.randint(1, 20_000), chance.randint(1, 10**8)))
        cases.append([{"kind": KINDS[type(terms)], **asdict(terms)}, points, bill])
        try:
            done = benefits.benefit(terms, points, bill)
            right.append([done.bill_fen, done.share_bp, done.share_fen, done.limit_fen, done.off_fen, done.points])
        except (Invalid, Refused) as error:
            right.append([error.code])
    page = chromium.new_page()
    page.add_script_tag(path=Path(offline_file.__file__).parent / "static" / "offline" / "benefit.js")
    counted = "(cases) => JSON.stringify(JSON.parse(cases).map((one) => Object.values(benefit(...one))))"
    assert json.loads(page.evaluate(counted, json.dumps(cases))) == right  # as text: ten times as fast
    page.close()


def test_the_browser_reads_amounts_as_people_type_them(chromium: Browser) -> None:
    page = chromium.new_page()
    page.add_script_tag(path=Path(offline_file.__file__).parent / "static" / "offline" / "benefit.js")
    typed = ["86", "86.5", "８６。５０", "¥ 1,086.05元", "", "8.600", "-3", "1e3", "abc", "0x10"]
    assert page.evaluate("(typed) => typed.map(fenOf)", typed) == [8_600, 8_650, 8_650, 108_605, *[None] * 6]
    page.close()


# --- with a real office behind the address ---


def at_the_shop(context: BrowserContext, counter: Served, folder: Path, script: str = "") -> Page:
    """A page with the shop's own file, downloaded on its enrolled phone, at the server's moment."""
    counter.voucher()  # with the first one the office makes its key
    page = context.new_page()
    page.goto(f"{counter.url}{counter.invitation()}")
    page.locator("form[action='/E'] button").click()
    page.goto(f"{counter.url}/offline")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the file").click()
    path = folder / "shop.html"
    got.value.save_as(path)
    if script:
        page.add_init_script(script)
    page.clock.set_fixed_time(datetime.fromisoformat(counter.now) + timedelta(minutes=1))
    page.goto(path.as_uri())
    expect(page.locator("#registered")).to_have_text("The office knows this phone as D001.")
    return page


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    opened = chromium.new_context(locale="en-GB", viewport=PHONE)
    yield opened
    opened.close()


def accept(page: Page, qr: str, bill: str = "86") -> None:
    page.get_by_label("Or paste what the QR code holds").fill(qr)
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_label("The whole bill in yuan").fill(bill)
    page.get_by_role("button", name="What comes off?").click()
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.locator("#verdict")).to_contain_text("Accepted")
    page.get_by_role("button", name="Check another voucher").click()


def test_a_phone_registers_accepts_and_uploads_from_a_file_on_its_disk(
    context: BrowserContext, counter: Served, tmp_path: Path
) -> None:
    page = at_the_shop(context, counter, tmp_path)
    accept(page, counter.voucher()["qr"])
    expect(page.locator("#list li")).to_contain_text("10.00 yuan off; redeemed, receipt")
    ((outcome, n),) = counter.cli.rows("SELECT outcome, n FROM acceptance")
    assert (outcome, n) == ("captured", 1)
    assert counter.cli("audit", "--json").json["ok"]


def test_what_was_accepted_without_a_network_is_uploaded_later_by_itself(
    context: BrowserContext, counter: Served, tmp_path: Path
) -> None:
    """The network comes back while the page lies open; nobody touches anything."""
    page = at_the_shop(context, counter, tmp_path)
    context.set_offline(True)
    first, second = counter.voucher(), counter.voucher()
    for voucher in (first, second):
        accept(page, voucher["qr"])
    counter.cli("voucher", "capture", second["code"], "--merchant", "S001", "--bill", "50")
    expect(page.locator("#waiting")).to_have_text("2 wait to be sent to the office.")
    context.set_offline(False)
    expect(page.locator("#waiting")).to_have_text("All were sent to the office.")
    expect(page.locator("#list li").first).to_contain_text("the office looks at it: the voucher was used before")
    expect(page.locator("#list li").last).to_contain_text("redeemed")
    assert counter.cli.rows("SELECT outcome FROM acceptance ORDER BY id") == [("captured",), ("review",)]


def test_a_copied_text_is_brought_in_on_another_page(context: BrowserContext, counter: Served, tmp_path: Path) -> None:
    page = at_the_shop(context, counter, tmp_path)
    voucher = counter.voucher()
    page.route(f"**{offline_file.UPLOAD}", lambda route: route.abort())
    accept(page, voucher["qr"])
    text = page.locator("#lines").input_value()
    desk = context.new_page()
    desk.goto(f"{counter.url}/offline")
    desk.get_by_label("The text from an offline page").fill(f"老王:\n{text}")
    desk.get_by_role("button", name="Bring in").click()
    expect(desk.locator("main")).to_contain_text("D001-1: 10.00 yuan off; redeemed")
    page.unroute_all()
    page.get_by_role("button", name="Send now").click()
    expect(page.locator("#list li")).to_contain_text("redeemed, receipt")


def test_a_phone_without_ed25519_of_its_own_is_understood_by_the_office(
    context: BrowserContext, counter: Served, tmp_path: Path
) -> None:
    page = at_the_shop(context, counter, tmp_path, WITHOUT_ED25519)
    accept(page, counter.voucher()["qr"])
    expect(page.locator("#list li")).to_contain_text("redeemed, receipt")
