"""The walking network (步行网络): ways joined where people can turn from one into the other, and cut at barriers.

It is built once and kept as arrays. Things attach to it in mid-edge, by the straight leg to the nearest edge that can
be reached without crossing a barrier. All times are walking times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array, csgraph

from gis import crs as gis_crs
from gis import findings as faults
from gis import lineage as origins
from gis.analysis import walking as pacing
from gis.analysis.acceptance import require_keys
from gis.analysis.walking import Walking
from gis.errors import EmptyError, FrameError
from gis.geometry import junctions, walks
from gis.geometry.junctions import Barriers
from gis.lineage import Lineage

# a path drawn along a barrier keeps off it by so much (m); ends that were cut stop there too
KEEP_OFF_M = 0.01
# how far is looked first for an edge on this side of a barrier (m)
_FIRST_LOOK_M = 100.0
# how files mark ways that vehicles use in one direction only
_ONE_WAY = (True, 1, -1, "yes", "true", "True", "1", "-1", "reversible", "F", "T")


@dataclass(frozen=True)
class Network:
    """Hold a walking network.

    Parameters
    ----------
    xy
        Nodes, in m.
    ends
        First and last node of each edge.
    metres
        Length of each edge.
    seconds
        Walking time of each edge, as drawn and back.
    begin, line_xy
        Where the vertices of each edge begin (one entry more than edges), and all vertices.
    way
        Position of the edge's way in the frame that the network was built from.
    ways
        Keys of the ways in that frame.
    open_
        Whether one can step onto the edge half-way.
    part
        Connected part of each node; 0 is the longest.
    barriers
        What cannot be crossed.
    walking
        How people walk.
    crs
        CRS of all coordinates.
    findings
        What the build met.
    lineage
        Inputs' fingerprints and parameters.
    """

    xy: NDArray[np.float64]
    ends: NDArray[np.int32]
    metres: NDArray[np.float64]
    seconds: NDArray[np.float64]
    begin: NDArray[np.int64]
    line_xy: NDArray[np.float64]
    way: NDArray[np.int32]
    ways: NDArray[np.object_]
    open_: NDArray[np.bool_]
    part: NDArray[np.int32]
    barriers: Barriers
    walking: Walking
    crs: pyproj.CRS
    findings: pd.DataFrame
    lineage: Lineage

    @cached_property
    def graph(self) -> walks.Graph:
        """Return the edges in both directions, in compressed rows."""
        tail = self.ends.T.reshape(-1)
        order = np.argsort(tail, kind="stable")
        head = self.ends[:, ::-1].T.reshape(-1)[order]
        cost = self.seconds.T.reshape(-1)[order]
        start = np.searchsorted(tail[order], np.arange(len(self.xy) + 1)).astype(np.int64)
        edge = (order % len(self.ends)).astype(np.int32)
        return walks.Graph(start, head, cost, edge, self.ends, self.seconds)

    @cached_property
    def lines(self) -> NDArray[np.object_]:
        """Return the edges as lines."""
        row = np.repeat(np.arange(len(self.ends)), np.diff(self.begin))
        return np.asarray(shapely.linestrings(self.line_xy, indices=row), dtype=object)

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Return an index of the edges that one can step onto half-way; others are empty in it."""
        lines = self.lines.copy()
        lines[~self.open_] = shapely.LineString()
        return shapely.STRtree(lines)


