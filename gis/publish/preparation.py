"""Preparation of a layer for delivery: in which columns its rows leave, and what does not fit into a DBF.

Nothing is cut, dropped or replaced in silence: every value that a DBF in GBK cannot hold is a finding with its row.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from gis import crs, findings
from gis.catalogue import Catalogue, CodeList, Field, Layer
from gis.errors import CrsError, FrameError
from gis.publish import reprojection, shapefiles
from gis.publish import territory as territories
from gis.publish.receivers import Place, Receiver
from gis.publish.shapefiles import Column
from gis.publish.territory import District, Territory

# widths of the common fields (domain.md §6.3, §9; BZ is as wide as a DBF allows)
_COMMON = {"BSM": 18, "YSDM": 10, "XZQDM": 12, "XZQMC": 100, "BZ": shapefiles.TEXT_LIMIT}
_INTEGER_WIDTH, _REAL_WIDTH, _DECIMALS = 10, 18, 6
_SERIAL_DIGITS = 8
_NUMBERING = "区划代码6位+图层码4位+顺序码8位,按主键排序编号"
_GEODESIC = "CGCS2000 椭球面上由图形计算"
_OWN_GEODESIC = "交付坐标系自身椭球面上由图形计算"
_UNLISTED = "未列入代码表"
_PLANAR = "投影平面上由图形计算"


@dataclass(frozen=True)
class Prepared:
    """Hold a layer ready to be written.

    Parameters
    ----------
    layer, place
        The layer and its place in the delivery.
    columns
        Columns in order.
    frame
        Values by delivery name, sorted by key; a GeoDataFrame in the receiver's CRS if the layer has a geometry.
    withheld
        Number of rows that do not leave.
    findings
        What does not fit (error), what was cut or trimmed (warning, info).
    """

    layer: Layer
    place: Place
    columns: tuple[Column, ...]
    frame: pd.DataFrame
    withheld: int
    findings: pd.DataFrame


def prepare(
    frame: pd.DataFrame,
    place: Place,
    receiver: Receiver,
    catalogue: Catalogue,
    *,
    territory: Territory | None = None,
    cut: bool = False,
    remark: str = "",
    withheld: int = 0,
) -> Prepared:
    """Bring one layer into the form that a receiver wants.

    Parameters
    ----------
    frame
        Rows of the layer that leave; not modified.
    place
        The layer's place in the delivery.
    receiver
        What the receiver wants.
    catalogue
        Fields and code lists.
    territory
        The districts that the rows may lie in; None takes the receiver's.
    cut
        Cut texts that are too long, between characters, and report it as a warning instead of an error.
    remark
        Text for BZ.
    withheld
        Number of rows that do not leave.

    Returns
    -------
    Prepared

    Raises
    ------
    FrameError
        A column of the layer, or the geometry, is missing.
    CrsError
        No CRS, or one that cannot be converted.
    """
    layer = catalogue.layer(place.layer)
    _require(frame, layer)
    leaving = frame.sort_values(layer.key, kind="stable", ignore_index=True)
    columns = _columns(leaving, layer, place, receiver, catalogue)
    rows = _Rows(layer, leaving[layer.key].astype("str").tolist(), cut)
    values = {
        column.name: _own(leaving[column.source], layer.field(column.source), column, receiver, catalogue, rows)
        for column in columns
        if column.source
    }
    rows.check_keys(leaving[layer.key])
    districts = _districts(leaving, values, territory or territories.read(None, receiver), rows)
    values = _common(place, receiver, districts, remark) | values
    shapes = _shapes(leaving, receiver, rows) if isinstance(leaving, gpd.GeoDataFrame) else None
    if shapes is not None:
        values |= _areas(shapes, layer, receiver)
    ready = pd.DataFrame({column.name: values[column.name] for column in columns}, index=leaving.index)
    table = gpd.GeoDataFrame(ready, geometry=shapes) if shapes is not None else ready
    return Prepared(layer, place, columns, table, withheld, findings.table(rows.found))


class _Rows:
    """Collect the findings of one layer's rows while its columns are converted."""

    def __init__(self, layer: Layer, keys: list[str], cut: bool) -> None:
        self.layer, self.keys, self.cut = layer, keys, cut
        self.found: list[dict[str, Any]] = []

    def add(self, code: str, row: int, column: str | None = None, *, severity: str = "error", **more: Any) -> None:
        """Add a finding on one row."""
        made = findings.finding(
            code, self.layer.name, self.keys[row], severity=severity, field=column, row=row + 1, **more
        )
        self.found.append(made)

    def check_keys(self, keys: pd.Series) -> None:
        """Report keys that are blank or there twice."""
        for row in np.flatnonzero(keys.duplicated(keep=False) | keys.isna()):
            self.add("delivery.key", int(row), self.layer.key)


