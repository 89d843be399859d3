"""Servers for P12, each in a process of its own: ours, and the least that a FastAPI handler with SQLModel could be.

`python -m bench.counters ours|bare DATABASE` tells its port on stdout and serves until its stdin ends. Both have the same
server (uvicorn, one process), the same SQLite settings, and writers that queue in the process.
"""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy import event
from sqlmodel import Field, Session, SQLModel, create_engine, select

from bench.books import NOW


class Coupon(SQLModel, table=True):
    """What the bare handler reads: one row by an indexed text."""

    __tablename__ = "bench_coupon"

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True)
    name: str
    fen: int


class Use(SQLModel, table=True):
    """What the bare handler writes: one row."""

    __tablename__ = "bench_use"

    id: int | None = Field(default=None, primary_key=True)
    coupon_id: int = Field(foreign_key="bench_coupon.id", unique=True)
    bill_fen: int


class Presented(SQLModel):
    """A code."""

    code: str


class Charged(SQLModel):
    """A code and a bill."""

    code: str
    bill_fen: int


def bare(database: Path) -> FastAPI:
    """Verify is one indexed read, capture that and one durable insert. No key, no lock beyond the database's, no book."""
    engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": 30})
    turn = threading.Lock()

    @event.listens_for(engine, "connect")
    def settle(connection: Any, _record: object) -> None:
        for pragma in ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    def opened() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    app = FastAPI()
    Opened = Annotated[Session, Depends(opened)]

    @app.post("/api/v1/verify", response_model=Coupon)
    def verify(wish: Presented, session: Opened) -> Coupon:
        return session.exec(select(Coupon).where(Coupon.code == wish.code)).one()

    @app.post("/api/v1/capture", response_model=Use)
    def capture(wish: Charged, session: Opened) -> Use:
        with turn:
            coupon = session.exec(select(Coupon).where(Coupon.code == wish.code)).one()
            use = Use(coupon_id=coupon.id or 0, bill_fen=wish.bill_fen)
            session.add(use)
            session.commit()
            session.refresh(use)
        return use

    return app


def stock(database: Path, codes: list[str]) -> None:
    """Give a database the rows that the bare handler reads."""
    engine = create_engine(f"sqlite:///{database}")
    SQLModel.metadata.create_all(engine, [SQLModel.metadata.tables[name] for name in ("bench_coupon", "bench_use")])
    with Session(engine) as session:
        session.add_all(Coupon(code=code, name="张*三", fen=1_000) for code in codes)
        session.commit()
    engine.dispose()


def ours(database: Path) -> Any:
    """What `timebank serve` serves."""
    from timebank.base.config import Config
    from timebank.web.app import create
    from timebank.web.door import Door

    os.environ["TIMEBANK_TEST_CLOCK"] = "1"
    return create(Door.open(Config(f"sqlite:///{database}", None, None, "en", fixed_now=NOW)))


def main(words: list[str]) -> None:
    """Serve until stdin ends."""
    import uvicorn

    app = {"ours": ours, "bare": bare}[words[0]](Path(words[1]))
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning", server_header=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    print(listening.getsockname()[1], flush=True)
    sys.stdin.read()
    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
