"""What the errors of a database's driver mean for a person: busy, lost, unwritable, not allowed, not there.

Errors that are no fault of the machine or its settings stay what they are: they are bugs. A server that refuses a
connection sends no SQLSTATE through the driver, so its words are read, in English and Chinese.
"""

import re
import sqlite3

from sqlalchemy.exc import DBAPIError

from timebank.base.errors import Busy, Invalid, NotAllowed, NotFound, TimebankError, Unwritable
from timebank.base.i18n import say

GAVE_WAY = "gave_way"
"""The code of a Busy after which the same work can be tried again at once: the database took it back for another's sake."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_UNWRITABLE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LOCKED = {"55P03", "57014"}
_TAKEN_BACK = {"40001", "40P01"}
_NO_ROOM = {"53100", "53200", "58030"}
_READ_ONLY = "25006"
_POOLED = {"42P05", "26000"}
_NO_RIGHTS = "42501"
_FULL_HOUSE = {"53300", "57P03"}
_GONE = ("08", "57P")
_NO_DATABASE = re.compile(r"(database|数据库) ?[\"“].*[\"”] ?(does not exist|不存在)")
_NO_LOGIN = re.compile(r"authentication|password|pg_hba|role |not permitted to log in|permission denied|认证|密码|口令|角色")
_STARTING = re.compile(
    r"starting up|shutting down|recovery mode|too many (clients|connections)|connection slots|正在启动|正在关闭"
)


def lost(cause: BaseException | None) -> bool:
    """Whether an error of psycopg means that its connection is of no use any more, whatever the connection itself says.

    Where the server's last words come before the end of the line, or amid answers that nobody fetches any more, psycopg goes on
    as if it could: a rollback then fails, and hides why (tried, moment by moment: tests/test_lost_servers.py).
    """
    state: str | None = getattr(cause, "sqlstate", "")
    if state is None:  # libpq's own words, but for those about a statement that came after a failed one
        return type(cause).__name__ == "OperationalError"
    return state.startswith(_GONE)


def plain(error: DBAPIError) -> TimebankError | None:
    """The error as one of ours, or None for a bug.

    Where a disk fails, SQLite takes the whole transaction back, and whoever then goes back to a savepoint is told that there is
    none: what counts is the error before.
    """
    ours, earlier = _plain(error), error.__context__
    while ours is None and earlier is not None:
        ours = _plain(earlier) if isinstance(earlier, DBAPIError) else None
        earlier = earlier.__context__
    return ours


def _plain(error: DBAPIError) -> TimebankError | None:
    cause = error.orig
    if isinstance(cause, sqlite3.DatabaseError):
        return (_unsure(cause) if error.statement is None else None) or _sqlite(cause)
    state: str | None = getattr(cause, "sqlstate", "")
    if state is None:
        return _connection(error) if type(cause).__name__ == "OperationalError" else None
    return _postgres(state, _first_line(cause))


def _unsure(cause: sqlite3.DatabaseError) -> Unwritable | None:
    """A disk that fails a COMMIT may do so after the journal is gone: then the command counts (tried, call by call)."""
    if _base(cause) != sqlite3.SQLITE_IOERR:
        return None
    return Unwritable(say("The disk failed while this was written down: {cause}.", cause=str(cause)), "unsure", _COUNTS_ONCE)


def _base(cause: sqlite3.DatabaseError) -> int:
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF


def _sqlite(cause: sqlite3.DatabaseError) -> TimebankError | None:
    base = _base(cause)
    if base in _BUSY:
        return busy()
    if base in _UNWRITABLE:
        return Unwritable(
            say("The database cannot be written: {cause}.", cause=str(cause)),
            "unwritable",
            say("Check free space and permissions of its folder; nothing was changed."),
        )
    if base in _DAMAGED:  # SQLite calls a disk that cannot be read (EIO) by the same name
        return Unwritable(
            say("The database file is damaged or cannot be read: {cause}.", cause=str(cause)),
            "damaged",
            say("Nothing was changed. Check the disk, then run timebank audit; bring the last backup back where it fails."),
        )
    return None


def _postgres(state: str, cause: str) -> TimebankError | None:
    if state in _LOCKED:
        return busy()
    if state in _TAKEN_BACK or (state == "XX000" and "could not commit" in cause):
        return Busy(say("The database took this back for the sake of another command."), GAVE_WAY, _AGAIN)
    if state in _FULL_HOUSE:
        return _full_house(cause)
    if state.startswith(_GONE):
        return _lost(cause)
    if state in _NO_ROOM or state == _READ_ONLY:
        hint = say("Check free space on the server, and that it is not a read-only standby; nothing was changed.")
        return Unwritable(say("The database cannot be written: {cause}.", cause=cause), "unwritable", hint)
    if state in _POOLED:
        return Invalid(
            say("A pooler between here and the server mixes prepared statements up: {cause}.", cause=cause),
            "pooled",
            say("Add prepare_threshold=none to the database's URL, after a question mark; nothing was changed."),
        )
    if state == _NO_RIGHTS:
        return NotAllowed(
            say("The database does not let this login do that: {cause}.", cause=cause),
            "no_rights",
            say("Let the owner of the database run timebank db grant for this login's role, or do this as the owner."),
        )
    return None


def _connection(error: DBAPIError) -> TimebankError:
    """What is wrong where a server sent no SQLSTATE: there is no connection yet, or none any more."""
    cause = _first_line(error.orig)
    if error.connection_invalidated:
        return _lost(cause)
    if _STARTING.search(cause):
        return _full_house(cause)
    if _NO_DATABASE.search(cause):
        hint = say("Let its server's administrator create it: CREATE DATABASE … ENCODING 'UTF8', or name another --db.")
        return NotFound(say("The server has no such database: {cause}.", cause=cause), "no_database", hint)
    if _NO_LOGIN.search(cause):
        hint = say("Check user and password in --db or TIMEBANK_DB; a password can also stand in ~/.pgpass.")
        return NotAllowed(say("The database server refuses this login: {cause}.", cause=cause), "login_refused", hint)
    hint = say("Check host and port in --db or TIMEBANK_DB, and that the server runs; nothing was changed.")
    return Unwritable(say("The database server cannot be reached: {cause}.", cause=cause), "unreachable", hint)


_COUNTS_ONCE = say("Run the same command again with the same --key: whether or not it was done, it counts once.")
_AGAIN = say("Nothing was changed. Run the same command again with the same --key.")


def busy() -> Busy:
    """Another one holds the lock for longer than one waits."""
    return Busy(say("Someone else is writing to this community's book."), "busy", _AGAIN)


def _full_house(cause: str) -> Busy:
    return Busy(say("The database server takes no connection just now: {cause}.", cause=cause), "server_busy", _AGAIN)


def _lost(cause: str) -> Busy:
    return Busy(say("The connection to the database server was lost: {cause}.", cause=cause), "connection_lost", _COUNTS_ONCE)


def _first_line(cause: object) -> str:
    """What the driver said, on one line: a login's name may be in it, its password never is."""
    return " ".join(str(cause).split()).removeprefix("connection failed: ").rstrip(".")
