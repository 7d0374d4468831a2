"""Doorsteps: towns to walk in, and walks found the slow way, to hold the fast ones against."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array, csgraph

from gis.analysis import catchments, network
from gis.analysis.catchments import sheds

CRS = "EPSG:4548"
EAST, NORTH = 424_000.0, 4_418_000.0
CORNER = np.array([EAST, NORTH])
# a second is a metre
LEVEL = network.Walking(speed_mps=1.0)


def line(*places):
    """Return a line; places are in m from the corner of the test ground."""
    return shapely.LineString(np.array(places, dtype=float) + CORNER)


def frame(key, shapes, **columns):
    """Return shapes as a layer with keys of its own."""
    letter = key[0].upper()
    keys = [f"{letter}{n}" for n in range(len(shapes))]
    return gpd.GeoDataFrame({key: keys, **columns}, geometry=list(shapes), crs=CRS)


def points(key, places, **columns):
    """Return places as a layer of points."""
    return frame(key, [shapely.Point(EAST + x, NORTH + y) for x, y in places], **columns)


def gates(*places, stations=None):
    """Return entrances, all of one station unless said otherwise."""
    return points("entrance_id", places, station_id=stations or ["S"] * len(places))


def town(lines, barriers=(), walking=LEVEL, **columns):
    """Build the network of lines and barriers."""
    ways = frame("walkway_id", [line(*each) for each in lines], **columns)
    return network.build(ways, frame("barrier_id", [line(*each) for each in barriers]), walking=walking)


def seconds(paths, start, door):
    """Return what the walk from one place to another takes, infinite where there is none."""
    doors = points("parcel_id", [door]).geometry.to_numpy()
    found = sheds.reached(paths, catchments.enter(paths, gates(start)), network.attach(paths, doors), 1e5, None)
    return float(found["seconds"].iloc[0]) if len(found) else np.inf


class Town(NamedTuple):
    """A jittered grid of streets, a wavy barrier that some of them lead over, entrances of two stations, and doors."""

    ways: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame
    entrances: gpd.GeoDataFrame
    doors: gpd.GeoDataFrame

    @property
    def network(self):
        """Build its network."""
        return network.build(self.ways, self.barriers, walking=LEVEL)


def anywhere(seed, size=5, doors=40):
    """Return a town drawn by lot."""
    rng = np.random.default_rng(seed)
    xy = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), axis=-1) * 100.0
    xy += rng.uniform(-30, 30, xy.shape) + CORNER
    pairs = [(xy[i, j], xy[i + 1, j]) for i in range(size - 1) for j in range(size)]
    pairs += [(xy[i, j], xy[i, j + 1]) for i in range(size) for j in range(size - 1)]
    streets = shapely.linestrings(np.array([pair for pair in pairs if rng.random() < 0.85]))
    north = np.linspace(-200, 100 * size + 100, 7)
    river = shapely.LineString(np.c_[50 * size - 50 + rng.uniform(-40, 40, 7) + EAST, north + NORTH])
    over = shapely.crosses(streets, river) & (rng.random(len(streets)) < 0.4)
    slope = np.where(rng.random(len(streets)) < 0.3, rng.uniform(-0.1, 0.1, len(streets)), 0.0)
    side = 100 * size - 100
    spots = rng.uniform(-20, side + 20, (3 + doors, 2))
    return Town(
        frame("walkway_id", streets, kind=np.where(over, "bridge", "sidewalk"), slope=slope),
        frame("barrier_id", [river]),
        gates(*spots[:3], stations=["S", "S", "T"]),
        points("parcel_id", spots[3:], residents=rng.integers(1, 9, doors)),
    )


class Beside(NamedTuple):
    """Nearest free place on an edge: the edge (-1 for none), its share there, and the leg."""

    edge: int
    share: float
    leg: float


def beside(paths, barriers, point):
    """Try every piece of every open edge."""
    best = Beside(-1, np.nan, np.inf)
    bars = [np.stack([xy[:-1], xy[1:]], axis=1) for xy in map(shapely.get_coordinates, barriers.geometry)]
    for edge in np.flatnonzero(paths.open_):
        xy = paths.line_xy[paths.begin[edge] : paths.begin[edge + 1]]
        step = np.diff(xy, axis=0)
        long = np.hypot(step[:, 0], step[:, 1])
        t = np.clip(((point - xy[:-1]) * step).sum(axis=1) / long**2, 0, 1)
        foot = xy[:-1] + t[:, None] * step
        leg = np.hypot(*(point - foot).T)
        n = int(np.argmin(leg))
        if leg[n] < min(best.leg, paths.walking.access_m) and not any(_meet(point, foot[n], bar) for bar in bars):
            best = Beside(int(edge), (long[:n].sum() + t[n] * long[n]) / long.sum(), float(leg[n]))
    return best


def _meet(start, end, pieces):
    """Tell whether a leg crosses pieces of a barrier."""

    def side(a, b, c):
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])

    a, b = pieces[:, 0], pieces[:, 1]
    return bool(((side(a, b, start) * side(a, b, end) < 0) & (side(start, end, a) * side(start, end, b) < 0)).any())


def seen(walked, barriers, places, each=False):
    """Return how far each place is from the nearest spot (or from each) in sight, one every metre."""
    dense = shapely.get_coordinates(shapely.segmentize(walked, 1.0))
    bars = np.concatenate(
        [np.stack([xy[:-1], xy[1:]], axis=1) for xy in map(shapely.get_coordinates, barriers.geometry)]
    )
    far = np.hypot(*np.moveaxis(places[:, None] - dense, -1, 0))
    place, spot = np.nonzero(far < 55)
    hidden = np.zeros(len(place), dtype=bool)
    for bar in bars:
        hidden |= _across(places[place], dense[spot], bar)
    far[far >= 55] = np.inf
    far[place[hidden], spot[hidden]] = np.inf
    return far if each else far.min(axis=1, initial=np.inf)


def _across(start, end, bar):
    """Tell which legs cross one piece of a barrier."""
    side = [_turn(b - a, c - a) for a, b, c in ((start, end, bar[0]), (start, end, bar[1]))]
    other = [_turn(bar[1] - bar[0], place - bar[0]) for place in (start, end)]
    return (side[0] * side[1] < 0) & (other[0] * other[1] < 0)


def _turn(a, b):
    """Return the sine of the turn from one move to another, times their lengths."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def everywhere(paths, barriers, entrances):
    """Return a spot every metre of all ways that can be stepped off, and what it takes there from each entrance."""
    direct = np.full((len(paths.xy), len(paths.xy)), np.inf)
    for tail, head, column in ((0, 1, 0), (1, 0, 1)):
        np.minimum.at(direct, (paths.ends[:, tail], paths.ends[:, head]), paths.seconds[:, column])
    known = csgraph.dijkstra(csgraph.csgraph_from_dense(direct, null_value=np.inf))
    starts = [beside(paths, barriers, xy) for xy in shapely.get_coordinates(entrances.geometry)]
    spots, took = [], []
    for edge in np.flatnonzero(paths.open_):
        share = np.linspace(0, 1, max(int(paths.metres[edge]), 1) + 1)
        spots.append(shapely.get_coordinates(shapely.line_interpolate_point(paths.lines[edge], share, normalized=True)))
        took.append([_along(paths, known, start, edge, share) for start in starts])
    return np.concatenate(spots), np.concatenate(took, axis=1)


