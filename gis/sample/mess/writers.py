"""Files as the programs of bureaus write them, byte by byte where it matters; the same draft gives the same bytes."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import warnings
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import geopandas as gpd
import pyogrio
import shapely
import xlsxwriter
from shapely.geometry.base import BaseGeometry

from gis.sample.mess import tables
from gis.sample.mess.draft import Draft

_EPOCH = (1980, 1, 1, 0, 0, 0)
_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


def _shapefile(draft: Draft, folder: Path, stem: str) -> Path:
    """Write a shapefile; its table is made here, so that names, bytes and code page are what the case wants."""
    path = folder / f"{stem}.shp"
    shapes = gpd.GeoSeries(draft.shapes, crs=draft.declared)
    with warnings.catch_warnings():
        # a file without a CRS is what some cases want
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(
            gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=shapes), path, geometry_type=_kind(draft)
        )
    path.with_suffix(".cpg").unlink(missing_ok=True)
    options = draft.options
    encoding = options.get("encoding", "utf-8")
    cpg = options.get("cpg") if "encoding" in options else "UTF-8"
    path.with_suffix(".dbf").write_bytes(tables.dbf(draft, encoding=encoding, ldid=options.get("ldid", 0)))
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg, encoding="ascii")
    return path


def _zipped(draft: Draft, folder: Path, stem: str) -> Path:
    """Write a shapefile into a zip."""
    options = draft.options
    loose = folder / "parts"
    loose.mkdir()
    members: dict[str, bytes] = {}
    title = draft.layer.zh.encode("gbk")
    # replaced by as many bytes of GBK once the zip is written; the module would mark the names as UTF-8
    stand_in = "~" * len(title)
    inside = stand_in if options.get("gbk_names") else draft.layer.delivery
    shp = _shapefile(draft, loose, "part")
    prefix = f"{options['folder']}/" if "folder" in options else ""
    for part in (shp.with_suffix(suffix) for suffix in _PARTS):
        if part.exists():
            members[f"{prefix}{inside}{part.suffix}"] = part.read_bytes()
            if options.get("second"):
                members[f"{prefix}{inside}_old{part.suffix}"] = part.read_bytes()
            part.unlink()
    loose.rmdir()
    if options.get("junk"):
        members |= {"Thumbs.db": b"\xd0\xcf\x11\xe0", f"__MACOSX/._{inside}.shp": b"\0\5\x16\7", ".DS_Store": b"\0"}
    if options.get("escape"):
        members["../autoexec.bat"] = b"echo"
    path = folder / f"{stem}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 0
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    if options.get("gbk_names"):
        path.write_bytes(path.read_bytes().replace(stand_in.encode(), title))
    return path


def _geopackage(draft: Draft, folder: Path, stem: str) -> Path:
    """Write a GeoPackage."""
    path = folder / f"{stem}.gpkg"
    frame = gpd.GeoDataFrame(
        tables.typed(draft), geometry=gpd.GeoSeries(draft.shapes, index=draft.cells.index, crs=draft.declared)
    )
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2026-01-01T00:00:00.000Z"})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in (stem, f"{stem}_old")[: 2 if draft.options.get("second") else 1]:
                pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", geometry_type=_kind(draft))
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
    if "srs_id" in draft.options:
        base = sqlite3.connect(path)
        for table in ("gpkg_contents", "gpkg_geometry_columns"):
            base.execute(f"UPDATE {table} SET srs_id = ?", (draft.options["srs_id"],))
        base.commit()
        base.close()
    return path


def _geojson(draft: Draft, folder: Path, stem: str) -> Path:
    """Write GeoJSON; another CRS than WGS 84 is named in the old way."""
    features = []
    table = tables.named(draft)
    for row, shape in enumerate(draft.shapes):
        values = {name: _plain(cells[row]) for name, cells in table.items()}
        place = None if shape is None else shapely.geometry.mapping(shape)
        features.append({"type": "Feature", "properties": values, "geometry": place})
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if draft.declared not in {None, "EPSG:4326"}:
        code = str(draft.declared).partition(":")[2]
        content["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}
    path = folder / f"{stem}.geojson"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def _kml(draft: Draft, folder: Path, stem: str) -> Path:
    """Write KML with the values as extended data."""
    marks = []
    table = tables.named(draft)
    for row, shape in enumerate(draft.shapes):
        data = "".join(
            f'<Data name="{escape(name)}"><value>{escape(tables.written(cells[row]))}</value></Data>'
            for name, cells in table.items()
            if cells[row] is not None
        )
        marks.append(f"<Placemark><ExtendedData>{data}</ExtendedData>{_kml_shape(shape)}</Placemark>")
    text = "".join(marks)
    path = folder / f"{stem}.kml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"<Folder><name>{escape(stem)}</name>{text}</Folder></Document></kml>",
        encoding="utf-8",
    )
    return path


def _dxf(draft: Draft, folder: Path, stem: str) -> Path:
    """Write the points of a drawing."""
    lines = ["0", "SECTION", "2", "ENTITIES"]
    for shape in draft.shapes:
        lines += ["0", "POINT", "8", draft.layer.delivery, "10", repr(float(shape.x)), "20", repr(float(shape.y))]
    path = folder / f"{stem}.dxf"
    path.write_text("\n".join([*lines, "0", "ENDSEC", "0", "EOF", ""]), encoding="ascii")
    return path


def _delimited(draft: Draft, folder: Path, stem: str) -> Path:
    """Write a CSV."""
    options = draft.options
    table = {**tables.named(draft), **tables.places(draft)}
    out = io.StringIO()
    writer = csv.writer(out, delimiter=options.get("delimiter", ","), lineterminator="\r\n")
    if options.get("title"):
        writer.writerow([f"{draft.layer.zh}一览表", *[""] * (len(table) - 1)])
    if not options.get("headerless"):
        writer.writerow(table)
    for row in range(len(draft.cells)):
        writer.writerow([tables.written(cells[row]) for cells in table.values()])
    path = folder / f"{stem}.csv"
    encoding = "utf-8-sig" if options.get("bom") else options.get("encoding", "utf-8")
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def _workbook(draft: Draft, folder: Path, stem: str) -> Path:
    """Write a workbook; numbers are numbers and dates are dates in it."""
    path = folder / f"{stem}.xlsx"
    # the writer's own marks of a table of text that looks like formulas or links are not wanted
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
    days = book.add_format({"num_format": "yyyy-mm-dd"})
    table = {**tables.named(draft), **tables.places(draft)}
    names = [draft.layer.zh, *([f"{draft.layer.zh}旧"] if draft.options.get("second") else [])]
    for name in names:
        sheet = book.add_worksheet(name)
        top = int(bool(draft.options.get("title")))
        if top:
            sheet.write_string(0, 0, f"{draft.layer.zh}一览表")
        for column, (title, cells) in enumerate(table.items()):
            sheet.write_string(top, column, title)
            for row, cell in enumerate(cells):
                if isinstance(cell, date):
                    sheet.write_datetime(top + 1 + row, column, datetime(cell.year, cell.month, cell.day), days)
                elif cell is not None:
                    sheet.write(top + 1 + row, column, cell)
    if draft.options.get("empty_sheet"):
        book.add_worksheet("Sheet2")
    book.close()
    return path


# each takes a draft, the folder and the name without suffix, and returns the file to be read
WRITERS: dict[str, Callable[[Draft, Path, str], Path]] = {
    "shp": _shapefile,
    "zip": _zipped,
    "gpkg": _geopackage,
    "geojson": _geojson,
    "kml": _kml,
    "dxf": _dxf,
    "csv": _delimited,
    "xlsx": _workbook,
}


def write(draft: Draft, format_: str, folder: Path) -> Path:
    """Write a draft in a format, and then take from the files what the case wants gone.

    Parameters
    ----------
    draft
        The file in the making.
    format_
        One of `WRITERS`.
    folder
        An empty folder.

    Returns
    -------
    pathlib.Path
        The file to be read.
    """
    path = WRITERS[format_](draft, folder, draft.layer.delivery)
    for suffix in draft.options.get("without", ()):
        path.with_suffix(suffix).unlink()
    for suffix in draft.options.get("half", ()):
        part = path.with_suffix(suffix or path.suffix)
        part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    if draft.options.get("zero"):
        path.write_bytes(b"")
    return path


def _kind(draft: Draft) -> str:
    """Return the geometry type for GDAL."""
    deep = any(shape is not None and shape.has_z for shape in draft.shapes)
    return f"{draft.layer.geometry} Z" if deep else str(draft.layer.geometry)


def _plain(cell: Any) -> Any:
    """Return a cell as JSON has it."""
    return cell.isoformat() if isinstance(cell, date) else cell


def _kml_shape(shape: BaseGeometry | None) -> str:
    """Return a geometry in KML."""
    if shape is None:
        return ""
    if shape.geom_type == "Point":
        return (
            f"<Point><coordinates>{float(shapely.get_x(shape))!r},{float(shapely.get_y(shape))!r}</coordinates></Point>"
        )
    parts = []
    for part in shapely.get_parts(shape):
        rings = [f"<outerBoundaryIs>{_kml_ring(part.exterior)}</outerBoundaryIs>"]
        rings += [f"<innerBoundaryIs>{_kml_ring(ring)}</innerBoundaryIs>" for ring in part.interiors]
        parts.append(f"<Polygon>{''.join(rings)}</Polygon>")
    return f"<MultiGeometry>{''.join(parts)}</MultiGeometry>"


def _kml_ring(ring: shapely.LinearRing) -> str:
    """Return a ring in KML."""
    corners = " ".join(f"{float(x)!r},{float(y)!r}" for x, y in shapely.get_coordinates(ring))
    return f"<LinearRing><coordinates>{corners}</coordinates></LinearRing>"
