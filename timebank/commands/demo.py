"""`timebank demo`: a community lives its year through the real command line, each command printed as a person would type it.

The commands run inside this process, one after the other, on a database of the demo's own.
"""

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO
from zoneinfo import ZoneInfo

import typer

from timebank import benefits, sample
from timebank.base import schema
from timebank.base.config import Config
from timebank.base.errors import Refused
from timebank.base.i18n import Say, say, text
from timebank.base.months import period_of
from timebank.base.sheets import Dialect, write_csv
from timebank.commands import story
from timebank.commands.story import CLAIMS, SHEETS, STATEMENTS, Step
from timebank.sample import Year
from timebank.show import Screen

app = typer.Typer(add_completion=False)
_MARK = ".timebank-demo"
_BOOK = "book.db"
_TRANSCRIPT = "transcript.txt"
_MADE = (_BOOK, f"{_BOOK}.keys", f"{_BOOK}.checkpoints.log", f"{_BOOK}-journal", SHEETS, CLAIMS, STATEMENTS, _TRANSCRIPT)
"""All that a demo makes: of an older one only this is taken away."""
_PLAIN = re.compile(r"[\w@%+=:,./~-]+")
_NAMED = re.compile(r"\{(\w+)\}")
_CODE = re.compile(r"\b(?:[0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}\b")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_COUNTED = {("hours", "import"), ("voucher", "capture"), ("statement", "close")}
"""Quiet commands whose receipts make a chapter's figures."""
_OPENS = time(9, 0)
_ATTRIBUTION = (
    "LEEDS 2023 volunteer data, (c) LEEDS 2023, CC BY 4.0, via Open Innovations; changed: attendances assigned to people."
)


class Data(Enum):
    """What the demo lives through."""

    SAMPLE = "sample"
    LEEDS2023 = "leeds2023"


@app.command("demo", epilog="timebank demo\ntimebank demo --to /tmp/demo --data leeds2023")
def demo(
    ctx: typer.Context,
    to: Annotated[Path, typer.Option(help="The demo's folder; it is made. An older demo there is replaced.")] = Path("demo"),
    data: Annotated[Data, typer.Option(help="sample: an invented Chinese community; leeds2023: a real year.")] = Data.SAMPLE,
    full: Annotated[bool, typer.Option("--full", help="Show what every command says, also in the quiet months.")] = False,
) -> None:
    """Live a sample community's year through the real commands."""
    config: Config = ctx.find_root().obj
    timezone = ZoneInfo("Asia/Shanghai" if data is Data.SAMPLE else "Europe/London")
    year = Year(config.now().astimezone(timezone).date() - timedelta(days=1))
    _clear(to)
    if data is Data.SAMPLE:
        steps = _prepare_sample(to, year)
    else:
        shutil.copytree(schema.carried("examples") / "leeds2023", to / SHEETS)
        steps = story.leeds_year(to.as_posix())
    with _own_environment(config, to / _BOOK), (to / _TRANSCRIPT).open("w", encoding="utf-8") as record:
        stage = Stage(config, ctx.find_root().command, timezone, full, record)
        stage.tell(_welcome(to, steps))
        for step in steps:
            stage.play(step)
        record.flush()
        if config.json:
            Screen(config).data(_summary(to, steps, stage.answer))
        else:
            _show_files(config, to)
        stage.tell(_farewell(data, to, steps, stage.learnt))


def _clear(to: Path) -> None:
    """Make the demo's folder, or take an older demo out of it. Raises Refused `not_a_demo`."""
    if to.exists() and not (to / _MARK).is_file() and (not to.is_dir() or any(to.iterdir())):
        raise Refused(
            say("{folder} is there already and is not a demo's.", folder=str(to)),
            "not_a_demo",
            say("Name a new folder: timebank demo --to FOLDER"),
        )
    to.mkdir(parents=True, exist_ok=True)
    (to / _MARK).touch()
    for made in (to / name for name in _MADE):
        if made.is_dir() and not made.is_symlink():
            shutil.rmtree(made)
        else:
            made.unlink(missing_ok=True)


