"""`timebank db export`: the journal for programs that are not ours."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from timebank import plaintext
from timebank.base.db import reading_aside
from timebank.base.i18n import say
from timebank.commands.door import Door, reading

app = typer.Typer(add_completion=False)


class Format(Enum):
    """Whose journal it shall be."""

    HLEDGER = "hledger"
    BEANCOUNT = "beancount"


@reading(app, "export", example="timebank db export --format hledger --to book.journal")
def export(
    door: Door,
    to: Annotated[Path, typer.Option("--to", help="The file to write.")],
    form: Annotated[Format, typer.Option("--format", help="hledger (ledger reads it too) or beancount.")] = Format.HLEDGER,
) -> None:
    """Write the whole journal as plain text for hledger, ledger or beancount, with every balance to be checked by them."""
    with (
        door.screen.progress(say("Writing entries"), None) as moved,
        door.reading(reading_aside) as (session, community),
    ):
        done = plaintext.export(session, community.id, to, form.value, moved)
    shown = {"file": str(done.file), "format": form.value, "entries": done.entries, "root": done.root, "sha256": done.sha256}
    if not door.screen.data(shown):
        pairs = [
            (say("file"), done.file),
            (say("entries"), done.entries),
            (say("root of the log"), done.root),
            (say("SHA-256"), done.sha256),
        ]
        door.screen.facts(say("Journal written"), pairs)
