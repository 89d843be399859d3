"""`timebank audit`."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from timebank import audit as room
from timebank import proof_files
from timebank.audit import Published
from timebank.audit import abuse as abuse_room
from timebank.base.db import reading_aside
from timebank.base.errors import Invalid, NotAllowed, NotFound
from timebank.base.i18n import say, text
from timebank.commands.door import Door, reading
from timebank.commands.options import day_of
from timebank.commands.verify import content
from timebank.notes import Head, key_of, read_head, read_vkey
from timebank.people import members, merchants
from timebank.show import place

app = typer.Typer(add_completion=False)
_FINDINGS_SHOWN = 50


@reading(
    app,
    "audit",
    example="timebank audit\ntimebank audit I5 guards --json\ntimebank audit --against head.txt\ntimebank audit --replay\n"
    "timebank audit --abuse --since 2026-10-01",
)
def audit(
    door: Door,
    checks: Annotated[list[str] | None, typer.Argument(metavar="[CHECK]...", help="Only these checks, for example I5.")] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="An older signed head, or a proof with one: I5 compares. May be given again.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The log's key, from timebank checkpoint key or a paper: needs no file of keys."),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Also play the whole history again: what each award read, and what it makes.")
    ] = False,
    abuse: Annotated[
        bool, typer.Option("--abuse", help="Instead: what looks like abuse of vouchers, with reasons; nothing is punished.")
    ] = False,
    since: Annotated[str | None, typer.Option(help="With --abuse: only what was redeemed from this day on.")] = None,
) -> None:
    """Recompute the whole book from its entries and compare it with all the database says; takes no lock, changes nothing."""
    if abuse:
        _watch(door, day_of(since) if since else date.min)
        return
    with door.reading(reading_aside) as (session, community), door.screen.progress(say("Reading entries"), None) as moved:
        done = 0

        def told(entries: int, _of: int) -> None:
            nonlocal done
            moved(entries - done)
            done = entries

        published = _published(door, community.code, against or [], key)
        wanted = {*(checks or room.CHECKS.keys() - room.ON_REQUEST)}
        wanted |= ({"I5"} if against else set()) | ({"I9", "replay"} if replay else set())
        report = room.audit(session, community.id, wanted, told, published)
    findings = [
        {"check": f.check, "code": f.code, "entry": f.entry, "where": f.where, "message": text(f.message, door.lang)}
        for f in report.findings
    ]
    if not door.screen.data({"ok": report.ok, "entries": report.entries, "root": report.root, "findings": findings}):
        _tell(door, report)
    if not report.ok:
        raise typer.Exit(room.verdict(report.findings))


def _watch(door: Door, since: date) -> None:
    """Show the signs of abuse. Finding some is no failure: somebody looks at them."""
    with door.reading(reading_aside) as (session, community):
        found = abuse_room.signs(session, community.id, since)
        shops = {merchant.id: merchant.number for merchant in merchants.listed(session, community.id)}
        people = {member.id: member.number for member in members.listed(session, community.id)} if found else {}
    rows: list[dict[str, Any]] = [
        {
            "code": sign.code,
            "reason": text(sign.reason, door.lang),
            "merchant": shops.get(sign.merchant_id or 0, ""),
            "member": people.get(sign.member_id or 0, ""),
            "voucher": f"V{sign.voucher_id}" if sign.voucher_id else "",
            "entry": sign.entry,
        }
        for sign in found
    ]
    if door.screen.data({"signs": rows, "thresholds": asdict(abuse_room.USUAL)}):
        return
    columns = (say("what"), say("why"), say("merchant"), say("member"), say("voucher"))
    shown = [
        (abuse_room.CODES[row["code"]], *(row[name] for name in ("reason", "merchant", "member", "voucher"))) for row in rows
    ]
    door.screen.table(say("To be looked at ({count})", count=len(rows)), columns, shown)
    door.screen.note(say("These are signs, no proof: ask the people first. docs/redemption.md names the thresholds."))


def _published(door: Door, code: str, against: list[Path], key: str | None) -> Published | None:
    """What the book is held against: the log of checkpoints and the heads a person brought. An auditor may have no keys, or the
    public half alone."""
    try:
        public = door.log().public if key is None else _public(key, code)
    except (NotAllowed, NotFound) as error:
        if against:
            raise
        door.screen.warn(say("Signatures and the log of checkpoints are not checked. {cause}", cause=error.message))
        return None
    log, until = door.written_down()
    return Published(public, log, tuple((path.name, _head(path, code, public)) for path in against), until)


def _public(key: str, code: str) -> bytes:
    """The public half of a key that somebody gave, of any incarnation of this community's log. Raises Invalid `bad_vkey`,
    `other_log`."""
    given = read_vkey(key.strip())
    if given.name.rpartition("/")[0] != code:
        raise Invalid(
            say("This is the key of {other}, not of {code}.", other=given.name, code=code),
            "other_log",
            say("Name the community with --community, or take the key from one of its papers."),
        )
    return given.public


def _head(path: Path, code: str, public: bytes) -> Head:
    """The signed head in a file, of any incarnation of this community's log. Raises as `read_head`, Invalid `bad_proof`."""
    data = content(path)
    note = proof_files.read(data).note.encode() if data[:1] == b"{" else data
    of_log, _, number = note.partition(b"\n")[0].decode("utf-8", "replace").rpartition("/")
    own = of_log == code and number.isascii() and number.isdecimal()
    return read_head(note, key_of(f"{code}/{number if own else 1}", public))


def _tell(door: Door, report: room.Report) -> None:
    rows = [(f.check, place(f.where, door.lang), f.code, f.message) for f in report.findings[:_FINDINGS_SHOWN]]
    if rows:
        door.screen.table(say("Findings"), (say("check"), say("where"), say("code"), say("what")), rows)
    if len(report.findings) > _FINDINGS_SHOWN:
        door.screen.note(say("… and {count} more; --json lists all.", count=len(report.findings) - _FINDINGS_SHOWN))
    pairs = [(say("entries"), report.entries), (say("root of the log"), report.root)]
    clean = say("The book is sound") if report.ok else say("The book has {count} findings", count=len(report.findings))
    door.screen.facts(clean, pairs)
