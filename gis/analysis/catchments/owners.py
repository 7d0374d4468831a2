"""Owners: which station is nearest on foot at each place of the network, and exactly where one gives way to another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.analysis.catchments.entries import Entries, one_place
from gis.analysis.network import Network
from gis.geometry import junctions, walks

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]

# walks take the same time where they differ by less, s
EQUAL_S = 1e-6
# shorter stretches are rounding, as shares of an edge
_NONE = 1e-9


class Owned(NamedTuple):
    """Hold stretches of edges by who is nearest there on foot.

    Parameters
    ----------
    edge, low, high
        Edge, and from where to where of its length, as shares of it.
    begins, ends
        What the shortest walk takes to the low and to the high end (s); it grows evenly in between, or shrinks.
    group
        Position in groups.
    groups
        Stations that take the same time: one, or several in the order of their keys.
    """

    edge: Rows
    low: Floats
    high: Floats
    begins: Floats
    ends: Floats
    group: Rows
    groups: tuple[tuple[int, ...], ...]


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
        Stretches that can be stepped off, edge by edge, cut exactly where walks from both sides take the same time, and
        where the limit is passed; how edges are split makes no difference.
    """
    times = _Times(network, entries, reach)
    edge, share = _marks(network, entries, times)
    best, group, groups = _firsts(times, entries, edge, share)
    inner = np.flatnonzero(edge[1:] == edge[:-1])
    edge, low, high = edge[inner], share[inner], share[inner + 1]
    ahead, back = network.seconds[edge].T
    from_low, from_high = best[inner], best[inner + 1]
    # between two marks walks come from one end or the other, and meet where both take the same time
    known = np.isfinite(from_low) & np.isfinite(from_high)
    with np.errstate(invalid="ignore"):
        meet = (from_high - from_low + low * ahead + high * back) / (ahead + back)
        meet = np.where(known, np.clip(meet, low, high), np.where(np.isfinite(from_low), high, low))
        until = np.minimum(meet, low + (limit - from_low) / ahead)
        since = np.maximum(meet, high - (limit - from_high) / back)
        parts = (
            np.r_[edge, edge], np.r_[low, since], np.r_[until, high],
            np.r_[from_low, from_high + (high - since) * back], np.r_[from_low + (until - low) * ahead, from_high],
            np.r_[group[inner], group[inner + 1]],
        )  # fmt: skip
        some = np.flatnonzero(parts[2] - parts[1] > _NONE)
    order = some[np.lexsort((parts[1][some], parts[0][some]))]
    edge, low, high, begins, ends, whose = (each[order] for each in parts)
    return Owned(edge, low, high, begins, ends, whose, groups)


def _marks(network: Network, entries: Entries, times: _Times) -> tuple[Rows, Floats]:
    """Return the ends of edges that can be stepped off, and where entrances meet them, in order, as shares of edges."""
    edges = np.unique(times.edge[network.open_[times.edge]])
    met = np.flatnonzero(np.isin(entries.access.edge, edges))
    edge = np.r_[edges, edges, entries.access.edge[met]].astype(np.intp)
    share = np.r_[np.zeros(len(edges)), np.ones(len(edges)), entries.access.share[met]]
    order = np.lexsort((share, edge))
    edge, share = edge[order], share[order]
    new = (np.diff(edge, prepend=-1) != 0) | (np.diff(share, prepend=-1.0) > _NONE)
    # the end of an edge is never left out
    return edge[new | (share == 1.0)], share[new | (share == 1.0)]


def _firsts(
    times: _Times, entries: Entries, edge: Rows, share: Floats
) -> tuple[Floats, Rows, tuple[tuple[int, ...], ...]]:
    """Return what the shortest walk to each mark takes, and who takes no longer."""
    begin, end = np.searchsorted(edge, times.edge), np.searchsorted(edge, times.edge, side="right")
    mark = junctions.runs(begin, end - begin)[1]
    station = np.repeat(times.station, end - begin)
    took = times.at(station, edge[mark], share[mark])
    best = np.full(len(edge), np.inf)
    np.minimum.at(best, mark, took)
    first = np.flatnonzero(np.isfinite(took) & (took <= best[mark] + EQUAL_S))
    order = first[np.lexsort((station[first], mark[first]))]
    mark, station = mark[order], station[order]
    group = np.full(len(edge), -1, dtype=np.intp)
    group[mark] = station
    groups: list[tuple[int, ...]] = [(each,) for each in range(times.stations)]
    number = {each: n for n, each in enumerate(groups)}
    several = np.flatnonzero(np.bincount(mark, minlength=len(edge)) > 1)
    for each, low, high in zip(
        several.tolist(), np.searchsorted(mark, several), np.searchsorted(mark, several, side="right"), strict=True
    ):
        alike = _apart(entries, tuple(station[low:high].tolist()))
        group[each] = number.setdefault(alike, len(number))
    return best, group, tuple(number)


def _apart(entries: Entries, stations: tuple[int, ...]) -> tuple[int, ...]:
    """Return stations but those that are entered at no place of their own; the first by key stays."""
    known: set[tuple[float, ...]] = set()
    kept = []
    for station in stations:
        xy = one_place(shapely.get_coordinates(entries.points[entries.station == station]))
        places = set(map(tuple, xy.tolist()))
        if not places <= known:
            kept.append(station)
        known |= places
    return tuple(kept)
