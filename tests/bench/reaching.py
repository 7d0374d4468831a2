"""Ground and doors that are reached on foot: by gis, and by what an analyst writes with shapely and scipy.

Doors: a bent grid of streets with a railway that two streets cross, a station in mid-edge, and parcels whose true walk
is found by trying every street near a door.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import sparse, spatial

from gis.analysis import network as networks
from gis.analysis.catchments import grounds, sheds
from gis.geometry import strands
from tests.bench import walking
from tests.bench.measuring import Job
from tests.bench.walking import CELL_M, CRS, DEPTH_M, LIMITS_S, SPEED_MPS

RADII_M = (500.0, 800.0, 1000.0)
PARCELS = 5_000
SIDE, PITCH_M, MOVED_M, MISSING = 31, 160.0, 30.0, 0.12
CROSSINGS = (6, 24)
WITHIN_M = 400.0

Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Drawn:
    """Hold the ground of stations, a row a station, a column a limit; and what a station took for each limit, ms."""

    shapes: Shapes
    cpu_ms: NDArray[np.float64]
    wall_ms: NDArray[np.float64]

    def __len__(self) -> int:
        return self.shapes.size


class Ground(walking.Walkers):
    """What the stations of a case reach, for those who draw it; the walks themselves are given."""

    def prepare(self) -> None:
        """Build the network, and find what is reached."""
        super().prepare()
        self.points = self.points.iloc[: walking.ENTRANCES * self.size.sheds]
        self.entered = self.enter()
        self.reach = sheds.search(self.network, self.entered, LIMITS_S[-1], workers=1)

    def stretches(self) -> list[list[Shapes]]:
        """Return the stretches of edges that are reached, as lines: by limit and station."""
        network, cost = self.network, np.full(len(self.network.xy), np.inf)
        lines = (network.begin, network.line_xy)
        found = [
            [
                strands.reached(network.graph, lines, self.entered.starts, self.reach, station, limit, cost)
                for station in range(self.size.sheds)
            ]
            for limit in LIMITS_S
        ]
        return [[shapely.linestrings(each.reshape(-1, 2, 2)) for each in row] for row in found]


def ours(data: Ground) -> Drawn:
    """Draw sheds with gis, from the walks to the polygons.

    Parameters
    ----------
    data
        What is reached.

    Returns
    -------
    Drawn
    """
    found = []

    def draw(limit: float) -> None:
        seen = grounds.sight(data.network, DEPTH_M, CELL_M)
        found.append(grounds.raw(data.network, data.entered, data.reach, [limit], seen, CELL_M))

    _, cpu, wall = walking.timed(data.size.sheds, draw)
    return Drawn(np.concatenate(found, axis=1), cpu, wall)


class Buffered(Ground):
    """The same with the reached stretches as lines, which cost shapely nothing here."""

    def prepare(self) -> None:
        """Build the network, and find what is reached."""
        super().prepare()
        self.lines = self.stretches()


def theirs(data: Buffered) -> Drawn:
    """Draw sheds with shapely: buffers around the stretches, united, cut at railways, kept where a stretch lies.

    Parameters
    ----------
    data
        What is reached.

    Returns
    -------
    Drawn
    """
    barriers, found = np.asarray(data.railways.geometry), []

    def draw(limit: float) -> None:
        rows = data.lines[LIMITS_S.index(limit)]
        found.append([_kept(shapely.union_all(shapely.buffer(lines, DEPTH_M)), lines, barriers) for lines in rows])

    _, cpu, wall = walking.timed(data.size.sheds, draw)
    return Drawn(np.array(found, dtype=object).T, cpu, wall)


def _kept(ground: shapely.Geometry, lines: Shapes, barriers: Shapes) -> shapely.Geometry:
    """Cut ground at barriers and keep what a line reaches."""
    across = barriers[shapely.intersects(barriers, ground)]
    if len(across) == 0:
        return ground
    inner = shapely.intersection(across, shapely.envelope(ground))
    drawn = shapely.union_all([shapely.boundary(ground), *inner])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(drawn)))
    shapely.prepare(ground)
    faces = faces[shapely.contains(ground, shapely.point_on_surface(faces))]
    reached = np.unique(shapely.STRtree(lines).query(faces, predicate="intersects")[0])
    return shapely.union_all(faces[reached])


def keep(case: Path, answer: Drawn, file: Path) -> None:
    """Write the ground, and how long it took.

    Parameters
    ----------
    case
        Folder of the case.
    answer
        What was drawn.
    file
        Where to.
    """
    text = shapely.to_wkb(answer.shapes.reshape(-1), hex=True).astype(str).reshape(answer.shapes.shape)
    np.savez(file, wkb=text, cpu_ms=answer.cpu_ms, wall_ms=answer.wall_ms, stations=len(answer.shapes))


def likeness(first: Path, second: Path) -> tuple[float, float]:
    """Return the worst and the mean of common ÷ joint ground.

    Parameters
    ----------
    first, second
        Files of `keep`.

    Returns
    -------
    tuple of float
    """
    shapes = []
    for file in (first, second):
        with np.load(file) as held:
            shapes.append(shapely.from_wkb(held["wkb"].astype(object)))
    share = shapely.area(shapely.intersection(*shapes)) / shapely.area(shapely.union(*shapes))
    return float(share.min()), float(share.mean())


def write(seed: int, cache: Path, parcels: int = PARCELS) -> Path:
    """Write streets, a railway, a station and parcels with the true walk to each, m.

    Parameters
    ----------
    seed
        Of all that is random.
    cache
        Where cases are kept.
    parcels
        How many.

    Returns
    -------
    pathlib.Path
        Folder with ways, railways, entrances and parcels as Parquet, and truth.npz.
    """
    folder = cache / f"doors-{seed}-{parcels}"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    xy, ends = _town(rng)
    lines = np.asarray(shapely.linestrings(xy[ends]), dtype=object)
    east = (SIDE // 2 + 0.5) * PITCH_M
    railway = shapely.LineString([(east, -500), (east, SIDE * PITCH_M + 500)])
    kind = np.where(shapely.crosses(lines, railway), "crossing", "footway")
    doors = shapely.points(rng.uniform(2 * PITCH_M, (SIDE - 3) * PITCH_M, (parcels, 2)))
    station = shapely.Point(east - 90, (SIDE // 2) * PITCH_M + 20)
    truth = _truth(xy, ends, railway, np.r_[doors, [station]])
    names = [f"{number:05d}" for number in range(parcels)]
    ways = gpd.GeoDataFrame({"walkway_id": np.arange(len(ends)).astype(str), "kind": kind}, geometry=lines, crs=CRS)
    ways.to_parquet(folder / "ways.parquet")
    gpd.GeoDataFrame(geometry=[railway], crs=CRS).to_parquet(folder / "railways.parquet")
    gpd.GeoDataFrame({"parcel_id": names}, geometry=doors, crs=CRS).to_parquet(folder / "parcels.parquet")
    entrance = gpd.GeoDataFrame({"entrance_id": ["A"], "station_id": ["S"]}, geometry=[station], crs=CRS)
    entrance.to_parquet(folder / "entrances.parquet")
    by_node = _by_node(xy, ends, np.r_[doors, [station]])
    np.savez(folder / "truth.npz", metres=truth, by_node=by_node, circle=shapely.distance(doors, station))
    return folder


def _town(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return nodes and edges of streets that hang together; two edges cross the railway."""
    column, row = np.divmod(np.arange(SIDE * SIDE), SIDE)
    xy = np.stack([column, row], axis=1) * PITCH_M + rng.uniform(-MOVED_M, MOVED_M, (SIDE * SIDE, 2))
    number = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    east = np.stack([number[:-1].reshape(-1), number[1:].reshape(-1)], axis=1)
    north = np.stack([number[:, :-1].reshape(-1), number[:, 1:].reshape(-1)], axis=1)
    across = column[east[:, 0]] == SIDE // 2
    wanted = np.concatenate([np.where(across, 2.0, rng.random(len(east))), rng.random(len(north))])
    ends = np.concatenate([east, north])
    there = np.r_[~across | np.isin(row[east[:, 0]], CROSSINGS), np.ones(len(north), bool)]
    ends, wanted = ends[there], wanted[there]
    # a tree holds everything together; of the rest some is missing
    graph = sparse.coo_array((1 + rng.random(len(ends)), tuple(ends.T)), shape=(len(xy), len(xy))).tocsr()
    tree = sparse.csgraph.minimum_spanning_tree(graph).tocoo()
    held = np.isin(ends[:, 0] * len(xy) + ends[:, 1], tree.row.astype(np.int64) * len(xy) + tree.col)
    return xy, ends[held | (wanted >= 2 * MISSING)]


