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
from timebank.base.rows import last_id, moment, select_rows

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


_NEWEST = f"SELECT device_id, at FROM guess WHERE community_id = ? ORDER BY at DESC LIMIT {PER_HOUR_IN_ALL}"  # noqa: S608 - a number
_OLDEST = "SELECT id, at FROM guess WHERE community_id = ? ORDER BY at, id LIMIT 1"


def check(session: Session, community_id: int, device_id: int, now: datetime) -> None:
    """Refuse a device that has failed too often; asked before anything is looked up. Raises NotAllowed `too_many_guesses`."""
    newest = select_rows(session, _NEWEST, (community_id,))
    own = [at for device, at in newest if device == device_id]
    limits = ((own, PER_MINUTE, A_MINUTE), (own, PER_HOUR, AN_HOUR), ([at for _, at in newest], PER_HOUR_IN_ALL, AN_HOUR))
    # The fifth newest failure says whether there were five in a minute; the twentieth and the hundredth, of the hour.
    opens = [until for at, most, window in limits if len(at) >= most and (until := moment(at[most - 1]) + window) > now]
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
    cid = act.community_id
    communities.lock(session, cid)
    over = [number for number, at in select_rows(session, _OLDEST, (cid,)) if moment(at) <= act.now - AN_HOUR]
    if over:
        update_rows(
            session, "guess", ("device_id", "at"), ("community_id", "id"), [(device_id, instant(act.now), cid, over[0])]
        )
        return
    values = (cid, last_id(session, "guess", cid) + 1, device_id, instant(act.now))
    insert_rows(session, "guess", ("community_id", "id", "device_id", "at"), [values])
