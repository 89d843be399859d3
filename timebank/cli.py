"""The command line: mounts commands/ by noun, reads the global options, turns a TimebankError into a sentence, a hint and
an exit status. Imports nothing of the book, so that --help and --version start like a bare interpreter."""

import gc
import importlib
import io
import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer._click.exceptions import (
    BadParameter,
    ClickException,
    MissingParameter,
    NoArgsIsHelpError,
    NoSuchOption,
    UsageError,
)
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from timebank import __version__
from timebank.base import errors
from timebank.base.config import Config, database_url, language
from timebank.base.i18n import Language, Say, say, text, translate

NOUNS: dict[str, str] = {
    "init": "Found a time bank: a database, a community, two clerks.",
    "demo": "Live a sample community's year through the real commands.",
    "doctor": "Show versions, the database, and what is worth knowing about both.",
    "inbox": "List what waits for a second person.",
    "approve": "Approve, as second person, what waits under a number.",
    "reject": "Turn down what waits under a number, with the reason.",
    "clerk": "Clerks: who may write into the book.",
    "member": "Members: volunteers and residents.",
    "kin": "Kin: who is related to whom; gifts hang on it.",
    "team": "Teams: brigades and squads, who is in them.",
    "merchant": "Merchants: designated shops.",
    "staff": "Staff: who owns a shop, works there, or is kin of who does.",
    "hours": "Hours of service: record, import, approve, correct.",
    "rules": "Rule books: check, publish, explain.",
    "points": "Points: what a member has, gifts, pools, balances from before the book.",
    "credit": "Credits: the community's own unit, for contributions.",
    "device": "Devices: merchants' phones and tills.",
    "offer": "Offers: what merchants give for points.",
    "voucher": "Vouchers: issue, verify, redeem.",
    "issuer": "Issuer keys: what vouchers' QR codes are signed with.",
    "fund": "The fund: deposits of four sources, budgets, what is left.",
    "settlement": "Settlement: merchants' monthly claims.",
    "notice": "Public notices: hung out, objected to, decided, closed.",
    "statement": "Statements: close a month, write its files.",
    "checkpoint": "Checkpoints: signed heads of the log, proofs of entries.",
    "audit": "Recompute everything from the journal and compare.",
    "verify": "Check a proof from the log, without the database.",
    "serve": "Serve the merchants' counter to their phones.",
    "db": "The database: status, upgrade, rights, and a copy on another engine.",
}
"""Every noun and its one line of help; its commands live in commands/<noun>.py and are imported when used."""

SINGLE = {"init", "demo", "doctor", "inbox", "approve", "reject", "audit", "verify", "serve"}
"""Nouns that are a command themselves; the others are groups of verbs."""

APART: dict[tuple[str, ...], str] = {("points", "balance"): "balance"}
"""Verbs with a file of their own, and the file: they start without the rest of their noun, which has them as well."""

EXIT_STATUS: dict[type[errors.TimebankError], int] = {
    errors.Refused: 3,
    errors.NotAllowed: 4,
    errors.Conflict: 5,
    errors.Busy: 6,
    errors.NotFound: 7,
    errors.Invalid: 8,
    errors.Tampered: 20,
    errors.RolledBack: 21,
    errors.Rewritten: 22,
    errors.Unwritable: 74,
}
USAGE, BUG = 2, 70

_COLLECTED_EVERY = 100_000
"""Objects made until the collector looks at the young ones: a command lives for seconds and leaves few circles behind."""

_FLAGS = {"--json", "--quiet", "--no-color"}
_VALUED = {"--db", "--community", "--as", "--lang", "--now", "--counter"}


class Noun(TyperCommand):
    """A noun in the list: knows its help, and becomes the real commands only when it is used."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        assert self.name is not None, "every noun has a name"
        file = APART.get((self.name, *args[:1]), self.name)  # global options were hoisted: the verb comes first
        return load(self.name, _lang_of(parent), file).make_context(info_name, args, parent, **extra)


class Root(TyperGroup):
    """The program: global options anywhere on the line, nouns loaded when used, errors as sentences."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in NOUNS:
            return None
        return Noun(name=cmd_name, callback=lambda: None, params=[], help=translate(NOUNS[cmd_name], _lang_of(ctx)))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = dict.fromkeys(NOUNS)  # type: ignore[assignment]  # what "did you mean" suggests
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        args = hoisted(args)
        ctx.meta["timebank.lang"] = _lang_in(args)
        localise(self, ctx.meta["timebank.lang"])
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        write_help(self, ctx, formatter)

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        name = prog_name or "timebank"
        status = _guarded(lambda: TyperGroup.main(self, given, name, standalone_mode=False, **extra), given)
        if standalone_mode:
            sys.exit(status)
        return status


