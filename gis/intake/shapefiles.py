"""Shapefiles: whether all parts are there, in which encoding the table is, and what the file says of its place."""

from __future__ import annotations

import struct
from pathlib import Path

import geopandas as gpd
import pyogrio

from gis import findings
from gis.errors import EmptyError, SourceError
from gis.intake import dbf, encodings
from gis.intake.sources import Content, Decision

# parts without which rows have no attributes or no geometry, and what is lost without them
NEEDED = {".shx": "the index of the shapes", ".dbf": "the attributes"}
_MAGIC = 9994


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
        A part is missing or damaged, or the encoding cannot be told.
    EmptyError
        No rows.
    """
    files = parts(path)
    lacking = [f"{suffix} ({what})" for suffix, what in NEEDED.items() if suffix not in files]
    if lacking:
        raise SourceError(f"{path.name}: {' and '.join(lacking)} missing; ask for all parts of the shapefile")
    _check_magic(path)
    table = dbf.read(files[".dbf"])
    if not table.size:
        raise EmptyError(f"{path.name} has no rows")
    cpg = files[".cpg"].read_text(encoding="latin-1").strip() if ".cpg" in files else None
    decided = dbf.decide(table, given=encoding, cpg=cpg, name=path.name)
    attributes, cut = dbf.frame(table, decided)
    # the table has been read; names and texts must not be decoded a second time
    shapes = pyogrio.read_dataframe(path, columns=[], encoding="ISO-8859-1", on_invalid="ignore", use_arrow=False)
    if not isinstance(shapes, gpd.GeoDataFrame) or len(shapes) != len(attributes):
        raise SourceError(
            f"{path.name}: {len(shapes)} shapes but {len(attributes)} rows of attributes; ask for it again"
        )
    frame = gpd.GeoDataFrame(attributes, geometry=shapes.geometry.reset_index(drop=True), crs=shapes.crs)
    notes = encodings.remarks(decided, path.name, ldid=table.ldid)
    if cut:
        notes.append(findings.finding("source.text_cut", path.name, severity="warning", columns=cut))
    return Content(
        frame,
        "shapefile",
        claims="none" if shapes.crs is None else "declared",
        decisions=(Decision("encoding", decided.name, decided.how),),
        notes=tuple(notes),
        ranking=decided.ranking,
    )


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


def _check_magic(path: Path) -> None:
    """Refuse what is no .shp, or only a piece of one."""
    raw = path.read_bytes()
    if len(raw) < 100 or struct.unpack_from(">i", raw)[0] != _MAGIC:
        raise SourceError(f"{path.name} is not a shapefile; ask for it again", path=path.name)
    announced = 2 * struct.unpack_from(">i", raw, 24)[0]
    if announced > len(raw):
        raise SourceError(
            f"{path.name}: damaged; {announced} bytes are announced and {len(raw)} are there; ask for it again",
            announced=announced,
        )
