"""People of the sample town: dwellings, households, residents and jobs of each building.

Households come from dwellings and residents from households; both are missing, never nought, where nobody counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis.sample.buildings import Buildings

HOUSEHOLDS = 54_000
RESIDENTS = 130_000
JOBS = 46_000
# m² of floor area a dwelling, share of dwellings that are occupied
_DWELLINGS = {
    "old_estate": (68.0, 0.93),
    "shanty": (50.0, 0.92),
    "courts": (58.0, 0.90),
    "village": (150.0, 0.84),
    "simple": (48.0, 0.84),
    "estate": (112.0, 0.82),
    "resettlement": (86.0, 0.87),
}
# m² of floor area a job
_JOBS = {
    "shops": 42.0, "retail": 48.0, "office": 38.0, "public": 82.0, "works": 88.0, "storage": 190.0, "utility": 150.0,
    "special": 130.0, "ancillary": 400.0,
}  # fmt: skip
_UNCOUNTED = 0.03


@dataclass(frozen=True)
class People:
    """Counts of each building; a missing count is NaN; frozen because plans are made on it.

    Parameters
    ----------
    dwellings, households, residents, jobs : numpy.ndarray of float
        Counts; households and residents are NaN where nobody counted.
    """

    dwellings: np.ndarray
    households: np.ndarray
    residents: np.ndarray
    jobs: np.ndarray


def settle(buildings: Buildings, rng: np.random.Generator) -> People:
    """Let people live and work in the buildings.

    Parameters
    ----------
    buildings : Buildings
        Buildings with their floor area.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    People
        About 62,000 dwellings, 54,000 households, 130,000 residents and 46,000 jobs.
    """
    size = len(buildings.shapes)
    dwellings, occupied, jobs = np.zeros(size), np.zeros(size), np.zeros(size)
    for kind, (floor, share) in _DWELLINGS.items():
        mask = buildings.kinds == kind
        dwellings[mask] = np.maximum(
            np.round(buildings.floor_m2[mask] / floor * rng.uniform(0.93, 1.07, mask.sum())), 1.0
        )
        occupied[mask] = dwellings[mask] * np.clip(share + rng.normal(0.0, 0.06, mask.sum()), 0.5, 1.0)
    for kind, floor in _JOBS.items():
        mask = buildings.kinds == kind
        jobs[mask] = buildings.floor_m2[mask] / floor * rng.uniform(0.6, 1.4, mask.sum())
    lived = dwellings > 0
    # self-built houses are those that nobody visited
    chance = np.where(np.isin(buildings.kinds, ["courts", "shanty", "village"]), _UNCOUNTED, 0.25 * _UNCOUNTED)
    uncounted = lived & (rng.random(size) < chance)
    counted = lived & ~uncounted
    households = np.where(lived, np.maximum(_round_to(occupied, HOUSEHOLDS, counted), 1.0), 0.0)
    households = np.minimum(households, dwellings)
    residents = _round_to(households * rng.uniform(2.1, 2.7, size), RESIDENTS, counted)
    residents = np.maximum(residents, households)
    households[uncounted] = residents[uncounted] = np.nan
    return People(dwellings, households, residents, _round_to(jobs, JOBS, jobs > 0.0))


def _round_to(values: np.ndarray, total: float, counted: np.ndarray) -> np.ndarray:
    # whole numbers whose sum is the total: what rounding drops is carried to the next building
    scaled = values * (total / values[counted].sum())
    running = np.where(counted, scaled, 0.0).cumsum()
    whole = np.diff(np.concatenate([[0.0], np.floor(running + 0.5)]))
    return np.asarray(np.where(counted, whole, np.round(scaled)))
