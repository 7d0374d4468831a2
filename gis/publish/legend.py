"""The legend of a sheet: of what the map shows, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely

from gis.publish import paper, shapes
from gis.publish.paper import INK, Box, Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Key:
    """Hold one line of the legend: what it means, how it is drawn (area, line, point) and with what style."""

    title: str
    shape: str
    style: Mapping[str, Any]


def draw(sheet: Sheet, box: Box, keys: list[Key]) -> None:
    """Draw the legend, of what the map shows and nothing else.

    Parameters
    ----------
    sheet
        The sheet.
    box
        Its place (mm).
    keys
        In the order of the drawing.
    """
    sheet.box(box, line=INK, width=0.6)
    sheet.text(box.left + 2.5, box.top - 3.2, "图例", 8.5, bold=True)
    rows, top, pitch = 5, box.top - 7.6, (box.height - 9.0) / 5
    columns = max(1, -(-len(keys) // rows))
    step = min(46.0, (box.width - 4) / columns)
    for number, key in enumerate(keys):
        x, y = box.left + 2.5 + (number // rows) * step, top - (number % rows) * pitch
        _swatch(sheet.page, key, x, y)
        sheet.text(x + 9, y, sheet.fitted(key.title, step - 10, 6.3), 6.3)


def _swatch(page: Axes, key: Key, x: float, y: float) -> None:
    """Draw the sign of one line of the legend."""
    look = dict(key.style)
    if key.shape == "area":
        shapes.areas(page, [shapely.box(x, y - 1.25, x + 7, y + 1.25)], **look)
    elif key.shape == "point":
        letter, marker = look.pop("letter", ""), look.pop("marker", "o")
        page.plot([x + 3.5], [y], marker, **look)
        if letter:
            paper.write(page, x + 3.5, y, letter, 4.1, ha="center", va="center_baseline", color="white", zorder=5)
    else:
        casing, inlay = look.pop("casing", None), look.pop("inlay", None)
        if casing:
            page.plot([x, x + 7], [y, y], color=casing, lw=look["linewidth"] + 1.4, solid_capstyle="butt")
        page.plot([x, x + 7], [y, y], solid_capstyle="butt", dash_capstyle="butt", **look)
        if inlay:
            page.plot([x, x + 7], [y, y], color=inlay, lw=look["linewidth"] - 0.9, ls=(0, (2.2, 2.2)))
