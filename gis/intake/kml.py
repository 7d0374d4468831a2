"""KML: the fields of placemarks by their own names, which GDAL's driver replaces by underscores beyond ASCII."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import geopandas as gpd
import pandas as pd

# what GDAL gives every placemark, whatever fields it has
_STANDARD = {
    "id", "Name", "description", "timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude", "visibility",
    "drawOrder", "icon", "snippet",
}  # fmt: skip


def named(frame: pd.DataFrame, path: Path, layer: str, layers: int) -> pd.DataFrame:
    """Give the rows of a KML layer the fields that their placemarks have.

    Parameters
    ----------
    frame
        Rows as GDAL gave them.
    path
        The file.
    layer
        Name of the layer, which is a folder of the file.
    layers
        How many layers the file has.

    Returns
    -------
    pandas.DataFrame
        The same rows with a column a field, as text, in place of GDAL's; as they came where no name is beyond ASCII, or
        where the placemarks are not one a row.
    """
    placemarks = _placemarks(ElementTree.parse(path).getroot(), layer if layers > 1 else None)
    fields = [dict(_fields(one)) for one in placemarks]
    names = list(dict.fromkeys(name for one in fields for name in one))
    if len(fields) != len(frame) or all(name.isascii() for name in names):
        return frame
    geometry = frame.active_geometry_name if isinstance(frame, gpd.GeoDataFrame) else None
    standard = [column for column in frame.columns if column in _STANDARD and frame[column].notna().any()]
    kept = frame[[*standard, *([geometry] if geometry else [])]]
    table = {name: pd.Series([one.get(name) for one in fields], dtype="str", index=frame.index) for name in names}
    return kept.assign(**table)


def _placemarks(root: ElementTree.Element, folder: str | None) -> list[ElementTree.Element]:
    """Return the placemarks of a folder, or of the whole file, in their order."""
    if folder is None:
        return [one for one in root.iter() if _tag(one) == "Placemark"]
    for one in root.iter():
        if _tag(one) in {"Folder", "Document"} and _text(one, "name") == folder:
            return [child for child in one if _tag(child) == "Placemark"]
    return []


def _fields(placemark: ElementTree.Element) -> list[tuple[str, str | None]]:
    """Return the names and values of a placemark's fields."""
    found = []
    for one in placemark.iter():
        if _tag(one) == "Data":
            found.append((one.get("name", ""), _text(one, "value")))
        elif _tag(one) == "SimpleData":
            found.append((one.get("name", ""), one.text))
    return [(name, value.strip() or None if value else None) for name, value in found if name]


def _text(element: ElementTree.Element, tag: str) -> str | None:
    """Return the text of a child."""
    return next((child.text for child in element if _tag(child) == tag), None)


def _tag(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]
