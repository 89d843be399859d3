"""`timebank doctor`: what a person who looks after the program wants to see. Opens SQLite by itself, so that it starts fast."""

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import typer

from timebank import __version__, tokens
from timebank.base.config import Config, default_db, sqlite_path
from timebank.base.errors import Invalid, TimebankError
from timebank.base.i18n import Say, say, text
from timebank.checkpoint_log import last, path_of
from timebank.show import Screen

app = typer.Typer(add_completion=False)
_WAL_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
_FREE_BYTES_MIN = 1 << 30
_DECEMBER = 12


@app.command("doctor", epilog="timebank doctor")
def doctor(ctx: typer.Context) -> None:
    """Show versions, where the database is, how durable it is, and what is worth a warning."""
    config: Config = ctx.find_root().obj
    screen = Screen(config)
    facts: dict[str, str] = {
        "program": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "database": config.db,
        "default": default_db(),
    }
    warnings: list[Say] = []
    path = sqlite_path(config.db)
    facts |= _server_facts(config, warnings) if path is None else _sqlite_facts(config, path, warnings)
    _check_keys(config, path, warnings)
    _check_counter(config, warnings)
    if screen.data({**facts, "warnings": [text(warning, config.lang) for warning in warnings]}):
        return
    screen.facts(say("timebank doctor"), [(NAMES[name], value) for name, value in facts.items()])
    for warning in warnings:
        screen.warn(warning)


def _sqlite_facts(config: Config, path: Path, warnings: list[Say]) -> dict[str, str]:
    version = tuple(int(part) for part in sqlite3.sqlite_version.split("."))
    if not any(version >= fixed and version[:2] == fixed[:2] for fixed in _WAL_FIXED) and version < _WAL_FIXED[0]:
        warnings.append(say("This SQLite can lose commits in WAL mode; the program keeps the rollback journal, which is safe."))
    if not path.exists():
        warnings.append(say("There is no database yet: timebank init --community CODE --name NAME"))
        return {}
    free = shutil.disk_usage(path.parent).free
    if free < _FREE_BYTES_MIN:
        warnings.append(say("Only {megabytes} MB are free where the database is.", megabytes=free >> 20))
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        revision = _one(connection, "SELECT version_num FROM alembic_version")
        guards = _one(connection, "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'guard_%'")
        entries = _one(connection, "SELECT sum(size) FROM community_state")
        log = path_of(config.db, config.checkpoints, path)
        if revision:
            _compare(connection, log, warnings)
            with suppress(sqlite3.OperationalError):  # a database of before they were known
                _check_issuers(config, connection.execute(_ISSUERS).fetchall(), warnings)
    except sqlite3.DatabaseError as error:
        warnings.append(say("The file is not a sound SQLite database: {cause}.", cause=str(error)))
        return {}
    finally:
        connection.close()
    if guards == "0":
        warnings.append(say("The append-only guards are missing; run timebank audit."))
    if revision:
        warnings.append(say("No clerk has a PIN: whoever sits at this computer can act as any clerk."))
    facts = {"journal": mode, "checkpoints": str(log), "revision": revision or "-", "guards": guards, "entries": entries or "0"}
    return facts | {"size": f"{path.stat().st_size:,} B", "free": f"{free >> 20:,} MB", "platform": sys.platform}


def _check_keys(config: Config, path: Path | None, warnings: list[Say]) -> None:
    """Warn where others than its owner may read the file of keys (POSIX): with it anybody signs as this log."""
    place = config.keys or (f"{path}.keys" if path else "")
    with suppress(OSError):  # there is none yet, or this person may not even see it
        if place and os.name != "nt" and Path(place).stat().st_mode & 0o077:
            warnings.append(say("Others on this computer may read the file of keys: chmod 600 {file}", file=place))


def _check_counter(config: Config, warnings: list[Say]) -> None:
    """Warn where QR codes carry no address, or one that no QR code can carry."""
    if config.counter is None:
        warnings.append(
            say("Cameras open no QR code of a voucher: the counter's address is not known; set TIMEBANK_COUNTER=https://…")
        )
        return
    try:
        tokens.counter_of(config.counter)
    except Invalid as error:
        warnings.append(error.message)


_ISSUERS = """
SELECT c.code, k.number, k.year, k.public, e.number FROM issuer_key k JOIN community c ON c.id = k.community_id
LEFT JOIN issuer_key_end e ON e.community_id = k.community_id AND e.number = k.number ORDER BY c.code, k.number
"""
_NUMBERS_LEFT_MIN = 10


