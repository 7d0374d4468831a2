"""Shapefiles: whether all parts are there, in which encoding the table is, and what the file says of its place."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pyproj
from numpy.typing import NDArray

from gis import drivers, findings, writing
from gis.errors import EmptyError, SourceError
from gis.intake import dbf, declarations, encodings, lending
from gis.intake.admission import grids
from gis.intake.declarations import Words
from gis.intake.sources import Content, Decision
from gis.intake.wholeness import promises

_MAGIC = 9994
_HEADER_BYTES = 100
# a record begins with its number, the length of its content in words, and the type of its shape
_RECORD = struct.Struct(">ii")
_RECORD_BYTES = 12
# type numbers of the format: plain, with Z, with M
_NULL = 0
_TYPES = {1, 3, 5, 8, 11, 13, 15, 18, 21, 23, 25, 28}
_MULTIPATCH = 31


@dataclass(frozen=True)
class Index:
    """Say where the shapes of a .shp are: one entry a record.

    Parameters
    ----------
    starts
        Byte at which the record begins.
    lengths
        Bytes of its content, without the 8 of its header.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class _Copy:
    """Make a copy of a shapefile whose index is known; the folder of the file stays as it is."""

    raw: bytes
    files: dict[str, Path]
    index: Index

    def read(self, *, with_prj: bool = True) -> Any:
        """Return the geometries of the copy."""
        with writing.scratch() as folder:
            copy = folder / "copy.shp"
            for suffix in {".dbf", ".prj"} & set(self.files):
                if suffix != ".prj" or with_prj:
                    shutil.copyfile(self.files[suffix], copy.with_suffix(suffix))
            copy.write_bytes(self.raw)
            copy.with_suffix(".shx").write_bytes(index_bytes(self.raw, self.index))
            return _shapes(copy)


def read(path: Path, inner: str | None = None, encoding: str | None = None) -> Content:
    """Read a shapefile.

    Parameters
    ----------
    path
        The .shp.
    inner
        Not used: a shapefile holds one layer.
    encoding
        Encoding of the table from `--encoding`.

    Returns
    -------
    Content

    Raises
    ------
    SourceError
        A part is missing or damaged, the shapes are of a type that no layer holds, or the encoding cannot be told.
    EmptyError
        No rows.

    Notes
    -----
    The .shx only repeats where the records of the .shp begin. Where it is missing or names places where no record
    begins, it is made anew from the .shp, with the finding source.index_rebuilt. Without the .dbf nobody knows which
    shape is what, so that is refused.
    """
    files = parts(path)
    if ".dbf" not in files:
        raise SourceError(f"{path.name}: .dbf (the attributes) missing; ask for all parts of the shapefile")
    raw = path.read_bytes()
    _check_header(path, raw)
    table = dbf.read(files[".dbf"])
    if not table.size:
        raise EmptyError(f"{path.name} has no rows")
    cpg = files[".cpg"].read_text(encoding="latin-1").strip() if ".cpg" in files else None
    decided = dbf.decide(table, given=encoding, cpg=cpg, name=path.name)
    attributes, cut = dbf.frame(table, decided)
    index, rebuilt = _index(path, raw, files.get(".shx"))
    if len(index.starts) != len(table.kept):
        raise SourceError(
            f"{path.name}: {len(index.starts)} shapes but {len(table.kept)} rows of attributes; ask for it again"
        )
    grids.require_none(path)
    copy = _Copy(raw, files, index)
    shapes, readable = _placed(copy.read if rebuilt or lending.has_mark(path) else partial(_shapes, path), copy)
    if not isinstance(shapes, gpd.GeoDataFrame) or len(shapes) != len(attributes):
        raise SourceError(
            f"{path.name}: {len(shapes)} shapes but {len(attributes)} rows of attributes; ask for it again"
        )
    # a column may be called like the one that the shapes become
    attributes = attributes.rename(columns={"geometry": "geometry_"})
    frame = gpd.GeoDataFrame(attributes, geometry=shapes.geometry.reset_index(drop=True), crs=shapes.crs)
    notes = encodings.remarks(decided, path.name, ldid=table.ldid)
    if cut:
        notes.append(findings.finding("source.text_cut", path.name, severity="warning", columns=cut))
    for name, count in dbf.starred(table).items():
        shown = encodings.decoded(name, decided.name, cut=len(name) >= 10)
        notes.append(findings.finding("source.numbers_starred", path.name, severity="info", column=shown, count=count))
    if rebuilt:
        notes.append(findings.finding("source.index_rebuilt", path.name, severity="warning", count=len(index.starts)))
    notes += promises.deletions(path, int((~table.kept).sum()))
    lost = int((frame.geometry.isna().to_numpy() & (_kinds(raw, index)[table.kept] != _NULL)).sum())
    if lost:
        notes.append(findings.finding("source.shapes_unreadable", path.name, severity="warning", count=lost))
    content = Content(
        frame,
        "shapefile",
        claims="none" if shapes.crs is None else "declared",
        decisions=(Decision("encoding", decided.name, decided.how),),
        notes=tuple(notes),
        ranking=decided.ranking,
    )
    return declarations.understood(content, _words(files.get(".prj"), readable=readable and shapes.crs is not None))


