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

from gis import crs, findings, rows
from gis.catalogue import Catalogue, Layer
from gis.errors import CrsError
from gis.geometry import coverage
from gis.intake import values
from gis.settings import Settings

Mask = NDArray[np.bool_]

# a feature of a neighbouring district, such as the next station, is worth a look; beyond this it is in the wrong place
_NEAR_DEGREES = 0.1


def validate(
    frame: pd.DataFrame,
    layer: Layer,
    *,
    catalogue: Catalogue,
    settings: Settings,
    references: Mapping[str, Collection[str]] | None = None,
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

    Returns
    -------
    pandas.DataFrame
        Findings. Those of `gis.rows`; place.swapped_axes (error); place.outside_district (error, a warning within 0.1°
        of the bounds); place.unchecked (info, no known way from the working CRS to degrees);
        geometry.duplicate (warning); coverage.overlap and coverage.gap (error or warning, as the
        layer's topology says). A finding with the parameter `row` is about that row; overlaps and gaps are about two
        or more and keep none of them out.
    """
    frame = frame.reset_index(drop=True)
    own = rows.check(frame, layer, catalogue)
    known = dict(references or {})
    if any(field.reference == layer.name for field in layer.fields) and layer.name in known:
        known[layer.name] = {*known[layer.name], *frame[layer.key].dropna()}
    foreign = rows.references(frame, layer, known)
    if not layer.spatial or not isinstance(frame, gpd.GeoDataFrame):
        return findings.join(own, foreign)
    places = _places(frame, layer, settings)
    # only sound geometry can be compared with its neighbours
    sound = frame.loc[_sound(frame, layer)]
    return findings.join(own, foreign, places, _duplicates(sound, layer), _topology(sound, layer))


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


def _sound(frame: gpd.GeoDataFrame, layer: Layer) -> Mask:
    """Tell which rows have a key and a geometry that can be compared."""
    shapes = frame.geometry.to_numpy()
    usable = ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes) & shapely.is_valid(shapes)
    usable &= np.isfinite(shapely.bounds(shapes)).all(axis=1) & frame[layer.key].notna().to_numpy(dtype=bool)
    return np.asarray(usable, dtype=bool)


def _places(frame: gpd.GeoDataFrame, layer: Layer, settings: Settings) -> pd.DataFrame:
    """Find rows outside the district, and rows that would be inside if their axes were swapped."""
    if settings.bounds is None or frame.crs is None:
        return findings.table()
    x, y = _middles(frame)
    try:
        to_degrees = crs.transformer(frame.crs, crs.CGCS2000)
    except CrsError:
        # a grid of the bureau's own may have no known way to degrees, in which the bounds are
        return findings.table([findings.finding("place.unchecked", layer.name, severity="info")])
    lon, lat = to_degrees.transform(x, y)
    there = np.isfinite(x) & np.isfinite(y)
    inside = _within(lon, lat, settings.bounds, 0.0)
    near = _within(lon, lat, settings.bounds, _NEAR_DEGREES)
    swapped = there & ~near & _within(*to_degrees.transform(y, x), settings.bounds, 0.0)
    found = []
    for row in np.flatnonzero(there & ~inside):
        at = (float(x[row]), float(y[row]))
        key = frame[layer.key].iloc[row]
        feature = None if values.missing(key) else str(key)
        if swapped[row]:
            found.append(findings.finding("place.swapped_axes", layer.name, feature, at=at, row=int(row) + 1))
            continue
        severity = "warning" if near[row] else "error"
        place = {"row": int(row) + 1, "lon": _degrees(lon[row]), "lat": _degrees(lat[row])}
        found.append(_outside(layer.name, feature, severity, at, place))
    return findings.table(found)


def _outside(
    layer: str, feature: str | None, severity: str, at: tuple[float, float], place: dict[str, Any]
) -> dict[str, Any]:
    """Return the finding about a row outside the district."""
    return findings.finding("place.outside_district", layer, feature, severity=severity, at=at, **place)


def _degrees(value: float) -> str:
    """Return degrees as a person reads them; what is no place on earth is a dash."""
    return f"{value:.4f}" if np.isfinite(value) else "—"


def _within(lon: Any, lat: Any, bounds: tuple[float, float, float, float], margin: float) -> Mask:
    """Tell which places lie in a box of degrees."""
    west, south, east, north = bounds
    x, y = np.asarray(lon), np.asarray(lat)
    return (x >= west - margin) & (x <= east + margin) & (y >= south - margin) & (y <= north + margin)


def _middles(frame: gpd.GeoDataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the middle of each row's box, NaN where it has none."""
    west, south, east, north = shapely.bounds(frame.geometry.to_numpy()).reshape(-1, 4).T
    return (west + east) / 2, (south + north) / 2


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
