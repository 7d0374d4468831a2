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
