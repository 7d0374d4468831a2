"""Rows as they came become rows of a layer: canonical columns, types, codes, CRS and geometry; nothing is dropped.

Every row of the file is a row of the result, in the same order. What is no field goes into `extra`; a value that does
not fit goes there too, and its row has a finding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis import crs, findings, rows
from gis.catalogue import Catalogue, Field, Layer
from gis.errors import FrameError
from gis.intake import columns, emptied, measures, outlines, units, values
from gis.intake.columns import Match
from gis.intake.sources import Source, Spread
from gis.intake.units import Unit
from gis.settings import Settings

# rows whose cells are held as Python's own values at a time
_PIECE = 50_000
# letters of a value that a sentence shows
_LONGEST = 120
# how a day is written that a spreadsheet has made
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([T ]00:00:00)?")
# cells that a sentence names before it only counts
_LISTED = 5


@dataclass(frozen=True)
class Conformed:
    """Hold a layer's rows in canonical shape.

    Parameters
    ----------
    frame
        As `gis.rows.canonical` gives it, with `extra`; one row for each row of the file, in its order.
    findings
        What could not be conformed, and what was set aside.
    matches
        Which column became which field.
    """

    frame: pd.DataFrame
    findings: pd.DataFrame
    matches: tuple[Match, ...]


def conform(source: Source, layer: Layer, *, settings: Settings, catalogue: Catalogue) -> Conformed:
    """Bring a file's rows into the shape of a layer.

    Parameters
    ----------
    source
        What `read` gave.
    layer
        The layer that the rows are to be.
    settings
        The working CRS.
    catalogue
        Code lists.

    Returns
    -------
    Conformed
        Findings: columns.void (cells that say NULL or the like are empty; a warning where they are errors),
        columns.void_text (a warning: in a field of text they stay), row.type and row.digits_lost (the cell is empty and
        the value is kept in extra; an error where the field is required, else a warning), columns.zeros_lost and
        columns.codes_as_days (warning), units.converted (with the factor), columns.unknown, geometry.z_dropped and
        geometry.m_dropped (info), columns.rival (a warning where its values differ), columns.cells_merged (info),
        columns.sum_merged and area.column_unit (warning).

    Raises
    ------
    FrameError
        The layer has geometry and the file none, or two columns claim one field.
    CrsError
        The rows cannot be brought into the working CRS by a transformation that anybody vouches for.
    """
    frame = source.frame.reset_index(drop=True)
    spatial = isinstance(frame, gpd.GeoDataFrame)
    if layer.spatial and not spatial:
        raise FrameError(
            f"{source.path.name} has no geometry, and layer {layer.name!r} needs {layer.geometry}: give a column of "
            "WKT, or a pair such as lon and lat",
            layer=layer.name,
        )
    names = [str(name) for name in frame.columns if not spatial or name != frame.geometry.name]
    matches, unknown = columns.match([name for name in names if name not in rows.BESIDE], layer)
    frame, spread = _attributed(frame, matches, source.spreads, layer)
    matches, unknown = _in_unit(matches, unknown, source.unit, layer)
    typed, misfits, notes = _typed(frame, matches, layer, catalogue)
    notes += [*spread, *_unsaid(matches, source, layer)]
    rivals = tuple(column for found in matches for column in found.rivals)
    typed["extra"] = _extra(frame, (*rivals, *unknown), misfits)
    notes += [_rival(frame, found, column, layer) for found in matches for column in found.rivals]
    if unknown:
        notes.append(findings.finding("columns.unknown", layer.name, severity="info", columns=list(unknown)))
    if not layer.spatial:
        shaped = rows.canonical(typed, layer)
        return Conformed(shaped, findings.table(notes), matches)
    placed = crs.to(gpd.GeoDataFrame(typed, geometry=frame.geometry), settings.crs, name=source.path.name)
    flat = outlines.flattened(frame.geometry.to_numpy(), layer)
    notes += measures.columns(unknown, frame, placed.geometry, layer)
    shaped = rows.canonical(placed, layer, settings.crs)
    return Conformed(shaped, findings.join(flat, findings.table(_located(notes, shaped, layer))), matches)


def _unsaid(matches: tuple[Match, ...], source: Source, layer: Layer) -> Iterator[dict[str, Any]]:
    """Yield a finding for each cell without a result that would have told whether its row may be shown."""
    fields = {one.column: layer.field(one.field) for one in matches if one.field in emptied.GUARDS}
    for row, column, text in source.unsaid:
        if column in fields:
            more = {"row": row + 1, "value": _shown(text), "type": fields[column].type}
            yield _value_finding("row.type", layer, fields[column], more)


def _in_unit(
    matches: tuple[Match, ...], unknown: tuple[str, ...], sign: str, layer: Layer
) -> tuple[tuple[Match, ...], tuple[str, ...]]:
    """Give the columns of areas whose names say no unit the one above the table; of several none is sure."""
    if not sign:
        return matches, unknown
    bare = {
        found.column
        for found in matches
        if layer.field(found.field).unit == units.SQUARE_METRE and units.of_column(found.column) is None
    }
    if sign in units.BY_SIGN:
        unit = units.BY_SIGN[sign]
        return tuple(replace(one, unit=unit) if one.column in bare else one for one in matches), unknown
    return tuple(one for one in matches if one.column not in bare), (*unknown, *sorted(bare))


def _typed(
    frame: pd.DataFrame, matches: tuple[Match, ...], layer: Layer, catalogue: Catalogue
) -> tuple[pd.DataFrame, dict[int, dict[str, Any]], list[dict[str, Any]]]:
    """Return the matched columns in their types, what did not fit by row, and the findings about it."""
    typed: dict[str, pd.Series] = {}
    misfits: dict[int, dict[str, Any]] = {}
    notes = []
    for found in matches:
        field = layer.field(found.field)
        reading = _Reading(field, found.unit, catalogue)
        is_key = field.type == "text" and (field.name == layer.key or bool(field.reference))
        if is_key and _zeros_lost(frame[found.column]):
            notes.append(_zeros_finding(layer.name, field.name, found.column))
        if is_key:
            notes += _days_findings(layer.name, field.name, frame[found.column])
        parts = []
        for start, piece in _pieces(frame[found.column]):
            cells, wrong = reading.cells(piece)
            parts.append(pd.Series(pd.array(cells, dtype=_dtype(field)), index=piece.index))
            for place in reading.left:
                misfits.setdefault(start + place, {})[found.column] = piece.iloc[place]
            for place, lost in wrong:
                row, value = start + place, piece.iloc[place]
                misfits.setdefault(row, {})[found.column] = value
                more = {"row": row + 1, "value": _shown(value), "type": field.type}
                more |= {} if field.required else {"kept": found.column}
                notes.append(_value_finding("row.digits_lost" if lost else "row.type", layer, field, more))
        typed[field.name] = pd.concat(parts) if parts else pd.Series(pd.array([], dtype=_dtype(field)))
        notes += reading.converted(layer, found.column)
    return pd.DataFrame(typed, index=frame.index), misfits, notes


def _attributed(
    frame: pd.DataFrame, matches: tuple[Match, ...], spreads: tuple[Spread, ...], layer: Layer
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Leave a sum that is merged over several rows in the first of them: how much of it is each row's, nobody says."""
    notes = []
    plain = []
    fields = {found.column: layer.field(found.field) for found in matches}
    for one in spreads:
        field = fields.get(one.column)
        if field is None or field.kind not in {"extensive", "count"}:
            plain.append(one.cells)
            continue
        held = frame[one.column].iloc[one.rows[0]]
        frame = frame.assign(**{one.column: frame[one.column].mask(frame.index.isin(one.rows[1:]))})
        notes.append(
            findings.finding(
                "columns.sum_merged",
                layer.name,
                field=field.name,
                severity="warning",
                cells=one.cells,
                value=str(held),
                count=len(one.rows),
            )
        )
    if plain:
        shown = [*plain[:_LISTED], *["…"] * (len(plain) > _LISTED)]
        notes.append(
            findings.finding("columns.cells_merged", layer.name, severity="info", count=len(plain), cells=shown)
        )
    return frame, notes


