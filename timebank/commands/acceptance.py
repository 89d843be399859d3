"""`timebank voucher upload, review` and `timebank device offline-file`: shops without a network, at the clerk's desk."""

import sys
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from timebank import acceptance_text, acceptances, issuers
from timebank.acceptance_words import RESULTS
from timebank.base.act import Act
from timebank.base.errors import Conflict, Invalid, NotFound
from timebank.base.i18n import say
from timebank.base.sheet_values import parse_text
from timebank.base.sheet_writing import sync_folder, write_bytes
from timebank.benefits import yuan
from timebank.commands.door import Writing, writing
from timebank.commands.papers import counter_of
from timebank.people import devices, merchants
from timebank.people.devices import Device, Newcomer
from timebank.web import offline_file
from timebank.web.offline_words import CODES

app = typer.Typer(add_completion=False)
files = typer.Typer(add_completion=False)
KIND = acceptances.DECIDE
STDIN = "-"
_OWNER_ONLY = 0o600
"""Whoever reads an offline file before its phone does can enrol in its place."""


class Decision(Enum):
    """What becomes of a review."""

    HONOUR = "honour"
    REFUSE = "refuse"


OUTCOMES = {"captured": say("redeemed"), "review": say("to be looked at"), "refused": say("not taken")}
DECISIONS = {"honour": say("to be honoured by the fund"), "refuse": say("to be refused")}


@writing(app, "upload", example="timebank voucher upload accepted.txt")
def upload(
    door: Writing,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A text copied from a phone's offline page; - reads it from stdin.")
    ],
) -> None:
    """Bring in what a shop's phone accepted offline, from a text that was copied there; each line counts once."""
    given = _read(file)
    door.inputs["file"] = sha256(given.encode()).hexdigest()
    lines = acceptance_text.lines(given)

    def work(session: Session, act: Act) -> dict[str, Any]:
        return {"answers": [answer.told for answer in acceptances.take(session, act, lines)]}

    receipt = door.once(acceptances.TAKE, work).receipt
    if not door.screen.data(receipt):
        rows = [
            (
                f"D{answer.get('device', 0):03d}-{answer.get('n', 0)}",
                OUTCOMES[answer["outcome"]],
                yuan(answer.get("off_fen", 0)),
                CODES.get(answer.get("code", ""), answer.get("code", ""))
                or (f"E{answer['entry']:06d}" if "entry" in answer else ""),
            )
            for answer in receipt["answers"]
        ]
        columns = (say("acceptance"), say("outcome"), say("off the bill"), say("receipt or reason"))
        door.screen.table(say("Accepted offline ({count})", count=len(rows)), columns, rows)


def _read(file: str) -> str:
    """What a person pasted or saved. Raises NotFound `no_file`, Invalid `too_many_acceptances`."""
    most = acceptance_text.TEXT_MAX
    if file == STDIN:
        return sys.stdin.read(most + 1)
    path = Path(file)
    if not path.is_file():
        raise NotFound(say("There is no file {file}.", file=file), "no_file", say("Check its name and folder."))
    with path.open("rb") as opened:
        return opened.read(most + 1).decode(errors="replace")


@writing(app, "review", example="timebank voucher review D003-12 honour --why 店家当时无法知道券已作废 --approver W0002")
def review(
    door: Writing,
    acceptance: Annotated[str, typer.Argument(metavar="ACCEPTANCE", help="Its number, see timebank inbox.")],
    decision: Annotated[Decision, typer.Argument(metavar="honour|refuse", help="What becomes of it.")],
    reason_: Annotated[str, typer.Option("--why", help="The reason.")],
) -> None:
    """Decide what becomes of an acceptance that could not be redeemed: the fund honours it, or it is refused. Two people."""
    with door.reading() as (session, community):
        row = acceptances.find(session, community.id, acceptance)
    door.reason = parse_text(reason_)
    request = {"acceptance": row.number, "decision": decision.value}
    receipt = door.once_or_ask(KIND, row.subject, request, lambda session, act: decided(session, act, request)).receipt
    if not door.screen.data(receipt) and "result" in receipt:
        told = {"number": receipt["acceptance"], "result": RESULTS[receipt["result"]], "yuan": yuan(receipt["fen"])}
        door.screen.line(say("Acceptance {number}: {result}; the fund bears {yuan} yuan.", **told))


def decided(session: Session, act: Act, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out a decision that was asked for."""
    end = acceptances.decide(session, act, request["acceptance"], request["decision"])
    return {"acceptance": request["acceptance"], "result": end.result, "fen": end.fen}


@writing(files, "offline-file", example="timebank device offline-file S001 --to shop.html")
def offline_file_(
    door: Writing,
    merchant: Annotated[str, typer.Argument(metavar="MERCHANT", help="Merchant number, for example S001.")],
    to: Annotated[Path, typer.Option(help="Where to write the file.")],
    device: Annotated[
        str | None, typer.Option(help="A phone that is known already gets a fresh file, for example D003.")
    ] = None,
    label: Annotated[str, typer.Option(help="What the shop calls the phone.")] = "",
) -> None:
    """Write the page with which a shop's phone accepts vouchers where there is no network; it is opened there within a day."""
    counter = counter_of(door.config)
    if counter is None:
        raise Invalid(
            say("The file needs the counter's address, to send what it accepted there."),
            "no_counter",
            say("Give it with --counter https://… or TIMEBANK_COUNTER."),
        )
    made: list[offline_file.OfflineFile] = []

    def work(session: Session, act: Act) -> dict[str, Any]:
        _check(to)
        shop = merchants.find(session, act.community_id, merchant)
        phone = _known(session, act, device, shop.id) if device else _added(session, act, shop.id, parse_text(label))
        issuers.ensure(session, act, door.keys().seed)
        made[:] = [offline_file.of(session, act, phone, counter, door.pepper())]
        return {"merchant": shop.number, "device": phone.number, "until": made[0].until.isoformat()}

    receipt = door.once("device.offline_file", work).receipt
    if made and not door.dry_run:
        _check(to)
        write_bytes(to, offline_file.page(made[0]).encode(), _OWNER_ONLY)
        sync_folder(to.parent)
    if not door.screen.data(receipt):
        door.screen.line(say("The offline file of {device} is in {file}.", device=receipt["device"], file=str(to)))
        door.screen.note(say("Send it to the shop's phone; opened there within a day it makes its key and registers it."))


def _check(to: Path) -> None:
    if to.exists():
        raise Conflict(say("There is a file {file} already.", file=str(to)), "file_exists", say("Name another file."))


def _known(session: Session, act: Act, number: str, merchant_id: int) -> Device:
    """A phone of this merchant that is still good. Raises NotFound `unknown_device`."""
    known = devices.find(session, act.community_id, number)
    if known.device.merchant_id != merchant_id or known.ended_at is not None:
        raise NotFound(
            say("{number} is no phone of this shop, or was revoked.", number=known.device.number),
            "unknown_device",
            say("See the numbers with timebank device list."),
        )
    return known.device


def _added(session: Session, act: Act, merchant_id: int, label: str) -> Device:
    """A phone that is known by its file's key alone: nobody is told the secret with which it could use the counter."""
    secret = devices.hashed(act.draw("device of an offline file").hex())
    return devices.add(session, act, Newcomer(merchant_id, "phone", label, ("capture",), secret))
