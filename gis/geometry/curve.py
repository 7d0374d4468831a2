"""The order of places along a curve that fills the plane: near each other there, near each other in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# squares on a side of the curve: so few that their numbers are sorted by counting
_CURVE = 255.0


def along(xy: NDArray[np.float64]) -> NDArray[np.intp]:
    """Put places into the order of a curve that fills the plane.

    Parameters
    ----------
    xy
        x and y of each, m; one without a place (NaN) counts as the south-west corner.

    Returns
    -------
    numpy.ndarray
        Their positions in order.

    References
    ----------
    Morton, A computer oriented geodetic data base and a new technique in file sequencing, IBM 1966.
    """
    corner = np.fmin.reduce(xy, axis=0, initial=np.inf)
    span = np.fmax.reduce(xy, axis=0, initial=-np.inf) - corner
    square = np.nan_to_num((xy - corner) * (_CURVE / max(span.max(initial=0.0), 1.0))).astype(np.uint16)
    return np.argsort(_spaced(square[:, 0]) | _spaced(square[:, 1]) << np.uint16(1), kind="stable")


def _spaced(number: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return numbers below 2**8 with a nought before each of their bits."""
    for shift, kept in ((4, 0x0F0F), (2, 0x3333), (1, 0x5555)):
        number = (number | number << np.uint16(shift)) & np.uint16(kept)
    return number
