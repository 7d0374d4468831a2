"""Plain exports: one layer as a file, for people who take it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from gis import archives, crs
from gis.catalogue import Layer
from gis.errors import UsageError

Writer = Callable[[pd.DataFrame, Path, Layer], None]


def write(frame: pd.DataFrame, file: Path, *, layer: Layer) -> int:
    """Write a frame to a file of the format that its suffix names.

    Parameters
    ----------
    frame
        Canonical rows of the layer.
    file
        *.gpkg, *.geojson (CGCS2000 degrees), *.parquet, *.csv (UTF-8 with BOM, geometry as WKT) or *.xlsx.
    layer
        The layer, for its name and geometry type.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    UsageError
        Another suffix, or a table without geometry for a format that needs one.
    StorePermissionError
        The file may not be written.
    """
    suffix = file.suffix.lower()
    if suffix not in _WRITERS:
        allowed = ", ".join(sorted(_WRITERS))
        raise UsageError(f"{file.name}: {suffix or 'no suffix'} cannot be written; allowed: {allowed}", suffix=suffix)
    with archives.written_whole(file) as temporary:
        # GDAL would take the empty file for a damaged one
        temporary.unlink()
        _WRITERS[suffix](frame, temporary, layer)
    return len(frame)


def _gpkg(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write a GeoPackage with one layer."""
    kind = layer.geometry if isinstance(frame, gpd.GeoDataFrame) else None
    pyogrio.write_dataframe(frame, file, layer=layer.name, driver="GPKG", geometry_type=kind)


def _geojson(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write GeoJSON in degrees, as its standard asks."""
    if not isinstance(frame, gpd.GeoDataFrame):
        raise UsageError(f"{layer.name} has no geometry; write it as .csv or .xlsx")
    degrees = crs.to(frame, crs.CGCS2000)
    pyogrio.write_dataframe(degrees.set_crs(crs.WGS84, allow_override=True), file, driver="GeoJSON")


def _parquet(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write (Geo)Parquet."""
    frame.to_parquet(file, index=False)


def _csv(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write CSV that a spreadsheet opens in Chinese; a text that it would run as a formula gets an apostrophe."""
    flat = _flat(frame)
    for column in flat.columns[[isinstance(dtype, pd.StringDtype) for dtype in flat.dtypes]]:
        flat[column] = flat[column].str.replace(r"^(?=[=+\-@\t\r])", "'", regex=True)
    flat.to_csv(file, index=False, encoding="utf-8-sig")


def _xlsx(frame: pd.DataFrame, file: Path, layer: Layer) -> None:
    """Write a plain sheet; text stays text, formulas are inert."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with pd.ExcelWriter(file, engine="xlsxwriter", engine_kwargs={"options": options}) as writer:
        _flat(frame).rename(columns={field.name: field.zh for field in layer.fields}).to_excel(
            writer, sheet_name=layer.zh, index=False
        )


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with geometry as WKT text."""
    if not isinstance(frame, gpd.GeoDataFrame):
        return frame
    text = frame.geometry.to_wkt(rounding_precision=3)
    return pd.DataFrame(frame.drop(columns=frame.geometry.name)).assign(wkt=text)


_WRITERS: dict[str, Writer] = {
    ".gpkg": _gpkg,
    ".geojson": _geojson,
    ".parquet": _parquet,
    ".csv": _csv,
    ".xlsx": _xlsx,
}
