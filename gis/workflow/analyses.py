"""The two analyses on a store: block coordination and station surroundings, with their results put back."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd

from gis.analysis import catchments as gis_catchments
from gis.analysis import coordination
from gis.analysis import stations as gis_stations
from gis.catalogue import Catalogue
from gis.errors import EmptyError
from gis.settings import Settings
from gis.store import Store


def counting(catalogue: Catalogue) -> coordination.Counting:
    """Return by which codes projects are counted, from the code lists.

    Parameters
    ----------
    catalogue
        With the lists project_types, paths and project_states.

    Returns
    -------
    gis.analysis.coordination.Counting
    """
    return coordination.Counting(
        project_types=tuple(code.code for code in catalogue.code_list("project_types")),
        paths=tuple(code.code for code in catalogue.code_list("paths")),
        stages=catalogue.code_list("project_states").values("stage"),
    )


def station_counting(catalogue: Catalogue, settings: Settings) -> gis_stations.Counting:
    """Return by which codes station surroundings are counted, from the code lists.

    Parameters
    ----------
    catalogue
        With the lists land_uses, land_use_classes, building_uses, project_types and facility_kinds.
    settings
        Tolerance (m).

    Returns
    -------
    gis.analysis.stations.Counting
    """
    lists = ("land_use_classes", "building_uses", "project_types", "facility_kinds")
    classes, uses, types, kinds = (tuple(code.code for code in catalogue.code_list(name)) for name in lists)
    return gis_stations.Counting(
        land_classes=classes,
        class_of=catalogue.code_list("land_uses").values("class"),
        building_uses=uses,
        project_types=types,
        facility_kinds=kinds,
        tolerance=settings.tolerance,
    )


def catchments(store: Store, *, settings: Settings, author: str = "gis") -> gpd.GeoDataFrame:
    """Draw the rings of Settings around the stations in operation and store them.

    Parameters
    ----------
    store
        With the layers stations and entrances.
    settings
        Names and radii (m) of the rings.
    author
        Who is recorded for the change set.

    Returns
    -------
    geopandas.GeoDataFrame
        The rings as `analysis.catchments.rings` gives them, raw and de-duplicated.

    Raises
    ------
    EmptyError
        The store has no station in operation.
    """
    stations = store.read("stations", where={"state": ["operating"]})
    if stations.empty:
        raise EmptyError("the layer stations has no station in operation; load stations first")
    rings = gis_catchments.rings(stations, store.read("entrances"), settings.rings)
    layer = store.catalogue.layer("catchments")
    rows = rings.assign(source="gis.analysis.catchments.rings")[[*layer.columns, rings.geometry.name]]
    _replace_rows(store, "catchments", rows, author=author, reason="站点影响区按现有站点与出入口重新划定")
    return rings


def blocks(store: Store, *, settings: Settings, author: str = "gis") -> coordination.Coordination:
    """Coordinate the blocks of a store: read, overlay, add up, put results and findings back.

    Parameters
    ----------
    store
        With the layers blocks, units, projects, stations; the outermost raw ring counts as catchment.
    settings
        Tolerance (m) and rings.
    author
        Who is recorded for the change set of the catchments.

    Returns
    -------
    gis.analysis.coordination.Coordination
    """
    rings = catchments(store, settings=settings, author=author)
    outermost = rings[(rings["version"] == "raw") & (rings["radius_m"] == rings["radius_m"].max())]
    result = coordination.blocks(
        store.read("blocks"),
        store.read("units"),
        store.read("projects"),
        outermost,
        counting=counting(store.catalogue),
        tolerance=settings.tolerance,
        transfers=store.read("transfers"),
    )
    keep(store, result)
    return result


def keep(store: Store, result: coordination.Coordination) -> None:
    """Put the results of block coordination into the derived layers block_results, cells and findings.

    Parameters
    ----------
    store
        Where to put them.
    result
        Made by `analysis.coordination.blocks`.
    """
    made_by = result.ledger.lineage
    columns = list(store.catalogue.layer("block_results").columns)
    store.replace("block_results", result.results[columns], lineage=made_by)
    store.replace("cells", _cells(result.ledger.cells), lineage=made_by)
    store.replace("findings", result.findings, lineage=made_by, where={"origin": "coordination"})


def stations(store: Store, *, settings: Settings, author: str = "gis") -> gis_stations.StationRings:
    """Describe the surroundings of each station in operation and put the results back.

    Parameters
    ----------
    store
        With the layers stations, entrances, parcels, buildings, projects, facilities, public_spaces, streets.
    settings
        Names and radii (m) of the rings.
    author
        Who is recorded for the change set of the catchments.

    Returns
    -------
    gis.analysis.stations.StationRings
    """
    rings = catchments(store, settings=settings, author=author)
    names = ("stations", "parcels", "buildings", "projects", "facilities", "public_spaces")
    frames = {name: store.read(name) for name in names}
    bands = gis_catchments.bands(rings)
    measured = pd.concat([rings, bands[bands["inner_m"] > 0]], ignore_index=True)
    result = gis_stations.rings(catchments=measured, counting=station_counting(store.catalogue, settings), **frames)
    columns = list(store.catalogue.layer("station_results").columns)
    store.replace("station_results", result.results[columns], lineage=result.lineage)
    store.replace("findings", result.findings, lineage=result.lineage, where={"origin": "stations"})
    return result


def _cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Return overlay cells as rows of the layer cells: numbered, several ids as JSON."""
    out = pd.DataFrame({"cell_id": [f"C{number:06d}" for number in range(1, len(cells) + 1)]})
    for name in ("block", "unit"):
        out[f"{name}_id"] = cells[f"{name}_id"].to_numpy()
    for name in ("project", "catchment"):
        out[f"{name}_ids"] = [json.dumps(list(ids), ensure_ascii=False) for ids in _several(cells, name)]
    out["area_m2"] = cells["area_m2"].to_numpy()
    return out


def _several(cells: pd.DataFrame, name: str) -> list[tuple[str, ...]]:
    """Return the ids of a layer that may overlap itself, as tuples."""
    if f"{name}_ids" in cells.columns:
        return list(cells[f"{name}_ids"])
    return [(value,) if isinstance(value, str) else () for value in cells[f"{name}_id"]]


def _replace_rows(store: Store, layer: str, rows: gpd.GeoDataFrame, *, author: str, reason: str) -> None:
    """Make a base layer hold exactly these rows, in change sets that show only what differs."""
    key = store.catalogue.layer(layer).key
    gone = sorted(set(store.read(layer)[key]) - set(rows[key]))
    if gone:
        store.retire(layer, gone, author=author, reason=reason)
    store.put(layer, rows, author=author, reason=reason, force=True)
