"""Owners: which station is nearest on foot at each place of the network, and where one gives way to another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.analysis.catchments.entries import Entries
from gis.analysis.network import Network
from gis.geometry import junctions, walks

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]

# walks take the same time where they differ by less, s
EQUAL_S = 1e-6
# places at which the nearest station is asked for are no further apart, m; between them it changes at most once
_STEP_M = 5.0
# halvings of a step until the place where stations change is known
_HALVINGS = 40


class Owned(NamedTuple):
    """Hold stretches of edges by the station that is nearest on foot.

    Parameters
    ----------
    edge, low, high
        Edge, and from where to where of its length, as shares of it.
    station
        Position; of equals the first by key.
    """

    edge: Rows
    low: Floats
    high: Floats
    station: Rows


class _Times:
    """Tell what stations take to places on edges.

    Parameters
    ----------
    network, entries
        Where people walk, and where walks begin.
    reach
        Nodes reached.
    """

    def __init__(self, network: Network, entries: Entries, reach: walks.Reach) -> None:
        self.network, self.stations, self._nodes = network, len(entries.stations), len(network.xy)
        station = np.repeat(np.arange(self.stations), np.diff(reach.begin))
        key = station * self._nodes + reach.item
        order = np.argsort(key)
        self._key, self._cost = key[order], reach.cost[order]
        met = np.flatnonzero(entries.access.edge >= 0)
        edge = entries.access.edge[met].astype(np.intp)
        order = np.argsort(entries.station[met] * len(network.ends) + edge, kind="stable")
        self._entrance = (entries.station[met] * len(network.ends) + edge)[order]
        self._share = entries.access.share[met][order]
        self._leg = entries.starts.cost[met, walks.LEG][order]
        self.station, self.edge = self._touched(entries, station, reach.item.astype(np.intp), met)

    def _touched(self, entries: Entries, station: Rows, node: Rows, met: Rows) -> tuple[Rows, Rows]:
        """Return pairs of stations and edges that they reach, or may."""
        graph = self.network.graph
        count = graph.start[node + 1] - graph.start[node]
        edge = graph.edge[junctions.runs(graph.start[node], count)[1]]
        size = len(self.network.ends)
        key = np.repeat(station, count) * size + edge
        both = np.unique(np.r_[key, entries.station[met] * size + entries.access.edge[met]])
        return both // size, both % size

    def at(self, station: Rows, edge: Rows, share: Floats) -> Floats:
        """Return what it takes from stations to places on edges, s; infinite where they are not known to come."""
        seconds, ends = self.network.seconds[edge], self.network.ends[edge]
        first, last = (self._known(station, ends[:, n]) for n in (0, 1))
        least = np.minimum(first + share * seconds[:, 0], last + (1 - share) * seconds[:, 1])
        key = station * len(self.network.ends) + edge
        at, end = np.searchsorted(self._entrance, key), np.searchsorted(self._entrance, key, side="right")
        for turn in range(int((end - at).max(initial=0))):
            row = np.flatnonzero(at + turn < end)
            own = at[row] + turn
            on = share[row] - self._share[own]
            direct = np.where(on > 0, on * seconds[row, 0], -on * seconds[row, 1])
            least[row] = np.minimum(least[row], direct + self._leg[own])
        return least

    def _known(self, station: Rows, node: NDArray[np.int32]) -> Floats:
        """Return what it takes to nodes."""
        key = station * self._nodes + node
        at = np.minimum(np.searchsorted(self._key, key), max(len(self._key) - 1, 0))
        if len(self._key) == 0:
            return np.full(len(key), np.inf)
        return np.where(self._key[at] == key, self._cost[at], np.inf)


def owned(network: Network, entries: Entries, reach: walks.Reach, limit: float) -> Owned:
    """Share out the network between the stations.

    Parameters
    ----------
    network
        Where people walk.
    entries
        Where walks begin.
    reach
        Nodes reached within the limit or a longer one.
    limit
        Longest walk, s.

    Returns
    -------
    Owned
        Stretches that can be stepped off, cut where another station becomes nearest or the limit is passed, to less
        than a millimetre; how edges are split makes no difference.
    """
    times = _Times(network, entries, reach)
    open_ = network.open_[times.edge]
    station, edge = times.station[open_], times.edge[open_]
    edges, place = np.unique(edge, return_inverse=True)
    steps = np.maximum(np.ceil(network.metres[edges] / _STEP_M).astype(np.intp), 1)
    begin, _ = junctions.runs(edges * 0, steps + 1)
    at = np.concatenate([np.linspace(0.0, 1.0, n + 1) for n in steps]) if len(steps) else np.empty(0)
    best, owner = np.full(len(at), np.inf), np.full(len(at), -1, dtype=np.intp)
    for each in range(times.stations):
        mine = place[station == each]
        count = steps[mine] + 1
        rows = junctions.runs(begin[mine], count)[1]
        took = times.at(np.full(len(rows), each), np.repeat(edges[mine], count), at[rows])
        nearer = (took <= limit) & (took < best[rows] - EQUAL_S)
        best[rows[nearer]], owner[rows[nearer]] = took[nearer], each
    row = np.repeat(np.arange(len(edges)), steps + 1)
    inner = np.flatnonzero(row[1:] == row[:-1])
    return _stretches(times, limit, edges[row[inner]], (at[inner], at[inner + 1]), (owner[inner], owner[inner + 1]))


def _stretches(times: _Times, limit: float, edge: Rows, ends: tuple[Floats, Floats], owner: tuple[Rows, Rows]) -> Owned:
    """Return steps along edges, cut in two where their ends have two owners, those of one owner as one."""
    low, high = ends
    same = owner[0] == owner[1]
    change = np.flatnonzero(~same)
    left, right = low[change].copy(), high[change].copy()
    one, two = owner[0][change], owner[1][change]
    for _ in range(_HALVINGS):
        middle = (left + right) / 2
        first = _within(times, one, edge[change], middle, limit)
        second = _within(times, two, edge[change], middle, limit)
        # of equals the first by key; nobody's comes last
        before = np.where(one >= 0, one, times.stations) < np.where(two >= 0, two, times.stations)
        stays = np.where(before, first <= second + EQUAL_S, first < second - EQUAL_S)
        left, right = np.where(stays, middle, left), np.where(stays, right, middle)
    parts = (
        np.r_[edge, edge[change]], np.r_[low, right], np.r_[high, high[change]], np.r_[owner[0], two],
    )  # fmt: skip
    parts[2][change] = right
    order = np.lexsort((parts[1], parts[0]))
    edge, low, high, station = (each[order] for each in parts)
    start = np.flatnonzero((np.diff(edge, prepend=-1) != 0) | (np.diff(station, prepend=-2) != 0))
    stop = np.r_[start[1:], len(edge)] - 1
    known = station[start] >= 0
    start, stop = start[known], stop[known]
    return Owned(edge[start], low[start], high[stop], station[start])


def _within(times: _Times, station: Rows, edge: Rows, share: Floats, limit: float) -> Floats:
    """Return what stations take to places, the limit where there is no station, infinite beyond the limit."""
    took = times.at(np.maximum(station, 0), edge, share)
    return np.where(station < 0, limit, np.where(took <= limit, took, np.inf))
