"""Files that end the libraries which read them: nested without end, far off, without numbers, larger than they are."""

from __future__ import annotations

import json
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from tests.unit.intake.handmade import dbf_bytes

DEEP = 50_000
WEST, SOUTH = 116.1, 39.94
PLANE = (423_000.0, 4_423_000.0)
RING = [[WEST, SOUTH], [WEST + 0.001, SOUTH], [WEST + 0.001, SOUTH + 0.001], [WEST, SOUTH]]

Maker = Callable[[Path], Path]


def square(number: int = 0) -> shapely.Polygon:
    """Return a square in the working CRS."""
    x, y = PLANE[0] + 200 * number, PLANE[1]
    return shapely.box(x, y, x + 100, y + 100)


def nested_wkb(depth: int = DEEP, kind: int = 7) -> bytes:
    """Return a collection in a collection in a collection …, with a point at the end."""
    return (b"\x01" + struct.pack("<II", kind, 1)) * depth + b"\x01" + struct.pack("<Idd", 1, *PLANE)


def nested_wkt(depth: int = DEEP) -> str:
    """Return such a collection as text."""
    return "GEOMETRYCOLLECTION(" * depth + "POINT(116.1 39.94)" + ")" * depth


def written(name: str, content: str | bytes) -> Maker:
    """Return a maker of a file of this content."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def feature(geometry: str, properties: str = '{"water_id": "W1"}', name: str = "waters.geojson") -> Maker:
    """Return a maker of a GeoJSON of one feature."""
    one = f'{{"type": "Feature", "properties": {properties}, "geometry": {geometry}}}'
    return written(name, f'{{"type": "FeatureCollection", "features": [{one}]}}')


def kml(geometry: str, head: str = "") -> str:
    """Return a KML of one placemark."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark>'
        f'<name>W1</name><ExtendedData><Data name="water_id"><value>W1</value></Data></ExtendedData>{geometry}'
        "</Placemark></Document></kml>"
    )


def gml(geometry: str, head: str = "") -> str:
    """Return a GML of one feature."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<g:FeatureCollection xmlns:g="http://www.opengis.net/gml"><g:featureMember>'
        f"<waters><water_id>W1</water_id><shape>{geometry}</shape></waters></g:featureMember></g:FeatureCollection>"
    )


BOMB = (
    '<!DOCTYPE b [<!ENTITY a0 "lol">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)) + "]>"
)
KML_RING = (
    "<Polygon><outerBoundaryIs><LinearRing><coordinates>"
    + " ".join(f"{x},{y}" for x, y in RING)
    + "</coordinates></LinearRing></outerBoundaryIs></Polygon>"
)


def packed(name: str, *blobs: bytes, changed: str = "") -> Maker:
    """Return a maker of a GeoPackage with rows of these geometries."""

    def make(folder: Path) -> Path:
        path = folder / name
        rows = gpd.GeoDataFrame(
            {"water_id": [f"W{n}" for n in range(len(blobs) + 1)]},
            geometry=[square(n) for n in range(len(blobs) + 1)],
            crs="EPSG:4548",
        )
        rows.to_file(path, layer="waters", engine="pyogrio")
        with sqlite3.connect(path) as base:
            triggers = base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (trigger,) in triggers:
                base.execute(f'DROP TRIGGER "{trigger}"')
            for number, blob in enumerate(blobs):
                head = b"GP\x00\x01" + struct.pack("<i", 4548)
                base.execute("UPDATE waters SET geom = ? WHERE fid = ?", (head + blob, number + 1))
            if changed:
                base.executescript(changed)
        base.close()
        return path

    return make


def parquet(name: str, *blobs: bytes, texts: bool = False) -> Maker:
    """Return a maker of a GeoParquet with rows of these geometries."""

    def make(folder: Path) -> Path:
        path = folder / name
        shapes = [*blobs, shapely.to_wkb(square(9))]
        crs = json.loads(gpd.GeoSeries([], crs="EPSG:4548").crs.to_json())
        geo = {"version": "1.0.0", "primary_column": "geometry"}
        geo["columns"] = {"geometry": {"encoding": "WKB", "geometry_types": [], "crs": crs}}
        keys = [f"W{n}" for n in range(len(shapes))]
        table = pa.table({"water_id": keys, "geometry": pa.array(shapes, pa.binary())})
        pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
        return path

    return make


def vertex(x: float, y: float = PLANE[1], count: int = 4) -> bytes:
    """Return a polygon as WKB: one vertex is at a place of one's choice, and there are so many."""
    points = [(x, y), (PLANE[0], PLANE[1]), (PLANE[0] + 100, PLANE[1]), (x, y)][:count]
    return b"\x01" + struct.pack("<III", 3, 1, count) + b"".join(struct.pack("<dd", *one) for one in points)


