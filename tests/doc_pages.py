"""Runs what the pages show: every ```console block in order, on a scratch database, in the page's own language.

In a page
- ```console holds commands (`$ timebank …`, `$ python3 FILE`, `$ cat FILE`, `$ ls FOLDER`, `$ echo $?`) and what they
  print, `…` standing for any text, or alone on a line for any lines; spaces and rules of tables do not count, nor does the
  line with the command's key. A voucher's code, a hash or a log's key in the page stands for what was really made, each time
  the same.
- `<!-- now: 2026-10-20T09:00+08:00 -->` sets the clock for the commands that follow, `<!-- file: NAME -->` writes the next
  block into a file; in ```sh, `cat > NAME <<'END'` does so too and `name() { timebank --now MOMENT "$@"; }` makes `name`
  a command.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from timebank import cli

ROOT = Path(__file__).parent.parent
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$|^<!-- (now|file): (\S+) -->$", re.MULTILINE | re.DOTALL)
_MADE = re.compile(
    r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}|\b[0-9a-f]{64}\b|[a-z0-9-]+/\d\+[0-9a-f]{8}\+[\w+/]{44}"
)
_NOTES = ("Key of this command:", "本次命令键")
_ERRORS = ("error:", "错误")


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a page and the lines it is said to print. `place` is 'page:line'."""

    place: str
    command: str
    shown: tuple[str, ...]
    now: str | None


@dataclass(slots=True)
class Scratch:
    """A folder with a database of its own, the state one page's commands build up."""

    lang: str
    status: int = 0
    moments: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)

    def run(self, step: Step) -> list[str]:
        """Run a command and give the lines it printed."""
        words = shlex.split(_MADE.sub(lambda found: self.made.get(found[0], found[0]), step.command))
        name, args = words[0], words[1:]
        if step.command == "echo $?":
            return [str(self.status)]
        if name in ("timebank", *self.moments):
            now = self.moments.get(name, step.now)
            return self._timebank([*(["--now", now] if now else []), *args])
        self.status = 0
        if name == "cat":
            return Path(args[0]).read_text(encoding="utf-8-sig").splitlines()
        if name == "ls":
            return sorted(path.name for path in Path(args[0]).iterdir())
        assert name == "python3", f"{step.place}: {name} is not run here"
        done = subprocess.run([sys.executable, *args], capture_output=True, text=True, check=False, encoding="utf-8")
        self.status = done.returncode
        return (done.stdout + done.stderr).splitlines()

    def _timebank(self, args: list[str]) -> list[str]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            self.status = cli.app(args, standalone_mode=False)
        return printed.getvalue().splitlines()

    def agrees(self, wanted: str, printed: str) -> bool:
        """Whether a printed line is the wanted one; what a code or hash of the page stands for is settled when first seen."""
        pattern = re.escape(_MADE.sub("…made…", wanted)).replace("…made…", f"({_MADE.pattern})").replace("…", ".*")
        found = re.fullmatch(pattern, printed)
        if not found:
            return False
        pairs = list(zip(_MADE.findall(wanted), found.groups(), strict=True))
        if any(self.made.get(shown, real) != real for shown, real in pairs):
            return False
        self.made.update(pairs)
        return True


def pages() -> list[Path]:
    """Every page with something to run or to read; docs/cli.md is written, not told."""
    return [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def steps(page: Path, scratch: Scratch) -> Iterator[Step]:
    """The page's commands in order; files are written into the working folder as they come."""
    text = page.read_text(encoding="utf-8")
    now: str | None = None
    file: str | None = None
    for found in _FENCE.finditer(text):
        language, block, directive, value = found.groups()
        if directive == "now":
            now = value
        elif directive == "file":
            file = value
        elif file is not None:
            Path(file).write_text(block, encoding="utf-8")
            file = None
        elif language == "sh":
            _shell(block, scratch)
        elif language == "console":
            yield from _console(block, f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}", now)


def _shell(block: str, scratch: Scratch) -> None:
    for name, text in re.findall(r"^cat > (\S+) <<'END'\n(.*?)^END$", block, re.MULTILINE | re.DOTALL):
        Path(name).write_text(text, encoding="utf-8")
    scratch.moments.update(re.findall(r'^(\w+)\(\) \{ timebank --now (\S+) "\$@"; \}$', block, re.MULTILINE))


def _console(block: str, place: str, now: str | None) -> Iterator[Step]:
    commands = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert not commands[0].strip(), f"{place}: a console block begins with a command"
    for told in commands[1:]:
        command, *shown = re.sub(r"\\\n\s*", "", told).splitlines()
        yield Step(place, command.strip(), tuple(line for line in shown if line.strip()), now)


def settle(lang: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder, on a database of its own, in a language, with the clock in our hands."""
    for name in [name for name in os.environ if name.startswith("TIMEBANK_")]:
        monkeypatch.delenv(name)
    settings = {"TIMEBANK_DB": "book.db", "TIMEBANK_LANG": lang, "TIMEBANK_TEST_CLOCK": "1", "NO_COLOR": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)


def runner(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A function that runs a command line in a folder and gives all it prints; one that fails, fails the test."""
    settle("en", folder, monkeypatch)
    scratch = Scratch("en")

    def run(line: str) -> str:
        printed = "\n".join(scratch.run(Step("", f"timebank {line}", (), None)))
        assert scratch.status == 0, f"timebank {line}\n{printed}"
        return printed

    return run


def check(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a page in an empty folder; gives the number of commands. Fails at the first that prints something else."""
    lang = "zh" if ".zh-CN." in page.name else "en"
    settle(lang, folder, monkeypatch)
    (folder / "examples").symlink_to(ROOT / "examples")
    scratch = Scratch(lang)
    count = 0
    for count, step in enumerate(steps(page, scratch), start=1):  # noqa: B007 - the last number is the result
        printed = [line for line in map(_plain, scratch.run(step)) if line and not line.startswith(_NOTES)]
        wanted = [line for line in map(_plain, step.shown) if line]
        told = f"{step.place}: $ {step.command}\n" + "\n".join(printed)
        assert _fits(wanted, printed, scratch), told
        if not step.command.startswith("echo"):
            assert bool(scratch.status) == any(line.startswith(_ERRORS) for line in wanted), f"status {scratch.status}, {told}"
    return count


def _plain(line: str) -> str:
    return "" if re.fullmatch(r"[\s─]*", line) else " ".join(line.split())


def _fits(wanted: list[str], printed: list[str], scratch: Scratch) -> bool:
    """Whether what was printed is what the page shows: line by line, `…` for anything."""
    if not wanted:
        return not printed
    if wanted[0] == "…":
        return any(_fits(wanted[1:], printed[start:], scratch) for start in range(len(printed) + 1))
    if not printed:
        return False
    return scratch.agrees(wanted[0], printed[0]) and _fits(wanted[1:], printed[1:], scratch)