@dataclass(frozen=True)
class Access:
    """Hold where things meet the network.

    Parameters
    ----------
    edge
        Edge that each thing is reached from, -1 where none is near enough.
    share
        How far along the edge, 0 to 1 of its length.
    leg_m
        Length of the leg beside the edge, NaN where there is no edge.
    foot
        Where the leg meets the edge.
    """

    edge: NDArray[np.int32]
    share: NDArray[np.float64]
    leg_m: NDArray[np.float64]
    foot: NDArray[np.float64]

    def starts(self, network: Network, begin: NDArray[np.int64]) -> walks.Stops:
        """Return what it takes from the things to both ends of their edges.

        Parameters
        ----------
        network
            That the things meet.
        begin
            Where the things of each station begin.

        Returns
        -------
        gis.geometry.walks.Stops
        """
        return walks.Stops(begin, self.edge, self.seconds(network, leaving=True))

    def doors(self, network: Network) -> tuple[walks.Stops, NDArray[np.intp]]:
        """Return what it takes to the things from both ends of their edges, edge by edge.

        Parameters
        ----------
        network
            That the things meet.

        Returns
        -------
        tuple
            The doors sorted by edge, without those that meet none, and the position of each thing.
        """
        order = np.argsort(self.edge, kind="stable")
        order = order[self.edge[order] >= 0]
        edge = self.edge[order]
        begin = np.searchsorted(edge, np.arange(len(network.ends) + 1)).astype(np.int64)
        return walks.Stops(begin, edge, self.seconds(network, leaving=False)[order]), order

    def seconds(self, network: Network, *, leaving: bool) -> NDArray[np.float64]:
        """Return times between things and the first and last node of their edges, and along the legs.

        Parameters
        ----------
        network
            That the things meet.
        leaving
            Whether one walks from the things to the nodes, or from the nodes to the things.

        Returns
        -------
        numpy.ndarray
            Three columns: along the edge to the first and the last node, without the leg; and the leg.
        """
        first, last = (1, 0) if leaving else (0, 1)
        known = self.edge >= 0
        whole = network.seconds[np.where(known, self.edge, 0)]
        leg = self.leg_m / network.walking.speed_mps
        times = np.stack([self.share * whole[:, first], (1 - self.share) * whole[:, last], leg], axis=1)
        return np.where(known[:, None], times, np.inf)


def build(
    ways: gpd.GeoDataFrame,
    barriers: gpd.GeoDataFrame | None = None,
    *,
    key: str = "walkway_id",
    walking: Walking | None = None,
) -> Network:
    """Build the walking network of ways and barriers.

    Parameters
    ----------
    ways
        步行网络 (or 道路): lines with a key, and kind and slope where known. Both directions are walked, whatever a
        column `oneway` says.
    barriers
        阻隔: lines that cannot be crossed but on ways of the kinds that lead through or over them.
    key
        Column with the keys of the ways.
    walking
        How people walk; None takes the defaults of `Walking`.

    Returns
    -------
    Network
        In the CRS of the ways, with findings: network.no_place (a way without geometry), network.no_length,
        network.cut (a way that a barrier cuts), network.part (ways that do not hang together with the longest part),
        network.oneway_ignored. A barrier that is a polygon bars by its outline.

    Raises
    ------
    EmptyError
        There is no way of any length.
    FrameError
        A column is missing, a key is missing or repeated, a geometry is not a line, or a slope not from -1 to 1.
    CrsError
        A frame without a projected CRS in metres, or barriers in another CRS than the ways.

    Notes
    -----
    Ways meet at vertices that they share; ends within `walking.join_m` of another way meet it too. Ways that cross
    without a common vertex do not meet: one of them leads over the other.
    """
    walking = walking or Walking()
    ground, bars = _accepted(ways, barriers, key)
    lines, row, found = _lines(ways, key)
    if len(lines) == 0:
        raise EmptyError("there is no way of any length; load the layer walkways, or hand in streets with key=")
    kind = pacing.kinds(ways)
    through = np.ones(len(lines), bool) if walking.openings is None else np.isin(kind[row], walking.openings)
    pieces, of = junctions.cut(lines[~through], bars, KEEP_OFF_M)
    found.append(_cut(ways, key, lines[~through], row[~through], bars))
    if len(pieces) == 0 and not through.any():
        raise EmptyError("barriers leave nothing of the ways; say by kind which ways lead over or through them")
    over = np.arange(len(pieces) + int(through.sum())) >= len(pieces)
    made = junctions.joined(np.r_[pieces, lines[through]], bars, walking.join_m, over)
    way = np.r_[row[~through][of], row[through]][made.line]
    order = np.argsort(way, kind="stable")
    begin, taken = junctions.runs(made.begin[:-1][order], np.diff(made.begin)[order])
    made = junctions.near_together(
        junctions.Junctions(made.xy, made.ends[order], begin, made.line_xy[taken], way[order])
    )
    metres = _lengths(made)
    part = _parts(made.ends, metres, len(made.xy))
    found.append(_apart(ways, key, made, metres, part))
    used = {"ways": ways} | ({} if barriers is None else {"barriers": barriers})
    return Network(
        xy=made.xy, ends=made.ends, metres=metres, seconds=pacing.seconds(ways, made.line, metres, walking),
        begin=made.begin, line_xy=made.line_xy, way=made.line.astype(np.int32), ways=ways[key].to_numpy(dtype=object),
        open_=~np.isin(kind[made.line], walking.closed), part=part, barriers=bars, walking=walking, crs=ground,
        findings=faults.join(*found), lineage=origins.of("analysis.network.build", used, **walking.told()),
    )  # fmt: skip


