"""`timebank device …`."""

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlmodel import Session

from timebank import qr, tokens
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.i18n import Say, say
from timebank.base.sheet_values import parse_text
from timebank.commands import acceptance, tills
from timebank.commands.door import Door, Writing, reading, writing
from timebank.people import devices, merchants

app = typer.Typer(add_completion=False)
app.add_typer(tills.app, name="till")
app.add_typer(acceptance.files)
MerchantNo = Annotated[str, typer.Argument(metavar="MERCHANT", help="Merchant number, for example S001.")]
DeviceNo = Annotated[str, typer.Argument(metavar="DEVICE", help="Device number, for example D003.")]


@writing(app, "invite", example="timebank device invite S001 --label 收银台")
def invite(
    door: Writing,
    merchant: MerchantNo,
    label: Annotated[str, typer.Option(help="What the shop calls the phone.")] = "",
    scopes: Annotated[str, typer.Option(help="What it may do: some of verify,capture,void,list.")] = ",".join(devices.SCOPES),
) -> None:
    """Print a link that makes one phone a counter of a merchant; it works once, for 24 hours."""
    told: list[str] = []
    wanted = devices.scopes_of(scopes.split(","))

    def work(session: Session, act: Act) -> dict[str, Any]:
        invited = devices.invite(session, act, merchant, parse_text(label), wanted)
        told[:] = [invited.token]  # of the last try: what the database took back is done again
        shop = merchants.get(session, act.community_id, invited.enrolment.merchant_id)
        return {"merchant": shop.number, "name": shop.name, "ends_at": invited.enrolment.ends_at.isoformat()}

    receipt = door.once("device.invite", work).receipt
    counter = tokens.counter_of(door.config.counter) if door.config.counter else None
    link = f"{(counter or '').upper()}/E/{told[0]}" if told else None
    if door.screen.data({**receipt, "link": link}):
        return
    with door.reading() as (_, community):
        until = _local(datetime.fromisoformat(receipt["ends_at"]), community)
    facts: list[tuple[Say, str]] = [(say("link"), link or "-"), (say("good until"), until)]
    door.screen.facts(say("Invitation of {name} ({number})", name=receipt["name"], number=receipt["merchant"]), facts)
    if link is None:
        door.screen.warn(say("The link was shown when the invitation was made; make another one."))
    elif counter is None:
        missing = say("Put the counter's address in front of the link; with TIMEBANK_COUNTER it stands there by itself.")
        door.screen.note(missing)
    else:
        for row in qr.rows(qr.made(link)):
            door.screen.line(row)


@reading(app, "list", example="timebank device list --merchant S001")
def list_(door: Door, merchant: Annotated[str | None, typer.Option(help="Only this merchant.")] = None) -> None:
    """List the phones and tills of merchants, revoked ones too."""
    with door.reading() as (session, community):
        shops = {shop.id: shop.number for shop in merchants.listed(session, community.id)}
        only = merchants.find(session, community.id, merchant).id if merchant else None
        found = [known for known in devices.listed(session, community.id) if only in (None, known.device.merchant_id)]
        rows = [
            {
                "device": known.device.number,
                "merchant": shops[known.device.merchant_id],
                "kind": known.device.kind,
                "label": known.device.label,
                "scopes": known.device.scopes,
                "enrolled_at": _local(known.device.enrolled_at, community),
                "revoked_at": _local(known.ended_at, community) if known.ended_at else None,
            }
            for known in found
        ]
    if not door.screen.data(rows):
        columns = (say("device"), say("merchant"), say("kind"), say("label"), say("enrolled"), say("revoked"))
        names = ("device", "merchant", "kind", "label", "enrolled_at", "revoked_at")
        shown = [[KINDS.get(str(row[name]), row[name] or "-") for name in names] for row in rows]
        door.screen.table(say("Devices ({count})", count=len(rows)), columns, shown)


@writing(app, "revoke", example="timebank device revoke D003 --reason 手机丢失")
def revoke(door: Writing, device: DeviceNo) -> None:
    """Let a phone or till do nothing any more, from this moment on."""

    def work(session: Session, act: Act) -> dict[str, Any]:
        known = devices.find(session, act.community_id, device)
        devices.revoke(session, act, known.device.id)
        return {"device": known.device.number}

    receipt = door.once("device.revoke", work).receipt
    if not door.screen.data(receipt):
        door.screen.line(say("Device {number} is revoked.", number=receipt["device"]))


def _local(moment: datetime, community: Community) -> str:
    return f"{moment.astimezone(ZoneInfo(community.timezone)):%Y-%m-%d %H:%M}"


KINDS = {"phone": say("mobile phone"), "till": say("till")}
