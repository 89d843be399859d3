"""Arguments and options that several commands share."""

from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from timebank.base.errors import Invalid, NotFound
from timebank.base.i18n import say
from timebank.base.sheet_values import parse_day

_FILE_BYTES_MAX = 1 << 20


class Names(Enum):
    """How members' names are written."""

    MASKED = "masked"
    FULL = "full"


class Source(Enum):
    """The four sources of the fund (四筹)."""

    GOVERNMENT = "government"
    ENTERPRISE = "enterprise"
    ORGANISATION = "organisation"
    RESIDENT = "resident"


SOURCE_NAMES = {
    "government": say("government"),
    "enterprise": say("enterprises"),
    "organisation": say("social organisations"),
    "resident": say("residents"),
}
SourceOption = Annotated[Source, typer.Option("--source", help="Which of the four sources it is.")]
MemberNo = Annotated[str, typer.Argument(metavar="MEMBER", help="Member number, for example M0012.")]
MerchantOption = Annotated[str, typer.Option("--merchant", help="Merchant number, for example S001.")]
Period = Annotated[str, typer.Argument(metavar="MONTH", help="A month, for example 2026-10.")]
InputFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file to read.")]
Folder = Annotated[Path, typer.Option("--to", help="The folder to write into; it is made.")]
Partial = Annotated[bool, typer.Option("--partial", help="Post the good rows even if others are wrong.")]
SaveRejects = Annotated[Path | None, typer.Option("--save-rejects", help="Write the wrong rows with their reasons here.")]
SheetName = Annotated[str, typer.Option("--sheet", metavar="NAME", help="Which worksheet of a workbook to read.")]
Day = Annotated[str, typer.Option("--date", help="The day, for example 2026-10-03.")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The number shown in the list.", min=0, max=10**10 - 1)]
"""The number of a row; databases refuse to look for what does not fit into 64 bits."""
Numbers = Annotated[
    list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Numbers shown in the list.", min=0, max=10**10 - 1)
]
Why = Annotated[str, typer.Option("--why", help="The reason.")]


def day_of(typed: str) -> date:
    """A day a person typed. Raises Invalid `bad_day`."""
    return parse_day(typed)


def entry_number(typed: str) -> int:
    """The number behind E000042 or 42. Raises Invalid `bad_entry`."""
    digits = typed.strip().upper().removeprefix("E")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        raise Invalid(say("{entry} is no entry number.", entry=typed), "bad_entry", say("Write it like E000042."))
    return int(digits)


def rule_text(file: Path) -> bytes:
    """The bytes of a rule book file. Raises NotFound `no_file`, Invalid `file_too_large`."""
    if not file.is_file():
        raise NotFound(say("There is no file {file}.", file=str(file)), "no_file", say("Check its name and folder."))
    if file.stat().st_size > _FILE_BYTES_MAX:
        raise Invalid(say("{file} is too large for a rule book.", file=file.name), "file_too_large", say("64 kB are the most."))
    return file.read_bytes()
