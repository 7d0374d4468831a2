"""Whether a file makes PROJ open another one: a CRS may name a grid of shifts by its path, and GDAL looks into it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gis import drivers
from gis.errors import SourceError

_PIECE, _OVERLAP = 1 << 20, 1 << 9
# an ASCII letter that is written as an escape in JSON or XML, which nobody needs
_ESCAPED = re.compile(rb"\\u00[4-7][0-9a-f]|&#(?:x[4-7][0-9a-f]|6[5-9]|[7-9]\d|1[01]\d|12[0-2]);")
_TEXTS = {".geojson", ".geojsonl", ".json", ".topojson", ".gml"}
# what GDAL takes a CRS from: the file itself, its .prj, or the tables of a geodatabase
_READ = {".gpkg", ".fgb", ".dxf", *_TEXTS}


def require_none(path: Path) -> None:
    """Refuse a file of which the CRS names a grid by its path or address.

    Parameters
    ----------
    path
        The file, or the folder of a file geodatabase.

    Raises
    ------
    SourceError
        A grid that PROJ itself has is named without a path, and is no fault.
    """
    for file in _sources(path):
        if _names_one(file, escapes=path.suffix.lower() in _TEXTS):
            raise SourceError(
                f"{path.name} is in a coordinate system that is tied to a grid in another file, which is not opened; "
                "ask for the data in EPSG:4490 or EPSG:4548, or take the words about the system out and give --crs",
                path=str(path),
                part=file.name,
            )


def _sources(path: Path) -> Iterator[Path]:
    """Yield the files that say in which CRS a file is."""
    suffix = path.suffix.lower()
    if path.is_dir():
        yield from sorted(file for file in path.iterdir() if file.suffix.lower() == ".gdbtable")
    elif suffix == ".shp":
        stem = path.stem.casefold()
        beside = (part for part in path.parent.iterdir() if part.stem.casefold() == stem)
        yield from (part for part in beside if part.suffix.lower() == ".prj")
    elif suffix in _READ:
        yield path


def _names_one(file: Path, *, escapes: bool) -> bool:
    """Tell whether a grid is named anywhere in a file, holding little of it at a time."""
    with file.open("rb") as stream:
        tail = b""
        while piece := stream.read(_PIECE):
            # some tables are in UTF-16
            text = tail + piece.replace(b"\x00", b"").lower()
            if escapes and (b"\\u00" in text or b"&#" in text):
                text = _ESCAPED.sub(_letter, text)
            if drivers.names_grid(text):
                return True
            tail = text[-_OVERLAP:]
    return False


def _letter(found: re.Match[bytes]) -> bytes:
    """Return the letter that an escape stands for."""
    written = found[0].strip(b"&#;").removeprefix(b"\\u")
    hexadecimal = found[0].startswith(b"\\u") or written.startswith(b"x")
    return bytes([int(written.removeprefix(b"x"), 16 if hexadecimal else 10)]).lower()
