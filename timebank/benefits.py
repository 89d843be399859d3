"""What an offer takes off a bill: exact, floored for the merchant's bill, rounded up for the points. Pure.

Money is in fen, shares in basis points (1/100 of a percent), points in the community's smallest unit (tenths where it
keeps one decimal), `points_per_yuan` too. All kinds of offer come to the same steps:

    share of the bill = bill x share_bp // 10000      the offer's part of this bill, floored
    off               = min(share of the bill, limit)  never more than the voucher can take off
    points            = the fixed price, or off x points_per_yuan / 100 rounded up

An item (goods or a service) has no bill: what it is worth is what it takes off. Who bears what comes off:

    fund    = off x fund_bp // 10000
    sponsor = off x sponsor_bp // 10000
    merchant = the rest, with what the floors left over
"""

from dataclasses import asdict, dataclass

from timebank.base.errors import Invalid, Refused
from timebank.base.i18n import Say, say

WHOLE_BP = 10_000
FEN_MAX = 100_000_000
"""The largest bill or limit, one million yuan: what is above is a slip of the keyboard."""
POINTS_MAX = 100_000_000
"""The most points of one voucher."""
LABEL_MAX = 60
"""The most characters of an item's name: a slip and a phone show it whole."""
POINTS_PER_YUAN_MAX = 1_000_000


DISCLAIMER = say(
    "These points are a token of thanks for public benefit. They are not money and no substitute for it; they cannot be "
    "bought, sold, cashed, given as change or bear interest, and serve only for benefits at designated merchants under "
    "the rules."
)
"""What every voucher, statement and export carries (mission.md, law and habit)."""


@dataclass(frozen=True, slots=True)
class Offset:
    """`points_per_yuan` points take one yuan off, at most `max_share_bp` of the bill."""

    points_per_yuan: int
    max_share_bp: int


@dataclass(frozen=True, slots=True)
class Discount:
    """`off_bp` of the bill, at most `max_fen`, from a bill of `min_spend_fen` on, for a fixed price in `points`."""

    off_bp: int
    max_fen: int | None
    points: int
    min_spend_fen: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """Goods or a service worth `item_fen`, for a fixed price in `points`; there is no bill. `label` says what it is, in words;
    it is no part of the arithmetic."""

    points: int
    item_fen: int
    label: str = ""


Terms = Offset | Discount | Item


@dataclass(frozen=True, slots=True)
class Shares:
    """Who bears what comes off, in basis points: the fund, a sponsor; the merchant bears the rest."""

    fund_bp: int = WHOLE_BP
    sponsor_bp: int = 0

    @property
    def merchant_bp(self) -> int:
        """The merchant's own share."""
        return WHOLE_BP - self.fund_bp - self.sponsor_bp


