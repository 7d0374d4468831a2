"""The door of the readers: a file is looked at, by what its kind can do to them, before one of them opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gis.errors import SourceError
from gis.intake.admission import arcs, inserts, limits, nesting

_LOOKS: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys((".json", ".geojson", ".geojsonl"), nesting.json),
    **dict.fromkeys((".kml", ".ovkml", ".gml"), nesting.xml),
    ".topojson": arcs.require,
    ".dxf": inserts.require,
}
# parts that are read with a file
_BESIDE = {".shp": (".dbf", ".shx"), ".mif": (".mid",), ".tab": (".dat", ".map", ".id")}


def admit(path: Path) -> None:
    """Refuse a file that no reader would survive, or that brings more than allowed.

    Parameters
    ----------
    path
        A file, or the folder of a geodatabase.

    Raises
    ------
    SourceError
        With what came, what is allowed and what to do.
    """
    require_size(path)
    look = _LOOKS.get(path.suffix.lower())
    if look is not None and path.is_file():
        look(path)
    limits.in_time()


def require_size(path: Path) -> None:
    """Refuse a file that is larger than allowed, before anybody reads it to its end.

    Parameters
    ----------
    path
        A file, or the folder of a geodatabase.

    Raises
    ------
    SourceError
        With its size, its parts counted.
    """
    if path.is_dir():
        sizes = [part.stat().st_size for part in path.rglob("*") if part.is_file()]
    else:
        beside = _BESIDE.get(path.suffix.lower(), ())
        parts = [path, *(path.with_suffix(suffix) for suffix in beside)]
        sizes = [part.stat().st_size for part in parts if part.is_file()]
    limits.require("bytes", sum(sizes), path.name)


def is_admitted(path: Path) -> bool:
    """Tell whether a file may be handed to a reader.

    Parameters
    ----------
    path
        As for `admit`.

    Returns
    -------
    bool
    """
    try:
        admit(path)
    except SourceError:
        return False
    return True


def is_panic(error: BaseException) -> bool:
    """Tell whether a library written in Rust gave up: such an error is no `Exception` to Python.

    Parameters
    ----------
    error
        What was raised.

    Returns
    -------
    bool
    """
    return type(error).__name__ == "PanicException"
