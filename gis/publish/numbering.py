"""Numbers of a public edition: what a page calls its features, counted through by place and never by key.

The bureau's keys run through all it keeps: the numbers that a map leaves out tell how much is withheld, and where. A
public page therefore holds none of them. It counts its features itself, layer by layer, as one reads a page, from
north-west to south-east; the record of an edition leads from its numbers back to the keys and stays in the house.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.catalogue import Catalogue, Field, Layer
from gis.publish import map_values

# features whose middles lie in one band of this height (m) are counted from west to east
_BAND_M = 250.0
# middles are told apart to this much (m)
_STEP_M = 0.01


@dataclass(frozen=True)
class Numbered:
    """Hold what an edition draws under its own numbers, and whose they are.

    Parameters
    ----------
    frames
        By layer, rows in the order of their numbers, which stand in the key's field as text. Layers whose keys no
        reader is told have none.
    keys
        By layer, the key of number 1, of number 2 and so on; for the record of the house alone.
    """

    frames: Mapping[str, gpd.GeoDataFrame]
    keys: Mapping[str, tuple[str, ...]]


def number(frames: Mapping[str, gpd.GeoDataFrame], catalogue: Catalogue) -> Numbered:
    """Give the features of a public edition numbers of its own.

    Parameters
    ----------
    frames
        What the edition draws, by layer, with keys.
    catalogue
        Keys and references.

    Returns
    -------
    Numbered
        Numbers follow from what is drawn and said alone: the same content has the same numbers, whatever its keys. A
        reference to something that the edition does not draw is a blank; where it must be one, a number that tells
        what belongs together.
    """
    ordered = {name: frame.iloc[_order(frame, catalogue.layer(name))] for name, frame in frames.items()}
    keys = {
        name: tuple(str(key) for key in frame[catalogue.layer(name).key])
        for name, frame in ordered.items()
        if _is_told(catalogue.layer(name), frame)
    }
    numbers = {name: {key: str(place) for place, key in enumerate(listed, 1)} for name, listed in keys.items()}
    renamed = {
        name: _renamed(frame.reset_index(drop=True), catalogue.layer(name), numbers) for name, frame in ordered.items()
    }
    return Numbered(renamed, keys)


def titled(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue in which every key is called a number of the edition.

    Parameters
    ----------
    catalogue
        Layers and words.

    Returns
    -------
    gis.catalogue.Catalogue
    """
    words = {lang: catalogue.words("map", lang)["number"] for lang in ("zh", "en")}
    layers = {name: _with_title(layer, words) for name, layer in catalogue.layers.items()}
    return replace(catalogue, layers=layers)


def _with_title(layer: Layer, words: Mapping[str, str]) -> Layer:
    """Return a layer with another title of its key."""
    key = replace(layer.field(layer.key), zh=words["zh"], en=words["en"])
    fields = tuple(key if field.name == layer.key else field for field in layer.fields)
    return replace(layer, fields=fields)


def _is_told(layer: Layer, frame: pd.DataFrame) -> bool:
    """Tell whether a reader is told the key of a layer's features."""
    return layer.key in frame.columns and map_values.is_told(layer, layer.key)


def _order(frame: gpd.GeoDataFrame, layer: Layer) -> NDArray[np.intp]:
    """Return the rows as one reads a page; those in one place by what is drawn and said of them."""
    shapes = frame.geometry.to_numpy()
    west, south, east, north = shapely.bounds(shapes).T
    across, up = (np.rint((low + high) / 2 / _STEP_M) for low, high in ((west, east), (south, north)))
    top = up.max() if len(up) else 0.0
    band = np.floor((top - up) * _STEP_M / _BAND_M)
    said = [field.name for field in layer.fields if _speaks(field, layer) and field.name in frame.columns]
    texts = frame[said].astype(object).apply(lambda row: repr([str(value) for value in row]), axis=1)
    return np.lexsort([shapely.to_wkt(shapely.normalize(shapes)), texts.to_numpy(str), -up, across, band])


def _speaks(field: Field, layer: Layer) -> bool:
    """Tell whether a field says something of a feature besides a key."""
    return field.name != layer.key and not field.reference


def _renamed(frame: gpd.GeoDataFrame, layer: Layer, numbers: Mapping[str, Mapping[str, str]]) -> gpd.GeoDataFrame:
    """Put numbers where keys were, of the features and of those that they refer to."""
    frame = frame if layer.name in numbers else frame.drop(columns=layer.key, errors="ignore")
    changed: dict[str, Any] = {}
    for field in layer.fields:
        target = layer.name if field.name == layer.key else field.reference
        if target and field.name in frame.columns:
            known = numbers.get(target, {})
            if field.required and target not in numbers:
                # what hangs together still does
                known = {str(key): str(n) for n, key in enumerate(frame[field.name].dropna().unique(), 1)}
            changed[field.name] = pd.Series(
                [known.get(str(value)) for value in frame[field.name]], index=frame.index, dtype="object"
            )
    return frame.assign(**changed)
