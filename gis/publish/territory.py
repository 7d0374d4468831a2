"""The district of each delivered row: what the layer of districts says, and the settings only where it says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs, findings
from gis.publish.receivers import Receiver

_KEY, _NAME = "district_id", "name"
District = tuple[str, str]


@dataclass(frozen=True)
class Territory:
    """Hold the districts that a delivery is about.

    Parameters
    ----------
    districts
        Code and name of each, in order of the codes; those of the store, else the one of the settings.
    ground
        Their shapes in the same order, or none where the store holds no districts.
    findings
        What the settings say otherwise (warning).
    """

    districts: tuple[District, ...]
    ground: gpd.GeoSeries | None
    findings: pd.DataFrame

    def of(self, frame: pd.DataFrame) -> list[District | None]:
        """Return the district of each row.

        Parameters
        ----------
        frame
            Rows of one layer; a GeoDataFrame where the layer has geometry.

        Returns
        -------
        list
            Code and name; of several districts the one that holds most of the row's ground, None where none does.
        """
        if self.ground is None or len(self.districts) == 1:
            return [self.districts[0]] * len(frame)
        if not isinstance(frame, gpd.GeoDataFrame):
            return [None] * len(frame)
        ground = crs.to(gpd.GeoDataFrame(geometry=self.ground), frame.crs, name="districts").geometry.to_numpy()
        shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
        places = _holders(shapes, np.asarray(ground, dtype=object))
        return [self.districts[place] if place >= 0 else None for place in places]


def read(districts: pd.DataFrame | None, receiver: Receiver) -> Territory:
    """Return the districts that a delivery is about.

    Parameters
    ----------
    districts
        The layer of that name, if there is one.
    receiver
        The district of the settings.

    Returns
    -------
    Territory
    """
    said = (receiver.district_code, receiver.district_name)
    if not isinstance(districts, gpd.GeoDataFrame) or districts.empty:
        return Territory((said,), None, findings.table())
    ordered = districts.sort_values(_KEY, kind="stable", ignore_index=True)
    held = tuple((str(code), str(name)) for code, name in zip(ordered[_KEY], ordered[_NAME], strict=True))
    return Territory(held, ordered.geometry, findings.table(_unlike(said, held)))


def _unlike(said: District, held: Sequence[District]) -> list[dict[str, object]]:
    """Return the finding about settings that name a district which the store does not hold."""
    # twelve digits and six may name one district
    if any(code[:6] == said[0][:6] for code, _ in held):
        return []
    listed = [f"{code} {name}" for code, name in held]
    return [
        findings.finding("delivery.district", "districts", severity="warning", said=" ".join(said), districts=listed)
    ]


def _holders(shapes: NDArray[np.object_], ground: NDArray[np.object_]) -> NDArray[np.intp]:
    """Return the position of the district that holds most of each shape, of equals the first; -1 where none does."""
    result = np.full(len(shapes), -1, dtype=np.intp)
    valid = shapely.make_valid(ground)
    usable = ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)
    asked = np.flatnonzero(usable)
    rows, districts = shapely.STRtree(valid).query(shapes[asked], predicate="intersects")
    rows = asked[rows]
    most = np.full(len(shapes), -1.0)
    shared = shapely.intersection(shapely.make_valid(shapes[rows]), valid[districts])
    # points have no size, lines no area
    sizes = np.where(shapely.get_dimensions(shapes[rows]) == 2, shapely.area(shared), shapely.length(shared))
    for row, district, size in sorted(zip(rows, districts, sizes, strict=True), key=lambda one: (one[0], one[1])):
        if size > most[row]:
            most[row], result[row] = size, district
    return result
