"""I6: commands against the entries they made: each is kept, was given by who signed its entries, and was answered truly."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import SQLModel

from timebank.audit.findings import Findings
from timebank.audit.privacy import texts
from timebank.audit.refold import Done
from timebank.audit.source import Source, columns_of
from timebank.base.i18n import say
from timebank.base.masking import tells_who
from timebank.journal import ENTRY, Command


class Commands:
    """Compares commands while the journal is read: give it those that are complete, then `finish`."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings

    def take(self, done: Sequence[Done]) -> None:
        """Compare the rows of commands that posted entries."""
        table = SQLModel.metadata.tables["command"]
        rows = self._source.found(table, ("actor", "receipt"), "key", {command.key for command in done})
        for command in done:
            row = rows.get(command.key)
            if row is None:
                missing = say("Its command {key} is not kept.", key=command.key)
                self._findings.add("command_missing", missing, entry=command.first)
                continue
            if row["actor"] not in command.signed:
                other = say("Clerk {clerk} gave its command; others signed it.", clerk=str(row["actor"]))
                self._findings.add("command_differs", other, entry=command.first)
            self._check_receipt(command.key, row["receipt"], command)

    def finish(self, size: int) -> None:
        """Compare the rows of commands that posted nothing; the log has `size` entries."""
        command = columns_of(Command)
        first = (ENTRY.community_id == command.community_id) & (ENTRY.key == command.key + "/0")
        wanted = select(command.key, self._source.plain(command.receipt)).outerjoin_from(
            command.key.table, ENTRY.seq.table, first
        )
        own = command.community_id == self._source.community_id
        for key, receipt in self._source.rows(wanted.where(own, ENTRY.seq.is_(None))):
            self._check_receipt(key, receipt, Done(str(key), size, 0, (None, None)))

    def _check_receipt(self, key: str, receipt: Any, done: Done) -> None:
        """A receipt tells no more and no less entries than there are, and nothing of a person."""
        where = f"command {key}"
        try:
            told: dict[str, Any] = json.loads(receipt)
            entries = told.get("posted", len(told.get("entries", range(done.entries))))
            entry = told.get("entry", -1)
            personal = any(tells_who(text) for _, text in texts("", told))  # a sum of fen may look like a phone
        except (ValueError, TypeError, AttributeError, RecursionError):
            self._findings.add("command_differs", say("Its receipt cannot be read."), where=where)
            return
        if entries != done.entries or type(entry) is not int or entry >= done.first + done.entries:
            other = say("Its receipt tells of entries that are not there.")
            self._findings.add("command_differs", other, where=where)
        if personal:
            told_of = say("Its receipt tells a phone or identity number, or an e-mail address.")
            self._findings.add("personal_data", told_of, where=where)