def attach(network: Network, points: NDArray[np.object_]) -> Access:
    """Find the nearest edge of the network that each point reaches in a straight line without crossing a barrier.

    Parameters
    ----------
    network
        Where to.
    points
        Points in the network's CRS; missing ones reach nothing.

    Returns
    -------
    Access
        One entry a point. On each edge its nearest place is tried; between equals the first edge counts.
    """
    count, within = len(points), network.walking.access_m
    edge = np.full(count, -1, dtype=np.int32)
    there = ~(shapely.is_missing(points) | shapely.is_empty(points))
    point, near = network.tree.query_nearest(points[there], max_distance=within, all_matches=True)
    point = np.flatnonzero(there)[point]
    legs = np.asarray(shapely.shortest_line(points[point], network.lines[near]), dtype=object)
    barred = network.barriers.bar(legs)
    # of equals the first
    free, first = np.unique(point[~barred], return_index=True)
    edge[free] = near[~barred][first]
    behind = np.setdiff1d(point, free)
    if len(behind):
        edge[behind] = _around(network, points[behind])
    known = np.flatnonzero(edge >= 0)
    share, leg, foot = np.zeros(count), np.full(count, np.nan), np.full((count, 2), np.nan)
    lines = network.lines[edge[known]]
    share[known] = shapely.line_locate_point(lines, points[known], normalized=True)
    spots = shapely.line_interpolate_point(lines, share[known], normalized=True)
    leg[known], foot[known] = shapely.distance(spots, points[known]), shapely.get_coordinates(spots)
    return Access(edge, share, leg, foot)


def _around(network: Network, points: NDArray[np.object_]) -> NDArray[np.int32]:
    """Return the nearest edge of points whose nearest one lies behind a barrier, or -1."""
    result = np.full(len(points), -1, dtype=np.int32)
    within = min(_FIRST_LOOK_M, network.walking.access_m)
    left = np.arange(len(points))
    while len(left):
        point, edge = network.tree.query(points[left], predicate="dwithin", distance=within)
        legs = shapely.shortest_line(points[left[point]], network.lines[edge])
        order = np.lexsort((edge, shapely.length(legs), network.barriers.bar(legs), point))
        best, first = np.unique(point[order], return_index=True)
        taken = order[first]
        free = ~network.barriers.bar(legs[taken])
        result[left[best[free]]] = edge[taken[free]]
        if within >= network.walking.access_m:
            break
        left, within = left[result[left] < 0], min(2 * within, network.walking.access_m)
    return result


def _accepted(
    ways: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame | None, key: str
) -> tuple[pyproj.CRS, Barriers]:
    """Refuse ways and barriers that no network can be made of; return the CRS and what bars."""
    if ways.empty:
        raise EmptyError("there is no way; load the layer walkways first")
    ground = gis_crs.require_same({"ways": ways} | ({} if barriers is None else {"barriers": barriers}))
    require_keys("ways", ways, key, text=False)
    kinds = ways.geometry.dropna().geom_type
    wrong = kinds[~kinds.isin(["LineString", "MultiLineString", "LinearRing"])]
    if len(wrong):
        raise FrameError(f"ways holds {wrong.iloc[0]}; a network is made of lines", layer="ways", came=wrong.iloc[0])
    if barriers is None:
        return ground, Barriers(np.empty(0, dtype=object))
    shapes = barriers.geometry.to_numpy()
    kinds = barriers.geometry.dropna().geom_type
    wrong = kinds[kinds.isin(["Point", "MultiPoint", "GeometryCollection"])]
    if len(wrong):
        came = wrong.iloc[0]
        raise FrameError(f"barriers holds {came}; what bars is a line or an outline", layer="barriers", came=came)
    return ground, Barriers(np.where(shapely.get_dimensions(shapes) == 2, shapely.boundary(shapes), shapes))


