"""When a phone shows the counter's pages, and what it fetched for them: `python bench/first_paint.py ADDRESS INVITATION`.

Chromium as a phone: 360 × 640, a processor four times slower, 1.6 Mbit/s down, 750 kbit/s up, 150 ms there and back (the
mobile profile of Lighthouse 12). Cold: an empty cache, a new connection. The first contentful paint is the browser's own
figure (W3C Paint Timing). Nothing here is a test: the figures stand in docs/counter.md.
"""

import statistics
import sys

from playwright.sync_api import Browser, sync_playwright

RUNS = 9
PROFILE = {"offline": False, "latency": 150, "downloadThroughput": 1_600_000 / 8, "uploadThroughput": 750_000 / 8}
_PAINTED = """() => new Promise((done) => new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.name === "first-contentful-paint") done(entry.startTime);
}).observe({ type: "paint", buffered: true }))"""


def once(browser: Browser, url: str, cookies: list[dict[str, object]]) -> tuple[float, int]:
    """One cold look at a page: milliseconds to the first paint, bytes that came over the network, heads included."""
    context = browser.new_context(locale="zh-CN", viewport={"width": 360, "height": 640})
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    tool = context.new_cdp_session(page)
    got: list[float] = []
    tool.on("Network.loadingFinished", lambda event: got.append(event["encodedDataLength"]))
    tool.send("Network.enable")
    tool.send("Network.emulateNetworkConditions", PROFILE)
    tool.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(url, wait_until="networkidle")
    painted: float = page.evaluate(_PAINTED)
    context.close()
    return painted, int(sum(got))


def main() -> None:
    """Bind a phone by the invitation, then look at each page."""
    address, invitation = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(locale="zh-CN")
        page = context.new_page()
        page.goto(f"{address}/E/{invitation.rpartition('/')[2]}")
        with page.expect_navigation():
            page.locator("form[action='/E'] button").click()
        cookies = [dict(cookie) for cookie in context.cookies()]
        for path in ("/", "/today", "/claims", "/poster"):
            seen = [once(browser, address + path, cookies) for _ in range(RUNS)]
            painted = sorted(round(ms) for ms, _ in seen)
            middle, last = statistics.median(painted), painted[-1]
            print(f"{path:10} first paint {middle:5.0f} ms (slowest {last}), {seen[0][1] / 1000:5.1f} kB")
        browser.close()


if __name__ == "__main__":
    main()
