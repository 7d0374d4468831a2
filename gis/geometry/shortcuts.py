"""Shortcuts: what a new link changes, found from the walks that are known already.

Only nodes that the link brings nearer are looked at, and only the doors beside them: a link that changes little costs
little. The result equals a search from the beginning in the graph with the link.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis.compiled import Floats, Ints, Places, inlined, kernel, lean
from gis.geometry import tally
from gis.geometry.walks import (
    FIRST,
    LAST,
    LEG,
    NOWHERE,
    REACHED,
    WAITING,
    Graph,
    Reach,
    Room,
    Stops,
    nearest,
    offer,
    room,
)


class Links(NamedTuple):
    """Hold links, each from one place beside an edge to another.

    Parameters
    ----------
    edge
        Edge at the first and at the second end; -1 at the first end where the link is an entrance.
    onto, off
        What it takes (s) from the edge's first and last node to the end, and from the end to them, with the leg.
    cost
        What the link takes, there and back.
    station
        Station that the link is an entrance of, or -1.
    """

    edge: Places
    onto: Floats
    off: Floats
    cost: Floats
    station: Ints


class Gains(NamedTuple):
    """Hold the walks that links make shorter.

    Parameters
    ----------
    link, station, door
        Positions.
    cost
        What the walk takes with the link (s).
    """

    link: Ints
    station: Ints
    door: Ints
    cost: Floats


class Offers(NamedTuple):
    """Hold what a link offers to the doors of one station.

    Parameters
    ----------
    best
        What it takes to each door without the link (s).
    least
        What it takes with the link, infinite where that is not less.
    doors
        Doors that the link brings nearer.
    """

    best: Floats
    least: Floats
    doors: Ints


@kernel
def gains(
    graph: Graph, starts: Stops, stops: Stops, reach: Reach, reached_doors: Reach, links: Links, limit: float
) -> Gains:
    """Find the walks that each link makes shorter.

    Parameters
    ----------
    graph
        Where people walk.
    starts, stops
        Entrances and doors.
    reach, reached_doors
        What stations reach without any link, as `walks.nodes` and `walks.doors` find it within the same limit.
    links
        To be tried one at a time.
    limit
        Longest walk, s.

    Returns
    -------
    Gains
        Sorted by station, link and door.
    """
    nodes, doors = len(graph.start) - 1, len(stops.edge)
    cost, better = np.full(nodes, np.inf), room(nodes)
    offers = Offers(np.full(doors, np.inf), np.full(doors, np.inf), np.empty(doors, dtype=np.int64))
    rows, value, used, mark = np.empty((1024, 3), dtype=np.int64), np.empty(1024), 0, 0
    for station in range(len(starts.begin) - 1):
        _remember(reach, station, cost)
        _remember(reached_doors, station, offers.best)
        for link in range(len(links.edge)):
            if links.station[link] != NOWHERE and links.station[link] != station:
                continue
            mark += 1
            found = 0
            better.size[REACHED] = better.size[WAITING] = 0
            for end in range(2):
                begins = _at_end(graph, starts, station, links, link, 1 - end, cost) + links.cost[link, 1 - end]
                edge, off = links.edge[link, end], links.off[link, end]
                if begins <= limit and edge != NOWHERE:
                    better = _onto_edge(graph, edge, off, begins, (limit, mark), cost, better)
                    found = _beside(graph, edge, off, begins, stops, limit, offers, found)
            better = _spread(graph, limit, mark, cost, better)
            for n in range(better.size[REACHED]):
                found = _doors(graph, stops, better.reached[n], better.cost, limit, offers, found)
            if used + found > len(value):
                rows, value = tally.longer_rows(rows, used + found), tally.longer(value, used + found)
            for door in np.sort(offers.doors[:found]):
                rows[used, 0], rows[used, 1], rows[used, 2], value[used] = link, station, door, offers.least[door]
                offers.least[door] = np.inf
                used += 1
        _forget(reach, station, cost)
        _forget(reached_doors, station, offers.best)
    return Gains(rows[:used, 0].copy(), rows[:used, 1].copy(), rows[:used, 2].copy(), value[:used].copy())


@inlined
def _remember(reach: Reach, station: int, cost: Floats) -> None:
    """Write down what a station reaches."""
    for n in range(reach.begin[station], reach.begin[station + 1]):
        cost[reach.item[n]] = reach.cost[n]


@inlined
def _forget(reach: Reach, station: int, cost: Floats) -> None:
    """Take back what was written down."""
    for n in range(reach.begin[station], reach.begin[station + 1]):
        cost[reach.item[n]] = np.inf


@lean
def _at_end(graph: Graph, starts: Stops, station: int, links: Links, link: int, end: int, cost: Floats) -> float:
    """Return what it takes from a station to an end of a link without it."""
    edge = links.edge[link, end]
    if edge == NOWHERE:
        # the link is an entrance: a walk may begin with it
        return 0.0 if links.station[link] == station else np.inf
    onto = links.onto[link, end]
    least = min(cost[graph.ends[edge, 0]] + onto[FIRST], cost[graph.ends[edge, 1]] + onto[LAST])
    for entrance in range(starts.begin[station], starts.begin[station + 1]):
        if starts.edge[entrance] == edge:
            ahead = starts.cost[entrance, LAST] + onto[FIRST] - onto[LEG] - graph.seconds[edge, 0]
            back = starts.cost[entrance, FIRST] + onto[LAST] - onto[LEG] - graph.seconds[edge, 1]
            least = min(least, starts.cost[entrance, LEG] + max(ahead, back, 0.0) + onto[LEG])
    return least


@kernel
def _onto_edge(
    graph: Graph, edge: int, off: Floats, begins: float, search: tuple[float, int], cost: Floats, better: Room
) -> Room:
    """Walk from an end of a link to both ends of its edge."""
    limit, mark = search
    for side in range(2):
        node = graph.ends[edge, side]
        total = begins + off[side]
        if total < cost[node]:
            better = offer(better, node, total, 0, NOWHERE, limit, mark)
    return better


@kernel
def _spread(graph: Graph, limit: float, mark: int, cost: Floats, better: Room) -> Room:
    """Walk on over nodes that come nearer."""
    while better.size[WAITING] > 0:
        total, node = nearest(better)
        if total > better.cost[node]:
            continue
        better.reached[better.size[REACHED]] = node
        better.size[REACHED] += 1
        for k in range(graph.start[node], graph.start[node + 1]):
            if total + graph.cost[k] < cost[graph.head[k]]:
                better = offer(better, graph.head[k], total + graph.cost[k], 0, k, limit, mark)
    return better


@lean
def _doors(
    graph: Graph, stops: Stops, node: int, cost: Floats, limit: float, offers: Offers, found: int
) -> int:
    """Take the doors beside a node that came nearer; return how many are met by now."""
    for k in range(graph.start[node], graph.start[node + 1]):
        edge = graph.edge[k]
        for side in range(2):
            if graph.ends[edge, side] != node:
                continue
            for door in range(stops.begin[edge], stops.begin[edge + 1]):
                total = cost[node] + stops.cost[door, side] + stops.cost[door, LEG]
                found = _taken(door, total, limit, offers, found)
    return found


@lean
def _beside(
    graph: Graph, edge: int, off: Floats, begins: float, stops: Stops, limit: float, offers: Offers, found: int
) -> int:
    """Take the doors of the edge that a link ends at, without leaving it; return how many are met by now."""
    for door in range(stops.begin[edge], stops.begin[edge + 1]):
        ahead = off[LAST] - off[LEG] + stops.cost[door, FIRST] - graph.seconds[edge, 0]
        back = off[FIRST] - off[LEG] + stops.cost[door, LAST] - graph.seconds[edge, 1]
        total = begins + off[LEG] + max(ahead, back, 0.0) + stops.cost[door, LEG]
        found = _taken(door, total, limit, offers, found)
    return found


@inlined
def _taken(door: int, total: float, limit: float, offers: Offers, found: int) -> int:
    """Take a walk to a door if it is shorter than any known; return how many doors are met by now."""
    if total <= limit and total < offers.best[door] and total < offers.least[door]:
        if offers.least[door] == np.inf:
            offers.doors[found] = door
            found += 1
        offers.least[door] = total
    return found
