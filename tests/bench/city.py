"""A seeded synthetic city of any size, and the sample town, as GeoParquet for the benchmarks.

Blocks tile a square, parcels tile the blocks, units are groups of parcels drawn (0.37, -0.21) m off, as another
department would, so that every shared border leaves slivers. Catchments are circles of 800 m that overlap each other
about fourteenfold, and walk sheds, jagged rings of 1,500 corners; projects are turned rectangles and Ls; buildings
stand on parcels, and one in twelve strays across its line. Coordinates are in EPSG:4548, most rounded to a millimetre.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gis import sample
from gis.analysis import catchments
from gis.settings import Settings
from tests.bench.agreement import LAYERS

Points = NDArray[np.float64]
Shapes = NDArray[np.object_]

CRS = "EPSG:4548"
ORIGIN = [420_000.0, 4_410_000.0]
SIDE_M = 120.0
UNITS_OFF_M = [0.37, -0.21]
CATCHMENT_M = 800
SEED = 42

TOWN = "town"
# readers that share a file out among threads do so by its row groups
ROW_GROUP = 50_000
# one parcel in so many is drawn anew, so far off, and then lies over its neighbours
REDRAWN_EVERY = 1000
REDRAWN_OFF_M = [0.4, 0.3]


@dataclass(frozen=True)
class Size:
    """Say how much city there is.

    Parameters
    ----------
    side
        Blocks along a side of the square; a block measures about 120 m.
    steps
        Parcels along a side of a block, and corners along each of its edges.
    units, stations, projects, buildings
        How many; buildings at most 1.2 a parcel.
    parcels
        Whether the parcels are written too.
    """

    side: int
    steps: int
    units: int
    stations: int
    projects: int
    buildings: int
    parcels: bool = True


SIZES = {
    "toy": Size(4, 4, units=14, stations=3, projects=20, buildings=100),
    "S": Size(14, 12, units=400, stations=20, projects=500, buildings=30_000),
    "M": Size(71, 14, units=10_000, stations=500, projects=20_000, buildings=1_000_000),
    "L": Size(224, 6, units=100_000, stations=5_000, projects=200_000, buildings=1_000_000, parcels=False),
}


@dataclass(frozen=True)
class Streets:
    """Hold the edges that blocks share, as polylines local to the origin, m.

    `along` runs west to east (columns, rows + 1, corners, 2) and `across` south to north (columns + 1, rows, ...).
    """

    along: Points
    across: Points

    @property
    def sides(self) -> tuple[Points, Points, Points, Points]:
        """South, north, west and east side of every block."""
        return self.along[:, :-1], self.along[:, 1:], self.across[:-1], self.across[1:]


def write(name: str, folder: Path) -> Path:
    """Write the layers of a case unless they lie there already.

    Parameters
    ----------
    name
        One of SIZES, or "town" for the sample town.
    folder
        Where cases are kept; each has a folder there whose name changes with this file.

    Returns
    -------
    pathlib.Path
        The case's folder, with one GeoParquet file a layer.
    """
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    case = folder / f"{name}-{digest}"
    if not case.exists():
        half = folder / f"{name}-{digest}.half"
        half.mkdir(parents=True, exist_ok=True)
        for layer, frame in town() if name == TOWN else city(SIZES[name]):
            frame.to_parquet(half / f"{layer}.parquet", row_group_size=ROW_GROUP)
        half.rename(case)
    return case


def town() -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Take what an overlay needs from the sample town.

    Yields
    ------
    tuple of str and geopandas.GeoDataFrame
        Layers as in `city`; catchments are the outermost rings, floors the storeys above ground.
    """
    layers = sample.town()
    stations = layers["stations"][layers["stations"]["state"] == "operating"]
    rings = catchments.rings(stations, layers["entrances"], Settings().rings)
    outermost = (rings["version"] == "raw") & (rings["radius_m"] == rings["radius_m"].max())
    layers["catchments"] = rings[outermost].reset_index(drop=True)
    for name in (*LAYERS, "parcel"):
        yield name, layers[f"{name}s"][[f"{name}_id", "geometry"]]
    buildings = layers["buildings"].rename(columns={"storeys": "floors"})
    yield "building", buildings[["building_id", "floors", "geometry"]].astype({"floors": "int64"})
    yield "redrawn", _redrawn(layers["parcels"][["parcel_id", "geometry"]])