def _rival(frame: pd.DataFrame, found: Match, rival: str, layer: Layer) -> dict[str, Any]:
    """Return the finding about a column that names a field less surely than the one that was taken."""
    pairs = zip(frame[found.column].array, frame[rival].array, strict=True)
    differ = sum(not values.missing(other) and _shown(one) != _shown(other) for one, other in pairs)
    return findings.finding(
        "columns.rival",
        layer.name,
        field=found.field,
        severity="warning" if differ else "info",
        column=found.column,
        rival=rival,
        count=differ,
    )


def _zeros_lost(column: pd.Series) -> bool:
    """Tell whether keys may have lost leading zeros: they came as numbers, or as digits of several lengths."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return True
    texts = column.dropna().astype(str)
    if not len(texts) or not texts.str.isdigit().all() or texts.str.startswith("0").any():
        return False
    return bool(texts.str.len().nunique() > 1)


def _zeros_finding(layer: str, field: str, column: str) -> dict[str, Any]:
    """Return the finding about keys that may have lost leading zeros."""
    return findings.finding("columns.zeros_lost", layer, field=field, severity="warning", column=column)


def _days_findings(layer: str, field: str, column: pd.Series) -> list[dict[str, Any]]:
    """Return the finding about keys that are days: a spreadsheet makes one of 3-5."""
    if isinstance(column.dtype, pd.StringDtype):
        days = column[column.str.fullmatch(_DAY).fillna(False).astype(bool)].tolist()
    else:
        days = [text for text in column.dropna().astype(str) if _DAY.fullmatch(text)]
    more: dict[str, Any] = {"severity": "warning", "column": str(column.name)}
    more |= {"count": len(days), "example": next(iter(days), "")}
    return [findings.finding("columns.codes_as_days", layer, field=field, **more)] if days else []


def _pieces(table: Any) -> Iterator[tuple[int, Any]]:
    """Yield a table or a column piece by piece, with the place of its first row: cells take far more than a column."""
    for start in range(0, len(table), _PIECE):
        yield start, table.iloc[start : start + _PIECE]


def _value_finding(code: str, layer: Layer, field: Field, more: dict[str, Any]) -> dict[str, Any]:
    """Return the finding about one value that does not fit; only a value that must be there holds its row back."""
    severity = "error" if field.required else "warning"
    if code == "row.digits_lost":
        more = {name: value for name, value in more.items() if name != "type"}
        return findings.finding("row.digits_lost", layer.name, severity=severity, field=field.name, **more)
    return findings.finding("row.type", layer.name, severity=severity, field=field.name, **more)


def _shown(value: Any) -> str:
    """Return a cell as text that a sentence can hold."""
    text = values.written(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _doubted(text: str) -> bool:
    """Tell whether what stands for nothing is an error or a day, which somebody should look at, and no word for it."""
    return text[:1] in "#01"


def _dtype(field: Field) -> Any:
    """Return the dtype while dates are still days."""
    return "object" if field.type == "date" else rows.DTYPES[field.type]


class _Reading:
    """Read the cells of one column as the values of one field, and keep count of the units met."""

    def __init__(self, field: Field, unit: Unit | None, catalogue: Catalogue) -> None:
        self.field = field
        self.unit = unit
        self.known: dict[str, str] | None = None
        self.others: dict[str, tuple[str, str]] = {}
        if field.codes is not None:
            listed = catalogue.code_list(field.codes)
            self.known = values.codes(listed)
            others = values.crosswalk(listed, [catalogue.code_list(name) for name in listed.crosswalks])
            self.others = {text: meant for text, meant in others.items() if text not in self.known}
        self.crossed: dict[tuple[str, str, str], int] = {}
        self.areas = field.unit == units.SQUARE_METRE and field.type == "real"
        self.counts: dict[str, int] = {}
        self.voids: dict[str, int] = {}
        # cells of the piece read last that were left out and are kept as they came
        self.left: list[int] = []

    def cells(self, column: pd.Series) -> tuple[Any, list[tuple[int, bool]]]:
        """Convert a piece; return the cells and, for those that do not fit, the place and whether digits were lost."""
        column = self._bared(column)
        if self.others:
            self._count(column.dropna().astype(str).value_counts())
        if isinstance(column.dtype, pd.StringDtype) and not self.areas:
            # a text that comes again is read once
            place, texts = pd.factorize(column)
            read = [self.cell(text) for text in texts]
            # a missing text has place -1
            made = np.array([*(cell for cell, _ in read), self.empty], dtype=object)
            bad = {number: lost for number, (_, lost) in enumerate(read) if lost is not None}
            wrong = [(row, bad[number]) for row, number in enumerate(place.tolist()) if number in bad] if bad else []
            return made[place], wrong
        read = [self.cell(value) for value in column.array]
        return [cell for cell, _ in read], [(row, lost) for row, (_, lost) in enumerate(read) if lost is not None]

    def _bared(self, column: pd.Series) -> pd.Series:
        """Leave out the cells that say that nothing is there, and keep count of them; a text may be meant as one."""
        self.left = []
        if pd.api.types.is_numeric_dtype(column.dtype):
            return column
        if isinstance(column.dtype, pd.StringDtype):
            place, texts = pd.factorize(column)
            voids = [number for number, text in enumerate(texts) if self._is_void(text)]
            found = np.isin(place, voids)
        else:
            found = np.array([self._is_void(value) for value in column.array], dtype=bool)
        for value in column[found]:
            text = values.written(value)
            self.voids[text] = self.voids.get(text, 0) + 1
        if self.field.type == "text" or not found.any():
            return column
        self.left = [int(row) for row in np.flatnonzero(found) if _doubted(values.written(column.iloc[row]))]
        return column.mask(found)

    def _is_void(self, value: Any) -> bool:
        """Tell whether a cell says that nothing is there."""
        if isinstance(value, str):
            return values.void(value, self.field.type)
        return (
            isinstance(value, date | np.datetime64)
            and not values.missing(value)
            and values.void(value, self.field.type)
        )

    @property
    def empty(self) -> Any:
        """Return what stands for a value that is not there."""
        return np.nan if self.field.type == "real" else None

    def cell(self, value: Any) -> tuple[Any, bool | None]:
        """Convert one cell; return it, and where it does not fit, whether its digits were lost."""
        if values.missing(value):
            return self.empty, None
        unit = self.unit
        if self.areas and (parted := units.of_value(value)) is not None:
            # what stands behind the number itself is surer than the column's name
            value, unit = parted
        elif self.field.type in {"integer", "real"}:
            value = units.bare(value, self.field.unit)
        try:
            cell = values.convert(value, self.field.type)
        except values.Misfit as misfit:
            return self.empty, misfit.lost
        if unit is not None and unit.factor != 1:
            cell = unit.to_metres(cell)
            self.counts[unit.sign] = self.counts.get(unit.sign, 0) + 1
        return (self._code(cell) if self.known is not None else cell), None

    def _code(self, text: str) -> str:
        """Return the code that a text means, by the list's own spellings first, then by those of other lists."""
        meant = self._meant(text)
        return meant[0] if meant is not None else text

    def _meant(self, text: str) -> tuple[str, str] | None:
        """Return the code that a text means and the document of another list, "" for none; a title must agree."""
        plain = values.plain(text)
        known = self.known or {}
        meant = (known[plain], "") if plain in known else self.others.get(plain)
        parts = values.code_and_title(text) if meant is None else None
        if parts is None:
            return meant
        found = [self._meant(part) for part in parts]
        alike = [one for one in found if one is not None and found[0] is not None and one[0] == found[0][0]]
        return max(alike, key=lambda one: one[1]) if len(alike) == 2 else None

    def _count(self, counts: pd.Series) -> None:
        """Keep count of the codes of other lists among texts and how often each came."""
        for text, count in counts.items():
            meant = self._meant(str(text))
            if meant is not None and meant[1]:
                key = (str(text).strip(), *meant)
                self.crossed[key] = self.crossed.get(key, 0) + int(count)

    def converted(self, layer: Layer, column: str) -> list[dict[str, Any]]:
        """Return a finding for each unit that was converted, each code of another list, and each word for nothing."""
        is_text = self.field.type == "text"
        crossed = [
            findings.finding(
                "columns.void_text" if is_text else "columns.void",
                layer.name,
                severity="warning" if is_text or _doubted(text) else "info",
                field=self.field.name,
                column=column,
                value=text,
                count=count,
            )
            for text, count in self.voids.items()
        ]
        crossed += [
            findings.finding(
                "columns.crosswalk",
                layer.name,
                severity="info",
                field=self.field.name,
                value=value,
                meant=code,
                document=document,
                count=count,
            )
            for (value, code, document), count in self.crossed.items()
        ]
        return crossed + [
            findings.finding(
                "units.converted",
                layer.name,
                severity="info",
                field=self.field.name,
                column=column,
                unit=sign,
                factor=str(units.BY_SIGN[sign].factor),
                count=count,
            )
            for sign, count in self.counts.items()
        ]


