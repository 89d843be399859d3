"""`timebank rules …`."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import presets, rewards, rulebooks, rulefile, services
from timebank.base.act import Act
from timebank.base.errors import Conflict, Finding
from timebank.base.i18n import say, text
from timebank.base.months import add_months
from timebank.base.sheet_writing import write_bytes
from timebank.commands.backtest import app as trials
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.explain import app as explaining
from timebank.commands.options import InputFile, day_of, rule_text
from timebank.rulelint import beside, served
from timebank.rulewords import SECTIONS, differences, lines
from timebank.show import place

app = typer.Typer(add_completion=False)
_DAYS_OF_A_YEAR = 365
app.registered_commands += trials.registered_commands + explaining.registered_commands


@reading(app, "presets", example="timebank rules presets")
def presets_(door: Door) -> None:
    """List the rule books to start from."""
    rows = [(name, text(told, door.lang)) for name, told in presets.PRESETS.items()]
    if not door.screen.data([{"preset": name, "says": told} for name, told in rows]):
        door.screen.table(say("Rule books to start from"), (say("preset"), say("what it says")), rows)


@reading(app, "new", example="timebank rules new half-hours rules.toml --version 2027.1 --from 2027-01-01")
def new(
    door: Door,
    preset: Annotated[str, typer.Argument(help="One of timebank rules presets.")],
    to: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not be there yet.")],
    version: Annotated[str, typer.Option(help="The version; by default the year it begins in and .1.")] = "",
    from_: Annotated[
        str, typer.Option("--from", metavar="DAY", help="Its first day of service; by default the first of next month.")
    ] = "",
) -> None:
    """Write a rule book of your own to change, from one of the presets."""
    first = day_of(from_) if from_ else add_months(door.config.now().date().replace(day=1), 1)
    data = presets.copied(preset, version or f"{first.year}.1", first).encode()
    book = rulebooks.check(data).book
    assert book is not None, "a reading without errors has a book"
    if to.exists():
        raise Conflict(say("There is a file {file} already.", file=str(to)), "file_exists", say("Name another file."))
    write_bytes(to, data)
    if not door.screen.data({"file": str(to), "preset": preset, "version": book.version, "from": first.isoformat()}):
        told = say("{file} is written: {title}, version {version}, from {day} on.", file=to, day=first, **_named(book))
        door.screen.line(told)
        door.screen.note(say("Change what your committee decides, then: timebank rules check {file}", file=to))


@reading(app, "check", example="timebank rules check rules.toml")
def check(
    door: Door,
    file: InputFile,
    against_published: Annotated[
        bool,
        typer.Option(
            "--against-published", help="Also hold it against the published versions and the services of the last 12 months."
        ),
    ] = False,
) -> None:
    """Check a rule book file: every mistake at once, its examples run, remarks printed."""
    reading_ = rulefile.read(rule_text(file))
    remarks = [*reading_.lint, *((*_beside(door, reading_), *_served(door, reading_)) if against_published else ())]
    findings = [
        {"where": f.where, "code": f.code, "message": text(f.message, door.lang), "level": level}
        for level, some in (("error", reading_.errors), ("lint", remarks))
        for f in some
    ]
    if not door.screen.data({"ok": not reading_.errors, "findings": findings}):
        _remark(door, remarks)
        if reading_.book and not reading_.errors:
            told = say("{file} is a sound rule book: {title}, version {version}.", file=file.name, **_named(reading_.book))
            door.screen.line(told)
    if reading_.errors:
        rulebooks.check(rule_text(file)) if not door.config.json else _leave()


def _leave() -> None:
    raise typer.Exit(8)


def _beside(door: Door, reading_: rulefile.Reading) -> list[Finding]:
    """What a book does to the days of the published versions."""
    if reading_.book is None:
        return []
    with door.reading() as (session, community):
        return list(beside(reading_.book, rulebooks.versions(session, community.id)))


def _served(door: Door, reading_: rulefile.Reading) -> list[Finding]:
    """What a book's categories have to do with what was served in the last 12 months."""
    if reading_.book is None:
        return []
    with door.reading() as (session, community):
        today = door.today(community)
        year = services.categories(session, community.id, today - timedelta(_DAYS_OF_A_YEAR), today)
    return list(served(reading_.book, year))


