"""Signs of abuse: what somebody ought to look at, each with its reason. Nothing is punished by it, and none is a proof.

Read once from the book, then judged by pure functions over frozen values, one a sign. The thresholds are named in `Thresholds`:
they are guesses of what is unusual in a neighbourhood, printed beside what they found, so that nobody takes them for law.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from timebank import acceptances
from timebank.base import communities
from timebank.base.db import iso
from timebank.base.i18n import Say, say
from timebank.base.rows import moment, select_rows
from timebank.benefits import percent, yuan
from timebank.people import clerks, kin, staff

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What is unusual: money in fen, shares in basis points, hours of the community's own day."""

    share_bp: int = 3_000
    """One member's share of what came off in a shop's month."""
    captures_min: int = 10
    """A month of a shop with fewer captures than this tells nothing about shares and round sums."""
    minutes_after_award: int = 30
    """Points that are redeemed as soon as they are given."""
    night_from: int = 23
    night_until: int = 6
    """The hours between which shops are closed: from 23:00 to 5:59."""
    round_fen: int = 1_000
    """A bill that is a multiple of this is round."""
    round_bp: int = 5_000
    """The share of round bills in a shop's month; by chance it would be one in a thousand."""
    large_fen: int = 5_000
    """A voucher that takes this much off is large."""
    days_before_large: int = 30
    """How long before a large voucher the same clerk gave its member points."""


USUAL = Thresholds()


@dataclass(frozen=True, slots=True)
class Redeemed:
    """One capture with all that is judged: whose, where, when (in the community's own time), how much, and by whose hands the
    points were given (None: by an opening or a gift), the voucher issued and captured (clerks by id)."""

    voucher_id: int
    member_id: int
    merchant_id: int
    day: date
    at: datetime
    bill_fen: int
    off_fen: int
    seq: int
    issued_at: datetime
    issued_by: int
    captured_by: int
    by_phone: bool
    offline: bool
    awarded_at: datetime | None = None
    awarded_by: int | None = None


@dataclass(frozen=True, slots=True)
class Bond:
    """That a member belongs to a shop: owns it, works there, or is kin of who does; days are the first and the last (None:
    still). `why` is owner, staff or kin."""

    merchant_id: int
    member_id: int
    why: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing to look at: its code, why, and of whom and where (ids; None where it concerns no single one)."""

    code: str
    reason: Say
    merchant_id: int | None = None
    member_id: int | None = None
    voucher_id: int | None = None
    entry: int | None = None


Judge = Callable[[Sequence[Redeemed], Thresholds], Iterator[Sign]]

CODES: dict[str, Say] = {
    "self_dealing": say("a shop's own people redeem there"),
    "own_voucher": say("a clerk issued a voucher to themselves"),
    "one_member": say("one member has a large share of a shop's month"),
    "award_then_redeem": say("points are redeemed as soon as they are given"),
    "at_night": say("a voucher is redeemed at night"),
    "round_sums": say("a shop's bills are round"),
    "one_hand": say("one clerk gave the points and issued a large voucher"),
    "numbers_missing": say("acceptances of a device never arrived"),
}
"""Every sign and what it means."""


def signs(session: Session, community_id: int, since: date = date.min, thresholds: Thresholds = USUAL) -> list[Sign]:
    """All signs among the captures from a day on (those given back in whole left out) and the devices' numbers, by code."""
    redeemed = _redeemed(session, community_id, since)
    bonds = _bonds(session, community_id)
    own = {clerk.id: clerk.member_id for clerk in clerks.listed(session, community_id) if clerk.member_id is not None}
    found = [*self_dealing(redeemed, bonds), *own_voucher(redeemed, own)]
    for judge in JUDGES:
        found.extend(judge(redeemed, thresholds))
    found.extend(_gaps(session, community_id))
    order = {code: number for number, code in enumerate(CODES)}
    return sorted(found, key=lambda sign: (order[sign.code], sign.entry or 0))


