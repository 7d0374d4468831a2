"""Whether a file is what its suffix says, by its first bytes: a reader is never handed a file of another kind."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from gis.errors import SourceError

# how much of a file tells its kind; a head of comments is rarely longer
_HEAD = 1 << 16
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# the first bytes of files that are no text, what such a file is called, and what it is called by its suffix
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"SQLite format 3\x00", "SQLite", ".gpkg"),
    (b"fgb\x03fgb", "FlatGeobuf", ".fgb"),
    (b"AutoCAD Binary DXF", "DXF", ".dxf"),
    (b"PAR1", "Parquet", ".parquet"),
    (b"PK\x03\x04", "zip", ".zip"),
    (b"PK\x05\x06", "zip", ".zip"),
    (b"\x00\x00\x27\x0a", "shapefile", ".shp"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office document", ".xls"),
    (b"\x00\x01\x00\x00Standard ", "Access database", ""),
    (b"%PDF", "PDF", ""),
    (b"Rar!", "RAR archive", ""),
    (b"7z\xbc\xaf\x27\x1c", "7z archive", ""),
    (b"\x1f\x8b", "gzip archive", ""),
    (b"ARROW1", "Arrow file", ""),
    (b"\x89PNG", "picture", ""),
    (b"\xff\xd8\xff", "picture", ""),
    (b"\x7fELF", "program", ""),
    (b"MZ", "program", ""),
)
_DWG = re.compile(rb"AC10\d\d")
# the first tag of an XML text, behind declarations, comments and instructions
_ROOT = re.compile(r"\s*(?:<[?!](?:--.*?--|[^>\[]*(?:\[.*?\]\s*)?)>\s*)*<(?:[\w.-]+:)?([\w.-]+)", re.DOTALL)
# where an XML text takes a part of itself from another file
_ENTITY = re.compile(r"<!ENTITY\s[^>]*\b(?:SYSTEM|PUBLIC)\b")
# documents that are no data but say where data are
_LEADING = {
    "OGRVRTDataSource": "GDAL virtual file (VRT)",
    "VRTDataset": "GDAL virtual file (VRT)",
    "OGRWFSDataSource": "description of a web service (WFS)",
    "WFS_Capabilities": "description of a web service (WFS)",
    "OGROAPIFDataSource": "description of a web service (OAPIF)",
    "Capabilities": "description of a web service",
    "GDAL_WMS": "description of a web service (WMS)",
}
_DXF = re.compile(r"\s*(?:999\s*?\n[^\n]*\n\s*)*0\s*?\n\s*(?:SECTION|EOF)\b", re.IGNORECASE)
_TAB = re.compile(r"\s*!table\b", re.IGNORECASE)
_MIF = re.compile(r"\s*version\s+\d", re.IGNORECASE)
# where a MapInfo table says that it is a view of others, or is made of others
_ELSEWHERE = re.compile(r'(?im)^[ \t]*(?:create[ \t]+view|open[ \t]+table)\b|"\\?isseamless"\s*=\s*"true"')
_TABLE_HEAD = "a00000001.gdbtable"
# what a suffix promises
_PROMISED = {
    ".gpkg": "SQLite",
    ".fgb": "FlatGeobuf",
    ".dxf": "DXF",
    ".parquet": "Parquet",
    ".geoparquet": "Parquet",
    ".kml": "KML",
    ".ovkml": "KML",
    ".gml": "GML",
    ".tab": "MapInfo table",
    ".mif": "MapInfo interchange file",
    **dict.fromkeys((".geojson", ".geojsonl", ".json", ".topojson"), "JSON"),
}
# suffixes of kinds that are told from a text
_SUFFIXES = {"JSON": ".geojson", "KML": ".kml", "GML": ".gml", "DXF": ".dxf", "MapInfo table": ".tab"}
_SUFFIXES["MapInfo interchange file"] = ".mif"


def require(path: Path) -> None:
    """Refuse a file that is no file, or whose first bytes are of another kind than its suffix says.

    Parameters
    ----------
    path
        A file, or the folder of a file geodatabase.

    Raises
    ------
    SourceError
        The message says what it seems to be, and whether to rename or to convert it.
    """
    suffix = path.suffix.lower()
    if suffix == ".gdb":
        _require_database(path)
        return
    if not path.is_file():
        raise SourceError(f"{path.name} is no file but a pipe or a device; save its content as a file", path=str(path))
    promised = _PROMISED.get(suffix)
    if promised is None:
        return
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    came = kind(head)
    if came != promised and not _passes(head, promised, came):
        what, advice = _spoken(came)
        raise SourceError(
            f"{path.name} is no {promised} but {what}; {advice}", path=str(path), promised=promised, came=came
        )
    if came in {"KML", "GML"} or came.startswith("XML <"):
        _require_alone(path, head)
    if suffix == ".tab" and _ELSEWHERE.search(path.read_text(encoding="latin-1")):
        raise SourceError(
            f"{path.name} is no table of its own but points at other tables; save it as one table (in MapInfo: Save "
            "Copy As), or load those one by one",
            path=str(path),
        )


def kind(head: bytes) -> str:
    """Return what a file is by its first bytes.

    Parameters
    ----------
    head
        The beginning of it.

    Returns
    -------
    str
        Such as "SQLite", "JSON", "KML", "XML <html>", "text" or "unknown"; of what leads elsewhere its name.
    """
    for magic, name, _ in _MAGIC:
        if head.startswith(magic):
            return name
    if _DWG.match(head):
        return "DWG drawing"
    text = _text(head)
    if text is None:
        return "unknown"
    if text.startswith("<"):
        return _xml(text)
    if text.startswith(("{", "[")):
        return "JSON"
    told = (("DXF", _DXF), ("MapInfo table", _TAB), ("MapInfo interchange file", _MIF))
    return next((name for name, pattern in told if pattern.match(text)), "text")


def _text(head: bytes) -> str | None:
    """Return the beginning of a text without what may stand before it, None where it is no text."""
    codec = next((codec for mark, codec in _MARKS if head.startswith(mark)), "latin-1")
    text = head.decode(codec, "ignore").lstrip("\ufeff\x1e \t\r\n")
    return None if "\x00" in text[:1024] else text


def _xml(text: str) -> str:
    """Return of which kind an XML text is by its first element."""
    found = _ROOT.match(text)
    root = "" if found is None else found[1]
    if root in _LEADING:
        return _LEADING[root]
    if root.casefold() in {"kml", "html"}:
        return {"kml": "KML", "html": "web page"}[root.casefold()]
    return "GML" if "opengis.net/gml" in text else f"XML <{root}>"


def _passes(head: bytes, promised: str, came: str) -> bool:
    """Tell whether what came is read on purpose, though its first bytes do not say that it is what was promised."""
    # a head of blank or odd lines, JSON within a call: the one driver that may open it judges it
    if came == "text":
        return promised in {"DXF", "MapInfo table", "MapInfo interchange file", "JSON"}
    if came.startswith("XML <"):
        return promised in {"KML", "GML"}
    # cut off or spoilt: its reader says what is wrong with it
    return came == "unknown"


def _spoken(came: str) -> tuple[str, str]:
    """Return what came as words of a sentence, and what to do about it."""
    suffix = _SUFFIXES.get(came) or next((suffix for _, name, suffix in _MAGIC if name == came), "")
    if suffix:
        return came, f"rename it to {suffix}"
    if came in _LEADING.values():
        return f"a {came}, which holds no data itself", "export the data it leads to, as a GeoPackage or shapefile"
    return came, "ask for it as a GeoPackage, shapefile or GeoJSON"


def _require_alone(path: Path, head: bytes) -> None:
    """Refuse an XML text that has parts in other files: they are not read, and what they hold would be missing."""
    if _ENTITY.search(_text(head) or ""):
        raise SourceError(
            f"{path.name} takes parts of itself from other files (external entities), which are not read; save it as "
            "one file",
            path=str(path),
        )


def _require_database(path: Path) -> None:
    """Refuse what is called a file geodatabase and is none, or has files that lie elsewhere."""
    if not path.is_dir() or not (path / _TABLE_HEAD).is_file():
        raise SourceError(
            f"{path.name} is no file geodatabase, a folder with {_TABLE_HEAD} in it; unpack it, or export it again",
            path=str(path),
        )
