"""Renewal: the projects that each catchment meets, and the floor area that stands on their ground."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.analysis.apportionment import by_area
from gis.analysis.stations.counting import HEAD, Counting, told, unless_empty, whole_numbers
from gis.geometry import parts, snapped
from gis.geometry.parts import Shapes


def renewable(shapes: Shapes, houses: gpd.GeoDataFrame, projects: gpd.GeoDataFrame, counting: Counting) -> pd.DataFrame:
    """Measure the floor area that stands on the ground of open projects, once and by type.

    Parameters
    ----------
    shapes
        Catchments.
    houses
        Buildings.
    projects
        Projects that are not removed.
    counting
        Types, and states that are done.

    Returns
    -------
    pandas.DataFrame
        renewable_<type>_m2 and renewable_floor_m2, each with what it is at least and how many buildings lack their
        floor area; a row a catchment.
    """
    floor = houses["floor_area_above_m2"].to_numpy(dtype=float, na_value=np.nan)
    active = projects[~projects["state"].isin(counting.done)]
    masks = [active["project_type"] == name for name in counting.project_types]
    masks.append(pd.Series(True, index=active.index))
    grounds = [snapped.union(active.geometry.to_numpy()[mask.to_numpy()]) for mask in masks]
    clipped = snapped.intersection(shapes[:, np.newaxis], np.array(grounds, dtype=object)[np.newaxis])
    # one pass over the buildings for all rings and types
    inside = by_area(parts.without_dust(clipped.ravel(), 0.0), houses)
    sums = told(told(inside.bounded(floor, "sum"), houses), projects)
    table = pd.DataFrame(index=range(len(shapes)))
    for number, name in enumerate([*(f"renewable_{each}_m2" for each in counting.project_types), "renewable_floor_m2"]):
        part = sums.iloc[number :: clipped.shape[1]].reset_index(drop=True)
        table[[column.replace("sum", name) for column in part.columns]] = part
    return table


def shared_ground(
    shed: gpd.GeoDataFrame, things: gpd.GeoDataFrame, tolerance: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], Shapes]:
    """Find the pairs of catchments and things that share more than a sliver of ground.

    Parameters
    ----------
    shed
        Catchments.
    things
        Polygons.
    tolerance
        Width (m) below which a piece is a sliver.

    Returns
    -------
    tuple
        Positions of the catchment and of the thing, and the ground they share.
    """
    shapes, grounds = shed.geometry.to_numpy(), things.geometry.to_numpy()
    ring, thing = shapely.STRtree(grounds).query(shapes, predicate="intersects")
    common = parts.without_dust(snapped.intersection(shapes[ring], grounds[thing]), 0.0)
    keep = parts.survives(common, tolerance / 2)
    return ring[keep], thing[keep], common[keep]


def met(shed: gpd.GeoDataFrame, projects: gpd.GeoDataFrame, tolerance: float) -> gpd.GeoDataFrame:
    """List the projects that meet each ring by more than a sliver, with the ground they share.

    Parameters
    ----------
    shed
        Catchments.
    projects
        Projects.
    tolerance
        Width (m) below which a piece is a sliver.

    Returns
    -------
    geopandas.GeoDataFrame
        What names the catchment, project_id, area_m2, share (of the project) and the common ground.
    """
    ring, project, common = shared_ground(shed, projects, tolerance)
    grounds = projects.geometry.to_numpy()
    table = pd.DataFrame(shed.loc[ring, list(HEAD)]).reset_index(drop=True)
    table["project_id"] = projects["project_id"].to_numpy(dtype=object)[project]
    table["project_id"] = table["project_id"].astype("str")
    table["area_m2"] = shapely.area(common)
    table["share"] = table["area_m2"].to_numpy() / shapely.area(grounds)[project]
    order = np.lexsort((table["project_id"].to_numpy(dtype=str), ring))
    return gpd.GeoDataFrame(table, geometry=common, crs=shed.crs).iloc[order].reset_index(drop=True)


def ground_of_projects(shed: gpd.GeoDataFrame, projects: gpd.GeoDataFrame, met: gpd.GeoDataFrame) -> pd.DataFrame:
    """Count the projects that meet each ring and measure their ground once.

    Parameters
    ----------
    shed
        Catchments.
    projects
        Projects.
    met
        As `met` lists them.

    Returns
    -------
    pandas.DataFrame
        project_count, project_area_m2, project_share and project_ids (JSON), a row a catchment.
    """
    names = met.groupby("catchment_id")["project_id"].agg(list)
    lists = [names.get(key, []) for key in shed["catchment_id"]]
    ground, row = parts.polygons(met.geometry.to_numpy())
    ring = pd.Index(shed["catchment_id"]).get_indexer(pd.Index(met["catchment_id"]))[row]
    area = unless_empty(np.asarray(shapely.area(parts.joined(ground, ring, len(shed)))), projects)
    return pd.DataFrame(
        {
            "project_count": whole_numbers(np.array([len(item) for item in lists], dtype=float), projects),
            "project_area_m2": area,
            "project_share": area / shed.geometry.area.to_numpy(),
            "project_ids": pd.Series([json.dumps(item, ensure_ascii=False) for item in lists], dtype="str"),
        }
    )
