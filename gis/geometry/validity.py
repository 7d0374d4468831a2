"""Validity: most shapes are seen to be sound at a glance, and only the others are asked of GEOS."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis import compiled
from gis.compiled import Flags, Floats, Ints, Places, batches, kernel, lean, spread
from gis.geometry import outlines, sorting
from gis.geometry.outlines import Outlines
from gis.geometry.parts import Shapes

# rings with more points are left to GEOS, which has an index for them
_MANY = 2_000


def valid(shapes: Shapes, flat: Outlines | None = None, *, workers: int | None = None) -> NDArray[np.bool_]:
    """Tell which shapes are valid.

    Parameters
    ----------
    shapes
        Polygons and multipolygons.
    flat
        The same, if they were read already.
    workers
        Number of threads.

    Returns
    -------
    numpy.ndarray
        What GEOS says, without asking it about rings whose edges clearly keep apart.
    """
    if flat is None:
        if not compiled.ready(int(shapely.get_num_coordinates(shapes).sum())):
            return np.asarray(shapely.is_valid(shapes))
        flat = outlines.of(shapes)
    found = spread(lambda run: _simple(flat.x, flat.y, flat.ring, flat.shape, *run), batches(len(flat)), workers)
    sound = np.concatenate([np.empty(0, dtype=bool), *found])
    ask = np.flatnonzero(~sound)
    runs = [ask[first:last] for first, last in batches(len(ask))]
    for rows, answer in zip(runs, spread(lambda rows: shapely.is_valid(shapes[rows]), runs, workers), strict=True):
        sound[rows] = answer
    return np.asarray(sound)


@kernel
def _simple(x: Floats, y: Floats, ring: Ints, shape: Ints, first: int, last: int) -> Flags:
    """Tell which shapes are one ring whose edges meet only at their common ends, by more than rounding."""
    sound = np.zeros(last - first, dtype=np.bool_)
    west, order = np.empty(_MANY), np.empty(_MANY, dtype=np.int32)
    for n in range(first, last):
        if shape[n + 1] - shape[n] != 1:
            continue
        begin, end = ring[shape[n]], ring[shape[n + 1]]
        if 4 <= end - begin <= _MANY:
            sound[n - first] = _starry(x, y, begin, end - 1) or _ring(x, y, begin, end - 1, west, order)
    return sound


@lean
def _starry(x: Floats, y: Floats, begin: int, end: int) -> bool:
    """Tell whether a closed ring clearly goes once round the middle of its points, and never back."""
    if x[begin] != x[end] or y[begin] != y[end]:
        return False
    middle_x = middle_y = 0.0
    for k in range(begin, end):
        middle_x += x[k] - x[begin]
        middle_y += y[k] - y[begin]
    middle_x, middle_y = x[begin] + middle_x / (end - begin), y[begin] + middle_y / (end - begin)
    ax, ay, left, right, rounds = x[begin] - middle_x, y[begin] - middle_y, 0, 0, 0
    for k in range(begin + 1, end + 1):
        bx, by = x[k] - middle_x, y[k] - middle_y
        cross, error = ax * by - ay * bx, 1e-14 * (abs(ax * by) + abs(ay * bx))
        left += cross > error
        right += cross < -error
        rounds += (ay < 0.0) != (by < 0.0)
        ax, ay = bx, by
    return rounds == 2 and (left == end - begin or right == end - begin)


@lean
def _ring(x: Floats, y: Floats, begin: int, end: int, west: Floats, order: Places) -> bool:
    """Tell whether a closed ring is clearly simple; `end` is its last point, equal to the first."""
    edges = end - begin
    if x[begin] != x[end] or y[begin] != y[end]:
        return False
    for k in range(edges):
        west[k], order[k] = min(x[begin + k], x[begin + k + 1]), k
        # a point twice, or no place at all
        twice = x[begin + k] == x[begin + k + 1] and y[begin + k] == y[begin + k + 1]
        if twice or not np.isfinite(x[begin + k]) or not np.isfinite(y[begin + k]):
            return False
    sorting.together(west, order, edges)
    for i in range(edges):
        a = begin + order[i]
        east = max(x[a], x[a + 1])
        south, north = min(y[a], y[a + 1]), max(y[a], y[a + 1])
        for j in range(i + 1, edges):
            b = begin + order[j]
            if west[j] > east:
                break
            if min(y[b], y[b + 1]) > north or max(y[b], y[b + 1]) < south:
                continue
            if not _apart(x, y, a, b, begin, end):
                return False
    return True


@lean
def _apart(x: Floats, y: Floats, a: int, b: int, begin: int, end: int) -> bool:
    """Tell whether two edges of a ring clearly have no point in common but the end that neighbours share."""
    if a + 1 == b or (b + 1 == end and a == begin):
        return not _folded(x, y, a if a + 1 == b else b, b if a + 1 == b else a)
    if b + 1 == a or (a + 1 == end and b == begin):
        return not _folded(x, y, b if b + 1 == a else a, a if b + 1 == a else b)
    one, two = _side(x, y, a, b), _side(x, y, a, b + 1)
    if one * two > 0:
        return True
    three, four = _side(x, y, b, a), _side(x, y, b, a + 1)
    return three * four > 0


@lean
def _side(x: Floats, y: Floats, edge: int, point: int) -> int:
    """Return 1 or -1 for a point clearly to one side of an edge's line, 0 where rounding might decide."""
    dx, dy = x[edge + 1] - x[edge], y[edge + 1] - y[edge]
    ex, ey = x[point] - x[edge], y[point] - y[edge]
    cross, error = dx * ey - dy * ex, 1e-14 * (abs(dx * ey) + abs(dy * ex))
    return 1 if cross > error else -1 if cross < -error else 0


@lean
def _folded(x: Floats, y: Floats, one: int, two: int) -> bool:
    """Tell whether an edge turns back along the one before it, or nearly so."""
    dx, dy = x[one + 1] - x[one], y[one + 1] - y[one]
    ex, ey = x[two + 1] - x[two], y[two + 1] - y[two]
    cross, dot = dx * ey - dy * ex, dx * ex + dy * ey
    return dot < 0 and abs(cross) <= 1e-12 * (abs(dx * ey) + abs(dy * ex))
