"""A fictional town, as a planner would know one: for demonstrations, tests and benchmarks.

Nothing in it exists. Every row says so in its ``source``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from gis import catalogue as catalogues
from gis.catalogue import Catalogue
from gis.errors import UsageError
from gis.sample import amenities, consultation, frames, register
from gis.sample.amenities import Town
from gis.sample.buildings import put_up
from gis.sample.land_use import allot
from gis.sample.parcels import subdivide
from gis.sample.people import settle
from gis.sample.rail import build
from gis.sample.renewal import Renewal, plan
from gis.sample.streets import lay_out
from gis.sample.terrain import survey
from gis.sample.territories import Territories, draw

__all__ = ["town"]


def town(*, seed: int = 2035, scale: float = 1.0, catalogue: Catalogue | None = None) -> dict[str, pd.DataFrame]:
    """Build the fictional town of Songlan with all base layers.

    Parameters
    ----------
    seed
        Seed of chance. Terrain, main roads and rail are the same for every seed; the rest grows differently.
    scale
        How many times the 7,000 buildings: above 1 the town is repeated over a larger ground, up to a million
        buildings and more.
    catalogue
        The layers' fields; None reads the catalogue of the checkout or the wheel.

    Returns
    -------
    dict of str to geopandas.GeoDataFrame or pandas.DataFrame
        One frame a base layer, catchments excepted (an analysis makes them), in the canonical shape: the layer's
        fields, RangeIndex, EPSG:4548, coordinates to 1 mm. The same seed and scale give the same frames.

    Raises
    ------
    UsageError
        `scale` is below 1 or above 200.

    Notes
    -----
    The numbers are those of practice.md, "A town that looks right to a planner"; they hold within 10 % for the default
    seed and roughly for others. Parcels tile the street blocks with shared vertices; streets run along the borders of
    street blocks. Planted defects: three or four pairs of projects overlap, two projects lie in no unit, one of these
    in no block, one has several parts.
    """
    if not 1.0 <= scale <= 200.0:
        raise UsageError(
            f"scale is {scale}; it must lie between 1 and 200 (200 is about 1.4 million buildings)", scale=scale
        )
    known = catalogue or catalogues.read()
    chance = [np.random.default_rng([seed, step]) for step in range(8)]
    built = _build(chance)
    drawn = draw(built.streets, built.terrain)
    renewal = plan(built.parcels, built.uses, built.buildings, built.people, built.streets, drawn, chance[5])
    finished = frames.finish(_write(built, drawn, renewal, chance), known)
    return finished if scale == 1.0 else frames.repeat(finished, known, scale)


def _build(chance: list[np.random.Generator]) -> Town:
    terrain = survey()
    streets = lay_out(terrain, chance[0])
    parcels = subdivide(streets, chance[1])
    stations = build(streets)
    uses = allot(parcels, streets, stations, terrain, chance[2])
    buildings = put_up(parcels, uses, streets, chance[3])
    return Town(terrain, streets, parcels, stations, buildings, settle(buildings, chance[4]), uses)


def _write(
    built: Town, drawn: Territories, renewal: Renewal, chance: list[np.random.Generator]
) -> dict[str, pd.DataFrame]:
    titles = register.estates(built, chance[6])
    projects = register.projects(built, drawn, renewal, titles, chance[6])
    spaces = amenities.public_spaces(built, chance[6])
    cleared = [p.shape for p in renewal.projects if p.kind in ("shanty", "dangerous_building")]
    demolished = shapely.contains_properly(shapely.union_all(cleared), shapely.centroid(built.buildings.shapes))
    return {
        **frames.territories(built, drawn),
        **frames.rail(built),
        "streets": frames.streets(built, chance[6]),
        "parcels": register.parcels(built, drawn, chance[6]),
        "buildings": register.buildings(built, titles, demolished, chance[6]),
        "units": register.units(built, renewal, chance[6]),
        "projects": projects,
        "public_spaces": spaces,
        "facilities": amenities.facilities(built, spaces, chance[6]),
        "walkways": amenities.walkways(built),
        "barriers": amenities.barriers(built),
        "waters": amenities.waters(built, spaces),
        "greenways": amenities.greenways(built),
        "constraints": amenities.constraints(built),
        "vacated_spaces": amenities.vacated_spaces(built),
        "comments": consultation.comments(projects, chance[7]),
        "votes": consultation.votes(projects, chance[7]),
        "transfers": consultation.transfers(register.block_ids(len(drawn.blocks))),
    }
