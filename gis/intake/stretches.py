"""The record of a reconciliation: stretches that moved, deviations that stayed, locked lines that differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis import findings
from gis.geometry import coverage, linework, parts, snapped
from gis.geometry.linework import ROUNDING_M, Departure, Linework
from gis.geometry.parts import Shapes

Floats = NDArray[np.float64]

# stored coordinates are kept to the millimetre (practice.md): lines nearer than that do not differ
_SAME_M = 0.001
# what moved less only took the digits of the line that it was on
_STILL_M = 1e-6

_COLUMNS = ("layer", "feature", "followed_layer", "followed", "length_m", "shift_m", "gained_m2", "lost_m2", "x", "y")


@dataclass(frozen=True)
class Feature:
    """Hold one feature: its layer, key, row and shape, its rank (0 the highest) and whether its line may be edited.

    `locked` lines are registered or approved; `fixed` ones are locked, or nothing stands above them.
    """

    layer: str
    key: str
    row: int
    shape: shapely.Geometry
    rank: int
    locked: bool
    fixed: bool = False

    @property
    def stands(self) -> tuple[str, int]:
        """Return layer and rank: features that have both in common are equals."""
        return self.layer, self.rank

    def as_fixed(self) -> Feature:
        """Return the feature as one that stays as it is."""
        return replace(self, fixed=True)


def moves(features: list[Feature], old: Shapes, new: Shapes, work: Linework, corner: Floats) -> gpd.GeoDataFrame:
    """List the stretches that moved.

    Parameters
    ----------
    features
        The features, the highest first.
    old, new
        Their shapes before and after, near the origin.
    work
        The lines that they follow.
    corner
        Where the origin lies, m.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns as in `reconcile.Reconciled`; no CRS; in the order of features; RangeIndex.
    """
    records, lines = [], []
    for n in np.flatnonzero([a is not b for a, b in zip(old, new, strict=True)]).tolist():
        found = _stretches(old[n], new[n], work)
        if not found:
            continue
        for (owner, line, shift), gained, lost in zip(found, *_changes(old[n], new[n], found), strict=True):
            followed = features[owner] if owner not in {n, -1} else None
            middle = shapely.get_coordinates(shapely.line_interpolate_point(line, 0.5, normalized=True))[0] + corner
            into = (followed.layer, followed.key) if followed else (None, None)
            records.append(
                (features[n].layer, features[n].key, *into, float(line.length), shift, gained, lost, *middle.tolist())
            )
            lines.append(line)
    shapes = snapped.moved(np.array(lines, dtype=object), corner)
    text = dict.fromkeys(_COLUMNS[:4], "str") | dict.fromkeys(_COLUMNS[4:], "float64")
    return gpd.GeoDataFrame(gpd.pd.DataFrame(records, columns=list(_COLUMNS)).astype(text), geometry=shapes)


def kept(
    features: list[Feature], departures: list[Departure], new: Shapes, corner: Floats, tolerance: float
) -> list[dict[str, Any]]:
    """Report the lines that leave higher ones by more than the tolerance and stay.

    Parameters
    ----------
    features
        The features, the highest first.
    departures
        What was drawn beside the higher lines.
    new
        The features' shapes after, near the origin.
    corner
        Where the origin lies, m.
    tolerance
        Stretches of one feature whose ends lie within this distance are one line, m.

    Returns
    -------
    list of dict
        One finding a line, however many higher features it cuts through; none about a ring that touches no higher
        line.
    """
    drawn = []
    for one in departures:
        middle = shapely.line_interpolate_point(one.line, 0.5, normalized=True)
        if not one.line.is_closed and shapely.dwithin(middle, new[one.owner].boundary, ROUNDING_M):
            drawn.append(one)
    if not drawn:
        return []
    tree = shapely.STRtree(new)
    return [_deviation(features, line, tree, corner) for line in _continuous(drawn, tolerance)]


def _continuous(departures: list[Departure], tolerance: float) -> list[list[Departure]]:
    """Put the stretches together that make one line of one feature, in the order in which they were drawn."""
    ends = shapely.points([tip for one in departures for tip in (one.line.coords[0], one.line.coords[-1])])
    owner = np.repeat(np.array([one.owner for one in departures], dtype=np.intp), 2)
    i, j = shapely.STRtree(ends).query(ends, predicate="dwithin", distance=tolerance)
    same = owner[i] == owner[j]
    links = coo_array((np.ones(same.sum()), (i[same] // 2, j[same] // 2)), shape=(len(departures),) * 2)
    _, line = connected_components(links, directed=False)
    found: dict[int, list[Departure]] = {}
    for one, number in zip(departures, line.tolist(), strict=True):
        found.setdefault(number, []).append(one)
    return list(found.values())


def _deviation(
    features: list[Feature], line: list[Departure], tree: shapely.STRtree, corner: Floats
) -> dict[str, Any]:
    """Return the finding about one line that stays, at the middle of its longest stretch."""
    feature = features[line[0].owner]
    middles = [shapely.line_interpolate_point(one.line, 0.5, normalized=True) for one in line]
    _, around = tree.query(middles, predicate="within")
    through = {n for n in around.tolist() if features[n].layer != feature.layer and n < line[0].owner}
    longest = int(np.argmax([one.line.length for one in line]))
    x, y = shapely.get_coordinates(middles[longest])[0] + corner
    return findings.finding(
        "reconcile.deviation",
        feature.layer,
        feature.key,
        severity="info",
        at=(float(x), float(y)),
        length_m=float(sum(one.line.length for one in line)),
        distance_m=max(one.furthest_m for one in line),
        through=[features[n].key for n in sorted(through)] or None,
    )


def locked_differ(features: list[Feature], old: Shapes, tolerance: float, corner: Floats) -> list[dict[str, Any]]:
    """Report where two lines that may not be edited run beside each other.

    Parameters
    ----------
    features
        The features, the highest first.
    old
        Their shapes, near the origin.
    tolerance
        Lines further apart than this are two lines, m.
    corner
        Where the origin lies, m.

    Returns
    -------
    list of dict
        One finding a stretch longer than four tolerances on which they differ by more than a millimetre; shorter ones
        are where lines part.
    """
    fixed = [n for n, feature in enumerate(features) if feature.fixed]
    ends, position = linework.edges(old[fixed])
    owner = np.array(fixed, dtype=np.intp)[position]
    lines = np.asarray(shapely.linestrings(ends.reshape(-1, 2, 2)), dtype=object)
    tree = shapely.STRtree(lines)
    notes = []
    for n in fixed:
        if not features[n].locked:
            continue
        outline = old[n].boundary
        near = tree.query(outline, predicate="dwithin", distance=tolerance)
        # one locked line is named once, beside the higher one; fixed lines that are not locked count wherever they rank
        near = np.sort(near[(owner[near] < n) | ((owner[near] > n) & ~_locked(features, owner[near]))])
        if not len(near):
            continue
        together = shapely.MultiLineString(list(lines[near]))
        beside = shapely.intersection(outline, shapely.buffer(together, tolerance))
        apart = shapely.line_merge(shapely.difference(beside, shapely.buffer(together, _SAME_M)))
        for line in shapely.get_parts(apart):
            if line.length > 4 * tolerance:
                notes.append(_differing(features, n, line, lines[near], owner[near], corner))
    return notes


def left(features: list[Feature], frame: gpd.GeoDataFrame, key: str, tolerance: float) -> list[dict[str, Any]]:
    """Report what lines that may not be edited leave open or covered twice within one layer.

    Parameters
    ----------
    features
        The layer's features.
    frame
        The layer after the reconciliation.
    key
        Name of its key column.
    tolerance
        Wider ground is no matter of lines that differ, m.

    Returns
    -------
    list of dict
        One finding for each enclosed gap, and for each pair that overlaps, beside a locked feature.
    """
    locked = {feature.key for feature in features if feature.locked}
    if not locked:
        return []
    layer, usable = features[0].layer, frame.iloc[sorted(feature.row for feature in features)]
    notes = []
    for gap in _narrow(coverage.gaps(usable, key), tolerance).itertuples():
        if locked & set(gap.neighbours):
            more = {"neighbours": list(gap.neighbours), "area_m2": gap.area_m2, "width_m": gap.width_m}
            at = (gap.x, gap.y)
            notes.append(findings.finding("reconcile.gap_left", layer, severity="warning", at=at, **more))
    for pair in _narrow(coverage.overlaps(usable, key), tolerance).itertuples():
        if locked & {pair.first, pair.second}:
            more = {"other": pair.second, "area_m2": pair.area_m2, "width_m": pair.width_m, "at": (pair.x, pair.y)}
            notes.append(findings.finding("reconcile.overlap_left", layer, pair.first, severity="warning", **more))
    return notes


def _narrow(places: gpd.GeoDataFrame, tolerance: float) -> gpd.GeoDataFrame:
    """Return the places that are narrower than the tolerance everywhere."""
    return places.loc[~parts.survives(places.geometry.to_numpy(), tolerance / 2)]


def _locked(features: list[Feature], numbers: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which features are locked."""
    return np.array([features[n].locked for n in numbers.tolist()], dtype=bool)