def parts(path: Path) -> dict[str, Path]:
    """Find the files that belong to a shapefile.

    Parameters
    ----------
    path
        The .shp.

    Returns
    -------
    dict
        Path by suffix in lower case; upper-case suffixes are found on every system.
    """
    stem = path.stem.casefold()
    return {file.suffix.lower(): file for file in sorted(path.parent.iterdir()) if file.stem.casefold() == stem}


def index_bytes(head: bytes, index: Index) -> bytes:
    """Make a .shx.

    Parameters
    ----------
    head
        The first 100 bytes of the .shp, which the .shx repeats but for its own length.
    index
        Where the records are.

    Returns
    -------
    bytes
    """
    pairs = np.column_stack([index.starts // 2, index.lengths // 2]).astype(">i4")
    size = struct.pack(">i", (_HEADER_BYTES + pairs.nbytes) // 2)
    return head[:24] + size + head[28:_HEADER_BYTES] + pairs.tobytes()


def _check_header(path: Path, raw: bytes) -> None:
    """Refuse what is no .shp, only a piece of one, or holds shapes of a type that no layer has."""
    if len(raw) < _HEADER_BYTES or struct.unpack_from(">i", raw)[0] != _MAGIC:
        raise SourceError(f"{path.name} is not a shapefile; ask for it again", path=path.name)
    announced = 2 * struct.unpack_from(">i", raw, 24)[0]
    if announced > len(raw):
        raise SourceError(
            f"{path.name}: damaged; {announced} bytes are announced and {len(raw)} are there; ask for it again",
            announced=announced,
        )
    kind = struct.unpack_from("<i", raw, 32)[0]
    if kind == _MULTIPATCH:
        raise SourceError(
            f"{path.name} holds bodies (multipatch), which no layer does; ask for their footprints as polygons",
            type=kind,
        )
    if kind not in _TYPES and kind != _NULL:
        raise SourceError(f"{path.name}: damaged; its shapes are of type {kind}, which does not exist", type=kind)


def _index(path: Path, raw: bytes, shx: Path | None) -> tuple[Index, bool]:
    """Return where the shapes are, and whether that had to be read from the .shp itself."""
    said = _said(raw, shx.read_bytes()) if shx is not None else None
    if said is not None:
        return said, False
    walked = _walked(raw)
    if walked is None:
        raise SourceError(f"{path.name}: damaged; a shape is longer than the file; ask for it again", path=path.name)
    return walked, True


def _said(raw: bytes, shx: bytes) -> Index | None:
    """Return what a .shx says, None where a record of the .shp does not begin there or begins there twice."""
    if len(shx) < _HEADER_BYTES or (len(shx) - _HEADER_BYTES) % 8:
        return None
    pairs = np.frombuffer(shx, dtype=">i4", offset=_HEADER_BYTES).reshape(-1, 2).astype(np.int64) * 2
    starts, lengths = pairs[:, 0], pairs[:, 1]
    inside = (starts >= _HEADER_BYTES) & (lengths >= 4) & (starts + 8 + lengths <= len(raw))
    if not inside.all() or len(np.unique(starts)) != len(starts):
        return None
    bytes_ = np.frombuffer(raw, dtype=np.uint8)
    heads = bytes_[starts[:, None] + np.arange(4, 8)].copy().view(">i4").reshape(-1)
    return Index(starts, lengths) if (heads.astype(np.int64) * 2 == lengths).all() else None


def _walked(raw: bytes) -> Index | None:
    """Return where the shapes are by going from record to record, None where one reaches beyond the end."""
    starts, lengths = [], []
    place = _HEADER_BYTES
    # some programs leave a few bytes behind the last record
    while place + _RECORD_BYTES <= len(raw):
        length = 2 * _RECORD.unpack_from(raw, place)[1]
        if length < 4 or place + 8 + length > len(raw):
            return None
        starts.append(place)
        lengths.append(length)
        place += 8 + length
    return Index(np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64))


def _kinds(raw: bytes, index: Index) -> NDArray[np.int32]:
    """Return the type number of every record."""
    bytes_ = np.frombuffer(raw, dtype=np.uint8)
    return bytes_[index.starts[:, None] + np.arange(8, 12)].copy().view("<i4").reshape(-1)


def _shapes(path: Path) -> Any:
    """Return the geometries and the CRS, nothing of the table."""
    # the table has been read; names and texts must not be decoded a second time
    whole = {"encoding": "ISO-8859-1", "on_invalid": "ignore", "use_arrow": False}
    with drivers.only("ESRI Shapefile"):
        return pyogrio.read_dataframe(path.absolute(), columns=[], **whole)


def _placed(first: Callable[[], Any], copy: _Copy) -> tuple[Any, bool]:
    """Return the geometries with their CRS, none where the .prj names no place on Earth, and whether it does."""
    try:
        shapes = first()
        placed = not isinstance(shapes, gpd.GeoDataFrame) or shapes.crs is None or declarations.on_earth(shapes.crs)
    # pyogrio itself stumbles over a .prj that PROJ cannot word
    except (pyproj.exceptions.ProjError, NameError):
        placed = False
    return (shapes, True) if placed else (copy.read(with_prj=False), False)


def _words(prj: Path | None, *, readable: bool) -> Words:
    """Return what a .prj says, where GDAL has made nothing of it that leads to the ground."""
    text = prj.read_text(encoding="utf-8", errors="replace").strip("\ufeff \t\r\n") if prj is not None else ""
    return Words((text,)) if text and not readable else Words()