@dataclass(frozen=True, slots=True)
class Borne:
    """What came off, by who bears it, in fen."""

    merchant_fen: int
    fund_fen: int
    sponsor_fen: int

    @property
    def claim_fen(self) -> int:
        """What the merchant is owed: the fund's part and the sponsor's."""
        return self.fund_fen + self.sponsor_fen

    @property
    def parts(self) -> dict[str, int]:
        """The parts as the book keeps them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Benefit:
    """What one bill comes to, with every step: `share_fen` is the offer's part of the bill, `limit_fen` the most the voucher
    gives, `off_fen` the smaller of the two, `points` what that costs."""

    bill_fen: int
    share_bp: int
    share_fen: int
    limit_fen: int
    off_fen: int
    points: int

    @property
    def steps(self) -> dict[str, int]:
        """The steps as the book keeps them, so that a receipt can be explained for ever."""
        return asdict(self)


def check(terms: Terms) -> None:
    """Refuse terms no offer can have.

    Raises Invalid `bad_points_per_yuan`, `bad_share`, `no_maximum`, `bad_maximum`, `bad_min_spend`, `bad_points`, `bad_worth`,
    `no_label`.
    """
    if isinstance(terms, Item):
        _check_item(terms)
        return
    if isinstance(terms, Offset):
        if not 1 <= terms.points_per_yuan <= POINTS_PER_YUAN_MAX:
            raise Invalid(
                say("An offset takes 1 yuan off for a whole number of points, at least 1."),
                "bad_points_per_yuan",
                say("For example --points-per-yuan 10."),
            )
        _check_share(terms.max_share_bp)
        return
    _check_share(terms.off_bp)
    if terms.max_fen is None:
        raise Invalid(
            say("A discount offer must say what it takes off at most: the fund reserves that much for each voucher."),
            "no_maximum",
            say("Add for example --max 20.00."),
        )
    if not 1 <= terms.max_fen <= FEN_MAX:
        raise Invalid(
            say("A discount takes at most 0.01 to {most} yuan off.", most=yuan(FEN_MAX)),
            "bad_maximum",
            say("Add for example --max 20.00."),
        )
    if not 0 <= terms.min_spend_fen <= FEN_MAX:
        raise Invalid(
            say("The smallest bill of a discount lies between 0.00 and {most} yuan.", most=yuan(FEN_MAX)),
            "bad_min_spend",
            say("Add for example --min-spend 30.00."),
        )
    check_points(terms.points)


def _check_item(terms: Item) -> None:
    if not 1 <= terms.item_fen <= FEN_MAX:
        raise Invalid(
            say("Goods or a service are worth 0.01 to {most} yuan.", most=yuan(FEN_MAX)),
            "bad_worth",
            say("Say what the shop would ask for it, for example --worth 35.00."),
        )
    if not 1 <= len(terms.label) <= LABEL_MAX:
        raise Invalid(
            say("Goods or a service need a name of at most {most} characters.", most=LABEL_MAX),
            "no_label",
            say("Say what it is, for example --label 大米5kg."),
        )
    check_points(terms.points)


def check_shares(shares: Shares) -> None:
    """Refuse shares that are not parts of one whole. Raises Invalid `bad_shares`."""
    if min(shares.fund_bp, shares.sponsor_bp, shares.merchant_bp) < 0:
        raise Invalid(
            say(
                "The fund cannot bear {fund} and a sponsor {sponsor}: together that is more than all, or less than nothing.",
                fund=percent(shares.fund_bp),
                sponsor=percent(shares.sponsor_bp),
            ),
            "bad_shares",
            say("The shares of fund, sponsor and merchant make 100% together."),
        )


def borne(off_fen: int, shares: Shares) -> Borne:
    """Who bears `off_fen`. More off is never less for anybody, so that no capture needs more than its hold reserved."""
    fund_fen = off_fen * shares.fund_bp // WHOLE_BP
    sponsor_fen = off_fen * shares.sponsor_bp // WHOLE_BP
    return Borne(off_fen - fund_fen - sponsor_fen, fund_fen, sponsor_fen)


def _check_share(share_bp: int) -> None:
    if not 1 <= share_bp <= WHOLE_BP:
        raise Invalid(
            say("A share of the bill lies above 0% and is at most 100%; this is {share}.", share=percent(share_bp)),
            "bad_share",
            say("Write it like 50% or 12.5%."),
        )


def check_points(points: int) -> None:
    """Refuse a number of points no voucher can have. Raises Invalid `bad_points`."""
    if not 1 <= points <= POINTS_MAX:
        raise Invalid(
            say("No voucher can hold that many points."),
            "bad_points",
            say("Give a number above 0, for example --points 100."),
        )


def check_bill(bill_fen: int) -> None:
    """Refuse a bill nobody writes. Raises Invalid `bad_bill`."""
    if not 1 <= bill_fen <= FEN_MAX:
        raise Invalid(
            say("A bill lies between 0.01 and {most} yuan.", most=yuan(FEN_MAX)),
            "bad_bill",
            say("Write the whole bill before anything is taken off, for example --bill 86.00."),
        )


def worth(terms: Terms, points: int) -> int:
    """The most these points can take off any bill, in fen: of this, those who bear it reserve their shares."""
    if isinstance(terms, Offset):
        return points * 100 // terms.points_per_yuan
    if isinstance(terms, Item):
        return terms.item_fen
    assert terms.max_fen is not None, "a discount has a maximum"
    return terms.max_fen


def benefit(terms: Terms, points_held: int, bill_fen: int) -> Benefit:
    """What a voucher of `points_held` points takes off a bill, and how many of its points that costs (never more).

    The bill of an item is 0: there is none. Raises Invalid `bad_bill`, `bill_not_wanted`, Refused `below_min_spend`,
    `no_benefit`.
    """
    if isinstance(terms, Item):
        return _handed_over(terms, bill_fen)
    check_bill(bill_fen)
    limit_fen = worth(terms, points_held)
    if isinstance(terms, Offset):
        share_bp = terms.max_share_bp
    else:
        share_bp = terms.off_bp
        if bill_fen < terms.min_spend_fen:
            raise Refused(
                say(
                    "This offer needs a bill of {least} yuan; this one is {bill} yuan.",
                    least=yuan(terms.min_spend_fen),
                    bill=yuan(bill_fen),
                ),
                "below_min_spend",
                say("Keep the voucher for a larger bill."),
            )
    share_fen = bill_fen * share_bp // WHOLE_BP
    off_fen = min(share_fen, limit_fen)
    if off_fen == 0:
        raise Refused(
            say("Nothing can be taken off a bill of {bill} yuan.", bill=yuan(bill_fen)),
            "no_benefit",
            say("Keep the voucher for a larger bill."),
        )
    price = -(-off_fen * terms.points_per_yuan // 100) if isinstance(terms, Offset) else terms.points
    return Benefit(bill_fen, share_bp, share_fen, limit_fen, off_fen, price)


def _handed_over(terms: Item, bill_fen: int) -> Benefit:
    if bill_fen:
        raise Invalid(
            say("This voucher is for goods or a service; it takes nothing off a bill."),
            "bill_not_wanted",
            say("Leave the bill out and hand over what the voucher names."),
        )
    return Benefit(0, WHOLE_BP, terms.item_fen, terms.item_fen, terms.item_fen, terms.points)


def described(terms: Terms, decimals: int) -> Say:
    """An offer in words; `decimals` are those of the community's points (0 or 1)."""
    if isinstance(terms, Offset):
        return say(
            "{points} points take 1 yuan off, at most {share} of the bill",
            points=points_text(terms.points_per_yuan, decimals),
            share=percent(terms.max_share_bp),
        )
    if isinstance(terms, Item):
        return say(
            "{label}, worth {worth} yuan, for {points} points",
            label=terms.label,
            worth=yuan(terms.item_fen),
            points=points_text(terms.points, decimals),
        )
    values = {
        "off": percent(terms.off_bp),
        "most": yuan(terms.max_fen or 0),
        "points": points_text(terms.points, decimals),
    }
    if terms.min_spend_fen:
        return say(
            "{off} off a bill of {least} yuan or more, at most {most} yuan, for {points} points",
            least=yuan(terms.min_spend_fen),
            **values,
        )
    return say("{off} off the bill, at most {most} yuan, for {points} points", **values)


