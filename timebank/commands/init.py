"""`timebank init`."""

import os
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import ledger
from timebank.base import communities, db, keys, schema
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.config import sqlite_path
from timebank.base.i18n import say, text
from timebank.commands.door import Writing, writing
from timebank.once import once
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
) -> None:
    """Found a time bank: make the database, the community, and the clerks W0001 (you) and W0002."""
    code = door.config.community or "community"
    path = sqlite_path(door.config.db)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    new = path is not None and not path.exists()
    engine = db.open_engine(door.config.db)
    try:
        schema.upgrade(engine)
        wish = Community(
            id=0,
            code=code,
            name=name,
            timezone=timezone,
            credits_unit=credits_unit,
            points_decimals=points_decimals,
            founded_at=door.config.now(),
        )
        with db.writing(engine) as session:
            receipt = _found(door, session, wish, open_from)
            if door.dry_run:
                session.rollback()
    except BaseException:
        _forget(new, door)
        raise
    if not door.dry_run:
        keys.read_or_make(keys.path_of(door.config.db, door.config.keys), os.urandom(keys.PEPPER_BYTES))
    else:
        _forget(new, door)
        door.screen.note(say("Dry run: nothing was written."))
    _show(door, wish, receipt)


def _found(door: Writing, session: Session, wish: Community, open_from: str | None) -> dict[str, Any]:
    """Found the community, or give the first receipt of the same command."""
    moment = Act(0, door.config.now(), 1, None, "none", door.key, door.reason, os.urandom(32))
    known = communities.with_code(session, wish.code)
    if known is None:
        known = communities.found(session, moment, wish, open_from)
        fresh = True
    else:
        fresh = False
    act = Act(known.id, moment.now, 1, None, "none", door.key, door.reason, moment.entropy)

    def work() -> dict[str, Any]:
        if not fresh:
            communities.refuse_twice(wish.code)
        ledger.open_book(session, act.community_id)
        names = [text(say("clerk"), door.lang), text(say("reviewer"), door.lang)]
        numbers = [clerk.number for clerk in clerks.add(session, act, names)]
        state = communities.lock(session, act.community_id)
        return {"community": wish.code, "clerks": numbers, "open_from": state.opened_from}

    return once(session, act, "init", door.inputs | {"community": wish.code}, work).receipt


def _forget(new: bool, door: Writing) -> None:
    """A founding that failed leaves no empty database behind."""
    path = sqlite_path(door.config.db)
    if new and path is not None:
        path.unlink(missing_ok=True)


def _show(door: Writing, wish: Community, receipt: dict[str, Any]) -> None:
    if door.screen.data(receipt):
        return
    door.screen.facts(
        say("A time bank is founded"),
        [
            (say("community"), f"{wish.name} ({wish.code})"),
            (say("clerks"), ", ".join(receipt["clerks"])),
            (say("first month"), receipt["open_from"]),
            (say("database"), door.config.db),
        ],
    )
    door.screen.note(say("Next: timebank member import members.csv"))