def _require(frame: pd.DataFrame, layer: Layer) -> None:
    """Refuse a frame that is not the layer's."""
    missing = [name for name in layer.columns if name not in frame.columns]
    if missing:
        raise FrameError(
            f"{layer.name}: columns {', '.join(missing)} are missing; a delivery needs all fields of the layer",
            layer=layer.name,
            missing=missing,
        )
    if layer.spatial and not isinstance(frame, gpd.GeoDataFrame):
        raise FrameError(f"{layer.name} is delivered with geometry; hand in a GeoDataFrame", layer=layer.name)


def _columns(
    frame: pd.DataFrame, layer: Layer, place: Place, receiver: Receiver, catalogue: Catalogue
) -> tuple[Column, ...]:
    """Lay out the columns: the receiver's common fields around the layer's own, which win where names are equal."""
    own = [_listing(_column(item, receiver, catalogue), item, frame, catalogue) for item in layer.fields]
    taken = {column.name for column in own}
    head = [Column("BSM", "标识码", "Identifier", "C", _COMMON["BSM"], note=_NUMBERING)]
    if place.ysdm:
        head.append(Column("YSDM", "要素代码", "Feature code", "C", _COMMON["YSDM"], note="由接收方给定"))
    head.append(Column("XZQDM", "行政区代码", "District code", "C", _COMMON["XZQDM"]))
    head.append(Column("XZQMC", "行政区名称", "District name", "C", _COMMON["XZQMC"]))
    areas = receiver.areas.items() if layer.geometry == "MultiPolygon" else ()
    tail = [_area_column(name, kind, receiver) for name, kind in areas]
    tail.append(Column("BZ", "备注", "Remark", "C", _COMMON["BZ"]))
    kept = [[column for column in part if column.name not in taken] for part in (head, tail)]
    return (*kept[0], *own, *kept[1])


def _column(item: Field, receiver: Receiver, catalogue: Catalogue) -> Column:
    """Return the column of one field."""
    titles = (item.delivery, item.zh, item.en)
    if item.type == "integer":
        return Column(*titles, "N", item.width or _INTEGER_WIDTH, 0, item.unit, source=item.name)
    if item.type == "real":
        decimals = receiver.decimals.get(item.unit, _DECIMALS)
        return Column(*titles, "N", item.width or _REAL_WIDTH, decimals, item.unit, source=item.name)
    if item.type == "date":
        return Column(*titles, "D", 8, source=item.name)
    if item.type == "boolean":
        yes, no = receiver.booleans
        width = max(len(sign.encode("gbk")) for sign in receiver.booleans)
        return Column(*titles, "C", width, codes={yes: "是", no: "否"}, source=item.name)
    codes = {code.delivery: code.zh for code in catalogue.code_list(item.codes)} if item.codes else None
    note = "JSON 文本" if item.type == "json" else ""
    width = min(item.width or shapefiles.TEXT_LIMIT, shapefiles.TEXT_LIMIT)
    return Column(*titles, "C", width, 0, item.unit, codes, note, item.name)


def _unlisted(series: pd.Series, item: Field, catalogue: Catalogue) -> list[str]:
    """Return the values that an open code list lacks, in order."""
    listed = catalogue.code_list(item.codes) if item.codes else None
    if listed is None or not listed.open:
        return []
    return sorted({str(value) for value in series.dropna() if value not in listed})


def _listing(column: Column, item: Field, frame: pd.DataFrame, catalogue: Catalogue) -> Column:
    """Return a column whose codes hold those that occur and an open list lacks, so that the dictionary says so."""
    more = _unlisted(frame[item.name], item, catalogue)
    return replace(column, codes={**(column.codes or {}), **dict.fromkeys(more, _UNLISTED)}) if more else column


