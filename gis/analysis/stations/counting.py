"""Counting: by which codes surroundings of stations are counted, and how figures become columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.geometry import snapped
from gis.geometry.parts import Shapes

# what names a catchment
HEAD = ("catchment_id", "station_id", "ring", "version")


@dataclass(frozen=True)
class Counting:
    """Say by which codes a ring is counted, and what they mean.

    The lists are fixed by the bureau's code lists, not by what occurs: a class that is absent from a ring counts as 0
    in its mix.

    Parameters
    ----------
    land_classes
        Land-use classes, in the order of the table; their number is k of the land-use mix.
    class_of
        Class by land-use code.
    building_uses
        Uses of buildings; their number is k of the floor-area mix.
    project_types, facility_kinds
        Codes to count by.
    open_classes
        Classes whose parcels are no building land: left out of net FAR.
    dwelling_uses
        Uses whose buildings have residents; all others have jobs. A building without a use must know both.
    removed
        States whose projects are left out (removed from the library).
    done
        States whose projects leave nothing to renew.
    tolerance
        Width in m below which a project does not meet a ring.
    employed_share
        Share of residents who work, for the jobs-housing ratio; None leaves that ratio out.
    stock_kinds, stock_types
        Kinds of vacated spaces, and types of open projects, whose buildings may become housing for workers.
    vetoes
        Effects of constraints that forbid; all others set conditions.
    """

    land_classes: tuple[str, ...]
    class_of: Mapping[str, str]
    building_uses: tuple[str, ...]
    project_types: tuple[str, ...]
    facility_kinds: tuple[str, ...]
    open_classes: tuple[str, ...] = ("transport", "green", "water")
    dwelling_uses: tuple[str, ...] = ("residential",)
    removed: tuple[str, ...] = ("removed",)
    done: tuple[str, ...] = ("completed", "operating")
    tolerance: float = 0.5
    employed_share: float | None = None
    stock_kinds: tuple[str, ...] = ("vacated", "idle_building", "old_factory")
    stock_types: tuple[str, ...] = ("commercial", "industrial")
    vetoes: tuple[str, ...] = ("veto",)


def wide(values: NDArray[np.float64], template: str, codes: Sequence[str]) -> pd.DataFrame:
    """Return a matrix as columns named by code.

    Parameters
    ----------
    values
        A row a catchment, a column a code.
    template
        Name of a column, with {} for the code.
    codes
        The codes.

    Returns
    -------
    pandas.DataFrame
    """
    return pd.DataFrame(values, columns=[template.format(code) for code in codes])


def unless_empty(values: NDArray[np.float64], source: pd.DataFrame) -> NDArray[np.float64]:
    """Return the values, or nothing known where the layer they come from has no rows.

    Parameters
    ----------
    values
        Figures.
    source
        Rows of the layer.

    Returns
    -------
    numpy.ndarray
        The values, or as many missing ones.
    """
    return np.full(values.shape, np.nan) if source.empty else values


def told(sums: pd.DataFrame, source: pd.DataFrame) -> pd.DataFrame:
    """Return sums with their bounds, or nothing known where the layer they come from has no rows.

    Parameters
    ----------
    sums
        As `Shares.bounded` gives them.
    source
        Rows of the layer.

    Returns
    -------
    pandas.DataFrame
        The sums, or as many missing ones.
    """
    return sums.mask(pd.Series(source.empty, index=sums.index)) if source.empty else sums


def covered(shapes: Shapes, things: gpd.GeoDataFrame | None) -> NDArray[np.float64]:
    """Measure the ground of each shape that any of the things covers, once; missing where there is no row.

    Parameters
    ----------
    shapes
        Catchments.
    things
        Polygons, or None.

    Returns
    -------
    numpy.ndarray
        m².
    """
    if things is None or things.empty:
        return np.full(len(shapes), np.nan)
    return np.asarray(shapely.area(snapped.intersection(shapes, snapped.union(things.geometry.to_numpy()))))


def whole_numbers(values: NDArray[np.float64], source: pd.DataFrame) -> pd.Series:
    """Return counts as whole numbers with gaps.

    Parameters
    ----------
    values
        Counts.
    source
        Rows of the layer that they come from.

    Returns
    -------
    pandas.Series
        Int64.
    """
    return pd.Series(unless_empty(values, source)).round().astype("Int64")
