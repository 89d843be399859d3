"""The door every command goes through: who acts, on which book, in one transaction, once.

`reading` and `writing` turn a function into a command. A writing one gets --key, --dry-run, --approver and --reason; its
inputs are fingerprinted, so that a repeat under the same key writes nothing and shows the first receipt.
"""

import functools
import hmac
import inspect
import secrets
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine
from sqlmodel import Session

from timebank import approvals, checkpoint_log
from timebank.base import communities, db, keys
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.config import Config
from timebank.base.errors import Busy, Invalid, NotAllowed, NotFound, Unwritable
from timebank.base.i18n import Language, say
from timebank.base.keys import Keys
from timebank.base.sheet_values import parse_text
from timebank.base.sheets import file_digest
from timebank.checkpoint_log import Line
from timebank.checkpoints import Log
from timebank.doorway import Way, checked, checked_key, engine_of, hidden, log_of, publish
from timebank.once import Outcome, once
from timebank.people import clerks
from timebank.show import Screen

Work = Callable[[Session, Act], dict[str, Any]]
Reading = Callable[[Engine], AbstractContextManager[Session]]

UNLOGGED = 74
"""Exit status of a command that counted and could not be written down: that of `Unwritable` in cli.py."""
_SEAL = b"timebank: what waits for a second person"
_FIRST_CLERK = "W0001"
_SOMEBODY = -1  # the second person of a rehearsal; never written
_NOT_INPUTS = {"key", "dry_run", "approver", "reason", "to", "save_rejects", "slip", "png", "svg"}


def _log_path(config: Config, url: str) -> Path:
    return checkpoint_log.path_of(url, config.checkpoints, keys.path_of(url, config.keys))


@dataclass(slots=True)
class Door:
    """One command at the door. `config` holds the global options; `screen` shows things in the person's language."""

    config: Config
    screen: Screen
    _engine: Engine | None = None
    _keys: Keys | None = None
    _logged: int | None = None

    @property
    def lang(self) -> Language:
        """The language of this command."""
        return self.config.lang

    @property
    def engine(self) -> Engine:
        """The database, checked to be there and of this program's revision."""
        if self._engine is None:
            self._engine = engine_of(self.config)
        return self._engine

    def close(self) -> None:
        """Let the database go."""
        if self._engine is not None:
            self._engine.dispose()

    @contextmanager
    def reading(self, how: Reading = db.reading) -> Iterator[tuple[Session, Community]]:
        """A reading transaction on the community; `db.reading_aside` is for one that may take minutes."""
        with self.snapshot(self.engine, how) as session:
            if how is db.reading_aside and session.get_bind() is self.engine and self.engine.dialect.name == "sqlite":
                self.screen.note(say("There is no room for a copy to read: whoever writes waits until this is done."))
            community = communities.find(session, self.config.community)
            if self.config.clerk:
                clerks.find(session, community.id, self.config.clerk)
            yield session, community

    @contextmanager
    def snapshot(self, engine: Engine, how: Reading = db.reading) -> Iterator[Session]:
        """A reading transaction; `log` ends where it ended before it: another desk's later line is not about this snapshot."""
        with suppress(Invalid):  # without a place for keys there is no log either
            self._logged = checkpoint_log.length(_log_path(self.config, self.config.db))
        try:
            with how(engine) as session:
                yield session
        finally:
            self._logged = None

    def community(self, session: Session) -> Community:
        """The community of this command, inside a transaction."""
        return communities.find(session, self.config.community)

    def decimals(self) -> int:
        """How many decimals the community's points have."""
        with self.reading() as (_, community):
            return community.points_decimals

    def pepper(self) -> bytes:
        """What voucher codes are kept under, from the database's file of keys. Raises NotFound `no_keys`."""
        return self.keys().pepper

    def keys(self) -> Keys:
        """The secrets of this database, read once. Raises NotFound `no_keys`, Invalid `bad_keys`."""
        if self._keys is None:
            self._keys = keys.read(keys.path_of(self.config.db, self.config.keys))
        return self._keys

    def log(self) -> Log:
        """Where this database's checkpoints are written down, and what signs them. Raises as `keys`."""
        return replace(log_of(self.config, self.config.db, self.keys()), until=self._logged)

    def public(self) -> bytes | None:
        """The public half of the key that signs the log (32 bytes); None for who may not read the file of keys, or has none."""
        with suppress(NotAllowed, NotFound):
            return self.log().public
        return None

    def written_down(self) -> tuple[Path, int | None]:
        """The file of signed heads, and how long it was before this command's snapshot; needs no keys. Raises Invalid
        `no_keys_path`."""
        return _log_path(self.config, self.config.db), self._logged

    def today(self, community: Community) -> date:
        """The community's calendar day at this command's moment."""
        return Act(community.id, self.config.now(), 0, None, "none", "", "", bytes(32)).today(community.timezone)


