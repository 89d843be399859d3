"""A member's month as a page to print: what the lines say, and what the paper witnesses. Pure; no script, nothing is loaded.

Every paper carries the head of the log: whoever keeps one can hold the office's book against it later. The QR holds the signed
note itself where there is one, so that the paper alone shows who signed; the ten groups of digits are for reading aloud.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from timebank import qr
from timebank.base.i18n import Language, Say, say, text
from timebank.benefits import DISCLAIMER
from timebank.notes import digits

_STYLE = """
@page { size: A4; margin: 14mm }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 4mm; max-width: 190mm; background: #fff; color: #000;
  font: 3.5mm/1.45 "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif }
h1 { margin: 0 0 1mm; font-size: 6mm } h2 { margin: 5mm 0 1mm; font-size: 4.2mm }
table { width: 100%; border-collapse: collapse } thead { display: table-header-group } tr { break-inside: avoid }
th, td { padding: 0.8mm 1.5mm; border-bottom: 0.2mm solid #999; text-align: left; vertical-align: top; overflow-wrap: anywhere }
.figures { width: auto; min-width: 90mm } .lines :is(td, th):nth-child(-n+2) { white-space: nowrap }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.chart { max-width: 100%; fill: #444; font-size: 9px; text-anchor: middle }
.witness { display: flex; gap: 5mm; align-items: center; break-inside: avoid; margin-top: 5mm }
.witness svg { flex: none; width: 44mm; height: 44mm }
.digits { font: bold 4.4mm/1.5 Consolas, "DejaVu Sans Mono", monospace }
.small { font-size: 2.9mm; overflow-wrap: anywhere }
""".strip()

_PAGE = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<p>{community}</p>
<h1>{title}</h1>
<p>{whose}</p>
<table class="figures">
<tbody>
{figures}
</tbody>
</table>
{chart}
<h2>{lines_title}</h2>
<table class="lines">
<thead><tr>{columns}</tr></thead>
<tbody>
{lines}
</tbody>
</table>
{witness}
<p class="small">{disclaimer}</p>
</body>
</html>
"""
_BAR, _HIGH = 60, 70
"""A chart's width of a month and height of its highest bar, in its own units."""
_WITNESS = """<div class="witness">
{drawing}
<div>
<p>{what}</p>
<p class="digits">{digits}</p>
<p class="small">{how}</p>
<p class="small">{statements}</p>
</div>
</div>"""


@dataclass(frozen=True, slots=True)
class Witness:
    """The head of the log that a month's papers witness: its `origin`, `size` and `root` (32 bytes), the signed `note` ('' for
    an open month), the root over all statements of the month in hex ('' while it is open)."""

    origin: str
    size: int
    root: bytes
    note: str
    statements: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One member's month: the community, the month as files call it, the statement's number, member and name, figures by their
    header, points at the end of months ('2026-10', a number to draw, the same to read), lines under their headers. All are
    texts as people read them; columns of numbers are told by their places, `numeric`."""

    community: str
    period: str
    number: str
    member: str
    name: str
    figures: Sequence[tuple[str, str]]
    course: Sequence[tuple[str, int, str]]
    columns: Sequence[str]
    lines: Sequence[Sequence[str]]
    numeric: frozenset[int]


def told(witness: Witness) -> list[Say]:
    """What every paper of a month says about the book, line by line; without a QR."""
    head = say("Log {log}, {size} entries: {digits}", log=witness.origin, size=witness.size, digits=digits(witness.root))
    if not witness.statements:
        return [head]
    return [head, say("Root of this month's statements: {root}", root=witness.statements)]


def drawn(witness: Witness, lang: Language) -> str:
    """The part of a page that witnesses the book: QR, digits, what to do with them. The same on all pages of a month."""
    held = witness.note or f"{witness.origin}\n{witness.size}\n{witness.root.hex()}\n"
    what = say("The office's book had {size} entries ({log}):", size=witness.size, log=witness.origin)
    how = say("Compare the ten groups with any other paper of {size} entries: equal digits, equal book.", size=witness.size)
    root = say("Root of this month's statements: {root}", root=witness.statements) if witness.statements else None
    return _WITNESS.format(
        drawing=qr.drawing(qr.made(held)),
        what=escape(text(what, lang)),
        digits=digits(witness.root),
        how=escape(text(how, lang)),
        statements=escape(text(root, lang)) if root else "",
    )


def page(sheet: Sheet, witness: str, lang: Language) -> str:
    """A member's page in a language; `witness` is what `drawn` gave. Whatever names and texts say stays text."""
    return _PAGE.format(
        lang={"zh": "zh-CN", "en": "en"}[lang],
        style=_STYLE,
        community=escape(sheet.community),
        title=escape(text(say("Statement {number}", number=sheet.number), lang)),
        whose=escape(text(say("{name} ({member}), {period}", name=sheet.name, member=sheet.member, period=sheet.period), lang)),
        figures="\n".join(
            f'<tr><td>{escape(name)}</td><td class="n">{escape(value)}</td></tr>' for name, value in sheet.figures
        ),
        chart=_chart(sheet.course, lang),
        lines_title=escape(text(say("Lines"), lang)),
        columns="".join(_cell("th", place, name, sheet) for place, name in enumerate(sheet.columns)),
        lines="\n".join(
            "<tr>" + "".join(_cell("td", place, value, sheet) for place, value in enumerate(line)) + "</tr>"
            for line in sheet.lines
        ),
        witness=witness,
        disclaimer=escape(text(DISCLAIMER, lang)),
    )


def _chart(course: Sequence[tuple[str, int, str]], lang: Language) -> str:
    """Points at the end of each month as bars; nothing where there were none."""
    most = max((points for _, points, _ in course), default=0)
    if most <= 0:
        return ""
    drawn_ = []
    for place, (month, points, shown) in enumerate(course):
        left, high = place * _BAR, max(0, points) * _HIGH // most
        drawn_.append(f'<rect x="{left + 6}" y="{_HIGH + 12 - high}" width="{_BAR - 12}" height="{high}"/>')
        drawn_.append(f'<text x="{left + _BAR // 2}" y="{_HIGH + 9 - high}">{escape(shown)}</text>')
        drawn_.append(f'<text x="{left + _BAR // 2}" y="{_HIGH + 23}">{escape(month)}</text>')
    title = escape(text(say("Points at the end of each month"), lang))
    wide = len(course) * _BAR
    size = f'viewBox="0 0 {wide} {_HIGH + 28}" style="width:{wide * 100 // (_BAR * 12)}%"'
    return f'<h2>{title}</h2>\n<svg class="chart" role="img" aria-label="{title}" {size}>{"".join(drawn_)}</svg>'


def _cell(tag: str, place: int, value: str, sheet: Sheet) -> str:
    kind = ' class="n"' if place in sheet.numeric else ""
    return f"<{tag}{kind}>{escape(value)}</{tag}>"
