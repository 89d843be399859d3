"""An offer as people write it, on a command's options or in the cells of a sheet, and sheets of offers in."""

import re
from collections.abc import Mapping

from sqlmodel import Session

from timebank import offers
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.amounts import fen_of, percent_of
from timebank.base.codes import narrow
from timebank.base.errors import Invalid
from timebank.base.i18n import Say, say
from timebank.base.imported import Imported
from timebank.base.sheet_values import parse_count, parse_day, parse_number_of_one, parse_points, parse_text
from timebank.base.sheets import Column, Row, required
from timebank.benefits import WHOLE_BP, Discount, Item, Offset, Shares, Terms
from timebank.exchange import Intake
from timebank.offers import Conditions, Limits, NewOffer

COLUMNS = (
    required("merchant_no"),
    Column("kind", ("优待类型", "优待种类", "类型", "类别", "kind of offer"), required=True),
    Column("valid_from", ("开始日期", "起始日期", "有效期起", "有效期自", "first day", "from"), required=True),
    Column("valid_to", ("结束日期", "截止日期", "有效期至", "有效期止", "last day", "until"), required=True),
    Column("points_per_yuan", ("每元积分", "抵1元积分", "抵一元积分", "多少积分抵1元", "points per yuan"), required=False),
    Column("max_share", ("最高抵扣比例", "抵扣上限", "最多抵账单", "most of a bill"), required=False),
    Column("off", ("折扣", "优惠折扣", "减免比例", "discount"), required=False),
    Column("max", ("最高减免", "封顶", "封顶(元)", "最高减免(元)", "most off"), required=False),
    Column("min_spend", ("最低消费", "满", "最低消费(元)", "smallest bill"), required=False),
    Column("points", ("所需积分", "兑换积分", "积分", "price in points"), required=False),
    Column("label", ("物品或服务", "物品", "服务", "品名", "兑换内容", "what it is"), required=False),
    Column("worth", ("价值", "价值(元)", "单价", "市价", "value"), required=False),
    Column("stock", ("库存", "数量", "份数", "pieces"), required=False),
    Column("per_day", ("每人每日限", "每人每天限", "每日限兑", "a day"), required=False),
    Column("per_month", ("每人每月限", "每月限兑", "a month"), required=False),
    Column("total", ("总张数", "总量", "总限", "in all"), required=False),
    Column("tier", ("等级", "志愿者等级", "星级"), required=False),
    Column("min_age", ("最低年龄", "年龄", "youngest"), required=False),
    Column("min_hours", ("最低服务小时", "最低小时", "服务满(小时)", "hours served"), required=False),
    Column("merchant_share", ("商户承担", "商户承担比例", "商家承担", "the merchant bears"), required=False),
    Column("sponsor", ("赞助方", "赞助方编号", "赞助单位", "sponsor no"), required=False),
    Column("sponsor_share", ("赞助方承担", "赞助方承担比例", "赞助承担", "the sponsor bears"), required=False),
)
"""What a sheet of offers has; the options of `offer add` have the same names."""

_KINDS = {
    **dict.fromkeys(("offset", "抵扣", "积分抵扣", "抵现", "points for yuan"), "offset"),
    **dict.fromkeys(("discount", "折扣", "打折"), "discount"),
    **dict.fromkeys(("item", "物品", "服务", "实物", "兑换", "物品兑换", "goods", "service", "goods or a service"), "item"),
}
_TENTHS = re.compile(r"([1-9])(?:\.?([0-9]))?折")  # what is paid: 9折, 8.5折, 85折
_NEEDED: Mapping[str, Say] = {
    "points_per_yuan": say("how many points take one yuan off"),
    "off": say("how much comes off"),
    "points": say("its price in points"),
    "label": say("what it is"),
    "worth": say("what it is worth"),
}
Cells = Mapping[str, str]
"""By the names of COLUMNS; '' where nothing was written."""


def offer_of(cells: Cells, decimals: int, row: int = 0) -> NewOffer:
    """The offer that was written; `decimals` are those of the community's points.

    Raises Invalid `bad_kind`, `missing_terms`, `misplaced_terms`, `bad_share`, and what reads the cells raises.
    """
    return NewOffer(
        parse_number_of_one(cells["merchant_no"]),
        _terms(cells, decimals),
        parse_day(cells["valid_from"]),
        parse_day(cells["valid_to"]),
        Limits(*(_count(cells[name]) for name in ("per_day", "per_month", "total", "stock"))),
        Conditions(parse_text(cells["tier"]), _count(cells["min_age"]) or 0, 60 * (_count(cells["min_hours"]) or 0)),
        _shares(cells),
        _count(cells["sponsor"]),
        row,
    )


def offers_in(session: Session, act: Act, intake: Intake) -> Imported:
    """Add the offers of a sheet; see `offers.add_all` for what is rejected."""
    decimals = communities.get(session, act.community_id).points_decimals
    return intake.take(lambda row: _read(row, decimals), lambda some: offers.add_all(session, act, some))


def _read(row: Row, decimals: int) -> NewOffer:
    return offer_of(row.values, decimals, row.number)


_TERMS = {
    "offset": ("points_per_yuan", "max_share"),
    "discount": ("off", "max", "min_spend", "points"),
    "item": ("label", "worth", "points"),
}


def _terms(cells: Cells, decimals: int) -> Terms:
    kind = _KINDS.get(narrow(cells["kind"]).strip().lower(), "")
    if not kind:
        raise Invalid(
            say('"{written}" is no kind of offer.', written=cells["kind"]),
            "bad_kind",
            say("Write offset (抵扣), discount (折扣) or item (物品)."),
        )
    for name in sorted({name for names in _TERMS.values() for name in names} - {*_TERMS[kind]}):
        if cells[name].strip():
            raise Invalid(
                say("An offer of this kind has no {name}.", name=name),
                "misplaced_terms",
                say("Leave it out, or name the other kind."),
            )
    if kind == "offset":
        share = cells["max_share"].strip()
        return Offset(parse_points(_needed(cells, "points_per_yuan"), decimals), percent_of(share) if share else WHOLE_BP)
    points = parse_points(_needed(cells, "points"), decimals)
    if kind == "item":
        return Item(points, fen_of(_needed(cells, "worth")), parse_text(_needed(cells, "label")))
    most, least = cells["max"].strip(), cells["min_spend"].strip()
    return Discount(_off(_needed(cells, "off")), fen_of(most) if most else None, points, fen_of(least) if least else 0)


def _needed(cells: Cells, name: str) -> str:
    if not cells[name].strip():
        raise Invalid(
            say("This kind of offer must say {what}.", what=_NEEDED[name]),
            "missing_terms",
            say("Write it under {name}, or as --{option}.", name=name, option=name.replace("_", "-")),
        )
    return cells[name]


def _off(cell: str) -> int:
    """What comes off, in basis points: 10%, or as shops write what is left to settle, 9折."""
    found = _TENTHS.fullmatch(narrow(cell).strip())
    return WHOLE_BP - int(found[1]) * 1_000 - int(found[2] or 0) * 100 if found else percent_of(cell)


def _shares(cells: Cells) -> Shares:
    merchant, sponsor = (percent_of(cells[name]) if cells[name].strip() else 0 for name in ("merchant_share", "sponsor_share"))
    return Shares(WHOLE_BP - merchant - sponsor, sponsor)


def _count(cell: str) -> int | None:
    return parse_count(cell) if cell.strip() not in ("", "0") else None
