"""`timebank verify`: a proof checked by whoever holds it – without the database, without its keys, on any computer."""

from pathlib import Path
from typing import Annotated, Any

import typer

from timebank import notes, proof_files
from timebank.base.config import Config
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say
from timebank.notes import digits, read_vkey
from timebank.proof_files import FILE_BYTES_MAX, Verified
from timebank.show import Screen

app = typer.Typer(add_completion=False)
_EXAMPLE = "timebank verify E000004.json --key 520201-jianshe/1+…\ntimebank verify new.json --key … --previous old.json"


@app.command("verify", epilog=_EXAMPLE)
def verify(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The proof the office gave.")],
    key: Annotated[str, typer.Option(help="The log's key: name+id+letters, from a paper or the notice board.")],
    previous: Annotated[Path | None, typer.Option(help="An older proof or signed head: is it still a part of the log?")] = None,
) -> None:
    """Check a proof down to its signature and show the digits to compare with a paper; needs no database."""
    config: Config = ctx.find_root().obj
    screen = Screen(config)
    vkey = read_vkey(key.strip())
    older = None if previous is None else proof_files.head_in(content(previous), vkey)
    proof = proof_files.read(content(file))
    done = proof_files.verify(proof, vkey, older)
    if screen.data(_told(done)):
        return
    screen.facts(say("The proof holds: this entry is in the log."), _facts(done))
    _postings(screen, done.entry)
    screen.note(
        say("Compare the ten groups with a paper of the same {size} entries: equal digits, equal book.", size=done.head.size)
    )
    if older is None and proof.since is not None:
        screen.note(say("It also leads back to a head of {size} entries: give yours with --previous.", size=proof.since.size))


def content(path: Path) -> bytes:
    """A proof or a signed head out of a file somebody gave, and no more than a proof may have; a head also out of what
    `checkpoint show` printed around it. Raises Invalid `unreadable`."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        return data if data[:1] == b"{" else notes.found_in(data)
    except OSError as error:
        raise Invalid(
            say("{file} cannot be read: {cause}.", file=str(path), cause=error.strerror or type(error).__name__),
            "unreadable",
            say("Check the name of the file."),
        ) from error


def _told(done: Verified) -> dict[str, Any]:
    return {
        "log": done.head.origin,
        "size": done.head.size,
        "root": done.head.root.hex(),
        "digits": digits(done.head.root),
        "previous": None if done.older is None else done.older.size,
        "entry": done.entry,
    }


def _facts(done: Verified) -> list[tuple[Say, object]]:
    """What the proof is about. An entry is shown as it was hashed: whoever wrote it, nothing in it is taken for granted."""
    entry, head = done.entry, done.head
    facts: list[tuple[Say, object]] = [(say("entry"), f"E{entry['seq']:06d}")]
    if "kind" in entry:
        facts.append((say("kind"), KINDS.get(str(entry["kind"]), entry["kind"])))
    named = (("business_date", say("date")), ("posted_at", say("written")), ("subject", say("about")))
    facts += [(name, entry[field]) for field, name in (*named, ("reverses", say("takes back"))) if field in entry]
    facts += [(say("log"), head.origin), (say("entries"), head.size)]
    if done.older is not None:
        facts.append((say("older head"), say("{size} entries, all still in their places", size=done.older.size)))
    return [*facts, (say("digits"), digits(head.root))]


def _postings(screen: Screen, entry: dict[str, Any]) -> None:
    """The entry's lines as a table; what has not the shape of a line is shown as it is."""
    lines = entry.get("postings")
    rows = [_posting(line) for line in lines] if isinstance(lines, list) else []
    if rows:
        columns = (say("holder"), say("unit"), say("purpose"), say("lapse on"), say("amount"))
        screen.table(say("What it moved"), columns, rows)


def _posting(line: Any) -> tuple[object, ...]:
    if not isinstance(line, list) or len(line) < 5:
        return (str(line), "", "", "", "")
    holder, unit, purpose, lapses, amount = line[:5]
    shown = "" if lapses == "9999-12-31" else lapses
    signed = f"{amount:+d}" if type(amount) is int else str(amount)
    return (holder, WORDS.get(str(unit), unit), WORDS.get(str(purpose), purpose), shown, signed)


WORDS: dict[str, Say] = {
    "minutes": say("minutes"),
    "points": say("points"),
    "credits": say("credits"),
    "fen": say("fen"),
    "available": say("available"),
    "held": say("held"),
    "owed": say("owed"),
    "served": say("served"),
    "source": say("source"),
    "sink": say("used up"),
    "payable": say("to settle"),
    "free": say("free"),
    "committed": say("committed"),
    "paid": say("paid out"),
}
KINDS: dict[str, Say] = {
    "clerk.join": say("a clerk joins"),
    "member.join": say("a member joins"),
    "merchant.join": say("a merchant joins"),
    "rules.publish": say("rules are published"),
    "hours": say("hours of service"),
    "hours.sign-in": say("somebody came to serve"),
    "points.review": say("points above a cap are decided about"),
    "offer.add": say("an offer is added"),
    "issuer.key": say("an issuer key is announced"),
    "issuer.revoke": say("an issuer key is revoked"),
    "voucher.issue": say("a voucher is issued"),
    "voucher.capture": say("a voucher is redeemed"),
    "voucher.void": say("a voucher is voided"),
    "voucher.expire": say("a voucher lapses"),
    "settlement.approve": say("a batch is approved"),
    "points.expire": say("points lapse"),
    "period.close": say("a month is closed"),
    "reversal": say("an entry is taken back"),
}
