"""Drawings: closed lines that are areas, and texts that say which is what, for a layer that needs both.

A DXF knows neither polygons nor fields. What is drawn inside an outline, or beside a line or point, is its label.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import findings
from gis.catalogue import Catalogue, Field, Layer
from gis.intake import columns, values
from gis.intake.sources import Source

Shapes = NDArray[np.object_]

_DRAWING = "DXF"
_TEXT, _CAD_LAYER = "Text", "Layer"
# the column that keeps all that stands at a shape, in the drawing's own words
LABELS = "标注"
# a text stands no further from the line or point that it is about, drawing units (m)
_NEAR = 10.0
# and the next one is at least so many times further away
_CLEAR = 2.0
# a code has a figure and no Chinese: DY-01, MC00-0201, 3#
_CODE = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9_\-./#]*")
_SAYS = re.compile(r"\s*([^::=]+?)\s*[::=]\s*(\S.*?)\s*")
_PARTS = re.compile(r"[\s_\-/|·,,;;]+")


@dataclasses.dataclass(frozen=True)
class _Reading:
    """Tell what a text beside a shape says, for one layer."""

    layer: Layer
    spellings: Mapping[str, str]
    titles: Mapping[str, str]

    def said(self, text: str) -> tuple[str, str]:
        """Return the field that a text is about and its value; field "" for a text that is about none."""
        pair = _SAYS.fullmatch(text)
        if pair is not None and columns.normal(pair[1]) in self.spellings:
            return self.spellings[columns.normal(pair[1])], pair[2]
        field = self.titles.get(values.plain(text))
        if field is not None:
            return field, text
        if _CODE.fullmatch(text):
            return self.layer.key, text
        return ("name" if "name" in self.layer.columns else ""), text

    def stated(self, cad_layer: str) -> Iterator[tuple[str, str]]:
        """Yield the states and types that the name of a layer of the drawing names, such as 更新单元-已划定."""
        for part in {cad_layer, *_PARTS.split(cad_layer)}:
            if (field := self.titles.get(values.plain(part))) is not None:
                yield field, part


def labelled(source: Source, layer: Layer, catalogue: Catalogue) -> Source:
    """Give the rows of a drawing the shapes and the values that a layer needs.

    Parameters
    ----------
    source
        What `read` gave; anything but a drawing stays as it is.
    layer
        The layer that the rows are to be.
    catalogue
        Code lists.

    Returns
    -------
    Source
        Closed lines are polygons where the layer holds polygons. A text inside an outline (the smallest around it), or
        nearest to a line or point, is a value of that row and no row of its own: what looks like a code is the key,
        what a code list knows is that field, "划定状态:已划定" is the field that it names, anything else is the name.
        All texts of a row are kept in the column 标注. Findings: drawing.outlines_closed and drawing.labels_taken
        (info), drawing.label_ambiguous (warning, one a row: several texts for one field, none is taken).
    """
    frame = source.frame
    if source.format != _DRAWING or not layer.spatial or not isinstance(frame, gpd.GeoDataFrame):
        return source
    frame = frame.reset_index(drop=True)
    shapes, closed = _closed(np.asarray(frame.geometry.to_numpy(), dtype=object), layer)
    texts = frame[_TEXT].to_numpy(dtype=object) if _TEXT in frame.columns else np.full(len(frame), None, dtype=object)
    is_text = np.array([isinstance(text, str) and bool(text.strip()) for text in texts], dtype=bool)
    is_text &= shapely.get_dimensions(shapes) == 0
    owner = _owners(shapes, is_text, layer)
    rows = _said(frame, texts, owner, _reading(layer, catalogue))
    notes = [_ambiguous(source.path.name, row, layer.field(field).zh, said) for row, field, said in rows.unclear]
    if closed:
        notes.append(findings.finding("drawing.outlines_closed", source.path.name, severity="info", count=closed))
    taken = is_text & (owner >= 0) & (owner != np.arange(len(frame)))
    if taken.any():
        more: dict[str, Any] = {"count": int(taken.sum()), "rows": len(np.unique(owner[taken]))}
        notes.append(findings.finding("drawing.labels_taken", source.path.name, severity="info", **more))
    drawn = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)).assign(**rows.columns)
    drawn = drawn.loc[~taken].reset_index(drop=True)
    return dataclasses.replace(source, frame=drawn, notes=findings.join(source.notes, findings.table(notes)))


def _closed(shapes: Shapes, layer: Layer) -> tuple[Shapes, int]:
    """Return shapes with closed lines as polygons where the layer holds polygons, and how many there were."""
    if layer.geometry != "MultiPolygon":
        return shapes, 0
    lines = shapely.get_type_id(shapes) == shapely.GeometryType.LINESTRING
    rings = np.flatnonzero(lines & shapely.is_closed(shapes) & (shapely.get_num_coordinates(shapes) >= 4))
    result = shapes.copy()
    for row in rings:
        result[row] = shapely.Polygon(shapely.get_coordinates(shapes[row]))
    return result, len(rings)


def _owners(shapes: Shapes, is_text: NDArray[np.bool_], layer: Layer) -> NDArray[np.intp]:
    """Return the row that each text is about, -1 for none; where only texts are drawn each is its own."""
    owner = np.full(len(shapes), -1, dtype=np.intp)
    wanted = {"MultiPolygon": 2, "MultiLineString": 1}.get(layer.geometry, 0)
    rows = np.flatnonzero((shapely.get_dimensions(shapes) == wanted) & ~is_text & ~shapely.is_empty(shapes))
    texts = np.flatnonzero(is_text)
    if not len(rows):
        owner[texts] = texts if wanted == 0 else -1
        return owner
    tree = shapely.STRtree(shapes[rows])
    if wanted == 2:
        text, row = tree.query(shapes[texts], predicate="intersects")
        # the smallest outline around a text is the one that it is about
        order = np.lexsort((row, shapely.area(shapes[rows[row]]), text))
        text, first = np.unique(text[order], return_index=True)
        owner[texts[text]] = rows[row[order][first]]
        return owner
    for text in texts:
        near = tree.query(shapes[text], predicate="dwithin", distance=_CLEAR * _NEAR)
        away = shapely.distance(shapes[rows[near]], shapes[text])
        order = np.argsort(away, kind="stable")
        if len(near) and away[order[0]] <= _NEAR and (len(near) == 1 or away[order[1]] >= _CLEAR * away[order[0]]):
            owner[text] = rows[near[order[0]]]
    return owner


@dataclasses.dataclass(frozen=True)
class _Said:
    """Hold what texts say of rows: columns of values, and what is said in several ways."""

    columns: dict[str, pd.Series]
    unclear: list[tuple[int, str, Sequence[str]]]


def _said(frame: gpd.GeoDataFrame, texts: NDArray[Any], owner: NDArray[np.intp], reading: _Reading) -> _Said:
    """Return what the texts say of the rows that they are about."""
    said: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for text, row in zip(texts[owner >= 0], owner[owner >= 0].tolist(), strict=True):
        for line in filter(None, (part.strip() for part in str(text).splitlines())):
            field, value = reading.said(line)
            said[row][LABELS].append(line)
            if field and value not in said[row][field]:
                said[row][field].append(value)
    for row, name in enumerate(frame.get(_CAD_LAYER, pd.Series(dtype="str"))):
        for field, value in reading.stated(str(name)) if row in said else ():
            said[row].setdefault(field, [value])
    cells: dict[str, list[str | None]] = defaultdict(lambda: [None] * len(frame))
    unclear: list[tuple[int, str, Sequence[str]]] = []
    for row, fields in said.items():
        for field, found in fields.items():
            if field == LABELS:
                cells[LABELS][row] = ";".join(found)
            elif len(found) == 1:
                cells[field][row] = found[0]
            else:
                unclear.append((row, field, found))
    made = {name: pd.Series(column, index=frame.index, dtype="str") for name, column in cells.items()}
    return _Said(made, unclear)


def _reading(layer: Layer, catalogue: Catalogue) -> _Reading:
    """Return how texts are read for a layer: a title that two code lists share says nothing."""
    spellings = {columns.normal(text): field.name for field in layer.fields for text, _ in columns.spellings(field)}
    owners: dict[str, set[str]] = defaultdict(set)
    for field in layer.fields:
        for title in _titles(field, catalogue):
            owners[title].add(field.name)
    return _Reading(layer, spellings, {title: next(iter(names)) for title, names in owners.items() if len(names) == 1})


def _titles(field: Field, catalogue: Catalogue) -> Iterator[str]:
    """Yield the Chinese and English titles of the codes that a field may have."""
    if field.codes is not None:
        for item in catalogue.code_list(field.codes):
            yield from (values.plain(item.zh), values.plain(item.en))


def _ambiguous(file: str, row: int, field: str, said: Sequence[str]) -> dict[str, Any]:
    """Return the finding about a row at which several texts could be one field."""
    more: dict[str, Any] = {"number": row + 1, "texts": list(said), "of": field}
    return findings.finding("drawing.label_ambiguous", file, severity="warning", **more)
