"""A member's month on paper: its QR and its digits witness the book, and whoever has the paper can show it."""

import io
import re
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser

from conftest import Cli
from timebank import notes, qr, statement_files, statement_pages
from timebank.base.i18n import LANGUAGES, text
from timebank.benefits import DISCLAIMER
from timebank.statement_pages import Sheet, Witness

WITNESS = Witness("520201-jianshe/1", 42, bytes(range(32)), "", "ab" * 32)


@pytest.fixture
def closed(office: Cli) -> Cli:
    """An office whose September is closed, with an hour of one member in it."""
    work = ("hours", "record", "M0001", "--date", "2026-09-10", "--minutes", "60", "--category", "elder-care")
    office(*work)
    office("statement", "close", "2026-09", "--approver", "W0002")
    return office


def export(office: Cli, to: Path, *words: str) -> Path:
    office("statement", "export", "2026-09", "--to", str(to), "--format", "html", *words)
    return to


def decoded(page: str) -> str:
    """What the page's drawing holds, read from its path: the modules as the browser would draw them."""
    size = int(re.search(r'viewBox="0 0 (\d+) \1"', page)[1])  # type: ignore[index]
    picture = Image.new("L", (size, size), 255)
    x, y = 0, 0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", page.partition('stroke="#000" d="')[2].partition('"')[0]):
        steps = [int(float(number) // 1) for number in numbers.split()]
        if command == "h":
            for _ in range(steps[0]):
                picture.putpixel((x, y), 0)
                x += 1
        else:
            x, y = (x + steps[0], y + steps[1]) if command == "m" else (steps[0], steps[1])
    (found,) = zxingcpp.read_barcodes(picture.resize((size * 6, size * 6), Image.Resampling.NEAREST))
    return found.text


def test_each_paper_of_a_closed_month_holds_the_signed_head_of_the_book(closed: Cli, tmp_path: Path) -> None:
    out = export(closed, tmp_path / "out", "--lang", "zh")
    pages = sorted(out.glob("member/*.html"))
    assert [page.stem for page in pages] == ["M0001", "M0002", "M0003"]
    key = notes.read_vkey(closed("checkpoint", "key", "--json").json["key"])
    for page in pages:
        note = decoded(page.read_text(encoding="utf-8"))
        head = notes.read_head(note, key)
        assert notes.digits(head.root) in page.read_text(encoding="utf-8")


def test_the_notice_says_the_digits_and_the_months_root_in_both_languages(closed: Cli, tmp_path: Path) -> None:
    out = export(closed, tmp_path / "out")
    said = (out / "NOTICE.txt").read_text(encoding="utf-8-sig").splitlines()
    page = (out / "member" / "M0001.html").read_text(encoding="utf-8")
    (digits,) = re.findall(r"(?:\d{4} ){9}\d{4}", page)
    (root,) = set(re.findall(r"\b[0-9a-f]{64}\b", page))
    assert [text(DISCLAIMER, lang) in said for lang in LANGUAGES] == [True, True]
    assert sum(digits in line for line in said) == sum(root in line for line in said) == 2
    assert len(said) == 6


def test_pages_of_a_closed_month_come_out_the_same_again(closed: Cli, tmp_path: Path) -> None:
    first = export(closed, tmp_path / "a")
    work = ("hours", "record", "M0001", "--date", "2026-10-10", "--minutes", "60", "--category", "elder-care")
    closed(*work)
    second = export(closed, tmp_path / "b")
    for file in [*sorted(first.rglob("*.html")), first / "NOTICE.txt", first / "manifest.json"]:
        assert file.read_bytes() == (second / file.relative_to(first)).read_bytes()
    closed("statement", "export", "2026-09", "--to", str(first))
    assert list(first.rglob("*.html")) == []


def test_an_open_month_is_a_draft_on_paper_too(closed: Cli, tmp_path: Path) -> None:
    closed("statement", "export", "2026-10", "--to", str(tmp_path / "out"), "--format", "html")
    page = (tmp_path / "out" / "member" / "M0001.html").read_text(encoding="utf-8")
    assert "2026-10 DRAFT" in page
    assert decoded(page).startswith("520201-jianshe/1\n")
    assert re.findall(r"[0-9a-f]{64}", page) == []


def test_a_page_says_what_the_lines_say_and_loads_nothing(closed: Cli, tmp_path: Path) -> None:
    out = export(closed, tmp_path / "out", "--lang", "zh")
    page = (out / "member" / "M0001.html").read_text(encoding="utf-8")
    for said in ("建设中路社区", "2026-09-M0001", "张*", "2026-09-10", "elder-care", "12"):
        assert said in page
    assert "张三" not in page
    assert text(DISCLAIMER, "zh") in page
    assert "<script" not in page
    assert re.findall(r"(?:src|href)=|url\(|@import", page) == []


def test_a_page_charts_the_points_of_the_last_twelve_months(closed: Cli, tmp_path: Path) -> None:
    """Two months of this book: 12 points at the end of September, 24 more in October; half as high."""
    work = ("hours", "record", "M0001", "--date", "2026-10-10", "--minutes", "120", "--category", "elder-care")
    closed(*work)
    closed("statement", "export", "2026-10", "--to", str(tmp_path / "out"), "--format", "html")
    page = (tmp_path / "out" / "member" / "M0001.html").read_text(encoding="utf-8")
    assert re.findall(r'height="(\d+)"/>', page) == ["23", "70"]
    assert re.findall(r'<text x="\d+" y="\d+">([^<]*)</text>', page) == ["12", "2026-09", "36", "2026-10"]
    other = (tmp_path / "out" / "member" / "M0002.html").read_text(encoding="utf-8")
    assert 'class="chart"' not in other


def test_the_chart_begins_with_the_book_and_has_twelve_months_at_most() -> None:
    assert statement_files._charted("2026-10", "2026-09") == ["2026-09", "2026-10"]
    assert statement_files._charted("2027-02", "2020-01")[0] == "2026-03"
    assert len(statement_files._charted("2027-02", "2020-01")) == 12


def test_names_and_texts_stay_text_on_a_page() -> None:
    sheet = Sheet(
        "<b>", "2026-09", "n", "M1", "<i>&", [("<u>", "1")], [("<b>", 1, "<i>")], ["<s>"], [["<script>"]], frozenset({0})
    )
    page = statement_pages.page(sheet, "", "en")
    assert re.findall(r"<(?:b|i|u|s|script)>", page) == []
    assert '<td class="n">&lt;script&gt;</td>' in page


def test_the_digits_beside_a_qr_are_those_of_its_root() -> None:
    drawn = statement_pages.drawn(WITNESS, "en")
    assert notes.digits(WITNESS.root) in drawn
    assert decoded(drawn).split("\n") == [WITNESS.origin, "42", WITNESS.root.hex(), ""]
    assert len(statement_pages.told(WITNESS)) == 2


def test_a_longest_note_still_fits_into_a_qr() -> None:
    """A community's code of 40 letters in a log of most entries."""
    head = notes.Head(f"{'a' * 40}/999", 10**15, bytes(32))
    note = notes.signed_head(head, bytes(range(32)))
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(qr.png(qr.made(note)))))
    assert found.text == note


@pytest.mark.browser
def test_a_printed_page_is_read_by_another_reader(closed: Cli, tmp_path: Path, chromium: Browser) -> None:
    file = export(closed, tmp_path / "out", "--lang", "zh") / "member" / "M0001.html"
    asked: list[str] = []
    page = chromium.new_page(viewport={"width": 794, "height": 1123}, device_scale_factor=2)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    page.close()
    assert len(asked) == 1
    for angle in (0, 6, 180):
        (found,) = zxingcpp.read_barcodes(picture.convert("L").rotate(angle, expand=True, fillcolor=255))
        assert found.text == decoded(file.read_text(encoding="utf-8"))