def _area_column(name: str, kind: str, receiver: Receiver) -> Column:
    """Return the column of one kind of area."""
    if kind == "ellipsoidal":
        note = _GEODESIC if crs.ground(crs.parse(receiver.crs)) in {"CGCS2000", "WGS84"} else _OWN_GEODESIC
        return Column(name, "椭球面积", "Ellipsoidal area", "N", 18, 2, "m²", note=note)
    return Column(name, "平面面积", "Planar area", "N", 18, 2, "m²", note=_PLANAR)


def _districts(
    leaving: pd.DataFrame, own: Mapping[str, Any], territory: Territory, rows: _Rows
) -> list[District | None]:
    """Return each row's district: its own where the layer has it, else where it lies; unknown ones are reported."""
    if "XZQDM" in own and "XZQMC" in own:
        return list(zip(own["XZQDM"], own["XZQMC"], strict=True))
    found = territory.of(leaving)
    if not rows.layer.spatial and len(territory.districts) > 1:
        count = len(territory.districts)
        rows.found.append(findings.finding("delivery.no_place", rows.layer.name, severity="info", count=count))
        return found
    for row, district in enumerate(found):
        if district is None:
            rows.add("delivery.no_district", row, severity="warning")
    return found


def _common(place: Place, receiver: Receiver, districts: list[District | None], remark: str) -> dict[str, Any]:
    """Return the values of the common fields."""
    codes = [receiver.district_code if district is None else str(district[0]) for district in districts]
    return {
        "BSM": [
            f"{code[:6].ljust(6, '0')}{place.number}{serial:0{_SERIAL_DIGITS}d}"
            for serial, code in enumerate(codes, start=1)
        ],
        "YSDM": place.ysdm,
        "XZQDM": [None if district is None else district[0] for district in districts],
        "XZQMC": [None if district is None else district[1] for district in districts],
        "BZ": remark or None,
    }


def _shapes(frame: gpd.GeoDataFrame, receiver: Receiver, rows: _Rows) -> gpd.GeoSeries:
    """Return the geometries in the receiver's CRS, with a finding for each that a shapefile cannot hold."""
    shapes, faults = reprojection.ready(frame, rows.layer, receiver)
    for fault in faults:
        place = "—" if fault.at is None else f"{fault.at[0]:.3f}, {fault.at[1]:.3f}"
        more: dict[str, Any] = {"reason": fault.reason, "place": place, "moved_mm": fault.moved_m * 1000.0}
        rows.add(fault.code, fault.row, severity=fault.severity, at=fault.at, **more)
    return shapes


def _areas(shapes: gpd.GeoSeries, layer: Layer, receiver: Receiver) -> dict[str, Any]:
    """Measure the areas that the receiver wants, beside each other."""
    if layer.geometry != "MultiPolygon":
        return {}
    frame = gpd.GeoDataFrame(geometry=shapes)
    plane = crs.parse(receiver.plane)
    return {name: measured(frame, kind, plane).round(2).to_numpy() for name, kind in receiver.areas.items()}


def measured(frame: gpd.GeoDataFrame, kind: str, plane: pyproj.CRS | None) -> pd.Series:
    """Measure areas of one kind.

    Parameters
    ----------
    frame
        Polygons.
    kind
        "ellipsoidal" or "planar".
    plane
        In which a planar area is taken where the coordinates are in degrees.

    Returns
    -------
    pandas.Series
        m², on the frame's index.

    Raises
    ------
    CrsError
        There is no ellipsoid, or no plane, or no way to it.
    """
    if kind == "ellipsoidal":
        return crs.ellipsoidal_area(frame)
    if frame.crs is not None and frame.crs.is_geographic:
        if plane is None:
            raise CrsError("a planar area of degrees needs the plane in which it was taken", came=crs.label(frame.crs))
        frame = crs.to(frame, plane)
    return frame.geometry.area


