"""A voucher as a slip of paper: a page of HTML without script, which loads nothing; for A6 sheets and rolls of 80 mm. Pure."""

from dataclasses import dataclass
from datetime import date
from html import escape

from timebank import qr, tokens
from timebank.base import codes
from timebank.base.i18n import Language, Say, say, text
from timebank.benefits import DISCLAIMER

QR_VERSION = 7
"""All slips have the modules of the longest address, so that a cheap printer is tried out once."""

_STYLE = """
@page { margin: 4mm }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 0; width: 72mm; max-width: 100%; background: #fff; color: #000;
  font: 3.6mm/1.4 "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif }
h1 { margin: 0; font-size: 5.5mm; line-height: 1.3 }
p { margin: 0.6mm 0 }
.code { font: bold 7.6mm/1.4 Consolas, "DejaVu Sans Mono", monospace; white-space: nowrap; text-align: center }
svg { display: block; width: 56mm; height: 56mm; margin: 0 auto }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0.4mm 3mm; margin: 1mm 0 }
dt { color: #333 } dd { margin: 0; font-weight: bold; overflow-wrap: anywhere }
.line { border-bottom: 0.3mm solid #000; height: 6mm }
.small { font-size: 2.9mm; line-height: 1.35 }
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
<p class="code">{code}</p>
{drawing}
<p class="small">{how}</p>
<dl>
{facts}
</dl>
<p class="small">{by_phone}</p>
<p class="line"></p>
<p class="small">{disclaimer}</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Slip:
    """What a slip says: the community's name, the voucher's number ('V9'), its code (12 characters), its token (144; None: no
    QR), the shop, what it gives and the most it takes off, as written for people, and its last day."""

    community: str
    number: str
    code: str
    token: str | None
    shop: str
    gives: str
    most: str
    last_day: date


def page(slip: Slip, counter: str | None, lang: Language) -> str:
    """The slip as a page in a language; `counter` is the counter's address, None where the office has none. Whatever names and
    offers say stays text."""
    facts: list[tuple[Say, str]] = [
        (say("for"), slip.shop),
        (say("what it gives"), slip.gives),
        (say("most it takes off"), slip.most),
        (say("good until"), slip.last_day.isoformat()),
    ]
    how = say("The shop's phone opens it with any camera. The code above does the same.")
    if counter is None:
        how = say("The shop's counter page reads it, a camera app does not. The code above does the same.")
    if slip.token is None:
        how = say("The shop types the code above.")
    return _PAGE.format(
        lang={"zh": "zh-CN", "en": "en"}[lang],
        style=_STYLE,
        title=escape(text(say("Voucher {number}", number=slip.number), lang)),
        community=escape(slip.community),
        code=codes.show(slip.code),
        drawing=qr.drawing(qr.made(tokens.url(slip.token, counter), QR_VERSION)) if slip.token else "",
        how=escape(text(how, lang)),
        facts="\n".join(f"<dt>{escape(text(name, lang))}</dt><dd>{escape(value)}</dd>" for name, value in facts),
        by_phone=escape(text(say("Redeemed by phone? The office's approval number:"), lang)),
        disclaimer=escape(text(DISCLAIMER, lang)),
    )
