"""Keys of features as Arrow text: read from frames once, and looked up by position as often as a table needs them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray


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


def columns(keys: Sequence[pa.Array], positions: NDArray[np.integer]) -> list[pd.Series]:
    """Return the keys of several layers by position.

    Parameters
    ----------
    keys
        Text of each layer, of large strings.
    positions
        Which, a row a tuple and a column a layer; -1 for none.

    Returns
    -------
    list of pandas.Series
        As `named` does, one a layer.
    """
    # keys of a layer are most often of one length, and then all columns of that length end at the same places
    ends: dict[int, pa.Buffer] = {}
    found = []
    for each, column in zip(keys, positions.T, strict=True):
        missing = column < 0
        length = 0 if missing.any() else _length(each)
        if length == 0:
            wanted = pa.array(column, mask=missing) if missing.any() else pa.array(column)
            taken = each.take(wanted)
        else:
            if length not in ends:
                ends[length] = pa.py_buffer(np.arange(0, length * (len(column) + 1), length, dtype=np.int64))
            taken = _of_one_length(each, length, column, ends[length])
        found.append(pd.Series(pd.array(taken, dtype="str")))
    return found


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
