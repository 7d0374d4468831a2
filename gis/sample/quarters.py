"""The quarters of the sample town: what grew where, at which grain.

A quarter is a centre with a reach; a point belongs to the quarter whose reach covers it best. Quarters decide how
finely streets divide the ground, how large parcels are, and which uses and kinds of housing are likely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quarter:
    """One quarter of the town; frozen because it is a decision, not a state.

    Parameters
    ----------
    name : str
        Character of the quarter.
    x, y, reach : float
        Centre and reach in town coordinates, m.
    street_block_ha, parcel_ha : float
        Usual size of a street block and of a parcel, ha.
    """

    name: str
    x: float
    y: float
    reach: float
    street_block_ha: float
    parcel_ha: float


QUARTERS = (
    Quarter("old_town", 2_620, 4_060, 520, 8.5, 0.8),
    Quarter("old_town", 2_050, 3_620, 360, 9.0, 0.8),
    Quarter("works", 2_780, 4_900, 330, 16.0, 8.0),
    Quarter("estates", 2_350, 4_750, 330, 10.0, 0.85),
    Quarter("gorge", 2_620, 5_400, 330, 13.0, 3.2),
    Quarter("estates", 2_600, 3_250, 420, 11.0, 0.85),
    Quarter("centre", 2_300, 2_420, 420, 9.5, 0.62),
    Quarter("estates", 1_500, 2_750, 430, 11.0, 0.85),
    Quarter("hillside", 700, 1_990, 330, 13.0, 6.0),
    Quarter("hillside", 1_150, 3_420, 380, 13.0, 6.0),
    Quarter("new_town", 1_050, 1_150, 520, 14.0, 2.7),
    Quarter("new_town", 2_150, 520, 520, 14.0, 2.7),
    Quarter("new_town", 850, 450, 420, 14.0, 2.7),
    Quarter("works", 2_900, 1_750, 480, 19.0, 8.0),
    Quarter("works", 3_000, 700, 420, 18.0, 8.0),
    Quarter("centre", 1_700, 1_550, 330, 11.0, 0.62),
    Quarter("east_bank", 3_750, 2_750, 560, 16.0, 6.0),
)


def locate(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Find the quarter of each point.

    Parameters
    ----------
    x, y : numpy.ndarray
        Town coordinates, m.

    Returns
    -------
    numpy.ndarray
        Positions in :data:`QUARTERS`.
    """
    centres = np.array([(q.x, q.y, q.reach) for q in QUARTERS])
    reach = np.hypot(np.subtract.outer(np.asarray(x), centres[:, 0]), np.subtract.outer(np.asarray(y), centres[:, 1]))
    return np.argmin(reach / centres[:, 2], axis=-1)
