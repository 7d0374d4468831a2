"""A layer as a cover of the ground: the faces its lines make, shared borders, gaps and overlaps."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from gis import crs
from gis.errors import FrameError, OverlayError
from gis.geometry import areas, linework, parts, snapped
from gis.geometry.parts import Shapes

# what rounding of coordinates leaves behind, m²; never ground
DUST_M2 = 1e-6


def faces(shapes: Shapes) -> Shapes:
    """Cut the ground along every outline.

    Parameters
    ----------
    shapes
        Valid polygons or multipolygons, best near the origin (`snapped.moved`).

    Returns
    -------
    numpy.ndarray
        Polygons that touch but do not overlap, in west-to-east order; each lies wholly inside or outside every shape.
        Enclosed ground that no shape covers is among them. Neighbours share their vertices exactly.
    """
    if len(shapes) == 0:
        return np.empty(0, dtype=object)
    return linework.enclosed(snapped.union(shapely.boundary(np.asarray(shapes, dtype=object))))


def covered(pieces: Shapes, shapes: Shapes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Tell which shapes cover which faces.

    Parameters
    ----------
    pieces
        Faces made from the outlines of `shapes`.
    shapes
        Polygons or multipolygons.

    Returns
    -------
    tuple
        Positions of a face and of a shape that covers it, sorted by face, then shape.
    """
    inside = shapely.point_on_surface(np.asarray(pieces, dtype=object))
    shape, piece = shapely.STRtree(inside).query(np.asarray(shapes, dtype=object), predicate="contains")
    order = np.lexsort((shape, piece))
    return piece[order], shape[order]


def borders(pieces: Shapes) -> areas.Pairs:
    """Measure the borders that faces share.

    Parameters
    ----------
    pieces
        Polygons whose common borders have the same vertices on both sides.

    Returns
    -------
    tuple
        Positions i < j of two neighbours and the length of their common border in m, sorted; i = -1 is the ground
        outside all faces.
    """
    ends, owner = linework.edges(pieces)
    segments = linework.undirected(ends)
    order = np.lexsort(segments.T[::-1])
    segments, owner = segments[order], owner[order]
    twin = np.flatnonzero((segments[1:] == segments[:-1]).all(axis=1))
    outer = np.ones(len(owner), dtype=bool)
    outer[twin] = outer[twin + 1] = False
    i = np.concatenate([np.minimum(owner[twin], owner[twin + 1]), np.full(outer.sum(), -1)])
    j = np.concatenate([np.maximum(owner[twin], owner[twin + 1]), owner[outer]])
    which = np.concatenate([twin, np.flatnonzero(outer)])
    length = np.hypot(segments[which, 2] - segments[which, 0], segments[which, 3] - segments[which, 1])
    pairs, position = np.unique((i + 1) * (len(pieces) + 1) + j, return_inverse=True)
    total = np.bincount(position, weights=length, minlength=len(pairs)).astype(np.float64)
    first, second = np.divmod(pairs, len(pieces) + 1)
    return first - 1, second, total


def overlaps(frame: gpd.GeoDataFrame, key: str, *, tolerance: float = 0.0) -> gpd.GeoDataFrame:
    """Find where features of one layer cover the same ground (压盖).

    Parameters
    ----------
    frame
        Polygons in a projected CRS; missing and empty geometries have no overlap.
    key
        Name of the key column.
    tolerance
        An overlap narrower than this everywhere, in m, is left out; 0 keeps all above 1e-6 m².

    Returns
    -------
    geopandas.GeoDataFrame
        Columns first, second (keys, first < second), area_m2, width_m (mean width, 2 × area ÷ perimeter), x, y
        (a point inside) and geometry; one row a pair, sorted by keys; the frame's CRS.

    Raises
    ------
    CrsError
        No CRS, or not a projected one in metres.
    FrameError
        The key column is missing.
    OverlayError
        Common ground that can't be drawn as large as it is.
    """
    ground = crs.require(frame, name="layer")
    keys, shapes = _sorted_shapes(frame, key)
    i, j, area = areas.pair_areas(shapes)
    i, j, area = i[area > DUST_M2], j[area > DUST_M2], area[area > DUST_M2]
    common, sure = snapped.parted(shapes[i], shapes[j])
    lost = ~sure & (np.abs(shapely.area(common) - area) > snapped.bound(shapely.length(shapes[i]), shapes))
    if lost.any():
        _refuse(keys, shapes, i[lost], j[lost])
    common = parts.without_dust(common, DUST_M2)
    keep = ~shapely.is_empty(common)
    if tolerance > 0:
        keep &= parts.survives(common, tolerance / 2)
    names = pd.DataFrame({"first": keys.take(i[keep]), "second": keys.take(j[keep])})
    return _places(names, common[keep], ground)


