"""Parcels of the sample town: the ground of each street block, less its streets, divided into plots.

The parcels of a street block tile it exactly: plots, the strip of the railway, and one parcel of road land that reaches
to the street centre-lines. Borders are noded on a grid of 1 mm, so that neighbours share their vertices.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.sample.quarters import QUARTERS
from gis.sample.streets import GRID, WIDTHS, Streets

PLOTS = 432
RAIL_RESERVE_M = 24.0
_LANE = WIDTHS["lane"]


@dataclass(frozen=True)
class Parcels:
    """Parcels with what is known of them before anybody uses them; frozen because land use is decided on it.

    Parameters
    ----------
    shapes : numpy.ndarray of shapely.Polygon or shapely.MultiPolygon
        The parcels, town coordinates.
    street_blocks : numpy.ndarray of int
        Position of the street block in which each parcel lies.
    kinds : numpy.ndarray of str
        "plot", "road" or "rail".
    lanes : numpy.ndarray of shapely.LineString
        Centre lines of the lanes inside street blocks.
    """

    shapes: np.ndarray
    street_blocks: np.ndarray
    kinds: np.ndarray
    lanes: np.ndarray


def subdivide(streets: Streets, rng: np.random.Generator) -> Parcels:
    """Divide the street blocks into parcels.

    Parameters
    ----------
    streets : Streets
        Streets and street blocks.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Parcels
        About 520 parcels in the order of their street blocks.
    """
    reserves = _reserves(streets)
    strips = shapely.intersection(streets.faces, streets.railway.buffer(RAIL_RESERVE_M / 2, cap_style="flat"))
    grounds = shapely.difference(streets.faces, shapely.union(reserves, strips))
    # streets are rounded off at corners, as visibility splays are
    grounds = shapely.intersection(grounds, shapely.buffer(shapely.buffer(grounds, -9.0), 9.0, quad_segs=2))
    plots, lanes = _cut(grounds, streets, rng)
    shapes, owners, kinds = [], [], []
    for position, face in enumerate(streets.faces):
        for shape, kind in _tile(face, plots[position], strips[position]):
            shapes.append(shape)
            owners.append(position)
            kinds.append(kind)
    return Parcels(
        shapes=shapely.normalize(np.array(shapes)),
        street_blocks=np.array(owners),
        kinds=np.array(kinds, dtype=object),
        lanes=shapely.transform(np.array(lanes), lambda xy: np.round(xy, 3)),
    )


def _reserves(streets: Streets) -> np.ndarray:
    widths = np.array([WIDTHS.get(kind, RAIL_RESERVE_M) for kind in streets.edge_classes])
    strips = shapely.buffer(streets.edges, widths / 2.0, quad_segs=4)
    middles = shapely.line_interpolate_point(streets.edges, 0.5, normalized=True)
    tree = shapely.STRtree(streets.faces)
    line, face = tree.query(middles, predicate="dwithin", distance=0.01)
    order = np.argsort(face, kind="stable")
    groups = np.split(line[order], np.flatnonzero(np.diff(face[order])) + 1)
    return np.array([shapely.union_all(strips[group]) for group in groups])


def _cut(
    grounds: np.ndarray, streets: Streets, rng: np.random.Generator
) -> tuple[dict[int, list[shapely.Polygon]], list[shapely.LineString]]:
    queue: list[tuple[float, int, int, bool, shapely.Polygon]] = []
    plots: dict[int, list[shapely.Polygon]] = {position: [] for position in range(len(grounds))}
    lanes: list[shapely.LineString] = []
    serial = count = 0
    for position, ground in enumerate(grounds):
        for part in shapely.get_parts(ground):
            if part.area > 1_500.0:
                heapq.heappush(queue, (-_appetite(part, position, streets, rng), serial, position, True, part))
                serial += 1
    while queue and len(queue) + count < PLOTS:
        _, _, position, whole, part = heapq.heappop(queue)
        quarter = QUARTERS[streets.quarters[position]].name
        lane = whole and quarter not in ("works", "hillside") and part.area > 7.0e4 and _roundness(part) > 0.5
        pieces, line = _split(part, lane, rng)
        if line is not None and lane:
            lanes.append(line.intersection(streets.faces[position]))
        if len(pieces) < 2:
            plots[position] += pieces
            count += len(pieces)
            continue
        for piece in pieces:
            heapq.heappush(queue, (-_appetite(piece, position, streets, rng), serial, position, False, piece))
            serial += 1
    for _, _, position, _, part in sorted(queue, key=lambda entry: entry[1]):
        plots[position].append(part)
    return plots, [line for line in lanes if line.geom_type == "LineString" and line.length > 60.0]


def _appetite(part: shapely.Polygon, position: int, streets: Streets, rng: np.random.Generator) -> float:
    # sizes of real parcels are skewed: chance makes some plots small and leaves a few large
    # housing is rarely sold in plots of more than 9 ha, parks along the river often are one
    weight = 0.3 if _roundness(part) < 0.45 else 6.0 if part.area > 9.0e4 else 1.0
    return (
        weight
        * part.area
        / (QUARTERS[streets.quarters[position]].parcel_ha * 1e4)
        * float(np.exp(rng.normal(0.0, 0.95)))
    )


def _roundness(part: shapely.Polygon) -> float:
    return float(4.0 * np.pi * part.area / part.length**2)


def _split(
    part: shapely.Polygon, lane: bool, rng: np.random.Generator
) -> tuple[list[shapely.Polygon], shapely.LineString | None]:
    ring = shapely.get_coordinates(shapely.minimum_rotated_rectangle(part))
    sides = np.diff(ring[:3], axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    longest = int(np.argmax(lengths))
    start = ring[longest] + sides[longest] * rng.uniform(0.3, 0.7)
    across = sides[1 - longest] * (1.0 if longest == 0 else -1.0)
    tilt = rng.normal(0.0, 0.03)
    across = across + tilt * np.array([-across[1], across[0]])
    middle = start + 0.5 * across
    line = shapely.LineString([middle - across * 0.9, middle + across * 0.9])
    if lane:
        pieces = shapely.get_parts(part.difference(line.buffer(_LANE / 2, cap_style="flat")))
    else:
        pieces = shapely.get_parts(shapely.polygonize([part.boundary.union(line)]))
        pieces = np.array([piece for piece in pieces if part.contains(piece.representative_point())])
    if len(pieces) < 2 or shapely.area(pieces).min() < 1_900.0:
        return [part], None
    order = np.lexsort(shapely.bounds(pieces).T[:2])
    return list(pieces[order]), line


def _tile(face: shapely.Polygon, plots: list[shapely.Polygon], strip: BaseGeometry) -> list[tuple[BaseGeometry, str]]:
    borders: list[BaseGeometry] = [face.boundary, *(plot.boundary for plot in plots)]
    if not strip.is_empty:
        borders.append(strip.boundary)
    noded = shapely.union_all(borders, grid_size=GRID)
    cells = shapely.get_parts(shapely.polygonize([noded]))
    spots = shapely.point_on_surface(cells)
    kinds = np.full(len(cells), -1)
    for number, plot in enumerate(plots):
        kinds[shapely.contains(plot, spots)] = number
    rail = (kinds < 0) & shapely.contains(strip, spots)
    tiled = [(_join(cells[kinds == number]), "plot") for number in range(len(plots)) if (kinds == number).any()]
    for mask, kind in ((rail, "rail"), ((kinds < 0) & ~rail, "road")):
        if mask.any():
            tiled.append((_join(cells[mask]), kind))
    return tiled


def _join(cells: np.ndarray) -> BaseGeometry:
    joined = cells[0] if len(cells) == 1 else shapely.coverage_union_all(cells)
    return shapely.transform(joined, lambda xy: np.round(xy, 3))
