"""The two ways in which gis computes an overlay, one of which a test asks for by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from gis import compiled

ENGINES = ("kernels", "geos")


@contextmanager
def engine(name: str) -> Iterator[None]:
    """Compute with one engine, whatever the size of the work, as long as the block lasts.

    Parameters
    ----------
    name
        One of ENGINES.
    """
    if name == "kernels":
        with compiled.insisted():
            yield
    elif name == "geos":
        with mock.patch.object(compiled, "ready", lambda edges: False):
            yield
    else:
        raise ValueError(f"engine is {name!r}; it is one of {', '.join(ENGINES)}")