def _own(
    series: pd.Series, item: Field, column: Column, receiver: Receiver, catalogue: Catalogue, rows: _Rows
) -> pd.Series:
    """Return one of the layer's own columns in delivery form."""
    if item.type == "integer":
        numbers = series.astype("Int64")
        _check_numbers(numbers.astype("Float64").to_numpy(dtype=float, na_value=np.nan), column, rows)
        return numbers
    if item.type == "real":
        values = series.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        _check_numbers(values, column, rows)
        return pd.Series(values, index=series.index)
    if item.type == "date":
        return _dates(series, column, rows)
    spell = _speller(item, receiver, catalogue.code_list(item.codes) if item.codes else None)
    more = set(_unlisted(series, item, catalogue))
    for row in np.flatnonzero(series.isin(more).to_numpy(dtype=bool)) if more else ():
        rows.add("delivery.code_unlisted", int(row), column.name, severity="warning", value=str(series.iloc[row]))
    texts = [_text(value, row, column, spell, rows) for row, value in enumerate(series.astype("object"))]
    return pd.Series(texts, index=series.index, dtype="object")


def _speller(item: Field, receiver: Receiver, codes: CodeList | None) -> Callable[[Any], str | None]:
    """Return the function that spells a value; it returns None for one that the code list does not have."""
    if item.type == "boolean":
        return lambda value: receiver.booleans[0 if value else 1]
    if codes is not None:
        known = {code.code: code.delivery for code in codes}
        return lambda value: known.get(str(value), str(value) if codes.open else None)
    if item.type == "json":
        return lambda value: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=list)
    return str


def _text(value: Any, row: int, column: Column, spell: Callable[[Any], str | None], rows: _Rows) -> str | None:
    """Return one text as it will stand in the DBF, with findings on what does not fit."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    spelt = spell(value)
    if spelt is None:
        rows.add("delivery.code", row, column.name, value=str(value))
        return None
    text = spelt.strip()
    if text != spelt:
        # a DBF fills up with spaces, so those of the value cannot come back
        rows.add("delivery.spaces", row, column.name, severity="info")
    if bad := shapefiles.unencodable(text):
        points = [f"U+{ord(letter):04X}" for letter in bad]
        rows.add("delivery.character", row, column.name, characters=bad.replace("\0", "␀"), code_points=points)
        return None
    size = len(text.encode("gbk"))
    if size <= column.width:
        return text or None
    kept = shapefiles.cut(text, column.width).rstrip()
    code, severity = ("delivery.cut", "warning") if rows.cut and not column.codes else ("delivery.width", "error")
    rows.add(code, row, column.name, severity=severity, bytes=size, width=column.width, kept=kept)
    return kept


def _check_numbers(values: np.ndarray, column: Column, rows: _Rows) -> None:
    """Report numbers that are infinite or have more digits than the column."""
    for row in np.flatnonzero(~np.isnan(values)):
        number = values[row]
        if not np.isfinite(number) or len(f"{number:.{column.decimals}f}") > column.width:
            rows.add("delivery.number", int(row), column.name, value=str(number), width=column.width)


def _dates(series: pd.Series, column: Column, rows: _Rows) -> pd.Series:
    """Return dates without time of day."""
    dates: list[datetime.date | None] = []
    for row, (value, stamp) in enumerate(_stamps(series)):
        if stamp is None and value is not None:
            rows.add("delivery.date", row, column.name, value=str(value))
        dates.append(stamp)
    return pd.Series(dates, index=series.index, dtype="object")


def _stamps(series: pd.Series) -> Iterator[tuple[Any, datetime.date | None]]:
    """Yield each value (None if blank) with its date (None if it is no date)."""
    parsed = pd.to_datetime(series.astype("object"), errors="coerce", format="ISO8601")
    for value, stamp in zip(series, parsed, strict=True):
        yield (None if pd.isna(value) else value), (None if pd.isna(stamp) else stamp.date())


def layout(prepared: Prepared) -> Mapping[str, Any]:
    """Describe a prepared layer for the manifest.

    Parameters
    ----------
    prepared
        A layer.

    Returns
    -------
    Mapping
        Names, rows, withheld rows, geometry type and key column.
    """
    layer = prepared.layer
    return {
        "layer": layer.name,
        "file": layer.delivery,
        "zh": layer.zh,
        "rows": len(prepared.frame),
        "withheld": prepared.withheld,
        "geometry": layer.geometry,
        "key": layer.field(layer.key).delivery,
    }