def shapefile(*blobs: bytes, dbf: bytes | None = None, announced: int | None = None) -> Maker:
    """Return a maker of a shapefile of polygons, each with the bytes of its record."""

    def make(folder: Path) -> Path:
        path = folder / "waters.shp"
        body = b"".join(struct.pack(">ii", number, len(blob) // 2) + blob for number, blob in enumerate(blobs, 1))
        head = struct.pack(">iiiiiii", 9994, 0, 0, 0, 0, 0, (100 + len(body)) // 2 if announced is None else announced)
        head += struct.pack("<ii8d", 1000, 5, *PLANE, PLANE[0] + 1e3, PLANE[1] + 1e3, 0, 0, 0, 0)
        path.write_bytes(head + body)
        rows = [[f"W{n}".encode()] for n in range(len(blobs))]
        path.with_suffix(".dbf").write_bytes(dbf or dbf_bytes([(b"water_id", "C", 10)], rows))
        path.with_suffix(".prj").write_text(gpd.GeoSeries([], crs="EPSG:4548").crs.to_wkt("WKT1_ESRI"))
        return path

    return make


def ring(x: float, y: float = PLANE[1], count: int = 4, claimed: int | None = None, parts: int = 1) -> bytes:
    """Return the record of a polygon in a shapefile, which may claim more points than it has."""
    points = [(x, y), (PLANE[0], PLANE[1] + 100), (PLANE[0] + 100, PLANE[1]), (x, y)][:count]
    head = struct.pack("<i4dii", 5, *PLANE, PLANE[0] + 100, PLANE[1] + 100, parts, claimed or count)
    return head + struct.pack("<i", 0) + b"".join(struct.pack("<dd", *one) for one in points)


SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_HEAD = "".join(
    f'<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>' for cell, text in (("A1", "water_id"), ("B1", "name"))
)


def workbook(
    rows: str, *, head: str = "", shared: bytes | None = None, name: str = "waters.xlsx", more: str = ""
) -> Maker:
    """Return a maker of a workbook of one sheet with these rows below its names."""

    def make(folder: Path) -> Path:
        path = folder / name
        links = f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        if shared is not None:
            links += f'<Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
            rels = f'<Relationship Id="r0" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
            archive.writestr("_rels/.rels", f'<Relationships xmlns="{_RELS}">{rels}</Relationships>')
            archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_RELS}">{links}</Relationships>')
            sheets = '<sheets><sheet name="waters" sheetId="1" r:id="r1"/></sheets>'
            archive.writestr("xl/workbook.xml", f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}">{sheets}</workbook>')
            if shared is not None:
                archive.writestr("xl/sharedStrings.xml", shared)
            body = f'<sheetData><row r="1">{_HEAD}</row>{rows}</sheetData>{more}'
            archive.writestr("xl/worksheets/sheet1.xml", f'{head}<worksheet xmlns="{SHEET}">{body}</worksheet>')
        return path

    return make


def ods(rows: str, head: str = "", name: str = "waters.ods") -> Maker:
    """Return a maker of an OpenDocument sheet with these rows below its names."""

    def make(folder: Path) -> Path:
        path = folder / name
        urn = "urn:oasis:names:tc:opendocument:xmlns"
        spaces = " ".join(f'xmlns:{one}="{urn}:{one}:1.0"' for one in ("office", "table", "text"))
        cells = "".join(
            f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
            for text in ("water_id", "name")
        )
        body = f'<table:table table:name="waters"><table:table-row>{cells}</table:table-row>{rows}</table:table>'
        content = f"<office:body><office:spreadsheet>{body}</office:spreadsheet></office:body>"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("META-INF/manifest.xml", "<manifest/>")
            archive.writestr(
                "content.xml", f"{head}<office:document-content {spaces}>{content}</office:document-content>"
            )
        return path

    return make


ODS_ROW = "<table:table-row>{}</table:table-row>"
ODS_CELL = '<table:table-cell office:value-type="string"{}><text:p>W1</text:p></table:table-cell>'


def spread(*cells: tuple[int, int, str]) -> bytes:
    """Return the stream of a BIFF8 workbook with one sheet of these texts (row, column, text)."""

    def record(kind: int, content: bytes) -> bytes:
        return struct.pack("<HH", kind, len(content)) + content

    begin = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    codepage = record(0x0042, struct.pack("<H", 1200))
    bound = lambda place: record(0x0085, struct.pack("<IBBBB", place, 0, 0, 6, 0) + b"waters")  # noqa: E731
    place = len(begin + codepage + bound(0)) + 4
    globals_ = begin + codepage + bound(place) + record(0x000A, b"")
    sheet = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    for row, column, text in cells:
        sheet += record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text), 0) + text.encode("latin-1"))
    return globals_ + sheet + record(0x000A, b"")


def xls(*cells: tuple[int, int, str], small: bool = False) -> Maker:
    """Return a maker of an old workbook: BIFF8 in OLE2, whose short streams lie in pieces of 64 bytes."""

    def make(folder: Path) -> Path:
        path = folder / "waters.xls"
        stream = spread((0, 0, "water_id"), (0, 1, "name"), *cells)
        piece = 64 if small else 512
        size = len(stream) if small else max(len(stream), 4096)
        held = stream.ljust(-(-size // piece) * piece, b"\0")
        pieces = -(-len(held) // 512)
        end, free = 0xFFFFFFFE, 0xFFFFFFFF
        # sectors: their table, the folder, the table of small pieces, the stream
        fat = [0xFFFFFFFD, end, end, *range(4, pieces + 3), end]
        mini = [*range(1, len(held) // 64), end] if small else []
        head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 2 if small else end, int(small), end, 0)
        head += struct.pack("<109I", 0, *[free] * 108)

        def entry(title: str, kind: int, child: int, start: int, length: int) -> bytes:
            raw = (title + "\0").encode("utf-16-le")
            numbers = struct.pack("<HBBIII", len(raw), kind, 1, free, free, child) + bytes(36)
            return raw.ljust(64, b"\0") + numbers + struct.pack("<IQ", start, length)

        root = entry("Root Entry", 5, 1, 3 if small else end, len(held) if small else 0)
        entries = root + entry("Workbook", 2, free, 0 if small else 3, size) + bytes(256)
        tables = [struct.pack("<128I", *numbers, *[free] * (128 - len(numbers))) for numbers in (fat, mini)]
        path.write_bytes(head + tables[0] + entries + tables[1] + held.ljust(512 * pieces, b"\0"))
        return path

    return make


def frame_of(name: str, /, **columns: list[object]) -> Maker:
    """Return a maker of a CSV of these columns."""

    def make(folder: Path) -> Path:
        path = folder / name
        pd.DataFrame(columns).to_csv(path, index=False)
        return path

    return make
