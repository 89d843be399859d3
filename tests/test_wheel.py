"""The wheel is the whole program: migrations and examples, which a checkout keeps beside the package, travel inside it."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from timebank import __version__
from timebank.presets import PRESETS

ROOT = Path(__file__).resolve().parent.parent


def files_below(folder: str) -> set[str]:
    """Every file of a folder of the checkout, as paths from its root, without what Python itself leaves there."""
    return {p.relative_to(ROOT).as_posix() for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts}


def pins(name: str) -> dict[str, str]:
    """Package -> exact version of a requirements file; asserts that each line but the hashes is such a pin."""
    found = {}
    for requirement in (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        pin = re.fullmatch(r"([a-z0-9-]+)==(\S+)( +--hash=sha256:[0-9a-f]{64})+ *", requirement)
        assert pin, f"{name} holds something else than a pin with its hashes: {requirement[:80]}"
        found[pin[1]] = pin[2]
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built by the backend itself: no network, no second environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_program_its_migrations_and_examples_and_nothing_else(wheel: Path) -> None:
    beside = files_below("migrations") | files_below("examples")
    assert {"migrations/env.py", "migrations/guards.py", "migrations/script.py.mako"} <= beside
    assert any(re.fullmatch(r"migrations/versions/\w+\.py", name) for name in beside)
    assert {"examples/leeds2023/attendance.csv", "examples/leeds2023/LICENSE-CC-BY-4.0.txt"} <= beside

    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"timebank/presets/{name}.toml" for name in PRESETS} <= names
    info = f"timebank-{__version__}.dist-info/"
    assert f"{info}licenses/LICENSE" in names
    expected = files_below("timebank") | {f"timebank/{name}" for name in beside}
    assert {name for name in names if not name.startswith(info)} == expected


def test_an_installed_wheel_runs_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-index", "--no-deps", "--no-compile", "--target", str(home), str(wheel)]
    subprocess.run(command, check=True)

    # -S leaves out site-packages with its way back to this checkout; only the dependencies are put back.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(home), sysconfig.get_path("purelib")])}
    for program in (["-m", "timebank"], [str(home / "bin" / "timebank")]):
        answer = subprocess.run(
            [sys.executable, "-S", *program, "--version"], cwd=elsewhere, env=environment, capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stderr
        assert __version__ in answer.stdout


def test_the_pins_satisfy_what_pyproject_asks_for() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    program = asked["project"]["dependencies"]
    driver = asked["project"]["optional-dependencies"]["postgres"]
    tools = asked["dependency-groups"]["dev"] + asked["build-system"]["requires"]
    runtime, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert runtime.items() <= dev.items()
    for wanted, pinned in ((program, runtime), (driver + tools, dev)):
        for requirement in map(Requirement, wanted):
            assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), f"{requirement}: run make pins"
