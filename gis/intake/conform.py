"""Rows as they came become rows of a layer: canonical columns, types, codes, CRS and geometry; nothing is dropped.

Every row of the file is a row of the result, in the same order. What is no field goes into `extra`; a value that does
not fit goes there too, and its row has a finding.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis import crs, findings, rows
from gis.catalogue import Catalogue, Field, Layer
from gis.errors import FrameError
from gis.intake import columns, values
from gis.intake.columns import Match
from gis.intake.sources import Source
from gis.settings import Settings


@dataclass(frozen=True)
class Conformed:
    """Hold a layer's rows in canonical shape.

    Parameters
    ----------
    frame
        As `gis.rows.canonical` gives it, with `extra`; one row for each row of the file, in its order.
    findings
        What could not be conformed, and what was set aside.
    matches
        Which column became which field.
    """

    frame: pd.DataFrame
    findings: pd.DataFrame
    matches: tuple[Match, ...]


def conform(source: Source, layer: Layer, *, settings: Settings, catalogue: Catalogue) -> Conformed:
    """Bring a file's rows into the shape of a layer.

    Parameters
    ----------
    source
        What `read` gave.
    layer
        The layer that the rows are to be.
    settings
        The working CRS.
    catalogue
        Code lists.

    Returns
    -------
    Conformed
        Findings: row.type (error, the value is kept in extra), row.digits_lost (error), columns.unknown and
        geometry.z_dropped (info).

    Raises
    ------
    FrameError
        The layer has geometry and the file none, or two columns claim one field.
    CrsError
        The rows cannot be brought into the working CRS by a transformation that anybody vouches for.
    """
    frame = source.frame.reset_index(drop=True)
    spatial = isinstance(frame, gpd.GeoDataFrame)
    if layer.spatial and not spatial:
        raise FrameError(
            f"{source.path.name} has no geometry, and layer {layer.name!r} needs {layer.geometry}: give a column of "
            "WKT, or a pair such as lon and lat",
            layer=layer.name,
        )
    names = [str(name) for name in frame.columns if not spatial or name != frame.geometry.name]
    matches, unknown = columns.match([name for name in names if name not in rows.BESIDE], layer)
    typed, misfits, notes = _typed(frame, matches, layer, catalogue)
    typed["extra"] = _extra(frame, unknown, misfits)
    if unknown:
        notes.append(findings.finding("columns.unknown", layer.name, severity="info", columns=list(unknown)))
    if not layer.spatial:
        shaped = rows.canonical(typed, layer)
        return Conformed(shaped, findings.table(notes), matches)
    placed = crs.to(gpd.GeoDataFrame(typed, geometry=frame.geometry), settings.crs, name=source.path.name)
    deep = int(shapely.has_z(frame.geometry.to_numpy()).sum())
    if deep:
        notes.append(findings.finding("geometry.z_dropped", layer.name, severity="info", count=deep))
    shaped = rows.canonical(placed, layer, settings.crs)
    return Conformed(shaped, findings.table(_located(notes, shaped, layer)), matches)


def _typed(
    frame: pd.DataFrame, matches: tuple[Match, ...], layer: Layer, catalogue: Catalogue
) -> tuple[pd.DataFrame, list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the matched columns in their types, what did not fit by row, and the findings about it."""
    typed: dict[str, pd.Series] = {}
    misfits: list[dict[str, Any]] = [{} for _ in range(len(frame))]
    notes = []
    for found in matches:
        field = layer.field(found.field)
        cells, wrong = _cells(frame[found.column], field, catalogue)
        typed[field.name] = pd.Series(pd.array(cells, dtype=_dtype(field)), index=frame.index)
        for row, lost in wrong:
            value = frame[found.column].iloc[row]
            misfits[row][found.column] = value
            more = {"row": row + 1, "value": str(value), "type": field.type}
            code = "row.digits_lost" if lost else "row.type"
            notes.append(_value_finding(code, layer.name, field.name, more))
    return pd.DataFrame(typed, index=frame.index), misfits, notes


def _value_finding(code: str, layer: str, field: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return the finding about one value that does not fit."""
    if code == "row.digits_lost":
        return findings.finding("row.digits_lost", layer, field=field, row=more["row"], value=more["value"])
    return findings.finding("row.type", layer, field=field, **more)


def _dtype(field: Field) -> Any:
    """Return the dtype while dates are still days."""
    return "object" if field.type == "date" else rows.DTYPES[field.type]


def _cells(column: pd.Series, field: Field, catalogue: Catalogue) -> tuple[list[Any], list[tuple[int, bool]]]:
    """Convert one column; return the cells and, for those that do not fit, the row and whether digits were lost."""
    known = values.codes(catalogue.code_list(field.codes)) if field.codes is not None else None
    empty = np.nan if field.type == "real" else None
    cells: list[Any] = []
    wrong = []
    for row, value in enumerate(column.array):
        if values.missing(value):
            cells.append(empty)
            continue
        try:
            cell = values.convert(value, field.type)
        except values.Misfit as misfit:
            wrong.append((row, misfit.lost))
            cells.append(empty)
            continue
        cells.append(values.as_code(cell, known) if known is not None else cell)
    return cells, wrong


def _extra(frame: pd.DataFrame, unknown: tuple[str, ...], misfits: list[dict[str, Any]]) -> pd.Series:
    """Return for each row what has no field, as JSON text; missing where there is nothing."""
    kept = [dict(record) for record in misfits]
    if "extra" in frame.columns:
        for record, value in zip(kept, frame["extra"].array, strict=True):
            record |= _record(value)
    for name in unknown:
        for record, value in zip(kept, frame[name].array, strict=True):
            if not values.missing(value):
                record[name] = value
    texts = [values.as_json(record) if record else None for record in kept]
    return pd.Series(pd.array(texts, dtype="str"), index=frame.index)


def _record(value: Any) -> dict[str, Any]:
    """Return what an `extra` column of the file itself holds."""
    if values.missing(value):
        return {}
    try:
        content = json.loads(value)
    except (TypeError, ValueError):
        content = None
    return content if isinstance(content, dict) else {"extra": value}


def _located(notes: list[dict[str, Any]], frame: pd.DataFrame, layer: Layer) -> list[dict[str, Any]]:
    """Add the key and the place of its row to every finding about a value."""
    located = []
    keys = frame[layer.key] if layer.key in frame.columns else None
    middles = shapely.centroid(frame.geometry.to_numpy())
    for note in notes:
        row = json.loads(note["parameters"]).get("row")
        if row is None:
            located.append(note)
            continue
        key = keys.iloc[row - 1] if keys is not None else None
        place = middles[row - 1]
        at = (float(shapely.get_x(place)), float(shapely.get_y(place))) if place is not None else (np.nan, np.nan)
        feature = None if values.missing(key) else str(key)
        located.append({**note, "feature": feature, "x": at[0], "y": at[1]})
    return located