def _along(paths, known, start, edge, share):
    """Return what it takes from a place beside one edge to places on another, or on the same one."""
    if start.edge < 0:
        return np.full(len(share), np.inf)
    out = np.array([start.share, 1 - start.share]) * paths.seconds[start.edge, ::-1]
    ends = (out[:, None] + known[np.ix_(paths.ends[start.edge], paths.ends[edge])]).min(axis=0)
    walked = np.minimum(ends[0] + share * paths.seconds[edge, 0], ends[1] + (1 - share) * paths.seconds[edge, 1])
    if edge == start.edge:
        on = share - start.share
        walked = np.minimum(walked, np.where(on > 0, on * paths.seconds[edge, 0], -on * paths.seconds[edge, 1]))
    return walked + start.leg


def slowly(paths, barriers, entrances, doors):
    """Return what it takes (s) from each entrance to each door, from all shortest walks between all nodes."""
    direct = np.full((len(paths.xy), len(paths.xy)), np.inf)
    for tail, head, column in ((0, 1, 0), (1, 0, 1)):
        np.minimum.at(direct, (paths.ends[:, tail], paths.ends[:, head]), paths.seconds[:, column])
    known = csgraph.dijkstra(csgraph.csgraph_from_dense(direct, null_value=np.inf))
    starts = [beside(paths, barriers, xy) for xy in shapely.get_coordinates(entrances.geometry)]
    stops = [beside(paths, barriers, xy) for xy in shapely.get_coordinates(doors.geometry)]
    result = np.full((len(starts), len(stops)), np.inf)
    for i, start in enumerate(starts):
        for j, stop in enumerate(stops):
            if start.edge >= 0 and stop.edge >= 0:
                walked = _between(paths, known, start, stop)
                result[i, j] = (start.leg + stop.leg) / paths.walking.speed_mps + walked
    return result


