"""What an analysis asks of a frame before it counts anything."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gis.errors import FrameError


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


def require_own_keys(name: str, frame: pd.DataFrame, key: str) -> None:
    """Refuse a frame whose rows do not each have a key of their own.

    Parameters
    ----------
    name
        What the frame is called in the message.
    frame
        A frame with the column.
    key
        The column; of whatever type.

    Raises
    ------
    FrameError
        With the keys that are repeated, the first five in the message.
    """
    keys = frame[key]
    if keys.isna().any() or keys.duplicated().any():
        twice = sorted({str(each) for each in keys[keys.duplicated()].dropna()})
        shown = ", ".join(twice[:5]) or "missing"
        raise FrameError(f"{name}: {key} is missing or repeated ({shown})", layer=name, keys=twice)
