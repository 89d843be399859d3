"""The pages say what the program does: their commands are run, their links followed, docs/cli.md is written anew."""

import re
from pathlib import Path

import pytest
from cli_page import PAGE, live_commands, page
from doc_pages import ROOT, check, pages

from timebank.base.i18n import translate

PAGES = pages()
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
SHOWING = [page for page in PAGES if "```console" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", SHOWING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(page, tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "docs/clerk.md", "docs/clerk.zh-CN.md", "docs/ledger.md"])
def test_the_pages_people_learn_from_show_commands(name: str) -> None:
    """A fence with a slip in its mark would silently not be run."""
    assert ROOT / name in SHOWING


def test_a_page_that_lies_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the runner lets pass: the truth, and `…`. What not: another line, a missing one, an unexpected status."""
    for number, (shown, good) in enumerate(
        [
            ("$ timebank --version\ntimebank …\n", True),
            ("$ timebank --version\n…\n", True),
            ("$ timebank --version\ntimebank 99\n", False),
            ("$ timebank --version\n", False),
            ("$ timebank member list\nerror: …\nhint: …\n$ echo $?\n8\n", True),
            ("$ timebank member list\nerror: …\n", False),
            ("$ timebank member list\nerror: …\nhint: …\n$ echo $?\n7\n", False),
            ("$ timebank member list\n…\n", False),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        page = folder / "page.md"
        page.write_text(f"```console\n{shown}```\n", encoding="utf-8")
        if good:
            check(page, folder, monkeypatch)
        else:
            with pytest.raises(AssertionError):
                check(page, folder, monkeypatch)


def test_the_page_of_commands_is_written_by_the_program() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: .venv/bin/python tests/cli_page.py"


def test_every_command_stands_in_the_page_with_help_in_both_languages_and_an_example() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for live in live_commands():
        assert f"\ntimebank {live.words}" in text, live.words
        assert live.help in text
        assert translate(live.help, "zh") in text
        assert translate(live.help, "zh") != live.help, live.words
        assert live.examples, live.words
        assert all(example in text for example in live.examples)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        led = (page.parent / name).resolve() if name else page
        assert led.exists(), f"{page.name}: {target}"
        assert led.is_relative_to(ROOT), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(led), f"{page.name}: {target}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_both_readmes_give_the_two_commands_word_for_word(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert f"\nmake {target}\n" in text
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("name", ["README.md", "docs/clerk.md", "docs/merchant.md"])
def test_what_people_read_first_comes_in_both_languages(name: str) -> None:
    other = name.replace(".md", ".zh-CN.md")
    assert f"({Path(other).name})" in (ROOT / name).read_text(encoding="utf-8")
    assert f"({Path(name).name})" in (ROOT / other).read_text(encoding="utf-8")
