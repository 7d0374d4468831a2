"""The findings table: everything a person must look at, in one shape.

A finding stores a stable code and its parameters; sentences in Chinese and English live in `layers/text/*.toml`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

COLUMNS = ("code", "severity", "layer", "feature", "field", "parameters", "x", "y")
SEVERITIES = ("error", "warning", "info")
# parameters that are types, shapes or what is wrong with one
_WORDED = ("type", "came", "allowed", "reason")
# numbers from here on are shown by their first digits and their size
_WRITTEN_OUT = 1e15


def finding(
    code: str,
    layer: str,
    feature: str | None = None,
    *,
    severity: str = "error",
    field: str | None = None,
    at: BaseGeometry | tuple[float, float] | None = None,
    **parameters: Any,
) -> dict[str, Any]:
    """Return one finding as a row.

    Parameters
    ----------
    code
        Stable dotted code such as "conflict.overlap"; its sentence lives in `layers/text`.
    layer, feature, field
        Where it is; feature is the key of the row.
    severity
        "error", "warning" or "info".
    at
        Place in the working CRS: (x, y), or a geometry whose point on surface is taken.
    **parameters
        Values for the sentence.

    Returns
    -------
    dict
        With the keys of `COLUMNS`.
    """
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity!r} is not one of {SEVERITIES}")
    x, y = _place(at)
    text = json.dumps(parameters, ensure_ascii=False, sort_keys=True, default=_plain)
    values = (code, severity, layer, _writable(feature), field, _writable(text), x, y)
    return dict(zip(COLUMNS, values, strict=True))


def table(rows: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
    """Return findings as a table with fixed columns and types, also when there is none.

    Parameters
    ----------
    rows
        Rows made by `finding`.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`; text columns, x and y in metres (float, NaN where unknown); RangeIndex.
    """
    frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
    text = [column for column in COLUMNS if column not in {"x", "y"}]
    return frame.astype(dict.fromkeys(text, "str") | {"x": "float64", "y": "float64"})


def join(*tables: pd.DataFrame) -> pd.DataFrame:
    """Return several findings tables as one.

    Parameters
    ----------
    *tables
        Tables of this module; may be empty.

    Returns
    -------
    pandas.DataFrame
        In the order given; RangeIndex.
    """
    kept = [part for part in tables if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else table()


def points(findings: pd.DataFrame, crs: str) -> gpd.GeoDataFrame:
    """Return the findings as points for a map; those without a place have no geometry.

    Parameters
    ----------
    findings
        A findings table.
    crs
        CRS of x and y.

    Returns
    -------
    geopandas.GeoDataFrame
        Same rows and index, geometry Point or None.
    """
    known = findings["x"].notna().to_numpy()
    shapes = np.full(len(findings), None, dtype=object)
    shapes[known] = shapely.points(findings.loc[known, ["x", "y"]].to_numpy(dtype=float))
    return gpd.GeoDataFrame(findings.copy(), geometry=gpd.GeoSeries(shapes, index=findings.index, crs=crs))


def sentence(row: Mapping[str, Any], texts: Mapping[str, str], titles: Mapping[str, str] | None = None) -> str:
    """Word a finding with the templates of one language.

    Parameters
    ----------
    row
        One finding.
    texts
        Template by code, with parameters in braces; values are inserted as they are and never read as a template.
    titles
        Title by layer and by "layer.field" (`Catalogue.titles`), shown instead of their names.

    Returns
    -------
    str
        The sentence; an unknown code is shown with its parameters. A finding that an exception covers is followed by
        who accepted it, until when and why (the template "exception.accepted"); one about a cell that was emptied by
        where it is kept ("row.emptied").
    """
    parameters = json.loads(row["parameters"]) if isinstance(row["parameters"], str) else {}
    known = {key: row[key] for key in ("layer", "feature", "field") if isinstance(row.get(key), str)}
    shown = titles or {}
    if "field" in known:
        known["field"] = shown.get(f"{known.get('layer')}.{known['field']}", known["field"])
    for other in ("target", "other_layer"):
        if parameters.get(other) in shown:
            parameters[other] = shown[parameters[other]]
    if "layer" in known:
        known["layer"] = shown.get(known["layer"], known["layer"])
    parameters = _titled(parameters, shown)
    template = texts.get(row["code"])
    if template is None:
        return f"{row['code']} {row['parameters']}"
    shown_values = _Gaps({**known, **{key: _shown(value) for key, value in parameters.items()}})
    more = texts.get("row.emptied", "") if "kept" in parameters else ""
    if "accepted_by" in parameters and "excepted" not in parameters:
        more += texts.get("exception.accepted", "")
    return f"{template.format_map(shown_values)}{more.format_map(shown_values)}"


def _titled(parameters: dict[str, Any], shown: Mapping[str, str]) -> dict[str, Any]:
    """Return parameters with the titles of types, of code lists and of the codes that one allows."""
    words = {name: shown.get(f"value.{parameters[name]}", parameters[name]) for name in _WORDED if name in parameters}
    listed = parameters.get("list")
    if isinstance(parameters.get("allowed"), list):
        words["allowed"] = [shown.get(f"codes.{listed}.{code}", code) for code in parameters["allowed"]]
    if "list" in parameters:
        words["list"] = shown.get(f"codes.{listed}", listed)
    return {**parameters, **words}


def party(code: str, takes: Mapping[str, Iterable[str]]) -> str | None:
    """Return who takes a finding.

    Parameters
    ----------
    code
        The finding's code.
    takes
        What codes begin with, by party (code list `parties`).

    Returns
    -------
    str or None
        The party with the longest beginning that fits; None where none does.
    """
    fitting = [(len(begin), name) for name, begins in takes.items() for begin in begins if code.startswith(begin)]
    return max(fitting)[1] if fitting else None


class _Gaps(dict[str, Any]):
    """Show a dash where a parameter is missing."""

    def __missing__(self, key: str) -> str:
        return "—"


def _shown(value: Any) -> str:
    """Return a parameter as text: floats without noise, lists joined by 、."""
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < _WRITTEN_OUT else f"{value:.3g}"
    if isinstance(value, list):
        return "、".join(_shown(item) for item in value)
    return "—" if value is None else str(value)


def _place(at: BaseGeometry | tuple[float, float] | None) -> tuple[float, float]:
    """Return x, y of a place; NaN where there is none."""
    if at is None or (isinstance(at, BaseGeometry) and at.is_empty):
        return float("nan"), float("nan")
    if isinstance(at, BaseGeometry):
        point = at if isinstance(at, shapely.Point) else shapely.point_on_surface(at)
        return float(point.x), float(point.y)
    return float(at[0]), float(at[1])


def _writable(text: str | None) -> str | None:
    """Return text with half surrogate pairs, which no column of text can hold, spelt as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(text, str) else text


def _plain(value: Any) -> Any:
    """Turn numpy and pandas scalars into what JSON knows."""
    if isinstance(value, np.generic):
        return value.item()
    if value is pd.NA or value is pd.NaT:
        return None
    return str(value)
