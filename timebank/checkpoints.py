"""Heads of the log that were given to the world: size and root at a moment. Signing them comes with the keys."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, Session, SQLModel

from timebank.base import communities
from timebank.base.act import Act
from timebank.base.db import Utc, key_field
from timebank.transparency import Frontier


class Checkpoint(SQLModel, table=True):
    """The root of the log's first `size` entries (32 bytes). `note` will hold the signed note."""

    community_id: int = key_field()
    size: int = key_field()
    root: bytes = Field(sa_type=LargeBinary)
    made_at: datetime = Field(sa_type=Utc)
    note: str | None = None


def make(session: Session, act: Act) -> Checkpoint:
    """Keep the log's present head; making it twice at one size is one checkpoint."""
    state = communities.lock(session, act.community_id)
    known = session.get(Checkpoint, (act.community_id, state.size))
    if known is not None:
        return known
    root = Frontier.load(state.size, state.frontier).root()
    checkpoint = Checkpoint(community_id=act.community_id, size=state.size, root=root, made_at=act.now)
    session.add(checkpoint)
    session.flush()
    return checkpoint
