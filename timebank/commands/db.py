"""`timebank db …`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from timebank import checkpoint_log, checkpoints, copying, rights
from timebank.base import communities, keys, schema
from timebank.base import db as database
from timebank.base.config import Config, database_url, sqlite_path
from timebank.base.errors import Conflict, Invalid, NotFound, TimebankError
from timebank.base.i18n import say
from timebank.base.sheet_writing import write_bytes
from timebank.commands import plaintext
from timebank.commands.door import Door, reading

app = typer.Typer(add_completion=False)
app.add_typer(plaintext.app)


@reading(app, "status", example="timebank db status")
def status(door: Door) -> None:
    """Show which revision the database is at, which one this program needs, and as whom it works there."""
    with _engine(door) as engine:
        found, head = schema.revision(engine) or "", schema.head()
        login = schema.login(engine)
        published = _published(door, engine) if found == head else {}
    facts = {"database": database.shown(door.config.db), "revision": found, "head": head, "current": found == head}
    states = [{"community": code, "state": state} for code, state in published.items()]
    facts |= {"checkpoints": states}
    if not door.screen.data(facts | ({"login": login.name, "rights": login.rights} if login else {})):
        pairs = [(say("database"), facts["database"]), (say("schema revision"), found or "-"), (say("newest revision"), head)]
        if login:
            pairs += [(say("login"), login.name), (say("rights"), login.said)]
        pairs += [(say("published of {code}", code=code), _AGREEMENT.get(state, state)) for code, state in published.items()]
        door.screen.facts(say("Schema"), pairs)


_AGREEMENT = {
    "agrees": say("the book agrees with it"),
    "rolled_back": say("the book is an older one: nothing is written"),
    "rewritten": say("the book was rewritten: nothing is written"),
    "other_key": say("it was signed with another key: nothing is written"),
    "no_keys": say("not known without the file of keys"),
    "keys_denied": say("not known: this user of the computer may not read the file of keys"),
}


def _published(door: Door, engine: Engine) -> dict[str, str]:
    """How each community's book stands to what was published of it: 'agrees', or the code with which writing is refused."""
    states: dict[str, str] = {}
    with door.snapshot(engine) as session:
        for community in communities.listed(session):
            try:
                checkpoints.check(session, community.id, door.log())
                states[community.code] = "agrees"
            except TimebankError as error:
                states[community.code] = error.code
    return states


@reading(app, "upgrade", example="timebank db upgrade")
def upgrade(door: Door) -> None:
    """Bring the database to this program's revision, in one transaction."""
    with _engine(door) as engine:
        before = schema.revision(engine) or ""
        schema.upgrade(engine)
    after = schema.head()  # not read again: it is done, even if the disk fails now
    if not door.screen.data({"from": before, "to": after}):
        same = say("The database is at revision {after} already.", after=after)
        moved = say("The database went from revision {before} to {after}.", before=before or "-", after=after)
        door.screen.line(same if before == after else moved)
    if before != after and engine.dialect.name == "postgresql":
        door.screen.note(
            say("Roles that may add to the book: give them their rights on new tables with timebank db grant ROLE.")
        )


@reading(app, "grant", example="timebank db grant office --dry-run")
def grant(
    door: Door,
    role: Annotated[str, typer.Argument(help="A role of the PostgreSQL server.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the SQL.")] = False,
) -> None:
    """Let a role add to the book and change no entry that is in it (PostgreSQL; run by the tables' owner)."""
    statements = list(rights.grants(role))
    if not dry_run:
        if sqlite_path(door.config.db) is not None:
            raise Invalid(
                say("A SQLite file knows no roles."),
                "no_roles",
                say("Who may write it is decided by its folder's permissions; roles come with PostgreSQL."),
            )
        with database.writing(door.engine) as session:
            rights.grant(session, role)
    if not door.screen.data({"role": role, "granted": not dry_run, "sql": statements}):
        for statement in statements:
            door.screen.line(f"{statement};")
    if not dry_run:
        door.screen.note(say("Let the program log in as {role} from now on, and keep the owner for db upgrade.", role=role))


@reading(app, "copy", example="timebank db copy --to postgresql://office@db.example/timebank")
def copy(
    door: Door,
    to: Annotated[str, typer.Option(help="An empty database: a URL, or a file that is not there yet.")],
    keys_to: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="Where the copy's keys go; beside a SQLite file by default.")
    ] = None,
) -> None:
    """Copy the whole database into an empty one, from SQLite to PostgreSQL or back, and audit the copy before it counts."""
    url = database_url(to)
    own = keys.path_of(door.config.db, door.config.keys)
    place = keys_to or (keys.path_of(url) if sqlite_path(url) is not None else own)
    keys.read(own)
    with _empty(url) as target, database.reading(door.engine) as source, database.writing(target) as session:
        keys.copy(own, place)
        log = _carry_log(door.config, url, (own, place))
        with door.screen.progress(say("Rows"), copying.total(source)) as moved:
            done = copying.copy(source, session, moved)
    books = {code: {"entries": report.entries, "root": report.root} for code, report in done.books.items()}
    shown = {"to": database.shown(url), "rows": done.rows, "books": books, "keys": str(place), "log": str(log)}
    if not door.screen.data(shown):
        title = say("Copied {count} rows; the copy is sound", count=sum(done.rows.values()))
        rows = [(code, report.entries, report.root) for code, report in done.books.items()]
        door.screen.table(title, (say("community"), say("entries"), say("root of the log")), rows)
        door.screen.line(say("Keys of the copy: {file}", file=str(place)))
        door.screen.line(say("Its log of checkpoints: {file}", file=str(log)))
    door.screen.note(say("Nobody may write into the old database any more: from here on there are two."))


def _carry_log(config: Config, url: str, key_files: tuple[Path, Path]) -> Path:
    """Let the log of checkpoints come along: a new one would know nothing of the old heads. Gives its place."""
    own, place = key_files
    source = checkpoint_log.path_of(config.db, config.checkpoints, own)
    target = checkpoint_log.path_of(url, None if sqlite_path(url) is not None else config.checkpoints, place)
    if source == target or not source.exists():
        return target
    carried = source.read_bytes()
    if target.exists() and not carried.startswith(target.read_bytes()):  # what an earlier try carried is the beginning of it
        raise Conflict(
            say("The file {path} is another log of checkpoints.", path=str(target)),
            "other_log",
            say("It belongs to another database: move it away, or name another place."),
        )
    write_bytes(target, carried)
    return target


@contextmanager
def _empty(url: str) -> Iterator[Engine]:
    """A database to copy into, brought to this program's revision if it has no tables yet. Raises Invalid `old_schema`."""
    path = sqlite_path(url)
    if path is not None and not path.parent.is_dir():
        raise NotFound(
            say("There is no folder {folder}.", folder=str(path.parent)), "no_folder", say("Make it, or name another --to.")
        )
    engine = database.open_engine(url)
    try:
        if schema.revision(engine) is None:
            schema.upgrade(engine)
        schema.check(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _engine(door: Door) -> Iterator[Engine]:
    path = sqlite_path(door.config.db)
    if path is not None and not path.exists():
        raise NotFound(
            say("There is no database {path}.", path=str(path)),
            "no_database",
            say("Found a time bank: timebank init --community CODE --name NAME, or name another --db."),
        )
    engine = database.open_engine(door.config.db)
    try:
        yield engine
    finally:
        engine.dispose()
