"""Boundaries of several layers brought together: lower lines follow higher ones, and every moved stretch is listed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs, findings
from gis.catalogue import CodeList
from gis.errors import FrameError, UsageError
from gis.geometry import linework, noding, parts, snapped
from gis.geometry.linework import Departure, Linework
from gis.geometry.parts import Shapes
from gis.intake import ground, stretches, values
from gis.intake.stretches import Feature

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Reconciled:
    """Hold the layers with reconciled boundaries and what became of each line.

    Parameters
    ----------
    layers
        The frames given, same rows, order and columns; only geometry differs. What did not move is bit-identical.
    moves
        One row a moved stretch: layer, feature (key), followed_layer, followed (key of the feature whose line it now
        is; missing where its own line met an equal's half way or was drawn on to a joint), length_m, shift_m (largest
        distance of the new line from the old outline), gained_m2, lost_m2, x, y (on the line) and the new line as
        geometry. For each feature gained less lost is its change of area.
    findings
        reconcile.locked_differ (warning: two lines that may not be edited run apart), reconcile.deviation (info: a
        line that leaves the higher ones on purpose and was kept), reconcile.too_far and reconcile.vanished (warning:
        the feature stayed as it was), reconcile.unusable (warning: no valid polygon), reconcile.authority (warning:
        a code that the list does not have ranks last), reconcile.outranks (warning: a line that stays because it ranks
        above one that is held), reconcile.gap_left and reconcile.overlap_left (warning: ground narrower than the
        tolerance beside a locked feature that none, or two, of its layer have).
    """

    layers: dict[str, gpd.GeoDataFrame]
    moves: gpd.GeoDataFrame
    findings: pd.DataFrame


def reconcile(
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    tolerance: float,
    authority: CodeList,
    keys: Mapping[str, str] | None = None,
    field: str = "authority",
    held: Collection[str] = (),
) -> Reconciled:
    """Make lower lines follow higher ones.

    Parameters
    ----------
    layers
        Polygon layers in one projected CRS, in order of precedence.
    tolerance
        A line within this distance of a higher one follows it, m; about six times the digitising noise.
    authority
        The codes of a line's authority, the highest first; a code with `locked` set is never edited.
    keys
        Name of the key column by layer; `<layer>_id` where nothing is said.
    field
        Name of the column with the authority's code.
    held
        Layers none of whose lines is edited, whatever their codes; without a code they rank first. A feature of
        another layer that ranks above one of them within the tolerance stays too and is reported.

    Returns
    -------
    Reconciled

    Raises
    ------
    CrsError
        A layer has no projected CRS in metres, or another one than the first.
    FrameError
        A key column is missing, or a key is missing or stands twice.
    UsageError
        The tolerance is not a positive number of metres, or there is no layer.

    Notes
    -----
    Authority is per feature; among equals the earlier layer goes first, whatever the order of rows. A feature without
    a code ranks last; a first layer without the column is the reference and stays as it is, and so does a feature of
    the first layer that nothing outranks. What leaves the higher lines by more than the tolerance, or crosses them,
    stays and is joined to them at its ends; lower neighbours follow it, and equals of one layer, none of which has
    precedence, meet half way. The faces of these lines then go to the features that cover most of them, so that what
    was edge to edge is so exactly; ground narrower than the tolerance between neighbours goes to one of them. No
    attribute (批复面积 among them) is touched. Where a joint lies within an edge that may not be edited, only the lower
    side has a vertex there, off the edge by no more than rounding. Between two lines that stay and differ
    (reconcile.locked_differ) lies a strip; it is parted wherever one of them turns or a lower line ends, and each part
    goes to the feature along it. What only locked features border is left, and so is ground that two of them cover:
    each such gap and overlap narrower than the tolerance is a finding.
    """
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise UsageError(f"tolerance is {tolerance!r}; give a positive number of metres", tolerance=tolerance)
    if not layers:
        raise UsageError("no layer was given; name at least one", layers=[])
    system = crs.require_same(dict(layers))
    names = {name: (keys or {}).get(name, f"{name}_id") for name in layers}
    features, notes = _features(layers, names, authority, field, held)
    features, above = _outranking(features, held, tolerance)
    notes += above
    corner = snapped.origin(np.array([feature.shape for feature in features], dtype=object))
    old = snapped.moved(np.array([feature.shape for feature in features], dtype=object), -corner)
    fixed = np.array([feature.fixed for feature in features], dtype=bool)
    work = Linework(old[fixed], np.flatnonzero(fixed), tolerance, _groups(features, layers, held)[fixed])
    departures = _departures(work, features, old, fixed, tolerance)
    new = old.copy()
    for layer in layers:
        members = np.array([n for n, feature in enumerate(features) if feature.layer == layer], dtype=np.intp)
        if len(members) and not fixed[members].all():
            new[members] = _rebuilt(work, old, members, fixed, tolerance)
    notes += _refused(features, old, new, tolerance, corner)
    notes += stretches.kept(features, departures, new, corner, tolerance)
    notes += stretches.locked_differ(features, old, tolerance, corner)
    moves = stretches.moves(features, old, new, work, corner)
    frames = {name: _with_shapes(layers[name], name, features, old, new, corner) for name in layers}
    for place, name in enumerate(layers):
        if place and name not in held:
            mine = [feature for feature in features if feature.layer == name]
            notes += stretches.left(mine, frames[name], names[name], tolerance)
    return Reconciled(frames, moves.set_crs(system), findings.table(notes))


def _features(
    layers: Mapping[str, gpd.GeoDataFrame],
    keys: Mapping[str, str],
    authority: CodeList,
    field: str,
    held: Collection[str],
) -> tuple[list[Feature], list[dict[str, Any]]]:
    """Return the features that have ground, the highest first, and findings about the others."""
    ranks = {code.code: rank for rank, code in enumerate(authority)}
    locked = {code for code, value in authority.values("locked").items() if value is True}
    found, notes = [], []
    for place, (layer, frame) in enumerate(layers.items()):
        names = _keys(frame, layer, keys[layer])
        codes = frame[field].to_list() if field in frame.columns else [None] * len(frame)
        silent = 0 if layer in held or (place == 0 and field not in frame.columns) else len(ranks)
        shapes = frame.geometry.to_numpy()
        usable = ground.usable(shapes)
        for row, (name, code) in enumerate(zip(names, codes, strict=True)):
            known = isinstance(code, str) and code in ranks
            if not known and not values.missing(code):
                notes.append(_unknown(layer, name, field, str(code)))
            if not usable[row]:
                notes.append(findings.finding("reconcile.unusable", layer, name, severity="warning"))
                continue
            rank = ranks[code] if known else silent
            feature = Feature(layer, name, row, shapes[row], rank, known and code in locked)
            found.append((rank, place, name, feature))
    found.sort(key=lambda item: item[:3])
    # a feature of the first layer that nothing outranks has no line to follow
    highest = min((rank for rank, *_ in found), default=0)
    features = [
        feature.as_fixed() if feature.locked or feature.layer in held or (place == 0 and rank == highest) else feature
        for rank, place, _, feature in found
    ]
    return features, notes


def _outranking(
    features: list[Feature], held: Collection[str], tolerance: float
) -> tuple[list[Feature], list[dict[str, Any]]]:
    """Let those features stay that rank above a line beside them which is held, with a finding each."""
    lines = [shapely.boundary(feature.shape) for feature in features]
    kept = [n for n, feature in enumerate(features) if feature.layer in held]
    tree = shapely.STRtree([lines[n] for n in kept])
    result, notes = list(features), []
    for n, feature in enumerate(features):
        if feature.fixed:
            continue
        near = [kept[m] for m in np.sort(tree.query(lines[n], predicate="dwithin", distance=tolerance)).tolist()]
        lower = next((features[m] for m in near if features[m].rank > feature.rank), None)
        if lower is not None:
            result[n] = feature.as_fixed()
            at = shapely.shortest_line(shapely.boundary(lower.shape), lines[n]).coords[1]
            more = {"at": at, "other_layer": lower.layer, "other": lower.key}
            notes.append(
                findings.finding("reconcile.outranks", feature.layer, feature.key, severity="warning", **more)
            )
    return result, notes


def _groups(features: list[Feature], layers: Mapping[str, gpd.GeoDataFrame], held: Collection[str]) -> Places:
    """Give the lines that were drawn together one number: those of a reference layer, and any other each its own."""
    references = {name: place for place, name in enumerate(layers) if place == 0 or name in held}
    numbers = [references.get(feature.layer, len(layers) + n) for n, feature in enumerate(features)]
    return np.array(numbers, dtype=np.intp)


def _unknown(layer: str, feature: str, field: str, value: str) -> dict[str, Any]:
    """Return the finding about a code that the list does not have."""
    return findings.finding("reconcile.authority", layer, feature, severity="warning", field=field, value=value)


def _keys(frame: gpd.GeoDataFrame, layer: str, key: str) -> list[str]:
    """Return the keys of a layer's rows."""
    if key not in frame.columns:
        raise FrameError(f"{layer} has no key column {key!r}; name it in keys={{{layer!r}: …}}", layer=layer, key=key)
    names = frame[key]
    if names.isna().any() or names.astype(str).duplicated().any():
        raise FrameError(f"{layer}: each row needs a key of its own in {key!r}; fill and correct them", layer=layer)
    return [str(name) for name in names]


