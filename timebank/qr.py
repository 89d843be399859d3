"""QR codes (ISO/IEC 18004), drawn: on a terminal, as PNG and as SVG. Pure; `segno` makes the modules.

A text of capitals, digits and $%*+-./: alone takes a version the smaller (alphanumeric mode). Level M stands 15 % of damage: a
fold, a drop of soy sauce.
"""

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segno import QRCode

QUIET = 4
"""The modules of white around a code that readers need."""
_PIXELS = 8
_HALVES = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
"""What is drawn of two modules, one above the other (True is dark): the light ones, in the colour of the writing."""


def made(text: str, version: int | None = None) -> "QRCode":
    """The modules of a text at level M, of a fixed version (1-40) where papers shall look alike; it must fit."""
    import segno  # 15 ms, so only where something is drawn

    return segno.make_qr(text, error="m", version=version, boost_error=False)


def rows(code: "QRCode") -> list[str]:
    """A code as lines of a terminal, two rows of modules in each, white around it: for light writing on a dark ground."""
    lines = [[bool(module) for module in row] for row in code.matrix_iter(border=QUIET)]
    if len(lines) % 2:
        lines.append([False] * len(lines[0]))
    return ["".join(_HALVES[pair] for pair in zip(lines[i], lines[i + 1], strict=True)) for i in range(0, len(lines), 2)]


def png(code: "QRCode") -> bytes:
    """A code as a PNG, black on white, 8 pixels a module: the same code gives the same bytes."""
    target = BytesIO()
    code.save(target, kind="png", scale=_PIXELS, border=QUIET)
    return target.getvalue()


def svg(code: "QRCode") -> bytes:
    """A code as an SVG file that scales to any size, black on white."""
    target = BytesIO()
    code.save(target, kind="svg", border=QUIET, omitsize=True, light="#fff", svgclass=None, lineclass=None, nl=False)
    return target.getvalue()


def drawing(code: "QRCode") -> str:
    """The same drawing as an element of a page."""
    return code.svg_inline(border=QUIET, omitsize=True, light="#fff", svgclass=None, lineclass=None)
