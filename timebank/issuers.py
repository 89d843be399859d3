"""Issuer keys: what the tokens of vouchers are signed with, a key a year, and the voucher that a token opens.

A key is announced in the journal before it signs anything, so that whoever holds the book, or a file made from it, can check a
token without asking. Its seed follows from the seed of the file of keys, so that nothing else has to be backed up. A key signs
in its year, next year's is announced in December; what it has signed stays good until the voucher ends. A revoked key opens
nothing any more: the vouchers it signed are still good by their codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, ForeignKeyConstraint, LargeBinary
from sqlmodel import Field, Session, SQLModel

from timebank import ledger, tokens, vouchers
from timebank.approvals import two_people
from timebank.base import communities, keys
from timebank.base.act import Act
from timebank.base.db import key_field
from timebank.base.errors import Invalid, NotFound, Refused
from timebank.base.i18n import say
from timebank.base.rows import all_with, first
from timebank.journal import Draft
from timebank.tokens import KEY_MAX, Token
from timebank.vouchers import Voucher

ANNOUNCE, REVOKE = "issuer.key", "issuer.revoke"
YEARS_KEPT = 11
"""For how many years after its own a key can have signed a voucher that is still open: none lives 3,660 days past its issue."""
_DECEMBER = 12


class IssuerKey(SQLModel, table=True):
    """A key as it was announced: its `number` (1-255, what tokens say), the `public` half (32 bytes, Ed25519), the year it
    signs in, from `first_day` to `last_day`."""

    __tablename__ = "issuer_key"

    community_id: int = key_field()
    number: int = key_field()
    public: bytes = Field(sa_type=LargeBinary)
    year: int
    first_day: date
    last_day: date
    seq: int = Field(sa_type=BigInteger)


class IssuerKeyEnd(SQLModel, table=True):
    """That a key was revoked, and on which day."""

    __tablename__ = "issuer_key_end"
    __table_args__ = (ForeignKeyConstraint(["community_id", "number"], ["issuer_key.community_id", "issuer_key.number"]),)

    community_id: int = key_field()
    number: int = key_field()
    revoked_on: date
    seq: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Issuer:
    """A key as it stands: it signs from `first_day` to `last_day`, unless it was revoked (`revoked_on`)."""

    number: int
    public: bytes
    year: int
    first_day: date
    last_day: date
    revoked_on: date | None = None

    def signs(self, day: date) -> bool:
        """Whether vouchers of a day carry its signature."""
        return self.revoked_on is None and self.first_day <= day <= self.last_day


def announce(session: Session, act: Act, year: int, seed: bytes) -> Issuer:
    """Announce a key for this year or the next; `seed` is that of the file of keys (32 bytes).

    Raises Invalid `bad_year`; Refused `announced_already` while the year has a key that was not revoked, `keys_used_up`.
    """
    communities.lock(session, act.community_id)
    today = communities.today(session, act)
    if year not in (today.year, today.year + 1):
        raise Invalid(
            say("A key is announced for this year or the next, not for {year}.", year=year),
            "bad_year",
            say("Name {this} or {next}.", this=today.year, next=today.year + 1),
        )
    known = listed(session, act.community_id)
    other = next((issuer for issuer in known if issuer.year == year and issuer.revoked_on is None), None)
    if other is not None:
        raise Refused(
            say("{year} has key {number} already.", year=year, number=other.number),
            "announced_already",
            say("Revoke that one first, if it must not sign any more: timebank issuer revoke {number}", number=other.number),
        )
    if len(known) >= KEY_MAX:
        raise Refused(
            say("All {most} numbers of issuer keys are used up.", most=KEY_MAX),
            "keys_used_up",
            say("Vouchers go on with their printed codes, without a QR code."),
        )
    return _announce(session, act, year, seed)


def ensure(session: Session, act: Act, seed: bytes) -> Issuer | None:
    """The key that signs today, announced now where there is none; in December next year's as well. None when all numbers of
    keys are used up."""
    today = communities.today(session, act)
    known = listed(session, act.community_id)
    wanted = (today.year, today.year + 1) if today.month == _DECEMBER else (today.year,)
    missing = [year for year in wanted if not any(key.year == year and key.revoked_on is None for key in known)]
    if missing:
        communities.lock(session, act.community_id)
    for year in missing[: KEY_MAX - len(known)]:
        known.append(_announce(session, act, year, seed))
    return next((key for key in reversed(known) if key.signs(today)), None)


def _announce(session: Session, act: Act, year: int, seed: bytes) -> Issuer:
    cid, today = act.community_id, communities.today(session, act)
    number = len(listed(session, cid)) + 1
    public = keys.public(_seed_of(session, cid, number, seed))
    issuer = Issuer(number, public, year, max(today, date(year, 1, 1)), date(year, 12, 31))
    facts: dict[str, object] = {
        "public": public.hex(),
        "year": year,
        "first_day": issuer.first_day.isoformat(),
        "last_day": issuer.last_day.isoformat(),
    }
    receipt = ledger.post(session, act, Draft(ANNOUNCE, today, subject=f"issuer:{number}", facts=facts))
    session.add(
        IssuerKey(
            community_id=cid,
            number=number,
            public=public,
            year=year,
            first_day=issuer.first_day,
            last_day=issuer.last_day,
            seq=receipt.seq,
        )
    )
    session.flush()
    return issuer


def revoke(session: Session, act: Act, number: int) -> Issuer:
    """Revoke a key: what it signed opens nothing from now on. Two people; the reason stands in the book's texts.

    Raises NotFound `unknown_issuer`; Refused `revoked_already`; NotAllowed `approver_missing`, `same_person`.
    """
    two_people(act)
    communities.lock(session, act.community_id)
    cid, today = act.community_id, communities.today(session, act)
    issuer = find(session, cid, number)
    if issuer.revoked_on is not None:
        raise Refused(
            say("Key {number} was revoked on {day}.", number=number, day=issuer.revoked_on),
            "revoked_already",
            say("See timebank issuer list."),
        )
    receipt = ledger.post(session, act, Draft(REVOKE, today, subject=f"issuer:{number}", text=act.reason or None))
    session.add(IssuerKeyEnd(community_id=cid, number=number, revoked_on=today, seq=receipt.seq))
    session.flush()
    return find(session, cid, number)


def find(session: Session, community_id: int, number: int) -> Issuer:
    """The key of a number. Raises NotFound `unknown_issuer`."""
    found = next((issuer for issuer in listed(session, community_id) if issuer.number == number), None)
    if found is None:
        raise NotFound(
            say("There is no issuer key {number}.", number=number), "unknown_issuer", say("See timebank issuer list.")
        )
    return found


def listed(session: Session, community_id: int) -> list[Issuer]:
    """All keys by number, those that were revoked too."""
    ended = {row.number: row.revoked_on for row in all_with(session, IssuerKeyEnd, community_id=community_id)}
    rows = sorted(all_with(session, IssuerKey, community_id=community_id), key=lambda row: row.number)
    return [Issuer(r.number, bytes(r.public), r.year, r.first_day, r.last_day, ended.get(r.number)) for r in rows]


def public_keys(session: Session, community_id: int, today: date) -> list[Issuer]:
    """The keys whose tokens can be good today or will be, by number: what a file that checks offline carries."""
    return [k for k in listed(session, community_id) if k.revoked_on is None and k.year + YEARS_KEPT >= today.year]


def token_of(session: Session, act: Act, voucher: Voucher, seed: bytes) -> str | None:
    """The token of a voucher that was issued today, its 144 characters; None when all numbers of keys are used up.

    Asked for in the command that issues the voucher, and never again: a slip that was lost is voided, like a code.
    """
    issuer = ensure(session, act, seed)
    if issuer is None:
        return None
    community = communities.get(session, act.community_id)
    token = Token(
        issuer.number,
        tokens.community_of(community.code),
        voucher.merchant_id,
        voucher.offer_id,
        voucher.id,
        voucher.points,
        voucher.expires_on,
    )
    return tokens.sign(token, _seed_of(session, act.community_id, issuer.number, seed))


def _seed_of(session: Session, community_id: int, number: int, seed: bytes) -> bytes:
    return keys.issuer_seed(seed, communities.get(session, community_id).code, number)


def voucher_of(session: Session, community_id: int, text: str) -> Voucher:
    """The voucher that a token opens: signed by a key of this community, and just as the voucher was issued.

    Raises Invalid `bad_token` for what is no token; NotFound `unknown_code` for everything else, whatever is wrong with it.
    """
    signed = tokens.read(text)
    token = signed.token
    row = first(session, IssuerKey, community_id=community_id, number=token.key)
    ended = first(session, IssuerKeyEnd, community_id=community_id, number=token.key)
    voucher = first(session, Voucher, community_id=community_id, id=token.voucher_id)
    if row is None or ended is not None or voucher is None or not row.first_day <= voucher.issued_on <= row.last_day:
        raise vouchers.unknown_code()
    try:
        signed.check(bytes(row.public))
    except Invalid as error:
        raise vouchers.unknown_code() from error
    own = tokens.community_of(communities.get(session, community_id).code)
    said: Sequence[object] = (token.community, token.merchant_id, token.offer_id, token.points, token.last_day)
    if said != (own, voucher.merchant_id, voucher.offer_id, voucher.points, voucher.expires_on):
        raise vouchers.unknown_code()
    return voucher


def mac_of(session: Session, community_id: int, presented: str, pepper: bytes) -> bytes:
    """The HMAC of the code (32 bytes) of what is presented at a counter: a code as typed, or a token.

    Raises Invalid `bad_code`, and as `voucher_of`.
    """
    if tokens.meant(presented):
        return bytes(voucher_of(session, community_id, presented).code_mac)
    return vouchers.mac_of(presented, pepper)


def named(session: Session, community_id: int, name: str, pepper: bytes) -> Voucher:
    """The voucher of a code, of a number or of a token, for clerks. Raises as `vouchers.find` and `voucher_of`."""
    if tokens.meant(name):
        return voucher_of(session, community_id, name)
    return vouchers.find(session, community_id, name, pepper)
