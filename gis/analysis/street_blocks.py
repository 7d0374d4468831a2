"""Street blocks (街坊): the ground between streets, made from centre-lines, water edges and the boundary."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis import crs
from gis import findings as faults
from gis.errors import EmptyError, FrameError, UsageError
from gis.geometry import coverage, parts, snapped
from gis.geometry.parts import Shapes

# side of the squares that number street blocks, m
_SQUARE_M = 1_000.0
# an end that is drawn out to the next line goes this far beyond it, so that rounding cannot keep them apart, m
_OVERSHOOT_M = 0.01


def from_streets(
    streets: gpd.GeoDataFrame,
    boundary: gpd.GeoDataFrame,
    *,
    waters: gpd.GeoDataFrame | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    min_area_m2: float = 2_000.0,
    tolerance: float = 15.0,
    min_width: float = 20.0,
    street_width: float = 0.0,
) -> gpd.GeoDataFrame:
    """Make street blocks from street centre-lines.

    Parameters
    ----------
    streets
        Centre-lines; lines drawn twice (once for each direction) count once.
    boundary
        Polygons of the ground to be divided; nothing outside them becomes a street block, and a line between two of
        them parts nothing.
    waters
        Polygons that belong to no street block; their edges bound street blocks.
    barriers
        Lines that part street blocks like a street (railway, wall, river without width).
    min_area_m2
        A face smaller than this joins the neighbour with which it shares the longest border.
    tolerance
        An end of a line that misses the next line by no more than this, in m, is drawn out to it. Other dead ends part
        nothing.
    min_width
        A face in which no disc of this diameter (m) fits joins a neighbour in the same way: the ground between two
        carriageways, a slip road's triangle, a strip along the boundary.
    street_width
        Ground taken from street blocks along each street, in m of full width; 0 leaves blocks meeting in the
        centre-line.

    Returns
    -------
    geopandas.GeoDataFrame
        street_block_id, area_m2 (planar) and geometry (polygons, or multipolygons where a street cuts a block through)
        in the boundary's CRS, from north to south and west to east. They do not overlap and, with street_width 0, share
        their vertices; with what `check` reports as left over they make up the boundary without the waters.

    Raises
    ------
    EmptyError
        There is no street or no boundary.
    FrameError
        Streets or barriers that are no lines, a boundary or waters that are no valid polygons.
    CrsError
        A frame without a projected CRS in metres, or with another one than the streets'.
    UsageError
        A measure that is negative or not finite.

    Notes
    -----
    Identifiers "JF-rrcc-nn" count squares of 1 km from the north-west corner of the boundary (row, column) and the
    blocks in each: an edit renumbers blocks in its own square only, and no coordinate can be read from them. A block
    lies in the square of its centroid.

    Examples
    --------
    >>> town = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 200, 100)], crs=4548)
    >>> street = gpd.GeoDataFrame(geometry=[shapely.LineString([(90, 0), (90, 95)])], crs=4548)
    >>> from_streets(street, town)["area_m2"].round(1).tolist()
    [9000.0, 11000.0]
    """
    _check_measures(min_area_m2=min_area_m2, tolerance=tolerance, min_width=min_width, street_width=street_width)
    ground_crs = _accepted(streets, boundary, waters, barriers)
    corner = snapped.origin(boundary.geometry.to_numpy())
    ground = _ground(boundary, waters, corner)
    lines = [_local(streets, corner)] + ([] if barriers is None else [_local(barriers, corner)])
    network = _joined_up(_network(np.concatenate(lines), ground, tolerance), ground, tolerance)
    blocks = _without_small(_faces(network, ground), min_area_m2, min_width)
    if street_width > 0:
        taken = shapely.buffer(shapely.union_all(lines[0]), street_width / 2, cap_style="flat")
        blocks = parts.without_dust(shapely.difference(blocks, taken), 1.0)
        blocks = blocks[~shapely.is_empty(blocks)]
    return _numbered(blocks, ground, corner, ground_crs)


def check(
    street_blocks: gpd.GeoDataFrame, boundary: gpd.GeoDataFrame, *, waters: gpd.GeoDataFrame | None = None
) -> pd.DataFrame:
    """Account for the ground that is in no street block.

    Parameters
    ----------
    street_blocks
        Blocks made by `from_streets`.
    boundary, waters
        What they were made from.

    Returns
    -------
    pandas.DataFrame
        Findings: street_block.left_over, one a piece of ground of more than 1 m² within the boundary that is neither
        water nor in a street block, with its area in m².

    Raises
    ------
    CrsError
        A frame without a projected CRS in metres, or with another one than the others'.
    """
    frames = {"street_blocks": street_blocks, "boundary": boundary} | ({} if waters is None else {"waters": waters})
    crs.require_same(frames)
    corner = snapped.origin(boundary.geometry.to_numpy())
    ground = _ground(boundary, waters, corner)
    left = shapely.difference(ground, shapely.union_all(snapped.moved(street_blocks.geometry.to_numpy(), -corner)))
    pieces, _ = parts.polygons(np.array([left], dtype=object))
    pieces = snapped.moved(pieces[shapely.area(pieces) > 1.0], corner)
    return faults.table(
        faults.finding(
            "street_block.left_over", "street_blocks", severity="info", at=piece, area_m2=float(shapely.area(piece))
        )
        for piece in pieces
    )


def _ground(
    boundary: gpd.GeoDataFrame, waters: gpd.GeoDataFrame | None, corner: NDArray[np.float64]
) -> shapely.Geometry:
    """Return the ground to be divided, in window coordinates."""
    land = shapely.union_all(_local(boundary, corner))
    return land if waters is None else shapely.difference(land, shapely.union_all(_local(waters, corner)))


def _local(frame: gpd.GeoDataFrame, corner: NDArray[np.float64]) -> Shapes:
    """Return the shapes of a frame in window coordinates, without missing and empty ones."""
    shapes = frame.geometry.to_numpy()
    return snapped.moved(shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))], -corner)


def _network(lines: Shapes, ground: shapely.Geometry, reach: float) -> Shapes:
    """Cut lines at every crossing; each stretch of ground has one line, however often it was drawn."""
    near = lines[shapely.dwithin(lines, ground, reach)]
    return np.asarray(shapely.get_parts(shapely.union_all(near)), dtype=object)


def _joined_up(network: Shapes, ground: shapely.Geometry, tolerance: float) -> Shapes:
    """Draw loose ends out to the next line, or to the edge of the ground, where it is close."""
    edges = shapely.get_parts(shapely.boundary(ground))
    others = np.concatenate([network, edges])
    ends, owner = _loose_ends(network)
    if tolerance == 0 or len(ends) == 0:
        return network
    points = np.asarray(shapely.points(ends), dtype=object)
    end, line = shapely.STRtree(others).query(points, predicate="dwithin", distance=tolerance)
    # a line's own end is no gap
    end, line = end[line != owner[end]], line[line != owner[end]]
    distance = np.asarray(shapely.distance(points[end], others[line]))
    order = np.lexsort((line, distance, end))
    end, line, distance = end[order], line[order], distance[order]
    first = np.ones(len(end), dtype=bool)
    first[1:] = end[1:] != end[:-1]
    # an end that touches a line already is no loose end
    first &= distance > 0
    links = shapely.shortest_line(points[end[first]], others[line[first]])
    start, stop = shapely.get_coordinates(links).reshape(-1, 2, 2).swapaxes(0, 1)
    beyond = stop + (stop - start) / np.hypot(*(stop - start).T)[:, None] * _OVERSHOOT_M
    drawn = shapely.linestrings(np.stack([start, beyond], axis=1))
    return np.asarray(shapely.get_parts(shapely.union_all(np.concatenate([network, drawn]))), dtype=object)


def _loose_ends(network: Shapes) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the ends at which only one line ends, and the position of that line."""
    first = shapely.get_coordinates(shapely.get_point(network, 0))
    last = shapely.get_coordinates(shapely.get_point(network, -1))
    ends = np.concatenate([first, last])
    owner = np.tile(np.arange(len(network)), 2)
    _, position, count = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    loose = count[position.ravel()] == 1
    return ends[loose], owner[loose]


