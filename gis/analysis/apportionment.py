"""Apportionment (分摊): how much of each thing lies in each catchment, by its ground or by its point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.analysis.catchments import NEAREST
from gis.geometry import areas
from gis.geometry.parts import Shapes


@dataclass(frozen=True)
class Shares:
    """Say which things lie in which rings, and how much of each.

    Parameters
    ----------
    ring, thing
        Positions of a ring and of a thing in it, one pair each.
    share
        How much of the thing, 0 to 1.
    rings
        Number of rings, those without things too.
    """

    ring: NDArray[np.intp]
    thing: NDArray[np.intp]
    share: NDArray[np.float64]
    rings: int

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up a value of the things ring by ring; one missing value makes the ring's sum missing.

        Parameters
        ----------
        values
            One number a thing.

        Returns
        -------
        numpy.ndarray
            One number a ring, in the unit of the values.
        """
        sums = np.bincount(self.ring, weights=self.share * values[self.thing], minlength=self.rings)
        return sums.astype(np.float64)

    def by_code(self, values: NDArray[np.float64], codes: pd.Series, listed: Sequence[str]) -> NDArray[np.float64]:
        """Add up a value ring by ring (rows) and code by code (columns); codes outside the list are left out.

        Parameters
        ----------
        values
            One number a thing.
        codes
            One code a thing.
        listed
            The codes that have a column, in order.

        Returns
        -------
        numpy.ndarray
            Rings by codes, in the unit of the values; one missing value makes its cell missing.
        """
        column = pd.Index(listed).get_indexer(pd.Index(codes))[self.thing]
        known = column >= 0
        slot = self.ring[known] * len(listed) + column[known]
        weights = (self.share * values[self.thing])[known]
        sums = np.bincount(slot, weights=weights, minlength=self.rings * len(listed))
        return sums.reshape(self.rings, len(listed)).astype(np.float64)


def by_area(shapes: Shapes, things: gpd.GeoDataFrame) -> Shares:
    """Apportion things to shapes by the share of their ground.

    Parameters
    ----------
    shapes
        Rings, or parts of them; valid polygons in metres.
    things
        Valid polygons in the same CRS.

    Returns
    -------
    Shares
        Sorted by ring, then thing. A thing in several rings has a share in each.
    """
    ground = things.geometry.to_numpy()
    ring, thing, area = areas.pair_areas(shapes, ground)
    return Shares(ring, thing, area / shapely.area(ground)[thing], len(shapes))


def by_point(catchments: gpd.GeoDataFrame, things: gpd.GeoDataFrame) -> Shares:
    """Give indivisible things whole to the catchments that hold their point.

    Parameters
    ----------
    catchments
        Rings with station_id, ring, inner_m, radius_m and version.
    things
        Points or polygons in the same CRS; a polygon counts by a point on its surface.

    Returns
    -------
    Shares
        All shares are 1. A point on the border between two stations' ground in version "nearest" goes to the first by
        key, so that sums over stations count it once.
    """
    points = shapely.point_on_surface(things.geometry.to_numpy())
    ring, thing = shapely.STRtree(points).query(catchments.geometry.to_numpy(), predicate="covers")
    shared = (catchments["version"] == NEAREST).to_numpy()
    same_ring = catchments.groupby(["ring", "inner_m", "radius_m"], sort=False).ngroup().to_numpy()
    # rings of one name take turns in "nearest"; a "raw" ring competes with none
    turn = np.where(shared, same_ring, same_ring.max() + 1 + np.arange(len(catchments)))[ring]
    rank = catchments["station_id"].rank(method="dense").to_numpy()[ring]
    order = np.lexsort((rank, thing, turn))
    turn, rank, ring, thing = turn[order], rank[order], ring[order], thing[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (turn[1:] != turn[:-1]) | (thing[1:] != thing[:-1])
    first = rank == rank[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))]
    return Shares(ring[first], thing[first], np.ones(int(first.sum())), len(catchments))