def self_dealing(redeemed: Iterable[Redeemed], bonds: Sequence[Bond]) -> Iterator[Sign]:
    """Captures of a shop's own people, by its list of staff and the list of kin, on the day."""
    of_shop: dict[tuple[int, int], list[Bond]] = defaultdict(list)
    for bond in bonds:
        of_shop[bond.merchant_id, bond.member_id].append(bond)
    words = {"owner": say("they own the shop"), "staff": say("they work there"), "kin": say("they are kin of who works there")}
    for one in redeemed:
        for bond in of_shop[one.merchant_id, one.member_id]:
            if bond.since <= one.day and (bond.until is None or one.day <= bond.until):
                yield _sign("self_dealing", words[bond.why], one)
                break


def own_voucher(redeemed: Iterable[Redeemed], own: dict[int, int]) -> Iterator[Sign]:
    """Captures of vouchers that a clerk issued to the member who the clerk is; `own` has members by clerk."""
    for one in redeemed:
        if own.get(one.issued_by) == one.member_id:
            yield _sign("own_voucher", say("the clerk who issued it is the member"), one)


def one_member(redeemed: Sequence[Redeemed], usual: Thresholds) -> Iterator[Sign]:
    """Members to whom more than a share of what came off in a shop's month went."""
    for (merchant, month), some in _months(redeemed, usual):
        total = sum(one.off_fen for one in some)
        of_member: dict[int, int] = defaultdict(int)
        for one in some:
            of_member[one.member_id] += one.off_fen
        for member, fen in sorted(of_member.items()):
            if fen * 10_000 > total * usual.share_bp:
                share = percent(fen * 10_000 // total)
                reason = say(
                    "{share} of {month}: {fen} of {total} yuan", share=share, month=month, fen=yuan(fen), total=yuan(total)
                )
                yield Sign("one_member", reason, merchant, member)


def award_then_redeem(redeemed: Sequence[Redeemed], usual: Thresholds) -> Iterator[Sign]:
    """Captures within minutes of an award to the same member."""
    for one in redeemed:
        if one.awarded_at is not None and not one.offline:
            minutes = (one.at - one.awarded_at) // timedelta(minutes=1)
            if minutes < usual.minutes_after_award:
                yield _sign("award_then_redeem", say("{minutes} minutes after points were given", minutes=minutes), one)


def at_night(redeemed: Sequence[Redeemed], usual: Thresholds) -> Iterator[Sign]:
    """Captures at hours at which shops are closed. What was accepted offline has no hour in the book."""
    for one in redeemed:
        if not one.offline and (one.at.hour >= usual.night_from or one.at.hour < usual.night_until):
            yield _sign("at_night", say("redeemed at {time}", time=f"{one.at:%H:%M}"), one)


def round_sums(redeemed: Sequence[Redeemed], usual: Thresholds) -> Iterator[Sign]:
    """Shops' months in which too many bills are round; goods have no bill."""
    for (merchant, month), some in _months([one for one in redeemed if one.bill_fen], usual):
        count = sum(one.bill_fen % usual.round_fen == 0 for one in some)
        if count * 10_000 > len(some) * usual.round_bp:
            values = {"count": count, "total": len(some), "month": month, "round": yuan(usual.round_fen)}
            yield Sign(
                "round_sums", say("{count} of {total} bills of {month} are multiples of {round} yuan", **values), merchant
            )


def one_hand(redeemed: Sequence[Redeemed], usual: Thresholds) -> Iterator[Sign]:
    """Large vouchers issued by the clerk who last gave their member points, and captured by the same hand over the phone."""
    for one in redeemed:
        if one.awarded_at is None or one.awarded_by != one.issued_by or one.off_fen < usual.large_fen:
            continue
        days = (one.issued_at.date() - one.awarded_at.date()).days
        if 0 <= days <= usual.days_before_large:
            also = one.by_phone and one.captured_by == one.issued_by
            values = {"yuan": yuan(one.off_fen), "days": days}
            told = say("{yuan} yuan, {days} days after the same clerk gave the points", **values)
            if also:
                told = say("{yuan} yuan, {days} days after the same clerk gave the points; captured by phone, too", **values)
            yield _sign("one_hand", told, one)


JUDGES: tuple[Judge, ...] = (one_member, award_then_redeem, at_night, round_sums, one_hand)
"""The signs that need nothing but the captures."""


def _sign(code: str, reason: Say, one: Redeemed) -> Sign:
    return Sign(code, reason, one.merchant_id, one.member_id, one.voucher_id, one.seq)


def _months(redeemed: Sequence[Redeemed], usual: Thresholds) -> Iterator[tuple[tuple[int, str], list[Redeemed]]]:
    """The captures of each shop's month that has enough of them."""
    found: dict[tuple[int, str], list[Redeemed]] = defaultdict(list)
    for one in redeemed:
        found[one.merchant_id, f"{one.day:%Y-%m}"].append(one)
    for key, some in sorted(found.items()):
        if len(some) >= usual.captures_min:
            yield key, some


# The last award before each capture; one index look-up a capture.
_CAPTURES = """
    SELECT v.id, v.member_id, v.merchant_id, r.day, e.posted_at, r.bill_fen, r.benefit_fen, r.seq, i.posted_at, i.actor,
        e.actor, e.payload LIKE ?, e.payload LIKE ?,
        (SELECT MAX(p.seq) FROM posting p JOIN entry h ON h.community_id = p.community_id AND h.seq = p.seq
            WHERE p.community_id = a.community_id AND p.account_id = a.id AND p.seq < r.seq AND p.amount > 0
                AND h.kind IN ('hours', 'credit.convert', 'award.grant'))
    FROM resolution r
    JOIN voucher v ON v.community_id = r.community_id AND v.id = r.voucher_id
    JOIN entry e ON e.community_id = r.community_id AND e.seq = r.seq
    JOIN entry i ON i.community_id = v.community_id AND i.seq = v.seq
    JOIN account a ON a.community_id = v.community_id AND a.holder = 'member:' || CAST(v.member_id AS VARCHAR)
        AND a.unit = 'points' AND a.purpose = 'available'
    WHERE r.community_id = ? AND r.outcome = 'captured' AND r.day >= ? AND r.benefit_fen > (
        SELECT COALESCE(SUM(f.fen), 0) FROM refund f WHERE f.community_id = r.community_id AND f.voucher_id = r.voucher_id)
    ORDER BY r.seq"""
_MARKS = ('%"via":"phone"%', '%"device":%')
"""What the payload of a capture has that was read out over the phone, and of one that was accepted offline."""
_AWARDS = "SELECT seq, posted_at, actor FROM entry WHERE community_id = ? AND seq IN ?"


def _redeemed(session: Session, community_id: int, since: date) -> list[Redeemed]:
    zone = ZoneInfo(communities.state(session, community_id).timezone)
    rows = select_rows(session, _CAPTURES, (*_MARKS, community_id, since.isoformat()))
    awards: dict[int, tuple[datetime, int]] = {}
    wanted = sorted({row[-1] for row in rows if row[-1] is not None})
    for start in range(0, len(wanted), _CHUNK):
        for seq, posted_at, actor in select_rows(session, _AWARDS, (community_id, wanted[start : start + _CHUNK])):
            awards[seq] = (moment(posted_at).astimezone(zone), actor)
    found = []
    for number, member, shop, day, at, bill, off, seq, issued_at, issued_by, captured_by, phone, offline, award in rows:
        awarded_at, awarded_by = awards[award] if award is not None else (None, None)
        found.append(
            Redeemed(
                number,
                member,
                shop,
                date.fromisoformat(iso(day)),
                moment(at).astimezone(zone),
                bill,
                off,
                seq,
                moment(issued_at).astimezone(zone),
                issued_by,
                captured_by,
                bool(phone),
                bool(offline),
                awarded_at,
                awarded_by,
            )
        )
    return found


def _bonds(session: Session, community_id: int) -> list[Bond]:
    """Who belongs to which shop: its list of staff, and the kin of its owners and staff."""
    found = []
    links = kin.listed(session, community_id)
    for link in staff.listed(session, community_id):
        found.append(Bond(link.merchant_id, link.member_id, link.role, link.since, link.until))
        for relation in links if link.role != "kin" else ():
            if link.member_id in (relation.a, relation.b):
                other = relation.a if relation.b == link.member_id else relation.b
                ends = [end for end in (link.until, relation.until) if end is not None]
                since = max(link.since, relation.since)
                found.append(Bond(link.merchant_id, other, "kin", since, min(ends) if ends else None))
    return found


def _gaps(session: Session, community_id: int) -> Iterator[Sign]:
    for gap in acceptances.gaps(session, community_id):
        values = {"device": gap.device_id, "first": gap.first, "last": gap.last}
        yield Sign("numbers_missing", say("device {device}: numbers {first} to {last}", **values))