def _truth(
    xy: NDArray[np.float64], ends: NDArray[np.int64], railway: shapely.LineString, places: Shapes
) -> NDArray[np.float64]:
    """Return the walk from the last place to each other one, legs along straight lines on one side of the railway."""
    lines = np.asarray(shapely.linestrings(xy[ends]), dtype=object)
    place, edge = shapely.STRtree(lines).query(places, predicate="dwithin", distance=WITHIN_M)
    legs = shapely.shortest_line(places[place], lines[edge])
    free = ~shapely.crosses(legs, railway)
    table = pd.DataFrame({"place": place, "edge": edge, "leg": shapely.length(legs)})[free]
    best = table.sort_values(["place", "leg", "edge"]).drop_duplicates("place").set_index("place")
    best = best.reindex(range(len(places)))
    edge, leg = best["edge"].to_numpy(dtype=int), best["leg"].to_numpy()
    along, whole = shapely.line_locate_point(lines[edge], places), shapely.length(lines)[edge]
    spot = len(xy)
    more = [[spot, ends[edge[-1], 0], along[-1]], [spot, ends[edge[-1], 1], whole[-1] - along[-1]]]
    rows = np.concatenate([np.c_[ends, shapely.length(lines)], more])
    graph = sparse.coo_array((rows[:, 2], tuple(rows[:, :2].astype(int).T)), shape=(spot + 1, spot + 1)).tocsr()
    far = sparse.csgraph.dijkstra(graph, directed=False, indices=spot)
    walked = np.minimum(far[ends[edge, 0]] + along, far[ends[edge, 1]] + whole - along)
    walked = np.where(edge == edge[-1], np.minimum(walked, np.abs(along - along[-1])), walked)
    return (walked + leg + leg[-1])[:-1]


