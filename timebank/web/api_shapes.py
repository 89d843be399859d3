"""What a till sends and is answered: the bodies of the JSON API, as its OpenAPI document shows them.

Money is in fen, points in the community's smallest unit (tenths where it keeps one decimal), days are local dates. Bodies are
read strictly: a name nobody knows, a number as a text or with a fraction is refused.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from timebank.benefits import FEN_MAX

CODE_CHARACTERS_MAX = 400
"""A code has 12 characters, the address of a signed QR at most 178: what is much longer is neither."""
VOUCHER_NUMBER = r"^V[1-9][0-9]{0,9}$"
"""How a voucher's number is written: 'V9'."""
MONTH = r"^2[0-9]{3}-(0[1-9]|1[0-2])$"
"""How a month is written: '2026-10'."""
KEY = r"^[A-Za-z0-9._:-]{1,64}$"
"""How an Idempotency-Key is written."""

Code = Annotated[
    str,
    Field(
        min_length=1,
        max_length=CODE_CHARACTERS_MAX,
        description="The code as printed or typed (case, spaces and look-alikes are forgiven), or what the QR holds.",
        examples=["7K3M-9QPA-X2DT"],
    ),
]
Bill = Annotated[
    int, Field(ge=1, le=FEN_MAX, description="The whole bill before anything is taken off, in fen.", examples=[8600])
]
Fen = Annotated[int, Field(ge=0, description="An amount of money in fen (1/100 yuan).")]
Claim = Annotated[int, Field(ge=0, description="What is owed to the shop for it, in fen.")]
Points = Annotated[int, Field(ge=0, description="Points in the community's smallest unit.")]
Number = Annotated[str, Field(pattern=VOUCHER_NUMBER, description="A voucher's number. It opens nothing.", examples=["V9"])]
Entry = Annotated[str, Field(pattern=r"^E[0-9]{6,}$", description="The receipt: an entry of the book.", examples=["E000123"])]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", examples=["2026-10-20"])]
Steps = Annotated[list[str], Field(description="How the amount came about, in the language asked for.")]


class _Sent(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Presented(_Sent):
    """A voucher at the counter."""

    code: Code


class Charged(_Sent):
    """A voucher at the counter and the bill it is used for; goods or a service for points need none."""

    code: Code
    bill_fen: Bill = 0


class Taken(_Sent):
    """A capture that is to be undone."""

    voucher: Number


class Good(BaseModel):
    """A voucher that is good at this shop."""

    voucher: Number
    name: Annotated[str, Field(description="The member's name, masked.", examples=["张*三"])]
    gives: Annotated[str, Field(description="What the voucher gives, in the language asked for.")]
    most_fen: Fen
    expires_on: Day


class Quote(BaseModel):
    """What a capture would take off. Nothing is reserved by it."""

    voucher: Number
    bill_fen: Fen
    off_fen: Fen
    due_fen: Annotated[int, Field(ge=0, description="What the customer still settles, in fen.")]
    points: Points
    steps: Steps


class Receipt(Quote):
    """A captured voucher."""

    receipt: Entry
    day: Day


class Undone(BaseModel):
    """A capture that was undone: points and money are back where they came from."""

    voucher: Number
    receipt: Entry
    day: Day
    points: Points


class Line(BaseModel):
    """A capture in a list, or what was given back of one."""

    voucher: Number
    receipt: Entry
    day: Day
    points: Points
    claim_fen: Claim


class Captures(BaseModel):
    """A shop's captures of a month and what was given back in it, by voucher number; `claim_fen` is what is left of both."""

    month: Annotated[str, Field(pattern=MONTH, examples=["2026-10"])]
    count: Annotated[int, Field(ge=0)]
    claim_fen: Annotated[int, Field(description="What is owed to the shop for the month, in fen; below 0 after refunds.")]
    captures: list[Line]
    refunds: list[Line]


class Wrong(BaseModel):
    """A place of the request that is wrong."""

    field: Annotated[str, Field(examples=["bill_fen"])]
    code: Annotated[str, Field(examples=["greater_than_equal"])]


class Problem(BaseModel):
    """A problem (RFC 9457). Programs read `code`; `detail` and `hint` are for people."""

    model_config = ConfigDict(json_schema_extra={"required": ["type", "title", "status", "code", "detail"]})

    type: Annotated[str, Field(examples=["about:blank"])]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    code: Annotated[str, Field(examples=["unknown_code"])]
    detail: str
    hint: str = ""
    fields: list[Wrong] = []
