"""What the store remembers of its own words: titles are left alone where somebody has written better ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gis.catalogue import Layer
from gis.store.home import Home


@dataclass(frozen=True)
class Title:
    """Hold a title that is not the catalogue's: where it stands (a field, None for the table), and what both say."""

    layer: str
    field: str | None
    there: str
    wanted: str


def remembered(home: Home, fact: str) -> dict[str, Any] | None:
    """Return what a store has written down about itself, None where it has not, or where that was spoilt.

    Parameters
    ----------
    home
        The store's home.
    fact
        Name of the fact, whose value is a JSON object.

    Returns
    -------
    dict or None
    """
    return _read(home.facts().get(fact))


def titles(layer: Layer) -> dict[str, str]:
    """Return what the catalogue calls a layer and its fields.

    Parameters
    ----------
    layer
        The layer.

    Returns
    -------
    dict
        Title by field, that of the layer by an empty name.
    """
    fields = {field.name: f"{field.zh} {field.en} {field.unit}".strip() for field in layer.fields}
    return {"": f"{layer.zh} {layer.en}"} | fields


def unedited(home: Home, layer: Layer, *, anew: bool = False) -> dict[str, str]:
    """Return the titles to write: those of places that are empty, or that still say what the store wrote last.

    Parameters
    ----------
    home
        The store's home, in a transaction; it remembers what is written.
    layer
        The layer.
    anew
        Write also where the store has not written down who wrote what stands there.

    Returns
    -------
    dict
        Title by place, as `titles` has them.
    """
    fact, there = _fact(layer), home.titles(layer)
    last = remembered(home, fact) or {}
    chosen = {
        place: title
        for place, title in titles(layer).items()
        if place in there and (there[place] in {None, "", title, last.get(place)} or (anew and place not in last))
    }
    home.state({fact: json.dumps(last | chosen, ensure_ascii=False, sort_keys=True)})
    return chosen


def unrecorded(home: Home, layers: Iterable[Layer]) -> Iterator[Title]:
    """Find titles that are not the catalogue's, and of which a store made long ago has not written down whose they are.

    Parameters
    ----------
    home
        The store's home.
    layers
        Layers as the catalogue has them.

    Yields
    ------
    Title
    """
    facts: Mapping[str, str] = home.facts()
    for layer in layers:
        last = _read(facts.get(_fact(layer))) or {}
        there = home.titles(layer)
        for place, title in titles(layer).items():
            if (said := there.get(place)) and said != title and place not in last:
                yield Title(layer.name, place or None, said, title)


def _fact(layer: Layer) -> str:
    """Return the name under which a store remembers a layer's titles."""
    return f"titles of {layer.name}"


def _read(text: str | None) -> dict[str, Any] | None:
    """Return a JSON object, None where a text is none."""
    try:
        value = json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
