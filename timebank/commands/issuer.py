"""`timebank issuer …`."""

from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import issuers
from timebank.base.act import Act
from timebank.base.i18n import Say, say
from timebank.commands.door import Door, Writing, reading, writing
from timebank.commands.options import Number
from timebank.issuers import Issuer

app = typer.Typer(add_completion=False)


@reading(app, "list", example="timebank issuer list")
def list_(door: Door) -> None:
    """List the keys that sign the QR codes of vouchers, those that were revoked too."""
    with door.reading() as (session, community):
        found, today = issuers.listed(session, community.id), door.today(community)
    rows = [(k.number, k.year, str(k.first_day), str(k.last_day), str(k.revoked_on or ""), k.public.hex()) for k in found]
    names = ("number", "year", "first_day", "last_day", "revoked_on", "public")
    if not door.screen.data([dict(zip(names, row, strict=True)) for row in rows]):
        columns = (say("number"), say("year"), say("signs from"), say("to"), say("revoked on"), say("public key"))
        door.screen.table(say("Issuer keys ({count})", count=len(rows)), columns, rows)
        if not any(key.signs(today) for key in found):
            door.screen.note(say("No key signs today: the next voucher announces one by itself."))


@writing(app, "announce", example="timebank issuer announce --year 2027")
def announce(
    door: Writing, year: Annotated[int | None, typer.Option(help="For this year or the next; this year if left out.")] = None
) -> None:
    """Announce the key of a year ahead. Vouchers announce theirs by themselves, and in December that of the next year."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        wanted = year if year is not None else door.today(door.community(session)).year
        return _told(issuers.announce(session, act, wanted, door.keys().seed))

    receipt = door.once("issuer.announce", work).receipt
    if not door.screen.data(receipt):
        told = {name: receipt[name] for name in ("number", "first", "last")}
        door.screen.line(say("Key {number} signs from {first} to {last}.", **told))


def _told(key: Issuer) -> dict[str, Any]:
    days = {"first": key.first_day.isoformat(), "last": key.last_day.isoformat()}
    return {"number": key.number, "year": key.year, **days, "public": key.public.hex()}


@writing(app, "revoke", example="timebank issuer revoke 1 --reason 密钥文件外泄 --approver W0002")
def revoke(door: Writing, number: Number) -> None:
    """Revoke a key: QR codes it signed open nothing any more, their printed codes still do. Two people."""
    request = {"number": number}
    receipt = door.once_or_ask("issuer.revoke", f"issuer:{number}", request, lambda s, a: revoked(s, a, request)).receipt
    if not door.screen.data(receipt) and "waiting" not in receipt:
        door.screen.line(say("Key {number} is revoked; the next voucher announces another one.", number=number))


def revoked(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Revoke a key as it was asked for."""
    return {"number": issuers.revoke(session, act, request["number"]).number}


def about(session: Session, community_id: int, request: dict[str, Any]) -> Say:
    """What a second person needs to see of a key that is to be revoked."""
    key = issuers.find(session, community_id, request["number"])
    return say("key {number} of {year}, announced {day}", number=key.number, year=key.year, day=key.first_day)