def _differing(
    features: list[Feature],
    n: int,
    line: shapely.LineString,
    lines: Shapes,
    owner: NDArray[np.intp],
    corner: Floats,
) -> dict[str, Any]:
    """Return the finding about one stretch of a locked line beside another."""
    middle = shapely.line_interpolate_point(line, 0.5, normalized=True)
    other = features[int(owner[np.argmin(shapely.distance(lines, middle))])]
    x, y = shapely.get_coordinates(middle)[0] + corner
    return findings.finding(
        "reconcile.locked_differ",
        features[n].layer,
        features[n].key,
        severity="warning",
        at=(float(x), float(y)),
        other_layer=other.layer,
        other=other.key,
        length_m=float(line.length),
        distance_m=_shift(line, shapely.MultiLineString(list(lines))),
    )


def _stretches(
    old: shapely.Geometry, new: shapely.Geometry, work: Linework
) -> list[tuple[int, shapely.LineString, float]]:
    """Return the stretches of a new outline that lie off the old one: whose line it is, the line, the largest shift."""
    outline = shapely.boundary(old)
    found: list[tuple[int, shapely.LineString, float]] = []
    for ring in shapely.get_rings(shapely.get_parts(new)):
        points = shapely.get_coordinates(ring)
        sides = np.asarray(shapely.linestrings(np.stack([points[:-1], points[1:]], axis=1)), dtype=object)
        owners = work.owners(sides)
        shifts = np.array([_shift(side, outline) for side in sides])
        # runs of edges that moved onto lines of one feature; the ring starts where one run ends
        name = np.where(shifts > _STILL_M, owners, -2)
        turn = int(np.argmax(name != np.roll(name, 1)))
        name, shifts = np.roll(name, -turn), np.roll(shifts, -turn)
        points = np.concatenate([np.roll(points[:-1], -turn, axis=0), points[turn : turn + 1]])
        breaks = np.concatenate([[0], np.flatnonzero(name[1:] != name[:-1]) + 1, [len(name)]])
        for first, last in zip(breaks[:-1].tolist(), breaks[1:].tolist(), strict=True):
            if name[first] != -2:
                line = shapely.LineString(points[first : last + 1])
                found.append((int(name[first]), line, float(shifts[first:last].max())))
    return found


def _changes(
    old: shapely.Geometry, new: shapely.Geometry, found: list[tuple[int, shapely.LineString, float]]
) -> tuple[list[float], list[float]]:
    """Share out the ground gained and lost, piece by piece, to the nearest stretch."""
    lines = np.array([line for _, line, _ in found], dtype=object)
    result = []
    for ground in (shapely.difference(new, old), shapely.difference(old, new)):
        total = [0.0] * len(lines)
        for piece in shapely.get_parts(ground):
            if piece.area > 0:
                total[int(np.argmin(shapely.distance(lines, piece.point_on_surface())))] += float(piece.area)
        result.append(total)
    return result[0], result[1]


def _shift(line: shapely.LineString, outline: shapely.Geometry) -> float:
    """Return the largest distance of a line from an outline, taken at most every two metres."""
    points = shapely.points(shapely.get_coordinates(shapely.segmentize(line, 2.0)))
    return float(shapely.distance(points, outline).max())
