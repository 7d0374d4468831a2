"""Faces and tuples by GEOS: outlines noded or intersected, for what is too small to wait for a compiler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry import coverage, measures, parts, snapped
from gis.geometry import grid as tiling
from gis.geometry.faces import Faces
from gis.geometry.parts import Shapes
from gis.geometry.room import THIN


def faces(shapes: Shapes) -> tuple[Faces, Shapes]:
    """Cut the ground along the lines of all shapes.

    Parameters
    ----------
    shapes
        Valid polygons and multipolygons in one CRS in metres.

    Returns
    -------
    tuple
        The faces that shapes cover, from west to east, and their polygons; these lie from the south-west corner of all
        shapes (`snapped.origin`), where rounding does not part them.
    """
    corner = snapped.origin(shapes)
    local = snapped.moved(shapes, -corner)
    cut = coverage.faces(local)
    face, shape = coverage.covered(cut, local)
    covered, face = np.unique(face, return_inverse=True)
    cut = cut[covered]
    start = np.searchsorted(face, np.arange(len(cut) + 1))
    near_start, near, near_m = _neighbours(cut)
    inside = shapely.point_on_surface(cut)
    record = Faces(
        area_m2=measures.area(cut),
        perimeter_m=shapely.length(cut),
        holes=parts.holes(cut).astype(np.int64),
        cover=np.arange(len(cut), dtype=np.int32),
        cover_start=start.astype(np.int64),
        member=shape.astype(np.int32),
        place=shapely.get_coordinates(inside) + corner,
        box=shapely.bounds(cut).reshape(-1, 4) + np.tile(corner, 2),
        near_start=near_start,
        near=near,
        near_m=near_m,
        part_face=np.empty(0, dtype=np.int32),
        part_start=np.zeros(1, dtype=np.int64),
        grid=tiling.EMPTY,
    )
    return record, cut


def tuples(layers: Sequence[Shapes]) -> tuple[NDArray[np.int32], NDArray[np.float64]] | None:
    """Measure the ground of every tuple of shapes, one of each layer, that share some.

    Parameters
    ----------
    layers
        Valid shapes of two or more layers in one CRS in metres.

    Returns
    -------
    tuple
        Positions in each layer (a row a tuple, a column a layer) and m², as `gis.geometry.tuples` measures them, but
        in no order; None where GEOS is not sure of one of them (`snapped.parted`).

    Notes
    -----
    Layer by layer, those of simple shapes first: what lies wholly inside is taken whole, the rest is intersected.
    """
    corner = snapped.origin(*layers)
    local = [snapped.moved(shapes, -corner) for shapes in layers]
    points = [shapely.get_num_coordinates(shapes).mean() if len(shapes) else 0.0 for shapes in local]
    first, *others = np.argsort(points, kind="stable")
    pieces = local[first]
    members = np.zeros((len(pieces), len(layers)), dtype=np.int32)
    members[:, first] = np.arange(len(pieces))
    for n in others:
        shapes = local[n]
        shapely.prepare(shapes)
        # by shape, so that a prepared one is used again while it is at hand
        j, i = shapely.STRtree(pieces).query(shapes, predicate="intersects")
        members, pieces = members[i], pieces[i]
        members[:, n] = j
        cut = np.flatnonzero(~shapely.covers(shapes[j], pieces))
        pieces[cut], sound = snapped.parted(pieces[cut], shapes[j[cut]])
        if not sound.all():
            return None
        pieces[cut] = parts.without_dust(pieces[cut], 0.0)
        ground = shapely.area(pieces) > 0
        members, pieces = members[ground], pieces[ground]
    least = np.min([parts.girth(shapes)[members[:, n]] for n, shapes in enumerate(local)], axis=0)
    area = measures.area(pieces)
    return members[area > THIN * least], area[area > THIN * least]


def united(polygons: Shapes, label: NDArray[np.int64], count: int) -> Shapes:
    """Unite faces by label.

    Parameters
    ----------
    polygons
        Faces that share their vertices exactly.
    label
        Which shape each is part of, from 0.
    count
        Number of shapes.

    Returns
    -------
    numpy.ndarray
        Polygons and multipolygons; an empty polygon for a label that no face has.
    """
    order = np.argsort(label, kind="stable")
    start = np.searchsorted(label[order], np.arange(count + 1))
    shapes = np.full(count, shapely.Polygon(), dtype=object)
    for n in range(count):
        group = polygons[order[start[n] : start[n + 1]]]
        if len(group):
            shapes[n] = group[0] if len(group) == 1 else _one(group)
    return shapes


def _one(group: Shapes) -> shapely.Geometry:
    """Unite faces; those between which rounding has left hairlines on a grid."""
    try:
        return shapely.coverage_union_all(group)
    except shapely.GEOSException:
        return parts.without_dust(np.array([snapped.union(group)], dtype=object), 0.0)[0]


def _neighbours(cut: Shapes) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Return each face's neighbours, sorted, and how long the border with each is."""
    i, j, length = coverage.borders(cut)
    start = np.concatenate([i[i >= 0], j])
    end = np.concatenate([j[i >= 0], i])
    both = np.concatenate([length[i >= 0], length])
    order = np.lexsort((end, start))
    near_start = np.searchsorted(start[order], np.arange(len(cut) + 1))
    return near_start.astype(np.int64), end[order].astype(np.int32), both[order]
