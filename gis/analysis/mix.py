"""Mix (混合度): how evenly land or floor area is spread over the classes of a list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def entropy(amounts: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Measure how evenly amounts are spread over k classes: 0 all in one, 1 all alike.

    Parameters
    ----------
    amounts
        Area or floor area in m², one row a place, one column a class; classes that are not shown count as 0.
    k
        Number of classes of the list, whether they occur or not.

    Returns
    -------
    numpy.ndarray
        One number from 0 to 1 a row; missing where there is nothing to spread, where an amount is missing, or k < 2.

    Notes
    -----
    Entropy with a fixed k, domain.md §8.2.

    Examples
    --------
    >>> entropy(np.array([[50.0, 50.0], [100.0, 0.0], [0.0, 0.0]]), 5).round(4).tolist()
    [0.4307, 0.0, nan]
    """
    total = amounts.sum(axis=1, keepdims=True)
    if k < 2:
        return np.full(len(amounts), np.nan)
    p = np.divide(amounts, total, out=np.full(amounts.shape, np.nan), where=total > 0)
    logs = np.log(p, out=np.zeros(p.shape), where=p > 0)
    # adding 0 turns -0 into 0
    return -(p * logs).sum(axis=1) / np.log(k) + 0.0
