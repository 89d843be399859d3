"""What a back-test found, for people: the same tables on the screen, as a CSV file and as one page of HTML. Pure.

The page is a file by itself: no script, nothing asked of any other place, readable on a phone and on paper. Names are masked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from timebank.backtest import CREDITS, Line, Price, Result, Share
from timebank.base.i18n import Language, Say, say, text
from timebank.benefits import DISCLAIMER, points_text, yuan
from timebank.dry_months import FundMonth
from timebank.traces import cap_named

Cell = Say | str | int


class Table(NamedTuple):
    """A heading, names of columns, and rows; numbers are texts as people read them."""

    title: Say
    columns: tuple[Say, ...]
    rows: list[tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Report:
    """A result and what it takes to read it: the draft's title, the community's name, the decimals of points, what a point
    costs, by member id the printed number and the masked name, and the fund's months (none where nothing was given)."""

    result: Result
    title: str
    community: str
    decimals: int
    price: Price
    names: Mapping[int, tuple[str, str]]
    fund: Sequence[FundMonth] = ()

    @property
    def extra_fen(self) -> int:
        """What the fund would pay more (or, below 0, less) for the members' own points."""
        return self.price.of(self.result.kept.change)

    def points(self, amount: int) -> str:
        """An amount for people."""
        return points_text(amount, self.decimals)

    def change(self, amount: int) -> str:
        """A difference for people: with its sign."""
        return f"+{self.points(amount)}" if amount > 0 else self.points(amount)


# --- tables ---


def headline(report: Report) -> tuple[Say, ...]:
    """What comes out, in a few sentences."""
    result, change = report.result, report.result.kept.change
    told = [
        say(
            "{services} services of {members} members from {first} to {last}, played again under {title}, version {version}.",
            services=result.kept.number,
            members=len(result.shares),
            first=result.span.first,
            last=result.span.last,
            title=report.title,
            version=result.version,
        ),
        say(
            "Points awarded: {old}. Under this book: {new} ({change}).",
            old=report.points(result.kept.old),
            new=report.points(result.kept.new),
            change=report.change(change),
        ),
        say(
            "{losers} members would have fewer points, {winners} more, {same} as many.",
            losers=len(result.losses),
            winners=result.gains,
            same=len(result.shares) - len(result.losses) - result.gains,
        ),
    ]
    if result.alone:
        told.append(
            say("Services that name no activity, so that a cap for one takes each by itself: {count}.", count=result.alone)
        )
    return (*told, *_money(report))


def _money(report: Report) -> Iterator[Say]:
    """What the points would cost, and by which price."""
    source, a_point = report.price.source, report.price.of(10**report.decimals)
    if source == "none":
        yield say("No voucher was redeemed and no offset offer is in force: what points cost is not known.")
        return
    price = yuan(a_point)
    if source == "captured":
        yield say("A point costs about {yuan} yuan: what vouchers of the last 12 months took off.", yuan=price)
    else:
        yield say("A point costs up to {yuan} yuan, by the offset offer in force that takes off most.", yuan=price)
    extra = report.extra_fen
    if extra >= 0:
        yield say("If all of them are redeemed: {yuan} yuan more than now.", yuan=yuan(extra))
    else:
        yield say("If all of them are redeemed: {yuan} yuan less than now.", yuan=yuan(-extra))
    yield from _dry(report)


def _dry(report: Report) -> Iterator[Say]:
    """The months in which the fund would run dry, or vouchers would cost more than the budget."""
    if not report.fund:
        yield say("No money of the fund has been entered: whether it would run dry is not known.")
        return
    dry = [month.period for month in report.fund if month.dry]
    if dry:
        yield say("The fund would run dry in: {months}.", months=", ".join(dry))
    else:
        yield say("The fund would run dry in no month.")
    if beyond := [month.period for month in report.fund if month.beyond]:
        yield say("Vouchers would cost more than the budget in: {months}.", months=", ".join(beyond))