def city(size: Size) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Draw the synthetic city.

    Parameters
    ----------
    size
        How much of it.

    Yields
    ------
    tuple of str and geopandas.GeoDataFrame
        block, unit, catchment, shed, project, building (floors), parcel (block_id), redrawn: each with a text key in
        `<layer>_id`; `redrawn` is the parcels with some overlaps.

    Notes
    -----
    The order in which random numbers are drawn is part of the city: every step takes them from one generator.
    """
    random = np.random.default_rng(SEED)
    streets = _streets(size, random)
    blocks = _blocks(streets)
    corners = _parcel_corners(streets, size.steps)
    parcels, middles = shapely.polygons(corners), corners[:, :4].mean(1)
    units = _units(size, random, parcels, middles)
    stops = _anywhere(size, random, size.stations)
    circles = shapely.buffer(shapely.points(stops), CATCHMENT_M, quad_segs=16)
    sheds = np.array([_walk_shed(stop, random) for stop in stops])
    projects = _projects(size, random)
    buildings = _buildings(size, random, middles)

    yield "block", _frame("block", blocks)
    yield "unit", _frame("unit", units, status=random.choice(["planned", "review", "built"], len(units)))
    yield "catchment", _frame("catchment", circles)
    yield "shed", _frame("shed", sheds)
    yield "project", _frame("project", projects, budget=random.uniform(1, 100, size.projects))
    yield "building", _frame("building", buildings, floors=random.integers(1, 20, len(buildings)))
    if size.parcels:
        owner = np.repeat(_keys("block", len(blocks)), size.steps**2)
        yield "parcel", _frame("parcel", parcels, block_id=owner)
        yield "redrawn", _redrawn(_frame("parcel", parcels))


def _streets(size: Size, random: np.random.Generator) -> Streets:
    """Shake a grid of crossings and run a jagged edge between neighbours."""
    number = np.arange(size.side + 1)
    x, y = np.meshgrid(number, number, indexing="ij")
    crossings = np.stack([x * SIDE_M, y * SIDE_M], -1) + random.uniform(-18, 18, (size.side + 1, size.side + 1, 2))
    share = np.arange(size.steps + 1) / size.steps

    def edges(begin: Points, end: Points) -> Points:
        line = begin[..., None, :] * (1 - share)[:, None] + end[..., None, :] * share[:, None]
        sideways = np.stack([-(end - begin)[..., 1], (end - begin)[..., 0]], -1)
        sideways /= np.linalg.norm(sideways, axis=-1, keepdims=True)
        swing = random.uniform(-3, 3, line.shape[:-1])
        swing[..., 0] = swing[..., -1] = 0
        return line + sideways[..., None, :] * swing[..., None] * 0.4

    along = edges(crossings[:-1, :], crossings[1:, :])
    return Streets(along, edges(crossings[:, :-1], crossings[:, 1:]))


def _blocks(streets: Streets) -> Shapes:
    south, north, west, east = streets.sides
    ring = np.concatenate([south[:, :, :-1], east[:, :, :-1], north[:, :, :0:-1], west[:, :, ::-1]], 2)
    return shapely.polygons(np.round(ring + ORIGIN, 3).reshape(-1, ring.shape[2], 2))


def _parcel_corners(streets: Streets, steps: int) -> Points:
    """Spread each block's inside between its four sides (a Coons patch); return the rings of its parcels."""
    south, north, west, east = streets.sides
    share = np.arange(steps + 1) / steps
    u, v = share[:, None, None], share[None, :, None]

    def spread(corner: Points) -> Points:
        return corner[:, :, None, None, :]

    sides = (
        (1 - v) * south[:, :, :, None, :]
        + v * north[:, :, :, None, :]
        + (1 - u) * west[:, :, None, :, :]
        + u * east[:, :, None, :, :]
    )
    corners = (
        (1 - u) * (1 - v) * spread(south[:, :, 0])
        + u * (1 - v) * spread(south[:, :, -1])
        + (1 - u) * v * spread(north[:, :, 0])
        + u * v * spread(north[:, :, -1])
    )
    grid = np.round(sides - corners + ORIGIN, 3)
    low, high = slice(None, -1), slice(1, None)
    ring = [(low, low), (high, low), (high, high), (low, high), (low, low)]
    return np.stack([grid[:, :, column, row] for column, row in ring], -2).reshape(-1, 5, 2)