def _prepare_sample(to: Path, year: Year) -> list[Step]:
    """Put the sample community's sheets and rule books into the demo's folder; gives the steps of its year."""
    source, sheets = schema.carried("examples") / "sample", to / SHEETS
    sheets.mkdir()
    texts = {path.name: path.read_text(encoding="utf-8-sig") for path in source.iterdir()}
    community = sample.read(texts, year)
    forms = {f"attendance-{period}": sample.form(community, month) for month, period in enumerate(year.months)}
    first = f"attendance-{year.months[0]}"
    forms[first], forms[f"{first}-corrected"] = sample.with_mistakes(forms[first])
    forms |= {"members": sample.member_form(community.people), "newcomers": sample.member_form(community.newcomers)}
    for name, form in forms.items():
        write_csv(sheets / f"{name}.csv", form.header, form.rows, Dialect(form.encoding))
    shutil.copyfile(source / "merchants.csv", sheets / "merchants.csv")
    for half in (0, 1):
        rules = sample.rule_book(texts[f"rules-{half + 1}.toml.in"], year, half)
        (sheets / f"rules-{half + 1}.toml").write_text(rules, encoding="utf-8")
    return story.sample_year(community, to.as_posix())


@contextmanager
def _own_environment(config: Config, book: Path) -> Iterator[None]:
    """Let the commands find the demo's database and nothing of this person's own time bank.

    TIMEBANK_TEST_CLOCK lets every command be told its day with --now: this is a trial database, and a year must pass in it.
    """
    before = {name: value for name, value in os.environ.items() if name.startswith("TIMEBANK_")}
    for name in before:
        del os.environ[name]
    os.environ.update({"TIMEBANK_DB": str(book), "TIMEBANK_LANG": config.lang, "TIMEBANK_TEST_CLOCK": "1"})
    try:
        yield
    finally:
        for name in ("TIMEBANK_DB", "TIMEBANK_LANG", "TIMEBANK_TEST_CLOCK"):
            os.environ.pop(name, None)
        os.environ.update(before)


class _Heard(io.StringIO):
    """What a command says: kept, recorded, and shown at the same time where somebody is to see it.

    It is a terminal where `screen` is one: so tables are as wide as the window. What is said aside has no `screen` and is
    none, so that no progress bar gets into the transcript.
    """

    def __init__(self, record: TextIO, shown: TextIO | None, screen: TextIO | None = None) -> None:
        super().__init__()
        self._record = record
        self._shown = shown
        self._screen = screen

    def write(self, said: str) -> int:
        if self._shown is not None:
            self._shown.write(said)
        plain = _COLOURS.sub("", said)
        self._record.write(plain)
        return super().write(plain)

    def flush(self) -> None:
        if self._shown is not None:
            self._shown.flush()

    def isatty(self) -> bool:
        return self._screen is not None and self._screen.isatty()


@dataclass(slots=True)
class _Figures:
    """What the quiet commands of one chapter did."""

    chapter: str = ""
    commands: int = 0
    services: int = 0
    points: int = 0
    redeemed: int = 0
    fen: int = 0
    closed: str = ""

    def add(self, words: tuple[str, ...], answer: str) -> None:
        """Count one command by its words and, where it is one of `_COUNTED`, its receipt."""
        self.commands += 1
        receipt = json.loads(answer) if words[:2] in _COUNTED else {}
        match words[:2]:
            case ("hours", "import"):
                self.services += receipt["posted"]
                self.points += receipt["points"]
            case ("voucher", "capture"):
                self.redeemed += 1
                self.fen += receipt["benefit_fen"]
            case ("statement", "close"):
                self.closed = receipt["period"]

    def told(self) -> Say | None:
        """The chapter in one line, if there is anything to tell."""
        vouchers = say("{count} vouchers took {yuan} yuan off", count=self.redeemed, yuan=benefits.yuan(self.fen))
        if self.closed and self.closed == self.chapter:
            return say("{chapter} is closed and its statements are written.", chapter=self.chapter)
        if self.services and self.closed:
            return say(
                "{chapter}: {commands} more commands; {services} services, {points} points; {vouchers}; {closed} closed.",
                chapter=self.chapter,
                commands=self.commands,
                services=self.services,
                points=self.points,
                vouchers=vouchers,
                closed=self.closed,
            )
        if self.redeemed:
            return say(
                "{chapter}: {commands} more commands; {vouchers}.",
                chapter=self.chapter,
                commands=self.commands,
                vouchers=vouchers,
            )
        return None


