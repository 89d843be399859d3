"""What a shop is to the office: applied, active, paused, left. Each move is a row of its own with its entry.

Only an active shop gives vouchers, takes them and works with its devices. While it is paused, its vouchers wait: they lapse on
their day as ever, and whoever does not want to wait has them voided. What a shop is owed is settled whatever it is.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index
from sqlmodel import Field, Session, SQLModel, col, select

from timebank import ledger
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import insert_rows, key_field, update_rows
from timebank.base.errors import Invalid, Refused
from timebank.base.i18n import say
from timebank.base.rows import last_id
from timebank.journal import Draft
from timebank.people import merchants
from timebank.people.merchants import Merchant
from timebank.people.numbers import number_problem

Verb = Literal["activate", "pause", "resume", "leave"]
VERBS: tuple[Verb, ...] = get_args(Verb)
MOVES: dict[Verb, tuple[frozenset[str], str]] = {
    "activate": (frozenset({"applied", "left"}), "active"),
    "pause": (frozenset({"active"}), "paused"),
    "resume": (frozenset({"paused"}), "active"),
    "leave": (frozenset({"applied", "active", "paused"}), "left"),
}
"""What each verb begins and ends with. A shop that comes back is designated anew."""
_TELLS_WHY = ("pause", "leave")


class MerchantMove(SQLModel, table=True):
    """That a shop became active, paused or left, from that moment on, and the plaque it was given."""

    __tablename__ = "merchant_move"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "merchant_id"], ["merchant.community_id", "merchant.id"]),
        Index("ix_merchant_move_community_id_merchant_id", "community_id", "merchant_id"),
    )

    community_id: int = key_field()
    id: int = key_field()
    merchant_id: int = Field(sa_type=BigInteger)
    state: str
    plaque: str | None = None
    since: date
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become of a shop: its printed number, the verb, and the number of the plaque it is given, if any."""

    merchant: str
    verb: Verb
    plaque: str = ""


def move(session: Session, act: Act, wish: Wish) -> Merchant:
    """Let a shop become active, paused or left. The act says why; pausing and leaving need a reason.

    Raises NotFound `unknown_merchant`; Invalid `reason_missing`, `bad_number`, `personal_number`; Refused `wrong_state`,
    `plaque_taken`.
    """
    communities.lock(session, act.community_id)
    cid, today = act.community_id, communities.today(session, act)
    shop = merchants.find(session, cid, wish.merchant)
    begins, state = MOVES[wish.verb]
    if shop.state not in begins:
        raise Refused(
            say("Merchant {number} is {state}.", number=shop.number, state=merchants.STATES[shop.state]),
            "wrong_state",
            say("See timebank merchant show {number}.", number=shop.number),
        )
    if wish.verb in _TELLS_WHY and not act.reason:
        raise Invalid(say("Why?"), "reason_missing", say("Add for example --reason 装修停业."))
    if wish.plaque:
        check_plaque(session, cid, wish.plaque, shop.id)
    number = last_id(session, "merchant_move", cid) + 1
    facts: dict[str, object] = {"merchant": shop.id, "state": state} | ({"plaque": wish.plaque} if wish.plaque else {})
    draft = Draft("merchant.move", today, subject=f"merchant_move:{number}", facts=facts, text=act.reason or None)
    receipt = ledger.post(session, act, draft)
    row = (cid, number, shop.id, state, wish.plaque or None, today.isoformat(), receipt.seq)
    columns = ("community_id", "id", "merchant_id", "state", "plaque", "since", "seq")
    insert_rows(session, "merchant_move", columns, [row])
    keys = ("community_id", "id")
    update_rows(session, "merchant", ("state", "plaque"), keys, [(state, wish.plaque or shop.plaque, cid, shop.id)])
    return merchants.get(session, cid, shop.id)


def check_plaque(session: Session, community_id: int, plaque: str, own: int = 0) -> None:
    """Refuse what cannot be a plaque's number, or hangs at another shop. Raises Invalid `bad_number`, `personal_number`;
    Refused `plaque_taken`."""
    if wrong := number_problem(plaque):
        raise Invalid(wrong[1], wrong[0], say("A plaque's number is 1 to 32 letters, digits, and . _ -"))
    wanted = select(Merchant).where(
        col(Merchant.community_id) == community_id, col(Merchant.plaque) == plaque, col(Merchant.state) != "left"
    )
    for other in session.exec(wanted.where(col(Merchant.id) != own)):
        raise Refused(
            say("Plaque {plaque} hangs at {number}.", plaque=plaque, number=other.number),
            "plaque_taken",
            say("Give this shop another one, or let the other one leave first."),
        )


def moves_of(session: Session, community_id: int, merchant_id: int) -> list[MerchantMove]:
    """What a shop was from when on, oldest first."""
    wanted = select(MerchantMove).where(
        col(MerchantMove.community_id) == community_id, col(MerchantMove.merchant_id) == merchant_id
    )
    return list(session.exec(wanted.order_by(col(MerchantMove.id))))


def stalls_of(session: Session, community_id: int, market_id: int) -> list[Merchant]:
    """The stalls of a market, by id."""
    wanted = select(Merchant).where(col(Merchant.community_id) == community_id, col(Merchant.market_id) == market_id)
    return list(session.exec(wanted.order_by(col(Merchant.id))))
