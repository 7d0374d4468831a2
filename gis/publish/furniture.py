"""What stands around a map on a sheet: coordinate grid, scale, north arrow, and the block of signatures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gis.publish import paper
from gis.publish.paper import GREY, INK, Box, Sheet, TitleBlock

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def grid(sheet: Sheet, axes: Axes, box: Box, scale: int) -> None:
    """Draw crosses of the coordinate grid, and its figures along the border of the map.

    Parameters
    ----------
    sheet
        The sheet.
    axes
        The map's axes, in metres.
    box
        Their place (mm).
    scale
        Denominator.
    """
    step = {500: 20, 1000: 50, 2000: 100, 5000: 250, 10_000: 500}.get(scale, 1000)
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    xs = [step * n for n in range(math.ceil(west / step), math.floor(east / step) + 1)]
    ys = [step * n for n in range(math.ceil(south / step), math.floor(north / step) + 1)]
    axes.plot([x for x in xs for _ in ys], [y for _ in xs for y in ys], "+", ms=7, mew=0.4, color=GREY, zorder=60)
    for x in xs:
        at = box.left + (x - west) * 1000 / scale
        sheet.line((at, box.top), (at, box.top + 1.2), width=0.5)
        sheet.line((at, box.bottom), (at, box.bottom - 1.2), width=0.5)
        sheet.text(at, box.bottom - 2.6, x, 4.8, ha="center", color=GREY)
    for y in ys:
        at = box.bottom + (y - south) * 1000 / scale
        sheet.line((box.left, at), (box.left - 1.2, at), width=0.5)
        sheet.line((box.right, at), (box.right + 1.2, at), width=0.5)
        sheet.text(box.left - 2.6, at, y, 4.8, ha="center", rotation=90, color=GREY)


def scale_bar(sheet: Sheet, left: float, bottom: float, scale: int) -> None:
    """Draw the scale in figures and as a bar of 40 mm or 50 mm.

    Parameters
    ----------
    sheet
        The sheet.
    left, bottom
        Lower left corner (mm).
    scale
        Denominator.
    """
    half = {500: 10, 1000: 20, 2000: 50, 5000: 100, 10_000: 200}.get(scale, 500)
    side = half * 1000 / scale
    sheet.box(Box(left - 4, bottom - 2.2, 2 * side + 14, 13.6), fill="white", line=GREY, width=0.3, zorder=3)
    for number, fill in enumerate((INK, "white")):
        sheet.box(Box(left + number * side, bottom, side, 1.3), fill=fill, line=INK, width=0.5, zorder=4)
    for number in range(3):
        unit = " 米" if number == 2 else ""
        sheet.text(left + number * side, bottom + 3.2, f"{number * half}{unit}", 6, ha="center", zorder=4)
    sheet.text(left + side, bottom + 8, paper.scale_text(scale), 10, ha="center", bold=True, zorder=4)


def north_arrow(sheet: Sheet, x: float, y: float) -> None:
    """Draw an arrow to grid north.

    Parameters
    ----------
    sheet
        The sheet.
    x, y
        Middle of the arrow (mm).
    """
    from matplotlib.patches import Polygon as Patch

    tip, notch = (x, y + 8), (x, y - 4)
    for side, fill in ((-4.0, INK), (4.0, "white")):
        shape = [tip, (x + side, y - 7), notch]
        sheet.page.add_patch(Patch(shape, closed=True, fc=fill, ec=INK, lw=0.7, zorder=4))
    sheet.text(x, y + 11, "北", 10, ha="center", bold=True, halo=2.0, zorder=4)


def signatures(sheet: Sheet, box: Box, block: TitleBlock) -> None:
    """Draw 图签: unit, the four who sign, and the date.

    Parameters
    ----------
    sheet
        The sheet.
    box
        Its place (mm).
    block
        Who answers.
    """
    cells = (("编制", block.prepared), ("校核", block.checked), ("审核", block.reviewed), ("审定", block.approved))
    row, column = box.height / 3, box.width / 2
    sheet.box(box, line=INK, width=0.8)
    date = block.date.isoformat() if block.date else ""
    tops = [("编制单位", block.unit, 0.0, 0), ("日期", date, column * 1.3, 0)]
    tops += [(title, name, (n % 2) * column, 1 + n // 2) for n, (title, name) in enumerate(cells)]
    for title, name, shift, place in tops:
        y = box.top - (place + 0.5) * row
        room = (column * (1.3 if title == "编制单位" else 0.7 if title == "日期" else 1.0)) - 14
        sheet.text(box.left + shift + 1.5, y, title, 6.2, color=GREY)
        sheet.text(box.left + shift + 13, y, sheet.fitted(name, room, 7), 7)
        if shift:
            sheet.line((box.left + shift, y - row / 2), (box.left + shift, y + row / 2))
    for place in (1, 2):
        sheet.line((box.left, box.top - place * row), (box.right, box.top - place * row))
