"""The pages say what the program does: their commands are run, their links followed, docs/cli.md is written anew."""

import json
import re
from pathlib import Path

import pytest

from cli_page import PAGE, live_commands, page
from doc_pages import ROOT, check, pages, runner
from timebank import audit, cli, holds, statement_files
from timebank.base.i18n import translate
from timebank.base.sheets import SYNONYMS

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


def test_the_page_of_the_house_names_every_room() -> None:
    text = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "timebank").rglob("*.py") if not path.name.startswith("__")}
    named = set(re.findall(r"`(?:\w+/)?(\w+\.py)`", text))
    assert rooms <= named, sorted(rooms - named)
    beside = {path.name for folder in ("migrations", "tests") for path in (ROOT / folder).rglob("*.py")}
    assert named <= rooms | beside, sorted(named - rooms - beside)


def test_the_page_of_formats_names_every_header_that_is_understood() -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    table = text[text.index("## Sheets in") : text.index("| command | needs")]
    told = {
        name: [word.strip() for word in words.split(",")]
        for name, words in re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", table, re.MULTILINE)
    }
    for name, words in SYNONYMS.items():
        assert told[name] == list(words), name


def test_the_page_of_formats_gives_every_exit_status() -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    given = {int(status) for status in re.findall(r"^\| (\d+) \| ", text, re.MULTILINE)}
    used = {*cli.EXIT_STATUS.values(), cli.USAGE, cli.BUG, *(20, 21, 22, 23)}
    assert used <= given


def test_the_page_of_the_book_names_every_field_of_a_payload() -> None:
    """Read from the room that writes payloads, so that a new field cannot be forgotten."""
    fields = set(re.findall(r'"(\w+)":', (ROOT / "timebank" / "payloads.py").read_text(encoding="utf-8")))
    text = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    table = text[text.index("## An entry's payload") : text.index("## Kinds")]
    assert fields == set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE))))


def test_the_page_of_the_book_names_every_kind_of_entry() -> None:
    text = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    kinds = set(
        re.findall(r"`([a-z.]+)`", "".join(re.findall(r"^\| (`[^|]+) \|", text[text.index("## Kinds") :], re.MULTILINE)))
    )
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "timebank").glob("*.py"))
    source += "".join(path.read_text(encoding="utf-8") for path in (ROOT / "timebank" / "people").glob("*.py"))
    written = set(re.findall(r'Draft\(\s*"([a-z.]+)"', source)) | set(holds.KINDS.values())
    assert written <= kinds, sorted(written - kinds)


def test_the_page_of_the_book_names_every_check_of_the_audit() -> None:
    text = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    told = text[text.index("## Invariants") :]
    assert [name for name in audit.CHECKS if f"| {name} |" not in told and f"`{name}`" not in told] == []


def test_the_page_of_formats_names_every_column_of_a_statement() -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", text[text.index("### Statements") :]))
    files = statement_files
    columns = {*files._MEMBERS, *files._LINES, *files._MERCHANTS, *files._MERCHANT_LINES, *files._POOLS, *files._TOTALS}
    assert columns <= named, sorted(columns - named)


