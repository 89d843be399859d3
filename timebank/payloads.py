"""An entry's payload, written straight: the very bytes `canonical` gives of its fields, without a dictionary of them.

What all entries of a batch share is written once. Values that come from elsewhere go through the checks of `canonical`, one by
one; its property test (tests/test_payloads.py) holds the two equal.
"""

from collections.abc import Sequence
from functools import lru_cache

from timebank.base.act import Act
from timebank.base.months import iso_day
from timebank.journal import Draft
from timebank.positions import Line, Position
from timebank.transparency import piece, whole

PAYLOAD_VERSION = 1
_word = lru_cache(1_024)(piece)
"""Kinds and rule books: a batch has a few of them."""


class Payloads:
    """The payloads of the entries `seqs` of one act in one log, all posted at one moment ('2026-10-20T04:00:00Z')."""

    def __init__(self, act: Act, log: str, moment: str, seqs: range) -> None:
        approver = f',"approver":{act.approver},"approver_auth":{piece(act.approver_auth)}' if act.approver is not None else ""
        self._nonces = dict(zip(seqs, act.draw_many(f"nonces {seqs.start}", len(seqs)), strict=True))
        self._who = f'{{"actor":{act.actor}{approver},"business_date":"'
        self._log = f',"log":{piece(log)},"nonce":"'
        self._moment = f'","posted_at":"{moment}","postings":['

    def write(self, seq: int, key: str, period: str, draft: Draft, lines: Sequence[Line], **more: str) -> str:
        """One entry's payload; `more` are its fields `reverses` and `text_hash`, as JSON. Raises Invalid `not_canonical`."""
        facts = f'"facts":{piece(draft.facts)},' if draft.facts is not None else ""
        reverses = f'"reverses":{more["reverses"]},' if "reverses" in more else ""
        rules = f'"rules":{_word(draft.rules)},' if draft.rules is not None else ""
        subject = f'"subject":{piece(draft.subject)},' if draft.subject is not None else ""
        text_hash = f'"text_hash":{more["text_hash"]},' if "text_hash" in more else ""
        trace = f'"trace":{piece(draft.trace)},' if draft.trace is not None else ""
        return (
            f'{self._who}{iso_day(draft.business_date)}",{facts}"key":{piece(key)},"kind":{_word(draft.kind)}{self._log}'
            f'{self._nonces[seq].hex()}","period":"{period}{self._moment}{_postings(lines)}],'
            f'{reverses}{rules}"seq":{seq},{subject}{text_hash}{trace}"v":{PAYLOAD_VERSION}}}'
        )


def _postings(lines: Sequence[Line]) -> str:
    """[holder, unit, purpose, lapse day, amount, n] of each line."""
    written = []
    for position, expires_on, amount, n, _ in lines:
        written.append(f'{position.written or _named(position)},"{expires_on}",{whole(amount)},{n}]')
    return ",".join(written)


def _named(position: Position) -> str:
    """The account's part of its postings, kept with it: a batch has thousands of one account."""
    position.written = f"[{piece(position.holder)},{piece(position.unit)},{piece(position.purpose)}"
    return position.written
