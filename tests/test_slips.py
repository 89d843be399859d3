"""What a person is given of a voucher: a QR that an independent reader reads, on a terminal and on paper, a slip, files.

The reader is zxing-cpp, which shares nothing with what draws.
"""

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image, ImageFilter
from playwright.sync_api import Browser

from conftest import Cli, Result
from timebank import qr, slips, tokens
from timebank.base.errors import Conflict
from timebank.base.i18n import text
from timebank.benefits import DISCLAIMER
from timebank.commands.papers import Files, Paper
from timebank.slips import Slip

COUNTER = "https://abcdefghijklmnop.gov.cn"
TOKEN = "A" * tokens.CHARACTERS
URL = tokens.url(TOKEN, COUNTER)
SLIP = Slip(
    "建设中路社区", "V9", "7K3M9QPAX2DT", TOKEN, "老王便民超市 (S001)", "10 积分抵 1 元", "10.00 元", date(2026, 11, 22)
)
ISSUE = ("voucher", "issue", "M0001", "--offer", "1", "--points", "40")


def decoded(image: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(image)]


def photographed(image: Image.Image) -> Iterator[Image.Image]:
    """The same picture as phones see it: straight, turned, upside down, out of focus."""
    for angle, blur in ((0, 0), (7, 2), (45, 3), (93, 3), (180, 4), (261, 2)):
        yield image.convert("L").rotate(angle, expand=True, fillcolor=255).filter(ImageFilter.GaussianBlur(blur))


def drawn(rows: list[str], light: int, dark: int) -> Image.Image:
    """A terminal's picture of half blocks: every character one module wide and two high."""
    halves = {"█": (light, light), "▀": (light, dark), "▄": (dark, light), " ": (dark, dark)}
    picture = Image.new("L", (len(rows[0]), 2 * len(rows)))
    for y, row in enumerate(rows):
        for x, character in enumerate(row):
            for half, shade in enumerate(halves[character]):
                picture.putpixel((x, 2 * y + half), shade)
    return picture.resize((picture.width * 6, picture.height * 6), Image.Resampling.NEAREST)


@pytest.fixture
def earned(office: Cli) -> Cli:
    """An office whose first member has 100 points."""
    work = ("hours", "record", "M0001", "--date", "2026-10-10", "--category", "elder-care", "--minutes")
    office(*work, "480", "--approver", "W0002")
    return office


def listed(office: Cli) -> list[str]:
    return [row["voucher"] for row in office("voucher", "list", "--json").json]


def test_the_picture_of_a_qr_is_read_however_it_is_held() -> None:
    picture = Image.open(io.BytesIO(qr.png(qr.made(URL, slips.QR_VERSION))))
    for photo in photographed(picture):
        assert decoded(photo) == [URL]


def test_a_qr_on_a_terminal_is_read_from_its_characters() -> None:
    """Light on dark, as it is drawn with colours; and turned round, as a light terminal without colours shows it."""
    rows = qr.rows(qr.made(URL, slips.QR_VERSION))
    assert {len(row) for row in rows} == {45 + 2 * qr.QUIET}
    assert decoded(drawn(rows, light=255, dark=0)) == [URL]
    assert decoded(drawn(rows, light=0, dark=255)) == [URL]
    assert decoded(drawn(rows, light=0, dark=0)) == []


def test_any_text_has_a_qr_of_the_size_it_needs() -> None:
    for written in ("https://example.cn/Check?x=abc", "建设中路社区 2026-10", "1" * 40):
        assert decoded(Image.open(io.BytesIO(qr.png(qr.made(written))))) == [written]


