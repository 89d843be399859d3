"""docs/cli.md, written from the live commands: `.venv/bin/python tests/cli_page.py` writes it anew.

tests/test_docs.py compares the page with what is written here, tests/test_i18n.py walks the same commands.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.main import get_command, get_group

from timebank import cli
from timebank.base.i18n import translate

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
SHARED = ("approver", "reason", "key", "dry_run")
"""What every writing command takes besides its own options (commands/door.py)."""


@dataclass(frozen=True, slots=True)
class Live:
    """A command as the program runs it: its words ('hours record'), typer's object, its help on one line."""

    words: str
    command: Any
    help: str

    @property
    def noun(self) -> str:
        return self.words.partition(" ")[0]

    @property
    def examples(self) -> list[str]:
        return [line.strip() for line in (self.command.epilog or "").splitlines()]


def live_commands() -> Iterator[Live]:
    """Every command a person can run, noun by noun, with its English help."""
    for noun in cli.NOUNS:
        module = importlib.import_module(f"timebank.commands.{noun}")
        if noun in cli.SINGLE:
            command = get_command(module.app)
            yield Live(noun, command, one_line(command.help))
            continue
        yield from _verbs(noun, get_group(module.app))


def nested_groups() -> Iterator[tuple[str, str]]:
    """What a noun has below it that has verbs of its own (device till), with its English help."""
    for noun in sorted(set(cli.NOUNS) - cli.SINGLE):
        group: Any = get_group(importlib.import_module(f"timebank.commands.{noun}").app)
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield f"{noun} {name}", one_line(command.help)


def _verbs(words: str, group: Any) -> Iterator[Live]:
    """The verbs of a noun, and of what a noun has below it (device till add)."""
    for verb, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _verbs(f"{words} {verb}", command)
        else:
            yield Live(f"{words} {verb}", command, one_line(command.help))


def one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def root_options() -> list[Any]:
    """The global options."""
    return list(get_command(cli.app).params)


def page() -> str:
    """The text of docs/cli.md."""
    commands = list(live_commands())
    lines = [
        "# The command line · 命令行",
        "",
        "Written by the program itself; after a change of a command: `.venv/bin/python tests/cli_page.py`.",
        "Files and JSON: [formats.md](formats.md). Words: [glossary.md](glossary.md).",
        "",
        "## Global options · 通用选项",
        "",
        "Before the noun or after the verb alike.",
        "",
        *_options(root_options()),
        "",
        "## Options of every writing command · 写入类命令的共同选项",
        "",
        *_options([p for p in _params(commands, "hours record") if p.name in SHARED]),
        "",
        "Marked ✎ below. 下文标 ✎ 的命令都有这四个选项。",
        "",
    ]
    for noun, told in cli.NOUNS.items():
        own = [live for live in commands if live.noun == noun]
        alone = own[0].words == noun
        lines += [f"## {noun}{_mark(own[0]) if alone else ''}", "", *([] if alone else [*_both(told), ""])]
        for live in own:
            lines += ([] if alone else [f"### {live.words}{_mark(live)}", ""]) + _command(live)
    return "\n".join(lines)


def _params(commands: list[Live], words: str) -> list[Any]:
    return next(live.command.params for live in commands if live.words == words)


def _mark(live: Live) -> str:
    return " ✎" if _writes(live) else ""


def _writes(live: Live) -> bool:
    return any(param.name == "dry_run" for param in live.command.params)


def _command(live: Live) -> list[str]:
    own = [p for p in live.command.params if not (_writes(live) and p.name in SHARED) and not p.name.endswith("_completion")]
    arguments = [_shown(p) for p in own if p.param_type_name == "argument"]
    options = ["[options]"] if _writes(live) or len(own) > len(arguments) else []
    usage = " ".join(["timebank", live.words, *options, *arguments])
    lines = [*_both(live.help), "", "```", *([] if usage in live.examples else [usage, ""]), *live.examples, "```", ""]
    return [*lines, *([*_options(own), ""] if own else [])]


def _both(told: str) -> list[str]:
    return [f"{told}  ", translate(told, "zh")]


def _shown(param: Any) -> str:
    name = (param.metavar or param.name or "").strip("[]").upper()
    return name if param.required else f"[{name}]"


def _options(params: list[Any]) -> list[str]:
    rows = ["| | | |", "|---|---|---|"]
    for param in params:
        if param.name.endswith("_completion"):
            continue
        told = one_line(param.help)
        rows.append(f"| {_named(param)} | {_cell(told)} | {_cell(translate(told, 'zh'))} |")
    return rows + (["", "\\* needed · 必填"] if any(" * |" in row for row in rows) else [])


def _named(param: Any) -> str:
    """An argument by its word, an option by its long name: with * where it is needed, with = where it has a default."""
    if param.param_type_name == "argument":
        return f"`{_shown(param)}`"
    name = f"`{max(param.opts, key=len)}`"
    if param.required:
        return f"{name} *"
    given = getattr(param.default, "value", param.default)
    return f"{name} = {_cell(str(given))}" if isinstance(given, (str, int)) and given and given is not True else name


def _cell(told: str) -> str:
    return re.sub(r"([|<>])", r"\\\1", told)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