def tables(report: Report) -> list[Table]:
    """All tables that have rows, the losses last and whole."""
    result = report.result
    found = [
        _summary(report),
        _lines(report, say("By category"), (say("category"), say("services")), result.by_category),
        _lines(report, say("By team"), (say("team"), say("services")), result.by_team),
        _lines(report, TENTHS, (say("tenth"), say("members")), result.by_tenth),
        *([] if result.by_tenth else [_members(report, EACH, result.ranked)]),
        _hits(result),
        _fund(report),
        _members(report, LOSSES, result.losses),
    ]
    return [table for table in found if table.rows]


TENTHS = say("By tenth of the members, from those who were awarded least to those who were awarded most")
EACH = say("By member, from those who were awarded least to those who were awarded most")
LOSSES = say("Who would have fewer points")
FUND = say("What the fund has left at each month's end, in yuan, if the difference in points is redeemed at once")
FUND_FEN = say("What the fund has left at each month's end, in fen, if the difference in points is redeemed at once")
_SIDES = (say("awarded"), say("new"), say("change"))


def _summary(report: Report) -> Table:
    result = report.result
    lines = (
        (say("members' own points"), result.kept),
        (say("given to pools by caps"), result.pools),
        (say("wait for a decision by caps"), result.review),
        (say("not recorded by caps"), result.discarded),
    )
    rows: list[tuple[Cell, ...]] = [
        (name, *_sides(report, line)) for name, line in lines if line is result.kept or any(line[2:])
    ]
    return Table(say("Points"), (say("what"), *_SIDES), rows)


def _lines(report: Report, title: Say, columns: tuple[Say, Say], lines: Sequence[Line]) -> Table:
    rows: list[tuple[Cell, ...]] = [(_named(line.name), line.number, *_sides(report, line)) for line in lines]
    return Table(title, (*columns, *_SIDES), rows)


def _named(name: str) -> Cell:
    if name == CREDITS:
        return say("converted credits")
    return name or say("none")


def _hits(result: Result) -> Table:
    named = {id_: say("{cap} ({id})", cap=cap_named(*cap), id=id_) for id_, cap in result.caps.items()}
    signed = ((named[hit.name], str(hit.old), str(hit.new), f"{hit.change:+d}" if hit.change else "0") for hit in result.hits)
    return Table(say("Services that a cap cut"), (say("cap"), *_SIDES), [*signed])


def _fund(report: Report) -> Table:
    """Money as vouchers really cost it and as they would: what is left at each month's end."""
    rows: list[tuple[Cell, ...]] = [
        (month.period, _state(month), yuan(month.free), yuan(month.new_free), yuan(month.new_free - month.free))
        for month in report.fund
    ]
    return Table(FUND, (say("month"), say("the fund"), say("as it was"), say("under this book"), say("change")), rows)


def _state(month: FundMonth) -> Cell:
    if month.dry:
        return say("dry")
    return say("beyond its budget") if month.beyond else "-"


def _members(report: Report, title: Say, some: Sequence[Share]) -> Table:
    rows: list[tuple[Cell, ...]] = [(*report.names[share.member], *_sides(report, share)) for share in some]
    return Table(title, (say("member"), say("name"), *_SIDES), rows)


def _sides(report: Report, line: Line | Share) -> tuple[str, str, str]:
    return report.points(line.old), report.points(line.new), report.change(line.change)


# --- for programs ---


def as_data(report: Report) -> dict[str, Any]:
    """The result as JSON has it: points in the smallest unit, money in fen."""
    result = report.result
    price = {"source": report.price.source, "fen": [report.price.fen.numerator, report.price.fen.denominator]}
    return {
        "version": result.version,
        "from": result.span.first.isoformat(),
        "to": result.span.last.isoformat(),
        "decimals": report.decimals,
        "members": len(result.shares),
        **{name: _data(line) for name, line in (("points", result.kept), ("pools", result.pools), ("review", result.review))},
        "discarded": _data(result.discarded),
        "by_category": [{"category": line.name} | _data(line) for line in result.by_category if line.name != CREDITS],
        "credits": next((_data(line) for line in result.by_category if line.name == CREDITS), None),
        "without_activity": result.alone,
        "by_team": [{"team": line.name} | _data(line) for line in result.by_team],
        "by_tenth": [{"tenth": int(line.name)} | _data(line) for line in result.by_tenth],
        "caps": [{"cap": hit.name, "old": hit.old, "new": hit.new} for hit in result.hits],
        "by_member": [] if result.by_tenth else [_of_member(report, share) for share in result.ranked],
        "gain": result.gains,
        "lose": [_of_member(report, share) for share in result.losses],
        "fen_a_point": price,
        "extra_fen": None if report.price.source == "none" else report.extra_fen,
        "dry_months": [month.period for month in report.fund if month.dry] if report.fund else None,
        "beyond_budget": [month.period for month in report.fund if month.beyond] if report.fund else None,
        "fund_months": [
            {
                "month": month.period,
                "given_fen": month.given,
                "promised_fen": month.promised,
                "new_promised_fen": month.new,
                "free_fen": month.free,
                "new_free_fen": month.new_free,
                "budget_fen": month.budget,
            }
            for month in report.fund
        ],
    }


