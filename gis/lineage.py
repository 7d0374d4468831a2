"""What a derived table was made from: fingerprints of the inputs, parameters and versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

# the source that made-up data names, and the sentence that stands on every output made from them
MADE_UP = "示例数据,非真实情况"


@dataclass(frozen=True)
class Lineage:
    """Record how a table was made, so that the same inputs can be shown to give the same rows.

    Parameters
    ----------
    operation
        Dotted name of the function.
    inputs
        Fingerprint by input name.
    parameters
        Values that decided the result.
    versions
        Versions of the libraries that computed it.
    """

    operation: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]

    def json(self) -> str:
        """Return the record as JSON with sorted keys."""
        content = {
            "operation": self.operation,
            "inputs": dict(self.inputs),
            "parameters": dict(self.parameters),
            "versions": dict(self.versions),
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)


def of(operation: str, inputs: Mapping[str, pd.DataFrame], **parameters: Any) -> Lineage:
    """Describe an operation on frames.

    Parameters
    ----------
    operation
        Dotted name of the function.
    inputs
        Frames by name.
    **parameters
        Values that decide the result.

    Returns
    -------
    Lineage
    """
    prints = {name: fingerprint(frame) for name, frame in inputs.items()}
    return Lineage(operation, prints, parameters, versions())


def versions() -> dict[str, str]:
    """Return the versions of the libraries that decide a result."""
    return {name: metadata.version(name) for name in ("geopandas", "shapely", "numpy", "pandas", "pyproj")} | {
        "geos": shapely.geos_version_string
    }


def fingerprint(frame: pd.DataFrame) -> str:
    """Return a digest of a frame's columns, values, geometry bytes and CRS; row order counts, the index does not.

    Parameters
    ----------
    frame
        Any frame.

    Returns
    -------
    str
        32 hexadecimal digits; stable across runs and machines.
    """
    digest = hashlib.sha256()
    for column in frame.columns:
        digest.update(str(column).encode())
        digest.update(_bytes(frame[column]))
    if isinstance(frame, gpd.GeoDataFrame) and frame.crs is not None:
        code = frame.crs.to_epsg()
        digest.update(str(code or frame.crs.to_wkt()).encode())
    return digest.hexdigest()[:32]


def _bytes(column: pd.Series) -> bytes:
    """Return the column's values as bytes that do not depend on memory layout."""
    if isinstance(column, gpd.GeoSeries):
        return _joined(shapely.to_wkb(column.to_numpy()))
    if pd.api.types.is_float_dtype(column.dtype) or column.dtype == bool:
        values = np.array(column.to_numpy(dtype="<f8", na_value=np.nan))
        values[np.isnan(values)] = np.nan
        return (values + 0.0).tobytes()
    # a mark that ends in NUL would lose it on the way through numpy and be blank text
    if isinstance(column.dtype, pd.StringDtype):
        return "\1".join(column.to_numpy(dtype=object, na_value="\0\2")).encode()
    texts = column.astype("object").where(column.notna(), "\0\2").map(str)
    return "\1".join(texts).encode()


def _joined(wkb: NDArray[np.object_]) -> bytes:
    """Return the bytes of shapes in a row, with a mark for one that is missing."""
    return b"".join(value or b"\0" for value in wkb)
