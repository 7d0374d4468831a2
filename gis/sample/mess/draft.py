"""A file in the making: the rows that are true, the rows that will be written, and how they will be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.catalogue import Layer

# the fields of a mark beside those of the layer
GEOMETRY = "geometry"
WHOLE = "*"

Marks = frozenset[tuple[int, str]]


@dataclass(frozen=True)
class Draft:
    """Hold what a case has become so far.

    Parameters
    ----------
    layer
        The layer that the rows are.
    truth
        What a perfect reader would give: canonical shape, EPSG:4548.
    cells
        Values as they will be written, by field: str, int, float, bool, date or None; more rows than the truth where
        some were made up.
    shapes
        Geometries as they will be written.
    columns
        Name in the file by field; a field without one is not written.
    marks
        Row (from 0) and field, `GEOMETRY` or `WHOLE` for the row, whose truth was destroyed: a reader need not find it
        again, but must say so.
    declared
        The CRS that the file will claim, None for none.
    options
        What the writer of the format does otherwise than usual.
    """

    layer: Layer
    truth: gpd.GeoDataFrame
    cells: pd.DataFrame
    shapes: NDArray[np.object_]
    columns: Mapping[str, str]
    marks: Marks = frozenset()
    declared: str | None = "EPSG:4548"
    options: Mapping[str, Any] = field(default_factory=dict)


Spoil = Callable[[Draft], Draft]


@dataclass(frozen=True)
class Spoiling:
    """Describe one way in which files go wrong.

    Parameters
    ----------
    trap
        The group that it belongs to.
    stage
        When it happens, from 0 (the values) to 9 (the bytes); a case applies its spoilings in this order.
    needs
        What settles it: "file" (the file alone), "fit" (lines of a reference layer that the file's lines share) or
        "nothing" (no evidence: a reader must ask or refuse).
    why
        The argument for that, in one line.
    apply
        Does it.
    flags
        What a person would answer, by name of the flag.
    """

    trap: str
    stage: int
    needs: str
    why: str
    apply: Spoil
    flags: Mapping[str, str] = field(default_factory=dict)


def values(draft: Draft, name: str) -> list[Any]:
    """Return the cells of one field.

    Parameters
    ----------
    draft
        The file in the making.
    name
        A field.

    Returns
    -------
    list
    """
    return draft.cells[name].tolist()


def with_values(draft: Draft, name: str, cells: Iterable[Any], *, true: bool = False) -> Draft:
    """Return the draft with other cells in one field.

    Parameters
    ----------
    draft
        The file in the making.
    name
        A field.
    cells
        One value a row.
    true
        Whether the truth changes with them: the town itself is then another one.

    Returns
    -------
    Draft
    """
    new = list(cells)
    written = draft.cells.assign(**{name: pd.Series(new, index=draft.cells.index, dtype=object)})
    truth = draft.truth
    if true:
        truth = truth.assign(**{name: pd.Series(pd.array(new, dtype=truth[name].dtype), index=truth.index)})
    return replace(draft, cells=written, truth=truth)


def marked(draft: Draft, rows: Iterable[int], name: str) -> Draft:
    """Return the draft with marks on one field of some rows.

    Parameters
    ----------
    draft
        The file in the making.
    rows
        Numbers from 0.
    name
        A field, `GEOMETRY` or `WHOLE`.

    Returns
    -------
    Draft
    """
    return replace(draft, marks=draft.marks | {(int(row), name) for row in rows})


def with_options(draft: Draft, **options: Any) -> Draft:
    """Return the draft with options for its writer.

    Parameters
    ----------
    draft
        The file in the making.
    **options
        Option by name.

    Returns
    -------
    Draft
    """
    return replace(draft, options={**draft.options, **options})


def text_fields(draft: Draft) -> list[str]:
    """Return the fields of free text, keys and codes left out, that have a value beyond ASCII.

    Parameters
    ----------
    draft
        The file in the making.

    Returns
    -------
    list of str
    """
    free = [
        one.name
        for one in draft.layer.fields
        if one.type == "text" and one.codes is None and one.reference is None and one.name != draft.layer.key
    ]
    return [name for name in free if any(isinstance(cell, str) and not cell.isascii() for cell in values(draft, name))]


def first_present(draft: Draft, name: str) -> int:
    """Return the number of the first row that has a value in a field.

    Parameters
    ----------
    draft
        The file in the making.
    name
        A field.

    Returns
    -------
    int
    """
    return next(row for row, cell in enumerate(values(draft, name)) if cell is not None)


def area_field(draft: Draft) -> str:
    """Return the field that holds the approved or certified area of the ground.

    Parameters
    ----------
    draft
        The file in the making.

    Returns
    -------
    str
    """
    return next(one.name for one in draft.layer.fields if one.name in {"approved_area_m2", "certified_area_m2"})
