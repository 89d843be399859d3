"""`timebank checkpoint proof`: an entry's proof for whoever wants to check it without the book."""

from pathlib import Path
from typing import Annotated

import typer

from timebank import checkpoints, evidence, proof_files
from timebank.base.i18n import say
from timebank.base.sheet_writing import sync_folder, write_bytes
from timebank.commands.door import Door
from timebank.commands.options import entry_number
from timebank.commands.verify import content
from timebank.notes import digits, read_head, read_vkey

EXAMPLE = "timebank checkpoint proof E000042 --to E000042.json\ntimebank checkpoint proof E42 --since old.json --to new.json"


def proof(
    door: Door,
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="An entry, for example E000042.")],
    to: Annotated[Path, typer.Option(help="The file to write.")],
    since: Annotated[Path | None, typer.Option(help="An older proof or signed head, as its reader has it.")] = None,
) -> None:
    """Write an entry's proof into a file that anyone can check: timebank verify."""
    seq = entry_number(entry)
    with door.reading() as (session, community):
        public = door.log().public
        key = checkpoints.vkey(session, community.id, public)
        vkey = read_vkey(key)
        older = None if since is None else proof_files.head_in(content(since), vkey)
        note = checkpoints.newest(session, community.id, public)
        made = evidence.prove(session, community.id, seq, note, vkey, older)
    write_bytes(to, proof_files.write(made))
    sync_folder(to.parent)
    head = read_head(made.note, vkey)
    if door.screen.data({"entry": seq, "file": str(to), "key": key, "size": head.size, "digits": digits(head.root)}):
        return
    door.screen.facts(
        say("The proof of entry {entry} is in {file}.", entry=f"E{seq:06d}", file=str(to)),
        [(say("log"), head.origin), (say("entries"), head.size), (say("digits"), digits(head.root)), (say("key"), key)],
    )
    door.screen.note(
        say("Its reader takes the key from a paper or the notice board, not from you: timebank verify FILE --key KEY")
    )