def hoisted(args: Sequence[str]) -> list[str]:
    """Move global options to the front: they are accepted before the noun and after the verb alike."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest.extend([word, *words])
        elif word in _FLAGS or (word.partition("=")[0] in _VALUED and "=" in word):
            front.append(word)
        elif word in _VALUED:
            front.extend([word, *([value] if (value := next(words, None)) is not None else [])])
        else:
            rest.append(word)
    return front + rest


def _lang_in(args: Sequence[str]) -> Language:
    given = next((word.partition("=")[2] for word in args if word.startswith("--lang=")), None)
    if "--lang" in args[:-1]:
        given = args[args.index("--lang") + 1]
    return language(given)


def _lang_of(ctx: Any) -> Language:
    lang: Language = ctx.find_root().meta.get("timebank.lang", "en")
    return lang


def load(noun: str, lang: Language, file: str | None = None) -> Any:
    """The commands of a noun, or those of a file, with their help in a language."""
    module = _imported(f"timebank.commands.{file or noun}")
    command = get_command(module.app) if noun in SINGLE else get_group(module.app)
    command.name = noun
    command.help = command.help or NOUNS[noun]
    localise(command, lang)
    return command


def _imported(name: str) -> Any:
    """A module, imported while the collector stands still: all that an import makes stays for good, and looking through it
    again and again took a quarter of the start, a fifth of a long import, and its part of every exit."""
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.set_threshold(_COLLECTED_EVERY)
        gc.enable()


def localise(command: Any, lang: Language) -> None:
    """Put the help of a command, its options and its subcommands into a language."""
    command.help = translate(_one_line(command.help or ""), lang)
    command.format_help = lambda ctx, formatter: write_help(command, ctx, formatter)
    for param in command.params:
        if getattr(param, "help", None):
            param.help = translate(param.help, lang)
    if not isinstance(command, Root):
        command.no_args_is_help = isinstance(command, TyperGroup)
        for sub in getattr(command, "commands", {}).values():
            localise(sub, lang)


def _one_line(help_text: str) -> str:
    return " ".join(help_text.split())


def write_help(command: Any, ctx: Any, formatter: Any) -> None:
    """Help as plain text in the person's language: usage, what it does, an example, arguments, options, commands."""
    from timebank.show import width

    lang = _lang_of(ctx)
    lines = [f"{text(say('Usage'), lang)}: {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}", "", command.help]
    if command.epilog:
        lines += ["", f"{text(say('Example'), lang)}:", *(f"  {line.strip()}" for line in command.epilog.splitlines())]
    arguments = [(p.metavar or (p.name or "").upper(), p.help or "") for p in command.params if p.param_type_name == "argument"]
    options = [_option(p, ctx, lang) for p in command.get_params(ctx) if p.param_type_name == "option"]
    nouns = [(name, sub.help) for name in _subcommands(command, ctx) if (sub := command.get_command(ctx, name))]
    for title, records in ((say("Arguments"), arguments), (say("Options"), options), (say("Commands"), nouns)):
        if records:
            wide = max(width(name) for name, _ in records)
            lines += ["", f"{text(title, lang)}:", *(f"  {name}{' ' * (wide - width(name))}  {told}" for name, told in records)]
    formatter.write("\n".join(lines) + "\n")


def _option(param: Any, ctx: Any, lang: Language) -> tuple[str, str]:
    """An option's name and what it is, with whether it must be given and what counts otherwise."""
    name = (param.get_help_record(ctx) or ("", ""))[0]
    told = translate(param.help or "", lang)
    if param.required:
        return name, f"{told} [{text(say('required'), lang)}]"
    if param.default and not callable(param.default) and param.default is not True:
        value = getattr(param.default, "value", param.default)
        return name, f"{told} [{text(say('default: {value}', value=value), lang)}]"
    return name, told


def _subcommands(command: Any, ctx: Any) -> list[str]:
    return command.list_commands(ctx) if isinstance(command, TyperGroup) else []


def _guarded(run: Any, args: Sequence[str]) -> int:
    """Run a command and give its exit status: errors become sentences, a bug becomes a report file."""
    try:
        return run() or 0
    except errors.TimebankError as error:
        _screen(args).error(error)
        return EXIT_STATUS[type(error)]
    except NoArgsIsHelpError as error:
        sys.stderr.write(error.format_message() + "\n")
        return USAGE
    except ClickException as error:
        _usage(error, args)
        return error.exit_code
    except typer.Abort:
        return 1
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - whoever read our output has left; nothing more can be said
        return 0
    except OSError as error:
        said = say("A file cannot be read or written: {cause}.", cause=str(error))
        _screen(args).error(errors.Unwritable(said, "os_error", say("Check its name, its permissions and free space.")))
        return EXIT_STATUS[errors.Unwritable]
    except Exception:  # noqa: BLE001 - the last resort: a bug is reported to a file, not thrown at a clerk
        _report_bug(args)
        return BUG


