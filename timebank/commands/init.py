"""`timebank init`."""

import os
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import ledger
from timebank.base import communities, db, keys, schema
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.config import sqlite_path
from timebank.base.i18n import say, text
from timebank.base.sheet_values import parse_text
from timebank.base.sheet_writing import make_folder
from timebank.checkpoint_log import Line
from timebank.checkpoints import Log
from timebank.commands.door import Writing, writing
from timebank.doorway import log_of
from timebank.once import Outcome, once
from timebank.people import clerks

app = typer.Typer(add_completion=False)
_EXAMPLE = "timebank init --community 520201-jianshe --name 建设中路社区 --credits 福美和 --open-from 2026-01"


@writing(app, "init", example=_EXAMPLE)
def init(
    door: Writing,
    name: Annotated[str, typer.Option(help="The community's name, as printed.")],
    credits_unit: Annotated[str, typer.Option("--credits", help="Name of the community's own unit of credits.")] = "credits",
    timezone: Annotated[str, typer.Option(help="Time zone in which days and months end.")] = "Asia/Shanghai",
    points_decimals: Annotated[int, typer.Option(help="Decimals of points, 0 or 1; for ever.")] = 0,
    open_from: Annotated[str | None, typer.Option(help="First month of the book, to load history.")] = None,
    clerk: Annotated[str, typer.Option(help="Name of the first clerk, W0001.")] = "",
    reviewer: Annotated[str, typer.Option(help="Name of the second, W0002.")] = "",
) -> None:
    """Found a time bank: make the database, the community, and the clerks W0001 (you) and W0002."""
    wish = Community(
        id=0,
        code=door.config.community or "community",
        name=parse_text(name),
        timezone=timezone,
        credits_unit=parse_text(credits_unit),
        points_decimals=points_decimals,
        founded_at=door.config.now(),
    )
    communities.check(wish)
    if door.dry_run:
        with TemporaryDirectory() as folder:  # nothing is made where the database would be
            receipt = _founded(door, f"sqlite:///{folder}/book.db", wish, open_from, (clerk, reviewer))
        door.screen.note(say("Dry run: nothing was written."))
    else:
        receipt = _founded(door, door.config.db, wish, open_from, (clerk, reviewer))
    _show(door, wish, receipt)


def _founded(door: Writing, url: str, wish: Community, open_from: str | None, people: tuple[str, str]) -> dict[str, Any]:
    """Make the database where there is none, its keys, and the community."""
    path = sqlite_path(url)
    if path is not None:
        make_folder(path.parent)
    engine = db.open_engine(url)
    try:
        schema.upgrade(engine)

        def attempt(session: Session) -> tuple[Log, Outcome, Line | None]:
            communities.found_alone(session)
            log = _log(door, session, url)
            return log, *_found(door, session, wish, log, (open_from, *people))

        log, outcome, line = db.carried_out(engine, attempt)
        door.publish(log, line)
        return outcome.receipt
    finally:
        engine.dispose()


def _log(door: Writing, session: Session, url: str) -> Log:
    """A first community makes the file of keys; later ones need it to be there: a new pepper would make all codes unknown."""
    own = replace(door.config, keys=None, checkpoints=None) if door.dry_run else door.config
    place = keys.path_of(url, own.keys)
    first = not communities.listed(session)
    return log_of(own, url, keys.read_or_make(place, os.urandom(keys.CHANCE_BYTES)) if first else keys.read(place))


def _found(
    door: Writing, session: Session, wish: Community, log: Log, told: tuple[str | None, str, str]
) -> tuple[Outcome, Line | None]:
    """Found the community, or give the first receipt of the same command. `told`: the first month, names of the clerks."""
    open_from, *people = told
    moment = Act(0, door.config.now(), 1, None, "none", door.key, door.reason, os.urandom(32))
    known = communities.with_code(session, wish.code)
    community = known or communities.found(session, moment, wish, open_from)
    act = replace(moment, community_id=community.id)

    def work() -> dict[str, Any]:
        if known is not None:
            communities.refuse_twice(wish.code)
        ledger.open_book(session, act.community_id)
        usual = (text(say("clerk"), door.lang), text(say("reviewer"), door.lang))
        names = [parse_text(given or "") or name for given, name in zip(people, usual, strict=True)]
        numbers = [clerk.number for clerk in clerks.add(session, act, names)]
        return {"community": wish.code, "clerks": numbers, "open_from": communities.lock(session, act.community_id).opened_from}

    # A rehearsal has no file of keys to hide them under, and no earlier run to be compared with.
    inputs = {"community": wish.code} | ({} if door.dry_run else door.hidden())
    return door.checked(session, act, log, lambda: once(session, act, "init", inputs, work))


def _show(door: Writing, wish: Community, receipt: dict[str, Any]) -> None:
    if door.screen.data(receipt):
        return
    door.screen.facts(
        say("A time bank is founded"),
        [
            (say("community"), f"{wish.name} ({wish.code})"),
            (say("clerks"), ", ".join(receipt["clerks"])),
            (say("first month"), receipt["open_from"]),
            (say("database"), str(sqlite_path(door.config.db) or db.shown(door.config.db))),
        ],
    )
    door.screen.note(say("Next: timebank member import members.csv"))
