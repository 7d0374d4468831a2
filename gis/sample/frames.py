"""Frames of the sample town: streets, territories and rail as layers, and all layers in their canonical shape."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis import lineage, rows
from gis.catalogue import Catalogue
from gis.sample import names
from gis.sample.amenities import Town
from gis.sample.register import block_ids, street_block_ids
from gis.sample.streets import WIDTHS
from gis.sample.terrain import ORIGIN
from gis.sample.territories import Territories

CRS = "EPSG:4548"
# towns of a larger sample stand side by side, m
_STEP = (5_200.0, 6_600.0)
_FUNCTIONS = (
    "综合服务",
    "居住生活",
    "生态居住",
    "居住生活",
    "居住生活",
    "商务中心",
    "居住生活",
    "居住生活",
    "产业更新",
    "预留发展",
)


def territories(town: Town, drawn: Territories) -> dict[str, gpd.GeoDataFrame]:
    """Write district, townships, blocks and street blocks.

    Parameters
    ----------
    town : Town
        The town.
    drawn : Territories
        Borders.

    Returns
    -------
    dict of str to geopandas.GeoDataFrame
        The layers, town coordinates.
    """
    district = {"district_id": [names.DISTRICT[0]], "name": [names.DISTRICT[1]], "version": ["示例"]}
    townships = {
        "township_id": [row[0] for row in names.TOWNSHIPS],
        "name": [row[1] for row in names.TOWNSHIPS],
        "plan_name": [row[2] for row in names.TOWNSHIPS],
        "district_id": names.DISTRICT[0],
    }
    street_blocks = {
        "street_block_id": street_block_ids(len(town.streets.faces)),
        "block_id": block_ids(len(drawn.blocks))[drawn.block_of],
    }
    return {
        "districts": gpd.GeoDataFrame(district, geometry=np.array([drawn.district])),
        "townships": gpd.GeoDataFrame(townships, geometry=drawn.townships),
        "blocks": _blocks(town, drawn),
        "street_blocks": gpd.GeoDataFrame(street_blocks, geometry=town.streets.faces),
    }


def _blocks(town: Town, drawn: Territories) -> gpd.GeoDataFrame:
    count = len(drawn.blocks)
    owner = drawn.block_of[town.parcels.street_blocks[town.buildings.parcels]]
    floor = np.bincount(owner, weights=town.buildings.floor_m2, minlength=count)
    residents = np.bincount(owner, weights=np.nan_to_num(town.people.residents), minlength=count)
    jobs = np.bincount(owner, weights=town.people.jobs, minlength=count)
    area = shapely.area(drawn.blocks)
    # two control plans are still drafts
    approved = np.arange(count) < count - 2
    frame = {
        "block_id": block_ids(count),
        "block_code_old": [f"SL{i + 1:02d}" for i in range(count)],
        "name": [name + "街区" for name in names.BLOCKS],
        "townships": ["、".join(names.TOWNSHIPS[i][1] for i in inside) for inside in drawn.block_townships],
        "dominant_function": list(_FUNCTIONS),
        "control_total_m2": np.round(floor * (1.04 + 0.02 * (np.arange(count) % 5)), -3),
        "existing_floor_m2": np.round(floor, 0),
        "is_renewal": True,
        "is_key": np.isin(np.arange(count), (1, 5, 8)),
        "residents": residents,
        "jobs": jobs,
        "approved_area_m2": np.where(approved, np.round(area, -2), np.nan),
        "approved_on": [pd.Timestamp(2022, 1 + i, 15) if approved[i] else pd.NaT for i in range(count)],
        "approval_no": [f"松政字〔2022〕{i + 8}号" if approved[i] else None for i in range(count)],
        "authority": np.where(approved, "registered", "draft"),
    }
    return gpd.GeoDataFrame(frame, geometry=drawn.blocks)


def streets(town: Town, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Write the streets, the lanes inside street blocks included.

    Parameters
    ----------
    town : Town
        The town.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``streets``: one line from junction to junction.
    """
    lines = np.concatenate([town.streets.lines, town.parcels.lanes])
    classes = np.concatenate([town.streets.classes, np.full(len(town.parcels.lanes), "lane", dtype=object)])
    drafts = np.concatenate([town.streets.names, np.full(len(town.parcels.lanes), "", dtype=object)])
    grown = sorted({name for name in drafts if name.startswith("街")})
    invented = dict(zip(grown, names.streets(len(grown), rng), strict=True))
    frame = {
        "street_id": [f"DL{i + 1:04d}" for i in range(len(lines))],
        "name": [invented.get(name, name) or None for name in drafts],
        "class": classes,
        "width_m": [WIDTHS[kind] for kind in classes],
    }
    return gpd.GeoDataFrame(frame, geometry=lines)