def _of_member(report: Report, share: Share) -> dict[str, Any]:
    number, name = report.names[share.member]
    return {"member": number, "name": name, "old": share.old, "new": share.new}


def _data(line: Line) -> dict[str, int]:
    return {"number": line.number, "old": line.old, "new": line.new}


def csv_rows(report: Report, lang: Language) -> tuple[list[str], list[list[str | int]]]:
    """All tables as one sheet: header and rows. Points are written as people read them."""
    header = [text(name, lang) for name in (say("table"), say("what"), say("name"), say("how many"), *_SIDES)]
    rows: list[list[str | int]] = []
    for month in report.fund:  # as whole fen: a spreadsheet takes "-7.40" in quotes for a text
        told = (FUND_FEN, month.period, _state(month), "", month.free, month.new_free, month.new_free - month.free)
        rows.append([text(cell, lang) if isinstance(cell, Say) else cell for cell in told])
    for table in (table for table in tables(report) if table.title is not FUND):
        for first, *middle, old, new, change in table.rows:
            extra = middle[0] if middle else ""
            name, number = (extra, "") if not isinstance(extra, int) else ("", extra)
            cells = (table.title, first, name, number)
            sides = [str(side).removeprefix("+") for side in (old, new, change)]
            rows.append([text(cell, lang) if isinstance(cell, Say) else cell for cell in cells])
            rows[-1].extend(side if "." in side else int(side) for side in sides)
    return header, rows


# --- the page ---

