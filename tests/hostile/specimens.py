"""Sound files of a dozen rows in every format that is read, and how many rows a plain look at a spoilt one still sees.

Nothing here is read with the code under test: records are counted in the text of the file itself.
"""

from __future__ import annotations

import io
import json
import re
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import shapely

ROWS = 12
Files = Mapping[str, bytes]
# how many records a person counts in a spoilt file, None where it can no longer be told
Count = Callable[[Files], int | None]
_DRIVERS = {".kml": "LIBKML", ".mif": "MapInfo File", ".tab": "MapInfo File", ".geojsonl": "GeoJSONSeq",
            ".gdb": "OpenFileGDB"}  # fmt: skip
_DEGREES = {".kml", ".geojson", ".geojsonl", ".gml"}
_SHEET = "xl/worksheets/sheet1.xml"
PLACE, DEGREES = {"crs": "EPSG:4548"}, {"crs": "EPSG:4326"}


@dataclass(frozen=True)
class Specimen:
    """Hold a sound file.

    Parameters
    ----------
    files
        Content by path, every part of it.
    named
        The file that is read.
    layer
        What its rows are to be.
    options
        What the file does not say, for `read`.
    rows
        Rows that `read` gives.
    count
        Counts the records of a spoilt copy; None for a format that promises their number.
    """

    files: dict[str, bytes]
    named: str
    layer: str = "buildings"
    options: dict[str, str] = field(default_factory=dict)
    rows: int = ROWS
    count: Count | None = None