@dataclass(slots=True)
class Writing(Door):
    """A writing command at the door: its key, its second person, its reason, its inputs.

    One that `mends` is let in where a book does not agree with what was published. `unlogged` is why a command that counted
    could not be written down in the log of checkpoints.
    """

    key: str = ""
    dry_run: bool = False
    approver: str | None = None
    reason: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    mends: bool = False
    unlogged: Unwritable | Busy | None = None

    def once(self, verb: str, work: Work) -> Outcome:
        """Do the work in one transaction, once for this key; with --dry-run everything is done and taken back."""
        hidden, log = self.hidden(), self.log()

        def attempt(session: Session) -> tuple[Outcome, Line | None]:
            community = communities.find(session, self.config.community)
            act = self.act(session, community)
            done = self.checked(session, act, log, lambda: once(session, act, verb, hidden, lambda: work(session, act)))
            if self.dry_run:
                session.rollback()
            return done

        outcome, line = db.carried_out(self.engine, attempt)
        self.publish(log, line)
        self._tell(outcome)
        return outcome

    def checked(self, session: Session, act: Act, log: Log, work: Callable[[], Outcome]) -> tuple[Outcome, Line | None]:
        """Hold the book against what was published of it, do the work, and sign the head that the work made, if it did.

        Before anything is done it raises RolledBack, Rewritten, Tampered `other_key`, Unwritable `log_unreadable`,
        `log_unwritten`.
        """
        way = Way(self.mends, self.dry_run)
        return checked(session, act, log, work, way, self.screen.warn)

    def publish(self, log: Log, line: Line | None) -> None:
        """Write down what a command signed, once it counts and before it says so."""
        if not self.dry_run:
            self.unlogged = publish(log, line)

    def hidden(self) -> dict[str, str]:
        """The inputs as the fingerprint gets them: under the pepper, so that the database gives no name, phone or code away."""
        return hidden(self.inputs | {"reason": self.reason}, self.pepper())

    def act(self, session: Session, community: Community) -> Act:
        """Who does this: --as (W0001 by default) and, where named, --approver."""
        actor = clerks.find(session, community.id, self.config.clerk or _FIRST_CLERK)
        second = clerks.find(session, community.id, self.approver) if self.approver else None
        act = Act(
            community.id,
            self.config.now(),
            actor.id,
            second.id if second else None,
            "none",
            self.key,
            self.reason,
            secrets.token_bytes(32),
            hmac.digest(self.pepper(), _SEAL, sha256),
        )
        if second is not None:
            approvals.two_people(act)
        return act

    def once_or_ask(self, kind: str, subject: str, request: dict[str, Any], work: Work) -> Outcome:
        """Do the work if a second person is named; else let it wait in the inbox: the receipt is then {'waiting': number}.

        What could not be done even with a second person is refused at once.
        """

        def asked(session: Session, act: Act) -> dict[str, Any]:
            rehearsal = session.begin_nested()
            work(session, replace(act, approver=_SOMEBODY))
            rehearsal.rollback()
            return {"waiting": approvals.ask(session, act, kind, [(subject, request | {"reason": act.reason})])[0]}

        outcome = self.once(kind, work if self.approver else asked)
        if not self.approver and not self.dry_run:
            self.screen.note(
                say(
                    "This waits for a second person as number {number}: timebank approve {number} --as W0002",
                    number=outcome.receipt["waiting"],
                )
            )
        return outcome

    def _tell(self, outcome: Outcome) -> None:
        if self.dry_run:
            self.screen.note(say("Dry run: nothing was written."))
        elif outcome.repeated:
            self.screen.note(say("Key {key} was used before: nothing was written, this is the first receipt.", key=self.key))
        else:
            self.screen.note(say("Key of this command: {key}", key=self.key))


