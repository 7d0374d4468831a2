"""Bounds: sums of figures that are not known of every thing: at least so much, with so many things lacking."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


def beside(least: pd.DataFrame, lacking: pd.DataFrame, columns: Iterable[str] | None = None) -> pd.DataFrame:
    """Put what sums are at least, and how many things lack a figure, beside the sums.

    Parameters
    ----------
    least
        Sums of what is known of figures that are never below 0; missing where not even that can be told.
    lacking
        How many things have no figure; same index and columns.
    columns
        Columns in which things may lack a figure; None takes all. The others stay as they are.

    Returns
    -------
    pandas.DataFrame
        Each column, followed by <column>_least and <column>_lacking (Int64). The column itself is missing wherever a
        figure lacks: nobody takes a part for the whole.
    """
    some = set(least.columns if columns is None else columns)
    result = {}
    for column in least.columns:
        known = (lacking[column] == 0).to_numpy(dtype=bool)
        result[column] = least[column].where(known)
        if column in some:
            result[f"{column}_least"] = least[column]
            result[f"{column}_lacking"] = lacking[column].astype("Int64")
    return pd.DataFrame(result, index=least.index)