ANSWERS = re.findall(
    r"^\| (`[a-z -]+`(?:, `[a-z -]+`)*) \| `([\[{].*?)`(?:;.*|,.*|) \|$",
    (ROOT / "docs" / "formats.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
"""What docs/formats.md says each command answers with --json: (commands, shape)."""


def keys_of(value: object) -> set[str]:
    """All names in a JSON value, but those that are data: files by name, and what a trace holds."""
    if isinstance(value, list):
        return {name for item in value for name in keys_of(item)}
    if not isinstance(value, dict):
        return set()
    children = [list(child.values()) if name == "files" else child for name, child in value.items() if name != "trace"]
    return set(value) | keys_of(children)


def test_the_answers_in_json_are_those_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small life with --json throughout: each answer has the names the page gives, and no others."""
    told = {words.strip(" `"): set(re.findall(r'"(\w+)"', shape)) for names, shape in ANSWERS for words in names.split(",")}
    sheet = "ref,date,member_no,minutes,category\n1,2026-10-05,M1,570,care\n2,2026-10-05,M2,90,care\n3,2026-10-05,M9,90,care\n"
    (tmp_path / "sheet.csv").write_text(sheet, encoding="utf-8")
    (tmp_path / "people.csv").write_text("name,joined_on\n李秀英,2026-01-01\n王建国,2026-01-01\n", encoding="utf-8")
    (tmp_path / "shops.csv").write_text("name\n老王便民超市\n", encoding="utf-8")
    offers = "merchant_no,kind,valid_from,valid_to,points_per_yuan\nS1,offset,2026-01-01,2026-12-31,2\n"
    (tmp_path / "offers.csv").write_text(offers, encoding="utf-8")
    rules = ROOT / "examples" / "rules" / "one-hour-one-point.toml"
    holidays = ROOT / "examples" / "holidays" / "2026.json"
    (tmp_path / "draft.toml").write_text(f"{rules.read_text('utf-8')}[gift]\nto = 'pools'\n", encoding="utf-8")
    giving = rules.read_text("utf-8").replace('"2026.1"', '"2026.2"')
    giving += "[gift]\nto = 'anyone'\n[credit]\npoints_per_credit = 1\n[[cap]]\nid = 'm'\nper = 'month'\npoints = 900\n"
    (tmp_path / "giving.toml").write_text(f"{giving}overflow = 'pool:care'\n", encoding="utf-8")
    (tmp_path / "old.csv").write_text("member_no,points,lapses_on\nM1,40,2026-11-15\nM9,1,never\n", encoding="utf-8")
    contributions = "date,member_no,credits,category\n2026-10-05,M1,3,care\n2026-10-05,M9,3,care\n"
    (tmp_path / "contributions.csv").write_text(contributions, encoding="utf-8")
    life = f"""
        init --name 建设中路社区 --open-from 2026-10|db status|db upgrade|clerk add 李晓梅|clerk list
        member import people.csv|merchant import shops.csv|member add 张小三|merchant add 阿香理发店|member list|member show M1
        merchant list|rules check {rules}|rules publish {rules} --resolution 7 --retroactive 首份 --approver W0002|rules list
        rules show 2026.1|rules diff 2026.1 draft.toml|rules presets|rules new half-hours mine.toml
        hours import sheet.csv --partial|hours record M2 --date 2026-10-06 --minutes 60 --category care
        hours record M2 --date 2026-10-07 --minutes 600 --activity-no A7|inbox|hours review
        hours approve --all-of A7 --as W0002|approve 1 --as W0002
        hours record M2 --date 2026-10-08 --minutes 600|hours reject 5 --why 无 --as W0002
        hours record M2 --date 2026-10-09 --minutes 600|reject 4 --why 无 --as W0002|hours list
        hours correct 2 --minutes 60 --approver W0002|points balance M2|rules explain E12
        offer add --merchant S1 --kind offset --points-per-yuan 1 --valid 2026-01-01..2026-12-31|offer list
        voucher issue M2 --offer 1 --points 5|voucher verify CODE --merchant S1|voucher capture CODE --merchant S1 --bill 9
        voucher issue M2 --offer 1 --points 1|voucher list|voucher void V2|voucher expire --due|audit
        issuer list|issuer announce --year 2027|issuer revoke 2 --approver W0002
        db export --to book.journal
        kin add M1 M2 --kind spouse --approver W0002|kin list|kin end 1 --approver W0002|team add 楼道清洁队|team add 邻里队
        team move T2 --under T1|team rename T2 乐邻队|team join T1 M1
        team list|team show T1|team leave T1 M1|notice holidays {holidays} --approver W0002|notice post hours:1..2 九月公示
        notice list|notice object 1 没有来|notice show 1|notice decide 1 --result upheld --why 属实 --approver W0002
        notice close 1
        rules publish giving.toml --resolution 8 --retroactive 赠予 --approver W0002
        points open old.csv --partial --approver W0002|points import-opening old.csv --partial --approver W0002
        points gift M1 M2 5|points donate M1 care 4|points pay-out care M2 1 --reason 住院 --approver W0002|points pools
        points reverse E37 --approver W0002|points history M1|points reminders|points expire
        credit issue M1 8 --category care --approver W0002|credit import contributions.csv --partial --approver W0002
        credit convert M1 2|credit list
        hours record M2 --date 2026-10-10 --minutes 60 --evidence {rules}|hours evidence 8 {rules}
        hours sign-in M2 --at 9:00|hours sign-out M2|hours template form.xlsx
        notice demand hours --days 1 --approver W0002|hours record M2 --date 2026-10-11 --minutes 60
        notice post hours:10 十月公示
        device invite S1|device till add S1|device list|device revoke D1
        merchant apply 新来小吃店|merchant activate S3|merchant pause S3 --reason 装修|merchant resume S3|merchant show S3
        staff add S3 M1 --role owner|staff list|staff end 1 --approver W0002|merchant leave S3 --reason 不再经营
        offer add --merchant S2 --kind item --label 洗发 --worth 3 --points 1 --valid 2026-01-01..2026-12-31|offer show 2
        offer simulate 2|offer end 2 --reason 停业|offer import offers.csv
        voucher quote M2 --offer 1 --bill 1|voucher issue M2 --quote 1
        voucher capture CODE --merchant S1 --bill 1|voucher dispute V3 --by member --reason 多扣了|voucher show V3
        voucher decide 1 --rejected --approver W0002|voucher undo V3 --merchant S1
        voucher refund V1 --bill 4 --reason 退货 --approver W0002
        device offline-file S1 --to shop.html --counter https://jianshe.example.cn
        fund sponsor add 甲公司 --source enterprise|fund sponsor list|fund deposit --sponsor 1 --yuan 9 --reference B1
        fund list|fund take-back 1 --approver W0002|fund budget --yuan 9 --approver W0002|fund show
    """
    november = """
        notice close 2|hours post --due --approver W0002
        settlement draft 2026-10|settlement list 2026-10|settlement approve 2026-10 --approver W0002
        settlement export 2026-10 --to claims|settlement returned 2026-10 --batch 1 --why 账号有误
        settlement draft 2026-10|settlement approve 2026-10 --approver W0002|settlement export 2026-10 --to claims
        settlement reconcile 2026-10|settlement paid 2026-10 --batch 2 --reference B2
        statement close 2026-10 --approver W0002|statement export 2026-10 --to out
        checkpoint show|checkpoint list|checkpoint key
    """
    seen: dict[str, set[str]] = {}
    code = ""
    run = runner(tmp_path, monkeypatch)
    for now, lines in (("2026-10-20T12:00+08:00", life), ("2026-11-05T12:00+08:00", november)):
        for command in re.split(r"[|\n]", lines.strip()):
            line = command.strip().replace("CODE", code)
            answer = json.loads(run(f"{line} --json --quiet --now {now}").splitlines()[-1])
            code = answer.get("code", code) if isinstance(answer, dict) else code
            words = next(words for words in sorted(told, key=len, reverse=True) if line.startswith(words))
            seen.setdefault(words, set()).update(keys_of(answer))
    assert seen.keys() == told.keys()
    seen["approve"] &= told["approve"]  # the rest is the answer of what was approved
    for words, names in seen.items():
        assert names <= told[words], words
        assert told[words] - names <= {"where", "code", "message", "hint", "level", "check", "entry", "row", "confirmed"}, words
