"""Each command counts once: the key is looked up after the lock, the receipt kept beside what was written."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import insert_rows, instant
from timebank.base.errors import Conflict
from timebank.base.i18n import say
from timebank.base.rows import select_rows
from timebank.transparency import canonical

_RUNNING = "timebank_command"
_KNOWN = "SELECT verb, fingerprint, receipt FROM command WHERE community_id = ? AND key = ?"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A command's receipt (canonical JSON) and whether an earlier run had written it."""

    receipt: dict[str, Any]
    repeated: bool


def once(session: Session, act: Act, verb: str, inputs: dict[str, Any], work: Callable[[], dict[str, Any]]) -> Outcome:
    """Do `work` under the community's lock unless this key did it before.

    `inputs` are the command's arguments without time and chance. The same key with the same inputs gives the first receipt
    and writes nothing; with others: Conflict `exists_with_different_content`. Inside a running command it just does the work.
    """
    if session.info.get(_RUNNING) == act.key:
        return Outcome(work(), repeated=False)
    communities.lock(session, act.community_id)
    print_ = fingerprint(act, verb, inputs)
    known = select_rows(session, _KNOWN, (act.community_id, act.key))
    if known:
        earlier, print_then, receipt = known[0]
        if bytes(print_then) != print_:
            raise Conflict(
                say("The key {key} was used before, for something else ({verb}).", key=act.key, verb=earlier),
                "exists_with_different_content",
                say("Repeat the first command unchanged, or leave --key out for a new one."),
            )
        return Outcome(json.loads(receipt), repeated=True)
    session.info[_RUNNING] = act.key
    try:
        receipt = work()
    finally:
        del session.info[_RUNNING]
    written = canonical(receipt).decode()
    row = (act.community_id, act.key, verb, print_, written, act.actor, instant(act.now))
    insert_rows(session, "command", ("community_id", "key", "verb", "fingerprint", "receipt", "actor", "done_at"), [row])
    return Outcome(json.loads(written), repeated=False)


def fingerprint(act: Act, verb: str, inputs: dict[str, Any]) -> bytes:
    """SHA-256 over what a command was asked to do and by whom: 32 bytes. Inputs that may name people come in hidden."""
    asked = {"verb": verb, "inputs": inputs, "actor": act.actor, "approver": act.approver or 0}
    return hashlib.sha256(canonical(asked)).digest()
