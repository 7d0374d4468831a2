"""Titles that other programs show: written by the store, and left alone where somebody has written better ones."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gis.catalogue import Layer
from gis.store.home import Home


def unedited(home: Home, layer: Layer, there: Mapping[str, str | None], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the titles to write: those of places that are empty, or that still say what the store wrote last.

    Parameters
    ----------
    home
        The store's home, in a transaction; it remembers what is written.
    layer
        The layer.
    there
        What stands there now, by place.
    wanted
        What the catalogue says, by place.

    Returns
    -------
    dict
        Title by place.
    """
    fact = f"titles of {layer.name}"
    last: dict[str, str] = json.loads(home.facts().get(fact, "{}"))
    titles = {
        place: title for place, title in wanted.items() if not there.get(place) or there[place] == last.get(place)
    }
    home.state({fact: json.dumps(last | titles, ensure_ascii=False, sort_keys=True)})
    return titles