def _units(size: Size, random: np.random.Generator, parcels: Shapes, middles: Points) -> Shapes:
    """Group parcels round seeds, keep seven groups in ten, and draw them a little off."""
    seeds = _anywhere(size, random, int(size.units / 0.7))
    group = cKDTree(seeds).query(middles)[1]
    kept = np.isin(group, random.permutation(len(seeds))[: size.units])
    order = np.argsort(group[kept], kind="stable")
    begins = np.flatnonzero(np.diff(group[kept][order], prepend=-1))
    members = np.split(parcels[kept][order], begins[1:])
    units = np.array([shapely.coverage_union_all(several) for several in members])
    return shapely.transform(units, lambda corners: np.round(corners + UNITS_OFF_M, 3))


def _walk_shed(stop: Points, random: np.random.Generator) -> shapely.Polygon:
    """Draw a jagged ring of 1,500 corners, about 620 m from a stop."""
    turn = np.linspace(0, 2 * np.pi, 1500, endpoint=False)
    waves = sum(np.sin(wave * turn + random.uniform(0, 6.28)) / np.sqrt(wave) for wave in (3, 7, 19, 53))
    reach = 620 * (1 + 0.18 * waves) + random.normal(0, 2, 1500)
    return shapely.Polygon(np.c_[stop[0] + reach * np.cos(turn), stop[1] + reach * np.sin(turn)])


def _projects(size: Size, random: np.random.Generator) -> Shapes:
    count = size.projects
    extent = np.stack([random.uniform(15, 110, count), random.uniform(15, 90, count)], -1)
    angle = random.uniform(0, np.pi, count)
    plain = [[0, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1], [0, 0]]
    cornered = [[0, 0], [1, 0], [1, 0.55], [0.5, 0.55], [0.5, 1], [0, 1], [0, 0]]
    plan = np.where((random.random(count) < 0.5)[:, None, None], cornered, plain) - 0.5
    return _turned(plan, extent, angle, _anywhere(size, random, count))


def _buildings(size: Size, random: np.random.Generator, middles: Points) -> Shapes:
    count = min(size.buildings, int(len(middles) * 1.2))
    lots = np.sort(random.choice(len(middles), count, replace=count > len(middles)))
    lot_m = SIDE_M / size.steps
    extent = np.stack([random.uniform(0.45, 0.9, count) * lot_m, random.uniform(0.45, 0.9, count) * lot_m], -1)
    angle = random.normal(0, 0.12, count)
    plain = [[0, 0], [1, 0], [1, 0.6], [1, 1], [0.45, 1], [0, 1], [0, 0]]
    cornered = [[0, 0], [1, 0], [1, 0.6], [0.45, 0.6], [0.45, 1], [0, 1], [0, 0]]
    plan = np.where((random.random(count) < 0.3)[:, None, None], cornered, plain) - 0.5
    return _turned(plan, extent, angle, middles[lots] + random.normal(0, lot_m * 0.06, (count, 2)))


def _turned(plan: Points, extent: Points, angle: Points, place: Points) -> Shapes:
    """Stretch plans of side 1 to an extent, turn them by an angle and put them in place."""
    x, y = np.moveaxis(plan * extent[:, None, :], -1, 0)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return shapely.polygons(np.round(np.stack([x * cos - y * sin, x * sin + y * cos], -1) + place[:, None], 3))


def _anywhere(size: Size, random: np.random.Generator, count: int) -> Points:
    x, y = ORIGIN
    extent = size.side * SIDE_M
    return np.c_[random.uniform(x, x + extent, count), random.uniform(y, y + extent, count)]


def _redrawn(parcels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Shift some parcels, so that they lie over their neighbours."""
    shapes = parcels.geometry.array.copy()
    some = np.random.default_rng(SEED).permutation(len(shapes))[: max(len(shapes) // REDRAWN_EVERY, 2)]
    shapes[some] = shapely.transform(np.asarray(shapes[some]), lambda corners: corners + REDRAWN_OFF_M)
    return parcels.set_geometry(shapes)


def _keys(layer: str, count: int) -> list[str]:
    return [f"{layer[:2].upper()}{number:07d}" for number in range(count)]


def _frame(layer: str, shapes: Shapes, **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({f"{layer}_id": _keys(layer, len(shapes)), **columns}, geometry=shapes, crs=CRS)