def _check_issuers(config: Config, rows: Sequence[Sequence[Any]], warnings: list[Say]) -> None:
    """Warn of keys that this file of keys does not give, of a new year without one, and of numbers that come to their end.

    `rows` are as `_ISSUERS` has them; the last column is null where a key was not revoked.
    """
    if not rows:
        return
    from timebank.base import keys  # and with it SQLAlchemy: not where there is nothing to compare

    now, seed = config.now(), None
    with suppress(TimebankError):  # who may not read them learns the rest
        seed = keys.read(keys.path_of(config.db, config.keys)).seed
    for code, own in groupby(rows, key=itemgetter(0)):
        known = list(own)
        for _, number, _, public, ended in known:
            if seed and ended is None and keys.public(keys.issuer_seed(seed, code, number)) != bytes(public):
                told = {"number": number, "code": code}
                warnings.append(
                    say("Issuer key {number} of {code} is not of this file of keys: bring the right one back.", **told)
                )
        if now.month == _DECEMBER and not any(year > now.year and ended is None for _, _, year, _, ended in known):
            told = {"code": code, "year": now.year + 1}
            warnings.append(say("{code} has no issuer key of {year} yet: timebank issuer announce --year {year}", **told))
        if len(known) > tokens.KEY_MAX - _NUMBERS_LEFT_MIN:
            left = tokens.KEY_MAX - len(known)
            warnings.append(
                say("{code} has {left} numbers of issuer keys left; then vouchers have no QR code.", code=code, left=left)
            )


def _compare(connection: sqlite3.Connection, log: Path, warnings: list[Say]) -> None:
    """Hold each book against the last line of the log of checkpoints, as far as that can be done without the keys."""
    states = "SELECT c.id, c.code, s.incarnation, s.size FROM community c JOIN community_state s ON s.community_id = c.id"
    for number, code, incarnation, size in connection.execute(states).fetchall():
        line = last(log, code)
        notes = connection.execute(
            "SELECT note FROM checkpoint WHERE community_id = ? AND note IS NOT NULL AND size = coalesce(?, size) LIMIT 1",
            (number, line.size if line else None),
        ).fetchone()
        if line is None and notes:
            warnings.append(say("The log of checkpoints {file} is missing; the next command writes it anew.", file=str(log)))
        if line and (line.place > (incarnation, size) or (line.incarnation == incarnation and notes != (line.note,))):
            warnings.append(
                say("The book of {code} is not what was published: nothing is written. Run timebank audit.", code=code)
            )


def _server_facts(config: Config, warnings: list[Say]) -> dict[str, str]:
    """What a server says of itself and of its database. Raises what `db.open_engine` and a connection raise."""
    from timebank.base import db, schema

    engine = db.open_engine(config.db)
    try:
        revision, login = schema.revision(engine), schema.login(engine)
        with db.reading(engine) as session:
            ask = session.connection().exec_driver_sql
            facts = {"database": db.shown(config.db), "server": ask("SHOW server_version").scalar_one()}
            if revision is None:
                warnings.append(say("There is no database yet: timebank init --community CODE --name NAME"))
                return facts
            if revision == schema.head():
                _check_issuers(config, ask(_ISSUERS).all(), warnings)
            facts |= {
                "revision": revision,
                "guards": str(
                    ask("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'guard_%%' AND tgenabled <> 'D'").scalar()
                ),
                "entries": str(ask("SELECT COALESCE(sum(size), 0) FROM community_state").scalar()),
                "size": f"{ask('SELECT pg_database_size(current_database())').scalar():,} B",
            }
    finally:
        engine.dispose()
    if login is not None:
        facts |= {"login": login.name, "rights": login.rights}
        if login.rights == "owner":
            warnings.append(
                say("This login could take the guards down: give the program a role of its own, timebank db grant.")
            )
    return facts | {"platform": sys.platform}


def _one(connection: sqlite3.Connection, query: str) -> str:
    try:
        found = connection.execute(query).fetchone()
    except sqlite3.OperationalError:
        return ""
    return "" if found is None or found[0] is None else str(found[0])


NAMES = {
    "program": say("program"),
    "python": say("Python"),
    "sqlite": say("SQLite"),
    "database": say("database"),
    "default": say("default database"),
    "journal": say("journal mode"),
    "checkpoints": say("log of checkpoints"),
    "revision": say("schema revision"),
    "guards": say("append-only guards"),
    "entries": say("entries"),
    "size": say("size"),
    "free": say("free space"),
    "platform": say("platform"),
    "server": say("PostgreSQL"),
    "login": say("login"),
    "rights": say("rights"),
}
