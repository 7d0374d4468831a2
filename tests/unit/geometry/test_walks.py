"""Walks over a graph: what scipy's Dijkstra finds, no further than asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csgraph, csr_array

from gis import compiled
from gis.geometry import walks


def graph(ends, seconds, nodes):
    """Return edges in compressed rows."""
    ends, seconds = np.array(ends, dtype=np.int32).reshape(-1, 2), np.array(seconds, dtype=float).reshape(-1, 2)
    tail, head = np.r_[ends[:, 0], ends[:, 1]], np.r_[ends[:, 1], ends[:, 0]]
    order = np.argsort(tail, kind="stable")
    start = np.searchsorted(tail[order], np.arange(nodes + 1))
    edge = (order % max(len(ends), 1)).astype(np.int32)
    return walks.Graph(start, head[order], np.r_[seconds[:, 0], seconds[:, 1]][order], edge, ends, seconds)


def stops(begin, edge, share, leg, made):
    """Return entrances (made of walks away from them) or doors half-way along edges."""
    seconds = made.seconds[edge]
    return walks.Stops(
        np.array(begin), np.array(edge, dtype=np.int32),
        np.stack([share * seconds[:, 1], (1 - share) * seconds[:, 0], leg], axis=1),
    )  # fmt: skip


@st.composite
def graphs(draw):
    """Draw a graph with loops, parallel edges and edges that take no time, and two stations with two entrances."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    nodes, edges = draw(st.integers(1, 12)), draw(st.integers(1, 25))
    made = graph(rng.integers(0, nodes, (edges, 2)), rng.integers(0, 9, (edges, 2)), nodes)
    edge = rng.integers(0, edges, 4)
    return made, stops([0, 2, 4], edge, rng.random(4), rng.integers(0, 5, 4) * 1.0, made)


@given(graphs(), st.sampled_from([0.0, 4.0, 11.0, 1e9]))
def test_nodes_are_those_of_dijkstra(town, limit):
    """Every node within the limit is reached by its shortest walk, from near to far, and no other."""
    made, starts = town
    count = len(made.start) - 1
    direct = np.full((count + 2, count + 2), np.inf)
    for n, (first, last) in enumerate(made.ends):
        direct[first, last] = min(direct[first, last], made.seconds[n, 0])
        direct[last, first] = min(direct[last, first], made.seconds[n, 1])
    for entrance, edge in enumerate(starts.edge):
        for end in range(2):
            row, node = count + entrance // 2, made.ends[edge, end]
            direct[row, node] = min(direct[row, node], starts.cost[entrance, [end, walks.LEG]].sum())
    known = csgraph.dijkstra(csgraph.csgraph_from_dense(direct, null_value=np.inf), indices=[count, count + 1])
    found = compiled.as_plain(walks.nodes)(made, starts, limit, (0, 2))
    for station in range(2):
        mine = slice(found.begin[station], found.begin[station + 1])
        got = np.full(count, np.inf)
        got[found.item[mine]] = found.cost[mine]
        truth = known[station, :count]
        assert got == pytest.approx(np.where(truth <= limit, truth, np.inf))
        assert (np.diff(found.cost[mine]) >= 0).all()
        assert (found.origin[mine] // 2 == station).all()


@given(graphs())
def test_ways_lead_back(town):
    """Each node's way comes from a node that is nearer by what the way takes."""
    made, starts = town
    found = compiled.as_plain(walks.nodes)(made, starts, 1e9, (0, 1))
    cost = dict(zip(found.item.tolist(), found.cost.tolist(), strict=True))
    tail = np.repeat(np.arange(len(made.start) - 1), np.diff(made.start))
    for node, way in zip(found.item.tolist(), found.way.tolist(), strict=True):
        if way != walks.NOWHERE:
            assert made.head[way] == node
            assert cost[node] == pytest.approx(cost[int(tail[way])] + made.cost[way])


def test_many_are_waiting():
    """The heap grows when more nodes wait than it holds, and so do the rows."""
    spokes = 6000
    made = graph([(0, n) for n in range(1, spokes + 1)], [(n, n) for n in range(spokes)], spokes + 1)
    starts = stops([0, 1], [0], np.zeros(1), np.zeros(1), made)
    found = compiled.as_plain(walks.nodes)(made, starts, 1e9, (0, 1))
    assert len(found.item) == spokes + 1 and sorted(found.item.tolist()) == list(range(spokes + 1))


def test_nowhere():
    """An entrance without an edge reaches nothing."""
    made = graph([(0, 1)], [(1, 1)], 2)
    starts = walks.Stops(np.array([0, 1]), np.array([-1], dtype=np.int32), np.full((1, 3), np.inf))
    assert len(compiled.as_plain(walks.nodes)(made, starts, 1e9, (0, 1)).item) == 0


@pytest.mark.parametrize("run", [compiled.as_plain, compiled.as_compiled])
@pytest.mark.parametrize("seed", range(3))
def test_plain_and_compiled_find_what_a_full_search_finds(run, seed):
    """Reached nodes and their times on random graphs with equal and zero times, compiled or not."""
    rng = np.random.default_rng(seed)
    ends = np.unique(np.sort(rng.integers(0, 300, (500, 2)), axis=1), axis=0)
    ends = ends[ends[:, 0] != ends[:, 1]]
    seconds = rng.integers(0, 12, len(ends)).astype(float)
    edge, cost = rng.integers(0, len(ends), 20).astype(np.int32), rng.uniform(0, 5, (20, 3))
    made = graph(ends, np.stack([seconds, seconds], axis=1), 300)
    found = run(walks.nodes)(made, walks.Stops(np.arange(21), edge, cost), 40.0, (0, 20))
    # scipy takes a stored 0 for a way
    ways = (np.tile(seconds, 2), (ends.T.reshape(-1), ends[:, ::-1].T.reshape(-1)))
    far = csgraph.dijkstra(csr_array(ways, shape=(300, 300)))
    for station in range(20):
        first, last = ends[edge[station]]
        back, ahead, leg = cost[station]
        truth = np.minimum(far[first] + back, far[last] + ahead) + leg
        mine = slice(found.begin[station], found.begin[station + 1])
        assert np.array_equal(np.sort(found.item[mine]), np.flatnonzero(truth <= 40.0))
        assert found.cost[mine] == pytest.approx(truth[found.item[mine]], abs=1e-9)