def _refuse(
    keys: pd.api.extensions.ExtensionArray, shapes: Shapes, i: NDArray[np.intp], j: NDArray[np.intp]
) -> None:
    """Say which features' common ground could not be drawn."""
    x, y = shapely.get_coordinates(shapely.point_on_surface(shapes[i[0]]))[0].tolist()
    raise OverlayError(
        f"the common ground of {len(i)} pairs can't be drawn as large as it is, the first that of {keys[i[0]]} and "
        f"{keys[j[0]]} at {x:.3f}, {y:.3f}; no figure is handed out, report these features",
        features=[*keys.take(np.unique(np.concatenate([i, j])))],
        x=x,
        y=y,
    )


def united(shapes: Shapes) -> shapely.Geometry:
    """Unite the shapes of one layer.

    Parameters
    ----------
    shapes
        Valid polygons or multipolygons in metres, best near the origin (`snapped.moved`).

    Returns
    -------
    shapely.Geometry
        The ground that any of them covers.

    Notes
    -----
    Shapes that share their edges vertex for vertex with every neighbour are joined by dropping those edges, which
    computes no point and is an order of magnitude faster; only the others are overlaid. Both ways give the same
    ground.
    """
    shapes = np.asarray(shapes, dtype=object)
    matched = shapely.is_empty(shapely.coverage_invalid_edges(shapes)) if len(shapes) else np.zeros(0, dtype=bool)
    if 2 * matched.sum() < len(shapes):
        return snapped.union(shapes)
    joined = shapely.coverage_union_all(shapes[matched])
    if not shapely.is_valid(joined):
        return snapped.union(shapes)
    return joined if matched.all() else snapped.union(np.array([joined, *shapes[~matched]], dtype=object))


def gaps(frame: gpd.GeoDataFrame, key: str, *, within: shapely.Geometry | None = None) -> gpd.GeoDataFrame:
    """Find ground that a layer encloses, or ought to cover, and does not (缝隙).

    Parameters
    ----------
    frame
        Polygons in a projected CRS; missing and empty geometries cover nothing.
    key
        Name of the key column.
    within
        The area to be covered, in the frame's CRS; without it only enclosed gaps are found.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns neighbours (sorted tuple of the keys that touch the gap), area_m2, width_m (mean width,
        2 × area ÷ perimeter), x, y (a point inside) and geometry; one row a gap above 1e-6 m², from west to east;
        the frame's CRS.

    Raises
    ------
    CrsError
        No CRS, or not a projected one in metres.
    FrameError
        The key column is missing.
    """
    ground = crs.require(frame, name="layer")
    keys, shapes = _sorted_shapes(frame, key)
    corner = snapped.origin(shapes)
    local = snapped.moved(shapes, -corner)
    union = united(local)
    wanted = _filled(union) if within is None else snapped.moved(np.array([within], dtype=object), -corner)[0]
    found, _ = parts.polygons(np.array([snapped.difference(wanted, union)], dtype=object))
    found = found[shapely.area(found) > DUST_M2]
    found = found[np.lexsort(shapely.bounds(found).reshape(-1, 4).T[::-1])]
    gap, feature = shapely.STRtree(local).query(found, predicate="dwithin", distance=DUST_M2)
    order = np.argsort(gap, kind="stable")
    touched = keys.take(feature[order]).to_numpy(dtype=object)
    beside = np.split(touched, np.cumsum(np.bincount(gap, minlength=len(found)))[:-1])
    touching = [tuple(sorted(around)) for around in beside[: len(found)]]
    names = pd.DataFrame({"neighbours": pd.Series(touching, dtype=object)})
    return _places(names, snapped.moved(found, corner), ground)


def _sorted_shapes(frame: gpd.GeoDataFrame, key: str) -> tuple[pd.api.extensions.ExtensionArray, Shapes]:
    """Return keys and shapes of the rows that have ground, in key order."""
    if key not in frame.columns:
        raise FrameError(f"the layer has no key column {key!r}; it has {', '.join(map(str, frame.columns))}", key=key)
    there = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    keys = frame.loc[there, key].astype("str").array
    order = pc.array_sort_indices(pa.array(keys, type=pa.large_string())).to_numpy()
    rows = np.flatnonzero(there)[order]
    return keys.take(order), np.asarray(frame.geometry.to_numpy()[rows], dtype=object)


def _filled(union: shapely.Geometry) -> shapely.Geometry:
    """Return a shape without its holes."""
    found, _ = parts.polygons(np.array([union], dtype=object))
    return shapely.union_all(shapely.polygons(shapely.get_exterior_ring(found)))


def _places(names: pd.DataFrame, shapes: Shapes, ground: object) -> gpd.GeoDataFrame:
    """Return named pieces with area, mean width and a point inside."""
    area, perimeter = shapely.area(shapes), shapely.length(shapes)
    point = shapely.point_on_surface(shapes)
    frame = names.assign(
        area_m2=area,
        width_m=np.divide(2 * area, perimeter, out=np.zeros(len(area)), where=perimeter > 0),
        x=shapely.get_x(point).astype(float),
        y=shapely.get_y(point).astype(float),
    )
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=ground)
