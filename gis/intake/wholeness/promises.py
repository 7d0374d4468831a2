"""Whether a file is whole: what it promises of its own end and of its rows, against what is there and what was read.

GDAL reads half of many formats without a word. A file that was cut off is refused: nobody knows what is missing.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio

from gis import findings
from gis.errors import SourceError
from gis.intake.wholeness import compound, databases, drawn, elements, features, mapped, topologies
from gis.intake.wholeness.features import Found

Notes = list[dict[str, Any]]
# features that a sentence names before it only counts
_LISTED = 5


def before(path: Path) -> None:
    """Refuse a file that ends before it should, by its bytes alone.

    Parameters
    ----------
    path
        The file, as it came.

    Raises
    ------
    SourceError
        It is cut off; the message says what is missing.
    """
    check = _ENDS.get(path.suffix.lower())
    _refuse(path, check(path) if check is not None else "")


def after(path: Path, lent: Path, layer: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, Notes]:
    """Hold what GDAL has read of a file against what the file promises and holds.

    Parameters
    ----------
    path
        The file, for messages.
    lent
        The file as GDAL read it.
    layer
        Name of the layer.
    frame
        Its rows.

    Returns
    -------
    tuple
        The rows, without the geometries of features that are spoilt; and findings: source.features_spoilt,
        source.keys_repeated, source.rows_withheld, source.transfer_limited, source.rows_fewer, source.rows_deleted,
        source.entities_unread.

    Raises
    ------
    SourceError
        Rows are missing, or the file is damaged within.
    """
    suffix = lent.suffix.lower()
    if suffix in {".geojson", ".json", ".geojsonl"}:
        try:
            found = features.find(lent, lines=suffix == ".geojsonl")
        except ValueError as error:
            raise _cut(path, str(error)) from None
        return _features(path, found, layer, frame)
    if suffix == ".topojson":
        count, wrong = topologies.faults(lent, layer)
        _require(path, layer, count, len(frame))
        return _without_ground(path, frame, dict(wrong))
    if suffix in {".gml", ".kml"}:
        return frame, _elements(path, lent, layer, frame)
    if suffix == ".dxf":
        return frame, _entities(path, lent, frame)
    check = _WITHIN.get(suffix)
    return frame, check(path, lent, layer, frame) if check is not None else []


def packed(path: Path) -> None:
    """Refuse a zip of which a member is damaged; a reader that stops at the last tag never sees its check sum.

    Parameters
    ----------
    path
        The file; one that is no zip is left to its reader.

    Raises
    ------
    SourceError
        A member is not what its check sum says.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
        _refuse(path, f"its part {bad}" if bad is not None else "")


def parquet(path: Path, rows: int) -> None:
    """Refuse a Parquet file with more rows than were read.

    Parameters
    ----------
    path
        The file.
    rows
        How many rows were read.

    Raises
    ------
    SourceError
        Rows are missing.
    """
    about = pq.read_metadata(path)
    groups = sum(about.row_group(number).num_rows for number in range(about.num_row_groups))
    _require(path, path.stem, max(groups, about.num_rows), rows)


def _require(path: Path, layer: str, promised: int, read: int) -> None:
    """Refuse a layer of which rows are missing."""
    if promised > read:
        raise SourceError(
            f"{path.name}, layer {layer}: {promised:,} rows are promised and {read:,} can be read; it is cut off "
            "or damaged: ask for it again",
            promised=promised,
            read=read,
        )


def _refuse(path: Path, fault: str) -> None:
    """Refuse a file with a fault; "" is none."""
    if fault:
        raise _cut(path, fault)


def _cut(path: Path, fault: str) -> SourceError:
    """Return the refusal of a file with a fault."""
    return SourceError(f"{path.name} is cut off or damaged ({fault}); ask for it again", path=str(path))


def _features(path: Path, found: Found, layer: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, Notes]:
    """Hold rows against the features of a GeoJSON."""
    if found.none:
        number, reason = found.none[0]
        _refuse(path, f"feature {number:,} of {found.count:,} is none: {reason}")
    if "features" in found.repeated:
        _refuse(path, "it has several lists of features")
    _require(path, layer, found.count, len(frame))
    if found.count >= 0:
        _require(path, layer, found.said.get("numberReturned", -1), len(frame))
    frame, notes = _without_ground(path, frame, found.spoilt)
    if found.repeated:
        more: dict[str, Any] = {"keys": list(found.repeated)[:_LISTED], "count": max(found.repeated.values())}
        notes.append(findings.finding("source.keys_repeated", path.name, severity="warning", **more))
    if found.limited:
        notes.append(findings.finding("source.transfer_limited", path.name, severity="warning", read=len(frame)))
    return frame, [*notes, *_withheld(path, found.said, len(frame))]


