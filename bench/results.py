"""The results as people read them: a table in Markdown and a chart in plain SVG, both written from the same figures."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from bench.measure import Figure, Goal, Verdict

NOT_RUN = (
    Figure("P3", "one `post` on PostgreSQL, 1 and 8 connections", "psycopg, pgledger", how=["not run: a later step"]),
    Figure("P10", "one balance of a journal of 100,000 entries", "hledger, ledger, beancount", how=["not run: a later step"]),
    Figure("P12", "`serve`: verify and capture", "a bare FastAPI handler", how=["not run: there is no `serve` yet"]),
    Figure("P16", "whole transfers a second", "django-hordak, piecash and others", how=["not run: a later step"]),
)
"""Rows of the plan that no code here measures yet, each with its reason."""

_SHOWN: dict[Verdict, str] = {"stretch": "stretch", "reached": "reached", "missed": "**not reached**", "not run": "not run"}
_COLOURS: dict[Verdict, str] = {"stretch": "#1a7f5a", "reached": "#4c9f70", "missed": "#c2573a", "not run": "#999999"}


def told(figure: Figure) -> str:
    """A figure as one line of text."""
    if figure.goal is None or figure.figure is None:
        return f"{figure.row:4} {figure.what}: not run"
    goal = f"{figure.goal.direction} {figure.goal.told(figure.goal.reach)}"
    shown = figure.goal.told(figure.figure)
    return f"{figure.row:4} {figure.what}, against {figure.against}: {shown} ({goal}: {figure.verdict})"


@dataclass(frozen=True, slots=True)
class Results:
    """All figures of one run, and what they were measured on."""

    size: str
    conditions: list[str]
    figures: list[Figure]
    seconds: float

    def write(self, folder: Path) -> None:
        """Write RESULTS.md and results.svg."""
        figures = sorted(self.figures, key=lambda figure: int(figure.row[1:]))
        (folder / "RESULTS.md").write_text(self._markdown(figures), encoding="utf-8")
        (folder / "results.svg").write_text(_chart([f for f in figures if f.figure is not None]), encoding="utf-8")

    def _markdown(self, figures: list[Figure]) -> str:
        lines = [
            "# Measured",
            "",
            f"Written by `python -m bench{' --quick' if self.size == 'quick' else ''}`"
            f" on {datetime.now(UTC):%Y-%m-%d} in {self.seconds / 60:.0f} minutes. Every ratio is one of medians of runs in"
            " turns (ours, the other, ours, …) after a warm-up, in fresh processes, on one machine that others use too; the"
            " least and the most stand in brackets. Absolute times say little about another machine.",
            "",
            *(f"- {condition}" for condition in self.conditions),
            "",
            "![How far each figure is from its goal](results.svg)",
            "",
            "| | what | against | figure | goal | stretch | |",
            "|---|---|---|---:|---:|---:|---|",
            *map(_line, figures),
            "",
            "## How",
            "",
            *(f"- {figure.row}, {figure.what}: {'; '.join(figure.how)}." for figure in figures),
        ]
        return "\n".join(lines) + "\n"


def _line(figure: Figure) -> str:
    goal = figure.goal
    shown = goal.told(figure.figure) if goal and figure.figure is not None else "–"
    sign = {"at least": "≥", "at most": "≤"}
    reach = f"{sign[goal.direction]} {_plain(goal, goal.reach)}" if goal else "–"
    stretch = f"{sign[goal.direction]} {_plain(goal, goal.stretch)}" if goal else "–"
    cells = (figure.row, figure.what, figure.against, shown, reach, stretch, _SHOWN[figure.verdict])
    return f"| {' | '.join(cells)} |"


def _plain(goal: Goal, number: float) -> str:
    return f"{number:,g} {goal.unit}"


_LEFT, _UNIT, _HIGH, _SCORE_MAX = 330, 170, 26, 3.0


def _chart(figures: list[Figure]) -> str:
    """A bar a figure: how far it comes, where 1 is the goal; a tick where the stretch begins."""
    high = _HIGH * len(figures) + 60
    goal_x = _LEFT + _UNIT
    wide = round(_LEFT + _UNIT * _SCORE_MAX) + 150
    bars = "\n".join(_bar(figure, 30 + _HIGH * index) for index, figure in enumerate(figures))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        'font-family="sans-serif" font-size="12" role="img" aria-label="How far each figure is from its goal">\n'
        f'<rect width="{wide}" height="{high}" fill="#ffffff"/>\n'
        f'<text x="{goal_x}" y="18" text-anchor="middle" fill="#333333">goal</text>\n'
        f"{bars}\n"
        f'<line x1="{goal_x}" y1="24" x2="{goal_x}" y2="{high - 28}" stroke="#333333" stroke-dasharray="3 3"/>\n'
        f'<text x="{_LEFT}" y="{high - 10}" fill="#333333">Longer is better; the tick is the stretch.</text>\n'
        "</svg>\n"
    )


def _bar(figure: Figure, top: int) -> str:
    assert figure.goal is not None, "only figures with a goal are drawn"
    assert figure.figure is not None, "only figures with a value are drawn"
    score = figure.goal.score(figure.figure)
    end = round(_LEFT + _UNIT * min(score, _SCORE_MAX))
    tick = round(_LEFT + _UNIT * min(figure.goal.score(figure.goal.stretch), _SCORE_MAX))
    name = figure.what if len(figure.what) <= 44 else figure.what[:43] + "…"
    beyond = " →" if score > _SCORE_MAX else ""
    return (
        f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end" fill="#333333">{figure.row} {escape(name)}</text>\n'
        f'<rect x="{_LEFT}" y="{top + 3}" width="{end - _LEFT}" height="15" fill="{_COLOURS[figure.verdict]}"/>\n'
        f'<line x1="{tick}" y1="{top}" x2="{tick}" y2="{top + 21}" stroke="#333333"/>\n'
        f'<text x="{max(end, tick) + 6}" y="{top + 14}" fill="#333333">'
        f"{escape(figure.goal.told(figure.figure))}{beyond}, {figure.verdict}</text>"
    )
