"""Station catchments (站点影响区): rings by straight line, sheds by walking network, and what a new crossing gains."""

from __future__ import annotations

from gis.analysis.catchments.circles import bands, beyond, check, rings
from gis.analysis.catchments.entries import Entries, enter
from gis.analysis.catchments.gains import Crossings, crossings
from gis.analysis.catchments.members import members
from gis.analysis.catchments.routes import paths
from gis.analysis.catchments.sheds import Walksheds, walksheds
from gis.analysis.versions import NEAREST, RAW

__all__ = [
    "NEAREST",
    "RAW",
    "Crossings",
    "Entries",
    "Walksheds",
    "bands",
    "beyond",
    "check",
    "crossings",
    "enter",
    "members",
    "paths",
    "rings",
    "walksheds",
]
