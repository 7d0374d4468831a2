"""Streets to walk on, and everyone who walks them: gis, scipy, pandana, networkx, and shapely for the ground reached.

The streets are a bent grid drawn from a seed: nodes are moved, edges have a bend, some are missing, and railways run
through that are crossed only here and there. All contestants get the same nodes and edges; gis gets them as lines.
"""

from __future__ import annotations

import importlib
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import sparse, spatial

from gis import compiled
from gis.analysis import network as networks
from gis.analysis.catchments import entries, grounds, sheds
from tests.bench.measuring import Job

CRS = "EPSG:4546"
SPEED_MPS = 1.25
MINUTES = (5, 10, 15)
LIMITS_S = tuple(60.0 * minutes for minutes in MINUTES)
PITCH_M = 60.0
MOVED_M = 12.0
MISSING = 0.1
ENTRANCES = 4
# entrances lie so far from their station at most
SPREAD_M = 90.0
DEPTH_M = 50.0
CELL_M = 5.0
# a railway every so many columns, and a way across it in every so many rows
RAILWAY, CROSSING = 25, 12
SEED = 5


class Size(NamedTuple):
    """Say how large a case is, and at how many stations the slow contestants are measured."""

    side: int
    stations: int
    copied: int
    sheds: int


SIZES = {
    "toy": Size(30, 6, 2, 3),
    "0.2M": Size(334, 500, 25, 20),
    "1M": Size(747, 500, 25, 20),
}


@dataclass(frozen=True)
class Streets:
    """Hold what all contestants get.

    Parameters
    ----------
    xy
        Nodes, m.
    ends
        First and last node of each edge.
    metres
        Length of each edge.
    entrances
        Nodes at which the stations are entered, a row a station.
    """

    xy: NDArray[np.float64]
    ends: NDArray[np.int64]
    metres: NDArray[np.float64]
    entrances: NDArray[np.int64]


@dataclass(frozen=True)
class Reached:
    """Hold the nodes that stations reach, one row a station and node, and what that took for each limit.

    Parameters
    ----------
    station, node
        Positions.
    seconds
        Of the walk.
    cpu_ms, wall_ms
        Time a station, for each of LIMITS_S.
    stations
        How many were asked for.
    enter_s
        Processor seconds to find where entrances meet the network.
    """

    station: NDArray[np.int64]
    node: NDArray[np.int64]
    seconds: NDArray[np.float64]
    cpu_ms: NDArray[np.float64]
    wall_ms: NDArray[np.float64]
    stations: int
    enter_s: float = 0.0

    def __len__(self) -> int:
        return len(self.node)


def write(name: str, cache: Path) -> Path:
    """Write a case unless it lies there already.

    Parameters
    ----------
    name
        One of SIZES.
    cache
        Where cases are kept.

    Returns
    -------
    pathlib.Path
        Folder with streets.npz, ways.parquet, railways.parquet, and the entrances at nodes and beside the streets.
    """
    folder = cache / f"walking-{name}-{SEED}-{SIZES[name].side}"
    if folder.exists():
        return folder
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    rng = np.random.default_rng(SEED)
    xy, ends, kind, railways = _grid(SIZES[name].side, rng)
    lines = _bent(xy, ends, rng)
    entrances, beside = _entrances(xy, SIZES[name].stations, rng)
    np.savez(half / "streets.npz", xy=xy, ends=ends, metres=shapely.length(lines), entrances=entrances)
    ways = gpd.GeoDataFrame({"walkway_id": np.arange(len(lines)).astype(str), "kind": kind}, geometry=lines, crs=CRS)
    ways.to_parquet(half / "ways.parquet")
    gpd.GeoDataFrame(geometry=railways, crs=CRS).to_parquet(half / "railways.parquet")
    _points(xy[entrances.reshape(-1)]).to_parquet(half / "entrances.parquet")
    _points(beside.reshape(-1, 2)).to_parquet(half / "beside.parquet")
    half.rename(folder)
    return folder


