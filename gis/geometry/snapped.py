"""Shapes moved near the origin and overlaid there by GEOS on a grid far finer than any drawing.

Left to plain floating point, GEOS returns nothing, or the half, of pairs whose edges lie along each other within a
rounding, and lines that it can't node end in an exception. On a grid every point is rounded once and lines follow
(snap rounding: Hobby, Practical segment intersection with finite precision output, 1999; in GEOS by OverlayNG), which
always ends and moves no line by more than a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.errors import OverlayError
from gis.geometry import measures, parts
from gis.geometry.parts import Shapes

Floats = NDArray[np.float64]

# bits of a coordinate that GEOS keeps exact while it rounds
_BITS = 50
# wider than this (m) a shape's grid has cells of more than a tenth of a nanometre
_WIDEST = 2.0**17
# how far an area made of points may be off: m², and m² for each metre of outline
_BASE_M2, _PER_METRE_M2 = 1e-6, 1e-8
# bits by which a grid is made coarser, one after the other, where GEOS can't node lines on it
_COARSER = (0, 2, 4, 6, 8, 10)
# coordinates above which a shape is cut to what is around another one first
_MANY = 64
# how much nearer to the truth an area is that is only measured, or that need not be asked for again; and how much an
# area that is sure may be off for each metre of outline, m²: as coordinates near the origin have digits to spare, what
# is off by more was lost by GEOS
_SURE, _SURE_M2 = 4, 2.5e-10


def origin(*arrays: Shapes) -> NDArray[np.float64]:
    """Return the south-west corner of all shapes in whole metres, 0 along an axis where they lie near 0 already.

    Parameters
    ----------
    *arrays
        Shapes; may be empty.

    Returns
    -------
    numpy.ndarray
        x and y, m; zeros where nothing has a place.

    Notes
    -----
    A northing near 4.4 million leaves 9 decimals; taking off whole metres gives the lost digits back to the points that
    are computed where lines cross. It is exact for shapes that are further from 0 than they are wide, and only these
    are moved: a spike thinner than a rounding would fold up.
    """
    boxes = np.concatenate([shapely.bounds(np.asarray(shapes, dtype=object)).reshape(-1, 4) for shapes in arrays])
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        return np.zeros(2)
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    apart = (low >= high - low) | (high <= low - high)
    return np.where(apart, np.floor(low), 0.0)


def moved(shapes: Shapes, offset: NDArray[np.float64]) -> Shapes:
    """Return flat copies of shapes, shifted.

    Parameters
    ----------
    shapes
        Geometries; Z and M values are dropped.
    offset
        x and y to add, m.

    Returns
    -------
    numpy.ndarray
        New shapes; the ones given are not touched.
    """
    flat: Shapes = np.array(shapes, dtype=object)
    if shapely.has_z(flat).any():
        flat = shapely.force_2d(flat)
    if not offset.any():
        return flat
    return np.asarray(shapely.transform(flat, lambda coordinates: coordinates + offset), dtype=object)


def roomy(*arrays: Shapes) -> bool:
    """Tell whether GEOS has digits to spare for shapes: none is as wide as a province.

    Parameters
    ----------
    *arrays
        Shapes; may be empty.

    Returns
    -------
    bool
        False sends the work to the kernels, whatever its size.
    """
    boxes = np.concatenate([shapely.bounds(np.asarray(shapes, dtype=object)).reshape(-1, 4) for shapes in arrays])
    return not bool((boxes[:, 2:] - boxes[:, :2] > _WIDEST).any())


def intersection(one: Any, other: Any) -> Any:
    """Intersect shapes pair by pair.

    Parameters
    ----------
    one, other
        Valid polygons or multipolygons, single ones or arrays that broadcast against each other.

    Returns
    -------
    numpy.ndarray or shapely.Geometry
        Geometries; where only points or lines are shared these come back.
    """
    return _overlaid(shapely.intersection, one, other)


def parted(one: Shapes, other: Shapes) -> tuple[Shapes, NDArray[np.bool_]]:
    """Intersect shapes pair by pair, and say where what is shared and what is left make up both shapes.

    Parameters
    ----------
    one, other
        Valid polygons or multipolygons, as many of each.

    Returns
    -------
    tuple
        What each pair shares, and whether its area is sure: with what is left it is each shape's own area, to a
        rounding.

    Notes
    -----
    GEOS now and then finds the crossing of all but parallel edges beside both of them. Once both shapes are on the grid
    such edges are one, so what is not sure at first is asked again there, on coarser and coarser ones.
    """
    one, other = _windowed(one, other), _windowed(other, one)
    common = intersection(one, other)
    sure = _made_up(one, other, common)
    for bits in _COARSER:
        ask = np.flatnonzero(~sure)
        if not len(ask):
            break
        a, b = one[ask], other[ask]
        corner = origin(a, b)
        near = [moved(each, -corner) for each in (a, b)]
        cell = _cell(*near) * 2**bits
        tried = intersection(*(moved(shapely.set_precision(each, cell), corner) for each in near))
        good = _made_up(a, b, tried)
        common[ask[good]], sure[ask[good]] = tried[good], True
    return common, sure


def _windowed(shapes: Shapes, others: Shapes) -> Shapes:
    """Return shapes of many points as far as they lie around their others: what is far off can't be shared."""
    many = np.flatnonzero(shapely.get_num_coordinates(shapes) > _MANY)
    around = shapely.bounds(others[many]).reshape(-1, 4)
    margin = ((around[:, 2:] - around[:, :2]).sum(axis=1, keepdims=True) / 8).repeat(2, axis=1)
    window = np.concatenate([around[:, :2] - margin, around[:, 2:] + margin], axis=1)
    made = shapes.copy()
    made[many] = parts.without_dust(intersection(shapes[many], shapely.box(*window.T)), 0.0)
    return made