def _by_node(xy: NDArray[np.float64], ends: NDArray[np.int64], places: Shapes) -> NDArray[np.float64]:
    """Return walks as node-to-node tools find them, from the node nearest to the last place to that of each other."""
    metres = np.hypot(*(xy[ends[:, 0]] - xy[ends[:, 1]]).T)
    graph = sparse.coo_array((metres, tuple(ends.T)), shape=(len(xy), len(xy))).tocsr()
    node = spatial.cKDTree(xy).query(shapely.get_coordinates(places))[1]
    return sparse.csgraph.dijkstra(graph, directed=False, indices=node[-1])[node[:-1]]


def doors(frames: dict[str, gpd.GeoDataFrame], threads: int) -> NDArray[np.float64]:
    """Return metres walked to each parcel, with gis from the layers to the sheds; infinite beyond the last radius.

    Parameters
    ----------
    frames
        Layers of a case.
    threads
        How many.

    Returns
    -------
    numpy.ndarray
    """
    network = networks.build(frames["ways"], frames["railways"])
    minutes = [radius / SPEED_MPS / 60 for radius in RADII_M]
    things = {"parcel": frames["parcels"]}
    found = sheds.walksheds(network, frames["entrances"], minutes, things=things, workers=threads)
    seconds = found.reached["parcel"].set_index("parcel_id")["seconds"].reindex(frames["parcels"]["parcel_id"])
    return seconds.fillna(np.inf).to_numpy() * SPEED_MPS


def _layers(case: Path) -> dict[str, gpd.GeoDataFrame]:
    return {name: gpd.read_parquet(case / f"{name}.parquet") for name in ("ways", "railways", "entrances", "parcels")}


def misplaced(truth: NDArray[np.float64], metres: NDArray[np.float64]) -> list[int]:
    """Return how many parcels are on the wrong side of each radius.

    Parameters
    ----------
    truth, metres
        Walks, m.

    Returns
    -------
    list of int
    """
    return [int(((truth <= radius) != (metres <= radius)).sum()) for radius in RADII_M]


def _drawer(read: Any, run: Any) -> Job:
    return Job(lambda data, threads: run(data), read=read, prepare=lambda data: data.prepare(), keep=keep)


JOBS = {
    "gis": _drawer(Ground, ours),
    "each buffered": _drawer(Buffered, theirs),
    "doors": Job(
        lambda data, threads: doors(data, threads),
        read=_layers,
        keep=lambda case, answer, file: np.savez(file, metres=answer),
    ),
}
