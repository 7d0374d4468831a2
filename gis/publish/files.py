"""Plain exports: one layer as a file, for people who take it elsewhere."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from gis import crs, writing
from gis.catalogue import Layer
from gis.errors import CrsError, UsageError

# letters that a cell of a sheet holds
_CELL = 32_767
Writer = Callable[[pd.DataFrame, Path, Layer], None]
# formats that go through a way to degrees, or name the CRS in words of ours
_NAMED_BY_US = {".geojson", ".csv", ".xlsx"}


def write(frame: pd.DataFrame, file: Path, *, layer: Layer) -> int:
    """Write a frame to a file of the format that its suffix names.

    Parameters
    ----------
    frame
        Canonical rows of the layer.
    file
        *.gpkg, *.geojson (CGCS2000 degrees), *.parquet, *.csv (UTF-8 with BOM) or *.xlsx; these two
        have the geometry as WKT in a column that names its CRS, such as wkt(EPSG:4548). A grid without an EPSG number
        is a bureau's own: no file says anything of it.
    layer
        The layer, for its name and geometry type.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    UsageError
        Another suffix, a table without geometry for a format that needs one, or a text longer than a sheet's cell.
    CrsError
        GeoJSON of a grid that has no way to degrees.
    StorePermissionError
        The file may not be written.
    """
    suffix = file.suffix.lower()
    if suffix not in _WRITERS:
        allowed = ", ".join(sorted(_WRITERS))
        raise UsageError(f"{file.name}: {suffix or 'no suffix'} cannot be written; allowed: {allowed}", suffix=suffix)
    if isinstance(frame, gpd.GeoDataFrame) and suffix not in _NAMED_BY_US:
        # a bureau's own grid leaves with its numbers, never with its parameters
        frame = frame.set_crs(crs.public(frame.crs), allow_override=True)
    with writing.whole(file) as temporary:
        # GDAL would take the empty file for a damaged one
        temporary.unlink()
        _WRITERS[suffix](frame, temporary, layer)
    return len(frame)


def _gpkg(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write a GeoPackage with one layer."""
    kind = layer.geometry if isinstance(frame, gpd.GeoDataFrame) else None
    with warnings.catch_warnings():
        # that the file of a bureau's own grid names no CRS is meant so
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        pyogrio.write_dataframe(frame, file, layer=layer.name, driver="GPKG", geometry_type=kind)
    _require_whole(file, layer.name, len(frame), indexed=kind is not None and len(frame) > 0)


def _require_whole(file: Path, name: str, rows: int, *, indexed: bool) -> None:
    """Refuse a GeoPackage that a full disk has cut off: GDAL says nothing when it fails on closing the file."""
    asked = [("PRAGMA quick_check", "ok"), (f'SELECT count(*) FROM "{name}"', rows)]
    asked += [("SELECT count(*) FROM gpkg_extensions WHERE extension_name = 'gpkg_rtree_index'", 1)] if indexed else []
    with closing(sqlite3.connect(file)) as connection:
        for statement, wanted in asked:
            found = connection.execute(statement).fetchone()[0]
            if found != wanted:
                raise RuntimeError(f"{file.name} is not whole: {statement} gives {found}, not {wanted}")


def _geojson(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write GeoJSON in degrees, as its standard asks."""
    if not isinstance(frame, gpd.GeoDataFrame):
        raise UsageError(f"{layer.name} has no geometry; write it as .csv or .xlsx")
    if frame.crs is not None and not crs.reaches_degrees(frame.crs):
        raise CrsError(
            f"{layer.name} cannot be written as GeoJSON, which holds longitude and latitude: nobody vouches for a way "
            f"from {crs.label(frame.crs)} to them; write .gpkg, .parquet, .csv or .xlsx",
            came=crs.label(frame.crs),
        )
    degrees = crs.to(frame, crs.CGCS2000)
    # GDAL would write the name of the temporary file into it
    pyogrio.write_dataframe(
        degrees.set_crs(crs.WGS84, allow_override=True), file, driver="GeoJSON", layer_options={"WRITE_NAME": "NO"}
    )


def _parquet(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write (Geo)Parquet."""
    frame.to_parquet(file, index=False)


def _csv(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write CSV that a spreadsheet opens in Chinese; a text that it would run as a formula gets an apostrophe."""
    flat = _flat(frame)
    for column in flat.columns[[isinstance(dtype, pd.StringDtype) for dtype in flat.dtypes]]:
        # a text that begins like a guarded one gets one more, so that reading it back takes off what was put on
        flat[column] = flat[column].str.replace(r"^(?='*[=+\-@\t\r])", "'", regex=True)
    flat.to_csv(file, index=False, encoding="utf-8-sig")


def _xlsx(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write a plain sheet; text stays text, formulas are inert."""
    flat = _flat(frame).rename(columns={field.name: field.zh for field in layer.fields})
    _refuse_long(flat, layer, file)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    # a folder of our own for the pieces, which xlsxwriter leaves when it cannot end
    with writing.scratch() as folder:
        kwargs = {"options": {**options, "tmpdir": str(folder)}}
        with pd.ExcelWriter(file, engine="xlsxwriter", engine_kwargs=kwargs) as writer:
            flat.to_excel(writer, sheet_name=layer.zh, index=False)


def _refuse_long(flat: pd.DataFrame, layer: Layer, file: Path) -> None:
    """Refuse texts that a cell of a sheet cannot hold; it would hold their beginning."""
    for column in flat.columns[[isinstance(dtype, pd.StringDtype) for dtype in flat.dtypes]]:
        long = flat[column].str.len().gt(_CELL).fillna(False)
        if long.any():
            keys = flat.loc[long].iloc[:, 0].astype(str)
            raise UsageError(
                f"{layer.name} {', '.join(keys[:3])}: {column} has more than {_CELL} letters, which no cell of a sheet "
                "holds; write .csv, .gpkg or .parquet",
                rows=int(long.sum()),
            )


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with geometry as WKT text, in a column that names the CRS where it has a public name."""
    if not isinstance(frame, gpd.GeoDataFrame):
        return frame
    name = crs.label(frame.crs)
    column = f"wkt({name})" if name.startswith("EPSG:") else "wkt"
    text = frame.geometry.to_wkt(rounding_precision=-1).astype("str")
    return pd.DataFrame(frame.drop(columns=frame.geometry.name)).assign(**{column: text})


_WRITERS: dict[str, Writer] = {
    ".gpkg": _gpkg,
    ".geojson": _geojson,
    ".parquet": _parquet,
    ".csv": _csv,
    ".xlsx": _xlsx,
}
# what the name of an export may end in
SUFFIXES = tuple(_WRITERS)