_STYLE = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;max-width:46rem;padding:1rem;color:#1a202c;
font:16px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;background:#fff}
h1{font-size:1.35rem;line-height:1.25;margin:.2rem 0 .6rem}
h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
p{margin:.3rem 0}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .35rem;border-bottom:1px solid #d8dee6;text-align:right;vertical-align:top;white-space:nowrap}
th{font-weight:600;color:#4a5568;border-bottom-color:#8795a5}
th:first-child,td:first-child,.name{text-align:left;white-space:normal;overflow-wrap:anywhere}
.less{color:#a61b1b}.more{color:#17663a}
svg{display:block;width:100%;height:auto;max-width:38rem}
.key{font-size:.85rem;color:#4a5568}
.key i{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem 0 .8rem;vertical-align:-1px}
.key i:first-child{margin-left:0}
footer{margin-top:2rem;padding-top:.6rem;border-top:1px solid #d8dee6;font-size:.85rem;color:#4a5568}
@media(max-width:26rem){body{padding:.7rem;font-size:15px}th,td{padding:.25rem .2rem}table{font-size:.84rem}}
@page{size:A4;margin:15mm}
@media print{body{max-width:none;padding:0;font-size:11pt}h2{break-after:avoid}tr,svg{break-inside:avoid}.key{break-after:avoid}
svg{max-width:12cm}thead{display:table-header-group}}
"""
_OLD, _NEW = "#a9b4c0", "#0b6e82"


def page(report: Report, lang: Language) -> str:
    """The whole report as one page of HTML."""

    def said(sentence: Say | str) -> str:
        return escape(text(sentence, lang) if isinstance(sentence, Say) else sentence)

    title = said(say("What this rule book would change"))
    parts = [
        f'<!doctype html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}: {escape(report.title)}</title><style>{_STYLE}</style></head><body>",
        f"<header><p>{escape(report.community)}</p><h1>{title}</h1></header><main>",
        *(f"<p>{said(sentence)}</p>" for sentence in headline(report)),
    ]
    for table in tables(report):
        parts.append(f"<section><h2>{said(table.title)}</h2>")
        if table.title in (TENTHS, EACH):
            parts.append(_chart(report, lang))
        parts.append(_html_table(table, lang))
        parts.append("</section>")
    parts.append(f"</main><footer><p>{said(METHOD)}</p><p>{said(DISCLAIMER)}</p></footer></body></html>\n")
    return "\n".join(parts)


METHOD = say(
    "Every service of these days was worked out again in the order in which it was posted, with the caps, carried minutes, "
    "tiers and bonuses that this book makes. What members spent, gave and lost meanwhile stays as it was."
)


def _html_table(table: Table, lang: Language) -> str:
    def cell(tag: str, value: Cell, column: int) -> str:
        shown = escape(text(value, lang) if isinstance(value, Say) else str(value))
        last = column == len(table.columns) - 1 and tag == "td"
        kind = "less" if last and shown.startswith("-") else "more" if last and shown.startswith("+") else ""
        kind = "name" if column == 1 and isinstance(value, str) and len(table.columns) == 5 else kind
        return f'<{tag} class="{kind}">{shown}</{tag}>' if kind else f"<{tag}>{shown}</{tag}>"

    head = "".join(cell("th", name, number) for number, name in enumerate(table.columns))
    rows = ("".join(cell("td", value, number) for number, value in enumerate(row)) for row in table.rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"


def _round_number(most: int) -> int:
    """The least number not below `most` of which a quarter is 1, 2, 2.5 or 5 and zeros, and whole."""
    zeros: int = 10 ** max(1, len(str(most)) - 2)
    return next(
        4 * quarter for quarter in (q * zeros // 10 for q in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250)) if 4 * quarter >= most
    )


_WIDE, _HIGH, _LEFT, _TOP, _FOOT = 360, 210, 46, 10, 22
_NUMBER_SHOWN = 5
"""Signs of a member's number, its last ones, that fit below two bars."""


def _chart(report: Report, lang: Language) -> str:
    """Bars of what each tenth of the members, or each of a few members, was awarded and would be; as wide as a phone, so that
    its words stay readable."""
    lines = report.result.by_tenth or [
        Line(report.names[share.member][0][-_NUMBER_SHOWN:], 1, share.old, share.new) for share in report.result.ranked
    ]
    most = _round_number(max(max(line.old, line.new) for line in lines))
    ground, room = _HIGH - _FOOT, _HIGH - _FOOT - _TOP
    step = (_WIDE - _LEFT) // len(lines)
    bar = max(3, step * 2 // 5)
    drawn = []
    for quarter in range(5):
        y = ground - room * quarter // 4
        drawn.append(f'<line x1="{_LEFT}" x2="{_WIDE}" y1="{y}" y2="{y}" stroke="#d8dee6"/>')
        label = report.points(most * quarter // 4)
        drawn.append(f'<text x="{_LEFT - 5}" y="{y + 4}" text-anchor="end">{label}</text>')
    for place, line in enumerate(lines):
        x = _LEFT + place * step + (step - 2 * bar) // 2
        for left, amount, colour in ((x, line.old, _OLD), (x + bar, line.new, _NEW)):
            tall = room * max(0, amount) // most
            drawn.append(f'<rect x="{left}" y="{ground - tall}" width="{bar}" height="{tall}" fill="{colour}"/>')
        drawn.append(f'<text x="{x + bar}" y="{_HIGH - 7}" text-anchor="middle">{escape(line.name)}</text>')
    old, new = (escape(text(side, lang)) for side in _SIDES[:2])
    about = escape(text(say("Points as awarded and new; the table below has the numbers."), lang))
    return (
        f'<p class="key"><i style="background:{_OLD}"></i>{old}<i style="background:{_NEW}"></i>{new}</p>'
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{about}" font-size="10.5" fill="#4a5568" '
        f'font-family="system-ui,sans-serif">{"".join(drawn)}</svg>'
    )
