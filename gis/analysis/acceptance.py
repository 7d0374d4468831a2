"""What an analysis asks of a frame before it counts anything."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gis.errors import FrameError

# items named in a message
_SHOWN = 5


def require_columns(name: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a frame that lacks columns.

    Parameters
    ----------
    name
        What the frame is called in the message.
    frame
        Any frame.
    columns
        Columns that it must have.

    Raises
    ------
    FrameError
        With the columns that are missing and those that are there.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise FrameError(f"{name} lacks {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}", layer=name)


def require_keys(
    name: str, frame: pd.DataFrame, key: str, *, text: bool = True, complete: bool = True, unique: bool = True
) -> None:
    """Refuse a frame whose rows a column does not name.

    Parameters
    ----------
    name
        What the frame is called in the message.
    frame
        Any frame.
    key
        The column.
    text, complete, unique
        Whether keys that are no text, missing keys and repeated ones are refused.

    Raises
    ------
    FrameError
        With the rows that have no key, or the keys that are repeated; the first few are in the message.
    """
    require_columns(name, frame, [key])
    values = frame[key]
    missing = values.isna()
    if complete and missing.any():
        rows = frame.index[missing].tolist()
        raise FrameError(f"{name}: {len(rows)} rows have no {key} (index {listed(rows)}); give each a key", layer=name)
    # a column without values has no type to speak of
    named = text and not missing.all()
    if named and pd.api.types.infer_dtype(values.to_numpy(dtype=object), skipna=True) != "string":
        raise FrameError(f"{name}: {key} is {values.dtype}, but keys are text (leading zeros count)", layer=name)
    repeated = values.duplicated() & ~missing
    if unique and repeated.any():
        twice = sorted({str(each) for each in values[repeated]})
        raise FrameError(f"{name}: {key} repeats {listed(twice)}; keys are unique", layer=name, features=twice)


def listed(items: Sequence[object]) -> str:
    """Name the first few items and count the rest.

    Parameters
    ----------
    items
        What a message is about.

    Returns
    -------
    str
    """
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(map(str, items[:_SHOWN])) + more
