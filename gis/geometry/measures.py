"""Areas of shapes as large as a province: there a plain sum of products loses what counts.

Near its own corner a shape of a district's size is measured to a ten-millionth of a square metre by a plain sum. Larger
ones with many corners are measured from products without loss (Dekker, A floating-point technique for extending the
available precision, 1971), whose sum is rounded once.
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry.parts import Shapes, polygons

Floats = NDArray[np.float64]

# what a plain sum may be off by, m²
_OFF_M2 = 1e-7
# parts a double into two halves of its digits
_HALF = 2.0**27 + 1.0


def area(shapes: Shapes) -> Floats:
    """Measure shapes, each near its own corner.

    Parameters
    ----------
    shapes
        Valid polygons and multipolygons; lines, points and empty shapes have no area.

    Returns
    -------
    numpy.ndarray
        m².
    """
    box = shapely.bounds(shapes).reshape(-1, 4)
    corner = np.nan_to_num(box[:, :2])
    points, of = shapely.get_coordinates(shapes, return_index=True)
    near = shapely.set_coordinates(np.array(shapes, dtype=object, copy=True), points - corner[of])
    measured = np.asarray(shapely.area(near))
    for n in np.flatnonzero(rough(box, np.bincount(of, minlength=len(shapes)))):
        measured[n] = sum(map(_polygon, polygons(shapes[n : n + 1])[0]))
    return measured


def rough(box: Floats, points: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Tell which shapes a plain sum of products may measure wrongly.

    Parameters
    ----------
    box
        West, south, east and north of each shape, m; NaN for an empty one.
    points
        Number of its coordinates.

    Returns
    -------
    numpy.ndarray
        One answer a shape.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        around = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) * points
    return np.asarray(np.nan_to_num(around) * np.finfo(float).eps > _OFF_M2)


def ring(x: Floats, y: Floats) -> float:
    """Measure the ground in a ring without loss.

    Parameters
    ----------
    x, y
        Its coordinates, the first one again at the end.

    Returns
    -------
    float
        m², whichever way it runs.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        terms = np.concatenate([*_product(x[:-1], y[1:]), *_product(-x[1:], y[:-1])])
        if not np.isfinite(terms).all():
            # a place that no product can hold has no digits to lose
            return float(abs(np.sum((x[:-1] - x[0]) * (y[1:] - y[0]) - (x[1:] - x[0]) * (y[:-1] - y[0]))) / 2)
    return abs(math.fsum(terms.tolist())) / 2


def _polygon(shape: shapely.Geometry) -> float:
    """Measure one part of a shape."""
    shell, *holes = (ring(*shapely.get_coordinates(each).T) for each in shapely.get_rings(shape))
    return shell - math.fsum(holes)


def _product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return products and what their rounding has lost."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _halves(values: Floats) -> tuple[Floats, Floats]:
    """Part numbers into two of half as many digits."""
    wide = _HALF * values
    high = wide - (wide - values)
    return high, values - high