def _departures(work: Linework, features: list[Feature], old: Shapes, fixed: Mask, tolerance: float) -> list[Departure]:
    """Draw, the highest first, what of each outline does not follow the lines before it."""
    free = np.flatnonzero(~fixed)
    one, other = shapely.STRtree(old[free]).query(old[free], predicate="dwithin", distance=4 * tolerance)
    near: dict[int, list[int]] = {}
    for feature, neighbour in zip(free[one].tolist(), free[other].tolist(), strict=True):
        near.setdefault(feature, []).append(neighbour)
    departures = []
    for n in free.tolist():
        around = sorted(near[n])
        # of one layer and rank none has precedence
        equals = [m for m in around if m > n and features[m].stands == features[n].stands]
        outlines = np.asarray(shapely.boundary(old[equals]), dtype=object)
        departures += work.draw(old[n], n, [m for m in around if m < n], outlines)
    return departures


def _rebuilt(work: Linework, old: Shapes, members: Places, fixed: Mask, tolerance: float) -> Shapes:
    """Return the shapes of one layer's features as faces of the linework."""
    faces = work.faces(int(members[~fixed[members]].max()))
    ends, face = linework.edges(faces)
    sides = ground.sides(ends, face)
    own = np.isin(work.owners(sides.lines), members[~fixed[members]])
    face_of, member_of = ground.divided(faces, old[members], fixed[members], sides, own, tolerance)
    made = noding.united(faces[face_of], member_of.astype(np.int64), len(members))
    made = linework.without(made, work.joints())
    for n, place in enumerate(members.tolist()):
        same = shapely.equals_identical(shapely.normalize(made[n]), shapely.normalize(_single(old[place])))
        if fixed[place] or same:
            made[n] = old[place]
        elif old[place].geom_type == "MultiPolygon" and made[n].geom_type == "Polygon" and not made[n].is_empty:
            made[n] = shapely.MultiPolygon([made[n]])
    return made


