"""Wrong codes at merchants' counters: how many a device may try until nothing is looked up for it any more.

Five failures a minute and twenty an hour a device, a hundred an hour in all. 55 random bits of a code leave nothing to find
within a hundred tries an hour; the limits keep it so, and tell the office that somebody is trying. Failures are counted, right
codes are not, and what is refused here is no failure: whoever stops is let in again when the hour has passed. Rows older than
an hour are written over, never deleted: there are never many more than the limit in all.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, SQLModel

from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import Utc, insert_rows, instant, key_field, update_rows
from timebank.base.errors import NotAllowed
from timebank.base.i18n import say
from timebank.base.rows import all_with

A_MINUTE, AN_HOUR = timedelta(minutes=1), timedelta(hours=1)
PER_MINUTE, PER_HOUR, PER_HOUR_IN_ALL = 5, 20, 100
FAILURES = frozenset({"bad_code", "bad_token", "unknown_code", "wrong_merchant"})
"""The codes of refusals that are failures: for a shop they have one answer."""


class Guess(SQLModel, table=True):
    """One failure of one device. Counted for an hour, then written over."""

    community_id: int = key_field()
    id: int = key_field()
    device_id: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=Utc)


def check(session: Session, community_id: int, device_id: int, now: datetime) -> None:
    """Refuse a device that has failed too often; asked before anything is looked up. Raises NotAllowed `too_many_guesses`."""
    recent = sorted((row for row in _listed(session, community_id) if row.at > now - AN_HOUR), key=lambda row: row.at)
    own = [row.at for row in recent if row.device_id == device_id]
    limits = (
        ([at for at in own if at > now - A_MINUTE], PER_MINUTE, A_MINUTE),
        (own, PER_HOUR, AN_HOUR),
        ([row.at for row in recent], PER_HOUR_IN_ALL, AN_HOUR),
    )
    opens = [at[-most] + window for at, most, window in limits if len(at) >= most]
    if opens:
        timezone = communities.state(session, community_id).timezone
        until = max(opens).astimezone(ZoneInfo(timezone))
        raise NotAllowed(
            say("Too many wrong codes; nothing is looked up until {time}.", time=f"{until:%H:%M:%S}"),
            "too_many_guesses",
            say("Wait until then, or call the office. If it was not you, tell the office that somebody is trying codes."),
        )


def failed(session: Session, act: Act, device_id: int) -> None:
    """Count a failure of a device, in a transaction of its own after the one that was refused."""
    communities.lock(session, act.community_id)
    rows = _listed(session, act.community_id)
    over = next((row.id for row in sorted(rows, key=lambda row: row.id) if row.at <= act.now - AN_HOUR), None)
    if over is not None:
        update_rows(
            session,
            "guess",
            ("device_id", "at"),
            ("community_id", "id"),
            [(device_id, instant(act.now), act.community_id, over)],
        )
        return
    number = max((row.id for row in rows), default=0) + 1
    values = (act.community_id, number, device_id, instant(act.now))
    insert_rows(session, "guess", ("community_id", "id", "device_id", "at"), [values])


def _listed(session: Session, community_id: int) -> list[Guess]:
    return all_with(session, Guess, community_id=community_id)
