"""Phones with a real browser: headless Chromium, 360 pixels wide, watched for what a counter's page must never do."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from counter import Served

WIDE, HIGH = 360, 640
_WATCH = """
addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""


class Phone:
    """One phone: its page, and what it was seen doing. `fine` fails when any page asked elsewhere, broke the policy, or left
    the screen to the side."""

    def __init__(self, context: BrowserContext, served: Served) -> None:
        self.served = served
        self.context = context
        self.page: Page = context.new_page()
        self.wrong: list[str] = []
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.served.url}/", "blob:", "data:")):
            self.wrong.append(f"asked {url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "the server responded with a status of" not in message.text:
            self.wrong.append(message.text)

    def open(self, path: str) -> None:
        """Go to a page of the counter."""
        self.page.goto(self.served.url + path)

    def enrol(self, shop: str = "S001") -> None:
        """Bind this phone to a shop, as a clerk's QR code lets it."""
        self.open(self.served.invitation(shop))
        self.page.locator("form[action='/E'] button").click()
        self.page.locator("#code").wait_for()

    def press(self, form: str) -> None:
        """Press the button of a form, and wait for the page it leads to."""
        with self.page.expect_navigation():
            self.page.locator(f"form[action='{form}'] button").first.click()

    def check(self, code: str) -> None:
        """Type a voucher's code and check it."""
        self.open("/")
        self.page.locator("#code").fill(code)
        self.press("/check")

    def bill(self, bill: str) -> None:
        """Type the bill of a voucher that is good."""
        self.page.locator("#bill").fill(bill)
        self.press("/quote")

    @property
    def tone(self) -> str:
        """The colour of the screen: 'green', 'amber', 'red' or ''."""
        return self.page.locator("body").get_attribute("class") or ""

    @property
    def told(self) -> str:
        """What is to be read on the page."""
        return " ".join(self.page.locator("main").inner_text().split())

    def fine(self) -> None:
        """Nothing went wrong, and this page can be read and used by everybody."""
        assert self.wrong == []
        found: list[str] = self.page.evaluate(_CHECKS)
        assert found == [], self.page.url


_CHECKS = Path(__file__).with_name("access.js").read_text(encoding="utf-8")


@pytest.fixture(name="phones")
def a_drawer_of_phones(chromium: Browser, counter: Served) -> Iterator[Callable[..., Phone]]:
    """Makes phones, each with cookies of its own; at the end every one of them must be fine."""
    made: list[Phone] = []

    def phone(lang: str = "zh-CN", **more: Any) -> Phone:
        context = chromium.new_context(locale=lang, viewport={"width": WIDE, "height": HIGH}, **more)
        context.set_default_timeout(10_000)
        context.add_init_script(_WATCH)
        made.append(Phone(context, counter))
        return made[-1]

    yield phone
    for one in made:
        wrong = one.wrong
        one.context.close()
        assert wrong == []
