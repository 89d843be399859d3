"""Points that nobody used: they lapse at the end of their last day, and the book says so once a lot."""

from datetime import date, timedelta

from sqlmodel import Session

from timebank import ledger, reading
from timebank.base import communities
from timebank.base.act import Act
from timebank.journal import EXPIRED, Draft, Receipt, Transfer
from timebank.once import once


def expire_due(session: Session, act: Act, until: date) -> list[Receipt]:
    """Post the expiry of all points whose last day was `until` or earlier, members', teams' and pools': one entry a lot.

    An entry is dated on the lapse day itself, so that it belongs to that day's month while the month is open. Points are good
    up to and including their last day: what lapses today is left for tomorrow. Held points do not lapse. Posting it again
    finds nothing to do.
    """

    def work() -> dict[str, list[list[int | str]]]:
        yesterday = communities.today(session, act) - timedelta(days=1)
        drafts = [
            Draft(
                "points.expire",
                day,
                (Transfer("points", points, holder, "available", EXPIRED, "sink", lot=day),),
                subject=holder,
                place=holder,
            )
            for holder, day, points in reading.lapsed(session, act.community_id, min(until, yesterday))
        ]
        receipts = ledger.post_all(session, act, drafts) if drafts else []
        return {"entries": [[receipt.seq, receipt.key, receipt.kind, receipt.period] for receipt in receipts]}

    outcome = once(session, act, "points.expire", {"until": until.isoformat()}, work)
    return [Receipt(*written) for written in outcome.receipt["entries"]]
