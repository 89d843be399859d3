"""`timebank checkpoint …`: the signed heads of the log."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import checkpoint_log, checkpoints
from timebank.base.act import Act
from timebank.base.db import instant
from timebank.base.errors import Refused, Tampered
from timebank.base.i18n import say
from timebank.base.sheet_writing import sync_folder, write_bytes
from timebank.checkpoint_log import SIZE_MAX, Line
from timebank.commands import proof
from timebank.commands.door import Door, Writing, reading, writing
from timebank.notes import digits, read_head, read_vkey

app = typer.Typer(add_completion=False)
reading(app, "proof", example=proof.EXAMPLE)(proof.proof)


@reading(app, "list", example="timebank checkpoint list\ntimebank checkpoint list --count 5 --json")
def list_(
    door: Door, count: Annotated[int, typer.Option(help="How many at most, newest first.", min=1, max=SIZE_MAX)] = 20
) -> None:
    """List the heads of the log that were kept, newest first."""
    with door.reading() as (session, community):
        found = checkpoints.listed(session, community.id, count)
    rows = [(row.size, instant(row.made_at), digits(row.root), "yes" if row.note else "no") for row in found]
    names = ("size", "made_at", "digits", "signed")
    if not door.screen.data([dict(zip(names, (*row[:3], row[3] == "yes"), strict=True)) for row in rows]):
        titles = (say("entries"), say("made at"), say("digits"), say("signed"))
        signed = {"yes": say("yes"), "no": say("no")}
        door.screen.table(say("Checkpoints"), titles, [(*row[:3], signed[row[3]]) for row in rows])


@reading(app, "show", example="timebank checkpoint show\ntimebank checkpoint show --size 120 --to head.txt")
def show(
    door: Door,
    size: Annotated[int | None, typer.Option(help="Of so many entries; the newest if left out.", min=0, max=SIZE_MAX)] = None,
    to: Annotated[Path | None, typer.Option(help="A file to write the note into, for a stick or a paper.")] = None,
) -> None:
    """Show a signed head of the log: the note itself, its ten groups of digits, and the key that verifies it."""
    with door.reading() as (session, community):
        public, own = door.log().public, community.id
        note = checkpoints.newest(session, own, public) if size is None else checkpoints.note_of(session, own, size, public)
    line = checkpoint_log.line_of("", note)
    assert line is not None, "a note of the database is about its community"
    key = checkpoints.key_in(line, public)
    head = read_head(note, read_vkey(key))
    if to is not None:
        write_bytes(to, note.encode())
        sync_folder(to.parent)
    shown = {
        "log": head.origin,
        "size": head.size,
        "root": head.root.hex(),
        "digits": digits(head.root),
        "key": key,
        "note": note,
    }
    if door.screen.data(shown):
        return
    pairs = [(say("log"), head.origin), (say("entries"), head.size), (say("digits"), digits(head.root)), (say("key"), key)]
    door.screen.facts(say("A signed head of the log"), pairs)
    for written in note.splitlines():
        door.screen.line(written)


@reading(app, "key", example="timebank checkpoint key")
def key(door: Door) -> None:
    """Show the key that verifies this log's heads and proofs: put it on papers and the notice board."""
    with door.reading() as (session, community):
        shown = checkpoints.vkey(session, community.id, door.log().public)
    if not door.screen.data({"key": shown}):
        door.screen.line(shown)


@writing(app, "make", example="timebank checkpoint make")
def make(door: Writing) -> None:
    """Sign the log as it is now. Every command that adds to the book does so by itself."""
    made: list[Line] = []

    def work(session: Session, act: Act) -> dict[str, Any]:
        line = checkpoints.make(session, act, door.log().seed)
        made[:] = [line] if line else []
        return {"size": line.size if line else 0}

    door.once("checkpoint.make", work)
    door.publish(door.log(), made[0] if made else None)
    if not door.screen.data({"made": len(made)}):
        signed = say("The log is signed as it is now.") if made else say("The log was signed as it is now before.")
        door.screen.line(signed)


KIND = "checkpoint.incarnate"
"""The kind of approval that opens a new incarnation, and is let in while nothing else may be written."""


@writing(app, "incarnate", example='timebank checkpoint incarnate --reason "disk lost, restored of 3 October" --approver W0002')
def incarnate(door: Writing) -> None:
    """Go on with a database that lost entries, or went another way than was published. Two people; what is lost is named.

    Only while the book does not agree with what was published, and only if the right database cannot be brought back.
    """
    door.mends = True
    declared: dict[str, Any] = {}
    with (
        door.reading() as (session, community),
        suppress(Refused, Tampered),
    ):  # the verb says so, unless this key was used before
        declared = checkpoints.declare(session, community.id, door.log())
    subject = f"log:{declared.get('incarnation', 0)}"
    receipt = door.once_or_ask(KIND, subject, declared, lambda s, a: incarnated(door, s, a, declared)).receipt
    if door.screen.data(receipt) or "waiting" in receipt:
        return
    lost = receipt["published"]
    door.screen.facts(
        say("The log goes on as {log}", log=receipt["log"]),
        [
            (say("entry"), f"E{receipt['entry']:06d}"),
            (say("kept as published"), receipt["kept"]),
            (say("given up: published"), lost["size"]),
        ],
    )
    door.screen.note(
        say("Tell everybody: proofs and papers of more than {kept} entries do not hold any more.", kept=receipt["kept"])
    )


def incarnated(door: Writing, session: Session, act: Act, declared: dict[str, Any]) -> dict[str, Any]:
    """Open the incarnation that was asked for."""
    return checkpoints.incarnate(session, act, door.log(), declared)
