"""Files gone wrong: three hundred named ways to spoil layers of the sample town, each with its truth.

The list is fixed (`gis.sample.mess.cases`). A case says which layer, in which format, spoiled how, whether a reference
is handed in with it, and so whether evidence can settle what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pandas as pd

from gis import catalogue as catalogues
from gis import sample
from gis.catalogue import Catalogue
from gis.sample.mess import cases, files, numbers, places, shapes, texts, writers
from gis.sample.mess.draft import GEOMETRY, WHOLE, Draft, Marks, Spoiling

__all__ = ["CASES", "GEOMETRY", "SPOILINGS", "WHOLE", "Case", "Truth", "clean", "reference", "town", "truth", "write"]

SPOILINGS: Mapping[str, Spoiling] = MappingProxyType(
    {**texts.SPOILINGS, **numbers.SPOILINGS, **shapes.SPOILINGS, **places.SPOILINGS, **files.SPOILINGS}
)
# the layers that a store would hand in to be compared with
_REFERENCE = ("districts", "blocks", "street_blocks")
# rows of each layer: few, so that three hundred files are read in a minute
_ROWS = {"blocks": 10, "units": 15, "stations": 8, "projects": 12, "parcels": 16, "facilities": 20, "buildings": 24}
# the stage at which coordinates leave the working CRS
_PLACES = 5
# what a spoiling may need, from least to most
_NEEDS = ("file", "fit", "nothing")


@dataclass(frozen=True)
class Case:
    """Name one spoiled file.

    Parameters
    ----------
    layer
        Layer of the sample town.
    format
        One of `gis.sample.mess.writers.WRITERS`.
    spoilings
        Names in `SPOILINGS`.
    fit
        Whether reference layers are handed in with the file.
    """

    layer: str
    format: str
    spoilings: tuple[str, ...]
    fit: bool = False

    @property
    def name(self) -> str:
        """Name the case: layer, format, spoilings, and whether there is a reference."""
        return "-".join([self.layer, self.format, *self.spoilings, *(["fit"] if self.fit else [])])

    @property
    def traps(self) -> tuple[str, ...]:
        """List the groups of spoilings that the case belongs to."""
        return tuple(dict.fromkeys(SPOILINGS[name].trap for name in self.spoilings))

    @property
    def settled(self) -> bool:
        """Tell whether evidence can settle what the file is, and a reader need not ask."""
        return self._needed == "file" or (self._needed == "fit" and self.fit and self._shares_lines)

    @property
    def why(self) -> str:
        """Argue for `settled` in one line."""
        reasons = [SPOILINGS[name].why for name in self.spoilings]
        if self._silent:
            reasons.append("tables and drawings have no CRS")
        if self._needed == "fit":
            shared = "the reference shares the layer's lines" if self._shares_lines else "points share no lines"
            reasons.append(shared if self.fit else "no reference is handed in")
        return f"{'; '.join(dict.fromkeys(reasons))}: {'settled' if self.settled else 'not settled'}"

    @cached_property
    def flags(self) -> Mapping[str, str]:
        """Give what a person would answer, by name of the flag."""
        found: dict[str, str] = {}
        if self._silent:
            point = _catalogue().layer(self.layer).geometry == "Point" and self.format != "dxf"
            found["crs"] = "EPSG:4490" if point else places.WORKING
        for name in self.spoilings:
            found |= SPOILINGS[name].flags
        if "layer" in found:
            record = _catalogue().layer(self.layer)
            found["layer"] = record.zh if self.format == "xlsx" else record.delivery
        return found

    @property
    def _silent(self) -> bool:
        """Tell whether the format has no CRS."""
        return self.format in {"csv", "xlsx", "dxf"}

    @property
    def _needed(self) -> str:
        """Return the most that a spoiling or the format needs."""
        needs = [SPOILINGS[name].needs for name in self.spoilings] + (["fit"] if self._silent else ["file"])
        return max(needs, key=_NEEDS.index)

    @property
    def _shares_lines(self) -> bool:
        """Tell whether the layer's lines are those of the reference."""
        return self.layer in {"blocks", "parcels"}