def _faces(network: Shapes, ground: shapely.Geometry) -> Shapes:
    """Return the faces that lines cut the ground into; dead ends cut nothing."""
    edges = shapely.get_parts(shapely.boundary(ground))
    lines = shapely.union_all(np.concatenate([network, edges]))
    faces = shapely.get_parts(shapely.polygonize([lines]))
    shapely.prepare(ground)
    return np.asarray(faces[shapely.covers(ground, shapely.point_on_surface(faces))], dtype=object)


def _too_small(faces: Shapes, min_area_m2: float, min_width: float) -> NDArray[np.bool_]:
    """Tell which faces are no street block by themselves."""
    return np.asarray((shapely.area(faces) < min_area_m2) | ~parts.survives(faces, min_width / 2))


def _without_small(faces: Shapes, min_area_m2: float, min_width: float) -> Shapes:
    """Join small faces to neighbours until none is left that has one; drop those that have none."""
    while True:
        small = _too_small(faces, min_area_m2, min_width)
        joined = _joined(faces, small)
        if len(joined) == len(faces):
            return faces[~small]
        faces = joined


def _joined(faces: Shapes, small: NDArray[np.bool_]) -> Shapes:
    """Join each small face to the neighbour with the longest common border; at most one large face is in a group."""
    if not small.any():
        return faces
    size = shapely.area(faces)
    i, j, length = coverage.borders(faces)
    inner = i >= 0
    i, j, length = i[inner], j[inner], length[inner]
    start, end = np.concatenate([i, j]), np.concatenate([j, i])
    # the longest border first; of equal ones the larger neighbour
    order = np.lexsort((-size[end], -np.tile(length, 2).round(6), start))
    start, end = start[order], end[order]
    chosen, at = np.unique(start, return_index=True)
    takes = small[chosen]
    giver, taker = chosen[takes], end[at[takes]]
    graph = coo_array((np.ones(len(giver), dtype=np.int8), (giver, taker)), shape=(len(faces), len(faces)))
    count, group = connected_components(graph, directed=False)
    return parts.joined(faces, group.astype(np.intp), count)


