"""Where names stand on a sheet: each beside its feature, none over another; what finds no room is left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gis.publish import paper
from gis.publish.paper import Box

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE_MM = 1.3 * 25.4 / 72


@dataclass(frozen=True)
class Label:
    """Hold one name: where its feature is (mm), its size and colour, and how far from the feature it may stand.

    `away` are distances in mm from the feature at which a place is tried, nearest first; 0 is on the feature itself.
    """

    text: str
    x: float
    y: float
    size: float = 6.5
    colour: str = paper.INK
    bold: bool = False
    away: tuple[float, ...] = (0.0, 3.0, 6.0, 10.0)


class Labels:
    """Hold the places that are taken on one map, in mm of the sheet."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self._taken: list[tuple[float, float, float, float]] = []

    def block(self, left: float, bottom: float, right: float, top: float) -> None:
        """Keep a rectangle free of names.

        Parameters
        ----------
        left, bottom, right, top
            Its sides (mm).
        """
        self._taken.append((left, bottom, right, top))

    def place(self, axes: Axes, labels: Iterable[Label]) -> list[Label]:
        """Write names in the order in which they come.

        Parameters
        ----------
        axes
            In mm of the sheet.
        labels
            The important ones first.

        Returns
        -------
        list of Label
            Those that found no room.
        """
        left_out = []
        for label in labels:
            spot = self._spot(label)
            if spot is None:
                left_out.append(label)
                continue
            x, y, anchor, lead = spot
            if lead:
                axes.plot([label.x, x], [label.y, y], "-", lw=0.5, color=label.colour, zorder=69)
            style: dict[str, Any] = {"ha": anchor, "color": label.colour, "zorder": 70}
            paper.write(axes, x, y, label.text, label.size, halo=2.2, bold=label.bold, **style)
        return left_out

    def _spot(self, label: Label) -> tuple[float, float, str, bool] | None:
        """Return the first free place: x, y, how the text is anchored, and whether a line must lead there."""
        lines = label.text.split("\n")
        wide = max(paper.width(line, label.size) for line in lines)
        half = len(lines) * label.size * _LINE_MM / 2
        for away in label.away:
            for east, north, anchor in _around(away, half):
                x, y = label.x + east, label.y + north
                left = x - {"left": 0.0, "right": wide, "center": wide / 2}[anchor]
                rectangle = (left - 0.4, y - half, left + wide + 0.4, y + half)
                if self._is_free(rectangle):
                    self._taken.append(rectangle)
                    return x, y, anchor, away > 4
        return None

    def _is_free(self, place: tuple[float, float, float, float]) -> bool:
        """Tell whether a rectangle lies in the map and over no other."""
        left, bottom, right, top = place
        if left < self.box.left + 1 or right > self.box.right - 1:
            return False
        if bottom < self.box.bottom + 1 or top > self.box.top - 1:
            return False
        return not any(left < r and right > a and bottom < t and top > b for a, b, r, t in self._taken)


def _around(away: float, half: float) -> list[tuple[float, float, str]]:
    """Return the places tried around a feature: east and north of it (mm), and which side of the text is there."""
    if away == 0:
        return [(0.0, 0.0, "center")]
    found = [(away, 0.0, "left"), (-away, 0.0, "right"), (0.0, away + half, "center"), (0.0, -away - half, "center")]
    for side, anchor in ((1, "left"), (-1, "right")):
        found += [(side * away * 0.8, up * (away * 0.6 + half), anchor) for up in (1, -1)]
    return found
