"""What the store remembers of its own words: titles are left alone where somebody has written better ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gis.catalogue import Layer
from gis.store.home import Home


def remembered(home: Home, fact: str) -> Any:
    """Return what a store has written down about itself, None where it has not, or where that was spoilt.

    Parameters
    ----------
    home
        The store's home.
    fact
        Name of the fact, whose value is JSON.

    Returns
    -------
    object
    """
    try:
        return json.loads(home.facts().get(fact, "null"))
    except (ValueError, RecursionError):
        return None


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
    last: dict[str, str] = remembered(home, fact) or {}
    titles = {
        place: title for place, title in wanted.items() if not there.get(place) or there[place] == last.get(place)
    }
    home.state({fact: json.dumps(last | titles, ensure_ascii=False, sort_keys=True)})
    return titles
