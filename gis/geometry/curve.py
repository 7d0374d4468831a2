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
    # column by column, so that no copy is larger than one
    corner = [np.fmin.reduce(column, initial=np.inf) for column in xy.T]
    span = max(np.fmax.reduce(column, initial=-np.inf) - first for column, first in zip(xy.T, corner, strict=True))
    x, y = (
        np.nan_to_num((column - first) * (_CURVE / max(span, 1.0)), copy=False).astype(np.uint16)
        for column, first in zip(xy.T, corner, strict=True)
    )
    return np.argsort(_spaced(x) | _spaced(y) << np.uint16(1), kind="stable")


def _spaced(number: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return numbers below 2**8 with a nought before each of their bits."""
    for shift, kept in ((4, 0x0F0F), (2, 0x3333), (1, 0x5555)):
        number = (number | number << np.uint16(shift)) & np.uint16(kept)
    return number
