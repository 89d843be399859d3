"""The chart of the results in plain SVG: how far each figure is from its goal, on a scale of doublings."""

from collections import Counter
from collections.abc import Sequence
from math import log2
from xml.sax.saxutils import escape

from bench.measure import Figure, Verdict

_COLOURS: dict[Verdict, str] = {"stretch": "#1a7f5a", "reached": "#6fb58f", "missed": "#c2573a", "not run": "#999999"}
_LEGEND: tuple[tuple[Verdict, str], ...] = (
    ("stretch", "stretch reached"),
    ("reached", "goal reached"),
    ("missed", "not reached"),
)
_TEXT, _FAINT = "#333333", "#dddddd"
_LEFT, _DOUBLING, _HIGH, _TOP = 420, 66, 26, 64
_WORST, _BEST = -2, 4
"""Doublings from the goal that the scale shows: from a quarter of it to sixteen times as good."""
_RIGHT = _LEFT + _DOUBLING * (_BEST - _WORST)
_WIDE = _RIGHT + 250
_NAME_MAX = 60


def chart(figures: Sequence[Figure]) -> str:
    """A bar a figure, from the goal to the right where it is better and to the left where it is not; a tick where the
    stretch begins."""
    bottom = _TOP + _HIGH * len(figures)
    names = _names(figures)
    bars = "\n".join(_bar(figure, name, _TOP + _HIGH * i) for i, (figure, name) in enumerate(zip(figures, names, strict=True)))
    grid = "\n".join(_doubling(power, bottom) for power in range(_WORST, _BEST + 1))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {bottom + 16}" width="{_WIDE}" height="{bottom + 16}" '
        'font-family="sans-serif" font-size="12" role="img" aria-label="How far each figure is from its goal">\n'
        f'<rect width="{_WIDE}" height="{bottom + 16}" fill="#ffffff"/>\n'
        f"{_legend()}\n{grid}\n{bars}\n</svg>\n"
    )


def _legend() -> str:
    written, left = [], 12
    for verdict, words in _LEGEND:
        written.append(f'<rect x="{left}" y="12" width="12" height="12" fill="{_COLOURS[verdict]}"/>')
        written.append(_words(left + 17, 22, words))
        left += 42 + 7 * len(words)
    written.append(f'<line x1="{left + 4}" y1="9" x2="{left + 4}" y2="27" stroke="{_TEXT}" stroke-width="2"/>')
    written.append(_words(left + 12, 22, "where the stretch begins"))
    return "\n".join(written)


def _doubling(power: int, bottom: int) -> str:
    """A line of the scale with its factor above."""
    x = _x(power)
    told = "goal" if power == 0 else f"{2**power} ×" if power > 0 else f"1/{2**-power}"
    line = f'<line x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{bottom}" stroke="{_FAINT if power else _TEXT}"/>'
    return f"{line}\n{_words(x, _TOP - 12, told, 'middle')}"


def _names(figures: Sequence[Figure]) -> list[str]:
    """What each bar is called: the row and what was measured, and against whom where that alone tells two of them apart."""
    known = Counter((figure.row, figure.what) for figure in figures)
    names = []
    for figure in figures:
        rival = f" / {figure.against}" if known[figure.row, figure.what] > 1 else ""
        what = f"{figure.row} {figure.what}".replace("`", "")
        wide = _NAME_MAX - len(rival)
        names.append((what if len(what) <= wide else f"{what[: wide - 1]}…") + rival)
    return names


def _bar(figure: Figure, name: str, top: int) -> str:
    assert figure.goal is not None, "only figures with a goal are drawn"
    assert figure.figure is not None, "only figures with a value are drawn"
    power = log2(max(figure.goal.score(figure.figure), 2.0 ** (2 * _WORST)))
    end, tick = _x(power), _x(log2(figure.goal.score(figure.goal.stretch)))
    beyond = " →" if power > _BEST else " ←" if power < _WORST else ""
    sign = "≥" if figure.goal.direction == "at least" else "≤"
    told = f"{figure.goal.told(figure.figure)}{beyond} (goal {sign} {figure.goal.plain(figure.goal.reach)})"
    left, wide = min(end, _x(0)), max(abs(end - _x(0)), 2)
    return "\n".join(
        (
            f"<g><title>{escape(f'{figure.row} {figure.what}, against {figure.against}')}</title>",
            _words(_LEFT - 10, top + 15, name, "end"),
            f'<rect x="{left}" y="{top + 4}" width="{wide}" height="15" fill="{_COLOURS[figure.verdict]}"/>',
            f'<line x1="{tick}" y1="{top + 1}" x2="{tick}" y2="{top + 22}" stroke="{_TEXT}" stroke-width="2"/>',
            _words(_RIGHT + 10, top + 15, told),
            "</g>",
        )
    )


def _x(power: float) -> int:
    """Where a power of two lies, within the scale."""
    return round(_LEFT + _DOUBLING * (min(max(power, _WORST), _BEST) - _WORST))


def _words(x: int, y: int, words: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{_TEXT}">{escape(words)}</text>'