def _made_up(one: Shapes, other: Shapes, common: Shapes) -> NDArray[np.bool_]:
    """Tell where what two shapes share and what each has left make up both."""
    most_off = _BASE_M2 / _SURE + _SURE_M2 * (shapely.length(one) + shapely.length(other))
    sure, shared = np.ones(len(common), dtype=bool), measures.area(common)
    for shape, without in ((one, other), (other, one)):
        made = shared + measures.area(difference(shape, without))
        sure &= np.abs(made - measures.area(shape)) <= most_off
    return sure


def difference(one: Any, other: Any) -> Any:
    """Take shapes away from others pair by pair.

    Parameters
    ----------
    one, other
        Valid polygons or multipolygons, single ones or arrays that broadcast against each other.

    Returns
    -------
    numpy.ndarray or shapely.Geometry
        Geometries.
    """
    return _overlaid(shapely.difference, one, other)


def union(shapes: Shapes) -> shapely.Geometry:
    """Unite shapes, or node lines.

    Parameters
    ----------
    shapes
        Valid polygons or multipolygons, or any lines.

    Returns
    -------
    shapely.Geometry
        One geometry; an empty collection of none.
    """
    corner = origin(shapes)
    near = moved(shapes, -corner)
    cell = max(_cell(near), last_digit(shapes))
    made = _on_coarser(partial(shapely.union_all, near), cell)
    return moved(np.array([made], dtype=object), corner)[0]


def gathered(shapes: Sequence[shapely.Geometry]) -> shapely.Geometry:
    """Unite shapes where they are, and on a grid only where GEOS can't node their lines otherwise.

    Parameters
    ----------
    shapes
        Valid polygons or multipolygons near the origin.

    Returns
    -------
    shapely.Geometry
        One geometry; no vertex of theirs is moved but on a grid, by less than a nanometre.
    """
    try:
        return shapely.union_all(shapes)
    except shapely.GEOSException:
        return union(np.array(shapes, dtype=object))


def _overlaid(operation: Callable[..., Any], one: Any, other: Any) -> Any:
    """Overlay shapes near the origin, and put the result back in its place."""
    one, other = np.asarray(one, dtype=object), np.asarray(other, dtype=object)
    corner = origin(one, other)
    a, b = moved(one, -corner), moved(other, -corner)
    # a grid as fine as the place lets stand: what is valid on it is not rounded when it is put back
    cell = max(_cell(a, b), last_digit(one, other))
    try:
        made = operation(a, b, grid_size=cell)
    except shapely.GEOSException:
        pairs = np.broadcast(a, b)
        each = [_on_coarser(partial(operation, *pair), cell) for pair in pairs]
        made = np.array(each, dtype=object).reshape(pairs.shape)
    return moved(made, corner)[()]


def _on_coarser(operation: Callable[..., Any], cell: float) -> Any:
    """Overlay on the finest grid from one on that GEOS can node the lines on."""
    for bits in _COARSER:
        try:
            return operation(grid_size=cell * 2**bits)
        except shapely.GEOSException as error:
            said = error
    raise OverlayError(
        f"the lines of shapes can't be noded, even on a grid of {cell * 2**bits:.1e} m ({said}); no figure is handed "
        "out, report these features"
    ) from said


def _cell(*arrays: Shapes) -> float:
    """Return the side of a grid's cells, a power of two in m, on which shapes near the origin can be overlaid."""
    return float(2.0 ** (np.ceil(np.log2(max(_furthest(*arrays), 1.0))) - _BITS))


def last_digit(*arrays: Shapes) -> float:
    """Return the spacing of doubles at the furthest coordinate of shapes.

    Parameters
    ----------
    *arrays
        Shapes in their place; may be empty.

    Returns
    -------
    float
        A power of two, m: 2⁻³⁰ at a northing of 4.4 million.
    """
    return float(np.spacing(_furthest(*arrays)))


def _furthest(*arrays: Shapes) -> float:
    """Return the largest coordinate of shapes, whatever its sign, m; 0 of none."""
    return max((float(np.nanmax(np.abs(shapely.bounds(each)), initial=0.0)) for each in arrays), default=0.0)


