"""Where the records of a sheet begin and end, as offices lay sheets out: titles, headers of one row or two, totals, signatures.

Nothing is guessed about records: a row is taken for something else only by what stands in its first cell, and is named.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

HEADING_ROWS_MAX = 30
_YEAR = re.compile(r"(?<![0-9])(20[0-9]{2})(?![0-9])")
_TOTAL = re.compile(r"(?:本页|本表|累计|全部)?(?:合计|总计|小计|共计|总和)|(?:grand|sub)?total|sum")
_TOTAL_AND_REST = re.compile(rf"(?P<word>{_TOTAL.pattern})(?:\([^)]*\))?[::]?(?P<rest>.*)")
_ASIDE = re.compile(
    r"(?:填表|制表|审核|审批|复核|负责|经办|登记|统计|记录|联系|主管|校对|证明|签字|签收)人?(?:员|签字|签名|签章|\(签字\)|\(签名\)|\(签章\)|\(盖章\))?(?:[::].*)?"
    r"|(?:单位)?(?:盖章|公章|签字|签名)(?:处)?(?:[::].*)?|(?:填表|制表|打印|审核)(?:日期|时间)(?:[::].*)?|第[0-9]+页.*"
    r"|(?:注|备注|说明|附注|注意|备注说明|填表说明|填写说明|notes?|(?:prepared|filledin|checked)by|signed|signature|page[0-9]+)(?:[::].*)?"
)
STARTS = frozenset(" \t\u00a0\u3000本累全合总小共填制审复负经登统记联主校证签单盖公打第注备说附gGsStTnNpPfFcC")
"""What the first sign of a row can be that is no record, in any width: a quick question before the careful one."""


class Heading(NamedTuple):
    """The header of a sheet: the row it ends in, its cells, each row down to it as one text, the years its titles name.

    `complete` is '' where a column that is needed is missing.
    """

    number: int
    header: tuple[str, ...]
    above: tuple[str, ...]
    years: frozenset[int]
    complete: str


@lru_cache(1_024)
def fold(header: str) -> str:
    """A header as it is compared: NFKC, no case, no BOM, spaces, hyphens or underscores."""
    folded = unicodedata.normalize("NFKC", header).casefold()
    return "".join(character for character in folded if not character.isspace() and character not in "_-\ufeff\u200b")


def find_heading(
    rows: Iterable[tuple[int, list[str]]], meanings: Mapping[str, str], needed: Sequence[frozenset[str]]
) -> Heading:
    """Find the header among the first rows: the first that has what is needed, one column of each set, alone or with the row
    below it.

    Where none has, the one with the most columns, so that what is missing can be named (`complete` is ''). No rows: no header.
    """
    best = Heading(0, (), (), frozenset(), "")
    most = 0
    before: list[str] = []
    years: set[int] = set()
    seen = islice(rows, HEADING_ROWS_MAX + 1)
    row = next(seen, None)
    while row is not None:
        (number, cells), below = row, next(seen, None)
        if not best.number:
            best = Heading(number, tuple(cells), ("".join(cells),), frozenset(), "")
        if _columns(cells, meanings):
            header, last, own = tuple(cells), number, ["".join(cells)]
            if below is not None and (both := _joined(cells, below[1], meanings)):
                header, last, own = both, below[0], [*own, "".join(below[1])]
            found = _columns(header, meanings)
            complete = "complete" if all(some & found for some in needed) else ""
            if len(found) > most or complete:
                best, most = Heading(last, header, (*before, *own), frozenset(years), complete), len(found)
            if complete:
                break
        before.append("".join(cells))
        years.update(int(year) for year in _YEAR.findall(unicodedata.normalize("NFKC", " ".join(cells))))
        row = below
    return best


def _columns(cells: Sequence[str], meanings: Mapping[str, str]) -> set[str]:
    return {meanings[folded] for cell in cells if (folded := fold(cell)) in meanings}


def _joined(upper: Sequence[str], lower: Sequence[str], meanings: Mapping[str, str]) -> tuple[str, ...]:
    """Two rows of a header (时间 above 开始 and 结束) as one; () where the lower is none: it holds other words than headers."""
    words = [cell for cell in lower if cell.strip()]
    if not words or any(fold(word) not in meanings for word in words):
        return ()
    if [fold(cell) for cell in upper if cell.strip()] == [fold(word) for word in words]:
        return ()  # the same header once more
    width = max(len(upper), len(lower))
    tops, unders = ([*cells, *[""] * (width - len(cells))] for cells in (upper, lower))
    return tuple(under if under.strip() else top for top, under in zip(tops, unders, strict=True))


def total_of(cells: Sequence[str]) -> tuple[str, str]:
    """The word of a row of totals (合计) and what stands behind it in the same cell; '' where the row is none."""
    first = _narrow(next((cell for cell in cells if cell.strip()), ""))
    found = _TOTAL_AND_REST.fullmatch(first)
    if found is None or (found["rest"] and not any(digit.isdigit() for digit in found["rest"])):
        return "", ""
    return found["word"], found["rest"]


def aside_of(cells: Sequence[str]) -> str:
    """The first cell of a signature line or a note, narrowed: 填表人:王芳, 审核人, 注:…, 第2页; '' where the row is none."""
    first = _narrow(next((cell for cell in cells if cell.strip()), ""))
    return first if _ASIDE.fullmatch(first) else ""


def _narrow(cell: str) -> str:
    return "".join(unicodedata.normalize("NFKC", cell).casefold().split())
