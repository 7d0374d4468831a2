"""The catalogue: layers, code lists, norms and words, read from `layers/*.toml` into frozen records.

Layers are data: one file a layer is the single source of truth for the store's tables, intake's checks, what the public
may see, colours and delivery names (design.md §3).
"""

from __future__ import annotations

from gis.catalogue.reading import find, read
from gis.catalogue.records import (
    GEOMETRIES,
    KINDS,
    PUBLICATIONS,
    TOPOLOGY,
    TYPES,
    Catalogue,
    Code,
    CodeList,
    Field,
    Layer,
    Topology,
)
from gis.settings import LANGUAGES

__all__ = [
    "GEOMETRIES",
    "KINDS",
    "LANGUAGES",
    "PUBLICATIONS",
    "TOPOLOGY",
    "TYPES",
    "Catalogue",
    "Code",
    "CodeList",
    "Field",
    "Layer",
    "Topology",
    "find",
    "read",
]
