"""What a page says of a feature: fields with unit and digits, values rounded as tables print them, titles of codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from gis.catalogue import Catalogue, Field, Layer
from gis.publish import rounding

# drawn but not asked: they are the ground of the picture and carry no values
QUIET = ("walkways",)
# what a program keeps for itself and a reader cannot use: keys that are made, codes of findings and their parameters
_UNASKED: Mapping[str, tuple[str, ...]] = {
    "catchments": ("catchment_id", "version"),
    "findings": ("finding_id", "origin", "code", "field", "parameters"),
}
# fields that hold the name of a layer
_LAYER_NAMES = {("comments", "feature_layer"), ("findings", "layer")}
_LAYERS = "layers"
# what a feature is called where its style and its fields do not say
_TITLES = {"catchments": "ring", "findings": "feature"}
UNITS = {"m": "m", "km": "km", "m²": "m²", "公顷": "ha", "万m²": "10,000 m²", "人": "persons", "个": ""}
UNITS |= {"户": "households", "层": "storeys", "套": "dwellings", "万元": "10,000 yuan", "分钟": "min", "%": "%"}


def fields(layer: Layer, frame: pd.DataFrame) -> list[Field]:
    """Return the fields that a page holds of a layer's features.

    Parameters
    ----------
    layer
        The layer.
    frame
        What of it is drawn.

    Returns
    -------
    list of gis.catalogue.Field
    """
    return [] if layer.name in QUIET else [item for item in layer.fields if item.name in frame.columns]


def is_told(layer: Layer, name: str) -> bool:
    """Tell whether a page shows a field to its reader.

    Parameters
    ----------
    layer
        The layer.
    name
        The field.

    Returns
    -------
    bool
    """
    return layer.name not in QUIET and name not in _UNASKED.get(layer.name, ())


def title(layer: Layer, names: list[str]) -> int:
    """Return the place of the field that names a feature, -1 where none does.

    Parameters
    ----------
    layer
        The layer.
    names
        Its fields on the page.

    Returns
    -------
    int
    """
    wanted = (layer.style.get("label"), _TITLES.get(layer.name), "name")
    return next((names.index(name) for name in wanted if name in names), -1)


def field(item: Field, layer: Layer) -> dict[str, Any]:
    """Return what a page needs to show a field.

    Parameters
    ----------
    item
        The field.
    layer
        Its layer.

    Returns
    -------
    dict
        name, zh and en; unit and digits of a number, plain where it is no amount; codes and reference; hidden where
        the reader is not told it.
    """
    found: dict[str, Any] = {"name": item.name, "zh": item.zh, "en": item.en}
    codes = _LAYERS if (layer.name, item.name) in _LAYER_NAMES else item.codes
    found |= {name: value for name, value in {"codes": codes, "reference": item.reference}.items() if value}
    found |= {"hidden": True} if item.name in _UNASKED.get(layer.name, ()) else {}
    display = rounding.of_field(item, layer)
    if display is None:
        return found
    digits = 1 if display is rounding.SHARE else display.digits
    unit = "" if display is rounding.PLAIN else display.unit or item.unit
    found |= {"digits": digits} | ({"unit": unit} if unit else {})
    return found | ({"plain": True} if display in (rounding.PLAIN, rounding.RATIO) else {})


def values(column: pd.Series, item: Field, layer: Layer) -> list[Any]:
    """Return a column's values as a page shows them; a blank is null.

    Parameters
    ----------
    column
        The values.
    item
        The field.
    layer
        Its layer.

    Returns
    -------
    list
        Numbers in the unit and with the digits of `field`.
    """
    missing, display = column.isna().to_numpy(), rounding.of_field(item, layer)
    if display is not None:
        numbers = rounding.rounded(column, display)
        numbers = (numbers * 100).round(1) if display is rounding.SHARE else numbers
        return [_number(value) for value in numbers.tolist()]
    return [None if gone else _value(value, item) for gone, value in zip(missing, column.tolist(), strict=True)]


def _number(value: float) -> int | float | None:
    """Return a number as JSON knows it."""
    if not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else value


def _value(value: Any, item: Field) -> Any:
    """Return one value that is no number: dates as ISO dates, the rest as text."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return str(value)[:10] if item.type == "date" else str(value)


def codes(frames: Mapping[str, gpd.GeoDataFrame], catalogue: Catalogue) -> dict[str, dict[str, list[str]]]:
    """Return the titles of the codes that occur, and of no others; of layers where they are named.

    Parameters
    ----------
    frames
        What is drawn, by layer.
    catalogue
        Code lists and layers.

    Returns
    -------
    dict
        Chinese and English by list and code.
    """
    used: dict[str, set[str]] = {}
    named: set[str] = set()
    for name, frame in frames.items():
        for item in catalogue.layer(name).fields:
            if item.name in frame.columns and (item.codes or (name, item.name) in _LAYER_NAMES):
                said = {str(value) for value in frame[item.name].dropna()}
                named |= said if (name, item.name) in _LAYER_NAMES else set()
                if item.codes:
                    used.setdefault(item.codes, set()).update(said)
    found = {
        name: {code.code: [code.zh, code.en] for code in catalogue.code_list(name) if code.code in values}
        for name, values in sorted(used.items())
    }
    layers = {each.name: [each.zh, each.en] for each in catalogue.layers.values() if each.name in named}
    return found | ({_LAYERS: layers} if layers else {})
