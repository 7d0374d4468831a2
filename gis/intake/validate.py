"""What is wrong with a layer's rows: all faults at once, and which rows may not enter.

The rules of single rows are those of `gis.rows`, which the stores ask again; here come the questions about neighbours
and about the place: the same geometry twice, overlaps, gaps, rows outside the district, swapped axes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import findings, rows
from gis.catalogue import Catalogue, Layer
from gis.geometry import areas, coverage, parts
from gis.intake import district, outlines, values
from gis.settings import Settings

Mask = NDArray[np.bool_]

# dimension of what a layer holds
_DIMENSIONS = {"Point": 0, "MultiPoint": 0, "MultiLineString": 1, "MultiPolygon": 2}

# two features that share more than this of the ground that they cover together are one, drawn twice
_SAME = 0.95


def validate(
    frame: pd.DataFrame,
    layer: Layer,
    *,
    catalogue: Catalogue,
    settings: Settings,
    references: Mapping[str, Collection[str]] | None = None,
    parents: Mapping[str, gpd.GeoDataFrame] | None = None,
) -> pd.DataFrame:
    """Find all faults of a layer's rows.

    Parameters
    ----------
    frame
        Rows in canonical shape, in the working CRS.
    layer
        The layer.
    catalogue
        Code lists.
    settings
        The district's bounds.
    references
        Keys that exist, by layer; references to other layers are not checked.
    parents
        The layers whose ground the features must not leave, by name (`Layer.within`), in the same CRS; one that is not
        given, or is empty, is not checked.

    Returns
    -------
    pandas.DataFrame
        Findings. Those of `gis.rows`; row.code_unlisted (warning: kept though the list lacks it); those of
        `gis.intake.district` and of `gis.intake.outlines`; geometry.duplicate
        (warning) and geometry.near_duplicate (over 95 % of the ground in common; a warning, info where the layer may
        overlap itself); coverage.overlap and coverage.gap (error or warning, as the layer's topology says);
        containment.outside (warning). A finding with the parameter `row` is about that row; overlaps and gaps are
        about two or more and keep none of them out.
    """
    frame = frame.reset_index(drop=True)
    own = rows.check(frame, layer, catalogue)
    known = dict(references or {})
    if any(field.reference == layer.name for field in layer.fields) and layer.name in known:
        known[layer.name] = {*known[layer.name], *frame[layer.key].dropna()}
    foreign = findings.join(rows.references(frame, layer, known), _unlisted(frame, layer, catalogue))
    if not layer.spatial or not isinstance(frame, gpd.GeoDataFrame):
        return findings.join(own, foreign)
    # only sound geometry can be compared with its neighbours
    sound = frame.loc[_sound(frame, layer)]
    return findings.join(
        own,
        foreign,
        district.check(frame, layer, settings),
        outlines.check(sound, layer),
        _duplicates(sound, layer),
        _near_duplicates(sound, layer),
        _topology(sound, layer),
        _containment(sound, layer, parents or {}),
    )


def split(
    frame: pd.DataFrame, found: pd.DataFrame, *, layer: str = "", file: str = ""
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the rows that may enter from those that must be looked at first (待核数据).

    Parameters
    ----------
    frame
        Rows in canonical shape.
    found
        Findings about them; a row with a finding of severity error is quarantined.
    layer, file
        Where the rows come from, for the record.

    Returns
    -------
    tuple
        The accepted rows as they are, and the quarantined ones as the layer `quarantine` has them: quarantine_id,
        layer, file, row, feature, reasons, content, wkb. Together they are all rows. RangeIndex on both.
    """
    reasons, features = _reasons(found)
    held = np.zeros(len(frame), dtype=bool)
    held[[row - 1 for row in reasons]] = True
    records = []
    for row, why in sorted(reasons.items()):
        content, wkb = _content(frame, row)
        # the number is the same whenever the same row of the same file comes again
        digest = hashlib.sha256("\0".join([layer, file, str(row), content, wkb or ""]).encode()).hexdigest()
        reason = json.dumps(why, ensure_ascii=False, sort_keys=True)
        records.append((f"{layer}-{digest[:16]}", layer, file, row, features.get(row), reason, content, wkb))
    names = ["quarantine_id", "layer", "file", "row", "feature", "reasons", "content", "wkb"]
    quarantined = pd.DataFrame(records, columns=names)
    quarantined = quarantined.astype(dict.fromkeys(names, "str") | {"row": "Int64"})
    return frame.loc[~held].reset_index(drop=True), quarantined


def _reasons(found: pd.DataFrame) -> tuple[dict[int, list[dict[str, Any]]], dict[int, str]]:
    """Return the errors and the key of each row that has errors, by row number."""
    reasons: dict[int, list[dict[str, Any]]] = {}
    features: dict[int, str] = {}
    errors = found.loc[found["severity"] == "error", ["code", "field", "parameters", "feature"]]
    for code, field, text, feature in errors.itertuples(index=False):
        parameters = json.loads(text)
        row = parameters.pop("row", None)
        if row is not None:
            named = {} if values.missing(field) else {"field": field}
            reasons.setdefault(int(row), []).append({"code": code, **named, "parameters": parameters})
            features |= {} if values.missing(feature) else {int(row): str(feature)}
    return reasons, features


def _content(frame: pd.DataFrame, row: int) -> tuple[str, str | None]:
    """Return a row's values as JSON and its geometry as hexadecimal WKB."""
    geometry = frame.active_geometry_name if isinstance(frame, gpd.GeoDataFrame) else None
    content = values.as_json({str(name): frame[name].iloc[row - 1] for name in frame.columns if name != geometry})
    shape = frame[geometry].iloc[row - 1] if geometry is not None else None
    return content, None if shape is None else str(shapely.to_wkb(shape, hex=True))


def _unlisted(frame: pd.DataFrame, layer: Layer, catalogue: Catalogue) -> pd.DataFrame:
    """Find codes that an open list lacks; what does not look like a code is a fault of its row and found there."""
    found = []
    for field in layer.fields:
        listed = catalogue.code_list(field.codes) if field.codes is not None else None
        if listed is None or not listed.open or field.name not in frame.columns:
            continue
        column = frame[field.name]
        looks = column.str.fullmatch(listed.open).fillna(False).to_numpy(dtype=bool)
        for row in np.flatnonzero(looks & ~column.isin([item.code for item in listed]).to_numpy(dtype=bool)):
            key = frame[layer.key].iloc[row]
            feature = None if values.missing(key) else str(key)
            more = {"row": int(row) + 1, "value": str(column.iloc[row]), "list": listed.zh}
            found.append(_warned(layer.name, feature, field.name, more))
    return findings.table(found)


def _warned(layer: str, feature: str | None, field: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return the finding about one code that is kept though the list lacks it."""
    return findings.finding("row.code_unlisted", layer, feature, severity="warning", field=field, **more)


def _sound(frame: gpd.GeoDataFrame, layer: Layer) -> Mask:
    """Tell which rows have a key and a geometry that can be compared."""
    shapes = frame.geometry.to_numpy()
    usable = ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes) & shapely.is_valid(shapes)
    usable &= np.isfinite(shapely.bounds(shapes)).all(axis=1) & frame[layer.key].notna().to_numpy(dtype=bool)
    # a point among polygons has its finding, and no area to compare
    usable &= shapely.get_dimensions(shapes) == _DIMENSIONS[layer.geometry]
    usable &= shapely.get_type_id(shapes) != shapely.GeometryType.GEOMETRYCOLLECTION
    return np.asarray(usable, dtype=bool)


def _duplicates(frame: gpd.GeoDataFrame, layer: Layer) -> pd.DataFrame:
    """Find rows whose geometry is exactly that of an earlier row."""
    if frame.empty:
        return findings.table()
    shapes = frame.geometry.to_numpy()
    prints = pd.Series(shapely.to_wkb(shapely.normalize(shapes)), index=frame.index)
    keys = frame[layer.key]
    first = keys.groupby(prints).transform("first")
    later = prints.duplicated(keep="first")
    return findings.table(
        findings.finding(
            "geometry.duplicate",
            layer.name,
            keys[row],
            severity="warning",
            at=frame.geometry[row],
            row=int(row) + 1,
            other=first[row],
        )
        for row in frame.index[later]
    )


def _near_duplicates(frame: gpd.GeoDataFrame, layer: Layer) -> pd.DataFrame:
    """Find rows that cover almost the same ground as an earlier one."""
    if layer.geometry != "MultiPolygon" or frame.empty:
        return findings.table()
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    asked = _alike(shapes)
    one, two, common = areas.pair_areas(shapes[asked])
    one, two = asked[one], asked[two]
    area = shapely.area(shapes)
    share = common / (area[one] + area[two] - common)
    exact = shapely.equals_identical(shapely.normalize(shapes[one]), shapely.normalize(shapes[two]))
    keys = frame[layer.key].astype(str).to_numpy(dtype=object)
    severity = "info" if layer.topology.overlap == "allowed" else "warning"
    return findings.table(
        findings.finding(
            "geometry.near_duplicate",
            layer.name,
            keys[two[pair]],
            severity=severity,
            at=shapes[two[pair]],
            row=int(frame.index[two[pair]]) + 1,
            other=keys[one[pair]],
            share_pct=float(100 * share[pair]),
        )
        for pair in np.flatnonzero((share > _SAME) & ~exact)
    )


def _alike(shapes: NDArray[np.object_]) -> NDArray[np.intp]:
    """Return the positions of shapes that might be almost the same as another, by their areas and boxes alone."""
    i, j = shapely.STRtree(shapes).query(shapes)
    i, j = i[i < j], j[i < j]
    area, box = shapely.area(shapes), shapely.bounds(shapes).reshape(-1, 4)
    low, high = np.maximum(box[i, :2], box[j, :2]), np.minimum(box[i, 2:], box[j, 2:])
    # what two shapes share fits into what their boxes share, and is more than the share of the larger
    wanted = _SAME * np.maximum(area[i], area[j])
    alike = (np.minimum(area[i], area[j]) > wanted) & ((high - low).prod(axis=1) > wanted)
    return np.unique(np.concatenate([i[alike], j[alike]]))


def _containment(frame: gpd.GeoDataFrame, layer: Layer, parents: Mapping[str, gpd.GeoDataFrame]) -> pd.DataFrame:
    """Find features that leave the ground of the layer, or of the very feature, in which they must lie."""
    found = []
    for name in layer.within:
        ground = parents.get(name)
        if ground is None or ground.empty or frame.empty:
            continue
        field = next((item.name for item in layer.fields if item.reference == name), None)
        rows_, around = _ground(frame, field, ground)
        shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)[rows_]
        # whatever is covered is done; only the rest is cut
        leaving = np.flatnonzero(~shapely.covers(around, shapes))
        rows_, shapes, around = rows_[leaving], shapes[leaving], around[leaving]
        outside = shapely.difference(shapes, around)
        for place in np.flatnonzero(parts.survives(outside, layer.topology.tolerance / 2)):
            row = rows_[place]
            found.append(
                findings.finding(
                    "containment.outside",
                    layer.name,
                    str(frame[layer.key].iloc[row]),
                    severity="warning",
                    field=field,
                    at=outside[place],
                    row=int(frame.index[row]) + 1,
                    target=name,
                    parent=None if field is None else str(frame[field].iloc[row]),
                    area_m2=float(outside[place].area),
                    share_pct=float(100 * outside[place].area / shapes[place].area),
                )
            )
    return findings.table(found)


def _ground(
    frame: gpd.GeoDataFrame, field: str | None, parents: gpd.GeoDataFrame
) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """Return the rows to ask about, and the ground in which each must lie: of its own parent, else of all."""
    shapes = np.asarray(parents.geometry.to_numpy(), dtype=object)
    usable = shapely.is_valid(shapes) & ~shapely.is_empty(shapes)
    if field is None:
        whole = coverage.united(shapes[usable])
        shapely.prepare(whole)
        return np.arange(len(frame)), np.full(len(frame), whole, dtype=object)
    # the key is the first column of every layer
    known = dict(zip(parents.loc[usable].iloc[:, 0].astype(str), shapes[usable], strict=True))
    names = frame[field].to_numpy(dtype=object)
    rows_ = np.array([row for row, name in enumerate(names) if name in known], dtype=np.intp)
    around = np.array([known[names[row]] for row in rows_], dtype=object)
    shapely.prepare(around)
    return rows_, around


def _topology(frame: gpd.GeoDataFrame, layer: Layer) -> pd.DataFrame:
    """Find overlaps and enclosed gaps where the layer does not allow them."""
    if layer.geometry != "MultiPolygon" or frame.empty:
        return findings.table()
    found = []
    if layer.topology.overlap != "allowed":
        pairs = coverage.overlaps(frame, layer.key, tolerance=layer.topology.tolerance)
        for one in pairs.itertuples():
            found.append(
                findings.finding(
                    "coverage.overlap",
                    layer.name,
                    str(one.first),
                    severity=_severity(layer.topology.overlap),
                    at=(one.x, one.y),
                    other=str(one.second),
                    area_m2=float(one.area_m2),
                    width_m=float(one.width_m),
                )
            )
    if layer.topology.gap != "allowed":
        holes = coverage.gaps(frame, layer.key)
        for one in holes.loc[holes["width_m"] >= layer.topology.tolerance].itertuples():
            found.append(
                findings.finding(
                    "coverage.gap",
                    layer.name,
                    severity=_severity(layer.topology.gap),
                    at=(one.x, one.y),
                    neighbours=list(one.neighbours),
                    area_m2=float(one.area_m2),
                    width_m=float(one.width_m),
                )
            )
    return findings.table(found)


def _severity(rule: str) -> str:
    """Return the severity for what a layer's topology says."""
    return "error" if rule == "error" else "warning"
