"""Station-city integration (站城融合): surroundings of stations, their programmes, and what a new one changes."""

from __future__ import annotations

from gis.analysis.stations.counting import Counting
from gis.analysis.stations.node_place import node_place
from gis.analysis.stations.people import figures
from gis.analysis.stations.programme import UNDETERMINED, Standard, departments, programme
from gis.analysis.stations.scenario import Comparison, compare
from gis.analysis.stations.setting import setting
from gis.analysis.stations.sharing import FACET, facets, shared
from gis.analysis.stations.surroundings import StationRings, rings

__all__ = [
    "FACET",
    "UNDETERMINED",
    "Comparison",
    "Counting",
    "Standard",
    "StationRings",
    "compare",
    "departments",
    "facets",
    "figures",
    "node_place",
    "programme",
    "rings",
    "setting",
    "shared",
]
