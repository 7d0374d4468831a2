"""TopoJSON: whether every geometry of a layer is one, and finds its arcs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# how deep the numbers of arcs lie in a type
_ARCS = {"LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_PLACES = {"Point", "MultiPoint"}
_COLLECTION = "GeometryCollection"


def faults(path: Path, layer: str) -> tuple[int, list[tuple[int, str]]]:
    """Return how many geometries a layer has, and what is wrong with which.

    Parameters
    ----------
    path
        The topology, in UTF-8.
    layer
        Name of one of its objects.

    Returns
    -------
    tuple
        The count, -1 where there is no such collection; and number from 1 and reason.
    """
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    objects = content.get("objects") if isinstance(content, dict) else None
    held = objects.get(layer) if isinstance(objects, dict) else None
    if not isinstance(held, dict) or held.get("type") != _COLLECTION or not isinstance(held.get("geometries"), list):
        return -1, []
    arcs = content.get("arcs")
    count = len(arcs) if isinstance(arcs, list) else 0
    found = ((number, _fault(one, count)) for number, one in enumerate(held["geometries"], 1))
    return len(held["geometries"]), [(number, fault) for number, fault in found if fault]


def _fault(one: Any, arcs: int) -> str:
    """Say what is wrong with a geometry."""
    kind = one.get("type") if isinstance(one, dict) else None
    if isinstance(one, dict) and kind is None:
        # a row without ground has no type
        return "" if "type" in one and one.get("arcs") is None else "type: —"
    if kind in _PLACES:
        return "" if isinstance(one.get("coordinates"), list) else "coordinates: —"
    if kind == _COLLECTION:
        parts = one.get("geometries")
        return next((fault for part in parts if (fault := _fault(part, arcs))), "") if isinstance(parts, list) else kind
    if not isinstance(kind, str) or kind not in _ARCS:
        return f"{json.dumps(kind if isinstance(one, dict) else one, ensure_ascii=False)[:40]}"
    wrong = next(_strangers(one.get("arcs"), _ARCS[kind], arcs), None)
    return "" if wrong is None else f"arcs: {json.dumps(wrong[0], ensure_ascii=False)[:40]}"


def _strangers(numbers: Any, depth: int, arcs: int) -> Iterator[tuple[Any]]:
    """Yield what is no number of an arc; a negative one is the arc turned round."""
    if depth:
        if not isinstance(numbers, list) or not numbers:
            yield (numbers,)
        else:
            for one in numbers:
                yield from _strangers(one, depth - 1, arcs)
    elif type(numbers) is not int or not -arcs <= numbers < arcs:
        yield (numbers,)