def _grid(
    side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.object_], NDArray[np.object_]]:
    """Return nodes, edges that hang together, their kinds, and railways."""
    number = np.arange(side * side).reshape(side, side)
    column, row = np.divmod(np.arange(side * side), side)
    moved = rng.uniform(-MOVED_M, MOVED_M, (side * side, 2))
    xy = np.stack([column, row], axis=1) * PITCH_M + moved + [500_000, 4_400_000]
    east = np.stack([number[:-1].reshape(-1), number[1:].reshape(-1)], axis=1)
    north = np.stack([number[:, :-1].reshape(-1), number[:, 1:].reshape(-1)], axis=1)
    across = column[east[:, 0]] % RAILWAY == RAILWAY // 2
    bridge = across & (row[east[:, 0]] % CROSSING == CROSSING // 2)
    kept = np.where(across, bridge, rng.random(len(east)) >= MISSING)
    ends = np.concatenate([east[kept], north[rng.random(len(north)) >= MISSING]])
    kind = np.full(len(ends), "footway", dtype=object)
    kind[: kept.sum()][bridge[kept]] = "bridge"
    graph = sparse.coo_array((np.ones(len(ends), bool), tuple(ends.T)), shape=(side * side, side * side))
    _, part = sparse.csgraph.connected_components(graph, directed=False)
    used = part == np.bincount(part).argmax()
    kept = used[ends[:, 0]]
    low, high = xy.min(axis=0) - PITCH_M, xy.max(axis=0) + PITCH_M
    middle = 500_000 + (np.arange(RAILWAY // 2, side - 1, RAILWAY) + 0.5) * PITCH_M
    railways = shapely.linestrings(np.array([[[x, low[1]], [x, high[1]]] for x in middle]).reshape(-1, 2, 2))
    return xy[used], (np.cumsum(used) - 1)[ends[kept]], kind[kept], np.asarray(railways, dtype=object)


def _bent(xy: NDArray[np.float64], ends: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.object_]:
    """Return edges as lines with a bend."""
    first, last = xy[ends[:, 0]], xy[ends[:, 1]]
    bend = (first + last) / 2 + rng.uniform(-MOVED_M / 2, MOVED_M / 2, first.shape)
    return np.asarray(shapely.linestrings(np.stack([first, bend, last], axis=1)), dtype=object)


def _entrances(
    xy: NDArray[np.float64], stations: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the nodes at which stations are entered, and places near them beside the streets."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    middle = rng.uniform(low + (high - low) * 0.05, high - (high - low) * 0.05, (stations, 2))
    places = middle[:, None] + rng.uniform(-SPREAD_M, SPREAD_M, (stations, ENTRANCES, 2))
    return spatial.cKDTree(xy).query(places)[1], places


def _points(xy: NDArray[np.float64]) -> gpd.GeoDataFrame:
    """Return entrances as a layer; names sort in the order of the rows."""
    station = np.repeat(np.arange(len(xy) // ENTRANCES), ENTRANCES)
    names = [f"{number:04d}-{count % ENTRANCES}" for count, number in enumerate(station)]
    keys = [f"{number:04d}" for number in station]
    return gpd.GeoDataFrame({"entrance_id": names, "station_id": keys}, geometry=shapely.points(xy), crs=CRS)


def streets(case: Path) -> Streets:
    """Read what all contestants get.

    Parameters
    ----------
    case
        Folder of the case.

    Returns
    -------
    Streets
    """
    with np.load(case / "streets.npz") as held:
        return Streets(**held)


def searched(stations: int, search: Callable[[int, float], tuple[NDArray[Any], NDArray[Any]]]) -> Reached:
    """Ask for one station after the other, for each limit.

    Parameters
    ----------
    stations
        How many.
    search
        Takes a station and the limit in seconds, gives nodes and seconds.

    Returns
    -------
    Reached
    """

    def all_of(limit: float) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        return [search(station, limit) for station in range(stations)]

    found, cpu, wall = timed(stations, all_of)
    station = np.repeat(np.arange(stations), [len(nodes) for nodes, _ in found])
    nodes, seconds = (np.concatenate(part) for part in zip(*found, strict=True))
    return Reached(station, nodes, seconds, cpu, wall, stations)


def timed(stations: int, search: Callable[[float], Any]) -> tuple[Any, NDArray[np.float64], NDArray[np.float64]]:
    """Measure a search for each limit.

    Parameters
    ----------
    stations
        How many are searched from.
    search
        Takes the limit in seconds.

    Returns
    -------
    tuple
        The answer for the last limit, and milliseconds a station of processor and wall clock for each.
    """
    spent = []
    for limit in LIMITS_S:
        wall, cpu = time.perf_counter(), time.process_time()
        found = search(limit)
        spent.append([time.process_time() - cpu, time.perf_counter() - wall])
    return found, *(np.array(spent).T * 1e3 / stations)


def keep(case: Path, answer: Reached, file: Path) -> None:
    """Write what is reached, sorted, and how long it took.

    Parameters
    ----------
    case
        Folder of the case.
    answer
        What was reached.
    file
        Where to.
    """
    order = np.lexsort((answer.node, answer.station))
    rows = {name: getattr(answer, name)[order] for name in ("station", "node", "seconds")}
    told = {name: getattr(answer, name) for name in ("cpu_ms", "wall_ms", "stations", "enter_s")}
    np.savez(file, **rows, **told)


class Peer:
    """A contestant that first builds its graph of the streets and then searches it.

    Parameters
    ----------
    case
        Folder of the case.
    build
        Makes the graph.
    search
        Takes graph, entrances and limit in seconds, gives nodes and seconds; None where all stations are searched at
        once.
    copied
        Whether it is so slow that a few stations have to do.
    """

    def __init__(
        self,
        case: Path,
        build: Callable[[Streets], Any],
        search: Callable[..., Any] | None = None,
        copied: bool = False,
    ) -> None:
        self.streets, self.graph = streets(case), None
        self._build, self._search = build, search
        size = SIZES[case.name.split("-")[1]]
        self.stations = size.copied if copied else size.stations

    def prepare(self) -> None:
        """Build the graph."""
        self.graph = self._build(self.streets)

    def run(self) -> Reached:
        """Search from one station after the other."""
        return searched(self.stations, lambda n, limit: self._search(self.graph, self.streets.entrances[n], limit))

    @classmethod
    def job(cls, build: Callable[[Streets], Any], search: Callable[..., Any], *, copied: bool = False) -> Job:
        """Return the contestant as a job."""
        return Job(
            lambda data, threads: data.run(),
            read=partial(cls, build=build, search=search, copied=copied),
            prepare=cls.prepare,
            keep=keep,
        )


def _scipy_graph(data: Streets) -> sparse.csr_array:
    ends = np.concatenate([data.ends, data.ends[:, ::-1]])
    seconds = np.tile(data.metres / SPEED_MPS, 2)
    return sparse.coo_array((seconds, tuple(ends.T)), shape=(len(data.xy), len(data.xy))).tocsr()


def _scipy_search(graph: sparse.csr_array, nodes: NDArray[Any], limit: float) -> tuple[NDArray[Any], NDArray[Any]]:
    seconds = sparse.csgraph.dijkstra(graph, indices=nodes, min_only=True, limit=limit)
    there = np.flatnonzero(np.isfinite(seconds))
    return there, seconds[there]


def _pandana_graph(data: Streets) -> Any:
    first, last = (pd.Series(column) for column in data.ends.T)
    x, y = (pd.Series(column) for column in data.xy.T)
    return importlib.import_module("pandana").Network(x, y, first, last, pd.DataFrame({"metres": data.metres}))


def _pandana_search(data: Peer) -> Reached:
    """Ask for the entrances of all stations at once: each call looks all nodes' names up."""
    station = np.repeat(np.arange(data.stations), ENTRANCES)
    sources = pd.DataFrame({"station": station, "source": data.streets.entrances.reshape(-1)}).drop_duplicates()

    def search(limit: float) -> pd.Series:
        found = data.graph.nodes_in_range(sources["source"].unique(), limit * SPEED_MPS)
        return found.merge(sources, on="source").groupby(["station", "destination"])["metres"].min()

    found, cpu, wall = timed(data.stations, search)
    station, node = (found.index.get_level_values(level).to_numpy() for level in (0, 1))
    return Reached(station, node, found.to_numpy() / SPEED_MPS, cpu, wall, data.stations)


def _networkx_graph(data: Streets) -> Any:
    graph = importlib.import_module("networkx").Graph()
    graph.add_weighted_edges_from(zip(*data.ends.T.tolist(), (data.metres / SPEED_MPS).tolist(), strict=True))
    return graph


def _pairs(found: Iterable[tuple[int, float]]) -> tuple[NDArray[Any], NDArray[Any]]:
    rows = np.array(list(found), dtype=float).reshape(-1, 2)
    return rows[:, 0].astype(np.int64), rows[:, 1]


def _networkx_search(graph: Any, nodes: NDArray[Any], limit: float) -> tuple[NDArray[Any], NDArray[Any]]:
    search = importlib.import_module("networkx").multi_source_dijkstra_path_length
    return _pairs(search(graph, set(nodes.tolist()), cutoff=limit).items())


def _ego_search(graph: Any, nodes: NDArray[Any], limit: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Take the graph around each entrance, as isochrones are made with OSMnx; the nodes have no seconds."""
    networkx = importlib.import_module("networkx")
    around = [networkx.ego_graph(graph, node, radius=limit, distance="weight") for node in nodes.tolist()]
    return _pairs((node, np.nan) for node in set().union(*around))


class Walkers:
    """gis on the streets of a case.

    Parameters
    ----------
    case
        Folder of the case.
    layer
        Which entrances: "entrances" at nodes, or "beside" the streets.
    warm
        Whether the kernels are loaded before anything is timed.
    """

    def __init__(self, case: Path, layer: str = "entrances", warm: bool = True) -> None:
        self.ways, self.railways = gpd.read_parquet(case / "ways.parquet"), gpd.read_parquet(case / "railways.parquet")
        self.points = gpd.read_parquet(case / f"{layer}.parquet")
        self.size, self.nodes = SIZES[case.name.split("-")[1]], streets(case).xy
        if warm:
            self._load(case)

    def _load(self, case: Path) -> None:
        """Walk a few ways, so that the kernels are in memory."""
        few = self.ways.iloc[:: max(len(self.ways) // 1000, 1)]
        with compiled.insisted():
            network = networks.build(few, self.railways)
            entered = entries.enter(network, self.points.iloc[:ENTRANCES])
            reach = sheds.search(network, entered, LIMITS_S[0], workers=1)
            seen = grounds.sight(network, DEPTH_M, CELL_M)
            grounds.raw(network, entered, reach, LIMITS_S[:1], seen, CELL_M)

    def prepare(self) -> None:
        """Build the network, and find where the entrances meet it."""
        self.network = networks.build(self.ways, self.railways)
        _ = self.network.graph

    def enter(self) -> entries.Entries:
        """Find where the entrances meet the network."""
        return entries.enter(self.network, self.points)

    def run(self, threads: int) -> Reached:
        """Search from all stations."""
        begun = time.process_time()
        entered = self.enter()
        enter_s = time.process_time() - begun
        found, cpu, wall = timed(
            self.size.stations, lambda limit: sheds.search(self.network, entered, limit, workers=threads)
        )
        station = np.repeat(np.arange(self.size.stations), np.diff(found.begin))
        order = spatial.cKDTree(self.nodes).query(self.network.xy)[1]
        return Reached(station, order[found.item], found.cost, cpu, wall, self.size.stations, enter_s)


JOBS = {
    "gis": Job(lambda data, threads: data.run(threads), read=Walkers, prepare=Walkers.prepare, keep=keep),
    "gis beside": Job(
        lambda data, threads: data.run(threads),
        read=partial(Walkers, layer="beside"),
        prepare=Walkers.prepare,
        keep=keep,
    ),
    "gis first": Job(
        lambda data, threads: data.run(threads), read=partial(Walkers, warm=False), prepare=Walkers.prepare, keep=keep
    ),
    "scipy": Peer.job(_scipy_graph, _scipy_search),
    "pandana": Job(
        lambda data, threads: _pandana_search(data),
        read=partial(Peer, build=_pandana_graph),
        prepare=Peer.prepare,
        keep=keep,
    ),
    "networkx": Peer.job(_networkx_graph, _networkx_search, copied=True),
    "ego": Peer.job(_networkx_graph, _ego_search, copied=True),
}