def _between(paths, known, start, stop):
    """Return the shortest of five walks: by either end of either edge, or along the one edge."""
    out = np.array([start.share, 1 - start.share]) * paths.seconds[start.edge, ::-1]
    home = np.array([stop.share, 1 - stop.share]) * paths.seconds[stop.edge]
    ends = known[np.ix_(paths.ends[start.edge], paths.ends[stop.edge])]
    walked = float((out[:, None] + ends + home).min())
    if start.edge != stop.edge:
        return walked
    on = stop.share - start.share
    return min(walked, abs(on) * float(paths.seconds[start.edge, 0 if on > 0 else 1]))


class Case(NamedTuple):
    """A bent grid of streets that a railway parts; two streets lead over it, the station stands in mid-edge."""

    ways: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame
    station: tuple[float, float]
    doors: gpd.GeoDataFrame


def railway(seed, doors, blocks=30, block_m=160.0):
    """Return a town beside a railway, some of its streets left out where the rest hangs together without them."""
    rng = np.random.default_rng(seed)
    row, column = np.divmod(np.arange((blocks + 1) ** 2), blocks + 1)
    xy = np.stack([column, row], axis=1) * block_m + rng.uniform(-30, 30, (len(row), 2))
    middle = blocks // 2
    bridge = {blocks // 5, 4 * blocks // 5}
    node = np.arange(len(row))
    east = node[(column < blocks) & ((column != middle) | np.isin(row, list(bridge)))]
    pairs = np.concatenate([np.c_[east, east + 1], np.c_[node, node + blocks + 1][row < blocks]])
    over = (column[pairs[:, 0]] == middle) & (column[pairs[:, 1]] == middle + 1)
    for n in np.flatnonzero((rng.random(len(pairs)) < 0.12) & ~over)[::-1]:
        rest, kept = np.delete(pairs, n, axis=0), np.delete(over, n)
        links = coo_array((np.ones(len(rest), dtype=bool), (rest[:, 0], rest[:, 1])), shape=(len(node), len(node)))
        if csgraph.connected_components(links, directed=False)[0] == 1:
            pairs, over = rest, kept
    rail = (middle + 0.5) * block_m
    streets = shapely.linestrings(xy[pairs] + CORNER)
    return Case(
        frame("walkway_id", streets, kind=np.where(over, "crossing", "sidewalk")),
        frame("barrier_id", [line((rail, -500), (rail, blocks * block_m + 500))]),
        (rail - 90, middle * block_m + 20),
        points("parcel_id", rng.uniform(300, blocks * block_m - 300, (doors, 2))),
    )


def doorsteps(case):
    """Return the exact walk (m) from the station to every door of a case, from its drawing alone."""
    streets, rail = case.ways.geometry.to_numpy(), case.barriers.geometry.iloc[0]
    ends = np.stack([shapely.get_coordinates(shapely.get_point(streets, n)) for n in (0, -1)], axis=1)
    _, node = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
    node = node.reshape(-1, 2)
    long = shapely.length(streets)
    matrix = np.full((node.max() + 1, node.max() + 1), np.inf)
    np.minimum.at(matrix, (node[:, 0], node[:, 1]), long)
    places = np.r_[[shapely.Point(CORNER + case.station)], case.doors.geometry.to_numpy()]
    place, street = shapely.STRtree(streets).query(places, predicate="dwithin", distance=400)
    legs = shapely.shortest_line(places[place], streets[street])
    free = ~shapely.crosses(legs, rail)
    place, street, leg = place[free], street[free], shapely.length(legs[free])
    order = np.lexsort((leg, place))
    _, first = np.unique(place[order], return_index=True)
    street, leg = street[order][first], leg[order][first]
    along = shapely.line_locate_point(streets[street], places)
    graph = csgraph.csgraph_from_dense(matrix, null_value=np.inf)
    known = csgraph.dijkstra(graph, directed=False, indices=node[street[0]])
    begin = np.array([along[0], long[street[0]] - along[0]])
    to_node = (known + begin[:, None]).min(axis=0)
    by_ends = np.minimum(to_node[node[street, 0]] + along, to_node[node[street, 1]] + long[street] - along)
    beside_it = np.where(street == street[0], np.abs(along - along[0]), np.inf)
    return (np.minimum(by_ends, beside_it) + leg + leg[0])[1:]