def bound(length_m: Floats, shapes: Shapes) -> Floats:
    """Return how far the area of drawn shapes may be from their account.

    Parameters
    ----------
    length_m
        Length of each shape's outline by its account, m.
    shapes
        What they were cut from: how many digits their coordinates leave.

    Returns
    -------
    numpy.ndarray
        1e-6 m², and 1e-8 m² or two units in the last place of a coordinate for each metre.
    """
    return np.asarray(_BASE_M2 + max(_PER_METRE_M2, 2 * last_digit(shapes)) * length_m)


def placed(pieces: Shapes, label: NDArray[np.int64], count: int, corner: NDArray[np.float64], digit: float) -> Shapes:
    """Unite pieces by label, and put them in their place so that it rounds none of their points.

    Parameters
    ----------
    pieces
        Polygons or multipolygons from a corner.
    label
        Which shape each is part of, from 0.
    count
        Number of shapes.
    corner
        x and y of the corner, whole metres.
    digit
        Spacing of doubles in that place (`last_digit`), m.

    Returns
    -------
    numpy.ndarray
        Valid polygons and multipolygons on the grid of the last digits: what is thinner than it is gone.
    """
    sound = _mended(pieces)
    order = np.argsort(label, kind="stable")
    groups = np.split(sound[order], np.searchsorted(label[order], np.arange(1, count)))
    made = np.array([_on_coarser(partial(shapely.union_all, group), digit) for group in groups], dtype=object)
    # what nothing else is near, a union leaves as it was
    made = np.array([_on_coarser(partial(shapely.set_precision, each), digit) for each in made], dtype=object)
    return moved(parts.without_dust(made, 0.0), corner)


def fitted(
    shapes: Shapes,
    wanted_m2: Floats,
    most_off_m2: Floats,
    again: Callable[[NDArray[np.intp]], Shapes],
    place: Callable[[int], tuple[float, float]],
) -> Shapes:
    """Return shapes that are valid, as large as their account says, and apart; those that are not are mended.

    Parameters
    ----------
    shapes
        Polygons or multipolygons, valid or not, that cover no ground together.
    wanted_m2, most_off_m2
        Area of each, and by how much it may be off (`bound`), m².
    again
        Draws shapes that can't be mended once more, by position, from before they were rounded (`placed`).
    place
        Returns a point near a shape, by position.

    Returns
    -------
    numpy.ndarray
        Valid polygons and multipolygons.

    Raises
    ------
    OverlayError
        A shape that no mending makes as large as it should be, or that covers others once it is mended.
    """
    wrong = np.flatnonzero(~_as_large(shapes, wanted_m2, most_off_m2))
    if not len(wrong):
        return shapes
    made = shapes.copy()
    made[wrong] = _nearer(_mended(shapes[wrong]), shapes[wrong], wanted_m2[wrong])
    far = wrong[~_as_large(made[wrong], wanted_m2[wrong], most_off_m2[wrong] / _SURE)]
    if len(far):
        made[far] = _nearer(made[far], again(far), wanted_m2[far])
    lost = far[~_as_large(made[far], wanted_m2[far], most_off_m2[far])]
    if len(lost):
        _refuse(lost, place, f"is {measures.area(made[lost[:1]])[0]:.6f} m² instead of {wanted_m2[lost[0]]:.6f} m²")
    mended, other = shapely.STRtree(made).query(made[wrong], predicate="intersects")
    mended, other = wrong[mended[wrong[mended] != other]], other[wrong[mended] != other]
    shared = measures.area(intersection(made[mended], made[other]))
    over = np.flatnonzero(shared > most_off_m2[mended] + most_off_m2[other])
    if len(over):
        _refuse(mended[over], place, f"covers {shared[over[0]]:.6f} m² of another")
    return made


def _refuse(lost: NDArray[np.intp], place: Callable[[int], tuple[float, float]], what: str) -> None:
    """Say which shapes could not be drawn."""
    x, y = place(int(lost[0]))
    raise OverlayError(
        f"{len(lost)} shapes can't be drawn as they are accounted for, the first at {x:.3f}, {y:.3f} {what}; ask for "
        "areas without geometry and report the features around that place",
        shapes=lost.tolist(),
        x=x,
        y=y,
    )


def _as_large(shapes: Shapes, wanted_m2: Floats, most_off_m2: Floats) -> NDArray[np.bool_]:
    """Tell which shapes are valid and as large as they should be."""
    return np.asarray((np.abs(measures.area(shapes) - wanted_m2) <= most_off_m2) & shapely.is_valid(shapes))


def _mended(shapes: Shapes) -> Shapes:
    """Part what is inside from what is outside where rings cross by a rounding; leave what GEOS can't make valid."""
    try:
        return parts.without_dust(shapely.make_valid(shapes), 0.0)
    except shapely.GEOSException:
        if len(shapes) == 1:
            return shapes
        return np.concatenate([_mended(shapes[n : n + 1]) for n in range(len(shapes))])


def _nearer(one: Shapes, other: Shapes, wanted_m2: Floats) -> Shapes:
    """Return of two shapes each the valid one whose area is nearer to what it should be."""
    off = [np.where(shapely.is_valid(each), np.abs(measures.area(each) - wanted_m2), np.inf) for each in (one, other)]
    return np.asarray(np.where(off[0] <= off[1], one, other), dtype=object)
