"""The house as a test: rooms and floors, exact numbers, sizes. A new room is one line in FLOORS."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "timebank"

# From the top down: a module imports only what stands below its own floor, or beside it within one wing or one line.
# A name ending in '.*' is a wing (a folder); its rooms may import each other, without a circle.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("commands.*",),
    ("web.*",),
    ("show", "tables", "sample", "copying", "rights", "doorway"),
    (
        "audit.*",
        "reports",
        "exchange",
        "offer_forms",
        "forms",
        "plaintext",
        "backtest",
        "dry_months",
        "backtest_report",
        "history",
        "recalculation",
        "results",
    ),
    ("statement_files",),
    (
        "statements",
        "statement_lines",
        "statement_records",
        "statement_words",
        "statement_pages",
        "statement_stage",
        "explanations",
        "voucher_story",
    ),
    ("settlement", "claims", "reconciliation", "community.*"),
    ("hours", "hanging", "complaints", "attendance", "second_looks", "credits", "points", "openings"),
    ("acceptances",),
    ("redemption", "refunds", "disputes"),
    ("holds", "conditions", "quotes", "tombstones", "simulation"),
    (
        "voucher_words",
        "acceptance_words",
    ),
    ("services", "earnings", "reviews", "vouchers", "funds", "issuers", "offers", "offer_words", "benefits", "slips"),
    ("fund", "sponsors", "rulebooks"),
    ("people.*",),
    ("approvals", "notices", "workdays", "evidence", "checkpoints", "checkpoint_log", "guesses"),
    ("ledger", "payloads", "positions", "reading", "once"),
    ("journal",),
    ("rulefile", "presets"),
    ("rulelint", "rulewords"),
    ("repeats",),
    ("tallies",),
    ("rewards",),
    ("traces",),
    ("clauses", "tokens", "qr", "transparency", "notes", "proofs", "proof_files", "ruletext", "cures", "acceptance_text"),
    ("base.*",),
    ("__init__",),
)
ROOM_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
ARGUMENTS_MAX = 7
OPEN_TRANSACTIONS = ("commands", "web")
"""Where a transaction may be opened; `base.schema` migrates."""


def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def floor_of(module: str) -> tuple[int, str]:
    """The number of a module's floor (0 is the top) and the pattern that put it there."""
    for number, floor in enumerate(FLOORS):
        for pattern in floor:
            if pattern == module or (pattern.endswith(".*") and (module + ".").startswith(pattern[:-1])):
                return number, pattern
    raise AssertionError(f"{module} stands on no floor: add it to FLOORS")


def imports(tree: ast.Module) -> Iterator[str]:
    """Modules of the program that a module imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
        else:
            continue
        for name in names:
            inner = name.removeprefix("timebank").lstrip(".")
            if name.startswith("timebank") and inner in MODULES and inner:
                yield inner


def arrows() -> Iterator[tuple[str, str]]:
    for module, tree in MODULES.items():
        for target in set(imports(tree)) - {module}:
            yield module, target


def test_every_module_stands_on_a_floor() -> None:
    assert all(floor_of(module or "__init__")[0] < len(FLOORS) for module in MODULES)


def test_a_module_imports_only_what_stands_below_it() -> None:
    bent = []
    for module, target in arrows():
        (own, pattern), (other, other_pattern) = floor_of(module), floor_of(target)
        beside = own == other and (pattern == other_pattern or not pattern.endswith(".*"))
        if other < own or (own == other and not beside):
            bent.append(f"{module} -> {target}")
    assert not bent


def test_no_arrows_form_a_circle() -> None:
    below: dict[str, set[str]] = {}
    for module, target in arrows():
        below.setdefault(module, set()).add(target)

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            for target in sorted(below.get(module, ())):
                visit(target, (*path, module))
            done.add(module)

    done: set[str] = set()
    for module in sorted(below):
        visit(module, ())


def test_rewards_and_transparency_know_no_person_no_shop_no_screen_no_database() -> None:
    for room in (
        "clauses",
        "rewards",
        "tallies",
        "tokens",
        "traces",
        "rulefile",
        "ruletext",
        "transparency",
        "notes",
        "proofs",
        "proof_files",
    ):
        tree = MODULES[room]
        names = {alias.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
        names |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not names & {"sqlmodel", "sqlalchemy", "typer", "rich", "sqlite3", "random", "secrets", "time", "os"}, room


def test_only_doors_open_transactions() -> None:
    for module, tree in MODULES.items():
        if module.split(".")[0] in (*OPEN_TRANSACTIONS, "base"):
            continue
        called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        assert not called & {"session.commit", "session.rollback", "db.writing", "db.reading", "Session"}, module


def test_rooms_read_no_clock_no_chance_no_environment() -> None:
    doors = ("cli", "commands", "web", "show", "base")
    for module, tree in MODULES.items():
        if module.split(".")[0] in doors:
            continue
        read = {
            f"{n.value.id}.{n.attr}" for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        }
        assert not read & {"datetime.now", "date.today", "time.time", "os.environ", "os.urandom", "clock.now"}, module
        assert "secrets" not in {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}, module


def test_there_is_no_float() -> None:
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            number = isinstance(node, ast.Constant) and isinstance(node.value, float)
            named = isinstance(node, ast.Name) and node.id == "float"
            divided = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not exact(tree)
            found = number or named or divided
            assert not found, f"{module}:{getattr(node, 'lineno', 0)}"


def exact(tree: ast.Module) -> bool:
    """Whether a module's `/` can only join paths or divide Fractions: it imports one of them."""
    return any(isinstance(n, ast.ImportFrom) and n.module in ("pathlib", "fractions") for n in ast.walk(tree))


@pytest.mark.parametrize("module", sorted(MODULES))
def test_rooms_and_functions_stay_small(module: str) -> None:
    path = PACKAGE / (module.replace(".", "/") + ".py")
    path = path if path.exists() else PACKAGE / module.replace(".", "/") / "__init__.py"
    if module != "base.zh_CN":
        assert path.read_text(encoding="utf-8").count("\n") <= ROOM_LINES_MAX
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES_MAX, node.name
            arguments = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs)
            if module.split(".")[0] not in ("commands", "cli"):
                assert arguments <= ARGUMENTS_MAX, node.name


@pytest.mark.parametrize("module", sorted(MODULES))
def test_public_names_have_docstrings(module: str) -> None:
    tree = MODULES[module]
    assert ast.get_docstring(tree), f"{module} says nothing about itself"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module}.{node.name}"


def test_nothing_is_called_utils() -> None:
    assert not {m for m in MODULES if m.split(".")[-1] in ("utils", "helpers", "manager", "common", "misc")}
