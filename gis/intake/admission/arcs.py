"""How much a TopoJSON grows when its arcs stand in every outline that names them: a number may stand for a coast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gis.intake.admission import limits, nesting

# two coordinates as readers hold them
_POINT_BYTES = 16


def require(path: Path) -> None:
    """Refuse a TopoJSON that nests too deep, or whose outlines come to more bytes than allowed.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    SourceError
        With the depth or the number of bytes.
    """
    nesting.json(path)
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        # damage is for the reader to word
        return
    arcs = content.get("arcs") if isinstance(content, dict) else None
    if isinstance(arcs, list):
        sizes = [len(arc) if isinstance(arc, list) else 0 for arc in arcs]
        limits.require("bytes", _POINT_BYTES * _points(content.get("objects"), sizes), path.name)


def _points(value: Any, sizes: list[int], *, named: bool = False) -> int:
    """Return how many points the arcs come to that are named within a value."""
    if isinstance(value, dict):
        return sum(_points(one, sizes, named=name == "arcs") for name, one in value.items() if name != "properties")
    if isinstance(value, list):
        return sum(_points(one, sizes, named=named) for one in value)
    if not named or not isinstance(value, int):
        return 0
    # the complement of a number is its arc from the end to the begin
    number = value if value >= 0 else ~value
    return sizes[number] if number < len(sizes) else 0
