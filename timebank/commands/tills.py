"""`timebank device till …`: the keys of shops' tills, part of the noun device."""

from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank.base.act import Act
from timebank.base.i18n import say
from timebank.base.sheet_values import parse_text
from timebank.commands.door import Writing, writing
from timebank.people import devices, tills

app = typer.Typer(add_completion=False, help="Keys for a shop's till.")


@writing(app, "add", example="timebank device till add S001 --scopes verify,capture")
def add(
    door: Writing,
    merchant: Annotated[str, typer.Argument(metavar="MERCHANT", help="The merchant's number.")],
    scopes: Annotated[str, typer.Option(help="What it may do: some of verify,capture,void,list.")] = "verify,capture",
    label: Annotated[str, typer.Option(help="What the shop calls it, for example 收银台1.")] = "",
) -> None:
    """Make a key for a shop's till; it is shown this once. Revoke it with timebank device revoke."""
    wanted, called = devices.scopes_of(scopes.split(",")), parse_text(label)
    told: list[str] = []

    def work(session: Session, act: Act) -> dict[str, Any]:
        added = tills.add(session, act, merchant, called, wanted)
        told[:] = [added.key.shown]  # of the last try: what the database took back is done again
        return {"device": added.device.number, "merchant": merchant, "scopes": ",".join(wanted)}

    receipt = door.once("device.till", work).receipt
    key = told[0] if told else None
    if door.screen.data({**receipt, "key": key}):
        return
    shown = [(say("till key"), key or "-"), (say("merchant"), receipt["merchant"]), (say("it may"), receipt["scopes"])]
    door.screen.facts(say("Till {number}", number=receipt["device"]), shown)
    if key is None:
        door.screen.warn(say("The key was shown when it was made and cannot be shown again; make another one and revoke this."))
    else:
        door.screen.note(say("Whoever has the key can use the till's rights: keep it as you keep the cash."))
