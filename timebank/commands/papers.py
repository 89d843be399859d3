"""What the person is given when a voucher is issued: its code and QR on the screen, a slip to print, pictures of the QR.

All of it exists this once: the database keeps neither the code nor the token. So what is written is checked before the
voucher is issued, written only once it counts, and a file that fails then takes nothing from the screen.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from sqlmodel import Session

from timebank import benefits, issuers, offers, qr, slips, tokens
from timebank.base import codes, communities
from timebank.base.act import Act
from timebank.base.config import Config
from timebank.base.errors import Conflict, Invalid, NotFound, Unwritable
from timebank.base.i18n import Language, Say, say, text
from timebank.base.sheet_writing import sync_folder, write_bytes
from timebank.benefits import DISCLAIMER, points_text
from timebank.commands.door import UNLOGGED, Writing
from timebank.people import merchants
from timebank.redemption import Issued
from timebank.slips import Slip

_OWNER_ONLY = 0o600
"""Whoever reads a slip can use the voucher."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where the person wants what, if anything: the slip as a page, the QR as a picture or as a drawing."""

    slip: Path | None
    png: Path | None
    svg: Path | None

    def named(self) -> list[Path]:
        """The files that are wanted."""
        return [path for path in (self.slip, self.png, self.svg) if path is not None]

    def check(self) -> None:
        """Refuse files that cannot be written, before anything is issued. Raises Conflict `file_exists`, NotFound `no_folder`,
        Invalid `same_file`."""
        for path in self.named():
            if path.exists():
                raise Conflict(say("There is a file {file} already.", file=str(path)), "file_exists", say("Name another file."))
            if not path.parent.is_dir():
                raise NotFound(
                    say("There is no folder {folder}.", folder=str(path.parent)), "no_folder", say("Make it, or name another.")
                )
        if len({path.absolute() for path in self.named()}) < len(self.named()):
            raise Invalid(say("Two files have one name."), "same_file", say("Give each a name of its own."))


@dataclass(frozen=True, slots=True)
class Paper:
    """What a voucher that was just issued is given out as."""

    slip: Slip
    points: str
    counter: str | None

    @property
    def address(self) -> str | None:
        """What the QR holds; None without a token."""
        return tokens.url(self.slip.token, self.counter) if self.slip.token else None

    def write(self, files: Files, lang: Language) -> None:
        """Write what is wanted. Raises Conflict `file_exists`, Unwritable `unwritable`."""
        code = qr.made(self.address, slips.QR_VERSION) if self.address else None
        made = [(files.slip, slips.page(self.slip, self.counter, lang).encode())]
        made += [(files.png, qr.png(code)), (files.svg, qr.svg(code))] if code else []
        files.check()
        for path, data in made:
            if path is not None:
                write_bytes(path, data, _OWNER_ONLY)
                sync_folder(path.parent)


def counter_of(config: Config) -> str | None:
    """The counter's address for QR codes, None where the office has none. Raises Invalid `bad_counter`."""
    return tokens.counter_of(config.counter) if config.counter else None


def drawn_up(door: Writing, session: Session, act: Act, issued: Issued) -> Paper | None:
    """The paper of a voucher, inside the command that issued it; None when an earlier run of the command had."""
    if issued.code is None:
        return None
    voucher, community = issued.voucher, communities.get(session, act.community_id)
    terms = offers.find(session, act.community_id, voucher.offer_id).terms
    shop = merchants.get(session, act.community_id, voucher.merchant_id)
    slip = Slip(
        community.name,
        voucher.number,
        issued.code,
        issuers.token_of(session, act, voucher, door.keys().seed),
        f"{shop.name} ({shop.number})",
        text(benefits.described(terms, community.points_decimals), door.lang),
        text(say("{yuan} yuan", yuan=benefits.yuan(benefits.worth(terms, voucher.points))), door.lang),
        voucher.expires_on,
    )
    return Paper(slip, points_text(voucher.points, community.points_decimals), counter_of(door.config))


def give_out(door: Writing, receipt: dict[str, Any], paper: Paper | None, files: Files) -> None:
    """Show a voucher and write its files; `paper` is None where the code was shown before, and cannot be shown again.

    A rehearsal shows neither code nor QR: nobody shall write one on a slip that opens nothing.
    """
    problem = None
    if paper is not None and not door.dry_run:
        try:
            paper.write(files, door.lang)
        except (Unwritable, Conflict) as error:
            problem = error
    given = None if door.dry_run else paper
    found = {**receipt, "code": codes.show(given.slip.code) if given else None, "qr": given.address if given else None}
    if not door.screen.data(found):
        _show(door, receipt, paper)
    if paper is None and files.named():
        door.screen.warn(say("No file was written: its code and QR code are not kept."))
    if problem is not None:
        door.screen.warn(say("The voucher counts, but not all of its files were written. {cause}", cause=problem.message))
        raise typer.Exit(UNLOGGED)


def _show(door: Writing, receipt: dict[str, Any], paper: Paper | None) -> None:
    title = say("Voucher {number}", number=receipt["voucher"])
    if paper is None:
        most = say("{yuan} yuan", yuan=benefits.yuan(receipt["most_fen"]))
        held = points_text(receipt["points"], door.decimals())
        facts: list[tuple[Say, object]] = [(say("voucher code"), "-"), (say("points held"), held)]
        door.screen.facts(title, [*facts, (say("most it takes off"), most), (say("good until"), receipt["expires_on"])])
        door.screen.line(DISCLAIMER)
        door.screen.warn(
            say("The code was shown when the voucher was issued and cannot be shown again; void it for a new one.")
        )
        return
    slip = paper.slip
    door.screen.facts(
        title,
        [
            (say("voucher code"), "-" if door.dry_run else codes.show(slip.code)),
            (say("for"), slip.shop),
            (say("what it gives"), slip.gives),
            (say("points held"), paper.points),
            (say("most it takes off"), slip.most),
            (say("good until"), receipt["expires_on"]),
        ],
    )
    if paper.address and not door.dry_run:
        door.screen.picture(qr.rows(qr.made(paper.address, slips.QR_VERSION)))
    if slip.token is None:
        door.screen.warn(say("All numbers of issuer keys are used up: this voucher has no QR code."))
    door.screen.line(DISCLAIMER)