@contextmanager
def a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> Iterator[list[str]]:
    """A terminal of a width for stdout; what was shown on it stands in the list afterwards."""
    shown: list[str] = []
    master, slave = os.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    with open(slave, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        yield shown
        stdout.write("\0")
        stdout.flush()
        seen = b""
        while b"\0" not in seen:
            seen += os.read(master, 65_536)
    os.close(master)
    shown.append(seen.decode().replace("\r\n", "\n").rstrip("\0"))


@pytest.mark.parametrize("color", [True, False])
def test_a_terminal_shows_a_qr_that_does_not_depend_on_its_colours(color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from timebank.base.config import Config
    from timebank.show import Screen

    rows = qr.rows(qr.made(URL, slips.QR_VERSION))
    with a_terminal(monkeypatch, 80) as shown:
        Screen(Config("", None, None, "en", color=color)).picture(rows)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown[0]).splitlines()
    assert plain == rows
    grounds = re.findall(r"\x1b\[([0-9;]+)m", shown[0])
    assert len(grounds) == (2 * len(rows) if color else 0)
    if color:  # both colours are named on every line: white, on black
        assert set(grounds[::2]) == {"38;5;231;48;5;16"}


def test_a_window_that_is_too_narrow_shows_no_broken_qr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from timebank.base.config import Config
    from timebank.show import Screen

    rows = qr.rows(qr.made(URL, slips.QR_VERSION))
    with a_terminal(monkeypatch, 40) as shown:
        Screen(Config("", None, None, "en")).picture(rows)
    assert shown == [""]
    assert "--png" in capsys.readouterr().err


def test_a_page_holds_all_that_a_slip_says_and_loads_nothing() -> None:
    for lang in ("zh", "en"):
        page = slips.page(SLIP, COUNTER, lang)
        assert "7K3M-9QPA-X2DT" in page
        assert text(DISCLAIMER, lang) in page
        for said in (SLIP.community, SLIP.shop, SLIP.gives, SLIP.most, "2026-11-22", "V9"):
            assert said in page
        assert "<script" not in page
        assert re.findall(r"(?:src|href)=|url\(|@import", page) == []
        assert "default-src 'none'" in page


def test_names_stay_text_on_a_slip() -> None:
    odd = Slip("<b>社区</b>", "V9", SLIP.code, None, 'a"&<script>alert(1)</script>', "{code}", "1 & 1", SLIP.last_day)
    page = slips.page(odd, None, "en")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{code}" in page
    assert "<svg" not in page


def test_the_page_says_whether_a_camera_opens_the_qr() -> None:
    told = {slips.page(slip, counter, "en") for slip, counter in ((SLIP, COUNTER), (SLIP, None))}
    assert len({page.partition("</svg>")[2].partition("<dl>")[0] for page in told}) == 2


def test_a_voucher_is_given_out_as_a_slip_and_pictures(earned: Cli, tmp_path: Path) -> None:
    slip, png, svg = (tmp_path / name for name in ("slip.html", "v.png", "v.svg"))
    given = earned(
        *ISSUE, "--counter", COUNTER, "--slip", str(slip), "--png", str(png), "--svg", str(svg), "--lang", "zh", "--json"
    ).json
    assert decoded(Image.open(png)) == [given["qr"]]
    assert given["qr"].startswith("HTTPS://ABCDEFGHIJKLMNOP.GOV.CN/V/")
    assert given["code"] in slip.read_text(encoding="utf-8")
    assert "老王便民超市" in slip.read_text(encoding="utf-8")
    assert ElementTree.fromstring(svg.read_bytes()).tag.endswith("svg")
    assert not list(tmp_path.glob(".timebank-*"))
    assert {file.stat().st_mode & 0o077 for file in (slip, png, svg)} == {0}
    for kept in (given["qr"][-60:].encode(), given["code"].replace("-", "").encode()):
        assert kept not in earned.stored()


def test_a_token_stands_wherever_a_code_is_typed(earned: Cli) -> None:
    first, second = (earned(*ISSUE, "--json").json for _ in range(2))
    assert first["qr"].startswith("TIMEBANK:V/")
    assert earned("voucher", "verify", first["qr"].lower(), "--merchant", "S001", "--json").json["voucher"] == first["voucher"]
    assert earned("voucher", "show", first["qr"], "--json").json["voucher"] == first["voucher"]
    earned("voucher", "capture", first["qr"], "--merchant", "S001", "--bill", "86.00")
    again = earned("voucher", "capture", first["code"], "--merchant", "S001", "--bill", "86.00", "--json", status=3)
    assert again.json["error"]["code"] == "already_captured"
    earned("voucher", "void", second["qr"])
    forged = second["qr"][:-1] + ("A" if second["qr"][-1] != "A" else "B")
    assert earned("voucher", "show", forged, "--json", status=7).json["error"]["code"] == "unknown_code"


def test_a_token_is_no_code_of_another_community(earned: Cli) -> None:
    """Not even in the same database, under the same file of keys."""
    token = earned(*ISSUE, "--json").json["qr"]
    earned("init", "--community", "520201-other", "--name", "另一社区", "--open-from", "2026-09")
    there = ("--community", "520201-other")
    earned("merchant", "add", "别家店", *there)
    told = earned("voucher", "verify", token, "--merchant", "S001", *there, "--json", status=7)
    assert told.json["error"]["code"] == "unknown_code"


def test_a_rehearsal_writes_no_file(earned: Cli, tmp_path: Path) -> None:
    told = earned(*ISSUE, "--png", str(tmp_path / "v.png"), "--slip", str(tmp_path / "v.html"), "--dry-run", "--json")
    assert repeated(told) == ("V1", None, None)
    assert re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", earned(*ISSUE, "--dry-run").out) is None
    assert list(tmp_path.glob("v.*")) == []
    assert listed(earned) == []
    assert earned("issuer", "list", "--json").json == []


def test_no_file_is_written_over_and_nothing_is_issued(earned: Cli, tmp_path: Path) -> None:
    there = tmp_path / "v.png"
    there.write_bytes(b"a photo of somebody's grandchild")
    cases: tuple[tuple[tuple[str, ...], int, str], ...] = (
        (("--png", str(there)), 5, "file_exists"),
        (("--svg", str(tmp_path / "no" / "v.svg")), 7, "no_folder"),
        (("--slip", str(tmp_path / "a"), "--svg", str(tmp_path / "a")), 8, "same_file"),
        (("--counter", "https://example.cn/path"), 8, "bad_counter"),
    )
    for options, status, code in cases:
        assert earned(*ISSUE, *options, "--json", status=status).json["error"]["code"] == code
    assert there.read_bytes() == b"a photo of somebody's grandchild"
    assert listed(earned) == []
    assert earned("points", "balance", "M0001", "--json").json["points"]["held"] == 0


def test_a_file_that_appears_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    there = tmp_path / "slip.html"
    there.write_bytes(b"of the other desk")
    with pytest.raises(Conflict) as caught:
        Paper(SLIP, "40", None).write(Files(there, None, None), "en")
    assert caught.value.code == "file_exists"
    assert there.read_bytes() == b"of the other desk"


def test_a_repeat_writes_no_file_because_the_code_is_gone(earned: Cli, tmp_path: Path) -> None:
    png = tmp_path / "v.png"
    first = earned(*ISSUE, "--key", "k1", "--png", str(png), "--json").json
    written = png.read_bytes()
    assert repeated(earned("--json", *ISSUE, "--key", "k1", "--png", str(png))) == (first["voucher"], None, None)
    png.unlink()
    told = earned(*ISSUE, "--key", "k1", "--png", str(png))
    assert "warning" in told.err
    assert not png.exists()
    assert written
    assert listed(earned) == ["V1"]


def repeated(result: Result) -> tuple[str, str | None, str | None]:
    return result.json["voucher"], result.json["code"], result.json["qr"]


def test_a_file_that_fails_takes_nothing_from_the_screen(earned: Cli) -> None:
    """The voucher counts by then: its code is told, and the exit status says that something is missing."""
    told = earned(*ISSUE, "--png", "/proc/v.png", "--json", status=74)
    assert told.json["code"] is not None
    assert listed(earned) == ["V1"]


def test_keys_are_listed_announced_and_revoked_by_two(earned: Cli) -> None:
    token = earned(*ISSUE, "--json").json["qr"]
    earned("issuer", "announce", "--year", "2027")
    assert earned("issuer", "revoke", "1").status == 0
    waiting = earned("inbox", "--json").json
    assert [(one["kind"], one["subject"]) for one in waiting] == [("issuer.revoke", "issuer:1")]
    assert earned("voucher", "show", token).status == 0
    earned("approve", str(waiting[0]["number"]), "--as", "W0002")
    assert earned("voucher", "show", token, "--json", status=7).json["error"]["code"] == "unknown_code"
    assert earned("voucher", "show", "V1", "--json").json["state"] == "issued"
    assert [(key["number"], bool(key["revoked_on"])) for key in earned("issuer", "list", "--json").json] == [
        (1, True),
        (2, False),
    ]
    assert earned("audit", "--json").json["ok"]


@pytest.mark.browser
def test_a_printed_slip_is_read_and_asks_for_nothing(tmp_path: Path, chromium: Browser) -> None:
    page_file, svg_file = tmp_path / "slip.html", tmp_path / "drawing.html"
    page_file.write_text(slips.page(SLIP, COUNTER, "zh"), encoding="utf-8")
    (tmp_path / "v.svg").write_bytes(qr.svg(qr.made(URL, slips.QR_VERSION)))
    svg_file.write_text('<!doctype html><img src="v.svg" width="280" alt="">', encoding="utf-8")
    asked: list[str] = []
    wrong: list[str] = []
    for file, width in ((page_file, 302), (page_file, 397), (svg_file, 300)):  # 80 mm, A6, a picture
        page = chromium.new_page(viewport={"width": width, "height": 560}, device_scale_factor=3)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for photo in photographed(Image.open(io.BytesIO(page.screenshot(full_page=True)))):
            assert decoded(photo) == [URL]
    page = chromium.new_page()
    page.goto(page_file.as_uri())
    for size in ({"width": "105mm", "height": "148mm"}, {"width": "80mm", "height": "200mm"}):
        printed = page.pdf(**size)  # type: ignore[arg-type]
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    assert {url.partition(":")[0] for url in asked} == {"file"}
    assert len(asked) == 3 + 1  # the pages, and the drawing in the last of them
    assert wrong == []


def warned(office: Cli, *words: str, now: str | None = None) -> list[str]:
    """What the doctor warns of that has to do with QR codes."""
    told = office("doctor", "--json", *words, now=now).json["warnings"]
    return [warning for warning in told if "QR" in warning or "key" in warning.lower() or "address" in warning]


def test_the_doctor_tells_of_a_counter_without_an_address(earned: Cli) -> None:
    assert len(warned(earned)) == 1
    assert warned(earned, "--counter", COUNTER) == []
    assert len(warned(earned, "--counter", "https://example.cn/path")) == 1


def test_the_doctor_tells_of_a_year_without_a_key(earned: Cli) -> None:
    december = "2026-12-10T12:00:00+08:00"
    assert warned(earned, "--counter", COUNTER, now=december) == []
    earned(*ISSUE)
    assert warned(earned, "--counter", COUNTER) == []
    assert ["2027" in warning for warning in warned(earned, "--counter", COUNTER, now=december)] == [True]
    earned("issuer", "announce", "--year", "2027")
    assert warned(earned, "--counter", COUNTER, now=december) == []


def test_the_doctor_tells_of_issuer_keys_of_another_file(earned: Cli) -> None:
    earned(*ISSUE)
    seed = json.loads(earned.keys.read_bytes())
    earned.keys.write_text(json.dumps(seed | {"seed": "00" * 32}), encoding="utf-8")
    assert len(warned(earned, "--counter", COUNTER)) == 1
    earned.keys.unlink()
    assert warned(earned, "--counter", COUNTER) == []
