"""Who gets which face of the reconciled lines: most of the cover decides, and no sliver is left between neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry import areas, linework, parts
from gis.geometry.parts import Shapes

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]

# the ground outside all faces
OUTSIDE = -1
# a strip has two long sides; who holds less than half of one is at its tip
_BESIDE = 0.25


@dataclass(frozen=True)
class Sides:
    """Hold the edges between faces.

    Parameters
    ----------
    lines
        One straight line an edge.
    length_m
        Its length, m.
    one, other
        The faces on its sides, `OUTSIDE` where there is none.
    """

    lines: Shapes
    length_m: NDArray[np.float64]
    one: Places
    other: Places


def usable(shapes: Shapes) -> Mask:
    """Tell which shapes are ground that can be compared.

    Parameters
    ----------
    shapes
        Geometries of any kind, missing ones too.

    Returns
    -------
    numpy.ndarray
        True for valid polygons and multipolygons with finite coordinates.
    """
    polygonal = np.isin(shapely.get_type_id(shapes), [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON])
    found = polygonal & ~shapely.is_empty(shapes)
    found &= np.isfinite(shapely.bounds(shapes)).reshape(-1, 4).all(axis=1)
    found[found] = shapely.is_valid(shapes[found])
    return np.asarray(found, dtype=bool)


def sides(ends: NDArray[np.float64], face: Places) -> Sides:
    """Pair the edges of neighbouring faces.

    Parameters
    ----------
    ends
        One (x0, y0, x1, y1) a row, for each face (`linework.edges`).
    face
        The face of each.

    Returns
    -------
    Sides
        Each edge once.
    """
    found, position = np.unique(linework.undirected(ends), axis=0, return_inverse=True)
    one = np.full(len(found), OUTSIDE, dtype=np.intp)
    other = np.full(len(found), OUTSIDE, dtype=np.intp)
    # of two faces on an edge the last written stands in one, the first written in the other
    one[position] = face
    other[position[::-1]] = face[::-1]
    other[one == other] = OUTSIDE
    lines = np.asarray(shapely.linestrings(found.reshape(-1, 2, 2)), dtype=object)
    return Sides(lines, np.asarray(shapely.length(lines)), one, other)


def divided(
    faces: Shapes, shapes: Shapes, fixed: Mask, between: Sides, own: Mask, tolerance: float
) -> tuple[Places, Places]:
    """Give each face to the shapes that cover most of it.

    Parameters
    ----------
    faces
        Faces of the lines that the shapes follow.
    shapes
        The shapes of one layer as they were drawn, the highest first.
    fixed
        Which of them stay as they are.
    between
        The edges of the faces.
    own
        Which edges are lines that these shapes brought, not lines that they follow.
    tolerance
        A face narrower than this is no ground of its own, m.

    Returns
    -------
    tuple
        Positions of a face and of a shape, sorted; a face that several shapes cover on purpose has several.
    """
    narrow = ~parts.survives(faces, tolerance / 2)
    members = _covering(faces, shapes, fixed, narrow)
    _without_slivers(faces, members, fixed, between, own, narrow)
    _without_gaps(members, fixed, between, narrow)
    pairs = [(face, shape) for face, found in enumerate(members) for shape in sorted(found)]
    face, shape = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    return face, shape


def _covering(faces: Shapes, shapes: Shapes, fixed: Mask, narrow: Mask) -> list[tuple[int, ...]]:
    """Return for each face the shapes that cover most of it."""
    face, shape, area = areas.pair_areas(faces, shapes)
    share = area / shapely.area(faces)[face]
    start = np.searchsorted(face, np.arange(len(faces) + 1))
    members: list[tuple[int, ...]] = []
    for n in range(len(faces)):
        here = slice(start[n], start[n + 1])
        covers = sorted(zip(-share[here], shape[here].tolist(), strict=True))
        most = tuple(one for part, one in covers if part < -0.5)
        unmoved = tuple(one for one in most if fixed[one])
        # narrower than the tolerance, two drawings of one line are no double cover
        if narrow[n] and len(most) > 1:
            most = unmoved or most[:1]
        if not most and sum(part for part, _ in covers) < -0.5:
            free = [one for _, one in covers if not fixed[one]]
            most = tuple(free[:1])
        members.append(most)
    return members


def _without_slivers(
    faces: Shapes, members: list[tuple[int, ...]], fixed: Mask, between: Sides, own: Mask, narrow: Mask
) -> None:
    """Let each narrow face that one of the shapes' own lines cuts off go with the ground across that line."""
    area, perimeter = shapely.area(faces), shapely.length(faces)
    largest: dict[int, int] = {}
    for face, found in enumerate(members):
        for shape in found:
            if shape not in largest or area[face] > area[largest[shape]]:
                largest[shape] = face
    across = _across(between, own, narrow)
    for face in sorted(across, key=lambda n: (area[n], n)):
        # a shape that is narrow as a whole is not lost
        if any(fixed[shape] or largest[shape] == face for shape in members[face]):
            continue
        near = min(across[face], key=lambda other: (-across[face][other], other))
        if across[face][near] < _BESIDE * perimeter[face]:
            continue
        members[face] = () if near == OUTSIDE else tuple(shape for shape in members[near] if not fixed[shape])


def _without_gaps(members: list[tuple[int, ...]], fixed: Mask, between: Sides, narrow: Mask) -> None:
    """Give narrow ground that neighbours enclose to the one that it borders most."""
    near = _across(between, np.ones(len(between.one), dtype=bool), narrow)
    left = [face for face in near if not members[face]]
    while left:
        given: dict[int, tuple[int, ...]] = {}
        for face in left:
            around = {other: length for other, length in near[face].items() if other != OUTSIDE}
            # a strip may open outwards at its tip, not along its side
            if near[face].get(OUTSIDE, 0.0) >= _BESIDE * sum(near[face].values()):
                continue
            if any(not members[other] and not narrow[other] for other in around):
                continue
            borders: dict[int, float] = {}
            for other, length in around.items():
                for shape in [one for one in members[other] if not fixed[one]][:1]:
                    borders[shape] = borders.get(shape, 0.0) + length
            taker = min(borders, key=lambda shape: (-borders[shape], shape), default=None)
            # who only touches the tip of a strip between two lines that stay does not get it
            beside = sum(length for other, length in around.items() if members[other])
            if taker is not None and borders[taker] >= _BESIDE * beside:
                given[face] = (taker,)
        if not given:
            return
        for face, found in given.items():
            members[face] = found
        left = [face for face in left if face not in given]


def _across(between: Sides, chosen: Mask, narrow: Mask) -> dict[int, dict[int, float]]:
    """Return for each narrow face its neighbours over chosen edges and the length of the border with each."""
    found: dict[int, dict[int, float]] = {}
    for edge in np.flatnonzero(chosen).tolist():
        pair = (int(between.one[edge]), int(between.other[edge]))
        for face, other in (pair, pair[::-1]):
            if face != OUTSIDE and narrow[face]:
                lengths = found.setdefault(face, {})
                lengths[other] = lengths.get(other, 0.0) + float(between.length_m[edge])
    return found
