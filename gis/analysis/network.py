"""The walking network (步行网络): ways joined where people can turn from one into the other, and cut at barriers.

It is built once and kept as arrays. Things attach to it in mid-edge, by the straight leg to the nearest edge that can
be reached without crossing a barrier. All times are walking times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from gis import crs as gis_crs
from gis import findings as faults
from gis import lineage as origins
from gis.analysis import linking
from gis.analysis import walking as pacing
from gis.analysis.acceptance import require_keys
from gis.analysis.walking import Walking
from gis.errors import EmptyError, FrameError
from gis.geometry import junctions, parts, walks
from gis.geometry.barriers import Barriers
from gis.lineage import Lineage

# how far is looked first for an edge on this side of a barrier (m)
_FIRST_LOOK_M = 100.0
# lengths are equal where they differ by less, m
_EQUAL_M = 1e-6


class Given(NamedTuple):
    """Hold what a network was built from, so that it can be built anew with another way.

    Parameters
    ----------
    ways, barriers, key
        As for `build`.
    """

    ways: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame | None
    key: str


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
    given
        What it was built from.
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
    given: Given

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
    def beside(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return where the vertices of each edge begin, and all vertices, without edges that nobody steps off."""
        count = np.where(self.open_, np.diff(self.begin), 0)
        begin, taken = junctions.runs(self.begin[:-1], count)
        return begin, self.line_xy[taken]

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
        network.cut (a way that a barrier cuts), network.along (a way that runs along one: it is on both sides of it),
        network.twin (a way that runs beside another: they are one), network.crossing (ways that cross and do not meet),
        network.part (ways that do not hang together with the longest part), network.oneway_ignored. A barrier that is a
        polygon bars by its outline.

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
    Ways meet at vertices that they share, and wherever a vertex of one lies within `walking.join_m` of another. Where
    ways cross and neither has a vertex, they do not meet, unless `walking.break_crossings` says so: one of them leads
    over the other. Ways that lead over or under others are met at their ends and at common vertices only. In what
    order and direction ways are drawn, and at how many vertices they are split, changes nothing.
    """
    walking = walking or Walking()
    ground, bars = _accepted(ways, barriers, key)
    lines, row, found = linking.single(ways, key)
    if len(lines) == 0:
        raise EmptyError("there is no way of any length; load the layer walkways, or hand in streets with key=")
    made, more = linking.joined(ways, key, (lines, row), bars, walking)
    seconds, kind = pacing.seconds(ways, made.line, made.metres, walking, made.leg), pacing.kinds(ways)
    kept, twins = linking.once(ways, key, made, seconds, ~np.isin(kind[made.line], walking.closed), walking, bars)
    made, seconds = junctions.near_together(made.taken(kept)), seconds[kept]
    metres = made.metres
    part = linking.parts_of(made.ends, metres, len(made.xy))
    found += [*more, twins, _apart(ways, key, made, metres, part)]
    used = {"ways": ways} | ({} if barriers is None else {"barriers": barriers})
    return Network(
        xy=made.xy, ends=made.ends, metres=metres, seconds=seconds,
        begin=made.begin, line_xy=made.line_xy, way=made.line.astype(np.int32), ways=ways[key].to_numpy(dtype=object),
        open_=~np.isin(kind[made.line], walking.closed), part=part, barriers=bars, walking=walking, crs=ground,
        findings=faults.join(*found), lineage=origins.of("analysis.network.build", used, **walking.told()),
        given=Given(ways, barriers, key),
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
    there = np.flatnonzero(parts.placed(points))
    point, near = network.tree.query_nearest(points[there], max_distance=within, all_matches=False)
    point = there[point]
    far = np.asarray(shapely.distance(points[point], network.lines[near]))
    again, near = network.tree.query(points[point], predicate="dwithin", distance=far + _EQUAL_M)
    _take(network, points, (point[again], near), edge)
    behind = point[edge[point] < 0]
    _around(network, points, behind, edge)
    known = np.flatnonzero(edge >= 0)
    share, leg, foot = np.zeros(count), np.full(count, np.nan), np.full((count, 2), np.nan)
    lines = network.lines[edge[known]]
    share[known] = shapely.line_locate_point(lines, points[known], normalized=True)
    spots = shapely.line_interpolate_point(lines, share[known], normalized=True)
    leg[known], foot[known] = shapely.distance(spots, points[known]), shapely.get_coordinates(spots)
    return Access(edge, share, leg, foot)


def _take(
    network: Network,
    points: NDArray[np.object_],
    near: tuple[NDArray[np.intp], NDArray[np.intp]],
    edge: NDArray[np.int32],
) -> None:
    """Give points the nearest of some edges that no barrier parts them from; of equals the first in one direction."""
    point, beside = near
    legs = np.asarray(shapely.shortest_line(points[point], network.lines[beside]), dtype=object)
    free = ~network.barriers.bar(legs)
    point, beside, legs = point[free], beside[free], legs[free]
    long = shapely.length(legs)
    least = np.full(len(points), np.inf)
    np.minimum.at(least, point, long)
    equal = long <= least[point] + _EQUAL_M
    point, beside, legs = point[equal], beside[equal], legs[equal]
    order = np.lexsort((beside, shapely.get_coordinates(shapely.get_point(legs, -1)) @ linking.ASLANT, point))
    first, position = np.unique(point[order], return_index=True)
    edge[first] = beside[order[position]]


def _around(network: Network, points: NDArray[np.object_], left: NDArray[np.intp], edge: NDArray[np.int32]) -> None:
    """Give points whose nearest edge lies behind a barrier the nearest one that does not."""
    within = min(_FIRST_LOOK_M, network.walking.access_m)
    while len(left):
        point, near = network.tree.query(points[left], predicate="dwithin", distance=within)
        _take(network, points, (left[point], near), edge)
        if within >= network.walking.access_m:
            break
        left, within = left[edge[left] < 0], min(2 * within, network.walking.access_m)


def _accepted(ways: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame | None, key: str) -> tuple[pyproj.CRS, Barriers]:
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
    shapes = np.where(parts.placed(shapes), shapes, None)
    kinds = barriers.geometry.dropna().geom_type
    wrong = kinds[kinds.isin(["Point", "MultiPoint", "GeometryCollection"])]
    if len(wrong):
        came = wrong.iloc[0]
        raise FrameError(f"barriers holds {came}; what bars is a line or an outline", layer="barriers", came=came)
    return ground, Barriers(np.where(shapely.get_dimensions(shapes) == 2, shapely.boundary(shapes), shapes))


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
