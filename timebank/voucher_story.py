"""The story of one voucher: everything that befell it, in the order of the book, told from its entries."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from timebank import quotes, reading, voucher_words, vouchers
from timebank.base.i18n import Say
from timebank.transparency import parse
from timebank.vouchers import Voucher


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that befell a voucher: its entry, kind and moment (aware UTC), the clerks by id, and what it was in words.
    `via` is 'phone' of a capture that was read out, which has an approval number."""

    seq: int
    kind: str
    at: datetime
    actor: int
    approver: int | None
    told: Say
    via: str = ""


def of(session: Session, voucher: Voucher, decimals: int) -> list[Event]:
    """All events of a voucher, oldest first, from its quote on."""
    cid = voucher.community_id
    seqs = [voucher.seq]
    if voucher.quote_id:
        seqs.append(quotes.find(session, cid, voucher.quote_id).seq)
    resolution = vouchers.resolution_of(session, voucher)
    seqs += [resolution.seq] if resolution is not None else []
    seqs += [row.seq for row in vouchers.refunds_about(session, voucher)]
    for dispute, end in vouchers.disputes_of(session, voucher):
        seqs += [dispute.seq, *([end.seq] if end is not None else [])]
    payloads = reading.payloads(session, cid, seqs)
    return [_event(seq, payloads[seq], decimals) for seq in sorted(payloads)]


def _event(seq: int, payload: str, decimals: int) -> Event:
    fields = parse(payload.encode())
    facts = fields.get("facts", {})
    at = datetime.fromisoformat(fields["posted_at"])
    told = voucher_words.summary(fields["kind"], facts, decimals)
    return Event(seq, fields["kind"], at, fields["actor"], fields.get("approver"), told, facts.get("via", ""))
