"""Spoilings of geometry and of rows: bow-ties, spikes, duplicates, overlaps, gaps, rows in another country."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from gis.sample.mess import draft as drafts
from gis.sample.mess.draft import GEOMETRY, WHOLE, Draft, Spoiling

# m
_STEP = 6.0


def _first(draft: Draft, shape: BaseGeometry | None) -> Draft:
    """Give the first row another geometry."""
    shapes = draft.shapes.copy()
    shapes[0] = shape
    return drafts.marked(replace(draft, shapes=shapes), [0], GEOMETRY)


def _ring(draft: Draft, row: int = 0) -> list[tuple[float, float]]:
    """Return the corners of a row's outer ring, the last one left out."""
    return [(float(x), float(y)) for x, y in shapely.get_geometry(draft.shapes[row], 0).exterior.coords][:-1]


def _bowtie(draft: Draft) -> Draft:
    """Swap two corners, so that the ring crosses itself."""
    ring = _ring(draft)
    third = len(ring) // 3
    ring[third], ring[2 * third] = ring[2 * third], ring[third]
    return _first(draft, shapely.multipolygons([shapely.Polygon(ring)]))


def _spike(draft: Draft) -> Draft:
    """Send the line out for 400 m and back beside itself."""
    ring = _ring(draft)
    x, y = ring[1]
    out = [*ring[:2], (x + 400.0, y + 3.0), (x + 0.001, y), *ring[2:]]
    return _first(draft, shapely.multipolygons([shapely.Polygon(out)]))


def _collapsed(draft: Draft) -> Draft:
    """Leave of a polygon a line there and back."""
    (x, y), *_ = _ring(draft)
    return _first(draft, shapely.multipolygons([shapely.Polygon([(x, y), (x + 50.0, y), (x + 50.0, y), (x, y)])]))


def _crumb(draft: Draft) -> Draft:
    """Add a part of a few square centimetres, left over from an edit."""
    (x, y), *_ = _ring(draft)
    crumb = shapely.box(x + 3_000.0, y, x + 3_000.05, y + 0.04)
    parts = [*shapely.get_parts(draft.shapes[0]), crumb]
    return _first(draft, shapely.multipolygons(parts))


def _missing(draft: Draft) -> Draft:
    """Leave out one geometry."""
    return _first(draft, None)


def _deep(draft: Draft) -> Draft:
    """Give every corner a height."""
    return replace(draft, shapes=np.asarray(shapely.force_3d(draft.shapes, 86.5), dtype=object))


def _repeated(draft: Draft) -> Draft:
    """Write every corner of the first row twice."""
    ring = [corner for corner in _ring(draft) for _ in range(2)]
    draft = _first(draft, shapely.multipolygons([shapely.Polygon(ring)]))
    return replace(draft, marks=draft.marks - {(0, GEOMETRY)})


def _again(draft: Draft, *, key: str | None = None, change: Callable[[BaseGeometry], BaseGeometry]) -> Draft:
    """Write the first row a second time, at the end."""
    more = draft.cells.iloc[[0]]
    if key is not None:
        more = more.assign(**{draft.layer.key: key})
    cells = pd.concat([draft.cells, more], ignore_index=True)
    shapes = np.array([*draft.shapes, change(draft.shapes[0])], dtype=object)
    draft = drafts.marked(replace(draft, cells=cells, shapes=shapes), [len(cells) - 1], WHOLE)
    return drafts.marked(draft, [0], WHOLE) if key is None else draft


def _same(shape: BaseGeometry) -> BaseGeometry:
    """Return a geometry as it is."""
    return shape


def _nearly(shape: BaseGeometry) -> BaseGeometry:
    """Return a geometry a few centimetres away."""
    return shapely.transform(shape, lambda xy: np.add(xy, (0.05, -0.03)))


def _other_key(draft: Draft) -> str:
    """Return a key like the first one that no row has."""
    return f"{draft.cells[draft.layer.key].iloc[0]}9"


def _grown(draft: Draft) -> Draft:
    """Move the whole line of the second row outward, so that it overlaps its neighbours."""
    return _second(draft, shapely.buffer(draft.shapes[1], _STEP, join_style="mitre"))