def rail(town: Town) -> dict[str, gpd.GeoDataFrame]:
    """Write stations and entrances.

    Parameters
    ----------
    town : Town
        The town.

    Returns
    -------
    dict of str to geopandas.GeoDataFrame
        The layers ``stations`` and ``entrances``, town coordinates.
    """
    built = town.stations
    running = built.states == "operating"
    types = {"松澜广场": "comprehensive", "文澜路": "community"}
    stations = {
        "station_id": [f"ZD{i + 1:02d}" for i in range(len(built.points))],
        "name": built.names,
        "old_names": [{"澜西": "旧货场", "南苑": "果园村"}.get(name) for name in built.names],
        "lines": np.where(running, "松澜线", "市郊铁路松澜线"),
        "state": built.states,
        "kind": built.kinds,
        "microcentre_listed": np.isin(built.names, list(types)),
        "microcentre_type": [types.get(name) for name in built.names],
        "microcentre_batch": ["示例第一批" if name in types else None for name in built.names],
        "opened_on": [pd.Timestamp(2018, 12, 30) if r else pd.NaT for r in running],
        "approximate": ~running,
    }
    letters = np.concatenate(
        [[f"{chr(65 + i)}口" for i in range(int((built.owners == owner).sum()))] for owner in range(6)]
    )
    entrances = {
        "entrance_id": [f"ZD{o + 1:02d}-{n[0]}" for o, n in zip(built.owners, letters, strict=True)],
        "station_id": [f"ZD{o + 1:02d}" for o in built.owners],
        "name": letters,
    }
    return {
        "stations": gpd.GeoDataFrame(stations, geometry=built.points),
        "entrances": gpd.GeoDataFrame(entrances, geometry=built.entrances),
    }


def finish(frames: dict[str, pd.DataFrame], catalogue: Catalogue) -> dict[str, pd.DataFrame]:
    """Move the frames onto their ground and give them the canonical shape.

    Parameters
    ----------
    frames : dict of str to pandas.DataFrame
        Layers in town coordinates, without CRS.
    catalogue : Catalogue
        The layers' fields.

    Returns
    -------
    dict of str to pandas.DataFrame
        Layers in the order of the catalogue, in EPSG:4548, coordinates rounded to 1 mm, ``source`` filled.
    """
    finished = {}
    for name, layer in catalogue.layers.items():
        if name not in frames:
            continue
        frame = frames[name].assign(source=lineage.MADE_UP)
        if isinstance(frame, gpd.GeoDataFrame):
            shapes = shapely.transform(frame.geometry.array, lambda xy: np.round(xy + ORIGIN, 3))
            frame = gpd.GeoDataFrame(frame.drop(columns="geometry"), geometry=shapes, crs=CRS)
        finished[name] = rows.canonical(frame, layer)
    return finished


def repeat(frames: dict[str, pd.DataFrame], catalogue: Catalogue, scale: float) -> dict[str, pd.DataFrame]:
    """Repeat the town over a larger ground, with keys of their own, until it has `scale` times the buildings.

    Parameters
    ----------
    frames : dict of str to pandas.DataFrame
        Layers of one town, as `finish` returns them.
    catalogue : Catalogue
        Keys and references of the layers.
    scale : float
        How many times the buildings.

    Returns
    -------
    dict of str to pandas.DataFrame
        Layers of all towns; the last one is only partly built where `scale` is not whole.
    """
    towns = int(np.ceil(scale - 1e-9))
    columns = int(np.ceil(np.sqrt(towns)))
    wanted = round(scale * len(frames["buildings"]))
    return {
        name: _repeated(name, frame, catalogue, towns, columns).iloc[: wanted if name == "buildings" else None]
        for name, frame in frames.items()
    }


def _repeated(name: str, frame: pd.DataFrame, catalogue: Catalogue, towns: int, columns: int) -> pd.DataFrame:
    layer = catalogue.layers[name]
    linked = [layer.key, *(field.name for field in layer.fields if field.reference in catalogue.layers)]
    if name == "comments":
        linked.append("feature_id")
    whole = pd.concat([frame] * towns, ignore_index=True)
    number = np.repeat(np.arange(towns), len(frame))
    for column in dict.fromkeys(linked):
        whole[column] = _numbered(whole[column], number, name, column)
    if not isinstance(frame, gpd.GeoDataFrame):
        return whole
    shapes = np.concatenate([_moved(frame, town, columns) for town in range(towns)])
    return gpd.GeoDataFrame(whole.drop(columns="geometry"), geometry=shapes, crs=CRS)


def _numbered(keys: pd.Series, number: np.ndarray, name: str, column: str) -> pd.Series:
    # block codes carry the town in the digits before the dash, so that they keep their pattern
    suffix = pd.Series(number, index=keys.index)
    if column in ("block_id", "from_block", "to_block"):
        first = chr(65) + keys.str[1:2]
        letters = suffix.map(lambda n: chr(65 + n // 2_600) + chr(65 + n // 100 % 26)).where(suffix > 0, first)
        code = letters + suffix.map(lambda n: f"{n % 100:02d}") + keys.str[4:]
        return code.where(suffix > 0, keys).where(keys.notna())
    return (keys + "-" + suffix.astype(str)).where(suffix > 0, keys).where(keys.notna())


def _moved(frame: gpd.GeoDataFrame, town: int, columns: int) -> np.ndarray:
    shift = (town % columns * _STEP[0], town // columns * _STEP[1])
    shapes = frame.geometry.to_numpy()
    return shapes if town == 0 else np.asarray(shapely.transform(shapes, lambda xy: np.round(xy + shift, 3)))