@dataclass(slots=True)
class Stage:
    """Where the steps are played: prints each command, runs it, remembers what later ones need, stops at the first failure.

    `learnt` are the voucher codes and entries that steps brought to light; `answer` is what the last command wrote to stdout.
    """

    config: Config
    program: Any
    timezone: ZoneInfo
    full: bool
    record: TextIO
    learnt: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    _curtain: bool = False
    _moment: datetime | None = None
    _day_shown: date | None = None
    _after_figures: bool = False
    _figures: _Figures = field(default_factory=_Figures)

    def play(self, step: Step) -> None:
        """Carry one step out. Exits with the command's status where it is not the step's."""
        self._chapter(step.chapter or period_of(step.day))
        quiet = step.quiet and not self.full
        self._curtain = quiet or self.config.json
        words = tuple(_NAMED.sub(lambda found: self.learnt.get(found[1], found[0]), word) for word in step.words)
        if (quiet and words[:2] in _COUNTED) or (self.config.json and words == ("audit",)):
            words = (*words, "--json")
        self._announce(step, words)
        status, said = self._run(words, sys.stdout)
        if status != step.status:
            self._stop(status, words, said)
        if status:
            self.tell([say("(exit status {status}: refused, as it should be)", status=status)])
        if quiet:
            self._figures.add(words, self.answer)
        if step.learns:
            self._learn(step.learns, words, said)

    def tell(self, lines: Iterable[Say | str]) -> None:
        """Lines of the demo's own, on the screen (unless the curtain is down) and in the transcript."""
        for line in lines:
            plain = text(line, self.config.lang) if isinstance(line, Say) else line
            self.record.write(f"{plain}\n")
            if not self._curtain and not self.config.json:
                Screen(self.config).line(plain)

    def _chapter(self, name: str) -> None:
        """Begin a chapter; what the quiet commands of the one before did is told in one line."""
        if name == self._figures.chapter:
            return
        told = self._figures.told()
        if told is not None:
            self._curtain = False
            self.tell([told] if self._after_figures else ["", told])
            self._after_figures = True
        self._figures = _Figures(name)

    def _announce(self, step: Step, words: tuple[str, ...]) -> None:
        """The day where it is a new one, the remark, and the command as a person would type it."""
        heading = f"── {step.day} {'─' * 40}"
        if self._moment is None or self._moment.date() != step.day:
            self._moment = datetime.combine(step.day, _OPENS, self.timezone)
            self.record.write(f"\n{heading}\n")
        if not self._curtain and self._day_shown != step.day:
            self._day_shown = step.day
            Screen(self.config).line(f"\n{heading}")
        self._after_figures = self._after_figures and self._curtain
        remark = [f"# {text(step.remark, self.config.lang)}"] if step.remark else []
        self.tell(["", *remark, f"$ {typed(words)}"])

    def _run(self, words: tuple[str, ...], screen: TextIO) -> tuple[int, str]:
        """Run one command line of the program on the demo's day; gives its exit status and all that it said."""
        assert self._moment is not None, "a command has its day"
        self._moment += timedelta(minutes=1)
        shown = None if self._curtain else screen
        answer, aside = _Heard(self.record, shown, screen=shown), _Heard(self.record, shown)
        options = ["--now", self._moment.isoformat(), *_passed_on(self.config), *(["--quiet"] if self._curtain else [])]
        with redirect_stdout(answer), redirect_stderr(aside):
            status: int = self.program.main([*words, *options], standalone_mode=False)
        self.answer = answer.getvalue()
        return status, self.answer + aside.getvalue()

    def _stop(self, status: int, words: tuple[str, ...], said: str) -> NoReturn:
        """Say what went wrong and leave with the command's status (1 where a refusal did not come)."""
        if self._curtain:
            sys.stderr.write(f"$ {typed(words)}\n{said.rstrip()}\n")
        Screen(self.config).warn(say("The demo stops here: that command ended with exit status {status}.", status=status))
        raise typer.Exit(status or 1)

    def _learn(self, name: str, words: tuple[str, ...], said: str) -> None:
        """Take a voucher's code from its slip or receipt, or the first entry from a list (asked for once more, as data)."""
        if name.startswith("V"):
            found = _CODE.search(said)
            assert found, "a voucher shows its code"
            self.learnt[name] = found[0]
            return
        self._curtain = True
        self._run((*words, "--json"), sys.stdout)
        self.learnt[name] = next(f"E{row['entry']:06d}" for row in json.loads(self.answer) if row["entry"] is not None)