def _bitten(draft: Draft) -> Draft:
    """Take a bite out of the second row, in the middle of the longest line that it shares with another."""
    lines = [shapely.intersection(shapely.boundary(draft.shapes[1]), shapely.boundary(shape))
             for row, shape in enumerate(draft.shapes) if row != 1]  # fmt: skip
    longest = max((part for line in lines for part in shapely.get_parts(line)), key=shapely.length)
    middle = shapely.centroid(longest)
    return _second(draft, shapely.difference(draft.shapes[1], shapely.buffer(middle, _STEP)))


def _second(draft: Draft, shape: BaseGeometry) -> Draft:
    """Give the second row another geometry."""
    shapes = draft.shapes.copy()
    shapes[1] = shape if shape.geom_type == "MultiPolygon" else shapely.multipolygons([shape])
    return drafts.marked(replace(draft, shapes=shapes), [1], GEOMETRY)


def _elsewhere(draft: Draft, *, place: tuple[float, float]) -> Draft:
    """Move one row to another place on earth; the place is in the working CRS, m."""
    x, y = shapely.get_coordinates(draft.shapes[2])[0]
    shapes = draft.shapes.copy()
    shapes[2] = shapely.transform(shapes[2], lambda xy: np.add(xy, (place[0] - x, place[1] - y)))
    return drafts.marked(replace(draft, shapes=shapes), [2], GEOMETRY)


def _swapped_row(draft: Draft) -> Draft:
    """Swap the axes of one row only."""
    shapes = draft.shapes.copy()
    shapes[2] = shapely.transform(shapes[2], lambda xy: xy[:, ::-1])
    return drafts.marked(replace(draft, shapes=shapes), [2], GEOMETRY)


def _total_row(draft: Draft) -> Draft:
    """End with a row of totals, 合计, which is no feature."""
    record = dict.fromkeys(draft.cells.columns)
    cells = pd.concat([draft.cells, pd.DataFrame([record | {"name": "合计"}], dtype=object)], ignore_index=True)
    shapes = np.array([*draft.shapes, None], dtype=object)
    return drafts.marked(replace(draft, cells=cells, shapes=shapes), [len(cells) - 1], WHOLE)


def _spoiling(trap: str, why: str, apply: Callable[[Draft], Draft]) -> Spoiling:
    """Return a spoiling that the file itself settles."""
    return Spoiling(trap, 3, "file", why, apply)


_SEEN = "the fault can be seen in the geometry itself; it is named, whether repaired or not"
_BOTH = "two rows claim one thing; which is right nobody can tell, so both or the second are named"

SPOILINGS = {
    "bowtie": _spoiling("broken geometry", _SEEN, _bowtie),
    "spike": _spoiling("broken geometry", _SEEN, _spike),
    "collapsed": _spoiling("broken geometry", _SEEN, _collapsed),
    "crumb": _spoiling("broken geometry", _SEEN, _crumb),
    "no_geometry": _spoiling("broken geometry", _SEEN, _missing),
    "heights": _spoiling("broken geometry", "heights are not kept; the ground is the same", _deep),
    "repeated_corners": _spoiling("broken geometry", "the line is the same", _repeated),
    "row_twice": _spoiling("rows among rows", _BOTH, lambda draft: _again(draft, change=_same)),
    "shape_twice": _spoiling("rows among rows", _BOTH,
                             lambda draft: _again(draft, key=_other_key(draft), change=_same)),
    "shape_nearly_twice": _spoiling("rows among rows", _BOTH,
                                    lambda draft: _again(draft, key=_other_key(draft), change=_nearly)),
    "overlap": _spoiling("rows among rows", _BOTH, _grown),
    "gap": _spoiling("rows among rows", "ground that no row covers lies between rows", _bitten),
    "elsewhere": _spoiling("rows in another place", "one row lies outside the district", lambda draft:
                           _elsewhere(draft, place=(950_000.0, 3_250_000.0))),
    "null_island": _spoiling("rows in another place", "one row lies outside the district", lambda draft:
                             _elsewhere(draft, place=(1.0, 1.0))),
    "swapped_row": _spoiling("rows in another place", "one row lies outside the district", _swapped_row),
    "total_row": _spoiling("rows in another place", "a row without key and place is no feature", _total_row),
}  # fmt: skip
