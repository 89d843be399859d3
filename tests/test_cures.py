"""Every code with which a row of a sheet is refused has its cure, and no cure is for a code that there is not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Cli
from timebank import cures
from timebank.base.i18n import text
from timebank.base.imported import OTHER_TOTAL

PACKAGE = Path(cures.__file__).parent
CELLS = ("exchange.py", "base/sheet_values.py")
ROOMS = (
    *("hours.py", "services.py", "credits.py", "openings.py"),
    *(
        "people/members.py",
        "people/merchants.py",
        "people/persons.py",
        "people/numbers.py",
        "base/sheets.py",
        "base/workbooks.py",
    ),
)


def calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def refusals(path: str) -> set[str]:
    """The codes of a room's rows: the first of a pair of code and sentence, and the second of a finding."""
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    pairs = [node.elts for node in ast.walk(tree) if isinstance(node, ast.Tuple) and len(node.elts) == 2]
    said = {literal(code) for code, sentence in pairs if isinstance(sentence, ast.Call | ast.Name)}
    found = {literal(call.args[1]) for name in ("Finding", "_flawed") for call in calls(tree, name)}
    return {code for code in said | found if code.replace("_", "").isalpha() and (code in found or is_code(code))}


def is_code(word: str) -> bool:
    return "_" in word or word == "overlap"


def test_every_refused_row_has_its_cure() -> None:
    codes = {path: refusals(path) for path in ROOMS}
    assert {"overlap", "unknown_team", "no_rules", "bad_category"} <= codes["hours.py"] | codes["services.py"]
    warned = {"turned_down", "doubled", "not_in_team", "unknown_category", "missing_column"}  # no row is refused with these
    without = {code for path in ROOMS for code in codes[path] - warned if cures.of(code) is None}
    assert without == set()


def test_every_cell_that_cannot_be_read_has_its_cure() -> None:
    for path in CELLS:
        tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
        raised = list(calls(tree, "Invalid"))
        assert raised
        assert [literal(call.args[1]) for call in raised if len(call.args) < 3] == []


def test_no_cure_is_for_a_code_that_there_is_not() -> None:
    codes = {code for path in ROOMS for code in refusals(path)} | {OTHER_TOTAL}
    assert {key.split()[0] for key in cures.CURES} - codes == set()


@pytest.mark.parametrize("key", cures.CURES)
def test_a_cure_is_told_in_both_languages(key: str) -> None:
    code, _, noun = key.partition(" ")
    cure = cures.of(code, noun)
    assert cure is not None
    assert text(cure, "zh") != text(cure, "en")


SINS = {
    "M9999": "unknown_member",
    "M0001,2099-01-01": "future_date",
    "M0001,2020-01-01": "before_joining",
    "M0001,2026-10-18,0": "bad_minutes",
}


def test_each_refused_row_is_told_with_its_own_cure(office: Cli, tmp_path: Path) -> None:
    sheet, rejects = tmp_path / "hours.csv", tmp_path / "rejects.csv"
    rows = [",".join((sin.split(",") + ["2026-10-18", "60"][len(sin.split(",")) - 1 :])[:3]) for sin in SINS]
    sheet.write_text("\n".join(["编号,日期,时长", *rows, "M0001,2026-10-18,60"]) + "\n", encoding="utf-8")
    told = office("hours", "import", str(sheet), "--json", status=8).json["error"]["findings"]
    assert [(one["code"], one["row"]) for one in told] == [(code, row) for row, code in enumerate(SINS.values(), start=2)]
    assert len({one["hint"] for one in told}) == len(SINS)
    shown = office("hours", "import", str(sheet), "--lang", "zh", status=8).err
    assert all(text(cure, "zh") in shown for code in SINS.values() if (cure := cures.of(code)))
    kept = office("hours", "import", str(sheet), "--partial", "--save-rejects", str(rejects), "--json").json["rejected"]
    assert [(one["code"], one["hint"]) for one in kept] == [(one["code"], one["hint"]) for one in told]
    lines = rejects.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "编号,日期,时长,reason,cure"
    assert all(one["hint"] in line for one, line in zip(kept, lines[1:], strict=True))
    again = office("hours", "import", str(rejects), "--save-rejects", str(tmp_path / "again.csv"), "--lang", "zh", status=8)
    assert "reason" not in again.err
    assert (tmp_path / "again.csv").read_text(encoding="utf-8-sig").splitlines()[0] == "编号,日期,时长,原因,怎么办"
