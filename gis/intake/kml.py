"""KML: the fields of placemarks by their own names and with their own texts.

GDAL's driver replaces names by underscores beyond ASCII, and makes 0 of "约1200" where a schema says number.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from gis import findings
from gis.errors import SourceError

# what GDAL gives every placemark, whatever fields it has
_STANDARD = {
    "id", "Name", "description", "timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude", "visibility",
    "drawOrder", "icon", "snippet",
}  # fmt: skip
# what stands before such a name where a field of the placemarks has it
_OWN = "Placemark."
_Fields = list[tuple[str, str | None]]


def named(
    frame: pd.DataFrame, path: Path, name: str, number: int, layers: Sequence[str]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Give the rows of a KML layer the fields that their placemarks have.

    Parameters
    ----------
    frame
        Rows as GDAL gave them.
    path
        The file, as it was read.
    name
        What the file is called.
    number
        Which of its layers was read, from 0; a layer is a document or folder that holds placemarks itself.
    layers
        The names of all, as GDAL gives them: a folder that is called like another before it has a number behind.

    Returns
    -------
    tuple
        The same rows with a column a field, as text, in place of GDAL's (as they came where GDAL has kept all names);
        and findings: source.fields_repeated (a placemark has a field twice: all values are kept, parted by semicolons),
        source.same_name (other folders of the same name were not read) and source.links_not_followed (warnings).

    Raises
    ------
    SourceError
        The fields of the rows cannot be told.
    """
    root = ElementTree.parse(path).getroot()
    notes = [*_others(name, number, layers), *_links(root, name)]
    placemarks = _placemarks(root, frame, number, len(layers))
    fields = [_fields(one) for one in placemarks]
    names = list(dict.fromkeys(key for one in fields for key, _ in one))
    twice = sorted({key for one in fields for key, _ in one if sum(key == other for other, _ in one) > 1})
    are_texts = set(names) <= {column for column in frame.columns if isinstance(frame[column].dtype, pd.StringDtype)}
    if not twice and are_texts and set(names) <= set(frame.columns) - _STANDARD:
        return frame, notes
    if len(placemarks) != len(frame):
        raise SourceError(
            f"{name}: {len(frame)} rows were read and {len(placemarks)} placemarks found, so that their fields "
            f"({', '.join(names[:5])}) cannot be told; save the layer as a file of its own",
            rows=len(frame),
            placemarks=len(placemarks),
        )
    if twice:
        notes.append(findings.finding("source.fields_repeated", name, severity="warning", columns=twice))
    geometry = frame.active_geometry_name if isinstance(frame, gpd.GeoDataFrame) else None
    standard = [column for column in frame.columns if column in _STANDARD and frame[column].notna().any()]
    kept = frame[[*standard, *([geometry] if geometry else [])]]
    # a field may be called like something that every placemark has, in whatever case
    said = {name.casefold() for name in names}
    clashing = [column for column in standard if column.casefold() in said]
    renamed = {column: f"{_OWN}{column}" for column in clashing} | (
        {geometry: f"{geometry}_"} if geometry in names else {}
    )
    kept = kept.rename(columns=renamed)
    if isinstance(kept, gpd.GeoDataFrame) and geometry in names:
        kept = kept.set_geometry(f"{geometry}_")
    for column in {"Name", "description"} & set(clashing):
        # GDAL puts the field in the place of what the placemark itself says
        own = [_text(one, column.casefold()) for one in placemarks]
        kept[f"{_OWN}{column}"] = pd.Series(own, dtype="str", index=frame.index)
    rows = [_joined(one) for one in fields]
    table = {key: pd.Series([row.get(key) for row in rows], dtype="str", index=frame.index) for key in names}
    return kept.assign(**table), notes


def _others(name: str, number: int, layers: Sequence[str]) -> list[dict[str, Any]]:
    """Return the finding about folders that a person would call by the same name."""
    same = [layer for layer in layers if layer != layers[number] and layer.startswith(f"{layers[number]} (#")]
    if not same:
        return []
    read = layers[number]
    return [findings.finding("source.same_name", name, severity="warning", read=read, others=same)]


def _links(root: ElementTree.Element, name: str) -> list[dict[str, Any]]:
    """Return the finding about parts of a KML that lie in other files."""
    count = sum(_tag(one) == "NetworkLink" for one in root.iter())
    if not count:
        return []
    return [findings.finding("source.links_not_followed", name, severity="warning", count=count)]


def _placemarks(root: ElementTree.Element, frame: pd.DataFrame, number: int, layers: int) -> list[ElementTree.Element]:
    """Return the placemarks of a layer in their order: a layer is one of the elements that hold placemarks."""
    holders = [[child for child in one if _tag(child) == "Placemark"] for one in root.iter()]
    holders = [one for one in holders if one]
    if len(holders) == layers:
        return holders[number]
    if layers == 1:
        return [one for holder in holders for one in holder]
    # a folder that GDAL passes over: then only the names of the rows tell which is which
    texts = [None if pd.isna(text) else str(text) for text in frame.get("Name", [])]
    alike = [one for one in holders if [_text(placemark, "name") for placemark in one] == texts]
    return alike[0] if len(alike) == 1 else []


def _fields(placemark: ElementTree.Element) -> _Fields:
    """Return the names and values of a placemark's fields."""
    found = []
    for one in placemark.iter():
        if _tag(one) == "Data":
            found.append((one.get("name", ""), _text(one, "value")))
        elif _tag(one) == "SimpleData":
            found.append((one.get("name", ""), one.text))
    return [(name, value.strip() or None if value else None) for name, value in found if name]


def _joined(fields: _Fields) -> dict[str, str | None]:
    """Return fields by name; of one that is there several times every value that differs is kept."""
    rows: dict[str, str | None] = {}
    for name, value in fields:
        before = rows.get(name)
        different = before is not None and value is not None and value not in before.split(";")
        rows[name] = f"{before};{value}" if different else before if value is None else value
    return rows


def _text(element: ElementTree.Element, tag: str) -> str | None:
    """Return the text of a child."""
    return next((child.text for child in element if _tag(child) == tag), None)


def _tag(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]
