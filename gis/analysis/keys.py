"""Keys of features as Arrow text: read from frames once, and looked up by position as often as a table needs them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gis.compiled import spread


def text(keys: pd.Series) -> pa.Array:
    """Return a key column as an Arrow array.

    Parameters
    ----------
    keys
        Text.

    Returns
    -------
    pyarrow.Array
        Of large strings.
    """
    return pa.array(keys.to_numpy(dtype=object), type=pa.large_string())


def named(keys: pa.Array, positions: NDArray[np.integer]) -> pd.Series:
    """Return keys by position.

    Parameters
    ----------
    keys
        Text, of large strings.
    positions
        Which; -1 for none.

    Returns
    -------
    pandas.Series
        Text, missing where the position is -1; RangeIndex.
    """
    return columns([keys], positions[:, None])[0]


def columns(
    keys: Sequence[pa.Array], positions: NDArray[np.integer], *, workers: int | None = 1
) -> list[pd.Series]:
    """Return the keys of several layers by position.

    Parameters
    ----------
    keys
        Text of each layer, of large strings.
    positions
        Which, a row a tuple and a column a layer; -1 for none.
    workers
        Number of threads, None for all processors.

    Returns
    -------
    list of pandas.Series
        As `named` does, one a layer.
    """
    # keys of a layer are most often of one length, and then all columns of that length end at the same places
    lengths = [_length(each) for each in keys]
    steps = np.arange(len(positions) + 1)
    ends = {length: pa.py_buffer(length * steps) for length in set(lengths) if length}

    def column(n: int) -> pd.Series:
        each, wanted = keys[n], positions[:, n]
        missing = wanted < 0
        if missing.any() or not lengths[n]:
            taken = each.take(pa.array(wanted, mask=missing))
        else:
            taken = _of_one_length(each, lengths[n], wanted, ends[lengths[n]])
        return pd.Series(pd.array(taken, dtype="str"))

    return spread(column, range(len(keys)), workers)


def _length(keys: pa.Array) -> int:
    """Return how many bytes each key has, 0 where they differ."""
    ends = _ends(keys)
    if len(ends) < 2 or keys.null_count:
        return 0
    length = int(ends[1] - ends[0])
    return length if (np.diff(ends) == length).all() else 0


def _of_one_length(keys: pa.Array, length: int, positions: NDArray[np.integer], ends: pa.Buffer) -> pa.Array:
    """Return keys by position where all have the same number of bytes."""
    first = _ends(keys)
    letters = np.frombuffer(keys.buffers()[2], dtype=np.uint8)[first[0] : first[-1]].view(f"V{length}")
    taken = pa.py_buffer(np.ascontiguousarray(letters[positions]))
    return pa.Array.from_buffers(pa.large_string(), len(positions), [None, ends, taken])


def _ends(keys: pa.Array) -> NDArray[np.int64]:
    """Return where the text of each key begins, and the end."""
    buffer = keys.buffers()[1]
    if buffer is None:
        return np.zeros(1, dtype=np.int64)
    return np.frombuffer(buffer, dtype=np.int64)[keys.offset : keys.offset + len(keys) + 1]
