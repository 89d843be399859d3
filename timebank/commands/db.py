"""`timebank db …`."""

import typer
from sqlalchemy import Engine

from timebank.base import db as database
from timebank.base import schema
from timebank.base.config import sqlite_path
from timebank.base.errors import NotFound
from timebank.base.i18n import say
from timebank.commands import plaintext
from timebank.commands.door import Door, reading

app = typer.Typer(add_completion=False)
app.add_typer(plaintext.app)


@reading(app, "status", example="timebank db status")
def status(door: Door) -> None:
    """Show which revision the database is at and which one this program needs."""
    found, head = schema.revision(_engine(door)) or "", schema.head()
    if not door.screen.data({"database": door.config.db, "revision": found, "head": head, "current": found == head}):
        door.screen.facts(
            say("Schema"),
            [(say("database"), door.config.db), (say("schema revision"), found or "-"), (say("newest revision"), head)],
        )


@reading(app, "upgrade", example="timebank db upgrade")
def upgrade(door: Door) -> None:
    """Bring the database to this program's revision, in one transaction."""
    engine = _engine(door)
    before = schema.revision(engine) or ""
    schema.upgrade(engine)
    after = schema.revision(engine) or ""
    if not door.screen.data({"from": before, "to": after}):
        same = say("The database is at revision {after} already.", after=after)
        moved = say("The database went from revision {before} to {after}.", before=before or "-", after=after)
        door.screen.line(same if before == after else moved)


def _engine(door: Door) -> Engine:
    path = sqlite_path(door.config.db)
    if path is not None and not path.exists():
        raise NotFound(
            say("There is no database {path}.", path=str(path)),
            "no_database",
            say("Found a time bank: timebank init --community CODE --name NAME, or name another --db."),
        )
    return database.open_engine(door.config.db)