def explained(terms: Terms, done: Benefit, decimals: int) -> tuple[Say, ...]:
    """The steps of one benefit in words, for the receipt."""
    price = say("{points} points, the price of the offer", points=points_text(done.points, decimals))
    if isinstance(terms, Item):
        return (say("{label}, worth {worth} yuan", label=terms.label, worth=yuan(done.off_fen)), price)
    steps = [
        say(
            "{share} of the bill of {bill} yuan = {part} yuan",
            share=percent(done.share_bp),
            bill=yuan(done.bill_fen),
            part=yuan(done.share_fen),
        ),
        say("at most {limit} yuan, so {off} yuan off", limit=yuan(done.limit_fen), off=yuan(done.off_fen)),
    ]
    if isinstance(terms, Offset):
        steps.append(
            say(
                "{off} yuan × {rate} points = {points} points, rounded up",
                off=yuan(done.off_fen),
                rate=points_text(terms.points_per_yuan, decimals),
                points=points_text(done.points, decimals),
            )
        )
    else:
        steps.append(price)
    return tuple(steps)


def bearing(shared: Borne) -> tuple[Say, ...]:
    """Who bears what came off, in words, unless the fund bears all; one who bears nothing is not named."""
    parts = (
        (say("the fund bears {yuan} yuan", yuan=yuan(shared.fund_fen)), shared.fund_fen),
        (say("a sponsor bears {yuan} yuan", yuan=yuan(shared.sponsor_fen)), shared.sponsor_fen),
        (say("the merchant bears {yuan} yuan", yuan=yuan(shared.merchant_fen)), shared.merchant_fen),
    )
    return tuple(words for words, fen in parts if fen) if shared.merchant_fen or shared.sponsor_fen else ()


def yuan(fen: int) -> str:
    """An amount of money in yuan: 8600 -> '86.00'."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def points_text(points: int, decimals: int) -> str:
    """An amount of points for people, from the smallest unit: 95 with one decimal -> '9.5'."""
    assert decimals in (0, 1), "points have 0 or 1 decimals"
    if decimals == 0:
        return str(points)
    return f"{'-' if points < 0 else ''}{abs(points) // 10}.{abs(points) % 10}"


def percent(basis_points: int) -> str:
    """A share for people: 5000 -> '50%', 1250 -> '12.5%', 1 -> '0.01%'."""
    whole, part = divmod(abs(basis_points), 100)
    fraction = f".{part:02d}".rstrip("0") if part else ""
    return f"{'-' if basis_points < 0 else ''}{whole}{fraction}%"