def _lines(ways: gpd.GeoDataFrame, key: str) -> tuple[NDArray[np.object_], NDArray[np.intp], list[pd.DataFrame]]:
    """Return the single lines of the ways, the row of each, and what has none."""
    shapes = shapely.force_2d(ways.geometry.to_numpy())
    nowhere = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    parts, row = shapely.get_parts(shapes, return_index=True)
    long = shapely.length(parts) > 2 * KEEP_OFF_M
    none = np.setdiff1d(np.flatnonzero(~nowhere), row[long])
    keys = ways[key].astype(str).to_numpy()
    rows = [faults.finding("network.no_place", "ways", keys[n], severity="warning") for n in np.flatnonzero(nowhere)]
    rows += [faults.finding("network.no_length", "ways", keys[n], severity="warning", at=shapes[n]) for n in none]
    if "oneway" in ways.columns:
        marked = ways["oneway"].isin(_ONE_WAY)
        if marked.any():
            rows.append(faults.finding("network.oneway_ignored", "ways", severity="info", count=int(marked.sum())))
    return np.asarray(parts[long], dtype=object), row[long], [faults.table(rows)]


def _cut(
    ways: gpd.GeoDataFrame, key: str, lines: NDArray[np.object_], row: NDArray[np.intp], barriers: Barriers
) -> pd.DataFrame:
    """Report the ways that barriers cut, each with the first place."""
    line, barrier = barriers.near(lines)
    across = shapely.crosses(barriers.lines[barrier], lines[line])
    line, barrier = line[across], barrier[across]
    where = shapely.point_on_surface(shapely.intersection(lines[line], barriers.lines[barrier]))
    keys = ways[key].astype(str).to_numpy()
    first = np.unique(row[line], return_index=True)[1]
    return faults.table(
        faults.finding("network.cut", "ways", keys[row[line[n]]], severity="info", at=where[n]) for n in first
    )


def _lengths(made: junctions.Junctions) -> NDArray[np.float64]:
    """Return the length of each edge."""
    step = np.hypot(*np.diff(made.line_xy, axis=0, append=made.line_xy[-1:]).T)
    # from one edge to the next there is no step
    step[made.begin[1:] - 1] = 0.0
    return np.add.reduceat(step, made.begin[:-1])


def _parts(ends: NDArray[np.int32], metres: NDArray[np.float64], nodes: int) -> NDArray[np.int32]:
    """Return the connected part of each node, from the longest to the shortest."""
    graph = coo_array((np.ones(len(ends), dtype=bool), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    count, label = csgraph.connected_components(graph, directed=False)
    length = np.bincount(label[ends[:, 0]], metres, minlength=count)
    rank = np.empty(count, dtype=np.int32)
    rank[np.argsort(-length, kind="stable")] = np.arange(count)
    return rank[label]


def _apart(
    ways: gpd.GeoDataFrame, key: str, made: junctions.Junctions, metres: NDArray[np.float64], part: NDArray[np.int32]
) -> pd.DataFrame:
    """Report the parts that do not hang together with the longest."""
    number = part[made.ends[:, 0]]
    length, edges = np.bincount(number, metres), np.bincount(number)
    first = np.unique(number, return_index=True)[1]
    keys = ways[key].astype(str).to_numpy()
    places = made.line_xy[made.begin[first]]
    return faults.table(
        faults.finding(
            "network.part", "ways", keys[made.line[first[n]]], severity="warning", at=tuple(places[n]),
            metres=round(float(length[n]), 1), edges=int(edges[n]),
        )
        for n in range(1, len(length))
    )  # fmt: skip
