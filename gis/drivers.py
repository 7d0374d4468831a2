"""Which of GDAL's drivers may open a file: those that its suffix promises, and none of them reaches beyond the file.

GDAL picks a driver by what a file holds, whatever it is called: a text of a few lines, in which another file or an
address is named, is opened as that other thing. A driver that is not registered opens nothing.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyogrio

# the function that `import pyogrio` calls; called again it heeds OGR_SKIP anew, and nothing public does so
from pyogrio.core import _register_drivers as _register

# a proxy of a kind that curl does not know: it fails before a name is looked up or a socket is opened
_NOWHERE = "closed://closed"
# links to schemas, styles and other elements are left alone, and so is what stands in a file of remarks beside one
_SHUT = {
    "GDAL_HTTP_PROXY": _NOWHERE,
    "GDAL_HTTPS_PROXY": _NOWHERE,
    "GDAL_PAM_ENABLED": "NO",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_DOWNLOAD_WFS_SCHEMA": "NO",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
    "LIBKML_RESOLVE_STYLE": "NO",
    "LIBKML_EXTERNAL_STYLE": "NO",
    "OGR_SQLITE_ALLOW_EXTERNAL_ACCESS": "NO",
    "OGR_SQLITE_LOAD_EXTENSIONS": None,
}
# where these name a host, curl asks it without a proxy
_AROUND = ("NO_PROXY", "no_proxy")
_SKIP = "OGR_SKIP"

# words in front of a grid of shifts: of PROJ, of the first WKT and of the second
_WORDS = (b"grids", b"parameterfile", b"+init")
# a quotation mark within JSON has a stroke before it
_PATH = rb"(?:/|\\(?!\"))"
_GRID = re.compile(
    rb"(?:(?:nad|geoid|xy_|z_)grids|\+init)\s*=\s*[^\s\"<]*?"
    + _PATH
    + rb"|(?:proj4_grids|parameterfile)[^\])]{0,300}?"
    + _PATH
)

_lock = threading.RLock()
_admitted: list[tuple[str, ...]] = []


@contextmanager
def only(*names: str) -> Iterator[None]:
    """Let GDAL know these drivers alone for as long as the block lasts, and no way into the network.

    Parameters
    ----------
    names
        GDAL's names of drivers, such as "GPKG".

    Yields
    ------
    None

    Notes
    -----
    What is registered is the process's: one block runs at a time, an inner one of the same thread takes the place of
    the outer one until it ends, and after the last all drivers stand again in their order. Nobody else may have a file
    open with pyogrio meanwhile.
    """
    with _lock:
        around = {name: os.environ.pop(name) for name in _AROUND if name in os.environ}
        before = {name: pyogrio.get_gdal_config_option(name) for name in _SHUT}
        _admitted.append(names)
        try:
            pyogrio.set_gdal_config_options(_SHUT)
            _admit()
            yield
        finally:
            _admitted.pop()
            pyogrio.set_gdal_config_options(before)
            _admit()
            os.environ.update(around)


def names_grid(words: bytes) -> bool:
    """Tell whether words about a CRS name a grid of shifts by its path or address: GDAL opens it, whoever reads them.

    Parameters
    ----------
    words
        WKT or PROJ's own, alone or in the midst of a file.

    Returns
    -------
    bool
        False for a bare name, such as "@null": that is a grid which PROJ itself has.
    """
    lower = words.lower()
    return any(word in lower for word in _WORDS) and _GRID.search(lower) is not None


def _admit() -> None:
    """Register the drivers of the innermost block, or all."""
    before = pyogrio.get_gdal_config_option(_SKIP)
    try:
        # none first, so that all that come back come in their order
        _skip(())
        if _admitted:
            _skip(_admitted[-1])
    finally:
        pyogrio.set_gdal_config_options({_SKIP: before})
    if not _admitted:
        _register()


def _skip(kept: tuple[str, ...]) -> None:
    """Register all drivers and strike off those that are not kept."""
    pyogrio.set_gdal_config_options({_SKIP: None})
    _register()
    pyogrio.set_gdal_config_options({_SKIP: ",".join(name for name in pyogrio.list_drivers() if name not in kept)})
    _register()
