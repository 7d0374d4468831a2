"""Territories of the sample town: control-plan blocks, townships and the district.

Blocks gather the ground between main roads and reach into the hills and across the river; they leave the far slopes
out. Townships follow the blocks only in part: one border cuts a block in two, and two townships claim the same ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.sample.streets import GRID, Streets
from gis.sample.terrain import Terrain

# a point in each block, town coordinates
_SEEDS = (
    (2_800, 4_950), (2_200, 4_150), (1_080, 3_330), (1_500, 2_600), (2_620, 3_200), (2_500, 2_150), (820, 1_600),
    (1_050, 480), (2_500, 700), (3_850, 2_750),
)  # fmt: skip
# blocks of each township; the border between the first two runs through block 5
_TOWNSHIPS = ((0, 1, 4), (5, 7, 8, 9, 3), (2, 6, 3))
_STRADDLING = 5
_BORDER_NORTHING = 2_150.0
_SLOPE_M = 300.0
_TOGETHER_M2 = 45e4
_SIZES_KM2 = (0.92, 2.76)


@dataclass(frozen=True)
class Territories:
    """Borders that somebody decided; frozen because they are given.

    Parameters
    ----------
    blocks, townships : numpy.ndarray of BaseGeometry
        Control-plan blocks and townships.
    district : shapely.Polygon
        The district.
    far_slopes : BaseGeometry
        Ground of the district that belongs to no block.
    block_of : numpy.ndarray of int
        Block of each street block.
    block_townships : list of tuple of int
        Townships in which each block lies.
    """

    blocks: np.ndarray
    townships: np.ndarray
    district: shapely.Polygon
    far_slopes: BaseGeometry
    block_of: np.ndarray
    block_townships: list[tuple[int, ...]]


def draw(streets: Streets, terrain: Terrain) -> Territories:
    """Draw the borders.

    Parameters
    ----------
    streets : Streets
        Street blocks and the ground between main roads in which they lie.
    terrain : Terrain
        The ground.

    Returns
    -------
    Territories
        Ten blocks of 0.9 to 2.8 km², three townships of which two overlap, the district.
    """
    block_of, cells, owners, blocks = _balance(streets, terrain)
    slopes = shapely.coverage_union_all(cells[owners < 0])
    north = _northern(cells, owners)
    townships = []
    for number, members in enumerate(_TOWNSHIPS):
        mask = np.isin(owners, members) & ~((owners == _STRADDLING) & north)
        if number == 0:
            mask |= (owners == _STRADDLING) & north
        if number == 2:
            mask |= owners < 0
        townships.append(shapely.coverage_union_all(cells[mask]))
    inside = [tuple(n for n, members in enumerate(_TOWNSHIPS) if block in members) for block in range(len(_SEEDS))]
    inside[_STRADDLING] = (0, 1)
    return Territories(
        blocks=_rounded(np.array(blocks)),
        townships=_rounded(np.array(townships)),
        district=_rounded(np.array([shapely.coverage_union_all(cells)]))[0],
        far_slopes=_rounded(np.array([slopes]))[0],
        block_of=block_of,
        block_townships=inside,
    )


def _balance(streets: Streets, terrain: Terrain) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[BaseGeometry]]:
    # a block that came out too small or too large gains or loses reach, until all are of a usual size
    reach = np.zeros(len(_SEEDS))
    for _ in range(20):
        block_of = _assign(streets, reach)
        cores = [shapely.coverage_union_all(streets.faces[block_of == block]) for block in range(len(_SEEDS))]
        cells, owners = _extend(cores, streets, terrain)
        blocks = [shapely.coverage_union_all(cells[owners == block]) for block in range(len(_SEEDS))]
        km2 = shapely.area(blocks) / 1e6
        if km2.min() >= _SIZES_KM2[0] and km2.max() <= _SIZES_KM2[1]:
            break
        reach += np.where(km2 < _SIZES_KM2[0], 90.0, np.where(km2 > _SIZES_KM2[1], -90.0, 0.0))
    return block_of, cells, owners, blocks


def _assign(streets: Streets, reach: np.ndarray) -> np.ndarray:
    # street blocks between the same main roads stay together, unless the roads are far apart
    spots = shapely.get_coordinates(shapely.point_on_surface(streets.faces))
    areas = shapely.area(streets.faces)
    block_of = np.zeros(len(areas), dtype=int)
    for precinct in np.unique(streets.precincts):
        members = streets.precincts == precinct
        middle = np.average(spots[members], axis=0, weights=areas[members])
        places = (
            np.broadcast_to(middle, spots[members].shape) if areas[members].sum() < _TOGETHER_M2 else spots[members]
        )
        away = np.hypot(*np.moveaxis(places[:, None, :] - np.array(_SEEDS)[None], 2, 0))
        block_of[members] = np.argmin(away - reach, axis=1)
    return _connect(block_of, streets.faces)


def _connect(block_of: np.ndarray, faces: np.ndarray) -> np.ndarray:
    # a street block cut off from the rest of its block goes to the neighbour with the longest common border
    for block in range(len(_SEEDS)):
        members = np.flatnonzero(block_of == block)
        parts = shapely.get_parts(shapely.coverage_union_all(faces[members]))
        largest = max(parts, key=shapely.area)
        for member in members[~shapely.contains(largest, shapely.point_on_surface(faces[members]))]:
            others = np.flatnonzero(block_of != block)
            border = shapely.length(shapely.intersection(faces[others], faces[member]))
            totals = np.bincount(block_of[others], weights=border, minlength=len(_SEEDS))
            block_of[member] = int(np.argmax(totals))
    return block_of


def _extend(cores: list[BaseGeometry], streets: Streets, terrain: Terrain) -> tuple[np.ndarray, np.ndarray]:
    town = shapely.coverage_union_all(streets.faces)
    rest = terrain.district.difference(town)
    lines = [core.boundary for core in cores] + [terrain.district.boundary, town.buffer(_SLOPE_M, quad_segs=6).boundary]
    lines += _rays(cores, town, terrain)
    noded = shapely.union_all(lines, grid_size=GRID)
    cells = shapely.get_parts(shapely.polygonize([noded]))
    spots = shapely.point_on_surface(cells)
    keep = shapely.dwithin(spots, terrain.district, 0.0)
    cells, spots = cells[keep], spots[keep]
    owners = np.full(len(cells), -2)
    for block, core in enumerate(cores):
        shapely.prepare(core)
        owners[shapely.contains(core, spots)] = block
    loose = np.flatnonzero(owners == -2)
    far = (shapely.distance(spots[loose], town) > _SLOPE_M) & (shapely.get_x(spots[loose]) < 2_400.0)
    owners[loose[far]] = -1
    _adopt(cells, owners, cores, rest)
    order = np.lexsort(np.round(shapely.get_coordinates(spots), 1).T)
    return cells[order], owners[order]


def _rays(cores: list[BaseGeometry], town: BaseGeometry, terrain: Terrain) -> list[shapely.LineString]:
    # where two blocks meet at the edge of the town, their border goes on into the hills or across the river
    rays = []
    rim = town.boundary
    for first in range(len(cores)):
        for second in range(first + 1, len(cores)):
            shared = shapely.get_parts(shapely.line_merge(cores[first].intersection(cores[second])))
            ends = {tuple(np.round(xy, 3)) for line in shared if line.length > 1.0
                    for xy in shapely.get_coordinates(line)[[0, -1]]}  # fmt: skip
            for x, y in sorted(ends):
                spot = shapely.Point(x, y)
                if rim.distance(spot) > 0.01:
                    continue
                if terrain.river.distance(spot) > 30.0:
                    rays.append(shapely.LineString([(x, y), (x - 2_500.0, y + 350.0)]))
                else:
                    water = shapely.get_coordinates(shapely.shortest_line(spot, terrain.river_line))
                    heading = (water[1] - water[0]) / np.hypot(*(water[1] - water[0]))
                    rays.append(shapely.LineString([(x, y), tuple(np.array([x, y]) + heading * 420.0)]))
    shore = shapely.line_merge(terrain.east_town.exterior.intersection(terrain.river.buffer(3.0)))
    shore = max(shapely.get_parts(shore), key=shapely.length)
    middle = np.array(terrain.east_town.centroid.coords[0])
    for end in shapely.get_coordinates(shore)[[0, -1]]:
        # inland, so that the far bank is parted from the river
        heading = np.array([0.75, 0.66 * np.sign(end[1] - middle[1])])
        rays.append(shapely.LineString([end, end + 320.0 * heading]))
    return [_outside(ray, town) for ray in rays]


def _outside(ray: shapely.LineString, town: BaseGeometry) -> shapely.LineString:
    start = shapely.Point(ray.coords[0])
    parts = shapely.get_parts(ray.difference(town.buffer(1e-4)))
    part = min(parts, key=lambda piece: piece.distance(start))
    coordinates = shapely.get_coordinates(part)
    near_first = np.hypot(*(coordinates[0] - ray.coords[0])) < np.hypot(*(coordinates[-1] - ray.coords[0]))
    ordered = coordinates if near_first else coordinates[::-1]
    # begins exactly at the junction, ends a little inside whatever it meets
    tip = ordered[-1] + (ordered[-1] - ordered[0]) / np.hypot(*(ordered[-1] - ordered[0])) * 0.05
    return shapely.LineString([ray.coords[0], *ordered[1:-1], tuple(tip)])


def _adopt(cells: np.ndarray, owners: np.ndarray, cores: list[BaseGeometry], rest: BaseGeometry) -> None:
    # each piece of river and hillside joins the block with which it shares the longest border
    held = list(cores)
    while (owners == -2).any():
        loose = np.flatnonzero(owners == -2)
        borders = np.array(
            [[shapely.length(shapely.intersection(cells[cell], core)) for core in held] for cell in loose]
        )
        cell = int(np.argmax(borders.max(axis=1)))
        if borders[cell].max() <= 0.0:
            owners[loose] = -1
            return
        block = int(np.argmax(borders[cell]))
        owners[loose[cell]] = block
        held[block] = shapely.union(held[block], cells[loose[cell]])


def _northern(cells: np.ndarray, owners: np.ndarray) -> np.ndarray:
    return shapely.get_y(shapely.centroid(cells)) > _BORDER_NORTHING


def _rounded(shapes: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.normalize(shapely.transform(shapes, lambda xy: np.round(xy, 3))))