def reading(app: typer.Typer, name: str, *, example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a reading command: the function's first parameter is a Door, its docstring the help, `example` a command line."""
    return lambda function: _command(app, name, example, function, ())


def writing(app: typer.Typer, name: str, *, example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a writing command: the function's first parameter is a Writing."""
    return lambda function: _command(app, name, example, function, _WRITING_OPTIONS)


_WRITING_OPTIONS = (
    ("approver", Annotated[str | None, typer.Option(help="The second person, by clerk number.")], None),
    ("reason", Annotated[str, typer.Option(help="Why; kept beside the entry.")], ""),
    ("key", Annotated[str | None, typer.Option(help="Idempotency key; the same key never counts twice.")], None),
    ("dry_run", Annotated[bool, typer.Option("--dry-run", help="Do everything, show it, take it back.")], False),
)


def _command(
    app: typer.Typer, name: str, example: str, function: Callable[..., None], more: tuple[tuple[str, Any, Any], ...]
) -> Callable[..., None]:
    own = list(inspect.signature(function).parameters.values())[1:]
    extra = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=d, annotation=a) for n, a, d in more]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)

    @functools.wraps(function)
    def command(ctx: typer.Context, **given: Any) -> None:
        config: Config = ctx.find_root().obj
        screen = Screen(config)
        if not more:
            with closing(Door(config, screen)) as door:
                function(door, **given)
            return
        inputs = {n: _plain(v) for n, v in sorted(given.items()) if n not in _NOT_INPUTS and v is not None}
        options = {n: given.pop(n) for n, _, _ in more}
        options["key"] = _key(options["key"])
        options["reason"] = parse_text(options["reason"])
        with closing(Writing(config, screen, inputs=inputs, **options)) as door:
            try:
                function(door, **given)
            except (Busy, Unwritable):  # whose hints ask for the key: a random one was never shown
                screen.note(say("Key of this command: {key}", key=door.key))
                raise
        tell_unlogged(door)

    command.__signature__ = inspect.Signature([context, *own, *extra])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (context, *own, *extra)}
    app.command(name, epilog=example)(command)
    return function


def tell_unlogged(door: Writing) -> None:
    """Say, once all else is shown, that what a command did counts and is not written down in the log of checkpoints yet."""
    if door.unlogged is not None:
        counted = say("The command counted, but its checkpoint was not written down. {cause}", cause=door.unlogged.message)
        door.screen.warn(counted)
        if door.unlogged.hint is not None:
            door.screen.warn(door.unlogged.hint)
        raise typer.Exit(UNLOGGED)


def _key(given: str | None) -> str:
    """The command's key: the given one, else a random one. Raises Invalid `bad_key`."""
    if given is None:
        return secrets.token_hex(8)
    return checked_key(parse_text(given))


def _plain(value: Any) -> Any:
    """An argument as canonical data: a file stands for its content, so that a moved file is the same command."""
    if isinstance(value, Path):
        return file_digest(value) if value.is_file() else str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (bool, int)):
        return value
    return unicodedata.normalize("NFC", str(value))