def _without_ground(path: Path, frame: pd.DataFrame, spoilt: Mapping[int, str]) -> tuple[pd.DataFrame, Notes]:
    """Take the geometry from rows whose feature is spoilt, so that they wait for a person, and say which these are."""
    if not spoilt:
        return frame, []
    if isinstance(frame, gpd.GeoDataFrame):
        rows = np.array([number - 1 for number in spoilt if number <= len(frame)], dtype=int)
        shapes = frame.geometry.to_numpy().copy()
        shapes[rows] = None
        frame = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
    shown = [f"{number}({reason})" for number, reason in list(spoilt.items())[:_LISTED]]
    more: dict[str, Any] = {"count": len(spoilt), "features": [*shown, *["…"] * (len(spoilt) > _LISTED)]}
    return frame, [findings.finding("source.features_spoilt", path.name, severity="warning", **more)]


def _withheld(path: Path, said: Mapping[str, int], rows: int) -> Notes:
    """Return the finding about a server that had more features than it handed out."""
    most = max(said.values(), default=-1)
    if most <= rows:
        return []
    return [findings.finding("source.rows_withheld", path.name, severity="warning", count=most, read=rows)]


def _elements(path: Path, lent: Path, layer: str, frame: pd.DataFrame) -> Notes:
    """Hold rows against the elements of a GML or KML."""
    fault, members, placemarks, said = elements.look(lent)
    _refuse(path, fault)
    held = members if lent.suffix.lower() == ".gml" else placemarks
    if held > len(frame):
        names = [str(name) for name, _ in pyogrio.list_layers(lent)]
        rows = len(frame) + sum(_counted(lent, name) for name in names if name != layer)
        _require(path, ", ".join(names), held, rows)
    if "numberReturned" in said or "numberOfFeatures" in said:
        _require(path, layer, said.get("numberReturned", said.get("numberOfFeatures", -1)), members)
    return _withheld(path, {name: said[name] for name in said if name == "numberMatched"}, members)


def _counted(path: Path, layer: str) -> int:
    """Return how many features GDAL counts in a layer."""
    return int(pyogrio.read_info(path, layer=layer, force_feature_count=True)["features"])


def _entities(path: Path, lent: Path, frame: pd.DataFrame) -> Notes:
    """Return the finding about entities of a drawing that gave no row."""
    if drawn.is_binary(lent):
        return []
    handles = Counter(frame["EntityHandle"].dropna().astype(str)) if "EntityHandle" in frame.columns else {}
    missing = drawn.unread(lent, handles, len(frame))
    if not missing:
        return []
    kinds = [f"{kind} {count}" for kind, count in missing.items()]
    more: dict[str, Any] = {"count": sum(missing.values()), "types": kinds}
    return [findings.finding("source.entities_unread", path.name, severity="warning", **more)]


def _geopackage(path: Path, lent: Path, layer: str, frame: pd.DataFrame) -> Notes:
    """Hold rows against a GeoPackage, and say where its own table of contents knows of more."""
    _refuse(path, databases.sqlite_fault(lent))
    rows, said = databases.sqlite_rows(lent, layer)
    _require(path, layer, rows, len(frame))
    if said <= rows:
        return []
    return [findings.finding("source.rows_fewer", path.name, severity="warning", count=said, read=rows)]


def _geodatabase(path: Path, lent: Path, layer: str, frame: pd.DataFrame) -> Notes:
    """Hold rows against a File Geodatabase."""
    _refuse(path, databases.geodatabase_fault(lent))
    _require(path, layer, int(pyogrio.read_info(lent, layer=layer)["features"]), len(frame))
    return []


def _flat(path: Path, lent: Path, layer: str, frame: pd.DataFrame) -> Notes:
    """Hold rows against a FlatGeobuf."""
    _require(path, layer, int(pyogrio.read_info(lent, layer=layer)["features"]), len(frame))
    return []


def _table(path: Path, lent: Path, layer: str, frame: pd.DataFrame) -> Notes:
    """Hold rows against a table of MapInfo; rows that are marked as deleted are none."""
    rows, deleted = mapped.table_rows(lent)
    _require(path, layer, rows - deleted, len(frame))
    return deletions(path, rows - len(frame))


def deletions(path: Path, count: int) -> Notes:
    """Return the finding about rows that a file holds and marks as deleted.

    Parameters
    ----------
    path
        The file.
    count
        How many; 0 or less gives no finding.

    Returns
    -------
    list of dict
        The finding source.rows_deleted (info), or none.
    """
    if count <= 0:
        return []
    return [findings.finding("source.rows_deleted", path.name, severity="info", count=count)]


_ENDS: dict[str, Callable[[Path], str]] = {
    ".dxf": drawn.end_fault,
    ".fgb": databases.flat_fault,
    ".mif": mapped.text_fault,
    ".tab": mapped.table_fault,
    ".xls": compound.fault,
}
_WITHIN: dict[str, Callable[[Path, Path, str, pd.DataFrame], Notes]] = {
    ".gpkg": _geopackage,
    ".gdb": _geodatabase,
    ".fgb": _flat,
    ".tab": _table,
}
