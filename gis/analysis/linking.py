"""Linking: single lines of ways cut at barriers and joined into nodes and edges, each street once, and what is met."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array, csgraph

from gis import findings as faults
from gis.analysis import walking as pacing
from gis.analysis.walking import Walking
from gis.errors import EmptyError
from gis.geometry import junctions, parts
from gis.geometry.barriers import Barriers

# a path drawn along a barrier keeps off it by so much (m); ends that were cut stop there too
KEEP_OFF_M = 0.01
# of equals the first in this direction counts: no street is drawn along it by rule, as streets are along the axes
ASLANT = np.array([0.8290, 0.5592])
# ways that run beside each other for less are not worth a word, m
_WORTH_A_WORD_M = 1.0
# how files mark ways that vehicles use in one direction only
_ONE_WAY = (True, 1, -1, "yes", "true", "True", "1", "-1", "reversible", "F", "T")


def single(ways: gpd.GeoDataFrame, key: str) -> tuple[NDArray[np.object_], NDArray[np.intp], list[pd.DataFrame]]:
    """Return the single lines of ways.

    Parameters
    ----------
    ways
        Ways, some perhaps without a place.
    key
        Column with their keys.

    Returns
    -------
    tuple
        The lines, the row of each, and findings: network.no_place, network.no_length, network.oneway_ignored.
    """
    shapes = shapely.force_2d(ways.geometry.to_numpy())
    nowhere = ~parts.placed(shapes)
    pieces, row = shapely.get_parts(np.where(nowhere, None, shapes), return_index=True)
    long = shapely.length(pieces) > 2 * KEEP_OFF_M
    none = np.setdiff1d(np.flatnonzero(~nowhere), row[long])
    keys = ways[key].astype(str).to_numpy()
    rows = [faults.finding("network.no_place", "ways", keys[n], severity="warning") for n in np.flatnonzero(nowhere)]
    rows += [faults.finding("network.no_length", "ways", keys[n], severity="warning", at=shapes[n]) for n in none]
    if "oneway" in ways.columns:
        marked = ways["oneway"].isin(_ONE_WAY)
        if marked.any():
            rows.append(faults.finding("network.oneway_ignored", "ways", severity="info", count=int(marked.sum())))
    return np.asarray(pieces[long], dtype=object), row[long], [faults.table(rows)]


def _unsaid(ways: pd.DataFrame, walking: Walking) -> pd.DataFrame:
    """Report ways that do not say their kind or slope, and are taken for plain and level ones."""
    rows = []
    for field, code in (("kind", "network.kind_unknown"), ("slope", "network.slope_unknown")):
        asked = field in ways.columns and (field == "kind" or walking.slope)
        blank = int(ways[field].isna().sum()) if asked else 0
        # a layer in which nobody says it is another kind of layer
        if 0 < blank < len(ways):
            told: dict[str, Any] = {"severity": "warning", "field": field, "count": blank, "of": len(ways)}
            rows.append(faults.finding(code, "walkways", **told))
    return faults.table(rows)


def joined(
    ways: gpd.GeoDataFrame,
    key: str,
    drawn: tuple[NDArray[np.object_], NDArray[np.intp]],
    bars: Barriers,
    walking: Walking,
) -> tuple[junctions.Junctions, list[pd.DataFrame]]:
    """Cut lines at barriers and join them.

    Parameters
    ----------
    ways, key
        Ways, and the column with their keys.
    drawn
        Single lines, and the row of each.
    bars
        What cannot be crossed but on some kinds of ways.
    walking
        How people walk.

    Returns
    -------
    tuple
        Nodes and edges, way by way, and findings: network.cut, network.along, network.crossing, network.kind_unknown,
        network.slope_unknown.

    Raises
    ------
    EmptyError
        Barriers leave nothing of the ways.
    """
    lines, row = drawn
    kind = pacing.kinds(ways)
    through = np.ones(len(lines), bool) if walking.openings is None else np.isin(kind[row], walking.openings)
    cut = bars.cut(lines[~through], KEEP_OFF_M)
    if len(cut.pieces) == 0 and not through.any():
        raise EmptyError("barriers leave nothing of the ways; say by kind which ways lead over or through them")
    way = np.r_[row[~through][cut.line], row[through]]
    above = pacing.above(ways, walking)
    over = np.arange(len(way)) >= len(cut.pieces)
    made = junctions.joined(np.r_[cut.pieces, lines[through]], bars, walking.join_m, over, above[way])
    made = made.taken(_led_to(made, np.r_[cut.beside, np.zeros(int(through.sum()), bool)], way))
    made = made._replace(line=way[made.line])
    found = [
        _cut(ways, key, (lines[~through], row[~through]), bars, made),
        _along(ways, key, row[~through][cut.along], cut.stretches),
        _unsaid(ways, walking),
    ]
    met = junctions.crossings(made, above[made.line], walking.join_m)
    found.append(_crossings(ways, key, made, met, broken=walking.break_crossings))
    if walking.break_crossings and len(met.xy):
        made = junctions.broken(made, met)
    return made.taken(np.argsort(made.line, kind="stable")), found


def once(
    ways: gpd.GeoDataFrame,
    key: str,
    made: junctions.Junctions,
    seconds: NDArray[np.float64],
    open_: NDArray[np.bool_],
    walking: Walking,
    bars: Barriers,
) -> tuple[NDArray[np.intp], pd.DataFrame]:
    """Keep one of edges that run beside each other: the fastest, of equals the first in one direction.

    Parameters
    ----------
    ways, key
        Ways, and the column with their keys.
    made
        Nodes and edges.
    seconds
        What each edge takes, there and back.
    open_
        Which edges can be stepped onto half-way.
    walking
        How people walk.
    bars
        What parts edges: those on two sides of it are two.

    Returns
    -------
    tuple
        The edges that stay, and findings: network.twin.
    """
    one, two = junctions.twins(made, walking.join_m)
    same = open_[one] == open_[two]
    one, two = one[same], two[same]
    used, place = np.unique(np.r_[one, two], return_inverse=True)
    middle = shapely.get_coordinates(shapely.line_interpolate_point(made.taken(used).lines, 0.5, normalized=True))
    first, last = place[: len(one)], place[len(one) :]
    beside = ~bars.bar(np.asarray(shapely.linestrings(np.stack([middle[first], middle[last]], axis=1)), dtype=object))
    first, last = first[beside], last[beside]
    pace = np.round(seconds[used].sum(axis=1) / made.metres[used], 9)
    rank = np.empty(len(used), dtype=np.intp)
    # nobody waits on what only leads to a way
    rank[np.lexsort((middle @ ASLANT, pace, made.leg[used]))] = np.arange(len(used))
    better, worse = np.where(rank[first] < rank[last], (first, last), (last, first))
    instead = np.full(len(used), -1, dtype=np.intp)
    # from the best to the worst: what is left out stands in nobody's way
    for n in np.lexsort((rank[worse], rank[better])).tolist():
        if instead[better[n]] < 0 and instead[worse[n]] < 0:
            instead[worse[n]] = better[n]
    gone = np.flatnonzero(instead >= 0)
    keys, metres = ways[key].astype(str).to_numpy(), made.metres[used[gone]]
    table = pd.DataFrame({"way": made.line[used[gone]], "other": made.line[used[instead[gone]]], "metres": metres})
    table["at"] = list(made.line_xy[made.begin[used[gone]]])
    told = table.groupby(["way", "other"], as_index=False).agg({"metres": "sum", "at": "first"})
    return np.setdiff1d(np.arange(len(made.ends)), used[gone]), faults.table(
        faults.finding(
            "network.twin", "ways", keys[way], severity="info", at=tuple(at), other=keys[other], metres=round(long, 1)
        )
        for way, other, long, at in told.itertuples(index=False) if long >= _WORTH_A_WORD_M
    )  # fmt: skip


def _cut(
    ways: gpd.GeoDataFrame,
    key: str,
    drawn: tuple[NDArray[np.object_], NDArray[np.intp]],
    barriers: Barriers,
    made: junctions.Junctions,
) -> pd.DataFrame:
    """Report the ways that barriers cut, each with the first place; what only touches one is not cut."""
    lines, row = drawn
    line, barrier = barriers.near(lines)
    across = shapely.crosses(barriers.lines[barrier], lines[line])
    line, barrier = line[across], barrier[across]
    met = shapely.intersection(lines[line], barriers.lines[barrier])
    where, of = shapely.get_parts(met, return_index=True)
    where = shapely.point_on_surface(where)
    way = row[line[of]]
    parted = junctions.parted(made, way, shapely.get_coordinates(where))
    where, way = where[parted], way[parted]
    keys = ways[key].astype(str).to_numpy()
    first = np.unique(way, return_index=True)[1]
    return faults.table(
        faults.finding("network.cut", "ways", keys[way[n]], severity="info", at=where[n]) for n in first
    )


def _along(ways: gpd.GeoDataFrame, key: str, way: NDArray[np.intp], stretches: NDArray[np.object_]) -> pd.DataFrame:
    """Report the ways that run along barriers, each with the first place and for how far."""
    keys, metres = ways[key].astype(str).to_numpy(), np.bincount(way, shapely.length(stretches), minlength=len(ways))
    used, first = np.unique(way, return_index=True)
    return faults.table(
        faults.finding(
            "network.along", "ways", keys[each], severity="info", at=shapely.get_point(stretches[n], 0),
            metres=round(float(metres[each]), 1),
        )
        for each, n in zip(used.tolist(), first.tolist(), strict=True) if metres[each] >= _WORTH_A_WORD_M
    )  # fmt: skip


def _crossings(
    ways: gpd.GeoDataFrame, key: str, made: junctions.Junctions, met: junctions.Crossings, *, broken: bool
) -> pd.DataFrame:
    """Report where ways cross without a common vertex, from west to east."""
    keys = ways[key].astype(str).to_numpy()
    code, severity = ("network.crossing_broken", "info") if broken else ("network.crossing", "warning")
    pairs = np.sort(np.stack([keys[made.line[met.first]], keys[made.line[met.second]]], axis=1).astype(object), axis=1)
    return faults.table(
        faults.finding(code, "ways", one, severity=severity, at=tuple(at), other=other, count=len(met.xy))
        for (one, other), at in zip(pairs.tolist(), met.xy.tolist(), strict=True)
    )


def _led_to(made: junctions.Junctions, beside: NDArray[np.bool_], way: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return all edges but the sides of barriers that nothing leads to, where the other side is led to."""
    part = parts_of(made.ends, made.metres, len(made.xy))[made.ends[:, 0]]
    side = beside[made.line]
    met = np.zeros(len(made.xy), dtype=bool)
    met[part[~side]] = True
    lost = side & ~met[part]
    other = np.zeros(way.max(initial=0) + 1, dtype=bool)
    other[way[made.line[~lost]]] = True
    return np.flatnonzero(~lost | ~other[way[made.line]])


def parts_of(ends: NDArray[np.int32], metres: NDArray[np.float64], nodes: int) -> NDArray[np.int32]:
    """Return the connected part of each node, from the longest to the shortest.

    Parameters
    ----------
    ends
        First and last node of each edge.
    metres
        Length of each edge.
    nodes
        How many there are.

    Returns
    -------
    numpy.ndarray
        Numbers from 0.
    """
    graph = coo_array((np.ones(len(ends), dtype=bool), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    count, label = csgraph.connected_components(graph, directed=False)
    length = np.bincount(label[ends[:, 0]], metres, minlength=count)
    rank = np.empty(count, dtype=np.int32)
    rank[np.argsort(-length, kind="stable")] = np.arange(count)
    return rank[label]