def _single(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a multipolygon of one part as that part."""
    found = shapely.get_parts(shape)
    return found[0] if len(found) == 1 else shape


def _refused(
    features: list[Feature], old: Shapes, new: Shapes, tolerance: float, corner: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Put back what vanished or moved too far, with a finding."""
    notes = []
    for n in np.flatnonzero([a is not b for a, b in zip(old, new, strict=True)]).tolist():
        feature = features[n]
        at = snapped.moved(old[n : n + 1], corner)[0]
        change = shapely.symmetric_difference(old[n], new[n])
        if new[n].is_empty or not shapely.is_valid(new[n]):
            code = "reconcile.vanished"
        elif parts.survives(np.array([change], dtype=object), tolerance)[0]:
            code = "reconcile.too_far"
        else:
            continue
        new[n] = old[n]
        notes.append(
            findings.finding(code, feature.layer, feature.key, severity="warning", at=at, tolerance_m=tolerance)
        )
    return notes


def _with_shapes(
    frame: gpd.GeoDataFrame,
    layer: str,
    features: list[Feature],
    old: Shapes,
    new: Shapes,
    corner: NDArray[np.float64],
) -> gpd.GeoDataFrame:
    """Return a layer with the shapes that changed."""
    changed = [n for n, feature in enumerate(features) if feature.layer == layer and old[n] is not new[n]]
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object).copy()
    shapes[[features[n].row for n in changed]] = snapped.moved(new[changed], corner)
    geometry = gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)
    return frame.set_geometry(geometry.rename(frame.geometry.name))