def _extra(frame: pd.DataFrame, unknown: tuple[str, ...], misfits: dict[int, dict[str, Any]]) -> pd.Series:
    """Return for each row what has no field, as JSON text; missing where there is nothing."""
    named = [*(["extra"] if "extra" in frame.columns else []), *unknown]
    parts = [_extra_texts(piece, unknown, misfits, start) for start, piece in _pieces(pd.DataFrame(frame[named]))]
    return pd.concat(parts) if parts else pd.Series(pd.array([], dtype="str"))


def _extra_texts(
    piece: pd.DataFrame, unknown: tuple[str, ...], misfits: dict[int, dict[str, Any]], start: int
) -> pd.Series:
    """Return what has no field in a piece that begins at a row."""
    kept = [dict(misfits.get(row, {})) for row in range(start, start + len(piece))]
    if "extra" in piece.columns:
        for record, value in zip(kept, piece["extra"].array, strict=True):
            record |= _record(value)
    for name in unknown:
        for record, value in zip(kept, piece[name].array, strict=True):
            if not values.missing(value):
                record[name] = value
    texts = [values.as_json(record) if record else None for record in kept]
    return pd.Series(pd.array(texts, dtype="str"), index=piece.index)


def _record(value: Any) -> dict[str, Any]:
    """Return what an `extra` column of the file itself holds."""
    if values.missing(value):
        return {}
    # GDAL hands on what a GeoJSON nests
    if isinstance(value, dict):
        return value
    try:
        content = json.loads(value)
    except (TypeError, ValueError):
        content = None
    return content if isinstance(content, dict) else {"extra": value}


def _located(notes: list[dict[str, Any]], frame: pd.DataFrame, layer: Layer) -> list[dict[str, Any]]:
    """Add the key and the place of its row to every finding about a value."""
    located = []
    keys = frame[layer.key] if layer.key in frame.columns else None
    for note in notes:
        row = json.loads(note["parameters"]).get("row")
        if row is None:
            located.append(note)
            continue
        key = keys.iloc[row - 1] if keys is not None else None
        place = shapely.centroid(frame.geometry.iloc[row - 1])
        at = (float(shapely.get_x(place)), float(shapely.get_y(place))) if place is not None else (np.nan, np.nan)
        feature = None if values.missing(key) else str(key)
        located.append({**note, "feature": feature, "x": at[0], "y": at[1]})
    return located