def _remark(door: Door, remarks: Iterable[Finding]) -> None:
    for finding in remarks:
        where = place(finding.where, door.lang)
        door.screen.warn(say("{where}: {what} [{code}]", where=where, what=finding.message, code=finding.code))


def _named(book: rewards.RuleBook) -> dict[str, str]:
    return {"title": book.title, "version": book.version}


@writing(app, "publish", example="timebank rules publish rules.toml --resolution 2026-7 --approver W0002")
def publish(
    door: Writing,
    file: InputFile,
    resolution: Annotated[str, typer.Option(help="Number of the committee's resolution.")],
    retroactive: Annotated[str, typer.Option(help="Why it begins in the past, if it does.")] = "",
) -> None:
    """Publish a rule book by a resolution. Two people. What is published is never changed."""
    data = rule_text(file)
    checked = rulebooks.check(data)
    assert checked.book is not None, "a book with mistakes is refused"
    _remark(door, [*checked.lint, *_beside(door, checked)])
    asked = {"file": b64encode(data).decode(), "resolution": resolution, "retroactive": retroactive}
    receipt = door.once_or_ask(
        "rules.publish",
        f"rules:{checked.book.version}",
        asked,
        lambda s, a: _published(s, a, data, resolution, retroactive),
    ).receipt
    if door.screen.data(receipt) or "waiting" in receipt:
        return
    told = {name: receipt[name] for name in ("version", "rules")}
    door.screen.line(say("Version {version} is published as {rules}.", **told))


def _published(session: Session, act: Act, data: bytes, resolution: str, retroactive: str) -> dict[str, Any]:
    row = rulebooks.publish(session, act, data, resolution, retroactive)
    return {"version": row.version, "rules": row.ref, "sha256": row.sha256, "entry": row.seq}


def published(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Publish what was asked for, now that a second person agrees."""
    return _published(session, act, b64decode(request["file"]), request["resolution"], request["retroactive"])


@reading(app, "list", example="timebank rules list")
def list_(door: Door) -> None:
    """List published rule books."""
    with door.reading() as (session, community):
        found = rulebooks.listed(session, community.id)
    rows = [
        (row.version, row.title, row.effective_from.isoformat(), str(row.effective_to or ""), row.resolution, row.ref)
        for row in found
    ]
    names = ("version", "title", "effective_from", "effective_to", "resolution", "rules")
    if not door.screen.data([dict(zip(names, row, strict=True)) for row in rows]):
        columns = (say("version"), say("title"), say("from"), say("to"), say("resolution"), say("version@hash"))
        door.screen.table(say("Rule books"), columns, rows)


@reading(app, "show", example="timebank rules show 2026.1")
def show(door: Door, version: Annotated[str, typer.Argument(help="A published version.")]) -> None:
    """Print a published rule book: its text as it was published, and what it says in words."""
    with door.reading() as (session, community):
        row = rulebooks.find(session, community.id, version)
    told = [say("{section}: {rule}", section=SECTIONS[section], rule=rule) for (section, _), rule in lines(row.book).items()]
    words = [text(line, door.lang) for line in told]
    if not door.screen.data({"version": row.version, "sha256": row.sha256, "text": row.text, "words": words}):
        door.screen.line(row.text.rstrip("\n"))
        door.screen.line("")
        for line in told:
            door.screen.line(line)


@reading(app, "diff", example="timebank rules diff 2026.1 rules.toml")
def diff(door: Door, version: Annotated[str, typer.Argument(help="A published version.")], file: InputFile) -> None:
    """Say in words what a rule book file changes against a published version."""
    new = rulebooks.check(rule_text(file)).book
    assert new is not None, "a reading without errors has a book"
    with door.reading() as (session, community):
        old = rulebooks.find(session, community.id, version).book
    changes = differences(old, new)
    told = [{name: side and text(side, door.lang) for name, side in (("was", c.was), ("now", c.now))} for c in changes]
    if door.screen.data([{"section": change.section, **sides} for change, sides in zip(changes, told, strict=True)]):
        return
    for change in changes:
        door.screen.line(change.told())
    if not changes:
        door.screen.line(say("{file} says the same as version {version}.", file=file.name, version=version))