def _screen(args: Sequence[str]) -> Any:
    """A screen for errors, whatever of the options could be read."""
    from timebank.show import Screen

    words = hoisted(args)
    try:
        lang = _lang_in(words)
    except errors.Invalid:
        lang = "en"
    color = "--no-color" not in words and "NO_COLOR" not in os.environ
    return Screen(Config("", None, None, lang, json="--json" in words, color=color))


def _usage(error: ClickException, args: Sequence[str]) -> None:
    path = error.ctx.command_path if isinstance(error, UsageError) and error.ctx else "timebank"
    _screen(args).error(errors.TimebankError(_misused(error), "usage", say("See {path} --help", path=path)))


def _misused(error: ClickException) -> Say:
    """What was wrong with the words of a command line, as a sentence of ours."""
    if isinstance(error, MissingParameter) and error.param is not None:
        param: Any = error.param
        name = param.opts[0] if param.param_type_name == "option" else param.metavar or str(param.name).upper()
        return say("{name} is missing.", name=name)
    if isinstance(error, NoSuchOption):
        if error.possibilities:
            others = ", ".join(sorted(error.possibilities))
            return say("There is no option {name}; did you mean {others}?", name=error.option_name, others=others)
        return say("There is no option {name}.", name=error.option_name)
    if isinstance(error, BadParameter) and error.param is not None:
        return _bad_value(error, error.param)
    message = error.format_message()
    if message == "Missing command.":
        return say("A verb is missing.")
    known = re.match(r"No such command '([^']*)'\.(?: Did you mean (.*)\?)?$", message)
    if known and known[2]:
        return say("There is no command {name}; did you mean {others}?", name=known[1], others=known[2].replace("'", ""))
    if known:
        return say("There is no command {name}.", name=known[1])
    return say("The command line cannot be read: {why}", why=message)


def _bad_value(error: BadParameter, param: Any) -> Say:
    name = param.opts[0] if param.param_type_name == "option" else param.metavar or str(param.name).upper()
    one_of = re.search(r"is not one of (.*?)\.?$", error.message)
    if one_of:
        return say("{name} must be one of {choices}.", name=name, choices=one_of[1].replace("'", ""))
    if "integer" in error.message:
        return say("{name} must be a whole number.", name=name)
    return say("{name} cannot be this: {why}", name=name, why=error.message)


def _report_bug(args: Sequence[str]) -> None:
    """Write what happened to a file, without the values of arguments that may name people."""
    import tempfile

    shown = [word.partition("=")[0] if word.startswith("-") or index < 2 else "…" for index, word in enumerate(args)]
    report = "\n".join([f"timebank {__version__}, Python {sys.version}", " ".join(shown), "", traceback.format_exc()])
    with tempfile.NamedTemporaryFile("w", prefix="timebank-bug-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(report)
    said = say("This is a mistake in the program. Nothing was half done. A report is in {file}.", file=Path(file.name))
    _screen(args).error(errors.TimebankError(said, "bug", say("Send the report to whoever looks after the program.")))


app = typer.Typer(
    cls=Root,
    name="timebank",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"timebank {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    db: Annotated[str | None, typer.Option(help="Database URL or SQLite file (TIMEBANK_DB).")] = None,
    community: Annotated[str | None, typer.Option(help="Community code, where there are several (TIMEBANK_COMMUNITY).")] = None,
    clerk: Annotated[str | None, typer.Option("--as", help="The clerk who acts (TIMEBANK_CLERK; W0001).")] = None,
    lang: Annotated[str | None, typer.Option(help="Language, zh or en (TIMEBANK_LANG, else the locale).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No remarks, no progress.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour (NO_COLOR).")] = False,
    now: Annotated[str | None, typer.Option(help="Another moment than now; for tests and demonstrations.")] = None,
    counter: Annotated[
        str | None, typer.Option(help="Address of the counter, for QR codes: https://… (TIMEBANK_COUNTER).")
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """A volunteer time bank and community-points ledger that anyone can check."""
    ctx.obj = Config(
        db=database_url(db),
        community=community or os.environ.get("TIMEBANK_COMMUNITY"),
        clerk=clerk or os.environ.get("TIMEBANK_CLERK"),
        lang=language(lang),
        json=as_json,
        quiet=quiet,
        color=not no_color and "NO_COLOR" not in os.environ,
        fixed_now=now,
        keys=os.environ.get("TIMEBANK_KEYS"),
        checkpoints=os.environ.get("TIMEBANK_CHECKPOINTS"),
        counter=counter or os.environ.get("TIMEBANK_COUNTER"),
    )


def main() -> None:
    """Run the program; the installed script calls this."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a screen that has no 𠮷 shows its number instead of failing
            stream.reconfigure(errors="backslashreplace")
    gc.freeze()  # what this module imported stays as well
    app()
