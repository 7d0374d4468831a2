"""Walks: the shortest ones over a graph from many starts at once, and no further than asked.

A start or a door stands somewhere along an edge, a leg away from it; walks begin and end in mid-edge, and one that
stays on its edge meets no node at all. The search is Dijkstra's over compressed arrays; it touches only what it
reaches, so that a station costs the same in a town and in a country.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis.compiled import Floats, Ints, Places, inlined, kernel
from gis.geometry import tally

# rows of Room.size
REACHED, WAITING = range(2)
# columns of Stops.cost: between the place on the edge and its first node, its last node, and the leg beside it
FIRST, LAST, LEG = range(3)
NOWHERE = -1


class Graph(NamedTuple):
    """Hold a directed graph in compressed rows.

    Parameters
    ----------
    start
        Where each node's ways out begin; one entry more than there are nodes.
    head
        Node at the end of each way.
    cost
        What the way takes (s), not negative.
    edge
        Edge that the way walks along.
    ends
        First and last node of each edge.
    seconds
        What each edge takes from first to last node, and back.
    """

    start: Ints
    head: Places
    cost: Floats
    edge: Places
    ends: Places
    seconds: Floats


class Stops(NamedTuple):
    """Hold things that stand beside edges: entrances from which walks start, or doors where they end.

    Parameters
    ----------
    begin
        Entrances: where those of each station begin. Doors: where those of each edge begin. One entry more.
    edge
        Edge of each; -1 where none is within reach.
    cost
        What it takes (s) to the edge's first and last node (entrances) or from them (doors), and along the leg.
    """

    begin: Ints
    edge: Places
    cost: Floats


class Room(NamedTuple):
    """Hold the arrays of a search; one set a thread, used again for every station.

    Parameters
    ----------
    size
        How many nodes are reached, and how many entries wait in the heap.
    stamp
        Number of the search that wrote a node's entry last.
    cost, origin, way
        What it takes to a node, from which entrance, and by which way (-1: straight from the entrance).
    reached
        The nodes, from near to far.
    heap_cost, heap_node
        A binary heap; entries that were overtaken stay and are skipped.
    """

    size: Ints
    stamp: Ints
    cost: Floats
    origin: Places
    way: Ints
    reached: Places
    heap_cost: Floats
    heap_node: Places


class Reach(NamedTuple):
    """Hold what was reached, station after station.

    Parameters
    ----------
    begin
        Where each station's rows begin; one entry more.
    item
        Node or door.
    cost
        What it takes (s).
    origin
        Entrance from which the walk starts.
    way
        Nodes: the way by which the walk arrives, or -1. Doors: 0 where the walk comes by the edge's first node, 1 by
        its last, 2 where it never leaves the edge.
    """

    begin: Ints
    item: Places
    cost: Floats
    origin: Places
    way: Ints


class Met(NamedTuple):
    """Hold the doors that the walks of one station meet; one set a thread, used again for every station.

    Parameters
    ----------
    best, source, side
        What it takes to a door, from which entrance, and how the walk arrives.
    stamp
        Number of the search that wrote a door's entry last.
    doors
        The doors, in the order in which they are met.
    """

    best: Floats
    source: Places
    side: Ints
    stamp: Ints
    doors: Places


@kernel
def room(nodes: int) -> Room:
    """Return the arrays of a search.

    Parameters
    ----------
    nodes
        How many the graph has.

    Returns
    -------
    Room
        Nothing is reached in it.
    """
    return Room(
        np.zeros(2, dtype=np.int64),
        np.zeros(nodes, dtype=np.int64),
        np.empty(nodes),
        np.empty(nodes, dtype=np.int32),
        np.empty(nodes, dtype=np.int64),
        np.empty(nodes, dtype=np.int32),
        np.empty(1024),
        np.empty(1024, dtype=np.int32),
    )


@kernel
def nodes(graph: Graph, starts: Stops, limit: float, run: tuple[int, int]) -> Reach:
    """Find the nodes that each station of a run reaches.

    Parameters
    ----------
    graph
        Where people walk.
    starts
        Entrances.
    limit
        Longest walk, s.
    run
        First station and the one after the last.

    Returns
    -------
    Reach
        Nodes, from near to far, station by station.
    """
    space = room(len(graph.start) - 1)
    begin, used = np.zeros(run[1] - run[0] + 1, dtype=np.int64), 0
    item, cost = np.empty(4096, dtype=np.int32), np.empty(4096)
    origin, way = np.empty(4096, dtype=np.int32), np.empty(4096, dtype=np.int64)
    for station in range(run[0], run[1]):
        space = search(graph, starts, station, limit, station - run[0] + 1, space)
        count = space.size[REACHED]
        if used + count > len(item):
            item, cost = tally.longer(item, used + count), tally.longer(cost, used + count)
            origin, way = tally.longer(origin, used + count), tally.longer(way, used + count)
        for n in range(count):
            node = space.reached[n]
            item[used], cost[used] = node, space.cost[node]
            origin[used], way[used] = space.origin[node], space.way[node]
            used += 1
        begin[station - run[0] + 1] = used
    return Reach(begin, item[:used].copy(), cost[:used].copy(), origin[:used].copy(), way[:used].copy())


@kernel
def doors(graph: Graph, starts: Stops, stops: Stops, limit: float, run: tuple[int, int]) -> Reach:
    """Find the doors that each station of a run reaches.

    Parameters
    ----------
    graph
        Where people walk.
    starts
        Entrances.
    stops
        Doors, numbered edge by edge.
    limit
        Longest walk, s.
    run
        First station and the one after the last.

    Returns
    -------
    Reach
        Doors, sorted, station by station.
    """
    space, met = room(len(graph.start) - 1), _none_met(len(stops.edge))
    begin, used = np.zeros(run[1] - run[0] + 1, dtype=np.int64), 0
    item, cost = np.empty(4096, dtype=np.int32), np.empty(4096)
    origin, way = np.empty(4096, dtype=np.int32), np.empty(4096, dtype=np.int64)
    for station in range(run[0], run[1]):
        mark = station - run[0] + 1
        space = search(graph, starts, station, limit, mark, space)
        found = 0
        for n in range(space.size[REACHED]):
            node = space.reached[n]
            for k in range(graph.start[node], graph.start[node + 1]):
                edge = graph.edge[k]
                for end in range(2):
                    if graph.ends[edge, end] == node:
                        walked = space.cost[node], space.origin[node]
                        found = _offered(stops, edge, end, walked, (limit, mark, found), met)
        for entrance in range(starts.begin[station], starts.begin[station + 1]):
            found = _beside(graph, starts, entrance, stops, (limit, mark, found), met)
        if used + found > len(item):
            item, cost = tally.longer(item, used + found), tally.longer(cost, used + found)
            origin, way = tally.longer(origin, used + found), tally.longer(way, used + found)
        for door in np.sort(met.doors[:found]):
            item[used], cost[used], origin[used], way[used] = door, met.best[door], met.source[door], met.side[door]
            used += 1
        begin[mark] = used
    return Reach(begin, item[:used].copy(), cost[:used].copy(), origin[:used].copy(), way[:used].copy())


@kernel
def _none_met(doors: int) -> Met:
    """Return the arrays for so many doors."""
    return Met(
        np.empty(doors),
        np.empty(doors, dtype=np.int32),
        np.empty(doors, dtype=np.int64),
        np.zeros(doors, dtype=np.int64),
        np.empty(doors, dtype=np.int32),
    )


@inlined
def _offered(
    stops: Stops, edge: int, end: int, walked: tuple[float, int], state: tuple[float, int, int], met: Met
) -> int:
    """Take the doors of an edge from one of its ends; return how many doors are met by now."""
    limit, mark, found = state
    for door in range(stops.begin[edge], stops.begin[edge + 1]):
        total = walked[0] + stops.cost[door, end] + stops.cost[door, LEG]
        if total <= limit and (met.stamp[door] != mark or total < met.best[door]):
            if met.stamp[door] != mark:
                met.stamp[door], met.doors[found] = mark, door
                found += 1
            met.best[door], met.source[door], met.side[door] = total, walked[1], end
    return found


@inlined
def _beside(
    graph: Graph, starts: Stops, entrance: int, stops: Stops, state: tuple[float, int, int], met: Met
) -> int:
    """Take the doors of the edge that an entrance stands on, without leaving it; return how many are met by now."""
    limit, mark, found = state
    edge = starts.edge[entrance]
    if edge == NOWHERE:
        return found
    for door in range(stops.begin[edge], stops.begin[edge + 1]):
        # one of the two leads on, the other one would lead back by as much
        ahead = starts.cost[entrance, LAST] + stops.cost[door, FIRST] - graph.seconds[edge, 0]
        back = starts.cost[entrance, FIRST] + stops.cost[door, LAST] - graph.seconds[edge, 1]
        total = starts.cost[entrance, LEG] + max(ahead, back, 0.0) + stops.cost[door, LEG]
        if total <= limit and (met.stamp[door] != mark or total < met.best[door]):
            if met.stamp[door] != mark:
                met.stamp[door], met.doors[found] = mark, door
                found += 1
            met.best[door], met.source[door], met.side[door] = total, entrance, 2
    return found


@kernel
def search(graph: Graph, starts: Stops, station: int, limit: float, mark: int, space: Room) -> Room:
    """Search from the entrances of one station.

    Parameters
    ----------
    graph
        Where people walk.
    starts
        Entrances.
    station
        Position.
    limit
        Longest walk, s.
    mark
        Number of the search, above 0 and not used before in this room.
    space
        Room.

    Returns
    -------
    Room
        With what was reached.
    """
    space.size[REACHED] = space.size[WAITING] = 0
    for entrance in range(starts.begin[station], starts.begin[station + 1]):
        edge = starts.edge[entrance]
        if edge == NOWHERE:
            continue
        for end in range(2):
            cost = starts.cost[entrance, LEG] + starts.cost[entrance, end]
            space = offer(space, graph.ends[edge, end], cost, entrance, NOWHERE, limit, mark)
    return _spread_out(graph, limit, mark, space)


@kernel
def _spread_out(graph: Graph, limit: float, mark: int, space: Room) -> Room:
    """Walk on from what waits in the heap."""
    # arrays by name: handing the whole room on at every step would count its references every time
    start, head, length = graph.start, graph.head, graph.cost
    stamp, best, origin, way, reached = space.stamp, space.cost, space.origin, space.way, space.reached
    heap, node_of = space.heap_cost, space.heap_node
    done, waiting = space.size[REACHED], space.size[WAITING]
    while waiting > 0:
        cost, node = heap[0], node_of[0]
        waiting -= 1
        _sink(heap, node_of, waiting)
        # overtaken, or taken out already
        if cost > best[node]:
            continue
        reached[done] = node
        done += 1
        first, last, source = start[node], start[node + 1], origin[node]
        if waiting + last - first > len(heap):
            heap, node_of = tally.longer(heap, waiting + last - first), tally.longer(node_of, waiting + last - first)
        for k in range(first, last):
            total, other = cost + length[k], head[k]
            if total <= limit and (stamp[other] != mark or total < best[other]):
                stamp[other], best[other], origin[other], way[other] = mark, total, source, k
                _rise(heap, node_of, waiting, total, other)
                waiting += 1
    space.size[REACHED], space.size[WAITING] = done, waiting
    return Room(space.size, stamp, best, origin, way, reached, heap, node_of)


@inlined
def offer(space: Room, node: int, cost: float, origin: int, way: int, limit: float, mark: int) -> Room:
    """Take a way to a node if it is within the limit and better than what is known.

    Parameters
    ----------
    space
        Room.
    node, cost, origin, way
        The node, what it takes by this way (s), from which entrance, and the way.
    limit
        Longest walk, s.
    mark
        Number of the search.

    Returns
    -------
    Room
        The same, larger if it has to be.
    """
    if cost <= limit and (space.stamp[node] != mark or cost < space.cost[node]):
        space.stamp[node], space.cost[node], space.origin[node], space.way[node] = mark, cost, origin, way
        space = _waiting(space, cost, node)
    return space


@kernel
def _waiting(space: Room, cost: float, node: int) -> Room:
    """Put an entry into the heap."""
    at = space.size[WAITING]
    if at == len(space.heap_cost):
        space = Room(
            space.size, space.stamp, space.cost, space.origin, space.way, space.reached,
            tally.longer(space.heap_cost, at + 1), tally.longer(space.heap_node, at + 1),
        )  # fmt: skip
    _rise(space.heap_cost, space.heap_node, at, cost, node)
    space.size[WAITING] += 1
    return space


@inlined
def nearest(space: Room) -> tuple[float, int]:
    """Take the nearest entry out of the heap.

    Parameters
    ----------
    space
        Room where something waits.

    Returns
    -------
    tuple
        What it takes (s), and the node.
    """
    cost, node = space.heap_cost[0], space.heap_node[0]
    space.size[WAITING] -= 1
    _sink(space.heap_cost, space.heap_node, space.size[WAITING])
    return cost, node


@inlined
def _rise(heap: Floats, node_of: Places, at: int, cost: float, node: int) -> None:
    """Put an entry into a heap of so many."""
    while at > 0 and heap[(at - 1) // 2] > cost:
        heap[at], node_of[at] = heap[(at - 1) // 2], node_of[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at], node_of[at] = cost, node


@inlined
def _sink(heap: Floats, node_of: Places, count: int) -> None:
    """Take the first entry out of a heap, of which so many are left."""
    cost, node = heap[count], node_of[count]
    at = 0
    while 2 * at + 1 < count:
        below = 2 * at + 1
        if below + 1 < count and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= cost:
            break
        heap[at], node_of[at] = heap[below], node_of[below]
        at = below
    heap[at], node_of[at] = cost, node