def _numbered(
    blocks: Shapes, ground: shapely.Geometry, corner: NDArray[np.float64], ground_crs: object
) -> gpd.GeoDataFrame:
    """Return blocks with identifiers by place, from north to south and west to east."""
    west, _, _, north = shapely.bounds(ground)
    x, y = shapely.get_coordinates(shapely.centroid(blocks)).T
    row = np.floor((north - y) / _SQUARE_M).astype(int)
    column = np.floor((x - west) / _SQUARE_M).astype(int)
    order = np.lexsort((-y, x, column, row))
    table = pd.DataFrame({"row": row[order], "column": column[order]})
    number = table.groupby(["row", "column"]).cumcount() + 1
    keys = [f"JF-{r:02d}{c:02d}-{n:02d}" for r, c, n in zip(table["row"], table["column"], number, strict=True)]
    shapes = snapped.moved(shapely.normalize(blocks[order]), corner)
    columns = {"street_block_id": pd.Series(keys, dtype="str"), "area_m2": shapely.area(shapes)}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=ground_crs)


def _check_measures(**measures: float) -> None:
    """Refuse measures that are no lengths or areas."""
    for name, value in measures.items():
        if not math.isfinite(value) or value < 0:
            raise UsageError(f"{name} is {value}; a number of 0 or more is needed", **{name: value})


def _accepted(
    streets: gpd.GeoDataFrame,
    boundary: gpd.GeoDataFrame,
    waters: gpd.GeoDataFrame | None,
    barriers: gpd.GeoDataFrame | None,
) -> object:
    """Refuse frames that cannot bound street blocks; return their CRS."""
    frames = {"streets": streets, "boundary": boundary, "waters": waters, "barriers": barriers}
    given = {name: frame for name, frame in frames.items() if frame is not None}
    ground_crs = crs.require_same(given)
    kinds = {"streets": 1, "barriers": 1, "boundary": 2, "waters": 2}
    for name, frame in given.items():
        shapes = frame.geometry.to_numpy()
        shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
        if len(shapes) == 0 and name in ("streets", "boundary"):
            raise EmptyError(f"there is no shape in {name}; street blocks need streets and a boundary", layer=name)
        wanted = "lines" if kinds[name] == 1 else "polygons"
        wrong = shapes[shapely.get_dimensions(shapes) != kinds[name]]
        if len(wrong):
            raise FrameError(f"{name} holds {wrong[0].geom_type}; it takes {wanted}", layer=name)
        if kinds[name] == 2 and not shapely.is_valid(shapes).all():
            raise FrameError(f"{name} holds invalid polygons; repair them at intake first", layer=name)
    return ground_crs