@dataclass(frozen=True)
class Truth:
    """Hold what a perfect reader would give.

    Parameters
    ----------
    frame
        Canonical shape, EPSG:4548; the file has these rows in this order, and after them those that were made up.
    rows
        How many rows the file has.
    marks
        Row (from 0) and field, `GEOMETRY` or `WHOLE` for the row, whose truth is not in the file: a reader need not
        find it again, but must say so.
    columns
        Name in the file by field.
    """

    frame: gpd.GeoDataFrame
    rows: int
    marks: Marks
    columns: Mapping[str, str]


CASES: tuple[Case, ...] = tuple(Case(*line) for line in cases.lines())


def write(case: Case, folder: Path) -> Path:
    """Write the files of a case.

    Parameters
    ----------
    case
        One of `CASES`, or one of your own.
    folder
        An empty folder; the same case gives the same bytes.

    Returns
    -------
    pathlib.Path
        The file to be read.
    """
    return writers.write(_draft(case), case.format, folder)


def truth(case: Case) -> Truth:
    """Return what a perfect reader would give for a case.

    Parameters
    ----------
    case
        One of `CASES`, or one of your own.

    Returns
    -------
    Truth
    """
    draft = _draft(case)
    return Truth(draft.truth, len(draft.cells), draft.marks, draft.columns)


@lru_cache(maxsize=1)
def town() -> Mapping[str, pd.DataFrame]:
    """Return the sample town, built once.

    Returns
    -------
    Mapping
        Frame by layer; not to be changed.
    """
    return sample.town(catalogue=_catalogue())


def clean(layer: str) -> gpd.GeoDataFrame:
    """Return the rows that cases of a layer start from.

    Parameters
    ----------
    layer
        Layer of the sample town.

    Returns
    -------
    geopandas.GeoDataFrame
        The first few rows in canonical shape, EPSG:4548.
    """
    return town()[layer].iloc[: _ROWS[layer]].reset_index(drop=True)


def reference() -> dict[str, gpd.GeoDataFrame]:
    """Return the layers that are handed in as a reference.

    Returns
    -------
    dict
        Frame by layer, EPSG:4548.
    """
    return {name: town()[name] for name in _REFERENCE}


@lru_cache(maxsize=1)
def _catalogue() -> Catalogue:
    """Return the catalogue, read once."""
    return catalogues.read()


@lru_cache(maxsize=8)
def _draft(case: Case) -> Draft:
    """Apply the spoilings of a case to clean rows, in the order of their stages."""
    draft = _started(case)
    chosen = sorted((SPOILINGS[name] for name in case.spoilings), key=lambda one: one.stage)
    moved = any(name in places.SPOILINGS for name in case.spoilings)
    for one in (one for one in chosen if one.stage < _PLACES):
        draft = one.apply(draft)
    draft = draft if moved else _usual(case, draft)
    for one in (one for one in chosen if one.stage >= _PLACES):
        draft = one.apply(draft)
    return draft


def _started(case: Case) -> Draft:
    """Return the draft of a file in which nothing is wrong."""
    layer, frame = _catalogue().layer(case.layer), clean(case.layer)
    cells = pd.DataFrame(
        {name: pd.Series([_cell(value) for value in frame[name].array], dtype=object) for name in layer.columns}
    )
    short = case.format in {"shp", "zip"}
    columns = {field.name: field.delivery if short else field.zh for field in layer.fields}
    return Draft(layer, frame, cells, np.asarray(frame.geometry.to_numpy(), dtype=object), columns)


def _usual(case: Case, draft: Draft) -> Draft:
    """Bring the coordinates into the CRS that is usual in the format."""
    if case.format in {"geojson", "kml"}:
        return replace(draft, shapes=places.moved(draft.shapes, "EPSG:4326"), declared="EPSG:4326")
    if case.format in {"csv", "xlsx"} and draft.layer.geometry == "Point":
        return replace(draft, shapes=places.moved(draft.shapes, "EPSG:4490"), declared=None)
    return draft


def _cell(value: object) -> object:
    """Return a cell of a frame as a plain value, None where there is none."""
    if pd.isna(value):  # type: ignore[call-overload]
        return None
    if isinstance(value, pd.Timestamp):
        return value.date()
    return value.item() if isinstance(value, np.generic) else value
