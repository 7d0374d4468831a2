"""Spatial planning for urban renewal: block-level coordination and station-city integration.

This is the notebook face: names are imported when they are first used, so that `import gis` is quick.

>>> import gis
>>> town = gis.town()  # doctest: +SKIP
>>> store = gis.init("town.gpkg")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

# each library that is imported from here on brings a PROJ of its own, and none of them asks a server for grids
os.environ["PROJ_NETWORK"] = "OFF"

# name -> (module, attribute); an attribute of None is the module itself
_FACE: dict[str, tuple[str, str | None]] = {
    "Settings": ("gis.settings", "Settings"),
    "analysis": ("gis.analysis", None),
    "apportion": ("gis.analysis.apportionment", "apportion"),
    "assign": ("gis.analysis.assignment", "assign"),
    "blocks": ("gis.workflow.analyses", "blocks"),
    "catchments": ("gis.workflow.surroundings", "catchments"),
    "check": ("gis.workflow.intake", "check"),
    "common_ground": ("gis.analysis.overlay", "common_ground"),
    "crossings": ("gis.analysis.catchments", "crossings"),
    "deliver": ("gis.workflow.outputs", "deliver"),
    "demo": ("gis.workflow.demo", "demo"),
    "edition": ("gis.workflow.editions", "edition"),
    "errors": ("gis.errors", None),
    "hectare_table": ("gis.analysis.rounding", "table"),
    "hectares": ("gis.analysis.rounding", "hectares"),
    "init": ("gis.workflow.intake", "init"),
    "ledger": ("gis.analysis.overlay", "ledger"),
    "load": ("gis.workflow.intake", "load"),
    "open_store": ("gis.store", "open_store"),
    "paths": ("gis.analysis.catchments", "paths"),
    "percent": ("gis.analysis.rounding", "shares"),
    "put_town": ("gis.workflow.demo", "put_town"),
    "read_catalogue": ("gis.catalogue", "read"),
    "reconcile": ("gis.intake.reconcile", "reconcile"),
    "rings": ("gis.analysis.catchments", "rings"),
    "scenario": ("gis.workflow.walking", "scenario"),
    "sample": ("gis.sample", None),
    "stations": ("gis.workflow.surroundings", "stations"),
    "town": ("gis.sample", "town"),
    "verify": ("gis.workflow.outputs", "verify"),
    "walking_network": ("gis.analysis.network", "build"),
    "walksheds": ("gis.analysis.catchments", "walksheds"),
    "write_map": ("gis.workflow.outputs", "write_map"),
    "write_workbook": ("gis.workflow.outputs", "write_workbook"),
}

__all__ = sorted(_FACE)


def __getattr__(name: str) -> Any:
    """Import a name of the face when it is first used."""
    if name not in _FACE:
        raise AttributeError(f"module 'gis' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, attribute = _FACE[name]
    found = import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    """List the face."""
    return __all__