def _passed_on(config: Config) -> list[str]:
    """What the person asked of the demo and its commands must know: their sheets have no colour and no remarks either."""
    return [*([] if config.color else ["--no-color"]), *(["--quiet"] if config.quiet else [])]


def typed(words: tuple[str, ...]) -> str:
    """A command line as a person would type it."""
    return " ".join(("timebank", *(word if _PLAIN.fullmatch(word) else f"'{word}'" for word in words)))


def _welcome(to: Path, steps: list[Step]) -> list[Say | str]:
    """What the reader should know before the first command."""
    first, last = steps[0].day, steps[-1].day
    return [
        say("A community lives from {first} to {last}; every line behind $ is a real command.", first=first, last=last),
        say(
            "They work on the database {database}, each on the day above it; your own time bank is not touched.",
            database=to / _BOOK,
        ),
        say("All commands with all that they say are kept in {file}.", file=to / _TRANSCRIPT),
    ]


def _farewell(data: Data, to: Path, steps: list[Step], learnt: Mapping[str, str]) -> list[Say | str]:
    """What was seen, and live commands to go on with."""
    live = ("--db", (to / _BOOK).as_posix())
    count = len(steps)
    if data is Data.LEEDS2023:
        return [
            "",
            say(
                "{count} commands: a year of 879 volunteers, 6,098 attendances counted once, fifteen months closed.",
                count=count,
            ),
            _ATTRIBUTION,
            say("Try next:"),
            typed((*live, "points", "balance", story.LEEDS_MEMBER)),
            typed((*live, "hours", "list", "--member", story.LEEDS_MEMBER)),
            typed((*live, "audit")),
        ]
    told = say(
        "{count} commands: a year of hours, points, vouchers, settlements and statements, and a sound book.", count=count
    )
    lines: list[Say | str] = ["", told]
    lines += [say("Try next; today goes on where the demo ended:"), typed((*live, "points", "balance", "M0012"))]
    day = str(steps[-1].day)
    lines.append(typed((*live, "hours", "record", "M0012", "--date", day, "--minutes", "1.5小时", "--category", "助老")))
    for code in [code for name, code in learnt.items() if name.startswith("V")][-1:]:
        shop = sample.DEALS[sample.LAST_OFFER - 1].merchant
        lines.append(typed((*live, "voucher", "capture", code, "--merchant", shop, "--bill", "60.00")))
    return [*lines, typed((*live, "member", "list", "--grid", "第二网格 金桥苑")), typed((*live, "audit"))]


def _files(to: Path) -> list[tuple[str, int, int]]:
    """What lies in the demo's folder: name, number of files, bytes."""
    found = []
    for path in (to / name for name in _MADE):
        inside = [file for file in (path, *path.rglob("*")) if file.is_file()]
        if inside:
            found.append((path.as_posix(), len(inside), sum(file.stat().st_size for file in inside)))
    return found


def _show_files(config: Config, to: Path) -> None:
    columns = (say("file or folder"), say("files"), say("bytes"))
    Screen(config).table(say("On the disk"), columns, _files(to))


def _summary(to: Path, steps: list[Step], answer: str) -> dict[str, Any]:
    """The demo as one document: where it is, its days, its commands, its files, what the audit found."""
    found = {"folder": str(to), "database": str(to / _BOOK), "first_day": str(steps[0].day), "last_day": str(steps[-1].day)}
    files = [dict(zip(("name", "files", "bytes"), row, strict=True)) for row in _files(to)]
    return {**found, "commands": len(steps), "files": files, "audit": json.loads(answer)}