def buildings() -> gpd.GeoDataFrame:
    """Buildings of a dozen rows with texts, numbers, a day and ground."""
    x, y = 423_000.0, 4_423_000.0
    columns = {
        "building_id": [f"JZ-{row:02d}" for row in range(ROWS)],
        "name": [f"{row}号楼,东侧" for row in range(ROWS)],
        "use": ["residential", "office", "other"] * (ROWS // 3),
        "storeys": [row + 1 for row in range(ROWS)],
        "height_m": [3.3 * (row + 1) for row in range(ROWS)],
    }
    shapes = [shapely.box(x + 150 * (row % 4), y + 150 * (row // 4), x + 150 * (row % 4) + 100, y + 150 * (row // 4)
                          + 80 + row) for row in range(ROWS)]  # fmt: skip
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4548")


def specimens() -> dict[str, Specimen]:
    """Return a sound file of every format by its name."""
    frame = buildings()
    degrees = frame.to_crs(4326)
    short = frame.rename(columns={"building_id": "JZBH"})
    shapefile = _written(".shp", short, encoding="GBK")
    kml = _written(".kml", degrees)
    made = {
        ".gpkg": Specimen(_written(".gpkg", frame), "jz.gpkg"),
        ".geojson": Specimen(_written(".geojson", degrees), "jz.geojson",
                             count=partial(_entries, name="jz.geojson", key="features")),
        ".geojsonl": Specimen(_written(".geojsonl", degrees), "jz.geojsonl",
                              count=partial(_lines, name="jz.geojsonl", heads=0)),
        ".topojson": Specimen(_topojson(degrees), "jz.topojson", options=DEGREES,
                              count=partial(_arcs, name="jz.topojson")),
        ".gdb": Specimen(_written(".gdb", frame), "jz.gdb"),
        ".kml": Specimen(kml, "jz.kml", count=partial(_elements, name="jz.kml", tag="Placemark")),
        ".gml": Specimen(_written(".gml", degrees), "jz.gml",
                         count=partial(_elements, name="jz.gml", tag="featureMember")),
        ".dxf": Specimen(_drawing(frame), "jz.dxf", options=PLACE, count=partial(_entities, name="jz.dxf")),
        ".fgb": Specimen(_written(".fgb", frame), "jz.fgb"),
        ".tab": Specimen(_written(".tab", frame), "jz.tab", count=partial(_dat_rows, name="jz.dat")),
        ".mif": Specimen(_written(".mif", frame), "jz.mif", count=partial(_wide, name="jz.mid", least=4)),
        ".shp": Specimen(shapefile, "jz.shp"),
        ".zip": Specimen({"jz.zip": packed(shapefile)}, "jz.zip"),
        ".kmz": Specimen({"jz.kmz": packed({"doc.kml": kml["jz.kml"]})}, "jz.kmz",
                         count=partial(_in_zip, name="jz.kmz", member="doc.kml", word=b"<Placemark", heads=0)),
        ".parquet": Specimen(_parquet(frame), "jz.parquet"),
    }  # fmt: skip
    return made | _tables(frame) | _feeds()


def packed(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Pack files into a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def _tables(frame: gpd.GeoDataFrame) -> dict[str, Specimen]:
    """Return the tables whose ground is a column of WKT."""
    table = pd.DataFrame(frame.drop(columns="geometry")).assign(wkt=frame.geometry.to_wkt(rounding_precision=2))
    points = pd.DataFrame(frame.drop(columns="geometry"))
    degrees = frame.geometry.centroid.to_crs(4326)
    points = points.assign(lon=degrees.x.round(6), lat=degrees.y.round(6))
    text = points.to_csv(index=False)
    return {
        ".csv": Specimen({"jz.csv": table.to_csv(index=False).encode("gbk")}, "jz.csv", options=PLACE,
                         count=partial(_wide, name="jz.csv", least=6)),
        ".txt": Specimen({"jz.txt": text.replace("号楼,东侧", "号楼").replace('"', "").replace(",", "\t").encode()},
                         "jz.txt", options=DEGREES, count=partial(_lines, name="jz.txt", heads=1)),
        ".xlsx": Specimen({"jz.xlsx": _workbook(table)}, "jz.xlsx", options=PLACE,
                          count=partial(_in_zip, name="jz.xlsx", member=_SHEET, word=b"<row ", heads=1)),
        ".ods": Specimen({"jz.ods": _ods(table)}, "jz.ods", options=PLACE,
                         count=partial(_in_zip, name="jz.ods", member="content.xml", word=b"<table:table-row",
                                       heads=1)),
        ".xls": Specimen({"jz.xls": _xls(table)}, "jz.xls", options=PLACE),
    }  # fmt: skip


def _feeds() -> dict[str, Specimen]:
    """Return a road graph and the stops of a feed."""
    nodes = [{"id": n, "x": f"{116.1 + n / 100:.2f}", "y": "39.94"} for n in range(ROWS + 1)]
    edges = [
        {"id": [n, n + 1, 0], "osmid": f"[{70 + n}]", "length": "853.5", "name": f"门头沟路{n}", "highway": "primary",
         **({"geometry": [f"{116.1 + n / 100:.2f} 39.94", f"{116.11 + n / 100:.2f} 39.94"]} if n % 2 else {})}
        for n in range(ROWS)
    ]  # fmt: skip
    graph = json.dumps({"nodes": nodes, "edges": edges}, ensure_ascii=False).encode()
    stops = "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n" + "".join(
        f"s{n},石厂{n}站,39.9{n:02d},116.098,1,\n" for n in range(ROWS)
    )
    return {
        "OSMnx": Specimen({"roads.json": graph}, "roads.json", "streets",
                          count=partial(_entries, name="roads.json", key="edges")),
        "GTFS": Specimen({"stops.txt": stops.encode()}, "stops.txt", "stations", {"layer": "stations"},
                         count=partial(_stations, name="stops.txt")),
    }  # fmt: skip


def _written(suffix: str, frame: gpd.GeoDataFrame, **options: str) -> dict[str, bytes]:
    """Write a frame with GDAL; return the files by path."""
    with tempfile.TemporaryDirectory(prefix="gis-specimen-") as folder:
        with warnings.catch_warnings():
            # a geodatabase of old keeps whole numbers as decimal ones
            warnings.simplefilter("ignore")
            pyogrio.write_dataframe(frame, Path(folder) / f"jz{suffix}", driver=_DRIVERS.get(suffix), **options)
        found = sorted(file for file in Path(folder).rglob("*") if file.is_file())
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


def _drawing(frame: gpd.GeoDataFrame) -> dict[str, bytes]:
    """Write a drawing of closed lines."""
    return _written(".dxf", gpd.GeoDataFrame(geometry=frame.boundary, crs=frame.crs))


def _parquet(frame: gpd.GeoDataFrame) -> dict[str, bytes]:
    """Write GeoParquet of several row groups."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, row_group_size=5)
    return {"jz.parquet": buffer.getvalue()}


def _topojson(frame: gpd.GeoDataFrame) -> dict[str, bytes]:
    """Write a topology whose arcs are the outlines themselves."""
    arcs = [shapely.get_coordinates(shape).round(7).tolist() for shape in frame.geometry]
    rows = frame.drop(columns="geometry").to_dict("records")
    shapes = [{"type": "Polygon", "arcs": [[n]], "properties": row} for n, row in enumerate(rows)]
    content = {"type": "Topology", "objects": {"jz": {"type": "GeometryCollection", "geometries": shapes}},
               "arcs": arcs}  # fmt: skip
    return {"jz.topojson": json.dumps(content, ensure_ascii=False).encode()}


def _workbook(table: pd.DataFrame) -> bytes:
    """Write a workbook with one sheet."""
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for row in [list(table.columns), *table.to_numpy(dtype=object).tolist()]:
        book.active.append(row)
    book.save(buffer)
    return buffer.getvalue()


def _ods(table: pd.DataFrame) -> bytes:
    """Write a sheet of an office that is no Excel."""
    rows = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
                  for text in map(str, row))
        + "</table:table-row>"
        for row in [list(table.columns), *table.to_numpy(dtype=object).tolist()]
    )  # fmt: skip
    names = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
                     for name in ("office", "table", "text"))  # fmt: skip
    content = (f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names} office:version="1.2">'
               '<office:body><office:spreadsheet><table:table table:name="jz">'
               f"{rows}</table:table></office:spreadsheet></office:body></office:document-content>")  # fmt: skip
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = ('<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest='
                '"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="/" '
                f'manifest:media-type="{kind}"/></manifest:manifest>')  # fmt: skip
    parts = {"mimetype": kind, "META-INF/manifest.xml": manifest, "content.xml": content}
    return packed({name: text.encode() for name, text in parts.items()})


def _xls(table: pd.DataFrame) -> bytes:
    """Write the workbook of old: records of cells (BIFF8) in a file of sectors."""
    rows = [list(table.columns), *table.astype(str).to_numpy(dtype=object).tolist()]
    places = ((row, column) for row in range(len(rows)) for column in range(len(rows[0])))
    cells = b"".join(_label(row, column, rows[row][column]) for row, column in places)
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    sheet = _record(0x809, struct.pack("<HHHHII", 0x600, 16, 0, 0, 0, 0))
    sheet += _record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, len(table.columns), 0)) + cells + _record(0x0A, b"")
    where = len(begin) + len(_record(0x85, bytes(10))) + len(_record(0x0A, b""))
    bound = _record(0x85, struct.pack("<IBBBB", where, 0, 0, 2, 0) + b"jz")
    stream = begin + bound + _record(0x0A, b"") + sheet
    stream += bytes(max(4096 - len(stream), 0))
    stream += bytes(-len(stream) % 512)
    sectors = len(stream) // 512
    chain = [*range(1, sectors), 0xFFFFFFFE, 0xFFFFFFFE, 0xFFFFFFFD]
    fat = struct.pack("<128I", *chain, *[0xFFFFFFFF] * (128 - len(chain)))
    words = (0x3E, 3, 0xFFFE, 9, 6, 0, 1, sectors, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, sectors + 1)
    head = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(16) + struct.pack("<HHHHH6xIIIIIIIIII", *words)
    head += struct.pack("<108I", *[0xFFFFFFFF] * 108)
    entries = _entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + _entry("Workbook", 2, 0xFFFFFFFF, 0, len(stream))
    return head + stream + entries + _entry("", 0, 0xFFFFFFFF, 0, 0) * 2 + fat


def _record(kind: int, body: bytes) -> bytes:
    """Return a record of a workbook of old."""
    return struct.pack("<HH", kind, len(body)) + body


def _label(row: int, column: int, text: str) -> bytes:
    """Return a cell with a text."""
    return _record(0x204, struct.pack("<HHHHB", row, column, 0, len(text), 1) + text.encode("utf-16-le"))


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    """Return an entry of the folder of such a file."""
    raw = name.encode("utf-16-le")
    words = (0xFFFFFFFF, 0xFFFFFFFF, child)
    return raw.ljust(64, b"\0") + struct.pack("<HBBIII36xIQ", len(raw) + 2 if raw else 0, kind, 1, *words, start, size)


def _text(files: Files, name: str) -> str:
    """Return a file as text in which every byte is a character."""
    return files.get(name, b"").decode("latin-1")


def _lines(files: Files, *, name: str, heads: int) -> int | None:
    """Count lines that hold something, whatever ends them."""
    return max(sum(bool(line.strip()) for line in re.split("\r\n|\n|\r", _text(files, name))) - heads, 0)


def _parsed(files: Files, name: str) -> object:
    """Return JSON, None where it is none."""
    try:
        return json.loads(files[name].decode("utf-8-sig"))
    except (KeyError, ValueError, RecursionError):
        return None


def _listed(content: object, key: str) -> int | None:
    """Return how many entries a list has, None for no list."""
    found = content.get(key) if isinstance(content, dict) else None
    return len(found) if isinstance(found, list) else None


def _entries(files: Files, *, name: str, key: str) -> int | None:
    """Count the features of a collection or the edges of a graph."""
    return _listed(_parsed(files, name), key)


def _arcs(files: Files, *, name: str) -> int | None:
    """Count the geometries of a topology."""
    content = _parsed(files, name)
    objects = content.get("objects") if isinstance(content, dict) else None
    counts = [_listed(one, "geometries") for one in objects.values()] if isinstance(objects, dict) else [None]
    return None if None in counts else sum(filter(None, counts))


def _elements(files: Files, *, name: str, tag: str) -> int | None:
    """Count the elements of a name."""
    try:
        root = ElementTree.fromstring(files[name])
    except (KeyError, ElementTree.ParseError, ValueError):
        return None
    # a field of a feature may have any name
    places = root if tag == "featureMember" else root.iter()
    return sum(str(one.tag).rpartition("}")[2] == tag for one in places)


def _entities(files: Files, *, name: str) -> int | None:
    """Count the outlines of a drawing by what begins an entity of any name with a handle."""
    return len(re.findall(r"(?m)^AcDbPolyline\s*$", _text(files, name)))


def _stations(files: Files, *, name: str) -> int | None:
    """Count the lines of a feed that are stations."""
    return sum(bool(re.fullmatch(r"([^,]*,){4}1,[^,]*", line)) for line in re.split("\r\n|\n|\r", _text(files, name)))


def _wide(files: Files, *, name: str, least: int) -> int | None:
    """Count the lines that hold most of a row: so many commas."""
    return sum(line.count(",") >= least for line in re.split("\r\n|\n|\r", _text(files, name)))


def _in_zip(files: Files, *, name: str, member: str, word: bytes, heads: int) -> int | None:
    """Count a word in a member of a zip, None where it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(files[name])) as archive:
            return max(archive.read(member).count(word) - heads, 0)
    except Exception:
        return None


def _dat_rows(files: Files, *, name: str) -> int | None:
    """Count the rows that a table of MapInfo promises and has, without those that are marked as deleted."""
    raw = files.get(name, b"")
    if len(raw) < 32:
        return None
    rows, begin, width = struct.unpack_from("<IHH", raw, 4)
    if not width or begin + rows * width > len(raw):
        return None
    marks = np.frombuffer(raw, np.uint8, rows * width, begin).reshape(rows, width)[:, 0]
    return int((marks != 0x2A).sum())


def every_part(one: Specimen) -> Iterable[str]:
    """Return the parts of a file, the largest first."""
    return sorted(one.files, key=lambda name: -len(one.files[name]))
